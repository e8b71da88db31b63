"""The alarms: which conditions ask for attention, how long they must last, and when they are over.

A pure judge of settled periods. The plant asks it, and records what it says as facts; a replay shows those facts and
judges nothing anew. So a recording tells the alarms that were seen, whatever the rules have become since.

An alarm is raised when its condition has held for its delay without a break, and cleared when the opposite condition,
which lies beyond a dead band where the value is noisy, has held for another. Being at the power limit is no alarm: it
is what a card that is paid for should be.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from desk.board import Board
from desk.facts.alarmed import AlarmCleared, AlarmRaised, Severity
from desk.facts.currency import unit as in_currency
from desk.facts.metered import Device, DeviceReading
from desk.ledger.budget import spending
from desk.ledger.ledger import Ledger
from desk.ledger.period import Period
from desk.ledger.standing import Standing

WATCHED_H = 0.05
"""The board of the judge holds three minutes: more than the longest window of a figure."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What a rule may look at: the newest period and what stood at its end."""

    standing: Standing
    ledger: Ledger
    board: Board
    free_bytes: float | None
    foreign: dict[str, float]
    """The least that other programs held of each device since the run began."""

    def devices(self) -> Iterator[tuple[Device, DeviceReading]]:
        """The devices that the engine works on, with their last readings."""
        standing = self.standing
        gpus = standing.engine is not None and standing.engine.provider == "cuda"
        for device in standing.meter.devices if standing.meter else ():
            used = device.id in standing.counted or (not standing.counted and gpus and device.kind == "gpu")
            if used and device.id in standing.readings:
                yield device, standing.readings[device.id]


@dataclass(frozen=True, slots=True)
class Sign:
    """What a rule sees of one subject: whether the condition holds (`on`), and whether it is surely gone (`off`)."""

    subject: str
    on: bool
    off: bool
    title: str = ""
    cause: str = ""
    remedy: str = ""
    cleared: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One alarm. `delay_s` is how long its condition must hold, `clear_s` how long it must be gone."""

    name: str
    severity: Severity
    delay_s: float
    clear_s: float
    look: Callable[[Scene], Iterator[Sign]]


_HEAT = ("Clocks cut by heat", "Heat cuts the clocks of {}.", "Improve the airflow or lower the load.")
CUT = {
    "too hot": _HEAT,
    "too hot (hardware)": _HEAT,
    "power brake": ("Power brake", "The power brake cuts the clocks of {}.", "Check the power supply and its cables."),
    "slowed by hardware": ("Clocks cut", "The hardware cuts the clocks of {}.", "Check cooling and power supply."),
}
"""The reasons for lower clocks that are a fault of the surroundings, by the meter's word for them."""


def _cut(scene: Scene) -> Iterator[Sign]:
    for device, reading in scene.devices():
        found = next((word for word in CUT if word in reading.limiter.split(", ")), "")
        title, cause, remedy = CUT.get(found, ("", "", ""))
        name = scene.standing.title(device)
        yield Sign(device.id, bool(found), not found, title, cause.format(name), remedy, "Clocks free again")


HOT_BELOW_C, COOL_BELOW_C = 5.0, 8.0
"""Degrees below the slow-down point at which a device counts as hot, and as cool again."""


def _hot(scene: Scene) -> Iterator[Sign]:
    for device, reading in scene.devices():
        slows, now = device.slowdown_celsius, reading.celsius
        if slows is None or now is None:
            continue
        name = scene.standing.title(device)
        cause = f"{name} is at {now:.0f} °C and slows at {slows:.0f} °C."
        remedy = "Improve the airflow or lower the load."
        on, off = now >= slows - HOT_BELOW_C, now <= slows - COOL_BELOW_C
        yield Sign(device.id, on, off, f"{name} hot", cause, remedy, f"{name} cool")


NEARLY = 0.8
"""The part of a budget from which it is told that it runs out."""
_BUDGETS = {"joules": ("energy", "Wh", 3600.0), "dollars": ("energy cost", "$", 1.0), "seconds": ("time", "min", 60.0)}


