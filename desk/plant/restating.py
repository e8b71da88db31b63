"""What stands, said again as facts: a recording that lacks a stretch is told it, and goes on right."""

from collections.abc import Collection, Iterator

import msgspec

from desk.facts.alarmed import AlarmCleared
from desk.facts.happened import (
    AnyFact,
    BudgetChanged,
    Calibrated,
    Calibrating,
    ChildEnded,
    ChildGivenUp,
    ChildStale,
    ChildStarted,
    LaneFailed,
    LaneLoading,
    LoadChanged,
    Paused,
    Resumed,
    TariffChanged,
    TierChanged,
    TierRemoved,
)
from desk.ledger.ledger import Ledger
from desk.ledger.standing import Standing


def restated(books: Ledger, alarms: Collection[tuple[str, str]], calibrating: bool, t: float) -> Iterator[AnyFact]:
    """The facts of the moment `t` after which a reader stands where `books` stand.

    `alarms` are those that the reader believes to be on, `calibrating` whether it believes that one lane steps alone.
    What a device answered last follows with its next reading.
    """
    standing = books.standing
    if standing.run is not None:
        for tier in standing.run.tiers:
            if tier.name not in standing.tiers:
                yield TierRemoved(t=t, tier=tier.name)
    for tier in standing.tiers.values():
        yield TierChanged(t=t, tier=tier)
    if standing.tariff is not None:
        yield TariffChanged(t=t, tariff=standing.tariff)
    yield LoadChanged(t=t, load=standing.load)
    yield BudgetChanged(t=t, budget=standing.budget)
    for standing_fact in (standing.meter, standing.declared):
        if standing_fact is not None:
            yield msgspec.structs.replace(standing_fact, t=t)
    yield from _children(standing, t)
    yield from _lanes(standing, t)
    yield Paused(t=t) if standing.paused else Resumed(t=t)
    if standing.calibrating is None and calibrating:
        yield Calibrated(t=t)
    elif standing.calibrating is not None:
        yield Calibrating(t=t, tier=standing.calibrating, seconds=0.0)
    for alarm, subject in alarms:
        if (alarm, subject) not in standing.alarms:
            yield AlarmCleared(t=t, alarm=alarm, subject=subject, title="Alarm over")
    for key, raised in standing.alarms.items():
        if key not in alarms:
            yield msgspec.structs.replace(raised, t=t)
    yield from books.learned(t)


def _children(standing: Standing, t: float) -> Iterator[AnyFact]:
    for name, child in standing.children.items():
        if child.state == "given up":
            yield ChildGivenUp(t=t, child=name, cause=child.cause, remedy=child.remedy)
            continue
        if child.pid is not None:
            yield ChildStarted(t=t, child=name, pid=child.pid)
        if child.state == "ended":
            yield ChildEnded(t=t, child=name, exit=0, cause=child.cause)
        elif child.state == "stale":
            yield ChildStale(t=t, child=name, age=child.age or 0.0)
    if standing.engine is not None:
        yield msgspec.structs.replace(standing.engine, t=t)


def _lanes(standing: Standing, t: float) -> Iterator[AnyFact]:
    for name, lane in standing.lanes.items():
        if lane.state == "failed":
            yield LaneFailed(t=t, tier=name, cause=lane.cause, remedy=lane.remedy)
        elif lane.state == "loading" and name in standing.tiers:
            yield LaneLoading(t=t, tier=name, model=standing.tiers[name].model)
        elif lane.opened is not None and lane.state != "closed":
            yield msgspec.structs.replace(lane.opened, t=t)
