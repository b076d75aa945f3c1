"""A history that is damaged, or that somebody has tampered with: a row left out, or one sentence."""

import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

import pytest

from prober.sinks.entries import LARGEST, Query
from prober.sinks.history import reading, writing
from prober.sinks.migrations import UnreadableRunError
from prober.watch.web.pages.handlers import ROUTES
from tests.edge.kept_runs import FAIL, PASS, run
from tests.edge.test_cli import invoke
from tests.edge.test_web_api import asked
from tests.edge.web_canary import SmallCanary, serving

GOOD, BAD = run(FAIL, target="shop"), run(PASS, target="shop")
BOMB = zlib.compress(b" " * (LARGEST + 1))


def damaged(folder: Path, column: str, value: object) -> Path:
    """A history of two runs, in which this stands in the place of the newer one's."""
    path = folder / "history.db"
    with writing(path) as history:
        for record in (GOOD, BAD):
            history.record(record)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f'UPDATE runs SET "{column}" = ? WHERE run_id = ?', (value, BAD.run_id))  # noqa: S608
        connection.commit()
    return path


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("started_at", 1e300),
        ("started_at", float("inf")),
        ("started_at", "x"),
        ("seconds", 1e300),
        ("seconds", "x"),
        ("target", b"\xff"),
        ("outcome", "[/nope]"),
        ("outcome", b"x"),
        ("exit_code", "x"),
        ("reason", b"x"),
        ("tallies", b"x"),
        ("record", "x"),
    ],
)
async def test_a_row_that_is_damaged_is_left_out_with_a_word(column: str, value: object, tmp_path: Path) -> None:
    path = damaged(tmp_path, column, value)
    told = invoke("history", "--db", str(path))
    assert (told.exit_code, told.stdout.splitlines()[0]) == (
        0,
        "Left out: 1 of the history's rows, which is damaged.",
    )
    assert [record.run_id in told.stdout for record in (GOOD, BAD)] == [True, False]
    with reading(path) as history:
        standing = history.standing("shop", GOOD.scenario)
        assert standing.last is not None
        assert standing.last.run_id == GOOD.run_id
        assert len(list(history.documents(Query()))) == 1
    async with serving(SmallCanary(), tmp_path, routes=ROUTES) as client:
        page = await asked(client, "/api/v1/runs?limit=1")
        assert ([each["run_id"] for each in page["runs"]], page["next"]) == ([GOOD.run_id], None)
        for where in ("/", "/targets/shop"):
            answer, _ = await client.ask(where)
            assert answer.status == 200


@pytest.mark.parametrize(
    "value", [BOMB, b"x", b"", "x", BOMB[:-1]], ids=["bomb", "no zlib", "empty", "text", "cut off"]
)
async def test_a_record_that_is_damaged_is_one_sentence(value: object, tmp_path: Path) -> None:
    path = damaged(tmp_path, "record", value)
    with reading(path) as history, pytest.raises(UnreadableRunError, match=f"The history {path} cannot be used: "):
        history.run(BAD.run_id)
    for arguments in ((BAD.run_id,), (BAD.run_id, "--json")):
        told = invoke("history", "--db", str(path), *arguments)
        assert (told.exit_code, told.stderr.count("\n")) == (1, 1), told.stderr
    async with serving(SmallCanary(), tmp_path, routes=ROUTES) as client:
        answer, _ = await client.ask(f"/runs/{BAD.run_id}")
        assert answer.status == 503
