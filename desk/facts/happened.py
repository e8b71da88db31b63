"""The facts: what happened, stamped where it happened. The line on the pipe is the line in the file.

Every fact carries `t`, seconds on the machine-wide monotonic clock (`time.perf_counter`), comparable across the
processes of one boot; wall time stands once, in `RunStarted`. Units are SI throughout; an absent value is `None`.
Figures (revenue, tokens per watt, margins) are never facts: `desk.ledger` derives them.
"""

import time
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from desk.facts.numbers import Real, Whole
from desk.facts.plans import Plan
from desk.facts.tiers import Budget, Tariff, Tier

FORMAT = 1
"""Raised when an old reader would misread a new journal."""

Child = Literal["engine", "meter", "worker"]
Source = Literal["nvml-counter", "nvml-power", "amd", "rapl", "battery", "declared", "none"]
Quality = Literal["measured", "estimated", "unavailable"]
Job = Literal["build", "fetch", "verify", "import"]
FinishReason = Literal["eos", "length", "stop", "cancelled", "error"]
Severity = Literal["notice", "warning", "critical"]

Stamp = Annotated[float, Meta(ge=-1e10, le=1e10)]
"""Three hundred years of uptime."""
Wall = Annotated[float, Meta(ge=0.0, le=2.4e11)]
"""Unix time that a calendar has, also a run later."""
Count = Annotated[int, Meta(ge=0, le=2**53)]
Bucket = Annotated[int, Meta(ge=0, le=2000)]
"""Of `desk.facts.histogram`: the last one ends after 200,000 years."""
Span = Annotated[float, Meta(ge=0.0, le=3600.0)]
"""Seconds that one beat may tell of."""


def now() -> float:
    """The stamp of a fact that happens now, in seconds."""
    return time.perf_counter_ns() / 1e9


def tag(name: str) -> str:
    """The name of a message on the wire: `RunStarted` is `run_started`."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


class Fact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="fact", tag=tag):
    """Something that happened at `t`."""

    t: Stamp


# ---- the run, recorded by the plant


class Machine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The computer, without anything that names its owner."""

    system: str
    processor: str
    cores: Whole
    memory_bytes: Whole
    python: str = ""


class RunStarted(Fact):
    """A run begins: all that is known before. `wall` is Unix time at `t`. The fold starts afresh here.

    `load` multiplies what all tiers are asked for; what the `warmup_s` seconds from the first token on bring is not
    counted in the totals.
    """

    run: str
    wall: Wall
    desk: str
    machine: Machine
    tiers: tuple[Tier, ...]
    tariff: Tariff
    format: Whole = 1  # what a line without the field means, whatever FORMAT is; the writer always passes FORMAT
    preset: str = ""
    scenario: str = "steady"
    seed: Whole = 0
    load: Real = 1.0
    budget: Budget = Budget()
    warmup_s: Real = 0.0
    utc_offset_s: int = 0


class RunStopped(Fact):
    """A run ended. A journal without this line was cut off."""

    reason: Literal["stopped", "emergency", "duration", "budget", "given up", "closed"]


class TierChanged(Fact):
    """The settings of a tier that are now in force."""

    tier: Tier


class TierRemoved(Fact):
    """A tier that the next run does without; while a run is on, its tiers stay."""

    tier: str


class LoadChanged(Fact):
    """What all tiers are asked for is multiplied by `load` from now on."""

    load: Real


class BudgetChanged(Fact):
    """The budget now in force."""

    budget: Budget


class TariffChanged(Fact):
    """The tariff now in force."""

    tariff: Tariff


class WattsDeclared(Fact):
    """The user declared what the machine draws idle and busy, in watts; `assumed` marks a named assumption."""

    idle: Real
    busy: Real
    assumed: bool = False


class Noted(Fact):
    """A mark that the user set on the event lane."""

    text: str


class Troubled(Fact):
    """Something in the world went wrong and was survived; `where` is the part that met it."""

    where: str
    cause: str
    remedy: str = ""


