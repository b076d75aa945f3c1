"""The moments a run writes down: frozen values that hold what happened and when, never a duration.

`at` is seconds since the run began, on the monotonic clock; a moment found later (the onset of speech) is dated back.
No event holds a token, an e-mail address or what was said. They are one closed list in one place, however long.
"""

from typing import Literal, NamedTuple

import msgspec

from prober.core.causes import Cause
from prober.core.decoding import Whole
from prober.core.reasons import Reason


class Event(msgspec.Struct, frozen=True, kw_only=True, tag=True, tag_field="event"):
    """Something that happened `at` seconds after the run began."""

    at: float


class RunStarted(Event, frozen=True, kw_only=True):
    """The child began: the zero of every other moment, `monotonic` on the machine's monotonic clock."""

    monotonic: float
    pid: Whole | None = None


# The way in


class TrialRequested(Event, frozen=True, kw_only=True):
    """The first request of the way in was sent; the direct entry asks nobody and has none."""


class HttpMoment(Event, frozen=True, kw_only=True):
    """A moment of one HTTP step; `detail` is a host, a status or the path redirected to (never a query)."""

    step: str
    what: Literal["sent", "resolved", "connected", "tls", "first_byte", "redirected", "done"]
    detail: str


class SessionGranted(Event, frozen=True, kw_only=True):
    """The product handed out a session: where to go. Its token stays outside the timeline."""

    server: str
    room: str


class TokenRead(Event, frozen=True, kw_only=True):
    """What the token says: seconds until it expires, the room, the agents it dispatches, our identity, what it allows.

    `grants` are LiveKit's names for what a caller needs, and for what hides one; records of old have none of them.
    """

    expires_in: float | None
    room: str | None
    agents: tuple[str, ...]
    identity: str | None
    grants: tuple[str, ...] | None = None


class TokenValidated(Event, frozen=True, kw_only=True):
    """The server answered `/rtc/validate` with this status."""

    status: Whole


# The room


class RoomJoined(Event, frozen=True, kw_only=True):
    """Signal and media are up."""

    room: str
    identity: str


class ParticipantSeen(Event, frozen=True, kw_only=True):
    """Another participant is in the room; `kind` as LiveKit names it (`standard`, `agent`, …).

    `on_behalf_of` names the agent whose avatar it is.
    """

    identity: str
    kind: str
    before_us: bool
    on_behalf_of: str | None = None


class AgentJoined(Event, frozen=True, kw_only=True):
    """A participant of kind AGENT, no avatar, is in the room; dated at our own join if it was there before us."""

    identity: str
    name: str
    before_us: bool


class AgentState(Event, frozen=True, kw_only=True):
    """The agent's `lk.agent.state` has this value now."""

    identity: str
    state: str


class AgentTrack(Event, frozen=True, kw_only=True):
    """We are subscribed to an audio track of the agent, or of its avatar."""

    identity: str


class MicrophonePublished(Event, frozen=True, kw_only=True):
    """Our own audio track is in the room."""


class ReadyToSpeak(Event, frozen=True, kw_only=True):
    """The agent has been silent long enough: the turn is ours."""

    turn: Whole


class Reconnecting(Event, frozen=True, kw_only=True):
    """The connection to LiveKit broke; the SDK tries again."""


class Reconnected(Event, frozen=True, kw_only=True):
    """The connection to LiveKit is back."""


class TranscriptHeard(Event, frozen=True, kw_only=True):
    """A transcript of this speaker came over the room: its length, never its words."""

    speaker: Literal["agent", "caller"]
    final: bool
    characters: Whole


class MoreCame(Event, frozen=True, kw_only=True):
    """More events of this kind come than are recorded: the rest is left out."""

    kind: str


# Speech


class AgentSpeechStarted(Event, frozen=True, kw_only=True):
    """First sample of speech from the agent at our ear."""


class AgentSpeechStopped(Event, frozen=True, kw_only=True):
    """Last sample of that speech."""


class UtteranceStarted(Event, frozen=True, kw_only=True):
    """First speech sample of our sentence left the microphone; `barge_in`: meant to be said over the agent."""

    turn: Whole
    fixture: str
    barge_in: bool = False


class UtteranceEnded(Event, frozen=True, kw_only=True):
    """Last *speech* sample of our sentence left the microphone, stretched by `drift` seconds on its way out."""

    turn: Whole
    drift: float


class AnswerMatched(Event, frozen=True, kw_only=True):
    """The transcript of the answer to this turn holds what the scenario expects in it."""

    turn: Whole


class Held(Event, frozen=True, kw_only=True):
    """The agent was still there at the end of the scenario's `hold`."""


# Our own honesty


class Heartbeat(Event, frozen=True, kw_only=True):
    """The child's event loop is alive; it has used this many CPU seconds and bytes of memory so far."""

    cpu: float
    rss: Whole


class Stalled(Event, frozen=True, kw_only=True):
    """The event loop did not run for `seconds`, up to this moment."""

    seconds: float


class Suspended(Event, frozen=True, kw_only=True):
    """The machine slept for `seconds` (CLOCK_BOOTTIME moved against CLOCK_MONOTONIC)."""

    seconds: float


