"""One beat of the engine, divided among the periods that it falls into."""

from collections.abc import Iterator

from desk.facts.happened import LaneWork, Worked
from desk.ledger.period import PERIOD_S


def divided(fact: Worked, start: float, first: int, last: int) -> Iterator[tuple[int, float, tuple[LaneWork, ...]]]:
    """The work of a beat that began at `start` by the periods `first` to `last`, with the seconds in each.

    Work across the end of a period is divided there: a beat that fell now before and now after it would ripple.
    """
    before = 0.0
    for cell in range(first, last + 1):
        share = 1.0 if cell == last else ((cell + 1) * PERIOD_S - start) / fact.span
        yield cell, fact.span * (share - before), tuple(_part(work, before, share) for work in fact.lanes)
        before = share


def _part(work: LaneWork, start: float, stop: float) -> LaneWork:
    """The part of a lane's work between two fractions of its span; whole counts stay whole, and their sum the same."""
    prefill, emitted, steps = work.prefill, work.emitted, work.steps
    return LaneWork(
        tier=work.tier,
        busy=work.busy * (stop - start),
        prefill=round(prefill * stop) - round(prefill * start) if prefill else 0,
        emitted=round(emitted * stop) - round(emitted * start) if emitted else 0,
        steps=round(steps * stop) - round(steps * start) if steps else 0,
        queue=work.queue,
        slots=work.slots,
        gaps=work.gaps if stop == 1.0 else {},
    )
