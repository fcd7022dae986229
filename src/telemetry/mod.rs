//! Telemetry: the exporter's own metrics and log lines.
//!
//! Each event has one function here that writes both its log line and its metrics, so that the two cannot drift.

pub mod log;
mod process;
mod reports;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};
use std::time::{Duration, Instant};

use humantime::format_duration;
use jiff::{SignedDuration, Timestamp};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use tracing::{debug, info, warn};

use crate::lock;
use crate::memory::MemoryError;
use crate::store::Forecast;
use crate::time::{Target, Window, unix_seconds};
use crate::wolkvox::{Failure, Reason};

use process::ProcessCollector;
pub use reports::ReportMetrics;

/// From a fast answer to the vendor's own limit of 60 s.
const REQUEST_SECONDS: [f64; 9] = [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
/// A poll may take many requests.
const POLL_SECONDS: [f64; 11] = [0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0];

/// The values of the `result` label.
const OK: &str = "ok";
const FAILED: &str = "failed";

/// A flood of clients must not flood the log, and one that tries again and again is told of all the same.
const TELL_INTERVAL: Duration = Duration::from_mins(1);

/// The exporter's own metrics.
#[derive(Debug)]
pub struct Telemetry {
    /// What polls and reloads change.
    registry: RwLock<Registry>,
    /// What every scrape changes.
    live: RwLock<Registry>,
    counted: Counters,
    /// Grows with every change of what is counted.
    version: AtomicU64,
    /// The labels of all that is counted: a family does not list its own.
    known: Mutex<KnownLabels>,
    http_refusals: Family<RefusalLabels, Counter>,
    handshake_refusals: Family<RefusalLabels, Counter>,
    /// When the log last told of each reason, and how often it happened since.
    handshakes_told: Mutex<HashMap<HandshakeRefused, LineLimit>>,
    http_requests: Family<HttpLabels, Counter>,
}

/// A line of the log that clients could cause without end.
#[derive(Debug, Default)]
struct LineLimit {
    last: Option<Instant>,
    held_back: u64,
}

impl LineLimit {
    /// How many were held back since the last line, if there may be another one now.
    fn again(&mut self, now: Instant) -> Option<u64> {
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < TELL_INTERVAL) {
            self.held_back += 1;
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.held_back))
    }
}

#[derive(Debug, Default)]
struct KnownLabels {
    reports: HashSet<ReportLabels>,
    /// Those with values that could not be read.
    fields: HashSet<FieldLabels>,
}

/// What polls and reloads change.
#[derive(Debug)]
struct Counters {
    requests: Family<ReportLabels, Counter>,
    request_failures: Family<FailureLabels, Counter>,
    request_durations: Family<ReportLabels, Histogram, fn() -> Histogram>,
    polls: Family<ResultLabels, Counter>,
    poll_failures: Family<FailureLabels, Counter>,
    poll_durations: Family<ReportLabels, Histogram, fn() -> Histogram>,
    response_bytes: Family<ReportLabels, Counter>,
    rejected_values: Family<FieldLabels, Counter>,
    shortened_labels: Family<FieldLabels, Counter>,
    dropped_series: Family<ReportLabels, Counter>,
    state_failures: Counter,
    reload_successful: Gauge,
    reload_success_seconds: Gauge<f64, AtomicU64>,
    web_reload_successful: Gauge,
}

