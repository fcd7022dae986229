//! How a YAML file is read: values with their place, spans, sizes, and the parser's words made plain.

use std::path::Path;
use std::time::Duration;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _};
use serde_saphyr::{Error as YamlError, Location, MessageFormatter, Spanned, UserMessageFormatter};

use super::error::{ConfigError, quoted};

/// A value and where it stands.
pub(crate) struct At<T> {
    pub value: T,
    pub referenced: Location,
}

/// A span of time as people write it: `5m`, `90s`, `1h 30m`.
#[derive(Clone, Copy)]
pub(crate) struct Span(pub Duration);

/// A number of bytes as people write it: `256MB`, `64KiB`.
#[derive(Clone, Copy)]
pub(crate) struct Size(pub usize);

/// Reads a config file's text.
pub(crate) fn parse<T: DeserializeOwned>(text: &str, path: &Path) -> Result<T, ConfigError> {
    // A snippet would print the neighbouring lines, and one of them may hold a secret.
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let (place, said) = (error.location(), said(&error));
        let better = KINDS.iter().find(|(parsers, _)| said.starts_with(parsers));
        let what = better.map_or(said.as_str(), |(_, better)| better);
        place.map_or_else(|| ConfigError::of_file(path, what), |place| ConfigError::at(path, place, what))
    })
}

/// The parser's words. Of the file they repeat only what [`quoted`] lets through: keys, and never a value.
fn said(error: &YamlError) -> String {
    match error {
        YamlError::AliasError { error, .. } | YamlError::WithSnippet { error, .. } => said(error),
        YamlError::SerdeUnknownField { field, expected, .. } => {
            format!("unknown field `{}`, expected one of {}", quoted(field), expected.join(", "))
        }
        YamlError::DuplicateMappingKey { key: Some(key), .. } => format!("the key `{}` is there twice", quoted(key)),
        YamlError::SerdeUnknownVariant { expected, .. } => {
            format!("unknown variant, expected one of {}", expected.join(", "))
        }
        YamlError::SerdeInvalidType { expected, .. } | YamlError::SerdeInvalidValue { expected, .. } => {
            format!("expected {expected}")
        }
        YamlError::UnsupportedTag { .. } | YamlError::TaggedEnumMismatch { .. } | YamlError::SerdeVariantId { .. } => {
            "a tag or a variant that is not known here".to_owned()
        }
        YamlError::NonFiniteFloat { .. } => "not a finite number".to_owned(),
        // These say nothing of the file: their texts are the parser's and those of this module.
        _ => UserMessageFormatter.format_message(error).into_owned(),
    }
}

/// The parser's words for a value of the wrong kind, and words for people.
const KINDS: [(&str, &str); 6] = [
    ("expected string scalar", "one value is expected here, neither a list nor a mapping"),
    ("expected sequence start", "a list is expected here"),
    ("expected mapping start", "keys with values are expected here"),
    ("invalid boolean", "neither true nor false"),
    ("invalid u", "not a whole number"),
    ("expected a report's name", "a report is a name, or a mapping with one"),
];

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<At<T>, D::Error> {
        let Spanned { value, referenced, .. } = Spanned::deserialize(deserializer)?;
        Ok(At { value, referenced })
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        let text = String::deserialize(deserializer)?;
        humantime::parse_duration(&text)
            .map(Span)
            .map_err(|_| D::Error::custom("not a span of time such as 90s, 5m or 1h 30m"))
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Size, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_size(&text).map(Size).ok_or_else(|| D::Error::custom("not a number of bytes such as 256MB or 64KiB"))
    }
}

fn parse_size(text: &str) -> Option<usize> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let factor = match unit.trim() {
        "" | "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<usize>().ok()?.checked_mul(factor)
}
