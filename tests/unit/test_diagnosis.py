"""What explains a failed run: the agent's log before LiveKit's server, that before what the run met itself."""

from collections.abc import Sequence
from typing import Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.core.causes import Blame, Cause, Diagnosis, Evidence, Found
from prober.core.diagnosis import KEY_UNHEARD, LOG_UNLIKE, LOG_UNREAD, NO_WEBSOCKET, ROOM_WAS_THERE
from prober.core.events import (
    AgentLogged,
    AgentLogQuiet,
    AgentLogUnread,
    AnyEvent,
    ChildExited,
    CleanedUp,
    Dispatch,
    HttpMoment,
    Job,
    Leaving,
    ParticipantSeen,
    Person,
    Reconnecting,
    RoomJoined,
    ServerAsked,
    Stopped,
    TokenRead,
    TokenValidated,
    TrialRequested,
    UtteranceEnded,
    UtteranceStarted,
)
from prober.core.meanings import MEANINGS
from prober.core.plan import Deadlines, Expectations, TurnPlan
from prober.core.reasons import OURS, WORDS, Reason
from prober.core.record import derive
from prober.sinks.explained import FOUND, WHOSE
from prober.sinks.narration import words
from tests.timelines import CONVERSATION, HEAD, JOIN, conversation, entered, heartbeats, stats

ALONE = tuple(event for event in entered() if event.at < 0.5)
Moment = Literal["sent", "resolved", "connected", "redirected"]
CALLER = Person("caller", "standard", None, 1)
AGENT = Person("agent-AJ_1", "agent", "listening", 1)
RECORDER = Person("agent-AJ_2", "egress", None, 0)
RECORDING = Dispatch("AD_3", "recorder", (Job("AJ_2", "AW_2", "agent-AJ_2"),))
TAKEN = Dispatch("AD_1", "desk", (Job("AJ_1", "AW_1", "agent-AJ_1"),))
UNTAKEN = Dispatch("AD_1", "desk", ())
UNNAMED = Dispatch("AD_2", "", ())
UNNAMED_TAKEN = TAKEN._replace(agent="")

SILENT = ServerAsked(at=20.9, listed=None, people=None, dispatches=None, trouble=("ListRooms: no answer",), silent=True)


def absent(*found: AnyEvent) -> tuple[AnyEvent, ...]:
    """Nobody came, and this was found."""
    return (*ALONE, Leaving(at=20.8), *heartbeats(21), *found)


def asked(
    people: tuple[Person, ...] | None = (CALLER,), dispatches: tuple[Dispatch, ...] | None = (), *trouble: str
) -> ServerAsked:
    return ServerAsked(at=20.9, listed=1, people=people, dispatches=dispatches, trouble=trouble)


COUNTED = asked(None, None)


def logged(cause: Cause, at: float = 21.0, **more: str) -> AgentLogged:
    return AgentLogged(at=at, cause=cause, quote=f"ValueError: {cause}", **({"by": "room"} | more))  # type: ignore[arg-type]


def diagnosis(events: Sequence[AnyEvent], expectations: Expectations = JOIN) -> Diagnosis | None:
    return derive(HEAD, expectations, tuple(events)).diagnosis


def cause(events: Sequence[AnyEvent], expectations: Expectations = JOIN) -> tuple[Cause, Found] | None:
    found = diagnosis(events, expectations)
    return None if found is None else (found.cause, found.found)


def test_every_cause_has_its_meaning_and_every_value_its_words() -> None:
    assert set(MEANINGS) == set(Cause)
    assert set(WHOSE) == set(Blame)
    assert set(FOUND) == set(Found)


def test_of_an_absent_agent_of_which_nobody_told_it_says_where_to_look_and_what_to_give() -> None:
    refused = asked(None, None, "ListDispatch: LiveKit answered 401: no")
    for events, told in ((absent(), False), (absent(refused), True)):
        found = diagnosis(events)
        assert found is not None
        assert (found.cause, found.blame) == (Cause.UNEXPLAINED, Blame.UNKNOWN)
        assert found.fix.startswith("The agent worker's log for this room")
        for name in ("`agent_log`", "`--agent-log`", "`livekit`", "LIVEKIT_API_KEY"):
            assert (name in found.fix) is not told
        assert found.commands[0] == "lk room list trial_1_a"


