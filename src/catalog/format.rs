//! Formats: how the vendor writes values, and what each becomes.
//!
//! Every value arrives as text. What cannot be read without guessing is refused, so that a `1,5`
//! is never taken for fifteen and an `inf` never reaches a graph.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde::Deserialize;

/// How a field's text becomes a number.
#[derive(Clone, Debug, PartialEq)]
pub enum Format {
    /// One of the vendor's ways, and whether a minus sign may lead.
    Known { kind: FormatKind, signed: bool },
    /// Words, in small letters, that stand for numbers.
    Words(Arc<BTreeMap<String, f64>>),
}

/// The vendor's ways to write a value (`wolkvox-api.md`, Values).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FormatKind {
    /// `HH:MM:SS` with any number of hours, or plain seconds, which may have decimals. Becomes seconds.
    Duration,
    /// `1,234.5`
    Number,
    /// `34.64 %` becomes 0.3464.
    Percent,
    /// Minutes as a number, or `HH:MM:SS`. Becomes seconds.
    Minutes,
    /// Milliseconds as a number. Becomes seconds.
    Milliseconds,
    /// A local time of the operation, `2026-01-31 08:02:08`. Becomes Unix seconds; of two equal hours the earlier counts.
    Timestamp,
    /// `yes` becomes 1, `no` 0.
    YesNo,
    /// A number of 10⁹ bytes. Becomes bytes.
    Gigabytes,
}

impl FormatKind {
    pub const ALL: [FormatKind; 8] = [
        FormatKind::Duration,
        FormatKind::Number,
        FormatKind::Percent,
        FormatKind::Minutes,
        FormatKind::Milliseconds,
        FormatKind::Timestamp,
        FormatKind::YesNo,
        FormatKind::Gigabytes,
    ];
}

impl Format {
    pub fn of(kind: FormatKind) -> Format {
        Format::Known { kind, signed: false }
    }

    /// The value in the metric's base unit, or `None` for text this format does not cover. `zone` is the operation's.
    #[inline]
    pub fn parse(&self, text: &str, zone: &TimeZone) -> Option<f64> {
        let (kind, signed) = match self {
            Format::Known { kind, signed } => (*kind, *signed),
            Format::Words(words) => return words.get(&text.to_lowercase()).copied(),
        };
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) if signed => (true, rest),
            Some(_) => return None,
            None => (false, text),
        };
        let magnitude = match kind {
            FormatKind::Duration => clock(text).or_else(|| plain_seconds(text)),
            FormatKind::Number => number(text),
            FormatKind::Percent => {
                number(text.strip_suffix('%').unwrap_or(text).trim_end()).map(|percent| percent / 100.0)
            }
            FormatKind::Minutes => clock(text).or_else(|| number(text).map(|minutes| minutes * 60.0)),
            FormatKind::Milliseconds => number(text).map(|milliseconds| milliseconds / 1_000.0),
            FormatKind::Timestamp => unix_seconds(text, zone),
            FormatKind::YesNo => yes_no(text),
            FormatKind::Gigabytes => number(text).map(|gigabytes| gigabytes * 1e9),
        }?;
        Some(if negative { -magnitude } else { magnitude })
    }
}

/// Longest run of digits that a double still holds exactly.
const EXACT_DIGITS: usize = 15;

/// `4:38:08`, `99:59:59`, `123:00:00`.
#[inline]
fn clock(text: &str) -> Option<f64> {
    // Nearly all are of this one form, which takes no search.
    let &[h1, h2, b':', m1, m2, b':', s1, s2] = text.as_bytes() else { return clock_of_any_length(text) };
    let (hours, minutes, seconds) = (two_digits(h1, h2)?, two_digits(m1, m2)?, two_digits(s1, s2)?);
    (minutes < 60 && seconds < 60).then(|| f64::from(hours * 3600 + minutes * 60 + seconds))
}

#[inline]
fn two_digits(tens: u8, ones: u8) -> Option<u32> {
    let (tens, ones) = (u32::from(tens.wrapping_sub(b'0')), u32::from(ones.wrapping_sub(b'0')));
    (tens < 10 && ones < 10).then(|| tens * 10 + ones)
}

