"""The slide: one moment of a run composed for a 16:9 picture, every figure with its provenance in its own box."""

from dataclasses import replace
from datetime import UTC, datetime

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFont, QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from desk import __version__
from desk.panel.bars import badge_width, paint_badge
from desk.panel.cards import paint_card
from desk.panel.look import Books, setting_of
from desk.panel.numbers import DASH, MINUS, Numbers
from desk.panel.shown import Provenance, Shown, Value
from desk.panel.statusline import badge_words, date_of
from desk.panel.strips import StripChart, StripSpec
from desk.panel.theme import Theme, font

SIZE = (960, 540)
EDGE = 40
KEYS = ("tokens_per_second", "watts", "tokens_per_joule", "revenue_per_hour")
CHARTS = (
    StripSpec("tokens_per_second", "Tokens per second", "tok/s", "", 184, stacked=True),
    StripSpec("revenue_per_hour", "Implied revenue", "$/h", "", 184, stacked=True),
)
NOTES = {"tokens_per_joule": "same as tok/s per W", "revenue_per_hour": "list price; nothing was sold"}
"""Shorter words than on the Floor: boxes are narrower, and half sentences do not belong on slides."""
BADGES: dict[Provenance, str] = {"measured": "solid", "derived": "outlined"}
COUNTS = ("no tiers", "one tier", "two tiers", "three tiers", "four tiers", "five tiers", "six tiers", "seven tiers")


class Slide(QWidget):
    """A canvas of 960 by 540 logical pixels; nothing on it is smaller than 11 of them."""

    def __init__(self, theme: Theme, numbers: Numbers, books: Books, shown: Shown, span_s: float) -> None:
        super().__init__()
        self._theme, self._numbers, self._shown = theme, numbers, shown
        self._span = numbers.ago(-span_s).removeprefix(MINUS)
        self.setFixedSize(*SIZE)
        self.setFont(font(12))
        half = (SIZE[0] - 2 * EDGE - 24) // 2
        setting = replace(setting_of(books, shown, span_s, 3.0), notes={spec.figure: "" for spec in CHARTS})
        for place, spec in enumerate(CHARTS):
            chart = StripChart(theme, numbers, (spec,), self)
            chart.setGeometry(EDGE + place * (half + 24), 202, half, 240)
            chart.show_setting(setting)
            chart.follow(books.board)
            chart.refresh_all()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), self._theme.colour("bg"))
        self._paint_head(painter)
        by_key = {value.key: value for value in self._shown.values}
        wide = (SIZE[0] - 2 * EDGE - 3 * 16) / 4
        for place, key in enumerate(KEYS):
            if key in by_key:
                self._paint_value(painter, QRectF(EDGE + place * (wide + 16), 106, wide, 86), by_key[key])
        self._paint_foot(painter)
        painter.end()

    def _paint_head(self, painter: QPainter) -> None:
        shown = self._shown
        words = badge_words(shown)
        wide = badge_width(words)
        right = SIZE[0] - EDGE
        style = "filled" if shown.mode == "live" else "outlined"
        paint_badge(painter, self._theme, QRectF(right - wide, 44, wide, 20), words, style)
        text = headline(shown, self._numbers)
        room = right - wide - 24 - EDGE
        size = next((size for size in (26, 24, 22, 20) if _width(font(size, 600), text) <= room), 18)
        self._say(painter, EDGE, 62, text, font(size, 600), "text", room)
        self._say(painter, EDGE, 86, subtitle(shown, self._span), font(14), "soft", right - EDGE)

    def _paint_value(self, painter: QPainter, box: QRectF, value: Value) -> None:
        theme = self._theme
        paint_card(painter, theme, box, "raised", "raised")
        left, right = box.left() + 14, box.right() - 12
        self._say(painter, left, box.top() + 22, value.title, font(12, 600), "soft")
        wide = badge_width(value.provenance)
        style = BADGES.get(value.provenance, "dashed")
        paint_badge(painter, theme, QRectF(right - wide, box.top() + 9, wide, 18), value.provenance, style)
        text = self._numbers.figure(value.value, value.unit)
        big = font(30, 600, tight=True)
        self._say(painter, left - 1, box.top() + 55, text, big, "mut" if text == DASH else "text")
        if text != DASH:
            self._say(painter, left + _width(big, text) + 6, box.top() + 55, value.unit, font(14), "mut")
        note = NOTES.get(value.key, value.note) if value.value is not None else value.note
        room = box.width() - 26
        # Whole words, as many as there is room for: what was cut short cannot be asked about on a slide.
        while ", " in note and _width(font(11), note) > room:
            note = note.rpartition(", ")[0]
        self._say(painter, left, box.top() + 75, note, font(11), "mut", room)

    def _paint_foot(self, painter: QPainter) -> None:
        theme, shown = self._theme, self._shown
        painter.fillRect(QRectF(EDGE, 452, SIZE[0] - 2 * EDGE, 1), theme.colour("line"))
        right = SIZE[0] - EDGE
        dated = (f"run {shown.run}", _when(shown), f"Token Desk {__version__}")
        face = font(11)
        margin = max(_width(face, text) for text in dated) + 24
        for line, (text, tail) in enumerate(zip(footer(shown), dated, strict=True)):
            base = 474 + 18 * line
            self._say(painter, EDGE, base, text, face, "mut", right - EDGE - margin)
            self._say(painter, right - _width(face, tail), base, tail, face, "soft" if line == 0 else "mut")

    def _say(
        self, painter: QPainter, x: float, base: float, text: str, face: QFont, token: str, room: float = 1e6
    ) -> None:
        painter.setFont(face)
        painter.setPen(self._theme.colour(token))
        fitting = QFontMetricsF(face).elidedText(text, Qt.TextElideMode.ElideRight, room)
        painter.drawText(QPointF(x, base), fitting)


