"""Joules: edges, samples, gaps, and who bears them. Every case has an answer known by hand."""

import pytest
from story import (
    BESIDE,
    BOARD,
    PACKAGE,
    T0,
    ULTRA,
    balanced,
    first,
    fold,
    opened,
    read,
    run_started,
    run_stopped,
    sampled,
    steady,
    worked,
)

from desk.facts.happened import (
    ChildAnswered,
    ChildEnded,
    ChildGivenUp,
    ChildStale,
    ChildStarted,
    EngineOpened,
    LaneLoading,
    LaneReady,
    WattsDeclared,
)
from desk.ledger.account import Busy, Recent

ALONE = {"busy": 0.125, "emitted": 5}


def ready(tier="Ultra", at=0.0, **settings):
    lane = {"model": "m", "precision": "q8", "provider": "cuda", "context": 64, "slots": 4} | settings
    return LaneReady(t=T0 + at, tier=tier, weights_bytes=1, kv_bytes=1, load_s=0.1, **lane)


def engine(provider="cuda", uuid=""):
    return EngineOpened(t=T0, runtime="r", provider=provider, device="d", threads=2, device_uuid=uuid)


# ---- the counter


def test_energy_is_interpolated_between_edges():
    _, closed = fold(
        run_started(),
        opened(),
        read(0.0, (0.0, 5.0)),
        worked(1.0),
        read(1.0, (0.4, 45.0), (0.8, 165.0)),
        worked(1.6),
        read(1.6, (1.2, 245.0), (1.6, 325.0)),
    )
    # 100 W to 0.4 s, 300 W to 0.8 s, 200 W after.
    assert [p.joules for p in closed] == pytest.approx([40.0 + 30.0, 90.0 + 40.0, 100.0])
    assert [p.covered for p in closed] == pytest.approx([0.5] * 3)
    assert [p.edges for p in closed] == [2, 2, 2]
    assert all(balanced(p) for p in closed)


def test_a_reset_is_a_gap_neither_zero_nor_negative():
    _, closed = fold(
        run_started(),
        opened(),
        *steady(1.0, 80.0),
        worked(1.5),
        read(1.5, (1.25, 5.0), (1.5, 25.0), epoch=1),
        worked(2.0),
        read(2.0, (2.0, 65.0), epoch=1),
    )
    assert closed[2].joules == pytest.approx(20.0)
    assert closed[2].covered == pytest.approx(0.25)
    assert closed[3].joules == pytest.approx(40.0)


def test_a_counter_that_falls_was_reset_even_if_nobody_said_so():
    _, closed = fold(run_started(), opened(), *steady(1.0, 80.0), worked(1.5), read(1.5, (1.25, 5.0), (1.5, 25.0)))
    assert closed[2].joules == pytest.approx(20.0)


def test_an_edge_told_twice_counts_once():
    _, closed = fold(
        run_started(), opened(), read(0.1, (0.0, 0.0), (0.25, 20.0)), worked(0.5), read(0.5, (0.25, 20.0), (0.5, 40.0))
    )
    assert closed[0].joules == pytest.approx(40.0)


def test_a_new_meter_process_starts_a_new_count():
    _, closed = fold(
        run_started(),
        opened(),
        ChildStarted(t=T0, child="meter", pid=1),
        *steady(0.5, 8.0),
        ChildEnded(t=T0 + 0.5, child="meter", exit=-9, cause="It was killed."),
        ChildStarted(t=T0 + 0.6, child="meter", pid=2),
        opened(0.7),
        read(1.0, (0.75, 5.0), (1.0, 25.0)),  # more than the old count, but of another process
        worked(1.0),
    )
    assert closed[1].joules == pytest.approx(20.0)
    assert closed[1].covered == pytest.approx(0.25)


