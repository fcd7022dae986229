//! An answer as it may be shown: what tells of anybody is replaced, and all else stays, byte by byte.

use std::collections::HashSet;

use super::known;
use super::pieces::{Piece, Pieces};
use super::replacements::Replacements;
use super::rules::{Meaning, Rules, is_json_number, is_plain_word, words};
use super::spelling::{Letter, letters, text_of};

/// Some servers write it before their JSON.
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
/// An id in a field of numbers looks like one of them. From this length on, it is rather an id than equal to one by chance.
const SHORTEST_ID: usize = 4;

/// Makes known what will be replaced in an answer, before any of it is.
pub(super) fn announce(body: &[u8], rules: &Rules<'_>, replacements: &mut Replacements) {
    walk(body, rules, &HashSet::new(), &mut |part| {
        if let Part::Replaced { text, meaning, .. } = part {
            replacements.announce(&text, meaning == Meaning::Personal);
        }
    });
}

/// The answer with replacements.
pub(super) fn masked(body: &[u8], rules: &Rules<'_>, replacements: &mut Replacements) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let personal = replacements.personal();
    walk(body, rules, &personal, &mut |part| match part {
        Part::Kept(bytes) => out.extend_from_slice(bytes),
        Part::Replaced { letters, text, .. } => {
            let mut others = replacements.of(&text).iter().copied().collect::<Vec<char>>().into_iter();
            for letter in letters {
                if letter.char.is_whitespace() {
                    letter.keep(&mut out);
                    continue;
                }
                let other = others.next().unwrap_or('x');
                let is_capital = letter.can_be_replaced() && letter.char.is_uppercase();
                letter.replace(if is_capital { capital(other) } else { other }, &mut out);
            }
        }
    });
    out
}

fn capital(char: char) -> char {
    char.to_uppercase().next().unwrap_or(char)
}

/// A part of an answer.
enum Part<'p, 'b> {
    Kept(&'b [u8]),
    Replaced { letters: &'p [Letter<'b>], text: String, meaning: Meaning },
}

/// Takes an answer apart into what stays and what does not, from its first byte to its last. No number stays that is one
/// of the `personal` texts.
fn walk<'b>(body: &'b [u8], rules: &Rules<'_>, personal: &HashSet<String>, take: &mut dyn FnMut(Part<'_, 'b>)) {
    let is_id = |number: &str| number.len() >= SHORTEST_ID && personal.contains(number);
    let keeps = |meaning: Meaning, text: &str| {
        meaning.keeps(text) && !text.split(|char: char| !char.is_ascii_digit()).any(is_id)
    };
    let (mark, body) = body.split_at(if body.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 });
    take(Part::Kept(mark));
    // What the values mean that come next, for each list or object that is open.
    let mut meanings = vec![Meaning::Other];
    for piece in Pieces::of(body) {
        let depth = meanings.len() - 1;
        let meaning = meanings.last().copied().unwrap_or_default();
        match piece {
            Piece::Between(bytes) => take(Part::Kept(bytes)),
            Piece::Opened(bracket) => {
                meanings.push(meaning);
                take(Part::Kept(if bracket == b'{' { b"{" } else { b"[" }));
            }
            Piece::Closed(bracket) => {
                if depth > 0 {
                    meanings.pop();
                }
                take(Part::Kept(if bracket == b'}' { b"}" } else { b"]" }));
            }
            Piece::Text { content, is_key, is_ended } => {
                take(Part::Kept(b"\""));
                if is_key {
                    let meaning = key(content, depth, rules, take);
                    meanings[depth] = meaning;
                } else {
                    value(content, meaning, &keeps, take);
                }
                take(Part::Kept(if is_ended { b"\"" } else { b"" }));
            }
            Piece::Word { word, is_key: true } => {
                let meaning = key(word, depth, rules, take);
                meanings[depth] = meaning;
            }
            Piece::Word { word: word @ (b"true" | b"false" | b"null"), .. } => take(Part::Kept(word)),
            Piece::Word { word, .. } => match std::str::from_utf8(word) {
                Ok(number) if is_json_number(number) && meaning.is_of_numbers() && keeps(meaning, number) => {
                    take(Part::Kept(word));
                }
                _ => replaced(&letters(word), meaning, take),
            },
        }
    }
}

