"""The command palette: type a few letters of what is wanted, Enter does it."""

from collections.abc import Callable

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from desk.panel.actions import Action
from desk.panel.overlay import Overlay
from desk.panel.theme import Theme, font, scaled
from desk.panel.words import tr

WIDE, ROW, ROWS = 560, 34, 10


class CommandPalette(Overlay):
    """Lists the actions that can be done now and emits `chosen` with the one that was taken.

    `offered` is asked each time it opens.
    """

    chosen = Signal(object)

    def __init__(self, theme: Theme, over: QWidget, offered: Callable[[], list[Action]]) -> None:
        super().__init__(theme, over)
        self._offered = offered
        self._actions: list[Action] = []
        self.setAccessibleName(tr("Commands"))
        self.line = QLineEdit()
        self.line.setPlaceholderText(tr("What is to be done?"))
        self.line.setAccessibleName(tr("Find a command"))
        self.line.textChanged.connect(self._filter)
        self.line.installEventFilter(self)
        self.list = QListWidget()
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setAccessibleName(tr("Commands found"))
        self.list.setUniformItemSizes(True)
        self.list.setItemDelegate(_Row(theme, self.list))
        self.list.setStyleSheet("QListWidget { background: transparent; border: none; outline: none; }")
        self.list.itemClicked.connect(lambda _item: self.take())
        page = QVBoxLayout(self)
        page.setContentsMargins(12, 12, 12, 12)
        page.setSpacing(8)
        page.addWidget(self.line)
        page.addWidget(self.list)
        self.setFocusProxy(self.line)

    def open(self) -> None:
        self._actions = self._offered()
        self.line.clear()
        self._filter("")
        super().open()

    def place(self) -> None:
        """A fifth from the top, where it stays while the list below the line grows and shrinks."""
        self.setFixedWidth(min(scaled(WIDE), self._over.width() - 32))
        rows = (self._over.height() * 5 // 6 - scaled(80)) // scaled(ROW)
        self.list.setFixedHeight(scaled(ROW) * max(1, min(ROWS, rows, self.list.count())))
        self.adjustSize()
        self.move((self._over.width() - self.width()) // 2, self._over.height() // 6)

    def take(self) -> None:
        """Close, and do what is marked."""
        row = self.list.currentRow()
        if row < 0:
            return
        action = self.list.item(row).data(Qt.ItemDataRole.UserRole)
        self.close_over()
        self.chosen.emit(action)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.line and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: ROWS, Qt.Key.Key_PageUp: -ROWS}
            if event.key() in step:
                last = self.list.count() - 1
                self.list.setCurrentRow(max(0, min(last, self.list.currentRow() + step[Qt.Key(event.key())])))
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.take()
                return True
        if watched is self.line and event.type() == QEvent.Type.FocusOut:
            self.close_over()
        return super().eventFilter(watched, event)

    def _filter(self, text: str) -> None:
        words = text.lower().split()
        found = [action for action in self._actions if all(word in action.words.lower() for word in words)]
        # What begins with the letters typed comes first; else the order of the table stays.
        found.sort(key=lambda action: not action.words.lower().startswith(text.lower().strip()))
        self.list.clear()
        for action in found:
            item = QListWidgetItem(action.words)
            item.setData(Qt.ItemDataRole.UserRole, action)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{action.words} {action.cap}".strip())
            self.list.addItem(item)
        self.list.setCurrentRow(0 if found else -1)
        if self.isVisible():
            self.place()


class _Row(QStyledItemDelegate):
    """One command: its words, and its key at the right."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(scaled(WIDE) - 40, scaled(ROW))

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        theme, action = self._theme, index.data(Qt.ItemDataRole.UserRole)
        box = QRectF(option.rect)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour("track"))
            painter.drawRoundedRect(box, 4, 4)
        face = font(12, mono=True)
        painter.setFont(face)
        painter.setPen(theme.colour("soft"))
        line = box.adjusted(10, 0, -10, 0)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(line, Qt.AlignmentFlag.AlignRight | middle, action.cap)
        room = line.width() - QFontMetricsF(face).horizontalAdvance(action.cap) - 16
        painter.setFont(font(13))
        painter.setPen(theme.colour("text"))
        words = painter.fontMetrics().elidedText(action.words, Qt.TextElideMode.ElideRight, int(room))
        painter.drawText(line, middle, words)
        painter.restore()
