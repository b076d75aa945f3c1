"""Secrets planted in every input are searched for in every output: of a run that works, and of runs that fail."""

import asyncio
import base64
import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import jwt
import psutil
import pytest
import yaml
from aiohttp import web
from livekit import api

from prober import recordings
from prober.refstack.faults import Fault
from prober.refstack.server import LiveKitServer
from prober.refstack.stack import ReferenceStack
from tests.edge.products import served
from tests.stack.foreign_app import ACCOUNT_KEY, foreign_product
from tests.stack.test_diagnosis import signed
from tests.stack.test_examples import moved
from tests.watch_process import PROGRAM, Watching

pytestmark = [pytest.mark.stack, pytest.mark.asyncio(loop_scope="session")]

MAILBOX = "c4n4ry-mailbox"
NOWHERE = (
    re.compile(rb"eyJ[\w-]{8}"),  # a token, of whomever
    re.compile(MAILBOX.encode() + rb"(?:\+|%2B|\\u002b)[0-9a-f]{16}"),  # the pattern itself is no secret
)
ALLOWED = {"hosts": ["127.0.0.1"], "private_addresses": True, "plaintext": True}
QUICK = {"join": {"interval": 8, "timeout": 4.5, "hold": 0.2}}
IN_TIME = dict.fromkeys(("trial_step", "trial", "room_join", "agent_join", "agent_ready"), 4)


class Quoting:
    """A product that refuses everybody with what it was sent, and with what it signs by, which is the prober's too."""

    def __init__(self, shared: str) -> None:
        self._shared = shared
        self.cookie = f"c00kie-{secrets.token_hex(8)}"

    async def answer(self, request: web.Request) -> web.Response:
        refused = request.method == "POST"
        sent = (await request.post()).values() if refused else ()
        said = " ".join([request.headers["Authorization"], self.cookie, self._shared, *map(str, sent)])
        response = web.json_response({"error": said} if refused else {}, status=422 if refused else 200)
        response.set_cookie("sid", self.cookie, path="/")
        return response


class Gossiping:
    """A product that calls nobody's agent into a room of secrets, and an agent's log that is full of them."""

    def __init__(self, server: LiveKitServer, log: Path) -> None:
        self._server, self._log = server, log
        self.planted = {
            "e-mail": f"n0body-{secrets.token_hex(4)}@example.com",
            "provider key": f"sk-proj-{secrets.token_hex(12)}",
            "cloud key": f"wJalrXUtnFEMI/K7MDENG/{secrets.token_hex(4)}",
            "bearer": f"abcDEF123/{secrets.token_hex(4)}+jkl==",
            "short key": f"sk_{secrets.token_hex(3)}",
            "agent cookie": secrets.token_hex(16),
            "metadata": f"m3tadata-{secrets.token_hex(8)}",
            "spoken": f"sp0ken-{secrets.token_hex(4)}",
        }
        self._token = jwt.encode({}, secrets.token_hex(16))

    async def answer(self, _request: web.Request) -> web.Response:
        planted, room = self.planted, f"gossip-{secrets.token_hex(4)}"
        told = (
            f"{planted['e-mail']} {planted['provider key']} sid={planted['agent cookie']} {self._token} "
            f"{planted['cloud key']} Bearer {planted['bearer']} api_key={planted['short key']}"
        )
        lines: list[dict[str, str]] = [
            {"message": "received job request", "job_id": planted["e-mail"], "room": room},
            {
                "message": "unhandled exception while running the job task",
                "job_id": planted["e-mail"],
                "exc_info": f"Traceback …\nValueError: {told} for text: {planted['spoken']}\n{planted['spoken']}",
            },
        ]
        with self._log.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)
        about = {"lk.agent.state": self._token, "cookie": planted["metadata"]}
        token = (
            api.AccessToken(self._server.api_key, self._server.api_secret)
            .with_identity(planted["e-mail"])
            .with_name(planted["metadata"])
            .with_metadata(planted["metadata"])
            .with_attributes(about)
            .with_grants(api.VideoGrants(room_join=True, room=room))
            .with_room_config(
                api.RoomConfiguration(
                    agents=[api.RoomAgentDispatch(agent_name=self._token, metadata=planted["metadata"])],
                    metadata=planted["metadata"],
                    departure_timeout=1,
                )
            )
            .to_jwt()
        )
        return web.json_response({"serverUrl": self._server.url, "participantToken": token})


def quoting(origin: str) -> dict[str, Any]:
    """The target of that product."""
    headers = {"Authorization": "Bearer {{ login }}"}
    steps = [
        {"name": "page", "url": f"{origin}/", "headers": headers},
        {"name": "start", "method": "POST", "url": f"{origin}/", "headers": headers, "form": {"mail": "{{ email }}"}},
    ]
    return {"entry": {"trial": {"steps": steps}}}


