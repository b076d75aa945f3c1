"""Why a run failed, in words for a person. Pure: returns text."""

from collections.abc import Iterator

from prober.core.causes import Blame, Diagnosis, Found
from prober.core.record import RunRecord

WHOSE: dict[Blame, str] = {
    Blame.PROBER: "the prober",
    Blame.NETWORK: "the network",
    Blame.PRODUCT_WEB: "the product's web app",
    Blame.LIVEKIT: "LiveKit",
    Blame.AGENT: "the agent",
    Blame.PROVIDER: "the agent's provider",
    Blame.UNKNOWN: "not known",
}
FOUND: dict[Found, str] = {
    Found.TIMELINE: "by what the run met",
    Found.SERVER: "by LiveKit's server",
    Found.AGENT_LOG: "by the agent's log",
    Found.AGENT_LOG_BY_TIME: "by the agent's log at that time, in a line that names no room",
}
"""By what a cause was found, in words."""

ASK = "By hand, while the room is there: "
"""Before a command."""


def explanation(record: RunRecord) -> Iterator[str]:
    """The cause and the fix with what speaks for them, a line each; where no cause is known, what to look at."""
    found = record.diagnosis
    if found is None:
        yield f"Look at: {record.look}"
        return
    yield f"Cause: {found.sentence}"
    yield f"Fix: {found.fix}"
    yield f"Whose: {whose(found)}"
    yield from (f"Seen: {one.what}: {one.seen}" for one in found.evidence)
    yield from (f"{ASK}{command}" for command in found.commands)


def advice(record: RunRecord) -> str:
    """The cause and the fix in a line; where none is known, what to look at."""
    found = record.diagnosis
    return record.look if found is None else f"{found.sentence} Fix: {found.fix}"


def whose(found: Diagnosis) -> str:
    """Who has to do something, by which cause, and how that is known."""
    return f"{WHOSE[found.blame]} ({found.cause}, {FOUND[found.found]})"
