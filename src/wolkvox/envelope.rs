//! The envelope: whether an answer has rows, has none, or is a failure.
//!
//! The envelope is `{"code":200,"error":null,"msg":"…","data":[…]}`, with the variations that the vendor is
//! known for: the code as text, one object or null as data, a bare array, and 404 for "no rows".

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::body::{Body, Content, Source, Streamed};
use super::failure::{Failure, Reason};
use super::surrogates::without_lone_surrogates;
use super::wording::Wording;
use crate::rows::{Rows, Scalar, TakesAnswers};

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

/// Decides by HTTP status whether there is a body to be read. What a refusal says decides its reason.
pub fn classify(status: u16, retry_after: Option<Duration>, body: Vec<u8>) -> Result<Answer, Failure> {
    if status == 200 {
        return Ok(Answer::Body(Body::whole(body)));
    }
    let header = Header::of(&body);
    let is_page = header.is_none();
    match header.unwrap_or_default().judge(status) {
        Ok(_) => Ok(Answer::NoRows),
        Err(failure) => {
            let said = if is_page { Wording::of_page(&body) } else { failure.said };
            Err(Failure { retry_after, said, ..failure })
        }
    }
}

/// Reads an answer to its end and hands each row to `taker`. After an error, the rows handed over are not a whole
/// answer.
pub fn read_answer<T: TakesAnswers>(body: &mut Body, taker: &mut T) -> Result<Reading, Failure> {
    match body.content() {
        Content::Whole(bytes) => read_whole(bytes, taker),
        Content::Streamed(streamed) => read_streamed(streamed, taker),
    }
}

/// The same for an answer that is there as a whole.
pub fn read_whole<T: TakesAnswers>(bytes: &[u8], taker: &mut T) -> Result<Reading, Failure> {
    let text = without_lone_surrogates(bytes);
    let mut rows = taker.begin(matches!(text, Cow::Owned(_)));
    let read = parse_whole(&text, &mut rows);
    rows.refused().map_or(read, |refused| Err(refused.into()))
}

/// The same for an answer that still comes in: what of it is not read is not checked to be UTF-8.
pub fn read_streamed<T: TakesAnswers, S: Source>(body: &mut Streamed<S>, taker: &mut T) -> Result<Reading, Failure> {
    // Nobody knows yet whether halves of characters are to come.
    let mut rows = taker.begin(true);
    let read = start(body).and_then(|()| parse(serde_json::Deserializer::from_reader(&mut *body), &mut rows));
    let read = body.take_failure().map_or(read, Err);
    rows.refused().map_or(read, |refused| Err(refused.into()))
}

