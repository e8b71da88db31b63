"""What the frontier predicts of a split is what the factory then makes, in dollars within two per cent."""

import sys
from pathlib import Path

import msgspec
import pytest

from desk.bench.prediction import APPLIED, IN_FORCE, Prediction
from desk.facts.happened import LaneFailed
from desk.facts.plans import Graph, Plan, Work
from desk.facts.tiers import Price, Promise, Tier
from desk.facts.trouble import Trouble
from desk.frontier.mix import best
from desk.frontier.options import Traffic, between, offer
from desk.frontier.points import Survey
from desk.frontier.split import change, played, today
from desk.ledger.ledger import Ledger
from desk.plant.sweep import Sweep

sys.path.insert(0, str(Path(__file__).parent))

from scripted_factory import PROMPT, Factory, answers, folded

PLAN = Plan(
    graphs=(Graph(model="m"),),
    works=(Work(answer_tokens=64),),
    slots=(1, 2, 4, 8),
    contexts=(256,),
    warmup_s=0.0,
    settle_s=1.0,
    window_s=40.0,
    repeats=1,
)
FREE = Tier(name="Free", model="m", slots=3, users=8, context=256, answer_tokens=64, price=Price(output=1.0))
HIGH = Tier(
    name="High",
    model="m",
    slots=2,
    users=8,
    share=2.0,
    context=256,
    answer_tokens=64,
    price=Price(input=1.0, output=3.0),
    promise=Promise(tokens_per_second_per_user=12.0),
)
ULTRA = Tier(
    name="Ultra",
    model="m",
    slots=1,
    users=1,
    context=256,
    answer_tokens=64,
    price=Price(output=9.0),
    promise=Promise(tokens_per_second_per_user=30.0),
)
TIERS = (FREE, HIGH, ULTRA)


@pytest.fixture(scope="module")
def points():
    """A sweep of one kind of work."""
    found, ledger = Survey(), Ledger()

    def told(fact):
        found.see(fact, ledger.post(fact), ledger)
        course.see(fact)

    factory = Factory(told=told)
    course = Sweep(factory, PLAN)
    course.start()
    factory.go(1e4)
    return found.points()


def measured(tiers, seconds=150.0):
    """The totals of a factory that runs these for so long."""
    factory = Factory(told=lambda fact: None)
    factory.equip(tiers)
    factory.start()
    factory.go(seconds)
    factory.stop()
    factory.go(1.0)
    return folded(factory.facts)


def changed(tier, **fields):
    return msgspec.structs.replace(tier, **fields)


def agree(mix, tiers, seconds=150.0, rates=0.03):
    """The mix and a factory with these tiers, within two per cent in dollars; gives the accounts."""
    totals = measured(tiers, seconds)
    assert totals.revenue / totals.seconds == pytest.approx(mix.revenue, rel=0.02)
    for tier in tiers:
        assert totals.tiers[tier.name].emitted / totals.seconds == pytest.approx(mix.parts[tier.name].rate, rel=rates)
    return totals


def test_revenue_after_apply_is_as_predicted_and_every_promise_is_kept(points):
    offers = [offer(tier, points) for tier in TIERS]
    mix = best(offers)
    assert mix.revenue > today(offers, TIERS).revenue
    after = {tier.name: tier for tier in change(mix, TIERS).after}
    served = [after.get(tier.name, tier) for tier in TIERS if tier.name in mix.parts]
    totals = agree(mix, served)
    for tier in served:
        account, part = totals.tiers[tier.name], mix.parts[tier.name]
        assert account.attainment > 0.9
        assert account.tokens_per_second_end_to_end < part.option.speed


def test_the_split_in_force_is_told_right_between_measured_slots_too(points):
    agree(today([offer(tier, points) for tier in TIERS], TIERS), TIERS)


def test_answers_of_another_length_are_corrected_for_and_other_prompts_are_not_guessed(points):
    tiers = (changed(FREE, answer_tokens=24), HIGH, changed(ULTRA, answer_tokens=160))
    offers = [offer(tier, points) for tier in tiers]
    assert [each.corrected for each in offers] == [True, False, True]
    agree(today(offers, tiers), tiers)
    code = changed(ULTRA, mix="code")
    assert not offer(code, points).options
    known = offer(code, points, traffic=Traffic(PROMPT, 0.0, answers(code.answer_tokens)))
    assert known.corrected
    assert between(known.options, 1).rate == pytest.approx(between(offer(ULTRA, points).options, 1).rate, rel=0.01)
    assert not offer(changed(ULTRA, lengths="chat"), points).options


def test_users_who_pause_and_passers_by_leave_their_shares_to_the_others(points):
    pausing = changed(HIGH, users=3, slots=2, think_s=4.0)
    passing = changed(ULTRA, slots=2, arrivals_per_second=0.25, burstiness=4.0)
    tiers = (FREE, pausing, passing)
    offers = [offer(tier, points) for tier in tiers]
    mix = today(offers, tiers)
    agree(mix, tiers, seconds=900.0)
    shares = today([offer(tier, points) for tier in TIERS], TIERS)
    assert mix.parts["Free"].rate > 1.2 * shares.parts["Free"].rate, "what the others do not use is hers"
    assert mix.parts["Ultra"].rate == pytest.approx(0.25 * answers(64), rel=0.05)
    assert offers[2].demand == pytest.approx(0.25 * answers(64), rel=0.05)
    assert played(offers, best(offers)).revenue == pytest.approx(best(offers).revenue, rel=0.1)


def test_users_fill_no_more_slots_than_there_are_of_them(points):
    few = offer(changed(FREE, users=5), points)
    assert [one.slots for one in few.candidates] == [1, 2, 4]
    assert between(few.options, 5) is not None


def test_a_run_of_its_own_predicts_and_measures_in_turns():
    tiers = (FREE, changed(HIGH, think_s=4.0), changed(ULTRA, arrivals_per_second=0.1))
    factory = Factory(told=lambda fact: course.see(fact))
    course = Prediction(factory, tiers, rounds=8, alone_s=8.0, window_s=20.0)
    course.start()
    factory.go(course.seconds * 1.2)
    assert course.ended
    in_force, applied = course.checked()
    assert (in_force.split, applied.split) == (IN_FORCE, APPLIED)
    for found in (in_force, applied):
        assert abs(found.error) < 0.02
        assert found.ratio.low < found.ratio.ratio < found.ratio.high
        assert found.measured == pytest.approx(found.predicted, rel=0.02)
    for predicted, told in in_force.rates.values():
        assert told == pytest.approx(predicted, rel=0.05)
    assert applied.measured > in_force.measured


def test_a_lane_that_cannot_run_ends_it_with_the_reason():
    factory = Factory(told=lambda fact: course.see(fact))
    course = Prediction(factory, TIERS)
    course.start()
    factory.go(1.0)
    with pytest.raises(Trouble, match="does not fit"):
        factory.say(LaneFailed(t=factory.t, tier="Free", cause="It does not fit.", remedy="Use fewer slots."))
    with pytest.raises(Trouble, match="No tier has users"):
        Prediction(factory, [changed(FREE, users=0)])
