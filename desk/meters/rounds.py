"""When the meter asks what: rounds of calls that a slow driver can stretch but not pile up."""

import math
from collections import deque
from collections.abc import Callable, Sequence

COST_FACTOR = 20
"""A round is repeated no sooner than this many times what it costs: the driver is kept busy 5 % of the time at most."""

A_HAIR = 1e-6
"""Of a period: what rounding may put a tick that is just being served in the future."""


class Round:
    """A few calls, made again and again every `every` seconds.

    `step` makes one call, so that the beat of the meter can go out between two calls of a slow driver. Ticks that have
    passed by the end of a round are skipped, never made up for. `every` may be changed at any time; the first round is
    due after `first` seconds.
    """

    def __init__(
        self, calls: Sequence[Callable[[], None]], every: float, now: Callable[[], float], first: float = 0.0
    ) -> None:
        self._calls = calls
        self._now = now
        self._next = 0
        self._cost = 0.0
        # The cheapest of the last three: one preempted call must not slow the whole round down.
        self._costs: deque[float] = deque(maxlen=3)
        self.every = every
        self.due = now() + first

    @property
    def period(self) -> float:
        """Seconds from one round to the next, as stretched by what the last rounds cost."""
        return max(self.every, COST_FACTOR * min(self._costs, default=0.0))

    def step(self) -> None:
        """Make the next call of the round."""
        began = self._now()
        if self._next == 0:
            self._cost = 0.0
        call = self._calls[self._next]
        self._next = (self._next + 1) % len(self._calls)
        try:
            call()
        finally:
            ended = self._now()
            self._cost += ended - began
            if self._next == 0:
                self._costs.append(self._cost)
                self.due = self._following(ended)
            else:
                self.due = ended

    def _following(self, now: float) -> float:
        """The next multiple of the period, so that rounds fall together and the process wakes as seldom as can be."""
        return math.floor(now / self.period + 1 + A_HAIR) * self.period
