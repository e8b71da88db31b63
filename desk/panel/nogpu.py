"""Why no GPU makes the tokens here, in words with what to do: read off the facts of meter and engine."""

from desk.doctor.cards import DRIVER
from desk.facts.metered import MeterOpened
from desk.ledger.standing import Standing
from desk.panel.shown import Obstacle

_INSTALL = f"Install NVIDIA driver {DRIVER} or newer, and restart the machine."
_CONTAINER = "In a container, hand the GPU in (--gpus all)"


def obstacle(standing: Standing) -> Obstacle | None:
    """What stands between this program and a GPU; `None` where one can be used, and while that is not known.

    The engine is believed first: it says whether CUDA really opens, and knows that only when a run was begun.
    """
    lanes = standing.lanes.values()
    if standing.engine is None and lanes and all(lane.state == "failed" for lane in lanes):
        first = next(iter(lanes))
        return Obstacle(first.cause, first.remedy)
    return None if standing.meter is None else _seen_by(standing.meter)


def _seen_by(meter: MeterOpened) -> Obstacle | None:
    """The same as far as the meter knows, which asks the driver before anyone starts."""
    version = meter.driver.partition(".")[0]
    if version.isdecimal() and int(version) < DRIVER:
        return Obstacle(f"The NVIDIA driver is {meter.driver}, and CUDA 13 needs {DRIVER} or newer.", _INSTALL)
    if any(device.uuid.startswith("GPU-") for device in meter.devices):
        return None
    tried = next((tried.cause for tried in meter.tried if tried.source == "nvml-counter"), "")
    if "too old" in tried:
        return Obstacle(f"The NVIDIA driver is too old: CUDA 13 needs {DRIVER} or newer.", _INSTALL)
    if "may not" in tried:
        cause = "This user has no permission to ask the NVIDIA driver."
        return Obstacle(cause, "Join the group that owns its device files (often video or render), and log in again.")
    if "no NVIDIA driver library" in tried and not meter.on_bus:
        where = "This machine shows no NVIDIA device" if meter.on_bus == 0 else "No NVIDIA driver was found here"
        return Obstacle(f"{where}.", f"With an NVIDIA card: {_INSTALL[0].lower()}{_INSTALL[1:]} {_CONTAINER}.")
    if "no NVIDIA driver library" in tried or "not loaded" in tried:
        cause = "An NVIDIA device is present, but its driver is not." if meter.on_bus else "No NVIDIA driver is loaded."
        return Obstacle(cause, f"{_INSTALL} {_CONTAINER}.")
    if "sees no GPU" in tried:
        cause = "The NVIDIA driver works, and shows no GPU."
        return Obstacle(cause, f"{_CONTAINER}; else look whether the card sits and is powered well.")
    if not tried:
        return Obstacle("No NVIDIA device was found.", "System, check-up, tells all that was looked at.")
    return Obstacle(f"{tried[:1].upper()}{tried[1:]}.", "Restart the machine; System, check-up, tells more.")
