"""What holds for any factory: nothing is lost, nothing counts twice, and bursts change nothing."""

from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from story import BOARD, T0, balanced, finished, first, opened, run_started, run_stopped

from desk.facts.codec import decode_fact, encode
from desk.facts.happened import ChildAnswered, ChildEnded, ChildStale, ChildStarted, LaneWork, WattsDeclared, Worked
from desk.facts.metered import DeviceReading, Read
from desk.ledger.ledger import Ledger

BEAT_S = 0.1


@dataclass
class Factory:
    """All facts of a run in arrival order, and what the device really drew in each stretch between two edges."""

    facts: list
    strides: list[tuple[float, float, float]]
    """(from, to, joules) of every two edges that follow each other within an epoch, seconds since the start."""
    emitted: int


@st.composite
def factories(draw, source="nvml-counter"):
    """A run with random load, power, delays on the way, counter steps, resets and silences of either child."""
    beats = draw(st.integers(5, 40))
    silences = draw(st.lists(st.tuples(st.sampled_from(["engine", "meter"]), st.integers(1, beats)), max_size=2))
    resets = draw(st.sets(st.integers(1, beats), max_size=2))
    slowest = draw(st.sampled_from([0.0, 0.1, 1.0]))
    # The many small numbers come from one seed: drawn one by one they would take most of the test's time.
    chance = Random(draw(st.integers(0, 2**32)))
    sent, strides, emitted = [], [], 0
    joules, epoch, last = 0.0, 0, None
    for beat in range(1, beats + 1):
        at = beat * BEAT_S
        lanes = []
        for tier, part in (("Free", 0.4), ("Ultra", 0.6)):
            tokens = chance.choice([0, 0, 1, 5])
            emitted += tokens
            busy = BEAT_S * part * chance.choice([0.0, 1.0, chance.random()])
            lanes.append(LaneWork(tier=tier, busy=busy, emitted=tokens, gaps={tokens: tokens} if tokens else {}))
        sent.append((at + slowest * chance.random(), Worked(t=T0 + at, span=BEAT_S, lanes=tuple(lanes))))
        if beat in resets:
            epoch, joules, last = epoch + 1, 0.0, None
        edges = []
        for tenth in sorted(chance.sample(range(10), chance.randrange(4))):
            joules += 40.0 * chance.random()
            edges.append((T0 + at - BEAT_S * (0.9 - tenth / 10), joules))
            if last is not None:
                strides.append((last[0] - T0, edges[-1][0] - T0, joules - last[1]))
            last = edges[-1]
        foreign = chance.choice([None, 0, 5])
        reading = DeviceReading(device=BOARD.id, epoch=epoch, edges=tuple(edges), memory_foreign=foreign)
        sent.append((at + slowest * chance.random(), Read(t=T0 + at, devices=(reading,))))
    for child, beat in silences:
        at = (beat + 0.5) * BEAT_S
        sent.append((at, ChildStale(t=T0 + at, child=child, age=0.3)))
        sent.append((at + 0.5, ChildAnswered(t=T0 + at + 0.5, child=child)))
    if draw(st.booleans()):
        sent += [(0.3, first(0.3)), (0.4, finished(0.4))]
    # Facts of one child never overtake each other on its pipe.
    arrivals, latest = [], {Worked: 0.0, Read: 0.0}
    for number, (arrival, fact) in enumerate(sent):
        if type(fact) in latest:
            arrival = latest[type(fact)] = max(arrival, latest[type(fact)])
        arrivals.append((arrival, number, fact))
    facts = [run_started(), opened(source=source, devices=(BOARD,) if source != "none" else ())]
    facts += [fact for _, _, fact in sorted(arrivals, key=lambda item: item[:2])]
    return Factory([*facts, run_stopped(max(fact.t for fact in facts) - T0 + 0.01)], strides, emitted)


def settled(facts):
    ledger = Ledger()
    return ledger, [period for fact in facts for period in ledger.post(fact)]


@given(factories())
@settings(deadline=None)
def test_joules_conserve(factory):
    ledger, periods = settled(factory.facts)
    for period in periods:
        if period.joules is None:
            continue
        assert balanced(period)
        parts = [period.standby_joules, period.other_joules, period.floor_joules, period.joules]
        parts += [joules for tier in period.tiers.values() for joules in (tier.joules, tier.active_joules)]
        assert min(parts) >= -1e-9
        assert all(tier.active_joules <= tier.joules + 1e-9 for tier in period.tiers.values())
    # Everything that the counter told of the run's time is in the periods; edges before the start of the run are not.
    end = periods[-1].end
    told = 0.0
    for start, stop, joules in factory.strides:
        inside = min(stop, end) - max(start, 0.0)
        told += joules * (inside / (stop - start) if inside < stop - start else 1.0) if inside > 0 else 0.0
    assert sum(p.joules or 0.0 for p in periods) == pytest.approx(told, rel=1e-6, abs=1e-6)
    totals = ledger.totals()
    if totals.joules is not None:
        loaded = sum(tier.joules for tier in totals.tiers.values())
        assert loaded + totals.standby_joules + totals.other_joules == pytest.approx(totals.joules)
        assert totals.joules <= told + 1e-6


