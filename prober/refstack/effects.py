"""The table of faults: what a customer would see of each, the run that shows it, and what that comes to."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

from prober.core.causes import Cause
from prober.core.plan import Ready
from prober.core.reasons import Reason
from prober.refstack.faults import Effect, Fault, Needs, Place
from prober.refstack.shows import (
    BARGING_IN,
    BRISK_LOOK,
    BRISK_TALK,
    LOOK,
    OPENING_HOURS,
    TALK,
    UNANNOUNCED,
    UNINTERRUPTED,
    look,
)

CONNECTING = '"connecting…" for ever:'
_trial = partial(Effect, place=Place.TRIAL, shown=LOOK)
_unreachable = partial(_trial, expected=Reason.TRIAL_UNREACHABLE, cause=Cause.WEB_UNREACHABLE, needs=Needs.DOOR)
_unanswered = partial(_trial, expected=Reason.TRIAL_TIMEOUT, cause=Cause.WEB_SLOW)
_malformed = partial(_trial, expected=Reason.TRIAL_MALFORMED, cause=Cause.WEB_MALFORMED)
_token = partial(Effect, place=Place.TOKEN, shown=LOOK, expected=Reason.TOKEN_INVALID, cause=Cause.TOKEN_UNUSABLE)
_livekit = partial(Effect, place=Place.LIVEKIT, shown=LOOK, needs=Needs.SERVER)
_agent = partial(Effect, place=Place.AGENT, shown=TALK, in_agent=True)
_unstaffed = partial(Effect, place=Place.WORKER, shown=LOOK, expected=Reason.AGENT_ABSENT, cause=Cause.NO_WORKER)
_absent = partial(_unstaffed, place=Place.JOB, in_agent=True, cause=Cause.JOB_CRASHED)
_call = partial(Effect, place=Place.CALL, shown=TALK, cause=Cause.CALL_ENDED, in_agent=True)
_slow = partial(Effect, place=Place.SLOW, shown=BRISK_LOOK)
_handled = partial(Effect, place=Place.HANDLED, shown=TALK)
_prober = partial(
    Effect,
    place=Place.PROBER,
    shown=LOOK,
    cause=Cause.PROBER_TROUBLE,
    needs=Needs.RUN,
    customer="Nothing: the product is well.",
)

EFFECTS: Mapping[Fault, Effect] = MappingProxyType(
    {
        Fault.TRIAL_NO_NAME: _unreachable(customer="The browser finds no such site: its name does not resolve."),
        Fault.TRIAL_REFUSED: _unreachable(customer="The browser says that the site refused to connect."),
        Fault.TRIAL_WRONG_CERTIFICATE: _unreachable(
            cause=Cause.WEB_CERTIFICATE,
            customer="The browser warns of the site: nobody vouches for its certificate.",
        ),
        Fault.TRIAL_HANGS: _unanswered(customer="Start Trial was pressed, and the browser waits for an answer."),
        Fault.TRIAL_DRIPS: _unanswered(customer="Start Trial was pressed, and the next page never finishes loading."),
        Fault.TRIAL_500: _trial(
            expected=Reason.TRIAL_REJECTED,
            cause=Cause.WEB_ERROR,
            customer="Start Trial answers that something went wrong (status 500).",
        ),
        Fault.TRIAL_429: _trial(
            expected=Reason.PROBER_THROTTLED,
            cause=Cause.PROBER_TROUBLE,
            customer="Start Trial says: too many trials from your address (status 429). Others may be served.",
        ),
        Fault.TRIAL_HTML: _malformed(customer="The call page gets a login page where it asked for data."),
        Fault.TRIAL_NO_TOKEN: _malformed(customer="The call page gets no token, and has nothing to connect with."),
        Fault.TRIAL_HUGE: _malformed(customer="The call page loads 10 MB before it can connect."),
        Fault.TOKEN_OTHER_ROOM: _token(customer="The caller lands in a room that is not the trial's: nobody is there."),
        Fault.TOKEN_NO_GRANT: _token(customer="The call page cannot connect: its token does not allow to join."),
        Fault.TOKEN_EXPIRED: _token(customer="The call page cannot connect: its token has expired already."),
        Fault.TOKEN_NOT_YET_VALID: _token(customer="The call page cannot connect: its token becomes valid in an hour."),
        Fault.TOKEN_WRONG_KEY: _token(customer="The call page cannot connect: its token is signed with another key."),
        Fault.SERVER_DOWN: _livekit(
            expected=Reason.SERVER_UNREACHABLE,
            cause=Cause.LIVEKIT_UNREACHABLE,
            customer="The call page cannot connect: nobody listens at LiveKit's address.",
        ),
        Fault.ROOM_NOT_MADE: _livekit(
            expected=Reason.ROOM_REFUSED,
            cause=Cause.LIVEKIT_REFUSED,
            customer="The call page cannot connect: LiveKit makes no rooms by itself, and the product made none.",
        ),
        Fault.MEDIA_BLOCKED: _livekit(
            expected=Reason.MEDIA_UNREACHABLE,
            cause=Cause.MEDIA_PATH,
            customer='The call page stays at "connecting…": LiveKit names a media address that nobody can reach.',
        ),
        Fault.NO_WORKER: _unstaffed(needs=Needs.SERVER, customer=f"{CONNECTING} no agent worker is registered."),
        Fault.WRONG_AGENT_NAME: _unstaffed(customer=f"{CONNECTING} the token asks for an agent of another name."),
        Fault.AGENT_NOT_NAMED: _unstaffed(
            cause=Cause.NOT_DISPATCHED,
            customer=f"{CONNECTING} the token asks for no agent by name, and the only worker has one.",
        ),
        Fault.WORKER_IMPORT_ERROR: _unstaffed(
            cause=Cause.IMPORT_ERROR,
            needs=Needs.WORKER,
            customer=f"{CONNECTING} the worker's program ends at its first line, an import.",
        ),
        Fault.WORKER_FULL: _unstaffed(
            cause=Cause.WORKER_FULL,
            needs=Needs.WORKER,
            customer=f"{CONNECTING} the only worker has no room for one job more.",
        ),
        Fault.WORKER_SLOW: _unstaffed(
            in_agent=True, customer=f"{CONNECTING} the worker answers LiveKit too late to get the job."
        ),
        Fault.WORKER_KILLED: _unstaffed(
            cause=Cause.PACKETS_STOPPED,
            expected=Reason.AGENT_NO_RESPONSE,
            shown=TALK,
            in_agent=True,
            needs=Needs.WORKER,
            customer="The agent falls silent in mid sentence, and never answers: its machine is gone.",
        ),
        Fault.PREWARM_RAISES: _unstaffed(
            cause=Cause.PREWARM_FAILED,
            needs=Needs.WORKER,
            customer=f"{CONNECTING} the worker takes jobs, but each of its processes crashes first.",
        ),
        Fault.PREWARM_HANGS: _unstaffed(
            cause=Cause.PREWARM_HANGS,
            needs=Needs.WORKER,
            customer=f"{CONNECTING} the worker takes jobs, but no process of it is ever ready.",
        ),
        Fault.MISSING_TTS_KEY: _absent(
            cause=Cause.PROVIDER_KEY_MISSING,
            customer=f"{CONNECTING} each job crashes at start for want of its speech provider's key.",
        ),
        Fault.ASYNC_CALLBACK: _absent(
            cause=Cause.ASYNC_CALLBACK,
            customer=f"{CONNECTING} each job crashes at start on an async callback given to `.on()`.",
        ),
        Fault.JOB_CRASHES_ON_JOINING: _absent(customer=f"{CONNECTING} each job crashes as soon as it has joined."),
        Fault.JOB_DIES: _absent(
            cause=Cause.JOB_DIED, customer=f"{CONNECTING} each job's process dies at start, without a word."
        ),
        Fault.JOB_EXITS: _absent(customer=f"{CONNECTING} each job calls `sys.exit()` at start."),
        Fault.JOB_HANGS: _absent(
            cause=Cause.JOB_HANGS, customer=f"{CONNECTING} each job waits for something that never comes."
        ),
        Fault.JOB_BLOCKS: _absent(
            cause=Cause.ASSIGNED_NEVER_JOINED, customer=f"{CONNECTING} each job blocks its event loop at start."
        ),
        Fault.JOB_RETURNS: _absent(
            cause=Cause.JOB_RETURNED, customer=f"{CONNECTING} each job ends without having joined."
        ),
        Fault.JOB_UNCONNECTED: _absent(
            cause=Cause.WORKER_CUT_OFF, customer=f"{CONNECTING} each job cannot reach LiveKit's address."
        ),
        Fault.JOB_WITHOUT_MEDIA: _absent(
            cause=Cause.JOINED_NOT_READY,
            expected=Reason.AGENT_NOT_READY,
            customer=f"{CONNECTING} no media gets from the agent to LiveKit.",
        ),
        Fault.AGENT_NOT_READY: _agent(
            cause=Cause.JOINED_NOT_READY,
            expected=Reason.AGENT_NOT_READY,
            shown=LOOK,
            customer='"connecting…" for ever, though the agent is in the room.',
        ),
        Fault.AGENT_NO_TRACK: _agent(
            cause=Cause.NO_TRACK,
            expected=Reason.AGENT_NO_TRACK,
            shown=look(ready=Ready.TRACK),
            customer="The agent is there and listens, but has no voice.",
        ),
        Fault.AGENT_SILENT: _agent(
            cause=Cause.SILENT_TRACK,
            expected=Reason.AGENT_SILENT,
            customer="The page shows the agent speaking, and nothing is heard.",
        ),
        Fault.TTS_KEY_REFUSED: _agent(
            cause=Cause.PROVIDER_KEY_REFUSED,
            expected=Reason.AGENT_SILENT,
            customer="The agent is there and says nothing: its speech provider refuses its key.",
        ),
        Fault.AGENT_DEAF: _agent(
            cause=Cause.SILENT_TRACK,
            expected=Reason.AGENT_NO_RESPONSE,
            customer="The agent greets, then nothing that is said gets an answer.",
        ),
        Fault.AGENT_INTERRUPTS: _agent(
            expected=Reason.AGENT_INTERRUPTED_US,
            shown=UNINTERRUPTED,
            customer="The agent talks over whoever talks to it.",
        ),
        Fault.AGENT_WRONG_ANSWER: _agent(
            expected=Reason.AGENT_WRONG_ANSWER, shown=OPENING_HOURS, customer="The agent answers another question."
        ),
        Fault.AGENT_IGNORES_BARGE_IN: _agent(
            expected=Reason.BARGE_IN_IGNORED, shown=BARGING_IN, customer="The agent cannot be stopped: it talks on."
        ),
        Fault.AGENT_CRASHES_AFTER_START: _agent(
            cause=Cause.JOB_CRASHED,
            expected=Reason.AGENT_LEFT,
            shown=LOOK,
            customer="The page says that the agent is there; a moment later it is gone again.",
        ),
        Fault.AGENT_LEAVES: _agent(
            cause=Cause.AGENT_LEFT,
            expected=Reason.AGENT_LEFT,
            customer="The agent falls silent in mid sentence and is gone.",
        ),
        Fault.ROOM_DELETED: _call(
            expected=Reason.DISCONNECTED, customer="The call ends in mid sentence: its room was deleted."
        ),
        Fault.CALLER_KICKED: _call(
            expected=Reason.DISCONNECTED, customer="The call ends in mid sentence: the caller was removed."
        ),
        Fault.DUPLICATE_IDENTITY: _call(
            expected=Reason.DISCONNECTED,
            customer="The call ends in mid sentence: somebody else joined under the caller's identity.",
        ),
        Fault.AGENT_MONOLOGUE: _call(
            cause=None, expected=Reason.RUN_DEADLINE, customer="The agent talks and talks: nobody gets a word in."
        ),
        Fault.SLOW_TRIAL: _slow(missed="trial", customer="Start Trial takes 4 s."),
        Fault.SLOW_SERVER: _slow(
            missed="room_join", needs=Needs.SERVER, customer="LiveKit takes 4 s to let a caller in."
        ),
        Fault.SLOW_AGENT_JOIN: _slow(missed="agent_join", in_agent=True, customer="The agent takes 8 s to join."),
        Fault.SLOW_AGENT_READY: _slow(
            missed="agent_ready",
            shown=look(*UNANNOUNCED),
            in_agent=True,
            customer="The agent joins, and takes 4 s to be ready.",
        ),
        Fault.SLOW_GREETING: _slow(
            missed="greeting", shown=BRISK_TALK, in_agent=True, customer="The agent takes 4 s to say hello."
        ),
        Fault.SLOW_RESPONSE: _slow(
            missed="response", shown=BRISK_TALK, in_agent=True, customer="The agent takes 4 s to answer."
        ),
        Fault.TWO_AGENTS: _handled(
            customer="Two agents are in the room and both speak. The first one is measured, both are recorded."
        ),
        Fault.AVATAR: _handled(
            in_agent=True,
            customer="An avatar speaks for the agent: its voice is the agent's, and it is no second agent.",
        ),
        Fault.PROBER_OFFLINE: _prober(
            expected=Reason.PROBER_OFFLINE,
            customer="Unknown: nothing answers the prober, not even hosts that have nothing to do with the product.",
        ),
        Fault.CHILD_KILLED: _prober(expected=Reason.PROBER_CRASH),
        Fault.CHILD_STALLED: _prober(expected=Reason.PROBER_OVERLOAD, shown=look(agent_join=3.0)),
        Fault.UNREADABLE_RECORDING: _prober(expected=Reason.PROBER_INTERNAL, shown=TALK),
        Fault.OPERATOR_STOP: _prober(cause=None, expected=Reason.INTERRUPTED),
    }
)
