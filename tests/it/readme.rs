//! Is what the README promises also tested, and said in Spanish too?

use std::fs;
use std::path::Path;

use crate::support::child::run;

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

/// Every row of the table in a section has `cells` cells, and names tests that exist in the last one.
fn names_tests_that_exist(file: &str, heading: &str, cells: usize, at_least: usize) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources: String = ["src", "tests"].iter().flat_map(|folder| sources(&root.join(folder))).collect();
    let text = fs::read_to_string(root.join(file)).expect("a text of this repository");
    let (_, section) = text.split_once(&format!("\n## {heading}\n")).expect("the section with the table");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() >= at_least, "{} rows", rows.len());
    for row in rows {
        let found: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(found.len(), cells, "{row}");
        let tests: Vec<&str> = found[cells - 1].split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "no test: {row}");
        for test in tests {
            let declared = sources.contains(&format!("fn {test}("));
            assert!(declared, "there is no test {test}, of the row: {row}");
        }
    }
}

/// The command that the README gives, run as it stands there.
#[tokio::test]
async fn the_readmes_count_of_crates_is_what_its_command_counts() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).expect("a README");
    let line = readme.lines().find(|line| line.starts_with("cargo tree ")).expect("the command");
    let (command, said) = line.split_once('#').expect("what it printed");
    let counted = run("sh", &["-c", command], b"").await;
    let counted: usize = counted.stdout.trim().parse().unwrap_or_else(|_| panic!("{counted:?}"));
    let said: usize = said.trim().split(',').next().and_then(|count| count.parse().ok()).expect("a number");
    assert_eq!(said, counted, "hint: write the new count into README.md and README.es.md");
}

#[test]
fn every_test_that_the_readme_names_exists() {
    names_tests_that_exist("README.md", "What a fault looks like", 4, 25);
}

#[test]
fn every_attack_has_an_answer_and_a_test_that_exists() {
    names_tests_that_exist("docs/security.md", "Attacks and answers", 3, 18);
}

/// One part of a text that does not depend on its language, and the line where it begins.
#[derive(Debug)]
struct Part {
    line: usize,
    text: String,
    /// What a translation must keep of it.
    kept: String,
}

/// Headings by their level, code blocks word for word, rows of tables by their number of cells and the code in them,
/// pictures by their file, and paragraphs by being there.
fn parts(markdown: &str) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut is_code = false;
    let mut before = "";
    for (line, text) in markdown.lines().enumerate() {
        let fence = text.starts_with("```");
        let kept = match text {
            _ if fence || is_code => format!("code: {text}"),
            "" => String::new(),
            _ if text.starts_with('#') => text.split(' ').next().unwrap_or_default().to_owned(),
            _ if text.starts_with('|') => {
                let mut code: Vec<&str> = text.split('`').skip(1).step_by(2).collect();
                code.sort_unstable();
                format!("a row of {} cells with {}", text.trim_matches('|').split('|').count(), code.join(" "))
            }
            _ if text.starts_with("![") => text.rsplit("](").next().unwrap_or_default().to_owned(),
            _ if before.is_empty() => "a paragraph".to_owned(),
            _ => String::new(),
        };
        is_code ^= fence;
        before = text;
        if !kept.is_empty() {
            parts.push(Part { line: line + 1, text: text.to_owned(), kept });
        }
    }
    parts
}

#[test]
fn the_spanish_readme_keeps_step_with_the_english_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| fs::read_to_string(root.join(name)).expect("a README");
    let (english, spanish) = (read("README.md"), read("README.es.md"));
    for (text, other) in [(&english, "(README.es.md)"), (&spanish, "(README.md)")] {
        assert!(text.lines().take(5).any(|line| line.contains(other)), "no link to {other} at the top");
    }
    let (english, spanish) = (parts(&english), parts(&spanish));
    for (ours, theirs) in english.iter().zip(&spanish) {
        let places = format!(
            "\nREADME.md:{}: {}\nREADME.es.md:{}: {}\nhint: translate what changed in the one into the other",
            ours.line, ours.text, theirs.line, theirs.text
        );
        assert_eq!(ours.kept, theirs.kept, "{places}");
    }
    let rest = |parts: &[Part], from: usize| parts.get(from).map(|part| format!("line {}: {}", part.line, part.text));
    let shorter = english.len().min(spanish.len());
    assert_eq!(rest(&english, shorter), None, "README.md goes on where README.es.md ends");
    assert_eq!(rest(&spanish, shorter), None, "README.es.md goes on where README.md ends");
}