class AlarmRaised(Fact):
    """A condition that asks for attention has lasted. `alarm` and `subject` (a tier or a device) name it.

    `title` is a word or two for the event lane; `cause` and `remedy` are sentences with the values of that moment. The
    end of a run ends its alarms.
    """

    alarm: str
    title: str
    cause: str
    remedy: str = ""
    subject: str = ""
    severity: Severity = "warning"


class AlarmCleared(Fact):
    """The condition has gone, for good as far as can be told; `title` is a word or two for the event lane."""

    alarm: str
    title: str
    subject: str = ""


class AlarmShelved(Fact):
    """The user does not want to see an alarm until the stamp `until`, `None`: until the run ends."""

    alarm: str
    subject: str = ""
    until: Real | None = None


class Unrecorded(Fact):
    """Nothing was recorded from the stamp `since` until now; what stands now follows. Stands in recordings alone."""

    since: Real


class RunContinued(Fact):
    """The first line of a further file of a recording: its `part`, counted from 1. The reader passes over it."""

    run: str
    part: Whole


class ChildStarted(Fact):
    child: Child
    pid: Whole


class ChildStale(Fact):
    """A child has been silent for `age` seconds: periods close without it until it answers."""

    child: Child
    age: Real


class ChildAnswered(Fact):
    """A stale child speaks again."""

    child: Child


class ChildEnded(Fact):
    """A child is gone: `exit` is its exit code (negative: a signal), `cause` a sentence where it was not asked to."""

    child: Child
    exit: Whole
    cause: str = ""


class ChildGivenUp(Fact):
    """A child failed too often and is not started again by itself."""

    child: Child
    cause: str
    remedy: str


# ---- jobs of the short-lived worker: building, fetching, verifying a model


class Progressed(Fact):
    """A job on a model moved on; `done` and `total` count bytes or steps, `total` is `None` while unknown.

    `precision` is empty where the job was not asked for one.
    """

    job: Job
    model: str
    stage: str
    done: Whole
    total: Whole | None = None
    precision: str = ""


class JobEnded(Fact):
    """A job is over; `cause` is empty when it succeeded."""

    job: Job
    model: str
    cause: str = ""
    remedy: str = ""
    precision: str = ""


# ---- the engine


class EngineOpened(Fact):
    """The engine is up. `provider` is the one that sessions really use; `cause` says why where it was not asked for."""

    runtime: str
    provider: Literal["cuda", "cpu"]
    device: str
    threads: Whole
    cause: str = ""
    device_uuid: str = ""


class LaneLoading(Fact):
    """A lane starts to load its model. The engine may be silent until `LaneReady` or `LaneFailed`."""

    tier: str
    model: str


class LaneReady(Fact):
    """A lane can make tokens. Bytes are what its weights and its KV cache hold; a shared session counts once each.

    `planned_bytes` is what the lane was planned to take beyond what others hold (activations and a margin included),
    `free_bytes` what was free where it computes when that was decided; `None` where nobody can say. `taken_bytes` is
    by how much the memory in use there (of this process on the CPU, of all on a GPU) grew while it was loaded: for
    its weights, its KV cache and its first runs; `None` where its weights were loaded before.
    """

    tier: str
    model: str
    precision: str
    provider: Literal["cuda", "cpu"]
    context: Whole
    slots: Whole
    weights_bytes: Whole
    kv_bytes: Whole
    load_s: Real
    revision: str = ""
    planned_bytes: Whole = 0
    free_bytes: Whole | None = None
    taken_bytes: Whole | None = None


class LaneDraining(Fact):
    """A lane finishes its requests before new settings of context, slots or model take hold."""

    tier: str


class LaneFailed(Fact):
    tier: str
    cause: str
    remedy: str


class Slot(msgspec.Struct, frozen=True, array_like=True):
    """One sequence in a lane: its prompt length, prompt tokens prefilled so far, tokens emitted so far."""

    request: Whole
    prompt: Whole
    prefilled: Whole
    emitted: Whole


