"""What the meter tells, ten times a second, and what was learned of devices before a run."""

from typing import Literal

from desk.facts.fact import Fact
from desk.facts.frozen import Frozen
from desk.facts.numbers import Real, Whole

Source = Literal["nvml-counter", "nvml-power", "amd", "rapl", "battery", "declared", "none"]
Quality = Literal["measured", "estimated", "unavailable"]


class Tried(Frozen, frozen=True, kw_only=True):
    """A source of watts that was tried, and why it is not in use (empty where it is)."""

    source: Source
    cause: str = ""


class Device(Frozen, frozen=True, kw_only=True, omit_defaults=True):
    """A metered device. `id` is stable within a run (`gpu0`, `cpu0`); `uuid` is the driver's own, for matching.

    `source` is where its joules come from, `None`: from the meter's own source.
    """

    id: str
    kind: Literal["gpu", "cpu", "machine"]
    name: str
    uuid: str = ""
    memory_bytes: Whole | None = None
    power_limit: Real | None = None
    slowdown_celsius: Real | None = None
    source: Source | None = None


class MeterOpened(Fact):
    """The meter knows its source. `scope` says what the watts cover, in words for a caption.

    `on_bus` counts the NVIDIA devices that the kernel sees, whatever drives them; `None` where it cannot be asked.
    """

    source: Source
    quality: Quality
    scope: str = ""
    driver: str = ""
    devices: tuple[Device, ...] = ()
    tried: tuple[Tried, ...] = ()
    on_bus: int | None = None


class DeviceReading(Frozen, frozen=True, kw_only=True, omit_defaults=True):
    """What one device answered since the last reading.

    `edges` are the moments at which its energy counter was seen to change: (seconds, joules since the meter opened),
    joules never falling within one `epoch`. `samples` are instantaneous power (seconds, watts), for sources without a
    counter and as a check. `watts` drives the needle only. `state` is one of the words that views show.
    """

    device: str
    epoch: Whole = 0
    edges: tuple[tuple[Real, Real], ...] = ()
    samples: tuple[tuple[Real, Real], ...] = ()
    watts: Real | None = None
    utilization: Real | None = None
    memory_used: Whole | None = None
    memory_foreign: Whole | None = None
    celsius: Real | None = None
    clock_hz: Real | None = None
    clock_max_hz: Real | None = None
    power_limit: Real | None = None
    limiter: str = ""
    state: Literal[
        "ok", "stale", "asleep", "not supported", "no permission", "lost", "not answering", "gap", "estimated"
    ] = "ok"


class Read(Fact):
    """The meter's beat, ten times a second, also when nothing could be read."""

    devices: tuple[DeviceReading, ...] = ()


class Compared(Fact):
    """The counter of a device was held against its power readings: joules of the one over joules of the other.

    Told after each `seconds` of load; at idle both are too small to be compared.
    """

    device: str
    ratio: Real
    seconds: Real


# ---- what was learned before a run, recorded by the plant at its start


class FloorLearned(Fact):
    """What a device draws while no lane is busy, learned over `seconds`; `loaded`: with the models in its memory."""

    device: str
    watts: Real
    seconds: Real
    loaded: bool = False


class SoloLearned(Fact):
    """What a lane with these settings adds to the floor of a device while it runs alone, learned over `seconds`."""

    device: str
    tier: str
    watts: Real
    seconds: Real
    model: str
    precision: str
    context: Whole
    slots: Whole
