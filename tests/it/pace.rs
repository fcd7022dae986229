//! Whole days of polling: what they cost and bring, under the vendor's limits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use wolkvox_exporter::catalog::Catalog;
use wolkvox_exporter::poll;
use wolkvox_exporter::store::View;
use wolkvox_exporter::time::{Clock, Target, WindowName};
use wolkvox_exporter::wolkvox::{Reason, Request};
use wolkvox_simulator::{self as simulator, Fault, Scope};

use crate::audit::Auditor;
use crate::support::harness::TOKEN;
use crate::support::in_process::{InProcess, config};
use crate::support::paused_time::{End, PER_LICENSE, REPORTS, Run, Script, Site, Time, in_paused_time, name_of};

const SMART_WAIT: usize = 3;
const AGENT_KPI: usize = 4;
const FIVE: Duration = Duration::from_mins(5);

fn view(run: &Run) -> View {
    run.context.store.view(run.time.moment())
}

/// Lets time pass under an audit.
async fn pass(run: &Run, auditor: &mut Auditor, time: Duration) {
    let end = run.time.steady() + time;
    while run.time.steady() < end {
        tokio::time::sleep(FIVE.min(end.saturating_sub(run.time.steady()))).await;
        auditor.visit(run);
    }
    assert_eq!(run.vendor.record().broken, Vec::<String>::new());
}

fn calls(run: &Run) -> u64 {
    run.vendor.record().calls
}

/// How many reports are served over a window.
fn served(run: &Run, window: WindowName) -> usize {
    view(run).statuses.iter().filter(|status| status.target.window == window && status.window.is_some()).count()
}

#[test]
fn never_overspend_a_one_licence_operation_with_five_reports_ends_its_day_within_1000_calls_evenly_spaced() {
    in_paused_time(async {
        let mut run = Run::new(&Script::of("2026-03-02T05:00:00Z", vec![Site::of_one_license()]));
        run.start();
        pass(&run, &mut Auditor::default(), Duration::from_hours(24) - Duration::from_secs(1)).await;
        let used = run.vendor.used(0, run.time.truth());
        println!("a day of one licence: {used} calls");
        assert!((950..=1000).contains(&used), "{used}");
        for (key, polls) in &run.vendor.record().polls {
            let later =
                polls.iter().filter(|poll| poll.start > Duration::from_hours(1)).map(|poll| poll.start.as_secs_f64());
            let starts: Vec<f64> = later.collect();
            let gaps = || starts.windows(2).map(|pair| pair[1] - pair[0]);
            let (longest, shortest) = (gaps().fold(0.0, f64::max), gaps().fold(f64::MAX, f64::min));
            println!("{key:?}: {} polls, {shortest:.0} s to {longest:.0} s apart", polls.len());
            assert!(longest / shortest <= 1.5, "{key:?}: {shortest} to {longest}");
        }
    });
}

#[test]
fn never_lie_150_000_rows_behind_a_limit_of_60_000_add_up_to_the_truth() {
    in_paused_time(async {
        let reports = vec![(SMART_WAIT, Duration::from_hours(6))];
        let windows = vec![WindowName::Yesterday];
        let site = Site { reports, windows, callbacks: 150_000, ..Site::of_one_license() };
        let mut run = Run::new(&Script::of("2026-03-02T17:50:00Z", vec![site]));
        run.start();
        let mut auditor = Auditor::default();
        // The last of the day's turns comes at 13:00, ten minutes after the first.
        pass(&run, &mut auditor, Duration::from_mins(5)).await;
        let status = view(&run).statuses[0].clone();
        println!(
            "150,000 rows: {} calls, {} rows, {} values compared",
            calls(&run),
            status.health.rows,
            auditor.compared
        );
        assert!(status.health.is_up() && !status.health.is_truncated() && auditor.compared > 0);
        assert_eq!(status.health.rows, 150_000);
        // The whole and both halves are too much; each quarter is not.
        assert_eq!(calls(&run), 7);
        let telemetry = run.context.telemetry.with_registry(|registry| {
            let mut text = String::new();
            prometheus_client::encoding::text::encode(&mut text, registry).expect("a string takes everything");
            text
        });
        assert!(
            telemetry.contains("wolkvox_api_requests_total{operation=\"site-0\",report=\"smart_wait\"} 7"),
            "{telemetry}"
        );
    });
}

