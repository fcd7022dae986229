//! `check --probe`: what somebody sees who asks the vendor for the first time, and what it costs.

use std::fmt::Write as _;
use std::fs::Permissions;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::net::{TcpSocket, TcpStream};
use wolkvox_simulator::{self as simulator, Fault, Scope, Simulator};

use crate::support::child::{EXPORTER, Ended, Running, exporter};
use crate::support::harness::{CONFIG_FILE, Setup, TOKEN, config_folder, settings, until};

/// A vendor of so many operations, each with a token of its own: `token-0`, `token-1`, …
pub async fn vendor_of(operations: usize) -> Simulator {
    let mut settings = settings();
    let operation = settings.operations.remove(0);
    settings.operations = (0..operations)
        .map(|at| simulator::Operation { token: format!("token-{at}"), agents: 3, ..operation.clone() })
        .collect();
    Simulator::start(settings).await.unwrap()
}

/// A config of so many operations `op-0`, `op-1`, …, each with a token of its own, at the addresses that `base_url` tells.
pub fn folder_of(operations: usize, timeout: &str, base_url: impl Fn(usize) -> String) -> TempDir {
    let mut text = "operations:\n".to_owned();
    for at in 0..operations {
        let _ = writeln!(
            text,
            "  - {{name: op-{at}, base_url: \"{}\", token_file: token-{at}, licenses: 40}}",
            base_url(at)
        );
    }
    let _ = writeln!(text, "polling: {{timeout: {timeout}, windows: [today]}}");
    let folder = config_folder(&text);
    for at in 0..operations {
        let file = folder.path().join(format!("token-{at}"));
        std::fs::write(&file, format!("token-{at}\n")).unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    }
    folder
}

async fn probe(folder: &TempDir, more: &[&str]) -> Ended {
    let config = format!("--config.file={}", folder.path().join(CONFIG_FILE).display());
    let state = format!("--state.dir={}", folder.path().join("state").display());
    exporter(&[&["check", "--probe", &config, &state], more].concat()).await
}

/// How many rows have this status.
fn rows(ended: &Ended, status: &str) -> usize {
    ended.stdout.lines().filter(|line| line.contains(&format!("  {status}  "))).count()
}

/// An address at which nobody takes a connection, as behind a firewall that drops what it does not know.
pub struct Silent {
    address: SocketAddr,
    _held: (tokio::net::TcpListener, Vec<TcpStream>),
}