#[cold]
fn clock_of_any_length(text: &str) -> Option<f64> {
    let (rest, seconds) = text.rsplit_once(':')?;
    let (hours, minutes) = rest.rsplit_once(':')?;
    let total = digits(hours)? * 3600 + sixtieth(minutes)? * 60 + sixtieth(seconds)?;
    Some(total as f64)
}

fn sixtieth(text: &str) -> Option<u64> {
    if text.len() != 2 {
        return None;
    }
    digits(text).filter(|value| *value < 60)
}

/// A comma is refused: none was ever seen in plain seconds, so nobody knows what it means.
fn plain_seconds(text: &str) -> Option<f64> {
    if text.contains(',') { None } else { number(text) }
}

fn unix_seconds(text: &str, zone: &TimeZone) -> Option<f64> {
    let local: DateTime = (text.len() == "2026-01-31 08:02:08".len()).then(|| text.parse().ok())??;
    let at = zone.to_ambiguous_timestamp(local).earlier().ok()?;
    Some(at.as_second() as f64)
}

fn yes_no(text: &str) -> Option<f64> {
    let is = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is(&["yes", "si", "sí", "SÍ"]) { Some(1.0) } else { is(&["no"]).then_some(0.0) }
}

fn digits(text: &str) -> Option<u64> {
    if text.is_empty() || text.len() > EXACT_DIGITS {
        return None;
    }
    text.bytes().try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + u64::from(byte - b'0')))
}

/// Comma thousands, dot decimal: a comma is only believed where a thousands comma can stand.
fn number(text: &str) -> Option<f64> {
    if let Some(value) = digits(text) {
        return Some(value as f64);
    }
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let mut plain = String::with_capacity(text.len());
    let mut groups = whole.split(',');
    let first = groups.next()?;
    let grouped = whole.len() > first.len();
    if first.is_empty() || (grouped && first.len() > 3) {
        return None;
    }
    plain.push_str(first);
    for group in groups {
        if group.len() != 3 {
            return None;
        }
        plain.push_str(group);
    }
    if let Some(fraction) = fraction {
        if fraction.is_empty() {
            return None;
        }
        plain.push('.');
        plain.push_str(fraction);
    }
    let all_digits = plain.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let points = plain.bytes().filter(|byte| *byte == b'.').count();
    let exact = plain.find('.').unwrap_or(plain.len()) <= EXACT_DIGITS && plain.len() <= 2 * EXACT_DIGITS;
    if !all_digits || points > 1 || !exact {
        return None;
    }
    plain.parse().ok()
}

