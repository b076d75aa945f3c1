import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.core.events import (
    AgentJoined,
    AgentSpeechStarted,
    AgentSpeechStopped,
    AgentState,
    AnyEvent,
    AudioLate,
    Event,
    Stalled,
    TurnRechecked,
    UtteranceEnded,
    UtteranceStarted,
)
from prober.core.measure import measure, phase_voids
from prober.core.plan import Greeting, Ready
from prober.core.readings import greeting_void, turn_readings
from prober.core.timeline import Timeline, Turn
from tests.timelines import AGENT, CONVERSATION, conversation, entered, heartbeats, stats, turn


def without(events: tuple[AnyEvent, ...], *kinds: type[Event]) -> tuple[AnyEvent, ...]:
    return tuple(event for event in events if not isinstance(event, kinds))


def test_a_good_conversation_has_every_measurement_but_the_interruption() -> None:
    found = measure(Timeline(conversation()), CONVERSATION)
    assert msgspec.to_builtins(found) == {
        "trial": 0.2,
        "room_join": pytest.approx(0.1),
        "agent_join": 0.5,
        "agent_ready": pytest.approx(0.1),
        "time_to_ready": 1.0,
        "greeting": 0.5,
        "responses": (0.75, 1.25),
        "yield_time": None,
    }


def test_an_agent_that_was_there_before_us_joined_after_nothing() -> None:
    events = (*without(entered(), AgentJoined), AgentJoined(at=0.3, identity=AGENT, name="", before_us=True))
    assert measure(Timeline(events), CONVERSATION).agent_join == 0.0


def test_an_agent_without_state_is_ready_when_its_track_is_there() -> None:
    events = without(conversation(), AgentState)
    by_track = msgspec.structs.replace(CONVERSATION, ready=Ready.TRACK)
    assert measure(Timeline(events), by_track).time_to_ready == 1.0
    assert measure(Timeline(events), CONVERSATION).time_to_ready is None


def test_a_greeting_is_never_an_answer() -> None:
    greeted_only = (*entered(), AgentSpeechStarted(at=1.5), AgentSpeechStopped(at=3.0), *turn(1, 4.5, 0.75)[:4])
    assert measure(Timeline(greeted_only), CONVERSATION).responses == (None, None)


def spoken_over(*speech: AnyEvent) -> Timeline:
    """One turn, our sentence from 4.5 to 6.5 s, and this speech of the agent."""
    checked = TurnRechecked(at=15.0, turn=1, ended=6.5, answered=8.0)
    return Timeline((*entered(), *turn(1, 4.5, 0.75)[:4], *speech, stats(9.0, 500_000), checked, *heartbeats(16)))


def test_an_interruption_that_ends_before_us_does_not_answer() -> None:
    timeline = spoken_over(AgentSpeechStarted(at=5.0), AgentSpeechStopped(at=5.8), AgentSpeechStarted(at=8.0))
    spoken = timeline.turns()[0]
    assert (spoken.interrupted is not None, spoken.answered) == (True, 8.0)
    reading = turn_readings(timeline, CONVERSATION)[0]
    assert (reading.response, reading.void) == (None, "the agent spoke over our sentence")


def test_an_interruption_that_goes_on_past_our_end_answers_without_a_number() -> None:
    timeline = spoken_over(AgentSpeechStarted(at=5.0), AgentSpeechStopped(at=7.5))
    assert timeline.turns()[0].answered == 6.5
    assert turn_readings(timeline, CONVERSATION)[0].response is None


