"""The board of one agent's day."""

from figures import (
    AGENT, CHOSEN_AGENT, OF_AGENTS, PEOPLE, YESTERDAY, auxiliary, auxiliary_share, average_handle, calls, closed, hits, hold_mute_share,
    last_hour, login, occupancy, points, selected, total,
)
import panels
from panels import (
    AUXILIARY, COUNT, HOLD, OCCUPANCY, SHARE, TEXT, TIME, Column, Label, bars, hourly_stack, now, over_time, stat, table,
)
from words import say

def board():
    title = say("Agent", "Agente")
    return panels.board("agent", title, say("What does one agent's day look like?", "¿Cómo es el día de un agente?"), [
        [panels.heading("$agent_name")],
        [panels.age("agent_kpi", "agent_time", "agent_aux_time", "agent_hold_mute", "closed_interactions")],
        against_yesterday(),
        against_the_team(),
        [calls_per_hour(), auxiliary_per_hour()],
        [by_state(), by_code(), hold_and_mute()],
        [ids()],
    ], variables=(panels.operation(), panels.agent()))


def chosen(figure, **window):
    return figure(only=CHOSEN_AGENT, **window)


def against_yesterday():
    def tile(title, says, unit, figure):
        return stat(title, says, unit, now(chosen(figure), say("today", "hoy")),
                    now(chosen(figure, window=YESTERDAY), say("yesterday", "ayer")), wide=6)
    return [
        tile(say("Login", "Conexión"), say("Login time today, and the whole of yesterday.",
             "Tiempo de conexión de hoy, y de todo ayer."), TIME, login),
        tile(say("Calls", "Llamadas"), say("Calls today: inbound, outbound and internal; and the whole of yesterday.",
             "Llamadas de hoy: entrantes, salientes e internas; y de todo ayer."), COUNT, calls),
        tile(say("Points", "Puntos"), say("Gamification points of today, and of the whole of yesterday.",
             "Puntos de gamificación de hoy, y de todo ayer."), COUNT, points),
        tile(say("Hits", "Aciertos"), say("Successes (sales, goals) of today, and of the whole of yesterday.",
             "Aciertos (ventas, metas) de hoy, y de todo ayer."), COUNT, hits),
    ]


def against_the_team():
    def tile(title, says, unit, figure, steps=None, whole=()):
        return stat(title, says, unit, now(chosen(figure), say("agent", "agente")),
                    now(figure(only=whole), say("team", "equipo")), steps=steps, wide=6)
    return [
        tile(say("Average handle time", "TMO"), say(
            "Handle time divided by calls of today; nothing without calls. Beside it the whole operation's.",
            "Tiempo de atención dividido por llamadas de hoy; nada sin llamadas. Al lado, el de toda la operación."), TIME,
            average_handle),
        tile(say("Occupancy", "Ocupación"), say(
            "Share of today's login time spent on calls and their documentation; where agent_time is polled, of the login without "
            "auxiliary states. Beside it the whole operation's. Blue: under 65 %. Orange: over 85 %. Red: over 90 %.",
            "Parte del tiempo de conexión de hoy en llamadas y su documentación; donde se consulta agent_time, de la conexión sin "
            "auxiliares. Al lado, la de toda la operación. Azul: menos de 65 %. Naranja: más de 85 %. Rojo: más de 90 %."), SHARE, occupancy, OCCUPANCY),
        tile(say("In auxiliary states", "En auxiliares"), say(
            "Time in auxiliary states divided by login time. Beside it the whole operation's. Orange: over 30 %. Red: over 40 %.",
            "Tiempo en estados auxiliares dividido por el tiempo de conexión. Al lado, la parte de toda la operación. Naranja: más "
            "de 30 %. Rojo: más de 40 %."), SHARE, auxiliary_share, AUXILIARY),
        tile(say("On hold or mute", "En retención o silencio"), say(
            "Time on hold or mute divided by handle time. Beside it the whole operation's. Orange: over 15 %. Red: over 25 %.",
            "Tiempo en retención o silencio dividido por el tiempo de atención. Al lado, la parte de toda la operación. Naranja: más "
            "de 15 %. Rojo: más de 25 %."), SHARE, hold_mute_share, HOLD, PEOPLE),
    ]


