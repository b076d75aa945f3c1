"""The configuration that `demo` writes for its canary is one that the ordinary loader reads, and fits its own times."""

import sys
from pathlib import Path

import pytest

from prober.child.paying import ARRIVES_WITHIN
from prober.config.loading import load
from prober.config.orders import orders
from prober.core.plan import ApiKey, Scenario
from prober.recorder import GRACE
from prober.refstack.canary import canary, write_configuration
from prober.watch.cadence import Jitter
from tests.edge.test_trial_app import SECRET, Server


def test_the_canary_of_the_demo_is_an_ordinary_one(tmp_path: Path) -> None:
    file = write_configuration(tmp_path, "http://127.0.0.1:4321", Server(), tmp_path / "agent.log")
    made = {order.plan.expectations.scenario: order for order in orders(load(file, {}), (), None)}
    join, conversation = made[Scenario.JOIN], made[Scenario.CONVERSATION]
    assert isinstance(join.key, ApiKey)
    assert (join.key.url, join.key.secret) == (Server().url, SECRET)
    assert join.plan.expectations.deadlines.run == 10
    assert conversation.plan.expectations.deadlines.run == 30
    due = join.plan.expectations.deadlines
    assert join.plan.expectations.objectives["agent_join"] < due.agent_join == 5
    interval = load(file, {}).config.targets["front-desk"].scenarios.all()[Scenario.JOIN].interval
    failing = due.agent_join + GRACE + ARRIVES_WITHIN + 0.5  # with starting, walking in and joining
    assert failing < interval * (1 - Jitter().share)


def test_only_its_owner_reads_its_key(tmp_path: Path) -> None:
    file = write_configuration(tmp_path, "http://127.0.0.1:4321", Server(), tmp_path / "agent.log")
    assert SECRET not in file.read_text()
    assert {path.name: oct(path.stat().st_mode)[-3:] for path in tmp_path.glob("livekit.*")} == {
        "livekit.key": "600",
        "livekit.secret": "600",
    }


async def test_it_learns_no_secret_of_who_starts_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, log = tmp_path / "program", tmp_path / "log"
    program.write_text("#!/bin/sh\nenv\necho end\n")
    program.chmod(0o700)
    for name in ("LIVEKIT_API_SECRET", "LIVEKIT_PROBER_TOKEN", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "s3cret")
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", str(program))
        watching = canary(tmp_path / "prober.yaml", listen="127.0.0.1:0", log_format="text", log=log)
    async with watching:
        await watching.wait_for_line(lambda line: line == "end", timeout=30)
    assert "PATH=" in log.read_text()
    assert "s3cret" not in log.read_text()
