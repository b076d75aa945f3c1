"""The steps of a trial flow: the usual flow behind a page's URL, templates, and their check before any run."""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from jsonpointer import JsonPointer, JsonPointerException
from yarl import URL

from prober.core.plan import Extract, Step, TrialEntry

BUILT_IN = frozenset({"run_id", "unix_ms", "email"})
"""Variables that every step knows."""

OUR_HEADERS = frozenset({"user-agent", "x-synthetic-probe"})
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")

_VARIABLE = re.compile(r"\{\{\s*([A-Za-z_]\w*)\s*\}\}")


def trial_steps(trial_url: str) -> TrialEntry:
    """The flow of the usual page with a Start Trial button: see the page, ask for a trial, fetch connection details.

    Raises ValueError when the URL is no http or https URL.
    """
    page = _web_url(trial_url, "the trial URL")
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


def fill(template: str, variables: Mapping[str, str]) -> str:
    """The template with its variables put in. Raises KeyError for an unknown one: `check_steps` has looked."""
    return _VARIABLE.sub(lambda found: variables[found[1]], template)


def fill_url(template: str, variables: Mapping[str, str]) -> str:
    """As `fill`; values are percent-encoded."""
    return fill(template, {name: quote(value, safe="") for name, value in variables.items()})


def check_entry(entry: TrialEntry) -> None:
    """Raises ValueError, in words for who wrote the configuration, where the entry cannot be walked."""
    _check_template(entry.email, {"run_id", "unix_ms"}, "the e-mail pattern")
    check_steps(entry.steps)


def check_steps(steps: Sequence[Step]) -> None:
    """Raises ValueError, in words for who wrote the configuration, where the steps cannot be walked."""
    if not steps:
        raise ValueError("the trial has no steps; at least one is needed, whose JSON answer holds the session")
    names = [step.name for step in steps]
    known = set(BUILT_IN)
    for step in steps:
        if names.count(step.name) > 1:
            raise ValueError(f"two steps are named {step.name!r}; records tell steps apart by name")
        _check_step(step, known)
        known |= step.extract.keys()


def _check_step(step: Step, known: set[str]) -> None:
    where = f"step {step.name!r}"
    if step.method not in METHODS:
        raise ValueError(f"{where}: method {step.method!r} is none of {', '.join(METHODS)}")
    _check_template(step.url, known, f"{where}, url")
    _web_url(_VARIABLE.sub("x", step.url), f"{where}, url")
    if step.json is not None and step.form is not None:
        raise ValueError(f"{where} has both json and form; a request has one body")
    for part, texts in (("headers", step.headers), ("json", step.json or {}), ("form", step.form or {})):
        for key, text in texts.items():
            _check_template(text, known, f"{where}, {part} {key!r}")
    for header in step.headers:
        if header.lower() in OUR_HEADERS:
            raise ValueError(f"{where}: header {header!r} is the prober's own mark and cannot be set")
    if not step.expect:
        raise ValueError(f"{where} expects no status; name at least one, such as 200")
    for status in step.expect:
        if not 200 <= status <= 599:
            raise ValueError(f"{where} expects status {status}; a final status is between 200 and 599")
        if 300 <= status <= 399:
            raise ValueError(f"{where} expects {status}; redirects are followed, so expect the status they lead to")
    for name, extract in step.extract.items():
        _check_extract(name, extract, where)


def _check_extract(name: str, extract: Extract, where: str) -> None:
    if not _VARIABLE.fullmatch(f"{{{{{name}}}}}"):
        raise ValueError(f"{where} extracts {name!r}; a variable's name is letters, digits and _")
    if name in BUILT_IN:
        raise ValueError(f"{where} extracts {name!r}, which every step knows already; choose another name")
    if extract.source == "json":
        try:
            JsonPointer(extract.at)
        except JsonPointerException:
            raise ValueError(f"{where}, {name!r}: {extract.at!r} is no JSON pointer; one looks like /data/id") from None
    elif not extract.at:
        raise ValueError(f"{where}, {name!r}: the query key is empty")


def _check_template(text: str, known: set[str], where: str) -> None:
    for name in _VARIABLE.findall(text):
        if name not in known:
            raise ValueError(f"{where} uses {{{{ {name} }}}}, which is not known there; {', '.join(sorted(known))} are")
    rest = _VARIABLE.sub("", text)
    if "{{" in rest or "}}" in rest:
        raise ValueError(f"{where} has braces that are no variable; one looks like {{{{ email }}}}")


def _web_url(text: str, where: str) -> URL:
    try:
        url = URL(text)
        _ = url.port
    except ValueError:
        raise ValueError(f"{where}: {text!r} is no URL") from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError(f"{where}: {text!r} is no URL with http:// or https:// and a host")
    return url
