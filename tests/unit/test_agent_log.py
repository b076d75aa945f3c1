import json
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from prober.core.causes import Cause
from prober.core.events import AgentLogged, AgentLogQuiet
from prober.core.words import harmless
from prober.diagnosis import agent_log, worker_lines
from prober.diagnosis.agent_log import AgentLog
from prober.diagnosis.worker_lines import LONGEST, LONGEST_ID
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
    return of(log_of(*lines), room)


def of(log: AgentLog, room: str, *, since: int = 0) -> AgentLogged | None:
    found = log.told_of(room, at=1.0, since=since)
    return found if isinstance(found, AgentLogged) else None


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

    assert of(log, "R") is None
    assert of(log, "S") is None


def test_a_job_that_is_over_does_not_take_the_next_ones_lines() -> None:
    ended = {"message": "process exiting", "reason": "room closed", "job_id": "AJ_1", "room": "R"}

    log = log_of(taken("AJ_1", "R"), ended, taken("AJ_2", "S"), CRASH)

    assert of(log, "R") is None
    found = of(log, "S")
    assert found is not None
    assert found.by == "time"


def test_a_crash_by_time_ends_its_job() -> None:
    log = log_of(taken("AJ_1", "R"), CRASH, taken("AJ_2", "S"), CRASH)

    assert [of(log, room) is not None for room in ("R", "S")] == [True, True]


def test_a_crash_is_a_jobs_even_where_its_exception_could_be_a_workers() -> None:
    log = log_of(taken("AJ_1", "R"), {"message": CRASH["message"], "error": "ModuleNotFoundError: No module named 'x'"})

    found = of(log, "R")
    assert found is not None
    assert (found.cause, found.by) == (Cause.IMPORT_ERROR, "time")
    assert of(log, "S") is None


def test_an_idle_process_that_dies_is_no_job() -> None:
    assert told("R", taken("AJ_1", "R"), {"message": "process exited with non-zero exit code -10", "pid": 4}) is None


def test_the_exception_that_a_job_died_of_counts_before_one_that_was_got_over() -> None:
    handled = {"message": "turbo mode off", "level": "WARNING", "exc_info": "ImportError: uvloop", "room": "R"}
    crash = CRASH | {"room": "R"}

    first, last = told("R", handled, crash), told("R", crash, handled)

    assert first is not None
    assert last is not None
    assert first.cause is last.cause is Cause.JOB_CRASHED
    assert first.quote == last.quote == "ValueError: no"


def test_a_job_that_died_counts_before_a_warning_that_it_may_have_got_over() -> None:
    room = room_of("hangs_before_connect")
    died = {"message": "process exited with non-zero exit code -9", "level": "ERROR", "room": room}

    found = told(room, *RECORDED["hangs_before_connect"], died)

    assert found is not None
    assert found.cause is Cause.JOB_DIED


def closing(status: int) -> dict[str, Any]:
    error = f"message='no', status_code={status}, retryable=False"
    return {
        "message": f"AgentSession is closing due to unrecoverable error: {error}",
        "level": "ERROR",
        "name": "livekit.agents",
        "room": room_of("refused_elevenlabs_key"),
    }


def test_the_error_that_closed_a_session_counts_before_one_that_was_got_over() -> None:
    room, lines = room_of("refused_elevenlabs_key"), RECORDED["refused_elevenlabs_key"]

    found = told(room, *lines, closing(503))

    assert found is not None
    assert found.cause is Cause.PROVIDER_ERRORS


def test_of_its_cause_the_line_counts_that_tells_most() -> None:
    room, lines = room_of("refused_elevenlabs_key"), RECORDED["refused_elevenlabs_key"]

    found = told(room, *lines, closing(401))

    assert found is not None
    assert found.fix is not None
    assert "elevenlabs plugin" in found.fix


def test_a_room_whose_name_is_used_again_is_told_nothing_of_before() -> None:
    old = (taken("AJ_1", "desk"), CRASH | {"job_id": "AJ_1", "error": "ImportError: no"})
    full = {"message": "worker is at full capacity, marking as unavailable", "level": "INFO", "name": "livekit.agents"}
    log = log_of(*old)
    begun = log.lines

    assert of(log, "desk") is not None
    assert of(log, "desk", since=begun) is None
    log.read(json.dumps(full))
    nobody = of(log, "desk", since=begun)
    assert nobody is not None
    assert nobody.cause is Cause.WORKER_FULL
    log.read(json.dumps(CRASH | {"room": "desk"}))
    crashed = of(log, "desk", since=begun)
    assert crashed is not None
    assert (crashed.cause, crashed.by) == (Cause.JOB_CRASHED, "room")


