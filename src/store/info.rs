//! Info families: what an operation's reports say together of who its agents are and what its codes mean.
//!
//! Several reports name the same agent, each with other details. An entry that says less than another is absorbed by it,
//! so that a name joins to its ids once.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use super::PollData;
use crate::catalog::Family;
use crate::segment::{Renderer, Segment};
use crate::series::{InfoEntries, LabelName};
use crate::time::Target;

/// An info family of one operation.
pub(super) type InfoKey = (Arc<Family>, Arc<str>);

/// The entries of an info family, from several polls.
#[derive(Debug, Default)]
pub(super) struct InfoSources {
    polls: Vec<u64>,
    entries: Vec<Arc<InfoEntries>>,
}

/// A joined info family and the polls it was joined from.
#[derive(Debug)]
pub(super) struct InfoFamily {
    polls: Vec<u64>,
    /// `None` where there is no entry.
    pub joined: Option<Segment>,
}

/// The entries of each info family and operation, in the order of the targets.
pub(super) fn sources<'s>(
    current: impl Iterator<Item = (&'s Target, u64, &'s PollData)>,
) -> BTreeMap<InfoKey, InfoSources> {
    let mut sources: BTreeMap<InfoKey, InfoSources> = BTreeMap::new();
    for (target, poll, data) in current {
        for (family, entries) in &data.infos {
            let source = sources.entry((Arc::clone(family), Arc::clone(&target.operation))).or_default();
            source.polls.push(poll);
            source.entries.push(Arc::clone(entries));
        }
    }
    sources
}

impl InfoSources {
    pub(super) fn join(&self, (family, operation): &InfoKey) -> InfoFamily {
        let joined = join(family, operation, &self.entries);
        InfoFamily { polls: self.polls.clone(), joined }
    }
}

impl InfoFamily {
    /// Whether it was joined from these very polls.
    pub(super) fn is_of(&self, sources: &InfoSources) -> bool {
        self.polls == sources.polls
    }
}

/// One info family of one operation, from the entries of several reports; `None` where there is no entry.
fn join(family: &Family, operation: &str, reports: &[Arc<InfoEntries>]) -> Option<Segment> {
    let entries: BTreeSet<Vec<&str>> = reports.iter().flat_map(|entries| entries.iter()).collect();
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

/// The entries without those whose values all stand in another entry that has more.
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

    fn joined(reports: &[&[[&str; 2]]]) -> String {
        let family = Family::info("wolkvox_agent_info", ["agent_id", "agent_name"]);
        let sources: Vec<Arc<InfoEntries>> = reports
            .iter()
            .map(|report| {
                let mut entries = InfoEntries::new(2);
                report.iter().for_each(|entry| entries.push(*entry));
                Arc::new(entries)
            })
            .collect();
        let text = join(&family, "acme", &sources);
        text.map(|segment| String::from_utf8(segment.text()).unwrap()).unwrap_or_default()
    }

    #[test]
    fn a_name_alone_is_absorbed_by_the_entry_that_knows_its_id() {
        let text =
            joined(&[&[["1", "Ana"], ["2", "Luz"]], &[["", "Ana"], ["", "Pseudo"]], &[["1", "Ana"], ["3", "Ana"]]]);
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
        assert_eq!(joined(&[&[], &[]]), "");
    }
}
