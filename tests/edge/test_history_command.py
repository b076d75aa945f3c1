import datetime
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from prober.commands.history import default_database
from prober.core.record import RunRecord
from prober.sinks.history import writing
from tests.edge.kept_runs import run
from tests.edge.test_cli import invoke
from tests.golden.regenerate import GOLDEN, read

CONVERSATION, ABSENT = (read(GOLDEN / f"{name}.json") for name in ("pass_conversation", "agent_absent"))


@pytest.fixture
def kept(tmp_path: Path) -> tuple[Path, list[RunRecord]]:
    """Three passes on the first of January 2026, a failure on the second, a confirmation of it."""
    made = [run(CONVERSATION, minute=minute) for minute in (0, 5, 10)]
    made += [run(ABSENT, minute=1440), run(ABSENT, minute=1441, trigger="confirm", target="bank")]
    with writing(tmp_path / "history.db") as history:
        for record in made:
            history.record(record)
    return tmp_path / "history.db", made


def listed(*arguments: str, env: dict[str, str] | None = None) -> list[str]:
    done = invoke("history", *arguments, env=env)
    assert done.exit_code == 0, done.output
    return done.stdout.splitlines()


def test_the_list_ends_with_the_newest_and_tells_numbers_with_n(kept: tuple[Path, list[RunRecord]]) -> None:
    path, made = kept
    lines = listed("--db", str(path))
    rows = [line.split() for line in lines[1:6]]
    assert [row[-1] for row in rows] == [record.run_id for record in made]
    assert rows[0][:6] == ["2026-01-01", "00:00:00", "shop", "conversation", "scheduled", "PASS"]
    assert rows[0][6:9] == ["1.000", "0.500", "1.250"]
    assert rows[3][5:7] == ["FAIL", "agent_absent"]
    told = "\n".join(lines[6:])
    assert "shop/conversation: 3 of 4 runs worked · pass rate 75.0% of 4 judged (95 % interval" in told
    heads, joins = next((line, lines[at + 3]) for at, line in enumerate(lines) if "median" in line)
    assert heads.split() == ["measurement", "n", "misses", "min", "median", "max"]  # too few for any other percentile
    assert joins.split() == ["agent_join", "3", "1", "0.500", "0.500", "0.500"]
    assert "bank/conversation: 0 of 0 runs worked" in told  # confirmations are listed, and in no rate


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (("--target", "bank"), [4]),
        (("--outcome", "pass"), [0, 1, 2]),
        (("--reason", "agent_absent"), [3, 4]),
        (("--trigger", "scheduled", "--since", "2026-01-02"), [3]),
        (("--since", "2026-01-01T02:10+02:00", "--outcome", "pass"), [2]),
        (("--limit", "2"), [3, 4]),
        (("--scenario", "join"), []),
        (("--since", "1s"), []),
    ],
)
def test_filters(filters: tuple[str, ...], found: list[int], kept: tuple[Path, list[RunRecord]]) -> None:
    path, made = kept
    lines = listed("--db", str(path), "--json", *filters)
    assert [msgspec.json.decode(line, type=RunRecord) for line in lines] == [made[number] for number in found]
    if not found:
        assert listed("--db", str(path), *filters) == [f"No run in {path} matches."]


def test_since_counts_back_from_now(tmp_path: Path) -> None:
    now = datetime.datetime.now(datetime.UTC)
    old, young = (
        msgspec.structs.replace(run(), started_at=(now - datetime.timedelta(hours=hours)).isoformat())
        for hours in (25, 23)
    )
    with writing(tmp_path / "history.db") as history:
        for record in (old, young):
            history.record(record)
    (line,) = listed("--db", str(tmp_path / "history.db"), "--json", "--since", "24h")
    assert young.run_id in line


def test_replay_reads_what_is_listed_as_json(kept: tuple[Path, list[RunRecord]], tmp_path: Path) -> None:
    path, made = kept
    (tmp_path / "all.jsonl").write_text("".join(f"{line}\n" for line in listed("--db", str(path), "--json")))
    shown = invoke("replay", str(tmp_path / "all.jsonl")).stdout
    assert len(made) > 1
    assert all(f"run {record.run_id}" in shown for record in made)


def test_a_run_is_shown_as_replay_does(kept: tuple[Path, list[RunRecord]], tmp_path: Path) -> None:
    path, made = kept
    (tmp_path / "record.json").write_bytes(msgspec.json.encode(made[3]))
    shown = listed("--db", str(path), made[3].run_id)
    assert shown == invoke("replay", str(tmp_path / "record.json")).stdout.splitlines()
    assert msgspec.json.decode(listed("--db", str(path), "--json", made[3].run_id)[0], type=RunRecord) == made[3]


def test_a_verdict_that_todays_rules_do_not_give_is_told(tmp_path: Path) -> None:
    judged = msgspec.structs.replace(run(CONVERSATION), outcome=ABSENT.outcome, reason=ABSENT.reason)
    with writing(tmp_path / "history.db") as history:
        history.record(judged)
    assert listed("--db", str(tmp_path / "history.db"), judged.run_id)[-1] == "  judged then: FAIL agent_absent"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("0123456789abcdef",), "there is no run '0123456789abcdef' in {path}."),
        (("0123456789abcdef", "--json"), "there is no run '0123456789abcdef' in {path}."),
        (("--since", "yesterday"), "'yesterday' is neither a time such as 30m, 24h or 7d nor a date."),
        (("--reason", "agent_gone"), "'agent_gone' is not one of"),
    ],
)
def test_what_is_not_there_is_told(arguments: tuple[str, ...], sentence: str, kept: tuple[Path, object]) -> None:
    done = invoke("history", "--db", str(kept[0]), *arguments)
    assert done.exit_code == 2
    assert sentence.format(path=kept[0]) in " ".join(done.stderr.split())


def test_without_a_history_one_sentence_is_said(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "prober.cli", "history", "--db", str(tmp_path / "none.db")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert (
        "none.db cannot be used: there is no such file. `watch` writes one; name it with --db or LIVEKIT_PROBER_DB."
        in done.stderr
    )
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "none.db").exists()


def test_the_history_is_where_the_environment_says(
    kept: tuple[Path, list[RunRecord]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, made = kept
    assert len(listed("--json", env={"LIVEKIT_PROBER_DB": str(path)})) == len(made)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_database() == tmp_path / "livekit-prober" / "history.db"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")  # the specification: not absolute, not valid
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_database() == tmp_path / ".local" / "state" / "livekit-prober" / "history.db"


def test_a_reader_that_has_seen_enough_is_no_error(kept: tuple[Path, list[RunRecord]]) -> None:
    command = f"{sys.executable} -m prober.cli history --db {kept[0]} --json | head -c 1"
    done = subprocess.run(
        ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_an_empty_path_is_no_history() -> None:
    done = invoke("history", "--db", "")
    assert done.exit_code == 2
    assert "it is empty" in done.stderr
