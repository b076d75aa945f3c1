"""Whatever a token is made of, it is read or refused in words that do not hold it."""

import base64
import time
import traceback

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st

from prober.core.plan import Session
from prober.core.reasons import Reason, RunFault
from prober.entry.token import examine
from prober.recorder import Recorder
from tests.fuzz.anything import as_json

NOW = 1_700_000_000.0
HEADER = {"alg": "HS256", "typ": "JWT", "kid": "1"}
CLAIMS = {
    "iss": "key",
    "sub": "caller",
    "jti": "caller",
    "exp": NOW + 900,
    "nbf": NOW,
    "kind": "standard",
    "video": {
        "room": "trial_7",
        "roomJoin": True,
        "canPublish": True,
        "canSubscribe": True,
        "canPublishSources": ["microphone"],
        "hidden": False,
    },
    "roomConfig": {"agents": [{"agentName": "support"}]},
}


def part(body: bytes) -> str:
    return base64.urlsafe_b64encode(body).rstrip(b"=").decode()


@example(
    parts=(part(b'{"alg": "HS256"}'), part(b'{"sub": "\\ud800", "video": {"room": "trial_7", "roomJoin": true}}'), ""),
    room="trial_7",
    speaks=False,
)
@given(
    parts=st.tuples(as_json([HEADER]).map(part), as_json([CLAIMS]).map(part), st.binary(max_size=32).map(part)),
    room=st.sampled_from(["trial_7", "x"]),
    speaks=st.booleans(),
)
def test_any_token_is_read_or_refused(parts: tuple[str, str, str], room: str, speaks: bool) -> None:
    to, token = Recorder(time.monotonic, lambda _event: None), ".".join(parts)
    told = ""
    try:
        claims = examine(Session(url="wss://livekit.example", room=room, token=token), to, now=NOW, speaks=speaks)
    except RunFault as fault:
        assert fault.reason is Reason.TOKEN_INVALID
        assert str(fault).isprintable()
        told = "".join(traceback.format_exception(fault))
    else:
        told = msgspec.json.encode((claims.room, claims.identity, claims.agents)).decode()
    told += msgspec.json.encode(to.events).decode()
    assert token not in told
    assert len(parts[1]) < 40 or parts[1] not in told
