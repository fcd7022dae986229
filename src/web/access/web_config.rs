//! The web config file: what it may say, checked.
//!
//! Its form is that of Prometheus' exporter-toolkit. What this exporter cannot do as the file asks is refused, never
//! left out: whoever reads the file must be able to believe it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use axum::http::header::{
    CONTENT_SECURITY_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS, X_XSS_PROTECTION,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use bcrypt::HashParts;
use rustls::ServerConfig;
use secrecy::{ExposeSecret, SecretString};

use super::file::{self, WebConfigFile};
use super::sources::Sources;
use crate::web::rate_limit::Rate;
use crate::yaml::{self, At, ConfigError, ConfigErrors, FilePlace, Mistakes, quoted};

/// Under this, a hash that gets lost is broken in no time.
const LEAST_COST: u32 = 8;
/// A check of this cost takes a machine of today some fifteen seconds, longer than a scrape may.
const HIGHEST_COST: u32 = 17;
/// `$2b$10$`, 22 characters of salt and 31 of hash.
const HASH_LENGTH: usize = 60;

/// A checked web config. The default lets everybody read, over plain HTTP.
#[derive(Debug, Default)]
pub struct WebConfig {
    pub tls: Option<Arc<ServerConfig>>,
    /// Set on every answer.
    pub headers: HeaderMap,
    /// Empty: no password is asked for.
    pub users: BTreeMap<String, PasswordHash>,
    pub rate: Option<Rate>,
}

/// A bcrypt hash. Its `Debug` shows nothing.
#[derive(Clone)]
pub struct PasswordHash {
    text: SecretString,
    pub cost: u32,
}

impl WebConfig {
    /// Reads and checks a file and those that it names; also says which they were, so that a change can be seen, even
    /// where they were wrong.
    pub fn load(path: &Path) -> (Result<WebConfig, ConfigErrors>, Sources) {
        let reader = Reader { path, sources: Sources::default() };
        (reader.web_config(), reader.sources)
    }
}

impl PasswordHash {
    /// Reads a hash as `wolkvox-exporter bcrypt` or `htpasswd` writes it.
    fn parse(text: &str) -> Option<PasswordHash> {
        let known = ["$2a$", "$2b$", "$2y$"].iter().any(|version| text.starts_with(version));
        let parts: HashParts = text.parse().ok().filter(|_| known && text.len() == HASH_LENGTH)?;
        Some(PasswordHash { cost: parts.get_cost(), text: text.into() })
    }

    /// One of this cost that no password has.
    pub fn nobodys(cost: u32) -> PasswordHash {
        PasswordHash { text: format!("$2b${cost:02}${}", ".".repeat(53)).into(), cost }
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash")
    }
}

/// Reads one web config.
pub(super) struct Reader<'a> {
    pub(super) path: &'a Path,
    pub(super) sources: Sources,
}

