//! What ships the exporter is right: image, service, package, manifests.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use wolkvox_exporter::catalog::Catalog;
use wolkvox_exporter::config::Config;

use crate::support::child::{EXPORTER, exporter, python, run};

const UNIT: &str = "deploy/systemd/wolkvox-exporter.service";
const MANIFESTS: [&str; 2] = ["deploy/kubernetes/wolkvox-exporter.yaml", "deploy/kubernetes/secret.example.yaml"];

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Every document of a manifest, by its kind.
fn documents(path: &str) -> Vec<(String, Value)> {
    let text = text(path);
    let documents = text.split("\n---\n").map(yaml);
    documents.map(|document| (document["kind"].as_str().expect("a kind").to_owned(), document)).collect()
}

pub fn document(kind: &str) -> Value {
    let found = MANIFESTS.iter().flat_map(|path| documents(path)).find(|(known, _)| known == kind);
    found.unwrap_or_else(|| panic!("no {kind}")).1
}

/// What a unit sets, in its order.
fn setting<'u>(unit: &'u str, name: &str) -> Vec<&'u str> {
    unit.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('=')).collect()
}

#[tokio::test]
async fn the_services_unit_is_understood_and_calls_the_exporter_as_it_wants_to_be_called() {
    let unit = text(UNIT);
    let line: Vec<&str> = setting(&unit, "ExecStart")[0].split(' ').collect();
    assert_eq!(line[0], "/usr/bin/wolkvox-exporter");
    let mut usage = line[1..].to_vec();
    usage.push("--help");
    let help = exporter(&usage).await;
    assert_eq!(help.code, Some(0), "{help:?}");
    for variable in setting(&unit, "Environment").iter().filter_map(|line| line.split_once('=')) {
        assert!(help.stdout.contains(variable.0), "the exporter knows no {}", variable.0);
    }

    // Where the exporter is not installed, its place is the one thing to find fault with.
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("wolkvox-exporter.service");
    let verify = async |unit: &str| {
        fs::write(&path, unit.replace(line[0], EXPORTER)).expect("a writable folder");
        run("systemd-analyze", &["verify", "--man=no", path.to_str().expect("plain letters")], b"").await
    };
    let verified = verify(&unit).await;
    assert_eq!((verified.code, verified.stderr.as_str()), (Some(0), ""));
    let misspelt = verify(&unit.replace("\nProtectSystem=", "\nProtectSytem=")).await;
    assert!(misspelt.stderr.contains("ProtectSytem"), "{misspelt:?}");
}

/// 0 is a service that can do nothing; what is left here is the network, which is its work.
#[tokio::test]
async fn never_leak_the_services_exposure_is_at_most_1_5_of_10() {
    let path = root().join(UNIT);
    let path = path.to_str().expect("plain letters");
    let judged =
        run("systemd-analyze", &["security", "--offline=true", "--threshold=15", "--no-pager", path], b"").await;
    assert_eq!(judged.code, Some(0), "{}", judged.stdout);
}

/// A token of the example has to be where the unit puts it, for every name that an operator chooses.
#[test]
fn the_packages_config_is_right_once_its_example_is_made_real() {
    let unit = text(UNIT);
    let (credential, source) = setting(&unit, "LoadCredential")[0].split_once(':').expect("a name and a folder");
    assert_eq!(source, "/etc/wolkvox-exporter/tokens");
    let shipped = text("deploy/debian/wolkvox-exporter.yml");
    let (_, example) = shipped.split_once("\n\n").expect("an example below the instructions");
    let example: Vec<&str> = example.lines().map(|line| line.trim_start_matches('#')).collect();
    let example = example.join("\n").replace("\n ", "\n");
    let token = format!("$CREDENTIALS_DIRECTORY/{credential}_acme");
    assert!(example.contains(&format!("token_file: {token}\n")), "{example}");
    read_config(&example, &token);
}

