"""Operating points: what a sweep measured between its marks, folded by the ledger like everything else.

A point is a setting of one lane that had the device for itself. Its figures are ratios of sums over the half-seconds
that lie wholly inside its windows; each repeat is a window, and the spread of a figure is the range over them.
Definitions: NVIDIA's keynote and InferenceX for the axes; tokens/s/MW = 1,000,000 x tokens per joule.
"""

import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from math import inf
from pathlib import Path
from typing import Literal

from desk import journal
from desk.facts.happened import AnyFact, RunStarted
from desk.facts.histogram import mean
from desk.facts.metered import Quality, Source
from desk.facts.plans import Plan
from desk.facts.swept import PointMeasured, PointMeasuring, PointMissed, PointStarted, SweepStarted
from desk.facts.tiers import Tariff, Tier
from desk.facts.trouble import Trouble
from desk.ledger import money
from desk.ledger.ledger import Ledger
from desk.ledger.period import Period, TierPeriod

Interactivity = Literal["itl", "e2e"]
"""Two definitions of tokens/s/user that the field uses: 1 / ITL, and output tokens / end-to-end seconds."""

Axis = Literal["tokens_per_second", "tokens_per_joule", "tokens_per_second_per_mw", "dollars_per_mtok"]
Scope = Literal["board", "host", "all-in"]
"""What watts stand for: the metered device, the whole machine, or that with what its site loses."""

SHORTEST_S = 2.0
"""A window that was cut shorter than this says nothing: no figure of this program is formed over less."""

HEAD = 200
"""Among so many facts of a run, that it belongs to a sweep has been told."""

_NEITHER = ("share", "price", "promise", "sampling", "name")
"""Settings of a tier that do not change the work of a lane that has the device for itself."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure with the range over its windows; one window has no range, so that `low` and `high` are `None`."""

    value: float
    low: float | None = None
    high: float | None = None
    windows: int = 1

    @property
    def deviation(self) -> float | None:
        """The standard deviation of one window, estimated from the range of so many: range / d2 of quality control
        charts (W. A. Shewhart; table of d2 in ISO 7870-2)."""
        if self.low is None or self.high is None:
            return None
        return (self.high - self.low) / _D2[min(self.windows, len(_D2) + 1) - 2]


_D2 = (1.128, 1.693, 2.059, 2.326, 2.534, 2.704, 2.847, 2.970, 3.078)
"""The mean range of 2, 3, ... draws from the standard normal distribution."""


@dataclass(frozen=True, slots=True)
class Denominator:
    """What the watts of a point are taken for, to be printed beside every figure that rests on them.

    `host_watts` is what the rest of the machine draws beside the metered device, `None` where nobody said.
    """

    scope: Scope = "board"
    host_watts: float | None = None
    wall_factor: float = 1.0
    pue: float = 1.0

    @classmethod
    def of(cls, scope: Scope, tariff: Tariff | None, host_watts: float | None = None) -> "Denominator":
        """The denominator of that scope with the factors of a tariff."""
        tariff = tariff or Tariff()
        return cls(scope, host_watts, tariff.wall_factor, tariff.pue)

    def joules(self, window: "Window") -> float | None:
        """The energy of a window in this scope; `None` without a source of watts or without what the scope needs."""
        if not window.joules or self.scope == "board":
            return window.joules or None
        host = 0.0 if window.source == "battery" else self.host_watts  # a battery feeds the whole machine
        if host is None:
            return None
        joules = window.joules + host * window.covered
        return joules if self.scope == "host" else joules * self.wall_factor * self.pue

    @property
    def words(self) -> str:
        """For a caption."""
        if self.scope == "board":
            return "watts of the metered device"
        host = f"with {self.host_watts:g} W for the rest of the machine" if self.host_watts is not None else "machine"
        if self.scope == "host":
            return f"watts {host}"
        return f"watts {host}, × wall factor {self.wall_factor:g} × PUE {self.pue:g}"


BOARD = Denominator()


@dataclass(slots=True)
class Window:
    """The sums of the half-seconds inside one repeat of a point; times in seconds since its run started.

    `tier` is the account of the lane, `worked` its seconds, `covered` the seconds that `joules` stands for, of all the
    device drew.
    """

    start: float
    end: float
    tier: TierPeriod = field(default_factory=TierPeriod)
    worked: float = 0.0
    covered: float = 0.0
    joules: float | None = None
    edges: int = 0
    quality: Quality = "unavailable"
    source: Source = "none"

    def add(self, period: Period, name: str) -> None:
        """Count a settled period of the lane's tier in."""
        self.tier.add(period.tiers.get(name, TierPeriod()))
        self.worked += period.worked
        if period.joules is not None:
            self._add_energy(period.covered, period.joules, period.edges, period.quality)

    def merge(self, other: "Window") -> None:
        """Count another window of the same point in."""
        self.end = max(self.end, other.end)
        self.tier.add(other.tier)
        self.worked += other.worked
        self.source = other.source
        if other.joules is not None:
            self._add_energy(other.covered, other.joules, other.edges, other.quality)

    def _add_energy(self, covered: float, joules: float, edges: int, quality: Quality) -> None:
        self.joules = (self.joules or 0.0) + joules
        self.covered += covered
        self.edges += edges
        self.quality = "estimated" if "estimated" in (self.quality, quality) else quality


