"""Power as a device says it: samples for the record, a calm figure for the needle, an integral to check by."""

from collections import deque

from desk.meters.source import FAST_S

CALM_S = 1.0
"""Seconds of samples that the needle shows the mean of, where the driver averages nothing itself."""

MOST_WATTS = 2500.0
"""No board draws more; believed up to here where a device's limit is unknown."""

MOST_MODULE_WATTS = 5000.0
"""The same for a module of processor, GPU and memory."""


class Power:
    """The power samples of one device, in watts."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, float]] = []
        self._calm: deque[tuple[float, float]] = deque()
        self._last: tuple[float, float] | None = None

    def see(self, t: float, watts: float, bridge: float) -> float:
        """Take a sample in; the joules since the one before, 0 where that is more than `bridge` seconds ago."""
        joules = 0.0
        if self._last is not None:
            since, before = self._last
            # A hair of slack: ticks jitter, and a sample dropped for a microsecond would be missed in the integral.
            if t - since < 0.9 * FAST_S:
                return 0.0
            if t - since <= bridge:
                joules = (t - since) * (watts + before) / 2
        self._last = (t, watts)
        self._waiting.append((t, round(watts, 3)))
        self._calm.append((t, watts))
        while self._calm[0][0] < t - CALM_S:
            self._calm.popleft()
        return joules

    def forget(self) -> None:
        """Nothing may be drawn from the last sample to the next."""
        self._last = None
        self._calm.clear()

    def take(self) -> tuple[tuple[float, float], ...]:
        """The samples not yet taken."""
        taken, self._waiting = tuple(self._waiting), []
        return taken

    @property
    def watts(self) -> float | None:
        """The mean of the last second."""
        return sum(watts for _, watts in self._calm) / len(self._calm) if self._calm else None
