"""The status page over real HTTP: what each path answers, whatever is there and whatever is not."""

import re
import sqlite3
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from prober.core.plan import Scenario
from prober.core.record import RunRecord
from prober.sinks.evidence import Evidence, Limits
from prober.sinks.history import reading
from prober.watch.web.pages import ROUTES, overview
from tests import shown
from tests.edge.web_canary import Client, serving
from tests.shown import NOW, Shown

ABSENT = shown.made("shop", Scenario.JOIN, NOW - 600, shown.absent())
CALL = shown.made("shop", Scenario.CONVERSATION, NOW - 300, shown.conversation(0.5, 0.75, 1.25))


@pytest.fixture
def history(tmp_path: Path) -> Path:
    path = tmp_path / "history.db"
    passes = [shown.made("shop", Scenario.JOIN, NOW - age, shown.join(0.5)) for age in (70, 10)]
    shown.keep(path, [ABSENT, CALL, *passes])
    return path


@pytest.fixture
def canary(history: Path) -> Shown:
    return Shown(shown.status(*shown.both(history, "shop")))


@pytest.fixture
async def client(canary: Shown, tmp_path: Path) -> AsyncIterator[Client]:
    async with serving(canary, tmp_path, routes=ROUTES) as asking:
        yield asking


async def test_the_first_page_answers_in_a_sentence(client: Client) -> None:
    response, body = await client.ask("/")
    assert (response.status, response.content_type) == (200, "text/html")
    assert "An agent joins the call and answers." in body.decode()
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Content-Encoding"] in {"deflate", "gzip"}
    assert "default-src 'none'" in response.headers["Content-Security-Policy"]


async def test_every_link_is_relative_and_leads_somewhere(client: Client, tmp_path: Path) -> None:
    sound = tmp_path / "call.wav"
    shown.recording(sound)
    Evidence(tmp_path / "evidence", Limits()).keep(CALL.run_id, "pass", b"{}", sound)
    waiting, seen = ["/"], {"/"}
    while waiting:
        path = waiting.pop()
        response, body = await client.ask(path)
        assert response.status == 200, path
        if response.content_type != "text/html":
            continue
        html = re.sub(r"<script>.*?</script>", "", body.decode(), flags=re.DOTALL)
        for link in re.findall(r'(?:href|src)="([^"]*)"', html):
            if link == "data:,":
                continue
            assert not link.startswith(("/", "http")), link
            found = response.url.join(type(response.url)(link)).relative().raw_path_qs
            if found not in seen:
                seen.add(found)
                waiting.append(found)
    kinds = {re.sub(r"[0-9a-f]{16}", "ID", path) for path in seen}
    assert kinds >= {"/", "/targets/shop", "/runs/ID", "/runs/ID.json", "/runs/ID.wav", "/targets/shop?window=7d"}
    assert "/targets/shop/join/last-failure" in kinds


async def test_the_last_failure_leads_to_its_run(client: Client, canary: Shown) -> None:
    response, _ = await client.ask("/targets/shop/join/last-failure", allow_redirects=False)
    assert (response.status, response.headers["Location"]) == (302, f"../../../runs/{ABSENT.run_id}")
    older = [msgspec.structs.replace(line, recent=()) for line in canary.told.lines]
    canary.told = shown.status(*older)  # too long ago for the canary's memory: the history knows
    response, body = await client.ask("/targets/shop/join/last-failure")
    assert (response.status, response.url.path) == (200, f"/runs/{ABSENT.run_id}")
    assert "Agent did not join the room." in body.decode()


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/targets/shop/conversation/last-failure", "No run of shop/conversation that is kept has failed."),
        ("/targets/shop/dance/last-failure", "There is no scenario &#39;dance&#39; of a target &#39;shop&#39;."),
        ("/targets/other", "There is no target &#39;other&#39;."),
        ("/runs/0123456789abcdef", "There is no run 0123456789abcdef in the history."),
        ("/runs/..%2f..%2fetc%2fpasswd", "is no run: a run id has 16 digits of 0-9 and a-f."),
        ("/runs/0123456789ABCDEF", "is no run: a run id has 16 digits of 0-9 and a-f."),
    ],
)
async def test_what_is_not_there_is_told_in_a_sentence(client: Client, path: str, sentence: str) -> None:
    status, body = await client.text(path)
    assert (status, sentence in body) == (404, True), body


