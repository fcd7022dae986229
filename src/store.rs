//! What is served now, and until when is it true?
//!
//! The store holds the latest data of each target and how its polls went. Whether data are still served is
//! decided by the clock at the moment of asking, never by a timer that could be late: a machine that slept
//! over midnight serves nothing of the old day when it wakes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::catalog::{Catalog, FamilyId, Kind};
use crate::memory::ServedMemory;
use crate::roster;
use crate::segment::{FamilySegment, Segment};
use crate::time::{Moment, Target, Window};
use crate::wolkvox::{Failure, Reason};

/// The result of a good poll.
#[derive(Clone, Debug)]
pub struct Served {
    pub window: Window,
    pub polled_at: Moment,
    /// Age at which it is dropped; `None` where only the window's own end counts (`yesterday` cannot age).
    pub stale_after: Option<Duration>,
    pub rows: u64,
    pub series: u64,
    /// Series over the cap, which are not among the served ones.
    pub dropped: u64,
    /// Field and how many of its values could not be read.
    pub rejected: Vec<(String, u64)>,
    pub families: Vec<FamilySegment>,
    /// Field and how many of its values stand shortened in a label.
    pub shortened: Vec<(String, u64)>,
    /// Info entries, joined with the operation's other reports when they are served.
    pub entries: Vec<FamilySegment>,
    /// Keeps [`served_bytes`] of it counted; `None` where nobody counts.
    pub memory: Option<ServedMemory>,
}

/// Memory that served parts take. Entries are inflated whenever they are joined, so they count as text.
pub fn served_bytes(families: &[FamilySegment], entries: &[FamilySegment]) -> usize {
    let deflated = families.iter().map(|part| part.segment.deflated.len());
    let texts = entries.iter().map(|part| usize::try_from(part.segment.length).unwrap_or(usize::MAX));
    deflated.chain(texts).fold(0, usize::saturating_add)
}

impl Served {
    /// Age is real time that passed: setting a clock makes nothing younger or older.
    fn is_stale(&self, now: Moment) -> bool {
        self.stale_after.is_some_and(|limit| now.since(self.polled_at) >= limit)
    }

    fn is_true(&self, now: Moment) -> bool {
        !self.is_stale(now) && self.window.has_its_name(now.wall)
    }
}

/// How a target's polls go. What `wolkvox_report_*` and the status page say.
#[derive(Clone, Debug, Default, PartialEq)]
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
    pub dropped: u64,
    /// Field and how many of its values could not be read, in the last good poll.
    pub rejected: Vec<(String, u64)>,
    pub next_poll: Option<Timestamp>,
}

/// Calls of an operation's current day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    pub limit: u64,
    pub used: u64,
    /// When the count starts again.
    pub resets_at: Timestamp,
}

impl Health {
    /// Whether the last poll worked.
    pub fn is_up(&self) -> bool {
        self.last_success.is_some() && self.consecutive_failures == 0
    }

    /// Whether the answer was too large, in records or bytes, and asking in parts did not help.
    pub fn is_truncated(&self) -> bool {
        self.failure.as_ref().is_some_and(|failure| matches!(failure.reason, Reason::TooLarge | Reason::RecordLimit))
    }
}

/// A target as it stands at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    pub target: Target,
    pub health: Health,
    /// Whether series were dropped for their age.
    pub stale: bool,
    /// Time since the last good poll; setting a clock does not change it.
    pub age: Option<Duration>,
    /// What the served series cover; `None` where none are served.
    pub window: Option<(Timestamp, Timestamp)>,
}

/// Everything that is served at one moment, in the order of a scrape.
#[derive(Debug)]
pub struct Snapshot {
    pub families: Vec<(FamilyId, Vec<Segment>)>,
    /// The polls whose data these are: the same ones mean the same snapshot.
    polls: Vec<u64>,
}

/// The store at one moment.
#[derive(Clone, Debug)]
pub struct View {
    /// Grows with every change: between two views of one version only time has passed.
    pub version: u64,
    pub snapshot: Arc<Snapshot>,
    pub statuses: Vec<Status>,
    pub budgets: Vec<(Arc<str>, Budget)>,
    /// What each operation's polls would cost, compared with what there is.
    pub plans: BTreeMap<Arc<str>, String>,
}

/// The latest of every target.
#[derive(Debug)]
pub struct Store {
    catalog: Arc<Catalog>,
    state: Mutex<State>,
}

/// An info family of one operation.
type InfoKey = (FamilyId, Arc<str>);

/// The entries of an info family, from several polls.
#[derive(Debug, Default)]
struct Parts {
    polls: Vec<u64>,
    segments: Vec<Segment>,
}

