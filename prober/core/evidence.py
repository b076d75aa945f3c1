"""What speaks for a cause: all that was seen of the reason's own part of the way, in words. Pure."""

import shlex
from collections.abc import Iterator

from prober.core.causes import Evidence
from prober.core.events import (
    AgentLogged,
    AgentLogQuiet,
    AgentLogUnread,
    Dispatch,
    HttpMoment,
    Person,
    ReceiverStats,
    RoomJoined,
    ServerAsked,
    Stalled,
    TokenRead,
    TokenValidated,
)
from prober.core.reasons import Reason
from prober.core.timeline import Timeline

OF_THE_AGENT = frozenset(
    {
        Reason.AGENT_ABSENT,
        Reason.AGENT_NOT_READY,
        Reason.AGENT_NO_TRACK,
        Reason.AGENT_SILENT,
        Reason.AGENT_NO_RESPONSE,
        Reason.AGENT_LEFT,
    }
)
"""Reasons that LiveKit's server and the agent's log may explain."""
TAKEN = "`received job request` of this room, and no error of livekit-agents with it after"
UNLIKE = "not a line of JSON in it: is it the worker's own, begun with `start` (`dev` writes for people)?"
LISTED_WITHIN = 5.5
"""Seconds of a room after which its jobs are in LiveKit's list.

After a worker has registered, livekit-server asks 5 s for workers of other kinds before it lists the job that one took.
"""


def evidence(timeline: Timeline, reason: Reason) -> Iterator[Evidence]:
    """All that was seen of the reason's own part of the way, in the order of the way."""
    moment, token, validated = timeline.last(HttpMoment), timeline.last(TokenRead), timeline.last(TokenValidated)
    if reason.startswith("trial") and moment is not None:
        yield Evidence("last of HTTP", f"step {moment.step}: {moment.what} {moment.detail}".rstrip())
    if token is not None and not reason.startswith("trial"):
        allows = "" if token.grants is None else f"allows {', '.join(token.grants) or 'nothing'}; "
        yield Evidence("token", f"asks for {_agents(token.agents)}; {allows}{_expiry(token.expires_in)}")
    if validated is not None and not reason.startswith("agent"):
        yield Evidence("/rtc/validate", f"status {validated.status}")
    if reason in OF_THE_AGENT:
        yield from _of_server(timeline)
        for line in timeline.all(AgentLogged):
            yield Evidence(f"agent's log, by {line.by}", line.quote)
        for quiet in timeline.all(AgentLogQuiet):
            yield Evidence("agent's log", _quiet(quiet))
        for unread in timeline.all(AgentLogUnread):
            yield Evidence("agent's log", f"{unread.file} cannot be read: {unread.error}")
    if reason in (Reason.AGENT_SILENT, Reason.AGENT_NO_RESPONSE) and (counted := packets(timeline)) is not None:
        stalled = max((stall.seconds for stall in timeline.all(Stalled)), default=0.0)
        yield Evidence(
            "audio packets", f"{counted[0]} while we waited, {counted[1]} in all; our own longest stall {stalled:.2f} s"
        )


def commands(timeline: Timeline) -> Iterator[str]:
    """What shows a reader with LiveKit's key the same."""
    joined = timeline.first(RoomJoined)
    if joined is not None:
        room = "-- " * joined.room.startswith("-") + shlex.quote(joined.room)  # a name is no option
        yield from (f"lk room list {room}", f"lk room participants list {room}", f"lk dispatch list --json {room}")


def packets(timeline: Timeline) -> tuple[int, int] | None:
    """The packets of the agent's audio that came while we waited, which is since the last look but one, and in all.

    None where nobody looked, or another track began in between, and its totals with it.
    """
    totals = [0, *(stats.packets_received for stats in timeline.all(ReceiverStats))][-2:]
    return (totals[1] - totals[0], totals[1]) if len(totals) == 2 and totals[0] <= totals[1] else None


def is_listed(timeline: Timeline, asked: ServerAsked) -> bool:
    """Whether a job would have been in the list."""
    joined = timeline.first(RoomJoined)
    return joined is not None and asked.at - joined.at >= LISTED_WITHIN


def agents_asked_for(timeline: Timeline) -> str:
    """The names in the room's dispatches that no worker took."""
    asked = timeline.last(ServerAsked)
    dispatches = () if asked is None else asked.dispatches or ()
    return _agents(tuple(each.agent for each in dispatches if each.agent and not each.jobs))


def _quiet(quiet: AgentLogQuiet) -> str:
    if quiet.error is not None:
        return f"no known cause, and an error of this room's job: {quiet.error}"
    if quiet.unlike:
        return UNLIKE
    return TAKEN if quiet.taken else "nothing that is surely of this room"


def _expiry(seconds: float | None) -> str:
    if seconds is None:
        return "no expiry"
    return f"expires in {seconds:.0f} s" if seconds > 0 else f"expired {-seconds:.0f} s ago"


def _of_server(timeline: Timeline) -> Iterator[Evidence]:
    asked = timeline.last(ServerAsked)
    if asked is None:
        return
    if asked.people is not None:
        yield Evidence("in the room", ", ".join(map(_person, asked.people)) or "nobody")
    elif asked.listed is not None:
        yield Evidence("in the room", f"{asked.listed} by ListRooms, which may be 5 s behind")
    if asked.dispatches is not None:
        here = None if asked.people is None else {person.identity for person in asked.people}
        no_job = "no job" if is_listed(timeline, asked) else "no job listed yet"
        yield from (Evidence(f"dispatch {each.id}", _dispatch(each, here, no_job)) for each in asked.dispatches)
        if not asked.dispatches:
            yield Evidence("dispatches", "none")
    yield from (Evidence("not told by LiveKit", why) for why in asked.trouble)


def _person(person: Person) -> str:
    state = f", {person.state}" if person.state is not None else ", no state" if person.kind == "agent" else ""
    return f"{person.identity} ({person.kind}{state}, tracks: {person.tracks})"


def _dispatch(dispatch: Dispatch, here: set[str] | None, no_job: str) -> str:
    asked = _agents((dispatch.agent,)) + (", before our run" if dispatch.earlier else "")
    if not dispatch.jobs:
        return f"asks for {asked}: {no_job}"
    jobs = (
        f"job {job.id} on worker {job.worker} as {job.identity}"
        + ("" if here is None else ", who is in the room" if job.identity in here else ", who is not in the room")
        for job in dispatch.jobs
    )
    return f"asks for {asked}: {'; '.join(jobs)}"


def _agents(names: tuple[str, ...]) -> str:
    return ", ".join(f'agent "{name}"' if name else "any unnamed agent" for name in names) or "no agent by name"
