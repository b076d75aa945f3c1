"""Whatever a worker's log holds, what is told of a run is short, of a known cause and without a secret."""

import json
from collections.abc import Iterable
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from prober.core.events import AgentLogged, AgentLogQuiet
from prober.diagnosis.agent_log import AgentLog
from prober.diagnosis.known_causes import KNOWN
from prober.diagnosis.log_source import Lines
from tests.agent_logs.recorded import RECORDED
from tests.fuzz.anything import HOSTILE, as_json, damaged

ROOM = "trial_room"
SECRETS = (
    "sk-proj-4f9a8b7c6d5e4f3a2b1c0d",
    "someone@example.com",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl",
    "sid=c00kie0123456789abcdef",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "Bearer abcDEF123/ghi456+jkl789==",
    "api_key=sk_abc123",
    "signing_key='hunter2abc'",
    "cookie: a=b1c2; d=e3f4",
)
SPOKEN = "my code is four two"
UNSPOKEN = f"APIError: no audio frames were pushed for text: x\n{SPOKEN}\n{SPOKEN}"
CAUSES = {known.cause for known in KNOWN}
UNKNOWN = {"level": "ERROR", "name": "livekit.agents"}
CRASHED = "unhandled exception while running the job task"
LINES = [json.loads(line) for name in RECORDED for line in RECORDED[name] if line.startswith("{")]
LINES = [json.loads(json.dumps(line).replace(line.get("room", ROOM), ROOM)) for line in LINES]
WRITTEN = (
    *("\n", " ", "\n  ", "x" * 150, "y " * 90, "z." * 9000, "Error: ", "ImportError: ", "KeyError: '", "_API_KEY'"),
    *("API key ", "openai.APIStatusError: ", "status_code=401", 'livekit/plugins/openai/tts.py", line 7', *HOSTILE),
)


@st.composite
def said(draw: st.DrawFn, endings: tuple[str, ...] = ("",)) -> bytes:
    """An exception in which secrets stand anywhere, as a line, known or not; it has one of these endings."""
    parts = draw(st.lists(st.sampled_from((*WRITTEN, *SECRETS)), max_size=8))
    where = draw(st.sampled_from(({"room": ROOM}, {"room_name": ROOM}, {"job_id": SECRETS[1]}, {"job_id": "AJ_1"}, {})))
    written = "".join((*parts, draw(st.sampled_from(endings))))
    if draw(st.booleans()):
        return json.dumps(
            UNKNOWN | {"message": f"Error in _x {written}", "exc_info": f"APIStatusError: {written}"} | where
        ).encode()
    if draw(st.booleans()):
        return json.dumps({"message": f"{CRASHED}\n{written}"} | where).encode()
    return json.dumps({"message": CRASHED, draw(st.sampled_from(("exc_info", "error"))): written} | where).encode()


@st.composite
def wrapped(draw: st.DrawFn, lines: st.SearchStrategy[bytes]) -> bytes:
    """A line as whatever hands it on writes it, pieces among it."""
    line = draw(lines)
    begun = draw(st.sampled_from((b"", b"", b"T stdout F ", b"T stderr P ", b"[pod/a/b] ", b"agent-1  | ", b"docker")))
    if begun != b"docker":
        return begun + line
    return json.dumps({"log": line.decode(errors="replace")}, separators=(",", ":")).encode()


TAKEN = [{"message": "received job request", "job_id": job, "room": ROOM} for job in ("AJ_1", SECRETS[1])]
LOGS = st.lists(wrapped(as_json([*LINES, *TAKEN]) | said(("", UNSPOKEN)) | damaged(said())), max_size=5)


@example(lines=[b'{"message": "x", "exc_info": ' + b"[" * 100_000, b"x" * 300_000], cuts=[])
@given(lines=LOGS, cuts=st.lists(st.integers(0, 3000), max_size=5))
def test_any_log_tells_of_known_causes_without_a_secret(lines: list[bytes], cuts: list[int]) -> None:
    log = b"\n".join([*lines, b""])
    told = told_by([log])

    assert told == told_by(log[a:b] for a, b in pairwise([0, *sorted(cuts), len(log)]))
    if isinstance(told, AgentLogged):
        assert told.cause in CAUSES
        for words, most in ((told.quote, 120), (told.fix or "", 300), (told.job or "", 120)):
            assert words.isprintable()
            assert len(words) <= most
    assert not [secret for secret in (*SECRETS, SPOKEN) if secret in f"{told}"]


def told_by(pieces: Iterable[bytes]) -> AgentLogged | AgentLogQuiet:
    """What the log tells that comes in these pieces."""
    lines, log = Lines(), AgentLog()
    for piece in pieces:
        for line in lines.feed(piece):
            log.read(line)
    return log.told_of(ROOM, at=1.0)
