"""The lane of events under the strips, with their only time axis, the moment of the cursor and the way back to now."""

from collections.abc import Callable

import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QFocusEvent, QFontMetricsF, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import QLineEdit, QWidget

from desk.panel.bars import paint_warning
from desk.panel.charts.hairlines import paint_hairlines
from desk.panel.charts.scale import nice_step
from desk.panel.charts.setting import Event, Setting, Stretch
from desk.panel.charts.strip import LEFT, RIGHT
from desk.panel.numbers import Numbers
from desk.panel.theme import MARGIN, Theme, font
from desk.panel.words import tr

HEIGHT = 56
WORDS = 34
"""The part of it that holds the words of events; the axis is below."""
NEAR = 5
"""So many pixels from an event the cursor reads its words."""
NOTE_LENGTH = 80
_NAME, _BACK = tr("Events"), tr("Back to now")
_STEPS_S = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800)


class Lane(pg.GraphicsObject):
    """Paints events where they have room, all of them as hairlines, and those under the cursor in full.

    The axis counts back from now; of a stretch that is held in the past it tells the run's own time, and stands still.
    `now` is the newest moment, in seconds since the run began.
    """

    def __init__(self, theme: Theme, numbers: Numbers) -> None:
        super().__init__()
        self._theme, self._numbers = theme, numbers
        self._rect = QRectF(0, 0, 1, 1)
        self.setting = Setting()
        self.stretch = Stretch()
        self.now = 0.0
        self.reading: float | None = None

    @property
    def rect(self) -> QRectF:
        return self._rect

    @property
    def plot(self) -> QRectF:
        return self._rect.adjusted(LEFT, 0, -RIGHT, 0)

    @property
    def way_back(self) -> QRectF:
        """The button that leads back to now, there while the stretch is held."""
        return QRectF(self.plot.right() + 16, self._rect.top() + 16, RIGHT - 16 - MARGIN, 24)

    def place(self, rect: QRectF) -> None:
        self.prepareGeometryChange()
        self._rect = rect

    def boundingRect(self) -> QRectF:
        return self._rect

    def show_stretch(self, stretch: Stretch, now: float) -> bool:
        """Take the time to show; says whether the axis must be painted anew."""
        before, self.stretch, self.now = self.stretch, stretch, now
        self.update()
        return not stretch.follows(before)

    def near(self) -> list[Event]:
        """The events under the cursor, oldest first."""
        if self.reading is None:
            return []
        at, reach = self.stretch.end + self.reading, NEAR * self.stretch.span / self.plot.width()
        return sorted((event for event in self.setting.events if abs(event.t - at) <= reach), key=lambda event: event.t)

    # ---- painting

    def paint_ground(self, painter: QPainter) -> None:
        """The word and the time axis, both of which only another stretch changes."""
        theme, plot = self._theme, self.plot
        painter.setFont(font(11))
        painter.setPen(theme.colour("mut"))
        painter.drawText(QPointF(self._rect.left() + MARGIN, self._rect.top() + 20), _NAME)
        metrics = QFontMetricsF(painter.font())
        for x, text in self._ticks(metrics.horizontalAdvance):
            painter.fillRect(QRectF(x, self._rect.top() + 33, 1, 5), theme.colour("mut"))
            width = metrics.horizontalAdvance(text)
            left = min(x - width / 2, plot.right() - width)
            painter.drawText(QPointF(left, self._rect.bottom() - 7), text)

    def _ticks(self, width: Callable[[str], float]) -> list[tuple[float, str]]:
        """Pixels and words of the axis; the newest first."""
        plot, stretch, numbers = self.plot, self.stretch, self._numbers
        span = stretch.span
        if not stretch.held:
            step = _time_step(span, plot.width(), lambda since: width(numbers.ago(since)))
            places = [-count * step for count in range(int(span / step) + 1)]
            words = [numbers.ago(since) for since in places]
        else:
            step = _time_step(span, plot.width(), lambda _since: width(numbers.clock(stretch.end)))
            newest = int(stretch.end // step)
            moments = [count * step for count in range(newest, newest - int(span / step) - 2, -1)]
            places = [moment - stretch.end for moment in moments if moment >= max(0.0, stretch.start)]
            words = [numbers.clock(stretch.end + since) for since in places]
        pixels = [round(plot.right() + since / span * plot.width()) - (since == 0) for since in places]
        return list(zip(pixels, words, strict=True))

    def paint(self, painter: QPainter, option: object, widget: object = None) -> None:
        band = QRectF(self._rect)
        band.setHeight(WORDS)
        paint_hairlines(painter, self._theme, band, self.plot, self.setting.events, self.stretch, self.reading)
        near = self.near()
        if near:
            self._paint_words(painter, near)
        else:
            self._paint_events(painter)
        if self.reading is not None:
            self._paint_moment(painter, self.reading)
        if self.stretch.held:
            self._paint_way_back(painter)

    def _x(self, since: float) -> float:
        return self.plot.right() + since / self.stretch.span * self.plot.width()

    def _paint_events(self, painter: QPainter) -> None:
        """Newest first, each where it still has room; an event without room keeps its hairline."""
        theme, plot, span = self._theme, self.plot, self.stretch.span
        taken: list[tuple[float, float]] = []
        # The lane's own name may be longer than the plot is away.
        begin = max(plot.left(), self._rect.left() + MARGIN + QFontMetricsF(font(11)).horizontalAdvance(_NAME) + 4)
        for event in sorted(self.setting.events, key=lambda event: -event.t):
            since = event.t - self.stretch.end
            if not -span <= since <= 0:
                continue
            x = round(self._x(since))
            if event.until is not None:
                until = min(0.0, event.until - self.stretch.end)
                painter.fillRect(
                    QRectF(x, self._rect.top() + 28, (until - since) / span * plot.width(), 3), theme.colour("mut")
                )
            face = font(11, 600 if event.late else 400)
            width = QFontMetricsF(face).horizontalAdvance(event.text) + (18 if event.late else 0)
            left = x + 7 if x + 7 + width <= plot.right() else x - 7 - width
            if left < begin or any(left < b + 8 and a - 8 < left + width for a, b in taken):
                continue
            taken.append((left, left + width))
            # Another event's hairline may cross the words; they stand on ground of their own.
            painter.fillRect(QRectF(left - 3, self._rect.top() + 8, width + 6, 16), theme.colour("panel"))
            painter.setFont(face)
            painter.setPen(theme.colour("text" if event.late else "soft"))
            painter.drawText(QPointF(left, self._rect.top() + 20), event.text)
            if event.late:
                paint_warning(painter, theme, QPointF(left + width - 6, self._rect.top() + 16))

    def _paint_words(self, painter: QPainter, events: list[Event]) -> None:
        """What happened under the cursor, in full and with its time, over the words of its neighbours."""
        theme, plot = self._theme, self.plot
        late = any(event.late for event in events)
        sign = 18 if late else 0
        face = font(11, 600)
        metrics = QFontMetricsF(face)
        text = "  ·  ".join(f"{self._numbers.clock(event.t)}  {event.text}" for event in events)
        text = metrics.elidedText(text, Qt.TextElideMode.ElideRight, plot.width() - 20 - sign)
        width = metrics.horizontalAdvance(text) + 16 + sign
        x = self._x(events[0].t - self.stretch.end)
        left = round(min(max(plot.left(), x + 5), plot.right() - width))
        box = QRectF(left, self._rect.top() + 5, round(width), 22)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.colour("band"), 1))
        painter.setBrush(theme.colour("raised"))
        painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        painter.setFont(face)
        painter.setPen(theme.colour("text"))
        painter.drawText(QPointF(left + 8, box.top() + 15), text)
        if late:
            paint_warning(painter, theme, QPointF(box.right() - 13, box.center().y()))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _paint_moment(self, painter: QPainter, reading: float) -> None:
        """When the cursor stands: in the run's time, and how long ago."""
        theme, plot, numbers = self._theme, self.plot, self._numbers
        at = self.stretch.end + reading
        text = f"{numbers.clock(at)}   {numbers.ago(at - self.now)}"
        painter.setFont(font(11, 600))
        width = QFontMetricsF(painter.font()).horizontalAdvance(text) + 12
        left = min(max(plot.left(), self._x(reading) - width / 2), plot.right() - width)
        box = QRectF(round(left), self._rect.bottom() - 21, round(width), 18)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("text"))
        painter.drawRoundedRect(box, 4, 4)
        painter.setPen(theme.colour("panel"))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _paint_way_back(self, painter: QPainter) -> None:
        theme, box = self._theme, self.way_back
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(theme.colour("band"), 1))
        painter.setBrush(theme.colour("raised"))
        painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
        painter.setPen(theme.colour("text"))
        painter.setFont(font(12, 600))
        words = painter.fontMetrics().elidedText(_BACK, Qt.TextElideMode.ElideRight, int(box.width()) - 12)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, words)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


