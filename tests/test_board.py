"""The board: figures as ratios of sums, gaps as gaps, and an hour at most."""

import time
from dataclasses import replace
from math import isnan, nan
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from desk.board import Basis, Board
from desk.board.latencies import Latencies, Window
from desk.board.ratios import RATIOS
from desk.facts.figures import FIGURES
from desk.facts.histogram import LAST_BUCKET, bucket_of, count_into, percentiles
from desk.facts.metered import DeviceReading
from desk.ledger.period import Event, Period, TierPeriod


def period(index, watts=80.0, tokens=10, tier="Ultra", **fields):
    """Half a second of one busy tier: by default 80 W, 20 tok/s, $0.50 a million tokens and 0.1 $/Mtok of energy."""
    joules = None if watts is None else watts / 2
    metered = 0 if watts is None else tokens
    one = TierPeriod(
        busy=0.25,
        prefill=3,
        emitted=tokens,
        metered=metered,
        revenue=tokens * 0.5e-6,
        finished_tokens=8,
        on_time_tokens=6,
        on_time_revenue=3e-6,
        queue=3,
        slots_used=2,
        joules=None if joules is None else 0.75 * joules,
        active_joules=None if joules is None else 0.5 * joules,
        energy_cost=None if joules is None else 0.75 * joules * 1e-7,
    )
    plain = Period(
        index=index,
        start=index / 2,
        end=(index + 1) / 2,
        tiers={tier: one},
        joules=joules,
        standby_joules=None if joules is None else 0.25 * joules,
        other_joules=None if joules is None else 0.0,
        floor_joules=None if joules is None else 0.5 * joules,
        energy_cost=None if joules is None else joules * 1e-7,
        covered=0.0 if joules is None else 0.5,
        worked=0.5,
        edges=10,
        quality="unavailable" if joules is None else "measured",
    )
    return replace(plain, **fields)


def board_of(*periods, hours=1.0):
    board = Board(hours)
    for each in periods:
        board.add(each)
    return board


def test_every_figure_of_the_table_is_on_the_board():
    assert set(RATIOS) == set(FIGURES)


def test_figures_are_ratios_of_sums():
    board = board_of(*(period(i, watts=80.0 + 40.0 * (i % 2), tokens=10 * (i % 2)) for i in range(40)))
    expected = {
        "tokens_per_second": 10.0,
        "prefill_per_second": 6.0,
        "watts": 100.0,
        "active_watts": 50.0,
        "standby_watts": 25.0,
        "other_watts": 0.0,
        "tokens_per_joule": 0.1,  # not the mean of 0 and 1/6
        "joules_per_token": 10.0,
        "idle_tax": 0.25,
        "energy_cost_per_mtok": 1.0,
        "energy_cost_per_hour": 100 * 1e-7 * 3600,
        "revenue_per_hour": 10 * 0.5e-6 * 3600,
        "on_time_revenue_per_hour": 6e-6 * 3600,
        "on_time_share": 0.75,
        "busy_share": 0.5,
        "queue": 3.0,
        "slots_used": 2.0,
    }
    assert {figure: board.value(figure) for figure in expected} == pytest.approx(expected)
    assert board.value("watts", "Ultra") == pytest.approx(75.0)
    assert board.value("tokens_per_joule", "Ultra") == pytest.approx(10 / 75)
    assert board.value("energy_cost_per_mtok", "Ultra") == pytest.approx(0.75)
    assert board.value("watts", "Nobody") is None
    assert board.end == 20.0


def test_the_factory_is_the_sum_of_its_tiers():
    both = period(0).tiers | {"Free": period(0, tokens=4, tier="Free").tiers["Free"]}
    board = board_of(*(period(i, tiers=both) for i in range(8)))
    assert board.value("tokens_per_second") == pytest.approx(28.0)
    assert board.value("tokens_per_second", "Free") == pytest.approx(8.0)
    assert board.value("queue") == pytest.approx(6.0)
    assert board.value("slots_used") == pytest.approx(4.0)


