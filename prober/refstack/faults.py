"""The faults that the reference stack can have, and what is said of each; `effects` is the table of them.

How a fault is made is elsewhere: `trial_app.bad_answers` and `trial_app.bad_tokens`, `elsewhere` (other servers and
doors), `agent_faults`, `job_faults`, `call_faults` and `broken_worker` (in the agent's environment), `sabotage` (of the
prober itself).
"""
# ruff: noqa: S105 - tokens have faults too, and these are names

from dataclasses import dataclass
from enum import StrEnum

from prober.core.causes import Cause
from prober.core.plan import Expectations
from prober.core.reasons import OURS, Reason


class Fault(StrEnum):
    """What can be wrong with the reference product, or with the prober itself."""

    TRIAL_NO_NAME = "trial_no_name"
    TRIAL_REFUSED = "trial_refused"
    TRIAL_WRONG_CERTIFICATE = "trial_wrong_certificate"
    TRIAL_HANGS = "trial_hangs"
    TRIAL_DRIPS = "trial_drips"
    TRIAL_500 = "trial_500"
    TRIAL_429 = "trial_429"
    TRIAL_HTML = "trial_html"
    TRIAL_NO_TOKEN = "trial_no_token"
    TRIAL_HUGE = "trial_huge"

    TOKEN_OTHER_ROOM = "token_other_room"
    TOKEN_NO_GRANT = "token_no_grant"
    TOKEN_EXPIRED = "token_expired"
    TOKEN_NOT_YET_VALID = "token_not_yet_valid"
    TOKEN_WRONG_KEY = "token_wrong_key"

    SERVER_DOWN = "server_down"
    ROOM_NOT_MADE = "room_not_made"
    MEDIA_BLOCKED = "media_blocked"

    NO_WORKER = "no_worker"
    WRONG_AGENT_NAME = "wrong_agent_name"
    AGENT_NOT_NAMED = "agent_not_named"
    WORKER_IMPORT_ERROR = "worker_import_error"
    WORKER_FULL = "worker_full"
    WORKER_SLOW = "worker_slow"
    WORKER_KILLED = "worker_killed"
    PREWARM_RAISES = "prewarm_raises"
    PREWARM_HANGS = "prewarm_hangs"

    MISSING_TTS_KEY = "missing_tts_key"
    ASYNC_CALLBACK = "async_callback"
    JOB_CRASHES_ON_JOINING = "job_crashes_on_joining"
    JOB_DIES = "job_dies"
    JOB_EXITS = "job_exits"
    JOB_HANGS = "job_hangs"
    JOB_BLOCKS = "job_blocks"
    JOB_RETURNS = "job_returns"
    JOB_UNCONNECTED = "job_unconnected"
    JOB_WITHOUT_MEDIA = "job_without_media"

    AGENT_NOT_READY = "agent_not_ready"
    AGENT_NO_TRACK = "agent_no_track"
    AGENT_SILENT = "agent_silent"
    TTS_KEY_REFUSED = "tts_key_refused"
    AGENT_DEAF = "agent_deaf"
    AGENT_INTERRUPTS = "agent_interrupts"
    AGENT_WRONG_ANSWER = "agent_wrong_answer"
    AGENT_IGNORES_BARGE_IN = "agent_ignores_barge_in"
    AGENT_CRASHES_AFTER_START = "agent_crashes_after_start"
    AGENT_LEAVES = "agent_leaves"

    ROOM_DELETED = "room_deleted"
    CALLER_KICKED = "caller_kicked"
    DUPLICATE_IDENTITY = "duplicate_identity"
    AGENT_MONOLOGUE = "agent_monologue"

    SLOW_TRIAL = "slow_trial"
    SLOW_SERVER = "slow_server"
    SLOW_AGENT_JOIN = "slow_agent_join"
    SLOW_AGENT_READY = "slow_agent_ready"
    SLOW_GREETING = "slow_greeting"
    SLOW_RESPONSE = "slow_response"

    TWO_AGENTS = "two_agents"
    AVATAR = "avatar"

    PROBER_OFFLINE = "prober_offline"
    CHILD_KILLED = "child_killed"
    CHILD_STALLED = "child_stalled"
    UNREADABLE_RECORDING = "unreadable_recording"
    OPERATOR_STOP = "operator_stop"


class Place(StrEnum):
    """Where a fault sits."""

    TRIAL = "trial page"
    TOKEN = "access token"
    LIVEKIT = "LiveKit"
    WORKER = "agent worker"
    JOB = "job of the agent"
    AGENT = "agent"
    CALL = "call"
    SLOW = "slow, but working"
    HANDLED = "unusual, and no fault"
    PROBER = "the prober itself"


class Needs(StrEnum):
    """What a fault needs that a running product does not have: it must be there from the start."""

    SERVER = "another LiveKit server"
    DOOR = "another address of the product"
    WORKER = "another agent worker"
    RUN = "a run that it is done to"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The run that shows a fault: what it expects, and what it says."""

    expectations: Expectations
    say: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a fault does to a customer, and what the run that shows it comes to.

    `expected` is the reason of its verdict; without one the run passes and misses the objective `missed`, if any.
    """

    place: Place
    customer: str
    shown: Shown
    expected: Reason | None = None
    cause: Cause | None = None
    """Why, as far as a diagnosis with everything at hand can tell; None: it has nothing to say."""
    missed: str | None = None
    in_agent: bool = False
    """The agent has the fault, told by its dispatch's metadata."""
    needs: Needs | None = None
    """None: it can be had while the product runs."""

    @property
    def verdict(self) -> str:
        """What the run says, in a word or two."""
        if self.expected is not None:
            return self.expected
        return "pass" if self.missed is None else f"pass, objective {self.missed} missed"

    @property
    def exit_code(self) -> int:
        """How the run exits."""
        if self.expected is None:
            return 0 if self.missed is None else 3
        return 4 if self.expected in OURS else 1
