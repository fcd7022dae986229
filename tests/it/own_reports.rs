//! An operator's own reports: declared in files, checked, polled, read again and documented as the built-in ones are.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;
use wolkvox_exporter::catalog::Catalog;
use wolkvox_exporter::config::Config;
use wolkvox_simulator::Simulator;

use crate::privacy::{named, roster};
use crate::support::child::exporter;
use crate::support::harness::{CONFIG_FILE, Harness, Setup, TOKEN, config_folder, settings, zone_name};
use crate::support::home::Home;
use crate::support::http;
use crate::support::pages::assert_current;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const EXAMPLE: &str = "docs/examples/own-reports";
const SURVEYS: &str = "reports/surveys.yml";
const KEY: &str = "a key for names, long enough to hide them";

/// A file of this repository.
fn read(file: &str) -> String {
    let path = Path::new(ROOT).join(file);
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Puts a file into a folder, and makes the folder in between.
fn put(folder: &TempDir, name: &str, text: &str) {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
    fs::write(path, text).expect("a writable folder");
}

// === the worked example ===

/// The example's config, for a vendor at another address.
fn example_config(base_url: &str) -> String {
    let config = read(&format!("{EXAMPLE}/{CONFIG_FILE}"));
    let changed = config
        .replace("server: \"0003\"", &format!("base_url: {base_url}"))
        .replace("token_file: acme.token", "token_file: token")
        .replace("America/Bogota", zone_name());
    assert!(!changed.contains("0003") && !changed.contains("acme.token") && !changed.contains("Bogota"), "{changed}");
    changed
}

#[test]
fn both_pages_show_the_example_as_it_is() {
    for page in ["docs/own-reports.md", "docs/own-reports.es.md"] {
        let text = read(page);
        for file in [CONFIG_FILE, SURVEYS] {
            let shown = format!("```yaml\n{}```\n", read(&format!("{EXAMPLE}/{file}")));
            assert!(text.contains(&shown), "{page} does not show {EXAMPLE}/{file} as it is");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_is_checked_probed_polled_and_documented() {
    let simulator = Simulator::start(settings()).await.unwrap();
    let folder = config_folder(&example_config(&simulator.base_url()));
    put(&folder, SURVEYS, &read(&format!("{EXAMPLE}/{SURVEYS}")));
    let config = format!("--config.file={}", folder.path().join(CONFIG_FILE).display());

    let checked = exporter(&["check", &config]).await;
    assert_eq!((checked.code, simulator.call_log().total), (Some(0), 0), "{checked:?}");
    assert!(checked.stdout.contains("our_surveys"), "{checked:?}");

    let listed = exporter(&["reports", &config]).await;
    let declared = format!("\n\nour_surveys (diagram_5), declared in {}\n", folder.path().join(SURVEYS).display());
    assert!(listed.stdout.contains(&declared) && listed.stdout.contains("acme_survey_average_score"), "{listed:?}");

    let probed = exporter(&["check", "--probe", &config, "--state.dir=none"]).await;
    assert_eq!((probed.code, simulator.call_log().count("diagram_5")), (Some(0), 1), "{probed:?}");
    let row = probed.stdout.lines().find(|line| line.contains("our_surveys") && line.contains("  ok  "));
    assert!(row.is_some() && simulator.call_log().total == 6, "{probed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_has_its_series_and_its_section_of_the_reference() {
    let home = Home::new(Setup::frozen()).await;
    fs::write(home.config_file(), example_config(&home.simulator.base_url())).unwrap();
    put(&home.config, SURVEYS, &read(&format!("{EXAMPLE}/{SURVEYS}")));
    let exporter = home.start(&[]).await;
    let scraped = exporter.scrape_until("the own report", |scraped| scraped.is_up("our_surveys")).await;
    let today = ["operation=\"acme\"", "window=\"today\""];
    let surveys = scraped.find("acme_surveys", &today);
    assert!(surveys.len() > 10 && surveys.iter().all(|(series, _)| series.contains(",agent=\"")), "{surveys:?}");
    let scores = scraped.find("acme_survey_average_score", &today);
    assert_eq!(scores.len(), surveys.len());
    assert!(scores.iter().all(|(_, score)| (1.0..=5.0).contains(score)), "{scores:?}");

    let page = http::get(exporter.address, "/docs/metrics.md").await.text();
    let (_, own) = page.split_once("\n## Your own reports\n").expect("a section of own reports");
    for part in ["### our_surveys", "| `acme_surveys` | gauge |", SURVEYS, "`diagram_5.average` (number)"] {
        assert!(own.contains(part), "{part} is not in {own}");
    }
}

// === reload ===

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_is_refused_by_a_reload_and_a_mended_one_is_taken() {
    let setup = || Setup { reports: "[agent_aux_time, our_surveys]", ..Setup::frozen() };
    let harness = Harness::start(Setup { reports: "[agent_aux_time]", ..setup() }).await;
    let config = setup().config(&harness.simulator.base_url()) + "catalog_files: reports/*.yml\n";
    let good = read(&format!("{EXAMPLE}/{SURVEYS}"));
    put(&harness.config, SURVEYS, &good);
    assert_eq!(harness.reload(&config).await.text(), "reloaded\n");
    let before = harness.scrape_until("surveys", |scraped| scraped.is_up("our_surveys")).await;
    let calls = harness.simulator.call_log().total;

    let renamed = good.replace("name: acme_surveys", "name: acme_surveys_total");
    let unclosed = good.replace("help: Surveys that", "help: \"Surveys that");
    for (broken, place, what) in
        [(renamed, ":9:13", "acme_surveys_total cannot be a gauge"), (unclosed, ":10:13", "a quote is not closed")]
    {
        put(&harness.config, SURVEYS, &broken);
        let refused = harness.reload(&config).await;
        let said = refused.text();
        let at = format!("--> {}{place}\nhint: ", harness.config.path().join(SURVEYS).display());
        assert!(refused.status == 500 && said.contains(what) && said.contains(&at), "{said}");
        assert_eq!(said.matches("-->").count(), 1, "what follows from a mistake is not told as another one: {said}");
        let scraped = harness.scrape().await;
        assert_eq!(scraped.value("wolkvox_exporter_config_last_reload_successful", &[]), Some(0.0));
        for metric in ["acme_surveys", "acme_survey_average_score", "wolkvox_agent_aux_seconds"] {
            assert_eq!(scraped.find(metric, &[]), before.find(metric, &[]), "{metric}");
        }
    }
    assert_eq!(harness.simulator.call_log().total, calls);

    put(&harness.config, SURVEYS, &good);
    assert_eq!(harness.reload(&config).await.status, 200);
    let after = harness.scrape().await;
    assert_eq!(after.value("wolkvox_exporter_config_last_reload_successful", &[]), Some(1.0));
    assert_eq!(after.find("acme_surveys", &[]), before.find("acme_surveys", &[]));
    assert_eq!(harness.simulator.call_log().total, calls, "a mended file costs no call");
}

// === privacy ===

/// Labels that are called as nobody expects them to be, and an info family.
const UNUSUAL: &str = "\
- name: our_pauses
  endpoint: reports_manager.php
  api: agent_3
  meaning: Pauses
  labels:
    who: { field: agent_name, personal: name }
    code: { field: [agent_code, agent_id], personal: id }
    paper: { field: agent_dni, personal: document }
    why: aux_state
  metrics:
    - { name: acme_pauses, help: Pauses., combine: count }
    - { name: acme_people, help: People., labels: [who], field: time, format: duration, combine: sum }
  info:
    - name: acme_person_info
      labels: { who: { field: agent_name, personal: name }, paper: { field: agent_dni, personal: document } }
";

#[tokio::test(flavor = "multi_thread")]
async fn never_leak_hashed_or_omitted_an_own_report_names_nobody_whatever_its_labels_are_called() {
    let mut roster = roster();
    let ids: Vec<String> =
        roster.iter().filter_map(|said| said.strip_prefix("agent_id=")).map(|id| format!("code={id}")).collect();
    assert!(ids.len() > 20);
    roster.extend(ids);
    for (privacy, is_plain) in
        [("{agent_name: hashed, key_file: names.key}", false), ("{agent_name: omitted}", false), ("{}", true)]
    {
        let setup = Setup { reports: "[our_pauses]", privacy: privacy.to_owned(), ..Setup::frozen() };
        let home = Home::new(setup).await;
        put(&home.config, "names.key", KEY);
        put(&home.config, "reports/pauses.yml", UNUSUAL);
        let config = fs::read_to_string(home.config_file()).unwrap() + "catalog_files: [reports/pauses.yml]\n";
        fs::write(home.config_file(), config).unwrap();
        let exporter = home.start(&[]).await;
        let scraped = exporter.scrape_until("pauses", |scraped| scraped.is_up("our_pauses")).await;
        let found = named(scraped.text(), &roster);
        assert!(scraped.sum("acme_pauses", &[]) > 0.0 && scraped.sum("acme_people", &[]) > 0.0, "{privacy}");
        if is_plain {
            assert!(found.len() > 30, "the search finds them where they are plain: {found:?}");
        } else {
            assert_eq!(found, Vec::<&String>::new(), "{privacy}");
        }
        // Documents are shown only where that is chosen too.
        assert!(!scraped.text().contains("paper="), "{privacy}");
        assert_eq!(scraped.text().contains("who=\""), !privacy.contains("omitted"), "{privacy}");
    }
}

// === mistakes ===

/// Where the page says that the files are.
const FOLDER: &str = "/etc/wolkvox-exporter";
const PAGE: &str = "docs/own-report-mistakes.md";
const HEAD: &str = "\
<!-- Generated from tests/it/own_reports.rs. To renew it: UPDATE_DOCS=1 cargo test --test it own_report_mistakes_md -->

# Mistakes in a report of your own

What can be wrong in a file that `catalog_files` names, and what the exporter says. `check` tells all mistakes in one run; a
reload with one is refused, and what was there before goes on. How a report is declared: [own-reports.md](own-reports.md).

Each entry shows the lines that differ from this file, which is right, and what is said of them:

```yaml
";

/// A right declaration, in which each mistake is made.
const RIGHT: &str = "\
- name: our_surveys
  endpoint: reports_manager.php
  api: diagram_5
  meaning: Surveys after the call
  labels:
    agent: { field: agent_name, personal: name }
    skill: skill_name
  metrics:
    - name: acme_surveys
      help: Surveys that callers answered.
      field: surveys
      format: number
      combine: sum
";

struct Mistake {
    title: &'static str,
    file: String,
    /// Line and column.
    place: &'static str,
    said: &'static str,
}

/// The right declaration with some of its text replaced.
fn changed(title: &'static str, (from, to): (&str, &str), place: &'static str, said: &'static str) -> Mistake {
    assert_eq!(RIGHT.matches(from).count(), 1, "{title}: {from}");
    Mistake { title, file: RIGHT.replace(from, to), place, said }
}

fn whole(title: &'static str, file: &str, place: &'static str, said: &'static str) -> Mistake {
    Mistake { title, file: file.to_owned(), place, said }
}

/// The right declaration with more behind it.
fn more(title: &'static str, lines: &str, place: &'static str, said: &'static str) -> Mistake {
    Mistake { title, file: format!("{RIGHT}{lines}"), place, said }
}

const NAME: &str = "name: our_surveys";
const API: &str = "  api: diagram_5\n";
const SKILL: &str = "skill: skill_name";
const AGENT: &str = "agent: { field: agent_name, personal: name }";
const METRIC: &str = "name: acme_surveys";
const FIELD: &str = "      field: surveys\n      format: number\n      combine: sum\n";

fn of_the_file() -> Vec<Mistake> {
    vec![
        whole("The file is empty", "", "1:1", "the file is empty"),
        whole("All of it is comments", "# - name: our_surveys\n", "1:1", "the file is empty"),
        whole("It is not YAML", "- name: our_surveys\n  api: \"diagram_5\n", "2:8", "a quote is not closed"),
        whole("A mapping where a list is wanted", "our_surveys:\n  api: diagram_5\n", "1:1", "a list"),
        changed("An unknown key", (API, "  api: diagram_5\n  every: 1h\n"), "4:3", "unknown key `every`"),
        changed("No meaning", ("  meaning: Surveys after the call\n", ""), "1:3", "the key `meaning` is missing"),
    ]
}

fn of_the_report() -> Vec<Mistake> {
    let with = |line: &str| format!("{API}  {line}\n");
    let twice = RIGHT.replace("acme_surveys", "acme_other_surveys");
    vec![
        changed(
            "The name of a built-in report",
            (NAME, "name: agent_kpi"),
            "1:9",
            "report agent_kpi is declared twice",
        ),
        more("A name twice in the files", &twice, "14:9", "report our_surveys is declared twice"),
        changed(
            "The name that stands for the built-in ones",
            (NAME, "name: default"),
            "1:9",
            "cannot be a report's name",
        ),
        changed(
            "A whole address",
            ("endpoint: reports_manager.php", "endpoint: https://wv0003.wolkvox.com/api/v2/reports_manager.php"),
            "2:13",
            "no file of the vendor's",
        ),
        changed(
            "A file that does not end in .php",
            ("reports_manager.php", "reports_manager"),
            "2:13",
            "no file of the vendor's",
        ),
        changed(
            "More than the value of api=",
            (API, "  api: diagram_5&skill_id=all\n"),
            "3:8",
            "no api of the vendor's",
        ),
        changed(
            "A parameter that the exporter sends",
            (API, &with("params: { date_ini: \"20260301000000\" }")),
            "4:23",
            "the parameter date_ini is the exporter's own",
        ),
        changed(
            "A report of now that takes dates",
            (API, &with("window: now\n  dated: true")),
            "5:10",
            "takes no dates",
        ),
        changed(
            "Days in the rows of a report of now",
            (API, &with("window: now\n  nested: { field: stats, day: date }")),
            "5:11",
            "has no days",
        ),
        changed("A window that is none", (API, &with("window: today")), "4:11", "`today`"),
        changed("An interval over a day", (API, &with("interval: 30h")), "4:13", "between 1s and 24h"),
        changed("An interval without its unit", (API, &with("interval: 300")), "4:13", "a number needs its unit"),
        changed(
            "Polled without being named",
            (API, &with("default: true")),
            "4:12",
            "polled only where the config names it",
        ),
        whole(
            "No metrics",
            &format!("{}  metrics: []\n", RIGHT.split("  metrics:").next().unwrap_or_default()),
            "1:9",
            "has no metrics",
        ),
    ]
}

fn of_labels() -> Vec<Mistake> {
    vec![
        changed(
            "What a field tells of a person is left open",
            (SKILL, "skill: team"),
            "7:12",
            "must be said what team tells of a person",
        ),
        changed(
            "An agent's name that is said to tell of nobody",
            (AGENT, "agent: { field: agent_name, personal: none }"),
            "6:12",
            "agent_name tells of an agent",
        ),
        changed(
            "An agent's id that is said to be a name",
            (AGENT, "agent: { field: agent_id, personal: name }"),
            "6:12",
            "agent_id tells of an agent",
        ),
        changed(
            "The number that called",
            (SKILL, "caller: { field: ani, personal: none }"),
            "7:13",
            "ani can tell of a customer",
        ),
        changed(
            "A customer's phone",
            (SKILL, "caller: { field: telephone, personal: id }"),
            "7:13",
            "telephone can tell of a customer",
        ),
        changed(
            "A customer's name",
            (SKILL, "caller: { field: client_name, personal: name }"),
            "7:13",
            "client_name can tell of a customer",
        ),
        changed(
            "A customer's field as the second of two",
            (SKILL, "caller: { field: [skill_name, dnis], personal: none }"),
            "7:13",
            "dnis can tell of a customer",
        ),
        changed("A label that every series has", (SKILL, "window: skill_name"), "7:13", "window cannot be a label"),
        changed("A label of histograms", (SKILL, "le: skill_name"), "7:9", "le cannot be a label"),
        changed(
            "A label of a nested row without nested rows",
            (SKILL, "skill: { field: skill_name, nested: true }"),
            "7:12",
            "no nested rows",
        ),
        changed("A form that does not exist", (SKILL, "skill: { field: skill_name, form: upper }"), "7:39", "`upper`"),
    ]
}

fn of_names_of_metrics() -> Vec<Mistake> {
    vec![
        changed(
            "A name that ends as a counter's",
            (METRIC, "name: acme_surveys_total"),
            "9:13",
            "it ends as a counter or histogram does",
        ),
        changed(
            "A unit that is no base unit",
            (METRIC, "name: acme_survey_minutes"),
            "9:13",
            "a unit that is no base unit",
        ),
        changed("A capital letter", (METRIC, "name: acme_Surveys"), "9:13", "other letters than a metric has"),
        changed(
            "The beginning of the exporter's own metrics",
            (METRIC, "name: wolkvox_report_surveys"),
            "9:13",
            "begins as the exporter's own metrics do",
        ),
        changed(
            "A metric of a built-in report",
            (METRIC, "name: wolkvox_agent_surveys"),
            "9:13",
            "wolkvox_agent_surveys is declared twice",
        ),
        changed(
            "An info family's name without its ending",
            (METRIC, "name: wolkvox_agent"),
            "9:13",
            "of one name in OpenMetrics",
        ),
    ]
}

fn of_metrics() -> Vec<Mistake> {
    let instead = |lines: &str| lines.lines().fold(String::new(), |text, line| text + "      " + line + "\n");
    let columns = |fields: &str| {
        instead(&format!("columns: {{ label: question, fields: {{ {fields} }} }}\nformat: number\ncombine: sum"))
    };
    vec![
        changed(
            "A label that the report does not have",
            (FIELD, &instead("labels: [team]\nfield: surveys\nformat: number\ncombine: sum")),
            "11:16",
            "the report has no label team",
        ),
        changed("No format", (FIELD, &instead("field: surveys\ncombine: sum")), "9:7", "a field without a format"),
        changed(
            "A format that does not exist",
            (FIELD, &instead("field: surveys\nformat: seconds\ncombine: sum")),
            "12:15",
            "`seconds`",
        ),
        changed(
            "A format and words",
            (FIELD, &instead("field: status\nformat: number\nvalues: { started: 1 }\ncombine: only")),
            "9:7",
            "format and values exclude each other",
        ),
        changed(
            "A word without a number",
            (FIELD, &instead("field: status\nvalues: { started: on }\ncombine: only")),
            "9:7",
            "values must give each word a number",
        ),
        changed(
            "A count with a field",
            (FIELD, &instead("field: surveys\nformat: number\ncombine: count")),
            "9:7",
            "count takes no field",
        ),
        changed("A sum without a field", (FIELD, &instead("combine: sum")), "9:7", "sum a field"),
        changed(
            "A mean without a weight",
            (FIELD, &instead("field: average\nformat: number\ncombine: mean")),
            "9:7",
            "needs a weight",
        ),
        changed(
            "A way to combine that does not exist",
            (FIELD, &instead("field: average\nformat: number\ncombine: average")),
            "13:16",
            "`average`",
        ),
        changed(
            "A field and columns",
            (FIELD, &(instead("field: surveys") + &columns("q01: \"1\""))),
            "9:7",
            "field and columns exclude each other",
        ),
        changed("Columns without fields", (FIELD, &columns("")), "11:43", "columns without fields"),
        changed(
            "Two columns alike",
            (FIELD, &columns("q01: \"1\", q02: \"1\"")),
            "11:43",
            "two columns have the same label",
        ),
        changed(
            "Columns by a label that the metric has",
            (FIELD, &columns("q01: \"1\"").replace("question", "agent")),
            "11:25",
            "agent cannot be a label of columns",
        ),
        changed(
            "A customer's field as a value",
            (FIELD, &instead("field: customer_phone\nformat: number\ncombine: max")),
            "9:7",
            "customer_phone can tell of a customer",
        ),
        changed(
            "A customer's field as a weight",
            (
                FIELD,
                &instead("field: average\nformat: number\ncombine: mean\nweight: { field: telephone, format: number }"),
            ),
            "9:7",
            "telephone can tell of a customer",
        ),
        changed(
            "An agent's document as a value",
            (FIELD, &instead("field: agent_dni\nformat: number\ncombine: max")),
            "9:7",
            "agent_dni tells of an agent",
        ),
    ]
}

fn of_info() -> Vec<Mistake> {
    let info = |line: &str| format!("  info:\n    - {line}\n");
    vec![
        more(
            "An info family of another ending",
            &info("{ name: acme_skills, labels: { skill: skill_name } }"),
            "15:15",
            "cannot be an info family",
        ),
        more(
            "A label that a built-in family does not have",
            &info("{ name: wolkvox_agent_info, labels: { skill: skill_name } }"),
            "15:7",
            "there with other labels",
        ),
        more(
            "The name of a metric",
            &info("{ name: acme_surveys_info, labels: { skill: skill_name } }"),
            "15:15",
            "of one name in OpenMetrics",
        ),
        more(
            "only_with of another label",
            &info("{ name: acme_skill_info, labels: { skill: skill_name }, only_with: team }"),
            "15:74",
            "only_with names no label",
        ),
    ]
}

/// What is said of a config that names this one file of reports.
fn told(folder: &TempDir, file: &str) -> Result<(), String> {
    put(folder, SURVEYS, file);
    let catalog = Catalog::builtin().expect("the shipped one");
    let loaded = Config::load(&folder.path().join(CONFIG_FILE), &catalog);
    let shown = |text: String| text.replace(&folder.path().display().to_string(), FOLDER);
    loaded.map(drop).map_err(|errors| shown(errors.to_string()))
}

/// The lines that a file has and the right one has not.
fn different(file: &str) -> String {
    let right: Vec<&str> = RIGHT.lines().collect();
    let lines: Vec<&str> = file.lines().collect();
    let from = lines.iter().zip(&right).take_while(|(ours, theirs)| ours == theirs).count();
    let most = lines.len().min(right.len()) - from;
    let same =
        lines.iter().rev().zip(right.iter().rev()).take(most).take_while(|(ours, theirs)| ours == theirs).count();
    lines[from..lines.len() - same].iter().fold(String::new(), |text, line| text + line + "\n")
}

#[test]
fn own_report_mistakes_md_says_what_the_exporter_says() {
    let config = "catalog_files: reports/*.yml\noperations:\n  - {name: acme, server: \"0003\", token_file: token}\n";
    let folder = config_folder(config);
    fs::set_permissions(folder.path().join("token"), fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(told(&folder, RIGHT), Ok(()));
    let mut page = format!("{HEAD}{RIGHT}```\n");
    let sections = [
        ("The file", of_the_file()),
        ("The report", of_the_report()),
        ("Labels", of_labels()),
        ("Names of metrics", of_names_of_metrics()),
        ("Metrics", of_metrics()),
        ("Info families", of_info()),
    ];
    let mut wrong = Vec::new();
    for (heading, mistakes) in sections {
        let _ = writeln!(page, "\n## {heading}");
        for Mistake { title, file, place, said } in mistakes {
            let told = told(&folder, &file).expect_err(title);
            let at = format!("{FOLDER}/{SURVEYS}:{place}");
            let is_hinted = told.contains("\nhint: ");
            let is_there = told.lines().any(|line| line.ends_with(&at));
            if !is_hinted || !is_there || !told.contains(said) || told.matches("-->").count() != 1 {
                wrong.push(format!("{title}: {said} at {place}\n{told}"));
            }
            assert!(!told.contains(TOKEN));
            let lines = different(&file);
            let shown = if lines.is_empty() { String::new() } else { format!("```yaml\n{lines}```\n\n") };
            let _ = writeln!(page, "\n### {title}\n\n{shown}```text\nerror: {told}\n```");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert_current(PAGE, &page, "own_report_mistakes_md");
}
