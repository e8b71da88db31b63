"""Open loops, lengths and timed scenarios: what they promise in words holds in numbers, and a seed repeats itself."""

import statistics
from itertools import pairwise

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from desk.facts.tiers import Tier
from desk.facts.trouble import Trouble
from desk.scenario import MIXES, STEADY, Scenario, Users, names, scenario
from desk.scenario.users import LOOK_S

SHIPPED = ("steady", "ramp", "rush-hour", "spike")

PUBLISHED = {
    "chat": ((1020, 2734, 1155, 4), (129, 424, 211, 1)),
    "code": ((1469, 5188, 2048, 4), (13, 55, 28, 1)),
    "agent": ((6909, 27367, 12035, 4), (350, 597, 343, 4)),
}
"""Of prompts and of answers in the traces that the mixes name: median, 90th percentile, mean, and what divides them."""


def tier(**settings):
    return Tier(**({"name": "Free", "model": "m", "users": 4, "answer_tokens": 10**6, "context": 10**6} | settings))


def came(users, seconds, look=None):
    """All requests of that many seconds, looked for when they are due or every `look` seconds; nobody is answered."""
    asks, clock = [], 0.0
    while True:
        due = users.next_due()
        if due is None:
            return asks
        clock = max(clock, due) if look is None else clock + look
        if clock > seconds:
            return asks
        asks += users.due(clock)


@pytest.mark.parametrize("burstiness", [0.2, 1.0, 4.0])
def test_passers_by_come_at_their_rate_and_as_bursty_as_told(burstiness):
    users = Users(tier(arrivals_per_second=50.0, burstiness=burstiness), seed=3, now=0.0)
    times = [ask.when for ask in came(users, 400.0)]
    gaps = [later - sooner for sooner, later in pairwise(times)]
    assert statistics.fmean(gaps) == pytest.approx(1 / 50.0, rel=0.05)
    # The standard deviation of gamma gaps is their mean over the root of the shape.
    assert statistics.stdev(gaps) / statistics.fmean(gaps) == pytest.approx(burstiness**-0.5, rel=0.05)


def test_a_poisson_process_counts_as_one():
    """Counts in windows of a second have a variance like their mean, and gaps do not remember those before them."""
    times = [ask.when for ask in came(Users(tier(arrivals_per_second=20.0), seed=5, now=0.0), 600.0)]
    counts = [0] * 600
    for when in times:
        counts[int(when)] += 1
    assert statistics.variance(counts) / statistics.fmean(counts) == pytest.approx(1.0, abs=0.15)
    gaps = [later - sooner for sooner, later in pairwise(times)]
    assert statistics.correlation(gaps[:-1], gaps[1:]) == pytest.approx(0.0, abs=0.04)


def test_the_next_one_comes_whether_or_not_anybody_was_answered():
    users = Users(tier(arrivals_per_second=2.0, users=1), seed=0, now=0.0)
    assert len(came(users, 30.0)) > 30
    passer = came(Users(tier(arrivals_per_second=2.0), seed=0, now=0.0), 5.0)[0].user
    assert passer < 0
    users.answered(passer, 40.0)
    assert users.next_due() is not None
    assert not users.leaving(passer)


def test_the_same_seed_asks_the_same_however_often_it_is_looked_at():
    settings = tier(arrivals_per_second=5.0, burstiness=0.5, lengths="chat")
    often = came(Users(settings, 1, 0.0), 20.0)
    seldom = came(Users(settings, 1, 0.0), 20.0, look=0.7)
    assert seldom == often[: len(seldom)]
    assert len(seldom) > 40
    assert came(Users(settings, 2, 0.0), 20.0) != often


@pytest.mark.parametrize("name", MIXES)
def test_lengths_have_the_documented_percentiles(name):
    users = Users(tier(arrivals_per_second=100.0, lengths=name, mix="long"), seed=7, now=0.0)
    asks = came(users, 30.0)
    for documented, drawn in (
        (MIXES[name].prompt, [ask.prompt_tokens for ask in asks]),
        (MIXES[name].answer, [ask.answer_tokens for ask in asks]),
    ):
        assert statistics.median(drawn) == pytest.approx(documented.median, rel=0.06)
        assert statistics.quantiles(drawn, n=10)[8] == pytest.approx(documented.p90, rel=0.08)
        assert statistics.fmean(drawn) == pytest.approx(documented.mean, rel=0.06)


