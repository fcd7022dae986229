"""The board of closed interactions: the codes that they end with."""

from figures import (
    AGENT, PEOPLE, QUEUES, YESTERDAY, closed, last_hour, selected, timeout_share,
)
import panels
from panels import (
    COUNT, SHARE, TIMEOUTS, Column, Label, against_a_week_ago, bars, hourly_lines, hourly_stack, matrix, now, over_time, rows, stat, table,
)
from words import say

MOST = 20


def described(by_code: str) -> str:
    """With the code's description, where the vendor sends one. Two descriptions of a code must not break the board."""
    description = f"topk by (code) (1, group by (code, description) ({selected('wolkvox_activity_code_info')}))"
    return (f"{by_code} * on (code) group_left (description) {description} or {by_code} unless on (code) {description}")


def board():
    title = say("Closed interactions", "Interacciones cerradas")
    says = say("With which codes do interactions end?", "¿Con qué códigos terminan las interacciones?")
    return panels.board("closed", title, says, [
        [panels.age("closed_interactions")],
        tiles(),
        [codes(), per_hour_and_code()],
        [per_agent_and_code(), [per_hour(), nobody()]],
    ], variables=(panels.operation(),))


def tiles():
    return [
        stat(say("Closed today", "Cerradas hoy"), say("Mail and social-network interactions closed today.",
             "Interacciones de correo y redes sociales cerradas hoy."), COUNT, now(closed()), wide=6,
             empty=say("none closed yet today, or not polled yet", "ninguna cerrada hoy todavía, o aún sin consultar")),
        stat(say("Closed yesterday", "Cerradas ayer"), say("The whole of yesterday.", "Todo el día de ayer."), COUNT,
             now(closed(window=YESTERDAY)), wide=6,
             empty=say("yesterday is not polled, or not yet", "ayer no se consulta, o aún no")),
        stat(say("Ended by a time-out", "Cerradas por tiempo"), say(
            "Share that a time-out closed (codes TIMEOUT…) instead of an agent. Orange: over 30 %. Red: over 50 %.",
            "Parte que cerró un tiempo agotado (códigos TIMEOUT…) y no un agente. Naranja: más de 30 %. Rojo: más de 50 %."), SHARE,
            now(timeout_share()), steps=TIMEOUTS, wide=6,
            empty=say("none closed yet today, or not polled yet", "ninguna cerrada hoy todavía, o aún sin consultar")),
        stat(say("Codes in use", "Códigos en uso"), say("Different activity codes used today.",
             "Códigos de actividad distintos usados hoy."), COUNT, now(f"count ({closed('code')} > 0)"), wide=6,
             empty=say("none closed yet today, or not polled yet", "ninguna cerrada hoy todavía, o aún sin consultar")),
    ]


def codes():
    return table(say("Codes and what they mean", "Códigos y qué significan"), say(
        "Interactions closed today with each code; the description as the vendor sends it.",
        "Interacciones cerradas hoy con cada código; la descripción como la envía el proveedor."),
        {"code": Label(say("Code", "Código"), 200), "description": Label(say("Description", "Descripción"))},
        [Column(say("Closed", "Cerradas"), COUNT, f"sort_desc({described(closed('code'))})", 110)],
        worst=say("Closed", "Cerradas"), wide=12, high=11,
        empty=say("none closed yet today, or not polled yet", "ninguna cerrada hoy todavía, o aún sin consultar"))


def per_hour_and_code():
    return hourly_stack(say("Per hour, by code", "Por hora, por código"), say(
        "What each hour added: the bar stands over its hour. An interaction that gets another code later counts where it comes, and "
        "is never taken off.",
        "Lo que añadió cada hora: la barra está sobre su hora. Una interacción que recibe otro código después cuenta donde llega, y "
        "nunca se resta."), COUNT,
        over_time(f"{last_hour(closed, 'closed_interactions', 'code')} > 0", "{{code}}"), high=11)


def per_agent_and_code():
    those = f"and on (agent_name) topk({MOST}, {closed('agent_name', only=PEOPLE)})"
    return matrix(say(f"By agent and code, the {MOST} with the most", f"Por agente y código, los {MOST} con más"), say(
        "Interactions each agent closed today, by code.", "Interacciones que cada agente cerró hoy, por código."), COUNT,
        rows(f"sort_desc({closed('agent_name', 'code', only=PEOPLE)} {those})"), AGENT, "code", wide=14, high=18,
        empty=say("none closed yet today, or not polled yet", "ninguna cerrada hoy todavía, o aún sin consultar"))


def per_hour():
    return hourly_lines(say("Closed per hour", "Cerradas por hora"), say(
        "What each hour added, this day and a week before.", "Lo que añadió cada hora, este día y una semana antes."), COUNT,
        *against_a_week_ago(lambda hours_ago: last_hour(closed, "closed_interactions", hours_ago=hours_ago)),
        wide=10, high=9)


def nobody():
    return bars(say("On routing points: nobody took them", "En puntos de enrutamiento: nadie las tomó"), say(
        "Interactions that closed on the vendor's routing points, without any agent, by code.",
        "Interacciones que se cerraron en los puntos de enrutamiento del proveedor, sin ningún agente, por código."), COUNT,
        f"{closed('code', only=QUEUES)} > 0", "code", Label(say("Code", "Código"), 150), say("Closed", "Cerradas"), wide=10, high=9,
        empty=say("none yet today, or not polled yet", "ninguna hoy todavía, o aún sin consultar"))
