"""When periods close, and what counts in which."""

import pytest
from story import FREE, T0, TARIFF, ULTRA, first, fold, opened, read, run_started, run_stopped, slots, steady, worked

from desk.facts.happened import (
    ChildAnswered,
    ChildEnded,
    ChildGivenUp,
    ChildStale,
    ChildStarted,
    LaneLoading,
    Noted,
    TierChanged,
)
from desk.ledger.ledger import Ledger


def test_a_period_closes_when_both_children_and_the_counter_are_past_its_end():
    ledger, closed = fold(run_started(), opened(), worked(0.1), read(0.1, (0.1, 1.0)), worked(0.6), read(0.6))
    assert closed == []  # the counter has not been seen to move
    (period,) = ledger.post(read(0.7, (0.65, 56.0)))
    assert (period.index, period.start, period.end) == (0, 0.0, 0.5)
    assert period.joules == pytest.approx(40.0)  # from 0.1 s on, 100 W
    assert period.covered == pytest.approx(0.4)


def test_a_counter_that_stands_still_holds_a_period_up_for_a_second():
    ledger, closed = fold(run_started(), opened(), worked(0.1), read(0.1, (0.1, 1.0)), worked(2.0), read(1.5))
    assert closed == []
    (period,) = ledger.post(read(1.51))
    assert period.joules is None
    assert period.quality == "unavailable"


def test_the_slower_child_decides():
    ledger, closed = fold(run_started(), opened(source="none", devices=()), worked(0.1), read(3.0))
    assert closed == []
    assert len(ledger.post(worked(1.2))) == 2


def test_a_stale_child_is_not_waited_for_until_it_answers():
    ledger, closed = fold(run_started(), opened(source="none", devices=()), worked(0.1, span=0.1), read(0.1))
    assert not closed
    ledger.post(ChildStale(t=T0 + 0.4, child="engine", age=0.3))
    (period,) = ledger.post(read(0.6))
    assert period.late == ("engine",)
    assert period.worked == pytest.approx(0.1)
    ledger.post(ChildAnswered(t=T0 + 0.7, child="engine"))
    ledger.post(worked(0.75, span=0.65, Ultra={"emitted": 7}))
    (late,) = ledger.post(read(1.1)) + ledger.post(worked(1.1))
    assert late.tiers["Ultra"].emitted == 7  # what came late counts in the open period
    assert late.worked == pytest.approx(0.65 + 0.25 * 0.125 / 0.35, abs=0.1)
    assert late.late == ()


def test_an_engine_that_is_gone_is_known_to_make_nothing():
    ledger, _ = fold(run_started(), opened(source="none", devices=()), worked(0.1), read(0.1))
    (period,) = ledger.post(ChildEnded(t=T0 + 0.2, child="engine", exit=-11, cause="It crashed.")) + ledger.post(
        read(0.6)
    )
    assert period.worked == 0.5
    assert period.late == ()
    assert [(event.kind, event.text) for event in period.events[1:]] == [("child", "It crashed.")]


def test_last_words_of_a_child_that_has_ended_hold_nothing_up():
    ledger, _ = fold(run_started(), opened(source="none", devices=()), worked(0.1), read(0.1))
    ledger.post(ChildEnded(t=T0 + 0.2, child="engine", exit=0))
    ledger.post(worked(0.15, Ultra={"emitted": 1}))
    assert len(ledger.post(read(5.0))) == 10


def test_a_loading_engine_does_not_freeze_the_watts():
    _, closed = fold(
        run_started(),
        opened(),
        ChildStarted(t=T0, child="engine", pid=1),
        worked(0.1),
        LaneLoading(t=T0 + 0.1, tier="Ultra", model="m"),
        *(read(beat / 10, (beat / 10, beat)) for beat in range(1, 21)),
    )
    assert [period.end for period in closed] == [0.5, 1.0, 1.5, 2.0]
    assert closed[-1].late == ("engine",)


def test_without_children_the_plants_own_facts_move_time_on():
    _, closed = fold(
        run_started(),
        ChildGivenUp(t=T0 + 0.2, child="meter", cause="It fails.", remedy="Try again."),
        Noted(t=T0 + 1.2, text="still here"),
    )
    assert [period.end for period in closed] == [0.5, 1.0]
    assert closed[0].events[0].text == "Run started"


def test_work_across_the_end_of_a_period_is_divided_and_stays_whole():
    lane = {"busy": 0.2, "emitted": 7, "steps": 3, "prefill": 5, "queue": 2, "slots": slots(3), "gaps": {7: 6}}
    _, closed = fold(
        run_started(), opened(source="none", devices=()), worked(0.75, span=0.5, Ultra=lane), read(1.0), worked(1.0)
    )
    one, two = (period.tiers["Ultra"] for period in closed)
    assert (one.emitted + two.emitted, one.steps + two.steps, one.prefill + two.prefill) == (7, 3, 5)
    assert one.emitted in (3, 4)
    assert one.busy == two.busy == 0.1
    assert (one.queue, one.slots_used) == (2, 3)
    assert (one.gaps, two.gaps) == ({}, {7: 6})
    assert closed[0].worked == 0.25


def test_a_beat_belongs_to_the_period_that_it_ends():
    _, closed = fold(
        run_started(), opened(source="none", devices=()), worked(0.5, Free={"emitted": 2, "gaps": {1: 2}}), read(0.5)
    )
    assert closed[0].tiers["Free"].emitted == 2
    assert closed[0].tiers["Free"].gaps == {1: 2}


