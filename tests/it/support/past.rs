//! What a Prometheus knows that has scraped for more than a day.

use std::fmt::Write;
use std::time::Duration;

use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, HeaderValue};
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use wolkvox_exporter::exposition::{Exposition, ScrapePieces};
use wolkvox_exporter::time::WindowName;
use wolkvox_simulator::{Fault, Scope};

use crate::support::harness::zone_name;
use crate::support::paused_time::{Run, Script, Site, in_paused_time};

/// Long enough to hold the same hour of the day before, and the hour before that.
pub const HOURS: i64 = 27;
/// Prometheus takes a sample for current for five minutes.
const SCRAPE: Duration = Duration::from_mins(4);
/// How long before the end the vendor has its troubles.
const TROUBLE: i64 = 3;

/// The scrapes of an exporter's past day and more, up to now: an `OpenMetrics` text whose samples have their times.
///
/// The poller and the vendor lived through it in paused time; a midnight and some failures are in it.
pub fn scrapes(now: Timestamp, agents: usize) -> String {
    in_paused_time(async {
        let site = Site {
            zone: zone_name(),
            licenses: Some(40),
            calls_per_day: 40_000,
            windows: vec![WindowName::Today, WindowName::Yesterday],
            agents,
            callbacks: 240,
            ..Site::of_one_license()
        };
        let begins = now - SignedDuration::from_hours(HOURS);
        let script = Script { begins, ..Script::of("2026-01-01T00:00:00Z", vec![site]) };
        let mut run = Run::new(&script);
        let (store, telemetry) = (run.context.store.clone(), run.context.telemetry.clone());
        let exposition = Exposition::new(store, telemetry);
        run.start();
        let mut text = String::new();
        let mut troubled = false;
        while run.time.truth() < now {
            if !troubled && now - SignedDuration::from_hours(TROUBLE) < run.time.truth() {
                troubled = true;
                for (fault, api) in [(Fault::Status(500), "agent_9"), (Fault::BadValues, "chat_7")] {
                    let scope = Scope { api: Some(api.to_owned()), times: Some(2), ..Scope::default() };
                    run.vendor.simulator.inject(fault, scope);
                }
            }
            append(&mut text, &exposition, &run).await;
            tokio::time::sleep(SCRAPE).await;
        }
        run.stop().await;
        let broken = run.vendor.record().broken.clone();
        assert!(broken.is_empty(), "{broken:?}");
        text + "# EOF\n"
    })
}

async fn append(text: &mut String, exposition: &Exposition, run: &Run) {
    let accept = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/openmetrics-text"))]);
    let body = ScrapePieces::from(exposition.respond(&accept, run.time.moment()).into_body());
    let bytes = body.collect().await.expect("a body that cannot fail").to_bytes();
    let seconds = run.time.truth().as_second();
    for line in String::from_utf8_lossy(&bytes).lines().filter(|line| !line.starts_with('#')) {
        writeln!(text, "{line} {seconds}").expect("a String takes everything");
    }
}
