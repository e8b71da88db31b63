"""The Frontier view: the chart of a sweep, and beside it what follows from it for money."""

from collections.abc import Iterator
from typing import Any

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QPushButton, QStackedWidget, QVBoxLayout

from desk.facts.tiers import Tariff
from desk.facts.trouble import Trouble
from desk.frontier.points import Axis, Denominator, Point, Scope
from desk.frontier.published import chart as published
from desk.panel.cards import Card
from desk.panel.frontier.chart import FrontierChart
from desk.panel.frontier.detail import Detail
from desk.panel.frontier.pointtable import PointTable
from desk.panel.frontier.scene import AXES, scene
from desk.panel.frontier.sweeps import Found, Source, read, sources
from desk.panel.furniture import Label
from desk.panel.runs.work import Worker
from desk.panel.shown import Shown
from desk.panel.statusline import date_of
from desk.panel.theme import GUTTER, MARGIN
from desk.panel.views import Desk, View
from desk.runs.store import Runs

SCOPES: dict[Scope, str] = {"board": "Metered device only", "host": "Whole machine", "all-in": "All-in, with its site"}
BY = {"itl": "Speed: 1 ÷ ITL", "e2e": "Speed: end to end"}
NONE = "No sweep was measured on this machine yet. New sweep says how to."


class Page(View):
    """Draws what was measured, and where the lanes stand in it now."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        theme, numbers = desk.theme, desk.numbers
        self.store = Runs()
        self.worker = Worker(self)
        self.worker.troubled.connect(lambda _key, trouble: desk.window.show_trouble(trouble))
        self._found: dict[str, Found] = {}
        self._sources: list[Source] = []
        self._stamp: object = None
        self._host_watts: float | None = None
        self._point: Point | None = None
        self.chart = FrontierChart(theme, numbers)
        self.table = PointTable(theme, numbers)
        self.detail = Detail(theme, numbers)
        self.detail.hide()
        self.sweep = _box("Sweep that is drawn")
        self.axis = _box("Vertical axis", {key: title for key, (title, _) in AXES.items()})
        self.by = _box("Which speed of a user", BY)
        self.scope = _box("What the watts stand for", SCOPES)
        self.host = QLineEdit()
        self.host.setPlaceholderText("rest, W")
        self.host.setAccessibleName("Watts of the rest of the machine")
        self.host.setToolTip("What the machine draws beside the metered device, in watts")
        self.host.editingFinished.connect(lambda: desk.order(self._take_host))
        self.keynote = _switch("Keynote", "Readings of the keynote's chart: illustration, second-hand")
        self.as_table = _switch("Table", "Show the points as a table")
        self.new = QPushButton("New sweep")
        self._note = Label(theme, "", 12, token="mut")
        self._arrange()
        for box in (self.axis, self.by, self.scope):
            box.currentIndexChanged.connect(self._draw)
        self.sweep.activated.connect(self._choose)
        self.keynote.toggled.connect(self._draw)
        self.as_table.toggled.connect(self._turn)
        self.chart.chosen.connect(self._select)
        self.detail.opened.connect(desk.window.recording_asked.emit)
        self.detail.closed.connect(lambda: self._select(None))
        self.setFocusProxy(self.chart)

    def _arrange(self) -> None:
        theme = self.desk.theme
        head = QHBoxLayout()
        head.setContentsMargins(MARGIN, 0, 12, 0)
        head.setSpacing(8)
        head.addWidget(Label(theme, "Frontier", 16, 600))
        head.addStretch(1)
        head.addWidget(self.sweep)
        head.addWidget(self.new)
        tools = QHBoxLayout()
        tools.setContentsMargins(MARGIN, 0, 12, 0)
        tools.setSpacing(6)
        for widget in (self.axis, self.by, self.scope, self.host, self.keynote, self.as_table):
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
        column.addWidget(self._pages, 1)
        column.addWidget(self.detail)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GUTTER)
        row.addWidget(card, 1)

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
                self.sweep.addItem(
                    f"{day}, comes with the program" if source.foreign else f"Sweep of {day}", source.sweep
                )
            self.sweep.setCurrentIndex(max(0, self.sweep.findData(chosen)) if given else -1)
            self.sweep.setVisible(bool(given))
        self._draw()

    @property
    def found(self) -> Found | None:
        """The sweep that is drawn, `None` before it is read."""
        return self._found.get(self.sweep.currentData() or "")

    def _choose(self) -> None:
        self._select(None)
        self._draw()

    # ---- drawing

    @property
    def tariff(self) -> Tariff | None:
        """What energy and hours cost here."""
        return self.desk.books.ledger.standing.tariff

    @property
    def denominator(self) -> Denominator:
        """What watts stand for."""
        scope: Scope = self.scope.currentData()
        return Denominator.of(scope, self.tariff, self._host_watts)

    def _draw(self) -> None:
        found = self.found
        axis: Axis = self.axis.currentData()
        others = [each for key, each in self._found.items() if found is not None and each is not found]
        keynote = published() if self.keynote.isChecked() else None
        lines = self.desk.window.shown.tiers
        made = scene(found, others, axis, self.by.currentData(), self.denominator, self.tariff, lines, keynote)
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

    def _take_host(self) -> None:
        self._host_watts = number_of(self.host, "watts")
        self._draw()

    def leave(self) -> None:
        self.worker.close()


def number_of(edit: QLineEdit, what: str) -> float | None:
    """What stands in a field: a number above 0, or `None` for nothing; raises `Trouble` for anything else."""
    text = edit.text().strip()
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1e12:
        raise Trouble(f"{text} is not a number of {what} above 0.", "Write it like 60 or 0.5.")
    return value


def _box(name: str, choices: dict[Any, str] | None = None) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    box.setToolTip(name)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
    for key, words in (choices or {}).items():
        box.addItem(words, key)
    return box


def _switch(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setCheckable(True)
    button.setToolTip(tip)
    button.setAccessibleName(tip)
    return button
