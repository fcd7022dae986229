//! Cells: values in the making, one per group of equal labels and metric.

use super::row_plan::{CellCombine, InputPlan, Slot};
use crate::rows::Scalar;

/// One value in the making.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cell {
    total: f64,
    weight: f64,
    /// Whether any row contributed. Without one the value is absent, and not zero.
    seen: bool,
}

/// Values per field, each counted once in a row, however often it is looked at.
#[derive(Debug)]
pub(super) struct FieldCounts(pub(super) Vec<FieldCount>);

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FieldCount {
    pub(super) count: u64,
    /// The number of the row in which the last one was.
    row: u64,
}

/// A value that is not what it should be.
pub(super) struct Unreadable;

/// A blank or dashed value is missing: it contributes nothing, least of all a zero.
pub(super) fn read_value(input: &InputPlan, row: &[Slot<'_>]) -> Result<Option<f64>, Unreadable> {
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

impl FieldCounts {
    pub(super) fn new(fields: usize) -> FieldCounts {
        FieldCounts(vec![FieldCount::default(); fields])
    }

    /// Counts a field's value in the row of that number, unless it was counted there.
    pub(super) fn add(&mut self, field: usize, row: u64) {
        let of_field = &mut self.0[field];
        if of_field.row != row {
            *of_field = FieldCount { count: of_field.count + 1, row };
        }
    }
}

impl Cell {
    pub(super) fn add(&mut self, combine: CellCombine, inputs: &[Option<f64>]) {
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

    pub(super) fn merge(&mut self, combine: CellCombine, other: Cell) {
        match combine {
            _ if !other.seen => {}
            CellCombine::Max { .. } if self.seen => self.total = self.total.max(other.total),
            _ => self.total += other.total,
        }
        self.weight += other.weight;
        self.seen |= other.seen;
    }

    pub(super) fn value(&self, combine: CellCombine) -> Option<f64> {
        match combine {
            CellCombine::Mean { .. } => (self.weight > 0.0).then(|| self.total / self.weight),
            _ => self.seen.then_some(self.total),
        }
    }
}
