import logging
import threading
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.core.accounts import agent_seconds
from prober.core.causes import Cause
from prober.core.events import CleanedUp
from prober.core.evidence import OF_THE_AGENT
from prober.core.meanings import MEANINGS
from prober.core.metric import Kind, label_sets
from prober.core.metric_schema import CAUSES, METRICS, OUTCOMES, PREFIX, SKIPS, TRIGGERS, series_of
from prober.core.reasons import WORDS, Outcome
from prober.core.record import RunRecord
from prober.sinks.exporter import Exporter
from prober.sinks.families import Histogram
from prober.sinks.history import writing
from prober.sinks.keeper import State
from prober.sinks.metrics import LAST_RUN, ended_at
from prober.sinks.negotiation import CLASSIC, OPENMETRICS, form_for
from tests.edge.kept_runs import FAIL, INCONCLUSIVE, PASS, TALK, run, runs
from tests.exposition import (
    CONVERSATION,
    JOIN,
    LINES,
    START,
    Samples,
    adding,
    exporter,
    later,
    samples,
    total,
    value,
    with_objectives,
)
from tests.golden.regenerate import GOLDEN
from tests.golden.regenerate import read as golden
from tests.golden.test_golden import RECORDS

BANK = msgspec.structs.replace(JOIN, target="bank")


def told(exporter: Exporter) -> Samples:
    return samples(exporter.exposition()[0])


def after(*records: RunRecord) -> Samples:
    made = exporter()
    for record in records:
        made.ended(record)
    return told(made)


def test_every_series_is_born_at_zero() -> None:
    born = told(exporter())
    for metric in METRICS.values():
        if metric.kind is Kind.COUNTER:
            for labels in label_sets(metric, LINES):
                names = [label.name for label in metric.labels]
                assert born[metric.name, frozenset(zip(names, labels, strict=True))] == 0.0
    assert value(born, "run_failures_total", trigger="scheduled", reason="agent_absent") == 0.0
    assert value(born, "objective_misses_total", CONVERSATION, trigger="confirm", objective="response") == 0.0
    assert value(born, "agent_join_duration_seconds_bucket", le="10.0") == 0.0
    assert value(born, "schedule_lag_seconds_count", None) == 0.0


def test_before_the_first_run_nothing_is_claimed_of_the_target() -> None:
    born = told(exporter())
    assert value(born, "last_run_timestamp_seconds") == START
    assert value(born, "last_run_success") is None
    assert value(born, "last_success_timestamp_seconds") is None
    assert total(born, "last_run_outcome") == 0.0
    assert value(born, "consecutive_failures") == 0.0


def test_as_many_series_as_were_reckoned() -> None:
    made = exporter()
    cleaned = CleanedUp(at=5.0, resource="room", name="r", ok=True, detail="")
    for record in (adding(PASS, cleaned), adding(TALK, cleaned)):
        made.ended(run(with_objectives(record)))
    of_failures = len(LINES)  # what a run came to that passed needs no explanation
    assert len(told(made)) == series_of(LINES) - of_failures
    made.expect(LINES, START + 60)
    assert len(told(made)) == series_of(LINES) - of_failures


@pytest.mark.parametrize("trigger", TRIGGERS)
@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_run_is_counted_once(path: Path, trigger: str) -> None:
    record = run(with_objectives(golden(path)), trigger=trigger)
    counted = after(record)
    judged = record.outcome is not Outcome.INCONCLUSIVE
    where = {"scenario": record.scenario, "trigger": trigger}
    assert total(counted, "runs_total") == total(counted, "runs_total", **where) == judged
    assert total(counted, "runs_inconclusive_total") == (not judged)
    failed = record.outcome is Outcome.FAIL
    assert total(counted, "run_failures_total") == failed
    if record.reason is not None:
        name = "run_failures_total" if failed else "runs_inconclusive_total"
        assert total(counted, name, reason=record.reason, **where) == 1
    found = record.diagnosis is not None and failed
    assert total(counted, "diagnoses_total") == found
    if record.diagnosis is not None and failed:
        assert total(counted, "diagnoses_total", cause=record.diagnosis.cause) == 1
    shown = found and trigger != "manual"
    assert total(counted, "last_run_diagnosis") == total(counted, "last_run_diagnosis_info") == shown
    assert total(counted, "agent_session_seconds_total") == pytest.approx(agent_seconds(record))
    observed = judged and trigger == "scheduled"
    assert total(counted, "run_duration_seconds_count") == observed
    assert total(counted, "run_duration_seconds_sum") == (record.seconds if observed else 0)
    assert (value(counted, "last_run_success", JOIN if record.scenario == "join" else CONVERSATION) is not None) == (
        judged and trigger != "manual"
    )


