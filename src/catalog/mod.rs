//! The catalogue: which reports there are, and how each becomes metrics.
//!
//! A report is declared in `builtin/`, in one file for each file of the vendor, never coded: this module reads the declaration, checks it
//! once at start, and hands out types that cannot be wrong any more.

mod format;
mod privacy;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;

pub use format::{Format, FormatKind, parse_day};
pub use privacy::{Agents, NameKey, PLAIN, Privacy, Pseudonyms, ShortKey};

/// The declarations of all built-in reports.
const BUILTIN: &str =
    concat!(include_str!("builtin/reports_manager.yaml"), "\n", include_str!("builtin/gamification.yaml"));

/// Every report and every metric family that the exporter knows.
#[derive(Debug)]
pub struct Catalog {
    reports: Vec<Arc<Report>>,
    families: Vec<Family>,
}

/// A metric family as a scrape shows it: one `# HELP`, one `# TYPE`, many series.
#[derive(Debug, PartialEq)]
pub struct Family {
    /// The full name, unit last: `wolkvox_agent_aux_seconds`.
    pub name: String,
    pub help: String,
    pub kind: FamilyKind,
    /// For an info family: its label names in order, without `operation`.
    pub info_labels: Vec<String>,
}

/// What a family's samples mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FamilyKind {
    /// A total of the window. Never a counter: the vendor corrects totals downward.
    Gauge,
    /// Always 1: the labels are the message.
    Info,
}

/// Position of a family in [`Catalog::families`], which is also the order of a scrape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FamilyId(pub usize);

/// One vendor report: where to ask for it and what to read from its rows.
#[derive(Debug)]
pub struct Report {
    /// The name in the config and in the `report` label.
    pub name: Arc<str>,
    /// The vendor's file below `/api/v2/`.
    pub endpoint: String,
    /// The vendor's `api` parameter.
    pub api: String,
    /// Whether the request carries `date_ini` and `date_end`.
    pub dated: bool,
    /// Whether a window can be asked in parts that add up: not known of a report whose rows are per day.
    pub splits: bool,
    pub meaning: String,
    pub nested: Option<Nested>,
    pub labels: Vec<Label>,
    pub metrics: Vec<Metric>,
    pub info: Vec<Info>,
    optional: BTreeSet<String>,
    unused: BTreeSet<String>,
}

impl Report {
    /// Whether an answer may leave this field out of every row.
    pub fn is_optional(&self, field: &str) -> bool {
        self.optional.contains(field)
    }

    /// Every field that the vendor documents, read or not.
    pub fn documented(&self) -> impl Iterator<Item = &str> {
        self.fields().into_iter().chain(self.unused.iter().map(String::as_str))
    }

    /// Every field that is read from an answer; nothing else of it is.
    pub fn fields(&self) -> BTreeSet<&str> {
        let infos = self.info.iter().flat_map(|info| info.labels.iter().flatten());
        let labels = self.labels.iter().chain(infos).map(|label| label.field.as_str());
        let values = self.metrics.iter().flat_map(|metric| metric.combine.inputs());
        let nested = self.nested.iter().flat_map(|nested| [nested.field.as_str(), nested.day.as_str()]);
        labels.chain(values.map(|input| input.field.as_str())).chain(nested).collect()
    }
}

/// Rows inside rows: `data[].stats[]`. Labels come from the parent, values from the nested row.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nested {
    /// The parent's field that holds the list.
    pub field: String,
    /// The nested row's field that holds its day; days outside the window are ignored.
    pub day: String,
}

/// A label and the vendor field it is read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    pub name: String,
    pub field: String,
    pub form: Form,
}

/// What a label tells of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Personal {
    Id,
    Name,
    /// An identity document.
    Document,
}

impl Label {
    /// What it tells of an agent: by the vendor's field, whatever the label is called.
    pub fn personal(&self) -> Option<Personal> {
        match self.field.as_str() {
            "agent_id" => Some(Personal::Id),
            "agent_name" => Some(Personal::Name),
            "agent_dni" => Some(Personal::Document),
            _ => None,
        }
    }
}

/// How a label value is written, beyond trimming.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    #[default]
    AsSent,
    /// Lower-cased, blanks as `_`: `NO USER` becomes `no_user`.
    LowerSnake,
}

