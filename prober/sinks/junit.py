"""Runs as JUnit XML, as green as the exit code and as red: a suite for each target, a case for each run. Pure.

A run that failed is a `<failure>`, one that missed an objective too (type `objective_missed`), an inconclusive one an
`<error>`. Where `--require` lets a run's trouble pass it is `<skipped>`, with what happened in the message: seen, but
not red. Names are the same for every build, so that a CI can keep their history: run ids are properties.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from prober.core.reasons import Outcome
from prober.core.record import RunRecord
from prober.core.series import PASSED, Series
from prober.sinks import narration, text
from prober.sinks.explained import explanation

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, escaped or not."""


def junit(series: Iterable[Series], troubles: Sequence[str] = ()) -> bytes:
    """The document. `troubles` are what else keeps the exit code from 0: each is an error in a suite of our own."""
    root = Element("testsuites", name="livekit-prober")
    for target, of_it in groupby(sorted(series, key=lambda one: one.target), key=lambda one: one.target):
        suite = SubElement(root, "testsuite", name=_clean(target))
        runs = [(one, record, number) for one in of_it for number, record in enumerate(one.records, start=1)]
        for one, record, number in runs:
            _case(suite, one, record, number)
        suite.set("timestamp", _clean(min(record.started_at for _, record, _ in runs)[:19]))
        suite.set("time", f"{sum(record.seconds for _, record, _ in runs if record.seconds is not None):.3f}")
    if troubles:
        own = SubElement(root, "testsuite", name="livekit-prober", time="0.000")
        for trouble in troubles:
            case = SubElement(own, "testcase", classname="livekit-prober", name="its own work")
            SubElement(case, "error", type="prober", message=_clean(trouble))
    for suite in (*root, root):
        for name, found in (
            ("tests", "testcase"),
            ("failures", "failure"),
            ("errors", "error"),
            ("skipped", "skipped"),
        ):
            suite.set(name, str(sum(1 for _ in suite.iter(found))))
    indent(root)
    body: bytes = tostring(root, encoding="utf-8", xml_declaration=True)
    return body + b"\n"


def _case(suite: Element, series: Series, record: RunRecord, number: int) -> None:
    case = SubElement(suite, "testcase", classname=f"livekit-prober.{_clean(record.target)}", name=record.scenario)
    if len(series.records) > 1:
        case.set("name", f"{record.scenario} #{number}")
    if record.seconds is not None:
        case.set("time", f"{record.seconds:.3f}")
    properties = SubElement(case, "properties")
    known = {"run_id": record.run_id, "room": record.room}
    for name, value in (known | {f"label.{key}": value for key, value in record.labels.items()}).items():
        if value is not None:
            SubElement(properties, "property", name=_clean(name), value=_clean(value))
    if record.exit_code != PASSED:
        _trouble(case, record, tolerated=series.tolerated(record))
    lines = [*narration.timeline(record.timeline), "", *text.summary(record)]
    SubElement(case, "system-out").text = _clean("\n".join(lines))


def _trouble(case: Element, record: RunRecord, *, tolerated: bool) -> None:
    kind = record.reason or "objective_missed"
    message = record.message or "; ".join(text.too_slow(record))
    if tolerated:
        SubElement(case, "skipped", message=_clean(f"tolerated: {kind}: {message}"))
        return
    element = SubElement(case, "error" if record.outcome is Outcome.INCONCLUSIVE else "failure", type=kind)
    element.set("message", _clean(message))
    element.text = _clean("\n".join([message, *(explanation(record) if record.reason is not None else ())]))


def _clean(words: str) -> str:
    """The words without what XML cannot hold."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", words)
