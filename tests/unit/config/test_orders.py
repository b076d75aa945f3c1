"""What the orders for runs say that a configuration comes to."""

from pathlib import Path

import msgspec
import pytest

from prober.child.messages import Order
from prober.config.loading import Loaded, load
from prober.config.orders import NothingToRunError, orders
from prober.core.plan import (
    ApiKey,
    ApiToken,
    BargeIn,
    Deadlines,
    DirectEntry,
    Expectations,
    Greeting,
    Scenario,
    TrialEntry,
    TurnPlan,
)
from prober.core.steps import trial_steps
from tests.golden.regenerate import GOLDEN

HOURS = GOLDEN.parents[1] / "fixtures" / "audio" / "en-hours.wav"
SMALL = "targets:\n  shop:\n    entry: {trial: {url: https://shop.example/}}\n"
FULL = """
targets:
  shop:
    entry:
      trial:
        steps:
          - name: start
            method: POST
            url: https://shop.example/api
            json: {nothing: null, who: ["{{ email }}", 7, true]}
            expect: {status: [200, 201]}
            extract: {id: {json: /id}, sid: {cookie: sid}, token: {field: csrf}}
          - {name: details, url: "https://{{ id }}.shop.example:8443/", form: {token: "{{ token }}"}, method: POST}
        session: {room: "{{ id }}"}
        cleanup: [{name: end, method: DELETE, url: "https://api.shop.example/{{ id }}?key={{ coupon }}"}]
    secrets: {coupon: "${COUPON}", signature_file: signature}
    livekit: {url: "${URL}", api_key: "${KEY}", api_secret_file: secret}
    agent_log: logs/agent.log
    allow: {hosts: ["*.example.org"]}
    marking: {email: "x+{{ run_id }}@example.com", user_agent: robot}
    ready: track
    deadlines:
      {trial_step: 1, trial: 2, room_join: 3, agent_join: 4, agent_ready: 5, greeting_within: 6, reply_within: 7}
    objectives: {agent_join: 3, response: 2.5, yield_time: 1}
    scenarios:
      conversation:
        interval: 100
        greeting: none
        interruption: fail
        warm_up: 1
        turns:
          - {say: hours.wav, reply_within: 8}
          - {interrupt: en-stop, yield_within: 2, expect_text: nine}
        objectives: {agent_join: 2}
      join: {interval: 40, hold: 0}
connectivity: ["1.1.1.1:443"]
"""


def loaded(text: str, directory: Path, **environment: str) -> Loaded:
    file = directory / "prober.yaml"
    file.write_text(text)
    return load(file, environment)


def full(directory: Path) -> list[Order]:
    (directory / "hours.wav").write_bytes(HOURS.read_bytes())
    (directory / "signature").write_text("s1gned\n")
    (directory / "secret").write_text("s3cret\n")
    return orders(loaded(FULL, directory, COUPON="c0upon", URL="wss://livekit.example", KEY="k3y"))


def test_the_least_that_can_be_written_makes_both_scenarios_with_the_usual_expectations(tmp_path: Path) -> None:
    join, conversation = orders(loaded(SMALL, tmp_path))
    assert join.plan.expectations == Expectations(scenario=Scenario.JOIN, deadlines=Deadlines(run=45.0))
    assert conversation.plan.expectations == Expectations(
        scenario=Scenario.CONVERSATION, turns=(TurnPlan(),), deadlines=Deadlines(run=90.0)
    )
    assert (join.plan.say, conversation.plan.say) == ((), ("en-hours",))
    assert join.plan.entry == trial_steps("https://shop.example/")
    assert (join.key, join.secrets, join.plan.target, join.agent_log) == (None, {}, "shop", None)
    assert join.plan.run_id != conversation.plan.run_id
    assert join.plan.allowed.hosts == ("shop.example", "*.livekit.cloud")
    assert not join.plan.allowed.private
    assert not join.plan.allowed.plaintext


