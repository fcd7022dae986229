//! What `/metrics` shows when the vendor's answer is no answer.

use std::time::Duration;

use tokio::net::TcpListener;
use wolkvox_simulator::{Fault, REFUSED_CODES, Scope};

use crate::support::child::{EXPORTER, Running};
use crate::support::harness::{Harness, Setup, config_folder, settings, together, until};
use crate::support::http;
use crate::support::scraped::Scraped;

/// Of the report that is disturbed, and of the one that is not.
const DISTURBED: (&str, &str) = ("agent_aux_time", "agent_3");
const UNDISTURBED: &str = "agent_hold_mute";
const SERIES: &str = "wolkvox_agent_aux_seconds";

fn body(text: impl Into<Vec<u8>>) -> Fault {
    Fault::Body(text.into())
}

fn forbidden(message: &str) -> Fault {
    Fault::Forbidden(message.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn never_lie_a_body_that_is_no_answer_is_a_failure_and_no_series() {
    broken(vec![
        ("empty", body(""), "malformed"),
        ("null", body("null"), "malformed"),
        ("not JSON", body("good morning"), "malformed"),
        ("HTML with status 200", Fault::Html200, "malformed"),
        ("JSON that stops", Fault::Truncated, "malformed"),
        ("deeply nested", body(format!(r#"{{"code":200,"data":{}"#, "[".repeat(200_000))), "malformed"),
        (
            "deeply nested and whole",
            body(format!(r#"{{"data":[{}{}]}}"#, "[".repeat(9_000), "]".repeat(9_000))),
            "malformed",
        ),
        ("invalid UTF-8", Fault::InvalidUtf8, "malformed"),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn never_lie_a_connection_that_breaks_is_a_failure_and_no_series() {
    broken(vec![
        ("a body cut off", Fault::CutBody, "connect"),
        ("gzip cut off", Fault::CutGzip, "connect"),
        ("reset", Fault::Reset, "connect"),
        ("no answer", Fault::Drop, "timeout"),
        ("a drip", Fault::Drip(Duration::from_millis(50)), "timeout"),
        ("a delay beyond the time-out", Fault::Delay(Duration::from_hours(1)), "timeout"),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn never_lie_a_refusal_has_its_own_reason_and_no_series() {
    broken(vec![
        ("redirect", Fault::Redirect("http://127.0.0.1:9/".to_owned()), "redirect"),
        ("400", Fault::Status(400), "http_4xx"),
        ("500", Fault::Status(500), "http_5xx"),
        ("404 of a wrong server", Fault::Status(404), "http_4xx"),
        ("403 of another kind", forbidden("GO AWAY"), "forbidden_other"),
        ("200 that refuses", refused("200", "GO AWAY"), "forbidden_other"),
        ("206", Fault::Partial, "malformed"),
    ])
    .await;
}

fn refused(code: &str, message: &str) -> Fault {
    Fault::RefusedAs200 { code: code.to_owned(), message: message.to_owned() }
}

#[tokio::test(flavor = "multi_thread")]
async fn never_lie_a_refusal_with_status_200_is_that_refusal_in_every_form_of_its_code() {
    let refusals = REFUSED_CODES.map(|code| async move {
        let setup = Setup { interval: Duration::from_secs(1), ..Setup::of_two_reports() };
        let harness = Box::pin(Harness::start(setup)).await;
        let well = harness.scrape_until(code, |scraped| scraped.is_up(DISTURBED.0)).await;
        harness.inject(refused(code, "TOKEN LIMIT EXCEEDED"), DISTURBED.1);
        let scraped = harness.scrape_until(code, |scraped| !scraped.is_up(DISTURBED.0)).await;
        assert_eq!(scraped.find(SERIES, &[]), well.find(SERIES, &[]), "{code}: the last good series are gone");
        assert_eq!(scraped.failures(DISTURBED.0).into_keys().collect::<Vec<_>>(), ["budget_exhausted"], "{code}");
    });
    Box::pin(together(refusals)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn never_overspend_what_befalls_the_token_stops_every_report_of_it_after_one_call() {
    let cases = vec![
        ("401", Fault::Status(401), "token_missing"),
        ("403 token", forbidden("PLEASE VALIDATE TOKEN"), "token_rejected"),
        ("403 budget", forbidden("TOKEN LIMIT EXCEEDED"), "budget_exhausted"),
        ("403 concurrency", forbidden("EXCEEDS THE LIMIT OF SIMULTANEOUS REQUESTS PER TOKEN (2)"), "concurrency"),
        ("403 maintenance", Fault::Maintenance, "maintenance"),
        ("200 that refuses the budget", refused(r#""""#, "TOKEN LIMIT EXCEEDED"), "budget_exhausted"),
        ("200 that refuses the token", refused("200", "PLEASE VALIDATE TOKEN"), "token_rejected"),
        ("429 with seconds", Fault::StatusWithRetryAfter(429, "60".to_owned()), "http_4xx"),
        ("429 with a date", Fault::StatusWithRetryAfter(429, "Fri, 31 Dec 2100 23:59:59 GMT".to_owned()), "http_4xx"),
    ];
    let pauses = cases.into_iter().map(|(case, fault, reason)| async move {
        let faults = vec![(fault, Scope::default())];
        let harness = Harness::start(Setup { faults, ..Setup::of_two_reports() }).await;
        let scraped = harness.scrape().await;
        assert_eq!(scraped.sum("wolkvox_api_requests_total", &[]), 1.0, "{case}");
        let failures = scraped.failures(DISTURBED.0);
        assert_eq!(failures.into_keys().collect::<Vec<_>>(), [reason], "{case}");
        assert!(!scraped.is_up(DISTURBED.0) && !scraped.is_up(UNDISTURBED), "{case}");
        assert_eq!(scraped.find(SERIES, &[]), [], "{case}");
        let status = harness.get("/status.json").await.text();
        let status: serde_json::Value = serde_json::from_str(&status).expect("JSON");
        let reports = status["operations"].to_string();
        assert_eq!(
            reports.matches(&format!("\"reason\":\"{reason}\"")).count(),
            2,
            "{case}: each report says why: {status}"
        );
        assert_eq!(harness.simulator.call_log().total, 1, "{case}");
    });
    together(pauses).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn never_lie_an_answer_over_the_limit_or_of_other_fields_is_a_failure_and_no_series() {
    let renamed = Fault::RenamedField { from: "aux_state".to_owned(), to: "auxiliar".to_owned() };
    broken(vec![
        ("over the limit", Fault::Huge(2_000_000), "too_large"),
        ("bomb", Fault::Bomb, "too_large"),
        ("a renamed field", renamed, "schema"),
    ])
    .await;
}

async fn broken(cases: Vec<(&'static str, Fault, &'static str)>) {
    together(cases.into_iter().map(|(case, fault, reason)| breaks_and_recovers(case, fault, reason))).await;
}

/// Broken from the first poll, then well, then broken again.
async fn breaks_and_recovers(case: &'static str, fault: Fault, reason: &'static str) {
    let (report, api) = DISTURBED;
    let scope = Scope { api: Some(api.to_owned()), ..Scope::default() };
    let setup = Setup {
        faults: vec![(fault.clone(), scope)],
        timeout: Duration::from_secs(2),
        limits: "{response_bytes: 1MB}",
        ..Setup::of_two_reports()
    };
    let harness = Harness::start(setup).await;
    let failed = |scraped: &Scraped| !scraped.failures(report).is_empty();

    let first = harness.scrape_until(case, failed).await;
    assert!(!first.is_up(report), "{case}: up");
    assert_eq!(first.find(SERIES, &[]), [], "{case}: a failure became a value");
    assert_eq!(
        first.find("wolkvox_report_last_success_timestamp_seconds", &["report=\"agent_aux_time\""]),
        [],
        "{case}"
    );

    harness.simulator.clear_faults();
    let well = harness.scrape_until(case, |scraped| scraped.is_up(report)).await;
    assert!(!well.find(SERIES, &[]).is_empty(), "{case}: did not recover");

    harness.inject(fault, api);
    let again = harness.scrape_until(case, |scraped| !scraped.is_up(report)).await;
    assert_eq!(again.find(SERIES, &[]), well.find(SERIES, &[]), "{case}: the last good series are not what they were");
    assert_eq!(again.value("wolkvox_report_stale", &["report=\"agent_aux_time\""]), Some(0.0), "{case}");
    assert_eq!(again.failures(report).into_keys().collect::<Vec<_>>(), [reason], "{case}");
    let success = "wolkvox_report_last_success_timestamp_seconds";
    assert!(again.sum(success, &["report=\"agent_aux_time\""]) > 1e9, "{case}: forgot when it last worked");
    assert!(again.sum("wolkvox_report_consecutive_failures", &["report=\"agent_aux_time\""]) >= 1.0, "{case}");

    let calls = |scraped: &Scraped| scraped.sum("wolkvox_api_requests_total", &["report=\"agent_hold_mute\""]);
    let later = harness.scrape_until(case, |scraped| calls(scraped) > calls(&again)).await;
    assert!(later.is_up(UNDISTURBED) && later.failures(UNDISTURBED).is_empty(), "{case}: disturbed another report");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_unusual_is_read_like_any_answer() {
    let cases =
        [("byte order mark", Fault::Bom), ("code as text", Fault::StringCodes), ("none", Fault::Delay(Duration::ZERO))];
    let reading = cases.map(|(case, fault)| async move {
        let harness = Harness::start(Setup { faults: vec![(fault, Scope::default())], ..Setup::frozen() }).await;
        let scraped = harness.scrape().await;
        assert_eq!(scraped.missing_metrics(), Vec::<String>::new(), "{case}");
        format!("{:?}", scraped.report_series())
    });
    let read = Box::pin(together(reading)).await;
    assert!(read.iter().all(|series| *series == read[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_report_is_a_success_without_rows() {
    let mut simulator = settings();
    simulator.operations[0].agents = 0;
    simulator.operations[0].callbacks_per_day = 0;
    let harness = Harness::start(Setup { simulator, ..Setup::default() }).await;
    let scraped = harness.scrape().await;
    assert_eq!(scraped.sum("wolkvox_report_up", &[]), 5.0, "{}", scraped.text());
    assert_eq!(scraped.find("wolkvox_report_rows", &[]).len(), 5);
    assert_eq!(scraped.sum("wolkvox_report_rows", &[]), 0.0);
    assert!(scraped.report_series().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn never_leak_the_target_of_a_redirect_never_hears_of_the_token() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = format!("http://{}/api/v2/", elsewhere.local_addr().unwrap());
    let faults = vec![(Fault::Redirect(target), Scope::default())];
    let harness = Harness::start(Setup { faults, ..Setup::of_two_reports() }).await;
    let twice = |scraped: &Scraped| scraped.failures(UNDISTURBED).get("redirect").is_some_and(|count| *count >= 2.0);
    harness.scrape_until("two redirects", twice).await;
    let called = tokio::time::timeout(Duration::from_millis(1), elsewhere.accept()).await;
    assert!(called.is_err(), "the redirect was followed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_300_megabytes_does_not_grow_the_memory() {
    let simulator = wolkvox_simulator::Simulator::start(settings()).await.unwrap();
    simulator.inject(Fault::Huge(300_000_000), Scope { api: Some("agent_3".to_owned()), ..Scope::default() });
    let setup = Setup { limits: "{response_bytes: 8MB}", ..Setup::of_two_reports() };
    let folder = config_folder(&setup.config(&simulator.base_url()));
    let config = format!("--config.file={}", folder.path().join("wolkvox-exporter.yml").display());
    let mut exporter = Running::start(EXPORTER, &[&config, "--web.listen-address=127.0.0.1:0"]);
    let address = exporter.after("address=").await.parse().expect("an address");
    let scraped = until("two answers too large", async || {
        let scraped = Scraped::parse(&http::get(address, "/metrics").await.text());
        Some(scraped)
            .filter(|scraped| scraped.failures(DISTURBED.0).get("too_large").is_some_and(|count| *count >= 2.0))
    });
    assert!(scraped.await.is_up(UNDISTURBED));
    let peak = exporter.peak_memory();
    assert!(peak < 100_000_000, "{peak} bytes");
}
