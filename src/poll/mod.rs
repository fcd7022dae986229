//! Polling: when each report is asked for, and what that may cost.
//!
//! There is one worker for each budget, and it sends one request at a time: operations that share a token or a pool share
//! both. `worker` decides which job is next, and `backoff` when it is due after a failure or for a closed day. `cost`
//! counts the requests that a day of polls takes, `slowdown` makes intervals longer where the budget has fewer, and
//! `budget` counts what is spent. `poll` does one poll, `probe` polls each report once for a person who waits, and
//! `restore` turns the data of a poll into a record for the state folder and back.

mod backoff;
mod budget;
mod cost;
#[expect(clippy::module_inception, reason = "it is one poll, in the room of all that decides about polls")]
mod poll;
mod probe;
mod restore;
mod slowdown;
mod token_info;
mod worker;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::aggregate::RowPlan;
use crate::catalog::Report;
use crate::config::{Config, Operation, ReportPlan};
use crate::memory::Memory;
use crate::state::{Loaded, State};
use crate::store::{BudgetStatus, Forecast, Store};
use crate::telemetry::Telemetry;
use crate::time::{Clock, Moment, Target, WindowName, whole_seconds};
use crate::wolkvox::{Client, Failure, Vendor};

pub use budget::Budget;
use cost::Cost;
pub use poll::{Job, PollError, Polled};
pub use probe::{Probed, probe};
pub use restore::{record_of, restored};
use slowdown::{Priority, Slowdown};
use token_info::TokenInfo;
pub use worker::BudgetWorker;

/// Few operations all start within this time of each other.
const LONGEST_START_GAP: Duration = Duration::from_millis(250);

/// Everything that a poll needs beyond its job.
#[derive(Clone)]
pub struct Context {
    pub vendor: Arc<dyn Vendor>,
    pub store: Arc<Store>,
    pub telemetry: Arc<Telemetry>,
    pub state: Arc<State>,
    pub memory: Arc<Memory>,
    pub clock: Clock,
}

/// Polls until `drain`: requests in flight end first, and are told.
pub async fn run(config: &Config, context: Context, drain: CancellationToken) {
    let mut running = JoinSet::new();
    for worker in workers(config, &context, start_gap(config, budgets(config).len())) {
        running.spawn(worker.run(drain.clone()));
    }
    while let Some(ended) = running.join_next().await {
        // A token that nobody polls any more must not look like one that is polled: the exporter ends with its worker.
        if let Err(panicked) = ended {
            std::panic::resume_unwind(panicked.into_panic());
        }
    }
}

/// A worker for each budget, which starts that much after the one before.
pub fn workers(config: &Config, context: &Context, gap: Duration) -> Vec<BudgetWorker> {
    let plans = row_plans(config);
    let worker = |(place, operations): (usize, Vec<&Operation>)| {
        let budget = open_budget(&operations, &context.state, context.clock.now());
        let jobs = operations.iter().flat_map(|operation| jobs_of(operation, config, &plans)).collect();
        let token_info = budget.must_ask().then(|| TokenInfo::new(operations[0]));
        BudgetWorker::new(context.clone(), budget, jobs, token_info, gap.mul_f64(place as f64))
    };
    budgets(config).into_iter().enumerate().map(worker).collect()
}

/// Every job of a config, in its order.
pub fn jobs(config: &Config) -> Vec<Job> {
    let plans = row_plans(config);
    config.operations.iter().flat_map(|operation| jobs_of(operation, config, &plans)).collect()
}

/// The targets under which the requests for `token_info` are counted.
pub fn budget_queries(config: &Config) -> impl Iterator<Item = Target> {
    let asked = budgets(config).into_iter().filter(|operations| licensed(operations).is_none());
    asked.map(|operations| TokenInfo::new(operations[0]).target().clone())
}

/// What each budget of a config would be spent on.
pub fn plan_budgets(config: &Config) -> Vec<BudgetPlan> {
    budgets(config).into_iter().map(|operations| plan_budget(config, &operations)).collect()
}

/// What each budget of a config has spent of its current day, as a state has it counted.
pub fn spent_budgets(config: &Config, state: &Arc<State>, now: Moment) -> Vec<(Vec<Arc<str>>, BudgetStatus)> {
    let spent = |operations: Vec<&Operation>| {
        let names = operations.iter().map(|operation| Arc::clone(&operation.name)).collect();
        (names, open_budget(&operations, state, now).status(now))
    };
    budgets(config).into_iter().map(spent).collect()
}

/// What one budget would be spent on in a whole day.
#[derive(Debug)]
pub struct BudgetPlan {
    /// Those that share the budget.
    pub operations: Vec<Arc<str>>,
    /// Requests a day that the config says there are; otherwise the vendor is asked.
    pub licensed: Option<u64>,
    /// Requests a day for asking the vendor.
    pub asking: u64,
    pub reports: Vec<ReportCost>,
    pub forecast: Forecast,
}

