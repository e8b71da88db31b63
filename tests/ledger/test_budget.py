"""What a run has used of its budget, and what its warm-up leaves out."""

import msgspec
import pytest
from story import T0, run_started

from desk.facts.happened import FirstToken, LaneWork, RunStopped, WattsDeclared, Worked
from desk.facts.tiers import Budget
from desk.ledger.budget import Spending, reached, spending
from desk.ledger.ledger import Ledger
from desk.ledger.period import Totals


def test_the_limit_that_is_nearest_to_its_end_comes_first():
    totals = Totals(seconds=30.0, joules=90.0)
    found = spending(Budget(joules=100.0, seconds=60.0, dollars=1.0), totals)
    assert found == (Spending("joules", 90.0, 100.0), Spending("seconds", 30.0, 60.0), Spending("dollars", None, 1.0))
    assert not reached(Budget(joules=100.0, seconds=60.0, dollars=1.0), totals)
    assert reached(Budget(joules=90.0, seconds=60.0), totals)
    assert spending(Budget(), totals) == ()
    # What nobody measures stops nobody.
    assert not reached(Budget(joules=1e-9), Totals(seconds=1e9))


def ledger(seconds, warmup):
    """A run at 20 W whose first token comes after 1.2 s, and ten tokens a second from then on."""
    made = Ledger()
    made.post(msgspec.structs.replace(run_started(), warmup_s=warmup))
    made.post(WattsDeclared(t=T0, idle=20.0, busy=20.0))
    for tick in range(1, round(seconds * 10) + 1):
        t = T0 + tick / 10
        if tick == 12:
            made.post(FirstToken(tier="Free", request=1, t=t, submitted=T0, admitted=T0, prompt=5))
        lane = LaneWork(tier="Free", busy=0.05, emitted=int(tick >= 12), steps=1)
        made.post(Worked(t=t, span=0.1, lanes=(lane,)))
    return made


def test_accounts_begin_with_the_first_whole_period_after_the_warm_up():
    whole, cut = ledger(10.0, 0.0), ledger(10.0, 2.5)
    for each in (whole, cut):
        each.post(RunStopped(t=T0 + 10.0, reason="stopped"))
    assert whole.totals().since == pytest.approx(1.2)
    assert (cut.totals().since, cut.totals().seconds) == (4.0, 6.0)
    assert cut.totals().tokens_out == 60
    assert cut.totals().tokens_in == 0
    assert cut.totals().joules == pytest.approx(20.0 * 6.0)
    assert whole.totals().joules == pytest.approx(20.0 * 8.8)
    assert whole.totals().tokens_out == 89


def test_the_warm_up_is_marked_where_it_begins_and_ends():
    made = Ledger()
    periods = []
    made.post(msgspec.structs.replace(run_started(), warmup_s=1.0))
    for tick in range(1, 50):
        t = T0 + tick / 10
        if tick == 3:
            periods += made.post(FirstToken(tier="Free", request=1, t=t, submitted=T0, admitted=T0, prompt=5))
        periods += made.post(Worked(t=t, span=0.1, lanes=(LaneWork(tier="Free", busy=0.05, emitted=1),)))
    marks = [(round(event.at, 6), event.text) for period in periods for event in period.events]
    assert [mark for mark in marks if "arm-up" in mark[1]] == [(0.3, "Warm-up"), (1.5, "Warm-up over")]


def test_a_run_that_ends_in_its_warm_up_has_no_accounts():
    made = ledger(3.0, 60.0)
    made.post(RunStopped(t=T0 + 3.0, reason="stopped"))
    totals = made.totals()
    assert (totals.seconds, totals.tokens_out, totals.joules) == (None, 0, None)