def configured(folder: Path, stack: ReferenceStack, foreign: str, origin: str) -> Path:
    """A configuration of a product that works and of three that do not, whose secrets stand in files and variables."""
    document = moved("foreign-flow", foreign)
    del document["connectivity"]
    targets = document["targets"]
    targets["sprachprobe"]["secrets"] = {"account_key": "${C4N4RY_ACCOUNT}"}
    targets["quoting"] = quoting(origin)
    targets["quoting"]["secrets"] = {"login_file": "../given/login"}
    targets["forged"] = {"entry": {"trial": {"url": stack.trial_url_with(Fault.TOKEN_WRONG_KEY)}}}
    call = {"name": "call", "url": f"{origin}/gossip"}
    targets["gossip"] = {"entry": {"trial": {"steps": [call]}}, "agent_log": "../given/agent.log"}
    key = {"url": stack.server.url, "api_key_file": "../given/key", "api_secret_file": "../given/secret"}
    token = {"url": stack.server.url, "token_file": "../given/token"}
    for name, target in targets.items():
        target |= {"livekit": token if name == "forged" else key, "allow": ALLOWED, "scenarios": QUICK}
        target["deadlines"] = IN_TIME | ({"agent_join": 1} if name == "gossip" else {})
        target["marking"] = {"email": MAILBOX + "+{{ run_id }}@example.com"}
    file = folder / "prober.yaml"
    file.write_text(yaml.safe_dump(document))
    return file


