"""Room on the disk: asked before a byte is written, and told in words when it runs out all the same."""

import contextlib
import errno
import shutil
from collections.abc import Generator
from pathlib import Path

from desk.facts.trouble import Trouble

SPARE = 256 << 20
"""Left free for the rest of the machine: recordings grow, and a full disk stops more than this program."""


def require_room(folder: Path, wanted: int, what: str) -> None:
    """Raise `Trouble`, with the numbers, where `wanted` more bytes and a little spare do not fit beside `folder`."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    free = shutil.disk_usage(there).free
    if wanted + SPARE > free:
        cause = f"{what} takes {size_words(wanted)} on the disk, and {size_words(free)} are free in {there}."
        raise Trouble(cause, "Free some space, or set TOKEN_DESK_HOME to a folder on a larger disk.")


@contextlib.contextmanager
def written(folder: Path, what: str) -> Generator[None]:
    """Put what the system refuses while `folder` is written into words: `Trouble` in the place of `OSError`."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        cause = "the disk is full" if full else (error.strerror or str(error))
        remedy = "Free some space" if full else "Check the folder, or set TOKEN_DESK_HOME to another one"
        raise Trouble(f"{what} cannot be written to {folder}: {cause}.", f"{remedy}, then try again.") from error


def size_words(size: int) -> str:
    """A size of files for people, in three digits and powers of ten, as disks and downloads are sold."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            return f"{size / scale:.3g} {unit}" if size < 1000 * scale else f"{size / scale:,.0f} {unit}"
    return f"{size} bytes"
