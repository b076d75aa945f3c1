"""Real runs against the reference stack, made as the command line makes them: by a child process."""

import asyncio
import json
import uuid
from collections.abc import Callable
from pathlib import Path

import msgspec
from livekit import api

from prober.child.messages import Order
from prober.child.parent import run_child
from prober.core.events import CleanedUp, Event, SessionGranted
from prober.core.plan import (
    Allowed,
    ApiKey,
    DirectEntry,
    Expectations,
    Greeting,
    Limits,
    Plan,
    TrialEntry,
    TurnPlan,
)
from prober.core.record import Head, RunRecord, derive
from prober.core.steps import trial_steps
from prober.refstack.script import Script
from prober.refstack.stack import ReferenceStack

CONVERSATION = Expectations(greeting=Greeting.EXPECTED, turns=(TurnPlan(),))
BESIDE_OTHERS = msgspec.structs.replace(CONVERSATION, limits=Limits(jitter_buffer=0.25))
"""A jitter buffer that other tests have made long voids no number of it."""


def key_of(stack: ReferenceStack) -> ApiKey:
    """The stack's own API key."""
    return ApiKey(url=stack.server.url, key=stack.server.api_key, secret=stack.server.api_secret)


async def make_run(
    stack: ReferenceStack,
    expectations: Expectations = CONVERSATION,
    *,
    entry: TrialEntry | DirectEntry | None = None,
    secrets: dict[str, str] | None = None,
    key: ApiKey | None = None,
    allowed: Allowed | None = None,
    say: tuple[str, ...] | None = None,
    on_event: Callable[[Event], None] = lambda _event: None,
    stop: asyncio.Event | None = None,
    recording: Path | None = None,
) -> RunRecord:
    """One run through the stack's trial door, or another one, its room deleted afterwards."""
    plan = Plan(
        run_id=uuid.uuid4().hex[:16],
        target="reference",
        entry=entry or trial_steps(stack.trial_url),
        allowed=allowed or Allowed(),
        say=("en-hours",) * len(expectations.turns) if say is None else say,
        expectations=expectations,
        recording=None if recording is None else str(recording),
    )
    order = Order(plan=plan, key=key or key_of(stack), secrets=secrets or {})
    events = await run_child(order, stop=stop or asyncio.Event(), on_event=on_event)
    head = Head(run_id=plan.run_id, target=plan.target, trigger="manual", started_at="2026-01-01T00:00:00.000+00:00")
    return derive(head, plan.expectations, events)


async def make_scripted_run(
    stack: ReferenceStack, script: Script, expectations: Expectations, *, say: tuple[str, ...], door: asyncio.Lock
) -> RunRecord:
    """One run whose agent does this, beside others.

    Whoever holds the `door` decides what the product's next agent does, until the call has its token.
    """
    granted = asyncio.Event()

    def watch(event: Event) -> None:
        if isinstance(event, SessionGranted):
            granted.set()

    async with door:
        stack.knobs.agent_metadata = script.to_json()
        running = asyncio.create_task(make_run(stack, expectations, say=say, on_event=watch))
        await asyncio.wait_for(granted.wait(), 15)
    return await running


async def rooms(stack: ReferenceStack) -> set[str]:
    """The names of the rooms that LiveKit has now."""
    async with api.LiveKitAPI(
        stack.server.url.replace("ws", "http", 1), stack.server.api_key, stack.server.api_secret
    ) as livekit:
        return {room.name for room in (await livekit.room.list_rooms(api.ListRoomsRequest())).rooms}


def deleted(stack: ReferenceStack) -> set[str]:
    """The names of the rooms that LiveKit deleted because it was asked to: it closes an empty room by itself too."""
    told = stack.server.log.read_text(encoding="utf-8").splitlines()
    asked = (json.loads(line) for line in told if '"RoomService","method":"DeleteRoom"' in line)
    return {line["room"] for line in asked if line["status"] == "200"}


def assert_cleaned_up(record: RunRecord) -> None:
    """The run's room was deleted, by whoever was left to do it."""
    deleted = [event for event in record.timeline if isinstance(event, CleanedUp) and event.resource == "room"]
    assert [(event.name, event.ok) for event in deleted] == [(record.room, True)]
    assert record.left_behind == ()