class Processes:
    """Has every Python and every git that a command starts tell its arguments and its environment, in a file."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._file = folder / "processes"
        (folder / "sitecustomize.py").write_text(
            f"import os, sys\nif os.getppid() != {os.getpid()}:\n"  # what the test types is the operator's own
            f"    with open({str(self._file)!r}, 'a') as seen:\n"
            "        seen.write(f'{sys.orig_argv} {dict(os.environ)}\\n')\n"
        )
        git = folder / "git"
        git.write_text(f'#!/bin/sh\n{{ echo git "$@"; env; }} >> "{self._file}"\nexec {shutil.which("git")} "$@"\n')
        git.chmod(0o700)
        monkeypatch.setenv("PYTHONPATH", str(folder))
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def told(self) -> str:
        """All of them."""
        return self._file.read_text()


async def told(*arguments: str) -> bytes:
    """Everything that a command prints."""
    program = await asyncio.create_subprocess_exec(
        *(*PROGRAM, *arguments), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await program.communicate()
    return output


async def pages(canary: Watching) -> dict[str, bytes]:
    """Everything that the canary serves, now that it has runs of each target."""
    paths = ["/", "/metrics", "/config", "/api/v1/status", "/api/v1/runs", "/probe?target=quoting&debug=true"]
    for run in [line for line in canary.lines if line["event"] == "run.finished"]:
        paths += [f"/targets/{run['target']}", f"/targets/{run['target']}/join/last-failure"]
        paths += [f"/runs/{run['run_id']}", f"/runs/{run['run_id']}.json"]
    return {path: (await canary.get(path)).encode() for path in paths}


def leaks(planted: Mapping[str, str], outputs: Mapping[str, bytes]) -> Iterable[str]:
    """Which secret is found where, as it is or in one of the forms in which it travels."""
    for where, body in outputs.items():
        for name, value in planted.items():
            encoded = base64.b64encode(value.encode()).decode().rstrip("=")
            if any(form.encode() in body for form in (value, quote(value, safe=""), quote_plus(value), encoded)):
                yield f"{name} in {where}"
        yield from (f"{found[0]!r} in {where}" for pattern in NOWHERE for found in pattern.finditer(body))


async def test_no_secret_is_found_in_anything_that_is_told(
    stack: ReferenceStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = {
        "login": f"l0gin-{secrets.token_hex(8)}",
        "key": stack.server.api_key,
        "secret": stack.server.api_secret,
        "token": signed(stack.server, room_create=True).token,
        "account": ACCOUNT_KEY,
        "operator's token": secrets.token_hex(16),
    }
    given, made = tmp_path / "given", tmp_path / "made"
    watched = tmp_path / "watched"
    for folder in (given, made, watched):
        folder.mkdir()
    processes = Processes(watched, monkeypatch)
    for name in ("login", "key", "secret", "token"):
        (given / name).write_text(planted[name])
    monkeypatch.setenv("C4N4RY_ACCOUNT", ACCOUNT_KEY)
    monkeypatch.setenv("LIVEKIT_PROBER_TOKEN", planted["operator's token"])
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(made / "summary.md"))
    monkeypatch.setenv("LIVEKIT_API_KEY", stack.server.api_key)
    monkeypatch.setenv("LIVEKIT_API_SECRET", stack.server.api_secret)
    shutil.copy(recordings.folder() / "en-stop.wav", given / "own.wav")
    product = Quoting(stack.server.api_secret)
    gossip = Gossiping(stack.server, given / "agent.log")
    planted |= gossip.planted | {"cookie": product.cookie}
    async with (
        served(("*", "/", product.answer), ("*", "/gossip", gossip.answer)) as other,
        foreign_product(stack.server, stack.worker.agent_name) as (foreign, origin),
    ):
        file = configured(made, stack, origin, other)
        outputs = {"check": await told("check", str(file)), "dump": await told("check", "--dump", str(file))}
        files = [f"--{name}={made / name}" for name in ("json", "junit", "metrics-file", "record")]
        command = ("--debug", "--log-format", "json", "run", "--config", str(file), "--verbose", *files)
        outputs["run"] = await told(*command)
        outputs["say"] = await told("run", "--trial-url", other, "--say", str(given / "own.wav"), "--verbose")
        async with Watching(file, "--enable-probe") as canary:
            seen = set[str]()
            while seen != {"sprachprobe", "quoting", "forged", "gossip"}:
                seen.add((await canary.until("run.finished"))["target"])
            outputs |= await pages(canary)
            assert await canary.stop() == 0
        outputs["history"] = await told("history", "--json", "--db", str(canary.database))
        outputs["watch"] = json.dumps(canary.lines).encode()
        planted |= {f"visitor {number}": visitor for number, visitor in enumerate(foreign.csrf)}
        planted |= {f"csrf {number}": token for number, token in enumerate(foreign.csrf.values())}
    outputs["processes"] = processes.told().encode()
    outputs |= {str(path.relative_to(made)): path.read_bytes() for path in made.rglob("*") if path.is_file()}
    for name in ("prober.child.main", "prober.fixtures", "git"):
        assert name in processes.told()
    assert b"signal connection failed" in outputs["run"]  # the SDK's words; it quotes LiveKit's, and those a token
    runs = {run["target"]: run for run in json.loads((made / "json").read_bytes())["runs"]}
    assert {target: run["reason"] for target, run in runs.items()} == {
        "sprachprobe": None,
        "quoting": "trial_rejected",
        "forged": "token_invalid",
        "gossip": "agent_absent",
    }
    why = runs["gossip"]["diagnosis"]
    assert why["sentence"].endswith(
        "(ValueError: [e-mail] [hidden] sid=[hidden] [hidden] [hidden] Bearer [hidden] api_key=[hidden] for text: …)"
    )
    assert [told for what, told in why["evidence"] if what == "in the room"] == [
        "[e-mail] (standard, [token], tracks: 0)"
    ]
    assert 'asks for agent "[token]": no job listed yet' in [told for _, told in why["evidence"]]
    assert len(planted) > 8
    assert {"json", "junit", "metrics-file", "summary.md", "history.db", "/config"} <= outputs.keys()
    assert "\n".join(leaks(planted, outputs)) == ""


@pytest.mark.parametrize(
    ("arguments", "up", "programs"),
    [
        (
            ("--once", "--fault", Fault.TOKEN_WRONG_KEY, "--scenario", "join", "--verbose"),
            "run started",
            {"livekit-server", "supervisor.py", "agent.py"},
        ),
        (("--listen", "127.0.0.1:0"), "Ctrl-C stops", {"livekit-server", "supervisor.py", "agent.py", "prober.cli"}),
    ],
    ids=["once", "with the canary"],
)
async def test_nothing_that_the_demo_starts_learns_a_secret_of_who_starts_it(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], up: str, programs: set[str]
) -> None:
    planted = {
        name: f"c4n4ry-{secrets.token_hex(16)}"
        for name in ("LIVEKIT_API_KEY", "LIVEKIT_API_SECRET", "LIVEKIT_PROBER_TOKEN", "AWS_SECRET_ACCESS_KEY")
    }
    for name, value in planted.items():
        monkeypatch.setenv(name, value)
    with tempfile.TemporaryDirectory() as folder:  # a short name: sockets are made below it
        program = await asyncio.create_subprocess_exec(
            *(sys.executable, "-u", "-m", "prober.cli", "demo", *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=os.environ | {"TMPDIR": folder},
            start_new_session=True,
        )
        assert program.stdout is not None
        said = b""
        while up.encode() not in said and (line := await program.stdout.readline()):
            said += line
        seen = []
        for process in psutil.Process(program.pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                seen.append(f"{process.cmdline()} {process.environ()}")
        if "--once" not in arguments:
            program.send_signal(signal.SIGINT)
        rest, _ = await program.communicate()
    assert [name for name in programs if not any(name in one for one in seen)] == []
    outputs = {"processes": "\n".join(seen).encode(), "said": said + rest}
    assert "\n".join(leaks(planted, outputs)) == ""