@pytest.mark.parametrize(
    ("found", "first"),
    [
        (AgentLogUnread(at=21.0, file="agent.log", error="No such file or directory"), LOG_UNREAD),
        (AgentLogQuiet(at=21.0, taken=False, unlike=True), LOG_UNLIKE),
        (ServerAsked(at=20.9, listed=None, people=None, dispatches=None, trouble=("ListRooms: 401",)), KEY_UNHEARD),
        (AgentLogQuiet(at=21.0, taken=True), ""),
        (COUNTED, ""),
        (SILENT, ""),
    ],
)
def test_what_is_wrong_with_who_was_to_explain_it_is_to_be_mended_first(found: AnyEvent, first: str) -> None:
    told = diagnosis(absent(found))
    assert told is not None
    assert told.cause is Cause.UNEXPLAINED
    assert told.fix == f"{first} {WORDS[Reason.AGENT_ABSENT].look}".strip()


def test_how_many_are_in_the_room_is_seen_and_no_cause() -> None:
    assert words(COUNTED) == "asked LiveKit about the room: 1 in it by ListRooms"
    found = diagnosis(absent(COUNTED))
    assert found is not None
    assert found.cause is Cause.UNEXPLAINED
    assert Evidence("in the room", "1 by ListRooms, which may be 5 s behind") in found.evidence


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (asked(), Cause.NOT_DISPATCHED),
        (asked(dispatches=(UNNAMED,)), Cause.NOT_DISPATCHED),
        (asked(dispatches=(UNTAKEN,)), Cause.NO_WORKER),
        (asked(dispatches=(UNNAMED, UNTAKEN)), Cause.NO_WORKER),
        (asked(dispatches=(UNNAMED_TAKEN,)), Cause.ASSIGNED_NEVER_JOINED),
        (asked(dispatches=(TAKEN,)), Cause.ASSIGNED_NEVER_JOINED),
        (asked(dispatches=(UNTAKEN, TAKEN)), Cause.ASSIGNED_NEVER_JOINED),
        (asked((CALLER, AGENT), (TAKEN,)), Cause.JOINED_LATE),
        (asked((CALLER, RECORDER), (UNTAKEN, RECORDING)), Cause.NO_WORKER),
        (asked((CALLER, RECORDER), (RECORDING,)), None),
        (asked(None, (UNTAKEN,)), Cause.NO_WORKER),
    ],
)
def test_the_servers_lists_say_why_no_agent_came(told: ServerAsked, expected: Cause | None) -> None:
    unknown = (Cause.UNEXPLAINED, Found.TIMELINE)
    assert cause(absent(told)) == (unknown if expected is None else (expected, Found.SERVER))


ASKS = TokenRead(at=0.2, expires_in=900.0, room="trial_1_a", agents=("desk",), identity="caller")
EARLIER = TAKEN._replace(earlier=True)


def test_an_earlier_callers_job_is_not_ours_where_our_token_asks_for_an_agent() -> None:
    found = diagnosis(absent(ASKS, asked(dispatches=(EARLIER,)), logged(Cause.JOB_CRASHED)))
    assert found is not None
    assert (found.cause, found.fix) == (Cause.NOT_DISPATCHED, ROOM_WAS_THERE)
    assert any("before our run: job AJ_1" in each.seen for each in found.evidence)
    assert cause(absent(ASKS, asked(dispatches=(EARLIER, UNTAKEN)))) == (Cause.NO_WORKER, Found.SERVER)
    assert cause(absent(asked(dispatches=(EARLIER,)))) == (Cause.ASSIGNED_NEVER_JOINED, Found.SERVER)


def test_no_worker_is_to_blame_where_livekit_has_nothing_for_any() -> None:
    full = logged(Cause.WORKER_FULL, by="worker")
    assert cause(absent(asked(), full)) == (Cause.NOT_DISPATCHED, Found.SERVER)
    assert cause(absent(asked(dispatches=(UNNAMED,)), full)) == (Cause.WORKER_FULL, Found.AGENT_LOG)
    assert cause(absent(asked(), logged(Cause.JOB_CRASHED))) == (Cause.JOB_CRASHED, Found.AGENT_LOG)


def test_an_agent_that_came_while_livekit_was_asked_came_too_late() -> None:
    came = ParticipantSeen(at=20.85, identity=AGENT.identity, kind="agent", before_us=False)
    assert cause(absent(came, asked((CALLER, AGENT), (TAKEN,)))) == (Cause.JOINED_LATE, Found.SERVER)


