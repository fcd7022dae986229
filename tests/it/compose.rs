//! The compose file holds together, and leaks nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use crate::support::child::run;

/// Each changes what stands in those before it.
const FILES: [&str; 3] = ["docker-compose.yml", "deploy/compose.real.yml", "deploy/compose.check.yml"];

/// What `docker-compose` makes of these files.
async fn composed(files: &[&str]) -> Value {
    composed_with(&[], files).await
}

/// The same with variables such as `NAME=value`.
async fn composed_with(variables: &[String], files: &[&str]) -> Value {
    let mut args: Vec<&str> = variables.iter().map(String::as_str).collect();
    args.push("docker-compose");
    args.extend(files.iter().flat_map(|file| ["-f", file]));
    args.push("config");
    let config = run("env", &args, b"").await;
    assert_eq!((config.code, config.stderr.as_str()), (Some(0), ""), "{files:?}");
    serde_saphyr::from_str(&config.stdout).expect("YAML")
}

fn yaml(path: &str) -> Value {
    let text = fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn root() -> PathBuf {
    fs::canonicalize(env!("CARGO_MANIFEST_DIR")).expect("the repository")
}

fn services(composed: &Value) -> impl Iterator<Item = (&String, &Value)> {
    composed["services"].as_object().expect("services").iter()
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().map(Vec::as_slice).unwrap_or_default().iter().filter_map(Value::as_str).collect()
}

/// Where files of this repository appear in a service: place in the container, path here.
fn mounts(service: &Value) -> BTreeMap<PathBuf, PathBuf> {
    let bound = texts(&service["volumes"]).into_iter().filter(|volume| volume.starts_with('/'));
    let parts = bound.map(|volume| {
        let (path, rest) = volume.split_once(':').expect("a mount");
        let (place, mode) = rest.split_once(':').expect("a mode");
        assert_eq!(mode, "ro", "{volume} can be written");
        (place.into(), path.into())
    });
    parts.collect()
}

/// The path of this repository that a path in the container leads to.
fn behind(mounts: &BTreeMap<PathBuf, PathBuf>, place: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in place.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    let found = mounts.iter().find_map(|(mount, path)| Some((path, plain.strip_prefix(mount).ok()?)));
    let (path, rest) = found.unwrap_or_else(|| panic!("{} is not mounted: {mounts:?}", plain.display()));
    // Joining nothing would add a slash.
    if rest.as_os_str().is_empty() { path.clone() } else { path.join(rest) }
}

/// The value of a flag of a service's command.
fn flag<'s>(service: &'s Value, name: &str) -> &'s str {
    let found = texts(&service["command"]).into_iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("no {name}: {service}"))
}

#[tokio::test]
async fn never_leak_every_container_is_confined_and_every_port_is_on_loopback() {
    for count in 1..=FILES.len() {
        let files = &FILES[..count];
        let composed = composed(files).await;
        let names: Vec<&String> = services(&composed).map(|(name, _)| name).collect();
        assert_eq!(names[..5], ["alertmanager", "exporter", "grafana", "history", "prometheus"]);
        assert_eq!(names[5..], ["vendor"][..usize::from(count == FILES.len())]);
        let mut ports = BTreeSet::new();
        for (name, service) in services(&composed) {
            assert_eq!(service["read_only"], true, "{name}");
            assert_eq!(texts(&service["cap_drop"]), ["ALL"], "{name}");
            assert_eq!(texts(&service["security_opt"]), ["no-new-privileges:true"], "{name}");
            assert!(["privileged", "cap_add", "user"].iter().all(|key| service[key].is_null()), "{name}");
            for port in texts(&service["ports"]) {
                let published = port.strip_prefix("127.0.0.1:").and_then(|rest| rest.strip_suffix("/tcp"));
                let (outside, inside) = published.and_then(|rest| rest.split_once(':')).expect("a port on loopback");
                assert_eq!(outside, inside, "{name}");
                ports.insert(outside.to_owned());
            }
            let image = service["image"].as_str().expect("an image");
            let version = image.split_once(':').map(|(_, version)| version.trim_start_matches('v'));
            let numbers = version.expect("a version").split('.').filter_map(|part| part.parse::<u32>().ok());
            assert_eq!(numbers.count(), 3, "{image} is not pinned");
            let context = service["build"]["context"].as_str().map(Path::new);
            assert_eq!(context, image.starts_with("wolkvox-").then_some(&*root()), "{name}");
            // What ends by itself is well if it ended well, and the vendor's health shows in the exporter's reports.
            let checked = texts(&service["healthcheck"]["test"]).first().copied();
            assert_eq!(checked, (!["history", "vendor"].contains(&name.as_str())).then_some("CMD"), "{name}");
        }
        assert_eq!(ports, ["10077", "3000", "9090", "9093"].map(str::to_owned).into());
    }
}

