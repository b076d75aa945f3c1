"""The table of measured outages, made of given ones."""

import pytest

from tests.detection import DOCUMENT
from tests.stack.reaction import BEGIN, END, WANTED, Outage, document, table

OUTAGES = [Outage(seen_after=after, open_for=0.4, failing=2.9) for after in (15.0, 16.0, 20.0)]


def test_what_was_measured_stands_beside_what_the_schedule_brings() -> None:
    _, _, measured, simulated = table(OUTAGES).splitlines()
    assert measured == "| 6 s | 2.9 s | measured | 3 | 15.0 s | 16.0 s | 20.0 s |  |"
    cells = [cell.strip() for cell in simulated.strip("|").split("|")]
    assert cells[2:4] == ["simulated", "300"]
    assert cells[-1] == "20.8 s"  # 3 * 6 + 0.3 + 2.9 - 0.4
    assert float(cells[-2].removesuffix(" s")) == pytest.approx(20.8, abs=0.31)  # the jitter


def test_the_document_is_written_anew_only_there() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    again = document(text, OUTAGES)
    assert again.split(BEGIN)[0] == text.split(BEGIN)[0]
    assert again.split(END)[1] == text.split(END)[1]
    assert table(OUTAGES) in again


def test_what_is_published_was_measured_often_enough_and_within_the_bound() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    _, _, measured, simulated = text.split(BEGIN)[1].split(END)[0].splitlines()
    assert f"| {WANTED} |" in measured
    worst, at_most = measured.split("|")[-3], simulated.split("|")[-2]
    assert float(worst.strip(" s")) <= float(at_most.strip(" s"))
