//! What may still be spent, counted on disk before each request.
//!
//! Operations that share a token or a pool share one budget. A request is counted in its operation's record and synced
//! to the disk before it is sent; one that cannot be counted is not sent.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::backoff::LONGEST_PAUSE;
use crate::state::{CallRecord, Loaded, Reported, State, TargetRecord};
use crate::store::BudgetStatus;
use crate::time::{Moment, Target, day_of, end_of, midnight_before, next_midnight};
use crate::wolkvox::{Failure, Reason};

/// Requests a day that every licence pays for (the vendor's page of `agent_3`).
pub const CALLS_PER_LICENSE: u64 = 1000;
/// What is believed until the vendor has said more: the smallest operation there can be.
pub const UNREPORTED_LIMIT: u64 = CALLS_PER_LICENSE;
/// A lost record is taken for a request of each target every so often, or at its interval where that is shorter. A poll
/// every five minutes sends fewer, with its parts and what is tried again.
const FASTEST_TURN: Duration = Duration::from_secs(30);
/// Smaller steps are how a clock is kept right.
const CLOCK_STEP: Duration = Duration::from_secs(2);
/// Days that stay in a record: the current one and its neighbours.
const DAYS_KEPT: usize = 3;

/// The requests of operations with one budget.
#[derive(Debug)]
pub struct Budget {
    state: Arc<State>,
    members: Vec<BudgetMember>,
    /// When the clocks were last compared.
    seen: Moment,
    /// By how much the wall clock was set since the start, all in all.
    set: SignedDuration,
    /// Whose midnight starts the vendor's day.
    zone: TimeZone,
    /// From the config; otherwise the vendor is asked.
    licensed: Option<u64>,
}

#[derive(Debug)]
struct BudgetMember {
    operation: Arc<str>,
    record: CallRecord,
}

impl Budget {
    /// `operations` has the name of each operation, and the interval of each target that it polls.
    pub fn open(
        state: Arc<State>,
        operations: Vec<(Arc<str>, Vec<Duration>)>,
        zone: TimeZone,
        licensed: Option<u64>,
        now: Moment,
    ) -> Budget {
        let name = zone.iana_name().map(str::to_owned);
        let since_midnight = now.wall.duration_since(midnight_before(now.wall, &zone)).unsigned_abs();
        let turns = |interval: &Duration| since_midnight.as_secs() / interval.min(&FASTEST_TURN).as_secs().max(1) + 1;
        let member = |(operation, intervals): (Arc<str>, Vec<Duration>)| {
            let loaded = state.load_calls(&operation);
            let mut record = match &loaded {
                Loaded::Known(record) => record.clone(),
                Loaded::Fresh => CallRecord::default(),
                Loaded::Damaged => {
                    let calls = [(day_of(now.wall, &zone), intervals.iter().map(turns).sum())].into();
                    CallRecord { calls, ..CallRecord::default() }
                }
            };
            move_days(&mut record, &zone, now.wall);
            bound_times(&mut record, now.wall);
            record.zone.clone_from(&name);
            let is_new = match &loaded {
                Loaded::Known(known) => *known != record,
                Loaded::Fresh => false,
                Loaded::Damaged => true,
            };
            if is_new {
                // At once: a restart before the next request must not find an operation that never sent one, or one that
                // called on another day. If it cannot be written, the next request cannot be counted either, and that is told.
                let _ = state.save_calls(&operation, &record);
            }
            BudgetMember { operation, record }
        };
        Budget {
            members: operations.into_iter().map(member).collect(),
            state,
            seen: now,
            set: SignedDuration::ZERO,
            zone,
            licensed,
        }
    }

    /// Whether the limit is only known to the vendor.
    pub fn must_ask(&self) -> bool {
        self.licensed.is_none()
    }

    /// The budget of the current day. The larger of the own count and what the vendor reported wins.
    pub fn status(&self, now: Moment) -> BudgetStatus {
        let own = self.own(now);
        let reported = self.reported(now);
        // Requests that others made until the vendor was asked; what they made since is not known.
        let others = reported.map_or(0, |reported| reported.used.saturating_sub(reported.own));
        BudgetStatus {
            limit: self.licensed.or(reported.map(|reported| reported.limit)).unwrap_or(UNREPORTED_LIMIT),
            used: own.saturating_add(others),
            resets_at: next_midnight(now.wall, &self.zone),
        }
    }

    /// Requests left today.
    pub fn left(&self, now: Moment) -> u64 {
        self.status(now).left()
    }

