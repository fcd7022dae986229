//! The exporter answers only those who may ask.

use std::fs;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::process::Command;

use crate::support::child::{EXPORTER, Ended, Running, exporter, run};
use crate::support::harness::{CONFIG_FILE, Harness, PATIENCE, Setup, WEB_CONFIG_FILE, config_folder, until};
use crate::support::http::{self, Answer, basic};
use crate::support::scraped::Scraped;

pub const PASSWORD: &str = "s3cr3t-passw0rd";
const PROTECTED: [&str; 5] = ["/", "/status.json", "/docs/metrics.md", "/metrics", "/nowhere"];
const REFUSALS: &str = "wolkvox_exporter_http_refusals_total";
const WEB_RELOADED: &str = "wolkvox_exporter_web_config_last_reload_successful";

/// A web config that knows alice. The cost is the least, so that tests do not wait.
pub fn alice() -> String {
    format!("basic_auth_users:\n  alice: \"{}\"\n", bcrypt::hash(PASSWORD, 8).expect("random numbers"))
}

pub fn login() -> String {
    basic("alice", PASSWORD)
}

async fn guarded(web_config: String) -> Harness {
    Harness::start(Setup { web_config: Some(web_config), ..Setup::frozen() }).await
}

async fn get(harness: &Harness, path: &str, headers: &str) -> Answer {
    http::send(harness.address, "GET", path, headers).await
}

async fn scrape(harness: &Harness) -> Scraped {
    Scraped::parse(&get(harness, "/metrics", &login()).await.text())
}

/// A connection that comes from this address of the machine's own.
pub async fn from(source: &str, address: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(source.parse().expect("an address"), 0))?;
    socket.connect(address).await
}

#[tokio::test(flavor = "multi_thread")]
async fn never_leak_without_the_right_credentials_only_health_answers_and_says_one_word() {
    let harness = guarded(alice()).await;
    let wrong = [
        String::new(),
        basic("alice", "wrong"),
        basic("bob", PASSWORD),
        basic("", ""),
        basic("alice", &format!("{PASSWORD}\0")),
        "Authorization: Basic\r\n".to_owned(),
        "Authorization: Bearer x\r\n".to_owned(),
        "Authorization: Basic %%%\r\n".to_owned(),
        format!("Proxy-{}", login()),
    ];
    for headers in &wrong {
        for path in PROTECTED {
            let answer = get(&harness, path, headers).await;
            assert_eq!(answer.status, 401, "{path} {headers}");
            assert!(answer.header("www-authenticate").is_some_and(|scheme| scheme.starts_with("Basic realm=")));
            assert_eq!(answer.text(), "unauthorized\n", "{path} {headers}");
        }
        let reload = http::send(harness.address, "POST", "/-/reload", headers).await;
        assert_eq!(reload.status, 401, "{headers}");
        for (path, word) in [("/-/healthy", "healthy\n"), ("/-/ready", "ready\n")] {
            let answer = get(&harness, path, headers).await;
            assert_eq!((answer.status, answer.text().as_str()), (200, word), "{headers}");
        }
    }
    for (path, status) in PROTECTED.into_iter().zip([200, 200, 200, 200, 404]) {
        assert_eq!(get(&harness, path, &login()).await.status, status, "{path}");
    }
    assert_eq!(http::send(harness.address, "POST", "/-/reload", &login()).await.status, 200);
    let refused = scrape(&harness).await.value(REFUSALS, &["reason=\"credentials\""]);
    assert_eq!(refused, Some((wrong.len() * (PROTECTED.len() + 1)) as f64));
}

