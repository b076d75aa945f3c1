import os
import sqlite3
import subprocess
import sys
import threading
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from prober.core.events import AnyEvent
from prober.core.reasons import Outcome, Reason
from prober.core.record import derive
from prober.core.series import Series
from prober.core.statistics import statistics
from prober.sinks import retention
from prober.sinks.entries import Query
from prober.sinks.history import History, open_for_writing, reading, writing
from prober.sinks.migrations import MIGRATIONS, HistoryError, RefusedHistoryError, UnreadableRunError, migrate
from prober.sinks.retention import DAY, Keep, Retention
from tests.edge.kept_runs import EPOCH, FAIL, INCONCLUSIVE, OF, PASS, run, runs
from tests.golden.regenerate import GOLDEN, read
from tests.golden.test_golden import RECORDS
from tests.timelines import CONVERSATION, HEAD, conversation

NOW = EPOCH.timestamp()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "history.db"


@pytest.fixture
def history(path: Path) -> Iterator[History]:
    with writing(path) as opened:
        yield opened


def ids(history: History, query: Query | None = None) -> list[str]:
    return [entry.run_id for entry in history.runs(query or Query())]


@pytest.mark.parametrize("golden", RECORDS, ids=lambda path: path.stem)
def test_every_kind_of_run_comes_back_as_it_went(golden: Path, history: History) -> None:
    record = read(golden)
    history.record(record)
    assert history.run(record.run_id) == record
    (entry,) = history.runs(Query())
    assert (entry.run_id, entry.target, entry.scenario) == (record.run_id, record.target, record.scenario)
    assert (entry.outcome, entry.reason, entry.exit_code) == (record.outcome, record.reason, record.exit_code)
    assert entry.seconds == record.seconds
    joined = entry.tallies.get("agent_join")
    assert (joined.values if joined else ()) == tuple(
        value for value in (record.measurements.agent_join,) if value is not None
    )


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    events=st.lists(st.sampled_from(conversation()), max_size=40),
    labels=st.dictionaries(st.text(max_size=8), st.text(max_size=8)),
    number=st.integers(0, 2**64 - 1),
)
def test_any_record_comes_back_as_it_went(
    events: list[AnyEvent], labels: dict[str, str], number: int, history: History
) -> None:
    head = msgspec.structs.replace(HEAD, run_id=f"{number:016x}", labels=labels)
    record = derive(head, CONVERSATION, tuple(events))
    if history.document(record.run_id) is None:
        history.record(record)
        assert history.run(record.run_id) == record
        assert next(history.runs(Query(limit=1))).labels == labels


def test_a_run_is_written_once(history: History) -> None:
    first = run()
    history.record(first)
    history.record(msgspec.structs.replace(first, message="another"))
    assert history.run(first.run_id) == first


def test_filters_leave_what_matches_all_of_them(history: History) -> None:
    shop, bank = run(minute=0), run(FAIL, minute=10, target="bank")
    asked = run(FAIL, minute=20, trigger="manual")
    for record in (shop, bank, asked):
        history.record(record)
    assert ids(history) == [asked.run_id, bank.run_id, shop.run_id]
    assert ids(history, Query(limit=1)) == [asked.run_id]
    assert ids(history, Query(outcome="fail", target="bank")) == [bank.run_id]
    assert ids(history, Query(reason=Reason.AGENT_LEFT, trigger="manual")) == [asked.run_id]
    assert ids(history, Query(since=NOW + 600, until=NOW + 1200)) == [bank.run_id]
    assert ids(history, Query(scenario="conversation")) == []
    bodies = [msgspec.json.decode(body)["run_id"] for body in history.documents(Query(limit=2))]
    assert bodies == [bank.run_id, asked.run_id]


def test_numbers_are_those_of_the_same_runs_in_a_series(history: History) -> None:
    records = [run(read(golden), target="shop", scenario="join") for golden in RECORDS]
    for record in records:
        history.record(record)
    history.record(run(FAIL, target="shop", scenario="join", trigger="confirm"))
    (summary,) = history.summaries(Query(limit=1))
    expected = statistics(Series(target="shop", scenario="join", required=1, records=tuple(records)))
    assert msgspec.structs.asdict(summary).items() <= msgspec.structs.asdict(expected).items()
    (confirmed,) = history.summaries(Query(trigger="confirm"))
    assert (confirmed.runs, confirmed.failed) == (1, 1)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(outcomes=st.text("pf?", max_size=12), manual=st.sampled_from("pf?"))
