"""The status line: how true the picture is (LIVE or REPLAY and its date), and what the factory stands on."""

from datetime import UTC, datetime

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from desk.panel.bars import badge_width, paint_badge
from desk.panel.shown import Shown
from desk.panel.theme import Theme, font

HEIGHT = 40
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def badge_words(shown: Shown) -> str:
    """LIVE, or REPLAY and the date of the recording."""
    if shown.mode == "live":
        return "LIVE"
    return f"REPLAY {date_of(shown.wall)}".rstrip()


def date_of(wall: float | None) -> str:
    """The day of a Unix time, in UTC and in English whatever the reader's place: `23 Nov 2026`."""
    if wall is None:
        return ""
    when = datetime.fromtimestamp(wall, UTC)
    return f"{when.day} {MONTHS[when.month - 1]} {when.year}"


class StatusLine(QWidget):
    """One painted line; what does not fit is left out from the right, and the tool tip has it all."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._shown = Shown()
        self._frozen = False
        self.setFixedHeight(HEIGHT)
        self.setAccessibleName("Status")

    def show_status(self, shown: Shown, frozen: bool = False) -> None:
        if (shown, frozen) != (self._shown, self._frozen):
            self._shown, self._frozen = shown, frozen
            said = ", ".join(f"{head} {rest}".strip() for head, rest in self._parts())
            self.setAccessibleDescription(f"{badge_words(shown)}. {said}")
            self.setToolTip(said)
            self.update()

    def _parts(self) -> list[tuple[str, str]]:
        shown = self._shown
        head = {
            "idle": "No run",
            "opening": "Opening",
            "running": shown.scenario_title,
            "paused": "Paused",
            "stopped": "Stopped",
        }[shown.state]
        parts = [(head, f"run {shown.run}" if shown.run else "")]
        for word, rest in (
            ("Model", shown.model),
            ("Runs on", shown.provider),
            ("Device", shown.device),
            ("Power", shown.meter),
        ):
            if rest:
                parts.append((word, rest))
        return parts

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = self._theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        middle = self.height() / 2
        x = self._paint_badge(painter, 0.5, badge_words(self._shown), filled=self._shown.mode == "live") + 16
        if self._frozen:
            x = self._paint_badge(painter, x - 8, "DISPLAY FROZEN  Space", filled=False) + 16
        strong, plain = font(12, 600), font(12, 400)
        strong_wide, plain_wide = QFontMetricsF(strong), QFontMetricsF(plain)
        right = self.width() - self._paint_clock(painter) - 16
        for index, (head, rest) in enumerate(self._parts()):
            wide = strong_wide.horizontalAdvance(head) + (8 + plain_wide.horizontalAdvance(rest) if rest else 0)
            room = right - x
            if wide > room and room < 120:
                break
            if index:
                painter.setPen(QPen(theme.colour("line"), 1))
                painter.drawLine(round(x) - 9, round(middle) - 8, round(x) - 9, round(middle) + 8)
            painter.setFont(strong)
            painter.setPen(theme.colour("text"))
            x = _text(painter, x, middle, head, strong_wide)
            if rest:
                painter.setFont(plain)
                painter.setPen(theme.colour("soft"))
                rest = plain_wide.elidedText(rest, Qt.TextElideMode.ElideRight, right - x - 8)
                x = _text(painter, x + 8, middle, rest, plain_wide)
            x += 18
        painter.end()

    def _paint_clock(self, painter: QPainter) -> float:
        """The time of what is shown, at the right; returns its width."""
        face = font(12, 400, mono=True)
        painter.setFont(face)
        painter.setPen(self._theme.colour("soft"))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, self._shown.clock)
        return QFontMetricsF(face).horizontalAdvance(self._shown.clock)

    def _paint_badge(self, painter: QPainter, x: float, words: str, filled: bool) -> float:
        """A badge at `x`; returns its right edge."""
        wide = badge_width(words)
        box = QRectF(x, self.height() / 2 - 10, wide, 20)
        paint_badge(painter, self._theme, box, words, "filled" if filled else "outlined")
        return x + wide


def _text(painter: QPainter, x: float, middle: float, text: str, metrics: QFontMetricsF) -> float:
    """Text beginning at `x`, centred on `middle`; returns where it ends."""
    wide = metrics.horizontalAdvance(text)
    painter.drawText(QRectF(x, middle - 12, wide + 2, 24), Qt.AlignmentFlag.AlignVCenter, text)
    return x + wide
