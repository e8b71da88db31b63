"""How a line of the list is painted: its words, the sign of its state, a bar where something grows, and its buttons."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

from desk.models.condition import Key, State
from desk.panel.icons import paint_icon
from desk.panel.models.columns import COLUMNS, DEEDS, MODEL, STATE
from desk.panel.models.rows import AT_WORK, WORDS, Deed, Row, left_words, share_of, state_words
from desk.panel.numbers import DASH
from desk.panel.theme import MARGIN, Theme, font, scaled
from desk.panel.words import tr

if TYPE_CHECKING:
    from desk.panel.models.table import Index, Table

PAD = 10
SIGN = 14
APART = 6
WHY = 160
"""From this room on behind the words of a state, what is the matter is said there, too."""

SIGNS: dict[State, str] = {
    "building": "settings",
    "importing": "download",
    "downloading": "download",
    "paused": "pause",
    "verifying": "shield-check",
    "ready": "check",
    "hash mismatch": "octagon-alert",
    "incomplete": "triangle-alert",
    "does not fit": "triangle-alert",
    "unsupported": "x",
}
"""The icon of each state; what is merely available has none."""


def ink_of(row: Row) -> str:
    """The colour of a state. What has gone wrong with what is here asks for attention; what is elsewhere does not."""
    state = row.condition.state
    if state == "hash mismatch":
        return "bad"
    if state in ("incomplete", "does not fit") and row.here:
        return "warn"
    return "text" if state in ("ready", "paused", *AT_WORK) else "mut"


def paint_sign(painter: QPainter, theme: Theme, box: QRectF, row: Row) -> None:
    """The sign of a state."""
    if name := SIGNS.get(row.condition.state):
        paint_icon(painter, box, name, theme.colour(ink_of(row)).name())


def room_for(deeds: Iterable[Deed]) -> int:
    """How wide a cell must be for all these buttons, at the text size."""
    metrics = QFontMetrics(font(12, 500))
    return sum(_button(metrics, deed) + scaled(APART) for deed in deeds)


def _button(metrics: QFontMetrics, deed: Deed) -> int:
    return metrics.horizontalAdvance(WORDS[deed]) + scaled(18)


class Lines(QStyledItemDelegate):
    """Paints the cells, and knows where the buttons are."""

    def __init__(self, table: "Table") -> None:
        super().__init__(table)
        self._table = table
        self.pressed: tuple[Key, Deed] | None = None
        self._hovered: tuple[Key, Deed] | None = None

    def press(self, button: tuple[Key, Deed] | None) -> None:
        """Show that a button is held down."""
        self.pressed = button
        self._table.viewport().update()

    def hover(self, button: tuple[Key, Deed] | None) -> None:
        """Show that the pointer is over a button."""
        if button != self._hovered:
            self._hovered = button
            self._table.viewport().update()

    def sizeHint(self, option: QStyleOptionViewItem, index: "Index") -> QSize:
        return QSize(scaled(80), scaled(34))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: "Index") -> None:
        table, theme = self._table, self._table.theme
        listing, rect = table.listing, QRect(option.rect)
        row, place = listing.rows[index.row()], index.row()
        lead = index.column() == MODEL
        painter.save()
        if place == table.currentIndex().row():
            painter.fillRect(rect, theme.colour("raised"))
            if lead and table.hasFocus():
                painter.fillRect(QRect(rect.left(), rect.top(), scaled(3), rect.height()), theme.colour("text"))
        if place and listing.leads(place):
            painter.fillRect(QRect(rect.left(), rect.top(), rect.width(), 1), theme.colour("line"))
        inner = rect.adjusted(scaled(MARGIN if lead else PAD), 0, -scaled(PAD), 0)
        if index.column() == STATE:
            self._paint_state(painter, row, inner)
        elif index.column() == DEEDS:
            self._paint_buttons(painter, row, rect)
        else:
            column = COLUMNS[index.column()]
            words = index.data()
            face = font(13, 600 if lead else 400)
            painter.setFont(face)
            painter.setPen(theme.colour("text" if lead else "mut" if words == DASH else "soft"))
            side = Qt.AlignmentFlag.AlignRight if column.right else Qt.AlignmentFlag.AlignLeft
            fitting = QFontMetrics(face).elidedText(words, Qt.TextElideMode.ElideRight, inner.width())
            painter.drawText(inner, side | Qt.AlignmentFlag.AlignVCenter, fitting)
        painter.restore()

    def _paint_state(self, painter: QPainter, row: Row, inner: QRect) -> None:
        theme, condition = self._table.theme, row.condition
        share = share_of(condition)
        sign = scaled(SIGN)
        line = inner.adjusted(0, 0, 0, -scaled(6) if share is not None else 0)
        box = QRectF(inner.left(), line.center().y() - sign / 2 + 1, sign, sign)
        paint_sign(painter, theme, box, row)
        words = line.adjusted(sign + scaled(8) if condition.state in SIGNS else 0, 0, 0, 0)
        face = font(12, 500)
        painter.setFont(face)
        painter.setPen(theme.colour("text" if ink_of(row) != "mut" else "mut"))
        left, middle = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, Qt.AlignmentFlag.AlignVCenter
        told = state_words(row, self._table.listing.numbers)
        metrics = QFontMetrics(face)
        painter.drawText(words, left, metrics.elidedText(told, Qt.TextElideMode.ElideRight, words.width()))
        behind = words.adjusted(metrics.horizontalAdvance(told) + scaled(12), 0, 0, 0)
        if condition.cause and share is None and behind.width() >= scaled(WHY):
            painter.setFont(font(12))
            painter.setPen(theme.colour("mut"))
            why = QFontMetrics(painter.font()).elidedText(condition.cause, Qt.TextElideMode.ElideRight, behind.width())
            painter.drawText(behind, left, why)
        if condition.left_s is not None:
            rest = tr("{time} left", time=left_words(condition.left_s))
            if metrics.horizontalAdvance(f"{told}   {rest}") <= words.width():
                painter.setPen(theme.colour("mut"))
                painter.drawText(words, Qt.AlignmentFlag.AlignRight | middle, rest)
        if share is not None:
            track = QRect(words.left(), inner.bottom() - scaled(7), words.width(), scaled(3))
            painter.fillRect(track, theme.colour("track"))
            track.setWidth(round(track.width() * min(1.0, share)))
            painter.fillRect(track, theme.colour("mut" if condition.state == "paused" else "soft"))

    # ---- buttons

    def buttons(self, deeds: tuple[Deed, ...], cell: QRect) -> list[tuple[Deed, QRect]]:
        """Where each button stands in its cell, as many as there is room for."""
        metrics, found = QFontMetrics(font(12, 500)), []
        left, high = cell.left(), scaled(24)
        for deed in deeds:
            wide = _button(metrics, deed)
            if left + wide > cell.right() - scaled(4):
                break
            found.append((deed, QRect(left, cell.center().y() - high // 2 + 1, wide, high)))
            left += wide + scaled(APART)
        return found

    def _paint_buttons(self, painter: QPainter, row: Row, cell: QRect) -> None:
        theme = self._table.theme
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(font(12, 500))
        for deed, box in self._table.buttons(row, cell):
            at = row.key, deed
            painter.setPen(QPen(theme.colour("mut" if at == self._hovered else "band"), 1))
            painter.setBrush(theme.colour("track" if at == self.pressed else "panel"))
            painter.drawRoundedRect(QRectF(box).adjusted(0.5, 0.5, -0.5, -0.5), scaled(5), scaled(5))
            painter.setPen(theme.colour("text"))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, WORDS[deed])
