"""The cookies of one caller: kept as a browser keeps them, and told as the headers that set them, to hand them on."""

from collections.abc import Iterable, Sequence

import aiohttp
from yarl import URL

from prober.limits import HALF

KEPT = 128 * 1024
"""Characters of `Set-Cookie` headers that are told, the newest of them."""


class Cookies(aiohttp.CookieJar):
    """A jar that remembers each `Set-Cookie` header with the URL that sent it; it begins with those of another one."""

    def __init__(self, told: Iterable[tuple[str, str]] = ()) -> None:
        # As browsers do: cookies of hosts that are bare addresses are kept, values go back as they came.
        super().__init__(unsafe=True, quote_cookie=False)
        self._headers: list[tuple[str, str]] = []
        for url, header in told:
            self.update_cookies_from_headers([header], URL(url))

    def update_cookies_from_headers(self, headers: Sequence[str], response_url: URL) -> None:
        """Keep what these headers set; a byte in them that is no text is taken for a letter of Latin-1."""
        texts = [HALF.sub(lambda half: chr(ord(half[0]) & 0xFF), header) for header in headers]
        self._headers += [(str(response_url), text) for text in texts]
        super().update_cookies_from_headers(texts, response_url)

    @property
    def told(self) -> tuple[tuple[str, str], ...]:
        """The headers with their URLs, in the order in which they came."""
        newest, left = list[tuple[str, str]](), KEPT
        for url, header in reversed(self._headers):
            left -= len(url) + len(header)
            if left >= 0:
                newest.append((url, header))
        return tuple(reversed(newest))
