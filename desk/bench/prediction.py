"""Whether a factory earns what its frontier predicts: each lane alone, then all of them together, in short turns.

A machine that others use is not as fast now as it was a minute ago, so that a prediction from an old sweep and a
measurement of today differ by more than the prediction errs. Here both come from one run and lie seconds apart: each
lane steps alone for a moment, which gives the operating point of its tier, then all share the device as they are set,
and then as the best mix of these points would have them. Nothing is loaded or drained in between, because a
calibration holds the other lanes where they are.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import msgspec

from desk.bench.findings import Ratio, ratio_of
from desk.facts.happened import (
    AnyFact,
    Calibrated,
    Calibrating,
    ChildEnded,
    ChildGivenUp,
    LaneFailed,
    LaneReady,
    RunStopped,
    TierChanged,
    Worked,
)
from desk.facts.tiers import Provider, Tier
from desk.facts.trouble import Trouble
from desk.frontier.mix import Mix, best
from desk.frontier.options import offer, taken
from desk.frontier.points import Point, Window
from desk.frontier.split import change, today
from desk.ledger.ledger import Ledger
from desk.ledger.period import PERIOD_S, Period
from desk.plant.plant import Plant

TARGET = 0.10
"""The prediction is meant to be right within this."""

BEAT_S = 0.1
SETTLE_S = 1.0
"""The lanes take turns for so long before it counts."""
PATIENCE_S = 300.0
"""A factory that has told of no step for so long will not tell of any more."""

IN_FORCE, APPLIED = "the split in force", "the best mix, applied"
"""The two splits that are predicted and measured."""


class Factory(Protocol):
    """What is asked of the plant."""

    scenario: str

    def equip(self, tiers: tuple[Tier, ...], preset: str = "") -> None: ...
    def start(self) -> None: ...
    def stop(self, reason: Literal["stopped", "duration"] = "stopped") -> None: ...
    def change(self, tier: Tier) -> None: ...
    def calibrate(self, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Checked:
    """A split: dollars/s as predicted and as measured, over all rounds. `ratio` is that of measured to predicted, a
    round each of so many `rounds`, with its interval. `rates` are tokens/s by tier, predicted and measured."""

    split: str
    predicted: float
    measured: float
    rounds: int
    ratio: Ratio
    rates: dict[str, tuple[float, float]]

    @property
    def error(self) -> float:
        """How far the measured revenue is from the prediction, as a part of it: the middle one of the rounds."""
        return self.ratio.ratio - 1.0


@dataclass(slots=True)
class _Round:
    """The windows of one round: of each tier alone, and of all tiers in each split."""

    alone: dict[str, Window] = field(default_factory=dict)
    splits: dict[str, dict[str, Window]] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        """Whether each window holds the seconds that passed in it: what is told late is counted where it is told."""
        windows = [*self.alone.values(), *(window for split in self.splits.values() for window in split.values())]
        return all(0.0 < window.worked <= window.end - window.start for window in windows)


class Prediction:
    """Takes a factory through the rounds. It decides by the facts alone, as they come (`see`); `checked` tells when the
    run is over. Raises `Trouble` where a lane cannot run. Users who pause and passers-by are measured as if they never
    did: what a lane makes is in question, and not who comes.
    """

    def __init__(
        self, factory: Factory, tiers: Sequence[Tier], *, rounds: int = 5, alone_s: float = 2.0, window_s: float = 5.0
    ) -> None:
        self._factory = factory
        self._tiers = tuple(
            msgspec.structs.replace(tier, users=taken(tier), think_s=0.0, arrivals_per_second=None)
            for tier in tiers
            if taken(tier)
        )
        if not self._tiers:
            raise Trouble("No tier has users.", "Give one some, or choose another preset.")
        self._wanted = {IN_FORCE: {tier.name: tier for tier in self._tiers}}
        self._count, self._alone_s, self._window_s = rounds, alone_s, window_s
        self._ledger = Ledger()
        self._rounds: list[_Round] = []
        self._open: list[tuple[Window, str]] = []
        self._now = dict(self._wanted[IN_FORCE])
        self._doing: Literal["loading", "filling", "alone", "turning", "settling", "measuring", "over"] = "loading"
        self._loading = set(self._now)
        self._split = IN_FORCE
        self._since = 0.0

    @property
    def ended(self) -> bool:
        return self._doing == "over"

    @property
    def seconds(self) -> float:
        """How long it takes at least, loading left out."""
        return self._count * (self._alone_s * (1 + len(self._tiers)) + 2 * (SETTLE_S + self._window_s))

    @property
    def words(self) -> str:
        """What is under way, for people."""
        if self._doing in ("loading", "filling"):
            return "Waiting for the lanes"
        what = "each lane alone" if self._doing == "alone" else self._split
        return f"Round {len(self._rounds)} of {self._count}: {what}"

    def start(self) -> None:
        """Begin the run with all lanes."""
        self._factory.scenario = "steady"
        self._factory.equip(self._tiers, "prediction")
        self._factory.start()

    def see(self, fact: AnyFact) -> None:
        """Take in the next fact of the plant, and have done what follows from it."""
        for period in self._ledger.post(fact):
            self._add(period)
        if self.ended:
            return
        match fact:
            case LaneReady(tier=name):
                self._loading.discard(name)
                if not self._loading and self._doing == "loading":
                    self._doing = "filling"
            case TierChanged(tier=tier):
                self._now[tier.name] = tier
            case Calibrating(tier=tier) if tier and self._doing == "alone":
                # The first run may still be that of the lane before.
                self._rounds[-1].alone[tier] = self._window(fact.t + BEAT_S, self._alone_s - BEAT_S, (tier,))[tier]
            case Calibrated() if self._doing == "alone":
                self._turn_to(IN_FORCE, fact.t)
            case LaneFailed(cause=cause, remedy=remedy) | ChildGivenUp(cause=cause, remedy=remedy):
                raise Trouble(cause, remedy)
            case ChildEnded(child="engine", cause=cause) if cause:
                raise Trouble(cause, "Start again; desk doctor may say more.")
            case RunStopped():
                raise Trouble("The run ended before all was measured.", "Start again.")
            case Worked():
                self._worked(fact)

    def checked(self) -> tuple[Checked, ...]:
        """What came of it, when the run has ended. Rounds in which the machine kept the engine from telling what it did
        in time are left out; raises `Trouble` where all are."""
        self._rounds = [each for each in self._rounds if each.whole]
        if not self._rounds:
            raise Trouble("The machine was too busy to measure anything.", "End what else it does, or give it longer.")
        return tuple(self._checked(split) for split in (IN_FORCE, APPLIED))

    # ---- the turns

    def _worked(self, fact: Worked) -> None:
        waited = fact.t - self._since
        match self._doing:
            case "filling" if {lane.tier: len(lane.slots) for lane in fact.lanes} == self._slots:
                self._next(fact.t)
            case "turning" if self._now == self._wanted[self._split]:
                self._doing, self._since = "settling", fact.t
            case "settling" if waited >= SETTLE_S:
                self._rounds[-1].splits[self._split] = self._window(fact.t, self._window_s, self._now)
                self._doing, self._since = "measuring", fact.t
            case "measuring" if waited >= self._window_s + PERIOD_S:
                if self._split == IN_FORCE:
                    if APPLIED not in self._wanted:
                        self._wanted[APPLIED] = self._best()
                    self._turn_to(APPLIED, fact.t)
                else:
                    self._next(fact.t)

    @property
    def _slots(self) -> dict[str, int]:
        return {tier.name: taken(tier) for tier in self._tiers}

    def _next(self, t: float) -> None:
        """Begin the next round: each lane alone, without any delay, because that needs no other setting."""
        if len(self._rounds) == self._count:
            self._doing = "over"
            self._factory.stop("duration")
            return
        self._rounds.append(_Round())
        self._doing, self._since = "alone", t
        self._factory.calibrate(self._alone_s)

    def _turn_to(self, split: str, t: float) -> None:
        """Bring the shares of a split into force."""
        self._split, self._doing, self._since = split, "turning", t
        for name, tier in self._wanted[split].items():
            if self._now[name] != tier:
                self._factory.change(tier)

    def _best(self) -> dict[str, Tier]:
        """The tiers as the best mix of the first round's points has them; slots stay as they are."""
        offers = [offer(tier, [self._point(tier, self._rounds)]) for tier in self._tiers]
        changed = {tier.name: tier for tier in change(best(offers), self._tiers).after}
        return {tier.name: changed.get(tier.name, tier) for tier in self._tiers}

    # ---- the accounts

    def _window(self, t: float, seconds: float, names: Iterable[str]) -> dict[str, Window]:
        """A window for the accounts of each of these tiers, from a moment on."""
        run = self._ledger.standing.run
        assert run is not None, "a lane is ready in a run"
        made = {name: Window(t - run.t, t - run.t + seconds) for name in names}
        self._open += [(window, name) for name, window in made.items()]
        return made

    def _add(self, period: Period) -> None:
        self._open = [each for each in self._open if period.start < each[0].end]
        for window, name in self._open:
            if window.start <= period.start and period.end <= window.end:
                window.add(period, name)

    def _point(self, tier: Tier, rounds: Sequence[_Round]) -> Point:
        """The operating point of a tier by these rounds."""
        windows = tuple(each.alone[tier.name] for each in rounds if tier.name in each.alone)
        return Point(tier, windows, precision=tier.precision)

    def _predicted(self, split: str, rounds: Sequence[_Round]) -> Mix:
        """What the points of these rounds say of a split."""
        offers = [offer(tier, [self._point(tier, rounds)]) for tier in self._tiers]
        found = today(offers, self._wanted[split].values())
        if found is None:
            raise Trouble("A tier made no tokens in its turn.", "Give each measurement more seconds.")
        return found

    def _measured(self, split: str, rounds: Sequence[_Round]) -> dict[str, Window]:
        """The accounts of a split in these rounds, together."""
        summed: dict[str, Window] = {}
        for each in rounds:
            for name, window in each.splits[split].items():
                summed.setdefault(name, Window(window.start, window.end)).merge(window)
        return summed

    def _checked(self, split: str) -> Checked:
        pairs = []
        for number, each in enumerate(self._rounds):
            # What lies between two rounds is told by both.
            near = self._rounds[number : number + 2]
            predicted = self._predicted(split, near).revenue
            if not predicted > 0.0:
                raise Trouble("No tier that is asked for has a price.", "Choose a preset with prices.")
            pairs.append(_revenue(self._measured(split, [each])) / predicted)
        mix, windows = self._predicted(split, self._rounds), self._measured(split, self._rounds)
        rates = {name: (mix.parts[name].rate, window.tier.emitted / window.worked) for name, window in windows.items()}
        return Checked(split, mix.revenue, _revenue(windows), len(pairs), ratio_of(split, "predicted", pairs), rates)


def _revenue(windows: dict[str, Window]) -> float:
    """Dollars/s of all tiers."""
    worked = next(iter(windows.values())).worked
    return sum(window.tier.revenue for window in windows.values()) / worked


def check(
    tiers: Sequence[Tier],
    *,
    rounds: int,
    window_s: float,
    alone_s: float = 2.0,
    provider: Provider = "auto",
    told: Callable[[str], None] = lambda _words: None,
) -> tuple[Checked, ...]:
    """Predict and measure on the engine of this machine; raises `Trouble` where a lane cannot run."""
    plant = Plant((), provider=provider)
    course = Prediction(plant, tiers, rounds=rounds, alone_s=alone_s, window_s=window_s)
    heard, words = time.monotonic(), ""
    with plant:
        course.start()
        stopped = False
        while not stopped:
            time.sleep(BEAT_S)
            fresh = plant.drain()
            for fact in fresh:
                course.see(fact)
                stopped = stopped or isinstance(fact, RunStopped)
            heard = time.monotonic() if fresh else heard
            if time.monotonic() - heard > PATIENCE_S:
                raise Trouble("The factory fell silent.", "Try desk run to see why.")
            if course.words != words:
                words = course.words
                told(words)
    return course.checked()
