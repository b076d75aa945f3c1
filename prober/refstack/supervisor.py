"""Runs one program in a process group of its own and stops it, with all it started, when our standard input ends.

Started by `process.Program` as a script of its own, standard library only. Standard input is a pipe that nobody writes
to: it ends when its owner closes it or dies, by SIGKILL too. One line on standard output says `started PID` or `failed
WHY`; the program's own output goes to standard error. The exit status is the program's, its signal included.
"""

import contextlib
import ctypes
import os
import resource
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36  # <linux/prctl.h>


def main() -> None:
    """Read as `supervisor.py GRACE PROGRAM ARGUMENT…`, GRACE being the seconds between SIGTERM and SIGKILL."""
    grace, argv = float(sys.argv[1]), sys.argv[2:]
    woken, wake = os.pipe()
    for end in (woken, wake):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(wake)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    _adopt_orphans()
    try:
        program = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=sys.stderr, process_group=0)
    except OSError as error:
        print("failed", error, flush=True)
        sys.exit(127)
    with contextlib.suppress(BrokenPipeError):  # the owner may be gone already: then standard input has ended
        print("started", program.pid, flush=True)
    _wait(program.pid, [0, woken], time.monotonic() + 10**9)
    _signal_group(program.pid, signal.SIGTERM)
    _wait(program.pid, [woken], time.monotonic() + grace)
    _signal_group(program.pid, signal.SIGKILL)
    status = program.wait()
    _reap_the_rest()
    _end_like(status)


def _wait(pid: int, sources: list[int], until: float) -> None:
    """Return when the program has ended (unreaped: its group keeps its id), at `until`, or when told to stop."""
    while not _ended(pid) and (left := until - time.monotonic()) > 0:
        ready, _, _ = select.select(sources, [], [], left)
        if 0 in ready:
            return
        if ready and any(number != signal.SIGCHLD for number in os.read(ready[0], 64)):
            return


def _ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says EPERM for a group of zombies
        os.killpg(group, number)


def _adopt_orphans() -> None:
    """On Linux, descendants whose parent died become our children, so that nothing leaves by changing its group."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _reap_the_rest() -> None:
    while True:
        for child in _children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        try:
            os.wait()
        except ChildProcessError:
            return


def _children() -> list[int]:
    listing = Path(f"/proc/self/task/{os.getpid()}/children")
    return [int(pid) for pid in listing.read_text().split()] if listing.exists() else []


def _end_like(status: int) -> None:
    if status >= 0:
        sys.exit(status)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.set_wakeup_fd(-1)
    with contextlib.suppress(OSError, ValueError):  # SIGKILL has no handler to reset
        signal.signal(-status, signal.SIG_DFL)
    os.kill(os.getpid(), -status)


if __name__ == "__main__":
    main()
