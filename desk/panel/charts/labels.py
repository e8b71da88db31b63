"""Direct labels at the right of a strip: what each curve is called and where it stands. A press on one picks a tier."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPen, QPolygonF

from desk.panel.charts.scale import LABEL_GAP, spread
from desk.panel.numbers import DASH
from desk.panel.theme import Theme, font

_STILL = 3
_NAME_GAP = 8


@dataclass
class Label:
    """One label; `anchor` is the height of its curve, NaN where there is none. `hidden` tiers are not drawn."""

    anchor: float
    name: str
    value: str
    tier: str | None = None
    line: bool = False
    bold: bool = False
    quiet: bool = False
    hidden: bool = False


class Labels:
    """Keeps the labels of one strip apart and in their places."""

    def __init__(self, theme: Theme) -> None:
        self._theme = theme
        self._places: tuple[tuple[str, ...], list[int]] = ((), [])
        self._tiers: list[str | None] = []

    def forget(self) -> None:
        self._places = ((), [])

    def tier_at(self, y: float) -> str | None:
        """The tier whose label stands at this height."""
        near = [(abs(y - place), tier) for place, tier in zip(self._places[1], self._tiers, strict=True) if tier]
        distance, tier = min(near, default=(np.inf, None))
        return tier if distance <= LABEL_GAP / 2 else None

    def paint(
        self, painter: QPainter, labels: Sequence[Label], plot: QRectF, right: float, chosen: str | None = None
    ) -> None:
        """Draw them between the right edge of the plot and `right`; `chosen` is the tier that the keys stand on."""
        for label, y in zip(labels, self._positions(labels, plot), strict=True):
            if np.isfinite(label.anchor):
                self._paint_leader(painter, QPointF(plot.right() + 5, label.anchor), QPointF(plot.right() + 14, y))
            if label.tier is not None and label.tier == chosen:
                painter.setPen(QPen(self._theme.colour("soft"), 1))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(QRectF(plot.right() + 13.5, y - 7.5, right - plot.right() - 9, 15))
            self._paint_label(painter, label, plot.right(), right, y)

    def _positions(self, labels: Sequence[Label], plot: QRectF) -> list[int]:
        """Whole pixels; positions that would move by less than three pixels stay where they are."""
        anchors = [label.anchor if np.isfinite(label.anchor) else plot.bottom() for label in labels]
        places = [round(y) for y in spread(anchors, plot.top() - 2, plot.bottom())]
        names = tuple(label.name for label in labels)
        known, held = self._places
        if names == known and all(abs(a - b) < _STILL for a, b in zip(places, held, strict=True)):
            return held
        self._places = (names, places)
        self._tiers = [label.tier for label in labels]
        return places

    def _paint_label(self, painter: QPainter, label: Label, left: float, right: float, y: int) -> None:
        theme = self._theme
        square = QRectF(left + 17, y - 4, 8, 8)
        named = label.tier is not None or (label.line and label.bold)
        if label.tier is not None and label.hidden:
            painter.setPen(QPen(theme.tier(label.tier), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(square.adjusted(0.5, 0.5, -0.5, -0.5))
        elif label.tier is not None:
            painter.fillRect(square, theme.tier(label.tier))
        elif named:
            painter.fillRect(QRectF(square.left(), y - 1, 8, 2), theme.colour("text"))
        start = left + (30 if named else 17)
        faint = label.hidden or label.value == DASH
        painter.setFont(font(12, 400 if label.quiet or label.hidden else 600))
        painter.setPen(theme.colour("mut" if faint else "soft" if label.quiet else "text"))
        value = right - QFontMetricsF(painter.font()).horizontalAdvance(label.value)
        painter.drawText(QPointF(value, y + 4.5), label.value)
        painter.setFont(font(11, 600 if label.bold else 400 if label.quiet or label.hidden else 500))
        painter.setPen(theme.colour("mut" if label.hidden else "soft" if label.quiet else "text"))
        room = value - _NAME_GAP - start
        name = QFontMetricsF(painter.font()).elidedText(label.name, Qt.TextElideMode.ElideRight, room)
        painter.drawText(QPointF(start, y + 4.5), name)

    def _paint_leader(self, painter: QPainter, start: QPointF, end: QPointF) -> None:
        painter.setPen(QPen(self._theme.colour("band"), 1))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.drawPolyline(QPolygonF([start, QPointF(start.x() + 2, start.y()), QPointF(end.x() - 2, end.y()), end]))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
