//! The status: what an operator asks at 3 a.m., answered from one look at the store.
//!
//! The facts are gathered once, and shown twice: as a page for people, and as JSON for programs.

mod asked;
mod causes;
mod page;
mod words;

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::config::{InForce, Operation, ReportPlan};
use crate::store::{self, BudgetStatus, Forecast, Health, View};
use crate::time::{Moment, Target, WindowName, whole_second};
use crate::wolkvox::Reason;

pub use asked::Asked;
use causes::Cause;
pub use page::{Links, STYLE, content_policy, page};
use words::Language;

/// Everything that is known at one moment. docs/status.md has each field.
#[derive(Debug, Serialize)]
pub struct Overview<'a> {
    version: &'static str,
    at: Timestamp,
    verdict: Verdict,
    counts: Counts,
    config: ConfigFacts<'a>,
    operations: Vec<OperationFacts<'a>>,
    causes: Vec<Cause<'a>>,
}

/// Whether someone must get up.
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
    /// Its place in the config.
    #[serde(skip)]
    place: usize,
    #[serde(skip)]
    forecast: Option<&'a Forecast>,
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
    undocumented_fields: &'a [String],
    rows_without_value: Option<u64>,
    rows_outside_window: Option<u64>,
    last_change_at: Option<Timestamp>,
    changes_every_seconds: Option<u64>,
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
    #[serde(serialize_with = "as_text")]
    reason: Reason,
    detail: &'a str,
    hint: Cow<'static, str>,
    #[serde(skip)]
    folder: Option<&'a str>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn as_text<S: Serializer>(reason: &Reason, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(reason.as_str())
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
        let places = in_force.config.operations.iter().enumerate();
        let operations: Vec<_> = places.map(|(place, config)| known.operation(place, config)).collect();
        let mut counts = Counts::default();
        operations.iter().flat_map(|operation| &operation.reports).for_each(|report| counts.add(report.state));
        let refusal = in_force.refusal.as_ref();
        Overview {
            version: env!("CARGO_PKG_VERSION"),
            at: whole_second(now.wall),
            verdict: Verdict::of(counts, refusal.is_some()),
            counts,
            config: ConfigFacts {
                file: in_force.config.file.as_deref(),
                loaded_at: whole_second(in_force.loaded_at),
                refused_at: refusal.map(|refusal| whole_second(refusal.at)),
                refused_because: refusal.map(|refusal| refusal.reason.as_str()),
            },
            causes: Cause::of(&operations),
            operations,
        }
    }

    fn is_refused(&self) -> bool {
        self.config.refused_at.is_some()
    }
}

impl Verdict {
    fn of(counts: Counts, refused: bool) -> Verdict {
        let look = counts.failing + counts.stale;
        Verdict { ok: look == 0 && !refused, text: words::verdict(Language::English, counts, refused) }
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
    fn operation(&self, place: usize, config: &'a Operation) -> OperationFacts<'a> {
        let forecast = self.view.forecasts.get(&config.name);
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
                resets_at: whole_second(budget.resets_at),
            }),
            plan: forecast.map(forecast_sentence),
            reports: reports.map(|(plan, window)| self.report(config, plan, window)).collect(),
            config,
            place,
            forecast,
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
            last_success_at: last_success_at.map(whole_second),
            last_attempt_at: health.and_then(|health| health.last_attempt).map(whole_second),
            next_poll_at: health.and_then(|health| health.next_poll).map(whole_second),
            age_seconds: status.and_then(|status| status.age).map(|age| age.as_secs()),
            stale_after_seconds: window.is_open().then_some(plan.stale_after_of(window).as_secs()),
            interval_seconds: health.map_or(plan.interval_of(window), |health| health.interval).as_secs(),
            configured_interval_seconds: plan.interval_of(window).as_secs(),
            serves_from: serves.map(|(from, _)| from),
            serves_to: serves.map(|(_, to)| to),
            rows: last_good.map(|health| health.rows),
            series: last_good.map(|health| health.series),
            dropped_series: last_good.map(|health| health.dropped),
            rejected_values: rejected.iter().map(|(field, values)| Rejected { field, values: *values }).collect(),
            undocumented_fields: health.map_or(&[], |health| &health.findings.undocumented_fields),
            rows_without_value: last_good.map(|health| health.findings.rows_without_value),
            rows_outside_window: last_good.map(|health| health.findings.rows_outside_window),
            last_change_at: health.and_then(|health| health.last_change).map(whole_second),
            changes_every_seconds: health.and_then(Health::changes_every).map(|gap| gap.as_secs()),
            consecutive_failures: health.map_or(0, |health| health.consecutive_failures),
            failure: health.and_then(|health| health.failure.as_ref()).map(|failure| FailureFacts {
                reason: failure.reason,
                detail: &failure.detail,
                hint: failure.hint(),
                folder: failure.folder.as_deref(),
            }),
        }
    }
}

