import html
import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from yarl import URL

from prober.core.hiding import hidden
from prober.core.templates import fill_url
from prober.core.words import harmless, place, whereabouts
from prober.recorder import Recorder

SECRETS = ("pa ss/w+rd=9", "a%20b%2fc", "100% sure", "plain-old-key", "schlüssel & co", "a+b c", "x[hidden")
WRITTEN: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "whole": lambda secret: quote(secret, safe=""),
    "as a path": quote,
    "as a form": quote_plus,
    "in small letters": lambda secret: quote(secret, safe="").lower(),
    "twice": lambda secret: quote(quote(secret, safe=""), safe=""),
    "by us": lambda secret: URL(fill_url("https://h/{{ key }}", {"key": secret})).raw_path[1:],
}


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("write", WRITTEN.values(), ids=WRITTEN)
def test_a_secret_is_hidden_however_it_is_written(secret: str, write: Callable[[str], str]) -> None:
    assert harmless(f"no key {write(secret)}!", hide=("other-secret", secret)) == "no key [hidden]!"
    path = place(URL(f"https://h/to/{write(secret)}/end", encoded=True), hide=(secret,))
    assert path == "https://h/to/[hidden]/end"


ECHOED: dict[str, Callable[[str], str]] = {
    "in capitals": str.upper,
    "base64": lambda secret: b64encode(secret.encode()).decode(),
    "base64 for URLs": lambda secret: urlsafe_b64encode(secret.encode()).decode(),
    "Basic": lambda secret: b64encode(f"prober:{secret}".encode()).decode(),
    "Basic of a longer name": lambda secret: b64encode(f"probers:{secret}".encode()).decode(),
    "base64 in a name": lambda secret: f"t_{b64encode(secret.encode()).decode()}",
    "percent-encoded base64": lambda secret: quote(b64encode(secret.encode()), safe=""),
    "HTML": html.escape,
    "HTML's numbers": lambda secret: "".join(f"&#{ord(letter)};" for letter in secret),
    "JSON in JSON": lambda secret: json.dumps(json.dumps(secret)[1:-1])[1:-1],
    "JSON with slashes": lambda secret: secret.replace("/", "\\/"),
    "JSON for HTML": lambda secret: secret.replace("&", "\\u0026").replace("'", "\\u0027"),
    "SQL": lambda secret: secret.replace("'", "\\'"),
}


@pytest.mark.parametrize("secret", [*SECRETS, "p&ss'w0rd/Zurich+7", "İstanbul 😀", "a?b>c~d", "four"])
@pytest.mark.parametrize("write", ECHOED.values(), ids=ECHOED)
def test_a_secret_is_hidden_in_what_a_refusal_makes_of_it(secret: str, write: Callable[[str], str]) -> None:
    assert harmless(f"no key {write(secret)} !", hide=("other-secret", secret)) == "no key [hidden] !"


def test_of_a_text_that_would_be_looked_through_for_too_long_nothing_is_shown() -> None:
    assert harmless("x" * 1_000_000, hide=[f"secret-{number}" for number in range(9)]) == "[hidden]"
    assert harmless("x" * 1_000_000, hide=["secret"]).startswith("xxx")


def test_what_is_decoded_to_be_hidden_is_still_one_printable_line() -> None:
    assert hidden(r"no\u000a::error::%0a&#10;secr\u0065t\ud83d", ["secret"]).isprintable()


def test_a_value_with_another_in_it_is_hidden_whole_and_short_ones_stay() -> None:
    assert harmless("key-1-long key-1 abc", hide=("key-1", "key-1-long", "abc")) == "[hidden] [hidden] abc"


TOKEN = "eyJpdiI6Ik5qZzRaVz09IiwidmFsdWUiOiJzM2NyM3QifQ"
CODE = "8f3a9c0d1e2f4a5b8f3a9c0d1e2f4a5b"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (f"CSRF mismatch: XSRF-TOKEN%3D{TOKEN}%3D%3D, go", "CSRF mismatch: XSRF-TOKEN%3D[token], go"),
        (f"bad header Bearer%20{TOKEN}/{CODE}+a=", "bad header Bearer%20[token]"),
        (f"access_token_{TOKEN}", "access_token_[token]"),
        ("a short token_eyJhbG", "a short token_[token]"),
        ("the keyJournal is gone", "the keyJournal is gone"),
        (f"see https://x/magic?{CODE} now", "see https://x/magic now"),
        ("call?%74oken%3Dabc", "call"),
        ("go to https://x/cb#access_token=gho_16C7e42F292c6912E7", "go to https://x/cb"),
        ("why?Because and issue #12, room#4711", "why?Because and issue #12, room#4711"),
        *(
            (f"no account john{at}example.com", "no account [e-mail]")
            for at in ("@", "%40", "%2540", "\uff20", r"\u0040")
        ),
        *(
            (f"no account john{at}example.com", "no account [e-mail]")
            for at in ("&#64;", "&#064;", "&#x40;", "&commat;")
        ),
    ],
)
def test_tokens_queries_and_addresses_are_not_told(said: str, shown: str) -> None:
    assert harmless(said) == shown


def test_of_a_token_with_a_secret_in_a_claim_no_part_is_told() -> None:
    token = "eyJhbGciOiJI.eyJhIjoiczNjcjN0LXZhbHVlIn0.c2lnbmF0dXJl"
    assert harmless(f"invalid token: {token}, error", hide=("s3cr3t-value",)) == "invalid token: [token], error"


def test_what_is_encoded_stays_so_where_nothing_is_to_be_hidden() -> None:
    assert harmless("caf%C3%A9 a+b 100%", hide=("secret",)) == "caf%C3%A9 a+b 100%"


def test_nothing_commands_what_runs_a_ci() -> None:
    assert harmless("no ##[add-mask]x and ###vso[task.complete] #1") == "no #[add-mask]x and #vso[task.complete] #1"


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/trial/start", "/trial/start"),
        ("/verify/9f8a7b6c5d4e3f2a1b", "/verify/…"),
        ("/i/550e8400-e29b-41d4-a716-446655440000/go", "/i/…/go"),
        ("/magic/" + "abcdefgh" * 4, "/magic/…"),
        ("/a-page-without-a-number", "/a-page-without-a-number"),
        ("/step-2", "/step-2"),
    ],
)
def test_a_segment_that_may_be_a_secret_is_not_shown(path: str, shown: str) -> None:
    assert place(URL(f"https://shop.example{path}?token=x#y")) == f"https://shop.example{shown}"


def test_an_error_is_told_by_its_kind_and_our_line() -> None:
    def now() -> float:
        return float("s3cr3t")

    with pytest.raises(ValueError, match="s3cr3t") as caught:
        Recorder(now, lambda _event: None)
    line = Recorder.__init__.__code__.co_firstlineno + 2
    assert whereabouts(caught.value) == f"ValueError at prober/recorder.py:{line}"
    assert whereabouts(KeyError("s3cr3t")) == "KeyError"
