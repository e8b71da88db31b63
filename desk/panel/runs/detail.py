"""One run below the list: what it was, what people wrote about it, its course, its tiers and what happened."""

from collections.abc import Callable
from math import ceil
from typing import TypeVar

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QButtonGroup,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QListWidget,
    QPushButton,
    QStackedWidget,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from desk.facts import currency
from desk.facts.tiers import TIER_NAMES
from desk.panel.numbers import DASH, Numbers
from desk.panel.runs.about import About
from desk.panel.runs.course import STAGE_WORDS, Course, Line
from desk.panel.runs.story import Story
from desk.panel.theme import MARGIN, Theme, scaled
from desk.panel.words import tr
from desk.runs.comparison import FIGURES
from desk.runs.store import Run
from desk.runs.summary import Summary, TierLine

_Part = TypeVar("_Part", QTableWidget, QListWidget)

BESIDE = 1080
"""From this width on, tiers and events stand beside the course."""

NAMES = {"tokens_per_second": tr("Tokens out"), "watts": tr("Power"), "tokens_per_joule": tr("Tokens per watt")}

TIER_COLUMNS: tuple[tuple[str, Callable[[TierLine, Numbers], str]], ...] = (
    (tr("Tier"), lambda tier, _: tier.name),
    (tr("Tokens"), lambda tier, numbers: numbers.count(tier.tokens_out)),
    ("tok/s", lambda tier, numbers: numbers.figure(tier.tokens_per_second)),
    (tr("TTFT p95"), lambda tier, numbers: numbers.figure(tier.ttft_p95_s)),
    ("tok/s/user", lambda tier, numbers: numbers.figure(1 / tier.itl_p50_s if tier.itl_p50_s else None)),
    ("tok/J", lambda tier, numbers: numbers.figure(tier.tokens_per_joule)),
    (tr("Implied $"), lambda tier, numbers: numbers.fixed(tier.revenue_usd, 4 if 0 < tier.revenue_usd < 1 else 2)),
    (tr("On time"), lambda tier, numbers: percent(tier.on_time_share, numbers)),
)
"""The table of tiers: its heads, money as `$` whatever its currency, and what a tier has in each column."""


def percent(share: float | None, numbers: Numbers) -> str:
    return DASH if share is None else f"{numbers.figure(share, '%')} %"


