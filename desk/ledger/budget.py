"""What of its budget a run has used, read off its totals."""

from dataclasses import dataclass
from typing import Literal

from desk.facts.tiers import Budget
from desk.ledger.period import Totals


@dataclass(frozen=True, slots=True)
class Spending:
    """One limit of a budget: joules, dollars of energy or seconds. `used` is `None` where nothing measures it."""

    kind: Literal["joules", "dollars", "seconds"]
    used: float | None
    limit: float

    @property
    def share(self) -> float | None:
        """The part of the limit that is used up: 1 and more where it is reached."""
        return None if self.used is None else self.used / self.limit


def spending(budget: Budget, totals: Totals) -> tuple[Spending, ...]:
    """What the run has used of each limit that is set, the one nearest to its end first."""
    found: list[Spending] = []
    if budget.joules:
        found.append(Spending("joules", totals.joules, budget.joules))
    if budget.dollars:
        found.append(Spending("dollars", totals.energy_cost, budget.dollars))
    if budget.seconds:
        found.append(Spending("seconds", totals.seconds, budget.seconds))
    return tuple(sorted(found, key=lambda each: -1.0 if each.share is None else each.share, reverse=True))


def reached(budget: Budget, totals: Totals) -> bool:
    """Whether the run has used up one of its limits."""
    return any(each.share is not None and each.share >= 1.0 for each in spending(budget, totals))
