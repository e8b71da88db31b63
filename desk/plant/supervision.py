"""Keeping one child alive: who is silent, since when, what is done about it, and when to give up.

A supervisor belongs to the pen thread alone, which tells it the time; nothing here waits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Literal

from desk.facts.happened import (
    AnyFact,
    ChildAnswered,
    ChildEnded,
    ChildGivenUp,
    ChildStale,
    ChildStarted,
    LaneFailed,
    LaneLoading,
    LaneReady,
    Worked,
)
from desk.facts.happened import Child as Role
from desk.facts.metered import Read
from desk.facts.orders import AnyOrder
from desk.plant.children import Child


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a child may take, in seconds.

    `stale` without a beat is shown; `silent` without a line ends it (`opening` before its first fact, `loading` while a
    lane loads). `ask`, `terminate` and `kill` are the patience with each way of ending it. A child that failed is
    started again after the next of `backoff`; after `failures` without `healthy` seconds of beats between them, or with
    `unreaped` processes that not even a kill ended, it is given up. A child that asks for a fresh process gets it at
    once, and that is no failure, up to `renewals` times in a row. A job runs `once`: that it ends is its purpose.
    """

    silent: float
    opening: float
    loading: float = 300.0
    stale: float = 0.3
    ask: float = 3.0
    terminate: float = 0.5
    kill: float = 0.5
    backoff: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0)
    failures: int = 5
    healthy: float = 30.0
    unreaped: int = 3
    renewals: int = 3
    once: bool = False


RENEW = 75
"""Exit code of a child that asks for a fresh process (EX_TEMPFAIL): its driver was taken away or replaced."""

ENGINE = Limits(silent=30.0, opening=30.0, failures=3)
METER = Limits(silent=3.0, opening=10.0)
WORKER = Limits(silent=300.0, opening=60.0, once=True)

REMEDIES: dict[Role, str] = {
    "engine": "Start again; if it ends again, choose the CPU, a smaller model or fewer slots.",
    "meter": "Energy is unavailable from here on; start Token Desk again, or the machine if that does not help.",
    "worker": "Start again; if it ends again, make room in memory and on the disk first.",
}


