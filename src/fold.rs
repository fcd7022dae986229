//! How do a report's rows become series?
//!
//! Rows are folded while they are parsed: each field that the report declares is borrowed from the body, the
//! labels decide the group, the values are added to it, and nothing else of a row is kept.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::catalog::{Combine, FamilyId, Form, Format, Info, Label, Privacy, Pseudonyms, Report, parse_day};
use crate::memory::{PollMemory, Share};
use crate::series::{Groups, Keys, LABEL_BYTES, LabelName, Labels, UNKNOWN, clean_into, is_equal, shorten};
use crate::time::Window;
use crate::wolkvox::{
    Body, Content, Failure, Reading, Reason, Rows, Scalar, Source, Streamed, read, read_streamed,
    without_lone_surrogates,
};

/// Separates the values of an info entry. Cleaning turns every tab of a value into a blank.
pub const INFO_SEPARATOR: char = '\t';

/// Rows after which the memory of what they led to is counted again.
const ROWS_BETWEEN_COUNTS: u64 = 64;
/// Most rows inside of one row. The vendor's have one for each day of a month.
const MOST_NESTED: usize = 10_000;
/// Most bytes of text in the rows inside of one row.
const NESTED_BYTES: usize = 1 << 20;

/// A report's declaration, with every field as a position.
#[derive(Debug)]
pub struct Plan {
    /// Longest value of a label.
    label_bytes: usize,
    fields: Fields,
    nested: Option<NestedPlan>,
    labels: Vec<LabelPlan>,
    inputs: Vec<InputPlan>,
    cells: Vec<CellPlan>,
    infos: Vec<InfoPlan>,
}

/// Every declared field once: its place here is its place in a row's values.
#[derive(Debug, Default)]
struct Fields(Vec<Field>);

#[derive(Debug)]
struct Field {
    name: String,
    /// Whether it stands in the nested rows rather than in their parent.
    nested: bool,
    required: bool,
}

#[derive(Debug)]
struct NestedPlan {
    /// The parent's field with the list.
    list: usize,
    /// The nested row's field with its day.
    day: usize,
}

#[derive(Debug)]
struct LabelPlan {
    label: LabelName,
    field: usize,
    form: Form,
    /// A blank optional label is left out; any other blank one is `unknown`.
    optional: bool,
    /// What stands in place of the value, where that is not to be seen.
    pseudonyms: Option<Pseudonyms>,
}

#[derive(Debug)]
struct InputPlan {
    field: usize,
    format: Format,
}

#[derive(Debug)]
struct CellPlan {
    family: FamilyId,
    combine: CellCombine,
}

/// [`Combine`] with inputs as positions.
#[derive(Clone, Copy, Debug)]
enum CellCombine {
    Count,
    Sum { value: usize },
    Product { value: usize, times: usize },
    Max { value: usize },
    Mean { value: usize, weight: usize },
}

#[derive(Debug)]
struct InfoPlan {
    family: FamilyId,
    labels: Vec<Option<LabelPlan>>,
    only_with: Option<usize>,
    /// How many of the report's first labels say everything that the entry says; `None` where they do not.
    said_by: Option<usize>,
}

// === impl Plan ===

impl Plan {
    pub fn new(report: &Report, privacy: &Privacy) -> Plan {
        let shown = |label: &&Label| privacy.shows(label);
        let mut plan = Plan {
            label_bytes: LABEL_BYTES,
            fields: Fields::default(),
            nested: None,
            labels: vec![],
            inputs: vec![],
            cells: vec![],
            infos: vec![],
        };
        plan.labels =
            report.labels.iter().filter(shown).map(|label| plan.fields.label(report, label, privacy)).collect();
        plan.cells = report
            .metrics
            .iter()
            .map(|metric| CellPlan { family: metric.family, combine: plan.combine(report, &metric.combine) })
            .collect();
        plan.infos = report.info.iter().filter_map(|info| plan.info(report, info, privacy)).collect();
        plan.nested = report.nested.as_ref().map(|nested| NestedPlan {
            list: plan.fields.place(report, &nested.field, false),
            day: plan.fields.place(report, &nested.day, true),
        });
        plan
    }

    /// The same with another longest value of a label.
    #[must_use]
    pub fn with_label_bytes(self, label_bytes: usize) -> Plan {
        Plan { label_bytes, ..self }
    }

    /// How many labels stand before the last.
    fn stem(&self) -> usize {
        self.labels.len().saturating_sub(1)
    }

    fn combine(&mut self, report: &Report, combine: &Combine) -> CellCombine {
        let mut input = |input: &crate::catalog::Input| {
            let field = self.fields.place(report, &input.field, report.nested.is_some());
            let known = self.inputs.iter().position(|known| known.field == field && known.format == input.format);
            known.unwrap_or_else(|| {
                self.inputs.push(InputPlan { field, format: input.format });
                self.inputs.len() - 1
            })
        };
        match combine {
            Combine::Count => CellCombine::Count,
            Combine::Sum { value, times: None } => CellCombine::Sum { value: input(value) },
            Combine::Sum { value, times: Some(times) } => {
                CellCombine::Product { value: input(value), times: input(times) }
            }
            Combine::Max { value } => CellCombine::Max { value: input(value) },
            Combine::Mean { value, weight } => CellCombine::Mean { value: input(value), weight: input(weight) },
        }
    }

    /// `None` where no label is left to say anything.
    fn info(&mut self, report: &Report, info: &Info, privacy: &Privacy) -> Option<InfoPlan> {
        let labels = info.labels.iter().map(|label| {
            let label = label.as_ref().filter(|label| privacy.shows(label))?;
            Some(self.fields.label(report, label, privacy))
        });
        let labels: Vec<Option<LabelPlan>> = labels.collect();
        labels.iter().flatten().next()?;
        let behind =
            |label: &LabelPlan| self.labels.iter().position(|known| known.field == label.field).map(|at| at + 1);
        let said_by = labels.iter().flatten().map(behind).try_fold(0, |most, behind| Some(most.max(behind?)));
        Some(InfoPlan { family: info.family, labels, only_with: info.only_with, said_by })
    }
}