def test_energy_of_periods_closed_without_the_meter_comes_with_its_time_and_tokens():
    lane = {"Ultra": ALONE}
    facts = [run_started(), opened(), first(0.0), read(0.0, (0.0, 0.0)), *steady(1.0, 80.0, **lane)]
    facts += [ChildStale(t=T0 + 1.0, child="meter", age=0.3)]
    facts += [worked(1.0 + beat / 8, **lane) for beat in range(1, 13)]
    facts += [ChildAnswered(t=T0 + 2.5, child="meter"), read(2.5, (2.5, 200.0))]
    facts += steady(0.5, 80.0, start=2.5, joules=200.0, **lane)
    ledger, closed = fold(*facts)
    assert [p.joules for p in closed[2:5]] == [None, None, None]
    assert closed[2].late == ("meter",)
    assert closed[5].joules == pytest.approx(160.0)
    assert closed[5].covered == pytest.approx(2.0)
    assert closed[5].tiers["Ultra"].metered == 80
    assert all(balanced(p) for p in closed if p.joules is not None)
    totals = ledger.totals()
    assert totals.joules == pytest.approx(240.0)
    assert totals.tokens_per_joule == pytest.approx(0.5)
    assert totals.covered == pytest.approx(3.0)


def test_tokens_of_a_gap_that_stays_unknown_are_left_out_of_the_ratio():
    lane = {"Ultra": ALONE}
    facts = [run_started(), opened(), first(0.0), read(0.0, (0.0, 0.0)), *steady(1.0, 80.0, **lane)]
    facts += [ChildStale(t=T0 + 1.0, child="meter", age=0.3)]
    facts += [worked(1.0 + beat / 8, **lane) for beat in range(1, 13)]
    facts += [ChildAnswered(t=T0 + 2.5, child="meter"), read(2.5, (2.5, 7.0), epoch=1)]
    facts += steady(0.5, 80.0, start=2.5, joules=7.0, epoch=1, **lane)
    ledger, closed = fold(*facts)
    totals = ledger.totals()
    assert totals.tokens_out == 120
    assert totals.tiers["Ultra"].metered == 60
    assert totals.joules == pytest.approx(120.0)
    assert totals.tokens_per_joule == pytest.approx(0.5)
    assert closed[-1].covered == pytest.approx(0.5)


# ---- power, integrated


def test_power_is_integrated_by_trapezoids_and_gaps_are_not_bridged():
    beats = [(beat / 10, 100.0 + 100.0 * beat / 10) for beat in range(11)]
    _, closed = fold(
        run_started(),
        opened(source="nvml-power"),
        sampled(0.5, *beats[:6]),
        worked(1.0),
        sampled(1.0, *beats[6:]),
        worked(2.0),
        sampled(2.0, (1.75, 200.0), (1.85, 200.0), (1.95, 200.0), (2.0, 200.0)),
    )
    assert closed[0].joules == pytest.approx(50.0 + 12.5)
    assert closed[1].joules == pytest.approx(75.0 + 12.5)
    assert closed[3].joules == pytest.approx(50.0)  # from 1.75 s on: 0.75 s without a sample are not guessed
    assert closed[3].covered == pytest.approx(0.25)
    assert closed[2].joules is None


def test_a_sample_out_of_order_is_passed_over():
    _, closed = fold(
        run_started(),
        opened(source="battery", devices=(PACKAGE,)),
        sampled(0.0, (0.0, 20.0), device="machine"),
        worked(0.5),
        sampled(0.5, (0.25, 20.0), (0.2, 90.0), (0.5, 20.0), device="machine"),
    )
    assert closed[0].joules is None  # the device of a battery is the machine, and none was named


def test_an_amd_counter_is_better_than_its_power():
    both = sampled(0.5, (0.25, 100.0), (0.5, 100.0))
    edges = read(1.0, (0.75, 30.0), (1.0, 60.0))
    _, closed = fold(run_started(), opened(source="amd"), both, worked(0.5), worked(1.0), edges)
    assert closed[0].joules == pytest.approx(25.0)
    assert closed[1].joules == pytest.approx(30.0)


def test_a_new_epoch_of_samples_is_not_bridged():
    _, closed = fold(
        run_started(),
        opened(source="nvml-power"),
        sampled(0.25, (0.0, 80.0), (0.1, 80.0), (0.2, 80.0)),
        worked(0.5),
        sampled(0.5, (0.3, 80.0), (0.5, 80.0), epoch=1),
    )
    assert closed[0].joules == pytest.approx(32.0)
    assert closed[0].covered == pytest.approx(0.4)


