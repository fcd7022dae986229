//! When is which report polled?
//!
//! One queue per budget, and in it one call at a time: operations that share a token or a pool share both. `queue`
//! decides who is next, `schedule` how long each must wait, `cost` what that costs, `budget` what may be spent, and `job`
//! does one poll.

mod token_info;
mod budget;
mod cost;
#[expect(clippy::module_inception, reason = "it is one poll, in the room of all that decides about polls")]
mod poll;
mod worker;
mod backoff;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::catalog::Catalog;
use crate::config::{Config, Operation, ReportPlan};
use crate::fold::Plan;
use crate::memory::Memory;
use crate::state::{Loaded, State, TargetRecord};
use crate::store::Store;
use crate::telemetry::Telemetry;
use crate::time::{Clock, Target, WindowName};
use crate::wolkvox::{Client, Failure, Vendor};

pub use budget::Ledger;
use cost::Cost;
pub use poll::{Job, Missed, Polled};
use token_info::Question;
use worker::Queue;

/// With few operations nobody waits for the last one.
const LONGEST_START_GAP: Duration = Duration::from_millis(250);

/// Everything that a poll needs beyond its job.
#[derive(Clone)]
pub struct Context {
    pub catalog: Arc<Catalog>,
    pub vendor: Arc<dyn Vendor>,
    pub store: Arc<Store>,
    pub telemetry: Arc<Telemetry>,
    pub state: Arc<State>,
    pub memory: Arc<Memory>,
    pub clock: Clock,
}

/// Polls until `drain`: calls in flight are ended and told first.
pub async fn run(config: &Config, context: Context, drain: CancellationToken) {
    let mut queues = JoinSet::new();
    let budgets = budgets(config);
    let (gap, plans) = (start_gap(config, budgets.len()), plans(config));
    for (place, operations) in budgets.into_iter().enumerate() {
        let head_start = gap.mul_f64(place as f64);
        let ledger = ledger(&operations, &context);
        let jobs = operations.iter().flat_map(|operation| jobs_of(operation, config, &plans)).collect();
        let question = ledger.must_ask().then(|| Question::new(operations[0]));
        queues.spawn(Queue::new(context.clone(), ledger, jobs, question, head_start).run(drain.clone()));
    }
    while let Some(ended) = queues.join_next().await {
        // A token that nobody polls any more must not look like one that is polled: the exporter ends with its queue.
        if let Err(panicked) = ended {
            std::panic::resume_unwind(panicked.into_panic());
        }
    }
}

/// Every job of a config, in its order.
pub fn jobs(config: &Config) -> Vec<Job> {
    let plans = plans(config);
    config.operations.iter().flat_map(|operation| jobs_of(operation, config, &plans)).collect()
}

/// Under what the questions about a config's budgets are counted: they are no job's.
pub fn questions(config: &Config) -> impl Iterator<Item = Target> {
    let asked = budgets(config).into_iter().filter(|operations| licensed(operations).is_none());
    asked.map(|operations| Question::new(operations[0]).target().clone())
}

/// What each budget of a config would be spent on.
pub fn forecast(config: &Config) -> Vec<Forecast> {
    budgets(config).into_iter().map(forecast_of(config)).collect()
}

/// What one budget would be spent on in a whole day.
#[derive(Debug)]
pub struct Forecast {
    /// Those that share the budget.
    pub operations: Vec<Arc<str>>,
    /// Calls a day that the config says there are; otherwise the vendor is asked.
    pub licensed: Option<u64>,
    /// Calls a day that are believed until the vendor has said more.
    pub limit: u64,
    /// Calls a day for asking the vendor.
    pub asking: u64,
    pub reports: Vec<Spending>,
    /// All of it in a sentence.
    pub told: String,
}

/// What one report costs in a day.
#[derive(Debug)]
pub struct Spending {
    pub operation: Arc<str>,
    pub report: Arc<str>,
    pub windows: Vec<WindowName>,
    pub interval: Duration,
    /// The pace that the calls of a day allow; `None` where there are none for it.
    pub pace: Option<Duration>,
    pub calls: f64,
}

fn forecast_of(config: &Config) -> impl Fn(Vec<&Operation>) -> Forecast {
    let plans = plans(config);
    move |operations| {
        let licensed = licensed(&operations);
        let limit = licensed.unwrap_or(budget::UNTOLD_LIMIT);
        let jobs: Vec<Job> = operations.iter().flat_map(|operation| jobs_of(operation, config, &plans)).collect();
        let cost = Cost::of(&jobs, licensed.is_none());
        let stretch = cost.stretch(limit);
        let spending = |operation: &Operation, plan: &ReportPlan| {
            let pace = stretch.map(|factor| Duration::from_secs(plan.interval.mul_f64(factor).as_secs()));
            let calls = plan.windows.iter().map(|window| match window {
                WindowName::Today => pace.map_or(0.0, |pace| cost::DAY.div_duration_f64(pace)),
                WindowName::Yesterday => backoff::YESTERDAY_TURNS.len() as f64,
            });
            Spending {
                operation: Arc::clone(&operation.name),
                report: Arc::clone(&plan.report.name),
                windows: plan.windows.clone(),
                interval: plan.interval,
                pace,
                calls: calls.sum(),
            }
        };
        let of = |operation: &&Operation| -> Vec<Spending> {
            operation.reports.iter().map(|plan| spending(operation, plan)).collect()
        };
        Forecast {
            operations: operations.iter().map(|operation| Arc::clone(&operation.name)).collect(),
            licensed,
            limit,
            asking: cost.asking(),
            reports: operations.iter().flat_map(of).collect(),
            told: cost.told(limit),
        }
    }
}

