"""The store: what lies on this machine, whether it is ready to load, and what has become of what is not.

One folder per model and precision; what the user brought lies under `imported`. A folder appears under its own name
only when it is whole. A fetch grows beside it as `.NAME.part`, which is kept when it is stopped, so that it can go on.
"""

import contextlib
import hashlib
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec

from desk.facts import places
from desk.facts.codec import NOT_JSON
from desk.facts.tiers import Provider
from desk.facts.trouble import Trouble
from desk.models.archives import place_of
from desk.models.catalogue import Entry, Used, Variant, catalogue, entry
from desk.models.claims import holders, worker_on
from desk.models.disk import written
from desk.models.foreign.layout import describe
from desk.models.manifest import BUILDER, MANIFEST, FileStamp, Manifest, read_manifest

RUNS_ON: dict[str, tuple[Used, ...]] = {"q8": ("cpu",), "q4": ("cpu",), "fp16": ("cuda", "cpu")}
"""Which providers have kernels for a precision that is built here. Attention on CUDA wants 16-bit floats, so fp32
graphs stay outside."""

Report = Callable[[str, int, int | None], None]
"""Told the stage of a job, and how much of how much of it is done. Whatever it raises ends the job."""

_READ_BYTES = 1 << 22
ORIGIN, MISMATCH = "origin.json", "mismatch.json"


