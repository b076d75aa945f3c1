"""`/probe`: one run now, told as blackbox_exporter tells a probe, for a Prometheus that wants to set the pace itself.

Each call costs money, so it is off unless asked for, knows configured targets only, makes no two runs of a line at a
time, and keeps a gap between them.

An inconclusive run, or one that could not be made, is answered with 503 or 429 and without `probe_success`: the scrape
fails, `up` is 0, and that says what is the case: nothing is known of the target. `probe_success 0` would blame the
target for the prober's trouble, 1 would invent a success, and 200 without the series would leave an alert on
`probe_success == 0` silent with nothing else to fire. The same goes for a run whose end the scraper cannot wait for.
"""

import asyncio
import math
from collections.abc import Iterable, Iterator, Mapping

import msgspec
from aiohttp import web
from multidict import CIMultiDict
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import choose_encoder, generate_latest
from prometheus_client.registry import Collector

from prober.core.measure import OBJECTIVES, value_of
from prober.core.plan import Scenario
from prober.core.reasons import Outcome
from prober.core.record import RunRecord
from prober.sinks import narration, text
from prober.watch.cadence import Key
from prober.watch.schedule import Skip, SkipReason
from prober.watch.status import Canary
from prober.watch.web import questions
from prober.watch.web.guard import changing
from prober.watch.web.site import SITE

GAP = 30.0
"""Seconds between the starts of two runs of a line that are made on demand."""
EARLIER = 0.5
"""Seconds before the scraper gives up in which the answer must be there."""
AROUND = 6.0
"""Seconds that a run needs beside its own: its process starts, an agent that comes late is sent home, its room goes."""
HEADER = "X-Prometheus-Scrape-Timeout-Seconds"
SKIPPED: Mapping[SkipReason, tuple[int, str]] = {
    SkipReason.OVERLAP: (429, "A run of this target and scenario is under way."),
    SkipReason.CONCURRENCY: (503, "As many runs as allowed are under way."),
    SkipReason.BUDGET: (503, "The target's budget for today is spent."),
    SkipReason.MAINTENANCE: (503, "A maintenance window of the target is open."),
    SkipReason.SHUTDOWN: (503, "The canary is stopping."),
}

_PARAMETERS = {
    "target": questions.TARGET,
    "scenario": questions.one_of(Scenario),
    "module": questions.one_of(Scenario),
    "debug": questions.one_of(("true", "false")),
}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a scraper wants."""

    key: Key
    debug: bool


class Turnstile:
    """Lets one run of a line in at a time, and the next one `gap` seconds after it at the earliest. Pure: `now` comes
    with each question.
    """

    def __init__(self, gap: float) -> None:
        self.gap = gap
        self._begun: dict[Key, float] = {}
        self._inside: set[Key] = set()

    def enter(self, key: Key, now: float) -> float | None:
        """None: go; otherwise so many seconds are to be waited."""
        wait = self._begun.get(key, -math.inf) + self.gap - now
        if key in self._inside or wait > 0:
            return max(wait, 1.0)
        self._begun[key] = now
        self._inside.add(key)
        return None

    def leave(self, key: Key, *, paid: bool) -> None:
        """The run is over; where none was made, nothing has to be waited for."""
        self._inside.discard(key)
        if not paid:
            self._begun.pop(key, None)


class Probed(Collector):
    """One run as metrics: a phase that was not reached has no series."""

    def __init__(self, record: RunRecord, timeout: float) -> None:
        self._record, self._timeout = record, timeout

    def collect(self) -> Iterator[Metric]:
        """The gauges, under blackbox_exporter's names where it has one."""
        record = self._record
        yield GaugeMetricFamily(
            "probe_success", "Whether the run worked (1) or its target failed (0).", record.outcome is Outcome.PASS
        )
        if record.seconds is not None:
            yield GaugeMetricFamily(
                "probe_duration_seconds", "How long the run took, its clean-up included.", record.seconds
            )
        yield GaugeMetricFamily("probe_timeout_seconds", "How long the run was let take.", self._timeout)
        phases = GaugeMetricFamily(
            "probe_livekit_phase_duration_seconds",
            "The run's measurements (response: its slowest turn); absent where a phase was not reached.",
            labels=("phase",),
        )
        for name in OBJECTIVES:
            if (value := value_of(record.measurements, name)) is not None:
                phases.add_metric((name,), value)
        yield phases
        failure = GaugeMetricFamily(
            "probe_livekit_failure_info", "1 for the reason of a run that failed.", labels=("reason",)
        )
        if record.reason is not None:
            failure.add_metric((record.reason.value,), 1)
        yield failure


