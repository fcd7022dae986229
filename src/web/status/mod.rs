//! The status: what an operator asks at 3 a.m., answered from one look at the store.
//!
//! The facts are gathered once, and shown twice: as a page for people, and as JSON for programs.

mod page;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::config::{InForce, Operation, ReportPlan};
use crate::store::{self, BudgetStatus, Forecast, Health, View};
use crate::time::{Moment, Target, WindowName};

pub use page::{Links, REFRESH_OFF, content_policy, page};

/// Everything that is known at one moment. docs/status.md has each field.
#[derive(Debug, Serialize)]
pub struct Overview<'a> {
    version: &'static str,
    at: Timestamp,
    verdict: Verdict,
    counts: Counts,
    config: ConfigFacts<'a>,
    operations: Vec<OperationFacts<'a>>,
}

/// Must someone get up?
#[derive(Debug, Serialize)]
struct Verdict {
    ok: bool,
    text: String,
}

/// Reports and windows, by their state.
#[derive(Clone, Copy, Debug, Default, Serialize)]
struct Counts {
    reports: usize,
    fresh: usize,
    waiting: usize,
    failing: usize,
    stale: usize,
}

#[derive(Debug, Serialize)]
struct ConfigFacts<'a> {
    /// `None` where it is built in, as the demo's.
    file: Option<&'a Path>,
    loaded_at: Timestamp,
    refused_at: Option<Timestamp>,
    refused_because: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct OperationFacts<'a> {
    operation: &'a str,
    base_url: &'a str,
    timezone: &'a str,
    licenses: Option<u32>,
    pool: Option<&'a str>,
    timeout_seconds: u64,
    budget: Option<BudgetFacts>,
    plan: Option<String>,
    reports: Vec<ReportFacts<'a>>,
    #[serde(skip)]
    config: &'a Operation,
}

#[derive(Debug, Serialize)]
struct BudgetFacts {
    limit_calls: u64,
    used_calls: u64,
    left_calls: u64,
    resets_at: Timestamp,
}

/// One report over one window.
#[derive(Debug, Serialize)]
struct ReportFacts<'a> {
    report: &'a str,
    window: WindowName,
    state: ReportState,
    last_success_at: Option<Timestamp>,
    last_attempt_at: Option<Timestamp>,
    next_poll_at: Option<Timestamp>,
    age_seconds: Option<u64>,
    stale_after_seconds: Option<u64>,
    interval_seconds: u64,
    configured_interval_seconds: u64,
    serves_from: Option<Timestamp>,
    serves_to: Option<Timestamp>,
    rows: Option<u64>,
    series: Option<u64>,
    dropped_series: Option<u64>,
    rejected_values: Vec<Rejected<'a>>,
    consecutive_failures: u64,
    failure: Option<FailureFacts<'a>>,
}

/// Values of the last good poll that could not be read.
#[derive(Debug, Serialize)]
struct Rejected<'a> {
    field: &'a str,
    values: u64,
}

#[derive(Debug, Serialize)]
struct FailureFacts<'a> {
    reason: &'static str,
    detail: &'a str,
    hint: &'a str,
}

/// What an operator must do about a report: look, wait, or nothing. The most urgent comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum ReportState {
    /// Polls failed for so long that its series are gone.
    Stale,
    /// The last poll failed, or none is made because of the token; the last good data may still be served.
    Failing,
    /// Nothing is served, and nothing is wrong: it was not its turn yet.
    Waiting,
    Fresh,
}

// === impl Overview ===

impl<'a> Overview<'a> {
    /// What the operator asked for, each with how it stands.
    pub fn of(view: &'a View, in_force: &'a InForce, now: Moment) -> Overview<'a> {
        let known = Facts {
            statuses: view.statuses.iter().map(|status| (&status.target, status)).collect(),
            budgets: view.budgets.iter().map(|(operation, budget)| (operation, budget)).collect(),
            view,
        };
        let operations: Vec<_> = in_force.config.operations.iter().map(|one| known.operation(one)).collect();
        let mut counts = Counts::default();
        operations.iter().flat_map(|operation| &operation.reports).for_each(|report| counts.add(report.state));
        let refusal = in_force.refusal.as_ref();
        Overview {
            version: env!("CARGO_PKG_VERSION"),
            at: whole(now.wall),
            verdict: Verdict::of(counts, refusal.is_some()),
            counts,
            config: ConfigFacts {
                file: in_force.config.file.as_deref(),
                loaded_at: whole(in_force.loaded_at),
                refused_at: refusal.map(|refusal| whole(refusal.at)),
                refused_because: refusal.map(|refusal| refusal.reason.as_str()),
            },
            operations,
        }
    }
}