class Origin(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a folder that was not built here came from. `files` are its files as they were when it was made ready.

    `repo` and `revision` (a commit) where the hub had it, `imported` the name of the folder or file that was brought;
    `wall` is Unix time.
    """

    files: dict[str, FileStamp]
    wall: float
    repo: str = ""
    revision: str = ""
    imported: str = ""


class Mismatch(msgspec.Struct, frozen=True, kw_only=True):
    """A file whose content is not what it must be: the SHA-256 that was expected, and the one that was found."""

    file: str
    expected: str
    found: str


# ---- which


def variant_of(wanted: Entry, precision: str) -> Variant:
    """What the catalogue knows of a precision that it offers."""
    return wanted.variants.get(precision) or Variant(providers=RUNS_ON[precision])


def precision_for(model: str, precision: str = "", provider: Provider = "cpu") -> str:
    """The precision a tier gets: the one it names, or (empty) the first of the catalogue's that `provider` can run.

    Raises `Trouble` for a precision that the model does not come in or that the provider has no kernels for.
    """
    wanted = entry(model)
    offered = wanted.precisions
    runnable = [name for name in offered if provider == "auto" or provider in variant_of(wanted, name).providers]
    choice = f"Choose {' or '.join(runnable)}." if runnable else "Choose another model."
    if precision and precision not in offered:
        raise Trouble(f"{model} does not come in precision {precision}.", choice)
    if precision and precision not in runnable:
        raise Trouble(f"Precision {precision} of {model} does not run on {provider.upper()}.", choice)
    if not runnable:
        raise Trouble(f"{model} has no precision that runs on {provider.upper()}.", choice)
    return precision or runnable[0]


# ---- where


def models_dir() -> Path:
    """The folder of all models, made on first use; raises `Trouble` where it cannot be."""
    try:
        return places.models_dir()
    except OSError as error:
        cause = f"The folder of models cannot be made: {error.strerror or error}."
        raise Trouble(cause, "Make room, or set TOKEN_DESK_HOME to a folder that can be written.") from error


def folder_of(model: str, precision: str) -> Path:
    """Where a catalogue model of that precision lies, or will."""
    return models_dir() / model / precision


def part_of(folder: Path) -> Path:
    """Where a folder grows that is being fetched."""
    return folder.with_name(f".{folder.name}.part")


def imported_dir() -> Path:
    """The folder of what the user brought, made on first use."""
    folder = models_dir() / "imported"
    with written(folder.parent, "What is imported"):
        folder.mkdir(exist_ok=True)
    return folder


def imported() -> dict[str, Path]:
    """What the user brought, by name."""
    found = sorted(imported_dir().iterdir())
    return {folder.name: folder for folder in found if folder.is_dir() and not folder.name.startswith(".")}


def located(model: str, precision: str = "", provider: Provider = "auto") -> Path:
    """The folder that holds a model of the catalogue, one that was imported, or the folder of that path, or will."""
    if model in catalogue():
        return folder_of(model, precision_for(model, precision, provider))
    return imported().get(model) or Path(model).expanduser()


def name_for(path: Path, name: str = "") -> str:
    """The name under which `path` is taken in; raises `Trouble` for one that is taken or cannot be one."""
    wanted = name or re.sub(r"\.(gguf|zip|tar(\.(gz|bz2|xz))?|tgz)$", "", path.name.lower())
    wanted = re.sub(r"[^a-z0-9._-]+", "-", wanted.lower()).strip("-.")[:64]
    if not wanted:
        raise Trouble(f"{name or path.name} makes no name for a model.", "Give it one of letters and digits.")
    if wanted in catalogue() or wanted in imported():
        raise Trouble(f"There is a model {wanted} already.", "Give this one another name, or remove the other.")
    return wanted


# ---- whether it is ready


def ready(model: str, precision: str = "", provider: Provider = "cpu") -> bool:
    """Whether `open_model` would succeed, sizes of files included (contents are checked by their hash on request)."""
    try:
        open_model(model, precision, provider)
    except Trouble:
        return False
    return True


def open_model(model: str, precision: str = "", provider: Provider = "cpu") -> tuple[Path, Manifest]:
    """Folder and manifest of a catalogue name, of an imported model or of a path to a model folder; raises `Trouble`.

    An empty `precision` means the best one for `provider`. A folder is taken as it is: one of ours by its manifest, one
    of another exporter by what its files say.
    """
    if model not in catalogue():
        folder = located(model)
        if not folder.is_dir():
            cause = f"There is no model {model}: neither in the catalogue nor a folder."
            raise Trouble(cause, f"Choose one of {', '.join(catalogue())}, or name a model folder.")
        require_whole(folder)
        return folder, read_manifest(folder) if (folder / MANIFEST).exists() else describe(folder, precision, provider)
    wanted, precision = entry(model), precision_for(model, precision, provider)
    folder = folder_of(model, precision)
    if wanted.repo:
        return folder, _fetched(wanted, precision, folder, provider)
    build = f"Build it: desk models build {model} {precision}"
    if not folder.is_dir():
        raise Trouble(f"{model} in precision {precision} is not built yet.", build)
    require_whole(folder)
    manifest = read_manifest(folder)
    if manifest.builder != BUILDER:
        raise Trouble(f"{model} in precision {precision} was built by another version of the builder.", build)
    return folder, manifest


def _fetched(wanted: Entry, precision: str, folder: Path, provider: Provider) -> Manifest:
    if not folder.is_dir():
        cause = f"{wanted.title} in precision {precision} is not on this computer."
        raise Trouble(cause, f"Get it: desk models get {wanted.name} {precision}")
    require_whole(folder)
    # A folder that was fetched holds one graph, so which it is need not be said.
    found = describe(folder, "", provider)
    return msgspec.structs.replace(found, name=wanted.name, title=wanted.title, licence=wanted.licence)


def require_whole(folder: Path) -> None:
    """Raise `Trouble` for a folder that was found to hold other bytes than it must, or that lacks some."""
    again = f"Get it again, or remove it: desk models remove {_name_of(folder)}"
    if wrong := mismatch(folder):
        raise Trouble(f"The file {wrong.file} of model {folder.name} is not what it must be: another hash.", again)
    for name, stamp in stamps(folder).items():
        file = folder / name
        if not file.is_file() or file.stat().st_size != stamp.bytes:
            raise Trouble(f"The file {name} of model {folder.name} is missing or torn.", again)


def stamps(folder: Path) -> dict[str, FileStamp]:
    """Size and SHA-256 of each file of a folder as it was made ready; empty for a folder that never was here.

    Raises `Trouble` where the note of it names files elsewhere.
    """
    source = origin(folder)
    if source is not None:
        found = source.files
    else:
        try:
            found = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest).files
        except (OSError, *NOT_JSON):
            return {}
    return {name: stamp for name, stamp in found.items() if place_of(name, f"The model {folder.name}") is not None}


def origin(folder: Path) -> Origin | None:
    """Where the folder came from; `None` for one that was built here, or that is not of this program's making."""
    try:
        return msgspec.json.decode((folder / ORIGIN).read_bytes(), type=Origin)
    except (OSError, *NOT_JSON):
        return None


def mismatch(folder: Path) -> Mismatch | None:
    """The file that was found to be another than it must be, if that was found and not mended since."""
    try:
        return msgspec.json.decode((folder / MISMATCH).read_bytes(), type=Mismatch)
    except (OSError, *NOT_JSON):
        return None


def note(folder: Path, found: Origin | Mismatch) -> None:
    """Write down beside a model's files what was found out about them."""
    path = folder / (ORIGIN if isinstance(found, Origin) else MISMATCH)
    draft = path.with_suffix(".draft")
    with draft.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(found), indent=1))
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)


