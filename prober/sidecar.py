"""The sidecar of a recorded sentence, schema `speech-fixture/1`: which recording it is and where speech lies in it.

Reads and writes files; needs no sound library. A sidecar that somebody wrote by hand needs `audio.pcm_sha256`,
`speech.onset_sample` and `speech.end_sample`; all else may be missing.
"""

import os
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from prober.core.decoding import Whole, decoded

SCHEMA = "speech-fixture/1"
CONVENTION = "half-open [onset_sample, end_sample) in this file's own samples"
LARGEST = 1 << 20
"""Bytes of a sidecar: far more than any has."""


class SidecarError(Exception):
    """The file is no sidecar; the message says which and why."""


class Audio(msgspec.Struct, frozen=True, kw_only=True):
    """The recording: `pcm_sha256` is the hash of what is said, mono little-endian int16 at `sample_rate` Hz."""

    file: str | None = None
    sample_rate: Whole | None = None
    channels: Whole | None = None
    sample_format: str | None = None
    samples: Whole | None = None
    duration_ms: float | None = None
    pcm_sha256: str


class Speech(msgspec.Struct, frozen=True, kw_only=True):
    """First sample of speech and the first after it, and the stretches between; both None where there is no speech."""

    onset_sample: Whole | None
    end_sample: Whole | None
    onset_ms: float | None = None
    end_ms: float | None = None
    segments: tuple[tuple[Whole, Whole], ...] = ()
    longest_quiet_ms: float | None = None
    inner_pauses_ms: tuple[float, ...] = ()
    method: str | None = None
    convention: str = CONVENTION


class Levels(msgspec.Struct, frozen=True, kw_only=True):
    """The loudest sample, and the level of the speech in decibels under full scale."""

    peak: Whole | None = None
    active_rms_dbfs: float | None = None


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """How a speech synthesis was called."""

    voice: str | None = None


class Source(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the recording comes from and who may use it."""

    kind: str | None = None
    licence: str | None = None
    engine: str | None = None
    call: Call | None = None
    files: tuple[str, ...] = ()


class Sidecar(msgspec.Struct, frozen=True, kw_only=True, tag_field="schema", tag=SCHEMA):
    """All that is known of a recorded sentence; `kind` is `negative` for a recording that shall hold no speech.

    `noise` tells what was mixed into it on purpose.
    """

    id: str | None = None
    kind: str = "speech"
    language: str | None = None
    transcript: str | None = None
    audio: Audio
    speech: Speech
    levels: Levels = Levels()
    noise: dict[str, Any] | None = None
    source: Source = Source()

    __repr__ = object.__repr__  # a transcript has no place in a log


def beside(recording: Path) -> Path:
    """Where the sidecar of this recording lies, if it has one."""
    return recording.with_suffix(".json")


def read_sidecar(path: Path) -> Sidecar:
    """The sidecar in this file. Raises SidecarError: unreadable, too large, not JSON, another schema."""
    if not path.is_file():  # a pipe would keep us waiting
        raise SidecarError(f"{path} is not a {SCHEMA} sidecar: it is no file")
    try:
        with path.open("rb") as opened:
            body = opened.read(LARGEST + 1)
        if len(body) > LARGEST:
            raise SidecarError(f"{path} is not a {SCHEMA} sidecar: it is larger than {LARGEST >> 20} MiB")
        return decoded(body, Sidecar)
    except (OSError, ValueError) as error:
        raise SidecarError(f"{path} is not a {SCHEMA} sidecar: {error}") from error


def encode(sidecar: Sidecar) -> bytes:
    """The sidecar as its file holds it."""
    return msgspec.json.format(msgspec.json.encode(sidecar), indent=2) + b"\n"


def write_whole(path: Path, content: bytes) -> None:
    """Put this into the file, which is there whole or not at all. Raises OSError."""
    number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    unfinished = Path(name)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), 0o644)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
