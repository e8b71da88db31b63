"""The journal: the facts of a run in the order in which they arrived, one JSON line each, on disk as they come.

While a run is on, its file is plain (`.jsonl`) and every line is handed to the system at once, so that a crash of this
program loses nothing. A closed journal is compressed (`.jsonl.gz`), atomically: at any moment one of the two is whole.
"""

import gzip
import os
import shutil
import zlib
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import get_args

import msgspec

from desk.facts.codec import decode_fact
from desk.facts.happened import FORMAT, AnyFact, RunStarted
from desk.facts.trouble import Trouble

SUFFIX = ".jsonl"
COMPRESSED = ".jsonl.gz"


class Journal:
    """The pen of one run. Raises `Trouble` where the file cannot be written; after that it takes no more lines."""

    def __init__(self, path: Path) -> None:
        """Begin a new file at `path`, which ends in `.jsonl` and must not exist."""
        self.path = path
        try:
            # Unbuffered: some twenty lines a second, and what is written survives this process.
            self._file: FileIO | None = FileIO(path, "x")
        except OSError as error:
            raise _unwritable(path, error) from error

    def write(self, line: bytes) -> None:
        """Append a line, newline included. Only the first line that cannot be written raises `Trouble`."""
        if self._file is None:
            return
        rest = memoryview(line)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self._file.close()
            self._file = None
            raise _unwritable(self.path, error) from error

    def close(self) -> Path:
        """End the file and compress it; gives where it now lies. What cannot be compressed stays as it is.

        Raises `Trouble` where there is no room for the compressed file; the plain one is whole.
        """
        if self._file is None:
            return self.path
        file, self._file = self._file, None
        try:
            os.fsync(file.fileno())
            file.close()
            return compress(self.path)
        except OSError as error:
            raise Trouble(
                f"The recording {self.path.name} could not be compressed: {error.strerror or error}.",
                "It stays readable as it is; make room on the disk.",
            ) from error


def compress(path: Path) -> Path:
    """Replace a plain journal by its compressed form, which appears only when it is whole; gives its path."""
    whole = path.with_name(path.name.removesuffix(SUFFIX) + COMPRESSED)
    partial = whole.with_name(whole.name + ".part")
    try:
        # No name and no time in the header: equal facts give equal files.
        with open(path, "rb") as plain, open(partial, "wb") as raw:
            with gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=6, mtime=0) as packed:
                shutil.copyfileobj(plain, packed, 1 << 20)
            raw.flush()
            os.fsync(raw.fileno())
        os.replace(partial, whole)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    path.unlink()
    return whole


class Reading:
    """The facts of a journal, oldest first: an iterator.

    What cannot be read is passed over and told: `unknown` counts facts of kinds that this version does not know,
    `broken` lines that are none, and `torn` is set where the end is missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.unknown = 0
        self.broken = 0
        self.torn = False
        self._lines = self._read()
        self._first: AnyFact | None = self._begin(next(self._lines, b""))

    def __iter__(self) -> Iterator[AnyFact]:
        return self

    def __next__(self) -> AnyFact:
        if self._first is not None:
            fact, self._first = self._first, None
            return fact
        for line in self._lines:
            try:
                return decode_fact(line)
            except Trouble:
                self._count(line)
        raise StopIteration

    def _begin(self, line: bytes) -> RunStarted:
        other = "Choose another file."
        if not line:
            raise Trouble(f"The recording {self.path.name} is empty.", other)
        head = _head(line)
        if head is None or head.fact != "run_started":
            raise Trouble(f"{self.path.name} is not a recording of Token Desk.", other)
        if head.format > FORMAT:
            raise Trouble(
                f"The recording {self.path.name} was written by a newer version of Token Desk.",
                "Update Token Desk to open it.",
            )
        try:
            fact = decode_fact(line)
        except Trouble as trouble:
            raise Trouble(f"The recording {self.path.name} begins with a broken line.", other) from trouble
        assert isinstance(fact, RunStarted)
        return fact

    def _count(self, line: bytes) -> None:
        if not line.endswith(b"\n"):
            self.torn = True
        elif (head := _head(line)) is not None and head.fact not in _KINDS:
            self.unknown += 1
        else:
            self.broken += 1

    def _read(self) -> Iterator[bytes]:
        try:
            with open(self.path, "rb") as file:
                packed = file.read(2) == b"\x1f\x8b"
                file.seek(0)
                yield from gzip.GzipFile(fileobj=file, mode="rb") if packed else file
        except (EOFError, zlib.error, gzip.BadGzipFile):
            self.torn = True
        except FileNotFoundError as error:
            raise Trouble(f"There is no recording {self.path}.", "Choose another file.") from error
        except OSError as error:
            cause = f"The recording {self.path.name} cannot be read: {error.strerror or error}."
            raise Trouble(cause, "Choose another file.") from error


def read(path: Path) -> Reading:
    """Open a journal, plain or compressed (the compressed one, too, where only the plain name is known).

    Raises `Trouble` where there is none, or none that this version can read.
    """
    packed = path.with_name(path.name + ".gz")
    return Reading(path if path.exists() or not packed.exists() else packed)


class _Head(msgspec.Struct):
    """As much of a line as every version can read."""

    fact: str
    format: int = 1


_heads = msgspec.json.Decoder(_Head)
_KINDS = frozenset(kind.__struct_config__.tag for kind in get_args(AnyFact))


def _head(line: bytes) -> _Head | None:
    try:
        return _heads.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _unwritable(path: Path, error: OSError) -> Trouble:
    return Trouble(
        f"The recording {path.name} cannot be written: {error.strerror or error}.",
        "Make room on the disk or choose another folder; the run goes on unrecorded.",
    )
