"""Where the canary listens: `HOST:PORT` as an operator writes it, and why it cannot be, in one sentence."""

import errno
import ipaddress
import re
import socket

import msgspec

_HOST_PORT = re.compile(r"(?:\[(?P<v6>[^\[\]]*)\]|(?P<host>[^:\[\]]*)):(?P<port>[0-9]{1,5})")
_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?:\.(?!-)[A-Za-z0-9_-]{1,63})*\.?")
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - shown, not bound


class ListenError(ValueError):
    """The canary cannot listen there; the text is one plain sentence."""


class Listen(msgspec.Struct, frozen=True):
    """An address to listen on; port 0 is any that is free."""

    host: str = "127.0.0.1"
    port: int = 9765

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def url(self, port: int) -> str:
        """Where somebody on this machine finds what listens here on this port."""
        return f"http://{Listen(_EVERYWHERE.get(self.host, self.host), port)}"


def parsed(text: str) -> Listen:
    """The address that this text names. Raises ListenError."""
    found = _HOST_PORT.fullmatch(text)
    if found is None:
        raise ListenError(
            f"{text!r} is no HOST:PORT such as 127.0.0.1:9765; an IPv6 address stands in brackets: [::1]:9765."
        )
    if int(found["port"]) > 65_535:
        raise ListenError(f"The port of {text!r} is more than 65535.")
    if found["v6"] is not None:
        return Listen(_address(found["v6"], text), int(found["port"]))
    if not found["host"]:
        raise ListenError(
            f"{text!r} names no host: 127.0.0.1 is this machine alone, 0.0.0.0 all of its IPv4 addresses."
        )
    if _NAME.fullmatch(found["host"]) is None or _is_broken_v4(found["host"]):
        raise ListenError(f"The host of {text!r} is neither a name nor an address.")
    return Listen(found["host"], int(found["port"]))


def unavailable(listen: Listen, error: OSError) -> ListenError:
    """Why nothing can listen there, from what the system said."""
    reasons = {
        errno.EADDRINUSE: "the port is in use, perhaps by another canary; --listen chooses another",
        errno.EADDRNOTAVAIL: "that is no address of this machine",
        errno.EACCES: "this user may not use that port; those from 1024 on are free to all",
        None: "that is no address of this machine",  # where asyncio tried several
    }
    told = "the name is not known" if isinstance(error, socket.gaierror) else reasons.get(error.errno, error.strerror)
    return ListenError(f"The canary cannot listen on {listen}: {told}.")


def _address(text: str, whole: str) -> str:
    try:
        ipaddress.IPv6Address(text)
    except ValueError as error:
        raise ListenError(f"What stands in the brackets of {whole!r} is no IPv6 address.") from error
    return text


def _is_broken_v4(host: str) -> bool:
    """Digits and dots that are no address: the system would take `127.1` for something, or ask DNS for `1.2.3.400`."""
    if re.fullmatch(r"[0-9.]+", host) is None:
        return False
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return True
    return False
