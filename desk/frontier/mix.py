"""The best mix: how to split one device, or a budget of power, between tiers that sell at different speeds.

One device is split in *time*: a lane with the share x of the step seconds makes x times the tokens of its measured
point, and each of its readers sees x times the speed; TTFT grows by 1 / x. So a promise asks for a least share, and a
tier is either served with at least that or not at all: a mixed-integer linear program. A budget of *power* is split
between whole devices, as on the keynote's slide: no tier slows another, and the program is linear.

Nothing outside of what was measured is considered: candidates are the measured points and nothing between them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal

import numpy as np

from desk.frontier.options import Offer, Option

Goal = Literal["revenue", "tokens"]
Split = Literal["device", "power"]

SERVED = 1e-9
"""A share below this is none."""


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
    worth = _scaled([_worth(sellable(each, one), one, goal) for each, one in choices])
    # Variables: the share of each candidate, then whether it is chosen.
    rows: list[np.ndarray] = [np.concatenate([np.ones(count), np.zeros(count)])]
    lows, highs = [-inf], [budget]
    for index, (each, one) in enumerate(choices):
        over, under = np.zeros(2 * count), np.zeros(2 * count)
        over[index], over[count + index] = 1.0, -min(budget, most(each, one))
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
            each.tier: part_of(each, one, share)
            for (each, one), share in zip(choices, shares, strict=True)
            if share > SERVED
        }
    )


def sellable(each: Offer, one: Option) -> float:
    """Tokens/s for the whole device: fewer than it could make where the share that keeps the promise makes more than
    can be sold, so that slots stay empty."""
    least = one.least(each.promise)
    return min(one.rate, each.demand / least) if each.demand is not None and least > 0.0 else one.rate


def most(each: Offer, one: Option) -> float:
    """The share at which the demand is met; without a limit of what is sold, none is."""
    if each.demand is None:
        return inf
    rate = sellable(each, one)
    return each.demand / rate if rate > 0.0 else 0.0


def _worth(rate: float, one: Option, goal: Goal) -> float:
    return rate * (one.dollars_per_token if goal == "revenue" else 1.0)


def _scaled(worth: Sequence[float]) -> np.ndarray:
    """The same in parts of the largest: solvers leave out what is under a millionth, which dollars per second are."""
    largest = max(worth)
    return np.array(worth) / largest if largest > 0.0 else np.array(worth)


def part_of(each: Offer, one: Option, share: float) -> Part:
    """What comes of a candidate with so much of the device."""
    watts = None if one.watts is None else share * one.watts
    rate = share * sellable(each, one)
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
    worth = _scaled([_worth(one.rate, one, goal) for _, one, _ in choices])
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
