//! Captures of a simulated vendor, each of an operation of four agents at one moment, with one key: always the same.

use std::fmt::Write as _;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use wolkvox_exporter::capture::{Capture, CapturedReport, KEY_BYTES, Kept, Recording};
use wolkvox_exporter::catalog::{Catalog, Report};
use wolkvox_exporter::memory::PollMemory;
use wolkvox_exporter::time::{Window, WindowName, day_of};
use wolkvox_exporter::wolkvox::{Client, Request, Token, Vendor};
use wolkvox_simulator::{self as simulator, Answer, Fault, Operation, Scope, Simulator};

use crate::support::harness::TOKEN;

/// Where the sets are, a folder for each.
pub const FOLDER: &str = "tests/captures";
pub const SETS: [&str; 3] = ["plain", "quirky", "unknown-fields"];
const KEY: [u8; KEY_BYTES] = [7; KEY_BYTES];
const ZONE: &str = "America/Bogota";
const LONGEST: usize = 16 << 20;

/// A capture, and what it was made of.
pub struct Captured {
    pub capture: Capture,
    pub reports: Vec<Arc<Report>>,
    /// The answers as they came.
    pub originals: Vec<Vec<u8>>,
    pub window: Window,
    pub simulator: Simulator,
}

pub fn zone() -> TimeZone {
    TimeZone::get(ZONE).expect("the zone database is compiled in")
}

/// The moment of the sets: a Monday afternoon.
pub fn moment() -> Timestamp {
    "2026-03-02T20:00:00Z".parse().expect("a moment")
}

pub fn settings() -> simulator::Settings {
    let operation = Operation { zone: zone(), agents: 4, callbacks_per_day: 16, ..Operation::new(TOKEN) };
    simulator::Settings { operations: vec![operation], clock: Arc::new(moment), ..simulator::Settings::default() }
}

/// A set as its vendor makes it today.
pub async fn set(name: &str) -> Captured {
    let catalog = Catalog::builtin().expect("the shipped catalogue is right");
    let simulator = Simulator::start(settings()).await.expect("a free port");
    for report in catalog.by_default() {
        let answer = answer(&simulator, report);
        let fault = match (name, report.api.as_str()) {
            ("quirky", "agent_3" | "diagram_3") => Fault::BadValues,
            ("quirky", "agent_9") => Fault::Body(bare_and_escaped(&answer)),
            ("quirky", "chat_7") => Fault::Bom,
            ("quirky", _) => Fault::StringCodes,
            ("unknown-fields", _) => Fault::Body(with_unknown_fields(&answer)),
            _ => continue,
        };
        simulator.inject(fault, Scope { api: Some(report.api.clone()), ..Scope::default() });
    }
    captured(&catalog.by_default().cloned().collect::<Vec<_>>(), simulator).await
}

/// What the vendor answers to a request for today.
fn answer(simulator: &Simulator, report: &Report) -> Answer {
    let (ini, end) = window().whole().vendor_dates();
    let target = format!("/api/v2/{}?api={}&date_ini={ini}&date_end={end}", report.endpoint, report.api);
    simulator.vendor().answer(&simulator::Request::get(&target, Some(TOKEN)), moment())
}

fn window() -> Window {
    Window::at(WindowName::Today, moment(), &zone())
}

/// Nothing but the rows, counts as numbers, and letters beyond ASCII escaped.
fn bare_and_escaped(answer: &Answer) -> Vec<u8> {
    let text = answer.text();
    let (_, rows) = text.split_once("\"data\":").expect("rows");
    let mut bare = String::new();
    for char in rows.strip_suffix('}').expect("the envelope's end").chars() {
        match char {
            _ if char.is_ascii() => bare.push(char),
            _ => drop(write!(bare, "\\u{:04x}", u32::from(char))),
        }
    }
    let mut numbers = String::new();
    for (place, part) in bare.split("\"count\":\"").enumerate() {
        let (count, rest) = part.split_once('"').unwrap_or(("", part));
        match place {
            0 => numbers.push_str(part),
            _ => drop(write!(numbers, "\"count\":{count}{rest}")),
        }
    }
    numbers.into_bytes()
}

/// Each row begins with fields that nobody declared, one of them with a name in its key.
fn with_unknown_fields(answer: &Answer) -> Vec<u8> {
    let unknown = "\"queue_position\":3,\"sentiment_score\":\"35 %\",\"supervisor\":{\"Ana Núñez\":[\"llamar al 301 555 0123\"]},";
    let text = answer.text().replace("\"data\":[{", &format!("\"data\":[{{{unknown}"));
    text.replace("},{\"agent", &format!("}},{{{unknown}\"agent")).into_bytes()
}

/// Asks for each report once, and captures what comes.
pub async fn captured(reports: &[Arc<Report>], simulator: Simulator) -> Captured {
    let base_url = simulator.base_url().parse().expect("a URL");
    let client = Client::new([&base_url], LONGEST).expect("a client");
    let recording = Recording::of(Arc::new(client), LONGEST);
    let (window, memory) = (window(), PollMemory::unbounded());
    for report in reports {
        let request = Request {
            base_url: base_url.clone(),
            endpoint: report.endpoint.clone(),
            api: report.api.clone(),
            params: report.sent_params(),
            dates: Some(window.whole().vendor_dates()),
            token: Token::parse(TOKEN).expect("a token"),
            timeout: crate::support::harness::PATIENCE,
        };
        recording.call(&request, &memory).await.expect("an answer");
    }
    let (mut originals, mut captured) = (Vec::new(), Vec::new());
    for (report, recorded) in reports.iter().zip(recording.take()) {
        let kept = recorded.into_kept();
        originals.push(match &kept {
            Kept::Body { bytes, .. } => bytes.clone(),
            _ => Vec::new(),
        });
        captured.push(CapturedReport {
            operation: "acme".into(),
            report: Arc::clone(report),
            window: WindowName::Today,
            day: day_of(moment(), &zone()),
            timezone: ZONE.to_owned(),
            kept: Some(kept),
        });
    }
    Captured { capture: Capture::of(captured, &KEY), reports: reports.to_vec(), originals, window, simulator }
}
