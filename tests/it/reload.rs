//! What changes when the config is read again, and what does not.

use std::fs;
use std::time::{Duration, Instant};

use wolkvox_simulator::{self as simulator, Fault, Scope, Simulator};

use crate::support::harness::{CONFIG_FILE, Harness, Setup, TOKEN, settings, until, zone, zone_name};
use crate::support::home::Home;
use crate::support::http;
use crate::support::scraped::Scraped;

const SUCCESSFUL: &str = "wolkvox_exporter_config_last_reload_successful";
const LAST_RELOAD: &str = "wolkvox_exporter_config_last_reload_success_timestamp_seconds";
const LAST_SUCCESS: &str = "wolkvox_report_last_success_timestamp_seconds";
const NEW_TOKEN: &str = "s3cr3t-t0ken-after-the-rotation";

fn two_reports() -> Setup {
    Setup { reports: "[agent_aux_time, agent_hold_mute]", ..Setup::frozen() }
}

#[tokio::test(flavor = "multi_thread")]
async fn never_overspend_a_reload_of_the_same_config_changes_nothing_and_costs_no_call() {
    let harness = Harness::start(Setup::frozen()).await;
    let before = harness.scrape().await;
    let config = Setup::frozen().config(&harness.simulator.base_url());
    // Each waits for the one before it to be carried out, calls and all.
    for _ in 0..5 {
        let answer = harness.reload(&config).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "reloaded\n"));
    }
    let after = harness.scrape().await;
    assert_eq!(after.report_series(), before.report_series());
    for metric in [LAST_SUCCESS, "wolkvox_report_last_attempt_timestamp_seconds", "wolkvox_report_up", SUCCESSFUL] {
        assert_eq!(after.find(metric, &[]), before.find(metric, &[]), "{metric}");
    }
    assert_eq!(after.sum("wolkvox_api_budget_used", &[]), 5.0);
    assert!(after.value(LAST_RELOAD, &[]) > before.value(LAST_RELOAD, &[]));
    assert_eq!(harness.simulator.call_log().total, 5);
    assert_eq!(harness.get("/-/ready").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_post_reloads() {
    let harness = Harness::start(Setup { reports: "[agent_aux_time]", ..Setup::frozen() }).await;
    let before = harness.scrape().await.value(LAST_RELOAD, &[]);
    for method in ["GET", "HEAD", "PUT", "DELETE"] {
        let answer = http::send(harness.address, method, "/-/reload", "").await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")), "{method}");
    }
    assert_eq!(harness.scrape().await.value(LAST_RELOAD, &[]), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_config_or_token_is_refused_with_the_reason_and_the_old_config_goes_on() {
    let harness = Harness::start(Setup { reports: "[agent_aux_time]", ..Setup::fast() }).await;
    let good = Setup { reports: "[agent_aux_time]", ..Setup::fast() }.config(&harness.simulator.base_url());
    let before = harness.scrape().await;
    let inline = good.replace("token_file: token", &format!("token: {TOKEN}"));
    let wrong_key = good.replace("    timezone", &format!("    tokn: {TOKEN}\n    timezone"));
    let unreadable = good.replace("token_file: token", "token_file: elsewhere");
    for (config, reason) in [
        (inline.as_str(), "a token written into the config is refused"),
        (&wrong_key, "unknown key `tokn`"),
        (&unreadable, "cannot be read"),
        ("", "the file is empty"),
        (good.split("    token_file").next().unwrap_or_default(), "has no token"),
    ] {
        let answer = harness.reload(config).await;
        let said = answer.text();
        assert_eq!(answer.status, 500, "{said}");
        assert!(said.contains(reason) && said.contains(CONFIG_FILE), "{said}");
        assert!(!said.contains("s3cr3t"), "{said}");
        let scraped = harness.scrape().await;
        assert_eq!(scraped.value(SUCCESSFUL, &[]), Some(0.0), "{reason}");
        assert_eq!(scraped.value(LAST_RELOAD, &[]), before.value(LAST_RELOAD, &[]), "{reason}");
        assert_eq!(scraped.report_series(), before.report_series(), "{reason}");
    }
    let calls = harness.simulator.call_log().total;
    until("polls go on", async || (harness.simulator.call_log().total >= calls + 2).then_some(())).await;
    assert_eq!(harness.reload(&good).await.status, 200);
    assert_eq!(harness.scrape().await.value(SUCCESSFUL, &[]), Some(1.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_reloads_and_a_wrong_config_is_told_in_the_log() {
    let home = Home::new(two_reports()).await;
    let exporter = home.start(&[]).await;
    exporter.scrape_until("two reports", |scraped| scraped.sum("wolkvox_report_up", &[]) == 2.0).await;
    let url = home.simulator.base_url();
    fs::write(home.config_file(), "operations: []\npolling: {interval: 300}\n").unwrap();
    exporter.process.signal("HUP").await;
    exporter.scrape_until("the refusal", |scraped| scraped.value(SUCCESSFUL, &[]) == Some(0.0)).await;
    let said = exporter.process.said();
    let line = said.lines().find(|line| line.contains("operations is empty")).expect("a line about the refusal");
    assert!(line.contains("not a span of time") && line.contains("2 mistakes in "), "{said}");
    fs::write(home.config_file(), Setup { reports: "[agent_aux_time, smart_wait]", ..two_reports() }.config(&url))
        .unwrap();
    exporter.process.signal("HUP").await;
    let scraped = exporter.scrape_until("the new report", |scraped| scraped.is_up("smart_wait")).await;
    assert_eq!(scraped.value(SUCCESSFUL, &[]), Some(1.0));
    assert!(scraped.is_up("agent_aux_time") && !scraped.is_up("agent_hold_mute"));
    assert_eq!((home.charged(), home.counted()), (3, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_added_report_is_polled_a_removed_one_is_gone_and_the_one_that_stays_is_not_asked_again() {
    let harness = Harness::start(two_reports()).await;
    let before = harness.scrape().await;
    let config =
        Setup { reports: "[agent_aux_time, agent_kpi]", ..two_reports() }.config(&harness.simulator.base_url());
    assert_eq!(harness.reload(&config).await.status, 200);
    let after = harness.scrape_until("the added report", |scraped| scraped.is_up("agent_kpi")).await;
    assert!(!after.find("wolkvox_agent_calls", &[]).is_empty());
    assert_eq!(after.text().lines().find(|line| line.contains("report=\"agent_hold_mute\"")), None);
    assert_eq!(after.find("wolkvox_agent_hold_seconds", &[]), []);
    let same = ["report=\"agent_aux_time\""];
    assert_eq!(after.find(LAST_SUCCESS, &same), before.find(LAST_SUCCESS, &same));
    assert_eq!(after.find("wolkvox_agent_aux_seconds", &[]), before.find("wolkvox_agent_aux_seconds", &[]));
    assert_eq!(harness.simulator.call_log().total, 3);

    // Taken back, it is not asked before the time that its last poll set.
    assert_eq!(harness.reload(&two_reports().config(&harness.simulator.base_url())).await.status, 200);
    assert_eq!(harness.reload(&two_reports().config(&harness.simulator.base_url())).await.status, 200);
    assert_eq!(harness.simulator.call_log().total, 3);
    assert_eq!(harness.scrape().await.find("wolkvox_agent_calls", &[]), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn never_lie_after_a_change_of_the_server_the_old_ones_data_are_gone() {
    let other = Simulator::start(simulator::Settings { seed: 8, ..settings() }).await.unwrap();
    other.inject(Fault::Drop, Scope { times: Some(1), ..Scope::default() });
    let setup = || Setup { reports: "[agent_aux_time]", timeout: Duration::from_secs(2), ..Setup::fast() };
    let harness = Harness::start(setup()).await;
    let before = harness.scrape().await;
    assert_eq!(harness.reload(&setup().config(&other.base_url())).await.status, 200);
    until("a call to the new server", async || (other.call_log().total > 0).then_some(())).await;
    let silent = harness.scrape().await;
    assert!(silent.report_series().is_empty(), "{}", silent.text());
    assert_eq!(silent.find(LAST_SUCCESS, &[]), []);
    let after = harness.scrape_until("its answer", |scraped| scraped.is_up("agent_aux_time")).await;
    assert_ne!(after.report_series(), before.report_series());
}

#[tokio::test(flavor = "multi_thread")]
async fn never_lie_after_a_change_of_the_zone_the_data_of_the_old_day_are_gone() {
    // A call in flight is ended first, and this one is not to take long.
    let setup = || Setup { reports: "[agent_aux_time]", timeout: Duration::from_secs(2), ..Setup::fast() };
    let harness = Harness::start(setup()).await;
    let start = "wolkvox_report_window_start_timestamp_seconds";
    let before = harness.scrape().await.sum(start, &[]);
    harness.simulator.inject(Fault::Drop, Scope::default());
    let calls = harness.simulator.call_log().total;
    until("a call without an answer", async || (harness.simulator.call_log().total > calls).then_some(())).await;
    harness.simulator.clear_faults();
    let other_zone = if zone_name() == "Etc/GMT" { "Etc/GMT+1" } else { "UTC" };
    let config = setup().config(&harness.simulator.base_url()).replace(zone_name(), other_zone);
    assert_eq!(harness.reload(&config).await.status, 200);
    let after = harness
        .scrape_until("a window of the new zone", |scraped| {
            let starts = scraped.find(start, &[]);
            assert!(starts.len() == 1 || scraped.report_series().is_empty());
            starts.iter().any(|(_, at)| *at != before)
        })
        .await;
    assert!(after.is_up("agent_aux_time"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_token_works_after_a_reload_and_lifts_the_pause_of_the_refused_one() {
    let mut simulator = settings();
    simulator.operations.push(simulator::Operation { zone: zone(), ..simulator::Operation::new(NEW_TOKEN) });
    let refused = Fault::Forbidden("PLEASE VALIDATE TOKEN".to_owned());
    let of_old = Scope { token: Some(TOKEN.to_owned()), ..Scope::default() };
    let setup = || Setup { simulator: simulator.clone(), ..two_reports() };
    let harness = Harness::start(Setup { faults: vec![(refused, of_old)], ..setup() }).await;
    let config = setup().config(&harness.simulator.base_url());
    for _ in 0..2 {
        assert_eq!(harness.reload(&config).await.status, 200);
    }
    assert_eq!(harness.simulator.call_log().total, 1, "the pause outlasts a reload without a new token");

    fs::write(harness.config.path().join("token"), NEW_TOKEN).unwrap();
    assert_eq!(harness.reload(&config).await.status, 200);
    // What is spent is shown a moment after the poll.
    let well = |scraped: &Scraped| {
        scraped.sum("wolkvox_report_up", &[]) == 2.0 && scraped.sum("wolkvox_api_budget_used", &[]) == 3.0
    };
    harness.scrape_until("good polls with the new token", well).await;
    let call_log = harness.simulator.call_log();
    assert_eq!((call_log.count_for(TOKEN), call_log.count_for(NEW_TOKEN)), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn never_overspend_reloads_without_end_make_no_call_sooner_and_no_two_at_once() {
    let mut simulator = Setup::fast().simulator;
    simulator.simultaneous = 1;
    let slow = vec![(Fault::Delay(Duration::from_millis(300)), Scope::default())];
    let setup =
        || Setup { simulator: simulator.clone(), reports: "[agent_aux_time, agent_hold_mute]", ..Setup::fast() };
    let started = Instant::now();
    let harness = Harness::start_unpolled(Setup { faults: slow, ..setup() }).await;
    let config = setup().config(&harness.simulator.base_url());
    let mut reloads = 0;
    while harness.simulator.call_log().total < 8 {
        assert_eq!(harness.reload(&config).await.status, 200);
        reloads += 1;
        // A few hundred of them show as much as thousands, and leave the machine to the other tests.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let call_log = harness.simulator.call_log();
    let most = started.elapsed().as_secs() + 1;
    assert!(reloads > 8, "{reloads}");
    assert!(
        call_log.count("agent_3") <= most && call_log.count("agent_9") <= most,
        "{:?} in {most} s",
        call_log.per_api
    );
    assert_eq!(call_log.peak_in_flight, 1);
    let scraped = harness.scrape().await;
    assert_eq!(scraped.find("wolkvox_api_request_failures_total", &[]), []);
    assert_eq!(scraped.find("wolkvox_report_poll_failures_total", &[]), []);
    assert_eq!(scraped.sum("wolkvox_report_up", &[]), 2.0);
}
