"""What is in force, by the facts so far."""

import msgspec
import pytest
from story import FREE, T0, ULTRA, opened, read, run_started, run_stopped, slots, worked

from desk.facts.happened import (
    ChildAnswered,
    ChildEnded,
    ChildGivenUp,
    ChildStale,
    ChildStarted,
    EngineOpened,
    JobEnded,
    LaneDraining,
    LaneFailed,
    LaneLoading,
    LaneReady,
    Noted,
    Paused,
    Progressed,
    Resumed,
    Said,
    TariffChanged,
    TierChanged,
    Troubled,
    WattsDeclared,
)
from desk.facts.metered import Compared
from desk.facts.tiers import Tariff
from desk.ledger.differences import in_words
from desk.ledger.seeing import see
from desk.ledger.standing import KEPT_TROUBLES, Standing


def seen(*facts):
    standing = Standing()
    marks = [mark for fact in facts if (mark := see(standing, fact)) is not None]
    return standing, marks


def test_a_lane_goes_through_its_states():
    ready = LaneReady(
        t=T0,
        tier="Ultra",
        model="m",
        precision="q8",
        provider="cpu",
        context=64,
        slots=2,
        weights_bytes=1,
        kv_bytes=1,
        load_s=0.1,
    )
    standing, _ = seen(run_started())
    lane = standing.lanes["Ultra"]
    states = [lane.state]
    for fact in (
        LaneLoading(t=T0, tier="Ultra", model="m"),
        ready,
        LaneDraining(t=T0, tier="Ultra"),
        LaneFailed(t=T0, tier="Ultra", cause="No room.", remedy="Fewer slots."),
        LaneLoading(t=T0, tier="Ultra", model="m"),
    ):
        see(standing, fact)
        states.append(lane.state)
    assert states == ["closed", "loading", "ready", "draining", "failed", "loading"]
    assert lane.opened == ready
    assert lane.cause == ""


def test_an_ended_engine_closes_its_lanes_but_keeps_why_one_failed():
    standing, marks = seen(
        run_started(),
        worked(0.1, Ultra={"queue": 3, "slots": slots(2)}, Free={"queue": 1}),
        LaneFailed(t=T0, tier="Free", cause="No room.", remedy="Fewer slots."),
        ChildEnded(t=T0, child="engine", exit=0),
    )
    assert {name: (lane.state, lane.queue, lane.slots) for name, lane in standing.lanes.items()} == {
        "Free": ("failed", 0, ()),
        "Ultra": ("closed", 0, ()),
    }
    assert standing.lanes["Free"].remedy == "Fewer slots."
    assert marks[1:] == [("trouble", "Free: No room.", "Free")]  # an end that was asked for is no event


def test_children_and_their_states():
    standing, marks = seen(ChildStarted(t=T0, child="meter", pid=7))
    meter = standing.children["meter"]
    states = [meter.state]
    for fact in (
        read(0.1),
        ChildStale(t=T0 + 1, child="meter", age=0.4),
        ChildAnswered(t=T0 + 2, child="meter"),
        ChildEnded(t=T0 + 3, child="meter", exit=-9, cause="It was killed."),
        ChildGivenUp(t=T0 + 4, child="meter", cause="It fails.", remedy="Try again."),
    ):
        mark = see(standing, fact)
        marks += [mark] if mark else []
        states.append(meter.state)
    assert states == ["started", "running", "stale", "running", "ended", "given up"]
    assert (meter.pid, meter.since, meter.cause, meter.remedy) == (7, T0 + 4, "It fails.", "Try again.")
    assert [mark[1] for mark in marks] == ["It was killed.", "It fails."]
    see(standing, ChildStarted(t=T0 + 5, child="meter", pid=8))
    assert (meter.state, meter.cause) == ("started", "")


def test_a_child_that_nobody_announced_runs_once_it_speaks():
    standing, _ = seen(read(0.1), EngineOpened(t=T0, runtime="r", provider="cpu", device="d", threads=2))
    assert {name: child.state for name, child in standing.children.items()} == {"meter": "running", "engine": "running"}


