"""YAML as a configuration reads it, its surprises taken out."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from prober.config.problems import ConfigError
from prober.config.reading import TAGGED, Document, read
from prober.config.showing import as_yaml


def reading(text: str, directory: Path) -> Document:
    file = directory / "prober.yaml"
    file.write_text(text, encoding="utf-8")
    return read(file)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12:30", "12:30"),  # YAML 1.1: 750
        ("02:00", "02:00"),
        ("on", "on"),  # YAML 1.1: true
        ("no", "no"),
        ("Yes", "Yes"),
        ("true", True),
        ("False", False),
        ("2026-11-22", "2026-11-22"),  # YAML 1.1: a date
        ("0600", "0600"),  # YAML 1.1: 384
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("60", 60),
        ("-3", -3),
        ("2.5", 2.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        (".inf", float("inf")),
        ("null", None),
        ("~", None),
        ("''", ""),
        ("'60'", "60"),
        ("1" * 30, float("1" * 30)),
        ("{a: [b, 1]}", {"a": ["b", 1]}),
    ],
)
def test_a_scalar_is_what_it_looks_like(text: str, value: object, tmp_path: Path) -> None:
    found = reading(f"key: {text}\n", tmp_path).value["key"]
    assert (found, type(found)) == (value, type(value))


def test_keys_are_text_as_written(tmp_path: Path) -> None:
    document = reading("on: 1\n12: 2\ntrue: 3\n", tmp_path)
    assert document.value == {"on": 1, "12": 2, "true": 3}
    assert document.lines == {("on",): 1, ("12",): 2, ("true",): 3}


def test_what_targets_share_can_be_written_once_and_the_maps_own_keys_win(tmp_path: Path) -> None:
    document = reading("a: &a\n  x: 1\n  y: [1]\nb:\n  x: 2\n  <<: *a\nc: {<<: [{x: 3}, *a]}\n", tmp_path)
    assert document.value["b"] == {"x": 2, "y": [1]}
    assert document.value["c"] == {"x": 3, "y": [1]}
    assert (document.lines[("b", "x")], document.problems) == (5, [])


@pytest.mark.parametrize(
    "text",
    [
        *("!!int twelve", '!!int "5"', "!!str 60", "! 60", "!!null", "!!bool maybe", "!secret x", "!!binary aGk="),
        *("!!set {a}", "!!map {a: 1}", "!!seq [a]", "!!python/name:os.system", "&a !!int 5"),
        *("{<<: !!map {a: 1}}", "{<<: !!seq [{a: 1}]}", "{<<: [!!map {a: 1}]}", "{!!str a: 1}", "{!!merge <<: {a: 1}}"),
    ],
)
def test_a_tag_is_refused_without_its_text(text: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        reading(f"key: {text}\n", tmp_path)
    assert str(refused.value) == f"{tmp_path}/prober.yaml:1: key: {TAGGED}"


def test_the_place_of_a_tag_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"prober.yaml:3: a\.b\[1\]: has a YAML tag"):
        reading("a:\n  b:\n    [1, !!int '2']\n", tmp_path)


@example(["1e3", "1_0", "12:30", "no", "0x1", ".inf", "<<", "=", ""])  # what YAML 1.1 or 1.2 takes for no text
@given(
    st.recursive(
        st.booleans()
        | st.integers(-(10**9), 10**9)
        | st.text(st.characters(codec="ascii", min_codepoint=32), max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3),
        max_leaves=8,
    )
)
def test_what_is_written_is_read_as_it_was(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    document = reading(as_yaml({"key": value}), tmp_path_factory.getbasetemp())
    assert document.value == {"key": value}


@given(st.text(st.sampled_from("ab:{}[]&*!|>-#'\"\n ,?<%@`\t0.~"), max_size=40))
def test_any_text_is_read_or_refused_in_words(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    with contextlib.suppress(ConfigError):
        reading(text, tmp_path_factory.getbasetemp())
