"""What a scripted agent does in one call: a value that is checked when made and travels as the metadata of a dispatch.

Standard library only: the agent's environment and the prober's both import it. Times are seconds, levels peaks.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """The agent's first words: `delay` is from the first subscriber of its track to its first loud sample."""

    delay: float = 0.5
    seconds: float = 1.5

    def __post_init__(self) -> None:
        _check(self, {"delay": (0.0, 60.0), "seconds": (0.1, 30.0)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Impulses:
    """Short bursts for measuring a path: the first one `delay` after the first subscriber, then one each `gap`."""

    count: int = 20
    gap: float = 0.5
    delay: float = 1.0
    seconds: float = 0.005

    def __post_init__(self) -> None:
        _check(self, {"count": (1, 1000), "gap": (0.4, 10.0), "delay": (0.1, 60.0), "seconds": (0.001, 0.05)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """One call of the scripted agent. A field that is None is a thing that does not happen.

    A reply's delay is from the caller's last loud sample at the agent's ear to the reply's first loud sample leaving;
    turns past the last delay use it again. The caller's turn is over after `hangover` without a loud sample.
    """

    join_delay: float = 0.0  # before the agent connects
    state: str | None = "listening"  # what it sets `lk.agent.state` to; None never sets it, nor "speaking"
    state_delay: float = 0.0  # from its connection to the first state
    track: bool = True  # publishes a microphone
    track_delay: float = 0.0  # from its connection to the track
    greeting: Greeting | None = field(default_factory=Greeting)
    silent: bool = False  # hears, never replies
    replies: tuple[float, ...] = (0.5,)
    reply_seconds: float = 1.5
    breath: float = 0.0  # seconds of breath that end where the reply's speech begins
    level_dbfs: float = -10.0
    interrupt_after: float | None = None  # from the caller's onset to the agent's interruption of it
    interrupt_seconds: float = 1.0
    interrupt_turn: int = 1
    yield_after: float | None = None  # from the caller's onset during the agent's speech to that speech's end
    leave_after: float | None = None  # from its connection to its leaving
    impulses: Impulses | None = None  # in place of a conversation
    loud_dbfs: float = -45.0  # a sample at the agent's ear above this is loud
    hangover: float = 0.17

    def __post_init__(self) -> None:
        _check(self, _LIMITS)
        if self.state not in (None, "listening"):
            raise ValueError(f'state is {self.state!r}; it can be "listening" or null')
        if not isinstance(self.replies, tuple) or not self.replies:
            raise ValueError("replies is a list of at least one delay")
        soonest = round(self.hangover + self.breath + 0.03, 3)
        for delay in self.replies:
            if not _is_number(delay) or not soonest <= delay <= 60:
                raise ValueError(f"replies has {delay!r}; it can be from {soonest:g} (hangover + breath + 0.03) to 60")

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a dispatch's metadata; ValueError says what is wrong with it. No metadata is the default script."""
        given = json.loads(text) if text else {}
        if not isinstance(given, dict):
            raise ValueError(f"a script is a JSON object, not {text!r}")
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in given.items()
        }
        for key, kind in _PARTS.items():
            if isinstance(values.get(key), dict):
                _refuse_unknown(kind, values[key])
                values[key] = kind(**values[key])
        _refuse_unknown(cls, values)
        return cls(**values)

    def to_json(self) -> str:
        """Write the metadata of a dispatch."""
        return json.dumps(asdict(self))


_PARTS: Mapping[str, type[Greeting] | type[Impulses]] = {"greeting": Greeting, "impulses": Impulses}
_LIMITS: Mapping[str, tuple[float, float]] = {
    "join_delay": (0.0, 120.0),
    "state_delay": (0.0, 120.0),
    "track_delay": (0.0, 120.0),
    "reply_seconds": (0.1, 30.0),
    "breath": (0.0, 2.0),
    "level_dbfs": (-60.0, -1.0),
    "interrupt_after": (0.1, 60.0),
    "interrupt_seconds": (0.1, 30.0),
    "interrupt_turn": (1, 1000),
    "yield_after": (0.2, 60.0),  # what the audio queue holds can no longer be held back
    "leave_after": (0.0, 600.0),
    "loud_dbfs": (-70.0, -10.0),
    "hangover": (0.05, 5.0),
}
_OPTIONAL = frozenset({"interrupt_after", "yield_after", "leave_after"})
_FLAGS = ("track", "silent")


def _check(value: object, limits: Mapping[str, tuple[float, float]]) -> None:
    for name, (low, high) in limits.items():
        given = getattr(value, name)
        if given is None and name in _OPTIONAL:
            continue
        whole = isinstance(low, int)
        if not _is_number(given) or not low <= given <= high or (whole and not isinstance(given, int)):
            whole_number = " in whole numbers" if whole else ""
            raise ValueError(f"{name} is {given!r}; it can be from {low:g} to {high:g}{whole_number}")
    for name in _FLAGS:
        if not isinstance(getattr(value, name, False), bool):
            raise ValueError(f"{name} is {getattr(value, name)!r}; it can be true or false")
    for name, kind in _PARTS.items():
        if not isinstance(getattr(value, name, None), kind | None):
            raise ValueError(f"{name} is {getattr(value, name)!r}; it can be an object or null")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _refuse_unknown(kind: type[Script] | type[Greeting] | type[Impulses], given: Mapping[str, object]) -> None:
    known = {part.name for part in fields(kind)}
    for name in given:
        if name not in known:
            raise ValueError(f"{name!r} is not part of a {kind.__name__}; known are {', '.join(sorted(known))}")
