//! The wall clock and the steady clock.
//!
//! The wall clock says which day it is, and can be set. The steady clock says how long ago something was, cannot
//! be set, and counts the time a machine sleeps. Windows follow the first, intervals and ages the second.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustix::time::{ClockId, clock_gettime};

/// One moment on both clocks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    pub wall: Timestamp,
    /// Since an unspecified start, the same for the life of the process.
    pub steady: Duration,
}

impl Moment {
    /// How long ago `then` was.
    pub fn since(self, then: Moment) -> Duration {
        self.steady.saturating_sub(then.steady)
    }

    /// By how much the wall clock was set since `before`: forward is positive.
    pub fn set_since(self, before: Moment) -> SignedDuration {
        let wall = self.wall.duration_since(before.wall);
        wall.saturating_sub(signed(self.steady)).saturating_add(signed(before.steady))
    }

    /// What the wall clock will say after a wait, if nobody sets it.
    pub fn wall_after(self, wait: Duration) -> Timestamp {
        self.wall.saturating_add(wait).unwrap_or(Timestamp::MAX)
    }

    /// The moment a while ago; at the earliest the steady clock's start.
    #[must_use]
    pub fn ago(self, age: Duration) -> Moment {
        let wall = self.wall.saturating_sub(age).unwrap_or(Timestamp::MIN);
        Moment { wall, steady: self.steady.saturating_sub(age) }
    }
}

/// The time from now until then; none where that is past.
pub fn until(now: Timestamp, then: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(now)).unwrap_or_default()
}

/// The same without a fraction of a second.
pub fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// Seconds since 1970, as a sample has them.
pub fn unix_seconds(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}

/// The same without the fraction of a second: people need none.
pub fn whole_seconds(span: Duration) -> Duration {
    Duration::from_secs(span.as_secs())
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

/// Where the time comes from: the machine, or a test.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Moment + Send + Sync>);

impl Clock {
    /// The machine's clocks.
    pub fn system() -> Clock {
        Clock::from_fn(|| {
            let since_boot = clock_gettime(ClockId::Boottime);
            let seconds = u64::try_from(since_boot.tv_sec).unwrap_or(0);
            let nanos = u32::try_from(since_boot.tv_nsec).unwrap_or(0);
            // Far from zero, so that data restored after a reboot can be older than the machine's run.
            let steady = LONG_BEFORE_BOOT + Duration::new(seconds, nanos);
            Moment { wall: Timestamp::now(), steady }
        })
    }

    pub fn from_fn(now: impl Fn() -> Moment + Send + Sync + 'static) -> Clock {
        Clock(Arc::new(now))
    }

    pub fn now(&self) -> Moment {
        (self.0)()
    }
}

/// Ages up to this are exact for data from before the machine's last start.
const LONG_BEFORE_BOOT: Duration = Duration::from_hours(87600);

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_wall_clock_is_told_from_time_that_passed() {
        let at = |wall: i64, steady: u64| Moment {
            wall: Timestamp::from_second(wall).unwrap(),
            steady: Duration::from_secs(steady),
        };
        assert_eq!(at(1060, 70).set_since(at(1000, 10)), SignedDuration::ZERO);
        assert_eq!(at(4660, 70).set_since(at(1000, 10)), SignedDuration::from_hours(1));
        assert_eq!(at(460, 70).set_since(at(1000, 10)), SignedDuration::from_mins(-10));
        assert_eq!(at(0, 70).since(at(1000, 10)), Duration::from_mins(1));
    }

    #[test]
    fn the_machines_clocks_go_forward() {
        let clock = Clock::system();
        let first = clock.now();
        let later =
            std::iter::repeat_with(|| clock.now()).take(10_000_000).find(|now| now.steady != first.steady).unwrap();
        assert!(later.steady > first.steady && later.since(first) < Duration::from_mins(1));
        assert_eq!(first.ago(Duration::from_hours(24)).since(first), Duration::ZERO);
        assert_eq!(first.since(first.ago(Duration::from_hours(24))), Duration::from_hours(24), "there is a day before");
    }
}