def test_a_restart_goes_on_where_the_canary_stood(outcomes: str, manual: str, tmp_path: Path) -> None:
    file = tmp_path / "standing.db"
    file.unlink(missing_ok=True)
    with writing(file) as history:
        made = list(runs(outcomes))
        for record in made:
            history.record(record)
        history.record(msgspec.structs.replace(next(runs(manual)), trigger="manual"))
        history.record(run(PASS, target="other"))
        standing = history.standing("shop", "join")
    judged = [record for record in made if record.outcome is not Outcome.INCONCLUSIVE]
    trailing = outcomes.replace("?", "")
    assert standing.consecutive_failures == len(trailing) - len(trailing.rstrip("f"))
    for found, of in ((standing.last, made), (standing.last_judged, judged)):
        assert (found and found.run_id) == (of[-1].run_id if of else None)
    passed = [record.run_id for record in made if record.outcome is Outcome.PASS]
    assert (standing.last_passed and standing.last_passed.run_id) == (passed[-1] if passed else None)


def test_a_record_of_another_version_is_listed_and_told_of(history: History) -> None:
    made = run(FAIL)
    history.record(made)
    old = msgspec.json.decode(history.document(made.run_id) or b"")
    old |= {"run_id": "00000000000000aa", "reason": "agent_missing", "schema": "livekit-prober/run/0"}
    row = msgspec.json.encode(old)
    history._connection.execute(
        "INSERT INTO runs SELECT NULL, '00000000000000aa', target, scenario, \"trigger\", started_at, seconds, outcome,"
        " 'agent_missing', exit_code, tallies, labels, ? FROM runs",
        (zlib.compress(row),),
    )
    assert [entry.reason for entry in history.runs(Query())] == ["agent_missing", "agent_left"]
    assert history.document("00000000000000aa") == row
    with pytest.raises(UnreadableRunError, match="Run 00000000000000aa was written by another version"):
        history.run("00000000000000aa")
    assert history.summaries(Query())[0].failed == 2


def test_reading_changes_nothing_and_is_not_held_up(path: Path, history: History) -> None:
    history.record(run())
    history._connection.execute("BEGIN IMMEDIATE")
    with reading(path) as other:
        assert len(ids(other)) == 1
        with pytest.raises(HistoryError, match="readonly"):
            other.record(run())
    history._connection.execute("ROLLBACK")


def test_a_newer_form_is_refused_and_kept(path: Path, history: History) -> None:
    history._connection.execute("INSERT INTO migrations (name) VALUES ('m999_later')")
    for opened in (writing, reading):
        with (
            pytest.raises(RefusedHistoryError, match=r"a newer livekit-prober has written it \(m999_later\)"),
            opened(path),
        ):
            pass


def test_files_of_others_are_refused_and_kept(tmp_path: Path) -> None:
    text, database = tmp_path / "notes.txt", tmp_path / "other.db"
    text.write_text("These are not the runs you are looking for.\n" * 100)
    with closing(sqlite3.connect(database)) as other:
        other.execute("CREATE TABLE runs (id)")
    for file, why in ((text, "file is not a database"), (database, "a database of another program")):
        before = file.read_bytes()
        for opened in (writing, reading):
            with pytest.raises(RefusedHistoryError, match=why), opened(file):
                pass
        assert file.read_bytes() == before


def test_where_nothing_is_nothing_is_made_by_reading(tmp_path: Path) -> None:
    with pytest.raises(RefusedHistoryError, match="there is no such file"), reading(tmp_path / "none.db"):
        pass
    (tmp_path / "empty.db").touch()
    with pytest.raises(RefusedHistoryError, match="an older livekit-prober"), reading(tmp_path / "empty.db"):
        pass
    assert not (tmp_path / "none.db").exists()


def test_a_step_that_fails_leaves_the_form_before_it(path: Path) -> None:
    def m002_breaks(connection: sqlite3.Connection) -> None:
        connection.execute("ALTER TABLE runs ADD COLUMN later TEXT")
        connection.execute("NO SUCH STATEMENT")

    def m002_works(connection: sqlite3.Connection) -> None:
        connection.execute("ALTER TABLE runs ADD COLUMN later TEXT")

    with writing(path) as history:
        history.record(run())
        with pytest.raises(sqlite3.OperationalError):
            migrate(history._connection, (*MIGRATIONS, m002_breaks))
        migrate(history._connection, (*MIGRATIONS, m002_works))
        migrate(history._connection, (*MIGRATIONS, m002_works))
        assert len(ids(history)) == 1


def test_processes_that_begin_together_make_one_history(path: Path) -> None:
    ready, troubles = threading.Barrier(4), list[BaseException]()

    def begin() -> None:
        ready.wait()
        try:
            with writing(path) as history:
                history.record(run())
        except HistoryError as error:
            troubles.append(error)

    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not troubles
    with reading(path) as history:
        assert len(ids(history)) == 4


