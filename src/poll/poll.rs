//! One poll: it asks for a window, in parts where it must, and makes what can be served.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use url::Url;

use super::Context;
use super::budget::{Budget, NotReserved};
use super::slowdown::Priority;
use crate::aggregate::{Aggregator, MissingFields, RowPlan, SeriesCap};
use crate::catalog::Report;
use crate::config::{Config, Operation, ReportPlan};
use crate::memory::PollMemory;
use crate::state::{DataOrigin, TargetRecord};
use crate::store::{Findings, PollData, served_bytes};
use crate::time::{Moment, Target, TimeRange, Window, WindowName};
use crate::wolkvox::{Answer, Failure, Reason, Request, Token, read_answer};
use crate::yaml::quoted;

/// Parts that a window is asked in at most from the start; within a poll it may be cut further.
const MOST_PARTS: u32 = 64;
/// The same where requests timed out: each may take a minute.
const MOST_SLOW_PARTS: u32 = 8;

/// A target with everything that asking for it needs.
#[derive(Debug)]
pub struct Job {
    target: Target,
    zone: TimeZone,
    origin: DataOrigin,
    interval: Duration,
    stale_after: Duration,
    plan: Arc<RowPlan>,
    report: Arc<Report>,
    splits: bool,
    dated: bool,
    request: Request,
    series_cap: usize,
    rows_per_answer: u64,
    cap: SeriesCap,
    /// Parts that the window is asked in, learned from the last poll.
    parts: u32,
}

/// How a poll went.
#[derive(Debug)]
pub struct Polled {
    pub at: Moment,
    pub window: Window,
    pub elapsed: Duration,
    pub requests: u32,
    /// Read of the answers, after decompression.
    pub bytes: usize,
    pub outcome: Result<PollData, PollError>,
}

/// Why a poll brought nothing.
#[derive(Debug)]
pub enum PollError {
    /// A request failed.
    Failed(Failure),
    /// A request could not be reserved in the budget, so it was not sent.
    NotReserved(NotReserved),
}

impl PollError {
    pub fn failure(&self) -> Failure {
        match self {
            PollError::Failed(failure) => failure.clone(),
            PollError::NotReserved(not_reserved) => not_reserved.failure(),
        }
    }
}

/// What one API request brought.
struct Answered {
    aggregator: Result<Aggregator, Failure>,
    /// From the sending to the last byte of the answer.
    took: Duration,
    /// Of the answer, after decompression.
    bytes: usize,
}

/// What is left to ask of a window, and what was gained so far.
struct Progress {
    /// The next part to ask for is the last here.
    pending: Vec<TimeRange>,
    memory: Arc<PollMemory>,
    whole: Option<Aggregator>,
    requests: u32,
    bytes: usize,
    /// Whether a part had to be cut.
    cut: bool,
    /// Whether a window is asked for once and not in parts.
    once: bool,
}

impl Job {
    /// `plan` is how the rows of the report that is `asked` for are added up.
    pub fn new(
        config: &Config,
        operation: &Operation,
        asked: &ReportPlan,
        plan: Arc<RowPlan>,
        window: WindowName,
    ) -> Job {
        let report = &asked.report;
        Job {
            target: Target { operation: Arc::clone(&operation.name), report: Arc::clone(&report.name), window },
            zone: operation.zone.clone(),
            origin: DataOrigin {
                base_url: operation.base_url.to_string(),
                zone: operation.zone.iana_name().unwrap_or_default().to_owned(),
                agent_dni: config.privacy.agent_dni,
                agents: config.privacy.mark(),
                report: report.mark(),
            },
            interval: asked.interval_of(window),
            stale_after: asked.stale_after_of(window),
            plan,
            splits: report.splits,
            dated: report.is_dated(),
            report: Arc::clone(report),
            request: Request {
                base_url: operation.base_url.clone(),
                endpoint: report.endpoint.clone(),
                api: report.api.clone(),
                params: report.sent_params(),
                dates: None,
                token: operation.token.clone(),
                timeout: operation.timeout,
            },
            series_cap: config.limits.series_per_report,
            rows_per_answer: config.limits.rows_per_answer,
            cap: SeriesCap::default(),
            parts: 1,
        }
    }

    pub fn target(&self) -> &Target {
        &self.target
    }

    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// Whether a window that is too large for one answer can be asked in parts.
    pub fn splits(&self) -> bool {
        self.splits
    }

    /// Everything before `/api/v2/`.
    pub fn base_url(&self) -> &Url {
        &self.request.base_url
    }

    pub fn token(&self) -> &Token {
        &self.request.token
    }

    /// How soon it matters that it is polled.
    pub fn priority(&self) -> Priority {
        Priority::of(&self.report, self.target.window)
    }

    pub fn report(&self) -> &Arc<Report> {
        &self.report
    }

