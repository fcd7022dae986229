//! The aggregator: rows of equal labels are added up while they are parsed.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::cap::{SeriesCap, TableCap};
use super::cells::{Added, Cell, FieldCounts, Unreadable, read_value};
use super::groups::{Groups, Keys};
use super::render::Aggregated;
use super::render::{FamilyCells, Table};
use super::row_plan::{CellPlan, InfoPlan, LabelPlan, NestedRows, RowPlan, Slot, TablePlan};
use crate::catalog::{Form, parse_day};
use crate::memory::{MemoryError, PollMemory, Share};
use crate::rows::Scalar;
use crate::series::{InfoEntries, UNKNOWN, clean_into, is_equal, shorten};
use crate::time::Window;

/// Separates the values of an info entry while it is looked up. Cleaning turns every tab of a value into a blank.
const SEPARATOR: char = '\t';

/// Declared fields that no row has.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("no row of {rows} has the field {}", .fields.join(", "))]
pub struct MissingFields {
    rows: u64,
    fields: Vec<String>,
}

/// The rows of one answer, added up. Those of several answers merge, as a window may be asked in parts.
#[derive(Debug)]
pub struct Aggregator {
    plan: Arc<RowPlan>,
    window: Window,
    pub(super) rows: u64,
    nested_rows: u64,
    /// Nested rows of days outside the window.
    outside: u64,
    /// Rows of which no value could be read, where the report has values.
    without_value: u64,
    /// One for each table of the plan.
    tables: Vec<Sums>,
    infos: Vec<Keys>,
    pub(super) seen: Seen,
    /// Values that could not be read.
    rejected: FieldCounts,
    /// Values that were too long for a label.
    shortened: FieldCounts,
    scratch: Scratch,
    memory: Share,
}

/// The groups of one table, and what their rows add up to.
#[derive(Debug, Default)]
struct Sums {
    groups: Groups,
    /// One per group and cell of the plan, group by group.
    cells: Vec<Cell>,
    /// The last row's group.
    group: usize,
}

/// Which fields the rows had.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Of each declared field: whether any row had it.
    pub(super) carried: Vec<bool>,
    /// Names that the vendor does not document, as far as they are kept.
    undocumented: BTreeSet<String>,
}

/// Undocumented names that are kept of one poll, and the longest of them; an answer of nothing but new names costs no more.
const MOST_NAMES: usize = 20;
const LONGEST_NAME: usize = 64;

impl Seen {
    /// A name's place among the declared fields; one that is not documented is noted.
    pub(super) fn find(&mut self, plan: &RowPlan, name: &str, nested: bool) -> Option<usize> {
        let field = plan.fields.find(name, nested);
        if field.is_none() && self.undocumented.len() < MOST_NAMES && !plan.documented.contains(name) {
            self.undocumented.insert(name[..name.floor_char_boundary(LONGEST_NAME)].to_owned());
        }
        field
    }

    fn merge(&mut self, other: Seen) {
        for (carried, theirs) in self.carried.iter_mut().zip(other.carried) {
            *carried |= theirs;
        }
        self.undocumented.extend(other.undocumented);
        while self.undocumented.len() > MOST_NAMES {
            self.undocumented.pop_last();
        }
    }
}

/// Buffers that every row uses again.
#[derive(Debug, Default)]
struct Scratch {
    /// Whether the next row may use what the last one's labels led to.
    follows: bool,
    labels: String,
    entry: String,
    value: String,
    inputs: Vec<Option<f64>>,
    /// Whether the answer at hand had halves of characters, or may have some, each of which is U+FFFD now.
    mended: bool,
}

impl Aggregator {
    pub fn new(plan: Arc<RowPlan>, window: Window) -> Aggregator {
        let fields = plan.fields.0.len();
        Aggregator {
            window,
            rows: 0,
            nested_rows: 0,
            outside: 0,
            without_value: 0,
            tables: plan.tables.iter().map(|_| Sums::default()).collect(),
            infos: plan.infos.iter().map(|_| Keys::default()).collect(),
            seen: Seen { carried: vec![false; fields], ..Seen::default() },
            rejected: FieldCounts::new(fields),
            shortened: FieldCounts::new(fields),
            scratch: Scratch::default(),
            memory: PollMemory::unbounded().share(),
            plan,
        }
    }

    /// The same, and what it takes is a share of a poll's memory.
    #[must_use]
    pub fn within(self, memory: Share) -> Aggregator {
        Aggregator { memory, ..self }
    }