@pytest.mark.parametrize("died", [{"job_id": "AJ_1", "room": "desk"}, {"job_id": "AJ_1"}])
def test_nor_of_a_job_of_before_that_ends_when_it_is_used_again(died: dict[str, str]) -> None:
    log = log_of(taken("AJ_1", "desk"))
    begun = log.lines
    for line in (taken("AJ_2", "desk"), {"message": "process exited with non-zero exit code -9"} | died):
        log.read(json.dumps(line))

    assert of(log, "desk", since=begun) is None
    log.read(json.dumps({"message": "process exited with non-zero exit code 3", "job_id": "AJ_2"}))
    log.read(json.dumps({"message": "process exited with non-zero exit code -9"} | died))
    found = of(log, "desk", since=begun)
    assert found is not None
    assert found.job == "AJ_2"


def test_of_an_agent_that_was_in_the_room_already_it_is() -> None:
    log = log_of(taken("AJ_1", "desk"))
    begun = log.lines
    log.read(json.dumps(CRASH | {"job_id": "AJ_1"}))

    assert of(log, "desk", since=begun) is not None


def test_of_two_agents_in_a_room_the_first_ones_trouble_counts_too() -> None:
    assert told("R", taken("AJ_1", "R"), taken("AJ_2", "R"), CRASH | {"job_id": "AJ_1"}) is not None


def test_nor_where_it_is_not_known_when_the_run_began() -> None:
    old = (taken("AJ_1", "desk"), CRASH | {"job_id": "AJ_1"})

    assert told("desk", *old, taken("AJ_2", "desk")) is None


def test_after_a_gap_nobody_knows_how_the_worker_is_nor_which_jobs_are_open() -> None:
    full = {"message": "worker is at full capacity, marking as unavailable", "level": "INFO", "name": "livekit.agents"}
    log = log_of(taken("AJ_1", "R"), full)

    log.skip()
    log.read(json.dumps(CRASH))

    assert of(log, "R") is None
    assert of(log, "S") is None


def test_so_a_job_that_is_taken_then_may_not_be_the_only_one_until_a_worker_starts() -> None:
    log = log_of(taken("AJ_1", "R"))

    log.skip()
    for line in (taken("AJ_2", "S"), CRASH):
        log.read(json.dumps(line))
    assert of(log, "S") is None
    for line in (STARTING, taken("AJ_3", "T"), CRASH):
        log.read(json.dumps(line))
    assert of(log, "T") is None  # nor is it known whether the worker of the one before is gone
    for line in ({"message": "process exiting", "job_id": "AJ_2"}, CRASH):
        log.read(json.dumps(line))
    found = of(log, "T")
    assert found is not None
    assert found.by == "time"


IMPORT = "ModuleNotFoundError: No module named 'spacy'"
REGISTERED = {"message": "registered worker", "level": "INFO", "name": "livekit.agents"}
STARTING = {"message": "starting worker", "level": "INFO", "name": "livekit.agents"}
DRAINING = {"message": "draining worker", "level": "INFO", "name": "livekit.agents"}


@pytest.mark.parametrize(
    "lines",
    [
        (REGISTERED, {"message": "no extras", "level": "WARNING", "name": "my.agent", "exc_info": IMPORT}),
        (REGISTERED, IMPORT),
        (REGISTERED, taken("AJ_1", "R"), IMPORT),
        (taken("AJ_1", "S"), IMPORT),
        (IMPORT, taken("AJ_1", "S")),
        ({"message": "process initialized", "level": "INFO", "name": "livekit.agents"}, IMPORT),
        ({"message": "no extras", "level": "WARNING", "name": "my.agent", "exc_info": IMPORT},),
    ],
)
def test_an_import_that_a_worker_does_without_explains_nothing(lines: tuple[str | dict[str, Any], ...]) -> None:
    assert told("R", *lines) is None