def _budget(scene: Scene) -> Iterator[Sign]:
    for spent in spending(scene.standing.budget, scene.ledger.totals()):
        word, unit, size = _BUDGETS[spent.kind]
        unit = in_currency(unit, scene.standing.currency)
        used = (spent.used or 0.0) / size
        nearly = (spent.share or 0.0) >= NEARLY
        yield Sign(
            spent.kind,
            nearly,
            not nearly,
            "Budget runs out",
            f"{spent.share or 0.0:.0%} of the {word} budget is used.",
            f"It is {used:.3g} of {spent.limit / size:.4g} {unit}; the run stops when all is used.",
            "Budget extended",
        )


FEW_REQUESTS, REQUESTS = 5, 20
"""A p95 of TTFT means something from 20 requests on; from 5 on, a median over the promise is late beyond doubt."""
TOKENS = 20
"""The speed that a reader sees, a median, means something from so many gaps between tokens on."""


def _late(scene: Scene) -> Iterator[Sign]:
    standing, board = scene.standing, scene.board
    for name, tier in standing.tiers.items():
        if standing.paused or standing.calibrating is not None:
            yield Sign(name, on=False, off=False)  # nothing can be told of its promises
            continue
        promise = tier.promise
        speed = first = None
        # Percentiles last longer than rates: what no longer makes tokens is neither quick nor late.
        if board.value("tokens_per_second", name) is not None:
            if board.samples("tokens_per_second_per_user", name) >= TOKENS:
                speed = board.value("tokens_per_second_per_user", name)
            requests = board.samples("ttft_p95", name)
            if requests >= FEW_REQUESTS:
                first = board.value("ttft_p95" if requests >= REQUESTS else "ttft_p50", name)
        slow = _beyond(promise.tokens_per_second_per_user, speed)
        late = _beyond(first, promise.ttft_s)
        cause = ""
        if slow:
            cause = f"{name} is under {promise.tokens_per_second_per_user:g} tok/s/user."
        elif late:
            cause = f"{name} takes over {promise.ttft_s:g} s to its first token."
        remedy = "Lower its load or raise its share."
        yield Sign(name, slow or late, not (slow or late), f"{name} late", cause, remedy, f"{name} in time")


def _beyond(more: float | None, less: float | None) -> bool:
    return more is not None and less is not None and more > less


FOREIGN_BYTES, FOREIGN_GONE = 500e6, 400e6
"""What another program takes of a device to be told of, and what it may keep when it is no longer."""


def _foreign(scene: Scene) -> Iterator[Sign]:
    for device, reading in scene.devices():
        held = reading.memory_foreign
        if held is None:
            continue
        grown = held - scene.foreign.get(device.id, held)
        cause = f"Another program has taken {grown / 1e9:.1f} GB of {scene.standing.title(device)}."
        remedy = "The figures include its work until it is closed."
        yield Sign(
            device.id, grown > FOREIGN_BYTES, grown < FOREIGN_GONE, "Shared GPU", cause, remedy, "Other program gone"
        )


FULL_SHARE, ROOM_SHARE = 0.05, 0.07
"""The free part of a GPU's memory at which it counts as full, and as having room again."""


def _memory(scene: Scene) -> Iterator[Sign]:
    for device, reading in scene.devices():
        if device.kind != "gpu" or not device.memory_bytes or reading.memory_used is None:
            continue
        free = 1 - reading.memory_used / device.memory_bytes
        name = scene.standing.title(device)
        cause = f"Only {max(free, 0.0):.0%} of the memory of {name} is free."
        remedy = "Use fewer slots or a shorter context."
        yield Sign(device.id, free < FULL_SHARE, free > ROOM_SHARE, "Memory full", cause, remedy, "Memory free again")


_SILENT = {
    "stale": "has not been heard for 5 s",
    "not answering": "does not answer: the driver is busy or gone",
    "lost": "is lost: the driver does not find it, and is asked again",
    "asleep": "is asleep, and not asked, so that it can stay so",
    "no permission": "may not be read by this user",
    "not supported": "gives no power readings",
}


def _silent(scene: Scene) -> Iterator[Sign]:
    standing = scene.standing
    for device, reading in scene.devices():
        if device.id not in standing.counted:
            continue
        on = reading.state in _SILENT
        name = standing.title(device)
        cause = f"{name} {_SILENT.get(reading.state, '')}."
        remedy = "Its energy is missing meanwhile; the tokens go on."
        yield Sign(device.id, on, not on, f"{name} silent", cause, remedy, f"{name} answers")


