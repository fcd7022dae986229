//! Rendering: what a poll's rows say becomes one deflated segment for each family.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::groups::Groups;
use crate::catalog::{Catalog, FamilyId};
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
    pub(super) groups: Groups,
    pub(super) order: Vec<usize>,
    pub(super) families: Vec<FamilyId>,
    pub(super) values: Vec<Option<f64>>,
    /// Info families with their entries, sorted.
    pub infos: Vec<(FamilyId, Arc<InfoEntries>)>,
}

impl Aggregated {
    /// Takes the memory for so many bytes rendered of it; fails where there is none.
    fn take_memory(&self, rendered: usize) -> Result<(), MemoryError> {
        self.memory.resize_blocking(self.size + rendered)
    }

    /// Number of series, info entries not counted.
    pub fn series(&self) -> usize {
        let metrics = self.families.len();
        self.order.iter().map(|group| self.values[group * metrics..][..metrics].iter().flatten().count()).sum()
    }

    /// Families in the report's order, each with its series sorted: written labels and value.
    pub fn families(&self) -> impl Iterator<Item = (FamilyId, impl Iterator<Item = (Labels<'_>, f64)>)> {
        let metrics = self.families.len();
        self.families.iter().enumerate().map(move |(metric, family)| {
            let series = self
                .order
                .iter()
                .filter_map(move |&group| Some((self.groups.get(group), self.values[group * metrics + metric]?)));
            (*family, series)
        })
    }

    /// The gauges, a segment for each family that has series; fails where they take more memory than a poll may.
    pub fn render(
        &self,
        catalog: &Catalog,
        operation: &str,
        window: WindowName,
    ) -> Result<Vec<(FamilyId, Segment)>, MemoryError> {
        let mut renderer = Renderer::default();
        let mut common = String::new();
        LabelName::new("operation").write(&mut common, operation);
        LabelName::new("window").write(&mut common, &window.to_string());
        let mut segments: Vec<(FamilyId, Segment)> = Vec::new();
        for (family, series) in self.families() {
            let start = format!("{}{{{common}", catalog.families()[family.0].name);
            let mut any = false;
            for (labels, value) in series {
                any = true;
                renderer.push(|text| write_series(text, &start, labels, value));
            }
            if any {
                segments.push((family, renderer.finish()));
                self.take_memory(segments.iter().map(|(_, segment)| segment.deflated.len()).sum())?;
            }
        }
        Ok(segments)
    }
}

/// Writes a line: what all series of the family begin with, the labels, and the value.
fn write_series(text: &mut Vec<u8>, start: &str, labels: Labels<'_>, value: f64) {
    text.extend_from_slice(start.as_bytes());
    for part in labels.parts() {
        text.push(b',');
        text.extend_from_slice(part.as_bytes());
    }
    text.extend_from_slice(b"} ");
    write_value(text, value);
    text.push(b'\n');
}
