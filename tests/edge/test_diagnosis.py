"""A server that does not tell spoils no run: why not is in the event."""

from livekit import api

from prober.core.events import ServerAsked
from prober.core.plan import ApiKey
from prober.diagnosis.server import _person, ask
from tests.edge.servers import silent


def key(url: str) -> ApiKey:
    return ApiKey(url=url, key="APIkey", secret="s" * 32)


def untold(event: ServerAsked) -> list[str]:
    assert (event.listed, event.people, event.dispatches) == (None, None, None)
    assert "s" * 32 not in repr(event)
    return [line.partition(": ")[2] for line in event.trouble]


async def test_nobody_there() -> None:
    assert (
        untold(await ask(key("http://127.0.0.1:1"), "r", float))
        == ["LiveKit cannot be reached: ClientConnectorError"] * 3
    )


async def test_somebody_who_never_answers_is_waited_for_so_long_and_no_longer() -> None:
    async with silent() as where:
        event = await ask(key(f"http://{where}"), "r", float, within=0.2)
    assert untold(event) == ["LiveKit did not answer within 0.2 s"] * 3


def test_a_kind_of_participant_that_is_newer_than_we_are_is_told_by_its_number() -> None:
    people = [_person(api.ParticipantInfo(identity="x", kind=kind)).kind for kind in (4, 99)]  # type: ignore[arg-type]
    assert people == ["agent", "99"]
