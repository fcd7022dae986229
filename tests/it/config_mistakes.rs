//! `docs/config-mistakes.md` has what people get wrong in a config, and what they are told.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::child::exporter;
use crate::support::pages::assert_current;

/// Where the page says that the files are.
const FOLDER: &str = "/etc/wolkvox-exporter";
const PAGE: &str = "docs/config-mistakes.md";
const HEAD: &str = "\
<!-- Generated from tests/it/config_mistakes.rs. To renew it: UPDATE_DOCS=1 cargo test --test it config_mistakes_md -->

# Mistakes in a config

What people get wrong, and what the exporter says. `check` tells all mistakes of a config and of the files that it names in one
run; `serve` says the same and does not start; a reload says the same, to whoever asked, in the log and on the status page,
and the old config stays. A mistake in the form of the YAML stands alone, as nothing below it can be understood.
No message repeats a token, a key, or what could be one.

All files stand in `/etc/wolkvox-exporter`. `acme.token` and `names.key` are there and right.
";
const KEY: &str = "s3cr3t-k3y-of-thirty-two-letters-at-least";
const TOKEN: &str = "s3cr3t-t0ken";

/// The smallest config, with other lines in place of some of its own, and more behind it.
fn with(replaced: &[(&str, &str)], more: &str) -> String {
    let good = "operations:\n  - name: acme\n    server: \"0003\"\n    token_file: acme.token\n".to_owned();
    let text = replaced.iter().fold(good, |text, (old, new)| {
        assert!(text.contains(old), "{old}");
        text.replace(old, new)
    });
    text + more
}

const SERVER: &str = "server: \"0003\"";
const TOKEN_FILE: &str = "token_file: acme.token";

struct Mistake {
    title: &'static str,
    config: String,
    /// Beside the config, shown where they are part of the mistake.
    files: Vec<(&'static str, String)>,
}

fn mistake(title: &'static str, config: impl Into<String>) -> Mistake {
    Mistake { title, config: config.into(), files: Vec::new() }
}

fn mistake_in(title: &'static str, config: String, files: &[(&'static str, &str)]) -> Mistake {
    Mistake { files: files.iter().map(|(name, text)| (*name, (*text).to_owned())).collect(), ..mistake(title, config) }
}

fn of_the_form() -> Vec<Mistake> {
    vec![
        mistake("The file is empty", ""),
        mistake("All of it is comments", "# operations:\n#   - name: acme\n"),
        mistake("There are settings and no operations", "polling:\n  interval: 10m\n"),
        mistake("The list is empty", "operations: []\n"),
        mistake("A mapping where a list is wanted", "operations:\n  name: acme\n  server: \"0003\"\n"),
        mistake("A list where keys are wanted", "- name: acme\n  server: \"0003\"\n"),
        mistake("A tab", "operations:\n\t- name: acme\n"),
        mistake("A quote is missing", with(&[(SERVER, "server: \"0003")], "")),
        mistake(
            "A quote is missing, and another one closes it",
            with(&[(SERVER, "server: \"0003"), (TOKEN_FILE, "token_file: \"acme.token\"")], ""),
        ),
        mistake("A key stands too far to the left", with(&[("    token_file", "   token_file")], "")),
        mistake("No blank behind a colon", with(&[(SERVER, "server:\"0003\"")], "")),
        mistake("A colon in a text without quotes", with(&[("name: acme", "name: acme: sales")], "")),
        mistake("Two documents", with(&[], "---\npolling:\n  interval: 10m\n")),
        mistake("A key is there twice", with(&[], "    timezone: America/Bogota\n    timezone: America/Lima\n")),
        mistake("A key is misspelt", with(&[("token_file", "tokn_file")], "")),
        mistake("A key stands at the wrong place", with(&[], "    interval: 10m\n")),
    ]
}

