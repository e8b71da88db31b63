"""What is in force now, for views: the last word of the facts on every subject."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Any, Literal

import msgspec

from desk.facts.alarmed import AlarmCleared, AlarmRaised, AlarmShelved
from desk.facts.happened import (
    AnyFact,
    BudgetChanged,
    Calibrated,
    Calibrating,
    Child,
    ChildAnswered,
    ChildEnded,
    ChildGivenUp,
    ChildStale,
    ChildStarted,
    EngineOpened,
    JobEnded,
    LaneDraining,
    LaneFailed,
    LaneLoading,
    LaneReady,
    LoadChanged,
    Noted,
    Paused,
    Progressed,
    Resumed,
    RunStarted,
    RunStopped,
    Slot,
    TariffChanged,
    TierChanged,
    TierRemoved,
    Troubled,
    WattsDeclared,
    Worked,
)
from desk.facts.metered import Device, DeviceReading, MeterOpened, Quality, Read, Source
from desk.facts.swept import PointMissed, PointStarted
from desk.facts.tiers import Budget, Tariff, Tier
from desk.ledger.mapping import Mapping
from desk.ledger.period import EventKind

LaneState = Literal["closed", "loading", "ready", "draining", "failed"]
ChildState = Literal["started", "running", "stale", "ended", "given up"]

KEPT_TROUBLES = 20
KEPT_ALARMS = 200

_METERS: dict[Source, Literal["gpu", "cpu", "machine"]] = {
    "nvml-counter": "gpu",
    "nvml-power": "gpu",
    "amd": "gpu",
    "rapl": "cpu",
    "battery": "machine",
}
"""What the joules of a source are of; the meter also names devices that it only watches."""


@dataclass(slots=True)
class Alarmed:
    """An alarm of the run: as it was raised, and the stamp at which it cleared; `None`: it stood to the end."""

    raised: AlarmRaised
    cleared: float | None = None


@dataclass(slots=True)
class Lane:
    """One lane. `opened` says what it runs with since it was last ready; `cause` and `remedy` where it failed.

    `lag` is by how many seconds the run's most belated request came after it was due.
    """

    state: LaneState = "closed"
    opened: LaneReady | None = None
    cause: str = ""
    remedy: str = ""
    queue: int = 0
    slots: tuple[Slot, ...] = ()
    lag: float = 0.0


@dataclass(slots=True)
class ChildNow:
    """One child process, in its state `since` the stamp of a fact; `age` says how long a stale one has been silent."""

    state: ChildState
    since: float
    pid: int | None = None
    age: float | None = None
    cause: str = ""
    remedy: str = ""


@dataclass(slots=True)
class Standing:
    """The state of the factory by the facts so far. Views read it and never write it.

    `readings` are each device's last answers. `floor_watts`, of the counted devices together, and `uncalibrated` come
    from the energy accounts. `counted` are the devices whose energy the run is charged with: the one the engine uses,
    else all that it could use. A graphics board's watts say nothing about an engine on the CPU, nor the CPU's about
    an engine on the board. `calibrating` is the tier whose lane steps alone, empty where none steps, `None` usually.
    `load` multiplies what all tiers are asked for.
    `alarms` are on, by name and subject; `shelved` says until which stamp one is not to be shown, raised or not;
    `alarmed` are the last of the run, over or not.
    """

    run: RunStarted | None = None
    stopped: RunStopped | None = None
    running: bool = False
    paused: bool = False
    tiers: dict[str, Tier] = field(default_factory=dict)
    tariff: Tariff | None = None
    declared: WattsDeclared | None = None
    meter: MeterOpened | None = None
    engine: EngineOpened | None = None
    lanes: dict[str, Lane] = field(default_factory=dict)
    children: dict[Child, ChildNow] = field(default_factory=dict)
    readings: dict[str, DeviceReading] = field(default_factory=dict)
    jobs: dict[str, Progressed | JobEnded] = field(default_factory=dict)
    troubles: deque[Troubled] = field(default_factory=lambda: deque(maxlen=KEPT_TROUBLES))
    floor_watts: float | None = None
    uncalibrated: bool = False
    counted: tuple[str, ...] = ()
    mapping: Mapping = field(default_factory=Mapping)
    calibrating: str | None = None
    alarms: dict[tuple[str, str], AlarmRaised] = field(default_factory=dict)
    shelved: dict[tuple[str, str], float] = field(default_factory=dict)
    alarmed: deque[Alarmed] = field(default_factory=lambda: deque(maxlen=KEPT_ALARMS))
    load: float = 1.0
    budget: Budget = field(default_factory=Budget)

    @property
    def source(self) -> Source:
        """Where the joules come from."""
        if self.counted and self.meter is not None:
            return _source_of(next(device for device in self.meter.devices if device.id == self.counted[0]), self.meter)
        return "none" if self.declared is None else "declared"

    @property
    def quality(self) -> Quality:
        if self.counted and self.meter is not None:
            return self.meter.quality
        return "unavailable" if self.declared is None else "estimated"

    def hour(self, moment: float) -> int | None:
        """The hour of the day, local time, so many seconds after the run started; `None` without a run."""
        if self.run is None:
            return None
        return int((self.run.wall + self.run.utc_offset_s + moment) // 3600) % 24

    @property
    def loaded(self) -> bool:
        """Whether models are in memory."""
        return any(lane.state in ("ready", "draining") for lane in self.lanes.values())

    @property
    def doubt(self) -> str:
        """What stands against the joules of the tiers, in a sentence or two; empty where nothing does."""
        meter, child = self.meter, self.children.get("meter")
        if child is not None and child.state == "given up":
            return child.cause
        if child is not None and child.state in ("stale", "ended"):
            return child.cause or "The meter is not answering."
        if meter is None or meter.source not in _METERS or self.engine is None:
            return ""
        if self.mapping.verdict == "contradicted":
            return f"{self.mapping.words} No watts are given to the tiers."
        if not self.counted:
            metered = "GPU" if _METERS[meter.source] == "gpu" else "processor"
            works = "processor" if self.engine.provider == "cpu" else "GPU"
            return f"The engine runs on the {works}, but only the watts of the {metered} are measured here."
        if len(self.counted) > 1 and self.engine.provider == "cuda":
            return "Which GPU the engine uses is not known; the watts are those of all of them."
        if any(reading.memory_foreign for name, reading in self.readings.items() if name in self.counted):
            return "Another program uses the GPU; while the lanes work its watts cannot be told from theirs."
        if self.uncalibrated:
            return "The watts of each lane alone are not known yet; lanes that work together share by time."
        return ""

    def title(self, device: Device) -> str:
        """What people call a device: its kind, and among several GPUs its number."""
        if device.kind != "gpu":
            return "CPU" if device.kind == "cpu" else "This machine"
        gpus = [other.id for other in (self.meter.devices if self.meter else ()) if other.kind == "gpu"]
        return f"GPU {gpus.index(device.id)}" if device.id in gpus else "GPU"

    def see(self, fact: AnyFact) -> tuple[EventKind, str, str] | None:
        """Take a fact in; gives kind, text and tier of a mark for the event lane where it deserves one."""
        seen = _SEEN.get(type(fact))
        return None if seen is None else seen(self, fact)

    def _lane(self, tier: str) -> Lane:
        return self.lanes.setdefault(tier, Lane())

    def _child(self, child: Child, state: ChildState, since: float) -> ChildNow:
        now = self.children.setdefault(child, ChildNow(state, since))
        now.state, now.since, now.age = state, since, None
        return now

    def _count(self) -> None:
        """Choose the devices that count."""
        self.counted = ()
        meter, engine, child = self.meter, self.engine, self.children.get("meter")
        if meter is None or meter.source not in _METERS or (child and child.state == "given up"):
            return
        if self.mapping.verdict == "contradicted":
            return
        devices = [each for each in meter.devices if each.kind == _METERS[_source_of(each, meter)]]
        if engine is None:
            devices = [each for each in devices if each.source in (None, meter.source)]
        elif engine.provider == "cpu":
            devices = [each for each in devices if each.kind != "gpu"]
        else:
            devices = [each for each in devices if each.kind != "cpu"]
            mine = [each for each in devices if each.uuid and each.uuid == engine.device_uuid]
            devices = mine or [each for each in devices if each.id == self.mapping.device] or devices
        self.counted = tuple(device.id for device in devices)

    def _run_started(self, fact: RunStarted) -> tuple[EventKind, str, str]:
        self.run, self.running = fact, True
        self.tiers = {tier.name: tier for tier in fact.tiers}
        self.lanes = {name: Lane() for name in self.tiers}
        self.tariff = fact.tariff
        self.load, self.budget = fact.load, fact.budget
        return "run", f"Run started{f' ({fact.preset})' if fact.preset else ''}", ""

    def _run_stopped(self, fact: RunStopped) -> tuple[EventKind, str, str]:
        self.stopped, self.running, self.paused = fact, False, False
        self.alarms, self.shelved = {}, {}
        return "run", f"Run ended: {fact.reason}", ""

    def _tier_changed(self, fact: TierChanged) -> tuple[EventKind, str, str] | None:
        name = fact.tier.name
        before = self.tiers.get(name)
        self.tiers[name] = fact.tier
        self._lane(name)
        if before is None or not self.running or before == fact.tier:
            return None
        return "tier", f"{name}: {in_words(before, fact.tier)}", name

    def _tier_removed(self, fact: TierRemoved) -> None:
        self.tiers.pop(fact.tier, None)
        self.lanes.pop(fact.tier, None)

    def _load_changed(self, fact: LoadChanged) -> tuple[EventKind, str, str] | None:
        before, self.load = self.load, fact.load
        return ("load", f"Load {before:.0%} to {fact.load:.0%}", "") if self.running and before != fact.load else None

    def _budget_changed(self, fact: BudgetChanged) -> None:
        self.budget = fact.budget

    def _tariff_changed(self, fact: TariffChanged) -> tuple[EventKind, str, str] | None:
        before, self.tariff = self.tariff, fact.tariff
        if before is None or not self.running or before == fact.tariff:
            return None
        return "tariff", f"Tariff: {in_words(before, fact.tariff)}", ""

    def _declared(self, fact: WattsDeclared) -> None:
        self.declared = fact

    def _noted(self, fact: Noted) -> tuple[EventKind, str, str]:
        return "note", fact.text, ""

    def _point_started(self, fact: PointStarted) -> tuple[EventKind, str, str]:
        return "note", f"Point {fact.number} of {fact.count}: {fact.tier.slots} slots", ""

    def _point_missed(self, fact: PointMissed) -> tuple[EventKind, str, str]:
        return "trouble", fact.cause, ""

    def _troubled(self, fact: Troubled) -> tuple[EventKind, str, str]:
        self.troubles.append(fact)
        return "trouble", fact.cause, ""

    def _alarm_raised(self, fact: AlarmRaised) -> tuple[EventKind, str, str]:
        self.alarms[fact.alarm, fact.subject] = fact
        self.alarmed.append(Alarmed(fact))
        return "alarm", fact.title, fact.subject if fact.subject in self.tiers else ""

    def _alarm_cleared(self, fact: AlarmCleared) -> tuple[EventKind, str, str]:
        raised = self.alarms.pop((fact.alarm, fact.subject), None)
        for span in self.alarmed:
            if span.raised is raised:
                span.cleared = fact.t
        return "cleared", fact.title, fact.subject if fact.subject in self.tiers else ""

    def _alarm_shelved(self, fact: AlarmShelved) -> None:
        self.shelved[fact.alarm, fact.subject] = inf if fact.until is None else fact.until

    def _child_started(self, fact: ChildStarted) -> None:
        now = self._child(fact.child, "started", fact.t)
        now.pid, now.cause, now.remedy = fact.pid, "", ""
        if fact.child == "engine":
            self.mapping = Mapping()
        self._count()

    def _child_stale(self, fact: ChildStale) -> None:
        self._child(fact.child, "stale", fact.t).age = fact.age
        if fact.child == "meter":
            for name, reading in self.readings.items():
                if reading.state in ("ok", "gap", "estimated"):
                    self.readings[name] = msgspec.structs.replace(reading, state="stale")

    def _child_answered(self, fact: ChildAnswered) -> None:
        self._child(fact.child, "running", fact.t)

    def _child_ended(self, fact: ChildEnded) -> tuple[EventKind, str, str] | None:
        self._child(fact.child, "ended", fact.t).cause = fact.cause
        if fact.child == "engine":
            for lane in self.lanes.values():
                lane.queue, lane.slots = 0, ()
                if lane.state != "failed":
                    lane.state = "closed"
            self.calibrating = None
        elif fact.child == "meter" and fact.cause:
            for name, reading in self.readings.items():
                if reading.state in ("ok", "gap", "estimated", "stale"):
                    self.readings[name] = DeviceReading(device=name, state="not answering")
        return ("child", fact.cause, "") if fact.cause else None

    def _child_given_up(self, fact: ChildGivenUp) -> tuple[EventKind, str, str]:
        now = self._child(fact.child, "given up", fact.t)
        now.cause, now.remedy = fact.cause, fact.remedy
        self._count()
        return "child", fact.cause, ""

    def _job(self, fact: Progressed | JobEnded) -> None:
        self.jobs[fact.model] = fact

    def _engine_opened(self, fact: EngineOpened) -> None:
        self.engine = fact
        self._running_child("engine", fact.t)
        self._count()

    def _lane_loading(self, fact: LaneLoading) -> None:
        lane = self._lane(fact.tier)
        lane.state, lane.cause, lane.remedy = "loading", "", ""
        memory = {name: each.memory_used for name, each in self.readings.items() if each.memory_used is not None}
        self.mapping.loading(fact.tier, memory)

    def _lane_ready(self, fact: LaneReady) -> None:
        lane = self._lane(fact.tier)
        lane.state, lane.opened = "ready", fact
        self.mapping.ready(fact)

    def _lane_draining(self, fact: LaneDraining) -> None:
        self._lane(fact.tier).state = "draining"

    def _lane_failed(self, fact: LaneFailed) -> tuple[EventKind, str, str]:
        lane = self._lane(fact.tier)
        lane.state, lane.cause, lane.remedy = "failed", fact.cause, fact.remedy
        lane.queue, lane.slots = 0, ()
        self.mapping.failed(fact.tier)
        return "trouble", f"{fact.tier}: {fact.cause}", fact.tier

    def _worked(self, fact: Worked) -> None:
        self._running_child("engine", fact.t)
        for work in fact.lanes:
            lane = self._lane(work.tier)
            lane.queue, lane.slots, lane.lag = work.queue, work.slots, max(lane.lag, work.lag)

    def _paused(self, fact: Paused) -> tuple[EventKind, str, str] | None:
        before, self.paused = self.paused, True
        return None if before else ("pause", "Paused", "")

    def _resumed(self, fact: Resumed) -> tuple[EventKind, str, str] | None:
        before, self.paused = self.paused, False
        return ("pause", "Resumed", "") if before else None

    def _calibrating(self, fact: Calibrating) -> tuple[EventKind, str, str]:
        self.calibrating = fact.tier
        return "note", f"Calibrating: {f'{fact.tier} alone' if fact.tier else 'no lane steps'}", fact.tier

    def _calibrated(self, fact: Calibrated) -> tuple[EventKind, str, str]:
        self.calibrating = None
        return "note", "Calibrated", ""

    def _meter_opened(self, fact: MeterOpened) -> None:
        self.meter = fact
        self._count()
        ids = {device.id for device in fact.devices}
        self.readings = {name: reading for name, reading in self.readings.items() if name in ids}

    def _read(self, fact: Read) -> tuple[EventKind, str, str] | None:
        self._running_child("meter", fact.t)
        for reading in fact.devices:
            self.readings[reading.device] = reading
        if not self.mapping.judge(fact, self.engine, self.meter):
            return None
        self._count()
        return ("trouble", self.doubt, "") if self.mapping.verdict == "contradicted" else None

    def _running_child(self, child: Child, moment: float) -> None:
        now = self.children.get(child)
        if now is None or now.state == "started":
            self._child(child, "running", moment)


_SEEN: dict[type, Callable[[Standing, Any], tuple[EventKind, str, str] | None]] = {
    RunStarted: Standing._run_started,
    RunStopped: Standing._run_stopped,
    TierChanged: Standing._tier_changed,
    TierRemoved: Standing._tier_removed,
    LoadChanged: Standing._load_changed,
    BudgetChanged: Standing._budget_changed,
    TariffChanged: Standing._tariff_changed,
    WattsDeclared: Standing._declared,
    Noted: Standing._noted,
    PointStarted: Standing._point_started,
    PointMissed: Standing._point_missed,
    Troubled: Standing._troubled,
    AlarmRaised: Standing._alarm_raised,
    AlarmCleared: Standing._alarm_cleared,
    AlarmShelved: Standing._alarm_shelved,
    ChildStarted: Standing._child_started,
    ChildStale: Standing._child_stale,
    ChildAnswered: Standing._child_answered,
    ChildEnded: Standing._child_ended,
    ChildGivenUp: Standing._child_given_up,
    Progressed: Standing._job,
    JobEnded: Standing._job,
    EngineOpened: Standing._engine_opened,
    LaneLoading: Standing._lane_loading,
    LaneReady: Standing._lane_ready,
    LaneDraining: Standing._lane_draining,
    LaneFailed: Standing._lane_failed,
    Worked: Standing._worked,
    Paused: Standing._paused,
    Resumed: Standing._resumed,
    Calibrating: Standing._calibrating,
    Calibrated: Standing._calibrated,
    MeterOpened: Standing._meter_opened,
    Read: Standing._read,
}


def _source_of(device: Device, meter: MeterOpened) -> Source:
    return device.source or meter.source


def in_words(before: msgspec.Struct, after: msgspec.Struct) -> str:
    """What differs between two settings of one kind: `price.output 30 to 45, users 4 to 8`."""
    return ", ".join(_differences(before, after, ""))


def _differences(before: msgspec.Struct, after: msgspec.Struct, prefix: str) -> list[str]:
    words: list[str] = []
    for name in before.__struct_fields__:
        old, new = getattr(before, name), getattr(after, name)
        if old == new:
            continue
        if isinstance(old, msgspec.Struct) and isinstance(new, msgspec.Struct):
            words += _differences(old, new, f"{prefix}{name}.")
        else:
            words.append(f"{prefix}{name} {_value(old)} to {_value(new)}")
    return words


def _value(value: object) -> str:
    if value is None or value == "":
        return "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
