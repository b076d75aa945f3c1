"""A configuration for people: the effective one as YAML without its secrets, and what it comes to a day. Pure."""

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from prober import USER_AGENT
from prober.config.expected import expectations, timeout
from prober.config.hiding import HIDDEN, shown_url, without_secrets
from prober.config.loading import Loaded
from prober.config.models import Conversation, Join, Target
from prober.config.orders import agent_log
from prober.config.promises import promised
from prober.config.reading import FLOAT, FLOAT_TAG
from prober.config.secrets import SUFFIX
from prober.config.values import Model
from prober.config.ways import allowed
from prober.core.entries import SANDBOX_URL
from prober.core.plan import DirectEntry, Greeting, TrialEntry
from prober.limits import DAY, STDIN

AROUND = 2.0
"""Seconds that an agent is in a call beside what happens there: its coming, our leaving."""
GREETS = 5.0
"""Seconds taken for a greeting and the silence after it."""
ANSWERS = 4.0
"""Seconds taken for an answer: its response and as much of it as is heard."""


def effective(loaded: Loaded) -> str:
    """The whole configuration with its defaults as YAML, which loads again once the hidden secrets are given again."""
    shown = _plain(loaded.config)
    for name, target in shown["targets"].items():
        _hide(target, loaded.file.absolute().parent)
        if (key := loaded.secrets[name].key) is not None:
            target["livekit"]["url"] = key.url
        meant = loaded.config.targets[name]
        if (log := agent_log(meant, loaded.file)) is not None:
            target["agent_log"] = log
        target["marking"] = _marks(meant, loaded.ways[name]) | target["marking"]
        for way in target["entry"].values():
            if not way.get("session", True):
                del way["session"]  # all of it is found in the answer
            for part in (way, *way.get("steps", ()), *way.get("cleanup", ())):
                named = part.keys() & {"headers", "form", "json", "session"}
                part.update({key: without_secrets(part[key]) for key in named})
                if "url" in part:
                    part["url"] = shown_url(part["url"])
        for scenario, each in meant.scenarios.all().items():
            known = {
                "timeout": timeout(scenario, each),
                "objectives": expectations(meant, scenario, each).objectives,
                "slo": {goal.name: goal.percent for goal in promised(name, meant, scenario, each)},
            }
            here = _plain(each.model_copy(update=known))
            target["scenarios"][scenario.value] = here
            for turn in here.get("turns", ()):
                what = "say" if "say" in turn else "interrupt"
                turn[what] = loaded.sentences.places[turn[what]]
                turn.setdefault("reply_within", target["deadlines"]["reply_within"])
    shown["connectivity"] = [shown_url(anchor) for anchor in shown["connectivity"]]
    return as_yaml(shown)


def _hide(target: dict[str, Any], directory: Path) -> None:
    """Show where secrets are, and not what they are."""
    for secrets in (target["secrets"], target.get("livekit", {})):
        for key, given in secrets.items():
            if key.endswith(SUFFIX):
                secrets[key] = str(directory / given)
            elif key != "url":
                secrets[key] = HIDDEN


def _marks(target: Target, way: TrialEntry | DirectEntry) -> dict[str, Any]:
    """What tells the traffic of its runs from customers', as far as its way in carries marks."""
    marks: dict[str, Any] = {"user_agent": USER_AGENT}
    if isinstance(way, DirectEntry):
        return marks | {"identity": way.identity, "attributes": way.attributes}
    if target.entry.token_endpoint is None:
        return marks | {"email": way.email}
    asked = way.steps[0].json or {}  # a GET asks for nothing
    carried = {"identity": "participant_identity", "attributes": "participant_attributes"}
    return marks | {mark: asked[name] for mark, name in carried.items() if name in asked}


def as_yaml(document: dict[str, Any]) -> str:
    """The document as YAML that reads the same by the rules of 1.1 and of 1.2."""
    text, escaped = (
        str(yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=unicode, width=120))
        for unicode in (True, False)
    )
    return text if text.replace("\n", "").isprintable() else escaped  # PyYAML leaves turned text as it is


class _Dumper(yaml.SafeDumper):
    """PyYAML's, which quotes also what only YAML 1.2 takes for a number."""


