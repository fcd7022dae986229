//! The poller keeps its promises through days in which everything goes wrong.
//!
//! Random contact centres, faults, restarts, clock jumps and reloads, in paused time. Every run is the same.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use wolkvox_exporter::time::WindowName;
use wolkvox_simulator::{Fault, REFUSED_CODES, Scope};

use crate::audit::Auditor;
use crate::support::paused_time::{PER_LICENSE, REFUSED, RENAMED, REPORTS, Run, Script, Site, in_paused_time};

/// Cases run on so many threads, each with a fixed seed of its own.
const SHARDS: u8 = 4;
const CASES: u32 = 33;
/// Days on which something happens to the clocks of the zones, and one on which nothing does.
const BEGINNINGS: [&str; 5] = [
    // New York: a day of 23 hours.
    "2026-03-07T14:00:00Z",
    // Santiago: an hour before midnight comes twice.
    "2026-04-03T20:00:00Z",
    "2026-06-10T02:30:00Z",
    // Santiago: a midnight that does not exist.
    "2026-09-04T21:00:00Z",
    // New York: a day of 25 hours.
    "2026-10-31T10:00:00Z",
];
const ZONES: [&str; 4] = ["America/Bogota", "America/New_York", "America/Santiago", "Asia/Kolkata"];
/// How late a clock that was set is noticed: the longest call, and the longest sleep.
const SETTLED: Duration = Duration::from_mins(4);

/// A case.
#[derive(Clone, Debug)]
struct Story {
    script: Script,
    hours: u64,
    /// Minutes until it begins, minutes that it lasts.
    faults: Vec<(u64, u64, Mishap)>,
    disturbances: Vec<(u64, Disturbance)>,
}

/// A fault before it has a scope.
#[derive(Clone, Debug)]
struct Mishap {
    kind: usize,
    /// Numbers from which the scope is made.
    report: usize,
    token: usize,
    times: Option<u32>,
    amount: u64,
}

#[derive(Clone, Debug)]
enum Disturbance {
    /// Killed in the middle of whatever it does, and down for some seconds.
    Crash(u64),
    /// Asked to stop, and down for some seconds.
    Restart(u64),
    /// Another interval (minutes) for a site's first report, and a report more or less.
    Reload { site: usize, minutes: u64, report: usize },
    /// Minutes by which the clock is set, and after how many it is corrected.
    Jump(i64, u64),
}

/// What all cases came to.
#[derive(Debug, Default)]
struct Tally {
    cases: u64,
    days: f64,
    calls: u64,
    faulty: u64,
    restarts: u64,
    reloads: u64,
    jumps: u64,
    compared: u64,
    visits: u64,
}

fn site() -> impl Strategy<Value = Site> {
    let interval = prop_oneof![2 => Just(5_u64), 2 => Just(10), 3 => Just(15), 3 => Just(30)];
    let some = |count| proptest::sample::subsequence(vec![0_usize, 1, 2, 3, 4], count);
    let reports = prop_oneof![2 => some(1), 1 => some(2)];
    let windows = prop_oneof![
        2 => Just(vec![WindowName::Today]),
        2 => Just(vec![WindowName::Today, WindowName::Yesterday]),
        1 => Just(vec![WindowName::Yesterday]),
    ];
    (0..ZONES.len(), interval, reports, windows, 2_usize..4, 10_usize..120, 0..4_u32).prop_map(
        |(zone, minutes, reports, windows, agents, callbacks, licenses)| {
            let licenses = if licenses < 3 { 1 + licenses } else { 40 };
            let minutes = Duration::from_mins(minutes);
            Site {
                zone: ZONES[zone],
                licenses: Some(licenses),
                calls_per_day: u64::from(licenses) * PER_LICENSE,
                reports: reports.into_iter().map(|report| (report, minutes)).collect(),
                windows,
                agents,
                callbacks,
                ..Site::of_one_license()
            }
        },
    )
}

