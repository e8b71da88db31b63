"""Joules: from counter edges and power samples to the accounts of tiers, standby and foreign programs.

Energy between two moments is a difference of the counter, interpolated between the edges at which it was seen to
change. The stretch between two edges is a *tick*; a tick is cut where a period ends, both parts at the tick's power.
In each tick the floor comes off first, the rest is split by busy seconds x solo watts, and nothing is lost: the
accounts of a tick add up to its energy. Times are seconds since the run started.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import inf

from desk.facts.happened import DeviceReading, Source

NOTHING = 1e-9
"""Busy seconds up to a nanosecond are rounding, not work."""

FLOOR_SAMPLE_S = 0.5
"""Idle stretches are joined to this length before their power is a sample of the floor: one tick is too noisy."""

FLOOR_QUANTILE = 0.1

KEPT_S = 10.0
"""A device whose counter stands still longer than this finds the work of the meantime summed up, not spread."""

LEARNED = 5
"""Solo ticks after which a tier's solo watts are believed."""


class Recent:
    """The quantiles of the last hundred or so samples."""

    def __init__(self) -> None:
        self._samples: deque[float] = deque(maxlen=101)
        self._sorted: list[float] = []

    def __len__(self) -> int:
        return len(self._samples)

    def add(self, sample: float) -> None:
        self._samples.append(sample)
        self._sorted = []

    def quantile(self, fraction: float) -> float | None:
        """The sample at that rank, rounded downwards; `None` without samples."""
        if not self._samples:
            return None
        if not self._sorted:
            self._sorted = sorted(self._samples)
        return self._sorted[int(fraction * (len(self._sorted) - 1))]


class Busy:
    """How many seconds each tier has been busy up to any recent moment, work spread evenly over its span."""

    def __init__(self) -> None:
        self._settled: dict[str, float] = {}
        self._spans: deque[tuple[float, float, dict[str, float]]] = deque()
        self._until = 0.0

    def add(self, start: float, end: float, seconds: dict[str, float]) -> None:
        """Count work in. Work that ended in settled time counts from the next moment on that is asked for."""
        if end <= self._until:
            self._count(self._settled, seconds, 1.0)
        else:
            self._spans.append((start, end, seconds))

    def at(self, moment: float) -> dict[str, float]:
        """Busy seconds by tier up to `moment`, which must not lie in settled time."""
        total = dict(self._settled)
        for start, end, seconds in self._spans:
            if moment >= end:
                self._count(total, seconds, 1.0)
            elif moment > start:
                self._count(total, seconds, (moment - start) / (end - start))
        return total

    def ends(self, after: float, until: float) -> list[float]:
        """The moments between the two at which a span of work ended."""
        return sorted({end for _, end, _ in self._spans if after < end < until})

    def settle(self, until: float) -> None:
        """Nobody will ask for a moment before `until` again."""
        until = self._until = max(until, self._until)
        kept = [span for span in self._spans if span[1] > until]
        for _, end, seconds in self._spans:
            if end <= until:
                self._count(self._settled, seconds, 1.0)
        self._spans = deque(kept)

    @staticmethod
    def _count(total: dict[str, float], seconds: Mapping[str, float], fraction: float) -> None:
        for tier, busy in seconds.items():
            total[tier] = total.get(tier, 0.0) + busy * fraction


@dataclass(slots=True)
class Tick:
    """A stretch of known energy: `busy` are the seconds of the tiers at work in it; empty when no lane was."""

    seconds: float
    joules: float
    busy: dict[str, float]


@dataclass(slots=True)
class Flow:
    """Energy by account. sum(active) + floor + other = sum(loaded) + standby + other = joules."""

    joules: float = 0.0
    standby: float = 0.0
    other: float = 0.0
    floor: float = 0.0
    loaded: dict[str, float] = field(default_factory=dict)
    active: dict[str, float] = field(default_factory=dict)
    covered: float = 0.0
    edges: int = 0
    uncalibrated: bool = False

    def add(self, flow: "Flow") -> None:
        """Count in the flow of the time that follows."""
        self.joules += flow.joules
        self.standby += flow.standby
        self.other += flow.other
        self.floor += flow.floor
        self.covered += flow.covered
        self.edges += flow.edges
        self.uncalibrated = self.uncalibrated or flow.uncalibrated
        for mine, theirs in ((self.loaded, flow.loaded), (self.active, flow.active)):
            for tier, joules in theirs.items():
                mine[tier] = mine.get(tier, 0.0) + joules


