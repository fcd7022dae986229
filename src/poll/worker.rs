//! One worker for each budget: it decides which job is next, and sends one request at a time.

use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Context;
use super::backoff::{self, NextAttempt, next_attempt};
use super::budget::{Budget, NotReserved};
use super::cost::Cost;
use super::poll::{Job, PollError, Polled};
use super::restore::{record_of, restored};
use super::slowdown::{Priority, Slowdown};
use super::token_info::{ASK_INTERVAL, BudgetReport, TokenInfo};
use crate::state::TargetRecord;
use crate::store::{PollData, served_bytes};
use crate::telemetry::{Gained, PollEnd};
use crate::time::{Moment, WindowName, until};

/// Longest sleep before the clocks are read again: how late a change of the wall clock is noticed.
const CLOCK_CHECK: Duration = Duration::from_secs(30);

/// Polls the jobs of one budget, one request at a time: there is one worker for it.
pub struct BudgetWorker {
    context: Context,
    budget: Budget,
    jobs: Vec<Scheduled>,
    query: Option<BudgetQuery>,
    /// Nothing is asked before this, on the steady clock.
    paused_until: Duration,
}

struct Scheduled {
    job: Job,
    turn: Turn,
    failures: u32,
    /// Whether it was never polled yet: then its phase is added to the second turn, so that jobs that start together
    /// do not stay together.
    fresh: bool,
}

struct BudgetQuery {
    token_info: TokenInfo,
    not_before: Duration,
    failures: u32,
}

impl Scheduled {
    /// A closed day is never asked for before it is settled, not by a retry, a restart or a clock that is set back.
    fn wait(&self, now: Moment) -> Duration {
        let settled = match self.job.target().window {
            WindowName::Today | WindowName::Week | WindowName::Month | WindowName::Now => Duration::ZERO,
            WindowName::Yesterday => backoff::until_settled(now.wall, self.job.zone()),
        };
        self.turn.wait(now).max(settled)
    }
}

/// When a job is due.
#[derive(Clone, Copy, Debug)]
struct Turn {
    /// On the steady clock: intervals are real time, whatever is done to the wall clock.
    not_before: Duration,
    /// On the wall clock as well, for a closed day.
    at: Option<Timestamp>,
}

impl Turn {
    fn wait(self, now: Moment) -> Duration {
        let steady = self.not_before.saturating_sub(now.steady);
        let wall = self.at.map_or(Duration::ZERO, |at| until(now.wall, at));
        steady.max(wall)
    }
}

impl BudgetWorker {
    /// Takes up where the records left off; what was never asked waits until `start_after`.
    pub fn new(
        context: Context,
        budget: Budget,
        jobs: Vec<Job>,
        token_info: Option<TokenInfo>,
        start_after: Duration,
    ) -> BudgetWorker {
        let now = context.clock.now();
        let jobs = jobs
            .into_iter()
            .map(|job| {
                let record = budget.turn(job.target());
                let turn = first_turn(record, job.interval(), start_after, now);
                Scheduled { turn, failures: record.map_or(0, |record| record.failures), fresh: record.is_none(), job }
            })
            .collect();
        let query = token_info.map(|token_info| {
            let record = budget.turn(token_info.target());
            let wait = record.map_or(start_after, |record| rest_of_wait(record, ASK_INTERVAL, now));
            BudgetQuery { not_before: now.steady + wait, failures: 0, token_info }
        });
        let pause = budget.paused_until().map_or(Duration::ZERO, |paused_until| until(now.wall, paused_until));
        let worker = BudgetWorker { paused_until: now.steady + pause, context, budget, jobs, query };
        worker.announce(now);
        worker
    }

    /// Polls for ever, or until `drain`: then the request in flight is ended first.
    pub async fn run(mut self, drain: CancellationToken) {
        while !drain.is_cancelled() {
            if let Some(wait) = self.step().await {
                let sleep = tokio::time::sleep(wait.min(CLOCK_CHECK));
                drain.run_until_cancelled(sleep).await;
            }
        }
    }

    /// Does the one thing that is due, or says how long nothing is.
    pub async fn step(&mut self) -> Option<Duration> {
        let now = self.context.clock.now();
        self.notice_clock(now).await;
        let (wait, next) = self.next(now);
        match next {
            _ if wait > Duration::ZERO => return Some(wait),
            Next::TokenInfo => self.ask().await,
            Next::Job(place) => self.poll(place).await,
        }
        None
    }