def test_a_duration_is_in_all_buckets_from_its_own_on() -> None:
    record = run(TALK)
    counted = after(record, run(TALK, trigger="confirm"), run(TALK, trigger="manual"))
    responses = [response for response in record.measurements.responses if response is not None]
    assert len(responses) == 2
    for name, extra in (("agent_response_duration_seconds", {}), ("phase_duration_seconds", {"phase": "response"})):
        assert value(counted, f"{name}_count", CONVERSATION, **extra) == 2
        assert value(counted, f"{name}_sum", CONVERSATION, **extra) == pytest.approx(sum(responses))
        for bound in (*METRICS[name].buckets, float("inf")):
            le = "+Inf" if bound == float("inf") else str(bound)
            below = sum(response <= bound for response in responses)
            assert value(counted, f"{name}_bucket", CONVERSATION, le=le, **extra) == below


def test_a_duration_on_a_bound_is_within_it() -> None:
    counted = after(run(later(PASS, 0.5)))  # joined after 1.0 s
    assert value(counted, "agent_join_duration_seconds_bucket", le="0.75") == 0
    assert value(counted, "agent_join_duration_seconds_bucket", le="1.0") == 1


def test_a_phase_that_did_not_end_is_not_observed() -> None:
    counted = after(run(golden(GOLDEN / "agent_absent.json")))
    assert value(counted, "phase_duration_seconds_count", CONVERSATION, phase="room_join") == 1
    assert value(counted, "phase_duration_seconds_count", CONVERSATION, phase="agent_join") == 0
    assert value(counted, "agent_join_duration_seconds_count", CONVERSATION) == 0


def test_an_inconclusive_run_moves_only_the_outcome_and_its_own_counter() -> None:
    made = exporter()
    made.ended(run(FAIL))
    before = told(made)
    made.ended(run(INCONCLUSIVE))
    changed = {key for key, number in told(made).items() if before.get(key) != number}
    assert {name for name, _ in changed} <= {
        "last_run_outcome",
        "runs_inconclusive_total",
        "agent_session_seconds_total",
    }
    assert value(told(made), "last_run_outcome", outcome="inconclusive") == 1


def test_a_manual_run_is_counted_and_is_nobodys_last() -> None:
    made = exporter()
    made.ended(run(PASS))
    before = told(made)
    made.ended(run(FAIL, trigger="manual"))
    changed = {name for (name, _), number in told(made).items() if before.get((name, _)) != number}
    assert changed <= {"runs_total", "run_failures_total", "diagnoses_total", "agent_session_seconds_total"}


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from("pf?"), st.sampled_from(TRIGGERS)), max_size=12))
def test_failures_in_a_row_are_those_since_the_last_pass(made: list[tuple[str, str]]) -> None:
    canary, failures = exporter(), 0
    for (outcome, trigger), record in zip(made, runs("".join(one for one, _ in made)), strict=True):
        canary.ended(msgspec.structs.replace(record, trigger=trigger))
        if trigger != "manual":
            failures = {"p": 0, "f": failures + 1, "?": failures}[outcome]
    assert value(told(canary), "consecutive_failures") == failures


@pytest.mark.parametrize("outcomes", ["", "p", "f", "?", "pff", "pff?", "fp?", "p??", "ffp"])
def test_a_restart_goes_on_from_history(tmp_path: Path, outcomes: str) -> None:
    lived = exporter()
    with writing(tmp_path / "history.db") as history:
        for record in runs(outcomes):
            lived.ended(record)
            history.record(record)
        restarted = exporter()
        for line in LINES:
            restarted.restore(line.key, history.standing(*line.key))
    names = {*LAST_RUN, "consecutive_failures"}
    of = [{key: number for key, number in told(one).items() if key[0] in names} for one in (lived, restarted)]
    assert of[0] == of[1]
    assert total(told(restarted), "runs_total") == 0.0


def test_a_reload_keeps_what_stays_and_drops_what_went() -> None:
    made = exporter(JOIN, BANK)
    for target in ("shop", "bank"):
        made.started((target, "join"), "scheduled", 0.0)
        made.ended(run(FAIL, target=target))
        made.skipped((target, "join"), "overlap")
        made.paused((target, "join"), True)
    made.started(("bank", "join"), "scheduled", 0.0)
    narrower = msgspec.structs.replace(JOIN, interval=30.0, objectives=("trial",))
    made.expect([narrower, CONVERSATION], START + 100)
    now = told(made)
    assert not [key for key in now if ("target", "bank") in key[1]]
    assert value(now, "runs_total", trigger="scheduled") == 1
    assert value(now, "runs_skipped_total", reason="overlap") == 1
    assert value(now, "consecutive_failures") == 1
    assert value(now, "last_run_timestamp_seconds") != START + 100
    assert value(now, "last_run_timestamp_seconds", CONVERSATION) == START + 100
    assert value(now, "target_interval_seconds") == 30
    assert value(now, "target_paused") == 1
    assert value(now, "objective_misses_total", trigger="scheduled", objective="agent_join") is None
    assert value(now, "objective_misses_total", trigger="scheduled", objective="trial") == 0
    assert (total(now, "targets", state="active"), total(now, "targets", state="paused")) == (1, 0)
    made.ended(run(PASS, target="bank"))  # it was under way when its target went
    assert told(made) == now