@given(factories())
@settings(deadline=None)
def test_tokens_conserve(factory):
    ledger, periods = settled(factory.facts)
    assert sum(tier.emitted for p in periods for tier in p.tiers.values()) == factory.emitted
    totals = ledger.totals()
    assert totals.tokens_out == factory.emitted
    assert sum(sum(tier.gaps.values()) for tier in totals.tiers.values()) == factory.emitted
    assert totals.revenue == pytest.approx(sum(tier.revenue for p in periods for tier in p.tiers.values()))
    assert sum(tier.metered for tier in totals.tiers.values()) <= factory.emitted
    busy = sum(lane.busy for fact in factory.facts if isinstance(fact, Worked) for lane in fact.lanes)
    assert sum(tier.busy for tier in totals.tiers.values()) == pytest.approx(busy)


@given(factories())
@settings(deadline=None)
def test_periods_follow_each_other_without_a_hole(factory):
    _, periods = settled(factory.facts)
    assert [p.index for p in periods] == list(range(len(periods)))
    assert periods[0].start == 0.0
    assert all(one.end == two.start for one, two in pairwise(periods))
    assert periods[-1].end == pytest.approx(factory.facts[-1].t - T0)


@given(factories(), st.data())
@settings(deadline=None)
def test_bursts_and_the_wire_change_nothing(factory, data):
    """The panel drains now one fact, now fifty, and a replay reads them from a file: not a bit may differ."""
    live, replay = Ledger(), Ledger()
    one_by_one = [period for fact in factory.facts for period in live.post(fact)]
    in_bursts, rest = [], [encode(fact) for fact in factory.facts]
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        burst, rest = [decode_fact(line) for line in rest[:size]], rest[size:]
        in_bursts += replay.fold(burst)
    assert in_bursts == one_by_one
    assert replay.totals() == live.totals()
    assert replay.standing == live.standing


@given(factories(), st.data())
@settings(deadline=None)
def test_a_copy_goes_its_own_way(factory, data):
    """The same facts again from a moment before, as after a jump backward in a recording."""
    place = data.draw(st.integers(0, len(factory.facts)))
    ledger, _ = settled(factory.facts[:place])
    early = deepcopy(ledger)
    straight = [period for fact in factory.facts[place:] for period in ledger.post(fact)]
    assert [period for fact in factory.facts[place:] for period in early.post(fact)] == straight
    assert early.totals() == ledger.totals()
    assert early.standing == ledger.standing


@given(factories(source="none"), st.floats(0.0, 50.0), st.floats(50.0, 500.0))
@settings(deadline=None)
def test_declared_watts_are_idle_and_busy_time(factory, idle, busy):
    facts = [*factory.facts[:2], WattsDeclared(t=T0, idle=idle, busy=busy), *factory.facts[2:]]
    _, periods = settled(facts)
    worked = sum(lane.busy for fact in facts if isinstance(fact, Worked) for lane in fact.lanes)
    assert sum(p.joules for p in periods) == pytest.approx(idle * periods[-1].end + (busy - idle) * worked, abs=1e-5)
    assert all(balanced(p) and p.quality == "estimated" for p in periods)


@given(st.lists(st.sampled_from(["start", "stale", "answer", "end", "engine", "meter", "wait"]), max_size=40))
@settings(deadline=None)
def test_any_order_of_lives_and_deaths_closes_every_period_once(lives):
    """Whatever the children do, time goes on in whole half-seconds, and the end of the run ends all."""
    ledger, periods = Ledger(), []
    ledger.post(run_started())
    at = T0
    for number, word in enumerate(lives):
        at += 0.17
        child = "engine" if number % 3 else "meter"
        fact = {
            "start": ChildStarted(t=at, child=child, pid=1),
            "stale": ChildStale(t=at, child=child, age=0.3),
            "answer": ChildAnswered(t=at, child=child),
            "end": ChildEnded(t=at, child=child, exit=0),
            "engine": Worked(t=at, span=0.1, lanes=(LaneWork(tier="Free", busy=0.05, emitted=1),)),
            "meter": Read(t=at),
            "wait": opened(at - T0),
        }[word]
        periods += ledger.post(fact)
    periods += ledger.post(run_stopped(at - T0 + 0.1))
    assert periods[-1].end == pytest.approx(at - T0 + 0.1)
    assert [p.end for p in periods[:-1]] == [0.5 * (number + 1) for number in range(len(periods) - 1)]
    assert ledger.totals().tokens_out == lives.count("engine")
