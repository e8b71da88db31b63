"""Recordings on their way into the folder of runs and out of it: asked for, dropped, read and written."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QFileDialog, QWidget

from desk import journal
from desk.facts.trouble import Trouble
from desk.panel.runs.work import Job, Worker
from desk.panel.views import Desk
from desk.panel.words import tr
from desk.runs import carry
from desk.runs.store import Run, Runs

RECORDINGS = (journal.SUFFIX, journal.COMPRESSED)


class Files(QObject):
    """Takes recordings in and sends runs away, one job after the other beside the window.

    `arrived` tells of a run that was taken in, `changed` that the folder may be another.
    """

    arrived = Signal(object)
    changed = Signal()

    def __init__(self, desk: Desk, store: Runs, worker: Worker, over: QWidget) -> None:
        super().__init__(over)
        self._desk, self._store, self._worker, self._over = desk, store, worker, over
        self._carried = 0

    def send(self, run: Run) -> None:
        """Ask where to, and write the run without names."""
        if (out := self.ask_save(run)) is None:
            return

        def written() -> Iterator[Path]:
            yield carry.send(run, out)

        self._carry("export", written, lambda path: self._desk.window.tell(tr("{name} is written.", name=path.name)))

    def ask(self) -> None:
        """Ask for recordings, and take them in."""
        if files := self.ask_open():
            self.take_in(files)

    def take_in(self, files: Iterable[Path]) -> None:
        """Take recordings in, one after the other; what is none is told, and the others come all the same."""
        store, wanted = self._store, tuple(files)

        def brought() -> Iterator[Any]:
            for file in wanted:
                try:
                    yield carry.bring(file, store)
                except Trouble as trouble:
                    yield trouble

        self._carry("import", brought, self._brought)

    def _brought(self, given: Any) -> None:
        window = self._desk.window
        if isinstance(given, Trouble):
            window.show_trouble(given)
            return
        run, missing = given
        self.arrived.emit(run)
        window.tell(tr("{run} is taken in.", run=run.title), missing)

    def _carry(self, key: str, job: Job, then: Callable[[Any], None]) -> None:
        """Have something done that takes time, after which the folder is listed again."""
        self._desk.order(lambda: None)  # the trouble of the order before is told no more

        def done(given: Any) -> None:
            then(given)
            self.changed.emit()

        self._carried += 1
        self._worker.ask(f"{key} {self._carried}", job, done)

    # ---- asking the user

    def ask_open(self) -> list[Path]:
        """The user's choice of recordings, empty where there was none."""
        chosen, _ = QFileDialog.getOpenFileNames(
            self._over, tr("Import recordings"), str(Path.home()), tr("Recordings (*.jsonl *.jsonl.gz)")
        )
        return [Path(each) for each in chosen]

    def ask_save(self, run: Run) -> Path | None:
        """The user's choice of a place, `None` where there was none."""
        name = str(Path.home() / f"{run.name}{journal.COMPRESSED}")
        chosen, _ = QFileDialog.getSaveFileName(self._over, tr("Export the run"), name, tr("Recordings (*.jsonl.gz)"))
        if not chosen:
            return None
        path = Path(chosen)
        return path if path.name.endswith(journal.COMPRESSED) else path.with_name(f"{path.name}{journal.COMPRESSED}")


def recordings_in(event: QDropEvent) -> list[Path]:
    """The recordings among what is dropped."""
    files = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
    return [file for file in files if file.name.endswith(RECORDINGS)]
