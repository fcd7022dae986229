//! What a good poll brought, and until when it is served.

use std::sync::Arc;
use std::time::Duration;

use crate::catalog::FamilyId;
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
    /// The gauges, rendered.
    pub families: Vec<(FamilyId, Segment)>,
    /// Entries of info families, joined with those of the operation's other reports.
    pub infos: Vec<(FamilyId, Arc<InfoEntries>)>,
    /// Keeps [`served_bytes`] of it counted; `None` where memory is not bounded.
    pub memory: Option<ServedMemory>,
}

/// Memory that served families and info entries take.
pub fn served_bytes(families: &[(FamilyId, Segment)], infos: &[(FamilyId, Arc<InfoEntries>)]) -> usize {
    let deflated = families.iter().map(|(_, segment)| segment.deflated.len());
    let entries = infos.iter().map(|(_, entries)| entries.memory());
    deflated.chain(entries).fold(0, usize::saturating_add)
}

impl PollData {
    /// Age is real time that passed: setting a clock makes nothing younger or older.
    pub(super) fn is_stale(&self, now: Moment) -> bool {
        self.stale_after.is_some_and(|limit| now.since(self.polled_at) >= limit)
    }

    /// Whether it may be served: neither too old, nor of a day that is not the window's any more.
    pub(super) fn is_current(&self, now: Moment) -> bool {
        !self.is_stale(now) && self.window.has_its_name(now.wall)
    }
}
