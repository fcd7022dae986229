//! A simulated wolkvox and a poller that go through days in paused time.
//!
//! Time is tokio's paused one: it jumps to the next timer whenever nothing is left to do. The vendor answers in this
//! process, keeps the flight open as long as an answer would take, and writes down every call; what the poller may
//! and may not do is judged from that record alone.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wolkvox_exporter::catalog::{Catalog, Privacy};
use wolkvox_exporter::config::{Config, Limits, Operation, ReportPlan};
use wolkvox_exporter::memory::{Memory, PollMemory};
use wolkvox_exporter::poll::{self, Context};
use wolkvox_exporter::state::{State, StateError};
use wolkvox_exporter::telemetry::Telemetry;
use wolkvox_exporter::time::{Clock, Moment, WindowName};
use wolkvox_exporter::wolkvox::{Answer, Call, Failure, Reason, Request, Token, Vendor, classify};
use wolkvox_simulator::{self as simulator, Fault};

use crate::support::harness::PATIENCE;

/// Timers of paused time are whole milliseconds.
const GRAIN: Duration = Duration::from_millis(5);
/// Calls that a licence pays for.
pub const PER_LICENSE: u64 = 1000;

/// What a renamed field is called.
pub const RENAMED: &str = "renamed_field";

/// What refusals with status 200 say, and what that means.
pub const REFUSED: [(&str, Reason); 5] = [
    ("TOKEN LIMIT EXCEEDED", Reason::BudgetExhausted),
    ("PLEASE VALIDATE TOKEN", Reason::TokenRejected),
    ("EXCEEDS THE LIMIT OF SIMULTANEOUS REQUESTS PER TOKEN (2)", Reason::Concurrency),
    ("THE SERVER IS UNDER MAINTENANCE", Reason::Maintenance),
    ("GO AWAY", Reason::ForbiddenOther),
];

/// The five reports and what the vendor calls them.
pub const REPORTS: [(&str, &str); 5] = [
    ("agent_aux_time", "agent_3"),
    ("agent_hold_mute", "agent_9"),
    ("closed_interactions", "chat_7"),
    ("smart_wait", "diagram_3"),
    ("agent_kpi", "agents_kpi"),
];

/// True time, and the exporter's opinion of it.
pub struct Time {
    base: Timestamp,
    started: Instant,
    /// Milliseconds by which the exporter's wall clock is ahead.
    ahead: AtomicI64,
}

impl Time {
    pub fn from(base: Timestamp) -> Arc<Time> {
        Arc::new(Time { base, started: Instant::now(), ahead: AtomicI64::new(0) })
    }

    /// Real time that passed.
    pub fn steady(&self) -> Duration {
        self.started.elapsed()
    }

    /// The vendor's time, which is right.
    pub fn truth(&self) -> Timestamp {
        self.base + SignedDuration::try_from(self.steady()).expect("a few days")
    }

    /// What the exporter's wall clock says.
    pub fn wall(&self) -> Timestamp {
        self.truth() + SignedDuration::from_millis(self.ahead.load(Ordering::SeqCst))
    }

    /// Sets the exporter's wall clock that far ahead of the truth, or behind.
    pub fn set_ahead(&self, by: SignedDuration) {
        self.ahead.store(i64::try_from(by.as_millis()).expect("hours"), Ordering::SeqCst);
    }

    pub fn moment(&self) -> Moment {
        // As far from zero as the machine's clock, so that data restored can be older than the test.
        Moment { wall: self.wall(), steady: Duration::from_hours(87_600) + self.steady() }
    }
}

/// One operation as both sides know it.
#[derive(Clone, Debug)]
pub struct Site {
    pub zone: &'static str,
    /// `None`: the exporter asks the vendor.
    pub licenses: Option<u32>,
    pub calls_per_day: u64,
    /// Operations with the same number share a token.
    pub token: usize,
    /// Operations of one pool share a budget.
    pub pool: Option<&'static str>,
    /// Report and interval.
    pub reports: Vec<(usize, Duration)>,
    pub windows: Vec<WindowName>,
    pub agents: usize,
    pub callbacks: usize,
}

