"""The direct way in, for targets without a web flow: a room and a token of our own, minted with LiveKit's key."""

import json
import re
from datetime import timedelta
from types import MappingProxyType

from livekit import api
from yarl import URL

from prober.core.events import SessionGranted
from prober.core.plan import ApiKey, DirectEntry, Session
from prober.core.templates import fill, fill_all
from prober.core.words import place, read_json
from prober.recorder import Recorder

LIFETIME = timedelta(minutes=15)

# Seconds a room outlives its callers when clean-up could not delete it: an agent in it costs until then.
EMPTY_TIMEOUT = 60
DEPARTURE_TIMEOUT = 5

MARK = MappingProxyType({"synthetic": True})
"""In the metadata of a room of ours, beside the run's id."""


def is_marked(metadata: str) -> bool:
    """Whether a room with this metadata is one of ours."""
    found = read_json(metadata.encode())
    if not isinstance(found, dict) or any(found.get(key) is not value for key, value in MARK.items()):
        return False
    return re.fullmatch(r"[0-9a-f]{16}", str(found.get("run_id"))) is not None


def grant(
    entry: DirectEntry,
    key: ApiKey,
    target: str,
    run_id: str,
    recorder: Recorder,
    *,
    unix_ms: int,
    random: str,
) -> Session:
    """A session in a fresh room, which the first join creates and to which it calls the agent; asks nobody.

    A named agent is dispatched by the token's room configuration, an unnamed one comes to every new room by itself.
    The room's metadata tells that it is ours. The entry has passed `check_direct`.
    """
    variables = {"run_id": run_id, "unix_ms": str(unix_ms), "random": random, "target": target}
    room = fill(entry.room, variables)
    dispatch = api.RoomAgentDispatch(agent_name=entry.agent_name, metadata=fill(entry.metadata, variables))
    config = api.RoomConfiguration(
        agents=[dispatch] if entry.agent_name else [],
        empty_timeout=EMPTY_TIMEOUT,
        departure_timeout=DEPARTURE_TIMEOUT,
        metadata=json.dumps({**MARK, "run_id": run_id}),
    )
    token = (
        api.AccessToken(key.key, key.secret)
        .with_identity(fill(entry.identity, variables))
        .with_attributes(fill_all(entry.attributes, variables))
        .with_ttl(LIFETIME)
        .with_grants(api.VideoGrants(room_join=True, room=room, can_publish_sources=["microphone"]))
        .with_room_config(config)
        .to_jwt()
    )
    recorder.record(SessionGranted(at=recorder.elapsed(), server=place(URL(entry.url)).rstrip("/"), room=room))
    return Session(url=entry.url, room=room, token=token)
