"""The folder of runs: what is in it, what people wrote about them, and what a crash has left.

Recordings are never changed. What people add (a title, tags, a note) lies beside them in `RUN.marks.json`; summaries
lie together in `index.json`, which is made anew wherever it does not fit the files. What is removed lies in `trash`
until that is emptied. Everything is written under a temporary name first.
"""

import contextlib
import os
import shutil
import time
from collections.abc import Generator, Iterable, Iterator
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Literal

import msgspec

from desk import __version__, journal
from desk.facts import places
from desk.facts.codec import NOT_JSON
from desk.facts.happened import FORMAT
from desk.facts.trouble import Trouble
from desk.ledger import RULES
from desk.runs.summary import Summary, summary_of

INDEX = "index.json"
MARKS = ".marks.json"
TRASH = "trash"

KEPT_AT_ONCE = 50
"""So many summaries are written at once where many have to be formed."""

State = Literal["running", "cut off", "closed"]


class Marks(msgspec.Struct, frozen=True, omit_defaults=True):
    """What people wrote about a run."""

    title: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A run of the folder. `name` is that of its files, `path` its first part, `bytes` the size of all.

    `summary` is `None` before `summed`; where it cannot be formed, `trouble` says why. A run is `cut off` while it lies
    there as its writer left it when it was killed.
    """

    name: str
    path: Path
    bytes: int
    state: State
    marks: Marks = Marks()
    summary: Summary | None = None
    trouble: str = ""

    @property
    def title(self) -> str:
        return self.marks.title or self.name


class DiskUse(msgspec.Struct, frozen=True):
    """Bytes of the recordings, of those in the trash, and what is left on their disk; `None` where nobody knows."""

    runs: int
    trash: int
    free: int | None


class _Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A summary, and the files it was made from: name, bytes and time of each."""

    files: tuple[tuple[str, int, int], ...]
    summary: Summary | None = None
    trouble: str = ""


class _Index(msgspec.Struct, omit_defaults=True):
    """The summaries by the name of the run, made by one version of the rules."""

    made_by: str = ""
    entries: dict[str, _Entry] = {}


_MADE_BY = f"{__version__} {FORMAT}.{RULES}"
_indexes = msgspec.json.Decoder(_Index)
_marks = msgspec.json.Decoder(Marks)