#[tokio::test]
async fn never_leak_grafana_has_no_account_and_no_password() {
    let composed = composed(&["docker-compose.yml"]).await;
    let settings = &composed["services"]["grafana"]["environment"];
    for (setting, value) in [
        ("GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION", "true"),
        ("GF_AUTH_DISABLE_LOGIN_FORM", "true"),
        ("GF_AUTH_BASIC_ENABLED", "false"),
        ("GF_AUTH_ANONYMOUS_ORG_ROLE", "Viewer"),
    ] {
        assert_eq!(settings[setting], value, "{setting}");
    }
    for (name, service) in services(&composed) {
        let settings = service["environment"].as_object().into_iter().flatten();
        let secret = settings.map(|(setting, _)| setting).find(|setting| setting.contains("PASSWORD"));
        assert_eq!(secret, None, "{name}");
    }
}

/// By its settings: no Grafana runs here.
#[tokio::test]
async fn never_leak_grafana_is_told_to_ask_and_to_tell_nobody() {
    let composed = composed(&["docker-compose.yml"]).await;
    for (setting, value) in [
        ("GF_ANALYTICS_REPORTING_ENABLED", "false"),
        ("GF_ANALYTICS_CHECK_FOR_UPDATES", "false"),
        ("GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES", "false"),
        ("GF_SECURITY_DISABLE_GRAVATAR", "true"),
        ("GF_NEWS_NEWS_FEED_ENABLED", "false"),
        ("GF_SNAPSHOTS_ENABLED", "false"),
        ("GF_PLUGINS_PREINSTALL_DISABLED", "true"),
        ("GF_PLUGINS_PUBLIC_KEY_RETRIEVAL_DISABLED", "true"),
    ] {
        assert_eq!(composed["services"]["grafana"]["environment"][setting], value, "{setting}");
    }
}

#[tokio::test]
async fn every_file_that_a_container_reads_is_in_the_repository_where_the_configs_say() {
    let composed = composed(&["docker-compose.yml"]).await;
    let of = |name: &str| &composed["services"][name];
    for (name, service) in services(&composed) {
        for path in mounts(service).values() {
            assert!(path.starts_with(root()) && path.exists(), "{name}: {} is not there", path.display());
        }
    }
    let prometheus = mounts(of("prometheus"));
    let config = Path::new(flag(of("prometheus"), "--config.file"));
    assert_eq!(behind(&prometheus, config), root().join("deploy/prometheus.yml"));
    for rules in texts(&yaml("deploy/prometheus.yml")["rule_files"]) {
        let (place, here) = (config.parent().expect("a folder").join(rules), root().join("deploy").join(rules));
        let folder = fs::canonicalize(here.parent().expect("a folder")).expect("a folder of rules");
        assert_eq!(behind(&prometheus, place.parent().expect("a folder")), folder);
    }
    let alertmanager = mounts(of("alertmanager"));
    let config = Path::new(flag(of("alertmanager"), "--config.file"));
    assert_eq!(behind(&alertmanager, config), root().join("deploy/alertmanager.yml"));

    let grafana = mounts(of("grafana"));
    let provisioning = root().join("deploy/grafana/provisioning");
    assert_eq!(behind(&grafana, Path::new("/etc/grafana/provisioning")), provisioning);
    let providers = yaml("deploy/grafana/provisioning/dashboards/wolkvox.yml");
    let place = providers["providers"][0]["options"]["path"].as_str().expect("a path");
    assert_eq!(behind(&grafana, Path::new(place)), root().join("dashboards"));
    let home = of("grafana")["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"].as_str().expect("a board");
    assert!(behind(&grafana, Path::new(home)).is_file());
}

#[tokio::test]
async fn containers_find_each_other_at_the_addresses_of_the_configs() {
    let composed = composed(&["docker-compose.yml"]).await;
    let published = texts(&composed["services"]["prometheus"]["ports"]).len();
    let beside = |name: &String| !["prometheus", "history"].contains(&name.as_str());
    for (name, service) in services(&composed).filter(|(name, _)| beside(name)) {
        assert_eq!(service["network_mode"], "service:prometheus", "{name}");
        assert!(service["ports"].is_null(), "{name}");
    }
    assert_eq!(published, services(&composed).filter(|(name, _)| beside(name)).count() + 1);
    let (prometheus, source) =
        (yaml("deploy/prometheus.yml"), yaml("deploy/grafana/provisioning/datasources/prometheus.yml"));
    let scraped = &prometheus["scrape_configs"][0]["static_configs"][0]["targets"][0];
    let listens = &composed["services"]["exporter"]["environment"]["WOLKVOX_EXPORTER_WEB_LISTEN_ADDRESS"];
    assert_eq!((scraped.as_str(), listens.as_str()), (Some("127.0.0.1:10077"), Some("0.0.0.0:10077")));
    let told = &prometheus["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"][0];
    assert_eq!(told, "127.0.0.1:9093");
    let source = &source["datasources"][0];
    assert_eq!((&source["url"], &source["type"]), (&"http://127.0.0.1:9090".into(), &"prometheus".into()));
    assert_eq!(source["jsonData"]["timeInterval"], prometheus["global"]["scrape_interval"]);
}

