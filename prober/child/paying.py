"""Takes away what a run leaves behind, its room and its trial side by side; trouble on the way is told, not raised."""

import asyncio
from collections.abc import Callable

import msgspec

from prober.child.messages import CleanUp, Order, Owes
from prober.child.owed import agent_may_come, cleanup_steps
from prober.core.events import CleanedUp
from prober.core.templates import Known
from prober.recorder import Recorder

ARRIVES_WITHIN = 3.0
"""Seconds given to an agent on its way before its room is looked for once more: 0.3 to 0.9 from a warm worker."""
SETTLES_WITHIN = 0.1
"""Seconds given to LiveKit before a deleted room is looked for once more.

What it writes of a room that changes just then, as ours when we leave, can come after the deletion: such a room is
listed until it is deleted again. livekit-server 1.13.5 (`OnRoomUpdated` in `pkg/service/roommanager.go`): 11 of 3000
rooms that were changed and deleted at once; of as many that were deleted again 0.05 s later, none.
"""


class Debts:
    """What the run owes by now; each change of it is told at once."""

    def __init__(self, order: Order, tell: Callable[[Owes], None]) -> None:
        self._order = order
        self._tell = tell
        self._owes = Owes()

    def owe_room(self, name: str) -> None:
        """The room is ours to delete."""
        self._change(msgspec.structs.replace(self._owes, room=name))

    def owe_trial(self, known: Known) -> None:
        """Should the trial have to be taken back, so much is known for it."""
        if cleanup_steps(self._order):
            self._change(msgspec.structs.replace(self._owes, trial=known))

    def no_room(self) -> None:
        """The room has never come to be."""
        self._change(msgspec.structs.replace(self._owes, room=None))

    async def pay(self, recorder: Recorder) -> None:
        """Take away all that is owed."""
        may_come = agent_may_come(recorder.events)
        await pay(CleanUp(order=self._order, owes=self._owes, agent_may_come=may_come), recorder)

    def _change(self, owes: Owes) -> None:
        if owes != self._owes:
            self._owes = owes
            self._tell(owes)


async def pay(debt: CleanUp, recorder: Recorder) -> None:
    """Take away what is owed and record how that went."""
    order, owes = debt.order, debt.owes
    async with asyncio.TaskGroup() as paying:
        if owes.room is not None and order.key is not None:
            paying.create_task(_delete_room(order, owes.room, recorder, again=debt.agent_may_come))
        if owes.trial is not None:
            paying.create_task(_undo(order, owes.trial, recorder))


async def _delete_room(order: Order, room: str, recorder: Recorder, *, again: bool) -> None:
    from prober.entry.cleanup import delete_room

    assert order.key is not None  # noqa: S101 - a room is owed by who holds its key
    result = await delete_room(order.key, room)
    if result.ok:
        await asyncio.sleep(ARRIVES_WITHIN if again else SETTLES_WITHIN)
        second = await delete_room(order.key, room)
        if not second.ok or second.detail == "deleted":  # else it was gone, as it should be: what was said first stands
            result = second
    recorder.record(
        CleanedUp(
            at=recorder.elapsed(),
            resource="room",
            name=recorder.told(room),
            ok=result.ok,
            detail=recorder.told(result.detail),
        )
    )


async def _undo(order: Order, known: Known, recorder: Recorder) -> None:
    from prober.entry.undo import undo

    async for name, result in undo(cleanup_steps(order), order.plan, known, order.secrets, hide=order.hidden):
        told = CleanedUp(at=recorder.elapsed(), resource="trial", name=name, ok=result.ok, detail=result.detail)
        recorder.record(told)
