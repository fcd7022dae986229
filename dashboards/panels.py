"""What a board looks like: its head, its rows of panels, their queries."""

import itertools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from grafana_foundation_sdk.builders import barchart, bargauge, common, dashboard, prometheus, stat as big_number
from grafana_foundation_sdk.builders import statushistory, table as grid, timeseries
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DashboardRangeMapOptions,
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    GridPos,
    RangeMap,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
    VariableOption,
    VariableRefresh,
    VariableSort,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

import figures
import words
from words import say

SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
# What is normal has the colour of text: only what needs a look has another one.
QUIET, FINE, LOOK, ACT, IDLE = "text", "green", "orange", "red", "blue"
# What the exporter does by default: two polls are missed, and then the series of today are dropped.
AGES = [(None, QUIET), (600, LOOK), (900, ACT)]
# The seconds between two polls that they are made for.
QUICK = 300
# A steady interval of the exporter: shorter windows hold no two polls.
POLLS = "15m"
# A board's width in columns.
WIDTH = 24
# Stands in place of a name where a table has no row.
NO_ROW = "—"

# Units as people say them: whole numbers with every digit, hours as 8:05:10, whole percents.
COUNT, TIME, SHARE, TEXT, DATE = "locale", "dthms", "percentunit", "string", "dateTimeAsIso"

Query = prometheus.Dataquery
Steps = list[tuple[float | None, str]]

# What is unknown has the first colour of a list, and must not look like a bad figure.
OCCUPANCY: Steps = [
    (None, QUIET), (0, IDLE), (figures.OCCUPANCY_LOW, QUIET), (figures.OCCUPANCY_LOOK, LOOK), (figures.OCCUPANCY_ACT, ACT),
]
AUXILIARY: Steps = [(None, QUIET), (figures.AUXILIARY_LOOK, LOOK), (figures.AUXILIARY_ACT, ACT)]
HOLD: Steps = [(None, QUIET), (figures.HOLD_LOOK, LOOK), (figures.HOLD_ACT, ACT)]
TIMEOUTS: Steps = [(None, QUIET), (figures.TIMEOUT_LOOK, LOOK), (figures.TIMEOUT_ACT, ACT)]
CALLBACKS: Steps = [(None, QUIET), (0, ACT), (figures.CALLBACK_ACT, LOOK), (figures.CALLBACK_LOOK, QUIET)]
NONE_IS_FINE: Steps = [(None, QUIET), (1, ACT)]
TO_LOOK_AT: Steps = [(None, QUIET), (1, LOOK), (3, ACT)]

LEVEL: Steps = [(None, QUIET), (0, ACT), (figures.LEVEL_ACT, LOOK), (figures.LEVEL_LOOK, QUIET)]
WAIT: Steps = [(None, QUIET), (figures.WAIT_LOOK, LOOK), (figures.WAIT_ACT, ACT)]
ABANDONED: Steps = [(None, QUIET), (figures.ABANDONED_LOOK, LOOK), (figures.ABANDONED_ACT, ACT)]
QUEUE: Steps = [(None, QUIET), (figures.QUEUE_LOOK, LOOK), (figures.QUEUE_ACT + 1, ACT)]
PAUSE: Steps = [(None, QUIET), (figures.PAUSE_LOOK, LOOK), (figures.PAUSE_ACT, ACT)]
QUALITY: Steps = [(None, QUIET), (0, ACT), (figures.QUALITY_ACT, LOOK), (figures.QUALITY_LOOK, QUIET)]
# The same as lines across a chart, where less is worse: each limit in the colour of what lies under it.
LEVEL_LINES: Steps = [(None, QUIET), (figures.LEVEL_ACT, ACT), (figures.LEVEL_LOOK, LOOK)]
QUALITY_LINES: Steps = [(None, QUIET), (figures.QUALITY_ACT, ACT), (figures.QUALITY_LOOK, LOOK)]
SOME_IS_FINE: Steps = [(None, QUIET), (0, ACT), (1, QUIET)]

