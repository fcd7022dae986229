//! What does an operator see in a browser?

use std::fmt::Write;
use std::time::Duration;

use crate::clock::Moment;
use crate::store::{Status, View};

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem;color-scheme:light dark}\
table{border-collapse:collapse}th,td{text-align:left;padding:.3rem .8rem;border-bottom:1px solid #8884}\
td.n{text-align:right}.fresh{color:#2a8}.waiting{color:#888}.failing,.stale{color:#d43;font-weight:600}";

/// The page at `/`: every operation's budget, every target's state, age and next poll.
pub fn page(view: &View, now: Moment, telemetry_path: &str) -> String {
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>wolkvox-exporter</title><style>{STYLE}</style></head><body>\
         <h1>wolkvox-exporter {}</h1><p><a href=\"{path}\">{path}</a> · state at {at}</p>\
         <table><thead><tr><th>operation</th><th>calls left today</th><th>plan</th></tr></thead><tbody>",
        env!("CARGO_PKG_VERSION"),
        path = escape(telemetry_path),
        at = now.wall.strftime("%Y-%m-%d %H:%M:%SZ"),
    );
    for (operation, budget) in &view.budgets {
        let (left, plan) =
            (budget.limit.saturating_sub(budget.used), view.plans.get(operation).map_or("", String::as_str));
        // Writing to a String cannot fail.
        let _ = write!(
            html,
            "<tr><td>{}</td><td class=\"n\">{left} of {}</td><td>{}</td></tr>",
            escape(operation),
            budget.limit,
            escape(plan)
        );
    }
    html.push_str(
        "</tbody></table><table><thead><tr><th>operation</th><th>report</th><th>window</th><th>state</th><th>age</th>\
         <th>rows</th><th>series</th><th>dropped</th><th>next poll</th><th>last failure</th></tr></thead><tbody>",
    );
    for status in &view.statuses {
        html.push_str(&row(status, now));
    }
    html.push_str("</tbody></table></body></html>\n");
    html
}

fn row(status: &Status, now: Moment) -> String {
    let health = &status.health;
    let state = state(status);
    let mut row = format!(
        "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"{state}\">{state}</td>",
        escape(&status.target.operation),
        escape(&status.target.report),
        status.target.window,
    );
    let age = health.last_success.map_or("–".to_owned(), |at| span(now.wall.duration_since(at).unsigned_abs()));
    let next = health.next_poll.map_or("–".to_owned(), |at| match now.wall.duration_since(at) {
        late if late.is_positive() => "now".to_owned(),
        wait => format!("in {}", span(wait.unsigned_abs())),
    });
    let failure = health.failure.as_ref().map_or(String::new(), |failure| {
        let streak = health.consecutive_failures;
        format!("{} ({streak} in a row): {} — {}", failure.reason, failure.detail, failure.reason.hint())
    });
    // Writing to a String cannot fail.
    let _ = write!(
        row,
        "<td class=\"n\">{age}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{next}</td><td>{}</td></tr>",
        health.rows,
        health.series,
        health.dropped,
        escape(&failure),
    );
    row
}

/// One word for what an operator must do about a target: nothing, wait, or look.
fn state(status: &Status) -> &'static str {
    let health = &status.health;
    match (status.window, &health.failure) {
        _ if status.stale => "stale",
        (_, Some(_)) => "failing",
        (Some(_), None) => "fresh",
        (None, None) => "waiting",
    }
}

fn span(duration: Duration) -> String {
    humantime::format_duration(Duration::from_secs(duration.as_secs())).to_string()
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::catalog::Catalog;
    use crate::store::{Served, Store};
    use crate::target::Target;
    use crate::window::{Window, WindowName};
    use crate::wolkvox::{Failure, Reason};

    #[test]
    fn each_state_has_its_word_and_hostile_names_stay_text() {
        let now = Moment { wall: "2026-03-01T12:00:00Z".parse().unwrap(), steady: Duration::from_secs(100_000) };
        let store = Store::new(Arc::new(Catalog::builtin().unwrap()));
        let target =
            |report: &str| Target { operation: "<b>acme".into(), report: report.into(), window: WindowName::Today };
        let served = |age: u64| Served {
            window: Window::at(WindowName::Today, now.wall, &jiff::tz::TimeZone::UTC),
            polled_at: now.ago(Duration::from_secs(age)),
            stale_after: Some(Duration::from_mins(15)),
            rows: 7,
            series: 7,
            dropped: 0,
            families: vec![],
            entries: vec![],
        };
        store.expect(&target("waits"), Duration::from_mins(5));
        store.succeed(&target("good"), served(90));
        store.succeed(&target("bad"), served(90));
        store.fail(&target("bad"), now, Failure::new(Reason::Timeout, "<script>"));
        store.succeed(&target("old"), served(9000));
        let page = page(&store.view(now), now, "/metrics");
        for part in [">waiting<", ">fresh<", ">failing<", ">stale<", "1m 30s", "&lt;b&gt;acme", "&lt;script&gt;"] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(!page.contains("<script>") && !page.contains("<b>"));
    }
}
