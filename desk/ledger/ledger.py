"""The ledger: a pure fold of facts into settled periods and the accounts of the run.

No clock, no files, no threads: what it gives depends on the facts and their order alone, so that live, replay, export
and the command line cannot disagree. Inside, times are seconds since the run started.
"""

from collections.abc import Callable, Iterable, Iterator
from math import ceil, inf
from typing import Any

from desk.facts.happened import (
    AnyFact,
    ChildAnswered,
    ChildEnded,
    ChildGivenUp,
    ChildStale,
    ChildStarted,
    Finished,
    FirstToken,
    LaneLoading,
    LaneReady,
    RunStarted,
    RunStopped,
    Unrecorded,
    Worked,
)
from desk.facts.histogram import bucket_of
from desk.facts.metered import FloorLearned, MeterOpened, Read, SoloLearned
from desk.ledger.beats import UNPRICED, count, count_part
from desk.ledger.bridge import Bridge
from desk.ledger.energy import Energy, Flow
from desk.ledger.hearing import LONGEST_SILENCE_S, Hearing
from desk.ledger.money import dollars_per_joule, input_value, kept, output_value
from desk.ledger.period import PERIOD_S, Event, Period, TierPeriod, Totals
from desk.ledger.requests import OpenRequests
from desk.ledger.seeing import CHANGES, Remark
from desk.ledger.standing import Standing

PATIENCE_S = 1.0
"""A period waits so long for the counter to move past its end, then closes with the energy known by then."""


