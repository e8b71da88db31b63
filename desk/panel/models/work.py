"""The jobs at work on models: those that this window has asked for, which go on whichever view is seen and end with
the window, and the builds that a run waits for."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from desk.facts.happened import JobEnded, Progressed
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
        self._told: dict[Key, float] = {}
        """The stamp of the last fact of each job that was asked for here: the plant gives it back a moment later."""
        self._waited_for: dict[Key, Running] = {}
        self._timer = QTimer(self)
        self._timer.setInterval(DRAIN_MS)
        self._timer.timeout.connect(self.drain)

    @property
    def running(self) -> Mapping[Key, Running]:
        """What is at work, by model and precision."""
        return self._waited_for | self._jobs.running

    def waited_for(self, key: Key) -> bool:
        """Whether a run waits for that job: the plant has started it, and ends it with the run."""
        return key in self._waited_for and key not in self._jobs.running

    def follow(self, told: Iterable[Progressed | JobEnded]) -> bool:
        """Take in the last facts of all jobs that the plant knows of; gives whether one was begun or is over."""
        before = set(self._waited_for)
        for fact in told:
            key = fact.model, fact.precision
            if isinstance(fact, JobEnded) or fact.t <= self._told.get(key, 0.0):
                self._waited_for.pop(key, None)
            else:
                job = self._waited_for.setdefault(key, Running(fact.job, *key))
                job.hear(fact)
        return set(self._waited_for) != before

    def do(self, action: Action, key: Key) -> None:
        """What a button of a line says; to cancel what a run waits for ends the run."""
        jobs = self._jobs
        match action:
            case "get" | "resume" | "get again":
                jobs.fetch(*key)
            case "build" | "build again":
                jobs.build(*key)
            case "verify":
                jobs.verify(*key)
            case "cancel" if self.waited_for(key):
                self._plant.stop()
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
            if isinstance(fact, Progressed | JobEnded):
                self._told[fact.model, fact.precision] = fact.t
            if isinstance(fact, JobEnded):
                self.ended.emit(fact)
        if not self._jobs.running:
            self._timer.stop()

    def close(self) -> None:
        """End all jobs that were asked for here; what was fetched stays."""
        self._timer.stop()
        self._jobs.close()
