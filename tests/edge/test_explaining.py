"""A run's own process is played here; the log is a real file."""

import asyncio
import json
import re
import threading
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import msgspec
import pytest

from prober.child import explaining
from prober.child.explaining import Explaining
from prober.child.making import make_record
from prober.child.messages import Order
from prober.core.causes import Cause, Evidence, Found
from prober.core.events import (
    AgentLogged,
    AgentLogQuiet,
    AgentLogUnread,
    AnyEvent,
    Event,
    Leaving,
    RoomJoined,
    ServerAsked,
    Stopped,
)
from prober.core.evidence import TAKEN, UNLIKE
from prober.core.plan import Plan
from prober.core.reasons import Reason
from prober.core.record import RunRecord
from prober.core.steps import trial_steps
from prober.core.words import harmless
from prober.diagnosis.known_causes import KNOWN
from prober.sinks import narration
from tests.agent_logs.recorded import RECORDED, room_of
from tests.timelines import HEAD, JOIN, entered, heartbeats, join

DOCUMENT = Path(__file__).parents[2] / "docs" / "agent-log.md"
ALONE = (*(event for event in entered() if event.at < 0.5), Leaving(at=20.8), *heartbeats(21))
NOT_READY = (*(event for event in entered() if event.at < 0.85), Leaving(at=10.9), *heartbeats(11))
ROOM = "trial_1_a"
"""The room of these timelines."""


class Played:
    """A run that comes to these events, and before and after whose leaving this is written to the log."""

    def __init__(
        self,
        events: tuple[AnyEvent, ...],
        write: Callable[[], None] = lambda: None,
        afterwards: Callable[[], None] = lambda: None,
    ) -> None:
        self._events, self._write, self._afterwards = events, write, afterwards
        self.explaining = Explaining(self)

    async def __call__(
        self,
        order: Order,  # noqa: ARG002 - as run_child
        *,
        stop: asyncio.Event,  # noqa: ARG002 - as run_child
        on_event: Callable[[Event], None],
        verbose: bool = False,  # noqa: ARG002 - as run_child
    ) -> tuple[AnyEvent, ...]:
        await self._looked_at()
        self._write()
        for event in self._events:
            on_event(event)
        await self._looked_at()
        self._afterwards()
        return self._events

    async def _looked_at(self) -> None:
        """A real run takes long enough for each question to be answered."""
        for log in self.explaining.logs.values():
            await asyncio.wrap_future(log.aside.ask(lambda: None))


class Unwatched(Played):
    """A run that ends at once without an agent, whatever its log is doing."""

    def __init__(self) -> None:
        super().__init__(ALONE)
        self.explaining = Explaining()


def order(log: Path | str | None, secrets: dict[str, str] | None = None) -> Order:
    plan = Plan(
        run_id=HEAD.run_id, target=HEAD.target, entry=trial_steps("http://shop.example/"), expectations=JOIN, say=()
    )
    return Order(plan=plan, agent_log=None if log is None else str(log), secrets=secrets or {})


async def explained(
    log: Path | str | None, run: Played, secrets: dict[str, str] | None = None
) -> tuple[RunRecord, list[AgentLogged | AgentLogQuiet | AgentLogUnread]]:
    told: list[Event] = []
    record = await make_record(
        order(log, secrets), HEAD, stop=asyncio.Event(), on_event=told.append, run=run.explaining
    )
    return record, of_the_log(told)


def of_the_log(told: list[Event]) -> list[AgentLogged | AgentLogQuiet | AgentLogUnread]:
    return [event for event in told if isinstance(event, AgentLogged | AgentLogQuiet | AgentLogUnread)]


def lines(name: str) -> str:
    """What a real worker said, of the room of these timelines."""
    return "".join(f"{line}\n" for line in RECORDED[name]).replace(room_of(name), ROOM)