/// Reads a config whose token is at a place where this machine has none.
fn read_config(config: &str, token: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (file, here) = (folder.path().join("wolkvox-exporter.yml"), folder.path().join("token"));
    fs::write(&here, "a-token").expect("a writable folder");
    fs::write(&file, config.replace(token, here.to_str().expect("plain letters"))).expect("a writable folder");
    let catalog = Arc::new(Catalog::builtin().expect("the shipped catalogue is right"));
    Config::load(&file, &catalog).unwrap_or_else(|error| panic!("{error}\n{config}"));
}

#[tokio::test]
async fn every_file_of_the_debian_package_is_in_the_repository_or_built() {
    let manifest = root().join("Cargo.toml");
    let args = ["metadata", "--no-deps", "--offline", "--format-version=1", "--manifest-path"];
    let metadata = run(env!("CARGO"), &[&args[..], &[manifest.to_str().expect("plain letters")]].concat(), b"").await;
    let metadata: Value = serde_json::from_str(&metadata.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let ours = packages.iter().find(|package| package["name"] == "wolkvox-exporter").expect("the exporter");
    let deb = &ours["metadata"]["deb"];
    let assets = deb["assets"].as_array().expect("assets");
    for asset in assets.iter().map(|asset| asset[0].as_str().expect("a path")) {
        let (folder, name) = asset.rsplit_once('/').unwrap_or((".", asset));
        let (before, after) = name.split_once('*').unwrap_or((name, ""));
        let is_named = |path: &PathBuf| {
            let name = path.file_name().expect("an entry").to_string_lossy();
            name.starts_with(before) && name.ends_with(after)
        };
        let entries =
            fs::read_dir(root().join(folder)).into_iter().flatten().map(|entry| entry.expect("an entry").path());
        // By `deploy/release`.
        let built = ["target/release/wolkvox-exporter", "target/licenses/*"].contains(&asset);
        assert!(built || entries.filter(is_named).count() > 0, "{asset} is not there");
    }
    for named in [&deb["maintainer-scripts"], &deb["systemd-units"]["unit-scripts"], &deb["license-file"][0]] {
        assert!(root().join(named.as_str().expect("a path")).exists(), "{named} is not there");
    }
    assert_eq!((&deb["systemd-units"]["enable"], &deb["systemd-units"]["start"]), (&false.into(), &false.into()));
}

/// The image is built elsewhere (`deploy/check`): here its recipe is held to what the rest relies on.
#[test]
fn the_images_recipe_ends_in_one_static_binary_run_by_a_user_without_rights() {
    let recipe = text("deploy/Dockerfile");
    let (build, image) = recipe.split_once("FROM scratch\n").expect("an image of nothing else");
    assert!(build.contains("RUN deploy/rootfs /image\n"), "{build}");
    assert!(image.contains("\nUSER 65532:65532\n") && !image.contains("RUN "), "{image}");
    // A builder gives an owner to what it copies, and not to the folder that it copies into.
    assert!(image.contains("--chown=65532:65532 /image/var/lib/ /var/lib/\n"), "{image}");
    let health = "CMD [\"/usr/bin/wolkvox-exporter\", \"health\"]";
    let entry = "ENTRYPOINT [\"/usr/bin/wolkvox-exporter\"]";
    assert!(image.contains(health) && image.contains(entry), "{image}");
    let rust = text("Cargo.toml").lines().find_map(|line| line.strip_prefix("rust-version = ").map(str::to_owned));
    let rust = rust.expect("the oldest Rust");
    assert!(build.contains(&format!("ARG RUST_IMAGE=rust:{}-", rust.trim_matches('"'))), "{rust}");
}

#[test]
fn the_images_labels_say_what_the_manifest_says() {
    let recipe = text("deploy/Dockerfile").replace("\\\n", "");
    let labels = recipe.lines().find_map(|line| line.strip_prefix("LABEL ")).expect("labels");
    for (label, value) in [
        ("title", env!("CARGO_PKG_NAME")),
        ("description", env!("CARGO_PKG_DESCRIPTION")),
        ("licenses", env!("CARGO_PKG_LICENSE")),
        ("version", env!("CARGO_PKG_VERSION")),
        ("revision", "$WOLKVOX_COMMIT"),
    ] {
        assert!(labels.contains(&format!("org.opencontainers.image.{label}=\"{value}\"")), "{label}: {labels}");
    }
}

/// A program of the test's own in place of one that this script calls.
fn stand_in(folder: &Path, name: &str, script: &str) {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a writable folder");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a file of the test's own");
}

