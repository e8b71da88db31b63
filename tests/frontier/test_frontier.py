"""The frontier by arithmetic: published cases, the edge, the best mix against brute force, and the ladder."""

import itertools
from math import inf

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from desk.facts.plans import Graph, Plan
from desk.facts.tiers import Price, Promise, Tier
from desk.facts.trouble import Trouble
from desk.frontier import mix, published, split, whatif, worth
from desk.frontier.edge import edge
from desk.frontier.options import Offer, Option, between
from desk.frontier.points import Measure
from desk.frontier.whatif import Here, Range, exactly
from desk.ledger import money
from desk.plant import plans

YEAR_S = 365 * 24 * 3600


class TestIdentities:
    @given(st.floats(1e-3, 1e6))
    def test_tokens_per_joule_is_a_million_tokens_per_second_and_megawatt(self, per_joule):
        assert money.tokens_per_second_per_mw(per_joule) == pytest.approx(1e6 * per_joule)

    @given(st.floats(1e-3, 1e6), st.floats(1e-3, 10.0))
    def test_dollars_per_million_tokens_are_joules_times_price_over_three_point_six(self, joules, price):
        assert money.energy_dollars_per_mtok(joules, price) == pytest.approx(joules * price / 3.6)

    def test_nvidia_pair(self):
        assert money.hourly_dollars_per_mtok(2.65, 6000) == pytest.approx(0.123, abs=5e-4)
        assert money.hourly_dollars_per_mtok(1.41, 90) == pytest.approx(4.35, abs=5e-3)

    def test_deepseeks_disclosed_day(self):
        price = Price(input=0.55, cached=0.14, output=2.19)
        prompt, cached = 608_000_000_000, 342_000_000_000
        cost = 226.75 * 8 * 2.0 * 24
        revenue = money.input_value(price, prompt, cached) + money.output_value(price, 168_000_000_000)
        assert cost == pytest.approx(87_072)
        assert revenue == pytest.approx(562_027, rel=0.005)
        assert money.gross_margin(revenue, cost) == pytest.approx(0.845, abs=0.0005)
        assert money.gross_margin(0.0, cost) is None

    @pytest.mark.parametrize(
        ("series", "billions", "per_second", "rate"),
        [("Hopper", 1.4, 0.04, 53e6), ("Blackwell NVL72", 46.0, 1.46, 380e6), ("Rubin NVL72", 142.0, 4.50, 1038e6)],
    )
    def test_a_quarter_of_a_gigawatt_for_each_tier_of_the_slide(self, series, billions, per_second, rate):
        chart = published.chart()
        (found,) = (each for each in chart.series if each.name == series)
        options = {
            each.tier: Option(
                each.tier, 1, each.speed, each.tokens_per_second_per_mw, chart.prices[each.tier] * 1e-6, watts=1e6
            )
            for each in found.readings
        }
        offers = [Offer(name, Promise(), (option,)) for name, option in options.items()]
        quarters = split.at_shares(offers, dict.fromkeys(options, (0.25, 1)))
        assert quarters.revenue == pytest.approx(per_second, abs=0.01)
        assert quarters.revenue * 1000 * YEAR_S / 1e9 == pytest.approx(billions, rel=0.02)
        assert quarters.rate * 1000 == pytest.approx(rate, rel=0.01)
        assert "second-hand" in chart.mark


places = st.lists(st.tuples(st.floats(0.1, 1e4), st.floats(0.1, 1e4)), min_size=1, max_size=30)


