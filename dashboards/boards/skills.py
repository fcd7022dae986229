"""The board of skills: whether callers get an answer in time."""

from figures import (
    OPERATION, TODAY, YESTERDAY, abandoned, answered, answered_within, at_the_end, came_in, hourly_ratio, in_time, last_hour, named,
    queued, ratio, series, service_level, total, weighted,
)
import panels
from panels import (
    ABANDONED, COUNT, LEVEL, LEVEL_LINES, QUEUE, SHARE, TIME, WAIT, Column, Label, against_a_week_ago, hourly_lines, hourly_stack, lines, now, over_time,
    stat, table,
)
from words import say

SKILL = (OPERATION, "skill_id")
BY = ("skill_id", "skill_name")
MOST = 8


def board():
    title = say("Skills and service level", "Habilidades y nivel de servicio")
    return panels.board("skills", title, say("Do callers get an answer in time?", "¿Se contesta a tiempo a los clientes?"), [
        [panels.age("skill_service", "skill_now", "interaction_service")],
        tiles(),
        [level_per_hour(), calls_per_hour(), wait_per_hour()],
        [each_skill()],
        [queues(), interactions()],
    ], variables=(panels.operation(),))


def none():
    return say("no calls yet today, or skill_service is not polled", "hoy sin llamadas todavía, o skill_service no se consulta")


def waited(*by, **narrowed):
    return total("wolkvox_skill_answer_wait_seconds", *by, **narrowed)


def gave_up_after(*by, **narrowed):
    return total("wolkvox_skill_abandon_wait_seconds", *by, **narrowed)


def tiles():
    return [
        stat(say("Service level, 20 s", "Nivel de servicio, 20 s"), say(
            "Of the calls of today that came in, those answered within 20 seconds. Orange: under 80 %. Red: under 70 %.",
            "De las llamadas que entraron hoy, las contestadas en 20 segundos. Naranja: menos de 80 %. Rojo: menos de 70 %."), SHARE,
            now(service_level(), say("today", "hoy")), now(service_level(window=YESTERDAY), say("yesterday", "ayer")), steps=LEVEL, wide=5,
            empty=none()),
        stat(say("Calls in", "Entrantes"), say(
            "Calls that came in today, of all skills.", "Llamadas que entraron hoy, de todas las habilidades."), COUNT, now(came_in()), wide=4,
            empty=none()),
        stat(say("Abandoned", "Abandonadas"), say(
            "Of the calls of today that came in, those whose callers gave up. Orange: from 5 % on. Red: from 10 %.",
            "De las llamadas que entraron hoy, las que el cliente abandonó. Naranja: desde 5 %. Rojo: desde 10 %."), SHARE,
            now(ratio(abandoned(), came_in())), steps=ABANDONED, wide=4, empty=none()),
        stat(say("Average wait", "Espera media"), say(
            "How long answered calls of today waited, on average. Orange: from 1 minute on. Red: from 2.",
            "Cuánto esperaron las llamadas contestadas hoy, en promedio. Naranja: desde 1 minuto. Rojo: desde 2."), TIME,
            now(ratio(waited(), answered())), steps=WAIT, wide=4, empty=none()),
        stat(say("Gave up after", "Abandona tras"), say(
            "How long callers waited today before they gave up, on average.",
            "Cuánto esperaron hoy los clientes antes de abandonar, en promedio."), TIME, now(ratio(gave_up_after(), abandoned())), wide=4,
            empty=say("nobody gave up yet today, or skill_service is not polled", "hoy nadie abandona todavía, o skill_service no se consulta")),
        stat(say("Waiting now", "En espera ahora"), say(
            "Callers in the queues at the last poll. Orange: from 1 on. Red: over 5.",
            "Clientes en las colas en la última consulta. Naranja: desde 1. Rojo: más de 5."), COUNT, now(queued()), steps=QUEUE, wide=3,
            empty=say("skill_now is not polled", "skill_now no se consulta")),
    ]


def level_per_hour():
    def level(hours_ago):
        return hourly_ratio(in_time, came_in, "skill_service", hours_ago=hours_ago)
    return hourly_lines(say("Service level per hour", "Nivel de servicio por hora"), say(
        "Of the calls that each hour added, those answered within 20 seconds, this day and a week before. Dashed: 80 and 70 %.",
        "De las llamadas que añadió cada hora, las contestadas en 20 segundos, este día y una semana antes. Línea discontinua: 80 y "
        "70 %."), SHARE, *against_a_week_ago(level), steps=LEVEL_LINES, wide=8)


def calls_per_hour():
    return hourly_stack(say("Calls per hour, answered and abandoned", "Llamadas por hora, contestadas y abandonadas"), say(
        "What each hour added: the bar stands over its hour. Data arrive 10 to 25 minutes late, so a call can count in the next hour.",
        "Lo que añadió cada hora: la barra está sobre su hora. Los datos llegan 10 a 25 minutos tarde: una llamada puede contar en la "
        "hora siguiente."), COUNT,
        over_time(f"{last_hour(answered, 'skill_service')} > 0", say("answered", "contestadas")),
        over_time(f"{last_hour(abandoned, 'skill_service')} > 0", say("abandoned", "abandonadas")), wide=8)


