//! Halves of characters, and what becomes of them.
//!
//! JSON escapes what is beyond 16 bits as two surrogates, `\ud83d\ude00`. A vendor that cuts a text between them sends
//! what is no character, and for that the parser would refuse the whole answer.

use std::borrow::Cow;

/// What stands for a lone surrogate: as long as any, so that all else stays where it is.
const REPLACEMENT: &[u8; 6] = br"\ufffd";

/// A body whose lone surrogates are escaped U+FFFD; the same body where it has none, as nearly all have.
pub fn without_lone_surrogates(body: &[u8]) -> Cow<'_, [u8]> {
    let Some(mut place) = find_lone(body, 0) else { return Cow::Borrowed(body) };
    let mut mended = body.to_vec();
    loop {
        mended[place..place + REPLACEMENT.len()].copy_from_slice(REPLACEMENT);
        match find_lone(body, place + REPLACEMENT.len()) {
            Some(next) => place = next,
            None => return Cow::Owned(mended),
        }
    }
}

/// How many bytes of a body that still comes in can be looked at already: up to an escape, or a pair of escapes, that
/// may not be whole yet.
pub(super) fn settled(body: &[u8]) -> usize {
    let mut at = 0;
    while let Some(backslash) = memchr::memchr(b'\\', &body[at..]) {
        at += backslash;
        let left = body.len() - at;
        at += match unit(body, at) {
            Some(0xD800..=0xDBFF) if left < 12 => return at,
            Some(0xD800..=0xDBFF) if matches!(unit(body, at + 6), Some(0xDC00..=0xDFFF)) => 12,
            Some(_) => 6,
            None if left < 6 => return at,
            None => 2,
        };
    }
    body.len()
}

/// Where the first lone surrogate from `at` on is escaped. Outside of texts a backslash is no JSON anyway.
fn find_lone(body: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr::memchr(b'\\', body.get(at..)?)?;
        at += match unit(body, at) {
            Some(0xD800..=0xDBFF) if matches!(unit(body, at + 6), Some(0xDC00..=0xDFFF)) => 12,
            Some(0xD800..=0xDFFF) => return Some(at),
            Some(_) => 6,
            // Another escape: what follows the backslash begins none.
            None => 2,
        };
    }
}

/// The UTF-16 unit that is escaped at a place.
fn unit(body: &[u8], at: usize) -> Option<u16> {
    let [b'\\', b'u', hex @ ..] = body.get(at..at + 6)? else { return None };
    hex.iter().try_fold(0, |unit, digit| Some(unit << 4 | u16::try_from(char::from(*digit).to_digit(16)?).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lone_surrogates_become_as_many_bytes_of_replacement_and_all_else_stays() {
        for (body, expected) in [
            (r#""\ud83d\ude00 \u00f1 \\ud83d""#, r#""\ud83d\ude00 \u00f1 \\ud83d""#),
            (r#""a \ud83deude00""#, r#""a \ufffdeude00""#),
            (r#""\uD83D\uD83D\uDE00\uDE00""#, r#""\ufffd\uD83D\uDE00\ufffd""#),
            (r#""\\\ud83d\n""#, r#""\\\ufffd\n""#),
            (r#""\ud83d\u0041""#, r#""\ufffd\u0041""#),
            (r#""\ud83"#, r#""\ud83"#),
            (r#""\u+83d\ud8 0""#, r#""\u+83d\ud8 0""#),
            ("\\", "\\"),
            ("", ""),
        ] {
            let mended = without_lone_surrogates(body.as_bytes());
            assert_eq!(std::str::from_utf8(&mended), Ok(expected));
            assert_eq!(matches!(mended, Cow::Borrowed(_)), body == expected, "{body}");
        }
    }
}
