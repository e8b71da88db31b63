"""The cells of the table: painted, and lent an editor while one is edited."""

from typing import TYPE_CHECKING

from PySide6.QtCore import (
    QAbstractItemModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
)
from PySide6.QtGui import QFont, QFontMetrics, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import QComboBox, QLineEdit, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from desk.panel.numbers import spoken
from desk.panel.theme import font, scaled
from desk.panel.tiers.edits import choices
from desk.panel.tiers.fields import FIELDS

if TYPE_CHECKING:
    from desk.panel.tiers.grid import Grid

ROW, PAD = 26, 12

Index = QModelIndex | QPersistentModelIndex


class Cells(QStyledItemDelegate):
    """Paints the cells, and lends them editors: a line for numbers and texts, a box for names."""

    def __init__(self, grid: "Grid") -> None:
        super().__init__(grid)
        self._grid = grid

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(scaled(112), scaled(ROW))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        grid, theme = self._grid, self._grid.theme
        settings = grid.settings
        tier, field = settings.at(index)
        rect: QRect = option.rect
        ordered, before = settings.edits.is_ordered(tier, field.path), settings.edits.preset_value(tier, field.path)
        painter.save()
        painter.setPen(QPen(theme.colour("line"), 1))
        if index.row() and FIELDS[index.row() - 1].group != field.group:
            painter.drawLine(rect.topLeft(), rect.topRight())
        line = QRect(rect.left(), rect.top(), rect.width(), grid.row_height())
        if index == grid.currentIndex() and grid.hasFocus():
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(theme.colour("soft"), 1.5))
            painter.setBrush(theme.colour("raised"))
            painter.drawRoundedRect(line.adjusted(3, 2, -3, -2), 4, 4)
        inner = line.adjusted(scaled(PAD), 0, -scaled(PAD), 0)
        face = font(13, 700 if before is not None else 400)
        painter.setFont(face)
        value = field.show(settings.value(index))
        plain = value == field.blank or ordered
        painter.setPen(theme.colour("mut" if plain else "text"))
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        words = f"… {value}" if ordered else value
        painter.drawText(
            inner, right, QFontMetrics(face).elidedText(words, Qt.TextElideMode.ElideMiddle, inner.width())
        )
        struck = grid.struck(index)
        if before is not None and not struck.isEmpty():
            small = QFont(font(11))
            small.setStrikeOut(True)
            painter.setFont(small)
            painter.setPen(theme.colour("mut"))
            text = QFontMetrics(small).elidedText(
                field.show(before[0]), Qt.TextElideMode.ElideRight, struck.width() + 1
            )
            painter.drawText(struck, right, text)
        painter.restore()

    # ---- editors

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        tier, field = self._grid.settings.at(index)
        if field.kind == "choice":
            box = QComboBox(parent)
            for value in choices(field, self._grid.settings.edits.wanted[tier]):
                box.addItem(field.show(value), value)
            box.activated.connect(lambda _index: self._leave(box))
            editor: QWidget = box
        else:
            line = QLineEdit(parent)
            line.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            line.setPlaceholderText(field.blank)
            editor = line
        unit = spoken(field.unit, self._grid.numbers.currency)
        editor.setAccessibleName(f"{tier}, {field.label} {unit}".strip())
        return editor

    def setEditorData(self, editor: QWidget, index: Index) -> None:
        if isinstance(editor, QComboBox):
            editor.setCurrentIndex(editor.findData(self._grid.settings.value(index)))
            editor.showPopup()
        elif isinstance(editor, QLineEdit) and not editor.isModified():
            editor.setText(index.data(Qt.ItemDataRole.EditRole))
            editor.selectAll()

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: Index) -> None:
        rect: QRect = option.rect
        editor.setGeometry(QRect(rect.topLeft() + QPoint(3, 1), QSize(rect.width() - 6, self._grid.row_height() - 2)))

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: Index) -> None:
        """An editor that loses the focus: a value that cannot be taken is dropped, the old one goes on."""
        if text_of(editor) != index.data(Qt.ItemDataRole.EditRole):
            self._grid.try_to_take(editor)

    def _leave(self, editor: QWidget) -> None:
        if self._grid.try_to_take(editor):
            self.closeEditor.emit(editor, QStyledItemDelegate.EndEditHint.NoHint)

    def eventFilter(self, editor: QObject, event: QEvent) -> bool:
        enter = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.key() in enter:
            if isinstance(editor, QWidget):
                self._leave(editor)
            return True
        return super().eventFilter(editor, event)


def text_of(editor: QWidget) -> str:
    """What an editor holds, as its field reads it."""
    if isinstance(editor, QComboBox):
        return editor.currentData()
    assert isinstance(editor, QLineEdit)
    return editor.text()
