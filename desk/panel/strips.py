"""The strip chart of the Floor: linked strips over one time axis, read with one cursor.

One `pyqtgraph.GraphicsView` holds a `Strip` for each figure and the lane of events. Everything that seldom changes is
a cached background; a tick repaints one strip only.
"""

from collections.abc import Callable

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPixmap, QResizeEvent
from PySide6.QtWidgets import QGraphicsView, QWidget

from desk.panel.bars import paint_warning
from desk.panel.cards import paint_card
from desk.panel.charts.scale import nice_step
from desk.panel.charts.setting import Board, Event, Reference, Setting, StripSpec, Trace
from desk.panel.charts.strip import LEFT, RIGHT, Strip, paint_hairlines
from desk.panel.numbers import Numbers
from desk.panel.theme import MARGIN, Theme, font

__all__ = ["FLOOR", "Board", "Event", "Reference", "Setting", "StripChart", "StripSpec", "Trace", "fitting_span"]

SHORTEST_SPAN_S = 30.0
SPANS_S = (SHORTEST_SPAN_S, 60.0, 90.0, 120.0, 180.0, 240.0, 300.0, 450.0, 600.0, 900.0, 1200.0, 1800.0, 2700.0)
"""The spans that a young run grows through: it fills two thirds of the plot, and the axis seldom moves."""

LANE = 56

FLOOR = (
    StripSpec("tokens_per_second", "Tokens per second by tier", "tok/s", "stacked, {smooth}", 168, stacked=True),
    StripSpec("watts", "Power", "W", "", 104),
    StripSpec("tokens_per_joule", "Tokens per watt", "tok/J", "bold: the whole; tiers: their own joules", 144),
    StripSpec(
        "revenue_per_hour", "Implied revenue by tier", "$/h", "stacked, at list price, {smooth}", 128, stacked=True
    ),
)


def fitting_span(window_s: float, elapsed_s: float) -> float:
    """The seconds to show of a run that may be shorter than the window that was chosen."""
    return min(window_s, next((span for span in SPANS_S if span >= elapsed_s), window_s))


def traces_of(spec: StripSpec, tiers: tuple[str, ...]) -> list[Trace]:
    """The curves of one of the Floor's strips, drawn in this order."""
    if spec.stacked:
        return [Trace(spec.figure, name, spec.unit, name) for name in tiers]
    if spec.figure == "watts":
        busy = Trace("utilization", "busy", "%", token="mut", width=1.0, full=1.0)
        return [busy, Trace(spec.figure, "now", spec.unit, bold=True)]
    thin = [Trace(spec.figure, name, spec.unit, name, width=1.25) for name in tiers]
    return [*thin, Trace(spec.figure, "Whole", spec.unit, width=2.25, bold=True)]


class _Lane(pg.GraphicsObject):
    """The lane of events with the only time axis."""

    def __init__(self, theme: Theme, numbers: Numbers) -> None:
        super().__init__()
        self._theme, self._numbers = theme, numbers
        self._rect = QRectF(0, 0, 1, 1)
        self.setting = Setting()
        self.end = 0.0
        self.reading: float | None = None

    @property
    def plot(self) -> QRectF:
        return self._rect.adjusted(LEFT, 0, -RIGHT, 0)

    def place(self, rect: QRectF) -> None:
        self.prepareGeometryChange()
        self._rect = rect

    def boundingRect(self) -> QRectF:
        return self._rect

    def paint_ground(self, painter: QPainter) -> None:
        """The word and the time axis, both of which only a new window changes."""
        theme, plot, span = self._theme, self.plot, self.setting.window_s
        painter.setFont(font(11))
        painter.setPen(theme.colour("mut"))
        painter.drawText(QPointF(self._rect.left() + MARGIN, self._rect.top() + 20), "Events")
        metrics = QFontMetricsF(painter.font())
        step = _time_step(span, plot.width(), lambda since: metrics.horizontalAdvance(self._numbers.ago(since)))
        for count in range(int(span / step) + 1):
            x = round(plot.right() - count * step / span * plot.width()) - (count == 0)
            painter.fillRect(QRectF(x, self._rect.top() + 33, 1, 5), theme.colour("mut"))
            text = self._numbers.ago(-count * step)
            width = metrics.horizontalAdvance(text)
            left = min(x - width / 2, plot.right() - width) if count == 0 else x - width / 2
            painter.drawText(QPointF(left, self._rect.bottom() - 7), text)

    def paint(self, painter: QPainter, option: object, widget: object = None) -> None:
        band = QRectF(self._rect)
        band.setHeight(34)
        paint_hairlines(painter, self._theme, band, self.plot, self.setting, self.end, self.reading)
        self._paint_events(painter)
        if self.reading is not None:
            self._paint_cursor_time(painter, self.reading)

    def _paint_events(self, painter: QPainter) -> None:
        """Newest first, each where it still has room; an event without room keeps its hairline."""
        theme, plot, span = self._theme, self.plot, self.setting.window_s
        taken: list[tuple[float, float]] = []
        for event in sorted(self.setting.events, key=lambda event: -event.t):
            since = event.t - self.end
            if not -span <= since <= 0:
                continue
            x = round(plot.left() + (1 + since / span) * plot.width())
            if event.until is not None:
                until = min(0.0, event.until - self.end)
                painter.fillRect(
                    QRectF(x, self._rect.top() + 28, (until - since) / span * plot.width(), 3), theme.colour("mut")
                )
            face = font(11, 600 if event.late else 400)
            width = QFontMetricsF(face).horizontalAdvance(event.text) + (18 if event.late else 0)
            left = x + 7 if x + 7 + width <= plot.right() else x - 7 - width
            if left < plot.left() or any(left < b + 8 and a - 8 < left + width for a, b in taken):
                continue
            taken.append((left, left + width))
            # Another event's hairline may cross the words; they stand on ground of their own.
            painter.fillRect(QRectF(left - 3, self._rect.top() + 8, width + 6, 16), theme.colour("panel"))
            painter.setFont(face)
            painter.setPen(theme.colour("text" if event.late else "soft"))
            painter.drawText(QPointF(left, self._rect.top() + 20), event.text)
            if event.late:
                paint_warning(painter, theme, QPointF(left + width - 6, self._rect.top() + 16))

    def _paint_cursor_time(self, painter: QPainter, cursor: float) -> None:
        theme, plot = self._theme, self.plot
        text = self._numbers.ago(cursor)
        painter.setFont(font(11, 600))
        width = QFontMetricsF(painter.font()).horizontalAdvance(text) + 12
        x = plot.left() + (1 + cursor / self.setting.window_s) * plot.width()
        left = min(max(plot.left(), x - width / 2), plot.right() - width)
        box = QRectF(round(left), self._rect.bottom() - 21, round(width), 18)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("text"))
        painter.drawRoundedRect(box, 4, 4)
        painter.setPen(theme.colour("panel"))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)


