//! A target: one report of one operation over one window.

use std::fmt;
use std::sync::Arc;

use crate::time::WindowName;

/// What is polled, served and judged as one: a report of an operation over a window.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    pub operation: Arc<str>,
    pub report: Arc<str>,
    pub window: WindowName,
}

impl Target {
    /// Report and window, for records of the operation: `agent_kpi.today`.
    pub fn key(&self) -> String {
        format!("{}.{}", self.report, self.window)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.operation, self.report, self.window)
    }
}
