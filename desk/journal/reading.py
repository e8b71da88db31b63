"""Reading a recording back, from its beginning or from any place where a reading has been before."""

import contextlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from itertools import islice
from operator import length_hint
from pathlib import Path
from typing import Any, get_args

import msgspec

from desk.facts.codec import NOT_JSON, decode_fact, decode_facts
from desk.facts.happened import FORMAT, AnyFact, RunContinued, RunStarted
from desk.facts.trouble import Trouble
from desk.journal.files import existing, parts

BLOCK = 2**16
"""Bytes that are unpacked at a time, and decoded in half a millisecond: some two hundred lines."""

LONGEST_LINE = 16 * 2**20
"""No line of ours comes near; a file without ends of lines must not fill the memory."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reading stands; it can go on from here later. About 40 KiB in a compressed file."""

    part: int
    offset: int
    packed: bytes
    rest: bytes
    unpacker: Any
    passed: int
    """Lines that were already told of those that come next."""


class _Tape:
    """The lines of a recording, a block of whole ones at a time; only the last of a file may lack its end.

    `torn` is set where a compressed file breaks off or does not add up.
    """

    def __init__(self, files: list[Path]) -> None:
        self._file: FileIO | None = None
        self._files = files
        self.torn = False
        self._begin(0)

    def _begin(self, number: int, offset: int = 0) -> None:
        self.close()
        self._part, self._packed, self._rest = number, b"", b""
        self._unpacker: Any = None
        if number >= len(self._files):
            return
        path = self._files[number]
        try:
            self._file = FileIO(path if offset else existing(path))  # it may have been compressed meanwhile
            if self._file.read(2) == b"\x1f\x8b":
                self._unpacker = zlib.decompressobj(wbits=31)
            self._file.seek(offset)
        except FileNotFoundError as error:
            raise Trouble(f"There is no recording {path}.", _OTHER) from error
        except OSError as error:
            raise _unreadable(path, error) from error

    def place(self, passed: int) -> Place:
        offset = self._file.tell() if self._file is not None else 0
        unpacker = self._unpacker.copy() if self._unpacker is not None else None
        return Place(self._part, offset, self._packed, self._rest, unpacker, passed)

    def go(self, place: Place) -> None:
        """Stand at a place where this recording has stood before."""
        self._begin(place.part, place.offset)
        self._packed, self._rest = place.packed, place.rest
        if place.unpacker is not None:
            self._unpacker = place.unpacker.copy()

    def lines(self) -> bytes:
        """The next lines, empty at the end."""
        while self._file is not None:
            try:
                fresh = self._more()
            except (EOFError, zlib.error):
                self.torn, fresh = True, b""
            except OSError as error:
                raise _unreadable(self._files[self._part], error) from error
            if not fresh or len(self._rest) > LONGEST_LINE:
                last, self._rest = self._rest, b""
                self._begin(self._part + 1)
                if last:
                    return last
                continue
            end = fresh.rfind(b"\n") + 1
            if not end:
                self._rest += fresh
                continue
            whole, self._rest = self._rest + fresh[:end], fresh[end:]
            return whole
        return b""

    def _more(self) -> bytes:
        """More of the plain text, empty at the end of the file."""
        assert self._file is not None
        if self._unpacker is None:
            return self._file.read(BLOCK)
        while True:
            if self._unpacker.eof:
                # Joined archives are one; bytes that begin none end the text as the format has it.
                self._packed = self._unpacker.unused_data or self._file.read(BLOCK)
                if not self._packed:
                    return b""
                self._unpacker = zlib.decompressobj(wbits=31)
            packed = self._packed or self._file.read(BLOCK)
            if not packed:
                raise EOFError
            fresh = self._unpacker.decompress(packed, BLOCK)
            self._packed = self._unpacker.unconsumed_tail
            if fresh:
                return fresh

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def __del__(self) -> None:
        self.close()  # who reads only the beginning lets go of the rest without a word


