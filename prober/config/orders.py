"""A configuration's scenarios as orders for runs."""

import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path

from prober.child.messages import Order
from prober.config.expected import expectations
from prober.config.loading import Loaded
from prober.config.models import Conversation, Join, Target
from prober.config.ways import allowed
from prober.config.words import near
from prober.core.plan import Plan, Scenario
from prober.limits import STDIN


class NothingToRunError(Exception):
    """No scenario of the configuration is meant; the message says what there is."""


def orders(loaded: Loaded, targets: Sequence[str] = (), scenario: Scenario | None = None) -> list[Order]:
    """One run of each scenario of each of these targets, default all. Raises NothingToRunError.

    A shard that has no targets has nothing to run, and that is no error.
    """
    known = loaded.config.targets
    for name in targets:
        if name not in known:
            raise NothingToRunError(f"{loaded.file} has no target '{name}'. {near(name, known)}")
    chosen = [name for name in known if not targets or name in targets]
    made = list(_orders(loaded, chosen, scenario))
    if chosen and not made:
        raise NothingToRunError(f"no target of {loaded.file} that is meant has the scenario {scenario}.")
    return made


def agent_log(target: Target, file: Path) -> str | None:
    """Where the agent's log is, by a path that holds wherever one stands."""
    given = target.agent_log
    return given if given in {None, STDIN} else str(file.absolute().parent / given)


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
    return Order(plan=plan, key=secrets.key, secrets=dict(secrets.variables), agent_log=agent_log(target, loaded.file))