class Account:
    """One metered device: what its counter said and what has been settled of it."""

    def __init__(self, source: Source) -> None:
        self.newest = -inf
        self.foreign = False
        self.floor = Recent()
        self.solo: dict[str, Recent] = {}
        self._source = source
        # AMD cards have a counter, power, or both; the counter is better.
        self._integrates = source in ("nvml-power", "battery", "amd")
        self._epoch: int | None = None
        self._points: deque[tuple[float, float, bool]] = deque()
        self._last: tuple[float, float] | None = None
        self._cut: tuple[float, float] | None = None  # settled so far: seconds, joules
        self._cut_busy: dict[str, float] = {}
        self._sampled: tuple[float, float] | None = None
        self._intervals = Recent()
        self._idle_s = 0.0
        self._idle_joules = 0.0

    def read(self, reading: DeviceReading, origin: float) -> None:
        """Take in what the device answered; `origin` is the run's start on the clock of the facts."""
        if reading.memory_foreign is not None:
            self.foreign = reading.memory_foreign > 0
        if reading.edges and self._integrates and self._source == "amd":
            self._integrates, self._epoch = False, None
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
            was, self._cut_busy = self._cut_busy, busy.at(stop)
            self._cut = (stop, joules)
            worked = {tier: total - was.get(tier, 0.0) for tier, total in self._cut_busy.items()}
            yield Tick(stop - start, joules - before, {tier: s for tier, s in worked.items() if s > NOTHING})

    def learn(self, tick: Tick, quiet: bool) -> None:
        """Learn the floor from idle ticks (`quiet`: nothing loads either), solo watts from ticks of one tier."""
        if tick.busy or self.foreign or not quiet:
            self._idle_s = self._idle_joules = 0.0
        else:
            self._idle_s += tick.seconds
            self._idle_joules += tick.joules
            if self._idle_s >= FLOOR_SAMPLE_S:
                self.floor.add(self._idle_joules / self._idle_s)
                self._idle_s = self._idle_joules = 0.0
        floor = self.floor_watts
        if len(tick.busy) == 1 and floor is not None and not self.foreign:
            ((tier, busy),) = tick.busy.items()
            if busy >= tick.seconds / 2:
                watts = max(0.0, tick.joules - floor * tick.seconds) / busy
                self.solo.setdefault(tier, Recent()).add(watts)

    @property
    def settled(self) -> float:
        """Up to which moment the energy has been given out."""
        return inf if self._cut is None else self._cut[0]

    @property
    def floor_watts(self) -> float | None:
        """Watts with no lane running: a low quantile of idle power, `None` until some was seen."""
        return self.floor.quantile(FLOOR_QUANTILE)

    def solo_watts(self, tier: str) -> float | None:
        """Dynamic watts of a tier that runs alone: the running median, `None` until learned."""
        seen = self.solo.get(tier)
        return None if seen is None or len(seen) < LEARNED else seen.quantile(0.5)


def book(flow: Flow, tick: Tick, floor_watts: float | None, foreign: bool, solo: Mapping[str, float | None]) -> None:
    """Divide the energy of a tick among the accounts.

    While no lane is busy all of it stands by, except what foreign programs draw above the floor. Else the floor is
    shared equally by the busy tiers, and the rest by busy seconds x solo watts: by busy seconds alone, and flagged,
    where the solo watts of one of them are not known.
    """
    flow.joules += tick.joules
    flow.covered += tick.seconds
    flow.edges += 1
    floor = tick.joules if floor_watts is None else min(tick.joules, floor_watts * tick.seconds)
    if not tick.busy:
        if foreign:
            floor = 0.0 if floor_watts is None else floor
            flow.other += tick.joules - floor
        else:
            floor = tick.joules
        flow.floor += floor
        flow.standby += floor
        return
    if floor_watts is None:
        floor = 0.0
    weights = {tier: seconds * (solo.get(tier) or 0.0) for tier, seconds in tick.busy.items()}
    known = all(solo.get(tier) is not None for tier in tick.busy) and sum(weights.values()) > 0
    if not known:
        weights = tick.busy
        flow.uncalibrated = flow.uncalibrated or len(weights) > 1
    whole = sum(weights.values())
    flow.floor += floor
    for tier, weight in weights.items():
        active = (tick.joules - floor) * weight / whole
        flow.active[tier] = flow.active.get(tier, 0.0) + active
        flow.loaded[tier] = flow.loaded.get(tier, 0.0) + active + floor / len(weights)


