"""The words with which a trial flow that cannot be walked is refused before any run."""

import re

import msgspec
import pytest

from prober.core.plan import Extract, SessionAt, Step, TrialEntry
from prober.core.steps import check_entry, check_steps, trial_steps

GOOD = Step(name="one", method="GET", url="https://shop.example/")
QUERY = Extract(source="query", at="trial")


def changed(**changes: object) -> tuple[Step, ...]:
    return (msgspec.structs.replace(GOOD, **changes),)


def test_the_usual_flow() -> None:
    entry = trial_steps("https://shop.example:8443/de/start?utm=1")
    assert entry.email == "livekit-prober+{{ run_id }}@example.com"
    assert [(step.name, step.method, step.url) for step in entry.steps] == [
        ("page", "GET", "https://shop.example:8443/de/start?utm=1"),
        ("start", "POST", "https://shop.example:8443/api/trial"),
        ("details", "GET", "https://shop.example:8443/api/connection-details?trial={{ trial }}"),
    ]


@pytest.mark.parametrize("url", ["", "shop.example", "ftp://shop.example/", "https://", "http://[x/", "http://x:y/"])
def test_what_is_no_trial_url(url: str) -> None:
    with pytest.raises(ValueError, match="the trial URL: "):
        trial_steps(url)


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ((), "the trial has no steps; at least one is needed, whose JSON answer holds the session"),
        ((GOOD, GOOD), "two steps are named 'one'; records tell steps apart by name"),
        (changed(method="get"), "step 'one': method 'get' is none of GET, POST, PUT, PATCH, DELETE"),
        (changed(url="/api"), "step 'one', url: '/api' is no URL with http:// or https:// and a host"),
        (
            changed(url="https://shop.example/{{ trail }}"),
            "step 'one', url uses {{ trail }}, which is not known there; email, random, run_id, target, unix_ms are",
        ),
        (
            # A variable is known from the step after the one that extracts it.
            changed(url="https://shop.example/{{ trial }}", extract={"trial": QUERY}),
            "step 'one', url uses {{ trial }}, which is not known there; email, random, run_id, target, unix_ms are",
        ),
        (
            changed(json={"id": "{{ trial-id }}"}),
            "step 'one', json 'id' has braces that are no variable; one looks like {{ run_id }}",
        ),
        (
            changed(headers={"X": "{{ email"}),
            "step 'one', headers 'X' has braces that are no variable; one looks like {{ run_id }}",
        ),
        (
            changed(form={"a": "{{x}}"}),
            "step 'one', form 'a' uses {{ x }}, which is not known there; email, random, run_id, target, unix_ms are",
        ),
        (changed(json={}, form={}), "step 'one' has both json and form; a request has one body"),
        (
            changed(headers={"USER-AGENT": "x"}),
            "step 'one': header 'USER-AGENT' is the prober's own mark and cannot be set",
        ),
        (
            changed(headers={"Host": "admin.example"}),
            "step 'one': header 'Host' is made from the URL and the body and cannot be set",
        ),
        (changed(expect=()), "step 'one' expects no status; name at least one, such as 200"),
        (changed(expect=(99,)), "step 'one' expects status 99; a final status is between 200 and 599"),
        (changed(expect=(303,)), "step 'one' expects 303; redirects are followed, so expect the status they lead to"),
        (changed(extract={"a-b": QUERY}), "step 'one' extracts 'a-b'; a variable's name is letters, digits and _"),
        (
            changed(extract={"email": QUERY}),
            "step 'one' extracts 'email', which every step knows already; choose another name",
        ),
        (
            changed(extract={"id": Extract(source="json", at="data.id")}),
            "step 'one', 'id': 'data.id' is no JSON pointer; one looks like /data/id",
        ),
        (
            changed(extract={"id": Extract(source="query", at="")}),
            "step 'one', 'id': the name of the query key is empty",
        ),
    ],
)
def test_steps_that_cannot_be_walked(steps: tuple[Step, ...], words: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole sentence is compared
        check_steps(steps)
    assert str(caught.value) == words


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        ("a-b", "the secret 'a-b' cannot be used; a variable's name is letters, digits and _"),
        ("email", "the secret 'email' has the name of a variable that every step knows; choose another"),
        ("trial", "step 'one' extracts 'trial', which is the name of a secret; choose another name"),
    ],
)
def test_secrets_that_cannot_be_used(secret: str, words: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole sentence is compared
        check_steps(changed(extract={"trial": QUERY}), {secret})
    assert str(caught.value) == words


def test_secrets_and_extracted_variables_are_known_to_the_session_and_to_clean_up() -> None:
    steps = changed(headers={"X-Key": "{{ key }}"}, extract={"trial": QUERY})
    end = msgspec.structs.replace(GOOD, name="end", url="https://shop.example/{{ trial }}?key={{ key }}")
    check_entry(TrialEntry(steps=steps, email="", session=SessionAt(room="{{ trial }}"), cleanup=(end,)), {"key"})
    for entry, words in (
        (
            TrialEntry(steps=steps, email="", session=SessionAt(token="{{ trail }}")),
            "the session's token uses {{ trail }}",
        ),
        (TrialEntry(steps=steps, email="", cleanup=(GOOD,)), "two steps are named 'one'"),
        (
            TrialEntry(steps=steps, email="", cleanup=(msgspec.structs.replace(end, url="https://x/{{ y }}"),)),
            "cleanup step 'end', url uses {{ y }}",
        ),
    ):
        with pytest.raises(ValueError, match=re.escape(words)):
            check_entry(entry, {"key"})


def test_an_email_pattern_knows_the_run_alone() -> None:
    with pytest.raises(ValueError, match=r"the e-mail pattern uses .* email .*, which is not known there"):
        check_entry(TrialEntry(steps=(GOOD,), email="{{ email }}"))
