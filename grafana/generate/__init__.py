"""Makes the dashboards: `python -m grafana.generate`."""

import itertools
import json
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana.generate import canary, post_deploy

FOLDER = Path(__file__).parents[1] / "dashboards"
DASHBOARDS = {"voice-agent-canary": canary.dashboard, "post-deploy": post_deploy.dashboard}


def files() -> dict[Path, str]:
    """What each file of `grafana/dashboards` holds."""
    boards = {name: json.loads(json.dumps(made().build(), cls=JSONEncoder)) for name, made in DASHBOARDS.items()}
    return {FOLDER / f"{name}.json": json.dumps(finished(board), indent=2) + "\n" for name, board in boards.items()}


def finished(board: dict[str, Any]) -> dict[str, Any]:
    """With numbers for panels, which the SDK leaves out; without its menus for links, and room for what is folded."""
    numbers = itertools.count(1)
    links = [*board["links"]]
    for row in board["panels"]:
        for panel in (row, *row.get("panels", ())):
            panel["id"] = next(numbers)
            links += panel.get("fieldConfig", {}).get("defaults", {}).get("links", ())
    for above, row in itertools.pairwise(board["panels"]):
        if above.get("collapsed"):
            row["gridPos"]["y"] = above["gridPos"]["y"] + 1
    for link in links:
        link.pop("placement", None)
    return board
