"""The heads of the table of the Tiers view: a tier with what it does now, and a setting with its group and unit."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QHeaderView

from desk.panel.bars import paint_swatch, paint_warning
from desk.panel.numbers import Numbers
from desk.panel.shown import TierLine
from desk.panel.theme import Theme, font, scaled
from desk.panel.tiers.fields import Field

if TYPE_CHECKING:
    from desk.panel.tiers.grid import Grid, Settings

HEAD = 62
GROUP, WIDE = 84, 268
PAD = 12


class TierHead(QHeaderView):
    """Each tier with its colour, and how fast and how well paid it is at this moment."""

    def __init__(self, theme: Theme, numbers: Numbers, settings: "Settings") -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self._theme, self._numbers, self._settings = theme, numbers, settings
        self._lines: dict[str, TierLine] = {}
        self.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.setSectionsClickable(False)
        self.setHighlightSections(False)

    def show_now(self, lines: dict[str, TierLine]) -> None:
        """What the tiers do at this moment."""
        if lines != self._lines:
            self._lines = lines
            self.refresh()

    def refresh(self) -> None:
        self.viewport().update()

    def sizeHint(self) -> QSize:
        return QSize(scaled(112), scaled(HEAD))

    def paintSection(self, painter: QPainter, rect: QRect, section: int) -> None:
        if section >= len(self._settings.columns):
            return
        theme, name = self._theme, self._settings.columns[section]
        painter.save()
        painter.fillRect(rect, theme.colour("panel"))
        painter.fillRect(QRect(rect.left(), rect.bottom(), rect.width(), 1), theme.colour("line"))
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        inner = rect.adjusted(scaled(PAD), 0, -scaled(PAD), 0)
        face = font(13, 600)
        painter.setFont(face)
        painter.setPen(theme.colour("text"))
        title = QFontMetrics(face).elidedText(name, Qt.TextElideMode.ElideRight, inner.width() - scaled(18))
        top = QRect(inner.left(), rect.top() + scaled(4), inner.width(), scaled(20))
        painter.drawText(top, right, title)
        left = inner.right() - QFontMetrics(face).horizontalAdvance(title) - scaled(12)
        paint_swatch(painter, theme, name, QPointF(left, top.center().y() + 1))
        speed, worth, late = self._now(name)
        small = font(11)
        painter.setFont(small)
        for line, (words, token) in enumerate(((speed, "warn" if late else "mut"), (worth, "mut"))):
            row = QRect(inner.left(), rect.top() + scaled(24 + 16 * line), inner.width(), scaled(16))
            painter.setPen(theme.colour(token))
            painter.drawText(row, right, words)
            if line == 0 and late:
                sign = inner.right() - QFontMetrics(small).horizontalAdvance(words) - scaled(9)
                paint_warning(painter, theme, QPointF(sign, row.center().y() + 0.5), 9)
        painter.restore()

    def _now(self, name: str) -> tuple[str, str, bool]:
        """Speed and worth of a tier in words, and whether it misses a promise."""
        line = self._lines.get(name)
        if line is None:
            return "", "", False
        if line.state:
            return line.state_word, "", False
        if line.speed is None:
            return "", "", False
        worth = self._numbers.with_unit(line.dollars_per_hour, "$/h")
        return self._numbers.with_unit(line.speed, "tok/s/user"), worth, line.misses


class FieldHead(QHeaderView):
    """Each setting with its unit, and the name of its group where one begins."""

    def __init__(self, theme: Theme, fields: Sequence[Field], grid: "Grid") -> None:
        super().__init__(Qt.Orientation.Vertical)
        self._theme, self._fields, self._grid = theme, fields, grid
        self.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.setSectionsClickable(False)
        self.setMinimumSectionSize(8)

    def sizeHint(self) -> QSize:
        name, unit = QFontMetrics(font(13)).horizontalAdvance, QFontMetrics(font(11)).horizontalAdvance
        units = self._grid.numbers.unit
        widest = max(name(field.label) + unit(units(field.unit)) for field in self._fields)
        return QSize(max(scaled(WIDE), self._names_at() + widest + scaled(PAD + 8)), 0)

    def _names_at(self) -> int:
        """Where the names begin, behind the longest name of a group."""
        wide = QFontMetrics(font(12, 600)).horizontalAdvance
        widest = max(wide(group) for group in {field.group for field in self._fields})
        return scaled(16) + max(scaled(GROUP), widest + scaled(8))

    def paintSection(self, painter: QPainter, rect: QRect, section: int) -> None:
        theme, field = self._theme, self._fields[section]
        first = section == 0 or self._fields[section - 1].group != field.group
        painter.save()
        painter.fillRect(rect, theme.colour("panel"))
        line = QRect(rect.left(), rect.top(), rect.width(), self._grid.row_height())
        middle = Qt.AlignmentFlag.AlignVCenter
        if first:
            if section:
                painter.setPen(QPen(theme.colour("line"), 1))
                painter.drawLine(rect.topLeft(), rect.topRight())
            painter.setFont(font(12, 600))
            painter.setPen(theme.colour("soft"))
            painter.drawText(line.adjusted(scaled(16), 0, 0, 0), Qt.AlignmentFlag.AlignLeft | middle, field.group)
        name = line.adjusted(self._names_at(), 0, 0, 0)
        painter.setFont(font(13))
        painter.setPen(theme.colour("soft"))
        painter.drawText(name, Qt.AlignmentFlag.AlignLeft | middle, field.label)
        painter.setFont(font(11))
        painter.setPen(theme.colour("mut"))
        unit = self._grid.numbers.unit(field.unit)
        painter.drawText(line.adjusted(0, 0, -scaled(8), 0), Qt.AlignmentFlag.AlignRight | middle, unit)
        painter.restore()