# The five that are polled where the config names no reports.
REPORTS = {
    "agent_kpi": lambda: say("Key figures", "Indicadores"),
    "agent_aux_time": lambda: say("Auxiliary", "Auxiliares"),
    "agent_hold_mute": lambda: say("Hold and mute", "Retención y silencio"),
    "closed_interactions": lambda: say("Closed interactions", "Interacciones cerradas"),
    "smart_wait": lambda: say("Smart wait", "Espera inteligente"),
}
# Polled where the config names them: what they are called, and the seconds between two polls.
ON_REQUEST = {
    "agent_time": (lambda: say("Agents' times", "Tiempos de agentes"), 600),
    "agent_now": (lambda: say("Agents now", "Agentes ahora"), 300),
    "skill_now": (lambda: say("Queues now", "Colas ahora"), 300),
    "skill_service": (lambda: say("Skills", "Habilidades"), 900),
    "interaction_service": (lambda: say("Interactions", "Interacciones"), 900),
    "campaign_now": (lambda: say("Campaigns", "Campañas"), 300),
    "campaign_results": (lambda: say("Results", "Resultados"), 900),
    "unconnected_calls": (lambda: say("Unconnected", "Sin conectar"), 900),
    "agent_quality": (lambda: say("Evaluations", "Evaluaciones"), 3600),
    "agent_surveys": (lambda: say("Surveys", "Encuestas"), 3600),
}


# === queries ===


def now(expression: str, legend: str = "") -> Query:
    """The value of this moment. A name is always there: without one, Grafana shows the query."""
    return Query().expr(expression).legend_format(legend or " ").instant().datasource(SOURCE)


def over_time(expression: str, legend: str) -> Query:
    return Query().expr(expression).legend_format(legend).range().datasource(SOURCE)


def rows(expression: str) -> Query:
    """The values of this moment, one row a series."""
    return Query().expr(expression).instant().format(PromQueryFormat.TABLE).datasource(SOURCE)


# === panels; a line of a board is 24 wide ===


def stat(title: str, says: str, unit: str, *queries: Query, steps: Steps | None = None, empty: str = "", wide: int = 3,
         high: int = 4) -> Any:
    panel = big_number.Panel().reduce_options(last_value()).orientation(shapes.VizOrientation.AUTO)
    several = len(queries) > 1
    panel.text_mode(shapes.BigValueTextMode.VALUE_AND_NAME if several else shapes.BigValueTextMode.VALUE)
    panel.graph_mode(shapes.BigValueGraphMode.NONE).color_mode(shapes.BigValueColorMode.VALUE).decimals(0)
    return dressed(panel, title, says, unit, queries, steps or [(None, QUIET)], wide, high, empty)


def age(*reports: str) -> Any:
    """Every board of one operation has this one: figures without their age mislead."""
    names = {report: name for report, (name, _) in ON_REQUEST.items()} | REPORTS
    queries = [now(figures.age(report, by=()), names[report]()) for report in reports]
    panel = ages(queries, say(
        "Time since the last good poll of each report on this board, as hours:minutes:seconds; one that is not polled is not here. "
        "The vendor's own figures of a day lag another 10 to 13 minutes. Orange: two polls are missing. Red: three are, and by "
        "default the series are dropped now. A click opens the exporter's health.",
        "Tiempo desde la última consulta buena de cada informe de este tablero, en horas:minutos:segundos; uno que no se consulta no "
        "está aquí. Las cifras del día del proveedor tienen además 10 a 13 minutos de retraso. Naranja: faltan dos consultas. Rojo: "
        "faltan tres, y por defecto las series ya se retiraron. Un clic abre la salud del exportador."))
    for ref, report in zip(refs(), reports):
        _, pace = ON_REQUEST.get(report, (None, QUICK))
        if pace != QUICK:
            steps = [{"value": value and value * pace / QUICK, "color": color} for value, color in AGES]
            panel.override_by_query(ref, [DynamicConfigValue(id_val="thresholds", value={"mode": "absolute", "steps": steps})])
    return panel