impl Site {
    /// A Colombian operation with one licence and the five reports.
    pub fn of_one_license() -> Site {
        Site {
            zone: "America/Bogota",
            licenses: Some(1),
            calls_per_day: PER_LICENSE,
            token: 0,
            pool: None,
            reports: (0..REPORTS.len()).map(|report| (report, Duration::from_mins(5))).collect(),
            windows: vec![WindowName::Today],
            agents: 3,
            callbacks: 30,
        }
    }

    fn zone(&self) -> TimeZone {
        TimeZone::get(self.zone).expect("the zone database is compiled in")
    }
}

/// What a run begins with.
#[derive(Clone, Debug)]
pub struct Script {
    pub seed: u64,
    pub begins: Timestamp,
    pub sites: Vec<Site>,
    pub lag: bool,
    /// The vendor's record limit, which the exporter knows.
    pub rows: usize,
    /// Longest a good answer takes.
    pub slowest: Duration,
    /// Whether state is kept in files, or in memory.
    pub files: bool,
}

impl Script {
    pub fn of(begins: &str, sites: Vec<Site>) -> Script {
        Script {
            seed: 7,
            begins: begins.parse().expect("a timestamp"),
            sites,
            lag: false,
            rows: 60_000,
            slowest: Duration::from_secs(2),
            files: false,
        }
    }
}

/// One call for a stretch of a window.
#[derive(Clone, Debug)]
pub struct Part {
    pub ini: DateTime,
    pub end: DateTime,
    /// When it reached the vendor, which answers from what it knows at that moment.
    pub at: Timestamp,
    pub good: bool,
}

/// How a poll ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    /// Under way, or cut off by a crash.
    Open,
    Good,
    /// Failed, and to be asked again at its regular time.
    Regular,
    /// Failed, and may be asked again sooner than that.
    Retry,
}

/// The calls of one poll.
#[derive(Clone, Debug)]
pub struct SeenPoll {
    /// On the steady clock.
    pub start: Duration,
    pub ended: Duration,
    /// The exporter's wall clock at the start.
    pub wall: Timestamp,
    pub window: (DateTime, DateTime),
    pub parts: Vec<Part>,
    pub end: End,
    /// Of the config when it was taken.
    pub interval: Duration,
    /// How often the exporter lost its memory before that.
    pub restarts: u32,
    /// Whether the last part was too much, so that its half may follow at once.
    cut: bool,
}

/// Operation, report and window; `token_info` has none.
pub type Key = (usize, &'static str, Option<WindowName>);

/// What the vendor saw.
#[derive(Default)]
pub struct VendorRecord {
    pub polls: BTreeMap<Key, Vec<SeenPoll>>,
    /// Every broken promise.
    pub broken: Vec<String>,
    pub calls: u64,
    /// Calls that a fault befell.
    pub faulty: u64,
    pub restarts: u32,
    /// Until when, on the steady clock, nothing may be asked of a budget.
    paused: HashMap<usize, Duration>,
    in_flight: HashMap<usize, u32>,
    intervals: HashMap<(usize, &'static str), Duration>,
    told: HashMap<usize, u64>,
}

/// The vendor in paused time: answers in this process.
pub struct PausedVendor {
    pub simulator: simulator::Vendor,
    time: Arc<Time>,
    sites: Vec<Site>,
    zones: Vec<TimeZone>,
    /// Which simulated operation stands behind each of the exporter's.
    pub behind: Vec<usize>,
    /// Which budget each operation draws on.
    pub budget: Vec<usize>,
    rows: usize,
    slowest: Duration,
    record: Mutex<VendorRecord>,
    random: Mutex<fastrand::Rng>,
}

/// What became of a call, before it is told.
struct Outcome {
    takes: Duration,
    result: Result<Answer, Failure>,
    /// Why it brings nothing, though perhaps only its body tells that.
    failure: Option<Failure>,
}

/// Counts a call as in flight until it is dropped, however the call ends.
struct InFlight<'w>(&'w PausedVendor, usize);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        *self.0.record().in_flight.entry(self.1).or_default() -= 1;
    }
}

