//! Operations in files of their own: found, read in order, told apart in messages, and read again with the config.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use wolkvox_exporter::catalog::Catalog;
use wolkvox_exporter::config::Config;

use crate::support::harness::{CONFIG_FILE, Harness, Setup};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/many-operations");

/// A folder with these files and a token.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in files.iter().chain(&[("token", "s3cr3t-t0ken\n")]) {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
        fs::write(path, text).expect("a writable folder");
    }
    folder
}

fn load(folder: &Path) -> Result<Config, String> {
    let catalog = Catalog::builtin().expect("the shipped one");
    Config::load(&folder.join(CONFIG_FILE), &catalog).map_err(|errors| errors.to_string())
}

fn names(config: &Config) -> Vec<&str> {
    config.operations.iter().map(|operation| &*operation.name).collect()
}

fn operation(name: &str) -> String {
    format!("operations:\n  - {{name: {name}, server: \"0003\", token_file: ../token}}\n")
}

#[test]
fn the_example_of_many_operations_is_a_config() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    for made in ["conf.d", "tokens"] {
        fs::create_dir(path(made)).expect("a writable folder");
    }
    for name in ["wolkvox-exporter.yml", "conf.d/andina.yml", "conf.d/iberia.yml"] {
        let text = fs::read_to_string(Path::new(EXAMPLE).join(name)).expect("a file of the example");
        fs::write(path(name), &text).expect("a writable folder");
        for token in text.lines().filter_map(|line| line.trim().strip_prefix("token_file: ../")) {
            fs::write(path(token), "s3cr3t-t0ken").expect("a writable folder");
        }
    }
    let config = load(folder.path()).expect("the example is right");
    assert_eq!(names(&config), ["andina-ventas", "andina-soporte", "iberia"]);
    assert!(config.operations.iter().flat_map(|one| &one.reports).all(|plan| plan.interval.as_secs() == 600));
}

#[test]
fn forty_files_are_forty_operations_behind_those_of_the_config_and_in_the_order_of_their_names() {
    let main = "operations_files: [conf.d/*.yml, more/extra.yml]\noperations:\n  - {name: first, server: \"0003\", token_file: token}\n";
    let mut files = vec![(CONFIG_FILE.to_owned(), main.to_owned()), ("more/extra.yml".to_owned(), operation("extra"))];
    files.extend((1..40).map(|number| (format!("conf.d/{number:02}.yml"), operation(&format!("centro-{number:02}")))));
    // What editors and mounted volumes leave beside them.
    let others =
        ["conf.d/.01.yml.swp", "conf.d/.hidden.yml", "conf.d/..data/01.yml", "conf.d/01.yml~", "conf.d/01.bak"];
    files.extend(others.map(|name| (name.to_owned(), "no: config".to_owned())));
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let config = load(folder(&files).path()).expect("a right config");
    let expected: Vec<String> = (1..40).map(|number| format!("centro-{number:02}")).collect();
    let names = names(&config);
    assert_eq!((names.len(), names[0], names[40]), (41, "first", "extra"));
    assert_eq!(names[1..40], expected);
}