def test_a_token_that_asks_for_the_agent_is_not_what_is_missing() -> None:
    token = TokenRead(at=0.2, expires_in=900.0, room="trial_1_a", agents=("desk",), identity="caller")
    for events, there in ((absent(asked()), False), (absent(token, asked(dispatches=(UNNAMED,))), True)):
        found = diagnosis(events)
        assert found is not None
        assert found.cause is Cause.NOT_DISPATCHED
        assert ("The token asks for an agent" in found.fix) is there


@pytest.mark.parametrize(
    ("deadlines", "expected"),
    [
        (Deadlines(trial=0.1), Cause.WEB_SLOW),
        (Deadlines(room_join=0.05), Cause.LIVEKIT_SLOW),
        (Deadlines(agent_join=0.4), Cause.JOINED_LATE),
        (Deadlines(agent_ready=0.05), Cause.AGENT_SLOW),
        (Deadlines(agent_ready=0.15), Cause.AGENT_SLOW),
        (Deadlines(greeting=0.3), Cause.AGENT_SLOW),
    ],
)
def test_what_came_a_moment_late_did_come(deadlines: Deadlines, expected: Cause) -> None:
    hurried = msgspec.structs.replace(CONVERSATION, deadlines=deadlines)
    assert cause(conversation(), hurried) == (expected, Found.TIMELINE)
    log = (logged(Cause.WORKER_FULL, by="worker"), logged(Cause.JOB_HANGS))
    assert cause((*conversation(), *log), hurried) == (expected, Found.TIMELINE)


def test_nor_is_an_answer_that_came_late_a_silence() -> None:
    hurried = msgspec.structs.replace(CONVERSATION, turns=(TurnPlan(reply_within=0.5),))
    assert cause(conversation(), hurried) == (Cause.AGENT_SLOW, Found.TIMELINE)


@pytest.mark.parametrize(
    ("after", "expected"), [(5.4, (Cause.UNEXPLAINED, Found.TIMELINE)), (5.6, (Cause.NO_WORKER, Found.SERVER))]
)
def test_a_job_that_is_not_listed_yet_may_have_been_taken(after: float, expected: tuple[Cause, Found]) -> None:
    (joined,) = [event.at for event in ALONE if isinstance(event, RoomJoined)]
    told = msgspec.structs.replace(asked(dispatches=(UNTAKEN,)), at=joined + after)
    hurried = msgspec.structs.replace(JOIN, deadlines=Deadlines(agent_join=after - 0.2))
    assert cause((*ALONE, told, *heartbeats(8)), hurried) == expected


@pytest.mark.parametrize(("after", "expected"), [(5.4, "no job listed yet"), (5.6, "no job")])
def test_nor_does_the_evidence_say_so(after: float, expected: str) -> None:
    left = tuple(event for event in entered() if event.at < 2)
    (joined,) = [event.at for event in left if isinstance(event, RoomJoined)]
    gone = Stopped(at=2.0, reason=Reason.AGENT_LEFT, detail="")
    told = msgspec.structs.replace(asked(dispatches=(UNTAKEN,)), at=joined + after)
    found = diagnosis((*left, gone, told, *heartbeats(8)))
    assert found is not None
    assert found.cause is Cause.AGENT_LEFT
    assert ("dispatch AD_1", f'asks for agent "desk": {expected}') in found.evidence


@pytest.mark.parametrize(
    ("seconds", "expected"), [(None, "no expiry"), (60.4, "expires in 60 s"), (-3600.6, "expired 3601 s ago")]
)
def test_a_token_that_has_expired_does_not_expire_in_less_than_no_time(seconds: float | None, expected: str) -> None:
    token = TokenRead(at=0.2, expires_in=seconds, room="trial_1_a", agents=(), identity="caller")
    found = diagnosis((*ALONE[:3], token, Stopped(at=0.3, reason=Reason.TOKEN_INVALID, detail=""), *heartbeats(1)))
    assert found is not None
    assert found.evidence == (("token", f"asks for no agent by name; {expected}"),)


def test_what_is_the_matter_with_the_prober_is_mended_as_its_reason_says() -> None:
    found = diagnosis((*ALONE[:3], Stopped(at=0.3, reason=Reason.PROBER_THROTTLED, detail=""), *heartbeats(1)))
    assert found is not None
    assert (found.cause, found.fix) == (Cause.PROBER_TROUBLE, WORDS[Reason.PROBER_THROTTLED].look)


