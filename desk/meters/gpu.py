"""One NVIDIA GPU: what is asked of it, what is believed, and what its state is called."""

import os
from collections.abc import Callable
from typing import Any, Literal

import psutil

from desk.facts.happened import Troubled
from desk.facts.metered import Compared, Device, DeviceReading
from desk.meters import nvml
from desk.meters.agreement import AGREEMENT, CHECKED_S, Agreement
from desk.meters.counter import Counter
from desk.meters.nvml import Board, DriverError
from desk.meters.power import MOST_MODULE_WATTS, MOST_WATTS, Power
from desk.meters.rounds import Round
from desk.meters.source import FAST_S, FIELDS_S, SLOW_S, Clock, Renewal, Tell

STALE_FAILURES = 5
"""So many failures in a row, and a board is looked for anew instead of being asked again."""

HICCUPS = 20
"""So many refusals in a row of what was answered before, and it is not asked for any more."""

SLOWEST_FAST_S = 0.4
"""How far the fast round is slowed for a driver that answers some fields only when asked less often."""

LOST_SEARCH_S, SILENT_SEARCH_S, LAST_SEARCH_S = 30.0, 1.0, 480.0
"""Seconds until a lost or a silent GPU is looked for, doubled each time up to the last of them."""

HEALTHY_S = 30.0
"""After so long without a failure the next search begins with the first of those waits again."""

BRIDGED_PERIODS = 3
"""Power is not drawn across a hole of more periods than this."""

MILLIJOULE = 1e-3

State = Literal["ok", "stale", "asleep", "not supported", "no permission", "lost", "not answering", "gap"]