#[test]
fn never_lie_a_report_that_cannot_be_split_says_truncated() {
    in_paused_time(async {
        let reports = vec![(AGENT_KPI, FIVE)];
        let site = Site { reports, agents: 20, ..Site::of_one_license() };
        let mut run = Run::new(&Script { rows: 10, ..Script::of("2026-03-02T17:00:00Z", vec![site]) });
        run.start();
        pass(&run, &mut Auditor::default(), FIVE * 3 + Duration::from_mins(1)).await;
        let status = view(&run).statuses[0].clone();
        assert!(!status.health.is_up() && status.health.is_truncated() && status.window.is_none(), "{status:?}");
        assert_eq!(status.health.failure.map(|failure| failure.reason), Some(Reason::RecordLimit));
        assert_eq!(calls(&run), 4, "asked again at its regular turns, once each");
    });
}

#[test]
fn never_lie_today_goes_at_midnight_while_the_vendor_is_down() {
    for (zone, noon, midnight) in [
        ("America/Bogota", "2026-03-02T17:00:00Z", "2026-03-03T05:00:00Z"),
        ("Asia/Kolkata", "2026-03-02T06:30:00Z", "2026-03-02T18:30:00Z"),
        // A day of 23 hours, and one of 25.
        ("America/New_York", "2026-03-08T16:00:00Z", "2026-03-09T04:00:00Z"),
        ("America/New_York", "2026-11-01T17:00:00Z", "2026-11-02T05:00:00Z"),
        // A midnight that does not exist: the new day begins at 01:00.
        ("America/Santiago", "2026-09-05T16:00:00Z", "2026-09-06T04:00:00Z"),
        // An hour before midnight that comes twice.
        ("America/Santiago", "2026-04-04T15:00:00Z", "2026-04-05T04:00:00Z"),
    ] {
        in_paused_time(async {
            let mut run = Run::new(&Script::of(
                noon,
                vec![Site { zone, licenses: Some(9), calls_per_day: 9000, ..Site::of_one_license() }],
            ));
            // Age alone would keep the data for three hours.
            run.stale_after = 36;
            run.start();
            let mut auditor = Auditor::default();
            let midnight: jiff::Timestamp = midnight.parse().expect("a timestamp");
            let left = Duration::try_from(midnight.duration_since(run.time.truth())).expect("it is noon");
            pass(&run, &mut auditor, left.saturating_sub(Duration::from_hours(1))).await;
            run.vendor.simulator.inject(Fault::Reset, Scope::default());
            pass(&run, &mut auditor, Duration::from_hours(1) - Duration::from_secs(1)).await;
            assert_eq!(served(&run, WindowName::Today), 5, "{zone}: a second before midnight");
            tokio::time::sleep(Duration::from_secs(1)).await;
            auditor.visit(&run);
            assert_eq!(served(&run, WindowName::Today), 0, "{zone}: at midnight");
            assert!(view(&run).snapshot.families.is_empty(), "{zone}: nothing is left of the old day");
            assert!(view(&run).statuses.iter().all(|status| !status.health.is_up() && !status.stale), "{zone}");
            run.vendor.simulator.clear_faults();
            pass(&run, &mut auditor, Duration::from_mins(40)).await;
            assert_eq!(served(&run, WindowName::Today), 5, "{zone}: the new day");
        });
    }
}

#[test]
fn never_overspend_an_outage_costs_at_most_two_and_a_half_times_a_good_day() {
    let mut costs = BTreeMap::new();
    for (name, fault) in [
        ("none", None),
        ("reset", Some(Fault::Reset)),
        ("500", Some(Fault::Status(500))),
        ("timeout", Some(Fault::Drop)),
        ("maintenance", Some(Fault::Maintenance)),
        ("rejected", Some(Fault::Forbidden("PLEASE VALIDATE TOKEN".to_owned()))),
        ("exhausted", Some(Fault::Forbidden("TOKEN LIMIT EXCEEDED".to_owned()))),
        ("html", Some(Fault::Html200)),
    ] {
        let cost = in_paused_time(async {
            fastrand::seed(1);
            let reports = vec![(0, FIVE), (AGENT_KPI, FIVE)];
            let site = Site { reports, licenses: Some(9), calls_per_day: 9000, ..Site::of_one_license() };
            let mut run = Run::new(&Script::of("2026-03-02T11:00:00Z", vec![site]));
            run.start();
            let mut auditor = Auditor::default();
            pass(&run, &mut auditor, Duration::from_hours(1)).await;
            let before = calls(&run);
            if let Some(fault) = fault {
                run.vendor.simulator.inject(fault, Scope::default());
            }
            pass(&run, &mut auditor, Duration::from_hours(6)).await;
            calls(&run) - before
        });
        costs.insert(name, cost);
    }
    println!("calls in six hours of an outage: {costs:?}");
    let good = costs["none"];
    assert_eq!(good, 2 * 6 * 12);
    // With full jitter a retry comes after half an interval on average; one that lasts longer brings none.
    for name in ["reset", "500", "timeout"] {
        assert!(costs[name] <= good * 5 / 2, "{name}: {costs:?}");
    }
    assert!(costs["html"] <= good && costs["maintenance"] <= good, "{costs:?}");
    assert!(costs["rejected"] <= 6 * 4 + 1 && costs["exhausted"] <= 6 + 1, "{costs:?}");
}

