"""One hostile case, watched: what it may end in, how long it may take, and where it may write."""

import atexit
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from random import Random

from desk.facts.trouble import Trouble

LONGEST_S = 10.0
"""Processor seconds that a case may take; all of them take milliseconds."""

ROOT = Path(__file__).resolve().parents[2]
_READABLE = tuple(
    map(str, (ROOT, Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve(), "/proc", "/sys", "/dev"))
)
_TOUCHING = frozenset({"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.link", "os.truncate"})
_NEVER = frozenset({"socket.connect", "socket.bind", "subprocess.Popen", "os.system", "os.exec", "pickle.find_class"})

Case = Callable[[Random, Path], object]


class Escaped(BaseException):
    """A case touched what it must not: no handler of errors may hold it up."""


class Endless(BaseException):
    """A case took far too long."""


_inside = ""


def outcome(name: str, case: Case, seed: int) -> str:
    """Run the case of that number; gives what it ended in: `value`, or the cause of its `Trouble`. Raises otherwise."""
    chance = Random(f"{name} {seed}")
    with _room() as folder, _patience():
        try:
            case(chance, folder)
        except Trouble as trouble:
            return trouble.cause
    return "value"


@contextmanager
def _room() -> Iterator[Path]:
    """A folder of its own, which the case must not leave; the user's folder lies in it, too."""
    global _inside
    room = _rooms()
    folder, home, before = room / "case", room / "home", os.environ.get("TOKEN_DESK_HOME")
    compiles, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # beside a library that a case imports first
    os.environ["TOKEN_DESK_HOME"] = str(home)
    _inside = str(room)
    try:
        yield folder
    finally:
        _inside = ""
        sys.dont_write_bytecode = compiles
        if before is None:
            del os.environ["TOKEN_DESK_HOME"]
        else:
            os.environ["TOKEN_DESK_HOME"] = before
        for used in (folder, home):
            if os.listdir(used):
                shutil.rmtree(used)
                used.mkdir()


@cache
def _rooms() -> Path:
    """The one place of this process where cases are run, one after the other; from now on files are watched."""
    sys.addaudithook(_audit)  # it cannot be taken out again, only be left idle
    room = Path(tempfile.mkdtemp(prefix="fuzz-")).resolve()
    atexit.register(shutil.rmtree, room, ignore_errors=True)
    for part in ("case", "home"):
        (room / part).mkdir()
    return room


@contextmanager
def _patience() -> Iterator[None]:
    """End a case that computes without end. (Waiting without end is for whoever watches this process.)"""

    def end(*_: object) -> None:
        raise Endless(f"more than {LONGEST_S:g} s")

    before = signal.signal(signal.SIGVTALRM, end)
    signal.setitimer(signal.ITIMER_VIRTUAL, LONGEST_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0.0)
        signal.signal(signal.SIGVTALRM, before)


def _audit(event: str, arguments: tuple) -> None:
    if not _inside:
        return
    if event in _NEVER:
        raise Escaped(f"{event} {arguments!r:.200}")
    if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
        path, mode, flags = arguments
        writes = bool(set(mode or "") & set("wax+")) or bool((flags or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        _judge(event, path, () if writes else _READABLE)
    elif event in _TOUCHING:
        for path in arguments[:2]:
            if isinstance(path, str | bytes | os.PathLike):
                _judge(event, path, ())


def _judge(event: str, path: str | bytes | os.PathLike, also: tuple[str, ...]) -> None:
    place = os.path.abspath(os.fsdecode(path))
    if place not in ("/dev/null",) and not place.startswith((_inside, *also)):
        raise Escaped(f"{event} {place}")
