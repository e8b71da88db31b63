"""The store: the models on this machine that are ready to load, one folder per model and precision."""

from pathlib import Path

from desk.facts import places
from desk.facts.tiers import Provider
from desk.facts.trouble import Trouble
from desk.models.catalogue import catalogue, entry
from desk.models.foreign.layout import describe
from desk.models.manifest import BUILDER, MANIFEST, Manifest, read_manifest

RUNS_ON: dict[str, tuple[Provider, ...]] = {"q8": ("cpu",), "q4": ("cpu",), "fp16": ("cuda", "cpu")}
"""Which providers have kernels for a precision. Attention on CUDA wants 16-bit floats, so fp32 graphs stay outside."""


def folder_of(model: str, precision: str) -> Path:
    """Where a catalogue model of that precision lies, or will."""
    return places.models_dir() / model / precision


def precision_for(model: str, precision: str = "", provider: Provider = "cpu") -> str:
    """The precision a tier gets: the one it names, or (empty) the first of the catalogue's that `provider` can run.

    Raises `Trouble` for a precision that the model does not come in or that the provider has no kernels for.
    """
    offered = entry(model).precisions
    runnable = [name for name in offered if provider == "auto" or provider in RUNS_ON[name]]
    choice = f"Choose {' or '.join(runnable)}." if runnable else "Choose another model."
    if precision and precision not in offered:
        raise Trouble(f"{model} does not come in precision {precision}.", choice)
    if precision and precision not in runnable:
        raise Trouble(f"Precision {precision} of {model} does not run on {provider.upper()}.", choice)
    if not runnable:
        raise Trouble(f"{model} has no precision that runs on {provider.upper()}.", choice)
    return precision or runnable[0]


def ready(model: str, precision: str = "", provider: Provider = "cpu") -> bool:
    """Whether `open_model` would succeed, sizes of files included (contents are checked by their hash on request)."""
    try:
        open_model(model, precision, provider)
    except Trouble:
        return False
    return True


def open_model(model: str, precision: str = "", provider: Provider = "cpu") -> tuple[Path, Manifest]:
    """Folder and manifest of a catalogue name or of a path to a model folder, ready to load; raises `Trouble`.

    An empty `precision` means the best one for `provider`. A folder is taken as it is: one of ours by its manifest, one
    of another exporter by what its files say.
    """
    if model not in catalogue():
        folder = Path(model).expanduser()
        if not folder.is_dir():
            cause = f"There is no model {model}: neither in the catalogue nor a folder."
            raise Trouble(cause, f"Choose one of {', '.join(catalogue())}, or name a model folder.")
        return folder, read_manifest(folder) if (folder / MANIFEST).exists() else describe(folder, precision, provider)
    precision = precision_for(model, precision, provider)
    folder = folder_of(model, precision)
    build = f"Build it: desk models build {model} {precision}"
    if not folder.is_dir():
        raise Trouble(f"{model} in precision {precision} is not built yet.", build)
    manifest = read_manifest(folder)
    if manifest.builder != BUILDER:
        raise Trouble(f"{model} in precision {precision} was built by another version of the builder.", build)
    return folder, manifest