def test_another_source_begins_another_account():
    _, closed = fold(
        run_started(),
        opened(),
        *steady(0.5, 80.0),
        opened(0.5, source="nvml-power"),
        worked(1.0),
        sampled(1.0, (0.5, 10.0), (0.75, 10.0), (1.0, 10.0)),
    )
    assert closed[1].joules == pytest.approx(5.0)
    assert closed[1].counted == ("gpu0",)


# ---- declared watts


def declared(idle=20.0, busy=100.0, at=0.0, assumed=False):
    return WattsDeclared(t=T0 + at, idle=idle, busy=busy, assumed=assumed)


def test_declared_watts_follow_the_busy_share():
    lanes = {"Free": {"busy": 0.025}, "Ultra": {"busy": 0.05}}
    facts = [run_started(), opened(source="none", devices=()), declared()]
    facts += [fact for beat in range(1, 9) for fact in (worked(beat / 8, **lanes), read(beat / 8))]
    ledger, closed = fold(*facts)
    period = closed[1]
    assert period.quality == "estimated"
    assert period.joules == pytest.approx(0.5 * 20.0 + 80.0 * 0.3)
    assert period.floor_joules == pytest.approx(10.0)
    assert period.tiers["Ultra"].active_joules == pytest.approx(80.0 * 0.2)
    assert period.tiers["Free"].joules == pytest.approx(80.0 * 0.1 + 5.0)
    assert period.other_joules == 0.0
    assert not period.uncalibrated
    assert balanced(period)
    assert ledger.standing.source == "declared"


def test_declared_watts_of_an_idle_factory_stand_by():
    _, closed = fold(run_started(), opened(source="none", devices=()), declared(), worked(0.5), read(0.5))
    assert closed[0].standby_joules == closed[0].joules == pytest.approx(10.0)


def test_measured_watts_go_before_declared_ones():
    ledger, closed = fold(run_started(), opened(), declared(), read(0.0, (0.0, 0.0)), *steady(0.5, 80.0))
    assert closed[0].joules == pytest.approx(40.0)
    assert closed[0].quality == "measured"
    ledger.post(ChildGivenUp(t=T0 + 0.6, child="meter", cause="It fails.", remedy="Try again."))
    (period,) = ledger.post(worked(1.0))
    assert period.quality == "estimated"
    assert period.joules == pytest.approx(10.0)


def test_one_estimated_period_makes_the_total_an_estimate():
    facts = [run_started(), opened(), declared(), first(0.0), read(0.0, (0.0, 0.0)), *steady(0.5, 80.0)]
    ledger, _ = fold(*facts)
    assert ledger.totals().quality == "measured"
    ledger.post(ChildGivenUp(t=T0 + 0.6, child="meter", cause="It fails.", remedy="Try again."))
    ledger.post(worked(1.0))
    assert ledger.totals().quality == "estimated"
    assert ledger.totals().source == "declared"


def test_without_any_watts_nothing_is_said():
    ledger, closed = fold(
        run_started(), opened(source="none", devices=(PACKAGE,)), first(0.1), worked(0.5, Ultra=ALONE), read(0.5)
    )
    (period,) = closed
    assert (period.joules, period.standby_joules, period.other_joules, period.energy_cost) == (None,) * 4
    assert period.tiers["Ultra"].joules is None
    assert (ledger.totals().joules, ledger.totals().tokens_per_joule) == (None, None)
    assert (ledger.totals().source, ledger.totals().quality) == ("none", "unavailable")


# ---- which devices count


@pytest.mark.parametrize(
    ("engine_fact", "counted"),
    [
        (None, ("gpu0", "gpu1")),
        (engine(uuid="GPU-1"), ("gpu1",)),
        (engine(uuid="GPU-9"), ("gpu0", "gpu1")),
        (engine(provider="cpu"), ()),
    ],
)
def test_the_device_in_use_counts(engine_fact, counted):
    facts = [run_started(), opened(devices=(BOARD, BESIDE, PACKAGE))] + ([engine_fact] if engine_fact else [])
    ledger, _ = fold(*facts)
    assert ledger.standing.counted == counted