class Ledger:
    """Folds facts. `standing` is what is in force now; `totals()` the accounts of the run so far.

    A period closes when the facts of both children are past its end and the energy counter was seen to move at or
    past it; without a child that is stale, loading or gone. Facts that come later count in the period that is open.
    """

    def __init__(self) -> None:
        self._begin(0.0)

    def post(self, fact: AnyFact) -> list[Period]:
        """Take in the next fact of the journal; gives the periods that it closes, oldest first."""
        return list(self.fold((fact,)))

    def fold(self, facts: Iterable[AnyFact]) -> Iterator[Period]:
        """Take in the facts of the journal one after the other; gives each period when it closes, oldest first."""
        for fact in facts:
            kind = type(fact)
            if kind is RunStarted or not self._begun:
                self._begin(fact.t)
                self._begun = True
            moment = fact.t - self._origin
            closed: list[Period] = []
            if moment > self._latest:
                if moment > self._latest + LONGEST_SILENCE_S:
                    closed += self._pass_over(fact, moment)
                self._latest = moment
            change, book = _ROADS.get(kind, _NOWHERE)
            if change is not None and (mark := change(self.standing, fact)) is not None:
                word, text, tier = mark
                self._period(moment).events.append(Event(moment, word, text, tier))
            if book is not None:
                book(self, fact, moment)
            if kind is RunStopped:
                closed += self._close(moment)
                self._stopped = True
            elif self._latest >= self._end:
                closed += self._close(None)
            if closed:
                yield from closed

    def totals(self) -> Totals:
        """The accounts of the run: final once it has stopped, else as of the last closed period. Not a copy."""
        return self._totals

    def learned(self, t: float) -> list[FloorLearned | SoloLearned]:
        """What has been learned of devices and lanes, as the facts that tell the next run from its start at `t` on."""
        return list(self._energy.learned(t))

    # ---- folding

    def _begin(self, origin: float) -> None:
        self.standing = Standing()
        self._begun = False
        """Whether `origin` is the stamp of a fact."""
        self._origin = origin
        self._latest = 0.0
        self._hearing = Hearing()
        self._requests = OpenRequests()
        self._energy = Energy()
        self._read_until = -inf
        self._cells: dict[int, Period] = {}
        """Periods under construction, by their place on the grid of half-seconds."""
        self._cell = 0
        self._end = PERIOD_S
        """Of the period of that place, where it is a whole one."""
        self._start = 0.0
        self._index = 0
        self._lanes_were = (True, False)
        self._warmup_s = 0.0
        self._stopped = False
        self._gap = (0.0, 0.0)
        """Of the last stretch that was not recorded, the periods: after the first moment, up to the second."""
        self._unrecorded_s = 0.0
        self._bridge = Bridge()
        self._totals = Totals()

    def _period(self, moment: float) -> Period:
        """The period that a fact of that moment counts in: the open one if its own has closed."""
        return self._at(self._cell_of(moment))

    def _cell_of(self, moment: float) -> int:
        # A period owns its end: a beat tells of the time up to its stamp.
        return self._cell if moment <= self._end else ceil(moment / PERIOD_S) - 1

    def _at(self, cell: int) -> Period:
        period = self._cells.get(cell)
        if period is None:
            tiers = {name: TierPeriod() for name in self.standing.tiers}
            period = self._cells[cell] = Period(0, 0.0, 0.0, tiers)
        return period

    def _run_started(self, fact: RunStarted, moment: float) -> None:
        self._warmup_s = fact.warmup_s

    def _silenced(self, fact: ChildStale | ChildGivenUp, moment: float) -> None:
        self._hearing.silence(fact.child)

    def _child_ended(self, fact: ChildEnded, moment: float) -> None:
        """Requests end with their engine: one that ended in order has finished them all, else they are cancelled."""
        self._hearing.silence(fact.child)
        if fact.child == "engine":
            for name, requests in self._requests.by_tier().items():
                self._period(moment).tier(name).cancelled += requests
            self._requests.clear()

    def _child_started(self, fact: ChildStarted, moment: float) -> None:
        self._hearing.start(fact.child)
        if fact.child == "meter":
            self._energy.interrupt()

    def _child_answered(self, fact: ChildAnswered, moment: float) -> None:
        self._hearing.answer(fact.child)

    def _lane_loading(self, fact: LaneLoading, moment: float) -> None:
        # Creating a session may silence the engine for seconds; the meter's beat goes on.
        self._hearing.excuse("engine")

    def _lane_ready(self, fact: LaneReady, moment: float) -> None:
        self._energy.lane(fact.tier, (fact.model, fact.precision, fact.context, fact.slots))

    def _worked(self, fact: Worked, moment: float) -> None:
        self._hearing.hear("engine", moment)
        self._requests.beat(fact.lanes)
        span, lanes = fact.span, fact.lanes
        start = moment - span
        busy = {work.tier: work.busy for work in lanes if work.busy > 0}
        if busy:
            self._energy.busy.add(start, moment, busy)
        tiers = self.standing.tiers
        first, last = self._cell_of(start), self._cell_of(moment)
        before = 0.0
        for cell in range(first, last):
            period, share = self._at(cell), ((cell + 1) * PERIOD_S - start) / span
            period.worked += span * (share - before)
            count_part(period, lanes, tiers, before, share)
            before = share
        period = self._at(last)
        if first == last:
            period.worked += span
            count(period, lanes, tiers)
        else:
            period.worked += span * (1.0 - before)
            count_part(period, lanes, tiers, before, 1.0)

    def _first(self, fact: FirstToken, moment: float) -> None:
        if self._totals.since is None:
            self._totals.since = moment
            if self._warmup_s > 0.0:
                # Only whole periods count after a warm-up: its last tokens cannot be told from the first that count.
                self._totals.since = ceil((moment + self._warmup_s) / PERIOD_S) * PERIOD_S
                self._period(moment).events.append(Event(moment, "run", "Warm-up"))
        self._requests.see(fact)
        tier = self._period(moment).tier(fact.tier)
        price = self.standing.tiers.get(fact.tier, UNPRICED).price
        tier.prompt += fact.prompt
        tier.cached += fact.cached
        tier.revenue += input_value(price, fact.prompt, fact.cached)
        bucket = bucket_of(fact.t - fact.submitted)
        tier.ttfts[bucket] = tier.ttfts.get(bucket, 0) + 1

    def _finished(self, fact: Finished, moment: float) -> None:
        self._requests.see(fact)
        tier = self._period(moment).tier(fact.tier)
        if fact.reason in ("cancelled", "error"):
            tier.cancelled += 1
            return
        tier.finished += 1
        tier.finished_tokens += fact.emitted
        tier.finished_s += fact.t - fact.submitted
        setting = self.standing.tiers.get(fact.tier, UNPRICED)
        if kept(fact, setting.promise):
            price = setting.price
            tier.on_time_requests += 1
            tier.on_time_tokens += fact.emitted
            tier.on_time_revenue += output_value(price, fact.emitted) + input_value(price, fact.prompt, fact.cached)

    def _not_recorded(self, fact: Unrecorded, moment: float) -> None:
        """Nobody knows who worked meanwhile and what was drawn: that time has no part in the accounts."""
        since = fact.since - self._origin
        self._gap = (since, ceil(moment / PERIOD_S) * PERIOD_S)
        if self._totals.since is not None:
            self._unrecorded_s += max(0.0, moment - max(since, self._totals.since))
        self._energy.interrupt()
        self._requests.clear()

    def _meter_opened(self, fact: MeterOpened, moment: float) -> None:
        self._energy.open(fact)

    def _recall(self, fact: FloorLearned | SoloLearned, moment: float) -> None:
        self._energy.recall(fact)

    def _read(self, fact: Read, moment: float) -> None:
        self._hearing.hear("meter", moment)
        self._read_until = max(self._read_until, moment)
        period = self._period(moment)
        for reading in fact.devices:
            period.devices[reading.device] = reading
            self._energy.read(reading, self._origin)

    # ---- closing

    def _close(self, stop: float | None) -> list[Period]:
        """Settle the periods that are over; all of them up to `stop`, where the run ended."""
        closed = []
        while True:
            end = self._end
            if stop is None and (self._latest < end or not self._over(end)):
                return closed
            if stop is not None and stop < end:
                self._gather()
                if stop > self._start or self._cell in self._cells:
                    closed.append(self._settle(stop))
                return closed
            closed.append(self._settle(end))
            self._go(self._cell + 1)

    def _over(self, end: float) -> bool:
        if not self._hearing.all_past(end):
            return False
        if not self._hearing.waits_for("meter") or self._read_until > end + PATIENCE_S:
            return True
        return self._energy.known_past(end, self.standing.counted)

    def _pass_over(self, fact: AnyFact, moment: float) -> list[Period]:
        """Settle what there is, and go on with the period of `moment`."""
        closed = self._close(self._latest)
        if not isinstance(fact, Unrecorded):  # else it says so itself
            self._not_recorded(Unrecorded(t=fact.t, since=self._latest + self._origin), moment)
        self._hearing.excuse_all()
        self._go(max(self._cell + 1, ceil(moment / PERIOD_S) - 1))
        self._start = self._cell * PERIOD_S
        return closed

    def _go(self, cell: int) -> None:
        self._cell, self._end = cell, (cell + 1) * PERIOD_S

    def _gather(self) -> None:
        """The end of the run takes in all that was recorded before it, whatever its stamp."""
        for cell in sorted(cell for cell in self._cells if cell > self._cell):
            later, period = self._cells.pop(cell), self._at(self._cell)
            for name, tier in later.tiers.items():
                period.tier(name).add(tier)
            period.worked += later.worked
            period.events += later.events
            period.devices |= later.devices

    def _settle(self, end: float) -> Period:
        period = self._at(self._cell)
        del self._cells[self._cell]
        period.index, period.start, period.end = self._index, self._start, end
        standing = self.standing
        if period.worked == 0.0:
            for name, tier in period.tiers.items():
                lane = standing.lanes.get(name)
                tier.queue, tier.slots_used = (lane.queue, len(lane.slots)) if lane else (0, 0)
        engine = standing.children.get("engine")
        if standing.running and engine is not None and engine.state in ("ended", "given up"):
            period.worked = end - self._start  # known to make nothing, unlike an engine that is only silent
        heard_of = self._hearing.of
        period.late = tuple(
            [
                child
                for child, now in standing.children.items()
                if child != "worker" and now.state not in ("ended", "given up") and heard_of(child) < end
            ]
        )
        self._settle_energy(period)
        if not self._stopped:
            self._total(period)
        self._index += 1
        self._start = end
        return period

    def _settle_energy(self, period: Period) -> None:
        standing, start, end = self.standing, period.start, period.end
        period.counted, period.quality = standing.counted, standing.quality
        dollars = dollars_per_joule(standing.tariff, standing.hour(start))
        if self._index == 0:
            self._flow(0.0)  # what the last edge before the run has to do with the time before it is not the run's
        first = self._totals.since
        before = self._flow(first) if first is not None and start < first < end else None
        flow = self._flow(end)
        if first is not None and first < end and not self._stopped:
            self._totals.add_energy(flow, dollars, period.quality, standing.tiers)
        if before is not None:
            before.add(flow)
            flow = before
        self._energy.settle(end)
        _, loaded = self._lanes_were
        standing.floor_watts = self._energy.floor_watts(standing.counted, loaded)
        self._bridge.book(period, flow)
        if flow.covered <= 0.0:
            period.quality = "unavailable"
            return
        period.joules, period.standby_joules = flow.joules, flow.standby
        period.other_joules, period.floor_joules = flow.other, flow.floor
        period.covered, period.edges, period.uncalibrated = flow.covered, flow.edges, flow.uncalibrated
        period.energy_cost = None if dollars is None else flow.joules * dollars
        standing.uncalibrated = flow.uncalibrated
        for name in flow.loaded:
            period.tier(name)
        borne, active = flow.loaded.get, flow.active.get
        for name, tier in period.tiers.items():
            tier.joules, tier.active_joules = joules, _ = borne(name, 0.0), active(name, 0.0)
            tier.energy_cost = None if dollars is None else joules * dollars

    def _flow(self, until: float) -> Flow:
        standing = self.standing
        counted, declared = standing.counted, standing.declared
        # What a period is told of the lanes came a moment after it: one right after a change teaches no floor.
        before, self._lanes_were = self._lanes_were, (standing.quiet, standing.loaded)
        quiet, loaded = self._lanes_were
        flow = self._energy.measured(counted, until, quiet and before == self._lanes_were, loaded)
        if self._gap[0] < until <= self._gap[1]:
            return Flow()
        if declared is not None and standing.source == "declared":
            return self._energy.declared(declared.idle, declared.busy, until)
        return flow

    def _total(self, period: Period) -> None:
        totals = self._totals
        totals.source = self.standing.source
        if self._warmup_s > 0.0:
            if totals.since is None or period.end <= totals.since:
                return
            if period.start == totals.since:
                period.events.append(Event(period.start, "run", "Warm-up over"))
        for name, tier in period.tiers.items():
            totals.tier(name).add(tier)
        if totals.since is not None:
            totals.seconds = max(0.0, period.end - totals.since - self._unrecorded_s)


_FOLDS: dict[type, Callable[[Ledger, Any, float], None]] = {
    RunStarted: Ledger._run_started,
    ChildStarted: Ledger._child_started,
    ChildAnswered: Ledger._child_answered,
    ChildStale: Ledger._silenced,
    ChildEnded: Ledger._child_ended,
    ChildGivenUp: Ledger._silenced,
    LaneLoading: Ledger._lane_loading,
    LaneReady: Ledger._lane_ready,
    Worked: Ledger._worked,
    FirstToken: Ledger._first,
    Finished: Ledger._finished,
    MeterOpened: Ledger._meter_opened,
    Read: Ledger._read,
    Unrecorded: Ledger._not_recorded,
    FloorLearned: Ledger._recall,
    SoloLearned: Ledger._recall,
}

_Road = tuple[Callable[[Standing, Any], Remark | None] | None, Callable[[Ledger, Any, float], None] | None]
_NOWHERE: _Road = (None, None)
_ROADS: dict[type, _Road] = {kind: (CHANGES.get(kind), _FOLDS.get(kind)) for kind in CHANGES.keys() | _FOLDS.keys()}
"""What a fact of each kind changes of what stands, and of the accounts."""