#[test]
fn a_mistake_names_the_file_that_it_stands_in() {
    let main = "operations_files: conf.d/*.yml\npolling: {interval: 300}\n";
    let broken = operation("beta").replace("token_file: ../token", "token_file: token, licenses: 0");
    let folder = folder(&[
        (CONFIG_FILE, main),
        ("conf.d/a.yml", &operation("acme")),
        ("conf.d/b.yml", &broken),
        ("conf.d/c.yml", &operation("acme")),
        ("conf.d/d.yml", &format!("polling: {{}}\n{}", operation("delta"))),
        ("conf.d/e.yml", "# nothing yet\n"),
        ("conf.d/f.yml", "operations: []\n"),
    ]);
    let said = load(folder.path()).unwrap_err();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let told: Vec<&str> = said.split("\n\n").collect();
    let expected = [
        ("a number needs its unit", at(CONFIG_FILE) + ":2:21"),
        ("token cannot be read", at("conf.d/b.yml") + ":2:46"),
        ("licenses is 0", at("conf.d/b.yml") + ":2:63"),
        ("of this name is there already", at("conf.d/c.yml") + ":2:12"),
        ("unknown key `polling`", at("conf.d/d.yml") + ":1:1"),
        ("the file is empty", at("conf.d/e.yml") + ":1:1"),
        ("the file has no operations", at("conf.d/f.yml") + ":1:13"),
    ];
    for ((what, place), told) in expected.iter().zip(&told) {
        assert!(told.contains(what) && told.contains(&format!("--> {place}\n")[..place.len() + 4]), "{what}\n{said}");
    }
    assert!(told[1].starts_with(&format!("the token file {} ", at("conf.d/token"))), "{said}");
    assert!(told[3].contains(&format!("the first is at {}:2;", at("conf.d/a.yml"))), "{said}");
    assert_eq!(told[7..], ["7 mistakes in 6 files"], "{said}");
}

#[test]
fn a_pattern_without_a_file_is_right_while_there_are_other_operations() {
    let one = "operations:\n  - {name: acme, server: \"0003\", token_file: token}\n";
    let with = |pattern: &str| {
        let folder = folder(&[(CONFIG_FILE, &format!("{one}operations_files: {pattern}\n")), ("conf.d/a.txt", "x")]);
        load(folder.path()).map(|config| config.operations.len())
    };
    assert_eq!(with("conf.d/*.yml"), Ok(1));
    for (pattern, what) in [
        ("conf.d/a.yml", "conf.d/a.yml is not there"),
        ("cnf.d/*.yml", "the folder of the operations files"),
        ("'*.yml'", "finds this file itself"),
        ("'**/*.yml'", "has ** in it"),
        ("'conf.d/[a.yml'", "cannot be understood"),
        ("{a: b}", "a path such as conf.d/*.yml"),
        ("conf.d/*.txt", "keys with values are expected"),
    ] {
        let said = with(pattern).unwrap_err();
        assert!(said.contains(what), "{pattern}\n{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_file_counts_from_the_next_reload_and_a_wrong_one_changes_nothing() {
    let setup = || Setup { reports: "[agent_aux_time]", ..Setup::frozen() };
    let harness = Harness::start(setup()).await;
    let config = setup().config(&harness.simulator.base_url());
    let (_, rest) = config.split_once("polling:").expect("the harness writes one");
    let of = |name: &str| {
        let (operations, _) = config.split_once("polling:").expect("the harness writes one");
        operations.replace("name: acme", &format!("name: {name}")).replace("token_file: token", "token_file: ../token")
    };
    let put = |name: &str, text: &str| fs::write(harness.config.path().join("conf.d").join(name), text).unwrap();
    fs::create_dir(harness.config.path().join("conf.d")).unwrap();
    put("acme.yml", &of("acme"));
    let main = format!("operations_files: conf.d/*.yml\npolling:{rest}");
    assert_eq!(harness.reload(&main).await.text(), "reloaded\n");
    let calls = harness.simulator.call_log().total;

    put("beta.yml", &of("beta"));
    assert_eq!(harness.reload(&main).await.status, 200);
    let scraped =
        harness.scrape_until("both", |scraped| scraped.sum("wolkvox_report_up", &["operation=\"beta\""]) == 1.0).await;
    assert_eq!(scraped.sum("wolkvox_report_up", &[]), 2.0);
    assert_eq!(harness.simulator.call_log().total, calls + 1, "acme was asked again");

    put("gamma.yml", "operations:\n  - name: gamma\n");
    let refused = harness.reload(&main).await;
    assert_eq!(refused.status, 500);
    assert!(
        refused.text().contains("conf.d/gamma.yml:2:11") && refused.text().contains("2 mistakes"),
        "{}",
        refused.text()
    );
    assert_eq!(harness.scrape().await.sum("wolkvox_report_up", &[]), 2.0);
}