class Runs:
    """The runs in a folder; that of the user by default. Raises `Trouble` where it cannot be read or written."""

    def __init__(self, folder: Path | None = None) -> None:
        try:
            self.folder = places.runs_dir() if folder is None else folder
        except OSError as error:
            raise Trouble(f"The folder of recordings cannot be made: {error.strerror or error}.", _FOLDER) from error

    # ---- looking

    def all(self) -> list[Run]:
        """Every run, the newest first, with the summaries that are known: a thousand take well under a second."""
        index = self._known()
        found = [self._run(name, files, index) for name, files in self._listed().items()]
        return sorted(found, key=lambda run: run.summary.started if run.summary else _born(run), reverse=True)

    def find(self, words: str) -> Run:
        """The run of that name or title, or the only one where either begins so; raises `Trouble` for none."""
        runs = self.all()
        if words == "latest" and not runs:
            raise Trouble("No run was recorded here yet.", "desk run --seconds 30 records one.")
        if words == "latest":
            return runs[0]
        exact = [run for run in runs if words in (run.name, run.marks.title)]
        close = exact or [run for run in runs if words and words in (run.name[: len(words)], run.title[: len(words)])]
        if not close:
            raise Trouble(f"There is no run {words}.", "desk runs list shows them all.")
        if len(close) > 1:
            names = ", ".join(run.name for run in close[:4])
            raise Trouble(f"{words} may be any of {len(close)} runs: {names}.", "Name one of them in full.")
        return close[0]

    def summed(self, run: Run) -> Run:
        """The run with its summary, folded from the recording where that is not known yet: a second or so an hour."""
        return next(self.summed_all([run]))

    def summed_all(self, runs: Iterable[Run]) -> Iterator[Run]:
        """Each of them with its summary, as soon as that is formed."""
        fresh: dict[str, _Entry] = {}
        try:
            for run in runs:
                if run.summary is not None or run.trouble:
                    yield run
                    continue
                entry = _summed(run)
                if run.state != "running":  # of a run that goes on, the next moment knows another summary
                    fresh[run.name] = entry
                if len(fresh) >= KEPT_AT_ONCE:
                    self._keep(fresh)
                    fresh = {}
                yield msgspec.structs.replace(run, summary=entry.summary, trouble=entry.trouble)
        finally:
            if fresh:
                self._keep(fresh)

    def remember(self, path: Path, summary: Summary) -> None:
        """Keep the summary that whoever recorded the run has formed from the same facts."""
        self._keep({journal.stem(path): _Entry(_stamps(journal.parts(path)), summary)})

    def disk_use(self) -> DiskUse:
        free: int | None = None
        with contextlib.suppress(OSError):
            free = shutil.disk_usage(self.folder).free
        used = sum(size for files in self._listed().values() for _, size, _ in files)
        trash = sum(file.stat().st_size for file in self._trash.rglob("*") if file.is_file())
        return DiskUse(used, trash, free)

    # ---- after a crash

    def cut_off(self) -> list[Run]:
        """The runs whose writer is gone without having closed them, the newest first."""
        return [run for run in self.all() if run.state == "cut off"]

    def recover(self, run: Run) -> Run:
        """Close a run that was cut off as its writer would have done; gives it with its summary.

        Nothing is added to it: that its end is missing stays visible. Raises `Trouble` where another process has it.
        """
        try:
            claim = journal.Claim(run.path)
        except OSError as error:
            raise Trouble(f"The run {run.name} is being written.", "Stop it first.") from error
        try:
            for file in journal.parts(run.path):
                if file.suffix == journal.SUFFIX:
                    with contextlib.suppress(FileNotFoundError):  # closed meanwhile by whoever had it
                        journal.compress(file)
        except OSError as error:
            cause = f"The recording {run.path.name} could not be compressed: {error.strerror or error}."
            raise Trouble(cause, "It stays readable as it is; make room on the disk.") from error
        finally:
            claim.release()
        path = journal.existing(run.path)
        size = sum(size for _, size, _ in _stamps(journal.parts(path)))
        closed = Run(name=run.name, path=path, bytes=size, state="closed", marks=run.marks)
        return self.summed(closed)

    # ---- what people write

    def rename(self, run: Run, title: str) -> Run:
        """Give a run a title; an empty one takes it away. Its files keep their names."""
        return self._mark(run, msgspec.structs.replace(run.marks, title=title.strip()))

    def tag(self, run: Run, add: Iterable[str] = (), remove: Iterable[str] = ()) -> Run:
        gone = set(remove)
        wanted = [tag.strip() for tag in (*run.marks.tags, *add) if tag not in gone]
        return self._mark(run, msgspec.structs.replace(run.marks, tags=tuple(dict.fromkeys(filter(None, wanted)))))

    def note(self, run: Run, text: str) -> Run:
        """Put a note in place of the one there is; an empty one takes it away."""
        return self._mark(run, msgspec.structs.replace(run.marks, note=text.strip()))

    # ---- removing

    def remove(self, run: Run) -> None:
        """Put a run into the trash, from where `undo` brings it back."""
        if run.state == "running":
            raise Trouble(f"The run {run.title} is being recorded.", "Stop it first.")
        place = self._trash / f"{time.time_ns()}-{run.name}"
        with _writing(self.folder):
            place.mkdir(parents=True)
            # The first part last: what a crash leaves half-way is found again under its name.
            for file in reversed([*journal.parts(run.path), self._marks_file(run.name)]):
                if file.exists():
                    file.rename(place / file.name)

    def undo(self) -> Run:
        """Bring back the run that was removed last; raises `Trouble` where there is none or its name is taken."""
        removed = self._removed()
        if not removed:
            raise Trouble("No removed run is left to bring back.", "The trash is empty.")
        name = removed[-1].name.partition("-")[2]
        if name in self._listed():
            raise Trouble(f"There is another run {name} by now.", "Remove that one first.")
        with _writing(self.folder):
            for file in sorted(removed[-1].iterdir()):
                file.rename(self.folder / file.name)
            removed[-1].rmdir()
        return self.find(name)

    def empty_trash(self) -> int:
        """Remove for good what lies in the trash; gives how many bytes that frees."""
        freed = self.disk_use().trash
        with _writing(self.folder):
            for place in self._removed():
                shutil.rmtree(place)
        return freed

    # ---- the folder

    @property
    def _trash(self) -> Path:
        return self.folder / TRASH

    def _removed(self) -> list[Path]:
        """What lies in the trash, the last removed last."""
        return sorted(self._trash.iterdir()) if self._trash.is_dir() else []

    def _listed(self) -> dict[str, tuple[tuple[str, int, int], ...]]:
        """The files of each run with size and time, the first part first."""
        files: list[tuple[str, int, tuple[str, int, int]]] = []
        names: set[str] = set()
        try:
            with os.scandir(self.folder) as entries:
                for entry in entries:
                    if entry.name.endswith((journal.SUFFIX, journal.COMPRESSED)):
                        with contextlib.suppress(FileNotFoundError):  # closed or removed meanwhile
                            about = entry.stat()
                            stem = journal.stem(Path(entry.name))
                            names.add(stem)
                            files.append((stem, 1, (entry.name, about.st_size, about.st_mtime_ns)))
        except OSError as error:
            raise Trouble(f"The folder of recordings cannot be read: {error.strerror or error}.", _FOLDER) from error
        parted = []
        for stem, number, file in files:
            first, _, behind = stem.rpartition(".")
            if behind.isdigit() and first in names:
                stem, number = first, int(behind)
            parted.append((stem, number, file))
        grouped = groupby(sorted(parted), key=lambda each: each[0])
        return {name: tuple(file for _, _, file in group) for name, group in grouped}

    def _run(self, name: str, files: tuple[tuple[str, int, int], ...], index: _Index) -> Run:
        path = self.folder / files[0][0]
        closed = all(file.endswith(journal.COMPRESSED) for file, _, _ in files)
        state: State = "closed" if closed else "running" if journal.claimed(path) else "cut off"
        entry = index.entries.get(name)
        fits = entry is not None and entry.files == files
        return Run(
            name=name,
            path=path,
            bytes=sum(size for _, size, _ in files),
            state=state,
            marks=self._marks_of(name),
            summary=entry.summary if fits else None,
            trouble=entry.trouble if fits else "",
        )

    def _known(self) -> _Index:
        """The index as it is on disk; an empty one where it is lost, broken or made by other rules."""
        with contextlib.suppress(OSError, *NOT_JSON):
            index = _indexes.decode((self.folder / INDEX).read_bytes())
            if index.made_by == _MADE_BY:
                return index
        return _Index(_MADE_BY)

    def _keep(self, entries: dict[str, _Entry]) -> None:
        """Put summaries into the index. What cannot be written is formed again another time."""
        index = self._known()
        index.entries.update(entries)
        there = self._listed()
        index.entries = {name: entry for name, entry in index.entries.items() if name in there}
        with contextlib.suppress(OSError):
            replace_file(self.folder / INDEX, msgspec.json.encode(index))

    def _marks_file(self, name: str) -> Path:
        return self.folder / f"{name}{MARKS}"

    def _marks_of(self, name: str) -> Marks:
        try:
            return _marks.decode(self._marks_file(name).read_bytes())
        except (OSError, *NOT_JSON):
            return Marks()

    def _mark(self, run: Run, marks: Marks) -> Run:
        with _writing(self.folder):
            if marks == Marks():
                self._marks_file(run.name).unlink(missing_ok=True)
            else:
                replace_file(self._marks_file(run.name), msgspec.json.format(msgspec.json.encode(marks)))
        return msgspec.structs.replace(run, marks=marks)


