//! The files that `operations_files` and `catalog_files` name.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use glob::{MatchOptions, Pattern};

use super::file::Patterns;
use crate::yaml::{At, ConfigError, FilePlace, quoted_path};

/// What `*` and its like stand for. Not for names that begin with a dot: editors and mounted volumes keep their own such.
const OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// The files in the order of their names, and what is wrong with the patterns.
#[derive(Default)]
pub(super) struct Found {
    pub files: BTreeSet<PathBuf>,
    pub mistakes: Vec<ConfigError>,
}

/// Looks for the files; a relative pattern starts at the folder of the config.
pub(super) fn find(config: &Path, patterns: &At<Patterns>, kind: &str) -> Found {
    let mut found = Found::default();
    for pattern in &patterns.value.0 {
        if let Err((what, hint)) = add(config, &pattern.value, kind, &mut found.files) {
            let place = if pattern.place == FilePlace::default() { patterns.place } else { pattern.place };
            found.mistakes.push(ConfigError::at(config, place, what).hint(hint));
        }
    }
    found
}

/// Why a pattern cannot be used, and what to do.
type Unusable = (String, &'static str);

fn add(config: &Path, pattern: &str, kind: &str, files: &mut BTreeSet<PathBuf>) -> Result<(), Unusable> {
    let folder = config.parent().unwrap_or(Path::new(""));
    let path = folder.join(pattern);
    let shown = folder.join(quoted_path(pattern)).display().to_string();
    if !is_pattern(pattern) {
        if !path.exists() {
            let hint = "a relative path starts at the folder of this file; several files are named with a *, as in conf.d/*.yml";
            return Err((format!("the {kind} file {shown} is not there"), hint));
        }
        return insert(path, config, kind, files);
    }
    if pattern.contains("**") {
        return Err((format!("the pattern {shown} has ** in it"), "name each folder, with one * for a part of a name"));
    }
    let fixed: PathBuf = path.components().take_while(|part| !is_pattern_part(*part)).collect();
    // Where the folder is misspelt, all operations would be gone without a word.
    if !fixed.as_os_str().is_empty() && !fixed.is_dir() {
        let hint = "a relative path starts at the folder of this file; make the folder, or correct its name";
        return Err((format!("the folder of the {kind} files {shown} is not there"), hint));
    }
    let escaped = Path::new(&Pattern::escape(&folder.to_string_lossy())).join(pattern);
    let paths = glob::glob_with(&escaped.to_string_lossy(), OPTIONS).map_err(|error| {
        (format!("the pattern {shown} cannot be understood: {}", error.msg), "use * as in conf.d/*.yml")
    })?;
    for path in paths {
        let path = path.map_err(|error| {
            (
                format!("{shown} cannot be looked for: {}", error.error()),
                "the folder must be readable by the exporter's user",
            )
        })?;
        insert(path, config, kind, files)?;
    }
    Ok(())
}

fn insert(path: PathBuf, config: &Path, kind: &str, files: &mut BTreeSet<PathBuf>) -> Result<(), Unusable> {
    let same = |one: &Path, other: &Path| one.canonicalize().ok().zip(other.canonicalize().ok());
    if same(&path, config).is_some_and(|(one, other)| one == other) {
        return Err((
            format!("{}_files finds this file itself", if kind == "catalogue" { "catalog" } else { kind }),
            "put the others into a folder of their own",
        ));
    }
    files.insert(path);
    Ok(())
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

fn is_pattern_part(part: Component) -> bool {
    is_pattern(&part.as_os_str().to_string_lossy())
}
