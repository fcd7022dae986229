//! What the README and the docs promise is also tested, and said in Spanish too.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use wolkvox_exporter::catalog::Catalog;

use crate::support::child::run;

/// Lines that somebody with five minutes reads.
const MOST_LINES: usize = 200;

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The texts that there are in both languages: the English and the Spanish file of each.
fn translated() -> Vec<(String, String)> {
    let docs = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")).expect("a folder of this repository");
    let names = docs.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name in ASCII"));
    let mut pages: Vec<String> = names
        .filter_map(|name| Some(format!("docs/{}", name.strip_suffix(".es.md")?)))
        .chain(["README".to_owned()])
        .collect();
    pages.sort();
    pages.into_iter().map(|page| (format!("{page}.md"), format!("{page}.es.md"))).collect()
}

// === tests that a text names ===

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

/// How long the comment or literal is that a text begins with, if it begins with one.
fn comment_or_literal(text: &str) -> Option<usize> {
    let until = |start: usize, end: &str| {
        let found = text.get(start..).and_then(|rest| rest.find(end));
        found.map_or(text.len(), |at| start + at + end.len())
    };
    if text.starts_with("//") {
        return text.find('\n').or(Some(text.len()));
    }
    if text.starts_with("/*") {
        return Some(until(2, "*/"));
    }
    if let Some(rest) = text.strip_prefix('r') {
        let hashes = rest.len() - rest.trim_start_matches('#').len();
        let is_raw = rest[hashes..].starts_with('"');
        return is_raw.then(|| until(hashes + 2, &format!("\"{}", "#".repeat(hashes))));
    }
    if text.starts_with('"') {
        let mut escaped = true;
        let end = text.find(|letter| {
            let ends = letter == '"' && !escaped;
            escaped = letter == '\\' && !escaped;
            ends
        });
        return end.map(|end| end + 1).or(Some(text.len()));
    }
    // A lifetime has no second quote.
    let mut letters = text.strip_prefix('\'')?.chars();
    match letters.next()? {
        '\\' => Some(until(3, "'")),
        letter => (letters.next() == Some('\'')).then(|| letter.len_utf8() + 2),
    }
}

/// A source without what stands in its comments and literals.
fn code_of(source: &str) -> String {
    let mut code = String::new();
    let mut rest = source;
    while let Some(letter) = rest.chars().next() {
        let passed = comment_or_literal(rest);
        if passed.is_none() {
            code.push(letter);
        }
        rest = &rest[passed.unwrap_or(letter.len_utf8())..];
    }
    code
}

/// The names of the functions that the attribute of a test stands on.
fn tests_in(source: &str) -> Vec<String> {
    let code = code_of(source);
    let mut found = Vec::new();
    let mut is_test = false;
    for line in code.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if line.starts_with("#[") {
            is_test |= line == "#[test]" || line.starts_with("#[tokio::test");
            continue;
        }
        let declared = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
        if let (true, Some((name, _))) = (is_test, declared.and_then(|rest| rest.split_once('('))) {
            found.push(name.to_owned());
        }
        is_test = false;
    }
    found
}

/// Every row of the first table below a heading has `cells` cells, and names tests of this program in the last one.
fn names_tests_that_are_run(file: &str, heading: &str, cells: usize, at_least: usize) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = ["src", "tests"].map(|folder| sources(&root.join(folder)));
    let run: BTreeSet<String> = sources.iter().flatten().flat_map(|source| tests_in(source)).collect();
    let text = read(file);
    let (_, section) = text.split_once(&format!("{heading}\n")).expect("the section with the table");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() >= at_least, "{} rows", rows.len());
    for row in rows {
        let found: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(found.len(), cells, "{row}");
        let tests: Vec<&str> = found[cells - 1].split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "no test: {row}");
        for test in tests {
            assert!(run.contains(test), "there is no test {test}, of the row: {row}");
        }
    }
}

#[test]
fn every_fault_has_an_answer_and_a_test_that_is_run() {
    names_tests_that_are_run("docs/faults.md", "# What a fault looks like", 4, 45);
}

#[test]
fn every_attack_has_an_answer_and_a_test_that_is_run() {
    names_tests_that_are_run("docs/security.md", "## Attacks and answers", 3, 18);
}

