"""The command line: its verbs, and how the program ends."""

import contextlib
import io
import os
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


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, package_name="livekit-prober")
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
