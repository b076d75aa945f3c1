"""Maintenance windows: hours in which nothing is started, by the clock of the people who agreed on them.

A window is read on the local clock of its zone, not counted in seconds: from 02:00 to 03:00 is nothing in the night
that has no such hour, and two hours in the night that has it twice. Pure, but for the system's time zone data.
"""

import datetime
import zoneinfo

import msgspec


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """From one time of day to another, on these days (0 is Monday).

    A window that ends at or before its start goes on past midnight, and belongs to the day on which it starts: equal
    times are a whole day.
    """

    start: datetime.time
    end: datetime.time
    days: frozenset[int] = frozenset(range(7))
    zone: str = "UTC"

    def __post_init__(self) -> None:
        if self.start.tzinfo is not None or self.end.tzinfo is not None:
            raise ValueError("The times of a maintenance window are local: its zone is given by name, beside them.")
        if not self.days or not self.days <= frozenset(range(7)):
            raise ValueError("The days of a maintenance window are one or more of 0 (Monday) to 6 (Sunday).")
        try:
            zoneinfo.ZoneInfo(self.zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(
                f"The time zone {self.zone!r} of a maintenance window is not known here; a name like Europe/Berlin is."
            ) from error

    def covers(self, wall: float) -> bool:
        """Whether this wall time (Unix seconds) lies in the window; its start does, its end does not."""
        local = datetime.datetime.fromtimestamp(wall, zoneinfo.ZoneInfo(self.zone))
        today, yesterday, time = local.weekday(), (local.weekday() - 1) % 7, local.time()
        if self.start < self.end:
            return today in self.days and self.start <= time < self.end
        return (today in self.days and time >= self.start) or (yesterday in self.days and time < self.end)
