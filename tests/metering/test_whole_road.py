"""Faults of driver and meter as the user sees them: in the standing state and its words, while the run goes on."""

import os
import signal
import time
from itertools import pairwise

import psutil
import pytest
from road import device
from scripted_plant import PATIENCE_S

from desk.facts.happened import (
    ChildEnded,
    ChildGivenUp,
    ChildStarted,
    EngineOpened,
    RunStarted,
    Troubled,
    Worked,
)
from desk.facts.metered import FloorLearned, Read
from desk.journal import read
from desk.ledger.ledger import Ledger
from desk.plant.supervision import METER

TWO = "clock real 0\ngpu 0 power 0:100\ngpu 1 power 0:200\n"
HANG = "hang nvmlDeviceGetFieldValues *"

BRIEF = {"opening": 1.2, "silent": 0.6, "terminate": 0.1, "backoff": (0.05,)}
"""Little patience with a meter that is known to hang, and enough for one that opens on a busy machine."""

SHOWN_S = 3.0
"""A hang must be on the screen by then."""

EXIT_S = 2.0


def fold_of(path):
    ledger, periods = Ledger(), []
    for fact in read(path):
        periods += ledger.post(fact)
    return ledger, periods


# ---- hangs


@pytest.mark.parametrize(("how", "silent"), [("hang", METER.silent), ("freeze", 1.0)])
def test_a_hang_is_shown_at_once_and_its_child_replaced(road, standin, how, silent):
    followed = road(TWO, silent=silent)
    followed.run()
    first = followed.of(ChildStarted, child="meter")[-1].pid
    standin.write(TWO + HANG.replace("hang", how, 1))
    assert followed.until_state("stale") < SHOWN_S
    assert followed.standing.children["meter"].state == "stale"
    assert followed.standing.doubt == "The meter is not answering."
    followed.until(lambda: followed.standing.children["meter"].state == "ended")
    assert followed.reading().state == "not answering"
    assert followed.reading().watts is None
    standin.write(TWO)
    followed.until(lambda: followed.standing.children["meter"].state == "running")
    assert followed.of(ChildStarted, child="meter")[-1].pid != first
    followed.until_state("ok")
    assert f"did not answer for {silent:g}" in followed.of(ChildEnded, child="meter")[-1].cause
    # The engine never noticed, and what the hole cost is a gap: no energy is made up for it.
    late = [period for period in followed.periods if "meter" in period.late]
    assert sum(period.joules is None for period in late) >= silent
    assert all(period.joules / period.covered == pytest.approx(100, rel=0.1) for period in late if period.joules)
    assert not followed.of(ChildEnded, child="engine")


def test_an_opening_that_hangs_is_ended_and_then_passed_over(road):
    followed = road("clock real 0\ngpu 0\nhang nvmlInitWithFlags *", **BRIEF)
    followed.until(lambda: followed.standing.meter is not None)
    assert followed.lines == [(), (), ("--without", "nvml-counter")]
    (cause,) = [tried.cause for tried in followed.standing.meter.tried if tried.source == "nvml-counter"]
    assert cause == "passed over, because it did not answer when it was last asked"
    assert followed.standing.source == "none"


def test_a_hang_beside_the_processors_watts_does_not_silence_those(road, standin):
    """GPUs without watts are watched beside the processor, and can hang there."""
    zone = standin.sysfs / "class/powercap/intel-rapl:0"
    zone.mkdir(parents=True)
    for name, text in (("name", "package-0"), ("energy_uj", "1000"), ("max_energy_range_uj", "262143328850")):
        (zone / name).write_text(text)
    powerless = "clock real 0\ngpu 0\nfail field:* 0 3\nfail nvmlDeviceGetTotalEnergyConsumption 0 3\n"
    powerless += "fail nvmlDeviceGetPowerUsage 0 3\nfail nvmlDeviceGetFieldValues 0 3\n"
    followed = road(powerless + "hang nvmlDeviceGetUtilizationRates *", **BRIEF)
    followed.until(lambda: len(followed.lines) == 3 and followed.standing.children["meter"].state == "running")
    assert followed.lines[-1] == ("--without", "nvml-counter")
    assert [each.id for each in followed.standing.meter.devices] == ["cpu0"]
    assert followed.standing.meter.source == "rapl"


