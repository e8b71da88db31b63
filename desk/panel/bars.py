"""Small marks and controls: tier swatches, bars with a pointer or a fill, badges, the toggle, the signs of alarms."""

from functools import cache

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from desk.panel.numbers import DASH
from desk.panel.shown import Pointer, Provenance
from desk.panel.theme import Theme, canvas, font, natural, scaled
from desk.panel.words import tr

TRACK = 8
SWATCH = 10
READING_OF = {
    tr("Power"): "power_now",
    tr("Temp"): "celsius_now",
    tr("Memory"): "memory_now",
    tr("Busy"): "utilization_now",
    tr("Clock"): "clock_now",
}
"""The readings that pointers show, by their labels."""
PROVENANCES: dict[Provenance, str] = {
    "measured": tr("measured"),
    "derived": tr("derived"),
    "assumed": tr("assumed"),
    "estimated": tr("estimated"),
    "unavailable": tr("unavailable"),
}
"""The words of how figures come about."""


def paint_swatch(painter: QPainter, theme: Theme, tier: str, centre: QPointF, size: float = SWATCH) -> None:
    """The square that stands beside a tier's name; `centre` is its middle."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.tier(tier))
    painter.drawRoundedRect(QRectF(centre.x() - size / 2, centre.y() - size / 2, size, size), 2, 2)
    painter.restore()


def paint_warning(painter: QPainter, theme: Theme, centre: QPointF, size: float = 11, *, severe: bool = False) -> None:
    """The sign of lateness (a triangle), or of something critical (a square)."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    colour = theme.colour("bad" if severe else "warn")
    painter.setBrush(colour)
    painter.setPen(QPen(colour, 1, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
    half = size / 2 - 0.5
    if severe:
        painter.drawRect(QRectF(centre.x() - half, centre.y() - half, 2 * half, 2 * half))
    else:
        low = centre.y() + half * 0.85
        painter.drawPolygon(
            QPolygonF(
                [
                    QPointF(centre.x() - half, low),
                    QPointF(centre.x() + half, low),
                    QPointF(centre.x(), centre.y() - half * 0.85),
                ]
            )
        )
    painter.restore()


def paint_fill(
    painter: QPainter,
    theme: Theme,
    track: QRectF,
    fraction: float | None,
    *,
    tick: float | None = None,
    token: str = "mut",
) -> None:
    """A bar filled up to `fraction` (0..1) of its track, with an upright tick for a goal or a limit."""
    painter.fillRect(track, theme.colour("track"))
    if fraction is not None:
        filled = QRectF(track)
        filled.setWidth(track.width() * min(1.0, max(0.0, fraction)))
        painter.fillRect(filled, theme.colour(token))
    if tick is not None:
        paint_tick(painter, theme, track, tick)


def paint_tick(painter: QPainter, theme: Theme, track: QRectF, at: float) -> None:
    """The 2 px line of a limit across a track."""
    x = track.left() + round((track.width() - 2) * min(1.0, max(0.0, at)))
    painter.fillRect(QRectF(x, track.center().y() - 8, 2, 16), theme.colour("soft"))


def paint_rule(painter: QPainter, theme: Theme, left: float, y: float, width: float, token: str = "line") -> None:
    """A level line of one logical pixel, however much the painter magnifies."""
    world = painter.worldTransform()
    start = world.map(QPointF(left, y))
    painter.save()
    painter.resetTransform()
    rule = QRectF(round(start.x()), round(start.y()), round(width * world.m11()), 1)
    painter.fillRect(rule, theme.colour(token))
    painter.restore()


def provenance_width(provenance: Provenance) -> float:
    """The room that `paint_provenance` takes with its word."""
    return QFontMetricsF(font(11)).horizontalAdvance(PROVENANCES[provenance]) + 14


def paint_provenance(
    painter: QPainter, theme: Theme, right: float, middle: float, provenance: Provenance, *, word: bool = True
) -> float:
    """Shape and word of a figure's provenance, right-aligned; returns the left end of what was painted.

    Without its `word` the shape stands alone, and the word must be said nearby.
    """
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setFont(font(11))
    metrics = QFontMetricsF(painter.font())
    said = PROVENANCES[provenance]
    left = right - metrics.horizontalAdvance(said) if word else right + 6
    colour = theme.colour("mut")
    painter.setPen(colour)
    if word:
        painter.drawText(QPointF(left, middle + metrics.capHeight() / 2), said)
    centre = QPointF(left - 10, middle)
    if provenance == "unavailable":
        painter.setPen(QPen(colour, 1.5))
        painter.drawLine(QPointF(centre.x() - 3.5, middle), QPointF(centre.x() + 3.5, middle))
    elif provenance == "measured":
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawEllipse(centre, 3.5, 3.5)
    else:
        pen = QPen(colour, 1.2)
        if provenance != "derived":
            # Six dashes around a circle of radius 3.2, in units of the pen's width.
            dash = 2 * 3.14159 * 3.2 / 12 / pen.widthF()
            pen.setDashPattern([dash, dash])
            pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        painter.setPen(pen)
        painter.drawEllipse(centre, 3.2, 3.2)
    painter.restore()
    return left - 14


class PointerBar(QWidget):
    """One reading on its scale: label, track with the normal range, limit tick and moving pointer, value and note."""

    LABEL = 72
    VALUE = 166
    HEIGHTS = (22, 36)
    """Where the card has more to tell, bars move closer together."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._pointer = Pointer(label="", value=DASH)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        theme.changed.connect(self._measure)
        self._measure()

    def _measure(self) -> None:
        self.setMinimumHeight(scaled(self.HEIGHTS[0]))
        self.setMaximumHeight(scaled(self.HEIGHTS[1]))
        self.updateGeometry()
        self.update()

    def show_pointer(self, pointer: Pointer) -> None:
        if pointer == self._pointer:
            return
        self._pointer = pointer
        self.setAccessibleName(f"{pointer.label} {pointer.value} {pointer.note}".strip())
        self.update()

    def figure_at(self, at: QPointF | None) -> tuple[str, str | None] | None:
        """The reading that it shows, of the device."""
        key = READING_OF.get(self._pointer.label)
        return (key, None) if key else None

    def sizeHint(self) -> QSize:
        return QSize(scaled(400), scaled(self.HEIGHTS[1]))

    def paintEvent(self, event: QPaintEvent) -> None:
        theme, pointer = self._theme, self._pointer
        with canvas(self) as (painter, size):
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
            middle = size.height() / 2
            painter.setFont(font(13))
            painter.setPen(theme.colour("soft"))
            left = _label_room()
            painter.drawText(QRectF(0, 0, left, size.height()), Qt.AlignmentFlag.AlignVCenter, pointer.label)
            track = QRectF(left, middle - TRACK / 2, size.width() - left - self.VALUE, TRACK)
            painter.fillRect(track, theme.colour("track"))
            if pointer.normal is not None:
                low, high = pointer.normal
                normal = QRectF(track.left() + low * track.width(), track.top(), (high - low) * track.width(), TRACK)
                painter.fillRect(normal, theme.colour("band"))
            if pointer.foreign:
                painter.fillRect(track, theme.colour("track"))
                held = QRectF(track)
                held.setWidth(track.width() * min(1.0, pointer.foreign))
                painter.fillRect(held, theme.colour("mut"))
            if pointer.limit is not None:
                paint_tick(painter, theme, track, pointer.limit)
            if pointer.at is not None:
                self._paint_pointer(painter, track, pointer.at)
            self._paint_words(painter, track.right(), size.height())

    def _paint_pointer(self, painter: QPainter, track: QRectF, at: float) -> None:
        x = track.left() + track.width() * min(1.0, max(0.0, at))
        colour = self._theme.colour("mut" if self._pointer.faded else "text")
        painter.fillRect(QRectF(round(x) - 1, track.top(), 2, TRACK), colour)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        top = track.top() - 7
        tip = QPointF(x, track.top() + 3)
        painter.drawPolygon(QPolygonF([QPointF(x - 6, top), QPointF(x + 6, top), tip]))

    def _paint_words(self, painter: QPainter, left: float, height: float) -> None:
        pointer = self._pointer
        centred = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(font(13, 600))
        painter.setPen(self._theme.colour("mut" if pointer.faded or pointer.value == DASH else "text"))
        value = QRectF(left, 0, 62, height)
        painter.drawText(value, centred | Qt.AlignmentFlag.AlignRight, pointer.value)
        painter.setFont(font(11))
        painter.setPen(self._theme.colour("mut"))
        room = QRectF(value.right() + 8, 0, self.VALUE - 62 - 8, height)
        metrics = QFontMetricsF(painter.font())
        note = metrics.elidedText(pointer.note, Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, centred | Qt.AlignmentFlag.AlignLeft, note)


@cache
def _label_room() -> float:
    """The room for the label of any reading, the same for all, so that their tracks stand below each other."""
    with natural():
        return max(
            float(PointerBar.LABEL), *(QFontMetricsF(font(13)).horizontalAdvance(label) + 10 for label in READING_OF)
        )


class Badge(QWidget):
    """A word in a small rounded box: filled for LIVE, outlined for REPLAY and remarks, dashed for assumptions."""

    def __init__(self, theme: Theme, text: str = "", style: str = "filled", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._text, self._style = theme, text, style
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(text)
        theme.changed.connect(self.updateGeometry)
        theme.changed.connect(self.update)

    def show_word(self, text: str, style: str = "filled") -> None:
        self._text, self._style = text, style
        self.setAccessibleName(text)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        with natural():
            wide = badge_width(self._text)
        return QSize(scaled(wide), scaled(20))

    def paintEvent(self, event: QPaintEvent) -> None:
        with canvas(self) as (painter, size):
            paint_badge(painter, self._theme, QRectF(QPointF(0, 0), size), self._text, self._style)


def badge_width(text: str) -> float:
    return QFontMetricsF(font(11, 700)).horizontalAdvance(text) + 16


def paint_badge(painter: QPainter, theme: Theme, rect: QRectF, text: str, style: str = "filled") -> None:
    """A badge as on exports: `filled` text colour, `solid` raised, `outlined`, `dashed`."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    box = rect.adjusted(0.5, 0.5, -0.5, -0.5)
    ink = theme.colour("text")
    if style == "filled":
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ink)
        ink = theme.colour("panel")
    elif style == "solid":
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("band"))
    else:
        pen = QPen(theme.colour("mut"), 1)
        if style == "dashed":
            pen.setDashPattern([3, 2])
        painter.setPen(pen)
    painter.drawRoundedRect(box, 4, 4)
    painter.setPen(ink)
    painter.setFont(font(11, 700 if style == "filled" else 600))
    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)
    painter.restore()


class Toggle(QAbstractButton):
    """A small switch. It does not move by itself where its order is answered by a fact: connect `clicked`."""

    def __init__(self, theme: Theme, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setCheckable(True)
        self.setAccessibleName(name)
        theme.changed.connect(self._measure)
        self._measure()

    def _measure(self) -> None:
        self.setFixedSize(scaled(32), scaled(32))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        with canvas(self) as (painter, size):
            on = self.isChecked()
            body = QRectF(2, size.height() / 2 - 7, 26, 14)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.colour("soft" if on else "band"))
            painter.drawRoundedRect(body, 7, 7)
            painter.setBrush(self._theme.colour("panel" if on else "soft"))
            painter.drawEllipse(QPointF(body.right() - 7 if on else body.left() + 7, body.center().y()), 5, 5)
            if self.hasFocus():
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.setPen(QPen(self._theme.colour("text"), 2))
                painter.drawRoundedRect(body.adjusted(-1, -1, 1, 1), 8, 8)
