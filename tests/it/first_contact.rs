//! The first contact with the vendor: what each thing that can be wrong costs, and what it says first.
//!
//! docs/first-contact.md has the table and the screen. To renew it: `UPDATE_DOCS=1 cargo test --test it first_contact`

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wolkvox_simulator::{Fault, Scope, Simulator};

use crate::probe::{Silent, folder_of, vendor_of};
use crate::support::certificates::{Authority, Purpose};
use crate::support::child::{EXPORTER, Running, exporter};
use crate::support::harness::{CONFIG_FILE, settings, together, until};
use crate::support::pages::assert_current;

const PAGE: &str = "docs/first-contact.md";

/// What is wrong, and what a test expects of it.
struct Case {
    what: &'static str,
    base_url: String,
    /// Arguments of `env`.
    variables: Vec<String>,
    /// API requests that are sent for five reports.
    requests: u32,
    /// A part of the first line that helps.
    says: &'static str,
    /// Seconds until it stands there; `None` where it comes as soon as the answer does.
    after: Option<u64>,
    /// What has to be there as long as the probe runs.
    held: Held,
}

#[expect(dead_code, reason = "what is in it is only kept alive")]
enum Held {
    Simulator(Simulator),
    Silent(Silent),
    Running(Running, TempDir),
    Nothing,
}

async fn faulty(what: &'static str, fault: Fault, scope: Scope, requests: u32, says: &'static str) -> Case {
    let simulator = vendor_of(1).await;
    simulator.inject(fault, scope);
    let base_url = simulator.base_url();
    Case { what, base_url, variables: vec![], requests, says, after: None, held: Held::Simulator(simulator) }
}

/// A proxy that wants a password.
async fn proxy() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let wants = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            let _ = stream.write_all(wants).await;
        }
    });
    port
}

/// A server with a certificate that nobody knows, as a box between has one.
async fn interceptor() -> (String, Held) {
    let folder = tempfile::tempdir().unwrap();
    let identity = Authority::new("box").sign(Purpose::Server, "127.0.0.1");
    std::fs::write(folder.path().join("cert.pem"), identity.certificate).unwrap();
    std::fs::write(folder.path().join("key.pem"), identity.key).unwrap();
    let web = folder.path().join("web.yml");
    std::fs::write(&web, "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n").unwrap();
    let web = format!("--web.config.file={}", web.display());
    let mut demo = Running::start(EXPORTER, &["demo", &web, "--web.listen-address=127.0.0.1:0"]);
    let address = demo.after("address=").await;
    (format!("https://{address}"), Held::Running(demo, folder))
}

async fn cases() -> Vec<Case> {
    let everywhere = Scope::default;
    let of = |api: &str| Scope { api: Some(api.to_owned()), ..Scope::default() };
    let hint = "hint: an address that is not on the vendor's allow-list gets no answer at all";
    let silent = Silent::listen().await;
    let no_connection = Case {
        what: "this address is not allow-listed: no connection",
        base_url: silent.base_url(),
        variables: vec![],
        requests: 1,
        says: hint,
        after: Some(5),
        held: Held::Silent(silent),
    };
    let no_answer = faulty("the same: a connection and no answer", Fault::Drop, everywhere(), 1, hint).await;
    let nobody = Case {
        what: "a wrong server: nobody listens",
        base_url: "http://127.0.0.1:1".to_owned(),
        variables: vec![],
        requests: 1,
        says: "connect: ",
        after: None,
        held: Held::Nothing,
    };
    let proxied = Case {
        what: "a proxy that wants a password",
        base_url: "https://vendor.invalid".to_owned(),
        variables: vec![format!("HTTPS_PROXY=http://127.0.0.1:{}", proxy().await)],
        requests: 1,
        says: "connect: ",
        after: None,
        held: Held::Nothing,
    };
    let (base_url, held) = interceptor().await;
    let intercepted = Case {
        what: "a box between that breaks TLS open",
        base_url,
        variables: vec![],
        requests: 1,
        says: "tls: ",
        after: None,
        held,
    };
    let mut early = settings();
    "token-0".clone_into(&mut early.operations[0].token);
    early.clock = Arc::new(|| Timestamp::now() + Duration::from_hours(5));
    let simulator = Simulator::start(early).await.unwrap();
    let clock = Case {
        what: "this machine's clock is five hours behind",
        base_url: simulator.base_url(),
        variables: vec![],
        requests: 5,
        says: "note: this machine's clock is ",
        after: None,
        held: Held::Simulator(simulator),
    };
    let refusal = |text: &str| Fault::Forbidden(text.to_owned());
    vec![
        no_connection,
        Case { after: Some(5), ..no_answer },
        nobody,
        faulty("a wrong server: another's page", Fault::Status(404), everywhere(), 1, "http_4xx: ").await,
        faulty("a wrong token", refusal("Please validate token"), everywhere(), 1, "token_rejected: ").await,
        proxied,
        intercepted,
        faulty("no gamification service", refusal("SERVICE NOT ACTIVE"), of("agents_kpi"), 5, "forbidden_other: ")
            .await,
        faulty("the day's budget is used up", refusal("TOKEN LIMIT EXCEEDED"), everywhere(), 1, "budget_exhausted: ")
            .await,
        clock,
    ]
}

