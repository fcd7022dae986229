//! A report's declaration as positions: which field of a row goes where.

use std::collections::BTreeSet;

use crate::catalog::{Combine, FamilyId, Form, Format, Info, Label, Privacy, Pseudonyms, Report};
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
    pub(super) labels: Vec<LabelPlan>,
    pub(super) inputs: Vec<InputPlan>,
    pub(super) cells: Vec<CellPlan>,
    pub(super) infos: Vec<InfoPlan>,
}

/// Every declared field once: its place here is its place in a row's values.
#[derive(Debug, Default)]
pub(super) struct Fields(pub(super) Vec<Field>);

#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    /// Whether it stands in the nested rows rather than in their parent.
    pub(super) nested: bool,
    pub(super) required: bool,
}

#[derive(Debug)]
pub(super) struct NestedRows {
    /// The parent's field with the list.
    pub(super) list: usize,
    /// The nested row's field with its day.
    pub(super) day: usize,
}

#[derive(Debug)]
pub(super) struct LabelPlan {
    pub(super) label: LabelName,
    pub(super) field: usize,
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
    pub(super) family: FamilyId,
    pub(super) combine: CellCombine,
}

/// [`Combine`] with inputs as positions.
#[derive(Clone, Copy, Debug)]
pub(super) enum CellCombine {
    Count,
    Sum { value: usize },
    Product { value: usize, times: usize },
    Max { value: usize },
    Mean { value: usize, weight: usize },
}

#[derive(Debug)]
pub(super) struct InfoPlan {
    pub(super) family: FamilyId,
    pub(super) labels: Vec<Option<LabelPlan>>,
    pub(super) only_with: Option<usize>,
    /// How many of the report's first labels say everything that the entry says; `None` where they do not.
    pub(super) said_by: Option<usize>,
}

impl RowPlan {
    pub fn new(report: &Report, privacy: &Privacy) -> RowPlan {
        let shown = |label: &&Label| privacy.shows(label);
        let mut plan = RowPlan {
            label_bytes: LABEL_BYTES,
            fields: Fields::default(),
            documented: report.documented().map(str::to_owned).collect(),
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
        plan.nested = report.nested.as_ref().map(|nested| NestedRows {
            list: plan.fields.place(report, &nested.field, false),
            day: plan.fields.place(report, &nested.day, true),
        });
        plan
    }

    /// The same with another longest value of a label.
    #[must_use]
    pub fn with_label_bytes(self, label_bytes: usize) -> RowPlan {
        RowPlan { label_bytes, ..self }
    }

    /// How many labels stand before the last.
    pub(super) fn prefix(&self) -> usize {
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
    pub(super) fn is_as_sent(&self) -> bool {
        self.form == Form::AsSent && self.pseudonyms.is_none()
    }
}

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

    pub(super) fn find(&self, name: &str, nested: bool) -> Option<usize> {
        self.0.iter().position(|field| field.nested == nested && field.name == name)
    }
}
