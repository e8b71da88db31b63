"""What the user brings: a model folder, an archive of one, or a GGUF file, taken into the store if it can run.

Nothing is copied before it was looked at, and nothing lies under its name before it is whole.
"""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from desk.facts.trouble import Trouble
from desk.models import builder
from desk.models.archives import is_archive, unpack
from desk.models.catalogue import Entry, Used
from desk.models.claims import alone
from desk.models.disk import require_room, written
from desk.models.foreign import fitness
from desk.models.foreign.layout import describe
from desk.models.manifest import FileStamp, Manifest
from desk.models.precision import PRECISIONS
from desk.models.store import Origin, Report, imported_dir, name_for, note, part_of, sha256_of, size_of

PICKLES = (".bin", ".ckpt", ".joblib", ".pickle", ".pkl", ".pt", ".pth")
"""Files that are programs once they are read: whoever wrote one decides what runs here."""

GGUF_PRECISION = "q8"

_CHUNK = 1 << 22
_PLACES: tuple[Used, ...] = ("cpu", "cuda")


def take_in(source: str, name: str, report: Report, precision: str = "") -> Path:
    """Take a model folder, an archive or a GGUF file into the store as `name` (empty: after the file); gives its place.

    `precision` is for a GGUF file, which is built. Raises `Trouble` with the reason to refuse it.
    """
    path = Path(source).expanduser()
    if not path.exists():
        raise Trouble(f"There is nothing at {path}.", "Name a model folder, an archive of one, or a GGUF file.")
    if precision and (path.is_dir() or is_archive(path)):
        raise Trouble(
            f"{path.name} is taken in as it is, in the precisions that it holds; only a GGUF file is built in one.",
            "Leave the precision out here, and name it at the tier.",
        )
    name = name_for(path, name)
    folder = imported_dir() / name
    part = part_of(folder)
    with written(folder.parent, name), alone(folder, f"{name} is being imported already"):
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        try:
            if path.is_dir():
                report("looking at the folder", 0, None)
                judge(path)
                require_room(part, size_of(path), name)
                _copy(path, part, report)
            elif is_archive(path):
                unpack(path, part, report)
                _flatten(part)
                judge(part)
            elif path.suffix.lower() == ".gguf":
                _build(path, name, precision or GGUF_PRECISION, part, report)
            else:
                raise _refused(path)
            note(part, Origin(files=_stamped(part, report), wall=time.time(), imported=path.name))
            part.rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return folder


def judge(folder: Path) -> dict[Used, Manifest]:
    """By the providers that can run it, what the model in `folder` is; raises `Trouble` where none of them can.

    Looks at every file's name and kind, the layout, the graph's inputs and operators, where its weights lie, and the
    tokenizer; no weights are read for it.
    """
    for place in _files(folder):
        if place.suffix.lower() in PICKLES:
            raise Trouble(
                f"The folder {folder.name} holds {place.name}, a pickle: a program that runs when it is read.",
                "Remove it if it is not needed, or get the model as ONNX.",
            )
    able: dict[Used, Manifest] = {}
    refusal: Trouble | None = None
    for place in _PLACES:
        try:
            manifest = describe(folder, "", place)
            fitness.check(folder, manifest, place)
            able[place] = manifest
        except Trouble as trouble:
            refusal = refusal or trouble
    if not able and refusal is not None:
        raise refusal
    return able


def _files(folder: Path) -> Iterator[Path]:
    """Every file below a folder; raises `Trouble` for a link that leads out of it."""
    home = folder.resolve()
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place) / name
            if path.is_symlink() and not path.resolve().is_relative_to(home):
                raise Trouble(
                    f"In the folder {folder.name}, {path.relative_to(folder)} is a link that leads out of it.",
                    "Copy what it leads to into the folder, or do not trust this model.",
                )
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(place) / name for name in sorted(files) if not name.startswith("."))


def _copy(source: Path, part: Path, report: Report) -> None:
    files = list(_files(source))
    done, total = 0, sum(file.stat().st_size for file in files)
    for file in files:
        place = part / file.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        with file.open("rb") as content, place.open("xb") as sink:
            while chunk := content.read(_CHUNK):
                sink.write(chunk)
                done += len(chunk)
                report("copying", done, total)


def _flatten(part: Path) -> None:
    """An archive of one folder is that folder."""
    while len(inside := list(part.iterdir())) == 1 and inside[0].is_dir() and inside[0].name != "onnx":
        spare = part.with_name(f"{part.name}.inner")
        inside[0].rename(spare)
        part.rmdir()
        spare.rename(part)


def _build(path: Path, name: str, precision: str, part: Path, report: Report) -> None:
    """Build the graph of a GGUF file, as those of the catalogue are built."""
    if precision not in PRECISIONS:
        raise Trouble(f"There is no precision {precision}.", f"Choose one of {', '.join(PRECISIONS)}.")
    # In no precision does a graph take more than the same weights in 16-bit floats: four times those in 4 bits.
    size = path.stat().st_size
    require_room(part, 4 * size, name)
    found = sha256_of(path, lambda done: report("reading the file", done, size))
    source = Entry(
        name=name,
        title=path.stem,
        licence="",
        precisions=(precision,),
        distribution=path.name,
        version=found[:12],
        bytes=size,
        sha256=found,
    )
    builder.write(path, source, PRECISIONS[precision], part, report)


def _stamped(part: Path, report: Report) -> dict[str, FileStamp]:
    files = list(_files(part))
    done, total, stamps = 0, sum(file.stat().st_size for file in files), {}
    for file in files:
        found = sha256_of(file, lambda read, before=done: report("verifying", before + read, total))
        stamps[file.relative_to(part).as_posix()] = FileStamp(bytes=file.stat().st_size, sha256=found)
        done += file.stat().st_size
    return stamps


def _refused(path: Path) -> Trouble:
    if path.suffix.lower() in PICKLES:
        cause = f"{path.name} is a pickle: a program that runs when it is read."
        return Trouble(cause, "Get the model as ONNX or as GGUF.")
    if path.suffix.lower() == ".onnx":
        return Trouble(f"{path.name} is a graph alone.", "Name its folder, with the tokenizer in it.")
    if path.suffix.lower() == ".safetensors":
        return Trouble(f"{path.name} holds weights without a graph.", "Get the model as ONNX or as GGUF.")
    return Trouble(f"{path.name} is no model that is known here.", "Name a model folder, an archive or a GGUF file.")
