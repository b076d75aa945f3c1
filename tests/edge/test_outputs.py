import asyncio
import contextlib
import json
import os
import pty
import re
import select
import signal
import stat
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from xml.etree.ElementTree import parse

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.child.messages import Order
from prober.commands.keeping import Runs
from prober.commands.outputs import Outputs
from prober.commands.probing import probe_all
from prober.core.plan import Expectations, Plan, Scenario
from prober.core.record import RunRecord
from prober.core.series import Series, in_series
from prober.core.steps import trial_steps
from prober.sinks import files
from prober.sinks.github import LONGEST, job_summary, quoted
from tests.edge.servers import silent
from tests.edge.test_cli import closed_port, invoke, program
from tests.golden.regenerate import GOLDEN, read

PASS, ABSENT = (read(GOLDEN / f"{name}.json") for name in ("pass_conversation", "agent_absent"))
ROOT = Path(__file__).parents[2]
FULL = Path("/dev/full")
"""Takes everything and keeps nothing: writing to it fails as on a full disk."""


def order(door: str, target: str = "shop", recording: Path | None = None) -> Order:
    return Order(
        plan=Plan(
            run_id=uuid.uuid4().hex[:16],
            target=target,
            entry=trial_steps(f"http://{door}/"),
            expectations=Expectations(scenario=Scenario.JOIN),
            recording=None if recording is None else str(recording),
        )
    )


@contextlib.asynccontextmanager
async def meeting(people: int) -> AsyncIterator[tuple[str, list[str]]]:
    """Refuses its callers once so many of them stand at the door at once; its address, and who came and went."""
    here = asyncio.Barrier(people)
    log: list[str] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        path = request.split()[1]
        log.append(f"{path} came")
        await here.wait()
        log.append(f"{path} went")
        writer.write(b"HTTP/1.1 503 Closed\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", log


async def test_runs_of_different_targets_are_made_at_once_where_there_are_cores(
    capsys: pytest.CaptureFixture[str],
) -> None:
    at_once = min(2, len(os.sched_getaffinity(0)))
    async with meeting(at_once) as (door, _):
        code = await probe_all([order(f"{door}/a", "a"), order(f"{door}/b", "b")], Outputs())
    assert code == 1
    output = capsys.readouterr().out
    assert re.search(r"^a/join +0\.\d{3} s  run started$", output, re.MULTILINE)
    assert re.search(r"b/join  FAIL trial_rejected · b · join · run \w{16}", output)


async def test_runs_of_one_target_are_made_one_after_another(tmp_path: Path) -> None:
    kept = tmp_path / "runs.json"
    async with meeting(1) as (door, log):
        orders = [order(f"{door}/a"), order(f"{door}/b")]
        assert await probe_all(orders, Outputs(json=str(kept), repeat=2, required=2, quiet=True)) == 1
    assert log == [f"/{which}/ {did}" for which in "abab" for did in ("came", "went")]
    runs = msgspec.json.decode(kept.read_bytes(), type=Runs)
    assert len({record.run_id for record in runs.runs}) == 4
    assert [(one.runs, one.failed, one.required) for one in runs.statistics] == [(2, 2, 2)] * 2


async def test_the_first_signal_stops_everything_and_what_had_begun_gives_its_record(tmp_path: Path) -> None:
    async with silent() as door:
        command = ("run", "--trial-url", f"http://{door}/", "--scenario", "join", "--repeat", "3")
        outputs = ("--junit", str(tmp_path / "j.xml"), "--json", str(tmp_path / "r.json"))
        running = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "prober.cli", *command, *outputs),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert running.stdout is not None
        while b"asked for a session" not in await running.stdout.readline():
            pass
        running.send_signal(signal.SIGTERM)
        output, errors = await running.communicate()
    assert running.returncode == 143, errors.decode()
    assert "INCONCLUSIVE interrupted" in output.decode()
    assert "livekit-prober: stopped by SIGTERM: 1 of 3 runs were made." in errors.decode()
    (record,) = msgspec.json.decode((tmp_path / "r.json").read_bytes(), type=Runs).runs
    assert record.reason == "interrupted"
    assert parse(tmp_path / "j.xml").getroot().get("errors") == "2"  # noqa: S314 - the run's, and what was not made


