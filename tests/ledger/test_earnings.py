"""The statement of a run: revenue, costs, margin and break-even, with energy priced by the hour of the day."""

import msgspec
import pytest
from story import FREE, TARIFF, ULTRA, finished, first, fold, opened, run_started, run_stopped, steady

from desk.facts.histogram import bucket_of, mean, told
from desk.facts.promises import PROMISES
from desk.facts.tiers import Tariff
from desk.ledger.earnings import earnings

BY_HOUR = msgspec.structs.replace(TARIFF, dollars_per_kwh_by_hour=tuple(hour / 10 for hour in range(24)))


def told_run(tariff, wall=0.0, offset=0):
    """Ten busy seconds of one lane at 100 W, 80 tokens of Ultra a second and one request on time."""
    start = msgspec.structs.replace(run_started(tariff=tariff), wall=wall, utc_offset_s=offset)
    beats = steady(10, 100.0, Ultra={"busy": 0.1, "emitted": 10, "gaps": {bucket_of(0.0125): 10}}, Free={})
    story = (start, opened(), first(0.0), *beats, finished(10.0, emitted=21, took=1.0), run_stopped(10.0))
    ledger, _ = fold(*story)
    return ledger.totals()


def test_a_statement_adds_up():
    totals = told_run(msgspec.structs.replace(TARIFF, dollars_per_hour=36.0))
    found = earnings(totals, msgspec.structs.replace(TARIFF, dollars_per_hour=36.0))
    assert found.revenue == pytest.approx(800 * 100e-6 + 20 * 10e-6)
    assert found.on_time_revenue == pytest.approx(21 * 100e-6 + 20 * 10e-6)
    assert found.all_in_cost == pytest.approx(0.1)
    assert found.cost == found.all_in_cost
    assert found.busy_share == pytest.approx(0.8)
    assert found.margin == pytest.approx((found.revenue - 0.1) / found.revenue)
    assert found.break_even == pytest.approx(0.1 * 0.8 / found.revenue)
    assert found.dollars_per_mtok == pytest.approx(0.1 / 800 * 1e6)
    assert found.revenue_per_second_per_mw == pytest.approx(found.revenue / 10 / 100.0 * 1e6, rel=0.02)
    assert sum(each.energy_cost for each in found.tiers.values()) + found.standby_cost == pytest.approx(
        found.energy_cost
    )


def test_without_an_hourly_rate_the_cost_is_the_energy_and_there_is_no_break_even():
    found = earnings(told_run(TARIFF), TARIFF)
    assert found.cost == found.energy_cost == pytest.approx(found.joules * 3e-7)
    assert found.break_even is None
    assert 0.0 < found.margin < 1.0
    ledger, _ = fold(run_started(), run_stopped(1.0))
    assert earnings(ledger.totals(), TARIFF) is None


def test_goodput_and_attainment_come_with_their_number_and_no_percentile_stands_on_too_few():
    service = earnings(told_run(TARIFF), TARIFF).tiers[ULTRA.name]
    assert service.goodput == pytest.approx(0.1)
    assert (service.attainment, service.finished) == (1.0, 1)
    assert (service.ttfts, service.ttft_p95) == (1, None)
    assert service.ttft_p50 == pytest.approx(0.25, rel=0.011)
    assert (service.itls, service.itl_p99) == (800, pytest.approx(0.0125, rel=0.011))
    assert earnings(told_run(TARIFF), TARIFF).tiers[FREE.name].attainment is None


@pytest.mark.parametrize(("fraction", "fewest"), [(0.5, 1), (0.95, 20), (0.99, 100)])
def test_percentiles_are_told_from_so_many_on(fraction, fewest):
    assert told({5: fewest - 1}, fraction) is None
    assert told({5: fewest}, fraction) is not None
    assert mean({}) is None


@pytest.mark.parametrize(("wall", "offset", "hour"), [(0.0, 0, 0), (3 * 3600.0, 0, 3), (3 * 3600.0, 7200, 5)])
def test_energy_is_priced_by_the_hour_of_the_day_where_the_run_was(wall, offset, hour):
    totals = told_run(BY_HOUR, wall, offset)
    assert totals.energy_cost == pytest.approx(totals.joules * hour / 10 / 3.6e6 * 1.5 * 2.0)


def test_the_price_changes_with_the_hour():
    totals = told_run(BY_HOUR, wall=2 * 3600.0 - 5.0)
    low, high = (told_run(BY_HOUR, wall=hour * 3600.0).energy_cost for hour in (1, 2))
    assert totals.energy_cost == pytest.approx((low + high) / 2, rel=0.03)


def test_a_day_has_24_hours():
    with pytest.raises(ValueError, match="has 23 prices, but needs 24"):
        Tariff(dollars_per_kwh_by_hour=(0.3,) * 23)


def test_the_promises_to_start_from_are_those_of_mlperf():
    interactive = PROMISES["Llama 3.1 8B, interactive"]
    assert interactive.ttft_s == 0.5
    assert interactive.tokens_per_second_per_user == pytest.approx(33.3, abs=0.05)
