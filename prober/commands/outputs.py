"""The flags that say how often to run and where to tell of it. Raises click's usage errors only."""

import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from prober.recordings import is_id
from prober.sidecar import beside
from prober.sinks import metrics
from prober.sinks.files import unwritable

_KEY = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.-]{0,62}")
LONGEST_LABEL = 200


class Outputs(msgspec.Struct, frozen=True, kw_only=True):
    """How often to run and where to tell of it; None: not there."""

    json: str | None = None
    """A path, or `-` for standard output."""
    junit: Path | None = None
    metrics: Path | None = None
    job_summary: Path | None = None
    labels: dict[str, str] = {}
    repeat: int = 1
    required: int = 1
    quiet: bool = False
    verbose: bool = False
    as_json: bool = False
    """Progress and verdicts as JSON lines instead of words."""


class OutputOption(click.Option):
    """An option that stands under a heading of its own in the help."""


class GroupedCommand(click.Command):
    """A command that makes runs; its help keeps the options for outputs apart from what a run does."""

    def invoke(self, ctx: click.Context) -> Any:
        """Make the runs; a pipe that breaks and is nobody's reader leaves no verdict, and must not look like one."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise click.ClickException(f"a pipe of the prober's own broke: {error.strerror}.") from error

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write both groups."""
        for title, ours in (("Options", False), ("Repeats and outputs", True)):
            with formatter.section(title):
                formatter.write_dl(
                    [
                        help_record
                        for parameter in self.get_params(ctx)
                        if isinstance(parameter, click.Option)
                        and isinstance(parameter, OutputOption) is ours
                        and (help_record := parameter.get_help_record(ctx)) is not None
                    ]
                )


def _writable(_context: click.Context, _parameter: click.Parameter, value: Any) -> Any:
    """A file that cannot be kept is found out before the run, not after it."""
    why = unwritable(Path(value)) if value is not None and value != "-" else None
    if why is not None:
        raise click.BadParameter(why)
    return value


def _metrics_file(context: click.Context, parameter: click.Parameter, value: Path | None) -> Path | None:
    """What holds something else is not overwritten."""
    _writable(context, parameter, value)
    if value is not None:
        try:
            metrics.read(metrics.text_of(value))
        except metrics.NotMetricsError as error:
            raise click.BadParameter(f"{value}: {error}") from error
    return value


def _labels(_context: click.Context, _parameter: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    """`KEY=VALUE`, any number of them."""
    labels: dict[str, str] = {}
    for given in values:
        key, equals, value = given.partition("=")
        if not equals or not _KEY.fullmatch(key):
            raise click.BadParameter(f"'{given}' is not KEY=VALUE with a key of letters, digits, '_', '.' and '-'.")
        if not value.isprintable() or not 0 < len(value) <= LONGEST_LABEL:
            raise click.BadParameter(f"the value of {key} is not 1 to {LONGEST_LABEL} printable characters.")
        if key in labels:
            raise click.BadParameter(f"{key} is given twice.")
        labels[key] = value
    return labels


def _option(*names: str, **settings: Any) -> Callable[[Any], Any]:
    return click.option(*names, cls=OutputOption, **settings)


_FILE = {"metavar": "FILE", "type": click.Path(path_type=Path)}
OUTPUTS = (
    _option("--repeat", type=click.IntRange(min=1, max=1000), default=1, metavar="N", help="Make N runs of each."),
    _option(
        "--require",
        type=click.IntRange(min=1),
        metavar="M",
        help="How many of the N must work for exit code 0 or 3.  [default: all]",
    ),
    _option(
        "--label",
        "labels",
        multiple=True,
        metavar="KEY=VALUE",
        callback=_labels,
        help="Put this on the record, such as the version deployed. Repeatable.",
    ),
    _option(
        "--json",
        "json_to",
        metavar="FILE|-",
        callback=_writable,
        help="Write the run record; '-' for standard output, the words then go to standard error.",
    ),
    _option(
        "--record",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="Keep the record and both sides' sound (stereo WAV: left we, right the agent) in this folder.",
    ),
    _option("--junit", **_FILE, callback=_writable, help="Write JUnit XML, as green as the exit code."),
    _option(
        "--metrics-file",
        **_FILE,
        callback=_metrics_file,
        help="Write Prometheus metrics of the last run, for node_exporter (*.prom).",
    ),
    _option("-q", "--quiet", is_flag=True, help="Print nothing but verdicts."),
    _option("-v", "--verbose", is_flag=True, help="Show what the run's own process prints."),
)


def make_outputs(what: dict[str, Any], said: Iterable[str], config: Path | None = None) -> Outputs:
    """What the flags in `OUTPUTS` say, and the environment; no output may take the place of a file that is read.

    Such files are the configuration and, of the sentences `said`, each that is no id, with its sidecar.
    Raises click's usage errors.
    """
    repeat: int = what["repeat"]
    required: int = what["require"] or repeat
    if required > repeat:
        raise click.BadParameter(f"of {repeat} runs, {required} cannot work.", param_hint="--require")
    _check_files(what, said, config)
    job_summary = os.environ.get("GITHUB_STEP_SUMMARY")
    return Outputs(
        json=what["json_to"],
        junit=what["junit"],
        metrics=what["metrics_file"],
        job_summary=Path(job_summary) if job_summary else None,
        labels=what["labels"],
        repeat=repeat,
        required=required,
        quiet=what["quiet"],
        verbose=what["verbose"],
        as_json=click.get_current_context().find_root().params.get("log_format") == "json",
    )


def _check_files(what: dict[str, Any], said: Iterable[str], config: Path | None) -> None:
    """Every output has a file of its own, by whatever names, and none is a file that the run reads."""
    given = {"--json": what["json_to"], "--junit": what["junit"], "--metrics-file": what["metrics_file"]}
    named = {flag: Path(os.path.realpath(name)) for flag, name in given.items() if name not in {None, "-"}}
    if len(named) != len(set(named.values())):
        raise click.UsageError("--json, --junit and --metrics-file need a file each.")
    sounds = [Path(one) for one in said if not is_id(one)]
    read = [*sounds, *map(beside, sounds), *([] if config is None else [config])]
    taken = {Path(os.path.realpath(file)) for file in read}
    for flag, path in named.items():
        if path in taken:
            raise click.BadParameter(f"{given[flag]} is a file that the run reads. Name another.", param_hint=flag)
