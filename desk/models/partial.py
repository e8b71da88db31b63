"""A fetch that is not whole: what it set out to get, what of it is here, and whether that is what it must be.

Beside the files that are whole and proved, under their own names, lies at most one that still grows, as
`NAME.incomplete`; the plan beside them outlives a crash.
"""

import contextlib
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec

from desk.facts.codec import NOT_JSON
from desk.facts.trouble import Trouble
from desk.models.archives import place_of

_CHUNK = 1 << 20
_PLAN = "plan.json"


class Wanted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One file to fetch: its `name` in the repository, its `place` in the folder, and the hashes that are known.

    `blob` is the SHA-1 by which git knows a small file; larger ones have their `sha256` at the hub.
    """

    name: str
    place: str
    bytes: Annotated[int, msgspec.Meta(ge=0, le=2**53)]
    sha256: str = ""
    blob: str = ""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a fetch has set out to get: files of a repository at a commit."""

    repo: str
    revision: str
    files: tuple[Wanted, ...]

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    def here(self, part: Path) -> int:
        """How many of the bytes lie in the folder `part`."""
        return sum(_size(part, file) for file in self.files)

    def write(self, part: Path) -> None:
        (part / _PLAN).write_bytes(msgspec.json.encode(self))


def plan_in(part: Path) -> Plan | None:
    """The plan of a fetch that was begun in the folder `part`; `None` where none can be read."""
    try:
        plan = msgspec.json.decode((part / _PLAN).read_bytes(), type=Plan)
        return plan if all(place_of(file.place) is not None for file in plan.files) else None
    except (OSError, Trouble, *NOT_JSON):
        return None


def forget_plan(part: Path) -> None:
    """The fetch is over."""
    (part / _PLAN).unlink(missing_ok=True)


def growing(place: Path) -> Path:
    """Where a file grows that will lie at `place`."""
    return place.with_name(f"{place.name}.incomplete")


class Digest:
    """Both hashes of a file as it grows: its SHA-256, and the SHA-1 that git gives to its size and content."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.reset()

    def reset(self) -> None:
        """Begin anew."""
        self._sha256 = hashlib.sha256()
        self._blob = hashlib.sha1(b"blob %d\0" % self.wanted.bytes, usedforsecurity=False)
        self.bytes = 0

    def update(self, chunk: bytes) -> None:
        self._sha256.update(chunk)
        self._blob.update(chunk)
        self.bytes += len(chunk)

    def read(self, path: Path, tell: Callable[[int], None]) -> None:
        """Take in what lies at `path`; told the bytes so far."""
        self.reset()
        with path.open("rb") as content:
            while chunk := content.read(_CHUNK):
                self.update(chunk)
                tell(self.bytes)

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    @property
    def agrees(self) -> bool:
        """Whether this is the file that was wanted: its size, and the best hash that is known of it."""
        wanted = self.wanted
        if wanted.sha256:
            return self.bytes == wanted.bytes and self.sha256 == wanted.sha256
        return self.bytes == wanted.bytes and wanted.blob in (self._blob.hexdigest(), "")


def _size(part: Path, file: Wanted) -> int:
    for place in (part / file.place, growing(part / file.place)):
        with contextlib.suppress(OSError):
            return min(place.stat().st_size, file.bytes)
    return 0
