"""The facts: what happened, stamped where it happened. The line on the pipe is the line in the file.

Every fact carries `t`, seconds on the machine-wide monotonic clock (`time.perf_counter`), comparable across the
processes of one boot; wall time stands once, in `RunStarted`. Units are SI throughout; an absent value is `None`.
Figures (revenue, tokens per watt, margins) are never facts: `desk.ledger` derives them.

Here are those of the run, its children, jobs and lanes, and `AnyFact`, the union of all there are: with the facts of
alarms (`desk.facts.alarmed`), of the meter (`desk.facts.metered`) and of a sweep (`desk.facts.swept`).
"""

import time
from typing import Literal

from msgspec import field

from desk.facts.alarmed import AlarmCleared, AlarmRaised, AlarmShelved
from desk.facts.fact import Bucket, Count, Fact, Span, Wall
from desk.facts.frozen import Frozen
from desk.facts.metered import Compared, FloorLearned, MeterOpened, Read, SoloLearned
from desk.facts.numbers import Real, Whole
from desk.facts.swept import PointMeasured, PointMeasuring, PointMissed, PointStarted, SweepStarted
from desk.facts.tiers import Budget, Tariff, Tier

FORMAT = 1
"""Raised when an old reader would misread a new journal."""

Child = Literal["engine", "meter", "worker"]
Job = Literal["build", "fetch", "verify", "import"]
FinishReason = Literal["eos", "length", "stop", "cancelled", "error"]


def now() -> float:
    """The stamp of a fact that happens now, in seconds."""
    return time.perf_counter_ns() / 1e9


# ---- the run, recorded by the plant


class Machine(Frozen, frozen=True, kw_only=True, omit_defaults=True):
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
    """A lane starts to load its model. The engine may be silent until `LaneReady` or `LaneFailed`.

    `overcommit` says that it was ordered to be loaded also where its memory plan does not fit.
    """

    tier: str
    model: str
    overcommit: bool = False


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
    """A lane cannot run. `risk` says what happens to whoever orders it to be loaded all the same, as a sentence; it is
    empty where that is no way out."""

    tier: str
    cause: str
    remedy: str
    risk: str = ""


class Slot(Frozen, frozen=True, array_like=True):
    """One sequence in a lane: its prompt length, prompt tokens prefilled so far, tokens emitted so far."""

    request: Whole
    prompt: Whole
    prefilled: Whole
    emitted: Whole


class LaneWork(Frozen, frozen=True, kw_only=True, omit_defaults=True):
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
    gaps: dict[Bucket, Count] = field(default_factory=dict)
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
    | Compared
    | FloorLearned
    | SoloLearned
    | SweepStarted
    | PointStarted
    | PointMeasuring
    | PointMeasured
    | PointMissed
)