/// A client for a config's operations.
pub fn client(config: &Config) -> Result<Client, Failure> {
    Client::new(config.operations.iter().map(|operation| &operation.base_url), config.limits.response_bytes)
}

/// Forgets until when an operation's token was not to be used, and when its reports are due after that.
pub fn lift_pause(state: &State, operation: &str) -> std::io::Result<()> {
    let Loaded::Known(mut record) = state.load_calls(operation) else { return Ok(()) };
    if record.paused_until.take().is_none() {
        return Ok(());
    }
    for target in record.targets.values_mut().filter(|target| target.failures > 0) {
        target.due = target.last_attempt;
    }
    state.save_calls(operation, &record)
}

/// Polls each job once, for a person who waits. Every call is paid for.
pub async fn probe(config: &Config, context: &Context, mut jobs: Vec<Job>) -> Vec<(Target, Polled)> {
    let mut polled = Vec::new();
    for operations in budgets(config) {
        let mut ledger = ledger(&operations, context);
        for job in jobs.iter_mut().filter(|job| operations.iter().any(|one| one.name == job.target().operation)) {
            let now = context.clock.now().wall;
            let due = context.clock.now().wall_after(job.interval());
            let turn = TargetRecord { last_attempt: now, due, failures: 0 };
            polled.push((job.target().clone(), job.poll(context, &mut ledger, turn).await));
        }
    }
    polled
}

/// How each report is folded, by its name: all operations share it.
type Plans = HashMap<Arc<str>, Arc<Plan>>;

fn plans(config: &Config) -> Plans {
    let mut plans = Plans::new();
    for ReportPlan { report, .. } in config.operations.iter().flat_map(|operation| &operation.reports) {
        let plan = || Arc::new(Plan::new(report, &config.privacy).with_label_bytes(config.limits.label_bytes));
        plans.entry(Arc::clone(&report.name)).or_insert_with(plan);
    }
    plans
}

fn jobs_of(operation: &Operation, config: &Config, plans: &Plans) -> Vec<Job> {
    let mut jobs = Vec::new();
    for asked in &operation.reports {
        let plan = &plans[&asked.report.name];
        jobs.extend(asked.windows.iter().map(|&window| Job::new(config, operation, asked, Arc::clone(plan), window)));
    }
    jobs
}

/// Time between the first calls of one budget and the next: many operations start spread over the interval, so that
/// they neither call at once nor come back at once.
fn start_gap(config: &Config, budgets: usize) -> Duration {
    let intervals = config.operations.iter().flat_map(|operation| &operation.reports).map(|plan| plan.interval);
    intervals.min().unwrap_or_default().div_f64(budgets.max(1) as f64).min(LONGEST_START_GAP)
}

/// The operations that share a budget, together.
fn budgets(config: &Config) -> Vec<Vec<&Operation>> {
    let mut budgets: Vec<Vec<&Operation>> = Vec::new();
    for operation in &config.operations {
        let shares = |other: &&Operation| {
            other.token == operation.token || (operation.pool.is_some() && other.pool == operation.pool)
        };
        let (sharing, apart): (Vec<_>, Vec<_>) = budgets.into_iter().partition(|budget| budget.iter().any(shares));
        budgets = apart;
        budgets.push(sharing.into_iter().flatten().chain([operation]).collect());
    }
    budgets
}

/// Calls a day that the config says there are.
fn licensed(operations: &[&Operation]) -> Option<u64> {
    // One pool has one number of licences, wherever it is written.
    let licenses = operations.iter().filter_map(|operation| operation.licenses).max();
    licenses.map(|licenses| u64::from(licenses) * budget::CALLS_PER_LICENSE)
}

fn ledger(operations: &[&Operation], context: &Context) -> Ledger {
    let members = operations.iter().map(|operation| {
        let reports: usize = operation.reports.iter().map(|plan| plan.windows.len()).sum();
        (Arc::clone(&operation.name), reports)
    });
    let limit = licensed(operations);
    let zone = operations[0].zone.clone();
    Ledger::open(Arc::clone(&context.state), members.collect(), zone, limit, context.clock.now())
}
