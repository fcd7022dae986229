//! The layout of the code is as `src/lib.rs` says: data flow one way, and a name means one thing.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What must never be imported, whatever the order of the floors allows, and why.
const NEVER: [(&str, &[&str], &str); 9] = [
    ("segment", &["aggregate", "catalog", "series", "store"], "bytes know neither rows nor reports"),
    ("store", &["aggregate"], "what is served does not know how it was made"),
    ("state", &["store", "poll", "segment", "catalog", "wolkvox"], "records know nobody"),
    ("config", &["web"], "reading the config needs no server"),
    ("aggregate", &["wolkvox"], "rows come in, and nobody is called back"),
    ("wolkvox", &["aggregate", "telemetry", "store"], "the client knows no metrics"),
    ("history", &["exposition", "store", "poll"], "samples come in as text, whoever made it"),
    ("capture", &["config", "poll", "telemetry", "state"], "answers become files, whoever asked for them"),
    ("rows", &["wolkvox", "aggregate"], "both ends know the rows, and the rows know no end"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).expect("a folder of this repository").map(|entry| entry.expect("an entry").path());
    entries
        .flat_map(|path| match path.extension() {
            _ if path.is_dir() => sources(&path),
            Some(extension) if extension == "rs" => vec![path],
            _ => Vec::new(),
        })
        .collect()
}

/// A source without its unit tests; blank where the whole file is one.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).expect("a source");
    let module = file.file_stem().expect("a name").to_string_lossy().into_owned();
    let parent = fs::read_to_string(file.with_file_name("mod.rs")).unwrap_or_default();
    if parent.contains(&format!("#[cfg(test)]\nmod {module};")) {
        return String::new();
    }
    text.split("\n#[cfg(test)]\n").next().unwrap_or_default().to_owned()
}

/// The rooms in the order of `src/lib.rs`, from the top floor down.
fn floors() -> Vec<String> {
    let lib = fs::read_to_string(root().join("src/lib.rs")).expect("the map");
    let modules =
        lib.lines().filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';'));
    modules.map(str::to_owned).collect()
}

/// Each room and what it imports of the others, with the file that does.
fn imports() -> BTreeMap<(String, String), PathBuf> {
    let (src, rooms) = (root().join("src"), floors());
    let mut imports = BTreeMap::new();
    for file in sources(&src) {
        let below = file.strip_prefix(&src).expect("a file of src");
        let room = below.components().next().expect("a name").as_os_str().to_string_lossy().replace(".rs", "");
        for after in code(&file).split("crate::").skip(1) {
            let other: String = after.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            if other != room && rooms.contains(&other) {
                imports.insert((room.clone(), other), file.clone());
            }
        }
    }
    imports
}

#[test]
fn data_flow_one_way_no_room_imports_from_a_floor_above() {
    let floors = floors();
    let floor = |room: &str| floors.iter().position(|known| known == room);
    assert!(floors.len() > 15, "{floors:?}");
    for ((room, other), file) in imports() {
        // What is not in the map is the program itself.
        let Some(own) = floor(&room) else { continue };
        assert!(floor(&other).is_some_and(|other| other > own), "{} imports {other}", file.display());
    }
}

#[test]
fn no_room_imports_what_it_must_never_know() {
    let imports = imports();
    assert!(imports.len() > 50, "only {} arrows were found", imports.len());
    for (room, others, why) in NEVER {
        for other in others {
            let found = imports.get(&(room.to_owned(), (*other).to_owned()));
            assert_eq!(found, None, "{room} imports {other}, though {why}");
        }
    }
}

#[test]
fn the_simulator_knows_no_exporter() {
    for file in sources(&root().join("simulator")) {
        let text = fs::read_to_string(&file).expect("a source");
        assert!(!text.contains("wolkvox_exporter"), "{}", file.display());
    }
}

#[test]
fn every_type_name_has_one_meaning() {
    let mut names: BTreeMap<String, PathBuf> = BTreeMap::new();
    for file in sources(&root().join("src")) {
        for line in code(&file).lines() {
            let line =
                line.strip_prefix("pub").map_or(line, |rest| rest.split_once(' ').map_or(rest, |(_, rest)| rest));
            let line =
                line.split_once(") ").filter(|(before, _)| before.starts_with("in ")).map_or(line, |(_, rest)| rest);
            let kinds = ["struct ", "enum ", "trait ", "type ", "union "];
            let Some(rest) = kinds.iter().find_map(|kind| line.strip_prefix(kind)) else { continue };
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if let Some(other) = names.insert(name.clone(), file.clone()) {
                panic!("{name} means one thing in {} and another in {}", other.display(), file.display());
            }
        }
    }
    assert!(names.len() > 150, "only {} types were found", names.len());
}
