from pathlib import Path

import pytest

from prober.core.reasons import Reason
from prober.core.record import rederive
from tests.golden.regenerate import GOLDEN, encoded, read

RECORDS = sorted(GOLDEN.glob("*.json"))


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_todays_rules_derive_the_golden_record(path: Path) -> None:
    assert encoded(rederive(read(path))) == path.read_bytes()


def test_every_verdict_is_pinned() -> None:
    assert {read(path).reason for path in RECORDS} == {None, *Reason}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("wrong_answer", Reason.AGENT_WRONG_ANSWER),
        ("overload_after_the_answer", None),
        ("interruption_followed_by_an_answer", None),
        ("second_answer_missing", Reason.AGENT_NO_RESPONSE),
    ],
)
def test_the_four_that_are_easily_got_wrong(name: str, reason: Reason | None) -> None:
    record = read(GOLDEN / f"{name}.json")
    assert record.reason is reason
    if name == "overload_after_the_answer":
        assert record.measurements.responses == (0.75, 1.25)
    if name == "interruption_followed_by_an_answer":
        assert record.measurements.responses == (None, 1.25)
