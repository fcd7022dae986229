//! Requests and answers, whoever carries them.

use std::borrow::Cow;

use serde_json::json;

const NO_ROWS: &str = "Validate dates entered";

/// One request, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The path, such as `/api/v2/reports_manager.php`.
    pub path: String,
    /// The decoded query.
    pub query: Vec<(String, String)>,
    /// The `wolkvox-token` header, if there was one.
    pub token: Option<String>,
}

impl Request {
    /// The request for a target such as `/api/v2/gamification.php?api=agents_kpi&…`.
    pub fn get(target: &str, token: Option<&str>) -> Request {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Request {
            path: path.to_owned(),
            query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
            token: token.map(str::to_owned),
        }
    }

    /// The first value of a query parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// One reply, before it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, uncompressed; bytes, because some faults are not text.
    pub body: Vec<u8>,
    /// The media type.
    pub content_type: &'static str,
    /// Headers beyond those of every answer.
    pub headers: Vec<(&'static str, String)>,
    /// How many spaces belong before the last byte of the body; too many to hold them in memory.
    pub padding: usize,
}

impl Answer {
    /// A success with this body.
    pub fn ok(body: Vec<u8>) -> Answer {
        Answer { body, ..Answer::json(200, String::new()) }
    }

    /// What the vendor says where it has no rows, though the dates are right.
    pub fn no_rows() -> Answer {
        refusal(404, NO_ROWS)
    }

    /// The body as text.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    pub(super) fn with(mut self, name: &'static str, value: &str) -> Answer {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub(super) fn rewritten(mut self, change: impl FnOnce(&[u8]) -> Vec<u8>) -> Answer {
        self.body = change(&self.body);
        self
    }

    pub(super) fn json(status: u16, body: String) -> Answer {
        Answer {
            status,
            body: body.into_bytes(),
            content_type: "application/json; charset=utf-8",
            headers: Vec::new(),
            padding: 0,
        }
    }
}

/// The error envelope, whose `code` is always a text.
pub(super) fn refusal(status: u16, message: &str) -> Answer {
    let error = match status {
        400 => "BAD REQUEST",
        401 => "UNAUTHORIZED",
        403 => "FORBIDDEN",
        _ => "NOT FOUND",
    };
    Answer::json(status, json!({ "code": status.to_string(), "error": error, "msg": message }).to_string())
}
