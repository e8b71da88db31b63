"""The models that a run is missing: built one after the other, before its engine starts."""

from collections.abc import Callable, Iterable

from desk.facts.happened import AnyFact, JobEnded, now
from desk.plant.needs import Need
from desk.plant.supervision import REMEDIES, Supervisor


class Builds:
    """Has the `worker` build what is missing, each model once in a run. `argv` gives the worker's command line.

    It belongs to the pen thread, like the worker's supervisor; what could not be built is left to its lane to tell.
    """

    def __init__(self, worker: Supervisor, argv: Callable[..., list[str]]) -> None:
        self._worker, self._argv = worker, argv
        self._tried: set[tuple[str, ...]] = set()
        self._building: tuple[str, ...] = ()
        self._told = False

    def forget(self) -> None:
        """Another run begins, and may build again what could not be built for the one before."""
        self._tried = set()

    def begin(self, wanted: Iterable[Need]) -> bool:
        """Start to build the first that is missing and was not tried; whether there is one."""
        found = next((need.build for need in wanted if not need.ready and need.build not in self._tried), None)
        if found is None:
            return False
        self._building, self._told = found, False
        self._tried.add(found)
        self._worker.start(lambda: self._argv("worker", "build", *found), now())
        return True

    def hear(self, fact: AnyFact) -> None:
        """What the worker says."""
        self._told = self._told or isinstance(fact, JobEnded)

    def untold(self, *, cancelled: bool) -> JobEnded | None:
        """How a build ended of which the worker said nothing: with the run, or with the worker."""
        if self._told:
            return None
        model, precision = (*self._building, "")[:2]
        cause, remedy = self._worker.cause or f"The worker ended without finishing {model}.", REMEDIES["worker"]
        if cancelled:
            cause, remedy = "Cancelled.", ""
        return JobEnded(t=now(), job="build", model=model, precision=precision, cause=cause, remedy=remedy)
