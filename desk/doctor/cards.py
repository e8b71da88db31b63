"""The checks of the card: what driver, bus and meter say of it, turned into verdicts in plain words.

Everything here is told what children found out; nothing here asks a driver.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from desk.doctor.premises import Verdict, size_words
from desk.facts.metered import MeterOpened

DRIVER, CUDA = 580, 13_000
"""The oldest driver that CUDA 13 runs on, and CUDA 13.0 as a driver writes it."""

CAPABILITIES = {(7, 5), (8, 0), (8, 6), (8, 9), (9, 0), (12, 0)}
"""Generations of cards that onnxruntime 1.31 carries machine code for on Linux; on Windows 9.0 is not among them."""

RELATED = {(8, 7), (12, 1)}
"""Generations that should run the code of another one, and that nobody has tried."""

SLACK_BYTES = 32 << 20
"""Memory that may come and go on a card without anybody's doing."""

_NVIDIA, _DISPLAY = "0x10de", "0x03"
_NO_DEVICE, _STUB_LIBRARY = 100, 34  # CUDA_ERROR_NO_DEVICE, CUDA_ERROR_STUB_LIBRARY
_RESTART = {803, 804}  # CUDA_ERROR_SYSTEM_DRIVER_MISMATCH, CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE


@dataclass(frozen=True, slots=True)
class Card:
    """A card as the CUDA driver tells it; `capability` is `None` where it was not told."""

    name: str
    uuid: str
    capability: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """All that is known about NVIDIA here.

    `on_bus` counts the display devices on the PCI bus, `None` where that cannot be told; `library`, `error`, `version`
    and `cards` are what the CUDA driver said, `opened` and `memory` (bytes in use by UUID) what the meter did. `denied`
    means that this user may not open the driver's device files, `hidden` that the environment names the cards to show.
    """

    on_bus: int | None = None
    library: bool = False
    error: int = 0
    version: int = 0
    cards: tuple[Card, ...] = ()
    opened: MeterOpened | None = None
    denied: bool = False
    hidden: bool = False
    memory: Mapping[str, int] = field(default_factory=dict)

    @property
    def present(self) -> bool:
        """Whether anything points to an NVIDIA device."""
        return bool(self.on_bus or self.cards or self.metered or (self.library and self.error not in _ABSENT))

    @property
    def metered(self) -> bool:
        """Whether the driver's meter knows a card."""
        return self.opened is not None and any(device.uuid.startswith("GPU-") for device in self.opened.devices)

    @property
    def total(self) -> int | None:
        """The memory of the card that computes, in bytes."""
        devices = self.opened.devices if self.opened is not None else ()
        return next(
            (device.memory_bytes for device in devices if self.cards and device.uuid == self.cards[0].uuid), None
        )

    @property
    def free(self) -> int | None:
        """What of it is free."""
        used = self.memory.get(self.cards[0].uuid) if self.cards else None
        return None if self.total is None or used is None else self.total - used


_ABSENT = {0, _NO_DEVICE, _STUB_LIBRARY}


def cards_told(told: Sequence[Mapping[str, Any]]) -> tuple[Card, ...]:
    """Cards out of what the probe child said."""
    return tuple(
        Card(card["name"], card["uuid"], tuple(card["capability"]) if card["capability"] else None) for card in told
    )


def on_bus() -> int | None:
    """How many NVIDIA display devices the kernel sees, whatever drives them; `None` where it cannot be asked."""
    if sys.platform != "linux":
        return None
    bus = Path(os.environ.get("TOKEN_DESK_SYSFS") or "/sys") / "bus" / "pci" / "devices"
    found = 0
    try:
        for device in bus.iterdir():
            vendor, kind = ((device / name).read_text().strip() for name in ("vendor", "class"))
            found += vendor == _NVIDIA and kind.startswith(_DISPLAY)
    except OSError:
        return found or None
    return found


def denied() -> bool:
    """Whether this user may not open the driver's device files."""
    if sys.platform != "linux":
        return False
    files = [Path("/dev/nvidiactl"), *Path("/dev").glob("nvidia[0-9]*")]
    return any(file.exists() and not os.access(file, os.R_OK | os.W_OK) for file in files)


