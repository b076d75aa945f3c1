import msgspec
from hypothesis import given
from hypothesis import strategies as st

from prober.core.events import AnyEvent
from prober.core.plan import ApiKey, ApiToken, Session
from prober.core.record import RunRecord, derive, rederive
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


def test_secrets_are_in_no_repr() -> None:
    key = ApiKey(url="ws://127.0.0.1", key="the-key", secret="the-secret")
    session = Session(url="ws://127.0.0.1", room="r", token="the-token")
    token = ApiToken(url="ws://127.0.0.1", token="the-token")
    assert "the-" not in repr(key) + repr(session) + f"{key}{session}{token}{token!r}"
