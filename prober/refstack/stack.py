"""The reference product as one thing: livekit-server, trial app and agent worker, with a fault if wished."""

import shutil
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from prober.refstack.cache import Progress
from prober.refstack.faults import Fault, put
from prober.refstack.server import LiveKitServer
from prober.refstack.trial_app.app import TrialApp
from prober.refstack.trial_app.connection import Knobs
from prober.refstack.worker import AgentWorker


class ReferenceStack:
    """All of it on loopback; logs go to `directory`, by default a temporary one that stays only after an error."""

    server: LiveKitServer
    worker: AgentWorker
    app: TrialApp

    def __init__(
        self,
        *,
        progress: Progress,
        agent: Literal["reference", "scripted"] = "reference",
        fault: Fault | None = None,
        directory: Path | None = None,
    ) -> None:
        self._progress = progress
        self._agent = agent
        self._fault = fault
        self._directory = directory
        self._running = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as starting:
            directory = starting.enter_context(_LogDirectory(self._directory, self._progress))
            self.server = await starting.enter_async_context(
                LiveKitServer(directory=directory, progress=self._progress)
            )
            self.worker = AgentWorker(
                server_url=self.server.url,
                api_key=self.server.api_key,
                api_secret=self.server.api_secret,
                log=directory / "agent.log",
                agent=self._agent,
                progress=self._progress,
            )
            knobs = Knobs(agent_name=self.worker.agent_name)
            put(self._fault, knobs)
            self.app = await starting.enter_async_context(
                TrialApp(server=self.server, knobs=knobs, progress=self._progress)
            )
            await starting.enter_async_context(self.worker)
            self._running = starting.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._running.__aexit__(kind, error, trace)

    @property
    def trial_url(self) -> str:
        """The product's front page."""
        return self.app.url

    @property
    def knobs(self) -> Knobs:
        """What may be changed while it runs."""
        return self.app.knobs


class _LogDirectory:
    """The given directory, or a temporary one that is removed unless an error passes by."""

    def __init__(self, given: Path | None, progress: Progress) -> None:
        self._given = given
        self._progress = progress

    def __enter__(self) -> Path:
        if self._given is not None:
            self._given.mkdir(parents=True, exist_ok=True)
        self._directory = self._given or Path(tempfile.mkdtemp(prefix="livekit-prober-"))
        return self._directory

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None and self._given is None:
            shutil.rmtree(self._directory, ignore_errors=True)
        elif isinstance(error, Exception):
            self._progress(f"The logs of the reference stack are in {self._directory}")
