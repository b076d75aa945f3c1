"""Outcomes and reasons: the closed list, whose fault each is, what customers see, and what to look at next."""

from enum import StrEnum
from typing import NamedTuple


class Outcome(StrEnum):
    """Judgement of a run. Inconclusive is only what the prober proves about itself."""

    PASS = "pass"  # noqa: S105 - a name, not a secret
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


class Reason(StrEnum):
    """Why a run did not pass."""

    TRIAL_UNREACHABLE = "trial_unreachable"
    TRIAL_TIMEOUT = "trial_timeout"
    TRIAL_REJECTED = "trial_rejected"
    TRIAL_MALFORMED = "trial_malformed"
    TOKEN_INVALID = "token_invalid"  # noqa: S105 - a name, not a secret
    SERVER_UNREACHABLE = "server_unreachable"
    ROOM_REFUSED = "room_refused"
    MEDIA_UNREACHABLE = "media_unreachable"
    AGENT_ABSENT = "agent_absent"
    AGENT_NOT_READY = "agent_not_ready"
    AGENT_NO_TRACK = "agent_no_track"
    AGENT_SILENT = "agent_silent"
    AGENT_NO_RESPONSE = "agent_no_response"
    AGENT_INTERRUPTED_US = "agent_interrupted_us"
    AGENT_WRONG_ANSWER = "agent_wrong_answer"
    BARGE_IN_IGNORED = "barge_in_ignored"
    AGENT_LEFT = "agent_left"
    DISCONNECTED = "disconnected"
    RUN_DEADLINE = "run_deadline"
    PROBER_OVERLOAD = "prober_overload"
    PROBER_CRASH = "prober_crash"
    PROBER_INTERNAL = "prober_internal"
    PROBER_OFFLINE = "prober_offline"
    PROBER_THROTTLED = "prober_throttled"
    INTERRUPTED = "interrupted"


class RunFault(Exception):  # noqa: N818 - a fault of the target or of ours; the reason says whose
    """What ends a run, with its reason. The text is for people and holds no secret.

    In seconds of the run: `due` is the deadline that passed, where it is about one; `at` the moment it is dated to,
    where that is not the one in which it is recorded.
    """

    def __init__(self, reason: Reason, message: str, *, at: float | None = None, due: float | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.at = at
        self.due = due


class Words(NamedTuple):
    """What a reason means to a person: what a customer meets, and where to look first."""

    message: str
    look: str


OURS = frozenset(
    {
        Reason.PROBER_OVERLOAD,
        Reason.PROBER_CRASH,
        Reason.PROBER_INTERNAL,
        Reason.PROBER_OFFLINE,
        Reason.PROBER_THROTTLED,
        Reason.INTERRUPTED,
    }
)
"""Reasons that say nothing about the target: the run is inconclusive."""

WORDS: dict[Reason, Words] = {
    # The sentences "Agent did not join the room." and "Agent joined the room but did not complete initializing." are
    # those of LiveKit's own pages (components-js, useAgent): what customers report.
    Reason.TRIAL_UNREACHABLE: Words(
        "The trial page cannot be reached.", "Is the web app up, and do its name and certificate resolve from here?"
    ),
    Reason.TRIAL_TIMEOUT: Words(
        "The trial flow did not answer in time.", "The web app's own latency and its upstreams."
    ),
    Reason.TRIAL_REJECTED: Words(
        "The trial flow refused to start.",
        "The web app's log at the time of this run, for the request with our User-Agent.",
    ),
    Reason.TRIAL_MALFORMED: Words(
        "The trial flow answered something a caller cannot use.",
        "What the last step returned against what the page expects: server URL, token, room.",
    ),
    Reason.TOKEN_INVALID: Words(
        "The access token cannot open its room.",
        "The code that mints tokens: key and secret, clock, room name, grants; in the direct way our own API key.",
    ),
    Reason.SERVER_UNREACHABLE: Words(
        "LiveKit cannot be reached.", "Is livekit-server up, and is its WebSocket port open from here?"
    ),
    Reason.ROOM_REFUSED: Words(
        "LiveKit refused the room.", "The status in the detail, and livekit-server's log for this room."
    ),
    Reason.MEDIA_UNREACHABLE: Words(
        "No media path to LiveKit.", "UDP and TCP media ports, node_ip, TURN: signalling works, ICE does not."
    ),
    Reason.AGENT_ABSENT: Words(
        "Agent did not join the room.",
        "The agent worker's log for this room: `unhandled exception while running the job task` means "
        "the job crashed at start (its dispatch looks healthy then); "
        "no `received job request` at all means no worker took it.",
    ),
    Reason.AGENT_NOT_READY: Words(
        "Agent joined the room but did not complete initializing.",
        "The agent worker's log after `received job request`: session.start() "
        "has not come back, or its permissions forbid attributes.",
    ),
    Reason.AGENT_NO_TRACK: Words(
        "Agent joined the room but publishes no audio.", "The agent's audio output, and its canPublish grant."
    ),
    Reason.AGENT_SILENT: Words(
        "Agent is in the room but says nothing.", "The agent's TTS provider: key, quota, errors in the worker's log."
    ),
    Reason.AGENT_NO_RESPONSE: Words(
        "Agent did not answer what it was told.",
        "The agent's ears first (STT key, quota, errors in the worker's log), then its LLM and TTS.",
    ),
    Reason.AGENT_INTERRUPTED_US: Words(
        "Agent spoke while the caller was speaking.",
        "The agent's endpointing: the pause it takes for the end of a turn, and whether noise or echo starts it.",
    ),
    Reason.AGENT_WRONG_ANSWER: Words(
        "Agent answered something else than expected.", "What the agent heard (its STT), then its prompt and model."
    ),
    Reason.BARGE_IN_IGNORED: Words(
        "Agent went on speaking when the caller interrupted it.",
        "Whether the agent allows interruptions, and what it takes for one: its minimum length, its turn detection.",
    ),
    Reason.AGENT_LEFT: Words(
        "Agent left the room unexpectedly.",
        "The agent worker's log for this room: the job ended or its process died in mid call.",
    ),
    Reason.DISCONNECTED: Words(
        "The call was cut off.", "livekit-server's log for this room: who removed the participant or closed the room."
    ),
    Reason.RUN_DEADLINE: Words("The call did not come to its end in time.", "The timeline: which phase took the time."),
    Reason.PROBER_OVERLOAD: Words(
        "The prober's own host was too busy to judge.",
        "CPU and memory of the prober's host; this says nothing about the target.",
    ),
    Reason.PROBER_CRASH: Words(
        "The prober's own process died.",
        "What it printed: run it again with --verbose. This says nothing about the target.",
    ),
    Reason.PROBER_INTERNAL: Words(
        "The prober has a bug, or its host lacks something.",
        "What the detail says of the prober's host; of a bug, keep the record and report it. "
        "This says nothing about the target.",
    ),
    Reason.PROBER_OFFLINE: Words(
        "The prober's own network is down.",
        "The network of the prober's host: hosts independent of the target did not answer either.",
    ),
    Reason.PROBER_THROTTLED: Words(
        "The product asked the prober to slow down.", "The rate limit for our marked requests, or a longer interval."
    ),
    Reason.INTERRUPTED: Words("The run was stopped by its operator.", "Nothing: run it again."),
}
