//! What the Helm chart renders is safe, is what the rest of the repository says, and is what it tells its users.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::deploy::{document, root, text, yaml};
use crate::support::certificates::{Authority, Purpose};
use crate::support::child::{EXPORTER, Running, exporter, python, run};
use crate::support::harness::until;
use crate::support::pages::assert_current;

const CHART: &str = "deploy/chart";
const RELEASE: &str = "wolkvox-exporter";
/// The one template that is no manifest.
const NOTES: &str = "wolkvox-exporter/templates/NOTES.txt";
/// Of what the API server takes, be it the data of a config map or of a secret.
const MOST_BYTES: usize = 1 << 20;

/// What Helm makes of the chart and one set of values.
struct Rendered {
    faults: Vec<String>,
    refused: Option<String>,
    templates: BTreeMap<String, String>,
    record_bytes: usize,
}

impl Rendered {
    fn new(case: &Value) -> Rendered {
        let texts = |list: &Value| -> Vec<String> { serde_json::from_value(list.clone()).expect("texts") };
        Rendered {
            faults: texts(&case["faults"]),
            refused: case["refused"].as_str().map(str::to_owned),
            templates: serde_json::from_value(case["templates"].clone()).unwrap_or_default(),
            record_bytes: case["record_bytes"].as_u64().and_then(|bytes| bytes.try_into().ok()).unwrap_or_default(),
        }
    }

    fn manifests(&self) -> Vec<&String> {
        assert_eq!(self.refused, None);
        self.templates.iter().filter(|(name, _)| *name != NOTES).map(|(_, text)| text).collect()
    }

    fn documents(&self) -> Vec<Value> {
        let texts = self.manifests().into_iter().flat_map(|text| text.split("\n---\n"));
        texts.filter(|text| text.contains("apiVersion:")).map(yaml).collect()
    }

    fn of_kind(&self, kind: &str) -> Vec<Value> {
        self.documents().into_iter().filter(|document| document["kind"] == kind).collect()
    }

    fn the(&self, kind: &str) -> Value {
        let mut found = self.of_kind(kind);
        assert_eq!(found.len(), 1, "{kind}");
        found.remove(0)
    }

    fn pod(&self) -> Value {
        self.the("StatefulSet")["spec"]["template"].clone()
    }

    fn container(&self) -> Value {
        self.pod()["spec"]["containers"][0].clone()
    }

    fn notes(&self) -> &str {
        &self.templates[NOTES]
    }
}

/// The files that a chart holds, and what Helm makes of it and each set of values.
async fn helm(chart: &Path, values: &[Value], more: &[&str]) -> (BTreeMap<String, String>, Vec<Rendered>) {
    let input = serde_json::to_vec(values).expect("JSON");
    let script = root().join("tests/render_chart.py");
    let [script, chart] = [&script, chart].map(|path| path.to_str().expect("plain letters"));
    let told = run(&python(), &[&[script, chart, RELEASE], more].concat(), &input).await;
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    let told: Value = serde_json::from_str(&told.stdout).expect("JSON");
    let files = serde_json::from_value(told["files"].clone()).expect("texts by their names");
    (files, told["cases"].as_array().expect("cases").iter().map(Rendered::new).collect())
}

async fn render(values: &[Value]) -> Vec<Rendered> {
    helm(&root().join(CHART), values, &[]).await.1
}

async fn render_one(values: Value) -> Rendered {
    render(&[values]).await.remove(0)
}

fn values_of(name: &str) -> Value {
    yaml(&text(&format!("{CHART}/ci/{name}-values.yaml")))
}

/// `values` with those of `more` in their places.
fn with(mut values: Value, more: &Value) -> Value {
    fn lay(under: &mut Value, over: &Value) {
        match (under, over) {
            (Value::Object(under), Value::Object(over)) => {
                for (key, value) in over {
                    lay(under.entry(key.clone()).or_insert(Value::Null), value);
                }
            }
            (under, over) => *under = over.clone(),
        }
    }
    lay(&mut values, more);
    values
}

/// Every part that can be left out, in English.
fn every_part() -> Value {
    let parts = ["podDisruptionBudget", "serviceMonitor", "prometheusRule", "dashboards"];
    let on = parts.into_iter().fold(json!({}), |on, part| with(on, &json!({ part: { "enabled": true } })));
    with(values_of("one-operation"), &on)
}

// === what it renders ===

