//! When is which report polled?
//!
//! One task per token, and in it one call at a time: operations that share a token share its queue. The task
//! sleeps on the wall clock, so that a machine that slept or whose clock was set polls what is due and no more.

mod job;
mod schedule;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::catalog::Catalog;
use crate::config::{Config, Operation};
use crate::store::Store;
use crate::telemetry::Telemetry;
use crate::wolkvox::{Client, Failure};

pub use job::{Job, Polled};

/// Longest sleep before the wall clock is read again: how late a change of the clock is noticed.
const CLOCK_CHECK: Duration = Duration::from_secs(30);

/// Everything that a poll needs beyond its job.
#[derive(Clone)]
pub struct Context {
    pub catalog: Arc<Catalog>,
    pub client: Client,
    pub store: Arc<Store>,
    pub telemetry: Arc<Telemetry>,
}

/// The jobs of one token, with the time at which each is due.
struct Queue {
    jobs: Vec<(Timestamp, Job)>,
}

/// Polls until `stop`. A call in flight is given up then: it is counted, and its answer would be served by nobody.
pub async fn run(config: &Config, context: Context, stop: CancellationToken) {
    let mut queues = JoinSet::new();
    for queue in queues_by_token(config, Timestamp::now()) {
        queue.announce(&context);
        queues.spawn(stop.clone().run_until_cancelled_owned(queue.run(context.clone())));
    }
    while queues.join_next().await.is_some() {}
}

/// Every job of a config, in its order.
pub fn jobs(config: &Config) -> Vec<Job> {
    config.operations.iter().flat_map(|operation| jobs_of(operation, config)).collect()
}

fn jobs_of(operation: &Operation, config: &Config) -> Vec<Job> {
    let plans = operation.reports.iter();
    plans
        .flat_map(|plan| plan.windows.iter().map(|&window| Job::new(operation, plan, window, config.privacy)))
        .collect()
}

/// A client for a config's operations.
pub fn client(config: &Config) -> Result<Client, Failure> {
    Client::new(config.operations.iter().map(|operation| &operation.base_url), config.limits.response_bytes)
}

fn queues_by_token(config: &Config, now: Timestamp) -> Vec<Queue> {
    let mut queues: Vec<(&Operation, Queue)> = Vec::new();
    for operation in &config.operations {
        let place = queues.iter().position(|(first, _)| first.token == operation.token).unwrap_or_else(|| {
            queues.push((operation, Queue { jobs: Vec::new() }));
            queues.len() - 1
        });
        queues[place].1.jobs.extend(jobs_of(operation, config).into_iter().map(|job| (job.first_due(now), job)));
    }
    queues.into_iter().map(|(_, queue)| queue).collect()
}

impl Queue {
    fn announce(&self, context: &Context) {
        for (due, job) in &self.jobs {
            context.store.expect(job.target(), job.interval());
            context.store.plan(job.target(), *due);
            context.telemetry.target_expected(job.target());
        }
    }

    async fn run(mut self, context: Context) {
        let start = Timestamp::now();
        let count = u32::try_from(self.jobs.len()).expect("a config has fewer reports than 2^32");
        while let Some(next) = self.soonest() {
            let due = self.jobs[next].0;
            let wait = due.duration_since(Timestamp::now());
            if wait.is_positive() {
                tokio::time::sleep(wait.unsigned_abs().min(CLOCK_CHECK)).await;
                continue;
            }
            let job = &self.jobs[next].1;
            job.poll(&context).await;
            let share = schedule::Share { start, place: u32::try_from(next).unwrap_or(count), count };
            let due = job.due_after(Timestamp::now(), share);
            context.store.plan(job.target(), due);
            self.jobs[next].0 = due;
        }
    }

    fn soonest(&self) -> Option<usize> {
        (0..self.jobs.len()).min_by_key(|&place| self.jobs[place].0)
    }
}
