"""Children that follow a script: `python visited.py KIND ARGUMENT...`.

`probe SCRIPT check PROVIDER SCRATCH MODEL PRECISION CHECK...` answers each check as SCRIPT (JSON) says for it: a
status, `crash`, `hang`, `leave` (say that the device is lost, and leave), `noise`, or nothing for ok. `hold` takes no
memory on the card, and says so. `meter UUID` tells of one card whose memory is what the engine's child that holds
memory has mapped, as a driver would see it.
"""

import json
import os
import signal
import sys
import time

import psutil

from desk.facts.codec import encode
from desk.facts.happened import now
from desk.facts.metered import Device, DeviceReading, MeterOpened, Read

STUB_UUID = "GPU-5b5b5b5b-5b5b-5b5b-5b5b-5b5b5b5b5b5b"
"""The card of the stub CUDA runtime."""

PYTHON = [sys.executable, "-P", __file__]


def probe(script, *names):
    behaviours = json.loads(script)
    for name in names:
        match behaviours.get(name, "ok"):
            case "crash":
                sys.stderr.write("about to crash\n")
                sys.stderr.flush()
                os.kill(os.getpid(), signal.SIGSEGV)
            case "hang":
                time.sleep(60)
            case "leave":
                say(check=name, status="fail", cause="The device is lost.", remedy="Wait.")
                return
            case "noise":
                print("a library speaks", flush=True)
                say(check=name, status="ok", cause="Heard.", remedy="")
            case status:
                say(check=name, status=status, cause=f"{name} is {status}.", remedy="")


def say(**what):
    print(json.dumps(what), flush=True)


def meter(uuid):
    device = Device(id="gpu0", kind="gpu", name="Card", uuid=uuid, memory_bytes=16 << 30)
    tell(MeterOpened(t=now(), source="nvml-counter", quality="measured", driver="580.65.06", devices=(device,)))
    while True:
        tell(Read(t=now(), devices=(DeviceReading(device="gpu0", memory_used=(1 << 30) + mapped()),)))
        time.sleep(0.1)


def mapped():
    """Device memory of the stub has two mappings, of which one counts."""
    held = 0
    for child in psutil.Process(os.getppid()).children():
        try:
            if "hold" in child.cmdline():
                held += child.memory_info().vms // 2
        except psutil.Error:
            continue
    return held


def tell(fact):
    try:
        sys.stdout.buffer.write(encode(fact))
        sys.stdout.buffer.flush()
    except OSError:
        sys.exit(0)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["probe", script, "check", _, _, _, _, *names]:
            probe(script, *names)
        case ["hold"]:
            say(cause="There is no memory.", remedy="Wait.")
        case ["meter", uuid]:
            meter(uuid)
