//! What does a poll cost: its answer decoded and folded, rendered and deflated?

use std::borrow::Cow;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;
use wolkvox_exporter::catalog::{Catalog, Privacy};
use wolkvox_exporter::fold::{Fold, Kept, Plan};
use wolkvox_exporter::segment::{render_entries, render_families};
use wolkvox_exporter::store::Served;
use wolkvox_exporter::time::{Moment, Window, WindowName};

use super::client::Times;
use super::data;

/// The exporter's own way from an answer to what is served, without the network.
pub struct Poll {
    catalog: Arc<Catalog>,
    plan: Arc<Plan>,
    operation: String,
}

impl Poll {
    pub fn new(catalog: &Arc<Catalog>, operation: &str) -> Poll {
        let report = catalog.report("agent_aux_time").expect("a shipped report");
        Poll {
            plan: Arc::new(Plan::new(report, &Privacy::default())),
            catalog: Arc::clone(catalog),
            operation: operation.to_owned(),
        }
    }

    pub fn fold(&self, body: &[u8], at: Timestamp) -> Fold {
        // A zone whose midnight is never near.
        let window = Window::at(WindowName::Today, at, &TimeZone::UTC);
        Fold::new(Arc::clone(&self.plan), window).add(body).expect("the body is as documented")
    }

    pub fn render(&self, fold: Fold, kept: &mut Kept, at: Moment) -> Served {
        let folded = fold.finish(usize::MAX, kept).expect("every field is there");
        Served {
            window: Window::at(WindowName::Today, at.wall, &TimeZone::UTC),
            polled_at: at,
            stale_after: None,
            rows: folded.rows,
            series: folded.series() as u64,
            dropped: folded.dropped,
            rejected: folded.rejected.clone(),
            shortened: folded.shortened.clone(),
            families: render_families(&folded, &self.catalog, &self.operation, WindowName::Today)
                .expect("the memory is not bounded"),
            entries: render_entries(&folded),
            memory: None,
        }
    }

    pub fn run(&self, body: &[u8], kept: &mut Kept, at: Moment) -> Served {
        self.render(self.fold(body, at.wall), kept, at)
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
    pub fold: Times,
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
    let mut kept = Kept::default();
    let begun = Instant::now();
    while cost.poll.count() < 3 || begun.elapsed() < budget {
        let [mut from_str, mut fold, mut whole] = [Duration::ZERO; 3];
        for (body, text) in bodies.iter().zip(&texts) {
            let start = Instant::now();
            let envelope: Envelope = serde_json::from_str(text).expect("the body is as documented");
            black_box(&envelope);
            drop(envelope);
            from_str += start.elapsed();
            let start = Instant::now();
            let folded = poll.fold(body, at.wall);
            fold += start.elapsed();
            black_box(poll.render(folded, &mut kept, at));
            whole += start.elapsed();
        }
        cost.from_str.push(from_str);
        cost.fold.push(fold);
        cost.poll.push(whole);
    }
    cost
}