fn parse_whole<'de, R: Rows<'de>>(body: &'de [u8], rows: &mut R) -> Result<Reading, Failure> {
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

/// Passes over what may stand before the JSON, however few bytes come at a time.
fn start<S: Source>(body: &mut Streamed<S>) -> Result<(), Failure> {
    let unread = |_| malformed("the answer cannot be read");
    for (place, byte) in BYTE_ORDER_MARK.bytes().enumerate() {
        match body.peek().map_err(unread)?.first() == Some(&byte) {
            true => body.skip(1),
            false if place == 0 => break,
            false => return Err(malformed("half a byte order mark")),
        }
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
        .deserialize_struct("envelope", &[], EnvelopeVisitor { rows: Some(rows) })
        .and_then(|envelope| json.end().map(|()| envelope))
        .map_err(|error| not_json(&error))?;
    envelope.judge(200)
}

/// What the vendor's pages say of each refusal. Only these texts are repeated: an unknown one could hold anything, a
/// token or a name too.
const REFUSALS: [(&str, Reason); 6] = [
    ("PLEASE VALIDATE TOKEN", Reason::TokenRejected),
    ("TOKEN LIMIT EXCEEDED", Reason::BudgetExhausted),
    ("EXCEEDS THE LIMIT OF SIMULTANEOUS REQUESTS PER TOKEN", Reason::Concurrency),
    ("PLEASE ENTER THE WOLKVOX-TOKEN", Reason::TokenMissing),
    ("THE API YOU WANT TO CONSULT DOES NOT EXIST", Reason::Http4xx),
    ("SOME PARAMETERS ARE REQUIRED", Reason::Http4xx),
];

/// What the vendor says where it has no rows, though the dates are right.
const NO_ROWS: &str = "VALIDATE DATES ENTERED";

/// The maintenance answer's text is unknown: these are the words it can hardly do without.
const MAINTENANCE: [&str; 4] = ["MAINTENANCE", "BACKUP", "MANTENIMIENTO", "RESPALDO"];

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

/// What an answer says of itself, besides its rows.
#[derive(Debug, Default)]
struct Header {
    code: Option<Code>,
    error: Option<Stated>,
    message: Option<String>,
    /// Whether there is `data`, and whether a row is in it.
    data: Option<HasRows>,
}

type HasRows = bool;

/// The `code` of an answer, a number or the text of one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Code {
    /// A blank text or 0: some endpoints say so in a success.
    Blank,
    Number(u16),
    /// Anything else, `null` too.
    Undocumented,
}

/// The `error` of an answer.
#[derive(Debug, PartialEq)]
enum Stated {
    /// `null`, as every documented success has it, a blank text, or the text `null`.
    Nothing,
    Text(String),
    /// A boolean, a list or an object.
    Undocumented,
}

impl From<Option<Scalar<'_>>> for Code {
    fn from(code: Option<Scalar<'_>>) -> Code {
        let Some(Scalar::Text(text)) = code else { return Code::Undocumented };
        match text.trim() {
            "" | "0" => Code::Blank,
            text => match text.parse::<u16>() {
                Ok(number) if number.to_string() == text => Code::Number(number),
                _ => Code::Undocumented,
            },
        }
    }
}

impl From<Scalar<'_>> for Stated {
    fn from(error: Scalar<'_>) -> Stated {
        match error {
            Scalar::Text(text) if matches!(text.trim(), "" | "null") => Stated::Nothing,
            Scalar::Text(text) => Stated::Text(text.into_owned()),
            Scalar::Number(number) => Stated::Text(number.into()),
            Scalar::Other => Stated::Undocumented,
        }
    }
}

