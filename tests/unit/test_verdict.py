import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.core.events import (
    AgentJoined,
    AgentSpeechStarted,
    AgentSpeechStopped,
    AgentState,
    AgentTrack,
    AnchorsAsked,
    AnyEvent,
    ChildExited,
    CleanedUp,
    Event,
    Heartbeat,
    Held,
    Leaving,
    Reconnected,
    Reconnecting,
    RoomJoined,
    RunStarted,
    SessionGranted,
    Stalled,
    Stopped,
    Suspended,
    UtteranceEnded,
)
from prober.core.measure import measure
from prober.core.plan import Deadlines, Expectations, Ready, WhenInterrupted
from prober.core.reasons import OURS, WORDS, Outcome, Reason
from prober.core.record import derive
from prober.core.timeline import Timeline
from prober.core.verdict import judge, judge_objectives
from tests.timelines import AGENT, CONVERSATION, HEAD, JOIN, conversation, entered, heartbeats, join


def outcome(events: tuple[AnyEvent, ...], expectations: Expectations = CONVERSATION) -> tuple[Outcome, Reason | None]:
    verdict = judge(Timeline(events), expectations)
    return verdict.outcome, verdict.reason


def fail(reason: Reason) -> tuple[Outcome, Reason]:
    return Outcome.FAIL, reason


def unclear(reason: Reason) -> tuple[Outcome, Reason]:
    return Outcome.INCONCLUSIVE, reason


def test_good_runs_pass() -> None:
    assert outcome(conversation()) == (Outcome.PASS, None)
    assert outcome(join(), JOIN) == (Outcome.PASS, None)


def given_up(*until: AnyEvent, at: float) -> tuple[AnyEvent, ...]:
    """These events, and then nothing but heartbeats until the run gave up."""
    return (*until, Leaving(at=at), *heartbeats(at + 1))


MISSED: list[tuple[type[Event], Reason, float]] = [
    (SessionGranted, Reason.TRIAL_TIMEOUT, 15.0),
    (RoomJoined, Reason.SERVER_UNREACHABLE, 8.2),
    (AgentJoined, Reason.AGENT_ABSENT, 20.3),
    (AgentState, Reason.AGENT_NOT_READY, 10.8),
    (AgentTrack, Reason.AGENT_NO_TRACK, 10.8),
    (AgentSpeechStarted, Reason.AGENT_SILENT, 11.0),
]


@pytest.mark.parametrize(("kind", "reason", "due"), MISSED)
def test_a_good_run_that_ends_early_fails_with_its_first_missing_milestone(
    kind: type[Event], reason: Reason, due: float
) -> None:
    good = Timeline(conversation())
    missing = good.first(kind)
    assert missing is not None
    before = tuple(event for event in good.events[: good.events.index(missing)] if not isinstance(event, Heartbeat))
    assert outcome(given_up(*before, at=due + 0.5)) == fail(reason)  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "reason", "due"), MISSED)
@given(late=st.integers(1, 5000))
def test_what_comes_after_the_missed_deadline_changes_nothing(
    kind: type[Event], reason: Reason, due: float, late: int
) -> None:
    first = Timeline(conversation()).first(kind)
    assert first is not None
    shift = due - first.at + late / 1000
    events = tuple(
        msgspec.structs.replace(event, at=event.at + shift)
        if event.at >= first.at and not isinstance(event, Heartbeat)
        else event
        for event in conversation()
    )
    assert outcome((*events, *heartbeats(60))) == fail(reason)


def test_an_unanswered_turn_fails_and_a_missing_second_answer_is_not_the_first() -> None:
    onset = Timeline(conversation()).turns()[1].answered
    events = tuple(event for event in conversation() if event.at != onset and not isinstance(event, Leaving))
    assert outcome(given_up(*events, at=22.5)) == fail(Reason.AGENT_NO_RESPONSE)


def test_a_fault_before_the_milestone_explains_the_run() -> None:
    left = Stopped(at=5.0, reason=Reason.AGENT_LEFT, detail="")
    assert outcome((*conversation(), left)) == fail(Reason.AGENT_LEFT)


def test_trouble_in_teardown_is_ignored() -> None:
    ours = Stopped(at=19.9, reason=Reason.PROBER_INTERNAL, detail="bug")
    assert outcome((*conversation(), ours)) == (Outcome.PASS, None)


