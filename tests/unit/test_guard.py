"""Who may change anything, by who asks and how."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from prober.watch.web.guard import PROXIED, Refusal, TokenError, check, read_token

TOKEN = "correct-horse-battery"
OWN = {"Host": "127.0.0.1:9765"}


def allowed(peer: str | None, headers: dict[str, str], token: str | None = TOKEN) -> bool:
    try:
        check(peer, CIMultiDict(headers), token)
    except Refusal:
        return False
    return True


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("host", ["127.0.0.1:9765", "localhost:9765", "LOCALHOST", "[::1]:9765", "127.0.0.2"])
def test_this_machine_needs_no_token(peer: str, host: str) -> None:
    assert allowed(peer, {"Host": host}, None)


@pytest.mark.parametrize("peer", ["192.0.2.7", "10.0.0.1", "2001:db8::1", "::ffff:192.0.2.7", "", None])
def test_other_machines_do(peer: str | None) -> None:
    assert not allowed(peer, OWN)
    assert not allowed(peer, OWN, None)
    assert allowed(peer, {"Host": "canary.example.com", "Authorization": f"Bearer {TOKEN}"})


@pytest.mark.parametrize("name", [*PROXIED, *map(str.lower, PROXIED)])
@pytest.mark.parametrize("value", ["", "127.0.0.1"])
def test_what_came_through_a_proxy_is_not_from_this_machine(name: str, value: str) -> None:
    assert not allowed("127.0.0.1", {**OWN, name: value})
    assert allowed("127.0.0.1", {**OWN, name: value, "Authorization": f"bearer {TOKEN}"})


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:9765", "localhost@evil.example", "192.0.2.7",
     "[::2]:9765", "127.0.0.1:9765@evil.example", "evil.example#127.0.0.1", "127.1", "", "[", "localhost:", "a b"],
)  # fmt: skip
def test_a_foreign_name_that_leads_here_does_not_help(host: str) -> None:
    assert not allowed("127.0.0.1", {"Host": host})


def test_a_request_names_its_host() -> None:
    assert not allowed("127.0.0.1", {})


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:9765"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),  # another port of localhost
        ({"Sec-Fetch-Site": "of tomorrow"}, False),
        ({"Origin": "http://127.0.0.1:9765"}, True),
        ({"Origin": "https://127.0.0.1:9765"}, False),
        ({"Origin": "http://127.0.0.1:3000"}, False),
        ({"Origin": "http://localhost:9765"}, False),
        ({"Origin": "https://evil.example"}, False),
        ({"Origin": "null"}, False),
    ],
)
def test_a_page_of_another_site_is_not_this_machine(headers: dict[str, str], own: bool) -> None:
    assert allowed("127.0.0.1", {**OWN, **headers}) == own


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer ", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer é"]
)
def test_a_wrong_token_is_refused_even_from_this_machine(given: str) -> None:
    assert not allowed("127.0.0.1", {**OWN, "Authorization": given})
    assert not allowed("127.0.0.1", {**OWN, "Authorization": given}, None)


@given(st.text(), st.text(), st.text(), st.text())
def test_nothing_but_a_refusal_comes_of_nonsense(peer: str, host: str, origin: str, authorization: str) -> None:
    headers = {"Host": host, "Origin": origin, "Authorization": authorization}
    assert not allowed(peer, headers)
    assert not allowed("127.0.0.1", {"Host": host, "Origin": origin, "Sec-Fetch-Site": authorization})


def test_a_token_is_read_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    assert read_token(file) == TOKEN


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"", "fewer than 16"), (b"short-token", "fewer than 16"), (b"two words of a token", "printable ASCII"),
     ("passwörter-sind-lang".encode(), "printable ASCII"), (b"\xff" * 20, "is no text")],
)  # fmt: skip
def test_what_can_be_no_token_is_refused_without_being_shown(tmp_path: Path, content: bytes, why: str) -> None:
    file = tmp_path / "token"
    file.write_bytes(content)
    with pytest.raises(TokenError, match=why) as refused:
        read_token(file)
    assert content == b"" or content.decode(errors="replace") not in str(refused.value)


def test_a_token_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(TokenError, match="cannot be read: No such file or directory"):
        read_token(tmp_path / "token")
