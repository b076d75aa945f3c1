"""What a canary that starts knows of the one before it."""

import contextlib
import datetime
import sqlite3
import zlib
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from prober.core.accounts import agent_seconds
from prober.core.plan import Scenario
from prober.core.record import RunRecord
from prober.sinks.entries import listed
from prober.sinks.history import writing
from prober.watch.budget import DAY
from prober.watch.cadence import Key
from prober.watch.memory import Memory
from prober.watch.restoring import Restored, restore
from prober.watch.status import RECENT
from tests.edge.kept_runs import EPOCH, FAIL, PASS, run, runs

SHOP = Key("shop", Scenario(PASS.scenario))
MIDNIGHT = EPOCH.timestamp() + DAY


def history(tmp_path: Path, kept: Iterable[RunRecord]) -> Path:
    path = tmp_path / "history.db"
    with writing(path) as file:
        for one in kept:
            file.record(msgspec.structs.replace(one, target="shop", scenario=SHOP.scenario))
    return path


@pytest.mark.parametrize("outcomes", ["", "p", "f", "?", "ppff", "pf?f", "ffp?", "p" * (RECENT + 5) + "f"])
def test_it_knows_what_it_knew_before(tmp_path: Path, outcomes: str) -> None:
    kept = [msgspec.structs.replace(one, target="shop", scenario=SHOP.scenario) for one in runs(outcomes)]
    memory = Memory()
    for one in kept:
        memory = memory.after(one)
    restored = restore(history(tmp_path, kept), [SHOP], [], MIDNIGHT)
    assert restored.memories == {SHOP: memory}
    assert restored.failures == {SHOP: len(outcomes.replace("?", "").rpartition("p")[2])}
    assert restored.trouble is None


def test_runs_by_hand_are_recent_and_nothing_else(tmp_path: Path) -> None:
    manual = run(FAIL, trigger="manual", target="shop", scenario=SHOP.scenario)
    assert Memory().after(manual) == Memory(recent=(listed(manual),))
    restored = restore(history(tmp_path, [manual]), [SHOP], [], MIDNIGHT)
    assert (restored.memories, restored.failures) == ({SHOP: Memory(recent=(listed(manual),))}, {SHOP: 0})


def test_only_what_ended_today_was_spent_today(tmp_path: Path) -> None:
    cost = agent_seconds(PASS)
    assert cost > 0
    minutes = (DAY - 120) / 60, (DAY - 1) / 60, DAY / 60 + 1, DAY / 60 + 2
    path = history(tmp_path, [run(PASS, minute=minute) for minute in minutes])
    restored = restore(path, [SHOP], ["shop"], MIDNIGHT + 3600)
    assert restored.ledger.spent("shop", MIDNIGHT + 3600) == pytest.approx(3 * cost)  # one went on past midnight
    assert restore(path, [SHOP], [], MIDNIGHT + 3600).ledger.seconds == {}


def test_a_record_of_another_version_is_listed_and_its_words_are_not_known(tmp_path: Path) -> None:
    path = history(tmp_path, runs("f"))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE runs SET record = ?", (zlib.compress(b'{"schema": "other/9"}'),))
    restored = restore(path, [SHOP], ["shop"], MIDNIGHT)
    memory = restored.memories[SHOP]
    assert memory.last_judged is not None
    assert (memory.message, memory.look, restored.failures[SHOP]) == (None, None, 1)
    assert restored.ledger.seconds == {}


def test_a_writer_who_holds_the_file_is_not_waited_for(tmp_path: Path) -> None:
    path = history(tmp_path, runs("pff"))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        assert restore(path, [SHOP], [], MIDNIGHT).failures == {SHOP: 2}


@pytest.mark.parametrize("content", [b"notes", b"\0" * 4096, b""])
def test_what_is_no_history_is_told_and_not_raised(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "history.db"
    path.write_bytes(content)
    restored = restore(path, [SHOP], [], MIDNIGHT)
    if content:
        assert restored == Restored(trouble=restored.trouble)
        assert restored.trouble is not None
    else:
        assert restored.trouble is None


def test_there_need_not_be_any(tmp_path: Path) -> None:
    restored = restore(tmp_path / "new" / "history.db", [SHOP], ["shop"], datetime.datetime.now().timestamp())
    assert restored.trouble is None
    assert restored.memories == {SHOP: Memory()}