def test_nothing_is_formed_over_less_than_two_seconds():
    board = Board()
    assert board.value("tokens_per_second") is None
    assert [len(part) for part in board.curve("watts", None, 60, 100)] == [0, 0]
    for index in range(3):
        board.add(period(index))
        assert board.value("tokens_per_second") is None
        assert board.value("watts") is None
    board.add(period(3))
    assert board.value("tokens_per_second", window_s=0.5) == pytest.approx(20.0)
    assert board.value("watts") == pytest.approx(80.0)


def test_a_slow_counter_gets_a_longer_window_up_to_half_a_minute():
    # One change a second: 20 of them take 20 s.
    slow = [period(i, watts=80.0 if i < 60 else 160.0, edges=i % 2) for i in range(80)]
    board = board_of(*slow[:38])
    assert board.value("watts", window_s=2) is None
    board = board_of(*slow)
    assert board.value("watts", window_s=2) == pytest.approx((20 * 160 + 19 * 80) / 39)
    assert board_of(*(period(i, edges=i % 4 == 0) for i in range(200))).value("watts") is None
    estimated = [period(i, edges=1, quality="estimated") for i in range(4)]
    assert board_of(*estimated).value("watts") == pytest.approx(80.0)


def test_a_gap_is_a_gap():
    board = board_of(*(period(i, watts=None if 20 <= i < 30 else 80.0) for i in range(40)))
    x, y = board.curve("watts", None, 20.0, 40)
    assert list(x[:2]) == [-19.5, -19.0]
    assert x[-1] == 0.0
    assert [i for i in range(40) if isnan(y[i])] == [0, 1, 2, *range(20, 30)]
    assert np.nanmax(y) == pytest.approx(80.0)
    assert y[31] == pytest.approx(80.0)  # beside the gap the ratio is over what is known
    x, y = board.curve("tokens_per_joule", "Ultra", 20.0, 40)
    assert y[31] == pytest.approx(10 / 30)
    assert not isnan(board.curve("tokens_per_second", None, 20.0, 40)[1][25])


def test_what_has_stopped_coming_is_not_shown_for_long():
    board = board_of(*(period(i) for i in range(40)), *(period(i, watts=None) for i in range(40, 43)))
    assert board.value("watts") == pytest.approx(80.0)
    board.add(period(43, watts=None))
    assert board.value("watts") is None
    assert board.value("tokens_per_joule") is None
    assert board.value("tokens_per_second") == pytest.approx(20.0)


def test_a_silent_engine_is_a_gap_and_a_silent_factory_is_none():
    board = board_of(*(period(i) for i in range(8)), *(period(i, worked=0.0, tokens=0) for i in range(8, 16)))
    assert board.value("tokens_per_second") is None
    assert board.value("watts") == pytest.approx(80.0)
    assert isnan(board.curve("revenue_per_hour", "Ultra", 8.0, 16)[1][-1])
    assert board.value("tokens_per_joule") is None, "joules without an engine give no tokens: that is not 0"
    assert isnan(board.curve("tokens_per_joule", "Ultra", 8.0, 16)[1][-1])


def test_late_energy_comes_with_its_time():
    late = period(8, covered=2.5)
    late.joules = 200.0
    board = board_of(*(period(i) for i in range(4)), *(period(i, watts=None) for i in range(4, 8)), late)
    assert board.value("watts", window_s=2.0) == pytest.approx(80.0)


