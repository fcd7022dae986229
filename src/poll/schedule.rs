//! At what time is a report polled next?

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::window::midnight_before;

/// A job's place among the jobs of its token, which share the interval evenly.
#[derive(Clone, Copy)]
pub struct Share {
    /// When the queue started.
    pub start: Timestamp,
    pub place: u32,
    pub count: u32,
}

/// When a closed day is asked for, after its midnight: once the vendor's lag is over, and a few times later,
/// because past days still change as agents code late.
const YESTERDAY_POLLS: [SignedDuration; 5] = [
    SignedDuration::from_mins(20),
    SignedDuration::from_mins(80),
    SignedDuration::from_hours(4),
    SignedDuration::from_hours(8),
    SignedDuration::from_hours(13),
];

/// The next turn of a report that is polled over and over: at least one interval after `now`, on the grid of
/// its share, so that the reports of a token stay apart from each other.
pub fn next_turn(now: Timestamp, interval: Duration, share: Share) -> Timestamp {
    let interval = signed(interval);
    let phase = interval * i32::try_from(share.place).unwrap_or(0) / i32::try_from(share.count.max(1)).unwrap_or(1);
    let first = share.start + phase;
    let earliest = now + interval;
    let behind = earliest.duration_since(first).as_millis();
    let step = interval.as_millis().max(1);
    // The smallest turn that is not before the earliest: whole steps from the first, rounded up.
    let steps = behind.max(0).div_euclid(step) + i128::from(behind.max(0).rem_euclid(step) > 0);
    first + SignedDuration::from_millis(i64::try_from(steps * step).unwrap_or(0))
}

/// The next turn of a closed day.
pub fn next_yesterday(now: Timestamp, zone: &TimeZone) -> Timestamp {
    let midnight = midnight_before(now, zone);
    let today = YESTERDAY_POLLS.iter().map(|after| midnight + *after).find(|turn| *turn > now);
    // Tomorrow's first turn, sought from a day's length ahead: days have at most 25 hours.
    today.unwrap_or_else(|| {
        let tomorrow = midnight_before(midnight + SignedDuration::from_hours(26), zone);
        tomorrow + YESTERDAY_POLLS[0]
    })
}

/// Whether the day before `now` is already worth asking for.
pub fn is_yesterday_settled(now: Timestamp, zone: &TimeZone) -> bool {
    now >= midnight_before(now, zone) + YESTERDAY_POLLS[0]
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn yesterday_is_polled_after_the_lag_and_a_few_times_later() {
        let zone = TimeZone::get("America/Bogota").unwrap();
        let mut now = time("2026-03-02T05:00:00Z");
        let mut turns = Vec::new();
        for _ in 0..6 {
            now = next_yesterday(now, &zone);
            turns.push(zone.to_datetime(now).strftime("%d %H:%M").to_string());
        }
        assert_eq!(turns, ["02 00:20", "02 01:20", "02 04:00", "02 08:00", "02 13:00", "03 00:20"]);
        assert!(!is_yesterday_settled(time("2026-03-02T05:19:59Z"), &zone));
        assert!(is_yesterday_settled(time("2026-03-02T05:20:00Z"), &zone));
    }

    #[test]
    fn the_reports_of_a_token_share_the_interval_evenly() {
        let start = time("2026-03-02T12:00:00Z");
        let turn = |place| next_turn(start, Duration::from_mins(5), Share { start, place, count: 5 });
        let turns: Vec<i64> = (0..5).map(|place| turn(place).as_second() - start.as_second()).collect();
        assert_eq!(turns, [300, 360, 420, 480, 540]);
    }

    proptest! {
        #[test]
        fn never_overspend_no_turn_comes_sooner_than_its_interval(
            since in -100_000_i64..1_000_000, interval in 1_u64..7200, place in 0_u32..20, more in 1_u32..20,
        ) {
            let start = time("2026-03-02T12:00:00Z");
            let now = start + SignedDuration::from_millis(since);
            let interval = Duration::from_secs(interval);
            let turn = next_turn(now, interval, Share { start, place, count: place + more });
            let wait = turn.duration_since(now);
            prop_assert!(wait >= signed(interval), "{wait}");
            prop_assert!(since < 0 || wait <= signed(interval * 2), "{wait}");
        }
    }
}
