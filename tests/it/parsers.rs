//! Do parsers that others wrote accept every byte?

use wolkvox_exporter::simulator::{Fault, Scope};

use crate::child::{python, run};
use crate::http;
use crate::stage::{Plot, Stage};

/// Two windows, a failure, unreadable values and huge names: every kind of line there is.
async fn stage() -> Stage {
    let fault = |fault: Fault, api: &str| (fault, Scope { api: Some(api.to_owned()), ..Scope::default() });
    let faults = vec![
        fault(Fault::Status(500), "agent_9"),
        fault(Fault::BadValues, "agent_3"),
        fault(Fault::HugeNames, "chat_7"),
    ];
    Stage::start(Plot { faults, windows: "[today, yesterday]", ..Plot::frozen() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn promtool_finds_nothing_to_say_about_the_text_format() {
    for stage in [Stage::start(Plot::frozen()).await, stage().await] {
        let text = stage.get("/metrics").await.body;
        let checked = run("promtool", &["check", "metrics"], &text).await;
        assert_eq!((checked.code, checked.stdout.as_str(), checked.stderr.as_str()), (Some(0), "", ""));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strict_parser_accepts_both_formats() {
    for stage in [Stage::curtain(Plot::frozen()).await, stage().await] {
        for (accept, format) in [("application/openmetrics-text", ""), ("text/plain", "text")] {
            let headers = format!("Accept: {accept}\r\nAccept-Encoding: gzip\r\n");
            let text = http::send(stage.address, "GET", "/metrics", &headers).await.decoded();
            let read = run(&python(), &["tests/strict_openmetrics.py", format], &text).await;
            assert_eq!(read.code, Some(0), "{accept}: {}", read.stderr);
            let count: usize = read.stdout.lines().next().and_then(|line| line.parse().ok()).expect("a count");
            assert!(count > 20, "{accept}: {count}");
        }
    }
}
