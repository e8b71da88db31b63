"""What pictures are painted on: words, boxes and charts in logical pixels, on an image or on a page alike."""

from dataclasses import replace

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QPen

from desk.exports.privacy import Veil
from desk.panel.bars import badge_width, paint_badge, paint_swatch
from desk.panel.charts.lane import HEIGHT as LANE
from desk.panel.charts.lane import Lane
from desk.panel.charts.setting import Board, Setting, Stretch, StripSpec
from desk.panel.charts.specs import traces_of
from desk.panel.charts.strip import Strip
from desk.panel.numbers import Numbers
from desk.panel.shown import Mode
from desk.panel.theme import RADIUS, Theme, font
from desk.panel.words import tr

LEAST_CHART = 108
"""A strip that is less high has no room for a curve under its heading."""
ROOMY = 560
"""A chart that is less wide says nothing in its heading but its title and unit."""
TALL = 440
"""In so high a box a table stands below its curves, not beside them: there it would leave half of the box empty."""
STAMP = 15
STAMPS: dict[Mode, tuple[str, str]] = {
    "live": (tr("LIVE"), tr("LIVE, estimated")),
    "replay": (tr("REPLAY"), tr("REPLAY, estimated")),
}
"""How true a plot is: as it stands inside it, and where it shows estimates."""


class Paper:
    """A painter with a theme. Every word goes through a veil, so that none names the machine or its owner."""

    def __init__(self, painter: QPainter, theme: Theme, numbers: Numbers, veil: Veil, box: QRectF) -> None:
        self.painter, self.theme, self.numbers, self.box = painter, theme, numbers, box
        self._veil = veil
        self.words: list[str] = []
        """All that was written, in its order: the caption for those who do not see the picture."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(box, theme.colour("bg"))

    # ---- words

    def say(
        self,
        x: float,
        base: float,
        text: str,
        face: QFont | None = None,
        token: str = "text",
        *,
        right: bool = False,
        room: float | None = None,
    ) -> float:
        """Write one line with its baseline at `base`, ending at `x` where it is set flush `right`; gives its width.

        What has no room is cut with dots: for names that nobody has chosen to be long.
        """
        face = face or font(11)
        text = self._veil(text)
        if room is not None:
            text = QFontMetricsF(face).elidedText(text, Qt.TextElideMode.ElideRight, room)
        wide = width(face, text)
        self.painter.setFont(face)
        self.painter.setPen(self.theme.colour(token))
        self.painter.drawText(QPointF(x - wide if right else x, base), text)
        self.words.append(text)
        return wide

    def flow(self, text: str, face: QFont, room: float) -> list[str]:
        """The text in lines between words."""
        lines = [""]
        for word in self._veil(text).split(" "):
            joined = f"{lines[-1]} {word}".strip()
            if lines[-1] and width(face, joined) > room:
                lines.append(word)
            else:
                lines[-1] = joined
        return lines

    # ---- shapes

    def card(self, box: QRectF, token: str = "raised") -> None:
        self.painter.setPen(QPen(self.theme.colour("line"), 1))
        self.painter.setBrush(self.theme.colour(token))
        self.painter.drawRoundedRect(box.adjusted(0.5, 0.5, -0.5, -0.5), RADIUS, RADIUS)

    def rule(self, left: float, y: float, wide: float, *, dashed: bool = False, token: str = "line") -> None:
        """A level line of one logical pixel."""
        if not dashed:
            self.painter.fillRect(QRectF(left, y, wide, 1), self.theme.colour(token))
            return
        pen = QPen(self.theme.colour(token), 1)
        pen.setDashPattern([4, 3])
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        self.painter.setPen(pen)
        self.painter.drawLine(QPointF(left, y + 0.5), QPointF(left + wide, y + 0.5))

    def badge(self, right: float, top: float, text: str, style: str) -> float:
        """A word in a box, flush right; gives its width."""
        wide = badge_width(text)
        paint_badge(self.painter, self.theme, QRectF(right - wide, top, wide, 18), text, style)
        self.words.append(text)
        return wide

    def swatch(self, tier: str, centre: QPointF, size: float = 10) -> None:
        paint_swatch(self.painter, self.theme, tier, centre, size)

    # ---- charts

    def charts(
        self,
        box: QRectF,
        specs: tuple[StripSpec, ...],
        board: Board,
        setting: Setting,
        stretch: Stretch,
        mode: Mode,
    ) -> None:
        """Strips over one lane of events, as on the Floor; the mode stands inside every plot, so that crops tell it."""
        painter = self.painter
        notes = setting.notes if box.width() >= ROOMY else dict.fromkeys(setting.notes, "")
        told = replace(
            setting, mode="", notes=notes, events=tuple(replace(e, text=self._veil(e.text)) for e in setting.events)
        )
        painter.save()
        painter.translate(box.topLeft())
        weights = sum(spec.weight for spec in specs)
        top, done = 0.0, 0
        for spec in specs:
            done += spec.weight
            bottom = round((box.height() - LANE) * done / weights)
            strip = Strip(spec, self.theme, self.numbers)
            strip.place(QRectF(0, top, box.width(), bottom - top))
            traces = [trace for trace in traces_of(spec, told.tiers) if trace.figure not in told.without]
            strip.refresh(board, told, stretch, traces)
            strip.paint_ground(painter)
            strip.paint(painter, None)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._stamp(strip, STAMPS[mode][spec.figure in told.estimated])
            self.words.append(strip.sentence())
            top = bottom
        lane = Lane(self.theme, self.numbers)
        lane.setting = told
        lane.place(QRectF(0, top, box.width(), box.height() - top))
        lane.show_stretch(stretch, board.end)
        lane.paint_ground(painter)
        lane.paint(painter, None)
        painter.restore()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)

    def _stamp(self, strip: Strip, words: str) -> None:
        """How true the picture is, inside a plot: where no curve runs, else on ground of its own."""
        face, plot = font(11, 600), strip.plot
        wide = width(face, words) + 10
        starts = [plot.left() + 4 + step * (plot.width() - wide - 8) / 24 for step in range(25)]
        above, below = plot.top() + 1, plot.bottom() - STAMP - 2
        box = QRectF(starts[0], above, wide, STAMP)
        for start in starts:
            highest, lowest = strip.reach(start, start + wide)
            if highest >= box.bottom() + 2 or lowest <= below - 2:
                box.moveTo(start, above if highest >= box.bottom() + 2 else below)
                break
        self.painter.fillRect(box, self.theme.colour("bg"))
        self.say(box.left() + 5, box.top() + 12, words, face, "mut")


def width(face: QFont, text: str) -> float:
    return QFontMetricsF(face).horizontalAdvance(text)


def fitting(text: str, room: float, sizes: tuple[int, ...], weight: int) -> QFont:
    """The largest of these sizes at which the text fits, else the smallest."""
    faces = (font(size, weight) for size in sizes)
    return next((face for face in faces if width(face, text) <= room), font(sizes[-1], weight))
