//! Clients that never read take nothing away from those that do.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use wolkvox_simulator::Simulator;

use crate::support::child::{EXPORTER, Running};
use crate::support::harness::{Setup, config_folder, settings, until};
use crate::support::http;
use crate::support::scraped::Scraped;

const SCRAPERS: usize = 100;
/// What a scraper may make the exporter hold: far below one uncompressed answer for each.
const BYTES_EACH: u64 = 256 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_clients_that_never_read_cost_the_others_nothing_and_the_memory_little() {
    let mut vendor = settings();
    vendor.operations[0].agents = 600;
    let simulator = Simulator::start(vendor).await.expect("a free port");
    let folder = config_folder(&Setup::frozen().config(&simulator.base_url()));
    let config = format!("--config.file={}", folder.path().join("wolkvox-exporter.yml").display());
    let mut exporter = Running::start(EXPORTER, &[&config, "--web.listen-address=127.0.0.1:0"]);
    let address = exporter.after("address=").await.parse().expect("an address");
    until("ready", async || (http::get(address, "/-/ready").await.status == 200).then_some(())).await;
    let before = exporter.peak_memory();

    let mut silent = Vec::new();
    for _ in 0..SCRAPERS {
        let mut stream = TcpStream::connect(address).await.expect("a place");
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await.expect("a request is taken");
        silent.push(stream);
    }
    let mut reading = JoinSet::new();
    for _ in 0..SCRAPERS {
        reading
            .spawn(async move { Scraped::parse(&http::get(address, "/metrics").await.text()).report_series().len() });
    }
    let series = reading.join_all().await;
    assert!(series[0] > 3_000 && series.iter().all(|count| *count == series[0]), "{series:?}");
    let grown = exporter.peak_memory() - before;
    assert!(grown < 2 * SCRAPERS as u64 * BYTES_EACH, "grew by {grown} bytes for {} clients", 2 * SCRAPERS);
    drop(silent);
}
