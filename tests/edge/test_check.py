import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from prober import USER_AGENT
from prober.config.loading import Loaded, load
from prober.config.reading import read
from prober.config.shard import Shard
from tests.edge.test_cli import closed_port, invoke

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
SCHEMA = json.loads((ROOT / "docs" / "config.schema.json").read_text(encoding="utf-8"))
BAD = ROOT / "tests" / "unit" / "config" / "bad"
ENVIRONMENT = {
    "LIVEKIT_URL": "wss://shop.livekit.cloud",
    "LIVEKIT_API_KEY": "canary-key",
    "LIVEKIT_API_SECRET": "canary-secret" * 3,
    "ASSISTANT_LOGIN": "canary-login",
    "SPRACHPROBE_ACCOUNT_KEY": "canary-account",
}
SMALL = """
targets:
  shop:
    entry: {trial: {url: "http://127.0.0.1:%d/"}}
    allow: {private_addresses: true, plaintext: true}
    scenarios: {join: {}}
"""


def test_the_published_schema_is_the_configurations() -> None:
    assert json.loads(invoke("check", "--schema").output) == SCHEMA
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_valid_as_committed(path: Path) -> None:
    checked = invoke("check", str(path), env=ENVIRONMENT)
    assert checked.exit_code == 0, checked.output
    for target in load(path, ENVIRONMENT).config.targets:
        assert target in checked.output.splitlines()
    jsonschema.validate(read(path).value, SCHEMA)


def test_whoever_looks_at_a_recording_gets_none_of_the_operators_secrets(tmp_path: Path) -> None:
    """It is a process of its own, which tells of its environment here before it looks."""
    told = tmp_path / "environment"
    (tmp_path / "sitecustomize.py").write_text(
        f"import os\nwith open({str(told)!r}, 'w') as file:\n    print(dict(os.environ), file=file)\n"
    )
    (tmp_path / "own.wav").write_bytes(b"no sound")
    file = tmp_path / "prober.yaml"
    file.write_text(SMALL.replace("join: {}", "conversation: {turns: [{say: own.wav}]}") % 9)
    checked = invoke("check", str(file), env={**ENVIRONMENT, "PYTHONPATH": str(tmp_path)})
    assert "own.wav cannot be read as sound" in checked.output
    assert str(tmp_path) in told.read_text()
    assert "canary-" not in told.read_text()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_what_is_dumped_loads_again_and_hides_its_secrets(path: Path, tmp_path: Path) -> None:
    dumped = invoke("check", "--dump", str(path), env=ENVIRONMENT).output
    assert "canary-" not in dumped
    again = tmp_path / "again.yaml"
    again.write_text(dumped.replace("'[hidden]'", "${LIVEKIT_API_KEY}"))
    jsonschema.validate(read(again).value, SCHEMA)
    first, second = load(path, ENVIRONMENT), load(again, ENVIRONMENT)
    assert all(second.config.targets[name].deadlines == each.deadlines for name, each in first.config.targets.items())
    assert (second.ways, second.config.connectivity) == (first.ways, first.config.connectivity)
    assert invoke("check", "--dump", str(again), env=ENVIRONMENT).output == dumped


def test_the_dump_shows_what_a_default_comes_to_and_where_files_are(tmp_path: Path) -> None:
    (tmp_path / "login").write_text("canary-login\n")
    file = tmp_path / "prober.yaml"
    file.write_text(
        "targets:\n  shop:\n    entry: {trial: {url: https://shop.example/}}\n"
        "    secrets: {login_file: login}\n    agent_log: agent.log\n    scenarios: {join: {interval: 30}}\n"
    )
    target = yaml.safe_load(invoke("check", "--dump", str(file)).output)["targets"]["shop"]
    assert target["scenarios"] == {
        "join": {"interval": 30, "timeout": 30, "hold": 3, "objectives": {}, "slo": {"availability": 99}}
    }
    file.write_text(SMALL.replace("{join: {}}", "{conversation: {}}") % 1)
    shop = yaml.safe_load(invoke("check", "--dump", str(file)).output)["targets"]["shop"]
    assert shop["scenarios"]["conversation"]["turns"] == [{"say": "en-hours", "reply_within": 10}]
    assert target["secrets"] == {"login_file": str(tmp_path / "login")}
    assert target["agent_log"] == str(tmp_path / "agent.log")


