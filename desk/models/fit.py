"""The fit: what a lane will take of the memory, worked out before anything is loaded, against what is free.

One plan serves the engine, which refuses by it, and the views, which tell it beforehand. It is a range: from what must
be there (the weights as they lie in the file, and the KV cache) to all that may be needed while it loads and runs.
"""

import contextlib
import math
import os
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec

from desk.facts import places
from desk.facts.codec import NOT_JSON
from desk.facts.happened import LaneReady
from desk.facts.trouble import Trouble
from desk.models.catalogue import Entry
from desk.models.manifest import Manifest, Wiring
from desk.models.ram import most_memory
from desk.models.store import variant_of

MIB = 1 << 20

CHUNK = 64
"""Tokens of a prompt in one run, as the engine cuts them."""

_WIDENED = 2.2
"""On the CPU, matrices of 16-bit floats are computed with as 32-bit ones: measured 2.1 times the file while loading."""

_LOADING = 1.05
"""Quantised matrices are repacked one after the other: measured 1.04 times the file while loading."""

_MARGIN = 0.05
_MARGIN_BYTES = {"cpu": 128 * MIB, "cuda": 256 * MIB}
"""For what no plan knows: allocators' blocks, and on CUDA cuBLAS's workspace and kernels that load on first use."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Bytes of one lane: weights (0 where another lane has loaded them), KV cache, activations of the largest run."""

    weights: int
    kv: int
    activations: int
    provider: str

    @property
    def margin(self) -> int:
        return int(_MARGIN * (self.weights + self.kv + self.activations)) + _MARGIN_BYTES[self.provider]

    @property
    def total(self) -> int:
        return self.weights + self.kv + self.activations + self.margin

    def require(self, free: int | None, what: str) -> None:
        """Refuse, with the numbers, what does not fit into so many free bytes; where they are not known, nothing."""
        if free is None or self.total <= free:
            return
        where = "of memory" if self.provider == "cpu" else "on the GPU"
        remedy = "Choose fewer slots or a shorter context"
        if self.weights + self.activations + _MARGIN_BYTES[self.provider] > free:
            remedy = "Choose a smaller model or close other programs"
        raise Trouble(
            f"{what} takes {_words(self.total)} (weights {_words(self.weights)}, KV cache {_words(self.kv)}, "
            f"runs {_words(self.activations)}, margin {_words(self.margin)}), and {_words(free)} {where} are free.",
            f"{remedy}.",
        )


def plan(manifest: Manifest, provider: str, slots: int, context: int, loaded: bool) -> Plan:
    """What a lane of that many slots and tokens takes; `loaded` where its weights are in memory already."""
    weights = 0
    if not loaded:
        wide = provider == "cpu" and manifest.kv_type == "float16"
        weights = int(manifest.weights_bytes * (_WIDENED if wide else _LOADING if provider == "cpu" else 1.0))
    return Plan(weights, manifest.kv_bytes(slots, context), _activations(manifest, slots), provider)


def _activations(manifest: Manifest, slots: int) -> int:
    """An upper bound of a run's own tensors: per token some two dozen vectors of the hidden size, and the logits.

    The hidden size is guessed from the parameters, of which a layer has about 12 times its square.
    """
    tokens = max(CHUNK, slots)
    hidden = math.sqrt(manifest.parameters / (12 * manifest.layers))
    wiring = manifest.wiring
    every = wiring.logits and wiring.narrowed == wiring.logits and not wiring.keep
    return int(tokens * 24 * hidden * 4) + (tokens if every else slots) * manifest.vocabulary * 8


