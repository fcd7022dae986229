//! Files of the repository that tests write: each is what its test makes.

use std::fs;
use std::path::Path;

/// Holds a file against what it should be, or writes it where `UPDATE_DOCS=1`. `test`: what renews it.
pub fn assert_current(file: &str, made: &str, test: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
        fs::write(&path, made).expect("a writable folder");
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    let differs = made.lines().zip(kept.lines()).find(|(made, kept)| made != kept);
    let renew = format!("UPDATE_DOCS=1 cargo test --test it {test}");
    assert!(made == kept, "{file} is out of date; to renew it: {renew}\n{differs:#?}");
}
