"""What every source of watts is to the meter's loop: its rounds of calls, and what they have found."""

from collections.abc import Callable
from typing import Protocol

from desk.facts.happened import AnyFact
from desk.facts.metered import Device, DeviceReading, Source, Tried
from desk.facts.trouble import Trouble
from desk.meters.rounds import Round

Tell = Callable[[AnyFact], None]

FAST_S = 0.05
"""Seconds between two looks at an energy counter: at most half of a counter's usual step of 0.1 s."""

FIELDS_S = 0.5
"""Seconds between two looks at utilization, memory, temperature, clocks and what limits them."""

SLOW_S = 5.0
"""Seconds between two looks at limits and at the processes on a device."""


class Renewal(Trouble):
    """Only a fresh process can go on: the driver under this one was taken away or replaced."""


class Clock(Protocol):
    """The meter's time, so that a test may let hours pass in a moment."""

    def now(self) -> float:
        """Seconds on the machine-wide monotonic clock, as `desk.facts.happened.now`."""
        ...

    def wait(self, seconds: float) -> bool:
        """Let time pass; true where the meter is asked to leave."""
        ...

    def slept(self) -> float:
        """Seconds that the machine has spent suspended; only differences mean anything."""
        ...


class Metered(Protocol):
    """An open source.

    `source` is the name under which its joules are recorded, `None` where it only watches devices that give no watts.
    `tried` are the ways to watts that this source went through, the one in use last and without a cause. `changed` is
    set by the source where any of this, or a device, is no longer as it was. A source that `stays` is worth watching
    also while it gives no watts, and finds its way back by itself.
    """

    changed: bool

    @property
    def source(self) -> Source | None: ...

    @property
    def scope(self) -> str: ...

    @property
    def driver(self) -> str: ...

    @property
    def tried(self) -> tuple[Tried, ...]: ...

    @property
    def rounds(self) -> list[Round]: ...

    @property
    def stays(self) -> bool: ...

    def devices(self) -> tuple[Device, ...]:
        """The devices as they are now, in an order that does not depend on the driver's."""
        ...

    def take(self) -> tuple[DeviceReading, ...]:
        """What has been read since the last time this was asked, one reading a device."""
        ...

    def forget(self) -> None:
        """Time has passed unseen: nothing may be drawn across it."""
        ...

    def close(self) -> None:
        """Let go of the device."""
        ...
