"""Bringing a model of one's own: by the button, by a dialog or dropped onto the page; named before it is copied."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtWidgets import QFileDialog, QMenu, QPushButton

from desk.facts.trouble import Trouble
from desk.models.store import name_for
from desk.panel.models.asking import Asking
from desk.panel.words import plural, tr

KINDS = f"{tr('Models')} (*.gguf *.zip *.tar *.tar.gz *.tgz *.tar.xz *.tar.bz2)"

Take = Callable[[Path, str, str], None]
"""Takes in what lies at a path, under a name and (for a GGUF file) in a precision; raises `Trouble` where it cannot."""


class Bringing(QPushButton):
    """The button for it. Nothing is looked at before a name was given, and nothing is fetched from an address."""

    def __init__(self, asking: Asking, take: Take) -> None:
        super().__init__(tr("Import"))
        self._asking, self._take = asking, take
        self.setAccessibleName(tr("Import a model of your own"))
        self.setToolTip(tr("A folder, an archive or a GGUF file; it can also be dropped here"))
        menu = QMenu(self)
        menu.addAction(tr("A folder…"), self.choose_folder)
        menu.addAction(tr("An archive or a GGUF file…"), self.choose_file)
        self.setMenu(menu)

    def choose_folder(self) -> None:
        """Offer to import a folder of the user's choice."""
        if chosen := QFileDialog.getExistingDirectory(self, tr("Import a model folder"), str(Path.home())):
            self.offer(Path(chosen))

    def choose_file(self) -> None:
        """Offer to import a file of the user's choice."""
        chosen, _ = QFileDialog.getOpenFileName(self, tr("Import a model"), str(Path.home()), KINDS)
        if chosen:
            self.offer(Path(chosen))

    def drop(self, urls: list[QUrl]) -> None:
        """Offer to import what was dropped, where it is one thing of this computer."""
        if len(urls) != 1:
            cause = plural("{n} thing was dropped at once.", "{n} things were dropped at once.", len(urls))
            self._asking.say(cause, tr("Drop one model at a time: a folder, an archive or a GGUF file."))
        elif not urls[0].isLocalFile():
            remedy = tr("Download it first, or drop a folder, an archive or a GGUF file of this computer.")
            self._asking.say(tr("That is an address, and nothing is fetched from it."), remedy)
        else:
            self.offer(Path(urls[0].toLocalFile()))

    def offer(self, path: Path) -> None:
        """Ask under which name to import what is at `path`; nothing is copied before that."""
        name, note = "", ""
        try:
            name = name_for(path)
        except Trouble as trouble:
            note = f"{trouble.cause} {trouble.remedy}"
        self._asking.ask_import(path, name, note, partial(self._bring, path))

    def _bring(self, path: Path, name: str, precision: str) -> None:
        """Have it taken in, and ask again where that cannot be."""
        try:
            self._take(path, name, precision)
        except Trouble as trouble:
            note = f"{trouble.cause} {trouble.remedy}"
            self._asking.ask_import(path, name, note, partial(self._bring, path))
