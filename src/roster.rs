//! What do an operation's served reports say together about who its agents are and what its codes mean?
//!
//! Several reports name the same agent, each with other details. An entry that says less than another is
//! absorbed by it, so that a name joins to its ids once.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::catalog::Family;
use crate::fold::INFO_SEPARATOR;
use crate::segment::{Renderer, Segment};
use crate::series::LabelName;

/// One info family of one operation, from the entries of several reports (see `segment::render_entries`).
/// `None` where there is no entry.
pub fn join(family: &Family, operation: &str, reports: &[Segment]) -> Option<Segment> {
    let texts: Vec<Vec<u8>> = reports.iter().map(Segment::text).collect();
    let entries: BTreeSet<Vec<&str>> = texts
        .iter()
        .filter_map(|text| std::str::from_utf8(text).ok())
        .flat_map(str::lines)
        .map(|line| line.split(INFO_SEPARATOR).collect())
        .collect();
    let entries = without_absorbed(&entries);
    if entries.is_empty() {
        return None;
    }
    let mut renderer = Renderer::default();
    let names: Vec<LabelName> = family.info_labels.iter().map(|name| LabelName::new(name)).collect();
    let mut common = String::new();
    LabelName::new("operation").write(&mut common, operation);
    let mut labels = String::new();
    for entry in entries {
        labels.clone_from(&common);
        for (name, value) in names.iter().zip(entry) {
            if !value.is_empty() {
                name.write(&mut labels, value);
            }
        }
        renderer.push(|text| {
            for part in [&family.name, "{", &labels, "} 1\n"] {
                text.extend_from_slice(part.as_bytes());
            }
        });
    }
    Some(renderer.finish())
}

/// The entries but for those whose every given value stands in another one that gives more.
fn without_absorbed<'e>(entries: &'e BTreeSet<Vec<&'e str>>) -> Vec<&'e [&'e str]> {
    // Entries by which of their values are given: a handful of shapes, however many entries.
    let mut shapes: BTreeMap<Vec<bool>, Vec<&[&str]>> = BTreeMap::new();
    for entry in entries {
        shapes.entry(entry.iter().map(|value| !value.is_empty()).collect()).or_default().push(entry);
    }
    let mut kept = Vec::new();
    for (shape, members) in &shapes {
        let given = |entry: &[&'e str]| -> Vec<&'e str> {
            entry.iter().zip(shape).filter(|(_, given)| **given).map(|(value, _)| *value).collect()
        };
        let richer =
            shapes.iter().filter(|(other, _)| *other != shape && shape.iter().zip(*other).all(|(a, b)| a <= b));
        let absorbing: HashSet<Vec<&str>> =
            richer.flat_map(|(_, members)| members.iter().map(|entry| given(entry))).collect();
        kept.extend(members.iter().filter(|entry| !absorbing.contains(&given(entry))));
    }
    kept.sort_unstable();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Kind;

    fn joined(reports: &[&str]) -> String {
        let family = Family {
            name: "wolkvox_agent_info".into(),
            help: String::new(),
            kind: Kind::Info,
            info_labels: vec!["agent_id".into(), "agent_name".into()],
        };
        let segments: Vec<Segment> = reports
            .iter()
            .map(|text| {
                let mut renderer = Renderer::default();
                renderer.push(|out| out.extend_from_slice(text.as_bytes()));
                renderer.finish()
            })
            .collect();
        let text = join(&family, "acme", &segments);
        text.map(|segment| String::from_utf8(segment.text()).unwrap()).unwrap_or_default()
    }

    #[test]
    fn a_name_alone_is_absorbed_by_the_entry_that_knows_its_id() {
        let text = joined(&["1\tAna\n2\tLuz\n", "\tAna\n\tPseudo\n", "1\tAna\n3\tAna\n"]);
        assert_eq!(
            text,
            "wolkvox_agent_info{operation=\"acme\",agent_name=\"Pseudo\"} 1\n\
             wolkvox_agent_info{operation=\"acme\",agent_id=\"1\",agent_name=\"Ana\"} 1\n\
             wolkvox_agent_info{operation=\"acme\",agent_id=\"2\",agent_name=\"Luz\"} 1\n\
             wolkvox_agent_info{operation=\"acme\",agent_id=\"3\",agent_name=\"Ana\"} 1\n"
        );
    }

    #[test]
    fn no_entries_make_no_family() {
        assert_eq!(joined(&["", ""]), "");
    }
}
