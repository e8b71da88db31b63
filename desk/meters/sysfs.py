"""Files of the kernel, below a root that tests may move."""

import os
from pathlib import Path


def root() -> Path:
    """`/sys`, or wherever `TOKEN_DESK_SYSFS` says."""
    return Path(os.environ.get("TOKEN_DESK_SYSFS") or "/sys")


def text(path: Path) -> str | None:
    """What a file says, `None` where there is none or it may not be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def readable(path: Path) -> bool:
    """Whether a file can be read by this user."""
    return text(path) is not None


def number(path: Path) -> int | None:
    """The integer in a file, `None` where there is none."""
    said = text(path)
    try:
        return None if said is None else int(said)
    except ValueError:
        return None


def devices_of(root: Path) -> Path:
    """Where the devices of the PCI bus stand."""
    return root / "bus" / "pci" / "devices"


def nvidia_on_bus(root: Path) -> list[str] | None:
    """The PCI addresses of NVIDIA's display devices (class 0x03), as the kernel knows them without asking the driver;
    `None` where it does not tell."""
    try:
        devices = sorted(devices_of(root).iterdir())
    except OSError:
        return None
    told = ((device.name, text(device / "vendor"), text(device / "class") or "") for device in devices)
    return [name for name, vendor, kind in told if vendor == "0x10de" and kind.startswith("0x03")]
