"""Trials that were granted, kept in memory, and who may ask for one more. No clock: the time is an argument."""

import re
import secrets
from collections import OrderedDict, deque
from dataclasses import dataclass

_KEPT = 10_000
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_EMAIL_AT_MOST = 254  # RFC 5321, 4.5.3.1.3


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One granted trial and the room it happens in."""

    trial_id: str
    room_name: str


class Trials:
    """The newest trials by id; very old ones are forgotten."""

    def __init__(self) -> None:
        self._trials: OrderedDict[str, Trial] = OrderedDict()

    def grant(self, unix_time: float) -> Trial:
        """Make a trial whose room nobody had before."""
        room_name = f"trial_{round(unix_time * 1000)}_{secrets.token_hex(4)}"
        trial = Trial(trial_id=secrets.token_urlsafe(12), room_name=room_name)
        self._trials[trial.trial_id] = trial
        if len(self._trials) > _KEPT:
            self._trials.popitem(last=False)
        return trial

    def find(self, trial_id: str) -> Trial | None:
        """Return the trial of that id, or None for one that was never granted."""
        return self._trials.get(trial_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """How many trials one address may start in `window` seconds; the default bears a canary and a test suite."""

    count: int = 120
    window: float = 60.0


class Throttle:
    """Counts requests of each address over a sliding window."""

    def __init__(self, limit: RateLimit) -> None:
        self._limit = limit
        self._seen: dict[str, deque[float]] = {}

    def wait_for(self, address: str, now: float) -> float | None:
        """Count this request; None lets it pass, else the seconds after which the next one may."""
        horizon = now - self._limit.window
        self._seen = {who: times for who, times in self._seen.items() if times and times[-1] > horizon}
        times = self._seen.setdefault(address, deque())
        while times and times[0] <= horizon:
            times.popleft()
        if len(times) >= self._limit.count:
            return times[0] - horizon
        times.append(now)
        return None


def is_email(text: str) -> bool:
    """Whether the text has the shape of an address: what a sign-up form asks for, not what RFC 5322 allows."""
    return len(text) <= _EMAIL_AT_MOST and _EMAIL.fullmatch(text) is not None
