//! Series: labels, values, and how each is written.
//!
//! Labels are written once, in the form the exposition needs them, and that text is the series' identity:
//! escaping keeps different labels different.

use std::fmt;
use std::io::Write;

/// The value of a label that the vendor left blank.
pub const UNKNOWN: &str = "unknown";

/// Longest value of a label by default. The longest names that integrators tell of have 60 bytes.
pub const LABEL_BYTES: usize = 1_000;

/// Many bytes at a time: to call what compares long texts takes longer than to compare two names.
#[inline]
pub fn is_equal(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    a.len() == b.len()
        && match a.len() {
            0..4 => a.iter().zip(b).all(|(a, b)| a == b),
            4..8 => ends_are_equal::<4>(a, b),
            8..16 => ends_are_equal::<8>(a, b),
            16..=32 => ends_are_equal::<16>(a, b),
            _ => a == b,
        }
}

/// The first bytes and the last ones, which are all where there are no more than twice as many.
#[inline]
fn ends_are_equal<const N: usize>(a: &[u8], b: &[u8]) -> bool {
    a.first_chunk::<N>() == b.first_chunk() && a.last_chunk::<N>() == b.last_chunk()
}

/// Written labels: the last one, and those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Labels<'k> {
    pub prefix: &'k str,
    pub last: &'k str,
}

impl<'k> Labels<'k> {
    /// The parts that there are; a comma belongs between them.
    pub fn parts(self) -> impl Iterator<Item = &'k str> {
        [self.prefix, self.last].into_iter().filter(|part| !part.is_empty())
    }
}

impl fmt::Display for Labels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.parts().collect::<Vec<_>>().join(","))
    }
}

#[inline]
pub fn slice<'t>(text: &'t str, ends: &[usize], place: usize) -> &'t str {
    let start = if place == 0 { 0 } else { ends[place - 1] };
    &text[start..ends[place]]
}

/// Entries of an info family: each has a value for every label of the family, blank where the label is absent.
#[derive(Clone, Debug, PartialEq)]
pub struct InfoEntries {
    labels: usize,
    text: String,
    /// Where each value ends in `text`, entry by entry.
    ends: Vec<usize>,
}

impl InfoEntries {
    /// No entries yet, of a family with so many labels.
    pub fn new(labels: usize) -> InfoEntries {
        InfoEntries { labels: labels.max(1), text: String::new(), ends: Vec::new() }
    }

    /// Appends an entry: missing values are blank, and values beyond the labels are left out.
    pub fn push<'v>(&mut self, values: impl IntoIterator<Item = &'v str>) {
        let values = values.into_iter().chain(std::iter::repeat(""));
        for value in values.take(self.labels) {
            self.text.push_str(value);
            self.ends.push(self.text.len());
        }
    }

    /// The entries, in the order in which they were appended.
    pub fn iter(&self) -> impl Iterator<Item = Vec<&str>> {
        let entries = 0..self.ends.len() / self.labels;
        entries.map(|entry| {
            let values = entry * self.labels..(entry + 1) * self.labels;
            values.map(|value| slice(&self.text, &self.ends, value)).collect()
        })
    }

    /// Bytes that they take.
    pub fn memory(&self) -> usize {
        self.text.capacity() + size_of::<usize>() * self.ends.capacity()
    }
}

/// A label's name, as it stands before its values.
#[derive(Clone, Debug)]
pub struct LabelName {
    /// `,name="`
    start: String,
}

impl LabelName {
    pub fn new(name: &str) -> LabelName {
        LabelName { start: format!(",{name}=\"") }
    }

    /// Appends `name="value"`, escaped, with a comma before it where labels are there already.
    pub fn write(&self, labels: &mut String, value: &str) {
        self.begin(labels);
        escape_into(labels, value);
        labels.push('"');
    }

    /// The same for a value that needs neither cleaning nor escaping; false, and nothing appended, for any other.
    pub fn write_plain(&self, labels: &mut String, value: &str) -> bool {
        let plain = is_plain(value);
        if plain {
            self.begin(labels);
            labels.push_str(value);
            labels.push('"');
        }
        plain
    }

    /// Whether `text`, this label with one value, is what would be written for `value`. The value must have no
    /// backslash: so a text equal to it was not escaped. False may also mean that it was not found out.
    #[inline]
    pub fn is_written(&self, text: &str, value: &str) -> bool {
        let at = self.start.len() - 1;
        text.len() == at + value.len() + 1
            && text.get(at..at + value.len()).is_some_and(|written| is_equal(written, value))
    }

    fn begin(&self, labels: &mut String) {
        labels.push_str(if labels.is_empty() { &self.start[1..] } else { &self.start });
    }
}

/// Shortens a label's value to `most` bytes; true where it did. A mark and a checksum of the whole say so, and keep
/// different values different.
pub fn shorten(value: &mut String, most: usize) -> bool {
    let is_long = value.len() > most;
    if is_long {
        let mark = format!("…{:08x}", crc32fast::hash(value.as_bytes()));
        value.truncate(value.floor_char_boundary(most.saturating_sub(mark.len())));
        value.push_str(&mark);
    }
    is_long
}