class TestEdge:
    @given(places, st.sampled_from(["higher", "lower"]))
    def test_it_keeps_what_nothing_beats_and_falls_all_along(self, values, better):
        sign = 1 if better == "higher" else -1
        kept = edge(values, better).places
        for left, right in itertools.pairwise(kept):
            assert left.x < right.x
            assert sign * left.y > sign * right.y
        for place in kept:
            assert (place.x, place.y) == values[place.index]
        for x, y in values:
            assert any(place.x >= x and sign * place.y >= sign * y for place in kept)

    @given(places, st.floats(0.05, 2e4))
    def test_between_it_is_interpolated_and_marked_and_beyond_there_is_nothing(self, values, x):
        found = edge(values)
        place = found.at(x)
        first, last = found.places[0], found.places[-1]
        if not first.x <= x <= last.x:
            assert place is None
        else:
            assert (place.index is None) == (x not in [each.x for each in found.places])
            assert last.y * (1 - 1e-9) <= place.y <= first.y * (1 + 1e-9)

    def test_a_power_law_is_followed_exactly(self):
        assert edge([(1.0, 100.0), (100.0, 1.0)]).at(10.0).y == pytest.approx(10.0)


@st.composite
def markets(draw):
    """Up to three tiers over up to three points each, on round numbers so that brute force meets every corner."""
    offers = []
    for name in ("Free", "High", "Ultra")[: draw(st.integers(1, 3))]:
        options = [
            Option(
                name,
                slots,
                speed=draw(st.integers(5, 40)),
                rate=float(draw(st.integers(10, 200))),
                dollars_per_token=draw(st.integers(0, 5)) * 1e-6,
                ttft_s=draw(st.sampled_from([0.1, 0.5])),
                watts=float(draw(st.integers(20, 60))),
            )
            for slots in range(1, draw(st.integers(2, 4)))
        ]
        promise = Promise(
            ttft_s=draw(st.none() | st.just(1.0)), tokens_per_second_per_user=draw(st.none() | st.integers(1, 20))
        )
        offers.append(Offer(name, promise, tuple(options), draw(st.none() | st.integers(1, 100))))
    return offers


def by_force(offers, goal):
    """Every choice of one point or none for each tier; then the dearest first, as much as can be sold."""
    most = 0.0
    for chosen in itertools.product(*([None, *each.options] for each in offers)):
        lots, left = [], 1.0
        for each, one in zip(offers, chosen, strict=True):
            if one is None:
                continue
            least = one.least(each.promise)
            demand = inf if each.demand is None else each.demand
            left -= least
            price = one.dollars_per_token if goal == "revenue" else 1.0
            lots.append((one.rate * price, one.rate, price, least, demand))
        if left < -1e-12:
            continue
        worth = 0.0
        for per_share, rate, price, least, demand in sorted(lots, reverse=True):
            more = max(0.0, min(left, demand / rate - least))
            left -= more
            worth += min(per_share * (least + more), demand * price)
        most = max(most, worth)
    return most