    pub(super) fn plan(&self) -> &Arc<RowPlan> {
        &self.plan
    }

    /// What is kept of the last row is kept of a row of the same answer only.
    pub(super) fn begin_answer(&mut self, mended: bool) {
        self.scratch.follows = false;
        self.scratch.mended = mended;
    }

    /// Takes the memory for what was added; fails where there is none.
    pub fn take_memory(&self) -> Result<(), MemoryError> {
        let infos = self.infos.iter().map(Keys::memory).sum::<usize>();
        let sums = self.tables.iter().map(Sums::memory).sum::<usize>();
        // Beside what grows stands what it grew from, and later its sorted places and values.
        self.memory.resize_blocking((infos + sums) * 3 / 2)
    }

    /// Adds what another aggregator of the same plan and window has, as if its rows had come here.
    pub fn merge(&mut self, other: Aggregator) {
        for ((sums, theirs), plan) in self.tables.iter_mut().zip(&other.tables).zip(&self.plan.tables) {
            sums.merge(theirs, &plan.cells);
        }
        for (entries, theirs) in self.infos.iter_mut().zip(&other.infos) {
            for place in 0..theirs.len() {
                entries.place(theirs.get(place));
            }
        }
        self.seen.merge(other.seen);
        let counts = self.rejected.0.iter_mut().chain(&mut self.shortened.0);
        for (count, theirs) in counts.zip(other.rejected.0.iter().chain(&other.shortened.0)) {
            count.count += theirs.count;
        }
        self.rows += other.rows;
        self.nested_rows += other.nested_rows;
        self.outside += other.outside;
        self.without_value += other.without_value;
    }

    /// Rows of the vendor's taken so far, nested ones not counted.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The series of all rows added, at most `cap` of them; fails where a declared field was in no row.
    pub fn finish(self, cap: usize, kept: &mut SeriesCap) -> Result<Aggregated, MissingFields> {
        self.check_schema()?;
        let (mut tables, mut dropped, mut room) = (Vec::new(), 0, cap);
        kept.of_tables(self.tables.len());
        for (place, (sums, plan)) in self.tables.into_iter().zip(&self.plan.tables).enumerate() {
            let (table, left_out) = sums.finish(plan, room, kept.of_table(place));
            room = room.saturating_sub(table.series());
            dropped += left_out;
            tables.push(table);
        }
        let mut infos = Vec::new();
        for (info, entries) in self.plan.infos.iter().zip(self.infos) {
            let order =
                TableCap::default().choose(entries.sorted(), |entry| entries.get(entry), entries.len(), cap, |_| 1);
            dropped += entries.len() - order.len();
            let mut shown = InfoEntries::new(info.labels.len());
            for place in order {
                shown.push(entries.get(place).split(SEPARATOR));
            }
            infos.push((Arc::clone(&info.family), Arc::new(shown)));
        }
        let by_field = |counts: &FieldCounts| -> Vec<(String, u64)> {
            let some = self.plan.fields.0.iter().zip(&counts.0).filter(|(_, of_field)| of_field.count > 0);
            some.map(|(field, of_field)| (field.name.name.clone(), of_field.count)).collect()
        };
        Ok(Aggregated {
            rows: self.rows,
            rejected: by_field(&self.rejected),
            shortened: by_field(&self.shortened),
            undocumented: self.seen.undocumented,
            outside: self.outside,
            without_value: self.without_value,
            dropped: dropped as u64,
            size: self.memory.bytes(),
            memory: self.memory,
            tables,
            infos,
        })
    }

    /// A field that the vendor renamed must become an alarm, not a silence.
    fn check_schema(&self) -> Result<(), MissingFields> {
        let fields = self.plan.fields.0.iter().zip(&self.seen.carried);
        let missing: Vec<String> = fields
            .filter(|(field, carried)| {
                let rows = if field.nested { self.nested_rows } else { self.rows };
                field.required && !**carried && rows > 0
            })
            .map(|(field, _)| field.name.to_string())
            .collect();
        if missing.is_empty() { Ok(()) } else { Err(MissingFields { rows: self.rows, fields: missing }) }
    }

