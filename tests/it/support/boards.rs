//! What the dashboards ask, and how they are laid out, as their JSON says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;

/// One of `dashboards/*.json`, or of `dashboards/es/*.json`.
#[derive(Clone)]
pub struct Board {
    pub file: String,
    pub json: Value,
    /// Every panel that asks something, those too that a row hides.
    panels: Vec<Value>,
}

/// One query of a panel.
pub struct Target<'b> {
    pub panel: &'b Value,
    pub promql: &'b str,
    pub legend: Option<&'b str>,
    pub instant: bool,
}

/// A metric as a query selects it.
#[derive(Debug)]
pub struct Selector {
    pub metric: String,
    /// Label and what it must be, as written: `="today"`.
    pub matchers: BTreeMap<String, String>,
}

/// What the reference says of a metric.
#[derive(Debug, Default)]
pub struct Known {
    pub labels: BTreeSet<String>,
    /// The report that it is made of; the exporter's own metrics have none.
    pub report: Option<String>,
}

/// Every board of the repository in one language: `en` or `es`.
pub fn boards(language: &str) -> Vec<Board> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboards");
    let folder = if language == "en" { folder } else { folder.join(language) };
    let paths = fs::read_dir(folder).expect("a folder of this repository").map(|entry| entry.expect("an entry").path());
    let mut boards: Vec<Board> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| read(&path))
        .collect();
    boards.sort_by(|one, other| one.file.cmp(&other.file));
    boards
}

fn read(path: &Path) -> Board {
    let json: Value = serde_json::from_slice(&fs::read(path).expect("a board")).expect("JSON");
    let list = |value: &Value| value["panels"].as_array().cloned().unwrap_or_default();
    let panels =
        list(&json).into_iter().flat_map(|panel| if panel["type"] == "row" { list(&panel) } else { vec![panel] });
    Board { file: path.file_name().expect("a file").to_string_lossy().into_owned(), panels: panels.collect(), json }
}

impl Board {
    pub fn panels(&self) -> &[Value] {
        &self.panels
    }

    pub fn variables(&self) -> &[Value] {
        self.json["templating"]["list"].as_array().expect("variables")
    }

    pub fn targets(&self) -> Vec<Target<'_>> {
        let mut targets = Vec::new();
        for panel in self.panels() {
            let queries = panel["targets"].as_array().expect("queries");
            assert!(!queries.is_empty(), "{}: {} asks nothing", self.file, self.title(panel));
            targets.extend(queries.iter().map(|query| Target {
                panel,
                promql: query["expr"].as_str().expect("a query"),
                legend: query["legendFormat"].as_str(),
                instant: query["instant"].as_bool().expect("instant or range"),
            }));
        }
        targets
    }

    /// Name, label and series of each variable that asks Prometheus: `label_values(series, label)`.
    pub fn asking_variables(&self) -> Vec<[&str; 3]> {
        let asking = self.variables().iter().filter(|variable| variable["type"] == "query");
        let parts = asking.map(|variable| {
            let query = variable["query"]["query"].as_str().expect("a query");
            let inner = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
            let (series, label) = inner.and_then(|inner| inner.rsplit_once(", ")).expect("label_values(series, label)");
            [variable["name"].as_str().expect("a name"), label, series]
        });
        parts.collect()
    }

    /// How far back the board shows, in seconds.
    pub fn range(&self) -> u32 {
        let from = self.json["time"]["from"].as_str().expect("a range");
        let hours: Option<u32> = from.strip_prefix("now-").and_then(|rest| rest.strip_suffix('h')?.parse().ok());
        hours.expect("a range of hours") * 3600
    }

    pub fn title<'p>(&self, panel: &'p Value) -> &'p str {
        panel["title"].as_str().unwrap_or_else(|| panic!("{}: a panel without a title", self.file))
    }
}

/// The exporter's metrics that a query names.
pub fn selectors(promql: &str) -> Vec<Selector> {
    let mut found = Vec::new();
    let mut rest = promql;
    while let Some(start) = rest.find(|letter: char| letter.is_ascii_alphabetic() || letter == '_' || letter == '"') {
        rest = &rest[start..];
        if let Some(text) = rest.strip_prefix('"') {
            rest = &text[text.find('"').expect("an ended text") + 1..];
            continue;
        }
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        rest = after;
        if !word.starts_with("wolkvox_") && !word.starts_with("process_") {
            continue;
        }
        let mut selector = Selector { metric: word.to_owned(), matchers: BTreeMap::new() };
        if let Some(inner) = after.strip_prefix('{') {
            let (inner, after) = inner.split_once('}').expect("an ended selector");
            rest = after;
            for matcher in inner.split(", ") {
                let at = matcher.find(['=', '!']).expect("a matcher");
                selector.matchers.insert(matcher[..at].to_owned(), matcher[at..].to_owned());
            }
        }
        found.push(selector);
    }
    found
}

/// The labels that a query groups by, joins on or takes over.
pub fn grouping_labels(promql: &str) -> BTreeSet<String> {
    let lists = ["by (", "on (", "group_left ("].into_iter().flat_map(|keyword| promql.split(keyword).skip(1));
    let labels = lists.flat_map(|list| list.split(')').next().unwrap_or_default().split(", "));
    labels.filter(|label| !label.is_empty()).map(str::to_owned).collect()
}

/// Every metric that `docs/metrics.md` describes.
pub fn known() -> BTreeMap<String, Known> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/metrics.md");
    let text = fs::read_to_string(path).expect("the reference");
    let mut known: BTreeMap<String, Known> = BTreeMap::new();
    let (mut report, mut labels) = (String::new(), BTreeSet::new());
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix("### ") {
            heading.clone_into(&mut report);
            labels = ["operation", "window"].map(str::to_owned).into();
        }
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let Some(name) = quoted(cells[0]).into_iter().next() else { continue };
        let is_metric = name.starts_with("wolkvox_") || name.starts_with("process_");
        match cells.len() {
            // Label, source field, how it is written.
            3 if !is_metric => drop(labels.insert(name)),
            // An info metric, a label of it, source fields.
            3 => drop(known.entry(name).or_default().labels.insert(quoted(cells[1]).remove(0))),
            // Metric of the exporter's own, type, unit, labels, meaning.
            5 if is_metric => {
                let own = Known { labels: quoted(cells[3]).into_iter().collect(), report: None };
                let parts = if cells[1] == "histogram" { &["_bucket", "_count", "_sum"][..] } else { &[""] };
                for part in parts {
                    let le = (*part == "_bucket").then(|| "le".to_owned());
                    let labels = own.labels.iter().cloned().chain(le).collect();
                    known.insert(format!("{name}{part}"), Known { labels, report: None });
                }
            }
            // Metric of a report, type, unit, value, source field, meaning.
            6 if is_metric => {
                // A label that stands for a field: `api.field` (format) as `label="value"`.
                let column = cells[4].split(" as `").nth(1).and_then(|text| text.split('=').next()).map(str::to_owned);
                let labels = labels.iter().cloned().chain(column).collect();
                known.insert(name, Known { labels, report: Some(report.clone()) });
            }
            _ => {}
        }
    }
    known
}

/// What stands in backquotes.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
