//! A real Prometheus gets every metric of the five reports.

use std::iter;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::child::{Running, run};
use crate::support::harness::{Harness, Setup, until};
use crate::support::scraped::report_metrics;

/// The values of an instant query, or nothing while Prometheus is not ready to answer.
pub async fn query(address: SocketAddr, promql: &str) -> Vec<Value> {
    let url = format!("http://{address}/api/v1/query");
    let answer = run("curl", &["-sSG", &url, "--data-urlencode", &format!("query={promql}")], b"").await;
    let body: Value = serde_json::from_str(&answer.stdout).unwrap_or_default();
    body["data"]["result"].as_array().cloned().unwrap_or_default()
}

/// For a program that cannot choose one itself. Below those that Linux gives to outgoing connections: another test opens ten
/// thousand of them, and one could take the port before the program does.
pub fn free_port() -> SocketAddr {
    const PORTS: Range<u16> = 20_000..32_000;
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let next = || (std::process::id() + TAKEN.fetch_add(1, Ordering::Relaxed)) % u32::try_from(PORTS.len()).unwrap();
    let ports = iter::repeat_with(|| PORTS.start + u16::try_from(next()).unwrap()).take(PORTS.len());
    let mut addresses = ports.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    addresses.find(|address| TcpListener::bind(address).is_ok()).expect("a free port")
}

/// A Prometheus that scrapes an exporter every second.
pub struct Scraping {
    prometheus: Running,
    pub address: SocketAddr,
    _folder: TempDir,
}

impl Scraping {
    /// `more` is further YAML of its config.
    fn start(exporter: SocketAddr, more: &str) -> Scraping {
        Scraping::in_folder(tempfile::tempdir().expect("a temporary folder"), exporter, more)
    }

    /// One that already knows a past: an `OpenMetrics` text whose samples have their times.
    pub async fn after(past: &str, exporter: SocketAddr) -> Scraping {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let text = folder.path().join("past.txt");
        std::fs::write(&text, past).expect("a writable folder");
        let (text, data) = (text.display().to_string(), folder.path().join("data").display().to_string());
        let filled =
            run("promtool", &["tsdb", "create-blocks-from", "openmetrics", "--quiet", &text, &data], b"").await;
        assert_eq!(filled.code, Some(0), "{filled:?}");
        Scraping::in_folder(folder, exporter, "")
    }

    fn in_folder(folder: TempDir, exporter: SocketAddr, more: &str) -> Scraping {
        Scraping::with_job(folder, exporter, "", more)
    }

    /// `access` is further YAML of its job.
    pub fn with_job(folder: TempDir, exporter: SocketAddr, access: &str, more: &str) -> Scraping {
        let config = folder.path().join("prometheus.yml");
        let text = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
             scrape_configs: [{{job_name: wolkvox, {access} static_configs: [{{targets: [\"{exporter}\"]}}]}}]\n{more}"
        );
        std::fs::write(&config, text).expect("a writable folder");
        let address = free_port();
        let flags = [
            format!("--config.file={}", config.display()),
            format!("--storage.tsdb.path={}", folder.path().join("data").display()),
            format!("--web.listen-address={address}"),
        ];
        let prometheus = Running::start("prometheus", &flags.each_ref().map(String::as_str));
        Scraping { prometheus, address, _folder: folder }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_prometheus_scrapes_and_lists_every_metric_of_the_five_reports() {
    let harness = Harness::start(Setup { windows: "[today, yesterday]", ..Setup::default() }).await;
    let Scraping { prometheus, address, .. } = &Scraping::start(harness.address, "");
    let address = *address;
    let expected = report_metrics();
    let names = until("every metric in Prometheus", async || {
        let found = query(address, "count by (__name__) ({__name__=~\"wolkvox_.+\"})").await;
        let names: Vec<String> =
            found.iter().filter_map(|one| Some(one["metric"]["__name__"].as_str()?.to_owned())).collect();
        expected.iter().all(|name| names.contains(name)).then_some(names)
    })
    .await;
    assert!(names.iter().any(|name| name == "wolkvox_report_up"), "{names:?}");
    let up = query(address, "up").await;
    assert_eq!(up.iter().map(|one| one["value"][1].as_str()).collect::<Vec<_>>(), [Some("1")], "{}", prometheus.said());
    // Both windows of every report, and the very figures that a scrape shows.
    let sum = query(address, "sum(wolkvox_agent_calls{window=\"yesterday\"})").await;
    let shown = harness.scrape().await.sum("wolkvox_agent_calls", &["window=\"yesterday\""]);
    assert_eq!(sum[0]["value"][1].as_str(), Some(shown.to_string().as_str()));
    for name in &expected {
        let series = query(address, &format!("count({name})")).await;
        assert_eq!(series.len(), 1, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_goes_from_the_exporter_through_remote_write_to_a_store_that_scales() {
    let harness = Harness::start(Setup { windows: "[yesterday]", ..Setup::frozen() }).await;
    let (store, folder) = (free_port(), tempfile::tempdir().unwrap());
    let flags = [
        format!("-httpListenAddr={store}"),
        format!("-storageDataPath={}", folder.path().display()),
        "-search.latencyOffset=0s".to_owned(),
    ];
    let _victoria_metrics = Running::start("victoria-metrics", &flags.each_ref().map(String::as_str));
    let remote_write = format!("remote_write: [{{url: \"http://{store}/api/v1/write\"}}]\n");
    let _scraping = Scraping::start(harness.address, &remote_write);

    let shown = harness.scrape().await.sum("wolkvox_agent_calls", &[]);
    assert!(shown > 0.0);
    let arrived = until("the value at the far end", async || {
        let found = query(store, "sum(wolkvox_agent_calls{window=\"yesterday\"})").await;
        found.first()?["value"][1].as_str().map(str::to_owned)
    });
    assert_eq!(arrived.await, shown.to_string());
}