impl PausedVendor {
    fn new(script: &Script, time: &Arc<Time>) -> PausedVendor {
        let mut operations: Vec<simulator::Operation> = Vec::new();
        let mut behind = Vec::new();
        for site in &script.sites {
            let token = format!("token-{}", site.token);
            let known = operations.iter().position(|operation| operation.token == token);
            behind.push(known.unwrap_or(operations.len()));
            if known.is_none() {
                operations.push(simulator::Operation {
                    token,
                    zone: site.zone(),
                    agents: site.agents,
                    callbacks_per_day: site.callbacks,
                    calls_per_day: site.calls_per_day,
                });
            }
        }
        let shares = |a: &Site, b: &Site| a.token == b.token || (a.pool.is_some() && a.pool == b.pool);
        let budget = script.sites.iter().map(|site| script.sites.iter().position(|other| shares(site, other)));
        let clock = Arc::clone(time);
        PausedVendor {
            budget: budget.map(|first| first.expect("itself at least")).collect(),
            simulator: simulator::Vendor::new(simulator::Settings {
                seed: script.seed,
                operations,
                lag: script.lag,
                // Strict: a second call at the same time is refused.
                simultaneous: 1,
                record_limit: script.rows,
                clock: Arc::new(move || clock.truth()),
            }),
            time: Arc::clone(time),
            zones: script.sites.iter().map(Site::zone).collect(),
            sites: script.sites.clone(),
            behind,
            rows: script.rows,
            slowest: script.slowest,
            record: Mutex::default(),
            random: Mutex::new(fastrand::Rng::with_seed(script.seed)),
        }
    }

