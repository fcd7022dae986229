//! The status as a page for people.
//!
//! Without a script and without anything from elsewhere, so that it works on the worst night. What needs a look
//! comes first; the rest folds away where there is much of it.

use std::sync::LazyLock;

use axum::http::HeaderValue;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use ring::digest::{SHA256, digest};

use super::{ConfigFacts, OperationFacts, Overview, ReportFacts, ReportState, span};
use crate::time::WindowName;

const STYLE: &str = include_str!("page.css");

/// Only the page's own style applies, and nothing is loaded from anywhere.
pub fn content_policy() -> HeaderValue {
    static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
        let style = BASE64_STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{style}'; img-src data:; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        );
        HeaderValue::try_from(policy).expect("plain ASCII")
    });
    POLICY.clone()
}

/// The query that asks for a page that stays as it is.
pub const REFRESH_OFF: &str = "refresh=off";
const REFRESH_SECONDS: u32 = 15;
/// Rows of a list of problems: nobody reads more, and a page must load when everything fails.
const MOST_PROBLEMS: usize = 200;
/// Reports up to which every operation is shown unfolded.
const FEW_REPORTS: usize = 40;

/// Where the other pages are, below the same root.
pub struct Links<'l> {
    pub json: &'l str,
    pub metrics: &'l str,
    pub docs: &'l str,
}

/// Columns whose cells are read from the right.
const NUMBERS: [&str; 8] = ["how many", "left", "of", "age", "rows", "series", "every", "next poll"];

type ReportRow<'o> = (&'o OperationFacts<'o>, &'o ReportFacts<'o>);

/// The page at `/`.
pub fn page(overview: &Overview<'_>, links: &Links<'_>, refreshes: bool) -> String {
    let Overview { version, at, verdict, counts, config, operations } = overview;
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                @if refreshes { meta http-equiv="refresh" content=(REFRESH_SECONDS); }
                link rel="icon" href="data:,";
                title { (verdict.text) " · wolkvox-exporter" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    div.top {
                    h1 { "wolkvox-exporter " small { (version) } }
                    nav {
                        a href=(beside(links.metrics)) { "metrics" }
                        a href=(beside(links.json)) { "this page as JSON" }
                        a href=(beside(links.docs)) { "what the metrics mean" }
                    }
                    }
                    p.verdict.ok[verdict.ok].look[!verdict.ok] role="status" { (verdict.text) }
                    p.meta {
                        "As of " (utc(*at)) ". "
                        @if refreshes {
                            "Refreshes every " (REFRESH_SECONDS) " s: " a href={ "?" (REFRESH_OFF) } { "stop" }
                        } @else {
                            "Does not refresh: " a href="?" { "start" }
                        }
                    }
                }
                main {
                    (problems(overview))
                    (left_out(overview))
                    (budgets(operations, *at))
                    @for operation in operations { (of_operation(operation, *at, counts.reports <= FEW_REPORTS)) }
                    (loaded(config, *at))
                }
            }
        }
    };
    markup.into_string()
}

fn reports<'o>(overview: &'o Overview<'o>) -> impl Iterator<Item = ReportRow<'o>> {
    overview.operations.iter().flat_map(|operation| operation.reports.iter().map(move |report| (operation, report)))
}

fn heads(columns: &[&str]) -> Markup {
    let is_number = |column: &str| NUMBERS.contains(&column);
    html! {
        thead { tr { @for column in columns { th.n[is_number(column)] scope="col" { (column) } } } }
    }
}

/// What needs a look, the worst first.
fn problems(overview: &Overview<'_>) -> Markup {
    let mut problems: Vec<ReportRow<'_>> =
        reports(overview).filter(|(_, report)| report.state.needs_a_look()).collect();
    problems.sort_by_key(|(_, report)| (report.state, std::cmp::Reverse(report.consecutive_failures)));
    html! {
        @if !problems.is_empty() {
            table.cards {
                caption { "Needs a look" }
                (heads(&["report", "state", "why", "data", "next poll"]))
                tbody {
                    @for problem in problems.iter().take(MOST_PROBLEMS) { (problem_row(*problem, overview.at)) }
                }
            }
            (more(problems.len(), "reports that need a look"))
        }
    }
}

