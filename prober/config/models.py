"""What a configuration file may hold: frozen, strict, every key with its default. Knows no file and no secret."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from prober.config.entries import Entry, exactly_one
from prober.config.values import (
    Anchor,
    AtOnce,
    Clock,
    Header,
    Host,
    LogName,
    Minutes,
    Model,
    Page,
    Pattern,
    Percent,
    Seconds,
    SecondsOrNone,
    Secret,
    TargetName,
    Text,
    Yes,
    Zone,
)
from prober.core.measure import OBJECTIVES
from prober.core.plan import BargeIn, Expectations, Greeting, Ready, Scenario, TurnPlan, WhenInterrupted
from prober.core.plan import Deadlines as PlanDeadlines
from prober.core.slo import NAMES

Objectives = dict[Literal[OBJECTIVES], Seconds]  # type: ignore[valid-type]  # the names are a table's

Slo = dict[Literal[NAMES], Percent]  # type: ignore[valid-type]

OWN = "x-"
"""How the keys at the top begin that are the operator's own: what several targets share, by YAML's anchors."""

_DEADLINES = PlanDeadlines()
_EXPECTED = Expectations()


class LiveKit(Model):
    """LiveKit's API key, or a token: both delete rooms; the key asks why an agent failed, and opens the direct way."""

    url: Text
    """LiveKit's URL, or `${NAME}`"""
    api_key: Secret | None = None
    """`${NAME}` of the environment; or `api_key_file`"""
    api_key_file: Text | None = None
    """a file that holds the key"""
    api_secret: Secret | None = None
    """`${NAME}` of the environment; or `api_secret_file`"""
    api_secret_file: Text | None = None
    """a file that holds the secret"""
    token: Secret | None = None
    """in place of both, a token signed before with `roomList` and `roomCreate`: `${NAME}`; or `token_file`"""
    token_file: Text | None = None
    """a file that holds the token"""

    @model_validator(mode="after")
    def _complete(self) -> "LiveKit":
        if not self.presigned:
            exactly_one(self, "The API key", ("api_key", "api_key_file"))
            exactly_one(self, "The API secret", ("api_secret", "api_secret_file"))
            return self
        exactly_one(self, "The token", ("token", "token_file"))
        for name in ("api_key", "api_key_file", "api_secret", "api_secret_file"):
            if getattr(self, name) is not None:
                raise ValueError(f"has {name} beside a token. Leave out the token, or key and secret.")
        return self

    @property
    def presigned(self) -> bool:
        """Whether it is a token."""
        return self.token is not None or self.token_file is not None


class Allow(Model):
    """Where a run may go, besides the hosts that the entry itself names."""

    hosts: tuple[Host, ...] = ("*.livekit.cloud",)
    """more hosts, for redirects and LiveKit's URL: a name, `*.example.com` for all below it, `*` for any"""
    private_addresses: Yes = False
    """whether addresses of private networks and of this machine are allowed"""
    plaintext: Yes = False
    """whether `http://` and `ws://` are allowed"""


class Marking(Model):
    """What tells our traffic from customers'."""

    email: Text | None = None
    """the sign-up's address on the trial way, a template over `run_id`, `unix_ms`, `random` and `target`"""
    user_agent: Header | None = None
    """the `User-Agent` of every request"""
    identity: Text | None = None
    """our participant's identity where we choose it, a template"""
    attributes: dict[str, str] | None = None
    """our participant's attributes where we choose them; their values are templates"""


class Deadlines(Model):
    """Longest waits in seconds: what takes longer fails the run."""

    trial_step: Seconds = _DEADLINES.trial_step
    """for each HTTP step"""
    trial: Seconds = _DEADLINES.trial
    """for all steps together"""
    room_join: Seconds = _DEADLINES.room_join
    """from the session to the joined room"""
    agent_join: Seconds = _DEADLINES.agent_join
    """from the joined room to the agent in it"""
    agent_ready: Seconds = _DEADLINES.agent_ready
    """from the agent's joining to its state, and to its audio track"""
    greeting_within: Seconds = _DEADLINES.greeting
    """from the agent's being ready to its first speech"""
    reply_within: Seconds = TurnPlan().reply_within
    """from the end of our sentence to the answer, unless the turn says otherwise"""


class Turn(Model):
    """One sentence of ours: `say` it when the agent is silent, or `interrupt` the agent with it."""

    say: Text | None = None
    """a recorded sentence by its id, or a sound file by its path"""
    interrupt: Text | None = None
    """the same, said over the agent's speech"""
    after: SecondsOrNone | None = None
    """with `interrupt`: seconds into the agent's speech"""
    yield_within: Seconds | None = None
    """with `interrupt`: seconds by which the agent falls silent"""
    reply_within: Seconds | None = None
    """seconds by which the answer begins; else that of `deadlines`"""
    expect_text: Pattern | None = None
    """a regular expression that the answer's transcript must hold somewhere"""

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, given: Any) -> Any:
        """Spell out what an interruption leaves to the defaults."""
        if isinstance(given, dict) and "interrupt" in given:
            return {"after": BargeIn().after, "yield_within": BargeIn().within} | given
        return given

    @model_validator(mode="after")
    def _one(self) -> "Turn":
        exactly_one(self, "A turn", ("say", "interrupt"))
        if self.say is not None and (self.after is not None or self.yield_within is not None):
            raise ValueError("has after or yield_within beside say. They belong to a turn with interrupt.")
        return self

    @property
    def sentence(self) -> str:
        """What is said."""
        return self.say or self.interrupt or ""


