"""Every way in, run whole: a product that we never saw, LiveKit's token endpoints, and a room of our own."""

import asyncio
import json
import os
import signal
from collections.abc import Mapping

import msgspec
import psutil
import pytest
import pytest_asyncio
from livekit import api

from prober.core.entries import check_direct, token_steps
from prober.core.events import AgentJoined, CleanedUp, Event, ReadyToSpeak, TokenRead
from prober.core.plan import Allowed, DirectEntry, Expectations, Extract, Scenario, SessionAt, Step, TrialEntry
from prober.core.reasons import Outcome, Reason
from prober.core.record import RunRecord
from prober.core.steps import check_entry
from prober.core.timeline import Timeline
from prober.refstack.stack import ReferenceStack
from prober.refstack.trial_app.token_endpoints import SANDBOX_ID
from tests.stack.foreign_app import ACCOUNT_KEY, foreign_product
from tests.stack.runs import assert_cleaned_up, key_of, make_run, rooms

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]

LOOK = Expectations(scenario=Scenario.JOIN, hold=0.2)
SECRETS = {"account_key": ACCOUNT_KEY}


def foreign_entry(origin: str) -> TrialEntry:
    entry = TrialEntry(
        email="probe+{{ run_id }}@example.com",
        steps=(
            Step(
                name="landing",
                method="GET",
                url=f"{origin}/de/",
                extract={"csrf": Extract(source="field", at="_csrf")},
            ),
            Step(
                name="sign-up",
                method="POST",
                url=f"{origin}/de/anmelden",
                headers={"Accept-Language": "de"},
                form={"_lang": "de", "_csrf": "{{ csrf }}", "mail": "{{ email }}"},
                extract={"trial": Extract(source="regex", at=r'href="/gespraech/([\w-]+)\.html"')},
            ),
            Step(
                name="call",
                method="GET",
                url=origin + "/gespraech/{{ trial }}.html",
                extract={
                    "server": Extract(source="regex", at=r'"endpoint": "([^"]+)"'),
                    "jwt": Extract(source="regex", at=r'"jwt": "([^"]+)"'),
                },
            ),
        ),
        session=SessionAt(server_url="{{ server }}", token="{{ jwt }}"),
        cleanup=(
            Step(
                name="end",
                method="DELETE",
                url=origin + "/konto/{{ trial }}",
                headers={"X-Account-Key": "{{ account_key }}"},
                expect=(204,),
            ),
        ),
    )
    check_entry(entry, SECRETS)
    return entry


def changed(entry: TrialEntry, name: str, **changes: object) -> TrialEntry:
    steps = tuple(msgspec.structs.replace(step, **changes) if step.name == name else step for step in entry.steps)
    return msgspec.structs.replace(entry, steps=steps)


def taken_back(record: RunRecord) -> Mapping[str, bool]:
    return {event.name: event.ok for event in Timeline(record.timeline).all(CleanedUp) if event.resource == "trial"}


# A foreign product


async def test_a_product_that_we_never_saw_is_talked_to_and_its_trial_taken_back(stack: ReferenceStack) -> None:
    async with foreign_product(stack.server, stack.worker.agent_name) as (product, origin):
        record = await make_run(
            stack, entry=foreign_entry(origin), secrets=SECRETS, allowed=Allowed(hosts=("127.0.0.1",))
        )
    assert record.outcome is Outcome.PASS, record.message
    assert record.measurements.trial is not None
    assert (None in record.measurements.responses) == (record.prober.turns[0].void is not None), record.prober
    assert (product.trials, len(product.ended)) == ({}, 1)
    assert (taken_back(record), record.left_behind) == ({"end": True}, ())
    for secret in (ACCOUNT_KEY, *product.csrf, *product.csrf.values()):
        assert secret not in msgspec.json.encode(record).decode()


@pytest.mark.parametrize(
    ("step", "changes", "words"),
    [
        ("sign-up", {"form": {"_csrf": "stale", "mail": "{{ email }}"}}, "step sign-up: status 403"),
        ("sign-up", {"form": {"_csrf": "{{ csrf }}", "mail": "nobody"}}, "step sign-up: status 422"),
        ("landing", {"url": "http://localhost:{port}/de/"}, "step sign-up: status 403"),  # its cookie is localhost's
    ],
)
async def test_what_the_product_refuses_is_seen(
    stack: ReferenceStack, step: str, changes: dict[str, object], words: str
) -> None:
    async with foreign_product(stack.server, stack.worker.agent_name) as (product, origin):
        if "url" in changes:
            changes = {"url": str(changes["url"]).format(port=origin.rpartition(":")[2])}
        record = await make_run(stack, LOOK, entry=changed(foreign_entry(origin), step, **changes), secrets=SECRETS)
    assert (record.outcome, record.reason) == (Outcome.FAIL, Reason.TRIAL_REJECTED)
    assert words in record.message
    assert (product.ended, taken_back(record)) == ([], {})


