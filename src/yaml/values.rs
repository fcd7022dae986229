//! Values as people write them: spans of time and numbers of bytes.

use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error as _};

/// Longest number that a message repeats; a longer one could be a secret.
const LONGEST_NUMBER: usize = 5;

/// A span of time as people write it: `5m`, `90s`, `1h 30m`.
#[derive(Clone, Copy)]
pub(crate) struct Span(pub Duration);

/// A number of bytes as people write it: `256MB`, `64KiB`.
#[derive(Clone, Copy)]
pub(crate) struct Size(pub usize);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        let text = String::deserialize(deserializer)?;
        humantime::parse_duration(&text).map(Span).map_err(|_| {
            let what = "not a span of time such as 90s, 5m or 1h 30m";
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            match text.len() {
                length if is_number && length <= LONGEST_NUMBER => {
                    D::Error::custom(format_args!("{what}\nhint: a number needs its unit: {text}s"))
                }
                _ => D::Error::custom(what),
            }
        })
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
