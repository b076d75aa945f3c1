import subprocess
from pathlib import Path

import pytest

from prober.sinks.revision import UNKNOWN, revision

MADE = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for step in (("init", "-q"), ("add", "."), ("commit", "-qm", "one")):
        (tmp_path / "file").write_text("one")
        who = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
        subprocess.run(("git", "-C", tmp_path, *who, *step), check=True)
    return tmp_path


def head(folder: Path) -> str:
    asked = ("git", "-C", folder, "rev-parse", "HEAD")
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


def test_an_image_says_what_it_was_built_of(checkout: Path) -> None:
    assert revision({"LIVEKIT_PROBER_REVISION": MADE}, checkout) == MADE


def test_a_checkout_says_its_commit_and_whether_it_is_all(checkout: Path) -> None:
    assert revision({}, checkout) == head(checkout)
    (checkout / "file").write_text("two")
    assert revision({}, checkout) == f"{head(checkout)}-dirty"


def test_a_program_that_lies_inside_anothers_checkout_does_not_take_its_commit(checkout: Path) -> None:
    inside = checkout / "venv" / "lib"
    inside.mkdir(parents=True)
    assert revision({"LIVEKIT_PROBER_REVISION": ""}, inside) == UNKNOWN


def test_git_learns_no_secret_and_is_led_nowhere(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (checkout / "git").write_text('#!/bin/sh\necho "$PATH$LIVEKIT_API_SECRET$GIT_DIR"\n')
    (checkout / "git").chmod(0o700)
    monkeypatch.setenv("PATH", str(checkout))
    monkeypatch.setenv("LIVEKIT_API_SECRET", "s3cret")
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    assert revision({}, checkout) == str(checkout)


def test_where_git_is_missing_or_refuses_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").write_text("gitdir: nowhere")
    assert revision({}, tmp_path) == UNKNOWN
    monkeypatch.setenv("PATH", str(tmp_path))
    assert revision({}, tmp_path) == UNKNOWN
