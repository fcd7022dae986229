//! When a report is due again: after its interval, after a failure, and for a closed day.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::time::{midnight_before, next_midnight, until};
use crate::wolkvox::{Failure, Reason};

/// When a closed day is asked for, after its midnight: once the vendor's lag is over, and a few times later,
/// because past days still change as agents code late.
pub const YESTERDAY_TURNS: [SignedDuration; 5] = [
    SignedDuration::from_mins(20),
    SignedDuration::from_mins(80),
    SignedDuration::from_hours(4),
    SignedDuration::from_hours(8),
    SignedDuration::from_hours(13),
];

/// A first retry comes no sooner than this.
const RETRY_FLOOR: Duration = Duration::from_secs(30);
/// A token that was refused is tried again after this: an operator may have mended it on the vendor's side.
const TOKEN_RECHECK: Duration = Duration::from_mins(15);
/// The vendor's backups take minutes.
const MAINTENANCE_WAIT: Duration = Duration::from_mins(5);
/// The vendor says that the budget is spent though the own count does not: someone else spends it, or the vendor's
/// day starts at another hour.
const EXHAUSTED_RECHECK: Duration = Duration::from_hours(1);
/// When the disk refused a count, it is asked again after this.
const DISK_RETRY: Duration = Duration::from_secs(30);
/// A `Retry-After` is obeyed up to this.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(1);

/// No pause is longer.
pub const LONGEST_PAUSE: Duration = LONGEST_RETRY_AFTER;
/// A day of 26 hours, which there is where clocks go back by two, and the first turn after it.
const LONGEST_DAY: Duration = Duration::from_mins(26 * 60 + 20);

/// No report waits longer: at most a day until the budget is reset, and after that its phase within the interval, which
/// is added twice for a report that was never polled before.
pub fn longest_wait(interval: Duration) -> Duration {
    LONGEST_DAY + interval * 2
}

/// What a failure does to the turns that follow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NextAttempt {
    /// This report is tried again after this, and not at its next regular turn.
    Retry(Duration),
    /// This report waits for its next regular turn: asking again at once would bring the same.
    Regular,
    /// Nothing is asked with this token for this long.
    Pause(Duration),
}

/// What the `failures`-th failure in a row does to the next attempt; `random` lies between 0 and 1.
pub fn next_attempt(failure: &Failure, failures: u32, interval: Duration, random: f64) -> NextAttempt {
    if let Some(wait) = failure.retry_after {
        return NextAttempt::Pause(wait.clamp(RETRY_FLOOR, LONGEST_RETRY_AFTER));
    }
    match failure.reason {
        Reason::Timeout | Reason::Connect | Reason::Http5xx => NextAttempt::Retry(back_off(failures, interval, random)),
        Reason::Concurrency => NextAttempt::Pause(back_off(failures, interval.max(MAINTENANCE_WAIT), random)),
        Reason::TokenMissing | Reason::TokenRejected => NextAttempt::Pause(TOKEN_RECHECK),
        Reason::Maintenance => NextAttempt::Pause(MAINTENANCE_WAIT),
        Reason::BudgetExhausted => NextAttempt::Pause(EXHAUSTED_RECHECK),
        Reason::StateNotWritten => NextAttempt::Retry(DISK_RETRY),
        Reason::Tls
        | Reason::Http4xx
        | Reason::Redirect
        | Reason::ForbiddenOther
        | Reason::TooLarge
        | Reason::RecordLimit
        | Reason::MemoryLimit
        | Reason::Malformed
        | Reason::Schema => NextAttempt::Regular,
    }
}

/// Exponential with full jitter between the floor and a ceiling that doubles, at most one interval.
fn back_off(failures: u32, interval: Duration, random: f64) -> Duration {
    let floor = RETRY_FLOOR.min(interval);
    let ceiling = RETRY_FLOOR.saturating_mul(1 << failures.clamp(1, 16)).min(interval);
    floor + ceiling.saturating_sub(floor).mul_f64(random.clamp(0.0, 1.0))
}

/// The turns of a closed day that are left where it is asked `slowdown` times as rarely; always the first.
fn turns_of(slowdown: f64) -> impl Iterator<Item = SignedDuration> {
    let most = YESTERDAY_TURNS.len();
    let every = (1..most).find(|every| *every as f64 >= slowdown).unwrap_or(most);
    YESTERDAY_TURNS.into_iter().step_by(every)
}