/// Every file below a folder, by its path from there.
fn files_below(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for path in fs::read_dir(next).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(folder).expect("below it").to_owned());
            }
        }
    }
    found
}

/// What others wrote is compiled in a layer of its own, which nothing that a commit usually changes may reach.
#[tokio::test]
async fn the_images_dependencies_are_built_from_the_manifests_alone_and_leave_nothing_of_ours() {
    let recipe = text("deploy/Dockerfile");
    let (before, after) = recipe.split_once("\nRUN deploy/dependencies\n").expect("a layer of dependencies");
    assert!(after.starts_with("COPY . .\n") && after.contains("\nARG WOLKVOX_COMMIT\n"), "{after}");
    assert!(!before.contains("WOLKVOX_COMMIT"), "{before}");
    let copied = before.lines().filter_map(|line| line.strip_prefix("COPY ")).flat_map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        words[..words.len() - 1].iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()
    });
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (context, programs) = (folder.path().join("src"), folder.path().join("bin"));
    fs::create_dir_all(&programs).expect("a writable folder");
    for path in copied {
        let from = root().join(&path);
        let files = if from.is_dir() { files_below(&from) } else { BTreeSet::from([PathBuf::new()]) };
        for file in files {
            // Joining nothing would add a slash.
            let inner = if file.as_os_str().is_empty() { PathBuf::from(&path) } else { Path::new(&path).join(file) };
            let to = context.join(&inner);
            fs::create_dir_all(to.parent().expect("a folder")).expect("a writable folder");
            fs::copy(root().join(&inner), to).unwrap_or_else(|error| panic!("{}: {error}", inner.display()));
        }
    }
    let given = files_below(&context);
    assert!(given.iter().all(|path| path.extension().is_none_or(|extension| extension != "rs")), "{given:?}");

    // Cargo reads the manifests as it would before it builds; nothing is compiled here.
    let (cargo, said) = (env!("CARGO"), folder.path().join("said"));
    let metadata = format!("{cargo} metadata --no-deps --offline --locked --format-version 1");
    let script =
        format!("echo \"$@\" >>{}\ncase $1 in clean) {metadata} >/dev/null ;; *) {metadata} ;; esac", said.display());
    stand_in(&programs, "cargo", &script);
    for name in ["rustup", "musl-gcc"] {
        stand_in(&programs, name, "true");
    }
    let path = format!("PATH={}:{}", programs.display(), std::env::var("PATH").expect("a PATH"));
    let run_in = async |folder: &Path| {
        let script = folder.join("deploy/dependencies");
        run("env", &[&path, script.to_str().expect("plain letters")], b"").await
    };
    let ended = run_in(&context).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(files_below(&context), given, "a file is left, or gone");
    let said = fs::read_to_string(said).expect("what cargo was asked");
    let cleaned = said.lines().find(|line| line.starts_with("clean ")).expect("what is ours is removed");
    for package in ["wolkvox-exporter", "wolkvox-simulator"] {
        assert!(cleaned.contains(&format!("--package {package}")), "{cleaned}");
    }
    let built = said.lines().position(|line| line.starts_with("build --release --locked ")).expect("a build");
    assert!(built < said.lines().position(|line| line == cleaned).expect("a line"), "{said}");

    let refused = run_in(root()).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("would overwrite ") && refused.stderr.contains("hint: "), "{refused:?}");
}

#[test]
fn never_leak_what_git_ignores_as_an_operators_own_is_kept_from_the_images_build_too() {
    let ignored = |file: &str| text(file).lines().map(str::to_owned).collect::<BTreeSet<_>>();
    let (git, docker) = (ignored(".gitignore"), ignored(".dockerignore"));
    for own in ["/wolkvox-exporter.yml", "/tokens/", "/.env"] {
        assert!(git.contains(own) && docker.contains(own), "{own}");
    }
}

