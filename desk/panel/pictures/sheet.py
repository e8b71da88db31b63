"""The sheet of Ctrl+E: what to carry out of the window, in which size and colours, and as which kind of file."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from PySide6.QtCore import QMimeData, QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import QComboBox, QFileDialog, QGridLayout, QPushButton, QWidget

from desk import journal
from desk.exports.data import ENDINGS, data_of
from desk.exports.files import put
from desk.exports.receipt import Digest
from desk.facts.figures import FIGURES
from desk.facts.trouble import Trouble
from desk.panel.books import Books
from desk.panel.capture import png_of
from desk.panel.charts.setting import Stretch
from desk.panel.furniture import Label
from desk.panel.overlay import Overlay
from desk.panel.pictures.comparing import CURVES
from desk.panel.pictures.composing import Wish
from desk.panel.pictures.making import Picture
from desk.panel.pictures.presets import KINDS, NARROW, PRESETS
from desk.panel.pictures.scene import CHARTS
from desk.panel.runs.story import Compared
from desk.panel.shown import EMPTY, Mode
from desk.panel.theme import Theme, scaled
from desk.panel.window import Window
from desk.panel.words import tr
from desk.plant import settings as stored
from desk.plant.settings import Carried

COMPARE, VIEW, ROWS, SEEN, PAGE = "compare", "view", "rows", "seen", "page"
WHATS = {
    **{kind: title for kind, title in KINDS.items() if kind != COMPARE},
    VIEW: tr("This view, as shown"),
    SEEN: tr("Data of the charts' window"),
    ROWS: tr("Data of the whole run"),
    PAGE: tr("Page about the run"),
}
"""What can be carried out anywhere; where runs stand beside each other, their comparison comes first."""
STYLE_TITLES = {"dark": tr("Dark"), "light": tr("Light"), "print": tr("Print")}
FORM_TITLES = {
    "png": "PNG",
    "pdf": tr("PDF, vectors"),
    "clipboard": tr("Clipboard, with caption"),
    "csv": "CSV",
    "jsonl": tr("JSON lines"),
    "markdown": "Markdown",
    "receipt": "Markdown",
    "receipt-json": "JSON",
}
PICTURES = ("png", "pdf", "clipboard")
FORMS: dict[str, tuple[str, ...]] = {
    "receipt": (*PICTURES, "receipt", "receipt-json"),
    VIEW: ("png",),
    PAGE: ("markdown",),
    ROWS: ("csv", "jsonl"),
    SEEN: ("csv", "jsonl"),
}
FIGURED = {
    "value": tuple(value.key for value in EMPTY),
    "chart": tuple(CHARTS),
    "chart-table": tuple(CHARTS),
    COMPARE: tuple(CURVES),
}
"""What shows one figure, and which it may be."""


class Source(Protocol):
    """Whom the sheet asks: the books of what is shown, how it is shown, and where it is recorded."""

    @property
    def books(self) -> Books:
        """The books of the run."""

    @property
    def mode(self) -> Mode:
        """Live, or a recording."""

    def stretch(self) -> Stretch:
        """The time that the charts show."""

    def recording(self) -> Path | None:
        """The file of the run, `None` where none is kept."""


@dataclass(frozen=True)
class Told:
    """A recording read to its end."""

    books: Books
    digest: str


class ExportSheet(Overlay):
    """Chooses what, size, style and form; Enter carries it out. It remembers what was chosen."""

    def __init__(self, theme: Theme, over: Window, source: Source) -> None:
        super().__init__(theme, over)
        self._window, self._source = over, source
        self._work = _Work(self)
        self.setAccessibleName(tr("Export"))
        self._boxes: dict[str, QComboBox] = {}
        self._words: dict[str, Label] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(24, 20, 24, 20)
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(8)
        grid.addWidget(Label(theme, tr("Export"), 16, 600), 0, 0, 1, 2)
        for row, (name, word) in enumerate(_ROWS, start=1):
            box = QComboBox()
            box.setAccessibleName(word)
            box.currentIndexChanged.connect(self._fit)
            self._words[name] = Label(theme, word, 13, token="soft")
            grid.addWidget(self._words[name], row, 0)
            grid.addWidget(box, row, 1)
            self._boxes[name] = box
        self._message = Label(theme, "", 12, token="soft")
        self._message.setWordWrap(True)
        grid.addWidget(self._message, len(_ROWS) + 1, 0, 1, 2)
        self._button = QPushButton(tr("Export  Enter"))
        self._button.setProperty("strong", True)
        self._button.clicked.connect(self.carry_out)
        grid.addWidget(self._button, len(_ROWS) + 2, 1, Qt.AlignmentFlag.AlignRight)
        grid.setColumnMinimumWidth(1, scaled(280))
        self._recall()

    # ---- choosing

    @property
    def chosen(self) -> Carried:
        """What is chosen now."""
        return Carried(**{name: str(box.currentData()) for name, box in self._boxes.items() if box.count()})

    def choose(self, carried: Carried) -> None:
        """Choose this, as far as there is such a thing."""
        for name, _ in _ROWS:
            box = self._boxes[name]
            if (place := box.findData(getattr(carried, name))) >= 0:
                box.setCurrentIndex(place)

    def open(self) -> None:
        self._offer()
        self._message.setText(self._hint())
        super().open()
        self._button.setFocus(Qt.FocusReason.PopupFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.carry_out()
        else:
            super().keyPressEvent(event)

    @property
    def _compared(self) -> Compared | None:
        view = self._window.view
        return None if view is None else view.compared()

    def _offer(self) -> None:
        """Offer what is in front: a comparison, else what was carried out the last time."""
        if (compared := self._compared) is not None:
            self._fill("what", {COMPARE: KINDS[COMPARE], **WHATS})
            self._boxes["what"].setCurrentIndex(0)
            self._fit()
            self._boxes["figure"].setCurrentIndex(self._boxes["figure"].findData(compared.figure))
        elif self.chosen.what not in WHATS:
            self._recall()

    def _recall(self) -> None:
        self._fill("what", WHATS)
        self._fit()
        self.choose(stored.load()[0].carried)

    def _fit(self) -> None:
        """Offer what goes together with what is chosen."""
        if "what" not in self._boxes or not self._boxes["what"].count():
            return
        what = str(self._boxes["what"].currentData())
        picture = what in KINDS
        sized = picture and what != "receipt"
        fitting = {name: each for name, each in PRESETS.items() if what in NARROW.get(name, (what,))} if sized else {}
        self._fill("preset", {name: f"{each.title}, {each.pixels}" for name, each in fitting.items()})
        self._fill("style", STYLE_TITLES if picture else {})
        self._fill("figure", {key: tr(FIGURES[key].title) for key in FIGURED.get(what, ())})
        self._fill("form", {form: FORM_TITLES[form] for form in FORMS.get(what, PICTURES)})
        self._message.setText(self._hint())
        self.adjustSize()

    def _fill(self, name: str, options: dict[str, str]) -> None:
        """Offer these, and stay at the chosen one where it is among them."""
        box = self._boxes[name]
        before = box.currentData()
        if options and [box.itemData(place) for place in range(box.count())] == list(options):
            return
        box.blockSignals(True)
        box.clear()
        for key, title in options.items():
            box.addItem(title, key)
        box.setCurrentIndex(max(0, box.findData(before)))
        box.blockSignals(False)
        for part in (box, self._words[name]):
            part.setVisible(bool(options))

    def _hint(self) -> str:
        return tr("Nothing in it names you, your computer or a folder.")

    # ---- carrying out

    def carry_out(self) -> None:
        """Do what is chosen; the sheet closes when it is done, and says what went wrong where something did."""
        if self._work.busy:
            return
        carried = self.chosen
        try:
            if carried.what != COMPARE:  # of another view, it is not what is wanted the next time
                stored.keep(carried=carried)
            self._carry(carried)
        except Trouble as trouble:
            self._say(trouble)

    def copy_chart(self, figure: str) -> None:
        """Put one chart with its caption on the clipboard, in the size and colours that were chosen last."""
        chosen = self.chosen
        fits = chosen.preset in PRESETS and "chart" in NARROW.get(chosen.preset, ("chart",))
        wish = Wish("chart", chosen.preset if fits else None, chosen.style, figure)
        to_clipboard(wish.of(self._source.books, mode=self._source.mode, stretch=self._source.stretch()))

    def finish(self) -> None:
        """Wait for what is being written."""
        self._work.join()

    def _carry(self, carried: Carried) -> None:
        if carried.what == VIEW:
            self.close_over()
            self._window.save_picture()
            return
        recorded = carried.what in (ROWS, SEEN, PAGE, "receipt")
        path = self._source.recording()
        if recorded and path is None:
            raise Trouble(tr("Nothing is recorded yet."), tr("Start a run, or open a recording."))
        if carried.what not in KINDS or carried.form not in PICTURES:
            assert path is not None
            self._carry_data(carried, path)
        elif carried.what == "receipt":
            assert path is not None
            self._message.setText(tr("Reading the recording…"))
            self._work.do(lambda: _told(path), lambda told: self._hand_out(carried, told.books, told.digest), self._say)
        elif carried.what == COMPARE:
            if (compared := self._compared) is None:
                raise Trouble(
                    tr("No runs stand beside each other any more."), tr("Mark two to four in the list of runs.")
                )
            self._write(carried, Wish(COMPARE, carried.preset, carried.style, carried.figure).beside(compared))
        else:
            self._hand_out(carried, self._source.books)

    def _hand_out(self, carried: Carried, books: Books, digest: str = "") -> None:
        wish = Wish(carried.what, carried.preset if carried.what != "receipt" else None, carried.style, carried.figure)
        stretch = None if carried.what == "receipt" else self._source.stretch()
        try:
            self._write(carried, wish.of(books, mode=self._source.mode, stretch=stretch, digest=digest))
        except Trouble as trouble:
            self._say(trouble)

    def _write(self, carried: Carried, picture: Picture) -> None:
        if carried.form == "clipboard":
            to_clipboard(picture)
            self.close_over()
        elif out := self.ask_path(f"{picture.name}.{carried.form}", carried.form):
            put(out, picture.pdf() if carried.form == "pdf" else png_of(picture.image()), "picture")
            self.close_over()

    def _carry_data(self, carried: Carried, path: Path) -> None:
        form = next(form for form in ENDINGS if form == carried.form)
        shown, ending = self._window.shown, ENDINGS[form]
        out = self.ask_path(f"{shown.run}_{carried.what}_{shown.mode}{ending}", ending[1:])
        if out is None:
            return
        stretch = self._source.stretch()
        span = (max(0.0, stretch.start), stretch.end) if carried.what == SEEN else ()
        self._message.setText(tr("Writing…"))
        self._work.do(
            lambda: put(out, data_of(path, form, *span).encode(), "file"), lambda _: self.close_over(), self._say
        )

    def ask_path(self, name: str, ending: str) -> Path | None:
        """The user's choice of a file, `None` where there was none."""
        kind = f"{ending.upper()} (*.{ending})"
        chosen, _ = QFileDialog.getSaveFileName(self, tr("Export"), str(Path.home() / name), kind)
        if not chosen:
            return None
        path = Path(chosen)
        return path if path.suffix else path.with_suffix(f".{ending}")

    def _say(self, trouble: Trouble) -> None:
        self._message.setText(f"▲ {trouble}")
        self.adjustSize()


