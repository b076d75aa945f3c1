"""Causes: the closed list of why a run failed, and the explanation that names one. Pure values.

A reason says what a customer meets; a cause says why. A diagnosis explains a verdict and never changes it.
"""

from enum import StrEnum
from typing import NamedTuple

import msgspec


class Blame(StrEnum):
    """Where the cause sits: who has to do something."""

    PROBER = "prober"
    NETWORK = "network"
    PRODUCT_WEB = "product_web"
    LIVEKIT = "livekit"
    AGENT = "agent"
    PROVIDER = "provider"
    """Who the agent buys hearing, thinking and speech from; its keys are the agent's."""
    UNKNOWN = "unknown"


class Found(StrEnum):
    """By what a cause was found."""

    TIMELINE = "timeline"
    SERVER = "server"
    AGENT_LOG = "agent_log"
    AGENT_LOG_BY_TIME = "agent_log_by_time"
    """A line that names neither room nor job: ours was the only job that was open then."""


class Cause(StrEnum):
    """Why a run did not pass."""

    # From the timeline
    WEB_UNREACHABLE = "web_unreachable"
    WEB_CERTIFICATE = "web_certificate"
    WEB_SLOW = "web_slow"
    WEB_ERROR = "web_error"
    WEB_MALFORMED = "web_malformed"
    TOKEN_UNUSABLE = "token_unusable"  # noqa: S105 - a name, not a secret
    OWN_KEY_REFUSED = "own_key_refused"
    LIVEKIT_UNREACHABLE = "livekit_unreachable"
    LIVEKIT_CERTIFICATE = "livekit_certificate"
    LIVEKIT_SLOW = "livekit_slow"
    LIVEKIT_REFUSED = "livekit_refused"
    LIVEKIT_SHUT_DOWN = "livekit_shut_down"
    MEDIA_PATH = "media_path"
    CONNECTION_LOST = "connection_lost"
    CALL_ENDED = "call_ended"
    JOINED_NOT_READY = "joined_not_ready"
    NO_TRACK = "no_track"
    NO_PACKETS = "no_packets"
    PACKETS_STOPPED = "packets_stopped"
    SILENT_TRACK = "silent_track"
    AGENT_SLOW = "agent_slow"
    AGENT_LEFT = "agent_left"
    PROBER_TROUBLE = "prober_trouble"
    UNEXPLAINED = "unexplained"
    # From LiveKit's server
    NOT_DISPATCHED = "not_dispatched"
    NO_WORKER = "no_worker"
    ASSIGNED_NEVER_JOINED = "assigned_never_joined"
    JOINED_LATE = "joined_late"
    """By the timeline, too."""
    # From the agent's log
    PROVIDER_KEY_MISSING = "provider_key_missing"
    PROVIDER_KEY_REFUSED = "provider_key_refused"
    PROVIDER_REFUSES = "provider_refuses"
    PROVIDER_ERRORS = "provider_errors"
    ASYNC_CALLBACK = "async_callback"
    IMPORT_ERROR = "import_error"
    WORKER_FULL = "worker_full"
    PREWARM_FAILED = "prewarm_failed"
    PREWARM_HANGS = "prewarm_hangs"
    WORKER_CUT_OFF = "worker_cut_off"
    WORKER_KEY_REFUSED = "worker_key_refused"
    JOB_CRASHED = "job_crashed"
    JOB_DIED = "job_died"
    JOB_HANGS = "job_hangs"
    JOB_RETURNED = "job_returned"


class Evidence(NamedTuple):
    """One thing that was seen, in words for people: `dispatch` is `AD_x for agent "a", no job`."""

    what: str
    seen: str


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """Why the run failed, as far as is known; null where nothing is.

    `commands` are what a reader with LiveKit's key can type (`lk`, its command line) to see the same for himself, while
    the room is there.
    """

    cause: Cause
    blame: Blame
    sentence: str
    fix: str
    found: Found
    evidence: tuple[Evidence, ...] = ()
    commands: tuple[str, ...] = ()
