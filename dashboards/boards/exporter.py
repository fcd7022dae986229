"""Does the exporter get its data, and can it pay for them?"""

import panels
from figures import counted, selected, series
from panels import POLLS, history, lines, now, over_time, stat, table

UP = {"0": ("failing", "red"), "1": ("good", "green")}
BAD = [(None, "green"), (1, "red")]
GOOD = [(None, "red"), (1, "green")]
LEFT = [(None, "red"), (0.1, "orange"), (0.25, "green")]


def board():
    report, each, target = "{{operation}} {{report}}", "{{operation}}", "{{operation}} {{report}} {{window}}"
    limit, left = selected("wolkvox_api_budget_limit"), selected("wolkvox_api_budget_remaining")
    midnight = f"max by (operation) ({series('wolkvox_report_window_start_timestamp_seconds')})"
    buckets = f"sum by (le, operation, report) (rate({selected('wolkvox_report_poll_duration_seconds_bucket')}[$__rate_interval]))"

    def of(metric):
        return f"max by (operation, report, window) ({selected(metric)})"

    return panels.board("exporter", "Exporter health", "Does the exporter get its data, and can it pay for them?", [
        panels.age("agent_kpi", "agent_aux_time", "agent_hold_mute", "closed_interactions", "smart_wait"),
        stat("Failing", "Reports and windows whose last poll failed. The log says why.", "short",
             now(f"count by (operation) ({selected('wolkvox_report_up')} == 0) or count by (operation) "
                 f"({selected('wolkvox_report_up')}) * 0", each), steps=BAD),
        stat("Dropped for age", "Reports and windows whose series are gone because they were too old.", "short",
             now(f"sum by (operation) ({selected('wolkvox_report_stale')})", each), steps=BAD),
        stat("Cut off", "Reports and windows whose answer was over the vendor's limit and could not be had whole.", "short",
             now(f"sum by (operation) ({selected('wolkvox_report_truncated')})", each), steps=BAD),
        stat("API requests left", "Share of the day's API requests that is left.", "percentunit",
             now(f"min by (operation) ({left} / {limit})", each), steps=LEFT),
        stat("Config", "1 if the last load of the config worked. On 0 the old one is in force.", "short",
             now("min (wolkvox_exporter_config_last_reload_successful)", "loaded"), steps=GOOD),
        stat("State folder", "Times the state folder could not be written since the start. No API request is sent that cannot be "
             "counted there.", "short", now("max (wolkvox_exporter_state_write_failures_total)", "failed writes"), steps=BAD),
        history("Polls", "Whether the last poll of each report and window worked.", "short", UP,
                over_time(of("wolkvox_report_up"), target), high=10),
        lines("Age by report and window", "Time since the last good poll. Yesterday is polled a few times a day only.", "s",
              over_time(f"time() - min by (operation, report, window) "
                        f"({selected('wolkvox_report_last_success_timestamp_seconds')})", target)),
        lines("Failures by reason", "Polls that brought no data. What each reason means and what to do: docs/metrics.md.", "short",
              over_time(counted("wolkvox_report_poll_failures_total", "operation", "reason"), "{{operation}} {{reason}}")
              ).interval(POLLS).no_value("none"),
        lines("Failures in a row", "Polls of each report that failed since its last good one.", "short",
              over_time(of("wolkvox_report_consecutive_failures"), target)),
        lines("Values that could not be read", "Values of the vendor that were left out, by field.", "short",
              over_time(counted("wolkvox_report_rejected_values_total", "operation", "report", "field"),
                        "{{operation}} {{report}} {{field}}")).interval(POLLS).no_value("none"),
        lines("API requests left, and an even pace", "API requests of the vendor's day that are left, and what would be left of a "
              "budget that is spent evenly.", "short",
              over_time(f"max by (operation) ({left})", "{{operation}} left"),
              over_time(f"max by (operation) ({limit}) * clamp_min(1 - (time() - {midnight}) / 86400, 0)",
                        "{{operation}} even pace")),
        lines("Pace in force", "Time between polls. It stretches when the API requests would not last the day.", "s",
              over_time(of("wolkvox_report_interval_seconds"), target)),
        lines("API requests", "API requests sent to the vendor, failed ones too.", "short",
              over_time(counted("wolkvox_api_requests_total", "operation", "report"), report)).interval(POLLS),
        lines("Time that a poll takes", "95 of 100 polls are faster. One poll can be several API requests.", "s",
              over_time(f"histogram_quantile(0.95, {buckets})", report)).interval(POLLS),
        lines("Bytes from the vendor", "Bytes of the vendor's answers, after decompression.", "bytes",
              over_time(counted("wolkvox_api_response_bytes_total", "operation", "report"), report)).interval(POLLS),
        lines("Series", "Series of the last good poll.", "short", over_time(of("wolkvox_report_series"), target)),
        lines("Series over the limit", "Series left out because of limits.series_per_report, added up over the polls.", "short",
              over_time(f"sum by (operation, report) ({selected('wolkvox_report_dropped_series_total')})", report)),
        lines("Requests to the exporter", "Requests answered a second.", "reqps",
              over_time("sum by (handler, code) (rate(wolkvox_exporter_http_requests_total[$__rate_interval]))",
                        "{{handler}} {{code}}")),
        lines("Memory", "Resident memory of the exporter.", "bytes",
              over_time("process_resident_memory_bytes and on (instance, job) wolkvox_exporter_build_info", "{{instance}}")),
        lines("Processor", "Processor time a second.", "s",
              over_time("rate(process_cpu_seconds_total[$__rate_interval]) and on (instance, job) wolkvox_exporter_build_info",
                        "{{instance}}")),
        table("Build", "What is running.", {"Exporters": ("short", "count by (instance, version, rustversion) "
              "(wolkvox_exporter_build_info)")}, {"instance": "Instance", "version": "Version", "rustversion": "Rust"}, high=5),
        table("Reports", "What the last good poll of each report and window brought.", {
            "Rows": ("short", of("wolkvox_report_rows")),
            "Series": ("short", of("wolkvox_report_series")),
            "Covers from": ("dateTimeAsIso", f"{of('wolkvox_report_window_start_timestamp_seconds')} * 1000"),
            "Covers until": ("dateTimeAsIso", f"{of('wolkvox_report_window_end_timestamp_seconds')} * 1000"),
            "Last attempt": ("dateTimeAsIso", f"{of('wolkvox_report_last_attempt_timestamp_seconds')} * 1000"),
        }, {"operation": "Operation", "report": "Report", "window": "Window"}),
    ], since="now-24h")
