//! What the polls of one budget cost a day, compared with what there is.

use std::time::Duration;

use super::backoff::YESTERDAY_TURNS;
use super::budget::slowdown;
use super::poll::Job;
use super::token_info::ASK_INTERVAL;
use crate::store::Forecast;
use crate::time::{WindowName, whole_seconds};

pub const DAY: Duration = Duration::from_hours(24);

/// The polls of one budget at full pace.
#[derive(Debug, Default)]
pub struct Cost {
    /// Of each report of the current day: its interval, and requests per poll.
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
                WindowName::Today => cost.today.push((job.interval(), job.requests_per_poll())),
                WindowName::Yesterday => cost.yesterday += 1,
            }
        }
        cost
    }

    /// What the polls of the current day cost.
    pub fn requests_per_second(&self) -> f64 {
        self.today.iter().map(|(interval, requests)| f64::from(*requests) / interval.as_secs_f64()).sum()
    }

    /// Requests a day that are kept for closed days and for asking the vendor.
    fn reserved(&self) -> u64 {
        (self.yesterday * YESTERDAY_TURNS.len()) as u64 + self.asking()
    }

    /// Requests a day for asking the vendor.
    pub fn asking(&self) -> u64 {
        if self.asks { DAY.as_secs() / ASK_INTERVAL.as_secs() } else { 0 }
    }

    /// By how much the intervals of a whole day are longer; `None`: nothing is left for the current day.
    pub fn slowdown(&self, limit: u64) -> Option<f64> {
        slowdown(limit.saturating_sub(self.reserved()), DAY, self.requests_per_second())
    }

    /// What a whole day costs.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of a day's requests")]
    pub fn forecast(&self, limit: u64) -> Forecast {
        let fastest = self.today.iter().map(|(interval, _)| *interval).min().unwrap_or(DAY);
        Forecast {
            reports: self.today.len(),
            fastest,
            requests: (self.requests_per_second() * DAY.as_secs_f64()).round() as u64 + self.reserved(),
            limit,
            pace: self.slowdown(limit).map(|slowdown| whole_seconds(fastest.mul_f64(slowdown))),
        }
    }
}
