"""A factory on a clock of its own: the real scheduler and the real ledger over steps whose seconds are scripted.

It does what the plant does for a sweep, and gives the facts that the plant would give.
"""

from dataclasses import dataclass, field

from desk.engine.scheduler import Stride
from desk.facts.happened import (
    EngineOpened,
    Finished,
    FirstToken,
    LaneFailed,
    LaneReady,
    LaneWork,
    LoadChanged,
    Machine,
    Paused,
    Resumed,
    RunStarted,
    RunStopped,
    Slot,
    TierChanged,
    Worked,
)
from desk.facts.histogram import bucket_of
from desk.facts.metered import Device, DeviceReading, MeterOpened, Read
from desk.facts.tiers import Tariff
from desk.ledger.ledger import Ledger

BEAT_S = 0.1
STEP_S, ROW_S, PROMPT_S = 0.010, 0.002, 0.0005
"""A step costs so much, each of its rows so much more; a prompt, so much a token."""
PROMPT, ANSWER = 32, 64
IDLE_W, BUSY_W = 20.0, 60.0
HOLDS = 16
"""More slots than this do not fit."""


@dataclass(eq=False)
class Lane:
    tier: object
    passed: float = 0.0
    rows: dict = field(default_factory=dict)
    """By request: when it was asked, when it got its first token, its latest, and how many it has."""
    busy: float = 0.0
    emitted: int = 0
    gaps: dict = field(default_factory=dict)

    @property
    def share(self):
        return self.tier.share


class Factory:
    """`told` takes every fact; the run goes on while `go` is called."""

    def __init__(self, told, start=100.0):
        self.scenario = ""
        self.t = start
        self.facts, self.told = [], told
        self.lanes, self.stride = {}, Stride()
        self.running = self.paused = False
        self.requests = 0
        self.joules = 0.0
        self.orders = []

    # ---- what a sweep asks of the plant: done at the next turn, as the plant's own thread would

    def equip(self, tiers, preset=""):
        self.tiers = tiers

    def multiply(self, load):
        self.orders.append(lambda: self.say(LoadChanged(t=self.t, load=load)))

    def start(self):
        self.orders.append(self._start)

    def stop(self, reason="stopped"):
        self.orders.append(lambda: self._stop(reason))

    def pause(self):
        self.orders.append(lambda: self._pause(True))

    def resume(self):
        self.orders.append(lambda: self._pause(False))

    def change(self, tier):
        self.orders.append(lambda: self._change(tier))

    def mark(self, fact):
        self.orders.append(lambda: self.say(fact))

    # ---- the run

    def say(self, fact):
        self.facts.append(fact)
        self.told(fact)

    def go(self, seconds):
        """Run on for so long, or to the end of the run."""
        until = self.t + seconds
        while self.t < until:
            while self.orders:
                self.orders.pop(0)()
            if not self.running:
                return
            self._beat()

    def _start(self):
        machine = Machine(system="", processor="", cores=1, memory_bytes=1)
        run = {"run": f"r{self.t:g}", "wall": 0.0, "desk": "0", "machine": machine}
        self.running = True
        self.say(RunStarted(t=self.t, tiers=tuple(self.tiers), tariff=Tariff(dollars_per_kwh=0.36), **run))
        device = Device(id="cpu0", kind="cpu", name="Scripted package")
        self.say(MeterOpened(t=self.t, source="rapl", quality="measured", devices=(device,)))
        self.say(EngineOpened(t=self.t, runtime="scripted", provider="cpu", device="", threads=1))
        for tier in self.tiers:
            self._load(tier)

    def _load(self, tier):
        opened = {"model": tier.model, "precision": "q8", "provider": "cpu", "context": tier.context}
        self.lanes[tier.name] = Lane(tier)
        sizes = {"weights_bytes": 1, "kv_bytes": 1, "load_s": 0.0}
        self.say(LaneReady(t=self.t, tier=tier.name, slots=tier.slots, **opened, **sizes))

    def _change(self, tier):
        if tier.slots > HOLDS:
            self.say(LaneFailed(t=self.t, tier=tier.name, cause="It does not fit.", remedy="Use fewer slots."))
            return
        self._load(tier)
        self.say(TierChanged(t=self.t, tier=tier))

    def _pause(self, paused):
        self.paused = paused
        self.say(Paused(t=self.t) if paused else Resumed(t=self.t))

    def _stop(self, reason):
        self.running = False
        self.say(RunStopped(t=self.t, reason=reason))

    def _beat(self):
        start = self.t
        while self.t < start + BEAT_S:
            lane = None if self.paused else self.stride.pick([each for each in self.lanes.values() if each.tier.users])
            if lane is None:
                self.t = start + BEAT_S
                break
            self._step(lane)
        span = self.t - start
        busy = sum(lane.busy for lane in self.lanes.values())
        self.joules += IDLE_W * span + (BUSY_W - IDLE_W) * busy
        lanes = tuple(self._work(lane) for lane in self.lanes.values())
        self.say(Worked(t=self.t, span=span, lanes=lanes))
        self.say(Read(t=self.t, devices=(DeviceReading(device="cpu0", edges=((self.t, self.joules),)),)))

    def _step(self, lane):
        fresh = []
        while len(lane.rows) < min(lane.tier.slots, lane.tier.users):
            self.requests += 1
            lane.rows[self.requests] = [self.t, None, None, 0]
            fresh.append(self.requests)
        seconds = STEP_S + ROW_S * len(lane.rows) + PROMPT_S * PROMPT * len(fresh)
        self.stride.charge(lane, seconds)
        lane.busy += seconds
        self.t += seconds
        for request, row in list(lane.rows.items()):
            self._emit(lane, request, row)

    def _emit(self, lane, request, row):
        asked, first, latest, emitted = row
        name = lane.tier.name
        if first is None:
            self.say(FirstToken(t=self.t, tier=name, request=request, submitted=asked, admitted=asked, prompt=PROMPT))
        else:
            gap = bucket_of(self.t - latest)
            lane.gaps[gap] = lane.gaps.get(gap, 0) + 1
        lane.emitted += 1
        row[:] = asked, first or self.t, self.t, emitted + 1
        if emitted + 1 == ANSWER // 2 + request * 7 % (ANSWER // 2):
            del lane.rows[request]
            ended = {"prompt": PROMPT, "emitted": emitted + 1, "reason": "length"}
            self.say(Finished(t=self.t, tier=name, request=request, submitted=asked, first=row[1], **ended))

    def _work(self, lane):
        slots = tuple(Slot(request, PROMPT, PROMPT, row[3]) for request, row in lane.rows.items())
        work = LaneWork(tier=lane.tier.name, busy=lane.busy, emitted=lane.emitted, slots=slots, gaps=lane.gaps)
        lane.busy, lane.emitted, lane.gaps = 0.0, 0, {}
        return work


def folded(facts):
    """The totals of a run."""
    ledger = Ledger()
    for fact in facts:
        ledger.post(fact)
    return ledger.totals()