impl LabelPlan {
    /// Whether a clean value is shown as it came.
    fn is_as_sent(&self) -> bool {
        self.form == Form::AsSent && self.pseudonyms.is_none()
    }
}

// === impl Fields ===

impl Fields {
    /// The field's position, a new one where it is not known yet.
    fn place(&mut self, report: &Report, name: &str, nested: bool) -> usize {
        let known = self.0.iter().position(|field| field.name == name && field.nested == nested);
        known.unwrap_or_else(|| {
            self.0.push(Field { name: name.to_owned(), nested, required: !report.is_optional(name) });
            self.0.len() - 1
        })
    }

    fn label(&mut self, report: &Report, label: &Label, privacy: &Privacy) -> LabelPlan {
        LabelPlan {
            label: LabelName::new(&label.name),
            field: self.place(report, &label.field, false),
            form: label.form,
            optional: report.is_optional(&label.field),
            pseudonyms: privacy.pseudonyms(label),
        }
    }

    fn find(&self, name: &str, nested: bool) -> Option<usize> {
        self.0.iter().position(|field| field.nested == nested && field.name == name)
    }
}

/// The rows of one answer, added up; folds of several answers merge, as a window may be asked in parts.
#[derive(Debug)]
pub struct Fold {
    plan: Arc<Plan>,
    window: Window,
    rows: u64,
    nested_rows: u64,
    groups: Groups,
    /// One per group and metric, group by group.
    cells: Vec<Cell>,
    infos: Vec<Keys>,
    /// Per field: whether any row had it.
    carried: Vec<bool>,
    /// Values that could not be read.
    rejected: FieldCounts,
    /// Values that were too long for a label.
    shortened: FieldCounts,
    scratch: Scratch,
    memory: Share,
}

/// Values per field, each counted once in a row, however often it is looked at.
#[derive(Debug)]
struct FieldCounts(Vec<FieldCount>);

#[derive(Clone, Copy, Debug, Default)]
struct FieldCount {
    count: u64,
    /// The number of the row in which the last one was.
    row: u64,
}

/// One value in the making.
#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    total: f64,
    weight: f64,
    /// Whether any row contributed: without one there is no value, not a zero.
    seen: bool,
}

/// Buffers that every row uses again.
#[derive(Debug, Default)]
struct Scratch {
    /// Whether the next row may use what the last one's labels led to.
    follows: bool,
    group: usize,
    labels: String,
    entry: String,
    value: String,
    inputs: Vec<Option<f64>>,
    /// Whether the answer at hand had halves of characters, or may have some, each of which is U+FFFD now.
    mended: bool,
}

/// What a poll's rows say, ready to be rendered.
#[derive(Debug)]
pub struct Folded {
    /// The vendor's rows, nested ones not counted.
    pub rows: u64,
    /// Field and how many of its values could not be read.
    pub rejected: Vec<(String, u64)>,
    /// Field and how many of its values were too long for a label, and stand there shortened.
    pub shortened: Vec<(String, u64)>,
    /// Series and info entries over the cap.
    pub dropped: u64,
    memory: Share,
    /// Bytes of memory, without what is rendered of it.
    size: usize,
    groups: Groups,
    order: Vec<usize>,
    families: Vec<FamilyId>,
    values: Vec<Option<f64>>,
    infos: Vec<(FamilyId, Keys, Vec<usize>)>,
}

/// Which groups were kept when a report was over its cap, so that the same ones stay from poll to poll.
#[derive(Debug, Default)]
pub struct Kept(HashSet<u64>);

// === impl Fold ===

impl Fold {
    pub fn new(plan: Arc<Plan>, window: Window) -> Fold {
        let fields = plan.fields.0.len();
        Fold {
            window,
            rows: 0,
            nested_rows: 0,
            groups: Groups::default(),
            cells: Vec::new(),
            infos: plan.infos.iter().map(|_| Keys::default()).collect(),
            carried: vec![false; fields],
            rejected: FieldCounts::new(fields),
            shortened: FieldCounts::new(fields),
            scratch: Scratch::default(),
            memory: PollMemory::unbounded().share(),
            plan,
        }
    }

    /// The same, and what it takes is a share of a poll's memory.
    #[must_use]
    pub fn within(self, memory: Share) -> Fold {
        Fold { memory, ..self }
    }

    /// Adds one answer's rows. On a failure the fold is gone, and with it the rows of a broken answer.
    pub fn add_body(self, body: &mut Body) -> Result<Fold, Failure> {
        match body.content() {
            Content::Whole(bytes) => self.add(bytes),
            Content::Streamed(streamed) => self.add_streamed(streamed),
        }
    }

    /// The same for an answer that is there as a whole.
    #[expect(clippy::should_implement_trait, reason = "an answer is no fold, and adding one can fail")]
    pub fn add(self, body: &[u8]) -> Result<Fold, Failure> {
        let (plan, body) = (Arc::clone(&self.plan), without_lone_surrogates(body));
        let mut decoder = Decoder::new(&plan, self);
        decoder.fold.scratch.mended = matches!(body, Cow::Owned(_));
        let read = read(&body, &mut decoder);
        decoder.end(read)
    }

    /// The same for an answer that still comes in.
    pub fn add_streamed<S: Source>(self, body: &mut Streamed<S>) -> Result<Fold, Failure> {
        let plan = Arc::clone(&self.plan);
        let mut decoder = Decoder::new(&plan, self);
        // Whether halves of characters are still to come, nobody knows.
        decoder.fold.scratch.mended = true;
        let read = read_streamed(body, &mut decoder);
        decoder.end(read)
    }

    /// Takes the memory for what was added; fails where there is none.
    pub fn take_memory(&self) -> Result<(), Failure> {
        let texts = self.groups.memory() + self.infos.iter().map(Keys::memory).sum::<usize>();
        // Beside what grows stands what it grew from, and later its sorted places and values.
        let cells = self.cells.capacity() * (size_of::<Cell>() + size_of::<Option<f64>>());
        Ok(self.memory.resize_blocking((texts + cells) * 3 / 2)?)
    }

