"""The Frontier view: the chart of a sweep, and beside it what follows from it for money."""

from typing import Any

from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
)

from desk.facts.plans import Plan
from desk.facts.tiers import Tariff
from desk.frontier.points import Axis, Denominator, Interactivity, Point, Scope
from desk.frontier.published import chart as published
from desk.panel.cards import Card
from desk.panel.frontier.beside import Beside
from desk.panel.frontier.builder import Builder
from desk.panel.frontier.chart import FrontierChart
from desk.panel.frontier.detail import Detail
from desk.panel.frontier.fields import NumberField
from desk.panel.frontier.library import Library
from desk.panel.frontier.pointtable import PointTable
from desk.panel.frontier.progress import SweepBar
from desk.panel.frontier.scene import AXES, Scene, scene, with_lanes
from desk.panel.frontier.sweeper import Sweeper
from desk.panel.frontier.sweeps import Found, sweep_of
from desk.panel.furniture import Label
from desk.panel.shown import Shown
from desk.panel.statusline import date_of
from desk.panel.theme import GUTTER, MARGIN, scaled
from desk.panel.views import Desk, View
from desk.panel.words import plural, tr

SCOPES: dict[Scope, str] = {"board": tr("Device watts"), "host": tr("Machine watts"), "all-in": tr("All-in watts")}
BY: dict[Interactivity, str] = {"itl": "1 ÷ ITL", "e2e": tr("End to end")}
NARROWEST = 84
LOW = 620
"""In a lower view a point takes the place of the chart instead of a part of it."""
NONE = tr("No sweep was measured on this machine yet: New sweep measures one.")
READING = tr("Reading the sweep …")