    fn announce(&self, now: Moment) {
        let Context { store, telemetry, state, memory, .. } = &self.context;
        if let Some(query) = &self.query {
            telemetry.query_registered(query.token_info.target());
        }
        for scheduled in &self.jobs {
            let job = &scheduled.job;
            store.register(job.target(), job.interval());
            telemetry.target_registered(job.target());
            if !store.has_data(job.target())
                && let Some(data) = restored(state, job.target(), job.origin(), &job.report().families(), now)
            {
                match memory.served(served_bytes(&data.families, &data.infos)) {
                    Ok(memory) => {
                        telemetry.data_restored(job.target(), now.since(data.polled_at));
                        let data = PollData { memory: Some(memory), ..data };
                        store.restore(job.target(), data, scheduled.failures.into());
                    }
                    Err(error) => telemetry.data_not_restored(job.target(), &error),
                }
            }
        }
        self.tell_forecast(now);
        self.publish(now);
    }

    /// Compares what the jobs would cost with what there is.
    fn tell_forecast(&self, now: Moment) {
        let forecast = self.cost().forecast(self.budget.status(now).limit);
        for operation in self.budget.operations() {
            self.context.telemetry.forecast_made(operation, &forecast);
            self.context.store.set_forecast(operation, forecast);
        }
    }

    fn cost(&self) -> Cost {
        Cost::of(self.jobs.iter().map(|scheduled| &scheduled.job), self.query.is_some())
    }

    async fn notice_clock(&mut self, now: Moment) {
        match self.budget.observe(now).await {
            Ok(by) if by.is_zero() => {}
            Ok(by) => {
                self.context.telemetry.clock_was_set(by);
                for scheduled in &mut self.jobs {
                    let next = backoff::next_yesterday(now.wall, scheduled.job.zone(), 1.0);
                    scheduled.turn.at = scheduled.turn.at.map(|at| at.min(next));
                }
            }
            Err(error) => self.context.telemetry.state_not_written(&error),
        }
    }

    fn next(&self, now: Moment) -> (Duration, Next) {
        let jobs = self.jobs.iter().enumerate().map(|(place, job)| (job.wait(now), Next::Job(place)));
        // The query goes first where both are due: the answer decides the pace.
        let query = self.query.iter().map(|asked| (asked.not_before.saturating_sub(now.steady), Next::TokenInfo));
        let soonest = query.chain(jobs).min_by_key(|(wait, _)| *wait);
        let (wait, next) = soonest.unwrap_or((CLOCK_CHECK, Next::TokenInfo));
        (wait.max(self.paused_until.saturating_sub(now.steady)), next)
    }

    async fn poll(&mut self, place: usize) {
        let now = self.context.clock.now();
        let regular = self.regular_turn(place, now);
        let Scheduled { job, failures, .. } = &mut self.jobs[place];
        let record =
            TargetRecord { last_attempt: now.wall, due: now.wall_after(regular.wait(now)), failures: *failures };
        let polled = job.poll(&self.context, &mut self.budget, record).await;
        self.plan_next(place, &polled, regular).await;
        self.tell(place, polled).await;
        self.publish(self.context.clock.now());
    }

    /// When a job is due again, if all goes well.
    fn regular_turn(&self, place: usize, now: Moment) -> Turn {
        let Scheduled { job, fresh, .. } = &self.jobs[place];
        if job.target().window == WindowName::Yesterday {
            let slowdown = self.slowdown(now).map_or(f64::MAX, |slowdown| slowdown.factor(Priority::ClosedDays));
            let at = backoff::next_yesterday(now.wall, job.zone(), slowdown);
            return Turn { not_before: now.steady + job.interval(), at: Some(at) };
        }
        let phase = job.interval().mul_f64(place as f64 / self.jobs.len() as f64);
        let wait = self.paced(job.priority(), job.interval(), phase, now);
        Turn { not_before: now.steady + wait + if *fresh { phase } else { Duration::ZERO }, at: None }
    }

    /// A wait, made longer so that the requests left last until the reset, and at most until there are new ones.
    fn paced(&self, priority: Priority, wait: Duration, phase: Duration, now: Moment) -> Duration {
        let after_reset = self.until_reset(now) + phase;
        match self.slowdown(now).map(|slowdown| slowdown.factor(priority)) {
            Some(factor) if factor > 1.0 => wait.mul_f64(factor).min(after_reset.max(wait)),
            Some(_) => wait,
            None => after_reset.max(wait),
        }
    }

    fn slowdown(&self, now: Moment) -> Option<Slowdown> {
        let mut demand = self.cost().regular(self.until_reset(now));
        demand.add(Priority::ClosedDays, self.closed_days(now) as f64);
        Slowdown::of(&demand, self.budget.left(now).saturating_sub(self.asking(now)))
    }

    fn until_reset(&self, now: Moment) -> Duration {
        until(now.wall, self.budget.status(now).resets_at)
    }

