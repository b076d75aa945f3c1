"""Where the time of a run goes."""

from typing import Any

from grafana.generate.looks import BESIDE, LIMIT, PHASE_COLOURS
from grafana.generate.panels import Words, heat, lines
from grafana.generate.queries import Ask, mean, ours, quantile, rate, risen

PHASES = ("trial", "room_join", "agent_join", "agent_ready", "greeting", "response", "cleanup")
"""One after the other in a run; `time_to_ready` spans several of them, and `yield_time` lies within one."""


def panels() -> tuple[Any, ...]:
    """Quantiles and their limits, the phases, and the shape of the responses."""
    misses, runs = (rate(ours(name, trigger="scheduled")) for name in ("objective_misses_total", "runs_total"))
    buckets = ours("agent_response_duration_seconds", "_bucket")
    by_line = "job, location, target, scenario"
    within = (
        f"1 - sum by (target, objective) (sum by ({by_line}, objective) ({misses})) / on (target) group_left () "
        f"(sum by (target) (sum by ({by_line}) ({runs}) and on ({by_line}) sum by ({by_line}) ({misses})) > 0)"
    )
    return (
        _quantiles(
            "Response",
            "agent_response_duration_seconds",
            "$response_limit",
            "End of the caller's sentence to the agent's first sound. The median rises: models or load. Only p95 "
            "rises: some calls; see the heat map and click a dot. Choose a window of 1 h or more: fewer than 59 "
            "answers make p95 noise.",
        ),
        _quantiles(
            "Agent join",
            "agent_join_duration_seconds",
            "$join_limit",
            "Joined room to agent in it: the time of “connecting…”. Rising: workers are short or slow to "
            "start; see the agents' load. Failed joins are not in it: see the outcomes.",
        ),
        lines(
            Words(
                title="Phases of a run, mean",
                do="What a run spends its time on, stacked in order. A band that grows is the part to look at: trial: "
                "your web; room_join: LiveKit; agent_join, agent_ready: workers; greeting, response: the agent's "
                "models; cleanup: ours. Choose one scenario: a join has no response.",
                asks=tuple(Ask(mean("phase_duration_seconds", "phase", phase=phase), "{{phase}}") for phase in PHASES),
                unit="s",
                width=8,
                low=0,
            ),
            colours=PHASE_COLOURS,
            stacked=True,
        ),
        heat(
            Words(
                title="Responses",
                do="How many answers took how long, in the window before each moment. Two bands: two kinds of calls, "
                "such as a cold and a warm worker. A dot is a run: click it to hear it (exemplars must be stored: "
                "--enable-feature=exemplar-storage).",
                asks=(Ask(f"sum by (le) ({risen(buckets)})", "{{le}}", heat=True),),
                unit="s",
                empty="No answers in this range",
                width=12,
                height=9,
            )
        ),
        lines(
            Words(
                title="Runs within their objectives",
                do="Share of judged scheduled runs that kept each objective; a failed run kept none that it did not "
                "reach. Falling without failures: slow, not broken.",
                asks=(Ask(within, "{{target}} {{objective}}"),),
                unit="percentunit",
                width=12,
                height=9,
                high=1,
            )
        ),
    )


def _quantiles(title: str, histogram: str, limit: str, do: str) -> Any:
    return lines(
        Words(
            title=title,
            do=do,
            asks=(
                Ask(quantile(0.5, histogram, "target"), "{{target}} p50", look=BESIDE),
                Ask(quantile(0.95, histogram, "target"), "{{target}} p95"),
                Ask(f"vector({limit})", "Limit", look=LIMIT),
            ),
            unit="s",
            empty="None in this range",
            width=8,
            low=0,
        )
    )
