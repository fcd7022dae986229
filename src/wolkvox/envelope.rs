//! What does an answer say: rows, no rows, or which failure?
//!
//! The envelope is `{"code":200,"error":null,"msg":"…","data":[…]}`, with the variations that the vendor is
//! known for: the code as text, one object or null as data, a bare array, and 404 for "no rows".

use std::fmt;
use std::time::Duration;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::body::{Body, Source, Streamed};
use super::failure::{Failure, Reason};
use super::scalar::Scalar;

/// Some servers write it before their JSON.
const BYTE_ORDER_MARK: &str = "\u{feff}";
const EMPTY: &str = "the answer is empty";
const HTML: &str = "HTML or XML instead of JSON";

/// An answer that is no failure by its HTTP status.
#[derive(Debug)]
pub enum Answer {
    /// HTTP 200: a body still to be read.
    Body(Body),
    /// The vendor's 404: no rows in this window. A success.
    NoRows,
}

/// What a body turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    Rows,
    NoRows,
}

/// Takes the rows of an answer, one after the other, while they are parsed.
pub trait Rows<'de> {
    fn row<D: Deserializer<'de>>(&mut self, row: D) -> Result<(), D::Error>;
}

/// Decides by HTTP status; the vendor's message only tells the four kinds of 403 apart.
pub fn classify(status: u16, retry_after: Option<Duration>, body: Vec<u8>) -> Result<Answer, Failure> {
    match status {
        200..=299 => Ok(Answer::Body(Body::whole(body))),
        404 if says_no_rows(&body) => Ok(Answer::NoRows),
        _ => {
            let message = Header::of(&body).map(|header| header.message).unwrap_or_default();
            Err(Failure { retry_after, ..refusal(status, &message) })
        }
    }
}

/// Parses a body that is there as a whole and hands each row to `rows`.
///
/// After an error the rows already handed over must be thrown away: they are part of no whole answer.
pub fn read<'de, R: Rows<'de>>(body: &'de [u8], rows: &mut R) -> Result<Reading, Failure> {
    let text = simdutf8::compat::from_utf8(body)
        .map_err(|error| malformed(format!("invalid UTF-8 at byte {} of {}", error.valid_up_to(), body.len())))?;
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    if text.trim_start().is_empty() {
        return Err(malformed(EMPTY));
    }
    if text.trim_start().starts_with('<') {
        return Err(malformed(HTML));
    }
    parse(serde_json::Deserializer::from_str(text), rows)
}

/// The same for a body that still comes in: what of it is not read is not checked to be UTF-8.
pub fn read_streamed<S: Source, R: Rows<'static>>(body: &mut Streamed<S>, rows: &mut R) -> Result<Reading, Failure> {
    let reading = start(body).and_then(|()| parse(serde_json::Deserializer::from_reader(&mut *body), rows));
    body.take_failure().map_or(reading, Err)
}

/// Passes over what may stand before the JSON. Such bodies begin with many bytes at once.
fn start<S: Source>(body: &mut Streamed<S>) -> Result<(), Failure> {
    let unread = |_| malformed("the answer cannot be read");
    if body.peek().map_err(unread)?.starts_with(BYTE_ORDER_MARK.as_bytes()) {
        body.skip(BYTE_ORDER_MARK.len());
    }
    loop {
        let ready = body.peek().map_err(unread)?;
        let blanks = ready.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        match ready.get(blanks) {
            Some(b'<') => return Err(malformed(HTML)),
            Some(_) => return Ok(()),
            None if ready.is_empty() => return Err(malformed(EMPTY)),
            None => body.skip(blanks),
        }
    }
}

fn parse<'de, J: serde_json::de::Read<'de>, R: Rows<'de>>(
    mut json: serde_json::Deserializer<J>,
    rows: &mut R,
) -> Result<Reading, Failure> {
    let envelope = json
        .deserialize_any(EnvelopeVisitor { rows: Some(rows) })
        .and_then(|envelope| json.end().map(|()| envelope))
        .map_err(|error| not_json(&error))?;
    match envelope.code {
        // The code counts only where it names another outcome than the status did.
        Some(404) => Ok(Reading::NoRows),
        Some(code @ 100..=599) if code != 200 => Err(refusal(code, &envelope.message)),
        _ if envelope.has_data => Ok(Reading::Rows),
        _ => Err(malformed("an object without data")),
    }
}