class Join(Model):
    """Join, see the agent come and stay, leave."""

    interval: Seconds = 60.0
    """seconds between the starts of two runs"""
    timeout: Seconds | None = None
    """seconds for a whole run; else 45, or the interval where that is less"""
    hold: SecondsOrNone = _EXPECTED.hold
    """seconds to stay and see that the agent does too"""
    objectives: Objectives = {}
    """more objectives, or others than the target's"""
    slo: Slo = {}
    """more promises, or others than the target's"""


class Conversation(Model):
    """Join, hear the greeting, say each turn and hear its answer, leave."""

    interval: Seconds = 300.0
    """seconds between the starts of two runs"""
    timeout: Seconds | None = None
    """seconds for a whole run; else 90, or the interval where that is less"""
    greeting: Greeting = _EXPECTED.greeting
    """`expected`: the agent must speak first; `optional`: wait for it and go on without; `none`: do not wait"""
    interruption: WhenInterrupted = _EXPECTED.interruption
    """what it means that the agent begins to speak during our sentence: `record` it or `fail`"""
    warm_up: SecondsOrNone = _EXPECTED.warm_up
    """seconds from the agent's first speech in which it cannot be interrupted"""
    turns: Annotated[tuple[Turn, ...], Field(min_length=1)] = (Turn(say="en-hours"),)
    """what we say, in order"""
    objectives: Objectives = {}
    """more objectives, or others than the target's"""
    slo: Slo = {}
    """more promises, or others than the target's"""


class Scenarios(Model):
    """What is done with the target: the scenarios that are named here; both where the key is left out."""

    join: Join | None = None
    conversation: Conversation | None = None

    @model_validator(mode="after")
    def _some(self) -> "Scenarios":
        if self.join is None and self.conversation is None:
            raise ValueError("has none. Give join, conversation or both, or leave out the key for both.")
        return self

    def all(self) -> dict[Scenario, Join | Conversation]:
        """Those that there are, in the order in which they are run."""
        both = {Scenario.JOIN: self.join, Scenario.CONVERSATION: self.conversation}
        return {scenario: each for scenario, each in both.items() if each is not None}


class Window(Model):
    """A time of the week in which the target is under maintenance."""

    days: Annotated[tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...], Field(min_length=1)] = (
        "mon",
        "tue",
        "wed",
        "thu",
        "fri",
        "sat",
        "sun",
    )
    """the days on which it begins"""
    from_: Clock = Field(alias="from")
    """when it begins, such as `"02:00"`"""
    to: Clock
    """when it ends; at or before `from`: on the next day"""
    zone: Zone = "UTC"
    """the time zone of both, such as `Europe/Prague`"""

    @model_validator(mode="after")
    def _lasts(self) -> "Window":
        if self.from_ == self.to and len(set(self.days)) == 7:
            raise ValueError("is open always. Give another `to`, or fewer `days`.")
        return self


class Budget(Model):
    """What probing may cost."""

    agent_minutes_per_day: Minutes
    """minutes of agents' time a UTC day; once they are spent nothing starts until the next"""


class Target(Model):
    """One product under watch."""

    entry: Entry
    secrets: dict[str, Text] = {}
    """variables for the entry's templates that are never shown: `name: "${NAME}"` or `name_file: path`"""
    livekit: LiveKit | None = None
    agent_log: LogName | None = None
    """the log of the agent's worker, to tell why an agent failed: a file, rotated or not, or `-` for standard input"""
    allow: Allow = Allow()
    marking: Marking = Marking()
    ready: Ready = _EXPECTED.ready
    """what the product's page waits for before it stops saying "connecting…": `state`, `track` or `joined`"""
    deadlines: Deadlines = Deadlines()
    objectives: Objectives = {}
    """limits in seconds on measurements, for every scenario that takes them; a run beyond one exits with 3"""
    slo: Slo = {}
    """percent of scheduled runs that must be good, for `rules`: `availability`, and those of `objectives`"""
    scenarios: Scenarios = Scenarios(join=Join(), conversation=Conversation())
    maintenance: tuple[Window, ...] = ()
    """times of the week in which the target is not probed by the clock"""
    budget: Budget | None = None
    confirm: Yes = True
    """whether a first failure is looked at again soon, by up to two runs more"""


class Config(Model):
    """A configuration file."""

    model_config = ConfigDict(json_schema_extra={"patternProperties": {f"^{OWN}": {}}})

    targets: Annotated[dict[TargetName, Target], Field(min_length=1)]
    """the products under watch, by name: 1 to 63 of a-z, 0-9 and -"""
    connectivity: tuple[Anchor, ...] = ()
    """hosts independent of the targets, URL or `host:port`: where none of them answers either, the prober is offline"""
    max_concurrent_runs: AtOnce | None = None
    """how many runs `watch` makes side by side; else one for each core"""
    external_url: Page | None = None
    """where people reach the prober's own pages, for links in alerts"""
