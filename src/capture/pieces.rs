//! JSON taken apart without a parser: whatever is broken in it, each byte is in one piece.

/// What an answer is made of, from its first byte to its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'b> {
    /// Blanks, commas and colons.
    Between(&'b [u8]),
    /// A bracket that begins a list or an object.
    Opened(u8),
    /// A bracket that ends one, or one too many.
    Closed(u8),
    /// A text without its quotes. The last one of an answer that is cut off has no second quote.
    Text { content: &'b [u8], is_key: bool, is_ended: bool },
    /// A number, a literal, or what is no JSON at all.
    Word { word: &'b [u8], is_key: bool },
}

/// The pieces of an answer in their order.
pub(super) struct Pieces<'b> {
    rest: &'b [u8],
    /// Of each list or object that is open, whether a key is next in it.
    key_is_next: Vec<bool>,
    /// Of each, whether it is an object. Apart from the other, so that a level takes two bytes.
    is_object: Vec<bool>,
}

impl<'b> Pieces<'b> {
    pub(super) fn of(bytes: &'b [u8]) -> Pieces<'b> {
        Pieces { rest: bytes, key_is_next: Vec::new(), is_object: Vec::new() }
    }

    fn split(&mut self, at: usize) -> &'b [u8] {
        let (piece, rest) = self.rest.split_at(at);
        self.rest = rest;
        piece
    }

    fn expect_key(&mut self, is_next: bool) {
        if let (Some(expected), Some(true)) = (self.key_is_next.last_mut(), self.is_object.last()) {
            *expected = is_next;
        }
    }

    fn is_at_key(&self) -> bool {
        self.key_is_next.last() == Some(&true)
    }
}

impl<'b> Iterator for Pieces<'b> {
    type Item = Piece<'b>;

    fn next(&mut self) -> Option<Piece<'b>> {
        let first = *self.rest.first()?;
        Some(match first {
            b'{' | b'[' => {
                self.split(1);
                self.key_is_next.push(first == b'{');
                self.is_object.push(first == b'{');
                Piece::Opened(first)
            }
            b'}' | b']' => {
                self.split(1);
                self.key_is_next.pop();
                self.is_object.pop();
                Piece::Closed(first)
            }
            b'"' => {
                let length = text_length(&self.rest[1..]);
                let is_ended = 1 + length < self.rest.len();
                let quoted = self.split(1 + length + usize::from(is_ended));
                Piece::Text { content: &quoted[1..=length], is_key: self.is_at_key(), is_ended }
            }
            _ if is_between(first) => {
                let length = self.rest.iter().position(|byte| !is_between(*byte)).unwrap_or(self.rest.len());
                let between = self.split(length);
                if let Some(last) = between.iter().rev().find(|byte| matches!(byte, b',' | b':')) {
                    self.expect_key(*last == b',');
                }
                Piece::Between(between)
            }
            _ => {
                let ends = |byte: &u8| is_between(*byte) || b"{}[]\"".contains(byte);
                let length = self.rest.iter().position(ends).unwrap_or(self.rest.len());
                Piece::Word { word: self.split(length), is_key: self.is_at_key() }
            }
        })
    }
}

fn is_between(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',' | b':')
}

/// Bytes up to the quote that ends a text, or up to the end where none does.
fn text_length(rest: &[u8]) -> usize {
    let mut at = 0;
    while let Some(found) = memchr::memchr2(b'"', b'\\', &rest[at..]) {
        at += found;
        if rest[at] == b'"' {
            return at;
        }
        at = (at + 2).min(rest.len());
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for piece in Pieces::of(bytes) {
            match piece {
                Piece::Between(part) | Piece::Word { word: part, .. } => out.extend_from_slice(part),
                Piece::Opened(bracket) | Piece::Closed(bracket) => out.push(bracket),
                Piece::Text { content, is_ended, .. } => {
                    out.push(b'"');
                    out.extend_from_slice(content);
                    out.extend_from_slice(if is_ended { b"\"" } else { b"" });
                }
            }
        }
        out
    }

    fn keys(text: &str) -> Vec<String> {
        let key = |piece| match piece {
            Piece::Text { content, is_key: true, .. } | Piece::Word { word: content, is_key: true } => {
                Some(String::from_utf8(content.to_vec()).unwrap())
            }
            _ => None,
        };
        Pieces::of(text.as_bytes()).filter_map(key).collect()
    }

    #[test]
    fn keys_are_told_from_values_also_where_the_json_is_broken() {
        for (text, expected) in [
            (r#"{"a":"x","b":["c",{"d":1}],"e":{}}"#, vec!["a", "b", "d", "e"]),
            (r#"["a",{"b":"c"},"d"]"#, vec!["b"]),
            (r#"{"a" "b" "c""#, vec!["a", "b", "c"]),
            (r#"{"a":1 "b":2,"c"#, vec!["a", "c"]),
            (r"{a:1,'b':2}", vec!["a", "'b'"]),
            (r#"}]{"a":1}"#, vec!["a"]),
            (r#""a":{"b\"":1}"#, vec![r#"b\""#]),
        ] {
            assert_eq!(keys(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_byte_is_in_one_piece(bytes in proptest::collection::vec(prop_oneof![
            3 => proptest::sample::select(br#"{}[]",:\ u0a1e+-.tn"#.to_vec()),
            1 => any::<u8>(),
        ], 0..64)) {
            prop_assert_eq!(written(&bytes), bytes);
        }
    }
}
