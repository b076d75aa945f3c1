"""The cookies of one caller: kept as a browser keeps them, and told as the headers that set them, to hand them on."""

from collections.abc import Iterable, Sequence
from http.cookies import BaseCookie

import aiohttp
from yarl import URL

from prober.limits import HALF

KEPT = 128 * 1024
"""Characters of `Set-Cookie` headers that are told, the newest of them."""

ANYWHERE = URL()


class Cookies(aiohttp.CookieJar):
    """A jar that remembers each `Set-Cookie` header with the URL that sent it; it begins with those of another one."""

    def __init__(self, told: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(unsafe=True, quote_cookie=False)  # as browsers do: bare addresses have cookies, too
        self._headers: list[tuple[str, str]] = []
        for url, header in told:
            self.update_cookies_from_headers([header], URL(url))

    def update_cookies_from_headers(self, headers: Sequence[str], response_url: URL) -> None:
        """Keep what these headers set; a byte in them that is no text is taken for a letter of Latin-1."""
        texts = [HALF.sub(lambda half: chr(ord(half[0]) & 0xFF), header) for header in headers]
        self._headers += [(str(response_url), text) for text in texts]
        super().update_cookies_from_headers(texts, response_url)

    def filter_cookies(self, request_url: URL = ANYWHERE) -> BaseCookie[str]:
        """What goes with this request: each value as it came, its quotes too."""
        came = {(cookie.key, cookie.value): cookie.coded_value for cookie in self}
        filtered = super().filter_cookies(request_url)
        for name, cookie in filtered.items():
            state = {"key": name, "value": cookie.value, "coded_value": came[name, cookie.value]}
            cookie.__setstate__(state)  # type: ignore[attr-defined]  # `set` refuses names that browsers take
        return filtered

    @property
    def told(self) -> tuple[tuple[str, str], ...]:
        """The headers with their URLs, in the order in which they came."""
        newest, left = list[tuple[str, str]](), KEPT
        for url, header in reversed(self._headers):
            left -= len(url) + len(header)
            if left >= 0:
                newest.append((url, header))
        return tuple(reversed(newest))