class StripChart(pg.GraphicsView):
    """Linked strips under one cursor. It pulls: `follow` a board, `show_setting`, then refresh.

    `refresh_next` repaints at most one strip that the board has moved past, for a heartbeat; `refresh_all` takes and
    paints everything, for the first sight, a frozen display and for pictures.
    """

    def __init__(
        self,
        theme: Theme,
        numbers: Numbers,
        specs: tuple[StripSpec, ...] = FLOOR,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent, background=None)
        self._theme = theme
        self._board: Board | None = None
        self._setting = Setting()
        self._strips = [Strip(spec, theme, numbers) for spec in specs]
        self._lane = _Lane(theme, numbers)
        self._seen: list[float | None] = [None] * len(self._strips)
        self._turn = 0
        self._ground: tuple[float, QPixmap] | None = None
        for item in (*self._strips, self._lane):
            self.addItem(item)
        # Qt's own cache of the background would hold it at the screen's pixel ratio and blur larger pictures.
        self.setCacheMode(pg.GraphicsView.CacheModeFlag.CacheNone)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMouseTracking(True)
        self.viewport().setMouseTracking(True)
        self.setAccessibleName(", ".join(spec.title for spec in specs))
        theme.changed.connect(self._drop_ground)

    @property
    def strips(self) -> list[Strip]:
        return self._strips

    @property
    def setting(self) -> Setting:
        return self._setting

    def follow(self, board: Board) -> None:
        """Show this board from now on; the scales are taken anew."""
        self._board = board
        self._seen = [None] * len(self._strips)
        for strip in self._strips:
            strip.forget()

    def show_setting(self, setting: Setting) -> None:
        """Take another window, mode, levels or events; strips follow at their next refresh."""
        if setting == self._setting:
            return
        ground = _grounds(setting) != _grounds(self._setting)
        self._setting = setting
        self._lane.setting = setting
        self._seen = [None] * len(self._strips)
        if ground:
            self._drop_ground()

    def refresh_next(self) -> bool:
        """Bring the next strip up to date, in turn; False where all of them already show the newest period."""
        if self._board is None:
            return False
        end = self._board.end
        for _ in self._strips:
            place = self._turn
            self._turn = (self._turn + 1) % len(self._strips)
            if self._seen[place] != end:
                self._refresh(place, self._board)
                if self._turn == 0:
                    self._finish_round(self._board)
                return True
        return False

    def refresh_all(self) -> None:
        """Bring every strip up to date at once."""
        if self._board is None:
            return
        for place in range(len(self._strips)):
            self._refresh(place, self._board)
        self._turn = 0
        self._finish_round(self._board)

    def read_at(self, cursor: float | None) -> None:
        """Put the cursor at so many seconds before now (0 or less), or take it away."""
        if cursor is not None:
            cursor = min(0.0, max(-self._setting.window_s, cursor))
        for item in (*self._strips, self._lane):
            if item.reading != cursor:
                item.reading = cursor
                item.update()

    # ---- Qt

    def resizeEvent(self, ev: QResizeEvent | None) -> None:
        super().resizeEvent(ev)
        # The base class resizes while it is being made, before there are strips.
        if getattr(self, "_strips", None):
            self._arrange()

    def mouseMoveEvent(self, ev: QMouseEvent) -> None:
        # Not handed on: the scene would look for items under the pointer at every move, and none of them listens.
        plot = self._strips[0].plot
        x = ev.position().x()
        inside = plot.left() - 4 <= x <= plot.right() + 4
        self.read_at((x - plot.right()) / plot.width() * self._setting.window_s if inside else None)

    def leaveEvent(self, ev: QEvent) -> None:
        self.read_at(None)
        super().leaveEvent(ev)

    def keyPressEvent(self, ev: QKeyEvent) -> None:
        """Left and Right move the cursor by a hundredth of the window, Escape takes it away."""
        way = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(ev.key()))
        if way is not None:
            at = self._lane.reading if self._lane.reading is not None else 0.0
            self.read_at(at + way * self._setting.window_s / 100)
        elif ev.key() == Qt.Key.Key_Escape and self._lane.reading is not None:
            self.read_at(None)
        else:
            ev.ignore()

    def close(self) -> bool:
        """Close as any widget does: pyqtgraph's own way takes the viewport away and crashes under PySide."""
        return QGraphicsView.close(self)

    def drawBackground(self, painter: QPainter, rect: QRectF | QRect) -> None:
        """The card with headings, grids and axes: painted once for a size and a pixel ratio, then copied."""
        scale = painter.deviceTransform().m11()
        if self._ground is None or self._ground[0] != scale:
            pixmap = QPixmap(self.viewport().size() * scale)
            pixmap.setDevicePixelRatio(scale)
            # Opaque, window colour outside the rounded corners: an opaque copy is the cheap one.
            pixmap.fill(self._theme.colour("bg"))
            inner = QPainter(pixmap)
            self._paint_ground(inner, self._strips)
            self._lane.paint_ground(inner)
            inner.end()
            self._ground = (scale, pixmap)
        pixmap = self._ground[1]
        shown = QRectF(rect)
        painter.drawPixmap(shown, pixmap, QRectF(shown.topLeft() * scale, shown.size() * scale))

    # ---- inside

    def _refresh(self, place: int, board: Board) -> None:
        strip, setting = self._strips[place], self._setting
        self._seen[place] = board.end
        traces = [trace for trace in traces_of(strip.spec, self._setting.tiers) if trace.figure not in setting.without]
        if strip.refresh(board, setting, traces) and self._ground:
            inner = QPainter(self._ground[1])
            inner.setClipRect(strip.rect)
            self._paint_ground(inner, [strip])
            inner.end()

    def _finish_round(self, board: Board) -> None:
        self._lane.end = board.end
        self._lane.update()
        self.setAccessibleDescription(". ".join(strip.sentence() for strip in self._strips))

    def _drop_ground(self) -> None:
        self._ground = None
        self.viewport().update()

    def _arrange(self) -> None:
        """Lay the strips out by weight above the lane, in whole pixels."""
        width, height = self.viewport().width(), self.viewport().height()
        weights = sum(strip.spec.weight for strip in self._strips)
        room = height - LANE
        top, done = 0, 0
        for strip in self._strips:
            done += strip.spec.weight
            bottom = round(room * done / weights)
            strip.place(QRectF(0, top, width, bottom - top))
            top = bottom
        self._lane.place(QRectF(0, top, width, height - top))
        self._seen = [None] * len(self._strips)
        self._ground = None
        self.refresh_all()

    def _paint_ground(self, painter: QPainter, strips: list[Strip]) -> None:
        paint_card(painter, self._theme, QRectF(self.viewport().rect()))
        for strip in strips:
            strip.paint_ground(painter)
            bottom = strip.rect.bottom()
            painter.fillRect(QRectF(1, bottom - 1, strip.rect.width() - 2, 1), self._theme.colour("line"))


def _grounds(setting: Setting) -> tuple[object, ...]:
    """The part of a setting that is painted into the background."""
    return setting.window_s, setting.smooth_s, setting.mode, setting.notes


def _time_step(span: float, room: float, width: Callable[[float], float]) -> float:
    """Seconds between the labels of a time axis `room` pixels wide: at most six of them, on round times, none touching.

    `width` gives the pixels of the label for so many seconds.
    """
    for step in (5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800):
        labels = [width(-step * count) for count in range(int(span / step) + 1)]
        # The label of the present ends at the edge, the others have their tick in their middle.
        if span / step <= 6 and step / span * room >= 1.5 * max(labels) + 8:
            return float(step)
    return nice_step(span / 2)