/// Runs one case; its row of the table.
async fn row(case: Case) -> String {
    let folder = folder_of(1, "15s", |_| case.base_url.clone());
    let config = format!("--config.file={}", folder.path().join(CONFIG_FILE).display());
    let state = format!("--state.dir={}", folder.path().join("state").display());
    let roots = "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt".to_owned();
    let variables = case.variables.iter().chain([&roots]).map(String::as_str);
    let words: Vec<&str> = variables.chain([EXPORTER, "check", "--probe", &config, &state]).collect();
    let started = Instant::now();
    let running = Running::start("env", &words);
    let line = until(case.what, async || {
        let said = running.said();
        said.lines().find(|line| line.contains(case.says)).map(str::to_owned)
    })
    .await;
    let took = started.elapsed().as_secs();
    let least = case.after.unwrap_or(0);
    assert!((least..least + 10).contains(&took), "{}: {took} s", case.what);
    let spent = format!("{} API request(s) sent for 5 report(s)", case.requests);
    let said =
        until(&spent, async || Some(running.said()).filter(|said| said.contains(&spent) && said.contains("next: ")))
            .await;
    assert!(!said.contains("token-0\n"), "{said}");
    running.kill().await;
    drop(case.held);
    let after = case.after.map_or("at once".to_owned(), |seconds| format!("{seconds} s"));
    format!("| {} | {} | {after} | `{}` |\n", case.what, case.requests, line.trim_start_matches("error: "))
}

/// Forty operations with their own tokens, three of them broken; what stands on the screen.
async fn screen() -> String {
    let simulator = vendor_of(40).await;
    let silent = Silent::listen().await;
    let of_token = |token: &str| Scope { token: Some(token.to_owned()), ..Scope::default() };
    simulator.inject(Fault::Forbidden("NO ACCESS FROM 203.0.113.7".to_owned()), of_token("token-20"));
    let folder = folder_of(40, "30s", |at| if at == 30 { silent.base_url() } else { simulator.base_url() });
    std::fs::write(folder.path().join("token-10"), "wrong\n").unwrap();
    let config = format!("--config.file={}", folder.path().join(CONFIG_FILE).display());
    let started = Instant::now();
    let state = format!("--state.dir={}", folder.path().join("state").display());
    let ended = exporter(&["check", "--probe", &config, &state]).await;
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    // One request to each of 37 × 5 reports and of three that failed; the silent one reached nobody.
    assert_eq!((ended.code, simulator.call_log().total), (Some(1), 187), "{ended:?}");
    let folder = folder.path().display().to_string();
    let table = ended.stdout.split_once("\nOPERATION  REPORT               STATUS").expect("a table").1;
    let mut screen = "OPERATION  REPORT               STATUS".to_owned() + table + &ended.stderr;
    screen = screen.replace(&format!("{folder}/"), "");
    let rows = screen.lines().filter(|line| line.starts_with("op-")).count();
    assert_eq!(rows, 200, "{screen}");
    screen
}

/// How much of their time agents have paused so far depends on the hour.
fn of_any_hour(line: &str) -> String {
    match line.split_once(" (agent_3) is ").and_then(|(before, rest)| Some((before, rest.split_once(" of login")?))) {
        Some((before, (shares, rest))) if shares.ends_with(" %") => {
            format!("{before} (agent_3) is 25 % to 36 % of login{rest}")
        }
        _ => line.to_owned(),
    }
}

/// The screen with its first rows, the rows that failed, and all that is said beyond them. What takes how long differs.
fn shortened(screen: &str) -> String {
    let (rows, others): (Vec<&str>, Vec<&str>) = screen.lines().partition(|line| line.starts_with("op-"));
    let mut failed: Vec<&str> = rows.iter().copied().filter(|row| !row.contains("  ok  ")).collect();
    failed.sort_unstable();
    let count = rows.len() - failed.len();
    let figures = |row: &str| row.split("  -  ").next().unwrap_or_default().trim_end().to_owned();
    let failed: Vec<String> = failed.into_iter().map(figures).collect();
    // A busy machine tells it a second later, and may tell it again.
    let mut is_first = true;
    let told: Vec<String> = others[1..]
        .iter()
        .filter_map(|line| match line.strip_prefix("waiting for ").and_then(|rest| rest.split_once(" after ")) {
            Some((who, rest)) if std::mem::take(&mut is_first) => {
                Some(format!("waiting for {who} after 5 s: {}", rest.split_once(": ").expect("names").1))
            }
            Some(_) => None,
            None => Some(of_any_hour(line)),
        })
        .collect();
    assert!(!is_first, "nothing is told of what takes long: {screen}");
    format!("{}\n… {count} rows that are ok …\n{}\n{}\n", others[0], failed.join("\n"), told.join("\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn first_contact_costs_and_says_what_its_page_has() {
    let table = in_order(cases().await).await;
    let screen = shortened(&screen().await);
    let kept = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE)).unwrap();
    let mut written = between(&kept, "<!-- table -->\n", "<!-- end of table -->", &table);
    let mut block = "```\n".to_owned();
    let _ = writeln!(block, "{screen}```");
    written = between(&written, "<!-- screen -->\n", "<!-- end of screen -->", &block);
    assert_current(PAGE, &written, "first_contact");
}

/// The rows of all cases, which run side by side.
async fn in_order(cases: Vec<Case>) -> String {
    let numbered = cases.into_iter().enumerate().map(async |(at, case)| (at, row(case).await));
    let mut rows = together(numbered).await;
    rows.sort_unstable();
    rows.into_iter().map(|(_, row)| row).collect()
}

/// The text with something else between two marks.
fn between(text: &str, start: &str, end: &str, new: &str) -> String {
    let (before, rest) = text.split_once(start).expect("the first mark");
    let (_, after) = rest.split_once(end).expect("the second mark");
    format!("{before}{start}{new}{end}{after}")
}
