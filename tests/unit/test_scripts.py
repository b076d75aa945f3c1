import re

import pytest

from prober.refstack.script import Greeting, Impulses, Script


@pytest.mark.parametrize(
    "script",
    [
        Script(),
        Script(greeting=None, state=None, track=False, silent=True),
        Script(greeting=Greeting(delay=2, seconds=3.5), replies=(0.2, 1, 2.5), interrupt_after=0.5, yield_after=0.3),
        Script(impulses=Impulses(count=3, gap=0.5), leave_after=10.0),
    ],
)
def test_a_script_survives_its_way_through_a_dispatch(script: Script) -> None:
    assert Script.from_json(script.to_json()) == script


def test_no_metadata_is_the_default_script() -> None:
    assert Script.from_json("") == Script()


@pytest.mark.parametrize(
    ("metadata", "complaint"),
    [
        ('["silent"]', "a script is a JSON object"),
        ('{"silence": true}', "'silence' is not part of a Script; known are breath, "),
        ('{"greeting": {"after": 1}}', "'after' is not part of a Greeting; known are delay, seconds"),
        ('{"greeting": 1}', "greeting is 1; it can be an object or null"),
        ('{"silent": 1}', "silent is 1; it can be true or false"),
        ('{"state": "speaking"}', "state is 'speaking'; it can be \"listening\" or null"),
        ('{"join_delay": -1}', "join_delay is -1; it can be from 0 to 120"),
        ('{"join_delay": null}', "join_delay is None; it can be from 0 to 120"),
        ('{"join_delay": true}', "join_delay is True; it can be from 0 to 120"),
        ('{"join_delay": NaN}', "join_delay is nan; it can be from 0 to 120"),
        ('{"interrupt_turn": 1.5}', "interrupt_turn is 1.5; it can be from 1 to 1000"),
        ('{"impulses": {"count": 2.5}}', "count is 2.5; it can be from 1 to 1000"),
        ('{"replies": []}', "replies is a list of at least one delay"),
        ('{"replies": 0.5}', "replies is a list of at least one delay"),
        ('{"replies": [0.5, 0.19]}', "replies has 0.19; it can be from 0.2 (hangover + breath + 0.03) to 60"),
        ('{"replies": [0.5], "breath": 0.4}', "replies has 0.5; it can be from 0.6 (hangover + breath + 0.03) to 60"),
    ],
)
def test_a_script_that_cannot_be_meant_is_refused(metadata: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint)):
        Script.from_json(metadata)
