//! The metrics about the age and state of each report, and about budgets.

use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::store::{BudgetStatus, Findings, Status, View};
use crate::time::unix_seconds;

/// The health of every target and budget, as of the scrape that shows it.
#[derive(Debug)]
pub struct ReportMetrics(pub View);

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct WindowLabels {
    operation: Arc<str>,
    report: Arc<str>,
    window: String,
}

/// A metric of each target: name, help, and its value where there is one.
type Gauge = (&'static str, &'static str, fn(&Status) -> Option<f64>);

const GAUGES: [Gauge; 15] = [
    ("wolkvox_report_up", "1 if the last poll of the report worked, 0 if not or not yet", |status| {
        Some(flag(status.health.is_up()))
    }),
    ("wolkvox_report_stale", "1 once the report's series were dropped because they were too old", |status| {
        Some(flag(status.stale))
    }),
    ("wolkvox_report_last_success_timestamp_seconds", "When the last good poll of the report was made", |status| {
        status.health.last_success.map(unix_seconds)
    }),
    (
        "wolkvox_report_last_attempt_timestamp_seconds",
        "When the report was last polled, with or without success",
        |status| status.health.last_attempt.map(unix_seconds),
    ),
    ("wolkvox_report_window_start_timestamp_seconds", "First second that the served series cover", |status| {
        status.window.map(|(start, _)| unix_seconds(start))
    }),
    ("wolkvox_report_window_end_timestamp_seconds", "Last second that the served series cover", |status| {
        status.window.map(|(_, end)| unix_seconds(end))
    }),
    ("wolkvox_report_interval_seconds", "Time between polls of the report that is in force now", |status| {
        Some(status.health.interval.as_secs_f64())
    }),
    ("wolkvox_report_rows", "Rows in the vendor's answer to the last good poll", |status| {
        status.health.last_success.map(|_| status.health.rows as f64)
    }),
    ("wolkvox_report_series", "Series made of the last good poll", |status| {
        status.health.last_success.map(|_| status.health.series as f64)
    }),
    (
        "wolkvox_report_truncated",
        "1 if a limit of records or bytes was hit and the answer could not be had whole, not in parts either",
        |status| Some(flag(status.health.is_truncated())),
    ),
    (
        "wolkvox_report_last_change_timestamp_seconds",
        "When a good poll of the report last brought other content than the one before",
        |status| status.health.last_change.map(unix_seconds),
    ),
    (
        "wolkvox_report_undocumented_fields",
        "Fields in the last good poll that the vendor does not document, at most 20; they are not read",
        |status| found(status, |findings| findings.undocumented_fields.len() as u64),
    ),
    ("wolkvox_report_rows_without_value", "Rows of the last good poll of which no value could be read", |status| {
        found(status, |findings| findings.rows_without_value)
    }),
    (
        "wolkvox_report_rows_outside_window",
        "Rows of days in the last good poll that are not days of the window; they are left out",
        |status| found(status, |findings| findings.rows_outside_window),
    ),
    ("wolkvox_report_consecutive_failures", "Polls of the report that failed since the last good one", |status| {
        Some(status.health.consecutive_failures as f64)
    }),
];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct BudgetLabels {
    operation: Arc<str>,
}

/// A metric of each operation's budget: name, help, and its value.
type BudgetGauge = (&'static str, &'static str, fn(&BudgetStatus) -> u64);

const BUDGET_GAUGES: [BudgetGauge; 3] = [
    ("wolkvox_api_budget_limit", "API requests that the operation may send in the vendor's day", |budget| budget.limit),
    (
        "wolkvox_api_budget_used",
        "API requests of the vendor's current day, as counted here or as the vendor says if that is more",
        |budget| budget.used,
    ),
    (
        "wolkvox_api_budget_remaining",
        "API requests that may still be sent in the vendor's current day",
        BudgetStatus::left,
    ),
];

impl Collector for ReportMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let View { statuses, budgets, .. } = &self.0;
        for (name, help, value) in GAUGES {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for status in statuses {
                let Some(value) = value(status) else { continue };
                let labels = WindowLabels {
                    operation: Arc::clone(&status.target.operation),
                    report: Arc::clone(&status.target.report),
                    window: status.target.window.to_string(),
                };
                ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
            }
        }
        for (name, help, value) in BUDGET_GAUGES {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (operation, budget) in budgets {
                let labels = BudgetLabels { operation: Arc::clone(operation) };
                ConstGauge::new(value(budget)).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

/// What the last good poll's answers had; `None` before the first.
fn found(status: &Status, count: fn(&Findings) -> u64) -> Option<f64> {
    status.health.last_success.map(|_| count(&status.health.findings) as f64)
}

fn flag(set: bool) -> f64 {
    if set { 1.0 } else { 0.0 }
}
