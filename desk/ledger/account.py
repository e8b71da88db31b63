"""One metered device: its energy over time, and what it draws with no lane, and with one lane alone.

Energy between two moments is a difference of the counter, interpolated between the edges at which it was seen to
change. The stretch between two edges is a *tick*; a tick is cut where a period ends, both parts at the tick's power.
Times are seconds since the run started.
"""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterator, Mapping
from math import inf
from typing import Any, Self

from desk.facts.metered import DeviceReading, Source

NOTHING = 1e-9
"""Busy seconds up to a nanosecond are rounding, not work."""

FLOOR_SAMPLE_S = 0.5
"""Idle stretches are joined to this length before their power is a sample of the floor: one tick is too noisy."""

FLOOR_QUANTILE = 0.1

KEPT_SAMPLES = 101

LEARNED = 5
"""Samples after which solo watts are believed, and after which what was learned before the run is forgotten."""

FROZEN_S = 2.0
"""Where power is told and the counter has not moved for so long, it counts nothing."""

OTHER_LIMIT = 0.01
"""A power limit that moves by more than this part of it makes a device another one to learn about."""


class Recent:
    """The quantiles of the last hundred or so samples."""

    def __init__(self) -> None:
        self._samples: deque[float] = deque()
        self._sorted: list[float] = []

    def __len__(self) -> int:
        return len(self._samples)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        copy = type(self)()
        copy._samples, copy._sorted = self._samples.copy(), self._sorted.copy()
        return copy

    def add(self, sample: float) -> None:
        if len(self._samples) == KEPT_SAMPLES:
            del self._sorted[bisect_left(self._sorted, self._samples.popleft())]
        self._samples.append(sample)
        insort(self._sorted, sample)

    def quantile(self, fraction: float) -> float | None:
        """The sample at that rank, rounded downwards; `None` without samples."""
        return self._sorted[int(fraction * (len(self._sorted) - 1))] if self._sorted else None


class Learned:
    """Watts learned from samples: their quantile from the `least`-th on, what was told before the run until then.

    `watts` is `None` until learned, `seconds` over how long it was.
    """

    def __init__(self, fraction: float, least: int) -> None:
        self.watts: float | None = None
        self.seconds = 0.0
        self._fraction = fraction
        self._least = least
        self._samples = Recent()

    def tell(self, watts: float, seconds: float) -> None:
        """What was learned before the run, and over how long."""
        self.seconds = seconds
        self._least = LEARNED
        if len(self._samples) < LEARNED:
            self.watts = watts

    def add(self, watts: float, seconds: float) -> None:
        self._samples.add(watts)
        self.seconds += seconds
        if len(self._samples) >= self._least:
            self.watts = self._samples.quantile(self._fraction)


class Floor(Learned):
    """The watts with no lane at work: a low quantile, from the first sample on."""

    def __init__(self) -> None:
        super().__init__(FLOOR_QUANTILE, 1)


class Solo(Learned):
    """The dynamic watts of a tier that runs alone: the running median."""

    def __init__(self) -> None:
        super().__init__(0.5, LEARNED)


Sums = list[float]
"""Busy seconds of each tier up to a moment, by the tier's place in `Busy.tiers`. Never changed once it is made."""

Tick = tuple[float, float, dict[str, float]]
"""A stretch of known energy: its seconds, its joules, and the seconds of the tiers at work in it, none when no lane
was."""