#[tokio::test]
async fn helm_finds_no_fault_and_kubernetes_1_28_and_the_newest_known_one_take_what_it_renders() {
    let cases = [json!({}), values_of("one-operation"), values_of("everything"), every_part()];
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (number, rendered) in render(&cases).await.iter().enumerate() {
        assert_eq!(rendered.faults, Vec::<String>::new(), "case {number}");
        // Those of the operator have no schema here.
        let known = |document: &Value| document["apiVersion"] != "monitoring.coreos.com/v1";
        let documents: Vec<Value> = rendered.documents().into_iter().filter(known).collect();
        assert!(documents.len() >= 4, "case {number}");
        let path = folder.path().join("rendered.yaml");
        let of_kubernetes =
            |text: &&String| text.contains("apiVersion: ") && !text.contains("apiVersion: monitoring.coreos.com/");
        let manifests: Vec<&str> = rendered.manifests().into_iter().filter(of_kubernetes).map(String::as_str).collect();
        fs::write(&path, manifests.join("\n---\n")).expect("a writable folder");
        let path = path.to_str().expect("plain letters");
        for version in ["1.28.0", "1.37.0"] {
            let args = ["-W", "error", "-m", "kubernetes_validate", "--strict", "-k", version, path];
            let judged = run(&python(), &args, b"").await;
            assert_eq!(judged.code, Some(0), "case {number}: {judged:?}");
            let passed = format!("{}{}", judged.stdout, judged.stderr).matches(" passed for resource ").count();
            assert_eq!(passed, documents.len(), "case {number}: {judged:?}");
        }
    }
}

/// What the plain manifests have, with all their reasons: rights, volumes, state, probes, shards, who may reach whom.
#[tokio::test]
async fn the_chart_makes_the_same_pods_and_walls_as_the_plain_manifests() {
    let config = yaml(document("ConfigMap")["data"]["wolkvox-exporter.yml"].as_str().expect("a config"));
    let rendered = render_one(json!({ "config": config, "shards": 3, "serviceMonitor": { "enabled": true } })).await;
    assert_eq!(yaml(rendered.the("ConfigMap")["data"]["wolkvox-exporter.yml"].as_str().expect("a config")), config);

    let (plain, mut charts) = (document("StatefulSet"), rendered.the("StatefulSet"));
    for same in ["serviceName", "replicas", "podManagementPolicy", "volumeClaimTemplates"] {
        assert_eq!(plain["spec"][same], charts["spec"][same], "{same}");
    }
    let pod = &mut charts["spec"]["template"]["spec"];
    assert_eq!(pod.as_object_mut().expect("a pod").remove("serviceAccountName"), Some(RELEASE.into()));
    let container = pod["containers"][0].as_object_mut().expect("a container");
    assert_eq!(container.remove("imagePullPolicy"), Some("IfNotPresent".into()));
    assert_eq!(plain["spec"]["template"]["spec"], *pod);

    let (plain, charts) = (document("NetworkPolicy"), rendered.the("NetworkPolicy"));
    for same in ["policyTypes", "ingress", "egress"] {
        assert_eq!(plain["spec"][same], charts["spec"][same], "{same}");
    }
    let (plain, charts) = (document("Service"), rendered.the("Service"));
    assert_eq!(plain["spec"]["clusterIP"], charts["spec"]["clusterIP"]);
    assert_eq!(plain["spec"]["ports"][0]["port"], charts["spec"]["ports"][0]["port"]);
    let plain = yaml(&text("deploy/kubernetes/service-monitor.yaml"));
    assert_eq!(plain["spec"]["endpoints"], rendered.the("ServiceMonitor")["spec"]["endpoints"]);
}

