"""Where does the time in auxiliary states go?"""

from figures import YESTERDAY, ago, auxiliary, auxiliary_share, last_hour
import panels
from boards.overview import AUXILIARY
from panels import bars, heat, lines, matrix, now, over_time, rows, stacked_lines

MOST = 40


def board():
    state, who = "{{operation}} {{state}}", "{{agent_name}} · {{operation}}"
    of_those = f"and on (operation, agent_name) topk({MOST}, {auxiliary('agent_name')})"
    named = f'label_join({auxiliary("agent_name", "state")} {of_those}, "agent", " · ", "agent_name", "operation")'
    return panels.board("auxiliary", "Auxiliary states", "Where does the time in auxiliary states go?", [
        panels.age("agent_aux_time", "agent_kpi"),
        matrix(f"Auxiliary time per agent, the {MOST} with the most", "Time of today in each state, stacked.", "s",
               rows(f"sum by (agent, state) ({named})"), "agent", "state"),
        heat("Auxiliary time per agent and hour",
             "What each hour added to the agent's time in auxiliary states: the hour that ends at the cell's time. Data arrive "
             "10 to 20 minutes late, so some of it counts in the next hour. An empty cell: nothing new, or nothing known.", "s",
             over_time(f"{last_hour(auxiliary('agent_name'), 'agent_aux_time')} > 0", who), high=14),
        heat("Auxiliary time per state and hour", "The same for each state, of all agents.", "s",
             over_time(f"{last_hour(auxiliary('state'), 'agent_aux_time')} > 0", state), high=8),
        lines("Today and the same time yesterday", "Time in auxiliary states of the day so far, and what it was 24 hours "
              "before. The second line needs a day of history.", "s",
              over_time(auxiliary(), "{{operation}}"), over_time(ago("1d", auxiliary()), "{{operation}} 24 hours before")),
        stacked_lines("By state so far", "Time in each auxiliary state, of the day so far.", "s",
                      over_time(auxiliary("state"), state)),
        bars("Today so far by state", "Time in each state today, up to now.", "s",
             now(f"sort_desc({auxiliary('state')})", state), wide=8),
        bars("The whole of yesterday by state", "Time in each state yesterday. Asked for from 00:20 on.", "s", now(f"sort_desc({auxiliary('state', window=YESTERDAY)})", state),
             wide=8).no_value("yesterday is not polled"),
        bars("Share of login, the 20 highest", "Time in auxiliary states divided by login time, of agents with half an hour "
             "of login or more. Red: over 30 %.", "percentunit",
             now(f"sort_desc(topk(20, {auxiliary_share('agent_name')}))", who), steps=AUXILIARY, wide=8),
    ], since="now-24h")
