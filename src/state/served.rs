//! How are a report's last good data kept, and when are kept data still right?
//!
//! A file holds a line of JSON that says what follows, and then the segments as they are served.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{CALLS_FILE_DAMAGED, DAMAGED, State, set_aside, write_whole};
use crate::catalog::{Catalog, Family, FamilyId, Kind};
use crate::files;
use crate::segment::{FamilySegment, Segment};
use crate::store::Served;
use crate::time::{Moment, Target, Window};

/// Grows when a file of an older version would be misread.
const VERSION: u32 = 1;
/// A million series are 20 MB.
const LONGEST_SERVED: u64 = 256 << 20;
/// How the names of files with data end.
const SERVED: &str = "served";

/// What data are bound to beyond their target: where the vendor was, whose day it is, and what may be shown.
/// Data of another origin are not served.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    pub base_url: String,
    pub zone: String,
    pub agent_dni: bool,
    /// How agents are shown, see [`crate::catalog::Privacy::mark`].
    #[serde(default = "plain")]
    pub agents: String,
}

/// Files from before there was a choice.
fn plain() -> String {
    crate::catalog::PLAIN.to_owned()
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    version: u32,
    operation: String,
    report: String,
    window: crate::time::WindowName,
    origin: Origin,
    start: Timestamp,
    end: Timestamp,
    expires: Timestamp,
    polled_at: Timestamp,
    stale_after: Option<Duration>,
    rows: u64,
    series: u64,
    dropped: u64,
    #[serde(default)]
    rejected: Vec<(String, u64)>,
    families: Vec<Part>,
    entries: Vec<Part>,
}

/// One segment's place in what follows the header.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    family: String,
    deflated: usize,
    length: u64,
    crc: u32,
}

/// Keeps a target's data.
pub fn save_served(
    state: &State,
    target: &Target,
    origin: &Origin,
    served: &Served,
    catalog: &Catalog,
) -> io::Result<()> {
    let Some(folder) = state.folder(&target.operation) else { return Ok(()) };
    let part = |part: &FamilySegment| Part {
        family: catalog.families()[part.family.0].name.clone(),
        deflated: part.segment.deflated.len(),
        length: part.segment.length,
        crc: part.segment.crc,
    };
    let header = Header {
        version: VERSION,
        operation: target.operation.to_string(),
        report: target.report.to_string(),
        window: target.window,
        origin: origin.clone(),
        start: served.window.start(),
        end: served.window.end(),
        expires: served.window.expires(),
        polled_at: served.polled_at.wall,
        stale_after: served.stale_after,
        rows: served.rows,
        series: served.series,
        dropped: served.dropped,
        rejected: served.rejected.clone(),
        families: served.families.iter().map(part).collect(),
        entries: served.entries.iter().map(part).collect(),
    };
    let mut line = serde_json::to_vec(&header)?;
    line.push(b'\n');
    let segments = served.families.iter().chain(&served.entries).map(|part| part.segment.deflated.as_ref());
    let parts: Vec<&[u8]> = [line.as_slice()].into_iter().chain(segments).collect();
    let _held = state.hold()?;
    write_whole(&folder, &file_of(target), &parts)
}

/// A target's kept data with the age they have by now; `None` where there are none of this origin.
pub fn load_served(state: &State, target: &Target, origin: &Origin, catalog: &Catalog, now: Moment) -> Option<Served> {
    let file = state.folder(&target.operation)?.join(file_of(target));
    let bytes = match files::read(&file, LONGEST_SERVED) {
        Ok(bytes) => Bytes::from(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            set_aside(&file, &error.to_string());
            return None;
        }
    };
    match parse(&bytes, target, catalog, now) {
        Ok((found, served)) if found == *origin => Some(served),
        Ok(_) => None,
        Err(why) => {
            set_aside(&file, &why);
            None
        }
    }
}

