//! The token, or a customer, never shows anywhere.

use std::net::SocketAddr;
use std::time::Duration;

use wolkvox_simulator::{Fault, Scope, Simulator};

use crate::support::child::{EXPORTER, Running};
use crate::support::harness::{PERSONAL, Setup, TOKEN, config_folder, settings, until};
use crate::support::http;

/// Where a token could come back from: answers that repeat it, and every kind of failure that is told.
fn faults() -> Vec<Fault> {
    let echo = format!("TOKEN {TOKEN} IS NOT WELCOME");
    vec![
        Fault::Forbidden(echo.clone()),
        Fault::Body(echo.clone().into_bytes()),
        Fault::Body(format!(r#"{{"code":200,"msg":"{echo}","data":"{TOKEN}"}}"#).into_bytes()),
        Fault::Body(
            format!(r#"{{"code":"{TOKEN}","{TOKEN}":"x","data":[{{"{TOKEN}":"{TOKEN}","time":["{TOKEN}"]}}]}}"#)
                .into_bytes(),
        ),
        Fault::Body(format!("<html>{TOKEN}</html>").into_bytes()),
        Fault::Redirect(format!("http://127.0.0.1:9/?token={TOKEN}")),
        Fault::StatusWithRetryAfter(429, TOKEN.to_owned()),
        Fault::Status(500),
        Fault::Reset,
        Fault::CutBody,
        Fault::CutGzip,
        Fault::InvalidUtf8,
        Fault::Bomb,
        Fault::Drop,
    ]
}

fn assert_clean(output: &str) {
    for secret in PERSONAL.into_iter().chain([TOKEN, "s3cr3t"]) {
        let line = output.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret} shows");
    }
}

/// Reads every page, and returns the metrics.
async fn clean_answers(address: SocketAddr) -> String {
    for (path, headers) in [
        ("/metrics", "Accept: application/openmetrics-text\r\nAccept-Encoding: gzip\r\n"),
        ("/", ""),
        ("/status.json", ""),
        ("/-/ready", ""),
    ] {
        assert_clean(&http::send(address, "GET", path, headers).await.text());
    }
    let metrics = http::get(address, "/metrics").await.text();
    assert_clean(&metrics);
    metrics
}

#[tokio::test(flavor = "multi_thread")]
async fn never_leak_no_output_holds_the_token_or_a_customer() {
    let simulator = Simulator::start(settings()).await.unwrap();
    let setup = Setup {
        timeout: Duration::from_secs(1),
        limits: "{response_bytes: 1MB}",
        reports: "[smart_wait, agent_kpi]",
        ..Setup::fast()
    };
    let folder = config_folder(&setup.config(&simulator.base_url()));
    let config = format!("--config.file={}", folder.path().join("wolkvox-exporter.yml").display());
    let flags = [&config, "--web.listen-address=127.0.0.1:0", "--log.level=trace", "--log.format=json"];
    let mut exporter = Running::start(EXPORTER, &flags);
    let address = exporter.after("\"address\":\"").await.parse().expect("an address");
    until("the first good answers", async || {
        let text = http::get(address, "/metrics").await.text();
        assert_clean(&text);
        let served = text.contains("wolkvox_smart_wait_callbacks{") && text.contains("wolkvox_agent_calls{");
        served.then_some(())
    })
    .await;

    let before = simulator.call_log().total;
    let faults = faults();
    let calls = before + faults.len() as u64 + 2;
    for fault in faults {
        // This report cannot be asked in parts, so that a bomb stays a failure.
        let api = (fault == Fault::Bomb).then(|| "agents_kpi".to_owned());
        simulator.inject(fault, Scope { api, times: Some(1), ..Scope::default() });
    }
    let reasons = ["forbidden_other", "malformed", "redirect", "http_4xx", "connect", "too_large", "timeout"];
    until("every fault and what follows it", async || {
        let metrics = clean_answers(address).await;
        let told = reasons.iter().all(|reason| metrics.contains(reason));
        (told && simulator.call_log().total >= calls).then_some(())
    })
    .await;
    // Last, because nothing is asked for a quarter of an hour after it.
    let refused = Fault::Forbidden(format!("PLEASE VALIDATE TOKEN {TOKEN}"));
    simulator.inject(refused, Scope::default());
    until("a refused token", async || clean_answers(address).await.contains("token_rejected").then_some(())).await;
    let (_, _, said) = exporter.terminate().await;
    for reason in reasons.into_iter().chain(["token_rejected"]) {
        assert!(said.contains(reason), "{reason} was not told");
    }
    assert_clean(&said);
}

#[test]
fn never_leak_the_vendor_of_the_tests_has_something_to_leak() {
    let settings = settings();
    let now = (settings.clock)();
    let world = wolkvox_simulator::World::new(&settings);
    let rows = world.callbacks(0, crate::support::harness::midnight(), now);
    assert!(!rows.is_empty());
    for row in rows {
        let fields = [row.ani, row.dial_phone, row.customer_id];
        assert!(fields.iter().zip(PERSONAL).all(|(field, start)| field.starts_with(start)));
    }
}
