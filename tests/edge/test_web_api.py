"""The JSON API, over a real history and real evidence."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from prober.core.record import RunRecord
from prober.sinks.entries import Query
from prober.sinks.evidence import Evidence, Limits
from prober.sinks.history import reading, writing
from prober.watch.web.questions import MOST
from tests.edge.kept_runs import FAIL, INCONCLUSIVE, PASS, run, runs
from tests.edge.web_canary import CALL, SHOP, Client, SmallCanary, line, serving


def keep(folder: Path, *records: RunRecord) -> list[str]:
    """The ids of these runs, which are in the history now."""
    with writing(folder / "history.db") as history:
        for record in records:
            history.record(record)
    return [record.run_id for record in records]


async def asked(client: Client, path: str) -> Any:
    response, body = await client.ask(path)
    assert (response.status, response.content_type) == (200, "application/json"), body
    return json.loads(body)


def ids(page: Any) -> list[str]:
    return [one["run_id"] for one in page["runs"]]


async def test_runs_are_listed_as_the_record_tells_them(tmp_path: Path) -> None:
    record = run(FAIL, target="shop")
    keep(tmp_path, record)
    async with serving(SmallCanary(), tmp_path) as client:
        (told,) = (await asked(client, "/api/v1/runs"))["runs"]
        whole = await asked(client, f"/api/v1/runs/{record.run_id}")
    assert msgspec.convert(whole, RunRecord) == record
    same = ("run_id", "target", "scenario", "trigger", "outcome", "reason", "labels")
    assert {name: told[name] for name in same} == {name: whole[name] for name in same}
    assert told["seconds"] == record.seconds
    assert told["started_at"][:19] == whole["started_at"][:19]
    assert told["measurements"]["agent_join"]["values"] == [record.measurements.agent_join]
    assert told.keys() == {*same, "seconds", "started_at", "measurements"}


@pytest.mark.parametrize("limit", [1, 3, 4, 5, 100])
async def test_pages_hold_every_run_once_newest_first(tmp_path: Path, limit: int) -> None:
    # Two began at the same moment, and the wall clock stepped back in between.
    kept = keep(tmp_path, *(run(minute=minute) for minute in (1, 2, 2, 0, 3)))
    seen, path = [], f"/api/v1/runs?limit={limit}"
    async with serving(SmallCanary(), tmp_path) as client:
        page = await asked(client, path)
        seen += ids(page)
        while page["next"] is not None:
            assert len(page["runs"]) == limit
            page = await asked(client, f"{path}&before={page['next']}")
            assert page["runs"]
            seen += ids(page)
    assert seen == kept[::-1]


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("outcome=fail", [1]),
        ("outcome=pass", [3, 0]),
        ("reason=prober_offline", [2]),
        ("target=other", [3]),
        ("scenario=join&target=shop", [2, 1, 0]),
        ("trigger=confirm", [1]),
        ("since=2026-01-01T00:01", [3, 2, 1]),
        ("since=2026-01-01T00:01Z&until=2026-01-01T02:03%2B02:00", [2, 1]),
        ("since=2999-01-01", []),
        ("since=9999w", [3, 2, 1, 0]),
        ("limit=2", [3, 2]),
    ],
)
async def test_runs_are_found_by_what_is_asked(tmp_path: Path, question: str, found: list[int]) -> None:
    likes = ((PASS, "shop", "scheduled"), (FAIL, "shop", "confirm"), (INCONCLUSIVE, "shop", "scheduled"))
    made = [run(like, minute=n, target=name, trigger=why) for n, (like, name, why) in enumerate(likes)]
    made = [msgspec.structs.replace(one, scenario="join") for one in (*made, run(PASS, minute=3, target="other"))]
    kept = keep(tmp_path, *made)
    async with serving(SmallCanary(), tmp_path) as client:
        assert ids(await asked(client, f"/api/v1/runs?{question}")) == [kept[number] for number in found]


@pytest.mark.parametrize(
    ("question", "why"),
    [
        ("limit=0", f"The parameter limit is a whole number from 1 to {MOST}."),
        (f"limit={MOST + 1}", f"The parameter limit is a whole number from 1 to {MOST}."),
        ("limit=%D9%A3", f"The parameter limit is a whole number from 1 to {MOST}."),
        ("outcome=good", "The parameter outcome is one of pass, fail, inconclusive."),
        ("target=Shop", "The parameter target is a target's name: small letters, digits and hyphens."),
        ("before=x", "The parameter before is a run's id: 16 digits of 0-9 and a-f."),
        ("before=0123456789abcdef", "The parameter before names no run that is kept; begin again without it."),
        ("since=nan", "The parameter since is a time such as 30m, 24h or 7d, or a date such as 2026-01-31T12:00Z."),
        ("limit=1&limit=2", "The parameter limit is given twice."),
        (
            "taget=shop",
            "The parameters of this path are target, scenario, trigger, outcome, reason, before, limit, since, until.",
        ),
    ],
)
async def test_what_is_not_understood_is_said(tmp_path: Path, question: str, why: str) -> None:
    keep(tmp_path, run())
    async with serving(SmallCanary(), tmp_path) as client:
        assert await client.text(f"/api/v1/runs?{question}") == (400, f"{why}\n")


names = st.sampled_from(["target", "scenario", "outcome", "reason", "trigger", "since", "until", "before", "limit"])
pieces = st.one_of(st.binary(max_size=30), st.text(max_size=12).map(lambda text: text.encode(errors="replace")))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.lists(st.tuples(st.one_of(names.map(str.encode), pieces), pieces), max_size=4))
@example([(b"since", b"0001-01-01T00:00+23:59")])
@example([(b"until", b"9999-12-31T23:59:59.999999-23:59")])
@example([(b"limit", b"9" * 5000)])
@example([(b"target", b"x' OR 1=1 --")])
async def test_no_question_does_harm(tmp_path: Path, parameters: list[tuple[bytes, bytes]]) -> None:
    if not (tmp_path / "history.db").exists():
        keep(tmp_path, run())
    canary, query = SmallCanary(), "&".join("=".join(map(quote_from_bytes, pair)) for pair in parameters)
    async with serving(canary, tmp_path, probe=True) as client:
        listed, text = await client.text(f"/api/v1/runs?{query}")
        refused, why = await client.text(f"/probe?{query}")
    assert listed in {200, 400}
    assert refused == 400
    assert not canary.probed
    for sentence in (why, *([text] if listed == 400 else [])):
        assert re.fullmatch(r"[^\n]+\.\n", sentence)


async def test_how_the_canary_stands(tmp_path: Path) -> None:
    record = run(FAIL, target="shop", minute=1)
    keep(tmp_path, record)
    with reading(tmp_path / "history.db") as history:
        (last,) = history.runs(Query())
    lines = (line(SHOP, last=last, last_judged=last, failures=2, message="Agent left.", recent=(last,)), line(CALL))
    async with serving(SmallCanary(lines=lines), tmp_path) as client:
        told = await asked(client, "/api/v1/status")
    first, second = told.pop("lines")
    assert told.items() >= {"version": "1.2.3", "now": "2027-01-15T08:00:00.000+00:00", "stopping": False}.items()
    assert told["history"]["trouble"] is None
    assert (first["target"], first["scenario"], second["scenario"]) == ("shop", "join", "conversation")
    assert (first["failures"], first["message"]) == (2, "Agent left.")
    assert first["last"]["run_id"] == first["last_judged"]["run_id"] == record.run_id
    assert (first["last_passed"], second["last"]) == (None, None)


async def test_a_history_that_cannot_be_read_is_the_canarys_trouble(tmp_path: Path) -> None:
    async with serving(SmallCanary(), tmp_path) as client:
        for path in ("/api/v1/runs", "/api/v1/runs/0123456789abcdef", "/runs/0123456789abcdef.json"):
            status, text = await client.text(path)
            assert status == 503
            assert "cannot be used: there is no such file" in text


async def test_a_record_is_found_in_the_evidence_when_the_history_let_it_go(tmp_path: Path) -> None:
    keep(tmp_path, run())
    record = run(FAIL)
    Evidence(tmp_path / "evidence", Limits()).keep(record.run_id, "fail", msgspec.json.encode(record), None)
    async with serving(SmallCanary(), tmp_path) as client:
        assert msgspec.convert(await asked(client, f"/runs/{record.run_id}.json"), RunRecord) == record
        assert await client.text("/runs/0123456789abcdef.json") == (404, "No run of this id is kept.\n")
        assert await client.text(f"/runs/{record.run_id}.wav") == (
            404,
            "No recording of a run of this id is kept.\n",
        )


async def test_a_recording_is_played_also_in_parts(tmp_path: Path) -> None:
    keep(tmp_path, *runs("p"))
    record, sound = run(FAIL), bytes(range(256)) * 40
    heard = tmp_path / "heard.wav"
    heard.write_bytes(sound)
    Evidence(tmp_path / "evidence", Limits()).keep(record.run_id, "fail", b"{}", heard)
    path = f"/runs/{record.run_id}.wav"
    async with serving(SmallCanary(), tmp_path) as client:
        whole, body = await client.ask(path)
        part, some = await client.ask(path, headers={"Range": "bytes=100-199"})
        beyond, _ = await client.ask(path, headers={"Range": "bytes=99999999-"})
        again, _ = await client.ask(path, headers={"If-None-Match": whole.headers["ETag"]})
    assert (whole.status, whole.content_type, body) == (200, "audio/wav", sound)
    assert (part.status, some) == (206, sound[100:200])
    assert (beyond.status, again.status) == (416, 304)
    assert whole.headers["Cache-Control"] == "private, no-cache"
