//! How a target's polls go, what its budget is, and what its polls are expected to cost.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use super::Findings;
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
    pub findings: Findings,
    /// When the content of a good poll was last another than before.
    pub last_change: Option<Timestamp>,
    /// Time between the last changes, the latest at the end.
    pub(super) change_gaps: VecDeque<Duration>,
    pub next_poll: Option<Timestamp>,
}

/// Gaps between changes that are kept: of a vendor that rebuilds every ten minutes, those of two hours.
const MOST_GAPS: usize = 12;
/// Gaps below which nobody can say how often something changes.
const LEAST_GAPS: usize = 3;

impl Health {
    /// Notes when the content that is there now came.
    pub(super) fn note_change(&mut self, at: Timestamp) {
        let before = self.last_change.replace(at);
        let gap = before.map(|before| at.duration_since(before)).and_then(|gap| Duration::try_from(gap).ok());
        // Where the content is the same as before, or a clock was set back, there is no gap.
        if let Some(gap) = gap.filter(|gap| !gap.is_zero()) {
            self.change_gaps.push_back(gap);
        }
        if self.change_gaps.len() > MOST_GAPS {
            self.change_gaps.pop_front();
        }
    }

    /// How often the content changes: the middle one of the last gaps. `None` until there were a few.
    pub fn changes_every(&self) -> Option<Duration> {
        let mut gaps: Vec<Duration> = self.change_gaps.iter().copied().collect();
        gaps.sort_unstable();
        (gaps.len() >= LEAST_GAPS).then(|| gaps[(gaps.len() - 1) / 2])
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_that_was_too_large_is_told_as_cut_short() {
        for (reason, truncated) in [(Reason::TooLarge, true), (Reason::RecordLimit, true), (Reason::Timeout, false)] {
            let failure = Some(Failure::new(reason, "it failed"));
            assert_eq!(Health { failure, ..Health::default() }.is_truncated(), truncated, "{reason:?}");
        }
        assert!(!Health::default().is_truncated());
    }

    #[test]
    fn never_lie_up_means_that_the_last_poll_worked() {
        let polled = Some(Timestamp::UNIX_EPOCH);
        for (last_success, consecutive_failures, up) in [(None, 0, false), (polled, 0, true), (polled, 1, false)] {
            let health = Health { last_success, consecutive_failures, ..Health::default() };
            assert_eq!(health.is_up(), up, "{health:?}");
        }
    }

    /// How a report goes whose content changed after so many minutes each time.
    fn changed_after(gaps: impl IntoIterator<Item = u64>) -> Health {
        let (mut health, mut at) = (Health::default(), Timestamp::UNIX_EPOCH);
        health.note_change(at);
        for gap in gaps {
            at += Duration::from_mins(gap);
            health.note_change(at);
        }
        health
    }

    #[test]
    fn content_changes_as_often_as_the_middle_one_of_the_last_gaps_says() {
        let every = |gaps: &[u64]| changed_after(gaps.iter().copied()).changes_every();
        let minutes = |count| Some(Duration::from_mins(count));
        assert_eq!(every(&[20, 10]), None, "two are too few to tell");
        assert_eq!(every(&[60, 10, 20]), minutes(20));
        assert_eq!(every(&[60, 30, 10, 20]), minutes(20), "of two in the middle the shorter");
    }

    #[test]
    fn gaps_of_long_ago_do_not_say_how_often_content_changes() {
        let health = changed_after(1..=14);
        let kept: Vec<Duration> = health.change_gaps.iter().copied().collect();
        assert_eq!(kept, (3..=14).map(Duration::from_mins).collect::<Vec<_>>());
    }
}
