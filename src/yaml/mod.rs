//! YAML files, read so that every mistake is found in one go.
//!
//! `tree.rs` makes a tree of a text, and `read.rs` reads types from it. serde ends at the first mistake: so what was wrong is
//! left out of the tree, and the type read once more.

mod error;
mod read;
mod tree;
mod values;

use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use tree::Node;

pub use error::{ConfigError, ConfigErrors, FilePlace};
pub(crate) use error::{Mistakes, quoted, quoted_path};
pub(crate) use values::{Size, Span};

/// The name under which `At` asks its deserializer for more than the value.
const AT: &str = "\0At";

/// A value and where it stands.
#[derive(Deserialize)]
#[serde(from = "AtParts<T>")]
pub(crate) struct At<T> {
    pub value: T,
    pub place: FilePlace,
    /// False where one of its keys or items is wrong and was left out: then what is missing is no mistake of its own.
    pub is_whole: bool,
}

#[derive(Deserialize)]
#[serde(rename = "\0At")]
struct AtParts<T>(u64, u64, bool, T);

/// What is wrong, and a hint behind it; and where, once that is known. serde's errors are such.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
struct Mistake {
    what: String,
    place: Option<FilePlace>,
}

/// Whether there is nothing in a text but comments.
pub(crate) fn is_blank(text: &str) -> bool {
    text.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#'))
}

/// Reads a file's text, as far as it can be read, and notes the mistakes.
pub(crate) fn read<T: DeserializeOwned>(text: &str, path: &Path, noted: &mut Mistakes) -> Option<T> {
    let mut mistakes = Vec::new();
    let value = match Node::parse(text, &mut mistakes) {
        Ok(root) => read::read(&root, &mut mistakes),
        // Below a mistake of the form, nothing can be told of what is meant.
        Err(mistake) => {
            mistakes = vec![mistake];
            None
        }
    };
    for mistake in mistakes {
        noted.note(mistake.of(path));
    }
    value
}

/// Reads a file's text, or says all that is wrong with it.
pub(crate) fn parse<T: DeserializeOwned>(text: &str, path: &Path) -> Result<T, ConfigErrors> {
    let (mut noted, mut told) = (Mistakes::default(), Mistakes::default());
    let value = read(text, path, &mut noted);
    told.add_file(noted);
    told.instead_of(value)
}

impl Mistake {
    fn at(place: FilePlace, what: &str) -> Mistake {
        Mistake { what: what.to_owned(), place: Some(place) }
    }

    fn or_at(self, place: FilePlace) -> Mistake {
        Mistake { place: self.place.or(Some(place)), ..self }
    }

    fn of(&self, path: &Path) -> ConfigError {
        ConfigError::of_text(path, self.place.unwrap_or_default(), &self.what)
    }
}

impl<T> From<AtParts<T>> for At<T> {
    fn from(AtParts(line, column, is_whole, value): AtParts<T>) -> At<T> {
        At { value, place: FilePlace { line, column }, is_whole }
    }
}