    pub fn record(&self) -> MutexGuard<'_, VendorRecord> {
        self.record.lock().expect("nothing panics while it is locked")
    }

    pub fn broken(&self, what: &str) {
        let what = format!("{} (the exporter says {}): {what}", self.time.truth(), self.time.wall());
        self.record().broken.push(what);
    }

    pub fn zone(&self, site: usize) -> &TimeZone {
        &self.zones[site]
    }

    /// What the vendor counted of a budget on the operation's local day of `now`.
    pub fn used(&self, budget: usize, now: Timestamp) -> u64 {
        let mut tokens: Vec<usize> = self.members(budget).map(|site| self.sites[site].token).collect();
        tokens.dedup();
        tokens.iter().map(|token| self.simulator.used_today(&format!("token-{token}"), now)).sum()
    }

    /// The operations of a budget.
    pub fn members(&self, budget: usize) -> impl Iterator<Item = usize> {
        (0..self.sites.len()).filter(move |site| self.budget[*site] == budget)
    }

    /// Calls a day that a budget allows as far as the exporter can know.
    pub fn limit(&self, budget: usize) -> u64 {
        let licenses = self.members(budget).filter_map(|site| self.sites[site].licenses).max();
        let told = self.record().told.get(&budget).copied();
        licenses.map_or(told.unwrap_or(PER_LICENSE), |licenses| u64::from(licenses) * PER_LICENSE)
    }

    async fn carry(&self, request: &Request) -> Result<Answer, Failure> {
        let site = site_of(request);
        let budget = self.budget[site];
        *self.record().in_flight.entry(budget).or_default() += 1;
        let in_flight = InFlight(self, budget);
        if self.record().in_flight[&budget] > 1 {
            self.broken(&format!("two calls of one budget at once: {}", request.api));
        }
        let token = format!("token-{}", self.sites[site].token);
        let flight = self.simulator.begin(&token);
        let asked = simulated(request, token);
        let fault = self.simulator.fault_for(&asked);
        let answer = self.simulator.answer_during(&flight, fault.as_ref(), &asked, self.time.truth());
        let key = self.arrive(site, request);
        if self.used(budget, self.time.truth()) > self.limit(budget) {
            self.broken(&format!("more calls than the {} of the budget of operation {site}", self.limit(budget)));
        }
        let rows = rows_in(&answer);
        let outcome = self.outcome(fault.as_ref(), answer, request.timeout);
        tokio::time::sleep(outcome.takes).await;
        drop((flight, in_flight));
        self.end(key, &outcome, rows, fault.is_some());
        outcome.result
    }

    /// Decides what the real client would make of an answer.
    fn outcome(&self, fault: Option<&Fault>, answer: simulator::Answer, timeout: Duration) -> Outcome {
        let length = u32::try_from(answer.body.len()).expect("a small world");
        let takes = self.slowest.mul_f64(self.random.lock().expect("whole").f64().powi(3)).max(GRAIN);
        let takes = takes
            + match fault {
                Some(Fault::Delay(delay)) => *delay,
                Some(Fault::Drip(pause)) => *pause * length,
                Some(Fault::Drop) => Duration::MAX / 2,
                _ => Duration::ZERO,
            };
        let fails = |reason, detail: &str| Err(Failure::new(reason, detail));
        if takes >= timeout {
            let failure = Failure::new(Reason::Timeout, "simulated");
            return Outcome { takes: timeout, result: Err(failure.clone()), failure: Some(failure) };
        }
        let success = answer.status == 200;
        // A field that a report does not have cannot be renamed in it.
        let renamed = answer.body.windows(RENAMED.len()).any(|part| part == RENAMED.as_bytes());
        let result = match fault {
            Some(Fault::Reset) => fails(Reason::Connect, "reset"),
            Some(Fault::CutBody | Fault::CutGzip) if success => fails(Reason::Connect, "the answer broke off"),
            Some(Fault::CutBody | Fault::CutGzip) => classify(answer.status, None, Vec::new()),
            Some(Fault::Bomb) => fails(Reason::TooLarge, "a bomb"),
            _ => {
                let header = answer.headers.iter().find(|(name, _)| *name == "Retry-After");
                let retry_after = header.and_then(|(_, value)| self.retry_after(value));
                classify(answer.status, retry_after, answer.body)
            }
        };
        let spoiled = match fault {
            Some(Fault::Truncated | Fault::InvalidUtf8) if success => Some(Reason::Malformed),
            Some(Fault::RenamedField { .. }) if renamed => Some(Reason::Schema),
            Some(Fault::Html200) => Some(Reason::Malformed),
            Some(Fault::RefusedAs200 { message, .. }) => {
                REFUSED.iter().find(|(text, _)| text == message).map(|(_, reason)| *reason)
            }
            _ => None,
        };
        let failure = match &result {
            Ok(_) => spoiled.map(|reason| Failure::new(reason, "simulated")),
            Err(failure) => Some(failure.clone()),
        };
        Outcome { takes, result, failure }
    }

    fn retry_after(&self, text: &str) -> Option<Duration> {
        if let Ok(seconds) = text.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let date = jiff::fmt::rfc2822::parse(text).ok()?;
        Some(Duration::try_from(date.timestamp().duration_since(self.time.truth())).unwrap_or_default())
    }

    /// Records a call as it arrives, and judges whether it may come now.
    fn arrive(&self, site: usize, request: &Request) -> Key {
        let (now, wall, truth) = (self.time.steady(), self.time.wall(), self.time.truth());
        let dates = request.dates.as_ref().map(|(ini, end)| (civil(ini), civil(end)));
        let zone = &self.zones[site];
        let today = zone.to_datetime(wall).date();
        let report = REPORTS.iter().find(|(_, api)| *api == request.api).map_or("token_info", |(report, _)| *report);
        let mut record = self.record();
        record.calls += 1;
        if let Some((ini, end)) = dates {
            for window in [WindowName::Today, WindowName::Yesterday] {
                let key = (site, report, Some(window));
                let restarts = record.restarts;
                let Some(poll) = record.polls.get_mut(&key).and_then(|polls| polls.last_mut()) else { continue };
                if poll.restarts == restarts && poll.awaits(ini, end, now) {
                    poll.cut = false;
                    poll.parts.push(Part { ini, end, at: truth, good: false });
                    return key;
                }
            }
        }
        let window = dates.map(|(ini, _)| if ini.date() == today { WindowName::Today } else { WindowName::Yesterday });
        let key = (site, report, window);
        let interval = record.intervals.get(&(site, report)).copied().unwrap_or(Duration::from_hours(4));
        let whole = match window {
            None => (today.at(0, 0, 0, 0), today.at(0, 0, 0, 0)),
            Some(WindowName::Today) => {
                let begins = start_of(today, zone);
                (local(zone, begins), latest_reading(zone, begins, wall))
            }
            Some(_) => {
                let before = today.yesterday().expect("days of this era");
                let (begins, end) = (start_of(before, zone), start_of(today, zone) - SignedDuration::from_secs(1));
                (local(zone, begins), latest_reading(zone, begins, end))
            }
        };
        let mut wrong = Vec::new();
        if let Some((ini, end)) = dates
            && (ini != whole.0 || end > whole.1)
        {
            wrong.push(format!("asked for {ini}..{end} of {whole:?}"));
        }
        if window == Some(WindowName::Yesterday) && wall < start_of(today, zone) + SignedDuration::from_mins(20) {
            wrong.push("yesterday asked for before 00:20".to_owned());
        }
        let paused = record.paused.get(&self.budget[site]).copied().unwrap_or_default();
        if now + GRAIN < paused {
            wrong.push(format!("asked {:?} before a pause is over", paused.saturating_sub(now)));
        }
        if let Some(last) = record.polls.get(&key).and_then(|polls| polls.last()) {
            let due = match last.end {
                End::Retry => last.ended + Duration::from_secs(30),
                End::Open | End::Good | End::Regular => last.start + last.interval.min(interval),
            };
            if now + GRAIN < due {
                wrong.push(format!("asked {:?} too soon after {last:?}", due.saturating_sub(now)));
            }
        }
        let part = dates.map(|(ini, end)| Part { ini, end, at: truth, good: false });
        let restarts = record.restarts;
        record.polls.entry(key).or_default().push(SeenPoll {
            start: now,
            ended: now,
            wall,
            window: whole,
            parts: part.into_iter().collect(),
            end: End::Open,
            interval,
            restarts,
            cut: false,
        });
        drop(record);
        for wrong in wrong {
            self.broken(&format!("{key:?}: {wrong}"));
        }
        key
    }

    /// Records how a call ended.
    fn end(&self, key: Key, outcome: &Outcome, rows: usize, faulty: bool) {
        let now = self.time.steady();
        let budget = self.budget[key.0];
        let splits = key.2.is_some() && key.1 != "agent_kpi";
        let (mut pause, mut told) = (None, false);
        let full = outcome.failure.is_none() && rows >= self.rows;
        let mut record = self.record();
        record.faulty += u64::from(faulty);
        let poll = record.polls.get_mut(&key).and_then(|polls| polls.last_mut()).expect("it arrived");
        poll.ended = now;
        poll.end = match &outcome.failure {
            None if full => {
                poll.cut = splits;
                End::Regular
            }
            None => {
                told = key.2.is_none();
                let done = poll.parts.last_mut().is_none_or(|part| {
                    part.good = true;
                    part.end == poll.window.1
                });
                if done { End::Good } else { End::Open }
            }
            Some(failure) if failure.retry_after.is_some() => {
                let bounds = (Duration::from_secs(30), Duration::from_hours(1));
                pause = failure.retry_after.map(|wait| wait.clamp(bounds.0, bounds.1));
                End::Retry
            }
            Some(failure) => {
                poll.cut = splits && matches!(failure.reason, Reason::Timeout | Reason::TooLarge);
                pause = match failure.reason {
                    Reason::Concurrency => Some(Duration::from_secs(30)),
                    Reason::TokenMissing | Reason::TokenRejected => Some(Duration::from_mins(15)),
                    Reason::Maintenance => Some(Duration::from_mins(5)),
                    Reason::BudgetExhausted => Some(Duration::from_hours(1)),
                    _ => None,
                };
                let soon = matches!(failure.reason, Reason::Timeout | Reason::Connect | Reason::Http5xx);
                if soon || pause.is_some() { End::Retry } else { End::Regular }
            }
        };
        if let Some(pause) = pause {
            record.paused.insert(budget, now + pause);
        }
        if told {
            record.told.insert(budget, self.sites[key.0].calls_per_day);
        }
    }
}

