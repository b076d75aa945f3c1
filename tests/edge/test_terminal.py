"""A terminal obeys nothing that somebody handed over: a file, its name, a history, an argument."""

import json
import os
import pty
import sqlite3
import subprocess
import sys
import zlib
from contextlib import closing
from pathlib import Path

import pytest

from prober.sinks.history import writing
from tests.edge.kept_runs import run
from tests.edge.test_cli import program

EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202ekcatta"
CONFIGURATION = {
    "targets": {
        "shop": {
            "entry": {"trial": {"steps": [{"name": f"a{EVIL}", "url": "https://x.example.com/"}]}},
            "scenarios": {"join": {"interval": 60}},
        }
    }
}
SIDECAR = {
    "schema": "speech-fixture/1",
    "language": f"en{EVIL}",
    "transcript": f"hi {EVIL}",
    "source": {"licence": f"[/nope]{EVIL}"},
    "audio": {"pcm_sha256": "x", "duration_ms": 1},
    "speech": {"onset_sample": None, "end_sample": None},
}


def harmless(*arguments: str | Path) -> str:
    """What the program says of these arguments, which holds the words and obeys none of them."""
    done = program(*map(str, arguments))
    said = done.stdout + done.stderr
    assert "owned" in said
    assert said.replace("\n", "").isprintable(), ascii(said)
    assert "bug" not in said
    return said


@pytest.mark.parametrize(
    "verb", [("check",), ("replay",), ("fixtures", "check"), ("fixtures", "add"), ("history", "--db")]
)
def test_the_name_of_a_file_is_shown_and_not_obeyed(verb: tuple[str, ...], tmp_path: Path) -> None:
    file = tmp_path / f"b{EVIL}.wav"
    file.write_text("a: [")
    harmless(*verb, file)


@pytest.mark.parametrize("arguments", [("run", f"x{EVIL}"), ("run", f"--x{EVIL}"), ("run", "--label", EVIL), (EVIL,)])
def test_an_argument_is_shown_and_not_obeyed(arguments: tuple[str, ...]) -> None:
    harmless(*arguments)


@pytest.mark.parametrize(("name", "content"), [("a", json.dumps(SIDECAR)), (f"b{EVIL}", "x")], ids=["words", "name"])
def test_a_listed_sidecar_is_not_obeyed(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / f"{name}.wav").touch()
    (tmp_path / f"{name}.json").write_text(content)
    harmless("fixtures", "list", tmp_path)


@pytest.mark.parametrize("change", [{}, {f"k{EVIL}": 1}, {"connectivity": [f"x{EVIL}"]}])
@pytest.mark.parametrize("options", [(), ("--dump",)])
def test_a_configuration_is_checked_and_not_obeyed(
    change: dict[str, object], options: tuple[str, ...], tmp_path: Path
) -> None:
    file = tmp_path / "owned.yaml"
    file.write_text(json.dumps(CONFIGURATION | change))
    harmless("check", *options, file)


def test_a_history_is_listed_and_neither_obeyed_nor_taken_for_markup(tmp_path: Path) -> None:
    path, target = tmp_path / "history.db", f"[/nope][bold]{EVIL}"
    with writing(path) as history:
        history.record(run(target="shop"))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE runs SET target = ?", (target,))
        connection.commit()
    assert "[/nope][bold]" in harmless("history", "--db", path)


def test_a_terminal_gets_what_is_visible_of_a_kept_record_and_a_file_all_of_it(tmp_path: Path) -> None:
    path, body = tmp_path / "history.db", EVIL.encode()
    with writing(path) as history:
        history.record(run())
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE runs SET record = ?", (zlib.compress(body),))
        connection.commit()
    command = (sys.executable, "-m", "prober.cli", "history", "--db", str(path), "--json")
    ours, theirs = pty.openpty()
    subprocess.run(command, stdout=theirs, timeout=60, check=True)
    shown = os.read(ours, 4096).decode()
    for number in (ours, theirs):
        os.close(number)
    assert "owned" in shown
    assert shown.replace("\r\n", "").isprintable(), ascii(shown)
    assert subprocess.run(command, capture_output=True, timeout=60, check=True).stdout == body + b"\n"
