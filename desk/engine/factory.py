"""The factory: lanes, whose turn it is, orders that change them, and the beat that reports them.

One thread (`run`) issues every run of every model. Orders, loads and the beat come from other threads; all state is
guarded by one lock, which is open only while a run is under way.
"""

import threading
from collections import deque

import msgspec

from desk.engine.calibration import Solo
from desk.engine.lane import Lane, Outfit, Request, Tell
from desk.engine.loader import Broke, Loaded, Loader, Opened, Outfitted, Refused
from desk.engine.runtime import VERSION, DeviceLost, OutOfMemory, Runtime, Used
from desk.engine.scheduler import Stride
from desk.engine.watch import Watcher
from desk.facts.happened import (
    EngineOpened,
    FinishReason,
    LaneDraining,
    LaneFailed,
    LaneLoading,
    LaneReady,
    LoadChanged,
    Paused,
    Resumed,
    TierChanged,
    Troubled,
    Worked,
    now,
)
from desk.facts.orders import AnyOrder, Calibrate, ChangeLoad, ChangeTier, Halt, OpenFactory, Pause, Resume, Watch
from desk.facts.tiers import Tier
from desk.facts.trouble import Trouble
from desk.scenario import STEADY, Users, scenario

RUN_S = 30.0
"""No run takes this long: what has not ended by then hangs, in the driver or in a library, and never will."""

FIRST_RUN_S = 300.0
"""A lane's first run may compile kernels for a card that the libraries were not built for."""

DRAIN_S = 5.0
"""How long a lane may take to finish its requests before new settings of its cache or model; the rest are requeued."""

_STRUCTURE = ("model", "precision", "provider", "context", "slots")


def with_structure(tier: Tier, of: Tier) -> Tier:
    """The tier with those settings of another one that take a fresh cache or model to change."""
    return msgspec.structs.replace(tier, **{field: getattr(of, field) for field in _STRUCTURE})


