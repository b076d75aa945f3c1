"""Programs of the reference stack: each in a process group of its own, logged, always stopped with all it started."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

_SUPERVISOR = Path(__file__).with_name("supervisor.py")
_LOOK_EVERY = 0.03  # a log file has no event to wait for
_LINES_SHOWN = 12


class StackError(Exception):
    """Why the reference stack cannot run, in words for the person who started it."""


class Program:
    """A running program; leaving the context ends it: SIGTERM to its group, `grace` seconds, SIGKILL, all reaped.

    The same happens when this process dies, however it dies: a supervisor holds the other end of a pipe from us. What
    it says goes to `log`; without one to our own standard error, and then no line of it can be waited for.
    """

    def __init__(
        self, argv: Sequence[str | Path], *, env: Mapping[str, str] | None, log: Path | None, grace: float = 5.0
    ) -> None:
        self.argv = [os.fspath(argument) for argument in argv]
        self.log = log
        self._env = env
        self._grace = grace
        self._pid: int | None = None
        self._supervisor: asyncio.subprocess.Process | None = None
        self._output_starts = 0

    @property
    def name(self) -> str:
        """The program's name, for messages."""
        return Path(self.argv[0]).name

    @property
    def pid(self) -> int:
        """The program's process id, which is its group's id too."""
        if self._pid is None:
            raise RuntimeError("the program was not started")
        return self._pid

    @property
    def returncode(self) -> int | None:
        """None while it runs, then its exit status; negative is the signal that ended it."""
        return self._started().returncode

    async def __aenter__(self) -> Self:
        with self._output() as output:
            self._supervisor = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-S",
                _SUPERVISOR,
                str(self._grace),
                *self.argv,
                env=self._env,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=output,
                start_new_session=True,  # Ctrl-C in the terminal is for us, who then stop the program
            )
        try:
            said = await self._report()
        except BaseException:
            await self._stop()
            raise
        outcome, _, detail = said.partition(" ")
        if outcome != "started":
            await self._stop()
            raise StackError(f"{self.argv[0]} cannot be started: {detail or 'its supervisor ended'}")
        self._pid = int(detail)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def kill(self) -> None:
        """End it as a crash would, with all of its group; return when it is gone."""
        os.killpg(self.pid, signal.SIGKILL)
        await self.wait()

    async def wait(self) -> int:
        """Wait for the program's end and return its exit status."""
        return await self._started().wait()

    async def wait_for_line(self, predicate: Callable[[str], bool], timeout: float) -> str:
        """Return the first line of this program's output, from its start on, that satisfies the predicate."""
        lines = self._lines()
        clock = asyncio.get_running_loop().time
        due = clock() + timeout
        while True:
            ended = self.returncode  # asked before reading: the last words of an ended program are then in what we read
            for line in lines.read(to_the_end=ended is not None):
                if predicate(line):
                    return line
            if ended is not None:
                raise StackError(f"{self.name} ended with {_status(ended)}.{self.last_words()}")
            if clock() >= due:
                raise StackError(f"{self.name} did not say in {timeout:g} s what was waited for.{self.last_words()}")
            await asyncio.sleep(_LOOK_EVERY)

    def last_words(self) -> str:
        """The last lines of this program's output and where all of it is, as a sentence that follows another."""
        lines = [line for line in self._lines().read(to_the_end=True) if line.strip()][-_LINES_SHOWN:]
        return "".join(f"\n    {line}" for line in [f"(log: {self.log})", *lines])

    @contextmanager
    def _output(self) -> Iterator[IO[bytes] | None]:
        if self.log is None:
            yield None
            return
        with self.log.open("ab") as output:
            self._output_starts = output.tell()
            yield output

    def _lines(self) -> "_Lines":
        if self.log is None:
            raise RuntimeError(f"what {self.name} says is not kept")
        return _Lines(self.log, self._output_starts)

    async def _report(self) -> str:
        supervisor = self._started()
        assert supervisor.stdout is not None  # noqa: S101 - we asked for a pipe
        return (await supervisor.stdout.readline()).decode(errors="replace").strip()

    async def _stop(self) -> None:
        """Let the supervisor stop the program, even if we are cancelled meanwhile."""
        stopping = asyncio.ensure_future(self._stop_and_reap())
        try:
            await asyncio.shield(stopping)
        except asyncio.CancelledError:
            await stopping
            raise

    async def _stop_and_reap(self) -> None:
        supervisor = self._started()
        assert supervisor.stdin is not None  # noqa: S101 - we asked for a pipe
        assert supervisor.stdout is not None  # noqa: S101 - we asked for a pipe
        supervisor.stdin.close()
        try:
            async with asyncio.timeout(self._grace + 10):
                await supervisor.stdout.read()
                await supervisor.wait()
        except TimeoutError:
            supervisor.kill()
            await supervisor.wait()
        finally:
            if self._pid is not None and supervisor.returncode == -signal.SIGKILL:
                with suppress(ProcessLookupError):  # the supervisor may have been killed before it could kill the group
                    os.killpg(self._pid, signal.SIGKILL)

    def _started(self) -> asyncio.subprocess.Process:
        if self._supervisor is None:
            raise RuntimeError("the program was not started")
        return self._supervisor


class _Lines:
    """The lines of a growing file, from a position on."""

    def __init__(self, file: Path, position: int) -> None:
        self._file = file
        self._position = position
        self._begun = b""

    def read(self, *, to_the_end: bool) -> list[str]:
        """Return the lines completed since the last call, and at the end of the program the one it did not complete."""
        with self._file.open("rb") as file:
            file.seek(self._position)
            new = file.read()
        self._position += len(new)
        *lines, self._begun = (self._begun + new).split(b"\n")
        if to_the_end and self._begun:
            lines.append(self._begun)
        return [line.decode(errors="replace") for line in lines]


def _status(code: int) -> str:
    return f"exit status {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"