def test_the_evidence_is_what_the_lists_show_and_the_commands_show_it_again() -> None:
    token = TokenRead(
        at=0.2, expires_in=900.0, room="trial_1_a", agents=("desk",), identity="caller", grants=("roomJoin",)
    )
    found = diagnosis(absent(token, asked((CALLER,), (TAKEN,), "ListRooms: LiveKit answered 403: no")))
    assert found is not None
    assert found.evidence == (
        ("token", 'asks for agent "desk"; allows roomJoin; expires in 900 s'),
        ("in the room", "caller (standard, tracks: 1)"),
        ("dispatch AD_1", 'asks for agent "desk": job AJ_1 on worker AW_1 as agent-AJ_1, who is not in the room'),
        ("not told by LiveKit", "ListRooms: LiveKit answered 403: no"),
    )
    assert found.commands == (
        "lk room list trial_1_a",
        "lk room participants list trial_1_a",
        "lk dispatch list --json trial_1_a",
    )


@pytest.mark.parametrize(
    ("room", "named"), [("a;b $(c)", "'a;b $(c)'"), ("--url=evil", "-- --url=evil"), ("-`", "-- '-`'")]
)
def test_a_rooms_name_is_a_name_to_a_shell_and_to_lk(room: str, named: str) -> None:
    events = [
        msgspec.structs.replace(event, room=room) if isinstance(event, RoomJoined) else event for event in absent()
    ]
    found = diagnosis((*events, asked()))
    assert found is not None
    assert found.commands == (
        f"lk room list {named}",
        f"lk room participants list {named}",
        f"lk dispatch list --json {named}",
    )


def test_the_agents_log_knows_better_than_the_server_and_says_what_to_do() -> None:
    told = logged(Cause.PROVIDER_KEY_MISSING, fix="Set ELEVEN_API_KEY.")
    found = diagnosis(absent(asked(dispatches=(TAKEN,)), told))
    assert found is not None
    assert (found.cause, found.blame, found.found) == (Cause.PROVIDER_KEY_MISSING, Blame.AGENT, Found.AGENT_LOG)
    assert found.sentence.endswith("(ValueError: provider_key_missing)")
    assert found.fix == "Set ELEVEN_API_KEY."


def test_a_known_cause_goes_before_a_crash_of_any_kind_and_a_line_by_time_last() -> None:
    crash, known = logged(Cause.JOB_CRASHED, at=1.0), logged(Cause.ASYNC_CALLBACK, at=2.0)
    assert cause(absent(crash, known)) == (Cause.ASYNC_CALLBACK, Found.AGENT_LOG)
    by_time = logged(Cause.WORKER_FULL, at=0.5, by="time")
    assert cause(absent(crash, by_time)) == (Cause.JOB_CRASHED, Found.AGENT_LOG)
    assert cause(absent(by_time)) == (Cause.WORKER_FULL, Found.AGENT_LOG_BY_TIME)


@pytest.mark.parametrize(
    "standing", [Cause.WORKER_FULL, Cause.WORKER_CUT_OFF, Cause.IMPORT_ERROR, Cause.PROVIDER_KEY_MISSING]
)
def test_a_worker_that_can_take_no_job_is_not_the_one_that_took_ours(standing: Cause) -> None:
    told = logged(standing, by="worker")
    assert cause(absent(told)) == (standing, Found.AGENT_LOG)
    assert cause(absent(asked(dispatches=(UNTAKEN,)), told)) == (standing, Found.AGENT_LOG)
    assert cause(absent(asked(dispatches=(TAKEN,)), told)) == (Cause.ASSIGNED_NEVER_JOINED, Found.SERVER)
    assert cause(absent(asked((CALLER, AGENT), (TAKEN,)), told)) == (Cause.JOINED_LATE, Found.SERVER)


@pytest.mark.parametrize("unconnected", [Cause.JOB_HANGS, Cause.JOB_RETURNED])
def test_a_job_that_was_only_late_to_connect_hangs_no_more(unconnected: Cause) -> None:
    told = logged(unconnected)
    assert cause(absent(asked(dispatches=(TAKEN,)), told)) == (unconnected, Found.AGENT_LOG)
    assert cause(absent(asked((CALLER, AGENT), (TAKEN,)), told)) == (Cause.JOINED_LATE, Found.SERVER)
    not_ready = (*(event for event in entered() if event.at < 0.85), Leaving(at=11.0), *heartbeats(12), told)
    assert cause(not_ready) == (Cause.JOINED_NOT_READY, Found.TIMELINE)


