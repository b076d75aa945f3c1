"""The canary's service on a clock that jumps: the schedule's decisions become runs, and runs become records."""

import asyncio
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from prober.core.plan import Scenario
from prober.core.reasons import Outcome, Reason
from prober.core.record import RunRecord
from prober.sinks.entries import listed
from prober.sinks.explained import advice
from prober.sinks.history import Standing
from prober.sinks.keeper import Keeper, State
from prober.watch.budget import Ledger
from prober.watch.cadence import Key
from prober.watch.restoring import Restored
from prober.watch.schedule import Skip, SkipReason
from tests.edge.kept_runs import FAIL, run
from tests.flow.played_service import LASTS, ONE, SHOP, Nowhere, Played, watched

pytestmark = pytest.mark.virtual_time

CAFE = Key("cafe", Scenario.JOIN)
TWO = """
targets:
  shop: {entry: {trial: {url: https://shop.example.com/}}, scenarios: {join: {interval: 60}}}
  cafe: {entry: {trial: {url: https://cafe.example.com/}}, scenarios: {join: {interval: 60}}}
"""


def standing(failures: int) -> Standing:
    last = listed(run(FAIL))
    return Standing(last=last, last_judged=last, last_passed=None, consecutive_failures=failures)


async def test_starts_are_made_at_their_planned_moments_for_hours(tmp_path: Path) -> None:
    async with watched(tmp_path) as canary:
        await canary.seen.until(lambda: len(canary.seen.records) == 120)
        late = [now - start.planned for now, start in canary.seen.starts]
        assert max(late) < 1e-6
        assert min(late) >= 0
        gaps = [
            after.planned - before.planned
            for (_, before), (_, after) in zip(canary.seen.starts, canary.seen.starts[1:], strict=False)
        ]
        assert all(57 <= gap <= 63 for gap in gaps)  # 60 s, and 5 % of jitter on both sides
        assert canary.seen.skips == []
        assert len({order.plan.run_id for order in canary.played.orders}) == len(canary.played.orders)


async def test_a_first_failure_is_confirmed_and_every_run_has_its_trigger(tmp_path: Path) -> None:
    async with watched(tmp_path, played=Played("pfff")) as canary:
        await canary.seen.until(lambda: len(canary.seen.records) == 5)
        triggers = [record.trigger for record in canary.seen.records]
        assert triggers[:2] == ["scheduled", "scheduled"]
        assert "confirm" in triggers[2:4]
        assert canary.seen.failures == [0, 1, 2, 3, 0]
        assert [order.plan.trigger for order in canary.played.orders[:5]] == triggers
        assert [record.reason for record in canary.seen.records[1:4]] == [Reason.AGENT_ABSENT] * 3


async def test_a_target_can_do_without_confirmations(tmp_path: Path) -> None:
    async with watched(tmp_path, ONE.replace("entry", "confirm: false, entry"), Played("fff")) as canary:
        await canary.seen.until(lambda: len(canary.seen.records) == 4)
        assert {record.trigger for record in canary.seen.records} == {"scheduled"}


async def test_no_more_runs_at_a_time_than_are_allowed(tmp_path: Path) -> None:
    text = TWO + "max_concurrent_runs: 1\n"
    async with watched(tmp_path, text, Played(lasts=40.0)) as canary:
        await canary.seen.until(lambda: len(canary.seen.skips) >= 3)
        assert canary.played.most == 1
        assert {skip.reason for skip in canary.seen.skips} == {SkipReason.CONCURRENCY}


async def test_a_stopped_canary_lets_its_run_end_and_starts_no_other(tmp_path: Path) -> None:
    async with watched(tmp_path, played=Played(lasts=50.0)) as canary:
        await canary.seen.until(lambda: len(canary.seen.starts) == 3)
        canary.service.stop()
        assert canary.service.status().stopping
        await canary.running
        assert [record.outcome for record in canary.seen.records] == [Outcome.PASS] * 3
        assert len(canary.seen.starts) == 3


async def test_starts_that_fall_due_while_it_stops_are_skipped_as_that(tmp_path: Path) -> None:
    async with watched(tmp_path, TWO, Played(lasts=58.0)) as canary:
        await canary.seen.until(lambda: len(canary.seen.starts) == 2)
        canary.service.stop()
        await canary.running
        assert [skip.reason for skip in canary.seen.skips] == [SkipReason.SHUTDOWN]
        assert len(canary.seen.records) == 2


