//! The last good data of a report and window, as a plain record that outlives a restart.
//!
//! Below the line with the checksum a file holds a line of JSON, and behind it the deflated segments as they are served.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CALLS_FILE_DAMAGED, DAMAGED, State, checksum, set_aside, write_whole};
use crate::files;

/// A million series are 20 MB.
const LONGEST_DATA: u64 = 256 << 20;
/// How the names of files with data end.
const DATA: &str = "served";

/// What data are bound to beyond their report and window: where the vendor was, whose day it is, and what may be shown.
/// Data of another origin are not served.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataOrigin {
    pub base_url: String,
    pub zone: String,
    pub agent_dni: bool,
    /// How agents are shown; see `Privacy::mark`.
    pub agents: String,
    /// How the report was declared; see `Report::mark`.
    pub report: String,
}

/// The data of one good poll.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataRecord {
    pub operation: String,
    /// Report and window, as `agent_kpi.today`.
    pub target: String,
    pub origin: DataOrigin,
    /// First and last moment of the window, and when it loses its name.
    pub start: Timestamp,
    pub end: Timestamp,
    pub expires: Timestamp,
    pub polled_at: Timestamp,
    pub stale_after: Option<Duration>,
    pub rows: u64,
    pub series: u64,
    pub dropped: u64,
    pub rejected: Vec<(String, u64)>,
    pub findings: FindingsRecord,
    /// When this content was first had.
    pub changed_at: Option<Timestamp>,
    pub families: Vec<SegmentRecord>,
    pub infos: Vec<InfoRecord>,
}

/// What the answer had that its report's declaration does not expect.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FindingsRecord {
    pub undocumented_fields: Vec<String>,
    pub rows_without_value: u64,
    pub rows_outside_window: u64,
}

/// A family's deflated text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentRecord {
    pub family: String,
    /// Bytes of the text, and its CRC-32.
    pub length: u64,
    pub crc: u32,
    /// Bytes behind the line of JSON.
    deflated_length: usize,
    #[serde(skip)]
    pub deflated: Bytes,
}

impl SegmentRecord {
    pub fn new(family: String, deflated: Bytes, length: u64, crc: u32) -> SegmentRecord {
        SegmentRecord { family, length, crc, deflated_length: deflated.len(), deflated }
    }
}

/// The entries of an info family: of each, the values of the family's labels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InfoRecord {
    pub family: String,
    pub entries: Vec<Vec<String>>,
}

impl State {
    /// Keeps the data of a good poll.
    pub fn save_data(&self, record: &DataRecord) -> io::Result<()> {
        let Some(folder) = self.folder(&record.operation) else { return Ok(()) };
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        let segments = record.families.iter().map(|family| family.deflated.as_ref());
        let parts: Vec<&[u8]> = [line.as_slice()].into_iter().chain(segments).collect();
        let first = checksum::first_line(&parts)?;
        let all: Vec<&[u8]> = [first.as_slice()].into_iter().chain(parts).collect();
        let _held = self.hold()?;
        write_whole(&folder, &file_of(&record.target), &all)
    }

    /// The kept data of a report and window; a damaged file is set aside.
    pub fn load_data(&self, operation: &str, target: &str) -> Option<DataRecord> {
        let file = self.folder(operation)?.join(file_of(target));
        let bytes = match files::read(&file, LONGEST_DATA) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                set_aside(&file, &error.to_string());
                return None;
            }
        };
        match parse(&bytes, operation, target) {
            Ok(record) => Some(record),
            Err(why) => {
                set_aside(&file, &why);
                None
            }
        }
    }

    /// Sets kept data aside that are whole and yet cannot be served.
    pub fn set_data_aside(&self, operation: &str, target: &str, why: &str) {
        if let Some(folder) = self.folder(operation) {
            set_aside(&folder.join(file_of(target)), why);
        }
    }

    /// Removes the kept data of all but these reports and windows, and of these where they are of another origin: names that
    /// are no longer to be shown are not to stay on the disk either. What was set aside may hold any name, and goes where
    /// names are hidden. `wanted` has operation, report and window as `agent_kpi.today`, and origin.
    pub fn retain_data<'o>(
        &self,
        wanted: impl IntoIterator<Item = (&'o str, String, &'o DataOrigin)>,
        names_are_plain: bool,
    ) -> io::Result<()> {
        let origins: HashMap<PathBuf, &DataOrigin> = wanted
            .into_iter()
            .filter_map(|(operation, target, origin)| Some((self.folder(operation)?.join(file_of(&target)), origin)))
            .collect();
        let _held = self.hold()?;
        for file in self.files()? {
            let extension = file.extension().unwrap_or_default();
            let stays = if extension == DATA {
                match (origins.get(&file), origin_of(&file)) {
                    (Some(wanted), Some(origin)) => **wanted == origin,
                    // Damaged: it is set aside when it is read.
                    (Some(_), None) => names_are_plain,
                    (None, _) => false,
                }
            } else {
                extension != DAMAGED || names_are_plain || file.ends_with(CALLS_FILE_DAMAGED)
            };
            if !stays {
                fs::remove_file(&file)?;
            }
        }
        Ok(())
    }
}

/// What a file's data are bound to; `None` where it does not say.
fn origin_of(file: &Path) -> Option<DataOrigin> {
    let mut reader = BufReader::new(files::open(file, File::options().read(true)).ok()?.take(LONGEST_DATA));
    let (mut first, mut line) = (Vec::new(), Vec::new());
    reader.read_until(b'\n', &mut first).ok()?;
    reader.read_until(b'\n', &mut line).ok()?;
    serde_json::from_slice::<DataRecord>(&line).ok().map(|record| record.origin)
}

fn file_of(target: &str) -> String {
    format!("{target}.{DATA}")
}

fn parse(bytes: &[u8], operation: &str, target: &str) -> Result<DataRecord, String> {
    let bytes = checksum::checked(bytes)?;
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or("no line with what follows")?;
    let mut record: DataRecord = serde_json::from_slice(&bytes[..end])
        .map_err(|error| format!("no data, at column {} of the second line", error.column()))?;
    if record.operation != operation || record.target != target {
        return Err("the data of another report".to_owned());
    }
    let mut rest = &bytes[end + 1..];
    for family in &mut record.families {
        let (deflated, behind) = rest.split_at_checked(family.deflated_length).ok_or("cut off")?;
        // A copy of its own: a slice would keep the whole file in memory as long as any part is served.
        family.deflated = Bytes::copy_from_slice(deflated);
        rest = behind;
    }
    if rest.is_empty() { Ok(record) } else { Err(format!("{} bytes too many", rest.len())) }
}
