//! Captures: the vendor's answers as files that name nobody, for a bug report or a test.
//!
//! `recording` keeps a copy of each answer, `pieces` takes it apart without a parser, `rules` says what may stay of it,
//! `replacements` what stands in place of the rest, and `mask` puts both together. `shape` counts rows and fields for the
//! `summary`, `folder` writes all of it and reads it again, and `days` moves the days of an answer to those of today.
//!
//! ```text
//! "agent_name": "Ana  Nu\u00f1ez "    as it came
//!               "Ana Núñez"           as a label shows it: what is looked up
//!               "Qzk Hw\u00edrt "     what is written: the same letters for the same label, and every blank and escape
//! ```

mod days;
mod folder;
mod known;
mod mask;
mod pieces;
mod recording;
mod replacements;
mod rules;
mod shape;
mod spelling;
mod summary;

use std::sync::Arc;

use jiff::civil::Date;

use crate::catalog::Report;
use crate::time::WindowName;
use crate::wolkvox::Reason;
use replacements::Replacements;
use rules::Rules;
use shape::Shape;

pub use days::shift_days;
pub use folder::{CaptureError, check_folder};
pub use recording::{Kept, Recorded, Recording};
pub use replacements::{KEY_BYTES, passing_key};
pub use summary::{AnswerKind, AnswerSummary, CAPTURE_VERSION, CaptureSummary, ContentClass, FieldNames};

/// Characters of a row that are shown before it is written.
const SAMPLE: usize = 240;

/// Answers that name nobody.
#[derive(Debug, PartialEq)]
pub struct Capture {
    pub summary: CaptureSummary,
    /// Of each answer of the summary, what its file has.
    pub bodies: Vec<Option<Vec<u8>>>,
}

/// One request, and what is left of its answer.
#[derive(Debug)]
pub struct CapturedReport {
    pub operation: Arc<str>,
    pub report: Arc<Report>,
    pub window: WindowName,
    /// The operation's day.
    pub day: Date,
    pub timezone: String,
    /// `None` where no request was sent.
    pub kept: Option<Kept>,
}

impl Capture {
    /// Replaces whatever could name anybody. The same text becomes the same in all of it; without the key, which is
    /// written nowhere, nobody can say what it was.
    pub fn of(reports: Vec<CapturedReport>, key: &[u8; KEY_BYTES]) -> Capture {
        let mut replacements = Replacements::new(key);
        for report in &reports {
            if let Some(Kept::Body { bytes, .. }) = &report.kept
                && is_json(bytes)
            {
                mask::announce(bytes, &Rules::of(&report.report), &mut replacements);
            }
        }
        let answers = reports.into_iter().map(|report| report.masked(&mut replacements));
        let (answers, bodies): (Vec<_>, Vec<_>) = answers.unzip();
        let exporter = env!("CARGO_PKG_VERSION").to_owned();
        Capture { summary: CaptureSummary { version: CAPTURE_VERSION, exporter, answers }, bodies }
    }

    /// The beginning of each answer's first row, as it would be written.
    pub fn samples(&self) -> Vec<String> {
        let answers = self.summary.answers.iter().zip(&self.bodies);
        answers
            .filter_map(|(answer, body)| Some(format!("{}: {}", folder::file_name(answer), sample(body.as_ref()?))))
            .collect()
    }
}

impl CapturedReport {
    fn masked(self, replacements: &mut Replacements) -> (AnswerSummary, Option<Vec<u8>>) {
        let CapturedReport { operation, report, window, day, timezone, kept } = self;
        let mut answer = AnswerSummary {
            operation: operation.to_string(),
            report: report.name.to_string(),
            api: report.api.clone(),
            window,
            day,
            timezone,
            kind: AnswerKind::Nothing,
            failure: None,
            bytes: 0,
            whole: false,
            rows: 0,
            fields: FieldNames::default(),
        };
        let mut body = None;
        match kept {
            None => answer.failure = Some("not_asked".to_owned()),
            Some(Kept::Failed(reason)) => answer.failure = Some(reason.as_str().to_owned()),
            Some(Kept::NoRows) => (answer.kind, answer.whole) = (AnswerKind::NoRows, true),
            Some(Kept::TooLong { bytes }) => {
                (answer.kind, answer.bytes) = (AnswerKind::TooLong, bytes);
                answer.failure = Some(Reason::TooLarge.as_str().to_owned());
            }
            Some(Kept::Body { bytes, whole }) => {
                (answer.bytes, answer.whole) = (bytes.len() as u64, whole);
                if is_json(&bytes) {
                    let masked = mask::masked(&bytes, &Rules::of(&report), replacements);
                    // Of the masked answer: its keys are those that may be told.
                    let shape = Shape::of(&masked);
                    (answer.kind, answer.rows) = (AnswerKind::Json, shape.rows);
                    answer.fields = FieldNames::of(&shape, &report);
                    body = Some(masked);
                } else {
                    let class = ContentClass::of(&bytes);
                    answer.kind = AnswerKind::NotJson { class, says: first_documented_word(&bytes) };
                }
            }
        }
        (answer, body)
    }
}

/// Whether an answer begins as a list or an object does.
fn is_json(body: &[u8]) -> bool {
    let text = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body).trim_ascii_start();
    matches!(text.first(), Some(b'{' | b'['))
}

/// The first word of a page that tells what kind of refusal it is.
fn first_documented_word(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let mut words = text.split(|char: char| !char.is_alphanumeric());
    words.find_map(|word| known::REFUSALS.split(' ').find(|known| known.eq_ignore_ascii_case(word))).map(str::to_owned)
}

/// What follows the first row's bracket, in one line.
fn sample(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let rows = text.find("\"data\"").unwrap_or(0);
    let start = text[rows..].find('{').map_or(0, |at| rows + at);
    let mut line: String =
        text[start..].chars().take(SAMPLE).map(|char| if char.is_control() { ' ' } else { char }).collect();
    if text[start..].chars().nth(SAMPLE).is_some() {
        line.push('…');
    }
    line
}