/// A 404 is "no rows" only in the vendor's own envelope: a proxy's or a wrong server's 404 is a failure.
fn says_no_rows(body: &[u8]) -> bool {
    Header::of(body).is_some_and(|header| header.code.is_none_or(|code| code == 404 || code == 200))
}

fn refusal(status: u16, message: &str) -> Failure {
    let upper = message.to_uppercase();
    let says = |text: &str| upper.contains(text);
    let reason = match status {
        300..=399 => Reason::Redirect,
        401 => Reason::TokenMissing,
        403 if says("VALIDATE TOKEN") => Reason::TokenRejected,
        403 if says("TOKEN LIMIT EXCEEDED") => Reason::BudgetExhausted,
        403 if says("SIMULTANEOUS REQUESTS") => Reason::Concurrency,
        403 if MAINTENANCE.iter().any(|text| says(text)) => Reason::Maintenance,
        403 => Reason::ForbiddenOther,
        400..=499 => Reason::Http4xx,
        500..=599 => Reason::Http5xx,
        _ => Reason::Malformed,
    };
    let detail = match documented(&upper) {
        Some(text) => format!("HTTP {status}, the vendor says: {text}"),
        None if message.trim().is_empty() => format!("HTTP {status} without a message"),
        None => format!("HTTP {status} with a message that is not documented"),
    };
    Failure::new(reason, detail)
}

/// The maintenance answer's text is unknown: these are the words it can hardly do without.
const MAINTENANCE: [&str; 4] = ["MAINTENANCE", "BACKUP", "MANTENIMIENTO", "RESPALDO"];

/// Only texts from the vendor's pages are repeated: an unknown one could hold anything, a token or a name too.
fn documented(message: &str) -> Option<&'static str> {
    [
        "THE API YOU WANT TO CONSULT DOES NOT EXIST",
        "SOME PARAMETERS ARE REQUIRED",
        "PLEASE ENTER THE WOLKVOX-TOKEN",
        "PLEASE VALIDATE TOKEN",
        "TOKEN LIMIT EXCEEDED",
        "EXCEEDS THE LIMIT OF SIMULTANEOUS REQUESTS PER TOKEN",
        "VALIDATE DATES ENTERED",
    ]
    .into_iter()
    .find(|text| message.contains(text))
}

fn malformed(detail: impl Into<String>) -> Failure {
    Failure::new(Reason::Malformed, detail)
}

/// Says where, never what: serde's own messages repeat values.
fn not_json(error: &serde_json::Error) -> Failure {
    let what = match error.classify() {
        serde_json::error::Category::Eof => "JSON cut off",
        serde_json::error::Category::Data => "JSON of an undocumented shape",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => "not JSON",
    };
    malformed(format!("{what} at line {} column {}", error.line(), error.column()))
}

/// Code and message of an answer whose rows do not matter.
#[derive(Debug, Default)]
struct Header {
    code: Option<u16>,
    message: String,
    has_data: bool,
}

impl Header {
    fn of(body: &[u8]) -> Option<Header> {
        struct Discard;
        impl<'de> Rows<'de> for Discard {
            fn row<D: Deserializer<'de>>(&mut self, row: D) -> Result<(), D::Error> {
                row.deserialize_ignored_any(IgnoredAny).map(drop)
            }
        }
        let body = body.strip_prefix(BYTE_ORDER_MARK.as_bytes()).unwrap_or(body);
        let mut json = serde_json::Deserializer::from_slice(body);
        json.deserialize_map(EnvelopeVisitor { rows: Some(&mut Discard) }).ok()
    }
}

