"""Calls over a bad network: what is read moves by what was put in, the statistics tell it, the verdict stays right.

`make faults` makes calls over each way and writes its table into docs/faults.md; a short form runs in CI.
"""

import statistics
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from prober.core.events import ReceiverStats
from prober.core.plan import Limits
from prober.core.reasons import Outcome
from prober.core.record import RunRecord
from prober.core.timeline import Timeline
from prober.refstack.cache import Progress
from prober.refstack.script import Greeting as ScriptedGreeting
from prober.refstack.script import Script
from prober.refstack.stack import ReferenceStack
from tests.stack.calibration import TurnTruth, truth_of
from tests.stack.detour import DETOUR, LEGS, Detour, Way, detour
from tests.stack.published import table
from tests.stack.runs import CONVERSATION, make_run

WAYS: Mapping[str, Way] = {
    "as it is": Way(),
    "late": Way(delay=0.1),
    "uneven": Way(jitter=0.1),
    "lossy": Way(loss=0.1),
}
ROUND = 2 * LEGS
"""Times that a packet's way adds up in a response: our sentence to the agent, and its answer back."""
DELAY = 0.5
"""Seconds that the agent takes to answer, so far as it is its own doing."""
WAY_BACK = (0.022, 0.046)
"""Seconds from the agent to our ear without our jitter buffer and without a detour: the span of 54 calls."""
TOLERANCE = 0.06
LOST_TOLERANCE = 0.1
"""Of a share of 250 packets: four standard deviations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call over a way, and what is known of it beside its record."""

    way: Way
    record: RunRecord
    turns: Sequence[TurnTruth]

    @property
    def lost(self) -> float | None:
        """The share of the agent's packets that did not arrive."""
        last = Timeline(self.record.timeline).last(ReceiverStats)
        return None if last is None else last.packets_lost / (last.packets_lost + last.packets_received)

    @property
    def wrong(self) -> tuple[str, ...]:
        """What is not as it has to be; nothing: the call is right."""
        return tuple(self._wrongs())

    def _wrongs(self) -> Iterator[str]:
        if self.record.outcome is not Outcome.PASS:
            yield f"it came out as {self.record.reason}: {self.record.message}"
        expected = 1 - (1 - self.way.loss) ** LEGS
        if self.lost is None or abs(self.lost - expected) > (LOST_TOLERANCE if expected else 0.01):
            yield f"{expected:.0%} of the packets were lost, and it counted {self.lost}"
        for number, turn in enumerate(self.turns, start=1):
            yield from (f"turn {number}: {wrong}" for wrong in self._wrongs_of(turn))

    def _wrongs_of(self, turn: TurnTruth) -> Iterator[str]:
        if turn.jitter_buffer is None or turn.up is None or turn.down is None:
            yield f"it was not heard in full: {turn}"
            return
        shortest = LEGS * self.way.delay
        longest = shortest + LEGS * self.way.jitter
        back = turn.down - turn.jitter_buffer
        if not shortest + WAY_BACK[0] - TOLERANCE <= back <= longest + WAY_BACK[1] + TOLERANCE:
            yield f"the way back took {back:.3f} s, with {shortest:.3f} to {longest:.3f} s put in"
        if turn.up < shortest:
            yield f"the way to the agent took {turn.up:.3f} s, with {shortest:.3f} s put in"
        if turn.jitter_buffer > Limits().jitter_buffer and turn.void is None:
            yield f"a number that holds {turn.jitter_buffer:.3f} s of jitter buffer is not void"
        if turn.reading is None and turn.void is None:
            yield "there is no number, and nothing says why"


async def calls(ways: Sequence[Way], turns: int, progress: Progress, folder: Path | None = None) -> AsyncIterator[Call]:
    """A call of so many turns over each of these ways, one after the other."""
    delays = (DELAY,) * turns
    script = Script(greeting=ScriptedGreeting(delay=0.4, seconds=0.8), replies=delays, reply_seconds=0.8)
    async with ReferenceStack(agent="scripted", variant=DETOUR, progress=progress, directory=folder) as stack:
        stack.knobs.agent_metadata = script.to_json()
        with detour(stack.server.media_port) as made:
            for way in ways:
                yield await _call(stack, made, way, delays)


async def _call(stack: ReferenceStack, made: Detour, way: Way, delays: Sequence[float]) -> Call:
    made.way = way
    record = await make_run(stack, msgspec.structs.replace(CONVERSATION, turns=CONVERSATION.turns * len(delays)))
    return Call(way=way, record=record, turns=truth_of(stack, record, delays).turns)


def rows(made: Sequence[Call]) -> str:
    """The table: a line for each way, medians over its turns; none of numbers that are mostly void."""
    titles = ("the network", "put in", "response", "moved by", "our jitter buffer", "lost", "numbers void", "came out")
    by_way = {name: [call for call in made if call.way == way] for name, way in WAYS.items()}
    usual = _response(_turns(by_way["as it is"]))
    return table(titles, [_row(name, found, usual) for name, found in by_way.items()])


def _row(name: str, made: Sequence[Call], usual: float | None) -> Sequence[str]:
    turns, way = _turns(made), made[0].way
    response = _response(turns)
    moved = None if response is None or usual is None else response - usual
    lost = [call.lost for call in made if call.lost is not None]
    least, most = ROUND * way.delay, ROUND * (way.delay + way.jitter)
    return (
        f"{name}: {_words(way)}",
        f"{least:.1f} s" if least == most else f"{least:.1f} to {most:.1f} s",
        _seconds(response),
        _seconds(moved),
        _seconds(_median(turn.jitter_buffer for turn in turns)),
        f"{round(100 * statistics.mean(lost))}%" if lost else "-",
        f"{sum(turn.void is not None for turn in turns)} of {len(turns)}",
        f"{sum(not call.wrong for call in made)} of {len(made)}",
    )


def _turns(made: Sequence[Call]) -> Sequence[TurnTruth]:
    return [turn for call in made for turn in call.turns]


def _response(turns: Sequence[TurnTruth]) -> float | None:
    readings = [turn.reading for turn in turns if turn.reading is not None]
    return _median(readings) if 2 * len(readings) >= len(turns) else None


def _words(way: Way) -> str:
    said = [f"each packet {way.delay * 1000:.0f} ms later"] if way.delay else []
    said += [f"each packet up to {way.jitter * 1000:.0f} ms later, by chance"] if way.jitter else []
    said += [f"{way.loss:.0%} of the packets lost"] if way.loss else []
    return ", ".join(said) or "nothing done to it"


def _median(values: Iterable[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return statistics.median(there) if there else None


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f} s"
