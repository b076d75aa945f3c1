"""A target's way in as a run takes it, and where it may go. Pure; what is wrong is told with its place."""

import re
from collections.abc import Iterator

import msgspec
from yarl import URL

from prober.config import entries
from prober.config.models import Target
from prober.config.problems import Place, Problem
from prober.config.secrets import variable_names
from prober.core import allowed as core
from prober.core.entries import SANDBOX_URL, check_direct, token_steps
from prober.core.misfit import MisfitError
from prober.core.plan import Allowed, DirectEntry, Extract, SessionAt, Step, TrialEntry
from prober.core.steps import check_entry, trial_steps
from prober.limits import LIVEKIT, NO_LIVEKIT, is_url

_MARKS = frozenset({"email", "identity", "attributes"})
"""The parts of an entry that stand under `marking` of the target."""


class WayError(Exception):
    """There is no such way in; the problem says where and why."""

    def __init__(self, path: Place, words: str) -> None:
        super().__init__(words)
        self.problem = Problem(path=path, words=words)


def way_in(target: Target, livekit: str | None, path: Place) -> TrialEntry | DirectEntry:
    """The entry of the target at this place as a run takes it. Raises WayError.

    `livekit` is the URL of its API key, if it has one.
    """
    entry = target.entry
    try:
        if entry.direct is not None:
            return _direct(entry.direct, target, livekit, path)
        if entry.token_endpoint is not None:
            return _token(entry.token_endpoint, target)
        assert entry.trial is not None  # noqa: S101 - the model has exactly one of three
        return _trial(entry.trial, target)
    except ValueError as error:
        found = error.place if isinstance(error, MisfitError) else ()
        raise WayError(_place(found, target, path), f"{error}.") from None


def allowed(target: Target, livekit: str | None) -> Allowed:
    """Where runs may go: the hosts that the entry and the API key name, and those of `allow`."""
    own = {URL(url).host or "" for _, url in _addresses(target, livekit, ()) if not _is_open(url)}
    return Allowed(
        hosts=tuple(dict.fromkeys((*sorted(own - {""}), *target.allow.hosts))),
        private=target.allow.private_addresses,
        plaintext=target.allow.plaintext,
    )


def trespasses(target: Target, livekit: str | None, path: Place) -> Iterator[Problem]:
    """Each address of a target with a way in that may not be gone to."""
    where = allowed(target, livekit)
    for place, text in _addresses(target, livekit, path):
        url = URL(text.replace("{{", "").replace("}}", "").replace(" ", ""))
        if url.user is not None or url.password is not None:
            words = "has a name or password in it. Put them under `secrets` and send them as a header: {{ name }}."
            yield Problem(path=place, words=words)
        elif where.plaintext is False and url.scheme in {"http", "ws"}:
            secure = {"http": "https", "ws": "wss"}[url.scheme]
            words = f"is {url.scheme}://, without TLS. Use {secure}://, or set `plaintext: true` under `allow`."
            yield Problem(path=place, words=words)
        elif where.private is False and not _is_open(text) and _is_private(url.host or ""):
            words = (
                f"leads to {url.host}, a private address. Set `private_addresses: true` under `allow` if it is meant."
            )
            yield Problem(path=place, words=words)


def own_hosts(target: Target, livekit: str | None) -> frozenset[str]:
    """The hosts that the target's entry and key name."""
    return frozenset(allowed(target, livekit).hosts) - frozenset(target.allow.hosts)


def check_livekit(url: str, path: Place) -> None:
    """Raises WayError where this is no URL of a LiveKit server."""
    if not is_url(url, LIVEKIT):
        raise WayError(path, NO_LIVEKIT)


def _is_private(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    return core.looks_like_address(host) and core.is_private(host)


def _is_open(url: str) -> bool:
    """Whether the host is a variable, known only in the run."""
    return "{{" in re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0]


