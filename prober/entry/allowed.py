"""Keeps a run where it may go: each request and each of its redirects is looked at before it is connected to."""

import asyncio
import socket
import ssl
from collections.abc import Collection

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from prober.core.allowed import is_private, looks_like_address, private_words, problem
from prober.core.plan import Allowed, Session
from prober.core.reasons import Reason, RunFault
from prober.core.words import authority

RESOLVE_WITHIN = 5.0
"""Seconds given to the name of the LiveKit server."""

FOR_ANYBODY = frozenset({"accept", "accept-language", "content-type", "cookie"})
"""Headers of a step that a redirect to another host keeps: they hold no secret, or (cookie) are the jar's by then."""


class NotAllowedError(Exception):
    """The run may not go there; the text completes "it leads to …" and names the setting."""


class Guard:
    """A middleware of aiohttp, which sees every request of a session, redirects too, before it is sent.

    A step's own headers stay with the origin that the step names, and its https twin: aiohttp itself takes only
    `Authorization` and `Cookie` away. A body with a secret in it goes to no other origin either.
    """

    def __init__(self, allowed: Allowed) -> None:
        self.allowed = allowed
        self._headers: Collection[str] = ()
        self._secret_body = False
        self._home: URL | None = None

    def begin(self, url: URL, headers: Collection[str], *, secret_body: bool) -> None:
        """Name what the next request, to this URL, and its redirects carry."""
        self._home, self._headers, self._secret_body = url.origin(), headers, secret_body

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Send the request, or raise NotAllowedError."""
        found = problem(request.url, self.allowed)
        if found is not None:
            raise NotAllowedError(found)
        if not self._at_home(request.url):
            if self._secret_body and request.method not in {"GET", "HEAD"}:
                raise NotAllowedError(f"{request.url.host}, another host, which must not get the secret in its body")
            for name in self._headers:
                if name.lower() not in FOR_ANYBODY:
                    request.headers.popall(name, None)
        return await handler(request)

    def _at_home(self, url: URL) -> bool:
        home = self._home
        if home is None or url.origin() == home:
            return True
        return (home.scheme, url.scheme) == ("http", "https") and url.host == home.host


def connector(allowed: Allowed, *, ssl: ssl.SSLContext | bool = True) -> aiohttp.TCPConnector:
    """Connections to public addresses alone, where nothing else is allowed: those that were looked at."""
    return aiohttp.TCPConnector(
        ssl=ssl, resolver=None if allowed.private else PublicResolver(aiohttp.DefaultResolver())
    )


class PublicResolver(AbstractResolver):
    """Resolves names to their public addresses alone; a URL with an address in it never comes here: see `Guard`."""

    def __init__(self, resolver: AbstractResolver) -> None:
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The public addresses of the host. Raises NotAllowedError where it has others only."""
        found = await self._resolver.resolve(host, port, family)
        public = [one for one in found if not is_private(one["host"])]
        if not public:
            raise NotAllowedError(private_words(host))
        return public

    async def close(self) -> None:
        """Close the resolver behind this one."""
        await self._resolver.close()


async def check_server(session: Session, allowed: Allowed, *, within: float = RESOLVE_WITHIN) -> None:
    """Raises RunFault where the run may not join there.

    The SDK resolves the name once more: what is looked at here are the addresses of this moment, and the time for it is
    part of the join, as it is for a customer. Where private addresses are forbidden, a name must have some that
    can be looked at.
    """
    url = URL(session.url)
    found = problem(url, allowed)
    host = url.raw_host or ""
    if found is None and not allowed.private and not looks_like_address(host):
        try:
            async with asyncio.timeout(within):
                addresses = await asyncio.get_running_loop().getaddrinfo(host, url.port, type=socket.SOCK_STREAM)
        except TimeoutError:
            raise RunFault(
                Reason.SERVER_UNREACHABLE, f"the name of {authority(url)} did not resolve within {within:g} s"
            ) from None
        except (OSError, UnicodeError):
            raise RunFault(Reason.SERVER_UNREACHABLE, f"the name of {authority(url)} does not resolve") from None
        if any(is_private(str(where[0])) for *_, where in addresses):
            found = private_words(host)
    if found is not None:
        raise RunFault(Reason.TRIAL_MALFORMED, f"the session's server is {found}")
