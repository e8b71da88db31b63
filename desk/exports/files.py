"""Files that leave the program: whole or not at all, and never in the place of somebody else's work."""

import os
from collections.abc import Collection, Sequence
from pathlib import Path

from desk.facts.trouble import Trouble

READ = 2**16
"""Where an export tells that it is one, it does so within its first bytes; a PDF within its last."""


def put(path: Path, data: bytes, what: str, marks: Collection[bytes] = ()) -> None:
    """Write a file under a temporary name, and rename it when it is whole.

    With `marks`, a file that is there already is replaced only where it holds one of them, as earlier exports do.
    Raises `Trouble` where it is somebody else's, or cannot be written: then nothing has changed.
    """
    try:
        if path.is_dir():
            raise Trouble(f"The {what} cannot be written to {path}, which is a folder.", "Name a file in it.")
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        if marks and path.exists() and not _ours(path, tuple(marks)):
            raise Trouble(f"{path} is not a {what} of Token Desk, and was left as it is.", "Choose another name.")
        try:
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise Trouble(f"The {what} {path} cannot be written: {reason}.", "Choose another folder or name.") from error


def require_name(path: Path, endings: Sequence[str], what: str) -> None:
    """Raise `Trouble` where no `what` can come to lie at `path`, which its name alone tells before the work is done."""
    if path.suffix.lower() not in endings:
        given = f"as {path.suffix}" if path.suffix else "without an ending"
        raise Trouble(f"The {what} {path} cannot be written {given}.", f"Name a {' or '.join(endings)}.")
    if not path.absolute().parent.is_dir():
        raise Trouble(f"The {what} {path} cannot be written: its folder is not there.", "Choose another folder.")


def _ours(path: Path, marks: tuple[bytes, ...]) -> bool:
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(READ)
        file.seek(max(0, size - READ))
        told = head + file.read(READ)
    return size == 0 or any(mark in told for mark in marks)