class Energy:
    """The accounts of all devices, and of the watts that the user declared."""

    def __init__(self) -> None:
        self.busy = Busy()
        self._source: Source = "none"
        self._accounts: dict[str, Account] = {}
        self._lanes: dict[str, tuple] = {}
        self._declared_until = 0.0
        self._declared_busy: dict[str, float] = {}

    def open(self, source: Source) -> None:
        """The meter reads another source from now on, or describes the same one again."""
        if source != self._source:
            self._source, self._accounts = source, {}

    def read(self, reading: DeviceReading, origin: float) -> None:
        """Take in a reading; `origin` is the run's start on the clock of the facts."""
        if reading.device not in self._accounts:
            self._accounts[reading.device] = Account(self._source)
        self._accounts[reading.device].read(reading, origin)

    def interrupt(self) -> None:
        """Another meter process takes over."""
        for account in self._accounts.values():
            account.interrupt()

    def lane(self, tier: str, settings: tuple) -> None:
        """A lane was loaded: where its settings are others than before, its solo watts have to be learned anew."""
        if self._lanes.get(tier, settings) != settings:
            for account in self._accounts.values():
                account.solo.pop(tier, None)
        self._lanes[tier] = settings

    def known_until(self, counted: tuple[str, ...]) -> float:
        """The moment up to which the energy of all counted devices is known; infinite where none counts."""
        return min((self._accounts[name].newest if name in self._accounts else -inf for name in counted), default=inf)

    def floor_watts(self, counted: tuple[str, ...]) -> float | None:
        """Watts of the counted devices with no lane running; `None` until it was seen on each of them."""
        floors = [self._accounts[name].floor_watts for name in counted if name in self._accounts]
        known = [floor for floor in floors if floor is not None]
        return sum(known) if known and len(known) == len(counted) else None

    def measured(self, counted: tuple[str, ...], until: float, quiet: bool) -> Flow:
        """What the counted devices drew since this was last asked, up to `until`."""
        flow = Flow()
        covered: list[tuple[float, int]] = []
        for name, account in self._accounts.items():
            mine = Flow()
            for tick in account.ticks(until, self.busy):
                account.learn(tick, quiet)
                solo = {tier: account.solo_watts(tier) for tier in tick.busy}
                book(mine, tick, account.floor_watts, account.foreign, solo)
            if name in counted:
                flow.add(mine)
                covered.append((mine.covered, mine.edges))
        # With a device missing the sum is not the machine's: then nothing is covered.
        complete = len(covered) == len(counted)
        flow.covered = min((seconds for seconds, _ in covered), default=0.0) if complete else 0.0
        flow.edges = min((edges for _, edges in covered), default=0)
        return flow

    def declared(self, idle: float, busy: float, until: float) -> Flow:
        """The same by declared watts: idle + (busy - idle) x busy share, a tick for every span of work."""
        flow = Flow()
        start = self._declared_until
        for stop in [*self.busy.ends(start, until), until]:
            total = self.busy.at(stop)
            worked = {tier: seconds - self._declared_busy.get(tier, 0.0) for tier, seconds in total.items()}
            worked = {tier: seconds for tier, seconds in worked.items() if seconds > NOTHING}
            joules = idle * (stop - start) + (busy - idle) * sum(worked.values())
            book(flow, Tick(stop - start, joules, worked), idle, False, dict.fromkeys(worked, busy - idle))
            start, self._declared_busy = stop, total
        self._declared_until = until
        return flow

    def settle(self, until: float) -> None:
        """A period has ended: what is older than all accounts is forgotten."""
        oldest = min((account.settled for account in self._accounts.values()), default=until)
        self.busy.settle(max(min(oldest, until), until - KEPT_S))
        if self._declared_until < until:
            self._declared_until, self._declared_busy = until, self.busy.at(until)
