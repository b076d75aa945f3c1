"""What explains a failed run: the agent's log before LiveKit's server, that before what the run met itself."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.core.causes import Blame, Cause, Diagnosis, Found
from prober.core.events import (
    AgentLogged,
    AnyEvent,
    Dispatch,
    HttpMoment,
    Job,
    Leaving,
    Person,
    RoomJoined,
    ServerAsked,
    Stopped,
    TokenRead,
    TrialRequested,
    UtteranceEnded,
    UtteranceStarted,
)
from prober.core.meanings import MEANINGS
from prober.core.plan import Deadlines, Expectations
from prober.core.reasons import OURS, Reason
from prober.core.record import derive
from prober.sinks.explained import FOUND, WHOSE
from tests.timelines import CONVERSATION, HEAD, JOIN, entered, heartbeats, stats

ALONE = tuple(event for event in entered() if event.at < 0.5)
CALLER = Person("caller", "standard", None, 1)
AGENT = Person("agent-AJ_1", "agent", "listening", 1)
TAKEN = Dispatch("AD_1", "desk", (Job("AJ_1", "AW_1", "agent-AJ_1"),))
UNTAKEN = Dispatch("AD_1", "desk", ())


def absent(*found: AnyEvent) -> tuple[AnyEvent, ...]:
    """Nobody came, and this was found."""
    return (*ALONE, Leaving(at=20.8), *heartbeats(21), *found)


def asked(
    people: tuple[Person, ...] | None = (CALLER,), dispatches: tuple[Dispatch, ...] | None = (), *trouble: str
) -> ServerAsked:
    return ServerAsked(at=20.9, listed=1, people=people, dispatches=dispatches, trouble=trouble)


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


def test_an_absent_agent_of_which_nobody_told_has_no_cause() -> None:
    assert diagnosis(absent()) is None
    assert diagnosis(absent(asked(None, None, "ListDispatch: LiveKit answered 401: no"))) is None


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (asked(), Cause.NOT_DISPATCHED),
        (asked(dispatches=(UNTAKEN,)), Cause.NO_WORKER),
        (asked(dispatches=(TAKEN,)), Cause.ASSIGNED_NEVER_JOINED),
        (asked(dispatches=(UNTAKEN, TAKEN)), Cause.ASSIGNED_NEVER_JOINED),
        (asked((CALLER, AGENT), (TAKEN,)), Cause.JOINED_LATE),
        (asked(None, (UNTAKEN,)), Cause.NO_WORKER),
    ],
)
def test_the_servers_lists_say_why_no_agent_came(told: ServerAsked, expected: Cause) -> None:
    assert cause(absent(told)) == (expected, Found.SERVER)


@pytest.mark.parametrize(("after", "expected"), [(5.4, None), (5.6, (Cause.NO_WORKER, Found.SERVER))])
def test_a_job_that_is_not_listed_yet_may_have_been_taken(after: float, expected: tuple[Cause, Found] | None) -> None:
    (joined,) = [event.at for event in ALONE if isinstance(event, RoomJoined)]
    told = msgspec.structs.replace(asked(dispatches=(UNTAKEN,)), at=joined + after)
    hurried = msgspec.structs.replace(JOIN, deadlines=Deadlines(agent_join=after - 0.2))
    assert cause((*ALONE, told, *heartbeats(8)), hurried) == expected


def test_the_evidence_is_what_the_lists_show_and_the_commands_show_it_again() -> None:
    token = TokenRead(at=0.2, expires_in=900.0, room="trial_1_a", agents=("desk",), identity="caller")
    found = diagnosis(absent(token, asked((CALLER,), (TAKEN,), "ListRooms: LiveKit answered 403: no")))
    assert found is not None
    assert found.evidence == (
        ("token", 'asks for agent "desk"; expires in 900 s'),
        ("in the room", "caller (standard, tracks: 1)"),
        ("dispatch AD_1", 'asks for agent "desk": job AJ_1 on worker AW_1 as agent-AJ_1, who is not in the room'),
        ("not told by LiveKit", "ListRooms: LiveKit answered 403: no"),
    )
    assert found.commands == (
        "lk room list trial_1_a",
        "lk room participants list trial_1_a",
        "lk dispatch list trial_1_a",
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
        f"lk dispatch list {named}",
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
    assert cause(deaf(50), CONVERSATION) == (Cause.SILENT_TRACK, Found.TIMELINE)


@pytest.mark.parametrize(
    ("reason", "detail", "expected"),
    [
        (Reason.TRIAL_UNREACHABLE, "the name of shop.example does not resolve", Cause.WEB_UNREACHABLE),
        (Reason.TRIAL_UNREACHABLE, "the certificate of shop.example is not trusted: expired", Cause.WEB_CERTIFICATE),
        (Reason.TRIAL_UNREACHABLE, "TLS with shop.example failed: handshake broken off", Cause.WEB_CERTIFICATE),
        (Reason.TOKEN_INVALID, "it has expired", Cause.TOKEN_UNUSABLE),
        (Reason.DISCONNECTED, "room_deleted", Cause.CALL_ENDED),
        (Reason.DISCONNECTED, "server_shutdown", Cause.LIVEKIT_SHUT_DOWN),
        (Reason.DISCONNECTED, "signal_close", Cause.CONNECTION_LOST),
    ],
)
def test_a_fault_is_told_by_its_detail(reason: Reason, detail: str, expected: Cause) -> None:
    asked_first = (TrialRequested(at=0.0), Stopped(at=0.1, reason=reason, detail=detail), *heartbeats(1))
    assert cause(asked_first) == (expected, Found.TIMELINE)


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
