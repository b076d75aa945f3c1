"""Where the round numbers of an axis lie. Pure; places are fractions of its length."""

import datetime
import math

import msgspec

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_CLOCK = (
    *(10, 30),
    *(number * _MINUTE for number in (1, 2, 5, 10, 15, 30)),
    *(number * _HOUR for number in (1, 2, 3, 6, 12)),
    *(number * _DAY for number in (1, 2, 7, 14, 28)),
)


class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """A round number and where it is."""

    at: float
    label: str


def seconds(until: float, most: int) -> tuple[Tick, ...]:
    """Round numbers of seconds from 0, at most so many after it; none are closer than a nanosecond."""
    step = nice(max(until / most, 1e-9))
    digits = max(0, -math.floor(math.log10(step)))
    return tuple(
        Tick(at=number * step / until, label=f"{number * step:.{digits}f}")
        for number in range(math.floor(until / step + 1e-9) + 1)
    )


def nice(least: float) -> float:
    """The smallest of 1, 2, 5, 10, 20, 50 … (and their tenths) that is no less."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))


def times(since: float, until: float, most: int) -> tuple[Tick, ...]:
    """Round times of the day (UTC) in a stretch of Unix time, at most so many and one."""
    length = until - since
    step = next((step for step in _CLOCK if length / step <= most), math.ceil(length / most / _DAY) * _DAY)
    form = "%b %d" if step >= _DAY else "%H:%M" if step >= _MINUTE else "%H:%M:%S"
    first = math.ceil(since / step)
    return tuple(
        Tick(
            at=(number * step - since) / length,
            label=datetime.datetime.fromtimestamp(number * step, datetime.UTC).strftime(form),
        )
        for number in range(first, math.floor(until / step) + 1)
    )
