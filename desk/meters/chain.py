"""Which source of watts is in use: the first of the chain that works, and why the ones before it do not."""

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import msgspec

from desk.facts.metered import Device, DeviceReading, MeterOpened, Source, Tried
from desk.facts.trouble import Trouble
from desk.meters import sysfs
from desk.meters.amd import Amd
from desk.meters.battery import Battery
from desk.meters.gpus import Gpus
from desk.meters.rapl import Rapl
from desk.meters.rounds import Round
from desk.meters.source import Clock, Metered, Tell

Opener = Callable[[Path, Clock, Tell, frozenset[str]], Metered]

OPENERS: tuple[tuple[Source, Opener], ...] = (
    ("nvml-counter", Gpus),
    ("amd", Amd),
    ("rapl", Rapl),
    ("battery", Battery),
)
"""From the most to the least telling: the GPU's own meter, the processor's, and the whole machine's. Windows' energy
meter interface, AMD's own library and Apple's counters are not among them."""

BESIDE: tuple[Source, ...] = ("rapl",)
"""Watched beside a GPU's watts: what an engine on the processor draws, the GPU does not tell."""

PASSED_OVER = "passed over, because it did not answer when it was last asked"


class Chain:
    """The open sources.

    GPUs without watts stay open beside a source that has some: their memory and utilization are worth seeing. Beside
    GPUs with watts the processor's are read as well, since nobody knows here where the engine runs; its devices carry
    the name of their source. A whole machine's watts include its parts', and are read alone. `without` names sources
    to pass over.
    """

    def __init__(self, clock: Clock, tell: Tell, without: frozenset[str] = frozenset()) -> None:
        self._clock = clock
        self._tell = tell
        self._without = without
        self._root = sysfs.root()
        self._open: dict[Source, Metered] = {}
        self._failed: list[Tried] = []
        self.open()

    def open(self) -> None:
        """Go through the chain from its start. What is open and works stays open, up to the first that gives watts."""
        self._failed.clear()
        before, self._open = self._open, {}
        for name, opener in OPENERS:
            if self.in_use is not None and name not in BESIDE:
                continue
            source = before.get(name)
            if source is not None and (source.stays or source.source is not None):
                self._open[name] = before.pop(name)
            elif name in self._without:
                self._failed.append(Tried(source=name, cause=PASSED_OVER))
            else:
                try:
                    self._open[name] = opener(self._root, self._clock, self._tell, self._without)
                except Trouble as trouble:
                    self._failed.append(Tried(source=name, cause=trouble.cause))
        for source in before.values():
            source.close()

    def better(self) -> bool:
        """Whether a source that did not work, before the one in use, works by now."""
        for name, opener in OPENERS:
            if name in self._without:
                continue
            if name in self._open:
                if self._open[name].source is not None:
                    return False
                continue
            try:
                opener(self._root, self._clock, self._tell, self._without).close()
            except Trouble:
                continue
            return True
        return False

    def take_changed(self) -> bool:
        """Whether a source is no longer as it was described; asked once for each change."""
        changed = [source for source in self._open.values() if source.changed]
        for source in changed:
            source.changed = False
        return bool(changed)

    @property
    def in_use(self) -> Metered | None:
        """The source that gives the watts."""
        return next((source for source in self._open.values() if source.source is not None), None)

    def describe(self) -> MeterOpened:
        """The fact that the meter is open as it now is."""
        order = get_args(Source)
        metered, on_bus = self.in_use, sysfs.nvidia_on_bus(self._root)
        tried = [*self._failed, *(each for source in self._open.values() for each in source.tried)]
        return MeterOpened(
            t=self._clock.now(),
            source=metered.source if metered and metered.source else "none",
            quality="measured" if metered else "unavailable",
            scope=metered.scope if metered else "",
            driver=next((source.driver for source in self._open.values() if source.driver), ""),
            devices=tuple(self._named(device, source) for source in self._open.values() for device in source.devices()),
            tried=tuple(sorted(tried, key=lambda each: order.index(each.source))),
            on_bus=None if on_bus is None else len(on_bus),
        )

    def _named(self, device: Device, source: Metered) -> Device:
        """The device, with the source of its joules where that is not the meter's first."""
        beside = source is not self.in_use and source.source is not None
        return msgspec.structs.replace(device, source=source.source) if beside else device

    def rounds(self) -> list[Round]:
        """What there is to ask, and when."""
        return [each for source in self._open.values() for each in source.rounds]

    def take(self) -> tuple[DeviceReading, ...]:
        """What all devices answered since the last time this was asked."""
        return tuple(reading for source in self._open.values() for reading in source.take())

    def forget(self) -> None:
        """Time has passed unseen: nothing may be drawn across it."""
        for source in self._open.values():
            source.forget()

    def close(self) -> None:
        for source in self._open.values():
            source.close()
        self._open.clear()
