"""Curves from numpy to Qt, at a cost that allows ten pictures a second without a GPU.

Qt's raster engine is quick for opaque lines of one device pixel and slow for wide antialiased ones (a wide polyline is
stroked as one self-intersecting polygon). So a curve gets its weight from passes of a one-pixel line less than a device
pixel apart, at every scale, and areas are filled without antialiasing under their antialiased edges.
"""

import math

import numpy as np
import pyqtgraph as pg
from numpy.typing import NDArray
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

Array = NDArray[np.float64]

FINEST = 2.5
"""No screen has more pixels per logical pixel."""


def runs(y: Array) -> list[slice]:
    """The stretches of `y` without a gap (NaN), oldest first."""
    finite = np.isfinite(y)
    if finite.all():
        return [slice(0, len(y))] if len(y) else []
    edges = np.flatnonzero(np.diff(np.concatenate(([False], finite, [False])).astype(np.int8)))
    return [slice(int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True)]


def polylines(x: Array, y: Array) -> list[QPolygonF]:
    """One polyline for each stretch without a gap; a lone point becomes a short dash, so that it can be seen."""
    made = []
    for run in runs(y):
        px, py = x[run], y[run]
        if len(px) == 1:
            px, py = np.array([px[0] - 0.5, px[0] + 0.5]), np.array([py[0], py[0]])
        made.append(pg.functions.arrayToQPolygonF(px, py))
    return made


def areas(x: Array, y: Array, floor: float) -> list[QPolygonF]:
    """The areas between a curve and a level, one polygon for each stretch without a gap."""
    made = []
    for run in runs(y):
        px, py = x[run], y[run]
        made.append(
            pg.functions.arrayToQPolygonF(
                np.concatenate((px, px[[-1, 0]])), np.concatenate((py, np.array([floor, floor])))
            )
        )
    return made


def dashed(x: Array, y: Array, phase: float = 0.0, on: int = 6, off: int = 4) -> tuple[Array, Array]:
    """The curve in dashes, the mark of an estimate, one point a pixel; `phase` moves them along with the data."""
    if len(x) < 2:
        return x, y
    columns = np.arange(x[0], x[-1] + 0.5)
    held = np.interp(columns, x, y)
    held[(columns + phase) % (on + off) >= on] = np.nan
    return columns, held


def stroke(painter: QPainter, lines: list[QPolygonF], colour: QColor, width: float, scale: float) -> None:
    """Draw antialiased lines `width` logical pixels wide on a device of `scale` pixels per logical pixel."""
    if scale > FINEST:
        _stroke_truly(painter, lines, colour, width)
        return
    pen = QPen(colour, 1)
    pen.setCosmetic(True)
    pen.setJoinStyle(Qt.PenJoinStyle.BevelJoin)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for dx, dy in passes(width * scale):
        painter.translate(dx / scale, dy / scale)
        for line in lines:
            painter.drawPolyline(line)
        painter.translate(-dx / scale, -dy / scale)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def _stroke_truly(painter: QPainter, lines: list[QPolygonF], colour: QColor, width: float) -> None:
    """With a pen of that width, slowly: for paper and large pictures, where nothing has to move."""
    pen = QPen(colour, width)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for line in lines:
        painter.drawPolyline(line)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def passes(device: float) -> list[tuple[float, float]]:
    """Where to draw a one-pixel line again so that it looks `device` pixels wide, as offsets in device pixels.

    A cross of offsets, close enough to leave no seam: its upright arm gives weight to level stretches, the other one to
    steep ones.
    """
    reach = (device - 1) / 2
    if reach <= 0.05:
        return [(0.0, 0.0)]
    if reach <= 0.5:
        return [(0.0, -reach), (0.0, reach)]
    count = math.ceil(reach / 0.75)
    arm = [reach * step / count for step in range(-count, count + 1)]
    sides = arm if reach > 1.5 else [-reach, reach]
    return [(0.0, offset) for offset in arm] + [(offset, 0.0) for offset in sides if offset]