@pytest.mark.parametrize("name", PUBLISHED)
def test_mixes_are_those_of_the_published_traces(name):
    assert MIXES.keys() - PUBLISHED == {"reasoning"}  # a shape of a benchmark, not a trace
    for lengths, (median, p90, mean, divisor) in zip(
        (MIXES[name].prompt, MIXES[name].answer), PUBLISHED[name], strict=True
    ):
        assert lengths.median == pytest.approx(median / divisor, rel=0.05)
        assert lengths.p90 == pytest.approx(p90 / divisor, rel=0.05)
        assert lengths.mean == pytest.approx(mean / divisor, rel=0.25)


def test_lengths_shrink_with_the_context_and_stay_within_it():
    asks = came(Users(tier(arrivals_per_second=100.0, lengths="chat", context=512), seed=7, now=0.0), 20.0)
    assert statistics.median(ask.prompt_tokens for ask in asks) == pytest.approx(256 / 4, rel=0.08)
    assert max(ask.prompt_tokens for ask in asks) <= 512
    short = came(Users(tier(arrivals_per_second=100.0, lengths="chat", answer_tokens=40), seed=7, now=0.0), 5.0)
    assert {1, 40} & {ask.answer_tokens for ask in short} == {40}
    assert all(len(ask.prompt.user.split()) >= ask.prompt_tokens for ask in asks)


def test_lengths_that_there_are_none_of_are_a_trouble():
    with pytest.raises(Trouble, match="epic"):
        Users(tier(lengths="epic"), 0, 0.0)


@pytest.mark.parametrize("wrong", [{"lengths": "epic"}, {"mix": "none", "lengths": "chat"}])
def test_refused_settings_change_nothing(wrong):
    users, untouched = (Users(tier(arrivals_per_second=5.0), 4, 0.0) for _ in range(2))
    with pytest.raises(Trouble):
        users.retune(tier(arrivals_per_second=50.0, **wrong), 1.0)
    assert users.due(10.0) == untouched.due(10.0)


def test_users_become_passers_by_and_back():
    users = Users(tier(users=2), 0, 0.0)
    assert [ask.user for ask in users.due(0.0)] == [0, 1]
    users.retune(tier(arrivals_per_second=10.0), 1.0)
    assert all(users.leaving(user) for user in (0, 1))
    users.answered(0, 1.0)
    assert all(ask.user < 0 for ask in users.due(5.0))
    users.retune(tier(users=2), 6.0)
    assert [ask.user for ask in users.due(6.0)] == [0]
    users.answered(1, 7.0)
    assert [ask.user for ask in users.due(7.0)] == [1]


def test_a_pause_moves_all_that_is_to_come():
    for settings in ({"arrivals_per_second": 0.5}, {"think_s": 30.0}):
        one, other = Users(tier(**settings), 1, 0.0), Users(tier(**settings), 1, 0.0)
        other.skip(100.0)
        assert other.next_due() == pytest.approx(one.next_due() + 100.0)


# ---- timed scenarios


@pytest.mark.parametrize("name", SHIPPED)
def test_scenarios_that_ship_are_read_and_say_what_they_are(name):
    assert names()[0] == "steady"
    assert set(names()) == set(SHIPPED)
    assert scenario(name).title
    assert scenario(name).note


def test_the_rush_hour_has_the_waves_of_its_trace():
    """Its minutes: 37 to 507 requests, 328 on average."""
    loads = [scenario("rush-hour").load(seconds) for seconds in range(240)]
    assert min(loads) == pytest.approx(37 / 328, abs=0.01)
    assert max(loads) == pytest.approx(507 / 328, abs=0.01)
    assert loads[:120] == loads[120:]


def test_a_ramp_ends_at_its_top_and_a_spike_is_short():
    assert [scenario("ramp").load(seconds) for seconds in (0, 60, 120, 10**6)] == pytest.approx([0.1, 1.05, 2.0, 2.0])
    spike = [scenario("spike").load(seconds) for seconds in range(90)]
    assert sum(load > 2.0 for load in spike) == 11
    assert sum(load == 0.5 for load in spike) > 70


