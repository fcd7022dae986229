//! Is what the README promises also tested?

use std::fs;
use std::path::Path;

/// Every Rust source below a folder.
fn sources(folder: &Path) -> Vec<String> {
    let entries =
        fs::read_dir(folder).expect("a folder of this repository").map(|entry| entry.expect("an entry").path());
    entries
        .flat_map(|path| match path.extension() {
            _ if path.is_dir() => sources(&path),
            Some(extension) if extension == "rs" => vec![fs::read_to_string(&path).expect("a source")],
            _ => Vec::new(),
        })
        .collect()
}

#[test]
fn every_test_that_the_readme_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources: String = ["src", "tests"].iter().flat_map(|folder| sources(&root.join(folder))).collect();
    let readme = fs::read_to_string(root.join("README.md")).expect("a README");
    let (_, section) = readme.split_once("\n## What a fault looks like\n").expect("the table of faults");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() >= 25, "{} rows", rows.len());
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 4, "{row}");
        let tests: Vec<&str> = cells[3].split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "no test: {row}");
        for test in tests {
            let declared = sources.contains(&format!("fn {test}("));
            assert!(declared, "there is no test {test}, of the row: {row}");
        }
    }
}