async def test_a_start_that_a_burst_holds_is_skipped_as_that_too(tmp_path: Path) -> None:
    text = ONE.replace("interval: 60", "interval: 30")
    async with watched(tmp_path, text, Played("f", lasts=24.0)) as canary:
        await canary.seen.until(lambda: canary.seen.failures == [1])
        await asyncio.sleep(8)  # the next start was due some 6 s after that end, the burst's moment is 10 s after it
        assert canary.seen.skips == []
        canary.service.stop()
        await canary.running
        assert [(skip.trigger, skip.reason) for skip in canary.seen.skips] == [("scheduled", SkipReason.SHUTDOWN)]
        assert len(canary.seen.starts) == 1


async def test_a_run_that_outlasts_the_grace_time_is_interrupted_and_kept(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with watched(tmp_path, played=Played(lasts=50.0, leaving=2.0), grace=5.0) as canary:
        await canary.seen.until(lambda: len(canary.seen.starts) == 1)
        began = loop.time()
        canary.service.stop()
        await canary.running
        assert loop.time() - began == pytest.approx(7.0)
        (record,) = canary.seen.records
        assert (record.outcome, record.reason) == (Outcome.INCONCLUSIVE, Reason.INTERRUPTED)
        assert canary.service.status().lines[0].last == listed(record)


async def test_who_asks_twice_does_not_wait(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with watched(tmp_path, played=Played(lasts=50.0)) as canary:
        await canary.seen.until(lambda: len(canary.seen.starts) == 1)
        began = loop.time()
        canary.service.stop()
        canary.service.stop()
        await canary.running
        assert loop.time() - began == pytest.approx(0.5)


async def test_an_idle_canary_stops_at_once(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with watched(tmp_path) as canary:
        await canary.seen.until(lambda: len(canary.seen.records) == 1)
        began = loop.time()
        canary.service.stop()
        await canary.running
        assert loop.time() == began


async def test_a_reload_keeps_phase_and_failures_of_what_stays(tmp_path: Path) -> None:
    async with watched(tmp_path, played=Played("ff")) as canary:
        await canary.seen.until(lambda: len(canary.seen.records) == 2)
        before = canary.service.status().lines[0]
        canary.file.write_text(TWO.replace("join: {interval: 60}", "join: {interval: 60, hold: 1}"), encoding="utf-8")
        assert await canary.service.reload() is None
        shop, cafe = canary.service.status().lines
        assert (shop.failures, shop.due_in, shop.recent) == (2, before.due_in, before.recent)
        assert (cafe.key, cafe.failures, cafe.last) == (CAFE, 0, None)
        count = len(canary.played.orders)
        await canary.seen.until(lambda: len(canary.seen.records) == count + 2)
        assert {order.plan.expectations.hold for order in canary.played.orders[count:]} == {1.0}


async def test_what_a_reload_brings_goes_on_from_its_history(tmp_path: Path) -> None:
    async with watched(
        tmp_path, restored=lambda keys: Restored(standings={key: standing(7) for key in keys})
    ) as canary:
        canary.file.write_text(TWO, encoding="utf-8")
        await canary.service.reload()
        assert {line.key: line.failures for line in canary.service.status().lines} == {SHOP: 0, CAFE: 7}


async def test_a_budget_that_a_reload_brings_knows_what_was_spent_today(tmp_path: Path) -> None:
    spent = Restored(ledger=Ledger(day=0, seconds={"shop": 59.0}))
    async with watched(tmp_path, restored=lambda _keys: spent) as canary:
        text = ONE.replace("entry", "budget: {agent_minutes_per_day: 1}, entry")
        canary.file.write_text(text, encoding="utf-8")
        await canary.service.reload()
        await canary.seen.until(lambda: len(canary.seen.skips) == 2)
        assert len(canary.seen.records) == 1  # the first of them spent the last second
        assert {skip.reason for skip in canary.seen.skips} == {SkipReason.BUDGET}


async def test_what_a_reload_takes_away_ends_its_run_and_is_told_of(tmp_path: Path) -> None:
    async with watched(tmp_path, TWO, Played(lasts=40.0)) as canary:
        await canary.seen.until(lambda: len(canary.seen.starts) == 1)
        gone = canary.seen.starts[0][1].key
        stays = "cafe" if gone.target == "shop" else "shop"
        canary.file.write_text(ONE.replace("shop", stays), encoding="utf-8")
        await canary.service.reload()
        assert [line.key.target for line in canary.service.status().lines] == [stays]
        await canary.seen.until(lambda: any(record.target == gone.target for record in canary.seen.records))
        assert canary.seen.failures[-1] is None


async def test_a_bad_file_changes_nothing_but_that_it_is_said(tmp_path: Path) -> None:
    async with watched(tmp_path) as canary:
        await canary.seen.until(lambda: len(canary.seen.records) == 1)
        before = canary.service.status()
        canary.file.write_text(ONE.replace("interval", "intervall"), encoding="utf-8")
        trouble = await canary.service.reload()
        after = canary.service.status()
        assert trouble == after.config_trouble
        assert trouble is not None
        assert "intervall" in trouble
        assert (after.config_sha256, after.lines) == (before.config_sha256, before.lines)
        assert canary.seen.refusals == [trouble]
        await canary.seen.until(lambda: len(canary.seen.records) == 3)
        canary.file.write_text(ONE, encoding="utf-8")
        assert await canary.service.reload() is None
        assert canary.service.status().config_trouble is None


async def test_a_bug_of_ours_in_a_reload_changes_nothing_either(tmp_path: Path) -> None:
    def broken(keys: Collection[Key]) -> Restored:
        if keys:
            raise RuntimeError("s3cr3t")
        return Restored()

    async with watched(tmp_path, restored=broken) as canary:
        canary.file.write_text(TWO, encoding="utf-8")
        trouble = await canary.service.reload()
        assert trouble is not None
        assert trouble.startswith("Reading it broke the prober: RuntimeError at prober/watch/service.py")
        assert "s3cr3t" not in trouble
        assert [line.key for line in canary.service.status().lines] == [SHOP]
        await canary.seen.until(lambda: len(canary.seen.records) == 2)


async def test_where_a_reload_brings_nothing_new_no_history_is_asked(tmp_path: Path) -> None:
    async with watched(tmp_path, restored=lambda keys: Restored(trouble=f"asked for {list(keys)}")) as canary:
        canary.seen.restored.clear()
        await canary.service.reload()
        assert [restored.trouble for restored in canary.seen.restored] == [None]


async def test_a_reload_before_the_first_round_starts_nothing_that_nobody_makes(tmp_path: Path) -> None:
    loop, lost = asyncio.get_running_loop(), [0.0]
    async with watched(tmp_path, now=lambda: loop.time() + lost[0]) as canary:
        lost[0] = (canary.service.status().lines[0].due_in or 0) + 1
        assert await canary.service.reload() is None
        await canary.seen.until(lambda: len(canary.seen.records) == 2)


async def test_a_lost_hour_leads_to_one_start_and_the_grid_goes_on(tmp_path: Path) -> None:
    loop, lost = asyncio.get_running_loop(), [0.0]
    async with watched(tmp_path, now=lambda: loop.time() + lost[0]) as canary:
        await canary.seen.until(lambda: len(canary.seen.records) == 2)
        lost[0] = 3600.0
        await canary.seen.until(lambda: len(canary.seen.records) == 4)
        assert {skip.reason for skip in canary.seen.skips} == {SkipReason.OVERLAP}
        assert 59 <= len(canary.seen.skips) <= 60
        late = [start.lag for _, start in canary.seen.starts]
        assert max(late) <= 30  # half an interval
        assert late[-1] < 1e-6


async def test_a_step_of_the_wall_clock_starts_and_skips_nothing(tmp_path: Path) -> None:
    loop, step = asyncio.get_running_loop(), [0.0]
    async with watched(tmp_path, wall=lambda: loop.time() + step[0]) as canary:
        for days in (-300, 300, 0):
            count = len(canary.seen.records)
            step[0] = days * 86_400.0
            await canary.seen.until(lambda count=count: len(canary.seen.records) == count + 2)  # type: ignore[misc]
        assert canary.seen.skips == []
        assert max(start.lag for _, start in canary.seen.starts) < 1e-6


async def test_a_history_that_cannot_be_written_stops_no_run_and_is_shown(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    keeper = Keeper(tmp_path / "file" / "history.db")

    class Keeping(Nowhere):
        @property
        def state(self) -> State:
            return keeper.state

        def publish(self, record: RunRecord, recording: Path | None = None) -> None:
            keeper.publish(record, recording)

    async with watched(tmp_path, keeping=Keeping()) as canary:
        await canary.seen.until(lambda: len(canary.seen.records) == 5)
        assert keeper.wait_for(lambda state: state.failures > 0, 5)
        shown = canary.service.status().history
        assert shown.waiting == 5
        assert shown.trouble is not None
    keeper.close(5)


async def test_a_bug_of_ours_is_an_inconclusive_run_and_no_end(tmp_path: Path) -> None:
    async with watched(tmp_path, played=Played("!")) as canary:
        await canary.seen.until(lambda: len(canary.seen.records) == 2)
        broken, after = canary.seen.records
        assert (broken.outcome, broken.reason) == (Outcome.INCONCLUSIVE, Reason.PROBER_INTERNAL)
        assert "RuntimeError" in broken.message
        assert "s3cr3t" not in repr(broken)
        assert after.outcome is Outcome.PASS


async def test_an_observer_that_breaks_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Broken:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError("s3cr3t")

    async with watched(tmp_path, also=Broken()) as canary:
        await canary.seen.until(lambda: len(canary.seen.records) == 2)
    assert "observer.failed" in caplog.messages
    assert "s3cr3t" not in caplog.text


async def test_a_run_by_hand_counts_for_nothing_and_keeps_within_its_time(tmp_path: Path) -> None:
    async with watched(tmp_path, played=Played("ff")) as canary:
        record = await canary.service.probe(SHOP, 20.0)
        assert isinstance(record, RunRecord)
        assert (record.trigger, record.outcome) == ("manual", Outcome.FAIL)
        assert canary.played.orders[0].plan.expectations.deadlines.run == 20.0
        line = canary.service.status().lines[0]
        assert (line.failures, line.last, line.recent) == (0, None, (listed(record),))
        with pytest.raises(KeyError):
            await canary.service.probe(CAFE, 20.0)


async def test_a_run_by_hand_waits_for_nobody_and_outlives_who_asked(tmp_path: Path) -> None:
    async with watched(tmp_path, played=Played(lasts=30.0)) as canary:
        asking = asyncio.create_task(canary.service.probe(SHOP, 45.0))
        await canary.seen.until(lambda: len(canary.seen.starts) == 1)
        again = await canary.service.probe(SHOP, 45.0)
        assert isinstance(again, Skip)
        assert again.reason is SkipReason.OVERLAP
        asking.cancel()
        await canary.seen.until(lambda: len(canary.seen.records) == 1)
        assert canary.seen.records[0].outcome is Outcome.PASS


async def test_the_status_tells_how_each_line_stands(tmp_path: Path) -> None:
    async with watched(tmp_path, played=Played("pf")) as canary:
        await canary.seen.until(lambda: len(canary.seen.starts) == 2)
        assert canary.service.status().lines[0].running == "scheduled"
        await canary.seen.until(lambda: len(canary.seen.records) == 2)
        status = canary.service.status()
        assert status.heartbeat_age <= 1.0
        (line,) = status.lines
        passed, failed = map(listed, canary.seen.records)
        assert (line.last, line.last_judged, line.last_passed) == (failed, failed, passed)
        assert line.recent == (passed, failed)
        assert line.message == canary.seen.records[1].message
        assert line.look == advice(canary.seen.records[1])
        assert (line.interval, line.timeout, line.running, line.closed) == (60.0, 45.0, None, None)
        assert line.due_in == pytest.approx(10.0)  # the confirmation
        await canary.seen.until(lambda: len(canary.seen.records) == 3)
        assert canary.service.status().lines[0].look is None


async def test_the_heartbeat_goes_on_where_nothing_is_due(tmp_path: Path) -> None:
    async with watched(tmp_path, ONE.replace("60", "86400")) as canary:
        for _ in range(50):
            await asyncio.sleep(7.3)
            assert canary.service.status().heartbeat_age <= 1.0 + 1e-6


async def test_a_maintenance_window_opens_and_closes_in_the_open(tmp_path: Path) -> None:
    text = ONE.replace("entry", 'maintenance: [{from: "00:10", to: "00:20"}], entry')
    async with watched(tmp_path, text) as canary:
        await asyncio.sleep(25 * 60)
        assert canary.seen.pauses == [(SHOP, True), (SHOP, False)]
        assert {skip.reason for skip in canary.seen.skips} == {SkipReason.MAINTENANCE}
        assert 9 <= len(canary.seen.skips) <= 11
        assert all(not 600 <= now < 1200 for now, _ in canary.seen.starts)


async def test_of_a_target_that_a_reload_took_away_nobody_says_that_it_is_back(tmp_path: Path) -> None:
    text = TWO.replace("shop: {", 'shop: {maintenance: [{from: "00:10", to: "00:20"}], ')
    async with watched(tmp_path, text) as canary:
        await asyncio.sleep(12 * 60)
        canary.file.write_text(TWO.replace("shop:", "bank:"), encoding="utf-8")
        assert await canary.service.reload() is None
        await asyncio.sleep(12 * 60)
        assert canary.seen.pauses == [(SHOP, True)]


async def test_a_spent_budget_ends_the_runs_of_its_day(tmp_path: Path) -> None:
    text = ONE.replace("entry", "budget: {agent_minutes_per_day: 1}, entry")
    async with watched(tmp_path, text) as canary:
        await canary.seen.until(lambda: len(canary.seen.skips) >= 3)
        assert {skip.reason for skip in canary.seen.skips} == {SkipReason.BUDGET}
        spent = sum(LASTS["p"] for _ in canary.seen.records)
        assert 60 <= spent < 120


async def test_a_restart_in_an_outage_goes_on_counting(tmp_path: Path) -> None:
    restored = Restored(standings={SHOP: standing(5)})
    async with watched(tmp_path, played=Played("f"), restored=lambda _keys: restored) as canary:
        await canary.seen.until(lambda: len(canary.seen.records) == 1)
        assert canary.seen.failures == [6]
