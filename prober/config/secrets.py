"""Secrets, out of the environment or of files. Their values are in no message and no repr."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path as File

from prober.config.models import LiveKit, Target
from prober.config.problems import Place, Problem
from prober.config.values import CONTROL, FROM_ENVIRONMENT, VARIABLE
from prober.core.plan import Access, ApiKey, ApiToken
from prober.core.steps import BUILT_IN
from prober.limits import HALF

LARGEST = 64 * 1024
"""Bytes of a secret's file."""
SUFFIX = "_file"
_TOKEN = re.compile(r"eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+", re.ASCII)
_UNLIKE = (
    "holds no access token. Give one as `lk token create --list --create` prints it: "
    "eyJ…, three parts with dots between."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """A target's secrets: variables for its templates, and LiveKit's key or token."""

    variables: Mapping[str, str] = field(repr=False)
    key: Access | None


def variable_names(target: Target) -> frozenset[str]:
    """The variables that the target's secrets are."""
    names = (name.removesuffix(SUFFIX) for name in target.secrets)
    return frozenset(name for name in names if re.fullmatch(VARIABLE, name) and name not in BUILT_IN)


def written_out(key: str) -> str:
    """What to do with a secret that stands in the file itself."""
    return (
        f"is written into the file. Put it into the environment and write `{key}: ${{NAME}}`, "
        f"or into a file of its own and write `{key}{SUFFIX}: PATH`."
    )


def resolve(
    target: Target, path: Place, directory: File, environment: Mapping[str, str]
) -> tuple[Secrets, list[Problem]]:
    """The target's secrets as far as they can be had, and why others cannot."""
    sources = _Sources(directory, environment)
    variables = {}
    problems = list(_misnamed(target, (*path, "secrets")))
    for name, given in target.secrets.items():
        value = sources.look_up(name, given, (*path, "secrets", name))
        variables[name.removesuffix(SUFFIX)] = value
    key = None if target.livekit is None else _key(target.livekit, (*path, "livekit"), sources)
    return Secrets(variables=variables, key=key), problems + sources.problems


def _misnamed(target: Target, path: Place) -> Iterator[Problem]:
    for name in target.secrets:
        variable = name.removesuffix(SUFFIX)
        if not re.fullmatch(VARIABLE, variable):
            words = "is no name for a variable. Use letters, digits and _, not beginning with a digit."
        elif variable in BUILT_IN:
            words = f"{{{{ {variable} }}}} is there already. Choose another name."
        elif name != variable and variable in target.secrets:
            words = f"{variable} is given as well. Keep one of the two."
        else:
            continue
        yield Problem(path=(*path, name), words=words)


def _key(livekit: LiveKit, path: Place, sources: "_Sources") -> Access:
    found = {}
    for name in ("token",) if livekit.presigned else ("api_key", "api_secret"):
        given = name if getattr(livekit, name) is not None else name + SUFFIX
        found[name] = sources.look_up(given, getattr(livekit, given), (*path, given))
    url = livekit.url
    if FROM_ENVIRONMENT.fullmatch(url):
        url = sources.look_up("url", url, (*path, "url"))
    if not livekit.presigned:
        return ApiKey(url=url, key=found["api_key"], secret=found["api_secret"])
    if found["token"] and not _TOKEN.fullmatch(found["token"]):
        sources.problems.append(Problem(path=(*path, given), words=_UNLIKE))
    return ApiToken(url=url, token=found["token"])


class _Sources:
    """The environment and the files, and what could not be had of them."""

    def __init__(self, directory: File, environment: Mapping[str, str]) -> None:
        self._directory = directory
        self._environment = environment
        self.problems: list[Problem] = []

    def look_up(self, name: str, given: str, path: Place) -> str:
        """The value, or an empty text and a problem more."""
        value, words = self._file(given) if name.endswith(SUFFIX) else self._variable(name, given)
        if HALF.search(value):
            value, words = "", f"{given} is no text in UTF-8. Set it to one."
        if CONTROL.search(value):
            value, words = "", f"{given} holds a line break or another control character. A secret is text on one line."
        if words:
            self.problems.append(Problem(path=path, words=words))
        return value

    def _variable(self, key: str, given: str) -> tuple[str, str]:
        named = FROM_ENVIRONMENT.fullmatch(given)
        if named is None:
            return "", written_out(key)
        value = self._environment.get(named[1], "")
        return value, "" if value else f"the environment has no {named[1]}, or an empty one. Set it before the start."

    def _file(self, given: str) -> tuple[str, str]:
        try:
            with (self._directory / given).open("rb") as opened:
                raw = opened.read(LARGEST + 1)
            value = raw.decode().rstrip("\r\n")
        except OSError as error:
            return "", f"{given} cannot be read: {error.strerror}. Give the path of a file that holds the secret."
        except ValueError:
            return "", f"{given} is no text in UTF-8. Give the path of a file that holds the secret."
        if not value or len(raw) > LARGEST:
            return "", f"{given} is {'too large' if value else 'empty'}. Give the path of a file that holds the secret."
        return value, ""
