//! Groups: sets of equal labels, each kept once. Speed machinery.
//!
//! An agent's rows come one after the other and differ in the last label only, and last labels are few. So a group is a pair
//! of numbers, and each text is kept, compared and sorted once:
//!
//! ```text
//! rows                        prefixes                       last labels           groups
//! Ana  Break   00:01:00   →   0  agent_name="Ana"            0  state="Break"      0  (0, 0)
//! Ana  Lunch   00:30:00   →                                  1  state="Lunch"      1  (0, 1)
//! Luz  Break   00:02:00   →   1  agent_name="Luz"                                  2  (1, 0)
//! ```
//!
//! What it buys: with an `IndexSet` of whole label sets in its place, adding up 60,000 rows took 2.2 to 2.5 times as long, and a
//! whole poll 1.7 times (`cargo bench --bench scrape --features jemalloc -- polls`, in turns). A row is mostly compared with the
//! one text that is expected next, and hashed only where it is another.

use std::hash::BuildHasher;

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};

use crate::series::{Labels, is_equal, slice};

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

    #[inline]
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
    /// Whether the prefix is a new one. Until another is selected, `latest` has all of its groups, and a group that
    /// is not there is new without a look-up.
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

    /// The same for the label that most likely comes next; `None` if `is_it` says that its text is another.
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
        fn a_group_is_its_prefix_and_its_last_label_in_whatever_order_they_come(rows in prop::collection::vec((0..4, 0..4), 0..60)) {
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
    }

    #[test]
    fn the_memory_told_is_at_least_what_texts_and_numbers_take_and_at_most_twice_that() {
        let (mut groups, count) = (Groups::default(), 1024);
        for number in 0..count {
            groups.select_prefix(&format!("p{number:07}"));
            groups.place(&format!("l{:07}", number % (count / 2)));
        }
        for keys in [&groups.prefixes, &groups.last_labels] {
            let least = keys.len() * (8 + size_of::<usize>() + size_of::<u64>() + size_of::<u32>());
            assert!((least..=2 * least).contains(&keys.memory()), "{} of {least}", keys.memory());
        }
        let numbers = |groups: &Groups| groups.memory() - groups.prefixes.memory() - groups.last_labels.memory();
        let least = count * size_of::<Pair>() + count / 2 * size_of::<u32>();
        let before = numbers(&groups);
        assert!((least..=2 * least).contains(&before), "{before} of {least}");
        // A prefix that comes back is looked up, and for that every group is in a table.
        groups.select_prefix("p0000000");
        assert_eq!(groups.place("l0000000"), 0);
        let table = numbers(&groups) - before;
        assert!((count * size_of::<u32>()..=4 * count * size_of::<u32>()).contains(&table), "{table} for {count}");
    }

    #[test]
    fn keys_that_come_again_are_expected_in_the_order_they_came_in_before() {
        let mut keys = Keys::default();
        assert_eq!(keys.expected(), None);
        for key in ["a", "b", "c"] {
            keys.place(key);
        }
        for (place, key) in [(0, "a"), (1, "b"), (2, "c"), (0, "a")] {
            assert_eq!(keys.expected(), Some((place, key)));
            keys.place(key);
        }
        keys.place("c");
        assert_eq!(keys.expected(), Some((0, "a")), "the one behind it, though it came out of turn");
    }

    #[test]
    fn nothing_is_looked_up_where_rows_stand_agent_by_agent() {
        let mut groups = Groups::default();
        for agent in ["Ana", "Eva", "Luz"] {
            for state in ["Break", "Lunch", "Break"] {
                groups.select_prefix(agent);
                groups.place(state);
            }
        }
        assert_eq!((groups.len(), groups.places.len()), (6, 0));
        // Nor is a label that comes next in its turn.
        assert_eq!(groups.place_expected(|label| label == "Lunch"), Some(5));
        assert_eq!(groups.place_expected(|label| label == "Lunch"), None);
    }
}
