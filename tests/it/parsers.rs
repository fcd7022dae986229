//! Parsers that others wrote accept every byte.

use wolkvox_simulator::{Fault, Scope};

use crate::support::child::{python, run};
use crate::support::harness::{Harness, Setup};
use crate::support::http;

/// Two windows, a failure, unreadable values and huge names: every kind of line there is.
async fn harness() -> Harness {
    let fault = |fault: Fault, api: &str| (fault, Scope { api: Some(api.to_owned()), ..Scope::default() });
    let faults = vec![
        fault(Fault::Status(500), "agent_9"),
        fault(Fault::BadValues, "agent_3"),
        fault(Fault::HugeNames, "chat_7"),
    ];
    Harness::start(Setup { faults, windows: "[today, yesterday]", ..Setup::frozen() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn promtool_finds_nothing_to_say_about_the_text_format() {
    for harness in [Harness::start(Setup::frozen()).await, harness().await] {
        let text = harness.get("/metrics").await.body;
        let checked = run("promtool", &["check", "metrics"], &text).await;
        assert_eq!((checked.code, checked.stdout.as_str(), checked.stderr.as_str()), (Some(0), "", ""));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strict_parser_accepts_both_formats() {
    for harness in [Harness::start_unpolled(Setup::frozen()).await, harness().await] {
        for (accept, format) in [("application/openmetrics-text", ""), ("text/plain", "text")] {
            let headers = format!("Accept: {accept}\r\nAccept-Encoding: gzip\r\n");
            let text = http::send(harness.address, "GET", "/metrics", &headers).await.decoded();
            let read = run(&python(), &["tests/strict_openmetrics.py", format], &text).await;
            assert_eq!(read.code, Some(0), "{accept}: {}", read.stderr);
            let count: usize = read.stdout.lines().next().and_then(|line| line.parse().ok()).expect("a count");
            assert!(count > 20, "{accept}: {count}");
        }
    }
}
