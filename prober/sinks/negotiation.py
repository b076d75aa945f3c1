"""Which of the two text formats a scraper is given, by its Accept header. Pure; whatever the header holds."""

import re
from collections.abc import Callable
from types import MappingProxyType
from typing import NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

_QUALITY = re.compile(r"\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*", re.IGNORECASE)
"""RFC 9110, 12.4.2."""


class Form(NamedTuple):
    """A text format: how it is written, and as what it is sent."""

    write: Callable[[CollectorRegistry], bytes]
    content_type: str


CLASSIC = Form(generate_latest, "text/plain; version=0.0.4; charset=utf-8")
OPENMETRICS = Form(openmetrics.generate_latest, "application/openmetrics-text; version=1.0.0; charset=utf-8")
"""The one with exemplars."""
_NAMES = MappingProxyType({"application/openmetrics-text": OPENMETRICS, "text/plain": CLASSIC})


def form_for(accept: str) -> Form:
    """OpenMetrics for who asks for it by name and does not like the classic one better; else the classic one."""
    liked = {CLASSIC: 0.0, OPENMETRICS: 0.0}
    for part in accept.split(","):
        name, *parameters = part.split(";")
        form = _NAMES.get(name.strip().lower())
        if form is not None:
            liked[form] = max(liked[form], _quality(parameters))
    return OPENMETRICS if liked[OPENMETRICS] and liked[OPENMETRICS] >= liked[CLASSIC] else CLASSIC


def _quality(parameters: list[str]) -> float:
    given = [found[1] for parameter in parameters if (found := _QUALITY.fullmatch(parameter))]
    return float(given[0]) if given else 1.0
