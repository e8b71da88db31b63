"""What the parts of the System view are laid out with: a table of words, and a page that wheel and keys scroll."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QWidget

from desk.panel.bars import paint_rule
from desk.panel.furniture import Label
from desk.panel.theme import Theme, scaled


class Scrolled(QScrollArea):
    """A page that the keys scroll while it has the focus, which it shows.

    It is made before what it is to hold: a new style sheet gives labels back the colours that they had.
    """

    def __init__(self, theme: Theme, name: str) -> None:
        super().__init__()
        self._theme = theme
        self.setWidgetResizable(True)
        self.setAccessibleName(name)
        self.setObjectName("page")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFrameShape(QFrame.Shape.NoFrame)
        theme.changed.connect(self._dress)
        self._dress()

    def _dress(self) -> None:
        self.setStyleSheet(
            "QScrollArea#page { background: transparent; border: 2px solid transparent; border-radius: 6px; }"
            f"QScrollArea#page:focus {{ border-color: {self._theme.palette.soft}; }}"
        )

    def hold(self, body: QWidget) -> None:
        """Show `body`, as wide as there is room."""
        self.setWidget(body)
        for part in (self.viewport(), body):
            part.setAutoFillBackground(False)


class Table(QWidget):
    """Rows of words under headings, with a line below each; the column `wide` takes what room is left, and wraps.

    Columns in `right` are those of numbers.
    """

    def __init__(
        self, theme: Theme, name: str, heads: Sequence[str], *, wide: int = 0, right: frozenset[int] = frozenset()
    ) -> None:
        super().__init__()
        self._theme, self._heads, self._wide, self._right = theme, tuple(heads), wide, right
        self._rows: tuple[tuple[str, ...], ...] | None = None
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setVerticalSpacing(0)
        self._grid.setColumnStretch(wide, 1)
        self.setAccessibleName(name)
        theme.changed.connect(self._measure)
        self._measure()

    def _measure(self) -> None:
        self._grid.setHorizontalSpacing(scaled(24))
        self.update()

    @property
    def rows(self) -> tuple[tuple[str, ...], ...]:
        return self._rows or ()

    def show_rows(self, rows: Sequence[Sequence[str]]) -> None:
        """Show these rows, in this order, and no heading over none."""
        wanted = tuple(tuple(row) for row in rows)
        if wanted == self._rows:
            return
        self._rows = wanted
        while (item := self._grid.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.deleteLater()
        for column, head in enumerate(self._heads if wanted else ()):
            self._put(0, column, Label(self._theme, head, 11, token="mut"))
        for number, row in enumerate(wanted, start=1):
            for column, words in enumerate(row):
                label = Label(self._theme, words, 13, 500 if column == 0 else 400)
                label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
                label.setWordWrap(column == self._wide)
                self._put(number, column, label)
        self._grid.setRowStretch(len(wanted) + 1, 1)
        self.setAccessibleDescription(". ".join(", ".join(row) for row in wanted))

    def _put(self, row: int, column: int, label: Label) -> None:
        label.setContentsMargins(0, 7, 0, 8)
        side = Qt.AlignmentFlag.AlignRight if column in self._right else Qt.AlignmentFlag.AlignLeft
        label.setAlignment(side | Qt.AlignmentFlag.AlignTop)
        self._grid.addWidget(label, row, column)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        # Where the labels are: the grid's own measure of rows that wrap is that of the last width it was asked about.
        for row in range(len(self.rows) + 1 if self.rows else 0):
            cells = (self._grid.itemAtPosition(row, column) for column in range(len(self._heads)))
            bottom = max((cell.geometry().bottom() for cell in cells if cell is not None), default=0)
            paint_rule(painter, self._theme, 0, bottom, self.width())
        painter.end()
