//! The state folder: what survives a restart.
//!
//! A folder per operation: how many API requests were sent and when each report was asked (`calls.json`, written before
//! every request), and the last good data of each report. These files begin with a checksum. Every file is written
//! beside its place, synced and renamed, so that a crash leaves the old one or the new one. Records are plain: nothing here knows who
//! polls or who serves.

mod calls;
mod checksum;
mod data;

use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, RwLock, RwLockReadGuard};

use secrecy::{ExposeSecret, SecretString};
use tracing::warn;

use crate::files;
use crate::lock;

pub use calls::{CallRecord, Reported, TargetRecord};
pub use data::{DataOrigin, DataRecord, FindingsRecord, InfoRecord, SegmentRecord};

/// Held as long as the exporter runs.
const LOCK_FILE: &str = "lock";
const CALLS_FILE: &str = "calls.json";
/// How the names of files end that were set aside.
const DAMAGED: &str = "corrupt";
/// What was in it are counts, and no name.
const CALLS_FILE_DAMAGED: &str = "calls.corrupt";
/// The secret that makes pseudonyms; another exporter with the same one makes the same.
const KEY_FILE: &str = "names.key";
/// A record has a line for each report and window, and a few more.
const LONGEST_CALLS: u64 = 1 << 20;

/// Where state is kept.
#[derive(Debug)]
pub struct State(Place);

#[derive(Debug)]
enum Place {
    /// Nothing survives a restart; a reload still finds what it needs.
    Memory {
        calls: Mutex<HashMap<String, CallRecord>>,
        key: OnceLock<SecretString>,
    },
    Folder(Folder),
}

/// A folder that is this process' own.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    /// Taken for reading by whoever writes into the folder, for writing by whoever takes the folder's lock anew.
    lock: RwLock<File>,
    known: Mutex<KnownRecords>,
}

/// What is known of a folder's counts beside the folder.
#[derive(Debug, Default)]
struct KnownRecords {
    /// The records as they were last read or written: where the folder is gone, they are not.
    calls: HashMap<String, CallRecord>,
    /// Operations whose requests somebody else counted in the folder: nothing is written of them before they are read.
    counted_elsewhere: HashSet<String>,
}

/// Why a state folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error(
        "another exporter runs on the state folder {}\n\
         hint: give each exporter its own --state.dir; two of them would spend one budget twice", .0.display()
    )]
    InUse(PathBuf),
    #[error(
        "the state folder {} cannot be used: {error}\n\
         hint: it must be writable for the exporter's user; see --state.dir", path.display()
    )]
    Unusable { path: PathBuf, error: io::Error },
    #[error(
        "the key for names {} cannot be used: {error}\n\
         hint: put the old one back, or set privacy.key_file; without the file a new one is made, and every agent has \
         another hash then", path.display()
    )]
    Key { path: PathBuf, error: io::Error },
    #[error(
        "data with names that are not to be shown cannot be removed: {0}\n\
         hint: the state folder must be writable for the exporter's user; see --state.dir"
    )]
    Retained(io::Error),
}

/// What is known of an operation's requests.
#[derive(Debug, PartialEq)]
pub enum Loaded {
    /// Nothing was ever recorded.
    Fresh,
    Known(CallRecord),
    /// There was a record and it cannot be read: it was set aside, and what was spent today is unknown.
    Damaged,
}

impl State {
    /// Keeps everything in memory.
    pub fn in_memory() -> State {
        State(Place::Memory { calls: Mutex::default(), key: OnceLock::new() })
    }

