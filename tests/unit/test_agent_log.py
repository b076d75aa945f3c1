import json
from collections.abc import Callable
from typing import Any

import pytest

from prober.core.causes import Cause
from prober.core.events import AgentLogged
from prober.diagnosis import agent_log, worker_lines
from prober.diagnosis.agent_log import AgentLog
from prober.diagnosis.worker_lines import LONGEST
from tests.agent_logs.recorded import RECORDED, room_of

INCIDENT = (
    '{"message": "received job request", "job_id": "AJ_1", "room_name": "R"}',
    '{"message": "unhandled exception while running the job task", '
    '"error": "ValueError: ElevenLabs API key is required..."}',
)
"""The two lines that were all that showed of the incident, as they were written down."""
CRASH = {"message": "unhandled exception while running the job task", "exc_info": "ValueError: no"}


def taken(job: str, room: str) -> dict[str, Any]:
    return {"message": "received job request", "job_id": job, "room": room}


def log_of(*lines: str | dict[str, Any]) -> AgentLog:
    log = AgentLog()
    for line in lines:
        log.read(line if isinstance(line, str) else json.dumps(line))
    return log


def told(room: str, *lines: str | dict[str, Any]) -> AgentLogged | None:
    return log_of(*lines).told_of(room, at=1.0)


def test_the_incidents_own_two_lines() -> None:
    found = told("R", *INCIDENT)

    assert found is not None
    assert (found.cause, found.by, found.job) == (Cause.PROVIDER_KEY_MISSING, "time", "AJ_1")
    assert found.quote == "ValueError: ElevenLabs API key is required..."
    assert found.fix == "Set ELEVEN_API_KEY in the worker's environment and restart the worker."


def test_another_room_is_told_nothing() -> None:
    assert told("S", *INCIDENT) is None


@pytest.mark.parametrize("key", ["exc_info", "error"])
@pytest.mark.parametrize("room", ["room", "room_name"])
def test_what_the_versions_call_it_does_not_matter(key: str, room: str) -> None:
    crash = {
        "message": CRASH["message"],
        key: "Traceback …\n  raise\nModuleNotFoundError: No module named 'x'",
        room: "R",
    }

    found = told("R", crash)

    assert found is not None
    assert (found.cause, found.by) == (Cause.IMPORT_ERROR, "room")


def test_an_exception_may_stand_at_the_messages_end() -> None:
    found = told("R", {"message": f"{CRASH['message']}\nTraceback …\nImportError: no", "room": "R"})

    assert found is not None
    assert found.cause is Cause.IMPORT_ERROR


def test_a_line_with_a_job_alone_is_joined_by_it() -> None:
    found = told("R", taken("AJ_1", "R"), taken("AJ_2", "S"), CRASH | {"job_id": "AJ_1"})

    assert found is not None
    assert (found.by, found.job) == ("job", "AJ_1")


def test_a_line_of_a_job_that_nobody_knows_counts_for_none() -> None:
    assert told("R", taken("AJ_1", "R"), CRASH | {"job_id": "AJ_9"}) is None


def test_a_line_without_room_or_job_counts_for_none_of_two() -> None:
    log = log_of(taken("AJ_1", "R"), taken("AJ_2", "S"), CRASH)

    assert log.told_of("R", at=1.0) is None
    assert log.told_of("S", at=1.0) is None


def test_a_job_that_is_over_does_not_take_the_next_ones_lines() -> None:
    ended = {"message": "process exiting", "reason": "room closed", "job_id": "AJ_1", "room": "R"}

    log = log_of(taken("AJ_1", "R"), ended, taken("AJ_2", "S"), CRASH)

    assert log.told_of("R", at=1.0) is None
    found = log.told_of("S", at=1.0)
    assert found is not None
    assert found.by == "time"


def test_a_crash_by_time_ends_its_job() -> None:
    log = log_of(taken("AJ_1", "R"), CRASH, taken("AJ_2", "S"), CRASH)

    assert [log.told_of(room, at=1.0) is not None for room in ("R", "S")] == [True, True]


def test_a_crash_is_a_jobs_even_where_its_exception_could_be_a_workers() -> None:
    log = log_of(taken("AJ_1", "R"), {"message": CRASH["message"], "error": "ModuleNotFoundError: No module named 'x'"})

    found = log.told_of("R", at=1.0)
    assert found is not None
    assert (found.cause, found.by) == (Cause.IMPORT_ERROR, "time")
    assert log.told_of("S", at=1.0) is None


def test_an_idle_process_that_dies_is_no_job() -> None:
    assert told("R", taken("AJ_1", "R"), {"message": "process exited with non-zero exit code -10", "pid": 4}) is None


def test_the_most_telling_line_counts_wherever_it_stands() -> None:
    known = {"message": "Error in _tts_task", "exc_info": "ImportError: no", "room": "R"}
    crash = CRASH | {"room": "R"}

    first, last = told("R", known, crash), told("R", crash, known)

    assert first == last
    assert first is not None
    assert first.cause is Cause.IMPORT_ERROR


def test_what_an_agent_tells_of_its_calls_is_not_taken_for_its_trouble() -> None:
    quoted = {"message": "ImportError: said the caller", "level": "INFO", "name": "my.agent", "room": "R"}

    assert told("R", quoted) is None


