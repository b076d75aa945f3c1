import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.core.causes import Cause
from prober.core.events import AgentLogged
from prober.diagnosis import agent_log
from prober.diagnosis.agent_log import AgentLog
from prober.diagnosis.known_causes import KNOWN
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


@given(
    st.lists(st.text(max_size=40) | st.sampled_from(["{", '{"message": 1}', "[]", '{"log": "{"}', "null", "{" * 5000]))
)
def test_whatever_a_line_holds_is_tolerated(lines: list[str]) -> None:
    log_of(*lines).told_of("R", at=0.0)


values = st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.lists(st.text(max_size=3), max_size=2)
messages = values | st.sampled_from(
    ["received job request", "process exiting", "unhandled exception while running the job task", "registered worker"]
)
errors = values | st.sampled_from(
    ["ImportError: x", "ValueError: X API key is required, set X_API_KEY", "TimeoutError"]
)
names = values | st.sampled_from(["R", "S", "AJ_1"])
objects = st.fixed_dictionaries(
    {"message": messages},
    optional={"exc_info": errors, "error": errors, "room": names, "room_name": names, "job_id": names, "level": values},
)


@given(st.lists(objects, max_size=12))
def test_whatever_a_worker_says_what_is_told_was_said_of_a_known_cause(lines: list[dict[str, Any]]) -> None:
    log = log_of(*(json.dumps(line) for line in lines))

    causes = {known.cause for known in KNOWN}
    for room in ("R", "S"):
        found = log.told_of(room, at=0.0)
        assert found is None or (found.cause in causes and len(found.quote) <= 120 and found.quote.isprintable())


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_log, "MOST", 3)
    log = AgentLog()
    for number in range(10):
        log.read(json.dumps(taken(f"AJ_{number}", f"R{number}")))
        log.read(json.dumps(CRASH | {"job_id": f"AJ_{number}"}))

    assert [number for number in range(10) if log.told_of(f"R{number}", at=0.0) is not None] == [7, 8, 9]


@pytest.mark.parametrize(
    "said", ["Error: " + "API key " * 4000, "w" * 16000 + "Error", 'livekit/plugins/a/b.py", line ' * 600]
)
def test_no_line_takes_long_to_understand(said: str) -> None:
    # Bounded by counting what a pattern may look at, not by a clock: a pattern that explodes never comes back.
    assert told("R", {"message": CRASH["message"], "exc_info": said, "room": "R"}) is not None
