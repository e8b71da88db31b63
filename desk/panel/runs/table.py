"""The list of runs. Arrows walk, Shift and Ctrl+Space mark several, Enter opens, F2 renames, Delete removes."""

from collections.abc import Iterable, Sequence
from typing import Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QEvent,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QFontMetrics, QKeyEvent, QKeySequence, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QLineEdit,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from desk.panel.furniture import dress_list, lay_list
from desk.panel.numbers import Numbers, spoken
from desk.panel.runs.rows import COLUMNS, ORDERS, Column
from desk.panel.theme import MARGIN, Theme, font, scaled
from desk.panel.words import tr
from desk.runs.comparison import MOST
from desk.runs.store import Run

ROW, PAD = 32, 10
LONGEST_TITLE = 120

Index = QModelIndex | QPersistentModelIndex


class Lines(QAbstractTableModel):
    """The runs that are listed, as cells. `renamed` carries a run and the title that was typed."""

    renamed = Signal(object, str)

    def __init__(self, numbers: Numbers) -> None:
        super().__init__()
        self._numbers = numbers
        self.runs: list[Run] = []

    def show_runs(self, runs: Sequence[Run]) -> None:
        """List these; where they are the same ones in the same order, only what changed in them."""
        if [run.name for run in runs] != [run.name for run in self.runs]:
            self.beginResetModel()
            self.runs = list(runs)
            self.endResetModel()
            return
        changed = [row for row, (old, new) in enumerate(zip(self.runs, runs, strict=True)) if old != new]
        self.runs = list(runs)
        for row in changed:
            self.dataChanged.emit(self.index(row, 0), self.index(row, len(COLUMNS) - 1))

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        return 0 if parent.isValid() else len(self.runs)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008  Qt's own signature
        return 0 if parent.isValid() else len(COLUMNS)

    def flags(self, index: Index) -> Qt.ItemFlag:
        can = Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled
        return can | Qt.ItemFlag.ItemIsEditable if index.column() == 0 else can

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        column = COLUMNS[section] if orientation == Qt.Orientation.Horizontal else None
        if column is not None and role == Qt.ItemDataRole.DisplayRole:
            return column.head
        if column is not None and role == Qt.ItemDataRole.TextAlignmentRole:
            return _aligned(column)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        run, column = self.runs[index.row()], COLUMNS[index.column()]
        text = column.text(run, self._numbers)
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return text
        if role == Qt.ItemDataRole.ToolTipRole:
            return "\n".join(filter(None, (text, *_more(run, column))))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            said = text if index.column() == 0 else f"{column.head}: {text} {spoken(column.unit)}"
            return ". ".join([said.strip(), *_more(run, column)])
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        run = self.runs[index.row()]
        if role != Qt.ItemDataRole.EditRole or value.strip() == run.title:
            return False
        self.renamed.emit(run, value.strip())
        return True


def _more(run: Run, column: Column) -> list[str]:
    """What there is to say of a cell beside its text."""
    if column.name == "name":
        marks = run.marks
        return [text for text in (", ".join(marks.tags), marks.note, run.name if marks.title else "") if text]
    return [run.trouble] if column.name == "badges" and run.trouble else []


def _aligned(column: Column) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column.right else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter


