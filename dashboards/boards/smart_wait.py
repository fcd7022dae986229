"""Are callers called back, how soon, and does it work?"""

from figures import YESTERDAY, callback_success, callbacks, last_hour, ratio, series, total
import panels
from panels import bars, hourly_bars, lines, now, over_time, stacked_lines, stat, table


def board():
    each, status = "{{operation}}", "{{operation}} {{status}}"
    delay, attempts = total("wolkvox_smart_wait_delay_seconds"), total("wolkvox_smart_wait_attempts")
    longest = f"max by (operation) ({series('wolkvox_smart_wait_delay_max_seconds')})"
    per_skill = "skill_id"
    return panels.board("smart-wait", "Smart wait", "Are callers called back, how soon, and does it work?", [
        panels.age("smart_wait"),
        stat("Call-backs asked for", "Callers who chose to be called back today, whatever became of it.", "short",
             now(callbacks(), each)),
        stat("Worked", "Call-backs with status ok, of those with ok or fail.", "percentunit", now(callback_success(), each)),
        stat("Worked yesterday", "The same of the whole of yesterday.",
             "percentunit", now(callback_success(window=YESTERDAY), each)).no_value("yesterday is not polled"),
        stat("Average wait", "Time from the caller's call to the call back, on average.", "s",
             now(ratio(delay, callbacks()), each)),
        stat("Longest wait", "Longest time from a caller's call to the call back.", "s", now(longest, each)),
        stat("Attempts per call-back", "Attempts to call back, divided by call-backs.", "short",
             now(ratio(attempts, callbacks()), each)),
        stacked_lines("By status so far", "Call-backs of the day so far. A pending one (yes) becomes another status later.",
                      "short", over_time(callbacks("status"), status)),
        hourly_bars("Call-backs per hour", "What each hour added, the hour that ends at the bar's time.", "short",
                    over_time(last_hour(callbacks(), "smart_wait"), each)),
        lines("Worked so far", "Call-backs with status ok, of those with ok or fail, of the day so far.", "percentunit",
              over_time(callback_success(), each)),
        lines("Wait so far", "Time from the caller's call to the call back, of the day so far.", "s",
              over_time(ratio(delay, callbacks()), "{{operation}} average"), over_time(longest, "{{operation}} longest")),
        bars("By status", "Call-backs of today by status.", "short", now(f"sort_desc({callbacks('status')})", status), wide=8),
        table("By skill", "Call-backs of today for each skill.", {
            "Call-backs": ("short", callbacks(per_skill)),
            "Worked": ("percentunit", callback_success(per_skill)),
            "Average wait": ("s", ratio(total("wolkvox_smart_wait_delay_seconds", per_skill), callbacks(per_skill))),
            "Longest wait": ("s", f"max by (operation, skill_id) ({series('wolkvox_smart_wait_delay_max_seconds')})"),
            "Time in calls": ("s", total("wolkvox_smart_wait_call_seconds", per_skill)),
            "Billed": ("s", total("wolkvox_smart_wait_billed_seconds", per_skill)),
        }, {"operation": "Operation", "skill_id": "Skill"}, wide=16, high=10),
    ])
