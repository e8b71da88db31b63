"""Two to four runs beside each other: their courses from the same start, their differences, and what may be said."""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from desk.panel.furniture import Label
from desk.panel.numbers import DASH, MINUS, Numbers
from desk.panel.runs.course import Course, Line
from desk.panel.runs.detail import NAMES, FigureBox
from desk.panel.runs.story import Compared, Story
from desk.panel.theme import MARGIN, Theme, scaled
from desk.panel.words import tr
from desk.runs.comparison import Comparison, Difference, compare
from desk.runs.store import Run
from desk.runs.summary import Figure

WIDE = 520
CLAIMS = {
    "faster": tr("✓ {run} is faster than {first}: the spreads of both leave no doubt."),
    "slower": tr("✓ {run} is slower than {first}: the spreads of both leave no doubt."),
    "draws more": tr("✓ {run} draws more than {first}: the spreads of both leave no doubt."),
    "draws less": tr("✓ {run} draws less than {first}: the spreads of both leave no doubt."),
    "more efficient": tr("✓ {run} is more efficient than {first}: the spreads of both leave no doubt."),
    "less efficient": tr("✓ {run} is less efficient than {first}: the spreads of both leave no doubt."),
}
NO_CLAIMS = {
    "tokens_per_second": tr("● Neither {run} nor {first} may be called faster. {why}"),
    "watts": tr("● Neither {run} nor {first} may be called thriftier. {why}"),
    "tokens_per_joule": tr("● Neither {run} nor {first} may be called more efficient. {why}"),
}
"""What is said where nothing may be, by figure."""


