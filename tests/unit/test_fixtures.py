import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf  # type: ignore[import-untyped]  # has no stubs

from prober import voice
from prober.fixtures import MOST, FixtureError, load_fixture
from prober.recordings import ids
from prober.sidecar import LARGEST, SidecarError, encode, read_sidecar, write_whole
from prober.voice import SileroGate, VoiceGateError

AUDIO = Path(__file__).parents[2] / "fixtures" / "audio"


def test_the_packaged_sentences_are_known_by_id() -> None:
    assert len(ids()) == 16
    clip = load_fixture("en-hours")

    assert (clip.id, clip.rate, clip.bounds) == ("en-hours", 24_000, "sidecar")
    assert clip.pcm.dtype == np.int16
    assert clip.pcm.ndim == 1
    assert clip.transcript == "What are your opening hours?"
    assert (clip.onset_sample, clip.end_sample) == (12_000, 12_000 + 35_880)


def test_no_transcript_in_a_repr() -> None:
    assert "opening" not in repr(load_fixture("en-hours"))


def test_an_unknown_id_names_the_known_ones() -> None:
    with pytest.raises(FixtureError, match=r"called 'en-hour'; there are en-book-table, .*en-yes, es-hours"):
        load_fixture("en-hour")


def test_noise_has_no_speech() -> None:
    with pytest.raises(FixtureError, match="no speech"):
        load_fixture("noise-only")


@pytest.mark.parametrize(("rate", "subtype"), [(24_000, "PCM_16"), (24_000, "FLOAT"), (24_000, "PCM_24")])
def test_speech_is_found_where_no_sidecar_tells(tmp_path: Path, rate: int, subtype: str) -> None:
    known = load_fixture("en-hours")
    sf.write(tmp_path / "own.wav", known.pcm / 32768, rate, subtype=subtype)
    clip = load_fixture(str(tmp_path / "own.wav"))

    assert (clip.id, clip.bounds, clip.transcript) == ("own", "computed", None)
    assert np.array_equal(clip.pcm, known.pcm)
    assert clip.onset_sample / rate == pytest.approx(known.onset_sample / rate, abs=0.015)
    assert clip.end_sample / rate == pytest.approx(known.end_sample / rate, abs=0.015)


def test_two_channels_are_mixed_and_said_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    known = load_fixture("en-yes")
    sf.write(tmp_path / "stereo.wav", np.stack([known.pcm, known.pcm], axis=1), known.rate)
    with caplog.at_level(logging.WARNING):
        clip = load_fixture(str(tmp_path / "stereo.wav"))

    assert np.array_equal(clip.pcm, known.pcm)
    assert [record.message for record in caplog.records] == ["fixture.mixed_down"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not a speech-fixture/1 sidecar"),
        ("[]", "not a speech-fixture/1 sidecar"),
        ('{"schema": "other/1"}', r"is not a speech-fixture/1 sidecar: .*'other/1'"),
        ('{"schema": "speech-fixture/1"}', "not a speech-fixture/1 sidecar"),
    ],
)
def test_a_sidecar_that_is_none(tmp_path: Path, content: str, message: str) -> None:
    sf.write(tmp_path / "own.wav", load_fixture("en-yes").pcm, 24_000)
    (tmp_path / "own.json").write_text(content)
    with pytest.raises(FixtureError, match=message):
        load_fixture(str(tmp_path / "own.wav"))