    /// The counts of these operations as they stand in a folder, which may be another exporter's: it is only read.
    pub fn copy_of<'o>(path: &Path, operations: impl IntoIterator<Item = &'o str>) -> io::Result<State> {
        // What cannot be read is not the same as what was never counted.
        fs::read_dir(path)?;
        let mut calls = HashMap::new();
        for operation in operations {
            if let Some(record) = read_calls(path, operation).map_err(io::Error::other)? {
                calls.insert(operation.to_owned(), record);
            }
        }
        Ok(State(Place::Memory { calls: Mutex::new(calls), key: OnceLock::new() }))
    }

    /// Opens a folder, makes it if need be, and keeps every other exporter out of it.
    pub fn open(path: &Path) -> Result<State, StateError> {
        let unusable = |error| StateError::Unusable { path: path.to_owned(), error };
        let lock = lock_in(path).map_err(unusable)?.ok_or_else(|| StateError::InUse(path.to_owned()))?;
        // The lock may be there from better days: only a new file tells whether the folder takes any.
        drop(files::unfinished(path).map_err(unusable)?);
        remove_unfinished(path);
        let folder = Folder { path: path.to_owned(), lock: RwLock::new(lock), known: Mutex::default() };
        Ok(State(Place::Folder(folder)))
    }

    /// Where the state is, for people.
    pub fn place(&self) -> String {
        match &self.0 {
            Place::Memory { .. } => "none (memory only)".to_owned(),
            Place::Folder(folder) => folder.path.display().to_string(),
        }
    }

    /// Reads what is known of an operation's requests.
    pub fn load_calls(&self, operation: &str) -> Loaded {
        match &self.0 {
            Place::Memory { calls: records, .. } => {
                let records = lock::mutex(records);
                records.get(operation).cloned().map_or(Loaded::Fresh, Loaded::Known)
            }
            Place::Folder(folder) => folder.load_calls(operation),
        }
    }

    /// Writes what is known of an operation's requests, to the disk itself.
    pub fn save_calls(&self, operation: &str, record: &CallRecord) -> io::Result<()> {
        match &self.0 {
            Place::Memory { calls: records, .. } => {
                let mut records = lock::mutex(records);
                records.insert(operation.to_owned(), record.clone());
                Ok(())
            }
            Place::Folder(folder) => folder.save_calls(operation, record),
        }
    }

    /// Makes sure that nobody else writes or removes anything as long as the guard lives.
    fn hold(&self) -> io::Result<Option<RwLockReadGuard<'_, File>>> {
        match &self.0 {
            Place::Memory { .. } => Ok(None),
            Place::Folder(folder) => folder.hold().map(Some),
        }
    }

    /// The key for names that is kept here, parsed; drawn when it is first asked for.
    pub fn names_key<K, E: Into<Box<dyn Error + Send + Sync>>>(
        &self,
        draw: impl FnOnce() -> String,
        parse: impl FnOnce(&str) -> Result<K, E>,
    ) -> Result<K, StateError> {
        match &self.0 {
            Place::Memory { key, .. } => {
                let text = key.get_or_init(|| {
                    warn!(
                        hint = "set privacy.key_file or --state.dir",
                        "after a restart, names will have other hashes"
                    );
                    SecretString::from(draw())
                });
                let unusable =
                    |error: E| StateError::Key { path: PathBuf::from("in memory"), error: io::Error::other(error) };
                parse(text.expose_secret()).map_err(unusable)
            }
            Place::Folder(folder) => {
                let path = &folder.path;
                let file = path.join(KEY_FILE);
                let unusable = |error| StateError::Key { path: file.clone(), error };
                let _held = folder.hold().map_err(unusable)?;
                let text = match files::read_text(&file) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        let drawn = draw();
                        write_whole(path, KEY_FILE, &[drawn.as_bytes(), b"\n"]).map(|()| drawn)
                    }
                    read => read,
                };
                parse(&text.map_err(unusable)?).map_err(|error| unusable(io::Error::other(error)))
            }
        }
    }

    /// Every file in the operations' folders.
    fn files(&self) -> io::Result<Vec<PathBuf>> {
        let Place::Folder(Folder { path, .. }) = &self.0 else { return Ok(Vec::new()) };
        let mut files = Vec::new();
        for folder in fs::read_dir(path)? {
            // An entry that is not a folder, or that cannot be read, such as `lost+found`, holds no file of ours.
            for file in fs::read_dir(folder?.path()).into_iter().flatten() {
                files.push(file?.path());
            }
        }
        Ok(files)
    }

    /// The operation's folder, where there is one.
    fn folder(&self, operation: &str) -> Option<PathBuf> {
        match &self.0 {
            Place::Memory { .. } => None,
            Place::Folder(Folder { path, .. }) => Some(path.join(files::safe_name(operation))),
        }
    }
}

// === impl Folder ===

