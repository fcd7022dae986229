//! How a target's polls go, what its budget is, and what its polls are expected to cost.

use std::time::Duration;

use jiff::Timestamp;

use crate::time::Target;
use crate::wolkvox::{Failure, Reason};

/// How a target's polls go. What `wolkvox_report_*` and the status page say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Health {
    /// The pace in force.
    pub interval: Duration,
    pub last_attempt: Option<Timestamp>,
    pub last_success: Option<Timestamp>,
    pub consecutive_failures: u64,
    /// Of the last poll, where it failed.
    pub failure: Option<Failure>,
    /// Rows and series of the last good poll.
    pub rows: u64,
    pub series: u64,
    pub dropped: u64,
    /// Field and how many of its values could not be read, in the last good poll.
    pub rejected: Vec<(String, u64)>,
    pub next_poll: Option<Timestamp>,
}

impl Health {
    /// Whether the last poll worked.
    pub fn is_up(&self) -> bool {
        self.last_success.is_some() && self.consecutive_failures == 0
    }

    /// Whether the answer was too large, in records or bytes, and asking in parts did not help.
    pub fn is_truncated(&self) -> bool {
        self.failure.as_ref().is_some_and(|failure| matches!(failure.reason, Reason::TooLarge | Reason::RecordLimit))
    }
}

/// A target as it stands at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    pub target: Target,
    pub health: Health,
    /// Whether series were dropped for their age.
    pub stale: bool,
    /// Time since the last good poll; setting a clock does not change it.
    pub age: Option<Duration>,
    /// What the served series cover; `None` where none are served.
    pub window: Option<(Timestamp, Timestamp)>,
}

/// API requests of an operation's current day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BudgetStatus {
    pub limit: u64,
    pub used: u64,
    /// When the count starts again.
    pub resets_at: Timestamp,
}

impl BudgetStatus {
    /// API requests that may still be sent before the count starts again.
    pub fn left(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }
}

/// What the polls of one budget are expected to cost in a whole day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    /// Reports of the current day that are polled.
    pub reports: usize,
    /// The shortest of their intervals.
    pub fastest: Duration,
    /// API requests a day at full pace, those for closed days and for asking the vendor among them.
    pub requests: u64,
    /// API requests that there are in a day.
    pub limit: u64,
    /// The pace of the fastest report; `None` where nothing is left for the current day.
    pub pace: Option<Duration>,
}
