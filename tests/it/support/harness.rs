//! A simulated wolkvox and an exporter of it in this process.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tempfile::TempDir;
use tokio::task::{JoinHandle, JoinSet, LocalSet};
use tokio_util::sync::CancellationToken;
use wolkvox_exporter::catalog::Catalog;
use wolkvox_exporter::config::Config;
use wolkvox_exporter::exporter::{self, ExporterError, Setup as ExporterSetup};
use wolkvox_exporter::state::State;
use wolkvox_exporter::time::midnight_before;
use wolkvox_exporter::web::{self, Access, ClientLimits};
use wolkvox_simulator::{self as simulator, Fault, Scope, Simulator};

use crate::support::http::{self, Answer};
use crate::support::scraped::Scraped;

/// Nothing that is waited for takes that long, even on a machine with other things to do.
pub const PATIENCE: Duration = Duration::from_mins(4);
/// The token of every harness. Nothing but the vendor may ever see it.
pub const TOKEN: &str = "s3cr3t-t0ken-of-the-harness";
/// Beginnings of the simulator's personal data: callers' numbers and customers' documents.
pub const PERSONAL: [&str; 3] = ["57301555", "57310777", "CUST-"];

/// The config file's name in its folder.
pub const CONFIG_FILE: &str = "wolkvox-exporter.yml";
/// The web config's, in the same folder.
pub const WEB_CONFIG_FILE: &str = "web.yml";

/// What a harness is set up with.
pub struct Setup {
    pub simulator: simulator::Settings,
    /// Names of the exporter's operations; all share the one token.
    pub operations: &'static [&'static str],
    /// YAML, the part of a config below `reports:`; all five where it is empty.
    pub reports: &'static str,
    /// Time between polls.
    pub interval: Duration,
    pub timeout: Duration,
    /// YAML of `limits:`.
    pub limits: &'static str,
    /// YAML of `privacy:`.
    pub privacy: String,
    /// YAML of `windows:`.
    pub windows: &'static str,
    /// What decides the budget. Where it is short, intervals stretch.
    pub licenses: u32,
    /// Age at which series go.
    pub stale_after: Duration,
    /// Who may read; everybody where there is none.
    pub web_config: Option<String>,
    pub client_limits: ClientLimits,
    /// In force before the first poll.
    pub faults: Vec<(Fault, Scope)>,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            simulator: settings(),
            operations: &["acme"],
            reports: "",
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(30),
            limits: "{}",
            privacy: "{}".to_owned(),
            windows: "[today]",
            licenses: 40,
            stale_after: Duration::from_hours(12),
            web_config: None,
            client_limits: ClientLimits::default(),
            faults: Vec::new(),
        }
    }
}

impl Setup {
    /// Two reports, one to be disturbed and one to be left alone.
    pub fn of_two_reports() -> Setup {
        Setup { reports: "[agent_aux_time, agent_hold_mute]", ..Setup::default() }
    }

    /// Polled once and then left as it is, so that many clients can read one state.
    pub fn frozen() -> Setup {
        Setup { interval: Duration::from_hours(6), ..Setup::default() }
    }

    /// As fast as a config allows, with a budget that never slows it down.
    pub fn fast() -> Setup {
        let mut simulator = settings();
        simulator.operations[0].calls_per_day = 4_000_000;
        Setup { simulator, licenses: 4_000, ..Setup::default() }
    }

    /// The config file of this setup, for an exporter that finds the vendor at `base_url`.
    pub fn config(&self, base_url: &str) -> String {
        let reports = if self.reports.is_empty() { String::new() } else { format!("    reports: {}\n", self.reports) };
        let operation = |name: &&str| {
            let zone = zone_name();
            format!(
                "  - name: {name}\n    base_url: {base_url}\n    token_file: token\n    timezone: {zone}\n    licenses: {licenses}\n{reports}",
                licenses = self.licenses
            )
        };
        format!(
            "operations:\n{operations}polling:\n  interval: {interval}s\n  allow_faster_than_vendor: true\n  \
             timeout: {timeout}s\n  stale_after: {stale_after}s\n  windows: {windows}\nlimits: {limits}\nprivacy: {privacy}\n",
            operations = self.operations.iter().map(operation).collect::<String>(),
            interval = self.interval.as_secs(),
            timeout = self.timeout.as_secs(),
            windows = self.windows,
            stale_after = self.stale_after.as_secs(),
            limits = self.limits,
            privacy = self.privacy,
        )
    }
}

/// A vendor of one operation whose clock stands still, so that every poll of every harness brings the same.
pub fn settings() -> simulator::Settings {
    static NOW: OnceLock<Timestamp> = OnceLock::new();
    let now = *NOW.get_or_init(Timestamp::now);
    let operation = simulator::Operation { zone: zone(), ..simulator::Operation::new(TOKEN) };
    simulator::Settings { operations: vec![operation], clock: Arc::new(move || now), ..simulator::Settings::default() }
}

