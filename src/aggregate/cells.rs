//! Cells: values in the making, one per group of equal labels and metric.

use jiff::tz::TimeZone;

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

/// How a row's value was taken.
#[derive(Debug, PartialEq)]
pub(super) enum Added {
    Whole,
    /// There may be one row only, and this is another.
    OneTooMany,
}

/// A blank or dashed value is missing: it contributes nothing, least of all a zero.
pub(super) fn read_value(input: &InputPlan, row: &[Slot<'_>], zone: &TimeZone) -> Result<Option<f64>, Unreadable> {
    let value = match &row[input.field] {
        None => return Ok(None),
        Some(Scalar::Text(text)) => match trimmed(text) {
            "" | "-" | "--" => return Ok(None),
            text => input.format.parse(text, zone),
        },
        Some(Scalar::Number(number)) => read_number(input, number, zone),
        Some(Scalar::Other) => None,
    };
    value.map(Some).ok_or(Unreadable)
}

/// A number without its form: `5.0` seconds are as good as `5`.
#[cold]
fn read_number(input: &InputPlan, number: &str, zone: &TimeZone) -> Option<f64> {
    number.parse::<f64>().ok().and_then(|number| input.format.parse(&number.to_string(), zone))
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
    /// Adds a row's inputs. A second value for `Only` is added as well, so that the cell has no value from then on, and
    /// is returned as one too many.
    #[inline]
    pub(super) fn add(&mut self, combine: CellCombine, inputs: &[Option<f64>]) -> Added {
        let is_first = !self.seen;
        match combine {
            CellCombine::Count => self.take(self.total + 1.0, 1.0),
            CellCombine::Sum { value } => {
                if let Some(value) = inputs[value] {
                    self.take(self.total + value, 1.0);
                }
            }
            CellCombine::Product { value, times: weight } | CellCombine::Mean { value, weight } => {
                if let (Some(value), Some(weight)) = (inputs[value], inputs[weight]) {
                    self.take(self.total + value * weight, weight);
                }
            }
            CellCombine::Max { value } => {
                if let Some(value) = inputs[value] {
                    self.take(if is_first { value } else { self.total.max(value) }, 1.0);
                }
            }
            CellCombine::Min { value } => {
                if let Some(value) = inputs[value] {
                    self.take(if is_first { value } else { self.total.min(value) }, 1.0);
                }
            }
            CellCombine::Only { value } => {
                if let Some(value) = inputs[value] {
                    self.take(self.total + value, 1.0);
                    return if is_first { Added::Whole } else { Added::OneTooMany };
                }
            }
        }
        Added::Whole
    }

    #[inline]
    fn take(&mut self, total: f64, weight: f64) {
        *self = Cell { total, weight: self.weight + weight, seen: true };
    }

    pub(super) fn merge(&mut self, combine: CellCombine, other: Cell) {
        match combine {
            _ if !other.seen => {}
            CellCombine::Max { .. } if self.seen => self.total = self.total.max(other.total),
            CellCombine::Min { .. } if self.seen => self.total = self.total.min(other.total),
            _ => self.total += other.total,
        }
        self.weight += other.weight;
        self.seen |= other.seen;
    }

    pub(super) fn value(&self, combine: CellCombine) -> Option<f64> {
        match combine {
            CellCombine::Mean { .. } => (self.weight > 0.0).then(|| self.total / self.weight),
            // Which of several is the right one cannot be told.
            CellCombine::Only { .. } => (self.weight < 2.0 && self.seen).then_some(self.total),
            _ => self.seen.then_some(self.total),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Format, FormatKind};

    const NO_ROW: [[Option<f64>; 2]; 0] = [];

    fn cell(combine: CellCombine, rows: &[[Option<f64>; 2]]) -> Cell {
        let mut cell = Cell::default();
        for row in rows {
            cell.add(combine, row);
        }
        cell
    }

    #[test]
    fn rows_give_the_same_in_one_answer_and_in_two() {
        let (value, weight) = (0, 1);
        let rows = [[Some(-3.0), Some(2.0)], [None, Some(5.0)], [Some(-1.0), None], [Some(-0.5), Some(4.0)]];
        for (combine, expected) in [
            (CellCombine::Count, 4.0),
            (CellCombine::Sum { value }, -4.5),
            (CellCombine::Product { value, times: weight }, -8.0),
            (CellCombine::Max { value }, -0.5),
            (CellCombine::Min { value }, -3.0),
            (CellCombine::Mean { value, weight }, -8.0 / 6.0),
        ] {
            for parts in 0..=rows.len() {
                let (first, second) = rows.split_at(parts);
                let mut merged = cell(combine, first);
                merged.merge(combine, cell(combine, second));
                assert_eq!(merged.value(combine), Some(expected), "{combine:?} of {first:?} and {second:?}");
            }
            let mut none = cell(combine, &NO_ROW);
            none.merge(combine, cell(combine, &NO_ROW));
            assert_eq!(none.value(combine), None, "{combine:?} of nothing");
        }
    }

    #[test]
    fn the_largest_and_the_smallest_of_two_answers_are_it_whichever_came_first() {
        for (combine, expected) in [(CellCombine::Max { value: 0 }, 7.0), (CellCombine::Min { value: 0 }, 2.0)] {
            for (first, second) in [(2.0, 7.0), (7.0, 2.0)] {
                let mut merged = cell(combine, &[[Some(first), None]]);
                merged.merge(combine, cell(combine, &[[Some(second), None]]));
                assert_eq!(merged.value(combine), Some(expected), "{combine:?}");
                let together = cell(combine, &[[Some(first), None], [Some(second), None]]);
                assert_eq!(together.value(combine), Some(expected), "{combine:?}");
            }
        }
    }

    #[test]
    fn never_lie_an_answer_without_rows_makes_nothing_the_smallest() {
        let combine = CellCombine::Min { value: 0 };
        let (none, some) = (cell(combine, &NO_ROW), cell(combine, &[[Some(2.0), None]]));
        for (mut merged, other) in [(none, some), (some, none)] {
            merged.merge(combine, other);
            assert_eq!(merged.value(combine), Some(2.0));
        }
    }

    #[test]
    fn only_where_one_row_can_be_is_a_second_one_too_many() {
        let (value, weight) = (0, 1);
        for (combine, second) in [
            (CellCombine::Count, Added::Whole),
            (CellCombine::Sum { value }, Added::Whole),
            (CellCombine::Product { value, times: weight }, Added::Whole),
            (CellCombine::Max { value }, Added::Whole),
            (CellCombine::Min { value }, Added::Whole),
            (CellCombine::Mean { value, weight }, Added::Whole),
            (CellCombine::Only { value }, Added::OneTooMany),
        ] {
            let (mut cell, row) = (Cell::default(), [Some(5.0), Some(1.0)]);
            assert_eq!((cell.add(combine, &row), cell.add(combine, &row)), (Added::Whole, second), "{combine:?}");
        }
    }

    #[test]
    fn never_lie_of_two_rows_where_only_one_can_be_none_is_shown_and_the_second_is_told() {
        let combine = CellCombine::Only { value: 0 };
        let mut one = cell(combine, &[[None, None], [Some(5.0), None]]);
        assert_eq!(one.value(combine), Some(5.0));
        let mut merged = one;
        merged.merge(combine, cell(combine, &[[Some(5.0), None]]));
        assert_eq!(one.add(combine, &[Some(5.0), None]), Added::OneTooMany);
        assert_eq!((one.value(combine), merged.value(combine)), (None, None));
    }

    #[test]
    fn a_mean_whose_weights_are_zero_is_absent() {
        let combine = CellCombine::Mean { value: 0, weight: 1 };
        assert_eq!(cell(combine, &[[Some(5.0), Some(0.0)]]).value(combine), None);
    }

    #[test]
    fn never_lie_a_value_is_read_or_missing_or_counted_as_unreadable() {
        let text = |text: &'static str| Some(Scalar::Text(text.into()));
        let number = |number: &str| Some(Scalar::Number(number.into()));
        for (slot, read) in [
            (None, Some(None)),
            (text(""), Some(None)),
            (text(" \u{a0}"), Some(None)),
            (text("-"), Some(None)),
            (text(" -- "), Some(None)),
            (text("---"), None),
            (text("00:01:05"), Some(Some(65.0))),
            (text("\u{a0}65 "), Some(Some(65.0))),
            (text("soon"), None),
            (number("65.0"), Some(Some(65.0))),
            (number("65.5"), Some(Some(65.5))),
            (Some(Scalar::Other), None),
        ] {
            let input = InputPlan { field: 1, format: Format::of(FormatKind::Duration) };
            let row = [text("7"), slot];
            assert_eq!(read_value(&input, &row, &TimeZone::UTC).ok(), read, "{row:?}");
        }
    }

    #[test]
    fn a_value_counts_once_in_a_row() {
        let mut counts = FieldCounts::new(2);
        for (field, row) in [(0, 1), (0, 1), (1, 1), (0, 2), (0, 3), (1, 3), (1, 3)] {
            counts.add(field, row);
        }
        assert_eq!(counts.0.iter().map(|of_field| of_field.count).collect::<Vec<_>>(), [3, 2]);
    }
}