class Gpu:
    """One GPU: what is asked of it, what is believed, and what its state is called."""

    def __init__(self, pci: str, clock: Clock, tell: Tell) -> None:
        self.pci = pci
        self.uuid = ""
        self.id = f"gpu-{pci.replace(' ', '-')}"
        self.model = self.name = f"NVIDIA GPU ({pci})"
        self.state: State = "asleep"
        self.changed = True
        self.counter = Counter(MILLIJOULE, MOST_WATTS)
        self.power = Power()
        self.board: Board | None = None
        self.uncounted = ""
        self.rounds: list[Round] = []
        self.search_at: float | None = None
        self._search_s = 0.0
        self._attached_at = 0.0
        self._clock = clock
        self._tell = tell
        self._flagged: set[str] = set()
        self._failures = 0
        self._hiccups = 0
        self._gap = False
        self._counted_before = False
        self._watts: float | None = None
        self._limit: float | None = None
        self._slowdown: float | None = None
        self._memory_bytes: int | None = None
        self._fields: dict[str, Any] = {}
        self.deserted = False
        self._check = Agreement()

    # ---- coming and going

    def attach(self, board: Board, *, fields: bool) -> None:
        """Metering of this GPU starts, or starts again, at `board`."""
        self.board, self.uuid, self.pci = board, board.uuid, board.pci
        self.id = f"gpu-{board.uuid.removeprefix('GPU-')[:8]}" if board.uuid else f"gpu-{board.pci}"
        self.model = self.name = board.name
        if self.state != "ok":
            self.changed = True
            self.counter.forget()
            self.power.forget()
        self.state = "ok" if board.has_energy or board.has_power else self._wattless(board)
        self.uncounted = "" if board.has_energy else self._why_uncounted(board)
        self.search_at, self._attached_at = None, self._clock.now()
        self._failures = self._hiccups = 0
        self._counted_before = True
        now = self._clock.now
        self.rounds = [Round([self._fast], FAST_S, now)]
        # The limit is known before the first look at the power, which is judged by it.
        for name, call in (("power_limit", self._ask_limits), ("memory_used", self._ask_memory)):
            self._field(name, call)()
        if fields:
            self.rounds.append(Round([self._field(*each) for each in self._often()], FIELDS_S, now))
            self.rounds.append(Round([self._field(*each) for each in self._seldom()], SLOW_S, now))
        else:
            self._fields.pop("memory_used", None)  # asked for its total once; nobody will ask again

    def detach(self, state: State, search: float | None = None) -> None:
        """The GPU is not there to be asked: it is `state` from now on, and looked for after `search` seconds."""
        self.changed = self.changed or self.state != state
        self.state = state
        self.board = None
        self.rounds = []
        self._watts = None
        self._fields.clear()
        self.forget()
        self.search_at = None
        if search is not None:
            self._search_s = min(max(search, 2 * self._search_s), LAST_SEARCH_S)
            self.search_at = self._clock.now() + self._search_s

    def lose(self, code: int | None) -> None:
        """The GPU does not answer, by the driver's return code; `None`: the driver does not know it any more."""
        if code is None or code in nvml.LOST:
            why = "the driver does not know it any more" if code is None else nvml.words(code)
            self._flag("lost", f"is lost: {why}", "A restart of the machine usually brings it back.")
            self.detach("lost", LOST_SEARCH_S)
        else:
            self._flag("silent", f"does not answer: {nvml.words(code)}")
            self.detach("not answering", SILENT_SEARCH_S)

    def forget(self) -> None:
        """Time has passed unseen."""
        self._gap = True
        self.counter.forget()
        self.power.forget()
        self._check = Agreement()

    # ---- what it says

    @property
    def has_watts(self) -> bool:
        """Whether this GPU gives watts, or gave them before it was lost."""
        if self.board is None:
            return self._counted_before and self.state != "asleep"
        return self.board.has_energy or self.board.has_power

    @property
    def counted(self) -> bool:
        return self.has_watts and not self.uncounted

    def device(self) -> Device:
        return Device(
            id=self.id,
            kind="gpu",
            name=self.name,
            uuid=self.uuid,
            memory_bytes=self._memory_bytes,
            power_limit=self._limit,
            slowdown_celsius=self._slowdown,
        )

    def take(self) -> DeviceReading:
        """What was heard since the last time."""
        epoch, edges = self.counter.take()
        state: State = self.state
        if state == "ok" and self._failures:
            state = "stale"
        if state in ("ok", "stale") and self._gap:
            state, self._gap = "gap", False
        return DeviceReading(
            device=self.id,
            epoch=epoch,
            edges=edges,
            samples=self.power.take(),
            watts=self._watts,
            state=state,
            **self._fields,
        )

    # ---- the calls of its rounds

    def _measure(self) -> None:
        board = self._attached()
        before = self._clock.now()
        told = board.measure()
        t = (before + self._clock.now()) / 2
        if told.refused:
            self._refused(board, told.refused)
            if self.board is None or (told.energy is None and told.instant is None and told.average is None):
                return
        else:
            self._hiccups = 0
        self._failures = 0
        if t - self._attached_at > HEALTHY_S:
            self._search_s = 0.0
        watts = told.instant if told.instant is not None else told.average
        joules = 0.0
        if watts is not None and self._believed(watts, board):
            joules = self.power.see(t, watts, BRIDGED_PERIODS * self.rounds[0].period)
            average = told.average if told.average is not None and self._believed(told.average, board) else None
            self._watts = average if average is not None else self.power.watts
        elif watts is not None:
            self._watts = None
        if told.energy is not None and not self.uncounted:
            self._count(t, told.energy)
        self._compare(t, joules)

    def _count(self, t: float, energy: int) -> None:
        counter = self.counter
        surprise = counter.see(t, energy)
        if surprise == "reset":
            self._flag("reset", "began to count anew; what it drew in that moment is not known")
        elif surprise == "jump":
            self._flag("jump", "counted more energy at once than it can have drawn; that was left out")
        if counter.stands_still(t) and (self._watts or 0.0) > 0.0:
            self.uncounted = f"the energy counter of {self.name} stands still while it draws power"
            self._attached().give_up_energy()
            self._flag("stuck", "has an energy counter that stands still; its power is added up instead")
            self.changed = True

    def _compare(self, t: float, joules: float) -> None:
        """Hold the counter against the sum of the power readings."""
        if self.uncounted or not self._attached().comparable:
            return
        utilization = self._fields.get("utilization")
        ratio = self._check.add(t, self.counter, joules, 1.0 if utilization is None else utilization)
        if ratio is None:
            return
        self._tell(Compared(t=t, device=self.id, ratio=ratio, seconds=CHECKED_S))
        if not AGREEMENT[0] <= ratio <= AGREEMENT[1]:
            self._flag(
                "ratio",
                f"counts {ratio:.2f} times the energy that its power readings add up to; one of them is wrong",
                "Compare with a meter at the wall before quoting its figures.",
            )

    def _often(self) -> list[tuple[str, Callable[[], Any]]]:
        board = self._attached()
        return [
            ("memory_used", self._ask_memory),
            ("utilization", lambda: _part(self._within(board.utilization(), 0, 100, "utilization", "%"))),
            ("celsius", lambda: self._within(board.celsius(), -20, 130, "temperature", "°C")),
            ("clock_hz", board.clock_hz),
            ("limiter", lambda: board.limiter() or ""),
        ]

    def _seldom(self) -> list[tuple[str, Callable[[], Any]]]:
        board = self._attached()
        return [
            ("power_limit", self._ask_limits),
            ("clock_max_hz", board.clock_max_hz),
            ("memory_foreign", self._ask_foreign_memory),
        ]

    def _ask_memory(self) -> int | None:
        told = self._attached().memory()
        if told is None:
            return None
        if told.reserved_counted:
            self._flag("memory v1", "counts memory that the driver reserved as used, because the driver is old")
        if told.used > told.total:
            self._flag("memory", "claims more memory in use than it has; that was left out")
            return None
        self.changed |= self._memory_bytes != told.total
        self._memory_bytes = told.total
        return told.used

    def _ask_limits(self) -> float | None:
        board = self._attached()
        limit = self._within(board.power_limit(), 1, MOST_MODULE_WATTS, "power limit", "W")
        slowdown = self._within(board.slowdown_celsius(), 0, 200, "slow-down temperature", "°C")
        self._limit, self._slowdown = limit, slowdown
        self.counter.limit = _most(board) if limit is None or board.module_scope else limit
        return limit

    def _ask_foreign_memory(self) -> int | None:
        """Bytes held by programs that are not ours, `None` where one of them cannot be told or measured."""
        told = self._attached().processes()
        self.deserted = told == []
        foreign = [(memory, ours) for pid, memory in told or () if (ours := _is_ours(pid)) is not True]
        if told is None or any(memory is None or ours is None for memory, ours in foreign):
            return None
        return sum(memory for memory, _ in foreign)

    # ---- what is believed

    def _believed(self, watts: float, board: Board) -> bool:
        most = _most(board) if self._limit is None or board.module_scope else 2 * self._limit
        if not 0 <= watts <= most:
            self._flag("power", f"claims to draw {watts:,.0f} W; that was left out")
            return False
        if watts == 0 and (self._fields.get("utilization") or 0) > 0:
            self._flag("zero", "claims to draw 0 W while it is busy; that was left out")
            return False
        return True

    def _within(self, value: float | None, low: float, high: float, what: str, unit: str) -> float | None:
        if value is None or low <= value <= high:
            return value
        self._flag(what, f"claims a {what} of {value:,.0f} {unit}; that was left out")
        return None

    def _flag(self, what: str, cause: str, remedy: str = "") -> None:
        """Tell the user once about each kind of surprise."""
        if what not in self._flagged:
            self._flagged.add(what)
            self._tell(Troubled(t=self._clock.now(), where="meter", cause=f"{self.name} {cause}.", remedy=remedy))

    # ---- errors

    def _attached(self) -> Board:
        assert self.board is not None, "rounds end with the board"
        return self.board

    def _fast(self) -> None:
        try:
            self._measure()
        except DriverError as error:
            self._failed(error.code)

    def _field(self, name: str, call: Callable[[], Any]) -> Callable[[], None]:
        """The call that fetches a field of the readings. What the driver will not tell now is missing, not old."""

        def fetch() -> None:
            if self.board is None:
                return
            try:
                self._fields[name] = call()
            except DriverError as error:
                self._fields[name] = "" if name == "limiter" else None
                if error.code in nvml.LOST or error.code in nvml.GONE:
                    self._failed(error.code)

        return fetch

    def _failed(self, code: int) -> None:
        if code in nvml.GONE:
            cause = "restarted" if code != nvml.MISMATCH else "was replaced by another version"
            raise Renewal(f"The NVIDIA driver {cause} while the meter ran; the meter starts anew.")
        if code in nvml.LOST:
            self.lose(code)
            return
        self._failures += 1
        self._watts = None
        if self._failures >= STALE_FAILURES:
            self.lose(code)

    def _refused(self, board: Board, code: int) -> None:
        """A field that was answered before is refused, though the call went well."""
        if code in nvml.LOST or code in nvml.GONE:
            raise DriverError(code)
        if code not in nvml.CANNOT and code != nvml.NO_PERMISSION:
            self._failed(code)
            return
        # Some drivers refuse what is asked for too often.
        self._hiccups += 1
        fast = self.rounds[0]
        fast.every = min(2 * fast.every, SLOWEST_FAST_S)
        if self._hiccups >= HICCUPS:
            board.give_up_refused()
            self._hiccups = 0
            self.uncounted = "" if board.has_energy else self._why_uncounted(board)
            self.state = "ok" if self.has_watts else self._wattless(board)
            self.changed = True

    def _why_uncounted(self, board: Board) -> str:
        if board.denied:
            return f"this user may not read the energy counter of {self.name}"
        return f"{self.name} has no energy counter"

    def _wattless(self, board: Board) -> State:
        return "no permission" if board.denied else "not supported"


def _most(board: Board) -> float:
    return MOST_MODULE_WATTS if board.module_scope else MOST_WATTS


def _part(percent: float | None) -> float | None:
    return None if percent is None else percent / 100


def _is_ours(pid: int) -> bool | None:
    """Whether a process belongs to this program: the parent of the meter or one of its descendants.

    `None` where it cannot be seen, as from within a container.
    """
    parent = os.getppid()
    try:
        process: psutil.Process | None = psutil.Process(pid)
        while process is not None:
            if process.pid == parent:
                return True
            process = process.parent()
    except psutil.Error:
        return None
    return False
