"""Can a customer talk to an agent now? The answer for a scenario and for a target, in one sentence. Pure.

Good is only what was judged, and lately. A failure stands until a run passes, or until nothing was judged for too long:
a run that could not be judged takes the certainty from a pass, but ends no outage.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType

import msgspec

from prober.core.plan import Scenario
from prober.core.reasons import WORDS, Outcome
from prober.sinks.entries import Entry
from prober.watch.schedule import SkipReason
from prober.watch.status import LineStatus
from prober.watch.web.pages.moments import ended, span

OUTAGE = 3
"""Failures in a row that are no hiccup: where the alert begins."""
PATIENCE = 3
"""Intervals without a judged run after which nothing is known any more; the alert for it counts the same."""


class Tone(StrEnum):
    """What kind of answer, in the order in which a target's scenarios outweigh each other."""

    BAD = "bad"
    UNKNOWN = "unknown"
    SLOW = "slow"
    GOOD = "good"


SAID: Mapping[Tone, str] = MappingProxyType(
    {Tone.GOOD: "Yes", Tone.SLOW: "Slowly", Tone.BAD: "No", Tone.UNKNOWN: "Unknown"}
)
_ORDER = tuple(Tone)
_WORKS = {
    Scenario.JOIN: "An agent joins the call and stays.",
    Scenario.CONVERSATION: "An agent joins the call and answers.",
}
_CLOSED = {
    SkipReason.MAINTENANCE: "a maintenance window is open",
    SkipReason.BUDGET: "today's budget of agent minutes is spent",
}
_ONLY_JOIN = "An agent joins the call. Whether it answers, no scenario asks."


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The answer, why, and what to look at; `run_id` is the run that says so."""

    tone: Tone
    sentence: str
    detail: str = ""
    look: str | None = None
    run_id: str | None = None

    @property
    def word(self) -> str:
        """Yes, no, or something between."""
        return SAID[self.tone]


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Targets of which the same is said."""

    tone: Tone
    names: tuple[str, ...]

    @property
    def word(self) -> str:
        """What is said of them."""
        return SAID[self.tone]


def of_line(line: LineStatus, now: float, since: float) -> Answer:
    """What this scenario says at `now` (Unix time), of a canary that is up `since` then."""
    unknown = _unknown(line, now, since)
    judged = line.last_judged
    if unknown is not None or judged is None:
        return Answer(
            tone=Tone.UNKNOWN,
            sentence=unknown or "No run was judged.",
            detail="" if judged is None else f"{span(now - ended(judged))} ago a run {_verb(judged)}.",
            run_id=None if line.last is None else line.last.run_id,
        )
    if judged.outcome == Outcome.FAIL:
        return Answer(
            tone=Tone.BAD,
            sentence=line.message or _meaning(judged),
            detail=_failing(line, now),
            look=line.look,
            run_id=judged.run_id,
        )
    missed = missed_objectives(judged, line.objectives)
    ago = f"The last run passed {span(now - ended(judged))} ago."
    if missed:
        sentence = f"{_WORKS[line.key.scenario][:-1]}, but slower than its objective: {', '.join(missed)}."
        return Answer(tone=Tone.SLOW, sentence=sentence, detail=ago, run_id=judged.run_id)
    return Answer(tone=Tone.GOOD, sentence=_WORKS[line.key.scenario], detail=ago, run_id=judged.run_id)


def of_target(answers: Mapping[Scenario, Answer]) -> Answer:
    """What all scenarios of a target say together: the worst of them; of what is not known, which."""
    scenario, worst = min(answers.items(), key=lambda one: _ORDER.index(one[1].tone))
    if worst.tone is Tone.UNKNOWN and any(answer.sentence != worst.sentence for answer in answers.values()):
        return msgspec.structs.replace(worst, sentence=f"{scenario.capitalize()}: {worst.sentence}")
    if Scenario.CONVERSATION not in answers and worst.tone is Tone.GOOD:
        return msgspec.structs.replace(worst, sentence=_ONLY_JOIN)
    if worst.tone is Tone.GOOD:
        return answers[Scenario.CONVERSATION]
    return worst


def groups(targets: Sequence[tuple[str, Answer]]) -> tuple[Group, ...]:
    """The targets by what is said of them, the worst first."""
    found = {tone: tuple(name for name, answer in targets if answer.tone is tone) for tone in Tone}
    return tuple(Group(tone=tone, names=names) for tone, names in found.items() if names)


def missed_objectives(entry: Entry, objectives: Mapping[str, float]) -> list[str]:
    """What took longer than it should in this run, each with its value and its limit."""
    slowest = {name: max(tally.values) for name, tally in entry.tallies.items() if tally.values}
    return [
        f"{name} {slowest[name]:.2f} s, at most {limit:g} s"
        for name, limit in objectives.items()
        if name in slowest and slowest[name] > limit
    ]


def _unknown(line: LineStatus, now: float, since: float) -> str | None:
    """Why nobody can say how it is now; None where somebody can."""
    last, judged = line.last, line.last_judged
    silence = now - (since if judged is None else ended(judged))
    if line.closed is not None:
        return f"Nobody looks: {_CLOSED[line.closed]}."
    if silence > PATIENCE * line.interval + line.timeout:
        return f"No run was judged for {span(silence)}."
    if last is None:
        return "No run has ended yet."
    if last.outcome == Outcome.INCONCLUSIVE and (judged is None or judged.outcome != Outcome.FAIL):
        return f"The last run could not be judged: {_meaning(last)}"
    return None


def _failing(line: LineStatus, now: float) -> str:
    """For how long, and how sure that is."""
    runs = f"{line.failures} runs in a row failed" if line.failures != 1 else "One run failed"
    passed = line.last_passed
    before = f"the last one passed {span(now - ended(passed))} ago" if passed is not None else "none has passed yet"
    hiccup = f" This may be a hiccup: {OUTAGE} in a row are an outage." if line.failures < OUTAGE else ""
    unjudged = (
        " The newest run could not be judged."
        if line.last is not None and line.last.outcome == Outcome.INCONCLUSIVE
        else ""
    )
    return f"{runs}; {before}.{hiccup}{unjudged}"


def _meaning(entry: Entry) -> str:
    """What its reason means; a reason that only another version knows is told as it is."""
    known = next((words.message for reason, words in WORDS.items() if reason == entry.reason), None)
    return known or f"{entry.reason or 'no reason given'}."


def _verb(entry: Entry) -> str:
    return "passed" if entry.outcome == Outcome.PASS else "failed"
