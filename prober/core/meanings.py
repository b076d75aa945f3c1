"""What each cause means to a person: whose it is, what happened, what to do. Pure values."""

from typing import NamedTuple

from prober.core.causes import Blame, Cause


class Meaning(NamedTuple):
    """What a cause means to a person: whose it is, what happened, what to do."""

    blame: Blame
    sentence: str
    fix: str


MEANINGS: dict[Cause, Meaning] = {
    Cause.WEB_UNREACHABLE: Meaning(
        Blame.NETWORK,
        "No connection to the web app came up.",
        "Its DNS name, its address and port, and what lies between it and this host.",
    ),
    Cause.WEB_CERTIFICATE: Meaning(
        Blame.PRODUCT_WEB, "The web app's TLS failed.", "Renew its certificate, or send the whole chain."
    ),
    Cause.WEB_SLOW: Meaning(
        Blame.PRODUCT_WEB, "The web app took the request and did not answer it in time.", "Its upstreams and its load."
    ),
    Cause.WEB_ERROR: Meaning(
        Blame.PRODUCT_WEB, "The web app refused the request.", "Its log at the time of this run, for our User-Agent."
    ),
    Cause.WEB_MALFORMED: Meaning(
        Blame.PRODUCT_WEB,
        "The web app answered without what a caller needs.",
        "Compare its last answer with what the page expects: server URL, token, room.",
    ),
    Cause.TOKEN_UNUSABLE: Meaning(
        Blame.PRODUCT_WEB,
        "The product hands out a token that cannot open its room.",
        "The code that mints tokens: key and secret, clock, room name, grants.",
    ),
    Cause.OWN_KEY_REFUSED: Meaning(
        Blame.PROBER,
        "LiveKit refuses the API key that the prober itself was given.",
        "The key and secret in the prober's configuration.",
    ),
    Cause.LIVEKIT_UNREACHABLE: Meaning(
        Blame.LIVEKIT, "LiveKit's signalling cannot be reached.", "Is livekit-server up, and its port open from here?"
    ),
    Cause.LIVEKIT_REFUSED: Meaning(
        Blame.LIVEKIT, "LiveKit lets nobody into this room.", "Its log for this room, its limits and room.auto_create."
    ),
    Cause.LIVEKIT_SHUT_DOWN: Meaning(
        Blame.LIVEKIT, "LiveKit's server shut down in mid call.", "Why it went: a deployment, a crash, a drain."
    ),
    Cause.MEDIA_PATH: Meaning(
        Blame.NETWORK,
        "Signalling works and media does not: no path for UDP or TCP.",
        "The server's node_ip, its UDP and TCP media ports, TURN.",
    ),
    Cause.CONNECTION_LOST: Meaning(
        Blame.NETWORK, "The connection to LiveKit broke in mid call.", "The network between here and LiveKit."
    ),
    Cause.CALL_ENDED: Meaning(
        Blame.PRODUCT_WEB,
        "Somebody ended the call over LiveKit's API, or joined with our identity.",
        "Who deletes rooms or removes participants, and whether tokens share an identity.",
    ),
    Cause.JOINED_NOT_READY: Meaning(
        Blame.AGENT,
        "The agent is in the room, and it never said that it is ready.",
        "What the entrypoint or session.start() waits for; a greeting that failed before it had joined; "
        "can_update_metadata.",
    ),
    Cause.NO_TRACK: Meaning(
        Blame.AGENT,
        "The agent is ready and publishes no audio.",
        "Its RoomIO audio output and its grant canPublish.",
    ),
    Cause.NO_PACKETS: Meaning(
        Blame.NETWORK,
        "The agent's track is there, and not one packet of it arrived.",
        "Media between the agent and LiveKit, and from there to here: UDP ports and firewalls.",
    ),
    Cause.PACKETS_STOPPED: Meaning(
        Blame.AGENT,
        "The agent's packets came at first and then no more: its process died or hangs, or it was cut off.",
        "The worker's process and its host: OOM, a blocked event loop, its network.",
    ),
    Cause.SILENT_TRACK: Meaning(
        Blame.AGENT,
        "The agent's packets arrived while we waited, and there was no speech in them.",
        "The agent's audio input, STT, LLM and TTS: keys, quota, errors in the worker's log.",
    ),
    Cause.AGENT_LEFT: Meaning(
        Blame.AGENT,
        "The agent was in the room and left it: its job ended, crashed, or its process died.",
        "The worker's log for this room.",
    ),
    Cause.PROBER_TROUBLE: Meaning(
        Blame.PROBER, "The prober itself was not fit to judge.", "The prober's host: this says nothing of the target."
    ),
    Cause.NOT_DISPATCHED: Meaning(
        Blame.PRODUCT_WEB,
        "Nobody asked for an agent: the room has no dispatch.",
        "Name the agent in the token's roomConfig or create a dispatch; without a name only an unnamed worker comes.",
    ),
    Cause.NO_WORKER: Meaning(
        Blame.AGENT,
        "An agent was asked for, and no worker took the job.",
        "Is a worker registered under exactly this agent name (where none is asked for: without one), has it room for "
        "a job, and does it accept within 3 s?",
    ),
    Cause.ASSIGNED_NEVER_JOINED: Meaning(
        Blame.AGENT,
        "A worker took the job, and its agent never joined: the job crashed at start, or hangs.",
        "The worker's log for this room: `unhandled exception while running the job task`. Its status looks healthy.",
    ),
    Cause.JOINED_LATE: Meaning(
        Blame.AGENT,
        "The agent came after the deadline.",
        "How long jobs take to start: cold processes (num_idle_processes), prewarm, imports.",
    ),
    Cause.PROVIDER_KEY_MISSING: Meaning(
        Blame.AGENT,
        "The job crashed: a provider's API key is missing.",
        "Set it in the worker's environment and restart the worker.",
    ),
    Cause.PROVIDER_KEY_REFUSED: Meaning(
        Blame.PROVIDER,
        "A provider refuses the agent's API key.",
        "Replace the key, or pay the bill, and restart the worker.",
    ),
    Cause.PROVIDER_ERRORS: Meaning(
        Blame.PROVIDER,
        "The agent's session closed after errors of a provider.",
        "The provider's status page, quota and model names.",
    ),
    Cause.ASYNC_CALLBACK: Meaning(
        Blame.AGENT,
        "The job crashed: an async function was given to `.on()`.",
        "Give `.on()` a plain function that calls asyncio.create_task.",
    ),
    Cause.IMPORT_ERROR: Meaning(
        Blame.AGENT,
        "The agent's module cannot be imported.",
        "Install what is missing in the worker's image, or undo the release.",
    ),
    Cause.WORKER_FULL: Meaning(
        Blame.AGENT, "The workers are full and take no job.", "Add workers, or raise load_threshold."
    ),
    Cause.PREWARM_FAILED: Meaning(
        Blame.AGENT,
        "The worker's processes die in prewarm; it takes jobs all the same.",
        "What the prewarm function (setup_fnc) raises.",
    ),
    Cause.PREWARM_HANGS: Meaning(
        Blame.AGENT,
        "The worker's processes hang in prewarm; it takes jobs all the same.",
        "What the prewarm function (setup_fnc) waits for: downloads, models.",
    ),
    Cause.WORKER_CUT_OFF: Meaning(
        Blame.NETWORK, "The worker cannot reach LiveKit's SFU.", "LIVEKIT_URL and the network at the worker."
    ),
    Cause.JOB_CRASHED: Meaning(
        Blame.AGENT, "The job crashed with an exception.", "The exception's traceback in the worker's log."
    ),
    Cause.JOB_DIED: Meaning(
        Blame.AGENT, "The job's process died.", "Memory (OOM), native crashes, os._exit in the agent."
    ),
    Cause.JOB_HANGS: Meaning(
        Blame.AGENT,
        "The job runs and does not connect to the room.",
        "What the entrypoint waits for before ctx.connect() or session.start().",
    ),
    Cause.JOB_RETURNED: Meaning(
        Blame.AGENT,
        "The job came to its end without connecting to the room.",
        "Which path of the entrypoint returns before ctx.connect() or session.start().",
    ),
}
