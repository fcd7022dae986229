//! By how much intervals are longer where requests do not last: what is slow to matter gives way first.

use std::time::Duration;

use crate::catalog::Report;
use crate::time::WindowName;

/// How soon it matters that something is asked, from what can wait longest to what cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// What changes in days, as rosters and licences do.
    Settings,
    /// A week or a month.
    LongWindows,
    /// Yesterday, asked a few times at set hours.
    ClosedDays,
    Today,
    Now,
}

/// From here on a report of what is now is one of settings.
const SETTINGS_INTERVAL: Duration = Duration::from_hours(1);

/// Of a request: below that, a sum of doubles says nothing.
const ROUNDING: f64 = 1e-6;

/// Each with how many times its interval it may wait before the next one gives way.
const IN_ORDER: [(Priority, f64); 5] = [
    (Priority::Settings, 4.0),
    (Priority::LongWindows, 8.0),
    (Priority::ClosedDays, 5.0),
    (Priority::Today, 2.0),
    (Priority::Now, 2.0),
];

impl Priority {
    pub fn of(report: &Report, window: WindowName) -> Priority {
        match window {
            WindowName::Today => Priority::Today,
            WindowName::Yesterday => Priority::ClosedDays,
            WindowName::Week | WindowName::Month => Priority::LongWindows,
            WindowName::Now if report.interval.is_some_and(|interval| interval >= SETTINGS_INTERVAL) => {
                Priority::Settings
            }
            WindowName::Now => Priority::Now,
        }
    }
}

/// Requests that each priority would take at full pace.
#[derive(Clone, Copy, Debug, Default)]
pub struct Demand([f64; 5]);

impl Demand {
    pub fn add(&mut self, priority: Priority, requests: f64) {
        self.0[priority as usize] += requests;
    }

    pub fn total(&self) -> f64 {
        self.0.iter().sum()
    }
}

/// Times by which each priority's intervals are longer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slowdown([f64; 5]);

impl Slowdown {
    /// The slowdown with which the demand takes no more than the requests that are `left`; `None` where none are left.
    pub fn of(demand: &Demand, left: u64) -> Option<Slowdown> {
        if left == 0 {
            return None;
        }
        let left = left as f64;
        let mut slowdown = Slowdown([1.0; 5]);
        for (priority, most) in IN_ORDER {
            let excess = slowdown.requests(demand) - left;
            if excess <= ROUNDING {
                return Some(slowdown);
            }
            let own = demand.0[priority as usize];
            // Where even all of its requests are not enough to save, it waits as long as it may.
            let factor = if own > excess { own / (own - excess) } else { most };
            slowdown.0[priority as usize] = factor.clamp(1.0, most);
        }
        // After that all wait alike.
        let more = (slowdown.requests(demand) / left).max(1.0);
        Some(Slowdown(slowdown.0.map(|factor| factor * more)))
    }

    fn requests(&self, demand: &Demand) -> f64 {
        demand.0.iter().zip(self.0).map(|(requests, factor)| requests / factor).sum()
    }

    pub fn factor(&self, priority: Priority) -> f64 {
        self.0[priority as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn demand(requests: [f64; 5]) -> Demand {
        Demand(requests)
    }

    #[test]
    fn what_is_slow_to_matter_gives_way_first_and_what_is_now_last() {
        let day = demand([4.0, 48.0, 30.0, 800.0, 576.0]);
        let slowed = |left| Slowdown::of(&day, left).unwrap().0.map(|factor| format!("{factor:.1}")).join(" ");
        assert_eq!(slowed(1_458), "1.0 1.0 1.0 1.0 1.0");
        assert_eq!(slowed(1_456), "2.0 1.0 1.0 1.0 1.0");
        assert_eq!(slowed(1_431), "4.0 2.0 1.0 1.0 1.0");
        assert_eq!(slowed(1_398), "4.0 8.0 2.0 1.0 1.0");
        assert_eq!(slowed(1_100), "4.0 8.0 5.0 1.6 1.0");
        assert_eq!(slowed(700), "4.0 8.0 5.0 2.0 2.0");
        assert_eq!(slowed(350), "8.0 16.0 10.0 4.0 4.0");
        assert_eq!(Slowdown::of(&day, 0), None);
    }

    proptest! {
        #[test]
        fn never_overspend_what_is_stretched_takes_no_more_than_what_is_left(
            requests in proptest::array::uniform5(0.0_f64..5_000.0),
            left in 1_u64..10_000,
        ) {
            let demand = demand(requests);
            let slowdown = Slowdown::of(&demand, left).unwrap();
            prop_assert!(slowdown.requests(&demand) <= left as f64 + 1e-6);
            prop_assert!(slowdown.0.iter().all(|factor| *factor >= 1.0));
            // Nobody waits longer than it takes, unless all do.
            if demand.total() <= left as f64 {
                prop_assert_eq!(slowdown, Slowdown([1.0; 5]));
            }
            // What matters sooner is slowed down only where what matters later is slowed down as far as it may be.
            for (later, sooner) in IN_ORDER.iter().zip(&IN_ORDER[1..]) {
                if slowdown.factor(sooner.0) > 1.0 + 1e-9 && demand.0[later.0 as usize] > 0.0 {
                    prop_assert!(slowdown.factor(later.0) >= later.1 - 1e-9);
                }
            }
        }
    }
}