@pytest.mark.parametrize("before", [(), (STARTING,), (taken("AJ_1", "S"), STARTING), (REGISTERED, DRAINING)])
def test_one_that_it_dies_of_at_its_start_does_until_it_starts(before: tuple[dict[str, Any], ...]) -> None:
    found = told("R", *before, IMPORT)

    assert found is not None
    assert (found.cause, found.by) == (Cause.IMPORT_ERROR, "worker")
    assert told("R", *before, IMPORT, REGISTERED) is None


BARE = ["Traceback (most recent call last):", '  File "/app/agent.py", line 3, in <module>', "    key = keys['X']"]
UNSET = [*BARE, '  File "<frozen os>", line 679, in __getitem__', "KeyError: 'ELEVEN_API_KEY'"]


@pytest.mark.parametrize("lines", [UNSET, RECORDED["missing_key_at_start"]], ids=["environment", "plugin"])
def test_so_does_a_key_that_it_lacks(lines: Sequence[str]) -> None:
    found = told("R", *lines)

    assert found is not None
    assert (found.cause, found.by) == (Cause.PROVIDER_KEY_MISSING, "worker")
    assert found.fix == "Set ELEVEN_API_KEY in the worker's environment and restart the worker."
    assert told("R", *lines, STARTING) is None
    assert told("R", REGISTERED, *lines) is None


@pytest.mark.parametrize("lines", [[*BARE, UNSET[-1]], [*UNSET[:-1], "TypeError: no", *BARE, UNSET[-1]], [UNSET[-1]]])
def test_but_no_constant_that_is_looked_up_elsewhere(lines: list[str]) -> None:
    assert told("R", *lines) is None


def test_after_a_gap_too_unless_a_worker_is_seen_at_work() -> None:
    dying, working = AgentLog(), AgentLog()
    for log in (dying, working):
        log.skip()
    working.read(json.dumps(taken("AJ_1", "S") | {"level": "INFO", "name": "livekit.agents"}))
    for log in (dying, working):
        log.read(IMPORT)

    assert of(dying, "R") is not None
    assert of(working, "R") is None


def test_a_job_that_lost_its_connection_tells_nothing_of_its_worker() -> None:
    lost = {"message": "handled", "level": "ERROR", "exc_info": "livekit.rtc.room.ConnectError: engine: no"}

    assert told("R", lost) is None


def without_ids(line: str) -> dict[str, Any]:
    return {key: value for key, value in json.loads(line).items() if key not in ("room", "job_id")}


@pytest.mark.parametrize("name", ["async_callback", "missing_inference_key"])
def test_a_process_may_tell_that_its_job_crashed_before_the_job_tells_why_or_after(name: str) -> None:
    lines = [without_ids(line) if '"ERROR"' in line else line for line in RECORDED[name]]

    found = told(room_of(name), *lines)

    assert found is not None
    assert found.by == "time"


def test_then_its_exception_is_no_other_jobs() -> None:
    exiting = {"message": "process exiting", "reason": "job crashed", "job_id": "AJ_1", "room": "customers"}
    log = log_of(taken("AJ_1", "customers"), taken("AJ_2", "ours"), exiting, CRASH)

    assert of(log, "ours") is None


def test_what_an_agent_tells_of_its_calls_is_not_taken_for_its_trouble() -> None:
    quoted = {"message": "ImportError: said the caller", "level": "INFO", "name": "my.agent", "room": "R"}

    assert told("R", quoted) is None


@pytest.mark.parametrize("level", ["INFO", "DEBUG"])
def test_a_worker_need_not_say_under_which_name_it_logs(level: str) -> None:
    found = told("R", taken("AJ_1", "R") | {"level": level}, CRASH | {"level": "ERROR"})

    assert found is not None
    assert found.by == "time"
    assert told("R", {"message": "ImportError: said the caller", "level": level, "room": "R"}) is None


def test_a_worker_that_is_full_explains_only_rooms_whose_job_nobody_took() -> None:
    full = {"message": "worker is at full capacity, marking as unavailable", "level": "INFO", "name": "livekit.agents"}
    free = {"message": "worker is below capacity, marking as available", "level": "INFO", "name": "livekit.agents"}

    found = told("R", full)
    assert found is not None
    assert (found.cause, found.by) == (Cause.WORKER_FULL, "worker")
    assert told("R", taken("AJ_1", "R"), full) is None
    assert told("R", full, taken("AJ_2", "S")) is None, "one of them has room"
    assert told("R", full, free) is None


