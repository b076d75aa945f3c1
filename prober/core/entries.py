"""Ways in that are written in a few words: LiveKit's token endpoints as steps, and the direct way's check. Pure."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from prober.core.misfit import at
from prober.core.plan import MARKS, DirectEntry, Extract, SessionAt, Step, TrialEntry
from prober.core.steps import BY_RUN, check_entry
from prober.core.templates import check_template, names

SANDBOX_URL = "https://cloud-api.livekit.io/api/v2/sandbox/connection-details"
"""LiveKit Cloud's own token endpoint for its sandbox apps (client-sdk-js, TokenSourceSandboxTokenServer)."""

FRESH = frozenset({"run_id", "unix_ms", "random"})
"""Variables that no two runs share."""


def token_steps(
    url: str | None = None,
    *,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
    sandbox_id: str | None = None,
    agent_name: str | None = None,
    agent_metadata: str | None = None,
    room: str | None = None,
    identity: str | None = None,
    participant_name: str | None = None,
    participant_metadata: str | None = None,
    attributes: Mapping[str, str] | None = None,
    server_url_at: str | None = None,
    token_at: str | None = None,
    room_at: str | None = None,
    email: str = "livekit-prober+{{ run_id }}@example.com",
    cleanup: Sequence[Step] = (),
    secrets: Collection[str] = (),
) -> TrialEntry:
    """One request to a token endpoint: LiveKit's standard one, a starter kit's `connection-details`, or the sandbox.

    What is not given is left out of the request, but for our identity and attributes. A GET has no fields to ask with.
    Where the answer holds the session is given by JSON pointers; None: under a usual name. Raises ValueError where
    this cannot be walked.
    """
    if sandbox_id is not None:
        url = url or SANDBOX_URL
        headers = {**(headers or {}), "X-Sandbox-ID": sandbox_id}
    if url is None:
        raise ValueError("the token endpoint has no url; only a sandbox has one of its own")
    if agent_metadata and not agent_name:
        raise ValueError("the token endpoint has metadata for an agent but no agent_name; only a named agent gets any")
    asked = {
        "room_name": room,
        "participant_identity": identity,
        "participant_name": participant_name,
        "participant_metadata": participant_metadata,
        "participant_attributes": None if attributes is None else dict(attributes),
        "room_config": _room_config(agent_name, agent_metadata),
    }
    body: dict[str, Any] | None = {name: value for name, value in asked.items() if value is not None}
    if method == "GET":
        if body:
            raise ValueError(f"the token endpoint is asked by GET, which has no field for {next(iter(body))}; use POST")
        body = None
    else:
        body = {"participant_identity": "synthetic-{{ random }}", "participant_attributes": dict(MARKS)} | (body or {})
    if room is not None:
        with at("room"):
            check_fresh(room, "the token endpoint's room")
    _check_attributes(attributes or {})
    pointers = {"server_url": server_url_at, "token": token_at, "room": room_at}
    given = {name: pointer for name, pointer in pointers.items() if pointer is not None}
    entry = TrialEntry(
        email=email,
        steps=(
            Step(
                name="token",
                method=method,
                url=url,
                headers=dict(headers or {}),
                json=body,
                expect=(200, 201),
                extract={f"session_{name}": Extract(source="json", at=at) for name, at in given.items()},
            ),
        ),
        session=SessionAt(**{name: f"{{{{ session_{name} }}}}" for name in given}),
        cleanup=tuple(cleanup),
    )
    check_entry(entry, secrets)
    return entry


def check_direct(entry: DirectEntry) -> None:
    """Raises ValueError, in words for who wrote the configuration, where the direct way cannot be walked."""
    with at("room"):
        check_template(entry.room, BY_RUN, "the room")
        check_fresh(entry.room, "the room")
    with at("identity"):
        check_template(entry.identity, BY_RUN, "the identity")
        if not entry.identity:
            raise ValueError("the identity is empty; LiveKit refuses participants without one")
    with at("metadata"):
        check_template(entry.metadata, BY_RUN, "the metadata")
        if entry.metadata and not entry.agent_name:
            raise ValueError("there is metadata for an agent but no agent_name; only a named agent gets any")
    for name, text in entry.attributes.items():
        with at("attributes", name):
            check_template(text, BY_RUN, f"the attribute {name!r}")
    _check_attributes(entry.attributes)


def check_fresh(room: str, what: str) -> None:
    """Raises ValueError where two runs would meet in the same room."""
    if FRESH.isdisjoint(names(room)):
        wanted = ", ".join(f"{{{{ {name} }}}}" for name in sorted(FRESH))
        raise ValueError(f"{what} {room!r} is the same for every run; put one of {wanted} in it")


def _check_attributes(attributes: Mapping[str, str]) -> None:
    """An agent shuts down when a participant with `lk.simulator` leaves: none of LiveKit's own names is for us."""
    for name in attributes:
        if name.startswith("lk."):
            with at("attributes", name):
                raise ValueError(
                    f"the attribute {name!r} is LiveKit's own; choose a name that does not begin with 'lk.'"
                )


def _room_config(agent_name: str | None, metadata: str | None) -> dict[str, Any] | None:
    if not agent_name:
        return None
    agent = {"agent_name": agent_name} | ({"metadata": metadata} if metadata else {})
    return {"agents": [agent]}
