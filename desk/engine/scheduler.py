"""Whose turn it is: stride scheduling of lanes by their share of the device.

Each lane has a pass that grows by the seconds of its steps divided by its share; the lane that is furthest behind goes
next. Lanes without work are passed over, so the device never waits (work-conserving), and a lane that comes back starts
level with the others: it can neither save up time nor be starved. After Waldspurger and Weihl, "Stride Scheduling:
Deterministic Proportional-Share Resource Management", MIT 1995.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar


class Claimant(Protocol):
    """What can take turns: `share` weighs it, `passed` is the scheduler's own account of it."""

    passed: float

    @property
    def share(self) -> float: ...


C = TypeVar("C", bound=Claimant)


class Stride:
    """Takes turns between claimants. Over a stretch in which all of them have work, their seconds relate as shares."""

    def __init__(self) -> None:
        self._level = 0.0
        self._ready: list[object] = []

    def pick(self, ready: Sequence[C]) -> C | None:
        """The claimant whose turn it is among those with work, `None` where there are none."""
        if ready != self._ready:
            for claimant in ready:
                if claimant not in self._ready:
                    claimant.passed = max(claimant.passed, self._level)
            self._ready = list(ready)
        if not ready:
            return None
        chosen = ready[0]
        for claimant in ready:
            if claimant.passed < chosen.passed:
                chosen = claimant
        self._level = chosen.passed
        return chosen

    def reshare(self, claimant: Claimant, before: float) -> None:
        """The claimant's share was `before` until now: what it has had beyond its turn weighs by the new one.

        Else a lane that went on with hardly any share for a moment would stand still for long once it has more.
        """
        claimant.passed = self._level + (claimant.passed - self._level) * before / claimant.share

    def charge(self, claimant: Claimant, seconds: float) -> None:
        """Book a step on the claimant."""
        claimant.passed += seconds / claimant.share