@dataclass(frozen=True, slots=True)
class Point:
    """One operating point. `tier` is its setting, `windows` its repeats in the order of their measurement.

    `run` names the run that measured it last; `precision` and `provider` are those that the lane really ran with.
    """

    tier: Tier
    windows: tuple[Window, ...]
    run: str = ""
    precision: str = ""
    provider: str = ""

    @property
    def total(self) -> Window:
        """All windows together."""
        whole = Window(self.windows[0].start, self.windows[0].end)
        for window in self.windows:
            whole.merge(window)
        return whole

    @property
    def quality(self) -> Quality:
        return self.total.quality

    @property
    def source(self) -> Source:
        return self.windows[-1].source

    def speed(self, by: Interactivity = "itl") -> Measure | None:
        """Tokens/s/user: 1 / median ITL, or output tokens of finished requests / their end-to-end seconds."""
        if by == "itl":
            return self.measure(lambda window: window.tier.tokens_per_second_per_user)
        return self.measure(lambda window: window.tier.tokens_per_second_end_to_end)

    def pace(self) -> Measure | None:
        """1 / mean ITL: what promises are judged by, where the median passes over the gaps that prefills leave."""
        return self.measure(lambda window: _inverse(mean(window.tier.gaps)))

    def height(self, axis: Axis, denominator: Denominator = BOARD, tariff: Tariff | None = None) -> Measure | None:
        """A figure of the vertical axis; `None` where it cannot be formed (no watts, no tariff).

        `dollars_per_mtok` is all-in where the tariff has an hourly rate, else energy alone, at the flat price: a point
        belongs to no hour of the day.
        """
        match axis:
            case "tokens_per_second":
                return self.measure(lambda window: window.tier.emitted / window.worked if window.worked else None)
            case "tokens_per_joule":
                return self.measure(lambda window: _per_joule(window, denominator))
            case "tokens_per_second_per_mw":
                return self.measure(lambda window: _per_megawatt(_per_joule(window, denominator)))
            case "dollars_per_mtok":
                return self.measure(lambda window: _cost(window, denominator, tariff))

    def watts(self, denominator: Denominator = BOARD) -> Measure | None:
        """Mean power while measured."""
        return self.measure(lambda window: _watts(window, denominator))

    def ttft(self, fraction: float) -> Measure | None:
        """A percentile of the time to first token, in seconds from submission."""
        return self.measure(lambda window: window.tier.ttft(fraction))

    def measure(self, figure: Callable[[Window], float | None]) -> Measure | None:
        """A figure over all windows, with its range over the single ones."""
        value = figure(self.total)
        if value is None:
            return None
        each = [found for window in self.windows if (found := figure(window)) is not None]
        if len(each) < 2:
            return Measure(value)
        return Measure(value, min(*each, value), max(*each, value), len(each))


def _inverse(value: float | None) -> float | None:
    return 1.0 / value if value else None


def _per_megawatt(per_joule: float | None) -> float | None:
    return None if per_joule is None else money.tokens_per_second_per_mw(per_joule)


def _per_joule(window: Window, denominator: Denominator) -> float | None:
    joules = denominator.joules(window)
    return window.tier.metered / joules if joules else None


def _watts(window: Window, denominator: Denominator) -> float | None:
    joules = denominator.joules(window)
    return joules / window.covered if joules and window.covered else None


def _cost(window: Window, denominator: Denominator, tariff: Tariff | None) -> float | None:
    if tariff is None:
        return None
    if tariff.dollars_per_hour is not None:
        rate = window.tier.emitted / window.worked if window.worked else 0.0
        return money.hourly_dollars_per_mtok(tariff.dollars_per_hour, rate) if rate else None
    per_joule = _per_joule(window, denominator)
    return money.energy_dollars_per_mtok(1.0 / per_joule, tariff.dollars_per_kwh) if per_joule else None


@dataclass(frozen=True, slots=True)
class Missed:
    """A point that could not be measured, and why."""

    tier: Tier
    cause: str


