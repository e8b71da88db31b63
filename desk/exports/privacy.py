"""What leaves the machine names nobody: no folder, no serial number of a device, no name of its owner."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath, PureWindowsPath

from desk.ledger.standing import Standing

_FOLDERS = re.compile(r"(?<![\w.:/$])(?:~|[A-Za-z]:)?(?:[\\/][^\\/\s:;,'\"()]+){2,}[\\/]?|(?<!\w)~[\\/][^\s:;,'\"()]+")
"""An absolute path of two parts or more, wherever it stands in a sentence; `tok/s/user` is none."""
_SERIALS = re.compile(r"\b(?:GPU|MIG)-[0-9a-fA-F]{4,}(?:-[0-9a-fA-F]+)*")


def bare(name: str) -> str:
    """The last part of a path, which a model or a scenario may be named by; any other name as it is."""
    kind = PureWindowsPath if "\\" in name else PurePosixPath
    return kind(name).name or name


class Veil:
    """Takes from a text what names this machine or its owner, as the facts of one run tell it.

    Folders that the facts name (of models, scenarios, tiers) are cut to their last part, whatever they contain; other
    absolute paths wherever they are recognised. Serial numbers become the names of the devices: `gpu0`. `others` are
    names of models and scenarios that stand in the facts of other runs.
    """

    def __init__(self, standing: Standing, others: Iterable[str] = ()) -> None:
        run, meter = standing.run, standing.meter
        named = [*others, *(tier.model for tier in (*standing.tiers.values(), *(run.tiers if run else ())))]
        named += [lane.opened.model for lane in standing.lanes.values() if lane.opened]
        named += [run.scenario, run.preset] if run else []
        self._names = {name: bare(name) for name in named if bare(name) != name}
        self._serials = {device.uuid: device.id for device in (meter.devices if meter else ()) if device.uuid}
        if standing.engine and standing.engine.device_uuid:
            self._serials.setdefault(standing.engine.device_uuid, "gpu0")
        # Longest first: one folder may hold another.
        self._known = sorted((self._names | self._serials).items(), key=lambda pair: -len(pair[0]))

    def __call__(self, text: str) -> str:
        """The text without what it should not tell."""
        for found, said in self._known:
            text = text.replace(found, said)
        text = _SERIALS.sub("gpu0", text)
        return _FOLDERS.sub(lambda match: bare(match[0].rstrip("\\/")), text)