/// A change under way. Only through it is anything counted, so that none can be missed by the version: that grows when
/// the change is made, and a scrape that saw half of it looks again.
struct Change<'t> {
    counted: &'t Counters,
    version: &'t AtomicU64,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReportLabels {
    operation: Arc<str>,
    report: Arc<str>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ResultLabels {
    operation: Arc<str>,
    report: Arc<str>,
    result: &'static str,
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

impl FieldLabels {
    fn report(&self) -> ReportLabels {
        ReportLabels { operation: Arc::clone(&self.operation), report: Arc::clone(&self.report) }
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct HttpLabels {
    handler: &'static str,
    code: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RefusalLabels {
    reason: &'static str,
}

/// Why a client was turned away. The set is closed: nothing that a client wrote becomes a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Its address had too many connections already.
    Connections,
    /// No TLS that both sides accept, or a certificate that is not let in.
    Handshake,
    /// It sent more of a body than anybody reads.
    Body,
    /// It asked more often than `rate_limit` allows.
    Rate,
    /// No credentials, or wrong ones.
    Credentials,
    /// Too many of its passwords were still to be checked.
    Busy,
    /// It named a host that is not the exporter's.
    Host,
    /// A page of another site made a browser ask.
    CrossSite,
}

impl Refused {
    pub const ALL: [Refused; 8] = [
        Refused::Connections,
        Refused::Handshake,
        Refused::Body,
        Refused::Rate,
        Refused::Credentials,
        Refused::Busy,
        Refused::Host,
        Refused::CrossSite,
    ];

    /// The value of the `reason` label.
    pub fn as_str(self) -> &'static str {
        match self {
            Refused::Connections => "connections",
            Refused::Handshake => "handshake",
            Refused::Body => "body",
            Refused::Rate => "rate",
            Refused::Credentials => "credentials",
            Refused::Busy => "busy",
            Refused::Host => "host",
            Refused::CrossSite => "cross_site",
        }
    }
}

/// Why no TLS connection came about. A closed set too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HandshakeRefused {
    NoCertificate,
    UnknownIssuer,
    Expired,
    NotYetValid,
    Purpose,
    Name,
    /// A CA's certificate, and not itself in the client CA file.
    CaCertificate,
    /// Broken, of another version, or with a signature or a critical extension that is not known.
    Certificate,
    /// No version, cipher suite or curve in common.
    Incompatible,
    /// The client did not want the exporter's certificate.
    ByClient,
    NotTls,
    Timeout,
    Closed,
    Other,
    /// The exporter's own health check, which has no certificate and learns all it wants by being refused.
    Health,
}

impl HandshakeRefused {
    pub const ALL: [HandshakeRefused; 15] = [
        HandshakeRefused::NoCertificate,
        HandshakeRefused::UnknownIssuer,
        HandshakeRefused::Expired,
        HandshakeRefused::NotYetValid,
        HandshakeRefused::Purpose,
        HandshakeRefused::Name,
        HandshakeRefused::CaCertificate,
        HandshakeRefused::Certificate,
        HandshakeRefused::Incompatible,
        HandshakeRefused::ByClient,
        HandshakeRefused::NotTls,
        HandshakeRefused::Timeout,
        HandshakeRefused::Closed,
        HandshakeRefused::Other,
        HandshakeRefused::Health,
    ];

    /// The value of the `reason` label, and what can be done.
    fn told(self) -> (&'static str, &'static str) {
        match self {
            HandshakeRefused::NoCertificate => {
                ("no_certificate", "give the client a certificate: cert_file and key_file of its tls_config")
            }
            HandshakeRefused::UnknownIssuer => (
                "certificate_unknown_issuer",
                "the client's certificate is neither in client_ca_file nor signed by a CA that is; are its intermediates sent?",
            ),
            HandshakeRefused::Expired => ("certificate_expired", "renew the client's certificate, or that of its CA"),
            HandshakeRefused::NotYetValid => {
                ("certificate_not_yet_valid", "are both clocks right? else wait, or make the client's certificate anew")
            }
            HandshakeRefused::Purpose => (
                "certificate_purpose",
                "the client's certificate, or that of its CA, is made for another use: extendedKeyUsage needs clientAuth",
            ),
            HandshakeRefused::Name => {
                ("certificate_name", "no name in the client's certificate is in client_allowed_sans")
            }
            HandshakeRefused::CaCertificate => (
                "certificate_of_ca",
                "the client shows a CA's certificate: make one with CA:FALSE, or put this very one into client_ca_file",
            ),
            HandshakeRefused::Certificate => (
                "certificate_invalid",
                "make the client's certificate anew: version 3, signed with SHA-256 or better by RSA from 2048 bits, P-256, P-384 or Ed25519",
            ),
            HandshakeRefused::Incompatible => {
                ("incompatible", "client and exporter have no TLS version, cipher suite or curve in common")
            }
            HandshakeRefused::ByClient => (
                "refused_by_client",
                "the client does not trust the exporter's certificate: see ca_file and server_name of its tls_config",
            ),
            HandshakeRefused::NotTls => ("not_tls", "the client does not speak TLS: set its scheme to https"),
            HandshakeRefused::Timeout => ("timeout", "the client did not finish in time"),
            HandshakeRefused::Closed => ("closed", "the client left before it was over, as checks of a port do"),
            HandshakeRefused::Other => ("other", "the client does not keep to TLS"),
            HandshakeRefused::Health => ("health", "none is needed"),
        }
    }
}

/// How one poll went, for its log line and its metrics.
pub struct PollEnd<'e> {
    pub target: &'e Target,
    pub window: &'e Window,
    pub elapsed: Duration,
    pub requests: u32,
    /// Read of the answers, after decompression.
    pub bytes: usize,
    /// API requests that may still be sent today.
    pub budget_left: u64,
    pub outcome: Result<Gained<'e>, &'e Failure>,
}