    /// Requests that closed days take until the reset.
    fn closed_days(&self, now: Moment) -> u64 {
        let yesterday = self.jobs.iter().filter(|scheduled| scheduled.job.target().window == WindowName::Yesterday);
        yesterday
            .map(|scheduled| {
                let turns = backoff::yesterday_turns_left(now.wall, scheduled.job.zone());
                turns * u64::from(scheduled.job.requests_per_poll())
            })
            .sum()
    }

    /// Requests that are kept for asking the vendor.
    fn asking(&self, now: Moment) -> u64 {
        self.query.iter().map(|_| self.until_reset(now).as_secs() / ASK_INTERVAL.as_secs() + 1).sum()
    }

    /// Decides and writes down when the job is due again.
    async fn plan_next(&mut self, place: usize, polled: &Polled, regular: Turn) {
        let now = self.context.clock.now();
        let scheduled = &mut self.jobs[place];
        scheduled.fresh = false;
        scheduled.failures = if polled.outcome.is_ok() { 0 } else { scheduled.failures.saturating_add(1) };
        let (failures, interval, priority) = (scheduled.failures, scheduled.job.interval(), scheduled.job.priority());
        let next_attempt = match &polled.outcome {
            Ok(_) => NextAttempt::Regular,
            Err(error) => self.next_attempt(error, failures, interval, now),
        };
        let turn = match next_attempt {
            NextAttempt::Regular => regular,
            NextAttempt::Retry(wait) => {
                Turn { not_before: now.steady + self.paced(priority, wait, Duration::ZERO, now), at: None }
            }
            NextAttempt::Pause(wait) => {
                self.pause(wait, now).await;
                Turn { not_before: now.steady + wait, at: None }
            }
        };
        let scheduled = &mut self.jobs[place];
        scheduled.turn = turn;
        let record = TargetRecord { last_attempt: polled.at.wall, due: now.wall_after(turn.wait(now)), failures };
        if let Err(error) = self.budget.note_turn(scheduled.job.target(), record).await {
            self.context.telemetry.state_not_written(&error);
        }
    }

    fn next_attempt(&self, error: &PollError, failures: u32, interval: Duration, now: Moment) -> NextAttempt {
        match error {
            PollError::NotReserved(NotReserved::Spent(_)) => NextAttempt::Retry(self.until_reset(now)),
            error => next_attempt(&error.failure(), failures, interval, fastrand::f64()),
        }
    }

    async fn pause(&mut self, wait: Duration, now: Moment) {
        self.paused_until = now.steady + wait;
        if let Err(error) = self.budget.note_pause(now.wall_after(wait)).await {
            self.context.telemetry.state_not_written(&error);
        }
    }

    /// Tells how a poll went, and keeps its data.
    async fn tell(&self, place: usize, polled: Polled) {
        let Context { store, telemetry, clock, .. } = &self.context;
        let job = &self.jobs[place].job;
        let Polled { at, window, elapsed, requests, bytes, outcome } = polled;
        let budget_left = self.budget.left(clock.now());
        let end =
            |outcome| PollEnd { target: job.target(), window: &window, elapsed, requests, bytes, budget_left, outcome };
        match outcome {
            Ok(data) => {
                let PollData { rows, series, dropped, ref rejected, ref shortened, .. } = data;
                telemetry.poll_ended(&end(Ok(Gained { rows, series, dropped, rejected, shortened })));
                self.keep(job, data).await;
            }
            Err(error) => {
                let failure = error.failure();
                telemetry.poll_ended(&end(Err(&failure)));
                if self.paused_until > clock.now().steady {
                    // A pause concerns every report of the budget, not only the one that failed: each shows why.
                    self.jobs.iter().for_each(|held| store.note_pause(held.job.target(), failure.clone()));
                }
                store.fail(job.target(), at, failure);
            }
        }
    }

    /// Writes data down for the next start, and serves them. Not being able to write costs only that.
    async fn keep(&self, job: &Job, data: PollData) {
        let Context { state, store, .. } = self.context.clone();
        let (target, origin) = (job.target().clone(), job.origin().clone());
        let kept = tokio::task::spawn_blocking(move || {
            let saved = state.save_data(&record_of(&target, &origin, &data));
            store.succeed(&target, data);
            saved
        });
        match kept.await {
            Ok(Err(error)) => self.context.telemetry.state_not_written(&error),
            // Data that could not be served must not look like old ones that nothing happened to.
            Err(broken) if broken.is_panic() => std::panic::resume_unwind(broken.into_panic()),
            Ok(Ok(())) | Err(_) => {}
        }
    }

