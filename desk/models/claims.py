"""Claims: which processes hold a model folder, by notes that outlive no process.

A note names its process by number and start time, so that a crash, or another process under the same number later on,
leaves nothing that looks held.
"""

import contextlib
import hashlib
import os
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path

import msgspec
import psutil

from desk.facts import places
from desk.facts.codec import NOT_JSON
from desk.facts.trouble import Trouble


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A process that holds `folders`: its number, and when it was started (Unix time)."""

    pid: int
    born: float
    folders: tuple[str, ...] = ()


def hold(folders: Iterable[Path]) -> None:
    """Have this process hold these folders and no others."""
    held = tuple(sorted(str(folder.resolve()) for folder in folders))
    if not held:
        release()
        return
    path = _note_of(os.getpid())
    path.parent.mkdir(exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_bytes(msgspec.json.encode(_mine(held)))
    os.replace(draft, path)


def release() -> None:
    """Let go of all folders that this process holds."""
    _note_of(os.getpid()).unlink(missing_ok=True)


def holders(folder: Path) -> list[int]:
    """The processes that hold a folder."""
    wanted = str(folder.resolve())
    return [claim.pid for claim in _standing() if wanted in claim.folders]


def worker_on(folder: Path) -> int | None:
    """The process that is at work on a folder, as `alone` has it."""
    claim = _read(_lock_of(folder))
    return claim.pid if claim is not None and _alive(claim) else None


@contextlib.contextmanager
def alone(folder: Path, what: str) -> Generator[None]:
    """Keep other processes from the same work on a folder meanwhile; raises `Trouble` where one is at it."""
    place = _lock_of(folder)
    place.parent.mkdir(exist_ok=True)
    if (other := worker_on(folder)) is not None:
        raise Trouble(f"{what} by another process (number {other}).", "Wait for it, or stop it there.")
    place.unlink(missing_ok=True)
    try:
        with place.open("xb") as file:
            file.write(msgspec.json.encode(_mine(())))
    except FileExistsError as error:  # another began in this very moment
        raise Trouble(f"{what} by another process.", "Wait for it, or stop it there.") from error
    try:
        yield
    finally:
        place.unlink(missing_ok=True)


def _dir() -> Path:
    return places.data_dir() / "held"


def _lock_of(folder: Path) -> Path:
    return _dir() / f"{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]}.lock"


def _note_of(pid: int) -> Path:
    return _dir() / f"{pid}.json"


def _mine(folders: tuple[str, ...]) -> Claim:
    return Claim(pid=os.getpid(), born=psutil.Process().create_time(), folders=folders)


def _standing() -> Iterator[Claim]:
    for path in _dir().glob("*.json"):
        claim = _read(path)
        if claim is not None and _alive(claim):
            yield claim
        else:
            path.unlink(missing_ok=True)


def _read(path: Path) -> Claim | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Claim)
    except (OSError, *NOT_JSON):
        return None


def _alive(claim: Claim) -> bool:
    try:
        process = psutil.Process(claim.pid)
        return abs(process.create_time() - claim.born) < 1.0 and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, ValueError, OverflowError):  # no process has such a number
        return False
