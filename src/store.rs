//! What is served now, and until when is it true?
//!
//! The store holds the latest data of each target and how its polls went. Whether data are still served is
//! decided by the clock at the moment of asking, never by a timer that could be late: a machine that slept
//! over midnight serves nothing of the old day when it wakes.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::catalog::{Catalog, FamilyId, Kind};
use crate::roster;
use crate::segment::{FamilySegment, Segment};
use crate::target::Target;
use crate::window::Window;
use crate::wolkvox::{Failure, Reason};

/// The result of a good poll.
#[derive(Clone, Debug)]
pub struct Served {
    pub window: Window,
    pub polled_at: Timestamp,
    /// Age at which it is dropped; `None` where only the window's own end counts (`yesterday` cannot age).
    pub stale_after: Option<Duration>,
    pub rows: u64,
    pub series: u64,
    pub families: Vec<FamilySegment>,
    /// Info entries, joined with the operation's other reports when they are served.
    pub entries: Vec<FamilySegment>,
}

impl Served {
    fn is_stale(&self, now: Timestamp) -> bool {
        // A clock set back makes data look younger than they are: their age counts in both directions.
        self.stale_after.is_some_and(|limit| age(now, self.polled_at).unsigned_abs() >= limit)
    }

    fn is_true(&self, now: Timestamp) -> bool {
        !self.is_stale(now) && self.window.start() <= now && now < self.window.expires()
    }

    /// The next moment at which the answer of `is_true` changes, if it is yes now.
    fn true_until(&self) -> Timestamp {
        let stale_at = self.stale_after.map(|limit| self.polled_at.saturating_add(limit).unwrap_or(Timestamp::MAX));
        stale_at.map_or(self.window.expires(), |stale_at| stale_at.min(self.window.expires()))
    }
}

fn age(now: Timestamp, then: Timestamp) -> SignedDuration {
    now.duration_since(then)
}

/// How a target's polls go. What `wolkvox_report_*` and the status page say.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// The pace in force.
    pub interval: Duration,
    pub last_attempt: Option<Timestamp>,
    pub last_success: Option<Timestamp>,
    pub consecutive_failures: u64,
    /// Of the last poll, where it failed.
    pub failure: Option<Failure>,
    /// Rows and series of the last good poll.
    pub rows: u64,
    pub series: u64,
    pub next_poll: Option<Timestamp>,
}

impl Health {
    /// Whether the last poll worked.
    pub fn is_up(&self) -> bool {
        self.last_success.is_some() && self.failure.is_none()
    }

    /// Whether the vendor's record limit was hit and nothing could be done about it.
    pub fn is_truncated(&self) -> bool {
        self.failure.as_ref().is_some_and(|failure| failure.reason == Reason::TooLarge)
    }
}

/// A target as it stands at one moment.
#[derive(Clone, Debug)]
pub struct Status {
    pub target: Target,
    pub health: Health,
    /// Whether series were dropped for their age.
    pub stale: bool,
    /// What the served series cover; `None` where none are served.
    pub window: Option<(Timestamp, Timestamp)>,
}

/// Everything that is served at one moment, in the order of a scrape.
#[derive(Debug)]
pub struct Snapshot {
    pub families: Vec<(FamilyId, Vec<Segment>)>,
    /// True from here on, …
    since: Timestamp,
    /// … and up to here, if nothing is stored meanwhile.
    until: Timestamp,
}

/// The latest of every target.
#[derive(Debug)]
pub struct Store {
    catalog: Arc<Catalog>,
    state: Mutex<State>,
}

/// An info family of one operation.
type InfoKey = (FamilyId, Arc<str>);

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<Target, Entry>,
    /// Joined info families and the polls they were joined from.
    rosters: HashMap<InfoKey, (Vec<u64>, Option<Segment>)>,
    polls: u64,
    snapshot: Option<Arc<Snapshot>>,
}

#[derive(Debug, Default)]
struct Entry {
    health: Health,
    /// The last good data and the number of the poll that brought them.
    served: Option<(u64, Served)>,
}

// === impl Store ===

impl Store {
    pub fn new(catalog: Arc<Catalog>) -> Store {
        Store { catalog, state: Mutex::default() }
    }

    /// Makes a target known before its first poll, so that its health is there to be seen.
    pub fn expect(&self, target: &Target, interval: Duration) {
        self.state().entries.entry(target.clone()).or_default().health.interval = interval;
    }

    /// Notes when a target is polled next.
    pub fn plan(&self, target: &Target, next_poll: Timestamp) {
        self.health_mut(target, |health| health.next_poll = Some(next_poll));
    }