    /// Counts a request of `target` on disk, together with its turn. Without an `Ok` the request must not be sent.
    pub async fn reserve(&mut self, target: &Target, turn: TargetRecord, now: Moment) -> Result<(), NotReserved> {
        self.observe(now).await.map_err(|error| self.not_written(error))?;
        if self.left(now) == 0 {
            return Err(NotReserved::Spent(self.status(now)));
        }
        let day = self.latest_day(now);
        self.change(&target.operation, |record| {
            *record.calls.entry(day).or_default() += 1;
            // Days ahead were counted before a clock was set back, and today must not be forgotten for them.
            while record.calls.len() > DAYS_KEPT
                && record.calls.first_key_value().is_some_and(|(first, _)| *first < day)
            {
                record.calls.pop_first();
            }
            record.targets.insert(target.key(), turn);
        })
        .await
        .map_err(|error| self.not_written(error))
    }

    fn not_written(&self, error: io::Error) -> NotReserved {
        NotReserved::NotWritten { error, folder: self.state.place() }
    }

    /// Writes down when a target may be asked next.
    pub async fn note_turn(&mut self, target: &Target, turn: TargetRecord) -> io::Result<()> {
        self.change(&target.operation, |record| {
            record.targets.insert(target.key(), turn);
        })
        .await
    }

    /// Writes down until when none of the operations may be asked anything.
    pub async fn note_pause(&mut self, until: Timestamp) -> io::Result<()> {
        let operations: Vec<Arc<str>> = self.members.iter().map(|member| Arc::clone(&member.operation)).collect();
        for operation in &operations {
            self.change(operation, |record| record.paused_until = Some(until)).await?;
        }
        Ok(())
    }

    /// Takes what the vendor said of the budget.
    pub async fn note_reported(&mut self, limit: u64, used: u64, now: Moment) -> io::Result<()> {
        let reported = Reported { day: day_of(now.wall, &self.zone), limit, used, own: self.own(now) };
        let Some(operation) = self.members.first().map(|member| Arc::clone(&member.operation)) else { return Ok(()) };
        self.change(&operation, |record| record.reported = Some(reported)).await
    }

    /// Until when nothing may be asked.
    pub fn paused_until(&self) -> Option<Timestamp> {
        self.members.iter().filter_map(|member| member.record.paused_until).max()
    }

    /// What is known of a target's turns.
    pub fn turn(&self, target: &Target) -> Option<TargetRecord> {
        let member = self.members.iter().find(|member| member.operation == target.operation)?;
        member.record.targets.get(&target.key()).copied()
    }

    pub fn operations(&self) -> impl Iterator<Item = &Arc<str>> {
        self.members.iter().map(|member| &member.operation)
    }

    /// Compares the clocks and returns by how much the wall clock was set since the last time, small steps left out.
    ///
    /// A day that begins by setting the clock is not a new day of the vendor's, and inherits the old one's count.
    pub async fn observe(&mut self, now: Moment) -> io::Result<SignedDuration> {
        let by = now.set_since(self.seen);
        if by.unsigned_abs() < CLOCK_STEP {
            self.seen = now;
            return Ok(SignedDuration::ZERO);
        }
        self.inherit(by, now).await?;
        self.shift(by).await?;
        self.seen = now;
        self.set = self.set.saturating_add(by);
        Ok(by)
    }

    /// What is written down by the wall clock follows it: after a restart, waits are as long as they were.
    async fn shift(&mut self, by: SignedDuration) -> io::Result<()> {
        let shifted = |at: &mut Timestamp| *at = at.saturating_add(by).unwrap_or(*at);
        let operations: Vec<Arc<str>> = self.operations().cloned().collect();
        for operation in &operations {
            self.change(operation, |record| {
                record.paused_until.iter_mut().for_each(shifted);
                for turn in record.targets.values_mut() {
                    shifted(&mut turn.last_attempt);
                    shifted(&mut turn.due);
                }
            })
            .await?;
        }
        Ok(())
    }

    async fn inherit(&mut self, by: SignedDuration, now: Moment) -> io::Result<()> {
        let today = day_of(now.wall, &self.zone);
        let unset = day_of(now.wall.saturating_sub(by).unwrap_or(now.wall), &self.zone);
        if today <= unset {
            return Ok(());
        }
        let operations: Vec<Arc<str>> = self.operations().cloned().collect();
        for operation in &operations {
            let inherits = |day: Date| if (unset..today).contains(&day) { today } else { day };
            self.change(operation, |record| change_days(record, inherits)).await?;
        }
        Ok(())
    }

