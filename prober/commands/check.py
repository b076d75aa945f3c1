"""`check`: whether a configuration can be run, without running it."""

import json
from pathlib import Path

import click

from prober.commands.configuration import read_configuration, shard_option
from prober.config.shard import Shard
from prober.core.visible import visible


@click.command(short_help="Check a configuration without probing.")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--schema", is_flag=True, help="Print the JSON Schema of a configuration and do nothing else.")
@click.option("--dump", is_flag=True, help="Print the effective configuration, with its defaults and without secrets.")
@shard_option
def check(file: Path | None, schema: bool, dump: bool, shard: Shard) -> None:
    """Read a configuration and say what is wrong with it, or what it will do; nothing is probed.

    Secrets are looked up as a run would do it. Exits with 0, or with 2 if the configuration cannot be used.
    """
    if schema:
        from prober.config.schema import json_schema  # noqa: PLC0415 - see `read_configuration`

        click.echo(json.dumps(json_schema(), indent=1, ensure_ascii=False))
        return
    if file is None:
        raise click.UsageError("Name the configuration: livekit-prober check FILE.")
    loaded = read_configuration(file, shard=shard, exposed=True)
    from prober.config.showing import effective, overview  # noqa: PLC0415

    if dump:
        click.echo(effective(loaded), nl=False)
        return
    for line in overview(loaded):
        click.echo(visible(line))