def oldest_ages(*reports: str, most: int = 8) -> Any:
    """The same for many operations: those whose oldest report is oldest."""
    query = now(f"sort_desc(topk({most}, {figures.oldest(*reports)}))", "{{operation}}")
    return ages([query], say(
        "Time since the last good poll of the oldest report of each operation, as hours:minutes:seconds; the eight oldest. Reports "
        "that are polled every ten minutes or less often count once two polls are missing. The vendor's own data lag another 10 to "
        "13 minutes. Orange: two polls of five minutes are missing. Red: by default the series of today are dropped now. A click "
        "opens the exporter's health.",
        "Tiempo desde la última consulta buena del informe más antiguo de cada operación, en horas:minutos:segundos; las ocho "
        "más antiguas. Los informes que se consultan cada diez minutos o con menos frecuencia cuentan cuando faltan dos consultas. "
        "Los datos del proveedor tienen además 10 a 13 minutos de retraso. Naranja: faltan dos consultas de cinco minutos. Rojo: por "
        "defecto las series de hoy ya se retiraron. Un clic abre la salud del exportador."))


def ages(queries: list[Query], says: str) -> Any:
    """One thin line, quiet while all is well."""
    title = say("Age of the data", "Antigüedad de los datos")
    panel = stat(title, says, TIME, *queries, steps=AGES, wide=24, high=2, empty=say("not polled yet", "aún sin consultar"))
    panel.text_mode(shapes.BigValueTextMode.VALUE_AND_NAME).wide_layout(True)
    panel.text(common.VizTextDisplayOptions().title_size(13).value_size(18))
    never = ValueMappingResult(text=say("never", "nunca"), color=ACT)
    panel.mappings([RangeMap(options=DashboardRangeMapOptions(from_val=1e9, to=1e11, result=never))])
    health = f"/d/{words.uid('exporter')}?${{datasource:queryparam}}&${{operation:queryparam}}"
    return panel.data_links([dashboard.DashboardLink(say("Exporter health", "Salud del exportador")).url(health)])


def gauges(title: str, says: str, unit: str, query: str, legend: str, steps: Steps | None = None, empty: str = "", wide: int = 12,
           high: int = 10) -> Any:
    """Bars with large letters for the wall, longest first: nobody can scroll there or point at anything."""
    panel = bargauge.Panel().reduce_options(last_value()).orientation(shapes.VizOrientation.HORIZONTAL)
    panel.display_mode(shapes.BarGaugeDisplayMode.BASIC).value_mode(shapes.BarGaugeValueMode.TEXT).show_unfilled(False)
    # Beside its bar: above it, a name leaves so low a bar that the letters of its value are cut off.
    panel.name_placement(shapes.BarGaugeNamePlacement.LEFT)
    # Few bars are as high as many. Grafana gives names the room that letters of its own size need: larger ones would be cut off.
    panel.sizing(shapes.BarGaugeSizing.MANUAL).min_viz_height(30).max_viz_height(46)
    panel.text(common.VizTextDisplayOptions().value_size(28)).min(0).decimals(0)
    return dressed(panel, title, says, unit, [now(f"sort_desc({query})", legend)], steps or [(None, IDLE)], wide, high, empty)


def lines(title: str, says: str, unit: str, *queries: Query, steps: Steps | None = None, empty: str = "", wide: int = 12,
          high: int = 8) -> Any:
    """A line for each series, in a colour of its own; limits are drawn as dashed lines behind them."""
    panel = timeseries.Panel().fill_opacity(0).line_width(2).legend(legend()).tooltip(tooltip())
    # A gap is a gap: nothing is known there.
    panel.span_nulls(False).show_points(shapes.VisibilityMode.AUTO)
    if unit in (COUNT, TIME):
        # Not for shares: their axis would have no mark between 0 and 100 %.
        panel.decimals(0)
    dressed(panel, title, says, unit, queries, steps, wide, high, empty)
    if steps:
        # Only the limits: what lies under the first one needs no line.
        limits = [(None, "transparent"), *(step for step in steps if step[1] in (LOOK, ACT))]
        panel.thresholds(thresholds(limits))
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(shapes.GraphThresholdsStyleMode.DASHED))
    panel.color_scheme(dashboard.FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC))
    return panel.axis_soft_min(0)


