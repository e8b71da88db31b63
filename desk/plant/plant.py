"""The plant: starts and watches the children, merges their facts, and holds the pen.

One thread does everything: it takes the children's lines and the user's wishes in the order in which they arrive and
writes them down with one pen, so that the file, what stands and what `drain` gives can never disagree.
"""

import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Literal, Self

from desk import __version__
from desk.facts.alarmed import AlarmShelved
from desk.facts.codec import decode_fact
from desk.facts.happened import (
    AnyFact,
    BudgetChanged,
    ChildStale,
    Finished,
    FirstToken,
    LoadChanged,
    Noted,
    RunStarted,
    RunStopped,
    TariffChanged,
    TierChanged,
    TierRemoved,
    Troubled,
    WattsDeclared,
    Worked,
    now,
)
from desk.facts.happened import Child as Role
from desk.facts.orders import AnyOrder, Calibrate, ChangeLoad, ChangeTier, Halt, OpenFactory, Pause, Resume, Watch
from desk.facts.swept import PointMeasured, PointMeasuring, PointMissed, PointStarted, SweepStarted
from desk.facts.tiers import Budget, Provider, Tariff, Tier
from desk.facts.trouble import Trouble
from desk.plant import children, presets
from desk.plant.builds import Builds
from desk.plant.loads import Loads
from desk.plant.machine import this_machine
from desk.plant.needs import needs
from desk.plant.pen import Pen
from desk.plant.settings import Settings
from desk.plant.supervision import ENGINE, METER, WORKER, Limits, Supervisor

Reason = Literal["stopped", "emergency", "duration", "budget", "given up", "closed"]

TICK_S = 0.05
"""The pen looks up this often when no line arrives, so that a crash is noticed within a tenth of a second."""

HALT_S = 0.7
"""An engine that has not ended this long after an emergency stop is killed."""

METER_S = 2.0
"""What can run here depends on the devices that the meter finds; a run waits this long for its answer."""

CLOSE_S = 1.8
"""Closing never takes longer, whatever the children do."""


