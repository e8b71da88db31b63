"""The board itself: takes settled periods in, and gives figures as values and curves."""

from collections import deque
from itertools import islice
from math import ceil, isnan, nan
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from desk.board.columns import Columns, Places
from desk.board.increments import AT, Floats
from desk.board.latencies import WINDOWS, Latencies
from desk.board.ratios import FEWEST_EDGES, LONGEST_S, NOTHING, RATIOS, SHORTEST_S, Basis, Ratio
from desk.ledger.period import PERIOD_S, Event, Period

KEPT_EVENTS = 500


class Mark(NamedTuple):
    """A moment at which a board stood: how many periods it had taken in, and what it showed of them."""

    told: int
    end: float
    events: tuple[Event, ...]


class Board:
    """The last `hours` of periods, for each tier and for the factory (the tier `None`).

    `end` is the newest period's end in seconds since the run started, `events` the marks for the event lane. The first
    period of a new run clears the board. Figures are the rows of `desk.facts.figures.FIGURES`.
    """

    def __init__(self, hours: float = 1.0) -> None:
        self._capacity = ceil(hours * 3600 / PERIOD_S)
        self._begin()

    def _begin(self, end: float = 0.0, told: int = 0) -> None:
        """Stand at `end`, so many periods into a run, and know nothing of them."""
        self.end = end
        self.events: deque[Event] = deque(maxlen=KEPT_EVENTS)
        self._columns = Columns(self._capacity, end, told)
        places = self._columns.places
        self._latencies = {window.given: Latencies(window, places, told + 1) for window in WINDOWS}

    @property
    def kept_s(self) -> float:
        """So many seconds are kept at least."""
        return self._capacity * PERIOD_S

    @property
    def begin(self) -> float:
        """The oldest moment that is kept, in seconds since the run started."""
        return float(self._columns.sums(0)[AT["end"], 0])

    def add(self, period: Period) -> None:
        """Take the next period in."""
        if period.index == 0 and not self._columns.sent_back:
            self._begin()
        self.events.extend(period.events)
        self.end = period.end
        for name in period.tiers:
            if name not in self._columns.rows:
                self._columns.open(name)
        if self._columns.behind:
            self._columns.again()  # its numbers are known
            return
        self._columns.append(period)
        tiers = [period.tiers.get(name) for name in islice(self._columns.rows, 1, None)]
        self._latencies["ttfts"].append([tier.ttfts if tier else {} for tier in tiers])
        self._latencies["itls"].append([tier.gaps if tier else {} for tier in tiers])

    def mark(self) -> Mark:
        """Where it stands, for `back_to`."""
        return Mark(self._columns.told, self.end, tuple(self.events))

    def back_to(self, mark: Mark) -> None:
        """Stand again where it stood, in the same run; the periods that follow must be the same as before.

        A board that no longer holds that moment, or does not yet, begins with it: then percentiles are right again when
        the longest of their windows has been told anew, half a minute.
        """
        if not self._columns.go(mark.told):
            self._begin(mark.end, mark.told)
        self.end = mark.end
        self.events = deque(mark.events, maxlen=KEPT_EVENTS)

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
        row = self._columns.rows.get(tier)
        last = self._place_of(back_s, "left")
        wanted = min(last, ceil(span_s / PERIOD_S))
        if row is None or wanted <= 0:
            return np.empty(0), np.empty(0)
        stride = ceil(wanted / points)
        oldest = last - wanted + 1
        ends = np.arange(ceil(oldest / stride) * stride, last + 1, stride)
        if ends.size == 0 or ends[-1] != last:
            ends = np.append(ends, last)
        x = self._columns.sums(0)[AT["end"], ends] - (self.end - back_s)
        ratio = RATIOS[figure]
        if ratio.settled:
            return x, self._percentiles(ratio, row, ends, stride)
        return x, self._ratios(ratio, row, ends, stride, smooth_s)

    def value(self, figure: str, tier: str | None = None, window_s: float = 10.0, back_s: float = 0.0) -> float | None:
        """A figure over the last `window_s` seconds; `None` where it cannot be formed. `back_s` as for a curve."""
        row = self._columns.rows.get(tier)
        place = self._place_of(back_s, "right")
        if row is None or place <= 0:
            return None
        # What has stopped coming is not shown for as long as the window lasts.
        recent = ceil(min(window_s, SHORTEST_S) / PERIOD_S)
        ratio = RATIOS[figure]
        if ratio.settled:
            value = float(self._percentiles(ratio, row, np.array([place]), recent)[0])
            return None if isnan(value) else value
        given = self._columns.sums(row)[AT[ratio.given]]
        if given[place] <= given[max(place - recent, 0)]:
            return None  # found out before arrays are made of it: at rest nearly all figures end here
        value = float(self._ratios(ratio, row, np.array([place]), recent, window_s)[0])
        return None if isnan(value) else value

    def basis(self, figure: str, tier: str | None = None, window_s: float = 10.0) -> Basis | None:
        """What `value` forms the same figure from; `None` where it cannot be formed."""
        if self.value(figure, tier, window_s) is None:
            return None
        ratio, row, newest = RATIOS[figure], self._columns.rows[tier], self._columns.newest
        if ratio.settled:
            seconds = self._latencies[ratio.given].window.seconds
            return Basis(ratio.over, ratio.under, 0.0, 0.0, 1.0, seconds, samples=self.samples(figure, tier))
        recent = ceil(min(window_s, SHORTEST_S) / PERIOD_S)
        (start,), _ = self._spans(ratio, row, np.array([newest]), recent, window_s)
        grown = self._columns.sums(row)[:, newest] - self._columns.sums(row)[:, start]
        # Of time and of the counter there is one copy, in the row of the factory.
        whole = self._columns.sums(0)[:, newest] - self._columns.sums(0)[:, start]
        return Basis(
            ratio.over,
            ratio.under,
            float(grown[AT[ratio.over]]),
            float(grown[AT[ratio.under]]),
            ratio.scale,
            float(whole[AT["end"]]),
            int(whole[AT["edges"]]) if ratio.given == "covered" else 0,
        )

    def samples(self, figure: str, tier: str | None = None) -> int:
        """How many observations a percentile stands on now."""
        row = self._columns.rows.get(tier)
        if row is None:
            return 0
        return self._latencies[RATIOS[figure].given].count(row, self._columns.number(self._columns.newest))

    def _place_of(self, back_s: float, side: Literal["left", "right"]) -> int:
        """The period that ends so many seconds before the newest one, or the one next to it on that side of time."""
        newest = self._columns.newest
        if back_s <= 0.0:
            return newest
        ends = self._columns.sums(0)[AT["end"], : newest + 1]
        # Half a thousandth absorbs what sums of floats leave over.
        moment = self.end - back_s
        if side == "left":
            return min(newest, int(np.searchsorted(ends, moment - 5e-4, "left")))
        return int(np.searchsorted(ends, moment + 5e-4, "right")) - 1

    def _percentiles(self, ratio: Ratio, row: int, ends: Places, stride: int) -> Floats:
        """A figure that comes with its own window at each of `ends`, over the periods since the end before."""
        starts = np.maximum(ends - stride, 0)
        first, last = int(starts[0]), int(ends[-1])
        number = self._columns.number
        columns = self._latencies[ratio.given].columns(row, number(first) + 1, number(last))
        over, under, given = (
            np.concatenate([[0.0], columns[name].cumsum()]) for name in (ratio.over, ratio.under, ratio.given)
        )
        ends, starts = ends - first, starts - first
        whole = under[ends] - under[starts]
        whole[given[ends] <= given[starts]] = nan
        return (over[ends] - over[starts]) / whole * ratio.scale

    def _ratios(self, ratio: Ratio, row: int, ends: Places, stride: int, smooth_s: float) -> Floats:
        """The figure at each of `ends`, over the periods of its window; NaN where it does not exist."""
        sums = self._columns.sums(row)
        starts, missing = self._spans(ratio, row, ends, stride, smooth_s)
        over, under = sums[AT[ratio.over]], sums[AT[ratio.under]]
        whole = under[ends] - under[starts]
        missing |= whole <= NOTHING
        whole[missing] = nan
        return (over[ends] - over[starts]) / whole * ratio.scale

    def _spans(
        self, ratio: Ratio, row: int, ends: Places, stride: int, smooth_s: float
    ) -> tuple[Places, NDArray[np.bool_]]:
        """Where the window of each point starts, and where there is none."""
        length = max(stride, ceil(max(smooth_s, ratio.least_s) / PERIOD_S))
        starts = np.maximum(ends - length, 0)
        sums = self._columns.sums(row)
        given = sums[AT[ratio.given]]
        before = np.maximum(ends - stride, 0)
        missing = given[ends] <= given[before]
        if ratio.over == "metered":
            # Joules of a time in which no engine worked: no tokens per joule, rather than 0.
            worked = sums[AT["worked"]]
            missing |= worked[ends] <= worked[before]
        if ratio.given == "covered":
            edges = self._columns.sums(0)[AT["edges"], : self._columns.newest + 1]
            enough = np.searchsorted(edges, edges[ends] - FEWEST_EDGES, side="right") - 1
            starts = np.minimum(starts, np.maximum(enough, 0))
            missing |= (enough < 0) | (ends - starts > max(length, LONGEST_S / PERIOD_S))
        if ratio.given in ("covered", "worked"):
            missing |= ends - starts < SHORTEST_S / PERIOD_S
        return starts, missing
