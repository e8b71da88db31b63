"""The plant: starts and watches the children, merges their facts, and holds the pen.

One thread, the pen, does everything: it takes lines and wishes in the order in which they arrive, so that the file, the
standing facts and what `drain` gives can never disagree. Every public method returns at once.
"""

import contextlib
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Literal, Self

import msgspec

from desk import __version__
from desk.facts import places
from desk.facts.codec import decode_fact, encode
from desk.facts.happened import (
    AnyFact,
    ChildGivenUp,
    ChildStale,
    ChildStarted,
    JobEnded,
    MeterOpened,
    Noted,
    Paused,
    Resumed,
    RunStarted,
    RunStopped,
    TariffChanged,
    TierChanged,
    Troubled,
    WattsDeclared,
    now,
)
from desk.facts.happened import Child as Role
from desk.facts.orders import AnyOrder, ChangeTier, Halt, OpenFactory, Pause, Resume, Watch
from desk.facts.tiers import Provider, Tariff, Tier
from desk.facts.trouble import Trouble
from desk.journal import Journal
from desk.models import store
from desk.plant import children, presets
from desk.plant.machine import this_machine
from desk.plant.settings import Settings
from desk.plant.supervision import ENGINE, METER, REMEDIES, WORKER, Limits, Supervisor

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

    `tiers` and the other settings are those of the next run; `change`, `retariff` and `declare_watts` act on the run
    that is on, too. `argv` gives a child's command line, `limits` what a child may take.
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
        argv: Callable[..., list[str]] = children.command,
        limits: dict[Role, Limits] | None = None,
    ) -> None:
        self.preset = preset
        self.provider: Provider = provider
        self.scenario = scenario
        self.seed = seed
        self._recording: Path | None = None
        self._argv = argv
        self._tiers = {tier.name: tier for tier in tiers}
        self._tariff = tariff or Tariff()
        self._watts: WattsDeclared | None = None
        self._meter_opened: MeterOpened | None = None
        self._meter_given_up: ChildGivenUp | None = None
        self._paused = False
        self._watched = Watch()

        self._running = False
        self._reason: Reason | None = None
        self._built: set[tuple[str, str]] = set()
        self._building = ("", "")
        self._job_ended = False
        self._preparing = False
        self._started = 0.0
        self._journal: Journal | None = None
        self._compressing: list[threading.Thread] = []

        self._inbox: SimpleQueue = SimpleQueue()
        self._outbox: deque[AnyFact] = deque()
        self._garbled: set[int] = set()
        self._closing = False
        self._pen = threading.Thread(target=self._write_on, name="pen", daemon=True)
        limits = {"engine": ENGINE, "meter": METER, "worker": WORKER} | (limits or {})
        self._engine = Supervisor(
            "engine", limits["engine"], self._inbox, self._record, self._engine_settled, self._greet_engine
        )
        self._meter = Supervisor("meter", limits["meter"], self._inbox, self._record)
        self._worker = Supervisor("worker", limits["worker"], self._inbox, self._record, self._worker_settled)
        self._all = (self._engine, self._meter, self._worker)

    @classmethod
    def of(cls, settings: Settings, **others: Any) -> Self:
        """A plant with these settings and the tiers of their preset; raises `Trouble` where there is no such preset."""
        chosen = presets.preset(settings.preset)
        plant = cls(chosen.tiers, preset=chosen.name, provider=settings.provider, tariff=settings.tariff, **others)
        if settings.watts is not None:
            plant.declare_watts(settings.watts.idle, settings.watts.busy, settings.watts.assumed)
        return plant

    # ---- what the heartbeat calls

    def drain(self) -> list[AnyFact]:
        """The facts since the last call, in journal order."""
        facts = []
        while self._outbox:
            facts.append(self._outbox.popleft())
        return facts

    @property
    def recording(self) -> Path | None:
        """The file of the last run, compressed where that has been done; `None` before the first."""
        if self._recording is None:
            return None
        compressed = self._recording.with_suffix(".jsonl.gz")
        return compressed if compressed.is_file() else self._recording

    # ---- controls: each puts a wish before the pen and returns at once

    def open(self) -> None:
        """Start the pen and the meter; tiers, tariff and declared watts follow as facts."""
        self._wish(self._open)
        self._pen.start()

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

    def change(self, tier: Tier) -> None:
        """Bring the settings of a tier into force, now or with the next run."""
        self._wish(partial(self._change, tier))

    def equip(self, tiers: Iterable[Tier], preset: str = "") -> None:
        """Put these tiers in place of all others; during a run, change those of the same names only."""
        self._wish(partial(self._equip, tuple(tiers), preset))

    def retariff(self, tariff: Tariff) -> None:
        self._wish(lambda: self._record(TariffChanged(t=now(), tariff=tariff)))

    def declare_watts(self, idle: float, busy: float, assumed: bool = False) -> None:
        self._wish(lambda: self._record(WattsDeclared(t=now(), idle=idle, busy=busy, assumed=assumed)))

    def note(self, text: str) -> None:
        """Set a mark on the event lane."""
        self._wish(lambda: self._record(Noted(t=now(), text=text)))

    def watch(self, tier: str | None, request: int | None = None) -> None:
        """Have the text of one request of a tier written, or of none."""
        self._wish(partial(self._watch_request, Watch(tier=tier, request=request)))

    def retry_meter(self) -> None:
        """Start the meter again after it was given up."""
        self._wish(lambda: self._meter.start(self._meter_line, now()))

    def close(self) -> None:
        """End the run and all children; returns within two seconds, whatever they do."""
        if not self._pen.is_alive():
            return
        deadline = now() + CLOSE_S
        self._wish(self._close)
        self._pen.join(CLOSE_S)
        for thread in self._compressing:
            thread.join(max(0.0, deadline - now()))

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ---- the pen

    def _wish(self, wish: Callable[[], None]) -> None:
        self._inbox.put(wish)

    def _write_on(self) -> None:
        awake = now()
        while not (self._closing and all(supervisor.gone for supervisor in self._all)):
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
            if self._preparing and (self._meter_opened or self._meter_given_up or moment > self._started + METER_S):
                self._prepare()
            awake = moment

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
                self._record(Troubled(t=now(), where=supervisor.role, cause=trouble.cause))
            return
        supervisor.hear(fact, now())
        self._write(fact, line)

    def _record(self, fact: AnyFact) -> None:
        self._write(fact, encode(fact))

    def _write(self, fact: AnyFact, line: bytes) -> None:
        match fact:
            case TierChanged(tier=tier):
                self._tiers[tier.name] = tier
            case TariffChanged(tariff=tariff):
                self._tariff = tariff
            case WattsDeclared():
                self._watts = fact
            case MeterOpened():
                self._meter_opened, self._meter_given_up = fact, None
            case ChildGivenUp(child="meter"):
                self._meter_given_up = fact
            case Paused() | Resumed():
                self._paused = isinstance(fact, Paused)
            case JobEnded():
                self._job_ended = True
        if self._journal is not None:
            try:
                self._journal.write(line)
            except Trouble as trouble:
                self._lose_journal(trouble)
        self._outbox.append(fact)

    # ---- a run

    def _meter_line(self) -> list[str]:
        """The meter's command line: after two crashes without optional calls, after two hangs without the source."""
        careful = ["--bare"] if self._meter.crashes >= 2 else []
        if self._meter.hangs >= 2:
            careful += ["--without", self._meter_opened.source if self._meter_opened else "nvml-counter"]
        return self._argv("meter", *careful)

    def _open(self) -> None:
        for tier in self._tiers.values():
            self._record(TierChanged(t=now(), tier=tier))
        self._record(TariffChanged(t=now(), tariff=self._tariff))
        self._meter.start(self._meter_line, now())

    def _start(self) -> None:
        if self._running or self._closing:
            return
        self._running, self._reason, self._built, self._paused = True, None, set(), False
        run = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"
        trouble: OSError | Trouble | None = None
        try:
            self._recording = places.runs_dir() / f"{run}.jsonl"
            self._journal = Journal(self._recording)
        except (OSError, Trouble) as error:
            trouble = error
        self._started = moment = now()
        self._record(
            RunStarted(
                t=moment,
                run=run,
                wall=time.time(),
                desk=__version__,
                machine=this_machine(),
                tiers=tuple(self._tiers.values()),
                tariff=self._tariff,
                preset=self.preset,
                scenario=self.scenario,
                seed=self.seed,
            )
        )
        self._restate(moment)
        if trouble is not None:
            self._lose_journal(trouble)
        self._preparing = True

    def _restate(self, moment: float) -> None:
        """Say again what stands, so that the run's file tells it without what came before."""
        if self._meter.child is not None:
            self._record(ChildStarted(t=moment, child="meter", pid=self._meter.child.pid))
        for standing in (self._meter_opened, self._meter_given_up, self._watts):
            if standing is not None:
                self._record(msgspec.structs.replace(standing, t=moment))
        if self._meter.stale:
            self._record(ChildStale(t=moment, child="meter", age=0.0))

    def _prepare(self) -> None:
        """Build the models that are missing, one after the other, then start the engine."""
        self._preparing = False
        wanted = dict.fromkeys(self._file_of(tier) for tier in self._tiers.values())
        missing = [
            (model, precision) for model, precision, provider in wanted if not store.ready(model, precision, provider)
        ]
        unbuilt = [file for file in missing if file not in self._built]
        if unbuilt:
            self._building, self._job_ended = unbuilt[0], False
            self._built.add(self._building)
            self._worker.start(lambda: self._argv("worker", "build", *filter(None, self._building)), now())
        elif len(missing) < len(wanted):
            self._engine.start(lambda: self._argv("engine"), now())
        else:
            self._finish("given up")

    def _file_of(self, tier: Tier) -> tuple[str, str, Provider]:
        """Model, precision and provider that the tier's lane is going to ask for."""
        provider = self.provider if tier.provider == "auto" else tier.provider
        if provider == "auto":
            provider = "cuda" if self._nvidia else "cpu"
        try:
            precision = store.precision_for(tier.model, tier.precision, provider)
        except Trouble:
            precision = tier.precision  # a folder of the user's, or a mistake that the worker puts into words
        return tier.model, precision, provider

    @property
    def _nvidia(self) -> bool:
        devices = self._meter_opened.devices if self._meter_opened else ()
        return any(device.kind == "gpu" and device.uuid.startswith("GPU-") for device in devices)

    def _worker_settled(self) -> None:
        if self._reason is not None:
            self._finish(self._reason)
            return
        if not self._job_ended:
            model = self._building[0]
            cause = self._worker.cause or f"The worker ended without finishing {model}."
            self._record(JobEnded(t=now(), job="build", model=model, cause=cause, remedy=REMEDIES["worker"]))
        self._prepare()

    def _engine_settled(self) -> None:
        self._finish(self._reason or "given up")

    def _greet_engine(self) -> tuple[AnyOrder, ...]:
        """What a fresh engine must know: the tiers in force, and what was asked of the one before it."""
        orders: list[AnyOrder] = [
            OpenFactory(
                tiers=tuple(self._tiers.values()), provider=self.provider, scenario=self.scenario, seed=self.seed
            )
        ]
        if self._paused:
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
        self._record(RunStopped(t=now(), reason=reason))
        self._running = False
        self._put_away()

    def _lose_journal(self, error: OSError | Trouble) -> None:
        """The disk is full or the folder not writable: say it once; the factory goes on unrecorded."""
        self._put_away()
        if isinstance(error, OSError):
            remedy = "Make room, or set TOKEN_DESK_HOME to a folder that can be written; the run goes on unrecorded."
            error = Trouble(f"The folder of recordings cannot be made: {error.strerror or error}.", remedy)
        self._record(Troubled(t=now(), where="journal", cause=error.cause, remedy=error.remedy))

    def _put_away(self) -> None:
        """Close and compress the recording, beside everything else."""
        journal, self._journal = self._journal, None
        if journal is None:
            return
        thread = threading.Thread(target=_close_journal, args=(journal,), name="compress", daemon=True)
        self._compressing = [other for other in self._compressing if other.is_alive()] + [thread]
        thread.start()

    # ---- orders

    def _order_engine(self, order: AnyOrder) -> None:
        self._engine.order(order)

    def _change(self, tier: Tier) -> None:
        if not self._engine.order(ChangeTier(tier=tier)):
            self._record(TierChanged(t=now(), tier=tier))

    def _equip(self, tiers: tuple[Tier, ...], preset: str) -> None:
        if not self._running:
            self._tiers, self.preset = {}, preset
        for tier in tiers:
            if not self._running or tier.name in self._tiers:
                self._change(tier)

    def _watch_request(self, watch: Watch) -> None:
        self._watched = watch
        self._engine.order(watch)

    def _close(self) -> None:
        self._closing = True
        self._stop("closed", ask=0.6)
        self._meter.stop(now(), ask=0.6)


def _close_journal(journal: Journal) -> None:
    # A recording that cannot be compressed stays as it is, and is read all the same.
    with contextlib.suppress(Trouble):
        journal.close()
