//! Reports as they are declared, once that has been checked.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use super::format::Format;
use super::personal::not_a_value;

/// A metric family as a scrape shows it: one `# HELP`, one `# TYPE`, many series.
#[derive(Clone, Debug)]
pub struct Family {
    /// Its place in a scrape; families of operators' own reports share the last one, and stand there by name.
    pub(super) place: usize,
    /// The full name, unit last: `wolkvox_agent_aux_seconds`.
    pub name: String,
    pub help: String,
    pub kind: FamilyKind,
    /// For an info family: its label names in order, without `operation`.
    pub info_labels: Vec<String>,
}

impl Family {
    /// An info family of these labels, for a test.
    #[cfg(test)]
    pub fn info(name: &str, labels: [&str; 2]) -> Family {
        let (help, info_labels) = (String::new(), labels.map(str::to_owned).to_vec());
        Family { place: 0, name: name.to_owned(), help, kind: FamilyKind::Info, info_labels }
    }
}

/// What a family's samples mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FamilyKind {
    /// A total of the window, or what is so now. Never a counter: the vendor corrects totals downward.
    Gauge,
    /// Always 1: the labels are the message.
    Info,
}

impl Hash for Family {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl PartialEq for Family {
    fn eq(&self, other: &Family) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Family {}

impl PartialOrd for Family {
    fn partial_cmp(&self, other: &Family) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The order of a scrape.
impl Ord for Family {
    fn cmp(&self, other: &Family) -> Ordering {
        (self.place, &self.name).cmp(&(other.place, &other.name))
    }
}

/// One vendor report: where to ask for it and what to read from its rows.
#[derive(Clone, Debug)]
pub struct Report {
    /// The name in the config and in the `report` label.
    pub name: Arc<str>,
    /// The vendor's file below `/api/v2/`.
    pub endpoint: String,
    /// The vendor's `api` parameter.
    pub api: String,
    /// Query parameters beside `api` and the dates.
    pub params: Vec<Param>,
    /// What time it speaks of.
    pub span: ReportSpan,
    /// Its own pace, where that is not the config's.
    pub interval: Option<Duration>,
    /// Whether it is polled where the config names no reports.
    pub is_default: bool,
    /// Whether a window can be asked in parts that add up: not known of a report whose rows are per day.
    pub splits: bool,
    pub meaning: String,
    pub nested: Option<Nested>,
    pub labels: Vec<Label>,
    pub metrics: Vec<Metric>,
    pub info: Vec<Info>,
    /// The operator's file that declares it; `None` where it is built in.
    pub file: Option<PathBuf>,
    pub(super) optional: BTreeSet<String>,
    pub(super) unused: BTreeSet<String>,
}

/// What time a report speaks of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportSpan {
    /// Of a window of days, which the request names.
    #[default]
    Day,
    /// Of the moment of the request.
    Now,
}

/// A query parameter.
#[derive(Clone, Debug)]
pub struct Param {
    pub name: String,
    pub value: ParamValue,
}

/// What is sent as a parameter.
#[derive(Clone, Debug)]
pub enum ParamValue {
    Text(String),
    /// The config's own, where it has one.
    Setting {
        setting: String,
        default: String,
    },
}

impl Report {
    /// Whether the request carries `date_ini` and `date_end`.
    pub fn is_dated(&self) -> bool {
        self.span == ReportSpan::Day
    }

    /// Whether a window of more than a day can be asked for.
    pub fn takes_long_windows(&self) -> bool {
        self.splits || self.nested.as_ref().is_some_and(|nested| nested.day.is_some())
    }

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
        let labels = self.all_labels().map(|label| &label.field);
        let values = self.inputs().map(|input| &input.field);
        let nested = self.nested.iter().flat_map(|nested| [Some(&nested.field), nested.day.as_ref()]).flatten();
        labels.chain(values).flat_map(VendorField::names).chain(nested.map(String::as_str)).collect()
    }

    /// Its labels, and those of its info entries.
    pub fn all_labels(&self) -> impl Iterator<Item = &Label> {
        self.labels.iter().chain(self.info.iter().flat_map(|info| info.labels.iter().flatten()))
    }

    /// Whatever is read as a number.
    pub fn inputs(&self) -> impl Iterator<Item = &Input> {
        self.metrics.iter().flat_map(|metric| &metric.values).flat_map(|value| value.combine.inputs())
    }

