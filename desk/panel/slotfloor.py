"""The slot floor: each lane's places in the KV cache as they stand, filling as tokens come, still when none do."""

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QFontMetricsF, QPainter, QPaintEvent, QPen

from desk.facts.palette import mix
from desk.panel.bars import paint_swatch
from desk.panel.cards import Card
from desk.panel.numbers import Numbers
from desk.panel.shown import Cell, TierLine
from desk.panel.theme import Theme, font

HEAD = 40
FOOT = 36
PAD = 16
CELL = 40
WAITING = 24
"""Queue marks that are drawn one by one; more are told by the number alone."""


class SlotFloor(Card):
    """Shows the lanes dearest first, as the table does. Nothing in it moves but by a fact of the scheduler."""

    def __init__(self, theme: Theme, numbers: Numbers) -> None:
        super().__init__(theme)
        self._numbers = numbers
        self._lines: tuple[TierLine, ...] = ()
        self._mode = ""
        self.setAccessibleName("Slot floor")

    def show_lanes(self, lines: tuple[TierLine, ...], mode: str) -> None:
        lines = tuple(reversed(lines))
        if (lines, mode) != (self._lines, self._mode):
            self._lines, self._mode = lines, mode
            said = (f"{line.tier.name} {len(line.cells)} of {line.tier.slots} slots in use" for line in lines)
            self.setAccessibleDescription(", ".join(said))
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._say(painter, PAD, 26, "Slot floor", font(14, 600), "text")
        self._say(painter, PAD + 84, 26, self._mode, font(11, 600), "mut")
        self._say(painter, self.width() - PAD, 26, "1 cell = 1 slot, fill = tokens of its limit", font(11), "mut", -1)
        room = (self.height() - HEAD - FOOT) / max(len(self._lines), 5)
        for row, line in enumerate(self._lines):
            self._paint_lane(painter, round(HEAD + row * room), round(room), line)
        self._paint_key(painter)
        painter.end()

    def _paint_lane(self, painter: QPainter, top: float, height: float, line: TierLine) -> None:
        theme, tier = self.theme, line.tier
        painter.fillRect(QRectF(1, top, self.width() - 2, 1), theme.colour("line"))
        # Words and cells stand together in the middle of the lane's part of the card.
        top += max(8.0, (height - 36 - CELL - 8) / 2)
        paint_swatch(painter, theme, tier.name, QPointF(PAD + 5, top + 8))
        self._say(painter, PAD + 18, top + 12, tier.name, font(13, 600), "text")
        used = f"{len(line.cells)} of {tier.slots}"
        self._say(painter, self.width() - PAD, top + 12, used, font(13, 600), "text", -1)
        about = f"{tier.model}   {self._numbers.count(tier.context)} tokens of context   share {tier.share:g}"
        self._say(painter, PAD + 18, top + 30, about, font(11), "mut")
        waiting = "" if line.queue is None else f"{self._numbers.count(line.queue)} waiting"
        left = self._say(painter, self.width() - PAD, top + 30, waiting, font(11), "soft" if line.queue else "mut", -1)
        for mark in range(min(line.queue or 0, WAITING)):
            painter.fillRect(QRectF(left - 12 - 8 * mark, top + 22, 6, 6), theme.tier(tier.name))
        self._paint_cells(painter, QRectF(PAD, top + 42, self.width() - 2 * PAD, CELL), line)

    def _paint_cells(self, painter: QPainter, box: QRectF, line: TierLine) -> None:
        count = max(line.tier.slots, len(line.cells))
        # Narrow cells keep a gap that can still be told from an edge.
        gap = 4 if box.width() / count >= 14 else 1
        wide = (box.width() - gap * (count - 1)) / count
        for place in range(count):
            cell = QRectF(box.left() + place * (wide + gap), box.top(), wide, box.height())
            self._paint_cell(painter, cell, line.tier.name, line.cells[place] if place < len(line.cells) else None)

    def _paint_cell(self, painter: QPainter, box: QRectF, tier: str, cell: Cell | None) -> None:
        theme = self.theme
        if cell is None:
            painter.setPen(QPen(theme.colour("line"), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
            return
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.fill(tier))
        painter.drawRoundedRect(box, 3, 3)
        strong = QColor(mix(theme.palette.tier(tier), theme.palette.panel, 0.62))
        if cell.prefill:
            painter.setBrush(QBrush(strong, Qt.BrushStyle.BDiagPattern))
            painter.drawRoundedRect(box, 3, 3)
            return
        done = QRectF(box)
        done.setWidth(box.width() * min(cell.filled, 1.0))
        painter.setBrush(strong)
        painter.drawRoundedRect(done, min(3.0, done.width() / 2), 3)

    def _paint_key(self, painter: QPainter) -> None:
        theme, base = self.theme, self.height() - 14
        painter.fillRect(QRectF(1, self.height() - FOOT, self.width() - 2, 1), theme.colour("line"))
        x = float(PAD)
        for word, brush in (
            ("decode", QBrush(theme.colour("mut"))),
            ("prefill", QBrush(theme.colour("mut"), Qt.BrushStyle.BDiagPattern)),
            ("empty", QBrush(Qt.BrushStyle.NoBrush)),
        ):
            painter.setPen(QPen(theme.colour("band"), 1) if word == "empty" else Qt.PenStyle.NoPen)
            painter.setBrush(brush)
            painter.drawRoundedRect(QRectF(x + 0.5, base - 9.5, 11, 11), 2, 2)
            x = self._say(painter, x + 18, base, word, font(11), "soft") + 18
        used = sum(len(line.cells) for line in self._lines)
        slots = sum(line.tier.slots for line in self._lines)
        waiting = sum(line.queue or 0 for line in self._lines)
        words = f"{used} of {slots} slots, {waiting} waiting"
        self._say(painter, self.width() - PAD, base, words, font(11, 600), "soft", -1)

    def _say(self, painter: QPainter, x: float, base: float, text: str, face: QFont, token: str, way: int = 1) -> float:
        """Text to the right of `x`, or to its left with `way` -1; gives its far end."""
        wide = QFontMetricsF(face).horizontalAdvance(text)
        painter.setFont(face)
        painter.setPen(self.theme.colour(token))
        painter.drawText(QPointF(x if way > 0 else x - wide, base), text)
        return x + way * wide
