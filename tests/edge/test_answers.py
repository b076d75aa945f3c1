"""Variables found wherever a product puts them, and the words where it does not."""

import pytest
from aiohttp import web

from prober.core.plan import Extract, Session, SessionAt, Step, TrialEntry
from prober.core.reasons import Reason
from prober.core.steps import check_entry
from prober.entry.answers import CHARSETS, LARGEST, LONGEST_VALUE
from tests.edge.products import DETAILS, TOKEN, answering, one_step, recorder, refused, served, walked

FORM = """<!doctype html><title>Start</title>
<!-- <input name="csrf" value="in a comment"> -->
<script>var x = '<input name="csrf" value="in a script">';</script>
<form><input type=hidden name="other" value="1"><INPUT TYPE="hidden" VALUE="a&amp;b&quot;" NAME="csrf"/>
<input name="csrf" value="second"></form>"""
CALL = f"""<html><script>window.__CALL__ = {{"url":"wss://livekit.example","jwt":"{TOKEN}"}};</script></html>"""


async def found(extract: Extract, handler: object) -> str:
    """The value that the next step gets."""
    got: list[str] = []

    async def second(request: web.Request) -> web.Response:
        got.append(request.headers["X-Got"])
        return web.json_response(DETAILS)

    async with served(("GET", "/", handler), ("GET", "/two", second)) as origin:  # type: ignore[arg-type]
        one = Step(name="one", method="GET", url=origin, extract={"v": extract})
        two = Step(name="two", method="GET", url=f"{origin}/two", headers={"X-Got": "{{ v }}"})
        entry = TrialEntry(steps=(one, two), email="")
        check_entry(entry)
        await walked(entry, recorder())
    return got[0]


async def test_a_hidden_form_field() -> None:
    page = answering(FORM.encode(), content_type="text/html")
    assert await found(Extract(source="field", at="csrf"), page) == 'a&b"'


async def test_a_group_of_a_pattern_in_a_script() -> None:
    page = answering(CALL.encode(), content_type="text/html")
    assert await found(Extract(source="regex", at=r'"jwt":"([^"]+)"'), page) == TOKEN


async def test_a_pattern_sees_the_page_in_its_own_charset() -> None:
    async def latin(_request: web.Request) -> web.Response:
        return web.Response(body="id=é7".encode("latin-1"), headers={"Content-Type": "text/html; charset=latin-1"})

    assert await found(Extract(source="regex", at="id=(.7)"), latin) == "é7"


@pytest.mark.parametrize("charset", ["klingon", "punycode", "idna", "undefined", "unicode_escape", "zlib", "rot13"])
async def test_any_other_charset_is_read_as_utf_8(charset: str) -> None:
    async def odd(_request: web.Request) -> web.Response:
        body = b"id=7 \\u0041 \xff id-" + b"b9" * 10_000
        return web.Response(body=body, headers={"Content-Type": f"text/html; charset={charset}"})

    assert await found(Extract(source="regex", at=r"id=(7 .u)"), odd) == r"7 \u"


@pytest.mark.parametrize("charset", sorted(CHARSETS))
def test_nothing_that_is_no_text_in_a_charset_is_an_error(charset: str) -> None:
    assert bytes(range(256)).decode(charset, "replace")


@pytest.mark.parametrize("rest", ["<![s3cr3t[", "<!s3cr3t[<![", "<a href='&#" + "9" * 5000 + ";'>", "<!-- s3cr3t"])
async def test_a_field_is_found_before_what_no_parser_can_read(rest: str) -> None:
    page = answering(f'<input name="csrf" value="7">{rest}'.encode(), content_type="text/html")
    assert await found(Extract(source="field", at="csrf"), page) == "7"


async def test_a_page_that_no_parser_can_read_is_not_quoted() -> None:
    page = answering(b"<![s3cr3t[ <input name=csrf value=7>", content_type="text/html")
    async with served(("GET", "/", page)) as origin:
        error = await refused(one_step(origin, extract={"v": Extract(source="field", at="csrf")}))
    assert (error.reason, "s3cr3t" in str(error)) == (Reason.TRIAL_MALFORMED, False)


async def test_a_header() -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(headers={"X-Trial": "t-7"})

    assert await found(Extract(source="header", at="x-trial"), handler) == "t-7"


@pytest.mark.parametrize("path", ["/", "/elsewhere"])
async def test_a_cookie_even_one_for_another_path(path: str) -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(headers={"Set-Cookie": f"sid=a%3Db; Path={path}; HttpOnly"})

    assert await found(Extract(source="cookie", at="sid"), handler) == "a%3Db"