/// A joined info family and the polls it was joined from.
#[derive(Debug)]
struct Roster {
    polls: Vec<u64>,
    joined: Option<Segment>,
}

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<Target, Entry>,
    rosters: HashMap<InfoKey, Roster>,
    polls: u64,
    version: u64,
    budgets: BTreeMap<Arc<str>, Budget>,
    plans: BTreeMap<Arc<str>, String>,
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
        self.change().entries.entry(target.clone()).or_default().health.interval = interval;
    }

    /// Notes when a target is polled next, and the pace in force.
    pub fn plan(&self, target: &Target, next_poll: Timestamp, interval: Duration) {
        self.health_mut(target, |health| {
            health.next_poll = Some(next_poll);
            health.interval = interval;
        });
    }

    /// Whether a target ever had data here.
    pub fn has_data(&self, target: &Target) -> bool {
        self.state().entries.get(target).is_some_and(|entry| entry.served.is_some())
    }

    /// Takes data from before a restart, with the failures that came after them.
    pub fn restore(&self, target: &Target, served: Served, failures: u64) {
        self.succeed(target, served);
        self.health_mut(target, |health| health.consecutive_failures = failures);
    }

    /// Replaces a target's data with those of a good poll. What the operation's info families say with them is put
    /// together here, and not while somebody waits for a scrape: it takes milliseconds.
    pub fn succeed(&self, target: &Target, served: Served) {
        let (poll, parts) = self.state().parts_with(target, &served);
        let rosters: Vec<(InfoKey, Roster)> = parts
            .into_iter()
            .map(|(key, parts)| {
                let joined = parts.join(&self.catalog, &key);
                (key, Roster { polls: parts.polls, joined })
            })
            .collect();
        let mut state = self.change();
        let entry = state.entries.entry(target.clone()).or_default();
        entry.health = Health {
            last_attempt: Some(served.polled_at.wall),
            last_success: Some(served.polled_at.wall),
            consecutive_failures: 0,
            failure: None,
            rows: served.rows,
            series: served.series,
            dropped: served.dropped,
            rejected: served.rejected.clone(),
            ..entry.health
        };
        entry.served = Some((poll, served));
        state.rosters.extend(rosters);
    }

    /// Forgets every target that is not among these.
    pub fn retain(&self, targets: &HashSet<Target>) {
        let mut state = self.change();
        state.entries.retain(|target, _| targets.contains(target));
        let operations: HashSet<&Arc<str>> = targets.iter().map(|target| &target.operation).collect();
        state.budgets.retain(|operation, _| operations.contains(operation));
        state.plans.retain(|operation, _| operations.contains(operation));
    }

    /// Forgets a target's data: they were bound to what is no longer so.
    pub fn forget(&self, target: &Target) {
        if let Some(entry) = self.change().entries.get_mut(target) {
            *entry = Entry::default();
        }
    }

    /// Notes what an operation's polls would cost, compared with what there is.
    pub fn set_plan(&self, operation: &Arc<str>, plan: String) {
        self.change().plans.insert(Arc::clone(operation), plan);
    }

    /// Notes what an operation may still spend.
    pub fn set_budget(&self, operation: &Arc<str>, budget: Budget) {
        self.change().budgets.insert(Arc::clone(operation), budget);
    }

    /// Notes a failed poll; the last good data stay until they are stale.
    pub fn fail(&self, target: &Target, at: Moment, failure: Failure) {
        self.health_mut(target, |health| {
            health.last_attempt = Some(at.wall);
            health.consecutive_failures += 1;
            health.failure = Some(failure);
        });
    }

    /// Notes why a target is not polled for now, though it was not its own poll that failed.
    pub fn hold(&self, target: &Target, failure: Failure) {
        self.health_mut(target, |health| health.failure = Some(failure));
    }

    /// Whether every target was polled at least once, or is known not to be polled for now.
    pub fn all_tried(&self) -> bool {
        let tried = |health: &Health| health.last_attempt.is_some() || health.failure.is_some();
        self.state().entries.values().all(|entry| tried(&entry.health))
    }

    /// Series and health of one moment: no poll can end between the two.
    pub fn view(&self, now: Moment) -> View {
        let mut state = self.state();
        View {
            version: state.version,
            snapshot: state.snapshot(&self.catalog, now),
            statuses: state.statuses(now),
            budgets: state.budgets(now),
            plans: state.plans.clone(),
        }
    }

    fn health_mut(&self, target: &Target, change: impl FnOnce(&mut Health)) {
        change(&mut self.change().entries.entry(target.clone()).or_default().health);
    }

    /// For those that change something.
    fn change(&self) -> MutexGuard<'_, State> {
        let mut state = self.state();
        state.version += 1;
        state
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is one assignment: a thread that died between two left nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    fn snapshot(&mut self, catalog: &Catalog, now: Moment) -> Arc<Snapshot> {
        let polls: Vec<u64> = self.served(now).map(|(_, poll, _)| poll).collect();
        if let Some(snapshot) = self.snapshot.as_ref().filter(|snapshot| snapshot.polls == polls) {
            return Arc::clone(snapshot);
        }
        let snapshot = Arc::new(self.assemble(catalog, now, polls));
        self.snapshot = Some(Arc::clone(&snapshot));
        snapshot
    }

    fn statuses(&self, now: Moment) -> Vec<Status> {
        let status = |(target, entry): (&Target, &Entry)| {
            let served = entry.served.as_ref().map(|(_, served)| served);
            Status {
                target: target.clone(),
                health: entry.health.clone(),
                stale: served.is_some_and(|served| served.is_stale(now)),
                age: served.map(|served| now.since(served.polled_at)),
                window: served
                    .filter(|served| served.is_true(now))
                    .map(|served| (served.window.start(), served.window.end())),
            }
        };
        self.entries.iter().map(status).collect()
    }

    /// After a reset that no poll noticed yet, nothing is used.
    fn budgets(&self, now: Moment) -> Vec<(Arc<str>, Budget)> {
        let fresh =
            |budget: &Budget| Budget { used: if now.wall < budget.resets_at { budget.used } else { 0 }, ..*budget };
        self.budgets.iter().map(|(operation, budget)| (Arc::clone(operation), fresh(budget))).collect()
    }

    fn assemble(&mut self, catalog: &Catalog, now: Moment, polls: Vec<u64>) -> Snapshot {
        let mut families: BTreeMap<FamilyId, Vec<Segment>> = BTreeMap::new();
        for (_, _, served) in self.served(now) {
            for part in &served.families {
                families.entry(part.family).or_default().push(part.segment.clone());
            }
        }
        for (family, segments) in self.join_rosters(catalog, now) {
            families.insert(family, segments);
        }
        Snapshot { families: families.into_iter().collect(), polls }
    }

    fn served(&self, now: Moment) -> impl Iterator<Item = (&Target, u64, &Served)> {
        self.entries
            .iter()
            .filter_map(|(target, entry)| entry.served.as_ref().map(|(poll, served)| (target, *poll, served)))
            .filter(move |(_, _, served)| served.is_true(now))
    }

    /// The info families as they will be once this poll is in, and the number it is to have.
    fn parts_with(&mut self, target: &Target, served: &Served) -> (u64, BTreeMap<InfoKey, Parts>) {
        self.polls += 1;
        let others = self.served(served.polled_at).filter(|(other, ..)| *other != target);
        let of_operation = others.filter(|(other, ..)| other.operation == target.operation);
        let mut all: Vec<(&Target, u64, &Served)> = of_operation.chain([(target, self.polls, served)]).collect();
        all.sort_unstable_by_key(|(target, ..)| *target);
        (self.polls, parts(all.into_iter()))
    }

    fn join_rosters(&mut self, catalog: &Catalog, now: Moment) -> Vec<(FamilyId, Vec<Segment>)> {
        let parts = parts(self.served(now));
        let mut families: BTreeMap<FamilyId, Vec<Segment>> = BTreeMap::new();
        let mut rosters = HashMap::new();
        for (key, parts) in parts {
            // Joined when the poll came in; anew only where another's data have gone since.
            let known = self.rosters.remove(&key).filter(|known| known.polls == parts.polls);
            let joined = known.map_or_else(|| parts.join(catalog, &key), |known| known.joined);
            families.entry(key.0).or_default().extend(joined.clone());
            rosters.insert(key, Roster { polls: parts.polls, joined });
        }
        self.rosters = rosters;
        debug_assert!(families.keys().all(|family| catalog.families()[family.0].kind == Kind::Info));
        families.into_iter().filter(|(_, segments)| !segments.is_empty()).collect()
    }
}

