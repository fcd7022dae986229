"""The board of all operations: how each does today."""

from figures import (
    AGENT_TIME, OF_AGENTS, OPERATION, agent_to_look_at, agents, auxiliary, auxiliary_share, average_handle, busy, callback_success,
    calls, closed, handle, hold_mute_share, hourly_ratio, last_hour, login, occupancy, oldest,
    on_duty, operation_to_look_at, timeout_share,
)
import panels
from panels import (
    AGES, AUXILIARY, CALLBACKS, COUNT, HOLD, OCCUPANCY, SHARE, TIME, TIMEOUTS, TO_LOOK_AT, Column, Label, against_a_week_ago,
    hourly_lines, now, stat, table,
)
from words import say

EVERY_REPORT = (*panels.REPORTS, AGENT_TIME)
MOST = 25


def board():
    title = say("Operation overview", "Resumen de la operación")
    return panels.board("overview", title, say("How does each operation do today?", "¿Cómo va hoy cada operación?"), [
        [panels.oldest_ages(*EVERY_REPORT)],
        tiles(),
        [each_operation(), calls_per_hour()],
        [occupancy_per_hour(), handle_per_hour(), auxiliary_per_hour()],
        [agents_to_look_at()],
    ], variables=(panels.operations(),))


def tiles():
    return [
        stat(say("Agents", "Agentes"), say(
            "Agents with any login time today, also those who left since; of all chosen operations.",
            "Agentes con algún tiempo de conexión hoy, también los que ya se fueron; de todas las operaciones elegidas."),
            COUNT, now(agents())),
        stat(say("Calls", "Llamadas"), say(
            "Calls of all agents today: inbound, outbound and internal.",
            "Llamadas de todos los agentes hoy: entrantes, salientes e internas."), COUNT, now(calls())),
        stat(say("AHT", "TMO"), say(
            "Average handle time: handle time of today divided by calls of today.",
            "Tiempo medio de operación: tiempo de atención de hoy dividido por las llamadas de hoy."), TIME, now(average_handle())),
        stat(say("Occupancy", "Ocupación"), say(
            "Share of login time spent on calls and their documentation, weighted by login time. Where agent_time is polled: of the login "
            "without auxiliary states. Usual target: 75 to 85 %. Blue: under 65 %. Orange: over 85 %. Red: over 90 %.",
            "Parte del tiempo de conexión en llamadas y su documentación, ponderada por el tiempo de conexión. Donde se consulta "
            "agent_time: de la conexión sin auxiliares. Meta usual: 75 a 85 %. Azul: menos de 65 %. Naranja: más de 85 %. Rojo: más de "
            "90 %."), SHARE, now(occupancy()), steps=OCCUPANCY),
        stat(say("Auxiliary", "Auxiliares"), say(
            "Time in auxiliary states divided by login time, of all agents. Orange: over 30 %. Red: over 40 %.",
            "Tiempo en estados auxiliares dividido por el tiempo de conexión, de todos los agentes. Naranja: más de 30 %. Rojo: "
            "más de 40 %."), SHARE, now(auxiliary_share()), steps=AUXILIARY),
        stat(say("Hold", "Retención"), say(
            "Time on hold or mute divided by handle time. Orange: over 15 %. Red: over 25 %.",
            "Tiempo en retención o silencio dividido por el tiempo de atención. Naranja: más de 15 %. Rojo: más de 25 %."),
            SHARE, now(hold_mute_share()), steps=HOLD),
        stat(say("Closed", "Cerradas"), say(
            "Mail and social-network interactions closed today.", "Interacciones de correo y redes sociales cerradas hoy."),
            COUNT, now(closed())),
        stat(say("Call-backs", "Devoluciones"), say(
            "Smart-wait call-backs with status ok, of those with ok or fail. Orange: under 50 %. Red: under 30 %.",
            "Devoluciones de llamada de espera inteligente con estado ok, de las que tienen ok o fail. Naranja: menos de 50 %. "
            "Rojo: menos de 30 %."), SHARE, now(callback_success()), steps=CALLBACKS),
    ]


def each_operation():
    by = (OPERATION,)
    return table(
        say("Each operation today, first those that need a look", "Cada operación hoy, primero las que hay que mirar"), say(
            "A row for each operation. To look at: how many of its figures are outside their limits, or whose data are gone. A "
            "click on a name shows that operation alone. A dash is unknown, not zero.",
            "Una fila por operación. Por mirar: cuántas de sus cifras están fuera de su límite, o cuyos datos ya no están. Un clic "
            "en un nombre muestra solo esa operación. Un guion es algo desconocido, no un cero."),
        {OPERATION: Label(say("Operation", "Operación"), link=panels.to_the_operation())},
        [
            Column(say("To look at", "Por mirar"), COUNT, operation_to_look_at(), 90, TO_LOOK_AT),
            Column(say("Agents", "Agentes"), COUNT, agents(*by), 80),
            Column(say("Calls", "Llamadas"), COUNT, calls(*by), 85),
            Column(say("AHT", "TMO"), TIME, average_handle(*by), 85),
            Column(say("Occupancy", "Ocupación"), SHARE, occupancy(*by), 95, OCCUPANCY),
            Column(say("Auxiliary", "Auxiliares"), SHARE, auxiliary_share(*by), 95, AUXILIARY),
            Column(say("Hold", "Retención"), SHARE, hold_mute_share(*by), 95, HOLD),
            Column(say("Timed out", "Por tiempo"), SHARE, timeout_share(*by), 95, TIMEOUTS),
            Column(say("Call-backs", "Devoluciones"), SHARE, callback_success(*by), 120, CALLBACKS),
            Column(say("Data age", "Antigüedad"), TIME, oldest(*EVERY_REPORT), 105, AGES),
        ],
        worst=say("To look at", "Por mirar"), wide=18, high=9,
        known=oldest(*EVERY_REPORT), empty=say("no operation is watched yet", "aún no se observa ninguna operación"))