impl Folder {
    fn load_calls(&self, operation: &str) -> Loaded {
        let held = self.hold();
        let mut known = self.known();
        match held.map(|_| read_calls(&self.path, operation)) {
            Ok(Ok(Some(record))) => {
                known.counted_elsewhere.remove(operation);
                known.calls.insert(operation.to_owned(), record.clone());
                Loaded::Known(record)
            }
            Ok(Err(why)) => {
                known.counted_elsewhere.remove(operation);
                known.calls.remove(operation);
                set_aside(&calls_file(&self.path, operation), &why);
                Loaded::Damaged
            }
            // The file is gone, or the folder belongs to another exporter: what was read before still counts.
            Ok(Ok(None)) | Err(_) => known.calls.get(operation).cloned().map_or(Loaded::Fresh, Loaded::Known),
        }
    }

    fn save_calls(&self, operation: &str, record: &CallRecord) -> io::Result<()> {
        let _held = self.hold()?;
        if self.known().counted_elsewhere.contains(operation) {
            let why =
                "another exporter counted API requests in the state folder; a reload or a restart takes them over";
            return Err(io::Error::other(why));
        }
        write_calls(&self.path, operation, record)?;
        self.known().calls.insert(operation.to_owned(), record.clone());
        Ok(())
    }

    fn known(&self) -> MutexGuard<'_, KnownRecords> {
        lock::mutex(&self.known)
    }

    /// Makes sure that the folder's lock is this process'. Whoever deletes a folder, or puts another in its place, takes
    /// the lock away with it: it is taken anew then.
    fn hold(&self) -> io::Result<RwLockReadGuard<'_, File>> {
        let held = || Some(lock::read(&self.lock)).filter(|lock| self.has(lock));
        if let Some(lock) = held() {
            return Ok(lock);
        }
        self.take_anew()?;
        held().ok_or_else(|| io::Error::other("the state folder is being deleted or replaced"))
    }

    /// Whether a lock is the one that others find in the folder.
    fn has(&self, lock: &File) -> bool {
        let id = |found: io::Result<fs::Metadata>| found.map(|found| (found.dev(), found.ino())).ok();
        let found = id(fs::metadata(self.path.join(LOCK_FILE)));
        found.is_some() && found == id(lock.metadata())
    }

    /// Takes the lock and writes every record anew: what is not on the disk, a restart would forget.
    fn take_anew(&self) -> io::Result<()> {
        let mut lock = lock::write(&self.lock);
        if self.has(&lock) {
            return Ok(());
        }
        let taken = lock_in(&self.path)?.ok_or_else(|| {
            io::Error::other(format!(
                "{} was deleted or replaced, and another exporter runs on the one in its place",
                self.path.display()
            ))
        })?;
        let KnownRecords { calls, counted_elsewhere } = &mut *self.known();
        for (operation, record) in calls {
            match read_calls(&self.path, operation) {
                Ok(Some(found)) if found == *record => {}
                Ok(None) => write_calls(&self.path, operation, record)?,
                Ok(Some(found)) => {
                    let mut both = record.clone();
                    both.add(&found);
                    write_calls(&self.path, operation, &both)?;
                    *record = both;
                    counted_elsewhere.insert(operation.clone());
                }
                // It is set aside when it is read, and taken for the most that can have been spent.
                Err(_) => drop(counted_elsewhere.insert(operation.clone())),
            }
        }
        warn!(
            folder = %self.path.display(),
            "the state folder was deleted or replaced: its lock was taken anew, and the counts of API requests are in it again"
        );
        *lock = taken;
        Ok(())
    }
}

