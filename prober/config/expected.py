"""What the runs of a target's scenario are judged by, every default filled in. Pure."""

import msgspec

from prober.config.models import Conversation, Join, Target, Turn
from prober.core.measure import MEASURED
from prober.core.plan import TIMEOUTS, BargeIn, Deadlines, Expectations, Scenario, TurnPlan


def timeout(scenario: Scenario, each: Join | Conversation) -> float:
    """Seconds for a whole run: as given, else the smaller of the usual and the interval."""
    return min(TIMEOUTS[scenario], each.interval) if each.timeout is None else each.timeout


def reply_within(turn: Turn, target: Target) -> float:
    """Seconds by which a turn's answer begins."""
    return target.deadlines.reply_within if turn.reply_within is None else turn.reply_within


def measured(scenario: Scenario, each: Join | Conversation, target: Target) -> frozenset[str]:
    """The measurements that runs of this scenario can have."""
    found = MEASURED[scenario]
    if isinstance(each, Conversation) and any(turn.interrupt is not None for turn in each.turns):
        found |= {"yield_time"}
    return found - {"trial"} if target.entry.direct is not None else found


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
