//! The cap on series: which groups stay where a report has more series than are served.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Which groups were kept when a report was over its cap, so that the same ones stay from poll to poll: table by table.
#[derive(Debug, Default)]
pub struct SeriesCap(Vec<TableCap>);

/// The same of one table.
#[derive(Debug, Default)]
pub(super) struct TableCap(HashSet<u64>);

impl SeriesCap {
    pub(super) fn of_tables(&mut self, count: usize) {
        self.0.resize_with(count, TableCap::default);
    }

    pub(super) fn of_table(&mut self, place: usize) -> &mut TableCap {
        &mut self.0[place]
    }
}

impl TableCap {
    /// The groups to show, in their order. Over the cap, those shown before come first and others in the order of a
    /// hash of their key: who stays does not depend on what the vendor happens to send first.
    pub(super) fn choose<K: Hash>(
        &mut self,
        mut order: Vec<usize>,
        key: impl Fn(usize) -> K,
        all: usize,
        cap: usize,
        series_of: impl Fn(usize) -> usize,
    ) -> Vec<usize> {
        if all <= cap {
            self.0.clear();
            return order;
        }
        let hash = |group: usize| {
            let mut hasher = DefaultHasher::new();
            key(group).hash(&mut hasher);
            hasher.finish()
        };
        let mut ranked: Vec<(bool, u64, usize)> = order
            .iter()
            .map(|&group| {
                let hash = hash(group);
                (!self.0.contains(&hash), hash, group)
            })
            .collect();
        ranked.sort_unstable();
        let mut room = cap;
        let fitting = ranked.iter().take_while(|(_, _, group)| {
            let series = series_of(*group);
            let fits = series <= room;
            room = room.saturating_sub(series);
            fits
        });
        self.0 = fitting.map(|(_, hash, _)| *hash).collect();
        order.retain(|group| self.0.contains(&hash(*group)));
        order
    }
}
