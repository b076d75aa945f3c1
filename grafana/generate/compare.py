"""Targets and places beside each other."""

from typing import Any

from grafana.generate.looks import RESULT_WORDS
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
        f"max by ({LINE}) ({ours('last_run_success')})",
        f"max by ({LINE}, outcome) ({ours('last_run_outcome')} == 1)",
        f"max by ({LINE}) ({ours('consecutive_failures')})",
        f"max by ({LINE}) ({ours(phase, phase='agent_join')})",
        f"max by ({LINE}) ({ours(phase, phase='response')})",
        f"max by ({LINE}) ({ours('last_run_duration_seconds')})",
        f"max by ({LINE}) ({age()})",
        f"max by ({LINE}) (time() - {ours('last_success_timestamp_seconds')})",
    )
    seconds = {"unit": "s", "decimals": 2}
    ago = {"unit": "dtdurations", "decimals": 0}
    coloured = {"type": "color-text"}
    return (
        rows(
            Words(
                title="The last run of each target, scenario and location",
                do="Who fails, and who does not? Same target, other location passes: network or region. Same location, "
                "other target passes: the product. The target's name leads to its newest failed run.",
                asks=tuple(Ask(expr, table=True) for expr in asks),
                width=24,
                height=8,
            ),
            {
                "target": {"displayName": "Target", "links": _ROW_LINK},
                "scenario": {"displayName": "Scenario"},
                "location": {"displayName": "Location"},
                "Value #A": {
                    "displayName": "Last judged",
                    "mappings": [one.to_json() for one in RESULT_WORDS],
                    "custom.cellOptions": coloured,
                },
                "outcome": {"displayName": "Last outcome"},
                "Value #B": None,
                "Value #C": {"displayName": "Failed in a row", "decimals": 0},
                "Value #D": {"displayName": "Join", **seconds},
                "Value #E": {"displayName": "Response", **seconds},
                "Value #F": {"displayName": "Whole run", **seconds},
                "Value #G": {"displayName": "Judged, ago", **ago},
                "Value #H": {"displayName": "Passed, ago", **ago},
            },
        ),
    )
