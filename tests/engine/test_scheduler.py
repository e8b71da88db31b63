"""Turns by share: kept to within a step, and never a pause while anybody has work."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desk.engine.scheduler import Stride


@dataclass(eq=False)
class Claim:
    share: float
    step: float
    passed: float = 0.0
    used: float = 0.0


claims = st.lists(st.builds(Claim, st.floats(0.1, 10.0), st.floats(0.001, 0.06)), min_size=1, max_size=6)


def run(stride, claimants, seconds):
    clock = 0.0
    while clock < seconds:
        chosen = stride.pick(claimants)
        stride.charge(chosen, chosen.step)
        chosen.used += chosen.step
        clock += chosen.step
    return clock


@given(claims)
def test_seconds_relate_as_shares_to_within_a_step(claimants):
    total = run(Stride(), claimants, 10.0)
    longest = max(claim.step / claim.share for claim in claimants)
    for claim in claimants:
        due = total * claim.share / sum(other.share for other in claimants)
        assert abs(claim.used - due) <= longest * claim.share * 2


def test_shares_are_obeyed_within_two_percent_over_ten_seconds():
    claimants = [Claim(share, step) for share, step in ((1, 0.02), (1, 0.006), (2, 0.03), (4, 0.009), (0.5, 0.05))]
    total = run(Stride(), claimants, 10.0)
    for claim in claimants:
        assert claim.used / total == pytest.approx(claim.share / 8.5, abs=0.02)


@given(claims, st.lists(st.lists(st.booleans(), min_size=6, max_size=6), max_size=60))
def test_somebody_with_work_always_goes_and_nobody_without(claimants, rounds):
    stride = Stride()
    for has_work in rounds:
        ready = [claim for claim, busy in zip(claimants, has_work, strict=False) if busy]
        chosen = stride.pick(ready)
        assert (chosen in ready) if ready else (chosen is None)
        if chosen is not None:
            stride.charge(chosen, chosen.step)


def test_who_was_idle_saves_up_nothing_and_is_not_starved():
    stride, steady, returning = Stride(), Claim(1.0, 0.01), Claim(1.0, 0.01)
    run(stride, [steady], 5.0)
    steady.used = 0.0
    run(stride, [steady, returning], 1.0)
    assert returning.used == pytest.approx(steady.used, abs=0.011)


def test_a_new_share_holds_from_the_next_turn_on():
    stride, one, other = Stride(), Claim(1.0, 0.01), Claim(1.0, 0.01)
    run(stride, [one, other], 2.0)
    one.share, one.used, other.used = 3.0, 0.0, 0.0
    run(stride, [one, other], 2.0)
    assert one.used == pytest.approx(3 * other.used, rel=0.05)


def test_a_share_that_was_tiny_for_a_moment_leaves_nothing_to_make_up_for():
    stride, one, other = Stride(), Claim(1.0, 0.02), Claim(1.0, 0.02)
    run(stride, [one, other], 1.0)
    one.share = 0.01
    stride.reshare(one, 1.0)
    run(stride, [one, other], 1.0)
    one.share, one.used, other.used = 1.0, 0.0, 0.0
    stride.reshare(one, 0.01)
    run(stride, [one, other], 1.0)
    assert one.used == pytest.approx(other.used, abs=0.041)
