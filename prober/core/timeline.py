"""The ordered events of a run, and what can be asked of them. Pure; asking never raises."""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeVar

from prober.core.events import (
    AgentSpeechStarted,
    AgentSpeechStopped,
    Event,
    UtteranceEnded,
    UtteranceStarted,
)

E = TypeVar("E", bound=Event)


BREATH = 1.0
"""Seconds of silence that are no end of what was being said: the pause between two of the agent's sentences."""


class Speech(NamedTuple):
    """A stretch of the agent's speech; `stopped` is None while it goes on."""

    started: float
    stopped: float | None


class Turn(NamedTuple):
    """One sentence of ours and what the agent did about it. Moments in seconds of the run.

    `answered` is the onset of the agent's answer. Where the agent began to speak over our sentence, `interrupted` is
    when; if that speech went on past our end it is the answer, and `answered` is our end: an answer without a latency.
    `under` is the agent's speech that was going on when we began, with what followed it after no more than a breath
    and still during our sentence: it is no interruption of ours, and what remains of it answers nothing.
    """

    number: int
    began: float
    ended: float | None
    answered: float | None
    interrupted: float | None
    under: Speech | None


class Timeline:
    """Events in order of time; equal moments keep the order in which they were recorded."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.events: tuple[Event, ...] = tuple(sorted(events, key=lambda event: event.at))

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    def all(self, kind: type[E], since: float = -math.inf, until: float = math.inf) -> Iterator[E]:
        """Every event of this kind with `since <= at <= until`."""
        return (event for event in self.events if isinstance(event, kind) and since <= event.at <= until)

    def first(
        self, kind: type[E], since: float = -math.inf, until: float = math.inf, where: Callable[[E], bool] | None = None
    ) -> E | None:
        """The earliest such event, or None."""
        return next((event for event in self.all(kind, since, until) if where is None or where(event)), None)

    def last(self, kind: type[E], until: float = math.inf) -> E | None:
        """The latest such event, or None."""
        return next((event for event in reversed(self.events) if isinstance(event, kind) and event.at <= until), None)

    def agent_speech(self) -> tuple[Speech, ...]:
        """The agent's speech as stretches, in order."""
        stretches: list[Speech] = []
        sounding = 0
        for event in self.events:
            if isinstance(event, AgentSpeechStarted):
                sounding += 1  # an agent with two tracks speaks while either of them does
                if sounding == 1:
                    stretches.append(Speech(event.at, None))
            elif isinstance(event, AgentSpeechStopped) and sounding > 0:
                sounding -= 1
                if sounding == 0:
                    stretches[-1] = stretches[-1]._replace(stopped=event.at)
        return tuple(stretches)

    def turns(self) -> tuple[Turn, ...]:
        """Our sentences in order, each with what the agent did about it before the next one."""
        begins = list(self.all(UtteranceStarted))
        limits = [begin.at for begin in begins[1:]] + [math.inf] * bool(begins)
        return tuple(self._turn(begin, limit) for begin, limit in zip(begins, limits, strict=True))

    def _turn(self, begin: UtteranceStarted, limit: float) -> Turn:
        number = begin.turn
        end = self.first(UtteranceEnded, since=begin.at, where=lambda event: event.turn == number)
        if end is None:
            return Turn(number, begin.at, None, None, None, None)
        under = self._under(begin, end)
        since = begin.at if under is None or under.stopped is None else max(begin.at, under.stopped)
        theirs = [] if under is not None and under.stopped is None else self._begun(since, end.at)
        interrupted = theirs[0].started if theirs else None
        if any(speech.stopped is None or speech.stopped > end.at for speech in theirs):
            return Turn(number, begin.at, end.at, end.at, interrupted, under)
        answer = self.first(AgentSpeechStarted, since=end.at, until=limit)
        return Turn(number, begin.at, end.at, None if answer is None else answer.at, interrupted, under)

    def _begun(self, since: float, until: float) -> list[Speech]:
        """The agent's speech that began in this time."""
        return [speech for speech in self.agent_speech() if since <= speech.started < until]

    def _under(self, begin: UtteranceStarted, end: UtteranceEnded) -> Speech | None:
        """The agent's speech that was going on when our sentence began, a breath in it no end."""
        under: Speech | None = None
        for speech in self.agent_speech():
            if speech.started >= end.at:
                break
            if under is not None and under.stopped is not None and speech.started - under.stopped < BREATH:
                under = under._replace(stopped=speech.stopped)
            elif speech.started < begin.at:
                under = speech
        return under if under is not None and (under.stopped is None or under.stopped > begin.at) else None

    def greeting(self) -> AgentSpeechStarted | None:
        """The agent's first speech, if it came before ours."""
        ours = self.first(UtteranceStarted)
        return self.first(AgentSpeechStarted, until=math.inf if ours is None else ours.at)