impl Header {
    fn of(body: &[u8]) -> Option<Header> {
        struct Discard;
        impl<'de> Rows<'de> for Discard {
            fn row<D: Deserializer<'de>>(&mut self, row: D) -> Result<(), D::Error> {
                row.deserialize_ignored_any(IgnoredAny).map(drop)
            }
        }
        // A refusal is told by plain words, whatever its accents are encoded in.
        let text = String::from_utf8_lossy(body);
        let body = without_lone_surrogates(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text).as_bytes());
        let mut json = serde_json::Deserializer::from_slice(&body);
        json.deserialize_map(EnvelopeVisitor { rows: Some(&mut Discard) }).ok()
    }

    /// A success is only what the vendor documents as one; whatever else it says is a failure, under any status.
    fn judge(&self, status: u16) -> Result<Reading, Failure> {
        let said = self.said();
        let refused = REFUSALS.iter().any(|(text, _)| said.contains(text));
        match self.data {
            _ if refused => Err(self.failure(status, &said)),
            Some(true) if self.says_no_rows(status, &said) => {
                Err(malformed("rows in an answer that says there are none"))
            }
            _ if self.says_no_rows(status, &said) => Ok(Reading::NoRows),
            _ if !self.says_success(status) => Err(self.failure(status, &said)),
            Some(_) => Ok(Reading::Rows),
            None => Err(malformed("an object without data")),
        }
    }

    /// HTTP 200 and the code 200 without an error; where the code is blank or 0, only `error` tells, so it must be there.
    fn says_success(&self, status: u16) -> bool {
        status == 200
            && match (self.code, &self.error) {
                (Some(Code::Number(200)), None) => true,
                (Some(Code::Number(200) | Code::Blank), Some(error)) => *error == Stated::Nothing,
                _ => false,
            }
    }

    /// A 404 is "no rows" only in the vendor's own words: a proxy's or a wrong server's 404 is a failure.
    fn says_no_rows(&self, status: u16, said: &str) -> bool {
        let is_404 = matches!(
            (status, self.code),
            (404, None | Some(Code::Blank | Code::Number(200 | 404))) | (200, Some(Code::Number(404)))
        );
        is_404 && said.contains(NO_ROWS) && !["FORBIDDEN", "UNAUTHORIZED"].iter().any(|error| said.contains(error))
    }

    /// The message and the error, in capitals.
    fn said(&self) -> String {
        let error = match &self.error {
            Some(Stated::Text(error)) => error,
            _ => "",
        };
        format!("{}\n{error}", self.message.as_deref().unwrap_or_default()).to_uppercase()
    }

    fn failure(&self, status: u16, said: &str) -> Failure {
        // The code counts where the status says nothing.
        let code = match self.code {
            Some(Code::Number(code @ 400..=599)) if status == 200 => Some(code),
            _ => None,
        };
        let is_error = !matches!(self.error, None | Some(Stated::Nothing));
        let documented = REFUSALS.iter().find(|(text, _)| said.contains(text));
        let reason = match (documented, code.unwrap_or(status)) {
            (Some((_, reason)), _) => *reason,
            _ if MAINTENANCE.iter().any(|text| said.contains(text)) => Reason::Maintenance,
            (None, 300..=399) => Reason::Redirect,
            (None, 401) => Reason::TokenMissing,
            (None, 403) => Reason::ForbiddenOther,
            (None, 400..=499) => Reason::Http4xx,
            (None, 500..=599) => Reason::Http5xx,
            (None, 200) if is_error => Reason::ForbiddenOther,
            (None, _) => Reason::Malformed,
        };
        let what = match (documented, status) {
            (Some((text, _)), _) => format!(", the vendor says: {text}"),
            (None, 200) if is_error => " with an error that is not documented".to_owned(),
            (None, 200) if code.is_none() => " with a code that is no success".to_owned(),
            (None, 201..=299) => " is no whole answer".to_owned(),
            (None, _) if self.message.as_deref().unwrap_or_default().trim().is_empty() => {
                " without a message".to_owned()
            }
            (None, _) => " with a message that is not documented".to_owned(),
        };
        let code = code.map(|code| format!(" and code {code}")).unwrap_or_default();
        let documented = documented.is_some();
        let said = if documented { None } else { self.wording() };
        Failure { documented, said, ..Failure::new(reason, format!("HTTP {status}{code}{what}")) }
    }

    /// The message and the error as they came.
    fn wording(&self) -> Option<Wording> {
        let error = match &self.error {
            Some(Stated::Text(error)) => error.as_str(),
            _ => "",
        };
        Wording::of(&format!("{} {error}", self.message.as_deref().unwrap_or_default()))
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
        let data = Some(DataVisitor(rows).visit_seq(seq)?);
        // Some endpoints answer with nothing but the rows.
        Ok(Header { code: Some(Code::Number(200)), data, ..Header::default() })
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Header, A::Error> {
        let mut header = Header::default();
        while let Some(key) = map.next_key::<String>()? {
            // A key that stands twice says two things.
            let twice = match key.as_str() {
                "code" => header.code.replace(map.next_value::<Option<Scalar>>()?.into()).is_some(),
                "error" => header.error.replace(map.next_value::<Scalar>()?.into()).is_some(),
                "msg" => header.message.replace(map.next_value::<Scalar>()?.text().to_owned()).is_some(),
                "data" => {
                    let rows = self.rows.take().ok_or_else(|| A::Error::custom("data twice"))?;
                    header.data.replace(map.next_value_seed(DataVisitor(rows))?).is_some()
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    false
                }
            };
            if twice {
                return Err(A::Error::custom("a key twice"));
            }
        }
        Ok(header)
    }
}

struct DataVisitor<'r, R>(&'r mut R);

