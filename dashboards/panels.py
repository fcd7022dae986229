"""What does a board look like: its head, its panels, their queries?"""

from collections.abc import Iterable
from typing import Any

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

TAG = "wolkvox"
SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
# What the exporter does by default: two polls are missed, and then the series of today are dropped.
AGES = [(None, "green"), (600, "orange"), (900, "red")]
# A steady interval of the exporter: shorter windows hold no two polls.
POLLS = "15m"

Query = prometheus.Dataquery
Steps = list[tuple[float | None, str]]


# === queries ===


def now(expression: str, legend: str) -> Query:
    """The value of this moment."""
    return Query().expr(expression).legend_format(legend).instant().datasource(SOURCE)


def over_time(expression: str, legend: str) -> Query:
    return Query().expr(expression).legend_format(legend).range().datasource(SOURCE)


def rows(expression: str) -> Query:
    """The values of this moment, one row a series."""
    return Query().expr(expression).instant().format(PromQueryFormat.TABLE).datasource(SOURCE)


# === panels; a line of a board is 24 wide ===


def stat(title: str, says: str, unit: str, *queries: Query, steps: Steps | None = None, wide: int = 4, high: int = 4) -> Any:
    panel = big_number.Panel().reduce_options(last_value()).orientation(shapes.VizOrientation.AUTO)
    panel.text_mode(shapes.BigValueTextMode.VALUE_AND_NAME).graph_mode(shapes.BigValueGraphMode.NONE)
    color = shapes.BigValueColorMode.VALUE if steps else shapes.BigValueColorMode.NONE
    return dressed(panel.color_mode(color), title, says, unit, queries, steps, wide, high)


def age(*reports: str) -> Any:
    """Every board has this one: figures without their age mislead."""
    says = (
        "Time since the last good poll of each report on this board. The vendor's own data lag another 10 to 13 minutes. "
        "Orange: two polls of five minutes are missing. Red: by default the series of today are dropped now. Never: no poll "
        "of this report worked yet."
    )
    query = now(figures.age(*reports), "{{operation}} {{report}}")
    never = DashboardRangeMapOptions(from_val=1e9, to=1e11, result=ValueMappingResult(text="never", color="red"))
    panel = stat("Age of the data", says, "s", query, steps=AGES, wide=24)
    return panel.mappings([RangeMap(options=never)]).no_value("not polled")


def lines(title: str, says: str, unit: str, *queries: Query, steps: Steps | None = None, wide: int = 12, high: int = 8) -> Any:
    panel = timeseries.Panel().fill_opacity(8).line_width(2).legend(legend()).tooltip(tooltip())
    # A gap is a gap: nothing is known there.
    panel.span_nulls(False).show_points(shapes.VisibilityMode.AUTO)
    if steps:
        style = common.GraphThresholdsStyleConfig().mode(shapes.GraphThresholdsStyleMode.DASHED)
        panel.thresholds_style(style)
    return dressed(panel.axis_soft_min(0), title, says, unit, queries, steps, wide, high)


def stacked_lines(title: str, says: str, unit: str, *queries: Query, wide: int = 12, high: int = 8) -> Any:
    panel = lines(title, says, unit, *queries, wide=wide, high=high).fill_opacity(40).line_width(1)
    return panel.stacking(common.StackingConfig().mode(shapes.StackingMode.NORMAL).group("A"))


def per_hour(panel: Any) -> Any:
    """One point for each hour, however long the time range is: the queries look back one hour."""
    return panel.interval("1h").max_data_points(1000)


def hourly_bars(title: str, says: str, unit: str, *queries: Query, wide: int = 12, high: int = 8) -> Any:
    panel = stacked_lines(title, says, unit, *queries, wide=wide, high=high).draw_style(shapes.GraphDrawStyle.BARS)
    return per_hour(panel.fill_opacity(70))


def heat(title: str, says: str, unit: str, *queries: Query, wide: int = 24, high: int = 12) -> Any:
    """A row for each series, a cell for each hour."""
    panel = statushistory.Panel().legend(common.VizLegendOptions().show_legend(False)).tooltip(tooltip())
    panel.show_value(shapes.VisibilityMode.NEVER).row_height(0.9).col_width(0.95).line_width(0)
    panel.color_scheme(dashboard.FieldColor().mode(FieldColorModeId.CONTINUOUS_YL_RD)).min(0)
    return per_hour(dressed(panel, title, says, unit, queries, None, wide, high))


def history(title: str, says: str, unit: str, words: dict[str, tuple[str, str]], *queries: Query, wide: int = 24, high: int = 8) -> Any:
    """A row for each series, a cell for each poll; `words` says what a value means, and its colour."""
    panel = statushistory.Panel().legend(common.VizLegendOptions().show_legend(False)).tooltip(tooltip())
    panel.show_value(shapes.VisibilityMode.NEVER).row_height(0.9).interval("5m").max_data_points(300)
    results = {value: ValueMappingResult(text=text, color=color) for value, (text, color) in words.items()}
    panel.mappings([ValueMap(options=results)])
    return dressed(panel, title, says, unit, queries, None, wide, high)


