//! The reference of the metrics, for whoever is on a machine without the repository: the text as it is, and for browsers the
//! same as a page.

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use maud::{DOCTYPE, PreEscaped, html};
use pulldown_cmark::{Event, Options, Parser, html::push_html};

use super::status::STYLE;
use crate::catalog::Catalog;

const BUILT_IN: &str = include_str!("../../docs/metrics.md");

/// The built-in reference, and behind it the operator's own reports.
pub(super) fn text(catalog: &Catalog) -> String {
    let own: String =
        catalog.reports().iter().filter(|report| report.file.is_some()).map(|report| report.section()).collect();
    if own.is_empty() { BUILT_IN.to_owned() } else { format!("{BUILT_IN}\n## Your own reports\n{own}") }
}

/// Whether a page is asked for, as browsers do and nothing else.
pub(super) fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|media| media.split(';').next().is_some_and(|name| name.trim() == "text/html"))
}

pub(super) fn page(catalog: &Catalog) -> String {
    let text = text(catalog);
    // What an operator has written into a declaration stays text.
    let events = Parser::new_ext(&text, Options::ENABLE_TABLES).map(|event| match event {
        Event::Html(markup) | Event::InlineHtml(markup) if !markup.starts_with("<!--") => Event::Text(markup),
        event => event,
    });
    let mut body = String::with_capacity(text.len() * 2);
    push_html(&mut body, events);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                link rel="icon" href="data:,";
                title { "Metrics · wolkvox-exporter" }
                style { (PreEscaped(STYLE)) }
            }
            body { main { div { (PreEscaped(body)) } } }
        }
    };
    page.into_string()
}
