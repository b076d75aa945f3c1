"""The reference agent: a real livekit-agents worker that hears, thinks and speaks offline, in its own environment.

It greets the caller, answers the recorded English sentences of FIXTURES_DIR and says so when it did not understand.
`{"fault": NAME}` in a dispatch's metadata makes that one job fail as a product would (`agent_faults`). Imports that a
worker without a job can do without are made where they are used: the worker is ready sooner.
"""
# ruff: noqa: PLC0415 - see above

import asyncio
import json
import math
import os
import re
import socket
from pathlib import Path
from uuid import uuid4

import numpy as np
from agent_faults import called_for, hesitation_about
from livekit import rtc
from livekit.agents import (
    DEFAULT_API_CONNECT_OPTIONS,
    Agent,
    AgentServer,
    AgentSession,
    TurnHandlingOptions,
    cli,
    inference,
    llm,
    stt,
    tts,
)

NAME = "reference-agent"
RATE = 16_000
NOT_UNDERSTOOD = "Sorry, I did not get that."
ANSWERS = {
    "en-book-table": "Sure, a table for four on Friday at half past seven.",
    "en-digits": "Thank you. Your order is on its way.",
    "en-email": "Of course, the receipt is in your mail.",
    "en-gb-repeat": "Of course. How can I help you today?",
    "en-hours": "We are open from nine to five.",
    "en-human-command": "I would love to. Where shall we go?",
    "en-human-forward": "All right, ten meters forward.",
    "en-human-short": "I am sure he might.",
    "en-noisy": "Sure, a table for four on Friday at half past seven.",
    "en-repeat": "Of course. How can I help you today?",
    "en-stop": "All right, I am waiting.",
    # One long sentence without a pause: an interruption must find it going on.
    "en-weather": "Tomorrow will be sunny with a light breeze from the west and warm enough to sit outside at noon "
    "and in the evening there may be a few clouds over the hills but no rain before the middle of next week.",
    "en-yes": "Great.",
}


def spoken(text: str) -> str:
    """The words alone, as the phrase grammar writes them."""
    return " ".join(re.sub(r"[^a-z' ]", " ", text.lower()).split())


def phrases(fixtures: Path) -> dict[str, str]:
    """What can be understood, with its answer; recordings that came without an answer here are unknown sentences."""
    sidecars = (json.loads(path.read_text("utf-8")) for path in sorted(fixtures.glob("*.json")))
    return {spoken(it["transcript"]): ANSWERS[it["id"]] for it in sidecars if it["id"] in ANSWERS}


class PhraseSpeechToText(stt.STT):
    """Recognises whole known phrases; anything else is heard as an unknown one."""

    def __init__(self, known: list[str]) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=False, interim_results=False))
        from pocketsphinx import Decoder

        # Without its language model, which takes 0.15 s of CPU to load and no grammar needs.
        self._decoder = Decoder(samprate=RATE, lm=None, loglevel="FATAL")
        self._decoder.add_jsgf_string("phrases", f"#JSGF V1.0; grammar phrases; public <one> = {' | '.join(known)};")
        self._decoder.activate_search("phrases")
        self._known = frozenset(known)
        self._turn = asyncio.Lock()

    def _recognize(self, pcm: bytes) -> str:
        self._decoder.start_utt()
        self._decoder.process_raw(pcm, full_utt=True)
        self._decoder.end_utt()
        best = self._decoder.hyp()
        return best.hypstr if best is not None and best.hypstr in self._known else "unintelligible"

    async def _recognize_impl(self, buffer, *, language=None, conn_options=None) -> stt.SpeechEvent:  # noqa: ARG002 - the plugin interface
        audio = rtc.combine_audio_frames(buffer)
        if audio.sample_rate != RATE:
            resampler = rtc.AudioResampler(audio.sample_rate, RATE, num_channels=1)
            audio = rtc.combine_audio_frames(resampler.push(audio) + resampler.flush())
        pcm = np.frombuffer(audio.data, np.int16).tobytes()
        async with self._turn:
            text = await asyncio.to_thread(self._recognize, pcm)
        data = stt.SpeechData(language="en", text=text)
        return stt.SpeechEvent(type=stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=[data])