def bars(title: str, says: str, unit: str, *queries: Query, steps: Steps | None = None, wide: int = 12, high: int = 10) -> Any:
    """A bar for each series, in the order of the query."""
    panel = bargauge.Panel().orientation(shapes.VizOrientation.HORIZONTAL).reduce_options(last_value())
    panel.display_mode(shapes.BarGaugeDisplayMode.BASIC).min(0).value_mode(shapes.BarGaugeValueMode.TEXT)
    panel.show_unfilled(False)
    return dressed(panel, title, says, unit, queries, steps or [(None, "blue")], wide, high)


def matrix(title: str, says: str, unit: str, query: Query, bar: str, part: str, wide: int = 24, high: int = 10) -> Any:
    """A bar for each value of one label, made of a part for each value of another."""
    options = {"rowField": bar, "columnField": part, "valueField": "Value", "emptyValue": "null"}
    panel = barchart.Panel().stacking(shapes.StackingMode.NORMAL).legend(legend()).tooltip(tooltip())
    panel.show_value(shapes.VisibilityMode.NEVER).x_tick_label_rotation(-45).x_tick_label_max_length(20).fill_opacity(80)
    panel.with_transformation(DataTransformerConfig(id_val="groupingToMatrix", options=options))
    return dressed(panel, title, says, unit, (query,), None, wide, high)


def table(title: str, says: str, columns: dict[str, tuple[str, str]], labels: dict[str, str], wide: int = 24, high: int = 12) -> Any:
    """A row for each set of `labels`. `columns`: heading to unit and expression, and `labels`: label to heading."""
    queries = [rows(expression) for _, expression in columns.values()]
    names = {f"Value #{ref}" if len(queries) > 1 else "Value": heading for ref, heading in zip(refs(), columns)} | labels
    order = {name: place for place, name in enumerate((*labels, *(name for name in names if name not in labels)))}
    shown = {"excludeByName": {"Time": True}, "renameByName": names, "indexByName": order}
    panel = grid.Panel().filterable(True).cell_height(shapes.TableCellHeight.SM)
    panel.with_transformation(DataTransformerConfig(id_val="merge", options={}))
    panel.with_transformation(DataTransformerConfig(id_val="organize", options=shown))
    for heading, (unit, _) in columns.items():
        panel.override_by_name(heading, [DynamicConfigValue(id_val="unit", value=unit)])
    if labels.get(figures.AGENT):
        panel.override_by_name(labels[figures.AGENT], [DynamicConfigValue(id_val="links", value=[TO_THE_AGENT])])
    return dressed(panel, title, says, "short", queries, None, wide, high)


TO_THE_AGENT = {
    "title": "This agent",
    "url": "/d/wolkvox-agent?${datasource:queryparam}&${operation:queryparam}"
    "&var-agent_name=${__value.raw:percentencode}&${__url_time_range}",
}


def dressed(panel: Any, title: str, says: str, unit: str, queries: Iterable[Query], steps: Steps | None, wide: int, high: int) -> Any:
    """What every panel has."""
    panel.title(title).description(says).unit(unit).datasource(SOURCE).span(wide).height(high)
    for ref, query in zip(refs(), queries):
        panel.with_target(query.ref_id(ref))
    if steps:
        thresholds = [Threshold(value=value, color=color) for value, color in steps]
        panel.thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(thresholds))
        panel.color_scheme(dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS))
    return panel


def refs() -> Iterable[str]:
    return iter("ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def last_value() -> Any:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).values(False)


def legend() -> Any:
    return common.VizLegendOptions().display_mode(shapes.LegendDisplayMode.LIST).placement(shapes.LegendPlacement.BOTTOM).show_legend(True)


def tooltip() -> Any:
    return common.VizTooltipOptions().mode(shapes.TooltipDisplayMode.MULTI).sort(shapes.SortOrder.DESCENDING)


# === boards ===


def board(name: str, title: str, says: str, panels: list[Any], since: str = "now-12h", variables: tuple[Any, ...] = ()) -> Any:
    head = dashboard.Dashboard(f"wolkvox · {title}").uid(f"wolkvox-{name}").description(says).tags([TAG]).readonly()
    head.time(since, "now").timezone("browser").refresh("1m").tooltip(DashboardCursorSync.CROSSHAIR)
    links = dashboard.DashboardLink("wolkvox").type(DashboardLinkType.DASHBOARDS).tags([TAG])
    head.link(links.include_vars(True).keep_time(True).as_dropdown(False))
    head.variables([data_source(), operation(), *variables])
    for number, panel in enumerate(panels, start=1):
        head.with_panel(panel.id(number))
    return head


def data_source() -> Any:
    return dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")


def operation() -> Any:
    everything = VariableOption(text=["All"], value=["$__all"], selected=True)
    return values_of("operation", "Operation", "wolkvox_report_up").multi(True).include_all(True).current(everything)


def agent() -> Any:
    # Several at a time: Grafana escapes a name only where a pattern may stand.
    return values_of("agent_name", "Agent", figures.selected("wolkvox_agent_info")).multi(True)


def values_of(label: str, heading: str, metric: str) -> Any:
    query = {"query": f"label_values({metric}, {label})", "refId": label}
    variable = dashboard.QueryVariable(label).label(heading).query(query).datasource(SOURCE)
    return variable.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).sort(VariableSort.ALPHABETICAL_ASC)
