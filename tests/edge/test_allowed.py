"""Where a walk may go, and what it takes along when it is led elsewhere."""

import socket

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from prober.core.plan import Allowed, Session
from prober.core.reasons import Reason, RunFault
from prober.entry.allowed import NotAllowedError, PublicResolver, check_server
from prober.entry.token import validate
from tests.edge.products import (
    CERTIFICATE,
    DETAILS,
    TOKEN,
    Handler,
    answering,
    one_step,
    plan_of,
    recorder,
    refused,
    served,
    walked,
)

HERE = Allowed(hosts=("127.0.0.1",))


def noting(asked: list[str]) -> Handler:
    """A product that notes who comes."""

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.json_response(DETAILS)

    return handler


def leading_to(url: str, status: int = 302) -> Handler:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": url})

    return handler


@pytest.mark.parametrize(
    ("allowed", "words"),
    [
        (Allowed(hosts=("shop.example",)), "127.0.0.1, a host that allow.hosts does not name"),
        (Allowed(private=False), "127.0.0.1, a private address, which allow.private_addresses forbids"),
        (Allowed(plaintext=False), "127.0.0.1 without TLS (http://), which allow.plaintext forbids"),
    ],
)
async def test_a_step_may_not_go_there(allowed: Allowed, words: str) -> None:
    asked: list[str] = []
    async with served(("GET", "/", noting(asked))) as origin:
        error = await refused(one_step(origin), allowed=allowed)
    assert (error.reason, str(error)) == (Reason.TRIAL_MALFORMED, f"step details: it leads to {words}")
    assert asked == []


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("http://localhost:{port}/x?trial=1", "localhost, a host that allow.hosts does not name"),
        ("//metadata.internal/x", "metadata.internal, a host that allow.hosts does not name"),
        ("http://[::ffff:169.254.169.254]/", "::ffff:a9fe:a9fe, a host that allow.hosts does not name"),
    ],
)
async def test_a_redirect_may_not_go_there(to: str, words: str) -> None:
    asked: list[str] = []
    async with served(("GET", "/x", noting(asked))) as elsewhere:
        target = to.format(port=elsewhere.rpartition(":")[2])
        async with served(("GET", "/", leading_to(target))) as origin:
            error = await refused(one_step(origin), allowed=HERE)
    assert (error.reason, str(error)) == (Reason.TRIAL_MALFORMED, f"step details: it leads to {words}")
    assert asked == []


async def test_a_name_is_as_private_as_its_address() -> None:
    async with served(("GET", "/", answering(DETAILS))) as origin:
        there = origin.replace("127.0.0.1", "localhost")
        error = await refused(one_step(there), allowed=Allowed(private=False))
        await walked(one_step(there), recorder(), allowed=Allowed(hosts=("localhost",)))
    assert (error.reason, str(error)) == (
        Reason.TRIAL_MALFORMED,
        "step details: it leads to localhost, a private address, which allow.private_addresses forbids",
    )