def test_a_driver_that_hangs_every_child_is_given_up_and_the_run_goes_on(road, standin):
    """Nothing but the driver's hang differs; the third process passes the driver over, so no fourth is ever stuck."""
    followed = road(TWO, **BRIEF)
    followed.run()
    standin.write(TWO + HANG + "\nhang nvmlInitWithFlags *")
    followed.until(lambda: len(followed.lines) == 3 and followed.standing.meter.source == "none")
    assert len(followed.of(ChildEnded, child="meter")) == 2
    beats = len(followed.of(Worked))
    followed.until(lambda: len(followed.of(Worked)) > beats + 5)
    assert (followed.standing.source, followed.standing.counted) == ("none", ())
    began = time.monotonic()
    followed.plant.close()
    assert time.monotonic() - began < EXIT_S


def test_at_most_three_processes_that_no_signal_reaches_are_left_behind(road, monkeypatch):
    """The worst case: not even SIGKILL ends it. Three such, and the meter is given up, with words and a way back."""
    from desk.plant import children

    unkilled = []

    def deaf(child):
        unkilled.append(child)

    monkeypatch.setattr(children.Child, "kill", deaf)
    monkeypatch.setattr(children.Child, "terminate", deaf)
    limits = {"opening": 0.8, "terminate": 0.05, "kill": 0.05, "backoff": (0.05,)}
    followed = road("clock real 0\ngpu 0\nhang nvmlInitWithFlags *", careful=False, **limits)
    followed.until(lambda: bool(followed.of(ChildGivenUp)))
    (given_up,) = followed.of(ChildGivenUp)
    assert len(followed.lines) == 3
    stuck = [child for child in dict.fromkeys(unkilled) if child.exit is None]
    assert len(stuck) == 3
    assert followed.standing.children["meter"].state == "given up"
    assert followed.standing.doubt == given_up.cause
    assert "did not answer" in given_up.cause
    assert given_up.remedy
    began = time.monotonic()
    followed.plant.close()
    assert time.monotonic() - began < EXIT_S
    for child in stuck:
        os.kill(child.pid, signal.SIGKILL)
        child.forget()
    deadline = time.monotonic() + PATIENCE_S
    while any(child.exit is None for child in stuck) and time.monotonic() < deadline:
        time.sleep(0.01)


# ---- crashes, and drivers that go


def test_a_child_that_dies_is_named_by_its_signal_and_replaced(road):
    followed = road(TWO, backoff=(0.05,))
    followed.run()
    for number, fatal in enumerate((signal.SIGSEGV, signal.SIGKILL)):
        os.kill(followed.of(ChildStarted, child="meter")[-1].pid, fatal)
        followed.until(lambda: len(followed.of(ChildEnded, child="meter")) > number)  # noqa: B023 - asked at once
        assert fatal.name in followed.of(ChildEnded, child="meter")[-1].cause
        assert followed.reading().state == "not answering"
        followed.until_state("ok")
    joules = followed.ledger.totals().joules
    followed.until(lambda: followed.ledger.totals().joules > joules + 20)


def test_a_driver_that_is_reloaded_costs_a_fresh_process_and_no_failure(road, standin):
    followed = road(TWO, backoff=(PATIENCE_S * 2,))  # a failure would show as a wait
    followed.run()
    before = followed.reading().epoch
    started = len(followed.of(ChildStarted, child="meter"))  # the run has told the first one again
    standin.write(TWO + "fail * * 9 calls=1")
    followed.until(lambda: bool(followed.of(ChildEnded, child="meter", exit=75)))
    assert "the meter starts anew" in followed.of(Troubled)[-1].cause
    standin.write(TWO)
    followed.until(lambda: len(followed.of(ChildStarted, child="meter")) > started)
    followed.until_state("ok")
    assert not followed.of(ChildGivenUp)
    # Another process counts from its own beginning: nothing of the old count is taken for this one's.
    assert followed.reading().epoch <= before + len(followed.of(ChildEnded, child="meter"))
    origin = followed.standing.run.t
    known, ended = (followed.of(kind)[-1].t - origin for kind in (EngineOpened, ChildEnded))
    followed.until(lambda: followed.periods[-1].start > ended and bool(followed.periods[-1].joules))
    # Until the engine has named its GPU, both count.
    drawn = [period for period in followed.periods if period.joules and period.start >= known]
    assert sum(period.joules for period in drawn) / sum(period.covered for period in drawn) < 120