    /// Replaces a target's data with those of a good poll.
    pub fn succeed(&self, target: &Target, at: Timestamp, served: Served) {
        let mut state = self.state();
        state.polls += 1;
        let poll = state.polls;
        let entry = state.entries.entry(target.clone()).or_default();
        entry.health = Health {
            last_attempt: Some(at),
            last_success: Some(served.polled_at),
            consecutive_failures: 0,
            failure: None,
            rows: served.rows,
            series: served.series,
            ..entry.health
        };
        entry.served = Some((poll, served));
        state.snapshot = None;
    }

    /// Notes a failed poll; the last good data stay until they are stale.
    pub fn fail(&self, target: &Target, at: Timestamp, failure: Failure) {
        self.health_mut(target, |health| {
            health.last_attempt = Some(at);
            health.consecutive_failures += 1;
            health.failure = Some(failure);
        });
    }

    /// Whether every target was polled at least once.
    pub fn all_tried(&self) -> bool {
        self.state().entries.values().all(|entry| entry.health.last_attempt.is_some())
    }

    /// Every target's health.
    pub fn statuses(&self, now: Timestamp) -> Vec<Status> {
        let state = self.state();
        let status = |(target, entry): (&Target, &Entry)| {
            let served = entry.served.as_ref().map(|(_, served)| served);
            Status {
                target: target.clone(),
                health: entry.health.clone(),
                stale: served.is_some_and(|served| served.is_stale(now)),
                window: served
                    .filter(|served| served.is_true(now))
                    .map(|served| (served.window.start(), served.window.end())),
            }
        };
        state.entries.iter().map(status).collect()
    }

    /// What a scrape at `now` may show.
    pub fn snapshot(&self, now: Timestamp) -> Arc<Snapshot> {
        let mut state = self.state();
        if let Some(snapshot) = state.snapshot.as_ref().filter(|snapshot| snapshot.since <= now && now < snapshot.until)
        {
            return Arc::clone(snapshot);
        }
        let snapshot = Arc::new(state.assemble(&self.catalog, now));
        state.snapshot = Some(Arc::clone(&snapshot));
        snapshot
    }