def routes(gap: float | None) -> tuple[web.AbstractRouteDef, ...]:
    """`/probe` with this gap; None: it is off, and says how it is switched on."""
    turnstile = Turnstile(gap or 0.0)

    async def probe(request: web.Request) -> web.Response:
        return await _answer(request, turnstile)

    # No HEAD: it would cost as much as a GET.
    return (web.get("/probe", _off if gap is None else changing(probe), allow_head=False),)


async def _off(_request: web.Request) -> web.Response:
    raise web.HTTPNotFound(text="Runs on demand are off: --enable-probe of `livekit-prober watch` allows them.\n")


async def _answer(request: web.Request, turnstile: Turnstile) -> web.Response:
    canary, clock = request.app[SITE].canary, asyncio.get_running_loop().time
    try:
        asked = asks(request.query.items())
        patience = seconds(request.headers.get(HEADER))
        timeout = min(longest(canary, asked.key), math.inf if patience is None else patience - AROUND)
    except questions.QuestionError as error:
        raise web.HTTPBadRequest(text=f"{error}\n") from error
    wait = turnstile.enter(asked.key, clock())
    if wait is not None:
        raise web.HTTPTooManyRequests(
            text=f"This target and scenario may be probed every {turnstile.gap:g} s, once at a time.\n",
            headers=_after(wait),
        )
    run: RunRecord | Skip | None = None
    try:
        async with asyncio.timeout(patience):
            run = await canary.probe(asked.key, timeout)
    except TimeoutError:
        return web.Response(status=503, text="The run is not over yet, and nothing is known of its target.\n")
    finally:
        turnstile.leave(asked.key, paid=not isinstance(run, Skip))
    if isinstance(run, Skip):
        status, words = SKIPPED[run.reason]
        return web.Response(status=status, text=f"No run was made. {words}\n", headers=_after(turnstile.gap))
    return told(run, timeout, request.headers.get("Accept", ""), debug=asked.debug)


def asks(parameters: Iterable[tuple[str, str]]) -> Asked:
    """What these parameters ask for: `module` is what Prometheus' operator calls a scenario. Raises QuestionError."""
    given = questions.answers(parameters, _PARAMETERS)
    if "target" not in given:
        raise questions.QuestionError("The parameter target is missing.")
    if "scenario" in given and "module" in given:
        raise questions.QuestionError("The parameters scenario and module are the same: give one.")
    scenario = given.get("scenario") or given.get("module") or Scenario.JOIN
    return Asked(key=Key(given["target"], Scenario(scenario)), debug=given.get("debug") == "true")


def longest(canary: Canary, key: Key) -> float:
    """How long a run of this line may take. Raises QuestionError where there is none."""
    for line in canary.status().lines:
        if line.key == key:
            return line.timeout
    raise questions.QuestionError("No target of this name with this scenario is configured.")


def seconds(header: str | None) -> float | None:
    """In how many seconds a scraper that says how long it waits has to be answered. Raises QuestionError."""
    if header is None:
        return None
    try:
        patience = float(header)
    except ValueError:
        patience = math.nan
    least = EARLIER + AROUND
    if not (math.isfinite(patience) and patience > least):
        raise questions.QuestionError(f"The header {HEADER} has to be a number of seconds above {least:g}.")
    return patience - EARLIER


def told(record: RunRecord, timeout: float, accept: str, *, debug: bool) -> web.Response:
    """The run's answer; see above for one that is inconclusive."""
    inconclusive = record.outcome is Outcome.INCONCLUSIVE
    registry = CollectorRegistry()
    registry.register(Probed(record, timeout))
    if debug:
        metrics = "none: the run is inconclusive\n" if inconclusive else generate_latest(registry).decode()
        lines = [*narration.timeline(record.timeline), "", *text.summary(record), "", "Metrics:", metrics]
        return web.Response(text="\n".join(lines))
    if inconclusive:
        return web.Response(
            status=503, text=f"The run is inconclusive ({record.reason}) and says nothing of its target.\n"
        )
    encode, content_type = choose_encoder(accept)
    return web.Response(body=encode(registry), headers={"Content-Type": content_type})


def _after(wait: float) -> CIMultiDict[str]:
    return CIMultiDict({"Retry-After": str(math.ceil(wait))})