/// One metric of a report.
#[derive(Debug)]
pub struct Metric {
    pub family: FamilyId,
    pub name: String,
    pub combine: Combine,
}

/// How the rows with equal labels become one value.
#[derive(Clone, Debug, PartialEq)]
pub enum Combine {
    /// Number of rows.
    Count,
    /// Sum of the field, each value multiplied by `times` where given.
    Sum {
        value: Input,
        times: Option<Input>,
    },
    Max {
        value: Input,
    },
    /// Mean of the field, each value weighted; absent where the weights add up to nothing.
    Mean {
        value: Input,
        weight: Input,
    },
}

impl Combine {
    /// The vendor fields this reads, the value's own first.
    pub fn inputs(&self) -> Vec<&Input> {
        match self {
            Combine::Count => vec![],
            Combine::Sum { value, times: None } | Combine::Max { value } => vec![value],
            Combine::Sum { value, times: Some(other) } | Combine::Mean { value, weight: other } => vec![value, other],
        }
    }
}

impl fmt::Display for Combine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Combine::Count => f.write_str("number of rows"),
            Combine::Sum { value, times: None } => write!(f, "sum of {}", value.field),
            Combine::Sum { value, times: Some(times) } => write!(f, "sum of {} × {}", value.field, times.field),
            Combine::Max { value } => write!(f, "largest {}", value.field),
            Combine::Mean { value, weight } => write!(f, "mean of {}, weighted by {}", value.field, weight.field),
        }
    }
}

/// A vendor field and how its text becomes a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    pub field: String,
    pub format: Format,
}

/// Entries of an info family that a report contributes.
#[derive(Debug)]
pub struct Info {
    pub family: FamilyId,
    /// One per label of the family, in its order; `None` where this report does not know it.
    pub labels: Vec<Option<Label>>,
    /// Index of a label without which there is nothing to say.
    pub only_with: Option<usize>,
}

impl Catalog {
    /// The reports shipped with the exporter.
    pub fn builtin() -> Result<Self, CatalogError> {
        Self::parse(BUILTIN)
    }

    /// Reads and checks a catalogue.
    pub fn parse(yaml: &str) -> Result<Self, CatalogError> {
        let declared: Vec<ReportDeclaration> =
            serde_saphyr::from_str(yaml).map_err(|error| CatalogError(error.without_snippet().to_string()))?;
        let mut families = Families::default();
        // Gauges first and info families last, so that a scrape reads report by report.
        let gauges = declared.iter().map(|report| families.declare_metrics(report)).collect::<Result<Vec<_>, _>>()?;
        let infos = declared.iter().map(|report| families.declare_infos(report)).collect::<Result<Vec<_>, _>>()?;
        let mut reports: Vec<Arc<Report>> = Vec::new();
        for ((declaration, metrics), infos) in declared.into_iter().zip(gauges).zip(infos) {
            if reports.iter().any(|known| *known.name == *declaration.name) {
                return Err(CatalogError(format!("report {} is declared twice", declaration.name)));
            }
            reports.push(Arc::new(declaration.check(metrics, infos, &families)?));
        }
        Ok(Catalog { reports, families: families.list })
    }

    pub fn reports(&self) -> &[Arc<Report>] {
        &self.reports
    }

    pub fn report(&self, name: &str) -> Option<&Arc<Report>> {
        self.reports.iter().find(|report| &*report.name == name)
    }

    /// In the order of a scrape.
    pub fn families(&self) -> &[Family] {
        &self.families
    }
}

/// A catalogue that contradicts itself, with the report and what is wrong.
#[derive(Debug, thiserror::Error)]
#[error("the report catalogue is wrong: {0}")]
pub struct CatalogError(String);

