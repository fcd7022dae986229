//! `demo --history`: what a Prometheus would know that had scraped the demo for days.
//!
//! The real worker, client, store and exposition live through those days, and a simulated wolkvox with them; only the clock
//! is made up. Reports are polled every quarter of an hour, in its last second: so the last poll of a local day has all of it.
//!
//! Text cannot say that a series ended, and Prometheus shows a sample for five minutes. So the last poll of a day stands
//! five minutes before its midnight, and behind it nothing of that operation's windows.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, HeaderValue};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;
use tracing::{Dispatch, dispatcher};
use wolkvox_simulator::{self as simulator, Simulator};

use super::simulated::{DemoOperation, config, places, settings, simulate};
use super::{CommandError, print};
use crate::catalog::{Catalog, Report};
use crate::cli::DemoFlags;
use crate::config::Config;
use crate::exporter::ExporterError;
use crate::exposition::Exposition;
use crate::history::{HistoryFiles, LOOK_BACK, Written};
use crate::lock;
use crate::memory::{Memory, PollMemory};
use crate::poll::{self, BudgetWorker, Context};
use crate::state::State;
use crate::store::Store;
use crate::telemetry::Telemetry;
use crate::time::{Clock, Moment, next_midnight};
use crate::wolkvox::{Call, Client, Failure, Request, Vendor};

/// What the job of `deploy/prometheus.yml` adds to the series of a demo.
const LABELS: &str = "job=\"wolkvox\",instance=\"127.0.0.1:10077\"";
const SECOND: SignedDuration = SignedDuration::from_secs(1);
/// Time between polls. Local midnights lie at such quarters in every zone there is today.
const QUARTER: SignedDuration = SignedDuration::from_mins(15);
/// Time between scrapes: below the five minutes that Prometheus shows a sample.
const SCRAPE_INTERVAL: SignedDuration = SignedDuration::from_secs(225);
/// Longest that the made-up clock runs on by itself: a poll in the last second of a day is to end in it.
const LONGEST_STEP: Duration = Duration::from_millis(900);

/// Writes the demo's last days into a folder.
pub async fn history(folder: &Path, demo: &DemoFlags, stop: &CancellationToken) -> Result<(), CommandError> {
    let files = HistoryFiles::open(folder, LABELS, demo.gzip)?;
    let begins = quarter_of(Timestamp::now() - SignedDuration::from_hours(24 * i64::from(demo.days)));
    // A line for each of tens of thousands of polls would say when they were made up, not when they were.
    let _quiet = dispatcher::set_default(&Dispatch::none());
    let wanted = |report: &Report| demo.all_reports || report.is_default;
    let mut past = Past::new(&places(demo), begins, wanted).await?;
    let Some(lived) = stop.run_until_cancelled(past.live_through(begins, files)).await else { return Ok(()) };
    let Written { files, samples, bytes } = lived?;
    print(&format!("{files} files with {samples} samples in {bytes} bytes of text are in {}\n", folder.display()))
}

fn quarter_of(at: Timestamp) -> Timestamp {
    let quarter = QUARTER.as_secs();
    Timestamp::from_second(at.as_second().div_euclid(quarter) * quarter).unwrap_or(at)
}

/// A clock that stands where the history has come to, until it runs on as the machine's.
#[derive(Clone)]
struct PastClock(Arc<Mutex<(Timestamp, Option<Instant>)>>);

impl PastClock {
    fn standing_at(at: Timestamp) -> PastClock {
        PastClock(Arc::new(Mutex::new((at, None))))
    }

    fn set(&self, to: Timestamp) {
        *lock::mutex(&self.0) = (to, None);
    }

    fn run(&self) {
        lock::mutex(&self.0).1.get_or_insert_with(Instant::now);
    }

    fn moment(&self) -> Moment {
        let (set, runs_since) = *lock::mutex(&self.0);
        let passed = runs_since.map_or(Duration::ZERO, |since| since.elapsed().min(LONGEST_STEP));
        // Since 1970, so that it goes as the wall clock does.
        let steady = Duration::from_secs(set.as_second().unsigned_abs()) + passed;
        Moment { wall: set.saturating_add(passed).unwrap_or(set), steady }
    }
}

/// The clock stands until a poll sends its first request: so a poll starts at the very second, and the next one is due
/// at the very second too. From then on, requests take the time that they take.
struct TimedClient {
    client: Client,
    clock: PastClock,
}

impl Vendor for TimedClient {
    fn call<'c>(&'c self, request: &'c Request, memory: &'c Arc<PollMemory>) -> Call<'c> {
        self.clock.run();
        self.client.call(request, memory)
    }
}

/// The demo in days gone by.
struct Past {
    clock: PastClock,
    store: Arc<Store>,
    telemetry: Arc<Telemetry>,
    exposition: Exposition,
    workers: Vec<BudgetWorker>,
    zones: HashMap<String, TimeZone>,
    /// The metrics of reports; all others are about the exporter.
    of_reports: HashSet<String>,
    _simulator: Simulator,
}

