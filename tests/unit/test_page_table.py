"""What `make page-drill` and `make month` write of what they saw."""

from tests.backfill import OTHERS, Judged
from tests.backfill import document as months
from tests.month import MONTHS
from tests.stack.page_drill import Paged, document


def test_each_pace_has_a_row_of_its_own_rounds() -> None:
    rounds = [Paged(pace="30 s", paged=seconds, resolved=400, said="the words") for seconds in (90, 150, 120)]
    assert document([*rounds, Paged(pace="60 s", paged=200, resolved=500, said="others")]).splitlines()[2:] == [
        "| 60 s | 1 | 200 · 200 · 200 s | 300 s | 500 · 500 · 500 s | others |",
        "| 30 s | 3 | 90 · 120 · 150 s | 180 s | 400 · 400 · 400 s | the words |",
    ]


def test_a_month_tells_its_pages_and_its_tickets_apart() -> None:
    minutes = {("page", "One"): 2.0, ("ticket", "Two"): 0.5, ("ticket", "Three"): 60.0}
    judged = Judged(runs=10, failed=2, most_in_a_row=1, unlucky=3, minutes=minutes)
    assert months([(MONTHS[0], judged)]).splitlines()[2] == (
        f"| {MONTHS[0].name} | 10 | 2 | 1 | 3 of {OTHERS} | `One` 2 min | `Two` 0 min, `Three` 60 min |"
    )
