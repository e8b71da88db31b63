"""The same driver asked by others: what gpustat and CodeCarbon say must be what the panel shows."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from road import device, uuid

MIB = 1 << 20
WITHIN_S = 60.0

BUSY = "gpu 0 power 0:142.4\ngpu 0 utilization 0:73\ngpu 0 temperature 0:61\ngpu 0 limit 350\n"
UNCOUNTED = "fail field:83 0 3\nfail nvmlDeviceGetTotalEnergyConsumption 0 3\n"

SCENARIOS = {
    "one at work": BUSY + "gpu 0 memory 24576 9216 512\n",
    "two, of which one is idle": BUSY + "gpu 1 power 0:31\ngpu 1 utilization 0:0\ngpu 1 temperature 0:38\n",
    "before Volta: no energy counter": BUSY + UNCOUNTED,
    "a divided GPU tells no utilization": BUSY + "gpu 0 mig 1\nfail nvmlDeviceGetUtilizationRates 0 3\n",
    "one of two is lost": BUSY + "gpu 1 power 0:80\n",
}
LATER = {"one of two is lost": "fail * 1 15\n"}

STEADY, PULSES = "power 0:142.4", "power 0:60 0.2:300 repeat=0.4"
COUNTED = {
    "one at work": (PULSES, 180.0, 0.1),  # both windows end anywhere in a pulse: 0.2 s of 240 W more or less, in 2 s
    "before Volta: no energy counter": (STEADY, 142.4, 0.1),  # CodeCarbon looks once at the power for all its window
    "one of two is lost": (STEADY, 142.4, 0.01),
}
"""Load, mean watts, and how far from it a count of two seconds may be."""

CODECARBON = """
import json
import sys
import time
from codecarbon.core.gpu_nvidia import NvidiaGPUDevice, pynvml
from codecarbon.core.units import Time

pynvml.nvmlInit()
handle = pynvml.nvmlDeviceGetHandleByUUID(sys.argv[1].encode())
device = NvidiaGPUDevice(handle=handle, gpu_index=0)
device.start()
began = time.perf_counter()
time.sleep(2.0)
delta = device.delta(Time(seconds=time.perf_counter() - began))
ended = time.perf_counter()
print(json.dumps([began, ended, delta["delta_energy_consumption"].kWh * 3.6e6]))
"""


def ask(standin, *command):
    """What another program prints about the same driver; no network is needed for any of it."""
    done = subprocess.run(command, env=standin.environment, capture_output=True, text=True, timeout=WITHIN_S)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_panel_shows_what_gpustat_shows(road, standin, name):
    followed = road("clock real 0\n" + SCENARIOS[name])
    followed.until(lambda: device(0) in followed.standing.readings and followed.reading().celsius is not None)
    followed.until(lambda: followed.reading().watts is not None)
    if name in LATER:
        standin.write("clock real 0\n" + SCENARIOS[name] + LATER[name])
        followed.until_state("lost", 1)
    told = ask(standin, str(Path(sys.executable).with_name("gpustat")), "--json")["gpus"]
    followed.take()
    assert len(told) == len(followed.standing.meter.devices) == len(followed.standing.readings)
    devices = {each.uuid: each for each in followed.standing.meter.devices}
    for number, gpu in enumerate(told):
        reading = followed.reading(number)
        if "lost" in gpu["name"].lower():
            assert reading.state == "lost"
            assert (reading.watts, reading.utilization, reading.celsius, reading.memory_used) == (None,) * 4
            continue
        shown = devices[gpu["uuid"]]
        assert reading.state == "ok"
        assert shown.name == gpu["name"]
        assert gpu["power.draw"] == int(reading.watts)  # gpustat shows whole watts
        assert gpu["enforced.power.limit"] == int(reading.power_limit)
        assert gpu["temperature.gpu"] == reading.celsius
        percent = gpu["utilization.gpu"]
        assert reading.utilization == (None if percent is None else percent / 100)
        assert gpu["memory.total"] * MIB == shown.memory_bytes
        assert gpu["memory.used"] * MIB == reading.memory_used


@pytest.mark.parametrize("name", COUNTED)
def test_the_books_count_what_codecarbon_counts(road, standin, name):
    load, mean, off = COUNTED[name]
    scenario = "clock real 0\n" + SCENARIOS[name].replace(STEADY, load)
    followed = road(scenario)
    followed.run()
    standin.write(scenario + LATER.get(name, ""))
    began, ended, joules = ask(standin, sys.executable, "-c", CODECARBON, uuid(0))
    origin = followed.standing.run.t
    followed.until(lambda: followed.periods[-1].end > ended - origin)
    whole = [p for p in followed.periods if p.start >= began - origin and p.end <= ended - origin]
    watts = sum(period.joules for period in whole) / sum(period.covered for period in whole)
    assert followed.standing.source == ("nvml-power" if UNCOUNTED in SCENARIOS[name] else "nvml-counter")
    assert watts == pytest.approx(mean, rel=off)
    # Its window ends between two steps of the counter, which are 0.1 s apart.
    assert joules / (ended - began) == pytest.approx(mean, rel=max(off, 0.1))
