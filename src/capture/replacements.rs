//! What stands in place of a text: nonsense of the same shape, and the same for the same text.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

use super::known;
use crate::series::clean_into;

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;
/// Draws in which what is in the answers anyway is passed over: a replaced id should not be another agent's.
const CAREFUL_DRAWS: u32 = 64;
/// A shorter one is part of too many others.
const SHORTEST_WORD: usize = 4;
/// Draws in all. Short texts have few others of their shape, and each may be taken.
const MOST_DRAWS: u32 = 4096;

/// Letters beyond ASCII that take two bytes, with capitals that do so too.
const ACCENTED: [char; 20] =
    ['á', 'é', 'í', 'ó', 'ú', 'ü', 'ñ', 'ç', 'à', 'è', 'ì', 'ò', 'ù', 'â', 'ê', 'î', 'ô', 'û', 'ã', 'õ'];

/// What stands for each text of one capture. The key is nowhere else: what was replaced cannot be worked out again.
pub(super) struct Replacements {
    key: hmac::Key,
    known: HashMap<String, Arc<[char]>>,
    /// What stands for a text already, and what must not.
    taken: HashSet<String>,
    /// Every text that is to be replaced, and the words of each.
    originals: HashSet<String>,
    /// Those of them that tell of a person by their key.
    personal: Arc<HashSet<String>>,
}

impl Replacements {
    pub(super) fn new(key: &[u8; KEY_BYTES]) -> Replacements {
        Replacements {
            key: hmac::Key::new(hmac::HMAC_SHA256, key),
            known: HashMap::new(),
            taken: known::VALUES.lines().map(str::to_lowercase).collect(),
            originals: HashSet::new(),
            personal: Arc::default(),
        }
    }

    /// Makes known that a text will be replaced, before any is.
    pub(super) fn announce(&mut self, text: &str, is_personal: bool) {
        let folded = folded(text);
        if is_personal {
            Arc::make_mut(&mut self.personal).insert(folded.clone());
        }
        self.originals.extend(words(&folded).map(str::to_owned));
        self.originals.insert(folded);
    }

    pub(super) fn personal(&self) -> Arc<HashSet<String>> {
        Arc::clone(&self.personal)
    }

    /// A character in place of each of the text's that is not a blank. Two texts get the same ones if they differ only
    /// in the blanks around them, in the number of blanks between their words, or in small letters and capitals.
    pub(super) fn of(&mut self, text: &str) -> Arc<[char]> {
        let folded = folded(text);
        if let Some(known) = self.known.get(&folded) {
            return Arc::clone(known);
        }
        let (mut chars, mut shown) = self.draw(&folded, 0);
        if folded.chars().any(char::is_alphanumeric) {
            for draw in 1..MOST_DRAWS {
                let is_free = !self.taken.contains(&shown);
                if is_free && (draw > CAREFUL_DRAWS || !self.is_original(&shown)) {
                    break;
                }
                (chars, shown) = self.draw(&folded, draw);
            }
        }
        self.taken.insert(shown);
        let chars: Arc<[char]> = chars.into();
        self.known.insert(folded, Arc::clone(&chars));
        chars
    }

    /// Whether a text, or a word of it, is one that is to be replaced.
    fn is_original(&self, shown: &str) -> bool {
        self.originals.contains(shown) || words(shown).any(|word| self.originals.contains(word))
    }

    /// Characters of the same kinds, and the text that they make.
    fn draw(&self, folded: &str, draw: u32) -> (Vec<char>, String) {
        let start = hmac::sign(&self.key, &[&draw.to_be_bytes(), folded.as_bytes()].concat());
        let mut stream = Stream { key: &self.key, start, block: 0, bytes: Vec::new() };
        let (mut chars, mut shown) = (Vec::new(), String::new());
        let is_number = super::rules::is_json_number(folded);
        let mut is_in_digits = false;
        for char in folded.chars() {
            if char.is_whitespace() {
                shown.push(char);
                is_in_digits = false;
                continue;
            }
            let other = match char {
                // A leading zero says only that it leads, and before other digits no number may have one.
                '0' if !is_in_digits => '0',
                '1'..='9' if !is_in_digits => digit(1 + stream.below(9), '0'),
                '0'..='9' => digit(stream.below(10), '0'),
                // The `e` of a number; no letter that it could be told by.
                _ if is_number => char,
                _ => like(char, &mut stream),
            };
            is_in_digits = char.is_ascii_digit();
            chars.push(other);
            shown.push(other);
        }
        (chars, shown)
    }
}

/// A text as labels compare it, in small letters where a capital has one of its length.
fn folded(text: &str) -> String {
    let mut clean = String::new();
    clean_into(&mut clean, text);
    let small = |char: char| char.to_lowercase().next().filter(|small| small.len_utf8() == char.len_utf8());
    clean.chars().map(|char| small(char).unwrap_or(char)).collect()
}

/// The words of a text that are long enough to tell of somebody.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|char: char| !char.is_alphanumeric()).filter(|word| word.len() >= SHORTEST_WORD)
}