def headline(shown: Shown, numbers: Numbers) -> str:
    """A title made from the data: `1,220 tok/s at 312 W: five tiers on Example GPU`."""
    values = {value.key: value for value in shown.values}
    rate, watts = values["tokens_per_second"].value, values["watts"].value
    said = numbers.with_unit(rate, "tok/s") if rate is not None else "No tokens yet"
    if rate is not None and watts is not None:
        said += f" at {numbers.with_unit(watts, 'W')}"
        if values["watts"].provenance != "measured":
            said += f" ({values['watts'].provenance})"
    count = len(shown.tiers)
    tiers = COUNTS[count] if count < len(COUNTS) else f"{count} tiers"
    return f"{said}: {tiers} on {shown.device}" if shown.device else f"{said}: {tiers}"


def subtitle(shown: Shown, span: str) -> str:
    """What the charts show: `Steady load, 12 users, last 5 min of run 7f3a91c2, 3 s smoothing`."""
    return f"{shown.scenario_title} load, {shown.users:,} users, last {span} of run {shown.run}, 3 s smoothing"


def footer(shown: Shown) -> tuple[str, str, str]:
    """What the figures stand on, as three lines."""
    kept = [f"{line.tier.name} {100 * line.on_time:.0f} %" for line in shown.tiers if line.on_time is not None]
    prices = ", ".join(f"{line.tier.price.output:g}" for line in shown.tiers)
    return (
        f"{shown.device}. Runs on {shown.provider}. Model {shown.model}.",
        f"Power: {shown.meter}." + (f" On-time tokens: {', '.join(kept)}." if kept else " No request has finished."),
        f"Implied revenue = tokens × list prices set by the user ({prices} $/Mtok output); nothing was sold.",
    )


def _when(shown: Shown) -> str:
    if shown.wall is None:
        return ""
    start = datetime.fromtimestamp(shown.wall, UTC)
    return f"{date_of(shown.wall)}, {start:%H:%M} to {shown.clock.removesuffix(' UTC')[:5]} UTC"


def _width(face: QFont, text: str) -> float:
    return QFontMetricsF(face).horizontalAdvance(text)
