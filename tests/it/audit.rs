//! What a poller serves, counts and says of itself is what it should be, at this very moment.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use prometheus_client::encoding::text::encode;
use wolkvox_exporter::state::Loaded;
use wolkvox_exporter::store::{Snapshot, Status};
use wolkvox_exporter::time::WindowName;
use wolkvox_exporter::wolkvox::Reason;
use wolkvox_simulator::{World, passes};

use crate::support::paused_time::{
    End, Key, Part, REPORTS, Run, Script, SeenPoll, Site, in_paused_time, name_of, start_of,
};
use crate::support::scraped::Scraped;

/// Family and the label that its series are told apart by here → the sum of their values.
type Sums = BTreeMap<(&'static str, String), f64>;

/// What is compared: family, its report, and the label that makes a difference.
const FAMILIES: [(&str, &str, &str); 17] = [
    ("wolkvox_agent_aux_seconds", "agent_aux_time", "state"),
    ("wolkvox_agent_hold_seconds", "agent_hold_mute", ""),
    ("wolkvox_agent_mute_seconds", "agent_hold_mute", ""),
    ("wolkvox_agent_hold_mute_seconds", "agent_hold_mute", ""),
    ("wolkvox_agent_hold_mute_uses", "agent_hold_mute", ""),
    ("wolkvox_agent_closed_interactions", "closed_interactions", "code"),
    ("wolkvox_smart_wait_callbacks", "smart_wait", "status"),
    ("wolkvox_smart_wait_attempts", "smart_wait", "status"),
    ("wolkvox_smart_wait_delay_seconds", "smart_wait", "status"),
    ("wolkvox_smart_wait_call_seconds", "smart_wait", "status"),
    ("wolkvox_smart_wait_billed_seconds", "smart_wait", "status"),
    ("wolkvox_agent_points", "agent_kpi", "agent_id"),
    ("wolkvox_agent_hits", "agent_kpi", "agent_id"),
    ("wolkvox_agent_calls", "agent_kpi", "agent_id"),
    ("wolkvox_agent_handle_seconds", "agent_kpi", "agent_id"),
    ("wolkvox_agent_after_call_work_seconds", "agent_kpi", "agent_id"),
    ("wolkvox_agent_login_seconds", "agent_kpi", "agent_id"),
];

/// An auditor who comes again and again.
#[derive(Default)]
pub struct Auditor {
    last: Option<(Arc<Snapshot>, HashMap<Key, Sums>)>,
    /// Which data were found true already: the poll and the memory they are in.
    proven: HashMap<Key, (Timestamp, u32)>,
    /// Local days of a budget on which the exporter's clock was in another day than the vendor's.
    blurred: HashSet<(usize, jiff::civil::Date)>,
    /// When the clock was set, on the steady clock.
    pub set_at: Vec<Duration>,
    /// When files were last read, on the steady clock.
    pub opened_at: Duration,
    /// Values that were compared.
    pub compared: u64,
    pub visits: u64,
}

impl Auditor {
    /// Notes every promise that is broken at this moment.
    pub fn visit(&mut self, run: &Run) {
        self.visits += 1;
        self.check_counts(run);
        if self.visits.is_multiple_of(8)
            && let Err(wrong) = check_failures(run)
        {
            run.vendor.broken(&wrong);
        }
        if !run.is_running() {
            return;
        }
        let view = run.context.store.view(run.time.moment());
        self.read(view.snapshot);
        for status in view.statuses {
            let site = run.sites.iter().enumerate().position(|(site, _)| name_of(site) == status.target.operation);
            let report = REPORTS.iter().find(|(report, _)| **report == *status.target.report);
            let (Some(site), Some((report, _))) = (site, report) else { continue };
            let key = (site, *report, Some(status.target.window));
            if let Err(wrong) = self.check_target(run, key, &status) {
                run.vendor.broken(&format!("{key:?}: {wrong}"));
            }
        }
    }

    /// The exporter counts at least what the vendor does.
    fn check_counts(&mut self, run: &Run) {
        let vendor = &run.vendor;
        for budget in (0..run.sites.len()).filter(|site| vendor.budget[*site] == *site) {
            let day = |at| vendor.zone(budget).to_datetime(at).date();
            let (today, believed) = (day(run.time.truth()), day(run.time.wall()));
            if today != believed {
                self.blurred.insert((budget, today));
            }
            // Reading files is the dear part of a visit.
            if !self.visits.is_multiple_of(8) || self.blurred.contains(&(budget, today)) {
                continue;
            }
            let own = vendor.members(budget).map(|site| match run.context.state.load_calls(&name_of(site)) {
                // Days ahead are days that a clock ran ahead in: their calls count as well.
                Loaded::Known(record) => record.calls.range(today..).map(|(_, calls)| calls).sum(),
                Loaded::Fresh | Loaded::Damaged => 0,
            });
            let (own, used) = (own.sum::<u64>(), vendor.used(budget, run.time.truth()));
            if own < used {
                vendor.broken(&format!("the vendor counted {used} calls of budget {budget}, the exporter {own}"));
            }
        }
    }

    fn check_target(&mut self, run: &Run, key: Key, status: &Status) -> Result<(), String> {
        let (wall, steady) = (run.time.wall(), run.time.steady());
        let (site, _, window) = key;
        let record = run.vendor.record();
        let polls = record.polls.get(&key).map(Vec::as_slice).unwrap_or_default();
        let by_wall = |at: Option<Timestamp>| polls.iter().rev().find(|poll| Some(poll.wall) == at);
        let health = &status.health;
        let since_restart = |poll: &&SeenPoll| poll.restarts == record.restarts;
        if let Some(poll) = by_wall(health.last_attempt).filter(since_restart).filter(|poll| poll.ended < steady) {
            let went_well = poll.end == End::Good;
            if poll.end != End::Open && health.is_up() != went_well {
                return Err(format!("up is {} after {poll:?}", health.is_up()));
            }
            if went_well == health.failure.is_some() && poll.end != End::Open && !went_well {
                return Err("a failure without a reason".to_owned());
            }
        }
        let good = by_wall(health.last_success);
        // What was read from a file has its age by the wall clock: no one knows how often that was set before.
        let age_is_known = |poll: &SeenPoll| {
            poll.start >= self.opened_at || !self.set_at.iter().any(|at| (poll.start..=self.opened_at).contains(at))
        };
        if window == Some(WindowName::Today)
            && let Some(poll) = good.filter(|poll| poll.start >= self.opened_at)
            && status.stale != (steady.saturating_sub(poll.start) >= poll.interval * run.stale_after)
        {
            return Err(format!("stale is {} at an age of {:?}", status.stale, steady.saturating_sub(poll.start)));
        }
        let shown = self.last.as_ref().and_then(|(_, read)| read.get(&key));
        let Some((start, end)) = status.window else {
            return shown.map_or(Ok(()), |_| Err("series without a window".to_owned()));
        };
        let Some(poll) = good else { return Err(format!("data of no poll: {:?}", health.last_success)) };
        let zone = run.vendor.zone(site);
        let today = zone.to_datetime(wall).date();
        let (first, last) = if window == Some(WindowName::Today) {
            (start_of(today, zone), Timestamp::from_second(poll.wall.as_second()).expect("of this era"))
        } else {
            let yesterday = today.yesterday().expect("of this era");
            (start_of(yesterday, zone), start_of(today, zone) - SignedDuration::from_secs(1))
        };
        if (start, end) != (first, last) {
            return Err(format!("serves {start}..{end} instead of {first}..{last}"));
        }
        let (age, limit) = (steady.saturating_sub(poll.start), poll.interval * run.stale_after);
        if window == Some(WindowName::Today) && age_is_known(poll) && age >= limit {
            return Err(format!("serves data of age {age:?}, though they are stale after {limit:?}"));
        }
        let proof = (poll.wall, record.restarts);
        if self.proven.get(&key) == Some(&proof) {
            return Ok(());
        }
        let parts = poll.whole().ok_or_else(|| format!("serves less than a whole window: {poll:?}"))?;
        let truth = truth(run, key, &parts);
        // Where the exporter's clock is wrong, the vendor may have more of an hour that comes twice than it can know of.
        if let [part] = parts[..]
            && part.at == poll.wall
            && claimed(run, key, (start, end), part) != truth
        {
            return Err(format!("says that it covers {start}..{end}, and asked for {part:?}"));
        }
        let nothing = Sums::new();
        let shown = shown.unwrap_or(&nothing);
        if *shown != truth {
            let differ = |(family, sum): &(&(&str, String), &f64)| truth.get(family) != Some(sum);
            let wrong: Vec<_> = shown.iter().filter(differ).collect();
            let is: Vec<_> = truth.iter().filter(|(family, sum)| shown.get(family) != Some(sum)).collect();
            return Err(format!("serves {wrong:?} where the truth is {is:?}, of {poll:?}"));
        }
        self.compared += truth.len() as u64;
        self.proven.insert(key, proof);
        Ok(())
    }

    /// Reads what a scrape would show, unless it shows the same as before.
    fn read(&mut self, snapshot: Arc<Snapshot>) {
        if self.last.as_ref().is_some_and(|(last, _)| Arc::ptr_eq(last, &snapshot)) {
            return;
        }
        let mut read: HashMap<Key, Sums> = HashMap::new();
        for (family, segments) in &snapshot.families {
            let name = &family.name;
            let Some(&(family, report, label)) = FAMILIES.iter().find(|(family, _, _)| family == name) else {
                continue;
            };
            for segment in segments {
                let text = String::from_utf8(segment.text()).expect("an exposition is UTF-8");
                for line in text.lines() {
                    let (series, value) = line.rsplit_once(' ').expect("a sample");
                    let value: f64 = value.parse().expect("a number");
                    let operation = labelled(series, "operation").expect("every series has one");
                    let site = operation.strip_prefix("site-").and_then(|site| site.parse().ok()).expect("a site");
                    let window = match labelled(series, "window") {
                        Some("today") => WindowName::Today,
                        Some("yesterday") => WindowName::Yesterday,
                        other => panic!("{other:?} in {line}"),
                    };
                    let sums = read.entry((site, report, Some(window))).or_default();
                    add(sums, family, labelled(series, label).unwrap_or_default(), value);
                }
            }
        }
        self.last = Some((snapshot, read));
    }
}

/// No report has more failed requests than requests, nor more failed polls than polls; and a poll fails for the reason
/// of a request of its own, unless it could not send one, had no memory for what came, or lacks a field in all its answers.
fn check_failures(run: &Run) -> Result<(), String> {
    let mut text = String::new();
    run.context.telemetry.with_registry(|registry| encode(&mut text, registry)).expect("a String takes any text");
    let scraped = Scraped::parse(&text);
    for (series, requests) in scraped.find("wolkvox_api_requests_total", &[]) {
        let label = |name: &str| format!("{name}=\"{}\"", labelled(series, name).expect("every counter has both"));
        let (operation, report) = (label("operation"), label("report"));
        let sum = |metric: &str, more: &[&str]| scraped.sum(metric, &[&[&*operation, &*report], more].concat());
        let failed = sum("wolkvox_api_request_failures_total", &[]);
        let (polls, failed_polls) =
            (sum("wolkvox_report_polls_total", &[]), sum("wolkvox_report_polls_total", &["result=\"failed\""]));
        let why = sum("wolkvox_report_poll_failures_total", &[]);
        if failed > requests || failed_polls > polls || failed_polls != why {
            return Err(format!(
                "{series}: {failed} of {requests} requests, {failed_polls} of {polls} polls failed, {why} with a reason"
            ));
        }
        let no_request = [Reason::BudgetExhausted, Reason::StateNotWritten, Reason::MemoryLimit, Reason::Schema];
        for reason in Reason::ALL.into_iter().filter(|reason| !no_request.contains(reason)) {
            let reason = format!("reason=\"{reason}\"");
            let counts = ["wolkvox_report_poll_failures_total", "wolkvox_api_request_failures_total"];
            let [polls, requests] = counts.map(|metric| sum(metric, &[&reason]));
            if polls > requests {
                return Err(format!("{series} {reason}: {polls} polls failed and {requests} requests"));
            }
        }
    }
    Ok(())
}

/// The vendor's world over the parts of a window, each as far as it was visible when it was asked for.
fn truth(run: &Run, (site, report, _): Key, parts: &[&Part]) -> Sums {
    let (world, behind, zone) = (run.vendor.simulator.world(), run.vendor.behind[site], run.vendor.zone(site));
    let mut sums = Sums::new();
    for part in parts {
        for (from, to) in passes(zone, part.ini, part.end).expect("of this era") {
            let to = to.min(world.horizon(part.at));
            if from < to {
                add_rows(&mut sums, world, behind, report, (from, to));
            }
        }
    }
    sums
}

/// What happened in the stretch of time that a window says it covers, as far as it was visible when it was asked for.
fn claimed(run: &Run, (site, report, _): Key, (start, end): (Timestamp, Timestamp), part: &Part) -> Sums {
    let (world, mut sums) = (run.vendor.simulator.world(), Sums::new());
    let end = (end + SignedDuration::from_secs(1)).min(world.horizon(part.at));
    if start < end {
        add_rows(&mut sums, world, run.vendor.behind[site], report, (start, end));
    }
    sums
}

fn add_rows(sums: &mut Sums, world: &World, site: usize, report: &str, (from, to): (Timestamp, Timestamp)) {
    match report {
        "agent_aux_time" => {
            for row in world.aux(site, from, to) {
                add(sums, "wolkvox_agent_aux_seconds", row.aux_state, row.seconds as f64);
            }
        }
        "agent_hold_mute" => {
            for row in world.hold_mute(site, from, to) {
                add(sums, "wolkvox_agent_hold_seconds", "", row.hold as f64);
                add(sums, "wolkvox_agent_mute_seconds", "", row.mute as f64);
                add(sums, "wolkvox_agent_hold_mute_seconds", "", (row.hold + row.mute) as f64);
                add(sums, "wolkvox_agent_hold_mute_uses", "", row.count as f64);
            }
        }
        "closed_interactions" => {
            for row in world.closed(site, from, to) {
                add(sums, "wolkvox_agent_closed_interactions", row.code, row.interactions as f64);
            }
        }
        "smart_wait" => {
            for row in world.callbacks(site, from, to) {
                let status = row.status.to_lowercase().replace(' ', "_");
                add(sums, "wolkvox_smart_wait_callbacks", &status, 1.0);
                add(sums, "wolkvox_smart_wait_attempts", &status, row.attempts as f64);
                add(sums, "wolkvox_smart_wait_delay_seconds", &status, row.time_between_calls as f64);
                add(sums, "wolkvox_smart_wait_call_seconds", &status, row.time as f64);
                add(sums, "wolkvox_smart_wait_billed_seconds", &status, (row.billed_minutes * 60) as f64);
            }
        }
        _ => {
            for row in world.kpi(site, from, to) {
                for day in &row.stats {
                    add(sums, "wolkvox_agent_points", &row.agent_id, day.points as f64);
                    add(sums, "wolkvox_agent_hits", &row.agent_id, day.hits as f64);
                    add(sums, "wolkvox_agent_calls", &row.agent_id, day.calls as f64);
                    add(sums, "wolkvox_agent_handle_seconds", &row.agent_id, (day.calls * day.aht) as f64);
                    add(sums, "wolkvox_agent_after_call_work_seconds", &row.agent_id, day.acw as f64);
                    add(sums, "wolkvox_agent_login_seconds", &row.agent_id, day.login as f64);
                }
            }
        }
    }
}

/// Adds to a sum. Whether something is absent or zero makes no difference here.
fn add(sums: &mut Sums, family: &'static str, label: &str, value: f64) {
    if value != 0.0 {
        *sums.entry((family, label.to_owned())).or_default() += value;
    }
}

/// The value of a label in a series as written; none of those asked for here is ever escaped.
fn labelled<'s>(series: &'s str, label: &str) -> Option<&'s str> {
    let (_, inner) = series.split_once('{')?;
    let (_, rest) = if inner.starts_with(&format!("{label}=\"")) {
        inner.split_once("=\"")?
    } else {
        inner.split_once(&format!(",{label}=\""))?
    };
    rest.split_once('"').map(|(value, _)| value)
}

