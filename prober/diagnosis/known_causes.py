"""What a worker's words mean: a table of patterns, the most telling first. Pure.

Each row is tested with lines that a real worker wrote (`tests/agent_logs`).
"""

import re
from typing import NamedTuple

from prober.core.causes import Cause
from prober.core.words import harmless

_OPAQUE = re.compile(r"(?<![\w*-])(?:eyJ[\w.-]*|(?=[\w*-]*\d)[\w*-]{20,})")
"""What may be a token, a key, or a part of one."""
_GIVEN = re.compile(r"(?<=provided: )\S+")
"""A key that a provider gives back with its refusal."""
_NAME = re.compile(r"[A-Za-z_][\w.]{0,59}", re.ASCII)
"""What may be named in a fix, which alerts and labels show."""


class Known(NamedTuple):
    """A pattern over a line's text, the cause that it shows, and what to do where more is known than of the cause.

    `{name}` in `fix` stands for a group of the pattern, which holds a name; a group `said` is quoted in place of the
    exception. A pattern takes time in proportion to the text: one that looks over several lines is tried at the
    beginning alone.
    """

    says: re.Pattern[str]
    cause: Cause
    fix: str | None = None

    def told(self, **names: str) -> str | None:
        """The fix with these in it; None where one of them is no name, or may be a key."""
        plain = all(_NAME.fullmatch(name) and not _OPAQUE.search(name.replace(".", " ")) for name in names.values())
        return self.fix.format(**names) if self.fix is not None and plain else None


def _known(says: str, cause: Cause, fix: str | None = None) -> Known:
    return Known(re.compile(says, re.MULTILINE), cause, fix)


_SET = "Set {key} in the worker's environment and restart the worker."
_REFUSED = r"^[\w.]*APIStatusError: .*\bstatus_code=40[13]\b"

KNOWN = (
    _known(
        r"^ValueError: api_(?:key|secret) is required, .*\bLIVEKIT_API_(?:KEY|SECRET)\b",
        Cause.PROVIDER_KEY_MISSING,
        "LiveKit Inference needs a LiveKit Cloud key: set LIVEKIT_API_KEY and LIVEKIT_API_SECRET (or the "
        "LIVEKIT_INFERENCE_ ones, which must not be set to nothing) on the worker and restart it.",
    ),
    _known(
        r"^ValueError: ElevenLabs API key is required",
        Cause.PROVIDER_KEY_MISSING,
        _SET.format(key="ELEVEN_API_KEY"),
    ),
    _known(
        r"^[\w.]*Error: .{0,200}?(?:API key|[Cc]redentials).{0,200}?\b(?P<key>[A-Z][A-Z\d]*(?:_[A-Z\d]+)+)\b",
        Cause.PROVIDER_KEY_MISSING,
        _SET,
    ),
    _known(r"^KeyError: '(?P<key>[A-Z][A-Z\d_]*_(?:KEY|SECRET|TOKEN))'$", Cause.PROVIDER_KEY_MISSING, _SET),
    _known(
        rf"\A(?=[\s\S]*{_REFUSED})[\s\S]*livekit/agents/inference/[st]t[st]\.py\", line ",
        Cause.PROVIDER_KEY_REFUSED,
        "LiveKit Inference takes the key of a LiveKit Cloud project only: set LIVEKIT_INFERENCE_API_KEY and "
        "LIVEKIT_INFERENCE_API_SECRET to one, or use the provider's own plugin.",
    ),
    _known(
        rf"\A(?=[\s\S]*{_REFUSED})[\s\S]*livekit/plugins/(?P<plugin>[a-z_]+)/\w+\.py\", line ",
        Cause.PROVIDER_KEY_REFUSED,
        "Replace the key that the {plugin} plugin uses, or pay its bill, and restart the worker.",
    ),
    _known(_REFUSED, Cause.PROVIDER_KEY_REFUSED),
    _known(
        r"^AgentSession is closing due to unrecoverable error: .*\bstatus_code=40[13]\b", Cause.PROVIDER_KEY_REFUSED
    ),
    _known(r"^ValueError: Cannot register an async callback with `\.on\(\)`", Cause.ASYNC_CALLBACK),
    _known(
        r"^ModuleNotFoundError: No module named '(?P<module>[\w.]+)'",
        Cause.IMPORT_ERROR,
        "Install {module} in the worker's image, or undo the release that imports it.",
    ),
    _known(r"^ImportError: ", Cause.IMPORT_ERROR),
    _known(r"^failed to connect to livekit, retrying.*\n40[13], ", Cause.WORKER_KEY_REFUSED),
    _known(r"^failed to connect to livekit, retrying", Cause.WORKER_CUT_OFF),
    _known(r"^livekit\.rtc\.[\w.]*ConnectError: ", Cause.WORKER_CUT_OFF),
    _known(
        r"\Aerror initializing process\n[\s\S]*^RuntimeError:\s+(?P<said>An attempt has been made to start a.*)",
        Cause.PREWARM_FAILED,
        'Call cli.run_app() only under `if __name__ == "__main__":`.',
    ),
    _known(r"\Aerror initializing process\n[\s\S]*^(?:asyncio\.\w+\.)?TimeoutError\b", Cause.PREWARM_HANGS),
    _known(r"\Aerror initializing process\b", Cause.PREWARM_FAILED),
    _known(r"^worker is at full capacity", Cause.WORKER_FULL),
    _known(r"^AgentSession is closing due to unrecoverable error", Cause.PROVIDER_ERRORS),
    _known(r"^unhandled exception while running the job task", Cause.JOB_CRASHED),
    _known(
        r"^process is unresponsive, killing process",
        Cause.JOB_DIED,
        "Find what blocks the agent's event loop for a minute: a call that does not await, or a host without CPU.",
    ),
    _known(r"^The job task completed without establishing a connection", Cause.JOB_RETURNED),
    _known(r"^The room connection was not established within", Cause.JOB_HANGS),
    _known(r"^process exited with non-zero exit code", Cause.JOB_DIED),
)

STANDS_UNTIL = {
    Cause.IMPORT_ERROR: re.compile(r"(?:starting|registered) worker$"),
    Cause.WORKER_CUT_OFF: re.compile(r"registered worker$"),
    Cause.WORKER_KEY_REFUSED: re.compile(r"registered worker$"),
    Cause.PREWARM_FAILED: re.compile(r"process initialized$"),
    Cause.PREWARM_HANGS: re.compile(r"process initialized$"),
    Cause.WORKER_FULL: re.compile(r"worker is below capacity|starting worker$"),
}
"""What can be wrong with a worker as a whole, and the line by which it is over."""


class Recognised(NamedTuple):
    """A line that is understood: the lower its rank, the more it tells."""

    rank: int
    cause: Cause
    quote: str
    fix: str | None


def recognise(text: str) -> Recognised | None:
    """What this text of a worker's line means, if it is known; the quote holds no secret."""
    for rank, known in enumerate(KNOWN):
        found = known.says.search(text)
        if found is not None:
            groups = found.groupdict()
            said = groups.pop("said", None) or _exception(text)
            return Recognised(rank, known.cause, _quote(said), known.told(**groups))
    return None


def _exception(text: str) -> str:
    """The last line at the margin: of a traceback it is the exception."""
    return next((line for line in reversed(text.splitlines()) if line.strip() and not line[0].isspace()), text)


def _quote(words: str) -> str:
    return harmless(_OPAQUE.sub("[hidden]", _GIVEN.sub("[hidden]", words)))
