//! Mistakes in a config: what happened, where, and what to do.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// Where something stands in a file: line and column, from 1. The default is nowhere in particular.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FilePlace {
    pub line: u64,
    pub column: u64,
}

/// A mistake in the config. Names key and place; never repeats a value that could be a secret.
#[derive(Debug, PartialEq)]
pub struct ConfigError {
    what: String,
    file: PathBuf,
    place: FilePlace,
    hint: Option<String>,
}

/// All mistakes that were found, in the order of their files: at least one.
#[derive(Debug, PartialEq)]
pub struct ConfigErrors(Vec<ConfigError>);

/// Mistakes on their way to be told together.
#[derive(Default)]
pub(crate) struct Mistakes(Vec<ConfigError>);

// === impl ConfigError ===

impl ConfigError {
    pub(crate) fn of_file(file: &Path, what: impl Into<String>) -> ConfigError {
        ConfigError::at(file, FilePlace::default(), what)
    }

    pub(crate) fn at(file: &Path, place: FilePlace, what: impl Into<String>) -> ConfigError {
        ConfigError { what: what.into(), file: file.to_owned(), place, hint: None }
    }

    /// Of a text that has its hint behind it, as where a deserializer can give no more than a text.
    pub(crate) fn of_text(file: &Path, place: FilePlace, text: &str) -> ConfigError {
        match text.split_once("\nhint: ") {
            Some((what, hint)) => ConfigError::at(file, place, what).hint(hint),
            None => ConfigError::at(file, place, text),
        }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> ConfigError {
        ConfigError { hint: Some(hint.into()), ..self }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  --> {}", self.what, self.file.display())?;
        let FilePlace { line, column } = self.place;
        if line > 0 {
            write!(f, ":{line}:{column}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

// === impl ConfigErrors ===

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> ConfigErrors {
        ConfigErrors(vec![error])
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&told.join("\n\n"))?;
        let files: BTreeSet<&Path> = self.0.iter().map(|error| &*error.file).collect();
        match (self.0.len(), files.first()) {
            (0 | 1, _) | (_, None) => Ok(()),
            (count, Some(file)) if files.len() == 1 => write!(f, "\n\n{count} mistakes in {}", file.display()),
            (count, _) => write!(f, "\n\n{count} mistakes in {} files", files.len()),
        }
    }
}

impl std::error::Error for ConfigErrors {}

// === impl Mistakes ===

impl Mistakes {
    /// Notes a mistake; one that is known already, as of a value that an alias repeats, counts once.
    pub(crate) fn note(&mut self, error: ConfigError) {
        if !self.0.contains(&error) {
            self.0.push(error);
        }
    }

    /// The value, or nothing and a note.
    pub(crate) fn keep<T>(&mut self, result: Result<T, ConfigError>) -> Option<T> {
        result.map_err(|error| self.note(error)).ok()
    }

    /// Puts the mistakes of one more file behind those of the files before it.
    pub(crate) fn add_file(&mut self, mut other: Mistakes) {
        other.0.sort_by_key(|error| error.place);
        other.0.into_iter().for_each(|error| self.note(error));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What was made of the files, unless there is a mistake.
    pub(crate) fn instead_of<T>(self, made: Option<T>) -> Result<T, ConfigErrors> {
        match made {
            Some(made) if self.0.is_empty() => Ok(made),
            _ => Err(ConfigErrors(self.0)),
        }
    }
}

// === what may be repeated ===

/// Longest quotation in a message.
const LONGEST_QUOTE: usize = 40;

/// What a message may repeat of a file: one word that looks like a name, and of a long one the beginning. Where a quote is
/// not closed or a text is folded, a key or a name swallows the lines below it, and one of them may hold a secret; so what
/// has blanks or line ends is not repeated, and neither is what has digits among its letters, as secrets do.
pub(crate) fn quoted(text: &str) -> String {
    if !looks_like_a_name(text) {
        return "…".to_owned();
    }
    match text.char_indices().nth(LONGEST_QUOTE) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// As keys, reports and cipher suites are called: `token_file`, `agent_3`, `TLS_RSA_WITH_AES_128_GCM_SHA256`.
fn looks_like_a_name(text: &str) -> bool {
    let is_part = |part: &str| {
        let letters = part.trim_end_matches(|c: char| c.is_ascii_digit());
        letters.chars().all(char::is_alphabetic) && part.len() - letters.len() <= 5
    };
    text.starts_with(char::is_alphabetic) && text.split(['_', '-', '.']).all(is_part)
}

/// A path or a pattern as it is written in a file, as far as its parts look like names: somebody may have put a secret in
/// its place.
pub(crate) fn quoted_path(path: &str) -> String {
    let parts = path.split('/').map(|part| {
        let without_signs = part.replace(['*', '?'], "x");
        let shown = quoted(&without_signs);
        if is_plain(part) || shown == without_signs { part.to_owned() } else { shown }
    });
    parts.collect::<Vec<_>>().join("/")
}

/// Whether it cannot be a secret: nothing, a step up, or a short number.
fn is_plain(part: &str) -> bool {
    ["", ".", ".."].contains(&part) || part.len() <= 5 && part.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_name_is_quoted_and_a_long_one_cut_and_marked() {
        for name in ["tokn", "token_file", "agent_3", "http2", "contraseña", "X-Frame-Options", "CurveP521"] {
            assert_eq!(quoted(name), name);
        }
        assert_eq!(quoted("TLS_RSA_WITH_AES_128_GCM_SHA256"), "TLS_RSA_WITH_AES_128_GCM_SHA256");
        assert_eq!(quoted(&"ñ".repeat(40)), "ñ".repeat(40));
        assert_eq!(quoted(&"ñ".repeat(41)), format!("{}…", "ñ".repeat(40)));
    }

    #[test]
    fn never_leak_what_looks_like_a_secret_or_spans_lines_is_not_quoted() {
        let several = ["tokn token", "tokn\ntoken", "a: b", "a#b", "a`b", "a\u{2028}b", "", "_", "a\0"];
        let secrets =
            ["s3cr3t-t0ken", "7b69645f", "573015550001", "4e5a-bc", "abc123456", "$2b$10$abc", "sk_live_4eC39H"];
        for text in several.into_iter().chain(secrets) {
            assert_eq!(quoted(text), "…", "{text}");
        }
    }

    #[test]
    fn a_path_is_quoted_part_by_part() {
        for path in [
            "/run/secrets/acme",
            "acme.token",
            "../tokens/0003",
            "America/Bogata",
            "./conf.d/acme_2.yml",
            "conf.d/*.yml",
        ] {
            assert_eq!(quoted_path(path), path);
        }
        assert_eq!(quoted_path("/run/secrets/s3cr3t-t0ken"), "/run/secrets/…");
        assert_eq!(quoted_path("7b69645f/acme token/573015550001"), "…/…/…");
    }

    #[test]
    fn several_mistakes_stand_apart_and_are_counted() {
        let error =
            |file: &str, line, what: &str| ConfigError::at(Path::new(file), FilePlace { line, column: 1 }, what);
        let mut mistakes = Mistakes::default();
        let mut first = Mistakes::default();
        first.note(error("a.yml", 9, "later"));
        first.note(error("a.yml", 2, "sooner").hint("do"));
        first.note(error("a.yml", 9, "later"));
        mistakes.add_file(first);
        let two = "sooner\n  --> a.yml:2:1\nhint: do\n\nlater\n  --> a.yml:9:1";
        let mut more = Mistakes::default();
        more.note(ConfigError::of_file(Path::new("b.yml"), "gone"));
        let told = |mistakes: Mistakes| mistakes.instead_of(Some(())).unwrap_err().to_string();
        assert_eq!(told(Mistakes(Vec::from([error("c.yml", 1, "only")]))), "only\n  --> c.yml:1:1");
        mistakes.add_file(more);
        assert_eq!(told(mistakes), format!("{two}\n\ngone\n  --> b.yml\n\n3 mistakes in 2 files"));
        assert_eq!(Mistakes::default().instead_of(Some(7)), Ok(7));
    }
}
