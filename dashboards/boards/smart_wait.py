"""The board of call-backs: whether callers are called back, how soon, and whether it works."""

from figures import (
    YESTERDAY, callback_success, callbacks, hourly_ratio, last_hour, ratio, series, total,
)
import panels
from panels import (
    CALLBACKS, COUNT, FINE, IDLE, LOOK, SHARE, TIME, Column, Label, against_a_week_ago, hourly_lines, hourly_stack, now, over_time, stat, table,
)
from words import say


def statuses():
    """What the vendor's statuses mean."""
    return {
        "ok": (say("reached", "lograda"), FINE),
        "fail": (say("not reached", "no lograda"), LOOK),
        "yes": (say("pending", "pendiente"), IDLE),
        "no": (say("declined", "rechazada"), "#8e8e8e"),
        "no_user": (say("no caller", "sin usuario"), "#b8b8b8"),
        "stop_new": (say("stopped by a new call", "detenida por otra llamada"), "#5f6b7a"),
    }


def board():
    title = say("Smart wait", "Espera inteligente")
    says = say("Are callers called back, how soon, and does it work?", "¿Se devuelve la llamada, cuándo, y se logra?")
    return panels.board("smart-wait", title, says, [
        [panels.age("smart_wait")],
        tiles(),
        [per_hour(), wait_per_hour()],
        [by_status(), by_skill()],
    ], variables=(panels.operation(),))


def longest(*by):
    return f"max by ({', '.join(by)}) ({series('wolkvox_smart_wait_delay_max_seconds')})"


def delay(*by, **narrowed):
    return total("wolkvox_smart_wait_delay_seconds", *by, **narrowed)


def tiles():
    none = say("none yet today, or not polled yet", "ninguna hoy todavía, o aún sin consultar")
    attempts = total("wolkvox_smart_wait_attempts")
    return [
        stat(say("Call-backs asked for", "Devoluciones pedidas"), say(
            "Callers who chose to be called back today, whatever became of it.",
            "Quienes eligieron hoy que se les devolviera la llamada, sin importar qué pasó."), COUNT, now(callbacks()), wide=4, empty=none),
        stat(say("Reached", "Logradas"), say(
            "Call-backs with status ok, of those with ok or fail. Orange: under 50 %. Red: under 30 %.",
            "Devoluciones con estado ok, de las que tienen ok o fail. Naranja: menos de 50 %. Rojo: menos de 30 %."), SHARE,
            now(callback_success()), steps=CALLBACKS, wide=4, empty=none),
        stat(say("Reached yesterday", "Logradas ayer"), say("The same of the whole of yesterday.", "Lo mismo de todo ayer."), SHARE,
             now(callback_success(window=YESTERDAY)), steps=CALLBACKS, wide=4,
             empty=say("yesterday is not polled, or not yet", "ayer no se consulta, o aún no")),
        stat(say("Average wait", "Espera media"), say(
            "Time from the caller's call to the call back, on average.",
            "Tiempo desde la llamada hasta su devolución, en promedio."), TIME, now(ratio(delay(), callbacks())), wide=4, empty=none),
        stat(say("Longest wait", "Espera más larga"), say(
            "Longest time from a caller's call to the call back today.",
            "El tiempo más largo desde una llamada hasta su devolución hoy."), TIME, now(longest()), wide=4, empty=none),
        stat(say("Attempts per call-back", "Intentos por devolución"), say(
            "Attempts to call back, divided by call-backs.", "Intentos de devolver la llamada, divididos por devoluciones."), "none",
            now(ratio(attempts, callbacks())), wide=4, empty=none).decimals(1),
    ]


def per_hour():
    panel = hourly_stack(say("Call-backs per hour, by status", "Devoluciones por hora, por estado"), say(
        "What each hour added: the bar stands over its hour. A pending one becomes another status later, and then counts there.",
        "Lo que añadió cada hora: la barra está sobre su hora. Una pendiente pasa después a otro estado, y entonces cuenta allí."), COUNT,
        over_time(f"{last_hour(callbacks, 'smart_wait', 'status')} > 0", "{{status}}"))
    for status, (text, color) in statuses().items():
        looks = {"displayName": text, "color": {"mode": "fixed", "fixedColor": color}}
        panel.override_by_name(status, [panels.DynamicConfigValue(id_val=key, value=value) for key, value in looks.items()])
    return panel


def wait_per_hour():
    def wait(hours_ago):
        return hourly_ratio(delay, callbacks, "smart_wait", hours_ago=hours_ago)
    return hourly_lines(say("Average wait per hour", "Espera media por hora"), say(
        "Time from the caller's call to the call back, on average, of what each hour added; this day and a week before.",
        "Tiempo desde la llamada hasta su devolución, en promedio, de lo que añadió cada hora; este día y una semana antes."), TIME,
        *against_a_week_ago(wait))


def by_status():
    meanings = statuses()
    return table(say("By status today", "Por estado hoy"), say(
        "Call-backs of today by status, and what the vendor calls it.",
        "Devoluciones de hoy por estado, y cómo lo llama el proveedor."),
        {"status": Label(say("Status", "Estado"), meanings=meanings)},
        [Column(say("Call-backs", "Devoluciones"), COUNT, f"sort_desc({callbacks('status')})", 120)],
        worst=say("Call-backs", "Devoluciones"), wide=8, high=9,
        empty=say("none yet today, or not polled yet", "ninguna hoy todavía, o aún sin consultar"))


def by_skill():
    by = ("skill_id",)
    return table(say("By skill today", "Por habilidad hoy"), say(
        "Call-backs of today for each skill.", "Devoluciones de hoy por cada habilidad (skill)."),
        {"skill_id": Label(say("Skill", "Habilidad"))},
        [
            Column(say("Call-backs", "Devoluciones"), COUNT, callbacks(*by), 120),
            Column(say("Reached", "Logradas"), SHARE, callback_success(*by), 110, CALLBACKS),
            Column(say("Average wait", "Espera media"), TIME, ratio(delay(*by), callbacks(*by)), 130),
            Column(say("Longest wait", "Espera más larga"), TIME, longest(*by), 140),
            Column(say("In calls", "En llamadas"), TIME, total("wolkvox_smart_wait_call_seconds", *by), 120),
            Column(say("Billed", "Facturado"), TIME, total("wolkvox_smart_wait_billed_seconds", *by), 120),
        ],
        worst=say("Call-backs", "Devoluciones"), wide=16, high=9, known=callbacks(),
        empty=say("none yet today, or not polled yet", "ninguna hoy todavía, o aún sin consultar"))