def test_a_token_is_hidden_as_a_key_is(tmp_path: Path) -> None:
    file = tmp_path / "prober.yaml"
    file.write_text(
        "targets:\n  shop:\n    entry: {trial: {url: https://shop.example/}}\n"
        "    livekit: {url: 'wss://lk.example', token: '${TOKEN}'}\n"
    )
    shown = invoke("check", "--dump", str(file), env={"TOKEN": "eyJh.eyJi.canary-token"}).output
    assert yaml.safe_load(shown)["targets"]["shop"]["livekit"] == {"url": "wss://lk.example", "token": "[hidden]"}


OWN = """
x-common: &common
  allow: {private_addresses: true, plaintext: true}
  livekit: {url: "${LIVEKIT_URL}", api_key: "${LIVEKIT_API_KEY}", api_secret: "${LIVEKIT_API_SECRET}"}
x-owner: {team: web, since: 2026-01-01, pager: , note: "${NOT_SET_HERE}"}
targets:
  shop: {<<: *common, entry: {trial: {url: "https://shop.example/"}}}
  bank: {<<: *common, entry: {trial: {url: "https://bank.example/"}}, allow: {plaintext: true}}
"""


def test_keys_of_ones_own_hold_what_targets_share(tmp_path: Path) -> None:
    file = tmp_path / "prober.yaml"
    file.write_text(OWN)
    jsonschema.validate(read(file).value, SCHEMA)
    assert invoke("check", str(file), env=ENVIRONMENT).exit_code == 0
    dumped = yaml.safe_load(invoke("check", "--dump", str(file), env=ENVIRONMENT).output)
    assert set(dumped) == {"targets", "connectivity"}
    shared = {name: target["allow"]["private_addresses"] for name, target in dumped["targets"].items()}
    assert shared == {"shop": True, "bank": False}
    assert {target["livekit"]["url"] for target in dumped["targets"].values()} == {ENVIRONMENT["LIVEKIT_URL"]}


@pytest.mark.parametrize("key", ["X-owner", "x_owner", "xowner", "targets-x-owner"])
def test_any_other_unknown_key_at_the_top_is_an_error(key: str, tmp_path: Path) -> None:
    file = tmp_path / "prober.yaml"
    file.write_text(OWN.replace("x-owner", key).replace('"${NOT_SET_HERE}"', "a").replace("pager: ,", ""))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(read(file).value, SCHEMA)
    refused = invoke("check", str(file), env=ENVIRONMENT)
    assert refused.exit_code == 2
    assert f"{file}:5: {key}: there is no such key. " in refused.output


@pytest.mark.parametrize(
    ("entry", "carried"),
    [
        ("trial: {url: https://shop.example/}", {"email"}),
        ("token_endpoint: {url: https://shop.example/}", {"identity", "attributes"}),
        ("token_endpoint: {url: https://shop.example/, method: GET}", set()),
        ("direct: {}", {"identity", "attributes"}),
    ],
)
def test_the_dump_shows_the_marks_that_a_run_carries(entry: str, carried: set[str], tmp_path: Path) -> None:
    usual = {
        "user_agent": USER_AGENT,
        "email": "livekit-prober+{{ run_id }}@example.com",
        "identity": "synthetic-{{ random }}",
        "attributes": {"synthetic": "true", "probe.run_id": "{{ run_id }}"},
    }
    file = tmp_path / "prober.yaml"
    key = "livekit: {url: '${LIVEKIT_URL}', api_key: '${LIVEKIT_API_KEY}', api_secret: '${LIVEKIT_API_SECRET}'}"
    text = f"targets:\n  shop:\n    entry: {{{entry}}}\n    {key}\n"
    file.write_text(text)

    def marking() -> object:
        return yaml.safe_load(invoke("check", "--dump", str(file), env=ENVIRONMENT).output)["targets"]["shop"][
            "marking"
        ]

    assert marking() == {mark: usual[mark] for mark in {"user_agent"} | carried}
    file.write_text(text + "    marking: {user_agent: robot}\n")
    assert marking() == {mark: usual[mark] for mark in carried} | {"user_agent": "robot"}