/// The entries of each info family and operation, in the order of the targets.
fn parts<'s>(served: impl Iterator<Item = (&'s Target, u64, &'s Served)>) -> BTreeMap<InfoKey, Parts> {
    let mut parts: BTreeMap<InfoKey, Parts> = BTreeMap::new();
    for (target, poll, served) in served {
        for part in &served.entries {
            let Parts { polls, segments } = parts.entry((part.family, Arc::clone(&target.operation))).or_default();
            polls.push(poll);
            segments.push(part.segment.clone());
        }
    }
    parts
}

impl Parts {
    fn join(&self, catalog: &Catalog, (family, operation): &InfoKey) -> Option<Segment> {
        roster::join(&catalog.families()[family.0], operation, &self.segments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::Renderer;
    use crate::time::WindowName;
    use jiff::tz::TimeZone;

    const LIMIT: Duration = Duration::from_mins(15);

    /// A moment of the day on a clock that nobody set.
    fn time(text: &str) -> Moment {
        let wall: Timestamp = format!("2026-03-02T{text}Z").parse().unwrap();
        Moment { wall, steady: Duration::from_secs(u64::try_from(wall.as_second()).unwrap()) }
    }

    fn target(report: &str) -> Target {
        Target { operation: "acme".into(), report: report.into(), window: WindowName::Today }
    }

    fn served(at: Moment, text: &str) -> Served {
        let segment = |text: &str| {
            let mut renderer = Renderer::default();
            renderer.push(|out| out.extend_from_slice(text.as_bytes()));
            renderer.finish()
        };
        Served {
            window: Window::at(WindowName::Today, at.wall, &TimeZone::get("America/Bogota").unwrap()),
            polled_at: at,
            stale_after: Some(LIMIT),
            rows: 1,
            series: 1,
            dropped: 0,
            rejected: vec![],
            shortened: vec![],
            memory: None,
            families: vec![FamilySegment { family: FamilyId(0), segment: segment(text) }],
            entries: vec![FamilySegment { family: FamilyId(20), segment: segment("\t7\tAna\n") }],
        }
    }

    fn store() -> Store {
        Store::new(Arc::new(Catalog::builtin().unwrap()))
    }

    fn texts(store: &Store, now: Moment) -> Vec<String> {
        let snapshot = store.view(now).snapshot;
        let segments = snapshot.families.iter().flat_map(|(_, segments)| segments);
        segments.map(|segment| String::from_utf8(segment.text()).unwrap()).collect()
    }

    #[test]
    fn never_lie_series_are_dropped_at_their_age_limit_without_any_event() {
        let store = store();
        store.succeed(&target("a"), served(time("12:00:00"), "a 1\n"));
        assert_eq!(texts(&store, time("12:14:59")).len(), 2);
        assert_eq!(texts(&store, time("12:15:00")), Vec::<String>::new());
        assert!(store.view(time("12:15:00")).statuses[0].stale);
        assert_eq!(store.view(time("12:15:00")).statuses[0].window, None);
        assert!(!store.view(time("12:14:59")).statuses[0].stale);
    }

    #[test]
    fn never_lie_today_goes_at_the_operations_midnight_even_if_polled_a_second_before() {
        let store = store();
        store.succeed(&target("a"), served(time("04:59:59"), "a 1\n"));
        assert_eq!(texts(&store, time("04:59:59")).len(), 2);
        assert_eq!(texts(&store, time("05:00:00")), Vec::<String>::new());
        assert!(!store.view(time("05:00:00")).statuses[0].stale, "dropped for its day, not for its age");
    }

    #[test]
    fn never_lie_an_answer_of_the_old_day_that_arrives_after_midnight_is_not_served() {
        let store = store();
        store.succeed(&target("a"), served(time("04:59:50"), "a 1\n"));
        assert_eq!(texts(&store, time("05:00:30")), Vec::<String>::new());
    }

    #[test]
    fn never_lie_setting_a_clock_makes_data_neither_younger_nor_older() {
        let store = store();
        store.succeed(&target("a"), served(time("12:00:00"), "a 1\n"));
        let set = |wall: &str, steady: &str| Moment { wall: time(wall).wall, steady: time(steady).steady };
        assert_eq!(texts(&store, set("11:00:00", "12:14:59")).len(), 2);
        assert_eq!(texts(&store, set("11:00:00", "12:15:00")), Vec::<String>::new());
        assert_eq!(texts(&store, set("14:00:00", "12:14:59")).len(), 2);
        assert_eq!(texts(&store, set("04:00:00", "12:01:00")), Vec::<String>::new(), "another day");
    }

    #[test]
    fn a_failure_keeps_the_last_good_data_and_one_report_never_touches_another() {
        let store = store();
        for report in ["a", "b"] {
            store.succeed(&target(report), served(time("12:00:00"), &format!("{report} 1\n")));
        }
        store.fail(&target("b"), time("12:05:00"), Failure::new(Reason::Timeout, "slow"));
        assert_eq!(texts(&store, time("12:06:00"))[..2], ["a 1\n", "b 1\n"]);
        let statuses = store.view(time("12:06:00")).statuses;
        assert!(statuses[0].health.is_up() && !statuses[1].health.is_up());
        assert_eq!(statuses[1].health.consecutive_failures, 1);
        assert_eq!(statuses[1].health.last_success, Some(time("12:00:00").wall));
    }

    #[test]
    fn an_unchanged_store_serves_the_same_snapshot_again() {
        let store = store();
        store.succeed(&target("a"), served(time("12:00:00"), "a 1\n"));
        let first = store.view(time("12:01:00")).snapshot;
        assert!(Arc::ptr_eq(&first, &store.view(time("12:02:00")).snapshot));
        store.succeed(&target("a"), served(time("12:03:00"), "a 2\n"));
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