def test_a_driver_updated_under_us_is_left_until_the_restart(road, standin):
    followed = road(TWO)
    followed.until_state("ok")
    standin.write(TWO + "fail * * 18")
    followed.until(lambda: followed.standing.meter.source == "none")
    (cause,) = [tried.cause for tried in followed.standing.meter.tried if tried.source == "nvml-counter"]
    assert cause == "the NVIDIA driver was updated while it ran; restart the machine to finish the update"
    assert len(followed.lines) == 2  # one fresh process, and that one stays


def test_a_lost_gpu_shows_and_the_other_goes_on(road, standin):
    followed = road(TWO, engine=0)
    followed.run()
    standin.write(TWO + "fail * 1 15")
    followed.until_state("lost", 1)
    assert followed.reading(1).watts is None
    joules = followed.ledger.totals().joules
    followed.until(lambda: followed.ledger.totals().joules > joules + 20)
    assert followed.reading(0).state == "ok"
    assert followed.standing.counted == (device(0),)
    assert any("is lost" in trouble.cause for trouble in followed.standing.troubles)


# ---- pipes and parents


def test_a_stalled_window_keeps_what_the_meter_says(road):
    """The plant's threads go on reading while nobody drains, so that nothing waits in the pipe and nobody is blamed."""
    followed = road(TWO)
    followed.until_state("ok")
    time.sleep(0.8)  # the window draws nothing
    followed.take()
    stamps = [fact.t for fact in followed.of(Read)]
    assert max(later - earlier for earlier, later in pairwise(stamps)) < 0.5
    assert not followed.of(ChildEnded)


def test_a_parent_that_is_killed_takes_its_meter_with_it(standin, tmp_path):
    import subprocess
    import sys

    standin.write(TWO)
    code = (
        "import sys, time; from desk.plant.plant import Plant; from desk.facts.happened import ChildStarted\n"
        f"plant = Plant((), argv=lambda verb, *rest: {standin.command()!r}); plant.open()\n"
        "while not (s := [f for f in plant.drain() if isinstance(f, ChildStarted)]): time.sleep(0.01)\n"
        "print(s[0].pid, flush=True); time.sleep(60)"
    )
    environment = standin.environment | {"TOKEN_DESK_HOME": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment) as parent:
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        child.wait(EXIT_S)


# ---- the file tells the same story


def test_the_floor_learned_before_the_start_is_in_the_file(road):
    followed = road(TWO)
    followed.until(lambda: followed.standing.floor_watts is not None)
    followed.run()
    followed.stop()
    started = next(place for place, fact in enumerate(followed.facts) if isinstance(fact, RunStarted))
    learned = [fact for fact in followed.facts[started:] if isinstance(fact, FloorLearned)]
    assert {fact.device for fact in learned} == {device(0), device(1)}
    assert learned[0].watts == pytest.approx(100, rel=0.05)
    assert learned[0].seconds >= 0.5
    assert learned[0].t == followed.facts[started].t
    followed.plant.close()
    ledger, periods = fold_of(followed.plant.recording)
    live = Ledger()
    mine = [period for fact in followed.facts[started:] for period in live.post(fact)][: len(periods)]
    assert periods == mine
    assert ledger.totals() == followed.ledger.totals()
    assert ledger.standing.floor_watts == pytest.approx(100, rel=0.05)
    # The engine works a fifth of the time, and the floor was known from its first tick on.
    assert all(period.floor_joules > 0 for period in periods if period.joules)
