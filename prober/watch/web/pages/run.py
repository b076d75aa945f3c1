"""What a run's own page shows: the verdict in words, what to look at next, and everything that was measured. Pure."""

import msgspec

from prober.core.causes import Diagnosis
from prober.core.reasons import Outcome
from prober.core.record import RunRecord, rederive
from prober.core.series import MISSED
from prober.sinks import narration, text
from prober.sinks.explained import whose
from prober.watch.web.pages.answers import Tone
from prober.watch.web.pages.sound import Sound, outline
from prober.watch.web.pages.waterfall import Waterfall, waterfall

WIDTH, HEIGHT = 1000, 100
"""Units in which the outlines of the sound are drawn; the page stretches them."""
_TONES = {Outcome.PASS: Tone.GOOD, Outcome.FAIL: Tone.BAD, Outcome.INCONCLUSIVE: Tone.UNKNOWN}


class Limit(msgspec.Struct, frozen=True, kw_only=True):
    """A limit and how it was kept."""

    name: str
    limit: str
    value: str
    met: str


class TurnPath(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the way of a turn's sound."""

    turn: int
    response: str
    jitter_buffer: str
    drift: str
    lost: str
    concealed: str


class RunPage(msgspec.Struct, frozen=True, kw_only=True):
    """The whole page. `sounds` are the outlines of caller and agent, `silence` says why there are none."""

    run_id: str
    target: str
    scenario: str
    tone: Tone
    verdict: str
    message: str
    look: str
    why: Diagnosis | None
    whose: str | None
    reason: str | None
    today: str | None
    facts: tuple[tuple[str, str], ...]
    waterfall: Waterfall | None
    sounds: tuple[tuple[str, str, str], ...]
    sound_seconds: float | None
    silence: str | None
    objectives: tuple[Limit, ...]
    turns: tuple[TurnPath, ...]
    troubles: tuple[str, ...]
    health: str
    participants: tuple[tuple[str, str], ...]
    left_behind: tuple[str, ...]
    moments: tuple[tuple[str, str], ...]


def run_page(record: RunRecord, sound: Sound | None, *, recorded: bool) -> RunPage:
    """The page of this record; `recorded`: there is a recording, even if it could not be read."""
    slow = record.exit_code == MISSED
    return RunPage(
        run_id=record.run_id,
        target=record.target,
        scenario=record.scenario,
        tone=Tone.SLOW if slow else _TONES[record.outcome],
        verdict=f"{record.outcome}{', objective missed' if slow else ''}",
        message=record.message or _worked(record),
        look=record.look,
        why=record.diagnosis,
        whose=None if record.diagnosis is None else whose(record.diagnosis),
        reason=record.reason,
        today=_today(record),
        facts=_facts(record),
        waterfall=waterfall(record, None if sound is None else sound.seconds),
        sounds=() if sound is None else _outlines(sound),
        sound_seconds=None if sound is None else sound.seconds,
        silence=_silence(sound, recorded=recorded),
        objectives=tuple(
            Limit(
                name=one.name,
                limit=f"{one.limit:g} s",
                value="none" if one.value is None else f"{one.value:.3f} s",
                met=met,
            )
            for one, met in zip(record.objectives, text.objectives(record), strict=True)
        ),
        turns=_turns(record),
        troubles=tuple(f"{name}: {why}" for name, why in record.prober.voids.items()),
        health=text.health(record),
        participants=tuple(
            (person.identity, "the agent" if person.agent else person.kind) for person in record.participants
        ),
        left_behind=record.left_behind,
        moments=tuple(
            (f"{event.at:.3f}", said.strip())
            for event in record.timeline
            if (said := narration.words(event)) is not None
        ),
    )


def _worked(record: RunRecord) -> str:
    slow = text.too_slow(record)
    return f"It worked, but {' and '.join(slow)}." if slow else "Everything that was asked for happened in time."


def _today(record: RunRecord) -> str | None:
    """Where today's rules judge otherwise than those that the run was judged by."""
    again = rederive(record)
    if (again.outcome, again.reason) == (record.outcome, record.reason):
        return None
    return f"{again.outcome}{f' {again.reason}' if again.reason is not None else ''}"


def _facts(record: RunRecord) -> tuple[tuple[str, str], ...]:
    took = "nothing happened" if record.seconds is None else f"{record.seconds:.1f} s, clean-up included"
    started = record.started_at.replace("T", " ").replace("+00:00", " UTC")
    return (
        ("started", started),
        ("trigger", record.trigger),
        ("took", took),
        ("room", record.room or "none"),
        *((f"label {key}", value) for key, value in record.labels.items()),
    )


def _outlines(sound: Sound) -> tuple[tuple[str, str, str], ...]:
    sides = (("caller", "ours", sound.caller), ("agent", "agent", sound.agent))
    return tuple((name, kind, outline(peaks, WIDTH, HEIGHT)) for name, kind, peaks in sides)


def _silence(sound: Sound | None, *, recorded: bool) -> str | None:
    if sound is not None:
        return None
    if recorded:
        return "The recording of this run cannot be read."
    return (
        "There is no recording of this run: a join has none, nor a run without speech; older ones make room for newer."
    )


def _turns(record: RunRecord) -> tuple[TurnPath, ...]:
    def thousandth(seconds: float | None) -> str:
        return "-" if seconds is None else f"{seconds * 1000:.0f} ms"

    return tuple(
        TurnPath(
            turn=one.turn,
            response=f"{one.response:.3f} s" if one.response is not None else one.void or "did not come",
            jitter_buffer=thousandth(one.jitter_buffer),
            drift=thousandth(one.drift),
            lost="-" if one.packets_lost is None else str(one.packets_lost),
            concealed="-" if one.concealed is None else f"{one.concealed:.1%}",
        )
        for one in record.prober.turns
    )
