"""A run in one line of a list: folded from its facts like everything else, and kept beside them for speed alone."""

from collections.abc import Iterable
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from statistics import quantiles
from typing import Literal

import msgspec
from msgspec.structs import replace

from desk import journal
from desk.facts.currency import USD
from desk.facts.happened import (
    AnyFact,
    Calibrated,
    Calibrating,
    FirstToken,
    LoadChanged,
    Paused,
    Resumed,
    RunStarted,
    RunStopped,
    TierChanged,
    Unrecorded,
)
from desk.facts.metered import DeviceReading, Quality, Read, Source
from desk.facts.tiers import Price, Promise, Tier
from desk.ledger.ledger import Ledger
from desk.ledger.period import PERIOD_S, Period, TierPeriod
from desk.ledger.standing import Standing

WINDOW_S = 10.0
"""A run's spread is that of its figures over windows of this length ..."""
FEWEST_WINDOWS = 3
"""... where there are so many of them."""

Stage = Literal["loading", "warm-up", "running", "paused", "calibrating", "not recorded"]


class Figure(msgspec.Struct, frozen=True, omit_defaults=True):
    """A figure over a whole run, and between which values nine of ten windows of it lie; `None` where it has none."""

    value: float | None = None
    low: float | None = None
    high: float | None = None


class TierLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One tier over the whole run; the figures are those of `desk.exports.summary`."""

    name: str
    model: str
    tokens_out: int = 0
    tokens_per_second: float | None = None
    ttft_p50_s: float | None = None
    ttft_p95_s: float | None = None
    itl_p50_s: float | None = None
    tokens_per_joule: float | None = None
    revenue_usd: float = 0.0
    on_time_share: float | None = None


class Phase(msgspec.Struct, frozen=True, array_like=True):
    """A stretch of a run, in seconds since it started."""

    stage: Stage
    start: float
    end: float


class Summary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run by its facts. Seconds, watts, joules and money in `currency`; `started` is Unix time.

    `seconds` is how long it took from its start to its last fact, `measured_s` the part its figures are over. `ended`
    is the reason of its end, empty where it was cut off. `unrecorded_s` were left out for want of room on the disk.
    `recipe` is a digest of what was asked of the tiers, changes during the run included, models, prices and promises
    left out: runs of one recipe, scenario and seed had the same work to do.
    """

    run: str
    started: float
    desk: str
    seconds: float
    measured_s: float | None = None
    ended: str = ""
    models: tuple[str, ...] = ()
    device: str = ""
    provider: str = ""
    runtime: str = ""
    driver: str = ""
    seed: int = 0
    scenario: str = "steady"
    recipe: str = ""
    preset: str = ""
    source: Source = "none"
    quality: Quality = "unavailable"
    processor: str = ""
    system: str = ""
    uncalibrated: bool = False
    shared: bool = False
    unrecorded_s: float = 0.0
    unknown: int = 0
    broken: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    joules: float | None = None
    tokens_per_second: Figure = Figure()
    watts: Figure = Figure()
    tokens_per_joule: Figure = Figure()
    revenue_usd: float = 0.0
    on_time_revenue_usd: float = 0.0
    energy_cost_usd: float | None = None
    tiers: tuple[TierLine, ...] = ()
    phases: tuple[Phase, ...] = ()
    currency: str = USD

    @property
    def badges(self) -> tuple[str, ...]:
        """What a reader of the figures must know, in a word or two each."""
        said = (
            ("recovered", not self.ended),
            ("estimated watts", self.quality == "estimated"),
            ("no watts", self.joules is None),
            ("not calibrated", self.uncalibrated),
            ("shared GPU", self.shared),
            ("gap", self.unrecorded_s > 0.0),
            ("damaged", self.broken > 0),
        )
        return tuple(word for word, holds in said if holds)


def summary_of(path: Path) -> Summary:
    """The summary of a recording; raises `Trouble` where it cannot be read."""
    reading, summing = journal.read(path), Summing()
    summing.fold(reading)
    return summing.summary(reading.unknown, reading.broken)


