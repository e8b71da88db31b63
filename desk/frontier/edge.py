"""The Pareto edge of points: those that no other beats in both directions, and straight lines between them.

Between two measured points the edge is a straight line on logarithmic axes: it is monotone, never overshoots, and is
exact where speed and throughput trade by a power law. Such a value is interpolated and says so; beyond the measured
range there is none.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log
from typing import Literal

Better = Literal["higher", "lower"]


@dataclass(frozen=True, slots=True)
class Place:
    """A place on the edge: `index` is that of the measured point, `None` where it is interpolated."""

    x: float
    y: float
    index: int | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    """The places that are not beaten, from the slowest to the fastest; y gets no better along it."""

    places: tuple[Place, ...]

    def at(self, x: float) -> Place | None:
        """The edge at a speed: measured, interpolated, or `None` outside of what was measured."""
        places = self.places
        if not places or not places[0].x <= x <= places[-1].x:
            return None
        after = bisect_left([place.x for place in places], x)
        if places[after].x == x:
            return places[after]
        left, right = places[after - 1], places[after]
        along = (log(x) - log(left.x)) / (log(right.x) - log(left.x))
        return Place(x, exp(log(left.y) + along * (log(right.y) - log(left.y))))


def edge(values: Sequence[tuple[float, float]], better: Better = "higher") -> Edge:
    """The edge of points (x, y), both positive: x is better higher, y as `better` says. Others are left out."""
    sign = 1.0 if better == "higher" else -1.0
    order = sorted(
        (index for index, (x, y) in enumerate(values) if x > 0 and y > 0),
        key=lambda index: (-values[index][0], -sign * values[index][1]),
    )
    kept: list[Place] = []
    for index in order:
        x, y = values[index]
        if not kept or sign * y > sign * kept[-1].y:
            kept.append(Place(x, y, index))
    return Edge(tuple(reversed(kept)))
