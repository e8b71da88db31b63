"""The Models view: which models there are from the smallest to the largest, what is here of them, and all they need."""

from functools import partial
from pathlib import Path
from time import monotonic

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeyEvent, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QBoxLayout, QComboBox, QHBoxLayout, QLineEdit, QMenu, QVBoxLayout, QWidget

from desk.facts.happened import JobEnded
from desk.facts.trouble import Trouble
from desk.models.condition import Condition, Key, Room, condition, conditions
from desk.models.store import occupied
from desk.panel.cards import Card
from desk.panel.furniture import Label
from desk.panel.models.asking import Asking
from desk.panel.models.bringing import Bringing
from desk.panel.models.detail import Detail
from desk.panel.models.giving import Giving
from desk.panel.models.lanes import Lanes
from desk.panel.models.rows import SHELVES, WORDS, Deed, Row, by_size, chosen, row_of
from desk.panel.models.table import Table
from desk.panel.models.told import Told, told
from desk.panel.models.work import Work
from desk.panel.shown import Shown
from desk.panel.theme import GUTTER, MARGIN, scaled
from desk.panel.views import Desk, View
from desk.panel.words import tr
from desk.plant.plant import Plant

TITLED = 620
"""Below this width the head of the page has no room for its title; the rail has it all the same."""

BESIDE = 1180
"""From this width on, what there is to say about a model stands beside the list, else below it."""
DETAIL = 352

LOOK_S = 5.0
"""What lies on the disk is looked at again after so long, in case another program has changed it."""

CANCELLED = "Cancelled."
"""What the jobs say of one that was taken back: whoever did that knows it."""


