"""The board of campaigns: how far they are, and their results."""

from figures import NOW, at_the_end, live, of_campaigns, ratio, series, total
import panels
from panels import (
    COUNT, LOOK, QUIET, SHARE, Column, Label, bars, lines, now, over_time, stat, table,
)
from words import say

BY = ("campaign_id",)
MOST = 10
# Of a campaign that does not run: it has records left.
STOPPED = [(None, QUIET), (1, LOOK)]


def board():
    title = say("Campaigns", "Campañas")
    says = say("Do the campaigns advance, and with which results?", "¿Avanzan las campañas, y con qué resultados?")
    return panels.board("campaigns", title, says, [
        [panels.age("campaign_now", "campaign_results", "unconnected_calls")],
        tiles(),
        [each_campaign()],
        [records_left(), attempts_by_result(), unconnected_by_result()],
    ], variables=(panels.operation(),))


def none():
    return say("no campaign, or campaign_now is not polled", "sin campañas, o campaign_now no se consulta")


def running(*by):
    return f"max by ({', '.join(by)}) ({series('wolkvox_campaign_running', NOW)})"


def stopped_with_records():
    by = ("operation", "campaign_id")
    stopped = f"{of_campaigns('clean', *by)} > 0 and on (operation, campaign_id) {running(*by)} == 0"
    return f"count ({stopped}) or count ({running(*by)}) * 0"


def tiles():
    return [
        stat(say("Running", "En marcha"), say(
            "Campaigns that are started at the last poll.", "Campañas iniciadas en la última consulta."), COUNT,
            now(f"sum ({running('operation', 'campaign_id')})"), wide=4, empty=none()),
        stat(say("Stopped with records left", "Detenidas con registros"), say(
            "Campaigns that are stopped and have records that were not dialled yet. Orange: from 1 on.",
            "Campañas detenidas que tienen registros que aún no se marcaron. Naranja: desde 1."), COUNT, now(stopped_with_records()),
            steps=STOPPED, wide=4, empty=none()),
        stat(say("Records left", "Registros por marcar"), say(
            "Records that were not dialled yet, of all campaigns, the stopped ones too.",
            "Registros que aún no se marcaron, de todas las campañas, también las detenidas."), COUNT, now(of_campaigns("clean")), wide=4,
            empty=none()),
        stat(say("Answered of dialled", "Contestados de marcados"), say(
            "Of the records dialled, those that were answered.", "De los registros marcados, los que se contestaron."), SHARE,
            now(ratio(of_campaigns("answered"), of_campaigns("dialled"))), wide=4, empty=none()),
        stat(say("Successes", "Logros"), say(
            "Successes of all campaigns, as wolkvox counts them for each campaign.",
            "Logros de todas las campañas, como los cuenta wolkvox para cada una."), COUNT, now(live("wolkvox_campaign_hits")), wide=4,
            empty=none()),
        stat(say("Calls per minute", "Llamadas por minuto"), say(
            "What all campaigns dial together, at the last poll.", "Lo que marcan todas las campañas juntas, en la última consulta."), COUNT,
            now(live("wolkvox_campaign_calls_per_minute")), wide=4, empty=none()),
    ]


