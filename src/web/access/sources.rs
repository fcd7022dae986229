//! The files that a web config was read from, and whether they still say the same.

use std::cell::RefCell;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use crate::files;

/// The files that were read, and what each held then. Contents are compared, not times: a certificate that is put in
/// place with its old time, or by turning a symbolic link, is a new one too.
#[derive(Debug, Default)]
pub struct Sources {
    read: RefCell<Vec<(PathBuf, ContentHash)>>,
}

/// A digest, because some of the files hold a key; `None` where the file could not be read.
type ContentHash = Option<u64>;

impl Sources {
    /// Reads a file and remembers what it held.
    pub(super) fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let bytes = read(path);
        self.read.borrow_mut().push((path.to_owned(), digest(&bytes)));
        bytes
    }

    /// Whether any of the files holds something else by now.
    pub fn have_changed(&self) -> bool {
        self.read.borrow().iter().any(|(path, content)| digest(&read(path)) != *content)
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    files::read(path, files::LONGEST_WRITTEN)
}

fn digest(bytes: &io::Result<Vec<u8>>) -> ContentHash {
    let mut hasher = DefaultHasher::new();
    bytes.as_ref().ok()?.hash(&mut hasher);
    Some(hasher.finish())
}
