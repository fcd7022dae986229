//! How is a scrape's own part deflated while the scrape waits, and how little of it?
//!
//! Most of the exporter's own metrics are as they were at the last scrape: only polls change them. They keep their
//! segments until they change. With many operations something always has: then at least every large family that
//! says the same as before keeps its own.

use std::collections::HashMap;

use crate::segment::{Renderer, Segment};

/// Families from this size on have a segment of their own: below, it costs more bytes than it saves time.
const LARGE: usize = 4 * 1024;

/// What is kept from one scrape for the next.
pub struct Live {
    /// With its working memory of some hundred kilobytes, which takes longer to set up than to use.
    quick: Renderer,
    /// What only polls change, and its segments.
    steady: String,
    segments: Vec<Segment>,
    /// Of each large family in `steady`, by the line it begins with.
    large: HashMap<String, Segment>,
}

impl Default for Live {
    fn default() -> Live {
        Live { quick: Renderer::quick(), steady: String::new(), segments: Vec::new(), large: HashMap::new() }
    }
}

impl Live {
    /// The text that polls change and the one that every scrape changes, as segments of which the last ends the
    /// deflate stream. The large families stand before the small ones: between families any order is right.
    pub fn segments(&mut self, steady: String, live: &str) -> Vec<Segment> {
        if steady != self.steady {
            self.take(steady);
        }
        let mut segments = self.segments.clone();
        self.quick.push(|out| out.extend_from_slice(live.as_bytes()));
        segments.push(self.quick.finish_stream());
        segments
    }

    /// Bytes of the text that polls change, as of the last scrape.
    pub fn steady_length(&self) -> usize {
        self.steady.len()
    }

    fn take(&mut self, steady: String) {
        let before: HashMap<&str, &str> = families(&self.steady).map(|family| (name(family), family)).collect();
        let mut known = std::mem::take(&mut self.large);
        self.segments.clear();
        for family in families(&steady) {
            if family.len() < LARGE {
                self.quick.push(|out| out.extend_from_slice(family.as_bytes()));
                continue;
            }
            let same = before.get(name(family)).is_some_and(|before| *before == family);
            let kept = if same { known.remove(name(family)) } else { None };
            let segment = kept.unwrap_or_else(|| deflated(family));
            self.segments.push(segment.clone());
            self.large.insert(name(family).to_owned(), segment);
        }
        self.segments.push(self.quick.finish());
        self.steady = steady;
    }
}

fn name(family: &str) -> &str {
    family.lines().next().unwrap_or_default()
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
    fn what_no_poll_changed_is_not_deflated_again() {
        let mut live = Live::default();
        let first = live.segments("# HELP a A.\na 1\n".to_owned(), "b 1\n");
        let second = live.segments("# HELP a A.\na 1\n".to_owned(), "b 2\n");
        assert_eq!(texts(&first), ["# HELP a A.\na 1\n", "b 1\n"]);
        assert_eq!(texts(&second), ["# HELP a A.\na 1\n", "b 2\n"]);
        assert_eq!(second[0].deflated.as_ptr(), first[0].deflated.as_ptr());
        assert_eq!(texts(&live.segments("# HELP a A.\na 2\n".to_owned(), "")), ["# HELP a A.\na 2\n", ""]);
    }

    #[test]
    fn a_large_family_keeps_its_segment_until_it_changes() {
        let small = |value: &str| format!("# HELP a A.\na {value}\n");
        let large = |value: &str| format!("# HELP b B.\n{}", format!("b{{c=\"d\"}} {value}\n").repeat(1_000));
        let mut live = Live::default();
        let first = live.segments(small("1") + &large("1") + &small("1"), "# EOF\n");
        assert_eq!(texts(&first), [large("1"), small("1") + &small("1"), "# EOF\n".to_owned()]);
        let same = live.segments(small("2") + &large("1"), "");
        assert_eq!(same[0].deflated.as_ptr(), first[0].deflated.as_ptr(), "not deflated again");
        assert_eq!(texts(&same), [large("1"), small("2"), String::new()]);
        let changed = live.segments(large("2"), "");
        assert_eq!(texts(&changed), [large("2"), String::new(), String::new()]);
    }

    #[test]
    fn a_text_is_cut_into_families_and_nothing_is_lost() {
        for text in ["", "a 1\n", "# HELP a A.\na 1\n# HELP b B.\nb 1", "\n# HELP x"] {
            assert_eq!(families(text).collect::<String>(), text);
        }
        assert_eq!(families("# HELP a A.\na 1\n# HELP b B.\nb 1\n").count(), 2);
    }
}