    /// What its data are bound to.
    pub fn origin(&self) -> &DataOrigin {
        &self.origin
    }

    /// Requests that its next poll takes, as far as one can tell.
    pub fn requests_per_poll(&self) -> u32 {
        self.parts
    }

    /// Polls once: asks for the window, in parts where it must be, and turns the answers into what can be served.
    /// Every request is reserved in the budget first, and `turn` is written down with it.
    pub async fn poll(&mut self, context: &Context, budget: &mut Budget, turn: TargetRecord) -> Polled {
        self.poll_in_parts(context, budget, turn, false).await
    }

    /// The same with one request and never a second one.
    pub async fn poll_once(&mut self, context: &Context, budget: &mut Budget, turn: TargetRecord) -> Polled {
        self.poll_in_parts(context, budget, turn, true).await
    }

    async fn poll_in_parts(
        &mut self,
        context: &Context,
        budget: &mut Budget,
        turn: TargetRecord,
        once: bool,
    ) -> Polled {
        let memory = context.memory.poll();
        let at = context.clock.now();
        let window = Window::at(self.target.window, at.wall, &self.zone);
        let pending = if once { vec![window.whole()] } else { self.first_parts(&window) };
        let mut progress = Progress { pending, memory, whole: None, requests: 0, bytes: 0, cut: false, once };
        let gathered = self.gather(context, budget, turn, &window, &mut progress).await;
        let elapsed = context.clock.now().since(at);
        self.learn(&gathered, &progress, elapsed);
        let outcome = match (gathered, progress.whole) {
            (Ok(()), Some(aggregator)) => {
                self.render(context, window.clone(), at, aggregator).await.map_err(PollError::Failed)
            }
            (Ok(()), None) => Err(PollError::Failed(Failure::new(Reason::Malformed, "nothing was asked"))),
            (Err(error), _) => Err(error),
        };
        Polled { at, window, elapsed, requests: progress.requests, bytes: progress.bytes, outcome }
    }

    fn first_parts(&self, window: &Window) -> Vec<TimeRange> {
        let mut parts = vec![window.whole()];
        while parts.len() < self.parts as usize {
            let halves: Vec<TimeRange> = parts
                .iter()
                .flat_map(|part| part.halves().map_or(vec![*part], |(first, second)| vec![first, second]))
                .collect();
            if halves.len() == parts.len() {
                break;
            }
            parts = halves;
        }
        parts.reverse();
        parts
    }

    async fn gather(
        &self,
        context: &Context,
        budget: &mut Budget,
        turn: TargetRecord,
        window: &Window,
        progress: &mut Progress,
    ) -> Result<(), PollError> {
        while let Some(part) = progress.pending.pop() {
            progress.memory.give_back();
            budget.reserve(&self.target, turn, context.clock.now()).await.map_err(PollError::NotReserved)?;
            progress.requests += 1;
            match self.request(context, window, part, progress).await {
                Ok(aggregator) => match progress.whole.take() {
                    Some(whole) => progress.whole = Some(merged(whole, aggregator).await.map_err(PollError::Failed)?),
                    None => progress.whole = Some(aggregator),
                },
                Err(failure) if self.is_worth_cutting(&failure, turn, progress) => {
                    self.cut(part, &failure, progress)?;
                }
                Err(failure) => return Err(PollError::Failed(failure)),
            }
        }
        Ok(())
    }

    /// A time-out may mean a report too heavy for the vendor, but also a vendor that is gone: one cut tells, and
    /// only where the last poll went well.
    fn is_worth_cutting(&self, failure: &Failure, turn: TargetRecord, progress: &Progress) -> bool {
        match failure.reason {
            _ if progress.once => false,
            Reason::TooLarge | Reason::RecordLimit => true,
            Reason::Timeout => self.splits && turn.failures == 0 && !progress.cut,
            _ => false,
        }
    }

    /// Puts the halves of a part that could not be had whole in its place.
    fn cut(&self, part: TimeRange, failure: &Failure, progress: &mut Progress) -> Result<(), PollError> {
        let halves = if self.splits { part.halves() } else { None };
        let Some((first, second)) = halves else {
            let why = if self.splits { "even for a minute" } else { "and this report cannot be asked in parts" };
            let detail = format!("{}, {why}", failure.detail);
            return Err(PollError::Failed(Failure { detail, ..failure.clone() }));
        };
        progress.cut = true;
        progress.pending.extend([second, first]);
        Ok(())
    }

    /// How the next poll should start: in more parts where these were too few, in fewer where one may do again.
    fn learn(&mut self, gathered: &Result<(), PollError>, progress: &Progress, elapsed: Duration) {
        let rows = progress.whole.as_ref().map_or(0, Aggregator::rows);
        let timed_out = matches!(gathered, Err(PollError::Failed(failure)) if failure.reason == Reason::Timeout);
        if timed_out && self.splits {
            self.parts = (self.parts * 2).min(MOST_SLOW_PARTS).max(self.parts);
        } else if gathered.is_ok() && progress.cut {
            self.parts = (self.parts * 2).min(MOST_PARTS);
        } else if gathered.is_ok() && rows < self.rows_per_answer / 2 && elapsed < self.request.timeout / 2 {
            self.parts = (self.parts / 2).max(1);
        }
    }