impl<T: Default> Default for At<T> {
    fn default() -> At<T> {
        At { value: T::default(), place: FilePlace::default(), is_whole: true }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Write as _;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "what is read is only shown")]
    struct Sample {
        name: Option<String>,
        count: Option<u32>,
        flag: Option<bool>,
        list: Option<Vec<u64>>,
        map: Option<BTreeMap<String, String>>,
        inner: Option<Box<Sample>>,
    }

    fn told(text: &str) -> String {
        match parse::<Sample>(text, Path::new("f")) {
            Ok(sample) => format!("{sample:?}"),
            Err(errors) => errors.to_string(),
        }
    }

    #[test]
    fn every_mistake_is_told_with_its_own_place() {
        let text = "nme: x\ncount: -1\nflag: maybe\nlist: [1, x, 2, [3]]\ninner: {count: 5000000000, cnt: 1}\nname: [a]\nflag: no\n";
        let said = told(text);
        for (what, place) in [
            ("unknown key `nme`", "1:1"),
            ("not a whole number", "2:8"),
            ("neither true nor false", "3:7"),
            ("not a whole number", "4:11"),
            ("neither a list nor a mapping", "4:17"),
            ("the number is too large", "5:16"),
            ("unknown key `cnt`", "5:28"),
            ("neither a list nor a mapping", "6:7"),
            ("the key `flag` is there twice", "7:1"),
        ] {
            let told = said.split("\n\n").any(|one| one.contains(what) && one.contains(&format!("f:{place}")));
            assert!(told, "{what} at {place}\n{said}");
        }
        assert!(said.ends_with("9 mistakes in f"), "{said}");
    }

    #[test]
    fn of_an_unknown_key_the_one_that_is_meant_is_told_and_else_all_that_are_known() {
        let all = "name, count, flag, list, map, inner";
        for (key, hint) in [
            ("nme", format!("hint: is `name` meant? Known here: {all}")),
            ("mp", format!("hint: is `map` meant? Known here: {all}")),
            ("flgas", format!("hint: known here: {all}")),
            ("naem", format!("hint: is `name` meant? Known here: {all}")),
            ("every", format!("hint: known here: {all}")),
        ] {
            assert_eq!(told(&format!("{key}: x")), format!("unknown key `{key}`\n  --> f:1:1\n{hint}"));
        }
    }

    #[test]
    fn texts_stay_as_they_are_written_and_nothing_is_no_text() {
        let sample = told("name: 0003\ncount: 1_000\nflag: Yes\nlist:\nmap: {a: 1.0, b: on}\ninner: {name: null}\n");
        assert!(sample.contains(r#"name: Some("0003"), count: Some(1000), flag: Some(true), list: None"#), "{sample}");
        assert!(sample.contains(r#"{"a": "1.0", "b": "on"}"#) && sample.contains("Sample { name: None"), "{sample}");
        assert!(told("name: !!str null").contains(r#"Some("null")"#));
        assert!(told("").contains("name: None"));
    }

    #[test]
    fn aliases_and_merges_stand_for_what_they_name() {
        let sample = told("inner: &a {name: x, count: 1}\n<<: *a\ncount: 2\n");
        assert!(sample.starts_with(r#"Sample { name: Some("x"), count: Some(2)"#), "{sample}");
    }

    /// Ten aliases of ten, eight times over, would be a hundred million values.
    #[test]
    fn a_small_file_cannot_become_a_large_one() {
        let mut text = "a: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
            let _ = writeln!(text, "a{level}: &a{level} [{aliases}]");
        }
        assert!(told(&text).contains("than any config needs"), "{}", told(&text));
        let mut deep = "- &a0 x\n".to_owned();
        for level in 1..100_000 {
            let _ = writeln!(deep, "- &a{level} [*a{}]", level - 1);
        }
        assert!(told(&deep).contains("than any config needs"));
        assert!(told(&"[".repeat(100_000)).contains("recursion limit"), "{}", told(&"[".repeat(100)));
        assert!(told("name: &a [*a]").contains("alias"), "{}", told("name: &a [*a]"));
    }

    #[test]
    fn a_mistake_of_the_form_is_told_alone_and_where_it_was_made() {
        for (text, what, place) in [
            ("nme: x\nname: \"acme\ncount: 1\n", "a quote is not closed", "2:7"),
            ("inner:\n  name: 'acme\n  count: 1\n", "a quote is not closed", "2:9"),
            ("name: \"acme\n  x\ninner:\n  name: \"b\"\n", "a quote is not closed", "1:7"),
            ("name: 'x\n", "a quote is not closed", "1:7"),
            ("inner:\n\tname: x\n", "tabs", "2:2"),
            ("name: a: b\n", "mapping values are not allowed", "1:8"),
            ("name: x\n---\nname: y\n", "a second document", "2:1"),
            ("name: *x\n", "unknown anchor", "1:7"),
            ("name: !x y\n", "a tag", "1:10"),
            ("[a]: b\n", "a key is a word", "1:1"),
            ("- a\n", "keys with values are expected", "1:1"),
        ] {
            let said = told(text);
            assert!(said.starts_with(what) || said.contains(what), "{text}\n{said}");
            assert!(said.contains(&format!("f:{place}")) && !said.contains("mistakes"), "{text}\n{said}");
        }
    }
}
