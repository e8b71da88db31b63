"""The factory: lanes, whose turn it is, the orders it obeys, and the beat that reports them.

One thread (`run`) issues every run of every model. Orders, loads and the beat come from other threads; all state is
guarded by one lock, which is open only while a run is under way.
"""

import threading
from collections import deque

from desk.engine.calibration import Solo
from desk.engine.changeover import Changeover
from desk.engine.lane import Lane, Request, Tell
from desk.engine.loader import Broke, Loaded, Loader, Opened, Outfitted, Overcommitted, Refused
from desk.engine.runtime import VERSION, DeviceLost, Runtime, Used
from desk.engine.scheduler import Stride
from desk.engine.watch import Watcher
from desk.facts.happened import (
    EngineOpened,
    FinishReason,
    LoadChanged,
    Paused,
    Resumed,
    Troubled,
    Worked,
    now,
)
from desk.facts.orders import AnyOrder, Calibrate, ChangeLoad, ChangeTier, Halt, OpenFactory, Pause, Resume, Watch
from desk.facts.trouble import Trouble
from desk.scenario import STEADY, Users, scenario

RUN_S = 30.0
"""No run takes this long: what has not ended by then hangs, in the driver or in a library, and never will."""

FIRST_RUN_S = 300.0
"""A lane's first run may compile kernels for a card that the libraries were not built for."""


class Factory:
    """All lanes of one engine process. `tell` takes the facts, in order, from whichever thread makes them.

    `hung` says that a run never ended: nothing but the end of the process can go on from there. `last_trouble` is what
    was wrong last, in a sentence.
    """

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._turn = threading.Condition()
        self._inbox: deque[AnyOrder | Loaded] = deque()
        self._loader = Loader(self._arrived)
        self._changeover = Changeover(self._loader, tell)
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
        self.last_trouble = ""
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
        self._changeover.tend(lane, t)
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
            self._changeover.stumble(lane, trouble, now())
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
            case ChangeTier():
                self._change(message)
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
            case Overcommitted(trouble=trouble):
                self._trouble(trouble.cause, trouble.remedy)
            case Refused(tier=tier):
                self._changeover.refuse(self._lanes[tier.name], message, now())
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
            self._changeover.load(self._lanes[tier.name], now())

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

    def _equip(self, message: Outfitted) -> None:
        assert self._opening is not None
        outfit = message.outfit
        lane = self._lanes[outfit.tier.name]
        self._introduce(outfit.batch.network.provider)
        t = now()
        self._changeover.equip(lane, outfit, t)
        if lane.users is None:
            lane.users = Users(lane.tier, self._opening.seed, t, self._scenario, self._demand)

    def _change(self, order: ChangeTier) -> None:
        lane = self._lanes.get(order.tier.name)
        if lane is None:
            self._trouble(f"There is no tier {order.tier.name} to change.", "Start the factory with it.")
        else:
            before = lane.share
            self._changeover.change(lane, order.tier, order.overcommit, now())
            self._stride.reshare(lane, before)

    def _multiply(self, load: float) -> None:
        t, self._demand = now(), load
        for lane in self._lanes.values():
            lane.multiply(load, t)
        self._tell(LoadChanged(t=t, load=load))

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
        self.last_trouble = cause
        self._tell(Troubled(t=now(), where="engine", cause=cause, remedy=remedy))