impl<'de, R: Rows<'de>> DeserializeSeed<'de> for DataVisitor<'_, R> {
    type Value = HasRows;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<HasRows, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de, R: Rows<'de>> Visitor<'de> for DataVisitor<'_, R> {
    type Value = HasRows;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rows")
    }

    fn visit_none<E>(self) -> Result<HasRows, E> {
        Ok(false)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<HasRows, D::Error> {
        // A list or an object and nothing else: `deserialize_any` would hand over a long number as an object.
        deserializer.deserialize_struct("rows", &[], self)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<HasRows, A::Error> {
        self.0.row(MapAccessDeserializer::new(map))?;
        Ok(true)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<HasRows, A::Error> {
        let mut has_rows = false;
        while seq.next_element_seed(RowSeed(&mut *self.0))?.is_some() {
            has_rows = true;
        }
        Ok(has_rows)
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
        parse_whole(body.as_bytes(), &mut kept).map(|reading| (reading, kept.0.len()))
    }

    #[test]
    fn every_documented_envelope_is_read() {
        for (body, expected) in [
            (r#"{"code":200,"error":null,"msg":"2 records were found","data":[{},{}]}"#, (Reading::Rows, 2)),
            (r#"{"data":[{}],"msg":"","error":"","code":"200"}"#, (Reading::Rows, 1)),
            (r#"{"code":" ","error":null,"data":[{}]}"#, (Reading::Rows, 1)),
            (r#"{"code":"0","error":null,"data":[]}"#, (Reading::Rows, 0)),
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
            (r#"{"code":403,"code":200,"data":[]}"#, Reason::Malformed, "undocumented shape"),
            (r#"{"error":"FORBIDDEN","error":null,"code":200,"data":[]}"#, Reason::Malformed, "undocumented shape"),
            (r#"{"code":"404","msg":"Validate dates entered","data":[{}]}"#, Reason::Malformed, "rows in an answer"),
            (r#"{"code":200,"data":"text"}"#, Reason::Malformed, "undocumented shape"),
            (r#"{"code":200,"data":7.5}"#, Reason::Malformed, "undocumented shape"),
            ("7.5", Reason::Malformed, "undocumented shape"),
            (r#"{"code":"403","msg":"TOKEN LIMIT EXCEEDED","data":[]}"#, Reason::BudgetExhausted, "TOKEN LIMIT"),
            (r#"{"code":500,"data":[{}]}"#, Reason::Http5xx, "code 500"),
        ] {
            let failure = rows(body).unwrap_err();
            assert_eq!(failure.reason, reason, "{body}: {failure}");
            assert!(failure.detail.contains(detail), "{body}: {failure}");
        }
    }

    #[test]
    fn invalid_utf8_names_the_byte() {
        let failure = parse_whole(b"{\"data\":[{\"a\":\"\xff\"}]}", &mut Kept::default()).unwrap_err();
        assert_eq!((failure.reason, failure.detail.as_str()), (Reason::Malformed, "invalid UTF-8 at byte 15 of 20"));
    }

    #[test]
    fn a_million_nested_lists_do_not_overflow_the_stack() {
        let deep = format!(r#"{{"code":200,"x":{}"#, "[".repeat(1_000_000));
        assert_eq!(rows(&deep).unwrap_err().reason, Reason::Malformed);
        let whole = format!(r#"{{"code":200,"x":{}{},"data":[]}}"#, "[".repeat(100_000), "]".repeat(100_000));
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
            (400, "PLEASE VALIDATE TOKEN"),
            (206, "1 records were found"),
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
        400 token_rejected: HTTP 400, the vendor says: PLEASE VALIDATE TOKEN
        206 malformed: HTTP 206 is no whole answer
        302 redirect: HTTP 302 without a message
        404 http_4xx: HTTP 404 with a message that is not documented
        429 http_4xx: HTTP 429 without a message
        500 http_5xx: HTTP 500 without a message
        503 http_5xx: HTTP 503 without a message
        ");
    }

    #[test]
    fn a_404_means_no_rows_only_in_the_vendors_own_words() {
        let says = |error: &str, message: &str| {
            classify(404, None, format!(r#"{{"code":"404","error":"{error}","msg":"{message}"}}"#).into_bytes())
        };
        assert!(matches!(says("NOT FOUND", "Validate dates entered"), Ok(Answer::NoRows)));
        assert!(matches!(says(r"NOT FOUND \ud83d", "Validate dates entered"), Ok(Answer::NoRows)));
        for (error, message, reason) in [
            ("NOT FOUND", "TOKEN LIMIT EXCEEDED", Reason::BudgetExhausted),
            ("TOKEN LIMIT EXCEEDED", "Validate dates entered", Reason::BudgetExhausted),
            ("FORBIDDEN", "Validate dates entered", Reason::Http4xx),
            ("NOT FOUND", "", Reason::Http4xx),
            ("NOT FOUND", "Valid dates", Reason::Http4xx),
        ] {
            assert_eq!(says(error, message).unwrap_err().reason, reason, "{error}: {message}");
        }
        let latin1 = b"{\"error\":\"\xcd\",\"msg\":\"TOKEN LIMIT EXCEEDED\"}".to_vec();
        assert_eq!(classify(404, None, latin1).unwrap_err().reason, Reason::BudgetExhausted);
        for proxy in [&b"<html>not found</html>"[..], b"", b"[]", br#"{"error":"Not Found"}"#] {
            assert_eq!(classify(404, None, proxy.to_vec()).unwrap_err().reason, Reason::Http4xx);
        }
    }

    const STATUSES: [u16; 14] = [200, 201, 204, 206, 301, 302, 400, 401, 403, 404, 409, 429, 500, 503];
    const CODES: [&str; 26] = [
        r#""+200""#,
        r#""0200""#,
        "",
        "null",
        r#""""#,
        r#"" ""#,
        "0",
        r#""0""#,
        "200",
        r#""200""#,
        r#"" 200 ""#,
        "404",
        r#""404""#,
        "403",
        r#""403""#,
        "500",
        "-1",
        "1001",
        "206",
        "200.5",
        "false",
        "true",
        "[]",
        "{}",
        r#""403 Forbidden""#,
        r#""200 OK""#,
    ];
    const ERRORS: [&str; 14] = [
        "",
        "null",
        r#""""#,
        r#""  ""#,
        r#""null""#,
        r#""FORBIDDEN""#,
        r#""NOT FOUND""#,
        r#""TOKEN LIMIT EXCEEDED""#,
        "false",
        "true",
        "0",
        "1",
        "[]",
        "{}",
    ];
    const MESSAGES: [&str; 12] = [
        "",
        "null",
        "1",
        "[]",
        r#""1 records were found""#,
        r#""Validate dates entered""#,
        r#""Please validate token""#,
        r#""TOKEN LIMIT EXCEEDED""#,
        r#""EXCEEDS THE LIMIT OF SIMULTANEOUS REQUESTS PER TOKEN (2)""#,
        r#""PLEASE ENTER THE WOLKVOX-TOKEN""#,
        r#""THE SERVER IS IN BACKUP""#,
        r#""something new""#,
    ];
    const DATA: [&str; 5] = ["", "null", "[]", "[{}]", "{}"];

    /// What becomes of an answer with these members; an empty one is left out.
    fn read_answer(status: u16, members: [(&str, &str); 4]) -> Result<(Reading, usize), Reason> {
        let members = members.iter().filter(|(_, value)| !value.is_empty());
        let members: Vec<String> = members.map(|(key, value)| format!("\"{key}\":{value}")).collect();
        let body = format!("{{{}}}", members.join(","));
        match classify(status, None, body.clone().into_bytes()) {
            Ok(Answer::Body(_)) => rows(&body).map_err(|failure| failure.reason),
            Ok(Answer::NoRows) => Ok((Reading::NoRows, 0)),
            Err(failure) => Err(failure.reason),
        }
    }

    /// The documentation as a table, without the code that is tested. A failure names the reasons that it may have, none
    /// for any.
    fn documented(status: u16, code: &str, error: &str, msg: &str, data: &str) -> Result<Reading, Vec<Reason>> {
        let refusals = [
            (r#""Please validate token""#, Reason::TokenRejected),
            (r#""TOKEN LIMIT EXCEEDED""#, Reason::BudgetExhausted),
            (r#""EXCEEDS THE LIMIT OF SIMULTANEOUS REQUESTS PER TOKEN (2)""#, Reason::Concurrency),
            (r#""PLEASE ENTER THE WOLKVOX-TOKEN""#, Reason::TokenMissing),
        ];
        let refused = refusals.iter().filter(|(text, _)| msg == *text || error == *text);
        let refused: Vec<Reason> = refused.map(|(_, reason)| *reason).collect();
        if !refused.is_empty() {
            return Err(refused);
        }
        let no_error = ["null", r#""""#, r#""  ""#, r#""null""#].contains(&error);
        let blank = [r#""""#, r#"" ""#, "0", r#""0""#].contains(&code);
        let says = |number: &str| code.trim_matches(['"', ' ']) == number;
        let is_404 = status == 404 && (code.is_empty() || blank || says("200") || says("404"));
        if is_404 || status == 200 && says("404") {
            let plain = msg == r#""Validate dates entered""# && error != r#""FORBIDDEN""# && !data.contains("{}");
            return if plain { Ok(Reading::NoRows) } else { Err(vec![]) };
        }
        let success = status == 200
            && !data.is_empty()
            && (no_error && (blank || says("200")) || error.is_empty() && says("200"));
        if success { Ok(Reading::Rows) } else { Err(vec![]) }
    }

    #[test]
    fn never_lie_an_answer_is_a_success_only_in_a_documented_form() {
        let mut successes = 0_u32;
        for (status, code) in STATUSES.iter().flat_map(|status| CODES.map(|code| (*status, code))) {
            for (error, msg) in ERRORS.iter().flat_map(|error| MESSAGES.map(|msg| (*error, msg))) {
                for data in DATA {
                    let members = [("code", code), ("error", error), ("msg", msg), ("data", data)];
                    let expected = documented(status, code, error, msg, data);
                    for members in [members, [members[3], members[2], members[1], members[0]]] {
                        let outcome = read_answer(status, members);
                        let fits = match (&outcome, &expected) {
                            (Ok((reading, rows)), Ok(expected)) => {
                                reading == expected && *rows == usize::from(data.contains("{}"))
                            }
                            (Err(reason), Err(reasons)) => reasons.is_empty() || reasons.contains(reason),
                            _ => false,
                        };
                        assert!(fits, "HTTP {status} {members:?}: {outcome:?}, not {expected:?}");
                        successes += u32::from(outcome.is_ok());
                    }
                }
            }
        }
        assert!(successes > 1_000, "{successes}");
    }

    struct Taken<'k>(&'k mut Kept);

    impl<'de> Rows<'de> for Taken<'_> {
        fn row<D: Deserializer<'de>>(&mut self, row: D) -> Result<(), D::Error> {
            self.0.row(row)
        }
    }

    impl TakesAnswers for Kept {
        type Rows<'a, 'de> = Taken<'a>;

        fn begin<'de>(&mut self, _: bool) -> Self::Rows<'_, 'de> {
            Taken(self)
        }
    }

    /// Pieces of a body, the last one first, and what comes after them.
    struct Pieces(Vec<bytes::Bytes>, Option<Failure>);

    impl Source for Pieces {
        fn next(&mut self) -> Result<Option<bytes::Bytes>, Failure> {
            match (self.0.pop(), self.1.take()) {
                (None, Some(failure)) => Err(failure),
                (piece, after) => {
                    self.1 = after;
                    Ok(piece)
                }
            }
        }
    }

    /// Reads a body that comes in so many bytes at a time.
    fn streamed(body: &[u8], piece: usize, after: Option<Failure>) -> (Result<Reading, Failure>, usize) {
        let pieces = body.chunks(piece).rev().map(bytes::Bytes::copy_from_slice).collect();
        let mut kept = Kept::default();
        (read_streamed(&mut Streamed::new(Pieces(pieces, after)), &mut kept), kept.0.len())
    }

    #[test]
    fn never_lie_an_answer_that_comes_in_by_the_byte_is_what_a_whole_one_is() {
        // Where it stands differs by the blanks that were passed over.
        let what = |read: Result<Reading, Failure>| {
            read.map_err(|failure| (failure.reason, failure.detail.split(" at line").next().unwrap().to_owned()))
        };
        for body in [
            "",
            " \n ",
            "\u{feff}",
            "\u{feff} \n",
            "<html>",
            " \n<html>",
            "\u{feff} <html>",
            "null",
            "hello",
            "[{},{}]",
            " \t[{}]",
            "\u{feff}[{}]",
            "\u{feff}\n [{}] ",
            "[{}] x",
            "[{}",
            r#" {"code":200,"data":[{}]} "#,
            r#"{"code":"404","msg":"Validate dates entered","data":null}"#,
            r#"{"code":403,"msg":"TOKEN LIMIT EXCEEDED","data":[]}"#,
        ] {
            let mut kept = Kept::default();
            let whole = what(read_whole(body.as_bytes(), &mut kept));
            for piece in [1, 2, 64] {
                let (read, rows) = streamed(body.as_bytes(), piece, None);
                assert_eq!(what(read), whole, "{body:?} by {piece}");
                assert!(whole.is_err() || rows == kept.0.len(), "{body:?} by {piece}: {rows} rows");
            }
        }
        let (read, _) = streamed(b"\xef\xbb[{}]", 1, None);
        assert_eq!(read.unwrap_err().detail, "half a byte order mark");
    }

    #[test]
    fn never_lie_a_body_that_breaks_off_fails_for_that_and_not_for_its_json() {
        for body in ["", " ", "[{}", r#"{"code":403"#] {
            let broken = Failure::new(Reason::Timeout, "no more came");
            let (read, _) = streamed(body.as_bytes(), 1, Some(broken.clone()));
            assert_eq!(read, Err(broken), "{body:?}");
        }
    }

    #[test]
    fn never_lie_what_an_answer_with_status_200_has_instead_of_a_success_decides_its_reason() {
        let table = [
            r#"{"code":200,"error":"new","data":[]}"#,
            r#"{"code":200,"error":false,"data":[]}"#,
            r#"{"code":201,"data":[]}"#,
            r#"{"code":500,"data":[]}"#,
            r#"{"code":500,"error":"new","data":[]}"#,
            r#"{"code":500,"msg":"new","data":[]}"#,
            r#"{"code":401,"msg":"new","data":[]}"#,
            r#"{"code":403,"msg":"new","data":[]}"#,
            r#"{"code":404,"msg":"new","data":[]}"#,
            r#"{"code":302,"msg":"new","data":[]}"#,
        ]
        .map(|body| format!("{body} {}", rows(body).unwrap_err()))
        .join("\n");
        insta::assert_snapshot!(table, @r#"
        {"code":200,"error":"new","data":[]} forbidden_other: HTTP 200 with an error that is not documented
        {"code":200,"error":false,"data":[]} forbidden_other: HTTP 200 with an error that is not documented
        {"code":201,"data":[]} malformed: HTTP 200 with a code that is no success
        {"code":500,"data":[]} http_5xx: HTTP 200 and code 500 without a message
        {"code":500,"error":"new","data":[]} http_5xx: HTTP 200 and code 500 with an error that is not documented
        {"code":500,"msg":"new","data":[]} http_5xx: HTTP 200 and code 500 with a message that is not documented
        {"code":401,"msg":"new","data":[]} token_missing: HTTP 200 and code 401 with a message that is not documented
        {"code":403,"msg":"new","data":[]} forbidden_other: HTTP 200 and code 403 with a message that is not documented
        {"code":404,"msg":"new","data":[]} http_4xx: HTTP 200 and code 404 with a message that is not documented
        {"code":302,"msg":"new","data":[]} malformed: HTTP 200 with a code that is no success
        "#);
    }

    #[test]
    fn a_refusal_keeps_the_wait_that_was_asked_for_and_its_own_words_where_they_are_not_documented() {
        let wait = Some(Duration::from_secs(30));
        let refused = |message: &str| {
            let body = format!(r#"{{"code":"403","error":"FORBIDDEN","msg":"{message}"}}"#);
            classify(429, wait, body.into_bytes()).unwrap_err()
        };
        let unknown = refused("something new");
        let said = Wording::of("something new FORBIDDEN");
        assert_eq!((unknown.retry_after, unknown.documented, unknown.said), (wait, false, said));
        let known = refused("TOKEN LIMIT EXCEEDED");
        assert_eq!((known.retry_after, known.documented, known.said), (wait, true, None));
    }
}