def test_a_bug_of_ours_in_teardown_cannot_hide_an_absent_agent() -> None:
    ours = Stopped(at=21.2, reason=Reason.PROBER_INTERNAL, detail="bug")
    assert outcome((*given_up(*entered()[:5], at=21.0), ours)) == fail(Reason.AGENT_ABSENT)


def test_a_fault_that_is_ours_is_inconclusive() -> None:
    ours = Stopped(at=1.2, reason=Reason.PROBER_INTERNAL, detail="bug")
    assert outcome((*entered(), ours, Leaving(at=1.3))) == unclear(Reason.PROBER_INTERNAL)


def test_a_dead_child_says_nothing_about_the_target() -> None:
    died = (*entered(), *heartbeats(3), ChildExited(at=3.2, status=-9))
    assert outcome(died) == unclear(Reason.PROBER_CRASH)


def test_a_dead_child_keeps_the_failure_that_its_timeline_proves() -> None:
    died = (*entered()[:5], *heartbeats(22), ChildExited(at=22.5, status=-9))
    assert outcome(died) == fail(Reason.AGENT_ABSENT)


def test_a_record_that_ends_without_a_reason_is_our_bug() -> None:
    assert outcome((*entered(), *heartbeats(3))) == unclear(Reason.PROBER_INTERNAL)


@pytest.mark.parametrize(
    ("stall", "expected"), [(0.9, unclear(Reason.PROBER_OVERLOAD)), (0.4, fail(Reason.AGENT_ABSENT))]
)
def test_a_stall_voids_a_failure_only_if_it_could_hide_the_agent(
    stall: float, expected: tuple[Outcome, Reason]
) -> None:
    late = AgentJoined(at=20.8, identity=AGENT, name="", before_us=False)
    for noticed in (20.799, 20.801):  # the loop may see the agent before it sees its own stall
        events = (*entered()[:5], Stalled(at=noticed, seconds=stall), late, Leaving(at=20.9), *heartbeats(22))
        assert outcome(events) == expected


REFUSED = Stopped(at=0.4, reason=Reason.TRIAL_UNREACHABLE, detail="refused")


@pytest.mark.parametrize(
    ("answered", "expected"), [(0, unclear(Reason.PROBER_OFFLINE)), (1, fail(Reason.TRIAL_UNREACHABLE))]
)
def test_a_dead_network_of_ours_is_not_the_targets_failure(answered: int, expected: tuple[Outcome, Reason]) -> None:
    asked = AnchorsAsked(at=3.4, answered=answered, of=2)
    assert outcome((RunStarted(at=0.0, monotonic=0.0), REFUSED, asked)) == expected


def test_a_connection_that_never_came_back_may_be_ours() -> None:
    silent = (*entered()[:5], Reconnecting(at=2.0), AnchorsAsked(at=24.0, answered=0, of=1), *heartbeats(22))
    assert outcome((*silent, Leaving(at=21.0))) == unclear(Reason.PROBER_OFFLINE)
    assert outcome((*silent, Reconnected(at=3.0), Leaving(at=21.0))) == fail(Reason.AGENT_ABSENT)


def test_who_is_cut_off_proves_nothing_of_an_agent() -> None:
    silent = (*entered()[:5], Reconnecting(at=2.0), *heartbeats(22))
    assert outcome((*silent, Leaving(at=21.0))) == fail(Reason.DISCONNECTED)
    assert outcome((*silent, Reconnected(at=3.0), Leaving(at=21.0))) == fail(Reason.AGENT_ABSENT)
    gone = Stopped(at=2.1, reason=Reason.AGENT_LEFT, detail="")
    assert outcome((*entered(), Reconnecting(at=2.0), gone, Leaving(at=2.3))) == fail(Reason.DISCONNECTED)


def test_an_absent_agent_is_never_our_network() -> None:
    events = given_up(*entered()[:5], AnchorsAsked(at=24.0, answered=0, of=1), at=21.0)
    assert outcome(events) == fail(Reason.AGENT_ABSENT)


