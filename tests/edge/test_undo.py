"""Trials taken back: by the run itself, whatever became of it, and by a fresh child where the run's own has died."""

import asyncio
import os
import signal
from collections.abc import Callable

import msgspec
import psutil
import pytest
from aiohttp import web

from prober.child.messages import Order
from prober.child.parent import run_child
from prober.core.events import AnyEvent, CleanedUp, Stopped
from prober.core.plan import Expectations, Extract, Step, TrialEntry
from prober.core.reasons import Outcome, Reason
from prober.core.record import Head, RunRecord, derive
from prober.core.steps import check_entry
from prober.core.templates import Known
from prober.entry.undo import undo
from tests.edge.products import answering, one_step, plan_of, served
from tests.edge.servers import saying

KEY = "s3cr3t-value"


class Shop:
    """Starts trials, and refuses or, where something is to happen meanwhile, never answers the next step."""

    def __init__(self, at_details: Callable[[], None] | None = None, *, end_status: int = 200) -> None:
        self._at_details = at_details
        self._end_status = end_status
        self.asked: list[tuple[str, str | None, str | None]] = []

    async def start(self, _request: web.Request) -> web.Response:
        return web.json_response({"trial": "t-7"}, headers={"Set-Cookie": "sid=c00kie; Path=/; HttpOnly"})

    async def details(self, _request: web.Request) -> web.Response:
        if self._at_details is not None:
            self._at_details()
            await asyncio.Event().wait()  # until the caller has gone
        return web.Response(status=500)

    async def end(self, request: web.Request) -> web.Response:
        self.asked.append((request.match_info["id"], request.headers.get("X-Key"), request.cookies.get("sid")))
        return web.Response(status=self._end_status)


def entry_at(origin: str, *, start: str = "/start") -> TrialEntry:
    entry = TrialEntry(
        steps=(
            Step(
                name="start",
                method="POST",
                url=origin + start,
                extract={"trial": Extract(source="json", at="/trial")},
            ),
            Step(name="details", method="GET", url=f"{origin}/details"),
        ),
        email="",
        cleanup=(
            Step(name="end", method="DELETE", url=origin + "/trials/{{ trial }}", headers={"X-Key": "{{ key }}"}),
        ),
    )
    check_entry(entry, {"key"})
    return entry


async def run(shop: Shop, *, start: str = "/start", stop: asyncio.Event | None = None) -> RunRecord:
    """A whole run by a child of its own."""
    routes = (
        ("POST", "/start", shop.start),
        ("POST", "/nothing", answering({}, status=503)),
        ("GET", "/details", shop.details),
        ("DELETE", "/trials/{id}", shop.end),
    )
    async with served(*routes) as origin:
        plan = plan_of(entry_at(origin, start=start))
        order = Order(plan=plan, secrets={"key": KEY})
        events = await run_child(order, stop=stop or asyncio.Event(), on_event=lambda _event: None)
    assert KEY not in repr(events)
    assert "c00kie" not in repr(events)
    head = Head(run_id="r", target="shop", trigger="manual", started_at="2026-01-01T00:00:00.000+00:00")
    return derive(head, Expectations(), events)


def taken_back(record: RunRecord) -> list[tuple[str, bool, str]]:
    return [(event.name, event.ok, event.detail) for event in cleaned(record.timeline) if event.resource == "trial"]


def cleaned(events: tuple[AnyEvent, ...]) -> list[CleanedUp]:
    return [event for event in events if isinstance(event, CleanedUp)]


async def test_a_failed_trial_is_taken_back_with_its_cookie_and_the_secret() -> None:
    shop = Shop()
    record = await run(shop)
    assert (record.outcome, record.reason) == (Outcome.FAIL, Reason.TRIAL_REJECTED)
    assert shop.asked == [("t-7", KEY, "c00kie")]
    assert taken_back(record) == [("end", True, "done")]
    assert record.left_behind == ()


async def test_a_clean_up_that_fails_is_told_and_never_judged() -> None:
    record = await run(Shop(end_status=409))
    assert (record.outcome, record.reason) == (Outcome.FAIL, Reason.TRIAL_REJECTED)
    assert record.left_behind == ("clean-up step end: status 409",)


