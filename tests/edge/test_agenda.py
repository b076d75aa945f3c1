"""A configuration as the canary works by it."""

import datetime
from pathlib import Path

import pytest

from prober.child.making import cores
from prober.config.loading import load
from prober.core.plan import Scenario
from prober.watch.agenda import Agenda, agenda
from prober.watch.burst import Confirm
from prober.watch.cadence import Cadence, Key
from prober.watch.maintenance import Window

CONFIGURATION = """
targets:
  shop:
    entry: {trial: {url: https://shop.example.com/}}
    livekit: {url: wss://lk.example.com, api_key: "${KEY}", api_secret: "${SECRET}"}
    maintenance:
      - {days: [sat, sun], from: "22:00", to: "02:00", zone: Europe/Prague}
      - {days: [mon], from: "00:00", to: "00:00"}
    budget: {agent_minutes_per_day: 2.5}
    scenarios: {join: {interval: 30, timeout: 25}, conversation: {interval: 600}}
  cafe:
    entry: {direct: {}}
    livekit: {url: wss://lk.example.com, api_key: "${KEY}", api_secret: "${SECRET}"}
    confirm: false
"""
TRIAL = "trial: {url: https://cafe.example.com/}"


def made(tmp_path: Path, text: str = CONFIGURATION) -> Agenda:
    file = tmp_path / "prober.yaml"
    file.write_text(text, encoding="utf-8")
    return agenda(load(file, {"KEY": "k", "SECRET": "s3cr3t", "TOKEN": "eyJh.eyJi.c"}))


def test_every_line_has_its_cadence(tmp_path: Path) -> None:
    windows = (
        Window(start=datetime.time(22), end=datetime.time(2), days=frozenset({5, 6}), zone="Europe/Prague"),
        Window(start=datetime.time(0), end=datetime.time(0), days=frozenset({0})),
    )
    shop = {"maintenance": windows, "budget": 150.0, "confirm": Confirm()}
    assert made(tmp_path).timetable.cadences == (
        Cadence(key=Key("shop", Scenario.JOIN), interval=30.0, **shop),  # type: ignore[arg-type]
        Cadence(key=Key("shop", Scenario.CONVERSATION), interval=600.0, **shop),  # type: ignore[arg-type]
        Cadence(key=Key("cafe", Scenario.JOIN), interval=60.0, confirm=None),
        Cadence(key=Key("cafe", Scenario.CONVERSATION), interval=300.0, confirm=None),
    )


@pytest.mark.parametrize(("given", "expected"), [("", cores()), ("max_concurrent_runs: 7\n", 7)])
def test_as_many_runs_at_a_time_as_there_are_cores_or_as_it_says(tmp_path: Path, given: str, expected: int) -> None:
    assert made(tmp_path, CONFIGURATION + given).timetable.max_concurrent_runs == expected


def test_the_longest_run_and_the_keys(tmp_path: Path) -> None:
    found = made(tmp_path)
    assert found.longest_run == 90.0
    (key,) = found.keys
    assert (key.url, key.secret) == ("wss://lk.example.com", "s3cr3t")
    assert "s3cr3t" not in repr(found)


def test_a_token_sweeps_no_rooms(tmp_path: Path) -> None:
    key = 'api_key: "${KEY}", api_secret: "${SECRET}"'
    shop_by_token = made(tmp_path, CONFIGURATION.replace(key, 'token: "${TOKEN}"', 1))
    assert len(shop_by_token.keys) == 1
    assert made(tmp_path, CONFIGURATION.replace(key, 'token: "${TOKEN}"').replace("direct: {}", TRIAL)).keys == ()