def test_the_dump_shows_where_a_session_is_looked_for_and_what_each_scenario_is_held_to(tmp_path: Path) -> None:
    file = tmp_path / "prober.yaml"
    shop = (
        "targets:\n  shop:\n    entry: {trial: {url: https://shop.example/%s}}\n"
        "    objectives: {response: 2, trial: 1}\n"
    )
    file.write_text(shop % "" + "    scenarios: {join: {objectives: {trial: 3}}, conversation: {}}\n")
    target = yaml.safe_load(invoke("check", "--dump", str(file)).output)["targets"]["shop"]
    assert {name: each["objectives"] for name, each in target["scenarios"].items()} == {
        "join": {"trial": 3},
        "conversation": {"response": 2, "trial": 1},
    }
    assert "session" not in target["entry"]["trial"]  # there is nothing: the usual names are looked for
    file.write_text(shop % ", session: {room: '{{ run_id }}'}")
    target = yaml.safe_load(invoke("check", "--dump", str(file)).output)["targets"]["shop"]
    assert target["entry"]["trial"]["session"] == {"room": "{{ run_id }}"}


def test_a_file_without_sidecar_is_noted(tmp_path: Path) -> None:
    (tmp_path / "hours.wav").write_bytes((ROOT / "fixtures" / "audio" / "en-hours.wav").read_bytes())
    file = tmp_path / "prober.yaml"
    file.write_text(
        "targets:\n  shop:\n    entry: {trial: {url: https://shop.example/}}\n    budget: {agent_minutes_per_day: 1}\n"
        "    scenarios: {conversation: {turns: [{say: hours.wav}]}}\n"
    )
    checked = invoke("check", str(file))
    assert checked.exit_code == 0, checked.output
    assert "hours.wav has no sidecar: where speech begins and ends in it is computed before each run." in checked.output
    assert "every 300 s, 90 s at most: 288 runs a day" in checked.output
    assert "agent minutes a day are more than the budget of 1." in checked.output
    assert "LiveKit may be at shop.example, *.livekit.cloud; `allow` takes more hosts." in checked.output


@pytest.mark.parametrize(
    ("log", "noted"),
    [
        ("there.log", None),
        ("later.log", "is not there yet."),
        ("nowhere/later.log", "is not there yet, nor is its folder."),
        ("there.log/later.log", "cannot be read: Not a directory."),
        ("pipe", "is no file."),
        (".", "is a folder, not a file."),
    ],
)
def test_an_agents_log_that_would_tell_nothing_now_is_noted(log: str, noted: str | None, tmp_path: Path) -> None:
    (tmp_path / "there.log").touch()
    os.mkfifo(tmp_path / "pipe")
    file = tmp_path / "prober.yaml"
    file.write_text((SMALL % 1).replace("scenarios:", f"agent_log: {log}\n    scenarios:"))
    checked = invoke("check", str(file))
    assert checked.exit_code == 0, checked.output
    notes = [line.partition("the agent's log ")[2] for line in checked.output.splitlines() if "agent's log" in line]
    assert notes == ([] if noted is None else [f"{tmp_path / log} {noted}"])


def test_a_host_that_is_allowed_twice_is_named_once(tmp_path: Path) -> None:
    file = tmp_path / "prober.yaml"
    file.write_text((SMALL % 1).replace("allow: {", "allow: {hosts: [127.0.0.1, lk.example.com], "))
    assert "LiveKit may be at 127.0.0.1, lk.example.com; `allow` takes more hosts." in invoke("check", str(file)).output


