"""Small marks and controls: tier swatches, bars with a pointer or a fill, badges, the toggle, the signs of alarms."""

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from desk.panel.numbers import DASH
from desk.panel.shown import Pointer, Provenance
from desk.panel.theme import Theme, font

TRACK = 8
SWATCH = 10


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


def paint_provenance(painter: QPainter, theme: Theme, right: float, middle: float, provenance: Provenance) -> float:
    """Word and shape of a figure's provenance, right-aligned; returns the left end of what was painted."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setFont(font(11))
    metrics = QFontMetricsF(painter.font())
    left = right - metrics.horizontalAdvance(provenance)
    colour = theme.colour("mut")
    painter.setPen(colour)
    painter.drawText(QPointF(left, middle + metrics.capHeight() / 2), provenance)
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

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._pointer = Pointer(label="", value=DASH)
        # Where the card has more to tell, bars move closer together.
        self.setMinimumHeight(22)
        self.setMaximumHeight(36)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        theme.changed.connect(self.update)

    def show_pointer(self, pointer: Pointer) -> None:
        if pointer == self._pointer:
            return
        self._pointer = pointer
        self.setAccessibleName(f"{pointer.label} {pointer.value} {pointer.note}".strip())
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(460, 36)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        theme, pointer = self._theme, self._pointer
        middle = self.height() / 2
        painter.setFont(font(13))
        painter.setPen(theme.colour("soft"))
        painter.drawText(QRectF(0, 0, self.LABEL, self.height()), Qt.AlignmentFlag.AlignVCenter, pointer.label)
        track = QRectF(self.LABEL, middle - TRACK / 2, self.width() - self.LABEL - self.VALUE, TRACK)
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
        self._paint_words(painter, track.right())

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

    def _paint_words(self, painter: QPainter, left: float) -> None:
        pointer, height = self._pointer, self.height()
        centred = Qt.AlignmentFlag.AlignVCenter
        painter.setFont(font(13, 600))
        painter.setPen(self._theme.colour("mut" if pointer.faded or pointer.value == DASH else "text"))
        value = QRectF(left, 0, 62, height)
        painter.drawText(value, centred | Qt.AlignmentFlag.AlignRight, pointer.value)
        painter.setFont(font(11))
        painter.setPen(self._theme.colour("mut"))
        room = QRectF(value.right() + 8, 0, self.width() - value.right() - 8, height)
        metrics = QFontMetricsF(painter.font())
        note = metrics.elidedText(pointer.note, Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, centred | Qt.AlignmentFlag.AlignLeft, note)


class Badge(QWidget):
    """A word in a small rounded box: filled for LIVE, outlined for REPLAY and remarks, dashed for assumptions."""

    def __init__(self, theme: Theme, text: str = "", style: str = "filled", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._text, self._style = theme, text, style
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(text)
        theme.changed.connect(self.update)

    def show_word(self, text: str, style: str = "filled") -> None:
        self._text, self._style = text, style
        self.setAccessibleName(text)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(round(badge_width(self._text)), 20)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        paint_badge(painter, self._theme, QRectF(self.rect()), self._text, self._style)


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
        self.setFixedSize(28, 24)
        theme.changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        on = self.isChecked()
        body = QRectF(1, 5, 26, 14)
        ink: QColor = self._theme.colour("soft" if on else "band")
        painter.setPen(QPen(self._theme.colour("text"), 1) if self.hasFocus() else Qt.PenStyle.NoPen)
        painter.setBrush(ink)
        painter.drawRoundedRect(body, 7, 7)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.colour("panel" if on else "mut"))
        painter.drawEllipse(QPointF(body.right() - 7 if on else body.left() + 7, body.center().y()), 5, 5)
