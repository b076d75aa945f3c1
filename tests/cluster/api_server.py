"""A Kubernetes API server with nothing behind it but etcd: it judges what it is given, and runs nothing."""

import asyncio
import secrets
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from prober.refstack.cache import Progress
from prober.refstack.process import Program, StackError
from tests.cluster.programs import ensure_kubernetes

READY_WITHIN = 60.0


class Answer(NamedTuple):
    """How a command ended, and what it said: what it did, and warnings or why not."""

    code: int
    said: str
    warned: str


class Kubectl:
    """The client of one API server, as its administrator."""

    def __init__(self, program: Path, server: str, certificate: Path, token: str) -> None:
        self._argv = (program, f"--server={server}", f"--certificate-authority={certificate}", f"--token={token}")

    async def __call__(self, *arguments: str | Path, given: str = "") -> Answer:
        """Run a command; `given` is its standard input."""
        running = await asyncio.create_subprocess_exec(
            *self._argv,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, warned = await running.communicate(given.encode())
        assert running.returncode is not None
        return Answer(running.returncode, said.decode(), warned.decode())


@asynccontextmanager
async def api_server(progress: Progress) -> AsyncIterator[Kubectl]:
    """Its client, while it runs. It needs etcd (Debian: etcd-server) and Go, for the first time."""
    if shutil.which("etcd") is None:
        raise StackError("There is no program etcd here (Debian: apt-get install etcd-server).")
    server = await ensure_kubernetes("kube-apiserver", progress)
    client = await ensure_kubernetes("kubectl", progress)
    async with AsyncExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="api-server-")))
        store, peer, port = (f"http://127.0.0.1:{_free_port()}" for _ in range(3))
        etcd: list[str | Path] = [
            *("etcd", "--data-dir", folder / "etcd", "--unsafe-no-fsync", "--initial-cluster", f"default={peer}"),
            *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
            *("--listen-client-urls", store, "--advertise-client-urls", store),
        ]
        await running.enter_async_context(Program(etcd, env=None, log=folder / "etcd.log"))
        key, token, number = folder / "key.pem", secrets.token_hex(16), port.rpartition(":")[2]
        await _openssl("genrsa", "-out", key, "2048")
        (folder / "tokens.csv").write_text(f'{token},administrator,1,"system:masters"\n')
        flags = {
            "etcd-servers": store,
            "bind-address": "127.0.0.1",
            "secure-port": number,
            "cert-dir": folder / "certificates",
            "service-cluster-ip-range": "10.96.0.0/16",
            "service-account-issuer": "https://kubernetes.default.svc",
            "service-account-key-file": key,
            "service-account-signing-key-file": key,
            "token-auth-file": folder / "tokens.csv",
            "authorization-mode": "RBAC",
            "disable-admission-plugins": "ServiceAccount",  # nobody is here who would make accounts for pods
        }
        argv: list[str | Path] = [server, *(f"--{name}={value}" for name, value in flags.items())]
        program = Program(argv, env=None, log=folder / "api-server.log")
        await running.enter_async_context(program)
        kubectl = Kubectl(client, f"https://127.0.0.1:{number}", folder / "certificates" / "apiserver.crt", token)
        async with asyncio.timeout(READY_WITHIN):
            while (await kubectl("get", "--raw", "/readyz")).code != 0:
                if program.returncode is not None:
                    raise StackError(f"The API server ended.{program.last_words()}")
                await asyncio.sleep(0.2)
        yield kubectl


def _free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port: int = asked.getsockname()[1]
        return port


async def _openssl(*arguments: str | Path) -> None:
    running = await asyncio.create_subprocess_exec("openssl", *arguments, stderr=asyncio.subprocess.DEVNULL)
    assert await running.wait() == 0
