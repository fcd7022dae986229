//! `docs/metrics.md` says what the catalogue and the telemetry say.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wolkvox_exporter::catalog::Catalog;

use crate::support::pages::assert_current;
use crate::support::reference::{markdown, own_metrics};

fn reference() -> String {
    markdown(&Arc::new(Catalog::builtin().unwrap()))
}

#[test]
fn docs_metrics_md_is_what_the_catalogue_says() {
    assert_current("docs/metrics.md", &reference(), "docs_metrics_md");
}

/// A family that the specimen has no sample of would be missing from the reference without a word.
#[test]
fn every_own_metric_named_in_the_source_is_in_the_reference() {
    let reference = reference();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = ["telemetry", "exposition"].iter().flat_map(|folder| files_below(&source.join(folder)));
    let mut seen = 0;
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for name in text.split('"').filter(|text| is_metric(text)) {
            let place = file.display();
            assert!(reference.contains(&format!("`{name}")), "{place}: {name}: give it a sample in specimen()");
            seen += 1;
        }
    }
    assert!(seen > 10, "only {seen} names were found in the source");
}

fn is_metric(text: &str) -> bool {
    text.strip_prefix("wolkvox_").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

#[test]
fn an_own_metric_is_listed_under_the_name_that_a_scrape_shows() {
    let metrics = own_metrics(
        "# HELP a Calls.\n# TYPE a counter\na_total{x=\"1\",y=\"2\"} 1\n\
         # HELP b_seconds Took\n# TYPE b_seconds histogram\nb_seconds_bucket{x=\"1\",le=\"+Inf\"} 1\n",
    );
    let told: Vec<_> = metrics.iter().map(|own| (&*own.name, &*own.kind, &*own.help, own.labels.join(" "))).collect();
    assert_eq!(
        told,
        [("a_total", "counter", "Calls", "x y".to_owned()), ("b_seconds", "histogram", "Took", "x".to_owned())]
    );
}
