"""What a sweep tells: one lane on its way through the points of a plan, recorded by the plant."""

from desk.facts.fact import Fact
from desk.facts.numbers import Whole
from desk.facts.plans import Plan
from desk.facts.tiers import Tier


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
