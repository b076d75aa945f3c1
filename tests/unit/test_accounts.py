import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.core.accounts import agent_seconds, cleanup_seconds, left_behind, missed
from prober.core.events import AgentJoined, AnyEvent, CleanedUp, Stopped
from prober.core.measure import OBJECTIVES
from prober.core.reasons import Outcome
from prober.core.record import RunRecord, derive
from prober.sinks.text import objectives
from tests.exposition import adding, later, with_objectives
from tests.golden.regenerate import GOLDEN, read
from tests.timelines import CONVERSATION, HEAD, conversation

PASS, JOIN, ABSENT, LEFT, UNANSWERED, CRASH, REJECTED = (
    with_objectives(read(GOLDEN / f"{name}.json"))
    for name in (
        *("pass_conversation", "pass_join", "agent_absent", "agent_left", "agent_no_response"),
        *("prober_crash", "trial_rejected"),
    )
)


def cleaned(at: float, *, resource: str = "room", ok: bool = True) -> AnyEvent:
    return CleanedUp(at=at, resource=resource, name="trial_1_a", ok=ok, detail="")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("record", "names"),
    [
        (PASS, ()),
        (later(JOIN, 11.0), ("agent_join",)),
        (ABSENT, ("agent_join", "response")),
        (REJECTED, ("agent_join", "response")),
        (UNANSWERED, ("response",)),
        (CRASH, ()),
    ],
    ids=["worked", "late", "nobody came", "refused", "no answer", "our own crash"],
)
def test_what_was_missed(record: RunRecord, names: tuple[str, ...]) -> None:
    expected = {name for name in names if name in record.expectations.objectives}
    assert set(missed(record)) == expected


@pytest.mark.parametrize("record", [PASS, later(JOIN, 11.0), ABSENT, UNANSWERED, CRASH])
def test_people_read_of_each_objective_what_was_counted(record: RunRecord) -> None:
    said = dict(zip((one.name for one in record.objectives), objectives(record), strict=True))
    assert {name for name, words in said.items() if words.startswith("missed")} == set(missed(record))


def test_a_run_that_worked_misses_nothing_that_it_could_not_measure() -> None:
    void = read(GOLDEN / "interruption_followed_by_an_answer.json")
    assert void.outcome is Outcome.PASS
    assert any(reading.void for reading in void.prober.turns)
    assert missed(with_objectives(void)) == ()


def test_an_agent_is_paid_for_from_its_coming_until_we_leave() -> None:
    assert agent_seconds(JOIN) == pytest.approx(3.95 - 0.8)
    assert agent_seconds(LEFT) == pytest.approx(2.0 - 0.8)
    assert agent_seconds(CRASH) == pytest.approx(3.2 - 0.8)
    assert agent_seconds(ABSENT) == agent_seconds(REJECTED) == 0.0
    second = AgentJoined(at=1.8, identity="agent-AJ_2", name="other", before_us=False)
    assert agent_seconds(adding(JOIN, second)) == pytest.approx(3.95 - 0.8 + 3.95 - 1.8)


def test_a_clean_up_lasts_until_all_of_it_is_done() -> None:
    assert cleanup_seconds(JOIN) is None
    assert cleanup_seconds(adding(JOIN, cleaned(4.2), cleaned(4.95, resource="trial"))) == pytest.approx(1.0)
    assert cleanup_seconds(adding(JOIN, cleaned(4.2), cleaned(4.95, resource="trial", ok=False))) is None
    assert cleanup_seconds(adding(REJECTED, cleaned(0.5))) is None  # nobody left who never came
    assert cleanup_seconds(adding(JOIN, cleaned(4.2), cleaned(9.0, resource="recording"))) == pytest.approx(0.25)


def test_what_is_left_behind() -> None:
    failed = [cleaned(4.2, resource=resource, ok=False) for resource in ("room", "recording", "trial")]
    assert left_behind(adding(JOIN, *failed, cleaned(4.4))) == ("room", "trial")


@given(
    events=st.lists(
        st.sampled_from(
            (*conversation(), cleaned(20.0), Stopped(at=3.0, reason=LEFT.reason, detail=""))  # type: ignore[arg-type]
        ),
        max_size=40,
    )
)
def test_whatever_a_timeline_holds_no_time_is_negative(events: list[AnyEvent]) -> None:
    limits = dict.fromkeys(OBJECTIVES, 1.0)
    record = derive(HEAD, msgspec.structs.replace(CONVERSATION, objectives=limits), tuple(events))
    assert agent_seconds(record) >= 0.0
    assert (cleanup_seconds(record) or 0.0) >= 0.0
    assert set(missed(record)) <= limits.keys()
