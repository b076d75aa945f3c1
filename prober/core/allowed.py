"""Where a run may go: what is wrong with a URL or an address, in words that name the setting. Resolves nothing."""

import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from yarl import URL

from prober.core.plan import Allowed

LONGEST_HOST = 253
"""Characters of a host's name: no longer one resolves (RFC 1035, 2.3.4)."""

_NAT64 = IPv6Network("64:ff9b::/96")
_HOST = re.compile(r"[a-z0-9_.:-]*", re.ASCII | re.IGNORECASE)
"""With another character in it (`%`) two readers of one URL may end at two hosts: LiveKit's SDK decodes it."""


def problem(url: URL, allowed: Allowed) -> str | None:
    """Why a run may not go to this URL, or None; a name's addresses are `is_private`'s, once it is resolved."""
    host = _plain(url.host)
    if len(host) > LONGEST_HOST:
        return f"a host whose name is longer than {LONGEST_HOST} characters"
    if not _HOST.fullmatch(url.raw_host or ""):
        return f"{host}, which is no host's name: it may hold letters, digits, dots and hyphens"
    if not any(_matches(host, pattern) or _matches(_plain(url.raw_host), pattern) for pattern in allowed.hosts):
        return f"{host or 'an address without a host'}, a host that allow.hosts does not name"
    if not allowed.plaintext and url.scheme in {"http", "ws"}:
        return f"{host} without TLS ({url.scheme}://), which allow.plaintext forbids"
    if not allowed.private and looks_like_address(host) and is_private(host):
        return private_words(host)
    return None


def private_words(host: str) -> str:
    """The words for a host that is, or resolves to, a private address."""
    return f"{host}, a private address, which allow.private_addresses forbids"


def looks_like_address(host: str) -> bool:
    """Whether this is no name: it is connected to without asking anybody (`127.1` and `2130706433` too)."""
    return ":" in host or host.replace(".", "").isdigit()


def is_private(address: str) -> bool:
    """Whether an address is not one of the public Internet's; what cannot be read is taken for private."""
    try:
        found = ip_address(address)
    except ValueError:
        return True
    found = _inside(found) or found
    return found.is_multicast or not found.is_global


def _inside(address: IPv4Address | IPv6Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 address leads to, if it does."""
    if isinstance(address, IPv4Address):
        return None
    nat64 = IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None
    return address.ipv4_mapped or address.sixtofour or nat64


def _plain(host: str | None) -> str:
    return (host or "").lower().rstrip(".")


def _matches(host: str, pattern: str) -> bool:
    pattern = _plain(pattern)
    if pattern == "*":
        return True
    return host.endswith(pattern[1:]) and len(host) >= len(pattern) if pattern.startswith("*.") else host == pattern
