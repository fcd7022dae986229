//! The store: the latest data of each target, and how its polls went.
//!
//! Whether data are still served is decided by the clock at the moment of asking, never by a timer that could be late: a
//! machine that slept over midnight serves nothing of the old day when it wakes.

mod data;
mod health;
mod info;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::Timestamp;

use crate::catalog::{Family, FamilyKind};
use crate::lock;
use crate::segment::Segment;
use crate::time::{Moment, Target};
use crate::wolkvox::Failure;

pub use data::{Findings, PollData, served_bytes};
pub use health::{BudgetStatus, Forecast, Health, Status};
use info::{InfoFamily, InfoKey, InfoSources};

/// Everything that is served at one moment, in the order of a scrape.
#[derive(Debug)]
pub struct Snapshot {
    pub families: Vec<(Arc<Family>, Vec<Segment>)>,
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
    pub budgets: Vec<(Arc<str>, BudgetStatus)>,
    /// What each operation's polls are expected to cost.
    pub forecasts: BTreeMap<Arc<str>, Forecast>,
}

/// The latest of every target.
#[derive(Debug, Default)]
pub struct Store {
    contents: Mutex<Contents>,
}

/// What the store holds.
#[derive(Debug, Default)]
struct Contents {
    entries: BTreeMap<Target, Entry>,
    infos: HashMap<InfoKey, InfoFamily>,
    polls: u64,
    version: u64,
    budgets: BTreeMap<Arc<str>, BudgetStatus>,
    forecasts: BTreeMap<Arc<str>, Forecast>,
    snapshot: Option<Arc<Snapshot>>,
}

#[derive(Debug, Default)]
struct Entry {
    health: Health,
    /// The last good data and the number of the poll that brought them.
    data: Option<(u64, PollData)>,
}

impl Store {
    /// Makes a target known before its first poll, so that its health is there to be seen.
    pub fn register(&self, target: &Target, interval: Duration) {
        self.change().entries.entry(target.clone()).or_default().health.interval = interval;
    }

    /// Notes when a target is polled next, and the pace in force.
    pub fn schedule(&self, target: &Target, next_poll: Timestamp, interval: Duration) {
        self.health_mut(target, |health| {
            health.next_poll = Some(next_poll);
            health.interval = interval;
        });
    }

    /// Whether a target ever had data here.
    pub fn has_data(&self, target: &Target) -> bool {
        self.contents().entries.get(target).is_some_and(|entry| entry.data.is_some())
    }

    /// Takes data from before a restart, with the failures that came after them.
    pub fn restore(&self, target: &Target, data: PollData, failures: u64) {
        self.succeed(target, data);
        self.health_mut(target, |health| health.consecutive_failures = failures);
    }

    /// Replaces a target's data with those of a good poll. What the operation's info families say with them is put
    /// together here, and not while somebody waits for a scrape: it takes milliseconds.
    pub fn succeed(&self, target: &Target, mut data: PollData) {
        let (poll, sources) = self.contents().sources_with(target, &data);
        let infos: Vec<(InfoKey, InfoFamily)> = sources
            .into_iter()
            .map(|(key, sources)| {
                let family = sources.join(&key);
                (key, family)
            })
            .collect();
        let mut contents = self.change();
        let entry = contents.entries.entry(target.clone()).or_default();
        let same = entry.data.as_ref().filter(|(_, before)| data.has_content_of(before));
        let changed_at = same.and_then(|(_, before)| before.changed_at);
        let changed_at = changed_at.or(data.changed_at).unwrap_or(data.polled_at.wall);
        data.changed_at = Some(changed_at);
        entry.health.note_change(changed_at);
        entry.health = Health {
            last_attempt: Some(data.polled_at.wall),
            last_success: Some(data.polled_at.wall),
            consecutive_failures: 0,
            failure: None,
            rows: data.rows,
            series: data.series,
            dropped: data.dropped,
            rejected: data.rejected.clone(),
            findings: data.findings.clone(),
            ..std::mem::take(&mut entry.health)
        };
        entry.data = Some((poll, data));
        contents.infos.extend(infos);
    }