    /// The day that a request counts for. Where the clock was set back, the vendor's next day may have begun already:
    /// the request then counts for that one, and, as a day ahead, for the current one too.
    fn latest_day(&self, now: Moment) -> Date {
        let unset = now.wall.saturating_sub(self.set.min(SignedDuration::ZERO)).unwrap_or(now.wall);
        day_of(unset, &self.zone)
    }

    /// Requests of the current day, and of days ahead: those were counted before a clock was set back.
    fn own(&self, now: Moment) -> u64 {
        let today = day_of(now.wall, &self.zone);
        total(self.members.iter().flat_map(|member| member.record.calls.range(today..)))
    }

    fn reported(&self, now: Moment) -> Option<Reported> {
        let today = day_of(now.wall, &self.zone);
        let all = self.members.iter().filter_map(|member| member.record.reported);
        let latest = all.max_by_key(|reported| reported.day)?;
        // The limit lasts; the use is of its day.
        Some(if latest.day >= today { latest } else { Reported { used: 0, own: 0, ..latest } })
    }

    /// Changes a record on disk first and then here: what could not be written did not happen.
    async fn change(&mut self, operation: &Arc<str>, change: impl FnOnce(&mut CallRecord)) -> io::Result<()> {
        let Some(member) = self.members.iter_mut().find(|member| member.operation == *operation) else {
            return Ok(());
        };
        let mut record = member.record.clone();
        change(&mut record);
        // Waiting for a disk is nothing for a thread that also answers scrapes.
        let (state, operation) = (Arc::clone(&self.state), Arc::clone(operation));
        let saving = tokio::task::spawn_blocking(move || state.save_calls(&operation, &record).map(|()| record));
        member.record = saving.await.map_err(io::Error::other)??;
        Ok(())
    }
}

/// Makes the days of a record those of a zone: requests that were counted for a day of another zone count for each day of
/// this one on which they can have been made, and for the current one if they were of the other zone's current one.
///
/// A day that begins by changing the zone is not a new day of the vendor's. And no day lies further ahead than
/// tomorrow: a clock that once ran years ahead would leave nothing to spend until then.
fn move_days(record: &mut CallRecord, zone: &TimeZone, now: Timestamp) {
    let today = day_of(now, zone);
    let days = |count: i32| today.saturating_add(jiff::Span::new().days(count));
    let counted_in = record.zone.as_deref().filter(|name| Some(*name) != zone.iana_name());
    // Where a zone is not known any more, its days may have been any.
    let counted_in = counted_in.map(|name| TimeZone::get(name).ok());
    let last_moment = |day: Date| match counted_in.as_ref()? {
        Some(other) => Some((end_of(day, other) - SignedDuration::from_secs(1)).min(now)),
        None => Some(now),
    };
    change_days(record, |day| match () {
        // Two zones differ by little more than a day.
        () if day < days(-3) => day,
        () if day < today => last_moment(day).map_or(day, |at| day.max(day_of(at, zone))),
        () => day.min(days(1)),
    });
}

/// Makes other days of a record's days.
fn change_days(record: &mut CallRecord, change: impl Fn(Date) -> Date) {
    let mut changed = BTreeMap::<Date, u64>::new();
    for (day, calls) in std::mem::take(&mut record.calls) {
        let sum = changed.entry(change(day)).or_default();
        *sum = sum.saturating_add(calls);
    }
    record.calls = changed;
    // What others had used belongs to the same day of the vendor's.
    if let Some(reported) = &mut record.reported {
        reported.day = change(reported.day);
    }
}

/// A request that seems to come from the future was sent before a clock was set back: its wait begins anew, and is as long
/// as it was. A pause longer than the longest back-off means the same: it is ignored.
fn bound_times(record: &mut CallRecord, now: Timestamp) {
    for turn in record.targets.values_mut().filter(|turn| turn.last_attempt > now) {
        let wait = turn.due.duration_since(turn.last_attempt);
        turn.last_attempt = now;
        turn.due = now.saturating_add(wait).unwrap_or(now);
    }
    let longest = now.saturating_add(LONGEST_PAUSE).unwrap_or(now);
    record.paused_until = record.paused_until.filter(|until| *until <= longest);
}

/// Adds up counts that come from a disk: a sum that is too large stays the largest number.
fn total<'c>(calls: impl Iterator<Item = (&'c Date, &'c u64)>) -> u64 {
    calls.fold(0, |sum, (_, calls)| sum.saturating_add(*calls))
}