@pytest.mark.parametrize("trouble", ["worker_full", "prewarm_raises", "server_unreachable", "import_error"])
@pytest.mark.parametrize("end", ["draining worker", "shutting down worker", "starting worker"])
def test_what_was_wrong_with_a_worker_that_has_gone_explains_nothing(trouble: str, end: str) -> None:
    gone = {"message": end, "level": "INFO", "name": "livekit.agents"}

    assert told("R", *RECORDED[trouble]) is not None
    assert told("R", *RECORDED[trouble], gone) is None


@pytest.mark.parametrize("where", [{"room": "R", "job_id": "AJ_1"}, {}])
@pytest.mark.parametrize("name", ["my-agent", "livekit_tools"])
@pytest.mark.parametrize(
    "line",
    [
        "ImportError: no",
        "failed to connect to livekit, retrying",
        "KeyError: 'CRM_KEY'",
        "Error in _load_profile, using defaults\nKeyError: 'CRM_API_KEY'",
        "process exited with non-zero exit code 1: ffmpeg",
        "worker is at full capacity, transcription queue paused",
    ],
)
def test_what_an_agent_tells_of_its_own_trouble_is_not_its_workers(line: str, name: str, where: dict[str, str]) -> None:
    log = log_of(taken("AJ_1", "R"), {"message": line, "level": "ERROR", "name": name} | where)

    assert of(log, "R") is None
    assert of(log, "S") is None


def test_nor_does_it_end_a_job_or_a_workers_trouble() -> None:
    own = {"level": "WARNING", "name": "my.agent", "job_id": "AJ_1"}
    full = {"message": "worker is at full capacity, marking as unavailable"}

    crashed = told("R", taken("AJ_1", "R"), own | {"message": "process exited: ffmpeg"}, CRASH)
    assert crashed is not None
    assert crashed.by == "time"
    assert told("R", full, own | {"message": "worker is below capacity, transcribing on"}) is not None


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


@pytest.mark.parametrize("wrapped", WRAPPED)
@pytest.mark.parametrize("lines", [RECORDED["import_error"], UNSET], ids=["import", "key"])
def test_and_a_bare_traceback_too(lines: Sequence[str], wrapped: str) -> None:
    found = told("any", *lines)

    assert found is not None
    assert told("any", *map(WRAPPED[wrapped], lines)) == found


@pytest.mark.parametrize("before", ["ERROR | ", "2026-01-02 | ", "2026-01-02 03:04:05 | ERROR | ", "agent | "])
def test_but_what_a_logger_puts_before_its_words_is_no_containers_name(before: str) -> None:
    assert told("any", f"{before}ModuleNotFoundError: No module named 'optional'") is None


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_log, "MOST", 3)
    log = AgentLog()
    for number in range(10):
        log.read(json.dumps(taken(f"AJ_{number}", f"R{number}")))
        log.read(json.dumps(CRASH | {"job_id": f"AJ_{number}"}))

    assert [number for number in range(10) if of(log, f"R{number}") is not None] == [7, 8, 9]


@pytest.mark.parametrize("length", [LONGEST_ID - 4, 30_000])
def test_it_is_bounded_in_bytes_too(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_log, "MOST", 100)
    log = AgentLog()
    tracemalloc.start()
    try:
        for number in range(2 * agent_log.MOST):
            room, job = f"{number:04}" + "😀" * length, f"{number:04}" + "é" * length
            log.read(json.dumps(taken(job, room), ensure_ascii=False))
            log.read(json.dumps(CRASH | {"room": room, "job_id": job, "error": "😀" * 1000}, ensure_ascii=False))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert held < agent_log.MOST * 8192


@pytest.mark.parametrize("name", ["call-jo@example.com", "long " + "name " * 40])
def test_a_room_is_known_by_what_may_be_shown_of_its_name(name: str) -> None:
    found = told(harmless(name), CRASH | {"room": name})

    assert found is not None
    assert found.by == "room"


def test_unless_that_may_be_shown_of_another_one_too() -> None:
    mine, theirs = taken("AJ_1", "jo@example.com"), taken("AJ_2", "al@example.com")
    crash = CRASH | {"room": "al@example.com"}

    assert told("[e-mail]", mine, theirs, crash) is None
    log = log_of(theirs, crash)
    begun = log.lines
    for line in (mine, CRASH | {"room": "jo@example.com"}):
        log.read(json.dumps(line))
    assert of(log, "[e-mail]", since=begun) is not None