/// Two to four operations, some of which have something in common.
fn sites() -> impl Strategy<Value = Vec<Site>> {
    (proptest::collection::vec(site(), 2..=4), 0..5_u8, 1000_u64..3000).prop_map(|(mut sites, cast, told)| {
        for (number, site) in sites.iter_mut().enumerate() {
            site.token = number;
        }
        let (zone, licenses, calls_per_day) = (sites[0].zone, sites[0].licenses, sites[0].calls_per_day);
        match cast {
            0 => (sites[0].licenses, sites[0].calls_per_day) = (None, told),
            1 => {
                sites[1].token = 0;
                (sites[1].zone, sites[1].licenses, sites[1].calls_per_day) = (zone, licenses, calls_per_day);
                (sites[1].agents, sites[1].callbacks) = (sites[0].agents, sites[0].callbacks);
            }
            2 => {
                (sites[1].zone, sites[1].licenses, sites[1].calls_per_day) = (zone, licenses, calls_per_day);
                (sites[0].pool, sites[1].pool) = (Some("pool"), Some("pool"));
            }
            3 => {
                // Five reports, and two windows, are more than one licence can carry.
                let five = (0..REPORTS.len()).map(|report| (report, Duration::from_mins(5))).collect();
                sites[0] =
                    Site { reports: five, zone, token: 0, windows: sites[0].windows.clone(), ..Site::of_one_license() };
            }
            _ => {}
        }
        sites
    })
}

fn mishap() -> impl Strategy<Value = Mishap> {
    (0..22_usize, 0..8_usize, 0..6_usize, proptest::option::weighted(0.2, 1..5_u32), 1..90_u64)
        .prop_map(|(kind, report, token, times, amount)| Mishap { kind, report, token, times, amount })
}

fn disturbance() -> impl Strategy<Value = Disturbance> {
    prop_oneof![
        3 => (0..600_u64).prop_map(Disturbance::Crash),
        1 => (3600..14_400_u64).prop_map(Disturbance::Crash),
        2 => (0..600_u64).prop_map(Disturbance::Restart),
        2 => (0..4_usize, 1..7_u64, 0..REPORTS.len())
            .prop_map(|(site, fives, report)| Disturbance::Reload { site, minutes: fives * 5, report }),
        4 => (-120..=120_i64, 5..300_u64).prop_map(|(by, held)| Disturbance::Jump(by, held)),
    ]
}

fn story() -> impl Strategy<Value = Story> {
    let script = (any::<u64>(), 0..BEGINNINGS.len(), sites(), any::<bool>(), any::<bool>(), 0..4_u8, 1..20_u64)
        .prop_map(|(seed, begins, sites, lag, files, rows, slowest)| Script {
            seed,
            begins: BEGINNINGS[begins].parse().expect("a timestamp"),
            lag,
            files,
            // A limit that a day of callbacks can reach.
            rows: if rows == 0 { 70 } else { 60_000 },
            slowest: Duration::from_secs(slowest),
            sites,
        });
    let fault = (10..400_u64, prop_oneof![3 => 1..20_u64, 1 => 20..400_u64], mishap());
    let faults = proptest::collection::vec(fault, 4..24);
    let disturbances = proptest::collection::vec((10..400_u64, disturbance()), 4..24);
    (script, 50..80_u64, faults, disturbances).prop_map(|(script, hours, faults, disturbances)| Story {
        script,
        hours,
        faults,
        disturbances,
    })
}

