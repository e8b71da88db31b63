"""What lies over the window for a moment: a raised sheet that takes the focus and gives it back."""

from PySide6.QtCore import QEvent, QObject, QRectF, Qt
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from desk.panel.actions import GROUPS, IN_PARTS, Action
from desk.panel.furniture import Label
from desk.panel.theme import RADIUS, Theme


class Overlay(QFrame):
    """Opens over `over`, in its middle unless it is placed elsewhere; Esc, or a second `toggle`, closes it."""

    def __init__(self, theme: Theme, over: QWidget) -> None:
        super().__init__(over)
        self._theme = theme
        self._over = over
        self._before: QWidget | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        over.installEventFilter(self)
        self.hide()

    def toggle(self) -> None:
        if self.isHidden():
            self.open()
        else:
            self.close_over()

    def open(self) -> None:
        """Come up, with the focus."""
        if self.isHidden():
            self._before = self._over.focusWidget()
        self.place()
        self.show()
        self.raise_()
        self.setFocus(Qt.FocusReason.PopupFocusReason)

    def close_over(self) -> None:
        """Go away, and give the focus back to who had it."""
        if self.isHidden():
            return
        before, self._before = self._before, None
        mine = self._over.focusWidget()
        self.hide()
        if mine is not None and (mine is self or self.isAncestorOf(mine)):
            if before is not None and before.isVisible():
                before.setFocus(Qt.FocusReason.PopupFocusReason)
            else:
                mine.clearFocus()

    def place(self) -> None:
        """Where it stands: the middle of what it lies over."""
        self.adjustSize()
        over = self._over
        self.move(max(0, (over.width() - self.width()) // 2), max(0, (over.height() - self.height()) // 2))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close_over()
        elif event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            # Enter ends here: what lies below must not be pressed through the sheet.
            super().keyPressEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self.place()
        return super().eventFilter(watched, event)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._theme.colour("mut"), 1))
        painter.setBrush(self._theme.colour("raised"))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), RADIUS, RADIUS)
        painter.end()


class KeySheet(Overlay):
    """The keys of the window, by what they are about."""

    def __init__(self, theme: Theme, over: QWidget, actions: tuple[Action, ...]) -> None:
        super().__init__(theme, over)
        self.setAccessibleName("Keys")
        keyed = [action for action in actions if action.keys]
        rows = {group: [(each.cap, each.words) for each in keyed if each.group == group] for group in GROUPS}
        rows["In a part"] = list(IN_PARTS)
        self.setAccessibleDescription(". ".join(f"{key}: {words}" for each in rows.values() for key, words in each))
        page = QVBoxLayout(self)
        page.setContentsMargins(28, 22, 28, 24)
        page.setSpacing(14)
        page.addWidget(Label(theme, "Keys", 16, 600))
        columns = QHBoxLayout()
        columns.setSpacing(40)
        page.addLayout(columns)
        half = sum(len(each) + 2 for each in rows.values()) / 2
        filled = 0
        column = QVBoxLayout()
        for group, lines in rows.items():
            if not lines:
                continue
            if column.count() and filled + len(lines) / 2 > half:
                self._end(columns, column)
                column, filled = QVBoxLayout(), -len(rows)
            column.addLayout(self._block(group, lines))
            filled += len(lines) + 2
        self._end(columns, column)

    def _end(self, columns: QHBoxLayout, column: QVBoxLayout) -> None:
        column.setSpacing(16)
        column.addStretch(1)
        columns.addLayout(column)

    def _block(self, group: str, lines: list[tuple[str, str]]) -> QGridLayout:
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(7)
        grid.setColumnMinimumWidth(0, 92)
        grid.setColumnStretch(1, 1)
        grid.addWidget(Label(self._theme, group, 12, 600, token="mut"), 0, 0, 1, 2)
        for row, (key, words) in enumerate(lines, start=1):
            left = Label(self._theme, key, weight=500, mono=True)
            grid.addWidget(left, row, 0)
            grid.addWidget(Label(self._theme, words, 13, token="soft"), row, 1)
        return grid
