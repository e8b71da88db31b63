"""Archives from anywhere: unpacked into a folder that nobody looks at, or refused with the reason.

A name is only ever a place below that folder, a member only ever a plain file or a folder, and what comes out can
never be more than was said or than a model could be made of.
"""

import errno
import lzma
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from desk.facts.trouble import Trouble
from desk.models.disk import require_room, size_words

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")

MOST_FILES = 10_000
MOST_EXPANSION = 100
"""Weights are close to noise and hardly shrink; what grows more than this many times is no model."""

_FREE_EXPANSION = 64 << 20
"""So much may come out of the smallest archive: texts of a tokenizer shrink well."""

_PLAIN_KINDS = (0, stat.S_IFREG, stat.S_IFDIR)  # 0 where the system that packed it has none
_CHUNK = 1 << 20
_TORN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, ValueError, TypeError, IndexError)
_TORN += (NotImplementedError, RuntimeError, OverflowError, struct.error)
"""What the libraries raise for archives that are torn or lie: they look at less than they read."""
_LONGEST_NAME = 200
_ELSE = "Do not trust it; get the model from its makers."
_AGAIN = "Get the archive again, or unpack it yourself and import the folder."


@dataclass(frozen=True, slots=True)
class Member:
    """One entry: `odd` says what it is where it is neither a plain file nor a folder, `size` is what is said of it."""

    name: str
    size: int
    folder: bool
    odd: str
    open: Callable[[], IO[bytes] | None]


def is_archive(path: Path) -> bool:
    """Whether the name of a file says that it is an archive of a kind that is read here."""
    return path.name.lower().endswith(SUFFIXES)


def unpack(archive: Path, folder: Path, report: Callable[[str, int, int | None], None]) -> None:
    """Unpack `archive` into the empty `folder`; raises `Trouble` for anything but plain files below it."""
    packed = archive.stat().st_size
    most = max(_FREE_EXPANSION, MOST_EXPANSION * packed)
    placed: set[str] = set()
    total = 0
    try:
        for member in _members(archive):
            place = place_of(member.name)
            if member.odd:
                raise Trouble(f"The archive {archive.name} holds {member.odd}, {member.name!r}.", _ELSE)
            if member.folder or place is None:
                continue
            if place.as_posix().lower() in placed or len(placed) >= MOST_FILES:
                what = f"{member.name!r} twice" if len(placed) < MOST_FILES else f"more than {MOST_FILES:,} files"
                raise Trouble(f"The archive {archive.name} holds {what}.", _ELSE)
            placed.add(place.as_posix().lower())
            if total + member.size > most:
                cause = (
                    f"The archive {archive.name} of {size_words(packed)} would unpack to more than {size_words(most)}."
                )
                raise Trouble(cause, f"No model shrinks like that. {_ELSE}")
            require_room(folder, member.size, f"Unpacking {member.name}")
            total += _copy(member, folder / place, lambda done, before=total: report("unpacking", before + done, None))
    except (*_TORN, OSError) as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise  # the disk's fault, not the archive's (which may send its reader to before its beginning)
        raise Trouble(f"The archive {archive.name} is torn or of another kind: {error}.", _AGAIN) from error
    if not placed:
        raise Trouble(f"The archive {archive.name} holds no files.", _AGAIN)


def place_of(name: str, source: str = "The archive") -> PurePosixPath | None:
    """Where a file goes that `source` calls so, below the folder; `None` for the folder itself. Raises `Trouble`."""
    if "\0" in name or "\\" in name or re.match(r"[A-Za-z]:", name) or name.startswith("/"):
        raise Trouble(f"{source} names a file {name!r}, which does not lie in a folder of its own.", _ELSE)
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise Trouble(f"{source} names a file {name!r}, which leads out of its folder.", _ELSE)
    if any(len(part.encode(errors="surrogatepass")) > _LONGEST_NAME or not _plain(part) for part in parts):
        raise Trouble(f"{source} names a file {name!r}, which not every system can hold.", _ELSE)
    return PurePosixPath(*parts) if parts else None


def _plain(part: str) -> bool:
    """Whether a name is one on every system: no control characters, no signs and names that Windows keeps."""
    if re.search(r'[\x00-\x1f\x7f<>:"|?*\ud800-\udfff]', part) or part != part.rstrip(". "):
        return False
    return not re.fullmatch(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", part, re.IGNORECASE)


def _copy(member: Member, place: Path, tell: Callable[[int], None]) -> int:
    """Write a member to its place; gives its bytes, which are those that were said."""
    place.parent.mkdir(parents=True, exist_ok=True)
    source, done = member.open(), 0
    if source is None:
        raise Trouble(f"The archive does not hold what it names: {member.name!r}.", _AGAIN)
    with source, place.open("xb") as sink:
        while chunk := source.read(_CHUNK):
            done += len(chunk)
            if done > member.size:
                raise Trouble(f"The file {member.name!r} of the archive is longer than it says.", _ELSE)
            sink.write(chunk)
            tell(done)
    if done < member.size:
        raise Trouble(f"The file {member.name!r} of the archive is cut off.", _AGAIN)
    return done


def _members(archive: Path) -> Iterator[Member]:
    return _zipped(archive) if archive.name.lower().endswith(".zip") else _taped(archive)


def _zipped(archive: Path) -> Iterator[Member]:
    with zipfile.ZipFile(archive) as packed:
        for info in packed.infolist():
            kind = stat.S_IFMT(info.external_attr >> 16)
            odd = "a link" if kind == stat.S_IFLNK else "" if kind in _PLAIN_KINDS else "a device"
            odd = "a file with a password" if info.flag_bits & 1 else odd
            yield Member(info.filename, info.file_size, info.is_dir(), odd, partial(packed.open, info))


def _taped(archive: Path) -> Iterator[Member]:
    # As a stream, front to back: nothing is unpacked that has not been looked at.
    with tarfile.open(archive, "r|*") as packed:
        for info in packed:
            odd = "a link" if info.issym() or info.islnk() else "" if info.isfile() or info.isdir() else "a device"
            yield Member(info.name, info.size, info.isdir(), odd, partial(packed.extractfile, info))