#[tokio::test]
async fn the_manifests_are_what_kubernetes_1_28_and_the_newest_known_one_take() {
    let python = python();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let misspelt = folder.path().join("misspelt.yaml");
    fs::write(&misspelt, text(MANIFESTS[0]).replace("readOnlyRootFilesystem:", "readonlyRootFilesystem:"))
        .expect("a writable folder");
    let validate = async |version: &str, path: &Path| {
        let path = path.to_str().expect("plain letters");
        let args = ["-W", "error", "-m", "kubernetes_validate", "--strict", "-k", version, path];
        run(&python, &args, b"").await
    };
    for version in ["1.28.0", "1.37.0"] {
        for manifest in MANIFESTS {
            let judged = validate(version, &root().join(manifest)).await;
            assert_eq!(judged.code, Some(0), "{judged:?}");
            let passed = format!("{}{}", judged.stdout, judged.stderr).matches(" passed for resource ").count();
            assert_eq!(passed, documents(manifest).len(), "{judged:?}");
        }
        assert_ne!(validate(version, &misspelt).await.code, Some(0), "{version} takes a key that does not exist");
    }
}

#[test]
fn never_leak_the_pods_have_no_right_beyond_their_work() {
    let set = document("StatefulSet");
    let pod = &set["spec"]["template"]["spec"];
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    let container = &pod["containers"][0];
    let confined = &container["securityContext"];
    assert_eq!(confined["readOnlyRootFilesystem"], true);
    assert_eq!(confined["allowPrivilegeEscalation"], false);
    assert_eq!(confined["capabilities"]["drop"], serde_json::json!(["ALL"]));
    let is_writable = |mount: &&Value| mount["readOnly"] != true;
    let writable: Vec<&Value> =
        container["volumeMounts"].as_array().expect("mounts").iter().filter(is_writable).collect();
    assert_eq!(writable.len(), 1, "{writable:?}");
    assert_eq!(writable[0]["mountPath"], "/var/lib/wolkvox-exporter");

    let policy = document("NetworkPolicy");
    assert_eq!(policy["spec"]["policyTypes"], serde_json::json!(["Ingress", "Egress"]));
    assert_eq!(policy["spec"]["podSelector"]["matchLabels"], set["spec"]["template"]["metadata"]["labels"]);
}

#[test]
fn the_manifests_agree_with_each_other_and_with_the_exporter() {
    let (set, service) = (document("StatefulSet"), document("Service"));
    let pod = &set["spec"]["template"];
    let labels = &pod["metadata"]["labels"];
    assert_eq!((&service["spec"]["selector"], &set["spec"]["selector"]["matchLabels"]), (labels, labels));
    assert_eq!(service["metadata"]["name"], set["spec"]["serviceName"]);
    let container = &pod["spec"]["containers"][0];
    assert_eq!(container["ports"][0]["containerPort"], service["spec"]["ports"][0]["port"]);
    let arguments: Vec<&str> = container["args"].as_array().expect("flags").iter().filter_map(Value::as_str).collect();
    assert!(arguments.contains(&format!("--shard=$(POD_INDEX)/{}", set["spec"]["replicas"]).as_str()), "{arguments:?}");
    assert_eq!(container["livenessProbe"]["httpGet"]["path"], "/-/healthy");
    assert_eq!(container["readinessProbe"]["httpGet"]["path"], "/-/ready");

    let (config, secret) = (document("ConfigMap"), document("Secret"));
    let volumes = pod["spec"]["volumes"].as_array().expect("volumes");
    let mounted = |key: &str, name: &str| volumes.iter().any(|volume| volume[key][name].is_string());
    assert!(mounted("configMap", "name") && mounted("secret", "secretName"), "{volumes:?}");
    assert!(volumes.iter().any(|volume| volume["secret"]["secretName"] == secret["metadata"]["name"]));
    let config = config["data"]["wolkvox-exporter.yml"].as_str().expect("a config");
    let operations = secret["stringData"].as_object().expect("tokens");
    assert_eq!(operations.keys().collect::<Vec<_>>(), ["acme"]);
    read_config(config, "/run/secrets/wolkvox/acme");

    let monitor = &documents("deploy/kubernetes/service-monitor.yaml")[0].1;
    assert_eq!(monitor["spec"]["selector"]["matchLabels"], service["metadata"]["labels"]);
    assert_eq!(monitor["spec"]["endpoints"][0]["port"], service["spec"]["ports"][0]["name"]);
    // What becomes the label `job`, by which alerts know the exporter.
    assert!(service["metadata"]["name"].as_str().expect("a name").contains("wolkvox"));
}