def to_clipboard(picture: Picture) -> None:
    """Put a picture on the clipboard, and its caption for where only words are taken."""
    data = QMimeData()
    data.setImageData(picture.image())
    data.setText(picture.caption())
    QGuiApplication.clipboard().setMimeData(data)


_ROWS = (
    ("what", tr("What")),
    ("figure", tr("Figure")),
    ("preset", tr("Size")),
    ("style", tr("Colours")),
    ("form", tr("As")),
)


class _Work(QObject):
    """One job at a time, done beside the window; its end is told in the window's thread."""

    _done = Signal(object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._thread: threading.Thread | None = None
        self._then: tuple[Callable[[Any], None], Callable[[Trouble], None]] | None = None
        self._done.connect(self._hand_over, Qt.ConnectionType.QueuedConnection)

    @property
    def busy(self) -> bool:
        return self._then is not None

    def do(self, job: Callable[[], Any], then: Callable[[Any], None], failed: Callable[[Trouble], None]) -> None:
        self._then = then, failed
        self._thread = threading.Thread(target=self._run, args=(job,), name="export")
        self._thread.start()

    def join(self) -> None:
        if self._thread is not None:
            self._thread.join()

    def _run(self, job: Callable[[], Any]) -> None:
        try:
            given: Any = job()
        except BaseException as error:
            given = error
        self._done.emit(given)

    def _hand_over(self, given: Any) -> None:
        assert self._then is not None
        (then, failed), self._then = self._then, None
        if isinstance(given, Trouble):
            failed(given)
        elif isinstance(given, BaseException):
            raise given
        else:
            then(given)


def _told(path: Path) -> Told:
    books, digest = Books(), Digest()
    for fact in journal.read(path):
        books.post(fact)
        digest.add(fact)
    return Told(books, digest.hexadecimal())