impl Past {
    async fn new(
        places: &[DemoOperation],
        begins: Timestamp,
        wanted: impl Fn(&Report) -> bool,
    ) -> Result<Past, CommandError> {
        let clock = PastClock::standing_at(begins - SECOND);
        let vendor = clock.clone();
        // A second ahead: what happens in the last second of a day is in the answer to its last poll.
        let vendor: simulator::Clock = Arc::new(move || vendor.moment().wall + SECOND);
        let (simulator, base_url) = simulate(simulator::Settings { clock: vendor, ..settings(places) }).await?;
        let catalog = Arc::new(Catalog::builtin()?);
        let config = config(places, &base_url, &catalog, QUARTER.unsigned_abs(), wanted);
        let context = context(&config, &clock)?;
        let Context { store, telemetry, .. } = context.clone();
        telemetry.config_loaded(config.operations.len(), begins);
        Ok(Past {
            exposition: Exposition::new(Arc::clone(&store), Arc::clone(&telemetry)),
            workers: poll::workers(&config, &context, Duration::ZERO),
            zones: places.iter().map(|place| (place.name.clone(), place.zone.clone())).collect(),
            of_reports: catalog.families().iter().map(|family| family.name.clone()).collect(),
            clock,
            store,
            telemetry,
            _simulator: simulator,
        })
    }

    async fn live_through(&mut self, begins: Timestamp, mut files: HistoryFiles) -> Result<Written, CommandError> {
        let mut quarter = begins;
        // It takes a while, and the last sample is to be of the end of that.
        while quarter <= Timestamp::now() {
            self.poll(quarter - SECOND).await?;
            self.end_days(quarter, &mut files)?;
            let ends_a_day = !self.ending(quarter, QUARTER).is_empty();
            for at in scrapes(quarter, ends_a_day).into_iter().take_while(|at| *at <= Timestamp::now()) {
                self.scrape(at, &mut files)?;
            }
            quarter += QUARTER;
        }
        Ok(files.finish()?)
    }

    /// Polls what is due, each report at that very moment.
    async fn poll(&mut self, at: Timestamp) -> Result<(), CommandError> {
        for worker in &mut self.workers {
            self.clock.set(at);
            while worker.step().await.is_none() {
                self.clock.set(at);
            }
        }
        let failed = |(target, failure): (_, Option<Failure>)| failure.map(|failure| (target, failure));
        let statuses = self.store.view(self.clock.moment()).statuses.into_iter();
        match statuses.map(|status| (status.target, status.health.failure)).find_map(failed) {
            Some((target, failure)) => Err(CommandError::HistoryPoll { target, failure: Box::new(failure) }),
            None => Ok(()),
        }
    }

    /// Writes the last values of the days that end now.
    fn end_days(&self, midnight: Timestamp, files: &mut HistoryFiles) -> Result<(), CommandError> {
        let over = self.ending(midnight - SECOND, SECOND);
        if over.is_empty() {
            return Ok(());
        }
        let is_last = |line: &str| self.is_of_reports(line) && over.contains_key(operation_of(line));
        Ok(files.append(&self.text(midnight - SECOND), midnight - LOOK_BACK, is_last)?)
    }

    /// The operations whose day ends within that time, and what is left of it.
    fn ending(&self, at: Timestamp, within: SignedDuration) -> HashMap<&str, SignedDuration> {
        let left = |zone: &TimeZone| next_midnight(at, zone).duration_since(at);
        let all = self.zones.iter().map(|(name, zone)| (name.as_str(), left(zone)));
        all.filter(|(_, left)| *left <= within).collect()
    }

    fn scrape(&self, at: Timestamp, files: &mut HistoryFiles) -> Result<(), CommandError> {
        let ending = self.ending(at, LOOK_BACK);
        let keep = |line: &str| match ending.get(operation_of(line)).filter(|_| !ending.is_empty()) {
            None => true,
            // These come with the last poll of the day.
            Some(left) if *left == LOOK_BACK => !self.is_of_reports(line),
            Some(_) => !self.is_of_reports(line) && !line.contains("window=\""),
        };
        let text = self.text(at) + "up 1\n";
        self.telemetry.request_answered("/metrics", 200);
        Ok(files.append(&text, at, keep)?)
    }

    /// What a scrape is answered with.
    fn text(&self, at: Timestamp) -> String {
        self.clock.set(at);
        let accept = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/openmetrics-text"))]);
        self.exposition.respond(&accept, self.clock.moment()).into_body().into_text()
    }

    fn is_of_reports(&self, line: &str) -> bool {
        line.split(['{', ' ']).next().is_some_and(|name| self.of_reports.contains(name))
    }
}

fn context(config: &Config, clock: &PastClock) -> Result<Context, CommandError> {
    let (own, client) = (clock.clone(), poll::client(config).map_err(ExporterError::Client)?);
    Ok(Context {
        vendor: Arc::new(TimedClient { client, clock: clock.clone() }),
        store: Arc::default(),
        telemetry: Arc::new(Telemetry::started_at(clock.moment().wall)),
        state: Arc::new(State::in_memory()),
        memory: Arc::new(Memory::new(config.limits.memory)),
        clock: Clock::from_fn(move || own.moment()),
    })
}

/// The scrapes of a quarter. Where a day ends with it, one is made at the moment that stands for the day's end.
fn scrapes(quarter: Timestamp, ends_a_day: bool) -> Vec<Timestamp> {
    let regular = (0..).map(|number| quarter + SCRAPE_INTERVAL * number).take_while(|at| *at < quarter + QUARTER);
    let mut scrapes: Vec<Timestamp> = regular.chain(ends_a_day.then(|| quarter + QUARTER - LOOK_BACK)).collect();
    scrapes.sort_unstable();
    scrapes
}

/// The operation that a sample is of; none where it is of no one's.
fn operation_of(line: &str) -> &str {
    let found = line.split_once("operation=\"").and_then(|(_, rest)| rest.split_once('"'));
    found.map_or("", |(operation, _)| operation)
}
