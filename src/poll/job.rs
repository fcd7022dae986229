//! What does one poll do?

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Context;
use super::schedule::{self, Share};
use crate::config::{Operation, Privacy, ReportPlan};
use crate::fold::{Fold, Plan};
use crate::segment::{render_entries, render_families};
use crate::store::Served;
use crate::target::Target;
use crate::telemetry::{Gained, PollEnd};
use crate::window::{Window, WindowName};
use crate::wolkvox::{Answer, Failure, Reason, Request};

/// A target with everything that asking for it needs.
#[derive(Debug)]
pub struct Job {
    target: Target,
    zone: TimeZone,
    interval: Duration,
    stale_after: Duration,
    plan: Arc<Plan>,
    request: Request,
    dated: bool,
}

/// How a poll went.
#[derive(Debug)]
pub struct Polled {
    pub window: Window,
    pub elapsed: Duration,
    /// Read of the answer, after decompression.
    pub bytes: usize,
    pub outcome: Result<Good, Failure>,
}

/// What a good poll brought.
#[derive(Debug)]
pub struct Good {
    pub served: Served,
    /// Field and how many of its values could not be read.
    pub rejected: Vec<(String, u64)>,
}

impl Job {
    pub fn new(operation: &Operation, plan: &ReportPlan, window: WindowName, privacy: Privacy) -> Job {
        let report = &plan.report;
        Job {
            target: Target { operation: Arc::clone(&operation.name), report: Arc::clone(&report.name), window },
            zone: operation.zone.clone(),
            interval: plan.interval,
            stale_after: plan.stale_after,
            plan: Arc::new(Plan::new(report, privacy)),
            request: Request {
                base_url: operation.base_url.clone(),
                endpoint: report.endpoint.clone(),
                api: report.api.clone(),
                dates: None,
                token: operation.token.clone(),
                timeout: operation.timeout,
            },
            dated: report.dated,
        }
    }

    pub fn target(&self) -> &Target {
        &self.target
    }

    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// When the first poll is due: at once, unless the day it asks for is not settled yet.
    pub fn first_due(&self, now: Timestamp) -> Timestamp {
        match self.target.window {
            WindowName::Yesterday if !schedule::is_yesterday_settled(now, &self.zone) => {
                schedule::next_yesterday(now, &self.zone)
            }
            WindowName::Today | WindowName::Yesterday => now,
        }
    }

    /// When the next poll is due, after one at `now`.
    pub fn due_after(&self, now: Timestamp, share: Share) -> Timestamp {
        match self.target.window {
            WindowName::Today => schedule::next_turn(now, self.interval, share),
            WindowName::Yesterday => schedule::next_yesterday(now, &self.zone),
        }
    }

    /// Polls once, stores the outcome and tells it.
    pub async fn poll(&self, context: &Context) {
        context.telemetry.call_sent(&self.target);
        let polled = self.ask(context).await;
        let outcome = match &polled.outcome {
            Ok(good) => Ok(Gained { rows: good.served.rows, series: good.served.series, rejected: &good.rejected }),
            Err(failure) => Err(failure),
        };
        context.telemetry.poll_ended(&PollEnd {
            target: &self.target,
            window: &polled.window,
            elapsed: polled.elapsed,
            bytes: polled.bytes,
            outcome,
        });
        let now = Timestamp::now();
        match polled.outcome {
            Ok(good) => context.store.succeed(&self.target, now, good.served),
            Err(failure) => context.store.fail(&self.target, now, failure),
        }
    }

    /// Makes the call and turns its answer into what can be served. Changes nothing.
    pub async fn ask(&self, context: &Context) -> Polled {
        let polled_at = Timestamp::now();
        let window = Window::at(self.target.window, polled_at, &self.zone);
        let request = Request { dates: self.dated.then(|| window.vendor_dates()), ..self.request.clone() };
        let started = Instant::now();
        let answer = context.client.call(&request).await;
        let elapsed = started.elapsed();
        let bytes = answer.as_ref().map_or(0, Answer::length);
        let outcome = match answer {
            Ok(answer) => self.render(context, window.clone(), polled_at, answer).await,
            Err(failure) => Err(failure),
        };
        Polled { window, elapsed, bytes, outcome }
    }

    /// Folds and renders on a blocking thread: a large report must not hold up a scrape.
    async fn render(
        &self,
        context: &Context,
        window: Window,
        polled_at: Timestamp,
        answer: Answer,
    ) -> Result<Good, Failure> {
        let (plan, target, catalog) = (Arc::clone(&self.plan), self.target.clone(), Arc::clone(&context.catalog));
        let stale_after = (target.window == WindowName::Today).then_some(self.stale_after);
        let rendering = tokio::task::spawn_blocking(move || {
            let mut fold = Fold::new(&plan, window.clone());
            if let Answer::Body(body) = answer {
                fold = fold.add(&body)?;
            }
            let folded = fold.finish()?;
            let served = Served {
                window,
                polled_at,
                stale_after,
                rows: folded.rows,
                series: folded.series() as u64,
                families: render_families(&folded, &catalog, &target.operation, target.window),
                entries: render_entries(&folded),
            };
            Ok(Good { served, rejected: folded.rejected })
        });
        rendering.await.unwrap_or_else(|_| Err(Failure::new(Reason::Malformed, "the decoder failed on the answer")))
    }
}
