"""Whatever a run's process says before it ends, its parent has a record of it, and every output tells of that."""

import asyncio
import io
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.child.making import head_of, make_record
from prober.child.messages import Done, Happened, Hello, Order, Owes
from prober.core.record import RunRecord
from prober.core.series import Series
from prober.sinks import narration, text
from prober.sinks.entries import row
from prober.sinks.exporter import Exporter
from prober.sinks.github import job_summary
from prober.sinks.json_log import JsonLines
from prober.sinks.junit import junit
from prober.sinks.live import Run
from prober.sinks.metrics import text_file
from prober.watch.web.pages import kept, rendering
from prober.watch.web.pages.run import run_page
from tests.edge.products import one_step, plan_of
from tests.fuzz.anything import FEWER, as_json
from tests.timelines import conversation

SAID = [
    msgspec.to_builtins(one)
    for one in (Hello(origin=0.0), *(Happened(event=event) for event in conversation()), Owes(room="a-room"), Done())
]
LINES = st.lists(as_json(SAID), max_size=3)
SCRIPT = '#!/bin/sh\ncat "$0.said" > "/dev/fd/$3"\n'


@FEWER
@given(
    before=st.integers(0, len(SAID)), strange=LINES, after=st.integers(0, len(SAID)), end=st.sampled_from([b"", b"\n"])
)
async def test_any_child_leaves_a_record(before: int, strange: list[bytes], after: int, end: bytes) -> None:
    lines = [*encoded(SAID[:before]), *strange, *encoded(SAID[after:])]
    order = Order(plan=plan_of(one_step("http://127.0.0.1:9")))
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        child = Path(folder) / "child"
        child.write_text(SCRIPT)
        child.chmod(0o700)
        Path(f"{child}.said").write_bytes(b"\n".join(lines) + end)
        patch.setattr(sys, "executable", str(child))
        record = await make_record(order, head_of(order.plan, {}), stop=asyncio.Event())
    assert_told(record)


def encoded(messages: list[Any]) -> list[bytes]:
    return [json.dumps(message).encode() for message in messages]


def assert_told(record: RunRecord) -> None:
    """Every output can tell of it."""
    series = Series(target=record.target, scenario=record.scenario, required=1, records=(record,))
    lines = "".join([*narration.timeline(record.timeline), *text.summary(record), text.verdict(record)])
    assert lines.isprintable()
    assert junit([series])
    assert job_summary([series])
    assert text_file([record])
    JsonLines(io.StringIO(), quiet=False).finished(Run(record.run_id, record.target, record.scenario, None), record)
    exporter = Exporter()
    exporter.ended(record)
    assert exporter.exposition()
    assert kept.understood(row(record).document) == record
    page = run_page(record, None, recorded=False)
    assert "<img" not in rendering.page("run.html", page=page, root="", refresh=0)
