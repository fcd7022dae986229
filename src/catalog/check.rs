//! Checking: declarations become reports, or mistakes that say what is wrong and where.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::declaration::{
    CombineDeclaration, Declarations, FieldDeclaration, InfoDeclaration, InputDeclaration, LabelDeclaration,
    MetricDeclaration, ParamDeclaration, ReportDeclaration, Role,
};
use super::format::{Format, FormatKind};
use super::report::{
    Combine, Family, FamilyKind, Info, Input, Label, Metric, MetricColumn, MetricValue, Nested, Param, ParamValue,
    Personal, Report, ReportSpan, VendorField,
};
use super::{names, personal};
use crate::yaml::{At, ConfigError, FilePlace, Mistakes, quoted};

/// No report is asked less than once a day.
const LONGEST_INTERVAL: Duration = Duration::from_hours(24);

/// Checks the declarations of one file. `known` is what there is already.
pub(super) struct DeclarationChecker<'a> {
    pub path: &'a Path,
    /// Whether the file is an operator's.
    pub is_own: bool,
    pub mistakes: Mistakes,
    pub known: &'a mut Known,
}

/// What the files before have declared.
#[derive(Default)]
pub(super) struct Known {
    pub reports: Vec<Arc<Report>>,
    /// Names of the reports whose families are not complete yet.
    pub names: BTreeSet<Arc<str>>,
    /// In the order of a scrape. Entries of info families can still get labels.
    pub families: Vec<FamilyDraft>,
}

/// A family while files are read.
pub(super) struct FamilyDraft {
    pub family: Family,
    /// Whether reports of this file may still add labels to it.
    pub is_open: bool,
}

/// A report whose families are places among the drafts.
pub(super) struct ReportDraft {
    report: Report,
    metrics: Vec<MetricDraft>,
    infos: Vec<InfoDraft>,
}

struct MetricDraft {
    family: usize,
    labels: Vec<usize>,
    values: Vec<MetricValue>,
}

struct InfoDraft {
    family: usize,
    labels: BTreeMap<String, Label>,
    only_with: Option<String>,
}

impl Known {
    /// The reports with their families, which are complete now.
    pub(super) fn finish(self, drafts: Vec<ReportDraft>) -> (Vec<Arc<Report>>, Vec<Arc<Family>>) {
        let families: Vec<Arc<Family>> = self.families.into_iter().map(|draft| Arc::new(draft.family)).collect();
        let finished = drafts.into_iter().map(|draft| {
            let metric = |MetricDraft { family, labels, values }| Metric {
                family: Arc::clone(&families[family]),
                labels,
                values,
            };
            let info = |InfoDraft { family, mut labels, only_with }| {
                let family = Arc::clone(&families[family]);
                Info {
                    only_with: only_with.and_then(|wanted| family.info_labels.iter().position(|name| *name == wanted)),
                    labels: family.info_labels.iter().map(|name| labels.remove(name)).collect(),
                    family,
                }
            };
            Arc::new(Report {
                metrics: draft.metrics.into_iter().map(metric).collect(),
                info: draft.infos.into_iter().map(info).collect(),
                ..draft.report
            })
        });
        let reports = self.reports.into_iter().chain(finished.collect::<Vec<_>>()).collect();
        (reports, families)
    }

    /// Notes the reports of a file, for those that come after it.
    pub(super) fn declared(&mut self, drafts: &[ReportDraft]) {
        self.names.extend(drafts.iter().map(|draft| Arc::clone(&draft.report.name)));
    }

    fn has_report(&self, name: &str) -> bool {
        self.names.contains(name) || self.reports.iter().any(|known| *known.name == *name)
    }

    fn find(&self, family: &str) -> Option<usize> {
        self.families.iter().position(|draft| draft.family.name == family)
    }

    fn add(&mut self, family: Family) -> usize {
        self.families.push(FamilyDraft { family, is_open: true });
        self.families.len() - 1
    }
}

