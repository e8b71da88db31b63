"""Whether a board's energy counter and its power readings tell the same story."""

from desk.meters.counter import Counter

CHECKED_S = 60.0
"""Seconds over which the two are held against each other."""

LOADED = 0.5
"""Mean utilization from which on such a stretch is load; at idle both are too small to be compared."""

AGREEMENT = (0.8, 1.25)
"""What joules of the counter over joules of the power readings may be under load before the user is told."""


class Agreement:
    """Joules by the counter and by the power readings, a minute at a time."""

    def __init__(self) -> None:
        self._began: tuple[float, float, int] | None = None
        self._integral = 0.0
        self._busy: list[float] = []

    def add(self, t: float, counter: Counter, joules: float, utilization: float) -> float | None:
        """Take a look in, with the joules of power since the one before; at the end of a minute of load, the ratio."""
        if self._began is None or self._began[2] != counter.epoch:
            self._begin(t, counter)
            return None
        self._integral += joules
        self._busy.append(utilization)
        since, counted, _ = self._began
        if t - since < CHECKED_S:
            return None
        loaded = sum(self._busy) / len(self._busy) >= LOADED
        ratio = (counter.joules - counted) / self._integral if loaded and self._integral > 0 else None
        self._begin(t, counter)
        return ratio

    def _begin(self, t: float, counter: Counter) -> None:
        self._began = (t, counter.joules, counter.epoch)
        self._integral = 0.0
        self._busy.clear()
