"""A sweep that the window carries out: the factory's tiers make way for its lane, and come back when it has ended."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from desk.facts.happened import AnyFact, RunStopped
from desk.facts.plans import Plan
from desk.facts.tiers import Tier
from desk.facts.trouble import Trouble
from desk.models import store
from desk.panel.views import Desk
from desk.panel.words import tr
from desk.plant.plant import Plant
from desk.plant.sweep import Progress, Sweep


class Sweeper(QObject):
    """Drives a sweep by the facts of the factory, whichever view is seen. `moved` is emitted when it began or ended."""

    moved = Signal()

    def __init__(self, desk: Desk, parent: QObject) -> None:
        super().__init__(parent)
        self._desk = desk
        self._sweep: Sweep | None = None
        self._back: Callable[[], None] | None = None
        desk.listeners.append(self._see)

    @property
    def under_way(self) -> bool:
        return self._sweep is not None

    @property
    def progress(self) -> Progress | None:
        """Where the sweep stands, `None` without one."""
        return None if self._sweep is None else self._sweep.progress

    def start(self, plan: Plan) -> None:
        """Begin; raises `Trouble` while a run is on, in a recording, and for a model that is not ready."""
        plant, standing = self._desk.source, self._desk.books.ledger.standing
        if not isinstance(plant, Plant):
            raise Trouble(tr("A recording cannot be swept."), tr("Go back to the factory first."))
        if standing.running or self._sweep is not None:
            raise Trouble(tr("A sweep needs the factory for itself."), tr("Stop the run first."))
        for graph in plan.models:
            if not any(store.ready(graph.model, graph.precision, provider) for provider in ("cpu", "cuda")):
                raise Trouble(
                    tr("{model} is not ready here.", model=graph.model),
                    tr("Build it in Models first, or leave it out."),
                )
        self._back = self._way_back(plant, tuple(standing.tiers.values()), standing.load)
        self._sweep = Sweep(plant, plan)
        self._sweep.start()
        self.moved.emit()

    @staticmethod
    def _way_back(plant: Plant, tiers: tuple[Tier, ...], load: float) -> Callable[[], None]:
        """What puts the tiers back, and what was asked of them."""
        preset, scenario = plant.preset, plant.scenario

        def back() -> None:
            plant.scenario = scenario
            plant.equip(tiers, preset)
            plant.multiply(load)

        return back

    def stop(self) -> None:
        """End it with what is there."""
        if self._sweep is not None:
            self._sweep.stop()

    def _see(self, fact: AnyFact) -> None:
        if self._sweep is None:
            return
        self._sweep.see(fact)
        if isinstance(fact, RunStopped) and self._sweep.ended and self._back is not None:
            back, self._sweep, self._back = self._back, None, None
            self._desk.order(back)
            self.moved.emit()
