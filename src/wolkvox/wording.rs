//! What the vendor itself says of a refusal: for the eyes of whoever sits at a console, and for no log and no page.

use std::fmt;

use super::token::Token;

/// Most characters that a console shows.
const SHOWN: usize = 200;
/// Most bytes that are kept; the documented texts have 60.
const KEPT: usize = 4096;

/// A text of the vendor's that could hold anything, a token or a name too. It has no `Display`, and its `Debug` shows
/// nothing.
#[derive(Clone, PartialEq)]
pub struct Wording(String);

impl Wording {
    /// `None` where nothing is said.
    pub(super) fn of(text: &str) -> Option<Wording> {
        let kept = &text[..text.floor_char_boundary(KEPT)];
        Wording::of_words(kept, kept.len() < text.len())
    }

    /// `cut`: the last word may be half a token, which nothing would mask.
    fn of_words(text: &str, cut: bool) -> Option<Wording> {
        let mut words: Vec<&str> = text.split_whitespace().collect();
        if cut {
            words.pop();
        }
        (!words.is_empty()).then(|| Wording(words.join(" ")))
    }

    /// The words of a page without its tags, as proxies and web servers write them.
    pub(super) fn of_page(body: &[u8]) -> Option<Wording> {
        let page = String::from_utf8_lossy(&body[..body.len().min(KEPT)]);
        let mut parts = page.split('<');
        let before = parts.next().unwrap_or_default().to_owned();
        let words = parts.filter_map(|part| part.split_once('>').map(|(_, words)| words));
        Wording::of_words(&words.fold(before, |text, words| text + " " + words), body.len() > KEPT)
    }

    /// One line of at most 200 characters, in which the token is `***` and every digit is `#`.
    pub fn masked(&self, token: &Token) -> String {
        let hidden = token.hidden_in(&self.0);
        let masked =
            hidden.chars().filter(|char| !char.is_control()).map(|char| if char.is_numeric() { '#' } else { char });
        let mut line: String = masked.clone().take(SHOWN).collect();
        if masked.count() > SHOWN {
            line.push('…');
        }
        line
    }
}

impl fmt::Debug for Wording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wording")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_leak_a_console_sees_neither_the_token_nor_a_digit() {
        let token = Token::parse("s3cr3t.t0ken").unwrap();
        for (text, shown) in [
            ("no access for s3cr3t.t0ken", "no access for ***"),
            ("NO ACCESS FOR S3CR3T.T0KEN", "NO ACCESS FOR ***"),
            ("call 300 123 4567\u{1b}[31m\nnow", "call ### ### ####[##m now"),
            (" \t\n ", ""),
        ] {
            let said = Wording::of(text).map_or_else(String::new, |said| said.masked(&token));
            assert_eq!(said, shown, "{text:?}");
        }
        let half = format!("{}s3cr3t.t0ken", " ".repeat(KEPT - 6));
        assert_eq!((Wording::of(&half), Wording::of_page(half.as_bytes())), (None, None));
        let said = Wording::of(&"ñandú ".repeat(2_000)).unwrap();
        assert_eq!(said.masked(&token).chars().count(), SHOWN + 1);
        assert_eq!(format!("{said:?}"), "Wording");
    }

    #[test]
    fn of_a_page_the_words_are_shown_and_not_its_tags() {
        let page = b"<html><head><title>Blocked</title></head>\n<body><h1>Ask your\xff administrator</h1>";
        let said = Wording::of_page(page).unwrap();
        assert_eq!(said.masked(&Token::parse("x").unwrap()), "Blocked Ask your\u{fffd} administrator");
        assert_eq!(Wording::of_page(b"<html></html>"), None);
    }
}
