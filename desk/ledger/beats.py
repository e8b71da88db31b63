"""One beat of the engine, counted into the period that it falls into, or divided among several."""

from collections.abc import Mapping

from desk.facts.happened import LaneWork
from desk.facts.histogram import count_into
from desk.facts.tiers import Tier
from desk.ledger.money import output_value
from desk.ledger.period import Period

UNPRICED = Tier(name="", model="")
"""What a tier is held to that nobody has set: no price and no promise."""


def count(period: Period, lanes: tuple[LaneWork, ...], tiers: Mapping[str, Tier]) -> None:
    """Count in what lanes did, at the prices of `tiers`."""
    accounts = period.tiers
    for work in lanes:
        name = work.tier
        account = accounts.get(name) or period.tier(name)
        account.queue, account.slots_used = work.queue, len(work.slots)
        account.busy += work.busy
        account.steps += work.steps
        account.prefill += work.prefill
        if emitted := work.emitted:
            account.emitted += emitted
            account.revenue += output_value(tiers.get(name, UNPRICED).price, emitted)
        if work.gaps:
            count_into(account.gaps, work.gaps)


def count_part(
    period: Period, lanes: tuple[LaneWork, ...], tiers: Mapping[str, Tier], start: float, stop: float
) -> None:
    """Count in the part of their work between two fractions of its span.

    Work across the end of a period is divided there: a beat that fell now before and now after it would ripple. Whole
    counts stay whole, and their sum the same; the gaps between tokens count where the beat ends.
    """
    accounts, part = period.tiers, stop - start
    for work in lanes:
        name = work.tier
        account = accounts.get(name) or period.tier(name)
        account.queue, account.slots_used = work.queue, len(work.slots)
        account.busy += work.busy * part
        if steps := work.steps:
            account.steps += round(steps * stop) - round(steps * start)
        if prefill := work.prefill:
            account.prefill += round(prefill * stop) - round(prefill * start)
        if (emitted := work.emitted) and (emitted := round(emitted * stop) - round(emitted * start)):
            account.emitted += emitted
            account.revenue += output_value(tiers.get(name, UNPRICED).price, emitted)
        if stop == 1.0 and work.gaps:
            count_into(account.gaps, work.gaps)
