//! Names that reports, labels and metrics can have.

/// What stands in the config for the reports that are polled by default.
pub const DEFAULT: &str = "default";

/// Labels that every series has, and those that histograms and summaries have; a report may not declare them.
const OWN_LABELS: [&str; 4] = ["operation", "window", "le", "quantile"];

/// What the exporter's own metrics begin with.
const OWN_METRICS: [&str; 6] =
    ["wolkvox_report_", "wolkvox_api_", "wolkvox_exporter_", "process_", "scrape_", "jemalloc_"];

/// Endings of the series that counters and histograms have.
const RESERVED_ENDINGS: [&str; 5] = ["_total", "_count", "_sum", "_bucket", "_created"];

/// Words that no metric's name may have: short forms of units, units that are not base units, and metric types.
/// promtool warns of such words too.
const REFUSED_WORDS: [&str; 37] = [
    "s",
    "ms",
    "us",
    "ns",
    "sec",
    "m",
    "h",
    "d",
    "b",
    "kb",
    "mb",
    "gb",
    "tb",
    "pb",
    "milliseconds",
    "microseconds",
    "nanoseconds",
    "minutes",
    "hours",
    "days",
    "weeks",
    "kilobytes",
    "megabytes",
    "gigabytes",
    "terabytes",
    "bits",
    "kilograms",
    "milligrams",
    "fahrenheit",
    "kelvin",
    "inches",
    "miles",
    "percent",
    "counter",
    "gauge",
    "histogram",
    "summary",
];

pub(super) const GAUGE_HINT: &str =
    "small letters, digits and _, and the base unit last, such as acme_survey_wait_seconds";

pub(super) fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_lowercase() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

pub(super) fn is_label(name: &str) -> bool {
    is_name(name) && !name.starts_with("__") && !OWN_LABELS.contains(&name)
}

/// Why a gauge cannot be called so.
pub(super) fn not_a_gauge(name: &str, is_own: bool) -> Option<&'static str> {
    if RESERVED_ENDINGS.iter().any(|ending| name.ends_with(ending)) {
        return Some("it ends as a counter or histogram does");
    }
    if name.ends_with("_info") {
        return Some("it ends as an info family does");
    }
    not_a_name_of_a_metric(name, is_own)
}

/// Why no metric can be called so.
pub(super) fn not_a_name_of_a_metric(name: &str, is_own: bool) -> Option<&'static str> {
    if !is_name(name) || name.starts_with("__") {
        return Some("it has other letters than a metric has");
    }
    if OWN_METRICS.iter().any(|start| name.starts_with(start)) || name == "up" {
        return Some("it begins as the exporter's own metrics do");
    }
    if name.split('_').any(|word| REFUSED_WORDS.contains(&word)) {
        return Some("it names a type, or a unit that is no base unit");
    }
    if !is_own && !name.starts_with("wolkvox_") {
        return Some("it does not begin with wolkvox_");
    }
    None
}
