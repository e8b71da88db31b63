"""The best mix: how to split one device, or a budget of power, between tiers that sell at different speeds.

One device is split in *time*: a lane with the share x of the step seconds makes x times the tokens of its measured
point, and each of its readers sees x times the speed; TTFT grows by 1 / x. So a promise asks for a least share, and a
tier is either served with at least that or not at all: a mixed-integer linear program. A budget of *power* is split
between whole devices, as on the keynote's slide: no tier slows another, and the program is linear.

Nothing outside of what was measured is considered: candidates are the measured points and nothing between them.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, sqrt
from typing import Literal

import msgspec
import numpy as np

from desk.facts.tiers import Promise, Tier
from desk.frontier.points import BOARD, Denominator, Measure, Point, setting
from desk.ledger import money

Goal = Literal["revenue", "tokens"]
Split = Literal["device", "power"]

SERVED = 1e-9
"""A share below this is none."""

FULL_SHARE = 100.0
LEAST_SHARE = 0.01
"""The range of `Tier.share`; the tier with the largest part of a mix gets the whole of it."""


@dataclass(frozen=True, slots=True)
class Option:
    """A measured point as a candidate for a tier, with the device for itself.

    `speed` in tokens/s/user is 1 / mean ITL, as promises are judged, `ttft_s` the 95th percentile. `rate` is in
    tokens/s, `deviation` the standard deviation of its mean (`None`: measured once).
    `dollars_per_token` is what one output token of it brings at the tier's prices, its part of the prompt included.
    """

    tier: str
    slots: int
    speed: float
    rate: float
    dollars_per_token: float
    ttft_s: float | None = None
    deviation: float | None = None
    watts: float | None = None
    point: Point | None = None

    def least(self, promise: Promise) -> float:
        """The part of a device that keeps the promise: above 1 where it cannot be kept."""
        need = 0.0
        if promise.tokens_per_second_per_user is not None:
            need = promise.tokens_per_second_per_user / self.speed
        if promise.ttft_s is not None:
            need = max(need, inf if self.ttft_s is None else self.ttft_s / promise.ttft_s)
        return need


@dataclass(frozen=True, slots=True)
class Offer:
    """A tier as the mix sees it: what it promises, its measured points, what can be sold of it in tokens/s, and how
    many slots its users can fill at most."""

    tier: str
    promise: Promise
    options: tuple[Option, ...]
    demand: float | None = None
    most_slots: int | None = None

    @property
    def candidates(self) -> tuple[Option, ...]:
        """The points that its users can fill."""
        return tuple(one for one in self.options if self.most_slots is None or one.slots <= self.most_slots)


@dataclass(frozen=True, slots=True)
class Part:
    """What a tier gets: `share` of the device (of the power, in a split of power), and what comes of it."""

    option: Option
    share: float
    rate: float
    speed: float
    revenue: float
    watts: float | None


@dataclass(frozen=True, slots=True)
class Mix:
    """A split: its parts by tier (a tier that is not served has none), revenue in dollars/s, tokens/s and watts.

    `keeps` says whether every part keeps its tier's promise; a mix that was looked for always does.
    """

    parts: dict[str, Part]
    keeps: bool = True

    @property
    def revenue(self) -> float:
        return sum(part.revenue for part in self.parts.values())

    @property
    def rate(self) -> float:
        return sum(part.rate for part in self.parts.values())

    @property
    def watts(self) -> float | None:
        known = [part.watts for part in self.parts.values() if part.watts is not None]
        return sum(known) if len(known) == len(self.parts) and known else None


def offer(tier: Tier, points: Iterable[Point], demand: float | None = None, denominator: Denominator = BOARD) -> Offer:
    """A tier with the points that were measured for its model and precision, as near to its own work as there are.

    Points of the tier's own kind of work and context are taken where there are any, else those of the nearest context.
    Users fill no more slots than there are of them; passers-by any number.
    """
    fitting = [each for each in points if each.tier.model == tier.model and tier.precision in ("", each.precision)]
    kinds = sorted({(_strangeness(each, tier), each.precision) for each in fitting})
    chosen = [each for each in fitting if kinds and (_strangeness(each, tier), each.precision) == kinds[0]]
    found = (option(tier, each, denominator) for each in chosen)
    most = tier.users if tier.arrivals_per_second is None else None
    return Offer(tier.name, tier.promise, tuple(each for each in found if each is not None), demand, most)


def _strangeness(point: Point, tier: Tier) -> tuple[bool, int, int]:
    """How far the work that was measured is from what the tier is asked for: 0 in all places is the same."""
    measured = point.tier
    other = (measured.mix, measured.lengths) != (tier.mix, tier.lengths)
    return other, abs(measured.context - tier.context), abs(measured.answer_tokens - tier.answer_tokens)


def option(tier: Tier, point: Point, denominator: Denominator = BOARD) -> Option | None:
    """A point as a candidate for a tier; `None` where it has no speed."""
    speed, rate = point.pace(), point.height("tokens_per_second")
    if speed is None or rate is None:
        return None
    account, ttft, watts = point.total.tier, point.ttft(0.95), point.watts(denominator)
    prompts = (
        money.input_value(tier.price, account.prompt, account.cached) / account.emitted if account.emitted else 0.0
    )
    return Option(
        tier=tier.name,
        slots=point.tier.slots,
        speed=speed.value,
        rate=rate.value,
        dollars_per_token=money.output_value(tier.price, 1) + prompts,
        ttft_s=None if ttft is None else ttft.value,
        deviation=None if rate.deviation is None else rate.deviation / sqrt(rate.windows),
        watts=None if watts is None else watts.value,
        point=point,
    )


def best(offers: Sequence[Offer], goal: Goal = "revenue", *, split: Split = "device", budget: float = 1.0) -> Mix:
    """The split that earns most, or makes most tokens, with every promise kept.

    `budget` is the part of the device that may be used, or watts. In a split of power, options without watts are
    passed over. Where two splits are worth the same, either may be given.
    """
    if split == "power":
        return _of_power(offers, goal, budget)
    choices = [(each, one) for each in offers for one in each.candidates if one.least(each.promise) <= budget]
    if not choices:
        return Mix({})
    from scipy.optimize import Bounds, LinearConstraint, milp  # noqa: PLC0415 - half a second that only a mix needs

    count = len(choices)
    worth = np.array([_worth(_sellable(each, one), one, goal) for each, one in choices])
    # Variables: the share of each candidate, then whether it is chosen.
    rows: list[np.ndarray] = [np.concatenate([np.ones(count), np.zeros(count)])]
    lows, highs = [-inf], [budget]
    for index, (each, one) in enumerate(choices):
        over, under = np.zeros(2 * count), np.zeros(2 * count)
        over[index], over[count + index] = 1.0, -min(budget, _most(each, one))
        under[index], under[count + index] = 1.0, -one.least(each.promise)
        rows += [over, under]
        lows += [-inf, 0.0]
        highs += [0.0, inf]
    for each in offers:
        one_of = np.concatenate([np.zeros(count), [float(owner is each) for owner, _ in choices]])
        rows.append(one_of)
        lows.append(0.0)
        highs.append(1.0)
    found = milp(
        np.concatenate([-worth, np.zeros(count)]),
        integrality=np.concatenate([np.zeros(count), np.ones(count)]),
        bounds=Bounds(0.0, np.concatenate([np.full(count, budget), np.ones(count)])),
        constraints=LinearConstraint(np.array(rows), lows, highs),
        options={"mip_rel_gap": 0.0},
    )
    assert found.x is not None, found.message  # serving nobody is always possible
    shares = found.x[:count].tolist()
    return Mix(
        {
            each.tier: _part(each, one, share)
            for (each, one), share in zip(choices, shares, strict=True)
            if share > SERVED
        }
    )


def _sellable(each: Offer, one: Option) -> float:
    """Tokens/s for the whole device: fewer than it could make where the share that keeps the promise makes more than
    can be sold, so that slots stay empty."""
    least = one.least(each.promise)
    return min(one.rate, each.demand / least) if each.demand is not None and least > 0.0 else one.rate


def _most(each: Offer, one: Option) -> float:
    """The share at which the demand is met."""
    if each.demand is None:
        return inf
    rate = _sellable(each, one)
    return each.demand / rate if rate > 0.0 else 0.0


def _worth(rate: float, one: Option, goal: Goal) -> float:
    return rate * (one.dollars_per_token if goal == "revenue" else 1.0)


def _part(each: Offer, one: Option, share: float) -> Part:
    watts = None if one.watts is None else share * one.watts
    rate = share * _sellable(each, one)
    return Part(one, share, rate, share * one.speed, rate * one.dollars_per_token, watts)


def _of_power(offers: Sequence[Offer], goal: Goal, budget: float) -> Mix:
    choices = [
        (each, one, one.watts)
        for each in offers
        for one in each.candidates
        if one.watts and one.least(each.promise) <= 1.0
    ]
    if not choices:
        return Mix({})
    from scipy.optimize import linprog  # noqa: PLC0415 - half a second that only a mix needs

    rows = [np.array([watts for _, _, watts in choices])]
    limits = [budget]
    for each in offers:
        if each.demand is not None:
            rows.append(np.array([one.rate * (owner is each) for owner, one, _ in choices]))
            limits.append(each.demand)
    worth = np.array([_worth(one.rate, one, goal) for _, one, _ in choices])
    found = linprog(-worth, A_ub=np.array(rows), b_ub=limits, bounds=(0.0, None), method="highs")
    assert found.x is not None, found.message
    parts: dict[str, Part] = {}
    for (each, one, watts), devices in zip(choices, found.x.tolist(), strict=True):
        if devices * watts > SERVED * budget:
            parts[each.tier] = _beside(parts.get(each.tier), one, devices, devices * watts / budget)
    return Mix(parts)


def _beside(part: Part | None, one: Option, devices: float, share: float) -> Part:
    """Devices at one more point of the same tier; it promises what the slower of both keeps."""
    rate = devices * one.rate
    more = Part(one, share, rate, one.speed, rate * one.dollars_per_token, devices * (one.watts or 0.0))
    if part is None:
        return more
    larger = part if part.share >= share else more
    return Part(
        larger.option,
        part.share + share,
        part.rate + rate,
        min(part.speed, one.speed),
        part.revenue + more.revenue,
        (part.watts or 0.0) + (more.watts or 0.0),
    )


def at_shares(offers: Sequence[Offer], shares: Mapping[str, tuple[float, int]]) -> Mix | None:
    """What a given split of the device brings: the share and the slots of each tier, as today's.

    Every tier is taken to use all of its share. `None` where a tier's slots lie outside of what was measured; between
    two measured numbers of slots the figures lie between theirs (on a straight line over slots).
    """
    parts: dict[str, Part] = {}
    keeps = True
    for each in offers:
        share, slots = shares.get(each.tier, (0.0, 1))
        if share <= SERVED:
            continue
        one = between(each.options, slots)
        if one is None:
            return None
        parts[each.tier] = _part(each, one, min(share, _most(each, one)))
        keeps = keeps and one.least(each.promise) <= share
    return Mix(parts, keeps)


def between(options: Sequence[Option], slots: int) -> Option | None:
    """The candidate with so many slots, on a straight line between its neighbours; `None` outside of the measured."""
    ranked = sorted(options, key=lambda one: one.slots)
    lower = [one for one in ranked if one.slots <= slots]
    upper = [one for one in ranked if one.slots >= slots]
    if not lower or not upper:
        return None
    left, right = lower[-1], upper[0]
    if left.slots == right.slots:
        return left
    along = (slots - left.slots) / (right.slots - left.slots)

    def mean(low: float, high: float) -> float:
        return low + along * (high - low)

    def known(low: float | None, high: float | None) -> float | None:
        return None if low is None or high is None else mean(low, high)

    return Option(
        tier=left.tier,
        slots=slots,
        speed=mean(left.speed, right.speed),
        rate=mean(left.rate, right.rate),
        dollars_per_token=mean(left.dollars_per_token, right.dollars_per_token),
        ttft_s=known(left.ttft_s, right.ttft_s),
        deviation=known(left.deviation, right.deviation),
        watts=known(left.watts, right.watts),
    )


def today(offers: Sequence[Offer], tiers: Iterable[Tier]) -> Mix | None:
    """The split that is in force: each tier's share of all shares, with its slots (as many as it has users for)."""
    tiers = list(tiers)
    whole = sum(tier.share for tier in tiers)
    return at_shares(offers, {tier.name: (tier.share / whole, _taken(tier)) for tier in tiers if _taken(tier)})


