"""What a worker's log tells of a run's job, line by line. Pure, in bounded memory; never raises."""

import re
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeVar

from prober.core.causes import Cause
from prober.core.events import AgentLogged, AgentLogQuiet
from prober.core.words import harmless
from prober.diagnosis.known_causes import FRAME, Recognised, recognise, unknown
from prober.diagnosis.worker_lines import HEAD, Unwrapped, WorkerLine, read_line

MOST = 1000
"""Jobs, and rooms, that are remembered: the last ones."""
_TAKEN = "received job request"
_ENDED = re.compile(r"process exit(?:ing|ed)\b")
_IN_ORDER = "process exiting"
_GOING = re.compile(r"(?:starting|draining|shutting down) worker$")
_OF_PROCESSES = frozenset({Cause.PREWARM_FAILED, Cause.PREWARM_HANGS})
"""What a worker that takes a job may have: everything else of a whole worker keeps it from taking one."""
_OF_A_START = frozenset({Cause.IMPORT_ERROR, Cause.PROVIDER_KEY_MISSING})
"""What a worker dies of before its logger is there; one that has started, or another one, may do without."""

Value = TypeVar("Value")
By = Literal["room", "job", "time", "worker"]


class _Told(NamedTuple):
    """What one line tells, of a job that another one told to be taken: 0 where none is known to."""

    line: int
    what: Recognised
    by: By
    job: str | None = None
    taken: int = 0


class _Job(NamedTuple):
    room: str
    taken: int
    ended: bool = False
    """In good order: its process may still abort, and that is not why the job ended."""


@dataclass(slots=True)
class _Room:
    """What is told of a room since its job was taken: the last line of each kind, of the newest job."""

    taken: int = 0
    told: dict[tuple[int, bool], _Told] = field(default_factory=dict)

    def since(self, line: int) -> list[_Told]:
        """Nothing of an older job, where one was taken since."""
        return [told for told in self.told.values() if told.line > line and (told.taken > line or self.taken <= line)]


