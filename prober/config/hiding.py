"""What stands in a configuration and may be a secret, by what it is called or where in a URL it is. Pure.

Templates stay: what is put into them is hidden where it comes from.
"""

import re
from typing import Any

HIDDEN = "[hidden]"
_SECRET = re.compile(
    r"authori[sz]ation|pass(?:wor[dt]|wd|phrase|code)|secret|token|credential|cookie|session|signature|bypass"
    r"|api_?key|(?<![a-z])(?:auth|jwt|keys?|login|otp|pass|pin|pwd?|sid|sig)(?![a-z])"
)
"""In a name that is written in words."""
_USER = re.compile(r"(?<=://)(?![^/?#]*\{\{[^/?#]*@)[^/?#]*@")
_PART = re.compile(r"([?&#](?:[^=&#]*=)?)([^&#]+)")
"""A part of a query or a fragment: its name, if any, and its value."""


def without_secrets(named: Any, *, secret: bool = False) -> Any:
    """Headers, a form or JSON as it may be shown: values under names for secrets are hidden, whatever holds them."""
    if isinstance(named, dict):
        return {name: without_secrets(value, secret=secret or _is_secret(name)) for name, value in named.items()}
    if isinstance(named, list):
        return [without_secrets(value, secret=secret) for value in named]
    shown = named is None or isinstance(named, bool) or (isinstance(named, str) and "{{" in named)
    return HIDDEN if secret and not shown else named


def shown_url(url: str) -> str:
    """The URL without its user and what query and fragment hold beside names and templates."""
    path = re.split("[?#]", url, maxsplit=1)[0]
    return _USER.sub("hidden@", path) + _PART.sub(_without_value, url[len(path) :])


def _is_secret(name: str) -> bool:
    words = re.sub(r"(?<=[a-z\d])(?=[A-Z])|[^A-Za-z\d]+", "_", name)
    return bool(_SECRET.search(words.lower()))


def _without_value(part: re.Match[str]) -> str:
    return part[0] if "{{" in part[2] else part[1] + HIDDEN
