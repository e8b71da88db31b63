"""GPUs that go, sleep, hang back or return, and time that passes unseen: what is shown, and what is not made up."""

from itertools import pairwise

import pytest

TWO = "gpu 0 power 0:100\ngpu 1 power 0:200\n"


def watts_between(edges, start, end):
    """Mean power over the edges within a stretch."""
    inside = [(t, joules) for t, joules in edges if start <= t <= end]
    return (inside[-1][1] - inside[0][1]) / (inside[-1][0] - inside[0][0])


# ---- loss


@pytest.mark.parametrize("code", [15, 16])
def test_a_lost_gpu_is_shown_lost_and_the_other_goes_on(simulate, code):
    facts = simulate(TWO + f"fail * 1 {code} from=5", 12)
    assert facts.states(0) == ["ok"]
    assert facts.states(1) == ["ok", "lost"]
    assert facts.last(1).watts is None
    assert facts.last(1).utilization is None
    assert max(t for t, _ in facts.samples(1)) < 5.1
    assert watts_between(facts.edges(0)[0], 1, 12) == pytest.approx(100, rel=0.01)
    assert len([cause for cause in facts.troubles if "is lost" in cause]) == 1
    assert facts.opened[-1].source == "nvml-counter"


def test_a_lost_gpu_is_not_polled(simulate, standin):
    simulate("log\n" + TWO + "fail * 1 15 from=2", 20, into=standin)
    on_lost = [call for call in standin.calls if call.endswith(" 1")]
    assert on_lost[-1] == "nvmlDeviceGetFieldValues 1"
    assert len([call for call in on_lost if "FieldValues" in call]) < 50


def test_a_gpu_that_returns_goes_on_under_its_uuid_in_a_new_epoch(simulate):
    facts = simulate(TWO + "fail * 1 15 from=5 to=20", 50)
    assert facts.states(1)[:2] == ["ok", "lost"]
    assert facts.states(1)[-1] == "ok"
    assert {len(read.devices) for read in facts.reads} == {2}
    edges = facts.edges(1)
    assert len(edges) == 2
    (first, second) = edges.values()
    assert second[0][0] > 20
    # What it drew while nobody could look is not made up, and its sum never falls.
    assert 0 <= second[0][1] - first[-1][1] < 50
    assert watts_between(second, 36, 50) == pytest.approx(200, rel=0.01)
    # The search does not cost the healthy one a joule.
    assert list(facts.edges(0)) == [0]
    assert watts_between(facts.edges(0)[0], 1, 50) == pytest.approx(100, rel=0.005)


def test_history_follows_the_uuid_when_the_driver_counts_anew(simulate):
    lost = TWO + "fail * 1 15 from=5 to=20"
    facts = simulate(lost, 50, events=[(10, "scenario", lost + "\norder 1 0")])
    assert facts.states(1)[-1] == "ok"
    assert facts.last(0).watts == pytest.approx(100)
    assert facts.last(1).watts == pytest.approx(200)


def test_a_replaced_gpu_is_another_device(simulate):
    fresh = "gpu 0 power 0:100\ngpu 2 power 0:300\n"
    facts = simulate(TWO + "fail * 1 15 from=5", 50, events=[(10, "scenario", fresh)])
    assert [device.uuid[4:12] for device in facts.opened[-1].devices] == ["a0000000", "a0000001", "a0000002"]
    assert facts.last(1).state == "lost"
    assert facts.last(2).watts == pytest.approx(300)


def test_a_gpu_that_is_lost_from_the_start_is_shown(simulate):
    facts = simulate(TWO + "fail * 1 15 to=20", 40)
    assert [reading.state for reading in facts.reads[0].devices] == ["ok", "lost"]
    assert facts.opened[0].source == "nvml-counter"
    assert facts.states(1)[-1] == "ok"
    assert len(facts.reads[-1].devices) == 2


def test_a_gpu_that_never_answers_is_shown_under_its_number(simulate):
    facts = simulate(TWO + "fail nvmlDeviceGetHandleByIndex_v2 1 999", 40)
    assert [reading.device for reading in facts.reads[-1].devices] == ["gpu-a0000000", "gpu-number-1"]
    assert facts.reads[-1].devices[1].state == "not answering"
    assert len([cause for cause in facts.troubles if "does not answer" in cause]) == 1


