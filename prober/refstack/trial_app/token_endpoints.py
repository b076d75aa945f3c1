"""The token endpoints that LiveKit's own clients know: the standard one, the starter kits' and the sandbox's.

Source: livekit_token_source.proto; client-sdk-js, src/room/token-source; agent-starter-react, app/api.
"""

import secrets
import time
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from aiohttp import web
from livekit import api

from prober.refstack.faults import Fault
from prober.refstack.trial_app.bad_tokens import spoiled
from prober.refstack.trial_app.connection import Knobs, dispatches
from prober.refstack.trial_app.switchboard import Switchboard

SANDBOX_ID = "reference-1a2b3c"
"""The one sandbox that there is."""

_TOKEN_LIVES = timedelta(minutes=15)


class TokenEndpoints:
    """Tokens for whoever asks; a caller that names no agent gets the product's own."""

    def __init__(self, switchboard: Switchboard, knobs: Knobs) -> None:
        self._switchboard = switchboard
        self._knobs = knobs

    def routes(self) -> Iterable[web.RouteDef]:
        """What is added to the product's routes; a GET for the starter kits is `starter`."""
        return (
            web.post("/api/token", self._standard),
            web.post("/api/connection-details", self.starter),
            web.post("/api/v2/sandbox/connection-details", self._sandbox),
        )

    async def starter(self, request: web.Request) -> web.Response:
        """Answer as the starter kits do, in camelCase."""
        asked = await _asked(request)
        url, room, token = self._session(asked, self._switchboard.fault_of(request))
        return _answer(
            {
                "serverUrl": url,
                "roomName": room,
                "participantName": _text(asked, "participant_name") or "user",
                "participantToken": token,
            }
        )

    async def _standard(self, request: web.Request) -> web.Response:
        url, _, token = self._session(await _asked(request), self._switchboard.fault_of(request))
        return _answer({"server_url": url, "participant_token": token}, status=201)

    async def _sandbox(self, request: web.Request) -> web.Response:
        if request.headers.get("X-Sandbox-ID") != SANDBOX_ID:
            raise web.HTTPNotFound(text="There is no sandbox of this X-Sandbox-ID.")
        return await self.starter(request)

    def _session(self, asked: dict[str, Any], fault: Fault | None) -> tuple[str, str, str]:
        """The server's URL, the room and the token."""
        server = self._switchboard.server_of(fault)
        room = _text(asked, "room_name") or f"room_{round(time.time() * 1000)}_{secrets.token_hex(4)}"
        attributes = _object(asked, "participant_attributes")
        token = (
            api.AccessToken(server.api_key, server.api_secret)
            .with_identity(_text(asked, "participant_identity") or f"user_{secrets.token_hex(4)}")
            .with_name(_text(asked, "participant_name"))
            .with_metadata(_text(asked, "participant_metadata"))
            .with_attributes({name: _text(attributes, name) for name in attributes})
            .with_ttl(_TOKEN_LIVES)
            .with_grants(api.VideoGrants(room_join=True, room=room))
            .with_room_config(api.RoomConfiguration(agents=self._agents(_object(asked, "room_config"), fault)))
        )
        signed = spoiled(token.to_jwt(), fault, secret=server.api_secret, unix_time=int(time.time()))
        return server.url, room, signed

    def _agents(self, config: dict[str, Any], fault: Fault | None) -> list[api.RoomAgentDispatch]:
        agents = config.get("agents")
        if not isinstance(agents, list) or not agents:
            return dispatches(self._knobs, fault)
        return [
            api.RoomAgentDispatch(agent_name=_text(agent, "agent_name"), metadata=_text(agent, "metadata"))
            for agent in agents
            if isinstance(agent, dict)
        ]


async def _asked(request: web.Request) -> dict[str, Any]:
    if not request.can_read_body:
        return {}
    try:
        asked = await request.json()
    except (ValueError, LookupError, RecursionError) as error:
        raise web.HTTPBadRequest(text="The body cannot be read as JSON.") from error
    if not isinstance(asked, dict):
        raise web.HTTPBadRequest(text="The body is no JSON object.")
    return asked


def _text(asked: dict[str, Any], name: str) -> str:
    value = asked.get(name, "")
    if not isinstance(value, str):
        raise web.HTTPBadRequest(text=f"{name} is no text.")
    return value


def _object(asked: dict[str, Any], name: str) -> dict[str, Any]:
    value = asked.get(name, {})
    if not isinstance(value, dict):
        raise web.HTTPBadRequest(text=f"{name} is no JSON object.")
    return value


def _answer(document: dict[str, str], status: int = 200) -> web.Response:
    return web.json_response(document, status=status, headers={"Cache-Control": "no-store"})