def test_a_worker_that_is_full_explains_only_rooms_whose_job_nobody_took() -> None:
    full = {"message": "worker is at full capacity, marking as unavailable", "level": "INFO", "name": "livekit.agents"}
    free = {"message": "worker is below capacity, marking as available", "level": "INFO", "name": "livekit.agents"}

    found = told("R", full)
    assert found is not None
    assert (found.cause, found.by) == (Cause.WORKER_FULL, "worker")
    assert told("R", taken("AJ_1", "R"), full) is None
    assert told("R", full, free) is None


def test_processes_that_fail_explain_rooms_whose_job_was_taken_too_until_one_is_ready() -> None:
    lines = RECORDED["prewarm_raises"]
    ready = {"message": "process initialized", "level": "INFO", "name": "livekit.agents"}

    assert told(room_of("prewarm_raises"), *lines) is not None
    assert told(room_of("prewarm_raises"), *lines, ready) is None


WRAPPED: dict[str, Callable[[str], str]] = {
    "containerd": lambda line: f"2026-01-02T03:04:05.678901234Z stdout F {line}",
    "docker": lambda line: json.dumps({"log": f"{line}\n", "stream": "stdout", "time": "…"}),
    "kubectl --prefix": lambda line: f"[pod/agent-5d9f/agent] {line}",
    "compose": lambda line: f"agent-1  | {line}",
}


@pytest.mark.parametrize("wrapped", WRAPPED)
def test_what_hands_a_log_on_may_wrap_it(wrapped: str) -> None:
    room, lines = room_of("missing_elevenlabs_key"), RECORDED["missing_elevenlabs_key"]

    assert told(room, *map(WRAPPED[wrapped], lines)) == told(room, *lines)


def in_pieces_of_containerd(line: str) -> list[str]:
    pieces = [line[at : at + 1000] for at in range(0, len(line), 1000)]
    return [f"2026-01-02T03:04:05Z stdout {'PF'[piece is pieces[-1]]} {piece}" for piece in pieces]


def in_pieces_of_docker(line: str) -> list[str]:
    pieces = [line[at : at + 1000] for at in range(0, len(line), 1000)]
    pieces[-1] += "\n"
    return [json.dumps({"log": piece, "stream": "stdout"}, separators=(",", ":")) for piece in pieces]


@pytest.mark.parametrize("cut", [in_pieces_of_containerd, in_pieces_of_docker])
def test_a_long_line_comes_in_pieces_out_of_a_container(cut: Callable[[str], list[str]]) -> None:
    room, lines = room_of("refused_inference_key"), RECORDED["refused_inference_key"]

    found = told(room, *(piece for line in lines for piece in cut(line)))

    assert found is not None
    assert found == told(room, *lines)


def test_pieces_that_never_end_are_given_up() -> None:
    endless = [f"2026-01-02T03:04:05Z stdout P {'x' * 16_000}"] * (LONGEST // 16_000 + 1)

    found = told("R", *endless, f"2026-01-02T03:04:05Z stdout F {json.dumps(CRASH | {'room': 'R'})}")

    assert found is not None


@pytest.mark.parametrize("wrapped", ["containerd", "docker", "kubectl --prefix"])
def test_and_a_bare_traceback_too(wrapped: str) -> None:
    assert told("any", *map(WRAPPED[wrapped], RECORDED["import_error"])) == told("any", *RECORDED["import_error"])


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_log, "MOST", 3)
    log = AgentLog()
    for number in range(10):
        log.read(json.dumps(taken(f"AJ_{number}", f"R{number}")))
        log.read(json.dumps(CRASH | {"job_id": f"AJ_{number}"}))

    assert [number for number in range(10) if log.told_of(f"R{number}", at=0.0) is not None] == [7, 8, 9]


def test_names_are_kept_as_long_as_livekit_has_any() -> None:
    long = "R" * 256
    crash = CRASH | {"room": long + "x"}

    assert told(long, crash) is not None
    assert told(long + "x", crash) is None


def test_a_job_by_the_name_of_somebody_is_not_told() -> None:
    found = told("R", taken("someone@example.com", "R"), CRASH | {"job_id": "someone@example.com"})

    assert found is not None
    assert (found.by, found.job) == ("job", "[e-mail]")


UNSPOKEN = "livekit.agents._exceptions.APIError: no audio frames were pushed for text: "
AGAIN = "\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback …\nImportError: no"


@pytest.mark.parametrize(
    ("error", "quote"),
    [
        (f"{UNSPOKEN}Your code\nis four two", f"{UNSPOKEN}…"),
        (f"{UNSPOKEN}{'Your code is four two ' * 2000}\nis four two", f"{UNSPOKEN}…"),
        (f"{UNSPOKEN}Your code\nis four two{AGAIN}", "ImportError: no"),
    ],
)
def test_what_was_to_be_spoken_is_not_told(error: str, quote: str) -> None:
    found = told("R", CRASH | {"exc_info": error, "room": "R"})
    as_message = told("R", {"message": f"{CRASH['message']}\n{error}", "room": "R"})

    assert found == as_message
    assert found is not None
    assert found.quote == quote


KEY = "sk-4f9a8b7c6d5e4f3a2b1c0d9e"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x" * 300, "y" * (worker_lines.TAIL - 15)),
        ("1" * (worker_lines.HEAD - len(CRASH["message"]) - 15), "y" * 20_000),
    ],
    ids=["at the end", "at the beginning"],
)
def test_a_secret_that_is_cut_in_two_is_left_out(before: str, after: str) -> None:
    found = told("R", {"message": f"{CRASH['message']} {before} {KEY} {after}", "room": "R"})

    assert found is not None
    assert not [at for at in range(len(KEY) - 5) if KEY[at : at + 5] in found.quote]