#[tokio::test]
async fn the_operators_rules_are_those_of_the_alerts_folder_word_for_word() {
    let script = root().join("deploy/kubernetes/prometheus-rule");
    for (arguments, language) in [(vec![], "en"), (vec!["es"], "es")] {
        let printed = run(script.to_str().expect("plain letters"), &arguments, b"").await;
        assert_eq!((printed.code, printed.stderr.as_str()), (Some(0), ""));
        let rule = yaml(&printed.stdout);
        assert_eq!(
            (&rule["apiVersion"], &rule["kind"]),
            (&"monitoring.coreos.com/v1".into(), &"PrometheusRule".into())
        );
        let common = ["by-operation", "holidays", "recording", "thresholds"].map(str::to_owned);
        let spoken = ["exporter", "now", "productivity"].map(|name| format!("{language}/{name}"));
        let files = common.iter().chain(&spoken).map(|name| text(&format!("alerts/{name}.yml")));
        let groups: Vec<Value> =
            files.flat_map(|file| yaml(&file)["groups"].as_array().expect("groups").clone()).collect();
        assert_eq!(rule["spec"]["groups"].as_array(), Some(&groups), "{language}");
    }
    let refused = run(script.to_str().expect("plain letters"), &["fr"], b"").await;
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""));
}

/// Whatever repeats the version that stands in `Cargo.toml`.
#[test]
fn the_version_is_the_same_wherever_it_is_repeated() {
    let (version, mut seen) = (env!("CARGO_PKG_VERSION"), 0);
    let places = [
        "README.md",
        "README.es.md",
        "deploy/README.md",
        "deploy/Dockerfile",
        "docker-compose.yml",
        "deploy/compose.check.yml",
        "deploy/kubernetes/wolkvox-exporter.yaml",
    ];
    for place in places {
        let text = text(place);
        let names = ["wolkvox-exporter:", "wolkvox-history:", "wolkvox-vendor:"].map(|name| (name, ""));
        for (name, end) in names.into_iter().chain([("wolkvox-exporter_", "-1_amd64.deb")]) {
            for rest in text.split(name).skip(1).filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
                assert!(
                    rest.starts_with(&format!("{version}{end}")),
                    "{place}: {}",
                    rest.lines().next().unwrap_or_default()
                );
                seen += 1;
            }
        }
    }
    assert!(seen >= 9, "only {seen} places");
    let changelog = text("CHANGELOG.md");
    assert!(changelog.contains(&format!("\n## [{version}]\n")), "CHANGELOG.md has no section of this version");
}

/// Workflows cannot run here: each of their steps is a script of the repository, which can.
#[test]
fn every_step_of_a_workflow_is_a_script_of_the_repository() {
    let mut steps = 0;
    for workflow in ["gate", "advisories", "release"] {
        let text = text(&format!(".github/workflows/{workflow}.yml"));
        for step in text.lines().filter_map(|line| line.trim().trim_start_matches("- ").strip_prefix("run: ")) {
            let script = step.split(' ').next().expect("a word");
            let mode =
                fs::metadata(root().join(script)).unwrap_or_else(|_| panic!("{script} is not there")).permissions();
            assert!(mode.mode() & 0o111 != 0, "{script} cannot be run");
            steps += 1;
        }
        assert!(text.contains("\npermissions:\n  contents: read\n"), "{workflow} may do more than read");
    }
    assert!(steps >= 7, "only {steps} steps");
}
