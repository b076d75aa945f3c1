"""What a run counts for beside its verdict: missed objectives, the time of its agent, its clean-up. Pure."""

from prober.core.events import AgentJoined, CleanedUp, Leaving, ServerAsked, Stopped
from prober.core.reasons import Outcome, Reason
from prober.core.record import RunRecord
from prober.core.statistics import outline
from prober.core.timeline import Timeline

RESOURCES = ("room", "participant", "trial")
"""What a run takes out of the world again; its recording is only a file of ours."""


def missed(record: RunRecord) -> tuple[str, ...]:
    """The objectives that this judged run missed.

    A value over its limit is a miss. So is, in a run that failed, one that never came although a good run has it: who
    waits in vain has waited too long. A value that came but was not believed is none.
    """
    if record.outcome is Outcome.INCONCLUSIVE:
        return ()
    owed = outline(record).tallies if record.outcome is Outcome.FAIL else {}
    return tuple(
        objective.name
        for objective in record.objectives
        if objective.met is False or (objective.name in owed and owed[objective.name].misses)
    )


def agent_seconds(record: RunRecord) -> float:
    """For how long the run's agents were kept, all together; 0 where none came.

    Each from when it was seen until it left, the room was taken away, or we left; where none of it is known, until the
    last that is known of the run.
    """
    joined: dict[str, float] = {}
    ends: list[float] = []
    for event in Timeline(record.timeline):
        match event:
            case AgentJoined(at=at, identity=identity):
                joined.setdefault(identity, at)
            case Stopped(at=at, reason=Reason.AGENT_LEFT) | CleanedUp(at=at, resource="room", ok=True) | Leaving(at=at):
                ends.append(at)
    end = min(ends, default=record.seconds or 0.0)
    return sum(end - at for at in joined.values() if at < end)


def cleanup_seconds(record: RunRecord) -> float | None:
    """From our leaving to the last thing that was taken away; None where nothing was, or not all of it.

    Asking LiveKit why an agent failed us, which comes between the two, is no part of it.
    """
    timeline = Timeline(record.timeline)
    leaving = timeline.first(Leaving)
    cleaned = [event for event in timeline.all(CleanedUp) if event.resource in RESOURCES]
    if leaving is None or not cleaned or not all(event.ok for event in cleaned):
        return None
    asked = timeline.first(ServerAsked, since=leaving.at)
    return max(event.at for event in cleaned) - (asked or leaving).at


def left_behind(record: RunRecord) -> tuple[str, ...]:
    """Of each thing that this run could not take away, which kind it is."""
    cleaned = Timeline(record.timeline).all(CleanedUp)
    return tuple(event.resource for event in cleaned if event.resource in RESOURCES and not event.ok)
