"""Log-bucket histograms: counts of durations that stay small on the wire and merge by addition."""

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate

BUCKETS_PER_OCTAVE = 32
"""Neighbouring buckets differ by 2^(1/32) = 2.2 %, so a percentile is within 1.1 % of the exact one."""

SHORTEST_S = 1e-6

LAST_BUCKET = 2000
"""It ends after 200,000 years, and holds what lasts longer, too."""


def bucket_of(seconds: float) -> int:
    """The bucket that a duration falls into; everything up to a microsecond falls into bucket 0."""
    if seconds <= SHORTEST_S:
        return 0
    return min(int(BUCKETS_PER_OCTAVE * math.log2(seconds / SHORTEST_S)), LAST_BUCKET)


_MIDDLES = [SHORTEST_S * 2.0 ** ((bucket + 0.5) / BUCKETS_PER_OCTAVE) for bucket in range(LAST_BUCKET + 1)]


def seconds_of(bucket: int) -> float:
    """The geometric middle of a bucket, in seconds."""
    return _MIDDLES[bucket]


def count_into(histogram: dict[int, int], counts: Mapping[int, int]) -> None:
    """Add `counts` to `histogram` in place."""
    if not histogram:
        histogram.update(counts)
        return
    known = histogram.get
    for bucket, count in counts.items():
        histogram[bucket] = known(bucket, 0) + count


def percentile(histogram: Mapping[int, int], fraction: float) -> float | None:
    """The nearest-rank percentile in seconds (`fraction` 0..1), `None` for an empty histogram."""
    found = percentiles(histogram, (fraction,))
    return None if found is None else found[0]


def percentiles(histogram: Mapping[int, int], fractions: Sequence[float]) -> tuple[float, ...] | None:
    """Several of them at once."""
    buckets = sorted(histogram)
    reached = list(accumulate(map(histogram.__getitem__, buckets)))
    if not reached or reached[-1] == 0:
        return None
    count = reached[-1]
    return tuple([seconds_of(buckets[bisect_left(reached, max(1, math.ceil(part * count)))]) for part in fractions])


def mean(histogram: Mapping[int, int]) -> float | None:
    """The mean in seconds, each duration taken for the middle of its bucket; `None` for an empty histogram."""
    count = sum(histogram.values())
    return sum(seconds_of(bucket) * each for bucket, each in histogram.items()) / count if count else None


FEWEST = {0.95: 20, 0.99: 100}
"""Observations below which a percentile is not told: with fewer, none at all may lie beyond it."""


def told(histogram: Mapping[int, int], fraction: float) -> float | None:
    """The percentile where there are enough observations to speak of it, else `None`."""
    if sum(histogram.values()) < FEWEST.get(fraction, 1):
        return None
    return percentile(histogram, fraction)
