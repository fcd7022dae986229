//! How the vendor writes times and shares.

use jiff::Timestamp;

use super::Question;

/// What stands where there is nothing to say.
pub(super) const NOTHING: &str = "-";

/// `HH:MM:SS`, with as many digits of hours as it takes.
pub(super) fn clock(seconds: u64) -> String {
    format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// Comma thousands, as in the vendor's `15,233.33 %`.
pub(super) fn percent(value: u64) -> String {
    format!("{} %", thousands(value))
}

/// A part of a whole to a hundredth of a percent, rounded half up: `34.64 %`, but `35 %`. Nothing of nothing is `0 %`.
pub(super) fn share(part: u64, whole: u64) -> String {
    let hundredths = (part * 10_000 + whole / 2).checked_div(whole).unwrap_or(0);
    match hundredths % 100 {
        0 => percent(hundredths / 100),
        rest => format!("{}.{rest:02} %", thousands(hundredths / 100)),
    }
}

fn thousands(value: u64) -> String {
    match (value / 1_000, value % 1_000) {
        (0, rest) => rest.to_string(),
        (thousands, rest) => format!("{thousands},{rest:03}"),
    }
}

/// An average to a hundredth, rounded half up; 0 of none.
pub(super) fn average(total: u64, count: u64) -> String {
    let hundredths = (total * 100 + count / 2).checked_div(count).unwrap_or(0);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

/// An average in whole seconds, rounded half up; 0 of none.
pub(super) fn whole_average(total: u64, count: u64) -> u64 {
    (total + count / 2).checked_div(count).unwrap_or(0)
}

impl Question<'_> {
    /// What a clock in the operation shows.
    pub(super) fn wall_clock(&self, at: Timestamp) -> String {
        self.operation.zone.to_datetime(at).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }
}