class ScriptedModel(llm.LLM):
    """A language model that knows one answer to each known phrase."""

    def __init__(self, answers: dict[str, str]) -> None:
        super().__init__()
        self.answers = answers
        self.thinks = 0.0

    def chat(self, *, chat_ctx, tools=None, conn_options=DEFAULT_API_CONNECT_OPTIONS, **_) -> llm.LLMStream:
        """Answer the last thing the caller said."""
        return _ScriptedStream(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class _ScriptedStream(llm.LLMStream):
    async def _run(self) -> None:
        said = [message.text_content or "" for message in self._chat_ctx.messages() if message.role == "user"]
        await asyncio.sleep(self._llm.thinks)
        answer = self._llm.answers.get(spoken(said[-1]) if said else "", NOT_UNDERSTOOD)
        delta = llm.ChoiceDelta(role="assistant", content=answer)
        self._event_ch.send_nowait(llm.ChatChunk(id=uuid4().hex, delta=delta))


class LocalTextToSpeech(tts.TTS):
    """The Pico voice, which needs no network and no key."""

    def __init__(self) -> None:
        super().__init__(capabilities=tts.TTSCapabilities(streaming=False), sample_rate=RATE, num_channels=1)
        from py_nanotts import NanoTTS

        self._engine = NanoTTS()
        self._turn = asyncio.Lock()

    def synthesize(self, text, *, conn_options=DEFAULT_API_CONNECT_OPTIONS) -> tts.ChunkedStream:
        """Say one text."""
        return _LocalSpeech(tts=self, input_text=text, conn_options=conn_options)

    async def speak(self, text: str) -> bytes:
        """The sound of a text."""
        async with self._turn:
            return await asyncio.to_thread(self._engine.speak, text, voice="en-US")


class _LocalSpeech(tts.ChunkedStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        output_emitter.initialize(request_id=uuid4().hex, sample_rate=RATE, num_channels=1, mime_type="audio/pcm")
        output_emitter.push(await self._tts.speak(self._input_text))
        output_emitter.flush()


def _elevenlabs() -> tts.TTS:
    from livekit.plugins import elevenlabs

    return elevenlabs.TTS()


def _openai() -> tts.TTS:
    from livekit.plugins import openai

    return openai.TTS()


SPEECH = {"local": LocalTextToSpeech, "elevenlabs": _elevenlabs, "openai": _openai}


def _speech(provider: str) -> tts.TTS:
    if provider not in SPEECH:
        msg = f"unknown TTS_PROVIDER {provider!r}; known are {', '.join(SPEECH)}"
        raise ValueError(msg)
    return SPEECH[provider]()


class Receptionist(Agent):
    """Speaks first, as the agents of trial products do."""

    def __init__(self, call) -> None:
        super().__init__(instructions="You are the receptionist of a small restaurant.")
        self._call = call

    async def on_enter(self) -> None:
        """Greet the caller."""
        await self._call.greet()


def prepare(process) -> None:
    """What every job needs and no job should wait for."""
    from livekit.local_inference import init_vad

    init_vad()  # else the first call pays 100 ms for it on its event loop
    known = phrases(Path(os.environ["FIXTURES_DIR"]))
    process.userdata.update(vad=inference.VAD(), stt=PhraseSpeechToText(list(known)), llm=ScriptedModel(known))


async def entrypoint(ctx) -> None:
    """One call, with the fault that its dispatch asks for."""
    call = called_for(ctx)
    provider = call.voice_of or os.environ.get("TTS_PROVIDER", "local")
    await call.before_join()
    if not call.joins:
        return
    interruption = {"mode": "vad", "enabled": call.can_be_interrupted}
    call.session = AgentSession(
        **call.parts(**ctx.proc.userdata, tts=_speech(provider)),
        turn_handling=TurnHandlingOptions(turn_detection="vad", interruption=interruption),
    )
    call.listen()
    # The session ends with its caller, the job by itself only when the server closes the room.
    ctx.room.on("participant_disconnected", lambda person: call.is_caller(person) and ctx.shutdown("caller left"))
    await call.before_start()
    await call.session.start(Receptionist(call), room=ctx.room, room_options=call.room_options, record=False)
    await call.after_start()


async def accept(request) -> None:
    """Take every job, after the time that its fault takes to say so."""
    await asyncio.sleep(hesitation_about(request.job))
    await request.accept()


def serve(call, *, name: str, **options) -> None:
    """Run a worker that takes every job it is asked to, whatever the machine's load, until it is told to stop.

    `options` are livekit-agents' own, and take the place of ours.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ours = {
        "load_threshold": math.inf,
        "load_fnc": no_load,
        "num_idle_processes": 1,
        "drain_timeout": 1,
        "shutdown_process_timeout": 3,
        "initialize_process_timeout": 60,
        "host": "127.0.0.1",
        "port": port,
        "preload_modules": ["numpy", "pocketsphinx", "py_nanotts"],
    }
    server = AgentServer(**ours | options)
    server.rtc_session(call, agent_name=name, on_request=accept)
    cli.run_app(server)


def no_load() -> float:
    """The server skips a worker that reports full load, whatever its threshold."""
    return 0.0


if __name__ == "__main__":
    serve(entrypoint, name=NAME, setup_fnc=prepare)