struct EnvelopeVisitor<'r, R> {
    /// Taken by the first `data`: a second one would add its rows to the first's.
    rows: Option<&'r mut R>,
}

impl<'de, R: Rows<'de>> Visitor<'de> for EnvelopeVisitor<'_, R> {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an envelope or an array of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, seq: A) -> Result<Header, A::Error> {
        let rows = self.rows.take().ok_or_else(|| A::Error::custom("data twice"))?;
        DataVisitor(rows).visit_seq(seq)?;
        Ok(Header { has_data: true, ..Header::default() })
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Header, A::Error> {
        let mut header = Header::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "code" => header.code = map.next_value::<Scalar>()?.text().trim().parse().ok(),
                "msg" => map.next_value::<Scalar>()?.text().clone_into(&mut header.message),
                "data" => {
                    let rows = self.rows.take().ok_or_else(|| A::Error::custom("data twice"))?;
                    map.next_value_seed(DataVisitor(rows))?;
                    header.has_data = true;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(header)
    }
}

struct DataVisitor<'r, R>(&'r mut R);

impl<'de, R: Rows<'de>> DeserializeSeed<'de> for DataVisitor<'_, R> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, R: Rows<'de>> Visitor<'de> for DataVisitor<'_, R> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rows")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        self.0.row(MapAccessDeserializer::new(map))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(RowSeed(&mut *self.0))?.is_some() {}
        Ok(())
    }
}

struct RowSeed<'r, R>(&'r mut R);

