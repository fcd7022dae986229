//! Files that may be anything by now: only regular ones are read, and only up to a length. Those written are whole.
//!
//! A name can lead to a pipe that nobody writes to, to a device without an end, or to more than the memory holds. Only
//! regular files are read, and only up to a length; symbolic links to them, as secrets of pods are, count as such.

use std::fmt::Write as _;
use std::fs::{self, File, FileType, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::OFlags;
use tempfile::NamedTempFile;

/// No file that an operator writes is longer: a bundle of certificates has some hundred kilobytes.
pub const LONGEST_WRITTEN: u64 = 16 << 20;
/// How the names of files begin that are being written.
pub const UNFINISHED: &str = ".new-";
/// A longer name made of another name is cut to so many bytes, and a checksum of the other name follows.
const LONGEST_NAME: usize = 150;

/// Opens a regular file without waiting for the other end of a pipe.
pub fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    // Without it, opening a pipe waits for its other end.
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let opened = options.custom_flags(flags).open(path);
    // What could not be opened may be no file either, and that says more than the system does.
    let kind = match &opened {
        Ok(file) => file.metadata(),
        Err(_) => fs::metadata(path),
    };
    match kind.map(|found| found.file_type()) {
        Ok(kind) if !kind.is_file() => {
            Err(io::Error::other(format!("it is {}, where only a regular file can be", named(kind))))
        }
        _ => opened,
    }
}

/// Reads a regular file of at most `longest` bytes.
pub fn read(path: &Path, longest: u64) -> io::Result<Vec<u8>> {
    let file = open(path, File::options().read(true))?;
    let too_long = || io::Error::other(format!("it is longer than {longest} bytes"));
    if file.metadata()?.len() > longest {
        return Err(too_long());
    }
    let mut bytes = Vec::new();
    // It may grow meanwhile, and some files do not say how long they are.
    file.take(longest + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > longest { Err(too_long()) } else { Ok(bytes) }
}

/// Reads a text that an operator wrote.
pub fn read_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path, LONGEST_WRITTEN)?).map_err(|_| io::Error::other("it is not UTF-8"))
}

/// Writes a file beside its place and puts it there: a crash leaves the old one or the new one.
pub fn write_whole(folder: &Path, name: &str, parts: &[&[u8]]) -> io::Result<()> {
    let mut file = unfinished(folder)?;
    for part in parts {
        file.write_all(part)?;
    }
    file.as_file().sync_all()?;
    file.persist(folder.join(name)).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

/// A file for its user alone, which is gone when it is dropped.
pub fn unfinished(folder: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(UNFINISHED).permissions(Permissions::from_mode(0o600)).tempfile_in(folder)
}

/// A file name of another name: different names stay different, and none can leave its folder.
pub fn safe_name(text: &str) -> String {
    let mut name = String::new();
    // Writing to a String cannot fail.
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
            name.push(char::from(byte));
        } else {
            let _ = write!(name, "%{byte:02x}");
        }
    }
    if name.len() > LONGEST_NAME {
        name.truncate(LONGEST_NAME);
        let _ = write!(name, "~{:08x}", crc32fast::hash(text.as_bytes()));
    }
    name
}

/// Whether everybody on this machine can read a file: it lets them, and so does every folder on the way to it.
pub fn is_readable_by_all(path: &Path) -> bool {
    let lets = |path: &Path, bit| fs::metadata(path).is_ok_and(|found| found.permissions().mode() & bit != 0);
    let Ok(path) = path.canonicalize() else { return false };
    lets(&path, 0o004) && path.ancestors().skip(1).all(|folder| lets(folder, 0o001))
}

fn named(kind: FileType) -> &'static str {
    match () {
        () if kind.is_dir() => "a folder",
        () if kind.is_fifo() => "a pipe",
        () if kind.is_char_device() || kind.is_block_device() => "a device",
        () => "a socket",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{CWD, Mode, mkfifoat};
    use std::os::unix::fs::symlink;

    #[test]
    fn only_regular_files_are_read_and_links_to_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("token"), "s3cr3t").unwrap();
        symlink(path("token"), path("link")).unwrap();
        symlink("/dev/zero", path("zero")).unwrap();
        mkfifoat(CWD, path("pipe"), Mode::RUSR).unwrap();
        let said = |name: &str| read(&path(name), 10).map_err(|error| error.to_string());
        assert_eq!(said("token"), Ok(b"s3cr3t".to_vec()));
        assert_eq!(said("link"), Ok(b"s3cr3t".to_vec()));
        let no_file = |what: &str| Err(format!("it is {what}, where only a regular file can be"));
        assert_eq!(said("pipe"), no_file("a pipe"));
        assert_eq!(said("zero"), no_file("a device"));
        assert_eq!(said("."), no_file("a folder"));
        assert_eq!(read(&path("missing"), 10).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_file_is_readable_by_all_where_it_and_every_folder_above_it_are() {
        let (folder, modes) =
            (tempfile::tempdir().unwrap(), [(0o755, 0o644, true), (0o755, 0o640, false), (0o700, 0o644, false)]);
        let path = folder.path().join("token");
        fs::write(&path, "s3cr3t").unwrap();
        symlink(&path, folder.path().join("link")).unwrap();
        for (of_folder, of_file, expected) in modes {
            fs::set_permissions(&path, fs::Permissions::from_mode(of_file)).unwrap();
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(of_folder)).unwrap();
            assert_eq!(is_readable_by_all(&path), expected, "{of_folder:o} {of_file:o}");
            assert_eq!(is_readable_by_all(&folder.path().join("link")), expected, "{of_folder:o} {of_file:o}");
        }
        assert!(!is_readable_by_all(&folder.path().join("missing")));
    }

    #[test]
    fn no_more_is_read_than_what_is_allowed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("huge");
        fs::write(&path, "ten bytes!").unwrap();
        assert_eq!(read(&path, 10).unwrap(), b"ten bytes!");
        File::options().write(true).open(&path).unwrap().set_len(1 << 40).unwrap();
        assert_eq!(read(&path, 10).unwrap_err().to_string(), "it is longer than 10 bytes");
        // It says that it is empty.
        assert_eq!(read(Path::new("/proc/self/maps"), 10).unwrap_err().to_string(), "it is longer than 10 bytes");
        fs::write(&path, [0xff]).unwrap();
        assert_eq!(read_text(&path).unwrap_err().to_string(), "it is not UTF-8");
    }

    #[test]
    fn no_name_leaves_its_folder_and_different_names_stay_different() {
        assert_eq!(safe_name("../../etc"), "%2e%2e%2f%2e%2e%2fetc");
        assert_ne!(safe_name(&"é".repeat(64)), safe_name(&format!("{}e", "é".repeat(63))));
        assert!(safe_name(&"é".repeat(64)).len() < 200);
    }

    #[test]
    fn a_file_is_whole_for_its_user_alone_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["first", "second"] {
            write_whole(folder.path(), "name", &[text.as_bytes(), b"!"]).unwrap();
        }
        assert_eq!(fs::read(folder.path().join("name")).unwrap(), b"second!");
        assert_eq!(fs::metadata(folder.path().join("name")).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
