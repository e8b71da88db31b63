"""An energy counter as a driver gives it, turned into edges that can be believed."""

from collections import deque
from typing import Literal

BELIEVED_OVER_LIMIT = 1.5
"""More energy than this times the device's limit is not believed."""

JUDGED_S = 1.0
"""Seconds over which that is judged: a whole step of a slow counter may land between two looks."""

STILL_S, STILL_LOOKS = 2.0, 3
"""A counter that has not moved for so long, and at so many looks, stands still."""

STEPPING = 0.9
"""A counter that has changed at fewer of the looks than this moves in steps longer than the time between two looks."""

Surprise = Literal["", "reset", "jump"]


class Counter:
    """The counter of one device.

    `unit` is the joules of one count, `span` the count at which the counter starts over (`None`: it does not, or
    nobody knows), `limit` the watts that the device may draw. `joules` counts from the opening of the meter and never
    falls; where something passed that cannot be known (a reset, a jump, a gap) a new `epoch` begins with nothing added.

    An edge is stamped with the moment at which the counter changed. Where it moves in steps longer than the time
    between two looks that moment lies between them, and their middle halves the error; else it is the look itself.
    """

    def __init__(self, unit: float, limit: float, span: int | None = None) -> None:
        self.unit = unit
        self.limit = limit
        self.span = span
        self.epoch = 0
        self.joules = 0.0
        self._still_since = 0.0
        self._still_looks = 0
        self._raw: int | None = None
        self._began = self._looked = 0.0
        self._looks = self._changes = 0
        # The last second or so of edges, and one before; the first is where the epoch was first looked at.
        self._recent: deque[tuple[float, float]] = deque()
        self._edges: deque[tuple[int, list[tuple[float, float]]]] = deque()

    def see(self, t: float, raw: int) -> Surprise:
        """Take in what the counter said at `t`; says what was wrong with it, if anything."""
        if self._raw is None:
            self._begin(t, raw)
            return ""
        counts = raw - self._raw
        looked, self._looked = self._looked, t
        self._looks += 1
        if counts == 0:
            self._still_looks += 1
            return ""
        if counts < 0 and self.span is not None and raw <= self.span:
            counts += self.span
        if counts < 0:
            return self._restart(t, raw, "reset")
        joules = self.joules + counts * self.unit
        since, before = self._recent[0]
        if joules - before > BELIEVED_OVER_LIMIT * self.limit * max(t - since, JUDGED_S):
            return self._restart(t, raw, "jump")
        self._raw, self.joules = raw, joules
        self._still_since, self._still_looks = t, 0
        self._changes += 1
        stamp = self._stamp(looked, t)
        self._recent.append((stamp, joules))
        while len(self._recent) > 2 and self._recent[1][0] <= t - JUDGED_S:
            self._recent.popleft()
        if not self._edges or self._edges[-1][0] != self.epoch:
            self._edges.append((self.epoch, []))
        self._edges[-1][1].append((stamp, round(joules, 6)))
        return ""

    def forget(self) -> None:
        """What happens until the next look is unknown: a new epoch begins with it."""
        if self._raw is not None:
            self.epoch += 1
            self._raw = None

    def stands_still(self, t: float) -> bool:
        """Whether the counter, looked at just now, has long not moved: with power drawn, it counts nothing."""
        return t - self._still_since > STILL_S and self._still_looks >= STILL_LOOKS

    def take(self) -> tuple[int, tuple[tuple[float, float], ...]]:
        """The edges not yet taken and their epoch; those of an older epoch come alone and first."""
        if not self._edges:
            return self.epoch, ()
        epoch, edges = self._edges.popleft()
        return epoch, tuple(edges)

    @property
    def watts(self) -> float | None:
        """The mean power over the last second or so of edges."""
        if len(self._recent) < 2:
            return None
        (since, before), (t, joules) = self._recent[0], self._recent[-1]
        return (joules - before) / (t - since) if t > since else None

    def _stamp(self, looked: float, t: float) -> float:
        """When the counter changed, seen unchanged at `looked` and changed at `t`."""
        if self._changes >= STEPPING * self._looks:
            return t
        step = (t - self._began) / self._changes
        return t - min(t - looked, step) / 2

    def _restart(self, t: float, raw: int, why: Surprise) -> Surprise:
        self.epoch += 1
        self._begin(t, raw)
        return why

    def _begin(self, t: float, raw: int) -> None:
        self._raw = raw
        self._began = self._looked = t
        self._looks = self._changes = 0
        self._still_since, self._still_looks = t, 0
        self._recent.clear()
        self._recent.append((t, self.joules))
