//! A report's declaration as positions: which field of a row goes where.

use std::collections::BTreeSet;

use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::catalog::{Combine, Family, Form, Format, Info, Label, Metric, Privacy, Pseudonyms, Report, VendorField};
use crate::rows::Scalar;
use crate::series::{LABEL_BYTES, LabelName};

/// A declared field's value in one row; `None` where the row does not have it.
pub(super) type Slot<'de> = Option<Scalar<'de>>;

/// A report's declaration, with every field as a position.
#[derive(Debug)]
pub struct RowPlan {
    /// Longest value of a label.
    pub(super) label_bytes: usize,
    pub(super) fields: Fields,
    /// Documented fields, whatever row they stand in; the others are news.
    pub(super) documented: BTreeSet<String>,
    pub(super) nested: Option<NestedRows>,
    pub(super) tables: Vec<TablePlan>,
    pub(super) inputs: Vec<InputPlan>,
    pub(super) infos: Vec<InfoPlan>,
    /// The operation's.
    pub(super) zone: TimeZone,
}

/// The metrics that have the same labels: their rows fall into the same groups.
#[derive(Debug)]
pub(super) struct TablePlan {
    pub(super) labels: Vec<LabelPlan>,
    pub(super) cells: Vec<CellPlan>,
}

/// Every declared field once: its place here is its place in a row's values.
#[derive(Debug, Default)]
pub(super) struct Fields(pub(super) Vec<Field>);

#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: VendorField,
    /// Whether it stands in the nested rows rather than in their parent.
    pub(super) nested: bool,
    pub(super) required: bool,
}

#[derive(Debug)]
pub(super) struct NestedRows {
    /// The parent's field with the list.
    pub(super) list: usize,
    /// The nested row's field with its day, where nested rows are days.
    pub(super) day: Option<usize>,
}

#[derive(Debug)]
pub(super) struct LabelPlan {
    pub(super) label: LabelName,
    pub(super) field: usize,
    /// Whether it is read from the nested row.
    pub(super) nested: bool,
    pub(super) form: Form,
    /// A blank optional label is left out; any other blank one is `unknown`.
    pub(super) optional: bool,
    /// What stands in place of the value, where that is not to be seen.
    pub(super) pseudonyms: Option<Pseudonyms>,
}

#[derive(Debug)]
pub(super) struct InputPlan {
    pub(super) field: usize,
    pub(super) format: Format,
}

#[derive(Debug)]
pub(super) struct CellPlan {
    pub(super) family: Arc<Family>,
    /// The label, as it is written, that tells it from the family's other cells.
    pub(super) column: Option<String>,
    pub(super) combine: CellCombine,
}

/// [`Combine`] with inputs as positions.
#[derive(Clone, Copy, Debug)]
pub(super) enum CellCombine {
    Count,
    Sum { value: usize },
    Product { value: usize, times: usize },
    Max { value: usize },
    Min { value: usize },
    Only { value: usize },
    Mean { value: usize, weight: usize },
}

impl CellCombine {
    /// Which input is the value's own.
    pub(super) fn value(self) -> Option<usize> {
        match self {
            CellCombine::Count => None,
            CellCombine::Sum { value }
            | CellCombine::Product { value, .. }
            | CellCombine::Max { value }
            | CellCombine::Min { value }
            | CellCombine::Only { value }
            | CellCombine::Mean { value, .. } => Some(value),
        }
    }
}

#[derive(Debug)]
pub(super) struct InfoPlan {
    pub(super) family: Arc<Family>,
    pub(super) labels: Vec<Option<LabelPlan>>,
    pub(super) only_with: Option<usize>,
    /// How many of the first table's first labels say everything that the entry says; `None` where they do not.
    pub(super) said_by: Option<usize>,
}

impl RowPlan {
    pub fn new(report: &Report, privacy: &Privacy) -> RowPlan {
        let mut plan = RowPlan {
            label_bytes: LABEL_BYTES,
            fields: Fields::default(),
            documented: report.documented().map(str::to_owned).collect(),
            nested: None,
            tables: vec![],
            inputs: vec![],
            infos: vec![],
            zone: TimeZone::UTC,
        };
        let mut tables: Vec<Vec<&Metric>> = Vec::new();
        for metric in &report.metrics {
            match tables.iter_mut().find(|table| table[0].labels == metric.labels) {
                Some(table) => table.push(metric),
                None => tables.push(vec![metric]),
            }
        }
        plan.tables = tables.into_iter().map(|metrics| plan.table(report, &metrics, privacy)).collect();
        plan.infos = report.info.iter().filter_map(|info| plan.info(report, info, privacy)).collect();
        plan.nested = report.nested.as_ref().map(|nested| NestedRows {
            list: plan.fields.place(report, &VendorField::from(nested.field.as_str()), false),
            day: nested.day.as_ref().map(|day| plan.fields.place(report, &VendorField::from(day.as_str()), true)),
        });
        plan
    }

    /// The same with another longest value of a label.
    #[must_use]
    pub fn with_label_bytes(self, label_bytes: usize) -> RowPlan {
        RowPlan { label_bytes, ..self }
    }

    /// The same for an operation of this zone.
    #[must_use]
    pub fn in_zone(self, zone: TimeZone) -> RowPlan {
        RowPlan { zone, ..self }
    }

