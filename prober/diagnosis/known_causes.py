"""What a worker's words mean: a table of patterns, the most telling first. Pure.

Each row is tested with lines that a real worker wrote (`tests/agent_logs`).
"""

import re
from typing import Literal, NamedTuple

from prober.core.causes import Cause
from prober.diagnosis.quoting import OPAQUE, quote

_CUT = 1000
"""Characters looked at of a message, and of an exception: no pattern may take long, whatever a line holds."""
_CHAIN = 8
"""Exceptions looked at of those that led to the last one."""
_NAME = re.compile(r"[A-Za-z_][\w.]{0,59}", re.ASCII)
"""What may be named in a fix, which alerts and labels show."""
_CHUNK = re.compile(r"^\S.*(?:\n[^\S\n].*)*", re.MULTILINE)
"""A line at the margin and what is indented below it: the frames of a traceback, or an exception."""
_HANDLED = "During handling of the above exception, another exception occurred:"
FRAME = '  File "'
_FRAME = re.compile(
    r'livekit/(?:agents/(?P<inference>inference)/[st]t[st]|plugins/(?P<plugin>[a-z_]{1,30})/\w{1,60})\.py", line '
    r'|(?:<frozen |[/\\])(?P<environ>os)(?:>|\.py)", line \d{1,9}, in __getitem__$',
    re.MULTILINE,
)
_CRASH = "unhandled exception while running the job task"
_CLOSING = "AgentSession is closing due to unrecoverable error"
_UNHANDLED = (
    _CRASH,
    "Error in _",
    "STT stream ended on an unrecoverable error",
    "error in participant entrypoint",
)
"""How livekit-agents begins to tell an exception that the agent did not handle: any other one, it may have got over."""


class Known(NamedTuple):
    """How a message, or one of the exceptions below it, begins; the cause that it shows, and what more is known of it.

    `fix` is what to do where more is known than of the cause: `{name}` stands for a group of the pattern, which holds a
    name, `{plugin}` for the plugin that raised the exception. A group `said` is quoted in place of the exception.
    `message` is how the message begins, in one of these ways, and `raised_in` where the exception comes from, where
    that matters: `environ` is `os.environ`, or where no traceback tells. What is wrong with a worker as a whole is so
    `until` this line of it.
    """

    says: re.Pattern[str]
    cause: Cause
    fix: str | None = None
    message: str | tuple[str, ...] = ""
    raised_in: Literal["inference", "plugin", "environ"] | None = None
    until: re.Pattern[str] | None = None

    def told(self, names: dict[str, str]) -> str | None:
        """The fix with these in it; None where one of them is no name, or may be a key."""
        plain = all(_NAME.fullmatch(name) and not OPAQUE.search(name) for name in names.values())
        return self.fix.format(**names) if self.fix is not None and plain else None


def _known(
    says: str,
    cause: Cause,
    fix: str | None = None,
    *,
    message: str | tuple[str, ...] = "",
    raised_in: Literal["inference", "plugin", "environ"] | None = None,
    until: str | None = None,
) -> Known:
    return Known(re.compile(says), cause, fix, message, raised_in, None if until is None else re.compile(until))


_KEY = r"(?P<key>(?=\w{5,60}\b)(?!(?:\w*?\d){3})[A-Z][A-Z\d]*(?:_[A-Z\d]+)*_(?:KEY|SECRET|TOKEN|CREDENTIALS))\b"
"""The name of a variable that holds a key: what has more digits may be the key."""
_WORDS = r"\W+(?:\w+\W+){0,2}?"
_TO_SET = (
    rf"(?:\b((?:set|[Mm]issing|[Vv]ariables?){_WORDS}))?\b{_KEY}"
    rf"(?(1)|(?:{_WORDS}(?:env|variable|set\b|missing\b)|(?<=API_KEY)\W+is required))"
)
"""Such a name that is said to be one of a variable, or to be set: a constant may be called so, too."""
_SET = "Set {key} in the worker's environment and restart the worker."
_REFUSED = r"[\w.]*APIStatusError: .*\bstatus_code=401\b"
_FAILED = rf"(?:{_CLOSING}|[\w.]*\bAPI(?:Status|Connection)Error): "
"""How a provider's error begins, in the words of livekit-agents."""
_LIVEKITS = re.compile(rf"^{_FAILED}(?:.*?\(caused by APIStatusError: )?message=|^{_CLOSING}: ")
"""What livekit-agents puts before a provider's own words, of which a quote has little room."""
_UNPAID = r".*\b(?:insufficient_quota|exceeded your current quota)\b"
_WRONG_KEY = r".*(?:[Ii]ncorrect API key|API key (?:not valid|expired|was reported as leaked)|\binvalid_api_key\b)"
"""A provider's own words for it, where the status does not say so."""
_AT_START = ("ValueError: ", "openai.OpenAIError: ")
"""How a traceback without a logger ends, where what a provider's plugin lacks ends its worker."""
_PREWARM = "error initializing process"
_STARTED = r"(?:starting|registered) worker$|received job request$"
_CONNECTED = r"registered worker$"
_READY = r"process initialized$"

