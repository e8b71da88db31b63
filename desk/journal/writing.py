"""The pen of one recording: every line at once on disk, in parts that do not grow without end."""

import contextlib
import errno
import os
import threading
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import Any

from desk.facts.codec import encode
from desk.facts.happened import RunContinued, now
from desk.facts.trouble import Trouble
from desk.journal.files import Claim, compress, existing, part, stem

PART_BYTES = 128 * 2**20
"""A part ends when it has grown to so much: some four hours of five busy tiers."""

SYNC_S = 1.0
"""No more than this is lost even where the power goes."""


class Journal:
    """The pen of one run. Raises `Trouble` where the file cannot be written; then it takes no lines until `resume`.

    What could be written in part is taken back, so that a file holds whole lines but for one that a crash cut off.
    """

    def __init__(self, path: Path, part_bytes: int = PART_BYTES) -> None:
        """Begin a new file at `path`, which ends in `.jsonl` and must not exist."""
        self.path = path
        self._part_bytes = part_bytes
        self._part = 1
        self._size = 0
        self._written = self._synced = 0
        self._held = False
        self._closing = threading.Event()
        self._background: list[threading.Thread] = []
        self._claim: Claim | None = None
        try:
            # Unbuffered: some twenty lines a second, and what is written survives this process.
            self._file: FileIO | None = FileIO(path, "x")
        except OSError as error:
            raise _unwritable(path, error) from error
        with contextlib.suppress(OSError):  # a file system without locks still records
            self._claim = Claim(path)
        self._spawn(self._sync, "sync")

    def write(self, line: bytes) -> None:
        """Append a line, newline included. Only the first line that cannot be written raises `Trouble`."""
        if self._file is None or self._held:
            return
        try:
            if self._size >= self._part_bytes:
                self._turn_over()
            self._append(line)
        except OSError as error:
            self.hold()
            raise _unwritable(self.path, error) from error

    def hold(self) -> None:
        """Take no lines until `resume`."""
        self._held = True

    def resume(self) -> None:
        """Take lines again."""
        self._held = False

    def close(self) -> Path:
        """End the file and compress it; gives where its first part now lies. What cannot be compressed stays as it is.

        Raises `Trouble` where there is no room for the compressed file; the plain one is whole.
        """
        if self._file is None:
            return self.path
        file, self._file = self._file, None
        self._closing.set()
        for thread in self._background:
            thread.join()
        file.close()
        try:
            compress(part(self.path, self._part))
        except OSError as error:
            raise Trouble(
                f"The recording {self.path.name} could not be compressed: {error.strerror or error}.",
                "It stays readable as it is; make room on the disk.",
            ) from error
        finally:
            if self._claim is not None:
                self._claim.release()
        return existing(self.path)

    def _append(self, line: bytes) -> None:
        assert self._file is not None
        rest = memoryview(line)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError:
            with contextlib.suppress(OSError):
                self._file.truncate(self._size)
                self._file.seek(self._size)
            raise
        self._size += len(line)
        self._written += 1

    def _turn_over(self) -> None:
        """Go on in the next part, and compress the one that is full beside everything else."""
        assert self._file is not None
        full, number = self._file, self._part + 1
        path, head = part(self.path, number), encode(RunContinued(t=now(), run=stem(self.path), part=number))
        following = FileIO(path, "x")
        try:
            if following.write(head) != len(head):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            following.close()
            path.unlink()
            raise
        self._file, self._part, self._size = following, number, len(head)
        full.close()
        self._spawn(self._pack, "pack", part(self.path, number - 1))

    def _pack(self, path: Path) -> None:
        with contextlib.suppress(OSError):  # no room: it stays as it is, and is read all the same
            compress(path)

    def _sync(self) -> None:
        while not self._closing.wait(SYNC_S):
            file, written = self._file, self._written
            if file is not None and written != self._synced:
                with contextlib.suppress(OSError, ValueError):  # closed or turned over meanwhile
                    os.fsync(file.fileno())
                    self._synced = written

    def _spawn(self, task: Callable[..., None], name: str, *arguments: Any) -> None:
        thread = threading.Thread(target=task, args=arguments, name=name, daemon=True)
        self._background = [other for other in self._background if other.is_alive()] + [thread]
        thread.start()


def _unwritable(path: Path, error: OSError) -> Trouble:
    return Trouble(
        f"The recording {path.name} cannot be written: {error.strerror or error}.",
        "Make room on the disk or choose another folder; the run goes on unrecorded.",
    )
