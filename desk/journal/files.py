"""The files of a recording: their names, their compressed form, and the claim of the process that writes them."""

import gzip
import os
import shutil
import sys
from io import FileIO
from pathlib import Path
from typing import IO

if sys.platform != "win32":
    import fcntl

SUFFIX = ".jsonl"
COMPRESSED = ".jsonl.gz"
LOCK = ".lock"


class Claim:
    """The right to write or repair one recording: a lock that the system frees when its holder ends, however it ends.

    Raises `OSError` while another process holds it, or where the file system knows no locks.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(stem(path) + LOCK)
        if sys.platform == "win32":
            self._path.unlink(missing_ok=True)  # refused while its holder has it open
            self._file = FileIO(self._path, "x")
            return
        self._file = FileIO(self._path, "w")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.stat(self._path).st_ino != os.fstat(self._file.fileno()).st_ino:
                raise BlockingIOError("its holder has just removed it")
        except OSError:
            self._file.close()
            raise

    def release(self) -> None:
        """Give the right back."""
        if sys.platform == "win32":
            self._file.close()
        self._path.unlink(missing_ok=True)
        self._file.close()


def claimed(path: Path) -> bool:
    """Whether a living process writes or repairs this recording."""
    if not path.with_name(stem(path) + LOCK).exists():
        return False
    try:
        Claim(path).release()
    except OSError:
        return True
    return False


def stem(path: Path) -> str:
    """The name of a recording without what its suffixes say."""
    return path.name.removesuffix(".gz").removesuffix(SUFFIX)


def part(path: Path, number: int) -> Path:
    """The plain file of a further part of the recording whose first part is at `path`."""
    return path.with_name(f"{stem(path)}{'' if number == 1 else f'.{number}'}{SUFFIX}")


def existing(path: Path) -> Path:
    """The file of a part, plain or compressed; the plain name where there is neither."""
    packed = path.with_name(stem(path) + COMPRESSED)
    return packed if packed.exists() and not path.exists() else path


def parts(path: Path) -> list[Path]:
    """The files of a recording by the path of the first, in their order; that path alone where it does not exist."""
    found = [existing(path)]
    while (further := existing(part(path, len(found) + 1))).exists():
        found.append(further)
    return found


def compress(path: Path) -> Path:
    """Replace a plain journal by its compressed form, which appears only when it is whole; gives its path."""
    whole = path.with_name(path.name.removesuffix(SUFFIX) + COMPRESSED)
    partial = whole.with_name(whole.name + ".part")
    try:
        with open(path, "rb") as plain, open(partial, "wb") as raw:
            with packing(raw) as packed:
                shutil.copyfileobj(plain, packed, 1 << 20)
            raw.flush()
            os.fsync(raw.fileno())
        os.replace(partial, whole)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    path.unlink()
    return whole


def packing(raw: IO[bytes]) -> gzip.GzipFile:
    """What compresses into an open file. No name and no time in the header: equal facts give equal files."""
    return gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=6, mtime=0)
