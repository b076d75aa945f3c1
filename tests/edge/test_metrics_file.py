import datetime
import re
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from prober.core.causes import Cause
from prober.core.diagnosis import KEY_UNHEARD, LOG_UNLIKE, LOG_UNREAD
from prober.core.evidence import OF_THE_AGENT
from prober.core.meanings import MEANINGS
from prober.core.metric_schema import CAUSES, OUTCOMES
from prober.core.reasons import OURS, WORDS, Reason
from prober.core.record import RunRecord
from prober.diagnosis.known_causes import KNOWN
from prober.sinks.metrics import LastRuns, NotMetricsError, read, text_file
from tests.golden.regenerate import GOLDEN
from tests.golden.regenerate import read as golden
from tests.golden.test_golden import RECORDS

PASS, ABSENT, CRASH = (
    golden(GOLDEN / f"{name}.json") for name in ("pass_conversation", "agent_absent", "prober_crash")
)
SHOP = {"target": "shop", "scenario": "conversation"}
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(text: bytes) -> Samples:
    """What Prometheus reads in such a file."""
    return {
        (sample.name.removeprefix("livekit_prober_"), frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def value(told: Samples, name: str, **labels: str) -> float | None:
    return told.get((name, frozenset((SHOP | labels).items())))


def outcome(told: Samples, **labels: str) -> list[str]:
    """The outcomes that are 1."""
    return [one for one in OUTCOMES if value(told, "last_run_outcome", outcome=one, **labels) == 1]


def at(record: RunRecord, minute: int) -> RunRecord:
    return msgspec.structs.replace(record, started_at=f"2026-01-01T00:{minute:02}:00.000+00:00")


def moment(record: RunRecord) -> float:
    assert record.seconds is not None
    return datetime.datetime.fromisoformat(record.started_at).timestamp() + record.seconds


def test_a_run_that_passed_tells_everything() -> None:
    told = samples(text_file([PASS]))
    assert value(told, "last_run_success") == 1
    assert value(told, "last_run_timestamp_seconds") == value(told, "last_success_timestamp_seconds") == moment(PASS)
    assert value(told, "last_run_duration_seconds") == PASS.seconds
    assert value(told, "last_run_phase_duration_seconds", phase="agent_join") == PASS.measurements.agent_join
    slowest = max(response for response in PASS.measurements.responses if response is not None)
    assert value(told, "last_run_phase_duration_seconds", phase="response") == slowest
    assert outcome(told) == ["pass"]


def test_a_phase_that_was_not_reached_and_a_success_that_never_was_are_absent() -> None:
    told = samples(text_file([ABSENT], text_file([PASS]).decode()))
    assert value(told, "last_run_success") == 0
    assert value(told, "last_run_phase_duration_seconds", phase="room_join") == ABSENT.measurements.room_join
    assert value(told, "last_run_phase_duration_seconds", phase="agent_join") is None
    assert value(samples(text_file([ABSENT])), "last_success_timestamp_seconds") is None
    assert outcome(told) == ["agent_absent"]


def test_the_last_success_outlives_the_failures_that_follow() -> None:
    before = text_file([at(PASS, 1)])
    told = samples(text_file([at(ABSENT, 2)], before.decode()))
    assert value(told, "last_success_timestamp_seconds") == moment(at(PASS, 1))
    assert value(told, "last_run_timestamp_seconds") == moment(at(ABSENT, 2))


@pytest.mark.parametrize("judged", [PASS, ABSENT])
def test_an_inconclusive_run_moves_only_the_outcome(judged: RunRecord) -> None:
    before = samples(text_file([at(judged, 1)]))
    after = samples(text_file([at(CRASH, 2)], text_file([at(judged, 1)]).decode()))
    assert outcome(after) == ["inconclusive"]
    assert {key: told for key, told in after.items() if key[0] != "last_run_outcome"} == {
        key: told for key, told in before.items() if key[0] != "last_run_outcome"
    }


def test_an_inconclusive_run_alone_tells_nothing_of_the_target() -> None:
    assert {name for name, _ in samples(text_file([CRASH]))} == {"last_run_outcome"}


@pytest.mark.parametrize("began", ["", "yesterday", "0001-01-01"])
def test_a_run_that_does_not_tell_when_it_began_tells_the_rest(began: str) -> None:
    told = samples(text_file([msgspec.structs.replace(PASS, started_at=began)]))
    assert outcome(told) == ["pass"]
    assert not any("timestamp" in name for name, _ in told)


def test_other_targets_stay() -> None:
    bank = msgspec.structs.replace(ABSENT, target="bank")
    told = samples(text_file([PASS], text_file([bank]).decode()))
    assert value(told, "last_run_success", target="bank") == 0
    assert value(told, "last_run_success") == 1


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_exactly_one_outcome_is_1_and_no_label_is_free_text(path: Path) -> None:
    record = golden(path)
    told = samples(text_file([record]))
    (state,) = (one for one in OUTCOMES if value(told, "last_run_outcome", outcome=one, scenario=record.scenario) == 1)
    assert state == ("inconclusive" if record.reason in OURS else record.reason or "pass")
    names = {name for _, labels in told for name, _ in labels}
    assert names <= {"target", "scenario", "phase", "outcome", "cause", "meaning", "fix"}


def test_the_cause_of_the_last_judged_run_alone_is_1() -> None:
    known = NEVER_JOINED

    def causes(*records: RunRecord) -> dict[str, float]:
        told = samples(text_file(records))
        return {
            dict(labels)["cause"]: number for (name, labels), number in told.items() if name == "last_run_diagnosis"
        }

    assert {cause for cause, number in causes(known).items() if number} == {"assigned_never_joined"}
    assert set(causes(known)) == set(CAUSES)
    again = text_file([CRASH], text_file([known]).decode())
    assert value(samples(again), "last_run_diagnosis", cause="assigned_never_joined", scenario=known.scenario) == 1
    assert set(causes(known, msgspec.structs.replace(PASS, scenario=known.scenario)).values()) == {0}


NEVER_JOINED = golden(GOLDEN / "assigned_never_joined.json")


def with_fix(fix: str) -> RunRecord:
    assert NEVER_JOINED.diagnosis is not None
    return msgspec.structs.replace(NEVER_JOINED, diagnosis=msgspec.structs.replace(NEVER_JOINED.diagnosis, fix=fix))


def explained(text: bytes) -> list[dict[str, str]]:
    return [dict(labels) for name, labels in samples(text) if name == "last_run_diagnosis_info"]


def test_the_last_judged_run_says_what_to_do_until_one_passes() -> None:
    fix = "Set ELEVEN_API_KEY in the worker's environment and restart the worker."
    told = {
        "target": "shop",
        "scenario": NEVER_JOINED.scenario,
        "cause": "assigned_never_joined",
        "meaning": MEANINGS[Cause.ASSIGNED_NEVER_JOINED].sentence,
        "fix": fix,
    }
    written = text_file([NEVER_JOINED, with_fix(fix)])
    assert explained(written) == [told]
    assert explained(text_file([CRASH], written.decode())) == [told]
    assert explained(text_file([msgspec.structs.replace(PASS, scenario=NEVER_JOINED.scenario)], written.decode())) == []


def test_every_fix_of_today_is_told_whole() -> None:
    of_causes = [meaning.fix for meaning in MEANINGS.values()]
    unheard = (f"{log} {KEY_UNHEARD}" for log in (LOG_UNREAD, LOG_UNLIKE))
    composed = [f"{before} {WORDS[reason].look}" for before in unheard for reason in OF_THE_AGENT]
    composed += [f"{WORDS[reason].look} {MEANINGS[Cause.UNEXPLAINED].fix}" for reason in OF_THE_AGENT]
    for fix in (*of_causes, *composed, *(known.fix for known in KNOWN if known.fix)):
        longest = re.sub(r"{\w+}", "W" * 60, fix)
        assert [one["fix"] for one in explained(text_file([with_fix(longest)]))] == [longest]


@given(st.text(max_size=600) | st.sampled_from(['x"} 1\nlivekit_prober_runs_total{target="stolen', "\\" * 300]))
def test_whatever_a_record_says_a_fix_is_one_short_line_of_text(fix: str) -> None:
    written = text_file([with_fix(fix)])
    (told,) = explained(written)
    assert len(told["fix"]) <= 400
    assert told["fix"].isprintable()
    assert samples(written).keys() - samples(text_file([NEVER_JOINED])).keys() <= {
        ("last_run_diagnosis_info", frozenset(told.items()))
    }
    assert text_file([], written.decode()) == written


def test_every_reason_about_the_target_is_a_state() -> None:
    assert set(OUTCOMES) == {"pass", "inconclusive", *(set(Reason) - OURS)}


@given(
    runs=st.lists(st.sampled_from([PASS, ABSENT, CRASH, msgspec.structs.replace(ABSENT, target="bank")]), max_size=6)
)
def test_a_file_written_run_by_run_is_that_of_all_runs_together(runs: list[RunRecord]) -> None:
    timed = [at(record, minute) for minute, record in enumerate(runs)]
    text = ""
    for record in timed:
        text = text_file([record], text).decode()
    assert text == text_file(timed).decode() or not timed
    together = LastRuns()
    for record in timed:
        together.publish(record)
    assert read(text) == together.known


def test_moments_go_forward() -> None:
    texts = [text_file([at(PASS, minute)]) for minute in range(3)]
    moments = [value(samples(text), "last_run_timestamp_seconds") or 0 for text in texts]
    assert all(later - earlier == pytest.approx(60) for earlier, later in pairwise(moments))


@pytest.mark.parametrize("other", ["{}", "<xml/>", "a b c d", 'x{y="'])
def test_something_else_is_not_taken_for_metrics(other: str) -> None:
    with pytest.raises(NotMetricsError):
        read(other)


OURS_AND_THEIRS = {
    "node": 'node_x{a="b"} 4\n',
    "another prefix": 'last_run_success{target="shop",scenario="join"} 1\n',
    "our prefix within": 'foo_livekit_prober_last_run_success{target="shop",scenario="join"} 1\n',
    "of a later version": 'livekit_prober_new{target="shop",scenario="join"} 1\n',
    "another label": 'livekit_prober_last_run_success{target="shop",scenario="join",host="a"} 1\n',
    "notes": "# my notes\n",
}


@pytest.mark.parametrize("other", OURS_AND_THEIRS.values(), ids=OURS_AND_THEIRS)
def test_what_is_not_ours_is_never_written_over(other: str) -> None:
    for before in (other, other + text_file([PASS]).decode()) if "#" not in other else (other,):
        with pytest.raises(NotMetricsError, match="it holds"):
            text_file([PASS], before)


def test_a_file_of_no_run_is_ours_all_the_same() -> None:
    assert read("") == read("\n") == read(text_file([]).decode()) == {}
