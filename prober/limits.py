"""What a command's flags and a configuration allow alike. Pure."""

import re
from collections.abc import Collection

from yarl import URL

DAY = 86_400
"""Seconds: no wait and no interval is longer."""

TARGET_NAME = r"^[a-z0-9-]{1,63}$"
TARGET_NAMED = "a target's name has 1 to 63 of a-z, 0-9 and '-'"

WEB = frozenset({"http", "https"})
LIVEKIT = frozenset({"ws", "wss", "http", "https"})
"""Schemes of a web page's URL, and of a LiveKit server's."""
NO_LIVEKIT = "is no URL with wss:// (or ws, https, http) and a host."

HALF = re.compile("[\ud800-\udfff]")
"""Half of a character, or a byte that is none: JSON, YAML, arguments and the environment can hold it, no text can."""


def is_url(text: str, schemes: Collection[str]) -> bool:
    """Whether the text is a URL with one of these schemes and a host."""
    try:
        url = URL(text)
        _ = url.port  # looked at only when it is asked for
    except ValueError:
        return False
    return url.scheme in schemes and bool(url.host)


STDIN = "-"
"""What stands for standard input where a file is named."""
