import asyncio
import subprocess
import sys
import threading

import pytest

from prober.child.aside import Aside


def test_questions_are_answered_one_after_another_in_one_thread() -> None:
    aside = Aside(patience=60)

    asked = [aside.ask(threading.current_thread) for _ in range(3)]

    threads = {answer.result(60) for answer in asked}
    assert len(threads) == 1
    assert threads.pop().daemon


def test_what_a_question_raises_is_its_answer() -> None:
    aside = Aside(patience=60)

    with pytest.raises(ZeroDivisionError):
        aside.ask(lambda: 1 / 0).result(60)
    assert aside.ask(lambda: 1).result(60) == 1


def test_a_thread_that_is_held_up_is_asked_nothing_more_until_it_is_free() -> None:
    aside, begun, free = Aside(patience=-1), threading.Event(), threading.Event()

    def hold() -> bool:
        begun.set()
        return free.wait()

    held_up = aside.ask(hold)
    begun.wait()

    with pytest.raises(TimeoutError):
        aside.ask(lambda: 1).result(0)

    free.set()
    held_up.result(60)


async def test_what_nobody_waits_for_any_more_is_not_done() -> None:
    aside, free = Aside(patience=60), threading.Event()
    done = []
    aside.ask(free.wait)
    given_up = aside.ask(lambda: done.append("given up"))

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await asyncio.wrap_future(given_up)
    free.set()
    await asyncio.wrap_future(aside.ask(lambda: done.append("asked")))

    assert done == ["asked"]


def test_where_no_thread_can_be_started_it_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    aside = Aside(patience=60)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(RuntimeError, match="new thread"):
            aside.ask(lambda: 1).result(0)

    assert aside.ask(lambda: 1).result(60) == 1


def test_the_program_ends_whatever_is_held_up() -> None:
    program = """
import asyncio, threading
from prober.child.aside import Aside

async def main():
    aside = Aside(patience=60)
    begun = threading.Event()
    aside.ask(lambda: (begun.set(), threading.Event().wait()))
    begun.wait()

asyncio.run(main())
"""
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 0
