"""The steps of a trial flow: the usual flow behind a page's URL, and the check of any flow before a run. Pure."""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType

from jsonpointer import JsonPointer, JsonPointerException
from yarl import URL

from prober.core.misfit import at
from prober.core.plan import Extract, Step, TrialEntry
from prober.core.templates import check_template, climbs, is_variable, names, texts, without_variables

BY_RUN = frozenset({"run_id", "unix_ms", "random", "target"})
"""Variables that come with the run itself; `random` is eight hexadecimal digits."""

BUILT_IN = BY_RUN | {"email"}
"""Variables that every step knows."""

OUR_HEADERS = frozenset({"user-agent", "x-synthetic-probe"})
MADE_HEADERS = frozenset({"host", "content-length", "transfer-encoding", "connection"})
_HEADER = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def trial_steps(trial_url: str) -> TrialEntry:
    """The flow of the usual page with a Start Trial button: see the page, ask for a trial, fetch connection details.

    Raises ValueError when the URL is no http or https URL.
    """
    page = web_url(trial_url, "the trial URL")
    origin = str(page.with_path("/")).rstrip("/")  # with the user and password, if it has them, as a browser keeps them
    entry = TrialEntry(
        email="livekit-prober+{{ run_id }}@example.com",
        steps=(
            Step(name="page", method="GET", url=trial_url),
            Step(
                name="start",
                method="POST",
                url=f"{origin}/api/trial",
                json={"email": "{{ email }}"},
                extract={"trial": Extract(source="query", at="trial")},
            ),
            Step(name="details", method="GET", url=f"{origin}/api/connection-details?trial={{{{ trial }}}}"),
        ),
    )
    check_entry(entry)
    return entry


def check_entry(entry: TrialEntry, secrets: Collection[str] = ()) -> None:
    """Raises ValueError, in words for who wrote the configuration, where the entry cannot be walked.

    It is a MisfitError where it is about a part of the entry. `secrets` are the names of the run's secrets.
    """
    with at("email"):
        check_template(entry.email, BY_RUN, "the e-mail pattern")
    known = check_steps(entry.steps, secrets)
    for part in ("server_url", "token", "room"):
        with at("session", part):
            check_template(getattr(entry.session, part) or "", known, f"the session's {part}")
    _check_names([step.name for step in (*entry.steps, *entry.cleanup)])
    for index, step in enumerate(entry.cleanup):
        with at("cleanup", index):
            known |= _check_step(step, known, secrets, f"cleanup step {step.name!r}")


def check_steps(steps: Sequence[Step], secrets: Collection[str] = ()) -> frozenset[str]:
    """The variables that are known after the steps.

    Raises ValueError, in words for who wrote the configuration, where the steps cannot be walked.
    """
    for name in secrets:
        if not is_variable(name):
            raise ValueError(f"the secret {name!r} cannot be used; a variable's name is letters, digits and _")
        if name in BUILT_IN:
            raise ValueError(f"the secret {name!r} has the name of a variable that every step knows; choose another")
    if not steps:
        raise ValueError("the trial has no steps; at least one is needed, whose JSON answer holds the session")
    _check_names([step.name for step in steps])
    known = BUILT_IN | frozenset(secrets)
    for index, step in enumerate(steps):
        with at("steps", index):
            known |= _check_step(step, known, secrets, f"step {step.name!r}")
    return known


def variables_of(step: Step) -> frozenset[str]:
    """The variables that a step needs: where one lacks, a clean-up step has nothing to undo."""
    return frozenset(names([step.url, step.headers, step.json, step.form]))


def web_url(text: str, where: str) -> URL:
    """The text as an http or https URL. Raises ValueError where it is none."""
    try:
        url = URL(text)
        _ = url.port
    except ValueError:
        raise ValueError(f"{where}: {text!r} is no URL") from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError(f"{where}: {text!r} is no URL with http:// or https:// and a host")
    return url


