"""How does each operation do today?"""

from figures import (
    auxiliary, auxiliary_share, average_handle, callback_success, calls, closed, hold_mute_share, last_hour, login,
    occupancy, total,
)
import panels
from panels import hourly_bars, lines, now, over_time, stat, table

OCCUPANCY = [(None, "blue"), (0.65, "green"), (0.85, "orange"), (0.90, "red")]
AUXILIARY = [(None, "green"), (0.30, "red")]
BY_AGENT = {"operation": "Operation", "agent_name": "Agent"}


def board():
    each = "{{operation}}"
    return panels.board("overview", "Operation overview", "How does each operation do today?", [
        panels.age("agent_kpi", "agent_aux_time", "agent_hold_mute", "closed_interactions", "smart_wait"),
        stat("Agents who logged in", "Agents with any login time today, also those who left since.", "short",
             now(f"count by (operation) ({login('agent_name')} > 0)", each), wide=3),
        stat("Calls", "Calls of all agents today: inbound, outbound and internal.", "short", now(calls(), each), wide=3),
        stat("Average handle time", "Handle time of today divided by calls of today.", "s",
             now(average_handle(), each), wide=3),
        stat("Occupancy", "Share of login time spent on calls and their documentation, weighted by login time. "
             "Usual target: 75 to 85 %. Blue: under 65 %. Orange: over 85 %. Red: over 90 %.", "percentunit",
             now(occupancy(), each), steps=OCCUPANCY, wide=3),
        stat("Auxiliary share of login", "Time in auxiliary states divided by login time, of all agents. Red: over 30 %.",
             "percentunit", now(auxiliary_share(), each), steps=AUXILIARY, wide=3),
        stat("Hold and mute share", "Time on hold or mute divided by handle time.", "percentunit",
             now(hold_mute_share(), each), wide=3),
        stat("Closed interactions", "Mail and social-network interactions closed today.", "short",
             now(closed(), each), wide=3),
        stat("Call-backs that worked", "Smart-wait call-backs with status ok, of those with ok or fail.", "percentunit",
             now(callback_success(), each), wide=3),
        hourly_bars("Calls per hour", "What each hour added to the day's calls. The hour that ends at the bar's time; data "
                    "arrive 10 to 20 minutes late, so a call can count in the next hour.", "short",
                    over_time(last_hour(calls(), "agent_kpi"), each)),
        lines("Occupancy so far", "Occupancy of the day so far: it begins anew at the operation's midnight.", "percentunit",
              over_time(occupancy(), each), steps=OCCUPANCY),
        lines("Average handle time so far", "Handle time divided by calls, of the day so far.", "s",
              over_time(average_handle(), each)),
        lines("Auxiliary share of login so far", "Time in auxiliary states divided by login time, of the day so far.",
              "percentunit", over_time(auxiliary_share(), each), steps=AUXILIARY),
        table("Agents today", "Every agent with login time today. An empty cell is unknown, not zero: the agent is not in that "
              "report, or a share of less than half an hour of login would say little. A click on a name opens the agent.", {
                  "Login": ("s", f"{login('agent_name')} > 0"),
                  "Calls": ("short", f"{calls('agent_name')} and on (operation, agent_name) ({login('agent_name')} > 0)"),
                  "Average handle time": ("s", average_handle("agent_name")),
                  "Occupancy": ("percentunit", occupancy("agent_name")),
                  "Auxiliary": ("s", auxiliary("agent_name")),
                  "Auxiliary share": ("percentunit", auxiliary_share("agent_name")),
                  "Hold and mute share": ("percentunit", hold_mute_share("agent_name")),
                  "Hold and mute uses": ("short", total("wolkvox_agent_hold_mute_uses", "agent_name")),
                  "After-call work": ("s", f"{total('wolkvox_agent_after_call_work_seconds', 'agent_name')} > 0"),
                  "Closed interactions": ("short", closed("agent_name")),
              }, BY_AGENT),
    ])
