"""The table of the Tiers view: a row for each setting, a column for each tier, the dearest first.

A cell shows what is wanted; what is still on its way is faint, and what differs from the preset is bold, with the
preset's value struck through beside it. A value that no lane can run stays in its editor, with a sentence below it.
"""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QRect,
    Qt,
    Signal,
)
from PySide6.QtGui import QFontMetrics, QKeyEvent, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QLabel,
    QLineEdit,
    QStyledItemDelegate,
    QTableView,
    QWidget,
)

from desk.panel.numbers import Numbers, spoken
from desk.panel.theme import Theme, font, scaled
from desk.panel.tiers.cells import PAD, ROW, Cells, Index, text_of
from desk.panel.tiers.edits import Edits
from desk.panel.tiers.fields import FIELDS, Field, as_sentence
from desk.panel.tiers.heads import FieldHead, TierHead
from desk.panel.words import tr

TALLEST_ROW, SENTENCE = 34, 26
WIDEST = 220
"""A model with a longer name is cut in its middle."""


Order = Callable[[Callable[[], Any]], None]
"""Carries an order out, and shows the trouble it meets."""


class Settings(QAbstractTableModel):
    """What is wanted of each tier, as cells; `columns` are the tiers from left to right."""

    refused = Signal(int, int, str)

    def __init__(self, numbers: Numbers, edits: Edits, order: Order) -> None:
        super().__init__()
        self.edits = edits
        self._numbers = numbers
        self._order = order
        self.columns: tuple[str, ...] = ()
        self._before: object = None

    def refresh(self) -> None:
        """Follow what is in force and what is on its way."""
        columns = tuple(reversed(self.edits.wanted))
        if columns != self.columns:
            self.beginResetModel()
            self.columns = columns
            self.endResetModel()
        state = (self.edits.wanted, self.edits.now, self.edits.origin)
        if state != self._before and columns:
            self._before = state
            self.dataChanged.emit(self.index(0, 0), self.index(len(FIELDS) - 1, len(columns) - 1))

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        return len(FIELDS)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        return len(self.columns)

    def flags(self, index: Index) -> Qt.ItemFlag:
        can = Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled
        return can if self.edits.read_only else can | Qt.ItemFlag.ItemIsEditable

    def at(self, index: Index) -> tuple[str, Field]:
        """The tier and the field of a cell."""
        return self.columns[index.column()], FIELDS[index.row()]

    def value(self, index: Index) -> Any:
        tier, field = self.at(index)
        return field.of(self.edits.wanted[tier])

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        tier, field = self.at(index)
        value = self.value(index)
        if role == Qt.ItemDataRole.DisplayRole:
            return field.show(value)
        if role == Qt.ItemDataRole.EditRole:
            return field.write(value)
        if role == Qt.ItemDataRole.ToolTipRole:
            return "\n".join(self._words(tier, field))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            unit = spoken(field.unit, self._numbers.currency)
            said = f"{tier}, {field.label}: {field.show(value)} {unit}"
            return ". ".join([said.strip(), *self._words(tier, field)])
        return None

    def _words(self, tier: str, field: Field) -> list[str]:
        """What there is to say of a cell beside its value."""
        edits, words = self.edits, []
        if edits.is_ordered(tier, field.path):
            held = field.show(field.of(edits.now[tier]))
            words.append(
                tr("Ordered; {value} is in force until the lane has drained.", value=held)
                if field.drains
                else tr("Ordered; {value} is in force until it is taken.", value=held)
            )
        before = edits.preset_value(tier, field.path)
        if before is not None and edits.origin is not None:
            value = field.show(before[0])
            words.append(tr("{preset} has {value}; Delete goes back to it.", preset=edits.origin.title, value=value))
        if field.note:
            words.append(as_sentence(field.note))
        return words

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        tier, field = self.at(index)
        try:
            wanted = field.read(value)
            if wanted != self.value(index):
                self._order(lambda: self.edits.set(tier, field.path, wanted))
        except ValueError as error:
            kept = field.show(field.of(self.edits.now[tier]))
            why = as_sentence(str(error))
            words = tr("▲ {why} The factory keeps {kept}. Esc takes it back.", why=why, kept=kept)
            self.refused.emit(index.row(), index.column(), words)
            return False
        self.refresh()
        return True

    def go_back(self, index: Index) -> None:
        """Take the value of the preset."""
        tier, field = self.at(index)
        before = self.edits.preset_value(tier, field.path)
        if before is not None and not self.edits.read_only:
            self._order(lambda: self.edits.set(tier, field.path, before[0]))
            self.refresh()


