"""Whether a factory earns what its frontier predicts: each lane alone, then all of them together, in rounds.

A machine that others use is not as fast now as it was a minute ago, so that a prediction from an old sweep and a
measurement of today differ by more than the prediction errs. Here both come from one run: in every round each tier has
the device for itself for a moment, which gives its operating point, then all share it as they are set, and then as the
best mix of this round's points would have them. Lanes stay loaded all the time; only who asks changes.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from desk.facts.happened import (
    AnyFact,
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
from desk.frontier.options import Offer, offer, taken
from desk.frontier.points import Point, Window
from desk.frontier.split import change, today
from desk.ledger.ledger import Ledger
from desk.ledger.period import Period
from desk.plant.plant import Plant
from desk.plant.sweep import Factory

TARGET = 0.10
"""The prediction is meant to be right within this."""

BEAT_S = 0.1
PATIENCE_S = 300.0
"""A factory that has told of no step for so long will not tell of any more."""

IN_FORCE, APPLIED = "the split in force", "the best mix, applied"
"""The two splits that are predicted and measured."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A split: dollars/s as predicted and as measured, means of the rounds; `low` and `high` are the least and the
    largest error of a round. `rates` are tokens/s by tier, predicted and measured."""

    split: str
    predicted: float
    measured: float
    low: float
    high: float
    rates: dict[str, tuple[float, float]]

    @property
    def error(self) -> float:
        """How far the measured revenue is from the prediction, as a part of it."""
        return self.measured / self.predicted - 1.0


@dataclass(slots=True)
class _Stage:
    """A moment of the run: the tiers as they are then, and a window of accounts for each of them."""

    name: str
    tiers: dict[str, Tier]
    windows: dict[str, Window]


@dataclass(frozen=True, slots=True)
class _Round:
    """What one round gave: the points of each tier, and the splits with the tiers that were in force in them."""

    points: dict[str, tuple[Point, ...]]
    splits: dict[str, _Stage]

    def offers(self, tiers: Sequence[Tier]) -> list[Offer]:
        return [offer(tier, self.points[tier.name]) for tier in tiers]

    def predicted(self, split: str) -> Mix:
        """What the points of this round say of a split."""
        tiers = tuple(self.splits[split].tiers.values())
        found = today(self.offers(tiers), tiers)
        if found is None:
            raise Trouble("A tier made no tokens in its turn.", "Give each measurement more seconds.")
        return found


class Prediction:
    """Takes a factory through the rounds. It decides by the facts alone, as they come (`see`); `checked` tells when the
    run is over. Raises `Trouble` where a lane cannot run."""

    def __init__(
        self, factory: Factory, tiers: Sequence[Tier], *, rounds: int = 3, settle_s: float = 3.0, window_s: float = 12.0
    ) -> None:
        self._factory = factory
        self._tiers = tuple(tier for tier in tiers if taken(tier))
        self._settle_s, self._window_s = settle_s, window_s
        self._ledger = Ledger()
        self._rounds: list[_Round] = []
        self._count = rounds
        self._now: dict[str, Tier] = {tier.name: tier for tier in self._tiers}
        self._loading = set(self._now)
        self._todo: list[tuple[str, dict[str, Tier]]] = []
        self._alone: list[_Stage] = []
        self._splits: dict[str, _Stage] = {}
        self._stage: _Stage | None = None
        self._doing: Literal["loading", "turning", "settling", "measuring", "over"] = "loading"
        self._since = self._origin = 0.0
        self._unsettled: list[_Stage] = []
        if not self._tiers:
            raise Trouble("No tier has users.", "Give one some, or choose another preset.")

    @property
    def ended(self) -> bool:
        return self._doing == "over"

    @property
    def seconds(self) -> float:
        """How long it takes at least, loading left out."""
        stages = sum(len(_turns(tier)) for tier in self._tiers) + 2
        return self._count * stages * (self._settle_s + self._window_s)

    @property
    def words(self) -> str:
        """What is under way."""
        stage = "" if self._stage is None else f", {self._stage.name}: {self._doing}"
        return f"Round {min(len(self._rounds) + 1, self._count)} of {self._count}{stage}"

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
            case LaneReady(tier=name) if self._doing == "loading":
                self._origin = self._ledger.standing.run.t if self._ledger.standing.run is not None else 0.0
                self._loading.discard(name)
                if not self._loading:
                    self._next(fact.t)
            case TierChanged(tier=tier):
                self._now[tier.name] = tier
            case LaneFailed(cause=cause, remedy=remedy) | ChildGivenUp(cause=cause, remedy=remedy):
                raise Trouble(cause, remedy)
            case ChildEnded(child="engine", cause=cause) if cause:
                raise Trouble(cause, "Start again; desk doctor may say more.")
            case RunStopped():
                raise Trouble("The run ended before all was measured.", "Start again.")
            case Worked():
                self._worked(fact)

    def checked(self) -> tuple[Checked, ...]:
        """What came of it, when the run has ended."""
        return tuple(self._checked(split) for split in (IN_FORCE, APPLIED))

    # ---- the stages

    def _worked(self, fact: Worked) -> None:
        stage, waited = self._stage, fact.t - self._since
        if stage is None:
            return
        match self._doing:
            case "turning" if self._now == stage.tiers and self._filled(fact, stage):
                self._doing, self._since = "settling", fact.t
            case "settling" if waited >= self._settle_s:
                start = fact.t - self._origin
                stage.windows = {name: Window(start, start + self._window_s) for name in stage.tiers}
                self._unsettled.append(stage)
                self._doing, self._since = "measuring", fact.t
            case "measuring" if waited >= self._window_s:
                self._next(fact.t)

    @staticmethod
    def _filled(fact: Worked, stage: _Stage) -> bool:
        """Whether the slots are as they will be: all taken that can be, none where nobody asks any more."""
        now = {lane.tier: len(lane.slots) for lane in fact.lanes}
        return all(now.get(name) == taken(tier) for name, tier in stage.tiers.items() if not _asks(tier))

    def _next(self, t: float) -> None:
        """Turn to the next stage: those of a round are all tiers in turn, each round beginning with another one."""
        if self._stage is None or self._stage.name == APPLIED:
            if self._stage is not None:
                self._close_round()
            if len(self._rounds) == self._count:
                self._doing, self._stage = "over", None
                self._factory.stop("duration")
                return
            start = len(self._rounds) % len(self._tiers)
            turned = (*self._tiers[start:], *self._tiers[:start])
            self._alone = []
            self._todo = [(tier.name, self._only(each)) for tier in turned for each in _turns(tier)]
            self._todo.append((IN_FORCE, {tier.name: tier for tier in self._tiers}))
        elif self._stage.name == IN_FORCE:
            self._splits = {IN_FORCE: self._stage}
            self._todo.append((APPLIED, self._best()))
        else:
            self._alone.append(self._stage)
        name, tiers = self._todo.pop(0)
        self._stage = _Stage(name, tiers, {})
        self._doing, self._since = "turning", t
        for key, tier in tiers.items():
            if self._now[key] != tier:
                self._factory.change(tier)

    def _only(self, mine: Tier) -> dict[str, Tier]:
        """All tiers with one alone being asked."""
        silent = {
            tier.name: msgspec.structs.replace(tier, users=0, arrivals_per_second=None, think_s=0.0)
            for tier in self._tiers
        }
        return silent | {mine.name: mine}

    def _close_round(self) -> None:
        assert self._stage is not None
        self._rounds.append(_Round(self._points(), self._splits | {APPLIED: self._stage}))

    def _points(self) -> dict[str, tuple[Point, ...]]:
        """The operating points of the round in hand."""
        made: dict[str, list[Point]] = {}
        for stage in self._alone:
            tier = stage.tiers[stage.name]
            made.setdefault(stage.name, []).append(Point(tier, (stage.windows[stage.name],), precision=tier.precision))
        return {name: tuple(points) for name, points in made.items()}

    def _best(self) -> dict[str, Tier]:
        """The tiers as the best mix of this round's points has them; slots stay as they are."""
        points = self._points()
        offers = [offer(tier, points[tier.name][:1]) for tier in self._tiers]
        changed = {tier.name: tier for tier in change(best(offers), self._tiers).after}
        return {
            tier.name: msgspec.structs.replace(tier, share=changed.get(tier.name, tier).share) for tier in self._tiers
        }

    # ---- the accounts

    def _add(self, period: Period) -> None:
        ends = [next(iter(stage.windows.values())).end for stage in self._unsettled]
        self._unsettled = [stage for stage, end in zip(self._unsettled, ends, strict=True) if period.start < end]
        for stage in self._unsettled:
            for name, window in stage.windows.items():
                if window.start <= period.start and period.end <= window.end:
                    window.add(period, name)

    def _checked(self, split: str) -> Checked:
        pairs, rates = [], {tier.name: [0.0, 0.0] for tier in self._tiers}
        for each in self._rounds:
            mix, windows = each.predicted(split), each.splits[split].windows
            worked = next(iter(windows.values())).worked
            pairs.append((mix.revenue, sum(window.tier.revenue for window in windows.values()) / worked))
            for name, window in windows.items():
                rates[name][0] += mix.parts[name].rate / self._count
                rates[name][1] += window.tier.emitted / worked / self._count
        if not all(predicted > 0.0 for predicted, _ in pairs):
            raise Trouble("No tier that is asked for has a price.", "Choose a preset with prices.")
        errors = [measured / predicted - 1.0 for predicted, measured in pairs]
        return Checked(
            split,
            sum(predicted for predicted, _ in pairs) / self._count,
            sum(measured for _, measured in pairs) / self._count,
            min(errors),
            max(errors),
            {name: (predicted, measured) for name, (predicted, measured) in rates.items()},
        )


def _asks(tier: Tier) -> bool:
    """Whether so many ask that no number of slots taken can be waited for."""
    return tier.arrivals_per_second is not None or (tier.think_s > 0.0 and tier.users > 0)


def _turns(tier: Tier) -> list[Tier]:
    """A tier as it is measured alone: all its slots taken, and one alone where its users do not fill them always."""
    users = tier.slots if _asks(tier) else taken(tier)
    full = msgspec.structs.replace(tier, users=users, think_s=0.0, arrivals_per_second=None)
    return [full, msgspec.structs.replace(full, users=1)] if _asks(tier) and users > 1 else [full]


def check(
    tiers: Sequence[Tier],
    *,
    rounds: int,
    window_s: float,
    provider: Provider = "auto",
    told: Callable[[str], None] = lambda _words: None,
) -> tuple[Checked, ...]:
    """Predict and measure on the engine of this machine; raises `Trouble` where a lane cannot run."""
    plant = Plant((), provider=provider)
    course = Prediction(plant, tiers, rounds=rounds, window_s=window_s)
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