/// Of a key, words stay that the vendor uses. Says what its values mean.
fn key<'b>(content: &'b [u8], depth: usize, rules: &Rules<'_>, take: &mut dyn FnMut(Part<'_, 'b>)) -> Meaning {
    let spelled = letters(content);
    let text = text_of(&spelled);
    // A day may be a key too, and says no more than it does as a value.
    if rules.is_declared(&text) || Meaning::Day.keeps(&text) {
        take(Part::Kept(content));
    } else {
        by_words(&spelled, &words(&text), is_plain_word, take);
    }
    rules.meaning(&text, depth)
}

fn value<'b>(
    content: &'b [u8],
    meaning: Meaning,
    keeps: &dyn Fn(Meaning, &str) -> bool,
    take: &mut dyn FnMut(Part<'_, 'b>),
) {
    let spelled = letters(content);
    let text = text_of(&spelled);
    if keeps(meaning, &text) {
        take(Part::Kept(content));
    } else if meaning == Meaning::Said {
        by_words(&spelled, &sentence(&text), is_said, take);
    } else {
        replaced(&spelled, meaning, take);
    }
}

/// The words of a sentence, with blanks and signs between them. What could be a token or an address is one word.
fn sentence(text: &str) -> Vec<&str> {
    let is_sign = |char: char| char.is_whitespace() || "(),;:!?.'\"".contains(char);
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|char| is_sign(char) != is_sign(first)).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        words.push(word);
        rest = behind;
    }
    words
}

/// Whether a word of what the vendor says may stay: the documented texts have no others.
fn is_said(word: &str) -> bool {
    let is_sign = word.chars().all(|char| !char.is_alphanumeric() && char.is_ascii());
    let is_count = word.len() <= 2 && word.bytes().all(|byte| byte.is_ascii_digit());
    is_sign || is_count || known::has_word(known::SAID, word)
}

/// `words` are all of a text, one after the other.
fn by_words<'b>(
    spelled: &[Letter<'b>],
    words: &[&str],
    stays: impl Fn(&str) -> bool,
    take: &mut dyn FnMut(Part<'_, 'b>),
) {
    let mut rest = spelled;
    for word in words {
        let (letters, behind) = rest.split_at(word.chars().count().min(rest.len()));
        rest = behind;
        // Even a word that may stay is kept only where each of its letters is a character or the `\u` escape of one:
        // how the others are written is for `Letter::replace`.
        if stays(word) && letters.iter().all(Letter::can_be_replaced) {
            keep(letters, take);
        } else {
            replaced(letters, Meaning::Other, take);
        }
    }
}

fn keep<'b>(letters: &[Letter<'b>], take: &mut dyn FnMut(Part<'_, 'b>)) {
    for letter in letters {
        take(Part::Kept(letter.source()));
    }
}

