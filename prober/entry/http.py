"""HTTP as the prober speaks it: marked as synthetic, each moment recorded, trouble translated into plain words."""

import errno
import os
import re
import ssl
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Literal

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from prober import USER_AGENT
from prober.core.events import HttpMoment
from prober.core.plan import Plan
from prober.core.reasons import Reason, RunFault
from prober.core.words import LONGEST, authority, harmless, place
from prober.entry.allowed import Guard, connector
from prober.entry.cookies import Cookies
from prober.limits import HALF
from prober.recorder import Recorder

PROBE_HEADER = "X-Synthetic-Probe"
MOST_REDIRECTS = 10
LONGEST_LINE = 64 * 1024
NO_TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=None)
"""aiohttp's own limits off: deadlines are the plan's."""

OUR_ERRORS = frozenset(
    {
        *(errno.EADDRNOTAVAIL, errno.ENOBUFS, errno.ENOMEM, errno.EMFILE, errno.ENFILE),
        *(errno.EPERM, errno.EACCES),
    }
)
"""Why a connection is not even tried: this host is out of ports, memory or descriptors, or its firewall forbids it."""

_HASHED = re.compile(r"[0-9a-f]{8}\.\d+")
"""Names by which OpenSSL finds certificates in a folder."""


def marks(plan: Plan) -> dict[str, str]:
    """The headers that tell every request of ours from a customer's."""
    return {"User-Agent": plan.user_agent or USER_AGENT, PROBE_HEADER: plan.run_id}


def over_http(livekit: str) -> URL:
    """What answers plain requests at LiveKit's URL."""
    url = URL(livekit)
    return url.with_scheme({"ws": "http", "wss": "https"}.get(url.scheme, url.scheme)).with_query(None)


class Moments:
    """Writes down the moments of the requests of one session, one request at a time, under the name of its step.

    No place is named with one of the `secrets` in it, nor one that a redirect led to with what was `learned`.
    """

    def __init__(
        self, recorder: Recorder, secrets: Collection[str] = (), learned: Callable[[], Collection[str]] = tuple
    ) -> None:
        self._recorder = recorder
        self._secrets = secrets
        self._learned = learned
        self._redirected = False
        self._step = ""
        self._url = URL()
        self.last = ""

    def begin(self, step: str) -> None:
        """Name the moments to come."""
        self._step, self._redirected = step, False
        self.last = "nothing"

    def done(self, status: int) -> None:
        """The answer was read, as far as anybody needs it."""
        self._record("done", str(status))

    @property
    def host(self) -> str:
        """Whom the request is at just now: redirects move it."""
        return self.told(authority(self._url))

    def told(self, where: str, *, longest: int = LONGEST) -> str:
        """Words about where the request is at just now, as they may be shown."""
        return harmless(where, hide=self._hide, longest=longest)

    @property
    def _hide(self) -> Collection[str]:
        return (*self._secrets, *self._learned()) if self._redirected else self._secrets

    def session(self, plan: Plan, guard: Guard, cookies: Cookies) -> aiohttp.ClientSession:
        """A browser in small: these cookies, one pool of connections, our marks on every request."""
        return aiohttp.ClientSession(
            connector=connector(guard.allowed, ssl=_Handshakes(self._handshake)),
            cookie_jar=cookies,
            response_class=_Response,
            headers=marks(plan),
            timeout=NO_TIMEOUT,
            middlewares=(guard,),
            # aiohttp refuses lines over 8 KiB; browsers do not, and policies, cookies and redirects grow longer.
            max_line_size=LONGEST_LINE,
            max_field_size=LONGEST_LINE,
            trace_configs=[self._traced()],
        )

    def _traced(self) -> aiohttp.TraceConfig:
        traced = aiohttp.TraceConfig()

        @traced.on_request_start.append
        async def _(_session: Any, _context: Any, request: aiohttp.TraceRequestStartParams) -> None:
            self._url = request.url
            self._record("sent", self.host)

        @traced.on_dns_resolvehost_end.append
        async def _(_session: Any, _context: Any, lookup: aiohttp.TraceDnsResolveHostEndParams) -> None:
            self._record("resolved", self.told(lookup.host))

        @traced.on_connection_create_end.append
        async def _(_session: Any, _context: Any, _created: aiohttp.TraceConnectionCreateEndParams) -> None:
            self._record("tls" if self._url.scheme == "https" else "connected", self.host)

        @traced.on_connection_reuseconn.append
        async def _(_session: Any, _context: Any, _reused: aiohttp.TraceConnectionReuseconnParams) -> None:
            self._record("connected", self.host)

        @traced.on_request_redirect.append
        async def _(_session: Any, _context: Any, redirect: aiohttp.TraceRequestRedirectParams) -> None:
            self._redirected = True
            try:
                self._url = redirect.url.join(URL(redirect.response.headers.get("Location", "")))
                self._record("redirected", place(self._url, hide=self._hide))
            except ValueError:
                return  # aiohttp refuses this address in a moment, with an error of its own

        @traced.on_request_end.append
        async def _(_session: Any, _context: Any, answer: aiohttp.TraceRequestEndParams) -> None:
            self._record("first_byte", str(answer.response.status))

        return traced

    def _handshake(self) -> None:
        self._record("connected", self.host)

    def _record(
        self, what: Literal["sent", "resolved", "connected", "tls", "first_byte", "redirected", "done"], detail: str
    ) -> None:
        self.last = what
        self._recorder.record(HttpMoment(at=self._recorder.elapsed(), step=self._step, what=what, detail=detail))