/// What a good poll brought.
pub struct Gained<'e> {
    pub rows: u64,
    pub series: u64,
    /// Series over the cap.
    pub dropped: u64,
    pub rejected: &'e [(String, u64)],
    pub shortened: &'e [(String, u64)],
}

impl Default for Telemetry {
    fn default() -> Telemetry {
        Telemetry::of(ProcessCollector::new().ok())
    }
}

impl Telemetry {
    /// Of a process that seems to have started then.
    pub fn started_at(started: Timestamp) -> Telemetry {
        Telemetry::of(ProcessCollector::new().ok().map(|process| process.started_at(unix_seconds(started))))
    }

    fn of(process: Option<ProcessCollector>) -> Telemetry {
        let counted = Counters {
            requests: Family::default(),
            request_failures: Family::default(),
            request_durations: Family::new_with_constructor(|| Histogram::new(REQUEST_SECONDS)),
            polls: Family::default(),
            poll_failures: Family::default(),
            poll_durations: Family::new_with_constructor(|| Histogram::new(POLL_SECONDS)),
            response_bytes: Family::default(),
            rejected_values: Family::default(),
            shortened_labels: Family::default(),
            dropped_series: Family::default(),
            state_failures: Counter::default(),
            reload_successful: Gauge::default(),
            reload_success_seconds: Gauge::default(),
            web_reload_successful: Gauge::default(),
        };
        let telemetry = Telemetry {
            registry: RwLock::default(),
            live: RwLock::default(),
            counted,
            version: AtomicU64::new(0),
            known: Mutex::default(),
            http_refusals: Family::default(),
            handshake_refusals: Family::default(),
            handshakes_told: Mutex::default(),
            http_requests: Family::default(),
        };
        telemetry.register(process);
        telemetry
    }

    fn register(&self, process: Option<ProcessCollector>) {
        self.register_polls(&mut lock::write(&self.registry));
        self.register_exporter(&mut lock::write(&self.registry));
        self.register_clients(&mut lock::write(&self.live), process);
    }

    /// Requests to the vendor, and polls.
    fn register_polls(&self, registry: &mut Registry) {
        registry.register(
            "wolkvox_api_requests",
            "API requests sent to the vendor, failed ones too",
            self.counted.requests.clone(),
        );
        registry.register(
            "wolkvox_api_request_failures",
            "API requests whose answer could not be used, by reason; at most one for each request",
            self.counted.request_failures.clone(),
        );
        registry.register(
            "wolkvox_api_request_duration_seconds",
            "Time that an API request took, from sending it to the last byte of the answer",
            self.counted.request_durations.clone(),
        );
        registry.register(
            "wolkvox_api_response_bytes",
            "Bytes of the vendor's answers after decompression",
            self.counted.response_bytes.clone(),
        );
        registry.register(
            "wolkvox_report_polls",
            "Polls by result, ok or failed: a poll is one API request, or several where a window is asked in parts",
            self.counted.polls.clone(),
        );
        registry.register(
            "wolkvox_report_poll_failures",
            "Polls that brought no data, by reason, those too that sent nothing; the log has the details",
            self.counted.poll_failures.clone(),
        );
        registry.register(
            "wolkvox_report_poll_duration_seconds",
            "Time that a poll took: its API requests, their answers, and what was made of them",
            self.counted.poll_durations.clone(),
        );
        registry.register(
            "wolkvox_report_rejected_values",
            "Values of the vendor that could not be read and were left out, and labels with halves of characters, now U+FFFD",
            self.counted.rejected_values.clone(),
        );
        registry.register(
            "wolkvox_report_shortened_labels",
            "Labels over limits.label_bytes, which stand shortened, with a mark and a checksum",
            self.counted.shortened_labels.clone(),
        );
        registry.register(
            "wolkvox_report_dropped_series",
            "Series over limits.series_per_report that were left out, added up over the polls",
            self.counted.dropped_series.clone(),
        );
    }