// === declarations as written ===

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReportDeclaration {
    name: String,
    endpoint: String,
    api: String,
    dated: bool,
    meaning: String,
    nested: Option<Nested>,
    #[serde(default)]
    optional: BTreeSet<String>,
    /// Fields that are documented and not read.
    #[serde(default)]
    unused: BTreeSet<String>,
    labels: BTreeMap<String, LabelDeclaration>,
    metrics: Vec<MetricDeclaration>,
    #[serde(default)]
    info: Vec<InfoDeclaration>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum LabelDeclaration {
    Field(String),
    Formed { field: String, form: Form },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MetricDeclaration {
    name: String,
    help: String,
    field: Option<String>,
    format: Option<FormatKind>,
    #[serde(default)]
    signed: bool,
    combine: CombineDeclaration,
    times: Option<InputDeclaration>,
    weight: Option<InputDeclaration>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CombineDeclaration {
    Sum,
    Max,
    Count,
    Mean,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InputDeclaration {
    field: String,
    format: FormatKind,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InfoDeclaration {
    name: String,
    labels: BTreeMap<String, String>,
    only_with: Option<String>,
}

impl ReportDeclaration {
    fn check(self, metrics: Vec<FamilyId>, infos: Vec<FamilyId>, families: &Families) -> Result<Report, CatalogError> {
        let labels = self.labels.into_iter().map(|(name, label)| label.named(name)).collect::<Vec<_>>();
        for label in &labels {
            check_label_name(&self.name, &label.name)?;
        }
        let metrics = self
            .metrics
            .into_iter()
            .zip(metrics)
            .map(|(metric, family)| metric.check(family))
            .collect::<Result<Vec<_>, _>>()?;
        let info = self.info.into_iter().zip(infos).map(|(info, family)| info.check(family, families)).collect();
        Ok(Report {
            name: Arc::from(self.name),
            endpoint: self.endpoint,
            api: self.api,
            dated: self.dated,
            splits: self.dated && self.nested.is_none(),
            meaning: self.meaning,
            nested: self.nested,
            labels,
            metrics,
            info,
            optional: self.optional,
            unused: self.unused,
        })
    }
}

impl LabelDeclaration {
    fn named(self, name: String) -> Label {
        match self {
            LabelDeclaration::Field(field) => Label { name, field, form: Form::AsSent },
            LabelDeclaration::Formed { field, form } => Label { name, field, form },
        }
    }
}

impl MetricDeclaration {
    fn check(self, family: FamilyId) -> Result<Metric, CatalogError> {
        let signed = self.signed;
        let value = match (self.field, self.format) {
            (Some(field), Some(kind)) => Some(Input { field, format: Format { kind, signed } }),
            (None, None) => None,
            _ => return Err(CatalogError(format!("metric {}: field and format go together", self.name))),
        };
        let combine = match (self.combine, value, self.times, self.weight) {
            (CombineDeclaration::Count, None, None, None) => Combine::Count,
            (CombineDeclaration::Sum, Some(value), times, None) => {
                Combine::Sum { value, times: times.map(InputDeclaration::input) }
            }
            (CombineDeclaration::Max, Some(value), None, None) => Combine::Max { value },
            (CombineDeclaration::Mean, Some(value), None, Some(weight)) => {
                Combine::Mean { value, weight: weight.input() }
            }
            _ => {
                return Err(CatalogError(format!(
                    "metric {}: count takes no field, sum a field and perhaps times, max a field, mean a field and weight",
                    self.name
                )));
            }
        };
        Ok(Metric { family, name: self.name, combine })
    }
}

impl InputDeclaration {
    fn input(self) -> Input {
        Input { field: self.field, format: Format { kind: self.format, signed: false } }
    }
}

impl InfoDeclaration {
    fn check(mut self, family: FamilyId, families: &Families) -> Info {
        let names = &families.list[family.0].info_labels;
        let only_with = self.only_with.and_then(|wanted| names.iter().position(|name| *name == wanted));
        let labels = names
            .iter()
            .map(|name| {
                let field = self.labels.remove(name)?;
                Some(Label { name: name.clone(), field, form: Form::AsSent })
            })
            .collect();
        Info { family, labels, only_with }
    }
}

/// The families as they are collected, each name once.
#[derive(Default)]
struct Families {
    list: Vec<Family>,
}

impl Families {
    fn declare_metrics(&mut self, report: &ReportDeclaration) -> Result<Vec<FamilyId>, CatalogError> {
        report.metrics.iter().map(|metric| self.declare_metric(report, metric)).collect()
    }

    fn declare_metric(
        &mut self,
        report: &ReportDeclaration,
        metric: &MetricDeclaration,
    ) -> Result<FamilyId, CatalogError> {
        check_metric_name(&metric.name)?;
        if self.list.iter().any(|family| family.name == metric.name) {
            return Err(CatalogError(format!("metric {} is declared twice", metric.name)));
        }
        let source = metric.field.as_ref().map_or("rows".to_owned(), |field| format!("field {field}"));
        self.list.push(Family {
            name: metric.name.clone(),
            help: format!(
                "{} Report {} ({}), {source}; as old as wolkvox_report_last_success_timestamp_seconds says.",
                metric.help, report.name, report.api
            ),
            kind: FamilyKind::Gauge,
            info_labels: Vec::new(),
        });
        Ok(FamilyId(self.list.len() - 1))
    }

    fn declare_infos(&mut self, report: &ReportDeclaration) -> Result<Vec<FamilyId>, CatalogError> {
        report.info.iter().map(|info| self.declare_info(report, info)).collect()
    }

    fn declare_info(&mut self, report: &ReportDeclaration, info: &InfoDeclaration) -> Result<FamilyId, CatalogError> {
        if !info.name.ends_with("_info") {
            return Err(CatalogError(format!("info family {} must end in _info", info.name)));
        }
        check_metric_name(&info.name)?;
        let id = self.list.iter().position(|family| family.name == info.name).unwrap_or_else(|| {
            self.list.push(Family {
                name: info.name.clone(),
                help: String::new(),
                kind: FamilyKind::Info,
                info_labels: Vec::new(),
            });
            self.list.len() - 1
        });
        let family = &mut self.list[id];
        for name in info.labels.keys() {
            check_label_name(&report.name, name)?;
            if !family.info_labels.contains(name) {
                family.info_labels.push(name.clone());
            }
        }
        if let Some(wanted) = &info.only_with
            && !info.labels.contains_key(wanted)
        {
            return Err(CatalogError(format!("info {}: only_with names no label of it: {wanted}", info.name)));
        }
        family.help = if family.help.is_empty() {
            format!("Always 1; the labels are what the served reports say together: {}", report.api)
        } else {
            format!("{}, {}", family.help, report.api)
        };
        Ok(FamilyId(id))
    }
}

/// Labels that every series has; a report may not declare them again.
const OWN_LABELS: [&str; 2] = ["operation", "window"];

fn check_label_name(report: &str, name: &str) -> Result<(), CatalogError> {
    if !is_name(name) || name.starts_with("__") || OWN_LABELS.contains(&name) {
        return Err(CatalogError(format!("report {report}: {name} cannot be a label")));
    }
    Ok(())
}

fn check_metric_name(name: &str) -> Result<(), CatalogError> {
    let reserved = ["_total", "_count", "_sum", "_bucket", "_created"];
    if !is_name(name) || !name.starts_with("wolkvox_") || reserved.iter().any(|suffix| name.ends_with(suffix)) {
        return Err(CatalogError(format!(
            "{name} cannot be a gauge: it must start with wolkvox_ and not end as a counter or histogram does"
        )));
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_lowercase() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_catalogue_declares_the_five_reports() {
        let catalog = Catalog::builtin().unwrap();
        let names: Vec<&str> = catalog.reports().iter().map(|report| &*report.name).collect();
        assert_eq!(names, ["agent_aux_time", "agent_hold_mute", "closed_interactions", "smart_wait", "agent_kpi"]);
        assert_eq!(catalog.families().len(), 22);
    }

    #[test]
    fn never_leak_no_personal_field_of_a_customer_is_declared() {
        for report in Catalog::builtin().unwrap().reports() {
            for field in report.fields() {
                assert!(!["ani", "dial_phone", "customer_id"].contains(&field), "{}: {field}", report.name);
            }
        }
    }

    #[test]
    fn a_wrong_catalogue_says_what_is_wrong() {
        let base = BUILTIN;
        for (from, to, message) in [
            ("name: wolkvox_agent_hits", "name: wolkvox_agent_calls", "wolkvox_agent_calls is declared twice"),
            ("name: wolkvox_agent_hits", "name: wolkvox_agent_hits_total", "cannot be a gauge"),
            ("- name: smart_wait", "- name: agent_kpi", "agent_kpi is declared twice"),
            ("state: aux_state", "window: aux_state", "window cannot be a label"),
            ("combine: max", "combine: count", "count takes no field"),
            ("only_with: description", "only_with: nothing", "only_with names no label"),
            ("format: minutes", "format: miles", "unknown variant"),
        ] {
            let error = Catalog::parse(&base.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(message), "{from} -> {to}: {error}");
        }
    }
}
