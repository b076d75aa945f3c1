"""What can be wrong with one call of the reference agent: a fault is a `Call` that differs from the healthy one.

Runs in the agent's own environment; `prober.refstack.effects` lists what each fault looks like from outside.
"""

import asyncio
import json
import os

from agent_call import Call
from call_faults import Avatar, CallerKicked, DuplicateIdentity, LeavesSpeaking, RoomDeleted, WorkerKilled
from job_faults import (
    Blocks,
    CrashesOnJoining,
    Dies,
    Exits,
    Hangs,
    RefusedVoiceKey,
    Returns,
    SlowToAnswer,
    Unconnected,
    WithoutMedia,
)
from livekit.agents import tts
from livekit.agents.voice.room_io import RoomOptions

OVERHEARD = "Excuse me, let me stop you there for a moment."
MONOLOGUE = "Before we begin, let me tell you everything about our house, our kitchen, our cellar and our garden."
ELSEWHERE = "That is on the second floor, next to the stairs."
SLOW = 4.0
"""Seconds that a slow agent takes for what a healthy one does in less than one."""
VOICE_RATE = 24_000


class MissingVoiceKey(Call):
    """The incident: the voice provider's key is not in the environment, and its plugin raises."""

    voice_of = "elevenlabs"

    async def before_join(self) -> None:
        """Forget the key; this process serves this one job."""
        os.environ.pop("ELEVEN_API_KEY", None)


class AsyncCallback(Call):
    """The incident again: an event emitter takes no coroutine function, and raises."""

    def listen(self) -> None:
        """Register what cannot be registered."""

        async def note(event) -> None:
            """Never called."""

        self.session.on("user_state_changed", note)


class SlowJoin(Call):
    """Loads for seconds before it joins."""

    async def before_join(self) -> None:
        """Load."""
        await asyncio.sleep(2 * SLOW)


class NeverReady(Call):
    """Joins, then waits for an avatar that never comes: once its room is gone, that raises an exception."""

    async def before_start(self) -> None:
        """Wait, in the room."""
        await self.ctx.connect()
        await self.ctx.wait_for_participant(identity="avatar")


class SlowReady(Call):
    """Joins, then waits for something that takes its time."""

    async def before_start(self) -> None:
        """Wait, in the room."""
        await self.ctx.connect()
        await asyncio.sleep(SLOW + 3.0)  # LiveKit tells of who publishes nothing up to 3 s late


class NoTrack(Call):
    """Joins and is ready, but was started without an audio output."""

    room_options = RoomOptions(audio_output=False)

    async def before_start(self) -> None:
        """Join first: a session without a voice does not wait for that before it greets."""
        await self.ctx.connect()


class Silent(Call):
    """Believes that it speaks: its voice is silence."""

    def parts(self, **parts) -> dict:
        """Put the silent voice in."""
        return parts | {"tts": SilentVoice()}


class SilentVoice(tts.TTS):
    """A voice that sends as much sound as any, all of it zeros."""

    def __init__(self) -> None:
        super().__init__(capabilities=tts.TTSCapabilities(streaming=False), sample_rate=VOICE_RATE, num_channels=1)

    def synthesize(self, text, *, conn_options) -> tts.ChunkedStream:
        """Say one text."""
        return _Silence(tts=self, input_text=text, conn_options=conn_options)


class _Silence(tts.ChunkedStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        output_emitter.initialize(request_id="silence", sample_rate=VOICE_RATE, num_channels=1, mime_type="audio/pcm")
        output_emitter.push(bytes(2 * VOICE_RATE * 2))
        output_emitter.flush()


class SlowGreeting(Call):
    """Takes its time before it greets."""

    async def greet(self) -> None:
        """Think first."""
        await asyncio.sleep(SLOW)
        await super().greet()


class Deaf(Call):
    """Greets, but was started without an audio input."""

    room_options = RoomOptions(audio_input=False)


class SlowResponse(Call):
    """Thinks for seconds about each answer."""

    def parts(self, **parts) -> dict:
        """Slow the mind down; this process serves this one job."""
        parts["llm"].thinks = SLOW
        return parts


class WrongAnswer(Call):
    """Answers everything with the same sentence, which answers nothing."""

    def parts(self, **parts) -> dict:
        """Put the one answer in; this process serves this one job."""
        parts["llm"].answers = dict.fromkeys(parts["llm"].answers, ELSEWHERE)
        return parts


class Interrupts(Call):
    """Begins to speak as soon as its caller does."""

    def listen(self) -> None:
        """Speak over whoever speaks."""

        @self.session.on("user_state_changed")
        def _(event) -> None:
            if event.new_state == "speaking":
                self.session.say(OVERHEARD, allow_interruptions=False)


class IgnoresBargeIn(Call):
    """Cannot be interrupted."""

    can_be_interrupted = False


class CrashesAfterStart(Call):
    """Raises as soon as its session has begun."""

    async def after_start(self) -> None:
        """Crash."""
        raise FileNotFoundError("hold-music.wav")


class Monologue(Call):
    """Never stops talking."""

    async def greet(self) -> None:
        """Talk."""
        while True:
            await self.session.say(MONOLOGUE, allow_interruptions=False)


FAULTS: dict[str | None, type[Call]] = {
    None: Call,
    "missing_tts_key": MissingVoiceKey,
    "async_callback": AsyncCallback,
    "tts_key_refused": RefusedVoiceKey,
    "worker_slow": SlowToAnswer,
    "worker_killed": WorkerKilled,
    "job_crashes_on_joining": CrashesOnJoining,
    "job_dies": Dies,
    "job_exits": Exits,
    "job_hangs": Hangs,
    "job_blocks": Blocks,
    "job_returns": Returns,
    "job_unconnected": Unconnected,
    "job_without_media": WithoutMedia,
    "agent_not_ready": NeverReady,
    "agent_no_track": NoTrack,
    "agent_silent": Silent,
    "agent_deaf": Deaf,
    "agent_wrong_answer": WrongAnswer,
    "agent_interrupts": Interrupts,
    "agent_ignores_barge_in": IgnoresBargeIn,
    "agent_crashes_after_start": CrashesAfterStart,
    "agent_leaves": LeavesSpeaking,
    "agent_monologue": Monologue,
    "room_deleted": RoomDeleted,
    "caller_kicked": CallerKicked,
    "duplicate_identity": DuplicateIdentity,
    "slow_agent_join": SlowJoin,
    "slow_agent_ready": SlowReady,
    "slow_greeting": SlowGreeting,
    "slow_response": SlowResponse,
    "avatar": Avatar,
}


def called_for(ctx) -> Call:
    """The call that a dispatch's metadata asks for. Raises ValueError for a fault that is not known."""
    fault = _fault_of(ctx.job)
    if fault not in FAULTS:
        msg = f"unknown fault {fault!r} in the dispatch's metadata; known are {', '.join(filter(None, FAULTS))}"
        raise ValueError(msg)
    return FAULTS[fault](ctx)


def hesitation_about(job) -> float:
    """Seconds after which the worker accepts this job."""
    return FAULTS.get(_fault_of(job), Call).hesitates


def _fault_of(job) -> str | None:
    return json.loads(job.metadata or "{}").get("fault")