class Reading:
    """The facts of a journal, oldest first: an iterator.

    What cannot be read is passed over and told: `unknown` counts facts of kinds that this version does not know,
    `broken` lines that are none, and `torn` is set where the end is missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.unknown = 0
        self.broken = 0
        self.started = _started(path)
        self._tape = _Tape(self._files())
        self._here = self._tape.place(0)
        self._length = 0
        self._facts: Iterator[AnyFact] = iter(())
        self._lines: Iterator[bytes] = iter(())
        self._cut = False

    @property
    def torn(self) -> bool:
        return self._cut or self._tape.torn

    def __iter__(self) -> Iterator[AnyFact]:
        while True:
            yield from self._facts
            for line in self._lines:
                try:
                    fact = decode_fact(line)
                except Trouble:
                    self._count(line)
                    continue
                if not isinstance(fact, RunContinued):
                    yield fact
            if not self._turn(self._tape.place(0)):
                return

    def __next__(self) -> AnyFact:
        return next(iter(self))

    def place(self) -> Place:
        """Where it stands now."""
        here, ahead = self._here, length_hint(self._facts) + length_hint(self._lines)
        return Place(here.part, here.offset, here.packed, here.rest, here.unpacker, self._length - ahead)

    def go(self, place: Place) -> None:
        """Go on from a place where a reading of this recording has been; what it counts is then counted again."""
        self._tape.go(place)
        self._turn(place)
        for ahead in (self._facts, self._lines):  # one of the two is empty
            next(islice(ahead, place.passed, place.passed), None)

    def raw(self) -> Iterator[bytes]:
        """The lines as they are, those of further parts' beginnings left out; instead of iterating."""
        while text := self._tape.lines():
            for line in text.splitlines(keepends=True):
                head = _head(line)
                if head is None or head.fact != "run_continued":
                    yield line

    def last(self) -> float:
        """The stamp of the last thing that happened; instead of iterating. Unpacks all, but decodes the end alone."""
        before = text = b""
        while following := self._tape.lines():
            before, text = text, following
        stamps = [self.started.t]
        for line in (before + text).splitlines():
            with contextlib.suppress(Trouble):
                stamps.append(decode_fact(line).t)
        return max(stamps)

    def close(self) -> None:
        """Let go of the file."""
        self._tape.close()

    def _turn(self, here: Place) -> bool:
        """Go on to the next lines, all at once where each tells a fact, else one by one; whether there are any."""
        text = self._tape.lines()
        facts = None if _CONTINUED in text else decode_facts(text)
        lines = text.splitlines(keepends=True) if facts is None else []
        self._here, self._length = here, len(facts or lines)
        self._facts, self._lines = iter(facts or ()), iter(lines)
        return bool(text)

    def _files(self) -> list[Path]:
        """The parts that belong to this recording, and not to another that has such a name by chance."""
        first, *others = parts(self.path)
        found = [first]
        for number, path in enumerate(others, 2):
            with contextlib.suppress(Trouble):
                fact = decode_fact(_first_line(path))
                if isinstance(fact, RunContinued) and (fact.run, fact.part) == (self.started.run, number):
                    found.append(path)
                    continue
            break
        return found

    def _count(self, line: bytes) -> None:
        if not line.endswith(b"\n"):
            self._cut = True
        elif (head := _head(line)) is not None and head.fact not in _KINDS:
            self.unknown += 1
        else:
            self.broken += 1


def read(path: Path) -> Reading:
    """Open a journal, plain or compressed (the compressed one, too, where only the plain name is known).

    Raises `Trouble` where there is none, or none that this version can read.
    """
    return Reading(existing(path))


def _first_line(path: Path) -> bytes:
    tape = _Tape([path])
    try:
        return tape.lines().partition(b"\n")[0]
    finally:
        tape.close()


def _started(path: Path) -> RunStarted:
    """The beginning of a recording; raises `Trouble` where it is none."""
    line = _first_line(path)
    if not line:
        raise Trouble(f"The recording {path.name} is empty.", _OTHER)
    head = _head(line)
    if head is not None and head.fact == "run_continued":
        raise Trouble(f"{path.name} is a further part of a recording.", "Open its first part, which has no number.")
    if head is None or head.fact != "run_started":
        raise Trouble(f"{path.name} is not a recording of Token Desk.", _OTHER)
    if head.format > FORMAT:
        raise Trouble(
            f"The recording {path.name} was written by a newer version of Token Desk.",
            "Update Token Desk to open it.",
        )
    try:
        fact = decode_fact(line)
    except Trouble as trouble:
        raise Trouble(f"The recording {path.name} begins with a broken line.", _OTHER) from trouble
    assert isinstance(fact, RunStarted)
    return fact


class _Head(msgspec.Struct):
    """As much of a line as every version can read."""

    fact: str
    format: int = 1


_heads = msgspec.json.Decoder(_Head)
_KINDS = frozenset(kind.__struct_config__.tag for kind in get_args(AnyFact))
_CONTINUED = b"run_continued"
_OTHER = "Choose another file."


def _head(line: bytes) -> _Head | None:
    try:
        return _heads.decode(line)
    except NOT_JSON:
        return None


def _unreadable(path: Path, error: OSError) -> Trouble:
    return Trouble(f"The recording {path.name} cannot be read: {error.strerror or error}.", _OTHER)
