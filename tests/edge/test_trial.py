"""The trial walked against real local servers: good days, and each way in which a product lets its caller down."""

import asyncio
import errno
import os
import socket
from pathlib import Path

import jwt
import msgspec
import pytest
from aiohttp import web

from prober import USER_AGENT
from prober.core.events import HttpMoment, SessionGranted, TrialRequested
from prober.core.plan import Allowed, Deadlines, Extract, Session, Step, TrialEntry
from prober.core.reasons import Reason, RunFault
from prober.core.steps import trial_steps
from prober.entry.answers import LARGEST
from prober.entry.token import validate
from tests.edge.products import (
    CERTIFICATE,
    DETAILS,
    EMAIL,
    RUN,
    TOKEN,
    answering,
    holds_no_secret,
    moments,
    one_step,
    page,
    plan_of,
    recorder,
    refused,
    served,
    walked,
)
from tests.edge.servers import saying

# The usual flow


async def test_the_usual_flow_ends_in_a_session_and_every_moment_is_in_order() -> None:
    seen: list[web.BaseRequest] = []
    posted: list[object] = []

    async def start(request: web.Request) -> web.Response:
        seen.append(request)
        posted.append(await request.json())
        raise web.HTTPSeeOther("/call?trial=a/b%26c")

    async def details(request: web.Request) -> web.Response:
        seen.append(request)
        return web.json_response(DETAILS)

    routes = (
        ("GET", "/start", page),
        ("POST", "/api/trial", start),
        ("GET", "/call", page),
        ("GET", "/api/connection-details", details),
    )
    to = recorder()
    async with served(*routes) as origin:
        host = origin.removeprefix("http://")
        session = await walked(trial_steps(f"{origin}/start?utm=1"), to)

    assert session == Session(url="wss://livekit.example/", room="trial_7", token=TOKEN)
    assert posted == [{"email": EMAIL}]
    assert seen[1].query["trial"] == "a/b&c"
    assert {request.headers["User-Agent"] for request in seen} == {USER_AGENT}
    assert {request.headers["X-Synthetic-Probe"] for request in seen} == {RUN}
    assert all("visit" in request.cookies for request in seen)

    assert isinstance(to.events[0], TrialRequested)
    assert isinstance(to.events[-1], SessionGranted)
    assert (to.events[-1].server, to.events[-1].room) == ("wss://livekit.example", "trial_7")
    assert moments(to.events, "page") == [("sent", host), ("connected", host), ("first_byte", "200"), ("done", "200")]
    assert moments(to.events, "start") == [
        ("sent", host),
        ("connected", host),  # still, as the next one is
        ("redirected", f"{origin}/call"),
        ("connected", host),
        ("first_byte", "200"),
        ("done", "200"),
    ]
    assert [event.at for event in to.events] == sorted(event.at for event in to.events)
    holds_no_secret(repr(to.events))


async def test_names_are_resolved_before_the_connection() -> None:
    to = recorder()
    async with served(("GET", "/", answering(DETAILS))) as origin:
        await walked(one_step(origin.replace("127.0.0.1", "localhost")), to)
    assert [what for what, _ in moments(to.events, "details")] == [
        "sent",
        "resolved",
        "connected",
        "first_byte",
        "done",
    ]


async def test_tcp_and_tls_are_timed_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    to = recorder()
    async with served(("GET", "/", answering(DETAILS)), tls=True) as origin:
        await walked(one_step(origin.replace("127.0.0.1", "localhost")), to)
    found = {event.what: event.at for event in to.events if isinstance(event, HttpMoment)}
    assert list(found) == ["sent", "resolved", "connected", "tls", "first_byte", "done"]
    assert found["connected"] < found["tls"]


async def test_each_run_has_its_own_cookies() -> None:
    cookies: list[str | None] = []

    async def handler(request: web.Request) -> web.Response:
        cookies.append(request.headers.get("Cookie"))
        response = web.json_response(DETAILS)
        response.headers["Set-Cookie"] = 'state={"a":1}; Path=/'
        return response

    async with served(("GET", "/", handler)) as origin:
        step = Step(name="one", method="GET", url=origin)
        twice = TrialEntry(steps=(step, msgspec.structs.replace(step, name="two")), email="")
        await walked(twice, recorder())
        await walked(twice, recorder())
    assert cookies == [None, 'state={"a":1}', None, 'state={"a":1}']


