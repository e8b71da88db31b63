"""What views have in common: plain words, the card with a head, the dress of a table, and below all, the footer."""

from functools import partial

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from desk.panel.bars import Toggle
from desk.panel.cards import Card
from desk.panel.numbers import DASH, Numbers
from desk.panel.shown import Shown
from desk.panel.theme import MARGIN, Theme, font, scaled
from desk.panel.words import tr

WINDOWS_MIN = (1, 2, 5, 15, 60)
SMOOTHINGS_S = (0, 3, 10, 30)
APART = 8
RUN, NOT_RECORDING = tr("Run"), tr("not recording: no run")

LIST_HEAD = 30
"""The height of the heads over a list."""


class Label(QLabel):
    """Words in a colour of the theme. A style sheet on the window keeps its palette from reaching plain labels."""

    def __init__(
        self,
        theme: Theme,
        text: str = "",
        size: int = 12,
        weight: int = 400,
        token: str = "text",
        *,
        mono: bool = False,
    ) -> None:
        super().__init__(text)
        self._theme, self._token = theme, token
        self._face = partial(font, size, weight, mono=mono)
        theme.changed.connect(self._dress)
        self._dress()

    def _dress(self) -> None:
        self.setFont(self._face())
        tokens = self.palette()
        tokens.setColor(QPalette.ColorRole.WindowText, self._theme.colour(self._token))
        self.setPalette(tokens)


