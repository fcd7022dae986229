//! Scrapes of the past, written as `OpenMetrics` files that a Prometheus can be filled with.
//!
//! `promtool tsdb create-blocks-from openmetrics` reads a file once for each block that it makes of it. So a file covers
//! what one block can: with `--max-block-duration=18h` each is read once to see what it covers and once to be taken.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::{SignedDuration, Timestamp};
use tempfile::NamedTempFile;

/// How long Prometheus shows a sample that no other follows.
pub const LOOK_BACK: SignedDuration = SignedDuration::from_mins(5);
/// What one file covers: one of the spans that blocks can have, which begin at multiples of it since 1970.
const FILE_SECONDS: i64 = 18 * 3600;
/// How the names of the files begin, and how they go on behind the moment they begin at.
const NAME: &str = "wolkvox-";
const EXTENSION: &str = ".om";

/// Why a history cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    #[error(
        "the folder holds a history already: {}\nhint: name another folder, or remove the files wolkvox-*.om* from it",
        .0.display()
    )]
    Held(PathBuf),
    #[error("the history cannot be written into {}: {error}\nhint: is it a folder that can be written, on a disk with room?", folder.display())]
    NotWritten { folder: PathBuf, error: io::Error },
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    pub files: u64,
    pub samples: u64,
    /// Before compression.
    pub bytes: u64,
}

/// Writes files into a folder, each of which appears once it is whole.
pub struct HistoryFiles {
    folder: PathBuf,
    /// What a scrape would add to every series, as `name="value"` with commas between.
    labels: String,
    compressed: bool,
    open: Option<OpenFile>,
    written: Written,
}

/// A file that is not whole yet.
struct OpenFile {
    number: i64,
    unfinished: NamedTempFile,
    out: Output,
}

enum Output {
    Text(BufWriter<File>),
    Gzip(Box<GzEncoder<BufWriter<File>>>),
}

impl HistoryFiles {
    /// Makes the folder where there is none. One that holds a history is refused: two would be one full of contradictions.
    pub fn open(folder: &Path, labels: &str, compressed: bool) -> Result<HistoryFiles, HistoryError> {
        let not_written = |error| HistoryError::NotWritten { folder: folder.to_owned(), error };
        fs::create_dir_all(folder).map_err(not_written)?;
        for entry in fs::read_dir(folder).map_err(not_written)? {
            let path = entry.map_err(not_written)?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with(NAME) && name.contains(EXTENSION) {
                return Err(HistoryError::Held(path));
            }
        }
        let (folder, labels) = (folder.to_owned(), labels.to_owned());
        Ok(HistoryFiles { folder, labels, compressed, open: None, written: Written::default() })
    }

    /// Adds the samples of a scrape as made at `at`, in whole seconds; those whose line is not to be kept are left out. No
    /// moment may lie before that of a sample already written of the same series.
    pub fn append(&mut self, scrape: &str, at: Timestamp, keep: impl Fn(&str) -> bool) -> Result<(), HistoryError> {
        self.try_append(scrape, at, keep).map_err(|error| self.not_written(error))
    }

    /// Ends the last file.
    pub fn finish(mut self) -> Result<Written, HistoryError> {
        self.end_file().map_err(|error| self.not_written(error))?;
        Ok(self.written)
    }

    fn not_written(&self, error: io::Error) -> HistoryError {
        HistoryError::NotWritten { folder: self.folder.clone(), error }
    }

    fn try_append(&mut self, scrape: &str, at: Timestamp, keep: impl Fn(&str) -> bool) -> io::Result<()> {
        let number = at.as_second().div_euclid(FILE_SECONDS);
        if self.open.as_ref().is_none_or(|open| open.number < number) {
            self.end_file()?;
            self.open = Some(OpenFile::create(&self.folder, number, self.compressed)?);
        }
        let mut text = String::with_capacity(scrape.len() * 3 / 2);
        let time = format!(" {}\n", at.as_second());
        for line in scrape.lines().filter(|line| !line.starts_with('#') && keep(line)) {
            push_labelled(&mut text, line, &self.labels);
            text.push_str(&time);
            self.written.samples += 1;
        }
        self.written.bytes += text.len() as u64;
        match &mut self.open {
            Some(open) => open.out.write(text.as_bytes()),
            None => Ok(()),
        }
    }

