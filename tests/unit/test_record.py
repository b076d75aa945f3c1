from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.child.messages import FromChild
from prober.core.events import AnyEvent
from prober.core.plan import ApiKey, ApiToken, Session
from prober.core.record import RunRecord, derive, rederive
from prober.sidecar import Sidecar
from tests.timelines import CONVERSATION, HEAD, conversation


@given(events=st.lists(st.sampled_from(conversation()), max_size=40))
def test_a_record_survives_json_and_is_derived_again_alike(events: list[AnyEvent]) -> None:
    record = derive(HEAD, CONVERSATION, tuple(events))
    read = msgspec.json.decode(msgspec.json.encode(record), type=RunRecord)
    assert read == record
    assert rederive(read) == record


def test_the_top_level_holds_what_readers_are_promised() -> None:
    keys = set(msgspec.to_builtins(derive(HEAD, CONVERSATION, conversation())))
    assert keys >= {
        *("schema", "run_id", "target", "scenario", "trigger", "started_at", "outcome", "reason", "message"),
        *("measurements", "objectives", "diagnosis", "prober", "room", "participants", "timeline"),
    }


@pytest.mark.parametrize("kind", [RunRecord, FromChild, Sidecar])
def test_every_whole_number_of_others_has_bounds(kind: Any) -> None:
    def integers(part: Any) -> Iterator[Any]:
        parts = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
        yield from (each for one in parts for each in integers(one))
        if isinstance(part, dict) and part.get("type") == "integer":
            yield part

    found = list(integers(msgspec.json.schema(kind)))
    assert found
    assert all(-one["minimum"] == one["maximum"] == 2**53 for one in found)


def test_secrets_are_in_no_repr() -> None:
    key = ApiKey(url="ws://127.0.0.1", key="the-key", secret="the-secret")
    session = Session(url="ws://127.0.0.1", room="r", token="the-token")
    token = ApiToken(url="ws://127.0.0.1", token="the-token")
    assert "the-" not in repr(key) + repr(session) + f"{key}{session}{token}{token!r}"