impl Vendor for PausedVendor {
    fn call<'c>(&'c self, request: &'c Request, _: &'c Arc<PollMemory>) -> Call<'c> {
        Box::pin(self.carry(request))
    }
}

impl SeenPoll {
    /// Whether a call continues this poll: the next part of its window, or a half of one that was too much.
    fn awaits(&self, ini: DateTime, end: DateTime, now: Duration) -> bool {
        let Some(last) = self.parts.last() else { return false };
        if self.ended != now {
            return false;
        }
        let next = last.good && ini == last.end.saturating_add(SignedDuration::from_secs(1)) && end <= self.window.1;
        next || (self.cut && ini == last.ini && end < last.end)
    }

    /// The parts that were had, if together they are the whole window.
    pub fn whole(&self) -> Option<Vec<&Part>> {
        let parts: Vec<&Part> = self.parts.iter().filter(|part| part.good).collect();
        let mut next = self.window.0;
        for part in &parts {
            if part.ini != next {
                return None;
            }
            next = part.end.saturating_add(SignedDuration::from_secs(1));
        }
        (next == self.window.1.saturating_add(SignedDuration::from_secs(1))).then_some(parts)
    }
}

/// When a local day begins.
pub fn start_of(day: Date, zone: &TimeZone) -> Timestamp {
    day.to_zoned(zone.clone()).expect("days of this era").timestamp()
}

