"""What may take for ever, in a thread of its own: it holds up neither who asked nor the end of the program."""

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

Answer = TypeVar("Answer")


class Aside:
    """One thread, begun with the first question, that answers one after another."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._questions: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._busy_since: float | None = None

    def ask(self, question: Callable[[], Answer]) -> Future[Answer]:
        """Its answer, or what it raised; a TimeoutError where another one has taken longer than `patience` seconds."""
        answer: Future[Answer] = Future()
        busy_since = self._busy_since
        try:
            if busy_since is not None and time.monotonic() - busy_since > self._patience:
                raise TimeoutError
            self._start()
        except (TimeoutError, RuntimeError) as error:  # the latter where no thread can be started
            answer.set_exception(error)
        else:
            self._questions.put((question, answer))
        return answer

    def _start(self) -> None:
        if self._thread is None:
            thread = threading.Thread(target=self._work, name="aside", daemon=True)
            thread.start()
            self._thread = thread

    def _work(self) -> None:
        while True:
            question, answer = self._questions.get()
            if answer.set_running_or_notify_cancel():  # somebody still waits for it
                self._busy_since = time.monotonic()
                try:
                    answer.set_result(question())
                except Exception as error:  # noqa: BLE001 - it is for who asked
                    answer.set_exception(error)
                self._busy_since = None
