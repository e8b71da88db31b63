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


def nvidia_on_bus(root: Path) -> int | None:
    """How many NVIDIA display devices (class 0x03) the kernel sees; `None` where it does not tell."""
    devices = root / "bus" / "pci" / "devices"
    if not devices.is_dir():
        return None
    told = ((text(device / "vendor"), text(device / "class") or "") for device in devices.iterdir())
    return sum(vendor == "0x10de" and kind.startswith("0x03") for vendor, kind in told)
