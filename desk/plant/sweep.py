"""A sweep: takes the plant through the points of a plan, and marks in the journal what is measured where.

It decides by the facts alone, as they come: `see` takes each one that the plant gives, in order. So it needs no clock,
no thread, and whoever drains the plant (the window or the command line) drives it.
"""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, Protocol

from desk.facts.happened import (
    AnyFact,
    ChildEnded,
    LaneFailed,
    LaneReady,
    Paused,
    RunStarted,
    RunStopped,
    TierChanged,
    Worked,
    now,
)
from desk.facts.plans import LANE, Plan
from desk.facts.swept import PointMeasured, PointMeasuring, PointMissed, PointStarted, SweepStarted
from desk.facts.tiers import Tier
from desk.facts.trouble import Trouble
from desk.frontier.points import setting

Stage = Literal["starting", "loading", "filling", "settling", "measuring", "resting", "over"]

FILL_S = 180.0
"""A lane whose slots are not all taken after so long will not take them any more."""


class Factory(Protocol):
    """What a sweep asks of the plant."""

    scenario: str

    def equip(self, tiers: tuple[Tier, ...], preset: str = "") -> None: ...
    def start(self) -> None: ...
    def stop(self, reason: Literal["stopped", "duration"] = "stopped") -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def change(self, tier: Tier) -> None: ...
    def multiply(self, load: float) -> None: ...
    def mark(self, fact: SweepStarted | PointStarted | PointMeasuring | PointMeasured | PointMissed) -> None: ...


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a sweep stands: points done of all, repeats included, the setting in hand, and the seconds that are left
    by the pace so far."""

    done: int
    count: int
    stage: Stage
    tier: Tier | None
    seconds_left: float


class Sweep:
    """One run of the plant through those points of a plan that are not among `done` (setting and repeat).

    `sweep` is the run in which the sweep began where it goes on with an earlier one. Raises `Trouble` where nothing is
    left to measure.
    """

    def __init__(
        self, factory: Factory, plan: Plan, *, done: Collection[tuple[tuple, int]] = (), sweep: str = ""
    ) -> None:
        self.plan = plan
        self.stage: Stage = "starting"
        self._factory = factory
        self._sweep = sweep
        self._todo = deque((tier, each) for tier, each in plan.points() if (setting(tier), each) not in done)
        if not self._todo:
            raise Trouble("All points of this sweep are measured.", "Start a new one.")
        self._count = len(self._todo)
        self._gone = 0
        self._tier, self._repeat = self._todo[0]
        self._warmed: set[tuple[str, str]] = set()
        self._since = 0.0
        self._begun = 0.0
        self._latest = 0.0

    @property
    def ended(self) -> bool:
        return self.stage == "over"

    @property
    def progress(self) -> Progress:
        """Where it stands now, by the stamp of the latest fact."""
        each = self.plan.settle_s + self.plan.window_s + self.plan.cooldown_s
        spent = self._latest - self._begun if self._begun else 0.0
        if self._gone:
            each = max(each, spent / (self._gone + 0.5))
        left = max(0.0, each * self._count - spent) if not self.ended else 0.0
        return Progress(self._gone, self._count, self.stage, None if self.ended else self._tier, left)

    def start(self) -> None:
        """Equip the plant, which must not be running, with the lane of the sweep, and begin the run."""
        self._factory.scenario = "steady"
        self._factory.multiply(1.0)
        self._factory.equip((self._tier,), "sweep")
        self._factory.start()

    def stop(self) -> None:
        """End the sweep where it stands; what its open window holds so far counts."""
        if self.stage == "measuring":
            self._factory.mark(PointMeasured(t=now(), whole=False))
        if not self.ended:
            self.stage = "over"
            self._factory.stop("stopped")

    def see(self, fact: AnyFact) -> None:
        """Take in the next fact of the plant, and have done what follows from it."""
        if self.ended:
            return
        self._latest = fact.t
        match fact:
            case RunStarted() if self.stage == "starting":
                self._begun = fact.t
                self._factory.mark(SweepStarted(t=fact.t, sweep=self._sweep or fact.run, plan=self.plan))
                self._announce(fact.t)
            case RunStopped() if self.stage != "starting":
                self.stage = "over"
            case LaneReady(tier=name) if name == LANE and self.stage == "loading" and self._wanted(fact):
                self._turn("filling", fact.t)
            case TierChanged(tier=tier) if self.stage == "loading" and tier == self._tier:
                self._turn("filling", fact.t)
            case LaneFailed(tier=name) if name == LANE and self.stage not in ("starting", "resting"):
                self._miss(fact.t, fact.cause, fact.remedy)
            case ChildEnded(child="engine") if fact.cause and self.stage not in ("starting", "loading"):
                self._miss(fact.t, fact.cause)
            case Paused() if self.stage == "measuring":
                self._miss(fact.t, "The run was paused while the point was measured.")
            case Worked():
                self._worked(fact)

    def _worked(self, fact: Worked) -> None:
        waited = fact.t - self._since
        match self.stage:
            case "filling":
                taken = next((len(lane.slots) for lane in fact.lanes if lane.tier == LANE), 0)
                if taken >= self._tier.slots:
                    self._turn("settling", fact.t)
                elif waited > FILL_S:
                    self._miss(fact.t, f"Only {taken} of {self._tier.slots} slots were ever taken.")
            case "settling" if waited >= self._settling_s:
                self._warmed.add((self._tier.model, self._tier.precision))
                self._factory.mark(PointMeasuring(t=fact.t))
                self._turn("measuring", fact.t)
            case "measuring" if waited >= self.plan.window_s:
                self._factory.mark(PointMeasured(t=fact.t))
                self._next(fact.t)
            case "resting" if waited >= self.plan.cooldown_s:
                self._factory.resume()
                self._announce(fact.t)
                self._factory.change(self._tier)

    @property
    def _settling_s(self) -> float:
        cold = (self._tier.model, self._tier.precision) not in self._warmed
        return self.plan.settle_s + (self.plan.warmup_s if cold else 0.0)

    def _wanted(self, ready: LaneReady) -> bool:
        tier = self._tier
        return (ready.model, ready.context, ready.slots) == (tier.model, tier.context, tier.slots) and (
            tier.precision in ("", ready.precision)
        )

    def _turn(self, stage: Stage, t: float) -> None:
        self.stage, self._since = stage, t

    def _announce(self, t: float) -> None:
        number = self._gone + 1
        point = PointStarted(t=t, number=number, count=self._count, tier=self._tier, repeat=self._repeat)
        self._factory.mark(point)
        self._turn("loading", t)

    def _miss(self, t: float, cause: str, remedy: str = "") -> None:
        self._factory.mark(PointMissed(t=t, cause=cause, remedy=remedy))
        self._next(t)

    def _next(self, t: float) -> None:
        self._gone += 1
        self._todo.popleft()
        if not self._todo:
            self.stage = "over"
            self._factory.stop("duration")
            return
        self._tier, self._repeat = self._todo[0]
        if self.plan.cooldown_s > 0.0:
            self._factory.pause()
            self._turn("resting", t)
            return
        self._announce(t)
        self._factory.change(self._tier)
