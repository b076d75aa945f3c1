"""The table of faults is whole: each has its words, each reason its fault, and the agent knows its own."""

import ast
import re
from pathlib import Path

import pytest

from prober.core.reasons import Reason
from prober.refstack import faults as table
from prober.refstack.effects import EFFECTS
from prober.refstack.faults import Effect, Fault, Needs, Place
from prober.refstack.shows import BRISK, HEALTHY
from tests.stack.fault_cells import LONG, cells

AGENT = Path(table.__file__).with_name("agent_faults.py")
WORKER = AGENT.with_name("broken_worker.py")
DOCUMENT = Path(__file__).parents[2] / "docs" / "faults.md"


def test_each_fault_is_told_in_whole_sentences() -> None:
    assert set(EFFECTS) == set(Fault)
    for effect in EFFECTS.values():
        assert effect.customer.endswith(".")


@pytest.mark.parametrize("reason", Reason)
def test_each_reason_has_a_fault_that_brings_it_about(reason: Reason) -> None:
    assert reason in {effect.expected for effect in EFFECTS.values()}


def test_each_phase_can_be_too_slow() -> None:
    assert {effect.missed for effect in EFFECTS.values() if effect.place is Place.SLOW} == set(BRISK)
    for effect in EFFECTS.values():
        assert effect.missed is None or effect.missed in effect.shown.expectations.objectives


def test_a_run_says_as_much_as_it_expects_answers_to() -> None:
    for shown in (*HEALTHY.values(), *(effect.shown for effect in EFFECTS.values())):
        assert len(shown.say) == len(shown.expectations.turns)


def known_to(program: Path) -> set[object]:
    """Read and not imported: the agent has an environment of its own."""
    tree = ast.parse(program.read_text(encoding="utf-8"))
    tables = [node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)]
    (names,) = [
        node.value.keys
        for node in tables
        if isinstance(node.value, ast.Dict) and ast.unparse(node).startswith("FAULTS")
    ]
    return {name.value for name in names if isinstance(name, ast.Constant)}


def test_the_agent_knows_its_faults() -> None:
    assert known_to(AGENT) == {None, *(fault.value for fault, effect in EFFECTS.items() if effect.in_agent)}


def test_the_broken_worker_knows_its_faults() -> None:
    assert known_to(WORKER) == {fault.value for fault, effect in EFFECTS.items() if effect.needs is Needs.WORKER}


def test_what_only_the_matrix_runs_has_one_of_its_kind_among_the_tests() -> None:
    def kind(effect: Effect) -> tuple[Place, Needs | None]:
        return effect.place, effect.needs

    tested = {kind(cell.effect) for cell in cells() if cell.fault not in LONG}
    assert {kind(EFFECTS[fault]) for fault in LONG} <= tested


@pytest.mark.parametrize("fault", Fault)
def test_the_document_is_of_this_table(fault: Fault) -> None:
    effect = EFFECTS[fault]
    row = f"| `{fault}` | {effect.customer} | {effect.verdict} | {effect.cause or '-'} | "
    found = re.search(re.escape(row) + r"(\d+) of (\d+) \| [\d.-]+ \|$", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    assert found is not None, "make faults"
    assert found[1] == found[2]