#[test]
fn yesterday_is_polled_from_00_20_and_a_few_times_later() {
    in_paused_time(async {
        let windows = vec![WindowName::Yesterday];
        let site = Site { reports: vec![(0, FIVE)], windows, ..Site::of_one_license() };
        let mut run = Run::new(&Script { lag: true, ..Script::of("2026-03-02T05:00:00Z", vec![site]) });
        run.start();
        pass(&run, &mut Auditor::default(), Duration::from_hours(48)).await;
        let record = run.vendor.record();
        let polls = &record.polls[&(0, REPORTS[0].0, Some(WindowName::Yesterday))];
        let clock = |poll: &crate::support::paused_time::SeenPoll| {
            run.vendor.zone(0).to_datetime(poll.wall).strftime("%d %H:%M").to_string()
        };
        let times: Vec<String> = polls.iter().map(clock).collect();
        let day = |day: &str| ["00:20", "01:20", "04:00", "08:00", "13:00"].map(|time| format!("{day} {time}"));
        assert_eq!(times, [day("02"), day("03")].concat());
        assert!(polls.iter().all(|poll| poll.end == End::Good));
    });
}

#[test]
fn two_operations_with_one_token_share_queue_and_budget() {
    in_paused_time(async {
        let slow = Script {
            slowest: Duration::from_secs(50),
            ..Script::of("2026-03-02T05:00:00Z", vec![Site::of_one_license(); 2])
        };
        let mut run = Run::new(&slow);
        run.start();
        // Both begin at once: only a common queue keeps them from being asked side by side.
        pass(&run, &mut Auditor::default(), Duration::from_hours(24) - Duration::from_secs(1)).await;
        let used = run.vendor.used(0, run.time.truth());
        println!("two operations of one token: {used} calls");
        assert!((950..=1000).contains(&used), "{used}");
        assert_eq!(run.vendor.simulator.call_log().peak_in_flight, 1);
        let call_log = run.vendor.simulator.call_log();
        assert_eq!(call_log.per_token.len(), 1);
    });
}

#[test]
fn a_pool_shares_one_budget() {
    in_paused_time(async {
        let pooled = |token| Site { token, pool: Some("pool"), ..Site::of_one_license() };
        let mut run = Run::new(&Script::of("2026-03-02T05:00:00Z", vec![pooled(0), pooled(1)]));
        run.start();
        pass(&run, &mut Auditor::default(), Duration::from_hours(24) - Duration::from_secs(1)).await;
        let each = [0, 1].map(|token| run.vendor.simulator.used_today(&format!("token-{token}"), run.time.truth()));
        println!("two operations of one pool: {each:?} calls");
        assert!((950..=1000).contains(&each.iter().sum::<u64>()), "{each:?}");
        assert!(each.iter().all(|calls| *calls > 400), "{each:?}: both get their turns");
        let budget = view(&run).budgets.iter().map(|(_, budget)| budget.used).collect::<Vec<_>>();
        assert_eq!(budget, [each.iter().sum::<u64>(); 2]);
        let target = Target { operation: name_of(1), report: REPORTS[0].0.into(), window: WindowName::Today };
        assert!(view(&run).statuses.iter().any(|status| status.target == target && status.health.is_up()));
    });
}

#[test]
fn never_lie_what_is_now_stays_over_midnight_and_goes_by_its_age() {
    in_paused_time(async {
        let time = Time::from("2026-03-11T04:50:00Z".parse().expect("a timestamp"));
        let clock = Arc::clone(&time);
        let clock = Clock::from_fn(move || clock.moment());
        let vendor = InProcess::new(simulator::Operation::new(TOKEN), clock, Duration::from_millis(200));
        let reports = "timezone: America/Bogota, licenses: 40, reports: [agent_now, agent_aux_time]";
        let (config, _folder) = config("{interval: 5m, stale_after: 20m, windows: [today]}", reports);
        let (context, drain) = (vendor.context(), CancellationToken::new());
        let (store, drained) = (Arc::clone(&context.store), drain.clone());
        let polling = tokio::spawn(async move { poll::run(&config, context, drained).await });
        let served = || -> Vec<WindowName> {
            let statuses = store.view(time.moment()).statuses;
            let with_data = statuses.iter().filter(|status| status.window.is_some());
            with_data.map(|status| status.target.window).collect()
        };
        let minutes = |minutes| tokio::time::sleep(Duration::from_mins(minutes));
        minutes(1).await;
        assert_eq!(served(), [WindowName::Today, WindowName::Now]);
        vendor.goes_down();
        minutes(10).await;
        assert_eq!(served(), [WindowName::Now], "a minute after midnight, both failing");
        minutes(8).await;
        assert_eq!(served(), [WindowName::Now], "19 minutes old");
        minutes(2).await;
        assert_eq!(served(), [], "over 20 minutes old");
        drain.cancel();
        polling.await.expect("a poller does not panic");
    });
}