/// How many they are.
pub fn yesterday_turns(slowdown: f64) -> usize {
    turns_of(slowdown).count()
}

/// The next turn of a closed day after `now`.
pub fn next_yesterday(now: Timestamp, zone: &TimeZone, slowdown: f64) -> Timestamp {
    let midnight = midnight_before(now, zone);
    let mut turns = turns_of(slowdown);
    let today = turns.find_map(|after| Some(midnight + after).filter(|turn| *turn > now));
    today.unwrap_or_else(|| next_midnight(now, zone) + YESTERDAY_TURNS[0])
}

/// Turns of a closed day that are left before the next midnight.
pub fn yesterday_turns_left(now: Timestamp, zone: &TimeZone) -> u64 {
    let midnight = midnight_before(now, zone);
    YESTERDAY_TURNS.iter().filter(|after| midnight + **after > now).count() as u64
}

/// How long until the day before `now` is settled.
pub fn until_settled(now: Timestamp, zone: &TimeZone) -> Duration {
    let settled = midnight_before(now, zone) + YESTERDAY_TURNS[0];
    until(now, settled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const INTERVAL: Duration = Duration::from_mins(5);

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn yesterday_is_polled_after_the_lag_and_a_few_times_later() {
        let zone = TimeZone::get("America/Bogota").unwrap();
        let mut now = time("2026-03-02T05:00:00Z");
        let mut turns = Vec::new();
        for _ in 0..6 {
            turns.push(yesterday_turns_left(now, &zone).to_string());
            now = next_yesterday(now, &zone, 1.0);
            turns.push(zone.to_datetime(now).strftime("%d %H:%M").to_string());
        }
        let expected = "5 02 00:20 4 02 01:20 3 02 04:00 2 02 08:00 1 02 13:00 0 03 00:20";
        assert_eq!(turns.join(" "), expected);
        assert_eq!(until_settled(time("2026-03-02T05:19:59Z"), &zone), Duration::from_secs(1));
        assert_eq!(until_settled(time("2026-03-02T05:20:00Z"), &zone), Duration::ZERO);
        assert_eq!(until_settled(time("2026-03-03T04:59:59Z"), &zone), Duration::ZERO);
    }

    #[test]
    fn each_failure_has_its_consequence() {
        let rows = Reason::ALL.map(|reason| {
            let next_attempt = next_attempt(&Failure::new(reason, ""), 1, INTERVAL, 1.0);
            format!("{reason}: {next_attempt:?}")
        });
        insta::assert_snapshot!(rows.join("\n"), @r"
        timeout: Retry(60s)
        connect: Retry(60s)
        tls: Regular
        http_4xx: Regular
        http_5xx: Retry(60s)
        redirect: Regular
        token_missing: Pause(900s)
        token_rejected: Pause(900s)
        budget_exhausted: Pause(3600s)
        state_not_written: Retry(30s)
        concurrency: Pause(60s)
        maintenance: Pause(300s)
        forbidden_other: Regular
        too_large: Regular
        record_limit: Regular
        memory_limit: Regular
        malformed: Regular
        schema: Regular
        ");
    }

    #[test]
    fn retry_after_is_obeyed_within_bounds() {
        let asked = |seconds| {
            let retry_after = Some(Duration::from_secs(seconds));
            let failure = Failure { retry_after, ..Failure::new(Reason::Http4xx, "") };
            next_attempt(&failure, 1, INTERVAL, 0.5)
        };
        assert_eq!(asked(120), NextAttempt::Pause(Duration::from_mins(2)));
        assert_eq!(asked(0), NextAttempt::Pause(RETRY_FLOOR));
        assert_eq!(asked(999_999), NextAttempt::Pause(LONGEST_RETRY_AFTER));
    }

    proptest! {
        #[test]
        fn a_retry_waits_at_least_thirty_seconds_and_at_most_an_interval(failures in 0_u32..100, random in 0.0..=1.0) {
            let wait = back_off(failures, INTERVAL, random);
            prop_assert!((RETRY_FLOOR..=INTERVAL).contains(&wait), "{wait:?}");
        }
    }
}
