import datetime
import zoneinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.watch.budget import Ledger
from prober.watch.maintenance import Window

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
TIMES = st.times().map(lambda time: time.replace(second=0, microsecond=0, fold=0))
WALLS = st.integers(1_700_000_000, 1_900_000_000).map(float)
MONDAY, SATURDAY, SUNDAY = 0, 5, 6


def window(start: str, end: str, days: set[int] | None = None, zone: str = "Europe/Berlin") -> Window:
    times = {"start": datetime.time.fromisoformat(start), "end": datetime.time.fromisoformat(end)}
    return Window(**times, zone=zone, days=frozenset(range(7)) if days is None else frozenset(days))


def berlin(text: str, fold: int = 0) -> float:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold).timestamp()


def minutes_covered(window: Window, since: str, hours: int) -> int:
    begin = berlin(since)
    return sum(window.covers(begin + 60 * minute) for minute in range(60 * hours))


@pytest.mark.parametrize(
    ("moment", "covered"),
    [
        ("2026-07-04T21:59:59.9", False),
        ("2026-07-04T22:00", True),  # a Saturday
        ("2026-07-05T00:00", True),
        ("2026-07-05T01:59:59.9", True),
        ("2026-07-05T02:00", False),
        ("2026-07-05T22:30", False),  # begins on Saturdays only
        ("2026-07-04T01:00", False),
    ],
)
def test_a_window_across_midnight_belongs_to_the_day_it_starts_on(moment: str, covered: bool) -> None:
    assert window("22:00", "02:00", {SATURDAY}).covers(berlin(moment)) is covered


def test_a_window_of_equal_times_is_a_whole_day() -> None:
    assert minutes_covered(window("00:00", "00:00", {SUNDAY}), "2026-07-04T00:00", 72) == 24 * 60
    assert minutes_covered(window("06:00", "06:00", {SUNDAY}), "2026-07-04T00:00", 72) == 24 * 60


def test_the_hour_that_a_night_lacks_is_nobodys_maintenance() -> None:
    assert minutes_covered(window("02:00", "03:00"), "2026-03-29T00:00", 6) == 0
    assert minutes_covered(window("01:30", "03:30"), "2026-03-29T00:00", 6) == 60


def test_the_hour_that_a_night_has_twice_is_maintenance_twice() -> None:
    assert minutes_covered(window("02:00", "03:00"), "2026-10-25T00:00", 6) == 120
    assert window("02:00", "03:00").covers(berlin("2026-10-25T02:30", fold=1))


def test_each_window_has_the_clock_of_its_zone() -> None:
    noon = datetime.datetime(2026, 7, 6, 12, tzinfo=datetime.UTC).timestamp()
    assert window("12:00", "13:00", {MONDAY}, zone="UTC").covers(noon)
    assert window("14:00", "15:00", {MONDAY}).covers(noon)
    assert window("21:00", "22:00", {MONDAY}, zone="Asia/Tokyo").covers(noon)
    assert not window("12:00", "13:00", {MONDAY}).covers(noon)


@given(TIMES, TIMES, st.frozensets(st.integers(0, 6), min_size=1), WALLS)
def test_a_window_and_its_complement_share_no_moment_and_leave_none_out(
    start: datetime.time, end: datetime.time, days: frozenset[int], wall: float
) -> None:
    zone = "Europe/Berlin"
    others = frozenset(range(7)) - days
    parts = [Window(start=start, end=end, days=days, zone=zone)]
    if others:
        parts.append(Window(start=start, end=end, days=others, zone=zone))
    if start != end:
        parts.append(Window(start=end, end=start, zone=zone))
    assert sum(part.covers(wall) for part in parts) == 1


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "", "../etc/passwd", "/etc/passwd", "Europe"])
def test_a_zone_that_is_none_is_named(zone: str) -> None:
    with pytest.raises(ValueError, match="is not known here; a name like Europe/Berlin is"):
        window("01:00", "02:00", zone=zone)


def test_days_and_times_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="one or more of 0"):
        window("01:00", "02:00", set())
    with pytest.raises(ValueError, match="one or more of 0"):
        window("01:00", "02:00", {7})
    with pytest.raises(ValueError, match="are local"):
        window("01:00+02:00", "02:00")


def test_the_ledger_has_a_page_a_day() -> None:
    evening, morning = 86_400 * 20_000 - 1.0, 86_400 * 20_000.0
    spent = Ledger().charged("shop", 30, evening).charged("bank", 5, evening).charged("shop", 12, evening)
    assert (spent.spent("shop", evening), spent.spent("bank", evening), spent.spent("none", evening)) == (42, 5, 0)
    assert spent.spent("shop", morning) == 0
    assert spent.charged("bank", 1, morning).spent("shop", morning) == 0


@given(st.lists(st.tuples(st.sampled_from(["shop", "bank"]), st.integers(0, 99), st.integers(0, 3)), max_size=30))
def test_nothing_spent_is_lost_within_a_day(bookings: list[tuple[str, int, int]]) -> None:
    bookings.sort(key=lambda booking: booking[2])
    ledger = Ledger()
    for target, seconds, day in bookings:
        ledger = ledger.charged(target, seconds, day * 86_400 + 5)
    last = bookings[-1][2] if bookings else 0
    for name in ("shop", "bank"):
        today = sum(seconds for target, seconds, day in bookings if (target, day) == (name, last))
        assert ledger.spent(name, last * 86_400 + 86_399) == today
