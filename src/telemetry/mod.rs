//! What does the exporter say about itself?
//!
//! Each event has one function here that writes both its log line and its metrics, so that the two cannot drift.

mod process;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use tracing::{debug, info, warn};

use crate::target::Target;
use crate::window::Window;
use crate::wolkvox::Failure;

/// From a fast answer to the vendor's own limit of 60 s.
const CALL_SECONDS: [f64; 9] = [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// The exporter's own metrics.
#[derive(Debug)]
pub struct Telemetry {
    registry: RwLock<Registry>,
    requests: Family<ReportLabels, Counter>,
    failures: Family<FailureLabels, Counter>,
    durations: Family<ReportLabels, Histogram, fn() -> Histogram>,
    response_bytes: Family<ReportLabels, Counter>,
    rejected_values: Family<FieldLabels, Counter>,
    http_requests: Family<HttpLabels, Counter>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReportLabels {
    operation: Arc<str>,
    report: Arc<str>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct FailureLabels {
    operation: Arc<str>,
    report: Arc<str>,
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct FieldLabels {
    operation: Arc<str>,
    report: Arc<str>,
    field: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct HttpLabels {
    handler: &'static str,
    code: u16,
}

/// How one poll went, for its log line and its metrics.
pub struct PollEnd<'e> {
    pub target: &'e Target,
    pub window: &'e Window,
    pub elapsed: Duration,
    /// Read of the answer, after decompression.
    pub bytes: usize,
    pub outcome: Result<Gained<'e>, &'e Failure>,
}

/// What a good poll brought.
pub struct Gained<'e> {
    pub rows: u64,
    pub series: u64,
    pub rejected: &'e [(String, u64)],
}

impl Default for Telemetry {
    fn default() -> Telemetry {
        let telemetry = Telemetry {
            registry: RwLock::default(),
            requests: Family::default(),
            failures: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(CALL_SECONDS)),
            response_bytes: Family::default(),
            rejected_values: Family::default(),
            http_requests: Family::default(),
        };
        telemetry.register();
        telemetry
    }
}

impl Telemetry {
    fn register(&self) {
        let mut registry = self.registry.write().unwrap_or_else(PoisonError::into_inner);
        registry.register("wolkvox_api_requests", "Calls sent to the vendor, failed ones too", self.requests.clone());
        registry.register(
            "wolkvox_api_request_failures",
            "Polls that brought no data, by reason; the log has the details",
            self.failures.clone(),
        );
        registry.register(
            "wolkvox_api_request_duration_seconds",
            "Time from sending a call to the end of its answer",
            self.durations.clone(),
        );
        registry.register(
            "wolkvox_api_response_bytes",
            "Bytes of the vendor's answers after decompression",
            self.response_bytes.clone(),
        );
        registry.register(
            "wolkvox_report_rejected_values",
            "Values of the vendor that could not be read and were left out",
            self.rejected_values.clone(),
        );
        registry.register(
            "wolkvox_exporter_http_requests",
            "Requests answered by the exporter",
            self.http_requests.clone(),
        );
        let version =
            Info::new([("version", env!("CARGO_PKG_VERSION")), ("rustversion", env!("CARGO_PKG_RUST_VERSION"))]);
        registry.register("wolkvox_exporter_build", "Always 1; the labels say what is running", version);
        registry.register_collector(Box::new(process::Collector));
    }

    /// Adds metrics that are read from elsewhere at each scrape.
    pub fn collect(&self, collector: Box<dyn Collector>) {
        self.registry.write().unwrap_or_else(PoisonError::into_inner).register_collector(collector);
    }

    pub fn with_registry<T>(&self, read: impl FnOnce(&Registry) -> T) -> T {
        read(&self.registry.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// A target will be polled: its counters start at zero, so that the first increase is seen as one.
    pub fn target_expected(&self, target: &Target) {
        drop(self.requests.get_or_create(&report(target)));
        drop(self.response_bytes.get_or_create(&report(target)));
        drop(self.durations.get_or_create(&report(target)));
    }

    /// A call is about to be sent.
    pub fn call_sent(&self, target: &Target) {
        self.requests.get_or_create(&report(target)).inc();
        debug!(operation = %target.operation, report = %target.report, window = %target.window, "call");
    }

    /// A poll is over.
    pub fn poll_ended(&self, end: &PollEnd<'_>) {
        let PollEnd { target, window, elapsed, bytes, outcome } = end;
        let labels = report(target);
        self.durations.get_or_create(&labels).observe(elapsed.as_secs_f64());
        self.response_bytes.get_or_create(&labels).inc_by(*bytes as u64);
        let ms = elapsed.as_millis();
        match outcome {
            Ok(Gained { rows, series, rejected }) => {
                for (field, count) in *rejected {
                    self.rejected_values.get_or_create(&field_labels(target, field)).inc_by(*count);
                }
                let rejected: u64 = rejected.iter().map(|(_, count)| count).sum();
                info!(
                    operation = %target.operation, report = %target.report, window = %target.window, span = %window,
                    status = "ok", rows, series, rejected, bytes, ms, "poll"
                );
            }
            Err(failure) => {
                let labels = FailureLabels {
                    operation: Arc::clone(&target.operation),
                    report: Arc::clone(&target.report),
                    reason: failure.reason.as_str(),
                };
                self.failures.get_or_create(&labels).inc();
                warn!(
                    operation = %target.operation, report = %target.report, window = %target.window, span = %window,
                    status = %failure.reason, rows = 0, series = 0, bytes, ms,
                    detail = %failure.detail, hint = failure.reason.hint(), "poll"
                );
            }
        }
    }

    /// A request was answered. `handler` is one of the routes, never what a client wrote.
    pub fn request_answered(&self, handler: &'static str, code: u16) {
        self.http_requests.get_or_create(&HttpLabels { handler, code }).inc();
        debug!(handler, code, "request");
    }
}

fn report(target: &Target) -> ReportLabels {
    ReportLabels { operation: Arc::clone(&target.operation), report: Arc::clone(&target.report) }
}

fn field_labels(target: &Target, field: &str) -> FieldLabels {
    FieldLabels {
        operation: Arc::clone(&target.operation),
        report: Arc::clone(&target.report),
        field: field.to_owned(),
    }
}