def driver(seen: Seen) -> Verdict:
    """Which card is there, or exactly what stands between this program and it."""
    opened = seen.opened
    version = opened.driver if opened is not None else ""
    old = version.partition(".")[0].isdecimal() and int(version.partition(".")[0]) < DRIVER
    if old and seen.version < CUDA:  # a package of compatibility brings a newer compute library to an older driver
        return Verdict("fail", f"The NVIDIA driver is {version}, and CUDA 13 needs {DRIVER} or newer.", _UPDATE)
    if not seen.library:
        return _no_library(seen)
    if seen.hidden and not seen.cards and seen.error in _ABSENT:
        cause = "CUDA_VISIBLE_DEVICES hides every NVIDIA card from this program."
        return Verdict("fail", cause, "Unset it, or let it name a card.")
    if seen.error:
        return _no_answer(seen)
    if seen.version and seen.version < CUDA:
        had = f"{seen.version // 1000}.{seen.version % 1000 // 10}"
        cause = (
            f"The NVIDIA driver{f' {version}' if version else ''} goes up to CUDA {had}, and this program needs 13.0."
        )
        return Verdict("fail", cause, _UPDATE)
    if not seen.cards:
        return Verdict("fail", "The NVIDIA driver works, and shows no card.", _LOST)
    return _card(seen, version)


_UPDATE = f"Install NVIDIA driver {DRIVER} or newer, and restart the machine."
_LOST = "Restart the machine; if it stays so, look whether the card sits and is powered well."
_ELSEWHERE = "Use the provider cpu, or a machine with an NVIDIA card of compute capability 7.5 or newer."


def _no_library(seen: Seen) -> Verdict:
    name = "nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1"
    if seen.metered:
        remedy = "Install the driver whole; in a container, give it NVIDIA_DRIVER_CAPABILITIES=compute,utility."
        return Verdict("fail", f"The NVIDIA driver works, but its compute library {name} is missing.", remedy)
    if seen.on_bus:
        return Verdict("fail", f"An NVIDIA device is present, but no driver: {name} is missing.", _UPDATE)
    where = "none on the PCI bus and " if seen.on_bus == 0 else ""
    return Verdict("fail", f"This machine shows no NVIDIA device: {where}no driver library {name}.", _ELSEWHERE)


def _no_answer(seen: Seen) -> Verdict:
    if seen.denied:
        remedy = "Add this user to the group that owns them (often video or render), then log in again."
        return Verdict("fail", "This user has no permission to open the NVIDIA device files.", remedy)
    if seen.error in _ABSENT:
        if not seen.on_bus and not seen.metered:
            where = ", and the PCI bus has none" if seen.on_bus == 0 else ""
            cause = f"This machine shows no NVIDIA device: its driver finds none{where}."
            return Verdict("fail", cause, _ELSEWHERE)
        return Verdict("fail", f"An NVIDIA device is present, but its driver finds none (error {seen.error}).", _LOST)
    if seen.error in _RESTART:
        return Verdict("fail", "The NVIDIA driver was replaced while it ran.", "Restart the machine.")
    told = "; ".join(
        tried.cause for tried in (seen.opened.tried if seen.opened else ()) if tried.source == "nvml-counter"
    )
    cause = f"The NVIDIA driver is installed and answers with error {seen.error}{f' ({told})' if told else ''}."
    return Verdict("fail", cause, _LOST)