def test_percentiles_come_from_a_window_of_their_own():
    def with_latencies(index, ttft, gap):
        each = period(index)
        each.tiers["Ultra"].ttfts = {bucket_of(ttft): 1} if ttft else {}
        each.tiers["Ultra"].gaps = {bucket_of(gap): 10} if gap else {}
        return each

    board = board_of(*(with_latencies(i, 0.2, 0.01) for i in range(60)))
    assert board.value("ttft_p50", "Ultra") == pytest.approx(0.2, rel=0.011)
    assert board.value("itl_p50") == pytest.approx(0.01, rel=0.011)
    assert board.value("tokens_per_second_per_user", "Ultra") == pytest.approx(100.0, rel=0.011)
    for index in range(60, 80):
        board.add(with_latencies(index, 0.4 if index == 79 else 0.0, 0.02))
    assert board.value("itl_p50", "Ultra") == pytest.approx(0.02, rel=0.011)
    assert board.value("itl_p99", "Ultra") == pytest.approx(0.02, rel=0.011)
    assert board.value("ttft_p50", "Ultra") == pytest.approx(0.2, rel=0.011)  # half a minute of requests
    assert board.value("ttft_p95", "Ultra") == pytest.approx(0.2, rel=0.011)
    for index in range(80, 150):
        board.add(with_latencies(index, 0.0, 0.0))
    assert board.value("itl_p50", "Ultra") is None
    assert board.value("ttft_p95", "Ultra") is None
    assert board.value("tokens_per_second_per_user") is None


def test_devices_in_use_are_read_and_others_are_not():
    def reading(device, **fields):
        return {device: DeviceReading(device=device, **fields)}

    one = reading("gpu0", utilization=0.5, memory_used=10, celsius=60.0, power_limit=300.0)
    two = reading("gpu1", utilization=1.0, memory_used=30, celsius=70.0, power_limit=200.0)
    other = reading("gpu2", utilization=0.0, memory_used=500, celsius=99.0, power_limit=1.0)
    board = board_of(*(period(i, devices=one | two | other, counted=("gpu0", "gpu1")) for i in range(4)))
    assert board.value("utilization") == pytest.approx(0.75)
    assert board.value("memory_used") == pytest.approx(40)
    assert board.value("celsius") == pytest.approx(70.0)
    assert board.value("power_limit") == pytest.approx(500.0)
    assert board.value("utilization", "Ultra") is None
    watched = reading("cpu0", utilization=0.25)
    board = board_of(*(period(i, watts=None, devices=watched) for i in range(4)))
    assert board.value("utilization") == pytest.approx(0.25)
    assert board.value("celsius") is None


def test_smoothing_is_a_window_of_sums():
    steps = board_of(*(period(i, tokens=0 if i < 20 else 10) for i in range(40)))
    _, fine = steps.curve("tokens_per_second", None, 20.0, 40, smooth_s=2.0)
    _, smooth = steps.curve("tokens_per_second", None, 20.0, 40, smooth_s=10.0)
    assert list(fine[19:25]) == pytest.approx([0.0, 5.0, 10.0, 15.0, 20.0, 20.0])
    assert smooth[29] == pytest.approx(10.0)
    assert smooth[39] == pytest.approx(20.0)


def test_bins_keep_their_place_and_lose_nothing():
    board = board_of(*(period(i, tokens=i % 7) for i in range(1000)))
    x, y = board.curve("tokens_per_second", "Ultra", 500.0, 100)
    assert len(x) <= 101
    assert x[-1] == 0.0
    board.add(period(1000, tokens=3))
    moved_x, moved_y = board.curve("tokens_per_second", "Ultra", 500.0, 100)
    at = dict(zip(x + 500.0, y, strict=True))
    again = dict(zip(moved_x + 500.5, moved_y, strict=True))
    assert sum(moment in again for moment in at) >= 99
    assert all(again[moment] == pytest.approx(value) for moment, value in at.items() if moment in again)
    # Each bin of ten periods is the mean of all ten.
    assert at[250.0] == pytest.approx(sum(i % 7 for i in range(490, 500)) / 5.0)


def test_a_curve_reaches_back_no_further_than_the_run():
    x, _ = board_of(*(period(i) for i in range(10))).curve("watts", None, 3600.0, 600)
    assert list(x) == [i / 2 for i in range(-9, 1)]


def test_an_hour_is_kept_and_older_is_dropped():
    board = board_of(*(period(i, tokens=i) for i in range(3000)), hours=0.1)
    x, y = board.curve("tokens_per_second", None, 3600.0, 10_000)
    assert 720 <= len(x) <= 901
    assert y[-1] == pytest.approx((2999 + 2998 + 2997 + 2996) / 2)
    assert x[-1] == 0.0
    assert board.end == 1500.0
    assert board._columns._sums.shape[2] <= 0.1 * 7200 * 1.25 + 2


