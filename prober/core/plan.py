"""What a run shall do and by when: frozen values, filled by the command line, sent to the child as JSON."""

from enum import StrEnum
from types import MappingProxyType
from typing import Any, Literal

import msgspec


class Scenario(StrEnum):
    """What the robot does in the room."""

    JOIN = "join"
    CONVERSATION = "conversation"


class Greeting(StrEnum):
    """Whether the agent speaks first."""

    EXPECTED = "expected"
    OPTIONAL = "optional"
    NONE = "none"


class Ready(StrEnum):
    """What the customer's page takes for "the agent is there"."""

    STATE = "state"
    TRACK = "track"
    JOINED = "joined"


class WhenInterrupted(StrEnum):
    """What it means that the agent begins to speak during our sentence."""

    RECORD = "record"
    FAIL = "fail"


class Extract(msgspec.Struct, frozen=True, kw_only=True):
    """Where an answer holds a variable.

    `at` is a JSON pointer (RFC 6901) into the body, the name of a header, of a query key of the final URL, of a cookie
    or of a hidden form field, or a regular expression over the body whose first group is the value.
    """

    source: Literal["json", "header", "query", "regex", "cookie", "field"]
    at: str


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request of a flow; its strings, those inside `json` too, may hold `{{ variable }}`."""

    name: str
    method: str
    url: str
    headers: dict[str, str] = {}
    json: Any = None
    """The JSON document of the body; None: no such body."""
    form: dict[str, str] | None = None
    expect: tuple[int, ...] = (200,)
    extract: dict[str, Extract] = {}


class SessionAt(msgspec.Struct, frozen=True, kw_only=True):
    """The session as templates; None: the last step's JSON has it under a usual name, or (the room) its token."""

    server_url: str | None = None
    token: str | None = None
    room: str | None = None


class TrialEntry(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="trial"):
    """The product's own door: ordered HTTP steps that end in a session, and those that undo them after the call."""

    steps: tuple[Step, ...]
    email: str
    session: SessionAt = SessionAt()
    cleanup: tuple[Step, ...] = ()


MARKS = MappingProxyType({"synthetic": "true", "probe.run_id": "{{ run_id }}"})
"""Attributes that tell our participants from customers, where we may choose them."""


class DirectEntry(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="direct"):
    """Our own room on the target's LiveKit, by API key; an empty agent name means implicit dispatch.

    `room`, `identity`, `metadata` and the attributes are templates over `run_id`, `unix_ms`, `random` and `target`.
    """

    url: str
    agent_name: str
    room: str = "synthetic-{{ target }}-{{ unix_ms }}-{{ random }}"
    metadata: str = ""
    """Metadata of the dispatch."""
    identity: str = "synthetic-{{ random }}"
    attributes: dict[str, str] = msgspec.field(default_factory=lambda: dict(MARKS))


class Allowed(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run may go; the default, for what an operator types, is everywhere.

    `hosts` are names, `*.example.com` for all below one, `*` for any; `private` addresses are all that are not global;
    `plaintext` is http:// and ws://.
    """

    hosts: tuple[str, ...] = ("*",)
    private: bool = True
    plaintext: bool = True


class ApiKey(msgspec.Struct, frozen=True, kw_only=True, tag="key"):
    """LiveKit's key and secret: they open the direct entry and serve clean-up."""

    url: str
    key: str
    secret: str

    def __repr__(self) -> str:
        return f"ApiKey(url={self.url!r})"


class ApiToken(msgspec.Struct, frozen=True, kw_only=True, tag="token"):
    """A pre-signed token in place of the key: it serves clean-up as far as its grants go, and opens no entry."""

    url: str
    token: str

    def __repr__(self) -> str:
        return f"ApiToken(url={self.url!r})"


Access = ApiKey | ApiToken
"""What LiveKit's API is asked with."""


class Deadlines(msgspec.Struct, frozen=True, kw_only=True):
    """Longest waits in seconds (architecture: beyond these a run fails)."""

    trial_step: float = 10.0
    trial: float = 15.0
    room_join: float = 8.0
    agent_join: float = 20.0
    agent_ready: float = 10.0
    greeting: float = 10.0
    run: float = 90.0


TIMEOUTS = MappingProxyType({Scenario.JOIN: 45.0, Scenario.CONVERSATION: 90.0})
"""Seconds for a whole run where nothing else is said."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Beyond these our own trouble voids a turn's response (seconds; confirmed by calibration)."""

    stall: float = 0.100
    drift: float = 0.020
    jitter_buffer: float = 0.080
    recheck: float = 0.030


class BargeIn(msgspec.Struct, frozen=True, kw_only=True):
    """We speak over the agent, `after` seconds into its speech; it yields `within` seconds of our onset."""

    after: float = 1.0
    within: float = 3.0


class TurnPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One sentence of ours and what the agent owes it: seconds from our last sample of speech to its onset.

    `expect_text` is a regular expression that the transcript of the answer must hold somewhere.
    """

    reply_within: float = 10.0
    expect_text: str | None = None
    barge_in: BargeIn | None = None


class Expectations(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is judged by; kept in its record, so that the verdict can be derived again."""

    scenario: Scenario = Scenario.CONVERSATION
    greeting: Greeting = Greeting.OPTIONAL
    ready: Ready = Ready.STATE
    turns: tuple[TurnPlan, ...] = ()
    interruption: WhenInterrupted = WhenInterrupted.RECORD
    warm_up: float = 3.0
    """Seconds from the agent's first speech in which it cannot be interrupted (livekit-agents: echo cancellation)."""
    hold: float = 3.0
    deadlines: Deadlines = Deadlines()
    limits: Limits = Limits()
    objectives: dict[str, float] = {}

    @property
    def subscribes(self) -> bool:
        """Whether the scenario listens: `join` only looks."""
        return self.scenario is Scenario.CONVERSATION


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One run: which target, by which way in, what to say there, and what to expect."""

    run_id: str
    target: str
    entry: TrialEntry | DirectEntry
    expectations: Expectations
    say: tuple[str, ...] = ()
    """A fixture's id or a file's path for each of the expectations' turns."""
    allowed: Allowed = Allowed()
    anchors: tuple[str, ...] = ()
    """Hosts independent of the target, `host:port` or URL: where none answers either, we are offline."""
    user_agent: str | None = None
    trigger: Literal["manual", "scheduled", "confirm"] = "manual"
    recording: str | None = None
    """Path of the stereo WAV file to write, or None."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """What an entry ends in: where to go and the key to it."""

    url: str
    room: str
    token: str

    def __repr__(self) -> str:
        return f"Session(url={self.url!r}, room={self.room!r})"
