"""With which codes do interactions end?"""

from figures import YESTERDAY, ago, closed, last_hour, selected, uncoded_share
import panels
from panels import bars, hourly_bars, lines, matrix, now, over_time, rows, stat, table

MOST = 40
UNCODED = [(None, "green"), (0.30, "red")]


def described(by_code: str) -> str:
    """With the code's description, where the vendor sends one. Two descriptions of a code must not break the board."""
    description = f"topk by (operation, code) (1, {selected('wolkvox_activity_code_info')})"
    return (f"{by_code} * on (operation, code) group_left (description) {description} "
            f"or {by_code} unless on (operation, code) {description}")


def board():
    each, code = "{{operation}}", "{{operation}} {{code}}"
    of_those = f"and on (operation, agent_name) topk({MOST}, {closed('agent_name')})"
    named = f'label_join({closed("agent_name", "code")} {of_those}, "agent", " · ", "agent_name", "operation")'
    return panels.board("closed", "Closed interactions", "With which codes do interactions end?", [
        panels.age("closed_interactions"),
        stat("Closed today", "Mail and social-network interactions closed today.", "short", now(closed(), each), wide=6),
        stat("Closed yesterday", "The whole of yesterday.", "short",
             now(closed(window=YESTERDAY), each), wide=6).no_value("yesterday is not polled"),
        stat("Ended by a time-out", "Share that a time-out closed (codes TIMEOUT…) instead of an agent. Red: over 30 %.",
             "percentunit", now(uncoded_share(), each), steps=UNCODED, wide=6),
        stat("Codes in use", "Different activity codes used today.", "short",
             now(f"count by (operation) ({closed('code')} > 0)", each), wide=6),
        bars("By code", "Interactions closed today with each code.", "short", now(f"sort_desc({closed('code')})", code)),
        table("Codes and what they mean", "Interactions closed today; the description as the vendor sends it.", {
            "Closed": ("short", f"sort_desc({described(closed('code'))})"),
        }, {"operation": "Operation", "code": "Code", "description": "Description"}, wide=12, high=10),
        hourly_bars("Closed per hour and code", "What each hour added, the hour that ends at the bar's time. An interaction that "
                    "gets another code later counts where it comes, and is never taken off.", "short",
                    over_time(last_hour(closed("code"), "closed_interactions"), code)),
        lines("Today and the same time yesterday", "Interactions closed, of the day so far, and what it was 24 hours before. "
              "The second line needs a day of history.", "short", over_time(closed(), each),
              over_time(ago("1d", closed()), "{{operation}} 24 hours before")),
        matrix(f"By agent, the {MOST} with the most", "Interactions each agent closed today, by code.", "short",
               rows(f"sum by (agent, code) ({named})"), "agent", "code"),
    ])
