"""`livekit-prober watch` as a process: what it needs, what it says, how it reloads and ends."""

import asyncio
import contextlib
import logging
import os
import signal
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from prober.config.loading import Loaded, load
from prober.config.shard import Shard
from prober.sinks.log_lines import logging_to
from prober.watch.canary import Settings, keep_watch
from prober.watch.web.app import Server
from prober.watch.web.listen import Listen
from tests.edge.products import served
from tests.edge.test_cli import closed_port, invoke, program
from tests.watch_process import Watching

CONFIGURATION = """\
targets:
  shop:
    entry: {{trial: {{url: "{url}/"}}}}
    allow: {{hosts: [127.0.0.1], private_addresses: true, plaintext: true}}
    deadlines:
      {{trial_step: 1, trial: 1, room_join: 1, agent_join: 1, agent_ready: 1, greeting_within: 1, reply_within: 1}}
    scenarios: {{join: {{interval: 1.5, hold: 0}}}}
"""


@pytest.fixture
def shut() -> Iterator[str]:
    """The address of a product that takes no connection."""
    with closed_port() as port:
        yield f"http://127.0.0.1:{port}"


def configured(folder: Path, url: str) -> Path:
    file = folder / "prober.yaml"
    file.write_text(CONFIGURATION.format(url=url), encoding="utf-8")
    return file


def watching(file: Path, *arguments: str) -> tuple[str, ...]:
    """The command line of a canary of which no log is read."""
    where = ("--listen", "127.0.0.1:0", "--db", str(file.with_name("history.db")))
    return (sys.executable, "-m", "prober.cli", "watch", "--config", str(file), *where, *arguments)


async def test_it_runs_reloads_and_ends_in_good_order(tmp_path: Path, shut: str) -> None:
    file = configured(tmp_path, shut)
    text = file.read_text(encoding="utf-8")
    async with Watching(file) as canary:
        run = await canary.until("run.finished")
        assert (run["target"], run["scenario"], run["trigger"]) == ("shop", "join", "scheduled")
        assert (run["outcome"], run["reason"], run["consecutive_failures"]) == ("fail", "trial_unreachable", 1)
        assert 'consecutive_failures{scenario="join",target="shop"} 1.0' in await canary.get("/metrics")
        file.write_text(text + "max_concurrent_runs: 0\n", encoding="utf-8")
        canary.signal(signal.SIGHUP)
        refused = await canary.until("config.refused")
        assert "max_concurrent_runs" in refused["error"]
        assert "config_last_reload_successful 0.0" in await canary.get("/metrics")
        assert (await canary.until("run.finished"))["consecutive_failures"] == 2
        file.write_text(text + "max_concurrent_runs: 3\n", encoding="utf-8")
        canary.signal(signal.SIGHUP)
        await canary.until("config.reloaded")
        assert "max_concurrent_runs: 3" in await canary.get("/config")
        assert (await canary.until("run.finished"))["consecutive_failures"] == 3
        assert await canary.stop() == 0
    assert canary.lines[-1]["event"] == "watch.stopped"
    told = [line["run_id"] for line in canary.lines if line["event"] == "run.finished"]
    with sqlite3.connect(canary.database) as kept:
        assert [run_id for (run_id,) in kept.execute("SELECT run_id FROM runs ORDER BY id")] == told
    assert {path.stem for path in (tmp_path / "evidence" / "fail").iterdir()} == set(told)


async def test_a_killed_canary_goes_on_from_what_it_knew(tmp_path: Path, shut: str) -> None:
    canary = Watching(configured(tmp_path, shut), "--no-evidence")
    async with canary:
        await canary.until("run.finished", lambda line: line["consecutive_failures"] == 2)
        await canary.kill()
    async with canary:
        (resumed,) = (line["consecutive_failures"] for line in canary.lines if line["event"] == "history.resumed")
        assert resumed >= 2
        assert (await canary.until("run.finished"))["consecutive_failures"] == resumed + 1
    assert not (tmp_path / "evidence").exists()


