"""The direct way in, for targets without a web flow: a room and a token of our own, minted with LiveKit's key."""

import re
from datetime import timedelta

import msgspec
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


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the metadata of a room of ours: which run made it, and of which target."""

    synthetic: bool = True
    run_id: str
    target: str


def mark_of(metadata: str) -> Mark | None:
    """The mark in a room's metadata, if the room is one of ours."""
    try:
        mark = msgspec.convert(read_json(metadata.encode()), Mark)
    except msgspec.ValidationError:
        return None
    return mark if mark.synthetic and re.fullmatch(r"[0-9a-f]{16}", mark.run_id) else None


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
        metadata=msgspec.json.encode(Mark(run_id=run_id, target=target)).decode(),
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