/// A zone where it is noon when the tests run, so that at any hour the day is half over and no midnight comes near.
/// Decided once: an hour that ends during a test must not move anybody.
pub fn zone_name() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        let hour = TimeZone::UTC.to_datetime(Timestamp::now()).hour();
        // Etc zones count westward: noon minus the hour of Greenwich, with the sign turned.
        format!("Etc/GMT{:+}", hour - 12).replace("GMT+0", "GMT")
    })
}

pub fn zone() -> TimeZone {
    TimeZone::get(zone_name()).expect("the zone database is compiled in")
}

/// The operation's last midnight.
pub fn midnight() -> Timestamp {
    midnight_before(Timestamp::now(), &zone())
}

/// A config file and its token file in a folder of their own.
pub fn config_folder(config: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("token"), format!("{TOKEN}\n")).expect("a writable folder");
    std::fs::write(folder.path().join(CONFIG_FILE), config).expect("a writable folder");
    folder
}

/// Runs every case at once: they mostly wait.
pub async fn together<F: Future<Output: 'static> + 'static>(cases: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut running = JoinSet::new();
    let spawned = async {
        for case in cases {
            running.spawn_local(case);
        }
        running.join_all().await
    };
    LocalSet::new().run_until(spawned).await
}

/// A running vendor and a running exporter.
pub struct Harness {
    pub simulator: Simulator,
    pub address: SocketAddr,
    stop: CancellationToken,
    /// The config file's folder, as long as it may be read again.
    pub config: TempDir,
    exporter: JoinHandle<Result<(), ExporterError>>,
}

impl Harness {
    /// Starts both and waits until every report was tried.
    pub async fn start(setup: Setup) -> Harness {
        let harness = Box::pin(Harness::start_unpolled(setup)).await;
        harness.ready().await;
        harness
    }

    /// Starts both and waits for nothing.
    pub async fn start_unpolled(setup: Setup) -> Harness {
        let simulator = Simulator::start(setup.simulator.clone()).await.expect("a free port");
        for (fault, scope) in &setup.faults {
            simulator.inject(fault.clone(), scope.clone());
        }
        let catalog = Arc::new(Catalog::builtin().expect("the shipped catalogue is right"));
        let folder = config_folder(&setup.config(&simulator.base_url()));
        let config_file = folder.path().join(CONFIG_FILE);
        let listener = web::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener");
        let known = Arc::clone(&catalog);
        let web_config = folder.path().join(WEB_CONFIG_FILE);
        if let Some(text) = &setup.web_config {
            std::fs::write(&web_config, text).expect("a writable folder");
        }
        let access = Access::open(setup.web_config.as_ref().map(|_| &*web_config)).expect("a right web config");
        let setup = ExporterSetup {
            load: Box::new(move || Config::load(&config_file, &known)),
            state: State::in_memory(),
            listeners: vec![listener],
            telemetry_path: "/metrics".to_owned(),
            access: Arc::new(access),
            limits: setup.client_limits,
            hangup: Arc::default(),
        };
        let stop = CancellationToken::new();
        let exporter = tokio::spawn(exporter::run(setup, stop.clone()));
        Harness { simulator, address, stop, exporter, config: folder }
    }

    async fn ready(&self) {
        until("ready", async || (self.get("/-/ready").await.status == 200).then_some(())).await;
    }

    pub async fn get(&self, path: &str) -> Answer {
        http::get(self.address, path).await
    }

    pub async fn scrape(&self) -> Scraped {
        Scraped::parse(&self.get("/metrics").await.text())
    }

    /// Scrapes until what is waited for shows.
    pub async fn scrape_until(&self, what: &str, shows: impl Fn(&Scraped) -> bool) -> Scraped {
        until(what, async || Some(self.scrape().await).filter(|scraped| shows(scraped))).await
    }

    /// A fault that befalls only this one of the vendor's reports.
    pub fn inject(&self, fault: Fault, api: &str) {
        self.simulator.inject(fault, Scope { api: Some(api.to_owned()), ..Scope::default() });
    }

    /// Puts another config in place and has it read. An exporter that only just starts may be reading it: it must not meet
    /// half a file.
    pub async fn reload(&self, config: &str) -> Answer {
        let written = self.config.path().join("next.yml");
        std::fs::write(&written, config).expect("a writable folder");
        std::fs::rename(written, self.config.path().join(CONFIG_FILE)).expect("a writable folder");
        http::send(self.address, "POST", "/-/reload", "").await
    }

    /// Asks the exporter to stop, without waiting for it.
    pub fn ask_to_stop(&self) {
        self.stop.cancel();
    }

    /// Waits for the end of an exporter that was asked to stop.
    pub async fn stopped(self) {
        let end = tokio::time::timeout(PATIENCE, self.exporter).await.expect("the exporter stops");
        end.expect("no panic").expect("no failure");
    }
}

/// Asks again and again until there is an answer. The one place where tests wait.
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(started.elapsed() < PATIENCE, "waited in vain for: {what}");
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
}
