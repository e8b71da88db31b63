"""Taking a run elsewhere, and taking in one from elsewhere.

What leaves this machine names neither its owner nor its parts: the serial numbers of GPUs become `gpu0`, `gpu1`, the
same one everywhere, so that the file folds to the same accounts; of paths only the last name is left, and of the system
its number, for whoever builds a kernel gives it a name.
"""

import contextlib
import os
import platform
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from desk import journal
from desk.facts.codec import NOT_JSON
from desk.facts.happened import EngineOpened
from desk.facts.metered import MeterOpened
from desk.facts.trouble import Trouble
from desk.runs.store import Run, Runs

FEW = 3
"""Facts without which there is nothing to see: a start, and something that came of it."""


def send(run: Run, out: Path) -> Path:
    """Write a run without names into one compressed file; a folder as `out` gives it its name. Gives its path.

    Raises `Trouble` where that file exists already or cannot be written.
    """
    if out.is_dir():
        out = out / f"{run.name}{journal.COMPRESSED}"
    elif not out.name.endswith(journal.COMPRESSED):
        raise Trouble(f"{out.name} is no name of a compressed recording.", "Let it end in .jsonl.gz.")
    names = _Names(journal.read(run.path))
    lines = map(names.without, journal.read(run.path).raw())
    return _write(out, lines)


def bring(path: Path, runs: Runs) -> tuple[Run, str]:
    """Take a recording into the folder of runs; gives the run, and a sentence where a part of it is missing.

    It is read to its end first. Raises `Trouble` for what is no recording, and for one that is there already.
    """
    reading = journal.read(path)
    read = sum(1 for _ in reading)
    if read < FEW:
        raise Trouble(f"The recording {path.name} breaks off right after its start.", "Choose another file.")
    wanted = re.sub(r"[^A-Za-z0-9_-]+", "-", reading.started.run).strip("-")[:60] or "run"
    name, number = wanted, 1
    there = {run.name: run for run in runs.all()}
    while name in there:
        if _same(path, there[name].path):
            raise Trouble(f"The recording {path.name} is already here, as {there[name].title}.", "Open that one.")
        number += 1
        name = f"{wanted}-{number}"
    _write(runs.folder / f"{name}{journal.COMPRESSED}", journal.read(path).raw())
    return runs.summed(runs.find(name)), _missing(reading)


def _missing(reading: journal.Reading) -> str:
    words = []
    if reading.torn:
        words.append("its end is missing")
    if reading.broken:
        words.append(f"{reading.broken} broken lines were passed over")
    if reading.unknown:
        words.append(f"{reading.unknown} facts of a newer version were passed over")
    return f"The recording was taken in as far as it can be read: {', '.join(words)}." if words else ""


def _same(one: Path, other: Path) -> bool:
    """Whether two recordings hold the same lines."""
    mine, theirs = journal.read(one).raw(), journal.read(other).raw()
    return all(line == next(theirs, None) for line in mine) and next(theirs, None) is None


def _write(out: Path, lines: Iterable[bytes]) -> Path:
    """Write lines into a new compressed file, which appears only when it is whole."""
    partial = out.with_name(f"{out.name}.{os.getpid()}.part")
    try:
        with open(partial, "wb") as raw:
            with journal.packing(raw) as packed:
                packed.writelines(lines)
            raw.flush()
            os.fsync(raw.fileno())
        if out.exists():
            raise Trouble(f"There is already a file {out.name}.", "Choose another name.")
        os.replace(partial, out)
    except OSError as error:
        raise Trouble(
            f"The file {out.name} cannot be written: {error.strerror or error}.", "Choose another folder or make room."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
    return out


_SERIAL = re.compile(r"\b(?:GPU|MIG)-[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\b")
_SYSTEM = re.compile(r"\A(\w+ \d+(?:\.\d+)*).*\Z", re.DOTALL)
_HOME = re.compile(r"(?:/home/|/Users/|[A-Za-z]:\\Users\\)[^/\\\s\"':,;]+")
_WHOLE = re.compile(r"(?:~|[A-Za-z]:)?[/\\][^\n]+\Z")
_PATH = re.compile(r"(?<![\w.~)/\\])(?:~|[A-Za-z]:)?[/\\](?:[^/\\\s\"':,;()]+[/\\])+([^/\\\s\"':,;()]*)")


class _Names:
    """What in the lines of one run names its owner or the parts of the machine, and what stands there instead."""

    def __init__(self, reading: journal.Reading) -> None:
        self._instead: dict[str, str] = {}
        taken: set[str] = set()
        for fact in reading:
            if isinstance(fact, MeterOpened):
                for device in fact.devices:
                    taken.add(device.id)
                    if device.uuid:
                        self._instead.setdefault(device.uuid, device.id)
            elif isinstance(fact, EngineOpened) and fact.device_uuid:
                self._instead.setdefault(fact.device_uuid, "")
        # A board that the meter never named gets the first number that is free.
        free = (name for number in range(1000) if (name := f"gpu{number}") not in taken)
        self._free: Iterator[str] = free
        self._instead = {uuid: name or next(free) for uuid, name in self._instead.items()}
        self._words = [word for word in (platform.node(), str(Path.home())) if len(word) > 3]

    def without(self, line: bytes) -> bytes:
        """A line without names. What a model said is left as it is, and so is what nobody can read."""
        try:
            fact = msgspec.json.decode(line)
        except NOT_JSON:
            return b""
        if not isinstance(fact, dict) or fact.get("fact") == "said":
            return line
        machine = fact.get("machine")
        if isinstance(machine, dict) and isinstance(machine.get("system"), str):
            machine["system"] = _SYSTEM.sub(r"\1", machine["system"])
            return msgspec.json.encode(self._clean(fact)) + b"\n"
        plain = line.decode()
        if not any(sign in plain for sign in ("/", "\\", "GPU-", "MIG-", *self._instead, *self._words)):
            return line
        return msgspec.json.encode(self._clean(fact)) + b"\n"

    def _clean(self, value: object) -> object:
        match value:
            case str():
                return self._text(value)
            case list():
                return [self._clean(each) for each in value]
            case dict():
                return {key: self._clean(each) for key, each in value.items()}
            case _:
                return value

    def _text(self, text: str) -> str:
        for uuid, name in self._instead.items():
            text = text.replace(uuid, name)
        text = _SERIAL.sub(self._number, text)
        for name in self._words:
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "~", text)
        text = _HOME.sub("~", text)
        if _WHOLE.match(text):  # a setting: such a name may hold spaces
            return re.split(r"[/\\]", text)[-1] or "~"
        return _PATH.sub(r"\1", text)

    def _number(self, found: re.Match[str]) -> str:
        return self._instead.setdefault(found[0], next(self._free))