class AudioLate(Event, frozen=True, kw_only=True):
    """For a fifth of a second every frame of the agent's audio came `seconds` late or more: lost, or a starved host."""

    seconds: float


class ReceiverStats(Event, frozen=True, kw_only=True):
    """WebRTC's running totals for the agent's audio: seconds, samples and packets since the track began.

    Source: W3C webrtc-stats, `RTCInboundRtpStreamStats`.
    """

    jitter_buffer_delay: float
    jitter_buffer_emitted: Whole
    packets_received: Whole
    packets_lost: Whole
    concealed_samples: Whole
    total_samples: Whole


class TurnRechecked(Event, frozen=True, kw_only=True):
    """The turn's moments, found again from the recording; None where it does not show one. Turn 0 is the greeting."""

    turn: Whole
    ended: float | None
    answered: float | None


class YieldRechecked(Event, frozen=True, kw_only=True):
    """The edges of an interruption, found again from the recording: our onset, and the end of the agent's speech."""

    turn: Whole
    began: float | None
    yielded: float | None


class AnchorsAsked(Event, frozen=True, kw_only=True):
    """After trouble on the network, hosts independent of the target were asked: so many of them answered."""

    answered: Whole
    of: Whole


# Why: what was found after the verdict was certain; it explains, and judges nothing


class Person(NamedTuple):
    """A participant as LiveKit's server lists it: `state` is its `lk.agent.state`, `tracks` how many it publishes."""

    identity: str
    kind: str
    state: str | None
    tracks: Whole


class Job(NamedTuple):
    """A job that a worker took. Its status is left out: it is that of the moment in which the job was taken."""

    id: str
    worker: str
    identity: str


class Dispatch(NamedTuple):
    """An agent that was asked for, by name or (empty) any unnamed one, and the jobs that this came to.

    `earlier`: before our run began, by the server's own clock.
    """

    id: str
    agent: str
    jobs: tuple[Job, ...]
    earlier: bool = False


class ServerAsked(Event, frozen=True, kw_only=True):
    """What LiveKit's server itself says of our room, asked with an API key when an agent failed us.

    What it did not tell is None, and `trouble` says why not; `silent`: nothing answered at all. `listed` is how many
    are in the room by ListRooms, which asks for fewer rights than the other lists.
    """

    listed: Whole | None
    people: tuple[Person, ...] | None
    dispatches: tuple[Dispatch, ...] | None
    trouble: tuple[str, ...] = ()
    silent: bool = False


class AgentLogged(Event, frozen=True, kw_only=True):
    """The agent's own log told of this run's job: `quote` is its line's own words, made harmless.

    `fix` is what to do where more is known than of the cause in general; `by` is how the line was joined to the run,
    `time` where it names neither room nor job and ours was the only open one, `worker` where no worker could serve.
    """

    cause: Cause
    quote: str
    by: Literal["room", "job", "time", "worker"]
    fix: str | None = None
    job: str | None = None


class AgentLogQuiet(Event, frozen=True, kw_only=True):
    """The agent's own log tells of no known trouble with this run's job; `taken`: it tells that a worker took it.

    `error` is the last error that livekit-agents tells of it, made harmless: it may be why, and need not. `unlike`: no
    line in the log is JSON, as a worker's are that was begun with `start`.
    """

    taken: bool
    error: str | None = None
    unlike: bool = False


class AgentLogUnread(Event, frozen=True, kw_only=True):
    """The agent's own log could not be asked: where it should be, and why not."""

    file: str
    error: str


# Endings


class Stopped(Event, frozen=True, kw_only=True):
    """The run could not go on, or something happened that a good run does not have: the fault and its reason.

    A deadline that passed is dated to its moment, and `given_up` is when nobody waited any longer.
    """

    reason: Reason
    detail: str
    given_up: float | None = None


class Leaving(Event, frozen=True, kw_only=True):
    """Everything asked for was done, or given up: teardown begins."""


class CleanedUp(Event, frozen=True, kw_only=True):
    """Something of ours was taken out of the world again; or not, and `detail` says why it is left behind."""

    resource: Literal["room", "participant", "recording", "trial"]
    name: str
    ok: bool
    detail: str


class ChildExited(Event, frozen=True, kw_only=True):
    """The process that made the run ended, as its parent saw it (negative: by that signal)."""

    status: Whole


AnyEvent = (
    RunStarted
    | TrialRequested
    | HttpMoment
    | SessionGranted
    | TokenRead
    | TokenValidated
    | RoomJoined
    | ParticipantSeen
    | AgentJoined
    | AgentState
    | AgentTrack
    | MicrophonePublished
    | ReadyToSpeak
    | Reconnecting
    | Reconnected
    | TranscriptHeard
    | MoreCame
    | AgentSpeechStarted
    | AgentSpeechStopped
    | UtteranceStarted
    | UtteranceEnded
    | AnswerMatched
    | Held
    | Heartbeat
    | Stalled
    | Suspended
    | AudioLate
    | ReceiverStats
    | TurnRechecked
    | YieldRechecked
    | AnchorsAsked
    | ServerAsked
    | AgentLogged
    | AgentLogQuiet
    | AgentLogUnread
    | Stopped
    | Leaving
    | CleanedUp
    | ChildExited
)
"""Every kind of event; in JSON the key `event` names the kind."""
