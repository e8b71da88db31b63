"""A silence that no recording of ours holds: passed over, and no part of any account."""

from copy import deepcopy
from itertools import pairwise

import pytest
from story import T0, finished, first, fold, opened, read, run_started, run_stopped, steady, worked

from desk.facts.happened import Paused, Resumed, TierRemoved, Unrecorded, WattsDeclared
from desk.ledger.hearing import LONGEST_SILENCE_S
from desk.ledger.ledger import Ledger

LONG = LONGEST_SILENCE_S + 100.0


def run(*between, after):
    """Four seconds of work, something, and four more from `after` on."""
    early = [run_started(), opened(), first(0.25), *steady(4, 80.0, Free={"busy": 0.1, "emitted": 2})]
    late = steady(4, 80.0, start=after, joules=1e6, Free={"busy": 0.1, "emitted": 2})
    return fold(*early, *between, *late, run_stopped(after + 4.0))


@pytest.mark.parametrize("told", [False, True], ids=["silence", "said to be unrecorded"])
def test_a_long_silence_is_no_part_of_the_accounts(told):
    between = [Unrecorded(t=T0 + 4.0 + LONG, since=T0 + 4.0)] if told else []
    ledger, periods = run(*between, after=4.0 + LONG)
    totals = ledger.totals()
    assert totals.tokens_out == 2 * 64
    assert totals.seconds == pytest.approx(7.75, abs=0.5)
    assert 400.0 < totals.joules < 640.0
    assert len(periods) < 20
    assert [period.index for period in periods] == list(range(len(periods)))
    assert all(period.end - period.start <= 0.5 for period in periods)


def test_a_short_silence_goes_on_in_half_seconds():
    _, periods = run(after=64.0)
    assert periods[-1].end == 68.0
    assert all(one.end == two.start for one, two in pairwise(periods))


def test_a_pause_is_no_silence():
    """Both children beat while nothing steps: all of it is in the accounts, and the engine is known to make nothing."""
    paused = [fact for at in range(1, int(LONG) + 1) for fact in (worked(4.0 + at, span=1.0, Free={}), read(4.0 + at))]
    ledger, periods = run(Paused(t=T0 + 4.0), *paused, Resumed(t=T0 + 4.0 + LONG), after=4.0 + LONG)
    assert ledger.totals().seconds == pytest.approx(LONG + 7.75)
    assert all(one.end == two.start for one, two in pairwise(periods))
    assert all(period.worked > 0.0 for period in periods if period.end > period.start)


def test_work_of_a_child_that_hung_is_counted_when_it_is_told():
    """The whole factory was held and goes on: the first beat after it tells of all the time since the last one."""
    held = worked(4.0 + LONG, span=LONG, Free={"busy": 1.0, "emitted": 7})
    ledger, periods = run(held, after=4.0 + LONG)
    assert ledger.totals().tokens_out == 2 * 64 + 7
    assert sum(tier.emitted for period in periods for tier in period.tiers.values()) == 2 * 64 + 7
    assert ledger.totals().seconds == pytest.approx(7.75, abs=0.5)


def test_after_the_run_a_silence_changes_none_of_its_accounts():
    """Between two runs the factory may rest for days."""
    ledger, _ = run(after=4.0)
    before = deepcopy(ledger.totals())
    for fact in (read(8.0 + LONG), TierRemoved(t=T0 + 9.0 + 2 * LONG, tier="Free"), read(9.5 + 2 * LONG)):
        ledger.post(fact)
    assert ledger.totals() == before


def test_a_stamp_from_nowhere_costs_nothing():
    for far in (1e9, 9e9):
        ledger, periods = fold(run_started(), worked(0.125), read(far), worked(far + 0.25), run_stopped(far + 0.5))
        assert len(periods) < 5
        assert ledger.totals().tokens_out == 0


def test_a_run_whose_warm_up_is_cut_by_silence_still_ends():
    ledger = Ledger()
    for fact in (run_started(), first(0.5), Unrecorded(t=T0 + 2.0, since=T0 + 1.0), finished(3.0), run_stopped(4.0)):
        ledger.post(fact)
    assert ledger.totals().seconds == pytest.approx(2.5)


def test_before_the_first_token_nothing_was_missed():
    ledger, _ = fold(run_started(), Unrecorded(t=T0 + 2.0, since=T0 + 1.0), first(3.0), run_stopped(5.0))
    assert ledger.totals().seconds == pytest.approx(2.0)


def test_a_tier_that_was_removed_is_gone_with_its_lane():
    ledger, _ = fold(run_started(), TierRemoved(t=T0 + 1.0, tier="Free"), TierRemoved(t=T0 + 1.0, tier="Nobody"))
    assert list(ledger.standing.tiers) == list(ledger.standing.lanes) == ["Ultra"]


def test_declared_watts_are_not_drawn_in_time_that_nobody_recorded():
    declared = WattsDeclared(t=T0, idle=10.0, busy=30.0)
    facts = [run_started(), declared, first(0.5), worked(1.0), Unrecorded(t=T0 + 3.0, since=T0 + 1.0), worked(4.0)]
    ledger, _ = fold(*facts, run_stopped(4.0))
    assert ledger.totals().joules == pytest.approx(10.0 * (0.5 + 1.0))
