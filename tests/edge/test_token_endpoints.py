"""The reference product's token endpoints, asked as the prober asks and as LiveKit's clients do."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import jwt
import pytest

from prober.core.entries import token_steps
from prober.core.plan import TrialEntry
from prober.core.reasons import Reason
from prober.refstack.trial_app.app import TrialApp
from prober.refstack.trial_app.connection import Knobs
from prober.refstack.trial_app.token_endpoints import SANDBOX_ID
from tests.edge.products import recorder, refused, walked
from tests.edge.test_trial_app import SECRET, Server


@pytest.fixture
async def app() -> AsyncIterator[TrialApp]:
    knobs = Knobs(agent_name="receptionist", agent_metadata="own")
    async with TrialApp(server=Server(), knobs=knobs, progress=lambda _: None) as running:
        yield running


async def granted(entry: TrialEntry) -> dict[str, Any]:
    session = await walked(entry, recorder())
    claims: dict[str, Any] = jwt.decode(session.token, SECRET, algorithms=["HS256"])
    assert (session.url, session.room) == ("ws://127.0.0.1:9", claims["video"]["room"])
    return claims


async def test_the_standard_endpoint_does_as_it_is_asked(app: TrialApp) -> None:
    claims = await granted(
        token_steps(
            f"{app.url}/api/token",
            room="canary-{{ run_id }}",
            agent_name="support",
            agent_metadata='{"a": {"b": 1}}',
            participant_name="Robot",
            participant_metadata="{}",
        )
    )
    assert claims["video"]["room"] == "canary-run-1234"
    assert (claims["sub"], claims["name"], claims["metadata"]) == ("synthetic-0a1b2c3d", "Robot", "{}")
    assert claims["attributes"] == {"synthetic": "true", "probe.run_id": "run-1234"}
    assert claims["roomConfig"]["agents"] == [{"agentName": "support", "metadata": '{"a": {"b": 1}}'}]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_starter_kits_endpoint(app: TrialApp, method: str) -> None:
    claims = await granted(token_steps(f"{app.url}/api/connection-details", method=method))
    assert claims["roomConfig"]["agents"] == [{"agentName": "receptionist", "metadata": "own"}]
    assert claims["sub"].startswith("synthetic-" if method == "POST" else "user_")


async def test_a_sandbox_knows_its_id(app: TrialApp) -> None:
    url = f"{app.url}/api/v2/sandbox/connection-details"
    await granted(token_steps(url, sandbox_id=SANDBOX_ID, agent_name="support"))
    error = await refused(token_steps(url, sandbox_id="another"))
    assert (error.reason, str(error)) == (
        Reason.TRIAL_REJECTED,
        "step token: status 404, saying: There is no sandbox of this X-Sandbox-ID.",
    )


async def test_fields_by_pointer(app: TrialApp) -> None:
    url = f"{app.url}/api/connection-details"
    await granted(token_steps(url, server_url_at="/serverUrl", token_at="/participantToken", room_at="/roomName"))
    error = await refused(token_steps(url, token_at="/data/jwt"))
    assert (error.reason, str(error)) == (
        Reason.TRIAL_MALFORMED,
        "step token: the answer has no text at /data/jwt (application/json)",
    )


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"nonsense", "The body cannot be read as JSON."),
        (b"[]", "The body is no JSON object."),
        (b'{"room_name": 7}', "room_name is no text."),
        (b'{"room_config": []}', "room_config is no JSON object."),
        (b'{"participant_attributes": {"a": 1}}', "a is no text."),
    ],
)
async def test_a_request_that_cannot_be_read(app: TrialApp, body: bytes, words: str) -> None:
    async with aiohttp.ClientSession() as web, web.post(f"{app.url}/api/token", data=body) as answer:
        assert (answer.status, await answer.json()) == (400, {"error": words})