    /// Forgets every target that is not among these.
    pub fn retain(&self, targets: &HashSet<Target>) {
        let mut contents = self.change();
        contents.entries.retain(|target, _| targets.contains(target));
        let operations: HashSet<&Arc<str>> = targets.iter().map(|target| &target.operation).collect();
        contents.budgets.retain(|operation, _| operations.contains(operation));
        contents.forecasts.retain(|operation, _| operations.contains(operation));
    }

    /// Forgets a target's data: its server, zone or privacy choice is another one now.
    pub fn forget(&self, target: &Target) {
        if let Some(entry) = self.change().entries.get_mut(target) {
            *entry = Entry::default();
        }
    }

    /// Notes what an operation's polls are expected to cost.
    pub fn set_forecast(&self, operation: &Arc<str>, forecast: Forecast) {
        self.change().forecasts.insert(Arc::clone(operation), forecast);
    }

    /// Notes what an operation may still spend.
    pub fn set_budget(&self, operation: &Arc<str>, budget: BudgetStatus) {
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
    pub fn note_pause(&self, target: &Target, failure: Failure) {
        self.health_mut(target, |health| health.failure = Some(failure));
    }

    /// Whether every target was polled at least once, or is known not to be polled for now.
    pub fn all_tried(&self) -> bool {
        let tried = |health: &Health| health.last_attempt.is_some() || health.failure.is_some();
        self.contents().entries.values().all(|entry| tried(&entry.health))
    }

    /// Series and health of one moment: no poll can end between the two.
    pub fn view(&self, now: Moment) -> View {
        let mut contents = self.contents();
        View {
            version: contents.version,
            snapshot: contents.snapshot(now),
            statuses: contents.statuses(now),
            budgets: contents.budgets(now),
            forecasts: contents.forecasts.clone(),
        }
    }

    fn health_mut(&self, target: &Target, change: impl FnOnce(&mut Health)) {
        change(&mut self.change().entries.entry(target.clone()).or_default().health);
    }

    /// For those that change something.
    fn change(&self) -> MutexGuard<'_, Contents> {
        let mut contents = self.contents();
        contents.version += 1;
        contents
    }

    fn contents(&self) -> MutexGuard<'_, Contents> {
        lock::mutex(&self.contents)
    }
}

impl Contents {
    fn snapshot(&mut self, now: Moment) -> Arc<Snapshot> {
        let polls: Vec<u64> = self.current(now).map(|(_, poll, _)| poll).collect();
        if let Some(snapshot) = self.snapshot.as_ref().filter(|snapshot| snapshot.polls == polls) {
            return Arc::clone(snapshot);
        }
        let snapshot = Arc::new(self.assemble(now, polls));
        self.snapshot = Some(Arc::clone(&snapshot));
        snapshot
    }

    fn statuses(&self, now: Moment) -> Vec<Status> {
        let status = |(target, entry): (&Target, &Entry)| {
            let data = entry.data.as_ref().map(|(_, data)| data);
            Status {
                target: target.clone(),
                health: entry.health.clone(),
                stale: data.is_some_and(|data| data.is_stale(now)),
                age: data.map(|data| now.since(data.polled_at)),
                window: data.filter(|data| data.is_current(now)).map(|data| (data.window.start(), data.window.end())),
            }
        };
        self.entries.iter().map(status).collect()
    }

    /// After a reset that no poll noticed yet, nothing is used.
    fn budgets(&self, now: Moment) -> Vec<(Arc<str>, BudgetStatus)> {
        let fresh = |budget: &BudgetStatus| BudgetStatus {
            used: if now.wall < budget.resets_at { budget.used } else { 0 },
            ..*budget
        };
        self.budgets.iter().map(|(operation, budget)| (Arc::clone(operation), fresh(budget))).collect()
    }

    fn assemble(&mut self, now: Moment, polls: Vec<u64>) -> Snapshot {
        let mut families: BTreeMap<Arc<Family>, Vec<Segment>> = BTreeMap::new();
        for (_, _, data) in self.current(now) {
            for (family, segment) in &data.families {
                families.entry(Arc::clone(family)).or_default().push(segment.clone());
            }
        }
        for (family, segments) in self.join_infos(now) {
            families.insert(family, segments);
        }
        Snapshot { families: families.into_iter().collect(), polls }
    }

