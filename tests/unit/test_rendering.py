"""Whatever stands in a record, a page has the same elements: a text is no markup, and all of it can be seen."""

import base64
import hashlib
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest

from prober.core.plan import Scenario
from prober.core.record import RunRecord
from prober.sinks.keeper import State
from prober.watch.status import LineStatus
from prober.watch.web.pages import rendering
from prober.watch.web.pages.overview import overview
from prober.watch.web.pages.run import run_page
from prober.watch.web.pages.target import target_page
from tests import page_history
from tests.golden.regenerate import GOLDEN, read

EVIL = (
    "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*7 }}{% raw %}</title>`-->"
    "\x1b[31m\x00\u202egnp\u2028&lt;"
)
PLAIN = "word"


class Skeleton(HTMLParser):
    """The elements of a page, each with the names of its attributes; and all its links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.links: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]


def filled(value: Any, text: str, *, as_type: Any) -> Any:
    """The value with this text in each place that takes any text: found by trying."""

    def tried(body: Any, path: tuple[Any, ...]) -> None:
        part = body
        for step in path[:-1]:
            part = part[step]
        before, part[path[-1]] = part[path[-1]], text
        try:
            msgspec.convert(body, as_type)
        except msgspec.ValidationError:
            part[path[-1]] = before

    def strings(part: Any, path: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        if isinstance(part, str):
            return [path]
        pairs = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
        return [found for step, inner in pairs for found in strings(inner, (*path, step))]

    body = msgspec.json.decode(msgspec.json.encode(value))  # a tuple could not be filled
    for path in strings(body, ()):
        tried(body, path)
    return msgspec.convert(body, as_type)


def run_html(record: RunRecord) -> str:
    return rendering.page("run.html", page=run_page(record, None, recorded=False), root="../", refresh=0)


def assert_harmless(make: Callable[[str], str]) -> None:
    """The page of hostile texts has the elements of the page of plain ones, and shows no sign that cannot be seen."""
    plain, evil = Skeleton(make(PLAIN)), Skeleton(html := make(EVIL))
    assert evil.elements == plain.elements
    assert html.replace("\n", "").isprintable()
    assert "alert(1)" in html  # it is shown, as text
    assert "{{ 7*7 }}" in html  # and never run as a template
    assert all(not re.match(r"\s*(javascript|data|https?):|//", link) for link in evil.links if link != "data:,")


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.stem)
def test_no_text_of_a_record_is_markup(path: Path) -> None:
    record = read(path)
    labelled: RunRecord = msgspec.structs.replace(
        record, labels={"version": "1"}, left_behind=("room a: status 500",), started_at=record.started_at
    )

    def make(text: str) -> str:
        told: RunRecord = filled(labelled, text, as_type=RunRecord)
        return run_html(msgspec.structs.replace(told, labels={text: text}))

    assert filled(labelled, EVIL, as_type=RunRecord).message == EVIL
    assert_harmless(make)


def test_no_text_of_a_status_is_markup(tmp_path: Path) -> None:
    history = tmp_path / "history.db"
    page_history.keep(
        history,
        [
            *page_history.day("shop", minutes=8),
            page_history.made("shop", Scenario.JOIN, page_history.NOW - 9, page_history.absent()),
        ],
    )
    line = page_history.line(history, "shop", Scenario.JOIN)

    def status(text: str) -> Any:
        said = filled(line, text, as_type=LineStatus)
        return page_history.status(said, config_trouble=text, history=State(trouble=text), version=text)

    def target(text: str) -> str:
        made = status(text)
        page = target_page(made, made.lines[0].key.target, "6h", None, text)
        return rendering.page("target.html", page=page, root="../", refresh=15)

    assert_harmless(lambda text: rendering.page("overview.html", page=overview(status(text)), root="./", refresh=5))
    assert_harmless(target)


def test_no_text_of_a_record_that_is_not_understood_is_markup() -> None:
    assert_harmless(
        lambda text: rendering.page("unreadable.html", run_id="0" * 16, document=text, root="../", refresh=0)
    )
    assert_harmless(lambda text: rendering.page("sorry.html", sentence=text, root="../", refresh=0))


def test_line_breaks_stay_and_what_cannot_be_seen_is_a_sign() -> None:
    assert rendering.shown("a\nb") == "a\nb"
    assert rendering.shown("a\x1b[0m\u202e") == "a\N{REPLACEMENT CHARACTER}[0m\N{REPLACEMENT CHARACTER}"
    assert rendering.shown("grüße 東京 👋") == "grüße 東京 👋"


def test_what_stands_in_backticks_is_code_and_nothing_else_is_markup() -> None:
    assert rendering.prose("see `a<b>` & <i>") == "see <code>a&lt;b&gt;</code> &amp; &lt;i&gt;"
    assert rendering.prose("one ` alone") == "one ` alone"


def test_the_policy_allows_what_the_page_holds_and_nothing_else() -> None:
    html = run_html(read(GOLDEN / "pass_join.json"))
    policy = rendering.headers()["Content-Security-Policy"]
    for element in ("style", "script"):
        (body,) = re.findall(rf"<{element}>(.*?)</{element}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{element}-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
    assert not re.search(r"\sstyle=|\son\w+=", html)