    fn health_mut(&self, target: &Target, change: impl FnOnce(&mut Health)) {
        change(&mut self.state().entries.entry(target.clone()).or_default().health);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is one assignment: a thread that died between two left nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    fn assemble(&mut self, catalog: &Catalog, now: Timestamp) -> Snapshot {
        let mut families: BTreeMap<FamilyId, Vec<Segment>> = BTreeMap::new();
        let mut until = Timestamp::MAX;
        for (_, served) in self.served(now) {
            until = until.min(served.true_until());
            for part in &served.families {
                families.entry(part.family).or_default().push(part.segment.clone());
            }
        }
        for (family, segments) in self.join_rosters(catalog, now) {
            families.insert(family, segments);
        }
        Snapshot { families: families.into_iter().collect(), since: now, until }
    }

    fn served(&self, now: Timestamp) -> impl Iterator<Item = (&Target, &Served)> {
        self.entries
            .iter()
            .filter_map(|(target, entry)| Some((target, &entry.served.as_ref()?.1)))
            .filter(move |(_, served)| served.is_true(now))
    }

    fn join_rosters(&mut self, catalog: &Catalog, now: Timestamp) -> Vec<(FamilyId, Vec<Segment>)> {
        let mut parts: BTreeMap<InfoKey, (Vec<u64>, Vec<Segment>)> = BTreeMap::new();
        for (target, entry) in &self.entries {
            let Some((poll, served)) = entry.served.as_ref().filter(|(_, served)| served.is_true(now)) else {
                continue;
            };
            for part in &served.entries {
                let (polls, segments) = parts.entry((part.family, Arc::clone(&target.operation))).or_default();
                polls.push(*poll);
                segments.push(part.segment.clone());
            }
        }
        let mut families: BTreeMap<FamilyId, Vec<Segment>> = BTreeMap::new();
        let mut rosters = HashMap::new();
        for ((family, operation), (polls, segments)) in parts {
            let known = self.rosters.remove(&(family, Arc::clone(&operation))).filter(|(known, _)| *known == polls);
            let joined = known.map_or_else(
                || roster::join(&catalog.families()[family.0], &operation, &segments.iter().collect::<Vec<_>>()),
                |(_, joined)| joined,
            );
            families.entry(family).or_default().extend(joined.clone());
            rosters.insert((family, operation), (polls, joined));
        }
        self.rosters = rosters;
        debug_assert!(families.keys().all(|family| catalog.families()[family.0].kind == Kind::Info));
        families.into_iter().filter(|(_, segments)| !segments.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::Renderer;
    use crate::window::WindowName;
    use jiff::tz::TimeZone;

    const LIMIT: Duration = Duration::from_mins(15);

    fn time(text: &str) -> Timestamp {
        format!("2026-03-02T{text}Z").parse().unwrap()
    }

    fn target(report: &str) -> Target {
        Target { operation: "acme".into(), report: report.into(), window: WindowName::Today }
    }

    fn served(at: Timestamp, text: &str) -> Served {
        let segment = |text: &str| {
            let mut renderer = Renderer::default();
            renderer.push(|out| out.extend_from_slice(text.as_bytes()));
            renderer.finish()
        };
        Served {
            window: Window::at(WindowName::Today, at, &TimeZone::get("America/Bogota").unwrap()),
            polled_at: at,
            stale_after: Some(LIMIT),
            rows: 1,
            series: 1,
            families: vec![FamilySegment { family: FamilyId(0), segment: segment(text) }],
            entries: vec![FamilySegment { family: FamilyId(20), segment: segment("\t7\tAna\n") }],
        }
    }

    fn store() -> Store {
        Store::new(Arc::new(Catalog::builtin().unwrap()))
    }

    fn texts(store: &Store, now: Timestamp) -> Vec<String> {
        let snapshot = store.snapshot(now);
        let segments = snapshot.families.iter().flat_map(|(_, segments)| segments);
        segments.map(|segment| String::from_utf8(segment.text()).unwrap()).collect()
    }

    #[test]
    fn never_lie_series_are_dropped_at_their_age_limit_without_any_event() {
        let store = store();
        store.succeed(&target("a"), time("12:00:00"), served(time("12:00:00"), "a 1\n"));
        assert_eq!(texts(&store, time("12:14:59")).len(), 2);
        assert_eq!(texts(&store, time("12:15:00")), Vec::<String>::new());
        assert!(store.statuses(time("12:15:00"))[0].stale);
        assert_eq!(store.statuses(time("12:15:00"))[0].window, None);
        assert!(!store.statuses(time("12:14:59"))[0].stale);
    }

    #[test]
    fn never_lie_today_goes_at_the_operations_midnight_even_if_polled_a_second_before() {
        let store = store();
        store.succeed(&target("a"), time("04:59:59"), served(time("04:59:59"), "a 1\n"));
        assert_eq!(texts(&store, time("04:59:59")).len(), 2);
        assert_eq!(texts(&store, time("05:00:00")), Vec::<String>::new());
        assert!(!store.statuses(time("05:00:00"))[0].stale, "dropped for its day, not for its age");
    }

    #[test]
    fn never_lie_an_answer_of_the_old_day_that_arrives_after_midnight_is_not_served() {
        let store = store();
        store.succeed(&target("a"), time("05:00:30"), served(time("04:59:50"), "a 1\n"));
        assert_eq!(texts(&store, time("05:00:30")), Vec::<String>::new());
    }

    #[test]
    fn never_lie_a_clock_set_back_does_not_keep_old_data() {
        let store = store();
        store.succeed(&target("a"), time("12:00:00"), served(time("12:00:00"), "a 1\n"));
        assert_eq!(texts(&store, time("11:59:00")).len(), 2);
        assert_eq!(texts(&store, time("11:45:00")), Vec::<String>::new());
        assert_eq!(texts(&store, time("04:00:00")), Vec::<String>::new());
    }

    #[test]
    fn a_failure_keeps_the_last_good_data_and_one_report_never_touches_another() {
        let store = store();
        for report in ["a", "b"] {
            store.succeed(&target(report), time("12:00:00"), served(time("12:00:00"), &format!("{report} 1\n")));
        }
        store.fail(&target("b"), time("12:05:00"), Failure::new(Reason::Timeout, "slow"));
        assert_eq!(texts(&store, time("12:06:00"))[..2], ["a 1\n", "b 1\n"]);
        let statuses = store.statuses(time("12:06:00"));
        assert!(statuses[0].health.is_up() && !statuses[1].health.is_up());
        assert_eq!(statuses[1].health.consecutive_failures, 1);
        assert_eq!(statuses[1].health.last_success, Some(time("12:00:00")));
    }

    #[test]
    fn an_unchanged_store_serves_the_same_snapshot_again() {
        let store = store();
        store.succeed(&target("a"), time("12:00:00"), served(time("12:00:00"), "a 1\n"));
        let first = store.snapshot(time("12:01:00"));
        assert!(Arc::ptr_eq(&first, &store.snapshot(time("12:02:00"))));
        store.succeed(&target("a"), time("12:03:00"), served(time("12:03:00"), "a 2\n"));
        assert_eq!(texts(&store, time("12:03:00"))[0], "a 2\n");
    }

    #[test]
    fn ready_means_every_target_was_tried_even_in_vain() {
        let store = store();
        store.expect(&target("a"), LIMIT);
        assert!(!store.all_tried());
        store.fail(&target("a"), time("12:00:00"), Failure::new(Reason::Timeout, "slow"));
        assert!(store.all_tried());
    }
}
