"""What a worker's log tells of a run's job, line by line. Pure, in bounded memory; never raises."""

import re
from collections import OrderedDict
from typing import Literal, NamedTuple, TypeVar

from prober.core.causes import Cause
from prober.core.events import AgentLogged
from prober.core.words import harmless
from prober.diagnosis.known_causes import STANDS_UNTIL, Recognised, recognise
from prober.diagnosis.worker_lines import Unwrapped, WorkerLine, read_line

MOST = 1000
"""Jobs, and rooms, that are remembered: the last ones."""
_TAKEN = "received job request"
_CRASHED = "unhandled exception while running the job task"
_ENDED = re.compile(rf"process exit(?:ing|ed)\b|{_CRASHED}")
_OF_PROCESSES = frozenset({Cause.PREWARM_FAILED, Cause.PREWARM_HANGS})
"""What a worker that takes a job may have: everything else of a whole worker keeps it from taking one."""

Value = TypeVar("Value")
By = Literal["room", "job", "time", "worker"]


class _Told(NamedTuple):
    what: Recognised
    by: By
    job: str | None = None


class AgentLog:
    """The log of one worker, or of several in one stream."""

    def __init__(self) -> None:
        self._wrapped = Unwrapped()
        self._rooms = _Last[_Told | None]()
        """By room: the most telling line; None for one whose job was taken and which nothing is told of."""
        self._jobs = _Last[str]()
        self._open = _Last[str]()
        self._standing: dict[Cause, Recognised] = {}

    def read(self, line: str) -> None:
        """Take the next line into account, whatever it holds."""
        whole = self._wrapped.whole(line)
        said = None if whole is None else read_line(whole)
        if said is None:
            return
        if said.text == _TAKEN:
            self._taken(said)
            return
        self._standing = {
            cause: told for cause, told in self._standing.items() if not STANDS_UNTIL[cause].match(said.text)
        }
        what = recognise(said.text)
        if what is not None:
            self._recognised(said, what)
        if said.job is not None and _ENDED.match(said.text):
            self._open.pop(said.job, None)

    def told_of(self, room: str, *, at: float) -> AgentLogged | None:
        """Why the job of this room went wrong, or why no worker could take it; None where the log does not tell."""
        told = self._rooms.get(room)
        if told is None:
            standing = [
                what for what in self._standing.values() if what.cause in _OF_PROCESSES or room not in self._rooms
            ]
            told = min((_Told(what, "worker") for what in standing), default=None)
        if told is None:
            return None
        what = told.what
        return AgentLogged(
            at=at, cause=what.cause, quote=what.quote, fix=what.fix, by=told.by, job=told.job and harmless(told.job)
        )

    def _taken(self, said: WorkerLine) -> None:
        if said.room is not None:
            self._rooms.setdefault(said.room, None)
            job = said.job or said.room
            self._jobs[job] = self._open[job] = said.room

    def _recognised(self, said: WorkerLine, what: Recognised) -> None:
        job = said.job
        if said.room is not None:
            self._tell(said.room, _Told(what, "room", job))
        elif job is not None:
            if job in self._jobs:
                self._tell(self._jobs[job], _Told(what, "job", job))
        elif what.cause in STANDS_UNTIL and not said.text.startswith(_CRASHED):
            self._standing[what.cause] = what
        elif len(self._open) == 1 and what.cause is not Cause.JOB_DIED:  # an idle process has no job either
            ((job, room),) = self._open.items()
            self._tell(room, _Told(what, "time", job if job != room else None))
            if said.text.startswith(_CRASHED):
                self._open.pop(job)

    def _tell(self, room: str, told: _Told) -> None:
        known = self._rooms.get(room)
        if known is None or told.what.rank < known.what.rank:
            self._rooms[room] = told


class _Last(OrderedDict[str, Value]):
    """The last entries of a dictionary that would grow for ever."""

    def __setitem__(self, key: str, value: Value) -> None:
        super().__setitem__(key, value)
        if len(self) > MOST:
            self.popitem(last=False)