    /// The data that may be served at this moment, with the number of their poll.
    fn current(&self, now: Moment) -> impl Iterator<Item = (&Target, u64, &PollData)> {
        self.entries
            .iter()
            .filter_map(|(target, entry)| entry.data.as_ref().map(|(poll, data)| (target, *poll, data)))
            .filter(move |(_, _, data)| data.is_current(now))
    }

    /// The info families as they will be once this poll is in, and the number it is to have.
    fn sources_with(&mut self, target: &Target, data: &PollData) -> (u64, BTreeMap<InfoKey, InfoSources>) {
        self.polls += 1;
        let others = self.current(data.polled_at).filter(|(other, ..)| *other != target);
        let of_operation = others.filter(|(other, ..)| other.operation == target.operation);
        let mut all: Vec<(&Target, u64, &PollData)> = of_operation.chain([(target, self.polls, data)]).collect();
        all.sort_unstable_by_key(|(target, ..)| *target);
        (self.polls, info::sources(all.into_iter()))
    }

    fn join_infos(&mut self, now: Moment) -> Vec<(Arc<Family>, Vec<Segment>)> {
        let sources = info::sources(self.current(now));
        let mut families: BTreeMap<Arc<Family>, Vec<Segment>> = BTreeMap::new();
        let mut infos = HashMap::new();
        for (key, sources) in sources {
            // Joined when the poll came in; anew only where another's data have gone since.
            let known = self.infos.remove(&key).filter(|known| known.is_of(&sources));
            let family = known.unwrap_or_else(|| sources.join(&key));
            families.entry(Arc::clone(&key.0)).or_default().extend(family.joined.clone());
            infos.insert(key, family);
        }
        self.infos = infos;
        debug_assert!(families.keys().all(|family| family.kind == FamilyKind::Info));
        families.into_iter().filter(|(_, segments)| !segments.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::catalog::Catalog;
    use crate::segment::Renderer;
    use crate::series::InfoEntries;
    use crate::time::{Window, WindowName};
    use crate::wolkvox::Reason;
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

    fn served(at: Moment, text: &str) -> PollData {
        let segment = |text: &str| {
            let mut renderer = Renderer::default();
            renderer.push(|out| out.extend_from_slice(text.as_bytes()));
            renderer.finish()
        };
        let mut entries = InfoEntries::new(3);
        entries.push(["", "7", "Ana"]);
        PollData {
            window: Window::at(WindowName::Today, at.wall, &TimeZone::get("America/Bogota").unwrap()),
            polled_at: at,
            stale_after: Some(LIMIT),
            rows: 1,
            series: 1,
            dropped: 0,
            rejected: vec![],
            shortened: vec![],
            findings: Findings::default(),
            changed_at: None,
            memory: None,
            families: vec![(family("wolkvox_agent_points"), segment(text))],
            infos: vec![(family("wolkvox_agent_info"), Arc::new(entries))],
        }
    }

    fn family(name: &str) -> Arc<Family> {
        static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::builtin().unwrap());
        Arc::clone(CATALOG.families().iter().find(|family| family.name == name).unwrap())
    }

    fn store() -> Store {
        Store::default()
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
    fn a_change_is_content_that_was_not_there_before_and_survives_a_restart() {
        let store = store();
        let health = |store: &Store, now| store.view(now).statuses[0].health.clone();
        let poll = |at, text| {
            store.succeed(&target("a"), served(time(at), text));
            health(&store, time(at))
        };
        assert_eq!(poll("12:00:00", "a 1\n").last_change, Some(time("12:00:00").wall));
        assert_eq!(poll("12:05:00", "a 1\n").last_change, Some(time("12:00:00").wall));
        for (at, text, changed, every) in [
            ("12:10:00", "a 2\n", "12:10:00", None),
            ("12:15:00", "a 2\n", "12:10:00", None),
            ("12:20:00", "a 3\n", "12:20:00", None),
            ("13:20:00", "a 4\n", "13:20:00", Some(Duration::from_mins(10))),
        ] {
            let health = poll(at, text);
            assert_eq!((health.last_change, health.changes_every()), (Some(time(changed).wall), every), "{at}");
        }
        let (again, kept) = (self::store(), Some(time("11:00:00").wall));
        again.restore(&target("a"), PollData { changed_at: kept, ..served(time("12:00:00"), "a 1\n") }, 0);
        again.succeed(&target("a"), served(time("12:05:00"), "a 1\n"));
        assert_eq!(health(&again, time("12:05:00")).last_change, kept);
    }

    #[test]
    fn ready_means_every_target_was_tried_even_in_vain() {
        let store = store();
        store.register(&target("a"), LIMIT);
        assert!(!store.all_tried());
        store.fail(&target("a"), time("12:00:00"), Failure::new(Reason::Timeout, "slow"));
        assert!(store.all_tried());
    }

    fn roster(agent: &'static str, at: Moment) -> PollData {
        let mut entries = InfoEntries::new(3);
        entries.push(["", "", agent]);
        PollData { infos: vec![(family("wolkvox_agent_info"), Arc::new(entries))], ..served(at, "x 1\n") }
    }

    #[test]
    fn a_good_poll_says_what_it_brought_and_ends_the_failures_before_it() {
        let store = store();
        store.schedule(&target("a"), time("12:05:00").wall, LIMIT);
        for at in ["11:58:00", "11:59:00"] {
            store.fail(&target("a"), time(at), Failure::new(Reason::TooLarge, "large"));
            assert_eq!(store.view(time(at)).statuses[0].health.last_attempt, Some(time(at).wall));
        }
        assert_eq!(store.view(time("11:59:00")).statuses[0].health.consecutive_failures, 2);
        let rejected = vec![("time".to_owned(), 6)];
        let findings = Findings { undocumented_fields: vec!["new".to_owned()], ..Findings::default() };
        let data = PollData {
            rows: 9,
            series: 8,
            dropped: 7,
            rejected: rejected.clone(),
            findings: findings.clone(),
            ..served(time("12:00:00"), "")
        };
        store.succeed(&target("a"), data);
        let polled = Some(time("12:00:00").wall);
        let status = store.view(time("12:01:00")).statuses.remove(0);
        let health = Health {
            interval: LIMIT,
            last_attempt: polled,
            last_success: polled,
            consecutive_failures: 0,
            failure: None,
            rows: 9,
            series: 8,
            dropped: 7,
            rejected,
            findings,
            last_change: polled,
            change_gaps: [].into(),
            next_poll: Some(time("12:05:00").wall),
        };
        assert_eq!(status.health, health);
        assert_eq!(status.age, Some(Duration::from_mins(1)));
        assert_eq!(status.window, Some((time("05:00:00").wall, time("12:00:00").wall)));
    }

    #[test]
    fn never_lie_data_from_before_a_restart_come_with_the_failures_after_them() {
        let store = store();
        store.register(&target("a"), LIMIT);
        assert!(!store.has_data(&target("a")));
        store.restore(&target("a"), served(time("12:00:00"), "a 1\n"), 3);
        let status = store.view(time("12:01:00")).statuses.remove(0);
        assert!(store.has_data(&target("a")) && !status.health.is_up());
        assert_eq!((status.health.consecutive_failures, status.health.interval), (3, LIMIT));
        assert_eq!(texts(&store, time("12:01:00"))[0], "a 1\n");
    }

    #[test]
    fn never_lie_what_is_not_polled_any_more_is_forgotten_with_its_operations_budget() {
        let (store, now) = (store(), time("12:00:00"));
        let forecast = Forecast { reports: 1, fastest: LIMIT, requests: 96, limit: 1000, pace: Some(LIMIT) };
        for operation in ["acme", "beta"] {
            for report in ["a", "b"] {
                let target = Target { operation: operation.into(), ..target(report) };
                store.succeed(&target, served(now, "x 1\n"));
            }
            let budget = BudgetStatus { limit: 10, used: 4, resets_at: time("13:00:00").wall };
            store.set_budget(&operation.into(), budget);
            store.set_forecast(&operation.into(), forecast);
        }
        store.retain(&[target("a")].into());
        let view = store.view(now);
        assert_eq!(view.statuses.iter().map(|status| &status.target).collect::<Vec<_>>(), [&target("a")]);
        assert_eq!(view.budgets.iter().map(|(operation, _)| &**operation).collect::<Vec<_>>(), ["acme"]);
        assert_eq!(view.forecasts, [("acme".into(), forecast)].into());
        assert_eq!(texts(&store, now).len(), 2);
        store.forget(&target("a"));
        assert_eq!(texts(&store, now), Vec::<String>::new());
        assert_eq!(store.view(now).statuses[0].health, Health::default());
    }

    #[test]
    fn a_budget_is_unused_from_its_reset_on_though_nobody_polled_yet() {
        let store = store();
        let resets_at = time("12:00:00").wall;
        store.set_budget(&"acme".into(), BudgetStatus { limit: 10, used: 4, resets_at });
        let seen = |at: &str| store.view(time(at)).budgets[0].1;
        assert_eq!(seen("11:59:59"), BudgetStatus { limit: 10, used: 4, resets_at });
        assert_eq!(seen("12:00:00"), BudgetStatus { limit: 10, used: 0, resets_at });
    }

    #[test]
    fn every_change_is_a_new_version_and_a_look_is_none() {
        let (store, now) = (store(), time("12:00:00"));
        let mut versions = vec![store.view(now).version];
        store.register(&target("a"), LIMIT);
        versions.push(store.view(now).version);
        store.succeed(&target("a"), served(now, "a 1\n"));
        versions.push(store.view(now).version);
        store.note_pause(&target("a"), Failure::new(Reason::Concurrency, "two at once"));
        versions.push(store.view(now).version);
        store.forget(&target("a"));
        versions.push(store.view(now).version);
        assert!(versions.is_sorted_by(|before, after| before < after), "{versions:?}");
        assert_eq!(store.view(now).version, *versions.last().unwrap());
    }

    #[test]
    fn ready_also_means_a_target_that_is_known_not_to_be_polled_or_that_has_only_succeeded() {
        let store = store();
        store.register(&target("a"), LIMIT);
        store.note_pause(&target("a"), Failure::new(Reason::Concurrency, "two at once"));
        assert!(store.all_tried());
        store.register(&target("b"), LIMIT);
        assert!(!store.all_tried());
        store.succeed(&target("b"), served(time("12:00:00"), "b 1\n"));
        assert!(store.all_tried());
    }

    #[test]
    fn never_lie_the_roster_is_of_what_is_served() {
        let store = store();
        store.succeed(&target("a"), roster("Ana", time("12:00:00")));
        store.succeed(&target("b"), roster("Luz", time("12:10:00")));
        let names = |at: &str| {
            let all = texts(&store, time(at)).concat();
            ["Ana", "Luz"].map(|name| all.contains(name))
        };
        assert_eq!(names("12:14:59"), [true, true]);
        assert_eq!(names("12:15:00"), [false, true]);
        assert_eq!(names("12:25:00"), [false, false]);
    }

    #[test]
    fn a_roster_is_joined_when_a_poll_comes_in_and_no_scrape_waits_for_it() {
        let store = store();
        for (report, at) in [("a", "12:00:00"), ("b", "12:01:00"), ("a", "12:02:00")] {
            for operation in ["acme", "beta"] {
                let target = Target { operation: operation.into(), ..target(report) };
                store.succeed(&target, roster("Ana", time(at)));
                let contents = store.contents();
                let sources = info::sources(contents.current(time(at)));
                for (key, sources) in sources {
                    assert!(contents.infos[&key].is_of(&sources), "{operation} {report} at {at}");
                }
            }
        }
    }

    #[test]
    fn a_report_that_names_nobody_makes_no_roster() {
        let (store, now) = (store(), time("12:00:00"));
        let infos = vec![(family("wolkvox_agent_info"), Arc::new(InfoEntries::new(3)))];
        store.succeed(&target("a"), PollData { infos, ..served(now, "a 1\n") });
        let view = store.view(now);
        let families: Vec<&str> = view.snapshot.families.iter().map(|(family, _)| family.name.as_str()).collect();
        assert_eq!(families, ["wolkvox_agent_points"]);
    }
}
