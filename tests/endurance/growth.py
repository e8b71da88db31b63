"""What a program holds, again and again: a table of it, and whether it stays."""

import gc
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ALLOWED = 1.10
"""A part of what was held when all rooms had filled: noise of allocators and of files that happen to be open."""

ALLOWED_MIB = 24.0
SPARE = 2
"""Of what is counted: what happens to be open."""


@dataclass(frozen=True)
class Held:
    """Memory in MiB (of this process and of its children), handles, threads, child processes, and disk in MiB."""

    mine: float
    children: float
    handles: int
    threads: int
    processes: int
    disk: float
    counted: dict[str, int] = field(default_factory=dict)


COLUMNS = ("memory", "children", "handles", "threads", "processes", "disk", "grown", "objects")
UNITS = ("MiB", "MiB", "", "", "", "MiB", "MiB", "")


def nothing() -> dict[str, int]:
    return {}


class Growth:
    """Takes a line of the table at each call; `folder` is where recordings and settings lie.

    `count` names what else must not grow, and says how many of each there are.
    """

    def __init__(self, folder: Path, count: Callable[[], dict[str, int]] = nothing) -> None:
        self._folder, self._count = folder, count
        self._process = psutil.Process()
        self.lines: list[Held] = []
        for words in ((*COLUMNS, *count()), UNITS):
            print(" " * 10, *(f"{word:>9}" for word in words), flush=True)

    def line(self, title: str, rest: str = "") -> None:
        gc.collect()
        held = self._held()
        grown = held.disk - self.lines[-1].disk if self.lines else 0.0
        self.lines.append(held)
        told = (
            *(f"{size:.1f}" for size in (held.mine, held.children)),
            held.handles,
            held.threads,
            held.processes,
            f"{held.disk:.2f}",
            f"{grown:.2f}",
            len(gc.get_objects()),
            *held.counted.values(),
        )
        print(f"{title:>10}", *(f"{word:>9}" for word in told), rest, flush=True)

    def grown(self, since: int) -> list[str]:
        """What the last line holds more of than the one numbered `since`, in sentences; empty where all is flat."""
        early, late = self.lines[since], self.lines[-1]
        found = []
        for name, unit in (("mine", "MiB"), ("children", "MiB"), ("handles", ""), ("threads", ""), ("processes", "")):
            before, after = getattr(early, name), getattr(late, name)
            spare = ALLOWED_MIB if unit else SPARE
            if after > max(ALLOWED * before, before + spare):
                found.append(f"{name} grew from {before:g} to {after:g} {unit}".rstrip())
        for name, after in late.counted.items():
            if after > early.counted[name] + SPARE:
                found.append(f"{name} grew from {early.counted[name]} to {after}")
        return found

    def _held(self) -> Held:
        me, children = self._process, self._process.children(recursive=True)
        files = [path.stat().st_size for path in self._folder.rglob("*") if path.is_file()]
        return Held(
            mine=me.memory_info().rss / 2**20,
            children=sum(map(_bytes, children)) / 2**20,
            handles=me.num_handles() if hasattr(me, "num_handles") else me.num_fds(),
            threads=me.num_threads(),
            processes=len(children),
            disk=sum(files) / 2**20,
            counted=self._count(),
        )


def _bytes(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.Error:  # it has just ended
        return 0
