//! The aggregator: rows of equal labels are added up while they are parsed.

use std::borrow::Cow;
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
    carried: Vec<bool>,
    /// Names that the vendor does not document, as far as they are kept.
    undocumented: BTreeSet<String>,
}

/// Undocumented names that are kept of one poll, and the longest of them; an answer of nothing but new names costs no more.
const MOST_NAMES: usize = 20;
const LONGEST_NAME: usize = 64;

impl Seen {
    /// A name's place among the declared fields, which the rows have then; one that is not documented is noted.
    pub(super) fn find(&mut self, plan: &RowPlan, name: &str, nested: bool) -> Option<usize> {
        let field = plan.fields.find(name, nested);
        if let Some(field) = field {
            self.carried[field] = true;
        } else if self.undocumented.len() < MOST_NAMES && !plan.documented.contains(name) {
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
            scratch: Scratch { inputs: vec![None; plan.inputs.len()], ..Scratch::default() },
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

    /// Begins an answer: its first row is not compared with the last row of the answer before.
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
        // A label that is a leading number is read in each row, so that each row without the number is counted.
        let is_same = |label: &LabelPlan| {
            label.form != Form::LeadingNumber && is_same(label.field, parent, before, plan.label_bytes)
        };
        let labels = Slots { parent, row };
        // The number of the row that has the values: nested rows have numbers of their own.
        let number = if plan.nested.is_some() { self.nested_rows } else { self.rows };
        self.read_inputs(plan, row, number);
        let mut said_again = 0;
        for (place, table) in plan.tables.iter().enumerate() {
            let same = table.labels.iter().take_while(|label| follows && is_same(label)).count();
            if !follows || same < table.labels.len() {
                self.find_group(place, table, labels, follows && same >= table.prefix());
            }
            self.add_values(plan, place, number);
            said_again = if place == 0 { same } else { said_again };
        }
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
            && label.is_as_sent()
            // A text with a backslash is escaped in JSON, so it is not borrowed.
            && let Some(Scalar::Text(Cow::Borrowed(value))) = slots.of(label)
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

    fn read_inputs(&mut self, plan: &RowPlan, row: &[Slot<'_>], number: u64) {
        let mut is_without = !plan.inputs.is_empty();
        for (value, input) in self.scratch.inputs.iter_mut().zip(&plan.inputs) {
            *value = read_value(input, row, &plan.zone).unwrap_or_else(|Unreadable| {
                self.rejected.add(input.field, number);
                None
            });
            is_without &= value.is_none();
        }
        self.without_value += u64::from(is_without);
    }

    /// Adds the row's inputs to the cells of its group.
    fn add_values(&mut self, plan: &RowPlan, place: usize, number: u64) {
        let table = &plan.tables[place];
        let sums = &mut self.tables[place];
        let first = sums.group * table.cells.len();
        if sums.cells.len() == first {
            sums.cells.resize(first + table.cells.len(), Cell::default());
        }
        for (cell, plan_of_cell) in sums.cells[first..].iter_mut().zip(&table.cells) {
            if cell.add(plan_of_cell.combine, &self.scratch.inputs) == Added::OneTooMany
                && let Some(value) = plan_of_cell.combine.value()
            {
                self.rejected.add(plan.inputs[value].field, number);
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
    use crate::catalog::{Agents, Catalog, Privacy};
    use crate::memory::{LEAST_TOTAL, Memory};
    use crate::rows::{Rows, TakesAnswers};
    use crate::time::WindowName;
    use jiff::tz::TimeZone;

    fn aggregator(catalog: &Catalog) -> Aggregator {
        aggregator_of(catalog, "agent_kpi")
    }

    fn aggregator_of(catalog: &Catalog, report: &str) -> Aggregator {
        let plan = Arc::new(RowPlan::new(catalog.report(report).unwrap(), &Privacy::default()));
        Aggregator::new(plan, today())
    }

    fn today() -> Window {
        Window::at(WindowName::Today, "2026-03-01T20:00:00Z".parse().unwrap(), &TimeZone::UTC)
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
            for sums in &aggregator.tables {
                let least = sums.cells.len() * (size_of::<Cell>() + size_of::<Option<f64>>());
                let told = sums.memory() - sums.groups.memory();
                assert!(least <= told && told <= 2 * least, "{told} for cells and values of {least}");
            }
            let taken = aggregator.memory.bytes();
            // What a buffer grew from stands beside it for a while: half of it.
            assert!(kept + kept / 2 <= taken && taken <= 3 * kept, "{taken} for {kept}");
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

    /// What rows of a report add up to, as one answer.
    fn added(catalog: &Catalog, report: &str, rows: &[String]) -> Aggregator {
        let mut aggregator = aggregator_of(catalog, report);
        assert_eq!(take(&mut aggregator, rows), None);
        aggregator
    }

    fn finished(aggregator: Aggregator) -> Aggregated {
        aggregator.finish(usize::MAX, &mut SeriesCap::default()).unwrap()
    }

    fn series(aggregated: &Aggregated) -> Vec<String> {
        let mut lines = Vec::new();
        for (family, series) in aggregated.families() {
            lines.extend(series.map(|(labels, _, value)| format!("{}{{{labels}}} {value}", family.name)));
        }
        lines
    }

    #[test]
    fn agents_and_metrics_of_two_answers_add_up_as_those_of_one() {
        let catalog = Catalog::builtin().unwrap();
        let (three, two) = (rows(3, 1), rows(2, 1));
        let mut merged = added(&catalog, "agent_kpi", &three);
        merged.merge(added(&catalog, "agent_kpi", &two));
        assert_eq!(merged.rows(), 5);
        let together = finished(added(&catalog, "agent_kpi", &[three, two].concat()));
        assert_eq!(together.series(), 3 * 8);
        assert_eq!(series(&finished(merged)), series(&together));
    }

    #[test]
    fn what_two_answers_had_beside_their_values_adds_up() {
        let catalog = Catalog::builtin().unwrap();
        let name = "x".repeat(2_000);
        let day = r#"{"date":"20260301","points":"-","hits":"-","calls":"-","aht_time":"-","acw_time":"-","occupancy":"much","login_time":"-"}"#;
        let other_days = r#"{"date":"20260301","points":"1"},{"date":"20260228"},{"date":"soon"}"#;
        let row = format!(r#"{{"agent_id":"1","agent_name":"{name}","stats":[{day},{other_days}]}}"#);
        let mut merged = added(&catalog, "agent_kpi", std::slice::from_ref(&row));
        merged.merge(added(&catalog, "agent_kpi", std::slice::from_ref(&row)));
        let aggregated = finished(merged);
        assert_eq!((aggregated.rows, aggregated.without_value, aggregated.outside), (2, 2, 2));
        assert_eq!(aggregated.rejected, [("occupancy".to_owned(), 2), ("date".to_owned(), 2)]);
        assert_eq!(aggregated.shortened, [("agent_name".to_owned(), 2)]);
    }

    #[test]
    fn never_lie_a_field_that_all_nested_rows_lack_fails_though_an_answer_before_had_no_rows() {
        let catalog = Catalog::builtin().unwrap();
        let mut merged = added(&catalog, "agent_kpi", &[]);
        let without_points = rows(1, 1)[0].replace("points", "score");
        merged.merge(added(&catalog, "agent_kpi", &[without_points]));
        let missing = merged.finish(usize::MAX, &mut SeriesCap::default()).unwrap_err();
        assert_eq!(missing.to_string(), "no row of 1 has the field points");
    }

    #[test]
    fn of_fields_that_are_not_documented_twenty_are_named_in_one_answer_and_in_two() {
        let catalog = Catalog::builtin().unwrap();
        let with_fields = |numbers: std::ops::Range<usize>| {
            let new: Vec<String> = numbers.map(|number| format!(r#""new_{number:02}":1"#)).collect();
            let row = format!(r#"{{"agent_id":"1","agent_name":"x","aux_state":"a","time":"1",{}}}"#, new.join(","));
            added(&catalog, "agent_aux_time", &[row])
        };
        let named = |numbers: std::ops::Range<usize>| numbers.map(|number| format!("new_{number:02}")).collect();
        assert_eq!(finished(with_fields(0..19)).undocumented, named(0..19));
        assert_eq!(finished(with_fields(0..30)).undocumented, named(0..20));
        for (first, second, kept) in [(0..10, 10..20, 0..20), (10..30, 0..20, 0..20), (0..10, 10..19, 0..19)] {
            let mut merged = with_fields(first);
            merged.merge(with_fields(second));
            assert_eq!(finished(merged).undocumented, named(kept));
        }
    }

    #[test]
    fn never_lie_a_row_without_a_field_is_not_taken_for_the_one_before_that_has_it() {
        let catalog = Catalog::builtin().unwrap();
        let row = |state: &str, time: u32| format!(r#"{{"agent_id":"1","agent_name":"x",{state}"time":"{time}"}}"#);
        let in_break = r#""aux_state":"Break","#;
        let aggregated = finished(added(&catalog, "agent_aux_time", &[row(in_break, 1), row("", 2), row(in_break, 4)]));
        assert_eq!(
            series(&aggregated),
            [
                r#"wolkvox_agent_aux_seconds{agent_id="1",agent_name="x",state="Break"} 5"#,
                r#"wolkvox_agent_aux_seconds{agent_id="1",agent_name="x",state="unknown"} 2"#,
            ]
        );
    }

    #[test]
    fn an_entry_is_left_out_only_where_the_row_before_said_all_of_it() {
        let catalog = Catalog::parse(
            r"
- name: calls
  endpoint: reports_manager.php
  api: calls_1
  meaning: Calls by code and skill
  labels:
    code: { field: code, personal: none }
    skill: { field: skill, personal: none }
  metrics:
    - name: wolkvox_x_calls
      help: Calls by code and skill.
      field: calls
      format: number
      combine: sum
    - name: wolkvox_x_skill_calls
      help: Most calls of a row by skill.
      field: calls
      format: number
      combine: max
      labels: [skill]
  info:
    - name: wolkvox_x_code_info
      labels: { code: { field: code, personal: none } }
    - name: wolkvox_x_pair_info
      labels: { code: { field: code, personal: none }, skill: { field: skill, personal: none } }
    - name: wolkvox_x_why_info
      labels: { code: { field: code, personal: none }, why: { field: why, personal: none } }
",
        )
        .unwrap();
        let row = |[code, skill, why]: [&str; 3]| {
            format!(r#"{{"code":"{code}","skill":"{skill}","why":"{why}","calls":"1"}}"#)
        };
        let rows = [["1", "8", "a"], ["1", "9", "a"], ["1", "9", "b"], ["2", "9", "b"]].map(row);
        let aggregated = finished(added(&catalog, "calls", &rows));
        let entries = |name: &str| {
            let (_, entries) = aggregated.infos.iter().find(|(family, _)| family.name == name).unwrap();
            entries.iter().map(|entry| entry.join(" ")).collect::<Vec<_>>()
        };
        assert_eq!(entries("wolkvox_x_code_info"), ["1", "2"]);
        assert_eq!(entries("wolkvox_x_pair_info"), ["1 8", "1 9", "2 9"]);
        assert_eq!(entries("wolkvox_x_why_info"), ["1 a", "1 b", "2 b"]);
    }

    #[test]
    fn never_lie_a_second_row_of_only_is_rejected() {
        let catalog = Catalog::parse(
            r"
- name: queues
  endpoint: real_time.php
  api: queues_1
  meaning: Calls by queue
  labels: { queue: { field: queue, personal: none } }
  metrics:
    - name: wolkvox_x_calls
      help: Calls by queue.
      field: calls
      format: number
      combine: sum
    - name: wolkvox_x_handled_calls
      help: Handled calls by queue.
      field: handled
      format: number
      combine: sum
    - name: wolkvox_x_service_level_ratio
      help: Service level by queue.
      field: level
      format: percent
      combine: only
",
        )
        .unwrap();
        let row = |queue: &str| format!(r#"{{"queue":"{queue}","calls":"1","handled":"1","level":"50 %"}}"#);
        let aggregated = finished(added(&catalog, "queues", &["a", "b", "a", "a"].map(row)));
        assert_eq!(aggregated.rejected, [("level".to_owned(), 2)]);
        assert_eq!(
            series(&aggregated),
            [
                r#"wolkvox_x_calls{queue="a"} 3"#,
                r#"wolkvox_x_calls{queue="b"} 1"#,
                r#"wolkvox_x_handled_calls{queue="a"} 3"#,
                r#"wolkvox_x_handled_calls{queue="b"} 1"#,
                r#"wolkvox_x_service_level_ratio{queue="b"} 0.5"#,
            ]
        );
    }

    #[test]
    fn where_no_label_is_shown_all_rows_are_one_series_and_an_answer_without_rows_is_none() {
        let catalog = Catalog::builtin().unwrap();
        let omitted = Privacy { agents: Agents::Omitted, ..Privacy::default() };
        let plan = Arc::new(RowPlan::new(catalog.report("agent_hold_mute").unwrap(), &omitted));
        let row = |name: &str| {
            format!(r#"{{"agent_name":"{name}","hold_time":"1","mute_time":"2","total_time":"3","count":"1"}}"#)
        };
        let of_rows = |names: &[&str]| {
            let mut aggregator = Aggregator::new(Arc::clone(&plan), today());
            assert_eq!(take(&mut aggregator, &names.iter().map(|name| row(name)).collect::<Vec<_>>()), None);
            series(&finished(aggregator))
        };
        assert_eq!(
            of_rows(&["Ana", "Luz", "Ana"]),
            [
                "wolkvox_agent_hold_seconds{} 3",
                "wolkvox_agent_mute_seconds{} 6",
                "wolkvox_agent_hold_mute_seconds{} 9",
                "wolkvox_agent_hold_mute_uses{} 3",
            ]
        );
        assert_eq!(of_rows(&[]), Vec::<String>::new());
    }

    #[test]
    fn a_label_that_is_too_long_is_told_of_each_row_though_the_row_before_has_the_same() {
        let catalog = Catalog::builtin().unwrap();
        let name = "x".repeat(2_000);
        let row = format!(r#"{{"agent_name":"{name}","hold_time":"1","mute_time":"2","total_time":"3","count":"1"}}"#);
        let aggregated = finished(added(&catalog, "agent_hold_mute", &[row.clone(), row.clone(), row]));
        assert_eq!(aggregated.shortened, [("agent_name".to_owned(), 3)]);
        assert_eq!(aggregated.series(), 4);
    }

    #[test]
    fn never_lie_rows_of_an_agent_are_added_up_wherever_they_stand_and_to_no_other() {
        let catalog = Catalog::builtin().unwrap();
        let rows = [("1", "Ana", "Break"), ("2", "Luz", "Break"), ("1", "Ana", "Lunch"), ("2", "Luz", "Break")];
        let row = |(id, name, state)| {
            format!(r#"{{"agent_id":"{id}","agent_name":"{name}","aux_state":"{state}","time":"00:00:01"}}"#)
        };
        assert_eq!(
            series(&finished(added(&catalog, "agent_aux_time", &rows.map(row)))),
            [
                r#"wolkvox_agent_aux_seconds{agent_id="1",agent_name="Ana",state="Break"} 1"#,
                r#"wolkvox_agent_aux_seconds{agent_id="1",agent_name="Ana",state="Lunch"} 1"#,
                r#"wolkvox_agent_aux_seconds{agent_id="2",agent_name="Luz",state="Break"} 2"#,
            ]
        );
    }

    #[test]
    fn never_lie_what_is_neither_text_nor_number_is_counted_and_no_value() {
        let catalog = Catalog::builtin().unwrap();
        let row = |time: &str| format!(r#"{{"agent_id":"1","agent_name":"Ana","aux_state":"Break","time":{time}}}"#);
        for time in ["true", "false", "[1]", r#"{"a":1}"#] {
            let aggregated = finished(added(&catalog, "agent_aux_time", &[row(time), row("1")]));
            assert_eq!(aggregated.rejected, [("time".to_owned(), 1)], "{time}");
            assert_eq!(series(&aggregated).len(), 1, "{time}");
        }
        assert_eq!(finished(added(&catalog, "agent_aux_time", &[row("null"), row("1")])).rejected, []);
    }

    #[test]
    fn never_lie_one_backslash_and_two_are_two_series() {
        let catalog = Catalog::builtin().unwrap();
        let row =
            |state: &str| format!(r#"{{"agent_id":"1","agent_name":"Ana","aux_state":"{state}","time":"00:00:01"}}"#);
        for states in [[r"a\\b", r"a\\\\b"], [r"a\\\\b", r"a\\b"]] {
            let aggregated = finished(added(&catalog, "agent_aux_time", &states.map(row)));
            assert_eq!(aggregated.series(), 2, "{:?}", series(&aggregated));
        }
    }

    #[test]
    fn an_entry_without_what_makes_it_worth_telling_is_left_out() {
        let catalog = Catalog::builtin().unwrap();
        let row =
            |code: &str, more: &str| format!(r#"{{"agent_name":"x","cod_act":"{code}","interactions":"1"{more}}}"#);
        let rows =
            [row("A", r#","description_cod_act":"Sold""#), row("B", ""), row("C", r#","description_cod_act":"""#)];
        let aggregated = finished(added(&catalog, "closed_interactions", &rows));
        let (_, codes) = &aggregated.infos[1];
        assert_eq!(codes.iter().collect::<Vec<_>>(), [["A", "Sold"]]);
        assert_eq!(aggregated.series(), 3);
    }

    #[test]
    fn never_lie_of_a_label_that_begins_with_a_number_the_number_stays_and_any_other_is_told() {
        let catalog = Catalog::parse(
            r"
- name: codes
  endpoint: reports_manager.php
  api: codes_1
  meaning: Calls by code
  labels: { code: { field: code, form: leading_number, personal: none } }
  metrics:
    - name: wolkvox_x_calls
      help: Calls by code.
      field: calls
      format: number
      combine: sum
",
        )
        .unwrap();
        let row = |code: &str| format!(r#"{{"code":"{code}","calls":"1"}}"#);
        let aggregated = finished(added(&catalog, "codes", &["12 - Sold", "12", "Sold", "Sold", ""].map(row)));
        assert_eq!(series(&aggregated), [r#"wolkvox_x_calls{code="12"} 2"#, r#"wolkvox_x_calls{code="unknown"} 3"#]);
        assert_eq!(aggregated.rejected, [("code".to_owned(), 2)], "also where the row before has the same");
    }

    #[test]
    fn a_series_is_rendered_as_one_line_with_its_operation_and_window() {
        let catalog = Catalog::builtin().unwrap();
        let row = r#"{"agent_name":"Ana","hold_time":"1.5","mute_time":"2","total_time":"","count":"1"}"#;
        let aggregated = finished(added(&catalog, "agent_hold_mute", &[row.to_owned(), row.replace("Ana", "Luz")]));
        let segments = aggregated.render("acme", WindowName::Today).unwrap();
        let text: Vec<u8> = segments.iter().flat_map(|(_, segment)| segment.text()).collect();
        insta::assert_snapshot!(String::from_utf8(text).unwrap(), @r#"
        wolkvox_agent_hold_seconds{operation="acme",window="today",agent_name="Ana"} 1.5
        wolkvox_agent_hold_seconds{operation="acme",window="today",agent_name="Luz"} 1.5
        wolkvox_agent_mute_seconds{operation="acme",window="today",agent_name="Ana"} 2
        wolkvox_agent_mute_seconds{operation="acme",window="today",agent_name="Luz"} 2
        wolkvox_agent_hold_mute_uses{operation="acme",window="today",agent_name="Ana"} 1
        wolkvox_agent_hold_mute_uses{operation="acme",window="today",agent_name="Luz"} 1
        "#);
    }

    #[test]
    fn never_lie_a_local_time_is_one_of_the_operations_zone_and_a_label_as_long_as_the_operator_lets_it_be() {
        let catalog = Catalog::builtin().unwrap();
        let plan = RowPlan::new(catalog.report("agent_roster").unwrap(), &Privacy::default());
        let plan = Arc::new(plan.in_zone(TimeZone::get("America/Bogota").unwrap()).with_label_bytes(40));
        let mut aggregator = Aggregator::new(plan, today());
        let name = "x".repeat(41);
        let row =
            format!(r#"{{"agent_id":"1","agent_name":"{name}","enabled":"yes","last_use":"2026-03-01 12:00:00"}}"#);
        assert_eq!(take(&mut aggregator, &[row]), None);
        let aggregated = finished(aggregator);
        let at_noon: jiff::Timestamp = "2026-03-01T17:00:00Z".parse().unwrap();
        let shown = series(&aggregated);
        assert!(shown.iter().any(|line| line.ends_with(&format!(" {}", at_noon.as_second()))), "{shown:?}");
        assert_eq!(aggregated.shortened, [("agent_name".to_owned(), 1)]);
    }
}
