//! Forty operations, each with a token of its own, and the four causes that trouble some of them.

use std::fmt::Write as _;
use std::time::Duration;

use wolkvox_simulator::{self as simulator, Fault, Scope};

use crate::support::harness::{CONFIG_FILE, Harness, Setup, settings, until, zone, zone_name};

const OPERATIONS: usize = 40;
/// How many of them are in trouble once both functions below were called.
pub const TROUBLED: usize = 18;
/// What a page would say that works for them.
pub const ALL_FRESH: &str = "all 400 reports fresh";

fn token(number: usize) -> String {
    format!("s3cr3t-t0ken-{number}")
}

/// Starts them, and waits until every report of each was tried.
pub async fn start(interval: Duration, stale_after: Duration) -> Harness {
    let vendor = |number| simulator::Operation {
        zone: zone(),
        agents: 6,
        callbacks_per_day: 30,
        calls_per_day: 60_000,
        ..simulator::Operation::new(token(number))
    };
    let mut simulator = settings();
    simulator.operations.extend((1..=OPERATIONS).map(vendor));
    let harness = Harness::start(Setup { simulator, reports: "[agent_kpi]", ..Setup::frozen() }).await;
    let mut config = "operations:\n".to_owned();
    for number in 1..=OPERATIONS {
        let file = format!("token-{number}");
        std::fs::write(harness.config.path().join(&file), token(number)).expect("a writable folder");
        let (base_url, zone) = (harness.simulator.base_url(), zone_name());
        writeln!(
            config,
            "  - {{name: centro-{number:02}, base_url: \"{base_url}\", token_file: {file}, timezone: {zone}, licenses: 60}}"
        )
        .expect("a text takes what is written");
    }
    writeln!(
        config,
        "polling: {{interval: {}s, allow_faster_than_vendor: true, timeout: 5s, stale_after: {}s}}",
        interval.as_secs(),
        stale_after.as_secs()
    )
    .expect("a text takes what is written");
    assert_eq!(harness.reload(&config).await.status, 200, "{}", harness.config.path().join(CONFIG_FILE).display());
    until("polls of all", async || harness.get("/?lang=en").await.text().contains(ALL_FRESH).then_some(())).await;
    harness
}

/// The first of the causes: refused tokens of three operations.
pub fn refuse_tokens(harness: &Harness) {
    for number in [3, 17, 31] {
        let scope = Scope { token: Some(token(number)), ..Scope::default() };
        harness.simulator.inject(Fault::Forbidden("PLEASE VALIDATE TOKEN".to_owned()), scope);
    }
}

/// The other three: a field that has another name, a vendor that fails, and one that does not answer.
pub fn trouble_reports(harness: &Harness) {
    let renamed = Fault::RenamedField { from: "aux_state".to_owned(), to: "state".to_owned() };
    for (fault, api, numbers) in [
        (renamed, "agent_3", &[5, 6, 7, 8, 9][..]),
        (Fault::Status(503), "chat_7", &[12, 13, 14, 15, 16, 22]),
        (Fault::Drop, "agent_9", &[25, 26, 33, 38]),
    ] {
        for number in numbers {
            let scope = Scope { api: Some(api.to_owned()), token: Some(token(*number)), ..Scope::default() };
            harness.simulator.inject(fault.clone(), scope);
        }
    }
}