class Survey:
    """Folds one run of a sweep after the other into points: `see` takes each fact with the periods that it closed.

    Periods settle a moment after their end, so a window is complete once a later period has closed or the run stopped.
    """

    def __init__(self) -> None:
        self.sweep = ""
        self.plan: Plan | None = None
        self.missed: list[Missed] = []
        self.done: set[tuple[tuple, int]] = set()
        """The setting and the repeat of each window that is whole: what a sweep that goes on need not do again."""
        self._points: dict[tuple, Point] = {}
        self._run: RunStarted | None = None
        self._tier: Tier | None = None
        self._repeat = 0
        self._open: Window | None = None
        self._unsettled: list[tuple[str, Window]] = []
        """Windows into which periods may still be counted, with the name of their tier."""

    def see(self, fact: AnyFact, closed: Iterable[Period], ledger: Ledger) -> None:
        """Take in the next fact, the periods that it closed and the ledger that closed them."""
        match fact:
            case RunStarted():
                self._run, self._tier, self._open = fact, None, None
            case SweepStarted():
                self.sweep, self.plan = fact.sweep, fact.plan
            case PointStarted():
                self._tier, self._repeat, self._open = fact.tier, fact.repeat, None
            case PointMissed():
                self._miss(fact)
            case PointMeasuring():
                self._begin(self._since(fact.t), ledger)
            case PointMeasured() if self._open is not None:
                self._finish(self._since(fact.t), fact.whole)
        for period in closed:
            self._unsettled = [each for each in self._unsettled if period.start < each[1].end]
            for name, window in self._unsettled:
                if window.start <= period.start and period.end <= window.end:
                    window.add(period, name)

    def points(self) -> tuple[Point, ...]:
        """The points so far, in the order in which they were first measured; windows too short to tell are left out."""
        told = (
            replace(point, windows=tuple(window for window in point.windows if window.worked >= SHORTEST_S))
            for point in self._points.values()
        )
        return tuple(point for point in told if point.windows)

    def _begin(self, start: float, ledger: Ledger) -> None:
        tier = self._tier
        if tier is None or self._run is None:
            return
        self._open = window = Window(start, inf, source=ledger.standing.source)
        self._unsettled.append((tier.name, window))
        lane = ledger.standing.lanes.get(tier.name)
        ran = lane.opened if lane is not None and lane.opened is not None else None
        before = self._points.get(setting(tier))
        self._points[setting(tier)] = Point(
            tier,
            (*before.windows, window) if before is not None else (window,),
            self._run.run,
            ran.precision if ran is not None else tier.precision,
            ran.provider if ran is not None else tier.provider,
        )

    def _finish(self, end: float, whole: bool) -> None:
        if self._open is not None and self._tier is not None:
            self._open.end, self._open = end, None
            if whole:
                self.done.add((setting(self._tier), self._repeat))

    def _miss(self, fact: PointMissed) -> None:
        """What went wrong inside a window takes the window with it."""
        if self._tier is None:
            return
        self.missed.append(Missed(self._tier, fact.cause))
        lost, self._open = self._open, None
        if lost is not None:
            point = self._points[setting(self._tier)]
            kept = tuple(window for window in point.windows if window is not lost)
            self._points[setting(self._tier)] = replace(point, windows=kept)
            self._unsettled = [each for each in self._unsettled if each[1] is not lost]

    def _since(self, t: float) -> float:
        return t - (self._run.t if self._run is not None else 0.0)


def setting(tier: Tier) -> tuple:
    """What makes two points the same one: all that changes the work of a lane alone on its device."""
    return tuple(getattr(tier, name) for name in Tier.__struct_fields__ if name not in _NEITHER)


def recordings(path: Path) -> list[Path]:
    """The recordings in the folder of one that belong to the same sweep, oldest first, that one included.

    Raises `Trouble` where it is no recording or not of a sweep.
    """
    sweep = _sweep_of(path)
    if sweep is None:
        raise Trouble(f"{path.name} is not the recording of a sweep.", "Choose one that desk sweep made.")
    found = {path}
    for other in sorted({*path.parent.glob(f"*{journal.SUFFIX}"), *path.parent.glob(f"*{journal.COMPRESSED}")}):
        with contextlib.suppress(Trouble):
            if _sweep_of(other) == sweep:
                found.add(other)
    return sorted(found, key=journal.stem)


def _sweep_of(path: Path) -> str | None:
    """The sweep that a recording belongs to, as told at its beginning."""
    facts = islice(journal.read(path), HEAD)
    return next((fact.sweep for fact in facts if isinstance(fact, SweepStarted)), None)


def survey(paths: Sequence[Path]) -> Survey:
    """The points in the recordings of a sweep, oldest first; raises `Trouble` for a file that is no recording."""
    found = Survey()
    for path in paths:
        ledger = Ledger()
        for fact in journal.read(path):
            found.see(fact, ledger.post(fact), ledger)
    return found
