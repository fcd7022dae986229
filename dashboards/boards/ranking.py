"""Who leads in the gamification?"""

from figures import YESTERDAY, at_the_end, calls, ratio, total
import panels
from panels import bars, lines, now, over_time, stat, table

BEST = 20


def board():
    who, each = "{{agent_name}} · {{operation}}", "{{operation}}"
    points, hits = total("wolkvox_agent_points", "agent_name"), total("wolkvox_agent_hits", "agent_name")
    yesterday = total("wolkvox_agent_points", "agent_name", window=YESTERDAY)

    def best(figure):
        return now(f"sort_desc(topk({BEST}, {figure} > 0))", who)

    return panels.board("ranking", "Gamification ranking", "Who leads in the gamification?", [
        panels.age("agent_kpi"),
        stat("Points", "Points of all agents today.", "short", now(total("wolkvox_agent_points"), each), wide=8),
        stat("Hits", "Successes (sales, goals) of all agents today.", "short", now(total("wolkvox_agent_hits"), each), wide=8),
        stat("Calls for a hit", "Calls of today divided by successes of today.", "short",
             now(ratio(calls(), total("wolkvox_agent_hits")), each), wide=8),
        bars(f"Points today, the {BEST} best", "Gamification points of today.", "short", best(points), wide=8, high=14),
        bars(f"Hits today, the {BEST} best", "Successes (sales, goals) of today.", "short", best(hits), wide=8, high=14),
        bars(f"Points yesterday, the {BEST} best", "The whole of yesterday.",
             "short", best(yesterday), wide=8, high=14).no_value("yesterday is not polled"),
        # Who leads now, over the whole range: `topk` of every moment would draw everyone who ever led.
        lines("Points so far, the 5 best of now", "Points of the day so far of the agents who lead at this moment.", "short",
              over_time(f"{points} and on (operation, agent_name) topk(5, {at_the_end(points)})", who), wide=24),
        table("Everyone", "Agents with points, hits or calls today. A click on a name opens the agent.", {
            "Points": ("short", f"{points} > 0"),
            "Hits": ("short", f"{hits} > 0"),
            "Calls": ("short", f"{calls('agent_name')} > 0"),
            "Calls for a hit": ("short", ratio(calls("agent_name"), hits)),
            "Points yesterday": ("short", f"{yesterday} > 0"),
        }, {"operation": "Operation", "agent_name": "Agent"}),
    ])
