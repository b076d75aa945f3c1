import re
import signal

import pytest

from prober.bounded import LARGEST, search
from prober.core.reasons import Reason, RunFault


def test_what_a_pattern_finds() -> None:
    found = search("turn 1", "BALANCE is (.+)", "your balance is 7", re.IGNORECASE)
    assert found is not None
    assert found[1] == "7"
    assert search("turn 1", "balance", "your BALANCE is 7") is None


def test_of_a_text_without_end_the_beginning_is_searched() -> None:
    assert search("turn 1", "b", "a" * LARGEST + "b") is None
    assert search("turn 1", "b", "a" * (LARGEST - 1) + "b") is not None


def test_a_pattern_without_end_is_our_own_trouble_and_leaves_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prober.bounded.WITHIN", 0.05)
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(RunFault) as caught:
        search("turn 1", "(?:a+)+$", "a" * 60 + "!")
    assert (caught.value.reason, str(caught.value)) == (
        Reason.PROBER_INTERNAL,
        "turn 1: the pattern (?:a+)+$ did not come to an end within 0.05 s",
    )
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