impl DeclarationChecker<'_> {
    fn wrong(&mut self, place: FilePlace, what: impl Into<String>, hint: impl Into<String>) {
        self.mistakes.note(ConfigError::at(self.path, place, what).hint(hint));
    }

    /// The reports of a file. Gauges first and info families last, so that a scrape reads report by report.
    pub fn reports(&mut self, declarations: Declarations) -> Vec<ReportDraft> {
        let mut of_file = BTreeSet::new();
        let mut drafts: Vec<(ReportDraft, Vec<At<InfoDeclaration>>)> = Vec::new();
        for At { value: declaration, is_whole, .. } in declarations {
            let name = &declaration.name;
            if self.known.has_report(&name.value) || !of_file.insert(name.value.clone()) {
                let what = format!("report {} is declared twice", quoted(&name.value));
                self.wrong(name.place, what, "each report needs a name of its own; the built-in ones are taken");
            }
            drafts.push(self.report(declaration, is_whole));
        }
        let with_infos = drafts.into_iter().map(|(mut draft, infos)| {
            draft.infos = infos.into_iter().filter_map(|info| self.info(&draft.report, info)).collect();
            draft
        });
        with_infos.collect()
    }

    fn report(&mut self, declared: ReportDeclaration, is_whole: bool) -> (ReportDraft, Vec<At<InfoDeclaration>>) {
        self.check_names(&declared);
        let span = self.span(&declared);
        let nested = declared.nested.map(|At { value: nested, place, .. }| {
            if span == ReportSpan::Now && nested.day.is_some() {
                let hint = "leave day out, or window: now";
                self.wrong(place, "a report of what is now has no days", hint);
            }
            Nested { field: nested.field, day: nested.day }
        });
        let is_nested = nested.is_some();
        let labels: Vec<Label> =
            declared.labels.into_iter().filter_map(|(name, label)| self.label(name, label, is_nested)).collect();
        let interval = declared.interval.map(|interval| {
            if !(Duration::from_secs(1)..=LONGEST_INTERVAL).contains(&interval.value.0) {
                self.wrong(interval.place, "an interval must lie between 1s and 24h", "such as 15m");
            }
            interval.value.0
        });
        let report = Report {
            name: Arc::from(declared.name.value),
            endpoint: declared.endpoint.value,
            api: declared.api.value,
            params: declared.params.into_iter().filter_map(|(name, value)| self.param(name, value)).collect(),
            span,
            interval,
            is_default: declared.default.as_ref().is_none_or(|default| default.value) && !self.is_own,
            splits: span == ReportSpan::Day && nested.is_none() && declared.additive.unwrap_or(true),
            meaning: declared.meaning,
            nested,
            labels,
            metrics: Vec::new(),
            info: Vec::new(),
            file: self.is_own.then(|| self.path.to_owned()),
            optional: declared.optional,
            unused: declared.unused,
        };
        if let Some(default) = declared.default.filter(|default| self.is_own && default.value) {
            let hint = "leave it out, and name the report where an operation has reports:";
            self.wrong(default.place, "a report of your own is polled only where the config names it", hint);
        }
        if declared.metrics.is_empty() && is_whole {
            let what = format!("report {} has no metrics", quoted(&report.name));
            self.wrong(declared.name.place, what, "give it at least one below metrics:");
        }
        let metrics: Vec<MetricDraft> =
            declared.metrics.into_iter().filter_map(|metric| self.metric(&report, metric)).collect();
        (ReportDraft { report, metrics, infos: Vec::new() }, declared.info)
    }

    fn check_names(&mut self, declared: &ReportDeclaration) {
        let ReportDeclaration { name, endpoint, api, .. } = declared;
        if !names::is_name(&name.value) || name.value == names::DEFAULT {
            self.wrong(
                name.place,
                "this cannot be a report's name",
                "small letters, digits and _, such as our_surveys",
            );
        }
        let is_word =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !endpoint.value.strip_suffix(".php").is_some_and(is_word) {
            self.wrong(
                endpoint.place,
                "this is no file of the vendor's",
                "such as reports_manager.php, without anything before it",
            );
        }
        if !is_word(&api.value) {
            self.wrong(
                api.place,
                "this is no api of the vendor's",
                "the value of api= in the vendor's address, such as agent_3",
            );
        }
    }

    fn span(&mut self, declared: &ReportDeclaration) -> ReportSpan {
        let span = declared.window.unwrap_or_default();
        match (span, &declared.dated) {
            (ReportSpan::Now, Some(dated)) if dated.value => {
                self.wrong(dated.place, "a report of what is now takes no dates", "leave dated out, or window: now");
            }
            (ReportSpan::Day, Some(dated)) if !dated.value => {
                let hint = "a report without dates says what is now: window: now";
                self.wrong(dated.place, "a report of a day takes dates", hint);
            }
            _ => {}
        }
        span
    }

    fn param(&mut self, name: String, At { value, place, .. }: At<ParamDeclaration>) -> Option<Param> {
        if ["api", "date_ini", "date_end"].contains(&name.as_str()) {
            self.wrong(place, format!("the parameter {name} is the exporter's own"), "leave it out");
            return None;
        }
        let value = match value {
            ParamDeclaration::Text(text) => ParamValue::Text(text),
            ParamDeclaration::Setting(given) if names::is_name(&given.setting) => {
                ParamValue::Setting { setting: given.setting, default: given.default }
            }
            ParamDeclaration::Setting(_) => {
                self.wrong(place, "this cannot be a setting's name", "small letters, digits and _");
                return None;
            }
        };
        Some(Param { name, value })
    }

    // === labels ===

    fn label(&mut self, name: String, At { value, place, .. }: At<LabelDeclaration>, is_nested: bool) -> Option<Label> {
        let mapping = value.0;
        if !names::is_label(&name) {
            let hint = "small letters, digits and _; operation and window are there already";
            self.wrong(place, format!("{} cannot be a label", quoted(&name)), hint);
            return None;
        }
        if mapping.nested && !is_nested {
            self.wrong(
                place,
                "the report has no nested rows",
                "leave nested: true out, or say nested: {field: …} of the report",
            );
        }
        let field = mapping.field.0;
        let personal = self.personal(&field, mapping.personal, place)?;
        Some(Label { name, field, form: mapping.form, personal, nested: mapping.nested })
    }

    /// What a label tells of a person; nothing where the declaration leaves that open, or says what cannot be.
    #[expect(clippy::option_option, reason = "telling of nobody is one of the answers")]
    fn personal(&mut self, field: &VendorField, role: Option<Role>, place: FilePlace) -> Option<Option<Personal>> {
        if let Some(name) = field.names().find(|name| personal::reads_like_a_customers(name)) {
            let what = format!("{} can tell of a customer, and customers are never shown", quoted(name));
            self.wrong(place, what, "leave the label out; what a report says of customers stays with the vendor");
            return None;
        }
        let of_agent = field.names().find_map(personal::of_agent);
        let declared = match role {
            Some(Role::Id) => Some(Personal::Id),
            Some(Role::Name) => Some(Personal::Name),
            Some(Role::Document) => Some(Personal::Document),
            Some(Role::None) => None,
            None if field.names().all(personal::is_impersonal) => None,
            None => {
                let what = format!("it must be said what {} tells of a person", quoted(&field.name));
                self.wrong(place, what, "{field: …, personal: name}, or id, document, none");
                return None;
            }
        };
        match of_agent {
            Some(known) if declared != Some(known) => {
                let role = match known {
                    Personal::Id => "id",
                    Personal::Name => "name",
                    Personal::Document => "document",
                };
                let what = format!("{} tells of an agent", quoted(&field.name));
                self.wrong(place, what, format!("say personal: {role}"));
                None
            }
            _ => Some(declared),
        }
    }

    // === metrics ===

    fn metric(
        &mut self,
        report: &Report,
        At { value: metric, place, is_whole }: At<MetricDeclaration>,
    ) -> Option<MetricDraft> {
        // A part of it was wrong and left out, and that is told already.
        if !is_whole {
            return None;
        }
        let labels = self.labels_of(report, &metric);
        let values = self.values(&metric, place);
        let family = self.gauge(report, &metric)?;
        Some(MetricDraft { family, labels: labels?, values: values? })
    }

    fn gauge(&mut self, report: &Report, metric: &MetricDeclaration) -> Option<usize> {
        let At { value: name, place, .. } = &metric.name;
        if let Some(what) = names::not_a_gauge(name, self.is_own) {
            self.wrong(*place, format!("{} cannot be a gauge: {what}", quoted(name)), names::GAUGE_HINT);
            return None;
        }
        if self.known.find(name).is_some() {
            let hint = "each metric belongs to one report: give it another name";
            self.wrong(*place, format!("metric {} is declared twice", quoted(name)), hint);
            return None;
        }
        if self.known.find(&format!("{name}_info")).is_some() {
            self.shares_a_name(*place, name);
            return None;
        }
        let source = match (&metric.field, &metric.columns) {
            (Some(FieldDeclaration(field)), _) => format!("field {field}"),
            (None, Some(columns)) => {
                let fields: Vec<&str> = columns.fields.value.keys().map(String::as_str).collect();
                format!("fields {}", fields.join(", "))
            }
            (None, None) => "rows".to_owned(),
        };
        let help = format!(
            "{} Report {} ({}), {source}; as old as wolkvox_report_last_success_timestamp_seconds says.",
            metric.help, report.name, report.api
        );
        Some(self.add_family(name, help, FamilyKind::Gauge))
    }

    /// `OpenMetrics` knows an info family without its ending.
    fn shares_a_name(&mut self, place: FilePlace, gauge: &str) {
        let what = format!("{} and {} are of one name in OpenMetrics", quoted(gauge), quoted(&format!("{gauge}_info")));
        self.wrong(place, what, "give one of them another name");
    }

    fn add_family(&mut self, name: &str, help: String, kind: FamilyKind) -> usize {
        let place = if self.is_own { usize::MAX } else { self.known.families.len() };
        self.known.add(Family { place, name: name.to_owned(), help, kind, info_labels: Vec::new() })
    }

    fn labels_of(&mut self, report: &Report, metric: &MetricDeclaration) -> Option<Vec<usize>> {
        let places = match &metric.labels {
            None => (0..report.labels.len()).collect(),
            Some(chosen) => {
                let mut places = BTreeSet::new();
                for name in &chosen.value {
                    match report.labels.iter().position(|label| label.name == name.value) {
                        Some(place) => drop(places.insert(place)),
                        None => self.wrong(
                            name.place,
                            format!("the report has no label {}", quoted(&name.value)),
                            "a metric has some of the report's labels, or all of them where labels: is left out",
                        ),
                    }
                }
                places.into_iter().collect::<Vec<_>>()
            }
        };
        if let Some(columns) = &metric.columns {
            let name = &columns.label.value;
            let is_taken = places.iter().any(|place: &usize| report.labels[*place].name == *name);
            if is_taken || !names::is_label(name) {
                self.wrong(
                    columns.label.place,
                    format!("{} cannot be a label of columns", quoted(name)),
                    "take a name of its own",
                );
                return None;
            }
        }
        Some(places)
    }

    /// What each of the metric's series is made of.
    fn values(&mut self, metric: &MetricDeclaration, place: FilePlace) -> Option<Vec<MetricValue>> {
        let combined = |checker: &mut Self, field: Option<&VendorField>| {
            let combine = checker.combine(metric, field, place)?;
            let of_people = combine
                .inputs()
                .into_iter()
                .flat_map(|input| input.field.names())
                .find_map(|name| Some((name, personal::not_a_value(name)?)));
            if let Some((name, (what, hint))) = of_people {
                checker.wrong(place, format!("{} {what}", quoted(name)), hint);
                return None;
            }
            Some(combine)
        };
        match (&metric.columns, &metric.field) {
            (None, field) => {
                let combine = combined(self, field.as_ref().map(|field| &field.0))?;
                Some(vec![MetricValue { column: None, combine }])
            }
            (Some(_), Some(_)) => {
                self.wrong(
                    place,
                    "field and columns exclude each other",
                    "columns: {label: …, fields: {…}} names the fields",
                );
                None
            }
            (Some(columns), None) => {
                if columns.fields.value.is_empty() {
                    self.wrong(columns.fields.place, "columns without fields", "fields: {ready_time: ready}");
                    return None;
                }
                let values = columns.fields.value.iter().map(|(field, value)| {
                    let combine = combined(self, Some(&VendorField::from(field.as_str())))?;
                    let column = Some(MetricColumn { label: columns.label.value.clone(), value: value.clone() });
                    Some(MetricValue { column, combine })
                });
                let values: Vec<Option<MetricValue>> = values.collect();
                let values: Option<Vec<MetricValue>> = values.into_iter().collect();
                let values = values?;
                let told: BTreeSet<&str> =
                    values.iter().filter_map(|value| Some(value.column.as_ref()?.value.as_str())).collect();
                if told.len() < values.len() {
                    self.wrong(
                        columns.fields.place,
                        "two columns have the same label",
                        "give each field a value of its own",
                    );
                    return None;
                }
                Some(values)
            }
        }
    }

    fn combine(
        &mut self,
        metric: &MetricDeclaration,
        field: Option<&VendorField>,
        place: FilePlace,
    ) -> Option<Combine> {
        let Some(how) = metric.combine else {
            self.wrong(place, "the key `combine` is missing", "one of sum, max, min, only, count, mean");
            return None;
        };
        let value = match field {
            Some(field) => Some(Input { field: field.clone(), format: self.format(metric, place)? }),
            None if metric.format.is_some() || metric.values.is_some() => {
                self.wrong(place, "a format without a field", "name the field, or take count, which reads none");
                return None;
            }
            None => None,
        };
        let input = |declared: &InputDeclaration| Input {
            field: declared.field.0.clone(),
            format: Format::of(declared.format),
        };
        let (times, weight) = (metric.times.as_ref().map(input), metric.weight.as_ref().map(input));
        let combine = match (how, value, times, weight) {
            (CombineDeclaration::Count, None, None, None) => Combine::Count,
            (CombineDeclaration::Sum, Some(value), times, None) => Combine::Sum { value, times },
            (CombineDeclaration::Max, Some(value), None, None) => Combine::Max { value },
            (CombineDeclaration::Min, Some(value), None, None) => Combine::Min { value },
            (CombineDeclaration::Only, Some(value), None, None) => Combine::Only { value },
            (CombineDeclaration::Mean, Some(value), None, Some(weight)) => Combine::Mean { value, weight },
            (CombineDeclaration::Mean, Some(_), None, None) => {
                let hint =
                    "weight: {field: calls, format: number}; where there is one row for each series, combine: only";
                self.wrong(place, "a mean of several rows needs a weight", hint);
                return None;
            }
            _ => {
                let what = "count takes no field, sum a field and perhaps times, max, min and only a field, mean a field and a weight";
                self.wrong(place, what, "combine says what the rows of equal labels become");
                return None;
            }
        };
        Some(combine)
    }

    fn format(&mut self, metric: &MetricDeclaration, place: FilePlace) -> Option<Format> {
        match (&metric.format, &metric.values) {
            (Some(kind), None) if metric.signed && *kind == FormatKind::Timestamp => {
                self.wrong(place, "a point in time has no sign", "leave signed out");
                None
            }
            (Some(kind), None) => Some(Format::Known { kind: *kind, signed: metric.signed }),
            (None, Some(words)) => {
                let read = |(word, number): (&String, &String)| {
                    let number = number.parse::<f64>().ok().filter(|number| number.is_finite())?;
                    Some((word.trim().to_lowercase(), number))
                };
                let numbers: Option<BTreeMap<String, f64>> = words.iter().map(read).collect();
                let numbers = numbers.filter(|numbers| !numbers.is_empty());
                if numbers.is_none() {
                    self.wrong(place, "values must give each word a number", "values: {started: 1, stopped: 0}");
                }
                numbers.map(|numbers| Format::Words(Arc::new(numbers)))
            }
            (None, None) => {
                self.wrong(
                    place,
                    "a field without a format",
                    "format: number, duration, percent, … or values: {word: 1}",
                );
                None
            }
            (Some(_), Some(_)) => {
                self.wrong(
                    place,
                    "format and values exclude each other",
                    "values reads words, format what the vendor writes as numbers",
                );
                None
            }
        }
    }

    // === info ===

    fn info(&mut self, report: &Report, At { value: info, place, .. }: At<InfoDeclaration>) -> Option<InfoDraft> {
        let name = &info.name;
        if !name.value.ends_with("_info") || names::not_a_name_of_a_metric(&name.value, self.is_own).is_some() {
            let what = format!("{} cannot be an info family", quoted(&name.value));
            self.wrong(name.place, what, "small letters, digits and _, and _info last, such as acme_team_info");
            return None;
        }
        if let Some(gauge) = name.value.strip_suffix("_info").filter(|gauge| self.known.find(gauge).is_some()) {
            self.shares_a_name(name.place, gauge);
            return None;
        }
        let labels: BTreeMap<String, Label> = info
            .labels
            .into_iter()
            .filter_map(|(name, label)| Some((name.clone(), self.label(name, label, report.nested.is_some())?)))
            .collect();
        let known = self.known.find(&name.value);
        let family = known.unwrap_or_else(|| self.add_family(&name.value, String::new(), FamilyKind::Info));
        let draft = &mut self.known.families[family];
        let new: Vec<&String> = labels.keys().filter(|label| !draft.family.info_labels.contains(label)).collect();
        if draft.family.kind != FamilyKind::Info || (!draft.is_open && !new.is_empty()) {
            let what = format!("{} is there with other labels", quoted(&name.value));
            let hint = "a report of your own may feed a built-in family with that family's labels only; or give yours another name";
            self.wrong(place, what, hint);
            return None;
        }
        draft.family.info_labels.extend(new.into_iter().cloned());
        if draft.is_open {
            let help = &mut draft.family.help;
            *help = if help.is_empty() {
                format!("Always 1; the labels are what the served reports say together: {}", report.api)
            } else {
                format!("{help}, {}", report.api)
            };
        }
        let only_with = info.only_with.map(|wanted| {
            if !labels.contains_key(&wanted.value) {
                let what = format!("only_with names no label of it: {}", quoted(&wanted.value));
                self.wrong(wanted.place, what, "name one of its labels");
            }
            wanted.value
        });
        Some(InfoDraft { family, labels, only_with })
    }
}