def run(door: str, *arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return program("run", "--trial-url", f"http://{door}/", "--scenario", "join", *arguments, env=env)


def test_every_output_of_one_run_at_once(tmp_path: Path) -> None:
    names = {"--junit": "j.xml", "--metrics-file": "m.prom", "--json": "r.json", "--record": "kept"}
    flags = [word for flag, name in names.items() for word in (flag, str(tmp_path / name))]
    with closed_port() as port:
        done = run(
            *(f"127.0.0.1:{port}", *flags, "--label", "version=1.2.3"),
            env={"GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")},
        )
    assert done.returncode == 1, done.stderr
    assert "label version = 1.2.3" in done.stdout
    assert "\x1b" not in done.stdout  # nobody asked for colours
    record = msgspec.json.decode((tmp_path / "r.json").read_bytes(), type=RunRecord)
    assert record.labels == {"version": "1.2.3"}
    assert (tmp_path / "kept" / f"{record.run_id}.json").read_bytes() == (tmp_path / "r.json").read_bytes()
    assert parse(tmp_path / "j.xml").getroot().get("failures") == "1"  # noqa: S314 - our own
    assert 'last_run_outcome{outcome="trial_unreachable"' in (tmp_path / "m.prom").read_text()
    assert "trial&#95;unreachable" in (tmp_path / "summary.md").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["j.xml", "kept", "m.prom", "r.json", "summary.md"]


async def test_a_file_that_cannot_be_written_is_told_and_the_others_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = tmp_path / "gone"
    outputs = Outputs(json=str(FULL), metrics=gone / "m.prom", junit=tmp_path / "j.xml", job_summary=gone / "s.md")
    with closed_port() as port:
        assert await probe_all([order(f"127.0.0.1:{port}", recording=gone / "r.wav")], outputs) == 1
    errors = capsys.readouterr().err
    assert "/dev/full could not be written: No space left on device." in errors
    for name in ("r.json", "m.prom", "s.md"):
        assert f"{gone / name} could not be written: No such file or directory." in errors
    troubles = [element.get("message", "") for element in parse(tmp_path / "j.xml").iter("error")]  # noqa: S314
    assert [message.split()[0] for message in troubles] == [str(gone / "r.json"), str(FULL), str(gone / "m.prom")]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--junit", "/nowhere/j.xml"), "there is no folder /nowhere"),
        (("--metrics-file", "/"), "/ is a folder"),
        (("--metrics-file", __file__), "it is no Prometheus text file"),
        (("--repeat", "2", "--require", "3"), "of 2 runs, 3 cannot work"),
        (("--repeat", "0"), "0 is not in the range"),
        (("--label", "version"), "'version' is not KEY=VALUE"),
        (("--label", "1x=a"), "'1x=a' is not KEY=VALUE"),
        (("--label", "x="), "not 1 to 200 printable characters"),
        (("--label", "x=a\nb"), "not 1 to 200 printable characters"),
        (("--label", f"x={'a' * 201}"), "not 1 to 200 printable characters"),
        (("--label", "x=1", "--label", "x=2"), "x is given twice"),
        (("--junit", "/tmp/one", "--json", "/tmp/one"), "need a file each"),  # noqa: S108 - never written
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, tuple) else "",
)
def test_a_wrong_output_is_found_before_the_run(arguments: tuple[str, ...], words: str) -> None:
    done = invoke("run", "--trial-url", "http://127.0.0.1:9/", "--scenario", "join", *arguments)
    assert done.exit_code == 2
    assert words in " ".join(done.stderr.split())


