"""Whatever bytes a product answers with, a trial ends in a session or in a fault of the product, without a secret."""

import asyncio
import contextlib
import time
import traceback
from collections.abc import AsyncIterator

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from prober.child.messages import Owes
from prober.core.events import HttpMoment
from prober.core.plan import Allowed, Extract, SessionAt
from prober.core.reasons import Reason, RunFault
from prober.core.templates import Known
from prober.entry.token import examine
from prober.recorder import Recorder
from tests.edge.products import DETAILS, EMAIL, TOKEN, one_step, walked
from tests.fuzz.anything import FEWER, HOSTILE, as_json, damaged

COOKIE = "c00kie-s3cr3t"
THEIRS = {
    Reason.TRIAL_MALFORMED,
    Reason.TRIAL_REJECTED,
    Reason.TRIAL_UNREACHABLE,
    Reason.TOKEN_INVALID,
    Reason.PROBER_THROTTLED,
}
PAGE = f'<form action="/go?csrf={COOKIE}"><input type=hidden name="v" value="{TOKEN}"></form>'.encode()
STATUSES = ("200 OK", "200", "201 x", "204 x", "302 x", "303 x", "304 x", "401 x", "429 x", "500 x", "99 x", "x", "")
PLACES = (
    "/",
    "?v=x",
    "//[::1",
    "http://u:p@127.0.0.1:9/",
    "http://127.0.0.1:9/?v=1",
    "/k\xe4se",
    "//k\xe4se",
    "ftp://x/",
    "javascript:1",
)
HEADERS = {
    "Content-Type": ("text/html", "application/json; charset=utf-7", "text/html; charset=\xff", "x" * 9000, ";;;"),
    "Content-Length": ("0", "5", "-1", "99999999999999999999", "x"),
    "Content-Encoding": ("gzip", "deflate", "br", "x"),
    "Transfer-Encoding": ("chunked", "x", "chunked, chunked"),
    "Set-Cookie": (
        f"v={COOKIE}; Path=/",
        f'v="{COOKIE}\\',
        f"v={COOKIE}; Domain=com; Expires=x",
        ";=;",
        "\xe9=\x01",
        f"v={COOKIE}\xfc",
        'v="\\012"',
    ),
    "Location": PLACES,
    "v": (TOKEN, "x", *(text.replace("\n", " ") for text in HOSTILE if text.isascii())),
}
EXTRACTS = (
    Extract(source="json", at="/participantToken"),
    Extract(source="json", at="/0/x"),
    *(Extract(source=source, at="v") for source in ("header", "query", "cookie", "field")),
    Extract(source="regex", at=r"csrf=([^\"]*)"),
)


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """What comes over the connection until it is closed."""
    body = draw(as_json([DETAILS, {"error": f"no seat for {EMAIL}, {TOKEN}"}]) | damaged(st.just(PAGE)))
    named = draw(st.lists(st.sampled_from(list(HEADERS)), max_size=4))
    lines = [f"{name}: {draw(st.sampled_from(HEADERS[name]))}" for name in named]
    head = "\r\n".join([f"HTTP/1.1 {draw(st.sampled_from(STATUSES))}", *lines, "", ""])
    return draw(damaged(st.just(head.encode("latin-1", "replace")))) + body


@contextlib.asynccontextmanager
async def saying(answer: bytes) -> AsyncIterator[str]:
    """The origin of a product that says this to everybody."""

    async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answered, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@FEWER
@given(answer=answers(), extract=st.none() | st.sampled_from(EXTRACTS))
async def test_any_answer_is_a_session_or_the_products_fault(answer: bytes, extract: Extract | None) -> None:
    to, tells = Recorder(time.monotonic, lambda _event: None), list[Known]()
    async with saying(answer) as origin:
        entry = one_step(f"{origin}/in", extract={} if extract is None else {"v": extract})
        again = msgspec.structs.replace(
            entry.steps[0], name="again", headers={} if extract is None else {"V": "{{ v }}"}
        )
        entry = msgspec.structs.replace(entry, steps=(*entry.steps, again), cleanup=entry.steps)
        if extract is not None:
            entry = msgspec.structs.replace(entry, session=SessionAt(server_url="wss://127.0.0.1", token="{{ v }}"))
        try:
            session = await walked(entry, to, told=tells.append, allowed=Allowed(hosts=("127.0.0.1",)))
            examine(session, to, now=0.0, speaks=True)
        except RunFault as fault:
            assert fault.reason in THEIRS, fault
            assert str(fault).isprintable()
            told = "".join(traceback.format_exception(fault))
        else:
            told = repr(session)
            msgspec.json.encode(session)
    for known in tells:  # it goes over the pipe
        assert msgspec.json.decode(msgspec.json.encode(Owes(trial=known)), type=Owes).trial == known
    told += msgspec.json.encode(to.events).decode()
    assert all(event.detail.isprintable() for event in to.events if isinstance(event, HttpMoment))
    for secret in (TOKEN, TOKEN.split(".")[1], EMAIL, COOKIE):
        assert secret not in told