#[tokio::test]
async fn never_leak_nothing_but_its_tokens_is_mounted_and_no_label_selects_another_releases_pods() {
    for rendered in render(&[values_of("one-operation"), values_of("everything")]).await {
        assert_eq!(rendered.the("ServiceAccount")["automountServiceAccountToken"], false);
        let pod = rendered.pod();
        assert_eq!(pod["spec"]["automountServiceAccountToken"], false);
        assert_eq!(pod["spec"]["serviceAccountName"], rendered.the("ServiceAccount")["metadata"]["name"]);
        let labels = pod["metadata"]["labels"].as_object().expect("labels");
        assert_eq!(labels["app.kubernetes.io/instance"], RELEASE);
        let selectors = [
            rendered.the("StatefulSet")["spec"]["selector"]["matchLabels"].clone(),
            rendered.the("Service")["spec"]["selector"].clone(),
            rendered.the("NetworkPolicy")["spec"]["podSelector"]["matchLabels"].clone(),
        ];
        for selector in selectors {
            let selector = selector.as_object().expect("labels");
            assert!(selector.contains_key("app.kubernetes.io/instance"), "{selector:?}");
            assert!(selector.iter().all(|(name, value)| labels.get(name) == Some(value)), "{selector:?}");
        }
        assert!(rendered.of_kind("Secret").is_empty());
    }
    // Kubernetes takes a list of nobody for everybody.
    let open = render_one(json!({ "networkPolicy": { "from": [] } })).await;
    assert!(open.refused.is_some_and(|why| why.contains("/networkPolicy/from")));
}

#[tokio::test]
async fn with_nothing_to_watch_no_pod_is_started_and_the_notes_say_what_is_missing() {
    let cases = [json!({}), values_of("one-operation"), json!({ "existingConfigMap": "operations" })];
    let [bare, one, existing] = render(&cases).await.try_into().ok().expect("as many as were asked for");
    let replicas = |rendered: &Rendered| rendered.the("StatefulSet")["spec"]["replicas"].clone();
    assert_eq!([replicas(&bare), replicas(&one), replicas(&existing)], [0, 1, 1].map(Value::from));
    assert!(bare.notes().contains("\nhint: set config.operations"), "{}", bare.notes());
    assert!(!one.notes().contains("hint:") && one.notes().contains("1 pod of "), "{}", one.notes());
    assert_eq!(existing.pod()["spec"]["volumes"][0]["configMap"]["name"], "operations");
    assert!(existing.of_kind("ConfigMap").is_empty());
}

#[tokio::test]
async fn a_changed_config_makes_other_pods_and_nothing_else_of_it_does() {
    let one = values_of("one-operation");
    let cases = [
        one.clone(),
        with(one.clone(), &json!({ "config": { "polling": { "interval": "10m" } } })),
        with(one, &every_part()),
    ];
    let rendered = render(&cases).await;
    let [one, other, same] = &rendered[..] else { panic!("as many as were asked for") };
    assert_ne!(one.pod(), other.pod());
    assert_eq!(one.pod(), same.pod());
}

#[tokio::test]
async fn the_image_is_named_in_one_place_and_a_digest_counts_before_a_tag() {
    let version = env!("CARGO_PKG_VERSION");
    let digest = format!("sha256:{}", "0f".repeat(32));
    let of = |image: Value| with(values_of("one-operation"), &json!({ "image": image }));
    let cases = [
        (of(json!({})), format!("wolkvox-exporter:{version}")),
        (of(json!({ "repository": "images.example/w", "tag": "7" })), "images.example/w:7".to_owned()),
        (of(json!({ "tag": "7", "digest": digest })), format!("wolkvox-exporter@{digest}")),
    ];
    for (values, image) in cases {
        assert_eq!(render_one(values).await.container()["image"], image);
    }
}

// === boards and rules ===

#[tokio::test]
async fn the_boards_are_those_of_the_repository_word_for_word_each_in_a_config_map_that_can_be_stored() {
    let values = with(every_part(), &json!({ "dashboards": { "languages": ["en", "es"], "namespace": "grafana" } }));
    let maps = render_one(values).await.of_kind("ConfigMap");
    let mut boards = BTreeMap::new();
    for map in maps.iter().filter(|map| map["metadata"]["labels"]["grafana_dashboard"] == "1") {
        assert_eq!(map["metadata"]["namespace"], "grafana");
        let data = map["data"].as_object().expect("files");
        assert_eq!(data.len(), 1, "{data:?}");
        let (file, board) = data.iter().next().expect("one");
        let board = board.as_str().expect("a text");
        assert!(board.len() < MOST_BYTES, "{file}: {} bytes", board.len());
        assert!(boards.insert(file.clone(), board.to_owned()).is_none(), "{file} is there twice");
    }
    let in_folder = |folder: &str, language: &str| {
        let entries = fs::read_dir(root().join(folder)).expect("a folder of this repository");
        let paths = entries
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|end| end == "json"));
        let named = |path: PathBuf| {
            let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (format!("wolkvox-{stem}-{language}.json"), fs::read_to_string(path).expect("a board"))
        };
        paths.map(named).collect::<Vec<_>>()
    };
    let expected: BTreeMap<String, String> =
        in_folder("dashboards", "en").into_iter().chain(in_folder("dashboards/es", "es")).collect();
    assert!(expected.len() >= 14, "{}", expected.len());
    assert!(boards == expected, "{:?} and {:?}", boards.keys(), expected.keys());
}