async def test_a_clean_up_that_the_product_refuses_is_told_and_not_judged(stack: ReferenceStack) -> None:
    async with foreign_product(stack.server, stack.worker.agent_name) as (product, origin):
        record = await make_run(stack, LOOK, entry=foreign_entry(origin), secrets={"account_key": "wrong"})
    assert record.outcome is Outcome.PASS, record.message
    assert record.left_behind == ("clean-up step end: status 401",)
    assert len(product.trials) == 1


async def test_a_killed_childs_trial_and_room_are_both_taken_away(stack: ReferenceStack) -> None:
    def kill(event: Event) -> None:
        if isinstance(event, ReadyToSpeak):
            for process in psutil.Process().children(recursive=True):
                if "prober.child.main" in process.cmdline():
                    os.kill(process.pid, signal.SIGKILL)

    async with foreign_product(stack.server, stack.worker.agent_name) as (product, origin):
        record = await make_run(stack, entry=foreign_entry(origin), secrets=SECRETS, on_event=kill)
    assert (record.outcome, record.reason) == (Outcome.INCONCLUSIVE, Reason.PROBER_CRASH)
    assert (product.trials, len(product.ended)) == ({}, 1)
    assert (taken_back(record), record.left_behind) == ({"end": True}, ())
    assert record.room not in await rooms(stack)


async def test_a_livekit_server_that_the_run_may_not_go_to(stack: ReferenceStack) -> None:
    async with foreign_product(stack.server, stack.worker.agent_name) as (product, origin):
        entry = foreign_entry(origin.replace("127.0.0.1", "localhost"))
        record = await make_run(stack, LOOK, entry=entry, secrets=SECRETS, allowed=Allowed(hosts=("localhost",)))
    assert (record.outcome, record.reason) == (Outcome.FAIL, Reason.TRIAL_MALFORMED)
    assert "the session's server is 127.0.0.1, a host that allow.hosts does not name" in record.message
    assert len(product.ended) == 1


# Token endpoints


ENDPOINTS = {
    "standard": ("/api/token", {"room": "canary-{{ run_id }}", "agent_name": "reference-agent"}),
    "starter": ("/api/connection-details", {"agent_name": "reference-agent"}),
    "old starter": ("/api/connection-details", {"method": "GET"}),
    "sandbox": ("/api/v2/sandbox/connection-details", {"sandbox_id": SANDBOX_ID}),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def through_endpoints(stack: ReferenceStack) -> Mapping[str, RunRecord]:
    """A run through each, made at once: most of a run is waiting."""
    ways = (token_steps(stack.trial_url + path, **asked) for path, asked in ENDPOINTS.values())  # type: ignore[arg-type]
    records = await asyncio.gather(*(make_run(stack, LOOK, entry=way) for way in ways))
    return dict(zip(ENDPOINTS, records, strict=True))


@pytest.mark.parametrize("kind", ENDPOINTS)
async def test_a_token_endpoint(through_endpoints: Mapping[str, RunRecord], kind: str) -> None:
    record, asked = through_endpoints[kind], ENDPOINTS[kind][1]
    assert record.outcome is Outcome.PASS, record.message
    assert_cleaned_up(record)
    read = Timeline(record.timeline).first(TokenRead)
    assert read is not None
    assert read.agents == ("reference-agent",)
    if "method" not in asked:
        assert str(read.identity).startswith("synthetic-")
    if "room" in asked:
        assert record.room == f"canary-{record.run_id}"


# A room of our own


async def test_the_direct_way_is_marked_for_server_and_agent(stack: ReferenceStack) -> None:
    key, joined = key_of(stack), asyncio.Event()
    entry = DirectEntry(
        url=stack.server.url,
        agent_name=stack.worker.agent_name,
        room="canary-{{ target }}-{{ run_id }}",
        identity="robot-{{ random }}",
        metadata='{"probe": {"run": "{{ run_id }}"}}',
        attributes={"synthetic": "true", "team": "{{ target }}"},
    )
    check_direct(entry)

    def notice(event: Event) -> None:
        if isinstance(event, AgentJoined):
            joined.set()

    running = asyncio.create_task(
        make_run(stack, msgspec.structs.replace(LOOK, hold=2.0), entry=entry, on_event=notice)
    )
    await asyncio.wait_for(joined.wait(), 30)
    async with api.LiveKitAPI(key.url, key.key, key.secret) as livekit:
        found = (await livekit.room.list_rooms(api.ListRoomsRequest())).rooms
        (room,) = [one for one in found if one.name.startswith("canary-reference-")]
        people = (await livekit.room.list_participants(api.ListParticipantsRequest(room=room.name))).participants
        (dispatch,) = await livekit.agent_dispatch.list_dispatch(room.name)
    record = await running
    assert record.outcome is Outcome.PASS, record.message
    assert room.name == record.room == f"canary-reference-{record.run_id}"
    assert json.loads(room.metadata) == {"synthetic": True, "run_id": record.run_id, "target": "reference"}
    assert (dispatch.agent_name, dispatch.metadata) == (
        stack.worker.agent_name,
        f'{{"probe": {{"run": "{record.run_id}"}}}}',
    )
    (robot,) = [person for person in people if person.identity.startswith("robot-")]
    assert dict(robot.attributes) == {"synthetic": "true", "team": "reference"}
    assert_cleaned_up(record)
    assert record.room not in await rooms(stack)