KNOWN = (
    _known(
        r"ValueError: api_(?:key|secret) is required, .*\bLIVEKIT_API_(?:KEY|SECRET)\b",
        Cause.PROVIDER_KEY_MISSING,
        "LiveKit Inference needs a LiveKit Cloud key: set LIVEKIT_API_KEY and LIVEKIT_API_SECRET (or the "
        "LIVEKIT_INFERENCE_ ones, which must not be set to nothing) on the worker and restart it.",
        message=_UNHANDLED,
    ),
    _known(
        r"ValueError: ElevenLabs API key is required",
        Cause.PROVIDER_KEY_MISSING,
        _SET.format(key="ELEVEN_API_KEY"),
        message=(*_UNHANDLED, *_AT_START),
        until=_STARTED,
    ),
    _known(
        rf"[\w.]*Error: (?=.*\b(?:required|[Mm]issing|must be set|not set)\b).*?{_TO_SET}",
        Cause.PROVIDER_KEY_MISSING,
        _SET,
        message=(*_UNHANDLED, *_AT_START),
        until=_STARTED,
    ),
    _known(
        rf"KeyError: '{_KEY}'$",
        Cause.PROVIDER_KEY_MISSING,
        _SET,
        message=(*_UNHANDLED, "KeyError: '"),
        raised_in="environ",
        until=_STARTED,
    ),
    _known(
        _REFUSED,
        Cause.PROVIDER_KEY_REFUSED,
        "LiveKit Inference takes the key of a LiveKit Cloud project only: set LIVEKIT_INFERENCE_API_KEY and "
        "LIVEKIT_INFERENCE_API_SECRET to one, or use the provider's own plugin.",
        message=_UNHANDLED,
        raised_in="inference",
    ),
    _known(
        _REFUSED,
        Cause.PROVIDER_KEY_REFUSED,
        "Replace the key that the {plugin} plugin uses, or pay its bill, and restart the worker.",
        message=_UNHANDLED,
        raised_in="plugin",
    ),
    _known(_REFUSED, Cause.PROVIDER_KEY_REFUSED, message=_UNHANDLED),
    _known(rf"{_CLOSING}: .*\bstatus_code=401\b", Cause.PROVIDER_KEY_REFUSED),
    _known(
        rf"{_FAILED}(?=.*\bstatus_code=40[03]\b){_WRONG_KEY}",
        Cause.PROVIDER_KEY_REFUSED,
        message=(*_UNHANDLED, _CLOSING),
    ),
    _known(
        rf"{_FAILED}.*\(caused by WSServerHandshakeError: 401,",
        Cause.PROVIDER_KEY_REFUSED,
        message=(*_UNHANDLED, _CLOSING),
    ),
    _known(
        rf"{_FAILED}(?:.*\bstatus_code=402\b|(?=.*\bstatus_code=429\b){_UNPAID})",
        Cause.PROVIDER_REFUSES,
        "Pay the provider's bill, or raise its limit.",
        message=(*_UNHANDLED, _CLOSING),
    ),
    _known(
        rf"{_FAILED}.*\bstatus_code=403\b",
        Cause.PROVIDER_REFUSES,
        "Read the provider's words: it forbids the key to do this (model access, region, billing). Allow it, or use "
        "a key that may.",
        message=(*_UNHANDLED, _CLOSING),
    ),
    _known(
        rf"{_FAILED}.*\bstatus_code=(?:400|404|422)\b",
        Cause.PROVIDER_REFUSES,
        "Read the provider's words, and correct what the agent asks for: the model, the voice, a parameter.",
        message=(*_UNHANDLED, _CLOSING),
    ),
    _known(r"ValueError: Cannot register an async callback with `\.on\(\)`", Cause.ASYNC_CALLBACK, message=_UNHANDLED),
    _known(
        r"ModuleNotFoundError: No module named '(?P<module>[\w.]{1,60})'",
        Cause.IMPORT_ERROR,
        "Install {module} in the worker's image, or undo the release that imports it.",
        message=(*_UNHANDLED, "ModuleNotFoundError: "),
        until=_STARTED,
    ),
    _known(r"ImportError: ", Cause.IMPORT_ERROR, message=(*_UNHANDLED, "ImportError: "), until=_STARTED),
    _known(
        r"40[13], ",
        Cause.WORKER_KEY_REFUSED,
        message="failed to connect to livekit, retrying",
        until=_CONNECTED,
    ),
    _known(
        r"ValueError: \w{2,10} is required, .*\b(?P<key>LIVEKIT_(?:URL|API_KEY|API_SECRET))\b",
        Cause.WORKER_CUT_OFF,
        _SET,
        message="worker failed",
        until=_CONNECTED,
    ),
    _known(r"failed to connect to livekit, retrying", Cause.WORKER_CUT_OFF, until=_CONNECTED),
    _known(r"livekit\.rtc\.[\w.]*ConnectError: ", Cause.WORKER_CUT_OFF, message=_UNHANDLED),
    _known(
        r"RuntimeError: (?P<said>An attempt has been made to start a.*)",
        Cause.PREWARM_FAILED,
        'Call cli.run_app() only under `if __name__ == "__main__":`.',
        message=_PREWARM,
        until=_READY,
    ),
    _known(r"(?:asyncio\.\w+\.)?TimeoutError\b", Cause.PREWARM_HANGS, message=_PREWARM, until=_READY),
    _known(_PREWARM, Cause.PREWARM_FAILED, until=_READY),
    _known(
        r"worker is at full capacity",
        Cause.WORKER_FULL,
        until=r"worker is below capacity|starting worker$|received job request$",
    ),
    _known(_CLOSING, Cause.PROVIDER_ERRORS),
    _known(_CRASH, Cause.JOB_CRASHED),
    _known(
        r"job process exceeded memory limit, killing it",
        Cause.JOB_DIED,
        "Find what the job keeps in memory, or raise job_memory_limit_mb.",
    ),
    _known(
        r"process is unresponsive, killing process",
        Cause.JOB_DIED,
        "Find what blocks the agent's event loop for a minute: a call that does not await, or a host without CPU.",
    ),
    _known(r"The job task completed without establishing a connection", Cause.JOB_RETURNED),
    _known(r"process exited with non-zero exit code", Cause.JOB_DIED),
    _known(r"The room connection was not established within", Cause.JOB_HANGS),
)