    /// Asks the vendor what there is to spend.
    async fn ask(&mut self) {
        let Some(BudgetQuery { token_info, failures, .. }) = &self.query else { return };
        let (now, failures, target) = (self.context.clock.now(), *failures, token_info.target().clone());
        let turn = TargetRecord { last_attempt: now.wall, due: now.wall_after(ASK_INTERVAL), failures };
        let told = match self.budget.reserve(&target, turn, now).await {
            Ok(()) => {
                self.context.telemetry.request_sent(&target);
                let sent = self.context.clock.now();
                let told = token_info.ask(&self.context).await;
                let took = self.context.clock.now().since(sent);
                self.context.telemetry.request_ended(&target, took, 0, told.as_ref().err());
                told.map_err(PollError::Failed)
            }
            Err(not_reserved) => Err(PollError::NotReserved(not_reserved)),
        };
        let now = self.context.clock.now();
        let figures = told.as_ref().map(|told| (told.limit, told.used)).map_err(PollError::failure);
        self.context.telemetry.budget_reported(&target, figures.as_ref().copied());
        let wait = match &told {
            Ok(BudgetReport { limit, used }) => {
                if let Err(error) = self.budget.note_reported(*limit, *used, now).await {
                    self.context.telemetry.state_not_written(&error);
                }
                ASK_INTERVAL
            }
            Err(error) => match self.next_attempt(error, failures + 1, ASK_INTERVAL, now) {
                NextAttempt::Regular => ASK_INTERVAL,
                NextAttempt::Retry(wait) => wait,
                NextAttempt::Pause(wait) => {
                    self.pause(wait, now).await;
                    wait
                }
            },
        };
        if let Some(asked) = &mut self.query {
            asked.failures = if told.is_ok() { 0 } else { failures.saturating_add(1) };
            asked.not_before = now.steady + wait;
        }
        self.tell_forecast(now);
        self.publish(now);
    }

    /// Shows when each job is due, at what pace, and what is left to spend.
    fn publish(&self, now: Moment) {
        let store = &self.context.store;
        let slowdown = self.slowdown(now);
        for scheduled in &self.jobs {
            let job = &scheduled.job;
            let wait = scheduled.wait(now).max(self.paused_until.saturating_sub(now.steady));
            let pace = match (job.priority(), slowdown) {
                (Priority::ClosedDays, _) | (_, None) => job.interval(),
                (priority, Some(slowdown)) => job.interval().mul_f64(slowdown.factor(priority)),
            };
            store.schedule(job.target(), now.wall_after(wait), pace);
        }
        for operation in self.budget.operations() {
            store.set_budget(operation, self.budget.status(now));
        }
    }
}

/// What a worker does next.
enum Next {
    TokenInfo,
    Job(usize),
}

/// The first turn of a job: where its record left off, or soon.
fn first_turn(record: Option<TargetRecord>, interval: Duration, start_after: Duration, now: Moment) -> Turn {
    let wait = record.map_or(start_after, |record| rest_of_wait(record, interval, now));
    Turn { not_before: now.steady + wait, at: None }
}

/// What is left of a wait that was written down. Neither a clock set back meanwhile makes it longer than it was, nor
/// anything else longer than any wait.
fn rest_of_wait(record: TargetRecord, interval: Duration, now: Moment) -> Duration {
    let whole = until(record.last_attempt, record.due).min(backoff::longest_wait(interval));
    whole.saturating_sub(until(record.last_attempt, now.wall))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    #[test]
    fn a_report_is_asked_again_whatever_is_written_down_of_its_turn() {
        let minutes =
            |minutes: i64| "2026-03-02T12:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes);
        let now = Moment { wall: minutes(0), steady: Duration::from_hours(1) };
        let interval = Duration::from_mins(5);
        let rest = |last_attempt: Timestamp, due: Timestamp| {
            rest_of_wait(TargetRecord { last_attempt, due, failures: 0 }, interval, now)
        };
        assert_eq!(rest(minutes(-2), minutes(3)), Duration::from_mins(3));
        assert_eq!(rest(minutes(-9), minutes(-4)), Duration::ZERO);
        assert_eq!(rest(minutes(60), minutes(65)), interval, "before a clock was set back");
        assert_eq!(
            rest(minutes(0), minutes(26 * 60)),
            Duration::from_hours(26),
            "until the API requests of another day"
        );
        let longest = backoff::longest_wait(interval);
        assert_eq!(rest(minutes(-1), Timestamp::MAX), longest.saturating_sub(Duration::from_mins(1)));
        assert_eq!(rest(Timestamp::MAX, Timestamp::MAX), Duration::ZERO);
        assert_eq!(rest(Timestamp::MIN, Timestamp::MAX), Duration::ZERO);
        assert_eq!(rest(Timestamp::MAX, Timestamp::MIN), Duration::ZERO);
    }
}