class TestMix:
    @given(markets(), st.sampled_from(["revenue", "tokens"]))
    @example(  # half a hundredth of the device is worth less than a solver's tolerance, as long as it counts in dollars
        [
            Offer(
                "Free",
                Promise(tokens_per_second_per_user=12),
                (Option("Free", 1, speed=19, rate=13.0, dollars_per_token=5e-6, ttft_s=0.1, watts=20.0),),
            ),
            Offer(
                "High",
                Promise(),
                (Option("High", 1, speed=5, rate=33.0, dollars_per_token=5e-6, ttft_s=0.1, watts=20.0),),
                demand=12,
            ),
        ],
        "revenue",
    )
    @settings(max_examples=40, deadline=None)
    def test_it_earns_as_much_as_brute_force_and_keeps_every_promise(self, offers, goal):
        found = mix.best(offers, goal)
        assert sum(part.share for part in found.parts.values()) <= 1 + 1e-6
        for each in offers:
            part = found.parts.get(each.tier)
            if part is not None:
                assert part.share >= part.option.least(each.promise) - 1e-6
                assert each.demand is None or part.rate <= each.demand * (1 + 1e-6)
        value = found.revenue if goal == "revenue" else found.rate
        assert value == pytest.approx(by_force(offers, goal), rel=1e-5, abs=1e-12)

    @given(markets(), st.floats(10.0, 500.0))
    @settings(max_examples=25, deadline=None)
    def test_a_budget_of_power_is_filled_by_the_dearest_joule_first(self, offers, watts):
        found = mix.best(offers, split="power", budget=watts)
        assert (found.watts or 0.0) <= watts * (1 + 1e-6)
        left, worth = watts, 0.0
        lots = [(each, one) for each in offers for one in each.options if one.least(each.promise) <= 1.0]
        # A tier sells its tokens where they take the least power first; dearest joules of all tiers come first.
        demand = {each.tier: inf if each.demand is None else float(each.demand) for each in offers}
        for each, one in sorted(lots, key=lambda lot: lot[1].rate * lot[1].dollars_per_token / lot[1].watts)[::-1]:
            sold = min(demand[each.tier], left / one.watts * one.rate)
            demand[each.tier] -= sold
            left -= sold / one.rate * one.watts
            worth += sold * one.dollars_per_token
        assert found.revenue >= worth * (1 - 1e-6)

    def test_a_promise_costs_what_the_others_lose_and_nothing_is_said_beyond_the_measured(self):
        ultra = Option("Ultra", 1, speed=40, rate=40, dollars_per_token=3e-6)
        free = Option("Free", 8, speed=10, rate=100, dollars_per_token=1e-6)
        offers = [Offer("Ultra", Promise(), (ultra,), demand=4.0), Offer("Free", Promise(), (free,))]
        curve = dict(worth.price_of_promise(offers, "Ultra", [4, 20, 30, 41]))
        assert curve[4].revenue == pytest.approx(102e-6)
        assert curve[20].revenue == pytest.approx(100e-6)  # the promise is not worth half of the device
        assert curve[41] is None
        assert "Ultra" not in curve[30].parts

    def test_the_difference_bears_the_doubt_of_what_changes_only(self):
        free = Option("Free", 4, speed=10, rate=100, dollars_per_token=1e-6, deviation=5.0)
        ultra = Option("Ultra", 1, speed=40, rate=50, dollars_per_token=4e-6, deviation=1.0)
        offers = [Offer("Free", Promise(), (free,)), Offer("Ultra", Promise(), (ultra,))]
        old = split.at_shares(offers, {"Free": (0.5, 4), "Ultra": (0.5, 1)})
        assert worth.difference(old, old) == Measure(0.0)
        new = split.at_shares(offers, {"Free": (0.5, 4), "Ultra": (0.4, 1)})
        found = worth.difference(new, old)
        assert found.value == pytest.approx(-0.1 * 50 * 4e-6)
        assert found.high - found.low == pytest.approx(4 * 0.1 * 1.0 * 4e-6)

    def test_slots_between_two_measured_lie_on_a_line_and_outside_there_is_nothing(self):
        options = [Option("Free", slots, 40.0 / slots, 10.0 * slots, 1e-6) for slots in (2, 4)]
        assert between(options, 3).rate == 30.0
        assert between(options, 3).deviation is None
        assert between(options, 5) is None

    def test_what_is_applied_can_be_undone(self):
        tiers = [Tier(name=name, model="m", share=1.0, slots=2) for name in ("Free", "High", "Ultra")]
        ultra = Option("Ultra", 4, 40.0, 40.0, 1e-6)
        found = split.at_shares([Offer("Ultra", Promise(), (ultra,))], {"Ultra": (0.8, 4)})
        change = split.change(found, tiers)
        after = {tier.name: tier for tier in change.after}
        assert (after["Ultra"].share, after["Ultra"].slots) == (100.0, 4)
        assert (after["Free"].share, after["Free"].slots) == (0.01, 2)
        assert change.before == tuple(tiers)
        assert not split.change(found, change.after).after


