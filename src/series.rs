//! Series: labels, values, and how each is written.
//!
//! Labels are written once, in the form the exposition needs them, and that text is the series' identity:
//! escaping keeps different labels different.

use std::fmt;
use std::hash::BuildHasher;
use std::io::Write;

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};

/// The value of a label that the vendor left blank.
pub const UNKNOWN: &str = "unknown";

/// Longest value of a label where nobody says otherwise. The longest names that integrators tell of have 60 bytes.
pub const LABEL_BYTES: usize = 1_000;

/// Texts in the order they were first seen, each once.
#[derive(Debug, Default)]
pub struct Keys {
    text: String,
    /// Where each key ends in `text`.
    ends: Vec<usize>,
    places: HashTable<u32>,
    /// The place asked for last.
    last: usize,
    /// Of each key: a table that grows need not read all keys again.
    hashes: Vec<u64>,
    hasher: DefaultHashBuilder,
}

impl Keys {
    /// The key's place, the next free one if it is new.
    pub fn place(&mut self, key: &str) -> usize {
        self.last = match self.expected() {
            Some((next, known)) if is_equal(known, key) => next,
            _ => self.look_up(key),
        };
        self.last
    }

    /// The key after the last one, and round again: keys that come again mostly come in the order they came in before,
    /// and to compare with one is quicker than to hash.
    #[inline]
    fn expected(&self) -> Option<(usize, &str)> {
        let next = if self.last + 1 < self.len() { self.last + 1 } else { 0 };
        (!self.is_empty()).then(|| (next, self.get(next)))
    }