class Page(View):
    """Mirrors disk, catalogue and jobs. Nothing is fetched but by a button or its key, and nothing lost unasked."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        theme = desk.theme
        self.work = Work(desk.source, self) if isinstance(desk.source, Plant) else None
        self._conditions: list[Condition] = []
        self._room: Room | None = None
        self._looked = 0.0
        self._told: tuple[tuple[object, ...], Told] | None = None
        self._wanted: Key | None = None
        self._title = Label(theme, tr("Models"), 16, 600)
        self.search = QLineEdit()
        self.search.setPlaceholderText(tr("Search"))
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName(tr("Search models"))
        self.search.setToolTip(f"{tr('Search')}  Ctrl+F")
        self.shelf = QComboBox()
        self.shelf.setAccessibleName(tr("Which models"))
        self.shelf.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        for name, title in SHELVES.items():
            self.shelf.addItem(title, name)
        self.lanes = Lanes(desk)
        self.asking = Asking(theme)
        self.bring = Bringing(self.asking, self._take_in)
        self.giving = Giving(desk, self.asking, self.lanes)
        self.table = Table(theme, desk.numbers)
        self.detail = Detail(theme, desk.numbers)
        self._note = Label(theme, tr("This is a recording: models can be looked at, not changed."), 12, token="mut")
        self._none = Label(theme, tr("No model has these words."), 13, token="mut")
        self._none.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._arrange()
        self._connect()

    def _arrange(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(MARGIN, 0, MARGIN, 0)
        head.setSpacing(8)
        for part in (self._title, self.search, self.shelf, self.lanes):
            head.addWidget(part)
        head.addStretch(1)
        head.addWidget(self.bring)
        aside = QWidget()
        around = QVBoxLayout(aside)
        around.setContentsMargins(MARGIN, 0, MARGIN, 0)
        around.addWidget(self._note)
        around.addWidget(self.asking)
        card = Card(self.desk.theme)
        column = QVBoxLayout(card)
        column.setContentsMargins(1, 10, 1, 8)
        column.setSpacing(8)
        column.addLayout(head)
        column.addWidget(aside)
        column.addWidget(self.table, 1)
        column.addWidget(self._none, 1)
        self._body = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._body.setContentsMargins(0, 0, 0, 0)
        self._body.setSpacing(GUTTER)
        self._body.addWidget(card, 3)
        self._body.addWidget(self.detail, 2)

    def _connect(self) -> None:
        live = self.work is not None
        self.table.fix(not live)
        self._note.setVisible(not live)
        self.bring.setVisible(live)
        self.setAcceptDrops(live)
        self._none.hide()
        self.setFocusProxy(self.table)
        self.search.textChanged.connect(self._list)
        self.shelf.activated.connect(self._list)
        self.lanes.activated.connect(self._look)
        self.table.moved.connect(self._show_detail)
        self.table.asked.connect(self.do)
        self.table.menu_wanted.connect(self._open_menu)
        self.detail.asked.connect(lambda deed: self.table.row and self.do(self.table.row.key, deed))
        self.asking.closed.connect(self.table.setFocus)
        QShortcut(QKeySequence("Ctrl+F"), self, self.search.setFocus)
        if self.work is not None:
            self.work.ended.connect(self._end)
        self.desk.theme.changed.connect(self._fit)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._fit()
        super().resizeEvent(event)

    def _fit(self) -> None:
        beside = self.width() >= scaled(BESIDE)
        self._body.setDirection(QBoxLayout.Direction.LeftToRight if beside else QBoxLayout.Direction.TopToBottom)
        self._body.setStretch(0, 1 if beside else 3)
        self._body.setStretch(1, 0 if beside else 2)
        self._title.setVisible(self.width() >= scaled(TITLED))
        self.search.setMinimumWidth(scaled(84))
        self.search.setMaximumWidth(scaled(280))
        self.detail.stand(beside=beside)
        self.detail.setMinimumWidth(scaled(DETAIL) if beside else 0)
        self.detail.setMaximumWidth(scaled(DETAIL) if beside else 16_777_215)

    # ---- mirroring

    def refresh(self, shown: Shown) -> None:
        self.lanes.follow()
        turned = self.work is not None and self.work.follow(self.desk.books.ledger.standing.jobs.values())
        room = self.lanes.room()
        stale = monotonic() - self._looked >= LOOK_S
        if turned or stale or room != self._room:
            self._look()
        else:
            self._list()

    def leave(self) -> None:
        if self.work is not None:
            self.work.close()

    def _look(self) -> None:
        """Look at the disk again."""
        self._room, self._looked = self.lanes.room(), monotonic()
        self._conditions = conditions(self.work.running if self.work else {}, self._room)
        self._list()

    def _list(self) -> None:
        """List what the words and the shelf choose; what is at work is asked how far it is."""
        running = self.work.running if self.work else {}
        assert self._room is not None
        found = [
            condition(at, running[at], self._room) if (at := (each.model, each.precision)) in running else each
            for each in self._conditions
        ]
        rows = chosen(by_size(row_of(each) for each in found), self.search.text(), self.shelf.currentData())
        self.table.put(rows)
        if self._wanted in [row.key for row in rows]:
            self.table.go_to(self._wanted)
            self._wanted = None
        self.table.setVisible(bool(rows))
        self._none.setVisible(not rows)
        self._show_detail()

    def _show_detail(self) -> None:
        row = self.table.row
        self.detail.setVisible(row is not None)
        if row is None:
            return
        # What is told is read from the disk: again when the state has changed, or another look was taken.
        seen = (row.key, row.condition.state, self._looked)
        if self._told is None or self._told[0] != seen:
            self._told = seen, told(row)
        self.detail.show_row(row, self._told[1], self.lanes.tier, fixed=self.work is None)

    # ---- asking

    def do(self, key: Key, deed: Deed) -> None:
        """Do what a button says; what would lose something is asked again first."""
        row = next((row for row in self.table.listing.rows if row.key == key), None)
        if self.work is None or row is None or deed not in row.deeds:
            return
        if deed == "use":
            self._choose_tier(row)
        elif deed == "remove":
            question = tr("Remove {model}?", model=row.name)
            words = tr("This frees {size}.", size=self.desk.numbers.bytes(occupied(*key)))
            self.asking.ask(question, words, tr("Remove"), partial(self._start, deed, key))
        elif deed == "discard" and row.condition.done:
            question = tr("Give up {model}?", model=row.name)
            size = self.desk.numbers.bytes(row.condition.done)
            words = tr("The {size} that are here are removed. Pausing keeps them.", size=size)
            self.asking.ask(question, words, tr("Give up"), partial(self._start, deed, key))
        elif deed == "cancel" and self.work.waited_for(key):
            question = tr("Cancel the build of {model}?", model=row.name)
            words = tr("The run waits for it, and ends with it.")
            self.asking.ask(question, words, tr("Cancel it"), partial(self._start, deed, key))
        else:
            self._start(deed, key)

    def _start(self, deed: Deed, key: Key) -> None:
        work = self.work
        assert work is not None
        assert deed != "use"
        try:
            work.do(deed, key)
        except Trouble as trouble:
            self.asking.say(trouble.cause, trouble.remedy)
        self._look()

    def _end(self, fact: JobEnded) -> None:
        """A job is over: tell how, where the list does not tell it by itself."""
        name = " ".join(filter(None, (fact.model, fact.precision)))
        free = self.isVisible() and not self.asking.waits
        if fact.cause and fact.cause != CANCELLED:
            trouble = Trouble(f"{name}: {fact.cause}", fact.remedy)
            if free:
                self.asking.say(trouble.cause, trouble.remedy)
            else:
                self.desk.window.show_trouble(trouble)
        elif not fact.cause and fact.job == "verify" and free:
            self.asking.say(tr("Every byte of {model} is what it must be.", model=name), warns=False)
        if self._room is not None:
            self._look()

    def _open_menu(self, at: QPoint) -> None:
        row = self.table.row
        if row is None or self.work is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for deed in row.deeds:
            menu.addAction(WORDS[deed], partial(self.do, row.key, deed))
        menu.popup(at)

    def _choose_tier(self, row: Row) -> None:
        menu = self.giving.menu(row, self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        place = self.table.visualRect(self.table.currentIndex())
        menu.popup(self.table.viewport().mapToGlobal(QPoint(place.right() - scaled(220), place.bottom())))

    def _take_in(self, path: Path, name: str, precision: str) -> None:
        work = self.work
        assert work is not None
        self._wanted = work.bring(path, name, precision)
        self.search.clear()
        self.shelf.setCurrentIndex(0)
        self._look()

    # ---- hands

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self.bring.drop(event.mimeData().urls())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key == Qt.Key.Key_Escape and not self.asking.isHidden():
            self.asking.put_away()
        elif key == Qt.Key.Key_Escape and self.search.text():
            self.search.clear()
            self.table.setFocus()
        elif key == Qt.Key.Key_Down and self.search.hasFocus():
            self.table.setFocus()
        else:
            super().keyPressEvent(event)