DISK_BYTES, DISK_ROOM = 500e6, 600e6
"""What is left on the disk of the recordings when it is told, and when that is over."""
DISK_END = 100e6
"""With less than this nothing more is recorded, so that the disk is not filled to the last byte, ..."""
DISK_BACK = 200e6
"""... and with this much the recording goes on."""


def _disk(scene: Scene) -> Iterator[Sign]:
    free = scene.free_bytes
    if free is None:
        return
    cause = f"Only {free / 1e6:.0f} MB are left on the disk of the recordings."
    remedy = f"Make room: under {DISK_END / 1e6:.0f} MB nothing more is recorded."
    yield Sign("", free < DISK_BYTES, free > DISK_ROOM, "Disk nearly full", cause, remedy, "Disk has room")


RULES: tuple[Rule, ...] = (
    Rule("slowdown", "critical", 2.0, 10.0, _cut),
    Rule("hot", "warning", 10.0, 0.0, _hot),
    Rule("silent", "warning", 5.0, 2.0, _silent),
    Rule("late", "warning", 20.0, 20.0, _late),
    Rule("memory", "warning", 5.0, 5.0, _memory),
    Rule("disk", "warning", 0.0, 0.0, _disk),
    Rule("budget", "notice", 0.0, 0.0, _budget),
    Rule("foreign", "notice", 5.0, 5.0, _foreign),
)
"""The most pressing first. That a lane did not land on the GPU it was set to is no rule here: it does not start."""


@dataclass(slots=True)
class _Latch:
    """One alarm of one subject: whether it is raised, since when the opposite has held, and what its end is called."""

    raised: bool = False
    since: float | None = None
    cleared: str = ""

    def turns(self, rule: Rule, sign: Sign, t: float) -> bool:
        """Take in what was seen at `t`; whether the alarm is raised or cleared by it."""
        if not (sign.off if self.raised else sign.on):
            self.since = None
            return False
        # Periods may settle late and several at once; what stands is seen when they do, so that moment counts.
        self.since = t if self.since is None else self.since
        if t - self.since < (rule.clear_s if self.raised else rule.delay_s):
            return False
        self.raised, self.since = not self.raised, None
        return True


@dataclass
class Alarms:
    """Judges one settled period after the other, of one run after the other."""

    _board: Board = field(default_factory=lambda: Board(WATCHED_H))
    _latches: dict[tuple[str, str], _Latch] = field(default_factory=dict)
    _foreign: dict[str, float] = field(default_factory=dict)

    def judge(
        self, period: Period, ledger: Ledger, t: float, free_bytes: float | None = None
    ) -> list[AlarmRaised | AlarmCleared]:
        """What a settled period raises and clears, stamped `t`: the stamp of the fact that settled it.

        `free_bytes` is what is left on the disk of the recording, where somebody has looked.
        """
        if period.index == 0:
            self._latches.clear()
            self._foreign.clear()
        self._board.add(period)
        standing = ledger.standing
        if not standing.running:
            return []
        for name, reading in standing.readings.items():
            if reading.memory_foreign is not None:
                self._foreign[name] = min(self._foreign.get(name, reading.memory_foreign), reading.memory_foreign)
        scene = Scene(standing, ledger, self._board, free_bytes, self._foreign)
        told: list[AlarmRaised | AlarmCleared] = []
        for rule in RULES:
            seen = {sign.subject: sign for sign in rule.look(scene)}
            for name, subject in tuple(self._latches):
                if name == rule.name and subject not in seen:
                    # What can no longer be looked at is over.
                    cleared = self._latches[name, subject].cleared
                    seen[subject] = Sign(subject, on=False, off=True, cleared=cleared)
            for subject, sign in seen.items():
                latch = self._latches.setdefault((rule.name, subject), _Latch())
                latch.cleared = sign.cleared or latch.cleared
                if latch.turns(rule, sign, t):
                    told.append(_fact(rule, sign, t, raised=latch.raised))
        return told


def _fact(rule: Rule, sign: Sign, t: float, *, raised: bool) -> AlarmRaised | AlarmCleared:
    if not raised:
        return AlarmCleared(t=t, alarm=rule.name, subject=sign.subject, title=sign.cleared)
    return AlarmRaised(
        t=t,
        alarm=rule.name,
        subject=sign.subject,
        severity=rule.severity,
        title=sign.title,
        cause=sign.cause,
        remedy=sign.remedy,
    )