/// The script itself is run in `history.rs`.
#[tokio::test]
async fn the_demos_prometheus_starts_on_its_past_and_that_of_real_operations_on_none() {
    let (demo, real) =
        tokio::join!(composed(&["docker-compose.yml"]), composed(&["docker-compose.yml", "deploy/compose.real.yml"]));
    let [history, prometheus] = ["history", "prometheus"].map(|name| &demo["services"][name]);
    assert_eq!(texts(&history["entrypoint"]), ["/usr/bin/history", flag(prometheus, "--storage.tsdb.path")]);
    assert_eq!((&history["network_mode"], &history["restart"]), (&"none".into(), &"no".into()));
    let volume = texts(&history["volumes"])[0];
    assert!(texts(&prometheus["volumes"]).contains(&volume), "{volume}");
    assert_eq!(prometheus["depends_on"]["history"]["condition"], "service_completed_successfully");
    let days = |service, name| flag(service, name).trim_end_matches('d').parse::<u32>().expect("a number of days");
    assert!(days(history, "--days") < days(prometheus, "--storage.tsdb.retention.time"));

    let stage = history["build"]["target"].as_str().expect("a stage");
    let recipe = fs::read_to_string(root().join("deploy/Dockerfile")).expect("the recipe");
    let image = prometheus["image"].as_str().expect("an image");
    assert!(recipe.contains(&format!("\nARG PROMETHEUS_IMAGE={image}\n")), "the promtool of another version: {recipe}");
    assert!(recipe.contains(&format!("\nFROM $PROMETHEUS_IMAGE AS {stage}\n")), "{recipe}");
    assert!(recipe.contains("\nCOPY deploy/history /usr/bin/\n"), "{recipe}");

    assert_eq!(texts(&real["services"]["history"]["entrypoint"]), ["/bin/true"]);
}

/// Who may not ask the usual registry names others, in the shell or in `.env`.
#[tokio::test]
async fn every_image_can_be_another_by_its_variable_also_those_that_others_are_built_from() {
    let variables = [
        ("WOLKVOX_IMAGE", "exporter"),
        ("WOLKVOX_HISTORY_IMAGE", "history"),
        ("WOLKVOX_VENDOR_IMAGE", "vendor"),
        ("PROMETHEUS_IMAGE", "prometheus"),
        ("ALERTMANAGER_IMAGE", "alertmanager"),
        ("GRAFANA_IMAGE", "grafana"),
        ("RUST_IMAGE", "rust"),
    ];
    let mine = |variable: &str| format!("mine/{}:1.0.0", variable.to_lowercase());
    let set: Vec<String> = variables.iter().map(|(variable, _)| format!("{variable}={}", mine(variable))).collect();
    let (usual, named) = tokio::join!(composed(&FILES), composed_with(&set, &FILES));
    let recipe = fs::read_to_string(root().join("deploy/Dockerfile")).expect("the recipe");
    for (name, service) in services(&named) {
        let (variable, _) = variables.iter().find(|(_, known)| known == name).expect("a variable");
        assert_eq!(service["image"], mine(variable), "{name}");
        let Some(args) = service["build"]["args"].as_object() else { continue };
        for from in ["RUST_IMAGE", "PROMETHEUS_IMAGE"] {
            assert_eq!(args[from], mine(from), "{name}");
            let usual = usual["services"][name]["build"]["args"][from].as_str().expect("an image");
            assert!(recipe.contains(&format!("\nARG {from}={usual}\n")), "the recipe has another default than {usual}");
        }
    }
    let text = fs::read_to_string(root().join("docker-compose.yml")).expect("the compose file");
    let head = text.split_once("\nx-build").expect("a comment before what is built").0;
    for (variable, _) in variables.iter().filter(|(variable, _)| *variable != "WOLKVOX_VENDOR_IMAGE") {
        assert!(head.contains(variable), "{variable} is not told of");
    }
}