    /// Takes one whole row of the vendor's: the parent, and its nested rows where the report has them. `before` is the
    /// row before it.
    pub(super) fn take(&mut self, plan: &RowPlan, parent: &[Slot<'_>], before: &[Slot<'_>], nested: &[Slot<'_>]) {
        self.rows += 1;
        if self.scratch.mended {
            self.reject_mended(plan, parent);
        }
        let Some(list) = &plan.nested else {
            return self.group(plan, parent, before, parent);
        };
        for row in nested.chunks(plan.fields.0.len()) {
            self.nested_rows += 1;
            if self.is_in_window(list, row) {
                // The row before may have had no nested row that was taken.
                self.scratch.follows = false;
                self.group(plan, parent, before, row);
            }
        }
    }

    /// Counts labels of which a half of a character was lost.
    fn reject_mended(&mut self, plan: &RowPlan, parent: &[Slot<'_>]) {
        let infos = plan.infos.iter().flat_map(|info| info.labels.iter().flatten());
        for label in plan.tables.iter().flat_map(|table| &table.labels).chain(infos) {
            if matches!(&parent[label.field], Some(Scalar::Text(text)) if text.contains(char::REPLACEMENT_CHARACTER)) {
                self.rejected.add(label.field, self.rows);
            }
        }
    }

    fn is_in_window(&mut self, nested: &NestedRows, row: &[Slot<'_>]) -> bool {
        let Some(field) = nested.day else { return true };
        let day = row[field].as_ref().and_then(|day| parse_day(day.text().trim()));
        if day.is_none() {
            self.rejected.add(field, self.nested_rows);
        }
        let is_inside = day.is_some_and(|day| self.window.has_day(day));
        self.outside += u64::from(day.is_some() && !is_inside);
        is_inside
    }

    fn group(&mut self, plan: &RowPlan, parent: &[Slot<'_>], before: &[Slot<'_>], row: &[Slot<'_>]) {
        // An agent's rows come one after the other: what is equal to the row before was cleaned and escaped there.
        let follows = std::mem::replace(&mut self.scratch.follows, true);
        let is_same = |label: &LabelPlan| is_same(label.field, parent, before, plan.label_bytes);
        let labels = Slots { parent, row };
        let mut said_again = 0;
        for (place, table) in plan.tables.iter().enumerate() {
            let same = table.labels.iter().take_while(|label| follows && is_same(label)).count();
            if !follows || same < table.labels.len() {
                self.find_group(place, table, labels, follows && same >= table.prefix());
            }
            said_again = if place == 0 { same } else { said_again };
        }
        self.add_values(plan, row);
        for (index, info) in plan.infos.iter().enumerate() {
            // What the row before brought is there already.
            if !follows || info.said_by.is_none_or(|labels| labels > said_again) {
                self.add_info(index, info, labels);
            }
        }
    }

    /// The group of a row, which may have the last one's prefix.
    fn find_group(&mut self, place: usize, plan: &TablePlan, slots: Slots<'_, '_>, same_prefix: bool) {
        let (prefix, last) = plan.labels.split_at(plan.prefix());
        if !same_prefix {
            self.write_labels(prefix, slots);
            self.tables[place].groups.select_prefix(&self.scratch.labels);
        }
        if let [label] = last
            && label.form == Form::AsSent
            && let Some(Scalar::Text(value)) = slots.of(label)
            && let Some(group) = self.tables[place].groups.place_expected(|text| label.label.is_written(text, value))
        {
            self.tables[place].group = group;
            return;
        }
        self.write_labels(last, slots);
        let table = &mut self.tables[place];
        table.group = table.groups.place(&self.scratch.labels);
    }

    /// Writes labels into the scratch ones.
    fn write_labels(&mut self, labels: &[LabelPlan], slots: Slots<'_, '_>) {
        let mut text = std::mem::take(&mut self.scratch.labels);
        text.clear();
        for label in labels {
            match slots.of(label) {
                Some(Scalar::Text(value))
                    if label.is_as_sent()
                        && value.len() <= self.plan.label_bytes
                        && label.label.write_plain(&mut text, value) => {}
                _ if self.read_label(label, slots) => label.label.write(&mut text, &self.scratch.value),
                _ => {}
            }
        }
        self.scratch.labels = text;
    }

    /// Reads a label into the scratch value; false where it is to be left out.
    fn read_label(&mut self, label: &LabelPlan, slots: Slots<'_, '_>) -> bool {
        let number = if label.nested { self.nested_rows } else { self.rows };
        let value = &mut self.scratch.value;
        value.clear();
        match slots.of(label) {
            Some(Scalar::Text(text)) => clean_into(value, text),
            Some(Scalar::Number(number)) => clean_into(value, number),
            Some(Scalar::Other) => self.rejected.add(label.field, number),
            None => {}
        }
        if label.form == Form::LeadingNumber && !value.is_empty() {
            value.truncate(value.bytes().take_while(u8::is_ascii_digit).count());
            if value.is_empty() {
                self.rejected.add(label.field, number);
            }
        }
        if value.is_empty() {
            value.push_str(UNKNOWN);
            return !label.optional;
        }
        if label.form == Form::LowerSnake {
            *value = value.to_lowercase().replace(' ', "_");
        }
        if let Some(pseudonyms) = &label.pseudonyms {
            *value = pseudonyms.of(value);
        }
        if shorten(value, self.plan.label_bytes) {
            self.shortened.add(label.field, number);
        }
        true
    }

    fn add_values(&mut self, plan: &RowPlan, row: &[Slot<'_>]) {
        let number = if plan.nested.is_some() { self.nested_rows } else { self.rows };
        let Aggregator { tables, rejected, scratch, without_value, .. } = self;
        scratch.inputs.clear();
        scratch.inputs.extend(plan.inputs.iter().map(|input| {
            let value = read_value(input, row, &plan.zone);
            value.unwrap_or_else(|Unreadable| {
                rejected.add(input.field, number);
                None
            })
        }));
        *without_value += u64::from(!plan.inputs.is_empty() && scratch.inputs.iter().all(Option::is_none));
        for (sums, table) in tables.iter_mut().zip(&plan.tables) {
            let first = sums.group * table.cells.len();
            if sums.cells.len() == first {
                sums.cells.resize(first + table.cells.len(), Cell::default());
            }
            for (cell, plan_of_cell) in sums.cells[first..].iter_mut().zip(&table.cells) {
                if cell.add(plan_of_cell.combine, &scratch.inputs) == Added::OneTooMany
                    && let Some(value) = plan_of_cell.combine.value()
                {
                    rejected.add(plan.inputs[value].field, number);
                }
            }
        }
    }

    fn add_info(&mut self, index: usize, info: &InfoPlan, slots: Slots<'_, '_>) {
        let mut entry = std::mem::take(&mut self.scratch.entry);
        entry.clear();
        let mut complete = true;
        for (place, label) in info.labels.iter().enumerate() {
            if place > 0 {
                entry.push(SEPARATOR);
            }
            if label.as_ref().is_some_and(|label| self.read_label(label, slots)) {
                entry.push_str(&self.scratch.value);
            } else {
                complete &= info.only_with != Some(place);
            }
        }
        if complete {
            self.infos[index].place(&entry);
        }
        self.scratch.entry = entry;
    }
}

/// Where the labels of a row stand.
#[derive(Clone, Copy)]
struct Slots<'s, 'de> {
    parent: &'s [Slot<'de>],
    /// The nested row, where the report has such.
    row: &'s [Slot<'de>],
}

impl<'s, 'de> Slots<'s, 'de> {
    #[inline]
    fn of(self, label: &LabelPlan) -> &'s Slot<'de> {
        if label.nested { &self.row[label.field] } else { &self.parent[label.field] }
    }
}

impl Sums {
    fn memory(&self) -> usize {
        self.groups.memory() + self.cells.capacity() * (size_of::<Cell>() + size_of::<Option<f64>>())
    }

    fn merge(&mut self, other: &Sums, plan: &[CellPlan]) {
        let groups = self.groups.join(&other.groups);
        self.cells.resize(self.groups.len() * plan.len(), Cell::default());
        for (place, group) in groups.into_iter().enumerate() {
            let theirs = &other.cells[place * plan.len()..][..plan.len()];
            for ((cell, theirs), plan) in self.cells[group * plan.len()..].iter_mut().zip(theirs).zip(plan) {
                cell.merge(plan.combine, *theirs);
            }
        }
    }

    /// The series, at most `cap` of them, and how many were left out.
    fn finish(self, plan: &TablePlan, cap: usize, kept: &mut TableCap) -> (Table, usize) {
        let cells = plan.cells.len();
        let value = |(cell, plan): (&Cell, &CellPlan)| cell.value(plan.combine);
        let values: Vec<Option<f64>> = self.cells.iter().zip(plan.cells.iter().cycle()).map(value).collect();
        let all = values.iter().flatten().count();
        let series_of = |group: usize| values[group * cells..][..cells].iter().flatten().count();
        let order = kept.choose(self.groups.sorted(), |group| self.groups.get(group), all, cap, series_of);
        let dropped = all - order.iter().map(|group| series_of(*group)).sum::<usize>();
        let mut families: Vec<FamilyCells> = Vec::new();
        for (place, cell) in plan.cells.iter().enumerate() {
            match families.last_mut().filter(|last| last.family == cell.family) {
                Some(last) => last.columns.push(cell.column.clone()),
                None => families.push(FamilyCells {
                    family: Arc::clone(&cell.family),
                    first: place,
                    columns: vec![cell.column.clone()],
                }),
            }
        }
        (Table { groups: self.groups, order, cells, families, values }, dropped)
    }
}

/// Whether a field is as in the row before. A value that is not text, or longer than `most` bytes, is counted in each row,
/// so it never counts as the same.
fn is_same(field: usize, row: &[Slot<'_>], before: &[Slot<'_>], most: usize) -> bool {
    match (&row[field], &before[field]) {
        (Some(Scalar::Text(value)), Some(Scalar::Text(before))) => value.len() <= most && is_equal(value, before),
        (value, before) => value.is_none() && before.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Catalog, Privacy};
    use crate::memory::{LEAST_TOTAL, Memory};
    use crate::rows::{Rows, TakesAnswers};
    use crate::time::WindowName;
    use jiff::tz::TimeZone;

    fn aggregator(catalog: &Catalog) -> Aggregator {
        let plan = Arc::new(RowPlan::new(catalog.report("agent_kpi").unwrap(), &Privacy::default()));
        let now = "2026-03-01T20:00:00Z".parse().unwrap();
        Aggregator::new(plan, Window::at(WindowName::Today, now, &TimeZone::UTC))
    }

    /// Rows of agents whose names are so long.
    fn rows(count: u32, name: usize) -> Vec<String> {
        let name = "x".repeat(name);
        let day = r#"{"date":"20260301","points":"1","hits":"1","calls":"1","aht_time":"1","acw_time":"1","occupancy":"1 %","login_time":"1"}"#;
        let row = |id: u32| format!(r#"{{"agent_id":"{id:04}","agent_name":"{id:04}{name}","stats":[{day}]}}"#);
        (0..count).map(row).collect()
    }

    /// Takes rows until one is refused, and tells why.
    fn take(aggregator: &mut Aggregator, rows: &[String]) -> Option<MemoryError> {
        let mut decoder = aggregator.begin(false);
        let refused = rows.iter().any(|row| decoder.row(&mut serde_json::Deserializer::from_str(row)).is_err());
        let why = decoder.refused();
        assert_eq!((refused, decoder.refused()), (why.is_some(), None), "it is told once");
        why
    }

    #[test]
    fn the_memory_taken_is_at_least_what_is_kept_and_then_what_is_rendered_of_it() {
        let catalog = Catalog::builtin().unwrap();
        for name in [1, 500] {
            let mut aggregator = aggregator(&catalog);
            assert_eq!(take(&mut aggregator, &rows(1024, name)), None);
            aggregator.take_memory().unwrap();
            let kept = aggregator.tables[0].memory() + aggregator.infos[0].memory();
            let taken = aggregator.memory.bytes();
            assert!(kept <= taken && taken <= 3 * kept, "{taken} for {kept}");
            let aggregated = aggregator.finish(usize::MAX, &mut SeriesCap::default()).unwrap();
            let segments = aggregated.render("acme", WindowName::Today).unwrap();
            let rendered: usize = segments.iter().map(|(_, segment)| segment.deflated.len()).sum();
            assert_eq!((segments.len(), aggregated.memory.bytes()), (8, taken + rendered));
        }
    }

    #[test]
    fn never_crash_rows_are_refused_where_they_take_more_memory_than_a_poll_may() {
        let (catalog, memory) = (Catalog::builtin().unwrap(), Arc::new(Memory::new(LEAST_TOTAL)));
        let most = LEAST_TOTAL / 4;
        let mut large = aggregator(&catalog).within(memory.poll().share());
        assert_eq!(take(&mut large, &rows(9_000, 500)), Some(MemoryError::TooLarge(most)));
        assert!(large.tables[0].groups.memory() < 2 * most, "rows were taken on and on");
        assert!(large.memory.bytes() <= most);
        let mut small = aggregator(&catalog).within(memory.poll().share());
        assert_eq!(take(&mut small, &rows(200, 500)), None);
        assert!(small.memory.bytes() > 0, "it is counted while rows come in");
    }
}