/// The day of a nested row: `20230123`, or a date that begins `2023-01-23`.
pub fn parse_day(text: &str) -> Option<Date> {
    let compact = |text: &str| {
        let year = i16::try_from(digits(text.get(..4)?)?).ok()?;
        let month = i8::try_from(digits(text.get(4..6)?)?).ok()?;
        let day = i8::try_from(digits(text.get(6..8)?)?).ok()?;
        Date::new(year, month, day).ok()
    };
    match text.len() {
        8 => compact(text),
        10.. => text.get(..10)?.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(kind: FormatKind, text: &str) -> Option<f64> {
        Format::of(kind).parse(text, &TimeZone::UTC)
    }

    #[test]
    fn documented_values_are_read() {
        for (kind, text, value) in [
            (FormatKind::Duration, "00:06:01", 361.0),
            (FormatKind::Duration, "4:38:08", 16_688.0),
            (FormatKind::Duration, "99:59:59", 359_999.0),
            (FormatKind::Duration, "123:00:00", 442_800.0),
            (FormatKind::Duration, "3600", 3_600.0),
            (FormatKind::Duration, "100000000000000:00:00", 360_000_000_000_000_000.0),
            (FormatKind::Number, "428", 428.0),
            (FormatKind::Number, "1,234.5", 1_234.5),
            (FormatKind::Number, "1234.5", 1_234.5),
            (FormatKind::Number, "1,234", 1_234.0),
            (FormatKind::Number, "123,456.5", 123_456.5),
            (FormatKind::Number, "0.1234567890123456789", 0.123_456_789_012_345_68),
            (FormatKind::Number, "0.25", 0.25),
            (FormatKind::Percent, "35 %", 0.35),
            (FormatKind::Percent, "34.64 %", 0.3464),
            (FormatKind::Percent, "35%", 0.35),
            (FormatKind::Percent, "15,233.33 %", 152.3333),
            (FormatKind::Minutes, "3", 180.0),
            (FormatKind::Minutes, "1.5", 90.0),
            (FormatKind::Minutes, "00:03:10", 190.0),
            (FormatKind::Duration, "12.75", 12.75),
            (FormatKind::Milliseconds, "85", 0.085),
            (FormatKind::YesNo, "Yes", 1.0),
            (FormatKind::YesNo, "sí", 1.0),
            (FormatKind::YesNo, "NO", 0.0),
            (FormatKind::Gigabytes, "1.5", 1_500_000_000.0),
        ] {
            assert_eq!(parse(kind, text), Some(value), "{text}");
        }
    }

    #[test]
    fn never_lie_what_cannot_be_read_is_no_number() {
        for kind in FormatKind::ALL {
            for text in [
                "",
                "abc",
                "-5",
                "-00:01:00",
                "NaN",
                "inf",
                "1e5",
                "+5",
                "1,5",
                "12,34",
                "1,2345",
                "1234,567",
                ",5",
                ",500",
                "5.",
                ".5",
                "1.2.3",
                "12:60:00",
                "12:00:60",
                "12:70:00",
                "12:00:70",
                "12:5:00",
                "1a:00:00",
                "a1:00:00",
                "00:0a:00",
                "00:00:0a",
                "1::00:00",
                ":1:00:00",
                "00:00:1/",
                ":00:00",
                "1:00",
                "1:2:3:4",
                "99999999999999999999",
                "٣",
                "5 s",
                "0x10",
            ] {
                assert_eq!(parse(kind, text), None, "{kind:?} {text:?}");
            }
        }
    }

    #[test]
    fn a_minus_is_read_only_where_the_catalogue_allows_it() {
        let signed = Format::Known { kind: FormatKind::Number, signed: true };
        assert_eq!(signed.parse("-5", &TimeZone::UTC), Some(-5.0));
        assert_eq!(signed.parse("--5", &TimeZone::UTC), None);
    }

    #[test]
    fn a_local_time_is_read_in_the_operations_zone_and_of_two_equal_hours_the_earlier_counts() {
        let read =
            |text: &str, zone: &str| Format::of(FormatKind::Timestamp).parse(text, &TimeZone::get(zone).unwrap());
        let at = |text: &str| Some(text.parse::<jiff::Timestamp>().unwrap().as_second() as f64);
        assert_eq!(read("2026-01-31 08:02:08", "America/Bogota"), at("2026-01-31T13:02:08Z"));
        assert_eq!(read("2026-11-01 01:30:00", "America/New_York"), at("2026-11-01T05:30:00Z"));
        for wrong in ["2026-01-31", "08:02:08", "2026-02-30 08:02:08", "2026-01-31 08:02", "0000-00-00 00:00:00"] {
            assert_eq!(read(wrong, "America/Bogota"), None, "{wrong}");
        }
    }

    #[test]
    fn a_word_is_read_as_its_number_whatever_its_case_and_no_other_word_is() {
        let words = BTreeMap::from([("started".to_owned(), 1.0), ("stopped".to_owned(), 0.0)]);
        let format = Format::Words(Arc::new(words));
        let read = |text: &str| format.parse(text, &TimeZone::UTC);
        assert_eq!((read("STARTED"), read("Stopped"), read("paused"), read("1")), (Some(1.0), Some(0.0), None, None));
    }

    #[test]
    fn days_are_read_in_both_documented_forms() {
        let day = Some(jiff::civil::date(2023, 1, 23));
        assert_eq!(parse_day("20230123"), day);
        assert_eq!(parse_day("2023-01-23"), day);
        assert_eq!(parse_day("2023-01-23 10:00:00"), day);
        for wrong in ["", "2023", "20231301", "2023012é", "abcdefgh", "2023-01-3x"] {
            assert_eq!(parse_day(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_as_a_finite_number_or_not_at_all(text in "\\PC{0,24}") {
            for kind in FormatKind::ALL {
                let value = Format::Known { kind, signed: true }.parse(&text, &TimeZone::UTC);
                prop_assert!(value.is_none_or(f64::is_finite));
            }
            parse_day(&text);
        }

        #[test]
        fn a_duration_survives_writing_and_reading(seconds in 0_u32..2_000_000) {
            let text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
            prop_assert_eq!(parse(FormatKind::Duration, &text), Some(f64::from(seconds)));
        }
    }
}
