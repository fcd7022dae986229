//! Windows: the time that a report covers, and until when that is so.
//!
//! Windows are calendar days of the operation's own zone: a day may have 23 or 25 hours, its midnight may not exist,
//! and clocks may go back over it. A day begins once all the same, and ends where the next one begins.

use std::fmt;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::clock::whole_second;

/// The `window` label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowName {
    /// From the operation's midnight to the moment of the request.
    Today,
    /// The whole previous local day.
    Yesterday,
    /// From the operation's last midnight before a Monday to the moment of the request.
    Week,
    /// From the first midnight of the operation's month to the moment of the request: never more than 31 days.
    Month,
    /// No time range: what is so at the moment of the request.
    Now,
}

impl WindowName {
    /// Whether it reaches to the moment of the request: then it ages.
    pub fn is_open(self) -> bool {
        self != WindowName::Yesterday
    }

    /// Whether it is longer than a day.
    pub fn is_long(self) -> bool {
        matches!(self, WindowName::Week | WindowName::Month)
    }
}

impl fmt::Display for WindowName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WindowName::Today => "today",
            WindowName::Yesterday => "yesterday",
            WindowName::Week => "week",
            WindowName::Month => "month",
            WindowName::Now => "now",
        })
    }
}

/// A time range of an operation, as it is asked of the vendor: both ends belong to it.
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
        let midnight = midnight_before(now, zone);
        let before_midnight = midnight - SECOND;
        let day = day_of(now, zone);
        let until_now = last_second_of(day, now, zone);
        let from = |first: Date, end: Timestamp, next: Date| (start_of(first, zone), end, start_of(next, zone));
        let (start, end, expires) = match name {
            WindowName::Today => (midnight, until_now, next_midnight(now, zone)),
            // Not the date before: where a zone changed sides of the date line, there is none.
            WindowName::Yesterday => {
                (midnight_before(before_midnight, zone), before_midnight, next_midnight(now, zone))
            }
            WindowName::Week => {
                let monday = days_after(day, -i32::from(day.weekday().to_monday_zero_offset()));
                from(monday, until_now, days_after(monday, 7))
            }
            WindowName::Month => {
                let first = day.first_of_month();
                from(first, until_now, days_after(first, i32::from(first.days_in_month())))
            }
            WindowName::Now => {
                let now = whole_second(now);
                (now, now, Timestamp::MAX)
            }
        };
        Window { name, zone: zone.clone(), start, end, expires }
    }

    /// A window that was known before a restart.
    pub fn restored(name: WindowName, zone: &TimeZone, start: Timestamp, end: Timestamp, expires: Timestamp) -> Window {
        Window { name, zone: zone.clone(), start, end, expires }
    }

    /// The whole window as it is asked of the vendor: up to the latest time that the local clock showed in it. Where
    /// clocks went back, that can be later than what the clock showed last, and rows may have times up to it.
    pub fn whole(&self) -> TimeRange {
        let reading = |at: Timestamp| self.zone.to_datetime(at);
        let after_end = self.end.saturating_add(SECOND).unwrap_or(self.end);
        let turned = self.zone.preceding(after_end).map(|change| change.timestamp());
        let before_turning = turned.take_while(|at| *at > self.start).map(|at| reading(at - SECOND));
        let last = reading(self.end);
        let latest = before_turning.fold(last, DateTime::max);
        // The readings after a midnight that clocks went back over are the next day's.
        TimeRange { from: reading(self.start), to: latest.min(last.date().at(23, 59, 59, 0)) }
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

    /// The operation's next midnight, Monday or first of a month: from then on this time range has another name.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// Whether this time range has at `now` the name that it was asked for by: a clock can also be set back.
    pub fn has_its_name(&self, now: Timestamp) -> bool {
        let has_begun = match self.name {
            WindowName::Today | WindowName::Week | WindowName::Month => self.start <= now,
            // Age alone ends it.
            WindowName::Now => true,
            WindowName::Yesterday => now.duration_since(self.end) >= SECOND,
        };
        has_begun && now < self.expires
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

/// A range of local time that one request asks for, whole seconds, both ends included.
///
/// Local times, not instants: whichever of two equal local hours the vendor takes, ranges that meet on its
/// clock face neither overlap nor leave a gap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeRange {
    from: DateTime,
    to: DateTime,
}

/// A range of this length is not cut any further.
const SHORTEST_HALF: i64 = 60;

impl TimeRange {
    /// `date_ini` and `date_end`, local time as `YYYYmmddHHiiss`.
    pub fn vendor_dates(&self) -> (String, String) {
        let date = |at: DateTime| at.strftime("%Y%m%d%H%M%S").to_string();
        (date(self.from), date(self.to))
    }

    /// Two halves that meet without overlap; `None` below two minutes.
    pub fn halves(&self) -> Option<(TimeRange, TimeRange)> {
        let seconds = self.to.duration_since(self.from).as_secs() + 1;
        if seconds < 2 * SHORTEST_HALF {
            return None;
        }
        let middle = self.from.saturating_add(SignedDuration::from_secs(seconds / 2));
        let before = middle.saturating_sub(SignedDuration::from_secs(1));
        Some((TimeRange { to: before, ..*self }, TimeRange { from: middle, ..*self }))
    }
}

const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// The operation's local day at `now`: the one that began last, whatever date a clock shows before it goes back over
/// midnight.
pub fn day_of(now: Timestamp, zone: &TimeZone) -> Date {
    let date = zone.to_datetime(now).date();
    if start_of(date, zone) > now { date.yesterday().unwrap_or(date) } else { date }
}

/// The operation's next midnight.
pub fn next_midnight(now: Timestamp, zone: &TimeZone) -> Timestamp {
    end_of(day_of(now, zone), zone)
}

fn days_after(day: Date, days: i32) -> Date {
    day.saturating_add(jiff::Span::new().days(days))
}

/// When a day ends and the next one begins.
pub fn end_of(day: Date, zone: &TimeZone) -> Timestamp {
    start_of(days_after(day, 1), zone)
}

/// The operation's midnight before `now`.
pub fn midnight_before(now: Timestamp, zone: &TimeZone) -> Timestamp {
    start_of(day_of(now, zone), zone)
}

/// When a day begins: at the first moment that its date is there to stay.
fn start_of(day: Date, zone: &TimeZone) -> Timestamp {
    let midnight = zone.to_ambiguous_timestamp(day.to_datetime(Time::midnight()));
    let offset = midnight.offset();
    let in_era = "days of this era lie within what a timestamp can hold";
    match offset {
        // Twice, and between the two the date was another: clocks went back over midnight.
        AmbiguousOffset::Fold { .. } => {
            let second = midnight.later().expect(in_era);
            let was_before = zone.to_datetime(second - SECOND).date() < day;
            if was_before { second } else { midnight.earlier().expect(in_era) }
        }
        // Never: the day begins where the clocks had jumped to.
        AmbiguousOffset::Gap { .. } => {
            let after = midnight.later().expect(in_era);
            zone.preceding(after + SECOND).next().map_or(after, |change| change.timestamp())
        }
        AmbiguousOffset::Unambiguous { .. } => midnight.compatible().expect(in_era),
    }
}

/// The last whole second up to `now` that a clock showed with a day's date.
fn last_second_of(day: Date, now: Timestamp, zone: &TimeZone) -> Timestamp {
    let shown = zone.to_datetime(now).date();
    let first_midnight = zone.to_ambiguous_timestamp(shown.to_datetime(Time::midnight())).earlier();
    match first_midnight {
        // Before the clock goes back over it.
        Ok(midnight) if shown > day => midnight - SECOND,
        _ => whole_second(now),
    }
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
    fn a_week_begins_on_monday_and_a_month_on_its_first() {
        // A Sunday night in Bogota, and the Monday after it.
        let week = |now: &str| at(WindowName::Week, now, "America/Bogota");
        assert_eq!(
            week("2026-03-02T04:59:59Z").whole().vendor_dates(),
            ("20260223000000".into(), "20260301235959".into())
        );
        assert_eq!(
            week("2026-03-02T05:00:00Z").whole().vendor_dates(),
            ("20260302000000".into(), "20260302000000".into())
        );
        let month = |now: &str| at(WindowName::Month, now, "America/Bogota");
        assert_eq!(
            month("2026-03-31T12:00:00Z").whole().vendor_dates(),
            ("20260301000000".into(), "20260331070000".into())
        );
        assert_eq!(month("2028-02-29T12:00:00Z").expires(), "2028-03-01T05:00:00Z".parse().unwrap());
    }

    #[test]
    fn only_yesterday_does_not_age_and_only_a_week_and_a_month_are_long() {
        for (name, is_open, is_long) in [
            (WindowName::Today, true, false),
            (WindowName::Yesterday, false, false),
            (WindowName::Week, true, true),
            (WindowName::Month, true, true),
            (WindowName::Now, true, false),
        ] {
            assert_eq!((name.is_open(), name.is_long()), (is_open, is_long), "{name}");
        }
    }

    #[test]
    fn never_lie_a_midnight_that_comes_twice_on_one_date_begins_the_day_the_first_time() {
        // Havana's clocks go from 01:00 back to 00:00: what happened before that is of this day too.
        let window = at(WindowName::Today, "2026-11-01T12:00:00Z", "America/Havana");
        assert_eq!(window.start(), "2026-11-01T04:00:00Z".parse().unwrap());
    }

    #[test]
    fn what_is_now_is_one_second_even_where_clocks_go_back_in_it() {
        let now = at(WindowName::Now, "2026-10-25T01:00:00Z", "Europe/Madrid");
        assert_eq!(now.whole().vendor_dates(), ("20261025020000".into(), "20261025020000".into()));
    }

    #[test]
    fn what_is_now_has_no_end_but_its_age() {
        let now = at(WindowName::Now, "2026-03-02T04:59:59Z", "America/Bogota");
        for moment in ["2026-03-02T04:59:59Z", "2026-03-02T05:00:00Z", "2026-03-01T00:00:00Z"] {
            assert!(
                now.has_its_name(moment.parse().unwrap()),
                "over midnight, and where a clock is set back: {moment}"
            );
        }
    }

    proptest! {
        #[test]
        fn never_lie_a_week_and_a_month_hold_now_and_no_longer_than_they_last(
            zone in 0_usize..600, second in 1_700_000_000_i64..2_000_000_000,
        ) {
            let names: Vec<_> = jiff::tz::db().available().collect();
            let zone = TimeZone::get(names[zone % names.len()].as_str()).unwrap();
            let now = Timestamp::from_second(second).unwrap();
            let today = Window::at(WindowName::Today, now, &zone);
            for (name, most) in [(WindowName::Week, 7), (WindowName::Month, 31)] {
                let window = Window::at(name, now, &zone);
                prop_assert!(window.start() <= today.start() && window.end() == today.end());
                prop_assert!(window.expires() >= today.expires());
                prop_assert!(window.has_its_name(now) && window.has_day(day_of(now, &zone)));
                // Another one begins where it ends, and it is not served there any more.
                let next = Window::at(name, window.expires(), &zone);
                prop_assert_eq!(next.start(), window.expires());
                prop_assert!(!window.has_its_name(window.expires()) && !window.has_its_name(window.start() - SECOND));
                // The vendor takes no more than 31 days.
                let TimeRange { from, to } = window.whole();
                prop_assert!(from.date().duration_until(to.date()).as_hours() / 24 < most, "{} {}", from, to);
                let days = day_of(window.start(), &zone).duration_until(day_of(window.expires(), &zone)).as_hours() / 24;
                prop_assert!((1..=most).contains(&days), "{} days", days);
            }
        }
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
        let two_minutes = TimeRange { to: whole.from.saturating_add(SignedDuration::from_secs(119)), ..whole };
        let (first, second) = two_minutes.halves().unwrap();
        assert_eq!(first.vendor_dates(), ("20260301000000".into(), "20260301000059".into()));
        assert_eq!(second.vendor_dates(), ("20260301000100".into(), "20260301000159".into()));
        let shorter = TimeRange { to: two_minutes.to.saturating_sub(SignedDuration::from_secs(1)), ..whole };
        assert_eq!(shorter.halves(), None);
    }

    /// Lives through the days around a change of a zone's clocks, minute by minute.
    fn live_through(zone: &TimeZone, change: Timestamp) {
        let minute = SignedDuration::from_mins(1);
        let name = zone.iana_name().unwrap_or("a zone of the test");
        let mut now = midnight_before(change - SignedDuration::from_hours(2), zone);
        let until = next_midnight(change + SignedDuration::from_hours(2), zone) + minute;
        let mut day = Window::at(WindowName::Today, now, zone);
        let (mut first, mut last) = (zone.to_datetime(now), zone.to_datetime(now));
        while now < until {
            let (today, reading) = (Window::at(WindowName::Today, now, zone), zone.to_datetime(now));
            if today.start() != day.start() {
                assert_eq!((today.start(), now), (day.expires(), day.expires()), "{name}: a day begins once");
                let yesterday = Window::at(WindowName::Yesterday, now, zone);
                assert_eq!((yesterday.start(), yesterday.end()), (day.start(), now - SECOND), "{name} at {reading}");
                let TimeRange { from, to } = yesterday.whole();
                assert!(from == first && last <= to, "{name}: {from}..{to} of {first}..{last}");
                (first, last) = (reading, reading);
            }
            assert!(today.start() <= today.end() && today.end() <= now && now < today.expires(), "{name}: {today:?}");
            // What a clock shows before it goes back over midnight has the next day's date, and is the next day's.
            let shows_tomorrow = reading.date() > day_of(now, zone);
            assert_eq!(today.end() == now, !shows_tomorrow, "{name} at {reading}");
            if !shows_tomorrow {
                (first, last) = (first.min(reading), last.max(reading));
            }
            let TimeRange { from, to } = today.whole();
            assert!(from == first && last <= to, "{name} at {reading}: {from}..{to} of {first}..{last}");
            assert!(to <= last.saturating_add(SignedDuration::from_secs(59)), "{name} at {reading}: {to}");
            if let Some((one, other)) = today.whole().halves() {
                assert!(one.from == from && other.to == to && one.to.saturating_add(SECOND) == other.from, "{name}");
            }
            (day, now) = (today, now + minute);
        }
    }

    #[test]
    fn never_lie_the_window_asked_covers_every_minute_of_the_day_in_every_zone_of_the_world() {
        let begins: Timestamp = "2026-11-25T00:00:00Z".parse().unwrap();
        let ends = begins + SignedDuration::from_hours(2 * 365 * 24);
        let mut seen = std::collections::HashSet::new();
        for name in jiff::tz::db().available() {
            let zone = zone(name.as_str());
            let changes: Vec<_> = zone.following(begins).take_while(|change| change.timestamp() < ends).collect();
            let at: Vec<Timestamp> = changes.iter().map(jiff::tz::TimeZoneTransition::timestamp).collect();
            let offsets: Vec<_> = changes.iter().map(|change| change.offset().seconds()).collect();
            if !seen.insert((at.clone(), offsets, zone.to_offset(begins).seconds())) {
                continue;
            }
            for change in at {
                live_through(&zone, change);
            }
        }
        assert!(seen.len() > 30, "{} kinds of zones", seen.len());
    }

    #[test]
    fn never_lie_a_day_begins_once_where_clocks_turn_over_midnight() {
        let over_midnight = |rule: &str| TimeZone::posix(rule).unwrap();
        for (zone, change) in [
            // From 00:01 back to 23:01.
            (zone("America/St_Johns"), "2010-11-07T02:31:00Z"),
            (over_midnight("AAA3BBB2,M9.1.0/0,M4.1.0/0:30"), "2026-04-05T02:30:00Z"),
            // From 23:30 on to 00:30.
            (over_midnight("AAA3BBB2,M9.1.0/23:30,M4.1.0/3"), "2026-09-07T02:30:00Z"),
            // From the end of 29 December on to 31 December.
            (zone("Pacific/Apia"), "2011-12-30T10:00:00Z"),
            // Midnight twice, on one date.
            (zone("America/Havana"), "2026-11-01T05:00:00Z"),
        ] {
            let change: Timestamp = change.parse().unwrap();
            let turned = zone.following(change - SECOND).next().unwrap();
            assert_eq!(turned.timestamp(), change, "the rules of the zone");
            live_through(&zone, change);
        }
    }

    #[test]
    fn never_lie_in_an_hour_that_comes_twice_the_window_ends_at_the_latest_reading() {
        for (tz, now, end) in [
            ("America/Santiago", "2026-04-05T02:10:00Z", "20260404231000"),
            ("America/Santiago", "2026-04-05T03:10:00Z", "20260404235959"),
            ("Europe/Madrid", "2026-10-25T01:10:00Z", "20261025025959"),
            ("Europe/Madrid", "2026-10-25T02:10:00Z", "20261025031000"),
        ] {
            let window = at(WindowName::Today, now, tz);
            assert_eq!(window.whole().vendor_dates().1, end, "{tz} at {now}");
            let zone = zone(tz);
            let again =
                Window::restored(WindowName::Today, &zone, window.start(), window.end(), window.expires()).whole();
            assert_eq!(again, window.whole());
        }
    }

    #[test]
    fn a_window_from_the_end_of_time_is_none_that_breaks() {
        let zone = zone("America/Bogota");
        for end in [Timestamp::MIN, Timestamp::MAX] {
            for name in [WindowName::Today, WindowName::Yesterday] {
                let window = Window::restored(name, &zone, Timestamp::MIN, end, Timestamp::MAX);
                window.has_its_name(Timestamp::UNIX_EPOCH);
                window.has_day(Date::MAX);
                assert!(!window.to_string().is_empty());
            }
        }
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
            prop_assert!(yesterday.start() < yesterday.end());
            prop_assert_eq!(yesterday.expires(), today.expires());
        }
    }
}