def wait_per_hour():
    def wait(hours_ago):
        return hourly_ratio(waited, answered, "skill_service", hours_ago=hours_ago)
    return hourly_lines(say("Average answer wait per hour", "Espera media al contestar, por hora"), say(
        "How long the answered calls that each hour added waited, on average, this day and a week before. Dashed: 1 and 2 minutes.",
        "Cuánto esperaron, en promedio, las llamadas contestadas que añadió cada hora, este día y una semana antes. Línea discontinua: 1 "
        "y 2 minutos."), TIME, *against_a_week_ago(wait), steps=WAIT, wide=8)


def each_skill():
    # Named before they are divided: where several operations are chosen, shares are not added up.
    def share(part, whole):
        return ratio(named(part, *BY), named(whole, *BY))

    def figure(part, whole):
        return share(part(*SKILL), whole(*SKILL))

    def level(seconds, window=TODAY):
        return share(*answered_within(seconds, *SKILL, window=window))
    return table(say("Each skill today", "Cada habilidad hoy"), say(
        "A row for each skill. 10 s, 20 s, 30 s: of the calls that came in, those answered within so many seconds. A dash is unknown, or a "
        "share of no calls.",
        "Una fila por habilidad. 10 s, 20 s, 30 s: de las llamadas que entraron, las contestadas en tantos segundos. Un guion es algo "
        "desconocido, o una parte de ninguna llamada."),
        {"skill_name": Label(say("Skill", "Habilidad")), "skill_id": Label("Id", 110)},
        [
            Column(say("In", "Entran"), COUNT, named(came_in(*SKILL), *BY), 90),
            Column(say("Answered", "Contestadas"), COUNT, named(answered(*SKILL), *BY), 115),
            Column(say("Abandoned", "Abandonadas"), COUNT, named(abandoned(*SKILL), *BY), 120),
            Column(say("Share", "Parte"), SHARE, figure(abandoned, came_in), 90, ABANDONED),
            Column(say("In 10 s", "En 10 s"), SHARE, level("10"), 90),
            Column(say("In 20 s", "En 20 s"), SHARE, level("20"), 90, LEVEL),
            Column(say("In 30 s", "En 30 s"), SHARE, level("30"), 90),
            Column(say("20 s yesterday", "20 s ayer"), SHARE, level("20", YESTERDAY), 130, LEVEL),
            Column(say("Answer wait", "Espera"), TIME, figure(waited, answered), 120, WAIT),
            Column(say("Gave up after", "Abandona tras"), TIME, figure(gave_up_after, abandoned), 130),
            Column(say("Waiting", "En espera"), COUNT, named(queued(*SKILL), *BY), 110, QUEUE),
        ],
        worst=say("In", "Entran"), high=10, known=f"{came_in()} or {queued()}", empty=none())


def queues():
    of = named(queued(*SKILL), "skill_name")
    those = f"and on (skill_name) topk({MOST}, {at_the_end(of)})"
    return lines(say("Callers who wait", "Clientes en espera"), say(
        f"Callers in the queue of each skill at each poll, of the {MOST} skills with most of them now. What happened between two polls is "
        "not known.",
        f"Clientes en la cola de cada habilidad en cada consulta, de las {MOST} habilidades con más ahora. Lo que pasó entre dos consultas "
        "no se sabe."), COUNT, over_time(f"{of} {those}", "{{skill_name}}"), wide=14, high=12,
        empty=say("skill_now is not polled", "skill_now no se consulta"))


def interactions():
    by = ("type",)

    def of(name, *labels):
        return total(f"wolkvox_interaction_{name}", *labels)
    level = series("wolkvox_interaction_service_level_ratio", TODAY, 'within_seconds="20"')
    return table(say("Interactions by type today", "Interacciones por tipo hoy"), say(
        "What came in by each kind of channel, how much of it was answered, and how much within 20 seconds. That share has no colour: "
        "only calls are expected to be answered so soon.",
        "Lo que entró por cada tipo de canal, cuánto se contestó, y cuánto en 20 segundos. Esa parte no tiene color: solo de las "
        "llamadas se espera una respuesta tan pronta."),
        {"type": Label(say("Type", "Tipo"))},
        [
            Column(say("In", "Entran"), COUNT, of("inbound", *by), 75),
            Column(say("Answered", "Contestadas"), COUNT, of("answered", *by), 110),
            Column(say("Abandoned", "Abandonadas"), COUNT, of("abandoned", *by), 115),
            Column(say("In 20 s", "En 20 s"), SHARE, weighted(level, series("wolkvox_interaction_inbound"), *by), 85),
        ],
        worst=say("In", "Entran"), wide=10, high=12, known=of("inbound"),
        empty=say("none, or not polled", "ninguna, o sin consultar"))
