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
        Blame.PRODUCT_WEB,
        "No connection to the web app came up, or it was broken off.",
        "Is it up? Check its DNS name, its address and port, and what lies between it and this host.",
    ),
    Cause.WEB_CERTIFICATE: Meaning(
        Blame.PRODUCT_WEB,
        "The web app's TLS failed.",
        "Renew its certificate, or send the whole chain; if nothing speaks TLS there, correct the address.",
    ),
    Cause.WEB_SLOW: Meaning(
        Blame.PRODUCT_WEB,
        "The web app took the connection and did not answer in time.",
        "Look at its upstreams and its load.",
    ),
    Cause.WEB_ERROR: Meaning(
        Blame.PRODUCT_WEB,
        "The web app refused the request.",
        "Read its log for this run's id, which X-Synthetic-Probe holds. 401 or 403: are the `secrets` of the target "
        "still right, and are robots let in?",
    ),
    Cause.WEB_MALFORMED: Meaning(
        Blame.PRODUCT_WEB,
        "The web app answered without what a caller needs.",
        "Compare its last answer with what the page expects: server URL, token, room. Where it is right and only names "
        "them otherwise, say how: `session` of the steps, or `server_url`, `token`, `room_name` of `token_endpoint`.",
    ),
    Cause.TOKEN_UNUSABLE: Meaning(
        Blame.PRODUCT_WEB,
        "The product hands out a token that cannot open its room.",
        "Mend the code that mints tokens: key and secret, clock, room name, grants.",
    ),
    Cause.OWN_KEY_REFUSED: Meaning(
        Blame.PROBER,
        "LiveKit refuses the API key that the prober itself was given.",
        "Correct the key and secret in the prober's configuration.",
    ),
    Cause.LIVEKIT_UNREACHABLE: Meaning(
        Blame.LIVEKIT,
        "LiveKit's signalling cannot be reached.",
        "Is livekit-server up, its name in DNS, and its port open from here?",
    ),
    Cause.LIVEKIT_CERTIFICATE: Meaning(
        Blame.LIVEKIT,
        "LiveKit's TLS failed.",
        "Renew its certificate, or send the whole chain; if nothing speaks TLS there, correct the address.",
    ),
    Cause.LIVEKIT_SLOW: Meaning(
        Blame.LIVEKIT,
        "The room was joined, after the deadline.",
        "Look at the load of livekit-server and at the network between here and it.",
    ),
    Cause.LIVEKIT_REFUSED: Meaning(
        Blame.LIVEKIT,
        "LiveKit lets nobody into this room.",
        "Read its log for this room; look at its limits and room.auto_create.",
    ),
    Cause.LIVEKIT_SHUT_DOWN: Meaning(
        Blame.LIVEKIT,
        "LiveKit's server shut down in mid call.",
        "Find out why it went: a deployment, a crash, a drain.",
    ),
    Cause.MEDIA_PATH: Meaning(
        Blame.NETWORK,
        "Signalling works and media does not: no path for UDP or TCP.",
        "Check the server's node_ip, its UDP and TCP media ports, and TURN.",
    ),
    Cause.CONNECTION_LOST: Meaning(
        Blame.UNKNOWN,
        "The connection to LiveKit broke in mid call.",
        "Did livekit-server crash at this time? Else check the network between here and LiveKit.",
    ),
    Cause.CALL_ENDED: Meaning(
        Blame.UNKNOWN,
        "Somebody ended the call over LiveKit's API, or joined with the same identity.",
        "Find out who deletes rooms or removes participants (the web app, or the agent's own job), and whether tokens "
        "share an identity.",
    ),
    Cause.JOINED_NOT_READY: Meaning(
        Blame.AGENT,
        "The agent is in the room and never said that it is ready.",
        "Find what the entrypoint or session.start() waits for, or what fails before the agent has joined; check "
        "can_update_metadata.",
    ),
    Cause.NO_TRACK: Meaning(
        Blame.AGENT,
        "The agent is in the room and publishes no audio.",
        "Check its RoomIO audio output and its grant canPublish.",
    ),
    Cause.NO_PACKETS: Meaning(
        Blame.NETWORK,
        "The agent's track is there, and not one packet of it arrived.",
        "Check media between the agent and LiveKit, and from there to here: UDP ports and firewalls.",
    ),
    Cause.PACKETS_STOPPED: Meaning(
        Blame.AGENT,
        "The agent's packets came at first and then no more: its process died or hangs, or it was cut off.",
        "Look at the worker's process and its host: OOM, a blocked event loop, its network.",
    ),
    Cause.SILENT_TRACK: Meaning(
        Blame.AGENT,
        "The agent's packets arrived while we waited, and there was no speech in them.",
        "Check the agent's audio input, STT, LLM and TTS: keys, quota, errors in the worker's log.",
    ),
    Cause.AGENT_SLOW: Meaning(
        Blame.AGENT,
        "The agent did it, after the deadline.",
        "Look at what it waited for: its models and providers, and the worker's load.",
    ),
    Cause.AGENT_LEFT: Meaning(
        Blame.AGENT,
        "The agent was in the room and left it: its job ended, crashed, or its process died.",
        "Read the worker's log for this room.",
    ),
    Cause.PROBER_TROUBLE: Meaning(
        Blame.PROBER,
        "The prober itself was not fit to judge.",
        "Look at the prober and its host: this says nothing of the target.",
    ),
    Cause.UNEXPLAINED: Meaning(
        Blame.UNKNOWN,
        "Nothing that the prober may look at says why.",
        "Given the agent's log (`agent_log`, or `--agent-log`) and LiveKit's key (`livekit`, or LIVEKIT_URL, "
        "LIVEKIT_API_KEY and LIVEKIT_API_SECRET), a failed run looks there by itself.",
    ),
    Cause.NOT_DISPATCHED: Meaning(
        Blame.UNKNOWN,
        "No agent was asked for by name when we joined, and no worker without a name took the job.",
        "Name the agent in the token's roomConfig, or create a dispatch. If its worker has no name: is one registered, "
        "and has it room for a job?",
    ),
    Cause.NO_WORKER: Meaning(
        Blame.AGENT,
        "An agent was asked for, and no worker took the job.",
        "Is a worker registered under exactly this agent name, has it room for a job (its load, its threshold), and "
        "does it accept within 3 s?",
    ),
    Cause.ASSIGNED_NEVER_JOINED: Meaning(
        Blame.AGENT,
        "A worker took the job, and its agent never joined: the job crashed at start, or hangs.",
        "Find `unhandled exception while running the job task` in the worker's log; where `received job request` is "
        "all of it, something blocks the job's event loop. The job's status looks healthy.",
    ),
    Cause.JOINED_LATE: Meaning(
        Blame.AGENT,
        "The agent came after the deadline.",
        "Look at how long jobs take to start: cold processes (num_idle_processes), prewarm, imports.",
    ),
    Cause.PROVIDER_KEY_MISSING: Meaning(
        Blame.AGENT,
        "The agent crashed: a provider's API key is missing.",
        "Set it in the worker's environment and restart the worker.",
    ),
    Cause.PROVIDER_KEY_REFUSED: Meaning(
        Blame.AGENT,
        "A provider refuses the agent's API key.",
        "Replace the key, or pay the bill, and restart the worker.",
    ),
    Cause.PROVIDER_REFUSES: Meaning(
        Blame.AGENT,
        "A provider refuses what the agent asks of it.",
        "Its own words say what: the model, a parameter, what the key may do, or the bill.",
    ),
    Cause.PROVIDER_ERRORS: Meaning(
        Blame.PROVIDER,
        "The agent's session closed after errors of a provider.",
        "Check the provider's status page, quota and model names.",
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
        "Mend what the prewarm function (setup_fnc) raises.",
    ),
    Cause.PREWARM_HANGS: Meaning(
        Blame.AGENT,
        "The worker's processes hang in prewarm; it takes jobs all the same.",
        "Find what the prewarm function (setup_fnc) waits for: downloads, models.",
    ),
    Cause.WORKER_CUT_OFF: Meaning(
        Blame.AGENT,
        "The worker, or its job, cannot get through to LiveKit.",
        "Check LIVEKIT_URL and the network at the worker.",
    ),
    Cause.WORKER_KEY_REFUSED: Meaning(
        Blame.AGENT,
        "LiveKit refuses the worker's API key, so it cannot take jobs.",
        "Check LIVEKIT_API_KEY and LIVEKIT_API_SECRET at the worker, and that LIVEKIT_URL is of the same project.",
    ),
    Cause.JOB_CRASHED: Meaning(
        Blame.AGENT, "The job crashed with an exception.", "Read the exception's traceback in the worker's log."
    ),
    Cause.JOB_DIED: Meaning(
        Blame.AGENT, "The job's process died.", "Look for memory (OOM), native crashes, and os._exit in the agent."
    ),
    Cause.JOB_HANGS: Meaning(
        Blame.AGENT,
        "The job runs and does not connect to the room.",
        "Find what the entrypoint waits for before ctx.connect() or session.start().",
    ),
    Cause.JOB_RETURNED: Meaning(
        Blame.AGENT,
        "The job came to its end without connecting to the room.",
        "Find which path of the entrypoint returns before ctx.connect() or session.start().",
    ),
}
