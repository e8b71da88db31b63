"""The legend below the frontier: the signs that are drawn, with their words, in as many rows as they need."""

from PySide6.QtCore import QPointF, QSizeF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPen

from desk.panel.frontier.marks import OTHER, diamond, triangle
from desk.panel.frontier.scene import Scene
from desk.panel.theme import Theme, font
from desk.panel.words import plural, tr

ROW = 22.0
LEFT = 14.0


def _entries(scene: Scene) -> list[tuple[str, str]]:
    """The signs that are drawn, with their words."""
    if not scene.spots:
        return []
    repeats = max(len(spot.point.windows) for spot in scene.spots)
    edge = tr("measured, on the edge")
    if repeats > 1:
        edge = plural("measured, on the edge (bar: {n} repeat)", "measured, on the edge (bar: {n} repeats)", repeats)
    told = [("edge", edge)]
    if any(not spot.on_edge for spot in scene.spots):
        told.append(("beaten", tr("measured, beaten")))
    if scene.others:
        told.append(("other", tr("other sweeps")))
    if scene.live:
        told.append(("live", tr("lane now")))
    if scene.promised:
        told.append(("promised", tr("edge at a promise, interpolated")))
    if scene.dashed:
        told.append(("dashed", tr("watts declared, not measured")))
    if scene.overlay is not None:
        told.append(("overlay", f"{scene.overlay.title}: {scene.overlay.mark}"))
    return told


def legend(scene: Scene, wide: float) -> list[list[tuple[str, str, float]]]:
    """The entries in rows of `wide`: sign, words, and the left edge."""
    metrics, rows, x = QFontMetricsF(font(11)), [[]], LEFT
    for sign, words in _entries(scene):
        needs = 20 + metrics.horizontalAdvance(words) + 18
        if x + needs > wide and rows[-1]:
            rows.append([])
            x = LEFT
        rows[-1].append((sign, words, x))
        x += needs
    return rows


def paint_legend(painter: QPainter, theme: Theme, scene: Scene, size: QSizeF) -> None:
    """Draw it at the lower end of a canvas."""
    rows = legend(scene, size.width())
    painter.setFont(font(11))
    for number, row in enumerate(rows):
        middle = size.height() - ROW * (len(rows) - number) + ROW / 2
        for sign, words, x in row:
            _paint_sign(painter, theme, sign, QPointF(x + 6, middle))
            painter.setPen(theme.colour("soft"))
            painter.drawText(QPointF(x + 20, middle + 4), words)


def _paint_sign(painter: QPainter, theme: Theme, sign: str, at: QPointF) -> None:
    token = {"other": "band", "beaten": "mut", "overlay": "mut"}.get(sign, "text")
    painter.setPen(QPen(theme.colour(token), 1.2))
    painter.setBrush(theme.colour("text" if sign == "edge" else "panel"))
    match sign:
        case "other":
            painter.drawLine(at + QPointF(0, -7), at + QPointF(0, 7))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("mut"))
            painter.drawEllipse(at, OTHER, OTHER)
        case "edge" | "beaten":
            painter.drawLine(at + QPointF(0, -7), at + QPointF(0, 7))
            painter.drawEllipse(at, 3.5, 3.5)
        case "live" | "promised":
            painter.setPen(QPen(theme.colour("mut"), 1.6))
            painter.setBrush(theme.colour("mut" if sign == "live" else "panel"))
            painter.drawPolygon(diamond(at, 5.5))
        case "dashed":
            pen = QPen(theme.colour("text"), 2)
            pen.setDashPattern([2, 1.5])
            painter.setPen(pen)
            painter.drawLine(at + QPointF(-7, 0), at + QPointF(7, 0))
        case _:
            painter.drawPolygon(triangle(at))
