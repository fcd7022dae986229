//! The catalogue: which reports there are, and how each becomes metrics.
//!
//! A report is declared, never coded: the built-in ones in `builtin/`, in one file for each file of the vendor, an operator's
//! own in files that the config names. `declaration` has the keys of a declaration, `check` what makes sense of them, `names`
//! and `personal` what a name may be, and `report` what the others get: reports that cannot be wrong any more.

mod check;
mod declaration;
mod format;
mod names;
mod personal;
mod privacy;
mod reference;
mod report;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::files;
use crate::yaml::{self, ConfigError, ConfigErrors, FilePlace, Mistakes};
use check::{DeclarationChecker, FamilyDraft, Known};

pub use format::{Format, FormatKind, parse_day};
pub use names::DEFAULT;
pub use privacy::{Agents, NameKey, PLAIN, Privacy, Pseudonyms, ShortKey};
pub use reference::{push_table, unit};
pub use report::{
    Combine, Family, FamilyKind, Form, Info, Input, Label, Metric, MetricColumn, MetricValue, Nested, Param,
    ParamValue, Personal, Report, ReportSpan, VendorField,
};

/// The declarations of all built-in reports, each with its file.
const BUILTIN: [(&str, &str); 4] = [
    ("builtin/reports_manager.yaml", include_str!("builtin/reports_manager.yaml")),
    ("builtin/gamification.yaml", include_str!("builtin/gamification.yaml")),
    ("builtin/real_time.yaml", include_str!("builtin/real_time.yaml")),
    ("builtin/information.yaml", include_str!("builtin/information.yaml")),
];

/// Every report and every metric family that the exporter knows.
#[derive(Debug)]
pub struct Catalog {
    reports: Vec<Arc<Report>>,
    families: Vec<Arc<Family>>,
}

impl Catalog {
    /// The reports shipped with the exporter.
    pub fn builtin() -> Result<Catalog, ConfigErrors> {
        let text: Vec<&str> = BUILTIN.iter().map(|(_, text)| *text).collect();
        Catalog::parse(&text.join("\n"))
    }

    /// Reads and checks a text as the built-in catalogue.
    pub fn parse(text: &str) -> Result<Catalog, ConfigErrors> {
        let path = Path::new("the built-in catalogue");
        let (mut told, mut known) = (Mistakes::default(), Known::default());
        let mut checker = DeclarationChecker { path, is_own: false, mistakes: Mistakes::default(), known: &mut known };
        let declared = yaml::read(text, path, &mut checker.mistakes).unwrap_or_default();
        let drafts = checker.reports(declared);
        told.add_file(checker.mistakes);
        let (reports, families) = known.finish(drafts);
        told.instead_of(Some(Catalog { reports, families }))
    }

    /// The same with the reports of an operator's files behind the others. Their mistakes are noted file by file.
    pub(crate) fn with_files(&self, files: &[PathBuf], noted: &mut Mistakes) -> Catalog {
        let draft = |family: &Arc<Family>| FamilyDraft { family: (**family).clone(), is_open: false };
        let mut known = Known {
            reports: self.reports.clone(),
            families: self.families.iter().map(draft).collect(),
            ..Known::default()
        };
        let mut drafts = Vec::new();
        for path in files {
            let mut checker =
                DeclarationChecker { path, is_own: true, mistakes: Mistakes::default(), known: &mut known };
            match files::read_text(path) {
                Ok(text) if yaml::is_blank(&text) => {
                    let place = FilePlace { line: 1, column: 1 };
                    let empty = ConfigError::at(path, place, "the file is empty, or all of it is comments");
                    let hint =
                        "declare a report in it, take it away, or give it another ending than catalog_files asks for";
                    checker.mistakes.note(empty.hint(hint));
                }
                Ok(text) => {
                    let declared = yaml::read(&text, path, &mut checker.mistakes).unwrap_or_default();
                    let of_file = checker.reports(declared);
                    checker.known.declared(&of_file);
                    drafts.extend(of_file);
                }
                Err(error) => {
                    checker
                        .mistakes
                        .note(ConfigError::of_file(path, format!("the catalogue file cannot be read: {error}")));
                }
            }
            noted.add_file(checker.mistakes);
        }
        let (reports, families) = known.finish(drafts);
        // The built-in ones stay the same for as long as the exporter runs.
        let families = self.families.iter().cloned().chain(families.into_iter().skip(self.families.len())).collect();
        Catalog { reports, families }
    }

    pub fn reports(&self) -> &[Arc<Report>] {
        &self.reports
    }

    pub fn report(&self, name: &str) -> Option<&Arc<Report>> {
        self.reports.iter().find(|report| &*report.name == name)
    }

    /// The reports that are polled where the config names none.
    pub fn by_default(&self) -> impl Iterator<Item = &Arc<Report>> {
        self.reports.iter().filter(|report| report.is_default)
    }

    /// In the order of a scrape.
    pub fn families(&self) -> &[Arc<Family>] {
        &self.families
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_catalogue_polls_five_of_its_reports_by_default() {
        let catalog = Catalog::builtin().unwrap();
        let names: Vec<&str> = catalog.by_default().map(|report| &*report.name).collect();
        assert_eq!(names, ["agent_aux_time", "agent_hold_mute", "closed_interactions", "smart_wait", "agent_kpi"]);
        assert!(catalog.reports().len() >= 25, "{}", catalog.reports().len());
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
        let base = BUILTIN.map(|(_, text)| text).join("\n");
        for (from, to, message) in [
            ("name: wolkvox_agent_hits", "name: wolkvox_agent_calls", "wolkvox_agent_calls is declared twice"),
            ("name: wolkvox_agent_hits", "name: wolkvox_agent_hits_total", "cannot be a gauge"),
            ("- name: smart_wait", "- name: agent_kpi", "agent_kpi is declared twice"),
            ("state: aux_state", "window: aux_state", "window cannot be a label"),
            ("combine: max", "combine: count", "count takes no field"),
            ("only_with: description", "only_with: nothing", "only_with names no label"),
            ("format: minutes", "format: miles", "`miles` is not known here"),
        ] {
            let error = Catalog::parse(&base.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(message), "{from} -> {to}: {error}");
        }
    }
}