async def test_a_cookie_that_is_no_utf_8_takes_no_verdict_away() -> None:
    async with saying(b"HTTP/1.1 500 x\r\nSet-Cookie: name=M\xfcller\r\nContent-Length: 0\r\n\r\n") as where:
        entry = one_step(f"http://{where}/in")
        plan = plan_of(
            msgspec.structs.replace(entry, cleanup=(Step(name="end", method="DELETE", url=f"http://{where}"),))
        )
        events = await run_child(Order(plan=plan), stop=asyncio.Event(), on_event=lambda _event: None)
    assert [event.reason for event in events if isinstance(event, Stopped)] == [Reason.TRIAL_REJECTED]
    assert [event.detail for event in cleaned(events)] == ["status 500"]


async def test_where_no_trial_came_to_be_there_is_nothing_to_undo() -> None:
    shop = Shop()
    record = await run(shop, start="/nothing")
    assert record.reason is Reason.TRIAL_REJECTED
    assert (shop.asked, cleaned(record.timeline)) == ([], [])


async def test_an_operators_stop_takes_the_trial_back() -> None:
    stop = asyncio.Event()

    def stopping() -> None:
        stop.set()

    shop = Shop(stopping)
    record = await run(shop, stop=stop)
    assert record.reason is Reason.INTERRUPTED
    assert shop.asked == [("t-7", KEY, "c00kie")]
    assert taken_back(record) == [("end", True, "done")]


async def test_a_cancelled_parent_takes_the_trial_back_before_it_goes() -> None:
    reached = asyncio.Event()
    shop = Shop(reached.set)
    others = set(psutil.Process().children())
    running = asyncio.create_task(run(shop))
    await reached.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert shop.asked == [("t-7", KEY, "c00kie")]
    assert set(psutil.Process().children()) <= others


async def test_a_fresh_child_takes_back_the_trial_of_one_that_died() -> None:
    def killing() -> None:
        for process in psutil.Process().children():
            if "prober.child.main" in process.cmdline():
                os.kill(process.pid, signal.SIGKILL)

    shop = Shop(killing)
    record = await run(shop)
    assert (record.outcome, record.reason) == (Outcome.INCONCLUSIVE, Reason.PROBER_CRASH)
    assert shop.asked == [("t-7", KEY, "c00kie")]
    assert taken_back(record) == [("end", True, "done")]


# The steps themselves

KNOWN = Known(variables={"trial": "t-7"})


async def undone(*steps: Step, within: float = 10.0) -> list[tuple[str, bool, str]]:
    plan = plan_of(TrialEntry(steps=(), email=""))
    return [(name, *result) async for name, result in undo(steps, plan, KNOWN, {"key": KEY}, within=within)]


async def test_steps_are_made_in_order_and_one_that_fails_stops_no_other() -> None:
    csrf = {"csrf": Extract(source="json", at="/csrf")}
    async with served(("GET", "/", answering({"csrf": "x"})), ("POST", "/x", answering({}, status=204))) as origin:
        found = await undone(
            Step(name="wrong", method="GET", url=f"{origin}/nowhere", extract={"other": csrf["csrf"]}),
            Step(name="skipped", method="GET", url=origin + "/{{ other }}"),
            Step(name="page", method="GET", url=origin, extract=csrf),
            Step(name="end", method="POST", url=origin + "/{{ csrf }}", expect=(204,)),
        )
    assert found == [("wrong", False, "status 404"), ("page", True, "done"), ("end", True, "done")]


async def test_all_steps_together_have_their_time() -> None:
    over = asyncio.Event()

    async def silent(_request: web.Request) -> web.Response:
        await over.wait()
        return web.Response()

    async with served(("GET", "/", silent)) as origin:
        one = Step(name="one", method="GET", url=origin)
        found = await undone(one, msgspec.structs.replace(one, name="two"), within=0.2)
        over.set()
    late = "the clean-up took longer than 0.2 s"
    assert found == [("one", False, late), ("two", False, late)]


async def test_cookies_handed_on_are_sent_where_their_servers_said() -> None:
    got: list[str | None] = []

    async def handler(request: web.Request) -> web.Response:
        got.append(request.headers.get("Cookie"))
        return web.Response()

    async with served(("GET", "/a", handler), ("GET", "/b", handler)) as origin:
        known = Known(
            cookies=((f"{origin}/a", 'sid="fi rst"; Path=/a'), ("http://other.example/", "sid=other; Path=/"))
        )
        steps = (Step(name="a", method="GET", url=f"{origin}/a"), Step(name="b", method="GET", url=f"{origin}/b"))
        assert [result.ok async for _, result in undo(steps, plan_of(TrialEntry(steps=(), email="")), known, {})] == [
            True,
            True,
        ]
    assert got == ['sid="fi rst"', None]
