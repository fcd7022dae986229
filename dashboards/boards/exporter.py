"""The board of the exporter's health: whether it gets its data, and whether the budget lasts."""

from figures import OPERATION, YESTERDAY, age_once_polled, counted, oldest_once_polled, selected, worst_at_the_end
import panels
from panels import (
    ACT, AGES, COUNT, DATE, FINE, LOOK, NONE_IS_FINE, POLLS, QUIET, SHARE, TIME, Column, Label, history, lines, meant, now,
    over_time, stat, table,
)
from words import say

HERE = ('instance=~"$instance"',)
LEFT = [(None, ACT), (0.1, LOOK), (0.25, QUIET)]
BY_TARGET = ("operation", "report", "window")
EVERY_REPORT = (".+",)
# More lines than that tell nothing.
MOST = 10


def board():
    title = say("Exporter health", "Salud del exportador")
    says = say("Does the exporter get its data, and can it pay for them?", "¿Recibe el exportador sus datos, y le alcanza para pagarlos?")
    return panels.board("exporter", title, says, [
        [panels.oldest_ages(*EVERY_REPORT)],
        tiles(),
        [polls()],
        [age_of_today(), age_of_yesterday()],
        [failures(), unread_values()],
        [requests_left(), interval()],
        [panels.folded(say("For those who look after the exporter", "Para quien cuida el exportador"), [
            [reports()],
            [requests(), poll_time()],
            [answer_bytes(), series_served()],
            [served_requests(), memory(), processor()],
            [build()],
        ])],
    ], variables=(panels.operations(), panels.instance()))


def own(metric: str, *matchers: str) -> str:
    """A series of the exporter, of the chosen exporters and operations."""
    return selected(metric, *HERE, *matchers)


def of_process(metric: str) -> str:
    """A series of the exporter that no operation has."""
    return f"{metric}{{{HERE[0]}}}"


def of_target(metric: str) -> str:
    return f"max by ({', '.join(BY_TARGET)}) ({own(metric)})"


def tiles():
    none = say("not polled yet", "aún sin consultar")

    def counted_targets(title, says, expression):
        return stat(title, says, COUNT, now(expression), steps=NONE_IS_FINE, wide=4, empty=none)

    left = own("wolkvox_api_budget_remaining"), own("wolkvox_api_budget_limit")
    config = stat(say("Config", "Configuración"), say(
        "Whether the last load of the config worked. Where it was refused, the one of before is in force.",
        "Si la última carga de la configuración funcionó. Si se rechazó, sigue vigente la anterior."), COUNT,
        now(f"min ({of_process('wolkvox_exporter_config_last_reload_successful')})"), wide=4, empty=none)
    config.mappings([meant({"1": (say("in force", "vigente"), QUIET), "0": (say("refused", "rechazada"), ACT)})])
    return [
        counted_targets(say("Reports that fail", "Informes que fallan"), say(
            "Reports and windows whose last poll failed. The exporter's page says why.",
            "Informes y ventanas cuya última consulta falló. La página del exportador dice por qué."),
            f"count ({own('wolkvox_report_up')} == 0) or count ({own('wolkvox_report_up')}) * 0"),
        counted_targets(say("Gone for their age", "Retirados por antigüedad"), say(
            "Reports and windows whose series are gone because they were too old.",
            "Informes y ventanas cuyas series se retiraron por ser demasiado antiguas."), f"sum ({own('wolkvox_report_stale')})"),
        counted_targets(say("Answers too large", "Demasiado grandes"), say(
            "Reports and windows whose answer was over the vendor's limit and could not be had in parts. Nothing cut off is served.",
            "Informes y ventanas cuya respuesta superó el límite del proveedor y no se pudo tener por partes. No se sirve nada cortado."),
            f"sum ({own('wolkvox_report_truncated')})"),
        stat(say("Requests left", "Peticiones restantes"), say(
            "Share of the day's API requests that is left, of the operation that has least. Orange: under 25 %. Red: under 10 %.",
            "Parte de las peticiones al API del día que queda, de la operación que menos tiene. Naranja: menos de 25 %. Rojo: menos de "
            "10 %."), SHARE, now(f"min ({left[0]} / {left[1]})"), steps=LEFT, wide=4, empty=none),
        config,
        stat(say("State not written", "Estado sin escribir"), say(
            "Times the state folder could not be written since the start. No API request is sent that cannot be counted there.",
            "Veces que no se pudo escribir la carpeta de estado desde el inicio. No se envía ninguna petición al API que no se pueda "
            "contar allí."), COUNT, now(f"max ({of_process('wolkvox_exporter_state_write_failures_total')})"), steps=NONE_IS_FINE, wide=4,
            empty=none),
    ]


