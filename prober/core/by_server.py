"""Why no agent came, by what LiveKit's server lists; a job's status is not in it, for it is wrong. Pure."""

import math

from prober.core.causes import Cause
from prober.core.events import Dispatch, Leaving, ParticipantSeen, ServerAsked, TokenRead
from prober.core.evidence import is_listed
from prober.core.timeline import Timeline


def came_late(timeline: Timeline) -> bool:
    """Whether LiveKit lists an agent that we had not seen when we gave up."""
    asked, gave_up = timeline.last(ServerAsked), timeline.last(Leaving)
    in_time = timeline.all(ParticipantSeen, until=math.inf if gave_up is None else gave_up.at)
    seen = {person.identity for person in in_time}
    people = () if asked is None else asked.people or ()
    return any(person.kind == "agent" and person.identity not in seen for person in people)


def never_joined(timeline: Timeline) -> bool:
    """Whether a worker took a job of this room, and its agent is not there."""
    asked = timeline.last(ServerAsked)
    if asked is None:
        return False
    here = {person.identity for person in asked.people or ()}
    return any(job.identity not in here for each in _of_our_run(timeline, asked) for job in each.jobs)


def unasked(timeline: Timeline) -> bool:
    """Whether LiveKit has not a single dispatch for our run: no worker was to take a job."""
    asked = timeline.last(ServerAsked)
    return asked is not None and asked.dispatches is not None and not _of_our_run(timeline, asked)


def used_before(timeline: Timeline) -> bool:
    """Whether LiveKit has a dispatch of the room from before our run: its job is an earlier caller's."""
    asked = timeline.last(ServerAsked)
    return asked is not None and any(each.earlier for each in asked.dispatches or ())


def _of_our_run(timeline: Timeline, asked: ServerAsked) -> list[Dispatch]:
    """The room's dispatches; where our token asks for an agent, those of earlier callers left out."""
    return [each for each in asked.dispatches or () if not (each.earlier and token_asks(timeline))]


def cause(timeline: Timeline) -> Cause | None:
    """Why no agent came, by the server's lists; a job's status is not in them, for it is wrong."""
    asked = timeline.last(ServerAsked)
    if asked is None:
        return None
    if came_late(timeline):
        return Cause.JOINED_LATE
    if never_joined(timeline):
        return Cause.ASSIGNED_NEVER_JOINED
    if asked.dispatches is None or not is_listed(timeline, asked):
        return None
    dispatches = _of_our_run(timeline, asked)
    if any(each.agent and not each.jobs for each in dispatches):
        return Cause.NO_WORKER
    # A room of which no agent was asked has a dispatch all the same, for workers without a name.
    return None if any(each.jobs for each in dispatches) else Cause.NOT_DISPATCHED


def token_asks(timeline: Timeline) -> bool:
    """Whether the token asks for an agent by its name."""
    token = timeline.last(TokenRead)
    return token is not None and any(token.agents)