class Grid(QTableView):
    """The table. Arrows walk, Enter edits, Esc takes back, Delete goes back to the preset."""

    edited = Signal()
    """A value was ordered, or taken back."""

    def __init__(self, theme: Theme, numbers: Numbers, edits: Edits, order: Order) -> None:
        super().__init__()
        self.theme, self.numbers = theme, numbers
        self.settings = Settings(numbers, edits, order)
        self._refused: tuple[int, int] | None = None
        self.setModel(self.settings)
        self.setItemDelegate(Cells(self))
        self.tier_heads = TierHead(theme, numbers, self.settings)
        self.setHorizontalHeader(self.tier_heads)
        self.setVerticalHeader(FieldHead(theme, FIELDS, self))
        self.setCornerButtonEnabled(False)
        self.setShowGrid(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed)
        self.setTabKeyNavigation(False)
        self.setMouseTracking(True)
        self.setAccessibleName(tr("Settings of the tiers"))
        self._sentence = QLabel(self.viewport())
        self._sentence.setAccessibleName(tr("What is wrong with the value"))
        self._sentence.hide()
        self.settings.refused.connect(self._refuse)
        self.settings.modelReset.connect(self._settle)
        theme.changed.connect(self._dress)
        self._dress()

    def _dress(self) -> None:
        tokens = self.theme.palette
        self.setStyleSheet(
            f"QTableView {{ background: transparent; border: none; color: {tokens.text}; }}"
            f"QHeaderView {{ background: {tokens.panel}; border: none; }}"
            f"QTableCornerButton::section {{ background: {tokens.panel}; border: none; }}"
            f"QTableCornerButton::section {{ border-bottom: 1px solid {tokens.line}; }}"
            "QLineEdit, QComboBox { padding: 0 8px; min-height: 0; border-radius: 4px; }"
            f'QLineEdit[refused="true"] {{ border: 2px solid {tokens.warn}; background: {tokens.warnbg}; }}'
        )
        self._sentence.setFont(font(12, 600))
        self._sentence.setStyleSheet(f"color: {tokens.text}; background: {tokens.warnbg}; padding: 0 8px;")
        self._lay_out()

    def refresh(self) -> None:
        """Follow the edits; a cell that is being typed in is left alone."""
        self.settings.refresh()
        self.tier_heads.refresh()
        self._lay_out()

    # ---- measures

    def row_height(self) -> int:
        """As tall as leaves no part of the table out of sight, within what is neither cramped nor lost."""
        room = self.viewport().height() - (scaled(SENTENCE) if self._refused else 0)
        return min(max(room // len(FIELDS), scaled(ROW)), scaled(TALLEST_ROW))

    def _lay_out(self) -> None:
        height = self.row_height()
        for row in range(len(FIELDS)):
            extra = scaled(SENTENCE) if self._refused and self._refused[0] == row else 0
            if self.rowHeight(row) != height + extra:
                self.setRowHeight(row, height + extra)
        columns = self.settings.columnCount()
        if columns:
            least, room = self._narrowest(), self.viewport().width()
            for column in range(columns):
                self.setColumnWidth(column, max(least, room // columns))
        self._place_sentence()

    def _narrowest(self) -> int:
        """A column that shows the name of any of its models whole; the table is scrolled to the others."""
        wide = QFontMetrics(font(13, 700)).horizontalAdvance
        names = max((wide(tier.model) for tier in self.settings.edits.wanted.values()), default=0)
        return max(scaled(112), min(names + 2 * scaled(PAD) + 2, scaled(WIDEST)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_out()

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        super().scrollContentsBy(dx, dy)
        self._place_sentence()

    # ---- a value that no lane can run

    def _refuse(self, row: int, column: int, words: str) -> None:
        self._refused = (row, column)
        self._sentence.setText(words)
        self._lay_out()
        self._sentence.show()

    def _settle(self) -> None:
        """Nothing is wrong any more."""
        if self._refused is not None:
            self._refused = None
            self._sentence.hide()
        self._lay_out()

    def _place_sentence(self) -> None:
        if self._refused is None:
            return
        row, column = self._refused
        below = self.rowViewportPosition(row) + self.row_height()
        wide = min(self._sentence.sizeHint().width(), self.viewport().width())
        right = self.columnViewportPosition(column) + self.columnWidth(column)
        left = max(0, min(right, self.viewport().width()) - wide)
        self._sentence.setGeometry(left, below, wide, scaled(SENTENCE) - 4)

    def try_to_take(self, editor: QWidget) -> bool:
        """Order what is in an editor; whether it could be."""
        index = self.currentIndex()
        taken = self.settings.setData(index, text_of(editor))
        if isinstance(editor, QLineEdit):
            editor.setProperty("refused", not taken)
            editor.style().unpolish(editor)
            editor.style().polish(editor)
        if taken:
            self._settle()
            self.edited.emit()
        return taken

    def closeEditor(self, editor: QWidget, hint: QStyledItemDelegate.EndEditHint) -> None:
        super().closeEditor(editor, hint)
        self._settle()
        self.setFocus()

    # ---- hands

    def go_back(self, index: Index) -> None:
        """Go back to the preset in one cell."""
        self.settings.go_back(index)
        self._settle()
        self.edited.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        index = self.currentIndex()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.modifiers() and index.isValid():
            if not self.settings.edits.read_only:
                self.edit(index)
        elif event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and index.isValid():
            self.go_back(index)
        else:
            super().keyPressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        if index.isValid() and self.struck(index).contains(event.position().toPoint()):
            self.go_back(index)
        super().mouseReleaseEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        point = event.position().toPoint()
        index = self.indexAt(point)
        over = index.isValid() and not self.settings.edits.read_only and self.struck(index).contains(point)
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if over else Qt.CursorShape.ArrowCursor)
        super().mouseMoveEvent(event)

    def struck(self, index: Index) -> QRect:
        """Where the value of the preset stands in a cell that differs from it; empty elsewhere."""
        tier, field = self.settings.at(index)
        before = self.settings.edits.preset_value(tier, field.path)
        if before is None:
            return QRect()
        cell = self.visualRect(index)
        text = field.show(before[0])
        shown = QFontMetrics(font(13, 700)).horizontalAdvance(field.show(self.settings.value(index)))
        small = QFontMetrics(font(11))
        room = cell.width() - 2 * scaled(PAD) - shown - scaled(8)
        needed = small.horizontalAdvance(text)
        wide = min(needed, room)
        if wide < min(needed, scaled(24)):
            return QRect()
        right = cell.right() - scaled(PAD) - shown - scaled(8)
        return QRect(right - wide, cell.top(), wide, self.row_height())
