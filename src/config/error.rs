//! How is a mistake in the config told: what happened, where, and what to do?

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
    pub(super) fn of_file(file: &Path, what: impl Into<String>) -> ConfigError {
        ConfigError { what: what.into(), file: file.to_owned(), place: None, hint: None }
    }

    pub(super) fn at(file: &Path, location: Location, what: impl Into<String>) -> ConfigError {
        let place = (location.line() > 0).then(|| (location.line(), location.column()));
        ConfigError { place, ..ConfigError::of_file(file, what) }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> ConfigError {
        ConfigError { hint: Some(hint.into()), ..self }
    }
}

/// A value as a message may repeat it. Where a quote is not closed or a text is folded, a value swallows the lines
/// behind it, and one of them may hold a secret: what cannot be a name or a path is not repeated.
pub(super) fn shown(value: &str) -> &str {
    if value.chars().any(|c| matches!(c, ':' | '#') || c.is_control()) { "…" } else { value }
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
