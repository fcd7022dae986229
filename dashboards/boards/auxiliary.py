"""The board of time in auxiliary states: where it goes."""

from figures import AGENT, OF_AGENTS, PEOPLE, YESTERDAY, at_the_end, auxiliary, auxiliary_share, hourly_ratio, last_hour, login
import panels
from panels import (
    AUXILIARY, COUNT, SHARE, TIME, Label, against_a_week_ago, bars, heat, hourly_lines, hourly_stack, matrix, now, over_time, rows, stat,
)
from words import say

MOST = 20


def board():
    title = say("Auxiliary states", "Estados auxiliares")
    says = say("Where does the time in auxiliary states go?", "¿Adónde va el tiempo en estados auxiliares?")
    return panels.board("auxiliary", title, says, [
        [panels.age("agent_aux_time", "agent_kpi", "agent_time")],
        tiles(),
        [per_agent_and_state(), highest_shares()],
        [per_hour_and_state(), share_per_hour()],
        [per_agent_and_hour(), [by_state(), by_state_yesterday()]],
    ], variables=(panels.operation(),))


def tiles():
    return [
        stat(say("In auxiliary states", "En auxiliares"), say(
            "Time in auxiliary states divided by login time, of all agents. Orange: over 30 %. Red: over 40 %.",
            "Tiempo en estados auxiliares dividido por el tiempo de conexión, de todos los agentes. Naranja: más de 30 %. Rojo: "
            "más de 40 %."), SHARE, now(auxiliary_share()), steps=AUXILIARY, wide=6),
        stat(say("Auxiliary time", "Tiempo en auxiliares"), say(
            "Time of all agents in auxiliary states today, as hours:minutes:seconds.",
            "Tiempo de todos los agentes en estados auxiliares hoy, en horas:minutos:segundos."), TIME, now(auxiliary()), wide=6),
        stat(say("Login time", "Tiempo de conexión"), say(
            "Login time of all agents today, as hours:minutes:seconds.",
            "Tiempo de conexión de todos los agentes hoy, en horas:minutos:segundos."), TIME, now(login()), wide=6),
        stat(say("Agents over 30 %", "Agentes con más de 30 %"), say(
            "Agents with half an hour of login or more whose auxiliary states took over 30 % of it.",
            "Agentes con media hora de conexión o más cuyos auxiliares tomaron más del 30 % de ella."), COUNT,
            now(f"count ({auxiliary_share(AGENT)} > 0.30) or count ({auxiliary_share(AGENT)}) * 0"), wide=6),
    ]


def per_agent_and_state():
    those = f"and on (agent_name) topk({MOST}, {auxiliary('agent_name', only=PEOPLE)})"
    return matrix(say(f"By agent and state, the {MOST} with the most", f"Por agente y estado, los {MOST} con más"), say(
        "Time of today in each state, side by side.", "Tiempo de hoy en cada estado, uno junto a otro."), TIME,
        rows(f"sort_desc({auxiliary('agent_name', 'state', only=PEOPLE)} {those})"), AGENT, "state", wide=14, high=21)


def by_state():
    return bars(say("By state today", "Por estado hoy"), say(
        "Time of all agents in each state today.", "Tiempo de todos los agentes en cada estado hoy."), TIME,
        auxiliary("state"), "state", Label(say("State", "Estado"), 150), say("Time", "Tiempo"), wide=8, high=8)


def by_state_yesterday():
    return bars(say("By state, the whole of yesterday", "Por estado, todo ayer"), say(
        "Time of all agents in each state yesterday. It is asked for from 00:20 on.",
        "Tiempo de todos los agentes en cada estado ayer. Se pide desde las 00:20."), TIME,
        auxiliary("state", window=YESTERDAY), "state", Label(say("State", "Estado"), 150), say("Time", "Tiempo"), wide=8, high=7,
        empty=say("yesterday is not polled, or not yet", "ayer no se consulta, o aún no"))


def per_hour_and_state():
    return hourly_stack(say("Per hour, by state", "Por hora, por estado"), say(
        "What each hour added to the time in each state: the bar stands over its hour. Data arrive 10 to 20 minutes late, so some of "
        "it counts in the next hour.",
        "Lo que cada hora añadió al tiempo en cada estado: la barra está sobre su hora. Los datos llegan 10 a 20 minutos tarde: una "
        "parte cuenta en la hora siguiente."), TIME,
        over_time(f"{last_hour(auxiliary, 'agent_aux_time', 'state')} > 0", "{{state}}"), high=7)


def share_per_hour():
    def share(hours_ago):
        return hourly_ratio(auxiliary, login, "agent_aux_time", OF_AGENTS, hours_ago)
    return hourly_lines(say("Share of login per hour", "Parte de la conexión por hora"), say(
        "Share of each hour's login time in auxiliary states, this day and a week before. Dashed: 30 and 40 %.",
        "Parte del tiempo de conexión de cada hora en estados auxiliares, este día y una semana antes. Línea discontinua: 30 y "
        "40 %."), SHARE, *against_a_week_ago(share), steps=AUXILIARY, high=7)


def per_agent_and_hour():
    those = f"and on (agent_name) topk({MOST}, {at_the_end(auxiliary('agent_name', only=PEOPLE))})"
    return heat(say(f"By agent and hour, the {MOST} with the most", f"Por agente y hora, los {MOST} con más"), say(
        "What each hour added to the agent's time in auxiliary states: the hour that ends at the cell's time. An empty cell: nothing "
        "new, or nothing known.",
        "Lo que cada hora añadió al tiempo del agente en estados auxiliares: la hora que termina en la hora de la celda. Una celda "
        "vacía: nada nuevo, o nada conocido."), TIME,
        over_time(f"{last_hour(auxiliary, 'agent_aux_time', 'agent_name', only=PEOPLE)} > 0 {those}", "{{agent_name}}"), wide=16, high=15)


def highest_shares():
    return bars(say(f"Share of login, the {MOST} highest", f"Parte de la conexión, las {MOST} más altas"), say(
        "Time in auxiliary states divided by login time, of agents with half an hour of login or more. Orange: over 30 %. Red: over "
        "40 %.",
        "Tiempo en estados auxiliares dividido por el tiempo de conexión, de agentes con media hora de conexión o más. Naranja: más "
        "de 30 %. Rojo: más de 40 %."), SHARE,
        f"topk({MOST}, {auxiliary_share('agent_name')})", AGENT, Label(say("Agent", "Agente"), 260, panels.to_the_agent()),
        say("Share", "Parte"),
        steps=[(None, panels.IDLE), *AUXILIARY[1:]], wide=10, high=21)
