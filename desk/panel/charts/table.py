"""A strip as a table: the same points for those who read rather than look, and for a spreadsheet."""

import numpy as np
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QTableView, QWidget

from desk.panel.charts.curves import Rows
from desk.panel.furniture import dress_figures, lay_figures
from desk.panel.numbers import Numbers, spoken
from desk.panel.theme import Theme
from desk.panel.words import tr

ROW_HEIGHT = 22
_Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class _Model(QAbstractTableModel):
    """The newest row comes first, so that a living table is read from its top."""

    def __init__(self, numbers: Numbers) -> None:
        super().__init__()
        self._numbers = numbers
        self.rows = Rows(np.empty(0), ())

    def show(self, rows: Rows) -> None:
        same = (len(rows.moments), len(rows.columns)) == (len(self.rows.moments), len(self.rows.columns))
        if not same:
            self.beginResetModel()
        self.rows = rows
        if not same:
            self.endResetModel()
        elif self.rowCount() and self.columnCount():
            self.dataChanged.emit(self.index(0, 0), self.index(self.rowCount() - 1, self.columnCount() - 1))

    def rowCount(self, parent: _Index = _NOWHERE) -> int:
        return len(self.rows.moments)

    def columnCount(self, parent: _Index = _NOWHERE) -> int:
        return 1 + len(self.rows.columns)

    def value(self, row: int, column: int) -> float:
        """The number of a cell: seconds since the run began, or a figure, NaN in gaps."""
        place = len(self.rows.moments) - 1 - row
        return float(self.rows.moments[place] if column == 0 else self.rows.columns[column - 1][2][place])

    def plain(self, row: int, column: int) -> str:
        """A cell for a spreadsheet: a bare number in the unit of its column, nothing in gaps."""
        value = self.value(row, column)
        if column and self.rows.columns[column - 1][1] == "%":
            value *= 100
        return "" if np.isnan(value) else f"{value:.6g}"

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return None
        value = self.value(index.row(), index.column())
        if index.column() == 0:
            tenths = round(value, 1)
            return f"{self._numbers.clock(tenths)}{self._numbers.fixed(tenths % 1, 1)[1:]}"
        name, unit, _ = self.rows.columns[index.column() - 1]
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{name} {self._numbers.spoken(value, unit)}"
        return self._numbers.figure(value, unit)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT
        name, unit = (tr("Time"), "") if section == 0 else self.rows.columns[section - 1][:2]
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{name}, {spoken(unit, self._numbers.currency)}" if unit else name
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return f"{name[:1].upper()}{name[1:]} {self._numbers.unit(unit)}".strip()


class StripTable(QTableView):
    """The visible window of one strip, newest first. Ctrl+C copies what is selected, or all of it, for a spreadsheet.

    While something is selected the table stands still, so that what is copied is what was chosen.
    """

    def __init__(self, theme: Theme, numbers: Numbers, title: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme, self._numbers = theme, numbers
        self._model = _Model(numbers)
        self.setModel(self._model)
        lay_figures(self, tr("{chart}, as a table", chart=title))
        theme.changed.connect(self._dress)
        self._dress()

    def show_rows(self, rows: Rows) -> None:
        """Show these points, unless some of those before are selected."""
        if not self.selectionModel().hasSelection():
            self._model.show(rows)

    def text(self) -> str:
        """The selected rows, or all, as tab-separated lines under their names: seconds, and a point for decimals."""
        chosen = sorted({index.row() for index in self.selectionModel().selectedRows()})
        head = [tr("seconds"), *(f"{name} [{self._numbers.unit(unit)}]" for name, unit, _ in self._model.rows.columns)]
        lines = ["\t".join(head)]
        for row in chosen or range(self._model.rowCount()):
            lines.append("\t".join(self._model.plain(row, column) for column in range(self._model.columnCount())))
        return "\n".join(lines) + "\n"

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            QGuiApplication.clipboard().setText(self.text())
        elif event.key() == Qt.Key.Key_Escape and self.selectionModel().hasSelection():
            self.clearSelection()
        else:
            super().keyPressEvent(event)

    def _dress(self) -> None:
        dress_figures(self, self._theme, ROW_HEIGHT)
