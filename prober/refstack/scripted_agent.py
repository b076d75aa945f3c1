"""The scripted agent: a real worker whose call follows the `Script` in its dispatch's metadata, logged as exact truth.

Each line of the file named by SCRIPTED_AGENT_LOG is a JSON object with `room`, `job`, `kind` and `at`, a moment on the
system-wide monotonic clock; what belongs to a turn has `turn` (the greeting's is 0). Kinds: entrypoint, connected,
caller_seen, state, subscribed, heard_first_loud, heard_last_loud, spoke_first_loud, spoke_last_loud, impulse_sent,
impulse_heard, left. `scripted_audio` says how sound is dated.
"""

import asyncio
import json
import os
import time
import wave
from collections.abc import Coroutine, Iterator
from pathlib import Path

import numpy as np
from agent import serve
from livekit import rtc
from livekit.agents import AutoSubscribe
from script import Script
from scripted_audio import VOICE_RATE, Ear, Heard, Spoken, Utterance, Voice
from scripted_sounds import amplitude, impulse, speech

NAME = "scripted-agent"
STATE = "lk.agent.state"
GREETING_TURN = 0
VOICE_OF = "en-weather"


class Truth:
    """The log of one call: each line is one write, so that calls can share the file."""

    def __init__(self, path: str, *, room: str, job: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self._call = {"room": room, "job": job}

    def write(self, kind: str, at: float | None = None, **more: object) -> None:
        """Add a line; without `at` it happened now."""
        line = {**self._call, "kind": kind, "at": time.monotonic() if at is None else at, **more}
        os.write(self._file, json.dumps(line).encode() + b"\n")


class Call:
    """One call: LiveKit's callbacks fill queues and futures, tasks follow the script."""

    def __init__(self, ctx, script: Script, truth: Truth, voice_of: np.ndarray) -> None:
        self._ctx, self._script, self._truth, self._recorded = ctx, script, truth, voice_of
        self._tracks: asyncio.Queue[rtc.Track] = asyncio.Queue()
        self._subscribed: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._over = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._voice: Voice | None = None
        self._turn = 0

    async def run(self) -> None:
        """Take part in the call until its end."""
        self._listen_to_room(self._ctx.room)
        await self._ctx.connect(auto_subscribe=AutoSubscribe.AUDIO_ONLY)
        self._truth.write("connected")
        for person in self._ctx.room.remote_participants.values():
            self._see(person)
        async with asyncio.TaskGroup() as group:
            self._group = group
            for step in self._steps():
                self._begin(step)
            await self._over.wait()
            for task in list(self._tasks):
                task.cancel()
        await self._ctx.room.disconnect()

    def _begin(self, step: Coroutine[None, None, None]) -> None:
        """Do this beside all else, until the call ends."""
        task = self._group.create_task(step)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _steps(self) -> Iterator[Coroutine[None, None, None]]:
        script = self._script
        yield self._show_first_state()
        if script.track:
            yield self._publish()
            yield self._emit_impulses() if script.impulses else self._greet()
        yield self._follow_caller()
        if script.leave_after is not None:
            yield self._leave()

    def _listen_to_room(self, room: rtc.Room) -> None:
        @room.on("participant_connected")
        def _(person) -> None:
            self._see(person)

        @room.on("participant_disconnected")
        def _(person) -> None:
            if _is_caller(person):
                self._end("caller left")

        @room.on("track_subscribed")
        def _(track, _publication, person) -> None:
            if _is_caller(person) and track.kind == rtc.TrackKind.KIND_AUDIO:
                self._tracks.put_nowait(track)

        @room.on("local_track_subscribed")
        def _(_track) -> None:
            if not self._subscribed.done():
                self._subscribed.set_result(time.monotonic())
                self._truth.write("subscribed")

        @room.on("disconnected")
        def _(*_) -> None:
            self._end("room closed")

    def _see(self, person) -> None:
        if _is_caller(person):
            self._truth.write("caller_seen", identity=person.identity)

    def _end(self, why: str) -> None:
        if not self._over.is_set():
            self._truth.write("left", why=why)
            self._over.set()
            self._ctx.shutdown(why)

    async def _leave(self) -> None:
        await asyncio.sleep(self._script.leave_after)
        self._end("script")

    async def _show_first_state(self) -> None:
        await asyncio.sleep(self._script.state_delay)
        if self._script.state is not None:
            await self._show(self._script.state)

    async def _show(self, state: str) -> None:
        if self._script.state is not None:
            self._truth.write("state", state=state)
            await self._ctx.room.local_participant.set_attributes({STATE: state})

    async def _publish(self) -> None:
        await asyncio.sleep(self._script.track_delay)
        self._voice = Voice(self._note)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await self._ctx.room.local_participant.publish_track(self._voice.track, options)
        await self._voice.tap()

    async def _greet(self) -> None:
        greeting = self._script.greeting
        if greeting is not None:
            at = await self._subscribed + greeting.delay
            await self._say("greeting", GREETING_TURN, greeting.seconds, at)

    async def _emit_impulses(self) -> None:
        plan = self._script.impulses
        start = await self._subscribed + plan.delay
        pcm, loud, first = impulse(plan.seconds, rate=VOICE_RATE, level_dbfs=self._script.level_dbfs)
        for turn in range(plan.count):
            burst = Utterance(kind="impulse", turn=turn, pcm=pcm, loud=loud, first=first)
            await self._voice.say(burst, at=start + turn * plan.gap)

    async def _say(self, kind: str, turn: int, seconds: float, at: float, breath: float = 0.0) -> None:
        if self._voice is None:
            return
        level = self._script.level_dbfs
        pcm, loud, first = speech(self._recorded, seconds, rate=VOICE_RATE, level_dbfs=level, breath=breath)
        await self._voice.say(Utterance(kind=kind, turn=turn, pcm=pcm, loud=loud, first=first), at=at)

    async def _follow_caller(self) -> None:
        script = self._script
        ear = Ear(loud=amplitude(script.loud_dbfs), hangover=script.hangover)
        async for heard in ear.listen(await self._tracks.get()):
            if script.impulses:
                if heard.last is not None:
                    self._truth.write("impulse_heard", heard.first, peak=heard.peak, turn=self._turn)
                    self._turn += 1
            elif heard.last is None:
                self._turn += 1
                self._truth.write("heard_first_loud", heard.first, turn=self._turn, loud_dbfs=script.loud_dbfs)
                self._react_to_onset(heard)
            else:
                self._truth.write("heard_last_loud", heard.last, turn=self._turn, loud_dbfs=script.loud_dbfs)
                if not script.silent:
                    delay = script.replies[min(self._turn, len(script.replies)) - 1]
                    at = heard.last + delay
                    self._begin(self._say("reply", self._turn, script.reply_seconds, at, script.breath))

    def _react_to_onset(self, heard: Heard) -> None:
        script = self._script
        if script.yield_after is not None and self._voice is not None and self._voice.speaking:
            self._voice.stop_at(heard.first + script.yield_after)
        if script.interrupt_after is not None and self._turn == script.interrupt_turn:
            at = heard.first + script.interrupt_after
            self._begin(self._say("interruption", self._turn, script.interrupt_seconds, at))

    def _note(self, spoken: Spoken) -> None:
        what = spoken.utterance
        if what.kind == "impulse":
            if spoken.last is None:
                self._truth.write(
                    "impulse_sent", spoken.first, turn=what.turn, planned=spoken.planned, pushed=spoken.pushed
                )
            return
        facts = {"turn": what.turn, "what": what.kind, "planned": spoken.planned, "pushed": spoken.pushed}
        if spoken.last is None:
            self._truth.write("spoke_first_loud", spoken.first, **facts)
        else:
            self._truth.write("spoke_last_loud", spoken.last, **facts)
        self._begin(self._show("speaking" if spoken.last is None else "listening"))


def _is_caller(person) -> bool:
    return person.kind != rtc.ParticipantKind.PARTICIPANT_KIND_AGENT


def recorded_voice(fixtures: Path) -> np.ndarray:
    """A fixture cut at the speech bounds of its sidecar."""
    bounds = json.loads((fixtures / f"{VOICE_OF}.json").read_text("utf-8"))["speech"]
    with wave.open(str(fixtures / f"{VOICE_OF}.wav")) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    return samples[bounds["onset_sample"] : bounds["end_sample"]]


async def entrypoint(ctx) -> None:
    """One call; a script that cannot be read ends the job with the reason in the log."""
    truth = Truth(os.environ["SCRIPTED_AGENT_LOG"], room=ctx.job.room.name, job=ctx.job.id)
    truth.write("entrypoint")
    script = Script.from_json(ctx.job.metadata)
    await asyncio.sleep(script.join_delay)
    await Call(ctx, script, truth, recorded_voice(Path(os.environ["FIXTURES_DIR"]))).run()


if __name__ == "__main__":
    serve(entrypoint, name=NAME)