class Page(View):
    """Draws what was measured, and where the lanes stand in it now."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        theme, numbers = desk.theme, desk.numbers
        recording = desk.source.path if desk.source.mode == "replay" else None
        self._own = sweep_of(recording) if recording else None
        """The sweep of the recording that is shown: it is drawn first."""
        self.library = Library(self, recording if self._own else None)
        self.library.troubled.connect(desk.window.show_trouble)
        self.library.listed.connect(self._list)
        self.library.grown.connect(self._renew)
        self._point: Point | None = None
        self._still: object = None
        self._scene = Scene("tokens_per_second", "", "")
        self.chart = FrontierChart(theme, numbers)
        self.table = PointTable(theme, numbers)
        self.detail = Detail(theme, numbers)
        self.detail.hide()
        self.sweep = _box(tr("Sweep that is drawn"))
        self.axis = _box(tr("Vertical axis"), {key: title for key, (title, _) in AXES.items()})
        self.by = _box(tr("Which speed of a user"), BY)
        self.scope = _box(tr("What the watts stand for"), SCOPES)
        self.host = NumberField(desk, tr("Watts of the rest of the machine"), tr("rest, W"), self._draw, wide=80)
        self.host.setToolTip(tr("What the machine draws beside the metered device, in watts"))
        self.keynote = _switch(tr("Keynote"), tr("Readings of the keynote's chart: illustration, second-hand"))
        self.as_table = _switch(tr("Table"), tr("Show the points as a table"))
        self.new = _switch(tr("New sweep"), tr("Measure this machine"))
        self.builder = Builder(theme, numbers)
        self.sweeper = Sweeper(desk, self)
        self.bar = SweepBar(theme, numbers)
        self._note = Label(theme, "", 12, token="mut")
        self.beside = Beside(desk)
        self._arrange()
        self.beside.asked.connect(self._ask)
        self.beside.applied.connect(lambda: self.refresh(desk.window.shown))
        for box in (self.axis, self.by, self.scope):
            box.currentIndexChanged.connect(self._draw)
        self.sweep.activated.connect(self._choose)
        self.keynote.toggled.connect(self._draw)
        self.as_table.toggled.connect(self._turn)
        self.new.toggled.connect(self._turn)
        self.builder.started.connect(self._sweep)
        self.builder.closed.connect(lambda: self.new.setChecked(False))
        self.bar.stopped.connect(self.sweeper.stop)
        self.sweeper.moved.connect(self._show_sweep)
        self.chart.chosen.connect(self._select)
        self.detail.opened.connect(desk.window.recording_asked.emit)
        self.detail.closed.connect(self._put_away)
        self.setFocusProxy(self.chart)

    def _arrange(self) -> None:
        theme = self.desk.theme
        head = QHBoxLayout()
        head.setContentsMargins(MARGIN, 0, 12, 0)
        head.setSpacing(8)
        head.addWidget(Label(theme, tr("Frontier"), 16, 600))
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
        self._pages.addWidget(self.builder)
        card = Card(theme)
        column = QVBoxLayout(card)
        column.setContentsMargins(1, 10, 1, 8)
        column.setSpacing(6)
        column.addLayout(head)
        column.addLayout(tools)
        column.addWidget(self._note)
        self._note.setContentsMargins(MARGIN, 0, MARGIN, 0)
        self._note.setWordWrap(True)
        column.addWidget(self.bar)
        column.addWidget(self._pages, 1)
        column.addWidget(self.detail)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GUTTER)
        row.addWidget(card, 1)
        row.addWidget(self.beside)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.chart.setFocus()

    # ---- the sweeps

    def refresh(self, shown: Shown) -> None:
        """Look for sweeps where the folder has changed, and move what moves."""
        self._name_axes()
        self.library.look(shown.state)
        self._show_sweep()
        self._renew()
        self.beside.look(shown)

    def _name_axes(self) -> None:
        """Money on an axis is in the currency of the run."""
        for place, (title, _) in enumerate(AXES.values()):
            self.axis.setItemText(place, self.desk.numbers.unit(title))

    def _renew(self) -> None:
        """Draw, and have the mix solved for by what is drawn."""
        self._draw()
        self._ask()

    def _ask(self) -> None:
        found = None if self.sweeper.under_way else self.found
        if self.sweeper.under_way:
            waiting = tr("A sweep is under way.")
        elif found is not None:
            waiting = tr("This sweep has no whole point yet.")
        else:
            waiting = READING if self.library.sources else tr("Needs a sweep that has been measured.")
        self.beside.ask(found, self.denominator, waiting)

    def _list(self) -> None:
        """Offer the sweeps that there are."""
        chosen, given = self.sweep.currentData() or self._own, self.library.sources
        self.sweep.clear()
        for source in given:
            day = date_of(source.wall)
            words = tr("Example of {day}", day=day) if source.foreign else tr("Sweep of {day}", day=day)
            self.sweep.addItem(words, source.sweep)
        self.sweep.setCurrentIndex(max(0, self.sweep.findData(chosen)) if given else -1)
        self.sweep.setVisible(bool(given))
        self._renew()

    @property
    def found(self) -> Found | None:
        """The sweep that is drawn, `None` before it is read."""
        return self.library.found(self.sweep.currentData())

    def _choose(self) -> None:
        self._select(None)
        self._renew()

    # ---- a new one

    def _sweep(self, plan: Plan) -> None:
        self.desk.order(lambda: self.sweeper.start(plan))
        self.new.setChecked(not self.sweeper.under_way)

    def _show_sweep(self) -> None:
        """Follow the sweep that is under way, or offer one."""
        self.bar.show_progress(self.sweeper.progress)
        self.new.setVisible(not self.sweeper.under_way and self.desk.source.mode == "live")
        if self.builder.isVisible():
            edits = self.beside.edits
            self.builder.show_tiers(edits.wanted.values(), free=not edits.running)

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
        others = [] if found is None else self.library.others(found)
        keynote, by = self.keynote.isChecked(), self.by.currentData()
        still = (id(found), tuple(map(id, others)), axis, by, self.denominator, self.tariff, keynote)
        if still != self._still:  # folding the points anew twice a second would cost more than all that moves
            self._still = still
            chart = published() if keynote else None
            self._scene = scene(found, others, axis, by, self.denominator, self.tariff, chart)
            if found is not None and self._point is not None:
                self.detail.show_point(found, self._point, self.denominator, self.tariff)
        made = with_lanes(self._scene, self.desk.window.shown.tiers)
        self.chart.show_scene(made, READING if self.library.sources else NONE)
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
        parts = [found.device, ", ".join(models), found.meters or tr("no watts: the vertical axis is tokens/s")]
        if found.source.foreign:
            parts.insert(0, tr("Another machine"))
        if found.missed:
            parts.append(plural("{n} missed", "{n} missed", len(found.missed)))
        return " · ".join(part for part in parts if part)

    def _turn(self) -> None:
        page = self.builder if self.new.isChecked() else self.table if self.as_table.isChecked() else self.chart
        self._pages.setCurrentWidget(page)
        if page is self.builder:
            self._select(None)
            self._show_sweep()
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
        self.beside.fit()

    def leave(self) -> None:
        self.library.close()
        self.beside.close_work()


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