def calls_per_hour():
    def figure(hours_ago):
        return last_hour(calls, OF_AGENTS, hours_ago=hours_ago)
    return hourly_lines(say("Calls per hour", "Llamadas por hora"), say(
        "What each hour added to the day's calls, and what the same hour of the same weekday added a week before. Data arrive 10 to "
        "20 minutes late, so a call can count in the next hour.",
        "Lo que cada hora añadió a las llamadas del día, y lo que añadió la misma hora del mismo día de la semana una semana antes. "
        "Los datos llegan 10 a 20 minutos tarde: una llamada puede contar en la hora siguiente."), COUNT,
        *against_a_week_ago(figure), wide=6, high=9)


def occupancy_per_hour():
    def figure(hours_ago):
        return hourly_ratio(busy, on_duty, OF_AGENTS, hours_ago=hours_ago)
    return hourly_lines(say("Occupancy per hour", "Ocupación por hora"), say(
        "Share of each hour's login time spent on calls and their documentation, this day and a week before. Dashed: 85 and 90 %.",
        "Parte del tiempo de conexión de cada hora en llamadas y su documentación, este día y una semana antes. Línea discontinua: "
        "85 y 90 %."), SHARE, *against_a_week_ago(figure), steps=OCCUPANCY, wide=8)


def handle_per_hour():
    def figure(hours_ago):
        return hourly_ratio(handle, calls, OF_AGENTS, hours_ago=hours_ago)
    return hourly_lines(say("Average handle time per hour", "TMO por hora"), say(
        "Handle time divided by calls, of what each hour added, this day and a week before.",
        "Tiempo de atención dividido por llamadas, de lo que añadió cada hora, este día y una semana antes."), TIME,
        *against_a_week_ago(figure), wide=8)


def auxiliary_per_hour():
    def figure(hours_ago):
        return hourly_ratio(auxiliary, login, "agent_aux_time", OF_AGENTS, hours_ago)
    return hourly_lines(say("In auxiliary states per hour", "En auxiliares por hora"), say(
        "Share of each hour's login time in auxiliary states, this day and a week before. Dashed: 30 and 40 %.",
        "Parte del tiempo de conexión de cada hora en estados auxiliares, este día y una semana antes. Línea discontinua: 30 y "
        "40 %."), SHARE, *against_a_week_ago(figure), steps=AUXILIARY, wide=8)


def agents_to_look_at():
    by = (OPERATION, "agent_name")
    return table(
        say(f"Agents today, the {MOST} who most need a look", f"Agentes hoy, los {MOST} que más hay que mirar"), say(
            "To look at: how many of these hold: occupancy over 90 %, auxiliary share over 30 %, hold over 15 %, average handle time "
            "over 1.5 times the operation's. A click on a name opens the agent. A dash is unknown, not zero: the agent is not "
            "in that report, or a share of less than half an hour of login would say little.",
            "Por mirar: cuántas de estas se cumplen: ocupación de más de 90 %, auxiliares de más de 30 %, retención de más de 15 %, "
            "TMO de más de 1,5 veces el de la operación. Un clic en un nombre abre el agente. Un guion es algo desconocido, no "
            "un cero: el agente no está en ese informe, o una parte de menos de media hora de conexión diría poco."),
        {"agent_name": Label(say("Agent", "Agente"), link=panels.to_the_agent("var-operation=${__data.fields.operation}")),
         OPERATION: Label(say("Operation", "Operación"), 130)},
        [
            Column(say("To look at", "Por mirar"), COUNT, f"{agent_to_look_at(*by)} and {login(*by)} > 0", 100, TO_LOOK_AT),
            Column(say("Login", "Conexión"), TIME, f"{login(*by)} > 0", 110),
            Column(say("Calls", "Llamadas"), COUNT, f"{calls(*by)} and {login(*by)} > 0", 100),
            Column(say("AHT", "TMO"), TIME, average_handle(*by), 110),
            Column(say("Occupancy", "Ocupación"), SHARE, occupancy(*by), 120, OCCUPANCY),
            Column(say("Auxiliary", "Auxiliares"), SHARE, auxiliary_share(*by), 120, AUXILIARY),
            Column(say("Hold", "Retención"), SHARE, hold_mute_share(*by), 120, HOLD),
            Column(say("Closed", "Cerradas"), COUNT, f"{closed(*by)} and {login(*by)} > 0", 110),
        ],
        worst=say("To look at", "Por mirar"), most=MOST, high=16, known=f"{login()} > 0",
        empty=say("nobody has logged in yet today, or not polled yet", "hoy nadie se ha conectado todavía, o aún sin consultar"))