#[tokio::test(flavor = "multi_thread")]
async fn never_leak_no_spelling_of_a_path_gets_round_the_credentials() {
    let harness = guarded(alice()).await;
    for path in [
        "/-/healthy/../../metrics",
        "/-/healthy/%2e%2e/%2e%2e/metrics",
        "/-/healthy%2f..%2f..%2fmetrics",
        "/-/healthy;/metrics",
        "/-/healthy/",
        "//metrics",
        "/./metrics",
        "/METRICS",
        "/%6detrics",
        "/metrics/",
        "/metrics?path=/-/healthy",
        "/metrics#/-/healthy",
        "/metrics%00/-/healthy",
        "http://localhost/metrics",
        "http://localhost/-/healthy/../metrics",
        "*",
    ] {
        let answer = get(&harness, path, "").await;
        assert!([400, 401].contains(&answer.status), "{path}: {}", answer.status);
        assert!(!answer.text().contains("wolkvox_"), "{path}");
    }
    for header in ["X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix", "X-HTTP-Method-Override"] {
        assert_eq!(get(&harness, "/metrics", &format!("{header}: /-/healthy\r\n")).await.status, 401, "{header}");
    }
    assert_eq!(get(&harness, "/-/healthy?x=1", "").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_with_line_ends_or_sent_twice_is_refused_and_repeated_nowhere() {
    let folder = config_folder("");
    fs::write(folder.path().join(WEB_CONFIG_FILE), alice()).unwrap();
    let web_config = format!("--web.config.file={}", folder.path().join(WEB_CONFIG_FILE).display());
    let flags = ["demo", &web_config, "--web.listen-address=127.0.0.1:0", "--log.level=trace"];
    let mut process = Running::start(EXPORTER, &flags);
    let address = process.after("address=").await.parse().expect("an address");
    let crafted = |text: &str| format!("Authorization: Basic {}\r\n", BASE64_STANDARD.encode(text));
    for headers in [
        crafted("injected\r\nX-Injected: yes\r\n:injected"),
        crafted("injected\nlevel=error msg=injected:x"),
        crafted("injected\u{1b}[2J:x"),
        format!("{}{}", login(), crafted("injected:x")),
        format!("{}{}", crafted("injected:x"), login()),
    ] {
        let answer = http::send(address, "GET", "/metrics", &headers).await;
        assert_eq!(answer.status, 401, "{headers}");
        assert_eq!(answer.header("x-injected"), None);
        assert!(!answer.text().contains("injected"));
    }
    // A bare line end or a byte that no header has is no request at all.
    for bytes in ["X: a\rInjected: b\r\n", "X: a\0b\r\n", "X Y: a\r\n", "X : a\r\n", ": a\r\n"] {
        let stream = TcpStream::connect(address).await.unwrap();
        let said = http::talk(stream, http::request("/-/healthy", bytes).as_bytes()).await;
        assert!(said.starts_with(b"HTTP/1.1 400") || said.is_empty(), "{bytes:?}: {}", String::from_utf8_lossy(&said));
    }
    assert_eq!(http::send(address, "GET", "/metrics", &login()).await.status, 200);
    let (_, _, said) = process.terminate().await;
    assert!(!said.to_ascii_lowercase().contains("injected") && !said.contains(PASSWORD), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_wrong_passwords_holds_up_no_scraper() {
    let harness = Arc::new(guarded(alice()).await);
    assert_eq!(get(&harness, "/metrics", &login()).await.status, 200);
    let flood: Vec<_> = (0..60)
        .map(|client| {
            let harness = Arc::clone(&harness);
            tokio::spawn(async move {
                for attempt in 0..5 {
                    let headers = basic("alice", &format!("{client} {attempt}"));
                    let stream = from("127.0.0.2", harness.address).await.expect("a connection");
                    let said = http::talk(stream, http::request("/metrics", &headers).as_bytes()).await;
                    let status = Answer::parse(&said).status;
                    assert!([401, 429].contains(&status), "{status}");
                }
            })
        })
        .collect();
    let mut slowest = Duration::ZERO;
    while !flood.iter().all(tokio::task::JoinHandle::is_finished) {
        let started = Instant::now();
        // The same client as in the flood, but with what is known to be right.
        let stream = from("127.0.0.2", harness.address).await.expect("a connection");
        let said = http::talk(stream, http::request("/metrics", &login()).as_bytes()).await;
        assert_eq!(Answer::parse(&said).status, 200);
        slowest = slowest.max(started.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("slowest scrape during the flood: {slowest:?}");
    assert!(slowest < Duration::from_secs(10), "a scrape took {slowest:?}");
    for client in flood {
        client.await.unwrap();
    }
    let scraped = scrape(&harness).await;
    let [wrong, busy] =
        ["credentials", "busy"].map(|reason| scraped.value(REFUSALS, &[&format!("reason=\"{reason}\"")]));
    assert_eq!(wrong.unwrap() + busy.unwrap(), 300.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_or_a_path_of_a_clients_own_makes_no_new_series() {
    let harness = Harness::start(Setup::frozen()).await;
    let series = async || {
        let scraped = harness.scrape().await;
        scraped.find("wolkvox_exporter_http_requests_total", &[]).len()
    };
    for path in ["/metrics", "/own"] {
        http::send(harness.address, "BREW", path, "").await;
    }
    series().await;
    let before = series().await;
    for number in 0..100 {
        http::send(harness.address, &format!("M{number}"), "/metrics", "").await;
        http::send(harness.address, "GET", &format!("/own/{number}"), "").await;
    }
    // 404 of an unknown path is one; everything else was there.
    assert!(series().await <= before + 1);
    assert!(!harness.scrape().await.text().contains("M99"));
}

/// One request that names its host and whatever else a browser would say.
async fn asked(address: SocketAddr, method: &str, path: &str, headers: &str) -> Answer {
    let stream = TcpStream::connect(address).await.expect("the exporter listens");
    let request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n");
    Answer::parse(&http::talk(stream, request.as_bytes()).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn never_leak_a_name_that_a_stranger_points_to_loopback_reads_and_reloads_nothing() {
    let harness = Harness::start(Setup::frozen()).await;
    let port = harness.address.port();
    let rebound = format!("Host: evil.example:{port}\r\nSec-Fetch-Site: same-origin\r\n");
    let reload = ("POST", "/-/reload");
    let refused: Vec<_> = PROTECTED.into_iter().map(|path| ("GET", path)).chain([reload]).collect();
    for (method, path) in &refused {
        let answer = asked(harness.address, method, path, &rebound).await;
        assert_eq!(answer.status, 403, "{method} {path}");
        let text = answer.text();
        assert!(text.contains("hint: ") && text.contains("--web.allowed-host"), "{text}");
        assert!(!text.contains("evil") && !text.contains("wolkvox_"), "{text}");
    }
    assert_eq!(asked(harness.address, "GET", "/-/healthy", &rebound).await.text(), "healthy\n");
    for host in
        [format!("127.0.0.1:{port}"), format!("localhost:{port}"), format!("[::1]:{port}"), "localhost".to_owned()]
    {
        for (method, path) in [("GET", "/metrics"), ("GET", "/"), reload] {
            let answer = asked(harness.address, method, path, &format!("Host: {host}\r\n")).await;
            assert_eq!(answer.status, 200, "{method} {path} {host}");
        }
    }
    let counted = harness.scrape().await.value(REFUSALS, &["reason=\"host\""]);
    assert_eq!(counted, Some(refused.len() as f64));
    // Who has to know a password may be called as one likes: the page knows none.
    let harness = guarded(alice()).await;
    assert_eq!(asked(harness.address, "GET", "/metrics", &rebound).await.status, 401);
    assert_eq!(asked(harness.address, "GET", "/metrics", &format!("{rebound}{}", login())).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_cannot_reload_and_a_link_to_the_status_page_works() {
    let harness = guarded(alice()).await;
    let host = format!("Host: {}\r\n", harness.address);
    let reloads = async || {
        let name = "wolkvox_exporter_config_last_reload_success_timestamp_seconds";
        scrape(&harness).await.value(name, &[])
    };
    let before = reloads().await;
    // A browser sends the password that it knows with them.
    let cross_site = [
        "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\nOrigin: https://evil.example\r\n",
        "Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: cors\r\nOrigin: http://127.0.0.1:1\r\n",
        "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nOrigin: null\r\n",
        // As browsers send it where they send no origin: this header alone has to do.
        "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: no-cors\r\n",
        "Origin: https://evil.example\r\n",
    ];
    for headers in cross_site {
        let answer = asked(harness.address, "POST", "/-/reload", &format!("{host}{headers}{}", login())).await;
        assert_eq!(answer.status, 403, "{headers}");
        assert!(answer.text().contains("hint: ") && !answer.text().contains("evil"), "{}", answer.text());
    }
    assert_eq!(reloads().await, before);
    assert_eq!(scrape(&harness).await.value(REFUSALS, &["reason=\"cross_site\""]), Some(cross_site.len() as f64));
    for (method, path, headers) in [
        ("GET", "/", "Sec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\n"),
        ("GET", "/", "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n"),
        ("GET", "/status.json", "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\n"),
        ("POST", "/-/reload", ""),
        ("POST", "/-/reload", "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\n"),
    ] {
        let answer = asked(harness.address, method, path, &format!("{host}{headers}{}", login())).await;
        assert_eq!(answer.status, 200, "{method} {path} {headers}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_loopback_any_host_is_answered_until_some_are_listed_and_those_are_answered_everywhere() {
    for (listens, allowed, expected) in [
        ("0.0.0.0:0", "", [200, 200, 200]),
        ("0.0.0.0:0", "--web.allowed-host=proxy.example,192.0.2.7", [403, 200, 200]),
        ("127.0.0.1:0", "--web.allowed-host=proxy.example", [403, 200, 200]),
        ("127.0.0.1:0", "", [403, 403, 200]),
    ] {
        let listens = format!("--web.listen-address={listens}");
        let flags = ["demo", &listens, allowed].into_iter().filter(|flag| !flag.is_empty()).collect::<Vec<_>>();
        let mut process = Running::start(EXPORTER, &flags);
        let listening: SocketAddr = process.after("address=").await.parse().expect("an address");
        let address = SocketAddr::new([127, 0, 0, 1].into(), listening.port());
        for (host, status) in ["exporter:10077", "Proxy.Example", "localhost:10077"].into_iter().zip(expected) {
            let answer = asked(address, "GET", "/status.json", &format!("Host: {host}\r\n")).await;
            assert_eq!(answer.status, status, "{flags:?} {host}");
        }
        let health = asked(address, "GET", "/-/healthy", "Host: exporter:10077\r\n").await;
        assert_eq!(health.status, 200, "{flags:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_asks_too_often_waits_and_others_do_not() {
    let harness = guarded("rate_limit: {interval: 1h, burst: 3}\n".to_owned()).await;
    for _ in 0..3 {
        assert_eq!(harness.get("/status.json").await.status, 200);
    }
    let refused = harness.get("/metrics").await;
    assert_eq!(refused.status, 429);
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((3590..=3600).contains(&wait), "{wait}");
    assert_eq!(harness.get("/-/healthy").await.status, 200);
    let other = from("127.0.0.2", harness.address).await.unwrap();
    let said = http::talk(other, http::request("/metrics", "").as_bytes()).await;
    assert_eq!(Answer::parse(&said).status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_five_headers_are_set_on_every_answer_in_place_of_its_own() {
    let config = "http_server_config:\n  http2: false\n  headers:\n    Content-Security-Policy: default-src 'none'\n    \
                  X-Frame-Options: deny\n    X-Content-Type-Options: nosniff\n    X-XSS-Protection: \"1\"\n    \
                  Strict-Transport-Security: max-age=60\n";
    let harness = guarded(format!("{config}{}", alice())).await;
    for (path, headers) in
        [("/", login()), ("/metrics", login()), ("/metrics", String::new()), ("/-/ready", String::new())]
    {
        let answer = get(&harness, path, &headers).await;
        for (name, value) in [
            ("content-security-policy", "default-src 'none'"),
            ("x-frame-options", "deny"),
            ("x-content-type-options", "nosniff"),
            ("x-xss-protection", "1"),
            ("strict-transport-security", "max-age=60"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_web_config_counts_by_itself_and_a_wrong_one_changes_nothing_and_is_told() {
    let harness = guarded(alice()).await;
    let file = harness.config.path().join(WEB_CONFIG_FILE);
    fs::write(&file, "basic_auth_users: {alice: not-a-hash}\n").unwrap();
    until("the refusal", async || (scrape(&harness).await.value(WEB_RELOADED, &[]) == Some(0.0)).then_some(())).await;
    let answer = http::send(harness.address, "POST", "/-/reload", &login()).await;
    assert_eq!(answer.status, 500);
    let reason = answer.text();
    assert!(reason.contains("web.yml:1:27") && reason.contains("bcrypt") && !reason.contains("not-a-hash"), "{reason}");
    assert_eq!(get(&harness, "/metrics", "").await.status, 401);

    let bob = format!("basic_auth_users:\n  bob: \"{}\"\n", bcrypt::hash("b", 8).unwrap());
    fs::write(&file, bob).unwrap();
    until("bob", async || (get(&harness, "/metrics", &basic("bob", "b")).await.status == 200).then_some(())).await;
    assert_eq!(get(&harness, "/metrics", &login()).await.status, 401);
    let scraped = Scraped::parse(&get(&harness, "/metrics", &basic("bob", "b")).await.text());
    assert_eq!(scraped.value(WEB_RELOADED, &[]), Some(1.0));
}

async fn check(web_config: &str) -> Ended {
    let folder = config_folder("operations:\n  - name: acme\n    server: \"0003\"\n    token_file: token\n");
    fs::write(folder.path().join(WEB_CONFIG_FILE), web_config).unwrap();
    fs::write(folder.path().join("empty.pem"), PASSWORD).unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let flags =
        [format!("--config.file={}", path(CONFIG_FILE)), format!("--web.config.file={}", path(WEB_CONFIG_FILE))];
    exporter(&["check", &flags[0], &flags[1]]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn never_leak_every_mistake_in_a_web_config_names_its_place_and_repeats_no_secret() {
    let identity =
        crate::support::certificates::Identity::self_signed(crate::support::certificates::Purpose::Server, "localhost");
    let other =
        crate::support::certificates::Identity::self_signed(crate::support::certificates::Purpose::Server, "localhost");
    let indented = |pem: &str| pem.replace('\n', "\n    ");
    let tls = |key: &str, more: &str| {
        let (cert, key) = (indented(&identity.certificate), indented(key));
        format!("tls_server_config:\n  {more}\n  cert: |\n    {cert}\n  key: |\n    {key}\n")
    };
    let with = |more: &str| tls(&identity.key, more);
    for (config, what, place) in [
        ("basic_auth_user: {}".to_owned(), "unknown key", ":1:1"),
        (format!("basic_auth_users: {PASSWORD}"), "", ":1:"),
        (format!("basic_auth_users: {{alice: {PASSWORD}}}"), "password of user alice is not a bcrypt hash", ":1:27"),
        (format!("basic_auth_users: {{alice: \"$2y$04${}\"}}", ".".repeat(53)), "cost", ":1:27"),
        (format!("basic_auth_users: {{alice: [{PASSWORD}]}}"), "", ":1:"),
        ("basic_auth_users: {\"a:b\": x}".to_owned(), "a user's name", ":1:27"),
        ("http_server_config: {http2: true}".to_owned(), "http2 cannot be true", ":1:29"),
        ("http_server_config: {headers: {Server: x}}".to_owned(), "unknown key", ":1:32"),
        ("http_server_config: {headers: {X-Frame-Options: maybe}}".to_owned(), "deny or sameorigin", ":1:49"),
        ("http_server_config: {headers: {X-XSS-Protection: \"a\\nb\"}}".to_owned(), "no header can carry", ":1:50"),
        ("rate_limit: {interval: 1s}".to_owned(), "burst is 0 or left out", ":1:24"),
        ("rate_limit: {interval: 1s, burst: 0}".to_owned(), "burst is 0", ":1:35"),
        ("rate_limit: {interval: soon, burst: 1}".to_owned(), "not a span of time", ":1:24"),
        ("tls_server_config: {}".to_owned(), "neither cert_file nor cert", ":1:20"),
        ("tls_server_config: {cert_file: nowhere.pem}".to_owned(), "cannot be read", ":1:32"),
        ("tls_server_config: {cert_file: empty.pem}".to_owned(), "no certificate in PEM", ":1:32"),
        (tls(PASSWORD, "min_version: TLS12"), "no private key in PEM", ":"),
        (tls(&other.key, "min_version: TLS12"), "belong together", ":"),
        (with("min_version: TLS11"), "older than TLS 1.2", ":2:16"),
        (with("max_version: TLS10"), "older than TLS 1.2", ":2:16"),
        (with("min_version: SSL30"), "`SSL30` is not known here", ":2:16"),
        (with("{}").replace("  {}\n", "  min_version: TLS13\n  max_version: TLS12\n"), "below min_version", ":3:16"),
        (with("cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]"), "not offered", ":2:19"),
        (with("curve_preferences: [CurveP521]"), "not offered", ":2:23"),
        (with("client_auth_type: Sometimes"), "`Sometimes` is not known here", ":2:21"),
        (with("client_auth_type: RequireAndVerifyClientCert"), "no client_ca_file or client_ca", ":2:21"),
        (with("client_allowed_sans: [a.example]"), "needs every client", ":2:24"),
        (with("client_allowed_sans: []"), "nobody could ever connect", ":2:24"),
        (with("client_ca_file: empty.pem"), "no certificate in PEM", ":2:19"),
        (with("cert_file: empty.pem"), "exclude each other", ":"),
    ] {
        let ended = check(&config).await;
        assert_eq!(ended.code, Some(1), "{config}\n{ended:?}");
        assert!(ended.stderr.contains(what), "{config}\n{}", ended.stderr);
        assert!(ended.stderr.contains(&format!("web.yml{place}")), "{config}\n{}", ended.stderr);
        for secret in [PASSWORD, "PRIVATE KEY", "$2y$04$......", "panicked"] {
            let repeated = ended.stderr.replace("-----BEGIN PRIVATE KEY-----", "").contains(secret);
            assert!(!repeated, "{config}\n{}", ended.stderr);
        }
    }
    for right in [
        String::new(),
        "# nothing\n".to_owned(),
        alice(),
        "rate_limit: {interval: 0s, burst: 0}\n".to_owned(),
        "rate_limit: {burst: 5}\n".to_owned(),
        "http_server_config: {http2: false, headers: {X-Frame-Options: \"\"}}\n".to_owned(),
        with("min_version: TLS12"),
        with("cipher_suites: [TLS_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]"),
        with("curve_preferences: [CurveP256, X25519]"),
        with("client_auth_type: RequireAnyClientCert"),
        // Its old name, and blanks, as exporter-toolkit takes them.
        with("client_auth_type: RequireClientCert"),
        with("cert_file: \"\"\n  client_ca_file: \"\""),
    ] {
        let ended = check(&right).await;
        assert_eq!(ended.code, Some(0), "{right}\n{ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn never_leak_the_bcrypt_command_prints_a_hash_that_fits_and_nothing_of_the_password() {
    let ended = run(EXPORTER, &["bcrypt"], format!("{PASSWORD}\n").as_bytes()).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let hash = ended.stdout.trim_end();
    assert_eq!((hash.len(), ended.stdout.len()), (60, 61));
    assert!(bcrypt::verify(PASSWORD, hash).unwrap());
    assert_eq!(check(&format!("basic_auth_users: {{alice: \"{hash}\"}}\n")).await.code, Some(0));
    for (wrong, what) in [(String::new(), "empty"), ("x".repeat(73), "72 bytes"), ("a\nb".to_owned(), "line end")] {
        let ended = run(EXPORTER, &["bcrypt"], wrong.as_bytes()).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
        assert!(ended.stderr.contains(what), "{}", ended.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn never_leak_a_password_that_is_typed_is_not_shown() {
    // Gives the command a terminal, and shows what that shows.
    let line = format!("{EXPORTER} bcrypt");
    let mut terminal = Command::new("script");
    terminal.args(["-qec", &line, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = terminal.spawn().expect("script is on every Debian");
    let (mut keys, mut screen) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
    let mut shown = Vec::new();
    let typing = async {
        for prompt in ["Password: ", "Again: "] {
            while !shown.ends_with(prompt.as_bytes()) {
                assert!(screen.read_buf(&mut shown).await.unwrap() > 0, "{}", String::from_utf8_lossy(&shown));
            }
            keys.write_all(format!("{PASSWORD}\n").as_bytes()).await.unwrap();
        }
        screen.read_to_end(&mut shown).await.unwrap();
    };
    tokio::time::timeout(PATIENCE, typing).await.expect("an end");
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
    let shown = String::from_utf8(shown).unwrap();
    let hash = shown.lines().find(|line| line.starts_with("$2b$10$")).expect("a hash");
    assert!(bcrypt::verify(PASSWORD, hash.trim_end()).unwrap());
    assert!(!shown.contains(PASSWORD), "{shown}");
}
