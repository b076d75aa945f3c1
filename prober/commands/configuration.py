"""Reads a configuration for a command; what is wrong with it is a usage error of plain sentences."""

from collections.abc import Collection
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from prober.config.shard import Shard, ShardError, parsed

if TYPE_CHECKING:
    from prober.config.loading import Loaded


class BadConfiguration(click.UsageError):
    """The configuration cannot be used: exit 2, and no word of the command line's usage."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Print what is wrong, a line each."""
        click.echo(self.message, file=file, err=file is None)


def _shard(_context: click.Context, _parameter: click.Parameter, text: str) -> Shard:
    try:
        return parsed(text)
    except ShardError as error:
        raise click.BadParameter(str(error)) from error


shard_option = click.option(
    "--shard",
    default=str(Shard()),
    callback=_shard,
    metavar="I/N",
    help="Only the targets of this share, counted from 0; the N probers of one location have the others.",
)


def read_configuration(
    file: Path,
    targets: Collection[str] | None = None,
    shard: Shard = Shard(),  # noqa: B008 - frozen
    *,
    exposed: bool = False,
) -> "Loaded":
    """The configuration in this file, to run these of its targets, default all. Raises BadConfiguration.

    `exposed`: as a canary's, which shows its metrics.
    """
    # 16 MB that the commands without a configuration do without
    from prober.config.loading import load  # noqa: PLC0415
    from prober.config.problems import ConfigError  # noqa: PLC0415

    try:
        return load(file, wanted=targets, shard=shard, exposed=exposed)
    except ConfigError as error:
        raise BadConfiguration(str(error)) from error