class Factory:
    """All lanes of one engine process. `tell` takes the facts, in order, from whichever thread makes them.

    `hung` says that a run never ended: nothing but the end of the process can go on from there.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._turn = threading.Condition()
        self._inbox: deque[AnyOrder | Loaded] = deque()
        self._loader = Loader(self._arrived)
        self._lanes: dict[str, Lane] = {}
        self._stride = Stride()
        self._solo = Solo(tell)
        self._watcher = Watcher(tell)
        self._view: Watch = Watch()
        self._runtime: Runtime | None = None
        self._introduced = False
        self._opening: OpenFactory | None = None
        self._scenario = STEADY
        self._demand = 1.0
        self._requests = 0
        self._paused_since: float | None = None
        self._under_way: tuple[Lane, float] | None = None
        self._begun = 0.0
        self.hung = False
        self._beaten = now()
        self._halted = False
        self._over = False

    # ---- from other threads

    def order(self, order: AnyOrder) -> None:
        """Take an order; it is obeyed before the next run. A halt also voids the tokens of the run under way."""
        if isinstance(order, Halt):
            self._halted = True
        self._arrived(order)

    def beat(self) -> None:
        """Report what all lanes did since the last beat, the run under way included as far as it has got."""
        with self._turn:
            if self._over:
                return
            t = now()
            self._book_busy(t)
            self._look()
            self._watcher.flush(t)
            self._report(t)
            if self._under_way is not None and t - self._begun > self._patience_with(self._under_way[0]):
                words = f"A run of tier {self._under_way[0].tier.name} did not end within {t - self._begun:.0f} s."
                self._trouble(words, "A fresh engine goes on; if it comes back, choose the CPU or a smaller model.")
                self._over = self.hung = True

    @staticmethod
    def _patience_with(lane: Lane) -> float:
        return RUN_S if lane.proven else FIRST_RUN_S

    def _arrived(self, message: AnyOrder | Loaded) -> None:
        with self._turn:
            self._inbox.append(message)
            self._turn.notify()

    def rest(self, seconds: float) -> bool:
        """Wait for a load under way to end, once the factory is halted; whether it did."""
        return self._loader.ended(seconds)

    # ---- the loop

    def run(self) -> int:
        """Work until halted; the exit code of the process: 1 where only a fresh process can go on."""
        with self._turn:
            try:
                while self._turn_once():
                    pass
            except DeviceLost as lost:
                self._trouble(lost.cause, lost.remedy)
                self._close("error")
                return 1
            finally:
                self._over = True
                self._loader.close()
            self._close("cancelled")
            return 0

    def _turn_once(self) -> bool:
        """Obey what has come, then make one run or wait; `False` once the factory is halted."""
        while self._inbox and not self._over:
            self._obey(self._inbox.popleft())
        if self._over:
            return False
        t = now()
        for lane in self._lanes.values():
            self._tend(lane, t)
        if self._paused_since is None:
            self._solo.turn(self._lanes.values(), t)
        lane = None if self._paused_since is not None else self._stride.pick(self._with_work())
        if lane is None:
            self._turn.wait(self._patience(t))
        else:
            self._step(lane)
        return True

    def _with_work(self) -> list[Lane]:
        return [lane for lane in self._lanes.values() if lane.active and self._solo.may_step(lane)]

    def _patience(self, t: float) -> float | None:
        """Seconds until something is due by itself."""
        moments = [lane.drained_by for lane in self._lanes.values() if lane.state == "draining"]
        if self._paused_since is None:
            moments += [
                due
                for lane in self._lanes.values()
                if lane.users is not None and lane.state != "failed" and (due := lane.users.next_due()) is not None
            ]
            if self._solo.ends is not None:
                moments.append(self._solo.ends)
        return max(0.0, min(moments) - t) if moments else None

    def _tend(self, lane: Lane, t: float) -> None:
        """What falls due without a run: users ask, slots are filled, a lane that has drained is loaded anew."""
        if lane.state == "draining" and (not lane.active or t >= lane.drained_by):
            self._load(lane)
        if self._paused_since is not None or lane.users is None or lane.state == "failed":
            return
        due = lane.users.next_due()
        if due is not None and due <= t:
            for ask in lane.users.due(t):
                self._requests += 1
                lane.submit(Request(number=self._requests, ask=ask, submitted=ask.when), t - ask.when)
        lane.admit(t)

    def _step(self, lane: Lane) -> None:
        start, run, trouble = now(), None, None
        try:
            run = lane.next_run()
            assert run is not None, "a lane with active requests has a run to make"
            self._begun = start = now()
            self._under_way = (lane, start)
            self._turn.release()
            try:
                run.feed.run()
            finally:
                self._turn.acquire()
        except DeviceLost:
            raise
        except Trouble as error:
            trouble = error
        finally:
            end = now()
            self._book_busy(end)
            self._under_way = None
        self._stride.charge(lane, end - start)
        if trouble is not None:
            self._stumble(lane, trouble)
        elif run is not None and not self._halted:
            lane.settle(run, end)
            lane.proven = True

    def _book_busy(self, t: float) -> None:
        if self._under_way is not None:
            lane, since = self._under_way
            lane.book.busy += t - since
            self._under_way = (lane, t)

    def _report(self, t: float) -> None:
        self._tell(Worked(t=t, span=t - self._beaten, lanes=tuple(lane.work() for lane in self._lanes.values())))
        self._beaten = t

    def _close(self, reason: FinishReason) -> None:
        """End every request and settle the accounts; no beat may follow."""
        self._over = True
        for lane in self._lanes.values():
            lane.cancel_all(now(), reason)
        self._report(now())

    # ---- orders and loads

    def _obey(self, message: AnyOrder | Loaded) -> None:
        match message:
            case OpenFactory():
                self._open(message)
            case ChangeTier(tier=tier):
                self._change(tier)
            case ChangeLoad(load=load):
                self._multiply(load)
            case Pause():
                self._pause()
            case Resume():
                self._resume()
            case Calibrate(seconds=seconds):
                self._solo.order(seconds)
            case Watch():
                self._view = message
                self._watcher.leave()
            case Halt():
                self._over = True
            case Opened(runtime=runtime):
                self._opened(runtime)
            case Outfitted():
                self._equip(message)
            case Refused(tier=tier, trouble=trouble):
                self._refused(self._lanes[tier.name], tier, trouble)
            case Broke(error=error):
                raise error

    def _open(self, order: OpenFactory) -> None:
        if self._opening is not None:
            self._trouble("The factory was asked to open twice.", "Stop it first.")
            return
        try:
            self._scenario = scenario(order.scenario)
        except Trouble as trouble:
            self._trouble(f"{trouble.cause} The load stays steady.", trouble.remedy)
        self._opening = order
        self._requests, self._demand = order.requests, order.load
        self._loader.open(order.provider, order.cuda_graphs)

    def _opened(self, runtime: Runtime) -> None:
        assert self._opening is not None
        self._runtime = runtime
        if runtime.refusal is not None:
            self._trouble(runtime.refusal.cause, runtime.refusal.remedy)
        else:
            self._introduce(runtime.provider_for("auto"))
        for tier in self._opening.tiers:
            self._lanes[tier.name] = Lane(tier, self._tell, self._watcher)
            self._load(self._lanes[tier.name])

    def _introduce(self, provider: Used) -> None:
        """Say once what the engine runs on."""
        if self._introduced or self._runtime is None:
            return
        self._introduced = True
        device, uuid = self._runtime.device(provider)
        self._tell(
            EngineOpened(
                t=now(),
                runtime=f"onnxruntime {VERSION}",
                provider=provider,
                device=device,
                threads=self._runtime.threads,
                cause=self._runtime.cause,
                device_uuid=uuid,
            )
        )

    def _load(self, lane: Lane) -> None:
        """Load what the lane wants (what it has, where it wants nothing else)."""
        due = lane.users.next_due() if lane.users is not None else None
        if lane.state == "failed" and lane.users is not None and due is not None:
            lane.users.skip(max(0.0, now() - due))  # nobody came to a closed door
        lane.empty()
        lane.state = "loading"
        wanted = lane.wanted or lane.tier
        self._tell(LaneLoading(t=now(), tier=wanted.name, model=wanted.model))
        self._loader.outfit(wanted)

    def _equip(self, message: Outfitted) -> None:
        assert self._opening is not None
        outfit = message.outfit
        lane = self._lanes[outfit.tier.name]
        self._introduce(outfit.batch.network.provider)
        lane.equip(outfit)
        lane.tier = with_structure(lane.tier, outfit.tier)
        self._ready(lane, outfit)
        t = now()
        if lane.wanted is not None:
            self._tell(TierChanged(t=t, tier=lane.tier))
        if lane.users is None:
            lane.users = Users(lane.tier, self._opening.seed, t, self._scenario, self._demand)
        wanted, lane.wanted = lane.wanted, None
        if wanted is not None and with_structure(lane.tier, wanted) != lane.tier:
            self._drain(lane, wanted)  # settings changed again while these were loading

    def _ready(self, lane: Lane, outfit: Outfit) -> None:
        network = outfit.batch.network
        self._tell(
            LaneReady(
                t=now(),
                tier=lane.tier.name,
                model=lane.tier.model,
                precision=network.manifest.precision,
                provider=network.provider,
                context=lane.tier.context,
                slots=lane.tier.slots,
                weights_bytes=network.manifest.weights_bytes,
                kv_bytes=outfit.batch.cache.bytes,
                load_s=outfit.load_s,
                planned_bytes=outfit.planned_bytes,
                free_bytes=outfit.free_bytes,
                taken_bytes=outfit.taken_bytes,
                revision=network.manifest.revision,
            )
        )

    def _refused(self, lane: Lane, tier: Tier, trouble: Trouble) -> None:
        """The lane says why and goes on as it was before, where it was running before."""
        self._tell(LaneFailed(t=now(), tier=tier.name, cause=trouble.cause, remedy=trouble.remedy))
        newer = lane.wanted is not None and with_structure(tier, lane.wanted) != tier
        if newer or (lane.users is not None and with_structure(tier, lane.tier) != tier):
            lane.wanted = lane.wanted if newer else lane.tier
            self._load(lane)
        else:
            lane.wanted = None
            lane.state = "failed"
            lane.cancel_all(now(), "error")

    def _stumble(self, lane: Lane, trouble: Trouble) -> None:
        """A run has failed: what was for want of memory is tried again with fewer rows, which go on where they were."""
        at_a_time = lane.halve() if isinstance(trouble, OutOfMemory) else None
        if at_a_time is None:
            self._fail(lane, trouble)
        else:
            words = "request at a time" if at_a_time == 1 else "requests at a time"
            self._trouble(f"{trouble.cause} Tier {lane.tier.name} goes on with {at_a_time} {words}.", trouble.remedy)

    def _fail(self, lane: Lane, trouble: Trouble) -> None:
        self._tell(LaneFailed(t=now(), tier=lane.tier.name, cause=trouble.cause, remedy=trouble.remedy))
        lane.state = "failed"
        lane.cancel_all(now(), "error")
        lane.empty()

    def _change(self, tier: Tier) -> None:
        lane = self._lanes.get(tier.name)
        if lane is None:
            self._trouble(f"There is no tier {tier.name} to change.", "Start the factory with it.")
            return
        t = now()
        try:
            lane.retune(with_structure(tier, lane.tier), t)
        except Trouble as trouble:
            self._trouble(trouble.cause, trouble.remedy)
            self._tell(TierChanged(t=t, tier=lane.tier))
            return
        self._tell(TierChanged(t=t, tier=lane.tier))
        same = lane.tier == tier
        match lane.state:
            case "running" if not same:
                self._drain(lane, tier)
            case "draining" if same and lane.outfit is not None:
                lane.wanted, lane.state = None, "running"
                self._ready(lane, lane.outfit)  # taken back: it never stopped being ready
            case "draining":
                lane.wanted = tier
            case "loading":
                lane.wanted = tier
            case "failed":
                lane.wanted = tier
                self._load(lane)

    def _multiply(self, load: float) -> None:
        t, self._demand = now(), load
        for lane in self._lanes.values():
            lane.multiply(load, t)
        self._tell(LoadChanged(t=t, load=load))

    def _drain(self, lane: Lane, wanted: Tier) -> None:
        t = now()
        lane.wanted = wanted
        lane.state = "draining"
        lane.drained_by = t + DRAIN_S
        self._tell(LaneDraining(t=t, tier=lane.tier.name))

    def _pause(self) -> None:
        if self._paused_since is None:
            self._paused_since = now()
            self._tell(Paused(t=self._paused_since))

    def _resume(self) -> None:
        if self._paused_since is not None:
            t = now()
            for lane in self._lanes.values():
                lane.skip(t - self._paused_since)
                if lane.users is not None:
                    lane.users.skip(t - self._paused_since)
            self._solo.skip(t - self._paused_since)
            self._paused_since = None
            self._tell(Resumed(t=t))

    def _look(self) -> None:
        """Find a request to show where one is asked for: the one named, else the longest running one."""
        lane = self._lanes.get(self._view.tier or "")
        if lane is None or self._watcher.request is not None or lane.outfit is None:
            return
        running = [r for r in lane.active.values() if self._view.request in (None, r.number)]
        if running:
            request = min(running, key=lambda r: (r.admitted or 0.0, r.number))
            self._watcher.follow(lane.tier.name, request.number, lane.outfit.fitter.text.stream(), request.answer)

    def _trouble(self, cause: str, remedy: str) -> None:
        self._tell(Troubled(t=now(), where="engine", cause=cause, remedy=remedy))
