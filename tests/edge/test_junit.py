from collections.abc import Iterator
from itertools import product
from xml.etree.ElementTree import Element, fromstring

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.core.record import RunRecord
from prober.core.series import in_series, worst
from prober.core.verdict import Objective
from prober.sinks.explained import explanation
from prober.sinks.junit import junit
from tests.golden.regenerate import GOLDEN, read
from tests.golden.test_golden import RECORDS

PASS, ABSENT, CRASH = (read(GOLDEN / f"{name}.json") for name in ("pass_join", "agent_absent", "prober_crash"))
MISSED = msgspec.structs.replace(
    PASS, objectives=(Objective(name="agent_join", limit=0.1, value=0.5, met=False),), labels={"version": "1.2.3"}
)
RED = {"failure", "error"}
SHAPE = {
    "testsuites": {"testsuite"},
    "testsuite": {"testcase"},
    "testcase": {"properties", "failure", "error", "skipped", "system-out"},
    "properties": {"property"},
}
"""Which element may stand in which, by the schema that Jenkins and GitLab read."""


def document(*records: RunRecord, required: int, troubles: tuple[str, ...] = ()) -> Element:
    return fromstring(junit(in_series([records], required), troubles))  # noqa: S314 - our own


def found(root: Element, *names: str) -> list[Element]:
    return [element for element in root.iter() if element.tag in names]


def alike(records: tuple[RunRecord, ...]) -> tuple[RunRecord, ...]:
    """The same runs as one series."""
    return tuple(msgspec.structs.replace(record, target="shop", scenario="join") for record in records)


def possible() -> Iterator[tuple[tuple[RunRecord, ...], int]]:
    """Every mixture of outcomes of up to three runs, with every number that may be required."""
    for count in (1, 2, 3):
        for mixture in product((PASS, MISSED, ABSENT, CRASH), repeat=count):
            for required in range(1, count + 1):
                yield alike(mixture), required


def test_the_document_is_green_where_the_exit_code_is_0_and_only_there() -> None:
    seen = set()
    for records, required in possible():
        (series,) = in_series([records], required)
        root = document(*records, required=required)
        codes = tuple(record.exit_code for record in records)
        assert bool(found(root, *RED)) == (series.exit_code != 0), (codes, required)
        assert len(found(root, "testcase")) == len(records)
        seen.add(series.exit_code)
    assert seen == {0, 1, 3, 4}


def test_of_several_series_each_is_as_red_as_its_own_exit_code() -> None:
    bank = msgspec.structs.replace(ABSENT, target="bank")
    series = in_series([[PASS], [bank]], 1)
    root = fromstring(junit(series))  # noqa: S314 - our own
    assert worst(one.exit_code for one in series) == 1
    assert [(suite.get("name"), suite.get("failures")) for suite in root] == [("bank", "1"), ("shop", "0")]
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("2", "1", "0")


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_every_record_has_the_shape_that_readers_expect(path: object) -> None:
    record = read(path)  # type: ignore[arg-type]
    root = document(record, required=1)
    for parent in root.iter():
        assert {child.tag for child in parent} <= SHAPE.get(parent.tag, set())
    (case,) = found(root, "testcase")
    assert (case.get("classname"), case.get("name")) == (f"livekit-prober.{record.target}", record.scenario)
    assert float(case.get("time", "nan")) == pytest.approx(record.seconds, abs=0.001)
    properties = {one.get("name"): one.get("value") for one in found(case, "property")}
    assert properties == {"run_id": record.run_id} | ({"room": record.room} if record.room else {})
    troubles = found(case, *RED)
    assert [one.get("type") for one in troubles] == ([record.reason] if record.reason else [])
    for trouble in troubles:
        assert trouble.tag == ("error" if record.exit_code == 4 else "failure")
        assert trouble.get("message") == record.message
        assert (trouble.text or "").splitlines()[1:] == list(explanation(record))
    assert "run started" in (found(case, "system-out")[0].text or "")


def test_a_missed_objective_is_a_failure_that_says_by_how_much() -> None:
    (failure,) = found(document(MISSED, required=1), "failure")
    assert failure.get("type") == "objective_missed"
    assert failure.get("message") == "agent_join took 0.500 s, objective 0.1 s"


def test_what_is_tolerated_is_seen_and_not_red() -> None:
    root = document(*alike((PASS, ABSENT)), required=1)
    (skipped,) = found(root, "skipped")
    assert (skipped.get("message") or "").startswith("tolerated: agent_absent: Agent did not join the room.")
    assert [case.get("name") for case in found(root, "testcase")] == ["join #1", "join #2"]


def test_labels_are_properties() -> None:
    properties = {one.get("name"): one.get("value") for one in found(document(MISSED, required=1), "property")}
    assert properties["label.version"] == "1.2.3"


def test_the_probers_own_trouble_is_red_too() -> None:
    root = document(PASS, required=1, troubles=("m.prom could not be written: No space left on device.",))
    (error,) = found(root, "error")
    assert error.get("message") == "m.prom could not be written: No space left on device."
    assert found(fromstring(junit((), ("stopped by SIGINT: 0 of 2 runs were made.",))), "error")  # noqa: S314 - our own


@given(words=st.text(st.characters(exclude_categories=())))
def test_no_words_break_the_document(words: str) -> None:
    record = msgspec.structs.replace(
        ABSENT, message=words, look=words, room=words, target=words, started_at=words, labels={words: words}
    )
    (failure,) = found(document(record, required=1), "failure")
    plain = "".join(char for char in words if char.isascii() and char.isprintable())
    kept = "".join(char for char in failure.get("message") or "" if char.isascii() and char.isprintable())
    assert kept.replace(" ", "") == plain.replace(" ", "")