    fn end_file(&mut self) -> io::Result<()> {
        let Some(mut open) = self.open.take() else { return Ok(()) };
        open.out.write(b"# EOF\n")?;
        open.out.end()?.sync_all()?;
        let begins = Timestamp::from_second(open.number * FILE_SECONDS).map_err(io::Error::other)?;
        let ending = if self.compressed { ".gz" } else { "" };
        let name = format!("{NAME}{}{EXTENSION}{ending}", begins.strftime("%Y%m%dT%H%M%SZ"));
        open.unfinished.persist_noclobber(self.folder.join(name)).map_err(|error| error.error)?;
        self.written.files += 1;
        Ok(())
    }
}

impl OpenFile {
    fn create(folder: &Path, number: i64, compressed: bool) -> io::Result<OpenFile> {
        let unfinished = NamedTempFile::with_prefix_in(".new-", folder)?;
        let out = BufWriter::new(unfinished.as_file().try_clone()?);
        let out = if compressed {
            Output::Gzip(Box::new(GzEncoder::new(out, Compression::fast())))
        } else {
            Output::Text(out)
        };
        Ok(OpenFile { number, unfinished, out })
    }
}

impl Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Output::Text(out) => out.write_all(bytes),
            Output::Gzip(out) => out.write_all(bytes),
        }
    }

    fn end(self) -> io::Result<File> {
        let out = match self {
            Output::Text(out) => out,
            Output::Gzip(out) => out.finish()?,
        };
        out.into_inner().map_err(io::IntoInnerError::into_error)
    }
}

/// A sample with more labels.
fn push_labelled(text: &mut String, line: &str, labels: &str) {
    let end = line.find(['{', ' ']).unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    text.extend([name, "{", labels]);
    match rest.strip_prefix('{') {
        Some(own) => text.extend([if own.starts_with('}') { "" } else { "," }, own]),
        None => text.extend(["}", rest]),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    const SCRAPE: &str = "# TYPE a gauge\na{b=\"c d\"} 1.5\na{b=\"e\"} 2\nd 3\n# EOF\n";

    fn files(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = entries.collect();
        names.sort();
        names
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn every_sample_has_its_time_and_the_labels_of_a_scrape_and_every_file_an_end() {
        let folder = tempfile::tempdir().unwrap();
        for compressed in [false, true] {
            let into = folder.path().join(format!("compressed-{compressed}"));
            let mut history = HistoryFiles::open(&into, "job=\"j\"", compressed).unwrap();
            history.append(SCRAPE, at("2026-11-12T17:59:59Z"), |line| !line.contains('e')).unwrap();
            assert_eq!(files(&into).len(), 1);
            assert!(files(&into)[0].starts_with(".new-"), "nothing that is not whole has a name");
            history.append(SCRAPE, at("2026-11-12T18:00:00Z"), |line| line.starts_with('d')).unwrap();
            let Written { files: count, samples, .. } = history.finish().unwrap();
            assert_eq!((count, samples), (2, 3));
            let names = files(&into);
            let begins: Vec<&str> = names.iter().map(|name| name.split('.').next().unwrap()).collect();
            assert_eq!(begins, ["wolkvox-20261112T000000Z", "wolkvox-20261112T180000Z"], "{names:?}");
            let mut text = String::new();
            let first = File::open(into.join(&names[0])).unwrap();
            if compressed {
                GzDecoder::new(first).read_to_string(&mut text).unwrap();
            } else {
                text = io::read_to_string(first).unwrap();
            }
            assert_eq!(text, "a{job=\"j\",b=\"c d\"} 1.5 1794506399\nd{job=\"j\"} 3 1794506399\n# EOF\n");
        }
    }

    #[test]
    fn a_folder_that_holds_a_history_is_refused_and_one_that_holds_anything_else_is_not() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("wolkvox.yml"), "").unwrap();
        HistoryFiles::open(folder.path(), "", false).unwrap().finish().unwrap();
        fs::write(folder.path().join("wolkvox-20261112T060000Z.om.gz"), "").unwrap();
        let refused = HistoryFiles::open(folder.path(), "", false).map(|_| ()).unwrap_err().to_string();
        assert!(refused.contains("wolkvox-20261112T060000Z.om.gz") && refused.contains("hint:"), "{refused}");
        let no_folder = HistoryFiles::open(&folder.path().join("wolkvox.yml"), "", false).map(|_| ()).unwrap_err();
        assert!(no_folder.to_string().contains("hint:"), "{no_folder}");
    }
}
