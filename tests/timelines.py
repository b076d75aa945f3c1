"""Timelines to test with: a good one of each scenario, made of round numbers."""

from prober.core.events import (
    AgentJoined,
    AgentSpeechStarted,
    AgentSpeechStopped,
    AgentState,
    AgentTrack,
    AnyEvent,
    Heartbeat,
    Held,
    Leaving,
    MicrophonePublished,
    ParticipantSeen,
    ReadyToSpeak,
    ReceiverStats,
    RoomJoined,
    RunStarted,
    SessionGranted,
    TrialRequested,
    TurnRechecked,
    UtteranceEnded,
    UtteranceStarted,
)
from prober.core.plan import Expectations, Greeting, Scenario, TurnPlan
from prober.core.record import Head

HEAD = Head(run_id="0123456789abcdef", target="shop", trigger="manual", started_at="2026-01-01T00:00:00.000+00:00")
CONVERSATION = Expectations(scenario=Scenario.CONVERSATION, greeting=Greeting.EXPECTED, turns=(TurnPlan(),) * 2)
JOIN = Expectations(scenario=Scenario.JOIN)
AGENT = "agent-AJ_1"


def heartbeats(until: float) -> tuple[AnyEvent, ...]:
    """One a second: the child was watching."""
    return tuple(Heartbeat(at=float(second), cpu=0.1 * second, rss=90_000_000) for second in range(int(until) + 1))


def stats(at: float, emitted: int) -> ReceiverStats:
    """A receiver that holds every sample for 40 ms and loses none."""
    return ReceiverStats(
        at=at,
        jitter_buffer_delay=emitted * 0.040,
        jitter_buffer_emitted=emitted,
        packets_received=emitted // 960,
        packets_lost=0,
        concealed_samples=0,
        total_samples=emitted,
    )


def entered() -> tuple[AnyEvent, ...]:
    """From the door to an agent that is ready."""
    return (
        RunStarted(at=0.0, monotonic=0.0),
        TrialRequested(at=0.0),
        SessionGranted(at=0.2, server="ws://127.0.0.1:7880", room="trial_1_a"),
        RoomJoined(at=0.3, room="trial_1_a", identity="caller"),
        MicrophonePublished(at=0.35),
        ParticipantSeen(at=0.8, identity=AGENT, kind="agent", before_us=False),
        AgentJoined(at=0.8, identity=AGENT, name="reference-agent", before_us=False),
        AgentState(at=0.9, identity=AGENT, state="listening"),
        AgentTrack(at=1.0, identity=AGENT),
    )


def turn(number: int, at: float, response: float) -> tuple[AnyEvent, ...]:
    """Two seconds of ours from `at`, an answer of one second after `response`."""
    onset = at + 2.0 + response
    return (
        ReadyToSpeak(at=at - 0.5, turn=number),
        stats(at - 0.4, round(48_000 * at)),
        UtteranceStarted(at=at, turn=number, fixture="en-hours"),
        UtteranceEnded(at=at + 2.0, turn=number, drift=0.0),
        AgentSpeechStarted(at=onset),
        stats(onset + 0.2, round(48_000 * (onset + 0.6))),
        AgentSpeechStopped(at=onset + 1.0),
        TurnRechecked(at=19.6, turn=number, ended=at + 2.0, answered=onset),
    )


def conversation() -> tuple[AnyEvent, ...]:
    """A greeting and two turns: answered after 0.75 s and 1.25 s."""
    return (
        *entered(),
        AgentSpeechStarted(at=1.5),
        AgentSpeechStopped(at=3.0),
        TurnRechecked(at=19.6, turn=0, ended=None, answered=1.5),
        *turn(1, at=4.5, response=0.75),
        *turn(2, at=10.0, response=1.25),
        Leaving(at=19.5),
        *heartbeats(20),
    )


def join() -> tuple[AnyEvent, ...]:
    """The agent comes and stays."""
    return (*entered(), Held(at=3.9), Leaving(at=3.95), *heartbeats(5))
