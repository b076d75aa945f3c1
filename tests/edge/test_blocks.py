"""Every block of every document is of a kind that the tests know, and all commands in them are ones that there are.

`tests/stack/test_documents.py` runs them.
"""

import json
import re
import shlex
import subprocess
from pathlib import Path

import click
import pytest
import yaml

from prober.cli import main
from tests.blocks import COMMANDS, DOCUMENTS, MARKS, ROOT, SHOWN, Block, blocks

BLOCKS = [block for path in DOCUMENTS for block in blocks(path)]
OF_COMMANDS = [block for block in BLOCKS if block.language in COMMANDS]
IN_THE_RUNBOOK = re.findall(r"`(livekit-prober [^`]+)`", (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8"))
OURS = sorted(
    {command for block in OF_COMMANDS for command in block.commands() if command.startswith("livekit-prober ")}
    | set(IN_THE_RUNBOOK)
)
VERBS = sorted({command for block in OF_COMMANDS for command in block.commands() if command.startswith("make ")})


def named(those: list[Block]) -> list[object]:
    return [pytest.param(block, id=block.name) for block in those]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_block_is_overlooked(path: Path) -> None:
    fences = re.findall(r"^ *```", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(fences) == 2 * len(list(blocks(path)))


@pytest.mark.parametrize("block", named(BLOCKS))
def test_every_block_says_what_it_is(block: Block) -> None:
    assert block.language in {*COMMANDS, *SHOWN}
    if block.mark is not None:
        assert block.language in COMMANDS
        assert block.mark in MARKS
        assert len(block.words.split()) >= (4 if block.mark == "not run" else 1), "why is it not run?"


@pytest.mark.parametrize("block", named([block for block in BLOCKS if block.language not in COMMANDS]))
def test_what_is_shown_is_what_it_says(block: Block) -> None:
    match block.language:
        case "yaml":
            assert yaml.safe_load(block.text)
        case "json":
            assert json.loads(block.text)
        case "text":
            assert not re.search(r"^(\$ |livekit-prober |make |curl |kubectl |docker )", block.text, re.MULTILINE)


@pytest.mark.parametrize("block", named(OF_COMMANDS))
def test_every_block_of_commands_is_understood_by_the_shell(block: Block) -> None:
    text = block.text if block.language == "sh" else "\n".join(block.commands())
    subprocess.run(["sh", "-n"], input=text, text=True, check=True, capture_output=True)


@pytest.mark.parametrize("command", OURS)
def test_every_command_of_ours_takes_what_it_is_given(command: str) -> None:
    found: click.Command | None = main
    context = click.Context(main)
    _, left_over, _ = main.make_parser(context).parse_args(shlex.split(re.sub(r"\$\(.*?\)", "value", command))[1:])
    while isinstance(found, click.Group) and left_over:
        name, found, words = found.resolve_command(context, left_over)
        assert found is not None
        context = click.Context(found, parent=context, info_name=name)
        _, left_over, _ = found.make_parser(context).parse_args(words)
    assert left_over == []


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_one_of_make_s(verb: str) -> None:
    known = re.findall(r"^([a-z0-9-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert verb.split()[1] in known