def test_a_lost_twin_does_not_rename_the_other(simulate):
    facts = simulate("gpu 0 name NVIDIA L4\ngpu 1 name NVIDIA L4\nfail * 1 15 from=2", 50)
    assert [device.name for device in facts.opened[-1].devices] == ["NVIDIA L4 (01:00.0)", "NVIDIA L4 (02:00.0)"]


# ---- errors that may pass


def test_a_few_timeouts_are_stale_and_then_fine(simulate):
    facts = simulate("gpu 0 power 0:100\nfail nvmlDeviceGetFieldValues 0 10 from=2 to=2.2", 5)
    assert facts.states() == ["ok", "stale", "ok"]
    assert list(facts.edges()) == [0]
    assert watts_between(facts.edges()[0], 0, 5) == pytest.approx(100, rel=0.02)
    assert facts.troubles == []


@pytest.mark.parametrize("code", [10, 27, 999])
def test_many_failures_in_a_row_are_no_answer_until_it_answers(simulate, code):
    facts = simulate(f"gpu 0 power 0:100\nfail nvmlDeviceGetFieldValues 0 {code} from=2 to=6", 20)
    states = facts.states()
    assert states[:3] == ["ok", "stale", "not answering"]
    assert states[-1] == "ok"
    assert facts.last().watts == 100.0
    assert len(facts.troubles) == 1
    assert "does not answer" in facts.troubles[0]


@pytest.mark.parametrize("code", [1, 9, 18])
def test_a_driver_taken_away_asks_for_a_fresh_process(simulate, code):
    facts = simulate(f"gpu 0\nfail * * {code} from=3", 10)
    assert facts.exit == 75
    assert "the meter starts anew" in facts.troubles[-1]
    assert facts.reads[-1].t == pytest.approx(3, abs=0.2)


def test_a_driver_that_is_gone_when_looked_for_asks_for_a_fresh_process(simulate):
    facts = simulate("gpu 0\nfail * 0 15 from=3\nfail nvmlInitWithFlags * 18 from=3", 60)
    assert facts.exit == 75
    assert "went away" in facts.troubles[-1]


def test_a_driver_that_refuses_quick_questions_is_asked_less_often(simulate, standin):
    facts = simulate("log\ngpu 0 power 0:100\nfail field:186 0 3 from=2 to=3", 12, into=standin)
    assert facts.opened[-1].source == "nvml-counter"
    late = [t for t, _ in facts.samples() if t > 4]
    assert 0.1 <= (late[-1] - late[0]) / (len(late) - 1) <= 0.41


def test_a_field_that_stays_away_is_given_up(simulate):
    facts = simulate("gpu 0 power 0:100\nfail field:83 0 3 from=2\nfail nvmlDeviceGetTotalEnergyConsumption 0 3", 20)
    assert [fact.source for fact in facts.opened] == ["nvml-counter", "nvml-power"]
    assert max(t for t, _ in facts.samples()) > 19


# ---- slow drivers


@pytest.mark.parametrize("delay", [30, 300])
def test_a_slow_driver_is_asked_less_often_and_never_in_bursts(simulate, standin, delay):
    facts = simulate(f"log\ngpu 0 power 0:100\ndelay * 0 {delay} from=1", 60, into=standin)
    stamps = [t for t, _ in facts.samples() if t > 10]
    gaps = [later - earlier for earlier, later in pairwise(stamps)]
    assert min(gaps) >= 20 * delay / 1e3 - 0.35
    # The beat goes out between two calls, so that this process is not taken for dead.
    beats = [read.t for read in facts.reads]
    assert max(later - earlier for earlier, later in pairwise(beats)) < 0.1 + 2.5 * delay / 1e3
    assert facts.states() == ["ok"]


def test_stamps_are_the_middle_of_a_call(simulate):
    facts = simulate("gpu 0 power 0:100\ndelay nvmlDeviceGetFieldValues 0 40 from=1", 4)
    t = next(t for t, _ in facts.samples() if t > 1.2)
    # Calls begin on the grid of the round's period and take 40 ms.
    assert (t - 0.02) % 0.05 == pytest.approx(0, abs=1e-3) or (t - 0.02) % 0.05 == pytest.approx(0.05, abs=1e-3)


# ---- time that passes unseen


def test_a_suspend_is_a_gap(simulate):
    facts = simulate("gpu 0 power 0:100", 10, events=[(5, "sleep", 3600)])
    assert facts.states() == ["ok", "gap", "ok"]
    (before, after) = facts.edges().values()
    assert 0 <= after[0][1] - before[-1][1] < 25