class Beside(QWidget):
    """Compares runs with the first of them, in the figure that is chosen."""

    def __init__(self, theme: Theme, numbers: Numbers) -> None:
        super().__init__()
        self._theme, self._numbers = theme, numbers
        self._runs: tuple[Run, ...] = ()
        self._stories: dict[str, Story] = {}
        self._found: Comparison | None = None
        self.course = Course(theme, numbers)
        self.figures = FigureBox()
        self.figures.currentIndexChanged.connect(self._draw)
        self._table = QScrollArea()
        self._table.setFrameShape(QFrame.Shape.NoFrame)
        self._table.setWidgetResizable(True)
        self._table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._table.setStyleSheet("QScrollArea, QScrollArea > QWidget > QWidget#lines { background: transparent; }")
        left = QVBoxLayout()
        left.setSpacing(2)
        left.addWidget(self.figures, 0, Qt.AlignmentFlag.AlignLeft)
        left.addWidget(self.course, 1)
        row = QHBoxLayout(self)
        row.setContentsMargins(MARGIN, 10, MARGIN, 10)
        row.setSpacing(MARGIN)
        row.addLayout(left, 1)
        row.addWidget(self._table)
        theme.changed.connect(self._measure)
        self._measure()

    def _measure(self) -> None:
        self._table.setFixedWidth(scaled(WIDE))
        self._draw()

    def resizeEvent(self, event: object) -> None:
        self._table.setFixedWidth(min(scaled(WIDE), self.width() * 11 // 20))

    def show_runs(self, runs: Sequence[Run], stories: Mapping[str, Story]) -> None:
        """Compare these, all of which have a summary; the curves of those whose recording was read are drawn."""
        known = {run.name: stories[run.name] for run in runs if run.name in stories}
        if tuple(runs) == self._runs and known.keys() == self._stories.keys():
            return
        self._runs, self._stories = tuple(runs), known
        self._draw()

    def _draw(self) -> None:
        if not self._runs:
            return
        name, unit = self.figures.figure
        lines = [Line(run.title, *self._stories[run.name].courses[name]) for run in self._runs if self._has(run)]
        waiting = "" if len(lines) == len(self._runs) else tr("Reading the recordings …")
        self.course.show_lines(NAMES[name], unit, [] if waiting else lines, waiting=waiting)
        self._found = compare([run.summary for run in self._runs if run.summary is not None])
        self._table.setWidget(self._lines(self._found, name, unit))

    @property
    def compared(self) -> Compared | None:
        """What is compared, once every recording has been read."""
        if self._found is None or not all(map(self._has, self._runs)):
            return None
        stories = tuple(self._stories[run.name] for run in self._runs)
        return Compared(self._found, stories, self.figures.figure[0])

    def _has(self, run: Run) -> bool:
        return run.name in self._stories

    def _lines(self, comparison: Comparison, name: str, unit: str) -> QWidget:
        """A line for each run: its figure, its spread, the difference with its range, and what may be said of it."""
        theme, numbers = self._theme, self._numbers
        page = QWidget()
        page.setObjectName("lines")
        column = QVBoxLayout(page)
        column.setContentsMargins(0, 0, 8, 0)
        column.setSpacing(10)
        grid = QGridLayout()
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(6)
        grid.setColumnStretch(1, 1)
        for place, head in enumerate(("", tr("Run"), unit, tr("9 of 10 windows"), tr("Difference"), tr("between"))):
            side = Qt.AlignmentFlag.AlignLeft if place < 2 else Qt.AlignmentFlag.AlignRight
            grid.addWidget(Label(theme, head, 11, token="mut"), 0, place, side)
        differences = [each for each in comparison.differences if each.figure == name]
        first = getattr(comparison.runs[0], name)
        figures: list[tuple[Figure, Difference | None]] = [(first, None), *((each.this, each) for each in differences)]
        for place, (run, (figure, difference)) in enumerate(zip(self._runs, figures, strict=True)):
            words = [numbers.figure(figure.value), range_words(figure.low, figure.high, numbers)]
            if difference is None:
                words += [tr("first"), ""]
            else:
                words += [signed(difference.ratio, numbers), _between(difference, numbers)]
            grid.addWidget(_Mark(self.course, place, theme), place + 1, 0)
            title = _Title(theme, f"{place + 1}  {run.title}", 13, 500)
            title.setToolTip(run.title)
            grid.addWidget(title, place + 1, 1)
            for at, (text, weight) in enumerate(zip(words, (600, 400, 600, 400), strict=True), 2):
                grid.addWidget(Label(theme, text, 13, weight), place + 1, at, Qt.AlignmentFlag.AlignRight)
        column.addLayout(grid)
        for difference, run in zip(differences, self._runs[1:], strict=True):
            sentence = Label(theme, claim_words(run.title, self._runs[0].title, difference), 13)
            sentence.setWordWrap(True)
            sentence.setAccessibleName(sentence.text())
            column.addWidget(sentence)
        if comparison.no_money:
            note = Label(theme, comparison.no_money, 13)
            note.setWordWrap(True)
            column.addWidget(note)
        column.addStretch(1)
        return page


class _Title(Label):
    """A title that gives way in its middle: names of runs differ at their ends."""

    def minimumSizeHint(self) -> QSize:
        return QSize(scaled(60), super().minimumSizeHint().height())

    def sizeHint(self) -> QSize:
        return self.minimumSizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        text = painter.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideMiddle, self.width())
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignVCenter, text)
        painter.end()


class _Mark(QWidget):
    """The colour of a curve."""

    def __init__(self, course: Course, place: int, theme: Theme) -> None:
        super().__init__()
        self._course, self._place = course, place
        self.setFixedSize(scaled(14), scaled(14))

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        middle = self.height() / 2
        painter.fillRect(QRectF(0, middle - 1.5, self.width(), 3), self._course.colour(self._place))
        painter.end()


def claim_words(run: str, first: str, difference: Difference) -> str:
    """What may be said of a run beside the first one, or why nothing may."""
    if difference.claim:
        return CLAIMS[difference.claim].format(run=run, first=first)
    return NO_CLAIMS[difference.figure].format(run=run, first=first, why=" ".join(difference.doubts))


def signed(ratio: float | None, numbers: Numbers) -> str:
    """`+12.4 %`."""
    if ratio is None:
        return DASH
    text = numbers.fixed(abs(100 * ratio), 1)
    sign = "" if text == numbers.fixed(0.0, 1) else "+" if ratio > 0 else MINUS
    return f"{sign}{text} %"


def range_words(low: float | None, high: float | None, numbers: Numbers) -> str:
    """`104–118`, a dash where no spread is known."""
    return DASH if low is None or high is None else f"{numbers.figure(low)}–{numbers.figure(high)}"


def _between(difference: Difference, numbers: Numbers) -> str:
    if difference.low is None or difference.high is None:
        return DASH
    return f"{signed(difference.low, numbers)} … {signed(difference.high, numbers)}"
