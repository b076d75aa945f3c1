"""The committed rules and routes, by the programs that will read them: promtool, amtool, Alertmanager."""

import asyncio
import datetime
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from prober.refstack.process import Program

pytestmark = pytest.mark.system
DEPLOY = Path(__file__).parents[2] / "deploy"
ROUTES = DEPLOY / "alertmanager" / "alertmanager.yml"
SOON = 15.0
Alert = dict[str, str]


def program(name: str, package: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not there: apt-get install {package}")
    return found


def said(name: str, package: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program(name, package), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=DEPLOY / "prometheus",
    )


def test_promtool_finds_nothing_to_say_about_the_rules() -> None:
    checked = said("promtool", "prometheus", "check", "rules", "--lint=all", "--lint-fatal", "rules.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_promtool_finds_nothing_to_say_about_the_configuration() -> None:
    checked = said("promtool", "prometheus", "check", "config", "prometheus.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_rules_decide_as_their_unit_tests_say() -> None:
    tested = said("promtool", "prometheus", "test", "rules", "rules_test.yml")
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_amtool_takes_the_routes() -> None:
    checked = said("amtool", "prometheus-alertmanager", "check-config", ROUTES)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    ("receiver", "labels"),
    [
        ("pager", ("alertname=LiveKitAgentDown", "severity=page", "target=shop")),
        ("pager", ("alertname=LiveKitProberAbsent", "severity=page")),
        ("tickets", ("alertname=LiveKitAgentDownOneLocation", "severity=ticket", "target=shop")),
        ("tickets", ("alertname=SomebodyElses",)),
        ("dead-mans-switch", ("alertname=Watchdog", "severity=none")),
    ],
)
def test_an_alert_goes_to_who_has_to_know(receiver: str, labels: tuple[str, ...]) -> None:
    tested = said(
        "amtool",
        "prometheus-alertmanager",
        *("config", "routes", "test", f"--config.file={ROUTES}", f"--verify.receivers={receiver}", *labels),
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr


@asynccontextmanager
async def alertmanager(folder: Path) -> AsyncIterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    argv = (
        program("prometheus-alertmanager", "prometheus-alertmanager"),
        f"--config.file={ROUTES}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    )
    async with Program(argv, env=None, log=folder / "alertmanager.log") as running:
        await running.wait_for_line(lambda line: "Listening on" in line or f"address={address}" in line, SOON)
        yield f"http://{address}/api/v2/alerts"


def of(name: str, **labels: str) -> Alert:
    return {"alertname": name} | {"target": "shop", "scenario": "join"} | labels


ONE, TWO = {"instance": "i", "location": "a"}, {"instance": "k", "location": "b"}
WHOLE = {"target": "", "scenario": ""}
CASES: tuple[tuple[set[str], tuple[Alert, ...]], ...] = (
    ({"LiveKitAgentDown"}, (of("LiveKitProberRunsStale", **ONE), of("LiveKitAgentDown", **ONE))),
    (set(), (of("LiveKitProberRunsStale", **ONE), of("LiveKitAgentDown", **TWO))),
    (set(), (of("LiveKitProberRunsStale", **ONE), of("LiveKitAgentDown", **ONE, scenario="conversation"))),
    (
        {"LiveKitAgentDown", "LiveKitProberRunsStale"},
        (of("LiveKitProberDown", **ONE | WHOLE), of("LiveKitAgentDown", **ONE), of("LiveKitProberRunsStale", **ONE)),
    ),
    (set(), (of("LiveKitProberDown", **ONE | WHOLE), of("LiveKitAgentDown", **TWO))),
    (set(), (of("LiveKitProberAbsent", **WHOLE), of("LiveKitAgentDown", **ONE))),
    (
        {"LiveKitAgentErrorBudgetFastBurn", "LiveKitAgentErrorBudgetSlowBurn", "LiveKitAgentSlow"},
        (
            of("LiveKitAgentDown", **ONE),
            of("LiveKitAgentErrorBudgetFastBurn", location="a"),
            of("LiveKitAgentErrorBudgetSlowBurn", location="a"),
            of("LiveKitAgentSlow", location="a"),
        ),
    ),
    (set(), (of("LiveKitAgentDown", **ONE), of("LiveKitAgentErrorBudgetFastBurn", location="a", target="bank"))),
    ({"LiveKitAgentDownOneLocation"}, (of("LiveKitAgentDownEverywhere"), of("LiveKitAgentDownOneLocation", **ONE))),
    (set(), (of("LiveKitAgentDownOneLocation", **ONE), of("LiveKitAgentErrorBudgetFastBurn", location="b"))),
    (
        {"LiveKitAgentErrorBudgetSlowBurn"},
        (of("LiveKitAgentErrorBudgetFastBurn", location="a"), of("LiveKitAgentErrorBudgetSlowBurn", location="a")),
    ),
)
"""Who is kept back while all of these fire. The last one is taken in last: once it is seen, so are all before it."""


async def test_what_follows_from_another_alert_is_kept_back(tmp_path: Path) -> None:
    now = datetime.datetime.now(datetime.UTC).isoformat()
    fire = [
        {"labels": alert | {"job": str(number)}, "startsAt": now}
        for number, (_, alerts) in enumerate(CASES)
        for alert in alerts
    ]
    async with alertmanager(tmp_path) as api, aiohttp.ClientSession() as session, asyncio.timeout(SOON):
        async with session.post(api, json=fire) as answer:
            assert answer.status == 200, await answer.text()
        kept_back: list[set[str]] = []
        while not kept_back or not kept_back[-1]:
            async with session.get(api) as answer:
                told = await answer.json()
            inhibited = [one["labels"] for one in told if one["status"]["inhibitedBy"]]
            kept_back = [
                {labels["alertname"] for labels in inhibited if labels["job"] == str(number)}
                for number in range(len(CASES))
            ]
    assert len(told) == len(fire)
    assert kept_back == [expected for expected, _ in CASES]