def test_no_output_takes_the_place_of_what_is_read_or_of_another(tmp_path: Path) -> None:
    config, link, sound = tmp_path / "two.yaml", tmp_path / "link", tmp_path / "my.wav"
    config.write_text(
        "targets: {shop: {entry: {trial: {url: 'https://shop.example/'}},\n"
        "  scenarios: {conversation: {turns: [{say: my.wav}]}}}}\n"
    )
    link.symlink_to(config)
    sound.write_bytes((ROOT / "fixtures" / "audio" / "en-yes.wav").read_bytes())
    sidecar = sound.with_suffix(".json")
    sidecar.write_bytes((ROOT / "fixtures" / "audio" / "en-yes.json").read_bytes())
    before = {path: path.read_bytes() for path in (config, sound, sidecar)}
    ways = (("--config", str(config)), ("--trial-url", "http://127.0.0.1:9/", "--say", str(sound)))
    for way, taken in ((ways[0], config), (ways[0], link), *((way, path) for way in ways for path in (sound, sidecar))):
        done = invoke("run", *way, "--json", str(taken))
        assert done.exit_code == 2
        assert f"{taken} is a file that the run reads." in " ".join(done.stderr.split())
    assert {path: path.read_bytes() for path in before} == before
    other = tmp_path / "other"
    other.symlink_to(tmp_path / "x")
    done = invoke("run", *ways[0], "--junit", str(tmp_path / "x"), "--json", str(other))
    assert "need a file each" in done.stderr


def test_what_is_named_as_the_configuration_is_no_sidecar(tmp_path: Path) -> None:
    config, kept = tmp_path / "prober.yaml", tmp_path / "prober.json"
    with closed_port() as port:
        config.write_text(
            f"targets: {{shop: {{entry: {{trial: {{url: 'http://127.0.0.1:{port}/'}}}},\n"
            "  allow: {hosts: [127.0.0.1], private_addresses: true, plaintext: true}, scenarios: {join: {}}}}\n"
        )
        done = program("run", "--config", str(config), "--json", str(kept))
    assert done.returncode == 1, done.stderr
    assert msgspec.json.decode(kept.read_bytes(), type=RunRecord).target == "shop"


def test_a_file_is_whole_keeps_its_permissions_and_leaves_no_draft(tmp_path: Path) -> None:
    path, link = tmp_path / "a.prom", tmp_path / "link.prom"
    files.write(path, b"one")
    path.chmod(0o640)
    link.symlink_to(path)
    with path.open("rb") as reader:
        files.write(link, b"two")
        assert reader.read() == b"one"  # who reads the old file reads it to its end
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.prom", "link.prom"]


def test_a_pipe_is_written_to_and_quiet_leaves_the_verdict() -> None:
    with closed_port() as port:
        done = run(f"127.0.0.1:{port}", "--junit", "/dev/stdout", "--quiet")
    assert done.stderr == ""
    report, end, verdict = done.stdout.partition("</testsuites>\n")
    assert report.startswith("<?xml")
    assert end
    assert re.fullmatch(r"FAIL trial_unreachable · default · join · run \w{16}\n", verdict)


def test_a_failed_write_leaves_the_old_file() -> None:
    with pytest.raises(OSError, match="No space left"):
        files.write(FULL, b"x" * 10_000)
    assert FULL.is_char_device()


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_log_collector_gets_json_lines_and_nothing_else(tmp_path: Path) -> None:
    with closed_port() as port:
        door = f"http://127.0.0.1:{port}/"
        done = program(
            *("--log-format", "json", "run", "--trial-url", door, "--scenario", "join", "--repeat", "2"),
            env={"GITHUB_STEP_SUMMARY": str(tmp_path / "no" / "s.md")},
        )
    told = lines(done.stdout)
    assert [one["event"] for one in told if one["event"] != "run.moment"] == [
        *(["run.started", "run.finished"] * 2),
        "series.finished",
        "prober.trouble",
    ]
    finished = next(one for one in told if one["event"] == "run.finished")
    assert (finished["outcome"], finished["reason"], finished["level"]) == ("fail", "trial_unreachable", "error")
    assert done.stderr == ""
    assert done.returncode == 1  # a job summary that cannot be written changes nothing
    assert "@" not in done.stdout


