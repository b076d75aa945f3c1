"""The environment of the processes that we start: what a program needs to run, and none of the operator's secrets."""

import os

INHERITED = ("PATH", "HOME", "LANG", "TZ", "TMPDIR")
INHERITED_BY_PREFIX = ("LC_", "LD_", "SSL_CERT_", "PYTHON", "OMP_", "OPENBLAS_", "RUST_", "XDG_")
"""What it holds, where ours does: no key and no secret, a run's process learns those over its stdin."""


def inherited() -> dict[str, str]:
    """The environment for a process of ours, without threads for linear algebra that nobody does (80 ms of CPU)."""
    kept = {
        name: value for name, value in os.environ.items() if name in INHERITED or name.startswith(INHERITED_BY_PREFIX)
    }
    return kept | {"OPENBLAS_NUM_THREADS": "1"}