    /// The exporter's state folder and configs.
    fn register_exporter(&self, registry: &mut Registry) {
        registry.register(
            "wolkvox_exporter_state_write_failures",
            "Times the state folder could not be written; no API request is sent that cannot be counted there",
            self.counted.state_failures.clone(),
        );
        registry.register(
            "wolkvox_exporter_config_last_reload_successful",
            "1 if the last load of the config worked",
            self.counted.reload_successful.clone(),
        );
        registry.register(
            "wolkvox_exporter_config_last_reload_success_timestamp_seconds",
            "When the config was last loaded with success",
            self.counted.reload_success_seconds.clone(),
        );
        registry.register(
            "wolkvox_exporter_web_config_last_reload_successful",
            "1 if the last load of the web config and of its certificates worked; 1 too without a web config",
            self.counted.web_reload_successful.clone(),
        );
        self.counted.web_reload_successful.set(1);
        let version = Info::new([
            ("version", env!("CARGO_PKG_VERSION")),
            ("revision", option_env!("WOLKVOX_REVISION").unwrap_or("unknown")),
            ("rustversion", env!("CARGO_PKG_RUST_VERSION")),
        ]);
        registry.register("wolkvox_exporter_build", "Always 1; the labels say what is running", version);
    }

    /// What clients did, and the process: every scrape changes it.
    fn register_clients(&self, live: &mut Registry, process: Option<ProcessCollector>) {
        live.register(
            "wolkvox_exporter_http_requests",
            "Requests answered by the exporter",
            self.http_requests.clone(),
        );
        live.register(
            "wolkvox_exporter_http_refusals",
            "Clients turned away before anything was answered: connections and handshake are connections, the other reasons requests",
            self.http_refusals.clone(),
        );
        live.register(
            "wolkvox_exporter_tls_handshake_refusals",
            "TLS handshakes that came to nothing, by reason; health is the exporter's own check, which has no certificate",
            self.handshake_refusals.clone(),
        );
        for refused in Refused::ALL {
            drop(self.http_refusals.get_or_create(&RefusalLabels { reason: refused.as_str() }));
        }
        for refused in HandshakeRefused::ALL {
            drop(self.handshake_refusals.get_or_create(&RefusalLabels { reason: refused.told().0 }));
        }
        live.register_collector(Box::new(log::LogCollector));
        if let Some(process) = process {
            live.register_collector(Box::new(process));
        }
    }