    /// Adds what another fold of the same plan and window has, as if its rows had come here.
    pub fn merge(&mut self, other: Fold) {
        let metrics = self.plan.cells.len();
        let groups = self.groups.join(&other.groups);
        self.cells.resize(self.groups.len() * metrics, Cell::default());
        for (place, group) in groups.into_iter().enumerate() {
            let theirs = &other.cells[place * metrics..][..metrics];
            for ((cell, theirs), plan) in self.cells[group * metrics..].iter_mut().zip(theirs).zip(&self.plan.cells) {
                cell.merge(plan.combine, *theirs);
            }
        }
        for (entries, theirs) in self.infos.iter_mut().zip(&other.infos) {
            for place in 0..theirs.len() {
                entries.place(theirs.get(place));
            }
        }
        for (carried, theirs) in self.carried.iter_mut().zip(other.carried) {
            *carried |= theirs;
        }
        let counts = self.rejected.0.iter_mut().chain(&mut self.shortened.0);
        for (count, theirs) in counts.zip(other.rejected.0.iter().chain(&other.shortened.0)) {
            count.count += theirs.count;
        }
        self.rows += other.rows;
        self.nested_rows += other.nested_rows;
    }

    /// Rows of the vendor's taken so far, nested ones not counted.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The series of all rows added, at most `cap` of them; fails where a declared field was in no row.
    pub fn finish(self, cap: usize, kept: &mut Kept) -> Result<Folded, Failure> {
        self.check_schema()?;
        let metrics = self.plan.cells.len();
        let value = |(cell, plan): (&Cell, &CellPlan)| cell.value(plan.combine);
        let values: Vec<Option<f64>> = self.cells.iter().zip(self.plan.cells.iter().cycle()).map(value).collect();
        let all = values.iter().flatten().count();
        let series_of = |group: usize| values[group * metrics..][..metrics].iter().flatten().count();
        let order = kept.choose(self.groups.sorted(), |group| self.groups.get(group), all, cap, series_of);
        let mut dropped = all - order.iter().map(|group| series_of(*group)).sum::<usize>();
        let mut infos = Vec::new();
        for (info, entries) in self.plan.infos.iter().zip(self.infos) {
            let order = Kept::default().choose(entries.sorted(), |entry| entries.get(entry), entries.len(), cap, |_| 1);
            dropped += entries.len() - order.len();
            infos.push((info.family, entries, order));
        }
        let by_field = |counts: &FieldCounts| -> Vec<(String, u64)> {
            let some = self.plan.fields.0.iter().zip(&counts.0).filter(|(_, of_field)| of_field.count > 0);
            some.map(|(field, of_field)| (field.name.clone(), of_field.count)).collect()
        };
        Ok(Folded {
            rows: self.rows,
            rejected: by_field(&self.rejected),
            shortened: by_field(&self.shortened),
            dropped: dropped as u64,
            size: self.memory.bytes(),
            memory: self.memory,
            groups: self.groups,
            order,
            families: self.plan.cells.iter().map(|cell| cell.family).collect(),
            values,
            infos,
        })
    }

    /// A field that the vendor renamed must become an alarm, not a silence.
    fn check_schema(&self) -> Result<(), Failure> {
        let fields = self.plan.fields.0.iter().zip(&self.carried);
        let missing: Vec<&str> = fields
            .filter(|(field, carried)| {
                let rows = if field.nested { self.nested_rows } else { self.rows };
                field.required && !**carried && rows > 0
            })
            .map(|(field, _)| field.name.as_str())
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let detail = format!("no row of {} has the field {}", self.rows, missing.join(", "));
        Err(Failure::new(Reason::Schema, detail))
    }

