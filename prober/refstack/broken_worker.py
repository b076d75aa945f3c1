"""Workers of the reference agent that are wrong as a whole, each registered under the name of its fault.

Runs in the agent's own environment; WORKER_FAULT says which fault.
"""

import os
import time

from agent import entrypoint, prepare, serve

HOUR = 3600.0


def full() -> float:
    """The load of a worker that can take no job more."""
    return 1.0


def crash(_process) -> None:
    """Raise in each process before it is ready for a job."""
    raise FileNotFoundError("menu.json")


def hang(_process) -> None:
    """Never be ready for a job."""
    time.sleep(HOUR)


def import_what_is_not_there() -> None:
    """End as a worker does whose image lacks a package."""
    import restaurant_menu  # noqa: F401, PLC0415 - there is none


IMPATIENT = 5.0
"""Seconds that a process is given to be ready; livekit-agents' own are 10, and its worker registers no sooner."""
LIMIT = 0.7
"""The load from which on a worker takes no more jobs, as livekit-agents has it in production."""
FAULTS = {
    "worker_full": {"setup_fnc": prepare, "load_fnc": full, "load_threshold": LIMIT},
    "worker_import_error": {},
    "worker_killed": {"setup_fnc": prepare},
    "prewarm_raises": {"setup_fnc": crash, "initialize_process_timeout": IMPATIENT},
    "prewarm_hangs": {"setup_fnc": hang, "initialize_process_timeout": IMPATIENT},
}


if __name__ == "__main__":
    fault = os.environ["WORKER_FAULT"]
    if fault == "worker_import_error":
        import_what_is_not_there()
    serve(entrypoint, name=fault, **FAULTS[fault])