class LaneWork(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one lane did in a span.

    `busy` seconds inside runs of the model, `prefill` prompt tokens processed (work, recomputation included),
    `emitted` tokens handed to users (each request's first token included), `steps` runs, `queue` requests waiting,
    `slots` the sequences held at the end of the span, `gaps` the seconds between successive tokens of a request as a
    histogram (`desk.facts.histogram`), the first token of a request excluded. `lag` is by how many seconds the span's
    most belated request came after it was due: the generator's own delay, which its TTFT includes.
    """

    tier: str
    busy: Real = 0.0
    prefill: Whole = 0
    emitted: Whole = 0
    steps: Whole = 0
    queue: Whole = 0
    slots: tuple[Slot, ...] = ()
    gaps: dict[Bucket, Count] = {}
    lag: Real = 0.0


class Worked(Fact):
    """The engine's beat: what all lanes did in the `span` seconds up to `t`, ten times a second, idle or not."""

    span: Span
    lanes: tuple[LaneWork, ...]


class FirstToken(Fact):
    """A request got its first token. Written once a request, also when a crash made the engine prefill it again."""

    tier: str
    request: Whole
    submitted: Real
    admitted: Real
    prompt: Whole
    cached: Whole = 0


class Finished(Fact):
    """A request is over; `first` is the stamp of its first token, `None` where there was none."""

    tier: str
    request: Whole
    submitted: Real
    first: Real | None
    prompt: Whole
    emitted: Whole
    reason: FinishReason
    cached: Whole = 0


class Said(Fact):
    """New text of a watched request."""

    tier: str
    request: Whole
    text: str


class Paused(Fact):
    """No lane steps; the KV cache is kept."""


class Resumed(Fact):
    """Lanes step again."""


class Calibrating(Fact):
    """Only the lane of `tier` steps for `seconds`, so that its watts show alone; no lane at all where it is empty."""

    tier: str
    seconds: Real


class Calibrated(Fact):
    """The lanes take turns again."""


# ---- the meter


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """A source of watts that was tried, and why it is not in use (empty where it is)."""

    source: Source
    cause: str = ""


class Device(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
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


class DeviceReading(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
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


# ---- a sweep: one lane through the points of a plan, recorded by the plant


class SweepStarted(Fact):
    """This run measures the points of a plan. `sweep` is the run in which the sweep began, this one or an earlier."""

    sweep: str
    plan: Plan


class PointStarted(Fact):
    """The sweep goes to its next point: `tier` is the setting wanted, `number` of `count` counts from 1, repeats
    included. What comes before `PointMeasuring` is loading, warming up and settling."""

    number: Whole
    count: Whole
    tier: Tier
    repeat: Whole = 0


class PointMeasuring(Fact):
    """The window of the point begins: what is counted from here on is its figure."""


class PointMeasured(Fact):
    """The window ends; `whole` is false where the sweep was stopped inside it."""

    whole: bool = True


class PointMissed(Fact):
    """The point cannot be measured, and the sweep goes on."""

    cause: str
    remedy: str = ""


AnyFact = (
    RunStarted
    | RunStopped
    | TierChanged
    | TierRemoved
    | LoadChanged
    | BudgetChanged
    | TariffChanged
    | WattsDeclared
    | Noted
    | Troubled
    | AlarmRaised
    | AlarmCleared
    | AlarmShelved
    | Unrecorded
    | RunContinued
    | ChildStarted
    | ChildStale
    | ChildAnswered
    | ChildEnded
    | ChildGivenUp
    | Progressed
    | JobEnded
    | EngineOpened
    | LaneLoading
    | LaneReady
    | LaneDraining
    | LaneFailed
    | Worked
    | FirstToken
    | Finished
    | Said
    | Paused
    | Resumed
    | Calibrating
    | Calibrated
    | MeterOpened
    | Read
    | FloorLearned
    | SoloLearned
    | SweepStarted
    | PointStarted
    | PointMeasuring
    | PointMeasured
    | PointMissed
)
