"""Calibration in the real factory: who steps alone, what goes on meanwhile, and what is no gap."""

import threading
from types import SimpleNamespace

from desk.engine.calibration import Solo
from desk.facts import histogram
from desk.facts.happened import Calibrated, Calibrating, FirstToken, LaneReady, Paused, Resumed, Worked
from desk.facts.orders import Calibrate, Pause, Resume

STRETCH_S = 0.3
SOON = threading.Event()
"""Never set: to wait for it is to leave the processor to the factory."""


def beat(run):
    run.factory.beat()
    return run.of(Worked)[-1]


def test_each_lane_is_alone_for_a_while_and_then_all_go_on(running, tier):
    tiers = (tier("Free", answer_tokens=200), tier("Ultra", answer_tokens=200))
    run = running().order(Calibrate(seconds=STRETCH_S)).open(*tiers)
    for alone, still in (("", {"Free", "Ultra"}), ("Free", {"Ultra"}), ("Ultra", {"Free"})):
        begun = run.until(Calibrating, accept=lambda fact, alone=alone: fact.tier == alone)
        beat(run)  # closes the account of what was before
        while (worked := beat(run)).t < begun.t + STRETCH_S / 2:
            assert {lane.tier for lane in worked.lanes if lane.busy == 0.0} >= still
            SOON.wait(STRETCH_S / 20)
    done = run.until(Calibrated)
    stretches = run.of(Calibrating)
    assert [fact.tier for fact in stretches] == ["", "Free", "Ultra"]
    assert all(
        later.t - earlier.t >= STRETCH_S for earlier, later in zip(stretches, [*stretches[1:], done], strict=True)
    )
    assert max(fact.t for fact in run.of(LaneReady)) <= stretches[0].t
    run.until(FirstToken, accept=lambda fact: fact.tier == "Free" and fact.t > done.t)
    run.halt()
    assert len(run.of(Calibrated)) == 1


def test_what_is_ordered_while_a_calibration_is_on_is_passed_over():
    told = []
    solo = Solo(told.append)
    lane = SimpleNamespace(tier=SimpleNamespace(name="Free"), state="running", active={1: 1}, queue=(), skip=id)
    solo.order(1.0)
    for t in range(10):
        solo.turn([lane], float(t))
        if t in (0, 1):
            solo.order(600.0)
    assert [(type(fact), fact.t) for fact in told] == [(Calibrating, 0.0), (Calibrating, 1.0), (Calibrated, 2.0)]


def test_standing_still_for_another_lane_is_no_gap_between_tokens(running, tier):
    tiers = (tier("Free", answer_tokens=240), tier("Ultra", answer_tokens=240))
    run = running().open(*tiers)
    run.until(FirstToken, accept=lambda fact: fact.tier == "Free")
    run.order(Calibrate(seconds=1.0))
    run.until(Calibrated)
    run.halt()
    longest = max(bucket for worked in run.of(Worked) for lane in worked.lanes for bucket in lane.gaps)
    assert histogram.seconds_of(longest) < 1.0


def test_a_lane_without_requests_is_passed_over_and_a_pause_does_not_count(running, tier):
    run = running().open(tier("Free", answer_tokens=200), tier("Ultra", users=0))
    run.until(FirstToken)
    run.order(Calibrate(seconds=STRETCH_S))
    run.until(Calibrating, accept=lambda fact: fact.tier == "Free")
    run.order(Pause())
    paused = run.until(Paused)
    run.order(Resume())
    resumed = run.until(Resumed)
    done = run.until(Calibrated)
    run.halt()
    stretches = run.of(Calibrating)
    assert [fact.tier for fact in stretches] == ["", "Free"]
    assert done.t - stretches[1].t >= STRETCH_S + resumed.t - paused.t