class Table(AbstractResolver):
    """Knows one name."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in self._addresses
        ]

    async def close(self) -> None: ...


async def test_of_a_name_only_the_public_addresses_are_connected_to() -> None:
    found = await PublicResolver(Table("10.0.0.1", "8.8.8.8", "fd00::1")).resolve("shop.example", 443)
    assert [one["host"] for one in found] == ["8.8.8.8"]
    with pytest.raises(NotAllowedError, match=r"shop\.example, a private address"):
        await PublicResolver(Table("10.0.0.1", "::1")).resolve("shop.example", 443)


# What a redirect takes along


async def test_a_steps_own_headers_stay_with_its_host() -> None:
    seen: dict[str, dict[str, str]] = {}

    async def home(request: web.Request) -> web.Response:
        seen["home"] = dict(request.headers)
        if request.query:
            return web.Response(status=302, headers={"Location": request.query["to"]})
        return web.json_response(DETAILS)

    async def other(request: web.Request) -> web.Response:
        seen["other"] = dict(request.headers)
        return web.Response(status=302, headers={"Location": request.query["back"]})

    headers = {"X-Api-Key": "{{ key }}", "Authorization": "Bearer {{ key }}", "Cookie": "k={{ key }}", "Accept": "a/b"}
    async with served(("GET", "/", other)) as elsewhere, served(("GET", "/", home)) as origin:
        step = one_step(f"{origin}/?to={elsewhere}/?back={origin}/", headers=headers)
        await walked(step, recorder(), secrets={"key": "s3cr3t"}, user_agent="canary/1")
    assert "s3cr3t" not in str(seen["other"])
    assert seen["other"]["Accept"] == "a/b"
    assert (seen["other"]["User-Agent"], seen["other"]["X-Synthetic-Probe"]) == ("canary/1", "run-1234")
    assert seen["home"]["X-Api-Key"] == "s3cr3t"


async def test_a_steps_own_headers_go_on_to_the_https_twin_but_not_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    seen: list[str | None] = []

    async def handler(request: web.Request) -> web.Response:
        if "to" in request.query:
            return web.Response(status=302, headers={"Location": request.query["to"]})
        seen.append(request.headers.get("X-Api-Key"))
        return web.json_response(DETAILS)

    async with served(("GET", "/", handler)) as plain, served(("GET", "/", handler), tls=True) as sealed:
        here, twin = (origin.replace("127.0.0.1", "localhost") for origin in (plain, sealed))
        for start, end in ((here, twin), (twin, here)):
            await walked(one_step(f"{start}/?to={end}", headers={"X-Api-Key": "k3y"}), recorder())
    assert seen == ["k3y", None]


@pytest.mark.parametrize("status", [307, 308])
async def test_a_secret_in_a_body_is_not_carried_to_another_host(status: int) -> None:
    asked: list[str] = []

    async def other(request: web.Request) -> web.Response:
        asked.append(await request.text())
        return web.json_response(DETAILS)

    async with (
        served(("POST", "/", other)) as elsewhere,
        served(("POST", "/", leading_to(elsewhere, status))) as origin,
    ):
        error = await refused(
            one_step(origin, method="POST", json={"key": "{{ key }}"}), secrets={"key": "s3cr3t-value"}
        )
        assert (error.reason, str(error)) == (
            Reason.TRIAL_MALFORMED,
            "step details: it leads to 127.0.0.1, another host, which must not get the secret in its body",
        )
        assert asked == []
        await walked(one_step(origin, method="POST", json={"who": "{{ target }}"}), recorder())
    assert asked == ['{"who": "shop"}']


async def test_secrets_are_in_no_event_and_no_error() -> None:
    async def handler(request: web.Request) -> web.Response:
        if request.path == "/":
            return web.Response(status=302, headers={"Location": "/to/s3cr3t-value/end"})
        return web.json_response({"error": "wrong key s3cr3t-value"}, status=403)

    to = recorder()
    async with served(("GET", "/{path:.*}", handler)) as origin:
        error = await refused(one_step(origin, headers={"X-Key": "{{ key }}"}), to=to, secrets={"key": "s3cr3t-value"})
    assert str(error) == "step details: status 403, saying: wrong key [hidden]"
    assert "s3cr3t" not in repr(to.events)
    assert "/to/[hidden]/end" in repr(to.events)


async def test_a_secret_that_no_header_can_carry_is_our_own_trouble() -> None:
    async with served(("GET", "/", answering(DETAILS))) as origin:
        error = await refused(one_step(origin, headers={"X-Key": "{{ key }}"}), secrets={"key": "s3cr3t\nvalue"})
    assert (error.reason, str(error)) == (
        Reason.PROBER_INTERNAL,
        "step details: its headers, with the variables in them, cannot be sent",
    )


async def test_a_user_agent_that_no_header_can_carry_is_our_own_trouble() -> None:
    async with served(("GET", "/", answering(DETAILS))) as origin:
        error = await refused(one_step(origin), user_agent="canary\r\nX-Other: s3cr3t-value")
    assert error.reason is Reason.PROBER_INTERNAL
    assert "s3cr3t" not in str(error)


# The LiveKit server


@pytest.mark.parametrize(
    ("url", "allowed", "words"),
    [
        ("wss://lk.example", Allowed(hosts=("shop.example",)), "lk.example, a host that allow.hosts does not name"),
        ("ws://lk.example", Allowed(plaintext=False), "lk.example without TLS (ws://), which allow.plaintext forbids"),
        (
            "wss://10.0.0.7",
            Allowed(private=False),
            "10.0.0.7, a private address, which allow.private_addresses forbids",
        ),
        (
            "wss://localhost",
            Allowed(private=False),
            "localhost, a private address, which allow.private_addresses forbids",
        ),
    ],
)
async def test_a_server_that_must_not_be_joined(url: str, allowed: Allowed, words: str) -> None:
    session = Session(url=url, room="r", token=TOKEN)
    with pytest.raises(RunFault) as caught:
        await check_server(session, allowed)
    assert (caught.value.reason, str(caught.value)) == (
        Reason.TRIAL_MALFORMED,
        f"the session's server is {words}",
    )


async def test_a_server_that_may_be_joined() -> None:
    await check_server(Session(url="ws://127.0.0.1:7880", room="r", token=TOKEN), Allowed())
    await check_server(Session(url="wss://8.8.8.8", room="r", token=TOKEN), Allowed(private=False))
    await check_server(Session(url="wss://lk.invalid", room="r", token=TOKEN), Allowed())  # the join meets it too


@pytest.mark.parametrize(
    ("within", "words"), [(5.0, "does not resolve"), (0.0, "did not resolve within 0 s")], ids=["unknown", "slow"]
)
async def test_a_server_whose_addresses_cannot_be_looked_at_is_not_joined(within: float, words: str) -> None:
    session = Session(url="wss://lk.invalid:7881", room="r", token=TOKEN)
    with pytest.raises(RunFault) as caught:
        await check_server(session, Allowed(private=False), within=within)
    assert (caught.value.reason, str(caught.value)) == (
        Reason.SERVER_UNREACHABLE,
        f"the name of lk.invalid:7881 {words}",
    )


async def test_the_token_is_not_shown_to_a_private_address() -> None:
    asked: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request.path)
        return web.Response(text="success")

    async with served(("GET", "/rtc/validate", handler)) as origin:
        session = Session(url=origin.replace("127.0.0.1", "localhost"), room="r", token=TOKEN)
        with pytest.raises(RunFault, match="localhost, a private address"):
            await validate(session, recorder(), plan_of(one_step(origin), allowed=Allowed(private=False)))
        assert asked == []
        await validate(session, recorder(), plan_of(one_step(origin)))
    assert asked == ["/rtc/validate"]
