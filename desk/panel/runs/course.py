"""Runs over time: up to four curves of one figure that begin at the same place, and what happened to a single one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from desk.board import Floats
from desk.panel.bars import paint_rule
from desk.panel.cards import paint_focus
from desk.panel.charts.lines import polylines, stroke
from desk.panel.charts.scale import Scale, nice_step, spread
from desk.panel.numbers import Numbers
from desk.panel.runs.story import thinned
from desk.panel.theme import Theme, canvas, font, scaled, zoom
from desk.panel.words import tr
from desk.runs.summary import Phase, Stage

LEFT, RIGHT, TOP, BOTTOM = 48, 112, 18, 24
STAGES = 18
"""The height of the band that names the phases of a single run."""

_STEPS_S = (10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800)

STAGE_WORDS: dict[Stage, str] = {
    "loading": tr("loading"),
    "warm-up": tr("warm-up"),
    "running": tr("running"),
    "paused": tr("paused"),
    "calibrating": tr("calibrating"),
    "not recorded": tr("not recorded"),
}

TRACES = ("text", "Medium", "High", "Premium")
"""The first run is drawn in the colour of text, the others in colours of the ramp; each has its number beside it."""


@dataclass(frozen=True)
class Line:
    """One run: its name, seconds since its start, values with NaN in gaps."""

    name: str
    x: Floats
    y: Floats


class Course(QWidget):
    """The chart. The arrows and the pointer move a cursor that reads every curve at one moment."""

    def __init__(self, theme: Theme, numbers: Numbers) -> None:
        super().__init__()
        self._theme, self._numbers = theme, numbers
        self._unit = ""
        self._lines: tuple[Line, ...] = ()
        self._phases: tuple[Phase, ...] = ()
        self._events: tuple[float, ...] = ()
        self._scale = Scale(4)
        self._seconds = 0.0
        self._reading: float | None = None
        self._waiting = ""
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        theme.changed.connect(self._measure)
        self._measure()

    def _measure(self) -> None:
        self.setMinimumHeight(scaled(120))
        self.update()

    def show_lines(
        self,
        title: str,
        unit: str,
        lines: Sequence[Line],
        phases: Sequence[Phase] = (),
        events: Sequence[float] = (),
        waiting: str = "",
    ) -> None:
        """Draw these; `waiting` says why a run that belongs here has no curve yet."""
        self._unit, self._waiting = unit, waiting
        self._lines, self._phases, self._events = tuple(lines), tuple(phases), tuple(events)
        self._seconds = max((float(line.x[-1]) for line in lines if len(line.x)), default=0.0)
        peak = max((float(np.nanmax(line.y)) for line in lines if np.isfinite(line.y).any()), default=0.0)
        self._scale.forget()
        self._scale.fit(peak, 0.0)
        self._reading = None
        self.setAccessibleName(tr("{figure} over time", figure=title))
        self.setAccessibleDescription(waiting or self._sentence(None))
        self.update()

    def colour(self, place: int) -> QColor:
        """The colour of the n-th curve."""
        name = TRACES[place]
        return self._theme.colour("text") if name == "text" else self._theme.tier(name)

    def values(self, moment: float | None) -> list[float | None]:
        """Each curve at a moment, `None` where it has a gap or is over; without a moment its last value."""
        return [_at(line, moment) for line in self._lines]

    def _sentence(self, moment: float | None) -> str:
        when = tr("at its end") if moment is None else tr("at {moment}", moment=self._numbers.clock(moment))
        told = zip(self._lines, self.values(moment), strict=True)
        return ". ".join(f"{line.name} {when}: {self._numbers.spoken(value, self._unit)}" for line, value in told)

    # ---- hands

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        plot = self._plot(QSizeF(self.size()) / zoom())
        x = event.position().x() / zoom()
        if plot.left() <= x <= plot.right() and self._seconds:
            self._read((x - plot.left()) / plot.width() * self._seconds)
        else:
            self._read(None)

    def leaveEvent(self, _event: object) -> None:
        self._read(None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        way = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if way is None or not self._seconds:
            super().keyPressEvent(event)
            return
        step = self._seconds / 50
        before = (self._seconds + step if way < 0 else -step) if self._reading is None else self._reading
        self._read(min(max(0.0, before + way * step), self._seconds))

    def _read(self, moment: float | None) -> None:
        if moment != self._reading:
            self._reading = moment
            self.setAccessibleDescription(self._sentence(moment))
            self.update()

    def focusInEvent(self, _event: object) -> None:
        self.update()

    def focusOutEvent(self, _event: object) -> None:
        self.update()

    # ---- painting

    def _plot(self, size: QSizeF) -> QRectF:
        """Where the curves are, in a chart of that size in pixels of the design."""
        bottom = BOTTOM + (STAGES if self._phases else 0)
        return QRectF(LEFT, TOP, size.width() - LEFT - RIGHT, size.height() - TOP - bottom)

    def paintEvent(self, _event: QPaintEvent) -> None:
        with canvas(self) as (painter, size):
            plot = self._plot(size)
            self._paint_axes(painter, plot, size.height() - 7)
            if self._phases:
                self._paint_phases(painter, plot)
            painter.setClipRect(plot.adjusted(0, -2, 0, 2))
            for place, line in reversed(list(enumerate(self._lines))):
                x, y = self._placed(line, plot)
                scale = painter.deviceTransform().m11()
                stroke(painter, polylines(x, y), self.colour(place), 1.8 if place == 0 else 1.5, scale)
            painter.setClipping(False)
            if self._waiting:
                painter.setFont(font(12))
                painter.setPen(self._theme.colour("mut"))
                painter.drawText(plot, Qt.AlignmentFlag.AlignCenter, self._waiting)
            if self._lines:
                self._paint_labels(painter, plot, size.width())
            if self.hasFocus():
                paint_focus(painter, self._theme, QRectF(QPointF(0, 0), size), 4)

    def _paint_axes(self, painter: QPainter, plot: QRectF, times: float) -> None:
        """Grid and labels; those of the times stand at that height."""
        theme, numbers = self._theme, self._numbers
        painter.setFont(font(11))
        painter.setPen(theme.colour("mut"))
        painter.drawText(QPointF(plot.left(), 11), tr("recorded"))  # the window around it may be live
        write = numbers.ticks(self._scale.step)
        for tick in self._scale.ticks():
            y = round(plot.bottom() - plot.height() * tick / self._scale.top)
            paint_rule(painter, theme, plot.left(), y, plot.width(), "grid")
            box = QRectF(0, y - 8, plot.left() - 8, 16)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, write(tick))
        if not self._seconds:
            return
        step = self._time_step(plot.width())
        for count in range(int(self._seconds / step + 1e-9) + 1):
            x = plot.left() + plot.width() * count * step / self._seconds
            text = numbers.clock(count * step)
            wide = QFontMetricsF(painter.font()).horizontalAdvance(text)
            left = min(max(plot.left(), x - wide / 2), plot.right() - wide)
            painter.fillRect(QRectF(round(x), plot.bottom(), 1, 4), theme.colour("line"))
            painter.drawText(QPointF(left, times), text)

    def _time_step(self, wide: float) -> float:
        most = max(1.0, wide / 90)
        fitting = (step for step in _STEPS_S if self._seconds / step <= most)
        return float(next(fitting, nice_step(self._seconds / most)))

    def _paint_phases(self, painter: QPainter, plot: QRectF) -> None:
        """A band below the plot for what is no plain running, each with its word where there is room for it."""
        theme = self._theme
        for phase in self._phases:
            left, right = self._x(phase.start, plot), self._x(phase.end, plot)
            band = QRectF(left, plot.bottom() + 4, max(2.0, right - left - 1), STAGES - 4)
            plain = phase.stage == "running"
            painter.fillRect(band, theme.colour("track" if plain else "band"))
            if not plain:
                painter.fillRect(QRectF(left, plot.top(), max(1.0, right - left), plot.height()), theme.colour("track"))
            painter.setFont(font(10))
            painter.setPen(theme.colour("text"))
            word = STAGE_WORDS[phase.stage]
            if QFontMetricsF(painter.font()).horizontalAdvance(word) + 6 < band.width():
                painter.drawText(band, Qt.AlignmentFlag.AlignCenter, word)
        for moment in self._events:
            painter.fillRect(QRectF(round(self._x(moment, plot)), plot.top(), 1, plot.height()), theme.colour("band"))

    def _paint_labels(self, painter: QPainter, plot: QRectF, wide: float) -> None:
        """Number and value of each curve at its own height: at the cursor, else at the end."""
        theme = self._theme
        told = self.values(self._reading)
        if self._reading is not None:
            x = round(self._x(self._reading, plot))
            painter.fillRect(QRectF(x, plot.top(), 1, plot.height()), theme.colour("soft"))
            painter.setFont(font(11, 600))
            painter.setPen(theme.colour("text"))
            text = self._numbers.clock(self._reading)
            painter.drawText(QRectF(plot.right() - 90, 2, 90, 16), Qt.AlignmentFlag.AlignRight, text)
        known = sorted((self._y(value, plot), place) for place, value in enumerate(told) if value is not None)
        heights = spread([y for y, _ in known], plot.top(), plot.bottom(), 16)
        for height, (_, place) in zip(heights, known, strict=True):
            value = told[place]
            painter.fillRect(QRectF(plot.right() + 10, height - 1, 10, 2.5), self.colour(place))
            painter.setFont(font(12, 600))
            painter.setPen(theme.colour("text"))
            head = f"{place + 1}  " if len(self._lines) > 1 else ""
            box = QRectF(plot.right() + 26, height - 8, wide - plot.right() - 28, 16)
            text = f"{head}{self._numbers.with_unit(value, self._unit)}"
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, text)

    def _x(self, moment: float, plot: QRectF) -> float:
        return plot.left() + plot.width() * min(1.0, moment / self._seconds if self._seconds else 0.0)

    def _y(self, value: float, plot: QRectF) -> float:
        return plot.bottom() - plot.height() * value / self._scale.top

    def _placed(self, line: Line, plot: QRectF) -> tuple[Floats, Floats]:
        """A curve in pixels."""
        x, y = thinned(line.x, line.y, max(1, int(plot.width())))
        px = plot.left() + plot.width() * x / max(self._seconds, 1e-9)
        return px, plot.bottom() - plot.height() * y / self._scale.top


def _at(line: Line, moment: float | None) -> float | None:
    if not len(line.x):
        return None
    if moment is None:
        known = np.flatnonzero(np.isfinite(line.y))
        return float(line.y[known[-1]]) if len(known) else None
    place = int(np.abs(line.x - moment).argmin())
    value = line.y[place]
    near = abs(float(line.x[place]) - moment) <= 2 * float(line.x[-1]) / max(1, len(line.x)) + 1.0
    return float(value) if np.isfinite(value) and near else None
