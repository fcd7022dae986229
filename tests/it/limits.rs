//! What a client may take of the exporter, and what happens to one that wants more.

use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use wolkvox_exporter::web::ClientLimits;

use crate::access::from;
use crate::support::certificates::{Identity, Purpose};
use crate::support::harness::{Harness, Setup, until};
use crate::support::home::Home;
use crate::support::http::{self, Answer};
use crate::support::scraped::Scraped;
use crate::web::{half_read, large};

const REFUSALS: &str = "wolkvox_exporter_http_refusals_total";
const CONNECTIONS: usize = 10_000;
/// File descriptors of the tests that run at the same time.
const OTHERS: u64 = 2_000;

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_comes_in_drops_is_cut_off_and_so_is_a_handshake() {
    let identity = Identity::self_signed(Purpose::Server, "localhost");
    let indent = |pem: &str| pem.replace('\n', "\n    ");
    let tls = format!(
        "tls_server_config:\n  cert: |\n    {}\n  key: |\n    {}\n",
        indent(&identity.certificate),
        indent(&identity.key)
    );
    let quick = Duration::from_millis(700);
    let client_limits = ClientLimits { header: quick, handshake: quick, ..ClientLimits::default() };
    for web_config in [None, Some(tls)] {
        let harness = Harness::start_unpolled(Setup { web_config, client_limits, ..Setup::frozen() }).await;
        let (mut reader, mut writer) = TcpStream::connect(harness.address).await.unwrap().into_split();
        // The start of a request, or of a TLS record: more of it always comes in time.
        let dripping = tokio::spawn(async move {
            while writer.write_all(b"\x16").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        let (started, mut said) = (Instant::now(), Vec::new());
        let _ = reader.read_to_end(&mut said).await;
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
        assert!(!said.starts_with(b"HTTP/1.1 200"));
        dripping.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_reads_is_cut_off() {
    let brief = Duration::from_millis(500);
    let limits = ClientLimits { lifetime: brief, last_response: brief, ..ClientLimits::default() };
    let harness = large(limits).await;
    let (mut stream, left) = half_read(&harness).await;
    // Longer than both together; then what waits in the sockets is all there is.
    tokio::time::sleep(brief * 6).await;
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.len() < left, "the whole answer waited for its reader");
    assert_eq!(harness.get("/-/healthy").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_connections_of_one_client_leave_others_theirs() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    let most = limit.maximum.unwrap_or(u64::MAX).saturating_sub(OTHERS);
    let count = usize::try_from(most).unwrap_or(CONNECTIONS).min(CONNECTIONS);
    assert!(count >= 1_000, "this machine lets a process have too few open files: {limit:?}");
    let home = Home::new(Setup::frozen()).await;
    let exporter = home.start(&[]).await;
    exporter.scrape_until("data", |scraped| scraped.is_up("agent_kpi")).await;
    let before = exporter.process.peak_memory();
    let address = exporter.address;
    let (mut streams, mut slowest) = (Vec::new(), Duration::ZERO);
    for number in 0..count {
        if let Ok(stream) = from("127.0.0.2", address).await {
            streams.push(stream);
        }
        if number % (count / 20) == 0 {
            let started = Instant::now();
            assert_eq!(http::get(address, "/metrics").await.status, 200);
            slowest = slowest.max(started.elapsed());
        }
    }
    let refused = exporter.scrape().await.value(REFUSALS, &["reason=\"connections\""]).unwrap();
    let grown = exporter.process.peak_memory() - before;
    println!("{count} connections: {refused} refused, slowest scrape {slowest:?}, {} KiB more memory", grown / 1024);
    assert!(refused >= count as f64 * 0.9 && refused <= count as f64 - 100.0, "{refused} of {count}");
    assert!(grown < 32 << 20, "{grown} bytes");
    assert!(slowest < Duration::from_secs(10), "{slowest:?}");
    drop(streams);
    until("a place for that client again", async || {
        let stream = from("127.0.0.2", address).await.ok()?;
        let said = http::talk(stream, http::request("/-/healthy", "").as_bytes()).await;
        said.starts_with(b"HTTP/1.1 200").then_some(())
    })
    .await;
}

/// Sends a whole request by hand and reads every answer to it.
async fn exchange(harness: &Harness, request: &str) -> String {
    let stream = TcpStream::connect(harness.address).await.expect("a connection");
    String::from_utf8_lossy(&http::talk(stream, request.as_bytes()).await).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_head_is_431_and_a_body_that_nobody_reads_413_or_411() {
    let harness = Harness::start(Setup::frozen()).await;
    let line = format!("X: {}\r\n", "x".repeat(20_000));
    let many = "X: 1\r\n".repeat(200);
    for headers in [&line, &many] {
        let said = exchange(&harness, &http::request("/metrics", headers)).await;
        assert!(said.starts_with("HTTP/1.1 431"), "{said:.60}");
    }
    for (method, path) in [("GET", "/metrics"), ("POST", "/-/reload"), ("GET", "/-/healthy")] {
        for (header, status) in
            [("Content-Length: 1000000000", 413), ("Content-Length: 5000", 413), ("Transfer-Encoding: chunked", 411)]
        {
            // Nothing of the body is sent: the answer does not wait for it.
            let answer = http::send(harness.address, method, path, &format!("{header}\r\n")).await;
            assert_eq!(
                (answer.status, answer.header("connection")),
                (status, Some("close")),
                "{method} {path} {header}"
            );
        }
    }
    let asked =
        http::send(harness.address, "POST", "/-/reload", "Expect: 100-continue\r\nContent-Length: 5000\r\n").await;
    assert_eq!(asked.status, 413);
    let small = exchange(&harness, &format!("{}hello", http::request("/-/healthy", "Content-Length: 5\r\n"))).await;
    assert_eq!(Answer::parse(small.as_bytes()).status, 200);
    let refused = Scraped::parse(&harness.get("/metrics").await.text()).value(REFUSALS, &["reason=\"body\""]);
    assert_eq!(refused, Some(10.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_form_of_request_smuggling_gets_a_hidden_request_answered() {
    let harness = Harness::start(Setup::frozen()).await;
    let hidden = "GET /status.json HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let chunked = format!("{:x}\r\n{hidden}\r\n0\r\n\r\n", hidden.len());
    let length = hidden.len();
    let forms = [
        // Read with its length, the hidden request is a body; read in chunks, or without a length, a request.
        (format!("Content-Length: {length}\r\n"), hidden.to_owned()),
        (format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"), format!("0\r\n\r\n{hidden}")),
        (format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n"), format!("0\r\n\r\n{hidden}")),
        ("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n".to_owned(), chunked.clone()),
        ("Transfer-Encoding: xchunked\r\n".to_owned(), hidden.to_owned()),
        ("Transfer-Encoding: chunked, identity\r\n".to_owned(), hidden.to_owned()),
        ("Transfer-Encoding: identity\r\n".to_owned(), hidden.to_owned()),
        ("Transfer-Encoding : chunked\r\n".to_owned(), format!("0\r\n\r\n{hidden}")),
        ("Transfer-Encoding:\u{b}chunked\r\n".to_owned(), format!("0\r\n\r\n{hidden}")),
        ("X: a\r\n Transfer-Encoding: chunked\r\n".to_owned(), format!("0\r\n\r\n{hidden}")),
        (format!("Content-Length: 0\r\nContent-Length: {length}\r\n"), hidden.to_owned()),
        (format!("Content-Length: 0, {length}\r\n"), hidden.to_owned()),
        ("Content-Length: +0\r\n".to_owned(), hidden.to_owned()),
        ("Content-Length: -1\r\n".to_owned(), hidden.to_owned()),
        ("Content-Length: 0x0\r\n".to_owned(), hidden.to_owned()),
        ("Content-Length: 99999999999999999999999\r\n".to_owned(), hidden.to_owned()),
        ("Content-Length: \r\n".to_owned(), hidden.to_owned()),
        (
            "Upgrade: h2c\r\nConnection: Upgrade\r\nTransfer-Encoding: chunked\r\n".to_owned(),
            format!("0\r\n\r\n{hidden}"),
        ),
    ];
    for (headers, body) in forms {
        let said =
            exchange(&harness, &format!("POST /-/healthy HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n{body}")).await;
        let answers = said.matches("HTTP/1.1 ").count();
        assert!(answers <= 1 && !said.contains("application/json"), "{headers}{said}");
        println!("{:?}: {:?}", headers, said.lines().next());
    }
    // Without a hidden one, requests in a row are answered in a row.
    let two = format!("GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n{}", http::request("/-/ready", ""));
    assert_eq!(exchange(&harness, &two).await.matches("HTTP/1.1 200").count(), 2);
}