impl Silent {
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub async fn listen() -> Silent {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        // The queue of the listener fills up: whoever comes then gets no answer at all.
        while let Ok(Ok(stream)) = tokio::time::timeout(Duration::from_millis(500), TcpStream::connect(address)).await {
            waiting.push(stream);
        }
        Silent { address, _held: (listener, waiting) }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn never_overspend_a_refused_token_costs_one_request_and_others_are_asked_all_the_same() {
    let simulator = vendor_of(2).await;
    let folder = folder_of(2, "30s", |_| simulator.base_url());
    std::fs::write(folder.path().join("token-1"), "wrong-token\n").unwrap();
    let ended = probe(&folder, &[]).await;
    assert_eq!((ended.code, rows(&ended, "ok"), rows(&ended, "not asked")), (Some(1), 5, 4), "{ended:?}");
    assert_eq!((rows(&ended, "token_rejected"), simulator.call_log().total), (1, 6), "{ended:?}");
    assert!(ended.stdout.contains("6 API request(s) sent for 10 report(s)"), "{ended:?}");
    let last = ended.stderr.trim_end().lines().last().unwrap().to_owned();
    assert!(last.starts_with("next: ") && last.ends_with("--operation=op-1"), "{ended:?}");
    assert!(ended.stderr.contains("PLEASE VALIDATE TOKEN\n  --> op-1 agent_aux_time\nhint: "), "{ended:?}");
    assert!(!format!("{ended:?}").contains("wrong-token"));
}

#[tokio::test(flavor = "multi_thread")]
async fn never_overspend_an_address_that_nobody_answers_costs_one_request_and_ten_seconds() {
    let silent = Silent::listen().await;
    let simulator = vendor_of(2).await;
    let folder = folder_of(2, "60s", |at| match at {
        0 => silent.base_url(),
        _ => simulator.base_url(),
    });
    let started = Instant::now();
    let ended = probe(&folder, &[]).await;
    assert!((10..20).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
    assert_eq!((rows(&ended, "timeout"), rows(&ended, "not asked"), rows(&ended, "ok")), (1, 4, 5), "{ended:?}");
    assert!(ended.stderr.contains("no connection within 10 s"), "{ended:?}");
    assert!(ended.stderr.contains("waiting for 1 of 2 operation(s) after 5 s: op-0\nhint: "), "{ended:?}");
    assert!(ended.stdout.contains("6 API request(s) sent"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_come_as_soon_as_they_are_there_and_tokens_are_asked_side_by_side() {
    let simulator = vendor_of(3).await;
    let slow = |api: &str| Scope { api: Some(api.to_owned()), ..Scope::default() };
    simulator.inject(Fault::Delay(Duration::from_secs(2)), slow("agent_9"));
    let folder = folder_of(3, "30s", |_| simulator.base_url());
    let config = format!("--config.file={}", folder.path().join(CONFIG_FILE).display());
    let started = Instant::now();
    let running = Running::start(EXPORTER, &["check", "--probe", &config, "--state.dir=none"]);
    let first = until("the first rows", async || {
        let said = running.said();
        (said.matches("agent_aux_time       ok").count() == 3).then_some(said)
    })
    .await;
    assert!(!first.contains("agent_hold_mute      ok"), "{first}");
    until("the end", async || running.said().contains("next: ").then_some(())).await;
    assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
    running.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn never_leak_an_unknown_refusal_is_told_in_its_own_words_without_token_and_digits() {
    let simulator = Simulator::start(settings()).await.unwrap();
    let words = format!("ip 203.0.113.7 may not use {TOKEN} at night");
    simulator.inject(Fault::Forbidden(words), Scope::default());
    let folder = config_folder(&Setup::default().config(&simulator.base_url()));
    let ended = probe(&folder, &[]).await;
    assert!(ended.stderr.contains("its own words: ip ###.#.###.# may not use *** at night FORBIDDEN\n"), "{ended:?}");
    assert_eq!((simulator.call_log().total, rows(&ended, "not asked")), (1, 4), "{ended:?}");
    assert!(!format!("{ended:?}").contains(TOKEN) && !format!("{ended:?}").contains("203"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_named_operations_are_asked_and_an_unknown_name_costs_nothing() {
    let simulator = vendor_of(3).await;
    let folder = folder_of(3, "30s", |_| simulator.base_url());
    let wrong = probe(&folder, &["--operation=op-9"]).await;
    assert_eq!((wrong.code, simulator.call_log().total), (Some(1), 0), "{wrong:?}");
    assert!(wrong.stderr.contains("op-9") && wrong.stderr.contains("hint: there are op-0, op-1, op-2"), "{wrong:?}");
    let two = probe(&folder, &["--operation=op-0", "--operation=op-2"]).await;
    assert_eq!((two.code, rows(&two, "ok"), simulator.call_log().total), (Some(0), 10, 10), "{two:?}");
    let (_, table) = two.stdout.split_once("STATUS").expect("a table");
    assert!(!table.contains("op-1"), "{two:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_polling_asks_in_parts_is_told_so_and_never_asked_twice() {
    let mut settings = settings();
    settings.record_limit = 5;
    let simulator = Simulator::start(settings).await.unwrap();
    let setup = Setup { limits: "{rows_per_answer: 5}", reports: "[agent_aux_time]", ..Setup::default() };
    let folder = config_folder(&setup.config(&simulator.base_url()));
    let ended = probe(&folder, &[]).await;
    assert_eq!((rows(&ended, "record_limit"), simulator.call_log().total), (1, 1), "{ended:?}");
    assert!(ended.stderr.contains("polling asks for this report in parts"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_answer_has_that_nobody_expects_is_told_by_name_and_the_sums_are_compared() {
    let simulator = Simulator::start(settings()).await.unwrap();
    let renamed = |from: &str, to: &str, api: &str| {
        let fault = Fault::RenamedField { from: from.to_owned(), to: to.to_owned() };
        simulator.inject(fault, Scope { api: Some(api.to_owned()), ..Scope::default() });
    };
    renamed("agent_dni", "agent_shift", "agent_3");
    renamed("ani", "573015550001", "diagram_3");
    let folder = config_folder(&Setup::default().config(&simulator.base_url()));
    let ended = probe(&folder, &[]).await;
    assert_eq!((ended.code, rows(&ended, "ok")), (Some(0), 5), "{ended:?}");
    let note = "note: acme agent_aux_time today: fields that are not documented, and not read: agent_shift\n";
    assert!(ended.stdout.contains(note), "{ended:?}");
    assert!(ended.stdout.contains("smart_wait today: fields that are not documented, and not read: …\n"), "{ended:?}");
    let sums = ended.stdout.lines().find(|line| line.starts_with("sums: ")).expect("the sums");
    assert!(
        sums.starts_with("sums: time in auxiliary states (agent_3) is ") && sums.ends_with(" operation(s)"),
        "{sums}"
    );
    assert!(!format!("{ended:?}").contains("57301555"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_tells_what_was_spent_today_while_an_exporter_runs_and_a_probe_waits_its_turn() {
    let simulator = Simulator::start(settings()).await.unwrap();
    let setup = Setup { interval: Duration::from_hours(6), ..Setup::default() };
    let folder = config_folder(&setup.config(&simulator.base_url()));
    let config = format!("--config.file={}", folder.path().join(CONFIG_FILE).display());
    let state = format!("--state.dir={}", folder.path().join("state").display());
    let before = exporter(&["check", &config, &state]).await;
    assert!(before.code == Some(0) && before.stdout.contains("is not there yet"), "{before:?}");
    let serve = Running::start(EXPORTER, &[&config, &state, "--web.listen-address=127.0.0.1:0"]);
    until("five requests", async || (simulator.call_log().total == 5).then_some(())).await;
    let during = exporter(&["check", &config, &state]).await;
    assert!(during.stdout.contains("acme: 5 of 40000 API requests used today, 39995 left\n"), "{during:?}");
    let refused = probe(&folder, &[]).await;
    assert_eq!((refused.code, simulator.call_log().total), (Some(1), 5), "{refused:?}");
    assert!(refused.stderr.contains("an exporter runs on") && refused.stderr.contains("stop it first"), "{refused:?}");
    drop(serve);
}