def test_the_schedule() -> None:
    made = exporter(JOIN, CONVERSATION, BANK)
    made.started(JOIN.key, "scheduled", 0.02)
    made.started(CONVERSATION.key, "manual", 0.0)
    made.paused(BANK.key, True)
    for reason in (*SKIPS, "overlap"):
        made.skipped(JOIN.key, reason)
    now = told(made)
    assert total(now, "runs_in_progress", target="shop") == 2
    assert total(now, "runs_in_progress", target="bank") == 0
    assert value(now, "schedule_lag_seconds_bucket", None, le="0.01") == 0
    assert value(now, "schedule_lag_seconds_bucket", None, le="0.025") == 1
    assert value(now, "schedule_lag_seconds_count", None) == 1
    assert value(now, "target_paused", BANK) == 1
    assert (total(now, "targets", state="active"), total(now, "targets", state="paused")) == (1, 1)
    assert value(now, "runs_skipped_total", reason="overlap") == 2
    assert (value(now, "target_interval_seconds"), value(now, "target_timeout_seconds", CONVERSATION)) == (60, 90)
    made.ended(run(TALK, trigger="manual"))
    assert total(told(made), "runs_in_progress") == 1


def test_the_longest_stall_is_told_once() -> None:
    made = exporter()
    made.event_loop_lag(0.25)
    made.event_loop_lag(0.125)
    assert value(told(made), "event_loop_lag_seconds", None) == 0.25
    assert value(told(made), "event_loop_lag_seconds", None) == 0.0


def test_a_reload_that_failed_keeps_the_old_configurations_name() -> None:
    made = exporter()
    made.reloaded(ok=False, when=START + 60, sha256="ab" * 32)
    now = told(made)
    assert value(now, "config_last_reload_successful", None) == 0
    assert value(now, "config_last_reload_success_timestamp_seconds", None) == START
    assert value(now, "config_info", None, sha256="ab" * 32) == 1
    made.reloaded(ok=True, when=START + 90, sha256="cd" * 32)
    now = told(made)
    assert value(now, "config_last_reload_success_timestamp_seconds", None) == START + 90
    assert {dict(where)["sha256"] for name, where in now if name == "config_info"} == {"cd" * 32}


def test_what_happens_before_anything_is_watched_is_counted_too() -> None:
    made = Exporter()
    made.reloaded(ok=True, when=START, sha256="ab" * 32)
    made.logged(logging.WARNING)
    made.expect(LINES, START)
    now = told(made)
    assert value(now, "config_last_reload_successful", None) == 1
    assert value(now, "log_messages_total", None, level="warning") == 1


def test_what_is_left_in_the_world_is_counted() -> None:
    left = (CleanedUp(at=5.0, resource=what, name="x", ok=False, detail="refused") for what in ("room", "recording"))
    made = exporter()
    made.ended(run(adding(PASS, *left)))
    made.cleanup_failed("shop", "room")
    assert {dict(where)["resource"]: number for (name, where), number in told(made).items() if "cleanup_f" in name} == {
        "room": 2,
        "participant": 0,
        "trial": 0,
    }


def test_the_disks_troubles() -> None:
    made = Exporter(lambda: State(failures=3, lost=2, waiting=1, evidence_failures=4))
    made.expect(LINES, START)
    now = told(made)
    names = ("history_write_failures_total", "history_lost_runs_total", "history_waiting_runs")
    assert [value(now, name, None) for name in (*names, "evidence_write_failures_total")] == [3, 2, 1, 4]


