"""`rules`: recording rules and alerts for Prometheus, by what a configuration promises."""

from pathlib import Path
from typing import Any

import click

from prober.commands.configuration import read_configuration
from prober.rules.links import Links

_USUAL = Links()


def _address(_context: click.Context, _parameter: click.Parameter, url: str) -> str:
    from prober.limits import WEB, is_url  # noqa: PLC0415 - only this command needs it

    if not is_url(url, WEB):
        raise click.BadParameter(f"'{url}' is no URL with http:// or https:// and a host.")
    return url.rstrip("/")


@click.command(short_help="Write alerts and SLO rules for Prometheus.")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Whose `slo` counts; without it the usual ones, by each scenario's interval as Prometheus sees it.",
)
@click.option(
    "--runbook-url",
    default=_USUAL.runbook,
    show_default=True,
    metavar="URL",
    callback=_address,
    help="Where your copy of docs/runbook.md is; each alert adds its own anchor.",
)
@click.option(
    "--dashboard-url",
    default=_USUAL.dashboard,
    show_default=True,
    metavar="URL",
    callback=_address,
    help="Where your dashboard is; each alert adds its target and scenario.",
)
@click.option("--kubernetes", is_flag=True, help="As a PrometheusRule for prometheus-operator.")
def rules(config: Path | None, *, kubernetes: bool, **urls: Any) -> None:
    """Write recording rules and alerts for Prometheus, as YAML, to standard output.

    They are made from the metrics that `watch` serves and the `slo` of the configuration.
    """
    from prober.config.promises import goals  # noqa: PLC0415 - see `read_configuration`
    from prober.rules.file import rules_file  # noqa: PLC0415 - YAML

    loaded = None if config is None else read_configuration(config, targets=())
    links = Links(
        runbook=urls["runbook_url"],
        dashboard=urls["dashboard_url"],
        pages=None if loaded is None or loaded.config.external_url is None else loaded.config.external_url.rstrip("/"),
    )
    promised = () if loaded is None else tuple(goals(loaded.config))
    click.echo(rules_file(promised, links, kubernetes=kubernetes), nl=False)
