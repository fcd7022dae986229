//! The folder of a capture: written once and read again.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::Capture;
use super::summary::{AnswerKind, AnswerSummary, CAPTURE_VERSION, CaptureSummary};
use crate::files;

const SUMMARY_FILE: &str = "summary.json";
/// A line or two for each of some thousand reports.
const LONGEST_SUMMARY: u64 = 16 << 20;
/// The vendor's own limit for an answer.
const LONGEST_ANSWER: u64 = 256 << 20;

/// Why a capture cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    #[error("{} holds files already\nhint: name a folder that is empty or not there yet", .0.display())]
    Held(PathBuf),
    #[error("the capture cannot be written: {}: {error}\nhint: is it in a folder that can be written, on a disk with room?", path.display())]
    NotWritten { path: PathBuf, error: io::Error },
    #[error("the capture cannot be read: {}: {error}\nhint: name the folder that check --probe --save wrote", path.display())]
    NotRead { path: PathBuf, error: io::Error },
    #[error("{} is of version {version} of captures\nhint: this exporter reads version {CAPTURE_VERSION}", path.display())]
    OtherVersion { path: PathBuf, version: u32 },
    #[error("the capture {} cannot be used: {operation} {report}: {why}\nhint: it is not as check --probe --save wrote it", folder.display())]
    Wrong { folder: PathBuf, operation: String, report: String, why: String },
}

/// Whether a capture could be put there: asked before anything is spent on one.
pub fn check_folder(folder: &Path) -> Result<(), CaptureError> {
    let not_written = |error| CaptureError::NotWritten { path: folder.to_owned(), error };
    match fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(CaptureError::Held(folder.to_owned())),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(not_written(error)),
    }
}

impl Capture {
    /// Writes it into a folder that is empty or not there yet, for its user alone. The summary is written last: without one,
    /// a folder holds no capture.
    pub fn write(&self, folder: &Path) -> Result<(), CaptureError> {
        check_folder(folder)?;
        let not_written = |error| CaptureError::NotWritten { path: folder.to_owned(), error };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(not_written)?;
        fs::set_permissions(folder, Permissions::from_mode(0o700)).map_err(not_written)?;
        for (name, bytes) in self.files() {
            let path = folder.join(&name);
            files::write_whole(folder, &name, &[&bytes]).map_err(|error| CaptureError::NotWritten { path, error })?;
        }
        Ok(())
    }

    /// The files in the order in which they are written.
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let bodies = self.summary.answers.iter().zip(&self.bodies);
        let mut files: Vec<_> = bodies.filter_map(|(answer, body)| Some((file_name(answer), body.clone()?))).collect();
        let summary = serde_json::to_string_pretty(&self.summary).unwrap_or_default();
        files.push((SUMMARY_FILE.to_owned(), (summary + "\n").into_bytes()));
        files
    }

    /// Reads a capture that this version can read, whoever wrote it: no file outside of its folder is opened.
    pub fn read(folder: &Path) -> Result<Capture, CaptureError> {
        let path = folder.join(SUMMARY_FILE);
        let not_read = |path: &Path, error| CaptureError::NotRead { path: path.to_owned(), error };
        let text = files::read(&path, LONGEST_SUMMARY).map_err(|error| not_read(&path, error))?;
        let summary: CaptureSummary =
            serde_json::from_slice(&text).map_err(|error| not_read(&path, io::Error::other(error)))?;
        if summary.version != CAPTURE_VERSION {
            return Err(CaptureError::OtherVersion { path, version: summary.version });
        }
        let mut bodies = Vec::new();
        for answer in &summary.answers {
            let path = folder.join(file_name(answer));
            let body = match answer.kind {
                AnswerKind::Json => Some(files::read(&path, LONGEST_ANSWER).map_err(|error| not_read(&path, error))?),
                _ => None,
            };
            bodies.push(body);
        }
        Ok(Capture { summary, bodies })
    }
}

/// Both parts are without a point, so that no two of them make the same name.
pub(super) fn file_name(answer: &AnswerSummary) -> String {
    format!("{}.{}.json", files::safe_name(&answer.operation), files::safe_name(&answer.report))
}
