"""Percentiles of the last few seconds at every period that is kept, formed for those that somebody looks at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from struct import pack

import numpy as np
from numpy.typing import NDArray

from desk.facts.histogram import LAST_BUCKET, seconds_of
from desk.ledger.period import PERIOD_S

Floats = NDArray[np.float64]

FORMED_AT_ONCE = 512
"""Periods: histograms of so many take nine megabytes at most, and usually one."""

DROPPED_AT_ONCE = 256

_SECONDS = np.array([seconds_of(bucket) for bucket in range(LAST_BUCKET + 1)])


@dataclass(frozen=True, slots=True)
class Window:
    """Two nearest-rank percentiles of the last `seconds`, the lower one first, and the names of the columns that hold
    them; `given` is the one that tells with 1 and 0 where there were observations at all."""

    seconds: float
    fractions: tuple[float, float]
    columns: tuple[str, str]
    given: str


WINDOWS = (
    Window(30.0, (0.5, 0.95), ("ttft_p50", "ttft_p95"), "ttfts"),
    Window(10.0, (0.5, 0.99), ("itl_p50", "itl_p99"), "itls"),
)


class Latencies:
    """The histograms of one kind, by period and tier, and what was formed of them.

    Periods are numbered in the order in which they came, from `begin` on; `kept` of them are kept at least, with what
    the windows of the oldest reach back to. So a percentile depends on the periods alone, not on who looks and when.
    Row 0 is the factory's: all tiers together.
    """

    def __init__(self, window: Window, kept: int, begin: int) -> None:
        self.window = window
        self._length = round(window.seconds / PERIOD_S)
        self._kept = kept + self._length
        self._parts: list[tuple[bytes, ...]] = []
        """Of each period its tiers' histograms: all buckets, then all counts. A tier that came later has none.

        They are floats, which hold whole numbers exactly as far as any run counts, and take any number a file may tell.
        """
        self._begin = begin
        self._formed: dict[int, _Formed] = {}

    def append(self, histograms: Sequence[Mapping[int, int]]) -> None:
        """The next period: what was counted in each row but the first."""
        self._parts.append(
            tuple([pack(f"{2 * len(each)}d", *each, *each.values()) if each else b"" for each in histograms])
        )
        if len(self._parts) >= self._kept + DROPPED_AT_ONCE:
            del self._parts[:DROPPED_AT_ONCE]
            self._begin += DROPPED_AT_ONCE
            self._formed = {row: formed.since(self._begin) for row, formed in self._formed.items()}

    def columns(self, row: int, first: int, last: int) -> dict[str, Floats]:
        """The percentiles of a row from the period `first` to the period `last`, and whether there were observations.

        A percentile is 0 where there were none.
        """
        formed = self._formed.get(row)
        if formed is None or first > formed.end:
            formed = self._formed[row] = _Formed(first, np.empty((2, 0)))
        if first < formed.begin:
            formed.values = np.concatenate([self._form(row, first, formed.begin), formed.values], axis=1)
            formed.begin = first
        if formed.end <= last:
            formed.values = np.concatenate([formed.values, self._form(row, formed.end, last + 1)], axis=1)
        low, high = formed.values[:, first - formed.begin : last + 1 - formed.begin]
        return {self.window.columns[0]: low, self.window.columns[1]: high, self.window.given: np.sign(low)}

    def count(self, row: int, number: int) -> int:
        """How many observations the window of a period holds."""
        parts = chain.from_iterable(self._of(row, number, number + 1))
        return sum(int(np.frombuffer(part)[len(part) // 16 :].sum()) for part in parts)

    def _of(self, row: int, first: int, end: int) -> list[tuple[bytes, ...]]:
        """The histograms of a row in the windows of some periods."""
        parts = self._parts[max(0, first - self._length + 1 - self._begin) : end - self._begin]
        return [part[row - 1 : row] for part in parts] if row else parts

    def _form(self, row: int, first: int, end: int) -> Floats:
        """Both percentiles of the periods from `first` up to `end`."""
        starts = range(first, end, FORMED_AT_ONCE)
        return np.concatenate(
            [self._form_few(row, start, min(start + FORMED_AT_ONCE, end)) for start in starts], axis=1
        )

    def _form_few(self, row: int, first: int, end: int) -> Floats:
        parts, wanted = self._of(row, first, end), end - first
        values = np.zeros((2, wanted))
        histograms = list(chain.from_iterable(parts))
        told = np.frombuffer(b"".join(histograms))
        if not told.size:
            return values
        sizes = np.array([len(histogram) for histogram in histograms]) // 16
        at = np.arange(told.size // 2) + np.repeat(sizes.cumsum() - sizes, sizes)
        buckets, counts = told[at].astype(np.int64), told[at + np.repeat(sizes, sizes)]
        lowest = int(buckets.min())
        width = int(buckets.max()) - lowest + 1
        periods = np.repeat(np.repeat(np.arange(len(parts)), [len(part) for part in parts]), sizes)
        grown = (
            np.bincount(periods * width + buckets - lowest, counts, len(parts) * width)
            .reshape(-1, width)
            .cumsum(axis=0)
        )
        window = grown[len(parts) - wanted :].copy()
        alone = max(0, self._length - len(parts) + wanted)  # so many windows begin with the first of all parts
        if alone < wanted:
            window[alone:] -= grown[len(parts) - wanted + alone - self._length : len(parts) - self._length]
        totals = window.sum(axis=1)
        # One sum over all windows after each other: where it reaches a rank is found at once for all of them.
        reached = window.cumsum()
        before = reached[width - 1 :: width] - totals
        starts, some = np.arange(wanted) * width, totals > 0.0
        for value, fraction in zip(values, self.window.fractions, strict=True):
            ranks = np.maximum(np.ceil(fraction * totals), 1.0)
            found = np.searchsorted(reached, before + ranks) - starts
            value[some] = _SECONDS[np.clip(found[some], 0, width - 1) + lowest]
        return values


@dataclass(slots=True)
class _Formed:
    """The percentiles of a row from the period `begin` on."""

    begin: int
    values: Floats

    @property
    def end(self) -> int:
        return self.begin + self.values.shape[1]

    def since(self, begin: int) -> "_Formed":
        """Without those before `begin`."""
        older = max(0, begin - self.begin)
        return _Formed(self.begin + older, self.values[:, older:].copy())