async def test_variables_go_into_urls_headers_and_forms() -> None:
    seen: dict[str, str] = {}

    async def first(_request: web.Request) -> web.Response:
        return web.json_response({"data": {"csrf": "x&y=1", "number": 7}})

    async def second(request: web.Request) -> web.Response:
        form = await request.post()
        seen.update({key: str(value) for key, value in form.items()} | dict(request.query))
        seen["header"] = request.headers["X-CSRF"]
        return web.json_response(DETAILS)

    async with served(("GET", "/", first), ("POST", "/{number}", second)) as origin:
        steps = (
            Step(
                name="one",
                method="GET",
                url=origin,
                extract={
                    "csrf": Extract(source="json", at="/data/csrf"),
                    "number": Extract(source="json", at="/data/number"),
                },
            ),
            Step(
                name="two",
                method="POST",
                url=origin + "/{{number}}?csrf={{ csrf }}&mail={{ email }}",
                headers={"X-CSRF": "{{ csrf }}"},
                form={"at": "{{ unix_ms }}", "mail": "{{ email }}"},
            ),
        )
        await walked(TrialEntry(steps=steps, email="probe+{{ unix_ms }}@example.com"), recorder())
    mail = "probe+1700000000123@example.com"
    assert seen == {"csrf": "x&y=1", "mail": mail, "at": "1700000000123", "header": "x&y=1"}


# What the last step may call its fields


@pytest.mark.parametrize("names", [("server_url", "participant_token", "room_name"), ("wsUrl", "accessToken", "room")])
async def test_the_usual_names_of_fields(names: tuple[str, str, str]) -> None:
    document = dict(zip(names, ("ws://livekit.example", TOKEN, "other"), strict=True))
    async with served(("GET", "/", answering(document))) as origin:
        session = await walked(one_step(origin), recorder())
    assert session == Session(url="ws://livekit.example", room="other", token=TOKEN)


async def test_a_room_that_only_the_token_names() -> None:
    async with served(("GET", "/", answering({"url": "ws://livekit.example", "token": TOKEN}))) as origin:
        assert (await walked(one_step(origin), recorder())).room == "trial_7"


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"roomName": "r", "participantToken": TOKEN}, "no text in serverUrl or server_url or url or wsUrl"),
        ({"serverUrl": "wss://h", "roomName": "r"}, "no text in participantToken or"),
        ({"serverUrl": "wss://h", "token": 7}, "no text in participantToken or"),
        ({"serverUrl": "h:7880", "token": TOKEN}, "the server URL has no ws://"),
        ({"serverUrl": "wss://h:x", "token": TOKEN}, "the server URL has no ws://"),
        ({"serverUrl": "https://", "token": TOKEN}, "the server URL has no ws://"),
        ({"serverUrl": f"wss://{'a.' * 127}", "token": TOKEN}, "the server URL has no ws://"),
        ([TOKEN], "no object with serverUrl"),
        (b"", "answered application/json where JSON was expected"),
        (b"[" * 200_000, "answered application/json where JSON was expected"),
        (b'{"serverUrl": "\xff"}', "answered application/json where JSON was expected"),
    ],
)
async def test_an_answer_that_a_caller_cannot_use(document: object, words: str) -> None:
    async with served(("GET", "/", answering(document))) as origin:
        error = await refused(one_step(origin))
    assert error.reason is Reason.TRIAL_MALFORMED
    assert str(error).startswith("step details: ")
    assert words in str(error)


async def test_neither_answer_nor_token_names_a_room() -> None:
    document = {"url": "ws://livekit.example", "token": jwt.encode({"sub": "caller"}, "k" * 32)}
    async with served(("GET", "/", answering(document))) as origin:
        error = await refused(one_step(origin))
    assert (error.reason, "names a room" in str(error)) == (Reason.TRIAL_MALFORMED, True)


