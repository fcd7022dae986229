//! What may stay of an answer as it is: the default is nothing.

use super::known;
use crate::catalog::{Report, parse_day};

/// What a value may be, by its key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The envelope's `code`.
    Code,
    /// The envelope's `msg` or `error`.
    Said,
    /// A field that the report reads as a number.
    Measure,
    /// The day of a nested row.
    Day,
    /// A person's, or a customer's: no form of it may stay.
    Personal,
    #[default]
    Other,
}

/// The rules of one report.
pub(super) struct Rules<'r> {
    report: &'r Report,
}

impl<'r> Rules<'r> {
    pub(super) fn of(report: &'r Report) -> Rules<'r> {
        Rules { report }
    }

    pub(super) fn is_declared(&self, key: &str) -> bool {
        self.report.fields().contains(key)
    }

    /// What the values of a key mean. `depth`: how many lists and objects are open around it.
    pub(super) fn meaning(&self, key: &str, depth: usize) -> Meaning {
        let is_measure = |key: &str| self.report.inputs().any(|input| input.field.names().any(|name| name == key));
        let is_label = |key: &str| {
            let mut personal = self.report.all_labels().filter(|label| label.personal.is_some());
            personal.any(|label| label.field.names().any(|name| name == key))
        };
        match key {
            "code" if depth == 1 => Meaning::Code,
            "msg" | "error" if depth == 1 => Meaning::Said,
            _ if is_label(key) => Meaning::Personal,
            _ if self.report.nested.as_ref().is_some_and(|nested| nested.day.as_deref() == Some(key)) => Meaning::Day,
            _ if is_measure(key) => Meaning::Measure,
            _ if words(key).iter().any(|word| known::has_word(known::PERSONAL, word)) => Meaning::Personal,
            _ => Meaning::Other,
        }
    }
}

impl Meaning {
    /// Whether a text may stay.
    pub(super) fn keeps(self, text: &str) -> bool {
        let text = text.trim();
        match self {
            Meaning::Code => is_code(text),
            Meaning::Said => is_count_of_records(text),
            Meaning::Measure => is_measure(text),
            Meaning::Day => is_day(text) || is_moment(text),
            Meaning::Personal => false,
            Meaning::Other => {
                is_duration(text)
                    || text.strip_suffix('%').is_some_and(|number| is_plain_number(number.trim_end()))
                    || is_moment(text)
                    || known::VALUES.lines().any(|word| word.eq_ignore_ascii_case(text))
            }
        }
    }

