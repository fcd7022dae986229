//! The config: what the operator asked for, checked once and then beyond doubt.
//!
//! `crate::yaml` reads a file into the shapes of `file.rs`; `check.rs` and `operation.rs` turn those into the types here, or say
//! all that is wrong, where, and what to do about it.

mod check;
mod file;
mod operation;
mod named_files;
#[cfg(test)]
mod schema;
mod shard;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use url::Url;

use crate::catalog::{Agents, Catalog, NameKey, Privacy, Report};
use crate::memory::default_total;
use crate::series::LABEL_BYTES;
use crate::time::WindowName;
use crate::wolkvox::Token;
use crate::yaml::{ConfigError, ConfigErrors};

pub use shard::Shard;

/// The vendor's own advice: one consumption every five minutes.
pub const VENDOR_INTERVAL: Duration = Duration::from_mins(5);

/// A checked configuration.
#[derive(Debug)]
pub struct Config {
    /// Where it stands; `None` where it is built in.
    pub file: Option<PathBuf>,
    /// The built-in reports and the operator's own.
    pub catalog: Arc<Catalog>,
    pub operations: Vec<Operation>,
    pub limits: Limits,
    pub privacy: Privacy,
    /// Files with a token or a key that everybody on this machine can read.
    pub exposed: Vec<PathBuf>,
}

/// The config that is polled, and how the last try to replace it went.
#[derive(Clone, Debug)]
pub struct InForce {
    pub config: Arc<Config>,
    pub loaded_at: Timestamp,
    /// Of the last reload, where it failed.
    pub refusal: Option<Refusal>,
}

/// Why a config was not taken.
#[derive(Clone, Debug)]
pub struct Refusal {
    pub at: Timestamp,
    pub reason: String,
}

/// One contact-centre operation of the vendor's.
#[derive(Debug)]
pub struct Operation {
    /// The `operation` label; unique.
    pub name: Arc<str>,
    /// Everything before `/api/v2/`.
    pub base_url: Url,
    pub token: Token,
    /// Whose midnight starts the operation's day.
    pub zone: TimeZone,
    /// Daily budget is this times 1,000 requests; `None`: the vendor is asked.
    pub licenses: Option<u32>,
    /// Operations of one pool share a budget and are asked one at a time, as if they shared a token.
    pub pool: Option<String>,
    pub reports: Vec<ReportPlan>,
    /// For one whole request.
    pub timeout: Duration,
}

/// One report as an operation wants it polled.
#[derive(Clone, Debug)]
pub struct ReportPlan {
    pub report: Arc<Report>,
    pub interval: Duration,
    pub windows: Vec<WindowName>,
    /// Age at which series of a window that is not closed stop being served.
    pub stale_after: Duration,
}

/// A week and a month are asked no more often than this.
const LONG_WINDOW_INTERVAL: Duration = Duration::from_hours(1);
/// Intervals after which series are too old, where nothing else is said: two polls may fail.
pub const STALE_INTERVALS: u32 = 3;

impl ReportPlan {
    pub fn interval_of(&self, window: WindowName) -> Duration {
        if window.is_long() { self.interval.max(LONG_WINDOW_INTERVAL) } else { self.interval }
    }

    pub fn stale_after_of(&self, window: WindowName) -> Duration {
        if window.is_long() {
            self.stale_after.max(self.interval_of(window) * STALE_INTERVALS)
        } else {
            self.stale_after
        }
    }
}

/// What one report may cost this machine.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Series of one report and window over which the rest is dropped and counted.
    pub series_per_report: usize,
    /// Largest answer that is read, after decompression.
    pub response_bytes: usize,
    /// Rows at which an answer counts as cut off by the vendor.
    pub rows_per_answer: u64,
    /// Of all answers in flight and of what is served, in bytes.
    pub memory: usize,
    /// Longest value of a label; a longer one stands shortened.
    pub label_bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            // A centre of 10,000 agents with 20 states each.
            series_per_report: 200_000,
            // The vendor's own limits for one answer.
            response_bytes: 256_000_000,
            rows_per_answer: 60_000,
            memory: default_total(),
            label_bytes: LABEL_BYTES,
        }
    }
}

impl Config {
    /// Reads and checks a file, and those it names.
    pub fn load(path: &Path, catalog: &Catalog) -> Result<Config, ConfigErrors> {
        let text = crate::files::read_text(path)
            .map_err(|error| ConfigError::of_file(path, format!("the config cannot be read: {error}")))?;
        Config::parse(&text, path, catalog)
    }

    /// The config with only the operations of one shard.
    #[must_use]
    pub fn share_of(mut self, shard: Option<Shard>) -> Config {
        self.operations.retain(|operation| shard.is_none_or(|shard| shard.owns(&operation.name)));
        self
    }

    /// The config with the exporter's `own` key for names, where it names no file with one.
    pub fn keyed<E>(mut self, own: impl FnOnce() -> Result<NameKey, E>) -> Result<Config, E> {
        if let Agents::Hashed(key) = &mut self.privacy.agents
            && !key.is_given()
        {
            *key = own()?;
        }
        Ok(self)
    }

    /// Reads and checks a text; relative files are looked up beside `path`.
    pub fn parse(text: &str, path: &Path, catalog: &Catalog) -> Result<Config, ConfigErrors> {
        check::check(text, path, catalog)
    }
}