pub fn local(zone: &TimeZone, at: Timestamp) -> DateTime {
    zone.to_datetime(at)
}

/// The latest that a local clock has shown since a day began, in whole seconds: looked for in every quarter of an hour,
/// at whose ends clocks are set.
fn latest_reading(zone: &TimeZone, begins: Timestamp, at: Timestamp) -> DateTime {
    let at = Timestamp::from_second(at.as_second()).expect("a second of this era");
    let quarters = (begins.as_second() / 900 + 1..=at.as_second() / 900).map(|quarter| quarter * 900 - 1);
    let ends = quarters.map(|second| local(zone, Timestamp::from_second(second).expect("a second of this era")));
    ends.fold(local(zone, at), DateTime::max)
}

fn civil(text: &str) -> DateTime {
    DateTime::strptime("%Y%m%d%H%M%S", text).expect("the vendor's form of a date")
}

fn site_of(request: &Request) -> usize {
    let host = request.base_url.host_str().expect("a host");
    host.strip_prefix("site-").and_then(|number| number.parse().ok()).expect("a host of this world")
}

/// The request as the simulator takes it. A token shows itself to nobody: whose it is follows from the address.
pub fn simulated(request: &Request, token: String) -> simulator::Request {
    let mut query = vec![("api".to_owned(), request.api.clone())];
    query.extend(request.params.iter().cloned());
    if let Some((ini, end)) = &request.dates {
        query.extend([("date_ini".to_owned(), ini.clone()), ("date_end".to_owned(), end.clone())]);
    }
    simulator::Request { path: format!("/api/v2/{}", request.endpoint), query, token: Some(token) }
}

/// The number of rows, as the vendor's own message says.
fn rows_in(answer: &simulator::Answer) -> usize {
    let text = String::from_utf8_lossy(&answer.body[..answer.body.len().min(200)]).into_owned();
    let number = text.split("\"msg\":\"").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok());
    number.unwrap_or(0)
}

/// A poller that can be started, stopped and killed again and again, and what outlives it.
pub struct Run {
    pub time: Arc<Time>,
    pub vendor: Arc<PausedVendor>,
    pub context: Context,
    pub sites: Vec<Site>,
    pub stale_after: u32,
    catalog: Arc<Catalog>,
    folder: Option<tempfile::TempDir>,
    rows: u64,
    running: Option<(CancellationToken, JoinHandle<()>)>,
}

impl Run {
    /// Everything is there, and the poller does not run yet.
    pub fn new(script: &Script) -> Run {
        let time = Time::from(script.begins);
        let vendor = Arc::new(PausedVendor::new(script, &time));
        let catalog = Arc::new(Catalog::builtin().expect("the shipped catalogue is right"));
        let folder = script.files.then(|| {
            // Memory is as good as a disk here: what is tested is what is written, not what survives a power cut.
            let fast = std::path::Path::new("/dev/shm");
            if fast.is_dir() { tempfile::tempdir_in(fast) } else { tempfile::tempdir() }.expect("a temporary folder")
        });
        let state = folder.as_ref().map_or_else(State::in_memory, |folder| State::open(folder.path()).expect("free"));
        let clock = Arc::clone(&time);
        let context = Context {
            store: Arc::default(),
            vendor: Arc::clone(&vendor) as Arc<dyn Vendor>,
            telemetry: Arc::default(),
            state: Arc::new(state),
            memory: Arc::new(Memory::unbounded()),
            clock: Clock::from_fn(move || clock.moment()),
        };
        let rows = u64::try_from(script.rows).expect("few");
        Run { time, vendor, catalog, context, sites: script.sites.clone(), stale_after: 3, folder, rows, running: None }
    }