fn of_operations() -> Vec<Mistake> {
    let second = "  - name: acme\n    server: \"0004\"\n    token_file: acme.token\n";
    vec![
        mistake("No name", with(&[("name: acme", "pool: acme")], "")),
        mistake("No server", with(&[("    server: \"0003\"\n", "")], "")),
        mistake("Both server and base_url", with(&[], "    base_url: https://proxy.example\n")),
        mistake("No server number", with(&[("\"0003\"", "3")], "")),
        mistake("base_url without https", with(&[(SERVER, "base_url: proxy.example/wolkvox")], "")),
        mistake("base_url over plain http", with(&[(SERVER, "base_url: http://proxy.example/wolkvox")], "")),
        mistake(
            "base_url with the end that the exporter adds",
            with(&[(SERVER, "base_url: https://proxy.example/wolkvox/api/v2/")], ""),
        ),
        mistake("base_url with a password", with(&[(SERVER, "base_url: https://acme:s3cr3t-t0ken@proxy.example")], "")),
        mistake("No token", with(&[("    token_file: acme.token\n", "")], "")),
        mistake("The token itself in the config", with(&[(TOKEN_FILE, "token: s3cr3t-t0ken")], "")),
        mistake("Both token_file and token_env", with(&[], "    token_env: ACME_TOKEN\n")),
        mistake("The variable is not set", with(&[(TOKEN_FILE, "token_env: ACME_TOKEN")], "")),
        mistake("The token file is not there", with(&[(TOKEN_FILE, "token_file: acme.tokn")], "")),
        mistake_in(
            "The token file is empty",
            with(&[(TOKEN_FILE, "token_file: empty.token")], ""),
            &[("empty.token", "\n")],
        ),
        mistake_in(
            "The token file has two lines",
            with(&[(TOKEN_FILE, "token_file: two.token")], ""),
            &[("two.token", "s3cr3t-t0ken\ns3cr3t-t0ken\n")],
        ),
        mistake(
            "The service manager's copy of a token, by hand",
            with(&[(TOKEN_FILE, "token_file: $CREDENTIALS_DIRECTORY/token_acme")], ""),
        ),
        mistake("The token file is a folder", with(&[(TOKEN_FILE, "token_file: .")], "")),
        mistake("A name is there twice", with(&[], second)),
        mistake("A report that the catalogue does not have", with(&[], "    reports: [agent_3]\n")),
        mistake("A report is there twice", with(&[], "    reports: [agent_kpi, smart_wait, agent_kpi]\n")),
        mistake("An empty list of reports", with(&[], "    reports: []\n")),
        mistake("A zone that is none", with(&[], "    timezone: Bogota\n")),
        mistake("No licences", with(&[], "    licenses: 0\n")),
        mistake("Fewer than none", with(&[], "    licenses: -1\n")),
    ]
}

fn of_settings() -> Vec<Mistake> {
    let polling = |line: &str| with(&[], &format!("polling:\n  {line}\n"));
    let limits = |line: &str| with(&[], &format!("limits:\n  {line}\n"));
    let privacy = |lines: &str| with(&[], &format!("privacy:\n  {lines}\n"));
    vec![
        mistake("A time without its unit", polling("interval: 300")),
        mistake("An interval that is too short", polling("interval: 1m")),
        mistake("An interval that is too long", polling("interval: 48h")),
        mistake("stale_after under the interval", polling("stale_after: 2m")),
        mistake("A time-out that is too long", polling("timeout: 10m")),
        mistake("A window that does not exist", polling("windows: [today, tomorrow]")),
        mistake("A limit that lets nothing through", limits("series_per_report: 0")),
        mistake("A size that is none", limits("response_bytes: much")),
        mistake("Too little memory", limits("memory: 1MB")),
        mistake("A choice that does not exist", privacy("agent_name: hidden")),
        mistake("A key for names that are not hashed", privacy("key_file: names.key")),
        mistake("A key that is too short", privacy("agent_name: hashed\n  key_file: acme.token")),
        mistake("Documents of people whose names are hidden", privacy("agent_name: hashed\n  agent_dni: plain")),
    ]
}

fn of_several_files() -> Vec<Mistake> {
    let files = "operations_files: conf.d/*.yml\n";
    let one = "operations:\n  - name: acme\n    server: \"0003\"\n    token_file: ../acme.token\n";
    vec![
        mistake("The folder of the operations is not there", files),
        mistake("A file of operations is not there", "operations_files: [conf.d/acme.yml]\n"),
        mistake_in("A name is in two files", files.to_owned(), &[("conf.d/acme.yml", one), ("conf.d/sales.yml", one)]),
        mistake_in(
            "Settings in a file of operations",
            files.to_owned(),
            &[("conf.d/acme.yml", &format!("{one}polling:\n  interval: 10m\n"))],
        ),
        mistake_in(
            "Several mistakes at once",
            with(
                &[("token_file", "tokn_file")],
                "    licenses: many\n  - name: sales\n    server: \"0004\"\n    timezone: Bogota\noperations_files: conf.d/*.yml\npolling:\n  interval: 300\n",
            ),
            &[("conf.d/acme.yml", "operations:\n  - name: sales\n    server: \"12\"\n    token_file: acme.token\n")],
        ),
    ]
}

