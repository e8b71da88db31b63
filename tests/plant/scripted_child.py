"""A child that follows a script instead of owning a driver or a model: `scripted_child.py BEHAVIOUR VERB [NAME ...]`.

It speaks the real protocol, with facts as the vocabulary encodes them. Behaviours stand in `misbehave`.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec

from desk.facts.codec import decode_order, encode
from desk.facts.happened import (
    Calibrated,
    Calibrating,
    EngineOpened,
    Finished,
    FirstToken,
    JobEnded,
    LaneFailed,
    LaneLoading,
    LaneReady,
    LaneWork,
    LoadChanged,
    Paused,
    Progressed,
    Resumed,
    TierChanged,
    Worked,
    now,
)
from desk.facts.metered import Device, DeviceReading, MeterOpened, Read
from desk.facts.orders import Calibrate, ChangeLoad, ChangeTier, Halt, OpenFactory, Pause, Resume
from desk.models.manifest import MANIFEST, Manifest

BEAT_S = 0.05


def say(fact):
    out.write(encode(fact))


def once(name):
    """Whether this is the first process of its kind in this home: the one that misbehaves."""
    try:
        (Path(os.environ["TOKEN_DESK_HOME"]) / f"{name}.happened").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


class Engine:
    """Opens a lane per tier, then gives each one token a beat."""

    def __init__(self):
        self.tiers = ()
        self.paused = self.leaving = False
        self.beats = 0

    def main(self):
        threading.Thread(target=self.obey, daemon=True).start()
        while not self.leaving:
            if self.tiers:
                self.beat()
            time.sleep(BEAT_S)
        for tier in self.tiers:
            submitted = now() - 0.2
            cancelled = {"submitted": submitted, "first": submitted + 0.1, "prompt": 7, "emitted": self.beats}
            say(Finished(t=now(), tier=tier.name, request=1, reason="cancelled", **cancelled))

    def obey(self):
        for line in sys.stdin.buffer:
            match decode_order(line):
                case OpenFactory() as order:
                    self.open(order)
                case ChangeTier(tier=tier, overcommit=overcommit):
                    self.tiers = tuple(tier if old.name == tier.name else old for old in self.tiers)
                    say(TierChanged(t=now(), tier=tier))
                    if overcommit:
                        self.load(tier)
                        self.tiers += (tier,)
                case ChangeLoad(load=load):
                    say(LoadChanged(t=now(), load=load))
                case Pause():
                    self.paused = True
                    say(Paused(t=now()))
                    if behaviour == "crashes once paused" and once(verb):
                        os._exit(5)
                case Resume():
                    self.paused = False
                    say(Resumed(t=now()))
                case Calibrate(seconds=seconds):
                    say(Calibrating(t=now(), tier="", seconds=seconds))
                    time.sleep(1.0 if behaviour == "calibrates for a second" else 0.0)
                    say(Calibrated(t=now()))
                case Halt():
                    self.leaving = True
        self.leaving = True

    def open(self, order):
        uuid = behaviour.removeprefix("on ") if behaviour.startswith("on ") else ""
        where = {"provider": "cuda" if uuid else "cpu", "device": "Scripted device", "device_uuid": uuid}
        say(EngineOpened(t=now(), runtime="scripted", threads=1, **where))
        refusals = {
            "no lane opens": {"cause": "The graph is torn.", "remedy": "Build it again."},
            "no lane fits": {"cause": "It does not fit.", "remedy": "Choose fewer slots.", "risk": "It may be slow."},
        }
        refusal = refusals.get(behaviour)
        for tier in order.tiers:
            if refusal is None:
                self.load(tier)
            else:
                say(LaneLoading(t=now(), tier=tier.name, model=tier.model))
                say(LaneFailed(t=now(), tier=tier.name, **refusal))
        self.tiers = () if refusal else order.tiers

    def load(self, tier):
        say(LaneLoading(t=now(), tier=tier.name, model=tier.model))
        lane = {"precision": "q8", "provider": "cpu", "context": tier.context, "slots": tier.slots}
        sizes = {"weights_bytes": 1000, "kv_bytes": 100, "load_s": 0.01}
        say(LaneReady(t=now(), tier=tier.name, model=tier.model, **lane, **sizes))
        asked = {"submitted": now() - 0.1, "admitted": now() - 0.05, "prompt": 7}
        say(FirstToken(t=now(), tier=tier.name, request=1, **asked))

    def beat(self):
        self.beats += 1
        emitted = 0 if self.paused else 1
        lanes = tuple(
            LaneWork(
                tier=tier.name,
                busy=0.01 * emitted,
                emitted=emitted,
                steps=emitted,
                gaps={500: emitted},
                lag=0.4 if behaviour == "asks late" else 0.0,
            )
            for tier in self.tiers
        )
        say(Worked(t=now(), span=BEAT_S, lanes=lanes))
        if self.beats == 3:
            misbehave()


class Meter:
    """Reads a counter that rises by 30 W."""

    def main(self):
        threading.Thread(target=self.leave_with_stdin, daemon=True).start()
        device = Device(id="cpu0", kind="cpu", name="Scripted package")
        say(MeterOpened(t=now(), source="rapl", quality="measured", scope="CPU package", devices=(device,)))
        beats = 0
        began = now()
        while True:
            moment = now()
            say(Read(t=moment, devices=(DeviceReading(device="cpu0", edges=((moment, 30 * (moment - began)),)),)))
            beats += 1
            if beats == 3:
                misbehave()
            time.sleep(BEAT_S)

    def leave_with_stdin(self):
        sys.stdin.buffer.read()
        os._exit(0)


class Worker:
    """Builds a model by saying so."""

    def main(self):
        _, model = arguments
        for done in range(3):
            say(Progressed(t=now(), job="build", model=model, stage="writing", done=done, total=3))
        if behaviour == "no disk":
            say(JobEnded(t=now(), job="build", model=model, cause="The disk is full.", remedy="Make room."))
            sys.exit(1)
        misbehave()
        write_model(Path(model))
        say(JobEnded(t=now(), job="build", model=model))


def misbehave():
    match behaviour:
        case "crashes":
            print("\x1b[1;31mRuntimeError: out of scripted memory\x1b[m\n\x1b[m", file=sys.stderr, flush=True)
            os._exit(3)
        case "crashes once" if once(verb):
            os.kill(os.getpid(), signal.SIGKILL)
        case "asks for another":
            os._exit(75)
        case "crashes hard":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "dies over a line":
            out.write(b'{"fact":"worked","t":1.0,"sp')
            os._exit(5)
        case "hangs":
            os.kill(os.getpid(), signal.SIGSTOP)  # silent, and deaf to everything but a kill
        case "hangs once" if once(verb):
            os.kill(os.getpid(), signal.SIGSTOP)
        case "will not leave":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            while True:
                say(Worked(t=now(), span=BEAT_S, lanes=()) if verb == "engine" else Read(t=now()))
                time.sleep(BEAT_S)
        case "chatty":
            for _ in range(2000):
                os.write(2, b"warning: " + b"x" * 500 + b"\n")
            os.write(1, b"a native library greets stdout\n")
        case "garbled":
            out.write(b'{"fact":"worked","t":1.0,"sp\n\xff\xfe\n{"fact":"from_tomorrow","t":1.0}\n')
        case "leaves a grandchild":
            waits = "import os, time\nwhile not os.path.exists(os.environ['TOKEN_DESK_HOME'] + '/grandchild.leaves'):\n"
            subprocess.Popen([sys.executable, "-c", waits + "    time.sleep(0.02)"], stdout=out.fileno())
            os._exit(4)


def write_model(folder):
    """A model folder that counts as ready: a manifest that names no files."""
    shape = {"layers": 1, "kv_heads": 1, "head_size": 8, "kv_type": "float32", "vocabulary": 16, "context": 64}
    about = {"name": folder.name, "title": "Scripted", "precision": "q8", "revision": "", "licence": "Apache-2.0"}
    files = {"builder": "", "graph": "graph.onnx", "tokenizer": "tokenizer.json", "files": {}}
    rest = {"candidates": 4, "eos": (0,), "parameters": 1, "weights_bytes": 1}
    folder.mkdir()
    (folder / MANIFEST).write_bytes(msgspec.json.encode(Manifest(**shape, **about, **files, **rest)))


if __name__ == "__main__":
    behaviour, verb, *arguments = sys.argv[1:]
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    {"engine": Engine, "meter": Meter, "worker": Worker}[verb]().main()