impl Reader<'_> {
    pub(super) fn wrong(&self, location: FilePlace, what: impl Into<String>) -> ConfigError {
        ConfigError::at(self.path, location, what)
    }

    fn web_config(&self) -> Result<WebConfig, ConfigErrors> {
        let unreadable = |why: String| ConfigError::of_file(self.path, format!("the web config cannot be read: {why}"));
        let bytes = self.sources.read(self.path).map_err(|error| unreadable(error.to_string()))?;
        let text = str::from_utf8(&bytes).map_err(|_| unreadable("it is not UTF-8".to_owned()))?;
        let WebConfigFile { tls_server_config, http_server_config, basic_auth_users, rate_limit } =
            yaml::parse(text, self.path)?;
        let mut mistakes = Mistakes::default();
        let tls = mistakes.keep(tls_server_config.map(|tls| self.server_config(&tls)).transpose());
        let headers = mistakes.keep(http_server_config.map_or_else(|| Ok(HeaderMap::new()), |http| self.headers(http)));
        let users = mistakes.keep(self.users(basic_auth_users.unwrap_or_default()));
        let rate = mistakes.keep(rate_limit.map_or(Ok(None), |rate| self.rate(&rate)));
        let all = tls.zip(headers).zip(users).zip(rate);
        mistakes.instead_of(all.map(|(((tls, headers), users), rate)| WebConfig {
            tls: tls.map(Arc::new),
            headers,
            users,
            rate,
        }))
    }

    fn headers(&self, http: file::Http) -> Result<HeaderMap, ConfigError> {
        if let Some(http2) = http.http2.filter(|http2| http2.value) {
            return Err(self
                .wrong(http2.place, "http2 cannot be true: this exporter speaks HTTP/1.1")
                .hint("leave http2 out, or set it to false; Prometheus scrapes over HTTP/1.1 then"));
        }
        let Some(headers) = http.headers else { return Ok(HeaderMap::new()) };
        let mut map = HeaderMap::new();
        let mut set = |name: HeaderName, value: Option<At<String>>, allowed: &[&str]| {
            // A blank value leaves the header out, as in exporter-toolkit.
            let Some(value) = value.filter(|value| !value.value.is_empty()) else { return Ok(()) };
            if !allowed.is_empty() && !allowed.contains(&value.value.to_ascii_lowercase().as_str()) {
                let what = format!("the header {name} can only be {}", allowed.join(" or "));
                return Err(self.wrong(value.place, what));
            }
            let text = HeaderValue::from_str(&value.value).map_err(|_| {
                self.wrong(value.place, format!("the header {name} has a character that no header can carry"))
            })?;
            map.insert(name, text);
            Ok(())
        };
        set(CONTENT_SECURITY_POLICY, headers.content_security_policy, &[])?;
        set(X_FRAME_OPTIONS, headers.x_frame_options, &["deny", "sameorigin"])?;
        set(X_CONTENT_TYPE_OPTIONS, headers.x_content_type_options, &["nosniff"])?;
        set(X_XSS_PROTECTION, headers.x_xss_protection, &[])?;
        set(STRICT_TRANSPORT_SECURITY, headers.strict_transport_security, &[])?;
        Ok(map)
    }

    fn users(&self, users: BTreeMap<String, At<String>>) -> Result<BTreeMap<String, PasswordHash>, ConfigError> {
        let hint = "make one with: wolkvox-exporter bcrypt";
        let checked = users.into_iter().map(|(name, hash)| {
            if name.is_empty() || name.chars().any(|c| c == ':' || c.is_control()) {
                let what = "a user's name is blank or has a colon, and could never be sent";
                return Err(self.wrong(hash.place, what));
            }
            let who = format!("the password of user {}", quoted(&name));
            let Some(parsed) = PasswordHash::parse(&hash.value) else {
                return Err(self.wrong(hash.place, format!("{who} is not a bcrypt hash")).hint(hint));
            };
            if !(LEAST_COST..=HIGHEST_COST).contains(&parsed.cost) {
                let what = format!("{who} is hashed with a cost that is not from {LEAST_COST} to {HIGHEST_COST}");
                return Err(self.wrong(hash.place, what).hint(hint));
            }
            Ok((name, parsed))
        });
        checked.collect()
    }

    /// An interval of 0, or none, is no limit.
    fn rate(&self, rate: &file::RateLimit) -> Result<Option<Rate>, ConfigError> {
        let Some(interval) = rate.interval.as_ref().filter(|interval| !interval.value.0.is_zero()) else {
            return Ok(None);
        };
        let burst = rate.burst.as_ref().map_or(0, |burst| burst.value);
        if burst == 0 {
            let place = rate.burst.as_ref().map_or(interval.place, |burst| burst.place);
            return Err(self
                .wrong(place, "rate_limit.burst is 0 or left out: nobody could ever ask")
                .hint("20 is a good start; to have no limit, set interval to 0s"));
        }
        Ok(Some(Rate { interval: interval.value.0, burst }))
    }
}
