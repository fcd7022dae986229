//! A probe: one request for each report, for a person who waits.

use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;

use super::budget::Budget;
use super::poll::{Job, PollError, Polled};
use super::{Context, budgets, open_budget};
use crate::config::Config;
use crate::state::TargetRecord;
use crate::wolkvox::{Failure, Reason};

/// What became of one job.
#[derive(Debug)]
pub enum Probed {
    Asked(Box<Job>, Box<Polled>),
    /// A request with the same token failed before in a way that this one would have failed too.
    NotAsked(Box<Job>, Reason),
}

/// Polls each job once, those of different budgets side by side, and tells what became of each as it happens.
///
/// Every request counts in the budget. It is one for each job, never a second one, and none after a failure that is not the
/// report's own.
pub async fn probe(config: &Config, context: &Context, mut jobs: Vec<Job>, tell: UnboundedSender<Probed>) {
    let mut running = JoinSet::new();
    for operations in budgets(config) {
        let is_of = |job: &Job| operations.iter().any(|one| one.name == job.target().operation);
        let (of_budget, others) = jobs.into_iter().partition(is_of);
        jobs = others;
        let budget = open_budget(&operations, &context.state, context.clock.now());
        running.spawn(probe_budget(context.clone(), budget, of_budget, tell.clone()));
    }
    drop(tell);
    while let Some(ended) = running.join_next().await {
        if let Err(panicked) = ended {
            std::panic::resume_unwind(panicked.into_panic());
        }
    }
}

async fn probe_budget(context: Context, mut budget: Budget, jobs: Vec<Job>, tell: UnboundedSender<Probed>) {
    let mut stopped = None;
    for mut job in jobs {
        let probed = if let Some(reason) = stopped {
            Probed::NotAsked(Box::new(job), reason)
        } else {
            let now = context.clock.now().wall;
            let due = context.clock.now().wall_after(job.interval());
            let turn = TargetRecord { last_attempt: now, due, failures: 0 };
            let polled = job.poll_once(&context, &mut budget, turn).await;
            let failure = polled.outcome.as_ref().err().map(PollError::failure);
            stopped = failure.filter(|failure| !is_the_reports_own(failure)).map(|failure| failure.reason);
            Probed::Asked(Box::new(job), Box::new(polled))
        };
        // Whoever does not listen any more needs no answers.
        if tell.send(probed).is_err() {
            return;
        }
    }
}

/// Whether another report may be had all the same: then the failure says nothing of the token or the server.
fn is_the_reports_own(failure: &Failure) -> bool {
    match failure.reason {
        Reason::Http4xx => failure.documented,
        Reason::Http5xx
        | Reason::TooLarge
        | Reason::RecordLimit
        | Reason::MemoryLimit
        | Reason::Malformed
        | Reason::Schema => true,
        Reason::Timeout
        | Reason::Connect
        | Reason::Tls
        | Reason::Redirect
        | Reason::TokenMissing
        | Reason::TokenRejected
        | Reason::BudgetExhausted
        | Reason::StateNotWritten
        | Reason::Concurrency
        | Reason::Maintenance
        | Reason::ForbiddenOther => false,
    }
}