    /// Takes one whole row of the vendor's: the parent, and its nested rows where the report has them. `before` is the
    /// row before it.
    fn take(&mut self, plan: &Plan, parent: &[Slot<'_>], before: &[Slot<'_>], nested: &[Slot<'_>]) {
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
    fn reject_mended(&mut self, plan: &Plan, parent: &[Slot<'_>]) {
        let infos = plan.infos.iter().flat_map(|info| info.labels.iter().flatten());
        for label in plan.labels.iter().chain(infos) {
            if matches!(&parent[label.field], Some(Scalar::Text(text)) if text.contains(char::REPLACEMENT_CHARACTER)) {
                self.rejected.add(label.field, self.rows);
            }
        }
    }

    fn is_in_window(&mut self, nested: &NestedPlan, row: &[Slot<'_>]) -> bool {
        let day = row[nested.day].as_ref().and_then(|day| parse_day(day.text().trim()));
        if day.is_none() {
            self.rejected.add(nested.day, self.nested_rows);
        }
        day.is_some_and(|day| self.window.has_day(day))
    }

    fn group(&mut self, plan: &Plan, parent: &[Slot<'_>], before: &[Slot<'_>], row: &[Slot<'_>]) {
        // An agent's rows come one after the other: what is equal to the row before was cleaned and escaped there.
        let follows = std::mem::replace(&mut self.scratch.follows, true);
        let is_same = |label: &LabelPlan| is_same(label.field, parent, before, plan.label_bytes);
        let same = plan.labels.iter().take_while(|label| follows && is_same(label)).count();
        if !follows || same < plan.labels.len() {
            self.find_group(plan, parent, follows && same >= plan.stem());
        }
        self.add_values(plan, self.scratch.group, row);
        for (index, info) in plan.infos.iter().enumerate() {
            // What the row before brought is there already.
            if !follows || info.said_by.is_none_or(|labels| labels > same) {
                self.add_info(index, info, parent);
            }
        }
    }

    /// The group of a row, which may have the last one's stem.
    fn find_group(&mut self, plan: &Plan, parent: &[Slot<'_>], same_stem: bool) {
        let (stem, leaf) = plan.labels.split_at(plan.stem());
        if !same_stem {
            self.write_labels(stem, parent);
            self.groups.turn_to(&self.scratch.labels);
        }
        if let [label] = leaf
            && label.form == Form::AsSent
            && let Some(Scalar::Text(value)) = &parent[label.field]
            && let Some(group) = self.groups.place_expected(|text| label.label.is_written(text, value))
        {
            self.scratch.group = group;
            return;
        }
        self.write_labels(leaf, parent);
        self.scratch.group = self.groups.place(&self.scratch.labels);
    }

    /// Writes labels into the scratch ones.
    fn write_labels(&mut self, labels: &[LabelPlan], parent: &[Slot<'_>]) {
        let mut text = std::mem::take(&mut self.scratch.labels);
        text.clear();
        for label in labels {
            match &parent[label.field] {
                Some(Scalar::Text(value))
                    if label.is_as_sent()
                        && value.len() <= self.plan.label_bytes
                        && label.label.write_plain(&mut text, value) => {}
                _ if self.read_label(label, parent) => label.label.write(&mut text, &self.scratch.value),
                _ => {}
            }
        }
        self.scratch.labels = text;
    }

    /// Reads a label into the scratch value; false where it is to be left out.
    fn read_label(&mut self, label: &LabelPlan, parent: &[Slot<'_>]) -> bool {
        let value = &mut self.scratch.value;
        value.clear();
        match &parent[label.field] {
            Some(Scalar::Text(text)) => clean_into(value, text),
            Some(Scalar::Number(number)) => clean_into(value, number),
            Some(Scalar::Other) => self.rejected.add(label.field, self.rows),
            None => {}
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
            self.shortened.add(label.field, self.rows);
        }
        true
    }

    fn add_values(&mut self, plan: &Plan, group: usize, row: &[Slot<'_>]) {
        let number = if plan.nested.is_some() { self.nested_rows } else { self.rows };
        let Fold { cells, rejected, scratch, .. } = self;
        scratch.inputs.clear();
        scratch.inputs.extend(plan.inputs.iter().map(|input| {
            let value = read_value(input, row);
            value.unwrap_or_else(|Unreadable| {
                rejected.add(input.field, number);
                None
            })
        }));
        let first = group * plan.cells.len();
        if cells.len() == first {
            cells.resize(first + plan.cells.len(), Cell::default());
        }
        for (cell, plan) in cells[first..].iter_mut().zip(&plan.cells) {
            cell.add(plan.combine, &scratch.inputs);
        }
    }

    fn add_info(&mut self, index: usize, info: &InfoPlan, parent: &[Slot<'_>]) {
        let mut entry = std::mem::take(&mut self.scratch.entry);
        entry.clear();
        let mut complete = true;
        for (place, label) in info.labels.iter().enumerate() {
            if place > 0 {
                entry.push(INFO_SEPARATOR);
            }
            if label.as_ref().is_some_and(|label| self.read_label(label, parent)) {
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

/// Whether a field says what it said in the row before. What is no text, or a text of more than `most` bytes, is counted
/// in each row, so it is never the same.
fn is_same(field: usize, row: &[Slot<'_>], before: &[Slot<'_>], most: usize) -> bool {
    match (&row[field], &before[field]) {
        (Some(Scalar::Text(value)), Some(Scalar::Text(before))) => value.len() <= most && is_equal(value, before),
        (value, before) => value.is_none() && before.is_none(),
    }
}

/// A declared field's value in one row; `None` where the row does not have it.
type Slot<'de> = Option<Scalar<'de>>;

/// A value that is not what it should be.
struct Unreadable;

/// A blank or dashed value is missing: it contributes nothing, least of all a zero.
fn read_value(input: &InputPlan, row: &[Slot<'_>]) -> Result<Option<f64>, Unreadable> {
    let value = match &row[input.field] {
        None => return Ok(None),
        Some(Scalar::Text(text)) => match trimmed(text) {
            "" | "-" | "--" => return Ok(None),
            text => input.format.parse(text),
        },
        Some(Scalar::Number(number)) => read_number(input, number),
        Some(Scalar::Other) => None,
    };
    value.map(Some).ok_or(Unreadable)
}

/// A number without its form: `5.0` seconds are as good as `5`.
#[cold]
fn read_number(input: &InputPlan, number: &str) -> Option<f64> {
    number.parse::<f64>().ok().and_then(|number| input.format.parse(&number.to_string()))
}

/// Without blanks around it: nearly no value has any, and looking for Unicode's takes as long as reading the value.
fn trimmed(text: &str) -> &str {
    match text.as_bytes() {
        [b'!'..=b'~', .., b'!'..=b'~'] => text,
        _ => text.trim(),
    }
}

// === impl FieldCounts ===

impl FieldCounts {
    fn new(fields: usize) -> FieldCounts {
        FieldCounts(vec![FieldCount::default(); fields])
    }

    /// Counts a field's value in the row of that number, unless it was counted there.
    fn add(&mut self, field: usize, row: u64) {
        let of_field = &mut self.0[field];
        if of_field.row != row {
            *of_field = FieldCount { count: of_field.count + 1, row };
        }
    }
}

// === impl Cell ===

impl Cell {
    fn add(&mut self, combine: CellCombine, inputs: &[Option<f64>]) {
        let (value, weight) = match combine {
            CellCombine::Count => (Some(1.0), Some(1.0)),
            CellCombine::Sum { value } | CellCombine::Max { value } => (inputs[value], Some(1.0)),
            CellCombine::Product { value, times: weight } | CellCombine::Mean { value, weight } => {
                (inputs[value], inputs[weight])
            }
        };
        let (Some(value), Some(weight)) = (value, weight) else { return };
        if matches!(combine, CellCombine::Max { .. }) {
            self.total = if self.seen { self.total.max(value) } else { value };
        } else {
            self.total += value * weight;
        }
        self.weight += weight;
        self.seen = true;
    }

    fn merge(&mut self, combine: CellCombine, other: Cell) {
        match combine {
            _ if !other.seen => {}
            CellCombine::Max { .. } if self.seen => self.total = self.total.max(other.total),
            _ => self.total += other.total,
        }
        self.weight += other.weight;
        self.seen |= other.seen;
    }

    fn value(&self, combine: CellCombine) -> Option<f64> {
        match combine {
            CellCombine::Mean { .. } => (self.weight > 0.0).then(|| self.total / self.weight),
            _ => self.seen.then_some(self.total),
        }
    }
}

// === impl Folded ===

impl Folded {
    /// Takes the memory for so many bytes rendered of it; fails where there is none.
    pub fn take_memory(&self, rendered: usize) -> Result<(), Failure> {
        Ok(self.memory.resize_blocking(self.size + rendered)?)
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

    /// Info families with their entries sorted: label values with [`INFO_SEPARATOR`] between, absent ones empty.
    pub fn infos(&self) -> impl Iterator<Item = (FamilyId, impl Iterator<Item = &str>)> {
        self.infos.iter().map(|(family, entries, order)| (*family, order.iter().map(|place| entries.get(*place))))
    }
}

// === impl Kept ===

impl Kept {
    /// The groups to show, in their order. Over the cap, those shown before come first and others in the order of a
    /// hash of their key: who stays does not depend on what the vendor happens to send first.
    fn choose<K: Hash>(
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

// === decoding ===

/// Hands each row's declared fields to the fold, borrowed from the body.
struct Decoder<'f, 'de> {
    plan: &'f Plan,
    fold: Fold,
    /// Why no more rows can be taken.
    failure: Option<Failure>,
    row: Vec<Slot<'de>>,
    before: Vec<Slot<'de>>,
    /// Nested rows of the row at hand, one after the other.
    nested: Vec<Slot<'de>>,
    /// Of the vendor's rows, and of those nested in them.
    orders: [FieldOrder<'de>; 2],
}

/// The fields of the last row in the order in which they stood there, which is that of the next one too: each name is
/// then compared with one, not with all.
type FieldOrder<'de> = [Option<(&'de str, Option<usize>)>; ORDERED_FIELDS];

/// Fields of a row whose order is kept. Documented rows have two dozen.
const ORDERED_FIELDS: usize = 32;

impl<'f, 'de> Decoder<'f, 'de> {
    fn new(plan: &'f Plan, mut fold: Fold) -> Decoder<'f, 'de> {
        // What is kept of the last row is kept of a row of this answer.
        fold.scratch.follows = false;
        let fields = plan.fields.0.len();
        Decoder {
            plan,
            fold,
            failure: None,
            row: vec![None; fields],
            before: vec![None; fields],
            nested: Vec::new(),
            orders: [[None; ORDERED_FIELDS]; 2],
        }
    }

    fn end(self, read: Result<Reading, Failure>) -> Result<Fold, Failure> {
        match (self.failure, read) {
            (Some(failure), _) | (None, Err(failure)) => Err(failure),
            (None, Ok(Reading::Rows | Reading::NoRows)) => self.fold.take_memory().map(|()| self.fold),
        }
    }
}

impl<'de> Rows<'de> for Decoder<'_, 'de> {
    fn row<D: Deserializer<'de>>(&mut self, row: D) -> Result<(), D::Error> {
        std::mem::swap(&mut self.row, &mut self.before);
        // `fill` would clone for each.
        self.row.iter_mut().for_each(|slot| *slot = None);
        self.nested.clear();
        let [order, nested_order] = &mut self.orders;
        let visitor = RowVisitor {
            plan: self.plan,
            carried: &mut self.fold.carried,
            row: &mut self.row,
            order,
            nested: Some((&mut self.nested, nested_order)),
        };
        row.deserialize_map(visitor)?;
        self.fold.take(self.plan, &self.row, &self.before, &self.nested);
        if self.fold.rows.is_multiple_of(ROWS_BETWEEN_COUNTS) {
            self.fold.take_memory().map_err(|failure| {
                self.failure = Some(failure);
                D::Error::custom("no memory")
            })?;
        }
        Ok(())
    }
}

/// Fills a row's slots. `nested` is where the rows of its list go, and is not there inside that list.
struct RowVisitor<'r, 'de> {
    plan: &'r Plan,
    carried: &'r mut [bool],
    row: &'r mut [Slot<'de>],
    order: &'r mut FieldOrder<'de>,
    nested: Option<(&'r mut Vec<Slot<'de>>, &'r mut FieldOrder<'de>)>,
}

impl<'de> Visitor<'de> for RowVisitor<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let in_list = self.nested.is_none();
        let list = self.plan.nested.as_ref().filter(|_| !in_list).map(|nested| nested.list);
        for index in 0.. {
            let expected = self.order.get_mut(index);
            let seed = FieldSeed { fields: &self.plan.fields, nested: in_list, expected };
            let Some(field) = map.next_key_seed(seed)? else { break };
            let Some(field) = field else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            self.carried[field] = true;
            match &mut self.nested {
                Some((nested, order)) if list == Some(field) => {
                    // A list that stands twice in its row counts once.
                    nested.clear();
                    map.next_value_seed(ListSeed { plan: self.plan, carried: self.carried, nested, order })?;
                }
                _ => self.row[field] = Some(map.next_value()?),
            }
        }
        Ok(())
    }
}

/// A key's place among the declared fields, `None` for any other key.
struct FieldSeed<'r, 'de> {
    fields: &'r Fields,
    nested: bool,
    expected: Option<&'r mut Option<(&'de str, Option<usize>)>>,
}

impl<'de> DeserializeSeed<'de> for FieldSeed<'_, 'de> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for FieldSeed<'_, 'de> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    #[inline]
    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Option<usize>, E> {
        let Some(expected) = self.expected else { return Ok(self.fields.find(name, self.nested)) };
        match *expected {
            Some((known, field)) if is_equal(known, name) => Ok(field),
            _ => {
                let field = self.fields.find(name, self.nested);
                *expected = Some((name, field));
                Ok(field)
            }
        }
    }

    fn visit_str<E>(self, name: &str) -> Result<Option<usize>, E> {
        Ok(self.fields.find(name, self.nested))
    }
}

/// The list of nested rows.
struct ListSeed<'r, 'de> {
    plan: &'r Plan,
    carried: &'r mut [bool],
    nested: &'r mut Vec<Slot<'de>>,
    order: &'r mut FieldOrder<'de>,
}

impl<'de> DeserializeSeed<'de> for ListSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ListSeed<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of nested rows")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let ListSeed { plan, carried, nested, order } = self;
        let (fields, mut bytes) = (plan.fields.0.len(), 0);
        while seq.next_element_seed(NestedSeed { plan, carried, nested, order })?.is_some() {
            bytes += nested[nested.len() - fields..].iter().flatten().map(|value| value.text().len()).sum::<usize>();
            if nested.len() / fields > MOST_NESTED || bytes > NESTED_BYTES {
                return Err(A::Error::custom("a row with too much inside"));
            }
        }
        Ok(())
    }
}

/// One nested row, appended to the others.
struct NestedSeed<'r, 'de> {
    plan: &'r Plan,
    carried: &'r mut [bool],
    nested: &'r mut Vec<Slot<'de>>,
    order: &'r mut FieldOrder<'de>,
}

impl<'de> DeserializeSeed<'de> for NestedSeed<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let NestedSeed { plan, carried, nested, order } = self;
        let first = nested.len();
        nested.resize(first + plan.fields.0.len(), None);
        deserializer.deserialize_map(RowVisitor { plan, carried, row: &mut nested[first..], order, nested: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::time::WindowName;
    use jiff::tz::TimeZone;

    fn window() -> Window {
        Window::at(
            WindowName::Today,
            "2026-03-01T20:00:00Z".parse().unwrap(),
            &TimeZone::get("America/Bogota").unwrap(),
        )
    }

    fn fold_in(report: &str, window: &Window, bodies: &[&str]) -> Result<Folded, Failure> {
        let catalog = Catalog::builtin().unwrap();
        let plan = Arc::new(Plan::new(catalog.report(report).unwrap(), &Privacy::default()));
        let mut fold = Fold::new(Arc::clone(&plan), window.clone());
        for body in bodies {
            fold.merge(Fold::new(Arc::clone(&plan), window.clone()).add(body.as_bytes())?);
        }
        fold.finish(usize::MAX, &mut Kept::default())
    }

    fn fold(report: &str, rows: &str) -> Result<Folded, Failure> {
        fold_in(report, &window(), &[&format!(r#"{{"code":200,"data":[{rows}]}}"#)])
    }

    /// A body that comes in so many bytes at a time.
    struct Pieces(Vec<bytes::Bytes>);

    impl Source for Pieces {
        fn next(&mut self) -> Result<Option<bytes::Bytes>, Failure> {
            Ok(self.0.pop())
        }
    }

    #[test]
    fn never_lie_an_answer_read_while_it_comes_in_gives_what_a_whole_one_gives() {
        let catalog = Catalog::builtin().unwrap();
        let kpi = r#"{"code":200,"data":[{"agent_id":7,"agent_name":"José \u00d1","agent_dni":null,"stats":[
            {"date":"20260301","points":"1,194","hits":"2","calls":"4","aht_time":"00:06:01","acw_time":"00:00:10","occupancy":"35 %","login_time":"02:00:00"},
            {"date":"20260228","points":"5"}]}]}"#;
        let aux = r#" [{"agent_id":"1","agent_dni":"","agent_name":"Ana","aux_state":"Break","time":"00:01:00","new":{"a":[1]}},
            {"agent_id":"1","agent_dni":"","agent_name":"Ana","aux_state":["x"],"time":"soon"}]"#;
        for (report, body) in
            [("agent_kpi", kpi), ("agent_aux_time", aux), ("agent_aux_time", &format!("\u{feff}{aux}"))]
        {
            let plan = Arc::new(Plan::new(catalog.report(report).unwrap(), &Privacy::default()));
            let fold = || Fold::new(Arc::clone(&plan), window());
            let end = |fold: Fold| fold.finish(usize::MAX, &mut Kept::default()).unwrap();
            let whole = end(fold().add(body.as_bytes()).unwrap());
            for piece in [3, 64, body.len()] {
                let pieces = body.as_bytes().chunks(piece).rev().map(bytes::Bytes::copy_from_slice).collect();
                let streamed = end(fold().add_streamed(&mut Streamed::new(Pieces(pieces))).unwrap());
                assert_eq!(lines(&streamed), lines(&whole), "{piece}");
                assert_eq!((streamed.rows, &streamed.rejected), (whole.rows, &whole.rejected));
            }
        }
    }

    #[test]
    fn a_long_label_stands_shortened_with_a_mark_and_different_ones_stay_different() {
        let long = "ñ".repeat(2_000);
        let row =
            |end: &str| format!(r#"{{"agent_id":"1","agent_name":"{long}{end}","aux_state":"Break","time":"1"}}"#);
        let rows = [row("a"), row("a"), row("b")].join(",");
        let folded = fold("agent_aux_time", &rows).unwrap();
        let lines = lines(&folded);
        assert_eq!(folded.series(), 2, "{lines}");
        assert!(lines.lines().all(|line| line.contains('…') && line.len() < LABEL_BYTES + 200), "{lines}");
        assert_eq!(folded.shortened, [("agent_name".to_owned(), 3)]);
    }

    #[test]
    fn never_crash_a_row_with_too_much_inside_is_refused() {
        for day in [r#"{"date":"20260301"}"#.to_owned(), format!(r#"{{"date":"{}"}}"#, "x".repeat(60_000))] {
            let days = vec![day; MOST_NESTED + 1].join(",");
            let failure = fold("agent_kpi", &format!(r#"{{"agent_id":"1","agent_name":"A","stats":[{days}]}}"#));
            assert_eq!(failure.unwrap_err().reason, Reason::Malformed);
        }
    }

    /// Every series and info entry as a line, the family by its position.
    fn lines(folded: &Folded) -> String {
        let catalog = Catalog::builtin().unwrap();
        let name = |family: FamilyId| catalog.families()[family.0].name.trim_start_matches("wolkvox_").to_owned();
        let mut lines = Vec::new();
        for (family, series) in folded.families() {
            lines.extend(series.map(|(labels, value)| format!("{}{{{labels}}} {value}", name(family))));
        }
        for (family, entries) in folded.infos() {
            lines.extend(entries.map(|entry| format!("{} {}", name(family), entry.replace(INFO_SEPARATOR, "|"))));
        }
        lines.join("\n")
    }

    fn aux(id: &str, name: &str, state: &str, time: &str) -> String {
        format!(r#"{{"agent_id":"{id}","agent_dni":"77","agent_name":"{name}","aux_state":"{state}","time":"{time}"}}"#)
    }

    #[test]
    fn rows_with_equal_labels_are_combined_never_repeated() {
        let rows = [
            aux("12", "Ana  Núñez ", "Break", "00:01:00"),
            aux("12", " Ana Núñez", " Break", "00:00:30"),
            aux("12", "Ana Núñez", " ", "00:00:05"),
        ];
        insta::assert_snapshot!(lines(&fold("agent_aux_time", &rows.join(",")).unwrap()), @r#"
        agent_aux_seconds{agent_id="12",agent_name="Ana Núñez",state="Break"} 90
        agent_aux_seconds{agent_id="12",agent_name="Ana Núñez",state="unknown"} 5
        agent_info |12|Ana Núñez
        "#);
    }

    #[test]
    fn a_blank_or_dashed_value_is_no_zero_and_an_unreadable_one_is_counted() {
        let rows = [
            aux("1", "blank", "a", ""),
            aux("1", "dash", "a", "-"),
            aux("1", "dashes", "a", " -- "),
            aux("1", "bad", "a", "abc"),
            aux("1", "bad", "a", "00:00:10"),
            aux("1", "negative", "a", "-00:00:10"),
            r#"{"agent_id":1,"agent_name":"number","aux_state":null,"time":90}"#.to_owned(),
            r#"{"agent_id":"1","agent_name":"list","aux_state":"a","time":[1,{"x":2}]}"#.to_owned(),
            r#"{"agent_id":"1","agent_name":"no time","aux_state":"a"}"#.to_owned(),
        ];
        let folded = fold("agent_aux_time", &rows.join(",")).unwrap();
        assert_eq!(folded.rejected, [("time".to_owned(), 3)]);
        let text = lines(&folded);
        let series: Vec<&str> = text.lines().filter(|line| line.contains('{')).collect();
        assert_eq!(
            series,
            [
                r#"agent_aux_seconds{agent_id="1",agent_name="bad",state="a"} 10"#,
                r#"agent_aux_seconds{agent_id="1",agent_name="number",state="unknown"} 90"#,
            ]
        );
    }

    #[test]
    fn escapes_and_hostile_names_stay_one_label_value() {
        let rows = aux("1", r#"Pe\u00f1a \"x\"}\n1"#, r"a\\b", "1:00:00");
        insta::assert_snapshot!(lines(&fold("agent_aux_time", &rows).unwrap()), @r#"
        agent_aux_seconds{agent_id="1",agent_name="Peña \"x\"} 1",state="a\\b"} 3600
        agent_info |1|Peña "x"} 1
        "#);
    }

    #[test]
    fn a_name_of_a_thousand_bytes_is_kept_whole() {
        let name = "ñ".repeat(LABEL_BYTES / 2);
        let text = lines(&fold("agent_aux_time", &aux("1", &name, "a", "00:00:01")).unwrap());
        assert!(text.contains(&name));
    }

    #[test]
    fn call_backs_are_counted_per_status_and_their_customers_never_show() {
        let row = |status: &str, attempts: &str, delay: &str, billed: &str| {
            format!(
                r#"{{"skill_id":"9","date_inbound_call":"2026-03-01 10:00:00","status":"{status}","attempts":"{attempts}",
                "ani":"57301555","dial_phone":"57310777","time_between_calls":"{delay}","time":"00:01:00",
                "billed_minutes":"{billed}","customer_id":"CUST-1"}}"#
            )
        };
        let rows =
            [row("OK", "1", "00:05:00", "3"), row("ok", "2", "00:01:00", "00:00:30"), row("NO USER", "1", "-", "-")];
        let text = lines(&fold("smart_wait", &rows.join(",")).unwrap());
        insta::assert_snapshot!(text, @r#"
        smart_wait_callbacks{skill_id="9",status="no_user"} 1
        smart_wait_callbacks{skill_id="9",status="ok"} 2
        smart_wait_attempts{skill_id="9",status="no_user"} 1
        smart_wait_attempts{skill_id="9",status="ok"} 3
        smart_wait_delay_seconds{skill_id="9",status="ok"} 360
        smart_wait_delay_max_seconds{skill_id="9",status="ok"} 300
        smart_wait_call_seconds{skill_id="9",status="no_user"} 60
        smart_wait_call_seconds{skill_id="9",status="ok"} 120
        smart_wait_billed_seconds{skill_id="9",status="ok"} 210
        "#);
    }

    #[test]
    fn a_declared_field_in_no_row_fails_and_an_optional_one_does_not() {
        let failure =
            fold("agent_aux_time", r#"{"agent_id":"1","agent_name":"x","state":"a","time":"1"}"#).unwrap_err();
        assert_eq!(failure.to_string(), "schema: no row of 1 has the field aux_state");
        let nested = r#"{"agent_id":"1","agent_name":"x","stats":[{"date":"20260301","points":"1"}]}"#;
        let failure = fold("agent_kpi", nested).unwrap_err();
        assert!(failure.detail.contains("hits, aht_time") || failure.detail.contains("hits, calls"), "{failure}");
        assert!(fold("agent_kpi", r#"{"agent_id":"1","agent_name":"x"}"#).unwrap_err().detail.contains("stats"));
        assert!(fold("closed_interactions", r#"{"interactions":"1","agent_name":"x","cod_act":"A"}"#).is_ok());
        assert_eq!(fold("agent_aux_time", "").unwrap().rows, 0);
        assert_eq!(fold("agent_aux_time", "7").unwrap_err().reason, Reason::Malformed);
    }

    #[test]
    fn days_outside_the_window_are_ignored_and_unreadable_ones_counted() {
        let day = |date: &str| {
            format!(
                r#"{{"date":"{date}","points":"1","hits":"0","calls":"1","aht_time":"00:00:10","acw_time":"00:00:01",
                "occupancy":"50 %","login_time":"00:01:00"}}"#
            )
        };
        // The list stands before the labels here: JSON objects have no order.
        let days = [day("20260302"), day("20260301"), day("20260228"), day("soon")].join(",");
        let folded = fold("agent_kpi", &format!(r#"{{"stats":[{days}],"agent_id":"1","agent_name":"x"}}"#)).unwrap();
        assert_eq!(folded.rejected, [("date".to_owned(), 1)]);
        assert!(lines(&folded).contains(r#"agent_points{agent_id="1",agent_name="x"} 1"#));
    }

    #[test]
    fn a_mean_without_weight_is_absent_and_a_sum_of_zeros_is_zero() {
        let idle = r#"{"agent_id":"1","agent_name":"x","stats":[{"date":"20260301","points":"0","hits":"0","calls":"0",
            "aht_time":"00:00:00","acw_time":"00:00:00","occupancy":"0 %","login_time":"00:00:00"}]}"#;
        let text = lines(&fold("agent_kpi", idle).unwrap());
        assert!(text.contains("agent_calls") && !text.contains("occupancy") && !text.contains("average"), "{text}");
    }

    #[test]
    fn the_vendors_printed_sample_gives_the_figures_worked_out_by_hand() {
        let body = include_str!("../tests/samples/agents_kpi.json");
        let time = |text: &str| text.parse().unwrap();
        let (start, end) = (time("2023-01-01T05:00:00Z"), time("2023-01-31T04:59:59Z"));
        let zone = TimeZone::get("America/Bogota").unwrap();
        let window = Window::restored(WindowName::Yesterday, &zone, start, end, end);
        let text = lines(&fold_in("agent_kpi", &window, &[body]).unwrap());
        insta::assert_snapshot!(text, @r#"
        agent_points{agent_id="12999",agent_name="Menphy Halland"} 1194
        agent_hits{agent_id="12999",agent_name="Menphy Halland"} 0
        agent_calls{agent_id="12999",agent_name="Menphy Halland"} 4
        agent_handle_seconds{agent_id="12999",agent_name="Menphy Halland"} 804
        agent_average_handle_seconds{agent_id="12999",agent_name="Menphy Halland"} 201
        agent_after_call_work_seconds{agent_id="12999",agent_name="Menphy Halland"} 21
        agent_occupancy_ratio{agent_id="12999",agent_name="Menphy Halland"} 0.11316666666666667
        agent_login_seconds{agent_id="12999",agent_name="Menphy Halland"} 7200
        agent_info |12999|Menphy Halland
        "#);
    }

    #[test]
    fn never_lie_long_ids_that_are_numbers_stay_apart() {
        let row = |id: &str| aux("ID", "x", "a", "00:00:01").replace(r#""ID""#, id);
        let ids = ["18446744073709551617", "18446744073709551618", "1.50", "1.5", "1.0e+25", "-0"];
        let folded = fold_in("agent_aux_time", &window(), &[&format!("[{}]", ids.map(row).join(","))]).unwrap();
        let text = lines(&folded);
        for id in ids {
            assert!(text.contains(&format!("agent_id=\"{id}\"")), "{id} is not in {text}");
        }
        assert_eq!((folded.series(), folded.rejected.len()), (ids.len(), 0));
    }

    #[test]
    fn a_value_is_rejected_once_in_a_row_however_often_it_is_used() {
        let row = aux("ID", "x", "a", "00:00:01").replace(r#""ID""#, "[1]");
        let folded = fold_in("agent_aux_time", &window(), &[&format!("[{row},{row}]"), &format!("[{row}]")]).unwrap();
        assert_eq!(folded.rejected, [("agent_id".to_owned(), 3)]);
        let day = r#"{"date":"20260301","points":"1","hits":"1","calls":"1","aht_time":{},"acw_time":"1","occupancy":"1 %","login_time":"1"}"#;
        let row = format!(r#"{{"agent_id":true,"agent_name":"x","stats":[{day},{day}]}}"#);
        let folded = fold_in("agent_kpi", &window(), &[&format!("[{row}]")]).unwrap();
        assert_eq!(folded.rejected, [("agent_id".to_owned(), 1), ("aht_time".to_owned(), 2)]);
    }

    #[test]
    fn never_lie_half_a_character_costs_neither_the_report_nor_the_name() {
        let row = |name: &str, more: &str| aux("1", name, "a", "00:00:01").replace('}', &format!(",{more}}}"));
        let rows = [
            row(r"Ana \ud83deude00", r#""\ud83d":"\ude00""#),
            row(r"Ana \ud83d\ude00", r#""undeclared":["\ud83d"]"#),
            row("Ana \u{fffd}", "\"x\":1"),
        ];
        let folded =
            fold_in("agent_aux_time", &window(), &[&format!("[{},{}]", rows[0], rows[1]), &format!("[{}]", rows[2])]);
        let folded = folded.unwrap();
        let text = lines(&folded);
        assert!(
            text.contains("agent_name=\"Ana \u{fffd}eude00\"") && text.contains("agent_name=\"Ana \u{1f600}\""),
            "{text}"
        );
        assert_eq!(folded.rejected, [("agent_name".to_owned(), 1)], "what the vendor itself replaced is not counted");
    }

    #[test]
    fn answers_to_parts_of_a_window_add_up() {
        let part = |time: &str| format!(r"[{}]", aux("1", "x", "a", time));
        let folded =
            fold_in("agent_aux_time", &window(), &[&part("00:00:10"), r#"{"code":200,"data":[]}"#, &part("00:00:05")]);
        let folded = folded.unwrap();
        assert_eq!((folded.rows, folded.series()), (2, 1));
        assert!(lines(&folded).contains(" 15"));
    }

    #[test]
    fn over_the_cap_the_same_series_stay_from_poll_to_poll() {
        let catalog = Catalog::builtin().unwrap();
        let plan = Arc::new(Plan::new(catalog.report("agent_aux_time").unwrap(), &Privacy::default()));
        let mut kept = Kept::default();
        let mut poll = |agents: std::ops::Range<usize>| {
            let rows: Vec<String> = agents.map(|agent| aux(&agent.to_string(), "x", "a", "00:00:01")).collect();
            let fold = Fold::new(Arc::clone(&plan), window()).add(format!("[{}]", rows.join(",")).as_bytes()).unwrap();
            let folded = fold.finish(10, &mut kept).unwrap();
            let series: Vec<String> =
                lines(&folded).lines().filter(|line| line.contains("seconds")).map(str::to_owned).collect();
            (series, folded.dropped)
        };
        let (first, dropped) = poll(0..30);
        assert_eq!((first.len(), dropped), (10, 20 + 20));
        let (second, _) = poll(0..300);
        assert_eq!(first, second, "newcomers displace nobody");
        let (fewer, dropped) = poll(0..8);
        assert_eq!((fewer.len(), dropped), (8, 0));
    }
}