def per_hour(panel: Any) -> Any:
    """One point for each hour, however long the time range is: the queries look back one hour."""
    return panel.interval("1h").max_data_points(1000)


def hourly_lines(title: str, says: str, unit: str, *queries: Query, steps: Steps | None = None, wide: int = 12,
                 high: int = 8) -> Any:
    """The shape of the day. The first series is today and is drawn as bars; the others are compared with it."""
    panel = per_hour(lines(title, says, unit, *queries, steps=steps, wide=wide, high=high))
    # The bar of an hour stands over the hour that it tells of, and not over the next one.
    bar = {
        "custom.drawStyle": "bars", "custom.fillOpacity": 60, "custom.barAlignment": -1, "custom.lineWidth": 1,
        "color": {"mode": "fixed", "fixedColor": IDLE},
    }
    panel.override_by_query("A", [DynamicConfigValue(id_val=key, value=value) for key, value in bar.items()])
    dashed = {
        "custom.lineStyle": {"fill": "dash", "dash": [6, 6]}, "custom.lineWidth": 1, "custom.showPoints": "never",
        "color": {"mode": "fixed", "fixedColor": QUIET},
    }
    for ref in list("BC")[: len(queries) - 1]:
        panel.override_by_query(ref, [DynamicConfigValue(id_val=key, value=value) for key, value in dashed.items()])
    return panel


def against_a_week_ago(figure: Callable[[int], str]) -> tuple[Query, Query]:
    """The same figure of each hour, today and seven days ago. `figure`: hours ago to PromQL."""
    return (over_time(figure(0), say("this day", "este día")),
            over_time(figure(figures.A_WEEK), say("a week before", "una semana antes")))


def hourly_stack(title: str, says: str, unit: str, *queries: Query, wide: int = 12, high: int = 8) -> Any:
    """What each hour added, in parts that add up."""
    panel = per_hour(lines(title, says, unit, *queries, wide=wide, high=high)).draw_style(shapes.GraphDrawStyle.BARS)
    panel.stacking(common.StackingConfig().mode(shapes.StackingMode.NORMAL).group("A"))
    return panel.fill_opacity(70).line_width(1).bar_alignment(shapes.BarAlignment.BEFORE)


def heat(title: str, says: str, unit: str, *queries: Query, wide: int = 24, high: int = 12) -> Any:
    """A row for each series, a cell for each hour."""
    panel = statushistory.Panel().legend(common.VizLegendOptions().show_legend(False)).tooltip(tooltip())
    panel.show_value(shapes.VisibilityMode.NEVER).row_height(0.9).col_width(0.95).line_width(0)
    dressed(panel, title, says, unit, queries, None, wide, high, "")
    panel.color_scheme(dashboard.FieldColor().mode(FieldColorModeId.CONTINUOUS_YL_RD)).min(0)
    return per_hour(panel)


def history(title: str, says: str, unit: str, meanings: dict[str, tuple[str, str]], *queries: Query, wide: int = 24,
            high: int = 8) -> Any:
    """A row for each series, a cell for each poll; `meanings` says what a value means, and its colour."""
    panel = statushistory.Panel().legend(common.VizLegendOptions().show_legend(False)).tooltip(tooltip())
    panel.show_value(shapes.VisibilityMode.NEVER).row_height(0.9).interval("5m").max_data_points(300)
    dressed(panel, title, says, unit, queries, None, wide, high, "")
    return panel.mappings([meant(meanings)])


def meant(meanings: dict[str, tuple[str, str]]) -> ValueMap:
    """Words in place of values."""
    return ValueMap(options={value: ValueMappingResult(text=text, color=color) for value, (text, color) in meanings.items()})


