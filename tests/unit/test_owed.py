from prober.child.messages import CleanUp, Order, Owes
from prober.child.owed import left_behind, still_owed
from prober.core.events import CleanedUp
from prober.core.plan import DirectEntry, Expectations, Plan, Step, TrialEntry
from prober.core.templates import Known

END = Step(name="end", method="DELETE", url="https://h/{{ trial }}?key={{ key }}")
NOTE = Step(name="note", method="POST", url="https://h/notes/{{ note }}")
ENTRY = TrialEntry(steps=(Step(name="one", method="GET", url="https://h/"),), email="", cleanup=(END, NOTE))
ORDER = Order(
    plan=Plan(run_id="r", target="shop", entry=ENTRY, expectations=Expectations()), secrets={"key": "s3cr3t-value"}
)
OWES = Owes(room="room-1", trial=Known(variables={"trial": "t-7"}, cookies=(("https://h/", "sid=1"),)))


def told(resource: str, name: str) -> CleanedUp:
    return CleanedUp(at=1.0, resource=resource, name=name, ok=True, detail="done")  # type: ignore[arg-type]


def names(owed: CleanUp | None) -> list[tuple[str, str]]:
    return [] if owed is None else [(event.resource, event.name) for event in left_behind(owed)]


def test_what_was_never_known_is_not_owed() -> None:
    assert names(still_owed(ORDER, OWES, [])) == [("trial", "end"), ("room", "room-1")]
    assert still_owed(ORDER, Owes(), []) is None
    assert still_owed(ORDER, Owes(trial=Known()), []) is None


def test_what_the_dead_child_took_away_is_not_owed_any_more() -> None:
    assert names(still_owed(ORDER, OWES, [told("room", "room-1")])) == [("trial", "end")]
    assert names(still_owed(ORDER, OWES, [told("trial", "end")])) == [("room", "room-1")]
    assert still_owed(ORDER, OWES, [told("room", "room-1"), told("trial", "end")]) is None


def test_the_direct_way_owes_its_room() -> None:
    plan = Plan(run_id="r", target="shop", entry=DirectEntry(url="wss://h", agent_name=""), expectations=Expectations())
    assert names(still_owed(Order(plan=plan), Owes(room="room-1"), [])) == [("room", "room-1")]


def test_nothing_secret_is_shown() -> None:
    shown = repr((ORDER, OWES, still_owed(ORDER, OWES, [])))
    assert "s3cr3t" not in shown
    assert "sid=1" not in shown
    assert "t-7" not in shown