impl<'de, R: Rows<'de>> DeserializeSeed<'de> for RowSeed<'_, R> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.0.row(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    /// Rows as JSON values.
    #[derive(Default)]
    struct Kept(Vec<serde_json::Value>);

    impl<'de> Rows<'de> for Kept {
        fn row<D: Deserializer<'de>>(&mut self, row: D) -> Result<(), D::Error> {
            self.0.push(serde_json::Value::deserialize(row)?);
            Ok(())
        }
    }

    fn rows(body: &str) -> Result<(Reading, usize), Failure> {
        let mut kept = Kept::default();
        read(body.as_bytes(), &mut kept).map(|reading| (reading, kept.0.len()))
    }

    #[test]
    fn every_documented_envelope_is_read() {
        for (body, expected) in [
            (r#"{"code":200,"error":null,"msg":"2 records were found","data":[{},{}]}"#, (Reading::Rows, 2)),
            (r#"{"data":[{}],"msg":"","code":"200"}"#, (Reading::Rows, 1)),
            (r#"{"code":" ","data":[{}]}"#, (Reading::Rows, 1)),
            (r#"{"code":"0","data":[]}"#, (Reading::Rows, 0)),
            (r#"{"code":200,"data":{"a":"b"}}"#, (Reading::Rows, 1)),
            (r#"{"code":200,"data":null}"#, (Reading::Rows, 0)),
            (r"[{},{},{}]", (Reading::Rows, 3)),
            ("\u{feff}[{}]", (Reading::Rows, 1)),
            (r#"{"code":"404","msg":"Validate dates entered","data":null}"#, (Reading::NoRows, 0)),
        ] {
            assert_eq!(rows(body), Ok(expected), "{body}");
        }
    }

    #[test]
    fn never_lie_what_is_no_whole_answer_is_a_failure() {
        for (body, reason, detail) in [
            ("", Reason::Malformed, "empty"),
            ("  \n", Reason::Malformed, "empty"),
            ("null", Reason::Malformed, "undocumented shape"),
            ("7", Reason::Malformed, "undocumented shape"),
            ("hello", Reason::Malformed, "not JSON"),
            ("<html>", Reason::Malformed, "HTML"),
            (r#"{"code":200,"data":[{"a":"b"}"#, Reason::Malformed, "cut off"),
            (r#"{"code":200,"data":[]} x"#, Reason::Malformed, "not JSON"),
            (r#"{"code":200,"msg":"fine"}"#, Reason::Malformed, "without data"),
            (r#"{"code":200,"data":[],"data":[]}"#, Reason::Malformed, "undocumented shape"),
            (r#"{"code":200,"data":"text"}"#, Reason::Malformed, "undocumented shape"),
            (r#"{"code":"403","msg":"TOKEN LIMIT EXCEEDED","data":[]}"#, Reason::BudgetExhausted, "TOKEN LIMIT"),
            (r#"{"code":500,"data":[{}]}"#, Reason::Http5xx, "HTTP 500"),
        ] {
            let failure = rows(body).unwrap_err();
            assert_eq!(failure.reason, reason, "{body}: {failure}");
            assert!(failure.detail.contains(detail), "{body}: {failure}");
        }
    }

    #[test]
    fn invalid_utf8_names_the_byte() {
        let failure = read(b"{\"data\":[{\"a\":\"\xff\"}]}", &mut Kept::default()).unwrap_err();
        assert_eq!((failure.reason, failure.detail.as_str()), (Reason::Malformed, "invalid UTF-8 at byte 15 of 20"));
    }

    #[test]
    fn a_million_nested_lists_do_not_overflow_the_stack() {
        let deep = format!(r#"{{"code":200,"x":{}"#, "[".repeat(1_000_000));
        assert_eq!(rows(&deep).unwrap_err().reason, Reason::Malformed);
        let whole = format!(r#"{{"x":{}{},"data":[]}}"#, "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(rows(&whole), Ok((Reading::Rows, 0)));
    }

    #[test]
    fn statuses_and_messages_map_to_the_closed_set() {
        let body = |message: &str| format!(r#"{{"code":"403","error":"FORBIDDEN","msg":"{message}"}}"#).into_bytes();
        let table = [
            (400, "THE API YOU WANT TO CONSULT DOES NOT EXIST"),
            (401, "PLEASE ENTER THE WOLKVOX-TOKEN"),
            (403, "Please validate token"),
            (403, "TOKEN LIMIT EXCEEDED"),
            (403, "EXCEEDS THE LIMIT OF SIMULTANEOUS REQUESTS PER TOKEN (2)"),
            (403, "SERVICE IN BACKUP"),
            (403, "something new about s3cr3t"),
            (302, ""),
            (404, "x"),
            (429, ""),
            (500, ""),
            (503, ""),
        ]
        .map(|(status, message)| match classify(status, None, body(message)) {
            Ok(answer) => format!("{status} {answer:?}"),
            Err(failure) => format!("{status} {failure}"),
        })
        .join("\n");
        insta::assert_snapshot!(table, @r"
        400 http_4xx: HTTP 400, the vendor says: THE API YOU WANT TO CONSULT DOES NOT EXIST
        401 token_missing: HTTP 401, the vendor says: PLEASE ENTER THE WOLKVOX-TOKEN
        403 token_rejected: HTTP 403, the vendor says: PLEASE VALIDATE TOKEN
        403 budget_exhausted: HTTP 403, the vendor says: TOKEN LIMIT EXCEEDED
        403 concurrency: HTTP 403, the vendor says: EXCEEDS THE LIMIT OF SIMULTANEOUS REQUESTS PER TOKEN
        403 maintenance: HTTP 403 with a message that is not documented
        403 forbidden_other: HTTP 403 with a message that is not documented
        302 redirect: HTTP 302 without a message
        404 http_4xx: HTTP 404 with a message that is not documented
        429 http_4xx: HTTP 429 without a message
        500 http_5xx: HTTP 500 without a message
        503 http_5xx: HTTP 503 without a message
        ");
    }

    #[test]
    fn a_404_means_no_rows_only_in_the_vendors_own_envelope() {
        let vendor = br#"{"code":"404","error":"NOT FOUND","msg":"Validate dates entered"}"#;
        assert!(matches!(classify(404, None, vendor.to_vec()), Ok(Answer::NoRows)));
        for proxy in [&b"<html>not found</html>"[..], b"", b"[]"] {
            assert_eq!(classify(404, None, proxy.to_vec()).unwrap_err().reason, Reason::Http4xx);
        }
    }
}
