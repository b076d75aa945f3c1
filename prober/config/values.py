"""The kinds of values that a configuration is made of, and what is wrong with one that is none."""

import re
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict, StringConstraints

from prober.limits import DAY, TARGET_NAME, WEB, is_url

VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
FROM_ENVIRONMENT = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Model(BaseModel):
    """A map of known keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True, protected_namespaces=()
    )


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error.msg} at character {error.pos}.") from None
    return text


def _header(text: str) -> str:
    if CONTROL.search(text):
        raise ValueError("holds a line break or another control character, which no header can. Leave it out.")
    return text


def _clock(text: str) -> str:
    if not re.fullmatch(r"[0-2][0-9]:[0-5][0-9]", text) or text > "23:59":
        raise ValueError('is no time of day. Give one from "00:00" to "23:59".')
    return text


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (OSError, ValueError):  # ZoneInfoNotFoundError is a KeyError
        raise ValueError(NO_ZONE) from None
    except KeyError:
        raise ValueError(NO_ZONE) from None
    return text


NO_ZONE = (
    "is no time zone that this machine knows. Give a name such as Europe/Prague or UTC "
    "(the names come from the system's package tzdata)."
)


def _anchor(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if "://" not in text and colon and re.fullmatch(r"[\w.-]+|\[[0-9a-fA-F:.]+\]", host) and _port(port):
        return text
    if not is_url(text, WEB):
        raise ValueError("is no place to call. Give a URL with http:// or https://, or host:port such as 1.1.1.1:443.")
    return text


def _port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and 0 < int(text) < 65_536


def _log_name(text: str) -> str:
    if "{{" in text or "${" in text:
        raise ValueError("is no path: variables and templates are not understood here. Write the path itself.")
    return text


def _page(text: str) -> str:
    if not is_url(text, WEB):
        raise ValueError("is no URL with http:// or https:// and a host.")
    return text


Text = Annotated[str, StringConstraints(min_length=1)]
LogName = Annotated[Text, AfterValidator(_log_name)]
Yes = Annotated[bool, Strict()]
Seconds = Annotated[float, Strict(), Field(gt=0, le=DAY, allow_inf_nan=False)]
SecondsOrNone = Annotated[float, Strict(), Field(ge=0, le=DAY, allow_inf_nan=False)]
Percent = Annotated[float, Strict(), Field(gt=0, lt=100, allow_inf_nan=False)]
AtOnce = Annotated[int, Strict(), Field(ge=1, le=1000)]
Minutes = Annotated[float, Strict(), Field(gt=0, allow_inf_nan=False)]
Host = Annotated[
    str,
    StringConstraints(
        pattern=r"^(\*|(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|[0-9a-fA-F]*:[0-9a-fA-F]*:[0-9a-fA-F:.]*)$"
    ),
]
"""A name, `*.` and a name, `*`, or an address; no port."""
TargetName = Annotated[str, StringConstraints(pattern=TARGET_NAME)]
Variable = Annotated[str, StringConstraints(pattern=rf"^{VARIABLE}$")]
Header = Annotated[Text, AfterValidator(_header)]
Pattern = Annotated[str, AfterValidator(_pattern)]
Clock = Annotated[str, AfterValidator(_clock)]
Zone = Annotated[str, AfterValidator(_zone)]
Anchor = Annotated[str, AfterValidator(_anchor)]
Page = Annotated[str, AfterValidator(_page)]
Secret = Annotated[str, StringConstraints(pattern=r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$")]
"""Never the secret itself: `${NAME}`, the variable of the environment that holds it."""
Json = Any