def test_a_bad_file_exits_2_with_its_words_alone() -> None:
    for command in (("check",), ("run", "--config")):
        result = invoke(*command, str(BAD / "unknown-key.yaml"))
        assert result.exit_code == 2
        assert result.output == f"{BAD}/{(BAD / 'unknown-key.txt').read_text()}"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("check",), "Name the configuration: livekit-prober check FILE."),
        (("run", "shop"), "The target 'shop' is one of a configuration: give --config FILE."),
        (("run", "shp", "--config", "FILE"), "has no target 'shp'. Did you mean shop?"),
        (("run", "--config", "FILE", "--scenario", "conversation"), "has the scenario conversation"),
        (("run", "--config", "FILE", "--trial-url", "http://x/"), "--trial-url does not go with --config"),
        (("run", "--config", "FILE", "--url", "ws://x"), "--url does not go with --config"),
        (("run", "--config", "FILE", "--say", "en-hours"), "--say does not go with --config"),
        (("run", "--config", "FILE", "--objective", "trial=3"), "--objective does not go with --config"),
        (("run", "--config", "FILE", "--timeout", "30"), "--timeout does not go with --config"),
        (("run", "--config", "FILE", "--target", "x"), "--target does not go with --config"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_call_says_what_would_be_right(arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    file = tmp_path / "prober.yaml"
    file.write_text(SMALL % 1)
    result = invoke(*(str(file) if each == "FILE" else each for each in arguments))
    assert result.exit_code == 2
    assert words in " ".join(result.output.split())


def test_the_help_of_run_names_its_targets_and_no_option_twice() -> None:
    said = invoke("run", "--help").output
    assert "run [OPTIONS] [TARGET]..." in said
    assert said.count("TARGET]...") == 1
    assert said.count("--config FILE ") == 1


def test_the_flags_environment_is_no_conflict_and_outputs_go_with_a_configuration(
    tmp_path: Path,
) -> None:
    file, kept = tmp_path / "prober.yaml", tmp_path / "record.json"
    with closed_port() as port:
        file.write_text(SMALL % port)
        done = subprocess.run(
            [sys.executable, "-m", "prober.cli", "run", "shop", "--config", str(file), "--json", str(kept)],
            env=os.environ | ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1, done.stderr
    record = json.loads(kept.read_bytes())
    assert (record["target"], record["scenario"], record["reason"]) == ("shop", "join", "trial_unreachable")


def test_nothing_of_a_configuration_is_loaded_where_none_is_read() -> None:
    code = "import sys, prober.cli; print({'pydantic', 'yaml', 'numpy', 'livekit'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "set()"


def test_no_secret_is_in_the_repr_of_what_was_loaded() -> None:
    for path in EXAMPLES:
        loaded: Loaded = load(path, ENVIRONMENT)
        assert "canary-" not in repr(loaded)
        assert "canary-" not in repr(loaded.secrets)


def test_only_the_targets_that_are_named_need_their_secrets_and_sounds(tmp_path: Path) -> None:
    file = tmp_path / "prober.yaml"
    with closed_port() as port:
        shop = SMALL % port + "  bank:\n    entry: {trial: {url: 'https://bank.example/'}}\n"
        file.write_text(
            shop + "    secrets: {login: '${NOT_SET_HERE}'}\n    scenarios: {conversation: {turns: [{say: x.wav}]}}\n"
        )
        assert invoke("run", "shop", "--config", str(file), "--quiet").exit_code == 1
        for command in (("check", str(file)), ("run", "bank", "--config", str(file)), ("run", "--config", str(file))):
            refused = invoke(*command)
            assert refused.exit_code == 2
            assert "the environment has no NOT_SET_HERE" in refused.output
            assert "there is no file x.wav" in refused.output


def test_what_an_interruption_takes_is_noted(tmp_path: Path) -> None:
    file = tmp_path / "prober.yaml"
    turns = "[{interrupt: en-stop}, {interrupt: en-stop, after: 2}]"
    file.write_text(
        "targets:\n  shop:\n    entry: {trial: {url: https://shop.example/}}\n"
        f"    scenarios: {{conversation: {{warm_up: 2.5, turns: {turns}}}}}\n"
    )
    assert "what is interrupted must last more than 4.5 s" in invoke("check", str(file)).output


STEP = """
url: https://shop.example/in?key=canary-2&run={{ run_id }}&canary-3#canary-4
headers: {X-Auth: canary-5, Ocp-Apim-Subscription-Key: canary-6, X-Session: canary-7, Accept-Language: de}
json:
  user: {passWord: canary-8, name: jo, authToken: "{{ token }}"}
  credentials: [canary-9, {login: "{{ login }}", of: canary-10}]
  api_key: 4711
  keyboard: us
  monkey: true
  remember_session: true
"""
SHOWN = """
url: https://shop.example/in?key=[hidden]&run={{ run_id }}&[hidden]#[hidden]
headers: {X-Auth: "[hidden]", Ocp-Apim-Subscription-Key: "[hidden]", X-Session: "[hidden]", Accept-Language: de}
json:
  user: {passWord: "[hidden]", name: jo, authToken: "{{ token }}"}
  credentials: ["[hidden]", {login: "{{ login }}", of: "[hidden]"}]
  api_key: "[hidden]"
  keyboard: us
  monkey: true
  remember_session: true
"""


def test_the_dump_hides_what_may_be_a_secret_and_shows_the_rest(tmp_path: Path) -> None:
    file, step = tmp_path / "prober.yaml", yaml.safe_load(STEP)
    end = {"name": "end", "url": "https://shop.example/", "form": {"pwd": "canary-11", "plan": "trial"}}
    trial = {"steps": [{"name": "a", **step}], "cleanup": [end], "session": {"token": "canary-12"}}
    secrets = {"login": "${LOGIN}", "token": "${LOGIN}"}
    document = {"targets": {"shop": {"entry": {"trial": trial}, "secrets": secrets}}}
    file.write_text(yaml.dump(document | {"connectivity": ["https://me:canary-13@other.example/"]}))

    dumped = invoke("check", "--dump", str(file), env={"LOGIN": "canary-login"}).output

    assert "canary-" not in dumped
    assert "canary-" not in invoke("check", str(file), env={"LOGIN": "canary-login"}).output
    assert yaml.safe_load(dumped)["connectivity"] == ["https://hidden@other.example/"]
    shown = yaml.safe_load(dumped)["targets"]["shop"]["entry"]["trial"]
    assert shown["steps"][0].items() >= yaml.safe_load(SHOWN).items()
    assert shown["cleanup"][0]["form"] == {"pwd": "[hidden]", "plan": "trial"}


def test_a_shard_is_shown_with_its_own_targets_and_asks_for_their_secrets_alone(tmp_path: Path) -> None:
    targets = [f"shop-{number}" for number in range(6)]
    entry = "{entry: {trial: {url: https://shop.example.com/}}, secrets: {key: '${KEY_OF_%s}'}}"
    file = tmp_path / "prober.yaml"
    file.write_text("targets:\n" + "".join(f"  {name}: {entry % name.replace('-', '_')}\n" for name in targets))
    shown: list[str] = []
    for index in range(2):
        own = Shard(index, 2).share(dict.fromkeys(targets))
        secrets = {f"KEY_OF_{name.replace('-', '_')}": "canary-secret" for name in own}
        checked = invoke("check", str(file), "--shard", f"{index}/2", env=secrets)
        assert checked.exit_code == 0, checked.output
        shown += [line for line in checked.output.splitlines() if line in targets]
    assert sorted(shown) == targets
    assert invoke("check", str(file), "--shard", "0/1").exit_code == 2
