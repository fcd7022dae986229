"""The board of the gamification: who leads."""

from figures import AGENT, YESTERDAY, at_the_end, calls, hits, points, ratio
import panels
from panels import COUNT, Column, Label, bars, lines, now, over_time, stat, table
from words import say

BEST = 20


def board():
    title = say("Gamification ranking", "Clasificación de gamificación")
    says = say("Who leads in the gamification?", "¿Quién va primero en la gamificación?")
    return panels.board("ranking", title, says, [
        [panels.age("agent_kpi", "agent_time")],
        tiles(),
        [best_points(), best_hits(), best_yesterday()],
        [leaders(), everyone()],
    ], variables=(panels.operation(),))


def tiles():
    none = say("nobody has points yet today, or not polled yet", "hoy nadie tiene puntos todavía, o aún sin consultar")
    return [
        stat(say("Points", "Puntos"), say("Points of all agents today.", "Puntos de todos los agentes hoy."), COUNT, now(points()),
             wide=8, empty=none),
        stat(say("Hits", "Aciertos"), say("Successes (sales, goals) of all agents today.",
             "Aciertos (ventas, metas) de todos los agentes hoy."), COUNT, now(hits()), wide=8, empty=none),
        stat(say("Calls for a hit", "Llamadas por acierto"), say("Calls of today divided by successes of today.",
             "Llamadas de hoy divididas por los aciertos de hoy."), COUNT, now(ratio(calls(), hits())), wide=8, empty=none),
    ]


def best(title, says, figure, empty, window="today"):
    agent = Label(say("Agent", "Agente"), 270, panels.to_the_agent())
    query = f"topk({BEST}, {figure(AGENT, window=window)} > 0)"
    return bars(title, says, COUNT, query, AGENT, agent, say("Best", "Mejores"), wide=8, high=21, empty=empty)


def best_points():
    return best(say(f"Points today, the {BEST} best", f"Puntos de hoy, los {BEST} mejores"), say(
        "Gamification points of today.", "Puntos de gamificación de hoy."), points,
        say("nobody has points yet today, or not polled yet", "hoy nadie tiene puntos todavía, o aún sin consultar"))


def best_hits():
    return best(say(f"Hits today, the {BEST} best", f"Aciertos de hoy, los {BEST} mejores"), say(
        "Successes (sales, goals) of today.", "Aciertos (ventas, metas) de hoy."), hits,
        say("nobody has a hit yet today, or not polled yet", "hoy nadie tiene aciertos todavía, o aún sin consultar"))


def best_yesterday():
    return best(say(f"Points yesterday, the {BEST} best", f"Puntos de ayer, los {BEST} mejores"), say(
        "The whole of yesterday.", "Todo el día de ayer."), points,
        say("yesterday is not polled, or not yet", "ayer no se consulta, o aún no"), YESTERDAY)


def leaders():
    # Who leads now, over the whole range: `topk` of every moment would draw everyone who ever led.
    lead = f"{points(AGENT)} > 0 and on (agent_name) topk(5, {at_the_end(points(AGENT))})"
    return lines(say("Points so far, the 5 who lead now", "Puntos hasta el momento, los 5 primeros de ahora"), say(
        "Points of the day so far of the agents who lead at this moment.",
        "Puntos en lo que va del día de los agentes que van primero en este momento."), COUNT, over_time(lead, "{{agent_name}}"),
        wide=10, high=16)


def everyone():
    by = (AGENT,)
    known = " or ".join(f"{figure} > 0" for figure in (points(), hits(), calls(), points(window=YESTERDAY)))
    return table(say("Everyone", "Todos"), say(
        "Agents with points, hits or calls today. A click on a name opens the agent.",
        "Agentes con puntos, aciertos o llamadas hoy. Un clic en un nombre abre el agente."),
        {AGENT: Label(say("Agent", "Agente"), link=panels.to_the_agent())},
        [
            Column(say("Points", "Puntos"), COUNT, f"{points(*by)} > 0", 100),
            Column(say("Hits", "Aciertos"), COUNT, f"{hits(*by)} > 0", 100),
            Column(say("Calls", "Llamadas"), COUNT, f"{calls(*by)} > 0", 100),
            Column(say("Calls a hit", "Por acierto"), COUNT, ratio(calls(*by), hits(*by)), 110),
            Column(say("Yesterday", "Ayer"), COUNT, f"{points(*by, window=YESTERDAY)} > 0", 110),
        ],
        worst=say("Points", "Puntos"), wide=14, high=16, known=known,
        empty=say("nobody yet today, or not polled yet", "hoy nadie todavía, o aún sin consultar"))
