//! A reader of expositions that accepts nothing it does not understand.

use std::collections::{BTreeMap, BTreeSet};

use wolkvox_exporter::catalog::Catalog;

/// The samples of one scrape.
#[derive(Debug, Default)]
pub struct Scraped {
    /// Series as written, with its value.
    samples: BTreeMap<String, f64>,
    text: String,
}

impl Scraped {
    /// Reads text 0.0.4, and `OpenMetrics` where it ends as that does. Fails on what is in neither, on a series that
    /// is there twice, and on a family that is not in one piece.
    pub fn parse(text: &str) -> Scraped {
        let mut scraped = Scraped { text: text.to_owned(), ..Scraped::default() };
        let (mut families, mut current) = (BTreeSet::new(), String::new());
        assert!(text.ends_with('\n'), "the last line is not ended");
        for line in text.lines() {
            if line == "# EOF" {
                continue;
            }
            if let Some(comment) = line.strip_prefix("# ") {
                let mut words = comment.splitn(3, ' ');
                let keyword = words.next();
                assert!(matches!(keyword, Some("HELP" | "TYPE" | "UNIT")), "{line}");
                let name = words.next().expect("a name").to_owned();
                if name != current {
                    assert!(families.insert(name.clone()), "the family {name} is in two pieces");
                    current = name;
                }
                continue;
            }
            let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
            let name = series.split('{').next().unwrap_or_default();
            assert!(name.starts_with(&current), "{name} stands under {current}");
            let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
            assert!(value.is_finite(), "{line}");
            assert!(scraped.samples.insert(series.to_owned(), value).is_none(), "twice: {series}");
        }
        scraped
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The series of a metric that have these labels: `report="agent_kpi"`, each as written.
    pub fn find<'s>(&'s self, metric: &str, labels: &[&str]) -> Vec<(&'s str, f64)> {
        let matches = |series: &str| {
            let rest = series.strip_prefix(metric)?;
            let inner = if rest.is_empty() { "" } else { rest.strip_prefix('{')?.strip_suffix('}')? };
            labels.iter().all(|label| has_label(inner, label)).then_some(())
        };
        let found = self.samples.iter().filter(|(series, _)| matches(series).is_some());
        found.map(|(series, value)| (series.as_str(), *value)).collect()
    }

    /// The one value of a metric with these labels.
    pub fn value(&self, metric: &str, labels: &[&str]) -> Option<f64> {
        let found = self.find(metric, labels);
        assert!(found.len() <= 1, "more than one: {found:?}");
        found.first().map(|(_, value)| *value)
    }

    /// All values of a metric with these labels, added up.
    pub fn sum(&self, metric: &str, labels: &[&str]) -> f64 {
        self.find(metric, labels).iter().map(|(_, value)| value).sum()
    }

    /// Whether the last poll of a report worked.
    pub fn is_up(&self, report: &str) -> bool {
        let states = self.find("wolkvox_report_up", &[&format!("report=\"{report}\"")]);
        !states.is_empty() && states.iter().all(|(_, up)| *up == 1.0)
    }

    /// How many polls of a report failed, by reason.
    pub fn failures(&self, report: &str) -> BTreeMap<String, f64> {
        let counters = self.find("wolkvox_report_poll_failures_total", &[&format!("report=\"{report}\"")]);
        let reason = |series: &str| {
            let (_, rest) = series.split_once("reason=\"").expect("a failure has a reason");
            rest.split('"').next().unwrap_or_default().to_owned()
        };
        counters.into_iter().map(|(series, count)| (reason(series), count)).collect()
    }

    /// Every series made of reports, as opposed to what the exporter says about itself.
    pub fn report_series(&self) -> BTreeMap<&str, f64> {
        let names = report_metrics();
        let of_report = |series: &str| names.contains(series.split('{').next().unwrap_or_default());
        self.samples.iter().filter(|(series, _)| of_report(series)).map(|(series, value)| (&**series, *value)).collect()
    }

    /// The metrics of the five reports that have no series here.
    pub fn missing_metrics(&self) -> Vec<String> {
        let present: BTreeSet<&str> =
            self.samples.keys().map(|series| series.split('{').next().unwrap_or_default()).collect();
        report_metrics().into_iter().filter(|name| !present.contains(name.as_str())).collect()
    }
}

/// The names of every metric made of the reports that are polled by default.
pub fn report_metrics() -> BTreeSet<String> {
    let catalog = Catalog::builtin().expect("the shipped catalogue is right");
    catalog.by_default().flat_map(|report| report.families()).map(|family| family.name.clone()).collect()
}

/// Whether `label` stands among `labels` as a whole, not as the end of another one.
fn has_label(labels: &str, label: &str) -> bool {
    labels.match_indices(label).any(|(at, _)| {
        let before = labels[..at].chars().next_back();
        let after = labels[at + label.len()..].chars().next();
        matches!(before, None | Some(',')) && matches!(after, None | Some(','))
    })
}
