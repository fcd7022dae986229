//! The binary does what its commands say, and ends with the status that scripts rely on.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use wolkvox_simulator::{Fault, Scope, Simulator};

use crate::support::child::{EXPORTER, Running, exporter};
use crate::support::harness::{Setup, TOKEN, config_folder, settings, until};
use crate::support::http;
use crate::support::scraped::{Scraped, report_metrics};

#[tokio::test(flavor = "multi_thread")]
async fn version_help_and_reports_are_printed_and_end_well() {
    let version = exporter(&["--version"]).await;
    let (number, commit) = version.stdout.trim().split_once(" (commit ").unwrap_or((version.stdout.trim(), "0)"));
    assert_eq!((version.code, number), (Some(0), concat!("wolkvox-exporter ", env!("CARGO_PKG_VERSION"))));
    let digits = commit.strip_suffix(')').expect("a bracket");
    assert!(!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit()), "{}", version.stdout);
    let help = exporter(&["--help"]).await;
    assert!(help.code == Some(0) && help.stdout.contains("--config.file"), "{help:?}");
    let reports = exporter(&["reports"]).await;
    assert_eq!(reports.code, Some(0));
    for name in report_metrics().iter().filter(|name| !name.ends_with("_info")) {
        assert!(reports.stdout.contains(name), "{name} is not in {}", reports.stdout);
    }
    for api in ["agent_3", "agent_9", "chat_7", "diagram_3", "agents_kpi"] {
        assert!(reports.stdout.contains(api), "{api} is not in {}", reports.stdout);
    }
    let before_a_config = exporter(&["reports", "--config.file=/nowhere/wolkvox-exporter.yml"]).await;
    let told = "There is no config /nowhere/wolkvox-exporter.yml: all of these are built in.\n";
    assert_eq!((before_a_config.code, before_a_config.stdout), (Some(0), format!("{}\n{told}", reports.stdout)));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_usage_ends_with_status_2() {
    for args in [&["--no-such-flag"][..], &["dance"], &["serve"], &["check"], &[], &["demo", "--log.level=loud"]] {
        let ended = exporter(args).await;
        assert_eq!(ended.code, Some(2), "{args:?} {ended:?}");
        assert!(!ended.stderr.is_empty(), "{args:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_without_a_host_is_wrong_usage_and_told_as_it_is_to_be_written() {
    let ended = exporter(&["demo", "--web.listen-address", "10077"]).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("127.0.0.1:10077 for this machine alone, or :10077"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_ends_with_status_1_and_names_the_address() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = exporter(&["demo", &format!("--web.listen-address={address}")]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains(&address) && ended.stderr.contains("hint"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_probe_makes_one_call_per_report_and_prints_what_came_back() {
    let simulator = Simulator::start(settings()).await.unwrap();
    let setup = Setup { windows: "[today, yesterday]", ..Setup::default() };
    let folder = config_folder(&setup.config(&simulator.base_url()));
    let config = format!("--config.file={}", folder.path().join("wolkvox-exporter.yml").display());
    let good = exporter(&["check", "--probe", &config]).await;
    assert_eq!(good.code, Some(0), "{good:?}");
    assert_eq!(good.stdout.lines().filter(|line| line.contains("  ok  ")).count(), 5, "{}", good.stdout);
    assert_eq!(simulator.call_log().total, 5);

    simulator.inject(Fault::Maintenance, Scope { api: Some("chat_7".to_owned()), ..Scope::default() });
    let bad = exporter(&["check", "--probe", &config]).await;
    assert_eq!(bad.code, Some(1), "{bad:?}");
    // What is said of the token is not asked a second time.
    assert_eq!(bad.stdout.lines().filter(|line| line.contains("  ok  ")).count(), 2, "{}", bad.stdout);
    assert!(bad.stdout.contains("maintenance") && bad.stderr.contains("3 of 5"), "{bad:?}");
    assert_eq!(simulator.call_log().total, 8);
    assert!(!format!("{good:?}{bad:?}").contains(TOKEN));
}

#[tokio::test(flavor = "multi_thread")]
async fn health_ends_with_0_while_the_exporter_answers_and_else_with_1_and_a_hint() {
    let mut demo = Running::start(EXPORTER, &["demo", "--web.listen-address=127.0.0.1:0"]);
    let address = demo.after("open   http://").await;
    let (_, port) = address.rsplit_once(':').expect("a port");
    let flags = [format!("--web.listen-address=:{port}"), format!("--web.listen-address={address},127.0.0.1:1")];
    for flag in &flags {
        let alive = exporter(&["health", flag]).await;
        assert_eq!((alive.code, alive.stderr.as_str()), (Some(0), ""), "{alive:?}");
    }
    demo.kill().await;
    let dead = exporter(&["health", &flags[0]]).await;
    assert_eq!((dead.code, dead.stdout.as_str()), (Some(1), ""), "{dead:?}");
    assert!(dead.stderr.contains(&address) && dead.stderr.contains("hint:"), "{}", dead.stderr);
}

/// Silent or unwell: both are what a health check is for.
#[tokio::test(flavor = "multi_thread")]
async fn health_ends_with_1_within_five_seconds_where_the_answer_is_none_or_wrong() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let simulator = Simulator::start(settings()).await.unwrap();
    let elsewhere = simulator.base_url().replace("http://", "");
    for (address, reason) in [(silent.local_addr().unwrap().to_string(), "timed out"), (elsewhere, "the answer is 4")] {
        let started = Instant::now();
        let ended = exporter(&["health", &format!("--web.listen-address={address}")]).await;
        assert!(ended.code == Some(1) && ended.stderr.contains(reason), "{ended:?}");
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_has_every_metric_within_ten_seconds_and_ends_within_two() {
    let started = Instant::now();
    let mut demo = Running::start(EXPORTER, &["demo", "--web.listen-address=127.0.0.1:0"]);
    let address = demo.after("open   http://").await.parse().expect("an address");
    until("every metric", async || {
        let missing = Scraped::parse(&http::get(address, "/metrics").await.text()).missing_metrics();
        assert!(started.elapsed() < Duration::from_secs(10), "missing after ten seconds: {missing:?}");
        missing.is_empty().then_some(())
    })
    .await;
    let (status, took, said) = demo.terminate().await;
    assert!(status.success(), "{status}: {said}");
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(said.contains("curl -s http://"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_termination_ends_serve_within_two_seconds_even_while_the_vendor_is_silent() {
    let simulator = Simulator::start(settings()).await.unwrap();
    simulator.inject(Fault::Drop, Scope::default());
    let folder = config_folder(&Setup::default().config(&simulator.base_url()));
    let config = format!("--config.file={}", folder.path().join("wolkvox-exporter.yml").display());
    let mut serve = Running::start(EXPORTER, &[&config, "--web.listen-address=127.0.0.1:0"]);
    let address = serve.after("address=").await.parse().expect("an address");
    assert_eq!(http::get(address, "/-/healthy").await.status, 200);
    until("a call", async || (simulator.call_log().total > 0).then_some(())).await;
    let (status, took, said) = serve.terminate().await;
    assert!(status.success(), "{status}: {said}");
    assert!(took < Duration::from_secs(2), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn several_addresses_and_another_path_are_served() {
    let flags =
        ["demo", "--web.listen-address=127.0.0.1:0", "--web.listen-address=127.0.0.1:0", "--web.telemetry-path=/m/x"];
    let mut demo = Running::start(EXPORTER, &flags);
    demo.after("address=").await;
    let said = until("two addresses", async || {
        let said = demo.said();
        (said.matches("msg=listening").count().max(said.matches("address=").count()) >= 2).then_some(said)
    })
    .await;
    let addresses = said.split("address=").skip(1).map(|rest| rest.split([' ', '\n']).next().unwrap_or_default());
    for address in addresses {
        let address = address.parse().expect("an address");
        assert_eq!(http::get(address, "/m/x").await.status, 200);
        assert_eq!(http::get(address, "/metrics").await.status, 404);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_of_forty_operations_serves_forty_names() {
    let flags = ["demo", "--operations=40", "--agents=2", "--web.listen-address=127.0.0.1:0", "--log.level=warn"];
    let mut demo = Running::start(EXPORTER, &flags);
    let address = demo.after("open   http://").await.parse().expect("an address");
    until("forty operations", async || {
        let text = http::get(address, "/metrics").await.text();
        let calls = text.lines().filter(|line| line.starts_with("wolkvox_agent_calls{") && line.contains("\"today\""));
        let names: BTreeSet<&str> =
            calls.filter_map(|line| line.split("operation=\"").nth(1)?.split('"').next()).collect();
        (names.len() == 40 && names.contains("bogota") && names.contains("madrid")).then_some(())
    })
    .await;
}