def bars(title: str, says: str, unit: str, query: str, name: str, label: "Label", heading: str, steps: Steps | None = None,
         empty: str = "", wide: int = 12, high: int = 10) -> Any:
    """A bar for each value of one label, longest first. A table, because it has room for whole names and leads on from them."""
    column = Column(heading, unit, f"sort_desc({query})", 0, steps or [(None, IDLE)])
    panel = table(title, says, {name: label}, [column], worst=heading, empty=empty, wide=wide, high=high)
    bar = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
    looks = {"custom.cellOptions": bar, "min": 0, "custom.width": None, "custom.align": None}
    panel.build().field_config.overrides[-1].properties = [
        one for one in column_looks(column) if one.id_val not in looks
    ] + [DynamicConfigValue(id_val=key, value=value) for key, value in looks.items() if value is not None]
    return panel.show_header(False)


def matrix(title: str, says: str, unit: str, query: Query, bar: str, part: str, empty: str = "", wide: int = 24,
           high: int = 16) -> Any:
    """A bar for each value of one label, made of a part for each value of another; names have a line each."""
    options = {"rowField": bar, "columnField": part, "valueField": "Value", "emptyValue": "null"}
    panel = barchart.Panel().stacking(shapes.StackingMode.NORMAL).legend(legend()).tooltip(tooltip())
    panel.orientation(shapes.VizOrientation.HORIZONTAL).show_value(shapes.VisibilityMode.NEVER).fill_opacity(80)
    panel.bar_width(0.8).group_width(0.9).decimals(0)
    panel.with_transformation(DataTransformerConfig(id_val="groupingToMatrix", options=options))
    # The longest bar first.
    total = {"mode": "reduceRow", "reduce": {"reducer": "sum"}, "alias": "total"}
    panel.with_transformation(DataTransformerConfig(id_val="calculateField", options=total))
    first = {"fields": {}, "sort": [{"field": "total", "desc": True}]}
    panel.with_transformation(DataTransformerConfig(id_val="sortBy", options=first))
    # The parts in the order of their names, so that one has the same colour here as over the hours (Grafana 11 keeps its own).
    order = {"orderByMode": "auto", "orderBy": [{"type": "name", "desc": False}]}
    panel.with_transformation(DataTransformerConfig(id_val="organize", options={"excludeByName": {"total": True}} | order))
    dressed(panel, title, says, unit, (query,), None, wide, high, empty)
    return panel.color_scheme(dashboard.FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC))


class Column(NamedTuple):
    """A figure of a table: its heading, unit, query, width in pixels (0: what is left; none: not shown), and
    where it gets a colour."""

    heading: str
    unit: str
    expression: str
    wide: int | None
    steps: Steps | None = None


class Label(NamedTuple):
    """A label as a column: its heading, its width in pixels (none: what is left), and where a click leads."""

    heading: str
    wide: int | None = None
    link: dict[str, Any] | None = None
    meanings: dict[str, tuple[str, str]] | None = None


def table(title: str, says: str, labels: dict[str, Label], columns: list[Column], worst: str = "", most: int = 0,
          empty: str = "", known: str = "", wide: int = 24, high: int = 12) -> Any:
    """A row for each set of `labels`, those first that have most of `worst`; `most` of them, where that is given.

    Of several columns, `known` has a sample if and only if there is a row: without one, Grafana would draw headings
    alone. Then the first label says `empty`, which must fit into it: Grafana does not make room for it.
    """
    if len(columns) > 1:
        first = next(iter(labels))
        meaning = {NO_ROW: (empty, QUIET)}
        labels = labels | {first: labels[first]._replace(meanings=(labels[first].meanings or {}) | meaning)}
        no_row = f'label_replace(vector(0), "{first}", "{NO_ROW}", "", "") unless on () ({known})'
        columns = [*columns, Column(say("No row", "Ninguna fila"), COUNT, no_row, None)]
    queries = [rows(column.expression) for column in columns]
    values = [f"Value #{ref}" if len(columns) > 1 else "Value" for ref in list(refs())[: len(columns)]]
    headings = {name: label.heading for name, label in labels.items()}
    headings |= {value: column.heading for value, column in zip(values, columns)}
    hidden = [value for value, column in zip(values, columns) if column.wide is None]
    shown = {
        "excludeByName": {name: True for name in ("Time", *hidden)}, "renameByName": headings,
        "indexByName": {name: place for place, name in enumerate(headings)},
    }
    panel = grid.Panel().cell_height(shapes.TableCellHeight.SM)
    panel.with_transformation(DataTransformerConfig(id_val="merge", options={}))
    panel.with_transformation(DataTransformerConfig(id_val="organize", options=shown))
    if worst:
        first = [{"field": worst, "desc": True}]
        panel.with_transformation(DataTransformerConfig(id_val="sortBy", options={"fields": {}, "sort": first}))
    if most:
        panel.with_transformation(DataTransformerConfig(id_val="limit", options={"limitField": most}))
    for label in labels.values():
        panel.override_by_name(label.heading, list(label_looks(label)))
    for column in columns:
        panel.override_by_name(column.heading, list(column_looks(column)))
    return dressed(panel, title, says, TEXT, queries, None, wide, high, empty)


