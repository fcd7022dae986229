//! What is a series: which labels, which value, and how is each written?
//!
//! Labels are written once, in the form the exposition needs them, and that text is the series' identity:
//! escaping keeps different labels different.

use std::hash::BuildHasher;
use std::io::Write;

use hashbrown::{DefaultHashBuilder, HashTable};

/// The value of a label that the vendor left blank.
pub const UNKNOWN: &str = "unknown";

/// Bytes of a row of the vendor's with the fewest and shortest fields, roughly.
const LEAST_ROW: usize = 64;

/// Texts in the order they were first seen, each once.
#[derive(Debug, Default)]
pub struct Keys {
    text: String,
    /// Where each key ends in `text`.
    ends: Vec<usize>,
    places: HashTable<u32>,
    /// Of each key: a table that grows need not read all keys again.
    hashes: Vec<u64>,
    hasher: DefaultHashBuilder,
}

impl Keys {
    /// Makes room for the keys of an answer of so many bytes: growing bit by bit would copy them again and again. Room
    /// that is not used is never touched, and so costs nothing.
    pub fn expect(&mut self, bytes: usize) {
        self.text.reserve(bytes / 2);
        self.ends.reserve(bytes / LEAST_ROW);
        self.hashes.reserve(bytes / LEAST_ROW);
    }

    /// The key's place, the next free one if it is new.
    pub fn place(&mut self, key: &str) -> usize {
        let Keys { text, ends, places, hashes, hasher } = self;
        let hash = hasher.hash_one(key);
        let known = places.entry(
            hash,
            |&place| hashes[place as usize] == hash && slice(text, ends, place as usize) == key,
            |&place| hashes[place as usize],
        );
        match known {
            hashbrown::hash_table::Entry::Occupied(place) => *place.get() as usize,
            hashbrown::hash_table::Entry::Vacant(vacant) => {
                let place = ends.len();
                vacant.insert(u32::try_from(place).expect("an answer of 256 MB has fewer rows than 2^32"));
                text.push_str(key);
                ends.push(text.len());
                hashes.push(hash);
                place
            }
        }
    }

    pub fn get(&self, place: usize) -> &str {
        slice(&self.text, &self.ends, place)
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Every place, in the order of the keys' text: equal neighbours compress best, and a scrape is stable.
    pub fn sorted(&self) -> Vec<usize> {
        // Most comparisons are decided by the eight bytes behind what all keys have in common, which stand here beside
        // the place: looking up two keys for each would miss the cache twice.
        let shared = self.shared_prefix();
        let mut places: Vec<(u64, usize)> =
            (0..self.len()).map(|place| (head(self.get(place), shared), place)).collect();
        places.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| self.get(a.1).cmp(self.get(b.1))));
        places.into_iter().map(|(_, place)| place).collect()
    }

    /// Bytes that all keys begin with.
    fn shared_prefix(&self) -> usize {
        let first = if self.is_empty() { "" } else { self.get(0) };
        (1..self.len()).fold(first.len(), |shared, place| {
            let pairs = first.as_bytes()[..shared].iter().zip(self.get(place).as_bytes());
            pairs.take_while(|(a, b)| a == b).count()
        })
    }
}

/// Eight bytes of a key from `start` on, as a number that sorts as they do; beyond its end there are zeros.
fn head(key: &str, start: usize) -> u64 {
    let rest = &key.as_bytes()[start..];
    let mut head = [0; 8];
    let length = rest.len().min(8);
    head[..length].copy_from_slice(&rest[..length]);
    u64::from_be_bytes(head)
}

fn slice<'t>(text: &'t str, ends: &[usize], place: usize) -> &'t str {
    let start = if place == 0 { 0 } else { ends[place - 1] };
    &text[start..ends[place]]
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

    fn begin(&self, labels: &mut String) {
        labels.push_str(if labels.is_empty() { &self.start[1..] } else { &self.start });
    }
}

fn escape_into(out: &mut String, value: &str) {
    let mut rest = value;
    // Byte by byte: these three are no part of any longer character, and decoding them all takes twice as long.
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

    proptest! {
        #[test]
        fn equal_keys_share_a_place_and_different_ones_do_not(keys in prop::collection::vec("a{0,2}[ab\\u{0}]{0,10}", 0..60)) {
            let mut places = Keys::default();
            let mut model: Vec<String> = Vec::new();
            for key in &keys {
                let expected = model.iter().position(|known| known == key).unwrap_or_else(|| {
                    model.push(key.clone());
                    model.len() - 1
                });
                prop_assert_eq!(places.place(key), expected);
                prop_assert_eq!(places.get(expected), key);
            }
            let sorted: Vec<&str> = places.sorted().into_iter().map(|place| places.get(place)).collect();
            model.sort();
            prop_assert_eq!(sorted, model);
        }

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
        fn cleaning_twice_changes_nothing(text in "[ \\t\\u{85}\\u{a0}\\u{1680}\\u{2003}\\u{2028}\\u{3000}\\u{7f}a-cñ世]{0,12}") {
            let once = cleaned(&text);
            prop_assert_eq!(&once, &text.split_whitespace().collect::<Vec<_>>().join(" "));
            prop_assert_eq!(cleaned(&once), once);
        }
    }
}