/// Makes a folder, if need be, and takes its lock; `None` where somebody else has it.
fn lock_in(path: &Path) -> io::Result<Option<File>> {
    make_folder(path)?;
    let file = path.join(LOCK_FILE);
    let lock = files::open(&file, File::options().create(true).truncate(false).write(true).mode(0o600))?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

fn calls_file(path: &Path, operation: &str) -> PathBuf {
    path.join(files::safe_name(operation)).join(CALLS_FILE)
}

/// An operation's record, if there is one; or why it cannot be read.
fn read_calls(path: &Path, operation: &str) -> Result<Option<CallRecord>, String> {
    match files::read(&calls_file(path, operation), LONGEST_CALLS) {
        Ok(bytes) => CallRecord::parse(&bytes, operation).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

fn write_calls(path: &Path, operation: &str, record: &CallRecord) -> io::Result<()> {
    write_whole(&path.join(files::safe_name(operation)), CALLS_FILE, &[&record.to_bytes(operation)?])
}

/// A damaged file is evidence and not to be overwritten; its place must be free for a new one.
fn set_aside(file: &Path, why: &str) {
    let aside = file.with_extension(DAMAGED);
    // A folder takes no file's place, and no file a folder's: the older evidence goes.
    let moved = fs::rename(file, &aside).or_else(|_| {
        fs::remove_file(&aside).or_else(|_| fs::remove_dir(&aside))?;
        fs::rename(file, &aside)
    });
    warn!(file = %file.display(), aside = %aside.display(), moved = moved.is_ok(), why, "a damaged state file was set aside");
}

/// All or nothing, in a folder that is made if need be.
fn write_whole(folder: &Path, name: &str, parts: &[&[u8]]) -> io::Result<()> {
    // The state folder itself is made with its lock only.
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    files::write_whole(folder, name, parts)
}

/// Whoever was killed while it wrote left a file behind; under the lock, nobody else is writing one now.
fn remove_unfinished(path: &Path) {
    let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    for file in entries(path).chain(entries(path).flat_map(|folder| entries(&folder))) {
        let name = file.file_name().unwrap_or_default();
        if name.as_encoded_bytes().starts_with(files::UNFINISHED.as_bytes()) {
            // One that stays costs some bytes and is tried again at the next start.
            let _ = fs::remove_file(&file);
        }
    }
}

fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn record(calls: u64) -> CallRecord {
        let mut record = CallRecord::default();
        record.calls.insert(jiff::civil::date(2026, 3, 1), calls);
        record
    }

    #[test]
    fn what_was_saved_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        State::open(&path).unwrap().save_calls("acme/ñ", &record(7)).unwrap();
        let again = State::open(&path).unwrap();
        assert_eq!(again.load_calls("acme/ñ"), Loaded::Known(record(7)));
        assert_eq!(again.load_calls("other"), Loaded::Fresh);
    }

    #[test]
    fn never_overspend_a_second_exporter_on_the_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let first = State::open(folder.path()).unwrap();
        let error = State::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("another exporter") && error.contains("hint:"), "{error}");
        drop(first);
        State::open(folder.path()).unwrap();
    }

    #[test]
    fn never_overspend_a_damaged_record_is_set_aside_and_told() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(folder.path()).unwrap();
        state.save_calls("acme", &record(7)).unwrap();
        let file = folder.path().join("acme").join(CALLS_FILE);
        let whole = fs::read(&file).unwrap();
        let other_operation = record(1).to_bytes("other").unwrap();
        for damage in [&whole[..whole.len() / 2], b"", b"{}", b"\xff\x00", b"[1]", &other_operation] {
            fs::write(&file, damage).unwrap();
            assert_eq!(state.load_calls("acme"), Loaded::Damaged, "{}", String::from_utf8_lossy(damage));
            assert_eq!(fs::read(file.with_extension("corrupt")).unwrap(), damage);
            assert_eq!(state.load_calls("acme"), Loaded::Fresh);
        }
    }

    /// What the next start would find.
    fn kept(folder: &Path, operation: &str) -> Result<Option<CallRecord>, String> {
        read_calls(folder, operation)
    }

    #[test]
    fn never_overspend_a_folder_or_lock_that_is_deleted_is_made_anew_with_all_that_was_counted() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("state");
        let state = State::open(&path).unwrap();
        state.save_calls("acme", &record(7)).unwrap();
        state.save_calls("beta", &record(5)).unwrap();
        let deleted: [&dyn Fn(); 4] = [
            &|| fs::remove_dir_all(&path).unwrap(),
            &|| fs::remove_file(path.join(LOCK_FILE)).unwrap(),
            &|| fs::rename(&path, root.path().join("elsewhere")).unwrap(),
            &|| {
                fs::remove_dir_all(root.path().join("elsewhere")).unwrap();
                fs::rename(&path, root.path().join("elsewhere")).unwrap();
                fs::create_dir(&path).unwrap();
                fs::write(path.join(LOCK_FILE), "").unwrap();
            },
        ];
        for (calls, delete) in (8..).zip(deleted) {
            delete();
            state.save_calls("acme", &record(calls)).unwrap();
            assert!(matches!(State::open(&path), Err(StateError::InUse(_))));
            assert_eq!(kept(&path, "acme"), Ok(Some(record(calls))));
            assert_eq!(kept(&path, "beta"), Ok(Some(record(5))), "whose next call may be hours away");
            delete_and_load(&state, &path);
        }
    }

    /// A reload reads what is known.
    fn delete_and_load(state: &State, path: &Path) {
        fs::remove_dir_all(path).unwrap();
        assert_eq!(state.load_calls("beta"), Loaded::Known(record(5)));
        assert!(matches!(State::open(path), Err(StateError::InUse(_))));
    }

    #[test]
    fn never_overspend_in_a_folder_that_became_another_exporters_nothing_is_written() {
        let root = tempfile::tempdir().unwrap();
        let (path, away) = (root.path().join("state"), root.path().join("away"));
        let first = State::open(&path).unwrap();
        first.save_calls("acme", &record(7)).unwrap();
        fs::rename(&path, &away).unwrap();
        let second = State::open(&path).unwrap();
        second.save_calls("acme", &record(2)).unwrap();
        let error = first.save_calls("acme", &record(8)).unwrap_err().to_string();
        assert!(error.contains("another exporter runs on the one in its place"), "{error}");
        assert_eq!(kept(&path, "acme"), Ok(Some(record(2))));
        assert_eq!(first.load_calls("acme"), Loaded::Known(record(7)), "what it spent itself");
        drop(second);
        // The folder is free again, and what the other one spent is not forgotten.
        let error = first.save_calls("acme", &record(8)).unwrap_err().to_string();
        assert!(error.contains("a reload or a restart takes them over"), "{error}");
        assert_eq!(kept(&path, "acme"), Ok(Some(record(9))));
        assert_eq!(first.load_calls("acme"), Loaded::Known(record(9)));
        first.save_calls("acme", &record(10)).unwrap();
        assert_eq!(kept(&path, "acme"), Ok(Some(record(10))));
    }

    #[test]
    fn never_overspend_what_is_no_regular_file_is_a_damaged_record() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("acme").join(CALLS_FILE);
        let put: [&dyn Fn(); 4] = [
            // By a call, not by a program: one that starts holds the locks of other tests for a moment.
            &|| rustix::fs::mkfifoat(rustix::fs::CWD, &file, rustix::fs::Mode::RUSR).unwrap(),
            &|| std::os::unix::fs::symlink("/dev/zero", &file).unwrap(),
            &|| fs::create_dir(&file).unwrap(),
            &|| File::create(&file).unwrap().set_len(1 << 40).unwrap(),
        ];
        for put in put {
            let state = State::open(folder.path()).unwrap();
            state.save_calls("acme", &record(7)).unwrap();
            fs::remove_file(&file).unwrap();
            put();
            drop(state);
            let state = State::open(folder.path()).unwrap();
            assert_eq!(state.load_calls("acme"), Loaded::Damaged);
            assert!(fs::symlink_metadata(file.with_extension(DAMAGED)).is_ok());
            assert!(fs::symlink_metadata(&file).is_err(), "its place is free for a new one");
        }
    }

    #[test]
    fn never_leak_files_and_folders_are_the_users_own() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("state")).unwrap();
        state.save_calls("acme", &record(7)).unwrap();
        let mode = |path: &str| fs::metadata(folder.path().join(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!([mode("state"), mode("state/acme")], [0o700, 0o700]);
        assert_eq!([mode("state/lock"), mode("state/acme/calls.json")], [0o600, 0o600]);
    }

    #[test]
    fn what_was_never_finished_is_removed_at_the_next_start_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        State::open(folder.path()).unwrap().save_calls("acme", &record(7)).unwrap();
        for unfinished in [".new-1", "acme/.new-2"] {
            fs::write(folder.path().join(unfinished), "{").unwrap();
        }
        let state = State::open(folder.path()).unwrap();
        let mut left: Vec<_> =
            fs::read_dir(folder.path().join("acme")).unwrap().map(|file| file.unwrap().file_name()).collect();
        left.extend(fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()));
        left.sort();
        assert_eq!(left, ["acme", "calls.json", "lock"]);
        assert_eq!(state.load_calls("acme"), Loaded::Known(record(7)));
    }
}
