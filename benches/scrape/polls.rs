//! What a poll costs: its answer decoded and added up, rendered and deflated.

use std::borrow::Cow;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use wolkvox_exporter::aggregate::{Aggregator, RowPlan, SeriesCap};
use wolkvox_exporter::catalog::{Catalog, Privacy};
use wolkvox_exporter::store::{Findings, PollData};
use wolkvox_exporter::time::{Moment, Window, WindowName};
use wolkvox_exporter::wolkvox::read_whole;

use super::client::Times;
use super::data;

/// The exporter's own way from an answer to what is served, without the network.
pub struct Poll {
    plan: Arc<RowPlan>,
    operation: String,
}

impl Poll {
    pub fn new(catalog: &Arc<Catalog>, report: &str, operation: &str) -> Poll {
        let report = catalog.report(report).expect("a shipped report");
        Poll { plan: Arc::new(RowPlan::new(report, &Privacy::default())), operation: operation.to_owned() }
    }

    pub fn aggregate(&self, body: &[u8], at: Timestamp) -> Aggregator {
        // A zone whose midnight is never near.
        let window = Window::at(WindowName::Today, at, &TimeZone::UTC);
        let mut aggregator = Aggregator::new(Arc::clone(&self.plan), window);
        read_whole(body, &mut aggregator).expect("the body is as documented");
        aggregator.take_memory().expect("the memory is not bounded");
        aggregator
    }

    pub fn render(&self, aggregator: Aggregator, cap: &mut SeriesCap, at: Moment) -> PollData {
        let aggregated = aggregator.finish(usize::MAX, cap).expect("every field is there");
        PollData {
            window: Window::at(WindowName::Today, at.wall, &TimeZone::UTC),
            polled_at: at,
            stale_after: None,
            rows: aggregated.rows,
            series: aggregated.series() as u64,
            dropped: aggregated.dropped,
            rejected: aggregated.rejected.clone(),
            shortened: aggregated.shortened.clone(),
            findings: Findings::default(),
            changed_at: None,
            families: aggregated.render(&self.operation, WindowName::Today).expect("the memory is not bounded"),
            infos: aggregated.infos.clone(),
            memory: None,
        }
    }

    pub fn run(&self, body: &[u8], cap: &mut SeriesCap, at: Moment) -> PollData {
        self.render(self.aggregate(body, at.wall), cap, at)
    }
}

/// A report that is polled: its answer with so many rows, and how others decode that, as borrowed structs in a list of
/// which nothing is added up.
pub struct Polled {
    pub report: &'static str,
    body: fn(usize) -> Vec<u8>,
    decode: fn(&str),
}

/// One value in a row.
pub const AUX_TIME: Polled =
    Polled { report: "agent_aux_time", body: data::body, decode: |text| decode::<AuxRow>(text) };
/// Twelve values in a row, nine of them in columns.
pub const AGENT_TIME: Polled =
    Polled { report: "agent_time", body: data::times_body, decode: |text| decode::<TimesRow>(text) };

fn decode<'a, Row: Deserialize<'a>>(text: &'a str) {
    let envelope: Envelope<Row> = serde_json::from_str(text).expect("the body is as documented");
    black_box(&envelope);
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "decoded to be compared")]
struct Envelope<'a, Row> {
    #[serde(borrow)]
    code: Cow<'a, str>,
    data: Vec<Row>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "decoded to be compared")]
struct AuxRow<'a> {
    #[serde(borrow)]
    agent_id: Cow<'a, str>,
    #[serde(borrow)]
    agent_dni: Cow<'a, str>,
    #[serde(borrow)]
    agent_name: Cow<'a, str>,
    #[serde(borrow)]
    aux_state: Cow<'a, str>,
    #[serde(borrow)]
    time: Cow<'a, str>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "decoded to be compared")]
struct TimesRow<'a> {
    #[serde(borrow)]
    agent_id: Cow<'a, str>,
    #[serde(borrow)]
    agent_name: Cow<'a, str>,
    #[serde(borrow)]
    login: Cow<'a, str>,
    #[serde(borrow)]
    ready_time: Cow<'a, str>,
    #[serde(borrow)]
    inbound_time: Cow<'a, str>,
    #[serde(borrow)]
    outbound_time: Cow<'a, str>,
    #[serde(borrow)]
    acw_time: Cow<'a, str>,
    #[serde(borrow)]
    ring_time: Cow<'a, str>,
    #[serde(borrow)]
    aux_time: Cow<'a, str>,
    #[serde(borrow)]
    inbound: Cow<'a, str>,
    #[serde(borrow)]
    outbound: Cow<'a, str>,
    #[serde(borrow)]
    internal: Cow<'a, str>,
    #[serde(borrow)]
    hits: Cow<'a, str>,
    #[serde(borrow)]
    rpc: Cow<'a, str>,
}

/// Times of the parts of a poll.
#[derive(Default)]
pub struct Cost {
    pub bytes: usize,
    pub from_str: Times,
    pub aggregate: Times,
    pub poll: Times,
}

/// Measures turn by turn, so that whatever else the machine does meets all alike, and adds the times to `cost`. More rows
/// than the vendor puts into one answer are those of several operations, one poll after the other.
pub fn measure(polled: &Polled, rows: usize, budget: Duration, cost: &mut Cost) {
    let bodies: Vec<Vec<u8>> = data::operations(rows).map(|(_, rows)| (polled.body)(rows)).collect();
    let texts: Vec<&str> = bodies.iter().map(|body| std::str::from_utf8(body).expect("made as text")).collect();
    let catalog = Arc::new(Catalog::builtin().expect("the shipped catalogue is right"));
    let poll = Poll::new(&catalog, polled.report, "operacion-00");
    let at = Moment { wall: Timestamp::now(), steady: Duration::ZERO };
    cost.bytes = bodies.iter().map(Vec::len).sum();
    let mut cap = SeriesCap::default();
    let (begun, before) = (Instant::now(), cost.poll.count());
    while cost.poll.count() < before + 3 || begun.elapsed() < budget {
        let [mut from_str, mut aggregate, mut whole] = [Duration::ZERO; 3];
        for (body, text) in bodies.iter().zip(&texts) {
            let start = Instant::now();
            (polled.decode)(text);
            from_str += start.elapsed();
            let start = Instant::now();
            let aggregator = poll.aggregate(body, at.wall);
            aggregate += start.elapsed();
            black_box(poll.render(aggregator, &mut cap, at));
            whole += start.elapsed();
        }
        cost.from_str.push(from_str);
        cost.aggregate.push(aggregate);
        cost.poll.push(whole);
    }
}