/// What `check` says of it, with stable paths.
async fn told(folder: &Path, flags: &[&str]) -> String {
    let config = format!("--config.file={}/wolkvox-exporter.yml", folder.display());
    let ended = exporter(&[&["check", &config], flags].concat()).await;
    assert_ne!(ended.code, Some(101), "{ended:?}");
    let said = if ended.code == Some(0) { ended.stdout } else { ended.stderr };
    assert!(!said.contains("s3cr3t") && !said.contains("panicked"), "{said}");
    said.replace(&folder.display().to_string(), FOLDER)
}

/// A folder as the page has it, which everybody may enter.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("my own folder");
    for (name, text) in [("acme.token", TOKEN), ("names.key", KEY)] {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("a writable folder");
        fs::set_permissions(path, fs::Permissions::from_mode(0o640)).expect("my own file");
    }
    folder
}

async fn entry(page: &mut String, mistake: Mistake) {
    let folder = folder();
    let _ = writeln!(page, "\n### {}\n", mistake.title);
    let config = ("wolkvox-exporter.yml", mistake.config);
    let several = mistake.files.iter().any(|(name, _)| name.starts_with("conf.d"));
    for (name, text) in [config].into_iter().chain(mistake.files) {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
        fs::write(path, &text).expect("a writable folder");
        if name.contains("token") || text.is_empty() {
            continue;
        }
        if several {
            let _ = writeln!(page, "`{name}`:\n");
        }
        let _ = writeln!(page, "```yaml\n{text}```\n");
    }
    let said = told(folder.path(), &[]).await;
    assert!(said.starts_with("error: "), "{}: {said}", mistake.title);
    let _ = writeln!(page, "```text\n{said}```");
}

/// What is wrong with the file and not with a line of it.
async fn entries_of_files(page: &mut String) {
    let folder = folder();
    let path = folder.path().join("wolkvox-exporter.yml");
    let mut entry = async |title: &str| {
        let said = told(folder.path(), &[]).await;
        assert!(said.starts_with("error: "), "{title}: {said}");
        let _ = writeln!(page, "\n### {title}\n\n```text\n{said}```");
    };
    entry("There is no such file").await;
    fs::write(&path, b"operations:\n  - name: bogot\xe1\n").expect("a writable folder");
    entry("A letter in another encoding than UTF-8").await;
    fs::File::options().write(true).open(&path).and_then(|file| file.set_len(1 << 40)).expect("a sparse file");
    entry("A file of a terabyte").await;
    fs::remove_file(&path).and_then(|()| fs::create_dir(&path)).expect("a writable folder");
    entry("A folder").await;
}

/// What is no mistake and worth a look.
async fn warnings(page: &mut String) {
    let folder = folder();
    let path = folder.path().join("wolkvox-exporter.yml");
    fs::write(&path, with(&[], "")).expect("a writable folder");
    fs::set_permissions(folder.path().join("acme.token"), fs::Permissions::from_mode(0o644)).expect("my own file");
    let said = told(folder.path(), &[]).await;
    let at = said.find("/etc/wolkvox-exporter/acme.token").expect("a line about it");
    let line: Vec<&str> = said[at..].lines().take(2).collect();
    let line = line.join("\n");
    let _ = writeln!(
        page,
        "\n### Everybody on the machine can read a token\n\nThe exporter starts, and logs it.\n\n```text\n{line}\n```"
    );
    let config = with(&[], "    licenses: 1\npolling:\n  interval: 1m\n  allow_faster_than_vendor: true\n");
    fs::write(&path, &config).expect("a writable folder");
    let said = told(folder.path(), &[]).await;
    let line = said.lines().find(|line| line.contains("to be had")).expect("a line about it");
    let _ =
        writeln!(page, "\n### More requests than the licences allow\n\n```yaml\n{config}```\n\n```text\n{line}\n```");
    let said = told(folder.path(), &["--web.listen-address=10077"]).await;
    assert!(said.starts_with("error: "), "{said}");
    let title = "A port in place of an address";
    let _ = writeln!(
        page,
        "\n### {title}\n\n```sh\nwolkvox-exporter --web.listen-address=10077\n```\n\n```text\n{said}```"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn config_mistakes_md_says_what_the_exporter_says() {
    let mut page = HEAD.to_owned();
    let sections = [
        ("The form", of_the_form()),
        ("Operations", of_operations()),
        ("Settings", of_settings()),
        ("Several files, several mistakes", of_several_files()),
    ];
    for (title, mistakes) in sections {
        let _ = writeln!(page, "\n## {title}");
        for mistake in mistakes {
            entry(&mut page, mistake).await;
        }
    }
    page.push_str("\n## The file\n");
    entries_of_files(&mut page).await;
    page.push_str("\n## Right, and worth a look\n");
    warnings(&mut page).await;
    assert!(page.matches("\n### ").count() >= 40);
    assert_current(PAGE, &page, "config_mistakes_md");
}
