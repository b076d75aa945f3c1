"""Whether something grows: a straight line through samples of several spells, each of which began where it liked."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

Point = tuple[float, float]


class Growth(NamedTuple):
    """The slope of the line, and its standard error; None where so few points cannot tell."""

    slope: float
    error: float | None


def means(points: Iterable[Point], every: float) -> list[Point]:
    """The points by their means over so long each: neighbours are alike, and would feign more than they know."""
    blocks: dict[int, list[Point]] = {}
    for point in points:
        blocks.setdefault(math.floor(point[0] / every), []).append(point)
    return [(_mean([x for x, _ in block]), _mean([y for _, y in block])) for block in blocks.values()]


def growth(spells: Sequence[Sequence[Point]]) -> Growth | None:
    """The one slope that fits all spells best (least squares), each with a height of its own; None: nothing to fit."""
    centred: list[Point] = []
    for spell in spells:
        middle_x, middle_y = _mean([x for x, _ in spell]), _mean([y for _, y in spell])
        centred += [(x - middle_x, y - middle_y) for x, y in spell]
    spread = sum(x * x for x, _ in centred)
    if spread == 0:
        return None
    slope = sum(x * y for x, y in centred) / spread
    free = len(centred) - len(spells) - 1
    if free < 1:
        return Growth(slope, None)
    rest = sum((y - slope * x) ** 2 for x, y in centred)
    return Growth(slope, math.sqrt(rest / free / spread))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