async def test_an_absent_agent_is_explained_by_its_log(tmp_path: Path) -> None:
    log = tmp_path / "agent.log"

    record, told = await explained(log, Played(ALONE, lambda: _write(log, lines("missing_elevenlabs_key"))))

    assert record.reason == "agent_absent"
    assert record.diagnosis is not None
    assert (record.diagnosis.cause, record.diagnosis.found) == (Cause.PROVIDER_KEY_MISSING, Found.AGENT_LOG)
    assert "ELEVEN_API_KEY" in record.diagnosis.fix
    assert told == [record.timeline[-1]]
    assert isinstance(told[0], AgentLogged)


async def test_a_run_that_passed_needs_no_log(tmp_path: Path) -> None:
    log = tmp_path / "agent.log"
    _write(log, lines("missing_elevenlabs_key"))

    record, told = await explained(log, Played(join()))

    assert (record.outcome, told, len(record.timeline)) == ("pass", [], len(join()))


async def test_nor_does_one_that_no_agent_failed(tmp_path: Path) -> None:
    log = tmp_path / "agent.log"
    _write(log, lines("missing_elevenlabs_key"))
    stopped = Stopped(at=2.0, reason=Reason.DISCONNECTED, detail="room_deleted")

    record, told = await explained(log, Played((*entered(), stopped, Leaving(at=2.1), *heartbeats(3))))

    assert (record.reason, told) == ("disconnected", [])


async def test_an_agent_that_came_is_explained_by_its_own_job(tmp_path: Path) -> None:
    log = tmp_path / "agent.log"

    record, _ = await explained(log, Played(NOT_READY, lambda: _write(log, lines("missing_elevenlabs_key"))))

    assert record.diagnosis is not None
    assert (record.reason, record.diagnosis.cause) == ("agent_not_ready", Cause.PROVIDER_KEY_MISSING)


async def test_what_our_leaving_makes_an_agent_raise_is_not_why_we_waited_for_it(tmp_path: Path) -> None:
    log = tmp_path / "agent.log"
    raised = Played(NOT_READY, log.touch, afterwards=lambda: _write(log, lines("missing_variable")))

    record, told = await explained(log, raised)

    assert record.diagnosis is not None
    assert (record.reason, record.diagnosis.cause) == ("agent_not_ready", Cause.JOINED_NOT_READY)
    assert told == [AgentLogQuiet(at=11.0, taken=False)]


async def test_of_an_agent_that_left_us_its_worker_may_tell_after_we_left(tmp_path: Path) -> None:
    log = tmp_path / "agent.log"
    left = Stopped(at=2.0, reason=Reason.AGENT_LEFT, detail="client_initiated")
    gone = Played(
        (*entered(), left, Leaving(at=2.1), *heartbeats(3)),
        afterwards=lambda: _write(log, lines("missing_elevenlabs_key")),
    )

    record, _ = await explained(log, gone)

    assert record.diagnosis is not None
    assert (record.reason, record.diagnosis.cause) == ("agent_left", Cause.PROVIDER_KEY_MISSING)


@pytest.mark.parametrize("log", [None, "another"])
async def test_a_log_that_is_not_given_or_tells_nothing_changes_nothing(tmp_path: Path, log: str | None) -> None:
    if log is not None:
        _write(tmp_path / log, lines("missing_elevenlabs_key").replace(ROOM, "elsewhere"))

    record, told = await explained(None if log is None else tmp_path / log, Played(ALONE))

    assert record.diagnosis is not None
    assert (record.reason, record.diagnosis.cause) == ("agent_absent", Cause.UNEXPLAINED)
    assert told == ([] if log is None else [AgentLogQuiet(at=21.0, taken=False)])


async def test_a_log_in_which_a_job_was_taken_and_no_more_says_just_that(tmp_path: Path) -> None:
    log = tmp_path / "agent.log"
    taken = json.dumps({"message": "received job request", "job_id": "AJ_1", "room": ROOM})

    record, told = await explained(log, Played(ALONE, lambda: _write(log, taken + "\n")))

    assert told == [AgentLogQuiet(at=21.0, taken=True)]
    assert record.diagnosis is not None
    assert record.diagnosis.evidence[-1] == Evidence("agent's log", TAKEN)
    assert "`agent_log`" not in record.diagnosis.fix


