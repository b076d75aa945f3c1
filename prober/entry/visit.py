"""One caller at a product's door: asks step after step as one browser and keeps what it learns, for the next step."""

import asyncio
from collections.abc import Mapping
from http.cookies import BaseCookie
from types import TracebackType
from typing import Self

import aiohttp
from yarl import URL

from prober.core.plan import Plan, Step
from prober.core.reasons import Reason, RunFault
from prober.core.steps import BY_RUN
from prober.core.templates import Known, fill_all, fill_url, names
from prober.core.words import harmless, own_words
from prober.entry.allowed import Guard, NotAllowedError
from prober.entry.answers import LARGEST, Answer, extracted, malformed
from prober.entry.cookies import Cookies
from prober.entry.http import MOST_REDIRECTS, Moments, unreachable
from prober.recorder import Recorder

WORDS_WITHIN = 1.0
"""Seconds given to a refusal's body; the status alone is reason enough."""

LONGEST_PLACE = 400
"""Characters of where a run may not go, and by which setting: a host's name has up to 253."""
SESSION = 8
"""Characters of a cookie that may open a session; shorter ones are words, such as a language."""


class Visit:
    """A browser in small for the steps of one plan, open as long as its context.

    It begins with what is `known`; `secrets` are variables that are never handed on.
    """

    def __init__(self, plan: Plan, known: Known, secrets: Mapping[str, str], recorder: Recorder) -> None:
        self.variables = {**known.variables, **secrets}
        self.secrets = secrets
        self.hide = (*recorder.hide, *secrets.values())
        self.moments = Moments(recorder, self.hide, self._hidden)
        self._guard = Guard(plan.allowed)
        self._cookies = Cookies(known.cookies)
        self._http = self.moments.session(plan, self._guard, self._cookies)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    @property
    def known(self) -> Known:
        """What the visit knows now, the secrets left out."""
        variables = {name: value for name, value in self.variables.items() if name not in self.secrets}
        return Known(variables=variables, cookies=self._cookies.told)

    async def take(self, step: Step) -> Answer:
        """The step's final answer, its variables known from now on.

        Raises RunFault where there is no answer, it has another status than the step expects, or lacks a variable.
        """
        self.moments.begin(step.name)
        answer = await self._ask(step)
        for name, extract in step.extract.items():
            self.variables[name] = extracted(step, extract, answer)
        return answer

    def _hidden(self) -> tuple[str, ...]:
        """What no word of the product may show: all that it told us, and our secrets."""
        variables = (value for name, value in self.variables.items() if name not in BY_RUN)
        cookies = (cookie.value for cookie in self._cookies if len(cookie.value) >= SESSION)
        return (*self.hide, *variables, *cookies)

    async def _ask(self, step: Step) -> Answer:
        try:
            url = URL(fill_url(step.url, self.variables))
        except ValueError:
            raise malformed(step, "its URL is none with the variables in it") from None
        body_names = frozenset(names([step.json, step.form]))
        self._guard.begin(url, step.headers, secret_body=not body_names.isdisjoint(self.secrets))
        try:
            async with self._http.request(
                step.method,
                url,
                headers=fill_all(step.headers, self.variables),
                json=fill_all(step.json, self.variables),
                data=fill_all(step.form, self.variables),
                max_redirects=MOST_REDIRECTS + 1,  # aiohttp counts the one that it refuses
            ) as response:
                if response.status not in step.expect:
                    raise await self._refused(step, response)
                body, whole = await _read(response)
                self.moments.done(response.status)
                return Answer(
                    url=response.url,
                    headers=response.headers,
                    cookies=self._cookies_of(response),
                    body=body,
                    whole=whole,
                    content_type=harmless(response.content_type, hide=self._hidden()),
                    charset=response.charset,
                )
        except NotAllowedError as error:
            raise malformed(step, f"it leads to {self.moments.told(str(error), longest=LONGEST_PLACE)}") from None
        except aiohttp.ClientConnectionError as error:
            if isinstance(error, aiohttp.ClientConnectorError):  # it may be a redirect's host that cannot be reached
                raise _unreachable(step, error, self.moments.told(f"{error.host}:{error.port}")) from error
            raise _unreachable(step, error, self.moments.host) from None
        # The texts of aiohttp's other errors hold URLs with their queries, or headers: they are not kept as a cause.
        except aiohttp.TooManyRedirects:
            raise RunFault(
                Reason.TRIAL_REJECTED, f"step {step.name}: redirected more than {MOST_REDIRECTS} times"
            ) from None
        except aiohttp.InvalidURL:
            raise malformed(step, "it leads to an address that is no URL") from None
        except aiohttp.NonHttpUrlClientError:
            raise malformed(step, "it leads to an address that is neither http nor https") from None
        except aiohttp.ClientPayloadError:
            raise malformed(step, "the answer broke off or cannot be unpacked") from None
        except aiohttp.ClientResponseError:
            raise malformed(step, "the answer is not HTTP") from None
        except ValueError:
            raise RunFault(
                Reason.PROBER_INTERNAL, f"step {step.name}: its headers, with the variables in them, cannot be sent"
            ) from None

    def _cookies_of(self, response: aiohttp.ClientResponse) -> dict[str, str]:
        """By name: what was set on the way here, and over it what the final URL would be sent."""
        found: list[BaseCookie[str]] = [answer.cookies for answer in (*response.history, response)]
        found.append(self._cookies.filter_cookies(response.url))
        return {name: cookie.value for cookies in found for name, cookie in cookies.items()}

    async def _refused(self, step: Step, response: aiohttp.ClientResponse) -> RunFault:
        try:
            async with asyncio.timeout(WORDS_WITHIN):
                body, _ = await _read(response)
        except (TimeoutError, aiohttp.ClientError):
            body = b""
        said = own_words(body, hide=self._hidden())
        reason = Reason.PROBER_THROTTLED if response.status == 429 else Reason.TRIAL_REJECTED
        return RunFault(reason, f"step {step.name}: status {response.status}" + (f", saying: {said}" if said else ""))


async def _read(response: aiohttp.ClientResponse) -> tuple[bytes, bool]:
    """The body, and whether that is all of it: reading ends at LARGEST."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > LARGEST:
            return bytes(body[:LARGEST]), False
    return bytes(body), True


def _unreachable(step: Step, error: aiohttp.ClientConnectionError, where: str) -> RunFault:
    return unreachable(error, where, Reason.TRIAL_UNREACHABLE, before=f"step {step.name}: ")
