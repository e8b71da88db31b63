"""The points of a sweep as a table: the chart for those who read rather than look, and for a spreadsheet."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QTableWidget, QTableWidgetItem

from desk.frontier.points import Measure
from desk.panel.frontier.scene import AXES, Scene, short
from desk.panel.furniture import dress_figures, lay_figures
from desk.panel.numbers import DASH, Numbers
from desk.panel.theme import Theme
from desk.panel.words import tr

ROW_HEIGHT = 24
MANY = 1e5
"""From here on figures are written in thousands and millions."""


class PointTable(QTableWidget):
    """One row for each point, the slowest first. Ctrl+C copies all of it."""

    def __init__(self, theme: Theme, numbers: Numbers) -> None:
        super().__init__(0, 0)
        self._theme, self._numbers = theme, numbers
        self._spots: object = None
        self._unit = ""
        lay_figures(self, tr("Points of the frontier, as a table"))
        theme.changed.connect(self._dress)
        self._dress()

    def show_scene(self, scene: Scene) -> None:
        """List what the chart draws, unless that is listed already: what is selected stays so."""
        unit = self._numbers.unit(AXES[scene.axis][1])
        if scene.spots is self._spots and unit == self._unit:
            return
        self._spots, self._unit = scene.spots, unit
        heads = [tr("Slots"), tr("Context"), tr("Answers"), tr("Edge"), "tok/s/user", tr("range"), unit, tr("range")]
        heads.append(tr("Repeats"))
        rows = sorted(scene.spots, key=lambda spot: spot.x.value)
        self.setColumnCount(len(heads))
        self.setHorizontalHeaderLabels(heads)
        self.setRowCount(len(rows))
        for row, spot in enumerate(rows):
            tier = spot.point.tier
            words = [str(tier.slots), str(tier.context), tr("to {answers}", answers=tier.answer_tokens)]
            words.append(tr("on it") if spot.on_edge else tr("beaten"))
            words += [*self._words(spot.x), *self._words(spot.y), str(len(spot.point.windows))]
            for column, text in enumerate(words):
                item = QTableWidgetItem(text)
                item.setToolTip(text)  # a narrow column cuts it
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.setItem(row, column, item)

    def _words(self, measure: Measure) -> tuple[str, str]:
        value, low, high = (
            DASH if each is None else short(each, self._numbers) if each >= MANY else self._numbers.figure(each)
            for each in (measure.value, measure.low, measure.high)
        )
        return value, DASH if measure.low is None else tr("{low} to {high}", low=low, high=high)

    def text(self) -> str:
        """All rows as tab-separated lines under their names."""
        columns = range(self.columnCount())
        heads = [self.horizontalHeaderItem(column) for column in columns]
        lines = ["\t".join(head.text() if head else "" for head in heads)]
        for row in range(self.rowCount()):
            cells = [self.item(row, column) for column in columns]
            lines.append("\t".join(cell.text() if cell else "" for cell in cells))
        return "\n".join(lines) + "\n"

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            QGuiApplication.clipboard().setText(self.text())
        else:
            super().keyPressEvent(event)

    def _dress(self) -> None:
        dress_figures(self, self._theme, ROW_HEIGHT)
