//! Messages about a config or a web config, and what they may repeat of it.

use wolkvox_exporter::catalog::Catalog;
use wolkvox_exporter::config::Config;
use wolkvox_exporter::web::WebConfig;

const SECRET: &str = "s3cr3t-t0ken";
/// One line or two that hold the secret, in every form that YAML has for a text; `=` stands for the indentation.
const PLANTED: [&str; 20] = [
    "=token: SECRET",
    "=# SECRET",
    "=- SECRET",
    "=SECRET",
    "=SECRET: x",
    "=? SECRET",
    "=\"token\": \"SECRET\"",
    "=token: 'SECRET",
    "=\"SECRET",
    "=x: SECRET\"",
    "=token: >-\n=  SECRET",
    "=token: |\n=  SECRET",
    "=? |\n=  SECRET\n=: x",
    "={token: SECRET, SECRET: SECRET}",
    "=[SECRET, {SECRET: x}]",
    "=token: &SECRET x",
    "=token: *SECRET",
    "=token: !SECRET x",
    "%SECRET x",
    "=`SECRET`: `SECRET`",
];
/// What stands around it: right, wrong in every way that a message quotes, and open so that it swallows the line.
const AROUND: [&str; 17] = [
    "",
    "    pool: x\n    pool: y\n",
    "    \"tokn\n    pool\": x\n",
    "    \"tokn`s\n    pool\": x\n",
    "    'tokn\n    pool': x\n",
    "    ? >\n      tokn\n      pool\n    : x\n",
    "    ? \"tokn\\\n      pool\"\n    : x\n",
    "    {\"tokn\n    pool\": x,\n    \"tokn\n    pool\": x}\n",
    "    timezone: \"America\n    Bogota\"\n",
    "    licenses: \"1\n    2\"\n",
    "    allow_plain_http: >\n      maybe\n      not\n",
    "    reports: [\"agent\n    kpi\",\n    [agent_kpi]]\n",
    "    reports: [{name: \"agent\n    kpi\", windows: [\"to\n    day\"]}]\n",
    "    base_url: https://a.example/\"api\n    v2\"/api/v2/\n",
    "    licenses: 0\n    timezone: Bogota\n    reports: [agent_3]\n    base_url: http://a.example/api/v2/\n",
    "operations_files:\n  - conf.d/*.yml\n  - \"other\n    files\"\n",
    "polling: {\"interval\n  \": 5m}\nprivacy: {agent_name: \"hid\n  den\"}\n",
];
const WEB: [&str; 4] = [
    "basic_auth_users:\n  alice: \"not\n  a hash\"\n  \"bo\n  b\": x\n",
    "tls_server_config:\n  cert_file: \"server\n    crt\"\n  \"key\n    file\": x\n",
    "rate_limit:\n  interval: >\n    soon\n    or late\n  burst: \"1\n    2\"\n",
    "http_server_config:\n  http2: !yes\n    maybe\n  headers: {X-Frame-Options: \"de\n    ny\", X-Frame-Options: x}\n",
];

/// The text with each of the planted lines at each of its places.
fn planted(text: &str) -> impl Iterator<Item = String> {
    let lines: Vec<&str> = text.split('\n').collect();
    (0..lines.len()).flat_map(move |place| {
        let (before, after) = (lines[..place].join("\n"), lines[place..].join("\n"));
        let indent = lines[place].len() - lines[place].trim_start().len();
        PLANTED.map(|planted| {
            let planted = planted.replace('=', &" ".repeat(indent)).replace("SECRET", SECRET);
            format!("{before}\n{planted}\n{after}")
        })
    })
}

#[test]
fn never_leak_a_line_with_a_secret_anywhere_in_a_config_is_in_no_message() {
    let (folder, catalog) = (tempfile::tempdir().unwrap(), Catalog::builtin().unwrap());
    let path = folder.path().join("c.yml");
    let (mut wrong, mut told) = (0, Vec::new());
    for around in AROUND {
        let text = format!("operations:\n  - name: acme\n    server: \"0003\"\n    token_file: token\n{around}");
        for text in planted(&text) {
            told.extend(Config::parse(&text, &path, &catalog).err().map(|error| (text, error)));
        }
    }
    for text in WEB.iter().flat_map(|text| planted(text)) {
        std::fs::write(&path, &text).unwrap();
        told.extend(WebConfig::load(&path).0.err().map(|error| (text, error)));
    }
    for (text, error) in told {
        let message = format!("{error} {error:?}");
        assert!(!message.contains("s3cr3t") && !message.contains("t0ken"), "{text}\n{error}");
        assert!(error.to_string().split("\n\n").all(|one| one.lines().count() <= 3), "{text}\n{error}");
        wrong += 1;
    }
    assert!(wrong > 1_000, "only {wrong} messages");
}