def test_a_processor_counts_for_an_engine_on_the_processor_alone():
    ledger, _ = fold(run_started(), opened(source="rapl", devices=(BOARD, PACKAGE)), engine(provider="cpu"))
    assert ledger.standing.counted == ("cpu0",)
    ledger.post(engine(provider="cuda"))
    assert ledger.standing.counted == ()


def test_two_devices_add_up_and_one_alone_is_no_sum():
    def both(at, joules, beside):
        one = read(at, (at, joules)).devices[0]
        other = read(at, (at, beside), device="gpu1").devices[0]
        return type(read(at))(t=T0 + at, devices=(one, other))

    ledger, closed = fold(
        run_started(),
        opened(devices=(BOARD, BESIDE)),
        both(0.0, 0.0, 0.0),
        worked(0.5),
        both(0.5, 40.0, 10.0),
        worked(1.0),
        read(1.0, (1.0, 80.0)),
        worked(3.0),
        read(3.0, (3.0, 240.0)),
    )
    assert closed[0].joules == pytest.approx(50.0)
    assert closed[0].counted == ("gpu0", "gpu1")
    assert closed[1].joules is None
    assert ledger.standing.floor_watts is None or ledger.standing.floor_watts > 0


# ---- floor, solo watts and the split


def learning():
    """Two seconds idle at 40 W, then each tier alone: Free draws 60 W, Ultra 160 W above the floor."""
    yield run_started()
    yield opened()
    yield read(0.0, (0.0, 0.0))
    yield from steady(2.0, 40.0)
    yield from steady(2.0, 100.0, start=2.0, joules=80.0, Free={"busy": 0.125})
    yield from steady(2.0, 200.0, start=4.0, joules=280.0, Ultra={"busy": 0.125})


def test_the_floor_is_learned_while_nothing_runs():
    ledger, closed = fold(*learning())
    assert ledger.standing.floor_watts == pytest.approx(40.0)
    assert closed[0].standby_joules == closed[0].floor_joules == pytest.approx(20.0)
    alone = closed[5].tiers["Free"]
    assert alone.active_joules == pytest.approx(30.0)
    assert alone.joules == pytest.approx(50.0)
    assert closed[5].floor_joules == pytest.approx(20.0)
    assert closed[5].standby_joules == 0.0


def test_shared_ticks_are_split_by_busy_seconds_and_solo_watts():
    # Both busy by turns: 1/4 of the time Free, 3/4 Ultra, at 60 W and 160 W above the floor of 40 W.
    lanes = {"Free": {"busy": 0.03125}, "Ultra": {"busy": 0.09375}}
    _, closed = fold(*learning(), *steady(1.0, 175.0, start=6.0, joules=680.0, **lanes))
    period = closed[-1]
    assert period.joules == pytest.approx(87.5)
    assert period.tiers["Free"].active_joules == pytest.approx(0.125 * 60.0)
    assert period.tiers["Ultra"].active_joules == pytest.approx(0.375 * 160.0)
    assert period.tiers["Free"].joules == pytest.approx(0.125 * 60.0 + 10.0)
    assert period.tiers["Ultra"].joules == pytest.approx(0.375 * 160.0 + 10.0)
    assert not period.uncalibrated
    assert balanced(period)


def test_without_solo_watts_the_split_is_by_time_and_says_so():
    lanes = {"Free": {"busy": 0.03125}, "Ultra": {"busy": 0.09375}}
    ledger, closed = fold(run_started(), opened(), read(0.0, (0.0, 0.0)), *steady(1.0, 80.0, **lanes))
    assert closed[0].uncalibrated
    assert ledger.standing.uncalibrated
    assert closed[0].tiers["Free"].joules == pytest.approx(10.0)
    assert closed[0].tiers["Ultra"].joules == pytest.approx(30.0)
    assert closed[0].floor_joules == 0.0  # not known: the whole is dynamic


