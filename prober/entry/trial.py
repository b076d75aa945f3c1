"""The product's own door, walked as its customers do: ordered HTTP steps that end in a session."""

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

import aiohttp
from jsonpointer import JsonPointerException, resolve_pointer
from yarl import URL

from prober.core.events import SessionGranted, TrialRequested
from prober.core.plan import Deadlines, Extract, Session, Step, TrialEntry
from prober.core.reasons import Reason, RunFault
from prober.core.steps import fill, fill_url
from prober.core.words import harmless, own_words, place, read_json
from prober.entry.http import MOST_REDIRECTS, Moments, unreachable
from prober.entry.token import read_token
from prober.recorder import Recorder

LARGEST = 1024 * 1024
"""Bytes read of a body: more is no answer to a caller, and a page is seen without its rest."""

WORDS_WITHIN = 1.0
"""Seconds given to a refusal's body; the status alone is reason enough."""

# The names in use: LiveKit's starter apps, its TokenSource endpoint, and what home-made flows call it.
SERVER_NAMES = ("serverUrl", "server_url", "url", "wsUrl")
TOKEN_NAMES = ("participantToken", "participant_token", "token", "accessToken")
ROOM_NAMES = ("roomName", "room_name", "room")


class _Answer(NamedTuple):
    url: URL
    body: bytes
    whole: bool
    content_type: str


async def walk(entry: TrialEntry, run_id: str, deadlines: Deadlines, recorder: Recorder, *, unix_ms: int) -> Session:
    """Walk the steps, each within its deadline and all within the trial's.

    Raises RunFault with the reason and the step. The entry has passed `check_entry`.
    """
    variables = {"run_id": run_id, "unix_ms": str(unix_ms)}
    variables["email"] = fill(entry.email, variables)
    moments = Moments(recorder)
    async with moments.session(run_id) as http:
        requested = TrialRequested(at=recorder.elapsed())
        recorder.record(requested)
        due = requested.at + deadlines.trial
        for step in entry.steps:
            moments.begin(step.name)
            left = due - recorder.elapsed()
            try:
                async with asyncio.timeout(min(deadlines.trial_step, left)):
                    answer = await _ask(http, step, variables, moments)
            except TimeoutError as error:
                whole = due if left < deadlines.trial_step else None
                raise _too_late(step, deadlines, moments, whole=whole) from error
            for name, extract in step.extract.items():
                variables[name] = _extracted(step, extract, answer)
        session = _session(entry.steps[-1], answer, unix_ms / 1000)
        server = place(URL(session.url)).rstrip("/")
        recorder.record(SessionGranted(at=recorder.elapsed(), server=server, room=harmless(session.room)))
    return session


async def _ask(http: aiohttp.ClientSession, step: Step, variables: Mapping[str, str], moments: Moments) -> _Answer:
    """One step's final answer; RunFault where there is none or it has another status than the step expects."""
    try:
        url = URL(fill_url(step.url, variables))
    except ValueError:
        raise _malformed(step, "its URL is none with the variables in it") from None
    try:
        async with http.request(
            step.method,
            url,
            headers={name: fill(text, variables) for name, text in step.headers.items()},
            json=_filled(step.json, variables),
            data=_filled(step.form, variables),
            max_redirects=MOST_REDIRECTS + 1,  # aiohttp counts the one that it refuses
        ) as response:
            if response.status not in step.expect:
                raise await _refused(step, response, variables)
            body, whole = await _read(response)
            moments.done(response.status)
            return _Answer(response.url, body, whole, response.content_type)
    except aiohttp.ClientConnectionError as error:
        if isinstance(error, aiohttp.ClientConnectorError):  # it may be a redirect's host that cannot be reached
            raise _unreachable(step, error, f"{error.host}:{error.port}") from error
        raise _unreachable(step, error, moments.host) from None
    # The texts of aiohttp's other errors hold URLs with their queries, or headers: they are not kept as a cause.
    except aiohttp.TooManyRedirects:
        raise RunFault(
            Reason.TRIAL_REJECTED, f"step {step.name}: redirected more than {MOST_REDIRECTS} times"
        ) from None
    except aiohttp.InvalidURL:
        raise _malformed(step, "it leads to an address that is no URL") from None
    except aiohttp.NonHttpUrlClientError:
        raise _malformed(step, "it leads to an address that is neither http nor https") from None
    except aiohttp.ClientPayloadError:
        raise _malformed(step, "the answer broke off or cannot be unpacked") from None
    except aiohttp.ClientResponseError:
        raise _malformed(step, "the answer is not HTTP") from None


