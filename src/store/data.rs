//! What a good poll brought, and until when it is served.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::catalog::Family;
use crate::memory::ServedMemory;
use crate::segment::Segment;
use crate::series::InfoEntries;
use crate::time::{Moment, Window};

/// The result of a good poll.
#[derive(Clone, Debug)]
pub struct PollData {
    pub window: Window,
    pub polled_at: Moment,
    /// Age at which it is dropped; `None` where only the window's own end counts (`yesterday` cannot age).
    pub stale_after: Option<Duration>,
    pub rows: u64,
    pub series: u64,
    /// Series over the cap, which are not among the served ones.
    pub dropped: u64,
    /// Field and how many of its values could not be read.
    pub rejected: Vec<(String, u64)>,
    /// Field and how many of its values stand shortened in a label.
    pub shortened: Vec<(String, u64)>,
    pub findings: Findings,
    /// When its content was first had; `None` where it came just now.
    pub changed_at: Option<Timestamp>,
    /// The gauges, rendered.
    pub families: Vec<(Arc<Family>, Segment)>,
    /// Entries of info families, joined with those of the operation's other reports.
    pub infos: Vec<(Arc<Family>, Arc<InfoEntries>)>,
    /// Keeps [`served_bytes`] of it counted; `None` where memory is not bounded.
    pub memory: Option<ServedMemory>,
}

/// What an answer had that its report's declaration does not expect. None of it is served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Fields that the vendor does not document, by name where that looks like one; of many, some.
    pub undocumented_fields: Vec<String>,
    /// Rows of which no value could be read.
    pub rows_without_value: u64,
    /// Nested rows of days outside the window.
    pub rows_outside_window: u64,
}

/// Memory that served families and info entries take.
pub fn served_bytes(families: &[(Arc<Family>, Segment)], infos: &[(Arc<Family>, Arc<InfoEntries>)]) -> usize {
    let deflated = families.iter().map(|(_, segment)| segment.deflated.len());
    let entries = infos.iter().map(|(_, entries)| entries.memory());
    deflated.chain(entries).fold(0, usize::saturating_add)
}

impl PollData {
    /// Whether it says the same, whenever it was polled.
    pub(super) fn has_content_of(&self, other: &PollData) -> bool {
        let said = |data: &PollData| (data.rows, data.series, data.dropped);
        said(self) == said(other) && self.families == other.families && self.infos == other.infos
    }

    /// Age is real time that passed: setting a clock makes nothing younger or older.
    pub(super) fn is_stale(&self, now: Moment) -> bool {
        self.stale_after.is_some_and(|limit| now.since(self.polled_at) >= limit)
    }

    /// Whether it may be served: neither too old, nor of a day that is not the window's any more.
    pub(super) fn is_current(&self, now: Moment) -> bool {
        !self.is_stale(now) && self.window.has_its_name(now.wall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::segment::Renderer;

    #[test]
    fn what_is_served_takes_the_memory_of_its_segments_and_of_its_entries() {
        let mut renderer = Renderer::default();
        renderer.push(|text| text.extend_from_slice(b"a 1\n"));
        let segment = renderer.finish();
        let mut entries = InfoEntries::new(1);
        entries.push(["Ana"]);
        let (deflated, named) = (segment.deflated.len(), entries.memory());
        assert!(deflated > 0 && named >= "Ana".len());
        let catalog = Catalog::builtin().unwrap();
        let [one, other, third] = [0, 1, 2].map(|place| Arc::clone(&catalog.families()[place]));
        let families = [(one, segment.clone()), (other, segment)];
        assert_eq!(served_bytes(&families, &[(third, Arc::new(entries))]), 2 * deflated + named);
    }
}
