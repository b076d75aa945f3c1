"""Whether a recording can be said: a process that goes away again looks at it, so the parent needs no sound library."""

import subprocess
import sys

from prober.environment import inherited

WITHIN = 60.0
"""Seconds for looking at one recording."""


def why_not(recording: str) -> str | None:
    """What is wrong with a recording, given by its id or path, in words; None where it can be said."""
    try:
        looked = subprocess.run(
            [sys.executable, "-m", "prober.fixtures", recording],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=WITHIN,
            env=inherited(),
        )
    except subprocess.TimeoutExpired:
        return f"{recording} could not be read within {WITHIN:.0f} s"
    return None if looked.returncode == 0 else looked.stderr.strip().rpartition("\n")[2]