def test_a_stall_of_the_process_is_a_gap(simulate):
    facts = simulate("gpu 0 power 0:100", 12, events=[(5, "stall", 4)])
    assert facts.states() == ["ok", "gap", "ok"]
    assert len(facts.edges()) == 2
    beats = [read.t for read in facts.reads if read.t > 8.9]
    assert all(later - earlier == pytest.approx(0.1) for earlier, later in pairwise(beats))


def test_a_short_stall_is_bridged_by_the_counter(simulate):
    facts = simulate("gpu 0 power 0:100", 10, events=[(5, "stall", 0.7)])
    assert facts.states() == ["ok"]
    assert watts_between(facts.edges()[0], 1, 10) == pytest.approx(100, rel=0.01)


def test_a_wall_clock_set_back_an_hour_changes_nothing(monkeypatch):
    from desk.meters.process import RealClock

    clock = RealClock()
    before = clock.slept()
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert clock.slept() - before == pytest.approx(0, abs=0.1)


# ---- sleep


@pytest.fixture
def bus(standin):
    """`bus(number, status, control)`: an NVIDIA GPU as the kernel shows it without asking the driver."""

    def show(number, status="active", control="on"):
        folder = standin.sysfs / f"bus/pci/devices/0000:{number + 1:02x}:00.0"
        (folder / "power").mkdir(parents=True, exist_ok=True)
        (folder / "vendor").write_text("0x10de\n")
        (folder / "class").write_text("0x030200\n")
        (folder / "power/control").write_text(f"{control}\n")
        (folder / "power/runtime_status").write_text(f"{status}\n")
        return str(folder / "power/runtime_status")

    return show


def test_a_sleeping_gpu_is_not_asked_anything(simulate, standin, bus):
    bus(0, "suspended")
    facts = simulate("log\ngpu 0", 30, into=standin)
    assert standin.calls == []
    assert facts.opened[0].source == "none"
    assert facts.why("nvml-counter") == "NVIDIA GPU (0000:01:00.0) is asleep"
    assert [reading.state for reading in facts.reads[-1].devices] == ["asleep"]
    assert facts.reads[-1].devices[0].watts is None


def test_a_gpu_that_wakes_is_metered(simulate, standin, bus):
    status = bus(0, "suspended")
    facts = simulate("log\ngpu 0", 10, events=[(5, "write", [status, "active"])], into=standin)
    assert [fact.source for fact in facts.opened] == ["none", "nvml-counter"]
    assert facts.last().watts == 100.0
    assert len(facts.reads[-1].devices) == 1


def test_a_gpu_that_falls_asleep_is_left_alone(simulate, standin, bus):
    status = bus(0)
    facts = simulate("log\ngpu 0", 20, events=[(5, "write", [status, "suspended"])], into=standin)
    assert facts.states() == ["ok", "asleep"]
    assert facts.opened[-1].source == "none"
    polls = [call for call in standin.calls if "FieldValues" in call]
    assert len(polls) < 130


def test_one_sleeping_gpu_does_not_hide_the_other(simulate, standin, bus):
    bus(0)
    bus(1, "suspended")
    facts = simulate("log\ngpu 0 power 0:100\ngpu 1", 3, into=standin)
    assert facts.last(0).watts == 100.0
    assert facts.opened[0].source == "nvml-counter"
    assert [reading.state for reading in facts.reads[-1].devices] == ["ok", "asleep"]
    assert not [call for call in standin.calls if call.endswith(" 1")]


def test_a_deserted_gpu_that_may_sleep_is_let_go(simulate, standin, bus):
    status = bus(0, control="auto")
    facts = simulate("log\ngpu 0", 60, events=[(45, "write", [status, "suspended"])], into=standin)
    assert facts.states() == ["ok", "asleep"]
    let_go = next(t for t, reading in facts.of() if reading.state == "asleep")
    assert 30 <= let_go <= 38
    assert standin.calls[-1] == "nvmlShutdown -1"


def test_a_gpu_that_was_let_go_and_does_not_sleep_is_taken_up_again(simulate, standin, bus):
    bus(0, control="auto")
    facts = simulate("gpu 0", 150, into=standin)
    assert facts.states() == ["ok", "asleep", "gap", "ok"]


def test_a_gpu_at_work_is_not_let_go(simulate, standin, bus, simulators):
    bus(0, control="auto")
    facts = simulate(f"gpu 0 process {simulators['new'].pid} 500", 60, into=standin)
    assert facts.states() == ["ok"]
