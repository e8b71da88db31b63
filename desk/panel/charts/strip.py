"""One strip of the chart: its curves, its scale, its limits and its direct labels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen, QPolygonF

from desk.panel.charts.lines import Array, areas, dashed, polylines, stroke
from desk.panel.charts.scale import Scale, spread
from desk.panel.charts.setting import Board, Reference, Setting, StripSpec, Trace
from desk.panel.numbers import DASH, Numbers
from desk.panel.theme import MARGIN, Theme, font

LEFT = 56
RIGHT = 136
HEAD = 34
FOOT = 10
_TICK_ROOM = 40
_TICK_TOP = 7
"""A tick nearer than this to the top of the plot would touch the heading, and is left out."""
_STILL = 3
_LABEL_GAP = 8
_MOST_DECIMALS = 3


@dataclass
class _Label:
    anchor: float
    name: str
    value: str
    tier: str | None = None
    line: bool = False
    bold: bool = False
    quiet: bool = False


class Strip(pg.GraphicsObject):
    """Paints one strip in pixels of the chart. `refresh` takes new data, `paint` draws what was taken.

    The ground that seldom changes (heading, grid, ticks) is painted by `paint_ground` into the chart's background.
    """

    def __init__(self, spec: StripSpec, theme: Theme, numbers: Numbers) -> None:
        super().__init__()
        self.spec = spec
        self._theme, self._numbers = theme, numbers
        self._rect = QRectF(0, 0, 1, 1)
        self._scale = Scale(ticks=3)
        self._setting = Setting()
        self._traces: tuple[Trace, ...] = ()
        self._x: Array = np.empty(0)
        self._values: list[Array] = []
        self._levels: list[Array] = []
        self._now: list[float | None] = []
        self._total: float | None = None
        self._empty = True
        self._decimals: int | None = None
        self._end = 0.0
        self._places: tuple[tuple[str, ...], list[int]] = ((), [])
        self.reading: float | None = None

    @property
    def plot(self) -> QRectF:
        """Where the curves are, in pixels of the chart."""
        return self._rect.adjusted(LEFT, HEAD, -RIGHT, -FOOT)

    @property
    def rect(self) -> QRectF:
        return self._rect

    def place(self, rect: QRectF) -> None:
        self.prepareGeometryChange()
        self._rect = rect
        self._scale = Scale(ticks=max(2, int(self.plot.height() // _TICK_ROOM)))
        self._places = ((), [])

    def forget(self) -> None:
        """The data that comes next is another: take its scale at once."""
        self._scale.forget()

    def boundingRect(self) -> QRectF:
        return self._rect

    def refresh(self, board: Board, setting: Setting, traces: Sequence[Trace]) -> bool:
        """Take the newest data; says whether the ground must be painted anew."""
        fresh = setting.window_s != self._setting.window_s or board.end < self._end
        self._setting, self._traces, self._end = setting, tuple(traces), board.end
        if fresh:
            self._scale.forget()
        points = max(2, int(self.plot.width()))
        curves = [
            board.curve(trace.figure, trace.tier, setting.window_s, points, setting.smooth_s) for trace in self._traces
        ]
        self._x = max((x for x, _ in curves), key=len, default=np.empty(0))
        # A tier that has not made a token yet has no curve at all: it is one gap.
        self._values = [y if len(y) == len(self._x) else np.full(len(self._x), np.nan) for _, y in curves]
        self._now = [board.value(trace.figure, trace.tier) for trace in self._traces]
        self._total = board.value(self.spec.figure) if self.spec.stacked else None
        self._levels = _stacked(self._values) if self.spec.stacked else self._values
        own = (values for trace, values in zip(self._traces, self._values, strict=True) if not trace.full)
        self._empty = not any(np.isfinite(values).any() for values in own)
        self._decimals = self._shared_decimals()
        changed = self._scale.fit(self._peak(), board.end)
        self.update()
        return changed

    def sentence(self) -> str:
        """The strip in words: `Board power: now 312 watts; busy 97.0 percent`."""
        parts = [f"total {self._numbers.spoken(self._total, self.spec.unit)}"] if self.spec.stacked else []
        parts += [
            f"{trace.label} {self._numbers.spoken(now, trace.unit)}"
            for trace, now in zip(self._traces, self._now, strict=True)
        ]
        return f"{self.spec.title}: {'; '.join(parts)}"

    def paint_ground(self, painter: QPainter) -> None:
        """Heading, grid and tick labels."""
        theme, spec, plot = self._theme, self.spec, self.plot
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        base = QPointF(self._rect.left() + MARGIN, self._rect.top() + 24)
        note = self._setting.notes.get(spec.figure, spec.note).format(smooth=f"{self._setting.smooth_s:g} s mean")
        limit = plot.right() - self._mode_width() - 8
        for text, face, token in (
            (spec.title, font(13, 600), "text"),
            (spec.unit, font(12), "mut"),
            (note, font(11), "mut"),
        ):
            metrics = QFontMetricsF(face)
            if text == spec.unit and base.x() + metrics.horizontalAdvance(text) > limit:
                continue  # a unit cut short says nothing
            fitting = metrics.elidedText(text, Qt.TextElideMode.ElideRight, max(0.0, limit - base.x()))
            painter.setFont(face)
            painter.setPen(theme.colour(token))
            painter.drawText(base, fitting)
            base.setX(base.x() + metrics.horizontalAdvance(fitting) + 8)
        painter.setFont(font(11))
        said = self._numbers.ticks(self._scale.step)
        for tick in self._scale.ticks():
            y = round(self._y(tick))
            if y < plot.top() + _TICK_TOP:
                continue
            painter.fillRect(QRectF(plot.left(), y, plot.width(), 1), theme.colour("grid"))
            painter.setPen(theme.colour("soft"))
            box = QRectF(self._rect.left(), y - 8, LEFT - 8, 16)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, said(tick))

    def paint(self, painter: QPainter, option: object, widget: object = None) -> None:
        scale = painter.deviceTransform().m11()
        x = self._pixels_of(self._x)
        rows = [self._rows_of(trace, level) for trace, level in zip(self._traces, self._levels, strict=True)]
        self._paint_areas(painter, x, rows)
        self._paint_hairlines(painter)
        self._paint_references(painter)
        if self._empty:
            self._paint_reason(painter)
        else:
            self._paint_curves(painter, x, rows, scale)
        self._paint_heading(painter)
        self._paint_labels(painter, self._labels())

    # ---- geometry

    def _pixels_of(self, x: Array) -> Array:
        return self.plot.left() + (1 + x / self._setting.window_s) * self.plot.width()

    def _y(self, value: float, full: float | None = None) -> float:
        return self.plot.bottom() - value / (full or self._scale.top) * self.plot.height()

    def _rows_of(self, trace: Trace, level: Array) -> Array:
        return self.plot.bottom() - level / (trace.full or self._scale.top) * self.plot.height()

    def _peak(self) -> float:
        own = [level for trace, level in zip(self._traces, self._levels, strict=True) if not trace.full and level.size]
        peaks = [float(np.nanmax(level)) for level in own if np.isfinite(level).any()]
        return max([*peaks, *(line.value for line in self._references())], default=0.0)

    def _references(self) -> tuple[Reference, ...]:
        return self._setting.references.get(self.spec.figure, ())

    def _column(self) -> int | None:
        """The data column that is being read."""
        if self.reading is None or not len(self._x):
            return None
        return int(np.abs(self._x - self.reading).argmin())

    def _colour(self, trace: Trace) -> QColor:
        return self._theme.tier(trace.tier) if trace.tier else self._theme.colour(trace.token)

    # ---- painting

    def _paint_areas(self, painter: QPainter, x: Array, rows: list[Array]) -> None:
        if not self.spec.stacked:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(Qt.PenStyle.NoPen)
        # Each area reaches down to zero and the one below it paints over it: no seams, and simple polygons.
        for trace, row in reversed(list(zip(self._traces, rows, strict=True))):
            painter.setBrush(self._theme.fill(trace.tier or ""))
            for area in areas(x, row, self.plot.bottom()):
                painter.drawPolygon(area)

    def _paint_curves(self, painter: QPainter, x: Array, rows: list[Array], scale: float) -> None:
        column = self._column()
        for trace, row in zip(self._traces, rows, strict=True):
            drawn = (x, row)
            if trace.figure in self._setting.estimated:
                drawn = dashed(x, row, phase=self._end / self._setting.window_s * self.plot.width())
            stroke(painter, polylines(*drawn), self._colour(trace), trace.width, scale)
            known = np.flatnonzero(np.isfinite(row))
            mark = column if column is not None else int(known[-1]) if trace.bold and len(known) else None
            if mark is not None and np.isfinite(row[mark]):
                painter.setRenderHint(QPainter.RenderHint.Antialiasing)
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(self._colour(trace))
                painter.drawEllipse(QPointF(x[mark], row[mark]), 3, 3)
                painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _paint_hairlines(self, painter: QPainter) -> None:
        paint_hairlines(painter, self._theme, self._rect, self.plot, self._setting, self._end, self.reading)

    def _paint_references(self, painter: QPainter) -> None:
        plot = self.plot
        for line in self._references():
            y = round(self._y(line.value))
            if line.solid:
                painter.fillRect(QRectF(plot.left(), y - 0.5, plot.width(), 1.5), self._theme.colour("soft"))
                continue
            pen = QPen(self._theme.colour("mut"), 1)
            pen.setDashPattern([3, 3])
            pen.setCapStyle(Qt.PenCapStyle.FlatCap)
            painter.setPen(pen)
            painter.drawLine(QPointF(plot.left(), y + 0.5), QPointF(plot.right(), y + 0.5))

    def _paint_reason(self, painter: QPainter) -> None:
        """Why the strip has nothing to show of its own figure."""
        reason = self._setting.reasons.get(self.spec.figure, "nothing in this window yet")
        how = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        painter.setFont(font(11))
        box = painter.boundingRect(self.plot.adjusted(24, 0, -24, 0), how, reason)
        # Hairlines of events run through the strip; the words stand on ground of their own.
        painter.fillRect(box.adjusted(-12, -4, 12, 4), self._theme.colour("panel"))
        painter.setPen(self._theme.colour("mut"))
        painter.drawText(box, how, reason)

    def _mode_width(self) -> float:
        return QFontMetricsF(font(11, 600)).horizontalAdvance(self._setting.mode)

    def _paint_heading(self, painter: QPainter) -> None:
        base = self._rect.top() + 24
        painter.setFont(font(11, 600))
        painter.setPen(self._theme.colour("mut"))
        painter.drawText(QPointF(self.plot.right() - self._mode_width(), base), self._setting.mode)
        if not self.spec.stacked:
            return
        column = self._column()
        total = self._total if column is None else float(self._levels[-1][column]) if self._levels else None
        right = self._rect.right() - MARGIN
        text = self._said(total, self.spec.unit)
        painter.setFont(font(13, 600))
        left = right - QFontMetricsF(painter.font()).horizontalAdvance(text)
        painter.setPen(self._theme.colour("text" if text != DASH else "mut"))
        painter.drawText(QPointF(left, base), text)
        painter.setFont(font(11))
        painter.setPen(self._theme.colour("mut"))
        painter.drawText(QPointF(left - QFontMetricsF(painter.font()).horizontalAdvance("total") - 6, base), "total")

    # ---- direct labels

    def _labels(self) -> list[_Label]:
        """What stands at the right, from top to bottom; traces without data come last."""
        column = self._column()
        labels = []
        below = np.zeros(1)
        for trace, values, level, now in zip(self._traces, self._values, self._levels, self._now, strict=True):
            at = column if column is not None else _last(level)
            value = now if column is None else float(values[column])
            anchor = np.nan
            if at is not None and at < len(level):
                middle = (level[at] + (below[at] if len(below) > 1 else 0.0)) / 2 if self.spec.stacked else level[at]
                anchor = self._y(float(middle), trace.full)
            below = level
            silent = self._empty and not self.spec.stacked and not trace.bold
            if silent or (trace.full and not np.isfinite(level).any()):
                continue  # one dash tells that a strip is empty, and what only goes along needs none
            said = self._said(value, trace.unit)
            quiet = trace.tier is None and not trace.bold
            labels.append(_Label(anchor, trace.label, said, trace.tier, trace.tier is None, trace.bold, quiet))
        for line in self._references():
            labels.append(_Label(self._y(line.value), line.label, self._said(line.value, self.spec.unit), quiet=True))
        # Where curves meet, the dearest tier stands on top, as in the stack and in the table.
        known = sorted((label for label in labels[::-1] if np.isfinite(label.anchor)), key=lambda label: label.anchor)
        return known + [label for label in labels[::-1] if not np.isfinite(label.anchor)]

    def _said(self, value: float | None, unit: str) -> str:
        """A value with the decimals that all values of the strip's own unit share."""
        if unit == self.spec.unit:
            return self._numbers.fixed(value, self._decimals or 0)
        said = self._numbers.figure(value, unit)
        return f"{said} %" if unit == "%" and said != DASH else said

    def _shared_decimals(self) -> int | None:
        """As many as the strip's largest figure takes; near a bound they stay as they are, so as not to flicker."""
        own = [now for trace, now in zip(self._traces, self._now, strict=True) if trace.unit == self.spec.unit]
        own += [self._total, *(line.value for line in self._references())]
        size = max((abs(value) for value in own if value is not None), default=None)
        if size is None:
            return self._decimals
        near = [min(_MOST_DECIMALS, self._numbers.decimals(size * by, self.spec.unit)) for by in (0.95, 1.0, 1.05)]
        return self._decimals if self._decimals in near else near[1]

    def _positions(self, labels: list[_Label]) -> list[int]:
        """Whole pixels; positions that would move by less than three pixels stay where they are."""
        floor = self.plot.bottom()
        anchors = [label.anchor if np.isfinite(label.anchor) else floor for label in labels]
        places = [round(y) for y in spread(anchors, self.plot.top() - 2, floor)]
        names = tuple(label.name for label in labels)
        if names == self._places[0] and all(abs(a - b) < _STILL for a, b in zip(places, self._places[1], strict=True)):
            return self._places[1]
        self._places = (names, places)
        return places

    def _paint_labels(self, painter: QPainter, labels: list[_Label]) -> None:
        theme, left = self._theme, self.plot.right()
        right = self._rect.right() - MARGIN
        for label, y in zip(labels, self._positions(labels), strict=True):
            if np.isfinite(label.anchor):
                self._paint_leader(painter, QPointF(left + 5, label.anchor), QPointF(left + 14, y))
            middle = QPointF(left + 21, y)
            if label.tier is not None:
                painter.fillRect(QRectF(middle.x() - 4, y - 4, 8, 8), theme.tier(label.tier))
            elif label.line and label.bold:
                painter.fillRect(QRectF(middle.x() - 4, y - 1, 8, 2), theme.colour("text"))
            named = label.tier is not None or (label.line and label.bold)
            start = left + (30 if named else 17)
            missing = label.value == DASH
            painter.setFont(font(12, 400 if label.quiet else 600))
            painter.setPen(theme.colour("mut" if missing else "soft" if label.quiet else "text"))
            value = right - QFontMetricsF(painter.font()).horizontalAdvance(label.value)
            painter.drawText(QPointF(value, y + 4.5), label.value)
            painter.setFont(font(11, 600 if label.bold else 400 if label.quiet else 500))
            painter.setPen(theme.colour("soft" if label.quiet else "text"))
            room = value - _LABEL_GAP - start
            name = QFontMetricsF(painter.font()).elidedText(label.name, Qt.TextElideMode.ElideRight, room)
            painter.drawText(QPointF(start, y + 4.5), name)

    def _paint_leader(self, painter: QPainter, start: QPointF, end: QPointF) -> None:
        painter.setPen(QPen(self._theme.colour("band"), 1))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.drawPolyline(QPolygonF([start, QPointF(start.x() + 2, start.y()), QPointF(end.x() - 2, end.y()), end]))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def paint_hairlines(
    painter: QPainter, theme: Theme, rect: QRectF, plot: QRectF, setting: Setting, end: float, reading: float | None
) -> None:
    """The upright lines of events and of the cursor, from the top of a plot through to the next strip's heading."""
    drawn = -np.inf
    for since in sorted(event.t - end for event in setting.events if -setting.window_s <= event.t - end <= 0):
        # Inside the plot also at its right edge, and one line where two would touch.
        x = min(round(plot.left() + (1 + since / setting.window_s) * plot.width()), round(plot.right()) - 1)
        if x > drawn + 2:
            painter.fillRect(QRectF(x, plot.top(), 1, rect.bottom() - plot.top()), theme.colour("band"))
            drawn = x
    if reading is not None:
        x = round(plot.left() + (1 + reading / setting.window_s) * plot.width())
        painter.fillRect(QRectF(x, plot.top(), 1, rect.bottom() - plot.top()), theme.colour("soft"))


def _stacked(values: list[Array]) -> list[Array]:
    """Running sums from the first trace up; a gap only where no trace has a value."""
    if not values:
        return []
    rows = np.array(values)
    sums = np.cumsum(np.nan_to_num(rows), axis=0)
    sums[:, ~np.isfinite(rows).any(axis=0)] = np.nan
    return list(sums)


def _last(level: Array) -> int | None:
    known = np.flatnonzero(np.isfinite(level))
    return int(known[-1]) if len(known) else None
