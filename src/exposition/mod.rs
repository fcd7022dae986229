//! The exposition: one scrape becomes one response.
//!
//! A response is the stored segments in the catalogue's order, each family under its header, and behind them
//! a small part made for this scrape: the exporter's own metrics. Nothing of a report is rendered or
//! compressed while a scrape waits.

mod accept;
mod body;
mod live;
mod own;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response};

use prometheus_client::registry::Registry;

use crate::catalog::{Family, FamilyKind};
use crate::lock;
use crate::segment::{Renderer, Segment};
use crate::store::{Snapshot, Store, View};
use crate::telemetry::{ReportMetrics, Telemetry};
use crate::time::Moment;

pub use accept::{ExpositionFormat, accepts_gzip};
use body::Sequence;
pub use body::{Chunk, Scrape, ScrapePieces};
use live::{Live, Shown};

/// Text of about this many bytes is rendered and deflated in a millisecond.
const LIGHT_LENGTH: usize = 256 * 1024;
/// Of the text that every scrape changes, roughly.
const LIVE_LENGTH: usize = 4 * 1024;

/// Renders scrapes.
pub struct Exposition {
    store: Arc<Store>,
    telemetry: Arc<Telemetry>,
    /// Per format, the last snapshot put in order.
    ordered: [Mutex<Ordered>; 2],
    /// Per format, what is kept from one scrape's own part for the next.
    live: [Mutex<Live>; 2],
}

/// A snapshot and its segments in the order of a scrape, headers among them.
#[derive(Default)]
struct Ordered {
    last: Option<(Arc<Snapshot>, Arc<Sequence>)>,
    /// The header of each family that was there.
    headers: BTreeMap<Arc<Family>, Segment>,
}

impl Exposition {
    pub fn new(store: Arc<Store>, telemetry: Arc<Telemetry>) -> Exposition {
        Exposition { store, telemetry, ordered: Default::default(), live: Default::default() }
    }

    /// Answers a scrape made at `now` with these request headers.
    pub fn respond(&self, request: &HeaderMap, now: Moment) -> Response<Scrape> {
        let format = ExpositionFormat::negotiate(&joined(request, &ACCEPT));
        let gzip = accepts_gzip(&joined(request, &ACCEPT_ENCODING));
        let view = self.store.view(now);
        let ordered = self.ordered(format, &view.snapshot);
        let parts = [ordered, Arc::new(self.own_part(format, view))];
        let mut response = Response::new(Scrape::new(parts, gzip));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
        headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
        if gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }

    /// Whether there is so much of the exporter's own metrics that a scrape must not be answered on a thread that
    /// others wait for: with hundreds of operations.
    pub fn is_heavy(&self) -> bool {
        let length = |live: &Mutex<Live>| lock::mutex(live).steady_length();
        self.live.iter().any(|live| length(live) > LIGHT_LENGTH)
    }

    /// The exporter's own metrics at `now`, without an end marker.
    pub fn own_metrics(&self, format: ExpositionFormat, now: Moment) -> String {
        self.steady_text(format, self.store.view(now), 0) + &self.live_text(format)
    }

    fn ordered(&self, format: ExpositionFormat, snapshot: &Arc<Snapshot>) -> Arc<Sequence> {
        let mut ordered = lock::mutex(&self.ordered[format as usize]);
        if let Some((_, sequence)) = ordered.last.as_ref().filter(|(of, _)| Arc::ptr_eq(of, snapshot)) {
            return Arc::clone(sequence);
        }
        // What a reload took away, or gave another help, is not kept.
        let known = std::mem::take(&mut ordered.headers);
        let mut segments = Vec::new();
        for (family, parts) in &snapshot.families {
            let same = known.get_key_value(family).filter(|(known, _)| Arc::ptr_eq(known, family));
            let header = same.map_or_else(|| header(family, format), |(_, header)| header.clone());
            segments.push(header.clone());
            segments.extend(parts.iter().cloned());
            ordered.headers.insert(Arc::clone(family), header);
        }
        let sequence = Arc::new(Sequence::new(segments));
        ordered.last = Some((Arc::clone(snapshot), Arc::clone(&sequence)));
        sequence
    }

    /// What polls and reloads change, as text of about `length` bytes.
    fn steady_text(&self, format: ExpositionFormat, view: View, length: usize) -> String {
        let mut reports = Registry::default();
        reports.register_collector(Box::new(ReportMetrics(view)));
        let mut text = self.telemetry.with_registry(|registry| own::render(registry, format, length));
        text += &own::render(&reports, format, length);
        text
    }

    /// What every scrape changes.
    fn live_text(&self, format: ExpositionFormat) -> String {
        self.telemetry.with_live(|registry| own::render(registry, format, LIVE_LENGTH))
    }

    /// The part made for this scrape, and the end of the stream.
    fn own_part(&self, format: ExpositionFormat, view: View) -> Sequence {
        let mut live = lock::mutex(&self.live[format as usize]);
        // Asked for before anything is read: what changes meanwhile is read again at the next scrape.
        let shown = Shown::of(&view, self.telemetry.version());
        live.show(shown, |length| self.steady_text(format, view, length));
        let mut text = self.live_text(format);
        if format == ExpositionFormat::OpenMetrics {
            text.push_str("# EOF\n");
        }
        Sequence::new(live.segments(&text))
    }
}

fn header(family: &Family, format: ExpositionFormat) -> Segment {
    let mut renderer = Renderer::default();
    renderer.push(|text| text.extend_from_slice(family_header(family, format).as_bytes()));
    renderer.finish()
}

/// `# HELP`, `# TYPE` and, where the format has it, `# UNIT`.
fn family_header(family: &Family, format: ExpositionFormat) -> String {
    let (name, kind) = match (family.kind, format) {
        // An info type makes a text 0.0.4 reader drop the whole scrape.
        (FamilyKind::Info, ExpositionFormat::OpenMetrics) => (family.name.trim_end_matches("_info"), "info"),
        (FamilyKind::Info | FamilyKind::Gauge, _) => (family.name.as_str(), "gauge"),
    };
    let help = family.help.replace('\\', "\\\\").replace('\n', "\\n");
    let mut header = format!("# HELP {name} {help}\n# TYPE {name} {kind}\n");
    let unit = ["seconds", "ratio", "bytes"].into_iter().find(|unit| name.ends_with(&format!("_{unit}")));
    if let Some(unit) = unit.filter(|_| format == ExpositionFormat::OpenMetrics) {
        header.extend(["# UNIT ", name, " ", unit, "\n"]);
    }
    header
}

/// A header that came in several lines, as one list.
fn joined(headers: &HeaderMap, name: &HeaderName) -> String {
    let values: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    values.join(",")
}
