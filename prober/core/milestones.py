"""What a good run reaches, and by when: a table per scenario. Pure."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from prober.core.events import (
    AgentJoined,
    AgentState,
    AgentTrack,
    AnswerMatched,
    Event,
    Held,
    RoomJoined,
    RunStarted,
    SessionGranted,
    TrialRequested,
    UtteranceEnded,
)
from prober.core.plan import Expectations, Greeting, Ready, Scenario
from prober.core.readings import ready_at
from prober.core.reasons import Reason
from prober.core.timeline import Timeline, Turn


class Milestone(NamedTuple):
    """What a good run reaches: `moment` finds when; due `within` seconds after `anchor` (None: its predecessor)."""

    reason: Reason
    within: float
    moment: Callable[[Timeline], float | None]
    anchor: Callable[[Timeline], float | None] | None = None


def milestones(expectations: Expectations) -> Iterator[Milestone]:
    """What a good run of this scenario reaches, in the order in which it is asked for."""
    within = expectations.deadlines
    yield Milestone(Reason.TRIAL_TIMEOUT, within.trial, _moment(SessionGranted), _moment(TrialRequested))
    yield Milestone(Reason.SERVER_UNREACHABLE, within.room_join, _moment(RoomJoined), _moment(SessionGranted))
    yield Milestone(Reason.AGENT_ABSENT, within.agent_join, _moment(AgentJoined), _moment(RoomJoined))
    if expectations.ready is Ready.STATE:
        yield Milestone(Reason.AGENT_NOT_READY, within.agent_ready, _moment(AgentState), _moment(AgentJoined))
    if expectations.subscribes or expectations.ready is Ready.TRACK:
        yield Milestone(Reason.AGENT_NO_TRACK, within.agent_ready, _moment(AgentTrack), _moment(AgentJoined))
    if expectations.scenario is Scenario.JOIN:
        yield Milestone(Reason.RUN_DEADLINE, within.run, _moment(Held), _moment(RunStarted))
        return
    if expectations.greeting is Greeting.EXPECTED:
        yield Milestone(
            Reason.AGENT_SILENT, within.greeting, _greeted, lambda timeline: ready_at(timeline, expectations)
        )
    for number, turn in enumerate(expectations.turns, start=1):
        yield Milestone(Reason.RUN_DEADLINE, within.run, _spoken(number), _moment(RunStarted))
        if turn.barge_in is not None:
            yield Milestone(Reason.BARGE_IN_IGNORED, turn.barge_in.within, _yielded(number), _began(number))
        yield Milestone(Reason.AGENT_NO_RESPONSE, turn.reply_within, _answered(number), _spoken(number))
        if turn.expect_text is not None:
            yield Milestone(Reason.RUN_DEADLINE, within.run, _matched(number), _moment(RunStarted))


def _moment(kind: type[Event]) -> Callable[[Timeline], float | None]:
    def find(timeline: Timeline) -> float | None:
        event = timeline.first(kind)
        return None if event is None else event.at

    return find


def _greeted(timeline: Timeline) -> float | None:
    greeting = timeline.greeting()
    return None if greeting is None else greeting.at


def _spoken(number: int) -> Callable[[Timeline], float | None]:
    def find(timeline: Timeline) -> float | None:
        event = timeline.first(UtteranceEnded, where=lambda event: event.turn == number)
        return None if event is None else event.at

    return find


def _matched(number: int) -> Callable[[Timeline], float | None]:
    def find(timeline: Timeline) -> float | None:
        event = timeline.first(AnswerMatched, where=lambda event: event.turn == number)
        return None if event is None else event.at

    return find


def _answered(number: int) -> Callable[[Timeline], float | None]:
    return _of_turn(number, lambda turn: turn.answered)


def _began(number: int) -> Callable[[Timeline], float | None]:
    return _of_turn(number, lambda turn: turn.began)


def _yielded(number: int) -> Callable[[Timeline], float | None]:
    """An agent that was silent when we began had nothing to yield."""
    return _of_turn(number, lambda turn: turn.began if turn.under is None else turn.under.stopped)


def _of_turn(number: int, what: Callable[[Turn], float | None]) -> Callable[[Timeline], float | None]:
    def find(timeline: Timeline) -> float | None:
        return next((what(turn) for turn in timeline.turns() if turn.number == number), None)

    return find
