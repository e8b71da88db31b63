"""The icons of the house, drawn from SVG in the colours of the theme, crisp at every pixel ratio."""

from functools import cache

from PySide6.QtCore import QByteArray, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QIconEngine, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from desk.facts.places import shipped
from desk.panel.theme import Theme


def application_icon() -> QIcon:
    """The program's own mark, in its own colours on any background."""
    return QIcon(str(shipped("assets", "icons", "token-desk.svg")))


def icon(theme: Theme, name: str, token: str = "soft", active: str = "text") -> QIcon:
    """An icon in a colour of the theme, and in `active` while its button is checked or under the pointer.

    The colours are looked up at each painting, so an icon follows a change of theme by itself.
    """
    return QIcon(_Engine(theme, name, token, active))


def paint_icon(painter: QPainter, rect: QRectF, name: str, colour: str) -> None:
    """Draw an icon into `rect`, its strokes in `colour` (`#RRGGBB`)."""
    _renderer(name, colour).render(painter, rect)


@cache
def _renderer(name: str, colour: str) -> QSvgRenderer:
    source = shipped("assets", "icons", f"{name}.svg").read_text(encoding="utf-8")
    return QSvgRenderer(QByteArray(source.replace("currentColor", colour).encode()))


class _Engine(QIconEngine):
    def __init__(self, theme: Theme, name: str, token: str, active: str) -> None:
        super().__init__()
        self._theme, self._name, self._token, self._active = theme, name, token, active

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        lit = state == QIcon.State.On or mode in (QIcon.Mode.Active, QIcon.Mode.Selected)
        token = "band" if mode == QIcon.Mode.Disabled else self._active if lit else self._token
        paint_icon(painter, QRectF(rect), self._name, self._theme.colour(token).name())

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        return self.scaledPixmap(size, mode, state, 1.0)

    def scaledPixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State, scale: float) -> QPixmap:
        pixmap = QPixmap(size * scale)
        pixmap.setDevicePixelRatio(scale)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, QRect(0, 0, size.width(), size.height()), mode, state)
        painter.end()
        return pixmap

    def clone(self) -> "_Engine":
        return _Engine(self._theme, self._name, self._token, self._active)
