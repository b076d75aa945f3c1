"""What the canary's log says of its runs, and what its sweeps do by the hour."""

import asyncio
import logging
from pathlib import Path

import pytest

from prober.child.messages import Left, Sweep, Swept
from prober.config.loading import load
from prober.watch.agenda import agenda
from prober.watch.journal import Journal
from prober.watch.restoring import Restored
from prober.watch.sweeping import sweep_hourly
from tests.flow.played_service import ONE, SHOP, Played, watched
from tests.flow.test_service import standing

pytestmark = pytest.mark.virtual_time
DIRECT = """
targets:
  shop: {entry: {direct: {}}, livekit: {url: wss://lk.example.com, api_key: "${K}", api_secret: "${S}"}}
  cafe: {entry: {direct: {}}, livekit: {url: wss://lk.example.com, api_key: "${K}", api_secret: "${S}"}}
"""


def words(caplog: pytest.LogCaptureFixture, event: str) -> list[str]:
    return [record.words for record in caplog.records if record.msg == event]  # type: ignore[attr-defined]


async def test_every_end_is_a_line_and_a_streak_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "prober")
    async with watched(tmp_path, played=Played("pff?"), also=Journal()) as canary:
        await canary.seen.until(lambda: len(canary.seen.records) == 6)
        told = words(caplog, "run.finished")
        ids = [record.run_id for record in canary.seen.records]
        assert [run_id in line for run_id, line in zip(ids, told, strict=True)] == [True] * 6
        assert told[0].startswith("PASS · shop · join · run ")
        assert told[1].endswith("(not within 20 s) · cause unexplained")
        assert told[2].endswith("(not within 20 s) · cause unexplained · 2 failures in a row")
        assert told[3].startswith("INCONCLUSIVE prober_crash")
        assert told[4].endswith("recovered after 2 failures")
        assert "recovered" not in told[5]
        assert [record.levelname for record in caplog.records if record.msg == "run.finished"][:4] == [
            *("INFO", "ERROR", "ERROR", "WARNING")
        ]


async def test_the_objectives_missed_are_those_that_the_metrics_count(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "prober")
    strict = ONE.replace("{shop: {", "{shop: {objectives: {trial: 5, room_join: 0.0001, agent_join: 3}, ")
    async with watched(tmp_path, strict, played=Played("pf?"), also=Journal()) as canary:
        await canary.seen.until(lambda: len(canary.seen.records) == 3)
    told = [record.fields["objectives_missed"] for record in caplog.records if record.msg == "run.finished"]  # type: ignore[attr-defined]
    assert told == [("room_join",), ("room_join", "agent_join"), ()]


async def test_what_was_left_out_or_late_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "prober")
    loop, lost = asyncio.get_running_loop(), [0.0]
    async with watched(tmp_path, also=Journal(), now=lambda: loop.time() + lost[0]) as canary:
        await canary.seen.until(lambda: len(canary.seen.records) == 1)
        lost[0] = canary.service.status().lines[0].due_in + 20.0  # type: ignore[operator]
        await canary.seen.until(lambda: len(canary.seen.records) == 2)
        lag = canary.seen.starts[1][1].lag
        assert lag == pytest.approx(20.0, abs=1.001)  # the loop wakes up at the latest a second after that
        assert words(caplog, "run.late") == [f"shop/join starts {lag:.1f} s late"]
        lost[0] += 150.0
        await canary.seen.until(lambda: len(canary.seen.skips) > 1)
    assert words(caplog, "run.skipped") == [f"shop/join skipped {len(canary.seen.skips)} times: overlap (scheduled)"]


async def test_a_restart_and_a_reload_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "prober")
    before = Restored(standings={SHOP: standing(4)}, trouble="The history x cannot be used: it is ill.")
    async with watched(tmp_path, also=Journal(), restored=lambda _keys: before) as canary:
        await canary.service.reload()
        canary.file.write_text(ONE + "}", encoding="utf-8")
        await canary.service.reload()
    assert words(caplog, "config.loaded")[0].startswith("watching shop/join every 60 s")
    assert words(caplog, "history.resumed")[0] == "shop/join had failed 4 times in a row before this start"
    assert words(caplog, "history.unread")[0].startswith("The history x cannot be used: it is ill.")
    assert words(caplog, "config.reloaded")[0].startswith("reloaded, watching shop/join")
    assert "prober.yaml" in words(caplog, "config.refused")[0]
    assert words(caplog, "watch.stopping") == ["stopping"]


async def test_each_key_is_swept_at_start_and_hourly(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "prober")
    file = tmp_path / "prober.yaml"
    file.write_text(DIRECT, encoding="utf-8")
    watched_now = agenda(load(file, {"K": "key", "S": "s3cr3t"}))
    answers = iter(
        (Swept(), Swept(deleted=("a", "b"), left=(Left("c", "LiveKit answered 500: x", "cafe"),)), Swept(trouble="no."))
    )
    swept: list[tuple[float, float]] = []
    counted: list[tuple[str, str]] = []
    done = asyncio.Event()

    async def sweep(order: Sweep) -> Swept:
        swept.append((asyncio.get_running_loop().time(), order.older_than))
        try:
            return next(answers)
        except StopIteration:
            done.set()
            raise OSError(11, "no process") from None

    sweeping = asyncio.create_task(sweep_hourly(lambda: watched_now, lambda *left: counted.append(left), sweep=sweep))
    await done.wait()
    await asyncio.sleep(1)
    sweeping.cancel()
    assert swept == [(0.0, 3600.0), (3600.0, 3600.0), (7200.0, 3600.0), (10800.0, 3600.0)]
    assert counted == [("cafe", "room")]
    assert words(caplog, "rooms.swept") == [
        "deleted 2 rooms left behind on wss://lk.example.com; not deleted: c: LiveKit answered 500: x"
    ]
    assert [line.rpartition(": ")[2] for line in words(caplog, "rooms.unseen")] == ["no.", "no process"]
    assert "s3cr3t" not in caplog.text
