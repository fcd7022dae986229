//! A text as JSON spells it: characters as they are, or escaped, or broken.

use std::fmt::Write as _;

/// A character of a text, and how it stood there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Letter<'b> {
    /// U+FFFD where it is none.
    pub(super) char: char,
    source: &'b [u8],
    spelling: Spelling,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Spelling {
    Raw,
    /// `\u00f1`, or two such for one character.
    Escaped,
    /// `\n`, `\"`: stands for no letter and no digit.
    Short,
    /// Half of a character, of which nothing but which half is kept.
    Half,
    /// A backslash that begins no escape, with what it would have been one with.
    Broken,
    /// A byte that is no UTF-8.
    Invalid,
}

/// The characters of a text that stands between quotes, or of a word.
pub(super) fn letters(mut content: &[u8]) -> Vec<Letter<'_>> {
    let mut letters = Vec::with_capacity(content.len());
    while let Some(first) = content.first() {
        let (char, length, spelling) = if *first == b'\\' { escape(content) } else { raw(content) };
        let (source, rest) = content.split_at(length);
        letters.push(Letter { char, source, spelling });
        content = rest;
    }
    letters
}

/// What a reader of the text sees.
pub(super) fn text_of(letters: &[Letter<'_>]) -> String {
    letters.iter().map(|letter| letter.char).collect()
}

fn raw(content: &[u8]) -> (char, usize, Spelling) {
    let length = match content[0] {
        0..=0x7f => 1,
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        _ => 4,
    };
    let char = content.get(..length).and_then(|bytes| std::str::from_utf8(bytes).ok()?.chars().next());
    char.map_or((char::REPLACEMENT_CHARACTER, 1, Spelling::Invalid), |char| (char, length, Spelling::Raw))
}

fn escape(content: &[u8]) -> (char, usize, Spelling) {
    let short = |char| (char, 2, Spelling::Short);
    match content.get(1) {
        Some(b'u') => match unit(content) {
            Some(high @ 0xD800..=0xDBFF) => match unit(&content[6..]) {
                Some(low @ 0xDC00..=0xDFFF) => {
                    let scalar = 0x10000 + ((u32::from(high) - 0xD800) << 10) + (u32::from(low) - 0xDC00);
                    let char = char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER);
                    (char, 12, Spelling::Escaped)
                }
                _ => (char::REPLACEMENT_CHARACTER, 6, Spelling::Half),
            },
            Some(0xDC00..=0xDFFF) => (char::REPLACEMENT_CHARACTER, 6, Spelling::Half),
            Some(unit) => {
                let char = char::from_u32(u32::from(unit)).unwrap_or(char::REPLACEMENT_CHARACTER);
                (char, 6, Spelling::Escaped)
            }
            None => {
                let digits = content[2..].iter().take(4).take_while(|byte| byte.is_ascii_alphanumeric()).count();
                (char::REPLACEMENT_CHARACTER, 2 + digits, Spelling::Broken)
            }
        },
        Some(byte @ (b'"' | b'\\' | b'/')) => short(char::from(*byte)),
        Some(b'n') => short('\n'),
        Some(b't') => short('\t'),
        Some(b'r') => short('\r'),
        Some(b'b') => short('\u{8}'),
        Some(b'f') => short('\u{c}'),
        // What follows is looked at by itself.
        _ => (char::REPLACEMENT_CHARACTER, 1, Spelling::Broken),
    }
}

/// The UTF-16 unit that is escaped at the beginning.
fn unit(content: &[u8]) -> Option<u16> {
    let [b'\\', b'u', hex @ ..] = content.get(..6)? else { return None };
    hex.iter().try_fold(0, |unit, digit| Some(unit << 4 | u16::try_from(char::from(*digit).to_digit(16)?).ok()?))
}

impl<'b> Letter<'b> {
    /// Whether something else can stand in its place.
    pub(super) fn can_be_replaced(&self) -> bool {
        matches!(self.spelling, Spelling::Raw | Spelling::Escaped)
    }

    /// As it stood there.
    pub(super) fn source(&self) -> &'b [u8] {
        self.source
    }

    /// Writes it as it stood there.
    pub(super) fn keep(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.source);
    }

    /// Writes another character of the same length in its place, spelled as this one was. Of what cannot be replaced, only
    /// that it was there is written.
    pub(super) fn replace(&self, by: char, out: &mut Vec<u8>) {
        match self.spelling {
            Spelling::Raw => out.extend_from_slice(by.encode_utf8(&mut [0; 4]).as_bytes()),
            Spelling::Escaped => {
                let is_upper = self.source.iter().any(|byte| matches!(byte, b'A'..=b'F'));
                for unit in by.encode_utf16(&mut [0; 2]) {
                    let mut escape = String::from("\\u");
                    // Writing to a String cannot fail.
                    let _ = if is_upper { write!(escape, "{unit:04X}") } else { write!(escape, "{unit:04x}") };
                    out.extend_from_slice(escape.as_bytes());
                }
            }
            Spelling::Short => self.keep(out),
            Spelling::Half => {
                let is_high = matches!(self.source[3], b'8'..=b'9' | b'a'..=b'b' | b'A'..=b'B');
                out.extend_from_slice(if is_high { br"\ud800" } else { br"\udc00" });
            }
            // No digit and no letter that would make an escape of it.
            Spelling::Broken => {
                out.extend_from_slice(&self.source[..self.source.len().min(2)]);
                out.extend(self.source.iter().skip(2).map(|_| b'z'));
            }
            Spelling::Invalid => out.push(0xff),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn replaced(text: &str) -> String {
        let mut out = Vec::new();
        for letter in &letters(text.as_bytes()) {
            letter.replace('x', &mut out);
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_character_is_replaced_in_the_spelling_that_it_had() {
        for (text, expected) in [
            (r"a\u00f1\u00F1", r"x\u0078\u0078"),
            (r#"\n\"\\\/\t"#, r#"\n\"\\\/\t"#),
            (r"\ud841\udf31", r"\u0078"),
            (r"\uD841 \udf31", r"\ud800x\udc00"),
            (r"\u12g4 \q \u1", r"\uzzzzx\xx\uz"),
        ] {
            assert_eq!(replaced(text), expected, "{text}");
        }
        assert_eq!(text_of(&letters(br"a\u00f1\n\ud83d\ude00\ud83d")), "añ\n😀\u{fffd}");
        let mut out = Vec::new();
        for letter in &letters(b"\xf1\xc3(") {
            letter.replace('x', &mut out);
        }
        assert_eq!(out, b"\xff\xffx");
    }

    proptest! {
        #[test]
        fn what_is_kept_is_every_byte(content in proptest::collection::vec(any::<u8>(), 0..48)) {
            let mut out = Vec::new();
            for letter in &letters(&content) {
                letter.keep(&mut out);
            }
            prop_assert_eq!(out, content);
        }
    }
}