def test_run_pause_and_end():
    standing, marks = seen(msgspec.structs.replace(run_started(), preset="five tiers"), Resumed(t=T0), Paused(t=T0))
    assert standing.running
    assert standing.paused
    see(standing, Paused(t=T0))
    assert see(standing, Resumed(t=T0)) == ("pause", "Resumed", "")
    assert not standing.paused
    see(standing, Paused(t=T0))
    see(standing, run_stopped(3.0))
    assert (standing.running, standing.paused, standing.stopped.reason) == (False, False, "stopped")
    assert [text for _, text, _ in marks] == ["Run started (five tiers)", "Paused"]


def test_settings_change_in_words_only_while_running():
    faster = msgspec.structs.replace(ULTRA, share=2.5, precision="q8")
    change = TierChanged(t=T0, tier=faster)
    standing, marks = seen(TierChanged(t=T0, tier=ULTRA), change, TariffChanged(t=T0, tariff=Tariff()))
    assert standing.tiers == {"Ultra": faster}
    assert marks == []
    standing, marks = seen(run_started(), change, change, TariffChanged(t=T0, tariff=standing.tariff))
    assert marks[1] == ("tier", "Ultra: precision none to q8, share 1 to 2.5", "Ultra")
    assert marks[2][0] == "tariff"
    assert see(standing, TariffChanged(t=T0, tariff=standing.tariff)) is None


def test_differences_of_optional_settings():
    before = FREE
    after = msgspec.structs.replace(FREE, users=8, promise=ULTRA.promise)
    assert in_words(before, after) == (
        "users 4 to 8, promise.ttft_s none to 0.5, promise.tokens_per_second_per_user none to 10"
    )


def test_jobs_notes_troubles_and_declared_watts():
    progress = Progressed(t=T0, job="build", model="m", stage="weights", done=1, total=2)
    ended = JobEnded(t=T0, job="build", model="n")
    declared = WattsDeclared(t=T0, idle=1.0, busy=2.0)
    standing, marks = seen(
        progress, ended, declared, Noted(t=T0, text="here"), Said(t=T0, tier="a", request=1, text="")
    )
    assert standing.jobs == {("m", ""): progress, ("n", ""): ended}
    assert standing.declared == declared
    assert (standing.source, standing.quality) == ("declared", "estimated")
    assert marks == [("note", "here", "")]
    for number in range(KEPT_TROUBLES + 5):
        see(standing, Troubled(t=T0, where="meter", cause=f"{number}"))
    assert len(standing.troubles) == KEPT_TROUBLES
    assert standing.troubles[-1].cause == f"{KEPT_TROUBLES + 4}"


def test_readings_are_those_of_the_devices_that_are_there():
    standing, _ = seen(opened(), read(0.1, device="gpu0", watts=80.0), read(0.1, device="gpu7"))
    assert standing.readings["gpu0"].watts == 80.0
    see(standing, opened())
    assert set(standing.readings) == {"gpu0"}


@pytest.mark.parametrize("source", ["none", "declared"])
def test_a_meter_without_watts_counts_no_device(source):
    standing, _ = seen(opened(source=source, quality="unavailable"))
    assert standing.counted == ()
    assert (standing.source, standing.quality) == ("none", "unavailable")


def test_nothing_is_known_at_first():
    standing = Standing()
    assert (standing.counted, standing.source, standing.quality) == ((), "none", "unavailable")


def test_a_counter_at_odds_with_power_is_told_until_another_meter_runs():
    def compared(ratio, device="gpu0"):
        return Compared(t=T0 + 60, device=device, ratio=ratio, seconds=60.0)

    standing, _ = seen(opened(), compared(1.029), compared(2.0, device="gpu7"))
    assert standing.disagreement == ""
    see(standing, compared(1.05))
    assert standing.disagreement == "Over 60 s the energy counter gave 1.05 times what power adds up to."
    see(standing, ChildStarted(t=T0 + 70, child="worker", pid=8))
    assert standing.disagreement
    see(standing, ChildStarted(t=T0 + 70, child="meter", pid=9))
    assert standing.disagreement == ""