def _taken(tier: Tier) -> int:
    return tier.slots if tier.arrivals_per_second is not None else min(tier.slots, tier.users)


def difference(new: Mix, old: Mix) -> Measure:
    """How much more dollars/s the new mix brings, with two standard deviations either way where repeats tell them.

    A point that both use errs the same way in both, so that only the difference of its tokens counts.
    """
    value = new.revenue - old.revenue
    weights: dict[Hashable, float] = {}
    deviations: dict[Hashable, float | None] = {}
    for mix, sign in ((new, 1.0), (old, -1.0)):
        for part in mix.parts.values():
            one, key = part.option, _measured_at(part.option)
            deviations[key] = one.deviation
            weights[key] = weights.get(key, 0.0) + sign * part.rate / one.rate * one.dollars_per_token
    terms = [(weight, deviations[key]) for key, weight in weights.items() if weight]
    if not terms or any(deviation is None for _, deviation in terms):
        return Measure(value)
    spread = 2.0 * sqrt(sum((weight * (deviation or 0.0)) ** 2 for weight, deviation in terms))
    return Measure(value, value - spread, value + spread)


def _measured_at(one: Option) -> Hashable:
    """What a candidate was measured at, whichever tier it is for."""
    return (one.tier, one.slots) if one.point is None else setting(one.point.tier)


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
        asked = [_promising(each, speed) if each.tier == tier else each for each in offers]
        fastest = max((one.speed for each in asked if each.tier == tier for one in each.candidates), default=0.0)
        curve.append((speed, best(asked, goal, split=split, budget=budget) if speed <= fastest else None))
    return curve


def _promising(each: Offer, speed: float) -> Offer:
    promise = msgspec.structs.replace(each.promise, tokens_per_second_per_user=speed)
    return replace(each, promise=promise)


@dataclass(frozen=True, slots=True)
class Change:
    """What Apply sends to the factory, `after`, and what undo sends to bring back what was, `before`: whole tiers."""

    before: tuple[Tier, ...]
    after: tuple[Tier, ...]


def change(mix: Mix, tiers: Iterable[Tier]) -> Change:
    """The tiers with the shares and slots of a mix; one that it does not serve keeps its slots and hardly any share."""
    before = tuple(tiers)
    largest = max((part.share for part in mix.parts.values()), default=1.0)
    after = []
    for tier in before:
        part = mix.parts.get(tier.name)
        share = LEAST_SHARE if part is None else max(LEAST_SHARE, FULL_SHARE * part.share / largest)
        slots = tier.slots if part is None else part.option.slots
        after.append(msgspec.structs.replace(tier, share=round(share, 4), slots=slots))
    kept = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    return Change(tuple(old for old, _ in kept), tuple(new for _, new in kept))