async def test_a_run_with_sound_shows_and_plays_it(client: Client, tmp_path: Path) -> None:
    sound = tmp_path / "call.wav"
    shown.recording(sound)
    body = sound.read_bytes()
    Evidence(tmp_path / "evidence", Limits()).keep(CALL.run_id, "pass", b"{}", sound)
    _, page = await client.text(f"/runs/{CALL.run_id}")
    assert page.count('class="wave') == 2
    assert f'src="{CALL.run_id}.wav"' in page
    part, heard = await client.ask(f"/runs/{CALL.run_id}.wav", headers={"Range": "bytes=100-199"})
    assert (part.status, heard) == (206, body[100:200])


async def test_a_run_without_sound_says_so(client: Client, tmp_path: Path) -> None:
    _, page = await client.text(f"/runs/{CALL.run_id}")
    assert "There is no recording of this run:" in page
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"RIFF")
    Evidence(tmp_path / "evidence", Limits()).keep(CALL.run_id, "pass", b"{}", broken)
    _, page = await client.text(f"/runs/{CALL.run_id}")
    assert "The recording of this run cannot be read" in page
    assert "<audio" not in page


async def test_a_record_of_another_version_is_shown_as_it_stands(client: Client, history: Path) -> None:
    strange = b'{"schema": "livekit-prober/run/9", "message": "<b>new</b>"}'
    with sqlite3.connect(history) as connection:
        connection.execute("UPDATE runs SET record = ? WHERE run_id = ?", (zlib.compress(strange), CALL.run_id))
    status, page = await client.text(f"/runs/{CALL.run_id}")
    assert status == 200
    assert "Another version of this program has written this run" in page
    assert "&lt;b&gt;new&lt;/b&gt;" in page


async def test_a_run_that_only_evidence_still_holds_has_its_page(client: Client, tmp_path: Path) -> None:
    gone: RunRecord = msgspec.structs.replace(ABSENT, run_id="f" * 16)
    Evidence(tmp_path / "evidence", Limits()).keep(gone.run_id, "fail", msgspec.json.encode(gone), None)
    status, page = await client.text(f"/runs/{gone.run_id}")
    assert (status, "Agent did not join the room." in page) == (200, True)


async def test_without_a_history_the_answer_still_stands_and_the_rest_says_why(client: Client, history: Path) -> None:
    history.unlink()
    status, page = await client.text("/")
    assert (status, "An agent joins the call and answers." in page) == (200, True)
    status, page = await client.text("/targets/shop")
    assert (status, "There is no history to show: The history" in page) == (200, True)
    for path in (f"/runs/{CALL.run_id}", "/targets/shop/conversation/last-failure"):
        status, page = await client.text(path)
        assert (status, "there is no such file" in page) == (503, True)


async def test_the_window_is_one_of_those_that_are_offered(client: Client) -> None:
    _, page = await client.text("/targets/shop?window=1h")
    assert '<a href="?window=1h" aria-current="true">' in page
    _, page = await client.text("/targets/shop?window=<script>")
    assert '<a href="?window=6h" aria-current="true">' in page


async def test_the_page_and_the_health_check_agree_on_a_standstill(client: Client, canary: Shown) -> None:
    for age in (599.9, 600.0):
        canary.told = msgspec.structs.replace(canary.told, heartbeat_age=age)
        healthy = (await client.text("/-/healthy"))[0] == 200
        assert healthy is not any("stood still" in one for one in overview.troubles(canary.told))
    assert not healthy


async def test_looking_at_pages_changes_nothing(client: Client, history: Path) -> None:
    before = history.read_bytes()
    for path in ("/", "/targets/shop", f"/runs/{CALL.run_id}"):
        status, _ = await client.text(path, "HEAD")
        assert status == 200
        status, _ = await client.text(path, "POST")
        assert status == 405
    with reading(history) as kept:
        assert kept.document(CALL.run_id) == msgspec.json.encode(CALL)
    assert history.read_bytes() == before
