"""A factory on a clock of its own: the real scheduler and the real ledger over steps whose seconds are scripted.

It does what the plant does for a sweep, and gives the facts that the plant would give.
"""

from dataclasses import dataclass, field

from desk.engine.scheduler import Stride
from desk.facts.happened import (
    Calibrated,
    Calibrating,
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
from desk.scenario import Users

BEAT_S = 0.1
STEP_S, ROW_S, KEPT_S, PROMPT_S = 0.010, 0.002, 1e-6, 0.0005
"""A step costs so much, each of its rows so much more, each token that a row has so far so much again; a prompt, so
much a token."""
PROMPT = 32
IDLE_W, BUSY_W = 20.0, 60.0
HOLDS = 16
"""More slots than this do not fit."""


STRUCTURE = ("model", "precision", "context", "slots")


def answers(longest):
    """Tokens of a mean answer: users ask for the upper half of the longest one, evenly."""
    return ((longest + 1) // 2 + longest) / 2


@dataclass(eq=False)
class Lane:
    tier: object
    users: object
    passed: float = 0.0
    queue: list = field(default_factory=list)
    rows: dict = field(default_factory=dict)
    """By request: what was asked, when it got its first token, its latest, and how many it has."""
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
        self.alone, self.coming, self.alone_s, self.alone_since = None, [], 0.0, 0.0

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

    def calibrate(self, seconds):
        self.orders.append(lambda: self._calibrate(seconds))

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
        self.lanes[tier.name] = Lane(tier, Users(tier, 0, self.t))
        sizes = {"weights_bytes": 1, "kv_bytes": 1, "load_s": 0.0}
        self.say(LaneReady(t=self.t, tier=tier.name, slots=tier.slots, **opened, **sizes))

    def _change(self, tier):
        lane = self.lanes.get(tier.name)
        if tier.slots > HOLDS:
            self.say(LaneFailed(t=self.t, tier=tier.name, cause="It does not fit.", remedy="Use fewer slots."))
            return
        if lane is None or any(getattr(tier, each) != getattr(lane.tier, each) for each in STRUCTURE):
            self._load(tier)
        else:
            lane.tier = tier
            lane.users.retune(tier, self.t)
            for ask in [ask for ask in lane.queue if lane.users.leaving(ask.user)]:
                lane.queue.remove(ask)
                lane.users.answered(ask.user, self.t)
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
            for lane in self.lanes.values():
                self._admit(lane)
            self._alone_over()
            busy = [lane for name, lane in self.lanes.items() if lane.rows and self.alone in (None, name)]
            lane = None if self.paused else self.stride.pick(busy)
            if lane is not None:
                self._step(lane)
                continue
            due = [at for each in self.lanes.values() if (at := each.users.next_due()) is not None]
            self.t = start + BEAT_S if self.paused or self.alone is not None else min([start + BEAT_S, *due])
        span = self.t - start
        busy = sum(lane.busy for lane in self.lanes.values())
        self.joules += IDLE_W * span + (BUSY_W - IDLE_W) * busy
        lanes = tuple(self._work(lane) for lane in self.lanes.values())
        self.say(Worked(t=self.t, span=span, lanes=lanes))
        self.say(Read(t=self.t, devices=(DeviceReading(device="cpu0", edges=((self.t, self.joules),)),)))

    def _calibrate(self, seconds):
        self.alone_s, self.coming = seconds, ["", *self.lanes]
        self._next_alone()

    def _next_alone(self):
        self.alone, self.alone_since = (self.coming.pop(0) if self.coming else None), self.t
        over = self.alone is None
        self.say(Calibrated(t=self.t) if over else Calibrating(t=self.t, tier=self.alone, seconds=self.alone_s))

    def _alone_over(self):
        if self.alone is None or self.t < self.alone_since + self.alone_s:
            return
        for name, lane in self.lanes.items():
            for row in lane.rows.values() if name != self.alone else ():
                row[2] = row[2] and row[2] + self.t - self.alone_since
        self._next_alone()

    def _admit(self, lane):
        if self.paused:
            return
        lane.queue += lane.users.due(self.t)
        while lane.queue and len(lane.rows) < lane.tier.slots:
            self.requests += 1
            lane.rows[self.requests] = [lane.queue.pop(0), None, None, 0]

    def _step(self, lane):
        fresh = sum(row[1] is None for row in lane.rows.values())
        kept = sum(PROMPT + row[3] for row in lane.rows.values())
        seconds = STEP_S + ROW_S * len(lane.rows) + KEPT_S * kept + PROMPT_S * PROMPT * fresh
        self.stride.charge(lane, seconds)
        lane.busy += seconds
        self.t += seconds
        for request, row in list(lane.rows.items()):
            self._emit(lane, request, row)

    def _emit(self, lane, request, row):
        ask, first, latest, emitted = row
        name, told = lane.tier.name, {"prompt": PROMPT, "submitted": ask.when}
        if first is None:
            self.say(FirstToken(t=self.t, tier=name, request=request, admitted=ask.when, **told))
        else:
            gap = bucket_of(self.t - latest)
            lane.gaps[gap] = lane.gaps.get(gap, 0) + 1
        lane.emitted += 1
        row[:] = ask, first or self.t, self.t, emitted + 1
        if emitted + 1 >= ask.answer_tokens:
            del lane.rows[request]
            ended = {"emitted": emitted + 1, "reason": "length", "first": row[1]}
            self.say(Finished(t=self.t, tier=name, request=request, **ended, **told))
            lane.users.answered(ask.user, self.t)

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