def test_messages_are_counted_by_level_from_any_thread() -> None:
    made, log = exporter(), logging.Logger("test")
    log.addHandler(made.log_handler())

    def speak() -> None:
        for level in (5, logging.DEBUG, logging.INFO, logging.WARNING, 35, logging.ERROR, logging.CRITICAL, 70):
            log.log(level, "a", extra={"run": "b"})

    threads = [threading.Thread(target=speak) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    now = told(made)
    assert {level: value(now, "log_messages_total", None, level=level) for level in ("debug", "info", "warning")} == {
        "debug": 40,
        "info": 20,
        "warning": 40,
    }
    assert [value(now, "log_messages_total", None, level=level) for level in ("error", "critical")] == [20, 40]


def test_what_logs_while_it_is_collected_counts_and_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As an object does that the garbage collector takes in the midst of a scrape."""
    made = exporter()
    buckets = Histogram.buckets

    def logging_buckets(histogram: Histogram) -> object:
        made.logged(logging.ERROR)
        return buckets(histogram)

    monkeypatch.setattr(Histogram, "buckets", logging_buckets)
    scraping = threading.Thread(target=made.exposition, daemon=True)
    scraping.start()
    scraping.join(10)
    monkeypatch.undo()
    assert not scraping.is_alive()
    assert (value(told(made), "log_messages_total", None, level="error") or 0) > 0


def test_exemplars_name_the_run() -> None:
    made, record = exporter(), run(TALK)
    made.ended(record)
    text = made.exposition("application/openmetrics-text")[0].decode()
    exemplars = [line.partition(" # ") for line in text.splitlines() if " # " in line]
    assert {line.partition("{")[0] for line, _, _ in exemplars} == {
        f"{PREFIX}{name}_bucket"
        for name, metric in METRICS.items()
        if metric.buckets and name != "schedule_lag_seconds"
    }
    assert {f'{{run_id="{record.run_id}"}}' in exemplar for _, _, exemplar in exemplars} == {True}
    assert {float(exemplar.split()[-1]) for _, _, exemplar in exemplars} == {ended_at(record)}
    assert samples(made.exposition("application/openmetrics-text")[0], exemplars=True) == told(made)
    assert "run_id" not in made.exposition()[0].decode()


HOSTILE = 'x"} 1\nlivekit_prober_runs_total{target="stolen'
ENOUGH = st.text(max_size=30) | st.just(HOSTILE)


@settings(max_examples=25)
@given(text=ENOUGH, path=st.sampled_from(RECORDS))
def test_nothing_that_a_stranger_writes_reaches_a_label(text: str, path: Path) -> None:
    record = golden(path)
    events = tuple(
        msgspec.structs.replace(
            event,
            **{name: text for name in ("detail", "room", "identity", "name", "server") if hasattr(event, name)},
        )
        for event in record.timeline
    )
    record = msgspec.structs.replace(
        record,
        timeline=events,
        message=text,
        look=text,
        room=text,
        labels={text: text},
        run_id=text,
        trigger="scheduled",
    )
    made = exporter()
    names = {key for key in told(made) if key[0] not in LAST_RUN}
    made.ended(record)
    made.ended(msgspec.structs.replace(record, target=text))
    made.skipped((text, "join"), text)
    made.started((text, "join"), text, 0.0)
    made.paused((text, text), True)
    made.cleanup_failed("shop", text)
    made.restore((text, "join"), None)  # type: ignore[arg-type]  # it is not asked for
    for accept in ("", "application/openmetrics-text"):
        body = made.exposition(accept)[0]
        assert HOSTILE not in body.decode()
        now = samples(body, exemplars=bool(accept))
        assert {key for key in now if key[0] not in LAST_RUN} == names
        values = {label for key in now if key[0] in LAST_RUN for _, label in key[1]}
        words = {word for meaning in MEANINGS.values() for word in (meaning.sentence, meaning.fix)}
        words |= {WORDS[reason].look for reason in OF_THE_AGENT}
        words |= {f"{look} {MEANINGS[Cause.UNEXPLAINED].fix}" for look in words}
        known = {"shop", "join", "conversation", *OUTCOMES, *CAUSES, *CONVERSATION.phases, "yield_time"}
        assert values <= known | words


def test_the_library_tells_of_the_process() -> None:
    text = exporter().exposition()[0].decode()
    for name in ("process_start_time_seconds", "process_open_fds", "python_info", "python_gc_collections_total"):
        assert f"# TYPE {name} " in text
    assert "_created" not in text
    assert not [line for line in text.splitlines() if line.startswith("livekit_") and not line.startswith(PREFIX)]


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", CLASSIC),
        ("*/*", CLASSIC),
        ("text/html,application/xhtml+xml,*/*;q=0.8", CLASSIC),
        ("application/openmetrics-text", OPENMETRICS),
        (
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
            "text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            OPENMETRICS,
        ),
        ("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;q=0.5", OPENMETRICS),
        ("text/plain;version=0.0.4, application/openmetrics-text;q=0.5", CLASSIC),
        ("application/openmetrics-text;q=0", CLASSIC),
        ("Application/OpenMetrics-Text; Q=0.9", OPENMETRICS),
        ("application/openmetrics-text;q=banana,text/plain;q=", OPENMETRICS),
    ],
)
def test_the_format_is_the_one_that_is_asked_for(accept: str, form: object) -> None:
    assert form_for(accept) is form


@given(st.text() | st.text(alphabet="aplictonxme/;=,q.01-* "))
def test_any_header_gets_an_answer(accept: str) -> None:
    assert form_for(accept) in {CLASSIC, OPENMETRICS}
