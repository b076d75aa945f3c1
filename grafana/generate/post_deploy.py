"""The dashboard "Post-deploy": what runs by hand said, and whether the canary sees a difference."""

from typing import Any

from grafana_foundation_sdk.builders import dashboard as build

from grafana.generate import compare, frame
from grafana.generate.looks import BAD, BESIDE, GOOD, UNKNOWN, WARN, colour_of, steps
from grafana.generate.panels import TARGET_PAGE, Words, counts, lines, numbers, section
from grafana.generate.queries import Ask, ours, passed, quantile, risen
from prober.core.metric_schema import FAILURES
from prober.core.reasons import OURS, Reason

UID = "livekit-prober-post-deploy"
ABOUT = (
    "Is the version that was just rolled out any good? Above: runs that somebody or a pipeline asked the canary for. "
    "Below: the canary's own runs now, against those before. A pipeline that runs `livekit-prober run` has its exit "
    "code; with --metrics-file its last run stands in the table, under the job that scrapes that file."
)


def dashboard() -> build.Dashboard:
    """The whole of it."""
    made = frame.frame(UID, "Post-deploy", ABOUT, since="2h", windows=("5m", "15m", "1h", "6h"), window="15m")
    made.with_variable(frame.product_variable()).with_variable(frame.page_variable())
    made.link(frame.link("Runs by hand (JSON)", "${status_page:raw}/api/v1/runs?trigger=manual"))
    made.link(frame.link("Voice agent canary", "/d/livekit-prober", keep=True))
    for title, panels in (
        ("Runs by hand", _by_hand()),
        ("The canary, now and before", _before()),
        ("The last runs", compare.panels()),
    ):
        made.with_row(section(title))
        for panel in panels:
            made.with_panel(panel)
    return frame.annotated(made)


def _count(title: str, name: str, do: str, colours: build.ThresholdsConfig) -> Any:
    asked = " + ".join(_ended(name) for name in ("runs_total", "runs_inconclusive_total"))
    return numbers(
        Words(
            title=title,
            do=do,
            asks=(Ask(f"{_ended(name)} and ({asked} > 0)", "{{target}}", now=True),),
            empty="None",
            height=5,
            decimals=0,
            link=("The target's page", TARGET_PAGE),
        ),
        colours,
    )


def _ended(name: str) -> str:
    return f"round(sum by (target) ({risen(ours(name, trigger='manual'), '$__range')}))"


def _by_hand() -> tuple[Any, ...]:
    runs, failures, unjudged = (
        risen(ours(name, trigger="manual")) for name in ("runs_total", "run_failures_total", "runs_inconclusive_total")
    )
    each = {
        "passed": f"sum({runs}) - sum({failures}) > 0",
        "{{reason}}": f"sum by (reason) ({failures}) > 0",
        "not judged: {{reason}}": f"sum by (reason) ({unjudged}) > 0",
    }
    return (
        _count(
            "Judged",
            "runs_total",
            "Runs by hand that passed or failed, in the time shown. None: nobody asked the canary; a pipeline's own "
            "run has its exit code instead.",
            steps("blue"),
        ),
        _count(
            "Failed",
            "run_failures_total",
            "Any: roll back or look: click for the target's page, whose newest failed run names the step.",
            steps(GOOD, (1, BAD)),
        ),
        _count(
            "Objectives missed",
            "objective_misses_total",
            "By runs that were too slow, or failed and never measured. Without failures: it works, but slower than "
            "promised.",
            steps(GOOD, (1, WARN)),
        ),
        _count(
            "Not judged",
            "runs_inconclusive_total",
            "The prober's own trouble: they say nothing about the deploy. Ask again.",
            steps(GOOD, (1, UNKNOWN)),
        ),
        counts(
            Words(
                title="Runs by hand",
                do="What they came to, in the window before each moment. Anything but green after a deploy, and not "
                "before: the deploy.",
                asks=tuple(Ask(expr, legend) for legend, expr in each.items()),
                empty="None",
                width=24,
            ),
            {
                "passed": colour_of("pass"),
                **{reason: colour_of(reason) for reason in FAILURES},
                **{f"not judged: {one.value}": colour_of("inconclusive") for one in Reason if one in OURS},
            },
        ),
    )


def _before() -> tuple[Any, ...]:
    """One plot for each question, with the value now and the value one time range ago."""
    join, response = "agent_join_duration_seconds", "agent_response_duration_seconds"
    before = " offset $__range"
    return (
        _pair(
            "Runs that passed",
            "Share of judged scheduled runs. Lower since the deploy's mark: see which reason on the main dashboard.",
            (passed("target"), passed("target", offset=before)),
            "percentunit",
        ),
        _pair(
            "Agent join, median",
            "Higher since the deploy: the new agent starts more slowly; see its imports and models.",
            tuple(quantile(0.5, join, "target", offset=place) for place in ("", before)),
            "s",
        ),
        _pair(
            "Response, median",
            "Higher since the deploy: the new agent answers more slowly; see prompts, models and tools.",
            tuple(quantile(0.5, response, "target", offset=place) for place in ("", before)),
            "s",
        ),
    )


def _pair(title: str, do: str, exprs: tuple[str, ...], unit: str) -> Any:
    now, before = exprs
    asks = (Ask(now, "{{target}} now"), Ask(before, "{{target}} before", look=BESIDE))
    low, high = (None, 1) if unit == "percentunit" else (0, None)
    return lines(
        Words(title=title, do=do, asks=asks, unit=unit, width=8, low=low, high=high, empty="None in this range")
    )
