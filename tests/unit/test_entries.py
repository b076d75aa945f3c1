"""Ways in that are written in a few words."""

from typing import Any

import pytest

from prober.core.entries import SANDBOX_URL, check_direct, token_steps
from prober.core.plan import DirectEntry, Extract, SessionAt

URL = "https://shop.example/api/token"
OURS = {
    "participant_identity": "synthetic-{{ random }}",
    "participant_attributes": {"synthetic": "true", "probe.run_id": "{{ run_id }}"},
}


def test_the_standard_request_leaves_out_what_is_not_set() -> None:
    entry = token_steps(URL)
    (step,) = entry.steps
    assert (step.method, step.url, step.json, step.expect) == ("POST", URL, OURS, (200, 201))
    assert entry.session == SessionAt()


def test_the_standard_request_in_full() -> None:
    (step,) = token_steps(
        URL,
        headers={"Authorization": "Bearer {{ key }}"},
        agent_name="support",
        agent_metadata='{"plan": {"seats": 1}}',
        room="canary-{{ run_id }}",
        identity="robot",
        participant_name="Robot",
        participant_metadata="{}",
        attributes={"who": "{{ target }}"},
        secrets={"key"},
    ).steps
    assert step.headers == {"Authorization": "Bearer {{ key }}"}
    assert step.json == {
        "room_name": "canary-{{ run_id }}",
        "participant_identity": "robot",
        "participant_name": "Robot",
        "participant_metadata": "{}",
        "participant_attributes": {"who": "{{ target }}"},
        "room_config": {"agents": [{"agent_name": "support", "metadata": '{"plan": {"seats": 1}}'}]},
    }


def test_a_get_asks_for_nothing() -> None:
    (step,) = token_steps(URL, method="GET").steps
    assert (step.method, step.json) == ("GET", None)


def test_a_sandbox_has_a_url_of_its_own() -> None:
    (step,) = token_steps(sandbox_id="my-app-1a2b3c").steps
    assert (step.url, step.headers) == (SANDBOX_URL, {"X-Sandbox-ID": "my-app-1a2b3c"})
    (other,) = token_steps(URL, sandbox_id="my-app-1a2b3c").steps
    assert other.url == URL


def test_fields_by_pointer() -> None:
    entry = token_steps(URL, token_at="/data/jwt", server_url_at="/data/url")
    assert entry.steps[0].extract == {
        "session_server_url": Extract(source="json", at="/data/url"),
        "session_token": Extract(source="json", at="/data/jwt"),
    }
    assert entry.session == SessionAt(server_url="{{ session_server_url }}", token="{{ session_token }}")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "the token endpoint has no url; only a sandbox has one of its own"),
        (
            {"url": URL, "method": "GET", "agent_name": "support"},
            "the token endpoint is asked by GET, which has no field for room_config; use POST",
        ),
        (
            {"url": URL, "agent_metadata": "{}"},
            "the token endpoint has metadata for an agent but no agent_name; only a named agent gets any",
        ),
        (
            {"url": URL, "room": "lobby"},
            "the token endpoint's room 'lobby' is the same for every run; "
            "put one of {{ random }}, {{ run_id }}, {{ unix_ms }} in it",
        ),
        (
            {"url": URL, "attributes": {"lk.simulator": "true"}},
            "the attribute 'lk.simulator' is LiveKit's own; choose a name that does not begin with 'lk.'",
        ),
        (
            {"url": URL, "token_at": "jwt"},
            "step 'token', 'session_token': 'jwt' is no JSON pointer; one looks like /data/id",
        ),
        ({"url": "/api/token"}, "step 'token', url: '/api/token' is no URL with http:// or https:// and a host"),
    ],
)
def test_a_token_endpoint_that_cannot_be_asked(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole sentence is compared
        token_steps(**given)
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"room": "lobby-{{ target }}"}, "the room 'lobby-{{ target }}' is the same for every run"),
        ({"room": "{{ email }}-{{ random }}"}, "the room uses {{ email }}, which is not known there"),
        ({"identity": ""}, "the identity is empty"),
        ({"identity": "{{ who }}"}, "the identity uses {{ who }}"),
        ({"metadata": "{}"}, "there is metadata for an agent but no agent_name"),
        ({"attributes": {"a": "{{ who }}"}}, "the attribute 'a' uses {{ who }}"),
        ({"attributes": {"lk.simulator": ""}}, "the attribute 'lk.simulator' is LiveKit's own"),
    ],
)
def test_a_direct_way_that_cannot_be_walked(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - its beginning is compared
        check_direct(DirectEntry(**{"url": "wss://h", "agent_name": "", **given}))
    assert str(caught.value).startswith(words)


def test_the_direct_way_as_it_is() -> None:
    check_direct(DirectEntry(url="wss://h", agent_name=""))
    check_direct(DirectEntry(url="wss://h", agent_name="support", metadata='{"a": {"b": 1}}'))