class Summing:
    """Folds the facts of one run and sums them up. A live run may share the ledger that its facts are posted to."""

    def __init__(self, ledger: Ledger | None = None) -> None:
        self.ledger = Ledger() if ledger is None else ledger
        self._begin(0.0, ())

    def _begin(self, origin: float, asked: tuple[Tier, ...]) -> None:
        self._origin = self._last = origin
        self._shared = False
        self._unrecorded_s = 0.0
        self._stages: list[tuple[float, Stage]] = [(0.0, "loading")]
        self._windows: list[_Window] = []
        self._tiers = {tier.name: _bare(tier) for tier in asked}
        self._asked: list[Tier | float] = list(self._tiers.values())
        """What was asked of whom: the tiers at the start, and each change of them or of the load."""

    def fold(self, facts: Iterable[AnyFact]) -> Ledger:
        """Take in the facts up to the end of the run; gives their ledger."""
        for fact in facts:
            self.see(fact, self.ledger.post(fact))
            if isinstance(fact, RunStopped):
                break
        return self.ledger

    def see(self, fact: AnyFact, closed: Iterable[Period]) -> None:
        """Take in a fact, and the periods that the ledger closed by it."""
        if isinstance(fact, RunStarted):
            self._begin(fact.t, fact.tiers)
            self._asked.append(fact.load)
        at, self._last = fact.t - self._origin, max(self._last, fact.t)
        match fact:
            case TierChanged(tier=tier):
                self._ask(_bare(tier))
            case LoadChanged(load=load):
                self._asked.append(load)
            case Read(devices=readings):
                self._shared = self._shared or self._foreign(readings)
            case FirstToken() if len(self._stages) == 1:
                since = self.ledger.totals().since
                warming = since is not None and since > at
                self._stages += [(at, "warm-up"), (since or at, "running")] if warming else [(at, "running")]
            case Paused():
                self._stages.append((at, "paused"))
            case Resumed() if self._stages[-1][1] == "paused":
                self._stages.append((at, "running"))
            case Calibrating() if self._stages[-1][1] != "calibrating":
                self._stages.append((at, "calibrating"))
            case Calibrated() if self._stages[-1][1] == "calibrating":
                self._stages.append((at, "running"))
            case Unrecorded(since=since):
                self._unrecorded_s += fact.t - since
                self._stages += [(since - self._origin, "not recorded"), (at, "running")]
        for period in closed:
            self._measure(period)

    def summary(self, unknown: int = 0, broken: int = 0) -> Summary:
        """The run so far; `unknown` and `broken` lines were passed over by its reader."""
        standing, totals = self.ledger.standing, self.ledger.totals()
        run, engine = standing.run, standing.engine
        assert run is not None, "a summary is asked for after RunStarted"
        whole = sum(tier.metered for tier in totals.tiers.values())
        return Summary(
            run=run.run,
            started=run.wall,
            desk=run.desk,
            seconds=self._last - self._origin,
            measured_s=totals.seconds,
            ended=standing.stopped.reason if standing.stopped else "",
            processor=run.machine.processor,
            system=run.machine.system,
            device=engine.device if engine else "",
            provider=engine.provider if engine else "",
            runtime=engine.runtime if engine else "",
            driver=standing.meter.driver if standing.meter else "",
            models=_models(standing),
            preset=run.preset,
            scenario=run.scenario,
            seed=run.seed,
            recipe=sha256(msgspec.json.encode(self._asked)).hexdigest()[:12],
            source=totals.source,
            quality=totals.quality,
            uncalibrated=totals.uncalibrated,
            shared=self._shared,
            unrecorded_s=self._unrecorded_s,
            unknown=unknown,
            broken=broken,
            tokens_in=totals.tokens_in,
            tokens_out=totals.tokens_out,
            joules=totals.joules,
            tokens_per_second=self._figure(totals.tokens_per_second(), "emitted", "worked"),
            watts=self._figure(_ratio(totals.joules, totals.covered), "joules", "covered"),
            tokens_per_joule=self._figure(_ratio(whole, totals.joules), "metered", "joules"),
            revenue_usd=totals.revenue,
            on_time_revenue_usd=totals.on_time_revenue,
            energy_cost_usd=totals.energy_cost,
            tiers=tuple(self._tier(name, standing) for name in standing.tiers),
            phases=self._phases(),
            currency=standing.currency,
        )

    def _ask(self, tier: Tier) -> None:
        if self._tiers.get(tier.name) != tier:
            self._tiers[tier.name] = tier
            self._asked.append(tier)

    def _foreign(self, readings: tuple[DeviceReading, ...]) -> bool:
        counted = self.ledger.standing.counted
        return any(reading.memory_foreign and reading.device in counted for reading in readings)

    def _measure(self, period: Period) -> None:
        """Count a period into its window, from the first token on."""
        since = self.ledger.totals().since
        if since is None or period.start < since or self.ledger.standing.calibrating is not None:
            return
        if not self._windows or self._windows[-1].seconds >= WINDOW_S - PERIOD_S / 2:
            self._windows.append(_Window())
        self._windows[-1].add(period)

    def _figure(self, value: float | None, over: str, under: str) -> Figure:
        """A figure with its spread over the windows that are whole."""
        whole = [window for window in self._windows if window.seconds >= WINDOW_S - PERIOD_S / 2]
        pairs = [(getattr(window, over), getattr(window, under)) for window in whole]
        known = [above / below for above, below in pairs if below > 0.0]
        if value is None or len(known) < FEWEST_WINDOWS:
            return Figure(value)
        cuts = quantiles(known, n=20, method="inclusive")
        return Figure(value, min(cuts[0], value), max(cuts[-1], value))

    def _tier(self, name: str, standing: Standing) -> TierLine:
        lane, totals = standing.lanes.get(name), self.ledger.totals()
        figures = totals.tiers.get(name, TierPeriod())
        opened = lane.opened if lane else None
        return TierLine(
            name=name,
            model=f"{opened.model} {opened.precision}" if opened else standing.tiers[name].model,
            tokens_out=figures.emitted,
            tokens_per_second=totals.tokens_per_second(name) if name in totals.tiers else None,
            ttft_p50_s=figures.ttft(0.5),
            ttft_p95_s=figures.ttft(0.95),
            itl_p50_s=figures.itl(0.5),
            tokens_per_joule=figures.tokens_per_joule,
            revenue_usd=figures.revenue,
            on_time_share=_ratio(figures.on_time_tokens, figures.finished_tokens),
        )

    def _phases(self) -> tuple[Phase, ...]:
        stages: list[tuple[float, Stage]] = [*self._stages, (self._last - self._origin, "running")]
        return tuple(Phase(stage, start, end) for (start, stage), (end, _) in pairwise(stages) if end > start)


class _Window:
    """Sums of the periods of some ten seconds."""

    def __init__(self) -> None:
        self.seconds = self.worked = self.covered = self.joules = 0.0
        self.emitted = self.metered = 0

    def add(self, period: Period) -> None:
        self.seconds += period.end - period.start
        self.worked += period.worked
        self.emitted += sum(tier.emitted for tier in period.tiers.values())
        if period.joules is not None:
            self.covered += period.covered
            self.joules += period.joules
            self.metered += sum(tier.metered for tier in period.tiers.values())


def _ratio(over: float | None, under: float | None) -> float | None:
    return over / under if over is not None and under else None


def _models(standing: Standing) -> tuple[str, ...]:
    """Every model with its precision, in the order of the tiers, once."""
    found: dict[str, None] = {}
    for name, tier in standing.tiers.items():
        lane = standing.lanes.get(name)
        opened = lane.opened if lane else None
        model, precision = (opened.model, opened.precision) if opened else (tier.model, tier.precision)
        found[f"{model} {precision}".strip()] = None
    return tuple(found)


def _bare(tier: Tier) -> Tier:
    """What a tier asks for, whoever computes it and whatever it costs."""
    return replace(tier, model="", precision="", provider="auto", price=Price(), promise=Promise())
