//! `check --probe --save`: the answers as files that name nobody, once somebody agreed to what is in them.

use std::io::{self, BufRead, IsTerminal};
use std::path::PathBuf;
use std::sync::Arc;

use url::Url;

use super::{CommandError, print, table};
use crate::capture::{AnswerKind, Capture, CapturedReport, Recorded, Recording, check_folder, passing_key};
use crate::catalog::Report;
use crate::cli::CheckFlags;
use crate::config::Config;
use crate::poll::{Context, Job};
use crate::time::day_of;
use crate::wolkvox::Token;

/// Copies of the answers may take `limits.memory` divided by this. Masking them, once all answers have come, takes as
/// much again, and polls need memory too.
const COPIES_SHARE: usize = 8;

/// Answers that are to be saved once they have come.
pub(super) struct Saving {
    folder: PathBuf,
    asks: bool,
    recording: Arc<Recording>,
    expected: Vec<Expected>,
}

/// A report that is about to be asked for.
struct Expected {
    base_url: Url,
    token: Token,
    report: CapturedReport,
}

/// Whether the answers can be saved where they should be: asked before any request is spent on them.
pub(super) fn check_saving(asked: &CheckFlags) -> Result<(), CommandError> {
    let Some(folder) = &asked.save else { return Ok(()) };
    check_folder(folder)?;
    if !asked.yes && !io::stdin().is_terminal() {
        return Err(CommandError::NobodyToAsk);
    }
    Ok(())
}

impl Saving {
    /// Puts a recorder in the vendor's place, where the answers are to be saved.
    pub(super) fn begin(asked: &CheckFlags, config: &Config, context: &mut Context, jobs: &[Job]) -> Option<Saving> {
        let folder = asked.save.clone()?;
        let recording = Arc::new(Recording::of(Arc::clone(&context.vendor), config.limits.memory / COPIES_SHARE));
        context.vendor = Arc::clone(&recording) as _;
        let expected = jobs.iter().filter_map(|job| Expected::of(job, config, context)).collect();
        Some(Saving { folder, asks: !asked.yes, recording, expected })
    }

    /// Shows what would be written, asks, and writes it.
    pub(super) async fn end(self) -> Result<(), CommandError> {
        let mut recorded = self.recording.take();
        let reports = self.expected.into_iter().map(|expected| expected.with(&mut recorded)).collect();
        let (folder, asks) = (self.folder, self.asks);
        let saved = tokio::task::spawn_blocking(move || {
            let capture = Capture::of(reports, &passing_key());
            print(&shown(&capture, &folder.display().to_string()))?;
            if asks && !agreed()? {
                return print("nothing was written\n");
            }
            capture.write(&folder)?;
            print(&format!("written: {} files. Read them before you pass them on.\n", capture.files().len()))
        });
        saved.await.map_err(|error| CommandError::Output(io::Error::other(error)))?
    }
}

impl Expected {
    fn of(job: &Job, config: &Config, context: &Context) -> Option<Expected> {
        let target = job.target();
        let operation = config.operations.iter().find(|operation| operation.name == target.operation)?;
        let report = CapturedReport {
            operation: Arc::clone(&target.operation),
            report: Arc::clone(job.report()),
            window: target.window,
            day: day_of(context.clock.now().wall, job.zone()),
            timezone: job.zone().iana_name().unwrap_or("UTC").to_owned(),
            kept: None,
        };
        Some(Expected { base_url: operation.base_url.clone(), token: operation.token.clone(), report })
    }

    /// The report with its answer: the first recorded for such a request that no other report has taken. Requests with
    /// one token are sent one after the other, in the order of the jobs.
    fn with(self, recorded: &mut Vec<Recorded>) -> CapturedReport {
        let Expected { base_url, token, report } = self;
        let Report { endpoint, api, .. } = &*report.report;
        let place = recorded.iter().position(|answer| answer.is_of(&base_url, &token, endpoint, api));
        let kept = place.map(|place| recorded.remove(place).into_kept());
        CapturedReport { kept, ..report }
    }
}

/// What would be written.
fn shown(capture: &Capture, folder: &str) -> String {
    let mut rows = vec![["FILE", "ROWS", "BYTES"].map(str::to_owned).to_vec()];
    let counts = |kind: &AnswerKind| *kind == AnswerKind::Json;
    let mut row_counts = capture.summary.answers.iter().filter(|answer| counts(&answer.kind)).map(|answer| answer.rows);
    for (name, bytes) in capture.files() {
        let rows_of_file = row_counts.next().map_or_else(|| "-".to_owned(), |count| count.to_string());
        rows.push(vec![name, rows_of_file, bytes.len().to_string()]);
    }
    let samples = capture.samples().join("\n");
    format!(
        "\nThese files would be written into {folder}, for your eyes first. Nothing is sent anywhere.\n\
         Names, ids, phones and all other texts but the vendor's own words are replaced; numbers, times and dates stay.\n\n\
         {}\n{samples}\n\n{}",
        table(&rows),
        capture.summary.differences()
    )
}

/// Whether the person at the terminal says yes.
fn agreed() -> Result<bool, CommandError> {
    print("Write them? [y/N] ")?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(CommandError::Question)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
