"""The sweeps that can be drawn: found in the folder of recordings and read beside the window."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from desk.panel.frontier.sweeps import Found, Source, read, sources
from desk.panel.runs.work import Worker
from desk.runs.store import Runs


class Library(QObject):
    """`sources` are the sweeps there are, the newest first, with that of the recording `beside`. `listed` is emitted
    when they were looked for, `grown` when another one has been read, `troubled` with what keeps them from being."""

    listed = Signal()
    grown = Signal()
    troubled = Signal(object)

    def __init__(self, parent: QObject, beside: Path | None = None) -> None:
        super().__init__(parent)
        self._beside = beside
        self.sources: list[Source] = []
        self._store = Runs()
        self._worker = Worker(self)
        self._worker.troubled.connect(lambda _key, trouble: self.troubled.emit(trouble))
        self._found: dict[str, Found] = {}
        self._stamp: object = None

    def found(self, sweep: str | None) -> Found | None:
        """The sweep of that name, `None` before it is read."""
        return self._found.get(sweep or "")

    def others(self, than: Found) -> list[Found]:
        """All that have been read but one."""
        return [each for each in self._found.values() if each is not than]

    def look(self, moment: object) -> None:
        """Look for sweeps where the folder has changed, or it is another moment than the last time."""
        try:
            stamp = (self._store.folder.stat().st_mtime_ns, moment)
        except OSError:
            stamp = None
        if stamp != self._stamp:
            self._stamp = stamp
            self._find()

    def _find(self) -> None:
        """Find the sweeps, and read those that were not, or have grown."""
        store, beside = self._store, self._beside
        known = {key: found.source.stamp for key, found in self._found.items()}

        def looked() -> Iterator[Any]:
            found = []
            for source in sources(store, beside):
                if source is not None:
                    found.append(source)
                yield None
            yield found
            for source in found:
                if known.get(source.sweep) != source.stamp:
                    yield from read(source)

        self._worker.ask("look", looked, self._take)

    def _take(self, given: list[Source] | Found) -> None:
        """The list of the sweeps, or one of them that has been read."""
        if isinstance(given, Found):
            self._found[given.source.sweep] = given
            self.grown.emit()
        else:
            self.sources = given
            self.listed.emit()

    def close(self) -> None:
        self._worker.close()
