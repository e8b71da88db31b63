"""Percentiles of the last few seconds, moved on with every period instead of formed anew."""

from collections import deque
from math import ceil

from desk.facts.histogram import LAST_BUCKET, seconds_of
from desk.ledger.period import PERIOD_S

ITL_WINDOW_S = 10.0
TTFT_WINDOW_S = 30.0


class Rolling:
    """A histogram of the last few periods, and two of its nearest-rank percentiles, the lower one first.

    A percentile stands at the bucket that holds its rank, and knows how many observations lie in the buckets before it.
    What comes in and what goes out shifts that number; then it steps to the bucket that is now its own, mostly a
    neighbour. So a period costs what it counts, however many buckets the window has.
    """

    def __init__(self, seconds: float, fractions: tuple[float, float]) -> None:
        self.seconds = seconds
        self.count = 0
        """How many observations there are in the window."""
        self._length = round(seconds / PERIOD_S)
        self._fractions = fractions
        self._parts: deque[dict[int, int]] = deque()
        self._counts = [0] * (LAST_BUCKET + 1)
        self._low = self._high = 0
        self._before_low = self._before_high = 0
        self._columns = (0.0, 0.0, 0.0)

    def add(self, part: dict[int, int]) -> tuple[float, float, float]:
        """Both percentiles and 1, or three zeros where nothing was counted in the window: columns to sum up."""
        self._parts.append(part)
        oldest = self._parts.popleft() if len(self._parts) > self._length else {}
        if part or oldest:
            counts, low, high = self._counts, self._low, self._high
            before_low, before_high = self._before_low, self._before_high
            for bucket, count in part.items():
                counts[bucket] += count
                if bucket < high:
                    before_high += count
                    if bucket < low:
                        before_low += count
            for bucket, count in oldest.items():
                counts[bucket] -= count
                if bucket < high:
                    before_high -= count
                    if bucket < low:
                        before_low -= count
            self.count += sum(part.values()) - sum(oldest.values())
            self._low, self._before_low = self._step(low, before_low, self._fractions[0])
            self._high, self._before_high = self._step(high, before_high, self._fractions[1])
            self._columns = (seconds_of(self._low), seconds_of(self._high), 1.0) if self.count else (0.0, 0.0, 0.0)
        return self._columns

    def _step(self, bucket: int, before: int, fraction: float) -> tuple[int, int]:
        """The bucket that holds the percentile, from the one that held it last, and how many lie before it."""
        rank, counts = min(max(1, ceil(fraction * self.count)), self.count), self._counts
        while before >= rank > 0:
            bucket -= 1
            before -= counts[bucket]
        while before + counts[bucket] < rank:
            before += counts[bucket]
            bucket += 1
        return bucket, before
