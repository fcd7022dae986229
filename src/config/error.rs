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

/// Longest quotation in a message.
const LONGEST_QUOTE: usize = 40;

/// What a message may repeat of a file: one word that looks like a name, and of a long one the beginning. Where a quote is
/// not closed or a text is folded, a key or a name swallows the lines below it, and one of them may hold a secret; so what
/// has blanks or line ends is not repeated, and neither is what has digits among its letters, as secrets do.
pub(super) fn quoted(text: &str) -> String {
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
    use crate::catalog::Catalog;
    use crate::config::{Config, WebConfig};

    const SECRET: &str = "s3cr3t-t0ken";
    /// One line or two that hold the secret, in every form that YAML has for a text; `=` stands for the indentation.
    const PLANTED: [&str; 20] = [
        "=token: SECRET",
        "=# SECRET",
        "=- SECRET",
        "=SECRET",
        "=SECRET: x",
        "=? SECRET",
        "=\"token\": \"SECRET\"",
        "=token: 'SECRET",
        "=\"SECRET",
        "=x: SECRET\"",
        "=token: >-\n=  SECRET",
        "=token: |\n=  SECRET",
        "=? |\n=  SECRET\n=: x",
        "={token: SECRET, SECRET: SECRET}",
        "=[SECRET, {SECRET: x}]",
        "=token: &SECRET x",
        "=token: *SECRET",
        "=token: !SECRET x",
        "%SECRET x",
        "=`SECRET`: `SECRET`",
    ];
    /// What stands around it: right, wrong in every way that a message quotes, and open so that it swallows the line.
    const AROUND: [&str; 14] = [
        "",
        "    pool: x\n    pool: y\n",
        "    \"tokn\n    pool\": x\n",
        "    \"tokn`s\n    pool\": x\n",
        "    'tokn\n    pool': x\n",
        "    ? >\n      tokn\n      pool\n    : x\n",
        "    ? \"tokn\\\n      pool\"\n    : x\n",
        "    {\"tokn\n    pool\": x,\n    \"tokn\n    pool\": x}\n",
        "    timezone: \"America\n    Bogota\"\n",
        "    licenses: \"1\n    2\"\n",
        "    allow_plain_http: >\n      maybe\n      not\n",
        "    reports: [\"agent\n    kpi\",\n    [agent_kpi]]\n",
        "    reports: [{name: \"agent\n    kpi\", windows: [\"to\n    day\"]}]\n",
        "polling: {\"interval\n  \": 5m}\nprivacy: {agent_name: \"hid\n  den\"}\n",
    ];
    const WEB: [&str; 4] = [
        "basic_auth_users:\n  alice: \"not\n  a hash\"\n  \"bo\n  b\": x\n",
        "tls_server_config:\n  cert_file: \"server\n    crt\"\n  \"key\n    file\": x\n",
        "rate_limit:\n  interval: >\n    soon\n    or late\n  burst: \"1\n    2\"\n",
        "http_server_config:\n  http2: !yes\n    maybe\n  headers: {X-Frame-Options: \"de\n    ny\", X-Frame-Options: x}\n",
    ];

    /// The text with each of the planted lines at each of its places.
    fn planted(text: &str) -> impl Iterator<Item = String> {
        let lines: Vec<&str> = text.split('\n').collect();
        (0..lines.len()).flat_map(move |place| {
            let (before, after) = (lines[..place].join("\n"), lines[place..].join("\n"));
            let indent = lines[place].len() - lines[place].trim_start().len();
            PLANTED.map(|planted| {
                let planted = planted.replace('=', &" ".repeat(indent)).replace("SECRET", SECRET);
                format!("{before}\n{planted}\n{after}")
            })
        })
    }

    #[test]
    fn never_leak_a_line_with_a_secret_anywhere_in_a_config_is_in_no_message() {
        let (folder, catalog) = (tempfile::tempdir().unwrap(), Catalog::builtin().unwrap());
        let path = folder.path().join("c.yml");
        let (mut wrong, mut told) = (0, Vec::new());
        for around in AROUND {
            let text = format!("operations:\n  - name: acme\n    server: \"0003\"\n    token_file: token\n{around}");
            for text in planted(&text) {
                told.extend(Config::parse(&text, &path, &catalog).err().map(|error| (text, error)));
            }
        }
        for text in WEB.iter().flat_map(|text| planted(text)) {
            std::fs::write(&path, &text).unwrap();
            told.extend(WebConfig::load(&path).0.err().map(|error| (text, error)));
        }
        for (text, error) in told {
            let message = format!("{error} {error:?}");
            assert!(!message.contains("s3cr3t") && !message.contains("t0ken"), "{text}\n{error}");
            assert!(error.to_string().lines().count() <= 3, "{text}\n{error}");
            wrong += 1;
        }
        assert!(wrong > 1_000, "only {wrong} messages");
    }

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
