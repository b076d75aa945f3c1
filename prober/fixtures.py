"""Recorded sentences and where speech begins and ends in them. Reads files; loads the voice model only where it must.

A sentence is one of the packaged ones, by its id, or any sound file, by its path. A sidecar beside it (same name,
`.json`, schema `speech-fixture/1`) says where its speech lies; without one it is found with the voice gate.
"""

import hashlib
import json
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile as sf  # type: ignore[import-untyped]  # has no stubs
from numpy.typing import NDArray

from prober.core.resampling import resample
from prober.core.speech import RATE, VoiceGate, speech_segments
from prober.recordings import folder, ids, is_id
from prober.voice import SileroGate

SCHEMA = "speech-fixture/1"
FULL_SCALE = 32768

log = logging.getLogger(__name__)


class FixtureError(Exception):
    """The sentence cannot be used; the message says what was found and what would be right."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clip:
    """A sentence: mono int16 samples (n,) at `rate` Hz, with speech in [onset_sample, end_sample) of them.

    `bounds` tells who knows that: the sidecar, or the voice gate just now. `reference` (m,) is the sound at 16 kHz.
    """

    id: str
    pcm: NDArray[np.int16] = field(repr=False)
    reference: NDArray[np.int16] = field(repr=False)
    rate: int
    onset_sample: int
    end_sample: int
    transcript: str | None = field(repr=False)
    bounds: Literal["sidecar", "computed"]

    def at(self, rate: int) -> tuple[int, int]:
        """Where its speech begins and ends in samples at another rate."""
        return round(self.onset_sample * rate / self.rate), round(self.end_sample * rate / self.rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sidecar:
    pcm_sha256: str
    onset_sample: int | None
    end_sample: int | None
    transcript: str | None


def load_fixture(name_or_path: str, gate: Callable[[], VoiceGate] = SileroGate) -> Clip:
    """The sentence with this id, or in this file: a path has a directory or a suffix, an id has neither.

    More than one channel is mixed down, with a log line. `gate` is only made for a file without a sidecar.
    Raises FixtureError: unknown id, unreadable file, a sidecar of another recording, no speech.
    """
    path = Path(name_or_path)
    if is_id(name_or_path):
        if not (folder() / f"{name_or_path}.wav").is_file():
            raise FixtureError(f"no sentence is called {name_or_path!r}; there are {', '.join(ids())}")
        path = folder() / f"{name_or_path}.wav"
    pcm, rate = _read_sound(path)
    reference = resample(pcm, rate, RATE)
    beside = path.with_suffix(".json")
    if beside.is_file():
        sidecar = _read_sidecar(beside)
        if hashlib.sha256(pcm.astype("<i2").tobytes()).hexdigest() != sidecar.pcm_sha256:
            raise FixtureError(f"{beside} describes another recording than {path}: the pcm_sha256 differs")
        onset, end, transcript = sidecar.onset_sample, sidecar.end_sample, sidecar.transcript
    else:
        onset, end = _find_speech(reference, pcm.size, rate, gate())
        transcript = None
    if onset is None or end is None:
        raise FixtureError(f"{path} has no speech in it")
    if not 0 <= onset < end <= pcm.size:
        raise FixtureError(f"{beside} puts speech at [{onset}, {end}) of {pcm.size} samples")
    pcm.flags.writeable = False
    return Clip(
        id=path.stem,
        pcm=pcm,
        reference=reference,
        rate=rate,
        onset_sample=onset,
        end_sample=end,
        transcript=transcript,
        bounds="sidecar" if beside.is_file() else "computed",
    )


def _read_sound(path: Path) -> tuple[NDArray[np.int16], int]:
    try:
        # As floats: libsndfile does not scale a float file that is read as integers.
        sound, rate = sf.read(path, dtype="float64", always_2d=True)
    except (sf.LibsndfileError, OSError) as error:
        raise FixtureError(f"{path} cannot be read as sound: {error}") from error
    if sound.shape[1] != 1:
        log.warning("fixture.mixed_down", extra={"fixture": path.stem, "channels": sound.shape[1]})
    mono = np.rint(sound.mean(axis=1) * FULL_SCALE)
    return np.clip(mono, -FULL_SCALE, FULL_SCALE - 1).astype(np.int16), int(rate)


def _read_sidecar(path: Path) -> _Sidecar:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        if read["schema"] != SCHEMA:
            raise FixtureError(f"{path} has schema {read['schema']!r}, not {SCHEMA!r}")
        return _Sidecar(
            pcm_sha256=read["audio"]["pcm_sha256"],
            onset_sample=read["speech"]["onset_sample"],
            end_sample=read["speech"]["end_sample"],
            transcript=read["transcript"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FixtureError(f"{path} is not a {SCHEMA} sidecar: {error!r}") from error


def _find_speech(
    reference: NDArray[np.int16], samples: int, rate: int, gate: VoiceGate
) -> tuple[int | None, int | None]:
    segments = speech_segments(reference, gate)
    if not segments:
        return None, None
    return round(segments[0][0] * rate / RATE), min(round(segments[-1][1] * rate / RATE), samples)


if __name__ == "__main__":  # how the parent asks whether files can be said, without loading what that takes
    for _name in sys.argv[1:]:
        try:
            load_fixture(_name)
        except FixtureError as error:
            sys.exit(str(error))