def test_a_tier_that_appears_late_has_no_past():
    board = board_of(*(period(i) for i in range(10)), *(period(i, tier="Free") for i in range(10, 20)))
    _, y = board.curve("tokens_per_second", "Free", 10.0, 20)
    assert all(isnan(value) for value in y[:10])
    assert y[-1] == pytest.approx(20.0)
    assert isnan(board.curve("tokens_per_second", "Free", 10.0, 20)[1][0])


def test_a_new_run_clears_the_board():
    mark = Event(at=0.1, kind="note", text="here")
    board = board_of(period(0, events=[mark]), *(period(i) for i in range(1, 9)))
    assert list(board.events) == [mark]
    board.add(period(0, tier="Free"))
    assert board.end == 0.5
    assert list(board.events) == []
    assert board.value("tokens_per_second", "Ultra") is None
    assert nan not in board.curve("tokens_per_second", None, 10.0, 10)[0]


def test_curves_are_cheap():
    """Five tiers of 600 points, against the plainest numpy that could draw them: wall time alone would only measure
    how busy the machine is."""
    names = ("Free", "Medium", "High", "Premium", "Ultra")
    tier = period(0).tiers["Ultra"]
    board = board_of(*(period(i, tiers=dict.fromkeys(names, tier)) for i in range(7200)))
    a, b = np.random.default_rng(1).random((2, 7200))

    def curves():
        for name in names:
            board.curve("tokens_per_joule", name, 3600.0, 600)

    def yardstick():
        for _ in names:
            np.convolve(a, np.ones(12) / 12, "same")[::12] / np.convolve(b, np.ones(12) / 12, "same")[::12]

    def best(work):
        times = []
        for _ in range(20):
            began = time.perf_counter()
            work()
            times.append(time.perf_counter() - began)
        return min(times)

    assert best(curves) < best(yardstick)


def test_a_look_back_gives_what_was_seen_then():
    chance = np.random.default_rng(5)
    periods = [period(i, watts=float(chance.uniform(40, 90)), tokens=int(chance.integers(0, 30))) for i in range(400)]
    now, then = board_of(*periods), board_of(*periods[:300])
    for figure in ("tokens_per_second", "watts", "tokens_per_joule"):
        for tier in (None, "Ultra"):
            assert now.value(figure, tier, back_s=50.0) == then.value(figure, tier)
            for seen, past in zip(
                now.curve(figure, tier, 100.0, 100, 3.0, back_s=50.0),
                then.curve(figure, tier, 100.0, 100, 3.0),
                strict=True,
            ):
                assert seen == pytest.approx(past, nan_ok=True)
    assert now.value("watts", back_s=500.0) is None
    assert len(now.curve("watts", None, 100.0, 100, back_s=500.0)[0]) == 0
    assert board_of(*periods).begin == 0.0
    assert board_of(*periods, hours=0.01).begin > 50.0


@given(st.integers(0, 2**32), st.sampled_from([3, 40, LAST_BUCKET]))
@settings(deadline=None, max_examples=40)
def test_percentiles_are_those_of_their_window_whoever_looks_when(seed, widest):
    chance = Random(seed)  # drawn one by one the many small numbers would take most of the test's time
    parts = [
        {chance.randint(0, widest): chance.randrange(9) for _ in range(chance.choice([0, 0, 1, 5]))} for _ in range(40)
    ]
    latencies = Latencies(Window(5.0, (0.5, 0.95), ("low", "high"), "given"), 40, 1)
    looks = chance.choices([False, True], k=40)
    for newest, (part, look) in enumerate(zip(parts, looks, strict=True), 1):
        latencies.append([part])
        if not look:
            continue
        first = chance.randint(1, newest)
        found = latencies.columns(chance.choice([0, 1]), first, newest)
        for at, told in enumerate(zip(*(found[name] for name in ("low", "high", "given")), strict=True), first):
            window = {}
            for each in parts[max(0, at - 10) : at]:
                count_into(window, each)
            expected = percentiles(window, (0.5, 0.95))
            assert told == ((0.0, 0.0, 0.0) if expected is None else (*expected, 1.0))
        assert latencies.count(1, newest) == sum(window.values())


