"""The Frontier view: the chart of a sweep, and beside it what follows from it for money."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from desk.facts.tiers import Tariff
from desk.frontier.mix import change
from desk.frontier.points import Axis, Denominator, Interactivity, Point, Scope
from desk.frontier.published import chart as published
from desk.panel.cards import Card, WordyCard
from desk.panel.frontier.chart import FrontierChart
from desk.panel.frontier.detail import Detail
from desk.panel.frontier.fields import NumberField
from desk.panel.frontier.ladder import Factors, Ladder
from desk.panel.frontier.mixcard import MixCard
from desk.panel.frontier.pointtable import PointTable
from desk.panel.frontier.promise import Promise
from desk.panel.frontier.reckoning import Answer, answer, here
from desk.panel.frontier.scene import AXES, Scene, scene, with_lanes
from desk.panel.frontier.sweeps import Found, Source, read, sources
from desk.panel.frontier.trial import Trial
from desk.panel.furniture import Label
from desk.panel.runs.work import Worker
from desk.panel.shown import Shown
from desk.panel.statusline import date_of
from desk.panel.theme import GUTTER, MARGIN, scaled
from desk.panel.views import Desk, View
from desk.runs.store import Runs

SCOPES: dict[Scope, str] = {"board": "Device watts", "host": "Machine watts", "all-in": "All-in watts"}
BY: dict[Interactivity, str] = {"itl": "1 ÷ ITL", "e2e": "End to end"}
COMMAND = "desk sweep"
UNSOLD = "Users are not held back at what is sold at most."
NARROWEST = 84
SCROLLBAR = 10
LOW = 620
"""In a lower view a point takes the place of the chart instead of a part of it."""
BESIDE = 456
NONE = "No sweep was measured on this machine yet. New sweep says how to."


class Page(View):
    """Draws what was measured, and where the lanes stand in it now."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        theme, numbers = desk.theme, desk.numbers
        self.store = Runs()
        self.worker, self.solver = Worker(self), Worker(self)
        for worker in (self.worker, self.solver):  # the mix does not wait for a long recording to be read
            worker.troubled.connect(lambda _key, trouble: desk.window.show_trouble(trouble))
        self._found: dict[str, Found] = {}
        self._sources: list[Source] = []
        self._stamp: object = None
        self._point: Point | None = None
        self._still: object = None
        self._scene = Scene("tokens_per_second", "", "")
        self.chart = FrontierChart(theme, numbers)
        self.table = PointTable(theme, numbers)
        self.detail = Detail(theme, numbers)
        self.detail.hide()
        self.sweep = _box("Sweep that is drawn")
        self.axis = _box("Vertical axis", {key: title for key, (title, _) in AXES.items()})
        self.by = _box("Which speed of a user", BY)
        self.scope = _box("What the watts stand for", SCOPES)
        self.host = NumberField(desk, "Watts of the rest of the machine", "rest, W", self._draw)
        self.host.setToolTip("What the machine draws beside the metered device, in watts")
        self.host.setFixedWidth(scaled(80))
        self.keynote = _switch("Keynote", "Readings of the keynote's chart: illustration, second-hand")
        self.as_table = _switch("Table", "Show the points as a table")
        self.new = QPushButton("New sweep")
        self.new.setToolTip("How to measure this machine")
        self.new.clicked.connect(self._tell_how)
        self._note = Label(theme, "", 12, token="mut")
        assert desk.edits is not None
        self.edits = desk.edits
        self.mix = MixCard(desk)
        self.ladder = Ladder(theme, numbers)
        self.factors = Factors(desk)
        self.promise = Promise(theme, numbers)
        self._asked: object = None
        self._answer: Answer | None = None
        self._trial: Trial | None = None
        self._arrange()
        self.mix.asked.connect(self._ask)
        self.mix.applied.connect(self._apply)
        self.promise.asked.connect(self._ask)
        self.factors.changed.connect(self._climb)
        for box in (self.axis, self.by, self.scope):
            box.currentIndexChanged.connect(self._draw)
        self.sweep.activated.connect(self._choose)
        self.keynote.toggled.connect(self._draw)
        self.as_table.toggled.connect(self._turn)
        self.chart.chosen.connect(self._select)
        self.detail.opened.connect(desk.window.recording_asked.emit)
        self.detail.closed.connect(self._put_away)
        self.setFocusProxy(self.chart)

    def _arrange(self) -> None:
        theme = self.desk.theme
        head = QHBoxLayout()
        head.setContentsMargins(MARGIN, 0, 12, 0)
        head.setSpacing(8)
        head.addWidget(Label(theme, "Frontier", 16, 600))
        head.addStretch(1)
        for widget in (self.sweep, self.as_table, self.new):
            widget.setProperty("quiet", True)
            head.addWidget(widget)
        tools = QHBoxLayout()
        tools.setContentsMargins(MARGIN, 0, 12, 0)
        tools.setSpacing(6)
        for widget in (self.axis, self.by, self.scope, self.host, self.keynote):
            widget.setProperty("quiet", True)
            tools.addWidget(widget)
        tools.addStretch(1)
        self._pages = QStackedWidget()
        self._pages.addWidget(self.chart)
        self._pages.addWidget(self.table)
        card = Card(theme)
        column = QVBoxLayout(card)
        column.setContentsMargins(1, 10, 1, 8)
        column.setSpacing(6)
        column.addLayout(head)
        column.addLayout(tools)
        column.addWidget(self._note)
        self._note.setContentsMargins(MARGIN, 0, MARGIN, 0)
        self._note.setWordWrap(True)
        column.addWidget(self._pages, 1)
        column.addWidget(self.detail)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GUTTER)
        row.addWidget(card, 1)
        row.addWidget(self._beside())

    def _beside(self) -> QScrollArea:
        """The cards beside the chart: the mix, and below it the ladder, its factors or the price of a promise."""
        lower = WordyCard(self.desk.theme)
        turns = QHBoxLayout()
        turns.setSpacing(4)
        self._lower = QStackedWidget()
        chosen = QButtonGroup(self)
        for number, (words, page) in enumerate(
            (("What if it scaled", self.ladder), ("Its factors", self.factors), ("Price of a promise", self.promise))
        ):
            button = QPushButton(words)
            button.setCheckable(True)
            button.setProperty("quiet", True)
            button.setChecked(not number)
            button.clicked.connect(lambda _=False, page=page: self._lower.setCurrentWidget(page))
            chosen.addButton(button)
            turns.addWidget(button)
            self._lower.addWidget(page)
        turns.addStretch(1)
        inner = QVBoxLayout(lower)
        inner.setContentsMargins(16, 10, 16, 10)
        inner.addLayout(turns)
        inner.addWidget(self._lower, 1)
        page = self._cards = QWidget()
        page.setObjectName("beside")
        cards = QVBoxLayout(page)
        cards.setContentsMargins(0, 0, 0, 0)
        cards.setSpacing(GUTTER)
        cards.addWidget(self.mix)
        cards.addWidget(lower, 1)
        area = self._area = QScrollArea()
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setStyleSheet("QScrollArea, QWidget#beside { background: transparent; }")
        area.setWidget(page)
        self.desk.theme.changed.connect(self._measure)
        self._measure()
        return area

    def _measure(self) -> None:
        # Figures of many digits in a large text want more than was designed for them.
        wanted = self._cards.minimumSizeHint().width() + SCROLLBAR
        self._area.setFixedWidth(max(scaled(BESIDE), wanted))

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.chart.setFocus()

    # ---- the sweeps

    def refresh(self, shown: Shown) -> None:
        """Look for sweeps where the folder has changed, and move what moves."""
        try:
            stamp = (self.store.folder.stat().st_mtime_ns, shown.state)
        except OSError:
            stamp = None
        if stamp != self._stamp:
            self._stamp = stamp
            self._look()
        self._draw()
        self._ask()
        if self._trial is not None:
            self._trial.look(self.desk.books.board, self.edits, shown)
            self.mix.show_checked(self._trial.checked)

    def _look(self) -> None:
        """Find the sweeps, and read those that were not, or have grown."""
        store, known = self.store, {key: found.source.stamp for key, found in self._found.items()}

        def looked() -> Iterator[Any]:
            found = []
            for source in sources(store):
                if source is not None:
                    found.append(source)
                yield None
            yield found
            for source in found:
                if known.get(source.sweep) != source.stamp:
                    yield from read(source)

        self.worker.ask("look", looked, self._take)

    def _take(self, given: list[Source] | Found) -> None:
        """The list of the sweeps, or one of them that has been read."""
        if isinstance(given, Found):
            self._found[given.source.sweep] = given
        else:
            self._sources = given
            chosen = self.sweep.currentData()
            self.sweep.clear()
            for source in given:
                day = date_of(source.wall)
                self.sweep.addItem(f"Example of {day}" if source.foreign else f"Sweep of {day}", source.sweep)
            self.sweep.setCurrentIndex(max(0, self.sweep.findData(chosen)) if given else -1)
            self.sweep.setVisible(bool(given))
        self._draw()
        self._ask()

    @property
    def found(self) -> Found | None:
        """The sweep that is drawn, `None` before it is read."""
        return self._found.get(self.sweep.currentData() or "")

    def _choose(self) -> None:
        self._select(None)
        self._draw()
        self._ask()

    def _tell_how(self) -> None:
        """A sweep wants the machine for itself, so it is no work for a window that serves tiers."""
        QGuiApplication.clipboard().setText(COMMAND)
        self.desk.window.tell(
            f"A sweep needs the machine for itself: stop the run, and give the command {COMMAND} in a terminal.",
            "The command is on the clipboard. What it measures is drawn here when it has ended.",
        )

    # ---- drawing

    @property
    def tariff(self) -> Tariff | None:
        """What energy and hours cost here."""
        return self.desk.books.ledger.standing.tariff

    @property
    def denominator(self) -> Denominator:
        """What watts stand for."""
        scope: Scope = self.scope.currentData()
        return Denominator.of(scope, self.tariff, self.host.value)

    def _draw(self) -> None:
        found = self.found
        axis: Axis = self.axis.currentData()
        others = [each for each in self._found.values() if found is not None and each is not found]
        keynote, by = self.keynote.isChecked(), self.by.currentData()
        still = (id(found), tuple(map(id, others)), axis, by, self.denominator, self.tariff, keynote)
        if still != self._still:  # folding the points anew twice a second would cost more than all that moves
            self._still = still
            chart = published() if keynote else None
            self._scene = scene(found, others, axis, by, self.denominator, self.tariff, chart)
        made = with_lanes(self._scene, self.desk.window.shown.tiers)
        self.chart.show_scene(made, "Reading the sweep …" if self._sources else NONE)
        self.chart.mark(self._point)
        if self._pages.currentWidget() is self.table:
            self.table.show_scene(made)
        self.host.setVisible(self.scope.currentData() != "board")
        measured = found is not None and bool(found.meters)
        self.scope.setVisible(measured)
        self._note.setText("" if found is None else self._told(found))

    def _told(self, found: Found) -> str:
        """What the sweep was of."""
        models = sorted({f"{point.tier.model} {point.precision}" for point in found.points})
        parts = [found.device, ", ".join(models), found.meters or "no watts: the vertical axis is tokens/s"]
        if found.source.foreign:
            parts.insert(0, "Another machine")
        if found.missed:
            parts.append(f"{len(found.missed)} missed")
        return " · ".join(part for part in parts if part)

    def _turn(self) -> None:
        self._pages.setCurrentWidget(self.table if self.as_table.isChecked() else self.chart)
        self._draw()

    def _select(self, point: Point | None) -> None:
        self._point = point
        self.chart.mark(point)
        found = self.found
        self.detail.setVisible(point is not None and found is not None)
        if point is not None and found is not None:
            self.detail.show_point(found, point, self.denominator, self.tariff)
        self._make_room()

    def _put_away(self) -> None:
        self._select(None)
        self.chart.setFocus()

    def _make_room(self) -> None:
        low = self.height() < scaled(LOW)
        self.detail.fill(low)
        self._pages.setVisible(self.detail.isHidden() or not low)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._make_room()

    # ---- what follows for money

    @property
    def answered(self) -> Answer | None:
        """The mix that is shown, `None` before it is solved for."""
        return self._answer

    def _ask(self) -> None:
        """Have the mix solved for again where anything that it rests on is another."""
        tiers, found = tuple(self.edits.wanted.values()), self.found
        self.mix.show_tiers(tiers)
        self.promise.show_tiers(tuple(tier.name for tier in reversed(tiers)))
        if found is None or not found.points or not tiers:
            self._answer = self._asked = None
            self.mix.show_waiting(
                "Needs a sweep that has been measured." if not self._sources else "Reading the sweep …"
            )
            self.promise.show_answer(None)
            self._climb()
            return
        question = replace(self.mix.question, promising=self.promise.tier.currentText())
        denominator, points = self.denominator, found.points
        asked = (question, tiers, found.source.stamp, denominator)
        if asked == self._asked:
            self._show_answer()
            return
        self._asked = asked
        if self._answer is None:
            self.mix.show_waiting("Looking for the best mix …")

        def solved() -> Iterator[Answer]:
            yield answer(question, tiers, points, denominator)

        self.solver.ask("mix", solved, self._take_answer)

    def _take_answer(self, given: Answer) -> None:
        self._answer = given
        self.promise.show_answer(given)
        self._climb()
        self._show_answer()

    def _show_answer(self) -> None:
        if self._answer is not None:
            edits = self.edits
            in_force = not change(self._answer.best, edits.wanted.values()).after
            self.mix.show_answer(self._answer, read_only=edits.read_only, running=edits.running, in_force=in_force)
            self._measure()

    def _climb(self) -> None:
        """The ladder from the best mix."""
        found = None if self._answer is None else here(self._answer.best)
        self.ladder.show_ladder(found, self.factors.given)

    def _apply(self, chosen: Answer) -> None:
        """Give the tiers the shares and slots of the best mix, in one step that one undo reverts."""
        wanted = change(chosen.best, self.edits.wanted.values())

        def order() -> None:
            self.edits.change_together("best mix", wanted.after)
            self._trial = Trial(chosen.best.revenue, wanted.after, UNSOLD if chosen.question.demand else "")

        self.desk.order(order)
        self.refresh(self.desk.window.shown)

    def leave(self) -> None:
        self.worker.close()
        self.solver.close()


def _box(name: str, choices: dict[Any, str] | None = None) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    box.setToolTip(name)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
    box.setMinimumWidth(NARROWEST)  # in a small window they give way before the cards beside the chart do
    for key, words in (choices or {}).items():
        box.addItem(words, key)
    return box


def _switch(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setCheckable(True)
    button.setToolTip(tip)
    button.setAccessibleName(tip)
    return button
