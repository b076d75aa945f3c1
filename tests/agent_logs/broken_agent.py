"""A real livekit-agents worker that is broken as BROKEN says, or in one job as that job's metadata says.

`record` runs it in the agents' environment and keeps what it logs. Nothing here is a fault of the reference product.
"""
# ruff: noqa: ARG001, PLC0415 - as livekit-agents calls it; a fault is an import where a product would have it

import asyncio
import math
import os
import socket
import sys
import time

from livekit.agents import Agent, AgentServer, AgentSession, cli, inference
from livekit.agents.types import APIConnectOptions
from livekit.agents.voice.agent_session import SessionConnectOptions

BROKEN = os.environ.get("BROKEN")
PROVIDER = os.environ.get("PROVIDER", "")

if BROKEN == "import_error":
    import livekit.plugins.cartesia  # noqa: F401 - it is not installed

ONCE = APIConnectOptions(max_retry=0, timeout=5)
IMPATIENT = SessionConnectOptions(stt_conn_options=ONCE, llm_conn_options=ONCE, tts_conn_options=ONCE)


def elevenlabs(**options):
    from livekit.plugins import elevenlabs

    return elevenlabs.TTS(**options)


def openai(**options):
    from livekit.plugins import openai

    return openai.LLM(**options)


def realtime(**options):
    from livekit.plugins import openai

    return openai.realtime.RealtimeModel(**options)


def deepgram(**options):
    from livekit.plugins import deepgram

    return deepgram.STT(**options)


if BROKEN == "missing_key_at_start":
    elevenlabs()
if BROKEN == "missing_openai_key_at_start":
    openai()

TOLD = ("quota_exceeded", "model_forbidden", "model_unknown", "invalid_key_by_400", "provider_stumbles")
"""Cases that are the provider's answer, and nothing else."""


async def talk(ctx, *, times=1, **parts):
    """Start a session with these parts, and let it speak or think."""
    session = AgentSession(**parts, conn_options=IMPATIENT)
    await session.start(Agent(instructions="Be brief."), room=ctx.room, record=False)
    await ctx.wait_for_participant()
    for _ in range(times):
        if "tts" in parts:
            await session.say("Hello.").wait_for_playout()
        elif "llm" in parts:
            await session.generate_reply().wait_for_playout()


async def async_callback(ctx):
    session = AgentSession()

    @session.on("user_state_changed")
    async def _(event):
        pass


async def missing_inference_key(ctx):
    os.environ["LIVEKIT_INFERENCE_API_KEY"] = ""  # as a template leaves it behind whose variable is not set
    inference.STT("deepgram/nova-3")


async def missing_variable(ctx):
    await talk(ctx, tts=elevenlabs(api_key=os.environ["ELEVEN_API_KEY"]))


async def import_of_a_name(ctx):
    from livekit.agents import VoicePipelineAgent  # noqa: F401 - it was there before 1.0


async def sfu_unreachable(ctx):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        ctx._info.url = f"ws://127.0.0.1:{nobody.getsockname()[1]}"
    await ctx.connect()


async def blocks(ctx):
    time.sleep(600)  # noqa: ASYNC251 - that is the fault


async def hangs(ctx):
    await asyncio.Event().wait()


async def returns(ctx):
    pass


async def needs_memory(ctx):
    held = b"x" * (600 << 20)
    await asyncio.sleep(60)
    del held


async def greets(ctx):
    async def greet(ctx, participant):
        elevenlabs()

    ctx.add_participant_entrypoint(greet)
    await ctx.connect()


async def exits(ctx):
    os._exit(3)


async def leaves_by_sys_exit(ctx):
    sys.exit(1)


JOBS = {
    "missing_elevenlabs_key": lambda ctx: talk(ctx, tts=elevenlabs()),
    "missing_openai_key": lambda ctx: talk(ctx, llm=openai()),
    "missing_deepgram_key": lambda ctx: talk(ctx, stt=deepgram()),
    "missing_inference_key": missing_inference_key,
    "missing_variable": missing_variable,
    "import_of_a_name": import_of_a_name,
    "async_callback": async_callback,
    "refused_elevenlabs_key": lambda ctx: talk(ctx, tts=elevenlabs(api_key="wrong", base_url=PROVIDER)),
    "refused_openai_key": lambda ctx: talk(ctx, llm=openai(api_key="wrong", base_url=PROVIDER)),
    "refused_deepgram_key": lambda ctx: talk(ctx, stt=deepgram(api_key="wrong", base_url=PROVIDER)),
    "refused_inference_key": lambda ctx: talk(ctx, tts=inference.TTS("cartesia/sonic-3", base_url=PROVIDER)),
    "session_closed": lambda ctx: talk(ctx, times=4, llm=openai(api_key="wrong", base_url=PROVIDER)),
    "provider_fails": lambda ctx: talk(ctx, times=4, llm=openai(api_key="any", base_url=f"{PROVIDER}/fails")),
    **{
        name: lambda ctx, name=name: talk(ctx, llm=openai(api_key="any", base_url=f"{PROVIDER}/{name}"))
        for name in TOLD
    },
    "realtime_key_refused": lambda ctx: talk(ctx, llm=realtime(api_key="wrong", base_url=PROVIDER)),
    "memory_limit": needs_memory,
    "missing_key_of_a_participant": greets,
    "sfu_unreachable": sfu_unreachable,
    "hangs_before_connect": hangs,
    "blocks_its_loop": blocks,
    "returns_without_connecting": returns,
    "process_exits": exits,
    "sys_exit": leaves_by_sys_exit,
}


async def entrypoint(ctx):
    await JOBS[ctx.job.metadata](ctx)


def prewarm(process):
    if BROKEN == "prewarm_raises":
        raise FileNotFoundError("models/vad.onnx")
    if BROKEN == "prewarm_hangs":
        time.sleep(3600)


def load(worker):
    return 1.0 if BROKEN == "worker_full" else 0.0


server = AgentServer(
    setup_fnc=prewarm,
    load_fnc=load,
    load_threshold=0.7 if BROKEN == "worker_full" else math.inf,
    num_idle_processes=1,
    job_memory_limit_mb=350 if BROKEN == "memory_limit" else 0,
    initialize_process_timeout=2.0 if BROKEN == "prewarm_hangs" else 20.0,
    drain_timeout=1,
    shutdown_process_timeout=2,
    host="127.0.0.1",
    port=0,
    max_retry=1 if BROKEN in ("server_unreachable", "worker_key_refused") else 16,
)
server.rtc_session(entrypoint, agent_name="broken")
if __name__ == "__main__" or BROKEN == "no_main_guard":
    cli.run_app(server)
