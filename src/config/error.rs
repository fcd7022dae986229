//! Mistakes in a config: what happened, where, and what to do.

use std::fmt;
use std::path::{Path, PathBuf};

use serde_saphyr::Location;

/// A mistake in the config. Names key and place; never repeats a value that could be a secret.
#[derive(Debug, PartialEq)]
pub struct ConfigError {
    what: String,
    file: PathBuf,
    /// Line and column, from 1.
    place: Option<(u64, u64)>,
    hint: Option<String>,
}

impl ConfigError {
    pub(crate) fn of_file(file: &Path, what: impl Into<String>) -> ConfigError {
        ConfigError { what: what.into(), file: file.to_owned(), place: None, hint: None }
    }

    pub(crate) fn at(file: &Path, location: Location, what: impl Into<String>) -> ConfigError {
        let place = (location.line() > 0).then(|| (location.line(), location.column()));
        ConfigError { place, ..ConfigError::of_file(file, what) }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> ConfigError {
        ConfigError { hint: Some(hint.into()), ..self }
    }
}

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

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  --> {}", self.what, self.file.display())?;
        if let Some((line, column)) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

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
}