/// Another character of the same kind that takes as many bytes.
fn like(char: char, stream: &mut Stream<'_>) -> char {
    let from = |start: u32, offset: u32| char::from_u32(start + offset).unwrap_or(char::REPLACEMENT_CHARACTER);
    match (char.len_utf8(), char.is_alphabetic(), char.is_numeric()) {
        (1, true, _) => from(u32::from('a'), stream.below(26)),
        (2, true, _) => ACCENTED[stream.below(20) as usize],
        (3, true, _) => from(0x4e00, stream.below(4096)),
        (4, true, _) => from(0x20000, stream.below(4096)),
        (2, _, true) => digit(stream.below(10), '٠'),
        (3, _, true) => digit(stream.below(10), '०'),
        (4, _, true) => digit(stream.below(10), '𝟎'),
        // A sign of ASCII is part of the shape; any other could be a letter to somebody.
        (1, ..) => char,
        _ if char == char::REPLACEMENT_CHARACTER => char,
        (2, ..) => '§',
        (3, ..) => '※',
        _ => '🂠',
    }
}

fn digit(value: u32, zero: char) -> char {
    char::from_u32(u32::from(zero) + value).unwrap_or(zero)
}

/// Bytes without end that depend on the key and a start.
struct Stream<'k> {
    key: &'k hmac::Key,
    start: hmac::Tag,
    block: u32,
    bytes: Vec<u8>,
}

impl Stream<'_> {
    /// A number below `end`. Where 65,536 is not a multiple of `end`, the lower numbers are likelier, but by less than
    /// a thousandth for an `end` as small as those here.
    fn below(&mut self, end: u32) -> u32 {
        if self.bytes.len() < 2 {
            let block = [self.start.as_ref(), &self.block.to_be_bytes()].concat();
            self.bytes = hmac::sign(self.key, &block).as_ref().to_vec();
            self.block += 1;
        }
        let (low, high) = (self.bytes.pop().unwrap_or_default(), self.bytes.pop().unwrap_or_default());
        u32::from(u16::from_be_bytes([high, low])) % end
    }
}

/// A key that is drawn now and written down nowhere.
pub fn passing_key() -> [u8; KEY_BYTES] {
    let mut key = [0; KEY_BYTES];
    SystemRandom::new().fill(&mut key).expect("Linux has random bytes for everybody once it has started");
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(replacements: &mut Replacements, text: &str) -> String {
        replacements.of(text).iter().collect()
    }

    #[test]
    fn texts_that_a_label_shows_alike_stay_alike_and_others_stay_apart() {
        let mut replacements = Replacements::new(&[7; KEY_BYTES]);
        let one = shown(&mut replacements, "Ana  Núñez");
        for same in ["Ana Núñez", " Ana\u{a0}Núñez\n", "ANA NÚÑEZ"] {
            assert_eq!(shown(&mut replacements, same), one, "{same}");
        }
        assert_ne!(shown(&mut replacements, "AnaNúñez"), one);
        assert_ne!(shown(&mut Replacements::new(&[8; KEY_BYTES]), "Ana Núñez"), one, "with another key");
    }

    #[test]
    fn every_short_text_has_another_one_in_its_place() {
        let mut replacements = Replacements::new(&[7; KEY_BYTES]);
        for texts in [(1..=9).map(|id| id.to_string()).collect::<Vec<_>>(), ('a'..='z').map(String::from).collect()] {
            let all: HashSet<String> = texts.iter().map(|text| shown(&mut replacements, text)).collect();
            assert_eq!(all.len(), texts.len(), "{all:?}");
        }
        assert!(!known::VALUES.lines().any(|word| word.to_lowercase() == shown(&mut replacements, "nb")));
    }

    #[test]
    fn no_id_becomes_another_ones_id_where_there_are_others() {
        let mut replacements = Replacements::new(&[7; KEY_BYTES]);
        let ids: Vec<String> = (120..180).map(|id| id.to_string()).collect();
        for id in &ids {
            replacements.announce(id, true);
        }
        for id in &ids {
            let other = shown(&mut replacements, id);
            assert!(other.len() == 3 && !ids.contains(&other), "{id} became {other}");
        }
    }

    proptest! {
        #[test]
        fn the_shape_of_a_text_stays(text in "\\PC{0,24}") {
            let mut replacements = Replacements::new(&[7; KEY_BYTES]);
            let folded = folded(&text);
            let other = replacements.of(&text);
            let before: Vec<char> = folded.chars().filter(|char| !char.is_whitespace()).collect();
            prop_assert_eq!(before.len(), other.len());
            for (before, after) in before.into_iter().zip(other.iter()) {
                prop_assert_eq!(before.len_utf8(), after.len_utf8(), "{} {}", before, after);
                prop_assert_eq!(before.is_ascii_digit(), after.is_ascii_digit(), "{} {}", before, after);
                prop_assert_eq!(before.is_alphanumeric(), after.is_alphanumeric(), "{} {}", before, after);
            }
        }

        #[test]
        fn a_number_stays_a_number(number in "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,20})?") {
            let other: String = Replacements::new(&[7; KEY_BYTES]).of(&number).iter().collect();
            prop_assert!(super::super::rules::is_json_number(&other), "{} became {}", number, other);
        }
    }
}
