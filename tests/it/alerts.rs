//! The shipped rules and alerts are right, complete, and explained.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use wolkvox_exporter::catalog::Catalog;

use crate::support::child::run;
use crate::support::harness::together;

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

fn rules() -> Vec<Rule> {
    files("alerts").iter().flat_map(|path| yaml::<RuleFile>(path).groups).flat_map(|group| group.rules).collect()
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
    let paths = files("alerts");
    let mut args = vec!["check", "rules", "--lint=all", "--lint-fatal"];
    args.extend(paths.iter().map(|path| path.to_str().expect("plain characters")));
    let checked = run("promtool", &args, b"").await;
    assert_eq!(checked.code, Some(0), "{checked:?}");
    let rules = rules();
    println!("{} rules: {} alerts, {} recorded series", rules.len(), alerts(&rules).len(), recorded(&rules).len());
}

#[tokio::test]
async fn every_promtool_test_of_the_rules_passes() {
    let paths = files("alerts/tests");
    let test = |path: &PathBuf| {
        let path = path.to_str().expect("plain characters").to_owned();
        async move { run("promtool", &["test", "rules", &path], b"").await }
    };
    for tested in together(paths.iter().map(test)).await {
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
    let (recorded, reference) = (recorded(&rules), text("docs/metrics.md"));
    for rule in &rules {
        for name in rule.names() {
            let exported = name == "up" || reference.contains(&format!("| `{name}` |"));
            assert!(exported || recorded.contains(name.as_str()), "{name}, in {}", rule.expr);
        }
    }
}

#[test]
fn every_threshold_decides_something_and_stands_in_the_readme() {
    let (rules, readme) = (rules(), text("alerts/README.md"));
    let used: BTreeSet<String> = rules.iter().flat_map(Rule::names).collect();
    for name in recorded(&rules) {
        let Some(threshold) = name.strip_prefix("wolkvox:threshold:") else { continue };
        assert!(used.contains(name), "{name} is used by nothing");
        assert!(readme.contains(&format!("`{threshold}`")), "{threshold}");
    }
}

#[test]
fn every_alert_says_how_bad_it_is_whose_it_is_and_where_to_read_on() {
    let (rules, readme) = (rules(), text("alerts/README.md"));
    for (name, rule) in alerts(&rules) {
        let Rule { labels, annotations, .. } = rule;
        assert!(matches!(labels["severity"].as_str(), "critical" | "warning" | "info"), "{name}");
        let whose = if labels.get("level").is_some_and(|level| level == "agent") {
            "{{ $labels.agent_name }}"
        } else if name == "WolkvoxExporterMissing" {
            "Prometheus"
        } else if rule.expr.starts_with("up") || rule.expr.starts_with("wolkvox_exporter") || name.contains("State") {
            "{{ $labels.instance }}"
        } else {
            "{{ $labels.operation }}"
        };
        assert!(annotations["summary"].contains(whose), "{name}: {}", annotations["summary"]);
        assert!(annotations["description"].len() > 20, "{name}");
        let productivity = labels["category"] == "productivity";
        assert!(!productivity || annotations["description"].contains("{{ $value | humanize"), "{name}");
        assert_eq!(annotations["runbook_url"], format!("alerts/RUNBOOK.md#{}", name.to_lowercase()));
        assert!(readme.contains(&format!("| `{name}` |")), "{name} is not in alerts/README.md");
    }
}

#[test]
fn the_runbook_has_every_alert_and_four_answers_for_each() {
    let (rules, runbook) = (rules(), text("alerts/RUNBOOK.md"));
    let sections: BTreeMap<&str, &str> =
        runbook.split("\n### ").skip(1).filter_map(|section| section.split_once('\n')).collect();
    let named: BTreeSet<&str> = alerts(&rules).into_iter().map(|(name, _)| name).collect();
    assert_eq!(sections.keys().copied().collect::<BTreeSet<_>>(), named);
    for (name, section) in sections {
        for part in ["Meaning", "Likely causes", "What to do", "How to silence"] {
            let answer =
                section.lines().find_map(|line| line.strip_prefix(&format!("| {part} | "))).unwrap_or_default();
            assert!(answer.len() > 20, "{name}: {part}");
        }
        assert!(section.contains(&format!("`alertname={name} ")), "{name} is silenced by another name");
    }
}

/// An alert that ends because its data ended would be told as resolved if it were not muted.
#[test]
fn never_lie_every_productivity_alert_waits_is_kept_and_is_muted_by_each_report_it_is_made_of() {
    let alertmanager = text("deploy/alertmanager.yml");
    let catalog = Catalog::builtin().expect("the shipped catalogue is right");
    for report in catalog.reports() {
        let source = format!(r#"source_matchers: [alertname="WolkvoxReportStale", report="{}"]"#, report.name);
        let target = format!(r#"target_matchers: [category="productivity", reports=~".*{}.*"]"#, report.name);
        assert!(alertmanager.contains(&format!("{source}\n    {target}\n    equal: [operation]\n")), "{}", report.name);
    }
    let rules = rules();
    let productivity = alerts(&rules).into_iter().filter(|(_, rule)| rule.labels["category"] == "productivity");
    for (name, rule) in productivity {
        let gate = "operation_report:wolkvox_report_age_seconds:business_hours{report=\"";
        let gates: Vec<&str> = rule.expr.split(gate).skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert_eq!(gates.join(","), rule.labels["reports"], "{name}");
    }
    let waits = text("alerts/productivity.yml");
    assert_eq!(waits.matches("keep_firing_for: 5m").count(), waits.matches("- alert:").count());
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