impl Verdict {
    fn of(counts: Counts, refused: bool) -> Verdict {
        let Counts { reports, fresh, waiting, .. } = counts;
        let look = counts.failing + counts.stale;
        let mut text = match (look, waiting) {
            _ if reports == 0 => "no report to poll".to_owned(),
            (0, 0) if reports == 1 => "the only report is fresh".to_owned(),
            (0, 0) => format!("all {reports} reports fresh"),
            (0, _) => format!("{fresh} of {reports} reports fresh, {waiting} waiting for a poll"),
            (1, _) => format!("1 of {reports} reports needs a look"),
            _ => format!("{look} of {reports} reports need a look"),
        };
        if refused {
            text.push_str("; the changed config was refused");
        }
        Verdict { ok: look == 0 && !refused, text }
    }
}

impl Counts {
    fn add(&mut self, state: ReportState) {
        self.reports += 1;
        *match state {
            ReportState::Fresh => &mut self.fresh,
            ReportState::Waiting => &mut self.waiting,
            ReportState::Failing => &mut self.failing,
            ReportState::Stale => &mut self.stale,
        } += 1;
    }
}

impl ReportState {
    fn of(status: &store::Status) -> ReportState {
        let Health { failure, consecutive_failures, .. } = &status.health;
        match status.window {
            _ if status.stale => ReportState::Stale,
            _ if failure.is_some() || *consecutive_failures > 0 => ReportState::Failing,
            Some(_) => ReportState::Fresh,
            None => ReportState::Waiting,
        }
    }

    fn word(self) -> &'static str {
        match self {
            ReportState::Stale => "stale",
            ReportState::Failing => "failing",
            ReportState::Waiting => "waiting",
            ReportState::Fresh => "fresh",
        }
    }

    fn needs_a_look(self) -> bool {
        self < ReportState::Waiting
    }
}

/// What a view has, ready to be looked up.
struct Facts<'a> {
    statuses: HashMap<&'a Target, &'a store::Status>,
    budgets: HashMap<&'a Arc<str>, &'a BudgetStatus>,
    view: &'a View,
}

