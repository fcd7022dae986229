//! Local days: where they begin, and which part of them a window covers.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// A stretch of time, half-open.
pub(super) type Pass = (Timestamp, Timestamp);

/// The part of a window that lies in one local day, in seconds since that day began.
pub(super) struct Span {
    pub(super) date: Date,
    /// Unix second at which the local day begins.
    pub(super) start: i64,
    /// Real seconds of the local day.
    pub(super) length: i64,
    pub(super) low: i64,
    pub(super) high: i64,
}

impl Span {
    pub(super) fn contains(&self, second: i64) -> bool {
        (self.low..self.high).contains(&second)
    }

    pub(super) fn overlap(&self, start: i64, end: i64) -> u64 {
        (end.min(self.high) - start.max(self.low)).max(0).unsigned_abs()
    }

    /// The instant of a second of this day.
    pub(super) fn at(&self, second: i64) -> Timestamp {
        Timestamp::from_second(self.start + second).unwrap_or(Timestamp::MAX)
    }
}

/// The window cut at local midnights, oldest part first.
pub(super) fn spans(zone: &TimeZone, from: Timestamp, to: Timestamp) -> Vec<Span> {
    let mut spans = Vec::new();
    if from >= to {
        return spans;
    }
    let (from, to) = (from.as_second(), to.as_second());
    let mut next = first_day(zone, from);
    while let Some((date, start)) = next {
        next = day_after(zone, date);
        let Some((_, end)) = next else { return spans };
        let (low, high) = (from.max(start) - start, to.min(end) - start);
        if low < high {
            spans.push(Span { date, start, length: end - start, low, high });
        }
        if end >= to {
            return spans;
        }
    }
    spans
}

/// The local day of this instant, up to it: empty at midnight.
pub(super) fn day_until(zone: &TimeZone, now: Timestamp) -> Option<Span> {
    let (date, start) = first_day(zone, now.as_second())?;
    let (_, end) = day_after(zone, date)?;
    Some(Span { date, start, length: end - start, low: 0, high: now.as_second() - start })
}

/// The local day that contains this second. Where clocks go back over midnight the calendar date alone would name a
/// day that begins later.
fn first_day(zone: &TimeZone, second: i64) -> Option<(Date, i64)> {
    let at = Timestamp::from_second(second).ok()?;
    let mut date = zone.to_datetime(at).date();
    let mut start = midnight(zone, date)?;
    while start > second {
        date = date.yesterday().ok()?;
        start = midnight(zone, date)?;
    }
    Some((date, start))
}

fn day_after(zone: &TimeZone, date: Date) -> Option<(Date, i64)> {
    let date = date.tomorrow().ok()?;
    Some((date, midnight(zone, date)?))
}

/// When a local day begins: its first existing instant where midnight is skipped, the earlier of two.
fn midnight(zone: &TimeZone, date: Date) -> Option<i64> {
    let begin = zone.to_ambiguous_timestamp(date.at(0, 0, 0, 0)).compatible().ok()?;
    Some(begin.as_second())
}