curves = st.builds(
    lambda gaps, loads, repeats: Scenario(
        title="",
        points=tuple((sum(gaps[:n]), load) for n, load in enumerate(loads[: len(gaps) + 1])),
        repeats=repeats and max(loads) > 1.0,
    ),
    st.lists(st.floats(0.1, 50.0), min_size=4, max_size=4),
    st.lists(st.floats(0.0, 5.0), min_size=2, max_size=5),
    st.booleans(),
)


@given(curves, st.floats(0.0, 300.0), st.floats(0.01, 200.0))
def test_work_is_done_when_the_load_has_summed_up_to_it(curve, start, work):
    end = curve.after(start, work)
    if end is None:
        assert not curve.repeats
        assert curve.points[-1][1] == 0.0
        return
    assume(end - start < 5000.0)
    steps = 4000
    width = (end - start) / steps
    done = sum(curve.load(start + (n + 0.5) * width) for n in range(steps)) * width
    assert done == pytest.approx(work, rel=0.02, abs=0.05)


def test_passers_by_follow_the_load():
    users = Users(tier(arrivals_per_second=20.0), 1, 100.0, scenario("spike"))
    times = [ask.when - 100.0 for ask in came(users, 190.0)]
    calm = sum(when < 30.0 for when in times) / 30.0
    busy = sum(31.0 <= when < 41.0 for when in times) / 10.0
    assert calm == pytest.approx(10.0, rel=0.2)
    assert busy == pytest.approx(60.0, rel=0.2)


def test_users_come_and_go_with_the_load():
    users, here, most = Users(tier(users=4), 1, 0.0, scenario("rush-hour")), set(), {}
    for tick in range(int(120 / LOOK_S)):
        clock = tick * LOOK_S
        here |= {ask.user for ask in users.due(clock)}
        most[int(clock)] = len(here)
        for user in list(here):
            users.answered(user, clock)
            here.discard(user)
    assert most[5] == 0
    assert max(most.values()) == round(4 * 1.55)
    assert most[119] == 0


@pytest.mark.parametrize(
    "points", [[], [[1.0, 1.0]], [[0.0, 1.0], [0.0, 2.0]], [[0.0, -1.0]], [[0.0, 1.0], [5.0, 1e9]]]
)
def test_a_curve_that_makes_no_sense_is_refused(points):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"title": "", "points": points, "repeats": True}, Scenario)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"title": "", "points": points}, Scenario)


@pytest.mark.parametrize("points", [[[0.0, 1.0]], [[0.0, 0.0], [10.0, 0.0]], [[0.0, 1e-300], [10.0, 1e-300]]])
def test_a_curve_that_repeats_must_get_somewhere(points):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"title": "", "points": points, "repeats": True}, Scenario)


def test_a_scenario_may_be_a_file_and_must_be_one(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('title = "Mine"\npoints = [[0, 2.0]]\n')
    assert scenario(str(file)).load(10.0) == 2.0
    assert scenario(str(file)).constant
    assert STEADY.constant
    for name, text in (("torn.toml", "title = "), ("wrong.toml", 'title = "x"\ncolour = "red"\n')):
        (tmp_path / name).write_text(text)
        with pytest.raises(Trouble, match=name):
            scenario(str(tmp_path / name))
    with pytest.raises(Trouble, match="lunch"):
        scenario("lunch")


def test_a_load_set_by_hand_multiplies_users_and_passers_by_from_then_on():
    users = Users(tier(users=4), seed=0, now=0.0)
    assert len(users.due(0.0)) == 4
    users.multiply(0.5, 1.0)
    assert [user for user in range(4) if users.leaving(user)] == [2, 3]
    users.multiply(2.0, 2.0)
    assert len(users.due(2.0)) == 4  # those who wait stay, as many again come
    passing = Users(tier(arrivals_per_second=20.0), seed=1, now=0.0)
    passing.multiply(3.0, 0.0)
    assert len(came(passing, 100.0)) == pytest.approx(6000, rel=0.05)
    passing.multiply(0.0, 100.0)
    assert passing.next_due() is None
    passing.multiply(1.0, 150.0)
    due = passing.next_due()
    assert due is not None
    assert 150.0 < due < 152.0


def test_a_load_set_by_hand_goes_on_top_of_the_scenario():
    twice = Scenario(title="", points=((0.0, 2.0),))
    users = Users(tier(users=3), seed=0, now=0.0, scenario=twice, load=2.0)
    assert len(users.due(0.0)) == 12