class Recognised(NamedTuple):
    """A line that is understood: the lower its rank, the more it tells; `ending` is how the job ended by it.

    An error that is no known cause has none, and the last rank.
    What is wrong with the worker as a whole, and not with one job, is so `until` this line.
    """

    rank: int
    cause: Cause | None
    quote: str
    fix: str | None
    until: re.Pattern[str] | None
    ending: Literal["crash", "close"] | None


def recognise(text: str) -> Recognised | None:
    """What this text of a worker's line means, if it is known; the quote holds no secret."""
    message, _, below = text.partition("\n")
    said = (message[:_CUT], *_exceptions(below))
    raised_in = _raised_in(below)
    for rank, known in enumerate(KNOWN):
        if not message.startswith(known.message) or (known.raised_in and known.raised_in not in raised_in):
            continue
        found = next(filter(None, map(known.says.match, said)), None)
        if found is not None:
            groups = raised_in | found.groupdict()
            quoted = quote(groups.pop("said", "") or said[-1], without=_LIVEKITS)
            until = None if message.startswith(_UNHANDLED) else known.until
            return Recognised(rank, known.cause, quoted, known.told(groups), until, _ending(message))
    return None


def unknown(text: str) -> Recognised:
    """An error that is in no row of the table: a provider's in its own words, any other in livekit-agents' alone."""
    message, _, below = text.partition("\n")
    own = next((said for said in reversed(_exceptions(below)) if re.match(_FAILED, said)), message[:_CUT])
    return Recognised(len(KNOWN), None, quote(own, without=_LIVEKITS), None, None, None)


def _exceptions(below: str) -> list[str]:
    """The exception of a traceback and those that it was raised from; one that was being handled is another matter."""
    chunks = _CHUNK.findall(below.rpartition(_HANDLED)[2])
    raised = [chunk for chunk in chunks if not chunk.startswith("Traceback (most recent")][-_CHAIN:]
    return [" ".join(chunk[:_CUT].split()) for chunk in raised]


def _raised_in(below: str) -> dict[str, str]:
    """Which of these places, if any, is next to the exception."""
    *_, found = (None, *_FRAME.finditer(below))
    if found is None:
        return {} if FRAME in below else {"environ": "os"}
    return {where: what for where, what in found.groupdict().items() if what}


def _ending(message: str) -> Literal["crash", "close"] | None:
    return "crash" if message.startswith(_CRASH) else "close" if message.startswith(_CLOSING) else None
