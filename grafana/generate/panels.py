"""The kinds of panels. Each has a title, a description that says what to do, a unit, and words for having no data."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from grafana_foundation_sdk.builders import common, heatmap, prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.models import common as models
from grafana_foundation_sdk.models import dashboard
from grafana_foundation_sdk.models import heatmap as heat_models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from grafana.generate.looks import WARN, fixed
from grafana.generate.queries import Ask

SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
TARGET_PAGE = "${status_page:raw}/targets/${__field.labels.target}"
LAST_FAILURE = f"{TARGET_PAGE}/${{__field.labels.scenario}}/last-failure"
NOTHING = "No data: is the prober scraped?"
_LETTERS = "ABCDEFGHIJKLMNOP"
Drawn = TypeVar("Drawn", stat.Panel, timeseries.Panel, statetimeline.Panel, heatmap.Panel, table.Panel)


@dataclass(frozen=True, kw_only=True)
class Words:
    """What every panel needs, whatever its kind."""

    title: str
    do: str
    asks: Sequence[Ask]
    unit: str = "short"
    empty: str = NOTHING
    width: int = 6
    height: int = 8
    link: tuple[str, str] | None = None
    """Its words, and where it leads from a value."""
    decimals: int | None = None
    low: float | None = None
    high: float | None = None


def numbers(words: Words, colours: build.ThresholdsConfig, mappings: Any = ()) -> stat.Panel:
    """The newest value of each series, large."""
    reduced = common.ReduceDataOptions().calcs(["lastNotNull"]).values(False)
    panel = stat.Panel().reduce_options(reduced).graph_mode(models.BigValueGraphMode.NONE).thresholds(colours)
    panel.color_mode(models.BigValueColorMode.BACKGROUND_SOLID).mappings(list(mappings))
    panel.orientation(models.VizOrientation.HORIZONTAL)
    panel.text_mode(models.BigValueTextMode.VALUE_AND_NAME).justify_mode(models.BigValueJustifyMode.CENTER)
    return _worded(panel, words)


def lines(
    words: Words,
    *,
    colours: Mapping[str, str] | None = None,
    stacked: bool = False,
    thresholds: build.ThresholdsConfig | None = None,
) -> timeseries.Panel:
    """Values over time, by name in these colours, each upon the other if they are stacked; thresholds are lines."""
    panel = _worded(timeseries.Panel(), words).legend(_legend()).line_width(1.5)
    panel.tooltip(common.VizTooltipOptions().mode(models.TooltipDisplayMode.MULTI).sort(models.SortOrder.DESCENDING))
    panel.show_points(models.VisibilityMode.NEVER).span_nulls(False)
    if stacked:
        panel.stacking(common.StackingConfig().mode(models.StackingMode.NORMAL)).fill_opacity(55)
    if words.unit == "short":
        panel.axis_soft_max(1)
    for letter, ask in zip(_LETTERS, words.asks, strict=False):
        if ask.look:
            panel.override_by_query(letter, list(ask.look))
    for name, colour in (colours or {}).items():
        panel.override_by_name(name, [fixed(colour)])
    if thresholds is not None:
        style = common.GraphThresholdsStyleConfig().mode(models.GraphThresholdsStyleMode.DASHED)
        panel.thresholds(thresholds).thresholds_style(style)
    return panel


def counts(words: Words, colours: Mapping[str, str] | None = None) -> timeseries.Panel:
    """How many in the window before each moment, of what should not be or has these colours, each upon the other."""
    panel = lines(words, colours=colours, stacked=True).title(f"{words.title} ($window)")
    panel.line_interpolation(models.LineInterpolation.STEP_AFTER)
    panel.fill_opacity(85).line_width(0).decimals(0).min(0)
    return panel.color_scheme(build.FieldColor().mode(dashboard.FieldColorModeId.SHADES).fixed_color(WARN))


def states(words: Words, mappings: Any) -> statetimeline.Panel:
    """What was so when, a row for each series."""
    panel = statetimeline.Panel().mappings(list(mappings)).show_value(models.VisibilityMode.NEVER)
    panel.merge_values(True).row_height(0.8).line_width(0).fill_opacity(85)
    panel.legend(_legend()).color_scheme(build.FieldColor().mode(dashboard.FieldColorModeId.THRESHOLDS))
    return _worded(panel, words)


def heat(words: Words) -> heatmap.Panel:
    """How many in each bucket; the dots are runs."""
    shades = heatmap.HeatmapColorOptions().mode(heat_models.HeatmapColorMode.SCHEME).scheme("Oranges").steps(64)
    panel = (
        heatmap.Panel().calculate(False).color(shades.scale(heat_models.HeatmapColorScale.EXPONENTIAL).exponent(0.5))
    )
    panel.y_axis(heatmap.YAxisConfig().unit(words.unit).axis_placement(models.AxisPlacement.LEFT))
    panel.exemplars_color("rgba(87,148,242,0.9)").cell_gap(1)
    return _worded(panel, words)


def rows(
    words: Words, columns: Mapping[str, Mapping[str, Any] | None], *, sort: str, descending: bool = False
) -> table.Panel:
    """Series with the same labels as rows, sorted by the column `sort`.

    `columns` in their order: heading and settings by field; None hides it.
    """
    panel = _worded(table.Panel(), words).show_header(True).cell_height(models.TableCellHeight.SM)
    panel.sort_by([common.TableSortByFieldState().display_name(sort).desc(descending)])
    shown = {field: column for field, column in columns.items() if column is not None}
    organized = {
        "excludeByName": {field: True for field in ("Time", *columns) if field not in shown},
        "indexByName": {field: place for place, field in enumerate(shown)},
        "renameByName": {field: column["displayName"] for field, column in shown.items()},
    }
    panel.with_transformation(dashboard.DataTransformerConfig("merge", options={}))
    panel.with_transformation(dashboard.DataTransformerConfig("organize", options=organized))
    for column in shown.values():
        settings = [dashboard.DynamicConfigValue(key, value) for key, value in column.items() if key != "displayName"]
        if settings:
            panel.override_by_name(column["displayName"], settings)
    return panel


def _legend() -> common.VizLegendOptions:
    legend = common.VizLegendOptions().display_mode(models.LegendDisplayMode.LIST)
    return legend.placement(models.LegendPlacement.BOTTOM).show_legend(True).calcs([])


def _worded(panel: Drawn, words: Words) -> Drawn:
    panel.title(words.title).description(words.do).datasource(SOURCE).unit(words.unit).no_value(words.empty)
    panel.span(words.width).height(words.height)
    for name, value in (("decimals", words.decimals), ("min", words.low), ("max", words.high)):
        if value is not None:
            getattr(panel, name)(value)
    if words.link is not None:
        title, url = words.link
        panel.data_links([build.DashboardLink(title).url(url).target_blank(True)])
    for letter, ask in zip(_LETTERS, words.asks, strict=False):
        panel.with_target(_query(letter, ask))
    return panel


def _query(letter: str, ask: Ask) -> prometheus.Dataquery:
    query = prometheus.Dataquery().ref_id(letter).expr(ask.expr).legend_format(ask.legend).datasource(SOURCE)
    if ask.now or ask.table:
        query.instant()
    else:
        query.range()
    if ask.table:
        query.format(PromQueryFormat.TABLE)
    if ask.heat:
        query.format(PromQueryFormat.HEATMAP).exemplar(True)
    return query


def section(title: str) -> build.Row:
    """The heading of the panels that follow."""
    return build.Row(title)


def folded(title: str, panels: Iterable[Any]) -> build.Row:
    """Panels that are only looked at when asked for."""
    row = build.Row(title)
    for panel in panels:
        row.with_panel(panel)
    return row
