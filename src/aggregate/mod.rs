//! Aggregation: how a report's rows become series.
//!
//! Rows are added up while they are parsed: each field that the report declares is borrowed from the answer, the labels
//! decide the group, the values are added to its cells, and nothing else of a row is kept. Metrics that have only some of the
//! report's labels stand in a table of their own, with groups of its own.
//!
//! ```text
//! {"agent_name":"Ana","aux_state":"Break","time":"00:01:00"}     a row, as the vendor sends it
//!        │ decode: one slot for each declared field of the row plan
//! ["Ana", "Break", "00:01:00"]
//!        │ labels → group agent_name="Ana",state="Break"         values → inputs [60]
//!        ▼                                                              ▼
//! group 17 ───────────────────────────────────────────── cells [total 90 → 150, …], one for each metric
//!        │ finish: at most `cap` series        render: one deflated segment for each family
//! wolkvox_agent_aux_seconds{…,agent_name="Ana",state="Break"} 150
//! ```

mod aggregator;
mod cap;
mod cells;
mod decode;
mod groups;
mod render;
mod row_plan;

pub use aggregator::{Aggregator, MissingFields};
pub use cap::SeriesCap;
pub use decode::Decoder;
pub use render::{Aggregated, AggregatedSeries};
pub use row_plan::RowPlan;