async def test_html_instead_of_json() -> None:
    async with served(("GET", "/", page)) as origin:
        error = await refused(one_step(origin))
    assert (error.reason, str(error)) == (
        Reason.TRIAL_MALFORMED,
        "step details: answered text/html where JSON was expected",
    )


@pytest.mark.parametrize(
    "body", [b"{}", b'{"id": ""}', b'{"id": null}', b'{"id": {}}', b'{"id": "a\\nb"}', b"[]", b"3"]
)
async def test_a_variable_that_the_answer_lacks(body: bytes) -> None:
    async with served(("GET", "/", answering(body))) as origin:
        error = await refused(one_step(origin, extract={"id": Extract(source="json", at="/id")}))
    assert (error.reason, str(error)) == (
        Reason.TRIAL_MALFORMED,
        "step details: the answer has no text at /id (application/json)",
    )


async def test_a_final_url_without_the_query_that_names_the_trial() -> None:
    async with served(("GET", "/", page), ("POST", "/api/trial", answering({}))) as origin:
        error = await refused(trial_steps(origin))
    assert (error.reason, str(error)) == (Reason.TRIAL_MALFORMED, "step start: the final URL's query has no trial")


async def test_ten_megabytes_are_no_answer() -> None:
    async with served(("GET", "/", answering(b'{"a": "' + b"x" * 10_000_000 + b'"}'))) as origin:
        error = await refused(one_step(origin))
    assert (error.reason, "larger than" in str(error)) == (Reason.TRIAL_MALFORMED, True)


async def test_a_large_page_is_seen_without_its_rest() -> None:
    async with served(("GET", "/page", answering(b"x" * (LARGEST * 2))), ("GET", "/", answering(DETAILS))) as origin:
        steps = (Step(name="page", method="GET", url=f"{origin}/page"), *one_step(origin).steps)
        await walked(TrialEntry(steps=steps, email=""), recorder())


async def test_long_headers_are_read_as_browsers_read_them() -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.json_response(DETAILS, headers={"Content-Security-Policy": "x" * 30_000})

    async with served(("GET", "/", handler)) as origin:
        await walked(one_step(origin), recorder())


async def test_a_variable_that_spoils_its_url() -> None:
    async with served(("GET", "/", answering({"port": "99999"}))) as origin:
        one = Step(name="one", method="GET", url=origin, extract={"port": Extract(source="json", at="/port")})
        two = Step(name="two", method="GET", url="http://127.0.0.1:{{ port }}/")
        error = await refused(TrialEntry(steps=(one, two), email=""))
    assert error.reason is Reason.TRIAL_MALFORMED
    assert str(error).startswith("step two: ")


async def test_an_answer_that_breaks_off() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"{")
        assert request.transport is not None
        request.transport.close()
        return response

    async with served(("GET", "/", handler)) as origin:
        error = await refused(one_step(origin))
    assert (error.reason, "broke off" in str(error)) == (Reason.TRIAL_MALFORMED, True)


# Refusals


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (403, Reason.TRIAL_REJECTED),
        (404, Reason.TRIAL_REJECTED),
        (422, Reason.TRIAL_REJECTED),
        (429, Reason.PROBER_THROTTLED),
        (500, Reason.TRIAL_REJECTED),
        (204, Reason.TRIAL_REJECTED),
    ],
)
async def test_a_status_that_was_not_expected(status: int, reason: Reason) -> None:
    async with served(("GET", "/", answering({}, status=status))) as origin:
        error = await refused(one_step(origin))
    assert (error.reason, str(error)) == (reason, f"step details: status {status}")


@pytest.mark.parametrize("key", ["error", "message", "detail"])
async def test_a_refusal_is_quoted_without_secrets(key: str) -> None:
    said = f"No seat for {EMAIL}\n or {TOKEN}\x1b[31m, see https://product.example/why?trial=1&x=2 " + "z" * 200
    async with served(("GET", "/", answering({key: said}, status=422))) as origin:
        error = await refused(one_step(origin))
    assert str(error).startswith(
        "step details: status 422, saying: No seat for [hidden] or [token] [31m, see https://product.example/why zzz"
    )
    assert len(str(error)) < 170