    pub fn config(&self) -> Config {
        let operations = self.sites.iter().enumerate().map(|(number, site)| self.operation(number, site)).collect();
        Config {
            file: None,
            catalog: Arc::clone(&self.catalog),
            operations,
            limits: Limits { rows_per_answer: self.rows, ..Limits::default() },
            privacy: Privacy::default(),
            exposed: Vec::new(),
        }
    }

    fn operation(&self, number: usize, site: &Site) -> Operation {
        let plan = |&(report, interval): &(usize, Duration)| ReportPlan {
            report: Arc::clone(self.catalog.report(REPORTS[report].0).expect("a builtin report")),
            interval,
            windows: site.windows.clone(),
            stale_after: interval * self.stale_after,
        };
        Operation {
            name: name_of(number),
            base_url: format!("http://site-{number}").parse().expect("a URL"),
            token: Token::parse(&format!("token-{}", site.token)).expect("a token"),
            zone: site.zone(),
            licenses: site.licenses,
            pool: site.pool.map(str::to_owned),
            reports: site.reports.iter().map(plan).collect(),
            timeout: Duration::from_mins(1),
        }
    }

    /// Starts the poller with the config of now.
    pub fn start(&mut self) {
        let sites = self.sites.iter().enumerate();
        let intervals = sites.flat_map(|(number, site)| {
            site.reports.iter().map(move |(report, interval)| ((number, REPORTS[*report].0), *interval))
        });
        self.vendor.record().intervals = intervals.collect();
        let (config, context, drain) = (self.config(), self.context.clone(), CancellationToken::new());
        let drained = drain.clone();
        let polling = tokio::spawn(async move { poll::run(&config, context, drained).await });
        self.running = Some((drain, polling));
    }

    /// Asks the poller to end and waits for it.
    pub async fn stop(&mut self) {
        if let Some((drain, polling)) = self.running.take() {
            drain.cancel();
            polling.await.expect("a poller does not panic");
        }
    }

    /// Ends the poller in the middle of whatever it does.
    pub async fn kill(&mut self) {
        if let Some((_, polling)) = self.running.take() {
            polling.abort();
            let ended = polling.await;
            assert!(ended.is_err_and(|error| error.is_cancelled()), "the poller ended by itself");
            // The queues are ended with it, at the next moment.
            tokio::time::sleep(GRAIN).await;
        }
    }

    /// Forgets what the process knew, and opens its files again. Without files nothing is lost: a reload.
    pub fn forget(&mut self) {
        let Some(folder) = &self.folder else { return };
        self.vendor.record().restarts += 1;
        self.context.store = Arc::default();
        self.context.telemetry = Arc::new(Telemetry::default());
        // The lock ends with the last owner of the old one: a write that was under way may still be that.
        self.context.state = Arc::new(State::in_memory());
        let given_up = std::time::Instant::now() + PATIENCE;
        let opened = loop {
            match State::open(folder.path()) {
                Err(StateError::InUse(_)) if std::time::Instant::now() < given_up => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                opened => break opened,
            }
        };
        self.context.state = Arc::new(opened.expect("nobody holds the folder any more"));
    }

    /// Whether a poller runs.
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }
}

/// What the exporter calls an operation.
pub fn name_of(site: usize) -> Arc<str> {
    format!("site-{site}").into()
}

/// Runs to its end in paused time, on a thread of its own runtime.
pub fn in_paused_time<T>(live: impl Future<Output = T>) -> T {
    // One thread for blocking work: its order is then the same in every run.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .max_blocking_threads(1)
        .build()
        .expect("a runtime");
    runtime.block_on(live)
}
