"""Thirty days of a canary's life for Prometheus: the real exporter, told of real records, scraped in the past.

Most of the month has few runs and is scraped every eight hours; its last day has all of them, and its end (RECENT) is
scraped every SCRAPE seconds. At the end one target is down, and one in maintenance.
"""

import random
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from prober.core.events import AnyEvent, CleanedUp, Leaving
from prober.core.metric import Line
from prober.core.plan import Scenario
from prober.core.record import RunRecord
from prober.sinks.exporter import Exporter
from prober.sinks.keeper import State
from tests import page_history
from tests.exposition import CONVERSATION, JOIN, adding
from tests.golden.regenerate import GOLDEN, read
from tests.page_history import INTERVALS, NOW, OBJECTIVES

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
RECENT = 7 * HOUR
SCRAPE = 150
"""Seconds. Five minutes, the shortest window of the rules, hold two, wherever between them promtool evaluates."""
JOB = "livekit-prober"
SHAPES = {Scenario.JOIN: JOIN, Scenario.CONVERSATION: CONVERSATION}
NODE = 'job="agents",instance="10.0.3.7:8081",nodename="agents-0"'
SERVER = 'job="livekit",instance="10.0.3.4:6789",node_id="ND_a",node_type="SERVER"'


@dataclass(frozen=True)
class Trouble:
    """What a target suffers from, between these moments before the end."""

    target: str
    since: float
    until: float
    what: str
    scenarios: tuple[Scenario, ...] = tuple(Scenario)
    location: str | None = None

    def holds(self, place: str, target: str, scenario: Scenario, ago: float) -> bool:
        """Whether it does here and now."""
        here = self.target == target and scenario in self.scenarios and self.location in {None, place}
        return here and self.until <= ago < self.since


TROUBLES = (
    Trouble("shop", 11 * DAY + HOUR, 11 * DAY, "absent"),
    Trouble("shop", 5.2 * HOUR, 4.9 * HOUR, "absent"),
    Trouble("shop", 2.6 * HOUR, 1.6 * HOUR, "slow", (Scenario.CONVERSATION,)),
    Trouble("shop", 1.2 * HOUR, 1.0 * HOUR, "media_unreachable", location="iad1"),
    Trouble("shop", 3.8 * HOUR, 3.5 * HOUR, "offline", location="iad1"),
    Trouble("shop-eu", 4.0 * HOUR, 3.9 * HOUR, "agent_no_response", (Scenario.CONVERSATION,)),
    Trouble("shop-eu", 14 * MINUTE, 0, "absent"),
    Trouble("shop-night", 3 * HOUR, 2.75 * HOUR, "stuck"),
    Trouble("shop-night", 40 * MINUTE, 0, "maintenance"),
)


ASKED = {100: "well", 70: "offline", 68: "well", 25: "absent", 23: "well"}
"""Runs by hand, so many minutes before the end."""