async def test_a_history_that_is_none_is_told_of_and_probing_goes_on(tmp_path: Path, shut: str) -> None:
    (tmp_path / "history.db").write_text("notes of somebody" * 100)
    async with Watching(configured(tmp_path, shut)) as canary:
        assert any(line["event"] == "history.unread" for line in canary.lines)
        assert (await canary.until("run.finished"))["reason"] == "trial_unreachable"
        await canary.until("history.failed")
        assert await canary.stop() == 0
    assert "history.lost" in [line["event"] for line in canary.lines]  # at the very end, and told
    assert (tmp_path / "history.db").read_text().startswith("notes of somebody")


@pytest.mark.parametrize("times", [1, 2])
async def test_a_run_under_way_is_stopped_after_the_grace_time(tmp_path: Path, times: int) -> None:
    entered = asyncio.Event()

    async def slow(_request: web.Request) -> web.Response:
        entered.set()
        await asyncio.sleep(3600)
        return web.Response()

    async with served(("GET", "/", slow)) as origin:
        file = configured(tmp_path, origin)
        text = (
            file.read_text(encoding="utf-8")
            .replace(": 1", ": 40")
            .replace("interval: 40.5", "interval: 40, timeout: 40")
        )
        file.write_text(text, encoding="utf-8")
        async with Watching(file, "--grace", "0.5" if times == 1 else "45", "--enable-probe") as canary:
            asking = asyncio.create_task(canary.get("/probe?target=shop"))
            await entered.wait()
            for _ in range(times - 1):
                canary.signal(signal.SIGINT)
                await canary.until("watch.stopping")
            assert await canary.stop() == 0
            (run,) = [line for line in canary.lines if line["event"] == "run.finished"]
            assert (run["outcome"], run["reason"]) == ("inconclusive", "interrupted")
            await asyncio.gather(asking, return_exceptions=True)


async def test_a_log_that_nobody_reads_stops_no_run_and_no_end(tmp_path: Path) -> None:
    asked: asyncio.Queue[None] = asyncio.Queue()

    async def handler(_request: web.Request) -> web.Response:
        asked.put_nowait(None)
        return web.Response(status=403)

    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writing, bytes(1 << 16))
    os.set_blocking(writing, True)
    async with served(("GET", "/", handler)) as origin:
        canary = await asyncio.create_subprocess_exec(
            *watching(configured(tmp_path, origin), "--grace", "0"), stdout=writing
        )
        try:
            async with asyncio.timeout(60):
                for _ in range(3):
                    await asked.get()
                canary.send_signal(signal.SIGTERM)
                assert await canary.wait() == 0
        finally:
            if canary.returncode is None:
                canary.kill()
    os.close(reading)
    os.close(writing)
    with sqlite3.connect(tmp_path / "history.db") as kept:
        assert kept.execute("SELECT count(*) FROM runs").fetchone() >= (3,)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_before_anything_is_begun_is_obeyed(tmp_path: Path, number: signal.Signals) -> None:
    file = tmp_path / "prober.yaml"
    os.mkfifo(file)
    canary = await asyncio.create_subprocess_exec(*watching(file))
    with await asyncio.to_thread(file.open, "w"):  # it is about to read it
        canary.send_signal(signal.SIGHUP)
        canary.send_signal(number)
        assert await canary.wait() == 0


