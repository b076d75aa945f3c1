"""Somebody who types what a document says, in order, in a folder that is like a fresh clone.

What is typed is translated in three ways only, all of them here: where things are (addresses, ports), what a product of
nobody's is (`make demo` is the canary on the stack that is up already), and what merely takes long.
"""

import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import yaml
from yarl import URL

from prober.refstack.process import Program
from prober.refstack.stack import ReferenceStack
from tests.alerting import found, free_port, in_a_hurry
from tests.blocks import ROOT, Block
from tests.stack.test_examples import moved
from tests.stack.watch_journal import TARGET, configuration

WITHIN = 60.0
SCENARIOS = "{join: {interval: 5, timeout: 5, hold: 0}}"
DEADLINES = (
    "{trial_step: 3, trial: 3, room_join: 3, agent_join: 3, agent_ready: 3, greeting_within: 3, reply_within: 3}"
)
"""Of the canary that stands for the demo's, in a hurry."""
GRACE = 30.0
OWN = frozenset({"deploy", "examples", ".git"})
"""What a reader gets as a translated copy, or not at all; everything else in the clone is ours."""


class Reader:
    """One reader, who begins with a clone, a configuration of this product and a recording."""

    def __init__(self, stack: ReferenceStack, folder: Path) -> None:
        self._folder, self._log = folder, folder / "terminals.log"
        canary, pager = (f"127.0.0.1:{free_port()}" for _ in range(2))
        self._translations = {
            "make demo": f"livekit-prober watch --listen {canary} --config demo/prober.yaml --db demo/history.db",
            "livekit-prober watch --config": f"livekit-prober watch --listen {canary} --config",
            "examples/pager.py": f"examples/pager.py {URL.build(authority=pager).port}",
            "127.0.0.1:8000": pager,
            "127.0.0.1:9765": canary,
            "127.0.0.1:9090": f"127.0.0.1:{free_port()}",
            "127.0.0.1:9093": f"127.0.0.1:{free_port()}",
            "prometheus-alertmanager ": f"{found('prometheus-alertmanager')} ",
            "--repeat 3 --require 2": "--repeat 1",
        }
        self._environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "COLUMNS": "80",
            "XDG_STATE_HOME": str(folder / "state"),
            "LIVEKIT_URL": stack.server.url,
            "LIVEKIT_API_KEY": stack.server.api_key,
            "LIVEKIT_API_SECRET": stack.server.api_secret,
        }
        self._clone(stack)

    async def read(self, page: Sequence[Block]) -> None:
        """Type every block of a page; an error names the one that did not do what it promised."""
        async with AsyncExitStack() as terminals:
            terminal: Program | None = None
            for block in page:
                try:
                    if block.mark == "up":
                        terminal = await terminals.enter_async_context(self._terminal(block.text))
                    else:
                        await self._typed(block)
                    if block.mark is not None:
                        assert terminal is not None, "nothing is up"
                        await terminal.wait_for_line(_says(block.words), WITHIN)
                except Exception as error:
                    raise AssertionError(f"{block.name}: {error}") from error

    def told(self) -> list[str]:
        """Every line that the terminals which were up have printed, in order."""
        return self._log.read_text(encoding="utf-8").splitlines()

    async def type(self, text: str, environment: dict[str, str] | None = None) -> str:
        """What these commands print; they have to end with exit code 0."""
        shell = await asyncio.create_subprocess_exec(
            *("sh", "-euc", self._translated(text)),
            cwd=self._folder,
            env=self._environment | (environment or {}),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await shell.communicate()
        assert shell.returncode == 0, f"exit code {shell.returncode}\n{output.decode()}"
        return output.decode()

    async def _typed(self, block: Block) -> None:
        if block.language == "sh":
            await self.type(block.text)
            return
        for shown in block.text.split("$ ")[1:]:
            command, _, output = shown.partition("\n")
            assert await self.type(command) == output

    def _terminal(self, text: str) -> Program:
        script = f"cd '{self._folder}'\n{self._translated(text)}"
        return Program(["sh", "-euc", script], env=self._environment, log=self._log, grace=GRACE)

    def _translated(self, text: str) -> str:
        for theirs, ours in self._translations.items():
            text = text.replace(theirs, ours)
        return text

    def _clone(self, stack: ReferenceStack) -> None:
        for entry in ROOT.iterdir():
            if entry.name not in OWN:
                (self._folder / entry.name).symlink_to(entry)
        shutil.copytree(ROOT / "deploy", self._folder / "deploy")
        for file in (self._folder / "deploy").rglob("*.yml"):
            document = yaml.safe_load(self._translated(file.read_text(encoding="utf-8")))
            file.write_text(yaml.safe_dump(in_a_hurry(document)), encoding="utf-8")
        (self._folder / "examples").mkdir()
        shutil.copy(ROOT / "examples" / "pager.py", self._folder / "examples")
        for name in ("trial", "incident"):
            document = moved(name, stack.trial_url)
            for target in document["targets"].values():  # a machine of any speed
                for judged in (target, *target["scenarios"].values()):
                    judged.pop("objectives", None)
            (self._folder / "examples" / f"{name}.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
        shutil.copy(self._folder / "examples" / "trial.yaml", self._folder / "prober.yaml")
        shutil.copy(ROOT / "fixtures" / "audio" / "es-hours.wav", self._folder / "hola.wav")
        (self._folder / "demo").mkdir()
        demo = configuration(stack, self._folder / "demo", SCENARIOS, DEADLINES)
        document = yaml.safe_load(demo.read_text(encoding="utf-8"))
        del document["targets"][TARGET]["livekit"]  # with the key a run waits 3 s longer for an agent that is late
        demo.write_text(yaml.safe_dump(document), encoding="utf-8")


def _says(words: str) -> Callable[[str], bool]:
    return lambda line: words in line
