//! What needs a look, by its cause: what one person mends at once is told once.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::{FailureFacts, OperationFacts, ReportFacts, ReportState};
use crate::time::WindowName;
use crate::wolkvox::Reason;

/// Reports that fail for one reason, with one hint.
#[derive(Debug, Serialize)]
pub struct Cause<'a> {
    #[serde(serialize_with = "reason_or_null")]
    pub reason: Option<Reason>,
    #[serde(skip)]
    pub folder: Option<&'a str>,
    hint: Option<Cow<'static, str>>,
    pub stale: usize,
    pub failing: usize,
    /// Those whose last good data are still served.
    #[serde(skip)]
    pub served: usize,
    pub oldest_age_seconds: Option<u64>,
    #[serde(rename = "next_poll_at")]
    pub next_poll: Option<Timestamp>,
    /// In the order of the config, by their place in it.
    #[serde(serialize_with = "names")]
    pub operations: BTreeMap<usize, &'a str>,
    #[serde(skip)]
    pub reports: BTreeMap<&'a str, BTreeSet<WindowName>>,
    /// What happened, word for word, as often as it did.
    #[serde(skip)]
    pub details: BTreeMap<&'a str, usize>,
    #[serde(skip)]
    pub most_failures: u64,
    /// Reports that its operations have, whatever their state.
    #[serde(skip)]
    reports_there: usize,
}

impl<'a> Cause<'a> {
    /// All causes, the worst first.
    pub fn of<'o>(operations: impl IntoIterator<Item = &'o OperationFacts<'a>>) -> Vec<Cause<'a>>
    where
        'a: 'o,
    {
        let mut causes: BTreeMap<_, Cause<'a>> = BTreeMap::new();
        for operation in operations {
            for report in operation.reports.iter().filter(|report| report.state.needs_a_look()) {
                let failure = report.failure.as_ref();
                let key = (failure.map(|failure| failure.reason), failure.and_then(|failure| failure.folder));
                causes.entry(key).or_insert_with(|| Cause::new(failure)).add(operation, report);
            }
        }
        let mut causes: Vec<_> = causes.into_values().collect();
        causes.sort_by_key(|cause| (cause.state(), cause.urgency(), Reverse(cause.affected())));
        causes
    }

    fn new(failure: Option<&FailureFacts<'a>>) -> Cause<'a> {
        Cause {
            reason: failure.map(|failure| failure.reason),
            folder: failure.and_then(|failure| failure.folder),
            hint: failure.map(|failure| failure.hint.clone()),
            stale: 0,
            failing: 0,
            served: 0,
            oldest_age_seconds: None,
            next_poll: None,
            operations: BTreeMap::new(),
            reports: BTreeMap::new(),
            details: BTreeMap::new(),
            most_failures: 0,
            reports_there: 0,
        }
    }

    fn add(&mut self, operation: &OperationFacts<'a>, report: &ReportFacts<'a>) {
        match report.state {
            ReportState::Stale => self.stale += 1,
            _ => self.failing += 1,
        }
        self.served += usize::from(report.serves_from.is_some());
        self.oldest_age_seconds = self.oldest_age_seconds.max(report.age_seconds);
        self.next_poll = [self.next_poll, report.next_poll_at].into_iter().flatten().min();
        self.most_failures = self.most_failures.max(report.consecutive_failures);
        self.reports.entry(report.report).or_default().insert(report.window);
        if let Some(failure) = &report.failure {
            *self.details.entry(failure.detail).or_default() += 1;
        }
        if self.operations.insert(operation.place, operation.operation).is_none() {
            self.reports_there += operation.reports.len();
        }
    }

    pub fn affected(&self) -> usize {
        self.stale + self.failing
    }

    /// Whether nothing else of its operations works either.
    pub fn has_every_report(&self) -> bool {
        self.affected() == self.reports_there
    }

    fn state(&self) -> ReportState {
        if self.stale > 0 { ReportState::Stale } else { ReportState::Failing }
    }

    fn urgency(&self) -> Urgency {
        self.reason.map_or(Urgency::Passes, Urgency::of)
    }
}

/// How soon somebody must do something. The most urgent comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Urgency {
    /// Nothing of an operation is polled until it is mended here.
    Stops,
    /// It fails again until something is changed.
    Stays,
    /// It may pass by itself.
    Passes,
}

impl Urgency {
    fn of(reason: Reason) -> Urgency {
        match reason {
            Reason::TokenMissing | Reason::TokenRejected | Reason::StateNotWritten => Urgency::Stops,
            Reason::Tls
            | Reason::Http4xx
            | Reason::Redirect
            | Reason::BudgetExhausted
            | Reason::Concurrency
            | Reason::ForbiddenOther
            | Reason::TooLarge
            | Reason::RecordLimit
            | Reason::MemoryLimit
            | Reason::Malformed
            | Reason::Schema => Urgency::Stays,
            Reason::Timeout | Reason::Connect | Reason::Http5xx | Reason::Maintenance => Urgency::Passes,
        }
    }
}

#[allow(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn reason_or_null<S: Serializer>(reason: &Option<Reason>, serializer: S) -> Result<S::Ok, S::Error> {
    reason.map(Reason::as_str).serialize(serializer)
}

fn names<S: Serializer>(operations: &BTreeMap<usize, &str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(operations.values())
}
