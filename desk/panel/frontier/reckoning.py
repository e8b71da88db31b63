"""What the cards beside the frontier rest on: the mixes that were solved for, what a promise costs, one device."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, log

from desk.facts.tiers import Tier
from desk.frontier.mix import Goal, Mix, best
from desk.frontier.options import Offer, Traffic, offer
from desk.frontier.points import Denominator, Measure, Point
from desk.frontier.split import played, today
from desk.frontier.whatif import Here, Range, exactly
from desk.frontier.worth import difference, price_of_promise
from desk.panel.words import tr

STEPS = 14
"""So many promises of a tier are tried between its slowest and its fastest measured speed, beside its own."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the mix is asked for: dollars or tokens, by this device or by so many `watts`, with what can be sold of each
    tier (tokens/s), and the tier whose promise is moved."""

    goal: Goal = "revenue"
    watts: float | None = None
    demand: Mapping[str, float] = field(default_factory=dict)
    promising: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The best mix beside that in force (`None` where its slots were not measured, or a budget of watts is split).

    `curve` is the best mix by the speed that the tier `promising` would promise, `why` says of tiers that are not
    served what keeps them out.
    """

    question: Question
    offers: tuple[Offer, ...]
    best: Mix
    now: Mix | None = None
    curve: tuple[tuple[float, Mix], ...] = ()
    why: Mapping[str, str] = field(default_factory=dict)

    @property
    def corrected(self) -> tuple[str, ...]:
        """The tiers that are served by points of other work, corrected for theirs."""
        return tuple(name for name, part in self.best.parts.items() if part.option.corrected)

    @property
    def gain(self) -> Measure | None:
        """Dollars/s of the best mix over that in force."""
        return None if self.now is None else difference(self.best, self.now)


def answer(
    question: Question,
    tiers: Sequence[Tier],
    points: Sequence[Point],
    denominator: Denominator,
    traffic: Mapping[str, Traffic] | None = None,
) -> Answer:
    """Solve for the mixes; takes a second where the solver has not been used before.

    `traffic` is what the tiers are known to be asked for: points of other work are corrected for it.
    """
    known = traffic or {}
    offers = tuple(
        offer(tier, points, question.demand.get(tier.name), denominator, known.get(tier.name)) for tier in tiers
    )
    if question.watts is None:
        found = played(offers, best(offers, question.goal))
    else:
        found = best(offers, question.goal, split="power", budget=question.watts)
    now = today(offers, tiers) if question.watts is None else None
    why = {each.tier: _why(each, question) for each in offers if each.tier not in found.parts}
    return Answer(question, offers, found, now, _curve(question, offers), why)


def _curve(question: Question, offers: tuple[Offer, ...]) -> tuple[tuple[float, Mix], ...]:
    mine = next((each for each in offers if each.tier == question.promising), None)
    speeds = [one.speed for one in mine.candidates] if mine is not None else []
    if mine is None or not speeds:
        return ()
    # A tier shares the device, so that a promise far below its slowest point still moves the mix.
    own = mine.promise.tokens_per_second_per_user
    low, high = min(min(speeds) / 4, own or max(speeds)), max(speeds)
    tried = {low * exp(log(high / low) * step / (STEPS - 1)) for step in range(STEPS - 1)} | {high}
    if own is not None and own <= high:
        tried.add(own)
    if question.watts is None:
        curve = price_of_promise(offers, mine.tier, sorted(tried), question.goal)
    else:
        curve = price_of_promise(offers, mine.tier, sorted(tried), question.goal, split="power", budget=question.watts)
    return tuple((speed, mix) for speed, mix in curve if mix is not None)


def _why(each: Offer, question: Question) -> str:
    """What keeps a tier out of the mix."""
    if not each.options:
        return tr("not measured with its model and its prompts")
    if not each.candidates:
        return tr("its users fill fewer slots than were measured")
    if min(one.least(each.promise) for one in each.candidates) > 1.0:
        return tr("no measured point keeps its promise")
    if question.goal == "revenue" and not any(one.dollars_per_token for one in each.candidates):
        return tr("it has no price")
    return tr("others bring more")


def here(mix: Mix) -> Here | None:
    """One device with this mix, as the ladder wants it, with the ranges of the repeats; `None` without watts."""
    rate = watts = revenue = exactly(0.0)
    for part in mix.parts.values():
        point = part.option.point
        drawn = None if point is None else point.watts()
        made = None if point is None else point.height("tokens_per_second")
        if drawn is None or made is None or part.watts is None:
            return None
        own = _range(made) * (part.rate / made.value)
        rate = _sum(rate, own)
        revenue = _sum(revenue, own * part.option.dollars_per_token)
        watts = _sum(watts, _range(drawn) * (part.watts / drawn.value))
    return Here(rate, watts, revenue) if watts.base > 0.0 else None


def _range(measure: Measure) -> Range:
    low = measure.value if measure.low is None else measure.low
    return Range(low, measure.value, measure.value if measure.high is None else measure.high)


def _sum(one: Range, other: Range) -> Range:
    return Range(one.low + other.low, one.base + other.base, one.high + other.high)
