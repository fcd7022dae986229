//! The days of nested rows, moved: an answer of another day is served as one of today.

use jiff::Span;

use super::pieces::{Piece, Pieces};
use crate::catalog::parse_day;

/// The answer with every value of `field` that is a day moved by so many days. Its form and all else stay.
pub fn shift_days(body: &[u8], field: &str, days: i64) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut is_day = false;
    for piece in Pieces::of(body) {
        match piece {
            Piece::Text { content, is_key, is_ended } => {
                out.push(b'"');
                if is_key {
                    is_day = content == field.as_bytes();
                }
                let moved = moved(content, days).filter(|_| is_day && !is_key);
                out.extend_from_slice(moved.as_deref().map_or(content, str::as_bytes));
                out.extend_from_slice(if is_ended { b"\"" } else { b"" });
            }
            Piece::Word { word, is_key } => {
                let moved = moved(word, days).filter(|_| is_day && !is_key);
                out.extend_from_slice(moved.as_deref().map_or(word, str::as_bytes));
            }
            Piece::Between(bytes) => out.extend_from_slice(bytes),
            Piece::Opened(bracket) | Piece::Closed(bracket) => out.push(bracket),
        }
    }
    out
}

fn moved(text: &[u8], days: i64) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?;
    let day = parse_day(text.trim())?.checked_add(Span::new().try_days(days).ok()?).ok()?;
    let start = text.len() - text.trim_start().len();
    let (form, length) = if text.trim().len() == 8 { ("%Y%m%d", 8) } else { ("%Y-%m-%d", 10) };
    Some(format!("{}{}{}", &text[..start], day.strftime(form), &text[start + length..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_move_over_the_ends_of_months_and_all_else_stays() {
        for (body, expected) in [
            (r#"[{"date":"20260301","x":"20260301"}]"#, r#"[{"date":"20260227","x":"20260301"}]"#),
            (r#"{"date": "2026-03-01 10:00:00"}"#, r#"{"date": "2026-02-27 10:00:00"}"#),
            (r#"{"date":20260301,"a":{"date":[" 20260301 "]}}"#, r#"{"date":20260227,"a":{"date":[" 20260227 "]}}"#),
            (r#"{"date":"--","date":"20261301","date":"202"#, r#"{"date":"--","date":"20261301","date":"202"#),
        ] {
            assert_eq!(String::from_utf8(shift_days(body.as_bytes(), "date", -2)).unwrap(), expected);
        }
    }
}
