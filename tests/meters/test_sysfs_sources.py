"""Watts without an NVIDIA GPU: AMD's, the processor's and the battery's, each on a tree of files like the kernel's."""

import math
from pathlib import Path

import pytest
from nvml_standin.metering import Facts

from desk.meters import sysfs
from desk.meters.chain import Chain
from desk.meters.process import Meter


class Clock:
    """Time that passes when somebody waits; `alive(t)` writes what the kernel would show then."""

    def __init__(self, alive):
        self._t = 100.0
        self._alive = alive
        alive(0.0)

    def now(self):
        return self._t

    def wait(self, seconds):
        self._t += seconds
        self._alive(self._t - 100.0)
        return False

    def slept(self):
        return 0.0


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """`tree({"class/...": text})` writes files below a root that the meters take for `/sys`."""
    monkeypatch.setenv("TOKEN_DESK_SYSFS", str(tmp_path))

    def write(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{text}\n")

    return write


def metered(seconds, alive=lambda t: None, without=("nvml-counter",)):
    lines = []
    Meter(lines.append, Clock(alive), frozenset(without)).run(seconds)
    return Facts(lines)


def joules(facts, device):
    """By epoch: (first, last) edge."""
    found = {}
    for read in facts.reads:
        for reading in read.devices:
            if reading.device == device and reading.edges:
                found.setdefault(reading.epoch, []).extend(reading.edges)
    return {epoch: edges[-1][1] - edges[0][1] for epoch, edges in found.items()}


def last(facts, device):
    return [each for read in facts.reads for each in read.devices if each.device == device][-1]


# ---- the processor

RAPL = "class/powercap/intel-rapl:"
PACKAGE = {f"{RAPL}0/name": "package-0", f"{RAPL}0/max_energy_range_uj": 262143328850}


def test_the_processor_is_metered_with_its_memory_and_nothing_twice(tree):
    tree(PACKAGE)
    tree({f"{RAPL}0/intel-rapl:0:0/name": "core", f"{RAPL}0/intel-rapl:0:2/name": "dram", f"{RAPL}1/name": "psys"})
    tree({"class/powercap/intel-rapl-mmio:0/name": "package-0", "class/powercap/intel-rapl-mmio:0/energy_uj": 1})

    def alive(t):
        tree({f"{RAPL}0/energy_uj": int(30e6 * t), f"{RAPL}0/intel-rapl:0:2/energy_uj": int(4e6 * t)})
        tree({f"{RAPL}0/intel-rapl:0:0/energy_uj": int(20e6 * t), f"{RAPL}1/energy_uj": int(50e6 * t)})

    facts = metered(5, alive)
    opened = facts.opened[0]
    assert (opened.source, opened.quality) == ("rapl", "measured")
    assert opened.scope == "processor package and memory, not the GPU"
    assert [device.id for device in opened.devices] == ["cpu0", "memory0"]
    assert {device.kind for device in opened.devices} == {"cpu"}
    assert facts.why("rapl") == ""
    assert facts.why("amd") == "no AMD GPU on this machine"
    assert facts.why("battery") == "-"
    assert joules(facts, "cpu0")[0] == pytest.approx(30 * 4.85, abs=3)
    assert joules(facts, "memory0")[0] == pytest.approx(4 * 4.85, abs=0.5)
    assert last(facts, "cpu0").watts == pytest.approx(30, abs=0.1)


def test_two_packages_are_two_devices(tree):
    def alive(t):
        for number in (0, 1):
            tree(
                {f"{RAPL}{number}/name": f"package-{number}", f"{RAPL}{number}/energy_uj": int((number + 1) * 1e7 * t)}
            )

    facts = metered(3, alive)
    assert [device.id for device in facts.opened[0].devices] == ["cpu0", "cpu1"]
    assert last(facts, "cpu1").watts == pytest.approx(20, abs=0.1)


def test_energy_that_may_not_be_read_is_said_to_be_closed(tree, monkeypatch):
    tree({**PACKAGE, f"{RAPL}0/energy_uj": 1})
    whole = Path.read_text

    def closed(path, *arguments, **options):
        if path.name == "energy_uj":
            raise PermissionError(13, "Permission denied", str(path))
        return whole(path, *arguments, **options)

    monkeypatch.setattr(Path, "read_text", closed)  # root reads everything, so no mode bits would do
    facts = metered(1)
    assert facts.opened[0].source == "none"
    assert facts.why("rapl") == "only the administrator may read the energy counters of the processor"


def test_a_counter_that_wraps_is_counted_through(tree):
    span = 65_536_000_000
    tree({**PACKAGE, f"{RAPL}0/max_energy_range_uj": span})
    facts = metered(6, lambda t: tree({f"{RAPL}0/energy_uj": int(span - 60e6 + 30e6 * t) % span}))
    assert joules(facts, "cpu0") == {0: pytest.approx(30 * 5.85, abs=3)}


def test_a_counter_that_wraps_at_an_unknown_range_loses_one_look_and_never_turns_negative(tree):
    tree({f"{RAPL}0/name": "package-0"})
    facts = metered(6, lambda t: tree({f"{RAPL}0/energy_uj": int(4e9 - 60e6 + 30e6 * t) % 4_000_000_000}))
    parts = joules(facts, "cpu0")
    assert sorted(parts) == [0, 1]
    assert sum(parts.values()) == pytest.approx(30 * 5.75, abs=4)


def test_a_counter_that_vanishes_is_lost_and_comes_back_in_a_new_epoch(tree, tmp_path):
    tree(PACKAGE)
    file = tmp_path / f"{RAPL}0/energy_uj"

    def alive(t):
        if 2 <= t < 3:
            file.unlink(missing_ok=True)
        else:
            tree({f"{RAPL}0/energy_uj": int(30e6 * t)})

    facts = metered(5, alive)
    states = [each.state for read in facts.reads for each in read.devices]
    assert "lost" in states
    assert states[-1] == "ok"
    assert len(joules(facts, "cpu0")) == 2


# ---- AMD

HWMON = "class/hwmon/hwmon3"


def amd(tree, **files):
    tree({f"{HWMON}/name": "amdgpu", f"{HWMON}/temp1_input": 61000, f"{HWMON}/power1_cap": 300_000_000})
    tree({f"{HWMON}/device/gpu_busy_percent": 87, f"{HWMON}/device/mem_info_vram_total": 16 * 2**30})
    tree({f"{HWMON}/device/mem_info_vram_used": 2**30, f"{HWMON}/device/product_name": "Radeon PRO W7900"})
    tree({f"{HWMON}/device/unique_id": "4f1d", f"{HWMON}/freq1_input": 2_100_000_000})
    tree({f"{HWMON}/{name}": value for name, value in files.items()})


def test_an_amd_gpu_is_metered_by_its_counter(tree):
    amd(tree, power1_average=120_000_000)
    facts = metered(5, lambda t: tree({f"{HWMON}/energy1_input": int(120e6 * t)}))
    opened = facts.opened[0]
    assert (opened.source, opened.scope) == ("amd", "GPU board")
    device = opened.devices[0]
    assert (device.id, device.name, device.power_limit) == ("amd-4f1d", "Radeon PRO W7900", 300.0)
    assert device.memory_bytes == 16 * 2**30
    reading = last(facts, "amd-4f1d")
    assert (reading.watts, reading.utilization, reading.celsius) == (120.0, 0.87, 61.0)
    assert (reading.memory_used, reading.clock_hz, reading.power_limit) == (2**30, 2.1e9, 300.0)
    assert joules(facts, "amd-4f1d")[0] == pytest.approx(120 * 4.85, abs=12)


@pytest.mark.parametrize("file", ["power1_average", "power1_input"])
def test_an_amd_gpu_without_a_counter_is_metered_by_power(tree, file):
    amd(tree, **{file: 95_000_000})
    facts = metered(2)
    assert facts.opened[0].scope == "GPU board, power readings added up"
    samples = [sample for read in facts.reads for each in read.devices for sample in each.samples]
    assert {watts for _, watts in samples} == {95.0}
    assert len(samples) == pytest.approx(40, abs=3)


def test_a_frozen_amd_counter_is_replaced_by_power(tree):
    amd(tree, power1_average=120_000_000, energy1_input=5_000_000)
    facts = metered(5)
    assert [fact.scope for fact in facts.opened] == ["GPU board", "GPU board, power readings added up"]
    assert facts.troubles == [
        "Radeon PRO W7900 has an energy counter that stands still; its power is added up instead."
    ]


def test_a_sleeping_amd_gpu_is_not_woken(tree, monkeypatch):
    amd(tree, power1_average=20_000_000)
    touched = []
    whole = sysfs.text
    monkeypatch.setattr(sysfs, "text", lambda path: touched.append(path.name) or whole(path))

    def alive(t):
        tree({f"{HWMON}/device/power/runtime_status": "active" if t < 2 else "suspended"})
        if t >= 2.2:
            assert not {"power1_average", "temp1_input", "gpu_busy_percent"} & set(touched)
        touched.clear()

    facts = metered(4, alive)
    assert last(facts, "amd-4f1d").state == "asleep"
    assert last(facts, "amd-4f1d").watts is None


def test_other_monitors_are_not_gpus(tree):
    tree({"class/hwmon/hwmon0/name": "nvme", "class/hwmon/hwmon0/power1_input": 1_000_000})
    assert metered(0.5).opened[0].source == "none"


# ---- the battery

BAT = "class/power_supply/BAT0"


@pytest.mark.parametrize(
    "figures",
    [
        {"power_now": 14_500_000},
        {"power_now": -14_500_000},
        {"current_now": 1_000_000, "voltage_now": 14_500_000},
        {"current_now": -1_000_000, "voltage_now": 14_500_000},
    ],
)
def test_a_discharging_battery_gives_the_watts_of_the_machine(tree, figures):
    tree({f"{BAT}/type": "Battery", f"{BAT}/status": "Discharging"})
    tree({f"{BAT}/{name}": value for name, value in figures.items()})
    facts = metered(3)
    opened = facts.opened[0]
    assert (opened.source, opened.scope, opened.devices[0].kind) == ("battery", "whole machine (battery)", "machine")
    assert last(facts, "machine").watts == pytest.approx(14.5)


@pytest.mark.parametrize("status", ["Charging", "Full", "Not charging", "Unknown"])
def test_a_battery_that_does_not_discharge_is_not_used(tree, status):
    tree({f"{BAT}/type": "Battery", f"{BAT}/status": status, f"{BAT}/power_now": 30_000_000})
    facts = metered(0.5)
    assert facts.opened[0].source == "none"
    assert "not discharging" in facts.why("battery")


def test_plugging_in_ends_the_watts_and_unplugging_brings_them_back(tree):
    tree({f"{BAT}/type": "Battery", f"{BAT}/power_now": 12_000_000})
    facts = metered(40, lambda t: tree({f"{BAT}/status": "Charging" if 5 <= t < 12 else "Discharging"}))
    assert [fact.source for fact in facts.opened] == ["battery", "none", "battery"]
    stamps = [t - 100 for read in facts.reads for each in read.devices for t, _ in each.samples]
    assert not [t for t in stamps if 5 <= t < 12]
    assert max(stamps) > 38


def test_two_packs_are_added_and_a_mouse_is_not(tree):
    other, mouse = "class/power_supply/BAT1", "class/power_supply/hidpp_battery_0"
    tree({f"{BAT}/type": "Battery", f"{BAT}/status": "Discharging", f"{BAT}/power_now": 5_000_000})
    tree({f"{other}/type": "Battery", f"{other}/status": "Discharging", f"{other}/power_now": 7_000_000})
    tree({f"{mouse}/type": "Battery", f"{mouse}/scope": "Device", f"{mouse}/status": "Discharging"})
    assert last(metered(1), "machine").watts == pytest.approx(12.0)


def test_a_battery_that_tells_no_power_is_said_to_be_silent(tree):
    tree({f"{BAT}/type": "Battery", f"{BAT}/status": "Discharging"})
    assert metered(0.5).why("battery") == "the battery does not tell its power"


# ---- the chain


def test_a_part_is_taken_before_the_whole_and_never_with_it(tree):
    tree({f"{BAT}/type": "Battery", f"{BAT}/status": "Discharging", f"{BAT}/power_now": 30_000_000, **PACKAGE})
    facts = metered(2, lambda t: tree({f"{RAPL}0/energy_uj": int(30e6 * t)}))
    assert facts.opened[0].source == "rapl"
    assert {each.device for read in facts.reads for each in read.devices} == {"cpu0"}


def test_a_better_source_that_appears_is_taken(tree):
    tree({f"{BAT}/type": "Battery", f"{BAT}/status": "Discharging", f"{BAT}/power_now": 30_000_000})

    def alive(t):
        if t > 5:
            tree({**PACKAGE, f"{RAPL}0/energy_uj": int(30e6 * t)})

    facts = metered(30, alive)
    assert [fact.source for fact in facts.opened] == ["battery", "rapl"]
    assert {each.device for each in facts.reads[-1].devices} == {"cpu0"}


def test_a_gpu_without_watts_is_shown_beside_the_processor(tree, simulate, standin):
    folder = standin.sysfs / f"{RAPL}0"
    folder.mkdir(parents=True)
    (folder / "name").write_text("package-0\n")
    events = [(t / 20, "write", [str(folder / "energy_uj"), str(int(1.5e6 * t))]) for t in range(1, 100)]
    (folder / "energy_uj").write_text("0\n")
    refusals = ("field:83", "field:185", "field:186", "nvmlDeviceGetTotalEnergyConsumption", "nvmlDeviceGetPowerUsage")
    scenario = "gpu 0\n" + "\n".join(f"fail {each} * 3" for each in refusals)
    facts = simulate(scenario, 5, events=events, into=standin)
    assert facts.opened[0].source == "rapl"
    assert [device.kind for device in facts.opened[0].devices] == ["gpu", "cpu"]
    assert facts.last().utilization == 0.5
    assert facts.last().watts is None
    assert last(facts, "cpu0").watts == pytest.approx(30, rel=0.05)


def test_nothing_is_asked_that_would_not_be_used(tree, monkeypatch):
    asked = []
    monkeypatch.setattr(sysfs, "text", lambda path: asked.append(path.name))
    clock = Clock(lambda t: None)
    chain = Chain(clock, lambda fact: None, frozenset({"nvml-counter"}))
    assert chain.describe().source == "none"
    assert math.isinf(min((each.due for each in chain.rounds()), default=math.inf))


def test_nvidia_devices_are_found_on_the_bus_whatever_drives_them(tmp_path):
    assert sysfs.nvidia_on_bus(tmp_path) is None
    for name, vendor, kind in (("a", "0x10de", "0x030000"), ("b", "0x10de", "0x040300"), ("c", "0x1002", "0x030000")):
        folder = tmp_path / "bus" / "pci" / "devices" / name
        folder.mkdir(parents=True)
        (folder / "vendor").write_text(f"{vendor}\n")
        (folder / "class").write_text(f"{kind}\n")
    assert sysfs.nvidia_on_bus(tmp_path) == ["a"]
