//! All built-in reports at once: what they say agrees, names nobody who is to be hidden, and is read by every parser.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use wolkvox_exporter::catalog::{Catalog, Report, ReportSpan};
use wolkvox_exporter::exposition::Exposition;
use wolkvox_exporter::poll;
use wolkvox_exporter::time::{Clock, Moment};
use wolkvox_simulator::{self as simulator, World};

use crate::support::child::{python, run};
use crate::support::harness::{Harness, Setup, TOKEN, settings};
use crate::support::http;
use crate::support::in_process::{InProcess, config};
use crate::support::scraped::Scraped;

/// Every report, polled once.
fn all_of(windows: &'static str) -> Setup {
    let catalog = Catalog::builtin().expect("the shipped catalogue is right");
    let names: Vec<&str> = catalog.reports().iter().map(|report| &*report.name).collect();
    let reports: &'static str = Box::leak(format!("[{}]", names.join(", ")).into_boxed_str());
    let (interval, stale_after) = (Duration::from_hours(6), Duration::from_hours(18));
    Setup { reports, interval, windows, stale_after, ..Setup::fast() }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_parser_accepts_the_metrics_of_every_built_in_report_and_none_is_missing() {
    let harness = Harness::start(all_of("[today, yesterday]")).await;
    let text = harness.get("/metrics").await.body;
    let checked = run("promtool", &["check", "metrics"], &text).await;
    assert_eq!((checked.code, checked.stdout.as_str(), checked.stderr.as_str()), (Some(0), "", ""));
    for (accept, format) in [("application/openmetrics-text", ""), ("text/plain", "text")] {
        let headers = format!("Accept: {accept}\r\nAccept-Encoding: gzip\r\n");
        let text = http::send(harness.address, "GET", "/metrics", &headers).await.decoded();
        let read = run(&python(), &["tests/strict_openmetrics.py", format], &text).await;
        assert_eq!(read.code, Some(0), "{accept}: {}", read.stderr);
    }
    let scraped = harness.scrape().await;
    let catalog = Catalog::builtin().expect("the shipped catalogue is right");
    assert!(catalog.reports().len() >= 25);
    let missing: Vec<&str> = catalog
        .families()
        .iter()
        .map(|family| family.name.as_str())
        .filter(|name| scraped.find(name, &[]).is_empty())
        .collect();
    assert_eq!(missing, Vec::<&str>::new());
    assert_eq!(scraped.sum("wolkvox_report_undocumented_fields", &[]), 0.0, "{}", scraped.text());
    let rejected = scraped.find("wolkvox_report_rejected_values_total", &[]);
    assert!(rejected.iter().all(|(_, count)| *count == 0.0), "{rejected:?}");
}

/// What several reports tell of one window is the same.
fn assert_agrees(scraped: &Scraped, window: &str) {
    let of_window = |metric: &str, labels: &[&str]| scraped.sum(metric, &[labels, &[window]].concat());
    let activity = |activity: &str| of_window("wolkvox_agent_activity_seconds", &[activity]);
    let calls = of_window("wolkvox_agent_voice_calls", &[]);
    for (one, other) in [
        (activity("activity=\"aux\""), of_window("wolkvox_agent_aux_seconds", &[])),
        (of_window("wolkvox_agent_activity_seconds", &[]), of_window("wolkvox_agent_login_seconds", &[])),
        (calls, of_window("wolkvox_agent_calls", &[])),
        (calls, of_window("wolkvox_agent_coded_calls", &[]) + of_window("wolkvox_agent_uncoded_calls", &[])),
        (
            of_window("wolkvox_agent_voice_calls", &["direction=\"inbound\""]),
            of_window("wolkvox_skill_answered_calls", &[]),
        ),
        (
            of_window("wolkvox_skill_inbound_calls", &[]),
            of_window("wolkvox_skill_answered_calls", &[]) + of_window("wolkvox_skill_abandoned_calls", &[]),
        ),
        (of_window("wolkvox_smart_wait_offers", &[]), of_window("wolkvox_smart_wait_callbacks", &[])),
        (of_window("wolkvox_agent_closed_interactions", &[]), of_window("wolkvox_channel_closed_interactions", &[])),
        (of_window("wolkvox_agent_chats", &[]), of_window("wolkvox_channel_closed_chats", &[])),
    ] {
        assert!((one - other).abs() < 1e-6, "{window}: {one} and {other}");
    }
}

/// What real time tells of the day is the day's.
fn assert_now_agrees(scraped: &Scraped) {
    let today = ["window=\"today\""];
    for (live, dated) in [
        ("wolkvox_skill_live_inbound_calls", "wolkvox_skill_inbound_calls"),
        ("wolkvox_skill_live_answered_calls", "wolkvox_skill_answered_calls"),
        ("wolkvox_skill_live_abandoned_calls", "wolkvox_skill_abandoned_calls"),
    ] {
        assert_eq!(scraped.sum(live, &[]), scraped.sum(dated, &today), "{live} and {dated}");
    }
    let agents = scraped.find("wolkvox_agent_state", &[]);
    assert!(agents.iter().all(|(_, value)| *value == 1.0), "{agents:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn never_lie_reports_of_the_same_day_agree_with_each_other() {
    let harness = Harness::start(all_of("[today, yesterday]")).await;
    let scraped = harness.scrape().await;
    for window in ["window=\"today\"", "window=\"yesterday\""] {
        assert!(scraped.sum("wolkvox_agent_voice_calls", &[window]) > 50.0);
        assert!(scraped.sum("wolkvox_agent_activity_seconds", &["activity=\"aux\"", window]) > 1_000.0);
        assert_agrees(&scraped, window);
    }
    assert_now_agrees(&scraped);
    assert!(!scraped.find("wolkvox_agent_state", &[]).is_empty());
}

/// Every half hour from midnight to midnight, all reports in the same second.
#[tokio::test]
async fn never_lie_reports_agree_at_every_poll_of_a_day() {
    const HALF_HOUR: Duration = Duration::from_mins(30);
    let midnight: Timestamp = "2026-03-04T05:00:00Z".parse().expect("a timestamp");
    let steady = Arc::new(Mutex::new(Duration::ZERO));
    let passed = Arc::clone(&steady);
    let clock = Clock::from_fn(move || {
        let passed = *passed.lock().expect("nothing panics with it");
        Moment { wall: midnight + SignedDuration::try_from(passed).expect("a day"), steady: passed }
    });
    let vendor = InProcess::new(simulator::Operation::new(TOKEN), clock.clone(), Duration::ZERO);
    let catalog = Catalog::builtin().expect("the shipped catalogue is right");
    let each = |report: &Arc<Report>| match report.span {
        ReportSpan::Now => format!("{{name: {}, interval: 30m}}", report.name),
        ReportSpan::Day => format!("{{name: {}, interval: 30m, windows: [today]}}", report.name),
    };
    let reports: Vec<String> = catalog.reports().iter().map(each).collect();
    let operation = format!("timezone: America/Bogota, licenses: 40, reports: [{}]", reports.join(", "));
    let (config, _folder) = config("{}", &operation);
    let context = vendor.context();
    let exposition = Exposition::new(Arc::clone(&context.store), Arc::clone(&context.telemetry));
    let mut workers = poll::workers(&config, &context, Duration::ZERO);
    let (mut compared, mut calls) = (0, 0.0);
    // The last is a second before midnight.
    for at in (1..=48).map(|half_hours| HALF_HOUR * half_hours) {
        let at = at.saturating_sub(Duration::from_secs(1));
        *steady.lock().expect("nothing panics with it") = at;
        for worker in &mut workers {
            while worker.step().await.is_none() {}
        }
        let polled = vendor.take_sent().len();
        // Their second turns lie apart, so that they do not all come at once.
        if polled < catalog.reports().len() {
            continue;
        }
        let scraped = Scraped::parse(&exposition.respond(&HeaderMap::new(), clock.now()).into_body().into_text());
        let down: Vec<_> = scraped.find("wolkvox_report_up", &[]).into_iter().filter(|(_, up)| *up != 1.0).collect();
        assert!(down.is_empty(), "{at:?}: {down:?}");
        assert_agrees(&scraped, "window=\"today\"");
        assert_now_agrees(&scraped);
        compared += 1;
        calls = scraped.sum("wolkvox_agent_voice_calls", &[]);
    }
    assert!(compared >= 45 && calls > 100.0, "{compared} polls, {calls} calls at the end");
}

/// Whatever windows are configured.
#[tokio::test(flavor = "multi_thread")]
async fn never_lie_what_is_now_is_never_today_and_what_cannot_be_added_up_is_no_week() {
    let harness = Harness::start(all_of("[today, yesterday, week, month]")).await;
    let scraped = harness.scrape().await;
    let windows = |metric: &str| -> BTreeSet<String> {
        let series = scraped.find(metric, &[]);
        let window = |series: &str| series.split("window=\"").nth(1)?.split('"').next().map(str::to_owned);
        series.into_iter().filter_map(|(series, _)| window(series)).collect()
    };
    let set = |names: &[&str]| -> BTreeSet<String> { names.iter().map(|name| (*name).to_owned()).collect() };
    for report in Catalog::builtin().expect("the shipped catalogue is right").reports() {
        let allowed = match report.span {
            ReportSpan::Now => set(&["now"]),
            ReportSpan::Day => set(&["today", "yesterday", "week", "month"]),
        };
        for metric in &report.metrics {
            assert_eq!(windows(&metric.family.name), allowed, "{}", metric.family.name);
        }
    }
    let month = |window: &str| scraped.sum("wolkvox_agent_aux_seconds", &[window]);
    let [today, week, month] = ["window=\"today\"", "window=\"week\"", "window=\"month\""].map(month);
    assert!(today <= week && today <= month && month > 0.0, "{today} {week} {month}");
}

/// What of the roster a scrape says.
fn named(scraped: &Scraped, with_ids: bool) -> Vec<String> {
    let world = World::new(&settings());
    let agents = world.agents(0);
    assert!(agents.len() > 20);
    let said = agents.iter().flat_map(|agent| {
        let name: Vec<&str> = agent.name.split_whitespace().collect();
        let id = with_ids.then(|| format!("agent_id=\"{}\"", agent.id));
        [Some(name.join(" ")), Some(agent.dni.clone()), id]
    });
    said.flatten().filter(|said| scraped.text().contains(said.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn never_leak_no_built_in_report_names_anybody_who_is_hidden_nor_ever_a_customer() {
    let customers: Vec<String> = {
        let (world, now) = (World::new(&settings()), (settings().clock)());
        let since = now - jiff::SignedDuration::from_hours(36);
        let rows = world.callbacks(0, since, now);
        rows.into_iter()
            .flat_map(|row| [row.ani, row.dial_phone, row.customer_id])
            .filter(|text| text.len() > 5)
            .collect()
    };
    assert!(customers.len() > 20);
    for (privacy, names) in [("{}", true), ("{agent_name: hashed}", false), ("{agent_name: omitted}", false)] {
        let harness = Harness::start(Setup { privacy: privacy.to_owned(), ..all_of("[today, yesterday]") }).await;
        let scraped = harness.scrape().await;
        let found = named(&scraped, !names);
        // Where they are shown, the search finds them: it can fail.
        assert_eq!(!found.is_empty(), names, "{privacy}: {found:?}");
        let of_customers: Vec<&String> =
            customers.iter().filter(|text| scraped.text().contains(text.as_str())).collect();
        assert!(of_customers.is_empty(), "{privacy}: {of_customers:?}");
        let reports = scraped.find("wolkvox_report_up", &[]);
        assert!(reports.len() >= 40 && reports.iter().all(|(_, up)| *up == 1.0), "{privacy}: {reports:?}");
    }
}
