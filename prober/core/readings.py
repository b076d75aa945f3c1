"""Each turn's numbers, and whether they may be believed: where they may not, `void` says why. Pure; never raises."""

import msgspec

from prober.core.decoding import Whole
from prober.core.events import (
    AgentJoined,
    AgentState,
    AgentTrack,
    AudioLate,
    Event,
    ReceiverStats,
    Stalled,
    TurnRechecked,
    UtteranceEnded,
    UtteranceStarted,
    YieldRechecked,
)
from prober.core.plan import Expectations, Limits, Ready
from prober.core.timeline import Timeline, Turn

GREETING = 0
"""The turn under which the greeting is rechecked."""
AUDIO_LATE_SPAN = 0.2
"""Seconds before an `AudioLate` event that it speaks of."""


class TurnReading(msgspec.Struct, frozen=True, kw_only=True):
    """A turn's response, and what is known of the path beside it; or, in `void`, why there is no number."""

    turn: Whole
    response: float | None
    void: str | None
    drift: float | None
    jitter_buffer: float | None
    packets_lost: Whole | None
    concealed: float | None
    yield_time: float | None = None
    yield_void: str | None = None


def ready_at(timeline: Timeline, expectations: Expectations) -> float | None:
    """When a customer stops seeing "connecting…": the target's ready signal and, where we listen, its track."""
    signals: dict[Ready, Event | None] = {
        Ready.JOINED: timeline.first(AgentJoined),
        Ready.STATE: timeline.first(AgentState),
        Ready.TRACK: timeline.first(AgentTrack),
    }
    needed = {expectations.ready} | ({Ready.TRACK} if expectations.subscribes else set())
    found = [signals[signal] for signal in needed]
    moments = [event.at for event in found if event is not None]
    return max(moments) if len(moments) == len(found) else None


def greeting_void(timeline: Timeline, expectations: Expectations) -> str | None:
    """Why the greeting's number may not be believed, or None; also None where nobody greeted."""
    greeting, ready = timeline.greeting(), ready_at(timeline, expectations)
    if greeting is None or ready is None:
        return None
    recheck = timeline.first(TurnRechecked, where=lambda event: event.turn == GREETING)
    if recheck is None:
        return "not checked again from the recording"
    return _troubled(timeline, ready, greeting.at, expectations.limits) or _disagreement(
        greeting.at, recheck.answered, "greeting", expectations.limits
    )


def turn_readings(timeline: Timeline, expectations: Expectations) -> tuple[TurnReading, ...]:
    """A reading for every turn of the scenario, spoken or not."""
    spoken = {turn.number: turn for turn in timeline.turns()}
    return tuple(
        _reading(timeline, spoken.get(number), number, expectations.limits)
        for number in range(1, len(expectations.turns) + 1)
    )


def _reading(timeline: Timeline, turn: Turn | None, number: int, limits: Limits) -> TurnReading:
    yield_time, yield_void = (None, None) if turn is None else _yield(timeline, turn, limits)
    if turn is None or turn.ended is None or turn.answered is None:
        return TurnReading(
            turn=number,
            response=None,
            void=None,
            drift=None,
            jitter_buffer=None,
            packets_lost=None,
            concealed=None,
            yield_time=yield_time,
            yield_void=yield_void,
        )
    ended = timeline.first(UtteranceEnded, where=lambda event: event.turn == number)
    before = timeline.last(ReceiverStats, until=turn.answered)
    after = timeline.first(ReceiverStats, since=turn.answered)
    jitter_buffer = _jitter_buffer(before, after)
    void = _unfit(timeline, turn, jitter_buffer, limits)
    return TurnReading(
        turn=number,
        response=_round(turn.answered - turn.ended) if void is None else None,
        void=void,
        drift=None if ended is None else ended.drift,
        jitter_buffer=jitter_buffer,
        packets_lost=None if before is None or after is None else after.packets_lost - before.packets_lost,
        concealed=_concealed(before, after),
        yield_time=yield_time,
        yield_void=yield_void,
    )


