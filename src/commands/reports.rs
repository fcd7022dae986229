//! `reports`: the catalogue, for people.

use std::path::Path;

use super::{CommandError, print, table};
use crate::catalog::{Catalog, Report};
use crate::config::Config;

/// Prints the catalogue, with the reports that the config's files declare: what each is about, and a row for each of its
/// metrics.
pub fn reports(config_file: Option<&Path>) -> Result<(), CommandError> {
    let builtin = Catalog::builtin()?;
    match config_file {
        None => print(&shown(&builtin)),
        // An image names a config before there is one.
        Some(file) if !file.exists() => {
            print(&format!("{}\nThere is no config {}: all of these are built in.\n", shown(&builtin), file.display()))
        }
        Some(file) => print(&shown(&Config::load(file, &builtin)?.catalog)),
    }
}

fn shown(catalog: &Catalog) -> String {
    let metrics = catalog.reports().iter().flat_map(|report| &report.metrics);
    // One table, so that the columns of all reports stand below each other.
    let rows: Vec<Vec<String>> = metrics.map(|metric| vec![metric.family.name.clone(), metric.to_string()]).collect();
    let table = table(&rows);
    let mut lines = table.lines();
    let blocks = catalog.reports().iter().map(|report| {
        let metrics = lines.by_ref().take(report.metrics.len()).map(|line| format!("  {line}\n"));
        head(report) + &metrics.collect::<String>()
    });
    blocks.collect::<Vec<_>>().join("\n")
}

fn head(report: &Report) -> String {
    let labels: Vec<&str> = report.labels.iter().map(|label| label.name.as_str()).collect();
    let file = report.file.as_ref().map_or(String::new(), |file| format!(", declared in {}", file.display()));
    format!("{} ({}){file}\n  {}\n  labels: {}\n", report.name, report.api, report.meaning, labels.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_fits_a_terminal_of_a_hundred_columns() {
        let catalog = Catalog::builtin().unwrap();
        let shown = shown(&catalog);
        for line in shown.lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
        assert!(shown.starts_with("agent_aux_time (agent_3)\n  Time per agent"), "{shown}");
        for report in catalog.reports() {
            let block = shown.split("\n\n").find(|block| block.starts_with(&format!("{} (", report.name))).unwrap();
            let metrics = block.lines().skip(3).filter_map(|line| line.split_whitespace().next());
            let names: Vec<&str> = report.metrics.iter().map(|metric| metric.family.name.as_str()).collect();
            assert_eq!(metrics.collect::<Vec<_>>(), names);
        }
    }
}
