"""The small frontier on a wide Floor: the newest edge that was measured here, and each lane as it runs."""

import contextlib
from collections.abc import Iterator
from itertools import chain
from math import floor, log10

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy

from desk.facts.figures import FIGURES
from desk.facts.trouble import Trouble
from desk.frontier.points import BOARD
from desk.panel.bars import paint_provenance, paint_rule
from desk.panel.cards import Card, paint_card, paint_focus
from desk.panel.frontier.marks import diamond, spaced, whisker
from desk.panel.frontier.scene import AXES, LogAxis, Scene, Spot, scene, short, with_lanes
from desk.panel.frontier.sweeps import Found, Source, read, sources
from desk.panel.numbers import Numbers
from desk.panel.runs.work import Worker
from desk.panel.shown import Provenance, Shown
from desk.panel.statusline import badge_words, date_of
from desk.panel.theme import Theme, canvas, font, scaled
from desk.panel.window import Window
from desk.panel.words import plural, tr
from desk.runs.store import Runs

LEAST, HEIGHT = 200, 236
"""What it needs, and what it asks for where there is more."""
PAD = 16
LEFT, TOP, BOTTOM = 62, 66, 54
"""Beside the plot: its ticks, the heading, and the ticks with the legend below."""
LANE = 6.5
APART = 20
"""Two ticks of the vertical axis are so far apart at least."""
DECADE = 10.0
"""Axes that held lanes alone, and have become this much too long for them, are drawn anew."""
TITLE, ACROSS = tr("Frontier"), tr("tokens/s per user, both log")
HINT = tr("A sweep measures the edge: Frontier  5")
LEGEND = (("live", tr("lane now")), ("edge", tr("measured, on the edge")), ("beaten", tr("beaten")))