@dataclass
class Place:
    """A prober somewhere, since so many seconds before the end."""

    name: str
    targets: tuple[str, ...]
    since: float
    state: State = field(default_factory=State)
    chance: random.Random = field(default_factory=lambda: random.Random(7))

    def __post_init__(self) -> None:
        """Start it."""
        self.exporter = Exporter(lambda: self.state)
        self.exporter.expect([line(target, scenario) for target in self.targets for scenario in Scenario], self.began)
        self.exporter.reloaded(ok=True, when=self.began, sha256="5d" * 32)
        self._next = self.began
        self._pools = {(target, scenario): pools(target, scenario) for target in self.targets for scenario in Scenario}

    @property
    def began(self) -> float:
        """When it was started, in Unix time."""
        return NOW - self.since

    def live(self, until: float) -> None:
        """Make the runs up to this moment that were not made yet."""
        while (minute := self._next) < until:
            for place, target in enumerate(self.targets):
                self._run(target, Scenario.JOIN, minute + 7 + place)
                if minute % INTERVALS[Scenario.CONVERSATION] == 0:
                    self._run(target, Scenario.CONVERSATION, minute + 30 + place)
            if NOW - minute < RECENT:
                self._trouble_of_its_own(minute)
            self._next += MINUTE if NOW - minute < DAY else 20 * MINUTE

    def _run(
        self, target: str, scenario: Scenario, when: float, trigger: str = "scheduled", what: str | None = None
    ) -> None:
        key, pool, ago = (target, scenario.value), self._pools[target, scenario], NOW - when
        what = what or next((one.what for one in TROUBLES if one.holds(self.name, target, scenario, ago)), None)
        if what is None:
            what = "absent" if self.chance.random() < 0.001 else "well"
        if what == "maintenance":
            self.exporter.paused(key, True)
        if what in {"maintenance", "stuck"}:
            return
        like = self.chance.choice(pool[what])
        self.exporter.started(key, trigger, self.chance.expovariate(40))
        self.exporter.ended(
            msgspec.structs.replace(
                like,
                run_id=uuid.UUID(int=self.chance.getrandbits(128)).hex[:16],
                started_at=datetime.fromtimestamp(when, UTC).isoformat(timespec="milliseconds"),
                trigger=trigger,
            )
        )

    def _trouble_of_its_own(self, minute: float) -> None:
        self.exporter.event_loop_lag(self.chance.expovariate(80))
        ago = round((NOW - minute) / MINUTE)
        if ago in {180, 181, 40}:
            self.exporter.skipped((self.targets[0], "conversation"), "overlap")
            self.exporter.logged(30)
        if ago in ASKED:
            self._run("shop", Scenario.JOIN, minute + 50, "manual", ASKED[ago])
        if ago == 75:
            self.exporter.cleanup_failed("shop", "room")
        if ago in {200, 150}:
            self.state = State(failures=4 - ago // 100, lost=1, waiting=200 // ago, evidence_failures=2)
        if ago % 60 == 0:
            self.exporter.logged(40)

    def scraped(self, when: float) -> Iterator[str]:
        """What a scrape at this moment finds, as lines with its time."""
        labels = f'job="{JOB}",instance="10.0.1.{1 + self.since // DAY:.0f}:9765",location="{self.name}"'
        for line in self.exporter.exposition()[0].decode().splitlines():
            if not line.startswith(("#", "process_", "python_")):
                series, value = line.rsplit(" ", 1)
                name, _, own = series.partition("{")
                yield f"{name}{{{labels}{',' if own else ''}{own or '}'} {value} {when:.0f}"
        for name, now in process(when - self.began, self.began).items():
            yield f"{name}{{{labels}}} {now} {when:.0f}"
        yield f"up{{{labels}}} 1 {when:.0f}"


def line(target: str, scenario: Scenario) -> Line:
    """What is watched of a target."""
    objectives = tuple(OBJECTIVES[scenario])
    return msgspec.structs.replace(SHAPES[scenario], target=target, objectives=objectives)


def pools(target: str, scenario: Scenario) -> Mapping[str, list[RunRecord]]:
    """Records of every kind of run that this line has, to be taken again and again."""
    chance = random.Random(f"{target}/{scenario}")

    def made(events: Iterable[AnyEvent]) -> RunRecord:
        record = page_history.made(target, scenario, NOW, events)
        left = next(event.at for event in record.timeline if isinstance(event, Leaving))
        return adding(record, CleanedUp(at=left + 0.4, resource="room", name="r", ok=True, detail=""))

    def well(least: float, spread: float) -> list[RunRecord]:
        found = []
        for _ in range(24):
            entered = round(0.3 + chance.expovariate(4), 3)
            first, second = (round(least + chance.gammavariate(2, spread), 3) for _ in range(2))
            found.append(
                made(
                    page_history.join(entered)
                    if scenario is Scenario.JOIN
                    else page_history.conversation(0.5, first, second)
                )
            )
        return found

    def golden(name: str) -> list[RunRecord]:
        return [msgspec.structs.replace(read(GOLDEN / f"{name}.json"), target=target, scenario=scenario)]

    return {
        "well": well(0.5, 0.12),
        "slow": well(1.2, 0.25),
        "absent": [made(page_history.absent())],
        "offline": [made(page_history.offline())],
        "media_unreachable": golden("media_unreachable"),
        "agent_no_response": golden("agent_no_response"),
    }


def process(up: float, began: float) -> Mapping[str, float]:
    """What the client library tells of a process that has been up so long."""
    return {
        "process_start_time_seconds": began,
        "process_cpu_seconds_total": up * 0.03,
        "process_resident_memory_bytes": 96e6 + 4e6 * (up % HOUR) / HOUR,
        "process_open_fds": 24,
        "process_max_fds": 1024,
    }


def product(when: float) -> Iterator[str]:
    """What LiveKit and its agents tell, of which only the names matter."""
    ago = NOW - when
    busy = 9 + 5 * ((when / HOUR) % 6) / 6
    started = when - NOW + 2.7 * HOUR if ago < 2.7 * HOUR else when - NOW + 30 * DAY
    agent = {
        "lk_agents_active_job_count": busy - 1,
        "lk_agents_child_process_count": busy + 3,
        "lk_agents_worker_load": busy / 20,
        "process_start_time_seconds": when - started,
    }
    for name, value in agent.items():
        yield f"{name}{{{NODE}}} {value:.3f} {when:.0f}"
    for bound, share in (("1.0", 0.2), ("2.0", 0.8), ("5.0", 0.99), ("+Inf", 1)):
        count = share * (30 * DAY - ago) / MINUTE
        yield f'lk_agents_proc_initialize_duration_seconds_bucket{{{NODE},le="{bound}"}} {count:.3f} {when:.0f}'
    for name, value in {"livekit_room_total": busy, "livekit_participant_total": 2 * busy}.items():
        yield f"{name}{{{SERVER}}} {value:.3f} {when:.0f}"


def write(file: Path) -> None:
    """Write the month, as OpenMetrics with times."""
    places = (Place("fra1", ("shop", "shop-eu"), 30 * DAY), Place("iad1", ("shop", "shop-night"), 14 * DAY))
    began = NOW - 30 * DAY
    moments = [began + 8 * HOUR * step for step in range(int((30 * DAY - RECENT) / HOUR / 8) + 1)]
    moments += [NOW - RECENT + SCRAPE * step for step in range(int(RECENT / SCRAPE) + 1)]
    with file.open("w", encoding="utf-8") as out:
        for now in moments:
            for place in places:
                if now > place.began:
                    place.live(now)
                    out.writelines(f"{line}\n" for line in place.scraped(now))
            if NOW - now <= RECENT:
                out.writelines(f"{line}\n" for line in product(now))
        out.write("# EOF\n")
