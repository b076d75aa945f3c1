"""The product's own door, walked as its customers do: ordered HTTP steps that end in a session."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from yarl import URL

from prober.core.allowed import LONGEST_HOST
from prober.core.events import SessionGranted, TrialRequested
from prober.core.plan import Deadlines, Plan, Session, Step, TrialEntry
from prober.core.reasons import Reason, RunFault
from prober.core.templates import Known, fill
from prober.core.words import harmless, place, read_json
from prober.entry.answers import Answer, document, malformed
from prober.entry.http import Moments
from prober.entry.token import read_token
from prober.entry.visit import Visit
from prober.recorder import GRACE, Recorder

# The names in use: LiveKit's starter apps, its TokenSource endpoint, and what home-made flows call it.
SERVER_NAMES = ("serverUrl", "server_url", "url", "wsUrl")
TOKEN_NAMES = ("participantToken", "participant_token", "token", "accessToken")
ROOM_NAMES = ("roomName", "room_name", "room")


async def walk(
    entry: TrialEntry,
    plan: Plan,
    recorder: Recorder,
    *,
    unix_ms: int,
    random: str,
    secrets: Mapping[str, str] | None = None,
    told: Callable[[Known], None] = lambda _known: None,
) -> Session:
    """Walk the steps, each within its deadline and all within the trial's.

    `told` is called with what is known, but for the secrets, at first and after each step: clean-up needs it. Raises
    RunFault with the reason and the step. The entry has passed `check_entry`.
    """
    variables = {"run_id": plan.run_id, "unix_ms": str(unix_ms), "random": random, "target": plan.target}
    variables["email"] = fill(entry.email, variables)
    deadlines = plan.expectations.deadlines
    async with Visit(plan, Known(variables=variables), secrets or {}, recorder) as visit:
        requested = TrialRequested(at=recorder.elapsed())
        recorder.record(requested)
        told(visit.known)
        due = requested.at + deadlines.trial
        for step in entry.steps:
            step_due = min(recorder.elapsed() + deadlines.trial_step, due)
            try:
                async with asyncio.timeout(step_due - recorder.elapsed() + GRACE):
                    answer = await visit.take(step)
                if recorder.elapsed() > step_due:
                    raise TimeoutError
            except TimeoutError as error:
                raise _too_late(step, deadlines, visit.moments, step_due, whole=step_due == due) from error
            finally:
                told(visit.known)
        session = _session(entry, visit.variables, answer, unix_ms / 1000)
        hide = visit.hide
        server, room = place(URL(session.url), hide=hide).rstrip("/"), harmless(session.room, hide=hide)
        recorder.record(SessionGranted(at=recorder.elapsed(), server=server, room=room))
    return session


def _too_late(step: Step, deadlines: Deadlines, moments: Moments, due: float, *, whole: bool) -> RunFault:
    what = (
        f"the whole trial took longer than {deadlines.trial:g} s"
        if whole
        else f"no complete answer within {deadlines.trial_step:g} s"
    )
    return RunFault(Reason.TRIAL_TIMEOUT, f"step {step.name}: {what}; last seen: {moments.last}", due=due)


def _session(entry: TrialEntry, variables: Mapping[str, str], answer: Answer, now: float) -> Session:
    """The session by the entry's templates; what they leave open is in the last answer, the room in its token too."""
    step, at = entry.steps[-1], entry.session
    needed = at.server_url is None or at.token is None
    found = document(step, answer) if needed else read_json(answer.body)
    if not isinstance(found, dict):
        if needed:
            raise malformed(step, f"the answer is JSON, but no object with {SERVER_NAMES[0]} and {TOKEN_NAMES[0]}")
        found = {}
    server = _field(step, answer, found, SERVER_NAMES) if at.server_url is None else fill(at.server_url, variables)
    token = _field(step, answer, found, TOKEN_NAMES) if at.token is None else fill(at.token, variables)
    if not _usable(server):
        raise malformed(step, "the server URL has no ws://, wss://, http:// or https:// with a host's name")
    if at.room is not None:
        room: str | None = fill(at.room, variables)
    else:
        named = (found.get(name) for name in ROOM_NAMES)
        room = next((name for name in named if isinstance(name, str) and name), None) or read_token(token, now).room
    if not room:
        raise malformed(step, f"neither the answer (none of {', '.join(ROOM_NAMES)}) nor its token names a room")
    return Session(url=server, room=room, token=token)


def _usable(server: str) -> bool:
    try:
        url = URL(server)
        plain = server.isprintable() and " " not in server and url.user is None
        return url.scheme in {"ws", "wss", "http", "https"} and 0 < len(url.host or "") <= LONGEST_HOST and plain
    except ValueError:
        return False


def _field(step: Step, answer: Answer, document: Mapping[str, Any], names: tuple[str, ...]) -> str:
    value = next((document[name] for name in names if document.get(name)), None)
    if not isinstance(value, str):
        raise malformed(step, f"the answer ({answer.content_type}) has no text in {' or '.join(names)}")
    return value