class MiniFrontier(Card):
    """Shows the newest sweep in a store of runs that has a model of the tiers, and the lanes on it; without a sweep, or
    a store, the lanes alone.

    `filled` tells whether there is a sweep, or a lane that has run; `turned` is emitted when that changes. `opened`
    asks for the Frontier view, where all else is.
    """

    turned = Signal()

    def __init__(self, theme: Theme, numbers: Numbers, store: Runs | None) -> None:
        super().__init__(theme, invites=True)
        self._numbers = numbers
        self._store = store
        self._worker = Worker(self)
        self._seen: object = None
        self._shown = Shown()
        self._ran = ""
        """The last run that a lane was seen in."""
        self._filled = False
        self._found: Found | None = None
        self._still = self._scene = _EMPTY
        self._x = self._y = LogAxis.over(())
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName(TITLE)
        self.setToolTip(tr("The whole frontier  5"))
        theme.changed.connect(self._measure)
        self._measure()
        self.hide()

    def _measure(self) -> None:
        self.setMinimumHeight(scaled(LEAST))

    def sizeHint(self) -> QSize:
        return QSize(scaled(400), scaled(HEIGHT))

    @property
    def filled(self) -> bool:
        return self._filled

    @property
    def scene(self) -> Scene:
        return self._scene

    def leave(self) -> None:
        """End what was begun: the window closes."""
        self._worker.close()

    # ---- what is drawn

    def show_floor(self, shown: Shown) -> None:
        """Follow the lanes; look for a newer sweep where the folder of runs or the models of the tiers changed."""
        self._shown = shown
        if self._store is not None:
            self._look(self._store, shown)
        self._draw()

    def _look(self, store: Runs, shown: Shown) -> None:
        models = frozenset(line.tier.model for line in shown.tiers)
        try:
            seen = (store.folder.stat().st_mtime_ns, models, shown.device)
        except OSError:
            seen = None
        if seen != self._seen and models:
            self._seen, known = seen, self._found
            self._worker.ask("newest", lambda: newest(store, models, shown.device, known), self._take)

    def _take(self, given: tuple[Found | None]) -> None:
        (found,) = given
        if found is self._found:
            return
        self._found = found
        made = scene(found, (), "tokens_per_second_per_mw", "itl", BOARD, None)
        self._still = made if found is not None else _EMPTY
        self._draw()

    def _draw(self) -> None:
        shown = self._shown
        made = with_lanes(self._still if self._still.spots else _lanes_alone(shown), shown.tiers)
        if made.live:
            self._ran = shown.run
        if made != self._scene:
            self._place(made)
        before, self._filled = self._filled, bool(made.spots or (shown.run and shown.run == self._ran))
        if before != self._filled:
            self.turned.emit()

    def _place(self, made: Scene) -> None:
        """Draw this, on axes that hold all of it."""
        self._scene = made
        self.update()
        if not made.spots:
            self._x = _steady(self._x, [*(band.left for band in made.bands), *(place.x for place in made.live)])
            self._y = _steady(self._y, [place.y for place in made.live])
            self.setAccessibleDescription(" ".join((f"{HINT}.", *self._told(made))))
            return
        measured = [spot.x.value for spot in made.spots]
        heights = [value for spot in made.spots for value in (spot.y.low, spot.y.value, spot.y.high) if value]
        speeds = [*measured, *(band.left for band in made.bands)]
        # Lanes that stand outside widen the axes in round steps, so that they do not breathe with each reading.
        self._x = LogAxis.over([*speeds, *_outside(speeds, [place.x for place in made.live])])
        self._y = LogAxis.over([*heights, *_outside(heights, [place.y for place in made.live])], 1.4)
        self.setAccessibleDescription(made.sentence(self._numbers))

    def _told(self, made: Scene) -> Iterator[str]:
        for place in made.live:
            speed = self._numbers.figure(place.x)
            yield tr("{tier} now: {speed} tokens per second per user.", tier=place.tier, speed=speed)

    # ---- painting

    def paintEvent(self, event: QPaintEvent) -> None:
        with canvas(self) as (painter, size):
            whole = QRectF(QPointF(0, 0), size)
            plot = whole.adjusted(LEFT, TOP, -PAD, -BOTTOM)
            paint_card(painter, self.theme, whole)
            self._paint_head(painter, whole)
            self._paint_ground(painter, plot)
            painter.setClipRect(plot.adjusted(-8, -8, 8, 8))
            self._paint_measured(painter, plot)
            self._paint_lanes(painter, plot)
            painter.setClipping(False)
            self._paint_legend(painter, whole)
            if self.hasFocus():
                paint_focus(painter, self.theme, whole)

    def _at(self, x: float, y: float, plot: QRectF) -> QPointF:
        return QPointF(plot.left() + plot.width() * self._x.place(x), plot.bottom() - plot.height() * self._y.place(y))

    def _paint_head(self, painter: QPainter, whole: QRectF) -> None:
        found, made = self._found, self._scene
        after = self._say(painter, PAD, 26, TITLE, 14, "text", weight=600) + 8
        if found is not None and made.spots:
            day = date_of(found.source.wall)
            words = plural("{n} point, swept {day}", "{n} points, swept {day}", len(made.spots), day=day)
            self._say(painter, after, 26, words, 11, "mut")
        else:
            self._say(painter, after, 26, badge_words(self._shown), 11, "mut", weight=600)
        paint_provenance(painter, self.theme, whole.right() - PAD, 21.5, _kind(made))
        after = self._say(painter, PAD, 48, AXES[made.axis][0], 11, "mut") + 16
        if not made.spots:
            self._say_last(painter, after, whole.right() - PAD, 48, HINT)

    def _paint_ground(self, painter: QPainter, plot: QRectF) -> None:
        """Grid and ticks, and along the top the promises of the tiers, each up to the next one."""
        theme, numbers = self.theme, self._numbers
        painter.setFont(font(11))
        rows = spaced(self._y.ticks(), lambda value: self._at(self._x.low, value, plot).y(), plot.bottom(), APART)
        for value, y in rows:
            paint_rule(painter, theme, plot.left(), y, plot.width(), "grid")
            painter.setPen(theme.colour("mut"))
            box = QRectF(0, y - 8, LEFT - 8, 16)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, short(value, numbers))
        for value in self._x.ticks():
            x = round(self._at(value, self._y.low, plot).x())
            painter.fillRect(QRectF(x, plot.top(), 1, plot.height()), theme.colour("grid"))
            painter.setPen(theme.colour("mut"))
            painter.drawText(
                QRectF(x - 30, plot.bottom() + 4, 60, 16), Qt.AlignmentFlag.AlignCenter, short(value, numbers)
            )
        paint_rule(painter, theme, plot.left(), plot.bottom(), plot.width(), "mut")
        for band in self._scene.bands:
            left = self._at(band.left, self._y.low, plot).x()
            right = plot.right() if band.right is None else self._at(band.right, self._y.low, plot).x()
            painter.fillRect(QRectF(left, plot.top() - 6, max(2.0, right - left - 1), 3), theme.tier(band.tier))

    def _paint_measured(self, painter: QPainter, plot: QRectF) -> None:
        made, theme = self._scene, self.theme
        if len(made.line) > 1:
            pen = QPen(theme.colour("text"), 1.5)
            pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
            if made.dashed:
                pen.setDashPattern([4, 3])
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawPolyline(QPolygonF([self._at(x, y, plot) for x, y in made.line]))
        for spot in made.spots:
            self._paint_spot(painter, spot, plot)

    def _paint_spot(self, painter: QPainter, spot: Spot, plot: QRectF) -> None:
        at, colour = self._at(spot.x.value, spot.y.value, plot), self._spot_colour(spot.on_edge)
        painter.setPen(QPen(colour, 1))
        if spot.y.low is not None and spot.y.high is not None:
            low, high = (self._at(spot.x.value, value, plot) for value in (spot.y.low, spot.y.high))
            whisker(painter, low, high, ends=False)
        painter.setBrush(colour if spot.on_edge else self.theme.colour("panel"))
        painter.drawEllipse(at, 3, 3)

    def _spot_colour(self, on_edge: bool) -> QColor:
        return self.theme.colour("text" if on_edge else "mut")

    def _paint_lanes(self, painter: QPainter, plot: QRectF) -> None:
        """A diamond for each lane, with the tier's name where that touches no other."""
        theme, taken = self.theme, []
        places = [(place.tier, self._at(place.x, place.y, plot)) for place in self._scene.live]
        for tier, at in places:
            painter.setPen(QPen(theme.colour("panel"), 1.5))
            painter.setBrush(theme.tier(tier))
            painter.drawPolygon(diamond(at, LANE))
            taken.append(QRectF(at.x() - LANE, at.y() - LANE, 2 * LANE, 2 * LANE))
        for tier, at in places:
            wide = QFontMetricsF(font(11)).horizontalAdvance(tier)
            for left in (at.x() + LANE + 4, at.x() - LANE - 4 - wide):
                box = QRectF(left, at.y() - 7, wide, 14)
                if plot.contains(box) and not any(box.intersects(other) for other in taken):
                    self._say(painter, left, at.y() + 4, tier, 11, "soft")
                    taken.append(box)
                    break

    def _paint_legend(self, painter: QPainter, whole: QRectF) -> None:
        made, theme, base = self._scene, self.theme, whole.bottom() - 14
        beaten = not all(spot.on_edge for spot in made.spots)
        there = {"live": bool(made.live), "edge": bool(made.spots), "beaten": beaten}
        x: float = PAD
        for sign, words in LEGEND:
            if not there[sign]:
                continue
            at = QPointF(x + 5, base - 4)
            if sign == "live":
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(theme.colour("mut"))
                painter.drawPolygon(diamond(at, 5))
            else:
                painter.setPen(QPen(self._spot_colour(sign == "edge"), 1))
                painter.setBrush(theme.colour("text" if sign == "edge" else "panel"))
                painter.drawEllipse(at, 3, 3)
            x = self._say(painter, x + 15, base, words, 11, "soft") + 14
        self._say_last(painter, x, whole.right() - PAD, base, ACROSS)

    def _say_last(self, painter: QPainter, left: float, right: float, base: float, words: str) -> None:
        """Small print that ends at the right, as far as there is room."""
        metrics = QFontMetricsF(font(11))
        words = metrics.elidedText(words, Qt.TextElideMode.ElideRight, max(right - left, 0.0))
        self._say(painter, right - metrics.horizontalAdvance(words), base, words, 11, "mut")

    def _say(
        self, painter: QPainter, x: float, base: float, words: str, size: int, token: str, weight: int = 400
    ) -> float:
        """Write, and give the right end of what was written."""
        painter.setFont(font(size, weight))
        painter.setPen(self.theme.colour(token))
        painter.drawText(QPointF(x, base), words)
        return x + QFontMetricsF(painter.font()).horizontalAdvance(words)


