"""The examples as committed, but for their hosts, run by the command on the reference stack."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from prober.config.reading import read
from prober.refstack.stack import ReferenceStack

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]

EXAMPLES = Path(__file__).parents[2] / "examples"


def moved(name: str, stack: ReferenceStack) -> dict[str, Any]:
    """The example with the stack in place of its product."""
    text = json.dumps(read(EXAMPLES / f"{name}.yaml").value).replace("https://shop.example.com", stack.trial_url)
    document: dict[str, Any] = json.loads(text)
    for target in document["targets"].values():
        target["allow"] = {"hosts": ["127.0.0.1"], "private_addresses": True, "plaintext": True}
    return document


async def run(document: dict[str, Any], stack: ReferenceStack, directory: Path, *arguments: str) -> list[Any]:
    """The records of `run --config` in a process of its own; each run worked."""
    file, kept = directory / "prober.yaml", directory / "runs"
    file.write_text(yaml.safe_dump(document))
    secrets = {
        "LIVEKIT_URL": stack.server.url,
        "LIVEKIT_API_KEY": stack.server.api_key,
        "LIVEKIT_API_SECRET": stack.server.api_secret,
    }
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "prober.cli", "run", "--config", str(file), "--record", str(kept), *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=os.environ | secrets,
    )
    output, _ = await program.communicate()
    assert program.returncode in {0, 3}, output.decode()  # 3: slower than an objective, on a machine of any speed
    return [json.loads(path.read_bytes()) for path in kept.glob("*.json")]


@pytest.mark.parametrize("name", ["trial", "incident"])
async def test_an_example_runs(name: str, stack: ReferenceStack, tmp_path: Path) -> None:
    records = await run(moved(name, stack), stack, tmp_path)
    assert sorted(record["scenario"] for record in records) == ["conversation", "join"]
    assert {record["outcome"] for record in records} == {"pass"}
    assert all(record["measurements"]["time_to_ready"] > 0 for record in records)
    assert {record["reason"] for record in records} == {None}


async def test_the_direct_example_runs(stack: ReferenceStack, tmp_path: Path) -> None:
    document = moved("direct", stack)
    document["targets"]["receptionist"]["entry"]["direct"]["agent_name"] = "reference-agent"
    (record,) = await run(document, stack, tmp_path, "receptionist", "--scenario", "join")
    assert record["outcome"] == "pass"
    assert record["room"].startswith("synthetic-receptionist-")
    assert record["measurements"]["trial"] is None
    assert record["left_behind"] == []