fn problem_row((operation, report): ReportRow<'_>, at: Timestamp) -> Markup {
    html! {
        tr {
            th scope="row" { (name(operation, report)) }
            td data-label="state" { (state(report.state)) }
            td data-label="why" { (why(report)) }
            td data-label="data" { (data(report)) }
            td.n data-label="next poll" { (until(report.next_poll_at, at)) }
        }
    }
}

fn name(operation: &OperationFacts<'_>, report: &ReportFacts<'_>) -> Markup {
    html! { (report.report) span.of { (operation.operation) " · " (report.window) } }
}

fn state(state: ReportState) -> Markup {
    html! { span class=(state.word()) { (state.word()) } }
}

fn why(report: &ReportFacts<'_>) -> Markup {
    html! {
        @if let Some(failure) = &report.failure {
            code { (failure.reason) } " " (failure.detail)
            span.hint { "hint: " (failure.hint) }
        } @else {
            "failed before the last restart; the next poll will tell"
        }
        @if report.consecutive_failures > 1 { span.hint { (grouped(report.consecutive_failures)) " failures in a row" } }
    }
}

fn data(report: &ReportFacts<'_>) -> String {
    match (report.age_seconds, report.serves_to) {
        (Some(age), Some(_)) => format!("{} old, still served", span(age)),
        (Some(age), None) => format!("none served; the last good are {} old", span(age)),
        (None, _) => "none yet".to_owned(),
    }
}

/// What of the vendor's answers is not served.
fn left_out(overview: &Overview<'_>) -> Markup {
    let rejected = reports(overview).flat_map(|(operation, report)| {
        let fields = report.rejected_values.iter();
        fields.map(move |one| (operation, report, format!("unreadable values of {}", one.field), one.values))
    });
    let dropped = reports(overview).filter_map(|(operation, report)| {
        let count = report.dropped_series.filter(|count| *count > 0)?;
        Some((operation, report, "series over limits.series_per_report".to_owned(), count))
    });
    let left_out: Vec<_> = rejected.chain(dropped).collect();
    html! {
        @if !left_out.is_empty() {
            table.cards {
                caption { "Left out by the last good polls" }
                (heads(&["report", "what", "how many"]))
                tbody {
                    @for (operation, report, what, count) in left_out.iter().take(MOST_PROBLEMS) {
                        tr {
                            th scope="row" { (name(operation, report)) }
                            td data-label="what" { (what) }
                            td.n data-label="how many" { (grouped(*count)) }
                        }
                    }
                }
            }
            (more(left_out.len(), "lines of what was left out"))
        }
    }
}

fn more(all: usize, what: &str) -> Markup {
    html! {
        @if all > MOST_PROBLEMS {
            p.more { "These are " (MOST_PROBLEMS) " of " (all) " " (what) "; the JSON has all of them." }
        }
    }
}