class TestLadder:
    here = Here(rate=Range(90.0, 100.0, 110.0), watts=exactly(50.0), revenue=exactly(1e-4))

    def test_the_range_widens_and_nothing_is_yearly_before_the_user_has_said_what_is_sold(self):
        rungs = whatif.ladder(self.here, whatif.factors())
        assert [rung.name for rung in rungs] == ["this device", "server", "rack", "MW", "GW"]
        widths = [rung.rate.high / rung.rate.low for rung in rungs]
        assert widths[0] <= widths[1] <= widths[2]
        assert widths[3] > widths[1]
        assert rungs[4].rate.base == pytest.approx(1000 * rungs[3].rate.base)
        assert all(rung.yearly is None and rung.sold is None for rung in rungs)

    def test_a_megawatt_is_filled_by_the_watts_of_the_site(self):
        given = whatif.factors()
        megawatt = whatif.ladder(self.here, given)[3]
        site = 50.0 * given["node_overhead"].base * given["pue"].base
        assert megawatt.rate.base == pytest.approx(1e6 / site * 100.0)

    def test_a_year_needs_busy_and_sold(self):
        given = whatif.factors()
        given["busy_share"] = given["busy_share"].set(0.5)
        assert whatif.ladder(self.here, given)[0].yearly is None
        given["sold_share"] = given["sold_share"].set(0.4, 0.2, 0.8)
        yearly = whatif.ladder(self.here, given)[0].yearly
        expected = [1e-4 * 0.5 * share * YEAR_S for share in (0.2, 0.4, 0.8)]
        assert [yearly.low, yearly.base, yearly.high] == pytest.approx(expected)
        given["price"] = given["price"].set(2.0)
        assert whatif.ladder(self.here, given)[0].sold.base == pytest.approx(100.0 * 2e-6 * 0.5 * 0.4)

    def test_a_missing_factor_stops_it(self):
        given = whatif.factors()
        del given["pue"]
        last = whatif.ladder(self.here, given)[-1]
        assert (last.name, last.missing, last.rate) == ("MW", ("pue",), None)

    def test_every_factor_has_a_source_and_a_range_in_order(self):
        for factor in whatif.factors().values():
            assert factor.source
        with pytest.raises(ValueError, match="low <= base <= high"):
            whatif.factors()["pue"].set(1.2, 1.3, 1.4)


class TestPlan:
    def test_the_whole_plan_is_gone_through_before_it_is_repeated(self):
        plan = Plan(graphs=(Graph(model="m"),), slots=(1, 2), contexts=(512, 1024), repeats=2)
        points = [(tier.context, tier.slots, tier.users, repeat) for tier, repeat in plan.points()]
        once = [(512, 1), (512, 2), (1024, 1), (1024, 2)]
        assert points == [(context, slots, slots, repeat) for repeat in (0, 1) for context, slots in once]

    def test_the_work_of_tiers_is_measured_once_where_they_ask_for_the_same(self):
        free = Tier(name="Free", model="m", context=512, answer_tokens=48, users=9, think_s=2.0)
        twin = msgspec.structs.replace(free, name="Twin", share=3.0, price=Price(output=1.0), arrivals_per_second=1.0)
        ultra = Tier(name="Ultra", model="n", precision="q4", context=2048, answer_tokens=192)
        plan = Plan(tiers=(free, twin, ultra), slots=(1, 4), repeats=1)
        points = [tier for tier, _ in plan.points()]
        assert [(tier.model, tier.context, tier.answer_tokens, tier.slots) for tier in points] == [
            *(("m", 512, 48, 1), ("m", 512, 48, 4)),
            *(("n", 2048, 192, 1), ("n", 2048, 192, 4)),
        ]
        assert all((tier.users, tier.think_s, tier.arrivals_per_second) == (tier.slots, 0.0, None) for tier in points)
        assert plan.models == (Graph(model="m"), Graph(model="n", precision="q4"))
        assert plan.seconds == 4 * (plan.settle_s + plan.window_s) + 2 * plan.warmup_s

    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ("slots = [0]", "slots of tier Sweep is 0"),
            ("slots = []", "slots is empty"),
            ("window_s = 1", "window_s is 1"),
            ("shots = [1]", "shots"),
            ("slots = [", "cannot be read"),
        ],
    )
    def test_a_file_that_cannot_be_measured_is_refused_by_its_field(self, tmp_path, line, words):
        (tmp_path / "plan.toml").write_text(line + "\n")
        with pytest.raises(Trouble, match=words):
            plans.read(tmp_path / "plan.toml")