def _yield(timeline: Timeline, turn: Turn, limits: Limits) -> tuple[float | None, str | None]:
    """How long the agent went on under our interruption; or None, and why there is no number where one was meant."""
    began = timeline.first(UtteranceStarted, where=lambda event: event.turn == turn.number)
    if began is None or not began.barge_in:
        return None, None
    if turn.under is None:
        return None, "the agent was silent already when we interrupted it"
    if turn.under.stopped is None:
        return None, "it did not fall silent"
    recheck = timeline.first(YieldRechecked, where=lambda event: event.turn == turn.number)
    if recheck is None:
        return None, "not checked again from the recording"
    void = (
        _troubled(timeline, turn.began, turn.under.stopped, limits)
        or _disagreement(turn.began, recheck.began, "onset of our speech", limits)
        or _disagreement(turn.under.stopped, recheck.yielded, "end of the agent's speech", limits)
    )
    return (_round(turn.under.stopped - turn.began), None) if void is None else (None, void)


def _unfit(timeline: Timeline, turn: Turn, jitter_buffer: float | None, limits: Limits) -> str | None:
    """Why this turn's response may not be believed, or None."""
    assert turn.ended is not None  # noqa: S101 - the caller has looked
    assert turn.answered is not None  # noqa: S101
    number = turn.number
    if turn.interrupted is not None:
        return "the agent spoke over our sentence"
    began = timeline.first(UtteranceStarted, where=lambda event: event.turn == number)
    if turn.under is not None and began is not None and not began.barge_in:
        return "the agent was still speaking when we began"
    trouble = _troubled(timeline, turn.began, turn.answered, limits)
    if trouble is not None:
        return trouble
    ended = timeline.first(UtteranceEnded, where=lambda event: event.turn == number)
    if ended is not None and abs(ended.drift) > limits.drift:
        return f"our sentence was stretched by {ended.drift * 1000:.0f} ms on its way out"
    if jitter_buffer is None:
        return "WebRTC gave no statistics for the agent's audio"
    if jitter_buffer > limits.jitter_buffer:
        return (
            f"the jitter buffer held {jitter_buffer * 1000:.0f} ms: the prober's host or network delays what it hears"
        )
    recheck = timeline.first(TurnRechecked, where=lambda event: event.turn == number)
    if recheck is None:
        return "not checked again from the recording"
    return _disagreement(turn.ended, recheck.ended, "end of our speech", limits) or _disagreement(
        turn.answered, recheck.answered, "onset of the answer", limits
    )


def stalled_at(timeline: Timeline, moment: float, limits: Limits) -> str | None:
    """Whether the prober stood still at a moment: what happened then was seen, and dated, only afterwards."""
    for stall in timeline.all(Stalled, since=moment):
        if stall.seconds > limits.stall and stall.at - stall.seconds <= moment:
            return f"the prober stalled for {stall.seconds:.2f} s"
    return None


def _troubled(timeline: Timeline, since: float, until: float, limits: Limits) -> str | None:
    """Whether the prober was unfit to hear in this stretch of time, in words."""
    for stall in timeline.all(Stalled, since=since):
        if stall.at - stall.seconds <= until and stall.seconds > limits.stall:
            return f"the prober stalled for {stall.seconds:.2f} s"
    late = timeline.first(AudioLate, since=since)
    if late is not None and late.at - AUDIO_LATE_SPAN <= until:
        return f"the agent's audio reached the prober {late.seconds * 1000:.0f} ms late"
    return None


def _disagreement(ours: float, again: float | None, what: str, limits: Limits) -> str | None:
    """Whether the recording tells of another moment than the run did, in words."""
    if again is None:
        return f"the recording does not show the {what}"
    if abs(ours - again) > limits.recheck:
        return (
            f"the recording shows the {what} {abs(again - ours) * 1000:.0f} ms {'later' if again > ours else 'earlier'}"
        )
    return None


def _jitter_buffer(before: ReceiverStats | None, after: ReceiverStats | None) -> float | None:
    """Mean seconds a sample waited in the jitter buffer between two snapshots."""
    if before is None or after is None or after.jitter_buffer_emitted <= before.jitter_buffer_emitted:
        return None
    emitted = after.jitter_buffer_emitted - before.jitter_buffer_emitted
    return _round((after.jitter_buffer_delay - before.jitter_buffer_delay) / emitted)


def _concealed(before: ReceiverStats | None, after: ReceiverStats | None) -> float | None:
    """Share of the samples between two snapshots that were made up for lost ones."""
    if before is None or after is None or after.total_samples <= before.total_samples:
        return None
    return _round((after.concealed_samples - before.concealed_samples) / (after.total_samples - before.total_samples))


def _round(seconds: float) -> float:
    return round(seconds, 6)