DAYS = st.integers(0, 100)
KINDS = st.tuples(
    st.sampled_from([*Outcome]), st.sampled_from(["shop", "bank"]), st.sampled_from(["scheduled", "manual"])
)
SCHEDULED_PASS, SCHEDULED_FAIL = (Outcome.PASS, "shop", "scheduled"), (Outcome.FAIL, "shop", "scheduled")


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    made=st.lists(st.tuples(DAYS, KINDS), max_size=25),
    failures=st.builds(Keep, days=st.integers(1, 90), count=st.integers(1, 10)),
    others=st.builds(Keep, days=st.integers(1, 90), count=st.integers(1, 10)),
)
@example(  # an outage that outlasts the memory of passes
    made=[(50, SCHEDULED_PASS), (20, SCHEDULED_FAIL)], failures=Keep(days=90, count=9), others=Keep(days=30, count=9)
)
@example(  # a failure that outlasts the pass after it
    made=[(60, SCHEDULED_FAIL), (50, SCHEDULED_PASS)], failures=Keep(days=90, count=9), others=Keep(days=30, count=9)
)
@example(  # an outage that outlasts the memory of failures
    made=[(50, SCHEDULED_PASS), (40, SCHEDULED_FAIL)], failures=Keep(days=30, count=9), others=Keep(days=90, count=9)
)
def test_forgetting_leaves_what_is_young_and_few_and_what_a_restart_needs(
    made: list[tuple[int, tuple[Outcome, str, str]]], failures: Keep, others: Keep, tmp_path: Path
) -> None:
    file = tmp_path / "pruned.db"
    file.unlink(missing_ok=True)
    with writing(file) as history:
        written = [
            run(OF[outcome], minute=-1440 * age, target=target, trigger=trigger)
            for age, (outcome, target, trigger) in made
        ]
        for record in written:
            history.record(record)
        before = {target: history.standing(target, "join") for target in ("shop", "bank")}
        while history.prune(Retention(failures=failures, others=others), NOW):
            pass
        after = {target: history.standing(target, "join") for target in ("shop", "bank")}
        left = set(ids(history))
    needed = {
        entry.run_id
        for standing in before.values()
        for entry in (standing.last, standing.last_judged, standing.last_passed)
        if entry is not None
    }
    for keep, kind in ((failures, True), (others, False)):
        aged = zip((age for age, _ in made), written, strict=True)
        of_kind = [(age, record) for age, record in aged if (record.outcome is Outcome.FAIL) is kind]
        old = {record.run_id for age, record in of_kind if age > keep.days} - needed
        young = [record.run_id for _, record in of_kind if record.run_id not in old]
        many = set(young[: -keep.count]) - needed
        assert left & {record.run_id for _, record in of_kind} == set(young) - many
    for target, standing in before.items():
        assert (after[target].last_judged, after[target].last_passed) == (standing.last_judged, standing.last_passed)
        assert 0 <= after[target].consecutive_failures <= standing.consecutive_failures
        assert (after[target].consecutive_failures == 0) == (standing.consecutive_failures == 0)


def test_much_is_forgotten_a_little_at_a_time(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 5)
    for minute in range(12):
        history.record(run(INCONCLUSIVE, minute=minute))
    tight = Retention(others=Keep(days=1, count=1000))
    assert [history.prune(tight, NOW + 10 * DAY) for _ in range(4)] == [5, 5, 1, 0]


def test_to_see_that_nothing_is_old_no_young_run_is_looked_at(history: History) -> None:
    words = retention._FORGET.format(*retention._OLD)
    values = {"failed": False, "oldest": NOW, "batch": 1}
    plan = [step for *_, step in history._connection.execute(f"EXPLAIN QUERY PLAN {words}", values)]
    assert "SEARCH old USING INDEX runs_by_time (started_at<?)" in plan


def test_a_file_that_was_moved_away_is_noticed(path: Path, history: History) -> None:
    assert not history.is_gone()
    path.rename(path.with_name("moved.db"))
    assert history.is_gone()
    open_for_writing(path).close()
    assert history.is_gone()


def test_the_program_without_history_loads_no_sqlite() -> None:
    code = "import sys, prober.cli; sys.exit('sqlite3' in sys.modules or 'livekit' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=os.environ, check=False).returncode == 0


def test_a_golden_says_what_a_month_costs(history: History, path: Path) -> None:
    for golden in ("pass_join", "pass_conversation"):
        for _ in range(100):
            history.record(run(read(GOLDEN / f"{golden}.json")))
    history._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert path.stat().st_size / 200 < 2000  # bytes a run: docs/history.md promises about 1.3 kB