    /// Whether what may stay of it is also a number of JSON's.
    pub(super) fn is_of_numbers(self) -> bool {
        matches!(self, Meaning::Code | Meaning::Measure | Meaning::Day)
    }
}

/// The words of a key, with the signs between them: `agent_id`, `agentName`, `level_10seg`.
pub(super) fn words(key: &str) -> Vec<&str> {
    let kind = |char: char| match char {
        _ if char.is_ascii_digit() => 0,
        _ if char.is_uppercase() => 1,
        _ if char.is_alphanumeric() => 2,
        _ => 3,
    };
    let (mut words, mut start, mut before) = (Vec::new(), 0, None);
    for (at, char) in key.char_indices() {
        let kind = kind(char);
        // A capital may begin a word of small letters.
        if before.is_some_and(|before| before != kind && (before, kind) != (1, 2)) {
            words.push(&key[start..at]);
            start = at;
        }
        before = Some(kind);
    }
    words.push(&key[start..]);
    words
}

/// Whether a word of a key may stay: it is one of the vendor's, or short enough to say nothing.
pub(super) fn is_plain_word(word: &str) -> bool {
    let is_sign = word.chars().all(|char| char.is_ascii_punctuation() || char.is_whitespace());
    is_sign || is_digits(word, 2) || known::has_word(known::KEYS, word)
}

fn is_digits(text: &str, most: usize) -> bool {
    !text.is_empty() && text.len() <= most && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix('-').unwrap_or(text)
}

fn is_code(text: &str) -> bool {
    is_digits(unsigned(text), 3)
}

/// `24 records were found`.
fn is_count_of_records(text: &str) -> bool {
    text.split_once(' ').is_some_and(|(count, rest)| {
        let rest = rest.to_ascii_lowercase();
        is_digits(count, 6) && (rest == "records were found" || rest == "record was found")
    })
}

/// A number, a duration or a share, short enough to be one: also where it is out of bounds, as `12:61:00`, so that what is
/// refused stays refused. What has as many digits as a phone number is none.
fn is_measure(text: &str) -> bool {
    let text = unsigned(text);
    is_clock(text) || is_plain_number(text.strip_suffix('%').unwrap_or(text).trim_end())
}

/// `1234.5`, `15,233.33`, with at most six digits before the point and four behind it.
fn is_plain_number(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let (first, rest) = whole.split_once(',').map_or((whole, None), |(first, rest)| (first, Some(rest)));
    let most = if rest.is_some() { 3 } else { 6 };
    is_digits(first, most) && rest.is_none_or(|rest| is_digits(rest, 3)) && is_digits(fraction, 4)
}

/// `4:38:08`, whatever the minutes.
fn is_clock(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    matches!(parts[..], [hours, minutes, seconds] if is_digits(hours, 4) && is_digits(minutes, 2) && is_digits(seconds, 2))
}

fn is_duration(text: &str) -> bool {
    let is_sixtieth = |part: &str| part.len() == 2 && part < "60";
    is_clock(text) && text.split(':').skip(1).all(is_sixtieth)
}

/// `20260301`, of this century: other eight digits are an identity document.
fn is_day(text: &str) -> bool {
    text.len() == 8 && is_digits(text, 8) && text.starts_with("20") && parse_day(text).is_some()
}

/// `2026-03-01`, or with a time behind it.
fn is_moment(text: &str) -> bool {
    let (date, time) = text.split_at_checked(10).unwrap_or((text, ""));
    let is_date = date.len() == 10 && date.starts_with("20") && parse_day(date).is_some();
    is_date && (time.is_empty() || time.strip_prefix([' ', 'T']).is_some_and(is_duration))
}

/// Whether a word is a number as JSON has them.
pub(super) fn is_json_number(word: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = word.split_once(['e', 'E']).unwrap_or((word, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let whole = unsigned(whole);
    let is_whole = digits(whole) && (whole == "0" || !whole.starts_with('0'));
    is_whole && digits(fraction) && digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn never_leak_nothing_with_as_many_digits_as_a_phone_stays() {
        let meanings =
            [Meaning::Code, Meaning::Said, Meaning::Measure, Meaning::Day, Meaning::Personal, Meaning::Other];
        for text in [
            "3015550123",
            "301 555 0123",
            "301-555-0123",
            "301.555.0123",
            "301,555,012,3",
            "3,015,550",
            "+573015550123",
            "1234567",
            "0.3015550123",
            "3.01555e9",
            "1e3015550",
            "10523456",
            "19800412",
            "1980-04-12",
            "30155501:23:45",
            "3015550123 records were found",
            "ana@example.com",
            "Ana",
            "192.0.2.7",
        ] {
            for meaning in meanings {
                assert!(!meaning.keeps(text), "{text} as {meaning:?}");
            }
        }
    }

    #[test]
    fn formats_stay_where_no_person_is_told_of() {
        for (meaning, texts) in [
            (Meaning::Measure, &["12", "-5", "00:06:01", "4:38:08", "123:00:00", "12:61:00", "15,233.33 %", "1.5"][..]),
            (Meaning::Other, &["00:06:01", "34.64 %", "35%", "2026-03-01", "2026-03-01 10:00:00", "ok", "No User"]),
            (Meaning::Day, &["20260301", "2026-03-01"]),
            (Meaning::Code, &["200", "-1", "0"]),
            (Meaning::Said, &["24 records were found", "1 record was found"]),
        ] {
            for text in texts {
                assert!(meaning.keeps(text), "{text} as {meaning:?}");
                assert!(!Meaning::Personal.keeps(text), "{text}");
            }
        }
        for text in ["12", "20260301", "Break", "20261301"] {
            assert!(!Meaning::Other.keeps(text), "{text}");
        }
    }

    #[test]
    fn what_a_key_means_is_what_the_report_declares_and_else_what_it_reads_like() {
        let catalog = Catalog::builtin().unwrap();
        let rules = Rules::of(catalog.report("agent_kpi").unwrap());
        for (key, depth, meaning) in [
            ("code", 1, Meaning::Code),
            ("code", 3, Meaning::Other),
            ("msg", 1, Meaning::Said),
            ("msg", 3, Meaning::Personal),
            ("agent_name", 3, Meaning::Personal),
            ("calls", 5, Meaning::Measure),
            ("date", 5, Meaning::Day),
            ("customerPhone", 3, Meaning::Personal),
            ("aux_state", 3, Meaning::Other),
        ] {
            assert_eq!(rules.meaning(key, depth), meaning, "{key}");
        }
    }

    #[test]
    fn a_key_is_taken_apart_into_words() {
        for (key, expected) in [
            ("agent_id", vec!["agent", "_", "id"]),
            ("agentName", vec!["agent", "Name"]),
            ("level_10seg", vec!["level", "_", "10", "seg"]),
            ("Ana Núñez", vec!["Ana", " ", "Núñez"]),
            ("", vec![""]),
        ] {
            assert_eq!(words(key), expected);
        }
    }
}