def sha256_of(path: Path, tell: Callable[[int], None]) -> str:
    """The SHA-256 of a file in hexadecimal, read piece by piece; told the bytes so far."""
    found, done = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_READ_BYTES):
            found.update(chunk)
            done += len(chunk)
            tell(done)
    return found.hexdigest()


def verify(folder: Path, report: Report) -> None:
    """Read every byte of a model folder again; raises `Trouble` for the first file that is not what it must be.

    What is found is noted beside the files: such a model is not loaded until it is mended.
    """
    if not folder.is_dir():
        raise Trouble(f"Nothing of {folder.name} is here to be checked.", "Look at what is there: desk models list")
    known = stamps(folder)
    if not known:
        cause = f"Nothing in {folder} says what its files must be: it is a folder of your own."
        raise Trouble(cause, "Import it, then it can be checked.")
    done, total = 0, sum(stamp.bytes for stamp in known.values())
    (folder / MISMATCH).unlink(missing_ok=True)
    require_whole(folder)
    for name, stamp in known.items():
        try:
            found = sha256_of(folder / name, lambda read, before=done: report("verifying", before + read, total))
        except OSError as error:
            cause = f"The file {name} of model {folder.name} cannot be read: {error.strerror or error}."
            raise Trouble(cause, "Get it again; if that fails as well, check the disk.") from error
        done += stamp.bytes
        if found != stamp.sha256:
            note(folder, Mismatch(file=name, expected=stamp.sha256, found=found))
    require_whole(folder)


# ---- removing


def size_of(folder: Path) -> int:
    """The bytes of the files in a folder and below it; 0 where there is none."""
    total = 0
    for place, _, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(OSError):  # removed while we look
                total += os.lstat(Path(place) / name).st_size
    return total


def remove(model: str, precision: str = "") -> int:
    """Remove a model from the disk, in one precision or (empty) in all, half-fetched ones too; gives the bytes freed.

    Raises `Trouble` where nothing of it is here, while a running factory uses it, and for a folder of the user's own.
    """
    folders = _folders(model, precision)
    if not any(place.is_dir() for folder in folders for place in (folder, part_of(folder))):
        raise Trouble(f"Nothing of {model} lies in {models_dir()}.", "Look at what is there: desk models list")
    for folder in folders:
        if (worker := worker_on(folder)) is not None:
            cause = f"A job is at work on {model} (process {worker})."
            raise Trouble(cause, "Cancel it, or wait for it, then remove the model.")
        if users := holders(folder):
            who = "A running factory uses" if len(users) == 1 else f"{len(users)} running programs use"
            raise Trouble(f"{who} {model}, so it is not removed.", "Stop the factory first, or give it another model.")
    return sum(_clear(place) for folder in folders for place in (folder, part_of(folder)))


def occupied(model: str, precision: str = "") -> int:
    """The bytes that `remove` would free."""
    return sum(size_of(place) for folder in _folders(model, precision) for place in (folder, part_of(folder)))


def discard(model: str, precision: str) -> int:
    """Remove what a stopped fetch has left, if anything; gives the bytes freed."""
    return sum(_clear(part_of(folder)) for folder in _folders(model, precision))


def _folders(model: str, precision: str) -> list[Path]:
    if model in catalogue():
        wanted = [precision_for(model, precision, "auto")] if precision else list(entry(model).precisions)
        return [folder_of(model, name) for name in wanted]
    return [folder] if (folder := imported().get(model)) else []


def _clear(place: Path) -> int:
    """Remove a folder if it is there; gives the bytes freed."""
    if not place.is_dir():
        return 0
    freed = size_of(place)
    try:
        # Under another name first: what is cut off half-way must not look like a model.
        gone = place.with_name(f".{place.name.lstrip('.')}.{os.getpid()}")
        place.rename(gone)
        shutil.rmtree(gone)
    except OSError as error:
        cause = f"{place} cannot be removed: {error.strerror or error}."
        raise Trouble(cause, "Close what uses it, then remove it again.") from error
    return freed


def _name_of(folder: Path) -> str:
    parent = folder.parent.name
    return folder.name if parent == "imported" or parent not in catalogue() else f"{parent} {folder.name}"
