"""Whatever stands in a file, it is read or refused in words, and what is secret stays so."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from prober.config.loading import load
from prober.config.orders import orders
from prober.config.problems import ConfigError, is_within
from prober.config.reading import read
from prober.config.showing import effective, overview

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*.yaml"))
ENVIRONMENT = {
    "LIVEKIT_URL": "wss://livekit.example.com",
    "LIVEKIT_API_KEY": "hunter2-key",
    "LIVEKIT_API_SECRET": "hunter2-secret",
    "ASSISTANT_LOGIN": "hunter2-login",
    "SPRACHPROBE_ACCOUNT_KEY": "hunter2-account",
}
NUMBERS = (None, True, 0, -1, 7, 1e9, float("nan"))
TEXTS = ("", "x", "{{", "{{ x }}", "{{ email }}", "${LIVEKIT_API_KEY}", "${X}", "\0", "(", "../x", "//a@b", "é.example")
PLACES = ("http://[", "https://x:y/", "https://{{ x }}/", "ws://127.1", "[::1]:1", "wss://a.example", "en-hours")
CONTAINERS: tuple[Any, ...] = ([], {}, [[]], {"": {}}, {"x": None})
ANYTHING = st.sampled_from((*NUMBERS, *TEXTS, *PLACES, *CONTAINERS))


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The place of every value in a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in inner for place in places(each, (*path, key)))]


def put(document: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """The document with this value at this place."""
    if not path:
        return value
    changed = copy.copy(document)
    changed[path[0]] = put(document[path[0]], path[1:], value)
    return changed


@settings(deadline=None)  # a busy machine is no finding
@given(data=st.data())
def test_a_file_with_anything_anywhere_is_run_or_refused(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    document = read(data.draw(st.sampled_from(EXAMPLES))).value
    first = data.draw(st.sampled_from(places(document)))
    second = data.draw(st.sampled_from(places(document)))
    changed = put(document, first, data.draw(ANYTHING))
    if not is_within(second, first) and second != first:
        changed = put(changed, second, data.draw(ANYTHING))
    file = tmp_path_factory.getbasetemp() / "any.yaml"
    file.write_text(yaml.safe_dump(changed))
    try:
        loaded = load(file, ENVIRONMENT)
    except ConfigError as error:
        shown = str(error)
    else:
        shown = f"{loaded!r}{orders(loaded)!r}{effective(loaded)}{list(overview(loaded))}"
    assert "hunter2" not in shown
