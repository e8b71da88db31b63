"""One point of the frontier: its figures, each with the range of its repeats, and its windows over time."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QBoxLayout, QGridLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from desk.facts.tiers import Tariff
from desk.frontier.points import Denominator, Measure, Point
from desk.panel.frontier.sweeps import Found
from desk.panel.furniture import Label
from desk.panel.numbers import DASH, Numbers
from desk.panel.runs.course import Course, Line
from desk.panel.theme import Theme, scaled
from desk.panel.words import plural, tr

NO_LIMIT = 16_777_215
"""What Qt calls no limit; Qt for Python has no name for it."""

MOST_LINES = 4
"""The course of so many repeats can be told apart."""


class Detail(QWidget):
    """Shows a point. `opened` asks for the recording it was measured in last."""

    opened = Signal(str)
    closed = Signal()

    def __init__(self, theme: Theme, numbers: Numbers) -> None:
        super().__init__()
        self._numbers = numbers
        self._run = ""
        self._title = Label(theme, "", 13, 600)
        self._title.setWordWrap(True)
        self._labels = [(Label(theme, "", 11, token="mut"), Label(theme, "", 12, 600)) for _ in range(8)]
        self.course = Course(theme, numbers)
        self._open = QPushButton(tr("Open the run"))
        self._open.clicked.connect(lambda _=False: self.opened.emit(self._run))
        close = QPushButton(tr("Close"))
        close.setAccessibleName(tr("Close the point"))
        close.clicked.connect(lambda _=False: self.closed.emit())
        head = QHBoxLayout()
        head.addWidget(self._title, 1)
        for button in (self._open, close):
            button.setProperty("quiet", True)
            head.addWidget(button)
        grid = QGridLayout()
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(3)
        for place, (name, value) in enumerate(self._labels):
            grid.addWidget(name, place, 0)
            grid.addWidget(value, place, 1, Qt.AlignmentFlag.AlignRight)
        grid.setRowStretch(len(self._labels), 1)
        self._parts = row = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        row.setSpacing(20)
        row.addLayout(grid)
        row.addWidget(self.course, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 0, 12, 0)
        column.setSpacing(4)
        column.addLayout(head)
        column.addLayout(row, 1)
        self._whole = False
        theme.changed.connect(self._measure)
        self._measure()

    def fill(self, whole: bool) -> None:
        """Take all the height there is, figures above the course, or a low part of it with both beside each other."""
        if whole != self._whole:
            self._whole = whole
            self._measure()

    def _measure(self) -> None:
        way = QBoxLayout.Direction
        self._parts.setDirection(way.TopToBottom if self._whole else way.LeftToRight)
        self.setMinimumHeight(scaled(212))
        self.setMaximumHeight(NO_LIMIT if self._whole else scaled(212))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            super().keyPressEvent(event)

    def show_point(self, found: Found, point: Point, denominator: Denominator, tariff: Tariff | None) -> None:
        """Tell all about a point of a sweep."""
        numbers, tier = self._numbers, point.tier
        slots = plural("{n} slot", "{n} slots", tier.slots)
        room = tr("context {tokens}", tokens=tier.context)
        work = tr("{mix} to {answers} tokens", mix=tier.mix, answers=tier.answer_tokens)
        parts = (slots, room, work, tier.model, point.precision, point.provider.upper())
        self._title.setText(", ".join(part for part in parts if part))
        self.setWindowTitle(self._title.text())
        told: list[tuple[str, Measure | None, str]] = [
            ("tok/s", point.height("tokens_per_second"), ""),
            ("tok/s/user, 1 ÷ ITL", point.speed("itl"), ""),
            (tr("tok/s/user, end to end"), point.speed("e2e"), ""),
            ("TTFT p50, s", point.ttft(0.5), ""),
            ("TTFT p95, s", point.ttft(0.95), ""),
            ("W", point.watts(denominator), ""),
            ("tok/J", point.height("tokens_per_joule", denominator), ""),
            (numbers.unit("$/Mtok"), point.height("dollars_per_mtok", denominator, tariff), "$"),
        ]
        for (name, value), (words, measure, unit) in zip(self._labels, told, strict=True):
            name.setText(words)
            value.setText(spread_words(measure, numbers, unit))
        courses = found.course_of(point)[:MOST_LINES]
        lines = [Line(tr("Repeat {number}", number=number), x, y) for number, (x, y) in enumerate(courses, 1)]
        self.course.show_lines(tr("tokens per second of the repeats"), "tok/s", lines)
        self._run = str(found.source.paths[-1])


def spread_words(measure: Measure | None, numbers: Numbers, unit: str = "") -> str:
    """`114 (68.7 to 155)`, a dash for none."""
    if measure is None:
        return DASH
    value = numbers.figure(measure.value, unit)
    if measure.low is None or measure.high is None:
        return value
    low, high = (numbers.figure(each, unit) for each in (measure.low, measure.high))
    return tr("{value} ({low} to {high})", value=value, low=low, high=high)
