"""Targets and places beside each other."""

from typing import Any

from grafana.generate.looks import OUTCOME_NAMES
from grafana.generate.panels import Words, rows
from grafana.generate.queries import LINE, Ask, age, ours

_ROW_LINK = [
    {
        "title": "The newest failed run",
        "url": "${status_page:raw}/targets/${__data.fields.target}/${__data.fields.scenario}/last-failure",
        "targetBlank": True,
    }
]


def panels() -> tuple[Any, ...]:
    """Targets and places beside each other."""
    phase = "last_run_phase_duration_seconds"
    asks = (
        f"max by ({LINE}, outcome) ({ours('last_run_outcome')} == 1)",
        f"max by ({LINE}) ({ours('consecutive_failures')})",
        f"max by ({LINE}) ({ours(phase, phase='agent_join')})",
        f"max by ({LINE}) ({ours(phase, phase='response')})",
        f"max by ({LINE}) ({ours('last_run_duration_seconds')})",
        f"max by ({LINE}) ({age()})",
        f"max by ({LINE}) (time() - {ours('last_success_timestamp_seconds')})",
    )
    seconds = {"unit": "s", "decimals": 2, "noValue": "–", "custom.width": 110}  # noqa: RUF001 - the sign for none
    ago = {"unit": "dtdurations", "decimals": 0, "noValue": "never"}
    return (
        rows(
            Words(
                title="The last run of each target, scenario and location",
                do="Who fails, and who does not? Same target, other location passes: network or region. Same location, "
                "other target passes: the product. The target's name leads to its newest failed run.",
                asks=tuple(Ask(expr, table=True) for expr in asks),
                width=24,
                height=10,
            ),
            {
                "target": {"displayName": "Target", "links": _ROW_LINK},
                "scenario": {"displayName": "Scenario", "custom.width": 120},
                "location": {"displayName": "Location", "custom.width": 110},
                "outcome": {
                    "displayName": "Last outcome",
                    "mappings": [one.to_json() for one in OUTCOME_NAMES],
                    "custom.cellOptions": {"type": "color-text"},
                },
                "Value #A": None,
                "Value #B": {"displayName": "Failed in a row", "decimals": 0, "custom.width": 130},
                "Value #C": {"displayName": "Join", **seconds},
                "Value #D": {"displayName": "Response", **seconds},
                "Value #E": {"displayName": "Whole run", **seconds},
                "Value #F": {"displayName": "Judged, ago", **ago},
                "Value #G": {"displayName": "Passed, ago", **ago},
            },
            sort="Failed in a row",
            descending=True,
        ),
    )
