"""Who may change anything: whoever has the token, and programs on this machine. Pure but for reading the token's file.

A browser on this machine is asked by every page that somebody opens in it. So a request counts as one from this
machine only if it comes from a loopback address, through no proxy, to a loopback name (a foreign name that leads here
is DNS rebinding), and from no other site.
"""

import hmac
import ipaddress
import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from aiohttp import web
from multidict import CIMultiDict

from prober.watch.web.site import SITE

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
SHORTEST = 16
"""Characters of a token; less can be guessed."""
PROXIED = ("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Forwarded", "Via")
"""Headers that somebody between a client and us adds."""


class TokenError(ValueError):
    """The token cannot be used; the text is one plain sentence without it."""


class Refusal(Exception):  # noqa: N818 - an answer
    """Not allowed: the sentence says why. `with_token`: a (right) token would help."""

    def __init__(self, why: str, *, with_token: bool) -> None:
        super().__init__(why)
        self.with_token = with_token


def read_token(file: Path) -> str:
    """The token in this file. Raises TokenError."""
    try:
        return checked_token(file.read_text(encoding="utf-8").strip(), str(file))
    except UnicodeDecodeError as error:
        raise TokenError(f"The token in {file} is no text.") from error
    except OSError as error:
        raise TokenError(f"The token in {file} cannot be read: {error.strerror}.") from error


def checked_token(token: str, where: str) -> str:
    """The token, which is to be found `where`, if it can be one. Raises TokenError."""
    if len(token) < SHORTEST:
        raise TokenError(f"The token in {where} has fewer than {SHORTEST} characters.")
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise TokenError(f"The token in {where} holds something other than printable ASCII characters without spaces.")
    return token


def check(peer: str | None, headers: Mapping[str, str], token: str | None) -> None:
    """Whether the request of this peer with these headers (whatever their case) may change something.

    Raises Refusal. A token that is given is judged, wherever it comes from.
    """
    given = headers.get("Authorization")
    if given is not None:
        scheme, _, secret = given.partition(" ")
        right = token is not None and hmac.compare_digest(
            secret.strip().encode(errors="replace"), token.encode(errors="replace")
        )
        if scheme.lower() != "bearer" or not right:
            raise Refusal("The token is not the canary's.", with_token=True)
        return
    if not _is_loopback(peer) or any(name in headers for name in PROXIED):
        raise Refusal("This may be asked from the canary's own machine, or with its token.", with_token=True)
    host = headers.get("Host", "")
    if not _names_this_machine(host):
        raise Refusal("The header Host has to be localhost or a loopback address.", with_token=False)
    if headers.get("Origin", f"http://{host}") != f"http://{host}" or headers.get("Sec-Fetch-Site", "none") not in {
        "none",  # typed or opened by the user
        "same-origin",
    }:
        raise Refusal("A page of another site may not ask this.", with_token=False)


def changing(handler: Handler) -> Handler:
    """The handler, for those only who may change something."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        token = request.app[SITE].token
        try:
            check(request.remote, request.headers, token)
        except Refusal as refusal:
            if refusal.with_token and token is not None:
                raise web.HTTPUnauthorized(
                    text=f"{refusal}\n", headers=CIMultiDict({"WWW-Authenticate": 'Bearer realm="livekit-prober"'})
                ) from refusal
            raise web.HTTPForbidden(text=f"{refusal}\n") from refusal
        return await handler(request)

    return guarded


def _is_loopback(host: str | None) -> bool:
    try:
        address = ipaddress.ip_address(host or "")
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _names_this_machine(host: str) -> bool:
    """Whether a Host header names this machine by a name that no DNS can lead elsewhere."""
    found = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.]+))(?::[0-9]+)?", host)
    name = "" if found is None else (found[1] or found[2]).lower()
    return name == "localhost" or _is_loopback(name)