class Plant:
    """The source of live facts, with the controls of the factory.

    `tiers` and the other settings are those of the next run; `change`, `retariff`, `declare_watts`, `multiply` and
    `limit` act on the run that is on, too. `origin` is the preset that the tiers were taken from, `warmup_s` how long
    after its first token a run does not count. `argv` gives a child's command line, `limits` what a child may take.
    """

    mode: Literal["live"] = "live"

    def __init__(
        self,
        tiers: Iterable[Tier],
        *,
        preset: str = "",
        provider: Provider = "auto",
        tariff: Tariff | None = None,
        scenario: str = "steady",
        seed: int = 0,
        budget: Budget | None = None,
        warmup_s: float = 0.0,
        cuda_graphs: bool = False,
        argv: Callable[..., list[str]] = children.command,
        limits: dict[Role, Limits] | None = None,
    ) -> None:
        self.preset = preset
        self.provider: Provider = provider
        self.scenario = scenario
        self.seed = seed
        self.warmup_s = warmup_s
        self.cuda_graphs = cuda_graphs
        self.origin: presets.Preset | None = None
        self._argv = argv
        self._pen = Pen(tiers, tariff or Tariff())
        self._loads = Loads()
        self._pen.budget = budget or Budget()
        self._watched = Watch()
        self._uncalibrated = False

        self._running = False
        self._reason: Reason | None = None
        self._preparing = False
        self._started = 0.0
        self._requests = 0

        self._inbox: SimpleQueue = SimpleQueue()
        self._garbled: set[int] = set()
        self._closing = False
        self._bug: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="pen", daemon=True)
        limits = {"engine": ENGINE, "meter": METER, "worker": WORKER} | (limits or {})
        self._engine = Supervisor(
            "engine", limits["engine"], self._inbox, self._pen.write, self._engine_settled, self._greet_engine
        )
        self._meter = Supervisor("meter", limits["meter"], self._inbox, self._pen.write)
        self._worker = Supervisor("worker", limits["worker"], self._inbox, self._pen.write, self._worker_settled)
        self._all = (self._engine, self._meter, self._worker)
        self._builds = Builds(self._worker, argv)

    @classmethod
    def of(cls, settings: Settings, **others: Any) -> Self:
        """A plant with these settings and the tiers of their preset; raises `Trouble` where there is no such preset."""
        chosen = presets.preset(settings.preset)
        kept = ("provider", "tariff", "scenario", "budget", "warmup_s", "cuda_graphs")
        remembered = {name: getattr(settings, name) for name in kept}
        plant = cls(chosen.tiers, preset=chosen.name, **(remembered | others))
        plant.origin = chosen
        if settings.watts is not None:
            plant.declare_watts(settings.watts.idle, settings.watts.busy, settings.watts.assumed)
        return plant

    # ---- what the heartbeat calls

    def drain(self) -> list[AnyFact]:
        """The facts since the last call, in journal order."""
        if self._bug is not None:
            raise RuntimeError("the plant broke") from self._bug
        return self._pen.drain()

    @property
    def recording(self) -> Path | None:
        """The file of the last run, compressed where that has been done; `None` before the first."""
        return self._pen.recording

    # ---- controls: each puts a wish into the inbox and returns at once

    def open(self) -> None:
        """Start work and the meter; tiers, tariff and declared watts follow as facts."""
        self._wish(self._open)
        self._thread.start()

    def start(self) -> None:
        """Begin a run: build what is missing, then start the engine."""
        self._wish(self._start)

    def stop(self, reason: Reason = "stopped") -> None:
        """End the run in order."""
        self._wish(partial(self._stop, reason))

    def halt(self) -> None:
        """Emergency stop: no token after 0.7 s, whatever the engine does."""
        self._wish(self._halt)

    def pause(self) -> None:
        self._wish(partial(self._order_engine, Pause()))

    def resume(self) -> None:
        self._wish(partial(self._order_engine, Resume()))

    def calibrate(self, seconds: float = Calibrate().seconds) -> None:
        """Let the meter see each lane alone for so many seconds: now, or (for a few) as the next run begins."""
        self._wish(partial(self._calibrate, seconds))

    def change(self, tier: Tier, overcommit: bool = False) -> None:
        """Bring the settings of a tier into force, now or with the next run; with `overcommit` load its lane, this
        once, also where its memory plan does not fit."""
        self._wish(partial(self._change, tier, overcommit))

    def multiply(self, load: float) -> None:
        """Have `load` times as much asked of all tiers, now and in the next run."""
        self._wish(partial(self._multiply, load))

    def limit(self, budget: Budget) -> None:
        """Stop the run that is on, and each after it, when it has used so much."""
        self._wish(lambda: self._pen.write(BudgetChanged(t=now(), budget=budget)))

    def equip(self, tiers: Iterable[Tier], preset: str = "") -> None:
        """Put these tiers in place of all others; during a run, change those of the same names only."""
        self._wish(partial(self._equip, tuple(tiers), preset))

    def retariff(self, tariff: Tariff) -> None:
        self._wish(lambda: self._pen.write(TariffChanged(t=now(), tariff=tariff)))

    def declare_watts(self, idle: float, busy: float, assumed: bool = False) -> None:
        self._wish(lambda: self._pen.write(WattsDeclared(t=now(), idle=idle, busy=busy, assumed=assumed)))

    def note(self, text: str) -> None:
        """Set a mark on the event lane."""
        self._wish(lambda: self._pen.write(Noted(t=now(), text=text)))

    def mark(self, fact: SweepStarted | PointStarted | PointMeasuring | PointMeasured | PointMissed) -> None:
        """Write down where a sweep stands."""
        self._wish(partial(self._pen.write, fact))

    def shelve(self, alarm: str, subject: str = "", seconds: float | None = None) -> None:
        """Do not show an alarm for so long, `None`: until the run ends."""
        until = None if seconds is None else now() + seconds
        self._wish(lambda: self._pen.write(AlarmShelved(t=now(), alarm=alarm, subject=subject, until=until)))

    def watch(self, tier: str | None, request: int | None = None) -> None:
        """Have the text of one request of a tier written, or of none."""
        self._wish(partial(self._watch_request, Watch(tier=tier, request=request)))

    def drill(self) -> None:
        """Kill the engine as a fault would, to show what comes of it. Where none is running, nothing happens."""
        self._wish(self._drill)

    def tell(self, fact: AnyFact) -> None:
        """Write down what a job on models says that somebody else has started: it takes part of this machine."""
        self._wish(lambda: self._pen.write(fact))

    def retry_meter(self) -> None:
        """Start the meter again after it was given up."""
        self._wish(lambda: self._meter.start(self._meter_line, now()))

    def close(self) -> None:
        """End the run and all children; returns within two seconds, whatever they do."""
        if not self._thread.is_alive():
            return
        deadline = now() + CLOSE_S
        self._wish(self._close)
        self._thread.join(CLOSE_S)
        self._pen.wait_until_put_away(deadline)

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---- the thread

    def _wish(self, wish: Callable[[], None]) -> None:
        self._inbox.put(wish)

    def _work(self) -> None:
        try:
            awake = now()
            while not (self._closing and all(supervisor.gone for supervisor in self._all)):
                awake = self._turn(awake)
        except BaseException as bug:
            self._bug = bug  # shown by whoever drains
            for supervisor in self._all:
                if supervisor.child is not None:
                    supervisor.child.end()

    def _turn(self, awake: float) -> float:
        """Take what arrived, then judge who is silent since; gives the moment of that, to be told the next time."""
        with contextlib.suppress(Empty):
            self._take(self._inbox.get(timeout=TICK_S))
        # Everything that arrived is heard before anyone is judged by silence.
        for _ in range(self._inbox.qsize()):
            self._take(self._inbox.get())
        moment = now()
        for supervisor in self._all:
            if moment - awake > 4 * TICK_S:
                supervisor.excuse(moment)
            supervisor.watch(moment)
        if self._running and self._reason is None and self._pen.spent:
            self._stop("budget")
        if self._preparing and (self._pen.meter_known or moment > self._started + METER_S):
            self._prepare()
        return moment

    def _take(self, item: Callable[[], None] | tuple[children.Child, bytes | None]) -> None:
        if not isinstance(item, tuple):
            item()
            return
        child, line = item
        supervisor = next((supervisor for supervisor in self._all if supervisor.child is child), None)
        if supervisor is None:
            return  # left behind, and speaking after all: another has taken its place
        if line is None:
            supervisor.ended(now())
            return
        try:
            fact = decode_fact(line)
        except Trouble as trouble:
            if child.pid not in self._garbled:
                self._garbled.add(child.pid)
                self._pen.write(Troubled(t=now(), where=supervisor.role, cause=trouble.cause))
            return
        supervisor.hear(fact, now())
        self._builds.hear(fact)
        if supervisor is self._engine:
            self._requests = max(self._requests, _highest_request(fact))
        self._pen.write(fact, line)
        self._loads.hear(fact)

    # ---- a run

    def _meter_line(self) -> list[str]:
        """The meter's command line: after two crashes without optional calls, after two hangs without the driver."""
        careful = ["--bare"] if self._meter.crashes >= 2 else []
        if self._meter.hangs >= 2:
            # Whatever gives the watts: GPUs without any are asked beside it, and a driver is what hangs.
            careful += ["--without", "nvml-counter"]
        return self._argv("meter", *careful)

    def _open(self) -> None:
        for tier in self._pen.tiers.values():
            self._pen.write(TierChanged(t=now(), tier=tier))
        self._pen.write(TariffChanged(t=now(), tariff=self._pen.tariff))
        self._pen.write(BudgetChanged(t=now(), budget=self._pen.budget))
        self._meter.start(self._meter_line, now())

    def _start(self) -> None:
        if self._running or self._closing:
            return
        self._running, self._preparing, self._reason = True, True, None
        self._builds.forget()
        self._requests = 0
        self._started = now()
        started = RunStarted(
            t=self._started,
            run=f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}",
            wall=time.time(),
            utc_offset_s=time.localtime().tm_gmtoff,
            desk=__version__,
            machine=this_machine(),
            tiers=tuple(self._pen.tiers.values()),
            tariff=self._pen.tariff,
            preset=self.preset,
            scenario=self.scenario,
            seed=self.seed,
            load=self._pen.load,
            budget=self._pen.budget,
            warmup_s=self.warmup_s,
        )
        self._pen.begin(started, self._meter.child.pid if self._meter.child else None)
        if self._meter.stale:
            self._pen.write(ChildStale(t=self._started, child="meter", age=0.0))

    def _prepare(self) -> None:
        """Build the models that are missing, one after the other, then start the engine."""
        self._preparing = False
        wanted = needs(self._pen.tiers.values(), self.provider, self._pen.meter)
        if self._builds.begin(wanted):
            return
        if any(need.ready for need in wanted):
            self._engine.start(lambda: self._argv("engine"), now())
        else:
            self._finish("given up")

    def _worker_settled(self) -> None:
        if untold := self._builds.untold(cancelled=self._reason is not None):
            self._pen.write(untold)
        if self._reason is not None:
            self._finish(self._reason)
        else:
            self._prepare()

    def _engine_settled(self) -> None:
        self._finish(self._reason or "given up")

    def _greet_engine(self) -> tuple[AnyOrder, ...]:
        """What a fresh engine must know: the tiers in force, and what was asked of the one before it."""
        orders: list[AnyOrder] = [
            OpenFactory(
                tiers=tuple(self._pen.tiers.values()),
                provider=self.provider,
                scenario=self.scenario,
                seed=self.seed,
                requests=self._requests,
                load=self._pen.load,
                cuda_graphs=self.cuda_graphs,
            )
        ]
        if self._uncalibrated:
            self._uncalibrated = False
            orders.append(Calibrate())
        if self._pen.paused:
            orders.append(Pause())
        if self._watched.tier is not None:
            orders.append(self._watched)
        return tuple(orders)

    def _stop(self, reason: Reason, ask: float | None = None) -> None:
        if not self._running:
            return
        self._reason = self._reason or reason
        self._preparing = False
        (self._worker if not self._worker.gone else self._engine).stop(now(), ask)

    def _halt(self) -> None:
        if not self._running:
            return
        self._reason = "emergency"
        self._preparing = False
        self._engine.order(Halt())
        (self._worker if not self._worker.gone else self._engine).give_until(now() + HALT_S)

    def _finish(self, reason: Reason) -> None:
        if not self._running:
            return
        self._pen.write(RunStopped(t=now(), reason=reason))
        self._loads.release()
        self._running = False
        self._pen.put_away()

    # ---- orders

    def _order_engine(self, order: AnyOrder) -> None:
        self._engine.order(order)

    def _calibrate(self, seconds: float) -> None:
        self._uncalibrated = not self._engine.order(Calibrate(seconds=seconds))

    def _change(self, tier: Tier, overcommit: bool = False) -> None:
        if not self._engine.order(ChangeTier(tier=tier, overcommit=overcommit)):
            self._pen.write(TierChanged(t=now(), tier=tier))

    def _multiply(self, load: float) -> None:
        if not self._engine.order(ChangeLoad(load=load)):
            self._pen.write(LoadChanged(t=now(), load=load))

    def _equip(self, tiers: tuple[Tier, ...], preset: str) -> None:
        self.preset = preset
        names = tuple(tier.name for tier in tiers)
        if not self._running and tuple(self._pen.tiers) != names:
            for name in tuple(self._pen.tiers):
                self._pen.write(TierRemoved(t=now(), tier=name))
        for tier in tiers:
            if not self._running or tier.name in self._pen.tiers:
                self._change(tier)

    def _drill(self) -> None:
        if self._engine.child is not None:
            self._engine.child.kill()

    def _watch_request(self, watch: Watch) -> None:
        self._watched = watch
        self._engine.order(watch)

    def _close(self) -> None:
        self._closing = True
        self._stop("closed", ask=0.6)
        self._meter.stop(now(), ask=0.6)


def _highest_request(fact: AnyFact) -> int:
    """The highest number of a request that the fact tells of, 0 where it tells of none."""
    match fact:
        case Worked(lanes=lanes):
            return max((slot.request for lane in lanes for slot in lane.slots), default=0)
        case FirstToken(request=request) | Finished(request=request):
            return request
        case _:
            return 0