def test_a_silent_period_repeats_queue_and_slots():
    _, closed = fold(
        run_started(),
        opened(source="none", devices=()),
        read(0.1),
        worked(0.5, Ultra={"queue": 4, "slots": slots(2)}),
        ChildStale(t=T0 + 0.6, child="engine", age=0.3),
        read(1.1),
    )
    assert [(p.tiers["Ultra"].queue, p.tiers["Ultra"].slots_used) for p in closed] == [(4, 2), (4, 2)]


def test_the_end_of_a_run_closes_what_is_open_and_the_grid_goes_on():
    ledger, closed = fold(
        run_started(), opened(), *steady(0.75, 80.0, Ultra={"emitted": 1}), first(0.7), run_stopped(0.875)
    )
    assert [(p.start, p.end) for p in closed] == [(0.0, 0.5), (0.5, 0.875)]
    totals = ledger.totals()
    assert totals.tiers["Ultra"].emitted == 6
    assert totals.seconds == pytest.approx(0.175)
    after = [p for fact in steady(1.0, 80.0, start=0.875, joules=70.0) for p in ledger.post(fact)]
    assert [(p.index, p.start, p.end) for p in after] == [(2, 0.875, 1.0), (3, 1.0, 1.5)]
    assert after[1].joules == pytest.approx(40.0)
    assert ledger.totals() is totals
    assert totals.seconds == pytest.approx(0.175)
    assert not ledger.standing.running


def test_a_run_that_ends_at_a_periods_end_has_no_empty_rest():
    _, closed = fold(run_started(), opened(source="none", devices=()), worked(0.5), run_stopped(1.0))
    assert [(p.start, p.end) for p in closed] == [(0.0, 0.5), (0.5, 1.0)]
    assert closed[-1].events[0].text == "Run ended: stopped"


def test_the_end_of_a_run_takes_in_all_that_was_recorded_before_it():
    ledger, closed = fold(
        run_started(),
        opened(source="none", devices=()),
        worked(1.0, Ultra={"emitted": 4}),
        read(1.25),
        first(1.0),  # its period has closed
        worked(2.25, span=1.0, Ultra={"emitted": 8, "gaps": {5: 8}, "queue": 3}, Odd={"emitted": 1}),
        Noted(t=T0 + 1.75, text="here"),
        run_stopped(1.25),  # stamped before, written after
    )
    assert [(p.start, p.end) for p in closed] == [(0.0, 0.5), (0.5, 1.0), (1.0, 1.25)]
    totals = ledger.totals()
    assert (totals.tokens_in, totals.tokens_out) == (20, 13)
    assert totals.tiers["Ultra"].gaps == {5: 8}
    assert closed[-1].tiers["Ultra"].queue == 3
    assert [event.text for event in closed[-1].events] == ["Run ended: stopped", "here"]
    assert set(closed[-1].devices) == {"gpu0"}


def test_facts_that_come_after_their_period_still_count_at_the_very_end():
    ledger, closed = fold(
        run_started(), opened(source="none", devices=()), worked(0.5), read(0.5), first(0.5), run_stopped(0.5)
    )
    assert [(p.start, p.end) for p in closed] == [(0.0, 0.5), (0.5, 0.5)]
    assert ledger.totals().tokens_in == 20


def test_a_new_run_starts_afresh():
    story = [run_started(), opened(), *steady(2.0, 90.0, Ultra={"busy": 0.1, "emitted": 3}), first(1.0)]
    ledger, closed = fold(Noted(t=1.0, text="before"), *story)
    again, fresh = fold(*story)
    assert closed[-len(fresh) :] == fresh
    assert ledger.totals() == again.totals()
    assert ledger.standing == again.standing


def test_watts_are_metered_before_any_run():
    ledger, closed = fold(opened(), *(read(beat / 10, (beat / 10, 3.0 * beat)) for beat in range(1, 21)))
    assert closed[1].joules == pytest.approx(15.0)
    assert closed[1].standby_joules == pytest.approx(15.0)
    assert closed[1].energy_cost is None  # no tariff yet
    assert ledger.totals().seconds is None
    assert ledger.totals().joules is None


def test_facts_from_before_the_run_count_from_its_start():
    _, closed = fold(
        run_started(),
        opened(),
        read(0.0, (-0.5, 0.0)),
        worked(0.25, span=0.5, Free={"emitted": 4}),
        worked(0.5),
        read(0.5, (0.5, 100.0)),
    )
    assert closed[0].tiers["Free"].emitted == 4
    assert closed[0].joules == pytest.approx(50.0)
    assert closed[0].covered == pytest.approx(0.5)


def test_work_of_a_lane_without_a_tier_is_counted_and_worth_nothing():
    ledger, closed = fold(
        run_started(),
        opened(source="none", devices=()),
        first(0.2, tier="Odd"),
        worked(0.5, Odd={"emitted": 3}),
        read(0.5),
    )
    assert closed[0].tiers["Odd"].emitted == 3
    assert closed[0].tiers["Odd"].revenue == 0.0
    assert ledger.totals().tokens_out == 3


def test_tiers_of_a_period_are_those_in_force():
    ledger = Ledger()
    for tier in (ULTRA, FREE):
        ledger.post(TierChanged(t=T0, tier=tier))
    ledger.post(opened(source="none", devices=()))
    (period,) = ledger.post(read(0.5))
    assert list(period.tiers) == ["Ultra", "Free"]
    assert period.events == []  # nothing is running: no mark
    assert TARIFF.pue == 1.5