/// Lives in a zone from an hour before one that comes twice until the day is closed, with a visit every minute.
fn live_twice(zone: &'static str, begins: &str, hours: u64) {
    let windows = vec![WindowName::Today, WindowName::Yesterday];
    let site =
        Site { zone, windows, licenses: Some(40), calls_per_day: 40_000, callbacks: 240, ..Site::of_one_license() };
    in_paused_time(async {
        let mut run = Run::new(&Script::of(begins, vec![site]));
        let mut auditor = Auditor::default();
        run.start();
        let mut whole = HashSet::new();
        for _ in 0..hours * 60 {
            tokio::time::sleep(Duration::from_mins(1)).await;
            auditor.visit(&run);
            let ends = auditor.proven.iter().map(|(key, (wall, _))| (*key, run.vendor.zone(0).to_datetime(*wall)));
            whole.extend(ends);
        }
        run.stop().await;
        let broken = run.vendor.record().broken.clone();
        assert!(broken.is_empty(), "{zone}: {}", broken.join("\n"));
        assert!(whole.len() > 5 * 12 && auditor.compared > 100, "{zone}: {} windows were compared", whole.len());
    });
}

#[test]
fn never_lie_in_an_hour_that_comes_twice_all_that_happened_in_the_window_is_served() {
    // The last hour of 4 April 2026, so that the whole day is yesterday soon.
    live_twice("America/Santiago", "2026-04-05T01:30:00Z", 5);
    live_twice("Europe/Madrid", "2026-10-24T23:30:00Z", 4);
    live_twice("Europe/Madrid", "2026-10-25T22:00:00Z", 2);
}
