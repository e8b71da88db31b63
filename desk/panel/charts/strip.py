"""One strip of the chart: its curves, its scale, its limits and its direct labels."""

from collections.abc import Sequence

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from desk.panel.charts.curves import Curves, Rows, take
from desk.panel.charts.hairlines import paint_hairlines
from desk.panel.charts.heading import Heading
from desk.panel.charts.labels import Label, Labels
from desk.panel.charts.lines import Array, areas, dashed, polylines, stroke
from desk.panel.charts.scale import Scale
from desk.panel.charts.setting import Board, Reference, Setting, Stretch, StripSpec, Trace
from desk.panel.charts.specs import NOW
from desk.panel.numbers import DASH, MINUS, Numbers
from desk.panel.theme import MARGIN, Theme, font
from desk.panel.words import tr

LEFT = 56
RIGHT = 136
HEAD = 34
FOOT = 10
THEN = tr("then")
"""What the whole is called where another moment than now is looked at."""
_TICK_ROOM = 40
_TICK_TOP = 7
"""A tick nearer than this to the top of the plot would touch the heading, and is left out."""
_MOST_DECIMALS = 3
_TOTAL, _SHOWN, _NOTHING = tr("total"), tr("shown"), tr("nothing in this window yet")


class Strip(pg.GraphicsObject):
    """Paints one strip in pixels of the chart. `refresh` takes new data, `paint` draws what was taken.

    The ground that seldom changes (heading, grid, ticks) is painted by `paint_ground` into the chart's background.
    `reading` is the cursor in seconds before the right edge, `hidden` the tiers that are not drawn, `chosen` the one
    the keys stand on; `hovered` shows the button that turns the strip into a table, `tabled` that it is one.
    """

    def __init__(self, spec: StripSpec, theme: Theme, numbers: Numbers) -> None:
        super().__init__()
        self.spec = spec
        self._theme, self._numbers = theme, numbers
        self._rect = QRectF(0, 0, 1, 1)
        self._scale = Scale(ticks=3)
        self._setting = Setting()
        self._curves = Curves(spec)
        self._decimals: int | None = None
        self._heading = Heading(spec, theme)
        self._labels_kept = Labels(theme)
        self.reading: float | None = None
        self.hidden: frozenset[str] = frozenset()
        self.chosen: str | None = None
        self.hovered = False
        self.tabled = False

    @property
    def plot(self) -> QRectF:
        """Where the curves are, in pixels of the chart."""
        return self._rect.adjusted(LEFT, HEAD, -RIGHT, -FOOT)

    @property
    def rect(self) -> QRectF:
        return self._rect

    @property
    def button(self) -> QRectF:
        """Where the strip is turned into a table and back."""
        return self._heading.button

    def place(self, rect: QRectF) -> None:
        self.prepareGeometryChange()
        self._rect = rect
        self._heading.room, self._heading.right = rect, self.plot.right()
        self._scale = Scale(ticks=max(2, int(self.plot.height() // _TICK_ROOM)))
        self._labels_kept.forget()

    def forget(self) -> None:
        """The data that comes next is another: take its scale at once."""
        self._scale.forget()

    def boundingRect(self) -> QRectF:
        # A pixel apart from the next one: parts that touch are painted together.
        return self._rect.adjusted(0, 1, 0, -1)

    def tier_at(self, point: QPointF) -> str | None:
        """The tier whose direct label is at this point."""
        inside = self.plot.right() + 12 <= point.x() <= self._rect.right() and self._rect.contains(point)
        return self._labels_kept.tier_at(point.y()) if inside and not self.tabled else None

    def refresh(self, board: Board, setting: Setting, stretch: Stretch, traces: Sequence[Trace]) -> bool:
        """Take the newest data; says whether the ground must be painted anew."""
        before, words = self._curves.stretch, self._heading.words
        if not stretch.follows(before) or stretch.end < before.end:
            self._scale.forget()
        self._setting = setting
        points = max(2, int(self.plot.width()))
        self._curves = take(self.spec, board, setting, stretch, traces, self.hidden, points)
        self._decimals = self._shared_decimals()
        self._heading.mode, self._heading.mean = setting.mode, self._mean()
        self._heading.small_print = setting.notes.get(self.spec.figure, self.spec.note)
        self._heading.unit = self._numbers.unit(self.spec.unit)
        peak = max([self._curves.peak, *(line.value for line in self._references())])
        changed = self._scale.fit(peak, stretch.end)
        self.update()
        return changed or words != self._heading.words

    def _mean(self) -> str:
        """What every point is. One of a long stretch is a mean over more than was chosen, and it says so."""
        mean = self._curves.mean_s
        said = self._numbers.fixed(mean, 0 if abs(mean - round(mean)) < 0.05 else 1)
        return tr("{seconds} s mean", seconds=said)

    def sentence(self) -> str:
        """The strip in words: `Power: now 312 watts; busy 97.0 percent; between 240 and 330 watts in 5 min`."""
        numbers, unit, curves = self._numbers, self.spec.unit, self._curves
        whole = _SHOWN if curves.hidden else _TOTAL
        parts = [f"{whole} {numbers.spoken(curves.total, unit)}"] if self.spec.stacked else []
        parts += [
            f"{self._named(trace)} {numbers.spoken(now, trace.unit)}"
            for trace, _, _, now in curves
            if curves.drawn(trace)
        ]
        main = curves.main
        if main is not None and np.isfinite(main).any():
            low, high = numbers.figure(float(np.nanmin(main)), unit), numbers.spoken(float(np.nanmax(main)), unit)
            span = numbers.ago(-curves.stretch.span).removeprefix(MINUS)
            parts.append(tr("between {low} and {high} in {span}", low=low, high=high, span=span))
        return f"{self.spec.title}: {'; '.join(parts)}"

    def rows(self) -> Rows:
        """What the strip draws, as a table."""
        bold = next((trace.label for trace in self._curves.traces if trace.bold), "")
        return self._curves.rows(self.spec.title if bold == NOW else bold)

    def reach(self, left: float, right: float) -> tuple[float, float]:
        """The highest and the lowest pixel of the curves and levels from `left` to `right`; where there is none, the
        bottom and the top of the plot."""
        curves, plot = self._curves, self.plot
        x = plot.right() + curves.x / curves.stretch.span * plot.width()
        within = (x >= left - 2) & (x <= right + 2)
        drawn = [self._y(line.value) for line in self._references()]
        for trace, _, level, _ in curves:
            rows = plot.bottom() - level[within] / self._top(trace) * plot.height()
            if np.isfinite(rows).any():
                drawn += [float(np.nanmin(rows)), float(np.nanmax(rows))]
        return min(drawn, default=plot.bottom()), plot.bottom() if self.spec.stacked else max(drawn, default=plot.top())

    def paint_ground(self, painter: QPainter) -> None:
        """Heading, grid and tick labels."""
        theme, plot = self._theme, self.plot
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        self._heading.paint_ground(painter)
        if self.tabled:
            return
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
        self._paint_heading(painter)
        if self.tabled:
            return
        scale, curves = painter.deviceTransform().m11(), self._curves
        x = self.plot.right() + curves.x / curves.stretch.span * self.plot.width()
        rows = [self.plot.bottom() - level / self._top(trace) * self.plot.height() for trace, _, level, _ in curves]
        painter.setClipRect(self.plot.adjusted(0, -3, 0, 3))
        self._paint_areas(painter, x, rows)
        painter.setClipping(False)
        paint_hairlines(
            painter, self._theme, self.boundingRect(), self.plot, self._setting.events, curves.stretch, self.reading
        )
        self._paint_references(painter)
        if curves.empty:
            self._paint_reason(painter)
        else:
            painter.setClipRect(self.plot.adjusted(0, -3, 0, 3))
            self._paint_curves(painter, x, rows, scale)
            painter.setClipping(False)
            self._paint_marks(painter, x, rows)
        self._labels_kept.paint(painter, self._labels(), self.plot, self._rect.right() - MARGIN, self.chosen)

    # ---- geometry

    def _top(self, trace: Trace) -> float:
        return trace.full or self._scale.top

    def _y(self, value: float, full: float | None = None) -> float:
        return self.plot.bottom() - value / (full or self._scale.top) * self.plot.height()

    def _references(self) -> tuple[Reference, ...]:
        return self._setting.references.get(self.spec.figure, ())

    def _column(self) -> int | None:
        """The data column that is being read, `None` where the cursor stands beside all data."""
        if self.reading is None:
            return None
        return self._curves.column(self.reading, max(1.0, 2 * self._curves.stretch.span / self.plot.width()))

    def _named(self, trace: Trace) -> str:
        """What a curve is called here: the whole is only `now` where now is looked at."""
        looks_back = self._curves.stretch.held or self.reading is not None
        return THEN if trace.label == NOW and looks_back else trace.label

    def _colour(self, trace: Trace) -> QColor:
        return self._theme.tier(trace.tier) if trace.tier else self._theme.colour(trace.token)

    # ---- painting

    def _paint_areas(self, painter: QPainter, x: Array, rows: list[Array]) -> None:
        if not self.spec.stacked:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(Qt.PenStyle.NoPen)
        # Each area reaches down to zero and the one below it paints over it: no seams, and simple polygons.
        for trace, row in reversed(list(zip(self._curves.traces, rows, strict=True))):
            if not self._curves.drawn(trace):
                continue
            painter.setBrush(self._theme.fill(trace.tier or ""))
            for area in areas(x, row, self.plot.bottom()):
                painter.drawPolygon(area)

    def _paint_curves(self, painter: QPainter, x: Array, rows: list[Array], scale: float) -> None:
        phase = self._curves.stretch.end / self._curves.stretch.span * self.plot.width()
        for trace, row in zip(self._curves.traces, rows, strict=True):
            if not self._curves.drawn(trace):
                continue
            drawn = (x, row)
            if trace.figure in self._setting.estimated:
                drawn = dashed(x, row, phase=phase)
            stroke(painter, polylines(*drawn), self._colour(trace), trace.width, scale)

    def _paint_marks(self, painter: QPainter, x: Array, rows: list[Array]) -> None:
        """Dots where curves are read: under the cursor, or at the newest point of the bold one."""
        column = self._column()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        for trace, row in zip(self._curves.traces, rows, strict=True):
            at = column if self.reading is not None else self._curves.newest(row) if trace.bold else None
            if self._curves.drawn(trace) and at is not None and np.isfinite(row[at]):
                painter.setBrush(self._colour(trace))
                painter.drawEllipse(QPointF(x[at], row[at]), 3, 3)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

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
        reason = self._setting.reasons.get(self.spec.figure, _NOTHING)
        how = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
        painter.setFont(font(11))
        box = painter.boundingRect(self.plot.adjusted(24, 0, -24, 0), how, reason)
        # Hairlines of events run through the strip; the words stand on ground of their own.
        painter.fillRect(box.adjusted(-12, -4, 12, 4), self._theme.colour("panel"))
        painter.setPen(self._theme.colour("mut"))
        painter.drawText(box, how, reason)

    def _paint_heading(self, painter: QPainter) -> None:
        column, total, main = self._column(), self._curves.total, self._curves.main
        if self.reading is not None:
            total = float(main[column]) if column is not None and main is not None else None
        self._heading.paint(
            painter,
            button=self.hovered or self.tabled,
            pressed=self.tabled,
            word=_SHOWN if self._curves.hidden else _TOTAL,
            total=self._said(total, self.spec.unit) if self.spec.stacked else "",
        )

    # ---- direct labels

    def _labels(self) -> list[Label]:
        """What stands at the right, from top to bottom; traces without data come last."""
        curves, column = self._curves, self._column()
        labels = []
        below = np.zeros(1)
        for trace, values, level, now in curves:
            at = column if column is not None else curves.newest(level)
            value = now
            if self.reading is not None:
                value = float(values[column]) if column is not None else None
            anchor, drawn = np.nan, curves.drawn(trace)
            if at is not None and drawn:
                middle = (level[at] + (below[at] if len(below) > 1 else 0.0)) / 2 if self.spec.stacked else level[at]
                anchor = self._y(float(middle), trace.full)
            below = level
            silent = curves.empty and not self.spec.stacked and not trace.bold
            if silent or (trace.full and not np.isfinite(level).any()):
                continue  # one dash tells that a strip is empty, and what only goes along needs none
            said = self._said(value, trace.unit)
            whole = trace.tier is None
            quiet = whole and not trace.bold
            labels.append(Label(anchor, self._named(trace), said, trace.tier, whole, trace.bold, quiet, not drawn))
        for line in self._references():
            labels.append(Label(self._y(line.value), line.label, self._said(line.value, self.spec.unit), quiet=True))
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
        own = [now for trace, _, _, now in self._curves if trace.unit == self.spec.unit]
        own += [self._curves.total, *(line.value for line in self._references())]
        size = max((abs(value) for value in own if value is not None), default=None)
        if size is None:
            return self._decimals
        near = [min(_MOST_DECIMALS, self._numbers.decimals(size * by, self.spec.unit)) for by in (0.95, 1.0, 1.05)]
        return self._decimals if self._decimals in near else near[1]
