"""The chart of the frontier, painted: points with their spread, the edge, tiers as bands, lanes as they run now."""

from collections.abc import Sequence
from math import hypot

from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from desk.facts.palette import mix
from desk.frontier.points import Measure, Point
from desk.panel.bars import paint_rule, paint_warning
from desk.panel.cards import paint_focus
from desk.panel.charts.scale import spread
from desk.panel.frontier.legend import ROW, legend, paint_legend
from desk.panel.frontier.marks import OTHER, diamond, spaced, triangle, whisker
from desk.panel.frontier.scene import LogAxis, Scene, Spot, short
from desk.panel.numbers import Numbers
from desk.panel.theme import Theme, canvas, font, zoom
from desk.panel.words import plural, tr

LEFT, RIGHT, BOTTOM, HEAD = 72.0, 62.0, 44.0, 58.0
"""Beside the plot; `HEAD` holds the names of the bands."""
HIT = 14.0
"""A point is hit so near to its middle."""
SIGN = 14.0
"""The room of a warning before words."""
APART = 18.0
"""Two ticks of the vertical axis are so far apart at least."""
LABEL, BESIDE = 78.0, 8.0
"""Two names of bands are so far apart, or as far as the longest words below them are long, and this."""


class FrontierChart(QWidget):
    """Draws a `Scene`. `chosen` is emitted with a point, or `None` beside all: by a click, or arrows and Enter."""

    chosen = Signal(object)

    def __init__(self, theme: Theme, numbers: Numbers) -> None:
        super().__init__()
        self._theme, self._numbers = theme, numbers
        self._scene = Scene("tokens_per_second", "", "")
        self._waiting, self._currency, self._ringed = "", "", False
        self._mark: Point | None = None
        self._x = self._y = LogAxis.over(())
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(tr("Frontier"))
        theme.changed.connect(self.update)

    @property
    def scene(self) -> Scene:
        return self._scene

    def show_scene(self, scene: Scene, waiting: str = "") -> None:
        """Draw this; `waiting` stands in the middle of an empty plot."""
        currency = self._numbers.currency
        if (scene, waiting, currency) == (self._scene, self._waiting, self._currency):
            return
        self._scene, self._waiting, self._currency = scene, waiting, currency
        spots = (*scene.spots, *scene.others)
        readings = [each for series in scene.overlay.series for each in series.readings] if scene.overlay else []
        xs = [value for spot in spots for value in _reach(spot.x)] + [each.speed for each in readings]
        ys = [value for spot in spots for value in _reach(spot.y)]
        ys += [each.tokens_per_second_per_mw for each in readings]
        for place in scene.live:
            xs.append(place.x)
            ys.append(place.y)
        xs += [band.left for band in scene.bands]
        self._x, self._y = LogAxis.over(xs), LogAxis.over(ys, 1.4)
        self.setAccessibleDescription(self.sentence())
        self.update()

    def mark(self, point: Point | None) -> None:
        """Ring a point."""
        self._mark = point
        self.update()

    def sentence(self) -> str:
        """The chart in words."""
        return self._scene.sentence(self._numbers) or self._waiting

    # ---- hands

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        at, plot = event.position() / zoom(), self._plot(QSizeF(self.size()) / zoom())
        near = min(
            self._scene.spots, key=lambda spot: _apart(self._at(spot.x.value, spot.y.value, plot), at), default=None
        )
        hit = near is not None and _apart(self._at(near.x.value, near.y.value, plot), at) <= HIT
        self.chosen.emit(near.point if hit and near is not None else None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        way = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        order = sorted(self._scene.spots, key=lambda spot: spot.x.value)
        if event.key() == Qt.Key.Key_Escape and self._mark is not None:
            self.chosen.emit(None)
        elif way is None or not order:
            super().keyPressEvent(event)
        else:
            here = next((place for place, spot in enumerate(order) if spot.point is self._mark), -1 if way > 0 else 0)
            self.chosen.emit(order[(here + way) % len(order)].point)

    def focusInEvent(self, event: QFocusEvent) -> None:
        # A view that has just been turned to needs no ring around the most of it.
        self._ringed = event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
        self.update()

    def focusOutEvent(self, _event: object) -> None:
        self.update()

    # ---- painting

    def _plot(self, size: QSizeF) -> QRectF:
        bottom = BOTTOM + ROW * len(legend(self._scene, size.width()))
        top = HEAD if self._scene.bands else 12.0
        return QRectF(LEFT, top, size.width() - LEFT - RIGHT, max(1.0, size.height() - top - bottom))

    def _at(self, x: float, y: float, plot: QRectF) -> QPointF:
        return QPointF(plot.left() + plot.width() * self._x.place(x), plot.bottom() - plot.height() * self._y.place(y))

    def paintEvent(self, _event: QPaintEvent) -> None:
        with canvas(self) as (painter, size):
            plot, scene = self._plot(size), self._scene
            self._paint_bands(painter, plot)
            self._paint_axes(painter, plot, size)
            painter.setClipRect(plot.adjusted(-8, -2, 8, 8))
            for spot in scene.others:
                self._paint_spot(painter, spot, plot, other=True)
            self._paint_overlay(painter, plot)
            self._paint_edge(painter, plot)
            for spot in scene.spots:
                self._paint_spot(painter, spot, plot)
            self._paint_places(painter, plot)
            painter.setClipping(False)
            self._paint_slots(painter, plot)
            self._paint_better(painter, plot)
            paint_legend(painter, self._theme, self._scene, size)
            if (words := scene.wanting or self._waiting) and not scene.spots:
                painter.setFont(font(13))
                painter.setPen(self._theme.colour("mut"))
                flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
                painter.drawText(plot.adjusted(20, 0, -20, 0), flags, words)
            if self.hasFocus() and self._ringed:
                paint_focus(painter, self._theme, QRectF(QPointF(0, 0), size), 4)

    def _paint_bands(self, painter: QPainter, plot: QRectF) -> None:
        theme, numbers, bands = self._theme, self._numbers, self._scene.bands
        if not bands:
            return
        edges = [max(plot.left(), self._at(band.left, self._y.low, plot).x()) for band in bands]
        speeds = [tr("{speed} now", speed=numbers.figure(band.now)) for band in bands]
        metrics = QFontMetricsF(font(11, 600))
        wide = [metrics.horizontalAdvance(now) + SIGN * band.short for band, now in zip(bands, speeds, strict=True)]
        apart = max(LABEL, *(each + BESIDE for each in wide))
        if (max(wide) + 4) * len(bands) > plot.width():  # in a narrow chart the figures stand alone
            speeds, apart = [numbers.figure(band.now) for band in bands], LABEL
        most = plot.right() - apart + 14
        labels = spread(edges, plot.left(), max(most, plot.left()), apart)
        for band, left, label, now in zip(bands, edges, labels, speeds, strict=True):
            right = plot.right() if band.right is None else self._at(band.right, self._y.low, plot).x()
            painter.fillRect(
                QRectF(left, plot.top(), right - left, plot.height()),
                _tint(theme, band.tier),
            )
            painter.fillRect(QRectF(left, plot.top() - 3, max(1.0, right - left - 1), 3), theme.tier(band.tier))
            painter.setFont(font(12, 600))
            painter.setPen(theme.colour("text"))
            painter.drawText(QPointF(label, 12), band.tier)
            painter.setFont(font(11))
            painter.setPen(theme.colour("soft"))
            painter.drawText(QPointF(label, 28), numbers.price(band.price))
            painter.setFont(font(11, 600 if band.now is not None else 400))
            shift = 0.0
            if band.short:
                paint_warning(painter, theme, QPointF(label + 5, 40), 9)
                shift = SIGN
            painter.setPen(theme.colour("text" if band.now is not None else "mut"))
            painter.drawText(QPointF(label + shift, 44), now)

    def _paint_axes(self, painter: QPainter, plot: QRectF, size: QSizeF) -> None:
        theme, numbers, scene = self._theme, self._numbers, self._scene
        painter.setFont(font(12))
        for value in self._x.ticks():
            x = round(self._at(value, self._y.low, plot).x())
            painter.fillRect(QRectF(x, plot.top(), 1, plot.height()), theme.colour("grid"))
            painter.setPen(theme.colour("mut"))
            box = QRectF(x - 30, plot.bottom() + 4, 60, 16)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, short(value, numbers))
        rows = spaced(self._y.ticks(), lambda value: self._at(self._x.low, value, plot).y(), plot.bottom(), APART)
        for value, y in rows:
            paint_rule(painter, theme, plot.left(), y, plot.width(), "grid")
            painter.setPen(theme.colour("mut"))
            left = QRectF(18, y - 8, LEFT - 26, 16)
            painter.drawText(left, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, short(value, numbers))
            if scene.per_joule:
                joules = (1e6 if scene.axis == "tokens_per_second_per_mw" else 1.0) / value
                box = QRectF(plot.right() + 8, y - 8, RIGHT - 24, 16)
                painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, f"{short(joules, numbers)} J")
        paint_rule(painter, theme, plot.left(), plot.bottom(), plot.width(), "mut")
        painter.setPen(theme.colour("soft"))
        painter.setFont(font(12))
        metrics = QFontMetricsF(painter.font())
        box = QRectF(0, plot.bottom() + 22, plot.left() + plot.right(), 16)
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, _logarithmic(scene.x_title, metrics, size.width() - 20))
        told = _logarithmic(self._numbers.unit(scene.y_title), metrics, plot.height() + 60)
        _upright(painter, QPointF(9, plot.center().y()), told)
        if scene.per_joule:
            _upright(painter, QPointF(plot.right() + RIGHT - 8, plot.center().y()), tr("joules per token"))

    def _paint_edge(self, painter: QPainter, plot: QRectF) -> None:
        line = self._scene.line
        if len(line) < 2:
            return
        pen = QPen(self._theme.colour("text"), 2)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        if self._scene.dashed:
            pen.setDashPattern([4, 3])
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(QPolygonF([self._at(x, y, plot) for x, y in line]))

    def _paint_spot(self, painter: QPainter, spot: Spot, plot: QRectF, *, other: bool = False) -> None:
        theme = self._theme
        at = self._at(spot.x.value, spot.y.value, plot)
        token = "band" if other else "text" if spot.on_edge else "mut"
        painter.setPen(QPen(theme.colour(token), 1.4 if spot.on_edge else 1))
        if spot.y.low is not None and spot.y.high is not None:
            low, high = self._at(spot.x.value, spot.y.low, plot).y(), self._at(spot.x.value, spot.y.high, plot).y()
            whisker(painter, QPointF(at.x(), low), QPointF(at.x(), high), ends=not other)
        if spot.x.low is not None and spot.x.high is not None and not other:
            left, right = self._at(spot.x.low, spot.y.value, plot).x(), self._at(spot.x.high, spot.y.value, plot).x()
            whisker(painter, QPointF(left, at.y()), QPointF(right, at.y()), ends=True)
        if other:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("mut"))
            painter.drawEllipse(at, OTHER, OTHER)
            return
        painter.setBrush(theme.colour(token) if spot.on_edge else theme.colour("panel"))
        painter.drawEllipse(at, 4.5 if spot.on_edge else 3.5, 4.5 if spot.on_edge else 3.5)
        if spot.point is self._mark:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.colour("text"), 2))
            painter.drawEllipse(at, 10, 10)

    def _paint_slots(self, painter: QPainter, plot: QRectF) -> None:
        """How many slots each point of the edge has, above and to the right of it; at the end of the plot, where the
        edge does not run to its left."""
        painter.setFont(font(11))
        painter.setPen(self._theme.colour("soft"))
        for spot in self._scene.spots:
            if spot.on_edge:
                words = plural("{n} slot", "{n} slots", spot.point.tier.slots)
                at = self._at(spot.x.value, spot.y.value, plot)
                wide = QFontMetricsF(painter.font()).horizontalAdvance(words)
                left, base = at.x() + 9, at.y() - 9
                if left + wide > plot.right():
                    left, base = at.x() - 9 - wide, at.y() + 18 if self._scene.better_up else base
                painter.drawText(QPointF(left, max(base, plot.top() + 12)), words)

    def _paint_places(self, painter: QPainter, plot: QRectF) -> None:
        """Promises on the edge, hollow because they are interpolated, and the lanes as they run."""
        theme = self._theme
        for place in self._scene.promised:
            painter.setPen(QPen(theme.tier(place.tier), 2))
            painter.setBrush(theme.colour("panel"))
            painter.drawPolygon(diamond(self._at(place.x, place.y, plot), 6))
        for place in self._scene.live:
            painter.setPen(QPen(theme.colour("panel"), 1.5))
            painter.setBrush(theme.tier(place.tier))
            painter.drawPolygon(diamond(self._at(place.x, place.y, plot), 8))

    def _paint_overlay(self, painter: QPainter, plot: QRectF) -> None:
        """What was read off the keynote's slide: triangles on dotted lines, each with its name."""
        overlay = self._scene.overlay
        if overlay is None:
            return
        pen = QPen(self._theme.colour("mut"), 1.2)
        pen.setStyle(Qt.PenStyle.DotLine)
        painter.setFont(font(11))
        for series in overlay.series:
            places = [self._at(each.speed, each.tokens_per_second_per_mw, plot) for each in series.readings]
            painter.setPen(pen)
            painter.drawPolyline(QPolygonF(places))
            painter.setPen(QPen(self._theme.colour("mut"), 1.2))
            painter.setBrush(self._theme.colour("panel"))
            for at in places:
                painter.drawPolygon(triangle(at))
            wide = QFontMetricsF(painter.font()).horizontalAdvance(series.name)
            painter.drawText(QPointF(min(places[-1].x() + 8, plot.right() - wide), places[-1].y() - 6), series.name)

    def _paint_better(self, painter: QPainter, plot: QRectF) -> None:
        """An arrow to where everybody wants to be."""
        up = self._scene.better_up
        tip = QPointF(plot.right() - 14, plot.top() + 14 if up else plot.bottom() - 14)
        tail = tip + QPointF(-38, 20 if up else -20)
        painter.setPen(QPen(self._theme.colour("soft"), 1.6))
        painter.drawLine(tail, tip)
        painter.setBrush(self._theme.colour("soft"))
        along = (tip - tail) / hypot((tip - tail).x(), (tip - tail).y())
        across = QPointF(-along.y(), along.x())
        painter.drawPolygon(QPolygonF([tip, tip - along * 9 + across * 4, tip - along * 9 - across * 4]))
        painter.setFont(font(12, 600))
        y = tail.y() + 4 if up else tail.y() - 14
        painter.drawText(QRectF(tail.x() - 20, y, 60, 16), Qt.AlignmentFlag.AlignLeft, tr("better"))


def _tint(theme: Theme, tier: str) -> QColor:
    return QColor(mix(theme.palette.tier(tier), theme.palette.panel, 0.14))


def _reach(measure: Measure) -> Sequence[float]:
    return [value for value in (measure.low, measure.value, measure.high) if value is not None]


def _apart(one: QPointF, other: QPointF) -> float:
    return hypot(one.x() - other.x(), one.y() - other.y())


def _logarithmic(title: str, metrics: QFontMetricsF, room: float) -> str:
    """The title of an axis: that it is one of logarithms goes first where there is no room, as its ticks tell it."""
    whole = tr("{title}, log scale", title=title)
    fits = metrics.horizontalAdvance(whole) <= room
    return whole if fits else metrics.elidedText(title, Qt.TextElideMode.ElideMiddle, room)


def _upright(painter: QPainter, at: QPointF, words: str) -> None:
    """Words that are read from below upward, their middle at a point."""
    painter.save()
    painter.translate(at)
    painter.rotate(-90)
    painter.drawText(QRectF(-400, -8, 800, 16), Qt.AlignmentFlag.AlignCenter, words)
    painter.restore()