def test_counts_beyond_belief_break_nothing():
    latencies = Latencies(Window(5.0, (0.5, 0.95), ("low", "high"), "given"), 40, 1)
    for _ in range(12):
        latencies.append([{0: 2**70, LAST_BUCKET: 1}, {7: 2**53}])
    assert np.isfinite(latencies.columns(0, 1, 12)["high"]).all()
    assert latencies.count(2, 12) == 10 * 2**53


def scattered(count):
    """Periods of a run of chance: a tier that appears late and goes again, latencies, silences."""
    chance = np.random.default_rng(7)
    for index in range(count):
        tiers = {"Ultra": period(0, tokens=int(chance.integers(0, 30))).tiers["Ultra"]}
        if 100 < index < 300:
            tiers["Free"] = period(0, watts=float(chance.uniform(1, 9))).tiers["Ultra"]
        for tier in tiers.values():
            tier.gaps = {int(bucket): 1 for bucket in chance.integers(300, 330, chance.integers(0, 5))}
            tier.ttfts = {int(chance.integers(500, 600)): 1} if index % 7 == 0 else {}
        yield period(index, watts=float(chance.uniform(40, 90)), tiers=tiers, worked=0.5 * (index % 50 > 3))


def shown(board, **window):
    """All that a board shows, to the last bit."""
    curves = (board.curve(figure, tier, 200.0, 90, **window) for figure in FIGURES for tier in (None, "Ultra", "Free"))
    return [board.end, board.begin, *((x.tobytes(), y.tobytes()) for x, y in curves)]


def test_who_looks_at_a_board_and_when_changes_no_bit_of_it():
    looked, left = Board(hours=0.05), Board(hours=0.05)
    for each in scattered(900):
        looked.add(each)
        left.add(each)
        looked.value("itl_p99", "Ultra")
        looked.curve("ttft_p95", None, each.index % 150, 90)
        assert looked.value("watts", window_s=5.0) == pytest.approx(65.0, abs=25.0) or looked.end < 2.0
    assert shown(looked) == shown(left)
    assert looked.begin > 200.0  # both have dropped the oldest, at the same moments


def test_a_board_goes_back_and_shows_what_it_showed():
    periods = list(scattered(400))
    board, straight = board_of(*periods[:150]), board_of(*periods[:300])
    early, mark = shown(board), board.mark()
    for each in periods[150:]:
        board.add(each)
    board.back_to(mark)
    assert shown(board) == early
    for each in periods[150:300]:
        board.add(each)
    assert shown(board) == shown(straight)
    assert board.value("ttft_p50") == straight.value("ttft_p50")
    # To before the first period, too; a run that begins anew while it stands there is the same run.
    board.back_to(board_of().mark())
    assert shown(board)[2:] == shown(board_of())[2:]
    for each in periods[:150]:
        board.add(each)
    assert shown(board) == early


def test_a_figure_says_what_it_was_formed_from():
    board = board_of(*(period(i) for i in range(60)))
    assert board.basis("watts") == Basis("joules", "covered", 800.0, 10.0, 1.0, 10.0, edges=200)
    hourly = board.basis("revenue_per_hour", "Ultra", 2.0)
    assert hourly.whole / hourly.part * hourly.scale == pytest.approx(board.value("revenue_per_hour", "Ultra", 2.0))
    assert (hourly.edges, hourly.seconds) == (0, 2.0)
    assert board.basis("itl_p50") is None
    last = period(60)
    last.tiers["Ultra"].gaps = {bucket_of(0.01): 40}
    board.add(last)
    assert board.basis("itl_p50", "Ultra") == Basis("itl_p50", "itls", 0.0, 0.0, 1.0, 10.0, samples=40)
    assert board.basis("ttft_p95", "Ultra") is None
