"""Whatever is asked of the canary's HTTP, it gives an answer of its own, makes no run and logs no trouble."""

from pathlib import Path
from urllib.parse import quote_from_bytes

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prober.sinks.evidence import Evidence
from prober.sinks.evidence import Limits as Room
from prober.watch.web.connections import Limits
from tests.edge.kept_runs import FAIL, run
from tests.edge.test_web_api import keep
from tests.edge.test_web_hardening import connected, ended
from tests.edge.web_canary import SmallCanary, serving
from tests.fuzz.anything import HOSTILE, damaged

KEPT = "0123456789abcdef"
PATHS: tuple[str, ...] = (
    "/",
    "/probe",
    "/metrics",
    "/config",
    "/-/ready",
    "/-/reload",
    "/api/v1/status",
    "/api/v1/runs",
    "/targets/",
)
PATHS += tuple(f"/{place}{KEPT}{end}" for place in ("runs/", "api/v1/runs/") for end in ("", ".json", ".wav"))
PATHS += ("/targets/shop", "/targets/shop/join/last-failure", "/targets/%2e%2e/x/last-failure", "/runs/..%2f..%2fetc")
NAMES = ("target", "scenario", "module", "debug", "outcome", "reason", "trigger", "since", "until", "before", "limit")
VALUES: tuple[str, ...] = (
    "",
    "shop",
    "x' OR 1=1 --",
    "join",
    "true",
    "nan",
    "9" * 5000,
    "0001-01-01T00:00+23:59",
    "7d",
    KEPT,
    *HOSTILE,
)
VALUES += ("9999-12-31T23:59:59.999999-23:59", "1h\n", "\udcff")
HEADERS = {
    "Accept": ("application/openmetrics-text;q=x", ";;;,", "*/*"),
    "Accept-Encoding": ("gzip", "br;q=9", "x"),
    "Authorization": ("Bearer", "Bearer x", "Basic \xff", "Bearer \xff"),
    "Content-Length": ("0", "9", "-1", "9" * 30),
    "Host": ("localhost", "evil.example", "[::1", ""),
    "If-Modified-Since": ("x", "Thu, 01 Jan 1970 00:00:00 GMT", "9" * 40),
    "If-None-Match": ("*", '"', "W/"),
    "Origin": ("null", "https://evil.example"),
    "Range": ("bytes=0-1", "bytes=5-1", "bytes=-" + "9" * 30, "x=1"),
    "X-Prometheus-Scrape-Timeout-Seconds": ("nan", "-1", "1e999", "10", "x"),
}
BRIEF = Limits(first_request=30.0, idle=0.05)
ANSWERS = {200, 206, 302, 304, 400, 401, 403, 404, 405, 413, 416, 417, 429, 503}


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A request on one connection, and its end."""
    values = st.sampled_from(VALUES).map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=20)
    asked = draw(st.lists(st.tuples(st.sampled_from(NAMES) | st.just("x"), values), max_size=3))
    query = "&".join(f"{name}={quote_from_bytes(value)}" for name, value in asked)
    named = draw(st.lists(st.sampled_from(list(HEADERS)), max_size=3))
    lines = [f"{name}: {draw(st.sampled_from(HEADERS[name]))}" for name in ("Host", *named)]
    method = draw(st.sampled_from(("GET", "GET", "GET", "HEAD", "POST", "PUT", "x")))
    target = f"{draw(st.sampled_from(PATHS))}{'?' if asked else ''}{query}"
    head = "\r\n".join([f"{method} {target} HTTP/1.1", *lines, "Connection: close", "", ""])
    return draw(damaged(st.just(head.encode("latin-1", "replace"))))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sent=requests())
async def test_any_request_is_answered(tmp_path: Path, sent: bytes, caplog: pytest.LogCaptureFixture) -> None:
    if not (tmp_path / "history.db").exists():
        record = msgspec.structs.replace(run(FAIL), run_id=KEPT)
        keep(tmp_path, record)
        heard = tmp_path / "heard.wav"
        heard.write_bytes(b"RIFF" + bytes(200))
        Evidence(tmp_path / "evidence", Room()).keep(KEPT, "fail", msgspec.json.encode(record), heard)
    canary = SmallCanary()
    async with (
        serving(canary, tmp_path, probe=True, limits=BRIEF) as client,
        connected(client, sent + b"\r\n\r\n") as (reader, _),
    ):
        said = await ended(reader)
    head, _, body = said.partition(b"\r\n\r\n")
    reset = reader.exception() is not None  # our bytes behind a request that closes may take the answer with them
    if said or (b" HTTP/" in sent and not reset):
        assert int(head.split()[1]) in ANSWERS, head
        assert b"nosniff" in head
        assert b"<img" not in body
    assert all(key.target == "shop" for key, _ in canary.probed)
    assert not [one for one in caplog.records if one.levelno >= 30]
