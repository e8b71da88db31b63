"""What the program is made of, whom it ever spoke to, and what it keeps on the disk."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path

import psutil
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QHBoxLayout,
    QListWidget,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from desk import __version__
from desk.facts import places
from desk.models.contacts import contacts
from desk.models.store import size_of
from desk.panel.furniture import Label
from desk.panel.numbers import Numbers
from desk.panel.system.checkup import machine_words
from desk.panel.system.table import Scrolled, Table
from desk.panel.theme import MARGIN, Theme, font, scaled
from desk.panel.words import plural, tr

LICENCE_NAMES = re.compile(r"(^|[-_/])(licen[cs]es?|copying|notice|ofl)\b", re.IGNORECASE)
"""How files that hold the terms of something are called."""

PROGRAM = "token-desk"


class Page(QWidget):
    """A heading, a sentence below it, and a table that is filled at each visit; its second column wraps."""

    def __init__(self, theme: Theme, numbers: Numbers, title: str, heads: tuple[str, ...], right: int) -> None:
        super().__init__()
        self.numbers = numbers
        area = Scrolled(theme, title)
        self.table = Table(theme, title, heads, wide=1, right=frozenset({right}))
        self.title = Label(theme, title, 16, 600)
        self.title.setWordWrap(True)
        self.words = Label(theme, "", 12, token="mut")
        self.words.setWordWrap(True)
        self.head = QHBoxLayout()
        texts = QVBoxLayout()
        texts.setSpacing(2)
        texts.addWidget(self.title)
        texts.addWidget(self.words)
        self.head.addLayout(texts, 1)
        body = QWidget()
        inside = QVBoxLayout(body)
        inside.setContentsMargins(0, 0, MARGIN, 0)
        inside.addWidget(self.table, 1)
        area.hold(body)
        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(12)
        page.addLayout(self.head)
        page.addWidget(area, 1)


class Network(Page):
    """Every host that was ever spoke to, and whether anything listens now."""

    def __init__(self, theme: Theme, numbers: Numbers) -> None:
        heads = (tr("Host"), tr("Why, the last time"), tr("Times"), tr("First"), tr("Last"))
        super().__init__(theme, numbers, tr("Nothing is contacted before you ask for it."), heads, 2)

    def refresh(self) -> None:
        """Read the list again, and look who listens."""
        met = contacts()
        hosts = plural("{n} host so far.", "{n} hosts so far.", len(met)) if met else tr("No host was ever contacted.")
        self.words.setText(f"{listening_words()} {hosts}")
        count = self.numbers.count
        self.table.show_rows(
            [(each.host, each.why, count(each.times), _moment(each.first), _moment(each.last)) for each in met]
        )


def listening_words() -> str:
    """Whether this program or a child of it listens for other machines now, as the system tells."""
    ports = []
    try:
        me = psutil.Process()
        family = [me, *me.children(recursive=True)]
        for process in family:
            ports += [each.laddr.port for each in process.net_connections("inet") if each.status == psutil.CONN_LISTEN]
    except psutil.Error:
        return tr("Whether anything listens could not be told.")
    if ports:
        return tr("Something listens on port {ports}.", ports=", ".join(map(str, sorted(set(ports)))))
    if len(family) == 1:
        return tr("Nothing here listens.")
    return plural(
        "Nothing here listens: none of {n} process.", "Nothing here listens: none of {n} processes.", len(family)
    )


def _moment(wall: float) -> str:
    return datetime.fromtimestamp(wall).astimezone().strftime("%d %b %Y, %H:%M")


class Storage(Page):
    """What models and recordings take on the disk."""

    def __init__(self, theme: Theme, numbers: Numbers) -> None:
        heads = (tr("What"), tr("Where"), tr("Size"))
        super().__init__(theme, numbers, tr("What is kept on this disk"), heads, 2)
        self.open = QPushButton(tr("Open the folder"))
        self.open.clicked.connect(lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(places.data_dir()))))
        self.head.addWidget(self.open)

    def refresh(self) -> None:
        """Look again."""
        home, numbers = places.data_dir(), self.numbers
        models = [(each.name, each, size_of(each)) for each in _folders(places.models_dir())]
        runs = [each for each in places.runs_dir().iterdir() if each.is_file()]
        recorded = sum(each.stat().st_size for each in runs)
        rows = [(name, f"models/{name}", numbers.bytes(size)) for name, _, size in models]
        rows.append((plural("{n} recording", "{n} recordings", len(runs)), "runs", numbers.bytes(recorded)))
        free = shutil.disk_usage(home).free
        whole = recorded + sum(size for *_, size in models)
        words = tr(
            "{size} in {folder}, {free} free beside it.",
            size=numbers.bytes(whole),
            folder=home,
            free=numbers.bytes(free),
        )
        self.words.setText(words)
        self.table.show_rows(rows)


def _folders(place: Path) -> list[Path]:
    return sorted(each for each in place.iterdir() if each.is_dir())


@dataclass(frozen=True, slots=True)
class Part:
    """Something the program is made of, under whose terms it is, and where they are written."""

    name: str
    version: str
    licence: str
    texts: tuple[Path, ...]

    @property
    def text(self) -> str:
        """The terms, as they came with it."""
        found = [each.read_text(encoding="utf-8", errors="replace").strip() for each in self.texts if each.is_file()]
        without = tr(
            "{part} comes without a text; its terms are called {licence}.", part=self.name, licence=self.licence
        )
        return "\n\n\n".join(found) or without


def parts() -> list[Part]:
    """The program, what ships inside it, and the libraries it runs on, their own libraries included."""
    own = [Part("Token Desk", __version__, "Apache-2.0", tuple(_own_terms()))]
    for path in sorted(places.shipped("assets").glob("*/*")):
        if path.suffix == ".txt" and LICENCE_NAMES.search(path.stem):
            name = re.sub(LICENCE_NAMES, "", path.stem).strip("-_")
            what = {"fonts": tr("font"), "icons": tr("icons")}.get(path.parent.name, path.parent.name)
            own.append(Part(f"{name.title() if name.isupper() else name}, {what}", "", _kind(path), (path,)))
    own += [
        Part(path.stem, "", tr("text of the licence"), (path,))
        for path in sorted(places.shipped("assets", "licences").glob("*.txt"))
    ]
    return own + [_library(each) for each in sorted(libraries(), key=lambda each: each.name.lower())]


def _own_terms() -> Iterator[Path]:
    beside = places.shipped("LICENSE")
    if beside.is_file():
        yield beside
        return
    try:
        yield from _terms(metadata.distribution(PROGRAM))
    except metadata.PackageNotFoundError:
        return


def _kind(path: Path) -> str:
    return "OFL-1.1" if "OFL" in path.stem else "ISC" if "LUCIDE" in path.stem else tr("its own")


def libraries() -> list[metadata.Distribution]:
    """The distributions that this one asks for and that are installed, and those that they ask for."""
    found: dict[str, metadata.Distribution] = {}
    asked = [PROGRAM]
    while asked:
        try:
            known = metadata.distribution(asked.pop())
        except metadata.PackageNotFoundError:
            continue
        name = known.name.lower()
        if name in found:
            continue
        found[name] = known
        for line in known.requires or ():
            if "extra ==" not in line:
                asked.append(re.split(r"[\s\[;<>=!~(]", line, maxsplit=1)[0])
    found.pop(PROGRAM, None)
    return list(found.values())


def _library(known: metadata.Distribution) -> Part:
    about = known.metadata
    classified = [each.rpartition(" :: ")[2] for each in about.get_all("Classifier") or () if "License ::" in each]
    licence = about["License-Expression"] or about["License"] or ", ".join(classified) or tr("not told")
    first = next(iter(licence.splitlines()), "").strip()
    texts = tuple(_terms(known))
    if not texts and "LGPL" in licence:  # Qt for Python leaves its texts to whoever ships it
        texts = tuple(places.shipped("assets", "licences", f"{name}.txt") for name in ("LGPL-3.0", "GPL-3.0"))
    return Part(known.name, known.version, first if len(first) < 60 else tr("its own"), texts)


def _terms(known: metadata.Distribution) -> Iterator[Path]:
    for file in known.files or ():
        if LICENCE_NAMES.search(file.name) and file.suffix.lower() in ("", ".txt", ".md", ".rst", ".bsd", ".apache"):
            yield Path(str(file.locate()))


class About(QWidget):
    """Version and machine above, and all that the program is made of with its terms."""

    def __init__(self, theme: Theme, numbers: Numbers) -> None:
        super().__init__()
        self._theme = theme
        # Before the labels: a new style sheet gives them back the colours that they had.
        theme.changed.connect(self._dress)
        self._parts: list[Part] = []
        self._numbers = numbers
        self._words = Label(theme, "", 12, token="mut")
        self._words.setWordWrap(True)
        self.list = QListWidget()
        self.list.setAccessibleName(tr("Parts of the program"))
        self.list.currentRowChanged.connect(self._read)
        self._about = Label(theme, "", 13, 500)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setAccessibleName(tr("Terms"))
        right = QVBoxLayout()
        right.setSpacing(8)
        right.addWidget(self._about)
        right.addWidget(self.text, 1)
        below = QHBoxLayout()
        below.setSpacing(MARGIN)
        below.addWidget(self.list, 2)
        below.addLayout(right, 5)
        head = QVBoxLayout()
        head.setSpacing(2)
        head.addWidget(Label(theme, f"Token Desk {__version__}", 16, 600))
        head.addWidget(self._words)
        page = QVBoxLayout(self)
        page.setContentsMargins(0, 0, 0, 0)
        page.setSpacing(12)
        page.addLayout(head)
        page.addLayout(below, 1)
        self.setFocusProxy(self.list)
        self._dress()

    def _dress(self) -> None:
        tokens = self._theme.palette
        self.list.setFont(font(13))
        self.text.setFont(font(11, mono=True))
        self.setStyleSheet(
            f"QListWidget, QPlainTextEdit {{ background: {tokens.bg}; color: {tokens.text}; padding: {scaled(4)}px;"
            f" border: 1px solid {tokens.line}; border-radius: 6px; outline: none; }}"
            f"QListWidget:focus, QPlainTextEdit:focus {{ border: 2px solid {tokens.soft}; }}"
            f"QListWidget::item {{ padding: {scaled(4)}px {scaled(6)}px; border-radius: 4px; }}"
            f"QListWidget::item:selected {{ background: {tokens.track}; color: {tokens.text}; }}"
        )

    def refresh(self) -> None:
        """Look what there is, at the first visit."""
        self._words.setText("\n".join(machine_words(self._numbers)).partition(" · ")[2])
        if not self._parts:
            self._parts = parts()
            self.list.addItems([f"{each.name} {each.version}".strip() for each in self._parts])
            self.list.setCurrentRow(0)

    def _read(self, row: int) -> None:
        part = self._parts[row]
        self._about.setText(f"{part.name} {part.version}".strip() + f" – {part.licence}")
        self._about.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setPlainText(part.text)