fn budgets(operations: &[OperationFacts<'_>], at: Timestamp) -> Markup {
    html! {
        div.scroll tabindex="0" {
            table {
                caption { "API requests of the day" }
                (heads(&["operation", "left", "of", "starts again", "plan"]))
                tbody {
                    @for operation in operations {
                        tr {
                            th scope="row" { (operation.operation) }
                            @if let Some(budget) = &operation.budget {
                                td.n { (grouped(budget.left_calls)) }
                                td.n { (grouped(budget.limit_calls)) }
                                td { (until(Some(budget.resets_at), at)) }
                            } @else {
                                td.n { "–" } td.n { "–" } td { "–" }
                            }
                            td.plan { (operation.plan.as_deref().unwrap_or("–")) }
                        }
                    }
                }
            }
        }
    }
}

fn of_operation(operation: &OperationFacts<'_>, at: Timestamp, open: bool) -> Markup {
    let columns = ["report", "window", "state", "age", "covers", "rows", "series", "every", "next poll"];
    html! {
        details open[open] {
            summary { b { (operation.operation) } " " span.of { (tally(&operation.reports)) } }
            p.meta { (settings(operation)) }
            div.scroll tabindex="0" {
                table {
                    caption { "Reports of " (operation.operation) }
                    (heads(&columns))
                    tbody { @for report in &operation.reports { (report_row(report, &operation.config.zone, at)) } }
                }
            }
        }
    }
}

/// How many reports are in each state: `4 fresh, 1 failing`.
fn tally(reports: &[ReportFacts<'_>]) -> String {
    let count = |state| (reports.iter().filter(|report| report.state == state).count(), state);
    let counts = [ReportState::Stale, ReportState::Failing, ReportState::Waiting, ReportState::Fresh].map(count);
    let told = counts.iter().filter(|(count, _)| *count > 0).map(|(count, state)| format!("{count} {}", state.word()));
    told.collect::<Vec<_>>().join(", ")
}

/// What the config says of an operation.
fn settings(operation: &OperationFacts<'_>) -> String {
    let licenses = operation
        .licenses
        .map_or("licences asked of the vendor".to_owned(), |licenses| format!("{} licences", grouped(licenses.into())));
    let pool = operation.pool.map_or(String::new(), |pool| format!(" · pool {pool}"));
    let OperationFacts { base_url, timezone, timeout_seconds, .. } = operation;
    format!("{base_url} · {timezone} · {licenses}{pool} · time-out {}", span(*timeout_seconds))
}

fn report_row(report: &ReportFacts<'_>, zone: &TimeZone, at: Timestamp) -> Markup {
    let number = |number: Option<u64>| number.map_or("–".to_owned(), grouped);
    html! {
        tr {
            th scope="row" { (report.report) }
            td { (report.window) }
            td { (state(report.state)) }
            td.n { (report.age_seconds.map_or("–".to_owned(), span)) }
            td { (covers(report, zone)) }
            td.n { (number(report.rows)) }
            td.n { (number(report.series)) }
            td.n { (pace(report)) }
            td.n { (until(report.next_poll_at, at)) }
        }
    }
}

/// The served stretch on the operation's own clock.
fn covers(report: &ReportFacts<'_>, zone: &TimeZone) -> String {
    let Some((from, to)) = report.serves_from.zip(report.serves_to) else { return "nothing".to_owned() };
    let (from, to) = (zone.to_datetime(from), zone.to_datetime(to));
    format!("{} to {}", from.strftime("%b %-d %H:%M"), to.strftime("%H:%M"))
}

fn pace(report: &ReportFacts<'_>) -> String {
    if report.window == WindowName::Yesterday {
        return "set hours".to_owned();
    }
    let (now, configured) = (report.interval_seconds, report.configured_interval_seconds);
    if now == configured { span(now) } else { format!("{} (set: {})", span(now), span(configured)) }
}

fn loaded(config: &ConfigFacts<'_>, at: Timestamp) -> Markup {
    let ago = |then: Timestamp| span(at.duration_since(then).unsigned_abs().as_secs());
    html! {
        section {
            h2 { "Config" }
            p {
                @match config.file {
                    Some(file) => code { (file.display()) },
                    None => "built in",
                }
                ", read " (ago(config.loaded_at)) " ago, " (utc(config.loaded_at)) "."
            }
            @if let Some((refused_at, reason)) = config.refused_at.zip(config.refused_because) {
                p {
                    span.failing { "refused" }
                    " The reload " (ago(refused_at)) " ago failed, and the config above stays in force:"
                }
                pre { (reason) }
            }
        }
    }
}

/// How long until a time, or that it has come.
fn until(then: Option<Timestamp>, at: Timestamp) -> String {
    match then.map(|then| then.duration_since(at)) {
        None => "–".to_owned(),
        Some(wait) if wait.is_positive() => format!("in {}", span(wait.unsigned_abs().as_secs())),
        Some(_) => "now".to_owned(),
    }
}

fn utc(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A path as a link that also works where a proxy serves the page below a path of its own.
fn beside(path: &str) -> &str {
    path.trim_start_matches('/')
}

/// `40000` as `40,000`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    groups.map(String::from_utf8_lossy).collect::<Vec<_>>().join(",")
}