def recovered_in_words(run: Run) -> str:
    """`Recovered run of 14:03, 12 min`, by the clock of this computer."""
    if run.summary is None:
        return f"Recovered {run.title}, which cannot be read: {run.trouble}"
    when = datetime.fromtimestamp(run.summary.started)  # the reader's own clock on purpose
    seconds = run.summary.seconds
    length = f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
    return f"Recovered run of {when:%H:%M}, {length}"


def replace_file(path: Path, content: bytes) -> None:
    """Put content in the place of a file at once, or not at all."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        partial.write_bytes(content)
        os.replace(partial, path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


_FOLDER = "Make room, or set TOKEN_DESK_HOME to a folder that can be written."


@contextlib.contextmanager
def _writing(folder: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise Trouble(f"The folder {folder.name} cannot be written: {error.strerror or error}.", _FOLDER) from error


def _summed(run: Run) -> _Entry:
    files = _stamps(journal.parts(run.path))
    try:
        return _Entry(files, summary_of(run.path))
    except Trouble as unread:
        return _Entry(files, trouble=unread.cause)


def _stamps(files: Iterable[Path]) -> tuple[tuple[str, int, int], ...]:
    """Name, bytes and time of files that are there."""
    found = []
    for file in files:
        with contextlib.suppress(FileNotFoundError):
            about = file.stat()
            found.append((file.name, about.st_size, about.st_mtime_ns))
    return tuple(found)


def _born(run: Run) -> float:
    """When a run that was not summed up yet was written last."""
    try:
        return run.path.stat().st_mtime
    except OSError:
        return 0.0
