"""What does one agent's day look like?"""

from figures import (
    TODAY, YESTERDAY, auxiliary, auxiliary_share, average_handle, calls, closed, hold_mute_share, last_hour, login,
    occupancy, selected, total,
)
import panels
from boards.overview import AUXILIARY, OCCUPANCY
from panels import bars, hourly_bars, lines, now, over_time, stacked_lines, stat, table

ONLY = ('agent_name=~"$agent_name"',)


def board():
    who = "{{agent_name}} · {{operation}}"

    def of_agent(figure, *by, window=TODAY):
        return figure("agent_name", *by, only=ONLY, window=window)

    def metric(name):
        return total(name, "agent_name", only=ONLY)

    return panels.board("agent", "Agent", "What does one agent's day look like?", [
        panels.age("agent_kpi", "agent_aux_time", "agent_hold_mute", "closed_interactions"),
        stat("Login", "Login time today, and the whole of yesterday.", "s",
             now(of_agent(login), who), now(of_agent(login, window=YESTERDAY), f"{who} yesterday")),
        stat("Calls", "Calls today: inbound, outbound and internal; and the whole of yesterday.", "short",
             now(of_agent(calls), who), now(of_agent(calls, window=YESTERDAY), f"{who} yesterday")),
        stat("Average handle time", "Weighted by calls; nothing without calls. Today, and yesterday.", "s",
             now(of_agent(average_handle), who), now(of_agent(average_handle, window=YESTERDAY), f"{who} yesterday")),
        stat("Occupancy", "Share of login time spent on calls and their documentation. Blue: under 65 %. Orange: over "
             "85 %. Red: over 90 %.", "percentunit", now(of_agent(occupancy), who), steps=OCCUPANCY),
        stat("Auxiliary share of login", "Time in auxiliary states divided by login time, after half an hour of login. "
             "Red: over 30 %.", "percentunit", now(of_agent(auxiliary_share), who), steps=AUXILIARY),
        stat("Hold and mute share", "Time on hold or mute divided by handle time.", "percentunit",
             now(of_agent(hold_mute_share), who)),
        stacked_lines("Auxiliary time so far", "Time in each auxiliary state, of the day so far.", "s",
                      over_time(of_agent(auxiliary, "state"), f"{who} {{{{state}}}}")),
        hourly_bars("Calls per hour", "What each hour added to the day's calls, the hour that ends at the bar's time.", "short",
                    over_time(last_hour(of_agent(calls), "agent_kpi"), who)),
        lines("Hold and mute so far", "Time on hold and on mute, of the day so far.", "s",
              over_time(metric("wolkvox_agent_hold_seconds"), f"{who} hold"),
              over_time(metric("wolkvox_agent_mute_seconds"), f"{who} mute")),
        lines("Average handle time so far", "Handle time divided by calls, of the day so far.", "s",
              over_time(of_agent(average_handle), who)),
        bars("Closed interactions by code", "Interactions closed today with each activity code.", "short",
             now(f"sort_desc({of_agent(closed, 'code')})", f"{who} {{{{code}}}}"), wide=8),
        bars("Auxiliary time by state", "Time in each auxiliary state today.", "s",
             now(f"sort_desc({of_agent(auxiliary, 'state')})", f"{who} {{{{state}}}}"), wide=8),
        bars("Points and hits", "Gamification points and successes today.", "short",
             now(metric("wolkvox_agent_points"), f"{who} points"),
             now(metric("wolkvox_agent_hits"), f"{who} hits"), wide=8),
        table("Ids", "The ids that the vendor has for this name. More than one: two people share the name, and every figure "
              "above is of both.", {
                  "Known": ("short", f"count by (operation, agent_name, agent_id) ({selected('wolkvox_agent_info', *ONLY)})"),
              }, {"operation": "Operation", "agent_name": "Agent", "agent_id": "Id"}, high=5),
    ], variables=(panels.agent(),))