#[tokio::test]
async fn the_rules_are_those_of_the_alerts_folder_in_either_language_with_links_and_thresholds_of_the_operators_own() {
    let of = |rule: Value| with(every_part(), &json!({ "prometheusRule": rule }));
    for language in ["en", "es"] {
        let script = root().join("deploy/kubernetes/prometheus-rule");
        let printed = run(script.to_str().expect("plain letters"), &[language], b"").await;
        let rule = render_one(of(json!({ "language": language }))).await.the("PrometheusRule");
        assert_eq!(rule["spec"]["groups"], yaml(&printed.stdout)["spec"]["groups"], "{language}");
    }

    let own = json!({
        "thresholds": "# Ours.\ngroups:\n  - name: ours\n    rules: []\n",
        "runbookUrl": "https://wiki.example/w",
        "grafanaUrl": "https://grafana.example",
    });
    let rendered = render_one(of(own)).await;
    let text = &rendered.templates["wolkvox-exporter/templates/prometheusrule.yaml"];
    assert!(!text.contains("runbook.invalid") && !text.contains("127.0.0.1"), "a link leads nowhere");
    assert!(
        text.contains(" https://wiki.example/w/RUNBOOK.md#") && text.contains(" https://grafana.example/d/"),
        "no link"
    );
    let rule = rendered.the("PrometheusRule");
    let names: Vec<&str> =
        rule["spec"]["groups"].as_array().expect("groups").iter().filter_map(|group| group["name"].as_str()).collect();
    assert!(names.contains(&"ours") && !names.contains(&"wolkvox-thresholds"), "{names:?}");
}

/// Prometheus names the job after the Service, and the alerts know the exporter by the job's name.
#[tokio::test]
async fn never_lie_a_job_that_no_alert_would_know_is_refused() {
    let unknown = json!({ "fullnameOverride": "exporter", "serviceMonitor": { "enabled": true } });
    let refused = render_one(unknown).await.refused.expect("a refusal");
    assert!(refused.contains("`wolkvox`") && refused.contains("\nhint: "), "{refused}");
    let scraped_otherwise = render_one(json!({ "fullnameOverride": "exporter" })).await;
    assert_eq!(scraped_otherwise.refused, None);
}

#[tokio::test]
async fn a_release_with_everything_on_fits_into_the_secret_in_which_helm_keeps_it() {
    let bytes = helm(&root().join(CHART), &[values_of("everything")], &["record"]).await.1[0].record_bytes;
    assert!((MOST_BYTES / 10..MOST_BYTES).contains(&bytes), "{bytes} bytes");
}

// === what it takes ===

/// The schema that the chart holds against `config`.
fn schema_of_the_config() -> Value {
    let mut schema: Value = serde_json::from_str(&text("wolkvox-exporter.schema.json")).expect("JSON");
    schema.as_object_mut().expect("a schema").remove("$schema");
    schema
}

/// Helm reads no schema but the chart's one, so the exporter's stands in it once more.
#[test]
fn the_charts_schema_of_the_config_is_the_exporters() {
    let file = format!("{CHART}/values.schema.json");
    let mut schema: Value = serde_json::from_str(&text(&file)).expect("JSON");
    schema["properties"]["config"]["then"] = schema_of_the_config();
    let new = format!("{}\n", serde_json::to_string_pretty(&schema).expect("JSON"));
    assert_current(&file, &new, "the_charts_schema");
}

