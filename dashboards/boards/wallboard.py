"""The board for the wall: who waits now and who can answer, large, on one screen, without a mouse."""

from figures import (
    OPERATION, PAUSED, READY, in_states, live, live_service_level, named, queued, ratio, series, NOW,
)
import panels
from panels import (
    ABANDONED, COUNT, LEVEL, PAUSE, QUEUE, SHARE, SOME_IS_FINE, TIME, Column, Label, gauges, now, stat, table,
)
from words import say

# What a row of the wall holds: nobody can scroll there.
MOST = 6
# Where names are omitted, the time is of all who are in the state together.
NAMED = 'agent_name!=""'


def board():
    title = say("Wallboard", "Tablero de pared")
    says = say("Who waits now, and who can answer? For the wall: ?kiosk&theme=dark in the address.",
               "¿Quién espera ahora, y quién puede contestar? Para la pared: ?kiosk&theme=dark en la dirección.")
    return panels.board("wallboard", title, says, [
        [panels.age("skill_now", "agent_now")],
        tiles(),
        [waiting_by_skill(), by_state()],
        [each_operation(), longest_pauses()],
    ], since="now-1h", variables=(panels.operations(),))


def no_queues():
    return say("skill_now is not polled, or has no skills", "skill_now no se consulta, o no tiene habilidades")


def no_agents():
    return say("agent_now is not polled, or nobody is there", "agent_now no se consulta, o no hay nadie")


def abandoned_share(*by):
    return ratio(live("wolkvox_skill_live_abandoned_calls", *by), live("wolkvox_skill_live_inbound_calls", *by))


def tiles():
    def tile(title, says, unit, expression, empty, steps=None):
        # Letters are as large as the tile: of a size of their own, the words of an empty tile would be cut off.
        return stat(title, says, unit, now(expression), steps=steps, empty=empty, wide=4)
    return [
        tile(say("Waiting", "En espera"), say(
            "Callers in the queues at the last poll, of all chosen operations. Orange: from 1 on. Red: over 5.",
            "Clientes en las colas en la última consulta, de todas las operaciones elegidas. Naranja: desde 1. Rojo: más de 5."),
            COUNT, queued(), no_queues(), QUEUE),
        tile(say("Ready", "Listos"), say(
            "Agents in the state ready at the last poll. Red: none.",
            "Agentes en el estado ready en la última consulta. Rojo: ninguno."), COUNT, in_states(only=READY), no_agents(), SOME_IS_FINE),
        tile(say("In pauses", "En pausas"), say(
            "Agents in a state that is none of ready, ring, talk, acw and logout at the last poll.",
            "Agentes en un estado distinto de ready, ring, talk, acw y logout en la última consulta."), COUNT, in_states(only=PAUSED),
            no_agents()),
        tile(say("Logged in", "Conectados"), say(
            "Agents in any state but logout at the last poll.",
            "Agentes en cualquier estado menos logout en la última consulta."), COUNT, in_states(), no_agents()),
        tile(say("Service level, 20 s", "Nivel de servicio, 20 s"), say(
            "Of the calls that came in, those answered within 20 seconds, as wolkvox's real time counts them: presumably since midnight. "
            "Orange: under 80 %. Red: under 70 %.",
            "De las llamadas que entraron, las contestadas en 20 segundos, como las cuenta el tiempo real de wolkvox: al parecer desde la "
            "medianoche. Naranja: menos de 80 %. Rojo: menos de 70 %."), SHARE, live_service_level(),
            say("no calls yet, or skill_now is not polled", "sin llamadas todavía, o skill_now no se consulta"), LEVEL),
        tile(say("Abandoned", "Abandonadas"), say(
            "Of the calls that came in, those whose callers gave up, as wolkvox's real time counts them. Orange: from 5 % on. Red: from 10 %.",
            "De las llamadas que entraron, las que el cliente abandonó, como las cuenta el tiempo real de wolkvox. Naranja: desde 5 %. "
            "Rojo: desde 10 %."), SHARE, abandoned_share(),
            say("no calls yet, or skill_now is not polled", "sin llamadas todavía, o skill_now no se consulta"), ABANDONED),
    ]


def waiting_by_skill():
    query = f"topk({MOST}, {named(queued(OPERATION, 'skill_id'), OPERATION, 'skill_name')} > 0)"
    return gauges(say("Callers who wait, by skill", "Clientes en espera, por habilidad"), say(
        f"Callers in the queue of each skill at the last poll, the {MOST} with most. Orange: from 1 on. Red: over 5.",
        f"Clientes en la cola de cada habilidad en la última consulta, las {MOST} con más. Naranja: desde 1. Rojo: más de 5."),
        COUNT, query, "{{skill_name}} · {{operation}}", steps=QUEUE, wide=12,
        empty=say("nobody waits, or skill_now is not polled", "nadie espera, o skill_now no se consulta"))


def by_state():
    return gauges(say("Agents by state", "Agentes por estado"), say(
        f"Agents in each state at the last poll, the {MOST} states with most. States are the operation's own words.",
        f"Agentes en cada estado en la última consulta, los {MOST} estados con más. Los estados son palabras de la operación."),
        COUNT, f"topk({MOST}, {live('wolkvox_agent_state', 'state')} > 0)", "{{state}}", wide=12, empty=no_agents())


def each_operation():
    by = (OPERATION,)
    return table(say(f"Each operation, the {MOST} where most wait", f"Cada operación, las {MOST} donde más esperan"), say(
        "A row for each operation at the last poll. A dash is unknown, not zero.",
        "Una fila por operación en la última consulta. Un guion es algo desconocido, no un cero."),
        {OPERATION: Label(say("Operation", "Operación"))},
        [
            Column(say("Waiting", "En espera"), COUNT, queued(*by), 110, QUEUE),
            Column(say("Ready", "Listos"), COUNT, in_states(*by, only=READY), 90, SOME_IS_FINE),
            Column(say("Logged in", "Conectados"), COUNT, in_states(*by), 110),
            Column(say("Service level", "Nivel de servicio"), SHARE, live_service_level(*by), 160, LEVEL),
            Column(say("Abandoned", "Abandonadas"), SHARE, abandoned_share(*by), 130, ABANDONED),
        ],
        worst=say("Waiting", "En espera"), most=MOST, wide=12, high=10, known=f"{queued(*by)} or {in_states(*by)}",
        empty=say("not polled", "sin consultar"))


def longest_pauses():
    since = f"max by (agent_name, state) ({series('wolkvox_agent_state_seconds', NOW, *PAUSED, NAMED)})"
    return gauges(say("Longest in a pause", "Más tiempo en una pausa"), say(
        f"The {MOST} agents who are in one pause for longest, at the last poll: up to five minutes more by now. Orange: from 20 minutes on. "
        "Red: from 40.",
        f"Los {MOST} agentes que más tiempo llevan en una misma pausa, en la última consulta: hasta cinco minutos más ahora. Naranja: "
        "desde 20 minutos. Rojo: desde 40."), TIME, f"topk({MOST}, {since} > 0)", "{{state}} · {{agent_name}}", steps=PAUSE, wide=12,
        empty=say("no pauses, or agent_now is not polled", "sin pausas, o agent_now no se consulta"))
