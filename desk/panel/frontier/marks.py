"""The marks of the frontier's charts, large and small: a lane is a diamond, a spread a whisker, hearsay a triangle."""

from collections.abc import Callable, Iterable, Iterator

from PySide6.QtCore import QPointF
from PySide6.QtGui import QPainter, QPolygonF

OTHER = 2.5
"""The radius of a point of another sweep."""


def diamond(at: QPointF, half: float) -> QPolygonF:
    """A square on its corner; `half` is from its middle to each of them."""
    return QPolygonF([at + QPointF(0, -half), at + QPointF(half, 0), at + QPointF(0, half), at + QPointF(-half, 0)])


def triangle(at: QPointF) -> QPolygonF:
    """What was read off somebody else's chart."""
    return QPolygonF([at + QPointF(-4, 3.5), at + QPointF(4, 3.5), at + QPointF(0, -4)])


def whisker(painter: QPainter, start: QPointF, end: QPointF, *, ends: bool) -> None:
    """A range, with short strokes at its ends."""
    painter.drawLine(start, end)
    if not ends:
        return
    side = QPointF(3.5, 0) if start.x() == end.x() else QPointF(0, 3.5)
    for at in (start, end):
        painter.drawLine(at - side, at + side)


def spaced(
    ticks: Iterable[float], height: Callable[[float], float], bottom: float, apart: float
) -> Iterator[tuple[float, int]]:
    """Ticks of a vertical axis, lowest first, with their pixel; those that come within `apart` of the one below are
    left out."""
    written = bottom + apart
    for value in ticks:
        y = round(height(value))
        if written - y >= apart:
            written = y
            yield value, y
