"""What tiers, plans and numbers refuse or work out."""

import pytest

from desk.facts.codec import decode_fact
from desk.facts.plans import Graph, Plan
from desk.facts.tiers import Sampling, Tier
from desk.facts.trouble import Trouble


def test_a_stop_of_nothing_would_end_every_answer():
    with pytest.raises(ValueError, match=r"sampling\.stop of tier Free has an empty text"):
        Tier(name="Free", model="m", sampling=Sampling(stop=("\n", "")))


def test_a_plan_says_how_long_it_takes_at_least():
    plan = Plan(graphs=(Graph(model="a"), Graph(model="b")), slots=(1, 2), repeats=3)
    each = plan.settle_s + plan.window_s + plan.cooldown_s
    points = 3 * 2 * len(plan.works) * len(plan.contexts) * 2
    assert plan.seconds == points * each + 2 * plan.warmup_s


@pytest.mark.parametrize(
    "line",
    [
        b'{"fact":"noted","t":1e11,"text":"three thousand years up"}',
        b'{"fact":"worked","t":1.0,"span":1e9,"lanes":[]}',
        b'{"fact":"worked","t":1.0,"span":-1.0,"lanes":[]}',
        b'{"fact":"worked","t":1.0,"span":0.1,"lanes":[{"tier":"Free","gaps":{"9999":1}}]}',
        b'{"fact":"worked","t":1.0,"span":0.1,"lanes":[{"tier":"Free","gaps":{"9":-1}}]}',
        b'{"fact":"worked","t":1.0,"span":0.1,"lanes":[{"tier":"Free","emitted":9007199254740993}]}',
        b'{"fact":"watts_declared","t":1.0,"idle":1e300,"busy":1e300}',
    ],
)
def test_numbers_that_nothing_can_be_reckoned_with_are_no_facts(line):
    with pytest.raises(Trouble, match="not a fact"):
        decode_fact(line)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"window_s": 1.0}, "window_s is 1, but must lie between 3 and 3600"),
        ({"slots": ()}, "slots is empty, so there is nothing to measure"),
        ({"slots": (0,)}, "slots of tier Sweep is 0"),
        ({"contexts": (10**400,)}, "context of tier Sweep is beyond all bounds, but must lie between"),
    ],
)
def test_a_plan_that_measures_nothing_is_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        Plan(**settings)


def test_a_plan_of_tiers_measures_each_lane_once():
    """Tiers that differ in name, price and share alone are one lane; its models have to be there first."""
    free = Tier(name="Free", model="a", precision="q4", users=3)
    dear = Tier(name="Ultra", model="a", precision="q4", share=4.0, users=3)
    plan = Plan(tiers=(free, dear, Tier(name="High", model="b")), slots=(1, 4), repeats=2)
    points = list(plan.points())
    assert [(tier.model, tier.slots, tier.users, repeat) for tier, repeat in points[:4]] == [
        ("a", 1, 1, 0),
        ("a", 4, 4, 0),
        ("b", 1, 1, 0),
        ("b", 4, 4, 0),
    ]
    assert len(points) == 8
    assert plan.models == (Graph(model="a", precision="q4"), Graph(model="b"))
    assert Plan().models == Plan().graphs
