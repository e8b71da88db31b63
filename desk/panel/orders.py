"""Orders upward: what people ask of the factory by its window goes to the plant; what comes of it comes back as facts.

A new order is a signal of the window and one line of `connect`; an answer that a later fact must have goes into `see`.
"""

from collections.abc import Callable
from functools import partial

import msgspec

from desk.facts.happened import AnyFact, RunStopped
from desk.facts.places import RECORDED
from desk.models.catalogue import catalogue
from desk.panel.actions import Action
from desk.panel.books import Books
from desk.panel.complaints import EXTEND_BUDGET, LOAD_ANYWAY, ON_CPU, RETRY_METER
from desk.panel.limits import Limits
from desk.panel.shown import Notice
from desk.panel.tiers.edits import Edits
from desk.panel.window import Window
from desk.panel.words import tr
from desk.plant import presets
from desk.plant import settings as stored
from desk.plant.plant import Plant
from desk.plant.presets import Preset
from desk.plant.settings import Watts
from desk.scenario import names, scenario

Order = Callable[[], object]


class Orders:
    """Ties a window to the plant behind it. `give` carries an order out and shows the trouble it meets.

    What is chosen for the factory by hand is kept for the next start.
    """

    def __init__(self, window: Window, plant: Plant, books: Books, edits: Edits, give: Callable[[Order], None]) -> None:
        self._window, self._plant, self._books, self._edits, self._give = window, plant, books, edits, give
        self._again = False
        """Whether to start once more when the run that is on has ended."""
        window.runbar.show_scenarios({name: scenario(name) for name in names()}, plant.scenario)
        window.runbar.limits = Limits(warmup_s=plant.warmup_s, seed=plant.seed)
        window.floor.editor.set_models(list(catalogue()))
        self._connect()
        self._learn()

    def see(self, fact: AnyFact) -> None:
        """What an order waited for, before it is folded."""
        if self._again and isinstance(fact, RunStopped):
            self._again = False
            self._give(self._plant.start)

    def note(self, text: str) -> None:
        """Write it beside the facts."""
        self._give(lambda: self._plant.note(text))

    def _connect(self) -> None:
        window, plant, give = self._window, self._plant, self._give
        bar, floor = window.runbar, window.floor
        bar.start.connect(lambda: give(plant.start))
        bar.pause.connect(lambda: give(plant.pause))
        bar.resume.connect(lambda: give(plant.resume))
        bar.stop.connect(lambda: give(plant.stop))
        bar.load.connect(lambda load: give(lambda: plant.multiply(load)))
        bar.calibrate.connect(lambda: give(self._calibrate))
        bar.scenario.connect(self._choose_scenario)
        bar.limited.connect(self._limit)
        window.halted.connect(lambda: give(plant.halt))
        floor.start.connect(lambda: give(plant.start))
        floor.start_on_cpu.connect(lambda: give(self._start_on_cpu))
        floor.watched.connect(lambda tier, request: give(lambda: plant.watch(tier, request)))
        floor.tier_changed.connect(lambda tier: give(lambda: self._edits.change(tier)))
        floor.watts_declared.connect(self._declare)
        floor.welcome.watch.connect(lambda: window.recording_asked.emit(str(RECORDED)))
        floor.welcome.larger.connect(lambda: window.visit("models"))
        window.notices.acted.connect(self._act)
        window.notices.shelved.connect(self._shelve)
        window.footer.span_chosen.connect(lambda seconds: self._keep(window_s=seconds))
        window.footer.smoothing_chosen.connect(lambda seconds: self._keep(smooth_s=seconds))

    def _learn(self) -> None:
        give, edits = self._give, self._edits
        self._window.learn(
            Action("undo", tr("Undo the last change of tiers"), lambda _: give(edits.undo), ("Ctrl+Z",)),
            Action("redo", tr("Redo the change of tiers"), lambda _: give(edits.redo), ("Ctrl+Y", "Ctrl+Shift+Z")),
        )
        for name in presets.names():
            chosen = presets.preset(name)
            words = tr("Preset: {title}", title=chosen.title)
            self._window.learn(Action(f"preset-{name}", words, partial(self._take, chosen)))

    def _keep(self, **chosen: object) -> None:
        self._window.ordered(lambda: stored.keep(**chosen))

    def _take(self, preset: Preset, _window: Window) -> None:
        self._give(lambda: self._edits.take(preset))

    def _start_on_cpu(self) -> None:
        """Run on the processor from now on, in this window; a run that stands for want of a GPU is ended before."""
        self._plant.provider = "cpu"
        standing = self._books.ledger.standing
        for tier in standing.tiers.values():
            if tier.provider == "cuda":
                self._edits.change(msgspec.structs.replace(tier, provider="cpu"))
        if standing.running:
            self._again = True
            self._plant.stop()
        else:
            self._plant.start()

    def _calibrate(self) -> None:
        self._plant.calibrate()
        if self._window.shown.state in ("idle", "stopped"):
            self._plant.start()

    def _choose_scenario(self, name: str) -> None:
        self._plant.scenario = name
        self._keep(scenario=name)

    def _limit(self, limits: Limits) -> None:
        self._plant.warmup_s, self._plant.seed = limits.warmup_s, limits.seed
        self._give(lambda: self._plant.limit(limits.budget))
        self._keep(budget=limits.budget, warmup_s=limits.warmup_s)

    def _declare(self, idle: float, busy: float, assumed: bool) -> None:
        self._plant.declare_watts(idle, busy, assumed)
        self._keep(watts=Watts(idle=idle, busy=busy, assumed=assumed))

    def _act(self, notice: Notice) -> None:
        """Do what the button of a notice says."""
        if notice.action == RETRY_METER:
            self._give(self._plant.retry_meter)
        elif notice.action == ON_CPU:
            self._give(self._start_on_cpu)
        elif notice.action == LOAD_ANYWAY:
            tier = self._edits.wanted[notice.tier]
            self._give(lambda: self._plant.change(tier, overcommit=True))
        elif notice.action == EXTEND_BUDGET and notice.alarm is not None:
            budget, kind = self._books.ledger.standing.budget, notice.alarm[1]
            limit = 1.5 * (getattr(budget, kind) or 0.0)
            self._give(lambda: self._plant.limit(msgspec.structs.replace(budget, **{kind: limit})))
        elif notice.tier:
            self._window.visit("floor")
            self._window.floor.open_tier(notice.tier)

    def _shelve(self, notice: Notice, seconds: float | None) -> None:
        if notice.alarm is not None:
            alarm, subject = notice.alarm
            self._give(lambda: self._plant.shelve(alarm, subject, seconds))
