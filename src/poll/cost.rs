//! What the polls of one budget cost a day, compared with what there is.

use std::time::Duration;

use super::backoff::YESTERDAY_TURNS;
use super::poll::Job;
use super::slowdown::{Demand, Priority, Slowdown};
use super::token_info::ASK_INTERVAL;
use crate::store::Forecast;
use crate::time::whole_seconds;

pub const DAY: Duration = Duration::from_hours(24);

/// The polls of one budget at full pace.
#[derive(Debug, Default)]
pub struct Cost {
    /// Of each report that is asked at an interval: how soon it matters, that interval, and requests per poll.
    regular: Vec<(Priority, Duration, u32)>,
    /// Closed days that are polled.
    closed: usize,
    asks: bool,
}

impl Cost {
    /// `asks`: whether the vendor is asked for the budget.
    pub fn of<'j>(jobs: impl IntoIterator<Item = &'j Job>, asks: bool) -> Cost {
        let mut cost = Cost { asks, ..Cost::default() };
        for job in jobs {
            match job.priority() {
                Priority::ClosedDays => cost.closed += 1,
                priority => cost.regular.push((priority, job.interval(), job.requests_per_poll())),
            }
        }
        cost
    }

    /// What the polls take in a time, closed days apart.
    pub fn regular(&self, time: Duration) -> Demand {
        let mut demand = Demand::default();
        for (priority, interval, requests) in &self.regular {
            demand.add(*priority, f64::from(*requests) * time.div_duration_f64(*interval));
        }
        demand
    }

    /// Requests a day for asking the vendor.
    pub fn asking(&self) -> u64 {
        if self.asks { DAY.as_secs() / ASK_INTERVAL.as_secs() } else { 0 }
    }

    fn whole_day(&self) -> Demand {
        let mut demand = self.regular(DAY);
        demand.add(Priority::ClosedDays, (self.closed * YESTERDAY_TURNS.len()) as f64);
        demand
    }

    /// By how much the intervals of a whole day are longer; `None`: nothing is left for polls.
    pub fn slowdown(&self, limit: u64) -> Option<Slowdown> {
        Slowdown::of(&self.whole_day(), limit.saturating_sub(self.asking()))
    }

    /// What a whole day costs.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of a day's requests")]
    pub fn forecast(&self, limit: u64) -> Forecast {
        let intervals = || self.regular.iter().map(|(priority, interval, _)| (*priority, *interval));
        let slowdown = self.slowdown(limit);
        let pace = slowdown.map(|slowdown| {
            let slowed = intervals().map(|(priority, interval)| interval.mul_f64(slowdown.factor(priority)));
            whole_seconds(slowed.min().unwrap_or(DAY))
        });
        Forecast {
            // A week and a month are of reports that are counted by their day.
            reports: self.regular.iter().filter(|(priority, ..)| *priority != Priority::LongWindows).count(),
            fastest: intervals().map(|(_, interval)| interval).min().unwrap_or(DAY),
            requests: self.whole_day().total().round() as u64 + self.asking(),
            limit,
            pace,
        }
    }
}
