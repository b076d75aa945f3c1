"""Hears a recording as a run would, says whether it is fit to be said, and describes it in a sidecar.

Reads files and needs the voice gate; a recording that is unfit raises nothing.
"""

import io
from dataclasses import dataclass
from pathlib import Path

import soundfile as sf  # type: ignore[import-untyped]  # has no stubs

from prober.core.speech import VoiceGate
from prober.fixtures import FixtureError, Sound, find_speech, locate, read_sound, sidecar_of
from prober.sidecar import Audio, Levels, Sidecar, Source, Speech
from prober.suitability import FAULTS, REMARKS, Facts, disagreement, found_by, measure

METHOD = "livekit-prober fixtures add: the voice gate says that there is speech, its level says where"
LOSSY = frozenset({"OGG", "MP3"})

_NO_SIDECAR = "it has no sidecar, so every run looks for its speech anew; `livekit-prober fixtures add` writes one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A recording, where speech was found in it (half-open stretches of its samples), and what was measured."""

    sound: Sound
    segments: tuple[tuple[int, int], ...]
    facts: Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What is to be said of a recording: a fault makes it unfit. `heard` is None where it could not be heard."""

    heard: Heard | None
    faults: tuple[str, ...]
    notes: tuple[str, ...] = ()


def examine(name_or_path: str, gate: VoiceGate) -> Opinion:
    """The opinion on a recording, by id or path, and on the sidecar beside it."""
    try:
        path = locate(name_or_path)
        sound = read_sound(path)
        sidecar = sidecar_of(path, sound)
    except FixtureError as error:
        return Opinion(heard=None, faults=(str(error),))
    heard = _hear(sound, gate)
    if sidecar is None:
        faults = found_by(FAULTS, heard.facts)
        return _opinion(heard, faults, *(() if faults else (_NO_SIDECAR,)), *_on_its_file(sound))
    onset, end = sidecar.speech.onset_sample, sidecar.speech.end_sample
    bounds = None if onset is None or end is None else (onset / sound.rate, end / sound.rate)
    faults = () if bounds is None else found_by(FAULTS, heard.facts)  # a negative shall have no speech
    return _opinion(heard, faults or disagreement(heard.facts, bounds), *_on_its_file(sound))


def examine_new(path: Path, gate: VoiceGate, *, converted: bool) -> Opinion:
    """The opinion on a recording without regard to a sidecar; `converted`: a WAV copy of it is what will be said."""
    try:
        sound = read_sound(path)
    except FixtureError as error:
        return Opinion(heard=None, faults=(str(error),))
    heard = _hear(sound, gate)
    return _opinion(heard, found_by(FAULTS, heard.facts), *_on_its_file(sound, converted=converted))


def describe(
    heard: Heard, place: Path, *, language: str | None, transcript: str | None, licence: str | None, origin: Path
) -> Sidecar:
    """The sidecar of a recording with speech in it that lies at `place` and comes from `origin`."""
    sound, segments = heard.sound, heard.segments
    onset, end = segments[0][0], segments[-1][1]
    return Sidecar(
        id=place.stem,
        language=language,
        transcript=transcript,
        audio=Audio(
            file=place.name,
            sample_rate=sound.rate,
            channels=1,
            sample_format="s16le",
            samples=sound.pcm.size,
            duration_ms=_ms(sound.pcm.size, sound.rate),
            pcm_sha256=sound.sha256,
        ),
        speech=Speech(
            onset_sample=onset,
            end_sample=end,
            onset_ms=_ms(onset, sound.rate),
            end_ms=_ms(end, sound.rate),
            segments=segments,
            inner_pauses_ms=tuple(round((onset - end) * 1000, 3) for end, onset in heard.facts.pauses),
            method=METHOD,
        ),
        levels=Levels(
            peak=heard.facts.peak, active_rms_dbfs=None if heard.facts.level is None else round(heard.facts.level, 2)
        ),
        source=Source(kind="file", licence=licence, files=(origin.name,)),
    )


def as_wav(sound: Sound) -> bytes:
    """The recording as it is said: mono, 16 bit, at its own rate."""
    file = io.BytesIO()
    sf.write(file, sound.pcm, sound.rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


def _hear(sound: Sound, gate: VoiceGate) -> Heard:
    segments = find_speech(sound, gate)
    return Heard(sound=sound, segments=segments, facts=measure(sound.pcm, sound.rate, segments))


def _opinion(heard: Heard, faults: tuple[str, ...], *notes: str) -> Opinion:
    return Opinion(heard=heard, faults=faults, notes=(*found_by(REMARKS, heard.facts), *notes))


def _on_its_file(sound: Sound, *, converted: bool = False) -> tuple[str, ...]:
    notes = []
    if sound.channels != 1:
        notes.append(f"its {sound.channels} channels are mixed down to one")
    if sound.format in LOSSY and not converted:
        notes.append(
            f"another version of the sound library may decode {sound.format} a little otherwise, and its sidecar would "
            "no longer fit; `livekit-prober fixtures add --into DIR` makes a WAV file of it"
        )
    return tuple(notes)


def _ms(samples: int, rate: int) -> float:
    return round(samples * 1000 / rate, 3)