def test_a_failure_proven_before_our_network_died_stays_one() -> None:
    strict = msgspec.structs.replace(CONVERSATION, interruption=WhenInterrupted.FAIL)
    over_us = (AgentSpeechStarted(at=5.2), AgentSpeechStopped(at=5.9))
    died = (Reconnecting(at=20.0), AnchorsAsked(at=24.0, answered=0, of=1))
    assert outcome((*conversation(), *over_us, *died), strict) == fail(Reason.AGENT_INTERRUPTED_US)


def test_what_livekit_told_us_came_over_a_network() -> None:
    deleted = Stopped(at=5.0, reason=Reason.DISCONNECTED, detail="room_deleted")
    asked = AnchorsAsked(at=8.0, answered=0, of=1)
    assert outcome((*entered(), *heartbeats(5), deleted, Leaving(at=5.0), asked)) == fail(Reason.DISCONNECTED)


@pytest.mark.parametrize(
    ("stall", "expected"), [(1.2, unclear(Reason.PROBER_OVERLOAD)), (0.3, fail(Reason.TRIAL_TIMEOUT))]
)
def test_a_deadline_that_comes_as_a_fault_asks_for_our_blindness_too(
    stall: float, expected: tuple[Outcome, Reason]
) -> None:
    late = Stopped(at=1.0, reason=Reason.TRIAL_TIMEOUT, detail="", given_up=1.5)
    assert outcome((RunStarted(at=0.0, monotonic=0.0), Stalled(at=1.4, seconds=stall), late)) == expected


def test_a_small_stall_does_not_void_the_end_of_the_runs_time() -> None:
    talking = (*entered(), AgentSpeechStarted(at=1.5), Stalled(at=30.0, seconds=0.06), *heartbeats(91))
    over = Stopped(at=90.0, reason=Reason.RUN_DEADLINE, detail="", given_up=90.5)
    assert outcome((*talking, over, Leaving(at=90.5))) == fail(Reason.RUN_DEADLINE)


def test_a_sentence_that_left_in_pieces_proves_nothing_against_the_agent() -> None:
    strict = msgspec.structs.replace(CONVERSATION, interruption=WhenInterrupted.FAIL)
    events = tuple(
        msgspec.structs.replace(event, drift=0.55) if isinstance(event, UtteranceEnded) and event.turn == 1 else event
        for event in (*conversation(), AgentSpeechStarted(at=5.2), AgentSpeechStopped(at=5.9))
    )
    assert outcome(events, strict) == unclear(Reason.PROBER_OVERLOAD)


def test_a_run_whose_time_ends_after_the_last_answer_has_passed() -> None:
    over = Stopped(at=19.4, reason=Reason.RUN_DEADLINE, detail="")
    assert outcome((*conversation(), over)) == (Outcome.PASS, None)


@pytest.mark.parametrize(
    ("stalled", "reason"),
    [((Stalled(at=240.0, seconds=236.0),), Reason.PROBER_OVERLOAD), (heartbeats(240), Reason.PROBER_INTERNAL)],
    ids=["stopped", "a bug of ours"],
)
def test_a_run_that_its_parent_had_to_end_was_stopped_or_has_a_bug(
    stalled: tuple[AnyEvent, ...], reason: Reason
) -> None:
    over = Stopped(at=45.0, reason=Reason.RUN_DEADLINE, detail="", given_up=240.1)
    ended = Stopped(at=45.0, reason=Reason.PROBER_INTERNAL, detail="the run did not end by itself", given_up=240.2)
    assert outcome((*entered(), Held(at=3.9), *heartbeats(4), *stalled, over, ended), JOIN) == unclear(reason)


def test_a_gap_between_heartbeats_is_blindness_too() -> None:
    beats = tuple(beat for beat in heartbeats(22) if not 17 < beat.at < 21)
    assert outcome((*entered()[:5], Leaving(at=20.8), *beats)) == unclear(Reason.PROBER_OVERLOAD)


def test_a_machine_that_slept_voids_the_run() -> None:
    assert outcome((*conversation(), Suspended(at=8.0, seconds=3600))) == unclear(Reason.PROBER_OVERLOAD)


def test_join_that_only_looks_asks_for_no_track() -> None:
    events = tuple(event for event in join() if not isinstance(event, AgentTrack))
    assert outcome(events, JOIN) == (Outcome.PASS, None)
    by_track = msgspec.structs.replace(JOIN, ready=Ready.TRACK)
    assert outcome(given_up(*events[:8], at=11.5), by_track) == fail(Reason.AGENT_NO_TRACK)


