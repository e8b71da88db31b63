"""The list: a line for each model and precision, from the smallest to the largest, with its state and its buttons.

Columns come as there is room for them: what a small window leaves out stands in the card beside the list.
"""

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QEvent, QModelIndex, QPersistentModelIndex, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QFocusEvent, QFontMetrics, QKeyEvent, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QTableView

from desk.models.condition import Key
from desk.panel.furniture import dress_list, lay_list
from desk.panel.models.columns import ALL_DEEDS, COLUMNS, DEEDS, MANY, MODEL, SPARE, STATE, size_words
from desk.panel.models.lines import PAD, Lines, room_for
from desk.panel.models.rows import SOURCES, WORDS, Deed, Row, progress_words, sizes_words, state_words
from desk.panel.numbers import Numbers
from desk.panel.theme import MARGIN, Theme, font, scaled
from desk.panel.words import tr

Index = QModelIndex | QPersistentModelIndex
NOWHERE = QModelIndex()

ROW = 34


class Listing(QAbstractTableModel):
    """The rows that are listed now."""

    def __init__(self, numbers: Numbers) -> None:
        super().__init__()
        self.numbers = numbers
        self.rows: list[Row] = []
        self.fixed = False
        """Nothing can be asked for: a recording is shown."""

    def put(self, rows: list[Row]) -> None:
        """List these rows."""
        if rows == self.rows:
            return
        same = [row.key for row in rows] == [row.key for row in self.rows]
        if same:
            self.rows = rows
            self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, len(COLUMNS) - 1))
            return
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def rowCount(self, parent: Index = NOWHERE) -> int:
        return len(self.rows)

    def columnCount(self, parent: Index = NOWHERE) -> int:
        return len(COLUMNS)

    def deeds(self, row: Row) -> tuple[Deed, ...]:
        return () if self.fixed else row.deeds

    def leads(self, place: int) -> bool:
        """Whether this line is the first of its model."""
        return place == 0 or self.rows[place - 1].condition.model != self.rows[place].condition.model

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row, column = self.rows[index.row()], COLUMNS[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return "" if column.once and not self.leads(index.row()) else column.words(row, self.numbers)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return self._said(row) if index.column() == MODEL else f"{column.head} {column.words(row, self.numbers)}"
        if role == Qt.ItemDataRole.ToolTipRole:
            condition = row.condition
            told = (row.name, progress_words(condition, self.numbers), condition.cause, condition.remedy)
            return "\n".join(filter(None, told))
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation == Qt.Orientation.Horizontal:
            if role == Qt.ItemDataRole.DisplayRole:
                return COLUMNS[section].head
            if role == Qt.ItemDataRole.TextAlignmentRole:
                side = Qt.AlignmentFlag.AlignRight if COLUMNS[section].right else Qt.AlignmentFlag.AlignLeft
                return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def _said(self, row: Row) -> str:
        numbers, condition = self.numbers, row.condition
        told = [
            row.name,
            state_words(row, numbers),
            progress_words(condition, numbers),
            *sizes_words(row, numbers),
            size_words(row, numbers) if condition.bytes and not condition.done else "",
            condition.licence,
            SOURCES[row.source],
            condition.cause.rstrip("."),
            tr("Enter: {deed}", deed=WORDS[self.deeds(row)[0]]) if self.deeds(row) else "",
        ]
        return ", ".join(filter(None, told))


class Table(QTableView):
    """Arrows walk, and nothing else happens by walking. Enter does what the first button says, Delete what removes.

    `asked` carries a key and a deed, `moved` that another line is the current one.
    """

    asked = Signal(object, str)
    moved = Signal()
    menu_wanted = Signal(QPoint)

    def __init__(self, theme: Theme, numbers: Numbers) -> None:
        super().__init__()
        self.theme = theme
        self.listing = Listing(numbers)
        self.lines = Lines(self)
        self._kept: Key | None = None
        self.setModel(self.listing)
        self.setItemDelegate(self.lines)
        lay_list(self, tr("Models"))
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setMouseTracking(True)
        self.setAcceptDrops(False)
        heads = self.horizontalHeader()
        heads.setMinimumSectionSize(8)
        heads.setSectionsClickable(False)
        self.listing.modelReset.connect(self._return)
        self.selectionModel().currentChanged.connect(self._moved)
        theme.changed.connect(self._dress)
        self._dress()

    def _dress(self) -> None:
        lead = f"QHeaderView::section:first {{ padding-left: {scaled(MARGIN)}px; }}"
        dress_list(self, self.theme, ROW, PAD, lead)
        self._lay_out()

    # ---- rows

    def put(self, rows: list[Row]) -> None:
        """List these rows; the current one stays current, as long as it is there."""
        if (row := self.row) is not None:
            self._kept = row.key
        self.listing.put(rows)

    @property
    def row(self) -> Row | None:
        """The current line."""
        place = self.currentIndex().row()
        return self.listing.rows[place] if 0 <= place < len(self.listing.rows) else None

    def go_to(self, key: Key | None) -> None:
        """Make a line the current one, the first where there is no such line."""
        rows = self.listing.rows
        place = next((place for place, row in enumerate(rows) if row.key == key), 0)
        if rows:
            self.setCurrentIndex(self.listing.index(place, MODEL))

    def _return(self) -> None:
        self.go_to(self._kept)
        if not self.listing.rows:
            self.moved.emit()

    def _moved(self, now: Index, before: Index) -> None:
        self.viewport().update()
        if now.row() != before.row() or not before.isValid():
            self.moved.emit()

    # ---- measures

    def fix(self, fixed: bool) -> None:
        """Offer nothing, where it is a recording that is shown: the room for buttons goes to the other columns."""
        if fixed != self.listing.fixed:
            self.listing.fixed = fixed
            self.setColumnHidden(DEEDS, fixed)
            self._lay_out()

    def _lay_out(self) -> None:
        fixed, wide = self.listing.fixed, _widths()
        kept = [place for place in range(len(COLUMNS)) if place not in SPARE and not (fixed and place == DEEDS)]
        room = self.viewport().width() - sum(wide[place] for place in kept)
        for place in SPARE:
            hidden, room = wide[place] > room, room - wide[place]
            self.setColumnHidden(place, hidden)
            if hidden:
                room = room + wide[place] if place == SPARE[-1] else -1
        every = max(scaled(ALL_DEEDS), room_for(MANY)) - wide[DEEDS]
        if room >= every and not fixed:
            wide[DEEDS] += every
        for place, width in enumerate(wide):
            self.setColumnWidth(place, width)
        shown = sum(self.columnWidth(place) for place in range(len(COLUMNS)) if not self.isColumnHidden(place))
        left = self.viewport().width() - shown
        state = max(0, left) // 2 if fixed else min(max(0, left) // 2, scaled(120))
        self.setColumnWidth(STATE, self.columnWidth(STATE) + state)
        self.setColumnWidth(MODEL, self.columnWidth(MODEL) + left - state)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_out()

    # ---- hands

    def ask_first(self) -> None:
        """Do what the first button of the current line says."""
        if (row := self.row) is not None and (deeds := self.listing.deeds(row)):
            self.asked.emit(row.key, deeds[0])

    def ask_away(self) -> None:
        """Remove what is here of the current line, or give up what is being fetched."""
        row = self.row
        deed = next((deed for deed in self.listing.deeds(row) if deed in ("remove", "discard")), "") if row else ""
        if row and deed:
            self.asked.emit(row.key, deed)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.modifiers():
            self.ask_first()
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.ask_away()
        elif key in (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Escape):
            event.ignore()
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if event.reason() == QContextMenuEvent.Reason.Mouse:
            index = self.indexAt(event.pos())
            if index.isValid():
                self.setCurrentIndex(index)
        place = self.visualRect(self.currentIndex())
        mouse = event.reason() == QContextMenuEvent.Reason.Mouse
        self.menu_wanted.emit(event.globalPos() if mouse else self.viewport().mapToGlobal(place.bottomLeft()))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        self.lines.press(self.deed_at(event.position().toPoint()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        found, pressed = self.deed_at(event.position().toPoint()), self.lines.pressed
        self.lines.press(None)
        if found is not None and found == pressed:
            self.asked.emit(*found)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        found = self.deed_at(event.position().toPoint())
        self.lines.hover(found)
        self.viewport().setCursor(Qt.CursorShape.ArrowCursor if found is None else Qt.CursorShape.PointingHandCursor)
        super().mouseMoveEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self.lines.hover(None)
        super().leaveEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.viewport().update()

    def deed_at(self, point: QPoint) -> tuple[Key, Deed] | None:
        """The button under a point of the list: whose it is, and what it does."""
        index = self.indexAt(point)
        if not index.isValid() or index.column() != DEEDS:
            return None
        row = self.listing.rows[index.row()]
        for deed, box in self.buttons(row, self.visualRect(index)):
            if box.contains(point):
                return row.key, deed
        return None

    def buttons(self, row: Row, cell: QRect) -> list[tuple[Deed, QRect]]:
        """Where the buttons of a line stand, as many as there is room for."""
        return self.lines.buttons(self.listing.deeds(row), cell)


def _widths() -> list[int]:
    """How wide each column is at least: as designed or, in a language with longer words, as its head and any one of its
    buttons are."""
    metrics = QFontMetrics(font(12))
    wide = [max(scaled(each.wide), metrics.horizontalAdvance(each.head) + scaled(2 * PAD)) for each in COLUMNS]
    wide[DEEDS] = max(wide[DEEDS], *(room_for((deed,)) for deed in WORDS))
    return wide
