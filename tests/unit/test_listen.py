"""Where to listen, as an operator writes it."""

import errno
import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prober.watch.web.listen import Listen, ListenError, parsed, unavailable


@pytest.mark.parametrize(
    ("text", "host", "port", "url"),
    [
        ("127.0.0.1:9765", "127.0.0.1", 9765, "http://127.0.0.1:9765"),
        ("[::1]:9765", "::1", 9765, "http://[::1]:9765"),
        ("localhost:0", "localhost", 0, "http://localhost:0"),
        ("canary.example.com:80", "canary.example.com", 80, "http://canary.example.com:80"),
        ("0.0.0.0:65535", "0.0.0.0", 65535, "http://127.0.0.1:65535"),  # noqa: S104 - read, not bound
        ("[::]:9765", "::", 9765, "http://[::1]:9765"),
    ],
)
def test_what_is_understood(text: str, host: str, port: int, url: str) -> None:
    assert parsed(text) == Listen(host, port)
    assert parsed(text).url(port) == url
    assert str(parsed(text)) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no HOST:PORT"),
        ("9765", "no HOST:PORT"),
        ("127.0.0.1", "no HOST:PORT"),
        ("::1:9765", "in brackets"),
        ("http://127.0.0.1:9765", "no HOST:PORT"),
        ("127.0.0.1:", "no HOST:PORT"),
        ("127.0.0.1:-1", "no HOST:PORT"),
        ("127.0.0.1:٣", "no HOST:PORT"),
        ("127.0.0.1:65536", "more than 65535"),
        (":9765", "names no host"),
        ("[]:9765", "no IPv6 address"),
        ("[127.0.0.1]:9765", "no IPv6 address"),
        ("127.0.0.256:9765", "neither a name nor an address"),
        ("127.1:9765", "neither a name nor an address"),
        ("two words:9765", "neither a name nor an address"),
        ("a..b:9765", "neither a name nor an address"),
        ("-x:9765", "neither a name nor an address"),
    ],
)
def test_what_is_not(text: str, why: str) -> None:
    with pytest.raises(ListenError, match=why):
        parsed(text)


@given(st.one_of(st.ip_addresses(), st.from_regex(r"[a-z][a-z0-9]{0,20}", fullmatch=True)), st.integers(0, 65535))
def test_an_address_reads_as_it_is_written(
    host: str | ipaddress.IPv4Address | ipaddress.IPv6Address, port: int
) -> None:
    assert parsed(str(Listen(str(host), port))) == Listen(str(host), port)


@given(st.text())
def test_nonsense_is_one_sentence(text: str) -> None:
    try:
        parsed(text)
    except ListenError as error:
        assert str(error).endswith(".")  # noqa: PT017 - where it does not raise it is fine too


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (
            OSError(errno.EADDRINUSE, "in use"),
            "the port is in use, perhaps by another canary; --listen chooses another",
        ),
        (OSError(errno.EADDRNOTAVAIL, "not available"), "that is no address of this machine"),
        (OSError("could not bind on any address"), "that is no address of this machine"),
        (OSError(errno.EACCES, "denied"), "this user may not use that port"),
        (OSError(errno.EMFILE, "Too many open files"), "Too many open files"),
        (socket.gaierror(socket.EAI_NONAME, "unknown"), "the name is not known"),
    ],
)
def test_why_it_cannot_be_is_one_sentence(error: OSError, why: str) -> None:
    told = str(unavailable(Listen("::1", 9765), error))
    assert told.startswith(f"The canary cannot listen on [::1]:9765: {why}")
    assert told.endswith(".")
