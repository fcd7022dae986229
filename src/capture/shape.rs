//! How many rows an answer has, and which fields.

use std::collections::BTreeSet;

use super::pieces::{Piece, Pieces};

/// Names of fields that are remembered of an answer. The longest documented rows have three dozen.
const MOST_FIELDS: usize = 500;

/// What can be counted in an answer.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Shape {
    pub(super) rows: u64,
    /// Names of fields, those of nested rows among them.
    pub(super) fields: BTreeSet<String>,
}

impl Shape {
    pub(super) fn of(body: &[u8]) -> Shape {
        let mut shape = Shape::default();
        // How many lists and objects are open where the objects are rows, and where the rows end.
        let (mut depth, mut rows_at) = (0_usize, None);
        let mut is_data = false;
        for piece in Pieces::of(body) {
            match piece {
                Piece::Opened(bracket) => {
                    depth += 1;
                    match (bracket, depth) {
                        (b'[', 1) => rows_at = Some((2, 0)),
                        (b'[', 2) if is_data => rows_at = Some((3, 1)),
                        (b'{', 2) if is_data => rows_at = Some((2, 1)),
                        _ => {}
                    }
                    let is_row = bracket == b'{' && rows_at.is_some_and(|(row, _)| row == depth);
                    shape.rows += u64::from(is_row);
                }
                Piece::Closed(_) => {
                    depth = depth.saturating_sub(1);
                    rows_at = rows_at.filter(|(_, end)| depth > *end);
                }
                Piece::Text { content, is_key: true, .. } if depth == 1 => is_data = content == b"data",
                Piece::Text { content, is_key: true, .. }
                    if rows_at.is_some_and(|(row, _)| depth >= row) && shape.fields.len() < MOST_FIELDS =>
                {
                    shape.fields.insert(String::from_utf8_lossy(content).into_owned());
                }
                _ => {}
            }
        }
        shape
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_fields_are_counted_in_every_form_of_an_answer() {
        for (body, rows, fields) in [
            (r#"{"code":200,"data":[{"a":1,"b":[{"c":{}}]},{"a":{"d":1}}],"x":[{"y":1}]}"#, 2, "a b c d"),
            (r#"[{"a":1},{"b":2}]"#, 2, "a b"),
            (r#"{"data":{"a":[{"b":1}]},"msg":{"c":1}}"#, 1, "a b"),
            (r#"{"data":null}"#, 0, ""),
            (r#"{"data":[{"a":1},{"b":"#, 2, "a b"),
            ("", 0, ""),
        ] {
            let shape = Shape::of(body.as_bytes());
            let found: Vec<&str> = shape.fields.iter().map(String::as_str).collect();
            assert_eq!((shape.rows, found.join(" ").as_str()), (rows, fields), "{body}");
        }
    }
}