def _filled(texts: Mapping[str, str] | None, variables: Mapping[str, str]) -> dict[str, str] | None:
    return None if texts is None else {key: fill(text, variables) for key, text in texts.items()}


async def _read(response: aiohttp.ClientResponse) -> tuple[bytes, bool]:
    """The body, and whether that is all of it: reading ends at LARGEST."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > LARGEST:
            return bytes(body[:LARGEST]), False
    return bytes(body), True


async def _refused(step: Step, response: aiohttp.ClientResponse, variables: Mapping[str, str]) -> RunFault:
    try:
        async with asyncio.timeout(WORDS_WITHIN):
            body, _ = await _read(response)
    except (TimeoutError, aiohttp.ClientError):
        body = b""
    said = own_words(body, hide=variables.values())
    reason = Reason.PROBER_THROTTLED if response.status == 429 else Reason.TRIAL_REJECTED
    return RunFault(reason, f"step {step.name}: status {response.status}" + (f", saying: {said}" if said else ""))


def _too_late(step: Step, deadlines: Deadlines, moments: Moments, *, whole: float | None) -> RunFault:
    what = (
        f"the whole trial took longer than {deadlines.trial:g} s"
        if whole is not None
        else f"no complete answer within {deadlines.trial_step:g} s"
    )
    return RunFault(Reason.TRIAL_TIMEOUT, f"step {step.name}: {what}; last seen: {moments.last}", at=whole)


def _unreachable(step: Step, error: aiohttp.ClientConnectionError, where: str) -> RunFault:
    return RunFault(Reason.TRIAL_UNREACHABLE, f"step {step.name}: {unreachable(error, where)}")


def _malformed(step: Step, what: str) -> RunFault:
    return RunFault(Reason.TRIAL_MALFORMED, f"step {step.name}: {what}")


def _extracted(step: Step, extract: Extract, answer: _Answer) -> str:
    if extract.source == "query":
        value: Any = answer.url.query.get(extract.at)
        where = f"the final URL's query has no {extract.at}"
    else:
        try:
            value = resolve_pointer(_document(step, answer), extract.at)
        except (JsonPointerException, TypeError):
            value = None
        where = f"the answer has no text at {extract.at} ({harmless(answer.content_type)})"
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value or not value.isprintable():
        raise _malformed(step, where)
    return value


def _document(step: Step, answer: _Answer) -> Any:
    kind = harmless(answer.content_type)
    if not answer.whole:
        raise _malformed(step, f"the answer ({kind}) is larger than {LARGEST} bytes")
    document = read_json(answer.body)
    if document is None:
        raise _malformed(step, f"answered {kind} where JSON was expected")
    return document


def _session(step: Step, answer: _Answer, now: float) -> Session:
    document = _document(step, answer)
    if not isinstance(document, dict):
        raise _malformed(step, f"the answer is JSON, but no object with {SERVER_NAMES[0]} and {TOKEN_NAMES[0]}")
    server = _field(step, answer, document, SERVER_NAMES)
    token = _field(step, answer, document, TOKEN_NAMES)
    try:
        url = URL(server)
        plain = server.isprintable() and " " not in server and url.user is None
        usable = url.scheme in {"ws", "wss", "http", "https"} and bool(url.host) and plain
    except ValueError:
        usable = False
    if not usable:
        raise _malformed(step, "the server URL has no ws://, wss://, http:// or https:// with a host")
    found = (document.get(name) for name in ROOM_NAMES)
    room = next((name for name in found if isinstance(name, str) and name), None) or read_token(token, now).room
    if not room:
        raise _malformed(step, f"neither the answer (none of {', '.join(ROOM_NAMES)}) nor its token names a room")
    return Session(url=server, room=room, token=token)


def _field(step: Step, answer: _Answer, document: Mapping[str, Any], names: tuple[str, ...]) -> str:
    value = next((document[name] for name in names if document.get(name)), None)
    if not isinstance(value, str):
        kind = harmless(answer.content_type)
        raise _malformed(step, f"the answer ({kind}) has no text in {' or '.join(names)}")
    return value