    /// Sends one API request, adds up its answer, and tells how both went.
    async fn request(
        &self,
        context: &Context,
        window: &Window,
        part: TimeRange,
        progress: &mut Progress,
    ) -> Result<Aggregator, Failure> {
        context.telemetry.request_sent(&self.target);
        let Answered { aggregator, took, bytes } = self.answer(context, window, part, &progress.memory).await;
        let aggregator = aggregator.and_then(|aggregator| match aggregator.rows() {
            rows if rows < self.rows_per_answer => Ok(aggregator),
            rows => Err(Failure::new(Reason::RecordLimit, format!("{rows} records, so the answer may be cut off"))),
        });
        progress.bytes += bytes;
        context.telemetry.request_ended(&self.target, took, bytes, aggregator.as_ref().err());
        aggregator
    }

    /// The answer's rows are added up on a blocking thread: a large report must not hold up a scrape.
    async fn answer(&self, context: &Context, window: &Window, part: TimeRange, memory: &Arc<PollMemory>) -> Answered {
        let request = Request { dates: self.dated.then(|| part.vendor_dates()), ..self.request.clone() };
        let mut aggregator = Aggregator::new(Arc::clone(&self.plan), window.clone()).within(memory.share());
        let sent = context.clock.now();
        let answer = context.vendor.call(&request, memory).await;
        let took = context.clock.now().since(sent);
        let mut body = match answer {
            Ok(Answer::Body(body)) => body,
            Ok(Answer::NoRows) => return Answered { aggregator: Ok(aggregator), took, bytes: 0 },
            Err(failure) => return Answered { aggregator: Err(failure), took, bytes: 0 },
        };
        // Where this future is dropped, the thread that reads what still comes in is not to go on.
        let guard = body.guard();
        let read = blocking(move || {
            let read = read_answer(&mut body, &mut aggregator);
            let read = read.and_then(|_| Ok(aggregator.take_memory()?));
            (read.map(|()| aggregator), body.length())
        });
        let (aggregator, bytes) = read.await.unwrap_or_else(|failure| (Err(failure), 0));
        // A large answer is read while it comes in: its last byte came just now.
        let took = if guard.is_some() { context.clock.now().since(sent) } else { took };
        Answered { aggregator, took, bytes }
    }

    async fn render(
        &mut self,
        context: &Context,
        window: Window,
        at: Moment,
        aggregator: Aggregator,
    ) -> Result<PollData, Failure> {
        let (target, most) = (self.target.clone(), self.series_cap);
        let memory = Arc::clone(&context.memory);
        let stale_after = target.window.is_open().then_some(self.stale_after);
        let mut cap = std::mem::take(&mut self.cap);
        let (cap, data) = blocking(move || {
            let data = aggregator.finish(most, &mut cap).map_err(|missing| renamed(&missing)).and_then(|aggregated| {
                let families = aggregated.render(&target.operation, target.window)?;
                Ok(PollData {
                    memory: Some(memory.served(served_bytes(&families, &aggregated.infos))?),
                    window,
                    polled_at: at,
                    stale_after,
                    rows: aggregated.rows,
                    series: aggregated.series() as u64,
                    dropped: aggregated.dropped,
                    families,
                    infos: aggregated.infos,
                    rejected: aggregated.rejected,
                    shortened: aggregated.shortened,
                    findings: Findings {
                        undocumented_fields: names_of(&aggregated.undocumented),
                        rows_without_value: aggregated.without_value,
                        rows_outside_window: aggregated.outside,
                    },
                    changed_at: None,
                })
            });
            (cap, data)
        })
        .await?;
        self.cap = cap;
        data
    }
}

/// Names of fields as they can be repeated: a field could be called anything, as a person is or a telephone.
fn names_of(fields: &BTreeSet<String>) -> Vec<String> {
    let names: BTreeSet<String> = fields.iter().map(|name| quoted(name)).collect();
    names.into_iter().collect()
}

/// Fields that the vendor renamed or dropped.
fn renamed(missing: &MissingFields) -> Failure {
    Failure::new(Reason::Schema, missing.to_string())
}

/// Both parts of a window together.
async fn merged(mut whole: Aggregator, part: Aggregator) -> Result<Aggregator, Failure> {
    blocking(move || {
        whole.merge(part);
        whole.take_memory()?;
        Ok(whole)
    })
    .await?
}

pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| Failure::new(Reason::Malformed, "the decoder gave up on the answer"))
}
