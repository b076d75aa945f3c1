"""Whatever words stand in the record of a failed run, every output has the same parts as with plain ones."""

import io
import json
import re
from collections.abc import Callable
from xml.etree.ElementTree import fromstring

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from prober.core.causes import Cause
from prober.core.events import AgentLogged, Dispatch, Job, Leaving, ParticipantSeen, Person, ServerAsked, TokenRead
from prober.core.record import RunRecord, derive
from prober.core.series import Series
from prober.sinks import narration, text
from prober.sinks.exporter import Exporter
from prober.sinks.github import job_summary
from prober.sinks.json_log import JsonLines
from prober.sinks.junit import junit
from prober.sinks.live import Run
from prober.sinks.metrics import text_file
from tests.fuzz.anything import HOSTILE
from tests.timelines import HEAD, JOIN, entered, heartbeats
from tests.unit.test_rendering import EVIL, PLAIN, Skeleton, filled, run_html

WORDS = (
    EVIL,
    *HOSTILE,
    "]]><x/>",
    "$(reboot); `rm -rf /",
    "| a |\n# b\n<!-- @all ![x](http://y)",
    "::error::x\n",
    " ::error::x" * 20,
    " :::error::x" * 20,
)
FAILED = derive(
    HEAD,
    JOIN,
    (
        *(event for event in entered() if event.at < 0.5),
        TokenRead(at=0.2, expires_in=900.0, room="room", agents=("agent",), identity="caller"),
        ParticipantSeen(at=0.6, identity="who", kind="standard", before_us=True),
        Leaving(at=20.8),
        *heartbeats(21),
        ServerAsked(
            at=20.9,
            listed=1,
            people=(Person("who", "standard", "state", 1),),
            dispatches=(Dispatch("AD_1", "agent", (Job("AJ_1", "AW_1", "who"),)),),
            trouble=("ListRooms: no",),
        ),
        AgentLogged(at=21.0, cause=Cause.JOB_CRASHED, quote="E: no", fix="Mend it.", by="job", job="AJ_1"),
    ),
)


def record_of(words: str) -> RunRecord:
    """That run, where whoever could choose a text chose this one."""
    assert FAILED.diagnosis is not None
    given: RunRecord = filled(FAILED, words, as_type=RunRecord)
    ours = {name: getattr(FAILED, name) for name in ("run_id", "target", "scenario", "started_at")}
    record: RunRecord = msgspec.structs.replace(given, **ours)
    assert record.diagnosis is not None
    assert {part for one in record.diagnosis.evidence for part in one} == {*record.diagnosis.commands} == {words}
    return record


def as_text(record: RunRecord) -> object:
    moments, (verdict, *more) = list(narration.timeline(record.timeline)), text.summary(record)
    assert "".join([*moments, verdict, *more]).isprintable()
    assert all(line.startswith("  ") and not line.lstrip().startswith("::") for line in more)
    return len(moments), verdict


def as_page(record: RunRecord) -> object:
    html = run_html(record)
    assert html.replace("\n", "").isprintable()
    return Skeleton(html).elements


def as_junit(record: RunRecord) -> object:
    root = fromstring(junit([series(record)], [record.message]))  # noqa: S314 - our own
    return [(element.tag, sorted(element.attrib)) for element in root.iter()]


def as_summary(record: RunRecord) -> object:
    quoted = re.compile(r"<code>(?:\w|\s|&#\d+;)*</code>")
    return [quoted.sub("quoted", line) for line in job_summary([series(record)], [record.message]).split("\n")]


def as_metrics_file(record: RunRecord) -> object:
    return samples(text_file([record]))


def as_exposition(record: RunRecord) -> object:
    exporter = Exporter()
    exporter.ended(record)
    return samples(exporter.exposition()[0])


def as_log_line(record: RunRecord) -> object:
    stream = io.StringIO()
    JsonLines(stream, quiet=True).finished(Run(record.run_id, record.target, record.scenario, None), record)
    (line,) = stream.getvalue().splitlines()
    assert line.isprintable()
    return sorted(json.loads(line))


def samples(exposition: bytes) -> object:
    families = text_string_to_metric_families(exposition.decode())
    return sorted((sample.name, *sorted(sample.labels)) for family in families for sample in family.samples)


def series(record: RunRecord) -> Series:
    return Series(target=record.target, scenario=record.scenario, required=1, records=(record,))


@pytest.mark.parametrize(
    "parts_of", [as_text, as_page, as_junit, as_summary, as_metrics_file, as_exposition, as_log_line]
)
def test_no_word_of_others_is_obeyed(parts_of: Callable[[RunRecord], object]) -> None:
    for words in WORDS:
        assert parts_of(record_of(words)) == parts_of(record_of(PLAIN)), words