def test_json_lines_go_aside_where_the_record_is_on_standard_output() -> None:
    with closed_port() as port:
        door = f"http://127.0.0.1:{port}/"
        done = program("--log-format", "json", "run", "--trial-url", door, "--scenario", "join", "--json", "-", "-q")
    assert json.loads(done.stdout)["reason"] == "trial_unreachable"
    assert [one["event"] for one in lines(done.stderr)] == ["run.finished"]


def on_a_terminal(*arguments: str, env: dict[str, str] | None = None) -> str:
    """What the program shows on a terminal of 100 columns."""
    ours, theirs = pty.openpty()
    clean = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR", "CI"}}
    running = subprocess.Popen(
        [sys.executable, "-m", "prober.cli", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env=clean | {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"} | (env or {}),
    )
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # Linux ends a terminal without a writer with EIO
        while select.select([ours], [], [], 60)[0] and (more := os.read(ours, 65536)):
            shown += more
    os.close(ours)
    running.wait(60)
    return shown.decode()


def test_several_runs_on_a_terminal_have_a_line_each_and_then_their_numbers() -> None:
    with closed_port() as port:
        door = f"http://127.0.0.1:{port}/"
        shown = on_a_terminal("run", "--trial-url", door, "--scenario", "join", "--repeat", "2")
    for name in ("default/join #1", "default/join #2"):
        assert f"{name}  " in shown
    assert "waiting" in shown
    assert "\x1b[1;31mFAIL\x1b[0m trial_unreachable" in shown
    assert "0 of 2 runs worked, 2 required · pass rate 0.0% of 2 judged (95 % interval 0.0% to 65.8%)" in shown


@pytest.mark.parametrize(
    ("env", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)], ids=str
)
def test_colours_are_for_terminals_that_want_them(env: dict[str, str], coloured: bool) -> None:
    shown = on_a_terminal("replay", str(GOLDEN / "agent_absent.json"), env=env)
    assert "FAIL" in shown
    assert ("\x1b[1;31m" in shown) is coloured


def test_forced_colours_bring_no_moving_pictures() -> None:
    with closed_port() as port:
        forced = run(f"127.0.0.1:{port}", env={"FORCE_COLOR": "1"})
    assert set(re.findall(r"\x1b\[[^A-Za-z]*[A-Za-z]", forced.stdout)) == {"\x1b[1;31m", "\x1b[0m"}


def series(record: RunRecord) -> Sequence[Series]:
    return in_series([[record]], required=1)


@given(words=st.text(min_size=1))
def test_a_targets_words_are_no_markdown(words: str) -> None:
    special = set(re.findall(r"[^\w\s]", words)) - set("<>/&#;")
    inner = quoted(words).removeprefix("<code>").removesuffix("</code>")
    assert not special & set(inner)
    assert not set("<>\n|`*_[](){}!@\\") & set(re.sub(r"&#\d+;", "", inner))


def test_a_job_summary_says_why_and_where_to_look() -> None:
    evil = msgspec.structs.replace(
        ABSENT, message="![x](http://evil/)|<img src=x>\n# @all", labels={"version": "1|2"}, target="shop"
    )
    text = job_summary(series(evil), ["m.prom could not be written."])
    for sign in ("<img", "![", "@all", "http://", "1|2"):
        assert sign not in text
    assert "❌ fail" in text
    assert "\n- Fix: <code>" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows[:3]} == {6}
    assert "| agent_join | 0 | 1 |" in text


def test_a_job_summary_is_cut_before_github_throws_it_away() -> None:
    many = in_series([[ABSENT]] * 1500, required=1)
    text = job_summary(many)
    assert len(text.encode()) <= LONGEST + 20
    assert text.endswith("(cut short)\n")