# ---- for the views


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether a lane fits: it takes between `low` and `high` bytes, of which `free` are there (`None`: nobody knows).

    `basis` says in a sentence where the range comes from, `back` how many of the free bytes the lane that it replaces
    gives back. The engine starts a lane only where `high` fits.
    """

    low: int
    high: int
    free: int | None
    provider: str
    basis: str
    back: int = 0

    @property
    def verdict(self) -> Literal["fits", "tight", "does not fit", "unknown"]:
        """`tight`: it may run, but there is no room for what may be needed, so it is not started."""
        if self.free is None:
            return "unknown"
        return "fits" if self.high <= self.free else "tight" if self.low <= self.free else "does not fit"

    @property
    def hopeless(self) -> bool:
        """Whether to load it all the same is no way out: a GPU has no more memory than is free, a computer has its
        disk, too."""
        return self.low > most_memory() if self.provider == "cpu" else self.verdict == "does not fit"

    def words(self) -> str:
        """The range against what is free, as a sentence."""
        where = "of memory" if self.provider == "cpu" else "on the GPU"
        free = "and how much is free is not known" if self.free is None else f"and {_words(self.free)} {where} are free"
        back = (
            f", {_words(self.back)} of them given back by the lane that it replaces" if self.free and self.back else ""
        )
        return f"It takes {_words(self.low)} to {_words(self.high)}, {free}{back}. {self.basis}"

    def override(self) -> str:
        """What happens to whoever loads it all the same, as a sentence; empty where it fits."""
        if self.verdict in ("fits", "unknown"):
            return ""
        if self.hopeless:
            there = "this computer" if self.provider == "cpu" else "the GPU"
            return f"It will not load: {there} has less memory than the weights and the KV cache alone take."
        if self.provider == "cuda":
            return "It may load and fail on a long prompt; its tier fails then, and others on the GPU may with it."
        if self.verdict == "tight":
            return "It may load and then make the whole computer slow, because memory moves to the disk."
        return "The system will move memory to the disk and may end this program or others."


def fit(
    manifest: Manifest,
    provider: str,
    slots: int,
    context: int,
    free: int | None,
    *,
    loaded: bool = False,
    back: int = 0,
) -> Fit:
    """How a lane of that many slots and tokens fits where `provider` computes: into `free` bytes, and the `back` that
    the lane which it replaces gives back. Where another lane has `loaded` the same graph, it takes no weights.

    Where the same graph was loaded on this machine before, the range is corrected by what that took.
    """
    room = None if free is None else free + back
    planned = plan(manifest, provider, slots, context, loaded)
    low = planned.kv + (0 if loaded else manifest.weights_bytes)
    before = None if loaded else last_load(manifest, provider)
    if before is None:
        basis = "Planned from the file's size; never loaded here." if manifest.files else "Planned from the catalogue."
        basis = "Its weights are in memory already: lanes share them." if loaded else basis
        return Fit(low, max(low, planned.total), room, provider, basis, back)
    # The engine goes by its plan, so the upper end falls below it for no load that went well.
    took = before.beside + planned.kv
    when = datetime.fromtimestamp(before.wall)
    basis = f"Beside its KV cache it took {_words(before.beside)} when last loaded here, on {when.day} {when:%B %Y}."
    return Fit(max(low, took), max(planned.total, took), room, provider, basis, back)


def expected(wanted: Entry, precision: str) -> Manifest | None:
    """What the manifest of a variant that is not here will say, as far as the catalogue knows; `None` if too little."""
    size = variant_of(wanted, precision).bytes
    figures = (wanted.parameters, wanted.context, wanted.layers, wanted.kv_heads, wanted.head_size, wanted.vocabulary)
    if size is None or None in figures:
        return None
    parameters, context, layers, kv_heads, head_size, vocabulary = (figure or 0 for figure in figures)
    return Manifest(
        name=wanted.name,
        title=wanted.title,
        precision=precision,
        revision=wanted.revision,
        licence=wanted.licence,
        builder="",
        graph="",
        tokenizer="",
        layers=layers,
        kv_heads=kv_heads,
        head_size=head_size,
        kv_type="float16" if precision.endswith("16") else "float32",
        vocabulary=vocabulary,
        context=context,
        candidates=1,
        eos=(),
        parameters=parameters,
        weights_bytes=size,
        files={},
        wiring=Wiring(logits="logits", narrowed="logits") if wanted.repo else Wiring(),
    )


# ---- what loads really took


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """One load of a graph on this machine: the bytes it took beside its KV cache, as measured, and when (Unix time)."""

    revision: str
    precision: str
    provider: str
    beside: int
    wall: float


def remember(ready: LaneReady) -> None:
    """Keep what the load of a lane took, in the place of the one before; one that shares its weights tells nothing."""
    if ready.taken_bytes is None or not ready.revision:
        return
    beside = max(0, ready.taken_bytes - ready.kv_bytes)
    key = (ready.revision, ready.precision, ready.provider)
    kept = [load for load in _loads() if (load.revision, load.precision, load.provider) != key]
    load = Load(
        revision=ready.revision, precision=ready.precision, provider=ready.provider, beside=beside, wall=time.time()
    )
    with contextlib.suppress(OSError):  # an estimate that stays as it was
        path = places.data_dir() / "loads.json"
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_bytes(msgspec.json.encode([*kept, load]))
        os.replace(draft, path)


def last_load(manifest: Manifest, provider: str) -> Load | None:
    """The last load of that very graph, if there was one."""
    key = (manifest.revision, manifest.precision, provider)
    return next((load for load in _loads() if (load.revision, load.precision, load.provider) == key), None)


def _loads() -> list[Load]:
    try:
        return msgspec.json.decode((places.data_dir() / "loads.json").read_bytes(), type=list[Load])
    except (OSError, *NOT_JSON):
        return []


def _words(size: int) -> str:
    return f"{size / 2**30:.2f} GiB"
