//! What a capture says of itself: of each answer when it came, what is in it, and how that differs from its declaration.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::shape::Shape;
use crate::catalog::Report;
use crate::time::WindowName;

/// The form of the captures that this version writes.
pub const CAPTURE_VERSION: u32 = 1;

/// A capture's table of contents, as `summary.json` has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaptureSummary {
    pub version: u32,
    /// The version of the exporter that wrote it.
    pub exporter: String,
    pub answers: Vec<AnswerSummary>,
}

/// What became of one request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnswerSummary {
    pub operation: String,
    pub report: String,
    pub api: String,
    pub window: WindowName,
    /// The operation's day on which it was asked for.
    pub day: Date,
    pub timezone: String,
    pub kind: AnswerKind,
    /// Why it brought nothing: the reason that metrics give.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Of the answer as it came, after decompression.
    pub bytes: u64,
    /// Whether the answer was read to its end.
    pub whole: bool,
    pub rows: u64,
    pub fields: FieldNames,
}

/// What an answer was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerKind {
    /// JSON, or what begins as it: it is in a file.
    Json,
    /// The vendor's 404, which means that there are none.
    NoRows,
    /// Anything else, of which only this is saved.
    NotJson {
        class: ContentClass,
        /// The first word of it that the vendor's pages have for a refusal.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        says: Option<String>,
    },
    /// Over the memory for captures: nothing of it is saved.
    TooLong,
    /// No answer came that could be read.
    Nothing,
}

/// What a body is that is no JSON, by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContentClass {
    Empty,
    /// HTML or XML.
    Markup,
    Text,
    Binary,
}

/// Names of fields; those that are no words of the vendor's are replaced.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FieldNames {
    pub came: BTreeSet<String>,
    /// Came, and are not declared.
    pub new: BTreeSet<String>,
    /// Are declared and not optional, and did not come though rows did.
    pub missing: BTreeSet<String>,
}

impl FieldNames {
    pub(super) fn of(shape: &Shape, report: &Report) -> FieldNames {
        let declared = report.fields();
        let is_missing = |field: &&&str| !report.is_optional(field) && !shape.fields.contains(**field);
        let missing = declared.iter().filter(is_missing).map(|field| (*field).to_owned());
        FieldNames {
            new: shape.fields.iter().filter(|field| !declared.contains(field.as_str())).cloned().collect(),
            missing: if shape.rows > 0 { missing.collect() } else { BTreeSet::new() },
            came: shape.fields.clone(),
        }
    }
}

impl CaptureSummary {
    /// A line for each answer that is not as declared.
    pub fn differences(&self) -> String {
        let mut text = String::new();
        for answer in &self.answers {
            let AnswerSummary { operation, report, fields, .. } = answer;
            let mut line = |what: &str| {
                // Writing to a String cannot fail.
                let _ = writeln!(text, "{operation} {report}: {what}");
            };
            match &answer.kind {
                AnswerKind::Json if !answer.whole => line("was not read to its end"),
                AnswerKind::NotJson { class, says } => {
                    let says = says.as_ref().map(|says| format!(" with the word {says}")).unwrap_or_default();
                    line(&format!("no JSON: {} bytes of {}{says}; not saved", answer.bytes, class.name()));
                }
                AnswerKind::TooLong => line(&format!("{} bytes are too many; not saved", answer.bytes)),
                _ => {}
            }
            if let Some(reason) = &answer.failure {
                line(&format!("failed: {reason}"));
            }
            for (names, what) in [(&fields.new, "fields that are not declared"), (&fields.missing, "missing fields")] {
                if !names.is_empty() {
                    line(&format!("{what}: {}", names.iter().cloned().collect::<Vec<_>>().join(", ")));
                }
            }
        }
        text
    }
}

impl ContentClass {
    pub(super) fn of(body: &[u8]) -> ContentClass {
        let text = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body).trim_ascii_start();
        match text.first() {
            None => ContentClass::Empty,
            Some(b'<') => ContentClass::Markup,
            Some(_) if text.iter().take(512).any(|byte| *byte < 0x20 && !byte.is_ascii_whitespace()) => {
                ContentClass::Binary
            }
            Some(_) => ContentClass::Text,
        }
    }

    fn name(self) -> &'static str {
        match self {
            ContentClass::Empty => "nothing but blanks",
            ContentClass::Markup => "HTML or XML",
            ContentClass::Text => "text",
            ContentClass::Binary => "binary data",
        }
    }
}
