"""The slot floor: each lane's places in the KV cache as they stand, filling as tokens come, still when none do."""

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFocusEvent,
    QFont,
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
)
from PySide6.QtWidgets import QPushButton

from desk.facts.palette import mix
from desk.panel.bars import paint_rule, paint_swatch
from desk.panel.cards import Card, paint_card, paint_focus
from desk.panel.numbers import Numbers
from desk.panel.shown import Cell, Stream, TierLine
from desk.panel.theme import Theme, canvas, font, scaled, zoom
from desk.panel.words import tr

HEAD = 40
FOOT = 36
PAD = 16
CELL = 40
LANE = 92
"""A lane that is less high leaves out the line about its settings ..."""
LOWEST = 42
"""... and needs so much at least."""
WAITING = 24
"""Queue marks that are drawn one by one; more are told by the number alone."""
LEGEND = tr("1 cell = 1 slot, fill = tokens of its limit")
HINT = tr("Click a slot to read its text")
READ = tr("Click to read its text")
KEY = (
    (tr("decode"), Qt.BrushStyle.SolidPattern),
    (tr("prefill"), Qt.BrushStyle.BDiagPattern),
    (tr("empty"), Qt.BrushStyle.NoBrush),
)
"""What a cell may be, and how it is drawn."""


class SlotFloor(Card):
    """Shows the lanes dearest first, as the table does. Nothing in it moves but by a fact of the scheduler.

    `chosen` is emitted with tier and request of the slot that was clicked, or chosen with the arrows and Enter.
    """

    chosen = Signal(str, int)
    machine_wanted = Signal()
    """The device card is asked back into the place of the slot floor."""

    def __init__(self, theme: Theme, numbers: Numbers) -> None:
        super().__init__(theme)
        self._numbers = numbers
        self._lines: tuple[TierLine, ...] = ()
        self._mode = ""
        self._stream: Stream | None = None
        self._at: tuple[str, int] | None = None
        """Lane and place that the keyboard stands at."""
        self._hover: tuple[str, int] | None = None
        self.setAccessibleName(tr("Slot floor"))
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.back = QPushButton(tr("Device"), self)
        self.back.setProperty("quiet", True)
        self.back.setAccessibleName(tr("Show the device here"))
        self.back.setToolTip(tr("Show the device here"))
        self.back.clicked.connect(self.machine_wanted)
        self.back.hide()
        theme.changed.connect(self.updateGeometry)
        theme.changed.connect(self._place_back)

    def share_place(self, shared: bool) -> None:
        """Whether the device card stands in the same place at other times: then there is a way back to it."""
        self.back.setVisible(shared)
        self._place_back()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._place_back()

    def _place_back(self) -> None:
        self.back.adjustSize()
        self.back.move(self.width() - self.back.width() - scaled(PAD - 4), scaled(8))

    def sizeHint(self) -> QSize:
        return QSize(scaled(512), scaled(HEAD + FOOT + LANE * 5))

    def minimumSizeHint(self) -> QSize:
        return QSize(scaled(400), scaled(HEAD + FOOT + LOWEST * max(len(self._lines), 5)))

    def show_lanes(self, lines: tuple[TierLine, ...], mode: str, stream: Stream | None = None) -> None:
        lines = tuple(reversed(lines))
        if (lines, mode, stream) != (self._lines, self._mode, self._stream):
            self._lines, self._mode, self._stream = lines, mode, stream
            said = [
                tr(
                    "{tier} {used} of {slots} slots in use",
                    tier=line.tier.name,
                    used=len(line.cells),
                    slots=line.tier.slots,
                )
                for line in lines
            ]
            if self._at is not None and (cell := self._cell(*self._at)) is not None:
                said.insert(0, tr("Chosen: {slot}", slot=self._about(self._at[0], cell)))
            self.setAccessibleDescription(", ".join(said))
            self.update()

    # ---- choosing

    def _cell(self, tier: str, place: int) -> Cell | None:
        cells = next((line.cells for line in self._lines if line.tier.name == tier), ())
        return cells[place] if place < len(cells) else None

    def _about(self, tier: str, cell: Cell) -> str:
        if cell.prefill:
            return tr("{tier} request {request}, at its prompt", tier=tier, request=cell.request)
        done = self._numbers.fixed(100 * cell.filled)
        return tr("{tier} request {request}, {done} % of its limit", tier=tier, request=cell.request, done=done)

    def _place_at(self, point: QPointF) -> tuple[str, int] | None:
        point = point / zoom()
        size = self.size() / zoom()
        for line, lane in self._lanes(size.width(), size.height()):
            for place, box in enumerate(self._boxes(line, lane)):
                # A thin cell is easier to hit than to see: its column counts from the words above it on.
                if box.adjusted(-2, -8, 2, 8).contains(point):
                    return line.tier.name, place
        return None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at = self._place_at(event.position())
        cell = self._cell(*at) if at else None
        if at != self._hover:
            self._hover = at
            self.setCursor(Qt.CursorShape.PointingHandCursor if cell else Qt.CursorShape.ArrowCursor)
            self.setToolTip(f"{self._about(at[0], cell)}\n{READ}" if at and cell else HINT)

    def leaveEvent(self, event: QEvent) -> None:
        self._hover = None
        super().leaveEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        at = self._place_at(event.position())
        if at is not None and event.button() == Qt.MouseButton.LeftButton:
            self._choose(at)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Right: (0, 1), Qt.Key.Key_Up: (-1, 0), Qt.Key.Key_Down: (1, 0)}
        if event.key() in steps and self._lines:
            down, right = steps[Qt.Key(event.key())]
            names = [line.tier.name for line in self._lines]
            tier, place = self._at if self._at and self._at[0] in names else (names[0], 0)
            lane = self._lines[max(0, min(len(names) - 1, names.index(tier) + down))]
            self._at = lane.tier.name, max(0, min(lane.tier.slots - 1, place + right))
            self.update()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._at and not event.modifiers():
            self._choose(self._at)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        if self._at is None and self._lines:
            self._at = self._lines[0].tier.name, 0
        self.update()
        super().focusInEvent(event)

    def _choose(self, at: tuple[str, int]) -> None:
        self._at = at
        if (cell := self._cell(*at)) is not None:
            self.chosen.emit(at[0], cell.request)
        self.update()

    # ---- painting

    def paintEvent(self, event: QPaintEvent) -> None:
        with canvas(self) as (painter, size):
            whole = QRectF(QPointF(0, 0), size)
            paint_card(painter, self.theme, whole)
            self._paint_head(painter, size.width())
            for line, lane in self._lanes(size.width(), size.height()):
                self._paint_lane(painter, lane, line)
            self._paint_key(painter, size.width(), size.height())
            if self.hasFocus():
                paint_focus(painter, self.theme, whole)

    def _paint_head(self, painter: QPainter, wide: float) -> None:
        end = self._say(painter, PAD, 26, tr("Slot floor"), font(14, 600), "text")
        end = self._say(painter, end + 10, 26, self._mode, font(11, 600), "mut")
        words = HINT if self._lines and any(line.cells for line in self._lines) else LEGEND
        if not self.back.isHidden():
            wide -= self.back.width() * wide / self.width() + 8
        if end + 16 + QFontMetricsF(font(11)).horizontalAdvance(words) <= wide - PAD:
            self._say(painter, wide - PAD, 26, words, font(11), "mut", -1)

    def _lanes(self, wide: float, high: float) -> list[tuple[TierLine, QRectF]]:
        """The lanes with their parts of the card, from the top."""
        room = (high - HEAD - FOOT) / max(len(self._lines), 5)
        return [(line, QRectF(0, HEAD + row * room, wide, room)) for row, line in enumerate(self._lines)]

    def _boxes(self, line: TierLine, lane: QRectF) -> list[QRectF]:
        """The cells of a lane."""
        count = max(line.tier.slots, len(line.cells))
        top, high = self._cells_at(lane)
        room = lane.width() - 2 * PAD
        # Narrow cells keep a gap that can still be told from an edge.
        gap = 4 if room / count >= 14 else 1
        wide = (room - gap * (count - 1)) / count
        return [QRectF(PAD + place * (wide + gap), top, wide, high) for place in range(count)]

    def _cells_at(self, lane: QRectF) -> tuple[float, float]:
        """Top and height of the cells of a lane. Words and cells stand together in the middle of its part."""
        if lane.height() >= LANE:
            return round(lane.top() + max(8.0, (lane.height() - 36 - CELL - 8) / 2)) + 42, CELL
        return round(lane.top()) + 23, min(CELL, round(lane.height() - 23 - 5))

    def _paint_lane(self, painter: QPainter, lane: QRectF, line: TierLine) -> None:
        theme, tier, wide = self.theme, line.tier, lane.width()
        paint_rule(painter, theme, 1, lane.top(), wide - 2)
        full = lane.height() >= LANE
        top = self._cells_at(lane)[0] - (42 if full else 19)
        paint_swatch(painter, theme, tier.name, QPointF(PAD + 5, top + 8))
        end = self._say(painter, PAD + 18, top + 12, tier.name, font(13, 600), "text")
        used = tr("{used} of {slots}", used=len(line.cells), slots=tier.slots)
        start = self._say(painter, wide - PAD, top + 12, used, font(13, 600), "text", -1)
        waiting = "" if line.queue is None else tr("{n} waiting", n=self._numbers.count(line.queue))
        token, base = "soft" if line.queue else "mut", top + 12
        if full:
            base = top + 30
            end = self._paint_settings(painter, base, line, wide)
            start = self._say(painter, wide - PAD, base, waiting, font(11), token, -1)
        else:
            start = self._say(painter, start - 10, base, waiting, font(11), token, -1)
        for mark in range(min(line.queue or 0, WAITING)):
            if start - 12 - 8 * mark < end + 8:
                break
            painter.fillRect(QRectF(start - 12 - 8 * mark, base - 8, 6, 6), theme.tier(tier.name))
        for place, box in enumerate(self._boxes(line, lane)):
            self._paint_cell(painter, box, tier.name, self._cell(tier.name, place))
            if self.hasFocus() and self._at == (tier.name, place):
                paint_focus(painter, theme, box.adjusted(-3, -3, 3, 3), 4, "text")

    def _paint_settings(self, painter: QPainter, base: float, line: TierLine, wide: float) -> float:
        """As much about the lane's settings as there is room for; gives its end."""
        tier = line.tier
        context = tr("{n} tokens of context", n=self._numbers.count(tier.context))
        x, room = PAD + 18.0, wide - 2 * PAD - 120
        for words in (tier.model, context, tr("share {share:g}", share=tier.share)):
            if x + QFontMetricsF(font(11)).horizontalAdvance(words) <= room:
                x = self._say(painter, x, base, words, font(11), "mut") + 10
        return x

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
        else:
            done = QRectF(box)
            done.setWidth(box.width() * min(cell.filled, 1.0))
            painter.setBrush(strong)
            painter.drawRoundedRect(done, min(3.0, done.width() / 2), 3)
        stream = self._stream
        if stream is not None and not stream.ended and (stream.tier, stream.request) == (tier, cell.request):
            paint_focus(painter, theme, box, 3, "text")

    def _paint_key(self, painter: QPainter, wide: float, high: float) -> None:
        theme, base = self.theme, high - 14
        paint_rule(painter, theme, 1, high - FOOT, wide - 2)
        x = float(PAD)
        for word, style in KEY:
            painter.setPen(QPen(theme.colour("band"), 1) if style == Qt.BrushStyle.NoBrush else Qt.PenStyle.NoPen)
            painter.setBrush(QBrush(theme.colour("mut"), style))
            painter.drawRoundedRect(QRectF(x + 0.5, base - 9.5, 11, 11), 2, 2)
            x = self._say(painter, x + 18, base, word, font(11), "soft") + 18
        used = sum(len(line.cells) for line in self._lines)
        slots = sum(line.tier.slots for line in self._lines)
        waiting = sum(line.queue or 0 for line in self._lines)
        cancelled = sum(line.cancelled for line in self._lines)
        parts = [tr("{used} of {slots} slots", used=used, slots=slots), tr("{n} waiting", n=waiting)]
        parts += [tr("{n} cancelled", n=self._numbers.count(cancelled))] if cancelled else []
        face, room = font(11, 600), wide - PAD - x
        words = QFontMetricsF(face).elidedText(", ".join(parts), Qt.TextElideMode.ElideRight, room)
        self._say(painter, wide - PAD, base, words, face, "soft", -1)

    def _say(self, painter: QPainter, x: float, base: float, text: str, face: QFont, token: str, way: int = 1) -> float:
        """Text to the right of `x`, or to its left with `way` -1; gives its far end."""
        wide = QFontMetricsF(face).horizontalAdvance(text)
        painter.setFont(face)
        painter.setPen(self.theme.colour(token))
        painter.drawText(QPointF(x if way > 0 else x - wide, base), text)
        return x + way * wide