def test_nor_is_it_said_then_that_there_was_no_trouble() -> None:
    log = log_of(taken("AJ_1", "a@x.com"), taken("AJ_2", "b@x.com"), CRASH | {"job_id": "AJ_1"})

    assert log.told_of("[e-mail]", at=1.0) == AgentLogQuiet(at=1.0, taken=False)
    assert log_of(taken("AJ_1", "R")).told_of("R", at=1.0) == AgentLogQuiet(at=1.0, taken=True)


ERROR = {"level": "ERROR", "name": "livekit.agents", "message": "failed to launch job on process after 3 attempts"}


@pytest.mark.parametrize("where", [{"room": "R"}, {"job_id": "AJ_1"}])
def test_nor_where_livekit_tells_of_an_error_that_is_no_known_cause(where: dict[str, str]) -> None:
    told_of_it = log_of(taken("AJ_1", "R"), ERROR | where).told_of("R", at=1.0)

    assert told_of_it == AgentLogQuiet(at=1.0, taken=True, error=ERROR["message"])


@pytest.mark.parametrize(
    "line", [ERROR, ERROR | {"room": "S"}, ERROR | {"room": "R", "name": "a"}, ERROR | {"room": "R", "level": "INFO"}]
)
def test_but_an_error_of_another_is_not_ours(line: dict[str, Any]) -> None:
    assert log_of(taken("AJ_1", "R"), line).told_of("R", at=1.0) == AgentLogQuiet(at=1.0, taken=True)


def test_an_error_that_need_not_be_why_gives_way_to_a_cause() -> None:
    found = told("R", taken("AJ_1", "R"), ERROR | {"room": "R"}, CRASH | {"room": "R"}, ERROR | {"room": "R"})

    assert found is not None
    assert found.cause is Cause.JOB_CRASHED


EXITING = {"message": "process exiting", "level": "INFO", "name": "livekit.agents", "room": "R", "job_id": "AJ_1"}
ABORTED = ERROR | {"message": "process exited with non-zero exit code -6", "room": "R", "job_id": "AJ_1"}


def test_a_process_that_aborts_after_its_jobs_end_did_not_end_it() -> None:
    in_order = log_of(taken("AJ_1", "R"), EXITING, ABORTED).told_of("R", at=1.0)
    assert in_order == AgentLogQuiet(at=1.0, taken=True, error=ABORTED["message"])

    for before in ((), (EXITING | {"reason": "job crashed"},), (EXITING | {"room": "S", "job_id": "AJ_2"},)):
        found = told("R", taken("AJ_1", "R"), taken("AJ_2", "S"), *before, ABORTED)
        assert found is not None
        assert found.cause is Cause.JOB_DIED


def test_nor_does_it_hide_the_crash_that_is_told_of_late() -> None:
    found = told("R", taken("AJ_1", "R"), EXITING, CRASH | {"room": "R", "job_id": "AJ_1"}, ABORTED)

    assert found is not None
    assert found.cause is Cause.JOB_CRASHED


def test_of_an_unknown_exception_only_a_providers_own_words_are_told() -> None:
    tool = ERROR | {"message": "exception occurred while executing tool", "exc_info": "ValueError: no Jo Smith"}

    assert log_of(taken("AJ_1", "R"), tool | {"room": "R"}).told_of("R", at=1.0) == AgentLogQuiet(
        at=1.0, taken=True, error="exception occurred while executing tool"
    )


def test_a_jobs_id_is_shown_as_harmless_as_the_rest() -> None:
    found = told("R", CRASH | {"room": "R", "job_id": "someone@example.com \x1b[31m" + "x" * 150})

    assert found is not None
    assert found.job is not None
    assert len(found.job) <= 120
    assert found.job.isprintable()
    assert "someone" not in found.job


@pytest.mark.parametrize("key", ["room", "job_id"])
def test_what_is_too_long_for_an_id_is_none(key: str) -> None:
    assert told("R", {"room": "R", "job_id": "AJ_1"} | CRASH | {key: "x" * (LONGEST_ID + 1)}) is None


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
