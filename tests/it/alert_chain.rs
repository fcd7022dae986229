//! A supervisor hears of an agent who overspends a break, and of the end of it.
//!
//! The chain is the shipped one: `alerts/`, `deploy/prometheus.yml` and `deploy/alertmanager.yml` are copied. What is
//! changed in the copies stands in `Chain::start`: addresses, days of business, and durations, because nobody waits ten
//! minutes for a test.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use jiff::{Timestamp, ToSpan};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;
use wolkvox_simulator::{Fault, World, world::KpiRow};

use crate::prometheus::free_port;
use crate::support::child::{Running, run};
use crate::support::harness::{Harness, Setup, midnight, until};

const ALERT: &str = "WolkvoxAgentAuxShareHigh";
/// The limits of the copied thresholds, lower than the shipped ones: hardly anybody is over those on an ordinary day.
const LIMIT: f64 = 0.20;
const TEAM_MULTIPLE: f64 = 1.2;
const TEAM_LIMIT: f64 = 0.30;
const PLANNED: [&str; 3] = ["Almuerzo", "Capacitación", "Reunión"];
/// On both sides of a limit, so that whole seconds do not decide.
const MARGIN: f64 = 0.01;

/// The supervisor's end: what Alertmanager delivered, one alert each, in order.
#[derive(Clone, Default)]
struct Webhook(Arc<Mutex<Vec<Value>>>);