def _addresses(target: Target, livekit: str | None, path: Place) -> Iterator[tuple[Place, str]]:
    """Every URL that the target names, with its place."""
    entry = target.entry
    if entry.trial is not None:
        if entry.trial.url is not None:
            yield (*path, "entry", "trial", "url"), entry.trial.url
        for key, steps in (("steps", entry.trial.steps or ()), ("cleanup", entry.trial.cleanup)):
            for index, step in enumerate(steps):
                yield (*path, "entry", "trial", key, index, "url"), step.url
    elif entry.token_endpoint is not None:
        yield (*path, "entry", "token_endpoint", "url"), entry.token_endpoint.url or SANDBOX_URL
    elif entry.direct is not None and entry.direct.url is not None:
        yield (*path, "entry", "direct", "url"), entry.direct.url
    if livekit is not None:
        yield (*path, "livekit", "url"), livekit


def _place(found: Place, target: Target, path: Place) -> Place:
    """Where that stands in the file which was found wrong at this place of the entry."""
    if found and found[0] in _MARKS:
        return (*path, "marking", *found)
    if target.entry.token_endpoint is not None and found[:1] == ("steps",):
        found = found[2:] if set(found[2:3]) & {"url", "headers"} else ()  # the rest of its only step is ours
    return (*path, "entry", target.entry.kind, *found)


def _trial(trial: entries.Trial, target: Target) -> TrialEntry:
    made = TrialEntry(steps=_steps(trial.steps), email="") if trial.steps is not None else trial_steps(trial.url or "")
    made = msgspec.structs.replace(
        made,
        email=target.marking.email or trial_steps("https://x/").email,
        session=SessionAt(**trial.session.model_dump()),
        cleanup=_steps(trial.cleanup),
    )
    check_entry(made, variable_names(target))
    return made


def _steps(given: tuple[entries.Step, ...]) -> tuple[Step, ...]:
    return tuple(
        Step(
            name=step.name,
            method=step.method,
            url=step.url,
            headers=step.headers,
            json=step.json_,
            form=step.form,
            expect=step.expect.status,
            extract={name: _extract(extraction) for name, extraction in step.extract.items()},
        )
        for step in given
    )


def _extract(extraction: entries.Extraction) -> Extract:
    return msgspec.convert(_given(extraction), Extract)


def _given(extraction: entries.Extraction) -> dict[str, str]:
    ((source, at),) = extraction.model_dump(by_alias=True, exclude_none=True).items()
    return {"source": source, "at": at}


def _token(endpoint: entries.TokenEndpoint, target: Target) -> TrialEntry:
    return token_steps(
        endpoint.url,
        method=endpoint.method,
        headers=endpoint.headers,
        sandbox_id=endpoint.sandbox_id,
        agent_name=endpoint.agent_name,
        agent_metadata=endpoint.agent_metadata,
        room=endpoint.room,
        identity=target.marking.identity,
        attributes=target.marking.attributes,
        server_url_at=endpoint.server_url,
        token_at=endpoint.token,
        room_at=endpoint.room_name,
        secrets=variable_names(target),
    )


def _direct(direct: entries.Direct, target: Target, livekit: str | None, path: Place) -> DirectEntry:
    here = (*path, "entry", "direct")
    if livekit is None or target.livekit is None or target.livekit.presigned:
        words = (
            "needs LiveKit's API key. Give `livekit` with url, api_key and api_secret beside `entry`; no token will do."
        )
        raise WayError(here, words)
    if direct.url is not None:
        check_livekit(direct.url, (*here, "url"))
        if livekit and URL(direct.url).host != URL(livekit).host:
            raise WayError(
                (*here, "url"), "is another server than that of `livekit`, whose key opens it. Leave it out."
            )
    marking = target.marking
    made = DirectEntry(
        url=direct.url or livekit,
        agent_name=direct.agent_name,
        room=direct.room,
        metadata=direct.metadata,
        **{name: given for name in ("identity", "attributes") if (given := getattr(marking, name)) is not None},
    )
    check_direct(made)
    return made
