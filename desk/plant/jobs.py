"""Jobs on models: starts the short-lived children that build, fetch, verify and import, and hands their facts on.

The one who asks for jobs also calls `drain`, a few times a second; nothing here has a thread of its own or waits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue

from desk.facts.codec import decode_fact
from desk.facts.happened import AnyFact, Job, JobEnded, Progressed, now
from desk.facts.trouble import Trouble
from desk.models import store
from desk.models.catalogue import catalogue
from desk.models.condition import Key, Running
from desk.plant.children import Child, command
from desk.plant.supervision import REMEDIES

CANCEL_S = 0.7
"""A cancelled child that has not ended by itself after this long is killed."""

LEAVE_S = 5.0
"""A child that has ended its job may take this long to be gone."""


@dataclass(slots=True)
class _Work:
    """A child at work: `ended` is its last word, told once it is gone, and `kill_at` when it must be.

    `silent` says that all of its lines are here.
    """

    child: Child
    running: Running
    key: Key
    ended: JobEnded | None = None
    silent: bool = False
    cancelled: bool = False
    discard: bool = False
    kill_at: float | None = None


class Jobs:
    """The jobs at work, at most one for each model and precision.

    Each wish raises `Trouble` where it makes no sense; what goes wrong later is told by a `JobEnded` that `drain`
    gives. `argv` gives a child's command line.
    """

    def __init__(self, argv: Callable[..., list[str]] = command) -> None:
        self._argv = argv
        self._inbox: SimpleQueue[tuple[Child, bytes | None]] = SimpleQueue()
        self._works: dict[Key, _Work] = {}

    # ---- wishes

    def fetch(self, model: str, precision: str = "") -> Key:
        """Get a model from the hub, or go on with what a stopped fetch has left."""
        return self._start("fetch", model, self._precision(model, precision))

    def build(self, model: str, precision: str = "") -> Key:
        """Build a model from its installed weights."""
        return self._start("build", model, self._precision(model, precision))

    def verify(self, model: str, precision: str = "") -> Key:
        """Read every byte of a model again."""
        return self._start("verify", model, self._precision(model, precision) if model in catalogue() else "")

    def bring(self, path: Path, name: str = "", precision: str = "") -> Key:
        """Import a folder, an archive or a GGUF file as `name` (empty: after the file), GGUF built in `precision`."""
        return self._start("import", store.name_for(path, name), "", str(path), *filter(None, [precision]))

    def cancel(self, key: Key, *, discard: bool = False) -> None:
        """End a job within a second; what was fetched stays, so that it can go on, unless it is to be discarded."""
        work = self._works.get(key)
        if work is None or work.cancelled:
            return
        work.child.ask()
        work.cancelled, work.discard, work.kill_at = True, discard, now() + CANCEL_S

    def discard(self, model: str, precision: str) -> None:
        """Give up a fetch, at work or stopped, and remove what it has received."""
        if (model, precision) in self._works:
            self.cancel((model, precision), discard=True)
        else:
            store.discard(model, precision)

    def remove(self, model: str, precision: str = "") -> int:
        """Remove a model from the disk, half-fetched or whole; gives the bytes freed. Raises `Trouble`."""
        if any(key[0] == model and precision in ("", key[1]) for key in self._works):
            raise Trouble(f"A job is at work on {model}.", "Cancel it, or wait for it, then remove the model.")
        return store.remove(model, precision)

    # ---- what there is to see

    @property
    def running(self) -> dict[Key, Running]:
        """What is at work, by model and precision."""
        return {key: work.running for key, work in self._works.items()}

    def drain(self) -> list[AnyFact]:
        """The facts since the last call; also sees children off that have ended or will not."""
        facts: list[AnyFact] = []
        while True:
            try:
                child, line = self._inbox.get_nowait()
            except Empty:
                break
            work = next((work for work in self._works.values() if work.child is child), None)
            if work is None:
                continue
            if line is None:
                work.silent = True
            else:
                facts += self._hear(work, line)
        for work in list(self._works.values()):
            if work.kill_at is not None and now() >= work.kill_at:
                work.child.kill()
            if work.silent and work.child.exit is not None:
                facts += self._bury(work)
        return facts

    def close(self) -> None:
        """End all jobs; what was fetched stays."""
        for work in self._works.values():
            work.child.end(CANCEL_S)
        self._works.clear()

    # ---- within

    def _precision(self, model: str, precision: str) -> str:
        return store.precision_for(model, precision, "auto")

    def _start(self, job: Job, model: str, precision: str, *more: str) -> Key:
        key = (model, precision)
        if key in self._works:
            raise Trouble(f"A job is at work on {model} already.", "Wait for it, or cancel it.")
        words = filter(None, [job, model, precision, *more])
        try:
            child = Child(self._argv("worker", *words), self._inbox)
        except OSError as error:
            raise Trouble(f"The worker could not be started: {error}.", REMEDIES["worker"]) from error
        self._works[key] = _Work(child, Running(job, model, precision), key)
        return key

    def _hear(self, work: _Work, line: bytes) -> list[AnyFact]:
        try:
            fact = decode_fact(line)
        except Trouble:
            return []  # a native library's words
        if isinstance(fact, Progressed):
            work.running.hear(fact)
        if not isinstance(fact, JobEnded):
            return [fact]
        work.ended, work.kill_at = fact, work.kill_at or now() + LEAVE_S
        return []

    def _bury(self, work: _Work) -> list[AnyFact]:
        del self._works[work.key]
        work.child.forget()
        if work.discard:
            store.discard(*work.key)
        if work.ended is not None:
            return [work.ended]
        running = work.running
        about = {"job": running.job, "model": running.model, "precision": running.precision}
        if work.cancelled:
            return [JobEnded(t=now(), cause="Cancelled.", **about)]
        return [JobEnded(t=now(), cause=f"The worker {work.child.epitaph()}.", remedy=REMEDIES["worker"], **about)]