async def test_a_reload_when_all_is_over_is_none(
    tmp_path: Path, shut: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loaded, close = load(configured(tmp_path, shut), {}), Server.close

    async def load_again() -> Loaded:
        return loaded

    async def called_meanwhile(server: Server) -> None:
        signal.raise_signal(signal.SIGHUP)
        await close(server)

    class UntilStarted(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage() == "watch.started":
                signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(Server, "close", called_meanwhile)
    caplog.set_level(logging.INFO)
    with logging_to(UntilStarted()):
        await keep_watch(
            loaded, load_again, Settings(database=tmp_path / "history.db", evidence=None, listen=Listen(port=0))
        )
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []
    assert caplog.records[-1].getMessage() == "watch.stopped"


async def test_shards_share_the_targets_and_one_without_any_waits_for_a_reload(tmp_path: Path, shut: str) -> None:
    file = configured(tmp_path, shut)
    text = file.read_text(encoding="utf-8")
    alone = next(index for index in range(2) if Shard(index, 2).share({"shop": None}))
    async with Watching(file, "--shard", f"{1 - alone}/2") as idle:
        assert (await idle.get("/-/healthy")).startswith("Healthy.")
        assert "shop" not in await idle.get("/metrics") + await idle.get("/config") + await idle.get("/")
        theirs = next(name for name in ("a", "b", "c", "d", "e") if Shard(1 - alone, 2).share({name: None}))
        file.write_text(text.replace("shop:", f"{theirs}:"), encoding="utf-8")
        idle.signal(signal.SIGHUP)
        await idle.until("config.reloaded")
        assert (await idle.until("run.finished"))["target"] == theirs
        assert await idle.stop() == 0


async def test_two_canaries_at_one_address_are_one_too_many(tmp_path: Path, shut: str) -> None:
    file = configured(tmp_path, shut)
    async with Watching(file) as canary:
        second = (
            "watch",
            "--config",
            str(file),
            "--db",
            str(tmp_path / "b.db"),
            "--no-evidence",
            "--listen",
            canary.url[7:],
        )
        result = await asyncio.to_thread(program, *second)
    assert result.returncode == 4
    assert "the port is in use, perhaps by another canary; --listen chooses another" in result.stderr


async def test_a_second_canary_at_a_place_ends_at_once_and_the_next_one_does_not(tmp_path: Path, shut: str) -> None:
    file, link = configured(tmp_path, shut), tmp_path / "link.db"
    link.symlink_to(tmp_path / "history.db")
    call = ("watch", "--config", str(file), "--listen", "127.0.0.1:0", "--db")
    canary = Watching(file)
    async with canary:
        recording = tmp_path / "evidence" / "drafts" / "0123456789abcdef.wav"
        recording.write_bytes(b"RIFF")
        for database, lock, instead in (
            (tmp_path / "history.db", tmp_path / "history.db.lock", "--db"),
            (link, tmp_path / "history.db.lock", "--db"),
            (tmp_path / "other.db", tmp_path / "evidence" / "lock", "--evidence"),
        ):
            result = await asyncio.to_thread(program, *call, str(database))
            assert (result.returncode, result.stdout) == (2, "")
            (said,) = result.stderr.splitlines()
            assert f"({lock} is locked). Stop that one" in said
            assert said.endswith(f"with {instead}.")
        assert recording.exists()
        await canary.kill()
    async with canary:
        assert not any(line["event"] == "watch.unlocked" for line in canary.lines)


async def test_a_place_that_can_have_no_lock_is_used_all_the_same(tmp_path: Path, shut: str) -> None:
    (tmp_path / "history.db.lock").mkdir()
    async with Watching(configured(tmp_path, shut)) as canary:
        (unlocked,) = (line for line in canary.lines if line["event"] == "watch.unlocked")
        assert "Is a directory" in unlocked["error"]
        assert (await canary.until("run.finished"))["reason"] == "trial_unreachable"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Missing option '--config'"),
        (("--config", "nowhere.yaml"), "nowhere.yaml: cannot be read"),
        (("--config", "{file}", "--listen", "here"), "is no HOST:PORT"),
        (("--config", "{file}", "--evidence", "x", "--no-evidence"), "exclude each other"),
        (("--config", "{file}", "--grace", "nan"), "nan is not a number of seconds"),
        (("--config", "{file}", "--token-file", "nowhere"), "The token in nowhere cannot be read"),
        (("--config", "{file}", "--shard", "2/2"), "There is no shard 2/2: they are counted from 0 to 1."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_call_says_what_would_be_right_and_exits_2(
    arguments: tuple[str, ...], words: str, tmp_path: Path, shut: str
) -> None:
    file = configured(tmp_path, shut)
    result = invoke("watch", *(argument.format(file=file) for argument in arguments))
    assert result.exit_code == 2
    assert words in result.output
