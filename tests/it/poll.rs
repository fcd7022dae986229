//! Polling brings the vendor's figures, within the vendor's limits.

use std::time::Duration;

use wolkvox_simulator::{Fault, Scope};

use crate::support::harness::{Harness, Setup, TOKEN, midnight, settings, until};
use crate::support::http;
use crate::support::scraped::Scraped;

const EVERY_PATH: [&str; 5] = ["/metrics", "/", "/-/healthy", "/-/ready", "/nowhere"];

#[tokio::test(flavor = "multi_thread")]
async fn all_metrics_of_the_five_reports_are_there_once_ready() {
    let harness = Harness::start(Setup::frozen()).await;
    let scraped = harness.scrape().await;
    assert_eq!(scraped.missing_metrics(), Vec::<String>::new());
    assert_eq!(scraped.sum("wolkvox_report_up", &[]), 5.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn never_lie_the_figures_are_those_of_the_vendors_world() {
    let setup = Setup::frozen();
    let now = (setup.simulator.clock)();
    let harness = Harness::start(setup).await;
    let scraped = harness.scrape().await;
    let midnight = midnight();
    let world = harness.simulator.world();
    let total = |figures: Vec<u64>| figures.into_iter().sum::<u64>() as f64;
    // The vendor's clock stands still: what lies after it is not visible, however late the poll is.
    let end = now;

    let aux = world.aux(0, midnight, end).iter().map(|row| row.seconds).collect();
    assert_eq!(scraped.sum("wolkvox_agent_aux_seconds", &[]), total(aux));
    let hold_mute = world.hold_mute(0, midnight, end);
    assert_eq!(scraped.sum("wolkvox_agent_hold_seconds", &[]), total(hold_mute.iter().map(|row| row.hold).collect()));
    assert_eq!(scraped.sum("wolkvox_agent_mute_seconds", &[]), total(hold_mute.iter().map(|row| row.mute).collect()));
    assert_eq!(
        scraped.sum("wolkvox_agent_hold_mute_uses", &[]),
        total(hold_mute.iter().map(|row| row.count).collect())
    );
    let closed = world.closed(0, midnight, end).iter().map(|row| row.interactions).collect();
    assert_eq!(scraped.sum("wolkvox_agent_closed_interactions", &[]), total(closed));
    let callbacks = world.callbacks(0, midnight, end);
    assert_eq!(scraped.sum("wolkvox_smart_wait_callbacks", &[]), callbacks.len() as f64);
    assert_eq!(
        scraped.sum("wolkvox_smart_wait_attempts", &[]),
        total(callbacks.iter().map(|row| row.attempts).collect())
    );
    let billed = total(callbacks.iter().map(|row| row.billed_minutes * 60).collect());
    assert_eq!(scraped.sum("wolkvox_smart_wait_billed_seconds", &[]), billed);
    let kpi = world.kpi(0, midnight, end);
    let days = || kpi.iter().flat_map(|row| &row.stats);
    assert_eq!(scraped.sum("wolkvox_agent_calls", &[]), total(days().map(|day| day.calls).collect()));
    assert_eq!(scraped.sum("wolkvox_agent_points", &[]), total(days().map(|day| day.points).collect()));
    assert_eq!(
        scraped.sum("wolkvox_agent_handle_seconds", &[]),
        total(days().map(|day| day.calls * day.aht).collect())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn never_overspend_one_call_at_a_time_per_token_even_if_operations_share_it() {
    let mut simulator = settings();
    // Strict: the second of two simultaneous calls would be refused, and its report fail.
    simulator.simultaneous = 1;
    let slow = vec![(Fault::Delay(Duration::from_millis(30)), Scope::default())];
    let setup = Setup {
        simulator,
        operations: &["acme", "twin"],
        faults: slow,
        windows: "[today, yesterday]",
        ..Setup::default()
    };
    let harness = Harness::start(setup).await;
    until("sixty calls", async || (harness.simulator.call_log().total >= 60).then_some(())).await;
    assert_eq!(harness.simulator.call_log().peak_in_flight, 1);
    let scraped = harness.scrape().await;
    assert_eq!(scraped.find("wolkvox_api_request_failures_total", &[]), []);
    assert_eq!(scraped.find("wolkvox_report_poll_failures_total", &[]), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn never_overspend_no_request_to_the_exporter_ever_causes_a_call() {
    let harness = Harness::start(Setup::frozen()).await;
    let before = harness.simulator.call_log().total;
    assert_eq!(before, 5, "one call per report");
    for _ in 0..20 {
        for path in EVERY_PATH {
            http::send(harness.address, "GET", path, "").await;
            http::send(harness.address, "HEAD", path, "").await;
        }
    }
    assert_eq!(harness.simulator.call_log().total, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn never_overspend_every_call_is_counted_whatever_became_of_it() {
    let faults = vec![(Fault::Reset, Scope { api: Some("agent_3".to_owned()), ..Scope::default() })];
    let harness = Harness::start(Setup { faults, ..Setup::frozen() }).await;
    let scraped = harness.scrape().await;
    let call_log = harness.simulator.call_log();
    assert_eq!(scraped.sum("wolkvox_api_requests_total", &[]), call_log.total as f64);
    assert_eq!(call_log.count("agent_3"), 1, "a broken call is not sent again behind anyone's back");
    assert_eq!(call_log.count_for(TOKEN), call_log.total);
}

#[tokio::test(flavor = "multi_thread")]
async fn never_lie_each_window_is_asked_for_whole_and_served_under_its_own_name() {
    let harness = Harness::start(Setup { windows: "[today, yesterday]", ..Setup::frozen() }).await;
    let scraped = harness.scrape().await;
    let midnight = midnight().as_second() as f64;
    for (window, start, end) in [("today", midnight, None), ("yesterday", midnight - 86_400.0, Some(midnight - 1.0))] {
        let label = format!("window=\"{window}\"");
        let labels = [label.as_str(), "report=\"agent_kpi\""];
        assert_eq!(scraped.value("wolkvox_report_window_start_timestamp_seconds", &labels), Some(start), "{window}");
        let served_end = scraped.value("wolkvox_report_window_end_timestamp_seconds", &labels).unwrap();
        assert!(end.is_none_or(|end| end == served_end) && served_end > start, "{window}: {served_end}");
        assert!(!scraped.find("wolkvox_agent_calls", &[&label]).is_empty(), "{window}");
    }
    for call in harness.simulator.call_log().calls {
        assert!(call.date_ini.ends_with("000000"), "{call:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_hangs_leaves_the_others_their_turns() {
    let faults = vec![(Fault::Drop, Scope { api: Some("agent_3".to_owned()), ..Scope::default() })];
    let setup = Setup { faults, timeout: Duration::from_secs(1), ..Setup::default() };
    let harness = Harness::start(setup).await;
    let calls =
        |scraped: &Scraped, report: &str| scraped.sum("wolkvox_api_requests_total", &[&format!("report=\"{report}\"")]);
    let others = ["agent_hold_mute", "closed_interactions", "smart_wait", "agent_kpi"];
    let busy = |scraped: &Scraped| others.iter().all(|report| calls(scraped, report) >= 2.0);
    let scraped = harness.scrape_until("two polls of each other report", busy).await;
    assert!(others.iter().all(|report| scraped.is_up(report)));
    assert!(!scraped.is_up("agent_aux_time"));
}
