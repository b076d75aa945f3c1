"""Recorded sentences and where speech begins and ends in them. Reads files; loads the voice model only where it must.

A sentence is one of the packaged ones, by its id, or any sound file, by its path. A sidecar beside it (same name,
`.json`, schema `speech-fixture/1`) says where its speech lies; without one it is found with the voice gate.
"""

import hashlib
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
from prober.sidecar import Sidecar, SidecarError, beside, read_sidecar
from prober.voice import SileroGate

FULL_SCALE = 32768
LONGEST = 60.0
"""Seconds a sentence may last: a caller who speaks longer is no test of an answer."""
RATES = (8_000, 192_000)
"""Lowest and highest sample rate."""
MOST = round(2 * LONGEST * RATES[1])
"""Samples of all channels together: two channels at the highest rate, eight at 48 kHz."""

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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sound:
    """A recording as it is said: mono int16 samples (n,) at `rate` Hz; `channels` and `format` are its file's."""

    pcm: NDArray[np.int16] = field(repr=False)
    rate: int
    channels: int
    format: str

    @property
    def sha256(self) -> str:
        """The hash that a sidecar knows it by."""
        return hashlib.sha256(self.pcm.astype("<i2").tobytes()).hexdigest()


def load_fixture(name_or_path: str, gate: Callable[[], VoiceGate] = SileroGate) -> Clip:
    """The sentence with this id, or in this file: a path has a directory or a suffix, an id has neither.

    More than one channel is mixed down, with a log line. `gate` is only made for a file without a sidecar.
    Raises FixtureError: unknown id, unreadable file, a sidecar of another recording, no speech.
    """
    path = locate(name_or_path)
    sound = read_sound(path)
    if sound.channels != 1:
        log.warning("fixture.mixed_down", extra={"fixture": path.stem, "channels": sound.channels})
    reference = resample(sound.pcm, sound.rate, RATE)
    sidecar = sidecar_of(path, sound)
    if sidecar is not None:
        onset, end = sidecar.speech.onset_sample, sidecar.speech.end_sample
    else:
        segments = find_speech(sound, gate(), reference)
        onset, end = (segments[0][0], segments[-1][1]) if segments else (None, None)
    if onset is None or end is None:
        raise FixtureError(f"{path} has no speech in it")
    sound.pcm.flags.writeable = False
    return Clip(
        id=path.stem,
        pcm=sound.pcm,
        reference=reference,
        rate=sound.rate,
        onset_sample=onset,
        end_sample=end,
        transcript=None if sidecar is None else sidecar.transcript,
        bounds="computed" if sidecar is None else "sidecar",
    )


def locate(name_or_path: str) -> Path:
    """The file with this id or path, which may be missing. Raises FixtureError for an unknown id."""
    if not is_id(name_or_path):
        return Path(name_or_path)
    path = folder() / f"{name_or_path}.wav"
    if not path.is_file():
        raise FixtureError(f"no sentence is called {name_or_path!r}; there are {', '.join(ids())}")
    return path


def read_sound(path: Path) -> Sound:
    """The recording in this file.

    Raises FixtureError: no regular file, unreadable, longer than LONGEST, more than MOST samples, a sample
    rate beyond RATES.
    """
    if path.exists() and not path.is_file():  # whoever opens a pipe waits until somebody writes to it
        raise FixtureError(f"{path} cannot be read as sound: it is no regular file")
    try:
        with sf.SoundFile(path) as file:
            if not RATES[0] <= file.samplerate <= RATES[1]:
                raise FixtureError(
                    f"{path} has {file.samplerate} samples a second; {RATES[0]} to {RATES[1]} can be used"
                )
            if file.frames > LONGEST * file.samplerate:
                raise FixtureError(f"{path} lasts {file.frames / file.samplerate:.0f} s; {LONGEST:g} s can be used")
            if file.frames * file.channels > MOST:
                raise FixtureError(
                    f"{path} has {file.frames * file.channels} samples in {file.channels} channels; {MOST} can be used"
                )
            # As floats: libsndfile does not scale a float file that is read as integers.
            sound, rate, form = file.read(dtype="float64", always_2d=True), file.samplerate, file.format
    except (sf.LibsndfileError, OSError) as error:
        why = str(error).rpartition(": ")[2] if path.is_file() else "there is no such file"  # the path was said already
        raise FixtureError(f"{path} cannot be read as sound: {why}") from error
    if not np.isfinite(sound).all():
        raise FixtureError(f"{path} cannot be read as sound: it holds samples that are no numbers")
    mono = np.clip(np.rint(sound.mean(axis=1) * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)
    return Sound(pcm=mono, rate=int(rate), channels=sound.shape[1], format=form)


def sidecar_of(path: Path, sound: Sound) -> Sidecar | None:
    """The sidecar beside this recording, if there is one. Raises FixtureError where it does not fit the recording."""
    file = beside(path)
    if not file.is_file():
        return None
    try:
        sidecar = read_sidecar(file)
    except SidecarError as error:
        raise FixtureError(str(error)) from error
    if sidecar.audio.pcm_sha256 != sound.sha256:
        raise FixtureError(f"{file} describes another recording than {path}: the pcm_sha256 differs")
    if sidecar.audio.sample_rate not in {None, sound.rate}:
        raise FixtureError(
            f"{file} describes a recording at {sidecar.audio.sample_rate} Hz; {path} has {sound.rate} Hz"
        )
    onset, end = sidecar.speech.onset_sample, sidecar.speech.end_sample
    if onset is not None and end is not None and not 0 <= onset < end <= sound.pcm.size:
        raise FixtureError(f"{file} puts speech at [{onset}, {end}) of {sound.pcm.size} samples")
    return sidecar


def find_speech(
    sound: Sound, gate: VoiceGate, reference: NDArray[np.int16] | None = None
) -> tuple[tuple[int, int], ...]:
    """Stretches of speech in its own samples; `reference` is the sound at 16 kHz, where that is known already."""
    at_16k = resample(sound.pcm, sound.rate, RATE) if reference is None else reference
    return tuple(
        (round(onset * sound.rate / RATE), min(round(end * sound.rate / RATE), sound.pcm.size))
        for onset, end in speech_segments(at_16k, gate)
    )


if __name__ == "__main__":  # how the parent asks whether files can be said, without loading what that takes
    for _name in sys.argv[1:]:
        try:
            load_fixture(_name)
        except FixtureError as error:
            sys.exit(str(error))