async def test_an_error_that_is_no_known_cause_is_not_concealed(tmp_path: Path) -> None:
    log = tmp_path / "agent.log"
    taken = {"message": "received job request", "job_id": "AJ_1", "room": ROOM}
    error = {"message": "failed to launch job on process after 3 attempts", "level": "ERROR", "name": "livekit.agents"}
    lines = "".join(f"{json.dumps(line)}\n" for line in (taken, error | {"job_id": "AJ_1"}))

    record, _ = await explained(log, Played(ALONE, lambda: _write(log, lines)))

    assert record.diagnosis is not None
    assert record.diagnosis.cause is not Cause.JOB_DIED
    assert record.diagnosis.evidence[-1] == Evidence(
        "agent's log", f"no known cause, and an error of this room's job: {error['message']}"
    )


async def test_a_log_that_is_not_a_workers_is_told_as_that(tmp_path: Path) -> None:
    log = tmp_path / "agent.log"

    record, told = await explained(log, Played(ALONE, lambda: _write(log, f"12:00 INFO received job request {ROOM}\n")))

    assert told == [AgentLogQuiet(at=21.0, taken=False, unlike=True)]
    assert narration.words(told[0]) == "agent's log tells nothing that is understood: no line in it is JSON"
    assert record.diagnosis is not None
    assert record.diagnosis.evidence[-1] == Evidence("agent's log", UNLIKE)


async def test_what_is_wrong_with_a_whole_worker_explains_no_agent_that_came(tmp_path: Path) -> None:
    log = tmp_path / "agent.log"
    _write(log, lines("worker_full"))

    absent, _ = await explained(log, Played(ALONE))
    came, _ = await explained(log, Played(NOT_READY))

    assert absent.diagnosis is not None
    assert absent.diagnosis.cause is Cause.WORKER_FULL
    assert came.diagnosis is not None
    assert (came.reason, came.diagnosis.cause) == ("agent_not_ready", Cause.JOINED_NOT_READY)


async def test_a_log_that_cannot_be_read_is_told_and_the_verdict_stands(tmp_path: Path) -> None:
    log = tmp_path / "missing.log"
    asked = ServerAsked(at=20.9, listed=1, people=(), dispatches=())

    record, told = await explained(log, Played((*ALONE, asked)))

    assert (record.reason, told) == ("agent_absent", [record.timeline[-1]])
    assert narration.words(told[0]) == f"agent's log {log} cannot be read: No such file or directory"
    assert record.diagnosis is not None
    assert record.diagnosis.cause is Cause.NOT_DISPATCHED  # what the others know is told all the same
    assert record.diagnosis.evidence[-1] == Evidence("agent's log", f"{log} cannot be read: No such file or directory")


async def test_what_the_log_held_before_is_not_told_of_a_room_of_the_same_name(tmp_path: Path) -> None:
    log = tmp_path / "agent.log"
    _write(log, lines("missing_elevenlabs_key"))

    record, told = await explained(log, Played(ALONE))

    assert record.diagnosis is not None
    assert (record.reason, record.diagnosis.cause) == ("agent_absent", Cause.UNEXPLAINED)
    assert told == [AgentLogQuiet(at=21.0, taken=False)]


@pytest.mark.parametrize("room", ["call-jo@example.com", "call-acme-s3cr3t"])
async def test_a_rooms_name_is_shown_without_what_is_to_be_hidden_and_found_nevertheless(
    tmp_path: Path, room: str
) -> None:
    log, secrets = tmp_path / "agent.log", {"login": "acme-s3cr3t"}
    shown = harmless(room, hide=secrets.values())
    events = tuple(
        msgspec.structs.replace(event, room=shown) if isinstance(event, RoomJoined) else event for event in ALONE
    )

    record, _ = await explained(
        log, Played(events, lambda: _write(log, lines("missing_elevenlabs_key").replace(ROOM, room))), secrets
    )

    assert record.diagnosis is not None
    assert record.diagnosis.cause is Cause.PROVIDER_KEY_MISSING