fn escape_into(out: &mut String, value: &str) {
    let mut rest = value;
    // Byte by byte: these three bytes are never part of a longer character, and decoding characters takes twice as long.
    while let Some(at) = rest.bytes().position(|byte| matches!(byte, b'\\' | b'"' | b'\n')) {
        out.push_str(&rest[..at]);
        out.push_str(match rest.as_bytes()[at] {
            b'\\' => "\\\\",
            b'"' => "\\\"",
            _ => "\\n",
        });
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
}

/// Appends a value as the exposition formats read it: whole numbers without a point, others shortest.
pub fn write_value(out: &mut Vec<u8>, value: f64) {
    // Most values are whole, and writing those as integers takes a third of the time. Writing to a Vec cannot fail.
    let _ = match whole(value) {
        Some(whole) => write!(out, "{whole}"),
        None => write!(out, "{value}"),
    };
}

/// The integer that the value is, where a double holds it exactly.
#[allow(clippy::cast_possible_truncation, clippy::float_cmp, reason = "that is what is asked here")]
fn whole(value: f64) -> Option<i64> {
    let whole = value as i64;
    (whole as f64 == value && whole.unsigned_abs() < 1 << f64::MANTISSA_DIGITS).then_some(whole)
}

/// Appends the text with blanks trimmed and inner runs of them as one.
pub fn clean_into(out: &mut String, text: &str) {
    if is_plain(text) {
        return out.push_str(text);
    }
    for (index, word) in text.split_whitespace().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        out.push_str(word);
    }
}

const BLANK: u8 = 1;
const NOT_PLAIN: u8 = 2;

/// What each byte means for [`is_plain`].
const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte {
            0x20 => BLANK,
            // Every blank beyond ASCII begins with one of the last four; the letters of Spanish do not.
            0..0x20 | 0x22 | 0x5c | 0x7f | 0xc2 | 0xe1..=0xe3 => NOT_PLAIN,
            _ => 0,
        };
        byte += 1;
    }
    classes
};

/// Whether a text is clean and needs no escaping. Quick and cautious: false only sends it the long way round.
fn is_plain(text: &str) -> bool {
    let (mut found, mut before) = (0, BLANK);
    for byte in text.bytes() {
        let class = CLASSES[usize::from(byte)];
        // Two blanks in a row have their bit in common.
        found |= (class & before) | (class & NOT_PLAIN);
        before = class;
    }
    found == 0 && before != BLANK
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cleaned(text: &str) -> String {
        let mut out = String::new();
        clean_into(&mut out, text);
        out
    }

    #[test]
    fn blanks_are_trimmed_and_inner_runs_become_one() {
        assert_eq!(cleaned("  María   José\u{a0}\n Núñez \t"), "María José Núñez");
        assert_eq!(cleaned("plain name"), "plain name");
        assert_eq!(cleaned(" \u{2003} "), "");
    }

    #[test]
    fn hostile_label_values_stay_one_value() {
        let mut labels = String::new();
        LabelName::new("a").write(&mut labels, "x\"} 1\nfake 2");
        LabelName::new("b").write(&mut labels, "back\\slash");
        assert_eq!(labels, r#"a="x\"} 1\nfake 2",b="back\\slash""#);
    }

    #[test]
    fn values_are_written_as_people_write_them() {
        for (value, text) in [
            (0.0, "0"),
            (361.0, "361"),
            (0.35, "0.35"),
            (-2.5, "-2.5"),
            (1e15, "1000000000000000"),
            (-7.0, "-7"),
            (1e16, "10000000000000000"),
            (f64::NAN, "NaN"),
        ] {
            let mut out = Vec::new();
            write_value(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }

    #[test]
    fn texts_are_equal_when_every_byte_is() {
        for length in 0..70 {
            let text = "a".repeat(length);
            assert!(is_equal(&text, &text.clone()), "{length}");
            assert!(!is_equal(&text, &format!("{text}a")) && !is_equal(&format!("{text}a"), &text), "{length}");
            for place in 0..length {
                let other = format!("{}b{}", &text[..place], &text[place + 1..]);
                assert!(!is_equal(&text, &other), "byte {place} of {length}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_plain_value_is_written_as_the_long_way_writes_it(text in "[ \\t\"\\\\\\n\u{a0}\u{2003}\u{7f}a-cñ世]{0,6}") {
            let (name, mut quick, mut long) = (LabelName::new("a"), String::new(), String::new());
            if name.write_plain(&mut quick, &text) {
                name.write(&mut long, &cleaned(&text));
                prop_assert_eq!(quick, long);
            } else {
                prop_assert_eq!(quick, "");
            }
        }

        #[test]
        fn what_is_taken_for_written_of_a_value_is_what_the_long_way_writes(
            known in "[ \"\\\\a\u{a0}\u{7f}bñ]{1,4}",
            value in "[ a\u{a0}\u{7f}bñ]{0,4}",
        ) {
            let name = LabelName::new("a");
            let written = |value: &str| {
                let mut text = String::new();
                name.write(&mut text, &cleaned(value));
                text
            };
            prop_assert!(!name.is_written(&written(&known), &value) || written(&known) == written(&value));
            prop_assert_eq!(name.is_written(&written(&value), &value), cleaned(&value) == value);
            prop_assert!(!name.is_written("", &value), "of a label that is left out");
        }

        #[test]
        fn cleaning_twice_changes_nothing(text in "[ \\t\\u{85}\\u{a0}\\u{1680}\\u{2003}\\u{2028}\\u{3000}\\u{7f}a-cñ世]{0,12}") {
            let once = cleaned(&text);
            prop_assert_eq!(&once, &text.split_whitespace().collect::<Vec<_>>().join(" "));
            prop_assert_eq!(cleaned(&once), once);
        }
    }
}