async def test_extracted_variables_are_not_quoted() -> None:
    async with served(
        ("GET", "/", answering({"csrf": "s3cr3t-value"})),
        ("POST", "/", answering({"error": "bad csrf s3cr3t-value"}, status=403)),
    ) as origin:
        one = Step(name="one", method="GET", url=origin, extract={"csrf": Extract(source="json", at="/csrf")})
        two = Step(name="two", method="POST", url=origin, json={"csrf": "{{ csrf }}"})
        error = await refused(TrialEntry(steps=(one, two), email=""))
    assert str(error) == "step two: status 403, saying: bad csrf [hidden]"


async def test_session_cookies_are_not_quoted() -> None:
    async def handler(_request: web.Request) -> web.Response:
        response = web.json_response({"error": "session s3cr3t-value, language de, is over"}, status=403)
        response.set_cookie("sid", "s3cr3t-value")
        response.set_cookie("lang", "de")
        return response

    async with served(("GET", "/", handler)) as origin:
        error = await refused(one_step(origin))
    assert str(error) == "step details: status 403, saying: session [hidden], language de, is over"


async def test_our_secrets_are_told_nowhere() -> None:
    secret = "acme-s3cr3t"
    details = {**DETAILS, "serverUrl": f"wss://{secret}.example/", "roomName": f"{'x' * 114}{secret}"}

    async def away(_request: web.Request) -> web.Response:
        raise web.HTTPFound(f"http://{secret}.example/on")

    routes = ("GET", "/in", answering(details)), ("GET", "/away", away)
    async with served(*routes, ("GET", "/odd", answering(b"x", content_type=f"text/{secret}"))) as origin:
        to, secrets = recorder(), {"login": secret}
        session = await walked(one_step(f"{origin}/in"), to, secrets=secrets)
        gone = recorder()
        left = await refused(
            one_step(f"{origin}/away"), to=gone, secrets=secrets, allowed=Allowed(hosts=("127.0.0.1",))
        )
        odd = await refused(one_step(f"{origin}/odd"), secrets=secrets)
    assert (session.url, session.room) == (details["serverUrl"], details["roomName"])
    assert "acme-" not in f"{to.events}{gone.events}{left}{odd}"
    assert "it leads to [hidden].example" in str(left)
    assert "answered text/[hidden] where JSON was expected" in str(odd)


@pytest.mark.parametrize("hosts", [("127.0.0.1",), ("*",)], ids=["forbidden", "unreachable"])
async def test_a_redirect_tells_nothing_of_what_the_product_handed_out(hosts: tuple[str, ...]) -> None:
    async def here(_request: web.Request) -> web.Response:
        response = web.json_response({"csrf": "velvet-harbor"})
        response.set_cookie("sid", "orchid-lantern")
        return response

    async def led(_request: web.Request) -> web.Response:
        away = "http://orchid-lantern.velvet-harbor.brandnew-cookie.invalid/p/brandnew-cookie"
        response = web.Response(status=302, headers={"Location": away})
        response.set_cookie("new", "brandnew-cookie")
        return response

    async with served(("GET", "/", here), ("GET", "/led", led)) as origin:
        one = Step(name="one", method="GET", url=origin, extract={"csrf": Extract(source="json", at="/csrf")})
        two = Step(name="two", method="GET", url=f"{origin}/led")
        to = recorder()
        error = await refused(TrialEntry(steps=(one, two), email=""), to=to, allowed=Allowed(hosts=hosts))
    assert "[hidden].[hidden].[hidden].invalid" in str(error)
    told = f"{error}{to.events}"
    assert not [value for value in ("velvet", "orchid", "brandnew") if value in told]


async def test_a_refusal_whose_body_never_ends_is_still_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prober.entry.visit.WORDS_WITHIN", 0.05)
    over = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=503)
        await response.prepare(request)
        await over.wait()
        return response

    async with served(("GET", "/", handler)) as origin:
        error = await refused(one_step(origin))
        over.set()
    assert (error.reason, str(error)) == (Reason.TRIAL_REJECTED, "step details: status 503")


async def turning(request: web.Request) -> web.Response:
    left = int(request.query["left"])
    raise web.HTTPFound(f"/turn?left={left - 1}&trial=1" if left > 1 else "/")


