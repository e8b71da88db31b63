"""The jobs that this window has asked for: they go on whichever view is seen, and end with the window."""

from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from desk.facts.happened import JobEnded
from desk.models.condition import Action, Key, Running
from desk.plant.children import command
from desk.plant.jobs import Jobs
from desk.plant.plant import Plant

DRAIN_MS = 100


class Work(QObject):
    """Starts jobs and hears them. What they tell goes to the plant, which records it; `ended` tells the end of one.

    Every wish raises `Trouble` where it makes no sense.
    """

    ended = Signal(object)

    def __init__(self, plant: Plant, parent: QObject) -> None:
        super().__init__(parent)
        self._plant = plant
        self._jobs = Jobs(command)
        self._timer = QTimer(self)
        self._timer.setInterval(DRAIN_MS)
        self._timer.timeout.connect(self.drain)

    @property
    def running(self) -> Mapping[Key, Running]:
        """What is at work, by model and precision."""
        return self._jobs.running

    def do(self, action: Action, key: Key) -> None:
        """What a button of a line says."""
        jobs = self._jobs
        match action:
            case "get" | "resume" | "get again":
                jobs.fetch(*key)
            case "build" | "build again":
                jobs.build(*key)
            case "verify":
                jobs.verify(*key)
            case "pause" | "cancel":
                jobs.cancel(key)
            case "discard":
                jobs.discard(*key)
            case "remove":
                jobs.remove(*key)
        self._timer.start()

    def bring(self, path: Path, name: str, precision: str) -> Key:
        """Import a folder, an archive or a GGUF file under `name`."""
        key = self._jobs.bring(path, name, precision)
        self._timer.start()
        return key

    def drain(self) -> None:
        """Hear what there is to hear."""
        for fact in self._jobs.drain():
            self._plant.tell(fact)
            if isinstance(fact, JobEnded):
                self.ended.emit(fact)
        if not self._jobs.running:
            self._timer.stop()

    def close(self) -> None:
        """End all jobs; what was fetched stays."""
        self._timer.stop()
        self._jobs.close()
