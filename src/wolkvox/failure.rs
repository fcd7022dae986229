//! Why a request or a poll brought nothing: the closed set of reasons that logs and metrics share.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use super::wording::Wording;
use crate::memory::MemoryError;

/// A server that is there takes a connection in far less; an address that is not on the vendor's allow-list gets none.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a request failed. `Display` is the value of the `reason` label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    Timeout,
    /// No connection, or one that broke before the answer was whole.
    Connect,
    Tls,
    Http4xx,
    Http5xx,
    Redirect,
    TokenMissing,
    TokenRejected,
    /// The day's API requests are spent, as counted here or as the vendor says.
    BudgetExhausted,
    /// The request could not be counted in the state folder, so it was not sent.
    StateNotWritten,
    /// The vendor saw more simultaneous requests than it allows: someone else uses the token.
    Concurrency,
    Maintenance,
    ForbiddenOther,
    /// The answer has more bytes than are read.
    TooLarge,
    /// The answer has as many records as the vendor gives at most: it may be cut off.
    RecordLimit,
    /// Other answers, or what is served already, take the memory that there is.
    MemoryLimit,
    /// The answer is not what the vendor documents: not JSON, cut off, another shape.
    Malformed,
    /// A declared field is in no row.
    Schema,
}

impl Reason {
    pub const ALL: [Reason; 18] = [
        Reason::Timeout,
        Reason::Connect,
        Reason::Tls,
        Reason::Http4xx,
        Reason::Http5xx,
        Reason::Redirect,
        Reason::TokenMissing,
        Reason::TokenRejected,
        Reason::BudgetExhausted,
        Reason::StateNotWritten,
        Reason::Concurrency,
        Reason::Maintenance,
        Reason::ForbiddenOther,
        Reason::TooLarge,
        Reason::RecordLimit,
        Reason::MemoryLimit,
        Reason::Malformed,
        Reason::Schema,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Timeout => "timeout",
            Reason::Connect => "connect",
            Reason::Tls => "tls",
            Reason::Http4xx => "http_4xx",
            Reason::Http5xx => "http_5xx",
            Reason::Redirect => "redirect",
            Reason::TokenMissing => "token_missing",
            Reason::TokenRejected => "token_rejected",
            Reason::BudgetExhausted => "budget_exhausted",
            Reason::StateNotWritten => "state_not_written",
            Reason::Concurrency => "concurrency",
            Reason::Maintenance => "maintenance",
            Reason::ForbiddenOther => "forbidden_other",
            Reason::TooLarge => "too_large",
            Reason::RecordLimit => "record_limit",
            Reason::MemoryLimit => "memory_limit",
            Reason::Malformed => "malformed",
            Reason::Schema => "schema",
        }
    }

    /// What an operator can do about it.
    pub fn hint(self) -> &'static str {
        match self {
            Reason::Timeout => {
                "the vendor answers within 60 s or not at all; an address not on its allow-list gets no answer"
            }
            Reason::Connect => "check the server number, the network, and that wolkvox has allow-listed this address",
            Reason::Tls => "check the certificate authorities of this machine and any proxy in between",
            Reason::Http4xx => "check the server number or base_url, and that the operation has this report",
            Reason::Http5xx => "the vendor has a fault; polling goes on by itself",
            Reason::Redirect => {
                "a redirect is never followed, because it would carry the token elsewhere; check base_url"
            }
            Reason::TokenMissing | Reason::TokenRejected => {
                "ask wolkvox for a valid token and put it into the token file"
            }
            Reason::BudgetExhausted => {
                "the operation's API requests of today are used up; other programs share the same budget"
            }
            Reason::StateNotWritten => {
                "free disk space for the state folder, and let the exporter write there: see --state.dir"
            }
            Reason::Concurrency => {
                "another program uses this token at the same time; give the exporter a token of its own"
            }
            Reason::Maintenance => "the vendor is in maintenance or takes a backup; polling goes on by itself",
            Reason::ForbiddenOther => "the vendor refused with a text that is not documented; ask its support",
            Reason::TooLarge => "the answer is over limits.response_bytes, or over its share of limits.memory",
            Reason::RecordLimit => {
                "the vendor cuts answers off at limits.rows_per_answer records, and this window cannot be asked in smaller parts; ask wolkvox for a higher limit"
            }
            Reason::MemoryLimit => "raise limits.memory, and the memory of the container with it",
            Reason::Malformed => {
                "the answer is not the JSON that the vendor documents; see base_url and any proxy in between"
            }
            Reason::Schema => "the vendor renamed or dropped a field; the exporter needs an update",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A failed request. `detail` never holds a URL, a token, or text from a row.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct Failure {
    pub reason: Reason,
    pub detail: String,
    /// How long the vendor asked to be left alone (`Retry-After`).
    pub retry_after: Option<Duration>,
    /// The state folder, where it is about one: its hint names it.
    pub folder: Option<String>,
    /// Whether the vendor documents this refusal: then it is surely the vendor who refuses.
    pub documented: bool,
    /// The vendor's own words, where `detail` does not repeat them. For a console alone.
    pub said: Option<Wording>,
}

impl From<MemoryError> for Failure {
    fn from(error: MemoryError) -> Failure {
        let reason = match error {
            MemoryError::TooLarge(_) => Reason::TooLarge,
            MemoryError::Busy | MemoryError::Full(_) => Reason::MemoryLimit,
        };
        Failure::new(reason, error.to_string())
    }
}

impl Failure {
    pub fn new(reason: Reason, detail: impl Into<String>) -> Failure {
        Failure { reason, detail: detail.into(), retry_after: None, folder: None, documented: false, said: None }
    }

    /// What an operator can do about it.
    pub fn hint(&self) -> Cow<'static, str> {
        match &self.folder {
            Some(folder) => {
                format!("free disk space for the state folder {folder}, and let the exporter write there").into()
            }
            None => self.reason.hint().into(),
        }
    }
}

/// Why a request broke off. Never says its URL.
pub(super) fn broken(error: reqwest::Error, what: &str) -> Failure {
    let error = error.without_url();
    let reason = if error.is_timeout() {
        Reason::Timeout
    } else if chain(&error).any(is_tls) {
        Reason::Tls
    } else {
        Reason::Connect
    };
    if error.is_timeout() && error.is_connect() {
        return Failure::new(reason, format!("no connection within {} s", CONNECT_TIMEOUT.as_secs()));
    }
    let cause = chain(&error).last().map_or_else(|| error.to_string(), ToString::to_string);
    Failure::new(reason, format!("{what}: {cause}"))
}

fn chain(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |&error| error.source())
}

/// An I/O error keeps what it is about inside, and does not call it its source; one may stand in another.
fn is_tls(error: &(dyn Error + 'static)) -> bool {
    let within = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    error.is::<rustls::Error>() || within.is_some_and(|inner| is_tls(inner))
}
