"""The status line: how true the picture is (LIVE or REPLAY and its date), and what the factory stands on."""

from datetime import UTC, datetime

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from desk.panel.bars import badge_width, paint_badge
from desk.panel.shown import Shown
from desk.panel.theme import Theme, canvas, font, scaled
from desk.panel.words import tr

HEIGHT = 40
MONTHS = (
    *(tr("Jan"), tr("Feb"), tr("Mar"), tr("Apr"), tr("May"), tr("Jun")),
    *(tr("Jul"), tr("Aug"), tr("Sep"), tr("Oct"), tr("Nov"), tr("Dec")),
)
LIVE = tr("LIVE")
_HEADS = {
    "idle": tr("No run"),
    "opening": tr("Opening"),
    "paused": tr("Paused"),
    "stopped": tr("Stopped"),
}
"""What stands first on the line; of a run that runs it is its scenario."""


def badge_words(shown: Shown) -> str:
    """LIVE, or REPLAY and the date of the recording."""
    if shown.mode == "live":
        return LIVE
    return tr("REPLAY {day}", day=date_of(shown.wall)).rstrip()


def date_of(wall: float | None) -> str:
    """The day of a Unix time, in UTC whatever the reader's place: `23 Nov 2026`."""
    if wall is None:
        return ""
    when = datetime.fromtimestamp(wall, UTC)
    return f"{when.day} {MONTHS[when.month - 1]} {when.year}"


class StatusLine(QWidget):
    """One painted line; what does not fit is left out whole, and the tool tip has it all."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._shown = Shown()
        self._frozen = False
        self.setAccessibleName(tr("Status"))
        theme.changed.connect(self._measure)
        self._measure()

    def _measure(self) -> None:
        self.setFixedHeight(scaled(HEIGHT))
        self.update()

    def show_status(self, shown: Shown, frozen: bool = False) -> None:
        before = self._told()
        self._shown, self._frozen = shown, frozen
        if self._told() != before or not self.toolTip():
            said = ", ".join(f"{head} {rest}".strip() for head, rest in self._parts())
            self.setAccessibleDescription(f"{badge_words(shown)}. {said}")
            self.setToolTip(said)
            self.update()

    def _told(self) -> tuple[object, ...]:
        """All that the line tells: the moment it is shown has much more, which changes all the time."""
        return badge_words(self._shown), self._frozen, self._shown.clock, self._parts()

    def _parts(self) -> list[tuple[str, str]]:
        shown = self._shown
        head = _HEADS.get(shown.state, shown.scenario_title)
        parts = [(head, tr("run {name}", name=shown.run) if shown.run else "")]
        for word, rest in (
            (tr("Model"), shown.model),
            (tr("Runs on"), shown.provider),
            (tr("Device"), shown.device),
            (tr("Power"), shown.meter),
        ):
            if rest:
                parts.append((word, rest))
        return parts

    def paintEvent(self, _event: QPaintEvent) -> None:
        with canvas(self) as (painter, size):
            self._paint(painter, size.width(), size.height() / 2)

    def _paint(self, painter: QPainter, wide: float, middle: float) -> None:
        x = self._paint_badge(painter, 0.5, middle, badge_words(self._shown), filled=self._shown.mode == "live") + 16
        if self._frozen:
            x = self._paint_badge(painter, x - 8, middle, tr("DISPLAY FROZEN  Space"), filled=False) + 16
        strong, plain = font(12, 600), font(12, 400)
        strong_wide, plain_wide = QFontMetricsF(strong), QFontMetricsF(plain)
        right = wide - self._paint_clock(painter, wide, middle) - 16
        first = True
        for head, rest in self._parts():
            room = strong_wide.horizontalAdvance(head) + (8 + plain_wide.horizontalAdvance(rest) if rest else 0)
            if x + room > right:
                continue
            if not first:
                painter.setPen(QPen(self._theme.colour("line"), 1))
                painter.drawLine(QPointF(round(x) - 9, middle - 8), QPointF(round(x) - 9, middle + 8))
            first = False
            painter.setFont(strong)
            painter.setPen(self._theme.colour("text"))
            x = _text(painter, x, middle, head, strong_wide)
            if rest:
                painter.setFont(plain)
                painter.setPen(self._theme.colour("soft"))
                x = _text(painter, x + 8, middle, rest, plain_wide)
            x += 18

    def _paint_clock(self, painter: QPainter, wide: float, middle: float) -> float:
        """The time of what is shown, at the right; returns its width."""
        face = font(12, 400, mono=True)
        painter.setFont(face)
        painter.setPen(self._theme.colour("soft"))
        metrics = QFontMetricsF(face)
        room = metrics.horizontalAdvance(self._shown.clock)
        _text(painter, wide - room, middle, self._shown.clock, metrics)
        return room

    def _paint_badge(self, painter: QPainter, x: float, middle: float, words: str, filled: bool) -> float:
        """A badge at `x`; returns its right edge."""
        wide = badge_width(words)
        box = QRectF(x, middle - 10, wide, 20)
        paint_badge(painter, self._theme, box, words, "filled" if filled else "outlined")
        return x + wide


def _text(painter: QPainter, x: float, middle: float, text: str, metrics: QFontMetricsF) -> float:
    """Text beginning at `x`, centred on `middle`; returns where it ends."""
    wide = metrics.horizontalAdvance(text)
    painter.drawText(QRectF(x, middle - 12, wide + 2, 24), Qt.AlignmentFlag.AlignVCenter, text)
    return x + wide