#[test]
fn a_name_in_a_comment_or_a_text_or_of_another_function_is_no_test() {
    let source = r##"
        // #[test]
        fn helper<'a>(quote: char) -> bool { quote == '"' || quote == '\'' }
        /*
        #[test]
        fn commented() {}
        */
        const TEXT: &str = "\"
        #[test]
        fn quoted() {}
        \\";
        const RAW: &str = r#"
        #[test]
        fn raw() {}
        "#;
        #[test]
        /// With a comment between.
        #[ignore = "fn ignored()"]
        fn first() { let text = "fn inner("; }
        fn after() {}
        #[tokio::test(flavor = "multi_thread")]
        async fn second() {}
    "##;
    assert_eq!(tests_in(source), ["first", "second"]);
}

#[test]
fn the_declaration_that_contributors_are_shown_is_a_right_one() {
    let page = read("CONTRIBUTING.md");
    let (_, behind) = page.split_once("```yaml\n").expect("an example");
    let (example, _) = behind.split_once("```").expect("its end");
    let catalog = Catalog::parse(example).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(catalog.report("agent_aux_time").is_some());
}

/// The command that the page gives, run as it stands there.
#[tokio::test]
async fn the_count_of_crates_is_what_its_command_counts() {
    let page = read("docs/costs.md");
    let line = page.lines().find(|line| line.starts_with("cargo tree ")).expect("the command");
    let (command, said) = line.split_once('#').expect("what it printed");
    let counted = run("sh", &["-c", command], b"").await;
    let counted: usize = counted.stdout.trim().parse().unwrap_or_else(|_| panic!("{counted:?}"));
    let said: usize = said.trim().split(',').next().and_then(|count| count.parse().ok()).expect("a number");
    assert_eq!(said, counted, "hint: write the new count into docs/costs.md and docs/costs.es.md");
}

// === for whom it is written ===

#[test]
fn the_readme_is_short_in_both_languages() {
    for file in ["README.md", "README.es.md"] {
        let lines = read(file).lines().count();
        assert!(lines <= MOST_LINES, "{file} has {lines} lines\nhint: details belong into a page of docs/");
    }
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
            // A picture of Spanish words may stand in place of one of English words.
            _ if text.starts_with("![") => "a picture".to_owned(),
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
fn every_spanish_text_keeps_step_with_the_english_one() {
    let translated = translated();
    assert!(translated.len() >= 7, "{translated:?}");
    let of_alerts = ["README", "RUNBOOK"].map(|page| (format!("alerts/{page}.md"), format!("alerts/{page}.es.md")));
    for (english_file, spanish_file) in translated.into_iter().chain(of_alerts) {
        let (english, spanish) = (read(&english_file), read(&spanish_file));
        for (text, other) in [(&english, &spanish_file), (&spanish, &english_file)] {
            let link = format!("({})", other.trim_start_matches("docs/").trim_start_matches("alerts/"));
            assert!(text.lines().take(5).any(|line| line.contains(&link)), "no link to {other} at the top");
        }
        let (english, spanish) = (parts(&english), parts(&spanish));
        for (ours, theirs) in english.iter().zip(&spanish) {
            let places = format!(
                "\n{english_file}:{}: {}\n{spanish_file}:{}: {}\nhint: translate what changed in the one into the other",
                ours.line, ours.text, theirs.line, theirs.text
            );
            assert_eq!(ours.kept, theirs.kept, "{places}");
        }
        let rest =
            |parts: &[Part], from: usize| parts.get(from).map(|part| format!("line {}: {}", part.line, part.text));
        let shorter = english.len().min(spanish.len());
        assert_eq!(rest(&english, shorter), None, "{english_file} goes on where {spanish_file} ends");
        assert_eq!(rest(&spanish, shorter), None, "{spanish_file} goes on where {english_file} ends");
    }
}

/// A Spanish page is of no use to somebody whom a Spanish text sends to the English one.
#[test]
fn spanish_texts_lead_to_spanish_pages_where_there_are_some() {
    let translated = translated();
    for (own_english, spanish_file) in &translated {
        let text = read(spanish_file);
        for (english, spanish) in &translated {
            let target = english.trim_start_matches("docs/");
            let wrong = |line: &&str| line.contains(&format!("({target}")) || line.contains(&format!("(docs/{target}"));
            if english != own_english && english != "README.md" {
                assert_eq!(text.lines().find(wrong), None, "{spanish_file} leads to {english}, and not to {spanish}");
            }
        }
    }
}
