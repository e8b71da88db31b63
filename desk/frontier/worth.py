"""What a mix is worth beside another one, with its doubt, and what a promise costs."""

from collections.abc import Hashable, Iterable, Sequence
from math import sqrt

from desk.frontier.mix import Goal, Mix, Split, best
from desk.frontier.options import Offer
from desk.frontier.points import Measure


def difference(new: Mix, old: Mix) -> Measure:
    """How much more dollars/s the new mix brings, with two standard deviations either way where repeats tell them.

    A point that both use errs the same way in both, so that only the difference of its tokens counts.
    """
    value = new.revenue - old.revenue
    weights: dict[Hashable, float] = {}
    deviations: dict[Hashable, float | None] = {}
    for mix, sign in ((new, 1.0), (old, -1.0)):
        for part in mix.parts.values():
            one = part.option
            key = one.measured_at
            deviations[key] = one.deviation
            weights[key] = weights.get(key, 0.0) + sign * part.rate / one.rate * one.dollars_per_token
    terms = [(weight, deviations[key]) for key, weight in weights.items() if weight]
    if not terms or any(deviation is None for _, deviation in terms):
        return Measure(value)
    spread = 2.0 * sqrt(sum((weight * (deviation or 0.0)) ** 2 for weight, deviation in terms))
    return Measure(value, value - spread, value + spread)


def price_of_promise(
    offers: Sequence[Offer],
    tier: str,
    speeds: Iterable[float],
    goal: Goal = "revenue",
    *,
    split: Split = "device",
    budget: float = 1.0,
) -> list[tuple[float, Mix | None]]:
    """The best mix for each speed that a tier might promise; `None` beyond the fastest point measured for it."""
    curve: list[tuple[float, Mix | None]] = []
    for speed in speeds:
        asked = [each.promising(speed) if each.tier == tier else each for each in offers]
        fastest = max((one.speed for each in asked if each.tier == tier for one in each.candidates), default=0.0)
        curve.append((speed, best(asked, goal, split=split, budget=budget) if speed <= fastest else None))
    return curve
