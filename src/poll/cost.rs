//! What the polls of one budget cost a day, compared with what there is.

use std::time::Duration;

use super::backoff::YESTERDAY_TURNS;
use super::budget::stretch;
use super::poll::Job;
use super::token_info::ASK_INTERVAL;
use crate::time::WindowName;

pub const DAY: Duration = Duration::from_hours(24);

/// The polls of one budget at full pace.
#[derive(Debug, Default)]
pub struct Cost {
    /// Of each report of the current day: its interval, and calls per poll.
    today: Vec<(Duration, u32)>,
    /// Closed days that are polled.
    yesterday: usize,
    asks: bool,
}

impl Cost {
    /// `asks`: whether the vendor is asked for the budget.
    pub fn of<'j>(jobs: impl IntoIterator<Item = &'j Job>, asks: bool) -> Cost {
        let mut cost = Cost { asks, ..Cost::default() };
        for job in jobs {
            match job.target().window {
                WindowName::Today => cost.today.push((job.interval(), job.calls_per_poll())),
                WindowName::Yesterday => cost.yesterday += 1,
            }
        }
        cost
    }

    /// What the polls of the current day cost.
    pub fn calls_per_second(&self) -> f64 {
        self.today.iter().map(|(interval, calls)| f64::from(*calls) / interval.as_secs_f64()).sum()
    }

    /// Calls a day that are kept for closed days and for asking the vendor.
    fn reserved(&self) -> u64 {
        (self.yesterday * YESTERDAY_TURNS.len()) as u64 + self.asking()
    }

    /// Calls a day for asking the vendor.
    pub fn asking(&self) -> u64 {
        if self.asks { DAY.as_secs() / ASK_INTERVAL.as_secs() } else { 0 }
    }

    /// By how much the intervals of a whole day stretch; `None`: nothing is left for the current day.
    pub fn stretch(&self, limit: u64) -> Option<f64> {
        stretch(limit.saturating_sub(self.reserved()), DAY, self.calls_per_second())
    }

    /// The same in a sentence.
    pub fn told(&self, limit: u64) -> String {
        let calls = (self.calls_per_second() * DAY.as_secs_f64()).round() + self.reserved() as f64;
        let fastest = self.today.iter().map(|(interval, _)| *interval).min().unwrap_or(DAY);
        let cost = format!(
            "{} reports, the fastest every {} = {calls} API requests a day of {limit}",
            self.today.len(),
            humantime::format_duration(fastest)
        );
        match self.stretch(limit) {
            Some(factor) if factor > 1.0 => {
                let pace = Duration::from_secs(fastest.mul_f64(factor).as_secs());
                format!("{cost}: pacing at {}", humantime::format_duration(pace))
            }
            Some(_) => cost,
            None => format!("{cost}: too few for any poll of today"),
        }
    }
}