def label_looks(label: Label) -> Iterable[DynamicConfigValue]:
    # An id is a name, whatever its digits.
    yield DynamicConfigValue(id_val="unit", value=TEXT)
    yield DynamicConfigValue(id_val="custom.align", value="left")
    if label.wide:
        yield DynamicConfigValue(id_val="custom.width", value=label.wide)
    if label.link:
        yield DynamicConfigValue(id_val="links", value=[label.link])
    if label.meanings:
        yield DynamicConfigValue(id_val="mappings", value=[meant(label.meanings)])


def column_looks(column: Column) -> Iterable[DynamicConfigValue]:
    yield DynamicConfigValue(id_val="unit", value=column.unit)
    # What an empty table says is not for every empty cell.
    yield DynamicConfigValue(id_val="noValue", value="–")
    if column.wide:
        yield DynamicConfigValue(id_val="custom.width", value=column.wide)
    yield DynamicConfigValue(id_val="custom.align", value="left" if column.unit == DATE else "right")
    if column.unit in (COUNT, TIME, SHARE):
        yield DynamicConfigValue(id_val="decimals", value=0)
    elif column.unit == "none":
        yield DynamicConfigValue(id_val="decimals", value=1)
    if column.steps:
        steps = [{"value": value, "color": color} for value, color in column.steps]
        yield DynamicConfigValue(id_val="thresholds", value={"mode": "absolute", "steps": steps})
        yield DynamicConfigValue(id_val="color", value={"mode": "thresholds"})
        yield DynamicConfigValue(id_val="custom.cellOptions", value={"type": "color-text"})


def to_the_agent(operation: str = "${operation:queryparam}") -> dict[str, Any]:
    address = f"/d/{words.uid('agent')}?${{datasource:queryparam}}&{operation}&var-agent_name=${{__value.raw:percentencode}}"
    return {"title": say("This agent", "Este agente"), "url": f"{address}&${{__url_time_range}}"}


def to_the_operation() -> dict[str, Any]:
    address = f"/d/{words.uid('overview')}?${{datasource:queryparam}}&var-operation=${{__value.raw:percentencode}}"
    return {"title": say("This operation alone", "Solo esta operación"), "url": f"{address}&${{__url_time_range}}"}


def dressed(panel: Any, title: str, says: str, unit: str, queries: Iterable[Query], steps: Steps | None, wide: int, high: int,
            empty: str) -> Any:
    """What every panel has."""
    panel.title(title).description(says).unit(unit).datasource(SOURCE).span(wide).height(high)
    panel.no_value(empty or say("no data today yet", "aún no hay datos hoy"))
    for ref, query in zip(refs(), queries):
        panel.with_target(query.ref_id(ref))
    if steps:
        panel.thresholds(thresholds(steps))
        panel.color_scheme(dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS))
    return panel


