"""What one run was: its sums and marks, the tags and the note that people give it, and on what it was made."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QLineEdit,
    QPlainTextEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from desk.panel.bars import PROVENANCES
from desk.panel.furniture import Label
from desk.panel.numbers import DASH, Numbers
from desk.panel.runs.rows import marks_of, sum_words
from desk.panel.theme import Theme, font, scaled
from desk.panel.words import tr
from desk.runs.search import started_words
from desk.runs.store import Run
from desk.runs.summary import Summary

WIDTH = 292
SUMS = TOKENS_OUT, ENERGY, REVENUE, ON_TIME, COST = (
    tr("Tokens out"),
    tr("Energy"),
    tr("Implied revenue"),
    tr("of it on time"),
    tr("Energy cost"),
)
ENDS = {
    "stopped": tr("ended: stopped"),
    "emergency": tr("ended: emergency"),
    "duration": tr("ended: duration"),
    "budget": tr("ended: budget"),
    "given up": tr("ended: given up"),
    "closed": tr("ended: closed"),
}
"""How a run ended, by the reason that was recorded."""


class About(QScrollArea):
    """The run in words, with the fields for tags and note."""

    def __init__(self, theme: Theme, numbers: Numbers) -> None:
        super().__init__()
        self._theme, self._numbers = theme, numbers
        self._name = ""
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setStyleSheet("QScrollArea, QScrollArea > QWidget > QWidget#about { background: transparent; }")
        self._title = Label(theme, "", 15, 600)
        self._when = Label(theme, "", 12, token="mut")
        self._marks = Label(theme, "", 12, 600)
        self._made = Label(theme, "", 12, token="soft")
        for label in (self._title, self._when, self._marks, self._made):
            label.setWordWrap(True)
        self.tags = QLineEdit()
        self.tags.setAccessibleName(tr("Tags of the run, with commas between them"))
        self.tags.setPlaceholderText(tr("Tags, with commas between them"))
        self.note = _NoteField()
        inner = QWidget()
        inner.setObjectName("about")
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 8, 0)
        column.setSpacing(4)
        column.addWidget(self._title)
        column.addWidget(self._when)
        column.addWidget(self._marks)
        column.addSpacing(2)
        self._sums = QGridLayout()
        self._sums.setHorizontalSpacing(8)
        self._sums.setVerticalSpacing(1)
        self._values: dict[str, Label] = {}
        for place, head in enumerate(SUMS):
            self._values[head] = Label(theme, "", 13, 600)
            self._values[head].setAlignment(Qt.AlignmentFlag.AlignRight)
            self._sums.addWidget(Label(theme, head, 12, token="soft"), place, 0)
            self._sums.addWidget(self._values[head], place, 1)
        column.addLayout(self._sums)
        column.addSpacing(4)
        column.addWidget(self.tags)
        column.addWidget(self.note)
        column.addWidget(self._made)
        column.addStretch(1)
        self.setWidget(inner)
        theme.changed.connect(self._measure)
        self._measure()

    def _measure(self) -> None:
        tokens = self._theme.palette
        self.setFixedWidth(scaled(WIDTH))
        self.note.setFont(font(13))
        self.note.setFixedHeight(scaled(52))
        self.note.setStyleSheet(
            f"QPlainTextEdit {{ background: {tokens.panel}; color: {tokens.text}; border: 1px solid {tokens.band};"
            f" border-radius: 6px; padding: 2px {scaled(8)}px; }}"
            f"QPlainTextEdit:focus {{ border: 2px solid {tokens.soft}; }}"
        )

    def show_run(self, run: Run) -> None:
        numbers, summary = self._numbers, run.summary
        other, self._name = run.name != self._name, run.name
        self._title.setText(run.title)
        marks = marks_of(run)
        self._marks.setText("   ".join(f"● {mark}" for mark in marks))
        self._marks.setVisible(bool(marks))
        self._when.setText(_when(run, numbers))
        sums = _sums(summary, numbers) if summary else {}
        for head, label in self._values.items():
            label.setText(sums.get(head, DASH))
        self._made.setText(_made(run, numbers))
        if other or not self.tags.hasFocus():
            self.tags.setText(", ".join(run.marks.tags))
        if other or not self.note.hasFocus():
            self.note.setPlainText(run.marks.note)


class _NoteField(QPlainTextEdit):
    """The field for a note: it is given when the field is left."""

    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setTabChangesFocus(True)
        self.setPlaceholderText(tr("A note about this run"))
        self.setAccessibleName(tr("Note about the run"))

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.left.emit()


def _when(run: Run, numbers: Numbers) -> str:
    """`2026-11-23 14:03, 00:12:10 of it 00:11:42 counted. Stopped by hand.`"""
    summary = run.summary
    if summary is None:
        return run.trouble or (tr("It is being recorded.") if run.state == "running" else tr("It is being summed up."))
    parts = [started_words(run), tr("{length} long", length=numbers.clock(summary.seconds))]
    if summary.measured_s is not None:
        parts.append(tr("{length} counted", length=numbers.clock(summary.measured_s)))
    ended = ENDS[summary.ended] if summary.ended else tr("its end is missing")
    return f"{', '.join(parts)}; {ended}"


def _sums(summary: Summary, numbers: Numbers) -> dict[str, str]:
    def money(value: float | None) -> str:
        return sum_words(value, summary.currency, numbers)

    hours = None if summary.joules is None else summary.joules / 3600
    return {
        TOKENS_OUT: numbers.count(summary.tokens_out),
        ENERGY: numbers.with_unit(hours, "Wh"),
        REVENUE: money(summary.revenue_usd),
        ON_TIME: money(summary.on_time_revenue_usd),
        COST: money(summary.energy_cost_usd),
    }


def _made(run: Run, numbers: Numbers) -> str:
    """On what it was measured, with what, and how large it is."""
    parts = []
    if (summary := run.summary) is not None:
        lines = (
            (summary.device or summary.processor, summary.provider),
            (summary.runtime, tr("driver {version}", version=summary.driver) if summary.driver else ""),
            (*summary.models,),
            (tr("scenario {name}", name=summary.scenario), tr("seed {n}", n=summary.seed), summary.preset),
            (_watts(summary),),
            (f"Token Desk {summary.desk}",),
        )
        parts = [", ".join(filter(None, line)) for line in lines]
    return "\n".join(filter(None, [*parts, f"{run.path.name}, {numbers.bytes(run.bytes)}"]))


def _watts(summary: Summary) -> str:
    """How good its watts are, and who told them."""
    quality = PROVENANCES[summary.quality]
    if summary.source == "none":
        return tr("watts: {quality}", quality=quality)
    return tr("watts: {quality} by {source}", quality=quality, source=summary.source)
