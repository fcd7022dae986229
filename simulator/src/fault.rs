//! The faults: in which ways the vendor misbehaves, and what each makes of a good answer.

use std::time::Duration;

use serde_json::Value;

use crate::message::{Answer, Request, refusal};

/// One way to misbehave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The good answer, that much later.
    Delay(Duration),
    /// The good answer one byte at a time, with that pause after each.
    Drip(Duration),
    /// The body stops half way and the connection closes.
    CutBody,
    /// A complete HTTP message whose gzip stream is cut off.
    CutGzip,
    /// Status 200 with an HTML page.
    Html200,
    /// That status with an HTML page.
    Status(u16),
    /// That status with an HTML page and this `Retry-After`, verbatim.
    StatusWithRetryAfter(u16, String),
    /// TCP RST instead of an answer.
    Reset,
    /// 302 to this location.
    Redirect(String),
    /// About 1 MB of gzip that inflates to a valid beginning and 1 GiB of spaces.
    Bomb,
    /// The good answer, padded with spaces before its last byte to at least that many bytes, never compressed.
    Huge(usize),
    /// 403 that speaks of a backup.
    Maintenance,
    /// 403 with this message.
    Forbidden(String),
    /// 200 with the envelope of a refusal and no rows.
    RefusedAs200 {
        /// As JSON.
        code: String,
        message: String,
    },
    /// 206 with half of the good answer's rows.
    Partial,
    /// A success whose `code` is the text `"200"`, or `" "` where it already was.
    StringCodes,
    /// Some values of a success are no longer what they should be.
    BadValues,
    /// A byte order mark before the JSON.
    Bom,
    /// Every agent name has the same 10 kB appended.
    HugeNames,
    /// One field of every row has another name.
    RenamedField {
        /// As documented.
        from: String,
        /// As sent.
        to: String,
    },
    /// 200 with exactly these bytes.
    Body(Vec<u8>),
    /// Bytes inside a text that are not UTF-8.
    InvalidUtf8,
    /// A complete HTTP message whose JSON stops.
    Truncated,
    /// Accepts the request and never answers.
    Drop,
}

/// Which requests a fault befalls. The default is every request, for ever.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Only this report.
    pub api: Option<String>,
    /// Only this token.
    pub token: Option<String>,
    /// Only so many times.
    pub times: Option<u32>,
}

impl Scope {
    fn covers(&self, request: &Request) -> bool {
        self.times != Some(0)
            && self.api.as_deref().is_none_or(|api| request.parameter("api") == Some(api))
            && self.token.as_deref().is_none_or(|token| request.token.as_deref() == Some(token))
    }
}

/// The faults in force, in the order they were injected.
#[derive(Default)]
pub(super) struct Faults(Vec<(Fault, Scope)>);