def polls():
    meanings = {"0": (say("failed", "falló"), ACT), "1": (say("worked", "funcionó"), FINE)}
    up = own("wolkvox_report_up")
    # With forty operations a row for each is no picture.
    first = f"bottomk(8, min by (operation) (min_over_time({up}[$__range] @ end())))"
    return history(say("Did the last polls work?", "¿Funcionaron las últimas consultas?"), say(
        "Green where the last poll of each report had worked, red where one had failed: of all operations together, and of eight of "
        "them, first those that had a failure in the time shown.",
        "Verde donde la última consulta de cada informe había funcionado, rojo donde alguna había fallado: de todas las operaciones "
        "juntas, y de ocho de ellas, primero las que tuvieron un fallo en el tiempo mostrado."),
        COUNT, meanings, over_time(f"min ({up})", say("all", "todas")),
        over_time(f"min by (operation) ({up}) and on (operation) {first}", "{{operation}}"), high=7)


def age_of_today():
    return lines(say("Age of today's data", "Antigüedad de los datos de hoy"), say(
        "Time since the last good poll of the oldest report of each operation; the ten oldest of now. Reports that are polled every "
        "ten minutes or less often count once two polls are missing. Dashed: 10 and 15 minutes.",
        "Tiempo desde la última consulta buena del informe más antiguo de cada operación; las diez más antiguas de ahora. Los "
        "informes que se consultan cada diez minutos o con menos frecuencia cuentan cuando faltan dos consultas. Línea discontinua: "
        "10 y 15 minutos."), TIME,
        over_time(worst_at_the_end("topk", MOST, oldest_once_polled(*HERE)), "{{operation}}"), steps=AGES)


def age_of_yesterday():
    return lines(say("Age of yesterday's data", "Antigüedad de los datos de ayer"), say(
        "The same of the whole day before. It is final, so it is polled a few times a day only: hours are normal.",
        "Lo mismo de todo el día anterior. Ya es definitivo, así que se consulta solo pocas veces al día: es normal que pasen horas."), TIME,
        over_time(worst_at_the_end("topk", MOST, age_once_polled(YESTERDAY, *HERE)), "{{operation}}"),
        empty=say("yesterday is not polled, or not yet", "ayer no se consulta, o aún no"))


def failures():
    return lines(say("Failed polls by reason", "Consultas fallidas por motivo"), say(
        "Polls that brought no data. What each reason means and what to do: docs/metrics.md.",
        "Consultas que no trajeron datos. Qué significa cada motivo y qué hacer: docs/metrics.md."), COUNT,
        over_time(counted("wolkvox_report_poll_failures_total", "operation", "reason", only=HERE), "{{operation}} {{reason}}"),
        empty=say("none failed", "ninguna falló")).interval(POLLS)


def unread_values():
    return lines(say("Values that could not be read", "Valores que no se pudieron leer"), say(
        "Values of the vendor that were left out, by field.", "Valores del proveedor que se dejaron fuera, por campo."), COUNT,
        over_time(counted("wolkvox_report_rejected_values_total", "operation", "report", "field", only=HERE), "{{operation}} {{report}} {{field}}"),
        empty=say("none: all could be read", "ninguno: todos se pudieron leer")).interval(POLLS)


def requests_left():
    left, limit = own("wolkvox_api_budget_remaining"), own("wolkvox_api_budget_limit")
    return lines(say("API requests left", "Peticiones al API que quedan"), say(
        "Share of the vendor's day of API requests that is left, of the ten operations that have least now. It begins at 100 % at "
        "the operation's midnight. Dashed: 10 and 25 %.",
        "Parte de las peticiones al API del día que queda, de las diez operaciones que menos tienen ahora. Empieza en 100 % a la "
        "medianoche de la operación. Línea discontinua: 10 y 25 %."), SHARE,
        over_time(worst_at_the_end("bottomk", MOST, f"max by (operation) ({left} / {limit})"), "{{operation}}"),
        steps=[(None, QUIET), (0.1, ACT), (0.25, LOOK)])


def interval():
    shown = ('window="today"',)
    return lines(say("Time between polls", "Tiempo entre consultas"), say(
        "The interval in force for today's data, of the ten operations where it is longest now. It grows when the API requests would "
        "not last the day.",
        "El intervalo vigente para los datos de hoy, de las diez operaciones donde es más largo ahora. Crece cuando las peticiones al "
        "API no alcanzarían para el día."), TIME,
        over_time(worst_at_the_end("topk", MOST, f"max by (operation) ({own('wolkvox_report_interval_seconds', *shown)})"), "{{operation}}"))


