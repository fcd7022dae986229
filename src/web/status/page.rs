//! The status as a page for people.
//!
//! Without a script and without anything from elsewhere, so that it works on the worst night. What needs a look
//! comes first, by its cause; the rest folds away where there is much of it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::LazyLock;

use axum::http::HeaderValue;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use ring::digest::{SHA256, digest};

use super::words::{self, Language, Phrase};
use super::{Asked, Cause, Counts, OperationFacts, Overview, ReportFacts, ReportState};
use crate::time::WindowName;

pub const STYLE: &str = include_str!("page.css");

/// Only the page's own style applies, nothing is loaded from anywhere, and the search leads to nowhere but here.
pub fn content_policy() -> HeaderValue {
    static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
        let style = BASE64_STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{style}'; img-src data:; base-uri 'none'; form-action 'self'; \
             frame-ancestors 'none'"
        );
        HeaderValue::try_from(policy).expect("plain ASCII")
    });
    POLICY.clone()
}

const REFRESH_SECONDS: u32 = 15;
/// Rows of what was left out: nobody reads more.
const MOST_LEFT_OUT: usize = 50;
/// Operations that one row names: a page must load when everything fails.
const MOST_NAMED: usize = 60;
/// Details up to which a cause tells all of them, and not only the most frequent.
const MOST_DETAILS: usize = 2;
/// Operations whose reports are on the page; those of the others are a search away.
const MOST_UNFOLDABLE: usize = 100;
/// Reports up to which every operation is shown unfolded: all that there are of two operations, in two windows.
const FEW_REPORTS: usize = 100;
/// Operations that nobody needs a search for.
const FEW_OPERATIONS: usize = 5;

/// Where the other pages are, below the same root.
pub struct Links<'l> {
    pub json: &'l str,
    pub metrics: &'l str,
    pub docs: &'l str,
}

/// The page at `/`.
pub fn page(overview: &Overview<'_>, links: &Links<'_>, asked: &Asked) -> String {
    let drawing = Drawing::of(overview, asked);
    let language = asked.language;
    let verdict = words::verdict(language, overview.counts, overview.is_refused());
    let markup = html! {
        (DOCTYPE)
        html lang=(language.code()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                // Without an address it asks for this very one, with what was searched for.
                @if asked.refreshes { meta http-equiv="refresh" content=(REFRESH_SECONDS); }
                link rel="icon" href="data:,";
                title { (verdict) " · wolkvox-exporter" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    div.top {
                        h1 { "wolkvox-exporter " small { (overview.version) } }
                        (drawing.links(links))
                        (drawing.languages())
                    }
                    p.verdict.(gravity(overview)) role="status" { (verdict) }
                    (drawing.as_of())
                }
                main {
                    (drawing.causes())
                    (drawing.left_out())
                    (drawing.operations())
                    (drawing.config())
                }
            }
        }
    };
    markup.into_string()
}

/// How the verdict is coloured: only what needs a look is.
fn gravity(overview: &Overview<'_>) -> &'static str {
    match overview.counts {
        Counts { stale: 1.., .. } => "bad",
        _ if overview.verdict.ok => "ok",
        _ => "look",
    }
}

/// What a page is drawn of.
struct Drawing<'d> {
    overview: &'d Overview<'d>,
    asked: &'d Asked,
    language: Language,
    at: Timestamp,
    /// The operations that were searched for, those that need a look first.
    found: Vec<&'d OperationFacts<'d>>,
    /// Places of those whose reports are on the page.
    unfoldable: HashSet<usize>,
}

/// Values of one field, or series, that the last good polls of one report left out.
#[derive(Default)]
struct LeftOut<'d> {
    count: u64,
    places: BTreeMap<usize, &'d str>,
}

/// What of an answer is not served.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What<'f> {
    /// Values of a field that could not be read.
    Values(&'f str),
    /// A field that the vendor does not document.
    Field(&'f str),
    /// Rows without a value.
    Rows,
    /// Days outside the window.
    Days,
    /// Series over the cap.
    Series,
}

/// What the last good poll of a report left out, and how much of each; of a field, its rows are not counted.
fn left_out_of<'r>(report: &'r ReportFacts<'_>) -> impl Iterator<Item = (What<'r>, u64)> {
    let values = report.rejected_values.iter().map(|one| (What::Values(one.field), one.values));
    let fields = report.undocumented_fields.iter().map(|field| (What::Field(field), 1));
    let counts = [
        (What::Rows, report.rows_without_value),
        (What::Days, report.rows_outside_window),
        (What::Series, report.dropped_series),
    ];
    let counts = counts.into_iter().filter_map(|(what, count)| Some((what, count.filter(|count| *count > 0)?)));
    values.chain(fields).chain(counts)
}

