"""Whatever lies in a sound file and in the sidecar beside it, it is a sentence or it is refused in words."""

import hashlib
import io
import struct
import tempfile
from pathlib import Path

import numpy as np
import soundfile as sf  # type: ignore[import-untyped]  # has no stubs
from hypothesis import example, given
from hypothesis import strategies as st

from prober import recordings
from prober.examination import examine
from prober.fixtures import FixtureError, load_fixture
from prober.voice import SileroGate
from prober.watch.web.pages import sound as outlines
from tests.fuzz.anything import as_json, damaged

RATE = 16_000
PCM = (np.sin(np.arange(RATE // 4) / 9) * 9000).astype("<i2")
"""A quarter of a second."""


def sound(form: str) -> bytes:
    file = io.BytesIO()
    sf.write(file, PCM, RATE, format=form)
    return file.getvalue()


SOUNDS = tuple(sound(form) for form in ("WAV", "FLAC", "OGG", "AIFF", "W64"))
SIDECAR = {
    "schema": "speech-fixture/1",
    "id": "tone",
    "transcript": "a tone",
    "audio": {"sample_rate": RATE, "pcm_sha256": hashlib.sha256(PCM.tobytes()).hexdigest()},
    "speech": {"onset_sample": 100, "end_sample": 3000, "segments": [[100, 3000]]},
    "noise": {"kind": "none"},
    "source": {"kind": "file", "files": ["tone.wav"]},
}
INTEGERS = st.sampled_from((0, 1, 2, 8, 7999, 16_000, 2**15, 2**16 - 1, 2**31 - 1, 2**32 - 1))
HALVES = st.sampled_from((0, 1, 2, 3, 8, 16, 2**15, 2**16 - 1))


def wav(
    *,
    form: int = 1,
    channels: int = 1,
    rate: int = RATE,
    bytes_a_second: int = 2 * RATE,
    frame: int = 2,
    bits: int = 16,
    size: int = 36 + PCM.nbytes,
) -> bytes:
    """A WAV file with these numbers in its header."""
    head = struct.pack("<HHIIHH", form, channels, rate, bytes_a_second, frame, bits)
    data = struct.pack("<I", PCM.nbytes) + PCM.tobytes()
    return b"RIFF" + struct.pack("<I", size) + b"WAVEfmt " + struct.pack("<I", len(head)) + head + b"data" + data


WAVS = st.builds(
    wav,
    **dict.fromkeys(("form", "channels", "frame", "bits"), HALVES),
    **dict.fromkeys(("rate", "bytes_a_second", "size"), INTEGERS),
)


@example(body=wav(rate=0), sidecar=None)
@example(body=wav(rate=1), sidecar=None)
@example(body=wav(rate=2**31 - 1), sidecar=None)
@example(body=SOUNDS[0], sidecar=b'{"schema": "speech-fixture/1", "noise": {"x": ' + b"[" * 100_000)
@given(
    body=damaged(st.sampled_from(SOUNDS)) | WAVS,
    sidecar=st.none() | as_json([SIDECAR]),
)
def test_any_file_is_a_sentence_or_refused(body: bytes, sidecar: bytes | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tone.wav"
        path.write_bytes(body)
        if sidecar is not None:
            path.with_suffix(".json").write_bytes(sidecar)
        outlines.read(path)
        lasts = recordings.seconds(str(path))
        assert lasts is None or lasts >= 0
        opinion = examine(str(path), SileroGate())
        try:
            clip = load_fixture(str(path))
        except FixtureError as error:
            assert str(error).isprintable()
            assert "a tone" not in str(error)
        else:
            assert 0 <= clip.onset_sample < clip.end_sample <= clip.pcm.size
            assert opinion.heard is not None
