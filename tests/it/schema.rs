//! The schema, the parser, the example and the docs agree on what a config is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;
use wolkvox_exporter::catalog::Catalog;
use wolkvox_exporter::config::Config;

use crate::support::child::{python, run};

const SCHEMA: &str = "wolkvox-exporter.schema.json";
const GOOD: &str = "operations:\n  - name: acme\n    server: \"0003\"\n    token_file: token\n";

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect("a file of this repository")
}

/// What an independent validator finds wrong with each config; nothing where it fits.
async fn faults(configs: &[String]) -> Vec<String> {
    let parse = |text: &String| -> Value { serde_saphyr::from_str(text).unwrap_or_else(|_| panic!("no YAML: {text}")) };
    let instances: Vec<Value> = configs.iter().map(parse).collect();
    let input = serde_json::to_vec(&instances).expect("JSON");
    let told = run(&python(), &["tests/hold_against_schema.py", SCHEMA], &input).await;
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    let faults: Vec<String> = told.stdout.lines().map(str::to_owned).collect();
    assert_eq!(faults.len(), configs.len());
    faults
}

/// Whether the exporter takes it. The files that it names are there.
fn is_taken(text: &str) -> bool {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["token", "acme.token", "names.key"] {
        fs::write(folder.path().join(name), "s3cr3t-t0ken-or-key-of-the-harness-0003").expect("a writable folder");
    }
    fs::create_dir(folder.path().join("conf.d")).expect("a writable folder");
    let other = GOOD.replace("acme", "other").replace("token_file: token", "token_file: ../token");
    fs::write(folder.path().join("conf.d/other.yml"), other).expect("a writable folder");
    Config::parse(text, &folder.path().join("c.yml"), &Catalog::builtin().expect("the shipped one")).is_ok()
}

/// The YAML blocks of a text that are configs.
fn configs_in(markdown: &str) -> Vec<String> {
    let blocks = markdown.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.filter(|block| block.starts_with("operations")).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_example_and_every_config_in_the_docs_fit_the_schema() {
    let mut configs = vec![read("wolkvox-exporter.example.yml")];
    for file in ["README.md", "README.es.md", "docs/configuration.md", "docs/configuration.es.md"] {
        let found = configs_in(&read(file));
        assert!(!found.is_empty(), "{file} has no config");
        configs.extend(found);
    }
    assert!(is_taken(&configs[0]), "the example is refused");
    for (config, fault) in configs.iter().zip(faults(&configs).await) {
        assert_eq!(fault, "", "{config}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_schema_takes_and_refuses_so_does_the_exporter() {
    let with = |line: &str| format!("{GOOD}    {line}\n");
    let below = |line: &str| format!("{GOOD}{line}\n");
    let without = |line: &str| GOOD.replace(&format!("    {line}\n"), "");
    let cases = [
        (true, GOOD.to_owned()),
        (true, with("reports: [agent_kpi, {name: smart_wait, interval: 1h 30m, windows: [yesterday]}]")),
        (true, with("licenses: 40\n    pool: x\n    timezone: Europe/Madrid\n    allow_plain_http: true")),
        (true, below("polling: {interval: 10m, timeout: 1.5m, stale_after: 30min, windows: [today, yesterday]}")),
        (true, below("polling: {windows: [week, month]}")),
        (false, below("polling: {windows: [now]}")),
        (true, below("limits: {response_bytes: 64 KiB, series_per_report: 1, rows_per_answer: 1}")),
        (true, below("limits: {response_bytes: 300}")),
        (true, below("privacy: {agent_name: plain, agent_dni: plain}")),
        (true, below("privacy: {agent_name: hashed, key_file: names.key}")),
        (true, below("operations_files: conf.d/*.yml")),
        (true, "operations_files: [conf.d/other.yml]\n".to_owned()),
        (false, below("operations_files: {conf.d: other.yml}")),
        (false, below("pollng: {}")),
        (false, with("tokn_file: x")),
        (false, with("token: x")),
        (false, with("reports: [{name: agent_kpi, every: 5m}]")),
        (false, below("polling: {intervall: 5m}")),
        (false, below("limits: {series: 5}")),
        (false, below("privacy: {agent_id: plain}")),
        (false, with("base_url: https://a.example")),
        (false, with("token_env: HOME")),
        (false, without("server: \"0003\"")),
        (false, without("token_file: token")),
        (false, GOOD.replace("name: acme", "pool: acme")),
        (false, GOOD.replace("\"0003\"", "\"3\"")),
        (false, "operations: []\n".to_owned()),
        (false, "polling: {}\n".to_owned()),
        (false, with("licenses: 0")),
        (false, with("licenses: [1]")),
        (false, with("reports: []")),
        (false, with("reports: [agent_3]")),
        (false, below("polling: {interval: soon}")),
        (false, below("polling: {windows: [tomorrow]}")),
        (false, below("limits: {response_bytes: much}")),
        (false, below("limits: {rows_per_answer: 0}")),
        (false, below("privacy: {agent_name: hidden}")),
    ];
    let faults = faults(&cases.each_ref().map(|(_, config)| config.clone())).await;
    for ((good, config), fault) in cases.iter().zip(faults) {
        assert_eq!((is_taken(config), fault.is_empty()), (*good, *good), "{config}\n{fault}");
    }
}

/// Every key that has a value, as the docs write it, with its default.
fn keys(schema: &Value, path: &str, found: &mut BTreeMap<String, Option<Value>>) {
    for (name, key) in schema["properties"].as_object().expect("a mapping has keys") {
        let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let item = if key["items"]["anyOf"][1].is_object() { &key["items"]["anyOf"][1] } else { &key["items"] };
        // A mapping whose keys are the operator's own has a value like any other.
        if key["type"] == "object" && key["properties"].is_object() {
            keys(key, &below, found);
            continue;
        }
        if item["properties"].is_object() {
            keys(item, &format!("{below}[]"), found);
        }
        // Operations are nothing but their keys.
        if below != "operations" {
            found.insert(below, key.get("default").cloned());
        }
    }
}

#[test]
fn the_docs_list_every_key_of_the_schema_and_its_default() {
    let mut expected = BTreeMap::new();
    keys(&serde_json::from_str(&read(SCHEMA)).expect("JSON"), "", &mut expected);
    assert!(expected.len() > 20, "{expected:?}");
    for file in ["docs/configuration.md", "docs/configuration.es.md"] {
        let text = read(file);
        let rows = text.lines().filter(|line| line.starts_with("| `")).map(|line| line.split('|').collect::<Vec<_>>());
        let starts = ["operations[].", "operations_files", "catalog_files", "polling.", "limits.", "privacy."];
        let rows: BTreeMap<String, &str> = rows
            .map(|cells| (cells[1].trim().trim_matches('`').to_owned(), cells[2]))
            .filter(|(key, _)| starts.iter().any(|start| key.starts_with(start)))
            .collect();
        let listed: BTreeSet<&String> = rows.keys().collect();
        assert_eq!(listed, expected.keys().collect(), "{file}");
        for (key, default) in &expected {
            let said = match default {
                None => continue,
                Some(Value::Array(values)) => {
                    let words: Vec<&str> = values.iter().map(|value| value.as_str().expect("a word")).collect();
                    format!("`[{}]`", words.join(", "))
                }
                Some(Value::String(word)) => format!("`{word}`"),
                Some(other) => format!("`{other}`"),
            };
            assert!(rows[key].contains(&said), "{file}: {key} has the default {said}, and not {}", rows[key]);
        }
    }
}