class Supervisor:
    """Keeps one child running from `start` until `stop`.

    `record` writes a fact, `greeting` gives the orders that a fresh process gets first, and `settled` is told once the
    child is gone for good: asked to, done, or given up. `crashes` (ended by a signal) and `hangs` (ended for silence)
    count what befell it since it was last healthy, so that the next process can be started more carefully.
    """

    def __init__(
        self,
        role: Role,
        limits: Limits,
        inbox: SimpleQueue,
        record: Callable[[AnyFact], None],
        settled: Callable[[], None] = lambda: None,
        greeting: Callable[[], tuple[AnyOrder, ...]] = tuple,
    ) -> None:
        self.role: Role = role
        self.limits = limits
        self.child: Child | None = None
        self.wanted = False
        self.stale = False
        self.cause = ""
        self.crashes = self.hangs = 0
        self._argv: Callable[[], list[str]] = list
        self._inbox = inbox
        self._record = record
        self._greeting = greeting
        self._settled = settled
        self._start_at: float | None = None
        self._failures = self._renewals = 0
        self._unreaped: list[Child] = []
        self._leaving: list[tuple[float, Literal["terminate", "kill", "abandon"]]] = []
        self._begin(0.0)

    # ---- asked by the plant

    @property
    def gone(self) -> bool:
        """No process, and none to come."""
        return self.child is None and self._start_at is None

    def start(self, argv: Callable[[], list[str]], now: float) -> None:
        """Have the child running by the command line that `argv` gives for each new process."""
        self.wanted = True
        self._argv = argv
        self._failures = self._renewals = self.crashes = self.hangs = 0
        if self.gone:
            self._start_at = now
            self._try_start(now)

    def stop(self, now: float, ask: float | None = None) -> None:
        """Have the child gone: ask it, after `ask` seconds terminate it, then kill it."""
        self.wanted = False
        self._start_at = None
        if self.child is None:
            self._settled()
            return
        patience = self.limits.ask if ask is None else ask
        if not self._leaving:
            self.child.ask()
            self._schedule_end(now + patience, gently=True)
        elif now + patience < self._leaving[0][0]:
            self._schedule_end(now + patience, gently=True)

    def give_until(self, deadline: float) -> None:
        """Let the child end by itself until `deadline`, then kill it; for orders that mean exit."""
        self.wanted = False
        self._start_at = None
        if self.child is None:
            self._settled()
        else:
            self._schedule_end(deadline, gently=False)

    def order(self, order: AnyOrder) -> bool:
        """Pass an order on; False where there is no process to take it."""
        if self.child is None:
            return False
        self.child.order(order)
        return True

    # ---- told by the pen

    def hear(self, fact: AnyFact, now: float) -> None:
        """The child said something; called before the fact is recorded."""
        self._heard = now
        self._opened = True
        match fact:
            case Worked() | Read():
                self._beat_at = now
                self._steady_since = now if self._steady_since is None else self._steady_since
                if self.stale:
                    self.stale = False
                    self._record(ChildAnswered(t=now, child=self.role))
            case LaneLoading(tier=tier):
                self._loading.add(tier)
                self._steady_since = None
            case LaneReady(tier=tier) | LaneFailed(tier=tier):
                self._loading.discard(tier)

    def ended(self, now: float) -> None:
        """The child's stdout has ended; its exit is settled here once the system knows the code."""
        self._closed = True
        self._check_exit(now)

    def excuse(self, now: float) -> None:
        """The parent itself was held up: silence so far is no fault of the child."""
        self._heard = max(self._heard, now)
        if self._beat_at is not None:
            self._beat_at = now

    def watch(self, now: float) -> None:
        """Judge silence and carry out what is due."""
        if self.child is None:
            if self._start_at is not None and now >= self._start_at:
                self._try_start(now)
            return
        self._check_exit(now)
        if self.child is None:
            return
        if not self.stale and self._beat_at is not None and now - self._beat_at > self.limits.stale:
            self.stale = True
            self._record(ChildStale(t=now, child=self.role, age=round(now - self._beat_at, 3)))
        if self._leaving:
            if now >= self._leaving[0][0]:
                self._end(self._leaving.pop(0)[1], now)
        elif now - self._heard > self._patience():
            self.cause = f"The {self.role} did not answer for {now - self._heard:.3g} s and was ended."
            self.hangs += 1
            self._schedule_end(now, gently=True)

    # ---- within

    def _begin(self, now: float) -> None:
        self._heard = now
        self._beat_at: float | None = None
        self._steady_since: float | None = None
        self._loading: set[str] = set()
        self._opened = self._closed = False
        self._exited_at: float | None = None
        self._leaving = []
        self.stale = False

    def _patience(self) -> float:
        if self._loading:
            return self.limits.loading
        return self.limits.silent if self._opened else self.limits.opening

    def _try_start(self, now: float) -> None:
        self._start_at = None
        self._begin(now)
        try:
            self.child = Child(self._argv(), self._inbox)
        except OSError as error:
            self.cause = f"The {self.role} could not be started: {error}."
            self._fail(now)
            return
        self.cause = ""
        self._record(ChildStarted(t=now, child=self.role, pid=self.child.pid))
        for order in self._greeting():
            self.child.order(order)

    def _schedule_end(self, at: float, *, gently: bool) -> None:
        killing = at + self.limits.terminate if gently else at
        self._leaving = [(killing, "kill"), (killing + self.limits.kill, "abandon")]
        if gently:
            self._leaving.insert(0, (at, "terminate"))

    def _end(self, means: Literal["terminate", "kill", "abandon"], now: float) -> None:
        assert self.child is not None
        match means:
            case "terminate":
                self.child.terminate()
            case "kill":
                self.child.kill()
            case "abandon":
                # It hangs in the driver, where no signal reaches it. It is left behind, and counted.
                self._unreaped = [child for child in self._unreaped if child.exit is None] + [self.child]
                self.child = None
                self.cause = self.cause or f"The {self.role} did not end even when it was killed."
                self._record(ChildEnded(t=now, child=self.role, exit=-9, cause=self.cause))
                self._after_end(now)

    def _check_exit(self, now: float) -> None:
        assert self.child is not None
        code = self.child.exit
        if code is None:
            if self._closed and not self._leaving:
                # It can no longer say anything: no use to anyone, whatever it is still doing.
                self._schedule_end(now + self.limits.terminate, gently=True)
            return
        if self._exited_at is None:
            self._exited_at = now
        # Its last lines may still be on the way, unless a grandchild keeps the pipe open.
        if self._closed or now - self._exited_at > self.limits.stale:
            self._bury(now, code)

    def _bury(self, now: float, code: int) -> None:
        child, self.child = self.child, None
        assert child is not None
        child.forget()
        if self.wanted and code == RENEW and self._renew(now):
            self._record(ChildEnded(t=now, child=self.role, exit=code))
            return
        if self.wanted and not self.cause and not (self.limits.once and code == 0):
            self.crashes += code < 0
            self.cause = f"The {self.role} {child.epitaph()}."
        self._record(ChildEnded(t=now, child=self.role, exit=code, cause=self.cause if self.wanted else ""))
        self._after_end(now)

    def _renew(self, now: float) -> bool:
        """Have the fresh process that the child asked for; False where it asks too often."""
        self._forgive(now)
        self._renewals += 1
        if self._renewals > self.limits.renewals:
            return False
        self._start_at = now
        return True

    def _forgive(self, now: float) -> None:
        """A child that was healthy for long enough begins with a clean slate."""
        if self._steady_since is not None and now - self._steady_since >= self.limits.healthy:
            self._failures = self._renewals = self.crashes = self.hangs = 0

    def _after_end(self, now: float) -> None:
        if self.wanted and not self.limits.once:
            self._fail(now)
        else:
            self.wanted = False
            self._settled()

    def _fail(self, now: float) -> None:
        self._forgive(now)
        self._failures += 1
        hanging = len(self._unreaped) >= self.limits.unreaped
        if self._failures < self.limits.failures and not hanging:
            self._start_at = now + self.limits.backoff[min(self._failures, len(self.limits.backoff)) - 1]
            return
        self.wanted = False
        self._record(ChildGivenUp(t=now, child=self.role, cause=self.cause, remedy=REMEDIES[self.role]))
        self._settled()
