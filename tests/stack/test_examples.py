"""The examples as committed, but for where their products are, run by the command on the reference stack."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from prober.config.reading import read
from prober.refstack.stack import ReferenceStack
from tests.stack.foreign_app import ACCOUNT_KEY, foreign_product
from tests.stack.runs import rooms

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]

EXAMPLES = Path(__file__).parents[2] / "examples"
LOGIN = "l0gin-of-nobody"
LOOKS = ("incident", "trial", "token-endpoint", "direct")


def moved(name: str, home: str, agent: str = "") -> dict[str, Any]:
    """The example with another home for its product, and another name for its agent."""
    text = json.dumps(read(EXAMPLES / f"{name}.yaml").value)
    for theirs in ("https://shop.example.com", "https://sprache.example.com"):
        text = text.replace(theirs, home)
    document: dict[str, Any] = json.loads(text)
    for target in document["targets"].values():
        target["allow"] = {"hosts": ["127.0.0.1"], "private_addresses": True, "plaintext": True}
        for way in target["entry"].values():
            if "agent_name" in way:
                way["agent_name"] = agent
    return document


async def run(document: dict[str, Any], stack: ReferenceStack, directory: Path, *arguments: str) -> list[Any]:
    """The records of `run --config` in a process of its own. Each run worked and showed no secret."""
    file, kept = directory / "prober.yaml", directory / "runs"
    file.write_text(yaml.safe_dump(document))
    secrets = {
        "LIVEKIT_URL": stack.server.url,
        "LIVEKIT_API_KEY": stack.server.api_key,
        "LIVEKIT_API_SECRET": stack.server.api_secret,
        "ASSISTANT_LOGIN": LOGIN,
        "SPRACHPROBE_ACCOUNT_KEY": ACCOUNT_KEY,
    }
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "prober.cli", "run", "--config", str(file), "--record", str(kept), *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=os.environ | secrets,
    )
    output, _ = await program.communicate()
    assert program.returncode in {0, 3}, output.decode()  # 3: slower than an objective, on a machine of any speed
    records = [path.read_text() for path in kept.glob("*.json")]
    for secret in (stack.server.api_secret, LOGIN, ACCOUNT_KEY):
        assert secret not in output.decode()
        assert all(secret not in record for record in records)
    return sorted((json.loads(record) for record in records), key=lambda record: str(record["scenario"]))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def looks(stack: ReferenceStack, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """A look at the product through each example, made at once: most of a run is waiting."""

    async def look(name: str) -> Any:
        agent = stack.worker.agent_name
        document = moved(name, stack.trial_url, agent)
        (record,) = await run(document, stack, tmp_path_factory.mktemp(name), "--scenario", "join")
        return record

    return dict(zip(LOOKS, await asyncio.gather(*(look(name) for name in LOOKS)), strict=True))


async def test_the_incidents_example_judges_what_its_customers_waited_for(looks: Mapping[str, Any]) -> None:
    record = looks["incident"]
    assert record["outcome"] == "pass"
    assert [each["name"] for each in record["objectives"]] == ["agent_join", "time_to_ready"]


async def test_the_trial_is_walked_step_by_step(looks: Mapping[str, Any]) -> None:
    record = looks["trial"]
    assert record["outcome"] == "pass"
    steps = [event["step"] for event in record["timeline"] if event["event"] == "HttpMoment"]
    assert list(dict.fromkeys(steps)) == ["page", "start", "details"]


async def test_the_token_endpoint_calls_the_agent_by_name(looks: Mapping[str, Any]) -> None:
    record = looks["token-endpoint"]
    assert record["outcome"] == "pass"
    assert record["target"] == "assistant"


async def test_the_direct_way_makes_and_deletes_its_own_room(stack: ReferenceStack, looks: Mapping[str, Any]) -> None:
    record = looks["direct"]
    assert record["outcome"] == "pass"
    assert record["room"].startswith("synthetic-receptionist-")
    assert record["measurements"]["trial"] is None
    assert record["measurements"]["agent_join"] > 0
    assert record["left_behind"] == []
    assert record["room"] not in await rooms(stack)


async def test_a_product_described_by_yaml_alone_is_entered_and_its_trial_taken_back(
    stack: ReferenceStack, tmp_path: Path
) -> None:
    async with foreign_product(stack.server, stack.worker.agent_name) as (product, origin):
        (record,) = await run(moved("foreign-flow", origin), stack, tmp_path, "--scenario", "join")
    assert record["outcome"] == "pass"
    assert record["measurements"]["trial"] > 0
    assert (product.trials, len(product.ended)) == ({}, 1)
    assert record["left_behind"] == []