def test_everything_that_is_written_is_in_the_orders(tmp_path: Path) -> None:
    join, conversation = full(tmp_path)
    due = Deadlines(trial_step=1, trial=2, room_join=3, agent_join=4, agent_ready=5, greeting=6, run=90)
    expected = conversation.plan.expectations
    assert expected.deadlines == due
    assert join.plan.expectations.deadlines == msgspec.structs.replace(due, run=40)  # the interval is less than 45
    assert expected.turns == (
        TurnPlan(reply_within=8),
        TurnPlan(reply_within=7, expect_text="nine", barge_in=BargeIn(after=BargeIn().after, within=2)),
    )
    assert (expected.greeting, expected.interruption, expected.warm_up) == (Greeting.NONE, "fail", 1)
    assert expected.objectives == {"agent_join": 2, "response": 2.5, "yield_time": 1}
    assert join.plan.expectations.objectives == {"agent_join": 3}  # join hears nothing
    assert (join.plan.expectations.hold, join.plan.expectations.ready) == (0, "track")
    assert conversation.plan.say == (str(tmp_path / "hours.wav"), "en-stop")
    assert (conversation.plan.user_agent, conversation.plan.anchors) == ("robot", ("1.1.1.1:443",))
    entry = conversation.plan.entry
    assert isinstance(entry, TrialEntry)
    assert (entry.email, entry.session.room) == ("x+{{ run_id }}@example.com", "{{ id }}")
    assert entry.steps[0].json == {"nothing": None, "who": ["{{ email }}", 7, True]}
    assert entry.steps[0].expect == (200, 201)
    assert {name: (each.source, each.at) for name, each in entry.steps[0].extract.items()} == {
        "id": ("json", "/id"),
        "sid": ("cookie", "sid"),
        "token": ("field", "csrf"),
    }
    assert [step.name for step in entry.cleanup] == ["end"]
    assert conversation.agent_log == str(tmp_path / "logs" / "agent.log")


def test_standard_input_is_no_file_beside_the_configuration(tmp_path: Path) -> None:
    join, _ = orders(loaded(f"{SMALL}    agent_log: '-'\n", tmp_path))
    assert join.agent_log == "-"


def test_hosts_with_a_variable_in_them_are_not_allowed_by_it(tmp_path: Path) -> None:
    _, conversation = full(tmp_path)
    assert conversation.plan.allowed.hosts == ("api.shop.example", "livekit.example", "shop.example", "*.example.org")


def test_secrets_go_beside_the_plan_and_are_shown_nowhere(tmp_path: Path) -> None:
    for order in full(tmp_path):
        assert order.secrets == {"coupon": "c0upon", "signature": "s1gned"}
        assert isinstance(order.key, ApiKey)
        assert (order.key.url, order.key.key, order.key.secret) == ("wss://livekit.example", "k3y", "s3cret")
        for shown in (repr(order), msgspec.json.encode(order.plan).decode()):
            assert not any(secret in shown for secret in ("c0upon", "s1gned", "k3y", "s3cret"))


def test_a_token_takes_the_keys_place(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("eyJh.eyJi.s3cret\n")
    livekit = "    livekit: {url: 'wss://livekit.example', token_file: token}\n"
    order, _ = orders(loaded(SMALL + livekit, tmp_path))
    assert order.key == ApiToken(url="wss://livekit.example", token="eyJh.eyJi.s3cret")
    assert order.plan.allowed.hosts == ("livekit.example", "shop.example", "*.livekit.cloud")
    assert "s3cret" not in repr(order) + msgspec.json.encode(order.plan).decode()
    assert msgspec.json.decode(msgspec.json.encode(order), type=Order) == order


def test_an_order_crosses_the_pipe_whole(tmp_path: Path) -> None:
    for order in full(tmp_path):
        assert msgspec.json.decode(msgspec.json.encode(order), type=Order) == order


def test_the_direct_way_takes_url_and_marks(tmp_path: Path) -> None:
    text = (
        "targets:\n  shop:\n    entry: {direct: {agent_name: a}}\n    marking: {identity: 'i-{{ random }}'}\n"
        "    livekit: {url: 'wss://livekit.example', api_key: '${K}', api_secret: '${K}'}\n"
    )
    (join, _) = orders(loaded(text, tmp_path, K="key"))
    assert join.plan.entry == DirectEntry(url="wss://livekit.example", agent_name="a", identity="i-{{ random }}")
    assert join.plan.allowed.hosts == ("livekit.example", "*.livekit.cloud")


def test_targets_and_scenario_choose_and_the_order_is_the_files(tmp_path: Path) -> None:
    text = SMALL + "  web: {entry: {trial: {url: https://web.example/}}, scenarios: {join: {}}}\n"
    config = loaded(text, tmp_path)
    made = [(order.plan.target, order.plan.expectations.scenario) for order in orders(config, ("web", "shop"))]
    assert made == [("shop", "join"), ("shop", "conversation"), ("web", "join")]
    assert [order.plan.target for order in orders(config, (), Scenario.CONVERSATION)] == ["shop"]
    with pytest.raises(NothingToRunError, match=r"no target .* that is meant has the scenario conversation"):
        orders(config, ("web",), Scenario.CONVERSATION)
    with pytest.raises(NothingToRunError, match=r"has no target 'shap'\. Did you mean shop\?"):
        orders(config, ("shap",))