async def test_a_cookie_that_a_redirect_set_or_an_earlier_step() -> None:
    got: list[str] = []

    async def start(_request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Set-Cookie": "sid=first; Path=/", "Location": "/end"})

    async def second(request: web.Request) -> web.Response:
        got.append(request.query["a"] + request.query["b"])
        return web.json_response(DETAILS)

    sid = Extract(source="cookie", at="sid")
    async with served(("GET", "/", start), ("GET", "/end", answering({})), ("GET", "/two", second)) as origin:
        steps = (
            Step(name="one", method="GET", url=origin, extract={"a": sid}),
            Step(name="again", method="GET", url=f"{origin}/end", extract={"b": sid}),
            Step(name="two", method="GET", url=origin + "/two?a={{ a }}&b={{ b }}"),
        )
        await walked(TrialEntry(steps=steps, email=""), recorder())
    assert got == ["firstfirst"]


@pytest.mark.parametrize(
    ("extract", "words"),
    [
        (Extract(source="header", at="X-Trial"), "the answer has no header X-Trial"),
        (Extract(source="cookie", at="sid"), "no cookie sid was set"),
        (Extract(source="regex", at="id=([0-9]+)"), "the answer (text/html) holds nothing that id=([0-9]+) finds"),
        (Extract(source="regex", at="page(x)?"), "the answer (text/html) holds nothing that page(x)? finds"),
        (Extract(source="field", at="csrf"), "the answer (text/html) has no form field csrf with a value"),
        (Extract(source="field", at="empty"), "the answer (text/html) has no form field empty with a value"),
        (Extract(source="query", at="trial"), "the final URL's query has no trial"),
        (Extract(source="json", at="/trial"), "answered text/html where JSON was expected"),
    ],
)
async def test_a_variable_that_is_not_there(extract: Extract, words: str) -> None:
    page = answering(b'<p>a page</p><input name="empty" value=""><input name="line" value="a\nb">', 200, "text/html")
    async with served(("GET", "/", page)) as origin:
        error = await refused(one_step(origin, extract={"v": extract}))
    assert (error.reason, str(error)) == (Reason.TRIAL_MALFORMED, f"step details: {words}")


@pytest.mark.parametrize("extract", [Extract(source="regex", at="(a)"), Extract(source="field", at="a")])
async def test_a_page_that_is_too_large_to_be_searched(extract: Extract) -> None:
    async with served(("GET", "/", answering(b"a" * 10_000_000))) as origin:
        error = await refused(one_step(origin, extract={"v": extract}))
    assert (error.reason, f"larger than {LARGEST} bytes" in str(error)) == (Reason.TRIAL_MALFORMED, True)


async def test_a_value_that_is_no_value_any_more() -> None:
    async with served(("GET", "/", answering(b"a" * (LONGEST_VALUE + 1)))) as origin:
        error = await refused(one_step(origin, extract={"v": Extract(source="regex", at="(a+)")}))
    assert str(error) == f"step details: the regex (a+) is longer than {LONGEST_VALUE} characters"


async def test_a_pattern_without_end_is_our_own_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prober.bounded.WITHIN", 0.05)
    async with served(("GET", "/", answering(b"a" * 60 + b"!"))) as origin:
        error = await refused(one_step(origin, extract={"v": Extract(source="regex", at="((?:a+)+)$")}))
    assert (error.reason, str(error)) == (
        Reason.PROBER_INTERNAL,
        "step details: the pattern ((?:a+)+)$ did not come to an end within 0.05 s",
    )


# The session by templates


async def test_a_session_out_of_a_page() -> None:
    async with served(("GET", "/", answering(CALL.encode(), content_type="text/html"))) as origin:
        entry = TrialEntry(
            steps=one_step(
                origin,
                extract={
                    "url": Extract(source="regex", at=r'"url":"([^"]+)"'),
                    "jwt": Extract(source="regex", at=r'"jwt":"([^"]+)"'),
                },
            ).steps,
            email="",
            session=SessionAt(server_url="{{ url }}", token="{{ jwt }}"),
        )
        check_entry(entry)
        session = await walked(entry, recorder())
    assert session == Session(url="wss://livekit.example", room="trial_7", token=TOKEN)


async def test_what_the_templates_leave_open_is_in_the_last_answer() -> None:
    document = {"roomName": "other", "data": {"jwt": TOKEN}}
    async with served(("GET", "/", answering(document))) as origin:
        step = one_step(origin, extract={"jwt": Extract(source="json", at="/data/jwt")}).steps
        session = SessionAt(server_url="wss://{{ target }}.example", token="{{ jwt }}")
        found = await walked(TrialEntry(steps=step, email="", session=session), recorder())
    assert found == Session(url="wss://shop.example", room="other", token=TOKEN)
    async with served(("GET", "/", answering(DETAILS | {"serverUrl": ""}))) as origin:
        session = SessionAt(server_url="wss://livekit.example", room="room-{{ random }}")
        found = await walked(TrialEntry(steps=one_step(origin).steps, email="", session=session), recorder())
    assert found == Session(url="wss://livekit.example", room="room-0a1b2c3d", token=TOKEN)


async def test_a_json_body_with_templates_at_any_depth() -> None:
    got: list[object] = []

    async def handler(request: web.Request) -> web.Response:
        got.append(await request.json())
        return web.json_response(DETAILS)

    async with served(("POST", "/", handler)) as origin:
        body = {"room": {"names": ["{{ target }}-{{ random }}"]}, "count": 1, "meta": '{"a":{"b":"{{ key }}"}}'}
        await walked(one_step(origin, method="POST", json=body), recorder(), secrets={"key": "s3cr3t"})
    assert got == [{"room": {"names": ["shop-0a1b2c3d"]}, "count": 1, "meta": '{"a":{"b":"s3cr3t"}}'}]


@pytest.mark.parametrize("value", ["..", "../admin"])
async def test_an_answer_cannot_lead_up_a_path(value: str) -> None:
    async with served(("GET", "/", answering({"id": value}))) as origin:
        one = Step(name="one", method="GET", url=origin, extract={"id": Extract(source="json", at="/id")})
        two = Step(name="two", method="DELETE", url=origin + "/trials/{{ id }}")
        error = await refused(TrialEntry(steps=(one, two), email=""))
    assert (error.reason, str(error)) == (
        Reason.TRIAL_MALFORMED,
        "step two: its URL is none with the variables in it",
    )
