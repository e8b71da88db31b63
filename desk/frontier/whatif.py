"""What if this efficiency held at a server, a rack, a megawatt, a gigawatt: multiplication, not a forecast.

Each rung multiplies by named factors, each with a low, a base and a high value and its source, so that the result is a
range that widens. A factor that nobody has set stops the ladder there. Nothing is carried to a year before the share of
the time that is busy and the share of the tokens that are sold have been set by the user.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec

from desk.facts import places
from desk.facts.codec import NOT_TOML
from desk.facts.trouble import Trouble
from desk.ledger import money

SECONDS_PER_YEAR = 365 * 24 * 3600.0
MEGAWATTS_PER_GIGAWATT = 1000.0

Kind = Literal["measured", "published", "assumed", "yours"]


@dataclass(frozen=True, slots=True)
class Range:
    """A value with how low and how high it may be. Products and quotients take the worst of both."""

    low: float
    base: float
    high: float

    def __mul__(self, other: "Range | float") -> "Range":
        by = other if isinstance(other, Range) else exactly(other)
        return Range(self.low * by.low, self.base * by.base, self.high * by.high)

    def __truediv__(self, other: "Range | float") -> "Range":
        by = other if isinstance(other, Range) else exactly(other)
        return Range(self.low / by.high, self.base / by.base, self.high / by.low)


def exactly(value: float) -> Range:
    """A value without doubt."""
    return Range(value, value, value)


class Factor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One factor of the ladder. Without values it is one that only the user can set; all are positive and in order."""

    key: str
    title: str
    unit: str = ""
    low: float | None = None
    base: float | None = None
    high: float | None = None
    suggested: float | None = None
    source: str = ""
    kind: Kind = "assumed"

    def __post_init__(self) -> None:
        values = [value for value in (self.low, self.base, self.high) if value is not None]
        if values and (len(values) != 3 or values != sorted(values) or not 0 < values[0] <= values[2] < 1e12):
            raise ValueError(f"{self.key} needs 0 < low <= base <= high, all three or none")

    @property
    def range(self) -> Range | None:
        """Its values; `None` while nobody has set them."""
        if self.low is None or self.base is None or self.high is None:
            return None
        return Range(self.low, self.base, self.high)

    def set(self, base: float, low: float | None = None, high: float | None = None) -> "Factor":
        """The factor as the user sets it."""
        low, high = base if low is None else low, base if high is None else high
        return msgspec.structs.replace(self, low=low, base=base, high=high, kind="yours", source="set by you")


@dataclass(frozen=True, slots=True)
class Here:
    """What one device was measured to do, all of its time at work: tokens/s, watts of the device, dollars/s of list
    price. The ranges are those of the repeats."""

    rate: Range
    watts: Range
    revenue: Range


@dataclass(frozen=True, slots=True)
class Rung:
    """One rung. Rates are those of machines that are busy all the time and sell all they make; `sold` is dollars/s and
    `yearly` dollars/year with the user's busy and sold shares, `None` until both are set.

    `missing` are the factors without which the ladder ends before this rung: it has no values then.
    """

    name: str
    devices: Range | None = None
    watts: Range | None = None
    rate: Range | None = None
    revenue: Range | None = None
    sold: Range | None = None
    yearly: Range | None = None
    missing: tuple[str, ...] = ()


def factors() -> dict[str, Factor]:
    """The factors that ship, by key; raises `Trouble` where their file is damaged."""
    path = places.shipped("assets", "economics", "whatif.toml")
    try:
        found = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8"))["factors"], list[Factor])
    except (OSError, KeyError, *NOT_TOML, msgspec.ValidationError) as error:
        raise Trouble(f"The factors of What-if cannot be read: {error}.", "Install Token Desk again.") from error
    return {factor.key: factor for factor in found}


_NEEDED = {
    "server": ("devices_per_server", "node_overhead"),
    "rack": ("servers_per_rack",),
    "MW": ("node_overhead", "pue"),
    "GW": (),
}


def ladder(here: Here, given: Mapping[str, Factor]) -> tuple[Rung, ...]:
    """This device, server, rack, MW and GW, up to the first rung that lacks a factor."""
    known = {key: found for key, factor in given.items() if (found := factor.range) is not None}
    rungs = [_rung("this device", exactly(1.0), here.watts, here, known)]
    for name, needed in _NEEDED.items():
        if missing := tuple(key for key in needed if key not in known):
            return (*rungs, Rung(name, missing=missing))
        match name:
            case "server":
                devices = known["devices_per_server"]
                watts = here.watts * devices * known["node_overhead"]
            case "rack":
                servers, below = known["servers_per_rack"], rungs[-1]
                assert below.devices is not None
                assert below.watts is not None
                devices, watts = below.devices * servers, below.watts * servers
            case "MW":
                watts = exactly(money.WATTS_PER_MW)
                devices = watts / (here.watts * known["node_overhead"] * known["pue"])
            case _:
                below = rungs[-1]
                assert below.devices is not None
                watts = exactly(money.WATTS_PER_MW * MEGAWATTS_PER_GIGAWATT)
                devices = below.devices * MEGAWATTS_PER_GIGAWATT
        rungs.append(_rung(name, devices, watts, here, known))
    return tuple(rungs)


def _rung(name: str, devices: Range, watts: Range, here: Here, known: Mapping[str, Range]) -> Rung:
    rate, revenue = here.rate * devices, here.revenue * devices
    if "price" in known:
        revenue = rate * known["price"] * money.PER_TOKEN
    busy, sold = known.get("busy_share"), known.get("sold_share")
    earned = revenue * busy * sold if busy is not None and sold is not None else None
    return Rung(name, devices, watts, rate, revenue, earned, earned * SECONDS_PER_YEAR if earned is not None else None)
