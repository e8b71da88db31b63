"""The Models view: which models there are from the smallest to the largest, what is here of them, and all they need."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import monotonic

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeyEvent, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import (
    QBoxLayout,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from desk.facts.happened import JobEnded
from desk.facts.tiers import Tier
from desk.facts.trouble import Trouble
from desk.models.condition import Condition, Key, Room, condition, conditions
from desk.models.ram import free_memory
from desk.models.store import name_for, occupied
from desk.panel.cards import Card
from desk.panel.furniture import Label
from desk.panel.models.asking import Asking
from desk.panel.models.detail import Detail
from desk.panel.models.rows import SHELVES, WORDS, Deed, Row, by_size, chosen, given_to, room_for, row_of, uses
from desk.panel.models.table import Table
from desk.panel.models.told import Told, fit_words, told
from desk.panel.models.work import Work
from desk.panel.shown import Shown
from desk.panel.theme import GUTTER, MARGIN, scaled
from desk.panel.views import Desk, View
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

MOVED_BYTES = 64 << 20
"""Free memory that has changed by less is shown as it was, so that figures stand still."""


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
        self._title = Label(theme, "Models", 16, 600)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search")
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName("Search models")
        self.search.setToolTip("Search  Ctrl+F")
        self.shelf, self.tiers = QComboBox(), QComboBox()
        self.shelf.setAccessibleName("Which models")
        for name, title in SHELVES.items():
            self.shelf.addItem(title, name)
        self.tiers.setAccessibleName("The lane that memory is planned for")
        self.tiers.setToolTip("Memory is planned for a lane of this tier, at its slots and context")
        for box in (self.shelf, self.tiers):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.bring = QPushButton("Import")
        self.bring.setAccessibleName("Import a model of your own")
        self.bring.setToolTip("A folder, an archive or a GGUF file; it can also be dropped here")
        menu = QMenu(self)
        menu.addAction("A folder…", lambda: self.offer_import(self.ask_folder()))
        menu.addAction("An archive or a GGUF file…", lambda: self.offer_import(self.ask_file()))
        self.bring.setMenu(menu)
        self.asking = Asking(theme)
        self.table = Table(theme, desk.numbers)
        self.detail = Detail(theme, desk.numbers)
        self._note = Label(theme, "This is a recording: models can be looked at, not changed.", 12, token="mut")
        self._none = Label(theme, "No model has these words.", 13, token="mut")
        self._none.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._arrange()
        self._connect()

    def _arrange(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(MARGIN, 0, MARGIN, 0)
        head.setSpacing(8)
        for part in (self._title, self.search, self.shelf, self.tiers):
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
        self.table.listing.fixed = not live
        self._note.setVisible(not live)
        self.bring.setVisible(live)
        self.setAcceptDrops(live)
        self._none.hide()
        self.setFocusProxy(self.table)
        self.search.textChanged.connect(self._list)
        self.shelf.activated.connect(self._list)
        self.tiers.activated.connect(self._look)
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
        self._follow_tiers()
        room = self._room_now()
        stale = monotonic() - self._looked >= LOOK_S
        if stale or self._room is None or (room.slots, room.context) != (self._room.slots, self._room.context):
            self._look()
        else:
            self._list()

    def leave(self) -> None:
        if self.work is not None:
            self.work.close()

    @property
    def tier(self) -> Tier | None:
        """The tier whose lane the memory is planned for."""
        return self._all_tiers().get(self.tiers.currentData())

    def _all_tiers(self) -> dict[str, Tier]:
        edits = self.desk.edits
        return edits.wanted if edits is not None else dict(self.desk.books.ledger.standing.tiers)

    def _follow_tiers(self) -> None:
        """Offer the tiers that there are, the dearest first, as the table of tiers has them."""
        tiers, numbers = self._all_tiers(), self.desk.numbers
        offered = {
            name: f"{name}, {tier.slots} × {numbers.count(tier.context)} tokens"
            for name, tier in reversed(tiers.items())
        }
        if {self.tiers.itemData(place): self.tiers.itemText(place) for place in range(self.tiers.count())} == offered:
            return
        before = self.tiers.currentData()
        self.tiers.clear()
        for name, title in offered.items():
            self.tiers.addItem(title, name)
        self.tiers.setCurrentIndex(max(0, self.tiers.findData(before)))

    def _room_now(self) -> Room:
        live = self.work is not None
        room = room_for(self.tier, self.desk.books.ledger.standing, free_memory() if live else None, live=live)
        before = self._room
        if before is None or set(before.free) != set(room.free):
            return room
        near = {place: _near(before.free[place], free) for place, free in room.free.items()}
        return Room(near, room.slots, room.context)

    def _look(self) -> None:
        """Look at the disk again."""
        self._room, self._looked = self._room_now(), monotonic()
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
        self.detail.show_row(row, self._told[1], self.tier, fixed=self.work is None)

    # ---- asking

    def do(self, key: Key, deed: Deed) -> None:
        """Do what a button says; what would lose something is asked again first."""
        row = next((row for row in self.table.listing.rows if row.key == key), None)
        if self.work is None or row is None or deed not in row.deeds:
            return
        if deed == "use":
            self._choose_tier(row)
        elif deed == "remove":
            size = self.desk.numbers.bytes(occupied(*key))
            self.asking.ask(f"Remove {row.name}?", f"This frees {size}.", "Remove", partial(self._start, deed, key))
        elif deed == "discard" and row.condition.done:
            size = self.desk.numbers.bytes(row.condition.done)
            words = f"The {size} that are here are removed. Pausing keeps them."
            self.asking.ask(f"Give up {row.name}?", words, "Give up", partial(self._start, deed, key))
        else:
            self._start(deed, key)

    def _start(self, deed: Deed, key: Key) -> None:
        work = self.work
        assert work is not None
        assert deed != "use"
        self._try(lambda: work.do(deed, key))
        self._look()

    def _try(self, wish: Callable[[], None]) -> None:
        """Carry a wish out, and tell the trouble that it meets."""
        try:
            wish()
        except Trouble as trouble:
            self.asking.say(trouble.cause, trouble.remedy)

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
            self.asking.say(f"Every byte of {name} is what it must be.", warns=False)
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

    # ---- giving a model to a tier

    def _choose_tier(self, row: Row) -> None:
        menu = self.tier_menu(row)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        place = self.table.visualRect(self.table.currentIndex())
        menu.popup(self.table.viewport().mapToGlobal(QPoint(place.right() - scaled(220), place.bottom())))

    def tier_menu(self, row: Row) -> QMenu:
        """The tiers, each of which can be given the model; Ctrl+Z takes it back, as every edit of a tier."""
        menu = QMenu(self)
        for name, tier in reversed(self._all_tiers().items()):
            changed = given_to(tier, row)
            words = f"{name}, in place of {' '.join(filter(None, (tier.model, tier.precision)))}"
            if uses(tier, row):
                words = f"{name} uses it"
            elif changed.context != tier.context:
                words += f", at {self.desk.numbers.count(changed.context)} tokens"
            action = menu.addAction(words, partial(self._give, changed, row))
            action.setEnabled(not uses(tier, row))
        return menu

    def _give(self, changed: Tier, row: Row) -> None:
        edits = self.desk.edits
        assert edits is not None
        self.desk.order(lambda: edits.change(changed))
        when = "now: its lane drains, then loads it" if edits.running else "with the next run"
        _, consequence = fit_words(row, changed)
        words = f"{changed.name} gets {row.name} {when}."
        self.asking.say(words, consequence or "Ctrl+Z takes it back.", warns=bool(consequence))

    # ---- importing

    def ask_folder(self) -> Path | None:
        """The user's choice of a folder, `None` where there was none."""
        chosen = QFileDialog.getExistingDirectory(self, "Import a model folder", str(Path.home()))
        return Path(chosen) if chosen else None

    def ask_file(self) -> Path | None:
        """The user's choice of a file, `None` where there was none."""
        kinds = "Models (*.gguf *.zip *.tar *.tar.gz *.tgz *.tar.xz *.tar.bz2)"
        chosen, _ = QFileDialog.getOpenFileName(self, "Import a model", str(Path.home()), kinds)
        return Path(chosen) if chosen else None

    def offer_import(self, path: Path | None) -> None:
        """Ask under which name to import what is at `path`; nothing is copied before that."""
        if path is None or self.work is None:
            return
        name, note = "", ""
        try:
            name = name_for(path)
        except Trouble as trouble:
            note = f"{trouble.cause} {trouble.remedy}"
        self.asking.ask_import(path, name, note, partial(self._import, path))

    def _import(self, path: Path, name: str, precision: str) -> None:
        work = self.work
        assert work is not None
        try:
            self._wanted = work.bring(path, name, precision)
        except Trouble as trouble:
            note = f"{trouble.cause} {trouble.remedy}"
            self.asking.ask_import(path, name, note, partial(self._import, path))
            return
        self.search.clear()
        self.shelf.setCurrentIndex(0)
        self._look()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        urls = event.mimeData().urls()
        event.acceptProposedAction()
        if len(urls) != 1:
            words = "Drop one model at a time: a folder, an archive or a GGUF file."
            self.asking.say(f"{len(urls)} things were dropped at once.", words)
        elif not urls[0].isLocalFile():
            words = "Download it first, or drop a folder, an archive or a GGUF file of this computer."
            self.asking.say("That is an address, and nothing is fetched from it.", words)
        else:
            self.offer_import(Path(urls[0].toLocalFile()))

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


def _near(before: int | None, free: int | None) -> int | None:
    """What was shown before, where it is near enough."""
    if before is None or free is None:
        return free
    return before if abs(free - before) < MOVED_BYTES else free
