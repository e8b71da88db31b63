"""How much memory this process may still take: what the machine has free, within what a container allows.

On Linux a control group may allow less than the machine has. Whoever takes more is ended by the system without a word,
so the tightest limit from the process's own group up to the outermost one counts. The files are those of the kernel's
documentation: Control Group v2 (memory.max, memory.high, memory.current) and v1 (memory.limit_in_bytes,
memory.usage_in_bytes). Cached files that nobody uses (inactive_file in memory.stat) make room by themselves.
"""

import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import psutil

OWN_GROUPS, GROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")

_V2 = (("memory.max", "memory.high"), "memory.current", "inactive_file")
_V1 = (("memory.limit_in_bytes",), "memory.usage_in_bytes", "total_inactive_file")


def free_memory(own: Path = OWN_GROUPS, groups: Path = GROUPS) -> int:
    """Bytes that are free for this process. `own` names its control groups, `groups` is where they are mounted."""
    available = psutil.virtual_memory().available
    return min((available, *_allowed(own, groups))) if sys.platform == "linux" else available


def most_memory() -> int:
    """Bytes that there are at all: the machine's memory, and what of it may be moved to the disk."""
    return psutil.virtual_memory().total + psutil.swap_memory().total


def _allowed(own: Path, groups: Path) -> Iterator[int]:
    """What each limit on the way up leaves, in bytes; nothing for groups without one."""
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            mount, names = groups, _V2
        elif "memory" in controllers.split(","):
            mount, names = groups / "memory", _V1
        else:
            continue
        inside = PurePosixPath(path.lstrip("/"))
        # A container may see its own group as the outermost one; then the folders of the path are not there.
        for group in (mount / inside, *(mount / parent for parent in inside.parents)):
            yield from _left(group, *names)


def _left(group: Path, limits: tuple[str, ...], used: str, idle: str) -> Iterator[int]:
    try:
        taken = int((group / used).read_text())
        told = [(group / name).read_text().strip() for name in limits if (group / name).exists()]
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        limit = min((int(text) for text in told if text != "max"), default=None)
        taken -= min(taken, int(stat.get(idle, 0)))
    except (OSError, ValueError):
        return
    if limit is not None:
        yield max(0, limit - taken)
