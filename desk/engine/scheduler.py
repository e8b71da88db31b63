"""Whose turn it is: stride scheduling of lanes by their share of the device.

Each lane has a pass that grows by the seconds of its steps divided by its share; the lane that is furthest behind goes
next. Lanes without work are passed over, so the device never waits (work-conserving), and a lane that comes back starts
level with the others: it can neither save up time nor be starved. After Waldspurger and Weihl, "Stride Scheduling:
Deterministic Proportional-Share Resource Management", MIT 1995.
"""

from collections.abc import Iterable
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
        self._ready: set[object] = set()

    def pick(self, ready: Iterable[C]) -> C | None:
        """The claimant whose turn it is among those with work, `None` where there are none."""
        candidates = list(ready)
        for claimant in candidates:
            if claimant not in self._ready:
                claimant.passed = max(claimant.passed, self._level)
        self._ready = set(candidates)
        if not candidates:
            return None
        chosen = min(candidates, key=lambda claimant: claimant.passed)
        self._level = chosen.passed
        return chosen

    def charge(self, claimant: Claimant, seconds: float) -> None:
        """Book a step on the claimant."""
        claimant.passed += seconds / claimant.share
