"""What the turns say: ids of the recorded sentences, or sound files beside the configuration; looked at before any run.

Files are read in a process that goes away again: the parent stays small and needs no sound library.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path as File

from prober import recordings, sayable
from prober.config.models import Target
from prober.config.problems import Place, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentences:
    """What can be said: by its name in the configuration, where it is and how long it lasts."""

    places: Mapping[str, str]
    seconds: Mapping[str, float]
    computed: tuple[str, ...]
    """Files whose bounds of speech no sidecar tells."""


def look(targets: Mapping[str, Target], directory: File) -> tuple[Sentences, list[Problem]]:
    """All sentences of the targets, and what is wrong with some."""
    places: dict[str, str] = {}
    seconds: dict[str, float] = {}
    computed: list[str] = []
    wrong: dict[str, str | None] = {}
    problems = []
    for path, name in _turns(targets):
        if name not in wrong:
            places[name] = name if recordings.is_id(name) else str((directory / name).absolute())
            wrong[name] = _wrong(name, places[name])
            if wrong[name] is None:
                lasts = recordings.seconds(places[name])
                seconds |= {} if lasts is None else {name: lasts}
                if not recordings.is_id(name) and not File(places[name]).with_suffix(".json").is_file():
                    computed.append(name)
        words = wrong[name]
        if words is not None:
            problems.append(Problem(path=path, words=words))
    return Sentences(places=places, seconds=seconds, computed=tuple(computed)), problems


def _turns(targets: Mapping[str, Target]) -> list[tuple[Place, str]]:
    return [
        (
            ("targets", name, "scenarios", "conversation", "turns", index, "say" if turn.say else "interrupt"),
            turn.sentence,
        )
        for name, target in targets.items()
        if target.scenarios.conversation is not None
        for index, turn in enumerate(target.scenarios.conversation.turns)
    ]


def _wrong(name: str, place: str) -> str | None:
    if recordings.is_id(name):
        known = recordings.ids()
        if name in known:
            return None
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(known)}."
        return f"no sentence is called '{name}'. {hint} A file needs its suffix, such as .wav."
    if not File(place).is_file():
        return f"there is no file {name} (paths are relative to the configuration). Give the path of a WAV file."
    said = sayable.why_not(place)
    return None if said is None else f"{said.replace(place, name).rstrip('.')}. Give a WAV file with speech in it."