    /// Grows whenever what [`Telemetry::with_registry`] shows may have changed; to be asked before that.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    fn change(&self) -> Change<'_> {
        Change { counted: &self.counted, version: &self.version }
    }

    /// The metrics that polls and reloads change.
    pub fn with_registry<T>(&self, read: impl FnOnce(&Registry) -> T) -> T {
        read(&lock::read(&self.registry))
    }

    /// The metrics that every scrape changes.
    pub fn with_live<T>(&self, read: impl FnOnce(&Registry) -> T) -> T {
        read(&lock::read(&self.live))
    }

    /// A target will be polled: its counters start at zero, so that the first increase is seen as one.
    pub fn target_registered(&self, target: &Target) {
        let change = self.change();
        drop(change.requests.get_or_create(&report(target)));
        drop(change.response_bytes.get_or_create(&report(target)));
        drop(change.request_durations.get_or_create(&report(target)));
        drop(change.poll_durations.get_or_create(&report(target)));
        for result in [OK, FAILED] {
            drop(change.polls.get_or_create(&result_labels(&report(target), result)));
        }
        drop(change.dropped_series.get_or_create(&report(target)));
        self.known().reports.insert(report(target));
    }

    /// The vendor will be asked for a budget: such requests are counted from zero too.
    pub fn query_registered(&self, target: &Target) {
        let labels = report(target);
        drop(self.change().requests.get_or_create(&labels));
        self.known().reports.insert(labels);
    }

    /// Forgets the counts of all reports but these: a report that is not polled must not look as if it stood still.
    pub fn retain(&self, targets: &HashSet<Target>) {
        let kept: HashSet<ReportLabels> = targets.iter().map(report).collect();
        let (change, mut known) = (self.change(), self.known());
        for gone in known.reports.extract_if(|labels| !kept.contains(labels)) {
            change.requests.remove(&gone);
            change.request_durations.remove(&gone);
            change.poll_durations.remove(&gone);
            for result in [OK, FAILED] {
                change.polls.remove(&result_labels(&gone, result));
            }
            change.response_bytes.remove(&gone);
            change.dropped_series.remove(&gone);
            for reason in Reason::ALL {
                change.request_failures.remove(&failure_labels(&gone, reason));
                change.poll_failures.remove(&failure_labels(&gone, reason));
            }
        }
        for gone in known.fields.extract_if(|labels| !kept.contains(&labels.report())) {
            change.rejected_values.remove(&gone);
            change.shortened_labels.remove(&gone);
        }
    }

    fn known(&self) -> MutexGuard<'_, KnownLabels> {
        lock::mutex(&self.known)
    }

    /// An API request is about to be sent.
    pub fn request_sent(&self, target: &Target) {
        let labels = report(target);
        self.change().requests.get_or_create(&labels).inc();
        self.known().reports.insert(labels);
        debug!(operation = %target.operation, report = %target.report, window = %target.window, "request sent");
    }

    /// The last byte of an answer came, or none will come. `bytes` are those after decompression.
    pub fn request_ended(&self, target: &Target, took: Duration, bytes: usize, failure: Option<&Failure>) {
        let (labels, change) = (report(target), self.change());
        change.request_durations.get_or_create(&labels).observe(took.as_secs_f64());
        change.response_bytes.get_or_create(&labels).inc_by(bytes as u64);
        if let Some(failure) = failure {
            change.request_failures.get_or_create(&failure_labels(&labels, failure.reason)).inc();
        }
        debug!(
            operation = %target.operation, report = %target.report, window = %target.window, ms = took.as_millis(), bytes,
            status = failure.map_or("ok", |failure| failure.reason.as_str()), "request ended"
        );
    }

    /// A poll is over.
    pub fn poll_ended(&self, end: &PollEnd<'_>) {
        let PollEnd { target, window, elapsed, requests, bytes, budget_left, outcome } = end;
        let (labels, change) = (report(target), self.change());
        change.poll_durations.get_or_create(&labels).observe(elapsed.as_secs_f64());
        let result = if outcome.is_ok() { OK } else { FAILED };
        change.polls.get_or_create(&result_labels(&labels, result)).inc();
        let ms = elapsed.as_millis();
        match outcome {
            Ok(Gained { rows, series, dropped, rejected, shortened }) => {
                change.dropped_series.get_or_create(&labels).inc_by(*dropped);
                let count_fields = |family: &Family<FieldLabels, Counter>, fields: &[(String, u64)]| -> u64 {
                    for (field, count) in fields {
                        let labels = field_labels(&labels, field);
                        family.get_or_create(&labels).inc_by(*count);
                        self.known().fields.insert(labels);
                    }
                    fields.iter().map(|(_, count)| count).sum()
                };
                let rejected = count_fields(&change.rejected_values, rejected);
                let shortened = count_fields(&change.shortened_labels, shortened);
                info!(
                    operation = %target.operation, report = %target.report, window = %target.window, span = %window,
                    status = "ok", rows, series, rejected, shortened, dropped, requests, bytes, ms, budget_left, "poll"
                );
            }
            Err(failure) => {
                change.poll_failures.get_or_create(&failure_labels(&labels, failure.reason)).inc();
                warn!(
                    operation = %target.operation, report = %target.report, window = %target.window, span = %window,
                    status = %failure.reason, rows = 0, series = 0, requests, bytes, ms, budget_left,
                    detail = %failure.detail, hint = &*failure.hint(), "poll"
                );
            }
        }
    }

    /// Data from before a restart are served again.
    pub fn data_restored(&self, target: &Target, age: Duration) {
        info!(
            operation = %target.operation, report = %target.report, window = %target.window, age_seconds = age.as_secs(),
            "data restored"
        );
    }

    /// Data from before a restart are not served again.
    pub fn data_not_restored(&self, target: &Target, error: &MemoryError) {
        warn!(
            operation = %target.operation, report = %target.report, window = %target.window, %error,
            hint = Reason::MemoryLimit.hint(), "data not restored"
        );
    }

    /// What an operation's polls would cost was compared with what there is.
    pub fn forecast_made(&self, operation: &str, forecast: &Forecast) {
        let Forecast { reports, fastest, requests, limit, pace } = forecast;
        let pace = pace.map_or_else(|| "none".to_owned(), |pace| format_duration(pace).to_string());
        info!(operation, reports, fastest = %format_duration(*fastest), requests, limit, pace, "forecast");
    }

    /// The vendor was asked for the budget, and told limit and use.
    pub fn budget_reported(&self, target: &Target, told: Result<(u64, u64), &Failure>) {
        match told {
            Ok((limit, used)) => info!(operation = %target.operation, limit, used, "budget"),
            Err(failure) => {
                warn!(
                    operation = %target.operation, status = %failure.reason, detail = %failure.detail,
                    hint = &*failure.hint(), "budget"
                );
            }
        }
    }

    /// The wall clock was set: forward is positive.
    pub fn clock_was_set(&self, by: SignedDuration) {
        warn!(seconds = by.as_secs(), "the clock was set; intervals go on in real time");
    }

    /// The state folder could not be written.
    pub fn state_not_written(&self, error: &std::io::Error) {
        self.change().state_failures.inc();
        warn!(%error, hint = "see --state.dir: no API request is sent that cannot be counted there", "state not written");
    }

    /// Data that are not to be shown any more could not be removed from the state folder.
    pub fn state_not_removed(&self, error: &std::io::Error) {
        self.change().state_failures.inc();
        warn!(%error, hint = "remove the *.served and *.corrupt files of --state.dir by hand", "old data not removed");
    }

    /// The config was loaded, at the start or again.
    pub fn config_loaded(&self, operations: usize, at: Timestamp) {
        let change = self.change();
        change.reload_successful.set(1);
        change.reload_success_seconds.set(unix_seconds(at));
        info!(operations, "config loaded");
    }

    /// The config was to be loaded again and is wrong: the old one stays.
    pub fn config_refused(&self, error: &str) {
        self.change().reload_successful.set(0);
        warn!(error, "config refused, the old one stays");
    }

    /// Everybody on this machine can read files with a token or a key.
    pub fn secrets_exposed(&self, files: &[PathBuf]) {
        for file in files {
            warn!(file = %file.display(), hint = "chmod o-r", "everybody on this machine can read a secret");
        }
    }

    /// The web config was loaded again.
    pub fn web_config_loaded(&self) {
        self.change().web_reload_successful.set(1);
        info!("web config loaded");
    }

    /// The web config or a file that it names has changed and is wrong: the old ones stay.
    pub fn web_config_refused(&self, error: &str) {
        self.change().web_reload_successful.set(0);
        warn!(error, "web config refused, the old one stays");
    }

    /// A connection was closed before anything was asked on it. A flood of them must not flood the log too.
    pub fn connection_refused(&self, reason: Refused) {
        self.http_refusals.get_or_create(&RefusalLabels { reason: reason.as_str() }).inc();
        debug!(reason = reason.as_str(), "connection refused");
    }

    /// No TLS connection came about with a client. The log does not repeat what its certificate says.
    pub fn handshake_refused(&self, refused: HandshakeRefused, client: &impl fmt::Display) {
        let (reason, hint) = refused.told();
        self.handshake_refusals.get_or_create(&RefusalLabels { reason }).inc();
        if refused != HandshakeRefused::Health {
            self.connection_refused(Refused::Handshake);
        }
        // A check of whether the port is open comes again and again, and is no mistake.
        if [HandshakeRefused::Health, HandshakeRefused::Closed].contains(&refused) {
            return debug!(reason, %client, hint, "handshake refused");
        }
        let mut told = lock::mutex(&self.handshakes_told);
        if let Some(held_back) = told.entry(refused).or_default().again(Instant::now()) {
            warn!(reason, %client, held_back, hint, "handshake refused");
        }
    }

    /// A request was turned away.
    pub fn request_refused(&self, reason: Refused) {
        self.http_refusals.get_or_create(&RefusalLabels { reason: reason.as_str() }).inc();
        debug!(reason = reason.as_str(), "request refused");
    }

    /// A request was answered. `handler` is one of the routes, never what a client wrote.
    pub fn request_answered(&self, handler: &'static str, code: u16) {
        self.http_requests.get_or_create(&HttpLabels { handler, code }).inc();
        debug!(handler, code, "request");
    }
}

