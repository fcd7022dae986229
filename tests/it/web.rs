//! The exporter answers over HTTP as a service should, also to clients that do not behave.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wolkvox_exporter::web::ClientLimits;
use wolkvox_simulator::{Fault, Scope};

use crate::support::harness::{Harness, PATIENCE, Setup, settings, until};
use crate::support::http;

/// What stopping may take, by promise, and what a busy machine may add.
const STOP: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths_are_404_and_other_methods_405() {
    let harness = Harness::start(Setup::frozen()).await;
    for path in ["/nowhere", "/metrics/", "/-/", "/%00", "/../etc/passwd", "//metrics"] {
        assert_eq!(harness.get(path).await.status, 404, "{path}");
    }
    for path in ["/", "/status.json", "/docs/metrics.md", "/metrics", "/-/healthy", "/-/ready"] {
        for method in ["POST", "DELETE", "BREW"] {
            let answer = http::send(harness.address, method, path, "Content-Length: 0\r\n").await;
            assert_eq!(answer.status, 405, "{method} {path}");
            assert!(answer.header("allow").is_some_and(|allow| allow.contains("GET")), "{method} {path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ready_only_once_every_report_was_tried_but_healthy_at_once() {
    let faults = vec![(Fault::Drop, Scope { api: Some("agents_kpi".to_owned()), times: Some(1), ..Scope::default() })];
    let setup = Setup { faults, timeout: Duration::from_secs(5), ..Setup::default() };
    let harness = Harness::start_unpolled(setup).await;
    assert_eq!(harness.get("/-/healthy").await.status, 200);
    let waiting = harness.get("/-/ready").await;
    assert_eq!(waiting.status, 503, "{}", waiting.text());
    // Even before the first answer a scrape is valid, and says that nothing worked yet.
    assert_eq!(harness.scrape().await.value("wolkvox_report_up", &["report=\"agent_kpi\""]), Some(0.0));
    until("ready", async || (harness.get("/-/ready").await.status == 200).then_some(())).await;
    assert!(!harness.scrape().await.find("wolkvox_report_up", &[]).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_counted_under_route_names_never_under_what_a_client_wrote() {
    let harness = Harness::start(Setup::frozen()).await;
    harness.get("/nowhere-in-particular").await;
    let scraped = harness.scrape().await;
    assert_eq!(
        scraped.value("wolkvox_exporter_http_requests_total", &["handler=\"other\"", "code=\"404\""]),
        Some(1.0)
    );
    assert!(!scraped.text().contains("particular"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_ends_its_request_is_cut_off_and_disturbs_nobody() {
    let harness = Harness::start(Setup::frozen()).await;
    let mut slow = TcpStream::connect(harness.address).await.unwrap();
    slow.write_all(b"GET /metrics HTTP/1.1\r\nHost: ").await.unwrap();
    let mut silent = TcpStream::connect(harness.address).await.unwrap();
    for _ in 0..20 {
        assert_eq!(harness.get("/metrics").await.status, 200);
    }
    let mut rest = Vec::new();
    for stream in [&mut slow, &mut silent] {
        let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "the exporter keeps a connection on which nobody asks");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_head_without_end_is_refused() {
    let harness = Harness::start(Setup::frozen()).await;
    let mut stream = TcpStream::connect(harness.address).await.unwrap();
    let head = format!("GET /metrics HTTP/1.1\r\nX-Long: {}\r\n\r\n", "x".repeat(1_000_000));
    // The exporter may close before it has read everything.
    let _ = stream.write_all(head.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("an end");
    assert!(!String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 200"));
    assert_eq!(harness.get("/metrics").await.status, 200);
}

/// A scrape too large for any socket's buffers, so that it is under way for as long as its client reads slowly.
pub async fn large(client_limits: ClientLimits) -> Harness {
    let mut simulator = settings();
    simulator.operations[0].agents = 300;
    let faults = vec![(Fault::HugeNames, Scope::default())];
    let limits = "{ label_bytes: 16KiB }";
    Harness::start(Setup { simulator, limits, client_limits, faults, ..Setup::frozen() }).await
}

/// Asks for `/metrics` uncompressed and reads only the beginning of the answer: that, and the length still to come.
pub async fn half_read(harness: &Harness) -> (TcpStream, usize) {
    let mut stream = TcpStream::connect(harness.address).await.unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut start = Vec::new();
    while !start.windows(4).any(|part| part == b"\r\n\r\n") {
        assert!(stream.read_buf(&mut start).await.unwrap() > 0);
    }
    let text = String::from_utf8_lossy(&start).to_ascii_lowercase();
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse::<usize>().ok());
    let length = length.expect("a Content-Length");
    assert!(length > 10_000_000, "{length} bytes could wait in the sockets");
    let left = head.len() + 4 + length - start.len();
    (stream, left)
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_answers_the_scrape_that_is_under_way() {
    let harness = large(ClientLimits::default()).await;
    let (mut stream, left) = half_read(&harness).await;
    let started = Instant::now();
    harness.ask_to_stop();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest.len(), left, "the answer is not whole");
    harness.stopped().await;
    assert!(started.elapsed() < STOP * 2, "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_does_not_wait_for_a_client_that_does_not_read_nor_for_the_vendor() {
    let harness = large(ClientLimits::default()).await;
    let (_stream, _) = half_read(&harness).await;
    harness.inject(Fault::Drop, "agent_3");
    let address = harness.address;
    let started = Instant::now();
    harness.ask_to_stop();
    harness.stopped().await;
    assert!(started.elapsed() < STOP + Duration::from_secs(1), "{:?}", started.elapsed());
    assert!(TcpStream::connect(address).await.is_err(), "somebody still listens");
}
