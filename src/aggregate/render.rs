//! Rendering: what a poll's rows say becomes one deflated segment for each family.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::groups::Groups;
use crate::catalog::Family;
use crate::memory::{MemoryError, Share};
use crate::segment::{Renderer, Segment};
use crate::series::{InfoEntries, LabelName, Labels, write_value};
use crate::time::WindowName;

/// What a poll's rows say, ready to be rendered.
#[derive(Debug)]
pub struct Aggregated {
    /// The vendor's rows, nested ones not counted.
    pub rows: u64,
    /// Field and how many of its values could not be read.
    pub rejected: Vec<(String, u64)>,
    /// Field and how many of its values were too long for a label, and stand there shortened.
    pub shortened: Vec<(String, u64)>,
    /// Names of fields that the vendor does not document, some of them where there are many.
    pub undocumented: BTreeSet<String>,
    /// Nested rows of days outside the window; they count nowhere.
    pub outside: u64,
    /// Rows of which no value could be read.
    pub without_value: u64,
    /// Series and info entries over the cap.
    pub dropped: u64,
    pub(super) memory: Share,
    /// Bytes of memory, without what is rendered of it.
    pub(super) size: usize,
    pub(super) tables: Vec<Table>,
    /// Info families with their entries, sorted.
    pub infos: Vec<(Arc<Family>, Arc<InfoEntries>)>,
}

/// Metrics that have the same labels, and their values.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) groups: Groups,
    /// The groups to show.
    pub(super) order: Vec<usize>,
    /// Cells of each group.
    pub(super) cells: usize,
    pub(super) families: Vec<FamilyCells>,
    /// Group by group.
    pub(super) values: Vec<Option<f64>>,
}

/// Which cells of a group are a family's.
#[derive(Debug)]
pub(super) struct FamilyCells {
    pub(super) family: Arc<Family>,
    pub(super) first: usize,
    /// Of each cell: the written label that tells it from the others.
    pub(super) columns: Vec<Option<String>>,
}

/// A series: its labels, the one of its column, and the value.
pub type AggregatedSeries<'a> = (Labels<'a>, Option<&'a str>, f64);

impl Table {
    pub(super) fn series(&self) -> usize {
        self.order.iter().map(|group| self.values[group * self.cells..][..self.cells].iter().flatten().count()).sum()
    }

    fn series_of<'t>(&'t self, of: &'t FamilyCells) -> impl Iterator<Item = AggregatedSeries<'t>> {
        self.order.iter().flat_map(move |&group| {
            let values = &self.values[group * self.cells + of.first..][..of.columns.len()];
            let labels = self.groups.get(group);
            let series = values.iter().zip(&of.columns);
            series.filter_map(move |(value, column)| Some((labels, column.as_deref(), (*value)?)))
        })
    }
}

impl Aggregated {
    /// Takes the memory for so many bytes rendered of it; fails where there is none.
    fn take_memory(&self, rendered: usize) -> Result<(), MemoryError> {
        self.memory.resize_blocking(self.size + rendered)
    }

    /// Number of series, info entries not counted.
    pub fn series(&self) -> usize {
        self.tables.iter().map(Table::series).sum()
    }

    /// Families table by table, each with its series sorted.
    pub fn families(&self) -> impl Iterator<Item = (&Arc<Family>, impl Iterator<Item = AggregatedSeries<'_>>)> {
        let families = self.tables.iter().flat_map(|table| table.families.iter().map(move |family| (table, family)));
        families.map(|(table, family)| (&family.family, table.series_of(family)))
    }

    /// The gauges, a segment for each family that has series; fails where they take more memory than a poll may.
    pub fn render(&self, operation: &str, window: WindowName) -> Result<Vec<(Arc<Family>, Segment)>, MemoryError> {
        let mut renderer = Renderer::default();
        let mut common = String::new();
        LabelName::new("operation").write(&mut common, operation);
        LabelName::new("window").write(&mut common, &window.to_string());
        let mut segments: Vec<(Arc<Family>, Segment)> = Vec::new();
        for (family, series) in self.families() {
            let start = format!("{}{{{common}", family.name);
            let mut any = false;
            for (labels, column, value) in series {
                any = true;
                renderer.push(|text| write_series(text, &start, labels, column, value));
            }
            if any {
                segments.push((Arc::clone(family), renderer.finish()));
                self.take_memory(segments.iter().map(|(_, segment)| segment.deflated.len()).sum())?;
            }
        }
        Ok(segments)
    }
}

/// Writes a line: what all series of the family begin with, the labels, and the value.
fn write_series(text: &mut Vec<u8>, start: &str, labels: Labels<'_>, column: Option<&str>, value: f64) {
    text.extend_from_slice(start.as_bytes());
    for part in labels.parts().chain(column) {
        text.push(b',');
        text.extend_from_slice(part.as_bytes());
    }
    text.extend_from_slice(b"} ");
    write_value(text, value);
    text.push(b'\n');
}
