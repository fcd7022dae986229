//! Several exporters with one config share its operations without gap or overlap.

use std::collections::BTreeSet;
use std::sync::Arc;

use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use wolkvox_exporter::catalog::Catalog;
use wolkvox_exporter::config::{Config, Shard};
use wolkvox_exporter::exporter::{self, Setup};
use wolkvox_exporter::state::State;
use wolkvox_exporter::web::{self, Access, ClientLimits};
use wolkvox_simulator::{self as simulator, Simulator};

use crate::support::harness::{settings, until};
use crate::support::http;
use crate::support::scraped::Scraped;

const OPERATIONS: usize = 24;
/// Polled once: a shard that polls another's operation shows in the vendor's log.
const REPORTS: [&str; 2] = ["agent_aux_time", "agent_hold_mute"];

fn name(operation: usize) -> String {
    format!("operation-{operation:02}")
}

/// The config that every shard reads, with a token file for each operation.
fn one_config(base_url: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let operation = |name: String| {
        std::fs::write(folder.path().join(&name), format!("token-{name}")).expect("a writable folder");
        let reports = REPORTS.join(", ");
        format!(
            "  - {{name: {name}, base_url: \"{base_url}\", token_file: {name}, licenses: 1, reports: [{reports}]}}\n"
        )
    };
    let operations: String = (0..OPERATIONS).map(name).map(operation).collect();
    let config = format!("operations:\n{operations}polling: {{interval: 6h, windows: [today]}}\n");
    std::fs::write(folder.path().join("config.yml"), config).expect("a writable folder");
    folder
}

/// The operations that each of `count` shards serves, once all of them are ready.
async fn served_by(count: usize, folder: &TempDir) -> Vec<BTreeSet<String>> {
    let stop = CancellationToken::new();
    let mut served = Vec::new();
    for index in 0..count {
        let catalog = Arc::new(Catalog::builtin().expect("the shipped catalogue is right"));
        let shard: Shard = format!("{index}/{count}").parse().expect("a shard");
        let (file, known) = (folder.path().join("config.yml"), Arc::clone(&catalog));
        let listener = web::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener");
        let setup = Setup {
            load: Box::new(move || Config::load(&file, &known).map(|config| config.share_of(Some(shard)))),
            state: State::in_memory(),
            listeners: vec![listener],
            telemetry_path: "/metrics".to_owned(),
            access: Arc::new(Access::open(None).expect("nothing to be wrong")),
            limits: ClientLimits::default(),
            hangup: Arc::default(),
        };
        tokio::spawn(exporter::run(setup, stop.clone()));
        until("ready", async || (http::get(address, "/-/ready").await.status == 200).then_some(())).await;
        let scraped = Scraped::parse(&http::get(address, "/metrics").await.text());
        let of = |operation: &String| !scraped.find("wolkvox_agent_aux_seconds", &[&label(operation)]).is_empty();
        served.push((0..OPERATIONS).map(name).filter(of).collect());
    }
    stop.cancel();
    served
}

fn label(operation: &str) -> String {
    format!("operation=\"{operation}\"")
}

#[tokio::test(flavor = "multi_thread")]
async fn never_overspend_three_shards_serve_every_operation_once_and_a_fourth_takes_only_its_share() {
    let operations = (0..OPERATIONS).map(|operation| simulator::Operation {
        agents: 6,
        ..simulator::Operation::new(format!("token-{}", name(operation)))
    });
    let vendor = simulator::Settings { operations: operations.collect(), ..settings() };
    let simulator = Simulator::start(vendor).await.expect("a free port");
    let folder = one_config(&simulator.base_url());

    let three = served_by(3, &folder).await;
    let all: Vec<&String> = three.iter().flatten().collect();
    assert_eq!(all.len(), OPERATIONS, "every operation is served once: {three:?}");
    let call_log = simulator.call_log();
    for operation in 0..OPERATIONS {
        assert_eq!(call_log.count_for(&format!("token-{}", name(operation))), REPORTS.len() as u64, "asked once");
    }

    let four = served_by(4, &folder).await;
    assert_eq!(four.iter().flatten().count(), OPERATIONS);
    for (before, after) in three.iter().zip(&four) {
        assert!(after.is_subset(before), "an operation moved between the old shards");
    }
    assert!(!four[3].is_empty() && four[3].len() < OPERATIONS / 2, "{four:?}");
}
