import pytest
from yarl import URL

from prober.core.allowed import is_private, problem
from prober.core.plan import Allowed


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",  # noqa: S104 - nobody listens
        "192.0.2.1", "::", "::1", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "::ffff:127.0.0.1", "::ffff:a00:1",
        "64:ff9b::a00:1", "2002:7f00:1::", "127.1", "2130706433", "nonsense",
    ],
)  # fmt: skip
def test_private_addresses(address: str) -> None:
    assert is_private(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses(address: str) -> None:
    assert not is_private(address)


@pytest.mark.parametrize(
    ("pattern", "host", "within"),
    [
        ("*", "anything.example", True),
        ("shop.example", "SHOP.example.", True),
        ("Shop.Example", "shop.example", True),
        ("shop.example", "evilshop.example", False),
        ("shop.example", "shop.example.evil.example", False),
        ("*.shop.example", "a.b.shop.example", True),
        ("*.shop.example", "shop.example", False),
        ("*.shop.example", "evilshop.example", False),
        ("xn--bcher-kva.example", "bücher.example", True),
        ("bücher.example", "xn--bcher-kva.example", True),
    ],
)
def test_hosts(pattern: str, host: str, within: bool) -> None:
    found = problem(URL(f"https://{host}/"), Allowed(hosts=("other.example", pattern)))
    assert (found is None) == within
    assert within or "a host that allow.hosts does not name" in str(found)


@pytest.mark.parametrize(
    ("url", "allowed", "words"),
    [
        (
            "http://a.example/",
            Allowed(plaintext=False),
            "a.example without TLS (http://), which allow.plaintext forbids",
        ),
        ("ws://a.example/", Allowed(plaintext=False), "a.example without TLS (ws://), which allow.plaintext forbids"),
        ("wss://a.example/", Allowed(plaintext=False, private=False), None),
        (
            "https://10.0.0.7/",
            Allowed(private=False),
            "10.0.0.7, a private address, which allow.private_addresses forbids",
        ),
        ("https://[::1]/", Allowed(private=False), "::1, a private address, which allow.private_addresses forbids"),
        (
            "https://127.1/",
            Allowed(private=False),
            "127.1, a private address, which allow.private_addresses forbids",
        ),
        (
            "wss://127%2E0%2E0%2E1/",
            Allowed(),
            "127%2e0%2e0%2e1, which is no host's name: it may hold letters, digits, dots and hyphens",
        ),
        (
            "wss://loc%61lhost/",
            Allowed(hosts=("loc%61lhost",)),
            "loc%61lhost, which is no host's name: it may hold letters, digits, dots and hyphens",
        ),
        ("https://bücher.example/", Allowed(), None),
        ("https://a_b-c.example:8443/", Allowed(), None),
        ("https://[2606:4700::1111]/", Allowed(private=False), None),
        ("https://8.8.8.8/", Allowed(private=False), None),
        ("http://10.0.0.7/", Allowed(), None),
    ],
)
def test_what_is_wrong_with_a_url(url: str, allowed: Allowed, words: str | None) -> None:
    assert problem(URL(url), allowed) == words