#[tokio::test]
async fn what_the_exporter_would_refuse_helm_refuses_before_anything_is_changed() {
    let one = values_of("one-operation");
    let cases = [
        (json!({ "confg": {} }), "'confg'"),
        (json!({ "config": { "operations": [] } }), "/config/operations"),
        (json!({ "config": { "polling": {} } }), "'operations'"),
        (json!({ "config": { "operations": [{ "name": "a", "sever": "0003", "token_file": "t" }] } }), "'sever'"),
        (with(one.clone(), &json!({ "config": { "polling": { "interval": 300 } } })), "/config/polling/interval"),
        (with(one.clone(), &json!({ "existingConfigMap": "mine" })), "\nhint: "),
        (with(one.clone(), &json!({ "shards": 0 })), "/shards"),
        (with(one.clone(), &json!({ "image": { "digest": "latest" } })), "/image/digest"),
        (with(one.clone(), &json!({ "prometheusRule": { "language": "fr" } })), "/prometheusRule/language"),
        (with(one.clone(), &json!({ "dashboards": { "languages": ["en", "fr"] } })), "/dashboards/languages"),
        (with(one, &json!({ "tokens": { "acme": "a-token" } })), "'acme'"),
    ];
    let values: Vec<Value> = cases.iter().map(|(values, _)| values.clone()).collect();
    for ((values, place), rendered) in cases.iter().zip(render(&values).await) {
        let refused = rendered.refused.unwrap_or_else(|| panic!("taken: {values}"));
        assert!(refused.contains(place), "{refused}");
    }
    // A chart that is part of another one is given values that are meant for all.
    assert_eq!(render_one(json!({ "global": { "imageRegistry": "x" } })).await.refused, None);
}

/// The paths of the values that stand for themselves, as the schema has them.
fn values_in(schema: &Value, above: &str) -> BTreeSet<String> {
    let properties = schema["properties"].as_object().expect("properties");
    let below = |(name, value): (&String, &Value)| {
        let path = format!("{above}{name}");
        if value["properties"].is_object() { values_in(value, &format!("{path}.")) } else { BTreeSet::from([path]) }
    };
    properties.iter().filter(|(name, _)| *name != "global").flat_map(below).collect()
}

fn schema() -> Value {
    serde_json::from_str(&text(&format!("{CHART}/values.schema.json"))).expect("JSON")
}

fn pointer(path: &str) -> String {
    format!("/{}", path.replace('.', "/"))
}

/// Another value than the default one.
fn other(path: &str, default: &Value) -> Value {
    match path {
        "config" => json!({ "polling": { "interval": "10m" } }),
        "image.digest" => format!("sha256:{}", "0f".repeat(32)).into(),
        "image.pullPolicy" => "Always".into(),
        "webConfig.scheme" => "HTTP".into(),
        "extraArgs" => json!(["--log.level=debug"]),
        "persistence.accessModes" => json!(["ReadWriteMany"]),
        "persistence.size" => "2Gi".into(),
        "serviceMonitor.interval" | "serviceMonitor.scrapeTimeout" => "7s".into(),
        "prometheusRule.language" => "es".into(),
        "prometheusRule.thresholds" => "groups:\n  - name: ours\n    rules: []\n".into(),
        "prometheusRule.runbookUrl" | "prometheusRule.grafanaUrl" => "https://other.example".into(),
        "dashboards.languages" => json!(["es"]),
        _ => match default {
            Value::Bool(on) => (!on).into(),
            Value::Number(_) => 2.into(),
            Value::String(_) => "wolkvox-other".into(),
            Value::Array(_) => json!([{ "name": "other" }]),
            Value::Object(_) => json!({ "other": "other" }),
            Value::Null => panic!("{path} has no default"),
        },
    }
}

#[tokio::test]
async fn every_value_of_the_schema_has_a_default_does_something_and_is_told_in_the_readme() {
    let (defaults, paths) = (yaml(&text(&format!("{CHART}/values.yaml"))), values_in(&schema(), ""));
    assert!(paths.len() > 50, "{paths:?}");
    let all = with(every_part(), &json!({ "webConfig": { "existingSecret": "web" } }));
    // Boards take the longest, and no value but their own is about them.
    let boardless = with(all.clone(), &json!({ "dashboards": { "enabled": false } }));
    let base = |path: &str| match path {
        path if path.starts_with("dashboards.") => all.clone(),
        // A ConfigMap of the operator's own is in place of the config.
        "existingConfigMap" => with(boardless.clone(), &json!({ "config": null })),
        _ => boardless.clone(),
    };
    let changed = |path: &String| {
        let (base, pointer) = (base(path), pointer(path));
        let default = defaults.pointer(&pointer).unwrap_or_else(|| panic!("values.yaml has no {path}"));
        let before = base.pointer(&pointer).filter(|value| !value.is_object() && !value.is_null()).unwrap_or(default);
        let change = path.rsplit('.').fold(other(path, before), |value, name| json!({ name: value }));
        with(base, &change)
    };
    let cases: Vec<Value> = paths.iter().flat_map(|path| [base(path), changed(path)]).collect();
    for (path, pair) in paths.iter().zip(render(&cases).await.chunks(2)) {
        assert!(pair[0].manifests() != pair[1].manifests(), "{path} changes nothing");
    }

    let readme = text(&format!("{CHART}/README.md"));
    let (_, section) = readme.split_once("\n## Values\n").expect("a section of the values");
    let rows = section.split("\n## ").next().unwrap_or_default().lines().filter(|line| line.starts_with("| `"));
    let told: BTreeSet<String> = rows
        .flat_map(|row| row.split('|').nth(1).unwrap_or_default().split('`').skip(1).step_by(2))
        .map(str::to_owned)
        .collect();
    assert_eq!(told, paths);
    assert!(readme.lines().count() <= 120, "{} lines", readme.lines().count());
}