@pytest.mark.parametrize(
    ("trouble", "void"),
    [
        (Stalled(at=6.9, seconds=0.25), "the prober stalled for 0.25 s"),
        (Stalled(at=7.4, seconds=0.5), "the prober stalled for 0.50 s"),
        (AudioLate(at=7.0, seconds=0.06), "the agent's audio reached the prober 60 ms late"),
        (UtteranceEnded(at=6.5, turn=1, drift=0.045), "our sentence was stretched by 45 ms on its way out"),
        (
            TurnRechecked(at=1.2, turn=1, ended=6.5, answered=7.4),
            "the recording shows the onset of the answer 150 ms later",
        ),
        (
            TurnRechecked(at=1.2, turn=1, ended=6.4, answered=7.25),
            "the recording shows the end of our speech 100 ms earlier",
        ),
        (
            TurnRechecked(at=1.2, turn=1, ended=6.5, answered=None),
            "the recording does not show the onset of the answer",
        ),
        (stats(6.4, 0), "the jitter buffer held"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Event) else "",
)
def test_our_own_trouble_voids_the_turn_and_says_so(trouble: AnyEvent, void: str) -> None:
    events = [event for event in conversation() if not (isinstance(event, UtteranceEnded) and event.at == 6.5)]
    if not isinstance(trouble, UtteranceEnded):
        events.append(UtteranceEnded(at=6.5, turn=1, drift=0.0))
    if void.startswith("the jitter"):
        events.append(msgspec.structs.replace(stats(7.3, 24_000), jitter_buffer_delay=24_000 * 0.2))
    first, second = turn_readings(Timeline([trouble, *events]), CONVERSATION)
    assert first.response is None
    assert first.void is not None
    assert first.void.startswith(void)
    assert second.response == 1.25


@pytest.mark.parametrize(
    "harmless", [Stalled(at=6.9, seconds=0.08), Stalled(at=4.4, seconds=0.5), Stalled(at=8.0, seconds=0.5)]
)
def test_a_short_stall_or_one_elsewhere_voids_nothing(harmless: Stalled) -> None:
    assert turn_readings(Timeline([harmless, *conversation()]), CONVERSATION)[0].response == 0.75


def test_no_recheck_no_number() -> None:
    readings = turn_readings(Timeline(without(conversation(), TurnRechecked)), CONVERSATION)
    assert [reading.response for reading in readings] == [None, None]


def shifted(event: AnyEvent, by: float) -> AnyEvent:
    moved = msgspec.structs.replace(event, at=event.at + by)
    if isinstance(moved, TurnRechecked):
        ended = None if moved.ended is None else moved.ended + by
        answered = None if moved.answered is None else moved.answered + by
        return msgspec.structs.replace(moved, ended=ended, answered=answered)
    return moved


@given(shift=st.integers(-60_000, 60_000))
def test_shifting_the_whole_run_changes_nothing(shift: int) -> None:
    moved = [shifted(event, shift / 1000) for event in conversation()]
    assert measure(Timeline(moved), CONVERSATION) == measure(Timeline(conversation()), CONVERSATION)


@pytest.mark.parametrize(
    ("trouble", "void"),
    [
        (Stalled(at=1.3, seconds=0.25), "the prober stalled for 0.25 s"),
        (AudioLate(at=1.6, seconds=0.06), "the agent's audio reached the prober 60 ms late"),
        (TurnRechecked(at=1.2, turn=0, ended=None, answered=1.6), "the recording shows the greeting 100 ms later"),
        (TurnRechecked(at=1.2, turn=0, ended=None, answered=None), "the recording does not show the greeting"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Event) else "",
)
def test_our_own_trouble_voids_the_greeting_and_says_so(trouble: AnyEvent, void: str) -> None:
    timeline = Timeline([trouble, *conversation()])
    assert measure(timeline, CONVERSATION).greeting is None
    assert greeting_void(timeline, CONVERSATION) == void


@given(order=st.permutations(conversation()), count=st.integers(0, len(conversation())))
def test_any_events_in_any_order_give_durations_that_are_not_negative(order: list[AnyEvent], count: int) -> None:
    scrambled = [msgspec.structs.replace(event, at=index * 0.1) for index, event in enumerate(order[:count])]
    optional = msgspec.structs.replace(CONVERSATION, greeting=Greeting.OPTIONAL)
    found = msgspec.to_builtins(measure(Timeline(scrambled), optional))
    values = [*found.pop("responses"), *found.values()]
    assert all(value is None or value >= 0 for value in values)


def test_a_phase_that_ends_in_a_stall_of_ours_has_no_number() -> None:
    stalled = Timeline((*conversation(), Stalled(at=0.82, seconds=0.3)))  # the agent is seen at 0.8
    found = measure(stalled, CONVERSATION)
    assert (found.agent_join, found.agent_ready) == (None, None)
    assert found.room_join == pytest.approx(0.1)
    assert phase_voids(stalled, CONVERSATION)["agent_join"] == "the prober stalled for 0.30 s"
    short = Timeline((*conversation(), Stalled(at=0.82, seconds=0.06)))
    assert measure(short, CONVERSATION).agent_join == 0.5


def over_it(*speech: AnyEvent, ended: float = 6.5) -> Turn:
    """An interruption of ours from 4.5 s, and this speech of the agent."""
    spoken = (
        UtteranceStarted(at=4.5, turn=1, fixture="en-stop", barge_in=True),
        UtteranceEnded(at=ended, turn=1, drift=0.0),
    )
    (found,) = Timeline((*entered(), *spoken, *speech)).turns()
    return found


def test_a_breath_between_two_sentences_is_no_yielding() -> None:
    reads_on = over_it(
        *(AgentSpeechStarted(at=3.0), AgentSpeechStopped(at=5.0)),
        *(AgentSpeechStarted(at=5.6), AgentSpeechStopped(at=9.0)),
    )
    assert reads_on.under == (3.0, 9.0)
    assert (reads_on.interrupted, reads_on.answered) == (None, None)
    breathing = over_it(
        *(AgentSpeechStarted(at=3.0), AgentSpeechStopped(at=4.3)),
        *(AgentSpeechStarted(at=4.8), AgentSpeechStopped(at=9.0)),
    )
    assert breathing.under == (3.0, 9.0)


def test_who_yields_and_answers_at_once_has_yielded() -> None:
    yielded = over_it(
        *(AgentSpeechStarted(at=3.0), AgentSpeechStopped(at=6.0)),
        *(AgentSpeechStarted(at=6.8), AgentSpeechStopped(at=9.0)),
    )
    assert yielded.under == (3.0, 6.0)
    assert yielded.answered == 6.8


def test_speech_from_before_our_sentence_neither_interrupts_nor_answers() -> None:
    spoken = (UtteranceStarted(at=4.5, turn=1, fixture="a"), UtteranceEnded(at=6.5, turn=1, drift=0.0))
    late_greeting = Timeline((*entered(), *spoken, AgentSpeechStarted(at=4.4), AgentSpeechStopped(at=7.0)))
    (found,) = late_greeting.turns()
    assert (found.interrupted, found.answered, found.under) == (None, None, (4.4, 7.0))
