"""A configuration's scenarios as orders for runs."""

import uuid
from collections.abc import Iterable, Sequence

import msgspec

from prober.child.messages import Order
from prober.config.loading import Loaded
from prober.config.models import Conversation, Join, Target, Turn
from prober.config.rules import measured, reply_within, timeout
from prober.config.ways import allowed
from prober.config.words import near
from prober.core.plan import BargeIn, Deadlines, Expectations, Plan, Scenario, TurnPlan


class NothingToRunError(Exception):
    """No scenario of the configuration is meant; the message says what there is."""


def orders(loaded: Loaded, targets: Sequence[str] = (), scenario: Scenario | None = None) -> list[Order]:
    """One run of each scenario of each of these targets, default all. Raises NothingToRunError."""
    known = loaded.config.targets
    for name in targets:
        if name not in known:
            raise NothingToRunError(f"{loaded.file} has no target '{name}'. {near(name, known)}")
    chosen = [name for name in known if not targets or name in targets]
    made = list(_orders(loaded, chosen, scenario))
    if not made:
        raise NothingToRunError(f"no target of {loaded.file} that is meant has the scenario {scenario}.")
    return made


def _orders(loaded: Loaded, targets: Iterable[str], wanted: Scenario | None) -> Iterable[Order]:
    for name in targets:
        target = loaded.config.targets[name]
        for scenario, each in target.scenarios.all().items():
            if wanted in {None, scenario}:
                yield _order(loaded, name, target, scenario, each)


def _order(loaded: Loaded, name: str, target: Target, scenario: Scenario, each: Join | Conversation) -> Order:
    secrets = loaded.secrets[name]
    turns = each.turns if isinstance(each, Conversation) else ()
    plan = Plan(
        run_id=uuid.uuid4().hex[:16],
        target=name,
        entry=loaded.ways[name],
        expectations=expectations(target, scenario, each),
        say=tuple(loaded.sentences.places[turn.sentence] for turn in turns),
        allowed=allowed(target, None if secrets.key is None else secrets.key.url),
        anchors=loaded.config.connectivity,
        user_agent=target.marking.user_agent,
    )
    return Order(plan=plan, key=secrets.key, secrets=dict(secrets.variables))


def expectations(target: Target, scenario: Scenario, each: Join | Conversation) -> Expectations:
    """What a run of this scenario is judged by."""
    due, limits = target.deadlines, target.objectives | each.objectives
    common = Expectations(
        scenario=scenario,
        ready=target.ready,
        objectives={name: limits[name] for name in limits if name in measured(scenario, each, target)},
        deadlines=Deadlines(
            trial_step=due.trial_step,
            trial=due.trial,
            room_join=due.room_join,
            agent_join=due.agent_join,
            agent_ready=due.agent_ready,
            greeting=due.greeting_within,
            run=timeout(scenario, each),
        ),
    )
    if isinstance(each, Join):
        return msgspec.structs.replace(common, hold=each.hold)
    return msgspec.structs.replace(
        common,
        greeting=each.greeting,
        interruption=each.interruption,
        warm_up=each.warm_up,
        turns=tuple(_turn(turn, target) for turn in each.turns),
    )


def _turn(turn: Turn, target: Target) -> TurnPlan:
    return TurnPlan(
        reply_within=reply_within(turn, target),
        expect_text=turn.expect_text,
        barge_in=None
        if turn.after is None or turn.yield_within is None
        else BargeIn(after=turn.after, within=turn.yield_within),
    )
