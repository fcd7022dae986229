//! Which keys can a config file have, and of what type is each?
//!
//! Only shapes: whether the values make sense together is for `check.rs`.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_saphyr::Spanned;

use super::error::{ConfigError, shown};
use crate::window::WindowName;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub operations: Spanned<Vec<Operation>>,
    #[serde(default)]
    pub polling: Polling,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default)]
    pub privacy: Privacy,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Operation {
    pub name: Spanned<String>,
    pub server: Option<Spanned<String>>,
    pub base_url: Option<Spanned<String>>,
    #[serde(default)]
    pub allow_plain_http: bool,
    pub token_file: Option<Spanned<String>>,
    pub token_env: Option<Spanned<String>>,
    /// Known only to be refused with a better word than "unknown field".
    pub token: Option<Spanned<IgnoredAny>>,
    pub timezone: Option<Spanned<String>>,
    pub licenses: Option<Spanned<u32>>,
    pub pool: Option<String>,
    pub reports: Option<Spanned<Vec<Spanned<ReportEntry>>>>,
}

/// A report with settings of its own; written as a plain string, it has none.
#[derive(Default)]
pub(super) struct ReportEntry {
    pub name: String,
    pub interval: Option<Spanned<Span>>,
    pub windows: Option<Spanned<Vec<WindowName>>>,
}

#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Polling {
    pub interval: Option<Spanned<Span>>,
    #[serde(default)]
    pub allow_faster_than_vendor: bool,
    pub timeout: Option<Spanned<Span>>,
    pub stale_after: Option<Spanned<Span>>,
    pub windows: Option<Spanned<Vec<WindowName>>>,
}

#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    pub series_per_report: Option<Spanned<usize>>,
    pub response_bytes: Option<Spanned<Size>>,
    pub rows_per_answer: Option<Spanned<u64>>,
}

#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Privacy {
    #[serde(default)]
    pub agent_name: AgentName,
    pub agent_dni: Option<Spanned<AgentDni>>,
    pub key_file: Option<Spanned<String>>,
}

#[derive(Clone, Copy, Default, PartialEq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum AgentName {
    #[default]
    Plain,
    Hashed,
    Omitted,
}

#[derive(Clone, Copy, PartialEq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum AgentDni {
    Plain,
    Omitted,
}

/// A span of time as people write it: `5m`, `90s`, `1h 30m`.
#[derive(Clone, Copy)]
pub(super) struct Span(pub Duration);

/// A number of bytes as people write it: `256MB`, `64KiB`.
#[derive(Clone, Copy)]
pub(super) struct Size(pub usize);

/// Reads a config file's text.
pub(super) fn parse(text: &str, path: &Path) -> Result<File, ConfigError> {
    // A snippet would print the neighbouring lines, and one of them may hold a secret.
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let place = error.location();
        let rendered = error.render_with_formatter(&serde_saphyr::UserMessageFormatter);
        // What the parser repeats stands between backticks, at every second place.
        let parts =
            rendered.split('`').enumerate().map(|(place, part)| if place % 2 == 1 { shown(part) } else { part });
        let mut what = parts.collect::<Vec<_>>().join("`");
        if let Some(location) = place {
            let suffix = format!(" at line {}, column {}", location.line(), location.column());
            what = what.replace(&suffix, "");
            return ConfigError::at(path, location, what);
        }
        ConfigError::of_file(path, what)
    })
}

impl<'de> Deserialize<'de> for ReportEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<ReportEntry, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Detailed {
            name: String,
            interval: Option<Spanned<Span>>,
            windows: Option<Spanned<Vec<WindowName>>>,
        }

        struct EntryVisitor;

        impl<'de> Visitor<'de> for EntryVisitor {
            type Value = ReportEntry;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a report's name, or a mapping with name, interval and windows")
            }

            fn visit_str<E>(self, name: &str) -> Result<ReportEntry, E> {
                Ok(ReportEntry { name: name.to_owned(), ..ReportEntry::default() })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ReportEntry, A::Error> {
                let Detailed { name, interval, windows } = Detailed::deserialize(MapAccessDeserializer::new(map))?;
                Ok(ReportEntry { name, interval, windows })
            }
        }

        deserializer.deserialize_any(EntryVisitor)
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
