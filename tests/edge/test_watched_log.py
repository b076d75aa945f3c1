"""The agent's log under a canary that goes on for weeks: it comes late, is rotated, and a reload names another."""

import asyncio
import json
import logging
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from prober.child.explaining import Explaining
from prober.child.messages import Order
from prober.core.causes import Cause
from prober.core.events import AgentLogUnread, AnyEvent, Event, RoomJoined
from prober.core.record import RunRecord
from prober.watch.journal import Journal
from tests.edge.test_explaining import ALONE
from tests.flow.played_service import ONE, SHOP, watched

LOGGED = ONE.replace("scenarios:", "agent_log: %s, scenarios:")


class Absent:
    """Stands for `run_child`: no agent comes to the next room, and meanwhile this is written."""

    def __init__(self) -> None:
        self.explaining = Explaining(self)
        self.room = ""
        self.write: Callable[[], object] = lambda: None

    async def __call__(
        self,
        order: Order,
        *,
        stop: asyncio.Event,  # noqa: ARG002 - as run_child
        on_event: Callable[[Event], None],
        verbose: bool = False,  # noqa: ARG002 - as run_child
    ) -> tuple[AnyEvent, ...]:
        aside = self.explaining.logs[str(order.agent_log)].aside
        await asyncio.wrap_future(aside.ask(lambda: None))  # a real run takes long enough for the log to be looked at
        self.write()
        events = tuple(
            msgspec.structs.replace(event, room=self.room) if isinstance(event, RoomJoined) else event
            for event in ALONE
        )
        for event in events:
            on_event(event)
        return events


def crash(log: Path, room: str) -> None:
    line = {"message": "unhandled exception while running the job task", "room": room, "error": "E: no"}
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


async def test_a_log_that_comes_late_is_rotated_and_is_moved(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first, second = tmp_path / "first.log", tmp_path / "second.log"
    absent = Absent()
    # This clock stands still: nothing falls due by itself.
    options = {"run_child": absent.explaining, "also": Journal(), "now": lambda: 0.0}
    async with watched(tmp_path, LOGGED % "first.log", **options) as canary:  # type: ignore[arg-type]

        async def cause(room: str, write: Callable[[], object] = lambda: None) -> Cause:
            absent.room, absent.write = room, write
            record = await canary.service.probe(SHOP, 45.0)
            assert isinstance(record, RunRecord)
            assert record.reason == "agent_absent"
            assert record.diagnosis is not None
            return record.diagnosis.cause

        with caplog.at_level(logging.WARNING, "prober"):
            assert await cause("a") is Cause.UNEXPLAINED
        (unread,) = [event for event in canary.seen.records[0].timeline if isinstance(event, AgentLogUnread)]
        assert (unread.file, unread.error) == (str(first), "No such file or directory")
        (line,) = [said for said in caplog.records if said.getMessage() == "agent_log.unreadable"]
        assert line.fields["run_id"] == canary.seen.records[0].run_id  # type: ignore[attr-defined]

        assert await cause("b", lambda: crash(first, "b")) is Cause.JOB_CRASHED

        def rotate() -> None:
            crash(first, "c")
            first.rename(tmp_path / "first.log.1")

        assert await cause("c", rotate) is Cause.JOB_CRASHED
        assert await cause("d", lambda: crash(first, "d")) is Cause.JOB_CRASHED
        crash(first, "of before")
        assert await cause("of before") is Cause.UNEXPLAINED

        canary.file.write_text(LOGGED % "second.log", encoding="utf-8")
        assert await canary.service.reload() is None
        crash(first, "e")
        assert await cause("e", second.touch) is Cause.UNEXPLAINED
        assert await cause("f", lambda: crash(second, "f")) is Cause.JOB_CRASHED
