//! `reports`: the catalogue, for people.

use super::{CommandError, print, table};
use crate::catalog::{Catalog, Report};

/// Prints the catalogue: a row per metric, and what each report is about.
pub fn reports() -> Result<(), CommandError> {
    let mut rows = vec![["REPORT", "API", "LABELS", "METRIC", "VALUE", "MEANING"].map(str::to_owned).to_vec()];
    for report in Catalog::builtin()?.reports() {
        rows.extend(rows_of(report));
    }
    print(&table(&rows))
}

fn rows_of(report: &Report) -> Vec<Vec<String>> {
    let labels: Vec<&str> = report.labels.iter().map(|label| label.name.as_str()).collect();
    let [none, nothing] = [String::new(), String::new()];
    let head = [report.name.to_string(), report.api.clone(), labels.join(", "), none, nothing, report.meaning.clone()];
    let metrics = report.metrics.iter().map(|metric| {
        let blank = [""; 3].map(str::to_owned);
        blank.into_iter().chain([metric.name.clone(), metric.combine.to_string()]).collect()
    });
    [head.to_vec()].into_iter().chain(metrics).collect()
}