#[test]
fn no_template_reads_a_value_that_is_not_there() {
    let defaults = yaml(&text(&format!("{CHART}/values.yaml")));
    let templates = fs::read_dir(root().join(CHART).join("templates")).expect("a folder of this repository");
    let mut read = 0;
    for path in templates.map(|entry| entry.expect("an entry").path()) {
        let text = fs::read_to_string(&path).expect("a template");
        for rest in text.split(".Values.").skip(1) {
            let name: String =
                rest.chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '.').collect();
            let found = defaults.pointer(&pointer(name.trim_end_matches('.')));
            assert!(found.is_some(), "{}: {name}", path.display());
            read += 1;
        }
    }
    assert!(read > 40, "only {read} places");
}

// === what the exporter makes of it ===

/// A pod's files in a folder of this machine, and what a pod's path is there.
struct Mounted {
    folder: TempDir,
}

impl Mounted {
    fn new(config: &str) -> Mounted {
        let mounted = Mounted { folder: tempfile::tempdir().expect("a temporary folder") };
        for path in
            ["/etc/wolkvox-exporter", "/run/secrets/wolkvox", "/run/secrets/wolkvox-web", "/var/lib/wolkvox-exporter"]
        {
            fs::create_dir_all(mounted.here(path)).expect("a writable folder");
        }
        mounted.write("/run/secrets/wolkvox/acme", "a-token");
        mounted.write("/etc/wolkvox-exporter/wolkvox-exporter.yml", &mounted.with_paths(config));
        mounted
    }

    fn here(&self, path: &str) -> PathBuf {
        self.folder.path().join(path.trim_start_matches('/'))
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.here(path), text).expect("a writable folder");
    }

    fn with_paths(&self, text: &str) -> String {
        let folder = self.folder.path().to_str().expect("plain letters");
        ["/etc/", "/run/", "/var/"]
            .iter()
            .fold(text.to_owned(), |text, top| text.replace(top, &format!("{folder}{top}")))
    }
}

fn texts(list: &Value) -> Vec<String> {
    serde_json::from_value(list.clone()).expect("texts")
}

/// The kubelet has no client certificate to show, so it cannot ask over HTTPS itself.
#[tokio::test(flavor = "multi_thread")]
async fn the_exporter_runs_with_what_the_chart_gives_it_and_its_probe_works_behind_client_certificates() {
    let rendered = render_one(json!({
        // Nobody listens there: nothing of this test leaves the machine.
        "config": { "operations": [{ "name": "acme", "base_url": "http://127.0.0.1:1", "token_file": "/run/secrets/wolkvox/acme" }] },
        "webConfig": { "existingSecret": "web", "clientCertificates": true },
    }))
    .await;
    let mounted = Mounted::new(rendered.the("ConfigMap")["data"]["wolkvox-exporter.yml"].as_str().expect("a config"));
    let (ours, web) = (Authority::new("tests"), mounted.here("/run/secrets/wolkvox-web"));
    ours.sign(Purpose::Server, "localhost").write(&web, "server");
    mounted.write("/run/secrets/wolkvox-web/ca.crt", &ours.pem);
    let tls = "cert_file: server.crt\n  key_file: server.key\n  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt";
    mounted.write("/run/secrets/wolkvox-web/web.yml", &format!("tls_server_config:\n  {tls}\n"));

    let container = rendered.container();
    let here =
        |text: &String, address: &str| mounted.with_paths(text).replace("$(POD_INDEX)", "0").replace(":10077", address);
    let flags: Vec<String> = texts(&container["args"]).iter().map(|flag| here(flag, "127.0.0.1:0")).collect();
    let mut pod = Running::start(EXPORTER, &flags.iter().map(String::as_str).collect::<Vec<_>>());
    let address = pod.after("address=").await;
    for probe in ["livenessProbe", "readinessProbe"] {
        let command = texts(&container[probe]["exec"]["command"]);
        assert_eq!(command[0], "/usr/bin/wolkvox-exporter");
        let words: Vec<String> = command[1..].iter().map(|word| here(word, &address)).collect();
        // Asked again, as the kubelet does: a machine that is busy with other tests answers late.
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        until(probe, async || (exporter(&words).await.code == Some(0)).then_some(())).await;
    }
    pod.kill().await;
}

