//! The shipped rules and alerts are right, complete, and explained.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;
use wolkvox_exporter::catalog::Catalog;

use crate::support::child::{python, run};

#[derive(Deserialize)]
struct RuleFile {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    record: Option<String>,
    alert: Option<String>,
    expr: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl Rule {
    /// Every series that the expression names, with the names of functions left out.
    fn names(&self) -> BTreeSet<String> {
        let unquoted: String = self.expr.split('"').step_by(2).collect();
        let words = unquoted.split(|letter: char| !letter.is_ascii_alphanumeric() && !"_:".contains(letter));
        let is_series = |word: &&str| word.starts_with("wolkvox") || word.contains(':') || *word == "up";
        words.filter(is_series).map(str::to_owned).collect()
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The YAML files of a folder, as paths that promtool takes.
fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).expect("a folder of this repository");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yml"));
    paths.sort();
    paths
}

fn yaml<T: for<'de> Deserialize<'de>>(path: &Path) -> T {
    let text = fs::read_to_string(path).expect("a file of this repository");
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

const LANGUAGES: [&str; 2] = ["en", "es"];

/// What a Prometheus loads whose alerts are in this language.
fn rule_files(language: &str) -> Vec<PathBuf> {
    [files("alerts"), files(&format!("alerts/{language}"))].concat()
}

fn rules_in(language: &str) -> Vec<Rule> {
    rule_files(language).iter().flat_map(|path| yaml::<RuleFile>(path).groups).flat_map(|group| group.rules).collect()
}

fn rules() -> Vec<Rule> {
    rules_in("en")
}

/// The alerts with their names.
fn alerts(rules: &[Rule]) -> Vec<(&str, &Rule)> {
    rules.iter().filter_map(|rule| Some((rule.alert.as_deref()?, rule))).collect()
}

fn recorded(rules: &[Rule]) -> BTreeSet<&str> {
    rules.iter().filter_map(|rule| rule.record.as_deref()).collect()
}

/// Every test of every promtool file.
fn promtool_tests() -> Vec<Value> {
    let tests = |path: &PathBuf| yaml::<Value>(path)["tests"].as_array().expect("tests").clone();
    files("alerts/tests").iter().flat_map(tests).collect()
}

/// What all tests together have under this key.
fn cases(tests: &[Value], key: &str) -> Vec<Value> {
    tests.iter().filter_map(|test| test[key].as_array()).flatten().cloned().collect()
}

#[tokio::test]
async fn promtool_finds_nothing_to_say_about_the_rules() {
    for language in LANGUAGES {
        let paths = rule_files(language);
        let mut args = vec!["check", "rules", "--lint=all", "--lint-fatal"];
        args.extend(paths.iter().map(|path| path.to_str().expect("plain characters")));
        let checked = run("promtool", &args, b"").await;
        assert_eq!(checked.code, Some(0), "{checked:?}");
    }
    let rules = rules();
    println!("{} rules: {} alerts, {} recorded series", rules.len(), alerts(&rules).len(), recorded(&rules).len());
}

#[tokio::test]
async fn every_promtool_test_of_the_rules_passes() {
    let paths = files("alerts/tests");
    // One after the other: each takes seconds of a processor, which the other tests want too.
    for path in paths {
        let tested = run("promtool", &["test", "rules", path.to_str().expect("plain characters")], b"").await;
        assert_eq!(tested.code, Some(0), "{}{}", tested.stdout, tested.stderr);
    }
    let tests = promtool_tests();
    let (alerts, values) = (cases(&tests, "alert_rule_test").len(), cases(&tests, "promql_expr_test").len());
    println!("{} tests: {alerts} of alerts, {values} of values", tests.len());
}

#[test]
fn every_alert_is_tested_both_to_fire_and_not_to() {
    let rules = rules();
    let cases = cases(&promtool_tests(), "alert_rule_test");
    for (name, _) in alerts(&rules) {
        let expected: Vec<usize> = cases
            .iter()
            .filter(|case| case["alertname"] == *name)
            .map(|case| case["exp_alerts"].as_array().map_or(0, Vec::len))
            .collect();
        assert!(expected.iter().any(|fired| *fired > 0), "{name} is never expected to fire");
        assert!(expected.contains(&0), "{name} is never expected to be silent");
    }
}

#[test]
fn every_recorded_share_mean_and_increment_is_tested() {
    let rules = rules();
    let cases = cases(&promtool_tests(), "promql_expr_test");
    let tested: Vec<&str> = cases.iter().filter_map(|case| case["expr"].as_str()).collect();
    let figure = |name: &&str| [":ratio", ":mean", ":increase1m"].iter().any(|end| name.ends_with(end));
    let recorded = recorded(&rules);
    let figures: Vec<&str> = recorded.into_iter().filter(figure).collect();
    assert!(figures.len() >= 20, "{figures:?}");
    for name in figures {
        assert!(tested.iter().any(|expr| expr.contains(name)), "{name} is not tested");
    }
}

#[test]
fn no_rule_names_a_series_that_nobody_makes() {
    let rules = rules();
    let (recorded, reference, thresholds) = (recorded(&rules), text("docs/metrics.md"), text("alerts/thresholds.yml"));
    for rule in &rules {
        for name in rule.names() {
            let exported = name == "up" || reference.contains(&format!("| `{name}` |"));
            // Off until somebody takes the comment's mark away.
            let offered = thresholds.contains(&format!("#   - record: {name}\n"));
            assert!(exported || offered || recorded.contains(name.as_str()), "{name}, in {}", rule.expr);
        }
    }
}

#[test]
fn every_threshold_decides_something_and_stands_in_the_readme_of_each_language() {
    let rules = rules();
    let readmes = ["alerts/README.md", "alerts/README.es.md"].map(text);
    let mut seen = 0;
    for name in recorded(&rules) {
        let Some(threshold) = name.strip_prefix("wolkvox:threshold:") else { continue };
        let resolved = format!("operation:wolkvox_threshold:{threshold}");
        let is_about_operations = rules.iter().any(|rule| rule.record.as_deref() == Some(&resolved));
        let read = if is_about_operations { resolved.as_str() } else { name };
        assert!(rules.iter().any(|rule| rule.names().contains(read)), "{read} is used by nothing");
        for readme in &readmes {
            assert!(
                readme.contains(&format!("`{threshold}`")) || readme.contains(&format!("`{threshold} ")),
                "{threshold}"
            );
        }
        seen += 1;
    }
    assert!(seen >= 30, "only {seen} thresholds");
}

/// The default of a threshold with a plain number stands beside its name in both tables.
#[test]
fn the_tables_say_the_numbers_that_are_in_force() {
    let rules = rules();
    for file in ["alerts/README.md", "alerts/README.es.md"] {
        let readme = text(file);
        for rule in rules.iter().filter(|rule| !rule.labels.contains_key("state")) {
            let Some(threshold) = rule.record.as_deref().and_then(|name| name.strip_prefix("wolkvox:threshold:"))
            else {
                continue;
            };
            let number = rule.expr.trim_start_matches("vector(").trim_end_matches(')');
            let value: f64 = number.split('*').map(|factor| factor.trim().parse::<f64>().expect("a number")).product();
            let (percent, minutes, hour) = (
                format!("{:.0} %", value * 100.0),
                format!("{:.0} min", value / 60.0),
                format!("{:02.0}:00", value / 3600.0),
            );
            let days = ["days", "días"].map(|days| format!("{:.0} {days}", value / 86_400.0));
            let [english, spanish] = days;
            let forms =
                [number.to_owned(), format!("{value}"), format!("{value} s"), percent, minutes, hour, english, spanish];
            let said = readme.lines().filter(|line| line.contains(&format!("`{threshold}`"))).any(|line| {
                let after = line.split(&format!("`{threshold}`")).nth(1).unwrap_or_default();
                let is_day = threshold.ends_with("_day");
                is_day || forms.iter().any(|form| after.split(['`', '|', ',']).any(|cell| cell.trim() == form))
            });
            assert!(said, "{file} does not say that {threshold} is {number}");
        }
    }
}

#[test]
fn every_alert_says_how_bad_it_is_whose_it_is_and_where_to_read_on() {
    let boards: BTreeSet<String> = fs::read_dir(root().join("dashboards"))
        .expect("a folder of this repository")
        .filter_map(|entry| entry.expect("an entry").file_name().to_str()?.strip_suffix(".json").map(str::to_owned))
        .collect();
    for (language, runbook, readme, end) in
        [("en", "RUNBOOK.md", "alerts/README.md", ""), ("es", "RUNBOOK.es.md", "alerts/README.es.md", "-es")]
    {
        let (rules, readme) = (rules_in(language), text(readme));
        let of_now = text(&format!("alerts/{language}/now.yml"));
        for (name, rule) in alerts(&rules) {
            let Rule { labels, annotations, .. } = rule;
            assert!(matches!(labels["severity"].as_str(), "critical" | "warning" | "info"), "{name}");
            let is_of_exporter = ["up", "wolkvox_exporter", "changes(process", "increase(wolkvox_exporter"]
                .iter()
                .any(|start| rule.expr.starts_with(start));
            let whose = match name {
                _ if labels.get("level").is_some_and(|level| level == "agent") => "agent_name",
                "WolkvoxExporterMissing" => "",
                _ if is_of_exporter => "instance",
                _ => "operation",
            };
            let said = if whose.is_empty() { "Prometheus".to_owned() } else { format!("{{{{ $labels.{whose} }}}}") };
            assert!(annotations["summary"].contains(&said), "{name}: {}", annotations["summary"]);
            assert!(annotations["description"].len() > 20, "{name}");
            let productivity = labels["category"] == "productivity";
            assert!(!productivity || annotations["description"].contains("{{ $value | humanize"), "{name}");
            let is_of_now = of_now.contains(&format!("- alert: {name}\n"));
            let when = match (language, is_of_now) {
                ("en", true) => "now",
                ("en", false) => "today so far",
                (_, true) => "ahora",
                (_, false) => "en lo que va del día",
            };
            let says_when = productivity && name != "WolkvoxTeamAbsent";
            for text in ["summary", "description"].map(|text| annotations[text].to_lowercase()) {
                assert!(!says_when || text.contains(when), "{name} does not say of when it speaks: {text}");
            }
            let page = format!("http://runbook.invalid/{runbook}#{}", name.to_lowercase());
            assert_eq!(annotations["runbook_url"], page);
            let board = annotations["dashboard_url"].strip_prefix("http://127.0.0.1:3000/d/wolkvox-").expect("a board");
            let (board, variables) = board.split_once('?').unwrap_or((board, ""));
            assert!(boards.contains(board.strip_suffix(end).expect("a board in this language")), "{name}: {board}");
            let chosen = format!("var-{whose}={{{{ $labels.{whose} | urlquery }}}}");
            assert!(whose.is_empty() || variables.contains(&chosen), "{name}: {variables}");
            assert!(readme.contains(&format!("| `{name}` |")), "{name} is not in the README");
        }
    }
}

/// What stands between braces in a text, in the order of the alphabet: each language has its own order of words.
fn variables(text: &str) -> Vec<&str> {
    let mut found: Vec<&str> = text.split("{{").skip(1).filter_map(|rest| rest.split("}}").next()).collect();
    found.sort_unstable();
    found
}

#[test]
fn the_spanish_alerts_differ_from_the_english_ones_in_their_words_alone() {
    let (english, spanish) = (rules_in("en"), rules_in("es"));
    assert_eq!(english.len(), spanish.len());
    let mut texts = 0;
    for (ours, theirs) in english.iter().zip(&spanish) {
        assert_eq!((&ours.alert, &ours.record, &ours.expr), (&theirs.alert, &theirs.record, &theirs.expr));
        assert_eq!(ours.labels, theirs.labels);
        assert_eq!(ours.annotations.keys().collect::<Vec<_>>(), theirs.annotations.keys().collect::<Vec<_>>());
        for (name, text) in &ours.annotations {
            let translated = &theirs.annotations[name];
            assert_ne!(text, translated, "{:?}: {name} is not translated", ours.alert);
            assert_eq!(variables(text), variables(translated), "{:?}: {name}", ours.alert);
            texts += 1;
        }
    }
    assert!(texts >= 160, "only {texts} texts");
    for file in ["exporter", "now", "productivity"] {
        let waits = |language: &str| {
            let text = text(&format!("alerts/{language}/{file}.yml"));
            let lines =
                text.lines().filter(|line| line.trim().starts_with("for: ") || line.contains("keep_firing_for"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(waits("en"), waits("es"), "{file}");
    }
}

// === what they are written of ===

#[tokio::test]
async fn the_rules_are_what_their_script_writes() {
    let checked = run(&python(), &["-B", "alerts/build.py", "--check"], b"").await;
    assert_eq!((checked.code, checked.stderr.as_str()), (Some(0), ""));
}

/// A copy of `alerts/`, to be changed.
async fn copied() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let from = root().join("alerts").display().to_string();
    let copied = run("cp", &["-r", &from, &folder.path().display().to_string()], b"").await;
    assert_eq!(copied.code, Some(0), "{copied:?}");
    folder
}

#[tokio::test]
async fn a_text_that_there_is_in_one_language_only_is_refused() {
    let folder = copied().await;
    let source = folder.path().join("alerts/source/exporter.yml");
    let whole = fs::read_to_string(&source).expect("a copy");
    let script = folder.path().join("alerts/build.py").display().to_string();
    for missing in ["            es: ", "            en: "] {
        let kept: Vec<&str> = whole.lines().collect();
        let gone = kept.iter().position(|line| line.starts_with(missing)).expect("a text");
        let rest = [&kept[..gone], &kept[gone + 1..]].concat().join("\n");
        fs::write(&source, rest).expect("a writable folder");
        let built = run(&python(), &["-B", &script], b"").await;
        assert_ne!(built.code, Some(0), "nobody noticed that {} was gone", kept[gone]);
        assert!(built.stderr.contains("WolkvoxExporterDown: summary is in ["), "{}", built.stderr);
    }
}

/// The command that the page gives, run as it stands there.
#[tokio::test]
async fn one_command_of_the_readme_sets_where_all_links_lead() {
    for readme in ["alerts/README.md", "alerts/README.es.md"] {
        let folder = copied().await;
        let page = text(readme);
        let command = page.lines().find(|line| line.starts_with("sed -i ")).expect("the command");
        let there = format!("cd '{}' && {command}", folder.path().display());
        let set = run("sh", &["-c", &there], b"").await;
        assert_eq!(set.code, Some(0), "{set:?}");
        for language in LANGUAGES {
            let files = ["exporter", "now", "productivity"].map(|name| format!("alerts/{language}/{name}.yml"));
            for file in files {
                let text = fs::read_to_string(folder.path().join(&file)).expect("a copy");
                let alerts = text.matches("- alert:").count();
                assert_eq!(
                    text.matches("runbook_url: https://wiki.example/wolkvox/RUNBOOK.").count(),
                    alerts,
                    "{file}"
                );
                assert_eq!(text.matches("dashboard_url: https://grafana.example/d/wolkvox-").count(), alerts, "{file}");
            }
        }
    }
}

#[test]
fn the_runbook_of_each_language_has_every_alert_and_four_answers_for_each() {
    let rules = rules();
    let named: BTreeSet<&str> = alerts(&rules).into_iter().map(|(name, _)| name).collect();
    for (file, parts) in [
        ("alerts/RUNBOOK.md", ["Meaning", "Likely causes", "What to do", "How to silence"]),
        ("alerts/RUNBOOK.es.md", ["Significado", "Causas probables", "Qué hacer", "Cómo silenciar"]),
    ] {
        let runbook = text(file);
        let sections: BTreeMap<&str, &str> =
            runbook.split("\n### ").skip(1).filter_map(|section| section.split_once('\n')).collect();
        assert_eq!(sections.keys().copied().collect::<BTreeSet<_>>(), named, "{file}");
        for (name, section) in sections {
            for part in parts {
                let answer =
                    section.lines().find_map(|line| line.strip_prefix(&format!("| {part} | "))).unwrap_or_default();
                assert!(answer.len() > 20, "{file}: {name}: {part}");
            }
            assert!(section.contains(&format!("`alertname={name} ")), "{name} is silenced by another name");
        }
    }
}

/// An alert that ends because its data ended would be told as resolved if it were not muted.
#[test]
fn never_lie_every_productivity_alert_waits_is_kept_and_is_muted_by_each_report_it_is_made_of() {
    let alertmanager = text("deploy/alertmanager.yml");
    let rules = rules();
    let productivity = alerts(&rules).into_iter().filter(|(_, rule)| rule.labels["category"] == "productivity");
    let mut made_of = BTreeSet::from(["agent_time", "agent_kpi"].map(str::to_owned));
    for (name, rule) in productivity {
        let gate = "operation_report:wolkvox_report_age_seconds:business_hours{report=\"";
        let mut gates: Vec<&str> = rule.expr.split(gate).skip(1).filter_map(|rest| rest.split('"').next()).collect();
        made_of.extend(gates.iter().map(|report| (*report).to_owned()));
        // One of two reports, and the series says which.
        if rule.expr.contains("operation_report:wolkvox_agent_day:") {
            gates.push("{{ $labels.report }}");
        }
        assert_eq!(gates.join(","), rule.labels["reports"], "{name}");
    }
    let catalog = Catalog::builtin().expect("the shipped catalogue is right");
    let known: BTreeSet<String> = catalog.reports().iter().map(|report| report.name.to_string()).collect();
    let unknown: Vec<&String> = made_of.difference(&known).collect();
    assert!(unknown.is_empty(), "no report of the catalogue: {unknown:?}");
    for report in &made_of {
        let source = format!(r#"source_matchers: [alertname="WolkvoxReportStale", report="{report}"]"#);
        let target = format!(r#"target_matchers: [category="productivity", reports=~".*{report}.*"]"#);
        assert!(alertmanager.contains(&format!("{source}\n    {target}\n    equal: [operation]\n")), "{report}");
    }
    for (file, kept) in [("productivity", "5m"), ("now", "15m")] {
        let waits = text(&format!("alerts/en/{file}.yml"));
        assert_eq!(waits.matches(&format!("keep_firing_for: {kept}\n")).count(), waits.matches("- alert:").count());
    }
}

#[tokio::test]
async fn promtool_and_amtool_accept_the_shipped_configs() {
    for (program, args) in [
        ("promtool", ["check", "config", "deploy/prometheus.yml"].as_slice()),
        ("amtool", &["check-config", "deploy/alertmanager.yml"]),
    ] {
        let checked = run(program, args, b"").await;
        assert_eq!(checked.code, Some(0), "{checked:?}");
    }
}

/// What stands in comments is right too: each receiver, its marks taken away, is one that Alertmanager takes.
#[tokio::test]
async fn every_receiver_that_stands_ready_in_comments_is_taken_by_its_version_of_alertmanager() {
    let shipped = text("deploy/alertmanager.yml");
    let version = run("amtool", &["--version"], b"").await;
    let said = format!("{}{}", version.stdout, version.stderr);
    let minor = |text: &str| -> u32 {
        let digits = text.split("0.").nth(1).and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next());
        digits.and_then(|digits| digits.parse().ok()).unwrap_or_else(|| panic!("no version in {text}"))
    };
    let have = minor(said.split("version ").nth(1).expect("a version"));
    let offered: Vec<&str> =
        shipped.split("\n    # --- ").skip(1).filter(|offer| offer.contains("_configs:")).collect();
    assert_eq!(offered.len(), 3, "{offered:?}");
    let folder = tempfile::tempdir().expect("a temporary folder");
    for offer in offered {
        let (head, block) = offer.split_once('\n').expect("a heading and a receiver");
        let block = block.split("\n    # ---").next().expect("a receiver");
        let ready = block.replace("    # ", "    ");
        assert!(ready.lines().all(|line| !line.contains('#')), "{ready}");
        let changed = shipped.replace(block, &ready);
        assert_ne!(changed, shipped);
        let path = folder.path().join("alertmanager.yml");
        fs::write(&path, changed).expect("a writable folder");
        let checked = run("amtool", &["check-config", path.to_str().expect("plain characters")], b"").await;
        let needs = minor(head.split("Alertmanager ").nth(1).expect("since which version"));
        if have >= needs {
            assert_eq!(checked.code, Some(0), "{head}\n{checked:?}");
        } else {
            // Too old for it: it must find fault with what is new, and with nothing else.
            let faults: Vec<&str> =
                checked.stderr.lines().chain(checked.stdout.lines()).filter(|line| line.contains("line ")).collect();
            assert!(
                !faults.is_empty() && faults.iter().all(|fault| fault.contains("not found in type")),
                "{checked:?}"
            );
        }
    }
}
