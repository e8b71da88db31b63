"""Tokens, promises and prices: what is worth what, and when it is booked."""

import msgspec
import pytest
from story import FREE, T0, ULTRA, finished, first, fold, opened, read, run_started, run_stopped, steady, worked

from desk.facts.happened import TariffChanged, TierChanged
from desk.facts.tiers import Price, Promise, Tariff
from desk.ledger.money import energy_dollars_per_mtok, hourly_dollars_per_mtok, kept, tokens_per_second_per_mw

QUIET = (run_started(), opened(source="none", devices=()))


def test_revenue_is_booked_as_tokens_are_delivered():
    _, closed = fold(
        *QUIET, first(0.1, prompt=20, cached=5), worked(0.5, Ultra={"emitted": 3}, Free={"emitted": 9}), read(0.5)
    )
    tier = closed[0].tiers["Ultra"]
    assert tier.revenue == pytest.approx((3 * 100 + 15 * 10 + 5 * 1) / 1e6)
    assert (tier.prompt, tier.cached) == (20, 5)
    assert closed[0].tiers["Free"].revenue == 0.0


def test_a_new_price_holds_for_what_comes_after_it():
    dearer = msgspec.structs.replace(ULTRA, price=Price(output=200.0))
    _, closed = fold(
        *QUIET,
        worked(0.25, Ultra={"emitted": 1}),
        TierChanged(t=T0 + 0.25, tier=dearer),
        worked(0.5, Ultra={"emitted": 1}),
        read(0.5),
    )
    assert closed[0].tiers["Ultra"].revenue == pytest.approx(300e-6)
    assert closed[0].events[-1].text == "Ultra: price.input 10 to 0, price.cached 1 to 0, price.output 100 to 200"


@pytest.mark.parametrize(
    ("request_", "on_time"),
    [
        ({}, True),
        ({"reason": "length"}, True),
        ({"reason": "stop"}, True),
        ({"waited": 0.5}, True),  # a promise is kept at its limit
        ({"waited": 0.5625}, False),
        ({"took": 2.0}, True),  # 20 gaps in 2 s are 10 tokens/s/user
        ({"took": 2.0625}, False),
        ({"emitted": 1, "took": 5.0}, True),  # one token has no speed
        ({"begun": False, "emitted": 0}, False),
    ],
)
def test_a_request_on_time_keeps_both_promises(request_, on_time):
    fact = finished(3.0, **request_)
    assert kept(fact, ULTRA.promise) is on_time
    assert kept(fact, Promise()) is (fact.first is not None)
    _, closed = fold(*QUIET, worked(0.5), fact, read(3.5), worked(3.5))
    tier = closed[5].tiers["Ultra"]
    assert (tier.finished, tier.finished_tokens) == (1, fact.emitted)
    value = (100 * fact.emitted + 10 * fact.prompt) / 1e6 if on_time else 0.0
    assert tier.on_time_revenue == pytest.approx(value)
    assert (tier.on_time_requests, tier.on_time_tokens) == ((1, fact.emitted) if on_time else (0, 0))


@pytest.mark.parametrize("reason", ["cancelled", "error"])
def test_a_request_without_an_end_is_never_on_time(reason):
    _, closed = fold(*QUIET, finished(0.25, reason=reason), read(0.5), worked(0.5))
    tier = closed[0].tiers["Ultra"]
    assert (tier.cancelled, tier.finished, tier.on_time_requests, tier.on_time_revenue) == (1, 0, 0, 0.0)


def test_a_request_of_an_unknown_tier_broke_no_promise():
    _, closed = fold(*QUIET, finished(0.25, tier="Odd", waited=99.0), read(0.5), worked(0.5))
    assert closed[0].tiers["Odd"].on_time_requests == 1
    assert closed[0].tiers["Odd"].on_time_revenue == 0.0


