"""What is around the panels: variables, annotations, links; the same on every dashboard."""

from collections.abc import Sequence

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.models import dashboard

from grafana.generate.looks import UNKNOWN
from grafana.generate.panels import SOURCE
from grafana.generate.queries import ours, theirs
from prober.core.metric_schema import METRICS, PREFIX

JOB = "livekit-prober"
TAG = "livekit-prober"
STATUS_PAGE = "http://127.0.0.1:9765"
_ALL = dashboard.VariableOption(selected=True, text=["All"], value=["$__all"])


def frame(uid: str, title: str, about: str, *, since: str, windows: Sequence[str], window: str) -> build.Dashboard:
    """An empty dashboard; its windows may be these, and the one in use."""
    made = build.Dashboard(title).uid(uid).description(about).tags([TAG]).timezone("utc").readonly()
    made.refresh("30s").time(f"now-{since}", "now").tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
    made.timepicker(build.TimePicker().refresh_intervals(["15s", "30s", "1m", "5m", "15m"]))
    made.with_variable(build.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    runs = f"{PREFIX}last_run_outcome"  # what the file of a single run has too
    made.with_variable(_query("job", "Job", runs, "").current(_one(JOB)))
    made.with_variable(_several("location", "Location", runs, 'job=~"$job"'))
    made.with_variable(_several("target", "Target", runs, 'job=~"$job", location=~"$location"'))
    made.with_variable(_several("scenario", "Scenario", runs, 'job=~"$job", target=~"$target"'))
    made.with_variable(_choice("window", "Window", windows, window, "Over how long rates, shares and quantiles go."))
    return made


def page_variable() -> build.TextBoxVariable:
    """Where the status page is reached from the reader's browser."""
    box = build.TextBoxVariable("status_page").label("Status page").default_value(STATUS_PAGE)
    return box.current(_one(STATUS_PAGE)).description("Where your browser reaches the prober: links to runs go there.")


def limit_variable(name: str, label: str, histogram: str, default: float) -> build.CustomVariable:
    """A limit for a duration: only bounds of its buckets, for there a share within it is exact."""
    bounds = [str(bound) for bound in METRICS[histogram].buckets if bound >= 1]
    return _choice(name, label, bounds, str(default), "Seconds: the line in the plots. Take your objective.")


def product_variable() -> build.QueryVariable:
    """The jobs that scrape LiveKit and its agents."""
    series = '{__name__=~"lk_agents_worker_load|livekit_room_total"}'
    return _several("product_job", "LiveKit's jobs", series, "")


def annotated(made: build.Dashboard) -> build.Dashboard:
    """Marks where something was changed: the prober, its configuration, the agents."""
    start = "process_start_time_seconds"
    agents = f"({theirs(start)} and on (job, instance) {theirs('lk_agents_worker_load')})"
    for name, moments, colour in (
        ("Prober started", theirs(start, "job", "location"), UNKNOWN),
        ("Configuration read", ours("config_last_reload_success_timestamp_seconds"), "blue"),
        ("Agent worker started", agents, "purple"),
    ):
        query = prometheus.Dataquery().ref_id("Anno").expr(f"{moments} * 1000").range()
        made.annotation(
            build.AnnotationQuery()
            .name(name)
            .datasource(SOURCE)
            .enable(True)
            .icon_color(colour)
            .target(query)
            .expr(f"{moments} * 1000")
            .use_value_for_time(True)
            .step("60s")
            .title_format(name)
            .text_format("{{instance}}")
        )
    return made


def link(title: str, url: str, *, keep: bool = False) -> build.DashboardLink:
    """A link at the top; `keep` takes the choices along."""
    made = build.DashboardLink(title).type(dashboard.DashboardLinkType.LINK).url(url).icon("external link")
    return made.include_vars(keep).keep_time(keep).target_blank(not keep)


def _one(value: str) -> dashboard.VariableOption:
    return dashboard.VariableOption(selected=True, text=value, value=value)


def _query(name: str, label: str, series: str, where: str) -> build.QueryVariable:
    query = f"label_values({series}{{{where}}}, {_label(name)})" if where else f"label_values({series}, {_label(name)})"
    made = build.QueryVariable(name).label(label).datasource(SOURCE).definition(query)
    made.query({"query": query, "refId": f"Variable-{name}"}).sort(dashboard.VariableSort.ALPHABETICAL_ASC)
    return made.refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)


def _several(name: str, label: str, series: str, where: str) -> build.QueryVariable:
    return _query(name, label, series, where).multi(True).include_all(True).all_value(".*").current(_ALL)


def _label(name: str) -> str:
    return "job" if name == "product_job" else name


def _choice(name: str, label: str, values: Sequence[str], chosen: str, about: str) -> build.CustomVariable:
    options = [dashboard.VariableOption(selected=value == chosen, text=value, value=value) for value in values]
    made = build.CustomVariable(name).label(label).description(about).values(",".join(values))
    return made.options(options).current(_one(chosen))