def requests():
    return lines(say("API requests", "Peticiones al API"), say(
        "API requests sent to the vendor in a quarter of an hour, failed ones too.",
        "Peticiones al API enviadas al proveedor en un cuarto de hora, también las fallidas."), COUNT,
        over_time(counted("wolkvox_api_requests_total", "report", only=HERE), "{{report}}")).interval(POLLS)


def poll_time():
    buckets = f"sum by (le, report) (rate({own('wolkvox_report_poll_duration_seconds_bucket')}[$__rate_interval]))"
    return lines(say("Time that a poll takes", "Tiempo que toma una consulta"), say(
        "95 of 100 polls are faster. One poll can be several API requests.",
        "95 de cada 100 consultas son más rápidas. Una consulta puede ser varias peticiones al API."), "s",
        over_time(f"histogram_quantile(0.95, {buckets})", "{{report}}")).interval(POLLS)


def answer_bytes():
    return lines(say("Bytes from the vendor", "Bytes del proveedor"), say(
        "Bytes of the vendor's answers in a quarter of an hour, after decompression.",
        "Bytes de las respuestas del proveedor en un cuarto de hora, ya descomprimidas."), "bytes",
        over_time(counted("wolkvox_api_response_bytes_total", "report", only=HERE), "{{report}}")).interval(POLLS)


def series_served():
    return lines(say("Series, and those over the limit", "Series, y las que superan el límite"), say(
        "Series of the last good polls; left out: because of limits.series_per_report, added up over the polls.",
        "Series de las últimas consultas buenas; omitidas: por limits.series_per_report, sumadas en las consultas."),
        COUNT, over_time(f"sum by (report) ({own('wolkvox_report_series')})", "{{report}}"),
        over_time(f"sum ({own('wolkvox_report_dropped_series_total')})", say("left out", "omitidas")))


def served_requests():
    return lines(say("Requests to the exporter", "Peticiones al exportador"), say(
        "Requests answered a second.", "Peticiones respondidas por segundo."), "reqps",
        over_time(f"sum by (handler, code) (rate({of_process('wolkvox_exporter_http_requests_total')}[$__rate_interval]))",
                  "{{handler}} {{code}}"), wide=8)


def memory():
    known = f"and on (instance, job) {of_process('wolkvox_exporter_build_info')}"
    return lines(say("Memory", "Memoria"), say("Resident memory of the exporter.", "Memoria residente del exportador."), "bytes",
                 over_time(f"{of_process('process_resident_memory_bytes')} {known}", "{{instance}}"), wide=8)


def processor():
    known = f"and on (instance, job) {of_process('wolkvox_exporter_build_info')}"
    return lines(say("Processor", "Procesador"), say("Processor time a second.", "Tiempo de procesador por segundo."), "percentunit",
                 over_time(f"rate({of_process('process_cpu_seconds_total')}[$__rate_interval]) {known}", "{{instance}}"),
                 wide=8).decimals(1)


def reports():
    return table(say("Reports and windows", "Informes y ventanas"), say(
        "What the last good poll of each report and window brought; first those that fail.",
        "Lo que trajo la última consulta buena de cada informe y ventana; primero los que fallan."),
        {OPERATION: Label(say("Operation", "Operación")), "report": Label(say("Report", "Informe"), 220),
         "window": Label(say("Window", "Ventana"), 110)},
        [
            Column(say("Failures in a row", "Fallos seguidos"), COUNT, of_target("wolkvox_report_consecutive_failures"), 150, NONE_IS_FINE),
            Column(say("Rows", "Filas"), COUNT, of_target("wolkvox_report_rows"), 90),
            Column(say("Series", "Series"), COUNT, of_target("wolkvox_report_series"), 90),
            Column(say("Covers from", "Cubre desde"), DATE, f"{of_target('wolkvox_report_window_start_timestamp_seconds')} * 1000", 190),
            Column(say("Covers until", "Cubre hasta"), DATE, f"{of_target('wolkvox_report_window_end_timestamp_seconds')} * 1000", 190),
            Column(say("Last attempt", "Último intento"), DATE, f"{of_target('wolkvox_report_last_attempt_timestamp_seconds')} * 1000", 190),
        ], worst=say("Failures in a row", "Fallos seguidos"), high=14, known=of_target("wolkvox_report_consecutive_failures"),
        empty=say("nothing is polled", "no se consulta nada"))


def build():
    info = f"group by (instance, version, rustversion) ({of_process('wolkvox_exporter_build_info')})"
    return table(say("What is running", "Qué está en marcha"), say(
        "Each exporter, its version, and the Rust it was built with.", "Cada exportador, su versión, y el Rust con que se construyó."),
        {"instance": Label(say("Exporter", "Exportador")), "version": Label(say("Version", "Versión"), 300),
         "rustversion": Label("Rust", 300)},
        [Column(say("Running", "En marcha"), COUNT, info, None)], high=5)