impl Mishap {
    fn fault(&self, now: Timestamp) -> Fault {
        let amount = Duration::from_secs(self.amount);
        let renamed =
            if REPORTS.get(self.report).is_some_and(|(_, api)| *api == "diagram_3") { "status" } else { "agent_name" };
        match self.kind {
            0 => Fault::Delay(amount),
            1 => Fault::Drip(Duration::from_millis(self.amount)),
            2 => Fault::CutBody,
            3 => Fault::CutGzip,
            4 => Fault::Html200,
            5 => Fault::Status(500),
            6 => Fault::StatusWithRetryAfter(429, (self.amount * 20).to_string()),
            7 => {
                let at = (now + amount * 20).to_zoned(jiff::tz::TimeZone::UTC);
                Fault::StatusWithRetryAfter(503, at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
            }
            8 => Fault::Reset,
            9 => Fault::Redirect("https://elsewhere.example/".to_owned()),
            10 => Fault::Bomb,
            11 => Fault::Maintenance,
            12 => Fault::Forbidden("PLEASE VALIDATE TOKEN".to_owned()),
            13 => Fault::Forbidden("EXCEEDS THE LIMIT OF SIMULTANEOUS REQUESTS PER TOKEN (2)".to_owned()),
            14 => Fault::Forbidden("TOKEN LIMIT EXCEEDED".to_owned()),
            15 => Fault::RenamedField { from: renamed.to_owned(), to: RENAMED.to_owned() },
            16 => Fault::InvalidUtf8,
            17 => Fault::Truncated,
            18 => Fault::StringCodes,
            19 => Fault::Partial,
            20 => {
                let amount = usize::try_from(self.amount).expect("few");
                Fault::RefusedAs200 {
                    code: REFUSED_CODES[amount % REFUSED_CODES.len()].to_owned(),
                    message: REFUSED[amount % REFUSED.len()].0.to_owned(),
                }
            }
            _ => Fault::Drop,
        }
    }

    fn scope(&self) -> Scope {
        Scope {
            api: REPORTS.get(self.report).map(|(_, api)| (*api).to_owned()),
            token: (self.token < 4).then(|| format!("token-{}", self.token)),
            times: self.times,
        }
    }
}

/// Lives through a story; an error says which promises were broken.
async fn live(story: &Story) -> Result<Tally, String> {
    let mut tally = Tally { cases: 1, ..Tally::default() };
    let mut run = Run::new(&story.script);
    let mut auditor = Auditor::default();
    run.start();
    let end = Duration::from_hours(story.hours);
    let mut random = fastrand::Rng::with_seed(story.script.seed);
    let vendor = std::sync::Arc::clone(&run.vendor);
    let (time, mishaps) = (std::sync::Arc::clone(&run.time), story.faults.clone());
    let misfortune = tokio::spawn(async move {
        for (after, lasts, mishap) in mishaps {
            tokio::time::sleep(Duration::from_mins(after)).await;
            vendor.simulator.inject(mishap.fault(time.truth()), mishap.scope());
            tokio::time::sleep(Duration::from_mins(lasts)).await;
            vendor.simulator.clear_faults();
        }
    });
    for (after, disturbance) in &story.disturbances {
        watch(&mut run, &mut auditor, &mut random, Duration::from_mins(*after)).await;
        if run.time.steady() >= end || !run.vendor.record().broken.is_empty() {
            break;
        }
        disturb(&mut run, &mut auditor, &mut random, disturbance, &mut tally).await;
    }
    let rest = end.saturating_sub(run.time.steady());
    watch(&mut run, &mut auditor, &mut random, rest).await;
    misfortune.abort();
    run.stop().await;
    let (call_log, record) = (run.vendor.simulator.call_log(), run.vendor.record());
    tally.days = run.time.steady().as_secs_f64() / 86_400.0 * run.sites.len() as f64;
    (tally.calls, tally.faulty) = (record.calls, record.faulty);
    (tally.compared, tally.visits) = (auditor.compared, auditor.visits);
    let mut broken = record.broken.clone();
    if call_log.peak_in_flight > 1 {
        broken.push(format!("{} calls of one token at once", call_log.peak_in_flight));
    }
    if call_log.total != record.calls {
        broken.push(format!("the vendor counted {} calls, this test {}", call_log.total, record.calls));
    }
    for (number, site) in story.script.sites.iter().enumerate() {
        // A pool's tokens together are judged at every call; here each alone, against the vendor's own log.
        let usage = &call_log.per_token.get(&format!("token-{}", site.token)).cloned().unwrap_or_default();
        let limit = site.calls_per_day;
        broken.extend(
            usage
                .days
                .iter()
                .filter(|(_, calls)| **calls > limit)
                .map(|day| format!("site {number}: {day:?} of {limit}")),
        );
    }
    if broken.is_empty() { Ok(tally) } else { Err(broken[..broken.len().min(3)].join("\n")) }
}

/// Lets time pass, with an audit every few minutes at random.
async fn watch(run: &mut Run, auditor: &mut Auditor, random: &mut fastrand::Rng, time: Duration) {
    let end = run.time.steady() + time;
    while run.time.steady() < end && run.vendor.record().broken.is_empty() {
        let nap = Duration::from_millis(random.u64(60_000..420_000));
        tokio::time::sleep(nap.min(end.saturating_sub(run.time.steady()))).await;
        auditor.visit(run);
    }
}

async fn disturb(
    run: &mut Run,
    auditor: &mut Auditor,
    random: &mut fastrand::Rng,
    disturbance: &Disturbance,
    tally: &mut Tally,
) {
    match disturbance {
        Disturbance::Crash(down) | Disturbance::Restart(down) => {
            tally.restarts += 1;
            if matches!(disturbance, Disturbance::Crash(_)) {
                run.kill().await;
            } else {
                run.stop().await;
            }
            run.forget();
            watch(run, auditor, random, Duration::from_secs(*down)).await;
            auditor.opened_at = run.time.steady();
            run.start();
        }
        Disturbance::Reload { site, minutes, report } => {
            tally.reloads += 1;
            run.stop().await;
            let site = site % run.sites.len();
            change(run, site, Duration::from_mins(*minutes), *report);
            run.start();
        }
        Disturbance::Jump(minutes, held) => {
            let (by, held) = (SignedDuration::from_mins(*minutes), Duration::from_mins(*held));
            if is_limit(run, by, held) {
                return;
            }
            tally.jumps += 2;
            for ahead in [by, SignedDuration::ZERO] {
                run.time.set_ahead(ahead);
                auditor.set_at.push(run.time.steady());
                // Who is restarted before a clock that was set is noticed cannot know that it was.
                watch(run, auditor, random, if ahead == by { held.max(SETTLED) } else { SETTLED }).await;
            }
        }
    }
}

/// Whether a clock that runs ahead would walk over a midnight: it would then be the operation's midnight, and the
/// vendor's another.
fn is_limit(run: &Run, by: SignedDuration, held: Duration) -> bool {
    let begins = run.time.wall() + by;
    let ends = begins + held.max(SETTLED);
    by.is_positive()
        && (0..run.sites.len()).any(|site| {
            let day = |at| run.vendor.zone(site).to_datetime(at).date();
            day(begins) != day(ends)
        })
}

/// Changes a site's config as an operator would, and forgets what the exporter forgets then.
fn change(run: &mut Run, site: usize, interval: Duration, report: usize) {
    let reports = &mut run.sites[site].reports;
    reports[0].1 = interval;
    if let Some(place) = reports.iter().position(|(known, _)| *known == report) {
        if reports.len() > 1 {
            reports.remove(place);
        }
    } else {
        reports.push((report, interval));
    }
    let jobs = wolkvox_exporter::poll::jobs(&run.config());
    let origins: HashMap<_, _> = jobs.iter().map(|job| (job.target().clone(), job.origin().clone())).collect();
    let wanted = origins.iter().map(|(target, origin)| (&*target.operation, target.key(), origin));
    run.context.state.retain_data(wanted, true).expect("a folder that can be written");
    run.context.store.retain(&origins.into_keys().collect());
}

#[test]
fn never_lie_never_overspend_through_a_thousand_days_of_chaos() {
    let total = Mutex::new(Tally::default());
    let shard = |shard: u8| {
        let cases = Cases { cases: CASES, failure_persistence: None, max_shrink_iters: 40, ..Cases::default() };
        let mut runner = TestRunner::new_with_rng(cases, TestRng::from_seed(RngAlgorithm::ChaCha, &[shard; 32]));
        let told = runner.run(&story(), |story| {
            fastrand::seed(story.script.seed);
            let tally = in_paused_time(live(&story)).map_err(TestCaseError::fail)?;
            total.lock().expect("whole").add(&tally);
            Ok(())
        });
        told.map_err(|error| error.to_string())
    };
    let results: Vec<_> = std::thread::scope(|scope| {
        let shards: Vec<_> = (0..SHARDS).map(|number| scope.spawn(move || shard(number))).collect();
        shards.into_iter().map(|shard| shard.join().expect("no panic")).collect()
    });
    let total = total.into_inner().expect("whole");
    println!("{total:?}");
    for result in results {
        result.unwrap_or_else(|error| panic!("{error}"));
    }
    assert!(total.days >= 1000.0, "{} operation-days", total.days);
}

impl Tally {
    fn add(&mut self, other: &Tally) {
        self.cases += other.cases;
        self.days += other.days;
        self.calls += other.calls;
        self.faulty += other.faulty;
        self.restarts += other.restarts;
        self.reloads += other.reloads;
        self.jumps += other.jumps;
        self.compared += other.compared;
        self.visits += other.visits;
    }
}
