"""What lies over the window for a moment: a raised sheet that takes the focus and gives it back."""

from collections.abc import Sequence
from itertools import combinations, pairwise

from PySide6.QtCore import QEvent, QObject, QRectF, QSize, Qt
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from desk.panel.actions import GROUPS, IN_PARTS, Action
from desk.panel.furniture import Label
from desk.panel.theme import RADIUS, Theme, scaled
from desk.panel.words import tr

EDGE = 56
"""The room in pixels that a sheet leaves around its content within the window."""
MOST_COLUMNS, BELOW = 3, 16
"""Columns of the sheet of keys, and the room between two blocks of keys that stand below each other."""


class Overlay(QFrame):
    """Opens over `over`, in its middle unless it is placed elsewhere; Esc, or a second `toggle`, closes it."""

    def __init__(self, theme: Theme, over: QWidget) -> None:
        super().__init__(over)
        self._theme = theme
        self._over = over
        self._before: QWidget | None = None
        self._content: QWidget | None = None
        self._view: QScrollArea | None = None
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

    def hold(self, content: QWidget) -> QScrollArea:
        """A view of the content, as large as it is where the window has room, else to be scrolled by wheel and keys."""
        self._content, self._view = content, QScrollArea()
        self._view.setWidget(content)
        self._view.setWidgetResizable(True)
        self._view.setFrameShape(QFrame.Shape.NoFrame)
        self._view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        for part in (self._view, self._view.viewport(), content):
            part.setAutoFillBackground(False)
        return self._view

    def place(self) -> None:
        """Where it stands: the middle of what it lies over."""
        if self._view is not None and self._content is not None:
            wanted, over = self._content.sizeHint(), self._over.size() - QSize(2 * EDGE, 2 * EDGE)
            bar = self._view.verticalScrollBar().sizeHint().width() if wanted.height() > over.height() else 0
            self._view.setFixedSize(min(wanted.width() + bar, over.width()), min(wanted.height(), over.height()))
        self.adjustSize()
        over = self._over
        self.move(max(0, (over.width() - self.width()) // 2), max(0, (over.height() - self.height()) // 2))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_PageDown: 0.8, Qt.Key.Key_PageUp: -0.8}
        if event.key() == Qt.Key.Key_Escape:
            self.close_over()
        elif event.key() in steps and self._view is not None:
            bar = self._view.verticalScrollBar()
            bar.setValue(bar.value() + round(steps[Qt.Key(event.key())] * self._view.height()))
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
        self.setAccessibleName(tr("Keys"))
        keyed = [action for action in actions if action.keys]
        rows = {group: [(each.cap, each.words) for each in keyed if each.group == group] for group in GROUPS}
        rows[tr("In a part")] = list(IN_PARTS)
        self.setAccessibleDescription(". ".join(f"{key}: {words}" for each in rows.values() for key, words in each))
        self._blocks = [self._block(group, lines) for group, lines in rows.items() if lines]
        content = QWidget()
        self._page = page = QVBoxLayout(content)
        page.setContentsMargins(28, 22, 28, 24)
        page.setSpacing(14)
        page.addWidget(Label(theme, tr("Keys"), 16, 600))
        row = QHBoxLayout()
        row.setSpacing(36)
        page.addLayout(row)
        self._columns = [QVBoxLayout() for _ in range(MOST_COLUMNS)]
        for column in self._columns:
            column.setSpacing(BELOW)
            row.addLayout(column)
            row.setAlignment(column, Qt.AlignmentFlag.AlignTop)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(1, 1, 1, 1)
        outer.addWidget(self.hold(content))

    def place(self) -> None:
        """Two columns, or more where that saves the scrolling; one where there is no room for two side by side."""
        room = self._over.size() - QSize(2 * EDGE, 2 * EDGE)
        for count in range(2, MOST_COLUMNS + 1):
            size = self._divide(count)
            if size.width() > room.width():
                self._divide(count - 1)
                break
            if size.height() <= room.height():
                break
        super().place()

    def _divide(self, count: int) -> QSize:
        """Put the blocks, in their order, into so many columns, the highest of which is as low as can be; gives how
        large the page is with them."""
        blocks = self._blocks
        ends = ((0, *cuts, len(blocks)) for cuts in combinations(range(1, len(blocks)), count - 1))
        ways = [[blocks[first:end] for first, end in pairwise(each)] for each in ends]
        best = min(ways, key=lambda way: max(map(_height, way)), default=[blocks])
        for column, part in zip(self._columns, best, strict=False):
            for block in part:
                column.addWidget(block)
        self._page.activate()
        return self._page.totalSizeHint()

    def _block(self, group: str, lines: list[tuple[str, str]]) -> QWidget:
        block = QWidget()
        grid = QGridLayout(block)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(7)
        grid.setColumnMinimumWidth(0, scaled(92))
        grid.setColumnStretch(1, 1)
        grid.addWidget(Label(self._theme, group, 12, 600, token="mut"), 0, 0, 1, 2)
        for row, (key, words) in enumerate(lines, start=1):
            left = Label(self._theme, key, weight=500, mono=True)
            grid.addWidget(left, row, 0)
            grid.addWidget(Label(self._theme, words, 13, token="soft"), row, 1)
        return block


def _height(column: Sequence[QWidget]) -> int:
    """How high these blocks are below each other."""
    return sum(block.sizeHint().height() + BELOW for block in column)
