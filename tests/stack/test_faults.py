"""Every fault that the reference stack can have, told as what it is; all runs are made at once, then looked at."""

import sys
from collections.abc import Mapping

import msgspec
import pytest
import pytest_asyncio

from prober.core.causes import Cause
from prober.core.events import AgentLogged, ParticipantSeen
from prober.core.record import rederive
from prober.refstack.faults import Fault
from prober.refstack.stack import ReferenceStack
from tests.stack.fault_cells import LONG, Outcome, cells, run_cells, standing

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]

WITHOUT_THE_LOG: Mapping[Fault, Cause] = {
    Fault.WORKER_FULL: Cause.NO_WORKER,
    Fault.MISSING_TTS_KEY: Cause.ASSIGNED_NEVER_JOINED,
    Fault.ASYNC_CALLBACK: Cause.ASSIGNED_NEVER_JOINED,
    Fault.JOB_DIES: Cause.ASSIGNED_NEVER_JOINED,
    Fault.AGENT_CRASHES_AFTER_START: Cause.AGENT_LEFT,
    Fault.TTS_KEY_REFUSED: Cause.SILENT_TRACK,
}
"""Causes as they are found with LiveKit's key alone, of faults of which the worker's log knows more."""


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def outcomes(request: pytest.FixtureRequest) -> Mapping[str, Outcome]:
    """What became of each cell that a test of this session wants."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    names = {item.callspec.params["name"] for item in items if "outcomes" in item.fixturenames}
    wanted = [cell for cell in cells() if cell.name in names]
    async with ReferenceStack(faults=standing(wanted), progress=lambda line: print(line, file=sys.stderr)) as stack:
        return {outcome.cell.name: outcome async for outcome in run_cells(wanted, stack)}


@pytest.mark.parametrize("name", [cell.name for cell in cells() if cell.fault not in LONG])
async def test_it_is_told_as_what_it_is(outcomes: Mapping[str, Outcome], name: str) -> None:
    assert outcomes[name].wrong == ()


@pytest.mark.parametrize("name", WITHOUT_THE_LOG)
async def test_without_the_workers_log_livekits_lists_explain_what_they_can(
    outcomes: Mapping[str, Outcome], name: str
) -> None:
    record = outcomes[name].record
    met = tuple(event for event in record.timeline if not isinstance(event, AgentLogged))
    found = rederive(msgspec.structs.replace(record, timeline=met)).diagnosis
    assert found is not None
    assert found.cause is WITHOUT_THE_LOG[Fault(name)]


@pytest.mark.parametrize("name", [Fault.TWO_AGENTS])
async def test_the_first_of_two_agents_is_measured_and_both_are_recorded(
    outcomes: Mapping[str, Outcome], name: str
) -> None:
    people = outcomes[name].record.participants
    assert [person.kind for person in people] == ["agent", "agent"]
    assert sorted(person.agent for person in people) == [False, True]


@pytest.mark.parametrize("name", [Fault.AVATAR])
async def test_an_avatar_is_recorded_as_its_agents(outcomes: Mapping[str, Outcome], name: str) -> None:
    record = outcomes[name].record
    (agent,) = [person.identity for person in record.participants if person.agent]
    (avatar,) = [event for event in record.timeline if isinstance(event, ParticipantSeen) and event.identity != agent]
    assert (avatar.kind, avatar.on_behalf_of) == ("agent", agent)
    assert record.measurements.responses[0] is not None or record.prober.turns[0].void


@pytest.mark.parametrize("name", ["healthy, interrupted"])
async def test_a_healthy_agent_yields_to_its_caller(outcomes: Mapping[str, Outcome], name: str) -> None:
    record = outcomes[name].record
    assert record.measurements.yield_time is not None or record.prober.turns[1].void
