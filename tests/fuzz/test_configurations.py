"""Whatever stands in a file, it is read or refused in words, and what is secret stays so."""

import tempfile
from pathlib import Path

import msgspec
import yaml
from hypothesis import given
from hypothesis import strategies as st

from prober.config.loading import load
from prober.config.orders import orders
from prober.config.problems import ConfigError
from prober.config.reading import read
from prober.config.showing import effective, overview
from tests.fuzz.anything import CONTAINERS, SCALARS, changed, damaged

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
ENVIRONMENT = {
    "LIVEKIT_URL": "wss://livekit.example.com",
    "LIVEKIT_API_KEY": "hunter2-key",
    "LIVEKIT_API_SECRET": "hunter2-secret",
    "ASSISTANT_LOGIN": "hunter2-login",
    "SPRACHPROBE_ACCOUNT_KEY": "hunter2-account",
}
TEXTS = ("{{", "{{ x }}", "{{ email }}", "${LIVEKIT_API_KEY}", "${X}", "(")
PLACES = ("http://[", "https://x:y/", "https://{{ x }}/", "ws://127.1", "[::1]:1", "wss://a.example", "en-hours")


@given(document=changed([read(path).value for path in EXAMPLES], (*SCALARS, *CONTAINERS, *TEXTS, *PLACES)))
def test_a_file_with_anything_anywhere_is_run_or_refused(document: object) -> None:
    with tempfile.NamedTemporaryFile(suffix=".yaml") as file:
        Path(file.name).write_text(yaml.safe_dump(document))
        assert_run_or_refused(Path(file.name))


@given(body=damaged(st.sampled_from(EXAMPLES).map(Path.read_bytes)))
def test_a_file_that_is_damaged_is_run_or_refused(body: bytes) -> None:
    with tempfile.NamedTemporaryFile(suffix=".yaml") as file:
        Path(file.name).write_bytes(body)
        assert_run_or_refused(Path(file.name))


def assert_run_or_refused(file: Path) -> None:
    try:
        loaded = load(file, ENVIRONMENT)
    except ConfigError as error:
        shown = str(error)
    else:
        made = orders(loaded)
        msgspec.json.encode(made)  # as a run's process is told
        shown = f"{loaded!r}{made!r}{effective(loaded)}{list(overview(loaded))}"
    assert "hunter2" not in shown
