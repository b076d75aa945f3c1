"""The run record: everything kept of a run, derived from its head and its timeline. Pure."""

from typing import Literal

import msgspec

from prober.core.causes import Diagnosis
from prober.core.diagnosis import diagnose
from prober.core.events import AgentJoined, AnyEvent, CleanedUp, ParticipantSeen, RoomJoined, SessionGranted
from prober.core.measure import Health, Measurements, health, measure
from prober.core.plan import Expectations
from prober.core.reasons import Outcome, Reason
from prober.core.timeline import Timeline
from prober.core.verdict import Objective, judge, judge_objectives

SCHEMA: Literal["livekit-prober/run/1"] = "livekit-prober/run/1"


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a run before it begins. `started_at` is wall time (RFC 3339, UTC), a label only.

    `labels` are the operator's own, such as the version that was deployed.
    """

    run_id: str
    target: str
    trigger: Literal["manual", "scheduled", "confirm"]
    started_at: str
    labels: dict[str, str] = {}


class Participant(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody else in the room."""

    identity: str
    kind: str
    agent: bool


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """All that is kept of a run. Seconds everywhere; null is "did not happen"."""

    schema: Literal["livekit-prober/run/1"] = SCHEMA
    run_id: str
    target: str
    scenario: str
    trigger: Literal["manual", "scheduled", "confirm"]
    started_at: str
    labels: dict[str, str] = {}
    outcome: Outcome
    reason: Reason | None
    message: str
    look: str
    measurements: Measurements
    objectives: tuple[Objective, ...]
    diagnosis: Diagnosis | None = None
    prober: Health
    room: str | None
    participants: tuple[Participant, ...]
    left_behind: tuple[str, ...]
    expectations: Expectations
    timeline: tuple[AnyEvent, ...]

    @property
    def seconds(self) -> float | None:
        """From the run's start to the last that is known of it, its clean-up included; None where nothing happened."""
        return max((event.at for event in self.timeline), default=None)

    @property
    def exit_code(self) -> int:
        """0 pass, 1 target failed, 3 an objective was missed, 4 inconclusive."""
        if self.outcome is Outcome.PASS and any(objective.met is False for objective in self.objectives):
            return 3
        return {Outcome.PASS: 0, Outcome.FAIL: 1, Outcome.INCONCLUSIVE: 4}[self.outcome]


def derive(head: Head, expectations: Expectations, events: tuple[AnyEvent, ...]) -> RunRecord:
    """The record of these events: the same events give the same record."""
    timeline = Timeline(events)
    measurements = measure(timeline, expectations)
    verdict = judge(timeline, expectations)
    room = timeline.first(RoomJoined) or timeline.first(SessionGranted)
    agents = {event.identity for event in timeline.all(AgentJoined)}
    return RunRecord(
        run_id=head.run_id,
        target=head.target,
        scenario=expectations.scenario,
        trigger=head.trigger,
        started_at=head.started_at,
        labels=head.labels,
        outcome=verdict.outcome,
        reason=verdict.reason,
        message=verdict.message,
        look=verdict.look,
        measurements=measurements,
        objectives=judge_objectives(measurements, expectations),
        diagnosis=diagnose(timeline, verdict),
        prober=health(timeline, expectations),
        room=None if room is None else room.room,
        participants=tuple(
            Participant(identity=event.identity, kind=event.kind, agent=event.identity in agents)
            for event in timeline.all(ParticipantSeen)
        ),
        left_behind=tuple(
            f"{'clean-up step' if event.resource == 'trial' else event.resource} {event.name}: {event.detail}"
            for event in timeline.all(CleanedUp)
            if not event.ok
        ),
        expectations=expectations,
        timeline=tuple(timeline.events),  # type: ignore[arg-type]  # every Event that exists is in AnyEvent
    )


def rederive(record: RunRecord) -> RunRecord:
    """The record as today's rules see its timeline."""
    head = Head(
        run_id=record.run_id,
        target=record.target,
        trigger=record.trigger,
        started_at=record.started_at,
        labels=record.labels,
    )
    return derive(head, record.expectations, record.timeline)
