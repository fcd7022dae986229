//! What does a poll cost: its answer decoded and added up, rendered and deflated?

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
    pub fn new(catalog: &Arc<Catalog>, operation: &str) -> Poll {
        let report = catalog.report("agent_aux_time").expect("a shipped report");
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

/// What others decode: the same rows as borrowed structs in a list, and nothing added up.
#[derive(Deserialize)]
#[expect(dead_code, reason = "decoded to be compared")]
struct Envelope<'a> {
    code: Cow<'a, str>,
    #[serde(borrow)]
    data: Vec<Row<'a>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "decoded to be compared")]
struct Row<'a> {
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

/// Times of the parts of a poll.
#[derive(Default)]
pub struct Cost {
    pub bytes: usize,
    pub from_str: Times,
    pub aggregate: Times,
    pub poll: Times,
}

/// Measures turn by turn, so that whatever else the machine does meets all alike. More rows than the vendor puts into
/// one answer are those of several operations, one poll after the other.
pub fn measure(rows: usize, budget: Duration) -> Cost {
    let bodies: Vec<Vec<u8>> = data::operations(rows).map(|(_, rows)| data::body(rows)).collect();
    let texts: Vec<&str> = bodies.iter().map(|body| std::str::from_utf8(body).expect("made as text")).collect();
    let catalog = Arc::new(Catalog::builtin().expect("the shipped catalogue is right"));
    let poll = Poll::new(&catalog, "operacion-00");
    let at = Moment { wall: Timestamp::now(), steady: Duration::ZERO };
    let mut cost = Cost { bytes: bodies.iter().map(Vec::len).sum(), ..Cost::default() };
    let mut cap = SeriesCap::default();
    let begun = Instant::now();
    while cost.poll.count() < 3 || begun.elapsed() < budget {
        let [mut from_str, mut aggregate, mut whole] = [Duration::ZERO; 3];
        for (body, text) in bodies.iter().zip(&texts) {
            let start = Instant::now();
            let envelope: Envelope = serde_json::from_str(text).expect("the body is as documented");
            black_box(&envelope);
            drop(envelope);
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
    cost
}