fn replaced<'b>(letters: &[Letter<'b>], meaning: Meaning, take: &mut dyn FnMut(Part<'_, 'b>)) {
    let text = text_of(letters);
    if text.trim().is_empty() {
        keep(letters, take);
    } else {
        take(Part::Replaced { letters, text, meaning });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::replacements::KEY_BYTES;
    use super::*;
    use crate::catalog::Catalog;

    fn masked_as(report: &str, body: &[u8]) -> Vec<u8> {
        let catalog = Catalog::builtin().unwrap();
        let rules = Rules::of(catalog.report(report).unwrap());
        let mut replacements = Replacements::new(&[7; KEY_BYTES]);
        announce(body, &rules, &mut replacements);
        masked(body, &rules, &mut replacements)
    }

    fn text_as(report: &str, body: &str) -> String {
        String::from_utf8(masked_as(report, body.as_bytes())).unwrap()
    }

    #[test]
    fn of_a_documented_answer_names_ids_and_states_are_replaced_and_all_else_stays() {
        let body = r#"{"code":200, "error":null,"msg":"2 records were found","data":[
            {"agent_id":"12001","agent_dni":"","agent_name":"COM-Ana  Nu\u00f1ez ","aux_state":"Almuerzo","time":"00:12:31"},
            {"agent_id":12001,"agent_dni":"-","agent_name":"COM-ana Nuñez","aux_state":"ACW","time":"4:38:08"}]}"#;
        insta::assert_snapshot!(text_as("agent_aux_time", body));
    }

    #[test]
    fn never_leak_what_is_nowhere_declared_is_replaced_wherever_it_hides() {
        let body = r#"{"code":"403 Juan Perez","msg":"NO ACCESS FOR Juan Perez, TOKEN s3cr3t-t0ken","juan":"perez","data":[{
            "Juan Pérez":{"3015550123":[3015550123,-3015550123,3.015550123e9,1e3015550123,"juan@perez.example"]},
            "time":{"juan_perez":"Juan"},"time":"3015550123","agent_id":{"x":"2026-03-01"},
            "sentiment_score":"35 %","queue_10seg":"12","2026-03-01":"hola Juan"}]}"#;
        insta::assert_snapshot!(text_as("agent_aux_time", body));
    }

    #[test]
    fn broken_json_stays_broken_where_it_was() {
        for (body, expected) in [
            ("{'name': 'Ana', time: 12", "{'name': '@', time: 12"),
            (r#"{"agent_name":"Ana"#, r#"{"agent_name":"@"#),
            (r#"{"data":"x","data":"x","time":"1","time":"2"}"#, r#"{"data":"@","data":"@","time":"1","time":"2"}"#),
            (r#"[1,"\ud83dAna","\uzz\q"]"#, r#"[@,"\ud800@","\uzz\@"]"#),
            ("\u{feff}[]]]}{{", "\u{feff}[]]]}{{"),
        ] {
            let masked = text_as("agent_aux_time", body);
            let mut rest = masked.as_str();
            for part in expected.split('@') {
                let (between, behind) = rest.split_once(part).unwrap_or_else(|| panic!("{masked} is not {expected}"));
                assert!(between.chars().all(char::is_alphanumeric) && between.len() <= 3, "{masked} is not {expected}");
                rest = behind;
            }
        }
    }

    #[test]
    fn a_hundred_thousand_lists_inside_each_other_take_no_stack() {
        let body = [b"[".repeat(100_000), b"\"Ana\"".to_vec(), b"{\"Ana\":".repeat(100_000)].concat();
        let masked = masked_as("agent_kpi", &body);
        assert_eq!(masked.len(), body.len());
        assert!(!masked.windows(3).any(|part| part == b"Ana"));
    }

    /// A value of an answer, in which a name may stand anywhere.
    fn hostile(secret: &'static str) -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just(format!("\"{secret}\"")),
            Just(format!("\"a {secret}, \\n{secret}\"")),
            Just(secret.to_owned()),
            Just("\"00:01:00\"".to_owned()),
            Just("12".to_owned()),
            Just("null".to_owned()),
            Just("\"\\ud83d\"".to_owned()),
        ];
        leaf.prop_recursive(6, 48, 4, move |inner| {
            let keys = ["time", "agent_name", "msg", "code", "data", "x", secret];
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
                proptest::collection::vec((proptest::sample::select(keys.to_vec()), inner), 0..4).prop_map(|fields| {
                    let fields: Vec<String> = fields.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                    format!("{{{}}}", fields.join(","))
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn never_leak_a_name_is_nowhere_in_any_answer_however_deep_or_cut_off(body in hostile("Zxqwzxqwj"), cut in 0_usize..400) {
            let body = &body[..body.floor_char_boundary(cut)];
            let masked = text_as("agent_kpi", body).to_lowercase();
            prop_assert_eq!(masked.len(), body.len());
            prop_assert!(!masked.contains("zxqwzxqwj"), "{}", masked);
        }

        #[test]
        fn never_leak_a_phone_is_nowhere_in_any_answer(body in hostile("573015550123"), cut in 0_usize..400) {
            let body = &body[..body.floor_char_boundary(cut)];
            let masked = text_as("agent_kpi", body);
            prop_assert!(!masked.contains("573015550123"), "{}", masked);
        }

        #[test]
        fn any_bytes_become_as_many_and_json_stays_json(bytes in proptest::collection::vec(any::<u8>(), 0..64), body in hostile("Ana")) {
            prop_assert_eq!(masked_as("smart_wait", &bytes).len(), bytes.len());
            let is_json = |text: &str| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
            let masked = text_as("smart_wait", &body);
            prop_assert_eq!(is_json(&masked), is_json(&body), "{}", masked);
        }
    }
}
