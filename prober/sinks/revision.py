"""Which commit of this program runs: from who built the image, who installed it, or the checkout that it lies in."""

import json
import os
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from prober.environment import inherited

UNKNOWN = "unknown"
_CHECKOUT = Path(__file__).parents[2]
_WITHIN = 5.0
"""Seconds given to git."""


def revision(environment: Mapping[str, str] = os.environ, checkout: Path = _CHECKOUT) -> str:
    """What `LIVEKIT_PROBER_REVISION` says, else the commit that pip wrote down (PEP 610), else the checkout's."""
    return environment.get("LIVEKIT_PROBER_REVISION") or _installed() or _checked_out(checkout) or UNKNOWN


def _installed() -> str:
    origin = json.loads(metadata.distribution("livekit-prober").read_text("direct_url.json") or "{}")
    return str(origin.get("vcs_info", {}).get("commit_id", ""))


def _checked_out(folder: Path) -> str:
    """The commit, with `-dirty` where files differ from it; nothing where this folder is itself no checkout."""
    if not (folder / ".git").exists():  # or a wheel installed somewhere inside a product's checkout took its commit
        return ""
    asked = ("git", "-C", str(folder), "describe", "--always", "--dirty", "--exclude=*", "--abbrev=40")
    try:
        told = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=_WITHIN, env=inherited())
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return told.stdout.strip()