def test_processes_that_fail_explain_a_job_that_was_taken() -> None:
    told = logged(Cause.PREWARM_HANGS, by="worker")
    assert cause(absent(asked(dispatches=(TAKEN,)), told)) == (Cause.PREWARM_HANGS, Found.AGENT_LOG)


def test_without_a_connection_the_web_app_is_not_called_slow() -> None:
    def unanswered(*moments: Moment) -> tuple[AnyEvent, ...]:
        met = (HttpMoment(at=0.1, step="start", what=what, detail="shop.example") for what in moments)
        return (TrialRequested(at=0.0), *met, Stopped(at=9.0, reason=Reason.TRIAL_TIMEOUT, detail=""), *heartbeats(9))

    assert cause(unanswered("sent", "resolved")) == (Cause.WEB_UNREACHABLE, Found.TIMELINE)
    assert cause(unanswered("sent", "resolved", "connected")) == (Cause.WEB_SLOW, Found.TIMELINE)
    assert cause(unanswered("sent", "connected", "redirected")) == (Cause.WEB_UNREACHABLE, Found.TIMELINE)


def test_the_agents_log_does_not_explain_what_is_not_about_the_agent() -> None:
    refused = Stopped(at=0.1, reason=Reason.TRIAL_REJECTED, detail="step start: 500")
    events = (TrialRequested(at=0.0), HttpMoment(at=0.1, step="start", what="done", detail="500"), refused)
    found = diagnosis((*events, *heartbeats(1), logged(Cause.JOB_CRASHED)))
    assert found is not None
    assert (found.cause, found.evidence) == (Cause.WEB_ERROR, (("last of HTTP", "step start: done 500"),))


def test_no_packets_are_told_from_silence() -> None:
    def deaf(packets: int, before: int = 1000) -> tuple[AnyEvent, ...]:
        spoken = (
            UtteranceStarted(at=4.0, turn=1, fixture="en-hours"),
            UtteranceEnded(at=6.0, turn=1, drift=0.0),
        )
        totals = (stats(5.0, 960 * before), stats(17.0, 960 * (before + packets)))
        return (*entered(), *spoken, *totals, Leaving(at=17.0), *heartbeats(18))

    assert cause(deaf(0, before=0), CONVERSATION) == (Cause.NO_PACKETS, Found.TIMELINE)
    assert cause(deaf(0), CONVERSATION) == (Cause.PACKETS_STOPPED, Found.TIMELINE)
    assert cause((*deaf(0), SILENT), CONVERSATION) == (Cause.CONNECTION_LOST, Found.TIMELINE)
    assert cause(deaf(50), CONVERSATION) == (Cause.SILENT_TRACK, Found.TIMELINE)
    assert cause((*deaf(50), SILENT), CONVERSATION) == (Cause.SILENT_TRACK, Found.TIMELINE)
    assert cause(deaf(-1000), CONVERSATION) == (Cause.UNEXPLAINED, Found.TIMELINE), "another track began"


@pytest.mark.parametrize(
    ("reason", "detail", "expected"),
    [
        (Reason.TRIAL_UNREACHABLE, "the name of shop.example does not resolve", Cause.WEB_UNREACHABLE),
        (Reason.TRIAL_UNREACHABLE, "the certificate of shop.example is not trusted: expired", Cause.WEB_CERTIFICATE),
        (Reason.TRIAL_UNREACHABLE, "TLS with shop.example failed: handshake broken off", Cause.WEB_CERTIFICATE),
        (Reason.SERVER_UNREACHABLE, "the name of lk.example does not resolve", Cause.LIVEKIT_UNREACHABLE),
        (Reason.SERVER_UNREACHABLE, "the certificate of lk.example is not trusted: expired", Cause.LIVEKIT_CERTIFICATE),
        (Reason.AGENT_LEFT, "client_initiated", Cause.AGENT_LEFT),
        (Reason.AGENT_LEFT, "participant_removed", Cause.CALL_ENDED),
        (Reason.AGENT_LEFT, "server_shutdown", Cause.LIVEKIT_SHUT_DOWN),
        (Reason.TOKEN_INVALID, "it has expired", Cause.TOKEN_UNUSABLE),
        (Reason.DISCONNECTED, "room_deleted", Cause.CALL_ENDED),
        (Reason.DISCONNECTED, "server_shutdown", Cause.LIVEKIT_SHUT_DOWN),
        (Reason.DISCONNECTED, "signal_close", Cause.CONNECTION_LOST),
    ],
)
def test_a_fault_is_told_by_its_detail(reason: Reason, detail: str, expected: Cause) -> None:
    asked_first = (TrialRequested(at=0.0), Stopped(at=0.1, reason=reason, detail=detail), *heartbeats(1))
    assert cause(asked_first) == (expected, Found.TIMELINE)