async def test_the_log_does_not_tell_our_secrets(tmp_path: Path) -> None:
    log = tmp_path / "agent.log"
    crash = {"message": "unhandled exception while running the job task", "room": ROOM, "exc_info": "E: acme-s3cr3t"}

    _, told = await explained(
        log, Played(ALONE, lambda: _write(log, json.dumps(crash) + "\n")), {"login": "acme-s3cr3t"}
    )

    assert [event.quote for event in told if isinstance(event, AgentLogged)] == ["E: [hidden]"]


class Log:
    """A log that does this when it is asked."""

    def __init__(self, told_of: Callable[[], None]) -> None:
        self._told_of = told_of

    def begin(self) -> int:
        return 0

    def told_of(
        self,
        room: str,  # noqa: ARG002 - as any
        *,
        at: float,
        since: int = 0,  # noqa: ARG002 - as any
        hide: Collection[str] = (),  # noqa: ARG002 - as any
    ) -> AgentLogQuiet:
        self._told_of()
        return AgentLogQuiet(at=at, taken=False)


def broken() -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("log", "why"),
    [
        ("a\0b", "ValueError at prober/"),
        ("a" * 5000, "File name too long"),
        ("/", "no regular file"),
        ("", "no regular"),
    ],
    ids=["no name", "too long", "a folder", "nothing"],
)
async def test_whatever_its_log_is_called_the_run_is_kept(log: str, why: str) -> None:
    record, told = await explained(log, Played(ALONE))

    assert record.reason == "agent_absent"
    assert why in unread(told)


async def test_so_it_is_where_reading_it_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explaining, "open_log", lambda _name: Log(broken))

    record, told = await explained("agent.log", Played(ALONE))

    assert record.reason == "agent_absent"
    assert "ZeroDivisionError" in unread(told)


def unread(told: Sequence[Event]) -> str:
    """Why the log could not be read."""
    event = told[-1]
    assert isinstance(event, AgentLogUnread)
    return event.error


async def test_or_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    told: list[Event] = []
    run = Explaining(Unwatched())
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        record = await make_record(order("agent.log"), HEAD, stop=asyncio.Event(), on_event=told.append, run=run)

    assert record.reason == "agent_absent"
    assert "RuntimeError" in unread(told)


async def test_a_log_that_never_answers_holds_up_no_run_and_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    free = threading.Event()
    asked = []

    def stuck() -> None:
        asked.append(True)
        free.wait()

    monkeypatch.setattr(explaining, "open_log", lambda _name: Log(stuck))
    monkeypatch.setattr(explaining, "WITHIN", 0.2)
    run = Explaining(Unwatched())
    try:
        for _ in range(3):
            told: list[Event] = []
            record = await make_record(order("agent.log"), HEAD, stop=asyncio.Event(), on_event=told.append, run=run)
            assert (record.reason, unread(told)) == ("agent_absent", "it is still being read")
    finally:
        free.set()

    assert asked == [True]


async def test_nor_a_canary_that_is_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    free, stop, loop = threading.Event(), asyncio.Event(), asyncio.get_running_loop()

    def stuck() -> None:
        loop.call_soon_threadsafe(stop.set)
        free.wait()

    monkeypatch.setattr(explaining, "open_log", lambda _name: Log(stuck))
    monkeypatch.setattr(explaining, "WITHIN", 60.0)
    told: list[Event] = []
    try:
        async with asyncio.timeout(30):
            record = await make_record(
                order("agent.log"), HEAD, stop=stop, on_event=told.append, run=Explaining(Unwatched())
            )
    finally:
        free.set()

    assert (record.reason, unread(told)) == ("agent_absent", "it is still being read")


def _write(log: Path, text: str) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.write(text)


@pytest.mark.parametrize("cause", sorted({known.cause for known in KNOWN}))
def test_every_cause_that_a_log_can_tell_is_in_the_documents(cause: Cause) -> None:
    assert re.search(rf"^\| .*`{cause}`.* \|", DOCUMENT.read_text("utf-8"), re.MULTILINE)