    /// Every family that it feeds.
    pub fn families(&self) -> Vec<Arc<Family>> {
        let gauges = self.metrics.iter().map(|metric| &metric.family);
        gauges.chain(self.info.iter().map(|info| &info.family)).cloned().collect()
    }

    /// The parameters as they are sent.
    pub fn sent_params(&self) -> Vec<(String, String)> {
        let sent = |param: &Param| match &param.value {
            ParamValue::Text(text) => (param.name.clone(), text.clone()),
            ParamValue::Setting { default, .. } => (param.name.clone(), default.clone()),
        };
        self.params.iter().map(sent).collect()
    }

    /// A checksum of this declaration and of the families that it feeds. Kept data of another mark are not served:
    /// another declaration added them up.
    pub fn mark(&self) -> String {
        let Report { endpoint, api, params, span, nested, labels, metrics, info, .. } = self;
        let declared = format!("{endpoint} {api} {params:?} {span:?} {nested:?} {labels:?} {metrics:?} {info:?}");
        format!("{:08x}", crc32fast::hash(declared.as_bytes()))
    }

    /// A field among its values that tells of a person, with what that is and what to do.
    pub(crate) fn value_of_a_person(&self) -> Option<(&str, &'static str, &'static str)> {
        let mut names = self.inputs().flat_map(|input| input.field.names());
        names.find_map(|name| not_a_value(name).map(|(what, hint)| (name, what, hint)))
    }

    /// The settings of the config that it reads, and what holds where the config has none.
    pub fn settings(&self) -> BTreeMap<&str, &str> {
        let of_params = self.params.iter().filter_map(|param| match &param.value {
            ParamValue::Setting { setting, default } => Some((setting.as_str(), default.as_str())),
            ParamValue::Text(_) => None,
        });
        of_params.collect()
    }

    /// A report as an operation asks for it: with what its config says of the settings that it reads.
    pub fn settled(report: &Arc<Report>, given: &BTreeMap<String, String>) -> Arc<Report> {
        if report.settings().is_empty() { Arc::clone(report) } else { Arc::new(report.with_settings(given)) }
    }

    /// The same with the values of its settings in their places.
    fn with_settings(&self, given: &BTreeMap<String, String>) -> Report {
        let settings: Vec<(String, String)> = self
            .settings()
            .into_iter()
            .map(|(setting, default)| {
                (format!("{{{setting}}}"), given.get(setting).map_or(default, String::as_str).to_owned())
            })
            .collect();
        let filled = |text: &mut String| {
            for (place, value) in &settings {
                *text = text.replace(place, value);
            }
        };
        let mut report = self.clone();
        for param in &mut report.params {
            if let ParamValue::Setting { setting, default } = &param.value {
                param.value = ParamValue::Text(given.get(setting).unwrap_or(default).clone());
            }
        }
        for metric in &mut report.metrics {
            for value in &mut metric.values {
                value.combine.inputs_mut().for_each(|input| input.field.names_mut().for_each(filled));
                value.column.iter_mut().for_each(|column| filled(&mut column.value));
            }
            // A setting can make one column the same as another, as `service_seconds: 20` does: the first one stays.
            let mut columns = BTreeSet::new();
            metric
                .values
                .retain(|value| value.column.as_ref().is_none_or(|column| columns.insert(column.value.clone())));
        }
        let filled_set = |names: &BTreeSet<String>| {
            names
                .iter()
                .cloned()
                .map(|mut name| {
                    filled(&mut name);
                    name
                })
                .collect()
        };
        (report.optional, report.unused) = (filled_set(&self.optional), filled_set(&self.unused));
        report
    }
}

/// Rows inside rows: `data[].stats[]`. Values come from the nested row, labels from the parent unless they say otherwise.
#[derive(Clone, Debug)]
pub struct Nested {
    /// The parent's field that holds the list.
    pub field: String,
    /// The nested row's field that holds its day, where nested rows are days; those outside the window are ignored.
    pub day: Option<String>,
}

/// A field of the vendor's, under each of the names that it may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VendorField {
    pub name: String,
    pub(super) also: Vec<String>,
}

impl VendorField {
    pub fn names(&self) -> impl Iterator<Item = &str> {
        [self.name.as_str()].into_iter().chain(self.also.iter().map(String::as_str))
    }