    fn look_up(&mut self, key: &str) -> usize {
        let Keys { text, ends, places, hashes, hasher, .. } = self;
        let hash = hasher.hash_one(key);
        let known = places.entry(
            hash,
            |&place| hashes[place as usize] == hash && is_equal(slice(text, ends, place as usize), key),
            |&place| hashes[place as usize],
        );
        match known {
            Entry::Occupied(place) => *place.get() as usize,
            Entry::Vacant(vacant) => {
                let place = ends.len();
                vacant.insert(narrow(place));
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

    /// Bytes that it takes.
    pub fn memory(&self) -> usize {
        self.text.capacity() + 8 * (self.ends.capacity() + self.hashes.capacity()) + self.places.allocation_size()
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

    /// Each place's position among the sorted ones.
    fn ranks(&self) -> Vec<u32> {
        let mut ranks = vec![0; self.len()];
        for (rank, place) in self.sorted().into_iter().enumerate() {
            ranks[place] = narrow(rank);
        }
        ranks
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

/// Eight bytes at a time: to call what compares long texts takes longer than to compare two names.
#[inline]
pub fn is_equal(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    match (a.last_chunk::<8>(), b.last_chunk::<8>()) {
        (Some(a_end), Some(b_end)) => {
            a_end == b_end && a.as_chunks::<8>().0.iter().zip(b.as_chunks().0).all(|(a, b)| a == b)
        }
        _ => a.iter().zip(b).all(|(a, b)| a == b),
    }
}

fn narrow(place: usize) -> u32 {
    u32::try_from(place).expect("an answer of 256 MB has fewer rows than 2^32")
}

/// Labels of series in the order they were first seen, each set once.
///
/// Most sets share what stands before their last label with many others, and the last label with still more: an
/// agent's rows differ in the state only, and the states are few. So each text is kept, compared and sorted once, and a
/// set is a pair of numbers.
#[derive(Debug, Default)]
pub struct Groups {
    prefixes: Keys,
    last_labels: Keys,
    /// Of the group at hand.
    prefix: u32,
    /// Whether the prefix came up just now: until another follows, every group it has is the latest of its last.
    fresh: bool,
    pairs: Vec<Pair>,
    /// Of each last: its latest group.
    latest: Vec<u32>,
    /// For prefixes that come back. Rows mostly stand agent by agent, and then nothing is ever looked up here.
    places: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

/// Places of a prefix and of a last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Pair {
    prefix: u32,
    last: u32,
}

/// Written labels: the last one, and those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Labels<'k> {
    prefix: &'k str,
    last: &'k str,
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

impl Groups {
    /// Turns to the groups that begin with these labels.
    pub fn select_prefix(&mut self, prefix: &str) {
        let known = self.prefixes.len();
        let place = self.prefixes.place(prefix);
        if place == known || place != self.prefix as usize {
            self.fresh = place == known;
            self.prefix = narrow(place);
        }
    }

    /// The place of the group that ends with this label, the next free one if it is new.
    pub fn place(&mut self, last: &str) -> usize {
        let last = self.last_labels.place(last);
        self.place_of(last)
    }

    /// The same for the label that most likely comes next; `None` if what is asked of its text says that it is not it.
    #[inline]
    pub fn place_expected(&mut self, is_it: impl FnOnce(&str) -> bool) -> Option<usize> {
        let (last, _) = self.last_labels.expected().filter(|(_, text)| is_it(text))?;
        self.last_labels.last = last;
        Some(self.place_of(last))
    }

    #[inline]
    fn place_of(&mut self, last: usize) -> usize {
        let pair = Pair { prefix: self.prefix, last: narrow(last) };
        let place = self.find(pair).unwrap_or_else(|| {
            self.pairs.push(pair);
            narrow(self.pairs.len() - 1)
        });
        match self.latest.get_mut(pair.last as usize) {
            Some(latest) => *latest = place,
            None => self.latest.push(place),
        }
        place as usize
    }

    fn find(&mut self, pair: Pair) -> Option<u32> {
        let latest = *self.latest.get(pair.last as usize)?;
        match self.pairs[latest as usize] == pair {
            true => Some(latest),
            false if self.fresh => None,
            false => self.look_up(pair),
        }
    }

    fn look_up(&mut self, pair: Pair) -> Option<u32> {
        let Groups { pairs, places, hasher, .. } = self;
        let hash = |place: &u32| hasher.hash_one(pairs[*place as usize]);
        for place in places.len()..pairs.len() {
            let place = narrow(place);
            places.insert_unique(hash(&place), place, hash);
        }
        places.find(hasher.hash_one(pair), |&place| pairs[place as usize] == pair).copied()
    }

    pub fn get(&self, place: usize) -> Labels<'_> {
        let Pair { prefix, last } = self.pairs[place];
        Labels { prefix: self.prefixes.get(prefix as usize), last: self.last_labels.get(last as usize) }
    }

    pub fn len(&self) -> usize {
        self.pairs.len()
    }

    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// Bytes that they take.
    pub fn memory(&self) -> usize {
        let numbers = 8 * self.pairs.capacity() + 4 * self.latest.capacity() + self.places.allocation_size();
        self.prefixes.memory() + self.last_labels.memory() + numbers
    }

    /// Every place, in the order of the prefixes' and then of the last labels' text.
    pub fn sorted(&self) -> Vec<usize> {
        let (prefixes, last_labels) = (self.prefixes.ranks(), self.last_labels.ranks());
        let rank =
            |pair: &Pair| u64::from(prefixes[pair.prefix as usize]) << 32 | u64::from(last_labels[pair.last as usize]);
        let mut places: Vec<(u64, usize)> = self.pairs.iter().map(rank).zip(0..).collect();
        places.sort_unstable_by_key(|(rank, _)| *rank);
        places.into_iter().map(|(_, place)| place).collect()
    }

    /// The place here of each of the other's groups.
    pub fn join(&mut self, other: &Groups) -> Vec<usize> {
        let theirs = (0..other.len()).map(|place| other.get(place));
        let join = |labels: Labels| {
            self.select_prefix(labels.prefix);
            self.place(labels.last)
        };
        theirs.map(join).collect()
    }
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

    /// Whether this text is what is written for the value, with no label before it. May be cautious: false only sends the
    /// value the long way round.
    #[inline]
    pub fn is_written(&self, text: &str, value: &str) -> bool {
        let written = text.strip_prefix(&self.start[1..]).and_then(|rest| rest.strip_suffix('"'));
        // Where nothing was escaped, what is written is the value, cleaned.
        written.is_some_and(|written| is_equal(written, value)) && !value.contains('\\')
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
        fn texts_are_equal_when_every_byte_is(a in "[ab]{0,3}[a]{0,17}[ab]{0,2}", b in "[ab]{0,3}[a]{0,17}[ab]{0,2}") {
            prop_assert!(is_equal(&a, &a.clone()));
            prop_assert_eq!(is_equal(&a, &b), a == b);
        }

        #[test]
        fn a_group_is_its_stem_and_its_leaf_in_whatever_order_they_come(rows in prop::collection::vec((0..4, 0..4), 0..60)) {
            let (mut groups, mut model) = (Groups::default(), Vec::new());
            for (prefix, last) in rows {
                let row = (format!("s{prefix}"), format!("l{last}"));
                let expected = model.iter().position(|known| *known == row).unwrap_or_else(|| {
                    model.push(row.clone());
                    model.len() - 1
                });
                groups.select_prefix(&row.0);
                prop_assert_eq!(groups.place(&row.1), expected);
            }
            prop_assert_eq!(groups.len(), model.len());
            let sorted: Vec<String> = groups.sorted().into_iter().map(|place| groups.get(place).to_string()).collect();
            model.sort();
            prop_assert_eq!(sorted, model.iter().map(|(prefix, last)| format!("{prefix},{last}")).collect::<Vec<_>>());
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
