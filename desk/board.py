"""The board: the periods of the last hour as columns, and every figure a ratio of two of them.

Columns hold running sums. So a figure over any window is one difference divided by another: the ratio of the sums,
never the mean of rates; and a curve costs a few look-ups a point, however long its window is.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, isnan, nan
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from desk.facts.histogram import count_into, percentiles
from desk.ledger.period import PERIOD_S, Event, Period, TierPeriod

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

SHORTEST_S = 2.0
"""No figure is formed over less time: in less, an energy counter tells more of its own steps than of the device."""

FEWEST_EDGES = 20
"""Nor over fewer changes of the energy counter: a window reaches back until it holds that many, ..."""

LONGEST_S = 30.0
"""... but no further than this."""

NOTHING = 1e-12
"""Seconds, joules or tokens: a smaller sum is what rounding has left, and nothing to divide by."""

ITL_WINDOW_S = 10.0
TTFT_WINDOW_S = 30.0

KEPT_EVENTS = 500

_COLUMNS = (
    *("end", "worked", "covered", "edges"),
    *("busy", "prefill", "emitted", "metered", "revenue", "on_time_revenue", "on_time_tokens", "finished_tokens"),
    *("queue", "slots_used"),
    *("joules", "active", "standby", "other", "energy_cost", "priced_s", "priced_tokens"),
    *("ttft_p50", "ttft_p95", "ttfts", "itl_p50", "itl_p99", "itls"),
    *("utilization", "utilizations", "memory", "memories", "celsius", "temperatures", "limit", "limits"),
)
_PLACE = {name: place for place, name in enumerate(_COLUMNS)}
_SHARED = ("end", "edges")
"""Columns whose one copy, in the row of the factory, holds for all tiers where windows are measured."""


@dataclass(frozen=True, slots=True)
class _Ratio:
    """A figure: the sum of one column over the sum of another, times `scale`, over at least `least_s` seconds.

    `given` is the column that must grow for the figure to exist at a point: where it stands still the curve has a gap.
    A `settled` figure comes with its own window and is not smoothed again.
    """

    over: str
    under: str
    given: str
    scale: float = 1.0
    least_s: float = SHORTEST_S
    settled: bool = False


@dataclass(frozen=True, slots=True)
class Basis:
    """What a figure was formed from: `whole` of column `over` / `part` of column `under` x `scale`, sums of `seconds`.

    Energy rests on `edges` of the counter, a percentile on `samples` single observations; each is 0 elsewhere.
    """

    over: str
    under: str
    whole: float
    part: float
    scale: float
    seconds: float
    edges: int = 0
    samples: int = 0


def _work(over: str, scale: float = 1.0, under: str = "worked", least_s: float = SHORTEST_S) -> _Ratio:
    return _Ratio(over, under, "worked", scale, least_s)


def _energy(over: str, under: str = "covered", scale: float = 1.0) -> _Ratio:
    return _Ratio(over, under, "covered", scale)


def _reading(over: str, under: str) -> _Ratio:
    return _Ratio(over, under, under)


def _percentile(over: str, under: str) -> _Ratio:
    return _Ratio(over, under, under, settled=True)


_RATIOS = {
    "tokens_per_second": _work("emitted"),
    "tokens_per_second_per_user": _Ratio("itls", "itl_p50", "itls", settled=True),
    "prefill_per_second": _work("prefill"),
    "watts": _energy("joules"),
    "active_watts": _energy("active"),
    "standby_watts": _energy("standby"),
    "other_watts": _energy("other"),
    "tokens_per_joule": _energy("metered", "joules"),
    "joules_per_token": _energy("joules", "metered"),
    "idle_tax": _energy("standby", "joules"),
    "energy_cost_per_mtok": _energy("energy_cost", "priced_tokens", 1e6),
    "energy_cost_per_hour": _energy("energy_cost", "priced_s", 3600.0),
    "revenue_per_hour": _work("revenue", 3600.0),
    # Both are booked when a request ends, which is rare beside a token.
    "on_time_revenue_per_hour": _work("on_time_revenue", 3600.0, least_s=30.0),
    "on_time_share": _work("on_time_tokens", under="finished_tokens", least_s=30.0),
    "busy_share": _work("busy"),
    "queue": _work("queue"),
    "slots_used": _work("slots_used"),
    "utilization": _reading("utilization", "utilizations"),
    "memory_used": _reading("memory", "memories"),
    "celsius": _reading("celsius", "temperatures"),
    "power_limit": _reading("limit", "limits"),
    "ttft_p50": _percentile("ttft_p50", "ttfts"),
    "ttft_p95": _percentile("ttft_p95", "ttfts"),
    "itl_p50": _percentile("itl_p50", "itls"),
    "itl_p99": _percentile("itl_p99", "itls"),
}


class _Rolling:
    """A histogram of the last few periods, and two of its percentiles."""

    def __init__(self, seconds: float, fractions: tuple[float, float]) -> None:
        self.seconds = seconds
        self._length = round(seconds / PERIOD_S)
        self._fractions = fractions
        self._parts: deque[dict[int, int]] = deque()
        self._sum: dict[int, int] = {}
        self._percentiles: tuple[float, ...] = (0.0, 0.0, 0.0)

    @property
    def count(self) -> int:
        """How many observations there are in the window."""
        return sum(self._sum.values())

    def add(self, part: dict[int, int]) -> tuple[float, ...]:
        """Both percentiles and 1, or three zeros where nothing was counted in the window: columns to sum up."""
        self._parts.append(part)
        oldest = self._parts.popleft() if len(self._parts) > self._length else {}
        if not part and not oldest:
            return self._percentiles
        count_into(self._sum, part)
        for bucket, count in oldest.items():
            left = self._sum.pop(bucket, 0) - count  # a foreign recording may count nothing into a bucket
            if left:
                self._sum[bucket] = left
        found = percentiles(self._sum, self._fractions)
        self._percentiles = (0.0, 0.0, 0.0) if found is None else (*found, 1.0)
        return self._percentiles


class Mark(NamedTuple):
    """A moment at which a board stood: how many periods it had taken in, and what it showed of them."""

    place: int
    end: float
    events: tuple[Event, ...]


class Board:
    """The last `hours` of periods, for each tier and for the factory (the tier `None`).

    `end` is the newest period's end in seconds since the run started, `events` the marks for the event lane. The first
    period of a new run clears the board. Figures are the rows of `desk.facts.figures.FIGURES`.
    """

    def __init__(self, hours: float = 1.0) -> None:
        self._capacity = ceil(hours * 3600 / PERIOD_S)
        self._clear()

    def _clear(self, end: float = 0.0) -> None:
        self.end = end
        self.events: deque[Event] = deque(maxlen=KEPT_EVENTS)
        self._rows: dict[str | None, int] = {None: 0}
        # Row x column x period; the first place holds the sums before the first period.
        self._sums = np.zeros((1, len(_COLUMNS), 256))
        self._sums[:, _PLACE["end"], 0] = end
        self._newest = self._known = 0
        self._dropped = 0
        self._ttfts = [_Rolling(TTFT_WINDOW_S, (0.5, 0.95))]
        self._itls = [_Rolling(ITL_WINDOW_S, (0.5, 0.99))]

    @property
    def kept_s(self) -> float:
        """So many seconds are kept at least."""
        return self._capacity * PERIOD_S

    @property
    def begin(self) -> float:
        """The oldest moment that is kept, in seconds since the run started."""
        return float(self._sums[0, _PLACE["end"], 0])

    def add(self, period: Period) -> None:
        """Take the next period in."""
        if period.index == 0 and (self._newest or not self._known):  # else it was sent back to the beginning
            self._clear()
        self.events.extend(period.events)
        if self._newest < self._known:
            self._pass_again(period)
            return
        for name in period.tiers:
            if name not in self._rows:
                self._open_row(name)
        self._make_room()
        self.end = period.end
        whole = TierPeriod(joules=period.joules, energy_cost=period.energy_cost)
        for tier in period.tiers.values():
            queue, slots = whole.queue + tier.queue, whole.slots_used + tier.slots_used
            whole.add(tier)
            whole.queue, whole.slots_used = queue, slots
            whole.active_joules = (whole.active_joules or 0.0) + (tier.active_joules or 0.0)
        grown = self._sums[:, :, self._newest].copy()
        rows = [0, *map(self._rows.__getitem__, period.tiers)]
        tiers = (whole, *period.tiers.values())
        increments = [self._increments(row, period, tier) for row, tier in zip(rows, tiers, strict=True)]
        grown[rows, 1 : _PLACE["utilization"]] += np.array(increments)
        grown[0, _PLACE["standby"]] += period.standby_joules or 0.0
        grown[0, _PLACE["other"]] += period.other_joules or 0.0
        grown[0, _PLACE["utilization"] :] += _readings(period)
        grown[:, _PLACE["end"]] = period.end
        self._newest += 1
        self._known = self._newest
        self._sums[:, :, self._newest] = grown

    def mark(self) -> Mark:
        """Where it stands, for `back_to`."""
        return Mark(self._dropped + self._newest, self.end, tuple(self.events))

    def back_to(self, mark: Mark) -> None:
        """Stand again where it stood, in the same run; the periods that follow must be the same as before.

        Percentiles are right again when the longest of their windows has been told anew, `TTFT_WINDOW_S`. A board that
        no longer holds that moment, or does not yet, begins with it.
        """
        place = mark.place - self._dropped
        if 0 <= place <= self._known:
            self._newest, self.end = place, mark.end
            self.events = deque(mark.events, maxlen=KEPT_EVENTS)
            self._ttfts = [_Rolling(TTFT_WINDOW_S, (0.5, 0.95)) for _ in self._rows]
            self._itls = [_Rolling(ITL_WINDOW_S, (0.5, 0.99)) for _ in self._rows]
            return
        self._clear(mark.end)
        self._dropped = mark.place
        self.events.extend(mark.events)

    def _pass_again(self, period: Period) -> None:
        """A period whose columns are known: only what the windows of percentiles hold has to be counted again."""
        self._newest += 1
        self.end = period.end
        whole = TierPeriod()
        for name, tier in period.tiers.items():
            count_into(whole.ttfts, tier.ttfts)
            count_into(whole.gaps, tier.gaps)
            self._ttfts[self._rows[name]].add(tier.ttfts)
            self._itls[self._rows[name]].add(tier.gaps)
        self._ttfts[0].add(whole.ttfts)
        self._itls[0].add(whole.gaps)

    def curve(
        self,
        figure: str,
        tier: str | None,
        span_s: float,
        points: int,
        smooth_s: float = SHORTEST_S,
        back_s: float = 0.0,
    ) -> tuple[Floats, Floats]:
        """A figure over the last `span_s` seconds, in at most about `points` points.

        Gives x in seconds before the newest period's end (0 and below) and y with NaN for gaps. Each point is the
        ratio of sums over the `smooth_s` seconds up to it, over its own bin where that is longer. Bins keep their place
        in time, so that a curve moves but does not shimmer.

        `back_s` looks at the past: the curve, and its x, end so many seconds before the newest period's end, or with
        the first period that ends later.
        """
        row = self._rows.get(tier)
        last = self._place_of(back_s, "left")
        wanted = min(last, ceil(span_s / PERIOD_S))
        if row is None or wanted <= 0:
            return np.empty(0), np.empty(0)
        stride = ceil(wanted / points)
        oldest = last - wanted + 1
        ends = np.arange(ceil(oldest / stride) * stride, last + 1, stride)
        if ends.size == 0 or ends[-1] != last:
            ends = np.append(ends, last)
        x = self._sums[0, _PLACE["end"], ends] - (self.end - back_s)
        return x, self._ratios(_RATIOS[figure], row, ends, stride, smooth_s)

    def value(self, figure: str, tier: str | None = None, window_s: float = 10.0, back_s: float = 0.0) -> float | None:
        """A figure over the last `window_s` seconds; `None` where it cannot be formed. `back_s` as for a curve."""
        row = self._rows.get(tier)
        place = self._place_of(back_s, "right")
        if row is None or place <= 0:
            return None
        # What has stopped coming is not shown for as long as the window lasts.
        recent = ceil(min(window_s, SHORTEST_S) / PERIOD_S)
        ratio = _RATIOS[figure]
        given = self._sums[row, _PLACE[ratio.given]]
        if given[place] <= given[max(place - recent, 0)]:
            return None  # found out before arrays are made of it: at rest nearly all figures end here
        value = float(self._ratios(ratio, row, np.array([place]), recent, window_s)[0])
        return None if isnan(value) else value

    def basis(self, figure: str, tier: str | None = None, window_s: float = 10.0) -> Basis | None:
        """What `value` forms the same figure from; `None` where it cannot be formed."""
        if self.value(figure, tier, window_s) is None:
            return None
        ratio, row, newest = _RATIOS[figure], self._rows[tier], self._newest
        recent = ceil(min(window_s, SHORTEST_S) / PERIOD_S)
        (start,), _ = self._spans(ratio, row, np.array([newest]), recent, window_s)
        if ratio.settled:
            rolling = (self._itls if ratio.given == "itls" else self._ttfts)[row]
            return Basis(ratio.over, ratio.under, 0.0, 0.0, 1.0, rolling.seconds, samples=rolling.count)
        grown = {name: float(self._sums[row, at, newest] - self._sums[row, at, start]) for name, at in _PLACE.items()}
        end, edges = (self._sums[0, _PLACE[name], newest] - self._sums[0, _PLACE[name], start] for name in _SHARED)
        edges = int(edges) if ratio.given == "covered" else 0
        return Basis(ratio.over, ratio.under, grown[ratio.over], grown[ratio.under], ratio.scale, float(end), edges)

    def samples(self, figure: str, tier: str | None = None) -> int:
        """How many observations a percentile stands on now."""
        row = self._rows.get(tier)
        if row is None or self._newest == 0:
            return 0
        return (self._itls if _RATIOS[figure].given == "itls" else self._ttfts)[row].count

    def _place_of(self, back_s: float, side: Literal["left", "right"]) -> int:
        """The period that ends so many seconds before the newest one, or the one next to it on that side of time."""
        if back_s <= 0.0:
            return self._newest
        ends = self._sums[0, _PLACE["end"], : self._newest + 1]
        # Half a thousandth absorbs what sums of floats leave over.
        moment = self.end - back_s
        if side == "left":
            return min(self._newest, int(np.searchsorted(ends, moment - 5e-4, "left")))
        return int(np.searchsorted(ends, moment + 5e-4, "right")) - 1

    def _ratios(self, ratio: _Ratio, row: int, ends: Places, stride: int, smooth_s: float) -> Floats:
        """The figure at each of `ends`, over the periods of its window; NaN where it does not exist."""
        sums = self._sums[row]
        starts, missing = self._spans(ratio, row, ends, stride, smooth_s)
        over, under = sums[_PLACE[ratio.over]], sums[_PLACE[ratio.under]]
        whole = under[ends] - under[starts]
        missing |= whole <= NOTHING
        whole[missing] = nan
        return (over[ends] - over[starts]) / whole * ratio.scale

    def _spans(
        self, ratio: _Ratio, row: int, ends: Places, stride: int, smooth_s: float
    ) -> tuple[Places, NDArray[np.bool_]]:
        """Where the window of each point starts, and where there is none."""
        length = stride if ratio.settled else max(stride, ceil(max(smooth_s, ratio.least_s) / PERIOD_S))
        starts = np.maximum(ends - length, 0)
        given = self._sums[row, _PLACE[ratio.given]]
        before = np.maximum(ends - stride, 0)
        missing = given[ends] <= given[before]
        if ratio.over == "metered":
            # Joules of a time in which no engine worked: no tokens per joule, rather than 0.
            worked = self._sums[row, _PLACE["worked"]]
            missing |= worked[ends] <= worked[before]
        if ratio.given == "covered":
            edges = self._sums[0, _PLACE["edges"], : self._newest + 1]
            enough = np.searchsorted(edges, edges[ends] - FEWEST_EDGES, side="right") - 1
            starts = np.minimum(starts, np.maximum(enough, 0))
            missing |= (enough < 0) | (ends - starts > max(length, LONGEST_S / PERIOD_S))
        if ratio.given in ("covered", "worked"):
            missing |= ends - starts < SHORTEST_S / PERIOD_S
        return starts, missing

    def _increments(self, row: int, period: Period, tier: TierPeriod) -> tuple[float, ...]:
        """What the columns of a row grow by, in their order: those between `end` and the readings of devices."""
        worked = period.worked
        metered = tier.joules is not None
        priced = tier.energy_cost is not None
        return (
            *(worked, period.covered, period.edges if period.quality == "measured" else FEWEST_EDGES),
            *(tier.busy, tier.prefill, tier.emitted, tier.metered if metered else 0),
            *(tier.revenue, tier.on_time_revenue, tier.on_time_tokens, tier.finished_tokens),
            *(tier.queue * worked, tier.slots_used * worked),
            *(tier.joules or 0.0, tier.active_joules or 0.0, 0.0, 0.0, tier.energy_cost or 0.0),
            *(period.covered if priced else 0.0, tier.metered if priced else 0),
            *self._ttfts[row].add(tier.ttfts),
            *self._itls[row].add(tier.gaps),
        )

    def _open_row(self, tier: str) -> None:
        self._rows[tier] = len(self._rows)
        self._sums = np.concatenate([self._sums, np.zeros((1, *self._sums.shape[1:]))])
        self._ttfts.append(_Rolling(TTFT_WINDOW_S, (0.5, 0.95)))
        self._itls.append(_Rolling(ITL_WINDOW_S, (0.5, 0.99)))

    def _make_room(self) -> None:
        """Grow with the run; a quarter beyond the capacity, drop what is older."""
        places = self._sums.shape[2]
        if self._newest + 1 < places:
            return
        if places < self._capacity * 5 // 4:
            more = min(2 * places, self._capacity * 5 // 4 + 1)
            self._sums = np.concatenate([self._sums, np.zeros((*self._sums.shape[:2], more - places))], axis=2)
        else:
            kept = self._capacity
            self._sums[:, :, :kept] = self._sums[:, :, places - kept :]
            self._dropped += places - kept
            self._newest = self._known = kept - 1


def _readings(period: Period) -> Floats:
    """Sums and counts of what the devices in use reported: shares averaged, amounts added, temperatures the highest."""
    devices = [period.devices[name] for name in period.counted if name in period.devices]
    devices = devices or list(period.devices.values())
    shares = [device.utilization for device in devices]
    degrees = [device.celsius for device in devices if device.celsius is not None]
    grown = [*_counted(shares, len(devices) or 1), *_counted([device.memory_used for device in devices])]
    grown += [max(degrees), 1.0] if degrees else [0.0, 0.0]
    grown += _counted([device.power_limit for device in devices])
    return np.array(grown)


def _counted(values: Iterable[float | None], by: int = 1) -> list[float]:
    known = [value for value in values if value is not None]
    return [sum(known) / by, 1.0] if known else [0.0, 0.0]
