"""One healthy call of the reference agent, in the steps that a fault may take in another way.

Runs in the agent's own environment.
"""

from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice.room_io import RoomOptions

GREETING = "Hello, how can I help you today?"


class Call:
    """The healthy call; a fault has another value or method in place of one of these."""

    voice_of: str | None = None
    """The provider of the agent's voice, in place of the environment's."""
    hesitates = 0.0
    """Seconds that the worker takes to accept the job."""
    joins = True
    """Whether there is more to the job than what comes before anything else."""
    can_be_interrupted = True
    room_options = RoomOptions()

    def __init__(self, ctx) -> None:
        self.ctx = ctx
        self.session: AgentSession

    @staticmethod
    def is_caller(person) -> bool:
        """Whether this is whom the agent is here for, and no other agent."""
        return person.kind == rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD

    def parts(self, **parts) -> dict:
        """The ears, mind and voice of the session."""
        return parts

    async def before_join(self) -> None:
        """Do what comes before anything else."""

    def listen(self) -> None:
        """Follow what happens in the session, which is there now."""

    async def before_start(self) -> None:
        """Do what comes before the session's start, which joins the room if that has not been done."""

    async def after_start(self) -> None:
        """Do what comes after the session's start."""

    async def greet(self) -> None:
        """Speak first."""
        self.session.say(GREETING)
