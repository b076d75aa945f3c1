"""The Prometheus client's multi-process mode, which is none of ours. Does not load that library."""

from collections.abc import MutableMapping

VARIABLES = ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir")
"""livekit-agents sets the first one; a canary that is started from there, or beside it in a container, inherits it."""


def forget(environment: MutableMapping[str, str]) -> None:
    """Take it out of this environment: with it the client library keeps its metrics in files that it shares."""
    for name in VARIABLES:
        environment.pop(name, None)