class Table(QTableView):
    """The list. `chosen` tells of other marked runs, `opened` of one to be played; the rest asks for what it says."""

    chosen = Signal()
    opened = Signal(object)
    removed = Signal()
    undone = Signal()
    order_asked = Signal(str)

    def __init__(self, theme: Theme, numbers: Numbers) -> None:
        super().__init__()
        self.theme = theme
        self.lines = Lines(numbers)
        self.undoable = False
        """Whether Ctrl+Z brings a run back; else it is the window's."""
        self.order = "started"
        self.empty = ""
        """What stands there where no run does."""
        self._marked: list[str] = []
        self.setModel(self.lines)
        self.setItemDelegate(_Cells(self))
        lay_list(self, tr("Runs"))
        head = self.horizontalHeader()
        head.setSectionsClickable(True)
        head.setSortIndicatorShown(False)
        head.sectionClicked.connect(self._ask_order)
        self.setWordWrap(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        said = tr("Enter opens a run, F2 renames it, Delete removes it; mark two to compare them")
        self.setAccessibleDescription(said)
        self.selectionModel().selectionChanged.connect(self._follow_marks)
        self.doubleClicked.connect(self._open)
        theme.changed.connect(self._dress)
        self._dress()

    def _dress(self) -> None:
        hovered = f"QHeaderView::section:hover {{ color: {self.theme.palette.text}; }}"
        lead = f"QHeaderView::section:first {{ padding-left: {scaled(MARGIN)}px; }}"
        padding = f"0 {scaled(PAD) - 3}px 0 {scaled(MARGIN) - 3}px"
        editor = f"QLineEdit {{ padding: {padding}; min-height: 0; border-radius: 4px; }}"
        dress_list(self, self.theme, ROW, PAD, hovered + lead + editor)
        self._lay_out()

    # ---- which runs

    def show_runs(self, runs: Sequence[Run]) -> None:
        """List these, with the marks and the current line on the runs that they were on."""
        marked, current = list(self._marked), self.current
        same = [run.name for run in runs] == [run.name for run in self.lines.runs]
        self.lines.show_runs(runs)
        if same:
            return
        names = [run.name for run in runs]
        self._mark([name for name in marked if name in names])
        if current is not None and current.name in names:
            self._stand_on(names.index(current.name))
        elif not self._marked and runs:
            self.setCurrentIndex(self.lines.index(0, 0))
        self.viewport().update()
        self.chosen.emit()

    @property
    def current(self) -> Run | None:
        """The run that the keys stand on."""
        row = self.currentIndex().row()
        return self.lines.runs[row] if 0 <= row < len(self.lines.runs) else None

    @property
    def marked(self) -> list[Run]:
        """The marked runs in the order in which they were marked."""
        runs = {run.name: run for run in self.lines.runs}
        return [runs[name] for name in self._marked if name in runs]

    def go_to(self, name: str) -> None:
        """Mark a run alone, and bring it into sight."""
        names = [run.name for run in self.lines.runs]
        if name in names:
            self.setCurrentIndex(self.lines.index(names.index(name), 0))

    def number_of(self, run: Run) -> int | None:
        """Which of several marked runs it is, from 1; `None` where it is none of two to four."""
        if run.name in self._marked and 2 <= len(self._marked) <= MOST:
            return self._marked.index(run.name) + 1
        return None

    def _mark(self, names: Iterable[str]) -> None:
        rows = {run.name: row for row, run in enumerate(self.lines.runs)}
        flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
        for name in names:
            self.selectionModel().select(self.lines.index(rows[name], 0), flags)

    def _stand_on(self, row: int) -> None:
        flags = QItemSelectionModel.SelectionFlag.NoUpdate if self._marked else QItemSelectionModel.SelectionFlag.Rows
        if not self._marked:
            flags |= QItemSelectionModel.SelectionFlag.ClearAndSelect
        self.selectionModel().setCurrentIndex(self.lines.index(row, 0), flags)

    def _follow_marks(self) -> None:
        """Keep the order of marking: what is new goes behind what was there."""
        there = [self.lines.runs[index.row()].name for index in self.selectionModel().selectedRows()]
        kept = [name for name in self._marked if name in there]
        self._marked = kept + [name for name in there if name not in kept]
        self.viewport().update()
        self.chosen.emit()

    # ---- hands

    def _open(self, index: Index) -> None:
        if index.isValid():
            self.opened.emit(self.lines.runs[index.row()])

    def _ask_order(self, section: int) -> None:
        if COLUMNS[section].name in ORDERS:
            self.order_asked.emit(COLUMNS[section].name)

    def rename(self) -> None:
        """Lend the title of the current run an editor."""
        row = self.currentIndex().row()
        if row >= 0:
            index = self.lines.index(row, 0)
            self._stand_on(row)
            self.setFocus()
            self.edit(index)

    def event(self, event: QEvent) -> bool:
        """Ctrl+Z is the list's own while there is a run to bring back, before the window takes it for its own."""
        if isinstance(event, QKeyEvent) and event.matches(QKeySequence.StandardKey.Undo) and self.undoable:
            if event.type() == QEvent.Type.ShortcutOverride:
                event.accept()
                return True
            if event.type() == QEvent.Type.KeyPress:
                self.undone.emit()
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        if self.state() == QAbstractItemView.State.EditingState:
            super().keyPressEvent(event)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and plain:
            self._open(self.currentIndex())
        elif event.key() == Qt.Key.Key_F2:
            self.rename()
        elif event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and plain:
            self.removed.emit()
        else:
            super().keyPressEvent(event)

    # ---- measures

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_out()

    def _lay_out(self) -> None:
        """Leave out what there is no room for, and share the rest out between the name and the marks."""
        room = self.viewport().width()
        head = QFontMetrics(font(12)).horizontalAdvance
        wide = {column: max(scaled(column.wide), head(column.head) + 2 * scaled(PAD)) for column in COLUMNS}
        shown = list(COLUMNS)
        while len(shown) > 1 and sum(wide[column] for column in shown) > room:
            spare = max(shown, key=lambda column: column.spare)
            if not spare.spare:
                break
            shown.remove(spare)
        left = room - sum(wide[column] for column in shown)
        for place, column in enumerate(COLUMNS):
            self.setColumnHidden(place, column not in shown)
            share = {"name": left // 2, "badges": left - left // 2}.get(column.name, 0)
            if column.name == "name" and COLUMNS[-1] not in shown:
                share = left
            self.setColumnWidth(place, wide[column] + share)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self.empty and not self.lines.runs:
            painter = QPainter(self.viewport())
            painter.setFont(font(13))
            painter.setPen(self.theme.colour("mut"))
            room = self.viewport().rect().adjusted(scaled(MARGIN), 0, -scaled(MARGIN), 0)
            painter.drawText(room, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self.empty)
            painter.end()


class _Cells(QStyledItemDelegate):
    """Paints the cells; a line is marked by its ground, and has its number where several are."""

    def __init__(self, table: Table) -> None:
        super().__init__(table)
        self._table = table

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(scaled(60), scaled(ROW))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        table, theme, rect = self._table, self._table.theme, QRect(option.rect)
        run, column = table.lines.runs[index.row()], COLUMNS[index.column()]
        marked = table.selectionModel().isRowSelected(index.row())
        painter.save()
        if marked:
            painter.fillRect(rect, theme.colour("raised"))
        if index.column() == 0:
            if marked:
                painter.fillRect(QRect(rect.left(), rect.top(), 3, rect.height()), theme.colour("text"))
            if table.hasFocus() and index.row() == table.currentIndex().row():
                self._ring(painter, rect)
            rect = self._numbered(painter, rect, run)
        inner = rect.adjusted(scaled(PAD if index.column() else MARGIN), 0, -scaled(PAD), 0)
        text = index.data()
        if column.name == "name":
            inner = self._titled(painter, inner, run)
        else:
            words = column.name in ("started", "device", "provider", "model", "scenario", "badges")
            painter.setFont(font(12 if words else 13))
            painter.setPen(theme.colour("soft" if words or not run.summary else "text"))
            painter.drawText(inner, _aligned(column), _elided(painter, text, inner.width()))
        painter.restore()

    def _ring(self, painter: QPainter, name: QRect) -> None:
        """The ring around the line that the keys stand on."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._table.theme.colour("soft"), 2))
        line = QRect(name.left(), name.top(), name.width(), name.height())
        painter.drawRoundedRect(line.adjusted(4, 2, -2, -2), 4, 4)

    def _numbered(self, painter: QPainter, rect: QRect, run: Run) -> QRect:
        """Put the number of a run that is compared before its name; gives what is left."""
        number = self._table.number_of(run)
        if number is None:
            return rect
        side = scaled(18)
        box = QRect(rect.left() + scaled(MARGIN), rect.center().y() - side // 2, side, side)
        theme = self._table.theme
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour("text" if number == 1 else "band"))
        painter.drawRoundedRect(box, 4, 4)
        painter.setPen(theme.colour("panel" if number == 1 else "text"))
        painter.setFont(font(11, 700))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, str(number))
        return rect.adjusted(side + scaled(8), 0, 0, 0)

    def _titled(self, painter: QPainter, room: QRect, run: Run) -> QRect:
        """The title, and behind it the tags that there is room for."""
        theme = self._table.theme
        painter.setFont(font(13, 500))
        painter.setPen(theme.colour("text"))
        title = _elided(painter, run.title, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, title)
        left = room.left() + painter.fontMetrics().horizontalAdvance(title) + scaled(8)
        painter.setFont(font(11))
        for tag in run.marks.tags:
            wide = painter.fontMetrics().horizontalAdvance(tag) + scaled(10)
            if left + wide > room.right():
                break
            box = QRect(left, room.center().y() - scaled(8), wide, scaled(17))
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(theme.colour("band"), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box, 4, 4)
            painter.setPen(theme.colour("soft"))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, tag)
            left += wide + scaled(4)
        return room

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        line = QLineEdit(parent)
        line.setMaxLength(LONGEST_TITLE)
        line.setAccessibleName(tr("Title of {run}", run=self._table.lines.runs[index.row()].title))
        return line


def _elided(painter: QPainter, text: str, room: int) -> str:
    return QFontMetrics(painter.font()).elidedText(text, Qt.TextElideMode.ElideRight, room)
