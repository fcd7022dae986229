//! The exporter's own metrics as text.
//!
//! prometheus-client writes `OpenMetrics` only; text 0.0.4 is made from that, line by line.

use prometheus_client::encoding::text::encode_registry;
use prometheus_client::registry::Registry;

use super::accept::ExpositionFormat;

/// A registry as text of about `length` bytes, without an end marker.
pub fn render(registry: &Registry, format: ExpositionFormat, length: usize) -> String {
    let mut text = String::with_capacity(length);
    // Writing to a String cannot fail; a collector that does is a bug that the golden test would show.
    let encoded = encode_registry(&mut text, registry);
    debug_assert!(encoded.is_ok());
    match format {
        ExpositionFormat::OpenMetrics => text,
        ExpositionFormat::Text004 => to_text_004(&text),
    }
}

/// In text 0.0.4 a counter's metadata carry the `_total`, an info is a gauge, and there are no units.
fn to_text_004(open_metrics: &str) -> String {
    let mut out = String::with_capacity(open_metrics.len());
    let mut lines = open_metrics.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(rest) = line.strip_prefix("# HELP ") else {
            if !line.starts_with('#') {
                push_line(&mut out, &[line]);
            }
            continue;
        };
        let (name, help) = rest.split_once(' ').unwrap_or((rest, ""));
        let kind = lines.peek().and_then(|next| next.strip_prefix("# TYPE ")?.rsplit_once(' ')).map(|(_, kind)| kind);
        let (suffix, kind) = match kind {
            Some("counter") => ("_total", "counter"),
            Some("info") => ("_info", "gauge"),
            Some("unknown") | None => ("", "untyped"),
            Some(kind) => ("", kind),
        };
        push_line(&mut out, &["# HELP ", name, suffix, " ", help]);
        push_line(&mut out, &["# TYPE ", name, suffix, " ", kind]);
    }
    out
}

fn push_line(out: &mut String, parts: &[&str]) {
    out.extend(parts.iter().copied());
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::metrics::counter::Counter;
    use prometheus_client::metrics::gauge::Gauge;
    use prometheus_client::metrics::histogram::Histogram;
    use prometheus_client::metrics::info::Info;

    #[test]
    fn text_004_names_counters_and_infos_as_its_readers_expect() {
        let mut registry = Registry::default();
        registry.register("calls", "Calls", Counter::<u64>::default());
        registry.register("age_seconds", "Age", Gauge::<i64>::default());
        registry.register("took_seconds", "Took", Histogram::new([1.0]));
        registry.register("build", "Build", Info::new([("version", "1")]));
        insta::assert_snapshot!(render(&registry, ExpositionFormat::Text004, 0), @r#"
        # HELP calls_total Calls.
        # TYPE calls_total counter
        calls_total 0
        # HELP age_seconds Age.
        # TYPE age_seconds gauge
        age_seconds 0
        # HELP took_seconds Took.
        # TYPE took_seconds histogram
        took_seconds_sum 0.0
        took_seconds_count 0
        took_seconds_bucket{le="1.0"} 0
        took_seconds_bucket{le="+Inf"} 0
        # HELP build_info Build.
        # TYPE build_info gauge
        build_info{version="1"} 1
        "#);
    }
}
