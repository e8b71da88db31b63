"""The rail at the left edge: the views that there are, and the sheet of keys."""

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QPushButton, QVBoxLayout, QWidget

from desk.panel.cards import paint_focus
from desk.panel.icons import paint_icon
from desk.panel.theme import Theme, canvas, font, scaled
from desk.panel.views import Entry
from desk.panel.words import tr


class Rail(QWidget):
    """Emits `chosen` with the name of the view that is wanted; `mark` shows where one is."""

    help = Signal()
    chosen = Signal(str)

    def __init__(self, theme: Theme, entries: tuple[Entry, ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._wide = False
        self.doors = {entry.name: Door(theme, entry, key) for key, entry in enumerate(entries, start=1)}
        self._help = QPushButton("?")
        self._help.setProperty("bare", True)
        self._help.setStyleSheet("padding: 0;")
        self._help.setAccessibleName(tr("Keys"))
        self._help.setToolTip(tr("Keys  ?"))
        self._help.clicked.connect(self.help)
        self._column = column = QVBoxLayout(self)
        for door in self.doors.values():
            column.addWidget(door)
            door.clicked.connect(lambda _checked=False, name=door.entry.name: self.chosen.emit(name))
        column.addStretch(1)
        column.addWidget(self._help, 0, Qt.AlignmentFlag.AlignHCenter)
        theme.changed.connect(self._measure)
        self._measure()
        self.mark(entries[0].name)

    def widen(self, wide: bool) -> None:
        """Take the width that a large window has room for."""
        if wide != self._wide:
            self._wide = wide
            self._measure()

    def _measure(self) -> None:
        longest = max(QFontMetricsF(font(11, 600)).horizontalAdvance(door.entry.title) for door in self.doors.values())
        self.setFixedWidth(max(scaled(72 if self._wide else 56), round(longest) + scaled(BESIDE)))
        self._column.setContentsMargins(0, scaled(48), 1, scaled(6))
        self._column.setSpacing(scaled(4))
        self._help.setFixedSize(scaled(32), scaled(32))
        self.update()

    def mark(self, name: str) -> None:
        """Show that the view `name` is the one in front."""
        for door in self.doors.values():
            door.setChecked(door.entry.name == name)

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = self._theme
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.colour("panel"))
        painter.fillRect(QRectF(self.width() - 1, 0, 1, self.height()), theme.colour("line"))
        painter.end()
        with canvas(self) as (painter, size):
            box = QRectF(size.width() / 2 - 11, 13, 22, 22)
            paint_icon(painter, box, "mark", theme.colour("text").name())


BESIDE = 8
"""What the rail is wider than its longest word."""
HIGHEST, LOWEST = 56.0, 38.0
"""A door; in a low window with large text it does without the room around its icon and its word."""


class Door(QAbstractButton):
    """One view on the rail: icon over word, lit where one is."""

    def __init__(self, theme: Theme, entry: Entry, key: int) -> None:
        super().__init__()
        self._theme, self.entry = theme, entry
        self.setCheckable(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(entry.title)
        self.setToolTip(f"{entry.title}  {key}")
        theme.changed.connect(self._measure)
        self._measure()

    def _measure(self) -> None:
        self.setMinimumHeight(scaled(LOWEST))
        self.setMaximumHeight(scaled(HIGHEST))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(scaled(HIGHEST), scaled(HIGHEST))

    def nextCheckState(self) -> None:
        """A click asks for the view; the mark moves when the window has turned to it."""

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = self._theme
        lit = self.isChecked() or self.underMouse()
        with canvas(self) as (painter, size):
            wide, high = size.width(), size.height()
            roomy = (high - LOWEST) / (HIGHEST - LOWEST)
            if self.isChecked():
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(theme.colour("raised"))
                painter.drawRoundedRect(QRectF(4, 0, wide - 7, high), 6, 6)
                painter.fillRect(QRectF(0, high / 2 - 15, 3, 30), theme.colour("text"))
            ink = theme.colour("text" if lit else "soft")
            paint_icon(painter, QRectF(wide / 2 - 10, 1 + 7 * roomy, 20, 20), self.entry.icon, ink.name())
            painter.setPen(ink)
            painter.setFont(font(11, 600) if self.isChecked() else font(11, 500))
            word = QRectF(0, 20 + 12 * roomy, wide, 18)
            painter.drawText(word, Qt.AlignmentFlag.AlignCenter, self.entry.title)
            if self.hasFocus():
                paint_focus(painter, theme, QRectF(4, 0, wide - 7, high), 6)