    fn names_mut(&mut self) -> impl Iterator<Item = &mut String> {
        [&mut self.name].into_iter().chain(&mut self.also)
    }
}

impl From<&str> for VendorField {
    fn from(name: &str) -> VendorField {
        VendorField { name: name.to_owned(), also: Vec::new() }
    }
}

impl fmt::Display for VendorField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().collect::<Vec<_>>().join(" or "))
    }
}

/// A label and the vendor field it is read from.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    pub name: String,
    pub field: VendorField,
    pub form: Form,
    /// What it tells of an agent, whatever the label is called.
    pub personal: Option<Personal>,
    /// Whether it is read from the nested row.
    pub nested: bool,
}

/// What a label tells of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Personal {
    Id,
    Name,
    /// An identity document.
    Document,
}

/// How a label value is written, beyond trimming.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    #[default]
    AsSent,
    /// Lower-cased, blanks as `_`: `NO USER` becomes `no_user`.
    LowerSnake,
    /// The digits it begins with: `32841 - Name 50 %` becomes `32841`.
    LeadingNumber,
}

/// One metric of a report.
#[derive(Clone, Debug)]
pub struct Metric {
    pub family: Arc<Family>,
    /// Which of the report's labels it has, by place; the rows are added up over the others.
    pub labels: Vec<usize>,
    /// One, or one for each column.
    pub values: Vec<MetricValue>,
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(MetricValue { combine, column: Some(MetricColumn { label, .. }) }) = self.values.first() else {
            return self.values.iter().try_for_each(|value| write!(f, "{}", value.combine));
        };
        let what = match combine {
            Combine::Count => "number of rows",
            Combine::Sum { times: None, .. } => "sum",
            Combine::Sum { times: Some(_), .. } => "weighted sum",
            Combine::Max { .. } => "largest",
            Combine::Min { .. } => "least",
            Combine::Only { .. } => "value of the one row",
            Combine::Mean { .. } => "weighted mean",
        };
        write!(f, "{what} of {} fields by {label}", self.values.len())
    }
}

/// What one series of a metric is made of.
#[derive(Clone, Debug)]
pub struct MetricValue {
    /// The label that tells it from the metric's other values, where there are others.
    pub column: Option<MetricColumn>,
    pub combine: Combine,
}

/// A label that stands for a field.
#[derive(Clone, Debug)]
pub struct MetricColumn {
    pub label: String,
    pub value: String,
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
    Min {
        value: Input,
    },
    /// The value of the one row that there is: where there are two, none can be told.
    Only {
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
            Combine::Sum { value, times: None }
            | Combine::Max { value }
            | Combine::Min { value }
            | Combine::Only { value } => vec![value],
            Combine::Sum { value, times: Some(other) } | Combine::Mean { value, weight: other } => vec![value, other],
        }
    }

    fn inputs_mut(&mut self) -> impl Iterator<Item = &mut Input> {
        let inputs = match self {
            Combine::Count => [None, None],
            Combine::Sum { value, times } => [Some(value), times.as_mut()],
            Combine::Max { value } | Combine::Min { value } | Combine::Only { value } => [Some(value), None],
            Combine::Mean { value, weight } => [Some(value), Some(weight)],
        };
        inputs.into_iter().flatten()
    }
}

impl fmt::Display for Combine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Combine::Count => f.write_str("number of rows"),
            Combine::Sum { value, times: None } => write!(f, "sum of {}", value.field),
            Combine::Sum { value, times: Some(times) } => write!(f, "sum of {} × {}", value.field, times.field),
            Combine::Max { value } => write!(f, "largest {}", value.field),
            Combine::Min { value } => write!(f, "least {}", value.field),
            Combine::Only { value } => write!(f, "{} of the one row", value.field),
            Combine::Mean { value, weight } => write!(f, "mean of {}, weighted by {}", value.field, weight.field),
        }
    }
}

/// A vendor field and how its text becomes a number.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    pub field: VendorField,
    pub format: Format,
}

/// Entries of an info family that a report contributes.
#[derive(Clone, Debug)]
pub struct Info {
    pub family: Arc<Family>,
    /// One per label of the family, in its order; `None` where this report does not know it.
    pub labels: Vec<Option<Label>>,
    /// Index of a label without which there is nothing to say.
    pub only_with: Option<usize>,
}
