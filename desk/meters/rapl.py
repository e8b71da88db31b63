"""The processor's own energy counters (RAPL), as Linux shows them in its powercap tree. AMD's stand there, too."""

import re
from collections.abc import Iterator
from pathlib import Path

from desk.facts.metered import Device, DeviceReading, Source, Tried
from desk.facts.trouble import Trouble
from desk.meters import sysfs
from desk.meters.counter import Counter
from desk.meters.power import MOST_WATTS
from desk.meters.rounds import Round
from desk.meters.source import FAST_S, Clock, Tell

MICROJOULE = 1e-6

# A second tree, intel-rapl-mmio, shows the same packages again.
_PACKAGE = re.compile(r"intel-rapl:(\d+)")


class Zone:
    """A package of the processor, or the memory beside it."""

    def __init__(self, folder: Path, device: Device) -> None:
        self.file = folder / "energy_uj"
        self.device = device
        self.counter = Counter(MICROJOULE, MOST_WATTS, span=sysfs.number(folder / "max_energy_range_uj"))
        self.lost = False


class Rapl:
    """All packages of the processor and their memory; cores and graphics are parts of a package and not added."""

    source: Source | None = "rapl"
    scope = "processor package, not the GPU"
    driver = ""
    tried = (Tried(source="rapl", cause=""),)
    changed = False
    stays = False

    def __init__(self, root: Path, clock: Clock, _tell: Tell, _without: frozenset[str] = frozenset()) -> None:
        tree = root / "class" / "powercap"
        zones = list(_zones(tree))
        if not zones:
            raise Trouble("this machine shows no energy counters of its processor")
        self._zones = [zone for zone in zones if sysfs.readable(zone.file)]
        if not self._zones:
            raise Trouble("only the administrator may read the energy counters of the processor")
        if any(zone.device.id.startswith("memory") for zone in self._zones):
            self.scope = "processor package and memory, not the GPU"
        self._clock = clock
        self.rounds = [Round([self._look], FAST_S, clock.now)]

    def devices(self) -> tuple[Device, ...]:
        return tuple(zone.device for zone in self._zones)

    def take(self) -> tuple[DeviceReading, ...]:
        return tuple(_reading(zone) for zone in self._zones)

    def forget(self) -> None:
        for zone in self._zones:
            zone.counter.forget()

    def close(self) -> None:
        """Nothing is held open."""

    def _look(self) -> None:
        for zone in self._zones:
            before = self._clock.now()
            counts = sysfs.number(zone.file)
            zone.lost = counts is None
            if counts is None:
                zone.counter.forget()
            else:
                zone.counter.see((before + self._clock.now()) / 2, counts)


def _zones(tree: Path) -> Iterator[Zone]:
    for folder in sorted(tree.glob("intel-rapl:*")):
        match = _PACKAGE.fullmatch(folder.name)
        name = sysfs.text(folder / "name") or ""
        if not match or not name.startswith("package"):
            continue  # parts of a package, and psys, which is the whole platform and holds the packages as well
        number = match[1]
        yield Zone(folder, Device(id=f"cpu{number}", kind="cpu", name=f"Processor package {number}"))
        for part in sorted(folder.glob(f"{folder.name}:*")):
            if sysfs.text(part / "name") == "dram":
                yield Zone(part, Device(id=f"memory{number}", kind="cpu", name=f"Memory of package {number}"))


def _reading(zone: Zone) -> DeviceReading:
    epoch, edges = zone.counter.take()
    return DeviceReading(
        device=zone.device.id,
        epoch=epoch,
        edges=edges,
        watts=None if zone.lost else zone.counter.watts,
        state="lost" if zone.lost else "ok",
    )