def _check_names(found: Sequence[str]) -> None:
    for name in found:
        if found.count(name) > 1:
            raise ValueError(f"two steps are named {name!r}; records tell steps apart by name")


def _check_step(step: Step, known: frozenset[str], secrets: Collection[str], where: str) -> frozenset[str]:
    if step.method not in METHODS:
        raise ValueError(f"{where}: method {step.method!r} is none of {', '.join(METHODS)}")
    with at("url"):
        check_template(step.url, known, f"{where}, url")
        web_url(without_variables(step.url, instead="x"), f"{where}, url")
        if climbs(step.url):
            raise ValueError(f"{where}, url has a part '.' or '..' in its path; write the path that it leads to")
    if step.json is not None and step.form is not None:
        with at("form"):
            raise ValueError(f"{where} has both json and form; a request has one body")
    for part, document in (("headers", step.headers), ("json", step.json), ("form", step.form)):
        for pointer, text in texts(document):
            inside = f" {pointer.removeprefix('/')!r}" if pointer else ""
            with at(part):
                check_template(text, known, f"{where}, {part}{inside}")
    for header in step.headers:
        with at("headers", header):
            _check_header(header, where)
    with at("expect"):
        _check_expected(step, where)
    for name, extract in step.extract.items():
        with at("extract", name):
            _check_extract(name, extract, secrets, where)
    return frozenset(step.extract)


def _check_header(header: str, where: str) -> None:
    if not _HEADER.fullmatch(header):
        raise ValueError(f"{where}: {header!r} is no name of a header")
    if header.lower() in OUR_HEADERS:
        raise ValueError(f"{where}: header {header!r} is the prober's own mark and cannot be set")
    if header.lower() in MADE_HEADERS:
        raise ValueError(f"{where}: header {header!r} is made from the URL and the body and cannot be set")


def _check_expected(step: Step, where: str) -> None:
    if not step.expect:
        raise ValueError(f"{where} expects no status; name at least one, such as 200")
    for status in step.expect:
        if not 200 <= status <= 599:
            raise ValueError(f"{where} expects status {status}; a final status is between 200 and 599")
        if 300 <= status <= 399:
            raise ValueError(f"{where} expects {status}; redirects are followed, so expect the status they lead to")


def _check_extract(name: str, extract: Extract, secrets: Collection[str], where: str) -> None:
    if not is_variable(name):
        raise ValueError(f"{where} extracts {name!r}; a variable's name is letters, digits and _")
    if name in BUILT_IN:
        raise ValueError(f"{where} extracts {name!r}, which every step knows already; choose another name")
    if name in secrets:
        raise ValueError(f"{where} extracts {name!r}, which is the name of a secret; choose another name")
    with at(extract.source):
        _AT[extract.source](extract, f"{where}, {name!r}")


def _check_pointer(extract: Extract, where: str) -> None:
    try:
        JsonPointer(extract.at)
    except JsonPointerException:
        raise ValueError(f"{where}: '{extract.at}' is no JSON pointer; one looks like /data/id") from None


def _check_pattern(extract: Extract, where: str) -> None:
    try:
        groups = re.compile(extract.at).groups
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"{where}: '{extract.at}' is no regular expression: {error}") from None
    if groups != 1:
        raise ValueError(f"{where}: '{extract.at}' has {groups} groups; it needs one, which is the value: (…)")


def _check_named(what: str) -> Callable[[Extract, str], None]:
    def check(extract: Extract, where: str) -> None:
        if not extract.at:
            raise ValueError(f"{where}: the name of the {what} is empty")

    return check


_AT: Mapping[str, Callable[[Extract, str], None]] = MappingProxyType(
    {
        "json": _check_pointer,
        "regex": _check_pattern,
        "header": _check_named("header"),
        "query": _check_named("query key"),
        "cookie": _check_named("cookie"),
        "field": _check_named("form field"),
    }
)
