"""What a run counts for beside its verdict: missed objectives, the time of its agent, its clean-up. Pure."""

from prober.core.events import AgentJoined, CleanedUp, Leaving, Stopped
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
    """How long the agent was kept: from its joining until it left, its room was taken away, or we left; else 0."""
    timeline = Timeline(record.timeline)
    joined = timeline.first(AgentJoined)
    if joined is None:
        return 0.0
    left = [event.at for event in timeline.all(Stopped) if event.reason is Reason.AGENT_LEFT]
    deleted = [event.at for event in timeline.all(CleanedUp) if event.resource == "room" and event.ok]
    leaving = [event.at for event in timeline.all(Leaving)]
    end = next(iter(left or deleted[-1:] or leaving), record.seconds or 0.0)
    return max(joined.at, end) - joined.at


def cleanup_seconds(record: RunRecord) -> float | None:
    """From our leaving to the last thing that was taken away; None where nothing was, or not all of it."""
    timeline = Timeline(record.timeline)
    leaving = timeline.first(Leaving)
    cleaned = [event for event in timeline.all(CleanedUp) if event.resource in RESOURCES]
    if leaving is None or not cleaned or not all(event.ok for event in cleaned):
        return None
    return max(event.at for event in cleaned) - leaving.at


def left_behind(record: RunRecord) -> tuple[str, ...]:
    """Of each thing that this run could not take away, which kind it is."""
    cleaned = Timeline(record.timeline).all(CleanedUp)
    return tuple(event.resource for event in cleaned if event.resource in RESOURCES and not event.ok)