// === what gives way ===

/// Agents and skills now, six daily reports, a month, and what changes in days.
const USUAL: &str = "[agent_now, skill_now, agent_roster, licences, agent_time, skill_service, uncoded_calls, \
                     agent_aux_time, closed_interactions, {name: agent_kpi, windows: [today, yesterday, month]}]";
/// The local day that is lived through, a Wednesday.
const MIDNIGHT: &str = "20260311000000";

/// What a request is for, from what gives way first to what gives way last.
fn class_of(request: &Request) -> &'static str {
    match &request.dates {
        None if request.endpoint.starts_with("information") => "settings",
        None => "now",
        Some((_, end)) if end.as_str() < MIDNIGHT => "yesterday",
        Some((begin, _)) if begin.as_str() < MIDNIGHT => "long",
        Some(_) => "today",
    }
}

/// A day of that many licences and agents: its row of the table in docs/costs.md.
fn day_of(licences: u64, agents: usize, windows: &str, reports: &str) -> String {
    in_paused_time(async {
        let time = Time::from("2026-03-11T05:00:00Z".parse().expect("a timestamp"));
        let clock = Arc::clone(&time);
        let operation =
            simulator::Operation { agents, calls_per_day: licences * PER_LICENSE, ..simulator::Operation::new(TOKEN) };
        let clock = Clock::from_fn(move || clock.moment());
        let vendor = InProcess::new(operation, clock, Duration::from_millis(200));
        let operation = format!("timezone: America/Bogota, licenses: {licences}, reports: {reports}");
        let (config, _folder) = config(&format!("{{windows: {windows}}}"), &operation);
        let asked = config.operations[0].reports.len();
        let (context, drain) = (vendor.context(), CancellationToken::new());
        let (start, day) = (time.moment().steady, Duration::from_hours(24) - Duration::from_secs(1));
        let drained = drain.clone();
        let polling = tokio::spawn(async move { poll::run(&config, context, drained).await });
        tokio::time::sleep(day).await;
        drain.cancel();
        polling.await.expect("a poller does not panic");

        let sent = vendor.take_sent();
        let mut polls: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
        for sent in sent.iter().filter(|sent| class_of(&sent.request) == "now") {
            polls.entry(&sent.request.api).or_insert_with(|| vec![start]).push(sent.at);
        }
        assert!(polls.len() >= 2, "{:?}", polls.keys());
        for polls in polls.values_mut() {
            polls.push(start + day);
        }
        let longest =
            polls.values().flat_map(|polls| polls.windows(2).map(|pair| pair[1].saturating_sub(pair[0]))).max();
        let gap = Duration::from_secs(longest.expect("it was asked").as_secs());
        let refused = sent.iter().filter(|sent| ![200, 404].contains(&sent.status)).count();
        assert!(sent.len() as u64 <= licences * PER_LICENSE && refused == 0, "{} sent, {refused} refused", sent.len());
        let of = |class: &str| sent.iter().filter(|sent| class_of(&sent.request) == class).count();
        let [settings, long, yesterday, today, now] = ["settings", "long", "yesterday", "today", "now"].map(of);
        let (all, gap) = (sent.len(), humantime::format_duration(gap));
        format!(
            "| {licences} | {agents} | {asked} | {settings} | {long} | {yesterday} | {today} | {now} | {gap} | {all} | {refused} |"
        )
    })
}

#[test]
fn never_overspend_a_day_of_many_reports_ends_without_a_refusal_and_now_waits_as_the_docs_say() {
    let catalog = Catalog::builtin().expect("the shipped catalogue is right");
    let all: Vec<&str> = catalog.reports().iter().map(|report| &*report.name).collect();
    let all = format!("[{}]", all.join(", "));
    let table = [
        day_of(1, 8, "[today, yesterday]", USUAL),
        day_of(3, 60, "[today, yesterday]", USUAL),
        day_of(10, 300, "[today, yesterday]", USUAL),
        // So many that in the end all wait.
        day_of(1, 8, "[today, yesterday, week, month]", &all),
    ];
    for page in ["docs/costs.md", "docs/costs.es.md"] {
        let text = std::fs::read_to_string(page).expect("a page of this repository");
        assert!(text.contains(&table.join("\n")), "{page} does not have\n{}", table.join("\n"));
    }
}
