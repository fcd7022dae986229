//! `demo --replay`: a simulated wolkvox that answers as a real one did when a capture was made.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use humantime::format_duration;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use url::Url;
use wolkvox_simulator as simulator;

use super::CommandError;
use super::simulated::{DemoOperation, config_of};
use crate::capture::{AnswerKind, AnswerSummary, Capture, CaptureError, shift_days};
use crate::catalog::{Catalog, Report};
use crate::config::Config;
use crate::time::{WindowName, day_of};

/// A capture that can be served.
pub(super) struct Replay {
    places: Vec<DemoOperation>,
    answers: Vec<ReplayedAnswer>,
    /// What was asked for and cannot be answered, and why.
    left_out: Vec<String>,
}

/// One answer of it.
struct ReplayedAnswer {
    operation: String,
    report: Arc<Report>,
    window: WindowName,
    day: Date,
    /// `None` where there were no rows.
    body: Option<Arc<[u8]>>,
}

impl Replay {
    pub(super) fn open(folder: &Path, catalog: &Catalog) -> Result<Replay, CommandError> {
        let Capture { summary, bodies } = Capture::read(folder)?;
        let (mut zones, mut known) = (BTreeMap::new(), BTreeSet::new());
        let (mut answers, mut left_out) = (Vec::new(), Vec::new());
        for (answer, body) in summary.answers.into_iter().zip(bodies) {
            let wrong = |why: &str| CaptureError::Wrong {
                folder: folder.to_owned(),
                operation: answer.operation.escape_debug().to_string(),
                report: answer.report.escape_debug().to_string(),
                why: why.to_owned(),
            };
            if answer.operation.trim() != answer.operation || answer.operation.chars().any(char::is_control) {
                return Err(wrong("no operation has such a name").into());
            }
            if !known.insert((answer.operation.clone(), answer.report.clone())) {
                return Err(wrong("there are two answers").into());
            }
            let zone = TimeZone::get(&answer.timezone).map_err(|_| wrong("no time zone has such a name"))?;
            match (catalog.report(&answer.report), &answer.kind) {
                (None, _) => left_out.push(left(&answer, "this version has no such report")),
                (Some(report), AnswerKind::Json | AnswerKind::NoRows) => {
                    zones.entry(answer.operation.clone()).or_insert(zone);
                    answers.push(ReplayedAnswer {
                        operation: answer.operation,
                        report: Arc::clone(report),
                        window: answer.window,
                        day: answer.day,
                        body: body.map(Arc::from),
                    });
                }
                (Some(_), _) => left_out.push(left(&answer, answer.failure.as_deref().unwrap_or("no JSON came"))),
            }
        }
        if answers.is_empty() {
            return Err(CommandError::NothingToReplay { left_out: left_out.join("\n  ") });
        }
        let places = zones.into_iter().map(|(name, zone)| DemoOperation::deserted(name, zone)).collect();
        Ok(Replay { places, answers, left_out })
    }

    /// The operations that have answers.
    pub(super) fn places(&self) -> &[DemoOperation] {
        &self.places
    }

    /// Of all answers together.
    pub(super) fn bytes(&self) -> u32 {
        let bytes = self.answers.iter().filter_map(|answer| answer.body.as_ref()).map(|body| body.len()).sum::<usize>();
        u32::try_from(bytes).unwrap_or(u32::MAX)
    }

    /// Has the vendor answer as it is in the capture, with the days of nested rows moved: the day of the capture is today.
    pub(super) fn answer_by(&self, vendor: &simulator::Vendor) {
        for answer in &self.answers {
            let Some(place) = self.places.iter().find(|place| place.name == answer.operation) else { continue };
            let path = format!("/api/v2/{}", answer.report.endpoint);
            vendor.answer_by(&place.token(), &path, &answer.report.api, answer.script(place.zone.clone()));
        }
    }

    pub(super) fn config(&self, base_url: &Url, catalog: &Arc<Catalog>, interval: Duration) -> Config {
        config_of(&self.places, base_url, catalog, interval, |place| {
            let own = self.answers.iter().filter(|answer| answer.operation == place.name);
            own.map(|answer| (Arc::clone(&answer.report), vec![answer.window])).collect()
        })
    }

    /// What is being watched.
    pub(super) fn welcome(&self, interval: Duration) -> String {
        let days: BTreeSet<Date> = self.answers.iter().map(|answer| answer.day).collect();
        let days: Vec<String> = days.iter().map(ToString::to_string).collect();
        let (answers, operations, interval) = (self.answers.len(), self.places.len(), format_duration(interval));
        let mut text = format!(
            "{answers} answer(s) of {operations} operation(s), captured on {}, are being watched, every {interval}.\n\
             Names, ids and phones in them are made up. The day of the capture is served as today.",
            days.join(", ")
        );
        for left_out in &self.left_out {
            // Writing to a String cannot fail.
            let _ = write!(text, "\n  left out: {left_out}");
        }
        text
    }
}

impl ReplayedAnswer {
    fn script(&self, zone: TimeZone) -> simulator::Script {
        let Some(body) = self.body.clone() else { return Arc::new(|_| simulator::Answer::no_rows()) };
        let (captured, field) = (self.day, self.report.nested.as_ref().and_then(|nested| nested.day.clone()));
        Arc::new(move |now: Timestamp| {
            let passed = captured.duration_until(day_of(now, &zone)).as_hours() / 24;
            let body = field.as_ref().map_or_else(|| body.to_vec(), |field| shift_days(&body, field, passed));
            simulator::Answer::ok(body)
        })
    }
}

fn left(answer: &AnswerSummary, why: &str) -> String {
    let [operation, report, why] = [&answer.operation, &answer.report, why].map(|text| text.escape_debug().to_string());
    format!("{operation} {report}: {why}")
}