class AgentLog:
    """The log of one worker, or of several in one stream."""

    def __init__(self) -> None:
        self.lines = 0
        """How many have been read: what counts for a run is told after those that were read before it began."""
        self._json = False
        """Whether any line may be a worker's own."""
        self._wrapped = Unwrapped()
        self._frame = FRAME
        """The last line of a bare traceback that says where, if any."""
        self._rooms = _Last[_Room]()
        self._jobs = _Last[_Job]()
        self._open = _Last[str]()
        self._known = True
        """Whether no other job is open."""
        self._standing: dict[Cause, _Told] = {}
        self._registered: bool | None = None
        """Whether a worker is past its start; None where that is not known."""

    def read(self, line: str) -> None:
        """Take the next line into account, whatever it holds."""
        self.lines += 1
        whole = self._wrapped.whole(line)
        self._json |= whole is not None and '{"' in whole
        said = None if whole is None else read_line(whole)
        if said is None:
            if whole is not None and whole.startswith(FRAME):
                self._frame = whole[:HEAD]
            return
        if _GOING.match(said.text):
            self._registered = False
            self._known |= said.text == "starting worker"
            self._standing.clear()  # of a worker that is gone, or goes
        elif said.text in ("registered worker", _TAKEN) or (self._registered is None and not said.bare):
            self._registered = True
        self._standing = {cause: told for cause, told in self._standing.items() if not _over(told, said)}
        if said.text == _TAKEN:
            self._taken(said)
            return
        job = self._jobs.get(said.job or said.room or "")
        what = recognise(f"{said.text}\n{self._frame}" if said.bare else said.text)
        self._frame = FRAME
        if what is not None and what.cause is Cause.JOB_DIED and job is not None and job.ended:
            what = None
        if what is None and said.error and (said.room or said.job):
            what = unknown(said.text)
        if what is not None:
            self._recognised(said, what)
        if job is not None and said.text == _IN_ORDER and not said.crashed:
            self._jobs[said.job or said.room or ""] = job._replace(ended=True)
        crashed = what is not None and what.ending == "crash"
        if said.job is not None and (crashed or (_ENDED.match(said.text) and not said.crashed)):
            self._open.pop(said.job, None)  # of a job that crashed its process may tell before its exception is told

    def skip(self) -> None:
        """Lines are missing here: how a worker is, and which jobs are open, nobody knows any more."""
        self._wrapped, self._frame = Unwrapped(), FRAME
        self._open.clear()
        self._known = False
        self._standing.clear()
        self._registered = None

    def told_of(
        self, room: str, *, at: float, since: int = 0, hide: Collection[str] = ()
    ) -> AgentLogged | AgentLogQuiet:
        """Why the job of this room went wrong, or why no worker could take it, where the log tells.

        The room's name is made harmless, without the strings to `hide`, and so may be that of several; what stands in
        the first lines, up to `since`, is told of the workers alone.
        """
        name = harmless(room, hide=hide)
        known = [each for called, each in self._rooms.items() if harmless(called, hide=hide) == name]
        rooms = [each for each in known if each.taken > since or each.since(since)]
        if len(rooms) > 1:
            return AgentLogQuiet(at=at, taken=False)
        taken = any(each.taken > since for each in rooms)
        lines = [told for each in rooms for told in each.since(since)]
        told = _most_telling([line for line in lines if line.what.cause is not None]) or min(
            (told for told in self._standing.values() if told.what.cause in _OF_PROCESSES or not taken),
            key=lambda told: told.what.rank,
            default=None,
        )
        if told is None or told.what.cause is None:
            error = harmless(lines[0].what.quote, hide=hide) if lines else None
            return AgentLogQuiet(at=at, taken=taken, error=error, unlike=self.lines > 0 and not self._json)
        what, cause, job = told.what, told.what.cause, None if told.job is None else harmless(told.job, hide=hide)
        return AgentLogged(at=at, cause=cause, quote=harmless(what.quote, hide=hide), fix=what.fix, by=told.by, job=job)

    def _taken(self, said: WorkerLine) -> None:
        if said.room is not None:
            self._rooms[said.room] = _Room(self.lines)
            job = said.job or said.room
            self._jobs[job], self._open[job] = _Job(said.room, self.lines), said.room

    def _recognised(self, said: WorkerLine, what: Recognised) -> None:
        job = said.job
        if what.until is not None:
            dies = what.cause not in _OF_A_START or (said.bare and not self._registered)
            if what.cause is not None and dies and said.room is None and job is None:
                self._standing[what.cause] = _Told(self.lines, what, "worker")
        elif said.room is not None:
            self._tell(said.room, what, "room", job)
        elif job is not None:
            if job in self._jobs:
                self._tell(self._jobs[job].room, what, "job", job)
        elif self._known and len(self._open) == 1 and what.cause is not Cause.JOB_DIED:  # idle processes have no job
            ((job, room),) = self._open.items()
            self._tell(room, what, "time", job if job != room else None)
            if what.ending == "crash":
                self._open.pop(job)

    def _tell(self, room: str, what: Recognised, by: By, job: str | None) -> None:
        if room not in self._rooms:
            self._rooms[room] = _Room()
        kind, told = (what.rank, what.ending is not None), self._rooms[room].told
        taken = self._rooms[room].taken if job is None else self._jobs[job].taken if job in self._jobs else 0
        if kind not in told or taken >= told[kind].taken:
            told[kind] = _Told(self.lines, what, by, job, taken)


def _over(told: _Told, said: WorkerLine) -> bool:
    return told.what.until is not None and bool(told.what.until.match(said.text))


def _most_telling(lines: list[_Told]) -> _Told | None:
    """By what the job ended; of that cause the line that tells most, as one that crashed does itself."""
    if not lines:
        return None
    first = min(lines, key=lambda told: (told.what.ending is None, told.what.rank))
    if first.what.ending == "crash":
        return first
    return min((told for told in lines if told.what.cause is first.what.cause), key=lambda told: told.what.rank)


class _Last(OrderedDict[str, Value]):
    """The last entries of a dictionary that would grow for ever."""

    def __setitem__(self, key: str, value: Value) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        if len(self) > MOST:
            self.popitem(last=False)