def each_campaign():
    meanings = {
        "0": (say("stopped", "detenida"), QUIET), "1": (say("running", "en marcha"), QUIET), "2": (say("stopped", "detenida"), LOOK),
    }
    # A campaign that stands still with records left is where to look: 2.
    left = f"({of_campaigns('clean', *BY)} > bool 0)"
    state = f"({running(*BY)} + 2 * (1 - {running(*BY)}) * {left} or {running(*BY)})"

    def part(name, heading, wide):
        return Column(heading, COUNT, of_campaigns(name, *BY), wide)
    of_day = 'part="day"'
    day = f"avg by (campaign_id) ({series('wolkvox_campaign_penetration_ratio', NOW, of_day)})"
    panel = table(say("Each campaign", "Cada campaña"), say(
        "A row for each campaign at the last poll. Left: not dialled yet. Orange: stopped with records left. Worked today: the share of its "
        "records that wolkvox counts as dialled today. A dash is unknown, not zero.",
        "Una fila por campaña en la última consulta. Faltan: aún sin marcar. Naranja: detenida con registros. Gestión de hoy: la parte de "
        "sus registros que wolkvox cuenta como marcada hoy. Un guion es algo desconocido, no un cero."),
        {"campaign_id": Label(say("Campaign", "Campaña"))},
        [
            Column(say("State", "Estado"), COUNT, state, 110, [(None, QUIET)]),
            part("records", say("Records", "Registros"), 110),
            part("clean", say("Left", "Faltan"), 110),
            part("dialled", say("Dialled", "Marcados"), 110),
            part("answered", say("Picked up", "Contestados"), 120),
            part("no_answer", say("No answer", "Sin respuesta"), 125),
            part("failed", say("Failed", "Fallidos"), 100),
            part("answer_machine", say("Machine", "Contestador"), 115),
            Column(say("Worked today", "Gestión de hoy"), SHARE, day, 135),
            Column(say("Successes", "Logros"), COUNT, live("wolkvox_campaign_hits", *BY), 110),
            Column(say("Calls/min", "Llamadas/min"), COUNT, live("wolkvox_campaign_calls_per_minute", *BY), 125),
        ],
        worst=say("Left", "Faltan"), high=10, known=running(), empty=say("none, or not polled", "ninguna, o sin consultar"))
    looks = panels.column_looks(Column(say("State", "Estado"), COUNT, "", 110, [(None, QUIET)]))
    panel.build().field_config.overrides[1].properties = [*looks, panels.DynamicConfigValue(id_val="mappings", value=[panels.meant(meanings)])]
    return panel


def records_left():
    left = of_campaigns("clean", *BY)
    those = f"and on (campaign_id) topk({MOST}, {at_the_end(left)})"
    return lines(say("Records left", "Registros por marcar"), say(
        f"Records that were not dialled yet, of the {MOST} campaigns with most of them now. A line that stays level does not advance.",
        f"Registros que aún no se marcaron, de las {MOST} campañas con más ahora. Una línea que no baja no avanza."), COUNT,
        over_time(f"{left} {those}", "{{campaign_id}}"), wide=10, high=12, empty=none())


def results():
    """How a call ended, in words: wolkvox writes some of them in two ways."""
    words = {
        "answer": say("answered", "contestadas"), "no-answer": say("no answer", "sin respuesta"), "no_answer": say("no answer", "sin respuesta"),
        "busy": say("busy", "ocupado"), "congestion": say("network congested", "red congestionada"),
        "answer-machine": say("answering machine", "contestador"), "abandon": say("gave up", "abandonó"),
        "do-not-call_clean": say("do not call", "no llamar"), "do_not_call": say("do not call", "no llamar"),
        "cancel": say("cancelled", "cancelada"), "chanunavail": say("no line free", "sin línea libre"), "failed": say("failed", "falló"),
    }
    return {result: (text, QUIET) for result, text in words.items()}


def attempts_by_result():
    return bars(say("Attempts by result today", "Intentos por resultado hoy"), say(
        "Attempts of all campaigns today, by how they ended.", "Intentos de todas las campañas hoy, según cómo terminaron."), COUNT,
        f"{total('wolkvox_campaign_attempts', 'result')} > 0", "result", Label(say("Result", "Resultado"), 190, meanings=results()), say("Attempts", "Intentos"),
        wide=7, high=12, empty=say("none yet today, or campaign_results is not polled", "ninguno hoy todavía, o campaign_results no se consulta"))


def unconnected_by_result():
    return bars(say("Unconnected calls by result today", "Llamadas sin conectar por resultado hoy"), say(
        "Calls of today that reached nobody, by the reason.", "Llamadas de hoy que no llegaron a nadie, según la razón."), COUNT,
        f"{total('wolkvox_unconnected_calls', 'result')} > 0", "result", Label(say("Result", "Resultado"), 190, meanings=results()), say("Calls", "Llamadas"),
        wide=7, high=12, empty=say("none yet today, or unconnected_calls is not polled", "ninguna hoy todavía, o unconnected_calls no se consulta"))