#[tokio::test]
async fn behind_a_web_config_the_kubelet_and_prometheus_speak_as_it_does() {
    let of = |web: Value| with(every_part(), &json!({ "webConfig": web }));
    let cases = [
        (json!({}), Value::Null, Value::Null),
        (json!({ "existingSecret": "web" }), "HTTPS".into(), "https".into()),
        (json!({ "existingSecret": "web", "scheme": "HTTP" }), "HTTP".into(), "http".into()),
    ];
    for (web, kubelet, prometheus) in cases {
        let rendered = render_one(of(web.clone())).await;
        let container = rendered.container();
        for (probe, path) in [("livenessProbe", "/-/healthy"), ("readinessProbe", "/-/ready")] {
            assert_eq!(container[probe]["httpGet"]["path"], path, "{web}");
            assert_eq!(container[probe]["httpGet"]["scheme"], kubelet, "{web}");
        }
        assert_eq!(rendered.the("ServiceMonitor")["spec"]["endpoints"][0]["scheme"], prometheus, "{web}");
        let flag = texts(&container["args"]).iter().any(|flag| flag.starts_with("--web.config.file="));
        assert_eq!(flag, kubelet != Value::Null, "{web}");
    }
}

// === what is released ===

#[test]
fn chart_and_exporter_have_one_version() {
    let chart = yaml(&text(&format!("{CHART}/Chart.yaml")));
    assert_eq!(
        (&chart["version"], &chart["appVersion"]),
        (&env!("CARGO_PKG_VERSION").into(), &env!("CARGO_PKG_VERSION").into())
    );
}

#[tokio::test]
async fn the_archive_is_the_same_whoever_makes_it_and_holds_what_helm_would_pack() {
    let archive = async |repository: &Path, folder: &Path| {
        let command =
            format!("cd {} && SOURCE_DATE_EPOCH=1 deploy/chart-archive {}", repository.display(), folder.display());
        let made = run("sh", &["-c", &command], b"").await;
        assert_eq!(made.code, Some(0), "{made:?}");
        folder.join(format!("wolkvox-exporter-{}.tgz", env!("CARGO_PKG_VERSION")))
    };
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let first = archive(root(), &scratch.path().join("first")).await;
    // Files of another time, which nobody else may read.
    let elsewhere = scratch.path().join("elsewhere");
    fs::create_dir(&elsewhere).expect("a writable folder");
    let parts = "Cargo.toml alerts dashboards deploy/chart deploy/chart-archive deploy/version";
    let command = format!("cd {} && umask 077 && cp -R --parents {parts} {}", root().display(), elsewhere.display());
    let copied = run("sh", &["-c", &command], b"").await;
    assert_eq!(copied.code, Some(0), "{copied:?}");
    let second = archive(&elsewhere, &scratch.path().join("second")).await;
    assert!(
        fs::read(&first).expect("an archive") == fs::read(&second).expect("an archive"),
        "two archives of the same files differ"
    );

    let values = [values_of("everything")];
    let (packed, of_archive) = helm(&first, &values, &[]).await;
    let (linked, of_folder) = helm(&root().join(CHART), &values, &[]).await;
    assert!(packed == linked, "{:?} and {:?}", packed.keys(), linked.keys());
    assert!(of_archive[0].templates == of_folder[0].templates, "it renders otherwise");
    let other = |name: &&String| !name.starts_with("files/dashboards/") && !name.starts_with("files/alerts/");
    assert_eq!(linked.keys().filter(other).collect::<Vec<_>>(), ["README.md"]);
    let unneeded = |name: &&String| [".py", ".md", "/tests/", "/source/"].iter().any(|part| name.contains(part));
    assert_eq!(linked.keys().filter(unneeded).collect::<Vec<_>>(), ["README.md"]);
}
