"""The direct way in, for targets without a web flow: a room and a token of our own, minted with LiveKit's key."""

from datetime import timedelta

from livekit import api
from yarl import URL

from prober.core.events import SessionGranted
from prober.core.plan import ApiKey, DirectEntry, Session
from prober.core.words import place
from prober.recorder import Recorder

LIFETIME = timedelta(minutes=15)

# Seconds a room outlives its callers when clean-up could not delete it: an agent in it costs until then.
EMPTY_TIMEOUT = 60
DEPARTURE_TIMEOUT = 5


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
    `lk.simulator` is never set: an agent shuts down when such a participant leaves.
    """
    room = f"synthetic-{target}-{unix_ms}-{random}"
    agents = [api.RoomAgentDispatch(agent_name=entry.agent_name)] if entry.agent_name else []
    token = (
        api.AccessToken(key.key, key.secret)
        .with_identity(f"synthetic-{random[:8]}")
        .with_attributes({"synthetic": "true", "probe.run_id": run_id})
        .with_ttl(LIFETIME)
        .with_grants(api.VideoGrants(room_join=True, room=room, can_publish_sources=["microphone"]))
        .with_room_config(
            api.RoomConfiguration(agents=agents, empty_timeout=EMPTY_TIMEOUT, departure_timeout=DEPARTURE_TIMEOUT)
        )
        .to_jwt()
    )
    recorder.record(SessionGranted(at=recorder.elapsed(), server=place(URL(entry.url)).rstrip("/"), room=room))
    return Session(url=entry.url, room=room, token=token)