def test_a_sidecar_is_read_to_a_limit(tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    path.write_bytes((AUDIO / "en-yes.json").read_bytes().ljust(LARGEST))
    assert read_sidecar(path).id == "en-yes"
    with path.open("ab") as larger:
        larger.write(b" ")
    with pytest.raises(SidecarError, match=r"own\.json is not a speech-fixture/1 sidecar: it is larger than 1 MiB"):
        read_sidecar(path)


def test_a_sidecar_of_another_recording(tmp_path: Path) -> None:
    sf.write(tmp_path / "own.wav", load_fixture("en-yes").pcm, 24_000)
    (tmp_path / "own.json").write_text((AUDIO / "en-hours.json").read_text())
    with pytest.raises(FixtureError, match="another recording"):
        load_fixture(str(tmp_path / "own.wav"))


def test_a_sidecar_that_points_outside(tmp_path: Path) -> None:
    sidecar = json.loads((AUDIO / "en-yes.json").read_text())
    sidecar["speech"]["end_sample"] = 10**9
    sf.write(tmp_path / "own.wav", load_fixture("en-yes").pcm, 24_000)
    (tmp_path / "own.json").write_text(json.dumps(sidecar))
    with pytest.raises(FixtureError, match="puts speech at"):
        load_fixture(str(tmp_path / "own.wav"))


def test_a_sidecar_for_another_rate(tmp_path: Path) -> None:
    sf.write(tmp_path / "own.wav", load_fixture("en-yes").pcm, 16_000)
    (tmp_path / "own.json").write_text((AUDIO / "en-yes.json").read_text())
    with pytest.raises(FixtureError, match=r"at 24000 Hz; .*own\.wav has 16000 Hz"):
        load_fixture(str(tmp_path / "own.wav"))


def test_a_sidecar_written_by_hand_needs_no_more_than_the_hash_and_the_bounds(tmp_path: Path) -> None:
    known = load_fixture("en-yes")
    sf.write(tmp_path / "own.wav", known.pcm, known.rate)
    audio = {"pcm_sha256": json.loads((AUDIO / "en-yes.json").read_text())["audio"]["pcm_sha256"]}
    speech = {"onset_sample": 100, "end_sample": 200}
    (tmp_path / "own.json").write_text(json.dumps({"schema": "speech-fixture/1", "audio": audio, "speech": speech}))
    clip = load_fixture(str(tmp_path / "own.wav"))

    assert (clip.onset_sample, clip.end_sample, clip.bounds, clip.transcript) == (100, 200, "sidecar", None)


def test_samples_that_are_no_numbers(tmp_path: Path) -> None:
    sf.write(tmp_path / "own.wav", np.full(1000, np.nan), 16_000, subtype="FLOAT")
    with pytest.raises(FixtureError, match="samples that are no numbers"):
        load_fixture(str(tmp_path / "own.wav"))


@pytest.mark.parametrize("path", sorted(AUDIO.glob("*.json")), ids=lambda path: path.stem)
def test_every_packaged_sidecar_is_whole_and_has_its_licence(path: Path) -> None:
    sidecar, written = read_sidecar(path), json.loads(path.read_text())

    assert sidecar.source.licence
    assert (sidecar.transcript, sidecar.language) == (written["transcript"], written["language"])
    assert json.loads(encode(sidecar)).keys() == written.keys()
    assert json.loads(encode(sidecar))["speech"] == written["speech"]


def test_no_transcript_in_the_repr_of_a_sidecar() -> None:
    assert "opening" not in repr(read_sidecar(AUDIO / "en-hours.json"))


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_whole(tmp_path / "one", b"old")
    write_whole(tmp_path / "one", b"new")
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path, b"")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"one": b"new"}


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("not sound")
    for path in (tmp_path / "text.wav", tmp_path / "missing.wav"):
        with pytest.raises(FixtureError, match="cannot be read as sound"):
            load_fixture(str(path))


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    """Whoever opens a pipe waits for one who writes; this one has what could be read at once."""
    os.mkfifo(tmp_path / "pipe.wav")
    held = os.open(tmp_path / "pipe.wav", os.O_RDWR)
    os.write(held, b"no sound" * 4096)
    for place in (tmp_path / "pipe.wav", tmp_path):
        with pytest.raises(FixtureError, match="it is no regular file"):
            load_fixture(str(place))
    os.close(held)


def test_silence_has_no_speech(tmp_path: Path) -> None:
    sf.write(tmp_path / "silence.wav", np.zeros(8000, np.int16), 8000)
    with pytest.raises(FixtureError, match="no speech"):
        load_fixture(str(tmp_path / "silence.wav"))


def test_an_old_processor_is_named_before_the_model_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cpuinfo").write_text("processor: 0\nflags\t\t: fpu sse2 avx2 bmi2\n")
    monkeypatch.setattr(voice, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    with pytest.raises(VoiceGateError, match=r"needs a processor with fma, f16c$"):
        SileroGate()


def test_the_model_starts_no_threads_and_leaves_the_environment_alone() -> None:
    program = """
import os, threading, numpy
from prober.voice import SileroGate
before = dict(os.environ)
tasks = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 1
gate = SileroGate()
gate(numpy.ones(512, numpy.int16))
assert dict(os.environ) == before
print((len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 1) - tasks)
"""
    run = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, env=dict(os.environ)
    )
    assert run.stdout.strip() == "0"


@pytest.mark.parametrize(("name", "channels", "subtype"), [("bomb.flac", 8, "PCM_16"), ("wide.wav", 1024, "PCM_U8")])
def test_what_has_too_many_samples_is_refused_before_it_is_unpacked(
    tmp_path: Path, name: str, channels: int, subtype: str
) -> None:
    rate, seconds = (192_000, 16) if channels == 8 else (8_000, 3)
    with sf.SoundFile(tmp_path / name, "w", rate, channels, subtype=subtype) as file:
        for _ in range(seconds):
            file.write(np.zeros((rate, channels), dtype=np.int16))
    with pytest.raises(FixtureError, match=rf"samples in {channels} channels; {MOST} can be used"):
        load_fixture(str(tmp_path / name))