class Elided(Label):
    """Words that end in dots where there is no room for all of them, never shorter than `least` pixels of the design.
    The tool tip has them whole then.
    """

    def __init__(self, theme: Theme, text: str = "", size: int = 12, *, token: str = "text", least: int = 40) -> None:
        super().__init__(theme, text, size, token=token)
        self._least = least

    def minimumSizeHint(self) -> QSize:
        whole = super().minimumSizeHint()
        return QSize(min(whole.width(), scaled(self._least)), whole.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._tell()

    def setText(self, text: str) -> None:
        super().setText(text)
        self._tell()

    def _tell(self) -> None:
        self.setToolTip("" if self._fits else self.text())

    @property
    def _fits(self) -> bool:
        return self.sizeHint().width() <= self.width()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._fits:
            super().paintEvent(event)
            return
        painter = QPainter(self)
        text = painter.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(self.rect(), self.alignment(), text)
        painter.end()


def headed_card(theme: Theme, title: str) -> tuple[Card, QVBoxLayout, QHBoxLayout]:
    """The card of a view: itself, its column, and at the column's top the row with the view's name."""
    card = Card(theme)
    column = QVBoxLayout(card)
    column.setContentsMargins(1, 10, 1, 8)
    column.setSpacing(6)
    head = QHBoxLayout()
    head.setContentsMargins(MARGIN, 0, MARGIN, 0)
    head.setSpacing(8)
    head.addWidget(Label(theme, title, 16, 600))
    head.addSpacing(8)
    column.addLayout(head)
    return card, column, head


def lay_figures(table: QTableView, name: str) -> None:
    """Make a table one of figures to read and to copy from, row by row."""
    table.setFrameShape(QFrame.Shape.NoFrame)
    table.setShowGrid(False)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.verticalHeader().hide()
    table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
    table.horizontalHeader().setHighlightSections(False)
    table.setAccessibleName(name)


def dress_figures(table: QTableView, theme: Theme, row: int) -> None:
    """Give a table of figures the colours of the theme, and its rows their height at the text size."""
    table.setFont(font(12))
    table.verticalHeader().setDefaultSectionSize(scaled(row))
    tokens = theme.palette
    table.setStyleSheet(
        f"QTableView {{ background: {tokens.panel}; color: {tokens.text};"
        f" selection-background-color: {tokens.track}; selection-color: {tokens.text}; }}"
        f"QTableView:focus {{ border: 1px solid {tokens.band}; }}"
        f"QHeaderView {{ background: {tokens.panel}; border: none; }}"
        f"QHeaderView::section {{ background: {tokens.panel}; color: {tokens.mut}; border: none;"
        f" border-bottom: 1px solid {tokens.line}; padding: 2px 4px; font-size: {scaled(11)}px; }}"
    )


def lay_list(table: QTableView, name: str) -> None:
    """Make a table a list of lines to walk through, as wide as there is room and never wider."""
    table.setFrameShape(QFrame.Shape.NoFrame)
    table.setShowGrid(False)
    table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    table.setTabKeyNavigation(False)
    table.verticalHeader().hide()
    table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    table.horizontalHeader().setHighlightSections(False)
    table.setAccessibleName(name)


def dress_list(table: QTableView, theme: Theme, row: int, pad: int, more: str = "") -> None:
    """Give a list of lines the colours of the theme, its rows their height and its cells their padding at the text
    size; `more` goes behind its style sheet."""
    table.verticalHeader().setDefaultSectionSize(scaled(row))
    table.horizontalHeader().setFixedHeight(scaled(LIST_HEAD))
    tokens = theme.palette
    table.setStyleSheet(
        f"QTableView {{ background: transparent; border: none; color: {tokens.text}; }}"
        "QHeaderView { background: transparent; border: none; }"
        f"QHeaderView::section {{ background: transparent; color: {tokens.mut}; border: none;"
        f" border-bottom: 1px solid {tokens.line}; padding: 0 {scaled(pad)}px; font-size: {scaled(12)}px; }}{more}"
    )


class Footer(QWidget):
    """How the charts are seen, and the run so far."""

    span_chosen = Signal(float)
    smoothing_chosen = Signal(float)
    follow_chosen = Signal(bool)

    def __init__(self, theme: Theme, numbers: Numbers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._numbers = numbers
        self._said: tuple[object, ...] = ()
        self._shown = Shown()
        self.span = _choice(tr("Window of the charts"), [f"{minutes} min" for minutes in WINDOWS_MIN])
        self.span.setCurrentIndex(2)
        self.span.currentIndexChanged.connect(lambda i: self.span_chosen.emit(60.0 * WINDOWS_MIN[i]))
        self.smoothing = _choice(tr("Smoothing"), [tr("off"), *(f"{seconds} s" for seconds in SMOOTHINGS_S[1:])])
        self.smoothing.setToolTip(tr("Each point is a mean over so many seconds, and never over less than 2"))
        self.smoothing.setCurrentIndex(1)
        self.smoothing.currentIndexChanged.connect(lambda i: self.smoothing_chosen.emit(float(SMOOTHINGS_S[i])))
        self.follow = Toggle(theme, tr("Follow now"))
        self.follow.setChecked(True)
        self.follow.setToolTip(tr("Charts follow the present; zooming and moving holds them  F"))
        self.follow.toggled.connect(self.follow_chosen)
        self._totals = Label(theme)
        self._totals.setTextFormat(Qt.TextFormat.RichText)
        self._totals.setAccessibleName(tr("Run so far"))
        self._choices = choices = QHBoxLayout()
        choices.setSpacing(4)
        for word, box in ((tr("Window"), self.span), (tr("Smoothing"), self.smoothing)):
            choices.addWidget(Label(theme, word, token="mut"))
            choices.addWidget(box)
            choices.addSpacing(12)
        choices.addWidget(Label(theme, tr("Follow"), token="mut"))
        choices.addSpacing(4)
        choices.addWidget(self.follow)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(APART)
        row.addLayout(choices)
        row.addStretch(1)
        row.addWidget(self._totals)
        theme.changed.connect(self._dress)
        self._dress()

    def _dress(self) -> None:
        self.setFixedHeight(scaled(32))
        self.show_totals(self._shown)

    @property
    def span_s(self) -> float:
        """The window of the charts in seconds."""
        return 60.0 * WINDOWS_MIN[self.span.currentIndex()]

    @property
    def smooth_s(self) -> float:
        return float(SMOOTHINGS_S[self.smoothing.currentIndex()])

    def choose_span(self, seconds: float) -> None:
        """The window nearest to so many seconds."""
        nearest = min(WINDOWS_MIN, key=lambda minutes: abs(60 * minutes - seconds))
        self.span.setCurrentIndex(WINDOWS_MIN.index(nearest))

    def choose_smoothing(self, seconds: float) -> None:
        """The smoothing nearest to so many seconds."""
        nearest = min(SMOOTHINGS_S, key=lambda each: abs(each - seconds))
        self.smoothing.setCurrentIndex(SMOOTHINGS_S.index(nearest))

    def step_span(self, step: int) -> None:
        """One window shorter or longer, as far as there are."""
        self.span.setCurrentIndex(max(0, min(len(WINDOWS_MIN) - 1, self.span.currentIndex() + step)))

    def resizeEvent(self, _event: QResizeEvent) -> None:
        self.show_totals(self._shown)

    def show_totals(self, shown: Shown) -> None:
        """The run so far, as much of it as there is room for."""
        look = self._theme.palette, scaled(12), self.width()
        said = (shown.totals, shown.recording_bytes, shown.mode, shown.state, shown.currency, look)
        if said == self._said:
            return
        self._shown, self._said = shown, said
        numbers, totals, tokens = self._numbers, shown.totals, self._theme.palette
        watt_hours = None if totals.joules is None else totals.joules / 3600
        energy = numbers.with_unit(watt_hours, "Wh")
        revenue = numbers.fixed(totals.revenue, 4 if (totals.revenue or 0) < 1 else 2)
        parts = [
            numbers.clock(totals.seconds),
            f"{numbers.count(totals.tokens)} tok",
            f"{DASH} Wh" if energy == DASH else energy,
            tr("{revenue} implied", revenue=f"{revenue} {numbers.unit('$')}"),
        ]
        head = f'<span style="color:{tokens.mut}">{RUN}</span>&nbsp; '
        told = [f"<b>{part}</b>" for part in parts]
        if shown.recording_bytes is not None:
            writing = shown.mode == "live" and shown.state in ("opening", "running", "paused")
            size = numbers.bytes(shown.recording_bytes)
            word = tr("recording {size}", size=size) if writing else tr("recorded {size}", size=size)
            told.append(f"{'●' if writing else '○'} <b>{word}</b>")
        elif shown.state == "idle":
            told, head = [f'<span style="color:{tokens.mut}">{NOT_RECORDING}</span>'], ""
        room = self.width() - self._choices.sizeHint().width() - 2 * APART
        for count in range(len(told), 0, -1):
            body = "&nbsp;&nbsp;&nbsp;&nbsp;".join(told[:count])
            self._totals.setText(f'<span style="font-size:{scaled(12)}px">{head}{body}</span>')
            if self._totals.sizeHint().width() <= room:
                break
        else:
            self._totals.setText("")


def _choice(name: str, words: list[str]) -> QComboBox:
    box = QComboBox()
    box.setProperty("quiet", True)
    box.setProperty("bare", True)
    box.addItems(words)
    box.setAccessibleName(name)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
    return box
