//! A scrape's own part: as little of it as possible is deflated while the scrape waits.
//!
//! Most of the exporter's own metrics are as they were at the last scrape: only polls change them. They keep their
//! segments until they change. With many operations something always has: then at least every large family that
//! says the same as before keeps its own.

use std::collections::HashMap;

use crate::segment::{Renderer, Segment};
use crate::store::View;

/// Families from this size on have a segment of their own: below, it costs more bytes than it saves time.
const LARGE: usize = 4 * 1024;

/// Everything that decides what the steady text says. While it stays equal, the text is not rendered again.
#[derive(Debug, PartialEq)]
pub struct Shown {
    telemetry: u64,
    store: u64,
    /// What time alone changes of each target: whether it is stale, whether it is served.
    targets: Vec<(bool, bool)>,
    /// What time alone changes of each operation: the API requests used on its day.
    used: Vec<u64>,
}

impl Shown {
    /// `telemetry` is the version of the exporter's own counters.
    pub fn of(view: &View, telemetry: u64) -> Shown {
        Shown {
            telemetry,
            store: view.version,
            targets: view.statuses.iter().map(|status| (status.stale, status.window.is_some())).collect(),
            used: view.budgets.iter().map(|(_, budget)| budget.used).collect(),
        }
    }
}

/// What is kept from one scrape for the next.
pub struct Live {
    /// With its working memory of some hundred kilobytes, which takes longer to set up than to use.
    quick: Renderer,
    /// What only polls change, what it depends on, and its segments.
    shown: Option<Shown>,
    steady: String,
    segments: Vec<Segment>,
    /// Of each large family in `steady`, by the line it begins with.
    large: HashMap<String, Segment>,
}

impl Default for Live {
    fn default() -> Live {
        Live {
            quick: Renderer::quick(),
            shown: None,
            steady: String::new(),
            segments: Vec::new(),
            large: HashMap::new(),
        }
    }
}

impl Live {
    /// Takes the text that polls change, unless it is the one at hand.
    pub fn show(&mut self, shown: Shown, render: impl FnOnce(usize) -> String) {
        if self.shown.as_ref() != Some(&shown) {
            self.take(render(self.steady.len()));
            self.shown = Some(shown);
        }
    }

    /// That text and the one that every scrape changes, as segments of which the last ends the deflate stream. The large
    /// families stand before the small ones: between families any order is right.
    pub fn segments(&self, live: &str) -> Vec<Segment> {
        let mut segments = self.segments.clone();
        segments.push(Segment::end_of_stream(live.as_bytes()));
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
    fn what_no_poll_changed_is_neither_rendered_nor_deflated_again() {
        let shown = |telemetry| Shown { telemetry, store: 1, targets: vec![(false, true)], used: vec![7] };
        let mut live = Live::default();
        live.show(shown(1), |_| "# HELP a A.\na 1\n".to_owned());
        let first = live.segments("b 1\n");
        live.show(shown(1), |_| panic!("nothing has changed"));
        let second = live.segments("b 2\n");
        assert_eq!(texts(&first), ["# HELP a A.\na 1\n", "b 1\n"]);
        assert_eq!(texts(&second), ["# HELP a A.\na 1\n", "b 2\n"]);
        assert_eq!(second[0].deflated.as_ptr(), first[0].deflated.as_ptr());
        live.show(shown(2), |_| "# HELP a A.\na 2\n".to_owned());
        assert_eq!(texts(&live.segments("")), ["# HELP a A.\na 2\n", ""]);
        for changed in [
            Shown { store: 2, ..shown(2) },
            Shown { targets: vec![(true, false)], ..shown(2) },
            Shown { used: vec![0], ..shown(2) },
        ] {
            assert_ne!(changed, shown(2));
        }
    }

    #[test]
    fn a_large_family_keeps_its_segment_until_it_changes() {
        let small = |value: &str| format!("# HELP a A.\na {value}\n");
        let large = |value: &str| format!("# HELP b B.\n{}", format!("b{{c=\"d\"}} {value}\n").repeat(1_000));
        let mut live = Live::default();
        let mut segments = |text: String| {
            live.take(text);
            live.segments("# EOF\n")
        };
        let first = segments(small("1") + &large("1") + &small("1"));
        assert_eq!(texts(&first), [large("1"), small("1") + &small("1"), "# EOF\n".to_owned()]);
        let same = segments(small("2") + &large("1"));
        assert_eq!(same[0].deflated.as_ptr(), first[0].deflated.as_ptr(), "not deflated again");
        assert_eq!(texts(&same), [large("1"), small("2"), "# EOF\n".to_owned()]);
        assert_eq!(texts(&segments(large("2"))), [large("2"), String::new(), "# EOF\n".to_owned()]);
    }

    #[test]
    fn a_text_is_cut_into_families_and_nothing_is_lost() {
        for text in ["", "a 1\n", "# HELP a A.\na 1\n# HELP b B.\nb 1", "\n# HELP x"] {
            assert_eq!(families(text).collect::<String>(), text);
        }
        assert_eq!(families("# HELP a A.\na 1\n# HELP b B.\nb 1\n").count(), 2);
    }
}
