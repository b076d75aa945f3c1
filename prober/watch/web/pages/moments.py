"""Spans and moments as people say them. Pure."""

import datetime

from prober.sinks.entries import Entry

_UNITS = ((86_400, "day"), (3600, "h"), (60, "min"))


def span(seconds: float) -> str:
    """`12 s`, `4 min`, `3 h`, `2 days`: rounded down, and never less than nothing, whatever a clock was set to."""
    for length, unit in _UNITS:
        if seconds >= 2 * length:
            return f"{seconds // length:.0f} {unit}{'s' if unit == 'day' else ''}"
    return f"{max(0, seconds):.0f} s"


def stamp(moment: float) -> str:
    """The moment in UTC."""
    return f"{_utc(moment):%Y-%m-%d %H:%M:%S} UTC"


def clock(moment: float) -> str:
    """Its time of day in UTC."""
    return f"{_utc(moment):%H:%M:%S}"


def ended(entry: Entry) -> float:
    """When the run ended, or began where nothing more is known."""
    return entry.started_at + (entry.seconds or 0.0)


def _utc(moment: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(moment, datetime.UTC)
