//! Which stretch of time does a report cover, and until when is that true?
//!
//! Windows are calendar days of the operation's own zone: a day may have 23 or 25 hours, and its
//! midnight may not exist.

use std::fmt;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The `window` label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowName {
    /// From the operation's midnight to the moment of the call.
    Today,
    /// The whole previous local day.
    Yesterday,
}

impl fmt::Display for WindowName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WindowName::Today => "today",
            WindowName::Yesterday => "yesterday",
        })
    }
}

/// One stretch of an operation's time, as it is asked of the vendor: both ends belong to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    name: WindowName,
    zone: TimeZone,
    start: Timestamp,
    end: Timestamp,
    expires: Timestamp,
}

impl Window {
    /// The window of this name as seen at `now`.
    pub fn at(name: WindowName, now: Timestamp, zone: &TimeZone) -> Window {
        let today = day_of(now, zone);
        let midnight = start_of(today, zone);
        let expires = next_midnight(now, zone);
        let (start, end) = match name {
            WindowName::Today => (midnight, whole_seconds(now)),
            WindowName::Yesterday => (
                start_of(today.saturating_sub(jiff::Span::new().days(1)), zone),
                midnight - SignedDuration::from_secs(1),
            ),
        };
        Window { name, zone: zone.clone(), start, end, expires }
    }

    /// A window that was known before a restart.
    pub fn restored(name: WindowName, zone: &TimeZone, start: Timestamp, end: Timestamp, expires: Timestamp) -> Window {
        Window { name, zone: zone.clone(), start, end, expires }
    }

    /// The whole window as it is asked of the vendor.
    pub fn whole(&self) -> Stretch {
        Stretch { from: self.zone.to_datetime(self.start), to: self.zone.to_datetime(self.end) }
    }

    pub fn name(&self) -> WindowName {
        self.name
    }

    /// First second of the window.
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// Last second of the window.
    pub fn end(&self) -> Timestamp {
        self.end
    }

    /// The operation's next midnight: from then on this stretch of time has another name.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// Whether this stretch of time has at `now` the name that it was asked for by: a clock can also be set back.
    pub fn has_its_name(&self, now: Timestamp) -> bool {
        let begins = match self.name {
            WindowName::Today => self.start,
            WindowName::Yesterday => self.end + SignedDuration::from_secs(1),
        };
        begins <= now && now < self.expires
    }

    /// Whether a local day lies in this window.
    pub fn has_day(&self, day: Date) -> bool {
        let local = |at| self.zone.to_datetime(at).date();
        local(self.start) <= day && day <= local(self.end)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ini, end) = self.whole().vendor_dates();
        write!(f, "{ini}..{end}")
    }
}

/// A stretch of local time that one call asks for, whole seconds, both ends included.
///
/// Local times, not instants: whichever of two equal local hours the vendor takes, stretches that meet on its
/// clock face neither overlap nor leave a gap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    from: DateTime,
    to: DateTime,
}

/// Shorter than this no stretch is cut: what does not fit into a minute cannot be had.
const SHORTEST_HALF: i64 = 60;

impl Stretch {
    /// `date_ini` and `date_end`, local time as `YYYYmmddHHiiss`.
    pub fn vendor_dates(&self) -> (String, String) {
        let date = |at: DateTime| at.strftime("%Y%m%d%H%M%S").to_string();
        (date(self.from), date(self.to))
    }

    /// Two halves that meet without overlap; `None` below two minutes.
    pub fn halves(&self) -> Option<(Stretch, Stretch)> {
        let seconds = self.to.duration_since(self.from).as_secs() + 1;
        if seconds < 2 * SHORTEST_HALF {
            return None;
        }
        let middle = self.from.saturating_add(SignedDuration::from_secs(seconds / 2));
        let before = middle.saturating_sub(SignedDuration::from_secs(1));
        Some((Stretch { to: before, ..*self }, Stretch { from: middle, ..*self }))
    }
}

/// The operation's local day at `now`.
pub fn day_of(now: Timestamp, zone: &TimeZone) -> Date {
    zone.to_datetime(now).date()
}

/// The operation's next midnight.
pub fn next_midnight(now: Timestamp, zone: &TimeZone) -> Timestamp {
    start_of(day_of(now, zone).saturating_add(jiff::Span::new().days(1)), zone)
}

/// The operation's midnight before `now`.
pub fn midnight_before(now: Timestamp, zone: &TimeZone) -> Timestamp {
    start_of(day_of(now, zone), zone)
}

fn start_of(day: Date, zone: &TimeZone) -> Timestamp {
    // Where midnight does not exist, the day starts at the first moment that does.
    zone.to_ambiguous_timestamp(day.to_datetime(jiff::civil::Time::midnight()))
        .compatible()
        .expect("days of this era lie within what a timestamp can hold")
}

fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn at(name: WindowName, now: &str, tz: &str) -> Window {
        Window::at(name, now.parse().unwrap(), &zone(tz))
    }

    #[test]
    fn today_runs_from_local_midnight_to_now() {
        let window = at(WindowName::Today, "2026-03-02T03:30:15.9Z", "America/Bogota");
        assert_eq!(window.whole().vendor_dates(), ("20260301000000".into(), "20260301223015".into()));
        assert_eq!(window.expires(), "2026-03-02T05:00:00Z".parse().unwrap());
    }

    #[test]
    fn yesterday_is_the_whole_previous_local_day() {
        let window = at(WindowName::Yesterday, "2026-03-02T12:00:00Z", "America/Bogota");
        assert_eq!(window.whole().vendor_dates(), ("20260301000000".into(), "20260301235959".into()));
        assert_eq!(window.expires(), "2026-03-03T05:00:00Z".parse().unwrap());
    }

    #[test]
    fn days_of_23_and_25_hours_are_whole() {
        for (now, hours) in [("2026-03-09T12:00:00Z", 23), ("2026-11-02T12:00:00Z", 25)] {
            let window = at(WindowName::Yesterday, now, "America/New_York");
            let length = window.end().as_second() + 1 - window.start().as_second();
            assert_eq!(length, hours * 3600, "{now}");
        }
    }

    #[test]
    fn a_midnight_that_does_not_exist_starts_at_the_first_moment_that_does() {
        // Santiago's clocks jump from 24:00 to 01:00 on 2026-09-06.
        let window = at(WindowName::Today, "2026-09-06T12:00:00Z", "America/Santiago");
        assert_eq!(window.whole().vendor_dates().0, "20260906010000");
        assert_eq!(at(WindowName::Today, "2026-09-05T12:00:00Z", "America/Santiago").expires(), window.start());
    }

    #[test]
    fn a_day_belongs_to_the_window_that_covers_it() {
        let window = at(WindowName::Yesterday, "2026-03-02T12:00:00Z", "America/Bogota");
        assert!(window.has_day(jiff::civil::date(2026, 3, 1)));
        assert!(!window.has_day(jiff::civil::date(2026, 3, 2)));
        assert!(!window.has_day(jiff::civil::date(2026, 2, 28)));
    }

    #[test]
    fn never_lie_a_day_is_called_yesterday_only_between_its_end_and_the_next() {
        let yesterday = at(WindowName::Yesterday, "2026-03-02T12:00:00Z", "America/Bogota");
        let today = at(WindowName::Today, "2026-03-02T12:00:00Z", "America/Bogota");
        let named = |now: &str| [&yesterday, &today].map(|window| window.has_its_name(now.parse().unwrap()));
        assert_eq!(named("2026-03-02T04:59:59Z"), [false, false], "the clock was set back over midnight");
        assert_eq!(named("2026-03-02T05:00:00Z"), [true, true]);
        assert_eq!(named("2026-03-03T04:59:59Z"), [true, true]);
        assert_eq!(named("2026-03-03T05:00:00Z"), [false, false]);
    }

    #[test]
    fn halves_meet_without_gap_or_overlap_down_to_a_minute() {
        let whole = at(WindowName::Yesterday, "2026-03-02T12:00:00Z", "America/Bogota").whole();
        let (first, second) = whole.halves().unwrap();
        assert_eq!(first.vendor_dates(), ("20260301000000".into(), "20260301115959".into()));
        assert_eq!(second.vendor_dates(), ("20260301120000".into(), "20260301235959".into()));
        let mut part = whole;
        let mut cuts = 0;
        while let Some((first, second)) = part.halves() {
            assert_eq!(first.to.saturating_add(SignedDuration::from_secs(1)), second.from);
            part = if cuts % 2 == 0 { second } else { first };
            cuts += 1;
        }
        assert_eq!(cuts, 10);
        assert!(part.to.duration_since(part.from).as_secs() + 1 >= SHORTEST_HALF);
    }

    proptest! {
        #[test]
        fn yesterday_ends_one_second_before_today_starts(second in 0_i64..4_000_000_000, pick in 0_usize..4) {
            let zone = zone(["America/Bogota", "America/Santiago", "Africa/Cairo", "Pacific/Apia"][pick]);
            let now = Timestamp::from_second(second).unwrap();
            let today = Window::at(WindowName::Today, now, &zone);
            let yesterday = Window::at(WindowName::Yesterday, now, &zone);
            prop_assert!(today.start() <= now && now < today.expires());
            prop_assert_eq!(yesterday.end() + SignedDuration::from_secs(1), today.start());
            prop_assert!(yesterday.start() < yesterday.end() || pick == 3);
            prop_assert_eq!(yesterday.expires(), today.expires());
        }
    }
}