def calls_per_hour():
    return hourly_stack(say("Calls per hour", "Llamadas por hora"), say(
        "What each hour added to the day's calls. Data arrive 10 to 20 minutes late, so a call can count in the next hour.",
        "Lo que cada hora añadió a las llamadas del día. Los datos llegan 10 a 20 minutos tarde: una llamada puede contar en la hora "
        "siguiente."), COUNT,
        over_time(f"{last_hour(calls, OF_AGENTS, only=CHOSEN_AGENT)} > 0", say("calls", "llamadas")))


def auxiliary_per_hour():
    return hourly_stack(say("Auxiliary time per hour, by state", "Tiempo en auxiliares por hora, por estado"), say(
        "What each hour added to the time in each auxiliary state.",
        "Lo que cada hora añadió al tiempo en cada estado auxiliar."), TIME,
        over_time(f"{last_hour(auxiliary, 'agent_aux_time', 'state', only=CHOSEN_AGENT)} > 0", "{{state}}"))


def by_state():
    return bars(say("Auxiliary time by state", "Tiempo en auxiliares por estado"), say(
        "Time in each auxiliary state today.", "Tiempo en cada estado auxiliar hoy."), TIME,
        f"{auxiliary('state', only=CHOSEN_AGENT)} > 0", "state", Label(say("State", "Estado"), 150), say("Time", "Tiempo"), wide=8, high=9,
        empty=say("in no auxiliary state yet today, or not polled yet", "hoy en ningún auxiliar todavía, o aún sin consultar"))


def by_code():
    return bars(say("Closed interactions by code", "Interacciones cerradas por código"), say(
        "Interactions closed today with each activity code.", "Interacciones cerradas hoy con cada código de actividad."), COUNT,
        f"{closed('code', only=CHOSEN_AGENT)} > 0", "code", Label(say("Code", "Código"), 150), say("Closed", "Cerradas"), wide=8, high=9,
        empty=say("none closed yet today, or not polled yet", "ninguna cerrada hoy todavía, o aún sin consultar"))


def hold_and_mute():
    def metric(name):
        return total(name, only=CHOSEN_AGENT)
    return stat(say("Hold and mute", "Retención y silencio"), say(
        "Time on hold and on mute today, and how often either was used.",
        "Tiempo en retención y en silencio hoy, y cuántas veces se usó alguno."), TIME,
        now(metric("wolkvox_agent_hold_seconds"), say("hold", "retención")),
        now(metric("wolkvox_agent_mute_seconds"), say("mute", "silencio")),
        now(metric("wolkvox_agent_hold_mute_uses"), say("uses", "usos")), wide=8, high=9,
        empty=say("no hold or mute yet today, or not polled yet", "hoy sin retención ni silencio todavía, o aún sin consultar")).override_by_name(
            say("uses", "usos"), [panels.DynamicConfigValue(id_val="unit", value=COUNT)])


def ids():
    known = f"group by (agent_name, agent_id) ({selected('wolkvox_agent_info', *CHOSEN_AGENT)})"
    return table(say("Ids of this name", "Identificadores de este nombre"), say(
        "The ids that the vendor has for this name. More than one: two people share the name, and every figure above is of both.",
        "Los identificadores que el proveedor tiene para este nombre. Más de uno: dos personas comparten el nombre, y cada cifra de "
        "arriba es de ambas."),
        {AGENT: Label(say("Agent", "Agente")), "agent_id": Label("Id", 300)},
        # The value says nothing: the labels do.
        [Column(say("Known", "Conocido"), TEXT, known, None)], high=4,
        empty=say("the vendor sent no id", "el proveedor no envió identificador"))