def _card(seen: Seen, version: str) -> Verdict:
    card, capability = seen.cards[0], seen.cards[0].capability
    words = [card.name, f"driver {version}" if version else f"CUDA {seen.version // 1000}.{seen.version % 1000 // 10}"]
    if capability is not None:
        told = f"{capability[0]}.{capability[1]}"
        known = CAPABILITIES - ({(9, 0)} if sys.platform == "win32" else set())
        if capability not in known | RELATED:
            cause = f"{card.name} has compute capability {told}, for which onnxruntime carries no machine code."
            if other := next((one for one in seen.cards if one.capability in known), None):
                remedy = f"Let {other.name} be the first: start with CUDA_VISIBLE_DEVICES={seen.cards.index(other)}."
                return Verdict("fail", cause, remedy)
            have = ", ".join(f"{major}.{minor}" for major, minor in sorted(known))
            return Verdict("fail", cause, f"Use the provider cpu, or a card of compute capability {have}.")
        words.append(f"compute capability {told}{' (untried)' if capability in RELATED else ''}")
    if seen.free is not None and seen.total is not None:
        words.append(f"{size_words(seen.free)} of {size_words(seen.total)} free")
    if len(seen.cards) > 1:
        words.append(f"the first of {len(seen.cards)} cards")
    return Verdict("warn" if capability in RELATED else "ok", f"{', '.join(words)}.")


@dataclass(frozen=True, slots=True)
class Held:
    """Bytes in use by UUID: before a child started, once it had opened the card `uuid`, while it held `bytes` on it,
    and after it was gone."""

    uuid: str
    bytes: int
    before: Mapping[str, int]
    opened: Mapping[str, int]
    held: Mapping[str, int]
    after: Mapping[str, int]

    def rise(self, uuid: str) -> int:
        return self.held.get(uuid, 0) - self.opened.get(uuid, 0)

    @property
    def kept(self) -> int:
        """What was not given back."""
        return self.after.get(self.uuid, 0) - self.before.get(self.uuid, 0)


def mapping(held: Held) -> Verdict:
    """Whether the memory of the engine's card, and of no other, rises in the meter."""
    if held.uuid not in held.held:
        return Verdict(
            "warn", "The meter shows no memory of the card that computes, so watts may be another card's.", _METER
        )
    if held.rise(held.uuid) >= held.bytes / 2:
        return Verdict("ok", f"{size_words(held.bytes)} taken by the engine show up on this card in the meter.")
    elsewhere = [uuid for uuid in held.held if uuid != held.uuid and held.rise(uuid) >= held.bytes / 2]
    where = "on another card" if elsewhere else "nowhere"
    cause = (
        f"{size_words(held.bytes)} taken by the engine show up {where} in the meter, so its watts are not this card's."
    )
    return Verdict("fail" if elsewhere else "warn", cause, _METER)


_METER = "Set CUDA_VISIBLE_DEVICES to one card, and ask again; until then do not trust tokens per watt."


def memory_as_planned(held: Held, plan: Verdict) -> Verdict:
    """Whether a cache takes what was planned and the end of the engine gives it back; `plan` is that of the tiers."""
    if held.uuid not in held.held:
        return Verdict("skipped", "The meter shows no memory of the card that computes.")
    off = held.rise(held.uuid) - held.bytes
    if abs(off) > held.bytes / 10 + SLACK_BYTES:
        cause = f"{size_words(held.bytes)} were planned, and {size_words(held.rise(held.uuid))} were taken."
        return Verdict("warn", cause, "Close other programs that use the card, and ask again.")
    if held.kept > SLACK_BYTES:
        return Verdict("warn", f"{size_words(held.kept)} were not given back when the engine left.", _LOST_MEMORY)
    taken = f"{size_words(held.bytes)} were planned, taken and given back."
    return Verdict("warn" if plan.status == "warn" else "ok", f"{taken} {plan.cause}", plan.remedy)


_LOST_MEMORY = "Look for programs that still use the card; a restart gives it back."


def killed(held: Held) -> Verdict:
    """Whether the memory of a killed engine comes back."""
    if held.uuid not in held.held:
        return Verdict("skipped", "The meter shows no memory of the card that computes.")
    if held.rise(held.uuid) < held.bytes / 2:
        return Verdict(
            "skipped", "The meter does not show what the engine takes, so it cannot show what it gives back."
        )
    if held.kept > SLACK_BYTES:
        return Verdict("fail", f"{size_words(held.kept)} of a killed engine stay taken.", _LOST_MEMORY)
    return Verdict("ok", f"The {size_words(held.bytes)} of a killed engine came back.")