/// A column and whether its cells are read from the right.
type Column = (Phrase, bool);

impl<'d> Drawing<'d> {
    fn of(overview: &'d Overview<'d>, asked: &'d Asked) -> Drawing<'d> {
        let operations = overview.operations.iter();
        let mut found: Vec<_> = operations.filter(|operation| asked.finds(operation.operation)).collect();
        found.sort_by_cached_key(|operation| {
            let [stale, failing, ..] = tally(&operation.reports);
            Reverse((stale.1, failing.1))
        });
        let unfoldable = found.iter().take(MOST_UNFOLDABLE).map(|operation| operation.place).collect();
        Drawing { overview, asked, language: asked.language, at: overview.at, found, unfoldable }
    }

    fn says(&self, text: Phrase) -> &'static str {
        text.said(self.language)
    }

    // === header ===

    fn links(&self, links: &Links<'_>) -> Markup {
        html! {
            nav aria-label=(self.says(words::LINKS)) {
                a href=(beside(links.metrics)) { (self.says(words::METRICS)) }
                a href=(beside(links.json)) { (self.says(words::AS_JSON)) }
                a href=(beside(links.docs)) hreflang="en" { (self.says(words::MEANINGS)) }
            }
        }
    }

    fn languages(&self) -> Markup {
        html! {
            nav.languages aria-label=(self.says(words::LANGUAGES)) {
                @for (at, language) in [Language::Spanish, Language::English].into_iter().enumerate() {
                    @if at > 0 { span aria-hidden="true" { "|" } }
                    @if language == self.language {
                        b aria-current="true" lang=(language.code()) { (language.name()) }
                    } @else {
                        a href=(self.asked.in_language(language)) lang=(language.code()) hreflang=(language.code()) {
                            (language.name())
                        }
                    }
                }
            }
        }
    }

    fn as_of(&self) -> Markup {
        html! {
            p.meta {
                (words::as_of(self.language, self.at)) " "
                @if self.asked.refreshes {
                    (words::refreshes_every(self.language, REFRESH_SECONDS))
                    a href=(self.asked.refreshing(false)) { (self.says(words::STOP)) }
                } @else {
                    (self.says(words::DOES_NOT_REFRESH))
                    a href=(self.asked.refreshing(true)) { (self.says(words::START)) }
                }
            }
        }
    }

    // === what needs a look ===

    fn heads(&self, columns: &[Column]) -> Markup {
        html! {
            thead { tr {
                @for (column, is_number) in columns { th.n[*is_number] scope="col" { (self.says(*column)) } }
            } }
        }
    }

    fn causes(&self) -> Markup {
        let of_found;
        let causes = if self.asked.search.is_empty() {
            &self.overview.causes
        } else {
            of_found = Cause::of(self.found.iter().copied());
            &of_found
        };
        let affected: HashSet<usize> = causes.iter().flat_map(|cause| cause.operations.keys().copied()).collect();
        let columns = [
            (words::CAUSE, false),
            (words::WHAT_TO_DO, false),
            (words::WHERE, false),
            (words::REPORTS, false),
            (words::OLDEST, false),
            (words::NEXT_POLL, true),
        ];
        html! {
            @if !causes.is_empty() {
                table.cards.causes {
                    caption {
                        (self.says(words::NEEDS_A_LOOK)) ": "
                        (words::causes(self.language, causes.len(), affected.len(), self.found.len()))
                    }
                    (self.heads(&columns))
                    tbody { @for cause in causes { (self.cause(cause)) } }
                }
            }
        }
    }

    fn cause(&self, cause: &Cause<'_>) -> Markup {
        let states = [(ReportState::Stale, cause.stale), (ReportState::Failing, cause.failing)];
        html! {
            tr {
                th scope="row" { (self.title(cause)) }
                td.why { (self.why(cause)) }
                td data-label=(self.says(words::WHERE)) {
                    div {
                        (self.places(&cause.operations))
                        span.of { (self.reports_of(cause)) }
                    }
                }
                td data-label=(self.says(words::REPORTS)) {
                    div {
                        (self.tally(states))
                        @if cause.most_failures > 1 {
                            span.of { (words::failures_in_a_row(self.language, cause.most_failures)) }
                        }
                    }
                }
                td data-label=(self.says(words::OLDEST)) { div { (self.data(cause)) } }
                td.n data-label=(self.says(words::NEXT_POLL)) { (words::until(self.language, cause.next_poll, self.at)) }
            }
        }
    }