class NoteLine(QLineEdit):
    """The field for a note, over the lane while it is written: Enter gives it, Esc and a click elsewhere take it back.

    `written` is emitted with the words, `closed` whenever the field is done.
    """

    written = Signal(str)
    closed = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setMaxLength(NOTE_LENGTH)
        self.setPlaceholderText(tr("A note on this moment, then Enter"))
        self.setAccessibleName(tr("Note on this moment"))
        self.returnPressed.connect(self._give)
        self.hide()

    def begin(self) -> None:
        self.clear()
        self.show()
        self.setFocus(Qt.FocusReason.OtherFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self._close()
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.hide()

    def _give(self) -> None:
        text = self.text().strip()
        self._close()
        if text:
            self.written.emit(text)

    def _close(self) -> None:
        self.hide()
        self.closed.emit()


def _time_step(span: float, room: float, width: Callable[[float], float]) -> float:
    """Seconds between the labels of a time axis `room` pixels wide: at most six of them, on round times, none touching.

    `width` gives the pixels of the label for so many seconds.
    """
    for step in _STEPS_S:
        labels = [width(-step * count) for count in range(min(8, int(span / step) + 1))]
        # The label of the present ends at the edge, the others have their tick in their middle.
        if span / step <= 6 and step / span * room >= 1.5 * max(labels) + 8:
            return float(step)
    return nice_step(span / 2)