impl Faults {
    pub(super) fn add(&mut self, fault: Fault, scope: Scope) {
        self.0.push((fault, scope));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The first fault that befalls this request; uses up one of its times.
    pub(super) fn strike(&mut self, request: &Request) -> Option<Fault> {
        let index = self.0.iter().position(|(_, scope)| scope.covers(request))?;
        let (fault, scope) = self.0.get_mut(index)?;
        let Some(times) = scope.times.as_mut() else {
            return Some(fault.clone());
        };
        *times -= 1;
        if *times > 0 { Some(fault.clone()) } else { Some(self.0.remove(index).0) }
    }
}

const HTML: &str = "<!DOCTYPE html>\n<html><head><title>wolkvox</title></head>\
                    <body><h1>An error occurred</h1></body></html>\n";

/// Looks like a name, so that nothing but its length is wrong with it.
const LONG_SUFFIX: &str = " de la Santísima Trinidad";

/// Fields that carry a quantity or a time, as opposed to an identity.
const QUANTITIES: [&str; 72] = [
    "abandon",
    "abandon_calls",
    "accuracy",
    "acw_time",
    "aht",
    "aht_inbound",
    "aht_outbund",
    "aht_time",
    "answer",
    "answer_calls",
    "asa",
    "ata",
    "attempts",
    "aux_time",
    "average",
    "billed_minutes",
    "calls",
    "calls_in_queue_now",
    "clean",
    "close_time",
    "closing_time",
    "conference_calls",
    "count",
    "customer_say_no",
    "customer_say_yes",
    "date",
    "date_inbound_call",
    "date_last_outbound_call",
    "dial",
    "evaluations",
    "hits",
    "hold_time",
    "inbound",
    "inbound_calls",
    "inbound_time",
    "interaction",
    "interactions",
    "internal",
    "latency_ms",
    "licenses",
    "login",
    "login_time",
    "mute_time",
    "network_rejection",
    "no_answer",
    "occupancy",
    "outbound",
    "outbound_time",
    "penetration_day",
    "points",
    "q01",
    "q02",
    "ready_time",
    "recall_fail",
    "recall_ok",
    "records",
    "ring_time",
    "rpc",
    "rx_ploss",
    "service_level_20seg",
    "stat_abandon",
    "stat_answer",
    "stat_inbound",
    "surveys",
    "time",
    "time_between_calls",
    "time_state_now",
    "total_chats",
    "total_time",
    "transfer_calls",
    "treatment",
    "uncode_calls",
];

const BAD: [&str; 6] = ["abc", "-", "--", "", "12:61:00", "-5"];

impl Fault {
    /// What becomes of an answer. Faults of the connection (`Delay`, `Drip`, `CutBody`, `CutGzip`, `Reset`, `Bomb`,
    /// `Drop`) leave it as it is: whoever carries the answer acts on them.
    pub fn distort(&self, answer: Answer) -> Answer {
        let success = answer.status == 200;
        match self {
            Fault::Html200 => html(200),
            Fault::Status(status) => html(*status),
            Fault::StatusWithRetryAfter(status, value) => html(*status).with("Retry-After", value),
            Fault::Redirect(location) => html(302).with("Location", location),
            Fault::Maintenance => {
                refusal(403, "THE SERVER IS UNDER MAINTENANCE, A BACKUP IS IN PROGRESS, PLEASE TRY AGAIN LATER")
            }
            Fault::Forbidden(message) => refusal(403, message),
            Fault::RefusedAs200 { code, message } => refused_as_200(code, message),
            Fault::Partial if success => Answer { status: 206, ..answer.rewritten(half_the_rows) },
            Fault::Body(bytes) => Answer { status: 200, body: bytes.clone(), ..answer },
            Fault::Huge(bytes) => Answer { padding: bytes.saturating_sub(answer.body.len()), ..answer },
            Fault::Bom => answer.rewritten(|body| [b"\xEF\xBB\xBF", body].concat()),
            Fault::Truncated => answer.rewritten(|body| body[..body.len() * 2 / 3].to_vec()),
            Fault::InvalidUtf8 => answer.rewritten(not_utf8),
            Fault::StringCodes if success => answer.rewritten(string_code),
            Fault::BadValues if success => answer.rewritten(bad_values),
            Fault::HugeNames if success => answer.rewritten(huge_names),
            Fault::RenamedField { from, to } if success => {
                answer.rewritten(|body| text(body).replace(&format!("\"{from}\":"), &format!("\"{to}\":")).into())
            }
            _ => answer,
        }
    }
}

fn html(status: u16) -> Answer {
    Answer { status, body: HTML.into(), content_type: "text/html; charset=UTF-8", headers: Vec::new(), padding: 0 }
}

/// The forms of `code` that a refusal with status 200 may have, as JSON.
pub const REFUSED_CODES: [&str; 12] =
    [r#""""#, r#"" ""#, "null", "0", r#""0""#, "-1", "1001", "false", "[403]", r#""403 Forbidden""#, "200", r#""200""#];

fn refused_as_200(code: &str, message: &str) -> Answer {
    Answer::json(200, format!(r#"{{"code":{code},"error":"FORBIDDEN","msg":"{message}","data":[]}}"#))
}

fn half_the_rows(body: &[u8]) -> Vec<u8> {
    let Ok(mut value) = serde_json::from_slice::<Value>(body) else {
        return body.to_vec();
    };
    // Some answers are their rows, without anything around them.
    let rows = if value.is_array() { Some(&mut value) } else { value.get_mut("data") };
    if let Some(rows) = rows.and_then(Value::as_array_mut) {
        rows.truncate(rows.len() / 2);
    }
    value.to_string().into_bytes()
}

fn text(body: &[u8]) -> String {
    String::from_utf8_lossy(body).into_owned()
}

fn string_code(body: &[u8]) -> Vec<u8> {
    let body = text(body);
    let replaced = if body.starts_with("{\"code\":200,") {
        body.replacen("\"code\":200,", "\"code\":\"200\",", 1)
    } else {
        body.replacen("\"code\":\"200\",", "\"code\":\" \",", 1)
    };
    replaced.into_bytes()
}

/// Inside the first name or, in answers without one, inside the message or a campaign: never between tokens, where any parser trips.
fn not_utf8(body: &[u8]) -> Vec<u8> {
    let start = [&b"_name\":\""[..], &b"\"msg\":\""[..], &b"\"campaign\":\""[..]]
        .into_iter()
        .find_map(|mark| Some(body.windows(mark.len()).position(|part| part == mark)? + mark.len()))
        .unwrap_or(body.len() / 2);
    [&body[..start], b"\xC3\x28\xFF", &body[start..]].concat()
}

fn huge_names(body: &[u8]) -> Vec<u8> {
    const FIELD: &str = "\"agent_name\":\"";
    let suffix = LONG_SUFFIX.repeat(10_240 / LONG_SUFFIX.len() + 1);
    let body = text(body);
    let mut parts = body.split(FIELD);
    let mut long = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // Names here never contain a quote, so the first one ends the name.
        let (name, rest) = part.split_once('"').unwrap_or((part, ""));
        long.extend([FIELD, name, &suffix, "\"", rest]);
    }
    long.into_bytes()
}

fn bad_values(body: &[u8]) -> Vec<u8> {
    let Ok(mut value) = serde_json::from_slice(body) else {
        return body.to_vec();
    };
    let mut seen = 0;
    spoil(&mut value, &mut seen);
    value.to_string().into_bytes()
}

/// Every third quantity, so that rows with good and with bad values stand side by side.
fn spoil(value: &mut Value, seen: &mut usize) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| spoil(item, seen)),
        Value::Object(fields) => {
            for (name, value) in fields {
                if !QUANTITIES.contains(&name.as_str()) {
                    spoil(value, seen);
                    continue;
                }
                if *seen % 3 == 1 {
                    *value = Value::from(BAD[*seen / 3 % BAD.len()]);
                }
                *seen += 1;
            }
        }
        _ => {}
    }
}
