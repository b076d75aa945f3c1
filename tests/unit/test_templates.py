import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from prober.core.templates import Known, check_template, climbs, fill_all, fill_url, names

VALUES = {"a": "x&y", "up": ".."}


def test_variables_are_put_into_a_document_at_any_depth() -> None:
    document = {"{{ a }}": ["{{ a }}!", {"deep": "{{a}}{{ up }}"}], "n": 7, "t": True, "none": None}
    assert fill_all(document, VALUES) == {"{{ a }}": ["x&y!", {"deep": "x&y.."}], "n": 7, "t": True, "none": None}
    assert list(names(document)) == ["a", "a", "up"]


def test_values_are_encoded_in_urls() -> None:
    assert fill_url("https://h/{{ a }}?q={{ up }}", VALUES) == "https://h/x%26y?q=.."


@pytest.mark.parametrize("value", ["..", ".", "../admin", "a/../../b", "%2e%2e", "..\\x", "a/."])
def test_a_value_never_walks_up_a_path(value: str) -> None:
    if "%" not in value:  # a value's own percent sign is encoded, and stands for itself
        with pytest.raises(ValueError, match="walk up the path"):
            fill_url("https://h/trials/{{ v }}/end", {"v": value})
    assert climbs(f"https://h/trials/{value}/end?x=1")


@given(value=st.text(max_size=12))
def test_whatever_the_value_the_path_keeps_its_beginning_and_its_end(value: str) -> None:
    try:
        url = URL(fill_url("https://h/trials/{{ v }}/end", {"v": value}))
    except ValueError:
        return
    assert url.raw_path.startswith("/trials/")
    assert url.raw_path.endswith("/end")
    assert url.raw_path.count("/") == 3
    assert url.raw_host == "h"


def test_a_json_document_in_a_text_has_braces_of_its_own() -> None:
    check_template('{"a": {"b": {"c": "{{ run_id }}"}}}', {"run_id"}, "the metadata")
    for slip in ("{{ run-id }}", "{ run_id }}", "{{ run_id }", "run_id }}"):
        with pytest.raises(ValueError, match="the metadata has braces that are no variable"):
            check_template(slip, {"run_id"}, "the metadata")


def test_what_is_known_is_never_shown() -> None:
    known = Known(variables={"csrf": "s3cr3t"}, cookies=(("https://h/", "sid=t0ps3cr3t"),))
    assert repr(known) == "Known(variables=['csrf'], cookies=1)"