/// Removes the kept data of every target but these, and of these where they are of another origin: names that are no
/// longer to be shown are not to stay on the disk either. What was set aside may hold any name, and goes where they are
/// hidden.
pub fn retain_served<'o>(
    state: &State,
    wanted: impl IntoIterator<Item = (&'o Target, &'o Origin)>,
    names_are_plain: bool,
) -> io::Result<()> {
    let origins: HashMap<PathBuf, &Origin> = wanted
        .into_iter()
        .filter_map(|(target, origin)| Some((state.folder(&target.operation)?.join(file_of(target)), origin)))
        .collect();
    let _held = state.hold()?;
    for file in state.files()? {
        let extension = file.extension().unwrap_or_default();
        let stays = if extension == SERVED {
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

/// What a file's data are bound to; `None` where it does not say.
fn origin_of(file: &Path) -> Option<Origin> {
    let mut line = Vec::new();
    let file = files::open(file, File::options().read(true)).ok()?;
    BufReader::new(file.take(LONGEST_SERVED)).read_until(b'\n', &mut line).ok()?;
    serde_json::from_slice::<Header>(&line).ok().map(|header| header.origin)
}

fn file_of(target: &Target) -> String {
    format!("{}.{SERVED}", target.key())
}

fn parse(bytes: &Bytes, target: &Target, catalog: &Catalog, now: Moment) -> Result<(Origin, Served), String> {
    let line_end = bytes.iter().position(|byte| *byte == b'\n').ok_or("no header line")?;
    let header: Header = serde_json::from_slice(&bytes[..line_end])
        .map_err(|error| format!("not a header at column {}", error.column()))?;
    let same_target =
        header.operation == *target.operation && header.report == *target.report && header.window == target.window;
    if header.version != VERSION || !same_target {
        return Err("the data of another target or version".to_owned());
    }
    let mut rest = bytes.slice(line_end + 1..);
    let families = read_parts(&header.families, Kind::Gauge, &mut rest, catalog)?;
    let entries = read_parts(&header.entries, Kind::Info, &mut rest, catalog)?;
    if !rest.is_empty() {
        return Err(format!("{} bytes too many", rest.len()));
    }
    let age = now.wall.duration_since(header.polled_at);
    // Data that seem to come from the future were polled before a clock was set back: how long, nobody knows.
    let age = Duration::try_from(age).unwrap_or(Duration::MAX);
    let zone = jiff::tz::TimeZone::get(&header.origin.zone).map_err(|_| "a zone that is not known".to_owned())?;
    let served = Served {
        window: Window::restored(target.window, &zone, header.start, header.end, header.expires),
        polled_at: Moment { wall: header.polled_at, ..now.ago(age) },
        stale_after: header.stale_after,
        rows: header.rows,
        series: header.series,
        dropped: header.dropped,
        rejected: header.rejected,
        shortened: Vec::new(),
        memory: None,
        families,
        entries,
    };
    Ok((header.origin, served))
}

fn read_parts(parts: &[Part], kind: Kind, rest: &mut Bytes, catalog: &Catalog) -> Result<Vec<FamilySegment>, String> {
    parts.iter().map(|part| read_part(part, kind, rest, catalog)).collect()
}

fn read_part(part: &Part, kind: Kind, rest: &mut Bytes, catalog: &Catalog) -> Result<FamilySegment, String> {
    if part.deflated > rest.len() {
        return Err("cut off".to_owned());
    }
    // Series among the entries, or entries among the series, are what no version ever wrote.
    let is_it = |family: &Family| family.name == part.family && family.kind == kind;
    let family = catalog.families().iter().position(is_it).ok_or("an unknown family")?;
    let deflated = rest.split_to(part.deflated);
    // A copy of its own: a slice would keep the whole file in memory as long as any part is served.
    let segment = Segment { deflated: Bytes::copy_from_slice(&deflated), crc: part.crc, length: part.length };
    if !segment.is_sound() {
        return Err("a segment that does not inflate to what its header says".to_owned());
    }
    Ok(FamilySegment { family: FamilyId(family), segment })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::Renderer;
    use crate::time::WindowName;

    #[test]
    fn never_lie_series_among_entries_are_set_aside_with_their_file() {
        let folder = tempfile::tempdir().unwrap();
        let (state, catalog) = (State::open(folder.path()).unwrap(), Catalog::builtin().unwrap());
        let target = Target { operation: "acme".into(), report: "agent_kpi".into(), window: WindowName::Today };
        let origin =
            Origin { base_url: "https://a.example/".into(), zone: "UTC".into(), agent_dni: false, agents: plain() };
        let now = Moment { wall: "2026-03-01T12:00:00Z".parse().unwrap(), steady: Duration::from_hours(1) };
        let part = |kind: Kind| {
            let family = catalog.families().iter().position(|family| family.kind == kind).unwrap();
            vec![FamilySegment { family: FamilyId(family), segment: Renderer::default().finish() }]
        };
        let kept = |families, entries| {
            let window = Window::at(target.window, now.wall, &jiff::tz::TimeZone::UTC);
            let served = Served {
                window,
                polled_at: now,
                stale_after: None,
                rows: 1,
                series: 1,
                dropped: 0,
                rejected: vec![("time".to_owned(), 2)],
                shortened: vec![],
                memory: None,
                families,
                entries,
            };
            save_served(&state, &target, &origin, &served, &catalog).unwrap();
            load_served(&state, &target, &origin, &catalog, now)
        };
        assert!(kept(part(Kind::Gauge), part(Kind::Info)).is_some());
        assert!(kept(part(Kind::Gauge), part(Kind::Gauge)).is_none());
        assert!(kept(part(Kind::Info), part(Kind::Info)).is_none());
        assert!(folder.path().join("acme").join("agent_kpi.today.corrupt").exists());
    }
}