async def test_ten_redirects_are_followed_and_recorded() -> None:
    to = recorder()
    async with served(("GET", "/turn", turning), ("GET", "/", answering(DETAILS))) as origin:
        await walked(one_step(f"{origin}/turn?left=10"), to)
    turns = [detail for what, detail in moments(to.events, "details") if what == "redirected"]
    assert turns == [f"{origin}/turn"] * 9 + [f"{origin}/"]


async def test_more_redirects_are_a_circle() -> None:
    async with served(("GET", "/turn", turning)) as origin:
        error = await refused(one_step(f"{origin}/turn?left=99&trial=1"))
    assert (error.reason, str(error)) == (Reason.TRIAL_REJECTED, "step details: redirected more than 10 times")


@pytest.mark.parametrize(
    ("location", "words"),
    [("http://[x/?trial=1", "no URL"), ("app://open?trial=1", "neither http nor https"), ("http://?trial=1", "no URL")],
)
async def test_a_redirect_to_nowhere(location: str, words: str) -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": location})

    async with served(("GET", "/", handler)) as origin:
        error = await refused(one_step(origin))
    assert (error.reason, words in str(error)) == (Reason.TRIAL_MALFORMED, True)


async def test_a_redirect_to_a_path_in_latin_1_leads_where_a_browser_goes() -> None:
    to, answer = (
        recorder(),
        b"HTTP/1.1 302 x\r\nLocation: /k\xe4se?v=\xe4\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
    )
    async with saying(answer) as where:
        error = await refused(one_step(f"http://{where}/"), to=to)
    assert error.reason is Reason.TRIAL_REJECTED
    assert ("redirected", f"http://{where}/k%E4se") in moments(to.events, "details")


async def test_a_host_that_is_no_line_is_neither_told_nor_kept() -> None:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": f"http://{'a.' * 9000}example/x"})

    to = recorder()
    async with served(("GET", "/", handler)) as origin:
        error = await refused(one_step(origin), to=to)
    assert error.reason is Reason.TRIAL_MALFORMED
    assert str(error) == "step details: it leads to a host whose name is longer than 253 characters"
    assert max(len(detail) for _, detail in moments(to.events, "details")) < 250


# Time


async def test_a_body_that_drips_is_cut_at_the_steps_deadline() -> None:
    gone = asyncio.Event()

    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b" ")
                await asyncio.sleep(0.01)  # the drip itself
        finally:
            gone.set()

    to = recorder()
    async with served(("GET", "/", drip)) as origin:
        error = await refused(one_step(origin), Deadlines(trial_step=0.5), to)
        await gone.wait()
    assert (error.reason, str(error)) == (
        Reason.TRIAL_TIMEOUT,
        "step details: no complete answer within 0.5 s; last seen: first_byte",
    )
    assert 0.5 <= to.elapsed() < 2


async def test_the_whole_trial_has_a_deadline_too() -> None:
    over = asyncio.Event()

    async def silent(_request: web.Request) -> web.Response:
        await over.wait()
        return web.Response()

    async with served(("GET", "/page", page), ("GET", "/", silent)) as origin:
        steps = (Step(name="page", method="GET", url=f"{origin}/page"), *one_step(origin).steps)
        error = await refused(TrialEntry(steps=steps, email=""), Deadlines(trial_step=10, trial=0.5))
        over.set()
    assert (error.reason, str(error)) == (
        Reason.TRIAL_TIMEOUT,
        "step details: the whole trial took longer than 0.5 s; last seen: connected",
    )


async def test_a_cancelled_walk_leaves_nothing_behind() -> None:
    asked = asyncio.Event()
    over = asyncio.Event()

    async def silent(_request: web.Request) -> web.Response:
        asked.set()
        await over.wait()
        return web.Response()

    async with served(("GET", "/", silent)) as origin:
        walking = asyncio.create_task(walked(one_step(origin), recorder()))
        await asked.wait()
        walking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await walking
        over.set()


# No connection


async def test_a_refused_port() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        to = recorder()
        error = await refused(one_step(f"http://127.0.0.1:{port}/?trial=1"), to=to)
    assert (error.reason, str(error)) == (
        Reason.TRIAL_UNREACHABLE,
        f"step details: 127.0.0.1:{port} refused the connection",
    )
    assert [type(event) for event in to.events] == [TrialRequested, HttpMoment]


