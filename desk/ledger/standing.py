"""What is in force now, for views: the last word of the facts on every subject."""

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from desk.facts.alarmed import AlarmRaised
from desk.facts.currency import USD
from desk.facts.happened import (
    Child,
    EngineOpened,
    JobEnded,
    LaneReady,
    Progressed,
    RunStarted,
    RunStopped,
    Slot,
    Troubled,
    WattsDeclared,
)
from desk.facts.metered import Compared, Device, DeviceReading, MeterOpened, Quality, Source
from desk.facts.tiers import Budget, Tariff, Tier
from desk.ledger.mapping import Mapping

LaneState = Literal["closed", "loading", "ready", "draining", "failed"]
ChildState = Literal["started", "running", "stale", "ended", "given up"]

_LOADED: frozenset[LaneState] = frozenset({"ready", "draining"})
KEPT_TROUBLES = 20
KEPT_ALARMS = 200

METERS: dict[Source, Literal["gpu", "cpu", "machine"]] = {
    "nvml-counter": "gpu",
    "nvml-power": "gpu",
    "amd": "gpu",
    "rapl": "cpu",
    "battery": "machine",
}
"""What the joules of a source are of; the meter also names devices that it only watches."""

AGREES_WITHIN = 0.03
"""How far the counter and the power readings of a device may be apart before it is said beside its figures."""


@dataclass(slots=True)
class Alarmed:
    """An alarm of the run: as it was raised, and the stamp at which it cleared; `None`: it stood to the end."""

    raised: AlarmRaised
    cleared: float | None = None


@dataclass(slots=True)
class Lane:
    """One lane. `opened` says what it runs with since it was last ready; `cause` and `remedy` where it failed,
    and `risk` what comes of loading it all the same, empty where that is no way out.

    `lag` is by how many seconds the run's most belated request came after it was due.
    """

    state: LaneState = "closed"
    opened: LaneReady | None = None
    cause: str = ""
    remedy: str = ""
    risk: str = ""
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

    `readings` are each device's last answers, `compared` how its counter last agreed with its power. `floor_watts`,
    of the counted devices together, and `uncalibrated` come from the energy accounts. `counted` are the devices
    whose energy the run is charged with: the one the engine uses, else all that it could use. A graphics board's
    watts say nothing about an engine on the CPU, nor the CPU's about an engine on the board. `calibrating` is the
    tier whose lane steps alone, empty where none steps, `None` usually.
    `load` multiplies what all tiers are asked for.
    `alarms` are on, by name and subject; `shelved` says until which stamp one is not to be shown, raised or not;
    `alarmed` are the last of the run, over or not. `jobs` are the last words on each model and precision.
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
    compared: dict[str, Compared] = field(default_factory=dict)
    jobs: dict[tuple[str, str], Progressed | JobEnded] = field(default_factory=dict)
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
            devices = {device.id: device for device in self.meter.devices}
            return source_of(devices[self.counted[0]], self.meter)
        return "none" if self.declared is None else "declared"

    @property
    def quality(self) -> Quality:
        if self.counted and self.meter is not None:
            return self.meter.quality
        return "unavailable" if self.declared is None else "estimated"

    @property
    def currency(self) -> str:
        """What all amounts of money are in, by its ISO code."""
        return USD if self.tariff is None else self.tariff.currency

    def hour(self, moment: float) -> int | None:
        """The hour of the day, local time, so many seconds after the run started; `None` without a run."""
        if self.run is None:
            return None
        return int((self.run.wall + self.run.utc_offset_s + moment) // 3600) % 24

    @property
    def loaded(self) -> bool:
        """Whether models are in memory."""
        return not _LOADED.isdisjoint([lane.state for lane in self.lanes.values()])

    @property
    def quiet(self) -> bool:
        """Whether nothing is being loaded."""
        children = [now.state for child, now in self.children.items() if child != "meter"]
        return "started" not in children and "loading" not in [lane.state for lane in self.lanes.values()]

    @property
    def doubt(self) -> str:
        """What stands against the joules of the tiers, in a sentence or two; empty where nothing does."""
        meter, child = self.meter, self.children.get("meter")
        if child is not None and child.state == "given up":
            return child.cause
        if child is not None and child.state in ("stale", "ended"):
            return child.cause or "The meter is not answering."
        if meter is None or meter.source not in METERS or self.engine is None:
            return ""
        if self.mapping.verdict == "contradicted":
            return f"{self.mapping.words} No watts are given to the tiers."
        if not self.counted:
            metered = "GPU" if METERS[meter.source] == "gpu" else "processor"
            works = "processor" if self.engine.provider == "cpu" else "GPU"
            return f"The engine runs on the {works}, but only the watts of the {metered} are measured here."
        if len(self.counted) > 1 and self.engine.provider == "cuda":
            return "Which GPU the engine uses is not known; the watts are those of all of them."
        if any(reading.memory_foreign for name, reading in self.readings.items() if name in self.counted):
            return "Another program uses the GPU; while the lanes work its watts cannot be told from theirs."
        if self.uncalibrated:
            return "The watts of each lane alone are not known yet; lanes that work together share by time."
        return ""

    @property
    def disagreement(self) -> str:
        """Where a counter that counts is at odds with the power readings of its device: by how much, in a sentence."""
        for name in self.counted:
            told = self.compared.get(name)
            if told is not None and abs(told.ratio - 1.0) > AGREES_WITHIN:
                return (
                    f"Over {told.seconds:.0f} s the energy counter gave {told.ratio:.2f} times what power adds up to."
                )
        return ""

    def title(self, device: Device) -> str:
        """What people call a device: its kind, and among several GPUs its number."""
        if device.kind != "gpu":
            return "CPU" if device.kind == "cpu" else "This machine"
        gpus = [other.id for other in (self.meter.devices if self.meter else ()) if other.kind == "gpu"]
        return f"GPU {gpus.index(device.id)}" if device.id in gpus else "GPU"


def source_of(device: Device, meter: MeterOpened) -> Source:
    """Where the joules of a device come from."""
    return device.source or meter.source
