"""The file that a call leaves: both sides at their moments, and none where nobody was heard."""

from pathlib import Path

import numpy as np
import soundfile  # type: ignore[import-untyped]  # has no stubs

from prober.core.speech import RATE
from prober.room.recording import Recording


def test_what_was_heard_stands_at_its_moment_to_the_right(tmp_path: Path) -> None:
    recording = Recording()
    recording.heard(0.5, np.full(8, 1000, np.int16))
    recording.write(tmp_path / "run.wav")
    stereo, rate = soundfile.read(tmp_path / "run.wav", dtype="int16")
    assert rate == RATE
    assert not stereo[: RATE // 2].any()
    assert stereo[RATE // 2 :].tolist() == [[0, 1000]] * 8


def test_a_call_in_which_nobody_was_heard_leaves_no_file(tmp_path: Path) -> None:
    Recording().write(tmp_path / "run.wav")
    assert list(tmp_path.iterdir()) == []
