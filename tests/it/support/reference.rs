//! The reference of the metrics.
//!
//! `docs/metrics.md` is this text. The reports' metrics come from the catalogue; the exporter's own come from a
//! rendering of one exporter to which everything happened once, because a family without samples is not shown.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::{TimeZone, offset};
use wolkvox_exporter::time::{Clock, Target, Window, WindowName};

use wolkvox_exporter::catalog::{Catalog, Family, FamilyKind, Report, push_table, unit};
use wolkvox_exporter::exposition::{Exposition, ExpositionFormat};
use wolkvox_exporter::store::{BudgetStatus, Findings, PollData, Store};
use wolkvox_exporter::telemetry::{Gained, PollEnd, Telemetry};
use wolkvox_exporter::wolkvox::{Failure, Reason};

const HEAD: &str = "\
# Metrics

<!-- Generated from the catalogue and the telemetry. To renew it: UPDATE_DOCS=1 cargo test --test it docs_metrics_md -->

Every series of a report has two labels beyond its own:

| label | values | meaning |
|---|---|---|
| `operation` | `operations[].name` of the config | the contact centre; info metrics have it too |
| `window` | `today`, `yesterday`, `week`, `month`, `now` | the operation's local time that the value covers, a week or a month up to now; info metrics do not have it |

The vendor sends every value as text. A format says how the text is read:

| format | the vendor writes | becomes |
|---|---|---|
| duration | `HH:MM:SS` with any number of hours, or seconds | seconds |
| minutes | a number of minutes, or `HH:MM:SS` | seconds |
| number | `15,233.33` | the number |
| percent | `34.64 %` | 0.3464 |
| milliseconds | a number of milliseconds | seconds |
| timestamp | the operation's local time, `2026-01-31 08:02:08` | seconds since 1970; of two equal hours the earlier |
| yes_no | `yes` or `no` | 1 or 0 |
| gigabytes | a number of 10⁹ bytes | bytes |

Rows with equal labels become one value; the column *value* says how. A blank, `-` or `--` is missing and not a zero.
A value that cannot be read is left out and counted in `wolkvox_report_rejected_values_total`. All values of the
reports are gauges, because the vendor corrects them downward too.
";

/// Headings for the exporter's own metrics, by how their names start. The last takes every name.
const OWN_GROUPS: [(&str, &str); 4] = [
    ("wolkvox_report_", "The state of each report"),
    ("wolkvox_api_", "API requests to the vendor"),
    ("wolkvox_exporter_", "The exporter"),
    ("", "The process"),
];

/// One of the exporter's own metrics, as a rendering shows it.
pub struct Own {
    pub name: String,
    pub kind: String,
    pub help: String,
    pub labels: Vec<String>,
}

/// The reference of every metric, label, unit and source field, as Markdown.
pub fn markdown(catalog: &Arc<Catalog>) -> String {
    let mut out = HEAD.to_owned();
    out.push_str("\n## The reports\n");
    for report in catalog.reports() {
        out.push_str(&report.section());
    }
    push_infos(&mut out, catalog);
    push_own(&mut out, own_metrics(&specimen()));
    push_reasons(&mut out);
    out
}

// === the catalogue ===

fn push_infos(out: &mut String, catalog: &Catalog) {
    out.push_str(
        "\n## Who and what\n\nAlways 1: the labels are the message. An entry that says less than another one of its \
         operation is left out.\nA gauge in text 0.0.4, an info in OpenMetrics. `agent_dni` is a label only with \
         `privacy.agent_dni: plain`.\nWith `privacy.agent_name: omitted`, no label here or above says who an agent is, \
         and `wolkvox_agent_info` is not there; see [privacy.md](privacy.md).\n",
    );
    let infos = catalog.families().iter().filter(|family| family.kind == FamilyKind::Info);
    let rows = infos.flat_map(|family| {
        let of_label = move |(index, name): (usize, &String)| {
            vec![code(&family.name), code(name), label_sources(catalog, family, index).join(", ")]
        };
        let operation = vec![code(&family.name), code("operation"), "the config".to_owned()];
        [operation].into_iter().chain(family.info_labels.iter().enumerate().map(of_label))
    });
    push_table(out, "", &["metric", "label", "source fields"], rows);
}

fn label_sources(catalog: &Catalog, family: &Family, label: usize) -> Vec<String> {
    let of_report = |report: &Arc<Report>| {
        let infos = report.info.iter().filter(|info| *info.family == *family);
        infos.filter_map(|info| report.sources_of(info, label)).collect::<Vec<_>>()
    };
    catalog.reports().iter().flat_map(of_report).collect()
}