/// Why a request could not be reserved, so that it was not sent.
#[derive(Debug)]
pub enum NotReserved {
    Spent(BudgetStatus),
    /// The count could not be written to the state folder.
    NotWritten {
        error: io::Error,
        folder: String,
    },
}

impl NotReserved {
    pub fn failure(&self) -> Failure {
        match self {
            NotReserved::Spent(budget) => {
                let detail = format!("{} of {} API requests of today are used up", budget.used, budget.limit);
                Failure::new(Reason::BudgetExhausted, detail)
            }
            NotReserved::NotWritten { error, folder } => {
                let detail = format!("the request could not be counted on disk, so it was not sent: {error}");
                Failure { folder: Some(folder.clone()), ..Failure::new(Reason::StateNotWritten, detail) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::WindowName;
    use proptest::prelude::*;

    fn at(wall: &str) -> Moment {
        let wall: Timestamp = wall.parse().unwrap();
        Moment { wall, steady: Duration::from_secs(u64::try_from(wall.as_second()).unwrap()) }
    }

    fn target(operation: &str) -> Target {
        Target { operation: operation.into(), report: "agent_kpi".into(), window: WindowName::Today }
    }

    fn turn(now: Moment) -> TargetRecord {
        TargetRecord { last_attempt: now.wall, due: now.wall, failures: 0 }
    }

    fn open(state: &Arc<State>, licensed: Option<u64>, now: Moment) -> Budget {
        open_in("America/Bogota", state, licensed, now)
    }

    fn open_in(zone: &str, state: &Arc<State>, licensed: Option<u64>, now: Moment) -> Budget {
        let zone = TimeZone::get(zone).unwrap();
        let members = ["acme", "beta"].map(|name| (name.into(), vec![Duration::from_mins(5); 5]));
        Budget::open(Arc::clone(state), members.into(), zone, licensed, now)
    }

    async fn reserve_requests(budget: &mut Budget, operation: &str, now: Moment, calls: u64) {
        for _ in 0..calls {
            budget.reserve(&target(operation), turn(now), now).await.unwrap();
        }
    }

    #[tokio::test]
    async fn never_overspend_operations_of_one_budget_are_counted_together_and_stop_at_the_limit() {
        let (state, now) = (Arc::new(State::in_memory()), at("2026-03-01T12:00:00Z"));
        let mut budget = open(&state, Some(10), now);
        reserve_requests(&mut budget, "acme", now, 6).await;
        reserve_requests(&mut budget, "beta", now, 4).await;
        let failure = budget.reserve(&target("acme"), turn(now), now).await.unwrap_err();
        assert_eq!(failure.failure().to_string(), "budget_exhausted: 10 of 10 API requests of today are used up");
        let midnight = budget.status(now).resets_at;
        assert_eq!(midnight, at("2026-03-02T05:00:00Z").wall);
        assert_eq!(budget.left(at("2026-03-02T05:00:00Z")), 10);
    }

    #[tokio::test]
    async fn never_overspend_the_count_survives_a_restart_and_a_clock_set_back() {
        let (state, now) = (Arc::new(State::in_memory()), at("2026-03-02T05:10:00Z"));
        reserve_requests(&mut open(&state, Some(10), now), "acme", now, 7).await;
        assert_eq!(open(&state, Some(10), now).left(now), 3);
        let before_midnight = at("2026-03-02T04:10:00Z");
        assert_eq!(open(&state, Some(10), before_midnight).left(before_midnight), 3);
    }

    #[tokio::test]
    async fn never_overspend_a_day_that_begins_by_setting_the_clock_inherits_the_count() {
        let (state, now) = (Arc::new(State::in_memory()), at("2026-03-02T04:00:00Z"));
        let mut budget = open(&state, Some(10), now);
        reserve_requests(&mut budget, "acme", now, 7).await;
        let after = at("2026-03-02T06:00:00Z");
        let set = Moment { steady: now.steady, ..after };
        assert_eq!(budget.observe(set).await.unwrap(), SignedDuration::from_hours(2));
        assert_eq!(budget.left(after), 3);
        assert_eq!(budget.left(at("2026-03-03T06:00:00Z")), 10);
    }

    #[tokio::test]
    async fn never_overspend_what_others_used_is_inherited_by_a_day_that_begins_by_setting_the_clock() {
        let (state, now) = (Arc::new(State::in_memory()), at("2026-03-02T04:00:00Z"));
        let mut budget = open(&state, Some(10), now);
        budget.note_reported(10, 4, now).await.unwrap();
        let set = Moment { steady: now.steady, ..at("2026-03-02T06:00:00Z") };
        budget.observe(set).await.unwrap();
        assert_eq!(budget.left(set), 6);
        assert_eq!(budget.left(at("2026-03-03T06:00:00Z")), 10);
    }

    #[tokio::test]
    async fn never_overspend_days_ahead_do_not_push_today_out_of_the_record() {
        let (state, now) = (Arc::new(State::in_memory()), at("2026-03-01T12:00:00Z"));
        let ahead = ["2026-03-02", "2026-03-03", "2026-03-04"].map(|day| (day.parse().unwrap(), 1));
        let record = CallRecord { calls: ahead.into(), ..CallRecord::default() };
        state.save_calls("acme", &record).unwrap();
        let mut budget = open(&state, Some(10), now);
        reserve_requests(&mut budget, "acme", now, 7).await;
        assert_eq!(budget.left(now), 0);
    }

    #[tokio::test]
    async fn never_overspend_a_count_beyond_all_numbers_is_no_small_one() {
        let (state, now) = (Arc::new(State::in_memory()), at("2026-03-01T12:00:00Z"));
        let days = ["2026-03-01", "2026-03-02"].map(|day| (day.parse().unwrap(), u64::MAX));
        let reported = Some(Reported { day: days[0].0, limit: 10, used: u64::MAX, own: 0 });
        let record = CallRecord { calls: days.into(), reported, ..CallRecord::default() };
        state.save_calls("acme", &record).unwrap();
        let mut budget = open(&state, Some(10), now);
        assert_eq!(budget.left(now), 0);
        let set = Moment { steady: now.steady, ..at("2026-03-02T12:00:00Z") };
        budget.observe(set).await.unwrap();
        assert_eq!(budget.left(set), 0);
    }

    #[tokio::test]
    async fn never_overspend_a_call_made_while_the_clock_is_behind_counts_for_the_day_that_may_have_begun() {
        let (state, now) = (Arc::new(State::in_memory()), at("2026-03-02T04:00:00Z"));
        let mut budget = open(&state, Some(10), now);
        reserve_requests(&mut budget, "acme", now, 3).await;
        // An hour later by the steady clock it is midnight; the wall clock was set back by half an hour.
        let wall = at("2026-03-02T04:30:00Z").wall;
        let behind = Moment { wall, steady: now.steady + Duration::from_hours(1) };
        reserve_requests(&mut budget, "acme", behind, 2).await;
        assert_eq!(budget.left(behind), 5);
        let midnight = Moment { wall: at("2026-03-02T05:00:00Z").wall, steady: now.steady + Duration::from_mins(90) };
        assert_eq!(budget.left(midnight), 8);
    }

    #[tokio::test]
    async fn never_overspend_setting_the_clock_shortens_no_wait_that_is_written_down() {
        let (state, now) = (Arc::new(State::in_memory()), at("2026-03-02T12:00:00Z"));
        let mut budget = open(&state, Some(10), now);
        let due = at("2026-03-02T12:05:00Z").wall;
        budget.reserve(&target("acme"), TargetRecord { due, ..turn(now) }, now).await.unwrap();
        budget.note_pause(due).await.unwrap();
        let set = Moment { steady: now.steady, ..at("2026-03-02T14:00:00Z") };
        budget.observe(set).await.unwrap();
        let again = open(&state, Some(10), set);
        let due = at("2026-03-02T14:05:00Z").wall;
        assert_eq!(again.turn(&target("acme")).unwrap().due, due);
        assert_eq!(again.paused_until(), Some(due));
    }

    #[tokio::test]
    async fn never_overspend_a_day_that_begins_by_changing_the_timezone_inherits_the_count() {
        let folder = tempfile::tempdir().unwrap();
        // Eight in the evening in Bogotá, two in the morning of the next day in Madrid.
        let now = at("2026-03-02T01:00:00Z");
        let opened = || Arc::new(State::open(folder.path()).unwrap());
        let state = opened();
        let mut budget = open(&state, Some(10), now);
        budget.note_reported(10, 1, now).await.unwrap();
        reserve_requests(&mut budget, "acme", now, 4).await;
        reserve_requests(&mut budget, "beta", now, 2).await;
        drop((budget, state));
        for zone in ["Europe/Madrid", "America/Bogota", "Europe/Madrid"] {
            assert_eq!(open_in(zone, &opened(), Some(10), now).left(now), 3, "{zone}, after a restart");
        }
        let state = opened();
        assert_eq!(open_in("Europe/Madrid", &state, Some(10), now).left(now), 3);
        // Bogotá's day ended at six in the morning of Madrid's: some of its requests may be of that.
        let later = at("2026-03-02T12:00:00Z");
        assert_eq!(open_in("Europe/Madrid", &state, Some(10), later).left(later), 3);
        assert_eq!(open_in("Europe/Madrid", &state, Some(10), later).left(at("2026-03-02T23:00:00Z")), 10);
    }

    #[tokio::test]
    async fn never_overspend_the_day_of_a_timezone_that_is_not_known_any_more_is_taken_for_today() {
        let (state, now) = (Arc::new(State::in_memory()), at("2026-03-02T12:00:00Z"));
        let calls = [("2026-03-01".parse().unwrap(), 4), ("2026-03-02".parse().unwrap(), 3)].into();
        let record = CallRecord { calls, zone: Some("America/Macondo".to_owned()), ..CallRecord::default() };
        state.save_calls("acme", &record).unwrap();
        assert_eq!(open(&state, Some(10), now).left(now), 3);
        // A record from before zones were written down is one of the zone at hand.
        state.save_calls("acme", &CallRecord { zone: None, ..record }).unwrap();
        assert_eq!(open(&state, Some(10), now).left(now), 7);
    }

    #[tokio::test]
    async fn times_that_nobody_can_have_written_are_bounded() {
        let now = at("2026-03-02T12:00:00Z");
        for (earliest, latest) in [(Timestamp::MIN, Timestamp::MAX), (Timestamp::MAX, Timestamp::MIN)] {
            let state = Arc::new(State::in_memory());
            let turn = TargetRecord { last_attempt: earliest, due: latest, failures: u32::MAX };
            let record = CallRecord {
                calls: [(Date::MIN, 1), ("2026-03-02".parse().unwrap(), 2), (Date::MAX, 4)].into(),
                zone: Some("Europe/Madrid".to_owned()),
                reported: Some(Reported { day: Date::MAX, limit: 100, used: 8, own: 0 }),
                paused_until: Some(latest),
                targets: [(target("acme").key(), turn)].into(),
            };
            state.save_calls("acme", &record).unwrap();
            let mut budget = open(&state, Some(20), now);
            assert_eq!(budget.left(now), 20 - 2 - 4 - 8, "what is counted ahead counts today");
            assert_eq!(budget.left(at("2026-03-04T12:00:00Z")), 20, "and not for ever");
            assert!(budget.paused_until().is_none_or(|until| until < now.wall + LONGEST_PAUSE));
            assert!(budget.turn(&target("acme")).unwrap().last_attempt <= now.wall);
            for set in [now.wall + SignedDuration::from_hours(5), now.wall - SignedDuration::from_hours(5)] {
                budget.observe(Moment { wall: set, ..now }).await.unwrap();
            }
        }
    }

    proptest! {
        #[test]
        fn never_overspend_after_any_change_of_the_timezone_no_call_of_the_day_is_forgotten(
            (from, to) in (0_usize..6, 0_usize..6),
            calls in proptest::collection::vec(0_i64..60 * 60, 1..12),
            pause in 0_i64..20 * 60,
        ) {
            const ZONES: [&str; 6] = [
                "America/Bogota", "America/Santiago", "Europe/Madrid", "Asia/Kolkata", "Pacific/Kiritimati", "Pacific/Midway",
            ];
            let begins: Timestamp = "2026-04-03T12:00:00Z".parse().unwrap();
            let mut minutes = calls;
            minutes.sort_unstable();
            let moment = |minute: i64| at(&(begins + SignedDuration::from_mins(minute)).to_string());
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let state = Arc::new(State::in_memory());
            let mut budget = open_in(ZONES[from], &state, Some(100), moment(0));
            for minute in &minutes {
                runtime.block_on(reserve_requests(&mut budget, "acme", moment(*minute), 1));
            }
            let now = moment(minutes.last().unwrap() + pause);
            let used = open_in(ZONES[to], &state, Some(100), now).status(now).used;
            for zone in [from, to].map(|zone| TimeZone::get(ZONES[zone]).unwrap()) {
                let is_todays = |minute: &&i64| day_of(moment(**minute).wall, &zone) == day_of(now.wall, &zone);
                let made = minutes.iter().filter(is_todays).count() as u64;
                prop_assert!(used >= made, "{used} of {made} calls are counted, {} to {}", ZONES[from], ZONES[to]);
            }
        }
    }

    #[tokio::test]
    async fn never_overspend_a_lost_record_counts_as_the_most_that_can_have_been_spent() {
        let folder = tempfile::tempdir().unwrap();
        let state = Arc::new(State::open(folder.path()).unwrap());
        let now = at("2026-03-01T06:00:00Z");
        for operation in ["acme", "fast"] {
            let members = vec![(operation.into(), vec![])];
            let mut budget = Budget::open(Arc::clone(&state), members, TimeZone::UTC, Some(40_000), now);
            reserve_requests(&mut budget, operation, now, 7).await;
            std::fs::write(folder.path().join(operation).join("calls.json"), "{").unwrap();
        }
        for start in ["the one that finds it", "the next one"] {
            let budget = open(&state, Some(40_000), now);
            assert_eq!(budget.left(now), 40_000 - 5 * (3600 / 30 + 1), "{start}");
        }
        let fast = vec![("fast".into(), [10, 300].map(Duration::from_secs).into())];
        let zone = TimeZone::get("America/Bogota").unwrap();
        let budget = Budget::open(state, fast, zone, Some(40_000), now);
        assert_eq!(budget.left(now), 40_000 - (3600 / 10 + 1) - (3600 / 30 + 1), "an interval under 30 s");
    }

    #[tokio::test]
    async fn never_overspend_a_call_that_cannot_be_written_down_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let state = Arc::new(State::open(folder.path()).unwrap());
        let now = at("2026-03-01T06:00:00Z");
        let mut budget = open(&state, Some(10), now);
        // A file where the operation's folder should be: no user can write through that, not even root.
        std::fs::write(folder.path().join("acme"), "").unwrap();
        let failure = budget.reserve(&target("acme"), turn(now), now).await.unwrap_err().failure();
        assert!(failure.detail.starts_with("the request could not be counted on disk"), "{failure}");
        assert_eq!(failure.folder.as_deref(), folder.path().to_str(), "the hint names what has no room");
        assert_eq!(budget.left(now), 10);
    }

    #[tokio::test]
    async fn the_larger_of_own_and_reported_use_wins_and_a_limit_untold_is_the_smallest() {
        let (state, now) = (Arc::new(State::in_memory()), at("2026-03-01T12:00:00Z"));
        let mut budget = open(&state, None, now);
        assert!(budget.must_ask());
        assert_eq!(budget.left(now), 1000);
        reserve_requests(&mut budget, "acme", now, 2).await;
        budget.note_reported(5000, 100, now).await.unwrap();
        reserve_requests(&mut budget, "acme", now, 3).await;
        assert_eq!(
            budget.status(now),
            BudgetStatus { limit: 5000, used: 103, resets_at: at("2026-03-02T05:00:00Z").wall }
        );
        budget.note_reported(5000, 1, now).await.unwrap();
        assert_eq!(budget.status(now).used, 5);
        let tomorrow = at("2026-03-02T12:00:00Z");
        assert_eq!((budget.status(tomorrow).limit, budget.status(tomorrow).used), (5000, 0));
    }

    #[tokio::test]
    async fn each_report_has_its_own_turn_and_a_pause_is_one_of_the_whole_budget() {
        let (state, now) = (Arc::new(State::in_memory()), at("2026-03-01T12:00:00Z"));
        let due = at("2026-03-01T12:05:00Z").wall;
        let mut budget = open(&state, Some(10), now);
        budget.note_turn(&target("beta"), TargetRecord { due, ..turn(now) }).await.unwrap();
        budget.note_pause(due).await.unwrap();
        for budget in [budget, open(&state, Some(10), now)] {
            assert_eq!(budget.turn(&target("beta")).map(|turn| turn.due), Some(due));
            assert_eq!(budget.turn(&target("acme")), None);
            assert_eq!(budget.paused_until(), Some(due));
            assert_eq!((budget.left(now), budget.must_ask()), (10, false));
        }
        for operation in ["acme", "beta"] {
            let Loaded::Known(record) = state.load_calls(operation) else { panic!("{operation} has no record") };
            assert_eq!(record.paused_until, Some(due), "{operation} alone would not pause after a restart");
        }
    }

    #[tokio::test]
    async fn a_clock_that_steps_by_two_seconds_was_set_and_a_smaller_step_keeps_it_right() {
        let now = at("2026-03-01T12:00:00Z");
        for (step, told) in [(1_999, 0), (2_000, 2_000), (-1_999, 0), (-2_000, -2_000)] {
            let mut budget = open(&Arc::new(State::in_memory()), Some(10), now);
            let set = Moment { wall: now.wall + SignedDuration::from_millis(step), ..now };
            assert_eq!(budget.observe(set).await.unwrap(), SignedDuration::from_millis(told));
            assert_eq!(budget.observe(set).await.unwrap(), SignedDuration::ZERO, "it is told once");
        }
    }

    #[tokio::test]
    async fn never_overspend_after_days_on_a_clock_that_ran_ahead_todays_calls_stay_in_the_record() {
        let (state, start) = (Arc::new(State::in_memory()), at("2026-03-01T12:00:00Z"));
        let mut budget = open(&state, Some(100), start);
        let days = |count: i64| SignedDuration::from_hours(24 * count);
        let moment = |steady: i64, wall: i64| Moment {
            wall: start.wall + days(wall),
            steady: start.steady + days(steady).unsigned_abs(),
        };
        for day in 0..3 {
            reserve_requests(&mut budget, "acme", moment(day, day + 3), 1).await;
        }
        let right = moment(2, 2);
        reserve_requests(&mut budget, "acme", right, 5).await;
        assert_eq!(budget.left(right), 100 - 3 - 5, "days ahead count today, and today counts too");
        for day in 3..9 {
            reserve_requests(&mut budget, "acme", moment(day, day), 1).await;
        }
        let Loaded::Known(record) = state.load_calls("acme") else { panic!("no record") };
        let kept: Vec<String> = record.calls.keys().map(Date::to_string).collect();
        assert_eq!(kept, ["2026-03-07", "2026-03-08", "2026-03-09"]);
    }

    #[tokio::test]
    async fn never_overspend_only_days_that_can_be_todays_count_today_in_a_timezone_that_is_not_known_any_more() {
        let now = at("2026-03-10T12:00:00Z");
        for (day, used) in
            [("2026-03-06", 0), ("2026-03-07", 4), ("2026-03-09", 4), ("2026-03-10", 4), ("2026-03-13", 4)]
        {
            let state = Arc::new(State::in_memory());
            let calls = [(day.parse().unwrap(), 4)].into();
            let record = CallRecord { calls, zone: Some("America/Macondo".to_owned()), ..CallRecord::default() };
            state.save_calls("acme", &record).unwrap();
            assert_eq!(open(&state, Some(10), now).status(now).used, used, "{day}");
            // The same after one more start: what was moved was written down.
            assert_eq!(open(&state, Some(10), now).status(now).used, used, "{day}");
        }
    }

    #[tokio::test]
    async fn a_pause_longer_than_any_that_the_exporter_makes_is_ignored() {
        let now = at("2026-03-01T12:00:00Z");
        let longest = now.wall + LONGEST_PAUSE;
        for (until, kept) in [(longest, Some(longest)), (longest + SignedDuration::from_secs(1), None)] {
            let state = Arc::new(State::in_memory());
            let record = CallRecord { paused_until: Some(until), ..CallRecord::default() };
            state.save_calls("acme", &record).unwrap();
            assert_eq!(open(&state, Some(10), now).paused_until(), kept);
        }
    }

    #[tokio::test]
    async fn a_change_to_a_timezone_with_the_same_midnights_moves_no_call_into_another_day() {
        let state = Arc::new(State::in_memory());
        let (yesterday, now) = (at("2026-03-01T12:00:00Z"), at("2026-03-02T12:00:00Z"));
        reserve_requests(&mut open_in("America/Bogota", &state, Some(10), yesterday), "acme", yesterday, 4).await;
        // Lima's midnights are Bogotá's: the last moment of yesterday there is none of today here.
        assert_eq!(open_in("America/Lima", &state, Some(10), now).left(now), 10);
    }

    #[tokio::test]
    async fn calls_of_a_day_far_ahead_are_moved_for_good_and_do_not_count_every_day() {
        let (state, now) = (Arc::new(State::in_memory()), at("2026-03-02T12:00:00Z"));
        let record = CallRecord { calls: [("2030-01-01".parse().unwrap(), 4)].into(), ..CallRecord::default() };
        state.save_calls("acme", &record).unwrap();
        assert_eq!(open(&state, Some(10), now).left(now), 6);
        // No request was sent in between: what was moved was written down at the start.
        let later = at("2026-03-05T12:00:00Z");
        assert_eq!(open(&state, Some(10), later).left(later), 10);
    }
}
