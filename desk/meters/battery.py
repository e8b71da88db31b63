"""A laptop's battery: the whole machine's watts, and only while it discharges."""

from pathlib import Path

from desk.facts.metered import Device, DeviceReading, Source, Tried
from desk.facts.trouble import Trouble
from desk.meters import sysfs
from desk.meters.power import MOST_WATTS, Power
from desk.meters.rounds import Round
from desk.meters.source import FIELDS_S, Clock, Tell

MICRO = 1e-6


class Battery:
    """All batteries of the machine together; the sum is known only while each gives a figure and one discharges."""

    source: Source | None = "battery"
    scope = "whole machine (battery)"
    driver = ""
    tried = (Tried(source="battery", cause=""),)
    stays = False

    def __init__(self, root: Path, clock: Clock, _tell: Tell, _without: frozenset[str] = frozenset()) -> None:
        supplies = sorted((root / "class" / "power_supply").glob("*"))
        self._packs = [supply for supply in supplies if _is_battery(supply)]
        if not self._packs:
            raise Trouble("this machine has no battery")
        if not self._discharging():
            raise Trouble("the battery is not discharging, so what flows there is not what the machine draws")
        if self._sum() is None:
            raise Trouble("the battery does not tell its power")
        self._clock = clock
        self._power = Power()
        self.changed = False
        self.rounds = [Round([self._look], FIELDS_S, clock.now)]

    def devices(self) -> tuple[Device, ...]:
        return (Device(id="machine", kind="machine", name="This machine"),)

    def take(self) -> tuple[DeviceReading, ...]:
        return (DeviceReading(device="machine", samples=self._power.take(), watts=self._power.watts),)

    def forget(self) -> None:
        self._power.forget()

    def close(self) -> None:
        """Nothing is held open."""

    def _look(self) -> None:
        before = self._clock.now()
        watts = self._sum()
        if not self._discharging() or watts is None:
            self.source, self.changed = None, True
            return
        if watts <= MOST_WATTS:
            self._power.see((before + self._clock.now()) / 2, watts, 3 * FIELDS_S)

    def _discharging(self) -> bool:
        """One pack discharges and none charges: of two, one may rest."""
        states = {sysfs.text(pack / "status") for pack in self._packs}
        return "Discharging" in states and "Charging" not in states

    def _sum(self) -> float | None:
        watts = [_watts(pack) for pack in self._packs if sysfs.text(pack / "status") == "Discharging"]
        return sum(each or 0.0 for each in watts) if watts and None not in watts else None


def _is_battery(supply: Path) -> bool:
    """A battery of the machine, not of a mouse."""
    return sysfs.text(supply / "type") == "Battery" and sysfs.text(supply / "scope") != "Device"


def _watts(pack: Path) -> float | None:
    """What flows out; some drivers give it a minus."""
    microwatts = sysfs.number(pack / "power_now")
    if microwatts is not None:
        return abs(microwatts) * MICRO
    microamperes, microvolts = sysfs.number(pack / "current_now"), sysfs.number(pack / "voltage_now")
    if microamperes is None or microvolts is None:
        return None
    return abs(microamperes) * MICRO * abs(microvolts) * MICRO
