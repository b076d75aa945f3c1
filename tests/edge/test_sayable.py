"""The process that looks whether a recording can be said: it learns no secret, and is waited for only so long."""

import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from prober import sayable
from prober.cli import main


def program(folder: Path, script: str) -> str:
    """A program that can stand in Python's place."""
    made = folder / "program"
    made.write_text(f"#!/bin/sh\n{script}\n")
    made.chmod(0o700)
    return str(made)


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    file = tmp_path / "own.wav"
    file.touch()
    return file


def test_it_learns_no_secret(sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEKIT_API_SECRET", "s3cret")
    monkeypatch.setattr(sys, "executable", program(tmp_path, f'env > "{tmp_path}/seen"; echo unfit >&2; exit 1'))
    arguments = ("run", "--trial-url", "http://127.0.0.1:9/", "--say", str(sound))
    assert "unfit" in CliRunner().invoke(main, arguments).output
    assert "OPENBLAS_NUM_THREADS=1" in (tmp_path / "seen").read_text()
    assert "s3cret" not in (tmp_path / "seen").read_text()


def test_it_is_ended_when_it_takes_too_long(sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "never")
    monkeypatch.setattr(sayable, "WITHIN", 0.2)
    monkeypatch.setattr(sys, "executable", program(tmp_path, f'read line < "{tmp_path}/never"'))
    arguments = ("run", "--trial-url", "http://127.0.0.1:9/", "--say", str(sound))
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "could not be read within 0 s" in " ".join(result.output.replace("│", " ").split())


def test_a_pipe_is_refused_before_anybody_waits_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    monkeypatch.setattr(sayable, "WITHIN", 30.0)
    said = sayable.why_not(str(tmp_path / "pipe.wav"))
    assert said == f"{tmp_path}/pipe.wav cannot be read as sound: it is no regular file"
