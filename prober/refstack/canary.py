"""The canary of the demo: the very program that watches production, on a configuration written for this stack."""

import sys
from pathlib import Path

from prober.environment import inherited
from prober.refstack.faults import Fault
from prober.refstack.process import Program
from prober.refstack.trial_app.connection import ServerAccess

CHEAP = (Fault.SERVER_DOWN, Fault.SLOW_SERVER)
"""Faults that need another address of LiveKit, but no program more: they can be switched on as any other."""

# A run whose agent never comes ends 3.5 s after its deadline, for an agent that is late must not find its room gone.
CONFIGURATION = """\
# Written by `livekit-prober demo`: what the canary does, hurried so that a fault is seen within half a minute.
targets:
  front-desk:
    entry: {{trial: {{url: "{trial_url}"}}}}
    livekit: {{url: "{server_url}", api_key_file: livekit.key, api_secret_file: livekit.secret}}
    agent_log: {agent_log}
    allow: {{hosts: [127.0.0.1], private_addresses: true, plaintext: true}}
    deadlines:
      {{trial_step: 6, trial: 6, room_join: 6, agent_join: 5, agent_ready: 6, greeting_within: 6, reply_within: 6}}
    objectives: {{agent_join: 3}}
    scenarios:
      join: {{interval: 10, timeout: 10, hold: 2}}
      conversation:
        interval: 30
        timeout: 30
        greeting: expected
        interruption: fail
        turns: [{{say: en-hours, expect_text: nine to five}}]
        objectives: {{greeting: 3, response: 3}}
"""


def write_configuration(folder: Path, trial_url: str, server: ServerAccess, agent_log: Path) -> Path:
    """The canary's configuration in this folder, and beside it the key that takes away the rooms of its runs."""
    for name, secret in (("livekit.key", server.api_key), ("livekit.secret", server.api_secret)):
        (folder / name).touch(mode=0o600)
        (folder / name).write_text(secret, encoding="utf-8")
    file = folder / "prober.yaml"
    file.write_text(
        CONFIGURATION.format(trial_url=trial_url, server_url=server.url, agent_log=agent_log), encoding="utf-8"
    )
    return file


def canary(configuration: Path, *, listen: str, log_format: str, log: Path | None = None) -> Program:
    """`livekit-prober watch` on this configuration, its history beside it; where there is no log it tells us."""
    program = (sys.executable, "-m", "prober.cli", "--log-format", log_format, "watch")
    history = configuration.with_name("history.db")
    argv = (*program, "--config", configuration, "--listen", listen, "--db", history)
    return Program(argv, env=inherited(), log=log)
