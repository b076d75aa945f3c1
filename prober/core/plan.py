"""What a run shall do and by when: frozen values, filled by the command line, sent to the child as JSON."""

from enum import StrEnum
from typing import Literal

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


class Extract(msgspec.Struct, frozen=True, kw_only=True):
    """Where an answer holds a variable: a JSON pointer (RFC 6901) into the body, or a query key of the final URL."""

    source: Literal["json", "query"]
    at: str


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request of the trial flow; strings may hold `{{ variable }}`."""

    name: str
    method: str
    url: str
    headers: dict[str, str] = {}
    json: dict[str, str] | None = None
    form: dict[str, str] | None = None
    expect: tuple[int, ...] = (200,)
    extract: dict[str, Extract] = {}


class TrialEntry(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="trial"):
    """The product's own door: ordered HTTP steps; the last one's JSON holds the session."""

    steps: tuple[Step, ...]
    email: str


class DirectEntry(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="direct"):
    """Our own room on the target's LiveKit, by API key; an empty agent name means implicit dispatch."""

    url: str
    agent_name: str


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """LiveKit's key and secret: they open the direct entry and serve clean-up."""

    url: str
    key: str
    secret: str

    def __repr__(self) -> str:
        return f"ApiKey(url={self.url!r})"


class Deadlines(msgspec.Struct, frozen=True, kw_only=True):
    """Longest waits in seconds (architecture: beyond these a run fails)."""

    trial_step: float = 10.0
    trial: float = 15.0
    room_join: float = 8.0
    agent_join: float = 20.0
    agent_ready: float = 10.0
    greeting: float = 10.0
    reply: float = 10.0
    run: float = 90.0


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Beyond these our own trouble voids a turn's response (seconds; confirmed by calibration)."""

    stall: float = 0.100
    drift: float = 0.020
    jitter_buffer: float = 0.080
    recheck: float = 0.030


class Expectations(msgspec.Struct, frozen=True, kw_only=True):
    """What a run is judged by; kept in its record, so that the verdict can be derived again."""

    scenario: Scenario = Scenario.CONVERSATION
    greeting: Greeting = Greeting.OPTIONAL
    ready: Ready = Ready.STATE
    turns: int = 0
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
