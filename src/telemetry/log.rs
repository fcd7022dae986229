//! Log lines that nobody read, and what of a panic is told.
//!
//! A process has one standard error, and its lines are written from the start: so they are counted for the process.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use tracing::{error, warn};

static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Lines are lost: too many wait for standard error, or it is closed. The log itself tells later.
pub fn lines_dropped(lines: u64) {
    DROPPED.fetch_add(lines, Ordering::Relaxed);
}

/// How many were lost since the start.
pub fn dropped_lines() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

/// Standard error is read again.
pub fn tell_dropped(lines: u64) {
    warn!(lines, hint = "whoever reads the log was too slow or away", "log lines dropped");
}

/// The code has a mistake.
pub fn panicked(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(tracing::field::display);
    let what = panic.payload_as_str();
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| tracing::field::display(backtrace));
    error!(place, what, backtrace, "panicked");
}

/// Reads the count at each scrape.
#[derive(Debug)]
pub(super) struct LogCollector;

impl collector::Collector for LogCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let dropped = ConstCounter::new(dropped_lines());
        let metric = encoder.encode_descriptor(
            "wolkvox_exporter_log_lines_dropped",
            "Log lines lost because nobody read standard error",
            None,
            dropped.metric_type(),
        )?;
        dropped.encode(metric)
    }
}