def thresholds(steps: Steps) -> Any:
    steps = [Threshold(value=value, color=color) for value, color in steps]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def refs() -> Iterable[str]:
    return iter("ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def last_value() -> Any:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).values(False)


def legend() -> Any:
    return common.VizLegendOptions().display_mode(shapes.LegendDisplayMode.LIST).placement(shapes.LegendPlacement.BOTTOM).show_legend(True)


def tooltip() -> Any:
    return common.VizTooltipOptions().mode(shapes.TooltipDisplayMode.MULTI).sort(shapes.SortOrder.DESCENDING)


# === boards ===


Row = list[Any]


def board(name: str, title: str, says: str, content: list[Row], since: str = "now-24h", variables: tuple[Any, ...] = ()) -> Any:
    """`content`: rows of panels from left to right; a list within a row is a column of panels, one below the other."""
    head = dashboard.Dashboard(f"wolkvox · {title}").uid(words.uid(name)).description(says).tags([words.tag()]).readonly()
    head.time(since, "now").timezone("browser").refresh("1m").tooltip(DashboardCursorSync.CROSSHAIR)
    links = dashboard.DashboardLink(say("Boards", "Tableros")).type(DashboardLinkType.DASHBOARDS).tags([words.tag()])
    head.link(links.include_vars(True).keep_time(True).as_dropdown(True))
    head.variables([data_source(), *variables])
    numbers = itertools.count(1)
    for panel in placed(content):
        add = head.with_row if isinstance(panel, dashboard.Row) else head.with_panel
        for inner in getattr(panel, "folded", []):
            panel.with_panel(inner.id(next(numbers)))
        add(panel.id(next(numbers)))
    return head


def placed(content: list[Row], top: int = 0) -> Iterable[Any]:
    """Every panel with its place on the board's grid."""
    for row in content:
        left, bottom = 0, top
        for cell in row:
            y, wide = top, 0
            for panel in cell if isinstance(cell, list) else [cell]:
                w, h = (WIDTH, 1) if isinstance(panel, dashboard.Row) else size(panel)
                if hasattr(panel, "folded"):
                    panel.folded = list(placed(panel.folded, y + 1))
                yield panel.grid_pos(GridPos(x=left, y=y, w=w, h=h))
                y, wide = y + h, max(wide, w)
            left, bottom = left + wide, max(bottom, y)
        top = bottom


def size(panel: Any) -> tuple[int, int]:
    place = panel.build().grid_pos
    return place.w, place.h


def folded(title: str, content: list[Row]) -> Any:
    """Rows that are shown on a click."""
    row = dashboard.Row(title).collapsed(True)
    row.folded = content
    return row


def heading(title: str) -> Any:
    """A line across the board; variables in it are filled."""
    return dashboard.Row(title)


def data_source() -> Any:
    return dashboard.DatasourceVariable("datasource").label(say("Data source", "Fuente de datos")).type("prometheus")


def operations() -> Any:
    """Any number of operations, at first all."""
    everything = VariableOption(text=[say("All", "Todas")], value=["$__all"], selected=True)
    variable = values_of("operation", say("Operation", "Operación"), "wolkvox_report_up")
    return variable.multi(True).include_all(True).current(everything)


def operation() -> Any:
    """One operation; where several are chosen, they are added up. Several at a time can be, because Grafana escapes a name
    only where a pattern may stand."""
    return values_of("operation", say("Operation", "Operación"), "wolkvox_report_up").multi(True)


def agent() -> Any:
    """One agent; where several are chosen, they are added up."""
    return values_of("agent_name", say("Agent", "Agente"), figures.selected("wolkvox_agent_info")).multi(True)


def instance() -> Any:
    everything = VariableOption(text=[say("All", "Todas")], value=["$__all"], selected=True)
    variable = values_of("instance", say("Exporter", "Exportador"), "wolkvox_exporter_build_info")
    return variable.multi(True).include_all(True).current(everything)


def values_of(label: str, heading: str, metric: str) -> Any:
    query = {"query": f"label_values({metric}, {label})", "refId": label}
    variable = dashboard.QueryVariable(label).label(heading).query(query).datasource(SOURCE)
    return variable.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).sort(VariableSort.ALPHABETICAL_ASC)
