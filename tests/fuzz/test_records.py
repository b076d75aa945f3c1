"""Whatever stands in a file, `replay` and the run's page show it as a record, or say plainly that it is none."""

import json
import re
import tempfile
from pathlib import Path

from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st

from prober.cli import main
from prober.watch.web.pages import kept, rendering
from prober.watch.web.pages.run import run_page
from tests.fuzz.anything import as_json
from tests.golden.regenerate import GOLDEN

RECORDS = [json.loads(path.read_bytes()) for path in sorted(GOLDEN.glob("*.json"))]
SEVERAL = [{"schema": "livekit-prober/runs/1", "runs": RECORDS[:2], "statistics": []}]


BAD = (b'{"run_id": "\xff"}', b'{"labels": ' + b"[" * 100_000, b'{"outcome": "\\u001b[2J"}')
HUGE = [
    re.sub(rb'("%s": )\d+' % name, rb"\g<1>1" + b"0" * 400, (GOLDEN / "pass_conversation.json").read_bytes())
    for name in (b"peak_rss", b"rss", b"jitter_buffer_emitted", b"concealed_samples")
]
LINES = st.lists(as_json(RECORDS), min_size=2, max_size=3).map(b"\n".join)


@example(body=BAD[0])
@example(body=BAD[1])
@example(body=BAD[2])
@example(body=HUGE[0])
@example(body=HUGE[1])
@example(body=HUGE[2])
@example(body=HUGE[3])
@given(body=as_json([*RECORDS, *SEVERAL]) | LINES)
def test_any_file_is_replayed_or_refused(body: bytes) -> None:
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        Path(file.name).write_bytes(body)
        done = CliRunner().invoke(main, ["replay", file.name])
    assert isinstance(done.exception, SystemExit | None), done.exception
    assert done.exit_code in {0, 1, 2, 3, 4}
    assert (done.exit_code == 2) == ("is no run record" in done.stderr)
    assert done.output.replace("\n", "").isprintable()


@example(body=BAD[0])
@example(body=BAD[1])
@example(body=HUGE[0])
@given(body=as_json(RECORDS))
def test_any_kept_record_has_a_page(body: bytes) -> None:
    record = kept.understood(body)
    if record is None:
        html = rendering.page("unreadable.html", run_id="", document=body.decode(errors="replace"), root="", refresh=0)
    else:
        html = rendering.page("run.html", page=run_page(record, None, recorded=False), root="", refresh=0)
    assert html.replace("\n", "").isprintable()
    assert "<img" not in html
