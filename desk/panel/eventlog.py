"""The log: what stands on the event lane, as a table with its times, newest first."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QFrame, QHeaderView, QTableWidget, QTableWidgetItem, QVBoxLayout

from desk.panel.charts.setting import Event
from desk.panel.furniture import Label
from desk.panel.numbers import Numbers
from desk.panel.overlay import EDGE, Overlay
from desk.panel.theme import Theme, font, scaled
from desk.panel.window import Window
from desk.panel.words import tr

WIDE, HIGH, ROW = 640, 440, 26
LATE = "▲"
"""Stands before what was raised as an alarm."""


class EventLog(Overlay):
    """Shows the events as they were when it was opened. Ctrl+C copies what is selected, or all, as lines with tabs."""

    def __init__(self, theme: Theme, numbers: Numbers, over: Window, events: Callable[[], Sequence[Event]]) -> None:
        super().__init__(theme, over)
        self._numbers, self._events = numbers, events
        self.setAccessibleName(tr("Log"))
        self.table = QTableWidget(0, 2, self)
        self.table.setHorizontalHeaderLabels([tr("Time of the run"), tr("What happened")])
        self.table.setAccessibleName(tr("Events, newest first"))
        self.table.setFrameShape(QFrame.Shape.NoFrame)
        self.table.setShowGrid(False)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.table.horizontalHeader().setStretchLastSection(True)
        self.table.horizontalHeader().setHighlightSections(False)
        self.table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        self._empty = Label(theme, tr("Nothing has happened yet."), 13, token="soft")
        self._page = page = QVBoxLayout(self)
        page.addWidget(Label(theme, tr("Log"), 16, 600))
        page.addWidget(self._empty)
        page.addWidget(self.table, 1)
        theme.changed.connect(self._dress)
        self._dress()

    def open(self) -> None:
        """Take the events as they are now, and come up with the focus in the table."""
        events = sorted(self._events(), key=lambda event: -event.t)
        self._empty.setVisible(not events)
        self.table.setVisible(bool(events))
        self.table.clearSelection()
        self.table.setRowCount(len(events))
        for row, event in enumerate(events):
            words = f"{LATE} {event.text}" if event.late else event.text
            for column, text in enumerate((self._numbers.clock(event.t), words)):
                self.table.setItem(row, column, QTableWidgetItem(text))
        super().open()
        self.table.setFocus(Qt.FocusReason.PopupFocusReason)

    def place(self) -> None:
        """As high as its rows are, as far as the window has room."""
        room = self._over.size() - QSize(2 * EDGE, 2 * EDGE)
        rows = self.table.rowCount() + 2  # the heads, and some air
        high = min(rows * scaled(ROW), scaled(HIGH), room.height() - scaled(ROW) * 3)
        self.table.setFixedSize(min(scaled(WIDE), room.width()), high)
        super().place()

    def text(self) -> str:
        """The selected events, or all, as tab-separated lines."""
        chosen = sorted({index.row() for index in self.table.selectionModel().selectedRows()})
        rows = chosen or range(self.table.rowCount())
        return "\n".join("\t".join(self._cell(row, column) for column in range(2)) for row in rows) + "\n"

    def _cell(self, row: int, column: int) -> str:
        item = self.table.item(row, column)
        return "" if item is None else item.text()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            QGuiApplication.clipboard().setText(self.text())
        else:
            super().keyPressEvent(event)

    def _dress(self) -> None:
        self._page.setContentsMargins(scaled(24), scaled(20), scaled(24), scaled(20))
        self.table.setFont(font(13))
        self.table.verticalHeader().setDefaultSectionSize(scaled(ROW))
        self.table.setColumnWidth(0, scaled(150))
        tokens = self._theme.palette
        self.table.setStyleSheet(
            f"QTableWidget {{ background: transparent; color: {tokens.text};"
            f" selection-background-color: {tokens.track}; selection-color: {tokens.text}; outline: none; }}"
            "QHeaderView { background: transparent; border: none; }"
            f"QHeaderView::section {{ background: transparent; color: {tokens.mut}; border: none;"
            f" border-bottom: 1px solid {tokens.line}; padding: 4px; font-size: {scaled(11)}px; }}"
        )