impl Deref for Change<'_> {
    type Target = Counters;

    fn deref(&self) -> &Counters {
        self.counted
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        self.version.fetch_add(1, Ordering::Release);
    }
}

fn report(target: &Target) -> ReportLabels {
    ReportLabels { operation: Arc::clone(&target.operation), report: Arc::clone(&target.report) }
}

fn result_labels(report: &ReportLabels, result: &'static str) -> ResultLabels {
    let ReportLabels { operation, report } = report.clone();
    ResultLabels { operation, report, result }
}

fn failure_labels(report: &ReportLabels, reason: Reason) -> FailureLabels {
    let ReportLabels { operation, report } = report.clone();
    FailureLabels { operation, report, reason: reason.as_str() }
}

fn field_labels(report: &ReportLabels, field: &str) -> FieldLabels {
    let ReportLabels { operation, report } = report.clone();
    FieldLabels { operation, report, field: field.to_owned() }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use prometheus_client::encoding::text::encode;

    use super::*;
    use crate::time::WindowName;

    fn target(operation: &str, report: &str) -> Target {
        Target { operation: operation.into(), report: report.into(), window: WindowName::Today }
    }

    /// A good poll with a value that could not be read, and a failed one.
    fn poll_twice(telemetry: &Telemetry, target: &Target) {
        telemetry.target_registered(target);
        let window = Window::at(WindowName::Today, Timestamp::UNIX_EPOCH, &TimeZone::UTC);
        let rejected = [("time".to_owned(), 1)];
        let gained = Gained { rows: 1, series: 1, dropped: 1, rejected: &rejected, shortened: &[] };
        let failure = Failure::new(Reason::Timeout, "");
        for outcome in [Ok(gained), Err(&failure)] {
            telemetry.request_sent(target);
            let (elapsed, requests, bytes, budget_left) = (Duration::from_secs(1), 1, 1, 1);
            let failure = outcome.as_ref().err().copied();
            telemetry.request_ended(target, elapsed, bytes, failure);
            telemetry.poll_ended(&PollEnd { target, window: &window, elapsed, requests, bytes, budget_left, outcome });
        }
    }

    fn text(telemetry: &Telemetry) -> String {
        let mut text = String::new();
        telemetry.with_registry(|registry| encode(&mut text, registry)).unwrap();
        text
    }

    #[test]
    fn a_flood_makes_one_line_a_minute_that_says_how_many_were_held_back() {
        let (mut told, start) = (LineLimit::default(), Instant::now());
        let mut at = |seconds| told.again(start + Duration::from_secs(seconds));
        assert_eq!(at(0), Some(0));
        assert_eq!([at(0), at(30), at(59)], [None; 3]);
        assert_eq!([at(60), at(61), at(300)], [Some(3), None, Some(1)]);
    }

    #[test]
    fn what_was_counted_of_a_report_that_nobody_polls_any_more_is_gone_and_the_rest_stays() {
        let [stays, question, gone] =
            [("acme", "agent_aux_time"), ("acme", "token_info"), ("gone", "agent_aux_time")].map(|(o, r)| target(o, r));
        let telemetry = Telemetry::default();
        poll_twice(&telemetry, &stays);
        telemetry.request_sent(&question);
        telemetry.budget_reported(&question, Err(&Failure::new(Reason::Connect, "")));
        let before = text(&telemetry);
        poll_twice(&telemetry, &gone);
        telemetry.request_sent(&target("gone", "token_info"));
        assert_eq!(text(&telemetry).matches("operation=\"gone\"").count(), 35);
        let version = telemetry.version();
        telemetry.retain(&HashSet::from([stays, question]));
        assert_eq!(text(&telemetry).matches("operation=\"gone\"").count(), 0);
        assert_eq!(text(&telemetry).lines().count(), before.lines().count());
        assert!(telemetry.version() > version, "a scrape would not look again");
    }
}