class Busy:
    """How many seconds each tier has been busy up to any recent moment, work spread evenly over its span."""

    def __init__(self) -> None:
        self.tiers: dict[str, int] = {}
        """The place of each tier in the sums: they came in this order."""
        self._spans: deque[tuple[float, float, Sums, Sums]] = deque()
        """Start, end, and the sums up to both. Spans follow each other."""
        self._total: Sums = []
        self._end = 0.0
        self._until = 0.0

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        copy = type(self)()
        copy.tiers, copy._spans = self.tiers.copy(), self._spans.copy()
        copy._total, copy._end, copy._until = self._total, self._end, self._until
        return copy

    def add(self, start: float, end: float, seconds: Mapping[str, float]) -> None:
        """Count work in. Work that ended in settled time counts from the next moment on that is asked for."""
        for tier in seconds:
            if tier not in self.tiers:
                self.tiers[tier] = len(self.tiers)
                self._total = [*self._total, 0.0]
                self._spans = deque((s, e, [*low, 0.0], [*high, 0.0]) for s, e, low, high in self._spans)
        if end <= self._until:
            self._spans = deque(
                (s, e, self._sum(low, seconds), self._sum(high, seconds)) for s, e, low, high in self._spans
            )
            self._total = self._sum(self._total, seconds)
            return
        start, self._end = max(start, self._end), max(end, self._end)
        before, self._total = self._total, self._sum(self._total, seconds)
        self._spans.append((start, self._end, before, self._total))

    def _sum(self, total: Sums, seconds: Mapping[str, float]) -> Sums:
        total, places = total.copy(), self.tiers
        for tier, busy in seconds.items():
            total[places[tier]] += busy
        return total

    def at(self, moment: float) -> Sums:
        """Busy seconds up to `moment`, which must not lie in settled time."""
        for start, end, before, after in self._spans:
            if moment < end:
                if moment <= start:
                    return before
                part = (moment - start) / (end - start)
                return [low + (high - low) * part for low, high in zip(before, after, strict=True)]
        return self._total

    def grown(self, was: Sums, now: Sums) -> dict[str, float]:
        """The seconds of the tiers that were busy between two moments."""
        if now is was:
            return {}
        if len(was) < len(now):
            was = was + [0.0] * (len(now) - len(was))
        return {tier: s for tier, low, high in zip(self.tiers, was, now, strict=True) if (s := high - low) > NOTHING}

    def ends(self, after: float, until: float) -> list[float]:
        """The moments between the two at which a span of work ended."""
        return sorted({end for _, end, _, _ in self._spans if after < end < until})

    def settle(self, until: float) -> None:
        """Nobody will ask for a moment before `until` again."""
        self._until = max(until, self._until)
        self._end = max(self._end, self._until)
        while self._spans and self._spans[0][1] <= self._until:
            self._spans.popleft()