class _Response(aiohttp.ClientResponse):
    """As browsers do: a byte of `Location` that is no text goes on as that byte, percent-encoded."""

    @property
    def headers(self) -> CIMultiDictProxy[str]:
        told = super().headers
        location = told.get("Location", "")
        if not HALF.search(location):
            return told
        whole = CIMultiDict(told)
        whole["Location"] = HALF.sub(lambda half: f"%{ord(half[0]) & 0xFF:02X}", location)
        return CIMultiDictProxy(whole)


class _Handshakes(ssl.SSLContext):
    """The default context of a client, which also tells when a handshake begins: the TCP connection is up then.

    asyncio asks the context for a TLS object at that moment; aiohttp itself tells only when TLS is up too.
    """

    def __new__(cls, begins: Callable[[], None]) -> "_Handshakes":  # noqa: ARG004 - __init__ takes it
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, begins: Callable[[], None]) -> None:
        super().__init__()
        self._begins = begins
        self.load_default_certs()
        self.set_alpn_protocols(["http/1.1"])

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        self._begins()
        return super().wrap_bio(*args, **kwargs)


def unreachable(error: aiohttp.ClientConnectionError, where: str, reason: Reason, *, before: str = "") -> RunFault:
    """The fault that there is no connection to `where`: of this reason, or ours where this host is to blame.

    Its words, after those `before` them, are some that an operator can act on.
    """
    match error:
        case aiohttp.ClientConnectorDNSError():
            why = f"the name of {where} does not resolve"
        case aiohttp.ClientConnectorCertificateError() if _trusts_nobody():
            reason = Reason.PROBER_INTERNAL
            why = f"this host has no CA certificates to judge {where} by: install ca-certificates, or set SSL_CERT_FILE"
        case aiohttp.ClientConnectorCertificateError():
            certificate = error.certificate_error
            verified = getattr(certificate, "verify_message", "") or type(certificate).__name__
            why = f"the certificate of {where} is not trusted: {verified.rstrip('.')}"
        case aiohttp.ClientSSLError():
            why = f"TLS with {where} failed: {getattr(error.os_error, 'reason', None) or 'handshake broken off'}"
        case aiohttp.ClientConnectorError() if error.os_error.errno in OUR_ERRORS:
            reason = Reason.PROBER_INTERNAL
            why = f"this host cannot connect to {where}: {os.strerror(error.os_error.errno)}"
        case aiohttp.ClientConnectorError() if isinstance(error.os_error, ConnectionRefusedError):
            why = f"{where} refused the connection"
        case aiohttp.ClientConnectorError():
            why = f"no connection to {where}: {error.os_error.strerror or type(error.os_error).__name__}"
        case _:
            why = f"{where} closed the connection without an answer"
    return RunFault(reason, before + why)


def _trusts_nobody() -> bool:
    """Whether this host has no authority's certificate: no file of them, and no folder, which is read late."""
    paths = ssl.get_default_verify_paths()
    folders = map(Path, os.environ.get(paths.openssl_capath_env, paths.openssl_capath).split(os.pathsep))
    kept = any(_HASHED.fullmatch(file.name) for folder in folders if folder.is_dir() for file in folder.iterdir())
    return not kept and not ssl.create_default_context().cert_store_stats()["x509_ca"]
