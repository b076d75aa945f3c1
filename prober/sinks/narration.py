"""A run's moments in words for a person, one line each. Pure: returns text.

No line obeys who wrote a part of it: what is no visible character is shown as a sign.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from prober.core.events import (
    AgentJoined,
    AgentLogged,
    AgentLogQuiet,
    AgentLogUnread,
    AgentSpeechStarted,
    AgentSpeechStopped,
    AgentState,
    AgentTrack,
    AnchorsAsked,
    AnswerMatched,
    AudioLate,
    ChildExited,
    CleanedUp,
    Event,
    Held,
    HttpMoment,
    Leaving,
    MicrophonePublished,
    MoreCame,
    ParticipantSeen,
    ReadyToSpeak,
    Reconnected,
    Reconnecting,
    RoomJoined,
    RunStarted,
    ServerAsked,
    SessionGranted,
    Stalled,
    Stopped,
    Suspended,
    TokenRead,
    TokenValidated,
    TranscriptHeard,
    TrialRequested,
    UtteranceEnded,
    UtteranceStarted,
)
from prober.core.visible import visible

_ANSWERS = {200: "validated", 401: "refused"}
_WORDS: dict[type[Event], Callable[[Any], str | None]] = {
    RunStarted: lambda _: "run started",
    TrialRequested: lambda _: "asked for a session",
    SessionGranted: lambda event: f"session granted: {event.room} on {event.server}",
    TokenRead: lambda event: f"token dispatches {', '.join(event.agents) or 'no agent by name'}",
    TokenValidated: lambda event: f"LiveKit {_ANSWERS.get(event.status, 'answered about')} the token ({event.status})",
    RoomJoined: lambda event: f"room joined as {event.identity}",
    MicrophonePublished: lambda _: "microphone published",
    ParticipantSeen: lambda event: _person(event.kind, event.identity, event.on_behalf_of),
    AgentJoined: lambda event: f"agent joined{' before us' if event.before_us else ''}: {event.name or event.identity}",
    AgentState: lambda event: f"agent is {event.state}",
    AgentTrack: lambda _: "agent's audio track is there",
    ReadyToSpeak: lambda event: f"turn {event.turn} is ours",
    UtteranceStarted: lambda event: f"we speak{' over it' if event.barge_in else ''}: {event.fixture}",
    UtteranceEnded: lambda _: "we have spoken",
    AgentSpeechStarted: lambda _: "agent speaks",
    AgentSpeechStopped: lambda _: "agent has spoken",
    MoreCame: lambda event: f"more of {event.kind} come than are recorded: the rest is left out",
    TranscriptHeard: lambda event: f"transcript of the {event.speaker} is there" if event.final else None,
    AnswerMatched: lambda event: f"answer {event.turn} says what is expected",
    Held: lambda _: "agent is still there",
    Reconnecting: lambda _: "connection to LiveKit lost, reconnecting",
    Reconnected: lambda _: "connected again",
    Stalled: lambda event: f"the prober stalled for {event.seconds:.2f} s",
    Suspended: lambda event: f"the machine slept for {event.seconds:.0f} s",
    AudioLate: lambda event: f"audio came {event.seconds * 1000:.0f} ms late",
    AnchorsAsked: lambda event: (
        f"{event.answered} of {event.of} independent {'host answers' if event.of == 1 else 'hosts answer'}"
    ),
    ServerAsked: lambda event: f"{_told(event)}{_counted(event)}{_untold(event.trouble)}",
    AgentLogged: lambda event: f"agent's log: {event.quote}",
    AgentLogQuiet: lambda event: f"agent's log tells {_quiet(event)}",
    AgentLogUnread: lambda event: f"agent's log {event.file} cannot be read: {event.error}",
    Stopped: lambda event: f"stopped: {event.reason} ({event.detail})" if event.detail else f"stopped: {event.reason}",
    Leaving: lambda _: "leaving",
    CleanedUp: lambda event: _taken_away(event.resource, event.name, event.detail),
    ChildExited: lambda event: f"the run's process ended with status {event.status}",
}


def moment(event: Event) -> str | None:
    """One line for an event; None for those that only machines read."""
    told = words(event)
    return None if told is None else f"{event.at:8.3f} s  {told}"


def words(event: Event) -> str | None:
    """What happened; None for what only machines read."""
    told = _http(event) if isinstance(event, HttpMoment) else _WORDS.get(type(event), lambda _: None)(event)
    return None if told is None else visible(told)


def _told(event: ServerAsked) -> str:
    nothing = (event.people, event.dispatches, event.listed) == (None, None, None)
    return "LiveKit told nothing of the room" if nothing else "asked LiveKit about the room"


def _counted(event: ServerAsked) -> str:
    """How many are in the room where their names are not told; they name no cause, so no last block has them."""
    return "" if event.people is not None or event.listed is None else f": {event.listed} in it by ListRooms"


def _untold(trouble: tuple[str, ...]) -> str:
    """What it would not tell explains no run, and is a note about the diagnosis alone."""
    return f" ({'; '.join(trouble)})" if trouble else ""


def _person(kind: str, identity: str, on_behalf_of: str | None) -> str | None:
    """An agent is told of by what follows: that it is the one, or in the summary that it is not."""
    if on_behalf_of is not None:
        return f"avatar of the agent in the room: {identity}"
    return None if kind == "agent" else f"{kind} in the room: {identity}"


def _quiet(event: AgentLogQuiet) -> str:
    if event.error is not None:
        return f"of no known cause, and of an error: {event.error}"
    if event.unlike:
        return "nothing that is understood: no line in it is JSON"
    return "that the job was taken, and nothing more" if event.taken else "nothing of this room"


def _taken_away(resource: str, name: str, detail: str) -> str:
    """A trial is undone by steps of the product's own, which have names and an answer."""
    return f"clean-up step '{name}': {detail}" if resource == "trial" else f"{resource} {name} {detail}"


def _http(event: HttpMoment) -> str | None:
    """A step is told by where it was led and how it ended; its other moments are for machines."""
    if event.what == "redirected":
        return f"  {event.step}: led to {event.detail}"
    return f"  {event.step}: {event.detail}" if event.what == "done" else None


def timeline(events: Iterable[Event]) -> Iterator[str]:
    """The lines of a timeline, in order of time."""
    return (line for event in events if (line := moment(event)) is not None)
