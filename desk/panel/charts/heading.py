"""The line above a strip's plot: what it shows and in which unit, how it is smoothed, its mode, and its total."""

import re
from collections.abc import Callable

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPen

from desk.panel.charts.setting import StripSpec
from desk.panel.numbers import DASH
from desk.panel.theme import MARGIN, Theme, font, natural

SMOOTH = "{smooth}"
"""Where a note tells its smoothing, which is named as long as there is room for anything."""
_BASE = 24
_BUTTON = 28


class Heading:
    """Paints the heading of one strip; `mode`, `unit`, `small_print` and the `mean` in it are its changing words.

    `room` is where the whole strip is, `right` the right edge of its plot, both in pixels of the chart.
    """

    def __init__(self, spec: StripSpec, theme: Theme) -> None:
        self._spec, self._theme = spec, theme
        self.room = QRectF(0, 0, 1, 1)
        self.right = 1.0
        self.unit = spec.unit
        self.mode = self.small_print = self.mean = ""

    @property
    def note(self) -> str:
        """The whole small print."""
        return self.small_print.replace(SMOOTH, self.mean)

    @property
    def words(self) -> tuple[str, str, str]:
        """What changes in it."""
        return self.mode, self.unit, self.note

    @property
    def button(self) -> QRectF:
        """Where the strip is turned into a table and back."""
        with natural():  # hands ask for it, not painters alone
            right = self.right - self._mode_width() - 4
        return QRectF(right - 24, self.room.top() + 8, 24, 24)

    def paint_ground(self, painter: QPainter) -> None:
        """Title, unit and note, which seldom change."""
        left, limit = self.room.left() + MARGIN, self.right - self._mode_width() - _BUTTON - 8
        title = QFontMetricsF(font(13, 600)).elidedText(self._spec.title, Qt.TextElideMode.ElideRight, limit - left)
        for text, face, token in (
            (title, font(13, 600), "text"),
            (self.unit, font(12), "mut"),
            (self.small_print, font(11), "mut"),
        ):
            wide = QFontMetricsF(face).horizontalAdvance
            fitting = shortened(text, self.mean, limit - left, wide)
            painter.setFont(face)
            painter.setPen(self._theme.colour(token))
            painter.drawText(QPointF(left, self.room.top() + _BASE), fitting)
            left += wide(fitting) + 8

    def paint(self, painter: QPainter, *, button: bool, pressed: bool, word: str, total: str) -> None:
        """The mode, the `button` while it is offered, and at the right a `total` with its `word`; empty for none."""
        base = self.room.top() + _BASE
        painter.setFont(font(11, 600))
        painter.setPen(self._theme.colour("mut"))
        painter.drawText(QPointF(self.right - self._mode_width(), base), self.mode)
        if button:
            self._paint_button(painter, pressed)
        if not total:
            return
        painter.setFont(font(13, 600))
        left = self.room.right() - MARGIN - QFontMetricsF(painter.font()).horizontalAdvance(total)
        painter.setPen(self._theme.colour("text" if total != DASH else "mut"))
        painter.drawText(QPointF(left, base), total)
        painter.setFont(font(11))
        painter.setPen(self._theme.colour("mut"))
        painter.drawText(QPointF(left - QFontMetricsF(painter.font()).horizontalAdvance(word) - 6, base), word)

    def _paint_button(self, painter: QPainter, pressed: bool) -> None:
        """The sign of a table: a frame with a head and two columns."""
        box = QRectF(0, 0, 13, 11)
        box.moveCenter(self.button.center())
        box.moveTo(round(box.left()), round(box.top()))
        painter.setPen(QPen(self._theme.colour("text" if pressed else "soft"), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(box.translated(0.5, 0.5))
        painter.drawLine(box.topLeft() + QPointF(0.5, 4.5), box.topRight() + QPointF(0.5, 4.5))
        painter.drawLine(box.topLeft() + QPointF(5.5, 0.5), box.bottomLeft() + QPointF(5.5, 0.5))

    def _mode_width(self) -> float:
        return QFontMetricsF(font(11, 600)).horizontalAdvance(self.mode)


def shortened(note: str, mean: str, room: float, wide: Callable[[str], float]) -> str:
    """As many clauses of a note as there is room for; the `mean` that a point is goes last. None is cut short."""
    clauses = re.split(r"(?<=[,;]) ", note)
    while wide(said := " ".join(clauses).rstrip(",;").replace(SMOOTH, mean)) > room and clauses:
        others = [clause for clause in clauses if SMOOTH not in clause]
        clauses.remove((others or clauses)[-1])
    return said