class Account:
    """One metered device: what its counter said and what has been settled of it."""

    def __init__(self, source: Source) -> None:
        self.newest = -inf
        self.foreign = False
        self.source = source
        # A card with models in its memory seldom clocks down as far as an empty one: two floors.
        self.floors = {False: Floor(), True: Floor()}
        self.solo: dict[str, Solo] = {}
        self._limit: float | None = None
        # AMD cards have a counter, power, or both; the counter is better.
        self._integrates = source in ("nvml-power", "battery", "amd")
        self._epoch: int | None = None
        self._points: deque[tuple[float, float, bool]] = deque()
        self._last: tuple[float, float] | None = None
        self._cut: tuple[float, float] | None = None  # settled so far: seconds, joules
        self._cut_busy: Sums = []
        self._sampled: tuple[float, float] | None = None
        self._intervals = Recent()
        self._idle_s = 0.0
        self._idle_joules = 0.0

    def read(self, reading: DeviceReading, origin: float) -> None:
        """Take in what the device answered; `origin` is the run's start on the clock of the facts."""
        if reading.memory_foreign is not None:
            self.foreign = reading.memory_foreign > 0
        if reading.power_limit is not None:
            if self._limit is not None and abs(reading.power_limit - self._limit) > OTHER_LIMIT * self._limit:
                self.forget_lanes()
            self._limit = reading.power_limit
        if self.source == "amd":
            self._choose(reading, origin)
        if not self._integrates:
            for t, joules in reading.edges:
                self._point(t - origin, joules, reading.epoch == self._epoch)
                self._epoch = reading.epoch
            return
        if reading.epoch != self._epoch:
            self._epoch, self._sampled = reading.epoch, None
        for t, watts in reading.samples:
            self._sample(t - origin, watts)

    def interrupt(self) -> None:
        """The meter is another process now: what its counter says has nothing to do with what it said before."""
        self._epoch = self._sampled = None

    def forget_lanes(self) -> None:
        """What lanes draw has to be learned anew: the device's limit is another."""
        self.solo.clear()
        self.floors[True] = Floor()

    def forget_lane(self, tier: str) -> None:
        """The same for one lane, whose settings are others."""
        self.solo.pop(tier, None)
        self.floors[True] = Floor()

    def _choose(self, reading: DeviceReading, origin: float) -> None:
        """AMD's counter is better than its power, as long as it moves."""
        if self._integrates and reading.edges:
            self._integrates, self._epoch = False, None
        elif not (self._integrates or reading.edges) and reading.samples:
            self._integrates = reading.samples[-1][0] - origin - self.newest > FROZEN_S
            self._sampled = None

    def _point(self, moment: float, joules: float, same_epoch: bool) -> None:
        if self._last is not None:
            if moment <= self._last[0]:
                return
            # A counter that falls was reset, whatever its epoch says: what flowed meanwhile is unknown.
            same_epoch = same_epoch and joules >= self._last[1]
        self._points.append((moment, joules, same_epoch))
        self._last = (moment, joules)
        self.newest = moment

    def _sample(self, moment: float, watts: float) -> None:
        """Integrate power by trapezoids; a gap of more than three usual intervals is not bridged."""
        joules, bridged = 0.0, False
        if self._sampled is not None and self._last is not None:
            interval = moment - self._sampled[0]
            if interval <= 0:
                return
            usual = self._intervals.quantile(0.5)
            bridged = usual is None or interval <= 3 * usual
            joules = self._last[1] + (interval * (watts + self._sampled[1]) / 2 if bridged else 0.0)
            self._intervals.add(interval)
        self._point(moment, joules, bridged)
        self._sampled = (moment, watts)

    def ticks(self, until: float, busy: Busy) -> Iterator[Tick]:
        """The ticks that are not settled yet, the last one cut at `until` where the counter is known so far."""
        while self._points:
            moment, joules, known = self._points[0]
            if self._cut is None or not known:
                if moment > until:
                    return
                self._points.popleft()
                self._cut, self._cut_busy = (moment, joules), busy.at(moment)
                continue
            start, before = self._cut
            stop = min(moment, until)
            if stop <= start:
                return
            if stop == moment:
                self._points.popleft()
            else:
                joules = before + (joules - before) * (stop - start) / (moment - start)
            was, now = self._cut_busy, busy.at(stop)
            self._cut, self._cut_busy = (stop, joules), now
            yield stop - start, joules - before, busy.grown(was, now)

    def pass_over(self, until: float) -> None:
        """Nobody asks for the energy up to `until`."""
        self._cut = None
        while self._points and self._points[0][0] <= until:
            self._points.popleft()

    def learn(self, tick: Tick, quiet: bool, loaded: bool) -> None:
        """Learn the floor from idle ticks (`quiet`: nothing loads either), solo watts from ticks of one tier."""
        seconds, joules, busy = tick
        if busy or self.foreign or not quiet:
            self._idle_s = self._idle_joules = 0.0
        else:
            self._idle_s += seconds
            self._idle_joules += joules
            if self._idle_s >= FLOOR_SAMPLE_S:
                self.floors[loaded].add(self._idle_joules / self._idle_s, self._idle_s)
                self._idle_s = self._idle_joules = 0.0
        if len(busy) != 1 or self.foreign:
            return
        floor = self.floor_watts(loaded)
        ((tier, alone),) = busy.items()
        if floor is not None and alone >= seconds / 2:
            watts = max(0.0, joules - floor * seconds) / alone
            self.solo.setdefault(tier, Solo()).add(watts, seconds)

    @property
    def settled(self) -> float:
        """Up to which moment the energy has been given out."""
        return inf if self._cut is None else self._cut[0]

    def floor_watts(self, loaded: bool) -> float | None:
        """Watts with no lane running, with models in memory or without (the other where only that was seen)."""
        watts = self.floors[loaded].watts
        return self.floors[not loaded].watts if watts is None else watts

    def solo_watts(self) -> dict[str, float]:
        """Dynamic watts of each tier that runs alone, of those that have been learned."""
        return {tier: solo.watts for tier, solo in self.solo.items() if solo.watts is not None}