class FigureBox(QComboBox):
    """Which figure is drawn over time."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("quiet", True)
        self.setAccessibleName(tr("Figure that is drawn over time"))
        for name, unit, *_ in FIGURES:
            self.addItem(f"{NAMES[name]}, {unit}", (name, unit))

    @property
    def figure(self) -> tuple[str, str]:
        """Name and unit."""
        return self.currentData()


class Detail(QWidget):
    """Shows a run. `tagged` carries the tags that were typed, `noted` the note; the run stays as it is until told."""

    tagged = Signal(object, object)
    noted = Signal(object, str)

    def __init__(self, theme: Theme, numbers: Numbers) -> None:
        super().__init__()
        self._theme, self._numbers = theme, numbers
        self.run: Run | None = None
        self._story: Story | None = None
        self.course = Course(theme, numbers)
        self.figures = FigureBox()
        self.figures.currentIndexChanged.connect(self._draw)
        self._about = About(theme, numbers)
        self._about.tags.editingFinished.connect(self._tag)
        self._about.note.left.connect(self._note)
        self._tiers = _Tiers(0, len(TIER_COLUMNS))
        _plain(self._tiers, tr("Tiers of the run"))
        self._events = _plain(QListWidget(), tr("What happened in the run"))
        self._pages = QStackedWidget()
        for page in (self._tiers, self._events):
            self._pages.addWidget(page)
        self._switch = QButtonGroup(self)
        heads = QHBoxLayout()
        heads.setSpacing(4)
        heads.addWidget(self.figures)
        heads.addStretch(1)
        for place, word in enumerate((tr("Course"), tr("Tiers"), tr("Events"))):
            button = QPushButton(word)
            button.setProperty("quiet", True)
            button.setCheckable(True)
            self._switch.addButton(button, place)
            heads.addWidget(button)
        self._switch.idClicked.connect(self._turn)
        self._switch.button(0).setChecked(True)
        parts = QHBoxLayout()
        parts.setSpacing(MARGIN)
        for part in (self.course, self._pages):
            parts.addWidget(part, 1)
        right = QVBoxLayout()
        right.setSpacing(4)
        right.addLayout(heads)
        right.addLayout(parts, 1)
        row = QHBoxLayout(self)
        row.setContentsMargins(MARGIN, 10, MARGIN, 10)
        row.setSpacing(MARGIN)
        row.addWidget(self._about)
        row.addLayout(right, 1)
        theme.changed.connect(self._dress)
        self._dress()

    def _dress(self) -> None:
        tokens = self._theme.palette
        rules = (
            f"QTableWidget, QListWidget {{ background: transparent; border: none; color: {tokens.text};"
            f" font-size: {scaled(12)}px; }}"
            f"QTableWidget::item:selected, QListWidget::item:selected {{ background: {tokens.raised}; }}"
            f"QHeaderView {{ background: transparent; }}"
            f"QHeaderView::section {{ background: transparent; color: {tokens.mut}; border: none;"
            f" border-bottom: 1px solid {tokens.line}; font-size: {scaled(11)}px; padding: 0 {scaled(4)}px; }}"
        )
        for part in (self._tiers, self._events):
            part.setStyleSheet(rules)
        self._tiers.verticalHeader().setDefaultSectionSize(scaled(24))
        self._tiers.horizontalHeader().setFixedHeight(scaled(24))
        self._tiers.share_out()
        self._fit()

    # ---- which part stands where

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Beside each other where there is room, else one after the other."""
        wide = self.width() >= scaled(BESIDE)
        self._switch.button(0).setVisible(not wide)
        if wide and self._switch.checkedId() == 0:
            self._switch.button(1).setChecked(True)
        self._turn(self._switch.checkedId())

    def _turn(self, place: int) -> None:
        wide = self.width() >= scaled(BESIDE)
        self.course.setVisible(wide or place == 0)
        self.figures.setVisible(wide or place == 0)
        self._pages.setVisible(place > 0)
        self._pages.setCurrentIndex(max(0, place - 1))

    # ---- showing

    def show_run(self, run: Run) -> None:
        """Show a run; what is being typed about the same one is left alone."""
        if run == self.run:
            return
        if self.run is None or self.run.name != run.name:
            self._story = None
        self.run = run
        self._about.show_run(run)
        self._fill_tiers(run.summary)
        self._fill_events()
        self._draw()

    def show_story(self, story: Story) -> None:
        """Show the course and the events of the run that is shown."""
        if self.run is not None and story.name == self.run.name and story is not self._story:
            self._story = story
            self._fill_events()
            self._draw()

    def _draw(self) -> None:
        if self.run is None:
            return
        name, unit = self.figures.figure
        story, summary = self._story, self.run.summary
        if story is None:
            if self.run.state == "running":
                waiting = tr("The run is being recorded: see the Floor")
            else:
                waiting = tr("Reading the recording …")
            self.course.show_lines(NAMES[name], unit, (), waiting=self.run.trouble or waiting)
            return
        x, y = story.courses[name]
        moments = [event.at for event in story.events if event.kind in ("load", "note", "alarm", "trouble")]
        lines = [Line(self.run.title, x, y)]
        self.course.show_lines(NAMES[name], unit, lines, summary.phases if summary else (), moments)

    def _fill_tiers(self, summary: Summary | None) -> None:
        table, tiers = self._tiers, summary.tiers if summary else ()
        heads = [currency.unit(head, summary.currency if summary else currency.USD) for head, _ in TIER_COLUMNS]
        ranked = sorted(tiers, key=lambda tier: TIER_NAMES.index(tier.name) if tier.name in TIER_NAMES else 99)
        table.setRowCount(len(ranked))
        table.setHorizontalHeaderLabels(heads)
        for row, tier in enumerate(reversed(ranked)):
            for place, (word, (_, text)) in enumerate(zip(heads, TIER_COLUMNS, strict=True)):
                item = QTableWidgetItem(text(tier, self._numbers))
                side = Qt.AlignmentFlag.AlignRight if place else Qt.AlignmentFlag.AlignLeft
                item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
                item.setToolTip(tier.model if place == 0 else f"{tier.name}, {word}")
                table.setItem(row, place, item)
        for place, word in enumerate(heads):
            if (item := table.horizontalHeaderItem(place)) is not None:
                item.setToolTip(word)
                if not place:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        table.share_out()

    def _fill_events(self) -> None:
        self._events.clear()
        if self.run is None:
            return
        numbers, summary = self._numbers, self.run.summary
        told: list[tuple[float, str]] = []
        for phase in summary.phases if summary else ():
            told.append((phase.start, f"{STAGE_WORDS[phase.stage]}, {numbers.clock(phase.end - phase.start)}"))
        if self._story is not None:
            for event in self._story.events:
                sign = {"alarm": "▲ ", "trouble": "■ ", "note": "● "}.get(event.kind, "")
                told.append((event.at, f"{sign}{event.text}"))
        for at, words in sorted(told, key=lambda each: each[0]):
            self._events.addItem(f"{numbers.clock(at)}   {words}")
        if self._story is not None and self._story.left_out:
            left = numbers.count(self._story.left_out)
            self._events.addItem(tr("and {n} more: open the run to see them", n=left))

    # ---- asking

    def _tag(self) -> None:
        tags = tuple(dict.fromkeys(filter(None, (tag.strip() for tag in self._about.tags.text().split(",")))))
        if self.run is not None and tags != self.run.marks.tags:
            self.tagged.emit(self.run, tags)

    def _note(self) -> None:
        text = self._about.note.toPlainText().strip()
        if self.run is not None and text != self.run.marks.note:
            self.noted.emit(self.run, text)


class _Tiers(QTableWidget):
    """The table of tiers, as wide as there is room: its heads give way before the figures below them."""

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__(rows, columns)
        head = self.horizontalHeader()
        head.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        head.setDefaultAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        head.setTextElideMode(Qt.TextElideMode.ElideRight)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.share_out()

    def share_out(self) -> None:
        """Give every column its width, and the first what is left."""
        places, room = range(self.columnCount()), self.viewport().width()
        least = [self.sizeHintForColumn(place) for place in places]
        wide = [max(least[place], self.horizontalHeader().sectionSizeHint(place)) for place in places]
        short, spare = sum(wide) - room, sum(wide) - sum(least)
        part = min(1.0, max(0.0, short / spare)) if spare else 0.0
        wide = [whole - ceil(part * (whole - low)) for low, whole in zip(least, wide, strict=True)]
        for place in places:
            self.setColumnWidth(place, wide[place] if place else max(wide[0], room - sum(wide[1:])))


def _plain(part: _Part, name: str) -> _Part:
    part.setFrameShape(QFrame.Shape.NoFrame)
    part.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    part.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    part.setAccessibleName(name)
    if isinstance(part, QTableWidget):
        part.verticalHeader().hide()
        part.setShowGrid(False)
        part.setTabKeyNavigation(False)
        part.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        part.horizontalHeader().setSectionsClickable(False)
        part.horizontalHeader().setHighlightSections(False)
    return part