/// What one report costs in a day.
#[derive(Debug)]
pub struct ReportCost {
    pub operation: Arc<str>,
    pub report: Arc<str>,
    pub windows: Vec<WindowName>,
    pub interval: Duration,
    /// The pace that the requests of a day allow; `None` where there are none for it.
    pub pace: Option<Duration>,
    pub requests: f64,
}

fn plan_budget(config: &Config, operations: &[&Operation]) -> BudgetPlan {
    let plans = row_plans(config);
    let licensed = licensed(operations);
    let limit = licensed.unwrap_or(budget::UNREPORTED_LIMIT);
    let jobs: Vec<Job> = operations.iter().flat_map(|operation| jobs_of(operation, config, &plans)).collect();
    let cost = Cost::of(&jobs, licensed.is_none());
    let slowdown = cost.slowdown(limit);
    let asked = operations.iter().flat_map(|operation| operation.reports.iter().map(move |plan| (operation, plan)));
    let reports = asked.flat_map(|(operation, plan)| {
        // A day and a longer window have an interval each.
        let (long, short): (Vec<WindowName>, Vec<WindowName>) =
            plan.windows.iter().partition(|window| window.is_long());
        let of_windows = [short, long].into_iter().filter(|windows| !windows.is_empty());
        of_windows.map(move |windows| report_cost(operation, plan, windows, slowdown))
    });
    BudgetPlan {
        operations: operations.iter().map(|operation| Arc::clone(&operation.name)).collect(),
        licensed,
        asking: cost.asking(),
        reports: reports.collect(),
        forecast: cost.forecast(limit),
    }
}

fn report_cost(
    operation: &Operation,
    plan: &ReportPlan,
    windows: Vec<WindowName>,
    slowdown: Option<Slowdown>,
) -> ReportCost {
    let interval = plan.interval_of(windows[0]);
    let factor = |window| slowdown.map(|slowdown| slowdown.factor(Priority::of(&plan.report, window)));
    let slowed = |window| factor(window).map(|factor| whole_seconds(interval.mul_f64(factor)));
    let requests = windows.iter().map(|window| match window {
        WindowName::Yesterday => factor(*window).map_or(0.0, |factor| backoff::yesterday_turns(factor) as f64),
        window => slowed(*window).map_or(0.0, |pace| cost::DAY.div_duration_f64(pace)),
    });
    ReportCost {
        operation: Arc::clone(&operation.name),
        report: Arc::clone(&plan.report.name),
        interval,
        pace: slowed(windows[0]),
        requests: requests.sum(),
        windows,
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

/// How each report is added up: operations of one zone and one declaration share it.
type RowPlans = HashMap<(*const Report, String), Arc<RowPlan>>;

fn plan_key(operation: &Operation, asked: &ReportPlan) -> (*const Report, String) {
    (Arc::as_ptr(&asked.report), operation.zone.iana_name().unwrap_or_default().to_owned())
}

fn row_plans(config: &Config) -> RowPlans {
    let mut plans = RowPlans::new();
    for operation in &config.operations {
        for asked in &operation.reports {
            plans.entry(plan_key(operation, asked)).or_insert_with(|| {
                let plan = RowPlan::new(&asked.report, &config.privacy).with_label_bytes(config.limits.label_bytes);
                Arc::new(plan.in_zone(operation.zone.clone()))
            });
        }
    }
    plans
}

fn jobs_of(operation: &Operation, config: &Config, plans: &RowPlans) -> Vec<Job> {
    let mut jobs = Vec::new();
    for asked in &operation.reports {
        let plan = &plans[&plan_key(operation, asked)];
        jobs.extend(asked.windows.iter().map(|&window| Job::new(config, operation, asked, Arc::clone(plan), window)));
    }
    jobs
}

/// Time between the first requests of one budget and the next: many operations start spread over the interval, so that
/// they neither ask at once nor come back at once.
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

/// Requests a day that the config says there are.
fn licensed(operations: &[&Operation]) -> Option<u64> {
    // One pool has one number of licences, wherever it is written.
    let licenses = operations.iter().filter_map(|operation| operation.licenses).max();
    licenses.map(|licenses| u64::from(licenses) * budget::CALLS_PER_LICENSE)
}

fn open_budget(operations: &[&Operation], state: &Arc<State>, now: Moment) -> Budget {
    let members = operations.iter().map(|operation| {
        let intervals = operation.reports.iter().flat_map(|plan| plan.windows.iter().map(|_| plan.interval));
        (Arc::clone(&operation.name), intervals.collect())
    });
    let limit = licensed(operations);
    let zone = operations[0].zone.clone();
    Budget::open(Arc::clone(state), members.collect(), zone, limit, now)
}
