"""What a given split of the device brings, today's or one to be applied, and how tiers change to another one."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import msgspec

from desk.facts.tiers import Tier
from desk.frontier.crowd import Asked, play
from desk.frontier.mix import SERVED, Mix, Part, most, part_of
from desk.frontier.options import Offer, Option, between, taken

FULL_SHARE = 100.0
LEAST_SHARE = 0.01
"""The range of `Tier.share`; the tier with the largest part of a mix gets the whole of it."""


def at_shares(offers: Sequence[Offer], shares: Mapping[str, tuple[float, int]]) -> Mix | None:
    """What a given split of the device brings: the share and the slots of each tier, as today's.

    `None` where a tier's slots lie outside of what was measured; between two measured numbers of slots the figures lie
    between theirs. A tier of which less can be sold than its share makes is taken to use no more than it needs.
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
        parts[each.tier] = part_of(each, one, min(share, most(each, one)) if each.asking is None else share)
        keeps = keeps and one.least(each.promise) <= share
    return played(offers, Mix(parts, keeps))


def today(offers: Sequence[Offer], tiers: Iterable[Tier]) -> Mix | None:
    """The split that is in force: each tier's share of all shares, with its slots (as many as it has users for)."""
    asked = [tier for tier in tiers if taken(tier)]
    whole = sum(tier.share for tier in asked)
    return at_shares(offers, {tier.name: (tier.share / whole, taken(tier)) for tier in asked})


def played(offers: Sequence[Offer], mix: Mix) -> Mix:
    """The mix with what comes of it where lanes run out of requests now and then, as those of users who pause do, and
    leave their shares to the others meanwhile. Without such tiers it is the same mix."""
    served = [each for each in offers if each.tier in mix.parts]
    if not any(each.asking is not None for each in served):
        return mix
    parts, keeps = {}, True
    made = play([_asked(each, mix.parts[each.tier]) for each in served])
    for each, found in zip(served, made, strict=True):
        part = mix.parts[each.tier]
        one = part.option
        watts = None if one.watts is None else one.watts * found.rate / one.rate
        keeps = keeps and one.least(each.promise) <= found.part
        revenue = found.rate * one.dollars_per_token
        parts[each.tier] = replace(part, rate=found.rate, speed=found.part * one.speed, revenue=revenue, watts=watts)
    return Mix(parts, mix.keeps and keeps)


def _asked(each: Offer, part: Part) -> Asked:
    """The lane of a tier with its users; where nothing else is said, they never pause."""
    one, users = part.option, each.asking
    lane = Asked(part.share, one.slots, one.answer, _rates(each.options, one), users=one.slots)
    if users is None:
        return lane
    return replace(
        lane,
        users=users.users,
        think_s=users.think_s,
        arrivals=users.arrivals_per_second,
        burstiness=users.burstiness,
    )


def _rates(options: Sequence[Option], full: Option) -> Callable[[int], float]:
    """Tokens/s by the slots taken. With fewer than were ever measured a round of the rows takes as long as it did."""
    fewest = min(options, key=lambda one: one.slots)

    @cache
    def rate(slots: int) -> float:
        if slots == full.slots:
            return full.rate
        found = between(options, slots)
        return found.rate if found is not None else slots * fewest.rate / fewest.slots

    return rate


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
