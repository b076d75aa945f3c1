"""However long a text of others is and whatever it repeats, what is searched in it is found in a moment.

A search holds the interpreter: no deadline ends it, and while it lasts the program does nothing else.
"""

import contextlib
import json
import signal
from collections.abc import Callable, Iterator
from types import FrameType

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from prober.core.words import harmless
from prober.diagnosis.agent_log import AgentLog
from prober.diagnosis.known_causes import recognise

LONG = 1 << 17
WITHIN = 1.0
"""Seconds of the processor, whoever else wants it; a text of this length takes about a tenth of it."""
PARTS = (
    *("x", "?", "%", "%40", "%25", "@", "a@", "/", "/x", ".", "-", "*", "=", "&", "eyJ", "eyJ.", " ", "\n", '"', "é"),
    *("A_", "_KEY", "API key ", "Error: ", "\nError: API key A_", "\nKeyError: 'A_", "RuntimeError: ", "for text: "),
    *("error initializing process\n", "\nTimeoutError", "asyncio.", "failed to connect to livekit, retrying\n"),
    *(
        'livekit/plugins/a/b.py", line ',
        'livekit/agents/inference/tts.py", line ',
        "\nAPIStatusError: ",
        "status_code=40",
    ),
    *("Bearer ", "secret", "api_key=", "K7a/", "K7a+", "'", ":", "://", "cookie=", "input_value=", "sk-", "b'"),
    *(
        "AgentSession is closing due to unrecoverable error: ",
        "(caused by ",
        "WSServerHandshakeError: 401,",
        "message=",
    ),
    *("status_code=429", "status_code=402 ", "status_code=403", "insufficient_quota", "API key not valid"),
    *("Error in _a\n", "APIConnectionError: ", "API", "error in participant entrypoint "),
    *(" set A_KEY", '  File "/os.py", line 1, in __getitem__\n'),
    *("[pod/", "] ", "agent-1  | ", "a-", "-1", "| ", " stdout P ", '{"log":', "{", "[", "\\", "ConnectError"),
    *(
        "&",
        "&#",
        "&#0",
        "&#38;",
        "&amp;",
        "\\u0",
        "\\u0040",
        "%2540",
        "eQ",
        "0",
        "#",
        "#x=",
        "&#64;",
        "%2F",
        "--",
        "--pass ",
        "auth=(",
        "key=",
        "Key",
    ),
)


@contextlib.contextmanager
def soon() -> Iterator[None]:
    """Fails where it takes the processor longer than WITHIN."""

    def over(_number: int, _frame: FrameType | None) -> None:
        pytest.fail(f"it took more than {WITHIN} s")

    before = signal.signal(signal.SIGVTALRM, over)
    signal.setitimer(signal.ITIMER_VIRTUAL, WITHIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def as_lines(text: str) -> None:
    """A worker's, bare and as its exception."""
    log = AgentLog()
    error = {"message": "x", "exc_info": text, "level": "ERROR", "name": "livekit.agents", "room": "r"}
    for line in (text, json.dumps({"message": text, "room": "r"}), json.dumps(error)):
        log.read(line)
    log.told_of("r", at=1.0)


def hiding(text: str) -> None:
    harmless(text, hide=("x" * 99 + "y", "é&x", "%40@", "/x/", '\\"x', *(f"eyJ-{number}" for number in range(20))))


def a_run_of(part: str, length: int) -> str:
    return part * (length // len(part))


@pytest.mark.parametrize("searched", [harmless, hiding, recognise, as_lines])
@settings(max_examples=settings().max_examples // 10)
@example(parts=["x"])
@example(parts=["?"])
@example(parts=["[pod/"])
@example(parts=["error initializing process\n"])
@given(parts=st.lists(st.sampled_from(PARTS), min_size=1, max_size=3))
def test_no_search_takes_long(searched: Callable[[str], object], parts: list[str]) -> None:
    one_by_one = a_run_of("".join(parts), LONG)
    one_after_another = "".join(a_run_of(part, LONG // len(parts)) for part in parts)
    for text in (one_by_one, one_after_another):
        with soon():
            searched(text)
