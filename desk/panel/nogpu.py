"""Why no GPU makes the tokens here, in words with what to do: read off the facts of meter and engine."""

from desk.doctor.cards import DRIVER
from desk.facts.metered import MeterOpened
from desk.ledger.standing import Standing
from desk.panel.shown import Obstacle
from desk.panel.words import tr

_INSTALL = tr("Install NVIDIA driver {version} or newer, and restart the machine.", version=DRIVER)
_INSTALL_FOR_CARD = tr(
    "With an NVIDIA card: install NVIDIA driver {version} or newer, and restart the machine.", version=DRIVER
)
_HAND_IN = tr("In a container, hand the GPU in (--gpus all).")


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
        cause = tr(
            "The NVIDIA driver is {driver}, and CUDA 13 needs {version} or newer.", driver=meter.driver, version=DRIVER
        )
        return Obstacle(cause, _INSTALL)
    if any(device.uuid.startswith("GPU-") for device in meter.devices):
        return None
    tried = next((tried.cause for tried in meter.tried if tried.source == "nvml-counter"), "")
    if "too old" in tried:
        cause = tr("The NVIDIA driver is too old: CUDA 13 needs {version} or newer.", version=DRIVER)
        return Obstacle(cause, _INSTALL)
    if "may not" in tried:
        cause = tr("This user has no permission to ask the NVIDIA driver.")
        remedy = tr("Join the group that owns its device files (often video or render), and log in again.")
        return Obstacle(cause, remedy)
    if "no NVIDIA driver library" in tried and not meter.on_bus:
        none, unseen = tr("This machine shows no NVIDIA device."), tr("No NVIDIA driver was found here.")
        return Obstacle(none if meter.on_bus == 0 else unseen, f"{_INSTALL_FOR_CARD} {_HAND_IN}")
    if "no NVIDIA driver library" in tried or "not loaded" in tried:
        present, absent = tr("An NVIDIA device is present, but its driver is not."), tr("No NVIDIA driver is loaded.")
        return Obstacle(present if meter.on_bus else absent, f"{_INSTALL} {_HAND_IN}")
    if "sees no GPU" in tried:
        return Obstacle(
            tr("The NVIDIA driver works, and shows no GPU."),
            tr("In a container, hand the GPU in (--gpus all); else look whether the card sits and is powered well."),
        )
    if not tried:
        return Obstacle(tr("No NVIDIA device was found."), tr("System, check-up, tells all that was looked at."))
    return Obstacle(f"{tried[:1].upper()}{tried[1:]}.", tr("Restart the machine; System, check-up, tells more."))