_EMPTY = Scene("tokens_per_second", "", "")


def _lanes_alone(shown: Shown) -> Scene:
    """The chart without a sweep, over what the lanes can tell."""
    per_joule = any(line.tokens_per_joule for line in shown.tiers)
    axis = "tokens_per_second_per_mw" if per_joule else "tokens_per_second"
    return Scene(axis, "", "", dashed=per_joule and shown.dashed)


def _kind(made: Scene) -> Provenance:
    if made.dashed:
        return "estimated"
    return "measured" if made.spots else FIGURES["tokens_per_joule" if made.per_joule else "tokens_per_second"].kind


def add_to(window: Window) -> None:
    """Give the Floor its frontier. That of a recording has lanes alone: what another machine recorded does not stand
    beside what this one can do."""
    store = None
    if window.shown.mode == "live":
        with contextlib.suppress(Trouble):  # the next run will say so
            store = Runs()
    frontier = MiniFrontier(window.theme, window.numbers, store)
    frontier.opened.connect(lambda: window.visit("frontier"))
    window.floor.add_frontier(frontier)


def newest(
    store: Runs, models: frozenset[str], device: str, known: Found | None
) -> Iterator[tuple[Found | None] | None]:
    """The newest sweep of this machine with one of these models, and `(None,)` where there is none.

    `None` is given on the way; `known` is not read again where it has not grown. A recording that was brought in from
    another device is none of this machine, as far as both devices are known.
    """
    own: list[Source] = []
    for source in sources(store):
        if source is not None and not source.foreign:
            own.append(source)
        yield None
    for source in own:
        for found in read(source) if known is None or known.source.stamp != source.stamp else (known,):
            yield None
            if found is None or not models & {point.tier.model for point in found.points}:
                continue
            if not device or not found.device or device == found.device:
                yield (found,)
                return
    yield (None,)


def _outside(held: list[float], values: list[float]) -> list[float]:
    """Round values around those that lie outside of what is held."""
    if not held:
        return values
    low, high = min(held), max(held)
    return list(chain.from_iterable(_around(value) for value in values if not low <= value <= high))


def _steady(axis: LogAxis, values: list[float]) -> LogAxis:
    """Round steps around the values; the axis as it was where these still fit it, so that it stands still."""
    if not values:
        return axis
    wanted = LogAxis.over(list(chain.from_iterable(map(_around, values))))
    inside = axis.low <= min(values) and max(values) <= axis.high
    return axis if inside and axis.high / axis.low <= DECADE * wanted.high / wanted.low else wanted


def _around(value: float) -> tuple[float, float]:
    """1, 2, 5 or 10 of the value's decade, below it and above it."""
    decade = 10.0 ** floor(log10(value))
    steps = (1.0, 2.0, 5.0, 10.0)
    below = max((step for step in steps if step * decade <= value), default=0.5)  # a logarithm may be rounded up
    return below * decade, min(step for step in steps if step * decade >= value) * decade
