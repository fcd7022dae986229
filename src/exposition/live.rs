//! How is a scrape's own part deflated while the scrape waits, and how little of it?
//!
//! With many operations most of the exporter's own metrics are as they were at the last scrape: only polls change
//! them. A large family that says the same as before keeps its segment; all others are deflated together.

use std::collections::HashMap;

use crate::segment::{Renderer, Segment};

/// Families from this size on are kept: below, a segment of its own costs more bytes than it saves time.
const LARGE: usize = 4 * 1024;

/// What is kept from one scrape for the next.
pub struct Live {
    /// With its working memory of some hundred kilobytes, which takes longer to set up than to use.
    quick: Renderer,
    /// Of each large family, by the line it begins with: its text and its segment.
    large: HashMap<String, (String, Segment)>,
}

impl Default for Live {
    fn default() -> Live {
        Live { quick: Renderer::quick(), large: HashMap::new() }
    }
}

impl Live {
    /// The text and `end` behind it, as segments of which the last ends the deflate stream. The large families move to
    /// the front: between families any order is right.
    pub fn segments(&mut self, text: &str, end: &str) -> Vec<Segment> {
        let mut segments = Vec::new();
        let mut small = Vec::new();
        let mut known = std::mem::take(&mut self.large);
        for family in families(text) {
            if family.len() < LARGE {
                small.push(family);
                continue;
            }
            let name = family.lines().next().unwrap_or_default();
            let (name, kept) = match known.remove_entry(name).filter(|(_, (text, _))| text == family) {
                Some(unchanged) => unchanged,
                None => (name.to_owned(), (family.to_owned(), deflated(family))),
            };
            segments.push(kept.1.clone());
            self.large.insert(name, kept);
        }
        for family in small.into_iter().chain([end]) {
            self.quick.push(|out| out.extend_from_slice(family.as_bytes()));
        }
        segments.push(self.quick.finish_stream());
        segments
    }
}

fn deflated(family: &str) -> Segment {
    let mut renderer = Renderer::default();
    renderer.push(|out| out.extend_from_slice(family.as_bytes()));
    renderer.finish()
}

/// The text cut before every `# HELP`.
fn families(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = rest.find("\n# HELP ").map_or(rest.len(), |at| at + 1);
        let (family, behind) = rest.split_at(end);
        rest = behind;
        (!family.is_empty()).then_some(family)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(segments: &[Segment]) -> Vec<String> {
        segments.iter().map(|segment| String::from_utf8(segment.text()).unwrap()).collect()
    }

    #[test]
    fn a_large_family_keeps_its_segment_until_it_changes() {
        let small = "# HELP a A.\na 1\n";
        let large = |value: &str| format!("# HELP b B.\n{}", format!("b{{c=\"d\"}} {value}\n").repeat(1_000));
        let mut live = Live::default();
        let first = live.segments(&format!("{small}{}{small}", large("1")), "# EOF\n");
        assert_eq!(texts(&first), [large("1"), format!("{small}{small}# EOF\n")]);
        let same = live.segments(&format!("{small}{}", large("1")), "");
        assert_eq!(same[0].deflated.as_ptr(), first[0].deflated.as_ptr(), "not deflated again");
        assert_eq!(texts(&same), [large("1"), small.to_owned()]);
        let changed = live.segments(&large("2"), "");
        assert_eq!(texts(&changed), [large("2"), String::new()]);
    }

    #[test]
    fn a_text_is_cut_into_families_and_nothing_is_lost() {
        for text in ["", "a 1\n", "# HELP a A.\na 1\n# HELP b B.\nb 1", "\n# HELP x"] {
            assert_eq!(families(text).collect::<String>(), text);
        }
        assert_eq!(families("# HELP a A.\na 1\n# HELP b B.\nb 1\n").count(), 2);
    }
}