def test_latencies_are_kept_as_histograms():
    gaps = {300: 3, 400: 1}
    ledger, _ = fold(
        *QUIET, first(0.1, waited=0.25), worked(0.25, Ultra={"emitted": 5, "gaps": gaps}), run_stopped(0.5)
    )
    tier = ledger.totals().tiers["Ultra"]
    assert tier.gaps == gaps
    assert tier.ttft(0.95) == pytest.approx(0.25, rel=0.011)
    assert tier.tokens_per_second_per_user == pytest.approx(1 / tier.itl(0.5))
    assert ledger.totals().tiers["Free"].tokens_per_second_per_user is None
    assert ledger.totals().tiers["Free"].ttft(0.5) is None


def test_rates_run_from_the_first_token():
    ledger, _ = fold(*QUIET, worked(0.25))
    assert ledger.totals().tokens_per_second() is None
    for fact in (first(0.5), first(0.75), worked(0.75, Ultra={"emitted": 6}, Free={"emitted": 2}), run_stopped(2.5)):
        ledger.post(fact)
    totals = ledger.totals()
    assert totals.seconds == pytest.approx(2.0)
    assert totals.tokens_per_second() == pytest.approx(4.0)
    assert totals.tokens_per_second("Ultra") == pytest.approx(3.0)
    assert (totals.tokens_in, totals.tokens_out) == (40, 8)
    assert totals.revenue == pytest.approx((6 * 100 + 40 * 10) / 1e6)
    assert totals.on_time_revenue == 0.0


def test_energy_costs_what_the_tariff_in_force_says():
    ledger, (period,) = fold(
        run_started(), opened(), read(0.0, (0.0, 0.0)), worked(0.5, Ultra={"busy": 0.1}), read(0.5, (0.5, 50.0))
    )
    assert period.energy_cost == pytest.approx(50 * 0.36 / 3.6e6 * 1.5 * 2.0)
    assert period.tiers["Ultra"].energy_cost == pytest.approx(period.energy_cost * period.tiers["Ultra"].joules / 50)
    ledger.post(TariffChanged(t=T0 + 0.6, tariff=Tariff(dollars_per_kwh=0.72)))
    ledger.post(worked(1.0))
    (period,) = ledger.post(read(1.0, (1.0, 100.0)))
    assert period.energy_cost == pytest.approx(50 * 0.72 / 3.6e6)
    assert period.events[0].text.startswith("Tariff: dollars_per_kwh 0.36 to 0.72")


# ---- published figures, as a check of the formulas


def test_the_disclosed_day_of_a_real_factory():
    """DeepSeek, 27 February 2025: 608 B tokens in (56.3 % cached), 168 B out, worth $562,027 at list price."""
    list_price = Price(input=0.55, cached=0.14, output=2.19)
    tier = msgspec.structs.replace(FREE, price=list_price)
    million = 10**6
    ledger, _ = fold(
        run_started(tiers=(tier,)),
        opened(source="none", devices=()),
        first(0.1, tier="Free", prompt=608_000 * million, cached=int(0.563 * 608_000 * million)),
        worked(0.25, Free={"emitted": 168_000 * million}),
        run_stopped(0.5),
    )
    assert ledger.totals().revenue == pytest.approx(562_027, rel=0.005)


def test_energy_without_a_tariff_costs_nobody_knows_what():
    ledger, _ = fold(opened(), first(0.0), read(0.0, (0.0, 0.0)), *steady(1.0, 80.0, Ultra={"busy": 0.1}))
    totals = ledger.totals()
    assert totals.joules == pytest.approx(80.0)
    assert totals.energy_cost is None
    assert totals.tiers["Ultra"].energy_cost is None


def test_what_a_million_tokens_cost_by_energy_and_by_the_hour():
    assert energy_dollars_per_mtok(2.0, 0.36) == pytest.approx(0.2)  # two megajoules are 0.5556 kWh
    assert hourly_dollars_per_mtok(3.6, 100.0) == pytest.approx(10.0)  # 0.36 million tokens an hour
    assert tokens_per_second_per_mw(2.0) == 2e6