impl<'a> Facts<'a> {
    fn operation(&self, config: &'a Operation) -> OperationFacts<'a> {
        let reports = config.reports.iter().flat_map(|plan| plan.windows.iter().map(move |&window| (plan, window)));
        OperationFacts {
            operation: &config.name,
            base_url: config.base_url.as_str(),
            timezone: config.zone.iana_name().unwrap_or("unknown"),
            licenses: config.licenses,
            pool: config.pool.as_deref(),
            timeout_seconds: config.timeout.as_secs(),
            budget: self.budgets.get(&config.name).map(|budget| BudgetFacts {
                limit_calls: budget.limit,
                used_calls: budget.used,
                left_calls: budget.left(),
                resets_at: whole(budget.resets_at),
            }),
            plan: self.view.forecasts.get(&config.name).map(forecast_sentence),
            reports: reports.map(|(plan, window)| self.report(config, plan, window)).collect(),
            config,
        }
    }

    fn report(&self, operation: &Operation, plan: &'a ReportPlan, window: WindowName) -> ReportFacts<'a> {
        let (operation, report) = (Arc::clone(&operation.name), Arc::clone(&plan.report.name));
        let status = self.statuses.get(&Target { operation, report, window }).copied();
        let health = status.map(|status| &status.health);
        let last_success_at = health.and_then(|health| health.last_success);
        let last_good = health.filter(|_| last_success_at.is_some());
        let serves = status.and_then(|status| status.window);
        let rejected = health.map(|health| health.rejected.as_slice()).unwrap_or_default();
        ReportFacts {
            report: &plan.report.name,
            window,
            state: status.map_or(ReportState::Waiting, ReportState::of),
            last_success_at: last_success_at.map(whole),
            last_attempt_at: health.and_then(|health| health.last_attempt).map(whole),
            next_poll_at: health.and_then(|health| health.next_poll).map(whole),
            age_seconds: status.and_then(|status| status.age).map(|age| age.as_secs()),
            stale_after_seconds: (window == WindowName::Today).then_some(plan.stale_after.as_secs()),
            interval_seconds: health.map_or(plan.interval, |health| health.interval).as_secs(),
            configured_interval_seconds: plan.interval.as_secs(),
            serves_from: serves.map(|(from, _)| from),
            serves_to: serves.map(|(_, to)| to),
            rows: last_good.map(|health| health.rows),
            series: last_good.map(|health| health.series),
            dropped_series: last_good.map(|health| health.dropped),
            rejected_values: rejected.iter().map(|(field, values)| Rejected { field, values: *values }).collect(),
            consecutive_failures: health.map_or(0, |health| health.consecutive_failures),
            failure: health.and_then(|health| health.failure.as_ref()).map(|failure| FailureFacts {
                reason: failure.reason.as_str(),
                detail: &failure.detail,
                hint: failure.hint(),
            }),
        }
    }
}

/// Fractions of a second are left out.
fn whole(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// The two greatest units of a span: more would be noise.
fn span(seconds: u64) -> String {
    let unit = match seconds {
        86_400.. => 3_600,
        3_600.. => 60,
        _ => 1,
    };
    humantime::format_duration(Duration::from_secs(seconds / unit * unit)).to_string()
}

/// What the polls of a budget are expected to cost, for people.
pub fn forecast_sentence(forecast: &Forecast) -> String {
    let Forecast { reports, fastest, requests, limit, pace } = *forecast;
    let cost = format!(
        "{reports} reports, the fastest every {} = {requests} API requests a day of {limit}",
        span_text(fastest)
    );
    match pace {
        Some(pace) if pace > fastest => format!("{cost}: pacing at {}", span_text(pace)),
        Some(_) => cost,
        None => format!("{cost}: too few for any poll of today"),
    }
}

fn span_text(span: Duration) -> String {
    humantime::format_duration(span).to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    use jiff::tz::TimeZone;
    use serde_json::Value;

    use super::*;
    use crate::catalog::Catalog;
    use crate::config::{Config, Refusal};
    use crate::store::{PollData, Store};
    use crate::time::Window;
    use crate::wolkvox::{Failure, Reason};

    const LINKS: Links<'static> = Links { json: "/status.json", metrics: "/metrics", docs: "/docs/metrics.md" };

    fn noon() -> Moment {
        Moment { wall: "2026-03-01T12:00:00.5Z".parse().unwrap(), steady: Duration::from_hours(100) }
    }

    fn config(operations: &str) -> InForce {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "s3cr3t-t0ken").unwrap();
        let text = format!("operations:\n{operations}");
        let text = if text.contains("windows:") { text } else { text + "polling: {windows: [today]}\n" };
        let config = Config::parse(&text, &folder.path().join("c.yml"), &Catalog::builtin().unwrap()).unwrap();
        let config = Config { file: Some(PathBuf::from("/etc/wolkvox-exporter.yml")), ..config };
        InForce { config: Arc::new(config), loaded_at: noon().ago(Duration::from_hours(3)).wall, refusal: None }
    }

    fn operation(name: &str, reports: &str) -> String {
        format!("  - {{name: {name}, server: \"0003\", token_file: token, licenses: 40, reports: {reports}}}\n")
    }

    fn target(operation: &str, report: &str) -> Target {
        Target { operation: operation.into(), report: report.into(), window: WindowName::Today }
    }

    fn served(seconds_ago: u64) -> PollData {
        let zone = TimeZone::get("America/Bogota").unwrap();
        let polled_at = noon().ago(Duration::from_secs(seconds_ago));
        PollData {
            window: Window::at(WindowName::Today, polled_at.wall, &zone),
            polled_at,
            stale_after: Some(Duration::from_mins(15)),
            rows: 1_234,
            series: 5_678,
            dropped: 0,
            rejected: vec![],
            shortened: vec![],
            memory: None,
            families: vec![],
            infos: vec![],
        }
    }

    fn store() -> Store {
        Store::new(Arc::new(Catalog::builtin().unwrap()))
    }

    /// One report in each state, and everything that can be left out.
    fn every_state() -> (Store, InForce) {
        let reports = "[agent_aux_time, agent_hold_mute, closed_interactions, smart_wait, agent_kpi]";
        let (store, in_force) = (store(), config(&operation("acme", reports)));
        let target = |report| target("acme", report);
        store.register(&target("agent_kpi"), Duration::from_mins(5));
        store.succeed(&target("agent_aux_time"), PollData { rejected: vec![("time".to_owned(), 3)], ..served(90) });
        store.succeed(&target("smart_wait"), PollData { dropped: 12, ..served(90) });
        store.succeed(&target("agent_hold_mute"), served(400));
        store.fail(&target("agent_hold_mute"), noon(), Failure::new(Reason::Timeout, "no answer <within> 60s"));
        store.succeed(&target("closed_interactions"), served(9_000));
        let in_a_while = noon().wall_after(Duration::from_secs(205));
        store.schedule(&target("agent_hold_mute"), in_a_while, Duration::from_mins(7));
        let resets_at = "2026-03-02T05:00:00Z".parse().unwrap();
        store.set_budget(&"acme".into(), BudgetStatus { limit: 40_000, used: 188, resets_at });
        let forecast = Forecast {
            reports: 5,
            fastest: Duration::from_mins(5),
            requests: 1_440,
            limit: 40_000,
            pace: Some(Duration::from_mins(5)),
        };
        store.set_forecast(&"acme".into(), forecast);
        let refusal = Refusal { at: noon().ago(Duration::from_mins(2)).wall, reason: "c.yml is wrong".to_owned() };
        (store, InForce { refusal: Some(refusal), ..in_force })
    }

    fn json(store: &Store, in_force: &InForce) -> Value {
        serde_json::to_value(Overview::of(&store.view(noon()), in_force, noon())).unwrap()
    }

    fn html(store: &Store, in_force: &InForce) -> String {
        page(&Overview::of(&store.view(noon()), in_force, noon()), &LINKS, true)
    }

    #[test]
    fn the_json_keeps_its_shape() {
        let (store, in_force) = every_state();
        let two = config(&operation("acme", "[agent_aux_time, agent_hold_mute]"));
        let view = store.view(noon());
        let in_force = InForce { config: two.config, ..in_force };
        let json = serde_json::to_string_pretty(&Overview::of(&view, &in_force, noon())).unwrap();
        insta::assert_snapshot!(json.replace(env!("CARGO_PKG_VERSION"), "VERSION"), @r#"
        {
          "version": "VERSION",
          "at": "2026-03-01T12:00:00Z",
          "verdict": {
            "ok": false,
            "text": "1 of 2 reports needs a look; the changed config was refused"
          },
          "counts": {
            "reports": 2,
            "fresh": 1,
            "waiting": 0,
            "failing": 1,
            "stale": 0
          },
          "config": {
            "file": "/etc/wolkvox-exporter.yml",
            "loaded_at": "2026-03-01T09:00:00Z",
            "refused_at": "2026-03-01T11:58:00Z",
            "refused_because": "c.yml is wrong"
          },
          "operations": [
            {
              "operation": "acme",
              "base_url": "https://wv0003.wolkvox.com/",
              "timezone": "America/Bogota",
              "licenses": 40,
              "pool": null,
              "timeout_seconds": 60,
              "budget": {
                "limit_calls": 40000,
                "used_calls": 188,
                "left_calls": 39812,
                "resets_at": "2026-03-02T05:00:00Z"
              },
              "plan": "5 reports, the fastest every 5m = 1440 API requests a day of 40000",
              "reports": [
                {
                  "report": "agent_aux_time",
                  "window": "today",
                  "state": "fresh",
                  "last_success_at": "2026-03-01T11:58:30Z",
                  "last_attempt_at": "2026-03-01T11:58:30Z",
                  "next_poll_at": null,
                  "age_seconds": 90,
                  "stale_after_seconds": 900,
                  "interval_seconds": 0,
                  "configured_interval_seconds": 300,
                  "serves_from": "2026-03-01T05:00:00Z",
                  "serves_to": "2026-03-01T11:58:30Z",
                  "rows": 1234,
                  "series": 5678,
                  "dropped_series": 0,
                  "rejected_values": [
                    {
                      "field": "time",
                      "values": 3
                    }
                  ],
                  "consecutive_failures": 0,
                  "failure": null
                },
                {
                  "report": "agent_hold_mute",
                  "window": "today",
                  "state": "failing",
                  "last_success_at": "2026-03-01T11:53:20Z",
                  "last_attempt_at": "2026-03-01T12:00:00Z",
                  "next_poll_at": "2026-03-01T12:03:25Z",
                  "age_seconds": 400,
                  "stale_after_seconds": 900,
                  "interval_seconds": 420,
                  "configured_interval_seconds": 300,
                  "serves_from": "2026-03-01T05:00:00Z",
                  "serves_to": "2026-03-01T11:53:20Z",
                  "rows": 1234,
                  "series": 5678,
                  "dropped_series": 0,
                  "rejected_values": [],
                  "consecutive_failures": 1,
                  "failure": {
                    "reason": "timeout",
                    "detail": "no answer <within> 60s",
                    "hint": "the vendor answers within 60 s or not at all; an address not on its allow-list gets no answer"
                  }
                }
              ]
            }
          ]
        }
        "#);
    }

    #[test]
    fn every_field_of_the_json_stands_in_its_table() {
        let (store, in_force) = every_state();
        let mut fields = BTreeSet::new();
        collect("", &json(&store, &in_force), &mut fields);
        let doc = include_str!("../../../docs/status.md");
        let (_, table) = doc.split_once("| field |").expect("the table");
        let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
        let told: BTreeSet<String> = rows.map(|row| row.split('`').nth(1).expect("a field").to_owned()).collect();
        assert_eq!(told, fields);
    }

    /// The paths of all values: `operations[].reports[].rows`.
    fn collect(path: &str, value: &Value, fields: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => {
                let dot = if path.is_empty() { "" } else { "." };
                object.iter().for_each(|(name, value)| collect(&format!("{path}{dot}{name}"), value, fields));
            }
            Value::Array(items) => items.iter().for_each(|item| collect(&format!("{path}[]"), item, fields)),
            // Where it is null here, it is told with its fields elsewhere.
            Value::Null if path.ends_with(".failure") => {}
            _ => drop(fields.insert(path.to_owned())),
        }
    }

    #[test]
    fn each_state_has_its_word_on_the_page_and_the_worst_comes_first() {
        let (store, in_force) = every_state();
        let page = html(&store, &in_force);
        for part in [
            ">waiting<",
            ">fresh<",
            "6m 40s old, still served",
            "none served; the last good are 2h 30m old",
            "no answer &lt;within&gt; 60s",
            "in 3m 25s",
            "7m (set: 5m)",
            "39,812",
            "c.yml is wrong",
            "unreadable values of time",
            "series over limits.series_per_report",
            "read 3h ago",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(page.find(">stale<") < page.find(">failing<"));
        assert!(page.find(">failing<") < page.find(">fresh<"));
    }

    #[test]
    fn never_lie_failures_from_before_a_restart_are_no_fresh_report() {
        let (store, in_force) = (store(), config(&operation("acme", "[agent_kpi]")));
        store.restore(&target("acme", "agent_kpi"), served(90), 4);
        let status = json(&store, &in_force);
        assert_eq!(status["operations"][0]["reports"][0]["state"], "failing");
        assert_eq!(status["verdict"]["text"], "1 of 1 reports needs a look");
        assert!(html(&store, &in_force).contains("failed before the last restart"));
    }

    #[test]
    fn never_lie_setting_the_clock_makes_no_age() {
        let (store, in_force) = (store(), config(&operation("acme", "[agent_kpi]")));
        store.succeed(&target("acme", "agent_kpi"), served(90));
        let set = Moment { wall: noon().wall_after(Duration::from_mins(40)), ..noon() };
        let view = store.view(set);
        let status = serde_json::to_value(Overview::of(&view, &in_force, set)).unwrap();
        assert_eq!(status["operations"][0]["reports"][0]["age_seconds"], 90);
    }

    #[test]
    fn never_leak_the_status_holds_no_token() {
        let (store, in_force) = every_state();
        let texts = [json(&store, &in_force).to_string(), html(&store, &in_force)];
        assert!(texts.iter().all(|text| !text.contains("s3cr3t")));
    }

    #[test]
    fn a_thousand_operations_fit_on_a_page_that_says_what_it_left_out() {
        let names: Vec<String> = (0..1_000).map(|number| format!("centre-{number:04}")).collect();
        let reports = "[agent_aux_time, agent_hold_mute, closed_interactions, smart_wait, agent_kpi]";
        let entries: String = names.iter().map(|name| operation(name, reports)).collect();
        let (store, in_force) = (store(), config(&format!("{entries}polling: {{windows: [today, yesterday]}}\n")));
        let yesterday = Window::at(WindowName::Yesterday, noon().wall, &TimeZone::UTC);
        for name in &names {
            for plan in &in_force.config.operations[0].reports {
                let target = target(name, &plan.report.name);
                store.succeed(
                    &Target { window: WindowName::Yesterday, ..target.clone() },
                    PollData { window: yesterday.clone(), ..served(90) },
                );
                store.succeed(&target, served(90));
            }
        }
        let calm = html(&store, &in_force);
        assert!(names.iter().all(|name| calm.contains(name)));
        assert!(calm.len() < 4_500_000, "{} bytes", calm.len());
        assert!(!calm.contains("<details open"));
        for name in &names {
            store.fail(&target(name, "agent_kpi"), noon(), Failure::new(Reason::Timeout, "no answer within 60s"));
        }
        let bad = html(&store, &in_force);
        assert!(bad.contains("1000 of 10000 reports need a look"));
        assert!(bad.contains("These are 200 of 1000 reports that need a look; the JSON has all of them."));
        assert!(bad.len() < calm.len() + 400_000, "{} bytes", bad.len());
    }
}
