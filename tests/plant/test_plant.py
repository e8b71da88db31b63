"""The plant with real child processes that follow a script."""

import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from scripted_plant import LIMITS, PATIENCE_S, Watched, script

from desk import journal
from desk.facts import places
from desk.facts.happened import (
    Calibrated,
    Calibrating,
    ChildAnswered,
    ChildEnded,
    ChildGivenUp,
    ChildStale,
    ChildStarted,
    EngineOpened,
    FirstToken,
    JobEnded,
    LaneReady,
    Noted,
    Paused,
    Progressed,
    Resumed,
    RunStarted,
    RunStopped,
    TariffChanged,
    TierChanged,
    Troubled,
    Unrecorded,
    WattsDeclared,
    Worked,
)
from desk.facts.metered import MeterOpened, Read
from desk.facts.tiers import Tariff, Tier
from desk.plant.plant import HALT_S, Plant
from desk.plant.supervision import ENGINE


def recorded(run):
    """What lies on disk of a run, compressed or not yet."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = list(places.runs_dir().glob(f"{run}.jsonl.gz"))
        if found:
            return list(journal.read(found[0]))
        time.sleep(0.01)
    raise AssertionError(f"no recording of {run} in {list(places.runs_dir().iterdir())}")


def a_run(watched, beats=3):
    """Start, let the engine beat, stop; gives the facts of the run."""
    watched.plant.start()
    started = watched.until_kind(RunStarted)
    for _ in range(beats):
        watched.until_kind(Worked)
    watched.plant.stop()
    stopped = watched.until_kind(RunStopped)
    first, last = watched.facts.index(started), watched.facts.index(stopped)
    return watched.facts[first : last + 1]


class TestRun:
    def test_a_run_begins_with_all_that_stands_ends_in_order_and_is_recorded_as_it_was_drained(self, open_plant, tiers):
        watched = open_plant()
        watched.plant.declare_watts(20.0, 65.0, assumed=True)
        watched.until_kind(WattsDeclared)
        opened = watched.until_kind(MeterOpened)
        facts = a_run(watched)
        assert facts[0].tiers == tiers
        assert facts[0].preset == "scripted"
        assert facts[0].machine.memory_bytes > 0
        standing = [fact for fact in facts if fact.t == facts[0].t]
        assert [type(fact) for fact in standing[1:]] == [ChildStarted, MeterOpened, WattsDeclared]
        assert standing[2].devices == opened.devices
        assert standing[3].assumed
        assert facts[-1].reason == "stopped"
        (ended,) = [fact for fact in facts if isinstance(fact, ChildEnded)]
        assert (ended.child, ended.exit, ended.cause) == ("engine", 0, "")
        watched.until_kind(Read)  # the meter outlives the run
        assert not watched.of(ChildEnded, child="meter")
        assert recorded(facts[0].run) == facts

    def test_what_is_missing_is_built_first(self, open_plant, tiers, tmp_path):
        watched = open_plant()
        missing = str(tmp_path / "missing")
        watched.plant.equip([Tier(name="Free", model=missing)])
        facts = a_run(watched)
        kinds = [type(fact) for fact in facts]
        assert kinds.index(Progressed) < kinds.index(JobEnded) < kinds.index(EngineOpened)
        assert next(fact for fact in facts if isinstance(fact, JobEnded)).cause == ""

    @pytest.mark.parametrize(
        ("behaviour", "cause"), [("no disk", "The disk is full."), ("crashes", "out of scripted memory")]
    )
    def test_a_model_that_cannot_be_built_ends_the_run_with_the_cause(self, open_plant, tmp_path, behaviour, cause):
        watched = open_plant(worker=behaviour)
        watched.plant.equip([Tier(name="Free", model=str(tmp_path / "missing"))])
        watched.plant.start()
        assert watched.until_kind(RunStopped).reason == "given up"
        (ended,) = watched.of(JobEnded)
        assert cause in ended.cause
        assert ended.remedy
        assert not watched.of(ChildStarted, child="engine")

    def test_stop_at_once_ends_the_run_before_anything_was_started(self, open_plant):
        watched = open_plant()
        watched.plant.start()
        watched.plant.stop()
        assert watched.until_kind(RunStopped).reason == "stopped"
        a_run(watched)

    def test_stop_while_building_ends_the_run(self, open_plant, tmp_path):
        watched = open_plant(worker="hangs once")
        watched.plant.equip([Tier(name="Free", model=str(tmp_path / "missing"))])
        watched.plant.start()
        watched.until_kind(Progressed)
        watched.plant.stop()
        assert watched.until_kind(RunStopped).reason == "stopped"
        assert [fact.cause for fact in watched.of(JobEnded)] == ["Cancelled."]


class TestOrders:
    def test_a_pause_comes_back_as_a_fact_and_a_change_stands_in_the_next_run(self, open_plant, tiers):
        watched = open_plant()
        watched.plant.start()
        watched.until_kind(Worked)
        watched.plant.pause()
        watched.until_kind(Paused)
        assert watched.until_kind(Worked).lanes[0].emitted == 0
        watched.plant.resume()
        watched.until_kind(Resumed)
        changed = Tier(name="Ultra", model=tiers[1].model, slots=1, users=7)
        watched.plant.change(changed)
        assert watched.until(lambda fact: isinstance(fact, TierChanged) and fact.tier.users == 7)
        watched.plant.stop()
        watched.until_kind(RunStopped)
        watched.plant.start()
        assert watched.until_kind(RunStarted).tiers == (tiers[0], changed)

    def test_a_calibration_is_ordered_at_once_or_as_the_next_run_begins(self, open_plant):
        watched = open_plant()
        watched.plant.calibrate()
        watched.plant.start()
        watched.until_kind(Calibrated)
        watched.plant.calibrate()
        watched.until_kind(Calibrated)
        watched.plant.stop()
        watched.until_kind(RunStopped)
        watched.plant.start()
        watched.until_kind(FirstToken)
        watched.plant.stop()
        watched.until_kind(RunStopped)
        assert len(watched.of(Calibrating)) == 2

    def test_without_an_engine_the_plant_records_the_change_itself(self, open_plant, tiers):
        watched = open_plant()
        changed = Tier(name="Free", model=tiers[0].model, users=9)
        watched.plant.change(changed)
        watched.until_kind(TierChanged, tier=changed)
        watched.plant.retariff(Tariff(dollars_per_kwh=0.5))
        watched.until_kind(TariffChanged, tariff=Tariff(dollars_per_kwh=0.5))
        watched.plant.note("here")
        watched.until_kind(Noted)
        facts = a_run(watched)
        assert facts[0].tiers == (changed, tiers[1])
        assert facts[0].tariff.dollars_per_kwh == 0.5

    def test_an_emergency_stop_does_not_wait_for_an_engine_that_will_not_leave(self, open_plant):
        watched = open_plant(LIMITS | {"engine": ENGINE}, engine="will not leave")
        watched.plant.start()
        for _ in range(4):
            watched.until_kind(Worked)
        asked = time.monotonic()
        watched.plant.halt()
        assert watched.until_kind(RunStopped).reason == "emergency"
        assert HALT_S <= time.monotonic() - asked < ENGINE.ask  # as long as a stop would ask it


class TestSupervision:
    def test_a_crash_is_noticed_at_once_and_the_engine_replaced_with_the_tiers_in_force(self, open_plant, tiers):
        watched = open_plant(engine="crashes once")
        watched.plant.start()
        pid = watched.until_kind(ChildStarted, child="engine").pid
        ended = watched.until_kind(ChildEnded, child="engine")
        assert ended.exit == -signal.SIGKILL
        assert "SIGKILL" in ended.cause
        assert not watched.of(ChildStale, child="engine")  # it dies right after a beat, and is seen before it is missed
        assert watched.until_kind(ChildStarted, child="engine").pid != pid
        assert {watched.until_kind(LaneReady).tier, watched.until_kind(LaneReady).tier} == {"Free", "Ultra"}
        watched.until_kind(Worked)

    def test_an_engine_that_always_crashes_is_given_up_with_its_last_words(self, open_plant):
        watched = open_plant(engine="crashes")
        watched.plant.start()
        given_up = watched.until_kind(ChildGivenUp, child="engine")
        assert given_up.cause == "The engine ended with exit code 3: RuntimeError: out of scripted memory."
        assert given_up.remedy
        assert watched.until_kind(RunStopped).reason == "given up"
        assert len(watched.of(ChildEnded, child="engine")) == LIMITS["engine"].failures
        watched.plant.start()
        watched.until_kind(Worked)

    @pytest.mark.parametrize("child", ["engine", "meter"])
    def test_a_silent_child_is_shown_then_replaced(self, open_plant, child):
        watched = open_plant(**{child: "hangs once"})
        watched.plant.start()
        stale = watched.until_kind(ChildStale, child=child)
        assert LIMITS[child].stale <= stale.age < LIMITS[child].silent  # the age is told in whole milliseconds
        ended = watched.until_kind(ChildEnded, child=child)
        assert "did not answer" in ended.cause
        watched.until_kind(ChildStarted, child=child)
        watched.until_kind(Worked if child == "engine" else Read)

    def test_a_child_that_speaks_again_in_time_is_forgiven(self, open_plant):
        limits = LIMITS | {"meter": dataclasses.replace(LIMITS["meter"], silent=PATIENCE_S)}
        watched = open_plant(limits, meter="hangs once")
        pid = watched.until_kind(ChildStarted, child="meter").pid
        watched.until_kind(ChildStale, child="meter")
        os.kill(pid, signal.SIGCONT)
        watched.until_kind(ChildAnswered, child="meter")
        watched.until_kind(Read)
        assert not watched.of(ChildEnded)

    def test_a_parent_that_was_held_up_blames_nobody(self, open_plant, monkeypatch):
        watched = open_plant()
        watched.until_kind(Read)
        watched.plant._wish(lambda: time.sleep(1.2))
        watched.plant.note("awake again")
        watched.until_kind(Noted)
        watched.until_kind(Read)
        assert not watched.of(ChildStale)
        assert not watched.of(ChildEnded)

    def test_an_engine_that_crashed_while_paused_comes_back_paused(self, open_plant):
        watched = open_plant(engine="crashes once paused")
        watched.plant.start()
        watched.until_kind(LaneReady)
        watched.plant.pause()
        watched.until_kind(ChildEnded, child="engine")
        watched.until_kind(ChildStarted, child="engine")
        watched.until_kind(Paused)
        assert watched.until_kind(Worked).lanes[0].emitted == 0

    def test_a_meter_that_keeps_crashing_is_started_more_carefully(self, tiers):
        lines = []

        def argv(verb, *arguments):
            lines.append([verb, *arguments])
            return script(meter="crashes hard" if len(lines) < 3 else "behaves")(verb)

        with Plant(tiers, argv=argv, limits=LIMITS) as plant:
            watched = Watched(plant)
            for _ in range(3):
                watched.until_kind(ChildStarted, child="meter")
        assert lines == [["meter"], ["meter"], ["meter", "--bare"]]

    def test_a_meter_that_keeps_hanging_is_started_without_the_driver(self, tiers):
        lines = []

        def argv(verb, *arguments):
            lines.append([verb, *arguments])
            return script(meter="hangs" if len(lines) < 3 else "behaves")(verb)

        with Plant(tiers, argv=argv, limits=LIMITS) as plant:
            watched = Watched(plant)
            for _ in range(3):
                watched.until_kind(ChildStarted, child="meter")
        assert lines == [["meter"], ["meter"], ["meter", "--without", "nvml-counter"]]

    def test_a_child_that_asks_for_a_fresh_process_gets_it_but_not_for_ever(self, open_plant):
        limits = LIMITS | {"meter": dataclasses.replace(LIMITS["meter"], renewals=1, failures=2)}
        watched = open_plant(limits, meter="asks for another")
        given_up = watched.until_kind(ChildGivenUp, child="meter")
        assert "exit code 75" in given_up.cause
        ended = watched.of(ChildEnded, child="meter")
        assert [bool(fact.cause) for fact in ended] == [False, True, True]

    def test_a_line_that_its_writer_died_over_is_left_out(self, open_plant):
        watched = open_plant(engine="dies over a line")
        watched.plant.start()
        watched.until_kind(ChildEnded, child="engine")
        assert not watched.of(Troubled)

    def test_a_meter_given_up_leaves_the_run_going_and_can_be_tried_again(self, open_plant):
        watched = open_plant(meter="crashes")
        watched.plant.start()
        watched.until_kind(ChildGivenUp, child="meter")
        watched.until_kind(Worked)
        watched.plant.stop()
        watched.until_kind(RunStopped)
        watched.plant.start()
        watched.until_kind(RunStarted)
        watched.until_kind(ChildGivenUp, child="meter")
        watched.plant.retry_meter()
        watched.until_kind(ChildStarted, child="meter")

    def test_a_program_that_is_not_there_is_given_up_with_the_reason(self, tiers):
        with Plant(tiers, argv=lambda *_: ["/nowhere/desk"], limits=LIMITS) as plant:
            facts = []
            deadline = time.monotonic() + PATIENCE_S
            while not any(isinstance(fact, ChildGivenUp) for fact in facts) and time.monotonic() < deadline:
                facts += plant.drain()
                time.sleep(0.005)
        (given_up,) = [fact for fact in facts if isinstance(fact, ChildGivenUp)]
        assert "could not be started" in given_up.cause

    def test_lines_that_are_no_facts_are_named_once_and_left_out(self, open_plant):
        """What a chatty child writes to stderr neither stalls it nor spoils a line."""
        watched = open_plant(engine="garbled", meter="chatty")
        facts = a_run(watched, beats=6)
        (troubled,) = [fact for fact in facts if isinstance(fact, Troubled)]
        assert troubled.where == "engine"
        assert "not a fact" in troubled.cause
        assert recorded(facts[0].run) == facts

    def test_a_grandchild_that_holds_the_pipe_does_not_hide_a_crash(self, open_plant, home):
        watched = open_plant(engine="leaves a grandchild")
        watched.plant.start()
        try:
            assert watched.until_kind(ChildEnded, child="engine").exit == 4
        finally:
            (home / "grandchild.leaves").touch()


class TestLeaving:
    @pytest.mark.parametrize("behaviours", [("behaves", "behaves"), ("will not leave", "hangs once")])
    def test_closing_takes_two_seconds_at_most_and_leaves_no_child(self, open_plant, behaviours):
        watched = open_plant(engine=behaviours[0], meter=behaviours[1])
        watched.plant.start()
        for _ in range(3):
            watched.until_kind(Worked)
        pids = [fact.pid for fact in watched.of(ChildStarted)]
        asked = time.monotonic()
        watched.plant.close()
        assert time.monotonic() - asked < 2.0
        assert not [pid for pid in pids if psutil.pid_exists(pid)]
        assert watched.of(RunStopped, reason="closed")

    def test_no_child_outlives_a_parent_that_is_killed(self, tiers, model):
        program = (
            "import sys, time; sys.path.insert(0, sys.argv[1])\n"
            "from scripted_plant import script; from desk.facts.tiers import Tier\n"
            "from desk.plant.plant import Plant\n"
            "plant = Plant([Tier(name='Free', model=sys.argv[2])], argv=script())\n"
            "plant.open(); plant.start()\n"
            "while True:\n"
            "    for fact in plant.drain(): print(type(fact).__name__, getattr(fact, 'pid', ''), flush=True)\n"
            "    time.sleep(0.01)\n"
        )
        here = str(Path(__file__).parent)
        parent = subprocess.Popen([sys.executable, "-c", program, here, model], stdout=subprocess.PIPE, text=True)
        pids = []
        for line in parent.stdout:
            kind, _, pid = line.strip().partition(" ")
            pids += [int(pid)] if kind == "ChildStarted" else []
            if kind == "Worked":
                break
        parent.kill()
        parent.wait(PATIENCE_S)
        parent.stdout.close()
        assert len(set(pids)) == 2
        deadline = time.monotonic() + PATIENCE_S
        while (left := [pid for pid in pids if _lives(pid)]) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not left

    def test_cycles_of_start_and_stop_leak_neither_threads_nor_files(self, open_plant):
        watched = open_plant()
        a_run(watched, beats=1)
        threads, files = _held()
        for _ in range(2):
            a_run(watched, beats=1)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            # What is put away in the background holds a thread or a file for a moment, then or now.
            now_threads, now_files = _held()
            if (now_threads <= threads and now_files <= files) or time.monotonic() > deadline:
                break
            time.sleep(0.02)
        assert (now_threads <= threads, now_files <= files) == (True, True), (now_threads, threads, now_files, files)


class TestBug:
    def test_a_bug_in_the_plant_is_shown_to_whoever_drains_and_the_children_leave(self, open_plant):
        watched = open_plant()
        pid = watched.until_kind(ChildStarted, child="meter").pid
        watched.plant._wish(lambda: 1 / 0)
        with pytest.raises(RuntimeError) as caught:
            watched.until_kind(RunStarted)
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
        deadline = time.monotonic() + PATIENCE_S
        while _lives(pid) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not _lives(pid)


class TestDisk:
    def test_a_run_goes_on_unrecorded_where_the_folder_cannot_be_made(self, open_plant, home):
        (home / "runs").write_text("a file stands where the folder should be")
        watched = open_plant()
        facts = a_run(watched)
        (troubled,) = [fact for fact in facts if isinstance(fact, Troubled)]
        assert troubled.where == "journal"
        assert "cannot be made" in troubled.cause
        assert "unrecorded" in troubled.remedy
        assert any(isinstance(fact, FirstToken) for fact in facts)

    @pytest.mark.skipif(sys.platform == "win32", reason="limits the size of files as a full disk would")
    def test_a_disk_that_fills_up_is_told_once_and_keeps_what_happened(self, open_plant, home):
        import resource

        watched = open_plant()
        watched.plant.start()
        started = watched.until_kind(RunStarted)
        watched.until_kind(Worked)
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (1, before[1]))
            troubled = watched.until_kind(Troubled)
            for _ in range(3):
                watched.until_kind(Worked)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, handler)
        watched.plant.stop()
        watched.until_kind(RunStopped)
        assert troubled.where == "journal"
        _, goes_on = watched.of(Troubled)  # told once, and once more when there is room again
        assert "are missing" in goes_on.cause
        facts = list(journal.read(watched.plant.recording))
        assert facts[0] == started
        assert any(isinstance(fact, Worked) for fact in facts)
        assert [type(fact) for fact in facts if isinstance(fact, Unrecorded | RunStopped)] == [Unrecorded, RunStopped]


def _lives(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _held():
    """Threads and open files of this process."""
    me = psutil.Process()
    return threading.active_count(), me.num_fds() if hasattr(me, "num_fds") else 0