def test_solo_watts_are_learned_anew_for_a_changed_lane():
    lanes = {"Free": {"busy": 0.0625}, "Ultra": {"busy": 0.0625}}
    shared = list(steady(1.0, 150.0, start=6.0, joules=680.0, **lanes))
    _, closed = fold(ready(), *learning(), ready(at=6.0), *shared)
    assert not closed[-1].uncalibrated
    _, closed = fold(*learning(), ready(at=6.0), ready(at=6.0, slots=8), *shared)
    assert closed[-1].uncalibrated


def test_no_floor_is_learned_while_something_loads():
    busy = LaneLoading(t=T0, tier="Ultra", model="m")
    ledger, _ = fold(run_started(), opened(), busy, read(0.0, (0.0, 0.0)), *steady(3.0, 90.0))
    assert ledger.standing.floor_watts is None
    worker = ChildStarted(t=T0, child="worker", pid=3)
    ledger, _ = fold(run_started(), opened(), worker, read(0.0, (0.0, 0.0)), *steady(3.0, 90.0))
    assert ledger.standing.floor_watts is None


def test_foreign_programs_have_an_account_of_their_own():
    facts = list(learning())
    # A foreign program raises an idle device from 40 W to 90 W.
    _, closed = fold(*facts, *steady(1.0, 90.0, start=6.0, joules=680.0, foreign=10**9))
    period = closed[-1]
    assert period.standby_joules == period.floor_joules == pytest.approx(20.0)
    assert period.other_joules == pytest.approx(25.0)
    assert balanced(period)


def test_beside_foreign_programs_no_floor_is_learned():
    ledger, closed = fold(run_started(), opened(), read(0.0, (0.0, 0.0)), *steady(3.0, 90.0, foreign=1))
    assert ledger.standing.floor_watts is None
    assert closed[0].other_joules == pytest.approx(45.0)
    assert closed[0].standby_joules == 0.0


# ---- the run's totals


def test_the_energy_of_a_run_begins_at_its_first_token():
    lanes = {"Ultra": {"busy": 0.0625, "emitted": 2}}
    ledger, closed = fold(
        run_started(),
        opened(),
        read(0.0, (0.0, 0.0)),
        first(1.125),
        *steady(3.0, 80.0, **lanes),
        run_stopped(3.0),
    )
    totals = ledger.totals()
    assert totals.seconds == pytest.approx(1.875)
    assert totals.joules == pytest.approx(1.875 * 80.0)
    assert totals.tiers["Ultra"].joules == pytest.approx(1.875 * 80.0)
    assert totals.covered == pytest.approx(1.875)
    assert sum(p.joules or 0.0 for p in closed) == pytest.approx(240.0)
    assert totals.energy_cost == pytest.approx(150.0 * 3e-7)
    assert totals.tiers["Ultra"].energy_cost == pytest.approx(150.0 * 3e-7)
    assert ULTRA.name in totals.tiers


# ---- the parts


def test_busy_seconds_are_spread_over_their_span():
    busy = Busy()
    busy.add(0.0, 1.0, {"Free": 0.4})
    busy.add(1.0, 2.0, {"Free": 0.2, "Ultra": 0.8})
    assert list(busy.tiers) == ["Free", "Ultra"]
    assert busy.at(0.5) == [0.2, 0.0]
    assert busy.at(1.5) == pytest.approx([0.5, 0.4])
    assert busy.grown([0.4], busy.at(1.5)) == pytest.approx({"Free": 0.1, "Ultra": 0.4})  # before Ultra ever worked
    assert busy.ends(0.0, 2.0) == [1.0]
    busy.settle(1.0)
    busy.settle(0.5)  # time does not go back
    busy.add(0.0, 0.9, {"Ultra": 0.1})
    assert busy.at(1.0) == pytest.approx([0.4, 0.1])
    assert busy.at(2.0) == pytest.approx([0.6, 0.9])


def test_a_quantile_of_nothing_is_nothing():
    recent = Recent()
    assert recent.quantile(0.5) is None
    for sample in (3.0, 1.0, 2.0):
        recent.add(sample)
    assert (recent.quantile(0.0), recent.quantile(0.5), recent.quantile(1.0), len(recent)) == (1.0, 2.0, 3.0, 3)
