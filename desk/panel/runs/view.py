"""The Runs view: the list of what was recorded above the run that is looked at, or those that are compared."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
)

from desk import journal
from desk.facts.trouble import Trouble
from desk.panel.cards import Card
from desk.panel.furniture import Elided, Label, headed_card
from desk.panel.runs import rows, story
from desk.panel.runs.beside import Beside
from desk.panel.runs.detail import Detail
from desk.panel.runs.files import Files, recordings_in
from desk.panel.runs.story import Compared, Story
from desk.panel.runs.table import Table
from desk.panel.runs.work import Worker
from desk.panel.shown import Shown
from desk.panel.theme import GUTTER, MARGIN
from desk.panel.views import Desk, View
from desk.panel.words import plural, tr
from desk.runs import search
from desk.runs.comparison import MOST
from desk.runs.store import Run, Runs

EVERY_TAG = tr("All tags")
EMPTY_TRASH, FOR_GOOD = tr("Empty trash"), tr("For good?")
STORIES = 12
"""So many courses are kept of those that were read: three comparisons."""

EXPORT_ONE = tr("Write the run into a file without serial numbers and names")
EXPORT_SEVERAL = tr("Make a picture of the runs beside each other  Ctrl+E")
EMPTY = tr("No runs yet. Start the factory: each run is recorded here. A recording can be dropped here, too.")


class Page(View):
    """Lists, shows and compares the runs of the folder; what takes time is done beside the window."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        theme, numbers = desk.theme, desk.numbers
        self.store = Runs()
        self.worker, self.reader = Worker(self), Worker(self)
        for worker in (self.worker, self.reader):  # a long recording that is read keeps nothing else waiting
            worker.troubled.connect(self._tell)
        self.files = Files(desk, self.store, self.worker, self)
        self.files.arrived.connect(self._arrived)
        self.files.changed.connect(self.look)
        self._runs: list[Run] = []
        self._stories: dict[str, Story] = {}
        self._reading: set[str] = set()
        self._seen: object = None
        self.table = Table(theme, numbers)
        self.table.empty = tr("Looking for runs …")
        self.detail = Detail(theme, numbers)
        self.beside = Beside(theme, numbers)
        self._words = Label(theme, "", 13, token="mut")
        self._words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._words.setWordWrap(True)
        self.search = QLineEdit()
        self.search.setPlaceholderText(tr("Search  Ctrl+F"))
        self.search.setAccessibleName(tr("Search the runs"))
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._list)
        self.tag = _box(tr("Tag that the runs must have"))
        self.tag.activated.connect(self._list)
        self.order = _box(tr("Order of the runs"))
        for name, (words, _) in rows.ORDERS.items():
            self.order.addItem(words, name)
        self.order.activated.connect(self._list)
        self.open = _button(tr("Open"), tr("Play the recording in a window of its own  Enter"), self._open)
        self.open.setProperty("strong", True)
        self.rename = _button(tr("Rename"), tr("Give the run another title  F2"), self.table.rename)
        self.remove = _button(tr("Remove"), tr("Put the marked runs into the trash  Delete"), self._remove)
        self.export = _button(tr("Export…"), EXPORT_ONE, self.export_marked)
        self.bring = _button(
            tr("Import…"), tr("Take in recordings from elsewhere; drop them here, too"), self.files.ask
        )
        self.undo = _button(tr("Undo"), tr("Bring back the run that was removed last  Ctrl+Z"), self._bring_back)
        self.empty = _button(EMPTY_TRASH, tr("Remove for good what lies in the trash"), self._empty)
        self._disk = Elided(theme, "", 12, token="mut")
        self._arrange()
        self.table.chosen.connect(self._follow)
        self.table.opened.connect(self._open)
        self.table.removed.connect(self._remove)
        self.table.undone.connect(self._bring_back)
        self.table.order_asked.connect(self._put_in_order)
        self.table.lines.renamed.connect(self._rename)
        self.detail.tagged.connect(self._tag)
        self.detail.noted.connect(self._note)
        QShortcut(QKeySequence.StandardKey.Find, self, self.search.setFocus)
        self.setAcceptDrops(True)
        self.setFocusProxy(self.table)

    def _arrange(self) -> None:
        theme = self.desk.theme
        above, column, head = headed_card(theme, tr("Runs"))
        head.addWidget(self.search, 1)
        head.addWidget(self.tag)
        head.addWidget(self.order)
        head.addStretch(1)
        head.addWidget(self.bring)
        foot = QHBoxLayout()
        foot.setContentsMargins(MARGIN, 0, MARGIN, 0)
        foot.setSpacing(8)
        foot.addWidget(self._disk)
        for button in (self.empty, self.undo):
            button.setProperty("quiet", True)
            foot.addWidget(button)
        foot.addStretch(1)
        for button in (self.remove, self.rename, self.export, self.open):
            button.setProperty("slim", True)
            foot.addWidget(button)
        column.addWidget(self.table, 1)
        column.addLayout(foot)
        self._below = QStackedWidget()
        for page in (self._words, self.detail, self.beside):
            self._below.addWidget(page)
        below = Card(theme)
        inner = QVBoxLayout(below)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.addWidget(self._below)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(GUTTER)
        whole.addWidget(above, 11)
        whole.addWidget(below, 10)

    # ---- the folder

    def refresh(self, shown: Shown) -> None:
        """Look into the folder again where something in it has changed."""
        try:
            seen = (self.store.folder.stat().st_mtime_ns, shown.run, shown.state)
        except OSError:
            seen = None
        if seen != self._seen:
            self._seen = seen
            self.look()

    def look(self) -> None:
        """List the folder anew, and sum up the runs that nobody has summed up yet."""
        store = self.store

        def listed() -> Iterator[Any]:
            runs = store.all()
            yield runs, store.disk_use()
            unknown = [run for run in runs if run.state != "running" and run.summary is None and not run.trouble]
            yield from store.summed_all(unknown)

        self.worker.ask("list", listed, self._take)

    def _take(self, given: Any) -> None:
        """The whole list with the use of the disk, or one run of it that has been summed up."""
        if isinstance(given, Run):
            before = next((run for run in self._runs if run.name == given.name), None)
            if before is None or before == given:
                return
            self._runs = [given if run.name == given.name else run for run in self._runs]
        else:
            self._runs, disk = given
            size = self.desk.numbers.bytes
            told = [tr("{size} of recordings", size=size(disk.runs))]
            told += [tr("{size} in the trash", size=size(disk.trash))] if disk.trash else []
            told += [tr("{size} free", size=size(disk.free))] if disk.free is not None else []
            self._disk.setText(", ".join(told))
            self.empty.setVisible(bool(disk.trash))
            self.empty.setText(EMPTY_TRASH)
            self.undo.setVisible(bool(disk.trash))
            self.table.undoable = bool(disk.trash)
            self._offer_tags()
        self._list()

    def _offer_tags(self) -> None:
        tags, chosen = search.tags(self._runs), self.tag.currentData()
        if [self.tag.itemData(place) for place in range(1, self.tag.count())] != tags or not self.tag.count():
            self.tag.clear()
            self.tag.addItem(EVERY_TAG, "")
            for tag in tags:
                self.tag.addItem(tag, tag)
            self.tag.setCurrentIndex(max(0, self.tag.findData(chosen)))
        self.tag.setVisible(bool(tags))

    def _list(self) -> None:
        words, tag = self.search.text(), self.tag.currentData() or ""
        shown = rows.ordered(search.found(self._runs, words, tag), self.order.currentData())
        self.table.empty = tr("No run has all of these words.") if self._runs else EMPTY
        self.table.show_runs(shown)
        self._follow()

    def _put_in_order(self, name: str) -> None:
        self.order.setCurrentIndex(self.order.findData(name))
        self._list()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.table.setFocus()

    def turn_to(self, subject: str) -> None:
        """Stand on a run by the name of its files."""
        self.table.go_to(subject)

    # ---- below the list

    def _follow(self) -> None:
        """Show the marked run, or those that are compared."""
        marked = self.table.marked
        one = marked[0] if len(marked) == 1 else None
        self.open.setEnabled(one is not None and not one.trouble)
        self.export.setEnabled(one is not None and not one.trouble and one.state != "running")
        self.export.setToolTip(EXPORT_ONE)
        self.rename.setEnabled(one is not None)
        self.remove.setEnabled(bool(marked) and all(run.state != "running" for run in marked))
        if one is not None:
            self.detail.show_run(one)
            if one.name in self._stories:
                self.detail.show_story(self._stories[one.name])
            self._below.setCurrentWidget(self.detail)
            self._read([one])
            return
        self._below.setCurrentWidget(self._words)
        if len(marked) > MOST:
            told = plural("{n} run is marked.", "{n} runs are marked.", len(marked))
            self._words.setText(f"{told} {tr('Up to {most} can be compared.', most=MOST)}")
        elif not marked:
            self._words.setText("")
        elif unread := [run for run in marked if run.summary is None]:
            first = unread[0]
            why = ", ".join(rows.marks_of(first))
            self._words.setText(tr("{run} has no figures to compare: {why}.", run=first.title, why=why))
        else:
            self.beside.show_runs(marked, self._stories)
            self._below.setCurrentWidget(self.beside)
            self.export.setEnabled(self.beside.compared is not None)
            self.export.setToolTip(EXPORT_SEVERAL)
            self._read(marked)

    def _read(self, runs: Iterable[Run]) -> None:
        """Read the recordings that are shown and were not read yet."""
        wanted = [run for run in runs if run.name not in self._stories and run.state != "running" and not run.trouble]
        names = {run.name for run in wanted}
        if not wanted or (self.reader.busy("story") and names == self._reading - self._stories.keys()):
            return
        self._reading = names

        def told() -> Iterator[Story | None]:
            for run in wanted:
                yield from story.told(run.name, journal.read(run.path))

        self.reader.ask("story", told, self._take_story)

    def _take_story(self, told: Story) -> None:
        self._stories[told.name] = told
        while len(self._stories) > STORIES:
            del self._stories[next(iter(self._stories))]
        self._follow()

    # ---- hands

    def _order(self, order: Callable[[], Any]) -> None:
        """Carry something out in the folder, and list it again."""
        self.desk.order(order)
        self._seen = None
        self.look()

    def _tell(self, _key: str, trouble: Trouble) -> None:
        self.desk.window.show_trouble(trouble)

    def _open(self, run: Run | None = None) -> None:
        marked = self.table.marked
        run = run or (marked[0] if len(marked) == 1 else None)
        if run is not None and not run.trouble:
            self.desk.window.recording_asked.emit(str(run.path))

    def _rename(self, run: Run, title: str) -> None:
        self._order(lambda: self.store.rename(run, "" if title == run.name else title))

    def _tag(self, run: Run, tags: tuple[str, ...]) -> None:
        gone = [tag for tag in run.marks.tags if tag not in tags]
        self._order(lambda: self.store.tag(run, tags, gone))

    def _note(self, run: Run, text: str) -> None:
        self._order(lambda: self.store.note(run, text))

    def _remove(self) -> None:
        marked = self.table.marked

        def remove() -> None:
            for run in marked:
                self.store.remove(run)

        if marked:
            self._order(remove)

    def _bring_back(self) -> None:
        self._order(self.store.undo)

    def _empty(self) -> None:
        if self.sure():
            self._order(self.store.empty_trash)

    # ---- carried in and out

    def export_marked(self) -> None:
        """Carry out what is marked: a run as a file, several as a picture of them beside each other."""
        marked, window = self.table.marked, self.desk.window
        if len(marked) == 1:
            self.files.send(marked[0])
        elif self.compared() is not None:
            window.perform(next(action for action in window.actions_known if action.name == "export"))

    def compared(self) -> Compared | None:
        return self.beside.compared if self._below.currentWidget() is self.beside else None

    def _arrived(self, run: Run) -> None:
        """Stand on a run that was taken in."""
        self._runs = [run, *self._runs]
        self.search.clear()
        self._list()
        self.table.go_to(run.name)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if recordings_in(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        self.files.take_in(recordings_in(event))
        event.acceptProposedAction()

    def sure(self) -> bool:
        """Whether the trash is to be emptied for good: asked by a second press of the same button."""
        asked = self.empty.text() == FOR_GOOD
        self.empty.setText(EMPTY_TRASH if asked else FOR_GOOD)
        return asked

    def leave(self) -> None:
        self.worker.close()
        self.reader.close()


def _button(text: str, tip: str, do: Callable[[], None]) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    button.setAccessibleName(tip.partition("  ")[0])
    button.clicked.connect(lambda _=False: do())
    return button


def _box(name: str) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
    return box