/// What the polls of a budget are expected to cost, as commands say it.
pub fn forecast_sentence(forecast: &Forecast) -> String {
    words::plan(Language::English, forecast)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;
    use std::time::Duration;

    use axum::http::HeaderMap;
    use jiff::tz::TimeZone;
    use serde_json::Value;

    use super::*;
    use crate::catalog::Catalog;
    use crate::config::{Config, Refusal};
    use crate::store::{Findings, PollData, Store};
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
            findings: Findings::default(),
            changed_at: None,
            memory: None,
            families: vec![],
            infos: vec![],
        }
    }

    fn findings() -> Findings {
        Findings { undocumented_fields: vec!["shift".to_owned()], rows_without_value: 4, rows_outside_window: 5 }
    }

    fn store() -> Store {
        Store::default()
    }

    /// One report in each state, and everything that can be left out.
    fn every_state() -> (Store, InForce) {
        let reports = "[agent_aux_time, agent_hold_mute, closed_interactions, smart_wait, agent_kpi]";
        let (store, in_force) = (store(), config(&operation("acme", reports)));
        let target = |report| target("acme", report);
        store.register(&target("agent_kpi"), Duration::from_mins(5));
        store.succeed(
            &target("agent_aux_time"),
            PollData { rejected: vec![("time".to_owned(), 3)], findings: findings(), ..served(90) },
        );
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
        html_of("", store, in_force)
    }

    /// The page that an address with this query shows.
    fn html_of(query: &str, store: &Store, in_force: &InForce) -> String {
        let asked = Asked::of(Some(query), &HeaderMap::new());
        page(&Overview::of(&store.view(noon()), in_force, noon()), &LINKS, &asked)
    }

    #[test]
    #[allow(clippy::too_many_lines, reason = "the JSON is as long")]
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
              "plan": "5 reports, the fastest every 5m, want 1,440 API requests a day, and 40,000 are to be had",
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
                  "undocumented_fields": [
                    "shift"
                  ],
                  "rows_without_value": 4,
                  "rows_outside_window": 5,
                  "last_change_at": "2026-03-01T11:58:30Z",
                  "changes_every_seconds": null,
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
                  "undocumented_fields": [],
                  "rows_without_value": 0,
                  "rows_outside_window": 0,
                  "last_change_at": "2026-03-01T11:53:20Z",
                  "changes_every_seconds": null,
                  "consecutive_failures": 1,
                  "failure": {
                    "reason": "timeout",
                    "detail": "no answer <within> 60s",
                    "hint": "the vendor answers within 60 s or not at all; an address not on its allow-list gets no answer"
                  }
                }
              ]
            }
          ],
          "causes": [
            {
              "reason": "timeout",
              "hint": "the vendor answers within 60 s or not at all; an address not on its allow-list gets no answer",
              "stale": 0,
              "failing": 1,
              "oldest_age_seconds": 400,
              "next_poll_at": "2026-03-01T12:03:25Z",
              "operations": [
                "acme"
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
            ">6m 40s ago</span><span class=\"of\">still served<",
            ">2h 30m ago</span><span class=\"of\">none served<",
            "1,440 API requests a day, and 40,000 are to be had",
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
        assert!(page.find(">1 stale<") < page.find(">1 failing<"));
        assert!(page.find(">1 failing<") < page.find(">fresh<"));
        // Without an address, a browser asks again for the one that it shows.
        assert!(page.contains("<meta http-equiv=\"refresh\" content=\"15\">"));
    }

    #[test]
    fn the_spanish_page_says_the_same_in_spanish() {
        let (store, in_force) = every_state();
        let page = html_of("lang=es&refresh=off", &store, &in_force);
        assert!(page.contains("<html lang=\"es\">"));
        for part in [
            "2 de 5 informes piden atención; la configuración cambiada fue rechazada",
            ">1 vencido<",
            ">1 con fallos<",
            ">en espera<",
            ">al día<",
            ">hace 6 min 40 s</span><span class=\"of\">aún se sirven<",
            "quedan 39.812 peticiones al API<",
            "las peticiones al API empiezan de nuevo en 17 h",
            "quieren 1.440 peticiones al API al día, y hay 40.000",
            "pista: el proveedor responde en 60 s",
            "1 mar 00:00 a 06:58",
            "leída hace 3 h",
            "<pre lang=\"en\">c.yml is wrong</pre>",
            "<span class=\"detail\" lang=\"en\" dir=\"auto\">no answer &lt;within&gt; 60s</span>",
            "href=\"?lang=es\">reanudar<",
            "href=\"?lang=en&amp;refresh=off\" lang=\"en\" hreflang=\"en\">English<",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
        let (_, body) = page.split_once("</style>").unwrap();
        let own = ["c.yml is wrong", "no answer &lt;within&gt; 60s", ">English<"];
        let body = own.iter().fold(body.to_owned(), |body, text| body.replace(text, ""));
        let shown: Vec<&str> = body.split('<').filter_map(|part| Some(part.split_once('>')?.1)).collect();
        let shown = shown.join(" ");
        let words: BTreeSet<&str> = shown.split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
        assert!(words.len() > 80, "{words:?}");
        for english in [
            "the",
            "of",
            "and",
            "is",
            "to",
            "in",
            "ago",
            "left",
            "every",
            "set",
            "now",
            "report",
            "reports",
            "poll",
            "hint",
            "fresh",
            "failing",
            "stale",
            "waiting",
            "today",
            "yesterday",
            "none",
            "data",
            "served",
            "window",
            "state",
            "age",
            "rows",
            "operation",
            "operations",
            "requests",
            "licences",
            "config",
            "old",
            "oldest",
            "anew",
        ] {
            assert!(!words.contains(english), "{english}: {shown}");
        }
    }

    /// Forty operations, of which 17 have one of four causes each.
    fn forty() -> (Store, InForce) {
        let names: Vec<String> = (1..=40).map(|number| format!("centro-{number:02}")).collect();
        let reports = "[agent_aux_time, agent_hold_mute, closed_interactions, smart_wait, agent_kpi]";
        let all = reports.trim_matches(['[', ']']).split(", ").collect::<Vec<_>>();
        let entries: String = names.iter().map(|name| operation(name, reports)).collect();
        let (store, in_force) = (store(), config(&entries));
        let fail = |name: &str, report: &str, reason, detail: &str| {
            store.fail(&target(name, report), noon(), Failure::new(reason, detail));
        };
        for (number, name) in names.iter().enumerate() {
            for report in &all {
                // Two operations were left alone for so long that nothing of them is served.
                store.succeed(&target(name, report), served(if (30..32).contains(&number) { 9_000 } else { 60 }));
            }
            match number {
                2 | 11 | 20 => all.iter().for_each(|report| fail(name, report, Reason::TokenRejected, "HTTP 403")),
                4..=8 => fail(name, "agent_kpi", Reason::Timeout, "no answer within 60s"),
                30..=33 => {
                    let detail = format!("HTTP 503 of {name}");
                    for report in &all {
                        fail(name, report, Reason::Http5xx, &detail);
                    }
                }
                12..=16 => fail(name, "smart_wait", Reason::Schema, "aux_state is in no row"),
                _ => {}
            }
        }
        (store, in_force)
    }

    #[test]
    fn forty_operations_with_four_causes_are_four_rows_the_worst_first() {
        let (store, in_force) = forty();
        let page = html(&store, &in_force);
        let (_, table) = page.split_once("<table class=\"cards causes\">").unwrap();
        let (table, rest) = table.split_once("</table>").unwrap();
        let rows: Vec<&str> = table.split("<tr>").skip(2).collect();
        let reasons: Vec<&str> =
            rows.iter().map(|row| row.split("<code>").nth(1).unwrap().split('<').next().unwrap()).collect();
        // What is stale, what stops an operation, what stays, and what may pass.
        assert_eq!(reasons, ["http_5xx", "token_rejected", "schema", "timeout"]);
        assert!(table.contains("Needs a look: 4 causes in 17 of 40 operations"));
        assert!(rows[0].contains(">10 stale<") && rows[0].contains(">10 failing<"), "{}", rows[0]);
        assert!(rows[0].contains("HTTP 503 of centro-31") && rows[0].contains("and 3 other details"), "{}", rows[0]);
        assert!(rows[0].contains("2h 30m ago") && rows[0].contains("10 of 20 still served"), "{}", rows[0]);
        assert!(rows[1].contains("all reports"));
        assert!(rows[3].contains("agent_kpi (today)"));
        for (row, count) in rows.iter().zip([4, 3, 5, 5]) {
            let links: Vec<&str> = row.split("href=\"#").skip(1).map(|link| link.split('"').next().unwrap()).collect();
            assert_eq!(links.len(), count, "{row}");
            assert!(links.iter().all(|link| rest.contains(&format!("id=\"{link}\""))), "{links:?}");
        }
        let place = |name: &str| rest.find(&format!("<summary><b><bdi>{name}<")).unwrap();
        assert!(place("centro-31") < place("centro-33"), "stale before failing");
        assert!(place("centro-33") < place("centro-05"), "five reports before one");
        assert!(place("centro-17") < place("centro-01"), "what needs a look before what does not");
        assert!(!page.contains("<details open"));
        assert!(page.len() < 150_000, "{} bytes", page.len());
        let json = json(&store, &in_force);
        assert_eq!(json["causes"].as_array().unwrap().len(), 4);
        assert_eq!(json["causes"][1]["operations"], serde_json::json!(["centro-03", "centro-12", "centro-21"]));
    }

    #[test]
    fn a_search_shows_the_operations_that_it_finds_and_the_verdict_of_all() {
        let (store, in_force) = forty();
        let page = html_of("q=CENTRO-3&lang=es", &store, &in_force);
        assert_eq!(page.matches("<summary>").count(), 10);
        assert!(page.contains("45 de 200 informes piden atención"));
        assert!(page.contains("1 causa en 4 de 10 operaciones"));
        assert!(page.contains("10 de 40 operaciones tienen esto en su nombre: <b><bdi>CENTRO-3</bdi></b>"));
        assert!(page.contains("<input type=\"hidden\" name=\"lang\" value=\"es\">"));
        assert!(page.contains("href=\"?lang=es\">ver todas<"));
        let one = html_of("q=centro-05", &store, &in_force);
        assert_eq!((one.matches("<summary>").count(), one.matches("<details open").count()), (1, 1));
        let none = html_of("q=<b>\"&lang=en", &store, &in_force);
        assert!(none.contains("0 of 40 operations") && none.contains("&lt;b&gt;&quot;") && !none.contains("<summary>"));
    }

    #[test]
    fn a_failure_of_the_state_folder_names_the_folder_in_both_languages() {
        let (store, in_force) = (store(), config(&operation("acme", "[agent_kpi]")));
        let failure =
            Failure { folder: Some("/var/lib/x".to_owned()), ..Failure::new(Reason::StateNotWritten, "full") };
        store.fail(&target("acme", "agent_kpi"), noon(), failure);
        assert!(html(&store, &in_force).contains("free disk space for the state folder /var/lib/x, and"));
        assert!(
            html_of("lang=es", &store, &in_force).contains("espacio en disco para la carpeta de estado /var/lib/x, y")
        );
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
        assert!(calm.len() < 1_500_000, "{} bytes", calm.len());
        assert!(!calm.contains("<details open"));
        // What is not on the page is a search away.
        assert_eq!(calm.matches("<details").count(), 100);
        assert!(calm.contains("href=\"?q=centre-0999\""));
        for name in &names {
            store.fail(&target(name, "agent_kpi"), noon(), Failure::new(Reason::Timeout, "no answer within 60s"));
        }
        let bad = html(&store, &in_force);
        assert!(bad.contains("1,000 of 10,000 reports need a look"));
        assert!(bad.contains("and 940 more"));
        assert!(bad.len() < calm.len() + 100_000, "{} bytes", bad.len());
    }
}