    fn title(&self, cause: &Cause<'_>) -> Markup {
        html! {
            @match cause.reason {
                Some(reason) => { b { (self.says(words::reason(reason).0)) } " " code { (reason) } }
                None => b { (self.says(words::BEFORE_RESTART)) },
            }
        }
    }

    /// What happened, and what to do.
    fn why(&self, cause: &Cause<'_>) -> Markup {
        html! {
            (self.details(cause))
            span.hint {
                @match cause.reason {
                    Some(reason) => { (self.says(words::HINT)) (words::hint(self.language, reason, cause.folder)) }
                    None => (self.says(words::POLL_WILL_TELL)),
                }
            }
        }
    }

    /// What happened, as the log says it: the most frequent first.
    fn details(&self, cause: &Cause<'_>) -> Markup {
        let mut details: Vec<_> = cause.details.iter().collect();
        details.sort_by_key(|(_, count)| Reverse(**count));
        let shown = if details.len() > MOST_DETAILS { 1 } else { details.len() };
        let more = details.len() - shown;
        html! {
            @for (detail, _) in details.iter().take(shown) { span.detail lang=[self.foreign()] dir="auto" { (detail) } }
            @if more > 0 { span.detail { (words::other_details(self.language, more)) } }
        }
    }

    /// The language of what is English on every page, where it is not the page's own.
    fn foreign(&self) -> Option<&'static str> {
        (self.language != Language::English).then_some(Language::English.code())
    }

    fn places(&self, operations: &BTreeMap<usize, &str>) -> Markup {
        let more = operations.len().saturating_sub(MOST_NAMED);
        html! {
            @for (at, (place, name)) in operations.iter().take(MOST_NAMED).enumerate() {
                @if at > 0 { ", " }
                a href=(self.place(*place, name)) { bdi { (name) } }
            }
            @if more > 0 { " " (words::and_more(self.language, more)) }
        }
    }

    /// Where an operation's reports are: browsers open what holds the target of a link.
    fn place(&self, place: usize, name: &str) -> String {
        if self.unfoldable.contains(&place) { format!("#o{place}") } else { self.asked.searching(name) }
    }

    fn reports_of(&self, cause: &Cause<'_>) -> Markup {
        let windows = |windows: &BTreeSet<WindowName>| {
            let names: Vec<_> = windows.iter().map(|window| self.says(words::window(*window))).collect();
            names.join(", ")
        };
        html! {
            @if cause.has_every_report() && cause.reports.len() > 1 {
                (self.says(words::ALL_REPORTS))
            } @else {
                @for (at, (report, of)) in cause.reports.iter().enumerate() {
                    @if at > 0 { "; " }
                    (report) " (" (windows(of)) ")"
                }
            }
        }
    }

    /// The age of the oldest data, and whether they are served.
    fn data(&self, cause: &Cause<'_>) -> Markup {
        let Some(age) = cause.oldest_age_seconds else {
            return html! { (self.says(words::NONE_YET)) };
        };
        html! {
            span.figure { (words::ago(self.language, age)) }
            span.of {
                @match cause.served {
                    0 => (self.says(words::NONE_SERVED)),
                    served if served == cause.affected() => (self.says(words::STILL_SERVED)),
                    served => (words::partly_served(self.language, served, cause.affected())),
                }
            }
        }
    }

    /// What of the vendor's answers is not served, by report and field.
    fn left_out(&self) -> Markup {
        let mut left_out: BTreeMap<(&str, What<'_>), LeftOut<'_>> = BTreeMap::new();
        for operation in &self.found {
            for report in &operation.reports {
                for (what, count) in left_out_of(report) {
                    let one = left_out.entry((report.report, what)).or_default();
                    one.count += count;
                    one.places.insert(operation.place, operation.operation);
                }
            }
        }
        let columns = [(words::WHAT, false), (words::REPORT, false), (words::WHERE, false), (words::HOW_MANY, true)];
        html! {
            @if !left_out.is_empty() {
                table.cards.left-out {
                    caption { (self.says(words::LEFT_OUT)) }
                    (self.heads(&columns))
                    tbody {
                        @for ((report, what), one) in left_out.iter().take(MOST_LEFT_OUT) {
                            tr {
                                th scope="row" { (self.what(*what)) }
                                td data-label=(self.says(words::REPORT)) { (report) }
                                td data-label=(self.says(words::WHERE)) { div { (self.places(&one.places)) } }
                                td.n data-label=(self.says(words::HOW_MANY)) { (self.language.number(one.count)) }
                            }
                        }
                    }
                }
                @if left_out.len() > MOST_LEFT_OUT {
                    p.meta { (words::first_of(self.language, MOST_LEFT_OUT, left_out.len())) }
                }
            }
        }
    }

    fn what(&self, what: What<'_>) -> String {
        match what {
            What::Values(field) => words::unreadable(self.language, field),
            What::Field(field) => words::undocumented(self.language, field),
            What::Rows => self.says(words::WITHOUT_VALUE).to_owned(),
            What::Days => self.says(words::OUTSIDE_WINDOW).to_owned(),
            What::Series => self.says(words::OVER_LIMIT).to_owned(),
        }
    }

    // === operations ===

    fn operations(&self) -> Markup {
        let shown: usize = self.found.iter().map(|operation| operation.reports.len()).sum();
        let is_open = shown <= FEW_REPORTS;
        html! {
            section {
                div.top {
                    h2 { (self.says(words::OPERATIONS)) }
                    @if self.overview.operations.len() > FEW_OPERATIONS || !self.asked.search.is_empty() { (self.search()) }
                }
                @if !self.asked.search.is_empty() {
                    p.meta role="status" {
                        (words::found(self.language, self.found.len(), self.overview.operations.len()))
                        b { bdi { (self.asked.search) } } " · "
                        a href=(self.asked.searching("")) { (self.says(words::SHOW_ALL)) }
                    }
                }
                div.operations {
                    @for (at, operation) in self.found.iter().enumerate() {
                        @if at < MOST_UNFOLDABLE { (self.operation(operation, is_open)) } @else { (self.line(operation)) }
                    }
                }
            }
        }
    }

    fn search(&self) -> Markup {
        html! {
            form method="get" role="search" {
                @for (name, value) in self.asked.kept() { input type="hidden" name=(name) value=(value); }
                input type="search" name="q" value=(self.asked.search) maxlength="100" dir="auto"
                    aria-label=(self.says(words::SEARCH_LABEL)) placeholder=(self.says(words::SEARCH_LABEL));
                button { (self.says(words::SEARCH)) }
            }
        }
    }

    fn operation(&self, operation: &OperationFacts<'_>, is_open: bool) -> Markup {
        html! {
            details open[is_open] {
                summary { (self.heading(operation)) }
                p.meta id={ "o" (operation.place) } { (self.settings(operation)) }
                (self.budget(operation))
                (self.reports(operation))
            }
        }
    }

    /// An operation whose reports are not on the page.
    fn line(&self, operation: &OperationFacts<'_>) -> Markup {
        html! {
            div.line {
                (self.heading(operation)) " "
                a href=(self.asked.searching(operation.operation)) { (self.says(words::OPENS_SEARCH)) }
            }
        }
    }

    /// All that is told of an operation that nobody needs to look at.
    fn heading(&self, operation: &OperationFacts<'_>) -> Markup {
        html! {
            b { bdi { (operation.operation) } } " "
            span.tally { (self.tally(worst(&operation.reports))) } " "
            span.of {
                @match &operation.budget {
                    Some(budget) => {
                        span.figure.stale[budget.left_calls == 0] { (words::requests_left(self.language, budget.left_calls)) }
                    }
                    None => (self.says(words::NO_BUDGET)),
                }
                @if let Some(age) = oldest(&operation.reports) { " · " span.figure { (words::oldest(self.language, age)) } }
            }
        }
    }

    /// How many reports are in each state: `4 fresh, 1 failing`.
    fn tally(&self, counts: impl IntoIterator<Item = (ReportState, usize)>) -> Markup {
        let counts = counts.into_iter().filter(|(_, count)| *count > 0);
        html! {
            @for (at, (state, count)) in counts.enumerate() {
                @if at > 0 { ", " }
                span class=(state.word()) { (words::reports_in(self.language, count, state)) }
            }
        }
    }

    /// What the config says of an operation.
    fn settings(&self, operation: &OperationFacts<'_>) -> Markup {
        let OperationFacts { base_url, timezone, timeout_seconds, .. } = operation;
        html! {
            (base_url) " · " (timezone) " · " (words::licenses(self.language, operation.licenses))
            @if let Some(pool) = operation.pool { " · " bdi { (words::pool(self.language, pool)) } }
            " · " (words::time_out(self.language, *timeout_seconds))
        }
    }

    /// When the count starts again, and what is expected to be spent until then.
    fn budget(&self, operation: &OperationFacts<'_>) -> Markup {
        html! {
            p.meta {
                @if let Some(budget) = &operation.budget {
                    (words::start_again(self.language, &words::until(self.language, Some(budget.resets_at), self.at)))
                }
                @if operation.budget.is_some() && operation.forecast.is_some() { " · " }
                @if let Some(forecast) = operation.forecast { (words::plan(self.language, forecast)) }
            }
        }
    }

    fn reports(&self, operation: &OperationFacts<'_>) -> Markup {
        let columns = [
            (words::REPORT, false),
            (words::WINDOW, false),
            (words::STATE, false),
            (words::AGE, true),
            (words::COVERS, false),
            (words::ROWS, true),
            (words::SERIES, true),
            (words::EVERY, true),
            (words::CHANGES_EVERY, true),
            (words::NEXT_POLL, true),
        ];
        html! {
            table.cards.reports {
                caption { (words::reports_of(self.language)) bdi { (operation.operation) } }
                (self.heads(&columns))
                tbody { @for report in &operation.reports { (self.report(operation, report)) } }
            }
        }
    }

    fn report(&self, operation: &OperationFacts<'_>, report: &ReportFacts<'_>) -> Markup {
        let language = self.language;
        let number = |number: Option<u64>| number.map_or("–".to_owned(), |number| language.number(number));
        let serves = report.serves_from.zip(report.serves_to);
        let covers = serves.map(|serves| words::range(language, serves, &operation.config.zone));
        html! {
            tr {
                th scope="row" { (report.report) }
                td data-label=(self.says(words::WINDOW)) { (self.says(words::window(report.window))) }
                td data-label=(self.says(words::STATE)) {
                    span class=(report.state.word()) { (self.says(words::state(report.state))) }
                    @if let Some(failure) = &report.failure { " " code { (failure.reason) } }
                }
                td.n data-label=(self.says(words::AGE)) {
                    (report.age_seconds.map_or("–".to_owned(), |age| language.span(age)))
                }
                td data-label=(self.says(words::COVERS)) { (covers.as_deref().unwrap_or(self.says(words::NOTHING))) }
                td.n data-label=(self.says(words::ROWS)) { (number(report.rows)) }
                td.n data-label=(self.says(words::SERIES)) { (number(report.series)) }
                td.n data-label=(self.says(words::EVERY)) { (self.pace(report)) }
                td.n data-label=(self.says(words::CHANGES_EVERY)) {
                    (report.changes_every_seconds.map_or("–".to_owned(), |every| language.span(every)))
                }
                td.n data-label=(self.says(words::NEXT_POLL)) { (words::until(language, report.next_poll_at, self.at)) }
            }
        }
    }

    fn pace(&self, report: &ReportFacts<'_>) -> String {
        if report.window == WindowName::Yesterday {
            return self.says(words::SET_HOURS).to_owned();
        }
        words::pace(self.language, report.interval_seconds, report.configured_interval_seconds)
    }

    // === config ===

    fn config(&self) -> Markup {
        let config = &self.overview.config;
        let ago = |then: Timestamp| self.at.duration_since(then).unsigned_abs().as_secs();
        html! {
            section {
                h2 { (self.says(words::CONFIG)) }
                p {
                    @match config.file {
                        Some(file) => code { (file.display()) },
                        None => (self.says(words::BUILT_IN)),
                    }
                    (words::read(self.language, ago(config.loaded_at), config.loaded_at))
                }
                @if let Some((refused_at, reason)) = config.refused_at.zip(config.refused_because) {
                    p {
                        span.failing { (self.says(words::REFUSED)) }
                        (words::reload_failed(self.language, ago(refused_at)))
                    }
                    pre lang=[self.foreign()] { (reason) }
                }
            }
        }
    }
}

/// How many reports are in each state, the most urgent first.
fn tally(reports: &[ReportFacts<'_>]) -> [(ReportState, usize); 4] {
    let count = |state| reports.iter().filter(|report| report.state == state).count();
    [ReportState::Stale, ReportState::Failing, ReportState::Waiting, ReportState::Fresh]
        .map(|state| (state, count(state)))
}

/// The states that somebody must know of: those that need a look, or all where none does.
fn worst(reports: &[ReportFacts<'_>]) -> impl Iterator<Item = (ReportState, usize)> {
    let tally = tally(reports);
    let looks = tally.iter().any(|(state, count)| *count > 0 && state.needs_a_look());
    tally.into_iter().filter(move |(state, _)| !looks || state.needs_a_look())
}

/// The age of the oldest data that age: those of a closed day do not, and those of a week or a month may be older.
fn oldest(reports: &[ReportFacts<'_>]) -> Option<u64> {
    let of_today = reports.iter().filter(|report| !report.window.is_long() && report.window.is_open());
    of_today.filter_map(|report| report.age_seconds).max()
}

/// A path as a link that also works where a proxy serves the page below a path of its own.
fn beside(path: &str) -> &str {
    path.trim_start_matches('/')
}
