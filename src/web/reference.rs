//! The reference of the metrics, for whoever is on a machine without the repository: the text as it is, and for browsers the
//! same as a page.

use std::sync::LazyLock;

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use maud::{DOCTYPE, PreEscaped, html};
use pulldown_cmark::{Options, Parser, html::push_html};

use super::status::STYLE;

pub(super) const TEXT: &str = include_str!("../../docs/metrics.md");

/// Whether a page is asked for, as browsers do and nothing else.
pub(super) fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|media| media.split(';').next().is_some_and(|name| name.trim() == "text/html"))
}

pub(super) fn page() -> &'static str {
    static PAGE: LazyLock<String> = LazyLock::new(|| {
        let mut body = String::with_capacity(TEXT.len() * 2);
        push_html(&mut body, Parser::new_ext(TEXT, Options::ENABLE_TABLES));
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
    });
    &PAGE
}