def test_an_agent_that_crashes_during_the_hold_failed() -> None:
    events = tuple(event for event in join() if not isinstance(event, Held))
    left = Stopped(at=2.0, reason=Reason.AGENT_LEFT, detail="client_initiated")
    assert outcome((*events, left), JOIN) == fail(Reason.AGENT_LEFT)


@given(order=st.permutations(conversation()), count=st.integers(0, len(conversation())))
def test_any_events_in_any_order_get_a_verdict(order: list[AnyEvent], count: int) -> None:
    scrambled = [msgspec.structs.replace(event, at=index * 0.1) for index, event in enumerate(order[:count])]
    verdict = judge(Timeline(scrambled), CONVERSATION)
    assert (verdict.outcome is Outcome.PASS) == (verdict.reason is None)


@given(count=st.integers(0, len(conversation())))
def test_no_prefix_of_a_good_run_fails_before_its_time(count: int) -> None:
    prefix = sorted(conversation(), key=lambda event: event.at)[:count]
    seen, verdict = (prefix[-1].at if prefix else 0.0), judge(Timeline(prefix), CONVERSATION)
    if seen < 19.5:
        assert verdict.outcome is Outcome.INCONCLUSIVE


def test_every_reason_has_words_and_a_side() -> None:
    assert set(WORDS) == set(Reason)
    assert set(Reason) >= OURS
    assert all(
        (words.message.endswith(".") and words.look.endswith(".")) or words.look.endswith("?")
        for words in WORDS.values()
    )


def test_objectives_are_judged_on_what_was_measured() -> None:
    limits = {"agent_join": 0.4, "response": 1.3, "yield_time": 1.0}
    expectations = msgspec.structs.replace(CONVERSATION, objectives=limits)
    found = judge_objectives(measure(Timeline(conversation()), expectations), expectations)
    assert [(objective.name, objective.value, objective.met) for objective in found] == [
        ("agent_join", 0.5, False),
        ("response", 1.25, True),
        ("yield_time", None, None),
    ]


@pytest.mark.parametrize(
    ("events", "objectives", "code"),
    [
        (conversation(), {}, 0),
        (conversation(), {"agent_join": 0.4}, 3),
        (given_up(*entered()[:5], at=21.0), {"agent_join": 0.4}, 1),
        ((*entered(), *heartbeats(3), ChildExited(at=3.2, status=-9)), {}, 4),
    ],
)
def test_exit_codes(events: tuple[AnyEvent, ...], objectives: dict[str, float], code: int) -> None:
    expectations = msgspec.structs.replace(CONVERSATION, objectives=objectives)
    assert derive(HEAD, expectations, events).exit_code == code


def test_the_words_customers_see_are_in_the_message() -> None:
    verdict = judge(Timeline(given_up(*entered()[:5], at=21.0)), CONVERSATION)
    assert verdict.message == "Agent did not join the room. (not within 20 s)"
    assert "worker's log" in verdict.look


def test_what_is_left_behind_is_named() -> None:
    left = CleanedUp(at=20.0, resource="room", name="trial_1_a", ok=False, detail="permission denied")
    assert derive(HEAD, CONVERSATION, (*conversation(), left)).left_behind == ("room trial_1_a: permission denied",)


def test_a_later_deadline_than_the_default_is_kept() -> None:
    patient = msgspec.structs.replace(CONVERSATION, deadlines=Deadlines(agent_join=30.0))
    assert outcome(given_up(*entered()[:5], at=25.0), patient) == unclear(Reason.PROBER_INTERNAL)
    assert outcome(given_up(*entered()[:5], at=31.0), patient) == fail(Reason.AGENT_ABSENT)


def test_the_end_of_our_sentence_is_ours_to_reach() -> None:
    events = tuple(event for event in conversation() if not isinstance(event, UtteranceEnded))
    stopped = Stopped(at=6.0, reason=Reason.PROBER_INTERNAL, detail="what left is not what was recorded")
    assert outcome((*events, stopped)) == unclear(Reason.PROBER_INTERNAL)