_Dumper.add_implicit_resolver(FLOAT_TAG, FLOAT, list("-+0123456789."))


def _plain(model: Model) -> dict[str, Any]:
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


def overview(loaded: Loaded) -> Iterator[str]:
    """Per target: its way in, its scenarios and what they come to a day, and what is worth knowing."""
    for name, target in loaded.config.targets.items():
        yield name
        yield f"  {'entry':13} {_entry(loaded, name, target)}"
        minutes = 0.0
        for scenario, each in target.scenarios.all().items():
            runs, lasts = DAY / each.interval, agent_seconds(each, loaded)
            minutes += runs * lasts / 60
            yield (
                f"  {scenario:13} every {each.interval:g} s, {timeout(scenario, each):g} s at most: "
                f"{runs:.0f} runs a day, about {runs * lasts / 60:.0f} agent minutes"
            )
        yield from (f"  note          {words}" for words in _notes(loaded, target, minutes))
    if not loaded.config.connectivity:
        yield "note: no `connectivity`: that the prober itself is offline will look like the targets' failure."


def agent_seconds(each: Join | Conversation, loaded: Loaded) -> float:
    """About how long a good run keeps an agent."""
    if isinstance(each, Join):
        return AROUND + each.hold
    said = sum(loaded.sentences.seconds.get(turn.sentence, 0.0) + ANSWERS for turn in each.turns)
    return AROUND + (0.0 if each.greeting is Greeting.NONE else GREETS) + said


def _entry(loaded: Loaded, name: str, target: Target) -> str:
    entry, key = target.entry, loaded.secrets[name].key
    if entry.token_endpoint is not None:
        return f"token endpoint {_bare(entry.token_endpoint.url or SANDBOX_URL)}"
    if entry.trial is None:
        return f"direct, by API key of {'' if key is None else key.url}"
    if entry.trial.url is not None:
        return f"trial, the usual flow behind {_bare(entry.trial.url)}"
    undone = [f"{step.name} (clean-up)" for step in entry.trial.cleanup]
    return f"trial: {', '.join([*(step.name for step in entry.trial.steps or ()), *undone])}"


def _bare(url: str) -> str:
    """The URL without its user, query and fragment, in which somebody may have written a secret after all."""
    return re.split("[?#]", shown_url(url), maxsplit=1)[0]


def _unread(log: str) -> str | None:
    """Why a run would not learn anything from this log, as things are now."""
    if log == STDIN:
        return None
    try:
        mode = Path(log).stat().st_mode
    except FileNotFoundError:
        return "is not there yet" if Path(log).parent.is_dir() else "is not there yet, nor is its folder"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if not stat.S_ISREG(mode):
        return "is a folder, not a file" if stat.S_ISDIR(mode) else "is no file"
    return None if os.access(log, os.R_OK) else "may not be read by who you are"


def _notes(loaded: Loaded, target: Target, minutes: float) -> Iterator[str]:
    log = agent_log(target, loaded.file)
    if log is not None and (unread := _unread(log)) is not None:
        yield f"the agent's log {log} {unread}."
    conversation = target.scenarios.conversation
    turns = () if conversation is None else conversation.turns
    for sentence in dict.fromkeys(turn.sentence for turn in turns):
        if sentence in loaded.sentences.computed:
            yield f"{sentence} has no sidecar: where speech begins and ends in it is computed before each run."
    if conversation is not None and any(turn.interrupt is not None for turn in turns):
        longest = conversation.warm_up + max(turn.after for turn in turns if turn.after is not None)
        yield f"what is interrupted must last more than {longest:g} s (`warm_up` and `after`), or nobody is."
    budget = target.budget
    if budget is not None and minutes > budget.agent_minutes_per_day:
        yield f"about {minutes:.0f} agent minutes a day are more than the budget of {budget.agent_minutes_per_day:g}."
    if target.livekit is None:
        yield "no `livekit` key: rooms are left to end as the product ends them."
        if target.agent_log is None:
            yield "neither `livekit` nor `agent_log`: a run can tell that no agent came, and not why."
        yield f"LiveKit may be at {', '.join(allowed(target, None).hosts)}; `allow` takes more hosts."