def test_who_leaves_with_all_of_livekit_is_not_to_blame() -> None:
    gone = (*ALONE, Stopped(at=2.0, reason=Reason.AGENT_LEFT, detail=""), Leaving(at=2.1), *heartbeats(3))
    assert cause(gone) == (Cause.AGENT_LEFT, Found.TIMELINE)
    assert cause((*gone, SILENT)) == (Cause.CONNECTION_LOST, Found.TIMELINE)


@pytest.mark.parametrize(("status", "proxy"), [(200, True), (502, False)])
def test_a_livekit_that_can_be_asked_and_not_joined_is_behind_something(status: int, proxy: bool) -> None:
    stopped = Stopped(at=0.3, reason=Reason.SERVER_UNREACHABLE, detail="no WebSocket")
    found = diagnosis((TokenValidated(at=0.2, status=status), stopped, *heartbeats(1)))
    assert found is not None
    assert found.cause is Cause.LIVEKIT_UNREACHABLE
    assert (found.fix == NO_WEBSOCKET) is proxy


def test_a_token_of_our_own_making_is_ours() -> None:
    refused = (Stopped(at=0.1, reason=Reason.TOKEN_INVALID, detail="invalid API key"), *heartbeats(1))
    found = diagnosis(refused)
    assert found is not None
    assert (found.cause, found.blame) == (Cause.OWN_KEY_REFUSED, Blame.PROBER)


@pytest.mark.parametrize("reason", sorted(OURS))
def test_what_is_ours_is_the_probers_and_a_stop_by_hand_needs_no_cause(reason: Reason) -> None:
    found = diagnosis((Stopped(at=0.1, reason=reason, detail=""), *heartbeats(1)))
    assert (found is None) is (reason is Reason.INTERRUPTED)
    assert found is None or found.blame is Blame.PROBER


_events = st.lists(
    st.sampled_from(
        (*absent(), *entered(), *(Stopped(at=1.0, reason=reason, detail="") for reason in Reason), Leaving(at=2.0))
    )
)
_found = st.lists(
    st.builds(logged, st.sampled_from(Cause), at=st.integers(0, 100).map(float))
    | st.sampled_from((asked(), asked(None, None), asked((CALLER, AGENT), (TAKEN,))))
)


@given(events=_events, found=_found)
def test_it_explains_and_never_judges(events: list[AnyEvent], found: list[AnyEvent]) -> None:
    without, explained = derive(HEAD, JOIN, tuple(events)), derive(HEAD, JOIN, (*events, *found))
    for name in ("outcome", "reason", "message", "measurements", "objectives"):
        assert getattr(without, name) == getattr(explained, name)
    assert explained.outcome != "pass" or explained.diagnosis is None


AFTERWARDS = (
    msgspec.structs.replace(asked(), at=28.0),
    logged(Cause.JOB_CRASHED, at=28.0),
    AgentLogUnread(at=28.0, file="agent.log", error="No such file"),
    ChildExited(at=28.0, status=-9),
    CleanedUp(at=28.0, resource="room", name="r", ok=True, detail=""),
)


@pytest.mark.parametrize("event", AFTERWARDS, ids=lambda event: type(event).__name__)
def test_what_is_found_out_afterwards_is_no_witness_of_a_run_that_was_killed(event: AnyEvent) -> None:
    killed = (*ALONE, *heartbeats(19), Reconnecting(at=20.35))  # a moment after the agent's deadline
    for events in (killed, (*killed, event)):
        assert derive(HEAD, JOIN, events).reason is Reason.AGENT_ABSENT