    fn table(&mut self, report: &Report, metrics: &[&Metric], privacy: &Privacy) -> TablePlan {
        let labels = metrics[0].labels.iter().map(|place| &report.labels[*place]);
        let shown = labels.filter(|label| privacy.shows(label));
        let labels = shown.map(|label| self.fields.label(report, label, privacy)).collect();
        let mut cells = Vec::new();
        for metric in metrics {
            for value in &metric.values {
                let column = value.column.as_ref().map(|column| {
                    let mut written = String::new();
                    LabelName::new(&column.label).write(&mut written, &column.value);
                    written
                });
                let combine = self.combine(report, &value.combine);
                cells.push(CellPlan { family: Arc::clone(&metric.family), column, combine });
            }
        }
        TablePlan { labels, cells }
    }

    fn combine(&mut self, report: &Report, combine: &Combine) -> CellCombine {
        let mut input = |input: &crate::catalog::Input| {
            let field = self.fields.place(report, &input.field, report.nested.is_some());
            let known = self.inputs.iter().position(|known| known.field == field && known.format == input.format);
            known.unwrap_or_else(|| {
                self.inputs.push(InputPlan { field, format: input.format.clone() });
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
            Combine::Min { value } => CellCombine::Min { value: input(value) },
            Combine::Only { value } => CellCombine::Only { value: input(value) },
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
        let known = |label: &LabelPlan| self.tables.first()?.labels.iter().position(|known| known.field == label.field);
        let behind = |label: &LabelPlan| known(label).map(|at| at + 1);
        let said_by = labels.iter().flatten().map(behind).try_fold(0, |most, behind| Some(most.max(behind?)));
        Some(InfoPlan { family: Arc::clone(&info.family), labels, only_with: info.only_with, said_by })
    }
}

impl TablePlan {
    /// How many labels stand before the last.
    pub(super) fn prefix(&self) -> usize {
        self.labels.len().saturating_sub(1)
    }
}

impl LabelPlan {
    /// Whether a clean value is shown as it came.
    pub(super) fn is_as_sent(&self) -> bool {
        self.form == Form::AsSent && self.pseudonyms.is_none()
    }
}

impl Fields {
    /// The field's position, a new one where it is not known yet.
    fn place(&mut self, report: &Report, name: &VendorField, nested: bool) -> usize {
        let known = self.0.iter().position(|field| field.name == *name && field.nested == nested);
        known.unwrap_or_else(|| {
            let required = !name.names().any(|name| report.is_optional(name));
            self.0.push(Field { name: name.clone(), nested, required });
            self.0.len() - 1
        })
    }

    fn label(&mut self, report: &Report, label: &Label, privacy: &Privacy) -> LabelPlan {
        LabelPlan {
            label: LabelName::new(&label.name),
            field: self.place(report, &label.field, label.nested),
            nested: label.nested,
            form: label.form,
            optional: label.field.names().any(|name| report.is_optional(name)),
            pseudonyms: privacy.pseudonyms(label),
        }
    }

    pub(super) fn find(&self, name: &str, nested: bool) -> Option<usize> {
        self.0.iter().position(|field| field.nested == nested && field.name.names().any(|known| known == name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Agents, Catalog, FormatKind};

    #[test]
    fn a_field_is_read_once_in_each_format_however_many_metrics_need_it() {
        let catalog = Catalog::parse(
            r"
- name: calls
  endpoint: reports_manager.php
  api: calls_1
  meaning: Calls by code
  labels: { code: { field: code, personal: none } }
  metrics:
    - { name: wolkvox_x_seconds, help: Time., field: time, format: duration, combine: sum }
    - { name: wolkvox_x_max_seconds, help: Longest., field: time, format: duration, combine: max }
    - { name: wolkvox_x_billed_seconds, help: Billed., field: time, format: minutes, combine: sum }
    - { name: wolkvox_x_held_seconds, help: Held., field: hold, format: duration, combine: sum }
",
        )
        .unwrap();
        let plan = RowPlan::new(catalog.report("calls").unwrap(), &Privacy::default());
        let values = |table: &TablePlan| table.cells.iter().map(|cell| cell.combine.value()).collect::<Vec<_>>();
        assert_eq!(plan.tables.iter().map(values).collect::<Vec<_>>(), [[Some(0), Some(0), Some(1), Some(2)]]);
        let inputs: Vec<&Format> = plan.inputs.iter().map(|input| &input.format).collect();
        let [duration, minutes] = [FormatKind::Duration, FormatKind::Minutes].map(Format::of);
        assert_eq!(inputs, [&duration, &minutes, &duration]);
        assert_eq!(plan.inputs[0].field, plan.inputs[1].field);
        assert_ne!(plan.inputs[0].field, plan.inputs[2].field);
    }

    #[test]
    fn what_stands_before_the_last_label_is_kept_once_for_all_rows_of_an_agent() {
        let catalog = Catalog::builtin().unwrap();
        let plan = |privacy: &Privacy| RowPlan::new(catalog.report("agent_aux_time").unwrap(), privacy);
        let named = plan(&Privacy::default());
        assert_eq!((named.tables[0].labels.len(), named.tables[0].prefix()), (3, 2));
        let omitted = plan(&Privacy { agents: Agents::Omitted, ..Privacy::default() });
        assert_eq!((omitted.tables[0].labels.len(), omitted.tables[0].prefix()), (1, 0));
    }
}