// === the exporter's own metrics ===

fn push_own(out: &mut String, metrics: Vec<Own>) {
    out.push_str("\n## The exporter's own metrics\n");
    let mut groups: BTreeMap<usize, Vec<Own>> = BTreeMap::new();
    for metric in metrics {
        let group = OWN_GROUPS.iter().position(|(start, _)| metric.name.starts_with(start));
        groups.entry(group.unwrap_or(OWN_GROUPS.len() - 1)).or_default().push(metric);
    }
    for (group, metrics) in groups {
        push(out, &format!("\n### {}\n", OWN_GROUPS[group].1));
        let rows = metrics.iter().map(|metric| {
            let labels: Vec<String> = metric.labels.iter().map(|label| code(label)).collect();
            let labels = if labels.is_empty() { "–".to_owned() } else { labels.join(", ") };
            vec![code(&metric.name), metric.kind.clone(), unit(&metric.name).to_owned(), labels, metric.help.clone()]
        });
        push_table(out, "", &["metric", "type", "unit", "labels", "meaning"], rows);
    }
}

fn push_reasons(out: &mut String) {
    out.push_str("\n## Values of `reason`\n\nThe set is closed.\n");
    let rows = Reason::ALL.iter().map(|reason| vec![code(reason.as_str()), reason.hint().to_owned()]);
    push_table(out, "", &["reason", "what it means, or what to do"], rows);
}

/// The own metrics of an exporter to which everything happened once, so that each family has a sample.
fn specimen() -> String {
    let store: Arc<Store> = Arc::default();
    let telemetry = Arc::new(Telemetry::default());
    let exposition = Exposition::new(Arc::clone(&store), Arc::clone(&telemetry));
    let now = Clock::system().now();
    // It is about noon where the specimen lives: no midnight can end its window while it is looked at.
    let zone = TimeZone::fixed(offset(12 - now.wall.to_zoned(TimeZone::UTC).hour()));
    let window = Window::at(WindowName::Today, now.wall, &zone);
    let target = Target { operation: "specimen".into(), report: "specimen".into(), window: WindowName::Today };
    let failure = Failure::new(Reason::Timeout, "specimen");
    let rejected = vec![("specimen".to_owned(), 1)];
    store.register(&target, Duration::ZERO);
    telemetry.target_registered(&target);
    telemetry.request_sent(&target);
    telemetry.request_ended(&target, Duration::ZERO, 0, Some(&failure));
    for outcome in
        [Err(&failure), Ok(Gained { rows: 0, series: 0, dropped: 0, rejected: &rejected, shortened: &rejected })]
    {
        telemetry.poll_ended(&PollEnd {
            target: &target,
            window: &window,
            elapsed: Duration::ZERO,
            requests: 1,
            bytes: 0,
            budget_left: 0,
            outcome,
        });
    }
    telemetry.request_answered("specimen", 200);
    let served = PollData {
        window,
        polled_at: now,
        stale_after: None,
        rows: 0,
        series: 0,
        dropped: 0,
        rejected,
        shortened: Vec::new(),
        findings: Findings::default(),
        changed_at: None,
        memory: None,
        families: Vec::new(),
        infos: Vec::new(),
    };
    store.succeed(&target, served);
    store.set_budget(&target.operation, BudgetStatus { limit: 0, used: 0, resets_at: now.wall });
    exposition.own_metrics(ExpositionFormat::OpenMetrics, now)
}

/// Reads the families of a rendering whose label values hold no commas, as a specimen's do not.
pub fn own_metrics(text: &str) -> Vec<Own> {
    let mut metrics: Vec<Own> = Vec::new();
    for line in text.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            let help = help.trim_end_matches('.').to_owned();
            metrics.push(Own { name: name.to_owned(), kind: String::new(), help, labels: Vec::new() });
            continue;
        }
        let Some(metric) = metrics.last_mut() else { continue };
        if let Some((_, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            kind.clone_into(&mut metric.kind);
            metric.name.push_str(match kind {
                "counter" => "_total",
                "info" => "_info",
                _ => "",
            });
        } else if let Some((labels, _)) = line.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}')) {
            let names = labels.split(',').filter_map(|label| Some(label.split_once('=')?.0));
            for name in names.filter(|name| *name != "le") {
                if !metric.labels.iter().any(|known| known == name) {
                    metric.labels.push(name.to_owned());
                }
            }
        }
    }
    metrics
}

// === Markdown ===

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn push(out: &mut String, text: &str) {
    out.push_str(text);
}
