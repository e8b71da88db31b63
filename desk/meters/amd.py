"""AMD GPUs, as their kernel driver shows them among Linux' hardware monitors (hwmon)."""

from pathlib import Path
from typing import Any

from desk.facts.happened import Troubled
from desk.facts.metered import Device, DeviceReading, Source, Tried
from desk.facts.trouble import Trouble
from desk.meters import sysfs
from desk.meters.counter import Counter
from desk.meters.power import MOST_WATTS, Power
from desk.meters.rounds import Round
from desk.meters.source import FAST_S, FIELDS_S, Clock, Tell

MICRO = 1e-6


class Card:
    """One GPU. Its power is the mean that the driver forms, or an instantaneous reading where it forms none."""

    def __init__(self, monitor: Path, clock: Clock, tell: Tell) -> None:
        self._monitor = monitor
        self._board = (monitor / "device").resolve()
        self._clock = clock
        self._tell = tell
        self._energy = monitor / "energy1_input"
        self._watts_file = next(
            (file for name in ("power1_average", "power1_input") if sysfs.number(file := monitor / name) is not None),
            None,
        )
        self.counted = sysfs.number(self._energy) is not None
        self.counter = Counter(MICRO, MOST_WATTS)
        self.power = Power()
        self._watts: float | None = None
        self._state = "ok"
        self._fields: dict[str, Any] = {}
        self.fast = Round([self._measure], FAST_S, clock.now)
        self.rounds = [self.fast, Round([self._ask], FIELDS_S, clock.now)]
        address = self._board.name
        unique = sysfs.text(self._board / "unique_id") or address
        limit = sysfs.number(monitor / "power1_cap")
        self.device = Device(
            id=f"amd-{unique}",
            kind="gpu",
            name=sysfs.text(self._board / "product_name") or f"AMD GPU ({address.removeprefix('0000:')})",
            uuid=unique,
            memory_bytes=sysfs.number(self._board / "mem_info_vram_total"),
            power_limit=limit * MICRO if limit else None,
        )
        if limit:
            self.counter.limit = limit * MICRO

    @property
    def asleep(self) -> bool:
        """Whether reading its sensors would wake it."""
        return sysfs.text(self._board / "power" / "runtime_status") == "suspended"

    @property
    def has_watts(self) -> bool:
        return self.counted or self._watts_file is not None

    def take(self) -> DeviceReading:
        epoch, edges = self.counter.take()
        state = "asleep" if self._state == "asleep" else "lost" if self._state == "lost" else "ok"
        return DeviceReading(
            device=self.device.id,
            epoch=epoch,
            edges=edges,
            samples=self.power.take(),
            watts=self._watts if state == "ok" else None,
            state=state,
            **(self._fields if state == "ok" else {}),
        )

    def forget(self) -> None:
        self.counter.forget()
        self.power.forget()

    def _measure(self) -> None:
        if self.asleep:
            self._leave("asleep")
            return
        before = self._clock.now()
        energy = sysfs.number(self._energy) if self.counted else None
        microwatts = sysfs.number(self._watts_file) if self._watts_file else None
        t = (before + self._clock.now()) / 2
        if energy is None and microwatts is None:
            self._leave("lost")
            return
        self._state = "ok"
        self._watts = None if microwatts is None else microwatts * MICRO
        if self._watts is not None and 0 <= self._watts <= MOST_WATTS:
            self.power.see(t, self._watts, 3 * self.fast.period)
        if energy is not None:
            self.counter.see(t, energy)
            if self.counter.stands_still(t) and (self._watts or 0.0) > 0.0:
                self.counted = False
                cause = f"{self.device.name} has an energy counter that stands still; its power is added up instead."
                self._tell(Troubled(t=t, where="meter", cause=cause))

    def _leave(self, state: str) -> None:
        if self._state != state:
            self._state = state
            self.forget()

    def _ask(self) -> None:
        if self.asleep:
            return
        busy = sysfs.number(self._board / "gpu_busy_percent")
        heat = sysfs.number(self._monitor / "temp1_input")
        self._fields = {
            "utilization": busy / 100 if busy is not None and 0 <= busy <= 100 else None,
            "memory_used": sysfs.number(self._board / "mem_info_vram_used"),
            "celsius": heat / 1e3 if heat is not None else None,
            "clock_hz": sysfs.number(self._monitor / "freq1_input"),
            "power_limit": self.device.power_limit,
        }


class Amd:
    """All AMD GPUs with a sensor."""

    source: Source | None = "amd"
    driver = ""
    tried = (Tried(source="amd", cause=""),)
    stays = False

    def __init__(self, root: Path, clock: Clock, tell: Tell, _without: frozenset[str] = frozenset()) -> None:
        monitors = sorted((root / "class" / "hwmon").glob("hwmon*"))
        cards = [Card(each, clock, tell) for each in monitors if sysfs.text(each / "name") == "amdgpu"]
        if not cards:
            raise Trouble("no AMD GPU on this machine")
        self._cards = [card for card in cards if card.has_watts]
        if not self._cards:
            asleep = any(card.asleep for card in cards)
            raise Trouble("the AMD GPU is asleep" if asleep else "the AMD GPU shows neither energy nor power")
        self._counted = self._all_counted
        self.rounds = [each for card in self._cards for each in card.rounds]
        self.changed = False

    @property
    def scope(self) -> str:
        return "GPU board" if self._all_counted else "GPU board, power readings added up"

    @property
    def _all_counted(self) -> bool:
        return all(card.counted for card in self._cards)

    def devices(self) -> tuple[Device, ...]:
        return tuple(card.device for card in self._cards)

    def take(self) -> tuple[DeviceReading, ...]:
        self.changed |= self._counted != self._all_counted
        self._counted = self._all_counted
        return tuple(card.take() for card in self._cards)

    def forget(self) -> None:
        for card in self._cards:
            card.forget()

    def close(self) -> None:
        """Nothing is held open."""