impl Webhook {
    async fn listen() -> (Webhook, SocketAddr) {
        let webhook = Webhook::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener");
        let take = async |State(webhook): State<Webhook>, body: String| {
            let message: Value = serde_json::from_str(&body).expect("Alertmanager sends JSON");
            let alerts = message["alerts"].as_array().expect("alerts").clone();
            webhook.0.lock().unwrap_or_else(PoisonError::into_inner).extend(alerts);
        };
        let router = Router::new().fallback(take).with_state(webhook.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (webhook, address)
    }

    /// What was told of alerts with these labels and this status: `firing`, `resolved`.
    fn told(&self, labels: &[(&str, &str)], status: &str) -> Vec<Value> {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is = |alert: &&Value| {
            alert["status"] == status && labels.iter().all(|(name, value)| alert["labels"][name] == *value)
        };
        told.iter().filter(is).cloned().collect()
    }

    async fn waits_for(&self, labels: &[(&str, &str)], status: &str) -> Value {
        until(&format!("{status} {labels:?}"), async || self.told(labels, status).pop()).await
    }
}

/// A real Prometheus and a real Alertmanager, as shipped but for what `start` says.
struct Chain {
    prometheus: SocketAddr,
    _processes: [Running; 2],
    _folder: TempDir,
}

impl Chain {
    fn start(exporter: SocketAddr, webhook: SocketAddr) -> Chain {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (prometheus, alertmanager) = (free_port(), free_port());
        let copy = |file: &str, changes: &[(&str, &str)]| {
            let mut text =
                fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).expect("a shipped file");
            for (from, to) in changes {
                assert!(text.contains(from), "{file} has no {from}");
                text = text.replace(from, to);
            }
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a writable folder");
            fs::write(&path, text).expect("a writable folder");
            path.display().to_string()
        };
        copy("alerts/recording.yml", &[("interval: 1m", "interval: 1s")]);
        copy("alerts/by-operation.yml", &[("interval: 1m", "interval: 1s")]);
        copy("alerts/en/exporter.yml", &[]);
        // It is noon wherever the tests run, but not always a working day.
        let days = |name: &str, day: u8| format!("wolkvox:threshold:business_{name}_day\n        expr: vector({day})");
        let (first, last) = ((days("first", 1), days("first", 0)), (days("last", 5), days("last", 6)));
        let limit =
            |name: &str, value: f64| format!("wolkvox:threshold:agent_aux_{name}\n        expr: vector({value})");
        let (floor, multiple) = (limit("per_login_ratio", LIMIT), limit("team_multiple", TEAM_MULTIPLE));
        let shipped = (limit("per_login_ratio", 0.25), limit("team_multiple", 2.0));
        copy(
            "alerts/thresholds.yml",
            &[
                ("interval: 1m", "interval: 1s"),
                (&first.0, &first.1),
                (&last.0, &last.1),
                (&shipped.0, &floor),
                (&shipped.1, &multiple),
            ],
        );
        copy("alerts/en/productivity.yml", &[("for: 10m", "for: 2s"), ("keep_firing_for: 5m", "keep_firing_for: 4s")]);
        let config = copy(
            "deploy/prometheus.yml",
            &[
                ("127.0.0.1:10077", &exporter.to_string()),
                ("127.0.0.1:9093", &alertmanager.to_string()),
                ("scrape_interval: 15s", "scrape_interval: 1s"),
                ("evaluation_interval: 1m", "evaluation_interval: 1s"),
            ],
        );
        let routes = copy(
            "deploy/alertmanager.yml",
            &[
                ("http://127.0.0.1:9095/", &format!("http://{webhook}/")),
                ("group_wait: 1m", "group_wait: 1s"),
                ("group_interval: 5m", "group_interval: 1s"),
            ],
        );
        let data = |name: &str| folder.path().join(name).display().to_string();
        let start = |program: &str, flags: &[String]| {
            Running::start(program, &flags.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let processes = [
            start(
                "prometheus-alertmanager",
                &[
                    format!("--config.file={routes}"),
                    format!("--storage.path={}", data("alertmanager")),
                    format!("--web.listen-address={alertmanager}"),
                    // Alone: no gossip on a port that another test may use.
                    "--cluster.listen-address=".to_owned(),
                ],
            ),
            start(
                "prometheus",
                &[
                    format!("--config.file={config}"),
                    format!("--storage.tsdb.path={}", data("prometheus")),
                    format!("--web.listen-address={prometheus}"),
                ],
            ),
        ];
        Chain { prometheus, _processes: processes, _folder: folder }
    }

    /// Whether Prometheus has an alert of this agent, be it pending or firing.
    async fn has_alert(&self, agent: &str) -> bool {
        let answer = run("curl", &["-sS", &format!("http://{}/api/v1/alerts", self.prometheus)], b"").await;
        let body: Value = serde_json::from_str(&answer.stdout).expect("Prometheus answers");
        let alerts = body["data"]["alerts"].as_array().expect("alerts");
        alerts.iter().any(|alert| alert["labels"]["alertname"] == ALERT && alert["labels"]["agent_name"] == *agent)
    }
}

/// An agent's break that is too long for the work done so far, while the team's are not: three moments of the day.
struct Overspent {
    agent: String,
    before: Timestamp,
    during: Timestamp,
    /// The agent has worked on, and the share is within the limit again.
    after: Timestamp,
}

impl Overspent {
    /// The first one in what truly happens before noon.
    fn find(world: &World) -> Overspent {
        let minute = |minute: i64| midnight() + minute.minutes();
        let day: Vec<(Timestamp, Shares)> =
            (60..700).step_by(2).map(minute).map(|at| (at, Shares::at(world, at))).collect();
        let agents = 0..world.agents(0).len();
        let found = agents.filter_map(|agent| {
            let limit = |shares: &Shares| LIMIT.max(TEAM_MULTIPLE * shares.team);
            let quiet = |shares: &Shares| shares.agents[agent].is_some_and(|share| share < limit(shares) - MARGIN);
            let loud = |shares: &Shares| shares.agents[agent].is_some_and(|share| share > limit(shares) + MARGIN);
            let mut moments = day.iter().filter(|(_, shares)| shares.team < TEAM_LIMIT - MARGIN);
            let before = moments.find(|(_, shares)| quiet(shares))?.0;
            let during = moments.find(|(_, shares)| loud(shares))?.0;
            let after = moments.find(|(_, shares)| quiet(shares))?.0;
            let name = world.agents(0)[agent].name.split_whitespace().collect::<Vec<_>>().join(" ");
            Some(Overspent { agent: name, before, during, after })
        });
        found.min_by_key(|overspent| overspent.during).expect("somebody overspends a break on every day")
    }
}

/// The share of login time that went into pauses that are not planned, of each agent with enough of it and of all.
struct Shares {
    agents: Vec<Option<f64>>,
    team: f64,
}

impl Shares {
    fn at(world: &World, at: Timestamp) -> Shares {
        let mut paused: HashMap<String, u64> = HashMap::new();
        for row in world.aux(0, midnight(), at).into_iter().filter(|row| !PLANNED.contains(&row.aux_state)) {
            *paused.entry(row.agent_id).or_default() += row.seconds;
        }
        let worked = |row: KpiRow| {
            let login: u64 = row.stats.iter().map(|day| day.login).sum();
            (paused.get(&row.agent_id).copied().unwrap_or_default(), login)
        };
        let figures: Vec<(u64, u64)> = world.kpi(0, midnight(), at).into_iter().map(worked).collect();
        let (breaks, login) = figures.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        let share = |breaks: u64, login: u64| breaks as f64 / login as f64;
        let agents = figures.iter().map(|(breaks, login)| (*login > 3600).then(|| share(*breaks, *login))).collect();
        Shares { agents, team: share(breaks, login) }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn never_lie_an_overspent_break_is_told_and_its_end_is_but_not_an_end_that_is_only_missing_data() {
    let now = Arc::new(AtomicI64::new(midnight().as_second()));
    let seen = Arc::clone(&now);
    let mut setup = Setup { interval: Duration::from_secs(2), stale_after: Duration::from_secs(6), ..Setup::fast() };
    setup.simulator.clock = Arc::new(move || Timestamp::from_second(seen.load(Ordering::Relaxed)).expect("a time"));
    let harness = Harness::start(setup).await;
    let Overspent { agent, before, during, after } = Overspent::find(harness.simulator.world());
    let set = |at: Timestamp| now.store(at.as_second(), Ordering::Relaxed);
    let mine = [("alertname", ALERT), ("agent_name", agent.as_str())];

    set(before);
    let (webhook, address) = Webhook::listen().await;
    let chain = Chain::start(harness.address, address);
    // Another alert shows that the chain works, so that this one's absence means something.
    webhook.waits_for(&[("category", "productivity")], "firing").await;
    assert_eq!(webhook.told(&mine, "firing"), Vec::<Value>::new());

    let breach = Instant::now();
    set(during);
    let fired = webhook.waits_for(&mine, "firing").await;
    println!("from the breach to the webhook: {:.1} s", breach.elapsed().as_secs_f64());
    assert_eq!(fired["labels"]["operation"], "acme");
    let summary = fired["annotations"]["summary"].as_str().expect("a summary");
    assert!(summary.contains(&agent), "{summary}");

    let end = Instant::now();
    set(after);
    webhook.waits_for(&mine, "resolved").await;
    println!("from the end to the resolve: {:.1} s", end.elapsed().as_secs_f64());

    let times_fired = webhook.told(&mine, "firing").len();
    set(during);
    until("the alert again", async || (webhook.told(&mine, "firing").len() > times_fired).then_some(())).await;
    let times_resolved = webhook.told(&mine, "resolved").len();
    harness.inject(Fault::Status(500), "agent_3");
    webhook.waits_for(&[("alertname", "WolkvoxReportStale"), ("report", "agent_aux_time")], "firing").await;
    until("the end of the alert", async || (!chain.has_alert(&agent).await).then_some(())).await;
    // The next message of the same group would tell the resolve too.
    harness.inject(Fault::Status(500), "agents_kpi");
    webhook.waits_for(&[("alertname", "WolkvoxReportStale"), ("report", "agent_kpi")], "firing").await;
    assert_eq!(webhook.told(&mine, "resolved").len(), times_resolved);
}
