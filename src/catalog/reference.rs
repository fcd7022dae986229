//! What a report's metrics mean, for people: a section of `docs/metrics.md`.

use std::fmt::Write;

use super::format::{Format, FormatKind};
use super::report::{Form, Info, Input, Label, Metric, ParamValue, Report, ReportSpan, VendorField};

impl Report {
    /// A section with its labels, its metrics and what they are made of, as Markdown.
    pub fn section(&self) -> String {
        let mut out = format!("\n### {}\n\n{}. {}", self.name, self.meaning, self.source());
        if let Some(file) = &self.file {
            let _ = write!(out, " Declared in `{}`.", file.display());
        }
        let labels = self.labels.iter().map(|label| self.label_row(label));
        push_table(&mut out, "\n", &["label", "source field", "written"], labels);
        let metrics = self.metrics.iter().map(|metric| self.metric_row(metric));
        push_table(&mut out, "", &["metric", "type", "unit", "value", "source field (format)", "meaning"], metrics);
        out
    }

    fn source(&self) -> String {
        let mut source = format!("Source: `{}?api={}", self.endpoint, self.api);
        for param in &self.params {
            let _ = match &param.value {
                ParamValue::Text(text) => write!(source, "&{}={text}", param.name),
                ParamValue::Setting { setting, .. } => write!(source, "&{}={{{setting}}}", param.name),
            };
        }
        source.push_str("`, rows `data[]`");
        if let Some(nested) = &self.nested {
            let _ = match &nested.day {
                Some(day) => write!(source, ", values in `{}[]`: one per day, dated by `{day}`", nested.field),
                None => write!(source, ", values in `{}[]`", nested.field),
            };
        }
        source.push('.');
        for (setting, default) in self.settings() {
            let _ =
                write!(source, " `{setting}` is `settings.{setting}` of the operation, {default} where it has none.");
        }
        let mut notes = Vec::new();
        if self.span == ReportSpan::Now {
            notes.push("It says what is now: `window=\"now\"`.".to_owned());
        }
        if let Some(interval) = self.interval {
            notes.push(format!(
                "Asked every {}, or as rarely as `polling.interval` says.",
                humantime::format_duration(interval)
            ));
        }
        if !self.is_default {
            notes.push("Polled only where the config names it.".to_owned());
        }
        if notes.is_empty() { source } else { format!("{source}\n{}", notes.join(" ")) }
    }

    fn label_row(&self, label: &Label) -> Vec<String> {
        let form = match label.form {
            Form::AsSent => "as sent, blanks tidied",
            Form::LowerSnake => "lower case, blanks as `_`",
            Form::LeadingNumber => "the digits it begins with",
        };
        let is_optional = label.field.names().any(|name| self.is_optional(name));
        let blank = if is_optional { "left out where blank" } else { "`unknown` where blank" };
        vec![code(&label.name), self.field(&label.field), format!("{form}; {blank}")]
    }

    fn metric_row(&self, metric: &Metric) -> Vec<String> {
        let family = &metric.family;
        let mut sources: Vec<String> = Vec::new();
        for value in &metric.values {
            let inputs = value.combine.inputs();
            let Some((own, others)) = inputs.split_first() else { continue };
            let column = value.column.as_ref();
            let named = column.map(|column| format!(" as `{}=\"{}\"`", column.label, column.value)).unwrap_or_default();
            sources.push(self.input(own) + &named);
            if value.column.is_none() {
                sources.extend(others.iter().map(|input| self.input(input)));
            }
        }
        if let Some(weight) = metric
            .values
            .iter()
            .find(|value| value.column.is_some())
            .and_then(|value| value.combine.inputs().get(1).copied())
        {
            sources.push(format!("weighted by {}", self.input(weight)));
        }
        // The rest of the help repeats what the other columns say.
        let told_elsewhere = format!(" Report {} (", self.name);
        let meaning = family.help.split(&told_elsewhere).next().unwrap_or_default();
        vec![
            code(&family.name),
            "gauge".to_owned(),
            unit(&family.name).to_owned(),
            metric.to_string() + &self.labels_of(metric),
            if sources.is_empty() { "rows".to_owned() } else { sources.join(", ") },
            meaning.to_owned(),
        ]
    }

    /// A metric's labels, where they are not all of the report's.
    fn labels_of(&self, metric: &Metric) -> String {
        if metric.labels.len() == self.labels.len() {
            return String::new();
        }
        let names: Vec<String> = metric.labels.iter().map(|place| code(&self.labels[*place].name)).collect();
        format!("; labels {}", names.join(", "))
    }

    /// The fields that an info family's label is read from.
    pub fn sources_of(&self, info: &Info, label: usize) -> Option<String> {
        Some(self.field(&info.labels.get(label)?.as_ref()?.field))
    }

    fn input(&self, input: &Input) -> String {
        // The formats' own names, as the catalogue files write them.
        let format = match &input.format {
            Format::Known { kind, .. } => kind.name().to_owned(),
            Format::Words(words) => {
                words.iter().map(|(word, number)| format!("{word}: {number}")).collect::<Vec<_>>().join(", ")
            }
        };
        format!("{} ({format})", self.field(&input.field))
    }

    fn field(&self, field: &VendorField) -> String {
        let names: Vec<String> = field.names().map(|name| code(&format!("{}.{name}", self.api))).collect();
        names.join(" or ")
    }
}

impl FormatKind {
    fn name(self) -> &'static str {
        match self {
            FormatKind::Duration => "duration",
            FormatKind::Number => "number",
            FormatKind::Percent => "percent",
            FormatKind::Minutes => "minutes",
            FormatKind::Milliseconds => "milliseconds",
            FormatKind::Timestamp => "timestamp",
            FormatKind::YesNo => "yes_no",
            FormatKind::Gigabytes => "gigabytes",
        }
    }
}

/// The unit that a name ends in.
pub fn unit(name: &str) -> &'static str {
    let name = name.strip_suffix("_total").unwrap_or(name);
    let units = [
        ("_timestamp_seconds", "seconds since 1970"),
        ("_time_seconds", "seconds since 1970"),
        ("_seconds", "seconds"),
        ("_bytes", "bytes"),
        ("_ratio", "ratio, 0 to 1"),
        ("_info", "always 1"),
    ];
    units.iter().find(|(suffix, _)| name.ends_with(suffix)).map_or("number", |(_, unit)| unit)
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

/// A table; nothing where it has no rows.
pub fn push_table(out: &mut String, before: &str, head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
    let mut rows = rows.into_iter().peekable();
    if rows.peek().is_none() {
        out.push_str(before);
        return;
    }
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{before}\n| {} |\n|{}", head.join(" | "), "---|".repeat(head.len()));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|").replace('\n', " ")).collect();
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
}
