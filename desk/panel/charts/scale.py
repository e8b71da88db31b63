"""Scales and labels that hold still while the data moves. Plain numbers, no Qt."""

import math
from collections.abc import Sequence

HOLD_S = 5.0
"""How long the data must fit a smaller range before the axis takes it."""

HEADROOM = 1.06

NOTHING = 1e-6
"""The top of a scale that has seen nothing above zero."""

LABEL_GAP = 15
"""The least distance between the middles of two labels, in pixels."""


def nice_step(rough: float) -> float:
    """The smallest of 1, 2, 2.5, 4, 5 times a power of ten that is not under `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    for factor in (1.0, 2.0, 2.5, 4.0, 5.0):
        if factor * power >= rough * (1 - 1e-9):
            return factor * power
    return 10.0 * power


class Scale:
    """An axis from zero to a nice top: it grows at once, and shrinks only when the data has been smaller for a while.

    `t` is the data's own clock in seconds, never the wall clock, so that a recording scales as the run did.
    """

    def __init__(self, ticks: int) -> None:
        self._wanted = ticks
        self._small_since: float | None = None
        self.top, self.step = NOTHING, 1.0
        self._fitted = False

    def forget(self) -> None:
        """Take the next range at once: the data is another."""
        self._fitted = False

    def fit(self, peak: float, t: float) -> bool:
        """Make room for `peak`; says whether the range is another than before."""
        if peak > 0:
            step = nice_step(peak / self._wanted)
            top = math.ceil(peak * HEADROOM / (step / 4) - 1e-9) * step / 4
        else:
            top, step = NOTHING, 1.0
        if self._fitted and top < self.top:
            if self._small_since is None or t < self._small_since:
                self._small_since = t
            if t - self._small_since < HOLD_S:
                return False
        self._small_since = None
        changed = (top, step) != (self.top, self.step)
        self.top, self.step, self._fitted = top, step, True
        return changed

    def ticks(self) -> list[float]:
        """The values to label, from zero up; zero alone where there is nothing to scale."""
        if self.top == NOTHING:
            return [0.0]
        return [self.step * count for count in range(int(self.top / self.step + 1e-9) + 1)]


def spread(anchors: Sequence[float], low: float, high: float, gap: float = LABEL_GAP) -> list[float]:
    """Positions as near to ascending `anchors` as they can be, in the same order, `gap` apart, within low..high.

    The least-squares answer (pool adjacent violators on anchors shifted by their rank). Where the room is too small
    for all, the gap shrinks evenly.
    """
    if not anchors:
        return []
    gap = min(gap, (high - low) / max(1, len(anchors) - 1))
    pools: list[tuple[float, int]] = []
    for rank, anchor in enumerate(anchors):
        mean, count = anchor - rank * gap, 1
        while pools and pools[-1][0] > mean:
            before, size = pools.pop()
            mean, count = (before * size + mean * count) / (size + count), size + count
        pools.append((mean, count))
    shifted = [mean for mean, count in pools for _ in range(count)]
    ceiling = high - gap * (len(anchors) - 1)
    return [min(max(mean, low), max(low, ceiling)) + rank * gap for rank, mean in enumerate(shifted)]