async def test_a_name_that_does_not_resolve() -> None:
    error = await refused(one_step("https://product.invalid/?trial=1"))
    assert (error.reason, str(error)) == (
        Reason.TRIAL_UNREACHABLE,
        "step details: the name of product.invalid:443 does not resolve",
    )


async def test_a_certificate_that_nobody_signed() -> None:
    async with served(("GET", "/", page), tls=True) as origin:
        error = await refused(one_step(origin.replace("127.0.0.1", "localhost")))
    assert error.reason is Reason.TRIAL_UNREACHABLE
    assert "is not trusted: self-signed certificate" in str(error)


async def test_a_certificate_for_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    async with served(("GET", "/", page), tls=True) as origin:
        error = await refused(one_step(origin))
    assert error.reason is Reason.TRIAL_UNREACHABLE
    assert "is not trusted: IP address mismatch" in str(error)


@pytest.mark.parametrize("folder", ["nowhere", "."])
async def test_a_host_without_ca_certificates_judges_nobodys(
    folder: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "README").write_text("no certificate")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / folder))
    async with served(("GET", "/", page), tls=True) as origin:
        error = await refused(one_step(origin.replace("127.0.0.1", "localhost")))
        server = origin.partition(":")[2].replace("127.0.0.1", "localhost")
        with pytest.raises(RunFault) as caught:
            await validate(
                Session(url=f"wss:{server}", room="trial_7", token=TOKEN), recorder(), plan_of(one_step(origin))
            )
    told = f"this host has no CA certificates to judge {server[2:]} by: install ca-certificates, or set SSL_CERT_FILE"
    assert (error.reason, str(error)) == (Reason.PROBER_INTERNAL, f"step details: {told}")
    assert (caught.value.reason, str(caught.value)) == (Reason.PROBER_INTERNAL, told)


async def test_certificates_in_a_folder_are_some(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "0a1b2c3d.0").write_text("read when one of this hash is asked for")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", f"/nowhere:{tmp_path}")
    async with served(("GET", "/", page), tls=True) as origin:
        error = await refused(one_step(origin.replace("127.0.0.1", "localhost")))
    assert error.reason is Reason.TRIAL_UNREACHABLE


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        (
            errno.EADDRNOTAVAIL,
            Reason.PROBER_INTERNAL,
            "this host cannot connect to {}: Cannot assign requested address",
        ),
        (errno.EMFILE, Reason.PROBER_INTERNAL, "this host cannot connect to {}: Too many open files"),
        (errno.EPERM, Reason.PROBER_INTERNAL, "this host cannot connect to {}: Operation not permitted"),
        (errno.ENETUNREACH, Reason.TRIAL_UNREACHABLE, "no connection to {}: "),
    ],
)
async def test_a_connection_that_our_own_host_denies(
    code: int, reason: Reason, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def denied(_socket: socket.socket, _address: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", denied)
    error = await refused(one_step("http://127.0.0.1:9/in"))
    assert error.reason is reason
    assert str(error).startswith(f"step details: {words.format('127.0.0.1:9')}")


async def test_plain_http_where_tls_was_expected() -> None:
    async with served(("GET", "/", page)) as origin:
        error = await refused(one_step(origin.replace("http:", "https:")))
    assert (error.reason, "TLS with 127.0.0.1" in str(error)) == (Reason.TRIAL_UNREACHABLE, True)


@pytest.mark.parametrize(
    ("answer", "reason", "words"),
    [
        (b"", Reason.TRIAL_UNREACHABLE, "closed the connection without an answer"),
        (b"220 mail.example ESMTP\r\n", Reason.TRIAL_MALFORMED, "the answer is not HTTP"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
            Reason.TRIAL_MALFORMED,
            "unpacked",
        ),
    ],
)
async def test_something_else_listens_there(answer: bytes, reason: Reason, words: str) -> None:
    async with saying(answer) as where:
        error = await refused(one_step(f"http://{where}/?trial=1"))
    assert error.reason is reason
    assert words in str(error)
