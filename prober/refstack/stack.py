"""The reference product as one thing: livekit-server, trial app and agent worker, and what its faults need beside."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from prober.refstack.cache import Progress
from prober.refstack.effects import EFFECTS
from prober.refstack.elsewhere import doors_elsewhere, servers_elsewhere
from prober.refstack.faults import Fault, Needs
from prober.refstack.server import LiveKitServer, Variant
from prober.refstack.trial_app.app import TrialApp
from prober.refstack.trial_app.connection import Knobs, ServerAccess
from prober.refstack.worker import AgentWorker


class ReferenceStack:
    """All of it on loopback; logs go to `directory`, by default a temporary one that stays only after an error.

    It can be had with each of `faults`, by the customers who come to `trial_url_with` that fault.
    """

    server: LiveKitServer
    worker: AgentWorker
    app: TrialApp
    _elsewhere: dict[Fault, ServerAccess]
    _doors: Mapping[Fault, str]

    def __init__(
        self,
        *,
        progress: Progress,
        agent: Literal["reference", "scripted"] = "reference",
        faults: Collection[Fault] = (),
        directory: Path | None = None,
        variant: Variant | None = None,
    ) -> None:
        self._variant = variant
        self._progress = progress
        self._agent = agent
        self._faults = faults
        self._given = directory
        self._running = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as starting:
            directory = self._directory = starting.enter_context(_LogDirectory(self._given, self._progress))
            self.server = await starting.enter_async_context(
                LiveKitServer(directory=directory, progress=self._progress, variant=self._variant)
            )
            self.worker = AgentWorker(
                server=self.server, log=directory / "agent.log", agent=self._agent, progress=self._progress
            )
            self._elsewhere = dict(
                await starting.enter_async_context(
                    servers_elsewhere(self._faults, self.server, directory=directory, progress=self._progress)
                )
            )
            knobs = Knobs(agent_name=self.worker.agent_name)
            self.app = await starting.enter_async_context(
                TrialApp(server=self.server, knobs=knobs, elsewhere=self._elsewhere, progress=self._progress)
            )
            self._doors = await starting.enter_async_context(doors_elsewhere(self._faults, self.app))
            await starting.enter_async_context(self.worker)
            for fault in self._faults:
                await starting.enter_async_context(self.broken_worker(fault))
            self._running = starting.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._running.__aexit__(kind, error, trace)

    @asynccontextmanager
    async def broken_worker(self, fault: Fault | None) -> AsyncIterator[None]:
        """Meanwhile the product can have this fault too, if it is one of a worker as a whole."""
        if fault is None or EFFECTS[fault].needs is not Needs.WORKER or fault in self._elsewhere:
            yield
            return
        log = self.agent_log_of(fault)
        async with AgentWorker(server=self.server, log=log, fault=fault, progress=self._progress):
            self._elsewhere[fault] = self.server
            try:
                yield
            finally:
                del self._elsewhere[fault]

    @property
    def trial_url(self) -> str:
        """The product's front page."""
        return self.app.url

    def trial_url_with(self, fault: Fault | None) -> str:
        """Where customers come in who shall have the product with this fault; None: the healthy one."""
        door = self.door_of(fault)
        if fault is None or door != self.app.url or EFFECTS[fault].needs is Needs.RUN:
            return door
        return f"{door}/?fault={fault}"

    def door_of(self, fault: Fault | None) -> str:
        """The product's address, or the one that it has with a fault that is about its address."""
        return self.app.url if fault is None else self._doors.get(fault, self.app.url)

    def server_of(self, fault: Fault | None) -> ServerAccess:
        """The server that callers with this fault are sent to."""
        return self.server if fault is None else self._elsewhere.get(fault, self.server)

    def agent_log_of(self, fault: Fault | None) -> Path:
        """What the worker says that callers with this fault depend on."""
        broken = fault is not None and EFFECTS[fault].needs is Needs.WORKER
        return self._directory / f"{fault}.log" if broken else self.worker.log

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
        elif isinstance(error, Exception) and self._given is None:
            self._progress(f"The logs of the reference stack are in {self._directory}")
